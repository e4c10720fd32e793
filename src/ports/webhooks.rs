//! What a store keeps of a webhook beside its record: how far it was told, and what became of each delivery.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Occurrence, OccurrenceId, StoreError, Version};
use crate::domain::{BootId, PracticeId};

/// Names the post of a webhook. A webhook that is made anew under the same id has another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebhookKey {
    pub practice: PracticeId,
    pub serial: u64,
}

/// What was posted to a webhook, and what is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// Everything up to here was taken from the stream.
    pub position: OccurrenceId,
    /// In the order in which they were taken.
    pub deliveries: Vec<Delivery>,
    /// Since when the receiver took nothing; `None` when it took what was last tried.
    pub failing_since: Option<Timestamp>,
    /// Since when the receiver takes something, be it not everything; `None` while it takes nothing.
    pub up_since: Option<Timestamp>,
    /// When something was last tried, and what was heard.
    pub tried_at: Option<Timestamp>,
    pub last: Option<Heard>,
    /// Nothing is posted any more until somebody says so.
    pub stopped: Option<Stopped>,
    /// Who is posting at this moment.
    pub lease: Option<Lease>,
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub notice: Notice,
    pub taken_at: Timestamp,
    /// Those that count in its schedule.
    pub attempts: u8,
    pub tried_at: Option<Timestamp>,
    pub fate: Fate,
    /// What came of the last attempt.
    pub last: Option<Heard>,
}

/// What a delivery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Occurred(Occurrence),
    /// What came before this place is not kept any more: whoever listens has to look at everything again.
    Reset(OccurrenceId),
}

impl Notice {
    /// Tells deliveries of one webhook apart.
    pub fn place(&self) -> (OccurrenceId, bool) {
        match self {
            Self::Occurred(occurrence) => (occurrence.id, false),
            Self::Reset(place) => (*place, true),
        }
    }
}

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Due(Timestamp),
    Delivered(Timestamp),
    /// It was given up.
    Failed(Timestamp),
}

/// What came of an attempt. A receiver's words are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Status(u16),
    Nothing(Silence),
}

/// Why nothing was heard of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Silence {
    /// The operator does not allow events to go there.
    NotAllowed,
    /// Its name leads nowhere.
    Unresolved,
    /// Nobody takes the connection.
    Unreachable,
    /// There is no TLS with it, or its certificate is not good.
    NoTls,
    /// It did not answer in time.
    TimedOut,
    /// It hung up, or what it said was no answer.
    NoAnswer,
    /// What was to be told is not there any more.
    NothingToTell,
    /// Others were taken while this one was refused, and there was no room for more that are tried again.
    CrowdedOut,
}

impl Silence {
    pub const ALL: [Self; 8] = [
        Self::NotAllowed,
        Self::Unresolved,
        Self::Unreachable,
        Self::NoTls,
        Self::TimedOut,
        Self::NoAnswer,
        Self::NothingToTell,
        Self::CrowdedOut,
    ];
}

/// Why and since when nothing is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    pub at: Timestamp,
    pub because: StopReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The receiver said that it is gone for good.
    Gone,
    /// It took nothing for days.
    Failing,
}

/// Keeps other daemons from posting the same meanwhile. A lease that runs out, or whose daemon has ended, binds nobody; what
/// is posted twice for it has the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub daemon: BootId,
    pub until: Timestamp,
}

/// Why a post was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error("the post of a webhook was written by someone else (expected version {})", expected.0)]
    Conflict { expected: Version },
    /// Nobody knows whether it was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The posts of webhooks, as they are kept.
#[async_trait]
pub trait Posts: Send + Sync + 'static {
    async fn post(&self, key: &WebhookKey) -> Result<Option<(Post, Version)>, StoreError>;

    /// Writes a post if nobody else did since it was read. Version 0 is one that never was.
    async fn keep(&self, key: &WebhookKey, expected: Version, post: &Post) -> Result<Version, KeepError>;

    /// Removes a post, if it is there.
    async fn forget(&self, key: &WebhookKey) -> Result<(), StoreError>;
}
