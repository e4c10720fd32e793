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
mod line;
mod opening;
mod outbox;
mod phones;
mod receipts;
mod scenario;
mod socket;
mod span;
mod tally;
mod verbs;
mod wire_log;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use expectations::{Amount, Expectations};
pub use faults::{Carries, Cut, DeliverBy, Faults, Ids, LongTexts, Measure, Receipts, RefuseBy, Share, Split, Unfit};
pub use handset::Handset;
pub use phones::{Direction, Text};
pub use scenario::{Scenario, ScenarioError};
pub use span::Span;
pub use tally::Summary;
pub use verbs::{Alert, Callee, Nack, Typed, Verb};
pub use wire_log::{WireDirection, WireEntry};
pub use words::DefaultAlphabet;

use crate::carrier::ServerTls;
use crate::carrier::frame::status;
use crate::ports::Clock;
use binds::Binds;
use opening::Call;
use outbox::{Outbox, Outgoing};
use phones::Phones;
use scenario::Play;
use tally::Tally;
use verbs::Order;
use wire_log::WireLog;

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

struct State {
    faults: Faults,
    played: Played,
    phones: Phones,
    binds: Binds,
    outbox: Outbox,
    /// Receipts that wait for others, to come in another order.
    gathered: Vec<Outgoing>,
    /// Gateways to go to.
    calls: mpsc::Sender<Call>,
    /// What each connection was told to do and has not done.
    orders: BTreeMap<u64, Vec<Order>>,
    log: WireLog,
    tally: Tally,
    counts: Counts,
    /// The scenario that is being played, and whether it was told to end.
    play: Play,
    ended: bool,
    last_id: u64,
}

/// How far the script was played.
#[derive(Default)]
struct Played {
    /// Which script it is, counted from 0.
    script: u64,
    submits: u64,
    receipts: u64,
    /// When the present second began, and how many were taken since.
    second: Option<(Instant, u32)>,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Binds that stand.
    pub bound: usize,
    pub connections: u64,
    pub binds: u64,
    /// `submit_sm` and `data_sm` that were taken.
    pub submits: u64,
    /// And that were refused.
    pub refused: u64,
    pub delivers: u64,
    pub receipts: u64,
    /// `deliver_sm` that were answered.
    pub answered: u64,
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
        // Ids that another run gave are not given again soon.
        let last_id = u64::try_from(config.clock.now().as_second()).unwrap_or_default() << 16;
        let (calls, to_make) = mpsc::channel(CALLS_MAX);
        let mut state = State {
            faults: Faults::default(),
            played: Played::default(),
            phones: Phones::default(),
            binds: Binds::default(),
            outbox: Outbox::default(),
            gathered: Vec::new(),
            calls,
            orders: BTreeMap::new(),
            log: WireLog::default(),
            tally: Tally::default(),
            counts: Counts::default(),
            play: Play::default(),
            ended: false,
            last_id,
        };
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
        typed.iter().for_each(|text| self.tell(text));
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
        self.tell(&text);
        text
    }

    fn tell(&self, text: &Text) {
        // Nobody may be looking.
        let _ = self.news.send(text.clone());
    }
}

impl State {
    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
        self.played = Played { script: self.played.script + 1, ..Played::default() };
        self.release_receipts();
    }

    fn typed(&mut self, from: &str, to: &str, words: &str, config: &SimulatorConfig) -> Text {
        let id = format!("{:x}", self.new_id());
        let [from, to, words] = [from, to, words].map(str::to_owned);
        let (at, direction) = (config.clock.now(), Direction::FromPhone);
        let text = Text { id, direction, from, to, text: words, at, answered: false };
        self.phones.keep(text.clone());
        self.outbox.typed(&text, config.alphabet, &self.faults);
        text
    }

    /// What refuses the text that comes now, if anything does.
    fn refuses(&mut self, now: Instant) -> Option<u32> {
        let nth = self.played.submits;
        self.played.submits += 1;
        let refusal = self.faults.refuses(nth).or_else(|| self.is_too_fast(now).then_some(status::RTHROTTLED));
        self.counts.refused += u64::from(refusal.is_some());
        refusal
    }

    fn is_too_fast(&mut self, now: Instant) -> bool {
        let Some(most) = self.faults.submits_per_second else { return false };
        let (began, taken) = self.played.second.filter(|(began, _)| now < *began + SECOND).unwrap_or((now, 0));
        self.played.second = Some((began, taken.saturating_add(1)));
        taken >= most
    }
}

const SECOND: Duration = Duration::from_secs(1);
