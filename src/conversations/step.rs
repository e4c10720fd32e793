//! One letter's way to the store and back: load if need be, decide, make durable.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::directory::Directory;
use super::letter::{AskError, Idempotency, Reply};
use crate::domain::{Conversation, ConversationId, ConversationKey, Decision, Effect, Event, Outcome};
use crate::ports::{Commit, CommitError, KeptAnswer, OperationId, Store, StoreError, Stored, Version};

/// How often a decision is made anew because another daemon wrote first.
const CONFLICTS_MAX: usize = 8;

/// One letter being dealt with.
pub(super) struct Step {
    directory: Arc<Directory>,
    key: ConversationKey,
    held: Option<Stored>,
    effects: Vec<Effect>,
}

/// What a step leaves: what the store has, what is to be done, and what is to be answered.
pub(super) struct Stepped {
    pub held: Option<Stored>,
    pub effects: Vec<Effect>,
    pub reply: Result<Reply, AskError>,
}

impl Step {
    /// `held` is what the store has; `None` when that must be read.
    pub fn new(directory: Arc<Directory>, key: ConversationKey, held: Option<Stored>) -> Self {
        Self { directory, key, held, effects: Vec::new() }
    }

    pub async fn take(mut self, event: Event, idempotency: Option<Idempotency>) -> Stepped {
        let reply = self.settle(event, idempotency).await;
        Stepped { held: self.held, effects: self.effects, reply }
    }

    async fn settle(&mut self, event: Event, idempotency: Option<Idempotency>) -> Result<Reply, AskError> {
        for _ in 0..CONFLICTS_MAX {
            let held = match self.held.take() {
                Some(held) => held,
                None => self.load().await?,
            };
            let decision = self.decide(&held.conversation, event.clone())?;
            let outcome = decision.outcome.clone();
            let kept = match (&idempotency, &outcome) {
                // The commit finds out whether the key was used before.
                (Some(asked), Outcome::Accepted(message)) => Some(KeptAnswer {
                    key: asked.key.clone(),
                    request: asked.request,
                    conversation: self.key.clone(),
                    message: message.id,
                }),
                // What is refused by now may have been accepted then, and the same key gets the same answer.
                (Some(asked), Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_)) => {
                    let kept = self.store().kept_answer(&self.key.practice, &asked.key).await.map_err(unavailable)?;
                    if let Some(kept) = kept {
                        self.held = Some(held);
                        return Ok(answered_before(kept, asked));
                    }
                    None
                }
                (None, _) => None,
            };
            match self.commit(held, decision, kept).await {
                Ok(()) => return Ok(Reply::Decided(outcome)),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::KeyTaken(kept)) => {
                    let asked = idempotency.expect("a key that is taken was asked with");
                    return Ok(answered_before(*kept, &asked));
                }
                Err(CommitError::Store(error)) => return Err(unavailable(error)),
            }
        }
        Err(AskError::Overloaded)
    }

    /// Reads the conversation, and lets it draw its conclusions from having been away.
    async fn load(&mut self) -> Result<Stored, AskError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(stored) = self.store().load(&self.key).await.map_err(unavailable)? else {
                let id = ConversationId(random_u64());
                let conversation = Conversation::new(id, self.key.clone(), self.directory.now());
                return Ok(Stored { conversation, version: Version(0), operation: OperationId(0) });
            };
            let restored = Event::Restored(self.store().other_daemons());
            let decision = self.decide(&stored.conversation, restored)?;
            match self.commit(stored, decision, None).await {
                Ok(()) => return Ok(self.held.take().expect("a commit that stands leaves what it wrote")),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::KeyTaken(_)) => unreachable!("no idempotency key was given"),
                Err(CommitError::Store(error)) => return Err(unavailable(error)),
            }
        }
        Err(AskError::Overloaded)
    }

    /// Asks the core. A panic there must not take the arbiter's other conversations along.
    fn decide(&self, conversation: &Conversation, event: Event) -> Result<Decision, AskError> {
        let decided = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let policy = self.directory.policy(&self.key.practice).ok_or(AskError::UnknownPractice)?;
            Ok(conversation.handle(event, self.directory.now(), &policy))
        }));
        decided.unwrap_or_else(|_| {
            self.directory.panicked(&self.key);
            Err(AskError::Panicked)
        })
    }

    /// Makes a decision durable; on success `held` and the effects are what it says. A decision that changes
    /// nothing needs no commit.
    async fn commit(
        &mut self,
        held: Stored,
        decision: Decision,
        idempotency: Option<KeptAnswer>,
    ) -> Result<(), CommitError> {
        let Decision { next, journal, effects, .. } = decision;
        if next == held.conversation && journal.is_empty() {
            self.held = Some(held);
            self.effects.extend(effects);
            return Ok(());
        }
        let operation = OperationId(u128::from(random_u64()) << 64 | u128::from(random_u64()));
        let policy = self.directory.policy(&self.key.practice);
        let commit = Commit {
            expected: held.version,
            operation,
            at: self.directory.now(),
            wake_at: policy.and_then(|policy| next.wake_at(&policy)),
            summary: next.summary(),
            next: next.clone(),
            journal,
            idempotency,
        };
        let version = match self.store().commit(commit).await {
            Ok(version) => version,
            Err(CommitError::Store(error)) => self.read_back(operation).await.ok_or(error)?,
            Err(other) => return Err(other),
        };
        self.held = Some(Stored { conversation: next, version, operation });
        self.effects.extend(effects);
        Ok(())
    }

    /// After an error nobody knows whether the commit was made: what the store has tells.
    async fn read_back(&self, operation: OperationId) -> Option<Version> {
        let stored = self.store().load(&self.key).await.ok()??;
        (stored.operation == operation).then_some(stored.version)
    }

    fn store(&self) -> &dyn Store {
        self.directory.store()
    }
}

fn answered_before(kept: KeptAnswer, asked: &Idempotency) -> Reply {
    if kept.request == asked.request { Reply::AnsweredBefore(kept) } else { Reply::KeyReused }
}

fn unavailable(error: StoreError) -> AskError {
    tracing::error!(%error, "store failed a conversation");
    match error {
        StoreError::WentBack(_) => AskError::StoreWentBack,
        StoreError::Unavailable(_) | StoreError::Unreadable(_) => AskError::StoreUnavailable,
    }
}

fn random_u64() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}
