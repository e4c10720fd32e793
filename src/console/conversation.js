// The open conversation: who it is with, whether they agreed to texts, what was said, and the draft.

import { Composer } from "./composer.js";
import { Desk } from "./desk.js";
import { $, holdBottom, keepPlaceBelow, setText } from "./dom.js";
import { Head } from "./head.js";
import { Hold } from "./hold.js";
import { Linking } from "./linking.js";
import { Notes } from "./notes.js";
import { opened, take, takeConsent } from "./opened.js";
import { conversationPath, messagesPath, patientPath } from "./paths.js";
import { Presence } from "./presence.js";
import { ReadMarks } from "./readmarks.js";
import { Thread } from "./thread.js";
import { nameOf, phoneWords } from "./words.js";

const PAGE = 50;

export class Conversation {
  #session = null;
  // What is open, as opened.js makes it, or null.
  #open = null;
  #tick = 0;
  #toBottom;

  constructor({ practice, people, unreadOf, onRead, onRow, onOpenPatient, onAddPatient, onClosed }) {
    Object.assign(this, { unreadOf, onRow, onOpenPatient, onClosed });
    $("earlier").addEventListener("click", () => this.#loadEarlier());
    $("back").addEventListener("click", () => this.#back());
    $("mark-unread").addEventListener("click", () => this.#markUnread());
    $("unknown-add").addEventListener("click", () => onAddPatient(this.#open.phone));

    this.head = new Head({ practice, onOpenPatient: (patient) => this.#openOther(patient) });
    this.hold = new Hold({ onConsent: (open, consent) => this.#settled(open, consent) });
    this.desk = new Desk({ people, onRow: (row) => { onRow(row); this.#render(); } });
    this.notes = new Notes({ onChanged: () => { this.#render(); this.#toBottom(); } });
    this.presence = new Presence();
    this.readMarks = new ReadMarks({ unreadOf, onRead });
    this.linking = new Linking({
      onLinked: (patient, phone) => onOpenPatient(patient, phone),
      onUnlinked: (open) => this.#unlinked(open),
    });
    this.composer = new Composer({ onSent: (open, message) => this.#sent(open, message), onTyping: () => this.presence.type() });
    this.thread = new Thread({
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

  use(session, { me, staffName, kept }) {
    this.#session = session;
    for (const part of [this.thread, this.desk, this.presence]) Object.assign(part, { me, staffName });
    this.composer.use(session, kept);
    this.notes.use(session, kept);
    this.presence.use(session);
    this.readMarks.use(session);
    this.#show(null);
  }

  // With a patient, at their own phone or at another that is linked to them.
  async openPatient(patient, phone, onLoaded) {
    this.#show(opened({ patient, phone, isLinked: phone !== patient.mobile_phone }));
    $("draft").focus();
    await this.reload();
    const open = this.#open;
    if (open?.patient?.id !== patient.id) return;
    onLoaded(open.phone, [open.patient, ...open.shares]);
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
      const loading = open.patient ? this.#loadPatient(open, since) : null;
      const page = await this.#session.get(`${messagesPath(open)}?limit=${PAGE}`);
      // There is no conversation before anything was said.
      await Promise.all([loading, page.messages.length > 0 ? this.#loadRow(open) : null]);
      if (open !== this.#open) return;
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

  async #loadPatient(open, since) {
    const { consent, shares_phone_with, ...record } = await this.#session.get(patientPath(open.patient));
    open.patient = record;
    // The consent of a patient is that of their own phone.
    if (open.isLinked) return;
    open.phone = record.mobile_phone;
    open.shares = shares_phone_with ?? [];
    if (open === this.#open && (open.consentTick ?? 0) <= since) this.#setConsent(consent);
  }

  // What staff made of the conversation.
  async #loadRow(open) {
    const since = this.#tick;
    const [{ body, etag }] = await Promise.all([this.#session.read(conversationPath(open)), this.notes.load(open)]);
    Object.assign(open, { row: body, etag });
    if (since === this.#tick) this.onRow(body);
    if (open !== this.#open) return;
    // The record of a patient says it of their own phone.
    if ((open.isLinked || !open.patient) && (open.consentTick ?? 0) <= since) this.#setConsent(body.consent);
    this.presence.take(body);
  }

  async #refreshRow(open) {
    try {
      await this.#loadRow(open);
      if (open === this.#open) this.#render();
    } catch (problem) {
      this.#failed(open, problem);
    }
  }

  onEvent(type, data) {
    const open = this.#open;
    if (!open || data.phone !== open.phone) return;
    this.#tick += 1;
    switch (type) {
      case "consent.changed":
        open.consentTick = this.#tick;
        this.#setConsent(data.consent);
        break;
      case "message.received":
      case "message.updated":
        // What becomes of an older text says nothing about who types now.
        if (!open.messages.has(data.message.id)) this.presence.sent(data.message.staff);
        take(open, data.message, this.#tick);
        // There is none before anything was said.
        if (!open.row) this.#refreshRow(open);
        break;
      case "note.added":
        this.notes.onEvent(open, data);
        break;
      case "typing":
        return this.presence.onEvent(data);
      case "conversation.updated":
      case "unread.changed":
        this.#refreshRow(open);
        break;
      default:
        return;
    }
    this.#render();
  }

  #show(open) {
    this.#open = open;
    this.composer.show(open);
    this.notes.show(open);
    this.presence.show(open);
    this.#render();
    this.#toBottom();
  }

  // Somebody else who has the same phone.
  #openOther(patient) {
    this.onOpenPatient({ ...patient, mobile_phone: this.phone }, this.phone);
  }

  #unlinked({ phone, consent }) {
    this.openUnknown({ phone, consent });
  }

  #setConsent(consent) {
    if (takeConsent(this.#open, consent).isBack) this.composer.clearProblem();
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
      await this.notes.loadEarlier(open);
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
      const whole = await this.#session.get(`${messagesPath(open)}/${encodeURIComponent(message.id)}`);
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
      const answer = await this.#session.call(method, `${messagesPath(open)}/${encodeURIComponent(message.id)}${path}`, { body });
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
    if (!open) return;
    try {
      await this.readMarks.read(open);
      this.#render();
    } catch (problem) {
      this.#failed(open, problem);
    }
  }

  async #markUnread() {
    const open = this.#open;
    try {
      await this.readMarks.unread(open);
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
    this.hold.render(open, this.#session);
    this.desk.render(open, this.#session);
    this.linking.render(open, this.#session);
    if (open === null) return $("thread").replaceChildren();

    const { patient, consent } = open;
    const who = patient ? nameOf(patient) : phoneWords(open.phone);
    this.head.render(open, who);
    const { messages } = this.thread.render(open, { who, unreadCount: this.unreadOf(open.phone) ?? 0 });
    $("earlier").hidden = open.next === null;
    $("note-open").hidden = open.row === null;
    $("mark-unread").hidden = !messages.some((message) => message.direction === "inbound");
    $("thread-empty").hidden = messages.length > 0;
    setText($("thread-empty"), open.loaded ? firstWords(consent) : "Loading…");
    setText($("conversation-problem"), open.problem);

    $("unknown").hidden = patient !== null;
    $("draft-form").hidden = patient === null;
    if (patient) setText($("draft-label"), `Draft a message to ${who}`);
    this.composer.render();
  }
}

function firstWords(consent) {
  return consent?.state === "none"
    ? "No texts yet. Your first message waits until the patient answers the invitation with YES."
    : "No texts yet.";
}
