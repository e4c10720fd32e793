//! Everything that a decision can ask for, and what it answers.

use jiff::Timestamp;

use super::note::Note;
use super::{Cleared, Conversation, Entry, Message, MessageId, Summary};

/// The answer to an event: the next value, what to write down, what to do once that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub next: Conversation,
    pub journal: Vec<Entry>,
    pub effects: Vec<Effect>,
    pub outcome: Outcome,
}

/// What the shell does after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Wait for the rate limit and the carrier, then come back with `SlotGranted`.
    RequestSlot { id: MessageId, segments: u32, precedence: Precedence },
    /// Write it to the carrier, within two seconds or not at all.
    Submit(Cleared),
    /// The patient opted out, or probably did, while it was being written: write no more of it.
    Recall { id: MessageId, attempt: u32 },
    /// Tell whoever is looking.
    Publish(Summary),
}

/// Who goes first when a number's texts wait for its rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// Answers to STOP, START and HELP: they are late after minutes.
    First,
    /// What staff wrote, to those who are opted in.
    InTurn,
    /// Invitations: nobody waits for them.
    FirstContact,
}

/// What the one who brought the event hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The draft is in the outbox: pending, held or queued, as its status says.
    Accepted(Message),
    Refused(Refusal),
    Recorded,
    /// Written down for staff.
    Noted(Note),
    /// This was written down before, as this message.
    Duplicate(MessageId),
}

/// Why staff can't have what they asked for. An answer, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The patient opted out; only their START changes that.
    OptedOut { since: Timestamp },
    /// As many texts wait as may.
    TooManyWaiting { max: usize },
    /// It has begun to leave, or is finished: nothing can be taken back.
    TooLate,
    /// It is known what became of it.
    NotUnconfirmed,
    /// The number is not the patient's any more, until they give it again.
    NumberSuspended { since: Timestamp },
    /// Its author may send it, or it does not wait any more.
    NotOrphaned,
    /// No probable opt-out waits to be settled.
    NotHeld,
    /// What is arranged about the conversation is not what whoever asks has seen.
    ChangedMeanwhile,
    /// As many notes are written down as may.
    TooManyNotes { max: u64 },
    /// An import of an opt-out that is older than the patient's own opt-in.
    OptedInSince,
    /// The phone was asked as often as it may be, and did not answer.
    InvitationLimit { again_at: Timestamp },
}
