// A text that is to go later: written now, shown as what waits, and taken back.

import assert from "node:assert/strict";
import { ROSA, messages, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { bubble, draft, focused, gone, sees, statusIs } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  await optedIn(stage, ROSA);
  await opens(desk, ROSA);
  const open = desk.getByRole("button", { name: "Send later…" });

  await step("“Send later” offers tomorrow morning, and Escape sends it now instead", async () => {
    await draft(desk, ROSA.name).fill("Your visit is today.");
    await open.press("Enter");
    assert.equal(await focused(desk), "later-at");
    assert.match(await desk.getByLabel("Send at").inputValue(), /^\d{4}-\d\d-\d\dT09:00$/);
    await sees(desk.getByRole("button", { name: "Schedule" }));
    await desk.getByLabel("Send at").press("Escape");
    await gone(desk.getByLabel("Send at"));
    await sees(desk.locator("#draft-send", { hasText: "Send" }));
    assert.equal(await focused(desk), "later-open");
  });

  await step("a time that has passed is said, and nothing goes out", async () => {
    await open.click();
    await desk.getByLabel("Send at").fill("2020-01-01T09:00");
    await desk.getByRole("button", { name: "Schedule" }).click();
    await sees(desk.locator("#draft-problem", { hasText: "That time has passed." }));
    assert.equal(await bubble(desk, "Your visit is today.").count(), 0);
  });

  await step("a scheduled text says when it goes, and stays off the phone", async () => {
    const year = new Date().getFullYear();
    const at = new Date(Date.now() + 40 * 24 * 3_600_000).toISOString().slice(0, 10);
    await desk.getByLabel("Send at").fill(`${at}T14:30`);
    await desk.getByRole("button", { name: "Schedule" }).click();
    await statusIs(desk, "Your visit is today.", new RegExp(`^Scheduled for [A-Z][a-z]{2} \\d+, (${year}|${year + 1}), 2:30 PM$`));
    await gone(desk.getByLabel("Send at"));
    assert.equal(await draft(desk, ROSA.name).inputValue(), "");
    assert.equal(await bubble(desk, "Your visit is today.").count(), 0);
    await picture(desk, "scheduled");
  });

  await step("a time that is chosen outlives a reload with the words", async () => {
    await draft(desk, ROSA.name).fill("Bring your brace.");
    await open.click();
    const at = await desk.getByLabel("Send at").inputValue();
    await desk.reload();
    await opens(desk, ROSA);
    assert.equal(await desk.getByLabel("Send at").inputValue(), at);
    await desk.getByRole("button", { name: "Send now instead" }).click();
    await desk.locator("#draft-send").click();
    await statusIs(desk, "Bring your brace.", /^(Sent|Delivered)/);
    await sees(bubble(desk, "Bring your brace."));
  });

  await step("a scheduled text is taken back, and never goes", async () => {
    const waiting = desk.locator("#thread .ours", { hasText: "Your visit is today." });
    await waiting.getByRole("button", { name: "Take back" }).click();
    await statusIs(desk, "Your visit is today.", "Taken back");
    const maria = await stage.as("maria");
    assert.deepEqual((await messages(maria, ROSA)).filter(({ status }) => status === "scheduled"), []);
  });
}
