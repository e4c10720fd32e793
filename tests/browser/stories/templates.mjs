// Templates: written once, checked, and filled in beside a draft.

import assert from "node:assert/strict";
import { ROSA, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { bubble, draft, focused, gone, part, sees, signIn } from "../words.mjs";

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  const desk = await stage.desk();
  await signIn(desk, "Maria Lopez");

  await step("a template with a field that is not known is refused, beside its text", async () => {
    await part(desk, "Templates");
    await sees(desk.locator("#templates-list li", { hasText: "Running late" }));
    await desk.getByRole("button", { name: "New template" }).click();
    assert.equal(await focused(desk), "template-name");
    await desk.getByLabel("Name", { exact: true }).fill("Tomorrow");
    await desk.getByLabel("Text", { exact: true }).fill("Hi {nickname}, see you tomorrow.");
    await desk.getByRole("button", { name: "Save template" }).click();
    await sees(desk.locator("#template-text-problem", { hasText: "nickname" }));
  });

  await step("a template is saved with its fields, and shows how long it is", async () => {
    await desk.getByLabel("Text", { exact: true }).fill("");
    await desk.getByLabel("Text", { exact: true }).pressSequentially("Hi ");
    await desk.getByRole("button", { name: "First name" }).click();
    await desk.getByLabel("Text", { exact: true }).pressSequentially(", see you tomorrow.");
    await desk.getByRole("button", { name: "Save template" }).click();
    const listed = desk.locator("#templates-list li", { hasText: "Tomorrow" });
    await sees(listed.getByText("Hi {first_name}, see you tomorrow."));
    await sees(listed.getByText("English · 1 segment"));
    await picture(desk, "templates");
  });

  await step("beside a draft it is filled in for the patient, and sent as it was changed", async () => {
    await opens(desk, ROSA, "Maria Lopez");
    await desk.getByRole("button", { name: "Templates…" }).click();
    await desk.locator("#picker-list").getByRole("button", { name: /Tomorrow/ }).press("Enter");
    await gone(desk.locator("#picker"));
    assert.equal(await draft(desk, ROSA.name).inputValue(), "Hi Rosa, see you tomorrow.");
    assert.equal(await focused(desk), "draft");
    await draft(desk, ROSA.name).pressSequentially(" Bring your brace.");
    await desk.locator("#draft-send").click();
    await sees(bubble(desk, "Hi Rosa, see you tomorrow. Bring your brace."));
  });

  await step("two who change one template at once do not write over each other", async () => {
    const sam = await stage.as("sam");
    await part(desk, "Templates");
    await desk.locator("#templates-list").getByRole("button", { name: /Tomorrow/ }).click();
    const stored = async () => (await sam.get("/templates")).templates.find(({ name }) => name === "Tomorrow");
    const { id } = await stored();
    await sam.put(`/templates/${id}`, { name: "Tomorrow", text: "Hello {first_name}!", language: "en" });
    await desk.getByLabel("Text", { exact: true }).fill("Good day, {first_name}!");
    await desk.getByRole("button", { name: "Save template" }).click();
    await sees(desk.locator("#template-problem", { hasText: "A colleague has changed this template meanwhile." }));
    await desk.getByRole("button", { name: "Back to templates" }).click();
    assert.equal((await stored()).text, "Hello {first_name}!");
  });

  await step("a template is deleted", async () => {
    await part(desk, "Practice");
    await part(desk, "Templates");
    await sees(desk.locator("#templates-list").getByText("Hello {first_name}!"));
    await desk.locator("#templates-list").getByRole("button", { name: /Tomorrow/ }).click();
    await desk.getByRole("button", { name: "Delete template" }).click();
    await gone(desk.locator("#templates-list li", { hasText: "Tomorrow" }));
    await sees(desk.locator("#templates-list li", { hasText: "Running late" }));
  });
}
