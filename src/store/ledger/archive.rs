//! The store as it is read to be verified or exported: by one who looks and writes nothing, also while a daemon runs.

use async_trait::async_trait;

use super::super::cipher::Lookup;
use super::super::sealed::Cipher;
use super::super::{Location, OpenError, directory_of, embedded, redis};
use super::{Anchor, AuditPlaced, Line, List};
use crate::domain::ledger::Proof;
use crate::domain::{ConversationKey, Entry, Message, PracticeId, Seq};
use crate::ports::{Record, StoreError, Stored};

/// A line with its place in the ledger of its practice, counted from 1.
pub struct Placed {
    pub place: u64,
    /// None where what stands there is no line.
    pub line: Option<Line>,
}

/// A conversation as it is stored, or why it can't be read.
pub struct Head {
    pub look_up: Lookup,
    pub conversation: u64,
    pub stored: Result<Stored, StoreError>,
}

/// Some conversations of a practice, in the order in which they came.
pub struct Heads {
    pub heads: Vec<Head>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<u64>,
}

/// What can be read of a practice. Nothing is written.
#[async_trait]
pub trait Archive: Send {
    fn cipher(&self) -> &Cipher;

    /// The newest place of a list of the practice that a daemon of this machine has seen.
    fn anchor(&self, list: List, practice: &PracticeId) -> Option<Anchor>;

    /// Every record of the practice.
    async fn records(&mut self, practice: &PracticeId) -> Result<Vec<Record>, StoreError>;

    /// How many lines the practice's ledger has.
    async fn length(&mut self, practice: &PracticeId) -> Result<u64, StoreError>;

    /// Lines after a place, in order.
    async fn lines(&mut self, practice: &PracticeId, after: u64, limit: u64) -> Result<Vec<Placed>, StoreError>;

    /// How many entries the practice's audit has.
    async fn audit_length(&mut self, practice: &PracticeId) -> Result<u64, StoreError>;

    /// How many of them are sealed.
    async fn audit_sealed(&mut self, practice: &PracticeId) -> Result<u64, StoreError>;

    /// Entries of the audit after a place, in order.
    async fn audit_lines(
        &mut self,
        practice: &PracticeId,
        after: u64,
        limit: u64,
    ) -> Result<Vec<AuditPlaced>, StoreError>;

    /// How many conversations there are.
    async fn conversations(&mut self, practice: &PracticeId) -> Result<u64, StoreError>;

    /// Conversations from a place on, which is 0 at first.
    async fn heads(&mut self, practice: &PracticeId, from: u64, limit: u64) -> Result<Heads, StoreError>;

    /// One conversation.
    async fn head(&mut self, practice: &PracticeId, look_up: Lookup) -> Result<Option<Head>, StoreError>;

    /// Every proof of one conversation, in order.
    async fn proofs(&mut self, key: &ConversationKey) -> Result<Vec<Proof>, StoreError>;

    /// What the journal of one conversation tells, in order: consent as it changed before there was a ledger, and what of the
    /// carrier's reports fits nothing.
    async fn journal(&mut self, key: &ConversationKey) -> Result<Vec<Entry>, StoreError>;

    /// Messages of one conversation after a place, the oldest first.
    async fn messages(&mut self, key: &ConversationKey, after: Seq, limit: u64) -> Result<Vec<Message>, StoreError>;

    /// One conversation by its two ends.
    async fn conversation(&mut self, key: &ConversationKey) -> Result<Option<Stored>, StoreError> {
        let look_up = self.cipher().lookups.conversation(key);
        self.head(&key.practice, look_up).await?.map(|head| head.stored).transpose()
    }
}

/// Opens a store to be read. An embedded store may be in use meanwhile: it is seen as it was at this moment.
pub async fn open_archive(location: &Location) -> Result<Box<dyn Archive>, OpenError> {
    if location.is_on_redis() {
        return Ok(Box::new(redis::Archived::open(location).await?));
    }
    let directory = directory_of(&location.url)?;
    Ok(Box::new(embedded::Archived::open(&directory, &location.keys, &location.own_directory(&directory))?))
}
