//! What becomes of what waits for a phone that is not the patient's any more.

use super::{Outbox, Recalled, Stage, Step};
use crate::domain::{Effect, Failure, Status};

impl Outbox {
    /// What was meant for the patient fails, and what is on its way is called back and not tried again. What answers the
    /// phone's own words goes on.
    pub(in crate::domain) fn lose_the_patient(&mut self, step: &mut Step<'_>) -> Option<Effect> {
        let mut recall = None;
        self.waiting.retain_mut(|waiting| {
            if !waiting.message.kind.is_held_back() {
                return true;
            }
            match &mut waiting.stage {
                Stage::Sending { recalled, .. } => {
                    match recalled {
                        Recalled::No | Recalled::ToBeHeld => *recalled = Recalled::NotTheirs,
                        Recalled::Yes | Recalled::NotTheirs => {}
                    }
                    recall = Some(Effect::Recall { id: waiting.message.id, attempt: waiting.attempts });
                    true
                }
                Stage::Pending | Stage::Held | Stage::Orphaned | Stage::Scheduled { .. } | Stage::Queued { .. } => {
                    waiting.become_(Status::Failed, Some(Failure::Unreachable), step);
                    false
                }
            }
        });
        recall
    }
}
