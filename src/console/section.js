// A part of the settings: read when somebody opens it, and closed to whoever may not see it.

import { $, setText } from "./dom.js";

export class Section {
  session = null;
  #state = null;

  // `name` is how its elements' ids begin, `closed` what is said to whoever may not see it.
  constructor(name, closed) {
    Object.assign(this, { name, closed });
    $(`${name}-again`).addEventListener("click", () => this.load());
  }

  // `load` reads what is to be shown, `show` shows it, and nothing of it when there is nothing.
  async read() { throw new Error(`${this.name} reads nothing`); }
  show() { throw new Error(`${this.name} shows nothing`); }

  use(session) {
    this.session = session;
    this.#settle(null);
    this.show(null);
  }

  // Who was refused once is not asked about again until they say so.
  open() {
    if (this.#state !== "refused") this.load();
  }

  async load() {
    const session = this.session;
    try {
      const read = await this.read();
      if (session !== this.session) return;
      this.#settle("read");
      this.show(read);
    } catch (problem) {
      if (session !== this.session) return;
      if (problem.status === 403) {
        this.#settle("refused");
        this.show(null);
      } else {
        this.#settle(null, problem.message);
      }
    }
  }

  say(words) {
    setText($(`${this.name}-problem`), words);
  }

  #settle(state, problem = "") {
    this.#state = state;
    setText($(`${this.name}-closed`), this.closed);
    $(`${this.name}-closed`).hidden = state !== "refused";
    $(`${this.name}-again`).hidden = state !== "refused" && problem === "";
    const body = $(`${this.name}-body`);
    if (body) body.hidden = state === "refused";
    this.say(problem);
  }
}
