// Texts that Assent leaves to staff: those of which nobody knows whether they went out, and those whose author may text no more.

import assert from "node:assert/strict";
import { JAMES, ROSA, messages, opens, optedIn, until } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { INVITATION, bubble, consentIs, draft, focused, gone, sees, signIn, statusIs, write } from "../words.mjs";

const MAY_HAVE_GONE_OUT = "May or may not have gone out. Ask the patient before you write it again.";
const ours = (page, words) => page.locator("#thread .ours", { hasText: words });

export async function play(stage, step) {
  const desk = await stage.desk();
  await optedIn(stage, ROSA);
  await opens(desk, ROSA);

  // The carrier takes a text, and the connection is gone before it has answered.
  async function nobodyKnowsOf(words) {
    await stage.faults({ drop_after_octets: 100_000 });
    await write(desk, ROSA.name, words);
    await statusIs(desk, words, MAY_HAVE_GONE_OUT);
    await stage.faults({});
  }

  await step("a text that may have gone out is put to staff, and stays as it is meanwhile", async () => {
    await nobodyKnowsOf("Your brace is here.");
    const actions = ours(desk, "Your brace is here.").locator(".message-actions button");
    assert.deepEqual(await actions.allTextContents(), ["Send it again", "The patient has it", "Let it rest"]);
    await picture(desk, "unconfirmed");
  });

  await step("“The patient has it” settles it, and nothing goes out", async () => {
    const before = await bubble(desk, "Your brace is here.").count();
    await ours(desk, "Your brace is here.").getByRole("button", { name: "The patient has it" }).click();
    await statusIs(desk, "Your brace is here.", /^Sent/);
    await gone(ours(desk, "Your brace is here.").getByRole("button"));
    assert.equal(await bubble(desk, "Your brace is here.").count(), before);
  });

  await step("“Send it again” sends the words as a new text, and says so of the old one", async () => {
    await nobodyKnowsOf("Bring your insurance card.");
    const before = await bubble(desk, "Bring your insurance card.").count();
    await ours(desk, "Bring your insurance card.").getByRole("button", { name: "Send it again" }).click();
    await statusIs(desk, "Bring your insurance card.", /sent it again as another message/);
    await statusIs(desk, "Bring your insurance card.", /^(Sent|Delivered)/);
    assert.equal(await ours(desk, "Bring your insurance card.").count(), 2);
    await sees(bubble(desk, "Bring your insurance card.").nth(before));
    await gone(ours(desk, "Bring your insurance card.").getByRole("button"));
  });

  await step("“Let it rest” gives the text up, from the keyboard too, and the focus stays in the thread", async () => {
    await nobodyKnowsOf("The parking lot is closed.");
    await ours(desk, "The parking lot is closed.").getByRole("button", { name: "Let it rest" }).press("Enter");
    await statusIs(desk, "The parking lot is closed.", /staff let it rest/);
    assert.equal(await focused(desk), "thread-scroll");
    await gone(ours(desk, "The parking lot is closed.").getByRole("button"));
  });

  await step("what waits when its author may text no more is held, and somebody else may answer for it", async () => {
    await opens(desk, JAMES, "Sam Chen");
    for (const words of ["Sam's first draft.", "Sam's second draft."]) {
      await write(desk, JAMES.name, words);
      await statusIs(desk, words, "Pending: waits for the patient’s YES");
    }
    // Only who was asked can answer YES; the carrier is back a little later.
    await sees(bubble(desk, INVITATION));
    const alex = await stage.as("alex");
    await signIn(desk, "Maria Lopez");
    await alex.put("/staff/sam", { name: "Sam Chen", site_administrator: false, patient_text_administrator: false });
    await opens(desk, JAMES, "Maria Lopez");
    await stage.phoneSays(JAMES.phone, "Yes");
    await consentIs(desk, /^Opted in since /);
    for (const words of ["Sam's first draft.", "Sam's second draft."]) {
      await statusIs(desk, words, /^Held: Its author may no longer text patients/);
      assert.equal(await bubble(desk, words).count(), 0);
    }
    await picture(desk, "author-may-not-text");
  });

  await step("“Send it as mine” sends it under the name of whoever says so", async () => {
    await ours(desk, "Sam's first draft.").getByRole("button", { name: "Send it as mine" }).click();
    await sees(bubble(desk, "Sam's first draft."));
    const mine = ours(desk, "Sam's first draft.").filter({ hasText: "Maria Lopez" });
    await sees(mine.locator(".message-status", { hasText: /^(Sent|Delivered)/ }));
    await statusIs(desk, "Sam's first draft.", /somebody else sent it as another message/);
    assert.equal(await bubble(desk, "Sam's first draft.").count(), 1);
  });

  await step("“Discard” lets it go, and nothing of it reaches the phone", async () => {
    await ours(desk, "Sam's second draft.").getByRole("button", { name: "Discard" }).click();
    await gone(ours(desk, "Sam's second draft.").getByRole("button"));
    const maria = await stage.as("maria");
    await until(async () => (await messages(maria, JAMES)).some(({ text, status }) => text === "Sam's second draft." && status !== "held"));
    assert.equal(await bubble(desk, "Sam's second draft.").count(), 0);
    assert.equal(await draft(desk, JAMES.name).inputValue(), "");
  });
}
