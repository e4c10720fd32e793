//! How a text leaves, and what is heard of it afterwards.

use jiff::Timestamp;

use super::Turn;
use crate::domain::consent::Standing;
use crate::domain::outbox::{EarlyReceipt, Finished, Told};
use crate::domain::{Answer, Effect, Kind, MessageId, NotTheirs, Outcome, Receipt};

impl Turn<'_> {
    pub(super) fn slot_granted(&mut self, id: MessageId) -> Outcome {
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
    pub(super) fn observe_quiet(&mut self) {
        let is_awake = self.next.heard_at.is_some_and(|at| self.now.duration_since(at) <= self.policy.limits.awake);
        let zone = self.next.preferences.time_zone.as_deref();
        let ends_at = if is_awake { None } else { self.policy.practice.quiet_until(self.now, zone) };
        self.outbox(|outbox, step| outbox.observe_quiet(ends_at, step));
    }

    /// What waited long may have lost its author meanwhile.
    pub(super) fn observe_authors(&mut self) {
        let texting = &self.policy.texting;
        self.outbox(|outbox, step| outbox.observe_authors(texting, step));
    }

    pub(super) fn postponed(&mut self, id: MessageId, day_ends_at: Timestamp) -> Outcome {
        let opens_at = self.policy.practice.opens_after(day_ends_at);
        self.outbox(|outbox, step| outbox.postpone(id, opens_at, step));
        Outcome::Recorded
    }

    pub(super) fn answered(&mut self, id: MessageId, attempt: u32, answer: Answer) -> Outcome {
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

    pub(super) fn receipted(&mut self, receipt: Receipt) -> Outcome {
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
    pub(super) fn reachable(&mut self) -> Outcome {
        self.next.outbox.end_pauses(self.now);
        Outcome::Recorded
    }

    pub(super) fn conclude_all(&mut self, finished: impl IntoIterator<Item = Finished>) {
        for one in finished {
            match one.told {
                Some(Told::OptedOut(code)) => self.opted_out_at_carrier(one.id, code),
                Some(Told::Disconnected(code)) => self.suspend(NotTheirs::Disconnected { message: one.id, code }),
                None => {}
            }
            self.conclude(&one);
        }
    }
}
