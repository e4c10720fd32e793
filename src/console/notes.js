// Notes that staff leave each other in a thread. A note is written in a box of its own and can't be sent: it has no way there.

import { $, setAttribute, setText } from "./dom.js";
import { conversationPath } from "./paths.js";

const PAGE = 50;

export class Notes {
  #session = null;
  #kept = null;
  #open = null;
  #busy = false;

  // `onChanged` hears that the notes of the open conversation are others now.
  constructor({ onChanged }) {
    this.onChanged = onChanged;
    $("note-open").addEventListener("click", () => this.#ask($("note-form").hidden));
    $("note-form").addEventListener("submit", (event) => this.#submit(event));
    $("note-back").addEventListener("click", () => this.#ask(false));
    $("note").addEventListener("input", () => this.#keep());
    $("note-form").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#ask(false);
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#submit(event);
    });
  }

  use(session, kept) {
    this.#session = session;
    this.#kept = kept;
  }

  // Shows the note that was begun in another conversation, if one was.
  show(open) {
    this.#open = open;
    const begun = open ? this.#kept.read(nameOf(open))?.text ?? "" : "";
    $("note").value = begun;
    this.#setOpen(begun !== "");
    setText($("note-problem"), "");
  }

  async load(open) {
    const { notes, next } = await this.#session.get(`${conversationPath(open)}/notes?limit=${PAGE}`);
    notes.forEach((note) => take(open, note));
    open.nextNotes = next;
  }

  async loadEarlier(open) {
    if (!open.nextNotes) return;
    const before = encodeURIComponent(open.nextNotes);
    const { notes, next } = await this.#session.get(`${conversationPath(open)}/notes?limit=${PAGE}&before=${before}`);
    notes.forEach((note) => take(open, note));
    open.nextNotes = next;
  }

  onEvent(open, { note }) {
    take(open, note);
  }

  #ask(isAsked) {
    this.#setOpen(isAsked);
    $(isAsked ? "note" : "note-open").focus();
  }

  #setOpen(isOpen) {
    $("note-form").hidden = !isOpen;
    setAttribute($("note-open"), "aria-expanded", String(isOpen));
  }

  #keep() {
    if ($("note").value === "") this.#kept.drop(nameOf(this.#open));
    else this.#kept.keep(nameOf(this.#open), { text: $("note").value });
  }

  async #submit(event) {
    event.preventDefault();
    const open = this.#open;
    const text = $("note").value;
    if (!open || this.#busy || text.trim() === "") return;
    this.#busy = true;
    try {
      take(open, await this.#session.post(`${conversationPath(open)}/notes`, { text }));
      this.#kept.drop(nameOf(open));
      if (open === this.#open) {
        $("note").value = "";
        setText($("note-problem"), "");
        this.#ask(false);
        this.onChanged();
      }
    } catch (problem) {
      if (open === this.#open) setText($("note-problem"), problem.fields?.get("text") ?? problem.message);
    }
    this.#busy = false;
  }
}

function take(open, note) {
  open.notes.set(note.id, { ...note, id: `note ${note.id}`, isNote: true });
}

// Under which name a note that was begun is kept.
function nameOf({ phone }) {
  return `note ${phone}`;
}
