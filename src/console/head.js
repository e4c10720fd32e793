// The head of the open conversation: who it is with, and whether they agreed to texts.

import { $, el, setAttribute, setText } from "./dom.js";
import { birthWords, consentWords, nameOf, phoneWords } from "./words.js";

export class Head {
  constructor({ practice, onOpenPatient }) {
    Object.assign(this, { practice, onOpenPatient });
  }

  render({ patient, phone, consent, shares }, who) {
    setText($("who"), who);
    setText($("who-details"), patient
      ? [phoneWords(phone), patient.date_of_birth ? `born ${birthWords(patient.date_of_birth)}` : ""].filter(Boolean).join(" · ")
      : "Unknown number");
    setText($("consent-words"), consentWords(consent, this.practice.number));
    $("consent").hidden = $("consent-words").textContent === "";
    setAttribute($("consent"), "data-state", consent?.state ?? null);
    this.#renderShares(shares);
  }

  #renderShares(shares) {
    $("shares").hidden = shares.length === 0;
    const words = shares.map((other) => other.id).join(" ");
    if ($("shares").dataset.who === words) return;
    $("shares").dataset.who = words;
    const buttons = shares.map((other) =>
      el("button", { type: "button", class: "plain", onclick: () => this.onOpenPatient(other) }, nameOf(other)));
    $("shares").replaceChildren("Same phone, same thread: ", ...buttons);
  }
}
