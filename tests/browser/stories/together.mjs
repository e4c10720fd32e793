// Two members of staff at once, each at a computer of their own.

import assert from "node:assert/strict";
import { ROSA, opens, optedIn } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { bubble, draft, focused, gone, newestIsInSight, sees, write } from "../words.mjs";

const typing = (page) => page.locator("#typing", { hasText: /\w/ });

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  const maria = await stage.desk();
  const sam = await stage.desk();
  await opens(maria, ROSA, "Maria Lopez");
  await opens(sam, ROSA, "Sam Chen");

  await step("whoever looks at the same conversation sees who types a reply, and nothing moves for it", async () => {
    const before = await sam.locator("#draft").boundingBox();
    await draft(maria, ROSA.name).pressSequentially("Yes, Fri");
    await sees(sam.locator("#typing", { hasText: "Maria Lopez is typing a reply…" }));
    assert.deepEqual(await sam.locator("#draft").boundingBox(), before);
    assert.equal(await typing(maria).count(), 0, "nobody is told of themselves");
    await picture(sam, "typing");
  });

  await step("once the reply is sent, nobody types it any more", async () => {
    await write(maria, ROSA.name, "Yes, Friday is fine.");
    await sees(sam.locator("#thread .ours", { hasText: "Yes, Friday is fine." }));
    await gone(typing(sam));
  });

  await step("who begins to type and goes away is forgotten within seconds", async () => {
    await draft(sam, ROSA.name).pressSequentially("And");
    await sees(maria.locator("#typing", { hasText: "Sam Chen is typing a reply…" }));
    await gone(typing(maria));
    assert.equal(await draft(sam, ROSA.name).inputValue(), "And");
    await draft(sam, ROSA.name).fill("");
  });

  await step("an internal note is seen by both as one, and never on the phone", async () => {
    await maria.getByRole("button", { name: "Add note…" }).click();
    assert.equal(await focused(maria), "note");
    await maria.getByLabel("Internal note: only staff see it").fill("Her insurance changed; call them first.");
    await maria.getByRole("button", { name: "Save note" }).click();
    for (const page of [maria, sam]) {
      const note = page.locator("#thread .note", { hasText: "Her insurance changed" });
      await sees(note.getByText("Internal note"));
      await sees(note.getByText("Maria Lopez"));
      await newestIsInSight(page);
    }
    assert.equal(await bubble(maria, "insurance").count(), 0);
    await picture(sam, "note", { isKept: true });
  });

  await step("a note that was begun outlives a reload, and is not in the draft", async () => {
    await sam.getByRole("button", { name: "Add note…" }).click();
    await sam.getByLabel("Internal note: only staff see it").fill("Ask her about");
    await sam.reload();
    await opens(sam, ROSA, "Sam Chen");
    assert.equal(await sam.getByLabel("Internal note: only staff see it").inputValue(), "Ask her about");
    assert.equal(await draft(sam, ROSA.name).inputValue(), "");
    await sam.locator("#note").fill("");
    await sam.locator("#note").press("Escape");
    await gone(sam.locator("#note"));
  });

  await step("the assignment of one is seen by the other at once", async () => {
    await maria.getByLabel("Assigned to").selectOption({ label: "Sam Chen" });
    await sam.waitForFunction(() => document.getElementById("assigned").value === "sam");
    await sees(sam.locator("#inbox li", { hasText: ROSA.name }).getByText("Sam Chen"));
  });

  await step("the red dot lights for both, goes for both, and says who has read", async () => {
    await stage.phoneSays(ROSA.phone, "See you then!");
    for (const page of [maria, sam]) await sees(page.locator("#tab-prm .red-dot"));
    await sam.locator("#thread-scroll").click();
    for (const page of [maria, sam]) await gone(page.locator("#tab-prm .red-dot"));
    await sees(maria.locator("#thread li", { hasText: "See you then!" }).locator(".message-readers", { hasText: "Sam Chen" }));
  });
}
