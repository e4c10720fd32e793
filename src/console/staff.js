// Settings, Staff: a site administrator gives and takes the permission Patient Text Administrator.

import { $, el, patch, setText } from "./dom.js";
import { Section } from "./section.js";

export class Staff extends Section {
  #staff = [];
  #saving = new Set();

  constructor({ onChanged }) {
    super("staff", "Only a site administrator can see and change staff permissions.");
    this.onChanged = onChanged;
  }

  async read() {
    return (await this.session.get("/staff")).staff;
  }

  show(staff) {
    this.#staff = staff ?? [];
    this.#render();
  }

  #render() {
    patch($("staff-list"), this.#staff, {
      key: (person) => person.id,
      make: (person) => this.#make(person),
      update: (node, person) => this.#update(node, person),
    });
  }

  #make({ id }) {
    const toggle = el("input", {
      type: "checkbox",
      role: "switch",
      class: "switch",
      id: `texting-${id}`,
      "aria-labelledby": `texting-words-${id} staff-name-${id}`,
      onchange: () => this.#toggle(id),
    });
    return el("li", { class: "staff-row" },
      el("p", { class: "staff-name" }, el("strong", { id: `staff-name-${id}` }), el("span", { class: "tag" }, "Site Administrator")),
      el("label", { class: "switch-label", for: `texting-${id}` }, el("span", { id: `texting-words-${id}` }, "Patient Text Administrator"), toggle));
  }

  #update(node, person) {
    setText(node.querySelector("strong"), person.name);
    node.querySelector(".tag").hidden = !person.site_administrator;
    if (!this.#saving.has(person.id)) node.querySelector("input").checked = person.patient_text_administrator;
  }

  async #toggle(id) {
    const session = this.session;
    const toggle = $(`texting-${id}`);
    if (this.#saving.has(id)) {
      toggle.checked = !toggle.checked;
      return;
    }
    this.#saving.add(id);
    toggle.setAttribute("aria-busy", "true");
    let failure = "";
    try {
      // What a colleague has changed of it meanwhile stays.
      const path = `/staff/${encodeURIComponent(id)}`;
      const { body: { name, site_administrator }, etag } = await session.read(path);
      const record = { name, site_administrator, patient_text_administrator: toggle.checked };
      await session.replace(path, record, etag);
      this.#staff = this.#staff.map((person) => (person.id === id ? { id, ...record } : person));
    } catch (problem) {
      failure = problem.message;
    }
    this.#saving.delete(id);
    toggle.removeAttribute("aria-busy");
    if (session !== this.session) return;
    this.say(failure);
    this.#render();
    if (failure === "") this.onChanged(id);
  }
}
