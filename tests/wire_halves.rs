//! A link that is a transmitter and a receiver, over real sockets: it takes texts while both stand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "support/wire.rs"]
#[allow(dead_code)]
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent::carrier::{Binds, LinkConfig, LinkState, Links, try_bind};
use assent::domain::{Answer, Phone, ReceiptState};
use assent::ports::Carrier;
use assent::simulator::{Faults, Simulator, SimulatorConfig, WireDirection};
use line::Line;
use smpp::pdus::{BindReceiverResp, BindTransmitterResp};
use smpp::{CommandId, Pdu};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use wire::{PATIENT, PRACTICE, TestReception, Wire, cleared, clock, count, in_two_seconds, link_to};

fn halves(config: &mut LinkConfig) {
    config.bind = Binds::TransmitterAndReceiver;
}

#[tokio::test]
async fn texts_leave_by_the_transmitter_and_stops_and_receipts_come_by_the_receiver() {
    let mut wire = Wire::start_with(halves).await;
    let Answer::Taken { ids } = wire.submit("See you at 3 tomorrow.").await else { panic!("it was not taken") };
    let receipt = wire.receipt().await;
    assert_eq!((receipt.carrier_id.as_ref(), receipt.state), (ids.first(), ReceiptState::Delivered));
    wire.carrier.phone(PATIENT).text(PRACTICE, "STOP").await;
    assert_eq!(wire.text().await.1.text.expose(), "STOP");

    let log = wire.carrier.wire_log();
    let connection = |command: &str| {
        let mut all = log.iter().filter(|entry| entry.command == command).map(|entry| entry.connection);
        let first = all.next().unwrap();
        assert!(all.all(|connection| connection == first), "{command}");
        first
    };
    assert_eq!(connection("bind_transmitter"), connection("submit_sm"));
    assert_eq!(connection("bind_receiver"), connection("deliver_sm"));
    assert_ne!(connection("bind_receiver"), connection("bind_transmitter"));
    assert!(connection("bind_receiver") < connection("bind_transmitter"), "a STOP can come before a text can leave");
}

#[tokio::test]
async fn a_link_of_two_parts_from_both_when_the_daemon_stops() {
    let wire = Wire::start_with(halves).await;
    wire.links.shutdown().await;
    assert_eq!(count(&wire.carrier.wire_log(), "unbind", WireDirection::FromGateway), 2);
}

#[tokio::test]
async fn a_carrier_that_restarts_is_found_again_by_both() {
    let mut wire = Wire::start_with(halves).await;
    wire.carrier.shutdown().await;
    wire.until(LinkState::Unbound).await;
    assert_eq!(wire.links.status()[0].last_error.as_deref(), Some("connection to the carrier was lost"));
    wire.carrier = wire::carrier_on(wire.carrier.address()).await;
    wire.until(LinkState::Bound).await;
    assert!(matches!(wire.submit("after").await, Answer::Taken { .. }));
    wire.receipt().await;
}

#[tokio::test]
async fn whether_a_link_of_two_can_be_bound_is_seen_by_binding_both_at_once() {
    for (binds_max, expected) in
        [(2, Ok(())), (1, Err("carrier refused the bind: already bound under this system_id (0x05)"))]
    {
        let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), clock());
        config.binds_max = binds_max;
        let carrier = Simulator::start(config).await.unwrap();
        let mut link = link_to(carrier.address());
        halves(&mut link);
        match (try_bind(&link).await, expected) {
            (Ok(()), Ok(())) => assert_eq!(count(&carrier.wire_log(), "unbind", WireDirection::FromGateway), 2),
            (Err(error), Err(words)) => assert!(error.to_string().starts_with(words), "{error}"),
            (found, _) => panic!("with room for {binds_max}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn a_password_that_is_wrong_is_tried_once_and_not_twice() {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), clock());
    config.password = Some("other".into());
    let carrier = Simulator::start(config).await.unwrap();
    let links = start(carrier.address(), halves);
    let mut changes = links.changes();
    let status = changes.wait_for(|links| links[0].last_error.is_some()).await.unwrap().clone();
    assert_eq!(status[0].last_error.as_deref(), Some("carrier refused the bind: wrong password (0x0E)"));
    let log = carrier.wire_log();
    assert_eq!(count(&log, "bind_receiver", WireDirection::FromGateway), 1);
    assert_eq!(count(&log, "bind_transmitter", WireDirection::FromGateway), 0);
}

fn start(address: std::net::SocketAddr, change: impl Fn(&mut LinkConfig)) -> Arc<Links> {
    let (seen, _) = mpsc::unbounded_channel();
    let reception = TestReception { seen, allowed: Semaphore::new(0), ended: Mutex::default() };
    let mut config = link_to(address);
    change(&mut config);
    Links::start(vec![config], Arc::new(reception), clock(), None)
}

/// A carrier that has bound a receiver and a transmitter.
async fn bound(listener: &TcpListener, links: &Links) -> (Line, Line) {
    let mut receiver = Line::accept(listener).await;
    let bind = receiver.hears().await;
    assert_eq!(bind.id(), CommandId::BindReceiver);
    receiver.answers(&bind, BindReceiverResp::default()).await;
    let mut transmitter = Line::accept(listener).await;
    let bind = transmitter.hears().await;
    assert_eq!(bind.id(), CommandId::BindTransmitter);
    assert_eq!(links.status()[0].state, LinkState::Unbound, "a link without its transmitter");
    transmitter.answers(&bind, BindTransmitterResp::default()).await;
    links.changes().wait_for(|links| links[0].state == LinkState::Bound).await.unwrap();
    (receiver, transmitter)
}

#[tokio::test]
async fn a_link_that_lost_its_receiver_does_not_send_and_hears_the_answers_to_what_it_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let links = start(listener.local_addr().unwrap(), halves);
    let (receiver, mut transmitter) = bound(&listener, &links).await;
    let number = Phone::parse(PRACTICE).unwrap();
    let place = links.place(&number, 1).await.unwrap();
    let answer = tokio::spawn(place.submit(cleared(PATIENT, "hello"), in_two_seconds(), CancellationToken::new()));
    let text = transmitter.hears().await;
    assert_eq!(text.id(), CommandId::SubmitSm);

    drop(receiver);
    let waits = links.place(&number, 1);
    tokio::pin!(waits);
    // What the kernel has to say of the lost connection takes a moment to get here.
    while tokio::time::timeout(Duration::from_millis(20), &mut waits).await.is_ok() {
        waits.set(links.place(&number, 1));
    }
    transmitter.answers(&text, smpp::pdus::SubmitSmResp::default()).await;
    assert!(matches!(answer.await.unwrap(), Answer::Taken { .. }));
    let unbind = transmitter.hears().await;
    assert_eq!(unbind.id(), CommandId::Unbind, "the other half is parted from in order");
    transmitter.answers(&unbind, Pdu::UnbindResp).await;
    assert!(transmitter.hears_or_end().await.is_none());

    let (_receiver, _transmitter) = bound(&listener, &links).await;
    waits.await.unwrap();
}

#[tokio::test]
async fn a_link_that_lost_its_transmitter_parts_from_its_receiver_and_binds_both_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let links = start(listener.local_addr().unwrap(), halves);
    let (mut receiver, transmitter) = bound(&listener, &links).await;
    drop(transmitter);
    let unbind = receiver.hears().await;
    assert_eq!(unbind.id(), CommandId::Unbind);
    receiver.answers(&unbind, Pdu::UnbindResp).await;
    assert!(receiver.hears_or_end().await.is_none());
    let error = links.changes().wait_for(|links| links[0].state == LinkState::Unbound).await.unwrap()[0].clone();
    assert_eq!(error.last_error.as_deref(), Some("connection to the carrier was lost"), "and not the other's end");
    bound(&listener, &links).await;
}

#[tokio::test]
async fn never_more_than_one_socket_for_one_bind() {
    let carrier = wire::carrier_on("127.0.0.1:0".parse().unwrap()).await;
    carrier.set_faults(Faults { refuse_bind_with: Some(0x08), ..Faults::default() });
    let links = start(carrier.address(), halves);
    links.changes().wait_for(|links| links[0].last_error.is_some()).await.unwrap();
    carrier.set_faults(Faults::default());
    links.changes().wait_for(|links| links[0].state == LinkState::Bound).await.unwrap();
    let log = carrier.wire_log();
    assert_eq!(count(&log, "bind_receiver", WireDirection::FromGateway), 2);
    assert_eq!(count(&log, "bind_transmitter", WireDirection::FromGateway), 1);
}
