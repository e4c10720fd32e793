// What staff can decide about a text of theirs: to take it back, or what became of one of which nobody knows.

const CAN_BE_TAKEN_BACK = new Set(["pending", "held", "scheduled", "queued"]);

const TAKE_BACK = [{ name: "Take back", method: "DELETE", path: "" }];
const SETTLE = [
  { name: "Send it again", decision: "resend" },
  { name: "The patient has it", decision: "sent" },
  { name: "Let it rest", decision: "discard" },
].map(({ name, decision }) => ({ name, method: "POST", path: "/resolve", body: { decision } }));

export function actionsOn({ direction, kind, status }) {
  if (direction !== "outbound" || kind !== "text") return [];
  if (CAN_BE_TAKEN_BACK.has(status)) return TAKE_BACK;
  return status === "unconfirmed" ? SETTLE : [];
}
