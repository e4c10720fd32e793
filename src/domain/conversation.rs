//! A conversation is a value: what happened to it decides the next value, and what to do about it.

mod held;
mod suspended;

use jiff::{SignedDuration, Timestamp};

use super::consent::{Change, Confirmation, Invitation, Standing};
use super::event::OtherDaemons;
use super::keyword::{self, Language, Meaning, Reading};
use super::ledger::{self, Ledger};
use super::opt_out::{self, ProbableOptOut};
use super::outbox::{EarlyReceipt, Finished, Outbox, Step, Told};
use super::reassembly::{Joined, Piece, Reassembly, Words};
use super::text::Segments;
use super::texts::Occasion;
use super::typography::Straightened;
use super::{
    Answer, Body, BootId, Consent, ConversationId, Decision, DeliveryId, Draft, Effect, Entry, Event, Evidence,
    Failure, Fingerprint, Form, Hold, Inbound, Kind, Limits, Mark, Marks, Message, MessageId, NotTheirs, Outcome,
    Phone, Policy, PracticeId, Preferences, Receipt, Refusal, Resolution, Seq, SettledBy, Status, Summary, Suspension,
};

/// Inbound texts that are remembered to know them again.
pub const ARRIVALS_MAX: usize = 32;
/// Ends of link sessions that are remembered.
pub const SESSION_ENDS_MAX: usize = 16;

/// The two ends of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationKey {
    pub practice: PracticeId,
    pub phone: Phone,
}

/// Everything between one practice number and one phone, but for the finished part of the thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    pub key: ConversationKey,
    pub consent: Consent,
    /// Over any consent but opted out.
    pub hold: Option<Hold>,
    /// Over any consent.
    pub suspension: Option<Suspension>,
    pub outbox: Outbox,
    /// The place of the newest message; 0 before the first.
    pub last: Seq,
    pub active_at: Timestamp,
    pub unread: u32,
    /// When invitations left, as far back as they are remembered.
    pub invitations: Vec<Timestamp>,
    pub help_sent_at: Option<Timestamp>,
    pub after_hours_sent_at: Option<Timestamp>,
    /// When the patient last texted.
    pub heard_at: Option<Timestamp>,
    /// How the patient wants to be texted, by what the last draft said.
    pub preferences: Preferences,
    /// The latest inbound texts.
    pub arrivals: Vec<Arrival>,
    /// When link sessions ended, as far as the patient's texts told and other daemons did: what was answered shortly
    /// before may come again.
    pub session_ends: Vec<SessionEnd>,
    pub reassembly: Reassembly,
    pub ledger: Ledger,
}

/// An inbound text that may be delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub fingerprint: Fingerprint,
    /// When it was last delivered.
    pub at: Timestamp,
    /// Its message; the newest one at the time for a segment of a text that was not complete.
    pub seq: Seq,
    /// The run of a daemon to which it was delivered; unknown of those that were written before it was kept.
    pub taken_by: Option<BootId>,
    /// The delivery that brought it last, where that is known.
    pub delivery: Option<DeliveryId>,
    /// When the answer to that delivery went out, if that was later than the carrier may have waited for it.
    pub answered_late: Option<Timestamp>,
}

impl Arrival {
    /// Whether the same delivery brought both.
    fn is_of(&self, inbound: &Inbound) -> bool {
        self.delivery.is_some() && self.delivery == inbound.delivery
    }
}

/// The end of a link session, which leaves in doubt what was answered shortly before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnd {
    pub at: Timestamp,
    /// Whose session it was; where a daemon is alone on its store every session is its own.
    pub of: Option<BootId>,
}

impl SessionEnd {
    /// Whether the answer to a text may have been lost with this session.
    fn puts_in_doubt(&self, arrival: &Arrival, doubt: SignedDuration) -> bool {
        let may_have_carried_it = self.of.is_none() || arrival.taken_by.is_none() || self.of == arrival.taken_by;
        may_have_carried_it && (self.at - doubt..=self.at).contains(&arrival.at)
    }
}

impl Conversation {
    /// A conversation in which nothing has happened.
    pub fn new(id: ConversationId, key: ConversationKey, now: Timestamp) -> Self {
        Self {
            id,
            key,
            consent: Consent::None,
            hold: None,
            suspension: None,
            outbox: Outbox::default(),
            last: Seq(0),
            active_at: now,
            unread: 0,
            invitations: Vec::new(),
            help_sent_at: None,
            after_hours_sent_at: None,
            heard_at: None,
            preferences: Preferences::default(),
            arrivals: Vec::new(),
            session_ends: Vec::new(),
            reassembly: Reassembly::default(),
            ledger: Ledger::default(),
        }
    }

    /// Decides what an event changes. Nothing is changed until the decision is written down.
    pub fn handle(&self, event: Event, now: Timestamp, policy: &Policy) -> Decision {
        let mut turn = Turn { next: self.clone(), journal: Vec::new(), effects: Vec::new(), now, policy };
        // A wake may come late: what the time alone decides is decided before the event is looked at.
        turn.time_passed();
        let outcome = match event {
            Event::Received(inbound) => turn.received(inbound),
            Event::AnsweredLate(delivery) => turn.answered_late(delivery),
            Event::SessionsEnded(ends) => turn.sessions_ended(ends),
            Event::Drafted(draft) => turn.drafted(draft),
            Event::TakenBack(id) => turn.taken_back(id),
            Event::Resolved { id, resolution } => turn.resolved(id, resolution),
            Event::HoldSettled { settlement, staff } => turn.hold_settled(settlement, staff),
            Event::OptedOutByStaff { staff, reason } => turn.opted_out_by_staff(staff, reason),
            Event::NumberGiven => turn.number_given(),
            Event::OptedOutByImport(imported) => turn.opted_out_by_import(imported),
            Event::SlotGranted(id) => turn.slot_granted(id),
            Event::Postponed { id, day_ends_at } => turn.postponed(id, day_ends_at),
            Event::Answered { id, attempt, answer } => turn.answered(id, attempt, answer),
            Event::Receipted(receipt) => turn.receipted(receipt),
            Event::Reachable => turn.reachable(),
            Event::ReadUpTo(seq) => turn.read_up_to(seq),
            Event::MarkedUnread => turn.unread_becomes(self.unread.max(1)),
            Event::Woken => Outcome::Recorded,
            Event::Restored(others) => turn.restored(&others),
            Event::Overtaken(others) => turn.overtaken(&others),
            Event::StoreWentBack => turn.store_went_back(),
        };
        turn.close(self, outcome)
    }

    /// When the conversation next needs attention by itself. Derived, so that it can't disagree with the state.
    pub fn wake_at(&self, policy: &Policy) -> Option<Timestamp> {
        let invitation_ends = match self.consent {
            Consent::Invited { since } => Some(since + policy.limits.invitation_answer),
            Consent::None | Consent::OptedIn { .. } | Consent::OptedOut { .. } => None,
        };
        let partial_text_ends = self.reassembly.gives_up_at(policy.limits.partial_text);
        let hold_ends = self.hold.as_ref().map(|hold| hold.ends_at(&policy.practice));
        [self.outbox.wake_at(), invitation_ends, partial_text_ends, hold_ends].into_iter().flatten().min()
    }

    /// Who else took a text that this one may be again, so that the ends of their sessions are to be known before it is
    /// decided. None for most texts.
    pub fn taken_elsewhere(&self, inbound: &Inbound, now: Timestamp, policy: &Policy) -> Vec<BootId> {
        let mut others = Vec::new();
        for arrival in &self.arrivals {
            let may_come_again =
                arrival.fingerprint == inbound.fingerprint && now.duration_since(arrival.at) < policy.limits.redelivery;
            if let Some(boot) = arrival.taken_by.filter(|boot| may_come_again && *boot != policy.boot)
                && !others.contains(&boot)
            {
                others.push(boot);
            }
        }
        others
    }

    /// How often another daemon took a text in these words lately: within the time in which its answer may be lost.
    pub fn taken_lately(&self, inbound: &Inbound, now: Timestamp, policy: &Policy) -> usize {
        let is_one = |arrival: &&Arrival| {
            arrival.fingerprint == inbound.fingerprint
                && arrival.taken_by.is_some_and(|boot| boot != policy.boot)
                && now.duration_since(arrival.at) <= policy.limits.answer_doubt
        };
        self.arrivals.iter().filter(is_one).count()
    }

    pub fn summary(&self) -> Summary {
        Summary { unread: self.unread, last: (self.last > Seq(0)).then_some(self.last), active_at: self.active_at }
    }
}

/// One decision being made.
struct Turn<'a> {
    next: Conversation,
    journal: Vec<Entry>,
    effects: Vec<Effect>,
    now: Timestamp,
    policy: &'a Policy,
}

impl Turn<'_> {
    fn received(&mut self, inbound: Inbound) -> Outcome {
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

    /// The carrier may not have waited for that answer, and deliver the text again, be it in the same session.
    fn answered_late(&mut self, delivery: DeliveryId) -> Outcome {
        if let Some(arrival) = self.next.arrivals.iter_mut().find(|arrival| arrival.delivery == Some(delivery)) {
            arrival.answered_late = Some(self.now);
        }
        Outcome::Recorded
    }

    /// Keeps those that put an answer in doubt; the others say nothing about this conversation.
    fn sessions_ended(&mut self, ends: Vec<SessionEnd>) -> Outcome {
        let doubt = self.policy.limits.answer_doubt;
        for end in ends {
            if self.next.arrivals.iter().any(|arrival| end.puts_in_doubt(arrival, doubt)) {
                self.remember_session_end(end);
            }
        }
        Outcome::Recorded
    }

    /// Shows a text, whatever it means, and does what it means.
    fn said(&mut self, words: Words, form: Form) {
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
        match self.next.consent.change(reading.meaning, invitation, self.now) {
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

    fn drafted(&mut self, draft: Draft) -> Outcome {
        let limits = &self.policy.limits;
        self.next.preferences = draft.preferences;
        let kind = Kind::StaffText { staff: draft.staff };
        match self.next.consent {
            Consent::OptedOut { since, .. } => Outcome::Refused(Refusal::OptedOut { since }),
            Consent::None | Consent::Invited { .. } | Consent::OptedIn { .. }
                if let Some(Suspension { since, .. }) = self.next.suspension =>
            {
                Outcome::Refused(Refusal::NumberSuspended { since })
            }
            Consent::OptedIn { .. } if self.next.outbox.queued() >= limits.queued_max => {
                Outcome::Refused(Refusal::TooManyWaiting { max: limits.queued_max })
            }
            Consent::OptedIn { .. } if self.next.hold.is_some() => self.hold_draft(kind, draft.text, draft.send_at),
            Consent::OptedIn { .. } => {
                let message = match draft.send_at.filter(|at| *at > self.now) {
                    Some(at) => {
                        let message = self.add(kind, draft.text, Status::Scheduled);
                        self.next.outbox.schedule(message.clone(), at);
                        message
                    }
                    None => {
                        let message = self.add(kind, draft.text, Status::Queued);
                        self.next.outbox.queue(message.clone(), self.now + limits.validity);
                        message
                    }
                };
                Outcome::Accepted(message)
            }
            Consent::Invited { .. } if self.next.outbox.pending() >= limits.pending_max => {
                Outcome::Refused(Refusal::TooManyWaiting { max: limits.pending_max })
            }
            Consent::Invited { .. } => Outcome::Accepted(self.hold(kind, draft.text, draft.send_at)),
            Consent::None if self.next.hold.is_some() => {
                self.drafted_before_any_invitation(kind, draft.text, draft.send_at)
            }
            Consent::None => match self.invite() {
                Ok(()) => Outcome::Accepted(self.hold(kind, draft.text, draft.send_at)),
                Err(refusal) => Outcome::Refused(refusal),
            },
        }
    }

    fn hold(&mut self, kind: Kind, text: Body, send_at: Option<Timestamp>) -> Message {
        let message = self.add(kind, text, Status::Pending);
        self.next.outbox.hold(message.clone(), send_at);
        message
    }

    /// Nobody is asked for consent to a text that was taken back.
    fn taken_back(&mut self, id: MessageId) -> Outcome {
        if self.outbox(|outbox, step| outbox.take_back(id, step)).is_none() {
            return Outcome::Refused(Refusal::TooLate);
        }
        let nobody_waits = matches!(self.next.consent, Consent::Invited { .. }) && self.next.outbox.pending() == 0;
        if nobody_waits && self.outbox(Outbox::take_invitation_back).is_some() {
            self.consent_becomes(Consent::None);
        }
        Outcome::Recorded
    }

    fn resolved(&mut self, id: MessageId, resolution: Resolution) -> Outcome {
        if self.next.outbox.is_orphaned(id) {
            return self.answered_for(id, resolution);
        }
        match resolution {
            Resolution::TakeOver(_) => return Outcome::Refused(Refusal::NotOrphaned),
            Resolution::Resend(_) | Resolution::Sent | Resolution::Discard => {}
        }
        if !self.next.outbox.is_unconfirmed(id) {
            return Outcome::Refused(Refusal::NotUnconfirmed);
        }
        let (status, failure, outcome) = match resolution {
            Resolution::Sent => (Status::Sent, None, Outcome::Recorded),
            Resolution::Discard => (Status::Failed, Some(Failure::Discarded), Outcome::Recorded),
            // Another message, which asks for consent anew.
            Resolution::Resend(draft) | Resolution::TakeOver(draft) => match self.drafted(draft) {
                Outcome::Accepted(message) => {
                    let failure = Failure::SentAgain { as_seq: message.id.seq };
                    (Status::Failed, Some(failure), Outcome::Accepted(message))
                }
                refused @ (Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_)) => return refused,
            },
        };
        self.outbox(|outbox, step| outbox.resolve(id, status, failure, step));
        outcome
    }

    /// Somebody decides about a text whose author may text patients no more.
    fn answered_for(&mut self, id: MessageId, resolution: Resolution) -> Outcome {
        match resolution {
            // Another message, of another author, which asks for consent anew.
            Resolution::TakeOver(draft) => {
                let outcome = self.drafted(draft);
                if let Outcome::Accepted(message) = &outcome {
                    let failure = Some(Failure::TakenOver { as_seq: message.id.seq });
                    self.outbox(|outbox, step| outbox.settle_orphan(id, Status::Failed, failure, step));
                }
                outcome
            }
            Resolution::Discard => {
                self.outbox(|outbox, step| outbox.settle_orphan(id, Status::Canceled, None, step));
                Outcome::Recorded
            }
            Resolution::Resend(_) | Resolution::Sent => Outcome::Refused(Refusal::NotUnconfirmed),
        }
    }

    /// Asks for YES: once, and once more as a reminder, in thirty days.
    fn invite(&mut self) -> Result<(), Refusal> {
        self.invitation_may_leave()?;
        self.consent_becomes(Consent::Invited { since: self.now });
        let text = self.policy.practice.text(Occasion::Invitation, self.next.preferences.language);
        self.say(Kind::Invitation, text, self.now + self.policy.limits.validity);
        Ok(())
    }

    /// Forgets the invitations of long ago, and counts the others.
    fn invitation_may_leave(&mut self) -> Result<(), Refusal> {
        let limits = &self.policy.limits;
        let now = self.now;
        self.next.invitations.retain(|at| now.duration_since(*at) < limits.invitation_memory);
        if self.next.invitations.len() >= limits.invitations_max {
            let again_at = self.next.invitations[0] + limits.invitation_memory;
            return Err(Refusal::InvitationLimit { again_at });
        }
        Ok(())
    }

    fn slot_granted(&mut self, id: MessageId) -> Outcome {
        self.observe_quiet();
        self.observe_authors();
        let (consent, hold, suspension) = (self.next.consent.clone(), self.next.hold.clone(), self.next.suspension);
        let (to, policy) = (self.next.key.phone.clone(), self.policy);
        let standing = Standing { consent: &consent, hold: hold.as_ref(), suspension: suspension.as_ref() };
        if let Some(cleared) = self.outbox(|outbox, step| outbox.leave(id, standing, &to, policy, step)) {
            if *cleared.kind() == Kind::Invitation {
                self.next.invitations.push(self.now);
            }
            self.effects.push(Effect::Submit(cleared));
        }
        Outcome::Recorded
    }

    /// At night texts wait for the morning, unless they answer somebody who is awake.
    fn observe_quiet(&mut self) {
        let is_awake = self.next.heard_at.is_some_and(|at| self.now.duration_since(at) <= self.policy.limits.awake);
        let zone = self.next.preferences.time_zone.as_deref();
        let ends_at = if is_awake { None } else { self.policy.practice.quiet_until(self.now, zone) };
        self.outbox(|outbox, step| outbox.observe_quiet(ends_at, step));
    }

    /// What waited long may have lost its author meanwhile.
    fn observe_authors(&mut self) {
        let texting = &self.policy.texting;
        self.outbox(|outbox, step| outbox.observe_authors(texting, step));
    }

    fn postponed(&mut self, id: MessageId, day_ends_at: Timestamp) -> Outcome {
        let opens_at = self.policy.practice.opens_after(day_ends_at);
        self.outbox(|outbox, step| outbox.postpone(id, opens_at, step));
        Outcome::Recorded
    }

    fn answered(&mut self, id: MessageId, attempt: u32, answer: Answer) -> Outcome {
        // An invitation that the carrier has not got asked nobody anything.
        if matches!(answer, Answer::NotSent | Answer::Refused { .. })
            && self.next.outbox.is_in_flight(id, attempt, &Kind::Invitation)
        {
            self.next.invitations.pop();
        }
        let finished = self.outbox(|outbox, step| outbox.answered(id, attempt, answer, step));
        self.conclude_all(finished);
        Outcome::Recorded
    }

    fn receipted(&mut self, receipt: Receipt) -> Outcome {
        match self.outbox(|outbox, step| outbox.receipted(&receipt, step)) {
            Some(finished) => self.conclude_all(finished),
            None => {
                let early = EarlyReceipt { receipt, at: self.now };
                self.outbox(|outbox, step| outbox.keep_early(early, step));
            }
        }
        Outcome::Recorded
    }

    /// What the carrier refused a moment ago need not wait any longer.
    fn reachable(&mut self) -> Outcome {
        self.next.outbox.end_pauses(self.now);
        Outcome::Recorded
    }

    fn conclude_all(&mut self, finished: impl IntoIterator<Item = Finished>) {
        for one in finished {
            match one.told {
                Some(Told::OptedOut(code)) => self.opted_out_at_carrier(one.id, code),
                Some(Told::Disconnected(code)) => self.suspend(NotTheirs::Disconnected { message: one.id, code }),
                None => {}
            }
            self.conclude(&one);
        }
    }

    /// An invitation that did not reach the phone asked nothing: nobody waits for its answer.
    fn conclude(&mut self, finished: &Finished) {
        let Finished { kind: Kind::Invitation, status, .. } = finished else { return };
        let Consent::Invited { .. } = self.next.consent else { return };
        // What is heard of an earlier one, days later perhaps, is not about the question that stands.
        if self.next.ledger.newest_invitation().is_some_and(|newest| newest != finished.id) {
            return;
        }
        let (drafts_become, reason) = match status {
            Status::Failed | Status::Undelivered => (Status::Failed, Some(Failure::Unreachable)),
            Status::Expired => (Status::Expired, None),
            Status::Delivered
            | Status::Pending
            | Status::Scheduled
            | Status::Held
            | Status::Queued
            | Status::Sending
            | Status::Sent
            | Status::Unconfirmed
            | Status::Canceled
            | Status::Received => return,
        };
        self.consent_becomes(Consent::None);
        self.outbox(|outbox, step| outbox.finish_pending(drafts_become, reason, step));
    }

    /// What came after that place may be unread, however many texts of it are the patient's.
    fn read_up_to(&mut self, seq: Seq) -> Outcome {
        let newer = u32::try_from(self.next.last.0.saturating_sub(seq.0)).unwrap_or(u32::MAX);
        self.unread_becomes(self.next.unread.min(newer))
    }

    fn unread_becomes(&mut self, unread: u32) -> Outcome {
        self.next.unread = unread;
        Outcome::Recorded
    }

    fn restored(&mut self, others: &OtherDaemons) -> Outcome {
        let ours = self.policy.boot;
        let is_lost = |boot| boot != ours && matches!(others, OtherDaemons::Impossible);
        let finished = self.outbox(|outbox, step| outbox.doubt(is_lost, step));
        self.conclude_all(finished);
        // Whoever waited for a slot here is no more.
        self.next.outbox.forget_slots(|boot| boot == ours);
        self.overtaken(others)
    }

    fn overtaken(&mut self, others: &OtherDaemons) -> Outcome {
        let ours = self.policy.boot;
        self.next.outbox.forget_slots(|boot| match others {
            OtherDaemons::Impossible => boot != ours,
            OtherDaemons::Possible { alive } => boot != ours && !alive.contains(&boot),
        });
        // A STOP that another daemon took reaches what is being written here this way.
        self.effects.extend(self.next.outbox.recalled_from(ours));
        Outcome::Recorded
    }

    /// Nothing that may have gone out is sent again by itself, and all that waits may have.
    fn store_went_back(&mut self) -> Outcome {
        self.outbox(Outbox::doubt_everything);
        Outcome::Recorded
    }

    /// Everything that follows from the time alone.
    fn time_passed(&mut self) {
        let limits = &self.policy.limits;
        for words in self.next.reassembly.give_up(limits.partial_text, self.now) {
            self.said(words, Form::Text);
        }
        let finished = self.outbox(|outbox, step| outbox.doubt(|_| false, step));
        self.conclude_all(finished);
        self.outbox(Outbox::time_comes);
        let expired = self.outbox(Outbox::expire);
        self.conclude_all(expired);
        self.hold_ends();
        if let Consent::Invited { since } = self.next.consent
            && self.now.duration_since(since) >= limits.invitation_answer
        {
            self.consent_becomes(Consent::None);
            self.outbox(|outbox, step| outbox.finish_pending(Status::Expired, None, step));
        }
    }

    fn close(mut self, before: &Conversation, outcome: Outcome) -> Decision {
        self.observe_quiet();
        self.observe_authors();
        let outcome = match outcome {
            Outcome::Accepted(message) => Outcome::Accepted(self.next.outbox.as_it_waits(message)),
            other @ (Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_)) => other,
        };
        self.effects.extend(self.next.outbox.ask_for_slot(self.now, self.policy));
        if self.next.unread != before.unread {
            self.journal.push(Entry::UnreadChanged { unread: self.next.unread });
        }
        let (number, memory) = (&self.policy.practice.number, self.policy.limits.invitation_memory);
        let proofs = ledger::enter(&mut self.next, before.consent.clone(), &self.journal, number, memory);
        self.journal.extend(proofs);
        if !self.journal.is_empty() {
            self.effects.push(Effect::Publish(self.next.summary()));
        }
        debug_assert!(self.next.is_sound(), "every waiting message has its place, its status and its consent");
        Decision { next: self.next, journal: self.journal, effects: self.effects, outcome }
    }

    /// Lets the outbox take a step of this decision.
    fn outbox<T>(&mut self, take: impl FnOnce(&mut Outbox, &mut Step<'_>) -> T) -> T {
        let mut step = Step { now: self.now, limits: &self.policy.limits, journal: &mut self.journal };
        take(&mut self.next.outbox, &mut step)
    }

    /// Whether a text in known words may be the known one. An opt-out always counts as another; what would opt in never
    /// does; anything else does once the carrier has had the time to deliver again what it had to since the session of
    /// this text began, or since it was `doubted` that the answer to the known text had come to it.
    fn may_come_again(&self, inbound: &Inbound, doubted: Timestamp, reading: Reading) -> bool {
        let is_recent = |at: Timestamp| self.now.duration_since(at) <= self.policy.limits.redelivery_begins;
        match reading.meaning {
            Meaning::OptOut => {
                let change = self.next.consent.change(Meaning::OptOut, Invitation::Forgotten, self.now);
                !matches!(change, Change::OptsOut(_))
            }
            Meaning::Start | Meaning::OptIn => true,
            Meaning::Help | Meaning::Other => is_recent(doubted) || inbound.session_began.is_none_or(is_recent),
        }
    }

    /// The place in `arrivals` of the delivery that this one may be again: one whose answer was late, or was given so
    /// shortly before the end of some session that it may not have arrived. With it, when that last was so.
    fn delivered_before(&self, inbound: &Inbound) -> Option<(usize, Timestamp)> {
        let Limits { answer_doubt, redelivery, .. } = self.policy.limits;
        let doubted = |arrival: &Arrival| {
            let ends = self.next.session_ends.iter().filter(|end| end.puts_in_doubt(arrival, answer_doubt));
            let late = arrival.answered_late.filter(|at| self.now.duration_since(*at) < redelivery);
            ends.map(|end| end.at).chain(late).max()
        };
        let known = |arrival: &Arrival| arrival.fingerprint == inbound.fingerprint;
        let arrivals = self.next.arrivals.iter().enumerate().rev();
        arrivals.filter(|(_, arrival)| known(arrival)).find_map(|(index, arrival)| Some((index, doubted(arrival)?)))
    }

    fn forget_old_session_ends(&mut self) {
        let (now, redelivery) = (self.now, self.policy.limits.redelivery);
        self.next.session_ends.retain(|end| now.duration_since(end.at) < redelivery);
    }

    fn remember_session_end(&mut self, ended: SessionEnd) {
        let ends = &mut self.next.session_ends;
        if !ends.contains(&ended) {
            if ends.len() == SESSION_ENDS_MAX {
                ends.remove(0);
            }
            ends.push(ended);
        }
    }

    fn remember(&mut self, fingerprint: Fingerprint, delivery: Option<DeliveryId>) {
        if self.next.arrivals.len() == ARRIVALS_MAX {
            self.next.arrivals.remove(0);
        }
        self.next.arrivals.push(self.arrival(fingerprint, delivery, self.next.last));
    }

    /// A text that is being taken.
    fn arrival(&self, fingerprint: Fingerprint, delivery: Option<DeliveryId>, seq: Seq) -> Arrival {
        let taken_by = Some(self.policy.boot);
        Arrival { fingerprint, at: self.now, seq, taken_by, delivery, answered_late: None }
    }

    /// Queues a text of our own.
    fn say(&mut self, kind: Kind, text: Body, expires_at: Timestamp) {
        let message = self.add(kind, text, Status::Queued);
        self.next.outbox.queue(message, expires_at);
    }

    /// Adds a message to the thread. What is sent stands there as the patient gets it.
    fn add(&mut self, kind: Kind, text: Body, status: Status) -> Message {
        self.add_marked(kind, text, status, Marks::NONE)
    }

    fn add_marked(&mut self, kind: Kind, text: Body, status: Status, marks: Marks) -> Message {
        let text = match kind {
            Kind::Inbound => text,
            Kind::StaffText { .. }
            | Kind::Invitation
            | Kind::OptOutConfirmation
            | Kind::StartConfirmation
            | Kind::Help
            | Kind::AfterHours => Body::new(Straightened::of(text.expose(), self.policy.writing).text),
        };
        self.next.last = self.next.last.next();
        self.next.active_at = self.now;
        let segments = Segments::written(text.expose(), self.policy.writing).number();
        let message = Message {
            id: self.message_id(self.next.last),
            kind,
            text,
            status,
            created_at: self.now,
            updated_at: self.now,
            segments,
            failure: None,
            marks,
        };
        self.journal.push(Entry::Added(message.clone()));
        message
    }

    fn consent_becomes(&mut self, consent: Consent) {
        self.next.consent = consent.clone();
        self.journal.push(Entry::ConsentChanged { consent, at: self.now });
    }

    fn message_id(&self, seq: Seq) -> MessageId {
        MessageId { conversation: self.next.id, seq }
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

impl Conversation {
    /// What every decision leaves true.
    fn is_sound(&self) -> bool {
        use super::outbox::Stage;
        let sending = self.outbox.waiting.iter().filter(|one| matches!(one.stage, Stage::Sending { .. })).count();
        let is_held = self.hold.is_some();
        sending <= 1
            && !(is_held && matches!(self.consent, Consent::OptedOut { .. }))
            && (self.suspension.is_none()
                || self
                    .outbox
                    .waiting
                    .iter()
                    .all(|one| matches!(one.stage, Stage::Sending { .. }) || !one.message.kind.is_held_back()))
            && self.outbox.waiting.iter().all(|one| match (one.stage, &one.message.kind) {
                (Stage::Pending, Kind::StaffText { .. }) => {
                    one.message.status == Status::Pending && matches!(self.consent, Consent::Invited { .. })
                }
                (Stage::Scheduled { .. }, Kind::StaffText { .. }) => {
                    let may_stand = !is_held && matches!(self.consent, Consent::OptedIn { .. });
                    one.message.status == Status::Scheduled && may_stand
                }
                (Stage::Queued { pause, .. }, Kind::StaffText { .. }) => {
                    let may_stand = !is_held && matches!(self.consent, Consent::OptedIn { .. });
                    one.message.status == pause.status() && may_stand
                }
                (Stage::Orphaned, Kind::StaffText { .. }) => {
                    one.message.status == Status::Held && matches!(self.consent, Consent::OptedIn { .. })
                }
                (Stage::Orphaned, _) => false,
                (Stage::Held, kind) => one.message.status == Status::Held && is_held && kind.is_held_back(),
                (Stage::Queued { pause, .. }, _) => one.message.status == pause.status(),
                (Stage::Sending { .. }, _) => one.message.status == Status::Sending,
                (Stage::Pending | Stage::Scheduled { .. }, _) => false,
            })
    }
}
