//! What became of a commit whose answer was lost: read back, never guessed.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ConversationKey;
use crate::ports::{OperationId, Store, StoreError, Version};

/// How long the store is asked what it has. After that the conversation is let go: whoever asks next reads it anew.
pub(super) const READ_BACK_MAX: Duration = Duration::from_secs(10);
/// Between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What the store said of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadBack {
    /// It was made, as this version.
    Stands(Version),
    /// What it was to replace is still there.
    WasNotMade,
    /// Another daemon wrote on top of it or in its place, or the store said nothing.
    NobodyKnows,
}

/// Asks the store which commit it has, again and again while it does not answer.
pub(super) async fn read_back(
    store: &dyn Store,
    key: &ConversationKey,
    operation: OperationId,
    expected: Version,
) -> ReadBack {
    let give_up_at = Instant::now() + READ_BACK_MAX;
    let mut pause = PAUSE;
    loop {
        match store.load(key).await {
            Ok(Some(stored)) if stored.operation == operation => return ReadBack::Stands(stored.version),
            Ok(Some(stored)) if stored.version == expected => return ReadBack::WasNotMade,
            Ok(None) if expected == Version(0) => return ReadBack::WasNotMade,
            Ok(Some(_) | None) | Err(StoreError::Unreadable(_) | StoreError::WentBack(_)) => {
                return ReadBack::NobodyKnows;
            }
            Err(StoreError::Unavailable(_)) => {}
        }
        if Instant::now() + pause > give_up_at {
            return ReadBack::NobodyKnows;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
