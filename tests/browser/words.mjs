// The words in which stories are told: what is on the page, and what people do with it.

import assert from "node:assert/strict";
import { WAIT_MS } from "./stage.mjs";

export const INVITATION = "Reply YES to receive messages from your practice";
export const ANA = { first: "Ana", last: "Testerly", born: "1990-04-12", typed: "(303) 555-0177", phone: "+13035550177" };

export const prmTab = (page) => page.getByRole("tab", { name: /^PRM/ });
export const switchOf = (page, name) => page.getByRole("switch", { name: new RegExp(`Patient Text Administrator.*${name}`) });
export const draft = (page, name) => page.getByLabel(`Draft a message to ${name}`);
export const bubble = (page, words) => page.locator("#phone-thread .bubble-text").filter({ hasText: words });
export const focused = (page) => page.evaluate(() => document.activeElement.id);
export const sees = (locator, state = "visible") => locator.first().waitFor({ state, timeout: WAIT_MS });
export const gone = (locator) => locator.first().waitFor({ state: "hidden", timeout: WAIT_MS });

export async function aSecondBegins(page) {
  const second = Math.floor(Date.now() / 1000);
  await page.waitForFunction((last) => Math.floor(Date.now() / 1000) > last, second, { timeout: WAIT_MS });
}

export async function signIn(page, name, { texting = true } = {}) {
  await page.getByLabel("Signed in as").selectOption({ label: name });
  await sees(page.locator("#stride[aria-busy=false]"));
  assert.equal(await prmTab(page).count(), texting ? 1 : 0);
}

export async function toggle(page, name, on) {
  const stored = page.waitForResponse((response) => response.request().method() === "PUT" && response.url().includes("/staff/"), { timeout: WAIT_MS });
  await switchOf(page, name).setChecked(on);
  assert.ok((await stored).ok());
  await sees(page.locator(".staff-row", { hasText: name }).locator("input:not([aria-busy])"));
}

export async function search(page, typed) {
  const box = page.getByLabel("Search for patient", { exact: true });
  await box.fill("");
  await box.fill(typed);
}

export async function write(page, name, words, { kept = false } = {}) {
  await draft(page, name).fill(words);
  await page.locator("#draft-send").click();
  if (!kept) await sees(page.locator("#thread .ours", { hasText: words }));
}

export async function text(page, words) {
  const box = page.getByLabel("Text message from the patient");
  await box.fill(words);
  await box.press("Enter");
  await sees(page.locator("#phone-thread .mine").filter({ hasText: words }).filter({ hasText: "Delivered" }));
}

export function consentIs(page, words) {
  return sees(page.locator("#consent-words", { hasText: words }));
}

export function newestIsInSight(page) {
  return page.waitForFunction(() => {
    const scroller = document.getElementById("thread-scroll");
    const isWithinTheWindow = scroller.clientHeight < window.innerHeight;
    return isWithinTheWindow && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
  }, null, { timeout: WAIT_MS });
}

export function statusIs(page, message, words) {
  return sees(page.locator("#thread .ours", { hasText: message }).locator(".message-status").filter({ hasText: words }));
}

export async function openedFromInbox(page, name) {
  await page.locator("#inbox li", { hasText: name }).getByRole("button").click();
  await sees(page.getByRole("heading", { name }));
}

// Chooses which conversations the inbox shows.
export function shows(page, name) {
  return page.getByLabel("Show conversations").selectOption({ label: name });
}

// A part of the settings.
export async function part(page, name) {
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByRole("navigation", { name: "Settings" }).getByRole("button", { name }).click();
}
