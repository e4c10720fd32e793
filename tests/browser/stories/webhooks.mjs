// Webhooks: the practice's own programs are told of what happens.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { ROSA, optedIn, until } from "../scene.mjs";
import { picture } from "../stage.mjs";
import { part, sees, signIn } from "../words.mjs";

export async function play(stage, step) {
  await optedIn(stage, ROSA);
  const office = await stage.desk();
  await signIn(office, "Alex Morgan", { texting: false });

  await step("a webhook is added, tested, and its log read", async () => {
    const told = [];
    const server = createServer((request, response) => {
      request.resume();
      request.on("end", () => { told.push(request.headers); response.end(); });
    });
    await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
    const url = `http://127.0.0.1:${server.address().port}/assent`;
    await part(office, "Webhooks");
    await sees(office.getByText("Nothing is told to anybody yet."));
    await office.getByLabel("Address of a new webhook").fill(url);
    await office.getByRole("button", { name: "Add webhook" }).click();
    await sees(office.locator("#webhook-secret", { hasText: /^whsec_/ }));
    await office.getByRole("button", { name: `Send a test ${url}` }).click();
    await sees(office.getByText("The test was taken: answered 200."));
    assert.ok(told[0]["webhook-signature"]);
    await stage.phoneSays(ROSA.phone, "Hello again");
    await until(() => told.length > 1);
    await office.getByRole("button", { name: `Show log ${url}` }).click();
    await sees(office.locator("#deliveries-list tr").filter({ hasText: "message.received" }).filter({ hasText: "Delivered" }));
    await picture(office, "webhooks");
    await office.getByRole("button", { name: `Delete ${url}` }).click();
    await sees(office.getByText("Nothing is told to anybody yet."));
    server.close();
  });

  await step("a webhook's address that cannot be one is said", async () => {
    await office.getByLabel("Address of a new webhook").fill("stride");
    await office.getByRole("button", { name: "Add webhook" }).click();
    await sees(office.locator("#webhooks-problem", { hasText: /\w/ }));
  });
}
