// The open conversation: who it is with, whether they agreed to texts, what was said, and the draft.

import { Composer } from "./composer.js";
import { $, el, holdBottom, keepPlaceBelow, setAttribute, setText } from "./dom.js";
import { Hold } from "./hold.js";
import { Thread, markOf } from "./thread.js";
import { birthWords, consentWords, inOrder, moment, nameOf, phoneWords } from "./words.js";

const PAGE = 50;

export class Conversation {
  #session = null;
  // { patient or null, phone, consent, shares, messages, marks, next, loaded, problem }, or null when nothing is open.
  #open = null;
  #tick = 0;
  #reading = false;
  #toBottom;
  #hold;
  #composer;
  #thread;

  constructor({ practice, unreadOf, onRead, onOpenPatient, onAddPatient, onClosed }) {
    this.practice = practice;
    this.unreadOf = unreadOf;
    this.onRead = onRead;
    this.onOpenPatient = onOpenPatient;
    this.onClosed = onClosed;

    $("earlier").addEventListener("click", () => this.#loadEarlier());
    $("back").addEventListener("click", () => this.#back());
    $("mark-unread").addEventListener("click", () => this.#markUnread());
    $("unknown-add").addEventListener("click", () => onAddPatient(this.#open.phone));

    this.#hold = new Hold({ onConsent: (open, consent) => this.#settled(open, consent) });
    this.#composer = new Composer({ onSent: (open, message) => this.#sent(open, message), onTyping: () => {} });
    this.#thread = new Thread({
      onDecide: (message, action) => this.#decide(message, action),
      onShowAll: (message) => this.#showAll(message),
    });
    this.#toBottom = holdBottom($("thread-scroll"), $("thread"));
    // A text that arrives in the open conversation was read once somebody does something there.
    for (const type of ["pointerdown", "keyup"]) {
      $("conversation").addEventListener(type, (event) => {
        if (event.target !== $("mark-unread")) this.#markRead();
      });
    }
  }

  get phone() { return this.#open?.phone ?? null; }

  use(session, staffName, kept) {
    this.#session = session;
    this.#thread.staffName = staffName;
    this.#composer.use(session, kept);
    this.#show(null);
  }

  async openPatient(patient, onLoaded) {
    this.#show(opened({ patient, phone: patient.mobile_phone }));
    $("draft").focus();
    await this.reload();
    if (this.#open?.patient?.id !== patient.id) return;
    onLoaded(this.#open.phone, [this.#open.patient, ...this.#open.shares]);
    this.#markRead();
  }

  async openUnknown({ phone, consent, last_message }) {
    const messages = new Map(last_message ? [[last_message.id, last_message]] : []);
    this.#show(opened({ patient: null, phone, consent, messages }));
    $("who").focus();
    await this.reload();
    this.#markRead();
  }

  async reload() {
    const open = this.#open;
    if (!open) return;
    const since = this.#tick;
    try {
      const [patient, page] = await Promise.all([
        open.patient ? this.#session.get(patientPath(open.patient)) : null,
        this.#session.get(`${messagesPath(open)}?limit=${PAGE}`),
      ]);
      if (open !== this.#open) return;
      if (patient) this.#takePatient(open, patient, since);
      // After a long silence the newest page may not reach what is shown: then start over from it.
      const reaches = page.messages.some(({ id }) => open.messages.get(id)?.tick <= since);
      if (!reaches) {
        open.messages = new Map([...open.messages].filter(([, message]) => message.tick > since));
        open.next = page.next;
      }
      page.messages.forEach((message) => take(open, message, 0));
      open.loaded = true;
      open.problem = "";
      this.#render();
    } catch (problem) {
      this.#failed(open, problem);
    }
  }

  onEvent(type, data) {
    const open = this.#open;
    if (!open || data.phone !== open.phone) return;
    this.#tick += 1;
    if (type === "consent.changed") {
      open.consentTick = this.#tick;
      this.#setConsent(data.consent);
    } else if (type === "message.received" || type === "message.updated") {
      take(open, data.message, this.#tick);
    }
    this.#render();
  }

  #show(open) {
    this.#open = open;
    this.#composer.show(open);
    this.#render();
    this.#toBottom();
  }

  #takePatient(open, { consent, shares_phone_with, ...record }, since) {
    open.patient = record;
    open.phone = record.mobile_phone;
    open.shares = shares_phone_with ?? [];
    if ((open.consentTick ?? 0) <= since) this.#setConsent(consent);
  }

  #setConsent(consent) {
    const open = this.#open;
    const isBack = open.consent?.state === "opted_out" && consent.state === "opted_in";
    if (isBack) this.#composer.clearProblem();
    open.consent = consent;
    const mark = markOf(consent);
    if (mark) open.marks.set(mark.id, mark);
  }

  // An event may have told it already, and what has happened since.
  #settled(open, consent) {
    if (open !== this.#open || (open.consentTick ?? 0) >= this.#tick) return;
    this.#setConsent(consent);
    this.#render();
  }

  #sent(open, message) {
    take(open, message, 0);
    this.#render();
    this.#toBottom();
  }

  async #loadEarlier() {
    const open = this.#open;
    try {
      const page = await this.#session.get(`${messagesPath(open)}?before=${encodeURIComponent(open.next)}&limit=${PAGE}`);
      if (open !== this.#open) return;
      page.messages.forEach((message) => take(open, message, 0));
      open.next = page.next;
      keepPlaceBelow($("thread-scroll"), () => this.#render());
      if (open.next === null) $("thread-scroll").focus({ preventScroll: true });
    } catch (problem) {
      this.#failed(open, problem);
    }
  }

  async #showAll(message) {
    const open = this.#open;
    try {
      const whole = await this.#session.get(`${patientPath(open.patient)}/messages/${encodeURIComponent(message.id)}`);
      if (open !== this.#open) return;
      open.messages.set(whole.id, { ...whole, tick: open.messages.get(whole.id)?.tick ?? 0 });
      keepPlaceBelow($("thread-scroll"), () => this.#render());
    } catch (problem) {
      this.#failed(open, problem);
    }
  }

  async #decide(message, { method, path, body }) {
    const open = this.#open;
    try {
      const answer = await this.#session.call(method, `${patientPath(open.patient)}/messages/${encodeURIComponent(message.id)}${path}`, { body });
      take(open, answer, 0);
      open.problem = "";
    } catch (problem) {
      open.problem = problem.message;
    }
    if (open !== this.#open) return;
    this.#render();
  }

  async #markRead() {
    const open = this.#open;
    if (!open || this.#reading || !this.#hasUnread()) return;
    this.#reading = true;
    try {
      // A text that arrives meanwhile stays unread: nobody has seen it.
      const seen = [...open.messages.values()].sort(inOrder).at(-1);
      const upTo = seen ? `?up_to=${encodeURIComponent(seen.id)}` : "";
      await this.#session.post(`${conversationPath(open)}/read${upTo}`);
      this.onRead(open.phone);
    } catch (problem) {
      this.#failed(open, problem);
    }
    this.#reading = false;
    this.#render();
  }

  // The inbox may not reach down to this conversation: then any text of the patient counts as unread.
  #hasUnread() {
    const known = this.unreadOf(this.#open.phone);
    return known === undefined ? [...this.#open.messages.values()].some((message) => message.direction === "inbound") : known > 0;
  }

  async #markUnread() {
    const open = this.#open;
    try {
      await this.#session.post(`${conversationPath(open)}/unread`);
      this.#back();
    } catch (problem) {
      this.#failed(open, problem);
    }
  }

  #failed(open, problem) {
    if (open !== this.#open) return;
    open.problem = problem.message;
    this.#render();
  }

  #back() {
    const phone = this.phone;
    this.#show(null);
    this.onClosed(phone);
  }

  #render() {
    const open = this.#open;
    $("panel-prm").dataset.open = open !== null;
    $("conversation").hidden = open === null;
    $("nothing-open").hidden = open !== null;
    this.#hold.render(open, this.#session);
    if (open === null) return $("thread").replaceChildren();

    const { patient, consent } = open;
    const who = patient ? nameOf(patient) : phoneWords(open.phone);
    setText($("who"), who);
    setText($("who-details"), patient
      ? [phoneWords(open.phone), patient.date_of_birth ? `born ${birthWords(patient.date_of_birth)}` : ""].filter(Boolean).join(" · ")
      : "Unknown number");
    setText($("consent-words"), consentWords(consent, this.practice.number));
    $("consent").hidden = $("consent-words").textContent === "";
    setAttribute($("consent"), "data-state", consent?.state ?? null);
    this.#renderShares();

    const { messages } = this.#thread.render(open, { who, unreadCount: this.unreadOf(open.phone) ?? 0 });
    $("earlier").hidden = open.next === null;
    $("mark-unread").hidden = !messages.some((message) => message.direction === "inbound");
    $("thread-empty").hidden = messages.length > 0;
    setText($("thread-empty"), open.loaded ? firstWords(consent) : "Loading…");
    setText($("conversation-problem"), open.problem);

    $("unknown").hidden = patient !== null;
    $("draft-form").hidden = patient === null;
    if (patient) setText($("draft-label"), `Draft a message to ${who}`);
    this.#composer.render();
  }

  #renderShares() {
    const { shares } = this.#open;
    $("shares").hidden = shares.length === 0;
    const buttons = shares.map((other) =>
      el("button", { type: "button", class: "plain", onclick: () => this.onOpenPatient({ ...other, mobile_phone: this.phone }) }, nameOf(other)));
    const words = shares.map((other) => other.id).join(" ");
    if ($("shares").dataset.who === words) return;
    $("shares").dataset.who = words;
    $("shares").replaceChildren("Same phone, same thread: ", ...buttons);
  }
}

function opened({ patient, phone, consent = null, messages = new Map() }) {
  return { patient, phone, consent, shares: [], messages, marks: new Map(), next: null, loaded: false, problem: "" };
}

// A message changes many times within a second; what an event said is never replaced by an older answer.
function take(open, message, tick) {
  const known = open.messages.get(message.id);
  if (known) {
    const [before, after] = [moment(known.updated_at), moment(message.updated_at)];
    if (after < before || (after === before && tick === 0)) return;
  }
  open.messages.set(message.id, { ...message, tick });
}

function firstWords(consent) {
  return consent?.state === "none"
    ? "No texts yet. Your first message waits until the patient answers the invitation with YES."
    : "No texts yet.";
}

function patientPath({ id }) {
  return `/patients/${encodeURIComponent(id)}`;
}

function conversationPath({ phone }) {
  return `/conversations/${encodeURIComponent(phone)}`;
}

// The thread of a patient is there before anything was said; that of a number only then.
function messagesPath(open) {
  return `${open.patient ? patientPath(open.patient) : conversationPath(open)}/messages`;
}
