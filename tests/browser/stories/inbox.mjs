// The shared inbox: what is to be done, by whom, and what is done.

import assert from "node:assert/strict";
import { JAMES, LINDA, ROSA, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { consentIs, gone, openedFromInbox, prmTab, sees, shows, signIn, write } from "../words.mjs";

const row = (page, who) => page.locator("#inbox li", { hasText: who });
const STRANGER = { name: "(303) 555-0177", phone: "+13035550177" };

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  await optedIn(stage, JAMES);
  const desk = await stage.desk();
  await signIn(desk, "Sam Chen");
  await prmTab(desk).click();

  await step("a text that waits for an answer is found by its filter, until somebody answers", async () => {
    await stage.phoneSays(ROSA.phone, "Can I come on Friday?");
    await shows(desk, "Waiting for an answer");
    await sees(row(desk, ROSA.name));
    assert.equal(await row(desk, JAMES.name).count(), 0, "his YES was an answer, not a question");
    await openedFromInbox(desk, ROSA.name);
    await write(desk, ROSA.name, "Friday at 3 is free.");
    await shows(desk, "Unread");
    await gone(row(desk, ROSA.name));
  });

  await step("what the carrier could not deliver, what is held, and who is unknown have filters of their own", async () => {
    await stage.faults({ receipts: "undeliverable" });
    await opens(desk, JAMES);
    await write(desk, JAMES.name, "Your brace is here.");
    await shows(desk, "Not delivered");
    await sees(row(desk, JAMES.name).getByText("Not delivered"));
    await stage.faults({});
    await stage.phoneSays(ROSA.phone, "Please leave me ALONE!");
    await shows(desk, "May want no more texts");
    await sees(row(desk, ROSA.name));
    await stage.phoneSays(STRANGER.phone, "Hello, is this the clinic?");
    await shows(desk, "Unknown numbers");
    await sees(row(desk, STRANGER.name));
    await gone(row(desk, ROSA.name));
    await picture(desk, "filters");
  });

  await step("a conversation is assigned to a colleague, and is on their list", async () => {
    await shows(desk, "Open");
    await openedFromInbox(desk, ROSA.name);
    await desk.getByLabel("Assigned to").selectOption({ label: "Maria Lopez" });
    await sees(row(desk, ROSA.name).getByText("Maria Lopez"));
    const colleague = await stage.desk();
    await signIn(colleague, "Maria Lopez");
    await prmTab(colleague).click();
    await shows(colleague, "Assigned to me");
    await sees(row(colleague, ROSA.name));
    assert.equal(await row(colleague, JAMES.name).count(), 0);
  });

  await step("tags are added and removed, and found by", async () => {
    for (const tag of ["insurance", "knee"]) {
      await desk.getByLabel("Add a tag").fill(tag);
      await desk.getByLabel("Add a tag").press("Enter");
      await sees(desk.locator("#tags .tag", { hasText: tag }));
    }
    await sees(row(desk, ROSA.name).getByText("#insurance · #knee"));
    await desk.getByRole("button", { name: "Remove tag knee" }).click();
    await gone(desk.locator("#tags .tag", { hasText: "knee" }));
    await opens(desk, JAMES);
    await shows(desk, "Tag: insurance");
    await sees(row(desk, ROSA.name));
  });

  await step("a colleague who was faster is not written over, and is told of", async () => {
    await shows(desk, "Open");
    await openedFromInbox(desk, ROSA.name);
    // What a colleague does meanwhile is not heard of here.
    const events = (route) => route.abort();
    await desk.route("**/events", events);
    const maria = await stage.as("maria");
    const path = (url) => url.pathname.endsWith("/conversations/%2B13035550123");
    await desk.route(path, async (route) => {
      if (route.request().method() === "PATCH") {
        await desk.unroute(path);
        await maria.patch(`/conversations/${encodeURIComponent(ROSA.phone)}`, { assigned_to: null });
      }
      return route.continue();
    });
    await desk.getByRole("button", { name: "Close", exact: true }).click();
    await sees(desk.locator("#desk-problem", { hasText: "A colleague has just changed this conversation." }));
    await desk.waitForFunction(() => document.getElementById("assigned").value === "");
    await sees(desk.getByRole("button", { name: "Close", exact: true }));
    await desk.unroute("**/events");
  });

  await step("a conversation is closed, and a new text opens it again", async () => {
    await desk.getByRole("button", { name: "Close", exact: true }).click();
    await sees(desk.getByRole("button", { name: "Reopen" }));
    await opens(desk, LINDA);
    await gone(row(desk, ROSA.name));
    await shows(desk, "Closed");
    await sees(row(desk, ROSA.name));
    await shows(desk, "Open");
    await stage.phoneSays(ROSA.phone, "One more question");
    await sees(row(desk, ROSA.name).getByText("One more question"));
    await consentIs(desk, "Not asked yet");
  });
}
