// What would become of a draft: how many segments it takes, and which of its characters are sent as others.

import { $, setText } from "./dom.js";
import { previewWords } from "./words.js";

// Nobody asks about every letter.
const PAUSE_MS = 300;

export class Preview {
  #session = null;
  #text = "";
  #timer = 0;

  use(session) {
    this.#session = session;
    this.of("");
  }

  // `text` is what the draft says now. What was said of it before stands until the answer is there: nothing jumps.
  of(text) {
    if (text === this.#text) return;
    this.#text = text;
    clearTimeout(this.#timer);
    if (text.trim() === "") setText($("draft-preview"), "");
    else this.#timer = setTimeout(() => this.#ask(text), PAUSE_MS);
  }

  async #ask(text) {
    // What is wrong with a text that can't be previewed is said when it is sent.
    const preview = await this.#session.post("/preview", { text }).catch(() => null);
    if (text === this.#text) setText($("draft-preview"), preview ? previewWords(preview) : "");
  }
}
