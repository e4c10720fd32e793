//! The numbers and the texts that decisions depend on, passed in with every event.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;

use super::text::Writing;
use super::{Phone, Practice, StaffId};

/// One run of one daemon. What was `sending` under another boot may or may not have gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(pub u64);

/// Everything a decision needs to know besides the conversation and the event.
#[derive(Debug, Clone)]
pub struct Policy {
    pub practice: Arc<Practice>,
    pub boot: BootId,
    pub limits: Limits,
    /// How the carrier of the practice's number wants texts written.
    pub writing: Writing,
    /// Who of the staff may text.
    pub texting: Texting,
}

/// Whose texts may go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Texting {
    /// Where there are no records of staff to ask.
    #[default]
    Anybody,
    /// Those who have the permission at this moment. A text without an author is the operator's own, and may go.
    Only(Arc<BTreeSet<StaffId>>),
}

impl Texting {
    pub fn may_text(&self, author: &StaffId) -> bool {
        match self {
            Self::Anybody => true,
            Self::Only(staff) => staff.contains(author),
        }
    }
}

/// How the texts of each practice number are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writings {
    /// Numbers whose carrier is named.
    pub named: Vec<(Phone, Writing)>,
    /// All others.
    pub others: Writing,
}

impl Writings {
    pub fn of(&self, number: &Phone) -> Writing {
        self.named.iter().find(|(named, _)| named == number).map_or(self.others, |(_, writing)| *writing)
    }
}

/// How long things may take, and how many of them there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long an invitation waits for YES before its drafts expire.
    pub invitation_answer: SignedDuration,
    /// How long after an invitation a YES still opts in.
    pub invitation_memory: SignedDuration,
    /// Invitations to one phone within `invitation_memory`: one, and one reminder.
    pub invitations_max: usize,
    /// Drafts that may wait for YES in one conversation.
    pub pending_max: usize,
    /// Texts that may wait for the carrier in one conversation.
    pub queued_max: usize,
    /// How long a text may wait for the carrier, and the carrier for the phone (`validity_period`).
    pub validity: SignedDuration,
    /// Within this a confirmation of STOP must begin, or it is not sent (47 CFR 64.1200(a)(12)).
    pub confirmation_begins: SignedDuration,
    /// How long a text may be `sending` before it is `unconfirmed`.
    pub sending: SignedDuration,
    /// How long to wait for a slot before asking again; it covers a daemon that died while waiting.
    pub slot_wait: SignedDuration,
    /// The least time between two HELP replies.
    pub help_every: SignedDuration,
    /// The least time between two replies that say that the practice is closed.
    pub after_hours_every: SignedDuration,
    /// How long after a patient's own text an answer may come at any hour.
    pub awake: SignedDuration,
    /// How long the segments of an unfinished text are kept back.
    pub partial_text: SignedDuration,
    /// How long a receipt is waited for.
    pub receipt: SignedDuration,
    /// How long a carrier delivers again what it believes unanswered.
    pub redelivery: SignedDuration,
    /// How long after a link session began a text may be one that is delivered again. START and YES may be at any time:
    /// a wrong guess about them would opt in.
    pub redelivery_begins: SignedDuration,
    /// Before the end of a link session, answers younger than this may not have arrived.
    pub answer_doubt: SignedDuration,
    /// The first pause before a refused text is tried again; it doubles up to `retry_pause_max`.
    pub retry_pause: SignedDuration,
    pub retry_pause_max: SignedDuration,
    /// More than any text is put off for want of a day's budget: a day of 25 hours, and the night after it where the
    /// practice is far west of the Pacific coast.
    pub postponement_max: SignedDuration,
    /// Tries of a text that the carrier refuses with an error that may be its own.
    pub doubtful_tries_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            invitation_answer: SignedDuration::from_hours(7 * 24),
            invitation_memory: SignedDuration::from_hours(30 * 24),
            invitations_max: 2,
            pending_max: 20,
            queued_max: 50,
            validity: SignedDuration::from_hours(24),
            confirmation_begins: SignedDuration::from_mins(5),
            sending: SignedDuration::from_secs(75),
            slot_wait: SignedDuration::from_mins(1),
            help_every: SignedDuration::from_hours(24),
            after_hours_every: SignedDuration::from_hours(4),
            awake: SignedDuration::from_hours(1),
            partial_text: SignedDuration::from_mins(10),
            receipt: SignedDuration::from_hours(72),
            redelivery: SignedDuration::from_hours(24),
            redelivery_begins: SignedDuration::from_mins(10),
            answer_doubt: SignedDuration::from_mins(1),
            retry_pause: SignedDuration::from_secs(1),
            retry_pause_max: SignedDuration::from_mins(1),
            postponement_max: SignedDuration::from_hours(48),
            doubtful_tries_max: 3,
        }
    }
}
