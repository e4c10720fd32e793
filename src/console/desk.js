// Who looks after the open conversation: to whom it is assigned, whether it is closed, and its tags.

import { $, el, patch, setAttribute, setText } from "./dom.js";
import { conversationPath } from "./paths.js";

export class Desk {
  me = null;
  staffName = (id) => id;
  #session = null;
  #people;
  #open = null;
  #busy = false;

  // `people` are the staff to whom it may be assigned, as far as they are known; `onRow` hears of what was answered.
  constructor({ people, onRow }) {
    this.#people = people.map(({ id }) => id);
    this.onRow = onRow;
    $("assigned").addEventListener("change", () => this.#change({ assigned_to: $("assigned").value || null }));
    $("close").addEventListener("click", () => this.#change({ closed: !this.#open?.row?.closed }));
    $("tag-form").addEventListener("submit", (event) => this.#addTag(event));
  }

  render(open, session) {
    this.#session = session;
    if (open !== this.#open) {
      this.#open = open;
      $("tag").value = "";
      this.#say("");
    }
    const row = open?.row;
    $("desk").hidden = !row;
    if (!row) return;
    this.#renderPeople(row.assigned_to);
    setText($("close"), row.closed ? "Reopen" : "Close");
    patch($("tags"), row.tags ?? [], {
      key: (tag) => tag,
      make: (tag) => el("li", { class: "tag" }, tag,
        el("button", { type: "button", class: "untag", "aria-label": `Remove tag ${tag}`, onclick: () => this.#removeTag(tag) }, "×")),
      update: () => {},
    });
  }

  #renderPeople(assigned) {
    const ids = [...new Set([this.me, ...this.#people, assigned])].filter(Boolean);
    patch($("assigned"), ["", ...ids], {
      key: (id) => id || "nobody",
      make: (id) => el("option", { value: id }),
      update: (node, id) => setText(node, id === "" ? "Nobody" : id === this.me ? `${this.staffName(id)} (me)` : this.staffName(id)),
    });
    if (document.activeElement !== $("assigned") && !this.#busy) $("assigned").value = assigned ?? "";
  }

  #addTag(event) {
    event.preventDefault();
    const tag = $("tag").value.trim();
    if (tag === "") return;
    $("tag").value = "";
    this.#change((row) => ({ tags: [...new Set([...(row.tags ?? []), tag])] }));
  }

  #removeTag(tag) {
    $("tag").focus();
    this.#change((row) => ({ tags: (row.tags ?? []).filter((each) => each !== tag) }));
  }

  // `change` is what is to be so, or how it follows from what is: the latter is tried again when a colleague was faster.
  async #change(change) {
    const open = this.#open;
    if (!open?.row || this.#busy) return;
    this.#setBusy(true);
    try {
      this.#take(open, await this.#ask(open, change));
      this.#say("");
    } catch (problem) {
      if (open === this.#open) this.#say(problem.message);
    }
    this.#setBusy(false);
    if (this.#open) this.render(this.#open, this.#session);
  }

  async #ask(open, change) {
    const follows = typeof change === "function";
    const asked = () => this.#session.patch(conversationPath(open), follows ? change(open.row) : change, open.etag);
    try {
      return await asked();
    } catch (problem) {
      if (problem.status !== 412) throw problem;
      this.#take(open, await this.#session.read(conversationPath(open)));
      if (follows) return asked();
      throw new Error("A colleague has just changed this conversation. What is shown is how it stands now.");
    }
  }

  #take(open, { body, etag }) {
    Object.assign(open, { row: body, etag });
    this.onRow(body);
  }

  #say(words) {
    setText($("desk-problem"), words);
  }

  #setBusy(isBusy) {
    this.#busy = isBusy;
    for (const id of ["close", "assigned"]) setAttribute($(id), "aria-busy", isBusy ? "true" : null);
  }
}
