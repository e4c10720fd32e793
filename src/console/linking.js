// Says whose an unknown number is: a patient who is found by search. It opts nobody in, and it can be undone.

import { $, setAttribute, setText } from "./dom.js";
import { conversationPath, patientPath } from "./paths.js";
import { foundWords, renderPatients } from "./search.js";
import { searchTerm } from "./words.js";

const PAUSE_MS = 250;

export class Linking {
  #session = null;
  #open = null;
  #timer = null;
  #searches = 0;

  // `onLinked` hears whose number it is now, `onUnlinked` that it is nobody's.
  constructor({ onLinked, onUnlinked }) {
    Object.assign(this, { onLinked, onUnlinked });
    $("link-open").addEventListener("click", () => this.#ask($("link-form").hidden));
    $("link-search").addEventListener("input", () => this.#soon());
    $("link-form").addEventListener("keydown", (event) => { if (event.key === "Escape") this.#ask(false); });
    $("unlink").addEventListener("click", () => this.#unlink());
  }

  render(open, session) {
    this.#session = session;
    if (open !== this.#open) {
      this.#open = open;
      this.#setOpen(false);
      setText($("link-problem"), "");
    }
    const linked = open?.row?.patients?.find(({ id }) => id === open.patient?.id)?.linked ?? false;
    $("linked").hidden = !linked;
  }

  #ask(isAsked) {
    this.#setOpen(isAsked);
    $(isAsked ? "link-search" : "link-open").focus();
  }

  #setOpen(isOpen) {
    $("link-form").hidden = !isOpen;
    setAttribute($("link-open"), "aria-expanded", String(isOpen));
    if (isOpen) return;
    $("link-search").value = "";
    this.#searches += 1;
    this.#show([], "");
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#search(), PAUSE_MS);
  }

  async #search() {
    const search = (this.#searches += 1);
    const term = searchTerm($("link-search").value);
    if (term === "") return this.#show([], "");
    try {
      const { patients } = await this.#session.get(`/patients?search=${encodeURIComponent(term)}`);
      if (search === this.#searches) this.#show(patients, foundWords(patients.length));
    } catch (problem) {
      if (search === this.#searches) this.#show([], problem.message);
    }
  }

  #show(patients, words) {
    setText($("link-status"), words);
    renderPatients($("link-results"), patients, (patient) => this.#link(patient));
  }

  async #link(patient) {
    const open = this.#open;
    try {
      await this.#session.put(conversationPath(open) + patientPath(patient));
      if (open === this.#open) this.onLinked(patient, open.phone);
    } catch (problem) {
      if (open === this.#open) setText($("link-status"), problem.message);
    }
  }

  async #unlink() {
    const open = this.#open;
    try {
      await this.#session.call("DELETE", conversationPath(open) + patientPath(open.patient));
      if (open === this.#open) this.onUnlinked(open);
    } catch (problem) {
      if (open === this.#open) setText($("link-problem"), problem.message);
    }
  }
}
