// Writes a text to a patient and waits for what becomes of it. `assent.ts` is made of the specification:
//   npx openapi-typescript http://127.0.0.1:8080/openapi.json -o assent.ts
import createClient from "openapi-fetch";
import type { paths } from "./assent.js";

const assent = createClient<paths>({
  baseUrl: process.env.ASSENT_URL,
  headers: { Authorization: `Bearer ${process.env.ASSENT_TOKEN}`, "Assent-Staff": "maria" },
});
const path = { practice: "riverside", patient: "rosa" };

// The key makes it safe to ask again when no answer came: the text is taken once.
const taken = await assent.POST("/v1/practices/{practice}/patients/{patient}/messages", {
  params: { path, header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { text: "Hi Rosa, see you Tuesday at 3?" },
});
if (!taken.data) {
  // Programs go by `code`, people by `detail`; `type` leads to the cause and the remedy.
  console.log(`${taken.error.code}: ${taken.error.detail}`);
  process.exit(1);
}

let message = taken.data;
while (["queued", "sending", "sent"].includes(message.status)) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  const read = await assent.GET("/v1/practices/{practice}/patients/{patient}/messages/{message}", {
    params: { path: { ...path, message: message.id } },
  });
  message = read.data ?? message;
}
// Without consent it is `pending`: the patient was asked, and the event stream tells of the answer.
console.log(message.status);
