//! One letter's way to the store and back: load if need be, decide, make durable.
//!
//! Other daemons may write the same conversation. What is held in memory is a guess then, and every decision is fenced
//! by the version that it was made on: by its commit, or by a look at the version where nothing is to be committed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::directory::Directory;
use super::letter::{AskError, Idempotency, Reply};
use super::read_back::{ReadBack, read_back};
use crate::domain::{
    Conversation, ConversationId, ConversationKey, Decision, Effect, Event, Inbound, OtherDaemons, Outcome, Policy,
    SessionEnd,
};
use crate::ports::{Commit, CommitError, KeptAnswer, OperationId, Store, StoreError, Stored, Version};

/// How often a decision is made anew because another daemon wrote first. A burst of letters there may win many times in a
/// row; whoever waits gives up in time.
pub(super) const CONFLICTS_MAX: usize = 64;

/// One letter being dealt with.
pub(super) struct Step {
    directory: Arc<Directory>,
    key: ConversationKey,
    held: Held,
    holds: Holds,
    until: Instant,
    effects: Vec<Effect>,
    committed_from: Instant,
}

/// What an actor has of its conversation between two letters.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
pub(super) enum Held {
    /// Nothing: it has just begun, or nobody knows what became of its last commit.
    Nothing,
    /// Nothing that is still so: another daemon wrote. What this one waits for it waits for still.
    Overtaken,
    Stored(Stored),
}

impl Held {
    /// What there is; nothing is left.
    pub fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Nothing)
    }
}

/// How sure it is that the store has what is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// It was read or written while this letter was dealt with.
    WhatIsStored,
    /// It was left by an earlier letter.
    WhatWasStored,
}

/// What a step leaves: what the store has, what is to be done, and what is to be answered.
pub(super) struct Stepped {
    pub held: Held,
    pub effects: Vec<Effect>,
    /// The instant before the commit of these effects was asked for.
    pub committed_from: Instant,
    pub reply: Result<Reply, AskError>,
}

impl Step {
    /// Nobody waits after `until`.
    pub fn new(directory: Arc<Directory>, key: ConversationKey, held: Held, until: Instant) -> Self {
        let committed_from = Instant::now();
        Self { directory, key, held, holds: Holds::WhatWasStored, until, effects: Vec::new(), committed_from }
    }

    pub async fn take(mut self, event: Event, idempotency: Option<Idempotency>) -> Stepped {
        let reply = self.settle(event, idempotency).await;
        self.leave(reply)
    }

    /// Reads what another daemon wrote, and does what follows from it here.
    pub async fn catch_up(mut self) -> Stepped {
        let reply = match self.load(Event::Overtaken).await {
            Ok(stored) => {
                self.held = Held::Stored(stored);
                Ok(Reply::Decided(Outcome::Recorded))
            }
            Err(error) => Err(error),
        };
        self.leave(reply)
    }

    fn leave(self, reply: Result<Reply, AskError>) -> Stepped {
        Stepped { held: self.held, effects: self.effects, committed_from: self.committed_from, reply }
    }

    async fn settle(&mut self, mut event: Event, idempotency: Option<Idempotency>) -> Result<Reply, AskError> {
        let mut taken_elsewhere = None;
        let mut session_ended = None;
        for _ in 0..CONFLICTS_MAX {
            self.is_still_waited_for()?;
            let mut held = match self.held.take() {
                Held::Stored(held) => held,
                Held::Overtaken => self.load(Event::Overtaken).await?,
                Held::Nothing => self.load(Event::Restored).await?,
            };
            if let Event::Received(inbound) = &mut event {
                if let OtherDaemons::Possible { .. } = self.store().other_daemons() {
                    // It says nothing about what another daemon answered.
                    session_ended = inbound.earlier_session_ended.take().or(session_ended);
                    let taken = self.ask_core(|now, policy| held.conversation.taken_lately(inbound, now, policy))?;
                    if taken_elsewhere.replace(taken).is_some_and(|before| before < taken) {
                        // Another daemon took the same words while these were being written down. They may be this delivery
                        // or another: the carrier knows, and delivers again what it has no answer to.
                        self.held = Held::Stored(held);
                        return Err(AskError::Overloaded);
                    }
                }
                match self.learn_of_ended_sessions(held, inbound, session_ended).await? {
                    Some(learnt) => held = learnt,
                    None => continue,
                }
            }
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
                (Some(asked), Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_)) => {
                    let kept = self.store().kept_answer(&self.key.practice, &asked.key).await.map_err(unavailable)?;
                    if let Some(kept) = kept {
                        self.held = Held::Stored(held);
                        return Ok(answered_before(kept, asked));
                    }
                    None
                }
                (None, _) => None,
            };
            match self.commit(held, decision, kept).await {
                Ok(()) => return Ok(Reply::Decided(outcome)),
                Err(CommitError::Conflict { .. }) => self.held = Held::Overtaken,
                Err(CommitError::KeyTaken(kept)) => {
                    let asked = idempotency.expect("a key that is taken was asked with");
                    return Ok(answered_before(*kept, &asked));
                }
                Err(CommitError::Store(error)) => return Err(unavailable(error)),
            }
        }
        Err(AskError::Overloaded)
    }

    /// What nobody waits for any more is not decided: whoever brought it has been told that it was not.
    fn is_still_waited_for(&self) -> Result<(), AskError> {
        if Instant::now() > self.until { Err(AskError::Overloaded) } else { Ok(()) }
    }

    /// Reads the conversation, and lets it draw its conclusions from why that was necessary.
    async fn load(&mut self, because: fn(OtherDaemons) -> Event) -> Result<Stored, AskError> {
        self.holds = Holds::WhatIsStored;
        for _ in 0..CONFLICTS_MAX {
            self.is_still_waited_for()?;
            let Some(stored) = self.store().load(&self.key).await.map_err(unavailable)? else {
                let id = ConversationId(random_u64());
                let conversation = Conversation::new(id, self.key.clone(), self.directory.now());
                return Ok(Stored { conversation, version: Version(0), operation: OperationId(0) });
            };
            let decision = self.decide(&stored.conversation, because(self.store().other_daemons()))?;
            match self.commit(stored, decision, None).await {
                Ok(()) => return Ok(self.what_was_written()),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::KeyTaken(_)) => unreachable!("no idempotency key was given"),
                Err(CommitError::Store(error)) => return Err(unavailable(error)),
            }
        }
        Err(AskError::Overloaded)
    }

    /// Whether a text is another that the patient sent or the same delivered again depends on whether the answer to
    /// the first may have been lost with a session, and sessions of another daemon, and of earlier runs of this one, are
    /// told by the store alone. `None` when somebody else wrote meanwhile.
    async fn learn_of_ended_sessions(
        &mut self,
        held: Stored,
        inbound: &Inbound,
        our_session_ended: Option<Timestamp>,
    ) -> Result<Option<Stored>, AskError> {
        let (ours, others) =
            self.ask_core(|now, policy| (policy.boot, held.conversation.taken_elsewhere(inbound, now, policy)))?;
        let our_end = our_session_ended.map(|at| SessionEnd { at, of: Some(ours) });
        let mut ends: Vec<SessionEnd> = our_end.into_iter().collect();
        for other in others {
            let told = self.store().session_ends_of(other).await.map_err(unavailable)?;
            ends.extend(told.into_iter().map(|at| SessionEnd { at, of: Some(other) }));
        }
        if ends.is_empty() {
            return Ok(Some(held));
        }
        let learnt = self.decide(&held.conversation, Event::SessionsEnded(ends))?;
        if learnt.next.session_ends == held.conversation.session_ends {
            return Ok(Some(held));
        }
        match self.commit(held, learnt, None).await {
            Ok(()) => Ok(Some(self.what_was_written())),
            Err(CommitError::Conflict { .. }) => {
                self.held = Held::Overtaken;
                Ok(None)
            }
            Err(CommitError::KeyTaken(_)) => unreachable!("no idempotency key was given"),
            Err(CommitError::Store(error)) => Err(unavailable(error)),
        }
    }

    fn what_was_written(&mut self) -> Stored {
        match self.held.take() {
            Held::Stored(stored) => stored,
            Held::Nothing | Held::Overtaken => unreachable!("a commit that stands leaves what it wrote"),
        }
    }

    fn decide(&self, conversation: &Conversation, event: Event) -> Result<Decision, AskError> {
        self.ask_core(|now, policy| conversation.handle(event, now, policy))
    }

    /// Asks the core. A panic there must not take the arbiter's other conversations along.
    fn ask_core<T>(&self, ask: impl FnOnce(Timestamp, &Policy) -> T) -> Result<T, AskError> {
        let answered = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let policy = self.directory.policy(&self.key.practice).ok_or(AskError::UnknownPractice)?;
            Ok(ask(self.directory.now(), &policy))
        }));
        answered.unwrap_or_else(|_| {
            self.directory.panicked(&self.key);
            Err(AskError::Panicked)
        })
    }

    /// Makes a decision durable; on success `held` and the effects are what it says. A decision that changes
    /// nothing needs no commit, but it must have been made on what is stored.
    async fn commit(
        &mut self,
        held: Stored,
        decision: Decision,
        idempotency: Option<KeptAnswer>,
    ) -> Result<(), CommitError> {
        let Decision { next, journal, effects, .. } = decision;
        if next == held.conversation && journal.is_empty() {
            self.confirm(held.version).await?;
            self.held = Held::Stored(held);
            self.effects.extend(effects);
            return Ok(());
        }
        let operation = OperationId(u128::from(random_u64()) << 64 | u128::from(random_u64()));
        let expected = held.version;
        let policy = self.directory.policy(&self.key.practice);
        let commit = Commit {
            expected,
            operation,
            at: self.directory.now(),
            wake_at: policy.and_then(|policy| next.wake_at(&policy)),
            summary: next.summary(),
            next: next.clone(),
            journal,
            idempotency,
        };
        self.committed_from = Instant::now();
        let version = match self.store().commit(commit).await {
            Ok(version) => version,
            Err(CommitError::Store(error)) => match read_back(self.store(), &self.key, operation, expected).await {
                ReadBack::Stands(version) => version,
                ReadBack::WasNotMade | ReadBack::NobodyKnows => return Err(error.into()),
            },
            Err(other) => return Err(other),
        };
        self.holds = Holds::WhatIsStored;
        self.held = Held::Stored(Stored { conversation: next, version, operation });
        self.effects.extend(effects);
        Ok(())
    }

    /// Makes sure that nobody else wrote since what is held was stored. Also in an outage: consent is never served from
    /// memory where another daemon may have taken a STOP.
    async fn confirm(&self, held: Version) -> Result<(), CommitError> {
        match (self.holds, self.store().other_daemons()) {
            (Holds::WhatIsStored, _) | (Holds::WhatWasStored, OtherDaemons::Impossible) => Ok(()),
            (Holds::WhatWasStored, OtherDaemons::Possible { .. }) => {
                let stored = self.store().version(&self.key).await?;
                if stored == held { Ok(()) } else { Err(CommitError::Conflict { expected: held }) }
            }
        }
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

pub(super) fn random_u64() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}
