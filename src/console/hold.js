// What staff say about consent in the open conversation: what a probable opt-out means, and that the patient asked.

import { $, setAttribute, setText } from "./dom.js";
import { whenWords } from "./words.js";

export class Hold {
  #open = null;
  #session = null;
  #busy = false;

  // `onConsent` hears what the daemon answered, for the conversation that was asked about.
  constructor({ onConsent }) {
    this.onConsent = onConsent;
    $("hold-opt-out").addEventListener("click", () => this.#settle("opt_out"));
    $("hold-release").addEventListener("click", () => this.#settle("release"));
    $("opt-out").addEventListener("click", () => this.#ask(true));
    $("opt-out-back").addEventListener("click", () => this.#ask(false));
    $("opt-out-form").addEventListener("submit", (event) => this.#optOut(event));
    $("opt-out-form").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#ask(false);
    });
  }

  render(open, session) {
    this.#session = session;
    if (open !== this.#open) {
      this.#open = open;
      this.#close();
      setText($("hold-problem"), "");
    }
    const { state, hold, evidence } = open?.consent ?? {};
    $("hold").hidden = !hold;
    if (hold) {
      setText($("hold-words"), `“${hold.words}”`);
      setText($("hold-until"), `Nothing goes out until you say what the patient meant. Unanswered, it counts as an opt-out on ${whenWords(hold.ends_at)}.`);
    }
    $("may-mean-appointment").hidden = !(state === "opted_out" && evidence?.may_mean_appointment);
    const canOptOut = Boolean(open?.patient) && state !== undefined && state !== "opted_out";
    $("opt-out").hidden = !canOptOut;
    if (!canOptOut) this.#close();
  }

  async #settle(decision) {
    await this.#tell($("hold-problem"), (open) =>
      this.#session.post(`/conversations/${encodeURIComponent(open.phone)}/hold`, { decision }));
  }

  async #optOut(event) {
    event.preventDefault();
    const reason = $("opt-out-reason").value.trim();
    if (reason === "") {
      setText($("opt-out-problem"), "Say how the patient asked: it is what proves the opt-out.");
      return $("opt-out-reason").focus();
    }
    await this.#tell($("opt-out-problem"), (open) =>
      this.#session.post(`/patients/${encodeURIComponent(open.patient.id)}/opt-out`, { reason }));
  }

  async #tell(place, call) {
    const open = this.#open;
    if (!open || this.#busy) return;
    this.#setBusy(true);
    setText(place, "");
    try {
      const { consent } = await call(open);
      this.onConsent(open, consent);
    } catch (problem) {
      if (open === this.#open) setText(place, problem.fields?.get("reason") ?? problem.message);
    }
    this.#setBusy(false);
  }

  #setBusy(isBusy) {
    this.#busy = isBusy;
    for (const id of ["hold-opt-out", "hold-release", "opt-out-send"]) setAttribute($(id), "aria-disabled", isBusy ? "true" : null);
  }

  #ask(isAsked) {
    if (isAsked) {
      $("opt-out-form").hidden = false;
      setAttribute($("opt-out"), "aria-expanded", "true");
      $("opt-out-reason").focus();
    } else {
      this.#close();
      $("opt-out").focus();
    }
  }

  #close() {
    $("opt-out-form").hidden = true;
    setAttribute($("opt-out"), "aria-expanded", "false");
    $("opt-out-reason").value = "";
    setText($("opt-out-problem"), "");
  }
}
