//! The heart: receive, handle, commit, reply, perform.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::directory::{Change, Directory, Seat};
use super::letter::{AskError, Letter, Overtaken, Reply};
use super::step::{Held, Step, Stepped};
use crate::domain::{Answer, Cleared, ConversationKey, Effect, Event, MessageId, Precedence};
use crate::ports::Place;

/// Letters that may wait for one conversation; senders of more wait, and give up in time.
const MAILBOX_LETTERS_MAX: usize = 16;
/// From asking for the commit of `sending` to the first octet on the wire; later it is not written. Not from the answer:
/// that may come late, and another daemon may have taken a STOP since the commit was made.
const COMMIT_TO_WIRE_MAX: Duration = Duration::from_secs(2);

/// Owns one conversation: its consent, and its outbox.
pub(super) struct ConversationActor {
    directory: Arc<Directory>,
    key: ConversationKey,
    seat: Seat,
    /// What the store has, as far as is known.
    held: Held,
    /// Set while the news that another daemon wrote is on its way here.
    overtaken: Arc<AtomicBool>,
    slot: Option<SlotRequest>,
    submission: Option<Submission>,
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

/// A message that is being written to the carrier, or whose answer is awaited.
struct Submission {
    id: MessageId,
    attempt: u32,
    recalled: CancellationToken,
    answer: JoinHandle<()>,
}

impl ConversationActor {
    pub fn new(directory: Arc<Directory>, key: ConversationKey, seat: Seat, overtaken: Arc<AtomicBool>) -> Self {
        let last_letter = Instant::now();
        Self { directory, key, seat, held: Held::Nothing, overtaken, slot: None, submission: None, last_letter }
    }

    /// Gives the memory back when nothing has been said for a while; everything is in the store.
    fn passivate_when_idle(&mut self, ctx: &mut Context<Self>) {
        let nothing_under_way = self.slot.as_ref().is_none_or(SlotRequest::is_over) && !self.is_submitting();
        if nothing_under_way && self.last_letter.elapsed() >= self.directory.patience().idle {
            ctx.stop();
        }
    }

    fn is_submitting(&self) -> bool {
        self.submission.as_ref().is_some_and(|submission| !submission.answer.is_finished())
    }

    /// Does what a decision asked for, whose commit was asked for not before `committed_from`.
    fn perform(&mut self, effects: Vec<Effect>, mut place: Option<Box<dyn Place>>, committed_from: Instant) {
        for effect in effects {
            match effect {
                Effect::RequestSlot { id, segments, precedence } => self.request_slot(id, segments, precedence),
                Effect::Submit(cleared) => self.submit(cleared, place.take(), committed_from + COMMIT_TO_WIRE_MAX),
                Effect::Recall { id, attempt } => self.recall(id, attempt),
                Effect::Publish(_) => self.directory.publish(Change::In(self.key.practice.clone())),
            }
        }
    }

    /// Waits for a slot, unless the same is being waited for.
    fn request_slot(&mut self, id: MessageId, segments: u32, precedence: Precedence) {
        if self.slot.as_ref().is_some_and(|slot| slot.id == id && !slot.is_over()) {
            return;
        }
        let wait = Arc::clone(&self.directory).wait_for_slot(self.key.clone(), id, segments, precedence);
        let earlier = self.slot.replace(SlotRequest { id, wait: self.directory.spawn(wait) });
        if let Some(earlier) = earlier {
            // What it waits for went ahead of, or is no more: its turn is for others.
            earlier.wait.abort();
        }
    }

    fn submit(&mut self, cleared: Cleared, place: Option<Box<dyn Place>>, write_by: Instant) {
        let (directory, key) = (Arc::clone(&self.directory), self.key.clone());
        let (id, attempt) = (cleared.id(), cleared.attempt());
        let recalled = CancellationToken::new();
        let until_recalled = recalled.clone();
        let place = place.filter(|_| Instant::now() <= write_by);
        // Here and not in the task: it takes its turn on the link before the next letter, which may be a STOP, is read.
        // A panic there must not take the arbiter's other conversations along.
        let submit = |place: Box<dyn Place>| {
            std::panic::catch_unwind(AssertUnwindSafe(|| place.submit(cleared, write_by, until_recalled)))
        };
        let answered = place.map(submit);
        let answer = self.directory.spawn_submission(async move {
            let answer = match answered {
                Some(Ok(answered)) => answered.await,
                Some(Err(_)) => Answer::Unknown,
                None => Answer::NotSent,
            };
            directory.tell_until_heard(&key, Event::Answered { id, attempt, answer }).await;
        });
        self.submission = Some(Submission { id, attempt, recalled, answer });
    }

    fn recall(&self, id: MessageId, attempt: u32) {
        if let Some(submission) = &self.submission
            && (submission.id, submission.attempt) == (id, attempt)
        {
            submission.recalled.cancel();
        }
    }
}

impl Actor for ConversationActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_LETTERS_MAX);
        ctx.run_interval(self.directory.patience().idle / 2, Self::passivate_when_idle);
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
        if let Event::SlotGranted(id) | Event::Postponed { id, .. } = letter.event {
            self.slot.take_if(|slot| slot.id == id);
        }
        let Letter { event, idempotency, place, until } = letter;
        let step = Step::new(Arc::clone(&self.directory), self.key.clone(), self.held.take(), until);
        let stepped = step.take(event, idempotency).into_actor(self);
        AtomicResponse::new(Box::pin(stepped.map(move |stepped, actor, _| {
            let Stepped { held, effects, committed_from, reply } = stepped;
            actor.held = held;
            actor.perform(effects, place, committed_from);
            reply
        })))
    }
}

impl Message for Overtaken {
    type Result = ();
}

impl Handler<Overtaken> for ConversationActor {
    type Result = AtomicResponse<Self, ()>;

    /// Forgets what is held; the next letter reads it. Only what is being written to the carrier can't wait for that:
    /// what the other daemon took may be a STOP.
    fn handle(&mut self, Overtaken: Overtaken, _: &mut Self::Context) -> Self::Result {
        self.overtaken.store(false, Ordering::SeqCst);
        self.held = match self.held.take() {
            Held::Stored(_) | Held::Overtaken => Held::Overtaken,
            Held::Nothing => Held::Nothing,
        };
        if !self.is_submitting() {
            return AtomicResponse::new(Box::pin(std::future::ready(()).into_actor(self)));
        }
        let until = Instant::now() + self.directory.patience().delivery;
        let step = Step::new(Arc::clone(&self.directory), self.key.clone(), Held::Overtaken, until);
        AtomicResponse::new(Box::pin(step.catch_up().into_actor(self).map(|stepped, actor, _| {
            let Stepped { held, effects, committed_from, reply } = stepped;
            if let Err(error) = reply {
                tracing::warn!(%error, practice = %actor.key.practice, "what another daemon wrote was not read");
            }
            actor.held = held;
            actor.perform(effects, None, committed_from);
        })))
    }
}
