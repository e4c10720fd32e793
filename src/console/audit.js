// Settings, Audit: who read, wrote, sent and changed what.

import { $, el, patch } from "./dom.js";
import { Section } from "./section.js";
import { phoneWords, whenWords } from "./words.js";

const PAGE = 100;

export class Audit extends Section {
  #entries = [];
  #next = null;

  constructor({ staffName }) {
    super("audit", "Only a site administrator can see who did what.");
    this.staffName = staffName;
    $("audit-more").addEventListener("click", () => this.#more());
  }

  read() {
    return this.session.get(`/audit?limit=${PAGE}`);
  }

  show(page) {
    this.#entries = page?.entries ?? [];
    this.#next = page?.next ?? null;
    this.#render();
  }

  async #more() {
    try {
      const page = await this.session.get(`/audit?limit=${PAGE}&after=${encodeURIComponent(this.#next)}`);
      this.#entries.push(...page.entries);
      // The log goes on while it is read: its end is where nothing comes after.
      this.#next = page.entries.length > 0 ? page.next : null;
      this.say("");
      this.#render();
    } catch (problem) {
      this.say(problem.message);
    }
  }

  #render() {
    $("audit-more").hidden = this.#next === null;
    patch($("audit-entries"), this.#entries, {
      key: (entry) => entry.id,
      make: (entry) => el("tr", {},
        el("td", {}, el("time", { datetime: entry.at }, whenWords(entry.at))),
        el("td", {}, this.#who(entry.by)),
        el("td", {}, entry.action.replaceAll("_", " ")),
        el("td", {}, [entry.patient, entry.phone && phoneWords(entry.phone), entry.message, entry.subject].filter(Boolean).join(" · ")),
        el("td", { class: "outcome", "data-outcome": entry.outcome }, entry.outcome === "refused" ? `Refused: ${entry.code}` : "Done")),
      update: () => {},
    });
  }

  #who({ kind, staff }) {
    if (staff) return this.staffName(staff);
    return { operator: "The operator", backend: "Stride’s backend", system: "Assent" }[kind] ?? kind;
  }
}
