//! What every decision leaves true.

use super::Conversation;
use crate::domain::outbox::Stage;
use crate::domain::{Consent, Kind, Status};

impl Conversation {
    pub(super) fn is_sound(&self) -> bool {
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
