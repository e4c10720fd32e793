//! The heart: receive, handle, commit, reply, perform.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::directory::{Directory, Seat};
use super::letter::{AskError, Letter, Reply};
use crate::domain::{
    Answer, Cleared, Conversation, ConversationId, ConversationKey, Decision, Effect, Event, MessageId, Outcome,
};
use crate::ports::{Commit, CommitError, KeptAnswer, OperationId, Place, StoreError, Stored, Version};

/// Letters that may wait for one conversation; senders of more wait, and give up in time.
const MAILBOX_LETTERS_MAX: usize = 16;
/// How often a decision is made anew because another daemon wrote first.
const CONFLICTS_MAX: usize = 8;
/// From the commit of `sending` to the first octet on the wire; later it is not written.
const COMMIT_TO_WIRE_MAX: Duration = Duration::from_secs(2);
/// An actor without letters for this long gives its memory back.
const IDLE: Duration = Duration::from_mins(1);

/// Owns one conversation: its consent, and its outbox.
pub(super) struct ConversationActor {
    directory: Arc<Directory>,
    key: ConversationKey,
    seat: Seat,
    /// What the store has; `None` when that must be read again.
    held: Option<Stored>,
    slot: Option<SlotRequest>,
    last_letter: Instant,
}

/// A slot that is being waited for.
struct SlotRequest {
    id: MessageId,
    wait: JoinHandle<()>,
}

impl SlotRequest {
    fn is_over(&self) -> bool {
        self.wait.is_finished()
    }
}

impl ConversationActor {
    pub fn new(directory: Arc<Directory>, key: ConversationKey, seat: Seat) -> Self {
        Self { directory, key, seat, held: None, slot: None, last_letter: Instant::now() }
    }

    /// Gives the memory back when nothing has been said for a while; everything is in the store.
    fn passivate_when_idle(&mut self, ctx: &mut Context<Self>) {
        if self.slot.as_ref().is_none_or(SlotRequest::is_over) && self.last_letter.elapsed() >= IDLE {
            ctx.stop();
        }
    }

    fn perform(&mut self, effects: Vec<Effect>, mut place: Option<Box<dyn Place>>) {
        for effect in effects {
            match effect {
                Effect::RequestSlot { id, segments } => self.request_slot(id, segments),
                Effect::Submit(cleared) => self.submit(cleared, place.take()),
                Effect::Publish(_) => self.directory.publish(&self.key.practice),
            }
        }
    }

    /// Waits for a slot, unless the same is being waited for.
    fn request_slot(&mut self, id: MessageId, segments: u32) {
        if self.slot.as_ref().is_some_and(|slot| slot.id == id && !slot.is_over()) {
            return;
        }
        let wait = Arc::clone(&self.directory).wait_for_slot(self.key.clone(), id, segments);
        self.slot = Some(SlotRequest { id, wait: self.directory.spawn(wait) });
    }

    fn submit(&self, cleared: Cleared, place: Option<Box<dyn Place>>) {
        let (directory, key) = (Arc::clone(&self.directory), self.key.clone());
        let write_by = Instant::now() + COMMIT_TO_WIRE_MAX;
        self.directory.spawn(async move {
            let (id, attempt) = (cleared.id(), cleared.attempt());
            let answer = match place {
                Some(place) => place.submit(cleared, write_by).await,
                None => Answer::NotSent,
            };
            directory.tell_until_heard(&key, Event::Answered { id, attempt, answer }).await;
        });
    }
}

impl Actor for ConversationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_LETTERS_MAX);
        ctx.run_interval(IDLE / 2, Self::passivate_when_idle);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.directory.vacate(&self.key, self.seat);
    }
}

impl Message for Letter {
    type Result = Result<Reply, AskError>;
}

impl Handler<Letter> for ConversationActor {
    /// Pauses the mailbox until the commit is answered: another letter in between would be decided on a state
    /// that is not durable.
    type Result = AtomicResponse<Self, Result<Reply, AskError>>;

    fn handle(&mut self, letter: Letter, _: &mut Self::Context) -> Self::Result {
        self.last_letter = Instant::now();
        if let Event::SlotGranted(id) = letter.event {
            self.slot.take_if(|slot| slot.id == id);
        }
        let Letter { event, idempotency, place } = letter;
        let idempotency = idempotency.map(|given| (given.key, given.request));
        let turn = Turn {
            directory: Arc::clone(&self.directory),
            key: self.key.clone(),
            held: self.held.take(),
            effects: Vec::new(),
        };
        AtomicResponse::new(Box::pin(turn.take(event, idempotency).into_actor(self).map(
            move |(held, effects, reply), actor, _| {
                actor.held = held;
                actor.perform(effects, place);
                reply
            },
        )))
    }
}

type IdempotencyParts = (crate::ports::IdempotencyKey, [u8; 32]);

/// One letter being dealt with, on its way to the store and back.
struct Turn {
    directory: Arc<Directory>,
    key: ConversationKey,
    held: Option<Stored>,
    effects: Vec<Effect>,
}

impl Turn {
    async fn take(
        mut self,
        event: Event,
        idempotency: Option<IdempotencyParts>,
    ) -> (Option<Stored>, Vec<Effect>, Result<Reply, AskError>) {
        let reply = self.settle(event, idempotency).await;
        (self.held, self.effects, reply)
    }

    async fn settle(&mut self, event: Event, idempotency: Option<IdempotencyParts>) -> Result<Reply, AskError> {
        for _ in 0..CONFLICTS_MAX {
            let held = match self.held.take() {
                Some(held) => held,
                None => self.load().await?,
            };
            let decision = self.decide(&held.conversation, event.clone())?;
            let outcome = decision.outcome.clone();
            let kept = match (&idempotency, &outcome) {
                // The commit finds out whether the key was used before.
                (Some((key, request)), Outcome::Accepted(message)) => Some(KeptAnswer {
                    key: key.clone(),
                    request: *request,
                    conversation: self.key.clone(),
                    message: message.id,
                }),
                // What is refused by now may have been accepted then, and the same key gets the same answer.
                (Some((key, request)), Outcome::Refused(_) | Outcome::Recorded | Outcome::Duplicate(_)) => {
                    let kept = self.store().kept_answer(&self.key.practice, key).await.map_err(unavailable)?;
                    if let Some(kept) = kept {
                        self.held = Some(held);
                        return Ok(answered_before(kept, request));
                    }
                    None
                }
                (None, _) => None,
            };
            match self.commit(held, decision, kept).await {
                Ok(()) => return Ok(Reply::Decided(outcome)),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::KeyTaken(kept)) => {
                    let request = idempotency.as_ref().map_or([0; 32], |(_, request)| *request);
                    return Ok(answered_before(*kept, &request));
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
            Err(taken @ CommitError::KeyTaken(_)) => {
                // Nothing was written: what was held is still what the store has.
                self.held = Some(held);
                return Err(taken);
            }
            Err(conflict @ CommitError::Conflict { .. }) => return Err(conflict),
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

    fn store(&self) -> &dyn crate::ports::Store {
        self.directory.store()
    }
}

fn answered_before(kept: KeptAnswer, request: &[u8; 32]) -> Reply {
    if kept.request == *request { Reply::AnsweredBefore(kept) } else { Reply::KeyReused }
}

fn unavailable(error: StoreError) -> AskError {
    tracing::error!(%error, "store failed a conversation");
    AskError::StoreUnavailable
}

fn random_u64() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}
