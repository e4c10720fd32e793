// Connections, answers, pages and whole daemons are lost, and no text is.

import assert from "node:assert/strict";
import { JAMES, ROSA, messages, opens, optedIn, until } from "../scene.mjs";
import { WAIT_MS, picture } from "../stage.mjs";
import { INVITATION, bubble, consentIs, draft, focused, gone, newestIsInSight, prmTab, sees, signIn, statusIs, write } from "../words.mjs";

const toMessages = (url) => /\/patients\/[^/]+\/messages$/.test(url.pathname);
const kept = (page) => page.evaluate(() => JSON.stringify({ ...sessionStorage, ...localStorage }));

export async function play(stage, step) {
  const desk = await stage.desk();
  const wire = await stage.wire();
  const other = await stage.desk({ over: wire });
  const maria = await stage.as("maria");
  await optedIn(stage, ROSA);
  await opens(desk, ROSA);
  await opens(other, JAMES, "Maria Lopez");

  await step("a lost connection is said, and nothing that happened meanwhile is missed", async () => {
    await draft(other, JAMES.name).fill("Half a thou");
    wire.cut();
    await sees(other.locator("#live", { hasText: "Reconnecting…" }));
    await sees(other.locator("#lost", { hasText: "The connection is lost." }));
    await write(desk, "Rosa Garcia", "Yes, this is Riverside.");
    await statusIs(desk, "Yes, this is Riverside.", /^(Sent|Delivered)/);
    const resumed = other.waitForRequest((request) => request.url().endsWith("/events") && "last-event-id" in request.headers());
    await wire.mend();
    await resumed;
    await sees(other.locator("#live", { hasText: /^Live$/ }));
    await gone(other.locator("#lost"));
    await sees(other.locator("#inbox li", { hasText: "Rosa Garcia" }).getByText("Yes, this is Riverside."));
    assert.equal(await draft(other, JAMES.name).inputValue(), "Half a thou");
    assert.equal(await focused(other), "draft");
  });

  await step("everything is there again after a reload", async () => {
    await desk.reload();
    await openAgain(desk, "Maria Lopez");
    await consentIs(desk, /^Opted in since /);
    await newestIsInSight(desk);
    for (const words of ["Welcome to Riverside.", "Yes, this is Riverside."]) await sees(desk.locator("#thread li", { hasText: words }));
    await sees(bubble(desk, INVITATION));
  });

  await step("what somebody has typed is still there after a reload, for them alone", async () => {
    await draft(desk, ROSA.name).fill("Please bring the");
    await desk.reload();
    await openAgain(desk, "Sam Chen");
    assert.equal(await draft(desk, ROSA.name).inputValue(), "");
    await signIn(desk, "Maria Lopez");
    await prmTab(desk).click();
    await sees(desk.locator("#inbox li", { hasText: ROSA.name }).getByText("Draft"));
    await openAgain(desk, "Maria Lopez");
    assert.equal(await draft(desk, ROSA.name).inputValue(), "Please bring the");
    await write(desk, ROSA.name, "Please bring the brace.");
    await desk.waitForFunction(() => document.getElementById("draft").value === "", null, { timeout: WAIT_MS });
    assert.doesNotMatch(await kept(desk), /Please bring/);
  });

  for (const [when, words, lose] of [
    ["before it has come", "Lost on the way there.", () => {}],
    ["after it has come", "Lost on the way back.", (route) => route.fetch()],
  ]) {
    await step(`a reload while a text is on its way, ${when}, neither loses nor doubles it`, async () => {
      await desk.route(toMessages, (route) => (route.request().method() === "POST" ? lose(route) : route.continue()));
      await write(desk, ROSA.name, words, { kept: true });
      await sees(desk.locator("#draft-send", { hasText: "Sending…" }));
      if (when === "after it has come") await until(async () => (await messages(maria, ROSA)).some(({ text }) => text === words));
      await desk.unroute(toMessages);
      await desk.reload();
      await openAgain(desk, "Maria Lopez");
      await statusIs(desk, words, /^(Sent|Delivered)/);
      await desk.waitForFunction(() => document.getElementById("draft").value === "", null, { timeout: WAIT_MS });
      assert.equal((await messages(maria, ROSA)).filter(({ text }) => text === words).length, 1);
      await sees(bubble(desk, words));
      assert.equal(await bubble(desk, words).count(), 1);
    });
  }

  await step("a daemon that is killed and started again has lost nothing, and the page goes on by itself", async () => {
    await draft(desk, ROSA.name).fill("Written while the power was out.");
    await stage.kill();
    await sees(desk.locator("#lost"));
    await desk.locator("#draft-send").click();
    await sees(desk.locator("#draft-problem", { hasText: "The server can’t be reached. Nothing was lost: try again." }));
    assert.equal(await draft(desk, ROSA.name).inputValue(), "Written while the power was out.");
    await picture(desk, "lost");
    await stage.startAgain();
    await sees(desk.locator("#live", { hasText: /^Live$/ }));
    await gone(desk.locator("#lost"));
    await desk.locator("#draft-send").click();
    await statusIs(desk, "Written while the power was out.", /^(Sent|Delivered)/);
    await gone(desk.locator("#draft-problem"));
    assert.equal(await desk.locator("#thread .ours", { hasText: "Written while the power was out." }).count(), 1);
    await stage.phoneSays(ROSA.phone, "I am still here");
    await sees(desk.locator("#thread .theirs", { hasText: "I am still here" }));
  });
}

async function openAgain(page, staff) {
  await signIn(page, staff);
  await prmTab(page).click();
  await page.locator("#inbox").getByRole("button", { name: /Rosa Garcia/ }).click();
  await sees(page.getByRole("heading", { name: "Rosa Garcia" }));
}
