// A patient is added, asked, and texted with.

import assert from "node:assert/strict";
import { WAIT_MS, picture } from "../stage.mjs";
import { ANA, INVITATION, bubble, consentIs, draft, focused, gone, prmTab, search, sees, signIn, statusIs, text, write } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  const other = await stage.desk();
  const office = await stage.desk();
  await signIn(office, "Alex Morgan", { texting: false });
  await signIn(desk, "Sam Chen");

  await step("a phone number that cannot be one is said next to its field", async () => {
    await desk.getByRole("tab", { name: "Patients" }).click();
    await desk.getByLabel("First name").fill(ANA.first);
    await desk.getByLabel("Last name").fill(ANA.last);
    await desk.getByLabel("Date of birth").fill(ANA.born);
    await desk.getByLabel("Mobile phone").fill("555-0177");
    await desk.getByRole("button", { name: "Add patient" }).click();
    await sees(desk.locator("#mobile_phone-problem", { hasText: "ten digits" }));
    assert.equal(await desk.getByLabel("Mobile phone").getAttribute("aria-invalid"), "true");
    assert.equal(await focused(desk), "mobile_phone");
  });

  await step("the administrator adds themselves as a patient, without a case", async () => {
    await desk.getByLabel("Mobile phone").fill(ANA.typed);
    await desk.getByRole("button", { name: "Add patient" }).click();
    await sees(desk.getByText("Ana Testerly was added."));
    await picture(desk, "patients");
  });

  await step("PRM is in the toolbar, and Patient Texting is inside", async () => {
    await prmTab(desk).click();
    await sees(desk.getByRole("heading", { name: "Patient Texting" }));
    await sees(desk.locator("#live", { hasText: /^Live$/ }));
  });

  await step("a patient is found by name, phone and date of birth in Search for patient", async () => {
    for (const typed of ["testerly an", "303 555 0177", "(303) 555-0177", "0177", "4/12/1990", "1990-04-12"]) {
      await search(desk, typed);
      await sees(desk.locator("#results").getByRole("button", { name: /Ana Testerly/ }));
    }
    await search(desk, "zzzz nobody");
    await sees(desk.getByText("No patient found."));
  });

  await step("selecting the patient shows who they are, that nobody asked yet, and a draft box", async () => {
    await search(desk, "Testerly");
    await desk.locator("#results").getByRole("button", { name: /Ana Testerly/ }).click();
    await sees(desk.getByRole("heading", { name: "Ana Testerly" }));
    await consentIs(desk, "Not asked yet");
    await sees(draft(desk, "Ana Testerly"));
    await sees(desk.locator("#handset option:checked", { hasText: "Ana Testerly" }), "attached");
  });

  await step("a draft says how it would be sent while it is written", async () => {
    const says = (words) => sees(desk.locator("#draft-preview", { hasText: words }));
    await draft(desk, "Ana Testerly").fill("It\u2019s at 3\u2026");
    await says("Sent with ' for \u2019, ... for \u2026.");
    await draft(desk, "Ana Testerly").fill("at\u00a03 to\u200bday");
    await says("Sent with a space for an invisible mark, nothing for an invisible mark.");
    await draft(desk, "Ana Testerly").fill("Stretch twice a day. ".repeat(9));
    await says(/^2 segments\.$/);
    await draft(desk, "Ana Testerly").fill(`${"Stretch twice a day. ".repeat(4)}\u{1F600}`);
    await says("2 segments. A character that is not in the usual alphabet makes it longer.");
    await draft(desk, "Ana Testerly").fill("stretch ".repeat(250));
    await says(/^Too long: \d+ segments, where 10 may be sent\.$/);
    await picture(desk, "preview");
    await draft(desk, "Ana Testerly").fill("");
    await sees(desk.locator("#draft-preview", { hasText: /^$/ }), "attached");
  });

  await step("the first draft waits, and the phone is asked first", async () => {
    await write(desk, "Ana Testerly", "Welcome, Ana! How does your knee feel?");
    await sees(bubble(desk, INVITATION));
    await statusIs(desk, "Welcome, Ana!", "Pending: waits for the patient’s YES");
    await consentIs(desk, "Asked, waiting for YES");
    await sees(desk.locator("#thread .system", { hasText: INVITATION }));
    assert.equal(await bubble(desk, "Welcome, Ana!").count(), 0);
    await picture(desk, "pending");
  });

  await step("a second draft waits too, without a second invitation", async () => {
    await write(desk, "Ana Testerly", "Your next visit is Thursday at 3.");
    await statusIs(desk, "Your next visit", "Pending: waits for the patient’s YES");
    assert.equal(await bubble(desk, INVITATION).count(), 1);
  });

  await step("YES opts the patient in, and the pending messages go out in order", async () => {
    await signIn(other, "Maria Lopez");
    await sees(other.locator("#live", { hasText: /^Live$/ }));
    await text(desk, "Yes");
    await consentIs(desk, /^Opted in since /);
    await sees(bubble(desk, "Welcome, Ana!"));
    await sees(bubble(desk, "Your next visit"));
    await statusIs(desk, "Welcome, Ana!", /^(Sent|Delivered)/);
    await statusIs(desk, "Your next visit", /^(Sent|Delivered)/);
    const said = await desk.locator("#phone-thread .bubble-text").allTextContents();
    const places = [INVITATION, "Yes", "Welcome, Ana!", "Your next visit"].map((words) => said.findIndex((each) => each.includes(words)));
    assert.deepEqual(places, [...places].sort((a, b) => a - b));
  });

  await step("a reply is in the Patient Texting tab at once, marked unread", async () => {
    await text(desk, "Much better, thank you!");
    await sees(desk.locator("#thread .theirs", { hasText: "Much better, thank you!" }));
    await sees(desk.locator("#inbox li", { hasText: "Ana Testerly" }).locator(".badge"));
    await sees(desk.locator("#announcer", { hasText: "Much better, thank you!" }), "attached");
  });

  await step("a red dot appears over the PRM tab of everyone with the permission, in words too", async () => {
    for (const page of [desk, other]) {
      await sees(page.locator("#tab-prm .red-dot"));
      await sees(page.getByRole("tab", { name: /^PRM, \d+ unread texts?$/ }));
      await page.waitForFunction(() => /^\(\d+\) \d+ unread texts? · /.test(document.title), null, { timeout: WAIT_MS });
      await sees(page.locator("#tab-icon[href='/console/icon-unread.svg']"), "attached");
    }
    await picture(desk, "page", { isKept: true });
  });

  await step("nobody without the permission sees the red dot", async () => {
    await gone(prmTab(office));
    assert.equal(await office.locator(".red-dot:visible").count(), 0);
    assert.equal(await office.title(), "Stride");
  });

  await step("opening the conversation reads it, and the red dot goes for everyone", async () => {
    await prmTab(other).click();
    await other.locator("#inbox").getByRole("button", { name: /Ana Testerly/ }).click();
    await sees(other.locator("#thread .theirs", { hasText: "Much better, thank you!" }));
    for (const page of [desk, other]) {
      await gone(page.locator("#tab-prm .red-dot"));
      await sees(page.getByRole("tab", { name: "PRM", exact: true }));
      assert.equal(await page.title(), "Stride");
      await sees(page.locator("#tab-icon[href='/console/icon.svg']"), "attached");
    }
  });

  await step("staff and patient text each other, and colleagues see who wrote what", async () => {
    await write(other, "Ana Testerly", "Glad to hear it. Keep icing it tonight.");
    await sees(bubble(desk, "Keep icing it tonight."));
    await sees(desk.locator("#thread .ours", { hasText: "Keep icing it tonight." }).getByText("Maria Lopez"));
    await statusIs(desk, "Keep icing it tonight.", /^(Sent|Delivered)/);
    await text(desk, "Will do 👍 – gracias, Zoë");
    await sees(other.locator("#thread .theirs", { hasText: "Will do 👍 – gracias, Zoë" }));
  });

  await step("a draft whose answer was lost is tried again and goes out once", async () => {
    stage.mishaps.isAnswerLost = true;
    const keys = [];
    const messages = (url) => /\/patients\/[^/]+\/messages$/.test(url.pathname);
    await desk.route(messages, async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      return route.abort();
    });
    await write(desk, "Ana Testerly", "Park behind the building.", { kept: true });
    await sees(desk.locator("#draft-problem", { hasText: "try again" }));
    assert.equal(await draft(desk, "Ana Testerly").inputValue(), "Park behind the building.");
    await desk.locator("#draft-send").click();
    await gone(desk.locator("#draft-problem"));
    await desk.waitForFunction(() => document.getElementById("draft").value === "", null, { timeout: WAIT_MS });
    await statusIs(desk, "Park behind the building.", /^(Sent|Delivered)/);
    assert.equal(keys.length, 2);
    assert.match(keys[0], /^[0-9a-f]{8}-/);
    assert.equal(keys[0], keys[1]);
    assert.equal(await desk.locator("#thread .ours", { hasText: "Park behind the building." }).count(), 1);
    assert.equal(await bubble(desk, "Park behind the building.").count(), 1);
    await desk.unroute(messages);
    stage.mishaps.isAnswerLost = false;
  });

  await step("what somebody types stays where it is while texts arrive", async () => {
    await draft(desk, "Ana Testerly").fill("An unfinished thou");
    await draft(desk, "Ana Testerly").evaluate((box) => { box.focus(); box.setSelectionRange(3, 3); });
    await write(other, "Ana Testerly", "One more thing: bring your brace.");
    await statusIs(desk, "bring your brace", /^(Sent|Delivered)/);
    assert.equal(await draft(desk, "Ana Testerly").inputValue(), "An unfinished thou");
    assert.equal(await focused(desk), "draft");
    assert.equal(await draft(desk, "Ana Testerly").evaluate((box) => box.selectionStart), 3);
    await draft(desk, "Ana Testerly").fill("");
  });
}
