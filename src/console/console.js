// The page as one member of staff sees it: what they may see, kept live.

import { Problem, follow } from "./api.js";
import { $, setAttribute, setText } from "./dom.js";
import { showDot, showUnread } from "./dot.js";
import { Kept } from "./kept.js";
import { Handset } from "./phone.js";
import { Patients } from "./patients.js";
import { Prm } from "./prm.js";
import { Settings } from "./settings.js";
import { phoneWords } from "./words.js";

// Whoever writes on need not hear of a connection that is back within a moment.
const LOST_SHOWN_AFTER_MS = 1_500;

export class Console {
  #session = null;
  #staff = null;
  #permitted = false;
  #unreadTick = 0;
  #lostTimer = null;
  #living = new AbortController();

  // `people` are the staff who may be chosen; `sessionOf` makes a session for one of them.
  constructor({ practice, people, sessionOf, simulator = null }) {
    this.practice = practice;
    this.people = people;
    this.sessionOf = sessionOf;
    this.isDemo = simulator !== null;

    setText($("practice-name"), practice.name);
    setText($("practice-number"), practice.number ? `Texting number ${phoneWords(practice.number)}` : "");
    this.handset = this.isDemo ? new Handset({
      simulator,
      practice,
      isSeen: () => !isNarrow() || document.body.dataset.view === "phone",
      onUnseen: (count) => showDot("view-phone", count > 0, `Patient’s phone, ${count} new`),
    }) : null;
    this.prm = new Prm({
      practice,
      people,
      onPatients: (patients) => this.handset?.know(patients),
      onOpened: (phone, patients) => phone && this.handset?.follow(phone, patients),
      onAddPatient: (phone) => { this.#select("patients"); this.patients.prefill(phone); },
    });
    this.patients = new Patients({
      onAdded: (patient) => { this.handset?.know([patient]); this.#reload(); },
      onOpen: (patient) => { this.#select("prm"); this.prm.openPatient(patient); },
    });
    this.settings = new Settings({
      onStaffChanged: (staff) => this.#permissionsChanged(staff),
      staffName: (id) => this.#nameOf(id),
    });

    for (const tab of TABS) $(`tab-${tab}`).addEventListener("click", () => this.#select(tab));
    document.querySelector("[role=tablist]").addEventListener("keydown", (event) => this.#tabKey(event));
    for (const view of ["phone", "stride"]) $(`view-${view}`).addEventListener("click", () => this.#view(view));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#permitted && this.#session) this.#probe();
    });
    $("staff").append(...people.map(({ id, name }) => new Option(name, id)));
    $("staff").addEventListener("change", () => this.signIn($("staff").value));
    $("views").hidden = !this.isDemo;
    document.body.dataset.demo = this.isDemo;
    $("stride").hidden = false;
  }

  async signIn(staff) {
    this.#living.abort();
    this.#staff = staff;
    // What whoever was here before is refused is answered late, and is not about whoever is here now.
    const session = this.sessionOf(staff, () => { if (session === this.#session) this.#forbidden(); });
    this.#session = session;
    this.#permitted = false;
    setAttribute($("stride"), "aria-busy", "true");
    this.#useInPrm();
    this.settings.use(this.#session);
    this.#notice("");
    this.#showUnread({ red_dot: false, conversations: 0, messages: 0 });
    await this.#probe();
  }

  #useInPrm() {
    this.prm.use(this.#session, { me: this.#staff, staffName: (id) => this.#nameOf(id), kept: new Kept(this.practice.id, this.#staff) });
  }

  // The permission is whatever the API says now: it is asked, never assumed.
  async #probe() {
    const session = this.#session;
    try {
      const unread = await session.get("/unread");
      if (session !== this.#session) return;
      this.#permit(unread);
    } catch (problem) {
      if (session !== this.#session) return;
      if (problem.status !== 403) this.#notice(problem.message);
      this.#refuse(problem.status === 403 ? "" : problem.message);
    }
  }

  #permit(unread) {
    const isNew = !this.#permitted;
    this.#permitted = true;
    this.#showUnread(unread);
    this.patients.use(this.#session, true);
    $("tab-prm").hidden = false;
    setAttribute($("stride"), "aria-busy", "false");
    this.#select(this.#selected());
    if (isNew) this.#live();
  }

  #refuse(notice) {
    const wasInside = $("panel-prm").contains(document.activeElement) || document.activeElement === $("tab-prm");
    this.#permitted = false;
    this.#living.abort();
    clearTimeout(this.#lostTimer);
    $("lost").hidden = true;
    this.#useInPrm();
    this.patients.use(this.#session, false);
    this.#showUnread({ red_dot: false, conversations: 0, messages: 0 });
    $("live").hidden = true;
    $("tab-prm").hidden = true;
    setAttribute($("stride"), "aria-busy", "false");
    this.#notice(notice);
    this.#select(this.#selected() === "prm" ? "patients" : this.#selected());
    if (wasInside) $(`tab-${this.#selected()}`).focus();
  }

  #forbidden() {
    if (this.#permitted) this.#refuse("You no longer have the permission Patient Text Administrator. A site administrator can give it back under Settings, Staff.");
  }

  // Whoever signs in with a pasted token may be any of the staff, so that every change may be about them.
  #permissionsChanged(staff) {
    if (!this.isDemo || staff === this.#staff) this.#probe();
  }

  #live() {
    this.#living.abort();
    this.#living = new AbortController();
    const { signal } = this.#living;
    const session = this.#session;
    this.#showLive("connecting", "Connecting…");
    follow({
      signal,
      open: (lastEventId) => session.events(lastEventId, signal),
      onOpen: (resumed) => {
        this.#showLive("live", "Live");
        if (!resumed) this.#reload();
      },
      onEvent: (type, data) => this.#event(type, data),
      onLost: () => { if (!signal.aborted) this.#showLive("lost", "Reconnecting…"); },
      onRefused: (problem) => this.#refuse(problem.status === 403
        ? "You no longer have the permission Patient Text Administrator."
        : problem.message),
    });
    if (this.isDemo) this.#suggest(session);
  }

  #event(type, data) {
    if (type === "reset") return this.#reload();
    if (type === "unread.changed") {
      this.#unreadTick += 1;
      this.#showUnread(data.unread);
    }
    this.prm.onEvent(type, data);
  }

  async #reload() {
    const session = this.#session;
    const since = this.#unreadTick;
    try {
      const [unread] = await Promise.all([session.get("/unread"), this.prm.reload()]);
      if (session !== this.#session || !this.#permitted) return;
      if (since === this.#unreadTick) this.#showUnread(unread);
      this.#notice("");
    } catch (problem) {
      if (session === this.#session && problem.status !== 403) this.#notice(problem.message);
    }
  }

  // Who tries the demo does not know anybody's name yet.
  async #suggest(session) {
    try {
      const { patients } = await session.get("/patients?search=");
      if (session !== this.#session || !this.#permitted) return;
      this.handset.know(patients);
      this.prm.suggest(patients);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  }

  #showUnread(unread) {
    showUnread({ ...unread, red_dot: this.#permitted && unread.red_dot });
  }

  #showLive(state, words) {
    clearTimeout(this.#lostTimer);
    if (state === "lost") this.#lostTimer = setTimeout(() => { $("lost").hidden = false; }, LOST_SHOWN_AFTER_MS);
    else if (state === "live") $("lost").hidden = true;
    $("live").hidden = false;
    setAttribute($("live"), "data-state", state);
    setText($("live"), words);
  }

  #notice(words) {
    setText($("notice"), words);
    $("notice").hidden = words === "";
  }

  #nameOf(staff) {
    return this.people.find(({ id }) => id === staff)?.name ?? staff ?? "Staff";
  }

  #selected() {
    return TABS.find((tab) => $(`tab-${tab}`).getAttribute("aria-selected") === "true");
  }

  #select(tab) {
    const before = this.#selected();
    for (const each of TABS) {
      const isChosen = each === tab;
      setAttribute($(`tab-${each}`), "aria-selected", String(isChosen));
      setAttribute($(`tab-${each}`), "tabindex", isChosen ? "0" : "-1");
      $(`panel-${each}`).hidden = !isChosen;
    }
    if (tab === "settings" && before !== tab) this.settings.open();
  }

  #tabKey(event) {
    const tabs = TABS.filter((tab) => !$(`tab-${tab}`).hidden);
    const at = tabs.findIndex((tab) => $(`tab-${tab}`) === document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const next = tabs.at(to % tabs.length);
    this.#select(next);
    $(`tab-${next}`).focus();
  }

  #view(view) {
    document.body.dataset.view = view;
    for (const each of ["phone", "stride"]) setAttribute($(`view-${each}`), "aria-pressed", String(each === view));
    if (view === "phone") this.handset.seen();
  }
}

const TABS = ["patients", "prm", "settings"];

function isNarrow() {
  return getComputedStyle($("views")).display !== "none";
}
