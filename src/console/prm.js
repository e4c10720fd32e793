// Patient Texting in the PRM: finds a patient, shows the inbox, and holds the open conversation.

import { $, announce, arrowKeys } from "./dom.js";
import { Conversation } from "./conversation.js";
import { Inbox, whoWords } from "./inbox.js";
import { Search, renderPatients } from "./search.js";

const EVENTS = new Set(["message.received", "message.updated", "consent.changed", "unread.changed", "conversation.updated"]);

export class Prm {
  #suggested = [];
  // Phones with which there are texts, as far as that was seen.
  #texted = new Set();

  constructor({ practice, people, onPatients, onOpened, onAddPatient }) {
    Object.assign(this, { onPatients, onOpened });
    this.inbox = new Inbox({
      practice,
      onRow: (row) => {
        this.#texted.add(row.phone);
        onPatients(withPhone(row));
      },
      onOpen: (row) => this.#openRow(row),
    });
    this.search = new Search({
      onFound: onPatients,
      onChosen: (patient) => this.openPatient(patient),
      onActive: (isActive) => { $("inbox-box").hidden = isActive; },
    });
    this.conversation = new Conversation({
      practice,
      people,
      unreadOf: (phone) => this.inbox.row(phone)?.unread,
      onRead: (phone) => this.inbox.setUnread(phone, 0),
      onRow: (row) => this.inbox.take(row),
      onOpenPatient: (patient, phone) => this.openPatient(patient, phone),
      onAddPatient,
      onClosed: (phone) => { this.#render(); this.inbox.focus(phone); },
    });
    this.inbox.hasDraft = (patient) => this.conversation.composer.hasDraft(patient);
    arrowKeys($("suggestions"), { before: $("search") });
  }

  // Another person works here now: nothing of the one before stays on the screen.
  use(session, { me, staffName, kept }) {
    Object.assign(this.inbox, { me, staffName });
    this.#suggested = [];
    this.#texted = new Set();
    this.inbox.use(session);
    this.search.use(session);
    this.conversation.use(session, { me, staffName, kept });
    this.#render();
  }

  suggest(patients) {
    this.#suggested = patients;
    this.#render();
  }

  async reload() {
    await Promise.all([this.inbox.reload(), this.conversation.reload()]);
    this.#render();
  }

  // At their own phone, or at another `phone` that is linked to them.
  openPatient(patient, phone = patient.mobile_phone) {
    this.search.end();
    this.onOpened(phone ?? null, [patient]);
    this.conversation.openPatient(patient, phone, (loaded, patients) => {
      this.onOpened(loaded, patients);
      this.#render();
    });
    this.#render();
  }

  onEvent(type, data) {
    if (type === "message.received") announce(`New text from ${whoWords(data.phone, data.patients)}: ${data.message.text}`);
    if (EVENTS.has(type)) {
      this.#texted.add(data.phone);
      this.onPatients(withPhone(data));
      this.inbox.onEvent(type, data);
    }
    this.conversation.onEvent(type, data);
    this.#render();
  }

  #openRow(row) {
    const [first] = row.patients;
    // The number of a link is not the one in the patient's record.
    if (first) return this.openPatient(first.linked ? first : { ...first, mobile_phone: row.phone }, row.phone);
    this.onOpened(row.phone, []);
    this.conversation.openUnknown(row);
    this.#render();
  }

  #render() {
    this.inbox.openPhone = this.conversation.phone;
    this.inbox.render();
    const quiet = this.#suggested.filter((patient) => !this.#texted.has(patient.mobile_phone));
    $("suggestions-box").hidden = quiet.length === 0;
    renderPatients($("suggestions"), quiet, (patient) => this.openPatient(patient));
  }
}

// Whose own phone it is; a number that is linked to a patient is not the one in their record.
function withPhone({ phone, patients }) {
  return (patients ?? []).filter(({ linked }) => !linked).map((patient) => ({ ...patient, mobile_phone: phone }));
}
