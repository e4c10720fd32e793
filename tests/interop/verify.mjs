// Checks what was posted to a webhook with the npm package `standardwebhooks`, which shares no line with ours.
// Standard input is one JSON object: {"secret": "whsec_…", "headers": {…}, "body": "…", "now": seconds since 1970}.
// It prints what was posted, and ends with 0; or it prints why it can't be believed, and ends with 1.

import { Webhook } from 'standardwebhooks';

let input = '';
for await (const chunk of process.stdin) input += chunk;
const { secret, headers, body, now } = JSON.parse(input);
// The tests have a clock of their own.
Date.now = () => now * 1000;
try {
  console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
