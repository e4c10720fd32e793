//! Links and a simulated carrier with a recorder between them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use assent::carrier::profile::Profile;
use assent::carrier::{Binds, LinkConfig, LinkState, Links};
use assent::domain::{Answer, Cleared};
use assent::ports::{Carrier, Clock, Delivery, NotTaken, Reception};
use assent::simulator::{DefaultAlphabet, Simulator, SimulatorConfig};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::capture::{Recorder, Tape};
use crate::scene::{Scene, taken};

/// The instant at which all of it happens: a text's time is over on a day that a test can name.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Takes whatever comes, and shows it to the test.
struct Everything(mpsc::UnboundedSender<Delivery>);

#[async_trait::async_trait]
impl Reception for Everything {
    async fn deliver(&self, delivery: Delivery, _: Instant) -> Result<(), NotTaken> {
        self.0.send(delivery).map_err(|_| NotTaken)
    }

    async fn session_ended(&self, _: Timestamp) {}
}

/// A conversation that may text, the link that its texts take, and the carrier at its end.
pub struct Recording {
    scene: Scene,
    pub carrier: Simulator,
    links: Arc<Links>,
    recorder: Recorder,
    seen: mpsc::UnboundedReceiver<Delivery>,
}

impl Recording {
    pub async fn begin(profile: Profile, alphabet: DefaultAlphabet) -> Self {
        let mut scene = Scene::new();
        scene.policy.writing = profile.writing();
        scene.opts_in();
        let clock = Arc::new(Still(scene.now));
        let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), clock.clone());
        config.receipt_delay = Duration::ZERO;
        config.alphabet = alphabet;
        let carrier = Simulator::start(config).await.unwrap();
        let recorder = Recorder::to(carrier.address()).await;
        let (sender, seen) = mpsc::unbounded_channel();
        let config = LinkConfig {
            name: "recorded".into(),
            address: recorder.address().to_string(),
            tls: None,
            system_id: "practice".into(),
            password: "secret".to_owned().into(),
            system_type: "clinic".into(),
            bind: Binds::Transceiver,
            window: 10,
            segments_per_second: NonZeroU32::new(10_000).unwrap(),
            enquire_link: Duration::from_secs(1),
            response_timeout: Duration::from_secs(60),
            numbers: Vec::new(),
            profile: Arc::new(profile),
            priority: 0,
        };
        let links = Links::start(vec![config], Arc::new(Everything(sender)), clock, None);
        links.changes().wait_for(|links| links[0].state == LinkState::Bound).await.unwrap();
        Self { scene, carrier, links, recorder, seen }
    }

    /// The instant at which all of it happens.
    pub fn now(&self) -> Timestamp {
        self.scene.now
    }

    /// Staff write a text, and it leaves.
    pub async fn submit(&mut self, text: &str) -> (Cleared, Answer) {
        self.scene.drafts(text);
        let cleared = self.scene.grant().expect("the patient opted in");
        let place = self.links.place(cleared.from(), 1).await.unwrap();
        let write_by = Instant::now() + Duration::from_secs(2);
        let answer = place.submit(cleared.clone(), write_by, CancellationToken::new()).await;
        // What lets texts through has no part in what becomes of them here.
        self.scene.answer(&cleared, taken(&cleared));
        (cleared, answer)
    }

    /// The next text or receipt that came.
    pub async fn delivered(&mut self) -> Delivery {
        self.seen.recv().await.unwrap()
    }

    /// We say `unbind`, and everything that was said is there.
    pub async fn end(self) -> Tape {
        self.links.shutdown().await;
        self.carrier.shutdown().await;
        self.recorder.tape()
    }
}
