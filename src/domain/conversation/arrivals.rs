//! The latest inbound texts, kept to know one again that the carrier delivers a second time.

use jiff::{SignedDuration, Timestamp};

use super::{Conversation, Turn};
use crate::domain::consent::{Change, Invitation};
use crate::domain::keyword::{Meaning, Reading};
use crate::domain::{BootId, DeliveryId, Fingerprint, Inbound, Limits, Outcome, Policy, Seq};

/// Inbound texts that are remembered to know them again.
const ARRIVALS_MAX: usize = 32;
/// Ends of link sessions that are remembered.
const SESSION_ENDS_MAX: usize = 16;

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
    pub(super) fn is_of(&self, inbound: &Inbound) -> bool {
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
}

impl Turn<'_> {
    /// The carrier may not have waited for that answer, and deliver the text again, be it in the same session.
    pub(super) fn answered_late(&mut self, delivery: DeliveryId) -> Outcome {
        if let Some(arrival) = self.next.arrivals.iter_mut().find(|arrival| arrival.delivery == Some(delivery)) {
            arrival.answered_late = Some(self.now);
        }
        Outcome::Recorded
    }

    /// Keeps those that put an answer in doubt; the others say nothing about this conversation.
    pub(super) fn sessions_ended(&mut self, ends: Vec<SessionEnd>) -> Outcome {
        let doubt = self.policy.limits.answer_doubt;
        for end in ends {
            if self.next.arrivals.iter().any(|arrival| end.puts_in_doubt(arrival, doubt)) {
                self.remember_session_end(end);
            }
        }
        Outcome::Recorded
    }

    /// Whether a text in known words may be the known one. An opt-out always counts as another; what would opt in never
    /// does; anything else does once the carrier has had the time to deliver again what it had to since the session of
    /// this text began, or since it was `doubted` that the answer to the known text had come to it.
    pub(super) fn may_come_again(&self, inbound: &Inbound, doubted: Timestamp, reading: Reading) -> bool {
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
    pub(super) fn delivered_before(&self, inbound: &Inbound) -> Option<(usize, Timestamp)> {
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

    pub(super) fn forget_old_session_ends(&mut self) {
        let (now, redelivery) = (self.now, self.policy.limits.redelivery);
        self.next.session_ends.retain(|end| now.duration_since(end.at) < redelivery);
    }

    pub(super) fn remember_session_end(&mut self, ended: SessionEnd) {
        let ends = &mut self.next.session_ends;
        if !ends.contains(&ended) {
            if ends.len() == SESSION_ENDS_MAX {
                ends.remove(0);
            }
            ends.push(ended);
        }
    }

    pub(super) fn remember(&mut self, fingerprint: Fingerprint, delivery: Option<DeliveryId>) {
        if self.next.arrivals.len() == ARRIVALS_MAX {
            self.next.arrivals.remove(0);
        }
        self.next.arrivals.push(self.arrival(fingerprint, delivery, self.next.last));
    }

    /// A text that is being taken.
    pub(super) fn arrival(&self, fingerprint: Fingerprint, delivery: Option<DeliveryId>, seq: Seq) -> Arrival {
        let taken_by = Some(self.policy.boot);
        Arrival { fingerprint, at: self.now, seq, taken_by, delivery, answered_late: None }
    }
}
