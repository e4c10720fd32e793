// A browser's session outside the demo: a token that is shown once, a cookie that no script can read, and its end.

import assert from "node:assert/strict";
import { ROSA, optedIn } from "../scene.mjs";
import { draft, gone, openedFromInbox, prmTab, sees } from "../words.mjs";

const kept = (page) => page.evaluate(() => JSON.stringify([{ ...sessionStorage, ...localStorage }, document.cookie]));

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  const maria = await stage.as("maria");
  const desk = await stage.desk();
  stage.mishaps.isSignedOut = true;

  async function signIn() {
    const { token } = await maria.post("/staff/maria/sessions");
    await desk.getByLabel("Staff session token").fill(token);
    await desk.getByRole("button", { name: "Sign in" }).click();
    await sees(desk.getByText("Signed in as Maria Lopez"));
    return token;
  }

  await step("a token that is not valid is said", async () => {
    await desk.route("**/demo.json", (route) => route.fulfill({ json: null }));
    await desk.reload();
    await desk.getByLabel("Staff session token").fill("assent_nonsense");
    await desk.getByRole("button", { name: "Sign in" }).click();
    await sees(desk.locator("#sign-in-problem", { hasText: "This token is not valid" }));
  });

  await step("a token is shown once, and no script can read it from then on", async () => {
    const token = await signIn();
    await prmTab(desk).click();
    await sees(desk.locator("#live", { hasText: /^Live$/ }));
    assert.doesNotMatch(await kept(desk), new RegExp(token));
    await desk.reload();
    await sees(desk.getByText("Signed in as Maria Lopez"));
    await prmTab(desk).click();
    await openedFromInbox(desk, ROSA.name);
  });

  await step("what was written is there again for whoever signs in again after their session has ended", async () => {
    await sees(desk.locator("#desk"));
    await gone(desk.locator("#tab-prm .red-dot"));
    await desk.context().clearCookies();
    // Whatever the page asks next tells it.
    await draft(desk, ROSA.name).fill("Half a thought, and more");
    await sees(desk.locator("#sign-in-problem", { hasText: "Your session has ended." }));
    await signIn();
    await prmTab(desk).click();
    await openedFromInbox(desk, ROSA.name);
    assert.equal(await draft(desk, ROSA.name).inputValue(), "Half a thought, and more");
  });

  await step("whoever signs out leaves nothing of what they typed on the computer, and their session is over", async () => {
    await draft(desk, ROSA.name).fill("Something private");
    assert.match(await kept(desk), /Something private/);
    await desk.getByRole("button", { name: "Sign out" }).click();
    await sees(desk.getByRole("heading", { name: "Sign in to Stride" }));
    assert.doesNotMatch(await kept(desk), /Something private/);
    assert.equal((await desk.request.get("/v1/session")).status(), 401);
    await gone(desk.locator("#stride"));
  });
}
