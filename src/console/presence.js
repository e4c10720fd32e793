// Who else is at the open conversation: who types a reply in this moment, so that two people don't answer at once.

import { $, setText } from "./dom.js";
import { conversationPath } from "./paths.js";

// What is told holds for six seconds.
const TOLD_AGAIN_MS = 4_000;

export class Presence {
  me = null;
  staffName = (id) => id;
  #session = null;
  #open = null;
  #toldAt = 0;
  // Until when each colleague types.
  #typing = new Map();
  #timer = null;

  use(session) {
    this.#session = session;
  }

  show(open) {
    this.#open = open;
    this.#toldAt = 0;
    this.#typing = new Map();
    this.#render();
  }

  // What the conversation's own record says.
  take({ typing = [] }) {
    for (const { staff, until } of typing) this.#typing.set(staff, until);
    this.#render();
  }

  onEvent({ staff, until }) {
    this.#typing.set(staff, until);
    this.#render();
  }

  // Who has sent what they typed types no more.
  sent(staff) {
    if (this.#typing.delete(staff)) this.#render();
  }

  // Nobody waits for the answer: a word that is lost is said again with the next letters.
  type() {
    if (!this.#open?.row || Date.now() - this.#toldAt < TOLD_AGAIN_MS) return;
    this.#toldAt = Date.now();
    this.#session.post(`${conversationPath(this.#open)}/typing`).catch(() => {});
  }

  #render() {
    clearTimeout(this.#timer);
    const now = Date.now();
    for (const [staff, until] of this.#typing) if (staff === this.me || new Date(until) <= now) this.#typing.delete(staff);
    const names = [...this.#typing.keys()].map((staff) => this.staffName(staff));
    setText($("typing"), names.length === 0 ? "" : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing a reply…`);
    const ends = [...this.#typing.values()].map((until) => new Date(until) - now);
    if (ends.length > 0) this.#timer = setTimeout(() => this.#render(), Math.min(...ends) + 50);
  }
}
