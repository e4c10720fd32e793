//! What is moved from store to store: one item is one thing that a store keeps, opened.

use jiff::Timestamp;

use super::super::record::{self, nanoseconds};
use crate::domain::audit::Audited;
use crate::domain::ledger::Proof;
use crate::domain::note::Note;
use crate::domain::{ConversationKey, Entry, Message, Meter, PracticeId, Summary};
use crate::ports::{Changed, KeptAnswer, Post, Record, Stored, Version, WebhookKey};

/// What a store keeps many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Records,
    Conversations,
    Messages,
    Evidence,
    Answers,
    DeadLetters,
    Occurrences,
    Meters,
    Proofs,
    Audit,
    Posts,
    Notes,
}

impl Kind {
    /// In the order in which they are moved: what others belong to goes first.
    pub const ALL: [Self; 12] = [
        Self::Records,
        Self::Conversations,
        Self::Messages,
        Self::Evidence,
        Self::Answers,
        Self::DeadLetters,
        Self::Occurrences,
        Self::Meters,
        Self::Proofs,
        Self::Audit,
        Self::Posts,
        Self::Notes,
    ];

    /// For the operator, and for a target to remember how far it is.
    pub fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Conversations => "conversations",
            Self::Messages => "messages",
            Self::Evidence => "evidence",
            Self::Answers => "kept answers",
            Self::DeadLetters => "dead letters",
            Self::Occurrences => "occurrences",
            Self::Meters => "meters",
            Self::Proofs => "proofs",
            Self::Audit => "audit",
            Self::Posts => "posts of webhooks",
            Self::Notes => "notes",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One thing that a store keeps.
pub enum Item {
    Record(Record),
    Conversation(Box<Moved>),
    /// One of a thread.
    Message(ConversationKey, Message),
    /// One entry of the journal.
    Evidence {
        conversation: ConversationKey,
        version: Version,
        /// Its place among the entries of its commit.
        place: u64,
        entry: Entry,
    },
    /// What was answered to an idempotency key, and when.
    Answer {
        kept: KeptAnswer,
        at: Timestamp,
    },
    DeadLetter(Letter),
    /// One of the stream. It has no id here: the target gives it one that its source never gave.
    Occurrence {
        conversation: ConversationKey,
        change: Changed,
        at: Timestamp,
    },
    /// What a practice's number has sent of what it may. One that never sent anything has none.
    Meter {
        practice: PracticeId,
        meter: Meter,
    },
    /// One of the evidence ledger. The target signs and seals it anew, in the same order.
    Proof(Box<Proof>),
    /// One of the audit of a practice. The target seals it anew, in the same order.
    Audited(Box<Audited>),
    /// What was posted to a webhook. Its place in the stream is one that the target's stream is past: the receiver hears of that.
    Post(WebhookKey, Box<Post>),
    /// One that staff wrote down in a conversation.
    Note(ConversationKey, Note),
}

impl Item {
    /// Whose it is; a dead letter is nobody's.
    pub fn practice(&self) -> Option<PracticeId> {
        match self {
            Self::Record(record) => Some(record.key().practice().clone()),
            Self::Conversation(moved) => Some(moved.stored.conversation.key.practice.clone()),
            Self::Message(conversation, _)
            | Self::Note(conversation, _)
            | Self::Evidence { conversation, .. }
            | Self::Occurrence { conversation, .. } => Some(conversation.practice.clone()),
            Self::Answer { kept, .. } => Some(kept.conversation.practice.clone()),
            Self::Meter { practice, .. } => Some(practice.clone()),
            Self::Proof(proof) => Some(proof.practice.clone()),
            Self::Audited(entry) => Some(entry.practice.clone()),
            Self::Post(key, _) => Some(key.practice.clone()),
            Self::DeadLetter(_) => None,
        }
    }
}

/// A conversation, and what the store knows of it beside it.
pub struct Moved {
    pub stored: Stored,
    pub wake_at: Option<Timestamp>,
    pub summary: Summary,
}

/// A dead letter as it is read back.
pub struct Letter {
    pub at: Timestamp,
    /// Why, in words without personal data.
    pub reason: String,
    pub raw: Vec<u8>,
}

impl Item {
    /// Everything that is in it, written one way whichever store it comes from.
    pub fn canonical(&self) -> Vec<Vec<u8>> {
        let number = |number: u64| number.to_be_bytes().to_vec();
        let time = |at: Timestamp| nanoseconds(at).to_be_bytes().to_vec();
        match self {
            Self::Record(record) => vec![record::write_record(record)],
            Self::Conversation(moved) => {
                let Moved { stored, wake_at, summary } = &**moved;
                vec![
                    record::write_conversation(&stored.conversation),
                    number(stored.version.0),
                    stored.operation.0.to_be_bytes().to_vec(),
                    wake_at.map(time).unwrap_or_default(),
                    number(summary.unread.into()),
                    summary.last.map(|seq| number(seq.0)).unwrap_or_default(),
                    time(summary.active_at),
                ]
            }
            Self::Message(conversation, message) => {
                vec![record::write_key(conversation), record::write_message(message)]
            }
            Self::Evidence { conversation, version, place, entry } => vec![
                record::write_key(conversation),
                number(version.0),
                number(*place),
                record::write_evident(entry).unwrap_or_default(),
            ],
            Self::Answer { kept, at } => vec![record::write_kept(kept), time(*at)],
            Self::DeadLetter(letter) => vec![record::write_letter(letter.at, &letter.reason, &letter.raw)],
            Self::Occurrence { conversation, change, at } => {
                vec![record::write_key(conversation), change_in_words(*change).into_bytes(), time(*at)]
            }
            Self::Meter { practice, meter: Meter { full_at_us, at_us, day_ends_us, spent } } => vec![
                practice.as_str().into(),
                full_at_us.to_be_bytes().to_vec(),
                at_us.to_be_bytes().to_vec(),
                day_ends_us.to_be_bytes().to_vec(),
                number((*spent).into()),
            ],
            Self::Audited(entry) => vec![entry.practice.as_str().into(), record::write_audited(entry)],
            Self::Proof(proof) => vec![record::write_proof(proof), proof.link().0.to_vec()],
            Self::Post(key, post) => vec![record::write_post(key, post)],
            Self::Note(conversation, note) => {
                vec![record::write_key(conversation), note.id.to_string().into_bytes(), record::write_note(note)]
            }
        }
    }
}

fn change_in_words(change: Changed) -> String {
    match change {
        Changed::MessageReceived(seq) => format!("received {}", seq.0),
        Changed::MessageUpdated(seq) => format!("updated {}", seq.0),
        Changed::Consent => "consent".to_owned(),
        Changed::Unread => "unread".to_owned(),
        Changed::Desk => "desk".to_owned(),
        Changed::Note(number) => format!("note {number}"),
    }
}
