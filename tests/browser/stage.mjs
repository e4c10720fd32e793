// The stage: a demo that a story starts for itself, and desks at which its people sit.
//
//   ASSENT_BIN   the binary, target/debug/assent if not given
//   CHROMIUM     the browser, /usr/bin/chromium if not given
//   SCREENSHOTS  a directory for pictures of the page, none if not given
//   PAGE_FILES   a directory whose files stand in for those of the page that are in the binary, such as src/console

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Mishaps } from "./mishaps.mjs";
import { layWire } from "./wire.mjs";

export const WAIT_MS = 20_000;
export const WIDE = { width: 1440, height: 900 };
export const NARROW = { width: 360, height: 740 };

const BINARY = process.env.ASSENT_BIN ?? fileURLToPath(new URL("../../target/debug/assent", import.meta.url));

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

export class Stage {
  #browser;
  #data;
  #demo;
  #desks = [];
  #wires = [];
  mishaps = new Mishaps();

  static async set(browser) {
    const stage = new Stage();
    stage.#browser = browser;
    stage.#data = await mkdtemp(join(tmpdir(), "assent-story-"));
    stage.#demo = await startDemo(stage.#data, 0);
    return stage;
  }

  get address() { return this.#demo.address; }

  // A desk is a window of its own: nothing is shared with the others, as on two computers.
  async desk({ over = null, viewport = WIDE, colorScheme = "light" } = {}) {
    const baseURL = over?.address ?? this.address;
    const context = await this.#browser.newContext({ baseURL, locale: "en-US", colorScheme, viewport });
    if (process.env.PAGE_FILES) await context.route(/\/(console\/[\w.-]+)?$/, servedFrom(process.env.PAGE_FILES));
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    this.mishaps.watch(page, () => this.#demo.wasKilled || over?.wasCut);
    this.#desks.push(page);
    await page.goto(baseURL);
    return page;
  }

  async wire() {
    const wire = await layWire(new URL(this.address));
    this.#wires.push(wire);
    return wire;
  }

  // What the page of the demo is told, and with which a story acts without a page.
  told() {
    return answered(fetch(`${this.address}/demo.json`));
  }

  // A member of staff who calls the API. A demo that was started again has another token.
  async as(staff) {
    const call = (method) => async (path, body) => {
      const { practice, practice_token } = await this.told();
      return answered(fetch(`${this.address}/v1/practices/${practice.id}${path}`, {
        method,
        headers: { Authorization: `Bearer ${practice_token}`, "Assent-Staff": staff, "Content-Type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      }));
    };
    return { get: call("GET"), put: call("PUT"), post: call("POST"), patch: call("PATCH"), delete: call("DELETE") };
  }

  // A text that is typed on a phone.
  async phoneSays(phone, text) {
    const { practice } = await this.told();
    await this.#carrier("POST", `/phones/${encodeURIComponent(phone)}/messages`, { to: practice.number, text });
  }

  // What goes wrong at the carrier from here on.
  faults(script) {
    return this.#carrier("PUT", "/faults", script);
  }

  #carrier(method, path, body) {
    return answered(fetch(`${this.address}/simulator${path}`,
      { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
  }

  // The power fails.
  async kill() {
    this.#demo.wasKilled = true;
    this.#demo.process.kill("SIGKILL");
    await this.#demo.exited;
  }

  // Somebody starts it again, on the same data and the same port.
  async startAgain() {
    const { port } = new URL(this.address);
    const before = this.#demo;
    this.#demo = await startDemo(this.#data, port);
    this.#demo.wasKilled = before.wasKilled;
  }

  // Ends it; what the daemon said of its end.
  async strike() {
    for (const desk of this.#desks) await desk.context().close();
    for (const wire of this.#wires) wire.cut();
    this.#demo.process.kill("SIGTERM");
    const [code, signal] = await this.#demo.exited;
    await rm(this.#data, { recursive: true, force: true });
    return { code, signal };
  }

  async picturesOfAll(name) {
    for (const [number, desk] of this.#desks.entries()) await picture(desk, `${name}-${number + 1}`).catch(() => {});
  }
}

async function answered(request) {
  const response = await request;
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} of ${response.url}: ${text}`);
  return text === "" ? null : JSON.parse(text);
}

async function startDemo(data, port) {
  const child = spawn(BINARY, ["demo", "--listen", `127.0.0.1:${port}`, "--data", data], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const early = exited.then(([code]) => { throw new Error(`the demo ended before it listened, with exit code ${code}`); });
  early.catch(() => {});
  const address = await Promise.race([early, listening(child)]);
  return { process: child, address, exited, wasKilled: false };
}

async function listening(child) {
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolve) => {
    // Reading goes on after the address, so that the daemon never waits for a full pipe.
    lines.on("line", (line) => {
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (address) resolve(address[0]);
    });
  });
}

const MEDIA = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml" };

function servedFrom(directory) {
  return async (route) => {
    const name = new URL(route.request().url()).pathname.replace(/^\/(console\/)?/, "") || "index.html";
    const path = join(directory, name);
    if (!existsSync(path)) return route.continue();
    const headers = { "Content-Type": MEDIA[name.split(".").at(-1)], "Content-Security-Policy": "default-src 'self'" };
    return route.fulfill({ headers, body: await readFile(path) });
  };
}

// `isKept` are the pictures of the README: they are made anew where README_PICTURES is set.
export async function picture(page, name, { isKept = false } = {}) {
  const kept = isKept && process.env.README_PICTURES ? fileURLToPath(new URL(".", import.meta.url)) : null;
  for (const directory of [process.env.SCREENSHOTS, kept]) {
    if (!directory) continue;
    await mkdir(directory, { recursive: true });
    await page.screenshot({ path: join(directory, `${name}.png`) });
  }
}
