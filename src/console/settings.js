// Settings: one part of it at a time.

import { Audit } from "./audit.js";
import { $, setAttribute } from "./dom.js";
import { PracticeSection } from "./practice.js";
import { Staff } from "./staff.js";
import { Templates } from "./templates.js";
import { Webhooks } from "./webhooks.js";

export class Settings {
  #parts;
  #shown = "staff";

  constructor({ onStaffChanged, staffName }) {
    this.#parts = {
      staff: new Staff({ onChanged: onStaffChanged }),
      practice: new PracticeSection(),
      templates: new Templates(),
      webhooks: new Webhooks(),
      audit: new Audit({ staffName }),
    };
    for (const name of Object.keys(this.#parts)) $(`part-${name}`).addEventListener("click", () => this.#show(name));
  }

  use(session) {
    for (const part of Object.values(this.#parts)) part.use(session);
  }

  open() {
    this.#show(this.#shown);
  }

  #show(shown) {
    this.#shown = shown;
    for (const name of Object.keys(this.#parts)) {
      setAttribute($(`part-${name}`), "aria-current", name === shown ? "true" : null);
      $(`settings-${name}`).hidden = name !== shown;
    }
    this.#parts[shown].open();
  }
}
