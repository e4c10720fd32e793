//! What can be checked of a store without a daemon: whether it opens, and whether what it writes stays.

use std::sync::Arc;

use super::{Location, OpenError, open, redis};
use crate::domain::BootId;
use crate::ports::Clock;

/// One thing that was checked, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub what: String,
    /// If it does not hold: what is wrong, and what to do.
    pub result: Result<(), String>,
}

impl Checked {
    pub fn new(what: impl Into<String>, result: Result<(), String>) -> Self {
        Self { what: what.into(), result }
    }
}

/// The steps to an embedded store, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Url,
    Directory,
    Database,
    Keys,
    DurableWrite,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Url, Self::Directory, Self::Database, Self::Keys, Self::DurableWrite];

    fn name(self) -> &'static str {
        match self {
            Self::Url => "store: url",
            Self::Directory => "store: directory",
            Self::Database => "store: database",
            Self::Keys => "store: keys",
            Self::DurableWrite => "store: durable write",
        }
    }

    /// Where it is not opened for this reason.
    fn of(error: &OpenError) -> Self {
        match error {
            OpenError::UnknownScheme { .. } | OpenError::NoDirectory | OpenError::Redis(_) => Self::Url,
            OpenError::InUse { .. }
            | OpenError::Directory { .. }
            | OpenError::NoStore { .. }
            | OpenError::Ledger(_) => Self::Directory,
            OpenError::Database { .. }
            | OpenError::Damaged { .. }
            | OpenError::NotOurs { .. }
            | OpenError::Newer { .. }
            | OpenError::Unfinished { .. } => Self::Database,
            OpenError::KeyFile { .. }
            | OpenError::KeyRing { .. }
            | OpenError::KeyFileMissing { .. }
            | OpenError::KeyMissing { .. }
            | OpenError::WrongKey { .. } => Self::Keys,
        }
    }
}

/// Opens a store as a daemon would, made where there is none, and writes to it. What comes after the first thing that
/// does not hold was not tried, and is not in the list.
pub async fn check(location: &Location, daemon: BootId, clock: Arc<dyn Clock>) -> Vec<Checked> {
    if location.is_on_redis() {
        return redis::check(location, daemon, clock).await;
    }
    let (reached, problem) = match open(location, daemon, clock).await {
        Ok(store) => {
            let written = store.probe().await.map_err(|error| format!("{error}: check the disk and that it has room"));
            // Closing the database waits for its writer.
            let _ = tokio::task::spawn_blocking(move || drop(store)).await;
            (Stage::DurableWrite, written)
        }
        Err(error @ OpenError::InUse { .. }) => {
            let directory =
                "the store is in use by a running assent: ask its /readyz, or stop it to have it checked here";
            (Stage::of(&error), Err(directory.to_owned()))
        }
        Err(error) => (Stage::of(&error), Err(error.to_string())),
    };
    let before =
        Stage::ALL.into_iter().filter(|stage| *stage < reached).map(|stage| Checked::new(stage.name(), Ok(())));
    before.chain([Checked::new(reached.name(), problem)]).collect()
}
