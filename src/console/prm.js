// Patient Texting in the PRM: finds a patient, shows the inbox, and holds the open conversation.

import { $, announce, arrowKeys, el, patch, setAttribute, setText } from "./dom.js";
import { Conversation } from "./conversation.js";
import { birthWords, consentWords, inOrder, moment, nameOf, phoneWords, searchTerm, timeWords, unreadWords } from "./words.js";

const SEARCH_PAUSE_MS = 250;

export class Prm {
  #session = null;
  #inbox = new Map();
  #next = null;
  #found = null;
  #suggested = [];
  // Counts events, so that what an event said is not overwritten by an older answer still on its way.
  #tick = 0;
  #searchTimer = null;
  #searches = 0;

  constructor({ practice, onPatients, onOpened, onAddPatient }) {
    this.practice = practice;
    this.onPatients = onPatients;
    this.onOpened = onOpened;
    this.conversation = new Conversation({
      practice,
      unreadOf: (phone) => this.#inbox.get(phone)?.unread,
      onRead: (phone) => this.#setUnread(phone, 0),
      onOpenPatient: (patient) => this.openPatient(patient),
      onAddPatient,
      onClosed: (phone) => this.#closed(phone),
    });

    $("search").addEventListener("input", () => this.#searchSoon());
    $("search").addEventListener("keydown", (event) => this.#searchKey(event));
    $("inbox-more").addEventListener("click", () => this.#loadMore());
    arrowKeys($("results"), { before: $("search") });
    arrowKeys($("inbox"), { before: $("search") });
    arrowKeys($("suggestions"), { before: $("search") });
  }

  // Another person works here now: nothing of the one before stays on the screen.
  use(session, staffName, kept) {
    this.#session = session;
    this.#inbox = new Map();
    this.#next = null;
    this.#suggested = [];
    this.#endSearch();
    this.conversation.use(session, staffName, kept);
    this.#render();
  }

  suggest(patients) {
    this.#suggested = patients;
    this.#render();
  }

  async reload() {
    const session = this.#session;
    const since = this.#tick;
    const opened = this.conversation.reload();
    const { conversations, next } = await session.get("/conversations");
    if (session !== this.#session) return;
    const touched = [...this.#inbox.values()].filter((row) => row.tick > since);
    this.#inbox = new Map();
    this.#next = next;
    this.#take(conversations, since);
    for (const row of touched) this.#inbox.set(row.phone, row);
    this.#render();
    await opened;
  }

  openPatient(patient) {
    this.#endSearch();
    this.onOpened(patient.mobile_phone ?? null, [patient]);
    this.conversation.openPatient(patient, (phone, patients) => {
      this.onOpened(phone, patients);
      this.#render();
    });
    this.#render();
  }

  onEvent(type, data) {
    this.#tick += 1;
    switch (type) {
      case "message.received":
        announce(`New text from ${whoWords(data.phone, data.patients)}: ${data.message.text}`);
        this.#lastMessage(data);
        break;
      case "message.updated":
        this.#lastMessage(data);
        break;
      case "consent.changed":
        this.#row(data).consent = data.consent;
        break;
      case "unread.changed":
        this.#row(data).unread = data.conversation_unread;
        break;
      default:
        return;
    }
    this.onPatients(withPhone(data));
    this.conversation.onEvent(type, data);
    this.#render();
  }

  #row({ phone, patients }) {
    const row = this.#inbox.get(phone) ?? { phone, patients, consent: null, unread: 0, last_message: null };
    row.tick = this.#tick;
    if (patients) row.patients = patients;
    this.#inbox.set(phone, row);
    return row;
  }

  #lastMessage(data) {
    const row = this.#row(data);
    const last = row.last_message;
    if (!last || inOrder(last, data.message) <= 0) row.last_message = data.message;
  }

  #setUnread(phone, count) {
    this.#tick += 1;
    const row = this.#inbox.get(phone);
    if (row) Object.assign(row, { unread: count, tick: this.#tick });
    this.#render();
  }

  #take(conversations, since) {
    for (const conversation of conversations) {
      const row = this.#inbox.get(conversation.phone);
      if (!row || row.tick <= since) this.#inbox.set(conversation.phone, { ...conversation, tick: since });
      this.onPatients(withPhone(conversation));
    }
  }

  async #loadMore() {
    const session = this.#session;
    const since = this.#tick;
    try {
      const { conversations, next } = await session.get(`/conversations?before=${encodeURIComponent(this.#next)}`);
      if (session !== this.#session) return;
      this.#next = next;
      this.#take(conversations, since);
      this.#render();
    } catch (problem) {
      setText($("search-status"), problem.message);
    }
  }

  #searchSoon() {
    clearTimeout(this.#searchTimer);
    this.#searches += 1;
    if ($("search").value.trim() === "") return this.#endSearch();
    this.#searchTimer = setTimeout(() => this.#search(), SEARCH_PAUSE_MS);
  }

  async #search() {
    const search = (this.#searches += 1);
    const term = searchTerm($("search").value);
    try {
      const { patients } = await this.#session.get(`/patients?search=${encodeURIComponent(term)}`);
      if (search !== this.#searches) return;
      this.#found = patients;
      this.onPatients(patients);
      setText($("search-status"), patients.length === 0 ? "No patient found." : patients.length === 1 ? "1 patient found." : `${patients.length} patients found.`);
    } catch (problem) {
      if (search !== this.#searches) return;
      this.#found = [];
      setText($("search-status"), problem.message);
    }
    this.#render();
  }

  #searchKey(event) {
    if (event.key === "Escape") this.#endSearch();
    if (event.key !== "ArrowDown") return;
    const first = $("prm-side").querySelector("ul:not([hidden]) button.row-button");
    if (!first) return;
    event.preventDefault();
    first.focus();
  }

  #endSearch() {
    clearTimeout(this.#searchTimer);
    this.#searches += 1;
    this.#found = null;
    if ($("search").value !== "") $("search").value = "";
    setText($("search-status"), "");
    this.#render();
  }

  #openRow(row) {
    if (row.patients.length > 0) {
      const { patients } = row;
      this.openPatient({ ...patients[0], mobile_phone: row.phone });
    } else {
      this.onOpened(row.phone, []);
      this.conversation.openUnknown(row);
      this.#render();
    }
  }

  #closed(phone) {
    const row = $("inbox").querySelector(`[data-key="${CSS.escape(phone ?? "")}"] button`);
    (row ?? $("search")).focus();
    this.#render();
  }

  #render() {
    const searching = this.#found !== null;
    $("results").hidden = !searching;
    $("inbox-box").hidden = searching;
    patch($("results"), this.#found ?? [], {
      key: (patient) => patient.id,
      make: (patient) => this.#makePatient(patient),
      update: updatePatient,
    });

    const rows = [...this.#inbox.values()].sort(newestFirst);
    patch($("inbox"), rows, {
      key: (row) => row.phone,
      make: (row) => makeRow(() => this.#openRow(this.#inbox.get(row.phone))),
      update: (node, row) => this.#updateRow(node, row),
    });
    $("inbox-more").hidden = this.#next === null;
    $("inbox-empty").hidden = rows.length > 0;
    setText($("inbox-empty"), "No texts yet. Search for a patient to write the first one.");

    const withTexts = new Set(rows.map((row) => row.phone));
    const quiet = this.#suggested.filter((patient) => !withTexts.has(patient.mobile_phone));
    $("suggestions-box").hidden = quiet.length === 0;
    patch($("suggestions"), quiet, {
      key: (patient) => patient.id,
      make: (patient) => this.#makePatient(patient),
      update: updatePatient,
    });
  }

  #makePatient(patient) {
    return el("li", {},
      el("button", { type: "button", class: "row-button", onclick: () => this.openPatient(patient) },
        el("span", { class: "row-name" }),
        el("span", { class: "row-more quiet" })));
  }

  #updateRow(node, row) {
    const button = node.querySelector("button");
    setAttribute(button, "aria-current", this.conversation.phone === row.phone ? "true" : null);
    setAttribute(button, "data-unread", row.unread > 0 ? "true" : null);
    setText(node.querySelector(".row-name"), whoWords(row.phone, row.patients));
    setText(node.querySelector(".row-time"), row.last_message ? timeWords(row.last_message.created_at) : "");
    const last = row.last_message;
    setText(node.querySelector(".row-last"), last ? `${last.direction === "outbound" ? "You: " : ""}${last.text}` : consentWords(row.consent, this.practice.number));
    const badge = node.querySelector(".badge");
    badge.hidden = row.unread === 0;
    setText(badge.firstElementChild, String(row.unread));
    setText(badge.lastElementChild, unreadWords(row.unread));
    const state = row.consent?.hold ? "May want no more texts"
      : row.patients.length === 0 ? "Unknown number"
      : { invited: "Waiting for YES", opted_out: "Opted out" }[row.consent?.state] ?? "";
    setText(node.querySelector(".row-state"), state);
    setAttribute(node.querySelector(".row-state"), "data-state", row.consent?.state ?? null);
  }
}

function makeRow(open) {
  return el("li", {},
    el("button", { type: "button", class: "row-button", onclick: open },
      el("span", { class: "row-name" }),
      el("span", { class: "row-time quiet" }),
      el("span", { class: "row-last quiet" }),
      el("span", { class: "badge", hidden: true },
        el("span", { "aria-hidden": "true" }),
        el("span", { class: "visually-hidden" })),
      el("span", { class: "row-state" })));
}

function updatePatient(node, patient) {
  setText(node.querySelector(".row-name"), nameOf(patient));
  setText(node.querySelector(".row-more"), `${birthWords(patient.date_of_birth)} · ${phoneWords(patient.mobile_phone)}`);
}

function whoWords(phone, patients) {
  return patients?.length ? patients.map(nameOf).join(", ") : phoneWords(phone);
}

function withPhone({ phone, patients }) {
  return (patients ?? []).map((patient) => ({ ...patient, mobile_phone: phone }));
}

function newestFirst(a, b) {
  const at = (row) => (row.last_message ? moment(row.last_message.created_at) : "");
  return at(b).localeCompare(at(a));
}
