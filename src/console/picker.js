// Templates beside the draft: whichever is chosen is written into it, with the patient's own words in its fields.

import { $, arrowKeys, el, patch, setAttribute, setText } from "./dom.js";

export class Picker {
  #session = null;
  #open = null;

  // `onChosen` gets the words of a template as this patient would read them.
  constructor({ onChosen }) {
    this.onChosen = onChosen;
    $("picker-open").addEventListener("click", () => this.#toggle());
    $("picker").addEventListener("keydown", (event) => { if (event.key === "Escape") this.#close(); });
    arrowKeys($("picker-list"));
  }

  use(session) {
    this.#session = session;
  }

  show(open) {
    this.#open = open;
    this.#setOpen(false);
  }

  async #toggle() {
    if (!$("picker").hidden) return this.#close();
    const open = this.#open;
    await this.#told(async () => {
      const { templates } = await this.#session.get("/templates");
      if (open !== this.#open) return;
      this.#setOpen(true);
      setText($("picker-words"), templates.length === 0 ? "There are no templates yet. They are written under Settings, Templates." : "");
      patch($("picker-list"), templates, {
        key: (template) => template.id,
        make: ({ id }) => el("li", {},
          el("button", { type: "button", class: "row-button", onclick: () => this.#choose(id) },
            el("span", { class: "row-name" }),
            el("span", { class: "row-more quiet" }))),
        update: (node, { name, text }) => {
          setText(node.querySelector(".row-name"), name);
          setText(node.querySelector(".row-more"), text);
        },
      });
      $("picker-list").querySelector("button")?.focus();
    });
  }

  async #choose(id) {
    const open = this.#open;
    await this.#told(async () => {
      const { text } = await this.#session.post(`/templates/${encodeURIComponent(id)}/render`, { patient: open.patient.id });
      if (open !== this.#open) return;
      this.#setOpen(false);
      this.onChosen(text);
    });
  }

  async #told(act) {
    try {
      await act();
    } catch (problem) {
      this.#setOpen(true);
      setText($("picker-words"), problem.message);
    }
  }

  #close() {
    this.#setOpen(false);
    $("picker-open").focus();
  }

  #setOpen(isOpen) {
    $("picker").hidden = !isOpen;
    setAttribute($("picker-open"), "aria-expanded", String(isOpen));
    if (!isOpen) setText($("picker-words"), "");
  }
}
