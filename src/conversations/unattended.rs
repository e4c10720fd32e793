//! Brings an event to a conversation without an actor: for a command that writes beside the daemons, or in their place.

use super::read_back::{ReadBack, read_back};
use super::step::{CONFLICTS_MAX, random_u64};
use crate::domain::{Conversation, ConversationId, ConversationKey, Event, Outcome, Policy};
use crate::ports::{Clock, Commit, CommitError, OperationId, Store, StoreError, Stored, Version};

/// What a conversation that is read now would answer, and nothing is written.
pub fn would_decide(
    stored: Option<Stored>,
    key: &ConversationKey,
    event: Event,
    clock: &dyn Clock,
    policy: &Policy,
) -> Outcome {
    let held = stored.unwrap_or_else(|| unwritten(key, clock));
    held.conversation.handle(event, clock.now(), policy).outcome
}

/// Brings an event to a conversation. What is answered is durable; what is refused changes nothing. The effects are left to
/// the daemons: they hear of this commit as of one of another daemon, or read it when they start.
pub async fn decide(
    store: &dyn Store,
    key: &ConversationKey,
    event: Event,
    clock: &dyn Clock,
    policy: &Policy,
) -> Result<Outcome, StoreError> {
    for _ in 0..CONFLICTS_MAX {
        let held = store.load(key).await?.unwrap_or_else(|| unwritten(key, clock));
        let now = clock.now();
        let decision = held.conversation.handle(event.clone(), now, policy);
        match decision.outcome {
            Outcome::Refused(_) => return Ok(decision.outcome),
            Outcome::Accepted(_) | Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_) => {}
        }
        let (expected, operation) =
            (held.version, OperationId(u128::from(random_u64()) << 64 | u128::from(random_u64())));
        let commit = Commit {
            expected,
            operation,
            at: now,
            wake_at: decision.next.wake_at(policy),
            summary: decision.next.summary(),
            next: decision.next,
            journal: decision.journal,
            idempotency: None,
        };
        match store.commit(commit).await {
            Ok(_) => return Ok(decision.outcome),
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::KeyTaken(_)) => unreachable!("no idempotency key was given"),
            Err(CommitError::Store(error)) => match read_back(store, key, operation, expected).await {
                ReadBack::Stands(_) => return Ok(decision.outcome),
                ReadBack::WasNotMade | ReadBack::NobodyKnows => return Err(error),
            },
        }
    }
    Err(StoreError::Unavailable("others write the same conversation again and again".into()))
}

/// A conversation that never was.
fn unwritten(key: &ConversationKey, clock: &dyn Clock) -> Stored {
    let conversation = Conversation::new(ConversationId(random_u64()), key.clone(), clock.now());
    Stored { conversation, version: Version(0), operation: OperationId(0) }
}
