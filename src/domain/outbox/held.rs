//! What waits while a conversation is held.

use jiff::Timestamp;

use super::{Outbox, Recalled, Stage, Step, Waiting};
use crate::domain::{Effect, Kind, Message, Status};

impl Outbox {
    pub(in crate::domain) fn has_held(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.stage == Stage::Held)
    }

    /// Adds a message that waits for the hold to be settled.
    pub(in crate::domain) fn add_held(&mut self, message: Message, send_at: Option<Timestamp>) {
        self.waiting.push(Waiting { message, stage: Stage::Held, send_at, attempts: 0 });
    }

    /// A hold begins: what is queued is held, and what is on its way is recalled, where that is possible still. The
    /// answers to STOP, START and HELP go on.
    pub(in crate::domain) fn hold_back(&mut self, step: &mut Step<'_>) -> Option<Effect> {
        let mut recall = None;
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.message.kind.is_held_back()) {
            match &mut waiting.stage {
                Stage::Scheduled { .. } | Stage::Queued { .. } => waiting.hold(step),
                Stage::Sending { recalled, .. } => {
                    // What an opt-out recalled does not come back, whatever the patient has said since.
                    if *recalled == Recalled::No {
                        *recalled = Recalled::ToBeHeld;
                    }
                    recall = Some(Effect::Recall { id: waiting.message.id, attempt: waiting.attempts });
                }
                Stage::Pending | Stage::Held | Stage::Orphaned => {}
            }
        }
        recall
    }

    /// YES came while the conversation is held: what waited for it waits for the hold.
    pub(in crate::domain) fn pending_become_held(&mut self, step: &mut Step<'_>) {
        for waiting in self.waiting.iter_mut().filter(|waiting| waiting.stage == Stage::Pending) {
            waiting.hold(step);
        }
    }

    /// A hold was released: what it held is queued again, in order, with all of its time before it, or goes on waiting for
    /// its own. That the practice is closed is no news any more.
    pub(in crate::domain) fn put_back(&mut self, step: &mut Step<'_>) {
        self.waiting.retain_mut(|waiting| {
            match (&mut waiting.stage, &waiting.message.kind) {
                (Stage::Held, Kind::AfterHours) => {
                    waiting.become_(Status::Expired, None, step);
                    return false;
                }
                (Stage::Held, _) => waiting.wait_for_its_time(step),
                (Stage::Sending { recalled: recalled @ Recalled::ToBeHeld, .. }, _) => *recalled = Recalled::No,
                (
                    Stage::Pending
                    | Stage::Orphaned
                    | Stage::Scheduled { .. }
                    | Stage::Queued { .. }
                    | Stage::Sending { .. },
                    _,
                ) => {}
            }
            true
        });
    }

    /// A hold was released before anybody was invited. An invitation that was held so long asks nobody any more.
    pub(in crate::domain) fn held_become_pending(&mut self, step: &mut Step<'_>) {
        self.waiting.retain_mut(|waiting| match (waiting.stage, &waiting.message.kind) {
            (Stage::Held, Kind::StaffText { .. }) => {
                waiting.stage = Stage::Pending;
                waiting.become_(Status::Pending, None, step);
                true
            }
            (Stage::Held, _) => {
                waiting.become_(Status::Expired, None, step);
                false
            }
            (
                Stage::Pending
                | Stage::Orphaned
                | Stage::Scheduled { .. }
                | Stage::Queued { .. }
                | Stage::Sending { .. },
                _,
            ) => true,
        });
    }
}

impl Waiting {
    pub(super) fn hold(&mut self, step: &mut Step<'_>) {
        self.stage = Stage::Held;
        self.become_(Status::Held, None, step);
    }
}

impl Kind {
    /// Whether a hold keeps it back: what nobody asked for at that moment.
    pub(in crate::domain) fn is_held_back(&self) -> bool {
        match self {
            Self::StaffText { .. } | Self::Invitation | Self::AfterHours => true,
            Self::Inbound | Self::OptOutConfirmation | Self::StartConfirmation | Self::Help => false,
        }
    }
}
