// The inbox: who said something last, what is unread, and what is to be done, by the filter that is chosen.

import { $, arrowKeys, el, patch, setAttribute, setText } from "./dom.js";
import { FILTERS, filterOf, tagFilter } from "./filters.js";
import { consentWords, inOrder, moment, nameOf, phoneWords, timeWords, unreadWords } from "./words.js";

export class Inbox {
  // Who is signed in.
  me = null;
  // Whose conversation is open: their row stays in sight.
  openPhone = null;
  staffName = (id) => id;
  // Whether something is written to somebody and not sent.
  hasDraft = () => false;
  #session = null;
  #filter = FILTERS[0];
  #rows = new Map();
  #next = null;
  // Whose rows are in the list: the one that is open stays, though reading it took it out of what was asked for.
  #inSight = new Set();
  // Counts events, so that what an event said is not overwritten by an older answer still on its way.
  #tick = 0;
  #asked = 0;

  // `onRow` hears of every row that was read, `onOpen` of the one that was chosen.
  constructor({ practice, onRow, onOpen }) {
    Object.assign(this, { practice, onRow, onOpen });
    $("filter").append(...FILTERS.map(({ id, name }) => new Option(name, id)));
    $("filter").addEventListener("change", () => this.#choose($("filter").value));
    $("inbox-more").addEventListener("click", () => this.#loadMore());
    arrowKeys($("inbox"), { before: $("search") });
  }

  use(session) {
    this.#session = session;
    this.#filter = FILTERS[0];
    $("filter").value = this.#filter.id;
    this.#rows = new Map();
    this.#next = null;
    this.#say("");
    this.render();
  }

  row(phone) { return this.#rows.get(phone); }

  async reload() {
    const asked = (this.#asked += 1);
    const since = this.#tick;
    const { conversations, next } = await this.#session.get(`/conversations?${this.#filter.query}`);
    if (asked !== this.#asked) return;
    const touched = [...this.#rows.values()].filter((row) => row.tick > since);
    this.#rows = new Map();
    this.#next = next;
    this.#take(conversations, since);
    for (const row of touched) this.#rows.set(row.phone, row);
    this.#say("");
    this.render();
  }

  onEvent(type, data) {
    this.#tick += 1;
    const isKnown = this.#rows.has(data.phone);
    const row = this.#touched(data);
    if (type === "consent.changed") row.consent = data.consent;
    else if (type === "unread.changed") row.unread = data.conversation_unread;
    else if (type === "conversation.updated") Object.assign(row, data.conversation, { tick: this.#tick });
    else if (type === "message.received" || type === "message.updated") takeMessage(row, data.message);
    // What the event does not say of a row that is not here is asked for.
    if (!isKnown && type !== "conversation.updated") this.#read(data.phone);
    this.render();
  }

  setUnread(phone, count) {
    this.#tick += 1;
    const row = this.#rows.get(phone);
    if (row) Object.assign(row, { unread: count, tick: this.#tick });
    this.render();
  }

  // What an answer said of a conversation.
  take(conversation) {
    this.#tick += 1;
    this.#rows.set(conversation.phone, { ...this.#rows.get(conversation.phone), ...conversation, tick: this.#tick });
    this.render();
  }

  focus(phone) {
    const row = $("inbox").querySelector(`[data-key="${CSS.escape(phone ?? "")}"] button`);
    (row ?? $("search")).focus();
  }

  render() {
    const rows = [...this.#rows.values()]
      .filter((row) => this.#filter.matches(row, this.me) || (row.phone === this.openPhone && this.#inSight.has(row.phone)))
      .sort(newestFirst);
    this.#inSight = new Set(rows.map(({ phone }) => phone));
    patch($("inbox"), rows, {
      key: (row) => row.phone,
      make: (row) => makeRow(() => this.onOpen(this.#rows.get(row.phone))),
      update: (node, row) => this.#update(node, row),
    });
    $("inbox-more").hidden = this.#next === null;
    $("inbox-empty").hidden = rows.length > 0;
    setText($("inbox-empty"), this.#filter.id === "open"
      ? "No texts yet. Search for a patient to write the first one."
      : `Nothing is here: ${this.#filter.name.toLowerCase()}.`);
    this.#renderTags();
  }

  // Tags can be chosen once they were seen.
  #renderTags() {
    const tags = new Set([...this.#rows.values()].flatMap((row) => row.tags ?? []));
    for (const tag of [...tags].sort()) {
      const { id, name } = tagFilter(tag);
      if (![...$("filter").options].some((option) => option.value === id)) $("filter").append(new Option(name, id));
    }
  }

  async #choose(id) {
    this.#filter = filterOf(id);
    this.#rows = new Map();
    this.#inSight = new Set();
    this.#next = null;
    this.render();
    await this.#told(() => this.reload());
  }

  async #loadMore() {
    const asked = this.#asked;
    const since = this.#tick;
    await this.#told(async () => {
      const before = encodeURIComponent(this.#next);
      const { conversations, next } = await this.#session.get(`/conversations?${this.#filter.query}&cursor=${before}`);
      if (asked !== this.#asked) return;
      this.#next = next;
      this.#take(conversations, since);
      this.render();
    });
  }

  async #read(phone) {
    const session = this.#session;
    const since = this.#tick;
    const row = await session.get(`/conversations/${encodeURIComponent(phone)}`).catch(() => null);
    if (!row || session !== this.#session || this.#rows.get(phone)?.tick > since) return;
    this.take(row);
  }

  async #told(act) {
    try {
      await act();
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  #say(words) {
    setText($("inbox-problem"), words);
  }

  #take(conversations, since) {
    for (const conversation of conversations) {
      const row = this.#rows.get(conversation.phone);
      if (!row || row.tick <= since) this.#rows.set(conversation.phone, { ...conversation, tick: since });
      this.onRow(conversation);
    }
  }

  #touched({ phone, patients }) {
    const row = this.#rows.get(phone) ?? { phone, patients: [], consent: null, unread: 0, last_message: null, tags: [] };
    row.tick = this.#tick;
    if (patients) row.patients = patients;
    this.#rows.set(phone, row);
    return row;
  }

  #update(node, row) {
    const button = node.querySelector("button");
    setAttribute(button, "aria-current", this.openPhone === row.phone ? "true" : null);
    setAttribute(button, "data-unread", row.unread > 0 ? "true" : null);
    setText(node.querySelector(".row-name"), whoWords(row.phone, row.patients));
    const last = row.last_message;
    setText(node.querySelector(".row-time"), last ? timeWords(last.created_at) : "");
    setText(node.querySelector(".row-last"), last ? `${last.direction === "outbound" ? "You: " : ""}${last.text}` : consentWords(row.consent, this.practice.number));
    const badge = node.querySelector(".badge");
    badge.hidden = row.unread === 0;
    setText(badge.firstElementChild, String(row.unread));
    setText(badge.lastElementChild, unreadWords(row.unread));
    setText(node.querySelector(".row-state"), stateWords(row));
    setAttribute(node.querySelector(".row-state"), "data-state", row.undeliverable ? "undeliverable" : row.consent?.state ?? null);
    const about = [
      this.openPhone !== row.phone && row.patients.some((patient) => this.hasDraft(patient)) ? "Draft" : "",
      row.closed ? "Closed" : "",
      row.assigned_to ? this.staffName(row.assigned_to) : "",
      ...(row.tags ?? []).map((tag) => `#${tag}`),
    ].filter(Boolean);
    setText(node.querySelector(".row-about"), about.join(" · "));
  }
}

// What a text changes about its conversation.
function takeMessage(row, message) {
  const last = row.last_message;
  const isNewest = !last || inOrder(last, message) <= 0;
  if (isNewest) row.last_message = message;
  if (message.direction === "inbound") {
    row.closed = false;
    row.waiting_since ??= message.created_at;
  } else if (message.kind === "text" && isNewest) {
    row.waiting_since = null;
    row.undeliverable = ["undelivered", "failed"].includes(message.status);
  }
}

function stateWords(row) {
  if (row.consent?.hold) return "May want no more texts";
  if (row.patients.length === 0) return "Unknown number";
  if (row.consent?.state === "opted_out") return "Opted out";
  if (row.undeliverable) return "Not delivered";
  return row.consent?.state === "invited" ? "Waiting for YES" : "";
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
      el("span", { class: "row-state" }),
      el("span", { class: "row-about quiet" })));
}

export function whoWords(phone, patients) {
  return patients?.length ? patients.map(nameOf).join(", ") : phoneWords(phone);
}

function newestFirst(a, b) {
  const at = (row) => (row.last_message ? moment(row.last_message.created_at) : "");
  return at(b).localeCompare(at(a));
}
