// Everything can be seen and read, at every width, in light and dark.

import assert from "node:assert/strict";
import { accessible, faintText, fits } from "../looks.mjs";
import { JAMES, LINDA, ROSA, opens, optedIn } from "../scene.mjs";
import { NARROW, WIDE, picture } from "../stage.mjs";
import { consentIs, newestIsInSight, part, prmTab, sees, signIn, statusIs, write } from "../words.mjs";

// What the README shows.
const KEPT = new Set(["360-light-thread", "1440-dark-thread"]);

export async function play(stage, step) {
  await optedIn(stage, ROSA, "Are you there?");
  await stage.phoneSays("+13035550188", "Hello, is this the clinic?");
  const desk = await stage.desk();
  await opens(desk, LINDA);
  await write(desk, LINDA.name, "How did the exercises go?");
  await opens(desk, JAMES);
  await write(desk, JAMES.name, "See you on Monday.");
  await stage.phoneSays(JAMES.phone, "STOP");
  await consentIs(desk, /^Opted out since /);

  await step("texts in every state are there to be looked at", async () => {
    await opens(desk, ROSA);
    await stage.faults({ drop_after_octets: 100_000 });
    await write(desk, ROSA.name, "Your brace is here.");
    await statusIs(desk, "Your brace is here.", /^May or may not have gone out/);
    await stage.phoneSays(ROSA.phone, "Who is this? Please leave me ALONE!");
    await sees(desk.locator("#hold"));
    await write(desk, ROSA.name, "This is your physical therapist.");
    await statusIs(desk, "This is your physical therapist.", /^Held/);
  });

  const office = await stage.desk();
  await signIn(office, "Alex Morgan", { texting: false });

  for (const [width, viewport] of [["360", NARROW], ["1440", WIDE]]) {
    for (const colorScheme of ["light", "dark"]) {
      await step(`everything fits, can be read, and keeps to WCAG 2.2 AA at ${width} pixels in the ${colorScheme}`, async () => {
        for (const page of [desk, office]) {
          await page.setViewportSize(viewport);
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        }
        await walk(desk, viewport, `${width}-${colorScheme}`);
        await walkSettings(office, viewport, `${width}-${colorScheme}`);
      });
    }
  }

  await step("whoever asks for no motion gets none", async () => {
    const moving = await desk.evaluate(() => [...document.querySelectorAll("*")]
      .filter((node) => !/^0s(, 0s)*$/.test(getComputedStyle(node).transitionDuration) || getComputedStyle(node).animationName !== "none")
      .map((node) => `${node.tagName}#${node.id}`));
    assert.deepEqual(moving, []);
  });

  await step("the sign-in keeps to it too", async () => {
    stage.mishaps.isSignedOut = true;
    await desk.route("**/demo.json", (route) => route.fulfill({ json: null }));
    await desk.reload();
    await sees(desk.getByRole("heading", { name: "Sign in to Stride" }));
    await looks(desk, WIDE, "sign-in");
    await desk.setViewportSize(NARROW);
    await looks(desk, NARROW, "360-sign-in");
  });
}

async function walk(page, viewport, name) {
  const isNarrow = viewport === NARROW;
  if (isNarrow) {
    await page.getByRole("button", { name: /^Patient’s phone/ }).click();
    await sees(page.getByLabel("Text message from the patient"));
    await looks(page, viewport, `${name}-phone`);
    await page.getByRole("button", { name: /^Stride/ }).click();
  }
  await page.locator("#tab-patients").click();
  await looks(page, viewport, `${name}-patients`);
  await prmTab(page).click();
  if (isNarrow) await page.getByRole("button", { name: "Back to conversations" }).click();
  await looks(page, viewport, `${name}-inbox`);
  for (const [who, state] of [[/Linda Chen/, "pending"], [/James Okafor/, "opted-out"], [/555-0188/, "unknown"], [/Rosa Garcia/, "thread"]]) {
    await page.locator("#inbox").getByRole("button", { name: who }).click();
    await sees(page.getByRole("heading", { name: who, level: 2 }));
    await sees(page.locator("#desk"));
    await newestIsInSight(page);
    if (state === "unknown") await page.getByRole("button", { name: "Link to a patient…" }).click();
    if (state === "pending") await page.getByRole("button", { name: "Send later…" }).click();
    if (state === "opted-out") await page.getByRole("button", { name: "Add note…" }).click();
    await looks(page, viewport, `${name}-${state}`);
    if (state === "pending") await page.getByRole("button", { name: "Send now instead" }).click();
    if (state === "opted-out") await page.locator("#note-back").click();
    if (isNarrow && state !== "thread") await page.getByRole("button", { name: "Back to conversations" }).click();
  }
}

// The settings, as whoever administers the practice sees them.
async function walkSettings(page, viewport, name) {
  for (const each of ["Staff", "Practice", "Templates", "Webhooks", "Audit"]) {
    await part(page, each);
    await page.waitForLoadState("networkidle");
    await looks(page, viewport, `${name}-${each.toLowerCase()}`);
  }
}

async function looks(page, viewport, name) {
  await fits(page, viewport);
  await picture(page, name, { isKept: KEPT.has(name) });
  assert.deepEqual(await page.evaluate(faintText), [], name);
  await accessible(page, name);
}
