//! The conversations over a real store, with a carrier and practices that a test can steer.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::faulty_store::FaultyStore;
use assent::conversations::{AskError, Directory, Doors, Patience, Reply};
use assent::domain::{
    Answer, Body, BootId, CarrierId, Cleared, ConversationKey, Draft, Event, Fingerprint, Form, Inbound, Kind, Limits,
    MessageId, Outcome, Phone, Policy, Practice, PracticeId, Precedence,
};
use assent::ports::{
    Asked, Carrier, CarrierClosed, CaughtUp, Clock, DaySpent, Place, Practices, Store, StoreError, Throttle, Turn,
};
use assent::store::{KeySource, Location};
use async_trait::async_trait;
use futures_util::future::{BoxFuture, ready};
use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A clock that a test moves. Each look at it is one millisecond later than the one before.
pub struct TestClock(AtomicU64);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_772_463_600_000)))
    }

    pub fn advance_seconds(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let milliseconds = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_millisecond(milliseconds.try_into().unwrap()).unwrap()
    }
}

/// One practice; others, whose policy makes whoever asks for it panic.
pub struct TestPractices {
    pub practice: Arc<Practice>,
    pub boot: BootId,
    pub poisoned: Mutex<HashSet<PracticeId>>,
}

#[async_trait]
impl Practices for TestPractices {
    fn policy(&self, practice: &PracticeId) -> Option<Policy> {
        let is_poisoned = self.poisoned.lock().unwrap().contains(practice);
        assert!(!is_poisoned, "this practice is poisoned");
        Some(Policy {
            practice: Arc::new(Practice { id: practice.clone(), ..(*self.practice).clone() }),
            boot: self.boot,
            limits: Limits::default(),
            writing: Default::default(),
            texting: Default::default(),
        })
    }

    fn owner(&self, number: &Phone) -> Option<PracticeId> {
        (*number == self.practice.number).then(|| self.practice.id.clone())
    }

    async fn catch_up(&self) -> Result<CaughtUp, StoreError> {
        Ok(CaughtUp::NothingNew)
    }
}

/// No limit at all, but for a turn that can be told to die.
#[derive(Default)]
pub struct TestThrottle {
    pub next_dies: AtomicBool,
    pub died: Notify,
    /// The end of a day whose budget is spent.
    pub spent_until: Mutex<Option<Timestamp>>,
}

#[async_trait]
impl Throttle for TestThrottle {
    async fn turn(&self, _: &Practice, asked: Asked) -> Result<Box<dyn Turn>, DaySpent> {
        if let Some(day_ends_at) = *self.spent_until.lock().unwrap()
            && asked.precedence != Precedence::First
        {
            return Err(DaySpent { day_ends_at });
        }
        if self.next_dies.swap(false, Ordering::SeqCst) {
            self.died.notify_one();
            panic!("told to die");
        }
        Ok(Box::new(Unlimited))
    }

    fn ahead(&self, _: &PracticeId, _: MessageId, _: Precedence) -> u32 {
        0
    }
}

struct Unlimited;

impl Turn for Unlimited {
    fn spend(self: Box<Self>) {}
}

/// A carrier that takes everything, when its gate is open.
pub struct TestCarrier {
    /// One permit for each place in the window.
    pub gate: Arc<Semaphore>,
    pub submitted: broadcast::Sender<Cleared>,
    pub log: Arc<Mutex<Vec<(Kind, String)>>>,
    /// While it writes slowly, a text is not written until it is recalled.
    pub slow: Arc<AtomicBool>,
    pub begun: Arc<Notify>,
}

impl TestCarrier {
    pub fn open() -> Arc<Self> {
        Arc::new(Self {
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            submitted: broadcast::Sender::new(1_024),
            log: Arc::default(),
            slow: Arc::default(),
            begun: Arc::default(),
        })
    }
}

#[async_trait]
impl Carrier for TestCarrier {
    async fn place(&self, _: &Phone, _: u32) -> Result<Box<dyn Place>, CarrierClosed> {
        self.gate.acquire().await.map_err(|_| CarrierClosed)?.forget();
        Ok(Box::new(TestPlace {
            submitted: self.submitted.clone(),
            log: Arc::clone(&self.log),
            slow: self.slow.load(Ordering::SeqCst),
            begun: Arc::clone(&self.begun),
        }))
    }
}

struct TestPlace {
    submitted: broadcast::Sender<Cleared>,
    log: Arc<Mutex<Vec<(Kind, String)>>>,
    slow: bool,
    begun: Arc<Notify>,
}

impl Place for TestPlace {
    fn submit(
        self: Box<Self>,
        cleared: Cleared,
        write_by: Instant,
        recalled: CancellationToken,
    ) -> BoxFuture<'static, Answer> {
        if Instant::now() > write_by {
            return Box::pin(ready(Answer::NotSent));
        }
        if self.slow {
            self.begun.notify_one();
            return Box::pin(async move {
                recalled.cancelled().await;
                Answer::NotSent
            });
        }
        self.log.lock().unwrap().push((cleared.kind().clone(), cleared.text().expose().to_owned()));
        let id = CarrierId(format!("t{}", cleared.id()).into());
        let _ = self.submitted.send(cleared);
        Box::pin(ready(Answer::Taken { ids: vec![id] }))
    }
}

/// Everything together.
pub struct Shell {
    pub directory: Arc<Directory>,
    pub store: Arc<FaultyStore>,
    pub carrier: Arc<TestCarrier>,
    pub clock: Arc<TestClock>,
    pub practices: Arc<TestPractices>,
    pub throttle: Arc<TestThrottle>,
    arrivals: AtomicU64,
    _data: Option<tempfile::TempDir>,
}

impl Shell {
    pub async fn start() -> Self {
        Self::start_with(Patience::default()).await
    }

    pub async fn start_with(patience: Patience) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let location = Location::new(format!("file://{}", data.path().display()), KeySource::InDirectory);
        let inner = assent::store::open(&location, BootId(1), Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let shell = Self::on(inner, BootId(1), clock, TestCarrier::open(), patience);
        Self { _data: Some(data), ..shell }
    }

    /// The conversations of one daemon, on a store that is open and a carrier that others may use too.
    pub fn on(
        inner: Arc<dyn Store>,
        boot: BootId,
        clock: Arc<TestClock>,
        carrier: Arc<TestCarrier>,
        patience: Patience,
    ) -> Self {
        let store = Arc::new(FaultyStore::new(inner));
        let practices = Arc::new(TestPractices {
            practice: Arc::new(Practice {
                id: PracticeId::parse("riverside").unwrap(),
                name: "Riverside PT".into(),
                number: Phone::parse("+13035550100").unwrap(),
                time_zone: "America/Denver".into(),
                contact: "303-555-0100".into(),
                segments_per_minute: NonZeroU32::new(75).unwrap(),
                segments_per_day: None,
                texts: Default::default(),
                quiet_hours: None,
                office_hours: None,
            }),
            boot,
            poisoned: Mutex::default(),
        });
        let throttle = Arc::new(TestThrottle::default());
        let doors = Doors {
            store: Arc::clone(&store) as Arc<dyn Store>,
            throttle: Arc::clone(&throttle) as Arc<dyn Throttle>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            practices: Arc::clone(&practices) as Arc<dyn Practices>,
            patience,
        };
        let directory = Directory::start(doors).unwrap();
        directory.connect(Arc::clone(&carrier) as Arc<dyn Carrier>);
        Self { directory, store, carrier, clock, practices, throttle, arrivals: AtomicU64::new(0), _data: None }
    }

    pub fn key(&self, phone: &str) -> ConversationKey {
        ConversationKey { practice: self.practices.practice.id.clone(), phone: Phone::parse(phone).unwrap() }
    }

    pub async fn drafts(&self, key: &ConversationKey, text: &str) -> Result<Outcome, AskError> {
        let draft = Draft { text: Body::new(text), staff: None, preferences: Default::default(), send_at: None };
        self.directory.draft(key, draft, None).await.map(|reply| match reply {
            Reply::Decided(outcome) => outcome,
            other => panic!("no idempotency key was given: {other:?}"),
        })
    }

    pub async fn texts(&self, key: &ConversationKey, text: &str) -> Result<Reply, AskError> {
        self.directory.ask(key, Event::Received(self.inbound(text))).await
    }

    /// A text as a link hands it on, with a fingerprint that no other text of this shell has.
    pub fn inbound(&self, text: &str) -> Inbound {
        let arrival = self.arrivals.fetch_add(1, Ordering::SeqCst);
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&arrival.to_be_bytes());
        fingerprint[8..].copy_from_slice(&self.practices.boot.0.to_be_bytes());
        Inbound {
            text: Body::new(text),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint(fingerprint),
            delivery: None,
            earlier_session_ended: None,
            session_began: None,
            written: Default::default(),
        }
    }

    /// Waits until the carrier has this text.
    pub async fn carried(&self, text: &str) {
        self.left_matching(|_, known| known == text).await;
    }

    /// Waits until the carrier has the invitation.
    pub async fn invited(&self) {
        self.left_matching(|kind, _| *kind == Kind::Invitation).await;
    }

    pub async fn left_matching(&self, wanted: impl Fn(&Kind, &str) -> bool) {
        let mut submitted = self.carrier.submitted.subscribe();
        while !self.left().iter().any(|(kind, text)| wanted(kind, text)) {
            submitted.recv().await.unwrap();
        }
    }

    /// Everything that left, oldest first.
    pub fn left(&self) -> Vec<(Kind, String)> {
        self.carrier.log.lock().unwrap().clone()
    }
}
