//! One session on its socket: tells the [`Session`] what happened there, and does what follows.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::info;

use super::bind::{Half, Side};
use super::deliveries::{Deliveries, Done, Handed};
use super::ended::{Ended, Why};
use super::frame::{Frame, status};
use super::halves::Halves;
use super::link::Link;
use super::reason::of_read_error;
use super::room::{Gate, Permit, Submission};
use super::session::{Delivered, Input, Output, Reason, Session, Settings, ToWrite};
use super::translate::{self, Sessions};
use super::window::{Submit, Token};
use crate::domain::{Answer, DeliveryId};
use crate::ports::Delivery;

/// How long the window may take to drain at the end, and what was delivered to become durable.
const DRAIN: Duration = Duration::from_secs(10);
/// How long answers are still read once the socket takes nothing more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// How long the socket may take to be closed in form.
const CLOSE: Duration = Duration::from_secs(1);
const READ_OCTETS: usize = 8 * 1024;

/// How often a session looks whether its process runs.
const PULSE: Duration = Duration::from_secs(1);
/// A process that stood still for longer was stopped or starved. What the carrier delivered meanwhile it may have brought to
/// another daemon since, for want of an answer.
const STANDSTILL: Duration = Duration::from_secs(5);

/// A session and its socket.
pub(super) struct Drive<'a, S> {
    link: &'a Link,
    /// What the link is made of, and what of it this is.
    halves: &'a Halves,
    half: Half,
    side: Side,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    session: Session,
    deliveries: Deliveries,
    sessions: Sessions,
    places: Arc<Semaphore>,
    given_back: Arc<Notify>,
    submissions: mpsc::Receiver<Submission>,
    /// Handed to the gate once bound.
    submit: mpsc::Sender<Submission>,
    /// Who waits for the answer to which message.
    asked: HashMap<Token, Asked>,
    /// One for each message that waits; it says which was recalled, or nothing once the answer is there.
    recalls: FuturesUnordered<BoxFuture<'static, Option<Token>>>,
    tokens: u64,
    bound_at: Option<Instant>,
    /// Whether the link was told that this half of it ends.
    is_withdrawn: bool,
    /// Set once no more places are granted.
    parting: Option<Parting>,
    /// TLS may keep octets that the socket has not taken.
    unflushed: bool,
    /// Set once the socket takes nothing more: answers are read until then.
    write_failed_until: Option<Instant>,
    /// What was last said about the window.
    reported: Option<usize>,
    /// When it last had a turn.
    turned_at: Instant,
    /// What is to be said of the texts whose answers are not written yet, should they be late.
    unwritten: Vec<Delivery>,
}

/// On the way out: what is granted or written is waited for, but not longer than a while.
struct Parting {
    reason: Reason,
    until: Instant,
    /// The carrier was told.
    is_said: bool,
}

/// Somebody who waits for the answer to a message.
struct Asked {
    answer: oneshot::Sender<Answer>,
    /// Until the answer is there, or late.
    room: Option<Permit>,
    /// Ends the wait for a recall.
    _over: oneshot::Sender<()>,
}

/// What the socket, the store, the conversations or the clock did.
enum Happened {
    TimePassed,
    Recalled(Option<Token>),
    ToldToStop,
    OtherHalfEnded,
    Doubted,
    PlacesGivenBack,
    Wrote(std::io::Result<usize>),
    Flushed,
    TooLateToWrite,
    Delivered(Done),
    Asked(Submission),
    Read(std::io::Result<usize>),
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Drive<'a, S> {
    pub fn new(
        link: &'a Link,
        halves: &'a Halves,
        stream: S,
        settings: Settings,
        earlier_session_ended: Option<Timestamp>,
    ) -> Self {
        let (submit, submissions) = mpsc::channel(settings.window);
        let (reader, writer) = tokio::io::split(stream);
        Self {
            link,
            halves,
            half: settings.opening.half(),
            side: settings.opening.side(),
            reader,
            writer,
            places: Arc::new(Semaphore::new(settings.window)),
            given_back: Arc::default(),
            session: Session::connected(settings, now()),
            deliveries: Deliveries::new(
                Arc::clone(&link.reception),
                Arc::clone(&link.patience),
                link.config.profile.answer_within,
            ),
            sessions: Sessions { began: link.clock.now(), earlier_ended: earlier_session_ended },
            submissions,
            submit,
            asked: HashMap::new(),
            recalls: FuturesUnordered::new(),
            tokens: 0,
            bound_at: None,
            is_withdrawn: false,
            parting: None,
            unflushed: false,
            write_failed_until: None,
            reported: None,
            turned_at: Instant::now(),
            unwritten: Vec::new(),
        }
    }

    /// Until the session is over. `already_read` came over the socket before.
    pub async fn run(mut self, already_read: &[u8]) -> Ended {
        let mut buffer = vec![0; READ_OCTETS];
        let outputs = self.session.handle(Input::Received(already_read), now());
        let mut end = self.perform(outputs);
        let reason = loop {
            if let Some(reason) = end {
                break reason;
            }
            end = self.turn(&mut buffer).await;
        };
        self.withdraw();
        self.submissions.close();
        while let Some(unsent) = self.submissions.recv().await {
            self.link.count_submit(&Answer::NotSent);
            let _ = unsent.answer.send(Answer::NotSent);
        }
        // Whoever does not listen any more is not waited for.
        let _ = timeout(CLOSE, self.writer.shutdown()).await;
        drop((self.reader, self.writer));
        let bound_for = self.bound_at.map(|at| at.elapsed());
        let delivered = self.deliveries.were_any();
        if !self.deliveries.is_idle() {
            // The carrier may deliver again at once, to another daemon, what was durable before this moment.
            self.link.begin_to_tell_end(self.link.clock.now());
        }
        self.deliveries.settle(DRAIN).await;
        // Only here: what became durable after the session must count as before its end, or it would show twice.
        let at = delivered.then(|| self.link.clock.now());
        Ended { why: Why::Session(reason), bound_for, at }
    }

    /// Waits for one thing to happen and does what follows; says why when that is the end.
    async fn turn(&mut self, buffer: &mut [u8]) -> Option<Reason> {
        let happened = self.next(buffer).await;
        if self.stood_still() {
            self.part(Reason::StoodStill);
            self.deliveries.leave_the_rest();
            self.unwritten.drain(..).for_each(|late| self.deliveries.tell_late(late));
        }
        let mut outputs = match happened {
            Happened::TimePassed | Happened::TooLateToWrite => self.session.handle(Input::Tick, now()),
            Happened::Recalled(Some(token)) => self.session.handle(Input::Recalled(token), now()),
            Happened::Recalled(None) | Happened::PlacesGivenBack => Vec::new(),
            Happened::ToldToStop => {
                self.part(Reason::Stopped);
                Vec::new()
            }
            Happened::OtherHalfEnded => {
                self.part(Reason::OtherHalf);
                Vec::new()
            }
            Happened::Doubted => self.session.handle(Input::Doubted, now()),
            Happened::Wrote(Ok(octets)) if octets > 0 => {
                self.unflushed = true;
                self.session.handle(Input::Wrote(octets), now())
            }
            Happened::Flushed => {
                self.unflushed = false;
                Vec::new()
            }
            Happened::Wrote(_) => {
                self.write_failed_until = Some(Instant::now() + LAST_ANSWERS);
                Vec::new()
            }
            Happened::Delivered(done) => self.delivered(done),
            Happened::Asked(submission) => self.asked(submission),
            Happened::Read(Ok(octets)) if octets > 0 => self.session.handle(Input::Received(&buffer[..octets]), now()),
            Happened::Read(Ok(_)) => self.session.handle(Input::Lost, now()),
            Happened::Read(Err(error)) => self.session.handle(of_read_error(&error), now()),
        };
        outputs.extend(self.what_time_asks_for());
        let end = self.perform(outputs);
        if self.bound_at.is_some() && !self.session.is_bound() {
            self.withdraw();
        }
        end
    }

    async fn next(&mut self, buffer: &mut [u8]) -> Happened {
        let to_write = self.session.to_write(now()).filter(|_| self.write_failed_until.is_none());
        if to_write.is_none() && !self.unflushed {
            self.unwritten.clear();
        }
        let deadlines = [
            self.session.next_deadline().map(Instant::from_std),
            self.deliveries.give_up_at().filter(|_| self.parting.is_none()),
            self.deliveries.again_at().filter(|_| self.parting.is_none()),
            self.parting.as_ref().filter(|parting| !parting.is_said).map(|parting| parting.until),
            self.write_failed_until,
            Some(Instant::now() + PULSE),
        ];
        let deadline = deadlines.into_iter().flatten().min().expect("there is a pulse");
        tokio::select! {
            biased;
            () = sleep_until(deadline) => Happened::TimePassed,
            // Ahead of the socket: what was recalled before now does not go on.
            Some(recalled) = self.recalls.next() => Happened::Recalled(recalled),
            () = self.link.stop.cancelled(), if !self.is_stopping() => Happened::ToldToStop,
            () = self.halves.over(), if !self.is_withdrawn => Happened::OtherHalfEnded,
            () = self.halves.doubted() => Happened::Doubted,
            () = self.given_back.notified(), if self.parting.is_some() => Happened::PlacesGivenBack,
            written = write(&mut self.writer, to_write.as_ref()), if to_write.is_some() || self.unflushed => written,
            // A text that consent let through ahead of a STOP is written ahead of the answer to that STOP.
            Some(submission) = self.submissions.recv() => Happened::Asked(submission),
            Some(done) = self.deliveries.next() => Happened::Delivered(done),
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
        if self.parting.is_none() {
            if passed(self.deliveries.give_up_at()) {
                self.deliveries.gave_up(instant);
                self.part(Reason::NotTaken);
            } else {
                self.deliveries.offer_again(instant);
            }
        }
        let is_drained = self.is_drained();
        if let Some(parting) = self.parting.as_mut().filter(|parting| !parting.is_said)
            && (is_drained || parting.until <= instant)
        {
            parting.is_said = true;
            return self.session.handle(Input::Unbind(parting.reason), now());
        }
        Vec::new()
    }

    /// Grants no more places, and parts from the carrier once what is under way is answered.
    fn part(&mut self, reason: Reason) {
        let until = Instant::now() + DRAIN;
        let is_said = self.parting.as_ref().is_some_and(|parting| parting.is_said);
        self.parting = Some(Parting { reason, until, is_said });
        self.withdraw();
    }

    /// Whether this process had no turn for so long that what it reads may be known elsewhere.
    fn stood_still(&mut self) -> bool {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.turned_at, now)) > STANDSTILL
    }

    /// Whether what the carrier delivers is left unanswered, so that it brings it again to whoever binds next.
    fn leaves_deliveries(&self) -> bool {
        self.parting.as_ref().is_some_and(|parting| matches!(parting.reason, Reason::Stopped | Reason::StoodStill))
    }

    fn is_stopping(&self) -> bool {
        self.parting.as_ref().is_some_and(|parting| parting.reason == Reason::Stopped)
    }

    /// Whether nothing is under way: a place that was granted may still be used, and its text is already `sending`. Where the
    /// store is well, what was delivered is waited for as well.
    fn is_drained(&self) -> bool {
        let places_are_back = self.places.available_permits() == self.link.config.window;
        let reason = self.parting.as_ref().map(|parting| parting.reason);
        let settles = matches!(reason, Some(Reason::Stopped | Reason::OtherHalf | Reason::StoodStill));
        places_are_back && self.session.is_idle() && (self.deliveries.is_idle() || !settles)
    }

    fn asked(&mut self, submission: Submission) -> Vec<Output> {
        let Submission { segments, write_by, recalled, permit, answer } = submission;
        self.tokens += 1;
        let token = Token(self.tokens);
        let (until_over, over) = oneshot::channel();
        self.asked.insert(token, Asked { answer, room: Some(permit), _over: until_over });
        self.recalls.push(Box::pin(async move {
            tokio::select! {
                biased;
                () = recalled.cancelled() => Some(token),
                _ = over => None,
            }
        }));
        let answer_by = now() + self.link.config.response_timeout;
        let submit = Submit { token, segments, write_by: write_by.into_std(), answer_by };
        self.session.handle(Input::Submit(submit), now())
    }

    fn delivered(&mut self, done: Done) -> Vec<Output> {
        let result = match done.result {
            Ok(()) if done.command_status == status::ROK => "taken",
            Ok(()) => "malformed",
            Err(_) => "not_taken",
        };
        let name = self.link.config.name.clone();
        metrics::counter!("assent_deliver_total", "link" => name, "result" => result).increment(1);
        match done.result {
            Ok(()) => {
                let Done { request, command_status, id, late, .. } = done;
                match self.parting.as_ref().map(|parting| parting.reason) {
                    // The carrier may have given up waiting, and brought it to another daemon, long before this.
                    Some(Reason::StoodStill) => late.into_iter().for_each(|late| self.deliveries.tell_late(late)),
                    Some(_) | None => self.unwritten.extend(late),
                }
                self.session.handle(Input::Answer { to: request, command_status, id }, now())
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
                Output::Alert(frame) => self.alert(&frame),
                Output::Answered { token, answer } => self.answered(token, answer),
                Output::Late(token) => {
                    if let Some(asked) = self.asked.get_mut(&token) {
                        asked.room = None;
                    }
                }
                Output::Part(reason) if self.parting.is_none() => self.part(reason),
                Output::Part(_) => {}
                Output::Stray => self.link.count_stray(),
                Output::Closed(reason) => end = Some(reason),
            }
        }
        if self.bound_at.is_some() && self.session.is_bound() && self.half.sends() {
            let in_use = self.link.config.window.saturating_sub(self.places.available_permits());
            if self.reported.replace(in_use) != Some(in_use) {
                self.link.report_window(in_use);
            }
        }
        end
    }

    fn bound(&mut self) {
        self.bound_at = Some(Instant::now());
        info!(link = self.link.config.name, half = ?self.half, "bound");
        if self.parting.is_none() {
            let (places, given_back) = (Arc::clone(&self.places), Arc::clone(&self.given_back));
            let gate = Gate { places, given_back, submissions: self.submit.clone(), side: self.side };
            self.halves.stands(self.half, gate, self.link);
        }
    }

    /// No more places in this session, nor in the link that it is a half of.
    fn withdraw(&mut self) {
        if !self.is_withdrawn {
            self.is_withdrawn = true;
            self.halves.end(self.link);
        }
    }

    fn hand(&mut self, delivered: &Delivered) {
        if self.leaves_deliveries() {
            return;
        }
        let command_status = delivered.message.as_ref().err().map_or(status::ROK, |malformed| malformed.command_status);
        let id = DeliveryId(getrandom::u64().expect("the operating system has random numbers"));
        let mut delivery =
            translate::delivery(delivered, id, self.link.clock.now(), self.sessions, &self.link.config.profile.dialect);
        if let Delivery::Receipt { receipt, .. } = &mut delivery {
            self.link.learn_spelling(receipt);
        }
        let (request, came_at) = (delivered.frame.request(), self.turned_at);
        self.deliveries.hand(Handed { request, command_status, id, delivery, came_at });
    }

    /// Passes on that a phone can be reached again; one that says nothing of use has no answer either.
    fn alert(&mut self, frame: &Frame) {
        let Some(delivery) = translate::alert(frame).filter(|_| !self.leaves_deliveries()) else { return };
        let (request, came_at) = (frame.request(), self.turned_at);
        // What has no answer is not called anything.
        let id = DeliveryId(0);
        self.deliveries.hand(Handed { request, command_status: status::ROK, id, delivery, came_at });
    }

    fn answered(&mut self, token: Token, answer: Answer) {
        if let Answer::Refused { command_status, .. } = answer
            && self.link.config.profile.refusals.throttles(command_status)
        {
            self.link.slow_down();
        }
        self.link.count_submit(&answer);
        self.link.learn_ids(&answer);
        if let Some(asked) = self.asked.remove(&token) {
            // Whoever asked may have gone; the answer is the conversation's to miss.
            let _ = asked.answer.send(answer);
        }
    }
}

/// Gives the socket what it takes, unless it is too late for the first octet by the time it takes any. What TLS kept of
/// earlier octets goes first: nothing is given to it that the socket would not be offered at once.
async fn write(writer: &mut (impl AsyncWrite + Unpin), to_write: Option<&ToWrite>) -> Happened {
    poll_fn(|context| {
        let write_by = to_write.and_then(|to_write| to_write.write_by);
        if write_by.is_some_and(|write_by| write_by < now()) {
            return Poll::Ready(Happened::TooLateToWrite);
        }
        if let Err(error) = ready!(Pin::new(&mut *writer).poll_flush(context)) {
            return Poll::Ready(Happened::Wrote(Err(error)));
        }
        let Some(ToWrite { octets, .. }) = to_write else { return Poll::Ready(Happened::Flushed) };
        Pin::new(&mut *writer).poll_write(context, octets).map(Happened::Wrote)
    })
    .await
}

/// The time as the session reads it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

#[cfg(test)]
mod tests;
