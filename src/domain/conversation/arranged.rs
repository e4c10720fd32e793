//! What staff do with a conversation among each other: nothing of it is sent, and nothing of it changes consent.

use super::Turn;
use crate::domain::desk::{Desk, DeskVersion, Rearrangement};
use crate::domain::note::{NOTES_MAX, Note, NoteId, NoteText};
use crate::domain::{Entry, Kind, Outcome, Refusal, Seq, StaffId};

impl Turn<'_> {
    /// Changes what is arranged, if it still is what whoever asks has seen.
    pub(super) fn rearranged(&mut self, change: Rearrangement, seen: Option<DeskVersion>) -> Outcome {
        if seen.is_some_and(|seen| seen != self.next.desk.version) {
            return Outcome::Refused(Refusal::ChangedMeanwhile);
        }
        self.next.desk.rearrange(change);
        Outcome::Recorded
    }

    pub(super) fn noted(&mut self, text: NoteText, staff: Option<StaffId>) -> Outcome {
        if self.next.desk.notes >= NOTES_MAX {
            return Outcome::Refused(Refusal::TooManyNotes { max: NOTES_MAX });
        }
        self.next.desk.notes += 1;
        let id = NoteId { conversation: self.next.id, number: self.next.desk.notes };
        let note = Note { id, text, staff, created_at: self.now };
        self.journal.push(Entry::Noted(note.clone()));
        Outcome::Noted(note)
    }

    /// What came after that place may be unread, however many texts of it are the patient's.
    pub(super) fn read_up_to(&mut self, seq: Seq, staff: Option<StaffId>) -> Outcome {
        let newer = u32::try_from(self.next.last.0.saturating_sub(seq.0)).unwrap_or(u32::MAX);
        let up_to = seq.min(self.next.last);
        if let Some(staff) = staff.filter(|_| up_to > Seq(0)) {
            self.next.desk.read(staff, up_to, self.now);
        }
        self.unread_becomes(self.next.unread.min(newer))
    }

    pub(super) fn unread_becomes(&mut self, unread: u32) -> Outcome {
        self.next.unread = unread;
        Outcome::Recorded
    }

    /// What this step says in the thread shows on the desk.
    pub(super) fn observe_thread(&mut self) {
        for entry in &self.journal {
            match entry {
                Entry::Added(message) => match message.kind {
                    Kind::StaffText { .. } => self.next.desk.answered(message.id.seq),
                    Kind::Inbound
                    | Kind::Invitation
                    | Kind::OptOutConfirmation
                    | Kind::StartConfirmation
                    | Kind::Help
                    | Kind::AfterHours => {}
                },
                Entry::Updated { id, status, .. } => self.next.desk.told(*id, *status),
                Entry::ConsentChanged { .. }
                | Entry::Held(_)
                | Entry::HoldSettled { .. }
                | Entry::Suspended(_)
                | Entry::NumberGiven { .. }
                | Entry::Proved(_)
                | Entry::UnreadChanged { .. }
                | Entry::Rearranged
                | Entry::Noted(_)
                | Entry::Redelivered { .. }
                | Entry::ReceiptUnmatched { .. } => {}
            }
        }
    }

    /// Whoever saw the arrangement as it was has to look again.
    pub(super) fn count_rearrangements(&mut self, before: &Desk) {
        let desk = &mut self.next.desk;
        if desk.arrangement != before.arrangement {
            desk.version = DeskVersion(desk.version.0 + 1);
            self.journal.push(Entry::Rearranged);
        }
    }
}
