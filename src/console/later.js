// When a draft is to go: now, or at a time that staff choose, by the clock of the computer that they sit at.

import { $, setAttribute } from "./dom.js";

export class Later {
  constructor({ onChanged }) {
    this.onChanged = onChanged;
    $("later-open").addEventListener("click", () => this.#toggle());
    $("later-at").addEventListener("input", () => onChanged($("later-at").value));
    $("later-form").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
    $("later-now").addEventListener("click", () => this.#close());
  }

  // `at` is a time as `datetime-local` has it, or nothing for now.
  show(at) {
    $("later-at").value = at;
    this.#open(at !== "");
  }

  // What is wrong with a time, or nothing.
  problem(at) {
    if (at === "") return "";
    return new Date(at) > new Date() ? "" : "That time has passed. Choose a later one, or send it now.";
  }

  #toggle() {
    if (!$("later-form").hidden) return this.#close();
    this.#open(true);
    const tomorrow = localWords(tomorrowMorning());
    $("later-at").min = localWords(new Date());
    $("later-at").value = tomorrow;
    this.onChanged(tomorrow);
    $("later-at").focus();
  }

  #close() {
    this.show("");
    this.onChanged("");
    $("later-open").focus();
  }

  #open(isOpen) {
    $("later-form").hidden = !isOpen;
    setAttribute($("later-open"), "aria-expanded", String(isOpen));
  }
}

function tomorrowMorning() {
  const at = new Date();
  at.setDate(at.getDate() + 1);
  at.setHours(9, 0, 0, 0);
  return at;
}

// 2026-03-04T09:00, as `datetime-local` has it.
function localWords(at) {
  const two = (number) => String(number).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
