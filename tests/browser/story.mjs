// Plays the product's story in a real browser, against a demo that this script starts itself.
//
//   ASSENT_BIN   the binary, target/debug/assent if not given
//   CHROMIUM     the browser, /usr/bin/chromium if not given
//   SCREENSHOTS  a directory for pictures of the page, none if not given

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const WAIT_MS = 20_000;
const BINARY = process.env.ASSENT_BIN ?? fileURLToPath(new URL("../../target/debug/assent", import.meta.url));
const INVITATION = "Reply YES to receive messages from your practice";
const ANA = { first: "Ana", last: "Testerly", born: "1990-04-12", typed: "(303) 555-0177", phone: "+13035550177" };
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 360, height: 740 };

// What the page is refused on purpose: a probe of a permission that is not there, and a text to someone who opted out.
const REFUSED_ON_PURPOSE = new Set([
  "Failed to load resource: the server responded with a status of 403 (Forbidden)",
  "Failed to load resource: the server responded with a status of 409 (Conflict)",
]);

const CUT_WIRE = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|NETWORK_CHANGED)/;

let passed = 0;
const mishaps = [];
let isAnswerLost = false;

async function main() {
  const data = await mkdtemp(join(tmpdir(), "assent-story-"));
  const daemon = await startDemo(data);
  const wire = await layWire(new URL(daemon.address));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  let failure = null;
  const desks = [];
  try {
    await play(async ({ over = null }) => {
      const desk = await openDesk(browser, over?.address ?? daemon.address, over);
      desks.push(desk);
      return desk;
    }, wire);
  } catch (error) {
    failure = error;
    for (const [number, desk] of desks.entries()) await picture(desk, `failed-${number + 1}`).catch(() => {});
  }
  await browser.close();
  wire.cut();
  try {
    await step("the daemon ends cleanly when it is told to", async () => {
      daemon.process.kill("SIGTERM");
      const [code, signal] = await daemon.exited;
      assert.equal(code, 0, `exit code ${code}, signal ${signal}`);
    });
  } catch (error) {
    failure ??= error;
  }
  daemon.process.kill("SIGKILL");
  await rm(data, { recursive: true, force: true });
  if (failure) console.error(failure);
  console.log(`${passed} passed, ${failure ? 1 : 0} failed`);
  process.exitCode = failure ? 1 : 0;
}

async function play(open, wire) {
  const desk = await open({});
  const other = await open({ over: wire });
  const office = await open({});

  await step("the page opens, with a practice and a patient's phone", async () => {
    await sees(desk.getByRole("heading", { name: "Riverside Physical Therapy" }));
    await sees(desk.getByRole("heading", { name: "Patient’s phone" }));
    await sees(desk.getByRole("tab", { name: "Patients" }));
    await sees(desk.getByLabel("Signed in as"));
  });

  await step("a site administrator without the permission has no PRM tab", async () => {
    await signIn(office, "Alex Morgan", { texting: false });
    await sees(office.getByText("Only staff with the permission Patient Text Administrator can add patients here."));
    await gone(prmTab(office));
  });

  await step("staff who are not site administrators cannot see the staff permissions", async () => {
    await signIn(desk, "Sam Chen");
    await desk.getByRole("tab", { name: "Settings" }).click();
    await sees(desk.getByText("Only a site administrator can see and change staff permissions."));
    assert.equal(await desk.getByRole("switch").count(), 0);
  });

  await step("Settings, Staff lists everybody with a Patient Text Administrator switch", async () => {
    await office.getByRole("tab", { name: "Settings" }).click();
    for (const name of ["Alex Morgan", "Maria Lopez", "Sam Chen"]) await sees(switchOf(office, name));
    assert.equal(await switchOf(office, "Alex Morgan").isChecked(), false);
    assert.equal(await switchOf(office, "Sam Chen").isChecked(), true);
    await sees(office.locator(".staff-row", { hasText: "Alex Morgan" }).getByText("Site Administrator", { exact: true }));
    await picture(office, "settings");
  });

  await step("switching the permission off closes the PRM for someone who is using it", async () => {
    await prmTab(desk).click();
    await toggle(office, "Sam Chen", false);
    // A daemon may end the stream of events at once, or answer the next call with 403: the page closes the PRM for either.
    await desk.getByLabel("Search for patient", { exact: true }).fill("any", { timeout: 3_000 }).catch(() => {});
    await gone(prmTab(desk));
    await sees(desk.getByRole("alert").filter({ hasText: "Patient Text Administrator" }));
  });

  await step("switching it on gives the PRM", async () => {
    await toggle(office, "Sam Chen", true);
    await signIn(desk, "Alex Morgan", { texting: false });
    await signIn(desk, "Sam Chen");
    await sees(prmTab(desk));
  });

  await step("an administrator can give themselves the permission, and take it back", async () => {
    await toggle(office, "Alex Morgan", true);
    await sees(prmTab(office));
    await toggle(office, "Alex Morgan", false);
    await gone(prmTab(office));
  });

  await step("a phone number that cannot be one is said next to its field", async () => {
    await desk.getByRole("tab", { name: "Patients" }).click();
    await desk.getByLabel("First name").fill(ANA.first);
    await desk.getByLabel("Last name").fill(ANA.last);
    await desk.getByLabel("Date of birth").fill(ANA.born);
    await desk.getByLabel("Mobile phone").fill("555-0177");
    await desk.getByRole("button", { name: "Add patient" }).click();
    await sees(desk.locator("#mobile_phone-problem", { hasText: "ten digits" }));
    assert.equal(await desk.getByLabel("Mobile phone").getAttribute("aria-invalid"), "true");
    assert.equal(await focused(desk), "mobile_phone");
  });

  await step("the administrator adds themselves as a patient, without a case", async () => {
    await desk.getByLabel("Mobile phone").fill(ANA.typed);
    await desk.getByRole("button", { name: "Add patient" }).click();
    await sees(desk.getByText("Ana Testerly was added."));
    await picture(desk, "patients");
  });

  await step("PRM is in the toolbar, and Patient Texting is inside", async () => {
    await prmTab(desk).click();
    await sees(desk.getByRole("heading", { name: "Patient Texting" }));
    await sees(desk.locator("#live", { hasText: /^Live$/ }));
  });

  await step("a patient is found by name, phone and date of birth in Search for patient", async () => {
    for (const typed of ["testerly an", "303 555 0177", "(303) 555-0177", "0177", "4/12/1990", "1990-04-12"]) {
      await search(desk, typed);
      await sees(desk.locator("#results").getByRole("button", { name: /Ana Testerly/ }));
    }
    await search(desk, "zzzz nobody");
    await sees(desk.getByText("No patient found."));
  });

  await step("selecting the patient shows who they are, that nobody asked yet, and a draft box", async () => {
    await search(desk, "Testerly");
    await desk.locator("#results").getByRole("button", { name: /Ana Testerly/ }).click();
    await sees(desk.getByRole("heading", { name: "Ana Testerly" }));
    await consentIs(desk, "Not asked yet");
    await sees(draft(desk, "Ana Testerly"));
    await sees(desk.locator("#handset option:checked", { hasText: "Ana Testerly" }), "attached");
  });

  await step("a draft says how it would be sent while it is written", async () => {
    const says = (words) => sees(desk.locator("#draft-preview", { hasText: words }));
    await draft(desk, "Ana Testerly").fill("It\u2019s at 3\u2026");
    await says("Sent with ' for \u2019, ... for \u2026.");
    await draft(desk, "Ana Testerly").fill("at\u00a03 to\u200bday");
    await says("Sent with a space for an invisible mark, nothing for an invisible mark.");
    await draft(desk, "Ana Testerly").fill("Stretch twice a day. ".repeat(9));
    await says(/^2 segments\.$/);
    await draft(desk, "Ana Testerly").fill(`${"Stretch twice a day. ".repeat(4)}\u{1F600}`);
    await says("2 segments. A character that is not in the usual alphabet makes it longer.");
    await draft(desk, "Ana Testerly").fill("stretch ".repeat(250));
    await says(/^Too long: \d+ segments, where 10 may be sent\.$/);
    await picture(desk, "preview");
    await draft(desk, "Ana Testerly").fill("");
    await sees(desk.locator("#draft-preview", { hasText: /^$/ }), "attached");
  });

  await step("the first draft waits, and the phone is asked first", async () => {
    await write(desk, "Ana Testerly", "Welcome, Ana! How does your knee feel?");
    await sees(bubble(desk, INVITATION));
    await statusIs(desk, "Welcome, Ana!", "Pending: waits for the patient’s YES");
    await consentIs(desk, "Asked, waiting for YES");
    await sees(desk.locator("#thread .system", { hasText: INVITATION }));
    assert.equal(await bubble(desk, "Welcome, Ana!").count(), 0);
    await picture(desk, "pending");
  });

  await step("a second draft waits too, without a second invitation", async () => {
    await write(desk, "Ana Testerly", "Your next visit is Thursday at 3.");
    await statusIs(desk, "Your next visit", "Pending: waits for the patient’s YES");
    assert.equal(await bubble(desk, INVITATION).count(), 1);
  });

  await step("YES opts the patient in, and the pending messages go out in order", async () => {
    await signIn(other, "Maria Lopez");
    await sees(other.locator("#live", { hasText: /^Live$/ }));
    await text(desk, "Yes");
    await consentIs(desk, /^Opted in since /);
    await sees(bubble(desk, "Welcome, Ana!"));
    await sees(bubble(desk, "Your next visit"));
    await statusIs(desk, "Welcome, Ana!", /^(Sent|Delivered)/);
    await statusIs(desk, "Your next visit", /^(Sent|Delivered)/);
    const said = await desk.locator("#phone-thread .bubble-text").allTextContents();
    const places = [INVITATION, "Yes", "Welcome, Ana!", "Your next visit"].map((words) => said.findIndex((each) => each.includes(words)));
    assert.deepEqual(places, [...places].sort((a, b) => a - b));
  });

  await step("a reply is in the Patient Texting tab at once, marked unread", async () => {
    await text(desk, "Much better, thank you!");
    await sees(desk.locator("#thread .theirs", { hasText: "Much better, thank you!" }));
    await sees(desk.locator("#inbox li", { hasText: "Ana Testerly" }).locator(".badge"));
    await sees(desk.locator("#announcer", { hasText: "Much better, thank you!" }), "attached");
  });

  await step("a red dot appears over the PRM tab of everyone with the permission, in words too", async () => {
    for (const page of [desk, other]) {
      await sees(page.locator("#tab-prm .red-dot"));
      await sees(page.getByRole("tab", { name: /^PRM, \d+ unread texts?$/ }));
      await page.waitForFunction(() => /unread text/.test(document.title), null, { timeout: WAIT_MS });
    }
    await picture(desk, "red-dot");
  });

  await step("nobody without the permission sees the red dot", async () => {
    await gone(prmTab(office));
    assert.equal(await office.locator(".red-dot:visible").count(), 0);
    assert.equal(await office.title(), "Stride");
  });

  await step("opening the conversation reads it, and the red dot goes for everyone", async () => {
    await prmTab(other).click();
    await other.locator("#inbox").getByRole("button", { name: /Ana Testerly/ }).click();
    await sees(other.locator("#thread .theirs", { hasText: "Much better, thank you!" }));
    for (const page of [desk, other]) {
      await gone(page.locator("#tab-prm .red-dot"));
      await sees(page.getByRole("tab", { name: "PRM", exact: true }));
    }
  });

  await step("staff and patient text each other, and colleagues see who wrote what", async () => {
    await write(other, "Ana Testerly", "Glad to hear it. Keep icing it tonight.");
    await sees(bubble(desk, "Keep icing it tonight."));
    await sees(desk.locator("#thread .ours", { hasText: "Keep icing it tonight." }).getByText("Maria Lopez"));
    await statusIs(desk, "Keep icing it tonight.", /^(Sent|Delivered)/);
    await text(desk, "Will do 👍 – gracias, Zoë");
    await sees(other.locator("#thread .theirs", { hasText: "Will do 👍 – gracias, Zoë" }));
  });

  await step("a draft whose answer was lost is tried again and goes out once", async () => {
    isAnswerLost = true;
    const keys = [];
    const messages = (url) => /\/patients\/[^/]+\/messages$/.test(url.pathname);
    await desk.route(messages, async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await write(desk, "Ana Testerly", "Park behind the building.", { kept: true });
    await sees(desk.locator("#draft-problem", { hasText: "try again" }));
    assert.equal(await draft(desk, "Ana Testerly").inputValue(), "Park behind the building.");
    await desk.locator("#draft-send").click();
    await gone(desk.locator("#draft-problem"));
    await desk.waitForFunction(() => document.getElementById("draft").value === "", null, { timeout: WAIT_MS });
    await statusIs(desk, "Park behind the building.", /^(Sent|Delivered)/);
    assert.equal(keys.length, 2);
    assert.match(keys[0], /^[0-9a-f]{8}-/);
    assert.equal(keys[0], keys[1]);
    assert.equal(await desk.locator("#thread .ours", { hasText: "Park behind the building." }).count(), 1);
    assert.equal(await bubble(desk, "Park behind the building.").count(), 1);
    await desk.unroute(messages);
    isAnswerLost = false;
  });

  await step("what somebody types stays where it is while texts arrive", async () => {
    await draft(desk, "Ana Testerly").fill("An unfinished thou");
    await draft(desk, "Ana Testerly").evaluate((box) => { box.focus(); box.setSelectionRange(3, 3); });
    await write(other, "Ana Testerly", "One more thing: bring your brace.");
    await statusIs(desk, "bring your brace", /^(Sent|Delivered)/);
    assert.equal(await draft(desk, "Ana Testerly").inputValue(), "An unfinished thou");
    assert.equal(await focused(desk), "draft");
    assert.equal(await draft(desk, "Ana Testerly").evaluate((box) => box.selectionStart), 3);
    await draft(desk, "Ana Testerly").fill("");
  });

  await step("STOP opts the patient out, with a confirmation on the phone", async () => {
    await text(desk, "STOP");
    await consentIs(desk, /^Opted out since .*: they must text START to \+1\d{10}$/);
    await sees(bubble(desk, /opted out/i));
    await sees(desk.locator("#thread .system[data-kind=opt_out_confirmation]"));
  });

  await step("sending to an opted-out patient fails, says why, and keeps the words", async () => {
    await write(desk, "Ana Testerly", "Are you there?", { kept: true });
    await sees(desk.locator("#draft-problem[role=alert]", { hasText: /START/ }));
    assert.equal(await draft(desk, "Ana Testerly").inputValue(), "Are you there?");
    assert.equal(await desk.locator("#thread .ours", { hasText: "Are you there?" }).count(), 0);
    assert.equal(await bubble(desk, "Are you there?").count(), 0);
    await newestIsInSight(desk);
    await picture(desk, "opted-out");
  });

  await step("YES does not opt back in", async () => {
    await text(desk, "yes");
    await sees(desk.locator("#thread .theirs .message-text", { hasText: /^yes$/ }));
    await consentIs(desk, /^Opted out since /);
  });

  await step("START opts back in, with a confirmation, and texting goes on", async () => {
    // A STOP and a START within one second may have overtaken each other: there, STOP wins.
    await aSecondBegins(desk);
    await text(desk, "START");
    await consentIs(desk, /^Opted in since /);
    await sees(bubble(desk, /opted in/i));
    await sees(desk.locator("#thread .system[data-kind=start_confirmation]"));
    await gone(desk.locator("#draft-problem"));
    await desk.getByRole("button", { name: "Send", exact: true }).and(desk.locator("#draft-send")).click();
    await sees(bubble(desk, "Are you there?"));
    await statusIs(desk, "Are you there?", /^(Sent|Delivered)/);
  });

  await step("a text that may mean no more texts is put to staff, and holds what they write meanwhile", async () => {
    await text(desk, "Who is this? Please leave me ALONE!");
    await sees(desk.locator("#hold", { hasText: "“leave me alone”" }));
    await sees(desk.locator("#hold-until", { hasText: "counts as an opt-out on" }));
    await sees(desk.locator("#inbox li", { hasText: "Ana Testerly" }).getByText("May want no more texts"));
    await write(desk, "Ana Testerly", "This is your physical therapist.");
    await statusIs(desk, "This is your physical therapist.", /^Held/);
    assert.equal(await bubble(desk, "This is your physical therapist.").count(), 0);
    await picture(desk, "held");
  });

  await step("keep texting settles it for everyone, and what was held goes out", async () => {
    await desk.getByRole("button", { name: "No, keep texting" }).click();
    await gone(desk.locator("#hold"));
    await gone(other.locator("#hold"));
    await sees(bubble(desk, "This is your physical therapist."));
    await statusIs(desk, "This is your physical therapist.", /^(Sent|Delivered)/);
  });

  await step("CANCEL opts out, and staff are told that it may have meant an appointment", async () => {
    await text(desk, "Cancel");
    await consentIs(desk, /^Opted out since /);
    await sees(desk.getByText("The patient may have meant an appointment"));
    await aSecondBegins(desk);
    await text(desk, "START");
    await consentIs(desk, /^Opted in since /);
    await gone(desk.locator("#may-mean-appointment"));
  });

  await step("staff opt out a patient who asked by voice, with a reason and without a text", async () => {
    const before = await desk.locator("#phone-thread .bubble-text").count();
    await desk.getByRole("button", { name: "Opt out…" }).click();
    assert.equal(await focused(desk), "opt-out-reason");
    await desk.locator("#opt-out-send").click();
    await sees(desk.locator("#opt-out-problem", { hasText: "Say how the patient asked" }));
    await desk.getByLabel("The patient asked for no more texts. How?").fill("Asked at the desk");
    await desk.locator("#opt-out-send").click();
    await consentIs(desk, /^Opted out since /);
    await gone(desk.locator("#opt-out-form"));
    await gone(desk.locator("#opt-out"));
    assert.equal(await desk.locator("#phone-thread .bubble-text").count(), before);
    await aSecondBegins(desk);
    await text(desk, "START");
    await consentIs(desk, /^Opted in since /);
  });

  await step("a text from an unknown number is in the inbox, and the patient can be added from there", async () => {
    await desk.getByLabel("Whose phone").selectOption({ label: "Another number…" });
    await desk.getByLabel("Mobile number").fill("303-555-0188");
    await desk.getByRole("button", { name: "Show" }).click();
    await text(desk, "Hello, is this the clinic?");
    const row = desk.locator("#inbox li", { hasText: "(303) 555-0188" });
    await sees(row.getByText("Unknown number"));
    await row.getByRole("button").click();
    await sees(desk.getByText("Unknown number: add the patient to answer."));
    await picture(desk, "unknown-number");
    await desk.locator("#unknown-add").click();
    assert.equal(await desk.getByLabel("Mobile phone").inputValue(), "(303) 555-0188");
    await desk.getByLabel("First name").fill("Lou");
    await desk.getByLabel("Last name").fill("Newcomer");
    await desk.getByLabel("Date of birth").fill("1971-08-30");
    await desk.getByRole("button", { name: "Add patient" }).click();
    await desk.getByRole("button", { name: "Text Lou in the PRM" }).click();
    await sees(desk.locator("#thread .theirs", { hasText: "Hello, is this the clinic?" }));
    await sees(desk.locator("#inbox").getByRole("button", { name: /Lou Newcomer/ }));
    await consentIs(desk, "Not asked yet");
  });

  await step("a lost connection is said, and nothing that happened meanwhile is missed", async () => {
    wire.cut();
    await sees(other.locator("#live", { hasText: "Reconnecting…" }));
    await write(desk, "Lou Newcomer", "Yes, this is Riverside.");
    await statusIs(desk, "Yes, this is Riverside.", "Pending: waits for the patient’s YES");
    await wire.mend();
    await sees(other.locator("#live", { hasText: /^Live$/ }));
    await sees(other.locator("#inbox li", { hasText: "Lou Newcomer" }).getByText("Yes, this is Riverside."));
  });

  await step("a draft that has not gone out can be taken back, from the keyboard too", async () => {
    await write(desk, "Lou Newcomer", "Sent too early.");
    const early = desk.locator("#thread .ours", { hasText: "Sent too early." });
    await early.getByRole("button", { name: "Take back" }).press("Enter");
    await statusIs(desk, "Sent too early.", "Taken back");
    await gone(early.getByRole("button"));
    await statusIs(desk, "Yes, this is Riverside.", "Pending: waits for the patient’s YES");
    assert.equal(await focused(desk), "thread-scroll");
    await picture(desk, "taken-back");
  });

  await step("older texts come when they are asked for, and nothing jumps", async () => {
    const count = 60;
    const { practice, simulator } = await (await desk.request.get("/demo.json")).json();
    for (let number = 1; number <= count; number += 1) {
      const words = `Exercise ${number} of ${count} is done`;
      const phone = encodeURIComponent("+13035550188");
      const sent = await desk.request.post(`${simulator}/phones/${phone}/messages`, { data: { to: practice.number, text: words } });
      assert.ok(sent.ok());
    }
    await sees(desk.locator("#thread .theirs", { hasText: `Exercise ${count} of ${count} is done` }));
    await desk.reload();
    await signIn(desk, "Sam Chen");
    await prmTab(desk).click();
    await desk.locator("#inbox").getByRole("button", { name: /Lou Newcomer/ }).click();
    const first = desk.locator("#thread .theirs", { hasText: `Exercise 1 of ${count} is done` });
    await sees(desk.locator("#thread .theirs", { hasText: `Exercise ${count} of ${count} is done` }));
    assert.equal(await first.count(), 0);
    await desk.locator("#thread-scroll").evaluate((scroller) => { scroller.scrollTop = 0; });
    const top = desk.locator("#thread li").first();
    const [key, before] = [await top.getAttribute("data-key"), await top.boundingBox()];
    await desk.getByRole("button", { name: "Load earlier" }).click();
    await sees(first, "attached");
    await gone(desk.getByRole("button", { name: "Load earlier" }));
    const after = await desk.locator(`#thread li[data-key="${key}"]`).boundingBox();
    assert.ok(Math.abs(after.y - before.y) < 60, `the text that was read moved from ${before.y} to ${after.y}`);
  });

  await step("everything is there again after a reload", async () => {
    await desk.reload();
    await signIn(desk, "Maria Lopez");
    await prmTab(desk).click();
    await desk.locator("#inbox").getByRole("button", { name: /Ana Testerly/ }).click();
    await consentIs(desk, /^Opted in since /);
    await newestIsInSight(desk);
    for (const words of ["Welcome, Ana!", "Much better, thank you!", "Are you there?"]) await sees(desk.locator("#thread li", { hasText: words }));
    await sees(bubble(desk, INVITATION));
  });

  await step("the main flow needs no mouse", () => playByKeyboard(desk));

  for (const [name, viewport] of [["360", NARROW], ["1440", WIDE]]) {
    await step(`nothing is cut off and nothing scrolls sideways at ${name} pixels`, () => walkAt(desk, viewport, name));
  }

  for (const colorScheme of ["light", "dark"]) {
    await step(`text has a contrast of 4.5 or more in the ${colorScheme}`, () => contrastIn(desk, colorScheme));
  }

  await step("the browser reported no errors", async () => {
    assert.deepEqual(mishaps, []);
  });
}

async function playByKeyboard(page) {
  await page.reload();
  await sees(page.getByLabel("Signed in as"));
  await tabTo(page, "tab-patients");
  await page.locator("#staff").focus();
  await page.keyboard.type("Sam");
  await page.waitForFunction(() => document.getElementById("staff").selectedOptions[0].text === "Sam Chen", null, { timeout: WAIT_MS });
  await sees(page.locator("#stride[aria-busy=false]"));
  await page.locator("#tab-patients").focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(page), "tab-prm");
  await tabTo(page, "search");
  await page.keyboard.type("lou newc");
  await sees(page.locator("#results").getByRole("button", { name: /Lou Newcomer/ }));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await sees(page.getByRole("heading", { name: "Lou Newcomer" }));
  assert.equal(await focused(page), "draft");
  await page.keyboard.type("Written without a mouse.");
  await page.keyboard.press("Control+Enter");
  await sees(page.locator("#thread .ours", { hasText: "Written without a mouse." }));
  assert.equal(await focused(page), "draft");
  assert.equal(await page.locator("#draft").inputValue(), "");
  await tabTo(page, "phone-text", "Shift+Tab");
  await page.keyboard.type("Yes");
  await page.keyboard.press("Enter");
  await consentIs(page, /^Opted in since /);
  await sees(bubble(page, "Written without a mouse."));
  assert.equal(await focused(page), "phone-text");
}

// Presses Tab until the focus is where it should be, and looks on the way that the focus can be seen.
async function tabTo(page, id, key = "Tab") {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press(key);
    const { at, seen } = await page.evaluate(() => {
      const node = document.activeElement;
      return { at: node.id, seen: node === document.body || getComputedStyle(node).outlineStyle !== "none" };
    });
    assert.ok(seen, `the focus cannot be seen on #${at}`);
    if (at === id) return;
  }
  assert.fail(`${key} never reaches #${id}`);
}

async function walkAt(page, viewport, name) {
  await page.setViewportSize(viewport);
  const isNarrow = viewport === NARROW;
  if (isNarrow) {
    await page.getByRole("button", { name: /^Patient’s phone/ }).click();
    await sees(page.getByLabel("Text message from the patient"));
    await fits(page, viewport);
    await picture(page, `${name}-phone`);
    await page.getByRole("button", { name: /^Stride/ }).click();
  }
  for (const tab of ["patients", "settings", "prm"]) {
    await page.locator(`#tab-${tab}`).click();
    await sees(page.locator(`#panel-${tab}`));
    await fits(page, viewport);
    await picture(page, `${name}-${tab}`);
  }
  if (isNarrow) {
    await page.getByRole("button", { name: "Back to conversations" }).click();
    await sees(page.getByRole("heading", { name: "Patient Texting" }));
    await fits(page, viewport);
    await picture(page, `${name}-inbox`);
    await page.locator("#inbox").getByRole("button", { name: /Ana Testerly/ }).click();
    await sees(page.getByRole("heading", { name: "Ana Testerly" }));
    await sees(page.locator("#thread li", { hasText: "Are you there?" }));
    await fits(page, viewport);
  }
  await newestIsInSight(page);
  await picture(page, `${name}-thread`);
}

async function fits(page, { width }) {
  const sticksOut = await page.evaluate((width) => {
    const isSeen = (node) => node.checkVisibility() && !node.closest(".visually-hidden, .skip") && node.getBoundingClientRect().width > 1;
    const wide = [...document.body.querySelectorAll("*")].filter((node) => isSeen(node) && node.getBoundingClientRect().right > width + 0.5);
    const scrolls = [document.documentElement, ...document.body.querySelectorAll(".panel, .prm-side, .thread-scroll, .phone-scroll")]
      .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth);
    return [...wide, ...scrolls].map((node) => `${node.tagName}#${node.id}.${node.className}`);
  }, width);
  assert.deepEqual(sticksOut, []);
}

async function contrastIn(page, colorScheme) {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  for (const tab of ["patients", "settings", "prm"]) {
    await page.locator(`#tab-${tab}`).click();
    await picture(page, `${colorScheme}-${tab}`);
    assert.deepEqual(await page.evaluate(faintText), [], `${colorScheme}, ${tab}`);
  }
}

// Runs in the page: every visible text whose color is too close to what is painted behind it.
function faintText() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((each) => each / 255).map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0.99) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    const words = texts.currentNode.textContent.trim();
    if (words === "" || !node.checkVisibility() || node.closest(".visually-hidden, .skip, script, option, :disabled")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${words}`);
  }
  return faint;
}

// The words of the story

const prmTab = (page) => page.getByRole("tab", { name: /^PRM/ });
const switchOf = (page, name) => page.getByRole("switch", { name: new RegExp(`Patient Text Administrator.*${name}`) });
const draft = (page, name) => page.getByLabel(`Draft a message to ${name}`);
const bubble = (page, words) => page.locator("#phone-thread .bubble-text").filter({ hasText: words });
const focused = (page) => page.evaluate(() => document.activeElement.id);
const sees = (locator, state = "visible") => locator.first().waitFor({ state, timeout: WAIT_MS });
const gone = (locator) => locator.first().waitFor({ state: "hidden", timeout: WAIT_MS });

async function aSecondBegins(page) {
  const second = Math.floor(Date.now() / 1000);
  await page.waitForFunction((last) => Math.floor(Date.now() / 1000) > last, second, { timeout: WAIT_MS });
}

async function signIn(page, name, { texting = true } = {}) {
  await page.getByLabel("Signed in as").selectOption({ label: name });
  await sees(page.locator("#stride[aria-busy=false]"));
  assert.equal(await prmTab(page).count(), texting ? 1 : 0);
}

async function toggle(page, name, on) {
  const stored = page.waitForResponse((response) => response.request().method() === "PUT" && response.url().includes("/staff/"), { timeout: WAIT_MS });
  await switchOf(page, name).setChecked(on);
  assert.ok((await stored).ok());
  await sees(page.locator(".staff-row", { hasText: name }).locator("input:not([aria-busy])"));
}

async function search(page, typed) {
  const box = page.getByLabel("Search for patient", { exact: true });
  await box.fill("");
  await box.fill(typed);
}

async function write(page, name, words, { kept = false } = {}) {
  await draft(page, name).fill(words);
  await page.locator("#draft-send").click();
  if (!kept) await sees(page.locator("#thread .ours", { hasText: words }));
}

async function text(page, words) {
  const box = page.getByLabel("Text message from the patient");
  await box.fill(words);
  await box.press("Enter");
  await sees(page.locator("#phone-thread .mine").filter({ hasText: words }).filter({ hasText: "Delivered" }));
}

function consentIs(page, words) {
  return sees(page.locator("#consent-words", { hasText: words }));
}

function newestIsInSight(page) {
  return page.waitForFunction(() => {
    const scroller = document.getElementById("thread-scroll");
    const isWithinTheWindow = scroller.clientHeight < window.innerHeight;
    return isWithinTheWindow && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
  }, null, { timeout: WAIT_MS });
}

function statusIs(page, message, words) {
  return sees(page.locator("#thread .ours", { hasText: message }).locator(".message-status").filter({ hasText: words }));
}

// The stage

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

async function startDemo(data) {
  const child = spawn(BINARY, ["demo", "--listen", "127.0.0.1:0", "--data", data], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const early = exited.then(([code]) => { throw new Error(`the demo ended before it listened, with exit code ${code}`); });
  early.catch(() => {});
  const address = await Promise.race([early, listening(child)]);
  return { process: child, address, exited };
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

// A connection to the daemon that can be cut in the middle of a stream, and mended.
async function layWire({ hostname, port }) {
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [socket, peer] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => { sockets.delete(socket); peer.destroy(); });
      socket.pipe(peer);
    }
  });
  const listen = (at) => new Promise((resolve) => { server.listen(at, "127.0.0.1", resolve); });
  await listen(0);
  const at = server.address().port;
  const wire = {
    address: `http://127.0.0.1:${at}`,
    wasCut: false,
    cut() {
      wire.wasCut = true;
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: () => listen(at),
  };
  return wire;
}

async function openDesk(browser, address, wire) {
  const context = await browser.newContext({ baseURL: address, locale: "en-US", colorScheme: "light", viewport: WIDE });
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  page.on("pageerror", (error) => mishaps.push(`page error: ${error.stack ?? error}`));
  page.on("console", (message) => {
    if (message.type() !== "error" || REFUSED_ON_PURPOSE.has(message.text())) return;
    if (wire?.wasCut && CUT_WIRE.test(message.text())) return;
    if (isAnswerLost && message.text().endsWith("net::ERR_FAILED")) return;
    mishaps.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // The page itself ends a stream of events when it follows another phone or another person signs in.
    const isEnded = why === "net::ERR_ABORTED" && request.url().endsWith("/events");
    const isCut = wire?.wasCut && CUT_WIRE.test(why);
    const isLost = isAnswerLost && why === "net::ERR_FAILED";
    if (!isEnded && !isCut && !isLost) mishaps.push(`request failed: ${request.method()} ${request.url()} ${why}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400 && ![403, 409].includes(response.status())) {
      mishaps.push(`answer: ${response.status()} ${response.request().method()} ${response.url()}`);
    }
  });
  await page.goto(address);
  return page;
}

async function picture(page, name) {
  const directory = process.env.SCREENSHOTS;
  if (!directory) return;
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: join(directory, `${name}.png`) });
}

await main();
