// Search for patient: by name, phone or birth date, while it is typed.

import { $, arrowKeys, el, patch, setText } from "./dom.js";
import { birthWords, nameOf, phoneWords, searchTerm } from "./words.js";

// Nobody searches for every letter.
const PAUSE_MS = 250;

export class Search {
  #session = null;
  #found = null;
  #timer = null;
  #searches = 0;

  // `onFound` hears of patients that were found, `onChosen` of the one that was chosen, `onActive` whether a search goes on.
  constructor({ onFound, onChosen, onActive }) {
    Object.assign(this, { onFound, onChosen, onActive });
    $("search").addEventListener("input", () => this.#soon());
    $("search").addEventListener("keydown", (event) => this.#key(event));
    arrowKeys($("results"), { before: $("search") });
  }

  use(session) {
    this.#session = session;
    this.end();
  }

  end() {
    clearTimeout(this.#timer);
    this.#searches += 1;
    this.#found = null;
    if ($("search").value !== "") $("search").value = "";
    setText($("search-status"), "");
    this.#render();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#searches += 1;
    if ($("search").value.trim() === "") return this.end();
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  async #ask() {
    const search = (this.#searches += 1);
    const term = searchTerm($("search").value);
    try {
      const { patients } = await this.#session.get(`/patients?search=${encodeURIComponent(term)}`);
      if (search !== this.#searches) return;
      this.#found = patients;
      this.onFound(patients);
      setText($("search-status"), foundWords(patients.length));
    } catch (problem) {
      if (search !== this.#searches) return;
      this.#found = [];
      setText($("search-status"), problem.message);
    }
    this.#render();
  }

  #key(event) {
    if (event.key === "Escape") this.end();
    if (event.key !== "ArrowDown") return;
    const first = $("prm-side").querySelector("ul:not([hidden]) button.row-button");
    if (!first) return;
    event.preventDefault();
    first.focus();
  }

  #render() {
    const isActive = this.#found !== null;
    $("results").hidden = !isActive;
    this.onActive(isActive);
    renderPatients($("results"), this.#found ?? [], this.onChosen);
  }
}

export function foundWords(count) {
  return count === 0 ? "No patient found." : count === 1 ? "1 patient found." : `${count} patients found.`;
}

// A list of patients, each a button.
export function renderPatients(list, patients, onChosen) {
  patch(list, patients, {
    key: (patient) => patient.id,
    make: (patient) => el("li", {},
      el("button", { type: "button", class: "row-button", onclick: () => onChosen(patient) },
        el("span", { class: "row-name" }),
        el("span", { class: "row-more quiet" }))),
    update: (node, patient) => {
      setText(node.querySelector(".row-name"), nameOf(patient));
      setText(node.querySelector(".row-more"), `${birthWords(patient.date_of_birth)} · ${phoneWords(patient.mobile_phone)}`);
    },
  });
}
