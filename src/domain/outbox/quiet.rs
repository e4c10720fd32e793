//! What the outbox makes of quiet hours: what staff wrote, and a question that nobody has asked yet, wait for their end.

use jiff::Timestamp;

use super::{Outbox, Pause, Stage, Step, Waiting};
use crate::domain::{Precedence, Status};

impl Outbox {
    /// Makes what waits `scheduled` for as long as it is quiet, and `queued` again when it is not: at the end of the
    /// quiet hours, or once the patient has shown to be awake.
    pub(in crate::domain) fn observe_quiet(&mut self, ends_at: Option<Timestamp>, step: &mut Step<'_>) {
        for waiting in &mut self.waiting {
            match ends_at {
                Some(ends_at) => waiting.wait_for_the_morning(ends_at, step),
                None => waiting.wake(step),
            }
        }
    }
}

impl Waiting {
    fn wait_for_the_morning(&mut self, ends_at: Timestamp, step: &mut Step<'_>) {
        let is_owed_now = self.precedence() == Precedence::First;
        let Stage::Queued { not_before, pause, expires_at, .. } = &mut self.stage else { return };
        let is_later_anyway = *not_before >= ends_at;
        if is_owed_now || is_later_anyway {
            return;
        }
        *not_before = ends_at;
        *pause = Pause::Quiet;
        // It has its whole time from when it may go.
        *expires_at = (ends_at + step.limits.validity).max(*expires_at);
        self.become_(Status::Scheduled, None, step);
    }

    fn wake(&mut self, step: &mut Step<'_>) {
        let Stage::Queued { not_before, pause: pause @ Pause::Quiet, .. } = &mut self.stage else { return };
        *not_before = step.now.min(*not_before);
        *pause = Pause::Short;
        self.become_(Status::Queued, None, step);
    }
}
