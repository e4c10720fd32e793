// Settings, Practice: what its number has sent today, when it texts, and what Assent writes to its patients.

import { $, el, patch, setText } from "./dom.js";
import { Section } from "./section.js";
import { dayWords, languageWords, occasionWords, phoneWords, whenWords } from "./words.js";

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const NUMBER = new Intl.NumberFormat("en-US");

export class PracticeSection extends Section {
  constructor() {
    super("practice", "You may not see how the practice is set up.");
  }

  read() {
    return this.session.get("");
  }

  show(practice) {
    $("practice-body").hidden = practice === null;
    if (practice === null) return;
    this.#showToday(practice.today);
    facts($("practice-facts"), [
      ["Name", practice.name],
      ["Texting number", phoneWords(practice.number)],
      ["For help, patients reach", practice.contact],
      ["Time zone", practice.time_zone],
      ["Quiet hours", practice.quiet_hours ? `${practice.quiet_hours.from} to ${practice.quiet_hours.to}: texts wait until they end` : "None"],
      ...officeHours(practice.office_hours),
    ]);
    facts($("practice-texts"), Object.entries(practice.texts_in_force).flatMap(([occasion, languages]) =>
      Object.entries(languages).map(([language, { text }]) => [`${occasionWords(occasion)}, ${languageWords(language)}`, text])));
  }

  #showToday(today) {
    $("budget").hidden = !today?.segments_per_day;
    if (!today) return setText($("today"), "What was sent today is not known at the moment.");
    const { segments, segments_per_day: most, budget, ends_at } = today;
    const words = most ? `${NUMBER.format(segments)} of ${NUMBER.format(most)} segments were sent today.` : `${NUMBER.format(segments)} segments were sent today.`;
    const ends = whenWords(ends_at);
    const warning = { nearing: ` The day’s limit is near. What is over it waits until ${ends}.`, spent: ` The day’s limit is reached. Texts wait until ${ends}.` }[budget] ?? "";
    setText($("today"), words + warning);
    if (most) Object.assign($("budget"), { max: most, value: segments });
  }
}

function officeHours(hours) {
  if (!hours) return [["Office hours", "Not set: nobody is told that the practice is closed"]];
  return DAYS.map((day) => [dayWords(day), hours[day]?.join(", ") ?? "Closed"]);
}

// A list of terms, and what is so of each.
function facts(list, pairs) {
  patch(list, pairs, {
    key: ([term]) => term,
    make: ([term]) => el("div", {}, el("dt", {}, term), el("dd", {})),
    update: (node, [, words]) => setText(node.querySelector("dd"), words),
  });
}
