// What came of telling a webhook: every event, how often it was tried, and what was answered.

import { $, el, patch, setText } from "./dom.js";
import { silenceWords, whenWords } from "./words.js";

const STATUS = { delivered: "Delivered", retrying: "Tried again", failed: "Failed" };

export class Deliveries {
  #session = null;
  #path = null;
  #deliveries = [];
  #next = null;

  constructor({ say }) {
    this.say = say;
    $("deliveries-more").addEventListener("click", () => this.#load());
  }

  use(session) {
    this.#session = session;
    this.#path = null;
    $("deliveries").hidden = true;
  }

  async open(path, url) {
    this.#path = path;
    this.#deliveries = [];
    this.#next = null;
    setText($("deliveries-title"), `What ${url} was told`);
    $("deliveries").hidden = false;
    await this.#load();
    $("deliveries-title").focus();
  }

  async #load() {
    const path = this.#path;
    const before = this.#next ? `?before=${encodeURIComponent(this.#next)}` : "";
    await this.#told(async () => {
      const { deliveries, next } = await this.#session.get(`${path}/deliveries${before}`);
      if (path !== this.#path) return;
      this.#deliveries = [...this.#deliveries, ...deliveries];
      this.#next = next;
      this.#render();
    });
  }

  #render() {
    $("deliveries-more").hidden = this.#next === null;
    setText($("deliveries-empty"), this.#deliveries.length === 0 ? "It was told nothing yet." : "");
    patch($("deliveries-list"), this.#deliveries, {
      key: ({ id }) => id,
      make: ({ id }) => el("tr", {},
        el("td", { class: "at" }), el("td", { class: "event" }), el("td", { class: "status" }),
        el("td", {}, el("button", { type: "button", class: "plain", onclick: () => this.#resend(id) }, "Send again"))),
      update: (node, delivery) => {
        setText(node.querySelector(".at"), whenWords(delivery.at));
        setText(node.querySelector(".event"), delivery.event);
        setText(node.querySelector(".status"), statusWords(delivery));
      },
    });
  }

  async #resend(id) {
    const path = this.#path;
    await this.#told(async () => {
      await this.#session.post(`${path}/deliveries/${encodeURIComponent(id)}/resend`);
      this.#deliveries = [];
      this.#next = null;
      await this.#load();
    });
  }

  async #told(act) {
    try {
      await act();
    } catch (problem) {
      this.say(problem.message);
    }
  }
}

function statusWords({ status, attempts, http_status, error, next_attempt_at }) {
  const why = error ? silenceWords(error) : (http_status ? `answered ${http_status}` : "");
  const tries = attempts > 1 ? `, ${attempts} attempts` : "";
  const next = status === "retrying" && next_attempt_at ? `, next at ${whenWords(next_attempt_at)}` : "";
  return `${STATUS[status] ?? status}${tries}${next}${why ? `: ${why}` : ""}`;
}
