//! What a conversation makes of daemons that are gone, and of a store that lost what came last.

use super::Turn;
use crate::domain::Outcome;
use crate::domain::event::OtherDaemons;
use crate::domain::outbox::Outbox;

impl Turn<'_> {
    pub(super) fn restored(&mut self, others: &OtherDaemons) -> Outcome {
        let ours = self.policy.boot;
        let is_lost = |boot| boot != ours && matches!(others, OtherDaemons::Impossible);
        let finished = self.outbox(|outbox, step| outbox.doubt(is_lost, step));
        self.conclude_all(finished);
        // Whoever waited for a slot here is no more.
        self.next.outbox.forget_slots(|boot| boot == ours);
        self.overtaken(others)
    }

    pub(super) fn overtaken(&mut self, others: &OtherDaemons) -> Outcome {
        let ours = self.policy.boot;
        self.next.outbox.forget_slots(|boot| match others {
            OtherDaemons::Impossible => boot != ours,
            OtherDaemons::Possible { alive } => boot != ours && !alive.contains(&boot),
        });
        // A STOP that another daemon took reaches what is being written here this way.
        self.effects.extend(self.next.outbox.recalled_from(ours));
        Outcome::Recorded
    }

    /// Nothing that may have gone out is sent again by itself, and all that waits may have.
    pub(super) fn store_went_back(&mut self) -> Outcome {
        self.outbox(Outbox::doubt_everything);
        Outcome::Recorded
    }
}
