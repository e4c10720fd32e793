// Adds a patient to the practice: a name, a date of birth and a mobile phone, and no case.

import { freshId } from "./api.js";
import { $, setAttribute, setText } from "./dom.js";
import { nameOf, parsePhone, phoneWords } from "./words.js";

const FIELDS = ["first_name", "last_name", "date_of_birth", "mobile_phone"];
const MISSING = {
  first_name: "Enter a first name.",
  last_name: "Enter a last name.",
  date_of_birth: "Enter a date of birth.",
  mobile_phone: "Enter a mobile number with ten digits, such as (303) 555-0123.",
};

export class Patients {
  #session = null;
  #added = null;
  // Kept while the same form is tried again, so that a lost answer does not make a second patient.
  #id = freshId();

  constructor({ onAdded, onOpen }) {
    this.onAdded = onAdded;
    $("patient-form").addEventListener("submit", (event) => this.#submit(event));
    $("patient-added-open").addEventListener("click", () => onOpen(this.#added));
  }

  use(session, permitted) {
    if (session !== this.#session) {
      $("patient-form").reset();
      $("patient-added").hidden = true;
      this.#showProblems(new Map());
    }
    this.#session = session;
    $("patient-form").hidden = !permitted;
    $("patients-intro").hidden = !permitted;
    $("patients-closed").hidden = permitted;
  }

  prefill(phone) {
    $("patient-form").reset();
    $("patient-added").hidden = true;
    this.#showProblems(new Map());
    $("mobile_phone").value = phoneWords(phone);
    $("first_name").focus();
  }

  async #submit(event) {
    event.preventDefault();
    const patient = this.#typed();
    const missing = FIELDS.filter((field) => !patient[field]);
    this.#showProblems(new Map(missing.map((field) => [field, MISSING[field]])));
    if (missing.length > 0) return $(missing[0]).focus();

    const id = this.#id;
    try {
      const stored = await this.#session.put(`/patients/${encodeURIComponent(id)}`, patient);
      this.#added = { ...patient, ...stored, id };
    } catch (problem) {
      const isField = FIELDS.filter((field) => problem.fields.has(field));
      this.#showProblems(problem.fields, isField.length > 0 ? "" : problem.message);
      if (isField.length > 0) $(isField[0]).focus();
      return;
    }
    this.#id = freshId();
    $("patient-form").reset();
    $("patient-added").hidden = false;
    setText($("patient-added-words"), `${nameOf(this.#added)} was added.`);
    setText($("patient-added-open"), `Text ${this.#added.first_name} in the PRM`);
    $("patient-added-open").focus();
    this.onAdded(this.#added);
  }

  #typed() {
    return {
      first_name: $("first_name").value.trim(),
      last_name: $("last_name").value.trim(),
      date_of_birth: $("date_of_birth").value,
      mobile_phone: parsePhone($("mobile_phone").value),
    };
  }

  #showProblems(fields, general = "") {
    for (const field of FIELDS) {
      setText($(`${field}-problem`), fields.get(field) ?? "");
      setAttribute($(field), "aria-invalid", fields.has(field) ? "true" : null);
    }
    setText($("patient-problem"), general);
  }
}
