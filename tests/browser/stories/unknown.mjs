// A number that nobody knows, and a text that was written too early.

import assert from "node:assert/strict";
import { picture } from "../stage.mjs";
import { consentIs, focused, gone, prmTab, sees, signIn, statusIs, text, write } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  await signIn(desk, "Sam Chen");
  await prmTab(desk).click();

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

  await step("a draft that has not gone out can be taken back, from the keyboard too", async () => {
    await write(desk, "Lou Newcomer", "Yes, this is Riverside.");
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

  await step("whoever reads older texts is not moved by a new one", async () => {
    const scroller = desk.locator("#thread-scroll");
    await scroller.evaluate((node) => { node.scrollTop = 400; });
    const before = await scroller.evaluate((node) => node.scrollTop);
    await stage.phoneSays("+13035550188", "A new one, far below");
    await sees(desk.locator("#thread .theirs", { hasText: "A new one, far below" }), "attached");
    assert.equal(await scroller.evaluate((node) => node.scrollTop), before);
  });
}
