// The open conversation: who it is with, whether they agreed to texts, what was said, and the draft.

import { actionsOn } from "./actions.js";
import { freshId } from "./api.js";
import { $, el, holdBottom, keepPlaceBelow, patch, setAttribute, setText } from "./dom.js";
import { Hold } from "./hold.js";
import { Preview } from "./preview.js";
import { birthWords, consentWords, inOrder, kindWords, markWords, moment, nameOf, phoneWords, statusWords, timeWords } from "./words.js";

const PAGE = 50;

export class Conversation {
  #session = null;
  #staffName = (id) => id;
  // { patient or null, phone, consent, shares, messages, next }, or null when nothing is open.
  #open = null;
  // One draft per patient: { text, key, keyText, sending, problem }.
  #drafts = new Map();
  #tick = 0;
  #reading = false;
  #preview = new Preview();
  #toBottom;
  #hold;

  constructor({ practice, unreadOf, onRead, onOpenPatient, onAddPatient, onClosed }) {
    this.practice = practice;
    this.unreadOf = unreadOf;
    this.onRead = onRead;
    this.onOpenPatient = onOpenPatient;
    this.onClosed = onClosed;

    $("draft").addEventListener("input", () => {
      this.#draft().text = $("draft").value;
      this.#renderDraft();
    });
    $("draft").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send(event);
    });
    $("draft-form").addEventListener("submit", (event) => this.#send(event));
    $("earlier").addEventListener("click", () => this.#loadEarlier());
    $("back").addEventListener("click", () => this.#back());
    $("mark-unread").addEventListener("click", () => this.#markUnread());
    $("unknown-add").addEventListener("click", () => onAddPatient(this.#open.phone));

    this.#hold = new Hold({ onConsent: (open, consent) => this.#settled(open, consent) });
    this.#toBottom = holdBottom($("thread-scroll"), $("thread"));
    // A text that arrives in the open conversation was read once somebody does something there.
    for (const type of ["pointerdown", "keyup"]) {
      $("conversation").addEventListener(type, (event) => {
        if (event.target !== $("mark-unread")) this.#markRead();
      });
    }
  }

  get phone() { return this.#open?.phone ?? null; }

  use(session, staffName) {
    this.#session = session;
    this.#staffName = staffName;
    this.#drafts = new Map();
    this.#preview.use(session);
    this.#open = null;
    this.#render();
  }

  async openPatient(patient, onLoaded) {
    this.#open = { patient, phone: patient.mobile_phone, consent: null, shares: [], messages: new Map(), next: null, loaded: false, problem: "" };
    this.#show();
    $("draft").focus();
    await this.reload();
    if (this.#open?.patient?.id !== patient.id) return;
    onLoaded(this.#open.phone, [this.#open.patient, ...this.#open.shares]);
    this.#markRead();
  }

  openUnknown({ phone, consent, last_message }) {
    const messages = new Map(last_message ? [[last_message.id, last_message]] : []);
    this.#open = { patient: null, phone, consent, shares: [], messages, next: null, loaded: true, problem: "" };
    this.#show();
    $("who").focus();
    this.#markRead();
  }

  async reload() {
    const open = this.#open;
    if (!open?.patient) return;
    const since = this.#tick;
    const path = patientPath(open.patient);
    try {
      const [patient, page] = await Promise.all([
        this.#session.get(path),
        this.#session.get(`${path}/messages?limit=${PAGE}`),
      ]);
      if (open !== this.#open) return;
      const { consent, shares_phone_with, ...record } = patient;
      open.patient = record;
      open.phone = record.mobile_phone;
      open.shares = shares_phone_with ?? [];
      if ((open.consentTick ?? 0) <= since) this.#setConsent(consent);
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

  #show() {
    const draft = this.#draft();
    $("draft").value = draft.text;
    this.#render();
    this.#toBottom();
  }

  #setConsent(consent) {
    const open = this.#open;
    const isBack = open.consent?.state === "opted_out" && consent.state === "opted_in";
    if (isBack) this.#draft().problem = "";
    open.consent = consent;
  }

  // An event may have told it already, and what has happened since.
  #settled(open, consent) {
    if (open !== this.#open || (open.consentTick ?? 0) >= this.#tick) return;
    this.#setConsent(consent);
    this.#render();
  }

  #draft() {
    const id = this.#open?.patient?.id ?? null;
    if (!this.#drafts.has(id)) this.#drafts.set(id, { text: "", key: freshId(), keyText: null, sending: false, problem: "" });
    return this.#drafts.get(id);
  }

  async #send(event) {
    event.preventDefault();
    const open = this.#open;
    const draft = this.#draft();
    const text = draft.text;
    if (!open?.patient || draft.sending || text.trim() === "") return;

    // A key belongs to the words it was first sent with. Sending the same words again is a retry.
    if (draft.keyText !== null && draft.keyText !== text) draft.key = freshId();
    draft.keyText = text;
    draft.sending = true;
    this.#renderDraft();
    try {
      const message = await this.#session.post(`${patientPath(open.patient)}/messages`, { text }, { "Idempotency-Key": draft.key });
      draft.key = freshId();
      draft.keyText = null;
      draft.problem = "";
      if (draft.text === text) draft.text = "";
      if (message) take(open, message, 0);
      if (open === this.#open) {
        if ($("draft").value === text) $("draft").value = "";
        this.#render();
        this.#toBottom();
      }
    } catch (problem) {
      draft.problem = problem.fields?.get("text") ?? problem.message;
    }
    draft.sending = false;
    this.#renderDraft();
  }

  async #loadEarlier() {
    const open = this.#open;
    try {
      const page = await this.#session.get(`${patientPath(open.patient)}/messages?before=${encodeURIComponent(open.next)}&limit=${PAGE}`);
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

  async #markRead() {
    const open = this.#open;
    if (!open || this.#reading || !this.#hasUnread()) return;
    this.#reading = true;
    try {
      // A text that arrives meanwhile stays unread: nobody has seen it.
      const seen = [...open.messages.values()].sort(inOrder).at(-1);
      const upTo = seen ? `?up_to=${encodeURIComponent(seen.id)}` : "";
      await this.#session.post(`/conversations/${encodeURIComponent(open.phone)}/read${upTo}`);
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
      await this.#session.post(`/conversations/${encodeURIComponent(open.phone)}/unread`);
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
    this.#open = null;
    this.#render();
    this.onClosed(phone);
  }

  #render() {
    const open = this.#open;
    $("panel-prm").dataset.open = open !== null;
    $("conversation").hidden = open === null;
    $("nothing-open").hidden = open !== null;
    this.#hold.render(open, this.#session);
    if (open === null) {
      $("draft").value = "";
      $("thread").replaceChildren();
      return;
    }

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

    $("earlier").hidden = open.next === null;
    const messages = [...open.messages.values()].sort(inOrder);
    $("mark-unread").hidden = !messages.some((message) => message.direction === "inbound");
    $("thread-empty").hidden = messages.length > 0;
    setText($("thread-empty"), open.loaded ? firstWords(consent) : "Loading…");
    setText($("conversation-problem"), open.problem);
    const unread = newest(messages.filter((message) => message.direction === "inbound"), this.unreadOf(open.phone) ?? 0);
    patch($("thread"), messages, {
      key: (message) => message.id,
      make: makeMessage,
      update: (node, message) => this.#updateMessage(node, message, who, unread.has(message.id)),
    });

    $("unknown").hidden = patient !== null;
    $("draft-form").hidden = patient === null;
    if (patient) setText($("draft-label"), `Draft a message to ${who}`);
    this.#renderDraft();
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

  #renderDraft() {
    const draft = this.#draft();
    this.#preview.of(draft.text);
    setText($("draft-problem"), draft.problem);
    setText($("draft-send"), draft.sending ? "Sending…" : "Send");
    setAttribute($("draft-send"), "aria-disabled", draft.sending ? "true" : null);
    setAttribute($("draft"), "aria-invalid", draft.problem ? "true" : null);
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
    $("thread-scroll").focus({ preventScroll: true });
  }

  #updateActions(node, message) {
    const actions = this.#open.patient ? actionsOn(message) : [];
    const names = actions.map(({ name }) => name).join();
    if (node.dataset.names === names) return;
    node.dataset.names = names;
    node.replaceChildren(...actions.map((action) =>
      el("button", { type: "button", class: "plain", onclick: () => this.#decide(message, action) }, action.name)));
  }

  #updateMessage(node, message, who, isUnread) {
    const isSystem = message.direction === "outbound" && message.kind !== "text";
    setAttribute(node, "data-status", message.status);
    setAttribute(node, "data-unread", isUnread ? "true" : null);
    const author = message.direction === "inbound" ? who : isSystem ? `Automatic · ${kindWords(message)}` : this.#staffName(message.staff);
    setText(node.querySelector(".message-author"), author);
    setText(node.querySelector("time"), timeWords(message.created_at));
    setAttribute(node.querySelector("time"), "datetime", message.created_at);
    setText(node.querySelector(".message-text"), message.text);
    const segments = message.segments > 1 ? ` · ${message.segments} segments` : "";
    setText(node.querySelector(".message-status"), message.direction === "inbound" ? markWords(message) : statusWords(message) + segments);
    this.#updateActions(node.querySelector(".message-actions"), message);
    const all = node.querySelector(".message-all");
    all.hidden = !message.marks?.includes("shortened") || this.#open.patient === null;
    all.onclick = () => this.#showAll(message);
    node.querySelector(".message-new").hidden = !isUnread;
  }
}

function makeMessage(message) {
  const side = message.direction === "inbound" ? "theirs" : message.kind === "text" ? "ours" : "system";
  return el("li", { class: `message ${side}`, "data-kind": message.kind, "data-direction": message.direction },
    el("p", { class: "message-head" },
      el("span", { class: "message-author" }),
      el("time", {}),
      el("span", { class: "message-new", hidden: true }, "New")),
    el("p", { class: "message-text" }),
    el("p", { class: "message-status" }),
    el("p", { class: "message-actions" }),
    el("button", { type: "button", class: "plain message-all", hidden: true }, "Show all of it"));
}

function newest(messages, count) {
  return new Set(messages.slice(Math.max(0, messages.length - count)).map((message) => message.id));
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
