//! What a text of the patient does: it is shown, whatever it means, and what it means is done.

use super::{Arrival, SessionEnd, Turn};
use crate::domain::consent::{Change, Confirmation, Invitation};
use crate::domain::desk::Waits;
use crate::domain::keyword::{self, Language, Meaning, Reading};
use crate::domain::opt_out::{self, ProbableOptOut};
use crate::domain::reassembly::{Joined, Piece, Reassembly, Words};
use crate::domain::texts::Occasion;
use crate::domain::{
    Body, Consent, Entry, Evidence, Form, Inbound, Kind, Mark, Marks, MessageId, NotTheirs, Outcome, SettledBy, Status,
};

impl Turn<'_> {
    pub(super) fn received(&mut self, inbound: Inbound) -> Outcome {
        if let Some(arrival) = self.next.arrivals.iter().find(|arrival| arrival.is_of(&inbound)) {
            // It was durable already, and whoever told it could not know.
            return Outcome::Duplicate(self.message_id(arrival.seq));
        }
        self.forget_old_session_ends();
        if let Some(at) = inbound.earlier_session_ended {
            self.remember_session_end(SessionEnd { at, of: None });
        }
        let reading = read(&inbound);
        let probable = probable_opt_out(&inbound.text, inbound.form, reading);
        // One that would hold is another, as a STOP that would opt out is.
        let would_hold = probable.is_some() && self.may_be_held();
        // The same STOP again may be another: after a START in between it has to be heard.
        if let Some((index, doubted)) = self.delivered_before(&inbound)
            && !would_hold
            && self.may_come_again(&inbound, doubted, reading)
        {
            // From here on it is the answer to this delivery that may be lost.
            let Arrival { fingerprint, seq, .. } = self.next.arrivals[index];
            self.next.arrivals[index] = self.arrival(fingerprint, inbound.delivery, seq);
            let of = self.message_id(seq);
            self.journal.push(Entry::Redelivered { of, fingerprint: inbound.fingerprint, at: self.now });
            return Outcome::Duplicate(of);
        }
        // A phone that answers by itself says nothing of who holds it. It matters at night alone.
        let is_awake = self.policy.practice.quiet_hours.is_none() || !opt_out::is_unspoken(inbound.text.expose());
        if is_awake {
            self.next.heard_at = Some(self.now);
        }
        let Inbound { text, form, part, fingerprint, delivery, mut written, .. } = inbound;
        written.marks = written.marks.and(marks_of(form));
        let piece = Piece { text, written };
        // What opts out, or probably does, does not wait for the rest of a long text.
        let is_urgent = reading.meaning == Meaning::OptOut || probable.is_some();
        match part {
            Some(part) if Reassembly::can_join(part, &piece) && !is_urgent => {
                match self.next.reassembly.take(part, piece, self.now) {
                    Joined::Whole(words) => self.said(words, form),
                    Joined::Waiting { given_up } => given_up.into_iter().for_each(|words| self.said(words, form)),
                }
            }
            Some(_) | None => self.said(Words::alone(piece, part), form),
        }
        self.remember(fingerprint, delivery);
        Outcome::Recorded
    }

    /// Shows a text, whatever it means, and does what it means.
    pub(super) fn said(&mut self, words: Words, form: Form) {
        let Words { text, marks } = words;
        let reading = read_as(&text, form);
        let probable = probable_opt_out(&text, form, reading);
        let is_ambiguous = keyword::may_mean_appointment(text.expose());
        let id = self.add_marked(Kind::Inbound, text.clone(), Status::Received, marks).id;
        self.next.unread += 1;
        let evidence = if is_ambiguous { Evidence::AmbiguousText(id) } else { Evidence::Text(id) };
        let invitation = match self.next.invitations.last() {
            Some(at) if self.now.duration_since(*at) < self.policy.limits.invitation_memory => Invitation::Remembered,
            Some(_) | None => Invitation::Forgotten,
        };
        let change = self.next.consent.change(reading.meaning, invitation, self.now);
        self.next.desk.heard(who_answers(reading.meaning, &change), self.now);
        match change {
            Change::Stays => {}
            Change::OptsIn(confirmation) => self.opted_in(id, confirmation, reading.language),
            Change::OptsOut(confirmation) => self.opted_out(evidence, confirmation, reading.language),
        }
        if reading.meaning == Meaning::Start {
            self.start_releases();
        }
        let may_say_so = probable.is_some() || reading.meaning == Meaning::OptOut;
        if may_say_so && opt_out::says_wrong_number(text.expose()) {
            self.suspend(NotTheirs::WrongNumber { text: id });
        }
        if let Some(probable) = probable {
            self.probably_opted_out(id, probable);
        }
        match reading.meaning {
            Meaning::Help => self.asked_for_help(reading.language),
            Meaning::Other => self.said_something(&text, form),
            Meaning::OptOut | Meaning::Start | Meaning::OptIn => {}
        }
    }

    fn opted_in(&mut self, evidence: MessageId, confirmation: Confirmation, language: Language) {
        self.consent_becomes(Consent::OptedIn { since: self.now, evidence });
        match self.next.hold {
            None => self.outbox(|outbox, step| outbox.release(step)),
            // YES answers the invitation, and settles nothing else.
            Some(_) => self.outbox(|outbox, step| outbox.pending_become_held(step)),
        }
        if confirmation == Confirmation::Owed {
            let text = self.policy.practice.text(Occasion::StartConfirmation, language);
            self.say(Kind::StartConfirmation, text, self.now + self.policy.limits.confirmation_begins);
        }
    }

    fn opted_out(&mut self, evidence: Evidence, confirmation: Confirmation, language: Language) {
        self.hold_becomes_opt_out(SettledBy::Patient);
        self.consent_becomes(Consent::OptedOut { since: self.now, evidence });
        let recall = self.outbox(|outbox, step| outbox.withdraw(step));
        self.effects.extend(recall);
        if confirmation == Confirmation::Owed {
            let text = self.policy.practice.text(Occasion::OptOutConfirmation, language);
            self.say(Kind::OptOutConfirmation, text, self.now + self.policy.limits.confirmation_begins);
        }
    }

    fn asked_for_help(&mut self, language: Language) {
        let answered_lately =
            self.next.help_sent_at.is_some_and(|at| self.now.duration_since(at) < self.policy.limits.help_every);
        if !answered_lately {
            self.next.help_sent_at = Some(self.now);
            let text = self.policy.practice.text(Occasion::Help, language);
            self.say(Kind::Help, text, self.now + self.policy.limits.confirmation_begins);
        }
    }

    /// Says that nobody is there to read it, where that is so: to a person, and not while it is to be settled whether they
    /// want any texts.
    fn said_something(&mut self, text: &Body, form: Form) {
        let practice = &self.policy.practice;
        let is_theirs = self.next.hold.is_none() && self.next.suspension.is_none();
        let may_be_told = is_theirs && matches!(self.next.consent, Consent::OptedIn { .. });
        let told_lately = self
            .next
            .after_hours_sent_at
            .is_some_and(|at| self.now.duration_since(at) < self.policy.limits.after_hours_every);
        let is_closed = may_be_told && !told_lately && practice.is_closed(self.now);
        if is_closed && form == Form::Text && !opt_out::is_unspoken(text.expose()) {
            self.next.after_hours_sent_at = Some(self.now);
            let text = practice.text(Occasion::AfterHours, self.next.preferences.language);
            self.say(Kind::AfterHours, text, self.now + self.policy.limits.confirmation_begins);
        }
    }
}

/// A word that Assent acts on waits for nobody; a YES that answers no question of ours may answer one of staff's.
fn who_answers(meaning: Meaning, change: &Change) -> Waits {
    match (meaning, change) {
        (Meaning::OptOut | Meaning::Start | Meaning::Help, _) => Waits::ForNobody,
        (Meaning::OptIn | Meaning::Other, Change::OptsIn(_) | Change::OptsOut(_)) => Waits::ForNobody,
        (Meaning::OptIn | Meaning::Other, Change::Stays) => Waits::ForStaff,
    }
}

/// Why a text that is no keyword probably opts out, if it does. What is not text means nothing.
fn probable_opt_out(text: &Body, form: Form, reading: Reading) -> Option<ProbableOptOut> {
    match (form, reading.meaning) {
        (Form::Text | Form::Flash, Meaning::Other) => opt_out::read(text.expose()),
        (Form::Binary, _) | (_, Meaning::OptOut | Meaning::Start | Meaning::OptIn | Meaning::Help) => None,
    }
}

/// What a whole text, or a segment on its own, means for consent.
fn read(inbound: &Inbound) -> Reading {
    read_as(&inbound.text, inbound.form)
}

/// What the form of a text has staff know.
fn marks_of(form: Form) -> Marks {
    match form {
        Form::Text => Marks::NONE,
        Form::Flash => Marks::NONE.with(Mark::Flash),
        Form::Binary => Marks::NONE.with(Mark::Binary),
    }
}

/// A flash text opts nobody in; what is not text means nothing.
fn read_as(text: &Body, form: Form) -> Reading {
    let reading = keyword::read(text.expose());
    let counts = match (form, reading.meaning) {
        (Form::Text, _) | (Form::Flash, Meaning::OptOut | Meaning::Help | Meaning::Other) => true,
        (Form::Flash, Meaning::OptIn | Meaning::Start) | (Form::Binary, _) => false,
    };
    if counts { reading } else { Reading { meaning: Meaning::Other, ..reading } }
}
