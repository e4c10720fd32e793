// Settings, Templates: texts that are written once, with fields for what differs from patient to patient.

import { Problem, freshId } from "./api.js";
import { $, el, patch, setAttribute, setText } from "./dom.js";
import { Section } from "./section.js";
import { languageWords } from "./words.js";

const FIELDS = ["name", "text", "language"];

export class Templates extends Section {
  // What is written: { id, etag }, where a new one has no tag.
  #edited = null;

  constructor() {
    super("templates", "Only staff with the permission Patient Text Administrator can see and change templates.");
    $("template-new").addEventListener("click", () => this.#edit(null));
    $("template-back").addEventListener("click", () => this.#close());
    $("template-form").addEventListener("submit", (event) => this.#save(event));
    $("template-delete").addEventListener("click", () => this.#delete());
    for (const button of $("template-fields").querySelectorAll("button")) {
      button.addEventListener("click", () => this.#insert(button.value));
    }
  }

  async read() {
    return (await this.session.get("/templates")).templates;
  }

  show(templates) {
    if (templates === null) this.#setOpen(false);
    setText($("templates-empty"), templates?.length === 0 ? "There are no templates yet." : "");
    patch($("templates-list"), templates ?? [], {
      key: (template) => template.id,
      make: ({ id }) => el("li", {},
        el("button", { type: "button", class: "row-button", onclick: () => this.#edit(id) },
          el("span", { class: "row-name" }),
          el("span", { class: "row-time quiet" }),
          el("span", { class: "row-more quiet" }))),
      update: (node, { name, text, language, segments }) => {
        setText(node.querySelector(".row-name"), name);
        setText(node.querySelector(".row-time"), `${languageWords(language)} · ${segments === 1 ? "1 segment" : `up to ${segments} segments`}`);
        setText(node.querySelector(".row-more"), text);
      },
    });
  }

  async #edit(id) {
    const { body, etag } = id === null ? { body: { name: "", text: "", language: "en" }, etag: null } : await this.#read(id);
    if (!body) return;
    this.#edited = { id: id ?? freshId(), etag };
    for (const field of FIELDS) $(`template-${field}`).value = body[field];
    this.#problems(new Map());
    $("template-delete").hidden = etag === null;
    this.#setOpen(true);
    $("template-name").focus();
  }

  async #read(id) {
    try {
      return await this.session.read(`/templates/${encodeURIComponent(id)}`);
    } catch (problem) {
      this.say(problem.message);
      return { body: null, etag: null };
    }
  }

  async #save(event) {
    event.preventDefault();
    const { id, etag } = this.#edited;
    const template = Object.fromEntries(FIELDS.map((field) => [field, $(`template-${field}`).value]));
    await this.#settled(() => this.session.replace(`/templates/${encodeURIComponent(id)}`, template, etag));
  }

  async #delete() {
    const { id, etag } = this.#edited;
    await this.#settled(() => this.session.remove(`/templates/${encodeURIComponent(id)}`, etag));
  }

  async #settled(call) {
    try {
      await call();
      this.#close();
      await this.load();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      const isOfField = FIELDS.some((field) => problem.fields.has(field));
      const general = problem.status === 412 ? "A colleague has changed this template meanwhile. Go back, and open it again." : problem.message;
      this.#problems(problem.fields, isOfField ? "" : general);
    }
  }

  #problems(fields, general = "") {
    for (const field of FIELDS) {
      setText($(`template-${field}-problem`), fields.get(field) ?? "");
      setAttribute($(`template-${field}`), "aria-invalid", fields.has(field) ? "true" : null);
    }
    setText($("template-problem"), general);
  }

  #insert(field) {
    const box = $("template-text");
    box.setRangeText(field, box.selectionStart, box.selectionEnd, "end");
    box.focus();
  }

  #close() {
    this.#setOpen(false);
    $("template-new").focus();
  }

  #setOpen(isOpen) {
    $("template-form").hidden = !isOpen;
    $("template-new").hidden = isOpen;
    $("templates-list").hidden = isOpen;
  }
}
