// Connections, answers and whole daemons are lost, and no text is.

import assert from "node:assert/strict";
import { JAMES, ROSA, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { consentIs, prmTab, sees, signIn, statusIs, write, newestIsInSight, bubble, INVITATION } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  const wire = await stage.wire();
  const other = await stage.desk({ over: wire });
  await optedIn(stage, ROSA);
  await opens(desk, ROSA);
  await opens(other, JAMES, "Maria Lopez");

  await step("a lost connection is said, and nothing that happened meanwhile is missed", async () => {
    wire.cut();
    await sees(other.locator("#live", { hasText: "Reconnecting…" }));
    await write(desk, "Rosa Garcia", "Yes, this is Riverside.");
    await statusIs(desk, "Yes, this is Riverside.", /^(Sent|Delivered)/);
    await wire.mend();
    await sees(other.locator("#live", { hasText: /^Live$/ }));
    await sees(other.locator("#inbox li", { hasText: "Rosa Garcia" }).getByText("Yes, this is Riverside."));
  });

  await step("everything is there again after a reload", async () => {
    await desk.reload();
    await signIn(desk, "Maria Lopez");
    await prmTab(desk).click();
    await desk.locator("#inbox").getByRole("button", { name: /Rosa Garcia/ }).click();
    await consentIs(desk, /^Opted in since /);
    await newestIsInSight(desk);
    for (const words of ["Welcome to Riverside.", "Yes, this is Riverside."]) await sees(desk.locator("#thread li", { hasText: words }));
    await sees(bubble(desk, INVITATION));
  });
}
