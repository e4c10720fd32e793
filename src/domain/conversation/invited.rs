//! How a patient is asked for consent, and when nobody waits for the answer any more.

use super::Turn;
use crate::domain::outbox::Finished;
use crate::domain::texts::Occasion;
use crate::domain::{Consent, Failure, Kind, Refusal, Status};

impl Turn<'_> {
    /// Asks for YES: once, and once more as a reminder, in thirty days.
    pub(super) fn invite(&mut self) -> Result<(), Refusal> {
        self.invitation_may_leave()?;
        self.consent_becomes(Consent::Invited { since: self.now });
        let text = self.policy.practice.text(Occasion::Invitation, self.next.preferences.language);
        self.say(Kind::Invitation, text, self.now + self.policy.limits.validity);
        Ok(())
    }

    /// Forgets the invitations of long ago, and counts the others.
    pub(super) fn invitation_may_leave(&mut self) -> Result<(), Refusal> {
        let limits = &self.policy.limits;
        let now = self.now;
        self.next.invitations.retain(|at| now.duration_since(*at) < limits.invitation_memory);
        if self.next.invitations.len() >= limits.invitations_max {
            let again_at = self.next.invitations[0] + limits.invitation_memory;
            return Err(Refusal::InvitationLimit { again_at });
        }
        Ok(())
    }

    /// An invitation that did not reach the phone asked nothing: nobody waits for its answer.
    pub(super) fn conclude(&mut self, finished: &Finished) {
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
}
