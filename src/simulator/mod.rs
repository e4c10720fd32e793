//! A simulated carrier: an SMPP 3.4 message centre with phones behind it, for the demo, for tests, and for whoever
//! builds against Assent.
//!
//! A text to a phone is shown there and a receipt comes back; what a phone types is delivered, on each bind in its turn, and
//! delivered again on another or the next, until it is answered. What goes wrong is scripted by [`Faults`]. Everything is bounded: the
//! oldest goes first.

mod connection;
mod control;
mod faults;
mod outbox;
mod phones;
mod wire_log;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use faults::{Faults, Receipts};
pub use phones::{Direction, Text};
pub use wire_log::{WireDirection, WireEntry};

use crate::ports::Clock;
use outbox::Outbox;
use phones::Phones;
use wire_log::WireLog;

/// How a simulated carrier is set up.
#[derive(Clone)]
pub struct SimulatorConfig {
    /// Where it takes binds; port 0 is any that is free.
    pub listen: SocketAddr,
    /// Who may bind; `None` is anybody.
    pub system_id: Option<String>,
    /// With which password; `None` is any.
    pub password: Option<String>,
    /// How long a receipt takes.
    pub receipt_delay: Duration,
    pub clock: Arc<dyn Clock>,
}

impl SimulatorConfig {
    /// Takes any bind; receipts come after 50 ms.
    pub fn new(listen: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        Self { listen, system_id: None, password: None, receipt_delay: Duration::from_millis(50), clock }
    }
}

/// A running simulated carrier. Clones are the same carrier.
#[derive(Clone)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What its connections and its control port share.
struct Shared {
    config: SimulatorConfig,
    state: Mutex<State>,
    /// Grows with every change of the state.
    revision: watch::Sender<u64>,
    /// Every text that is new or changed.
    news: broadcast::Sender<Text>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct State {
    faults: Faults,
    phones: Phones,
    outbox: Outbox,
    log: WireLog,
    counts: Counts,
    last_id: u64,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Binds that stand.
    pub bound: usize,
    pub binds: u64,
    pub submits: u64,
    pub delivers: u64,
    pub receipts: u64,
    /// `deliver_sm` that were answered.
    pub answered: u64,
}

impl Simulator {
    /// Begins to take binds.
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        // Ids that another run gave are not given again soon.
        let last_id = u64::try_from(config.clock.now().as_second()).unwrap_or_default() << 16;
        let state = State {
            faults: Faults::default(),
            phones: Phones::default(),
            outbox: Outbox::default(),
            log: WireLog::default(),
            counts: Counts::default(),
            last_id,
        };
        let shared = Arc::new(Shared {
            config,
            state: Mutex::new(state),
            revision: watch::Sender::new(0),
            news: broadcast::Sender::new(1_024),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        shared.tasks.spawn(connection::accept(Arc::clone(&shared), listener));
        Ok(Self { address, shared })
    }

    /// Where it takes binds.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The control API.
    pub fn router(&self) -> axum::Router {
        control::router(self.clone())
    }

    /// Closes every connection, without a word, and the port.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// A phone behind this carrier.
    pub fn phone(&self, number: &str) -> Handset {
        Handset { simulator: self.clone(), number: number.to_owned() }
    }

    pub fn faults(&self) -> Faults {
        self.shared.state().faults.clone()
    }

    pub fn set_faults(&self, faults: Faults) {
        self.shared.change(|state| state.faults = faults);
    }

    pub fn counts(&self) -> Counts {
        self.shared.state().counts
    }

    /// Every PDU, in the order in which it came or went; of many, the latest.
    pub fn wire_log(&self) -> Vec<WireEntry> {
        self.shared.state().log.entries()
    }

    /// Waits until the log is as wanted, and gives what the caller found there.
    pub async fn wait_for_wire<T>(&self, found: impl Fn(&[WireEntry]) -> Option<T>) -> T {
        self.shared.until(|state| found(&state.log.entries())).await
    }

    /// Waits until so many binds stand.
    pub async fn wait_for_binds(&self, bound: usize) {
        self.shared.until(|state| (state.counts.bound == bound).then_some(())).await;
    }
}

/// A phone, for whoever holds it.
#[derive(Clone)]
pub struct Handset {
    simulator: Simulator,
    number: String,
}

impl Handset {
    /// What it shows, oldest first: what came, and what was typed.
    pub fn texts(&self) -> Vec<Text> {
        self.simulator.shared.state().phones.texts(&self.number)
    }

    /// Types a text and sends it; the carrier delivers it when it can.
    pub fn send(&self, to: &str, words: &str) -> Text {
        self.simulator.shared.typed(&self.number, to, words)
    }

    /// Shows a text from another run of the carrier, as one that was dealt with.
    pub fn remember(&self, direction: Direction, other: &str, words: &str, at: Timestamp) {
        let (from, to) = match direction {
            Direction::ToPhone => (other, self.number.as_str()),
            Direction::FromPhone => (self.number.as_str(), other),
        };
        let [from, to, text] = [from, to, words].map(str::to_owned);
        self.simulator.shared.change(|state| {
            let id = state.new_id();
            state.phones.keep(Text { id, direction, from, to, text, at, answered: true });
        });
    }

    /// Types a text and waits until the gateway has answered for all of it.
    pub async fn text(&self, to: &str, words: &str) -> Text {
        let Text { id, .. } = self.send(to, words);
        self.wait_until_answered(&id).await
    }

    /// Waits until the gateway has answered for all of a text that was typed.
    pub async fn wait_until_answered(&self, id: &str) -> Text {
        self.wait_for(|text| text.id == id && text.answered).await
    }

    /// Waits until a text that came satisfies.
    pub async fn wait_for_text(&self, wanted: impl Fn(&Text) -> bool) -> Text {
        self.wait_for(|text| text.direction == Direction::ToPhone && wanted(text)).await
    }

    async fn wait_for(&self, wanted: impl Fn(&Text) -> bool) -> Text {
        let find = |state: &State| state.phones.texts(&self.number).into_iter().find(|text| wanted(text));
        self.simulator.shared.until(find).await
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells whoever waits.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.revision.send_modify(|revision| *revision += 1);
        result
    }

    async fn until<T>(&self, find: impl Fn(&State) -> Option<T>) -> T {
        let mut revision = self.revision.subscribe();
        loop {
            revision.borrow_and_update();
            if let Some(found) = find(&self.state()) {
                return found;
            }
            revision.changed().await.expect("the sender lives as long as the simulator");
        }
    }

    /// A phone typed a text.
    fn typed(&self, from: &str, to: &str, words: &str) -> Text {
        let at = self.config.clock.now();
        let text = self.change(|state| {
            let id = state.new_id();
            let direction = Direction::FromPhone;
            let [from, to, words] = [from, to, words].map(str::to_owned);
            let text = Text { id, direction, from, to, text: words, at, answered: false };
            state.phones.keep(text.clone());
            state.outbox.typed(&text);
            text
        });
        self.tell(&text);
        text
    }

    fn tell(&self, text: &Text) {
        // Nobody may be looking.
        let _ = self.news.send(text.clone());
    }
}

impl State {
    fn new_id(&mut self) -> String {
        self.last_id += 1;
        format!("{:x}", self.last_id)
    }
}
