// An unknown number that is a patient's: linked by hand, texted with, and unlinked again.

import assert from "node:assert/strict";
import { ROSA, messages } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { bubble, consentIs, draft, focused, gone, openedFromInbox, prmTab, sees, signIn, statusIs, write } from "../words.mjs";

const STRANGER = { name: "(303) 555-0199", phone: "+13035550199" };

export async function play(stage, step) {
  const desk = await stage.desk();
  await signIn(desk, "Sam Chen");
  await prmTab(desk).click();

  await step("everything that an unknown number wrote is there to be read", async () => {
    for (const words of ["Hi, it's Rosa on my work phone", "Can I come later today?"]) await stage.phoneSays(STRANGER.phone, words);
    await sees(desk.locator("#inbox li", { hasText: "Can I come later today?" }).getByText("Unknown number"));
    await openedFromInbox(desk, STRANGER.name);
    for (const words of ["on my work phone", "Can I come later today?"]) await sees(desk.locator("#thread .theirs", { hasText: words }));
    await gone(draft(desk, ROSA.name));
  });

  await step("the number is linked to a patient who is found by search", async () => {
    await desk.getByRole("button", { name: "Link to a patient…" }).click();
    assert.equal(await focused(desk), "link-search");
    await desk.getByLabel("Whose number is it?").fill("garcia");
    await picture(desk, "linking");
    await desk.locator("#link-results").getByRole("button", { name: /Rosa Garcia/ }).click();
    await sees(desk.getByRole("heading", { name: "Rosa Garcia" }));
    await sees(desk.locator("#who-details", { hasText: STRANGER.name }));
    await sees(desk.getByText("This number was linked to the patient by hand."));
    await sees(desk.locator("#inbox li", { hasText: "Rosa Garcia" }).getByText("Can I come later today?"));
    await consentIs(desk, "Not asked yet");
  });

  await step("a reply goes to that number, asks it first, and not to the one in the patient's record", async () => {
    await write(desk, ROSA.name, "Yes, come at five.");
    await statusIs(desk, "Yes, come at five.", "Pending: waits for the patient’s YES");
    await stage.phoneSays(STRANGER.phone, "YES");
    await sees(bubble(desk, "Yes, come at five."));
    await statusIs(desk, "Yes, come at five.", /^(Sent|Delivered)/);
    const sam = await stage.as("sam");
    assert.deepEqual(await messages(sam, ROSA), [], "her own phone has its own thread");
  });

  await step("the link is undone, and the number is unknown again", async () => {
    await desk.getByRole("button", { name: "Unlink" }).click();
    await sees(desk.getByRole("heading", { name: STRANGER.name }));
    await sees(desk.getByText("Unknown number: add the patient to answer."));
    await sees(desk.locator("#thread .ours", { hasText: "Yes, come at five." }));
  });
}
