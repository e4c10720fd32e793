//! Links and a simulated carrier, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/tls.rs"]
#[allow(dead_code)]
mod tls;
#[path = "support/wire.rs"]
#[allow(dead_code)]
mod wire;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent::carrier::profile::{Concatenation, Profile};
use assent::carrier::refusal::Refusals;
use assent::carrier::translate::Dialect;
use assent::carrier::{LinkConfig, LinkState, LinkStatus, Links};
use assent::domain::text::DefaultAlphabet;
use assent::domain::{Answer, Likeness, Phone, ReceiptState, Retry};
use assent::ports::{Carrier, CarrierClosed, Clock, Delivery};
use assent::simulator::{Faults, Ids, Receipts, Simulator, SimulatorConfig, WireDirection, WireEntry};
use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{
    PATIENT, PRACTICE, TestClock, TestReception, Wire, carrier_on, cleared, clock, count, in_two_seconds, link_to,
};

#[tokio::test]
async fn a_text_reaches_the_phone_and_its_receipt_comes_back() {
    let mut wire = Wire::start().await;
    let answer = wire.submit("See you at 3 tomorrow.").await;
    let Answer::Taken { ids } = answer else { panic!("{answer:?}") };
    let shown = wire.carrier.phone(PATIENT).wait_for_text(|text| text.text == "See you at 3 tomorrow.").await;
    assert_eq!(shown.from, PRACTICE);
    let receipt = wire.receipt().await;
    assert_eq!((receipt.carrier_id.as_ref(), receipt.state), (ids.first(), ReceiptState::Delivered));
    assert!(receipt.reference.is_some());
}

#[tokio::test]
async fn texts_go_both_ways_over_tls() {
    let authority = tls::Authority::new();
    authority.vouches("server", "IP:127.0.0.1");
    let mut wire = Wire::start_with(|config| {
        let behind = config.address.parse().unwrap();
        config.address = authority.door("server", behind).to_string();
        config.tls = Some(authority.trusted());
    })
    .await;
    let long = "Bring your insurance card. ".repeat(20);
    assert!(matches!(wire.submit(&long).await, Answer::Taken { .. }));
    wire.carrier.phone(PATIENT).wait_for_text(|text| text.text == long).await;
    for _ in 0..4 {
        wire.receipt().await;
    }
    wire.carrier.phone(PATIENT).text(PRACTICE, "STOP").await;
    assert_eq!(wire.text().await.1.text.expose(), "STOP");
}

#[tokio::test]
async fn a_patients_stop_is_acknowledged_only_once_it_is_durable() {
    let mut wire = Wire::start().await;
    wire.carrier.set_faults(Faults { receipts: Receipts::None, ..Faults::default() });
    wire.withhold();
    let phone = wire.carrier.phone(PATIENT);
    phone.send(PRACTICE, "STOP");
    let (from, inbound) = wire.text().await;
    assert_eq!((from.expose(), inbound.text.expose()), (PATIENT, "STOP"));

    // The carrier hears other things meanwhile, but not that we have it.
    assert!(matches!(wire.submit("See you").await, Answer::Taken { .. }));
    assert_eq!(count(&wire.carrier.wire_log(), "deliver_sm_resp", WireDirection::FromGateway), 0);

    wire.reception.allowed.add_permits(1);
    let answered =
        |log: &[WireEntry]| log.iter().find(|entry| entry.command == "deliver_sm_resp").map(|entry| entry.status);
    assert_eq!(wire.carrier.wait_for_wire(answered).await, 0);
}

#[tokio::test]
async fn one_patients_texts_stay_in_order_and_do_not_hold_up_another_patient() {
    let mut wire = Wire::start().await;
    wire.withhold();
    let other = "+13035550177";
    for words in ["one", "two"] {
        wire.carrier.phone(PATIENT).send(PRACTICE, words);
    }
    wire.carrier.phone(other).send(PRACTICE, "hello");
    let mut begun = Vec::new();
    for _ in 0..2 {
        let (from, inbound) = wire.text().await;
        begun.push((from.expose().to_owned(), inbound.text.expose().to_owned()));
    }
    let expected = [(PATIENT, "one"), (other, "hello")].map(|(from, text)| (from.to_owned(), text.to_owned()));
    assert_eq!(begun, expected, "the second text waits for the first");
    wire.reception.allowed.add_permits(2);
    assert_eq!(wire.text().await.1.text.expose(), "two");
}

#[tokio::test]
async fn long_texts_go_both_ways() {
    let mut wire = Wire::start().await;
    let long = "Bring your insurance card. ".repeat(20);
    let answer = wire.submit(&long).await;
    let Answer::Taken { ids } = answer else { panic!("{answer:?}") };
    assert_eq!(ids.len(), 4);
    wire.carrier.phone(PATIENT).wait_for_text(|text| text.text == long).await;
    for _ in &ids {
        wire.receipt().await;
    }

    let typed = "Мы опоздаем 🙂 ".repeat(8);
    let typing = wire.carrier.phone(PATIENT);
    let typing = typing.text(PRACTICE, &typed);
    let (_, parts) = tokio::join!(typing, async {
        let first = wire.text().await.1;
        let second = wire.text().await.1;
        [first, second]
    });
    let numbers = parts.each_ref().map(|inbound| inbound.part.map(|part| (part.number, part.total)));
    assert_eq!(numbers, [Some((1, 2)), Some((2, 2))]);
    assert_eq!(parts.iter().map(|inbound| inbound.text.expose()).collect::<String>(), typed);
}

#[tokio::test]
async fn a_long_text_reaches_the_phone_however_its_carrier_wants_it_told() {
    let long = "Bring your insurance card. ".repeat(20);
    for (concatenation, submits) in
        [(Concatenation::Udh8, 4), (Concatenation::Udh16, 4), (Concatenation::MessagePayload, 1)]
    {
        let profile = Arc::new(Profile { concatenation, ..Profile::default() });
        let wire = Wire::start_with(|config| config.profile = Arc::clone(&profile)).await;
        let answer = wire.submit(&long).await;
        let Answer::Taken { ids } = answer else { panic!("{concatenation:?}: {answer:?}") };
        assert_eq!(ids.len(), submits, "{concatenation:?}");
        wire.carrier.phone(PATIENT).wait_for_text(|text| text.text == long).await;
    }
}

#[tokio::test]
async fn a_refusal_means_what_the_carriers_profile_says() {
    let overrides = vec![(0x0B, Retry::FewTimes), (0x64, Retry::Never), (0x413, Retry::OptedOut)];
    let refusals = Refusals { overrides, ..Refusals::default() };
    let profile = Arc::new(Profile { refusals, ..Profile::default() });
    let wire = Wire::start_with(|config| config.profile = Arc::clone(&profile)).await;
    let meant = [(0x0B, Retry::FewTimes), (0x64, Retry::Never), (0x0A, Retry::Never), (0x413, Retry::OptedOut)];
    for (command_status, retry) in meant {
        wire.carrier.set_faults(Faults { refuse_with: Some(command_status), ..Faults::default() });
        assert_eq!(wire.submit("hello").await, Answer::Refused { command_status, retry });
    }
}

#[tokio::test]
async fn a_text_longer_than_the_window_goes_out_whole_and_in_order() {
    let wire = Wire::start_with(|config| config.window = 2).await;
    let long = "0123456789".repeat(70);
    let answer = wire.submit(&long).await;
    assert!(matches!(&answer, Answer::Taken { ids } if ids.len() == 5), "{answer:?}");
    let log = wire.carrier.wire_log();
    let sent: String = log.iter().filter(|entry| entry.command == "submit_sm").filter_map(|e| e.text.clone()).collect();
    assert_eq!(sent, long);
}

#[tokio::test]
async fn a_refusal_says_whether_the_text_may_be_tried_again() {
    let wire = Wire::start().await;
    for (command_status, retry) in [(0x0B, Retry::Never), (0x08, Retry::FewTimes), (0x58, Retry::WhenReady)] {
        wire.carrier.set_faults(Faults { refuse_with: Some(command_status), ..Faults::default() });
        assert_eq!(wire.submit("hello").await, Answer::Refused { command_status, retry });
    }
}

#[tokio::test]
async fn silence_is_unknown_and_not_failure() {
    let wire = Wire::start_with(|config| config.response_timeout = Duration::from_millis(50)).await;
    wire.carrier.set_faults(Faults { silent: true, receipts: Receipts::None, ..Faults::default() });
    assert_eq!(wire.submit_three("hello").await, [Answer::Unknown, Answer::Unknown, Answer::Unknown]);
    assert_eq!(wire.carrier.phone(PATIENT).texts().len(), 3, "they had gone out");
}

#[tokio::test]
async fn a_connection_lost_after_the_kernel_took_a_text_is_unknown() {
    for octets in [1, 16, 1_000] {
        let wire = Wire::start().await;
        let faults = Faults { drop_after_octets: Some(octets), receipts: Receipts::None, ..Faults::default() };
        wire.carrier.set_faults(faults);
        assert_eq!(wire.submit("hello").await, Answer::Unknown, "the carrier read {octets} octets");
        let came = if octets < 1_000 { 0 } else { 1 };
        assert_eq!(wire.carrier.phone(PATIENT).texts().len(), came);
    }
}

#[tokio::test]
async fn a_carrier_that_restarts_is_found_again() {
    let mut wire = Wire::start().await;
    assert!(matches!(wire.submit("before").await, Answer::Taken { .. }));
    wire.receipt().await;
    wire.carrier.shutdown().await;
    wire.until(LinkState::Unbound).await;
    assert_eq!(wire.links.status()[0].last_error.as_deref(), Some("connection to the carrier was lost"));

    wire.carrier = carrier_on(wire.carrier.address()).await;
    wire.until(LinkState::Bound).await;
    assert!(matches!(wire.submit("after").await, Answer::Taken { .. }));
    wire.receipt().await;
    wire.carrier.phone(PATIENT).send(PRACTICE, "Yes");
    let (_, inbound) = wire.text().await;
    assert!(inbound.earlier_session_ended.is_some(), "an answer before the restart may have been lost");
}

#[tokio::test]
async fn a_stop_whose_acknowledgement_was_lost_comes_again_and_can_be_known() {
    let mut wire = Wire::start().await;
    wire.withhold();
    wire.carrier.phone(PATIENT).send(PRACTICE, "STOP");
    let (_, first) = wire.text().await;
    let faults = Faults { drop_after_octets: Some(1), receipts: Receipts::None, ..Faults::default() };
    wire.carrier.set_faults(faults);
    assert_eq!(wire.submit("hello").await, Answer::Unknown);
    wire.reception.allowed.add_permits(10);

    let (_, again) = wire.text().await;
    assert_eq!(first.fingerprint, again.fingerprint);
    assert_eq!(first.earlier_session_ended, None);
    let ended = again.earlier_session_ended.unwrap();
    assert!(
        wire.reception.ended.lock().unwrap().contains(&ended),
        "it was told before the next session brought a text"
    );
    let stops = |entry: &&WireEntry| entry.text.as_deref() == Some("STOP");
    assert_eq!(wire.carrier.wire_log().iter().filter(stops).count(), 2);
}

/// A clock with a fault, for one look at it.
struct FaultyClock {
    clock: TestClock,
    faulty: AtomicBool,
}

impl Clock for FaultyClock {
    fn now(&self) -> Timestamp {
        assert!(!self.faulty.swap(false, Ordering::SeqCst), "a test asked for this");
        self.clock.now()
    }
}

#[tokio::test]
async fn of_two_gateways_each_is_brought_its_share_and_the_one_what_the_other_left() {
    let mut first = Wire::start().await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let reception = Arc::new(TestReception { seen: sender, allowed: Semaphore::new(0), ended: Mutex::default() });
    let config = vec![link_to(first.carrier.address())];
    // What runs there ends with it, in the middle of whatever it does.
    let elsewhere = tokio::runtime::Runtime::new().unwrap();
    elsewhere.spawn(async move { Links::start(config, reception, clock(), None) }).await.unwrap();
    first.carrier.wait_for_binds(2).await;

    let handset = first.carrier.phone(PATIENT);
    handset.send(PRACTICE, "one");
    assert_eq!(first.text().await.1.text.expose(), "one");
    let two = handset.send(PRACTICE, "two");
    let Some(Delivery::Text { inbound, .. }) = seen.recv().await else { panic!("a text was expected") };
    assert_eq!(inbound.text.expose(), "two");

    // The second dies without an answer, so the first is brought that text as well.
    elsewhere.shutdown_background();
    assert_eq!(first.text().await.1.text.expose(), "two");
    handset.wait_until_answered(&two.id).await;
}

#[tokio::test]
async fn a_fault_of_our_own_costs_a_session_and_no_text() {
    let carrier = carrier_on("127.0.0.1:0".parse().unwrap()).await;
    let (seen, mut delivered) = mpsc::unbounded_channel();
    let reception = TestReception { seen, allowed: Semaphore::new(10), ended: Mutex::default() };
    let faulty = Arc::new(FaultyClock { clock: TestClock(Instant::now()), faulty: AtomicBool::new(false) });
    let links = Links::start(vec![link_to(carrier.address())], Arc::new(reception), faulty.clone(), None);
    links.changes().wait_for(|links| links[0].state == LinkState::Bound).await.unwrap();
    faulty.faulty.store(true, Ordering::SeqCst);
    carrier.phone(PATIENT).text(PRACTICE, "STOP").await;
    assert!(!faulty.faulty.load(Ordering::SeqCst));
    assert!(matches!(delivered.recv().await, Some(Delivery::Text { .. })));
    assert_eq!(links.status()[0].last_error.as_deref(), Some("a fault in assent ended the session"));
}

#[tokio::test]
async fn a_wrong_password_is_said_in_words() {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), clock());
    config.password = Some("other".into());
    let carrier = Simulator::start(config).await.unwrap();
    let (seen, _) = mpsc::unbounded_channel();
    let reception = TestReception { seen, allowed: Semaphore::new(0), ended: Mutex::default() };
    let links = Links::start(vec![link_to(carrier.address())], Arc::new(reception), clock(), None);
    let mut changes = links.changes();
    let status = changes.wait_for(|links| links[0].last_error.is_some()).await.unwrap().clone();
    assert_eq!(status[0].last_error.as_deref(), Some("carrier refused the bind: wrong password (0x0E)"));
    assert_eq!(status[0].state, LinkState::Unbound);
    links.shutdown().await;
}

#[tokio::test]
async fn one_connection_is_closed_before_the_next_is_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (seen, _) = mpsc::unbounded_channel();
    let reception = TestReception { seen, allowed: Semaphore::new(0), ended: Mutex::default() };
    let config = link_to(listener.local_addr().unwrap());
    let links = Links::start(vec![config], Arc::new(reception), clock(), None);
    let (mut first, _) = listener.accept().await.unwrap();
    first.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let _second = listener.accept().await.unwrap();
    let mut octets = vec![0; 1_024];
    let end = loop {
        match first.try_read(&mut octets) {
            Ok(octets) if octets > 0 => {}
            end => break end.map_err(|error| error.kind()),
        }
    };
    let is_closed = matches!(end, Ok(0) | Err(std::io::ErrorKind::ConnectionReset));
    assert!(is_closed, "the first is still open: {end:?}");
    links.shutdown().await;
}

#[tokio::test]
async fn a_number_goes_through_the_link_that_names_it() {
    let wire = Wire::start_with(|config| config.numbers = vec![Phone::parse(PRACTICE).unwrap()]).await;
    assert!(matches!(wire.submit("hello").await, Answer::Taken { .. }));
    let other = Phone::parse("+13035550199").unwrap();
    assert_eq!(wire.links.place(&other, 1).await.err(), Some(CarrierClosed));
}

/// Links to two carriers, and what was submitted to each.
struct Two {
    links: Arc<Links>,
    carriers: [Simulator; 2],
}

impl Two {
    /// Both bound, with these priorities and room for one text each.
    async fn bound(priorities: [u32; 2]) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let carriers = [carrier_on(any).await, carrier_on(any).await];
        let config = |(carrier, priority): (&Simulator, u32)| LinkConfig {
            name: priority.to_string(),
            window: 1,
            priority,
            ..link_to(carrier.address())
        };
        let configs = carriers.iter().zip(priorities).map(config).collect();
        let (seen, _) = mpsc::unbounded_channel();
        let reception = TestReception { seen, allowed: Semaphore::new(0), ended: Mutex::default() };
        let two = Self { links: Links::start(configs, Arc::new(reception), clock(), None), carriers };
        for carrier in &two.carriers {
            carrier.set_faults(Faults { receipts: Receipts::None, ..Faults::default() });
        }
        two.until([LinkState::Bound, LinkState::Bound]).await;
        two
    }

    async fn until(&self, states: [LinkState; 2]) {
        let mut changes = self.links.changes();
        let as_wanted = |links: &Vec<_>| links.iter().map(|link: &LinkStatus| link.state).eq(states);
        changes.wait_for(as_wanted).await.unwrap();
    }

    async fn submit(&self, text: &str) -> Answer {
        let cleared = cleared(PATIENT, text);
        let place = self.links.place(cleared.from(), 1).await.unwrap();
        place.submit(cleared, in_two_seconds(), CancellationToken::new()).await
    }

    fn submitted(&self) -> [usize; 2] {
        self.carriers.each_ref().map(|carrier| count(&carrier.wire_log(), "submit_sm", WireDirection::FromGateway))
    }
}

#[tokio::test]
async fn while_the_first_carrier_is_away_the_next_takes_the_texts() {
    let mut two = Two::bound([1, 2]).await;
    assert!(matches!(two.submit("one").await, Answer::Taken { .. }));
    assert_eq!(two.submitted(), [1, 0]);

    two.carriers[0].shutdown().await;
    two.until([LinkState::Unbound, LinkState::Bound]).await;
    assert!(matches!(two.submit("two").await, Answer::Taken { .. }));
    assert_eq!(two.submitted(), [1, 1]);

    two.carriers[0] = carrier_on(two.carriers[0].address()).await;
    two.until([LinkState::Bound, LinkState::Bound]).await;
    assert!(matches!(two.submit("three").await, Answer::Taken { .. }));
    assert_eq!(two.submitted(), [1, 1], "the carrier that came back has counted anew");
}

#[tokio::test]
async fn a_text_that_waits_for_a_carrier_goes_by_the_first_that_comes() {
    let mut two = Two::bound([2, 1]).await;
    for carrier in &two.carriers {
        carrier.shutdown().await;
    }
    two.until([LinkState::Unbound, LinkState::Unbound]).await;
    two.carriers[0] = carrier_on(two.carriers[0].address()).await;
    assert!(matches!(two.submit("hello").await, Answer::Taken { .. }));
    assert_eq!(two.submitted(), [1, 0]);
}

#[tokio::test]
async fn of_two_carriers_alike_the_second_takes_what_the_first_has_no_room_for() {
    for (priorities, expected) in [([1, 1], [1, 1]), ([1, 2], [1, 0])] {
        let two = Two::bound(priorities).await;
        two.carriers[0].set_faults(Faults { silent: true, receipts: Receipts::None, ..Faults::default() });
        let first = two.submit("unanswered");
        let second = async {
            two.carriers[0].phone(PATIENT).wait_for_text(|text| text.text == "unanswered").await;
            tokio::select! {
                biased;
                answer = two.submit("hello") => assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}"),
                // As long as the first is bound, the next priority is for nothing.
                () = tokio::task::yield_now(), if expected[1] == 0 => {}
            }
        };
        tokio::select! {
            answer = first => panic!("nobody answers it: {answer:?}"),
            () = second => {}
        }
        assert_eq!(two.submitted(), expected, "with priorities {priorities:?}");
    }
}

#[tokio::test]
async fn what_one_carrier_may_have_is_not_given_to_the_next() {
    let two = Two::bound([1, 2]).await;
    two.carriers[0].set_faults(Faults { silent: true, receipts: Receipts::None, ..Faults::default() });
    let leave = async {
        two.carriers[0].phone(PATIENT).wait_for_text(|text| text.text == "hello").await;
        two.carriers[0].shutdown().await;
    };
    let (answer, ()) = tokio::join!(two.submit("hello"), leave);
    assert_eq!((answer, two.submitted()), (Answer::Unknown, [1, 0]));
}

#[tokio::test]
async fn a_link_keeps_to_the_segments_per_second_of_its_contract() {
    let wire = Wire::start_with(|config| config.segments_per_second = NonZeroU32::new(20).unwrap()).await;
    let started = Instant::now();
    for _ in 0..5 {
        assert!(matches!(wire.submit("hello").await, Answer::Taken { .. }));
    }
    assert!(started.elapsed() >= Duration::from_millis(190), "five segments at twenty a second");
}

#[tokio::test]
async fn a_link_that_stands_in_keeps_to_its_contract_with_what_it_makes_of_a_text() {
    // One segment in the GSM alphabet, three where the carrier knows ASCII alone.
    let accents = "é".repeat(160);
    let profile = Profile {
        dialect: Dialect { default_alphabet: DefaultAlphabet::Ascii, ..Dialect::default() },
        ..Profile::default()
    };
    let writing = Profile::default().writing().with_stand_in(profile.writing());
    let profile = Arc::new(profile);
    let wire = Wire::start_with(|config| {
        config.segments_per_second = NonZeroU32::new(20).unwrap();
        config.profile = Arc::clone(&profile);
    })
    .await;
    let started = Instant::now();
    for _ in 0..3 {
        let cleared = cleared(PATIENT, &accents);
        let segments = writing.segments_at_most(cleared.text().expose());
        let place = wire.links.place(cleared.from(), segments).await.unwrap();
        let answer = place.submit(cleared, in_two_seconds(), CancellationToken::new()).await;
        assert!(matches!(answer, Answer::Taken { ids } if ids.len() == 3));
    }
    assert!(started.elapsed() >= Duration::from_millis(390), "nine segments at twenty a second");
}

#[tokio::test]
async fn a_carrier_that_is_overrun_gets_a_pause_and_then_half_the_rate() {
    for status in [0x58, 0x14] {
        let wire = Wire::start_with(|config| config.segments_per_second = NonZeroU32::new(40).unwrap()).await;
        wire.carrier.set_faults(Faults { refuse_with: Some(status), ..Faults::default() });
        let refused = Answer::Refused { command_status: status, retry: Retry::WhenReady };
        assert_eq!(wire.submit("hello").await, refused);
        wire.carrier.set_faults(Faults::default());
        let throttled = Instant::now();
        assert!(matches!(wire.submit("hello").await, Answer::Taken { .. }));
        assert!(throttled.elapsed() >= Duration::from_millis(900), "it has a pause of a second");
        let resumed = Instant::now();
        for _ in 0..10 {
            assert!(matches!(wire.submit("hello").await, Answer::Taken { .. }));
        }
        assert!(resumed.elapsed() >= Duration::from_millis(400), "a quarter of a second at the whole rate");
    }
}

#[tokio::test]
async fn a_receipt_that_comes_before_the_answer_is_delivered_all_the_same() {
    let mut wire = Wire::start().await;
    wire.carrier.set_faults(Faults { receipt_before_response: true, ..Faults::default() });
    let Answer::Taken { ids } = wire.submit("hello").await else { panic!("it was not taken") };
    assert_eq!(wire.receipt().await.carrier_id.as_ref(), ids.first());
    let log = wire.carrier.wire_log();
    let position = |command| log.iter().position(|entry| entry.command == command);
    assert!(position("deliver_sm") < position("submit_sm_resp"));
}

#[tokio::test]
async fn a_link_learns_how_its_carrier_spells_ids_in_receipts_and_keeps_that_over_sessions() {
    let mut wire = Wire::start().await;
    let hexadecimal = Faults { answer_ids: Ids::UpperHex, receipt_ids: Some(Ids::Decimal), ..Faults::default() };
    wire.carrier.set_faults(hexadecimal);
    let spelled = async |wire: &mut Wire| {
        assert!(matches!(wire.submit("hello").await, Answer::Taken { .. }));
        wire.receipt().await.clues.spelling
    };
    assert_eq!(spelled(&mut wire).await, None, "nothing is known yet");
    // An id of one digit is the same in both, so it takes ten more until most are not.
    for _ in 0..30 {
        spelled(&mut wire).await;
    }
    assert_eq!(spelled(&mut wire).await, Some(Likeness::HexToDecimal));
    wire.carrier.shutdown().await;
    wire.until(LinkState::Unbound).await;
    wire.carrier = carrier_on(wire.carrier.address()).await;
    wire.until(LinkState::Bound).await;
    assert_eq!(spelled(&mut wire).await, Some(Likeness::HexToDecimal));
}

#[tokio::test]
async fn a_text_that_does_not_arrive_is_reported_as_such() {
    let mut wire = Wire::start().await;
    wire.carrier.set_faults(Faults { receipts: Receipts::Undeliverable, ..Faults::default() });
    assert!(matches!(wire.submit("hello").await, Answer::Taken { .. }));
    assert_eq!(wire.receipt().await.state, ReceiptState::Undeliverable);
    assert_eq!(wire.carrier.phone(PATIENT).texts(), []);
}

#[tokio::test]
async fn shutdown_waits_for_the_answer_and_parts_politely() {
    let wire = Wire::start().await;
    let number = Phone::parse(PRACTICE).unwrap();
    let place = wire.links.place(&number, 1).await.unwrap();
    wire.carrier.set_faults(Faults { receipts: Receipts::None, ..Faults::default() });
    let submitting =
        tokio::spawn(place.submit(cleared(PATIENT, "last words"), in_two_seconds(), CancellationToken::new()));
    wire.carrier.phone(PATIENT).wait_for_text(|text| text.text == "last words").await;
    let granted = wire.links.place(&number, 1).await.unwrap();
    let (_, last) = tokio::join!(wire.links.shutdown(), async {
        tokio::task::yield_now().await;
        granted.submit(cleared(PATIENT, "very last words"), in_two_seconds(), CancellationToken::new()).await
    });

    assert!(matches!(submitting.await.unwrap(), Answer::Taken { .. }));
    assert!(matches!(last, Answer::Taken { .. }), "{last:?}");
    assert_eq!(count(&wire.carrier.wire_log(), "unbind", WireDirection::FromGateway), 1);
    assert_eq!(wire.links.place(&number, 1).await.err(), Some(CarrierClosed));
}
