//! Finds the actor of a conversation, starting it where there is none, and brings it letters.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix::{Actor, Addr, MailboxError};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{SetOnce, broadcast, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::actor::ConversationActor;
use super::arbiters::Arbiters;
use super::letter::{AskError, Idempotency, Letter, Reply};
use super::typists::Typists;
use crate::domain::{ConversationKey, Draft, Event, MessageId, Policy, PracticeId, Precedence, StaffId};
use crate::ports::{Asked, Carrier, Clock, DaySpent, Practices, Store, Throttle, Typing};

/// Conversations that may be in memory at once, at about 1.3 KB each. More than that is refused for the moment.
pub const LIVE_CONVERSATIONS_MAX: usize = 100_000;
/// Panics after which a conversation is left alone until the daemon is restarted.
const PANICS_MAX: u32 = 3;
/// How often an actor that has just stopped is started again for one letter.
const RESTARTS_MAX: usize = 8;
/// Changes that are kept for those who read slowly; they look at everything when they fall behind.
const CHANGES_MAX: usize = 1_024;

/// What the conversations need from the rest of the daemon.
pub struct Doors {
    pub store: Arc<dyn Store>,
    pub throttle: Arc<dyn Throttle>,
    pub clock: Arc<dyn Clock>,
    pub practices: Arc<dyn Practices>,
    pub patience: Patience,
}

/// How long the shell waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a caller of the API to be answered: the wait for the mailbox and the commit.
    pub answer: Duration,
    /// For what the carrier brought, and what comes by itself.
    pub delivery: Duration,
    /// For the next letter, before an actor gives its memory back.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // A caller hears within two seconds that the store takes nothing. The carrier is left after five.
        let (answer, delivery) = (Duration::from_millis(1_800), Duration::from_secs(5));
        Self { answer, delivery, idle: Duration::from_mins(1) }
    }
}

/// Where something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// In a conversation of this practice.
    In(PracticeId),
    /// Somebody is writing, until then unless they go on. Nothing changed.
    Typing { typing: Typing, until: Timestamp },
    /// Perhaps anywhere: some news of other daemons were missed.
    Anywhere,
}

/// An actor that lives.
pub(super) struct Live {
    seat: Seat,
    pub addr: Addr<ConversationActor>,
    /// Set while the news that another daemon wrote is on its way there.
    pub overtaken: Arc<AtomicBool>,
}

/// An actor's place in the directory; the next actor of the same conversation has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat(u64);

/// All conversations.
pub struct Directory {
    doors: Doors,
    carrier: SetOnce<Arc<dyn Carrier>>,
    arbiters: Arbiters,
    runtime: Handle,
    hasher: RandomState,
    live: Mutex<HashMap<ConversationKey, Live>>,
    panics: Mutex<HashMap<ConversationKey, u32>>,
    seats: AtomicU64,
    stopping: AtomicBool,
    submissions: TaskTracker,
    changes: broadcast::Sender<Change>,
    typists: Mutex<Typists>,
}

impl Directory {
    /// Starts the threads of the actors. Must be called on a tokio runtime: effects run there.
    pub fn start(doors: Doors) -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            doors,
            carrier: SetOnce::new(),
            arbiters: Arbiters::start()?,
            runtime: Handle::current(),
            hasher: RandomState::new(),
            live: Mutex::default(),
            panics: Mutex::default(),
            seats: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            submissions: TaskTracker::new(),
            changes: broadcast::Sender::new(CHANGES_MAX),
            typists: Mutex::default(),
        }))
    }

    /// Gives the conversations their carrier. Until then what is queued waits.
    pub fn connect(&self, carrier: Arc<dyn Carrier>) {
        if self.carrier.set(carrier).is_err() {
            unreachable!("the composition root connects the carrier once");
        }
    }

    /// Brings an event to a conversation for a caller of the API. `Ok` means that what came of it is durable.
    pub async fn ask(self: &Arc<Self>, key: &ConversationKey, event: Event) -> Result<Reply, AskError> {
        self.bring(key, Letter::about(event, Instant::now() + self.doors.patience.answer)).await
    }

    /// Brings an event that nobody at a screen waits for: of the carrier's, or of the clock's.
    pub(super) async fn tell(self: &Arc<Self>, key: &ConversationKey, event: Event) -> Result<Reply, AskError> {
        self.tell_by(Instant::now() + self.doors.patience.delivery, key, event).await
    }

    /// The same, for what must not be decided later than `until`.
    pub(super) async fn tell_by(
        self: &Arc<Self>,
        until: Instant,
        key: &ConversationKey,
        event: Event,
    ) -> Result<Reply, AskError> {
        let until = until.min(Instant::now() + self.doors.patience.delivery);
        self.bring(key, Letter::about(event, until)).await
    }

    /// Brings a draft, under the caller's idempotency key if there is one.
    pub async fn draft(
        self: &Arc<Self>,
        key: &ConversationKey,
        draft: Draft,
        idempotency: Option<Idempotency>,
    ) -> Result<Reply, AskError> {
        let until = Instant::now() + self.doors.patience.answer;
        self.bring(key, Letter { idempotency, ..Letter::about(Event::Drafted(draft), until) }).await
    }

    /// Where something changed, as it becomes durable, be it here or at another daemon.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Tells whoever looks on that somebody is writing, here and at the other daemons, unless that was said a moment ago.
    pub async fn types(&self, typing: Typing) {
        if !self.heard_typing(typing.clone()) {
            return;
        }
        if let Err(error) = self.store().tell_typing(&typing).await {
            tracing::debug!(%error, "other daemons were not told who is writing");
        }
    }

    /// Who is writing in a conversation, and until when, as far as this daemon has heard.
    pub fn typing_in(&self, key: &ConversationKey) -> Vec<(StaffId, Timestamp)> {
        self.lock_typists().in_conversation(key, self.now())
    }

    /// Somebody is writing, here or at another daemon; whether that is worth passing on.
    pub(super) fn heard_typing(&self, typing: Typing) -> bool {
        let until = self.lock_typists().heard(&typing, self.now());
        if let Some(until) = until {
            self.publish(Change::Typing { typing, until });
        }
        until.is_some()
    }

    /// Passes through every arbiter and the store's writer: `true` says that conversations move.
    pub async fn is_alive(&self) -> bool {
        for arbiter in self.arbiters.all() {
            let (beat, heard) = oneshot::channel();
            let spawned = arbiter.spawn_fn(move || {
                let _ = beat.send(());
            });
            if !spawned || heard.await.is_err() {
                return false;
            }
        }
        self.doors.store.probe().await.is_ok()
    }

    /// Waits until the carriers' answers that have come are written down, for as long as that may take.
    pub async fn drain(&self, patience: Duration) {
        self.submissions.close();
        if tokio::time::timeout(patience, self.submissions.wait()).await.is_err() {
            tracing::warn!(left = self.submissions.len(), "some answers of the carrier were not written down");
        }
    }

    /// Takes no more letters, and ends the actors: whatever they said is durable.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.lock_live().clear();
        self.arbiters.stop();
    }

    /// Conversations in memory.
    pub fn live(&self) -> usize {
        self.lock_live().len()
    }

    async fn bring(self: &Arc<Self>, key: &ConversationKey, letter: Letter) -> Result<Reply, AskError> {
        let Letter { event, idempotency, mut place, until } = letter;
        for _ in 0..RESTARTS_MAX {
            let addr = self.find(key)?;
            let (event, idempotency) = (event.clone(), idempotency.clone());
            let letter = Letter { event, idempotency, place: place.take(), until };
            return match tokio::time::timeout_at(until, addr.send(letter)).await {
                Ok(Ok(answer)) => answer,
                Err(_) | Ok(Err(MailboxError::Timeout)) => Err(AskError::Overloaded),
                // The actor stopped for idleness with the letter in its mailbox: it was not read.
                Ok(Err(MailboxError::Closed)) => continue,
            };
        }
        Err(AskError::Overloaded)
    }

    /// The conversation's actor, started where there is none.
    fn find(self: &Arc<Self>, key: &ConversationKey) -> Result<Addr<ConversationActor>, AskError> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(AskError::Stopping);
        }
        if self.lock_panics().get(key).is_some_and(|panics| *panics >= PANICS_MAX) {
            return Err(AskError::Quarantined);
        }
        let mut live = self.lock_live();
        match live.get(key) {
            Some(found) if found.addr.connected() => return Ok(found.addr.clone()),
            Some(_) | None if live.len() >= LIVE_CONVERSATIONS_MAX => return Err(AskError::Overloaded),
            Some(_) | None => {}
        }
        let seat = Seat(self.seats.fetch_add(1, Ordering::Relaxed));
        let arbiter = self.arbiters.of(self.hasher.hash_one(key));
        let (directory, owned) = (Arc::clone(self), key.clone());
        let overtaken = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&overtaken);
        let addr =
            ConversationActor::start_in_arbiter(arbiter, move |_| ConversationActor::new(directory, owned, seat, told));
        live.insert(key.clone(), Live { seat, addr: addr.clone(), overtaken });
        Ok(addr)
    }

    /// An actor has stopped.
    pub(super) fn vacate(&self, key: &ConversationKey, seat: Seat) {
        let mut live = self.lock_live();
        if live.get(key).is_some_and(|taken| taken.seat == seat) {
            live.remove(key);
        }
    }

    pub(super) fn panicked(&self, key: &ConversationKey) {
        let mut panics = self.lock_panics();
        let count = panics.entry(key.clone()).or_default();
        *count += 1;
        metrics::counter!("assent_conversation_panics_total").increment(1);
        tracing::error!(practice = %key.practice, phone = ?key.phone, panics = *count, "conversation panicked");
    }

    /// Waits for the number's turn and for room at the carrier, then comes back; or says that neither comes today.
    pub(super) async fn wait_for_slot(
        self: Arc<Self>,
        key: ConversationKey,
        id: MessageId,
        segments: u32,
        precedence: Precedence,
    ) {
        let Some(policy) = self.policy(&key.practice) else { return };
        let turn = match self.doors.throttle.turn(&policy.practice, Asked { id, segments, precedence }).await {
            Ok(turn) => turn,
            Err(DaySpent { day_ends_at }) => return self.postpone(&key, id, day_ends_at).await,
        };
        let carrier = self.carrier.wait().await;
        let Ok(place) = carrier.place(&policy.practice.number, segments).await else { return };
        turn.spend();
        let until = Instant::now() + self.doors.patience.delivery;
        let granted = Letter { place: Some(place), ..Letter::about(Event::SlotGranted(id), until) };
        if let Err(error) = self.bring(&key, granted).await {
            // Nothing was sent; the conversation asks again when its wake comes.
            tracing::warn!(%error, message = %id, "slot was not used");
        }
    }

    async fn postpone(self: &Arc<Self>, key: &ConversationKey, id: MessageId, day_ends_at: Timestamp) {
        metrics::counter!("assent_postponed_total", "practice" => key.practice.to_string()).increment(1);
        if let Err(error) = self.ask(key, Event::Postponed { id, day_ends_at }).await {
            // The conversation asks again when its wake comes.
            tracing::warn!(%error, message = %id, "text was not put off to the next day");
        }
    }

    /// Segments that leave from a practice's number before a message does, as far as this daemon knows.
    pub fn segments_ahead(&self, practice: &PracticeId, id: MessageId, precedence: Precedence) -> u32 {
        self.doors.throttle.ahead(practice, id, precedence)
    }

    /// Brings what can't be asked for again, until it is heard or makes no difference any more. How many may be on
    /// their way is bounded by the windows of the links.
    pub(super) async fn tell_until_heard(self: &Arc<Self>, key: &ConversationKey, event: Event) {
        let mut pause = Duration::from_millis(100);
        loop {
            match self.tell(key, event.clone()).await {
                Ok(_) | Err(AskError::UnknownPractice | AskError::Stopping | AskError::Quarantined) => return,
                Err(
                    AskError::StoreUnavailable | AskError::StoreWentBack | AskError::Overloaded | AskError::Panicked,
                ) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    pub(super) fn publish(&self, change: Change) {
        // Nobody may be looking.
        let _ = self.changes.send(change);
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.spawn(work)
    }

    /// Runs what submits a message and brings the answer; a daemon that stops waits for it.
    pub(super) fn spawn_submission(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.submissions.spawn_on(work, &self.runtime)
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.doors.store
    }

    pub(super) fn policy(&self, practice: &PracticeId) -> Option<Policy> {
        self.doors.practices.policy(practice)
    }

    pub(super) fn practices(&self) -> &dyn Practices {
        &*self.doors.practices
    }

    pub(super) fn patience(&self) -> Patience {
        self.doors.patience
    }

    pub(super) fn now(&self) -> Timestamp {
        self.doors.clock.now()
    }

    pub(super) fn lock_live(&self) -> MutexGuard<'_, HashMap<ConversationKey, Live>> {
        self.live.lock().expect("no holder of the lock panics")
    }

    fn lock_typists(&self) -> MutexGuard<'_, Typists> {
        self.typists.lock().expect("no holder of the lock panics")
    }

    fn lock_panics(&self) -> MutexGuard<'_, HashMap<ConversationKey, u32>> {
        self.panics.lock().expect("no holder of the lock panics")
    }
}
