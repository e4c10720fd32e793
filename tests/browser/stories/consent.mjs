// What patients say about texts, and what staff say that it meant.

import assert from "node:assert/strict";
import { ROSA, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { aSecondBegins, bubble, consentIs, draft, focused, gone, newestIsInSight, sees, statusIs, text, write } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  const other = await stage.desk();
  await optedIn(stage, ROSA);
  await opens(desk, ROSA);
  await opens(other, ROSA, "Maria Lopez");

  await step("STOP opts the patient out, with a confirmation on the phone", async () => {
    await text(desk, "STOP");
    await consentIs(desk, /^Opted out since .*: they can text START to \+1 303 555 0100$/);
    await sees(bubble(desk, /opted out/i));
    await sees(desk.locator("#thread .system[data-kind=opt_out_confirmation]"));
  });

  await step("sending to an opted-out patient fails, says why, and keeps the words", async () => {
    await write(desk, "Rosa Garcia", "Are you there?", { kept: true });
    await sees(desk.locator("#draft-problem[role=alert]", { hasText: /START/ }));
    assert.equal(await draft(desk, "Rosa Garcia").inputValue(), "Are you there?");
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
    await sees(desk.locator("#inbox li", { hasText: "Rosa Garcia" }).getByText("May want no more texts"));
    await write(desk, "Rosa Garcia", "This is your physical therapist.");
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
    await sees(bubble(desk, /opted in/i).nth(1));
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
}
