//! What staff decide about a message that they wrote: to take it back, or what became of one of which nobody knows.

use super::{Fate, Outbox, Stage, Step};
use crate::domain::{Failure, Kind, MessageId, Status};

impl Outbox {
    /// Takes back what has not begun to leave; `None` if that is too late, or not staff's.
    pub(in crate::domain) fn take_back(&mut self, id: MessageId, step: &mut Step<'_>) -> Option<()> {
        let index = self.waiting.iter().position(|waiting| {
            let is_staffs = matches!(waiting.message.kind, Kind::StaffText { .. });
            waiting.message.id == id && is_staffs && !matches!(waiting.stage, Stage::Sending { .. })
        })?;
        self.finish(index, Status::Canceled, None, step);
        Some(())
    }

    /// Takes back a question that has not begun to leave; `None` if it has, or there is none.
    pub(in crate::domain) fn take_invitation_back(&mut self, step: &mut Step<'_>) -> Option<()> {
        let index = self.waiting.iter().position(|waiting| {
            waiting.message.kind == Kind::Invitation && !matches!(waiting.stage, Stage::Sending { .. })
        })?;
        self.finish(index, Status::Canceled, None, step);
        Some(())
    }

    /// Whether nobody knows what became of a text of staff's.
    pub(in crate::domain) fn is_unconfirmed(&self, id: MessageId) -> bool {
        self.tracked.iter().any(|tracked| {
            let is_staffs = matches!(tracked.kind, Kind::StaffText { .. });
            tracked.id == id && is_staffs && matches!(tracked.fate, Fate::Unconfirmed { .. })
        })
    }

    /// Staff say what became of a text of which nobody knew.
    pub(in crate::domain) fn resolve(
        &mut self,
        id: MessageId,
        status: Status,
        failure: Option<Failure>,
        step: &mut Step<'_>,
    ) {
        if let Some(index) = self.tracked.iter().position(|tracked| tracked.id == id) {
            self.settle(index, status, failure, step);
        }
    }
}
