// Talks to Assent: JSON calls, problem+json answers, and server-sent events over fetch.

// An answer that is not a success. Its message is made for people.
export class Problem extends Error {
  constructor({ status = 0, code = "", title = "", detail = "", field = null, errors = [] }) {
    super(detail || title || `The server answered ${status}.`);
    this.status = status;
    this.code = code;
    this.fields = new Map(errors.map((error) => [error.field, error.detail]));
    if (field && !this.fields.has(field)) this.fields.set(field, this.message);
  }
}

const UNREACHABLE = { title: "The server can’t be reached. Nothing was lost: try again." };

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(UNREACHABLE);
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Problem({ title: response.statusText, ...told, status: response.status });
}

export async function callJson(method, url, asked) {
  return (await callTagged(method, url, asked)).body;
}

// What is answered, and the tag of the version that it is.
async function callTagged(method, url, { body, headers = {} } = {}) {
  const response = await answered(fetch(url, {
    method,
    headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  }));
  const text = await response.text();
  return { body: text === "" ? null : JSON.parse(text), etag: response.headers.get("ETag") };
}

// One staff member at one practice. `obtain` gets a token, or null where the browser has it in a cookie; it is asked again
// when that has run out.
export class Session {
  #token = null;

  constructor({ practice, obtain, onForbidden = () => {} }) {
    this.base = `/v1/practices/${encodeURIComponent(practice)}`;
    this.obtain = obtain;
    this.onForbidden = onForbidden;
  }

  get(path) { return this.call("GET", path); }
  post(path, body, headers) { return this.call("POST", path, { body, headers }); }
  put(path, body) { return this.call("PUT", path, { body }); }
  delete(path) { return this.call("DELETE", path); }

  // What two people may change at one time comes with the tag of its version, and is changed only if that still stands.
  read(path) { return this.#tagged("GET", path, {}); }
  patch(path, body, etag) { return this.#tagged("PATCH", path, { body, headers: etag ? { "If-Match": etag } : {} }); }
  remove(path, etag) { return this.#tagged("DELETE", path, { headers: etag ? { "If-Match": etag } : {} }); }
  replace(path, body, etag) { return this.#tagged("PUT", path, { body, headers: etag ? { "If-Match": etag } : {} }); }

  async call(method, path, asked) {
    return (await this.#tagged(method, path, asked)).body;
  }

  #tagged(method, path, { body, headers } = {}) {
    return this.#authorized((authorization) =>
      callTagged(method, this.base + path, { body, headers: { ...authorization, ...headers } }));
  }

  events(lastEventId, signal) {
    return this.#authorized((authorization) => openEvents(`${this.base}/events`, { lastEventId, signal, headers: authorization }));
  }

  async #authorized(request) {
    const token = this.#token ??= this.#obtained();
    try {
      return await this.#attempt(request, token);
    } catch (problem) {
      if (problem.status !== 401) throw problem;
      // Calls whose token ran out together share one new token.
      if (this.#token === token) this.#token = null;
      return this.#attempt(request, this.#token ??= this.#obtained());
    }
  }

  async #attempt(request, token) {
    try {
      const shown = await token;
      return await request(shown === null ? {} : { Authorization: `Bearer ${shown}` });
    } catch (problem) {
      if (problem.code === "not-patient-text-administrator") this.onForbidden(problem);
      throw problem;
    }
  }

  #obtained() {
    const token = this.obtain();
    token.catch(() => { if (this.#token === token) this.#token = null; });
    return token;
  }
}

export function openEvents(url, { lastEventId = null, signal, headers = {} }) {
  const resume = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
  return answered(fetch(url, { signal, cache: "no-store", headers: { Accept: "text/event-stream", ...headers, ...resume } }));
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

// Follows a stream of events until `signal` says stop, over as many connections as that takes.
//
// `open(lastEventId, signal)` makes one connection. `onOpen(resumed)` runs when it stands: unless it resumed, what
// happened before it has to be read by other calls. `onRefused` runs once, when asking again would not help.
export async function follow({ open, onOpen, onEvent, onLost = () => {}, onRefused = () => {}, signal }) {
  let lastEventId = null;
  let wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const response = await open(lastEventId, signal);
      onOpen(lastEventId !== null);
      wait = FIRST_WAIT_MS;
      for await (const event of parseEvents(response.body)) {
        if (signal.aborted) return;
        if (event.id !== null) lastEventId = event.id;
        if (event.data !== "") told(onEvent, event);
      }
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.status === 401 || problem.status === 403 || problem.status === 404) return onRefused(problem);
    }
    if (signal.aborted) return;
    onLost();
    await pause(wait * (0.75 + Math.random() / 2), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

// A mistake in the page is no reason to drop the connection, and must not go unseen.
function told(onEvent, { type, data }) {
  try {
    onEvent(type, JSON.parse(data));
  } catch (error) {
    reportError(error);
  }
}

// The event stream format of the HTML standard, section 9.2.6.
export async function* parseEvents(stream) {
  let event = { id: null, type: "message", data: "" };
  for await (const line of lines(stream)) {
    if (line === "") {
      yield { ...event, data: event.data.slice(0, -1) };
      event = { id: null, type: "message", data: "" };
      continue;
    }
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "id" && !value.includes("\0")) event.id = value;
    else if (field === "event") event.type = value;
    else if (field === "data") event.data += `${value}\n`;
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      // A carriage return at the very end may be the first half of a line end.
      const whole = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
      const parts = whole.split(/\r\n|\n|\r/);
      rest = parts.pop() + rest.slice(whole.length);
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Ends early when the computer comes back online: no reason to wait then.
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}

// Randomness that also works on plain HTTP, where crypto.randomUUID is missing.
export function freshId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
