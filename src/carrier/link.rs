//! One link for as long as the daemon runs: leads to the window of the session that stands, opens the socket, and opens it
//! again when it is lost.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::bind::{BindKind, Opening};
use super::dial::connect;
use super::drive::Drive;
use super::ended::{Ended, Why};
use super::halves::Halves;
use super::pace::Pace;
use super::patience::Patience;
use super::pauses::Pauses;
use super::receipt::spelling::Spelling;
use super::room::{Gate, Room};
use super::session::Reason;
use super::{Binds, LinkConfig};
use crate::domain::{Answer, Likeness, Phone, Receipt};
use crate::ports::{Clock, Reception};

/// How long the next session waits for the end of this one to be written down.
const TELL_END: Duration = Duration::from_secs(2);

/// Whether a link takes texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    Bound,
    Unbound,
}

/// How a link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    pub name: String,
    pub state: LinkState,
    pub since: Timestamp,
    pub window: usize,
    pub window_in_use: usize,
    /// Why it last ended or did not come about, in words for whoever runs the server.
    pub last_error: Option<String>,
}

/// One link, as long as the daemon runs.
pub(super) struct Link {
    pub config: LinkConfig,
    /// The way into the session that is bound, while one is.
    pub gate: watch::Sender<Option<Gate>>,
    status: watch::Sender<Vec<LinkStatus>>,
    /// Its place in `status`.
    index: usize,
    pace: Mutex<Pace>,
    /// Whoever waits for the pace waits here: who came first goes first.
    line: tokio::sync::Mutex<()>,
    /// Told when the carrier wants to be bound to at once.
    pub dial_now: Notify,
    /// With phones whose deliveries are not taken.
    pub patience: Arc<Mutex<Patience>>,
    /// How the carrier spells its ids, over all sessions.
    spelling: Mutex<Spelling>,
    pub stop: CancellationToken,
    pub reception: Arc<dyn Reception>,
    pub clock: Arc<dyn Clock>,
}

impl Link {
    pub fn new(
        config: LinkConfig,
        index: usize,
        status: watch::Sender<Vec<LinkStatus>>,
        stop: CancellationToken,
        reception: Arc<dyn Reception>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let pace = Pace::new(config.segments_per_second, Instant::now().into_std());
        Self {
            config,
            gate: watch::Sender::new(None),
            status,
            index,
            pace: Mutex::new(pace),
            line: tokio::sync::Mutex::default(),
            dial_now: Notify::new(),
            patience: Arc::default(),
            spelling: Mutex::default(),
            stop,
            reception,
            clock,
        }
    }

    /// Whether there is a session that takes texts.
    pub fn is_open(&self) -> bool {
        self.gate.borrow().is_some()
    }

    /// Waits for room in the session that is bound, and for as long as it is; `None` when it is not any more.
    pub async fn room_now(&self, segments: u32) -> Option<Room> {
        let gate = self.gate.borrow().clone()?;
        let window = u32::try_from(self.config.window).unwrap_or(u32::MAX);
        let profile = Arc::clone(&self.config.profile);
        // Closed means that this session is over.
        gate.room(segments.clamp(1, window.max(1)), profile, Arc::clone(&self.clock)).await
    }

    /// Waits until so many segments may follow those before them.
    pub async fn keep_to_the_rate(&self, segments: u32) {
        let _first = self.line.lock().await;
        for _ in 0..segments {
            while let Some(at) = self.not_before() {
                sleep_until(at).await;
            }
        }
    }

    /// Takes the turn of one segment; or says when to ask again.
    fn not_before(&self) -> Option<Instant> {
        self.pace().take(Instant::now().into_std()).err().map(Instant::from_std)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds, and binds again, until told to stop.
    pub async fn live(self: Arc<Self>, mut earlier_session_ended: Option<Timestamp>) {
        let mut pauses = Pauses::default();
        self.report(LinkState::Unbound, None);
        loop {
            let driven = AssertUnwindSafe(self.connect_and_drive(earlier_session_ended)).catch_unwind().await;
            let ended = driven.unwrap_or_else(|_| self.faulted());
            earlier_session_ended = ended.at.or(earlier_session_ended);
            if let Some(at) = ended.at {
                self.tell_end(at).await;
            }
            let (error, what_to_do) = (ended.why.to_string(), ended.why.what_to_do());
            self.report(LinkState::Unbound, Some(error.clone()));
            if self.stop.is_cancelled() {
                info!(link = self.config.name, "stopped");
                return;
            }
            let pause = pauses.after(&ended);
            warn!(link = self.config.name, error, what_to_do, pause_ms = pause.as_millis(), "lost");
            metrics::counter!("assent_link_reconnects_total", "link" => self.config.name.clone()).increment(1);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.dial_now.notified() => info!(link = self.config.name, "asked to bind at once"),
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Other daemons hear of the end before the next session begins, so that what is delivered again to one of them is
    /// known for what it is. A store that does not take it does not keep us from the carrier.
    pub async fn tell_end(&self, at: Timestamp) {
        let _ = timeout(TELL_END, self.begin_to_tell_end(at)).await;
    }

    /// Goes on by itself when it is not waited for.
    pub fn begin_to_tell_end(&self, at: Timestamp) -> JoinHandle<()> {
        let reception = Arc::clone(&self.reception);
        tokio::spawn(async move { reception.session_ended(at).await })
    }

    /// A fault of our own ends the session, not the link. Whoever waits for an answer hears that it is unknown.
    pub fn faulted(&self) -> Ended {
        self.gate.send_replace(None);
        Ended { why: Why::Fault, bound_for: None, at: Some(self.clock.now()) }
    }

    async fn connect_and_drive(&self, earlier_session_ended: Option<Timestamp>) -> Ended {
        let account = match self.config.account() {
            Ok(account) => account,
            Err(error) => return Why::Config(error).into(),
        };
        let halves = Halves::default();
        let bind = |kind| self.bind(Opening::Ask { kind, account: account.clone() }, &halves, earlier_session_ended);
        match self.config.bind {
            Binds::Transceiver => bind(BindKind::Transceiver).await,
            Binds::TransmitterAndReceiver => {
                // One after the other: a carrier that does not know us is asked once.
                let transmitter = async {
                    tokio::select! {
                        biased;
                        () = halves.over() => None,
                        () = halves.receive() => Some(bind(BindKind::Transmitter).await),
                    }
                };
                let (receiver, transmitter) = tokio::join!(bind(BindKind::Receiver), transmitter);
                receiver.and(transmitter)
            }
        }
    }

    /// Opens a connection for one bind, which is the link or a half of it, and drives it to its end.
    async fn bind(&self, opening: Opening, halves: &Halves, earlier_session_ended: Option<Timestamp>) -> Ended {
        let connected = tokio::select! {
            connected = connect(&self.config) => connected.map_err(Why::NoConnection),
            () = self.stop.cancelled() => Err(Why::Session(Reason::Stopped)),
            () = halves.over() => Err(Why::Session(Reason::OtherHalf)),
        };
        match connected {
            Ok(stream) => {
                let settings = self.config.settings(opening);
                Drive::new(self, halves, stream, settings, earlier_session_ended).run(&[]).await
            }
            Err(why) => {
                halves.end(self);
                why.into()
            }
        }
    }

    /// Tells whoever watches how the link is: bound with nothing in its window, or unbound. An earlier error stands
    /// until there is another.
    pub fn report(&self, state: LinkState, error: Option<String>) {
        let bound = if state == LinkState::Bound { 1.0 } else { 0.0 };
        metrics::gauge!("assent_link_bound", "link" => self.config.name.clone()).set(bound);
        self.report_window(0);
        let now = self.clock.now();
        self.status.send_if_modified(|statuses| {
            let status = &mut statuses[self.index];
            let before = status.clone();
            if status.state != state {
                status.state = state;
                status.since = now;
            }
            status.last_error = error.or(status.last_error.take());
            *status != before
        });
    }

    /// Says how much of the window is in use. That changes with every text, so nobody is woken for it.
    pub fn report_window(&self, in_use: usize) {
        metrics::gauge!("assent_window_in_use", "link" => self.config.name.clone())
            .set(f64::from(u32::try_from(in_use).unwrap_or(u32::MAX)));
        self.status.send_if_modified(|statuses| {
            statuses[self.index].window_in_use = in_use;
            false
        });
    }
}

impl LinkStatus {
    pub(super) fn at_start(config: &LinkConfig, now: Timestamp) -> Self {
        Self {
            name: config.name.clone(),
            state: LinkState::Unbound,
            since: now,
            window: config.window,
            window_in_use: 0,
            last_error: None,
        }
    }
}

impl Link {
    pub fn serves(&self, number: &Phone) -> bool {
        self.config.numbers.contains(number)
    }

    /// The carrier said that we are too fast.
    pub fn slow_down(&self) {
        self.pace().throttled(Instant::now().into_std());
        metrics::counter!("assent_link_throttled_total", "link" => self.config.name.clone()).increment(1);
    }

    /// The carrier gave its segments these ids.
    pub fn learn_ids(&self, answer: &Answer) {
        let Answer::Taken { ids } = answer else { return };
        let mut spelling = self.spelling.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().for_each(|id| spelling.given(id));
    }

    /// Says with a receipt how its link spells ids, and learns that from it.
    pub fn learn_spelling(&self, receipt: &mut Receipt) {
        let Some(id) = &receipt.carrier_id else { return };
        let heard = self.spelling.lock().unwrap_or_else(PoisonError::into_inner).heard(id);
        receipt.clues.spelling = heard.usual;
        let Some(this) = heard.this else { return };
        let link = &self.config.name;
        if heard.usual.is_none() && this != Likeness::Same {
            info!(link, spelling = ?this, "receipts spell the ids of answers in another way");
        }
        if heard.is_odd() {
            metrics::counter!("assent_receipt_spelled_oddly_total", "link" => link.clone()).increment(1);
            if heard.is_first {
                warn!(link, usual = ?heard.usual, this = ?this, "receipt spells its id in another way than most");
            }
        }
    }

    /// Counts what became of a message.
    pub fn count_submit(&self, answer: &Answer) {
        self.count(match answer {
            Answer::Taken { .. } => "taken",
            Answer::NotSent => "not_sent",
            Answer::Refused { .. } => "refused",
            Answer::PartlyTaken => "partly_taken",
            Answer::Unknown => "unknown",
        });
    }

    /// Counts a response that nobody waited for.
    pub fn count_stray(&self) {
        self.count("stray");
    }

    fn count(&self, result: &'static str) {
        metrics::counter!("assent_submit_total", "link" => self.config.name.clone(), "result" => result).increment(1);
    }
}
