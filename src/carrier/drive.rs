//! One session on its socket: tells the [`Session`] what happened there, and does what follows.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf, WriteHalf};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::deliveries::{Deliveries, Done, Handed};
use super::frame::status;
use super::link::{Gate, Link, LinkState, Permit, Submission};
use super::session::{Delivered, Input, Output, Reason, Session, Settings, ToWrite};
use super::translate::{self, Sessions};
use super::window::{Submit, Token};
use crate::domain::Answer;

/// How long the window may take to drain at the end, and what was delivered to become durable.
const DRAIN: Duration = Duration::from_secs(10);
/// How long answers are still read once the socket takes nothing more.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
const READ_OCTETS: usize = 8 * 1024;

/// A session and its socket.
pub(super) struct Drive<'a, S> {
    link: &'a Link,
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
    /// Set once no more places are granted.
    parting: Option<Parting>,
    /// Set once the socket takes nothing more: answers are read until then.
    write_failed_until: Option<Instant>,
    /// What was last said about the window.
    reported: Option<usize>,
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

/// How a session came to its end.
pub(super) struct Ended {
    pub why: Why,
    pub bound_for: Option<Duration>,
    /// Set if the carrier delivered something: until then an answer of ours may have been lost.
    pub at: Option<Timestamp>,
}

/// Why there is no session.
pub(super) enum Why {
    NoConnection(String),
    Session(Reason),
}

/// What the socket, the store, the conversations or the clock did.
enum Happened {
    TimePassed,
    Recalled(Option<Token>),
    ToldToStop,
    PlacesGivenBack,
    Wrote(std::io::Result<usize>),
    TooLateToWrite,
    Delivered(Done),
    Asked(Submission),
    Read(std::io::Result<usize>),
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Drive<'a, S> {
    pub fn new(link: &'a Link, stream: S, settings: Settings, earlier_session_ended: Option<Timestamp>) -> Self {
        let (submit, submissions) = mpsc::channel(settings.window);
        let (reader, writer) = tokio::io::split(stream);
        Self {
            link,
            reader,
            writer,
            places: Arc::new(Semaphore::new(settings.window)),
            given_back: Arc::default(),
            session: Session::connected(settings, now()),
            deliveries: Deliveries::new(Arc::clone(&link.reception), Arc::clone(&link.patience)),
            sessions: Sessions { began: link.clock.now(), earlier_ended: earlier_session_ended },
            submissions,
            submit,
            asked: HashMap::new(),
            recalls: FuturesUnordered::new(),
            tokens: 0,
            bound_at: None,
            parting: None,
            write_failed_until: None,
            reported: None,
        }
    }

    /// Until the session is over.
    pub async fn run(mut self) -> Ended {
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
        let bound_for = self.bound_at.map(|at| at.elapsed());
        let delivered = self.deliveries.were_any();
        self.deliveries.settle(DRAIN).await;
        // Only here: what became durable after the session must count as before its end, or it would show twice.
        let at = delivered.then(|| self.link.clock.now());
        Ended { why: Why::Session(reason), bound_for, at }
    }

    /// Waits for one thing to happen and does what follows; says why when that is the end.
    async fn turn(&mut self, buffer: &mut [u8]) -> Option<Reason> {
        let happened = self.next(buffer).await;
        let mut outputs = match happened {
            Happened::TimePassed | Happened::TooLateToWrite => self.session.handle(Input::Tick, now()),
            Happened::Recalled(Some(token)) => self.session.handle(Input::Recalled(token), now()),
            Happened::Recalled(None) | Happened::PlacesGivenBack => Vec::new(),
            Happened::ToldToStop => {
                self.part(Reason::Stopped);
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
            self.deliveries.give_up_at().filter(|_| self.parting.is_none()),
            self.parting.as_ref().filter(|parting| !parting.is_said).map(|parting| parting.until),
            self.write_failed_until,
        ];
        let deadline = deadlines.into_iter().flatten().min();
        tokio::select! {
            biased;
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Happened::TimePassed,
            // Ahead of the socket: what was recalled before now does not go on.
            Some(recalled) = self.recalls.next() => Happened::Recalled(recalled),
            () = self.link.stop.cancelled(), if !self.is_stopping() => Happened::ToldToStop,
            () = self.given_back.notified(), if self.parting.is_some() => Happened::PlacesGivenBack,
            written = write(&mut self.writer, to_write.as_ref()), if to_write.is_some() => written,
            // A text that consent let through ahead of a STOP is written ahead of the answer to that STOP.
            Some(submission) = self.submissions.recv() => Happened::Asked(submission),
            Some(done) = self.deliveries.next(Instant::now) => Happened::Delivered(done),
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
        if self.parting.is_none() && passed(self.deliveries.give_up_at()) {
            self.deliveries.gave_up(instant);
            self.part(Reason::NotTaken);
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

    fn is_stopping(&self) -> bool {
        self.parting.as_ref().is_some_and(|parting| parting.reason == Reason::Stopped)
    }

    /// Whether nothing is under way: a place that was granted may still be used, and its text is already `sending`.
    fn is_drained(&self) -> bool {
        let places_are_back = self.places.available_permits() == self.link.config.window;
        places_are_back && self.session.is_idle() && (self.deliveries.is_idle() || !self.is_stopping())
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
        if self.bound_at.is_some() && self.session.is_bound() {
            let in_use = self.link.config.window.saturating_sub(self.places.available_permits());
            if self.reported.replace(in_use) != Some(in_use) {
                self.link.report_window(in_use);
            }
        }
        end
    }

    fn bound(&mut self) {
        self.bound_at = Some(Instant::now());
        info!(link = self.link.config.name, "bound");
        self.link.report(LinkState::Bound, None);
        if self.parting.is_none() {
            let (places, given_back) = (Arc::clone(&self.places), Arc::clone(&self.given_back));
            let gate = Gate { places, given_back, submissions: self.submit.clone() };
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
        if self.is_stopping() {
            // It is not answered, so the carrier brings it again to whoever binds next.
            return;
        }
        let command_status = delivered.message.as_ref().err().map_or(status::ROK, |malformed| malformed.command_status);
        let delivery = translate::delivery(delivered, self.link.clock.now(), self.sessions);
        self.deliveries.hand(Handed { sequence: delivered.frame.sequence(), command_status, delivery });
    }

    fn answered(&mut self, token: Token, answer: Answer) {
        if let Answer::Refused { command_status: status::RTHROTTLED | status::RMSGQFUL, .. } = answer {
            self.link.pause();
        }
        self.link.count_submit(&answer);
        if let Some(asked) = self.asked.remove(&token) {
            // Whoever asked may have gone; the answer is the conversation's to miss.
            let _ = asked.answer.send(answer);
        }
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use smpp::pdus::{BindTransceiver, BindTransceiverResp, DeliverSm, SubmitSm, SubmitSmResp};
    use smpp::{CommandId, Pdu};
    use tokio::io::{AsyncWriteExt, DuplexStream};
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::carrier::LinkConfig;
    use crate::carrier::frame::{Frame, Framer, encode};
    use crate::carrier::link::LinkStatus;
    use crate::ports::{Clock, Delivery, NotTaken, Reception};

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    /// What the store does with deliveries.
    enum Store {
        Takes,
        Fails,
        FailsOnce,
        /// Takes no text from this phone.
        FailsFor(&'static str),
        Panics,
        /// Takes as many as there are permits.
        Waits(Semaphore),
    }

    struct TestReception {
        store: Store,
        begun: Mutex<Vec<Delivery>>,
    }

    #[async_trait]
    impl Reception for TestReception {
        async fn deliver(&self, delivery: Delivery) -> Result<(), NotTaken> {
            let is_from = |wanted: &str| matches!(&delivery, Delivery::Text { from, .. } if from.expose() == wanted);
            let fails = matches!(&self.store, Store::FailsFor(phone) if is_from(phone));
            let earlier = {
                let mut begun = self.begun.lock().unwrap();
                begun.push(delivery);
                begun.len() - 1
            };
            match &self.store {
                Store::FailsOnce if earlier > 0 => Ok(()),
                Store::FailsFor(_) if fails => Err(NotTaken),
                Store::Takes | Store::FailsFor(_) => Ok(()),
                Store::Fails | Store::FailsOnce => Err(NotTaken),
                Store::Panics => panic!("a test asked for this"),
                Store::Waits(permits) => {
                    permits.acquire().await.unwrap().forget();
                    Ok(())
                }
            }
        }
    }

    fn link_and(store: Store) -> (Link, Arc<TestReception>) {
        let config = LinkConfig {
            name: "test".into(),
            address: String::new(),
            system_id: "practice".into(),
            password: "secret".to_owned().into(),
            system_type: String::new(),
            window: 4,
            segments_per_second: 10_000.try_into().unwrap(),
            enquire_link: Duration::from_secs(3_600),
            response_timeout: Duration::from_secs(60),
            numbers: Vec::new(),
        };
        let reception = Arc::new(TestReception { store, begun: Mutex::default() });
        let status = watch::Sender::new(vec![LinkStatus::at_start(&config, Timestamp::UNIX_EPOCH)]);
        let stop = CancellationToken::new();
        let link = Link::new(config, 0, status, stop, Arc::clone(&reception) as _, Arc::new(Stopped));
        (link, reception)
    }

    fn drive(link: &Link, octets_on_the_way_max: usize) -> (Drive<'_, DuplexStream>, Peer) {
        let (ours, theirs) = tokio::io::duplex(octets_on_the_way_max);
        let settings = Settings {
            bind: BindTransceiver::default(),
            window: link.config.window,
            enquire_link: link.config.enquire_link,
            last_sequence: 0,
        };
        (Drive::new(link, ours, settings, None), Peer { stream: theirs, framer: Framer::default() })
    }

    /// The carrier's end.
    struct Peer {
        stream: DuplexStream,
        framer: Framer,
    }

    impl Peer {
        /// The next PDU; `None` when the other end is gone.
        async fn hears(&mut self) -> Option<Frame> {
            loop {
                if let Some(frame) = self.framer.next_frame().unwrap() {
                    return Some(frame);
                }
                let mut octets = [0; 64];
                let read = self.stream.read(&mut octets).await.unwrap();
                if read == 0 {
                    return None;
                }
                self.framer.push(&octets[..read]);
            }
        }

        async fn says(&mut self, sequence: u32, pdu: impl Into<Pdu>) {
            self.stream.write_all(&encode(status::ROK, sequence, pdu.into())).await.unwrap();
        }

        async fn binds(&mut self) {
            let bind = self.hears().await.unwrap();
            self.says(bind.sequence(), BindTransceiverResp::default()).await;
        }
    }

    fn deliver_sm(from: &str) -> DeliverSm {
        DeliverSm::builder()
            .source_addr(from.parse().unwrap())
            .destination_addr("13035550100".parse().unwrap())
            .esm_class(smpp::values::EsmClass::from(0))
            .build()
    }

    fn in_two_seconds() -> Instant {
        Instant::now() + Duration::from_secs(2)
    }

    fn why(ended: &Ended) -> Reason {
        match &ended.why {
            Why::Session(reason) => *reason,
            Why::NoConnection(error) => panic!("{error}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_of_which_the_kernel_did_not_take_a_whole_pdu_is_not_sent() {
        let whole = encode(status::ROK, 2, SubmitSm::default().into()).len();
        for octets in 1..=whole {
            let (link, _) = link_and(Store::Takes);
            let (drive, mut peer) = drive(&link, octets);
            let carrier = async {
                peer.binds().await;
                let room = link.room(1).await.unwrap();
                let submit = room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
                let cut = async {
                    // Long enough for every octet that fits to be written, and no more.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    drop(peer);
                };
                tokio::join!(submit, cut).0
            };
            let (ended, answer) = tokio::join!(drive.run(), carrier);
            let expected = if octets < whole { Answer::NotSent } else { Answer::Unknown };
            assert_eq!(answer, expected, "the kernel took {octets} of {whole} octets");
            assert_eq!(why(&ended), Reason::Lost);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_that_waited_too_long_for_the_socket_does_not_leave_after_all() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 20);
        let carrier = async {
            peer.binds().await;
            let first = link.room(1).await.unwrap().submit(
                vec![SubmitSm::default()],
                in_two_seconds(),
                CancellationToken::new(),
            );
            let second = link.room(1).await.unwrap().submit(
                vec![SubmitSm::default()],
                in_two_seconds(),
                CancellationToken::new(),
            );
            let slow = async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                let submit = peer.hears().await.unwrap();
                peer.says(submit.sequence(), SubmitSmResp::default()).await;
                peer.says(9, Pdu::Unbind).await;
                peer.hears().await.map(|frame| frame.id())
            };
            tokio::join!(first, second, slow)
        };
        let (ended, (first, second, next)) = tokio::join!(drive.run(), carrier);
        assert!(matches!(first, Answer::Taken { .. }), "its first octets were in time: {first:?}");
        assert_eq!(second, Answer::NotSent);
        assert_eq!(next, Some(CommandId::UnbindResp), "the second text never came");
        assert_eq!(why(&ended), Reason::PeerUnbound);
    }

    #[tokio::test(start_paused = true)]
    async fn a_patients_stop_keeps_the_rest_of_a_text_from_following_its_first_segment() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 20);
        let carrier = async {
            peer.binds().await;
            let (begun, queued) = (CancellationToken::new(), CancellationToken::new());
            let long = link.room(3).await.unwrap();
            let long = long.submit(vec![SubmitSm::default(); 3], in_two_seconds(), begun.clone());
            let short = link.room(1).await.unwrap();
            let short = short.submit(vec![SubmitSm::default()], in_two_seconds(), queued.clone());
            let stop = async {
                // Long enough for what the socket takes of the first segment.
                tokio::time::sleep(Duration::from_millis(100)).await;
                begun.cancel();
                queued.cancel();
                let first = peer.hears().await.unwrap();
                peer.says(first.sequence(), SubmitSmResp::default()).await;
                peer.says(9, Pdu::Unbind).await;
                peer.hears().await.map(|frame| frame.id())
            };
            tokio::join!(long, short, stop)
        };
        let (_, (long, short, next)) = tokio::join!(drive.run(), carrier);
        assert_eq!((long, short), (Answer::PartlyTaken, Answer::NotSent));
        assert_eq!(next, Some(CommandId::UnbindResp), "no other segment came");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_carriers_answer_settles_its_text_and_holds_up_no_other() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            let room = link.room(4).await.unwrap();
            let submit = room.submit(vec![SubmitSm::default(); 4], in_two_seconds(), CancellationToken::new());
            let slow = async {
                let started = Instant::now();
                assert!(link.room(4).await.is_some());
                assert_eq!(started.elapsed(), link.config.response_timeout, "the window is free again");
                tokio::time::sleep(Duration::from_secs(600)).await;
                for _ in 0..4 {
                    let segment = peer.hears().await.unwrap();
                    peer.says(segment.sequence(), SubmitSmResp::default()).await;
                }
                peer
            };
            tokio::join!(submit, slow)
        };
        let (_, answer) = tokio::join!(drive.run(), async { carrier.await.0 });
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_store_takes_nothing_the_carrier_hears_nothing_and_is_left() {
        for store in [Store::Fails, Store::Panics] {
            let (link, _) = link_and(store);
            let (drive, mut peer) = drive(&link, 1_024);
            let started = Instant::now();
            let carrier = async {
                peer.binds().await;
                peer.says(1, deliver_sm("13035550123")).await;
                let unbind = peer.hears().await.unwrap();
                assert_eq!(unbind.id(), CommandId::Unbind);
                peer.says(unbind.sequence(), Pdu::UnbindResp).await;
                assert_eq!(peer.hears().await, None);
            };
            let (ended, ()) = tokio::join!(drive.run(), carrier);
            assert_eq!(why(&ended), Reason::NotTaken);
            assert_eq!(started.elapsed().as_secs(), 5);
            assert!(ended.at.is_some(), "what was not answered will come again");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_takes_no_delivery_does_not_make_a_text_on_its_way_unknown() {
        let (link, _) = link_and(Store::Fails);
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let carrier = async {
            peer.binds().await;
            let room = link.room(1).await.unwrap();
            let submit = room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
            let slow = async {
                let text = peer.hears().await.unwrap();
                peer.says(1, deliver_sm("13035550123")).await;
                tokio::time::sleep(Duration::from_secs(7)).await;
                let another = tokio::time::timeout(Duration::ZERO, link.room(1)).await;
                assert!(another.is_err(), "no more places are granted");
                peer.says(text.sequence(), SubmitSmResp::default()).await;
                assert_eq!(peer.hears().await.unwrap().id(), CommandId::Unbind);
                assert_eq!(started.elapsed().as_secs(), 7);
                drop(peer);
            };
            tokio::join!(submit, slow).0
        };
        let (ended, answer) = tokio::join!(drive.run(), carrier);
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        assert_eq!(why(&ended), Reason::NotTaken);
    }

    #[tokio::test(start_paused = true)]
    async fn a_carrier_that_forgot_our_bind_is_bound_again_and_the_other_texts_are_answered() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            let submit = async |link: &Link| {
                let room = link.room(1).await.unwrap();
                room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new()).await
            };
            let forgetful = async {
                let (first, second) = (peer.hears().await.unwrap(), peer.hears().await.unwrap());
                let refusal = encode(status::RINVBNDSTS, first.sequence(), SubmitSmResp::default().into());
                peer.stream.write_all(&refusal).await.unwrap();
                peer.says(second.sequence(), SubmitSmResp::default()).await;
                assert_eq!(peer.hears().await.unwrap().id(), CommandId::Unbind);
                drop(peer);
            };
            tokio::join!(submit(&link), submit(&link), forgetful)
        };
        let (ended, (first, second, ())) = tokio::join!(drive.run(), carrier);
        let expected = Answer::Refused { command_status: status::RINVBNDSTS, retry: crate::domain::Retry::WhenReady };
        assert_eq!(first, expected);
        assert!(matches!(second, Answer::Taken { .. }), "{second:?}");
        assert_eq!(why(&ended), Reason::NotBoundThere);
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_was_not_taken_does_not_come_after_the_stop_that_followed_it() {
        let (link, reception) = link_and(Store::FailsOnce);
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let carrier = async {
            peer.binds().await;
            for (sequence, phone) in [(1, "13035550123"), (2, "13035550123"), (3, "13035550177")] {
                peer.says(sequence, deliver_sm(phone)).await;
            }
            let answer = peer.hears().await.unwrap();
            assert_eq!((answer.id(), answer.sequence()), (CommandId::DeliverSmResp, 3), "only the other patient's");
            assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::Unbind));
            assert_eq!(started.elapsed().as_secs(), 30, "both come again, in order, after the next bind");
            drop(peer);
        };
        let (ended, ()) = tokio::join!(drive.run(), carrier);
        assert_eq!(why(&ended), Reason::NotTaken);
        assert_eq!(reception.begun.lock().unwrap().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_that_was_let_through_before_a_stop_is_written_before_the_answer_to_it() {
        let (link, reception) = link_and(Store::Waits(Semaphore::new(0)));
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            peer.says(1, deliver_sm("13035550123")).await;
            let room = link.room(1).await.unwrap();
            while reception.begun.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            // Both are ready when the session is looked at the next time.
            let Store::Waits(permits) = &reception.store else { unreachable!() };
            permits.add_permits(1);
            let _answered = room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
            assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::SubmitSm));
            assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::DeliverSmResp));
            drop(peer);
        };
        tokio::join!(drive.run(), carrier);
    }

    #[tokio::test(start_paused = true)]
    async fn one_unreadable_conversation_is_borne_longer_each_time_it_ended_a_session() {
        let (link, reception) = link_and(Store::FailsFor("+13035550123"));
        for seconds in [30, 60, 120] {
            let (drive, mut peer) = drive(&link, 1_024);
            let started = Instant::now();
            let carrier = async {
                peer.binds().await;
                for (sequence, phone) in [(1, "13035550123"), (2, "13035550177")] {
                    peer.says(sequence, deliver_sm(phone)).await;
                }
                assert_eq!(peer.hears().await.unwrap().sequence(), 2, "only the other patient's");
                assert_eq!(peer.hears().await.map(|frame| frame.id()), Some(CommandId::Unbind));
                drop(peer);
            };
            let (ended, ()) = tokio::join!(drive.run(), carrier);
            assert_eq!(why(&ended), Reason::NotTaken);
            assert_eq!(started.elapsed().as_secs(), seconds);
        }
        assert_eq!(reception.begun.lock().unwrap().len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreadable_text_is_kept_for_a_person_before_it_is_refused() {
        let (link, reception) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            let headless = [16_u32, 5, 0, 77].map(u32::to_be_bytes).concat();
            peer.stream.write_all(&headless).await.unwrap();
            let answer = peer.hears().await.unwrap();
            assert_eq!((answer.status(), answer.sequence()), (status::RINVCMDLEN, 77));
            drop(peer);
        };
        tokio::join!(drive.run(), carrier);
        let begun = reception.begun.lock().unwrap();
        let [Delivery::Unroutable(letter)] = begun.as_slice() else { panic!("{begun:?}") };
        assert_eq!(letter.raw.len(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_store_slows_the_carrier_down_instead_of_filling_memory() {
        const SENT: u32 = 1_000;
        let (link, reception) = link_and(Store::Waits(Semaphore::new(0)));
        let (drive, mut peer) = drive(&link, 512);
        let carrier = async {
            peer.binds().await;
            let (mut reader, mut writer) = tokio::io::split(peer.stream);
            let sent = Cell::new(0);
            let send = async {
                for sequence in 1..=SENT {
                    sent.set(sequence);
                    let phone = format!("1303555{sequence:04}");
                    let pdu = encode(status::ROK, sequence, deliver_sm(&phone).into());
                    writer.write_all(&pdu).await.unwrap();
                }
            };
            let answers = async {
                // Until nothing moves any more.
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(reception.begun.lock().unwrap().len(), 64);
                assert!(sent.get() < 300, "{} texts were read", sent.get());
                let Store::Waits(permits) = &reception.store else { unreachable!() };
                permits.add_permits(SENT as usize);
                let mut octets = vec![0; 17 * SENT as usize];
                reader.read_exact(&mut octets).await.unwrap();
            };
            tokio::join!(send, answers);
        };
        tokio::join!(drive.run(), carrier);
        assert_eq!(reception.begun.lock().unwrap().len(), SENT as usize);
    }

    #[tokio::test(start_paused = true)]
    async fn a_carrier_that_is_too_busy_gets_a_second_of_rest() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let carrier = async {
            peer.binds().await;
            let submit = link.room(1).await.unwrap().submit(
                vec![SubmitSm::default()],
                in_two_seconds(),
                CancellationToken::new(),
            );
            let refuse = async {
                let submit = peer.hears().await.unwrap();
                let refusal = encode(status::RTHROTTLED, submit.sequence(), SubmitSmResp::default().into());
                peer.stream.write_all(&refusal).await.unwrap();
            };
            tokio::join!(submit, refuse);
            let refused = Instant::now();
            assert!(link.room(1).await.is_some());
            assert_eq!(refused.elapsed().as_secs(), 1);
            drop(peer);
        };
        tokio::join!(drive.run(), carrier);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_waits_for_a_text_whose_place_was_granted_and_whose_commit_is_under_way() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let second = Duration::from_secs(1);
        let carrier = async {
            peer.binds().await;
            let (used, unused) = (link.room(1).await.unwrap(), link.room(1).await.unwrap());
            link.stop.cancel();
            let submit = async {
                tokio::time::sleep(second).await;
                used.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new()).await
            };
            let give_back = async {
                tokio::time::sleep(3 * second).await;
                drop(unused);
            };
            let parts = async {
                let text = peer.hears().await.unwrap();
                peer.says(text.sequence(), SubmitSmResp::default()).await;
                assert_eq!(peer.hears().await.unwrap().id(), CommandId::Unbind);
                assert_eq!(started.elapsed(), 3 * second, "as soon as the last place is back");
                drop(peer);
            };
            tokio::join!(submit, give_back, parts).0
        };
        let (ended, answer) = tokio::join!(drive.run(), carrier);
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        assert_eq!(why(&ended), Reason::Stopped);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_for_ever_for_a_place_that_nobody_uses() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let carrier = async {
            peer.binds().await;
            let unused = link.room(1).await.unwrap();
            link.stop.cancel();
            assert_eq!(peer.hears().await.unwrap().id(), CommandId::Unbind);
            assert_eq!(started.elapsed(), DRAIN);
            drop(peer);
            unused
        };
        let (_, unused) = tokio::join!(drive.run(), carrier);
        let answer = unused.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new()).await;
        assert_eq!(answer, Answer::NotSent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shutdown_does_not_wait_for_ever_for_a_silent_carrier() {
        let (link, _) = link_and(Store::Takes);
        let (drive, mut peer) = drive(&link, 1_024);
        let started = Instant::now();
        let carrier = async {
            peer.binds().await;
            let submit = link.room(1).await.unwrap().submit(
                vec![SubmitSm::default()],
                in_two_seconds(),
                CancellationToken::new(),
            );
            let silent = async {
                peer.hears().await.unwrap();
                link.stop.cancel();
                assert_eq!(peer.hears().await.unwrap().id(), CommandId::Unbind);
                assert_eq!(started.elapsed(), DRAIN);
                assert!(link.room(1).await.is_none());
                assert_eq!(peer.hears().await, None);
            };
            tokio::join!(submit, silent).0
        };
        let (ended, answer) = tokio::join!(drive.run(), carrier);
        assert_eq!((why(&ended), answer), (Reason::Stopped, Answer::Unknown));
        assert_eq!(started.elapsed(), DRAIN + Duration::from_secs(5));
    }
}
