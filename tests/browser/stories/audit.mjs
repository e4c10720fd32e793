// The audit: who did what, as the practice's administrator reads it.

import { ROSA, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { part, sees, signIn } from "../words.mjs";

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  const office = await stage.desk();

  await step("the audit says who did what, refusals too", async () => {
    await opens(office, ROSA, "Sam Chen");
    await part(office, "Audit");
    await sees(office.getByText("Only a site administrator can see who did what."));
    await signIn(office, "Alex Morgan", { texting: false });
    await part(office, "Staff");
    await part(office, "Audit");
    await sees(office.locator("#audit-entries tr").filter({ hasText: "Sam Chen" }).filter({ hasText: "rosa" }));
    await sees(office.locator("#audit-entries tr").filter({ hasText: "Sam Chen" }).filter({ hasText: "Refused" }));
    await picture(office, "audit", { isKept: true });
  });
}
