//! What must hold: when something is committed, when something leaves, and at rest.

use std::collections::{BTreeMap, BTreeSet};

use assent::domain::ledger::Link;
use assent::domain::outbox::Stage;
use assent::domain::{Cleared, Consent, Conversation, Entry, Kind, Message, MessageId, Policy, Seq, Status};
use jiff::{SignedDuration, Timestamp};

use crate::reference::{Owed, Place, Reference, State};

/// From the commit to the first octet another daemon may take a STOP, in milliseconds.
const WIRE_MILLIS: u64 = 2_000;
/// By how much the clock of the model may be wrong altogether.
const CLOCK_WRONG: SignedDuration = SignedDuration::from_hours(2);

#[derive(Default)]
pub struct Promises {
    pub heard_at: Option<Timestamp>,
    /// When consent or a hold last changed, by the clock that is never set.
    changed_at: u64,
    attempts: BTreeMap<MessageId, u32>,
    /// Attempts of which it is proved that the carrier has nothing.
    unsent: BTreeSet<(MessageId, u32)>,
    /// When invitations left that the carrier may have.
    asked: Vec<(Timestamp, MessageId, u32)>,
    chain: (u64, Link),
    texts: BTreeMap<MessageId, String>,
}

impl Promises {
    /// The confirmations that are owed and no others, and a proof for each change, in an unbroken chain.
    pub fn committed(
        &mut self,
        before: &Conversation,
        after: &Conversation,
        journal: &[Entry],
        owed: Owed,
        steady: u64,
    ) -> Result<(), String> {
        let added = |kind: &Kind| {
            journal.iter().filter(|entry| matches!(entry, Entry::Added(message) if message.kind == *kind)).count()
        };
        let said = Owed { stop: added(&Kind::OptOutConfirmation), start: added(&Kind::StartConfirmation) };
        if said != owed {
            return Err(format!("confirmations: {said:?} were said, {owed:?} are owed"));
        }
        if (&before.consent, &before.hold) != (&after.consent, &after.hold) {
            self.changed_at = steady;
        }
        let mut from = before.consent.clone();
        let mut changes = Vec::new();
        for entry in journal {
            match entry {
                Entry::Added(message) if message.kind == Kind::Inbound => {
                    self.texts.insert(message.id, message.text.expose().to_owned());
                }
                Entry::ConsentChanged { consent, .. } => changes.push(consent.clone()),
                _ => {}
            }
        }
        let proofs = journal.iter().filter_map(|entry| match entry {
            Entry::Proved(proof) => Some(proof),
            _ => None,
        });
        let proofs: Vec<_> = proofs.collect();
        if proofs.len() != changes.len() || (before.consent != after.consent && changes.is_empty()) {
            return Err(format!("evidence: {} changes and {} proofs", changes.len(), proofs.len()));
        }
        for (proof, to) in proofs.into_iter().zip(changes) {
            let is_next = (proof.seq, proof.previous) == (self.chain.0 + 1, self.chain.1);
            if !is_next || proof.from != from || proof.to != to {
                return Err("evidence: the chain is broken".into());
            }
            self.chain = (proof.seq, proof.link());
            from = to;
        }
        if (after.ledger.count, after.ledger.link) != self.chain {
            return Err("evidence: the conversation does not name its newest proof".into());
        }
        if let Consent::OptedIn { evidence, .. } = &after.consent {
            let words = self.texts.get(evidence).map_or("", String::as_str);
            if !["START", "Start", "unstop", "YES", "Yes please"].contains(&words) {
                return Err(format!("evidence: {words:?} opts nobody in"));
            }
        }
        Ok(())
    }

    /// Something is written to the carrier.
    pub fn leaves(&mut self, cleared: &Cleared, stored: &Conversation, policy: &Policy, now: Timestamp, steady: u64) {
        let is_held = stored.hold.is_some();
        let stands = match (cleared.kind(), &stored.consent) {
            (Kind::StaffText { .. } | Kind::AfterHours, Consent::OptedIn { .. }) => !is_held,
            (Kind::Invitation, Consent::Invited { .. }) => !is_held,
            (Kind::StartConfirmation, Consent::OptedIn { .. })
            | (Kind::OptOutConfirmation, Consent::OptedOut { .. }) => true,
            (Kind::Help, _) => true,
            _ => false,
        };
        let was_overtaken = steady - self.changed_at <= WIRE_MILLIS;
        assert!(stands || was_overtaken, "gate: {:?} left in {:?}, held: {is_held}", cleared.kind(), stored.consent);

        let (id, attempt) = (cleared.id(), cleared.attempt());
        if let Some(earlier) = self.attempts.insert(id, attempt) {
            assert!(self.unsent.contains(&(id, earlier)), "again: {id:?} may have gone out, and was sent again");
        }
        let message_at = stored.outbox.waiting.iter().find(|waiting| waiting.message.id == id);
        let waiting = message_at.expect("what leaves is in the outbox");
        assert!(matches!(waiting.stage, Stage::Sending { .. }), "sending is written down before it leaves");
        let age = now.duration_since(waiting.message.created_at);
        let is_late = *cleared.kind() == Kind::OptOutConfirmation && age > SignedDuration::from_secs(302);
        assert!(!is_late, "confirmation: begun after {age:?}");

        if *cleared.kind() == Kind::Invitation {
            self.asked.push((now, id, attempt));
            for three in self.asked.windows(3) {
                let span = three[2].0.duration_since(three[0].0);
                assert!(span >= SignedDuration::from_hours(30 * 24) - CLOCK_WRONG, "invitations: three in {span:?}");
            }
        }
        let is_owed_now = matches!(
            cleared.kind(),
            Kind::OptOutConfirmation | Kind::StartConfirmation | Kind::Help | Kind::AfterHours
        );
        let a_moment_ago = now - SignedDuration::from_secs(3);
        let is_quiet = [now, a_moment_ago].iter().all(|at| policy.practice.quiet_until(*at, None).is_some());
        let is_awake = self.heard_at.is_some_and(|at| now.duration_since(at) <= SignedDuration::from_secs(3_603));
        assert!(is_owed_now || is_awake || !is_quiet, "quiet: {:?} left at night", cleared.kind());
    }

    /// The carrier says that it has nothing of an attempt, and that it may be tried again.
    pub fn is_proved_unsent(&mut self, id: MessageId, attempt: u32) {
        self.unsent.insert((id, attempt));
    }

    pub fn asked_nobody(&mut self, id: MessageId, attempt: u32) {
        self.asked.retain(|(_, asked, of)| (*asked, *of) != (id, attempt));
    }

    pub fn hold_at_rest(
        &self,
        stored: &Conversation,
        thread: &BTreeMap<Seq, Message>,
        reference: &Reference,
        policy: &Policy,
    ) {
        let state = match stored.consent {
            Consent::None => State::None,
            Consent::Invited { since } => State::Invited { since },
            Consent::OptedIn { since, .. } => State::OptedIn { since },
            Consent::OptedOut { since, .. } => State::OptedOut { since },
        };
        assert_eq!(state, reference.state, "consent: the core, and the reference");
        assert_eq!(
            stored.hold.as_ref().map(|hold| hold.since),
            reference.held_since,
            "hold: the core, and the reference"
        );

        let outbox = &stored.outbox;
        let sending = outbox.waiting.iter().filter(|waiting| matches!(waiting.stage, Stage::Sending { .. })).count();
        assert!(sending <= 1, "order: one message is in flight at a time");
        let mut drafts = 0;
        for message in thread.values().filter(|message| message.kind != Kind::Inbound) {
            let waits = matches!(
                message.status,
                Status::Pending | Status::Held | Status::Scheduled | Status::Queued | Status::Sending
            );
            let waiting = outbox.waiting.iter().filter(|waiting| waiting.message.id == message.id).count();
            let tracked = outbox.tracked.iter().filter(|tracked| tracked.id == message.id).count();
            assert!(waiting + tracked <= 1, "states: {:?} has one place", message.id);
            assert_eq!(waiting == 1, waits, "states: {:?} is {:?}", message.id, message.status);
            assert_eq!(
                outbox.status(message.id).unwrap_or(message.status),
                message.status,
                "states: one of them is old"
            );
            if let Kind::StaffText { .. } = message.kind {
                drafts += 1;
                let place = reference.drafts.get(&message.id).expect("states: only what was accepted is in the thread");
                let may_leave = matches!(message.status, Status::Queued | Status::Scheduled);
                let agrees = match place {
                    Place::Pending => message.status == Status::Pending,
                    Place::Free => !matches!(message.status, Status::Pending | Status::Held),
                    Place::Held => message.status != Status::Pending && !may_leave,
                    Place::Over => !matches!(message.status, Status::Pending | Status::Held) && !may_leave,
                };
                assert!(agrees, "outbox: {:?} is {:?}, and {place:?} by the reference", message.id, message.status);
            }
        }
        assert_eq!(drafts, reference.drafts.len(), "states: what was accepted is in the thread");
        let waits = !outbox.waiting.is_empty() || matches!(stored.consent, Consent::Invited { .. });
        assert!(!waits || stored.wake_at(policy).is_some(), "wakes: whoever waits is woken");
    }
}
