// What was so before a story begins: patients who are opted in, and desks at which their conversation is open.

import { prmTab, search, sees, signIn } from "./words.mjs";
import { WAIT_MS } from "./stage.mjs";

export const ROSA = { id: "rosa", name: "Rosa Garcia", phone: "+13035550123" };
export const JAMES = { id: "james", name: "James Okafor", phone: "+13035550124" };
export const LINDA = { id: "linda", name: "Linda Chen", phone: "+13035550125" };

// The first text of a patient who then answered YES; it was delivered.
export async function optedIn(stage, patient, words = "Welcome to Riverside.") {
  const maria = await stage.as("maria");
  await maria.post(`/patients/${patient.id}/messages`, { text: words });
  await until(async () => (await messages(maria, patient)).some(({ kind, status }) => kind === "invitation" && status === "delivered"));
  await stage.phoneSays(patient.phone, "Yes");
  await until(async () => (await messages(maria, patient)).some(({ text, status }) => text === words && status === "delivered"));
}

export async function messages(staff, patient) {
  return (await staff.get(`/patients/${patient.id}/messages?limit=200`)).messages;
}

// Asks until it is so; for what no page shows.
export async function until(isSo) {
  const deadline = Date.now() + WAIT_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`it never came about: ${isSo}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

export async function opens(page, patient, staff = "Sam Chen") {
  await signIn(page, staff);
  await prmTab(page).click();
  await search(page, patient.name);
  await page.locator("#results").getByRole("button", { name: new RegExp(patient.name) }).click();
  await sees(page.getByRole("heading", { name: patient.name }));
}
