// What is known of the open conversation, and how it takes what is told of it.

import { markOf } from "./thread.js";
import { moment } from "./words.js";

// `row` is what staff made of it, `marks` what became of consent, and `isLinked` that the phone is not the patient's own.
export function opened({ patient, phone, isLinked = false, consent = null, messages = new Map() }) {
  return {
    patient, phone, isLinked, consent, messages,
    shares: [], marks: new Map(), notes: new Map(), next: null, nextNotes: null,
    row: null, etag: null, loaded: false, problem: "",
  };
}

// A message changes many times within a second; what an event said is never replaced by an older answer.
export function take(open, message, tick) {
  const known = open.messages.get(message.id);
  if (known) {
    const [before, after] = [moment(known.updated_at), moment(message.updated_at)];
    if (after < before || (after === before && tick === 0)) return;
  }
  open.messages.set(message.id, { ...message, tick });
}

// Whether it brings back somebody who had opted out.
export function takeConsent(open, consent) {
  const isBack = open.consent?.state === "opted_out" && consent.state === "opted_in";
  open.consent = consent;
  const mark = markOf(consent);
  if (mark) open.marks.set(mark.id, mark);
  return { isBack };
}
