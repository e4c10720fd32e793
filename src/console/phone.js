// The patient's handset in the demo: the thread between one phone and the practice, over the simulated carrier.

import { callJson, follow, openEvents } from "./api.js";
import { $, announce, el, holdBottom, patch, setText } from "./dom.js";
import { clockWords, moment, nameOf, parsePhone, phoneWords, timeWords } from "./words.js";

const FOLLOW = "follow";
const OTHER = "other";

export class Handset {
  #patients = new Map();
  #followed = null;
  #other = null;
  #shown = null;
  #texts = new Map();
  #drafts = new Map();
  #toBottom;
  #listening = new AbortController();
  #unseen = 0;

  constructor({ simulator, practice, isSeen, onUnseen }) {
    this.simulator = simulator;
    this.practice = practice;
    this.isSeen = isSeen;
    this.onUnseen = onUnseen;

    setText($("phone-with"), practice.name);
    setText($("phone-with-number"), phoneWords(practice.number));
    setText($("phone-avatar"), initials(practice.name));
    setText($("phone-clock"), clockWords(new Date()));
    setInterval(() => setText($("phone-clock"), clockWords(new Date())), 10_000);

    $("handset").append(el("option", { value: FOLLOW }), el("option", { value: OTHER }, "Another number…"));
    $("handset").addEventListener("change", () => this.#choose());
    $("other-handset").addEventListener("submit", (event) => this.#chooseOther(event));
    $("phone-form").addEventListener("submit", (event) => this.#submit(event));
    $("phone-text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#submit(event);
    });
    $("phone-quick").addEventListener("click", (event) => {
      if (event.target.value) this.#send(event.target.value);
    });
    this.#toBottom = holdBottom($("phone-scroll"), $("phone-thread"));
    // A browser opens few connections to one server. A handset that nobody looks at gives its own back.
    document.addEventListener("visibilitychange", () => this.#listen());
    $("phone").hidden = false;
    this.#renderChoice();
    this.#choose();
  }

  // Patients whose handsets can be chosen.
  know(patients) {
    for (const patient of patients) if (patient.mobile_phone) this.#patients.set(patient.id, patient);
    this.#renderChoice();
  }

  // The patient that is open in the PRM.
  follow(phone, patients) {
    this.#followed = { phone, name: patients.map(nameOf).join(", ") };
    this.#renderChoice();
    if ($("handset").value === FOLLOW) this.#choose();
  }

  seen() {
    this.#unseen = 0;
    this.onUnseen(0);
  }

  #renderChoice() {
    const select = $("handset");
    const follow = select.querySelector(`option[value=${FOLLOW}]`);
    setText(follow, this.#followed
      ? `Open in the PRM: ${this.#followed.name || phoneWords(this.#followed.phone)}`
      : "The patient open in the PRM");
    const other = select.querySelector(`option[value=${OTHER}]`);
    const known = [...this.#patients.values()].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
    for (const patient of known) {
      const words = `${nameOf(patient)} · ${phoneWords(patient.mobile_phone)}`;
      const value = `patient:${patient.id}`;
      let option = [...select.options].find((each) => each.value === value);
      option ??= el("option", { value });
      setText(option, words);
      if (!option.isConnected) select.insertBefore(option, other);
    }
  }

  #choose() {
    const choice = $("handset").value;
    $("other-handset").hidden = choice !== OTHER;
    if (choice === FOLLOW) this.#show(this.#followed?.phone ?? null);
    else if (choice === OTHER) this.#show(this.#other);
    else this.#show(this.#patients.get(choice.slice("patient:".length)).mobile_phone);
  }

  #chooseOther(event) {
    event.preventDefault();
    this.#other = parsePhone($("other-handset-phone").value);
    setText($("other-handset-problem"), this.#other ? "" : "Enter a mobile number with ten digits.");
    if (!this.#other) return;
    this.#show(this.#other);
    $("phone-text").focus();
  }

  #show(phone) {
    if (phone === this.#shown && phone !== null) return;
    if (this.#shown) this.#drafts.set(this.#shown, $("phone-text").value);
    this.#shown = phone;
    this.#texts = new Map();
    $("phone-text").value = this.#drafts.get(phone) ?? "";
    setText($("phone-problem"), "");
    for (const control of $("phone").querySelectorAll("#phone-form textarea, #phone-form button, #phone-quick button")) {
      control.disabled = phone === null;
    }
    this.#render();
    this.#listen();
  }

  #listen() {
    this.#listening.abort();
    if (this.#shown === null || document.hidden) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const url = `${this.simulator}/phones/${encodeURIComponent(this.#shown)}`;
    follow({
      signal,
      open: (lastEventId) => openEvents(`${url}/events`, { lastEventId, signal }),
      onOpen: async () => {
        try {
          const { messages } = await callJson("GET", `${url}/messages`);
          if (signal.aborted) return;
          for (const text of messages) this.#take(text);
          this.#render();
          this.#toBottom();
        } catch (problem) {
          if (!signal.aborted) setText($("phone-problem"), problem.message);
        }
      },
      onEvent: (type, text) => {
        if (type !== "message") return;
        const isNew = !this.#texts.has(text.id);
        this.#take(text);
        this.#render();
        if (isNew && text.direction === "to_phone" && this.#isOurs(text)) this.#received(text);
      },
      onRefused: (problem) => setText($("phone-problem"), problem.message),
    });
  }

  #take(text) {
    const known = this.#texts.get(text.id);
    // A text that was answered once stays answered, whichever of two reads arrives last.
    this.#texts.set(text.id, { ...text, answered: text.answered || Boolean(known?.answered) });
  }

  #isOurs(text) {
    const digits = (number) => String(number).replace(/\D/g, "");
    const other = text.direction === "to_phone" ? text.from : text.to;
    return digits(other) === digits(this.practice.number);
  }

  #received(text) {
    announce(`On the patient’s phone: ${text.text}`);
    if (this.isSeen()) return;
    this.#unseen += 1;
    this.onUnseen(this.#unseen);
  }

  #render() {
    const texts = [...this.#texts.values()]
      .filter((text) => this.#isOurs(text))
      .sort((a, b) => moment(a.at).localeCompare(moment(b.at)));
    $("phone-empty").hidden = texts.length > 0;
    setText($("phone-empty"), this.#shown === null ? "Open a patient in the PRM, or choose whose phone this is." : "No texts yet.");
    patch($("phone-thread"), texts, {
      key: (text) => text.id,
      make: makeBubble,
      update: updateBubble,
    });
  }

  async #submit(event) {
    event.preventDefault();
    const typed = $("phone-text").value;
    if (typed.trim() === "") return;
    const sent = await this.#send(typed);
    if (sent && $("phone-text").value === typed) $("phone-text").value = "";
  }

  async #send(words) {
    const phone = this.#shown;
    if (phone === null) return false;
    try {
      const text = await callJson("POST", `${this.simulator}/phones/${encodeURIComponent(phone)}/messages`,
        { body: { to: this.practice.number, text: words } });
      setText($("phone-problem"), "");
      if (phone === this.#shown && text) {
        this.#take(text);
        this.#render();
        this.#toBottom();
      }
      return true;
    } catch (problem) {
      setText($("phone-problem"), problem.message);
      return false;
    }
  }
}

function makeBubble(text) {
  const mine = text.direction === "from_phone";
  return el("li", { class: mine ? "bubble mine" : "bubble", "data-direction": text.direction },
    el("span", { class: "visually-hidden" }, mine ? "Patient: " : "Practice: "),
    el("p", { class: "bubble-text" }),
    el("p", { class: "bubble-meta" }));
}

function updateBubble(node, text) {
  setText(node.querySelector(".bubble-text"), text.text);
  const state = text.direction === "from_phone" ? (text.answered ? " · Delivered" : " · Sending…") : "";
  setText(node.querySelector(".bubble-meta"), timeWords(text.at) + state);
}

function initials(name) {
  return name.split(/\s+/).slice(0, 2).map((word) => word[0] ?? "").join("").toUpperCase();
}
