// Settings, Staff: a site administrator gives and takes the permission Patient Text Administrator.

import { $, el, patch, setText } from "./dom.js";

export class Settings {
  #session = null;
  #staff = [];
  #loaded = null;
  #saving = new Set();

  constructor({ onChanged }) {
    this.onChanged = onChanged;
    $("staff-again").addEventListener("click", () => this.#load());
  }

  use(session) {
    this.#session = session;
    this.#staff = [];
    this.#loaded = null;
    this.#render();
    setText($("staff-problem"), "");
    $("staff-closed").hidden = true;
    $("staff-again").hidden = true;
  }

  // Who was refused once is not asked about again until they say so.
  open() {
    if (this.#loaded !== "refused") this.#load();
  }

  async #load() {
    const session = this.#session;
    try {
      const { staff } = await session.get("/staff");
      if (session !== this.#session) return;
      this.#staff = staff;
      this.#loaded = "staff";
      setText($("staff-problem"), "");
      $("staff-closed").hidden = true;
      $("staff-again").hidden = true;
      this.#render();
    } catch (problem) {
      if (session !== this.#session) return;
      const refused = problem.status === 403;
      this.#loaded = refused ? "refused" : null;
      if (refused) this.#staff = [];
      this.#render();
      setText($("staff-closed"), "Only a site administrator can see and change staff permissions.");
      $("staff-closed").hidden = !refused;
      $("staff-again").hidden = false;
      setText($("staff-problem"), refused ? "" : problem.message);
    }
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
    const session = this.#session;
    const toggle = $(`texting-${id}`);
    if (this.#saving.has(id)) {
      toggle.checked = !toggle.checked;
      return;
    }
    this.#saving.add(id);
    toggle.setAttribute("aria-busy", "true");
    const { name, site_administrator } = this.#staff.find((person) => person.id === id);
    const record = { name, site_administrator, patient_text_administrator: toggle.checked };
    let failure = "";
    try {
      await session.put(`/staff/${encodeURIComponent(id)}`, record);
      this.#staff = this.#staff.map((person) => (person.id === id ? { id, ...record } : person));
    } catch (problem) {
      failure = problem.message;
    }
    this.#saving.delete(id);
    toggle.removeAttribute("aria-busy");
    if (session !== this.#session) return;
    setText($("staff-problem"), failure);
    this.#render();
    if (failure === "") this.onChanged(id);
  }
}
