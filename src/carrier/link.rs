//! One link for as long as the daemon runs: grants room in its window, opens the socket, and opens it again when it
//! is lost.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use smpp::pdus::SubmitSm;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::LinkConfig;
use super::dial::connect;
use super::drive::{Drive, Ended, Why};
use super::patience::Patience;
use super::pauses::Pauses;
use super::session::{Reason, Settings};
use crate::domain::{Answer, Phone};
use crate::ports::{Clock, Reception};

/// How long the next session waits for the end of this one to be written down.
const TELL_END: Duration = Duration::from_secs(2);
/// No place is granted for this long after the carrier said that we are too fast.
const THROTTLED_PAUSE: Duration = Duration::from_secs(1);
/// The rate limit lets through at once what it would let through in this part of a second.
const BURST_PART_OF_A_SECOND: u32 = 20;

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
    limiter: DefaultDirectRateLimiter,
    throttled_until: Mutex<Option<Instant>>,
    /// With phones whose deliveries are not taken.
    pub patience: Arc<Mutex<Patience>>,
    pub stop: CancellationToken,
    pub reception: Arc<dyn Reception>,
    pub clock: Arc<dyn Clock>,
}

/// The window of one session.
#[derive(Clone)]
pub(super) struct Gate {
    pub places: Arc<Semaphore>,
    /// Told of every place that is given back.
    pub given_back: Arc<Notify>,
    pub submissions: mpsc::Sender<Submission>,
}

/// Places in a window. Dropping it gives them back.
pub(super) struct Permit {
    places: Option<OwnedSemaphorePermit>,
    given_back: Arc<Notify>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.places.take());
        self.given_back.notify_one();
    }
}

/// Room in the window of one session.
pub(super) struct Room {
    permit: Permit,
    submissions: mpsc::Sender<Submission>,
}

/// A message on its way into a session.
pub(super) struct Submission {
    pub segments: Vec<SubmitSm>,
    pub write_by: Instant,
    pub recalled: CancellationToken,
    pub permit: Permit,
    pub answer: oneshot::Sender<Answer>,
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
        let per_second = config.segments_per_second;
        let burst = (per_second.get() / BURST_PART_OF_A_SECOND).max(1);
        let quota = Quota::per_second(per_second).allow_burst(burst.try_into().expect("it is at least 1"));
        Self {
            config,
            gate: watch::Sender::new(None),
            status,
            index,
            limiter: RateLimiter::direct(quota),
            throttled_until: Mutex::new(None),
            patience: Arc::default(),
            stop,
            reception,
            clock,
        }
    }

    /// Waits until the link is bound, has room, and may send; `None` when it never will be again.
    pub async fn room(&self, segments: u32) -> Option<Room> {
        let patient = async {
            let mut gate = self.gate.subscribe();
            loop {
                let Gate { places, given_back, submissions } = gate.wait_for(Option::is_some).await.ok()?.clone()?;
                let window = u32::try_from(self.config.window).unwrap_or(u32::MAX);
                let wanted = segments.clamp(1, window.max(1));
                // Closed means that this session is over: wait for the next one.
                let Ok(granted) = Arc::clone(&places).acquire_many_owned(wanted).await else { continue };
                let permit = Permit { places: Some(granted), given_back };
                self.keep_to_the_rate(segments).await;
                if !places.is_closed() {
                    return Some(Room { permit, submissions });
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            room = patient => room,
        }
    }

    async fn keep_to_the_rate(&self, segments: u32) {
        for _ in 0..segments {
            while let Err(not_until) = self.limiter.check() {
                tokio::time::sleep(not_until.wait_time_from(DefaultClock::default().now())).await;
            }
        }
        while let Some(until) = self.throttled().filter(|until| *until > Instant::now()) {
            sleep_until(until).await;
        }
    }

    fn throttled(&self) -> Option<Instant> {
        *self.throttled_until.lock().unwrap_or_else(PoisonError::into_inner)
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
            let error = match &ended.why {
                Why::NoConnection(error) => error.clone(),
                Why::Session(reason) => reason.to_string(),
            };
            self.report(LinkState::Unbound, Some(error.clone()));
            if self.stop.is_cancelled() {
                info!(link = self.config.name, "stopped");
                return;
            }
            let pause = pauses.after(&ended);
            warn!(link = self.config.name, error, pause_ms = pause.as_millis(), "lost");
            metrics::counter!("assent_link_reconnects_total", "link" => self.config.name.clone()).increment(1);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Other daemons hear of the end before the next session begins, so that what is delivered again to one of them is
    /// known for what it is. A store that does not take it does not keep us from the carrier.
    async fn tell_end(&self, at: Timestamp) {
        let _ = timeout(TELL_END, self.begin_to_tell_end(at)).await;
    }

    /// Goes on by itself when it is not waited for.
    pub fn begin_to_tell_end(&self, at: Timestamp) -> JoinHandle<()> {
        let reception = Arc::clone(&self.reception);
        tokio::spawn(async move { reception.session_ended(at).await })
    }

    /// A fault of our own ends the session, not the link. Whoever waits for an answer hears that it is unknown.
    fn faulted(&self) -> Ended {
        self.gate.send_replace(None);
        let why = Why::NoConnection("a fault in assent ended the session".to_owned());
        Ended { why, bound_for: None, at: Some(self.clock.now()) }
    }

    async fn connect_and_drive(&self, earlier_session_ended: Option<Timestamp>) -> Ended {
        let no_connection = |error| Ended { why: Why::NoConnection(error), bound_for: None, at: None };
        let bind = match self.config.bind() {
            Ok(bind) => bind,
            Err(error) => return no_connection(error.to_string()),
        };
        let connected = tokio::select! {
            connected = connect(&self.config) => connected,
            () = self.stop.cancelled() => return no_connection(Reason::Stopped.to_string()),
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(error) => return no_connection(error.to_string()),
        };
        let settings =
            Settings { bind, window: self.config.window, enquire_link: self.config.enquire_link, last_sequence: 0 };
        Drive::new(self, stream, settings, earlier_session_ended).run().await
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

impl Room {
    /// Hands the segments to the session at once, and waits for what becomes of them.
    pub fn submit(
        self,
        segments: Vec<SubmitSm>,
        write_by: Instant,
        recalled: CancellationToken,
    ) -> impl Future<Output = Answer> + use<> {
        let (answer, answered) = oneshot::channel();
        let is_recalled = recalled.is_cancelled();
        let submission = Submission { segments, write_by, recalled, permit: self.permit, answer };
        // Whoever has room in the window has room on the way there.
        let handed = !is_recalled && self.submissions.try_send(submission).is_ok();
        async move {
            match handed {
                // Nobody is left who knows: it may have gone out.
                true => answered.await.unwrap_or(Answer::Unknown),
                false => Answer::NotSent,
            }
        }
    }
}

impl Link {
    pub fn serves(&self, number: &Phone) -> bool {
        self.config.numbers.contains(number)
    }

    /// The carrier said that we are too fast.
    pub fn pause(&self) {
        let until = Instant::now() + THROTTLED_PAUSE;
        *self.throttled_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
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
