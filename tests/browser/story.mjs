// Plays the product's stories in a real browser, each against a demo of its own.
//
//   node story.mjs [NAME…]    all of them, or those that are named, such as `texting`

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { Stage, launch } from "./stage.mjs";

let passed = 0;
let failed = 0;

async function main() {
  const folder = new URL("stories/", import.meta.url);
  const names = (await readdir(folder)).map((file) => file.replace(/\.mjs$/, "")).sort();
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`no story is called ${unknown.join(", ")}: there are ${names.join(", ")}`);
  const browser = await launch();
  for (const name of wanted.length > 0 ? wanted : names) {
    const { play } = await import(new URL(`${name}.mjs`, folder));
    await tell(browser, name, play);
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

async function tell(browser, name, play) {
  console.log(`== ${name}`);
  const stage = await Stage.set(browser);
  try {
    await play(stage, step);
    await step("the browser reported no errors", async () => assert.deepEqual(stage.mishaps.found, []));
  } catch (error) {
    failed += 1;
    console.error(error, stage.mishaps.found);
    await stage.picturesOfAll(`failed-${name}`);
  }
  try {
    await step("the daemon ends cleanly when it is told to", async () => {
      assert.deepEqual(await stage.strike(), { code: 0, signal: null });
    });
  } catch (error) {
    failed += 1;
    console.error(error);
  }
}

async function step(name, act) {
  const started = performance.now();
  try {
    await act();
  } catch (error) {
    console.log(`FAILED  ${name}`);
    throw error;
  }
  passed += 1;
  console.log(`ok  ${name}  (${Math.round(performance.now() - started)} ms)`);
}

await main();
