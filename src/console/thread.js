// What was said, in order: texts of both sides with what became of them, and what became of consent in between.

import { actionsOn } from "./actions.js";
import { $, el, patch, setAttribute, setText } from "./dom.js";
import { consentMarkWords, inOrder, kindWords, markWords, statusWords, timeWords } from "./words.js";

export class Thread {
  me = null;
  staffName = (id) => id;

  // `onDecide` hears which action was chosen for which message, `onShowAll` which message is to be read to its end.
  constructor({ onDecide, onShowAll }) {
    this.onDecide = onDecide;
    this.onShowAll = onShowAll;
  }

  // `unreadCount` are the newest texts of the patient that nobody has read, `who` is the patient.
  render(open, { who, unreadCount }) {
    const messages = [...open.messages.values()].sort(inOrder);
    const inbound = messages.filter((message) => message.direction === "inbound");
    const unread = new Set(inbound.slice(Math.max(0, inbound.length - unreadCount)).map((message) => message.id));
    const oldest = messages[0]?.created_at;
    const marks = [...open.marks.values()].filter(({ created_at }) => open.next === null || created_at >= oldest);
    const notes = [...open.notes.values()].filter(({ created_at }) => open.next === null || created_at >= oldest);
    const readers = readersOf(open.row);
    patch($("thread"), [...messages, ...marks, ...notes].sort(inOrder), {
      key: (item) => item.id,
      make: (item) => (item.consent ? makeMark() : item.isNote ? makeNote() : makeMessage(item)),
      update: (node, item) => {
        if (item.consent) return updateMark(node, item, this.staffName);
        if (item.isNote) return updateNote(node, item, this.staffName);
        this.#updateReaders(node, readers.get(item.id) ?? []);
        this.#updateMessage(node, item, who, unread.has(item.id));
      },
    });
    return { messages };
  }

  #updateReaders(node, readers) {
    const others = readers.filter(({ staff }) => staff !== this.me);
    const words = others.map(({ staff, at }) => `${this.staffName(staff)}, ${timeWords(at)}`);
    const line = node.querySelector(".message-readers");
    line.hidden = words.length === 0;
    setText(line, words.length > 0 ? `Read up to here by ${words.join("; ")}` : "");
  }

  #updateMessage(node, message, who, isUnread) {
    const isSystem = message.direction === "outbound" && message.kind !== "text";
    setAttribute(node, "data-status", message.status);
    setAttribute(node, "data-unread", isUnread ? "true" : null);
    const author = message.direction === "inbound" ? who : isSystem ? `Automatic · ${kindWords(message)}` : this.staffName(message.staff);
    setText(node.querySelector(".message-author"), author);
    setText(node.querySelector("time"), timeWords(message.created_at));
    setAttribute(node.querySelector("time"), "datetime", message.created_at);
    setText(node.querySelector(".message-text"), message.text);
    const segments = message.segments > 1 ? ` · ${message.segments} segments` : "";
    setText(node.querySelector(".message-status"), message.direction === "inbound" ? markWords(message) : statusWords(message) + segments);
    this.#updateActions(node.querySelector(".message-actions"), message);
    const all = node.querySelector(".message-all");
    all.hidden = !message.marks?.includes("shortened");
    all.onclick = () => this.onShowAll(message);
    node.querySelector(".message-new").hidden = !isUnread;
  }

  #updateActions(node, message) {
    const actions = actionsOn(message);
    const names = actions.map(({ name }) => name).join();
    if (node.dataset.names === names) return;
    node.dataset.names = names;
    // The button that was pressed goes; whoever pressed it stays here.
    if (node.contains(document.activeElement)) $("thread-scroll").focus({ preventScroll: true });
    node.replaceChildren(...actions.map((action) =>
      el("button", { type: "button", class: "plain", onclick: () => this.onDecide(message, action) }, action.name)));
  }
}

// What became of consent, as an item of the thread; null where it stands as it began.
export function markOf(consent) {
  if (!consent?.since || !["opted_in", "opted_out"].includes(consent.state)) return null;
  return { id: `consent ${consent.state} ${consent.since}`, created_at: consent.since, consent };
}

// Who has read up to which message.
function readersOf(row) {
  const readers = new Map();
  for (const reader of row?.readers ?? []) readers.set(reader.message, [...(readers.get(reader.message) ?? []), reader]);
  return readers;
}

function makeNote() {
  return el("li", { class: "note" },
    el("p", { class: "message-head" },
      el("span", { class: "note-mark" }, "Internal note"),
      el("span", { class: "message-author" }),
      el("time", {})),
    el("p", { class: "note-text" }));
}

function updateNote(node, note, staffName) {
  setText(node.querySelector(".message-author"), staffName(note.staff));
  setText(node.querySelector("time"), timeWords(note.created_at));
  setAttribute(node.querySelector("time"), "datetime", note.created_at);
  setText(node.querySelector(".note-text"), note.text);
}

function makeMark() {
  return el("li", { class: "mark-line" }, el("p", {}, el("span", { class: "mark-words" }), " ", el("time", {})));
}

function updateMark(node, { consent }, staffName) {
  setAttribute(node, "data-state", consent.state);
  setText(node.querySelector(".mark-words"), consentMarkWords(consent, staffName));
  setText(node.querySelector("time"), timeWords(consent.since));
  setAttribute(node.querySelector("time"), "datetime", consent.since);
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
    el("p", { class: "message-readers", hidden: true }),
    el("button", { type: "button", class: "plain message-all", hidden: true }, "Show all of it"));
}
