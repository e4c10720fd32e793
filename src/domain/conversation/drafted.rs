//! What becomes of a draft, of one that is taken back, and of one that staff decide about.

use jiff::Timestamp;

use super::Turn;
use crate::domain::outbox::Outbox;
use crate::domain::{
    Body, Consent, Draft, Failure, Kind, Message, MessageId, Outcome, Refusal, Resolution, Status, Suspension,
};

impl Turn<'_> {
    pub(super) fn drafted(&mut self, draft: Draft) -> Outcome {
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
    pub(super) fn taken_back(&mut self, id: MessageId) -> Outcome {
        if self.outbox(|outbox, step| outbox.take_back(id, step)).is_none() {
            return Outcome::Refused(Refusal::TooLate);
        }
        let nobody_waits = matches!(self.next.consent, Consent::Invited { .. }) && self.next.outbox.pending() == 0;
        if nobody_waits && self.outbox(Outbox::take_invitation_back).is_some() {
            self.consent_becomes(Consent::None);
        }
        Outcome::Recorded
    }

    pub(super) fn resolved(&mut self, id: MessageId, resolution: Resolution) -> Outcome {
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
                refused @ (Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_)) => {
                    return refused;
                }
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
}
