// What somebody has typed and not sent. It outlives a reload, in this tab alone and for this person alone: a computer that
// several people use keeps nothing once the tab is closed or they have signed out.

const PREFIX = "assent.draft.";

export class Kept {
  #prefix;

  constructor(practice, staff) {
    this.#prefix = `${PREFIX}${JSON.stringify([practice, staff])}.`;
  }

  all() {
    const names = Object.keys(sessionStorage).filter((name) => name.startsWith(this.#prefix));
    return new Map(names.map((name) => [name.slice(this.#prefix.length), JSON.parse(sessionStorage.getItem(name))]));
  }

  read(id) {
    return JSON.parse(sessionStorage.getItem(this.#prefix + id));
  }

  keep(id, draft) {
    try {
      sessionStorage.setItem(this.#prefix + id, JSON.stringify(draft));
    } catch (error) {
      // A browser may keep nothing: then a draft lives as long as the page.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  drop(id) {
    sessionStorage.removeItem(this.#prefix + id);
  }
}

export function forgetDrafts() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
}
