// Settings, Webhooks: where the practice's own programs hear of what happens, and what came of telling them.

import { Problem, freshId } from "./api.js";
import { Deliveries } from "./deliveries.js";
import { $, el, patch, setAttribute, setText } from "./dom.js";
import { Section } from "./section.js";
import { silenceWords, whenWords } from "./words.js";

export class Webhooks extends Section {
  #deliveries = new Deliveries({ say: (words) => this.say(words) });

  constructor() {
    super("webhooks", "Only a site administrator can see and change webhooks.");
    $("webhook-form").addEventListener("submit", (event) => this.#add(event));
  }

  use(session) {
    super.use(session);
    this.#deliveries.use(session);
    this.#showSecret(null);
  }

  async read() {
    return (await this.session.get("/webhooks")).webhooks;
  }

  show(webhooks) {
    setText($("webhooks-empty"), webhooks?.length === 0 ? "Nothing is told to anybody yet." : "");
    patch($("webhooks-list"), webhooks ?? [], {
      key: (webhook) => webhook.id,
      make: (webhook) => this.#make(webhook),
      update: (node, webhook) => {
        setText(node.querySelector("strong"), webhook.url);
        setText(node.querySelector(".webhook-state"), stateWords(webhook));
        setAttribute(node, "data-failing", webhook.failing_since ? "true" : null);
        setText(node.querySelector("[name=switch]"), webhook.enabled ? "Pause" : "Resume");
        node.querySelector("[name=switch]").onclick = () => this.#put(webhook.id, { url: webhook.url, events: webhook.events ?? undefined, enabled: !webhook.enabled });
      },
    });
  }

  #make({ id, url }) {
    const path = `/webhooks/${encodeURIComponent(id)}`;
    const button = (name, act) => el("button", { type: "button", class: "plain", "aria-label": `${name} ${url}`, onclick: act }, name);
    return el("li", { class: "webhook" },
      el("p", {}, el("strong", {})),
      el("p", { class: "webhook-state quiet small" }),
      el("p", { class: "webhook-actions" },
        button("Send a test", () => this.#test(path)),
        button("Show log", () => this.#told(() => Promise.all([this.load(), this.#deliveries.open(path, url)]))),
        button("New secret", () => this.#told(async () => this.#showSecret(await this.session.post(`${path}/secret`)))),
        el("button", { type: "button", class: "plain", name: "switch" }),
        button("Delete", () => this.#told(async () => { await this.session.delete(path); await this.load(); }))));
  }

  async #add(event) {
    event.preventDefault();
    await this.#put(freshId(), { url: $("webhook-url").value.trim(), enabled: true }, () => { $("webhook-url").value = ""; });
  }

  async #put(id, webhook, then = () => {}) {
    await this.#told(async () => {
      const stored = await this.session.put(`/webhooks/${encodeURIComponent(id)}`, webhook);
      then();
      if (stored.secret) this.#showSecret(stored);
      await this.load();
    });
  }

  async #test(path) {
    await this.#told(async () => {
      setText($("webhook-tested"), "Sending a test…");
      setText($("webhook-tested"), testWords(await this.session.post(`${path}/test`)));
      await this.load();
    });
  }

  #showSecret(shown) {
    $("webhook-secret-box").hidden = !shown;
    setText($("webhook-secret"), shown?.secret ?? "");
  }

  async #told(act) {
    try {
      this.say("");
      await act();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setText($("webhook-tested"), "");
      this.say(problem.fields.get("url") ?? problem.message);
    }
  }
}

function stateWords({ enabled, disabled, failing_since, last_status, last_error }) {
  const heard = last_error ? silenceWords(last_error) : last_status ? `answered ${last_status}` : "";
  if (disabled) return `Stopped on ${whenWords(disabled.at)}: ${disabled.because === "gone" ? "it said that it is gone" : "it took nothing for days"}`;
  if (!enabled) return "Paused";
  if (failing_since) return `Failing since ${whenWords(failing_since)}: ${heard}`;
  return heard ? `Works: ${heard}` : "Waits for something to tell";
}

function testWords({ status, http_status, error }) {
  if (status === "delivered") return `The test was taken: answered ${http_status}.`;
  return `The test was not taken: ${error ? silenceWords(error) : `answered ${http_status}`}.`;
}
