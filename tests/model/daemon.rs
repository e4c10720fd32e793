//! One of two daemons: what it holds in memory, and how far it is with what it does.

use std::collections::VecDeque;

use assent::domain::{BootId, Cleared, Conversation, Decision, Effect, Event, MessageId, OtherDaemons, Policy};
use jiff::Timestamp;

use crate::reference::Brought;

/// A decision that is made and not committed.
pub struct Deciding {
    pub letter: Letter,
    pub decision: Decision,
    pub at: Timestamp,
}

/// An event, and what the world knows of it.
#[derive(Debug, Clone)]
pub struct Letter {
    pub event: Event,
    /// The text of the patient that it brings.
    pub text: Option<Text>,
}

/// A text of the patient, for as long as the carrier has no answer to it.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    pub words: &'static str,
    pub number: u64,
    pub brought: Brought,
    /// How often the carrier has brought it.
    pub deliveries: u64,
}

/// What follows a commit, in order.
pub enum Act {
    Perform(Effect),
    /// The carrier hears that a text was taken.
    Acknowledge(Text),
}

#[derive(Default)]
pub struct Daemon {
    pub boot: u64,
    /// What it holds, and the version of that.
    pub held: Option<(Conversation, u64)>,
    pub deciding: Option<Deciding>,
    pub acts: VecDeque<Act>,
    /// When the commit was asked for whose effects are to be performed, by a clock that is never set.
    pub committed: u64,
    pub slots: Vec<MessageId>,
    /// What it has written to the carrier and is not answered.
    pub wire: Vec<Cleared>,
    pub letters: VecDeque<Letter>,
}

impl Daemon {
    pub fn is_busy(&self) -> bool {
        self.deciding.is_some() || !self.acts.is_empty()
    }

    pub fn policy(&self, policy: &Policy) -> Policy {
        Policy { boot: BootId(self.boot), ..policy.clone() }
    }
}

pub fn others(daemons: &[Daemon; 2]) -> OtherDaemons {
    OtherDaemons::Possible { alive: daemons.iter().map(|daemon| BootId(daemon.boot)).collect() }
}
