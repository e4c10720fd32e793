// Who may text patients, and who says so.

import assert from "node:assert/strict";
import { picture } from "../stage.mjs";
import { gone, prmTab, sees, signIn, switchOf, toggle } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  const office = await stage.desk();

  await step("the page opens, with a practice and a patient's phone", async () => {
    await sees(desk.getByRole("heading", { name: "Riverside Physical Therapy" }));
    await sees(desk.getByRole("heading", { name: "Patient’s phone" }));
    await sees(desk.getByRole("tab", { name: "Patients" }));
    await sees(desk.getByLabel("Signed in as"));
  });

  await step("a site administrator without the permission has no PRM tab", async () => {
    await signIn(office, "Alex Morgan", { texting: false });
    await sees(office.getByText("Only staff with the permission Patient Text Administrator can add patients here."));
    await gone(prmTab(office));
  });

  await step("staff who are not site administrators cannot see the staff permissions", async () => {
    await signIn(desk, "Sam Chen");
    await desk.getByRole("tab", { name: "Settings" }).click();
    await sees(desk.getByText("Only a site administrator can see and change staff permissions."));
    assert.equal(await desk.getByRole("switch").count(), 0);
  });

  await step("Settings, Staff lists everybody with a Patient Text Administrator switch", async () => {
    await office.getByRole("tab", { name: "Settings" }).click();
    for (const name of ["Alex Morgan", "Maria Lopez", "Sam Chen"]) await sees(switchOf(office, name));
    assert.equal(await switchOf(office, "Alex Morgan").isChecked(), false);
    assert.equal(await switchOf(office, "Sam Chen").isChecked(), true);
    await sees(office.locator(".staff-row", { hasText: "Alex Morgan" }).getByText("Site Administrator", { exact: true }));
    await picture(office, "settings");
  });

  await step("switching the permission off closes the PRM for someone who is using it", async () => {
    await prmTab(desk).click();
    await toggle(office, "Sam Chen", false);
    // A daemon may end the stream of events at once, or answer the next call with 403: the page closes the PRM for either.
    await desk.getByLabel("Search for patient", { exact: true }).fill("any", { timeout: 3_000 }).catch(() => {});
    await gone(prmTab(desk));
    await sees(desk.getByRole("alert").filter({ hasText: "Patient Text Administrator" }));
  });

  await step("switching it on gives the PRM", async () => {
    await toggle(office, "Sam Chen", true);
    await signIn(desk, "Alex Morgan", { texting: false });
    await signIn(desk, "Sam Chen");
    await sees(prmTab(desk));
  });

  await step("an administrator can give themselves the permission, and take it back", async () => {
    await toggle(office, "Alex Morgan", true);
    await sees(prmTab(office));
    await toggle(office, "Alex Morgan", false);
    await gone(prmTab(office));
  });
}
