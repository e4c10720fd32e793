// What staff can decide about a text of theirs: to take it back, what became of one of which nobody knows, and who answers
// for one whose author may text no more.

const CAN_BE_TAKEN_BACK = new Set(["pending", "held", "scheduled", "queued"]);

const TAKE_BACK = [{ name: "Take back", method: "DELETE", path: "" }];
const SETTLE = [
  resolving("Send it again", "resend"),
  resolving("The patient has it", "sent"),
  resolving("Let it rest", "discard"),
];
const ANSWER_FOR = [resolving("Send it as mine", "send"), resolving("Discard", "discard")];

function resolving(name, decision) {
  return { name, method: "POST", path: "/resolve", body: { decision } };
}

export function actionsOn({ direction, kind, status, failure }) {
  if (direction !== "outbound" || kind !== "text") return [];
  if (status === "held" && failure?.code === "author-may-not-text") return ANSWER_FOR;
  if (CAN_BE_TAKEN_BACK.has(status)) return TAKE_BACK;
  return status === "unconfirmed" ? SETTLE : [];
}
