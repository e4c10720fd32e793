//! What is said to a conversation's actor, and what it answers.

use tokio::time::Instant;

use crate::domain::{Event, Outcome};
use crate::ports::{IdempotencyKey, KeptAnswer, Place};

/// An event on its way to a conversation.
pub(super) struct Letter {
    pub event: Event,
    pub idempotency: Option<Idempotency>,
    /// The room in the carrier's window that was granted together with a slot.
    pub place: Option<Box<dyn Place>>,
    /// When whoever sent it gives up. What nobody waits for any more is not decided: a daemon that was frozen must not
    /// write down a text that the carrier has delivered to another one meanwhile.
    pub until: Instant,
}

impl Letter {
    pub fn about(event: Event, until: Instant) -> Self {
        Self { event, idempotency: None, place: None, until }
    }
}

/// Said to an actor whose conversation another daemon wrote: what it holds is old.
pub(super) struct Overtaken;

/// The caller's key for a draft, and the digest of what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    pub key: IdempotencyKey,
    /// SHA-256 of everything that the request asked for.
    pub request: [u8; 32],
}

/// A durable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Decided(Outcome),
    /// The same request was answered before.
    AnsweredBefore(KeptAnswer),
    /// The key was used for another request.
    KeyReused,
}

/// Why there is no answer. The event may have been recorded all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("the store can't be written or read")]
    StoreUnavailable,
    #[error("the store went back in time, and waits for the operator")]
    StoreWentBack,
    #[error("too much is waiting")]
    Overloaded,
    /// Deciding made the daemon panic. The conversation is read again from the store.
    #[error("the conversation could not be decided")]
    Panicked,
    /// The conversation made the daemon panic again and again, and is left alone until the next start.
    #[error("the conversation is quarantined")]
    Quarantined,
    #[error("there is no such practice")]
    UnknownPractice,
    #[error("the daemon is stopping")]
    Stopping,
}
