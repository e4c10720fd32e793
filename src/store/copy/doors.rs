//! What a store has to do to be copied, and to be copied into. Each backend has one of its own.

use async_trait::async_trait;
use jiff::Timestamp;

use super::item::{Item, Kind};
use crate::domain::BootId;
use crate::ports::{OccurrenceId, RecordsVersion, StoreError};

/// Which store it is, and at which moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// What the store is called, without a secret: the same whenever it is opened, and no two are called the same.
    pub store: String,
    pub last_commit: Option<Timestamp>,
    pub records_version: RecordsVersion,
    /// The newest place that the stream of any practice ever gave.
    pub newest_occurrence: OccurrenceId,
}

/// What daemons that share a store know of it and of each other; nothing where a daemon is alone. Only a store that daemons
/// share has a use for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// How far they have seen the store, in their words: those that come along recognize the copy by it.
    pub seen: String,
    /// When link sessions ended, and whose: what was answered shortly before may be delivered again, and a START that is
    /// must not count.
    pub session_ends: Vec<(BootId, Timestamp)>,
}

/// A place among the items of one kind; only its own source can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub String);

/// Items of one kind, in order.
pub struct Page {
    pub items: Vec<Item>,
    /// The place of the last; `None` when there are no more.
    pub last: Option<Place>,
}

/// How far a copy has come: everything of the kinds before this one, and of this one all up to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    pub kind: Kind,
    pub place: Place,
}

/// What is in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    Empty,
    Unfinished {
        of: Origin,
        reached: Option<Reached>,
    },
    Finished {
        of: Origin,
    },
    /// What no copy wrote.
    Occupied,
}

/// A store that is read from one end to the other. Nobody else writes to it meanwhile: whoever opens it sees to that.
#[async_trait]
pub trait Source: Send {
    /// An error while a daemon runs on it.
    async fn origin(&mut self) -> Result<Origin, StoreError>;

    /// Answers that are no longer kept at this moment are left out from here on: a store may drop them at any time.
    fn leave_out_answers_before(&mut self, kept_since: Timestamp);

    /// How many items there are, exactly.
    async fn count(&mut self, kind: Kind) -> Result<u64, StoreError>;

    /// Items after a place, at most so many, in an order that is the same each time. Occurrences are in order of time.
    async fn page(&mut self, kind: Kind, after: Option<&Place>, limit: usize) -> Result<Page, StoreError>;

    /// What daemons know of it and of each other.
    async fn remembered(&mut self) -> Result<Remembered, StoreError>;

    /// Entries of the audit that stay where they are: not every kind of store has a place for them.
    async fn stays_behind(&mut self) -> Result<u64, StoreError>;
}

/// A store that is made from another. It is read back to be compared.
#[async_trait]
pub trait Target: Source {
    async fn state(&mut self) -> Result<TargetState, StoreError>;

    /// Remembers, durably, whose copy this is to become. Until it is finished no daemon may run on it. The time of the
    /// last commit and the version of the records become those of the origin. `remembered` is the source's.
    async fn begin(&mut self, of: &Origin, remembered: &Remembered) -> Result<(), StoreError>;

    /// Writes items, and how far the copy has come with them, durably: never the second without the first. Items may be
    /// given again after a crash in between, and are then there once. An occurrence gets an id above every id of the
    /// origin by two at least, so that whoever resumes from one of those is told to start over. What is written
    /// stays until the end, however old it is: it is read back to be compared.
    async fn write(&mut self, items: Vec<Item>, reached: &Reached) -> Result<(), StoreError>;

    /// From here on a daemon may run on it.
    async fn finish(&mut self) -> Result<(), StoreError>;
}
