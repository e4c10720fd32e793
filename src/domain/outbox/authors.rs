//! What becomes of a text whose author lost the permission to text patients while it waited: somebody else answers for it,
//! or it does not go.

use super::{Outbox, Pause, Stage, Step, Waiting};
use crate::domain::{Failure, Kind, MessageId, Status, Texting};

impl Outbox {
    /// What could go and whose author may text nobody any more waits for somebody who may.
    pub(in crate::domain) fn observe_authors(&mut self, texting: &Texting, step: &mut Step<'_>) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.could_go()) {
            let Kind::StaffText { staff: Some(author) } = &waiting.message.kind else { continue };
            if !texting.may_text(author) {
                waiting.stage = Stage::Orphaned;
                waiting.become_(Status::Held, Some(Failure::AuthorMayNotText), step);
            }
        }
    }

    /// Whether any text waits for somebody to answer for it.
    pub(in crate::domain) fn has_orphans(&self) -> bool {
        self.waiting.iter().any(|one| matches!(one.stage, Stage::Orphaned))
    }

    /// Whether a text waits for somebody to answer for it.
    pub(in crate::domain) fn is_orphaned(&self, id: MessageId) -> bool {
        self.waiting.iter().any(|waiting| waiting.message.id == id && waiting.stage == Stage::Orphaned)
    }

    /// Somebody decided about a text that waited for that.
    pub(in crate::domain) fn settle_orphan(
        &mut self,
        id: MessageId,
        status: Status,
        failure: Option<Failure>,
        step: &mut Step<'_>,
    ) {
        let is_it = |waiting: &Waiting| waiting.message.id == id && waiting.stage == Stage::Orphaned;
        if let Some(index) = self.waiting.iter().position(is_it) {
            self.finish(index, status, failure, step);
        }
    }
}

impl Waiting {
    /// Whether nothing but the carrier is in its way. What waits for the morning may have its author back by then.
    fn could_go(&self) -> bool {
        match self.stage {
            Stage::Queued { pause: Pause::Short | Pause::UntilOpening, .. } => true,
            Stage::Queued { pause: Pause::Quiet, .. }
            | Stage::Pending
            | Stage::Held
            | Stage::Orphaned
            | Stage::Scheduled { .. }
            | Stage::Sending { .. } => false,
        }
    }
}
