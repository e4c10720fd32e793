// A developer reads the documentation that the daemon brings: without a network, at every width, in light and dark.

import assert from "node:assert/strict";
import { accessible, faintText, fits } from "../looks.mjs";
import { NARROW, WIDE, picture } from "../stage.mjs";
import { sees } from "../words.mjs";

export async function play(stage, step) {
  const desk = await stage.desk();
  const foreign = [];
  desk.on("request", (request) => {
    if (!request.url().startsWith(`${stage.address}/`)) foreign.push(request.url());
  });

  await step("a problem leads to its cause and its remedy", async () => {
    const problem = await (await fetch(`${stage.address}/v1/practices`)).json();
    await desk.goto(new URL(problem.type, stage.address).href);
    await sees(desk.locator("section:target").getByText("Send a valid token."));
  });

  await step("a call is found, and what it takes and answers", async () => {
    await desk.getByRole("link", { name: "Calls" }).click();
    await desk.getByRole("link", { name: "POST /patients/{patient}/messages", exact: true }).click();
    const call = desk.locator("section:target");
    await sees(call.getByText("Write a text to a patient."));
    await call.getByRole("link", { name: "TextToSend" }).click();
    await sees(desk.locator("section:target").getByText("send_at"));
  });

  for (const [width, viewport] of [["360", NARROW], ["1440", WIDE]]) {
    for (const colorScheme of ["light", "dark"]) {
      await step(`both pages fit, can be read, and keep to WCAG 2.2 AA at ${width} pixels in the ${colorScheme}`, async () => {
        await desk.setViewportSize(viewport);
        await desk.emulateMedia({ colorScheme });
        for (const path of ["/docs", "/docs/errors"]) {
          await desk.goto(`${stage.address}${path}`);
          await fits(desk, viewport);
          await accessible(desk, `${path} ${width} ${colorScheme}`);
          assert.deepEqual(await desk.evaluate(faintText), []);
          await picture(desk, `${path.slice(1).replace("/", "-")}-${width}-${colorScheme}`);
        }
      });
    }
  }

  await step("nothing was loaded from elsewhere", async () => assert.deepEqual(foreign, []));
}
