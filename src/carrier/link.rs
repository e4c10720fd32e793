//! One link: opens the socket, gives a [`Session`] what comes from it and does what follows, and opens it again
//! when it is lost.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use smpp::pdus::SubmitSm;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::LinkConfig;
use super::deliveries::{Deliveries, Done, Handed};
use super::frame::status;
use super::session::{Delivered, Input, Output, Reason, Session, Settings, ToWrite};
use super::translate;
use super::window::{Submit, Token};
use crate::domain::{Answer, Phone};
use crate::ports::{Clock, Reception};

const CONNECT: Duration = Duration::from_secs(10);
/// How long the window may take to drain at the end, and what was delivered to become durable.
const DRAIN: Duration = Duration::from_secs(10);
/// How long answers are still read once the socket takes nothing more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// No place is granted for this long after the carrier said that we are too fast.
const THROTTLED_PAUSE: Duration = Duration::from_secs(1);
/// The rate limit lets through at once what it would let through in this part of a second.
const BURST_PART_OF_A_SECOND: u32 = 20;
const READ_OCTETS: usize = 8 * 1024;

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
    gate: watch::Sender<Option<Gate>>,
    status: watch::Sender<Vec<LinkStatus>>,
    /// Its place in `status`.
    index: usize,
    limiter: DefaultDirectRateLimiter,
    throttled_until: Mutex<Option<Instant>>,
    pub stop: CancellationToken,
    reception: Arc<dyn Reception>,
    clock: Arc<dyn Clock>,
}

/// The window of one session.
#[derive(Clone)]
struct Gate {
    places: Arc<Semaphore>,
    submissions: mpsc::Sender<Submission>,
}

/// Room in the window of one session.
pub(super) struct Room {
    permit: OwnedSemaphorePermit,
    submissions: mpsc::Sender<Submission>,
}

/// A message on its way into a session.
struct Submission {
    segments: Vec<SubmitSm>,
    write_by: Instant,
    permit: OwnedSemaphorePermit,
    answer: oneshot::Sender<Answer>,
}

/// How a session came to its end.
struct Ended {
    why: Why,
    bound_for: Option<Duration>,
    /// Set if the carrier delivered something: until then an answer of ours may have been lost.
    at: Option<Timestamp>,
}

enum Why {
    NoConnection(String),
    Session(Reason),
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
                let Gate { places, submissions } = gate.wait_for(Option::is_some).await.ok()?.clone()?;
                let window = u32::try_from(self.config.window).unwrap_or(u32::MAX);
                let wanted = segments.clamp(1, window);
                // Closed means that this session is over: wait for the next one.
                let Ok(permit) = Arc::clone(&places).acquire_many_owned(wanted).await else { continue };
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
        loop {
            let ended = self.connect_and_drive(earlier_session_ended).await;
            earlier_session_ended = ended.at.or(earlier_session_ended);
            let error = match &ended.why {
                Why::NoConnection(error) => error.clone(),
                Why::Session(reason) => reason.to_string(),
            };
            self.report(LinkState::Unbound, 0, Some(error.clone()));
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

    async fn connect_and_drive(&self, earlier_session_ended: Option<Timestamp>) -> Ended {
        let no_connection = |error| Ended { why: Why::NoConnection(error), bound_for: None, at: None };
        let bind = match self.config.bind() {
            Ok(bind) => bind,
            Err(error) => return no_connection(error.to_string()),
        };
        let address = &self.config.address;
        let connected = tokio::select! {
            connected = timeout(CONNECT, TcpStream::connect(address)) => connected,
            () = self.stop.cancelled() => return no_connection(Reason::Stopped.to_string()),
        };
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return no_connection(format!("could not connect to {address}: {error}")),
            Err(_) => return no_connection(format!("{address} did not take the connection within 10 seconds")),
        };
        if let Err(error) = stream.set_nodelay(true) {
            return no_connection(format!("could not set up the connection to {address}: {error}"));
        }
        let settings =
            Settings { bind, window: self.config.window, enquire_link: self.config.enquire_link, last_sequence: 0 };
        Drive::new(self, stream, settings, earlier_session_ended).run().await
    }

    fn report(&self, state: LinkState, window_in_use: usize, error: Option<String>) {
        let name = || self.config.name.clone();
        metrics::gauge!("assent_link_bound", "link" => name()).set(if state == LinkState::Bound { 1.0 } else { 0.0 });
        metrics::gauge!("assent_window_in_use", "link" => name())
            .set(f64::from(u32::try_from(window_in_use).unwrap_or(u32::MAX)));
        let now = self.clock.now();
        self.status.send_if_modified(|statuses| {
            let status = &mut statuses[self.index];
            let before = status.clone();
            if status.state != state {
                status.state = state;
                status.since = now;
            }
            status.window_in_use = window_in_use;
            status.last_error = error.or(status.last_error.take());
            *status != before
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
    /// Hands the segments to the session, and waits for what becomes of them.
    pub async fn submit(self, segments: Vec<SubmitSm>, write_by: Instant) -> Answer {
        let (answer, answered) = oneshot::channel();
        let submission = Submission { segments, write_by, permit: self.permit, answer };
        if self.submissions.send(submission).await.is_err() {
            return Answer::NotSent;
        }
        // Nobody is left who knows: it may have gone out.
        answered.await.unwrap_or(Answer::Unknown)
    }
}

/// How long to stay away from a carrier.
struct Pauses {
    next: Duration,
}

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// After the store took nothing; it also gives the carrier time to see that we are gone.
const PAUSE_NOT_TAKEN: Duration = Duration::from_secs(5);
/// A session of this length was a healthy one.
const HEALTHY: Duration = Duration::from_secs(60);

impl Default for Pauses {
    fn default() -> Self {
        Self { next: PAUSE_MIN }
    }
}

impl Pauses {
    /// Doubles from one second to a minute. A carrier that does not want us is not asked more often than once a
    /// minute: some lock an account for that.
    fn after(&mut self, ended: &Ended) -> Duration {
        if ended.bound_for.is_some_and(|duration| duration >= HEALTHY) {
            self.next = PAUSE_MIN;
        }
        let pause = match ended.why {
            Why::Session(Reason::BindRefused {
                command_status: status::RALYBND | status::RBINDFAIL | status::RINVPASWD | status::RINVSYSID,
            }) => PAUSE_MAX,
            Why::Session(Reason::NotTaken) => self.next.max(PAUSE_NOT_TAKEN),
            Why::Session(_) | Why::NoConnection(_) => self.next,
        };
        self.next = (pause * 2).min(PAUSE_MAX);
        jittered(pause)
    }
}

/// Within a fifth of the pause, so that many daemons do not come back at the same instant.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause.mul_f64(0.8 + 0.4 * f64::from(random) / f64::from(u32::MAX))
}

/// A session and its socket.
struct Drive<'a, S> {
    link: &'a Link,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    session: Session,
    deliveries: Deliveries,
    earlier_session_ended: Option<Timestamp>,
    places: Arc<Semaphore>,
    submissions: mpsc::Receiver<Submission>,
    /// Handed to the gate once bound.
    submit: mpsc::Sender<Submission>,
    /// Who waits for the answer to which message, and the room that it takes.
    asked: HashMap<Token, (oneshot::Sender<Answer>, OwnedSemaphorePermit)>,
    tokens: u64,
    bound_at: Option<Instant>,
    /// Set once told to stop: no longer than until then.
    drain_until: Option<Instant>,
    /// Set once the socket takes nothing more: answers are read until then.
    write_failed_until: Option<Instant>,
    /// What was last said about the window.
    reported: Option<usize>,
}

/// What the socket, the store, the conversations or the clock did.
enum Happened {
    TimePassed,
    ToldToStop,
    Wrote(std::io::Result<usize>),
    TooLateToWrite,
    Delivered(Done),
    Asked(Submission),
    Read(std::io::Result<usize>),
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Drive<'a, S> {
    fn new(link: &'a Link, stream: S, settings: Settings, earlier_session_ended: Option<Timestamp>) -> Self {
        let (submit, submissions) = mpsc::channel(settings.window);
        let (reader, writer) = tokio::io::split(stream);
        Self {
            link,
            reader,
            writer,
            places: Arc::new(Semaphore::new(settings.window)),
            session: Session::connected(settings, now()),
            deliveries: Deliveries::new(Arc::clone(&link.reception)),
            earlier_session_ended,
            submissions,
            submit,
            asked: HashMap::new(),
            tokens: 0,
            bound_at: None,
            drain_until: None,
            write_failed_until: None,
            reported: None,
        }
    }

    async fn run(mut self) -> Ended {
        let mut buffer = vec![0; READ_OCTETS];
        let reason = loop {
            if let Some(reason) = self.turn(&mut buffer).await {
                break reason;
            }
        };
        self.withdraw();
        self.submissions.close();
        while let Some(unsent) = self.submissions.recv().await {
            self.link.count_submit(&Answer::NotSent);
            let _ = unsent.answer.send(Answer::NotSent);
        }
        drop((self.reader, self.writer));
        let delivered = self.deliveries.were_any();
        self.deliveries.settle(DRAIN).await;
        Ended {
            why: Why::Session(reason),
            bound_for: self.bound_at.map(|at| at.elapsed()),
            at: delivered.then(|| self.link.clock.now()),
        }
    }

    /// Waits for one thing to happen and does what follows; says why when that is the end.
    async fn turn(&mut self, buffer: &mut [u8]) -> Option<Reason> {
        let happened = self.next(buffer).await;
        let mut outputs = match happened {
            Happened::TimePassed | Happened::TooLateToWrite => self.session.handle(Input::Tick, now()),
            Happened::ToldToStop => {
                self.drain_until = Some(Instant::now() + DRAIN);
                self.withdraw();
                Vec::new()
            }
            Happened::Wrote(Ok(octets)) if octets > 0 => self.session.handle(Input::Wrote(octets), now()),
            Happened::Wrote(_) => {
                self.write_failed_until = Some(Instant::now() + LAST_ANSWERS);
                Vec::new()
            }
            Happened::Delivered(done) => self.delivered(&done),
            Happened::Asked(submission) => self.asked(submission),
            Happened::Read(Ok(octets)) if octets > 0 => self.session.handle(Input::Received(&buffer[..octets]), now()),
            Happened::Read(_) => self.session.handle(Input::Lost, now()),
        };
        outputs.extend(self.what_time_asks_for());
        let end = self.perform(outputs);
        if !self.session.is_bound() {
            self.withdraw();
        }
        end
    }

    async fn next(&mut self, buffer: &mut [u8]) -> Happened {
        let to_write = self.session.to_write(now()).filter(|_| self.write_failed_until.is_none());
        let deadlines = [
            self.session.next_deadline().map(Instant::from_std),
            self.deliveries.give_up_at(),
            self.drain_until,
            self.write_failed_until,
        ];
        let deadline = deadlines.into_iter().flatten().min();
        tokio::select! {
            biased;
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Happened::TimePassed,
            () = self.link.stop.cancelled(), if self.drain_until.is_none() => Happened::ToldToStop,
            written = write(&mut self.writer, to_write.as_ref()), if to_write.is_some() => written,
            Some(done) = self.deliveries.next(Instant::now) => Happened::Delivered(done),
            Some(submission) = self.submissions.recv() => Happened::Asked(submission),
            read = self.reader.read(buffer), if self.deliveries.have_room() => Happened::Read(read),
        }
    }

    /// What is due by this link's own deadlines.
    fn what_time_asks_for(&mut self) -> Vec<Output> {
        let instant = Instant::now();
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= instant);
        if passed(self.write_failed_until) {
            return self.session.handle(Input::Lost, now());
        }
        if passed(self.deliveries.give_up_at()) {
            self.deliveries.forget_failures();
            return self.session.handle(Input::Unbind(Reason::NotTaken), now());
        }
        let is_idle = self.session.is_idle() && self.deliveries.is_idle();
        if self.drain_until.is_some() && (is_idle || passed(self.drain_until)) {
            self.drain_until = Some(instant + 2 * DRAIN);
            return self.session.handle(Input::Unbind(Reason::Stopped), now());
        }
        Vec::new()
    }

    fn asked(&mut self, submission: Submission) -> Vec<Output> {
        let Submission { segments, write_by, permit, answer } = submission;
        self.tokens += 1;
        let token = Token(self.tokens);
        self.asked.insert(token, (answer, permit));
        let answer_by = now() + self.link.config.response_timeout;
        let submit = Submit { token, segments, write_by: write_by.into_std(), answer_by };
        self.session.handle(Input::Submit(submit), now())
    }

    fn delivered(&mut self, done: &Done) -> Vec<Output> {
        let result = match done.result {
            Ok(()) if done.command_status == status::ROK => "taken",
            Ok(()) => "malformed",
            Err(_) => "not_taken",
        };
        let name = self.link.config.name.clone();
        metrics::counter!("assent_deliver_total", "link" => name, "result" => result).increment(1);
        match done.result {
            Ok(()) => {
                let Done { sequence, command_status, .. } = *done;
                self.session.handle(Input::Answer { sequence, command_status }, now())
            }
            // Silence, and only silence: the carrier keeps it and brings it again.
            Err(_) => Vec::new(),
        }
    }

    fn perform(&mut self, outputs: Vec<Output>) -> Option<Reason> {
        let mut end = None;
        for output in outputs {
            match output {
                Output::Bound => self.bound(),
                Output::Deliver(delivered) => self.hand(&delivered),
                Output::Answered { token, answer } => self.answered(token, answer),
                Output::Stray => self.link.count("stray"),
                Output::Closed(reason) => end = Some(reason),
            }
        }
        if self.bound_at.is_some() && self.session.is_bound() {
            let in_use = self.link.config.window.saturating_sub(self.places.available_permits());
            if self.reported.replace(in_use) != Some(in_use) {
                self.link.report(LinkState::Bound, in_use, None);
            }
        }
        end
    }

    fn bound(&mut self) {
        self.bound_at = Some(Instant::now());
        info!(link = self.link.config.name, "bound");
        if self.drain_until.is_none() {
            let gate = Gate { places: Arc::clone(&self.places), submissions: self.submit.clone() };
            self.link.gate.send_replace(Some(gate));
        }
    }

    /// No more places in this session.
    fn withdraw(&mut self) {
        if self.bound_at.is_some() && !self.places.is_closed() {
            self.link.gate.send_replace(None);
            self.places.close();
        }
    }

    fn hand(&mut self, delivered: &Delivered) {
        if self.drain_until.is_some() {
            // It is not answered, so the carrier brings it again to whoever binds next.
            return;
        }
        let command_status = delivered.message.as_ref().err().map_or(status::ROK, |malformed| malformed.command_status);
        let delivery = translate::delivery(delivered, self.link.clock.now(), self.earlier_session_ended);
        self.deliveries.hand(Handed { sequence: delivered.frame.sequence(), command_status, delivery });
    }

    fn answered(&mut self, token: Token, answer: Answer) {
        if let Answer::Refused { command_status: status::RTHROTTLED | status::RMSGQFUL, .. } = answer {
            let until = Instant::now() + THROTTLED_PAUSE;
            *self.link.throttled_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        self.link.count_submit(&answer);
        if let Some((asker, _room)) = self.asked.remove(&token) {
            // Whoever asked may have gone; the answer is the conversation's to miss.
            let _ = asker.send(answer);
        }
    }
}

impl Link {
    fn count_submit(&self, answer: &Answer) {
        self.count(match answer {
            Answer::Taken { .. } => "taken",
            Answer::NotSent => "not_sent",
            Answer::Refused { .. } => "refused",
            Answer::PartlyTaken => "partly_taken",
            Answer::Unknown => "unknown",
        });
    }

    fn count(&self, result: &'static str) {
        metrics::counter!("assent_submit_total", "link" => self.config.name.clone(), "result" => result).increment(1);
    }

    pub fn serves(&self, number: &Phone) -> bool {
        self.config.numbers.contains(number)
    }
}

/// Gives the socket what it takes, unless it is too late for the first octet by the time it takes any.
async fn write(writer: &mut (impl AsyncWrite + Unpin), to_write: Option<&ToWrite>) -> Happened {
    let Some(ToWrite { octets, write_by }) = to_write else { return std::future::pending().await };
    poll_fn(|context| {
        if write_by.is_some_and(|write_by| write_by < now()) {
            return Poll::Ready(Happened::TooLateToWrite);
        }
        Pin::new(&mut *writer).poll_write(context, octets).map(Happened::Wrote)
    })
    .await
}

/// The time as the session reads it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
