// The main flow needs no mouse.

import assert from "node:assert/strict";
import { WAIT_MS } from "../stage.mjs";
import { bubble, consentIs, focused, sees } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();

  await step("the main flow needs no mouse", () => playByKeyboard(desk));
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
  await page.keyboard.type("rosa g");
  await sees(page.locator("#results").getByRole("button", { name: /Rosa Garcia/ }));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await sees(page.getByRole("heading", { name: "Rosa Garcia" }));
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
