//! Links and a simulated carrier over real sockets, what a link receives, and a text that consent let through.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent::carrier::{Binds, LinkConfig, LinkState, Links};
use assent::domain::text::Segments;
use assent::domain::{
    Answer, Body, BootId, Cleared, Conversation, ConversationId, ConversationKey, Draft, Effect, Event, Fingerprint,
    Form, Inbound, Limits, MessageId, Outcome, Phone, Policy, Practice, PracticeId, Receipt,
};
use assent::ports::{Carrier, Clock, Delivery, NotTaken, Reception};
use assent::simulator::{Simulator, SimulatorConfig, WireDirection, WireEntry};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub const PRACTICE: &str = "+13035550100";
pub const PATIENT: &str = "+13035550123";

/// A clock that starts at a known time.
pub struct TestClock(pub Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_second(1_780_000_000).unwrap();
        start + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }
}

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(TestClock(Instant::now()))
}

/// Takes deliveries as far as the test allows, and shows them to it.
pub struct TestReception {
    pub seen: mpsc::UnboundedSender<Delivery>,
    /// One for each delivery that may be finished.
    pub allowed: Semaphore,
    /// The ends of sessions that were told.
    pub ended: Mutex<Vec<Timestamp>>,
}

#[async_trait::async_trait]
impl Reception for TestReception {
    async fn deliver(&self, delivery: Delivery, _: Instant) -> Result<(), NotTaken> {
        self.seen.send(delivery).map_err(|_| NotTaken)?;
        self.allowed.acquire().await.map_err(|_| NotTaken)?.forget();
        Ok(())
    }

    async fn session_ended(&self, at: Timestamp) {
        self.ended.lock().unwrap().push(at);
    }
}

/// A gateway's links, a carrier, and what the one received from the other.
pub struct Wire {
    pub links: Arc<Links>,
    pub carrier: Simulator,
    pub reception: Arc<TestReception>,
    pub seen: mpsc::UnboundedReceiver<Delivery>,
}

impl Wire {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl Fn(&mut LinkConfig)) -> Self {
        let carrier = carrier_on("127.0.0.1:0".parse().unwrap()).await;
        let (sender, seen) = mpsc::unbounded_channel();
        let reception =
            Arc::new(TestReception { seen: sender, allowed: Semaphore::new(1_000_000), ended: Mutex::default() });
        let mut config = link_to(carrier.address());
        change(&mut config);
        let links = Links::start(vec![config], reception.clone(), clock(), None);
        let wire = Self { links, carrier, reception, seen };
        wire.until(LinkState::Bound).await;
        wire
    }

    /// Submits one text and says what became of it.
    pub async fn submit(&self, text: &str) -> Answer {
        let cleared = cleared(PATIENT, text);
        let place = self.links.place(cleared.from(), Segments::count(text)).await.unwrap();
        place.submit(cleared, in_two_seconds(), CancellationToken::new()).await
    }

    /// Submits one text after the other without waiting for their answers, and says what became of them.
    pub async fn submit_three(&self, text: &str) -> [Answer; 3] {
        tokio::join!(self.submit(text), self.submit(text), self.submit(text)).into()
    }

    pub async fn until(&self, state: LinkState) {
        let mut changes = self.links.changes();
        changes.wait_for(|links| links.iter().all(|link| link.state == state)).await.unwrap();
    }

    /// From here on deliveries are begun, but not finished.
    pub fn withhold(&self) {
        self.reception.allowed.forget_permits(usize::MAX);
    }

    pub async fn text(&mut self) -> (Phone, Inbound) {
        match self.seen.recv().await.unwrap() {
            Delivery::Text { from, inbound, .. } => (from, inbound),
            other => panic!("a text was expected: {other:?}"),
        }
    }

    pub async fn receipt(&mut self) -> Receipt {
        match self.seen.recv().await.unwrap() {
            Delivery::Receipt { receipt, .. } => receipt,
            other => panic!("a receipt was expected: {other:?}"),
        }
    }
}

pub async fn carrier_on(listen: SocketAddr) -> Simulator {
    let mut config = SimulatorConfig::new(listen, clock());
    config.receipt_delay = Duration::from_millis(1);
    Simulator::start(config).await.unwrap()
}

pub fn link_to(address: SocketAddr) -> LinkConfig {
    LinkConfig {
        name: "test".into(),
        address: address.to_string(),
        tls: None,
        system_id: "practice".into(),
        password: "secret".to_owned().into(),
        system_type: String::new(),
        bind: Binds::Transceiver,
        window: 10,
        segments_per_second: NonZeroU32::new(10_000).unwrap(),
        enquire_link: Duration::from_secs(30),
        response_timeout: Duration::from_secs(60),
        numbers: Vec::new(),
        profile: Arc::default(),
        priority: 0,
    }
}

pub fn in_two_seconds() -> Instant {
    Instant::now() + Duration::from_secs(2)
}

/// A text that consent let through: there is no way around a patient's YES.
pub fn cleared(phone: &str, text: &str) -> Cleared {
    let now = clock().now();
    let practice = Practice {
        id: PracticeId::parse("riverside").unwrap(),
        name: "Riverside".into(),
        number: Phone::parse(PRACTICE).unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-0100".into(),
        segments_per_minute: assent::domain::SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    };
    let policy = Policy {
        practice: Arc::new(practice),
        boot: BootId(1),
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    };
    let key = ConversationKey { practice: policy.practice.id.clone(), phone: Phone::parse(phone).unwrap() };
    let mut conversation = Conversation::new(ConversationId(1), key, now);
    let mut step = |event| {
        let decision = conversation.handle(event, now, &policy);
        conversation = decision.next;
        (decision.outcome, decision.effects)
    };
    let (outcome, effects) = step(Event::Drafted(Draft {
        text: Body::new(text),
        staff: None,
        preferences: Default::default(),
        send_at: None,
    }));
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    let invitation = slot(&effects);
    step(Event::SlotGranted(invitation));
    let (_, effects) = step(Event::Received(yes()));
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Submit(_))));
    let (_, effects) = step(Event::Answered { id: invitation, attempt: 1, answer: Answer::Unknown });
    let (_, effects) = step(Event::SlotGranted(slot(&effects)));
    let submit = effects.into_iter().find_map(|effect| match effect {
        Effect::Submit(cleared) => Some(cleared),
        Effect::RequestSlot { .. } | Effect::Recall { .. } | Effect::Publish(_) => None,
    });
    submit.unwrap()
}

pub fn yes() -> Inbound {
    Inbound {
        text: Body::new("Yes"),
        form: Form::Text,
        part: None,
        fingerprint: Fingerprint([0; 16]),
        delivery: None,
        earlier_session_ended: None,
        session_began: None,
        written: Default::default(),
    }
}

pub fn slot(effects: &[Effect]) -> MessageId {
    let wanted = effects.iter().find_map(|effect| match effect {
        Effect::RequestSlot { id, .. } => Some(*id),
        Effect::Submit(_) | Effect::Recall { .. } | Effect::Publish(_) => None,
    });
    wanted.unwrap()
}

pub fn count(log: &[WireEntry], command: &str, direction: WireDirection) -> usize {
    log.iter().filter(|entry| entry.command == command && entry.direction == direction).count()
}
