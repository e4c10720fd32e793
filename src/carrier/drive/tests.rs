//! One session against a peer on an in-memory pipe, in time that stands still until it is waited for.

use std::cell::Cell;
use std::sync::Mutex;

use async_trait::async_trait;
use smpp::pdus::{BindTransceiverResp, DeliverSm, SubmitSm, SubmitSmResp};
use smpp::{CommandId, Pdu};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::carrier::bind::{Account, BindKind, Opening};
use crate::carrier::frame::{Frame, Framer, encode};
use crate::carrier::link::LinkStatus;
use crate::carrier::room::Room;
use crate::carrier::{Binds, LinkConfig, preference};
use crate::ports::{Clock, Delivery, NotTaken, Reception};

mod halves;
mod not_taken;
mod standstill;

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
    FailsUntil(Instant),
    TakesWithin(Duration),
    /// Takes no text from this phone.
    FailsFor(&'static str),
    Panics,
    /// Takes as many as there are permits.
    Waits(Semaphore),
}

struct TestReception {
    store: Store,
    begun: Mutex<Vec<Delivery>>,
    /// The ends of sessions that were told.
    ended: Mutex<Vec<Timestamp>>,
}

#[async_trait]
impl Reception for TestReception {
    async fn deliver(&self, delivery: Delivery, _: Instant) -> Result<(), NotTaken> {
        let is_from = |wanted: &str| matches!(&delivery, Delivery::Text { from, .. } if from.expose() == wanted);
        let fails = matches!(&self.store, Store::FailsFor(phone) if is_from(phone));
        self.begun.lock().unwrap().push(delivery);
        match &self.store {
            Store::FailsUntil(until) if Instant::now() >= *until => Ok(()),
            Store::FailsFor(_) if fails => Err(NotTaken),
            Store::Takes | Store::FailsFor(_) => Ok(()),
            Store::TakesWithin(time) => {
                tokio::time::sleep(*time).await;
                Ok(())
            }
            Store::Fails | Store::FailsUntil(_) => Err(NotTaken),
            Store::Panics => panic!("a test asked for this"),
            Store::Waits(permits) => {
                permits.acquire().await.unwrap().forget();
                Ok(())
            }
        }
    }

    async fn session_ended(&self, at: Timestamp) {
        self.ended.lock().unwrap().push(at);
    }
}

impl TestReception {
    /// How often a text was offered.
    fn texts(&self) -> usize {
        let begun = self.begun.lock().unwrap();
        begun.iter().filter(|delivery| matches!(delivery, Delivery::Text { .. })).count()
    }
}

fn link_and(store: Store) -> (Link, Arc<TestReception>) {
    let config = LinkConfig {
        name: "test".into(),
        address: String::new(),
        tls: None,
        system_id: "practice".into(),
        password: "secret".to_owned().into(),
        system_type: String::new(),
        bind: Binds::Transceiver,
        window: 4,
        segments_per_second: 10_000.try_into().unwrap(),
        enquire_link: Duration::from_secs(3_600),
        response_timeout: Duration::from_secs(60),
        numbers: Vec::new(),
        profile: Arc::default(),
        priority: 0,
    };
    let reception = Arc::new(TestReception { store, begun: Mutex::default(), ended: Mutex::default() });
    let status = watch::Sender::new(vec![LinkStatus::at_start(&config, Timestamp::UNIX_EPOCH)]);
    let stop = CancellationToken::new();
    let link = Link::new(config, 0, status, stop, Arc::clone(&reception) as _, Arc::new(Stopped));
    (link, reception)
}

impl Link {
    async fn room(&self, segments: u32) -> Option<Room> {
        preference::room(&[self], segments).await
    }
}

fn drive(link: &Link, octets_on_the_way_max: usize) -> (Drive<'_, DuplexStream>, Peer) {
    let (ours, theirs) = tokio::io::duplex(octets_on_the_way_max);
    let halves = Box::leak(Box::default());
    let settings = Settings {
        opening: Opening::Ask { kind: BindKind::Transceiver, account: Account::default() },
        window: link.config.window,
        refusals: link.config.profile.refusals.clone(),
        enquire_link: link.config.enquire_link,
        last_sequence: 0,
    };
    (Drive::new(link, halves, ours, settings, None), Peer { stream: theirs, framer: Framer::default() })
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
        other => panic!("{other}"),
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
        let (ended, answer) = tokio::join!(drive.run(&[]), carrier);
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
        let first =
            link.room(1).await.unwrap().submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
        let second =
            link.room(1).await.unwrap().submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
        let slow = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let submit = peer.hears().await.unwrap();
            peer.says(submit.sequence(), SubmitSmResp::default()).await;
            peer.says(9, Pdu::Unbind).await;
            peer.hears().await.map(|frame| frame.id())
        };
        tokio::join!(first, second, slow)
    };
    let (ended, (first, second, next)) = tokio::join!(drive.run(&[]), carrier);
    assert!(matches!(first, Answer::Taken { .. }), "its first octets were in time: {first:?}");
    assert_eq!(second, Answer::NotSent);
    assert_eq!(next, Some(CommandId::UnbindResp), "the second text never came");
    assert_eq!(why(&ended), Reason::PeerUnbound);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_stops_reading_is_left_within_ten_seconds() {
    let (link, _) = link_and(Store::Takes);
    let (drive, mut peer) = drive(&link, 20);
    let carrier = async {
        peer.binds().await;
        let room = link.room(1).await.unwrap();
        let answer = room.submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new()).await;
        (answer, peer)
    };
    let started = Instant::now();
    let (ended, (answer, _peer)) = tokio::join!(drive.run(&[]), carrier);
    assert_eq!((why(&ended), answer), (Reason::WriteStalled, Answer::NotSent));
    assert!(started.elapsed() <= Duration::from_secs(10) + CLOSE, "{:?}", started.elapsed());
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
    let (_, (long, short, next)) = tokio::join!(drive.run(&[]), carrier);
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
    let (_, answer) = tokio::join!(drive.run(&[]), async { carrier.await.0 });
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
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
    let (ended, (first, second, ())) = tokio::join!(drive.run(&[]), carrier);
    let expected = Answer::Refused { command_status: status::RINVBNDSTS, retry: crate::domain::Retry::WhenReady };
    assert_eq!(first, expected);
    assert!(matches!(second, Answer::Taken { .. }), "{second:?}");
    assert_eq!(why(&ended), Reason::NotBoundThere);
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
    tokio::join!(drive.run(&[]), carrier);
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
    tokio::join!(drive.run(&[]), carrier);
    let begun = reception.begun.lock().unwrap();
    let [Delivery::Unroutable(letter)] = begun.as_slice() else { panic!("{begun:?}") };
    assert_eq!(letter.raw.len(), 16);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_is_told_while_what_it_brought_is_still_being_written_down() {
    let (link, reception) = link_and(Store::Waits(Semaphore::new(0)));
    let (drive, mut peer) = drive(&link, 1_024);
    let carrier = async {
        peer.binds().await;
        peer.says(1, deliver_sm("13035550123")).await;
        while reception.begun.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        drop(peer);
        while reception.ended.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let Store::Waits(permits) = &reception.store else { unreachable!() };
        permits.add_permits(1);
    };
    let (ended, ()) = tokio::join!(drive.run(&[]), carrier);
    assert!(
        ended.at.is_some(),
        "and again when it is: what became durable after the first end was not answered either"
    );
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
    tokio::join!(drive.run(&[]), carrier);
    assert_eq!(reception.begun.lock().unwrap().len(), SENT as usize);
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_is_too_busy_gets_a_second_of_rest() {
    let (link, _) = link_and(Store::Takes);
    let (drive, mut peer) = drive(&link, 1_024);
    let carrier = async {
        peer.binds().await;
        let submit =
            link.room(1).await.unwrap().submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
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
    tokio::join!(drive.run(&[]), carrier);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_while_a_carrier_rests_goes_in_the_order_in_which_they_came() {
    let (link, _) = link_and(Store::Takes);
    let (drive, mut peer) = drive(&link, 1_024);
    let carrier = async {
        peer.binds().await;
        link.slow_down();
        let started = Instant::now();
        let order = Mutex::new(Vec::new());
        let wait = async |name| {
            let room = link.room(1).await;
            order.lock().unwrap().push(name);
            room
        };
        // Asks in this order, whatever is ready.
        let rooms = futures_util::future::join_all([1, 2, 3, 4].map(wait)).await;
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4]);
        assert_eq!(started.elapsed().as_secs(), 1);
        drop((rooms, peer));
    };
    tokio::join!(drive.run(&[]), carrier);
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
    let (ended, answer) = tokio::join!(drive.run(&[]), carrier);
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
    let (_, unused) = tokio::join!(drive.run(&[]), carrier);
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
        let submit =
            link.room(1).await.unwrap().submit(vec![SubmitSm::default()], in_two_seconds(), CancellationToken::new());
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
    let (ended, answer) = tokio::join!(drive.run(&[]), carrier);
    assert_eq!((why(&ended), answer), (Reason::Stopped, Answer::Unknown));
    assert_eq!(started.elapsed(), DRAIN + Duration::from_secs(5));
}
