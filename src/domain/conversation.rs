//! A conversation is a value: what happened to it decides the next value, and what to do about it.

mod arranged;
mod arrivals;
mod drafted;
mod held;
mod invited;
mod received;
mod restarted;
mod sent;
mod sound;
mod suspended;

use jiff::Timestamp;

use super::desk::{Arrangement, Desk, DeskState, Facet};
use super::ledger::{self, Ledger};
use super::outbox::{Outbox, Step};
use super::reassembly::Reassembly;
use super::text::Segments;
use super::typography::Straightened;
use super::{
    Body, Consent, ConversationId, Decision, Effect, Entry, Event, Form, Hold, Kind, Marks, Message, MessageId,
    Outcome, Phone, Policy, PracticeId, Preferences, Seq, Status, Summary, Suspension,
};

pub use arrivals::{Arrival, SessionEnd};

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
    pub desk: Desk,
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
            desk: Desk::default(),
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
            Event::ReadUpTo { seq, staff } => turn.read_up_to(seq, staff),
            Event::MarkedUnread => turn.unread_becomes(self.unread.max(1)),
            Event::Rearranged { change, seen } => turn.rearranged(change, seen),
            Event::Noted { text, staff } => turn.noted(text, staff),
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

    pub fn summary(&self) -> Summary {
        Summary { unread: self.unread, last: (self.last > Seq(0)).then_some(self.last), active_at: self.active_at }
    }

    /// By what it is found in the inbox.
    pub fn facets(&self) -> Vec<Facet> {
        let Desk { arrangement: Arrangement { assigned_to, state, tags }, waiting_since, .. } = &self.desk;
        let is_held = self.hold.is_some() || self.outbox.has_orphans();
        let marks = [
            (waiting_since.is_some(), Facet::Waiting),
            (self.desk.is_undeliverable(), Facet::Undeliverable),
            (is_held, Facet::Held),
            (*state == DeskState::Closed, Facet::Closed),
            (assigned_to.is_some(), Facet::Assigned),
        ];
        let marks = marks.into_iter().filter_map(|(has, facet)| has.then_some(facet));
        marks.chain(assigned_to.clone().map(Facet::AssignedTo)).chain(tags.iter().cloned().map(Facet::Tagged)).collect()
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
            other @ (Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_)) => other,
        };
        self.effects.extend(self.next.outbox.ask_for_slot(self.now, self.policy));
        self.observe_thread();
        self.count_rearrangements(&before.desk);
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
