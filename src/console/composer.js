// Where staff write: one draft for each patient, kept until its text has been taken.

import { freshId } from "./api.js";
import { $, setAttribute, setText } from "./dom.js";
import { Later } from "./later.js";
import { Picker } from "./picker.js";
import { Preview } from "./preview.js";

// A text that was on its way when the page was closed is asked for again by itself within this time, with the same key. Later
// than that nobody waits for it any more: it is in the box, to be looked at.
const ASKED_AGAIN_MS = 10 * 60_000;

export class Composer {
  #session = null;
  #kept = null;
  #open = null;
  // By patient: { text, later, asked: { key, body, at } or null, problem, sending }. Of these, the first three are kept.
  #drafts = new Map();
  #preview = new Preview();
  #later;
  #picker;

  // `onSent` hears of a text that was taken, `onTyping` that somebody writes.
  constructor({ onSent, onTyping }) {
    this.onSent = onSent;
    this.onTyping = onTyping;
    this.#later = new Later({ onChanged: (later) => this.#change({ later }) });
    this.#picker = new Picker({ onChosen: (words) => this.#insert(words) });
    $("draft").addEventListener("input", () => {
      this.#change({ text: $("draft").value });
      if ($("draft").value !== "") this.onTyping();
    });
    $("draft").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#submit(event);
    });
    $("draft-form").addEventListener("submit", (event) => this.#submit(event));
  }

  use(session, kept) {
    this.#session = session;
    this.#kept = kept;
    this.#open = null;
    this.#preview.use(session);
    this.#picker.use(session);
    this.#drafts = new Map([...kept.all()].filter(([, draft]) => "asked" in draft).map(([id, draft]) => [id, { problem: "", sending: false, ...draft }]));
    for (const [id, draft] of this.#drafts) {
      if (draft.asked && Date.now() - draft.asked.at < ASKED_AGAIN_MS) this.#send(id, draft, session);
    }
  }

  // Shows the draft of another conversation, or of none.
  show(open) {
    this.#open = open;
    const draft = this.#draft();
    $("draft").value = draft.text;
    this.#later.show(draft.later);
    this.#picker.show(open);
    this.render();
  }

  // Whether something for this patient is written and not sent.
  hasDraft({ id }) {
    return Boolean(this.#drafts.get(id)?.text.trim());
  }

  // What stood in the way of this patient's draft is over.
  clearProblem() {
    this.#draft().problem = "";
    this.render();
  }

  render() {
    const draft = this.#draft();
    this.#preview.of(draft.text);
    setText($("draft-problem"), draft.problem);
    setText($("draft-send"), draft.sending ? "Sending…" : draft.later ? "Schedule" : "Send");
    setAttribute($("draft-send"), "aria-disabled", draft.sending ? "true" : null);
    setAttribute($("draft"), "aria-invalid", draft.problem ? "true" : null);
  }

  #draft() {
    const id = this.#open?.patient?.id;
    if (id === undefined) return blank();
    if (!this.#drafts.has(id)) this.#drafts.set(id, blank());
    return this.#drafts.get(id);
  }

  #change(what) {
    const draft = this.#draft();
    Object.assign(draft, what);
    if (this.#open?.patient) this.#keep(this.#open.patient.id, draft);
    this.render();
  }

  // Puts words where the caret is, in place of what is selected.
  #insert(words) {
    const box = $("draft");
    box.setRangeText(words, box.selectionStart, box.selectionEnd, "end");
    this.#change({ text: box.value });
    box.focus();
  }

  #keep(id, { text, later, asked }) {
    if (text === "" && asked === null) this.#kept.drop(id);
    else this.#kept.keep(id, { text, later, asked });
  }

  #submit(event) {
    event.preventDefault();
    const open = this.#open;
    const draft = this.#draft();
    if (!open?.patient || draft.sending || draft.text.trim() === "") return;
    const late = this.#later.problem(draft.later);
    if (late) {
      draft.problem = late;
      return this.render();
    }
    const body = { text: draft.text };
    if (draft.later) body.send_at = new Date(draft.later).toISOString();
    if (open.phone !== open.patient.mobile_phone) body.phone = open.phone;
    // A key belongs to the words it was first sent with. Sending the same words again is a retry.
    const isRetry = draft.asked && JSON.stringify(draft.asked.body) === JSON.stringify(body);
    draft.asked = { key: isRetry ? draft.asked.key : freshId(), body, at: Date.now() };
    this.#send(open.patient.id, draft, this.#session);
  }

  // What is asked for is kept before it is asked for: whoever closes the page in between finds the same key.
  async #send(id, draft, session) {
    const kept = this.#kept;
    const { key, body } = draft.asked;
    draft.sending = true;
    this.#keep(id, draft);
    this.render();
    try {
      const message = await session.post(`/patients/${encodeURIComponent(id)}/messages`, body, { "Idempotency-Key": key });
      Object.assign(draft, { asked: null, problem: "", later: "" });
      if (draft.text === body.text) draft.text = "";
      if (kept === this.#kept && this.#open?.patient?.id === id) {
        if ($("draft").value === body.text) $("draft").value = "";
        this.#later.show("");
        if (message) this.onSent(this.#open, message);
      }
    } catch (problem) {
      draft.problem = problem.fields?.get("text") ?? problem.message;
      // Whatever was refused was not taken: only an answer that never came may hide one that was.
      if (problem.status >= 400 && problem.status < 500) draft.asked = null;
    }
    draft.sending = false;
    if (kept !== this.#kept) return;
    this.#keep(id, draft);
    this.render();
  }
}

function blank() {
  return { text: "", later: "", asked: null, problem: "", sending: false };
}
