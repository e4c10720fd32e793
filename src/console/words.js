// Says in the words of the clinic what the API says in codes.

const STATUS = {
  scheduled: "Scheduled",
  pending: "Pending: waits for the patient’s YES",
  held: "Held: waits until somebody says what the patient meant",
  queued: "Queued",
  sending: "Sending",
  sent: "Sent",
  delivered: "Delivered",
  undelivered: "Not delivered",
  failed: "Failed",
  unconfirmed: "May or may not have gone out. Ask the patient before you write it again.",
  canceled: "Taken back",
  expired: "Expired: its time ran out",
  received: "Received",
};

const MARK = {
  partial: "Part of a longer text; the rest has not come.",
  replaced: "Some characters could not be read.",
  "odd-header": "The carrier sent it with a header that could not be read; it may not begin with the patient’s words.",
  "second-text": "The carrier sent it together with a second text, which is not shown.",
  binary: "Not a text: the phone sent something else.",
  flash: "Sent to be shown for a moment only; it can’t opt anybody in.",
  shortened: "Only the beginning of a long text is shown.",
};

const KIND = {
  invitation: "Invitation",
  reminder: "Reminder",
  opt_out_confirmation: "Opt-out confirmation",
  start_confirmation: "Opt-in confirmation",
  help: "Help text",
  after_hours: "After-hours reply",
};

const EXPECTED = {
  scheduled: "Scheduled for",
  queued: "Queued, expected to go at",
};

export function statusWords(message) {
  const expected = message.expected_at ? EXPECTED[message.status] : undefined;
  const words = expected ? `${expected} ${whenWords(message.expected_at)}` : STATUS[message.status] ?? message.status;
  const reason = message.failure?.detail ?? message.failure?.code;
  if (message.status === "held" && reason) return `Held: ${reason}`;
  return reason ? `${words}: ${reason}` : words;
}

// What staff should know of a text besides its words.
export function markWords(message) {
  return (message.marks ?? []).map((mark) => MARK[mark] ?? mark).join(" ");
}

export function kindWords(message) {
  return KIND[message.kind] ?? "Automatic text";
}

export function consentWords(consent, number) {
  if (consent?.suspension && consent.state !== "opted_out") {
    const why = consent.suspension.because === "disconnected" ? "nobody has this number" : "this number is somebody else’s";
    return `Since ${whenWords(consent.suspension.since)} ${why}: ask the patient for their number, and save it`;
  }
  switch (consent?.state) {
    case "none": return "Not asked yet";
    case "invited": return "Asked, waiting for YES";
    case "opted_in": return consent.since ? `Opted in since ${whenWords(consent.since)}` : "Opted in";
    case "opted_out": {
      const since = consent.since ? ` since ${whenWords(consent.since)}` : "";
      const where = consent.evidence?.carrier ? " at the carrier" : "";
      return `Opted out${where}${since}: they can text START to ${spacedPhone(number)}`;
    }
    default: return "";
  }
}

// What became of consent, where it became so in the thread.
export function consentMarkWords({ state, evidence }, staffName) {
  if (state === "opted_in") return "Opted in by text";
  if (evidence?.reason !== undefined && evidence.file_sha256 === undefined) return `Opted out: “${evidence.reason}”${evidence.staff ? `, ${staffName(evidence.staff)}` : ""}`;
  if (evidence?.file_sha256 !== undefined) return "Opted out in the list that was imported";
  if (evidence?.carrier) return "Opted out at the carrier";
  return "Opted out by text";
}

function seen(characters) {
  if (characters === "") return "nothing";
  if (characters === " ") return "a space";
  if (characters === "\n") return "a new line";
  return /^[\s\p{Cf}]+$/u.test(characters) ? "an invisible mark" : characters;
}

// Nothing about a text that goes out as it is written, in one piece.
export function previewWords({ encoding, segments, segments_max: most, replaced }) {
  const words = [];
  if (segments > most) words.push(`Too long: ${segments} segments, where ${most} may be sent.`);
  else if (segments > 1) words.push(`${segments} segments.`);
  if (segments > 1 && encoding === "ucs2") words.push("A character that is not in the usual alphabet makes it longer.");
  const others = replaced.map(({ from, to }) => `${seen(to)} for ${seen(from)}`);
  if (others.length > 0) words.push(`Sent with ${others.join(", ")}.`);
  return words.join(" ");
}

const SILENCE = {
  "address-not-allowed": "its address is private, which whoever runs Assent has not allowed",
  "name-not-found": "its name is not known",
  unreachable: "it can’t be reached",
  "tls-failed": "its certificate can’t be trusted",
  timeout: "it took too long to answer",
  "no-answer": "it gave no answer",
  "nothing-to-tell": "what it was about is not there any more",
  "crowded-out": "too much waited for it",
};

// Why a webhook was not heard of.
export function silenceWords(error) {
  return SILENCE[error] ?? error;
}

const LANGUAGE = { en: "English", es: "Spanish" };

export function languageWords(code) {
  return LANGUAGE[code] ?? code;
}

// "opt_out_confirmation" as "Opt-out confirmation", and what has no name of its own as it is called.
export function occasionWords(occasion) {
  return KIND[occasion] ?? occasion.charAt(0).toUpperCase() + occasion.slice(1).replaceAll("_", " ");
}

export function dayWords(day) {
  return day.charAt(0).toUpperCase() + day.slice(1);
}

export function unreadWords(count) {
  return count === 1 ? "1 unread text" : `${count} unread texts`;
}

export function nameOf(person) {
  return `${person.first_name} ${person.last_name}`.trim();
}

export function phoneWords(phone) {
  const parts = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(phone ?? "");
  return parts ? `(${parts[1]}) ${parts[2]}-${parts[3]}` : phone ?? "";
}

// The number as it is told to somebody who is to text it.
export function spacedPhone(phone) {
  return (phone ?? "").replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
}

// "(303) 555-0123" as E.164, or null. Ten digits without a country code are a number of the North American plan.
export function parsePhone(typed) {
  const digits = typed.replace(/\D/g, "");
  if (/[^\d\s().+\-–/]/.test(typed)) return null;
  if (typed.trim().startsWith("+")) return /^[1-9]\d{6,14}$/.test(digits) ? `+${digits}` : null;
  if (digits.length === 10) return `+1${digits}`;
  if (digits.length === 11 && digits.startsWith("1")) return `+${digits}`;
  return null;
}

// What a receptionist types as the API knows it: 3/4/1985 is 1985-03-04, and (303) 555-0123 is 3035550123.
export function searchTerm(typed) {
  const term = typed.trim();
  const date = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})$/.exec(term);
  if (date) return `${date[3]}-${date[1].padStart(2, "0")}-${date[2].padStart(2, "0")}`;
  const isPhone = /^[\d\s().+-]*\d[\d\s().+-]*$/.test(term) && !/^\d{4}-\d{2}-\d{2}$/.test(term);
  return isPhone ? term.replace(/\D/g, "") : term;
}

export function birthWords(date) {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date ?? "");
  return parts ? `${Number(parts[2])}/${Number(parts[3])}/${parts[1]}` : date ?? "";
}

const TIME = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric" });
const DATE = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", year: "numeric" });

export function timeWords(at, now = new Date()) {
  const then = new Date(at);
  if (Number.isNaN(then.getTime())) return "";
  if (then.toDateString() === now.toDateString()) return TIME.format(then);
  const day = then.getFullYear() === now.getFullYear() ? DAY : DATE;
  return `${day.format(then)}, ${TIME.format(then)}`;
}

export function whenWords(at) {
  const then = new Date(at);
  return Number.isNaN(then.getTime()) ? String(at) : `${DATE.format(then)}, ${TIME.format(then)}`;
}

export function clockWords(now) {
  return TIME.format(now).replace(/\s?[AP]M$/, "");
}

// A moment as text that sorts by time, whatever number of decimals it came with.
export function moment(at) {
  const [whole, decimals = ""] = String(at).replace(/Z$/, "").split(".");
  return `${whole}.${decimals.padEnd(9, "0")}`;
}

// Oldest first. An invitation is made in the same instant as the draft that caused it, and goes first.
export function inOrder(a, b) {
  const [left, right] = [moment(a.created_at), moment(b.created_at)];
  if (left !== right) return left < right ? -1 : 1;
  // What became of consent comes after the text that said so.
  if (Boolean(a.consent) !== Boolean(b.consent)) return a.consent ? 1 : -1;
  if ((a.kind === "invitation") !== (b.kind === "invitation")) return a.kind === "invitation" ? -1 : 1;
  return String(a.id).localeCompare(String(b.id), "en", { numeric: true });
}
