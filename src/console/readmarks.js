// Marks the open conversation read, up to what was seen, and unread again.

import { conversationPath } from "./paths.js";
import { inOrder } from "./words.js";

export class ReadMarks {
  #session = null;
  #isAsking = false;

  // `unreadOf` says how many texts from a phone are unread, where that is known; `onRead` hears that none is any more.
  constructor({ unreadOf, onRead }) {
    Object.assign(this, { unreadOf, onRead });
  }

  use(session) {
    this.#session = session;
  }

  async read(open) {
    if (this.#isAsking || !this.#hasUnread(open)) return;
    this.#isAsking = true;
    try {
      // A text that arrives meanwhile stays unread: nobody has seen it.
      const seen = [...open.messages.values()].sort(inOrder).at(-1);
      const upTo = seen ? `?up_to=${encodeURIComponent(seen.id)}` : "";
      await this.#session.post(`${conversationPath(open)}/read${upTo}`);
      this.onRead(open.phone);
    } finally {
      this.#isAsking = false;
    }
  }

  unread(open) {
    return this.#session.post(`${conversationPath(open)}/unread`);
  }

  // The inbox may not reach down to this conversation: then any text of the patient counts as unread.
  #hasUnread({ phone, messages }) {
    const known = this.unreadOf(phone);
    return known === undefined ? [...messages.values()].some((message) => message.direction === "inbound") : known > 0;
  }
}
