// Settings: what the practice's administrator sees of it.

import { ROSA, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { part, sees, signIn } from "../words.mjs";

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  const office = await stage.desk();

  await step("an administrator sees what was sent today, the hours, and what patients are written", async () => {
    await signIn(office, "Alex Morgan", { texting: false });
    await part(office, "Practice");
    await sees(office.locator("#today", { hasText: /^\d+ of 2,000 segments were sent today\.$/ }));
    await sees(office.getByRole("meter"));
    await sees(office.getByText("Riverside Physical Therapy: Reply YES to receive messages"));
    await sees(office.getByText("None", { exact: true }));
    await picture(office, "practice");
  });
}
