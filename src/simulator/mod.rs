//! A simulated carrier: an SMPP 3.4 message centre with phones behind it, for the demo, for tests, and for whoever
//! builds against Assent.
//!
//! A text to a phone is shown there and a receipt comes back; what a phone types is delivered to whoever sends from that
//! number, on each of its binds in turn, and delivered again on another or the next, until it is answered. What goes
//! wrong is scripted by [`Faults`], what happens is told by [`Verb`]s, and a [`Scenario`] says when; a [`Summary`] says
//! what came of it. Everything is bounded: the oldest goes first.

mod answers;
mod binds;
mod connection;
mod control;
mod expectations;
mod faults;
mod forms;
mod handset;
mod initiative;
mod line;
mod opening;
mod outbox;
mod phones;
mod receipts;
mod scenario;
mod socket;
mod span;
mod state;
mod tally;
mod verbs;
mod wire_log;
mod words;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use expectations::{Amount, Expectations};
pub use faults::{Carries, Cut, DeliverBy, Faults, Ids, LongTexts, Measure, Receipts, RefuseBy, Share, Split, Unfit};
pub use handset::Handset;
pub use phones::{Direction, Text};
pub use scenario::{Scenario, ScenarioError};
pub use span::Span;
pub use state::Counts;
pub use tally::Summary;
pub use verbs::{Alert, Callee, Nack, Typed, Verb};
pub use wire_log::{WireDirection, WireEntry};
pub use words::DefaultAlphabet;

use crate::carrier::ServerTls;
use crate::ports::Clock;
use state::State;

/// Binds of one `system_id` at once, unless it is set up otherwise.
pub const BINDS_MAX: usize = 100;

/// Calls to gateways that were not made yet; what is more is not made.
const CALLS_MAX: usize = 100;

/// How a simulated carrier is set up.
#[derive(Clone)]
pub struct SimulatorConfig {
    /// Where it takes binds; port 0 is any that is free.
    pub listen: SocketAddr,
    /// Who may bind; `None` is anybody.
    pub system_id: Option<String>,
    /// With which password; `None` is any.
    pub password: Option<String>,
    /// What it speaks TLS with; `None` is plain SMPP.
    pub tls: Option<ServerTls>,
    /// How many binds of one `system_id` may stand at once.
    pub binds_max: usize,
    /// What `data_coding` 0 means.
    pub alphabet: DefaultAlphabet,
    /// How long a receipt takes.
    pub receipt_delay: Duration,
    pub clock: Arc<dyn Clock>,
}

impl SimulatorConfig {
    /// Takes any bind; receipts come after 50 ms.
    pub fn new(listen: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        Self {
            listen,
            system_id: None,
            password: None,
            tls: None,
            binds_max: BINDS_MAX,
            alphabet: DefaultAlphabet::default(),
            receipt_delay: Duration::from_millis(50),
            clock,
        }
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

impl Simulator {
    /// Begins to take binds.
    pub async fn start(config: SimulatorConfig) -> io::Result<Self> {
        Self::start_with(config, &Scenario::default()).await
    }

    /// Begins to take binds, and with that a scenario.
    pub async fn start_with(config: SimulatorConfig, scenario: &Scenario) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (calls, to_make) = mpsc::channel(CALLS_MAX);
        let mut state = State::new(calls, &*config.clock);
        state.begins(scenario);
        let shared = Arc::new(Shared {
            config,
            state: Mutex::new(state),
            revision: watch::Sender::new(0),
            news: broadcast::Sender::new(1_024),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        shared.tasks.spawn(opening::accept(Arc::clone(&shared), listener));
        shared.tasks.spawn(opening::call(Arc::clone(&shared), to_make));
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

    /// These are the faults from here on, and no others.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.change(|state| state.set_faults(faults));
    }

    /// What happened so far, for whoever reads it.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.shared.state())
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

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and with it what a scenario does upon that; then tells whoever waits.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (result, typed) = {
            let mut state = self.state();
            let result = change(&mut state);
            (result, state.play_on(&self.config))
        };
        self.revision.send_modify(|revision| *revision += 1);
        typed.iter().for_each(|text| self.announce(text));
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
        let text = self.change(|state| state.typed(from, to, words, &self.config));
        self.announce(&text);
        text
    }

    /// Shows a text to whoever follows its phone.
    fn announce(&self, text: &Text) {
        // Nobody may be looking.
        let _ = self.news.send(text.clone());
    }
}
