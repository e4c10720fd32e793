//! A carrier that connects to us and asks us to bind (SMPP 3.4 §2.2.1).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/door.rs"]
#[allow(dead_code)]
mod door;
#[path = "support/line.rs"]
#[allow(dead_code)]
mod line;
#[path = "support/wire.rs"]
#[allow(dead_code)]
mod wire;

use assent::carrier::bind::BindKind;
use assent::carrier::{LinkConfig, LinkState, OnOutbind};
use assent::domain::Answer;
use door::{open, open_beside, outbind, transceiver};
use line::{Line, submit_sm};
use smpp::CommandId;
use smpp::pdus::{BindReceiverResp, BindTransceiverResp, DeliverSm, SubmitSmResp};
use wire::{PATIENT, PRACTICE, carrier_on, link_to};

#[tokio::test]
async fn we_bind_back_over_the_same_connection_with_what_the_carrier_knows_us_by() {
    let mut open = open(|config| {
        config.link.system_id = "practice".into();
        config.link.password = "ours".to_owned().into();
    })
    .await;
    let mut carrier = Line::to(open.address).await;
    let bind = carrier.asks(outbind()).await;
    assert_eq!(bind.id(), CommandId::BindTransceiver);
    assert!(bind.body().starts_with(b"practice\0ours\0"));
    carrier.answers(&bind, BindTransceiverResp::default()).await;
    open.until(LinkState::Bound).await;

    let takes = async {
        let text = carrier.hears().await;
        assert_eq!(text.id(), CommandId::SubmitSm, "we are the customer here");
        carrier.answers(&text, SubmitSmResp::builder().message_id("7f".parse().unwrap()).build()).await;
    };
    let (answer, ()) = tokio::join!(open.submit("hello"), takes);
    assert!(matches!(answer, Answer::Taken { .. }));
    let nack = carrier.asks(submit_sm(PATIENT, PRACTICE, "STOP")).await;
    assert_eq!((nack.id(), nack.status()), (CommandId::GenericNack, 0x03));
    let stop = DeliverSm::builder()
        .source_addr(PATIENT[1..].parse().unwrap())
        .destination_addr(PRACTICE[1..].parse().unwrap())
        .esm_class(smpp::values::EsmClass::from(0))
        .build();
    assert_eq!(carrier.asks(stop).await.id(), CommandId::DeliverSmResp);
    assert_eq!(open.text().await.0.expose(), PATIENT);

    let mut second = Line::to(open.address).await;
    second.says(outbind()).await;
    assert!(second.hears_or_end().await.is_none(), "one socket for one bind");
}

#[tokio::test]
async fn where_a_receiver_is_wanted_it_is_bound_and_nothing_is_sent() {
    let mut open = open(|config| config.on_outbind = OnOutbind::BindBack(BindKind::Receiver)).await;
    let mut carrier = Line::to(open.address).await;
    let bind = carrier.asks(outbind()).await;
    assert_eq!(bind.id(), CommandId::BindReceiver);
    carrier.answers(&bind, BindReceiverResp::default()).await;
    let stop = DeliverSm::builder()
        .source_addr(PATIENT[1..].parse().unwrap())
        .destination_addr(PRACTICE[1..].parse().unwrap())
        .esm_class(smpp::values::EsmClass::from(0))
        .build();
    carrier.says(stop).await;
    open.text().await;
    assert_eq!(open.links.status()[0].state, LinkState::Unbound);
}

#[tokio::test]
async fn a_carrier_that_refuses_the_bind_it_asked_for_is_told_of_in_words() {
    let open = open(|_| {}).await;
    let mut carrier = Line::to(open.address).await;
    let bind = carrier.asks(outbind()).await;
    carrier
        .says_octets(&assent::carrier::frame::encode(0x0E, bind.sequence(), BindTransceiverResp::default().into()))
        .await;
    assert!(carrier.hears_or_end().await.is_none());
    let mut changes = open.links.changes();
    let refused = "carrier refused the bind: wrong password (0x0E)";
    changes.wait_for(|links| links[0].last_error.as_deref() == Some(refused)).await.unwrap();
    open.bound().await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_rests_dials_at_once_when_its_carrier_asks() {
    // Nobody is there at first, so the link rests longer and longer.
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let dialed = LinkConfig { name: "primary".into(), ..link_to(address) };
    let open = open_beside(vec![dialed], |config| config.on_outbind = OnOutbind::Dial("primary".into())).await;
    let mut changes = open.links.changes();
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    changes.wait_for(|links| links[0].last_error.is_some()).await.unwrap();

    tokio::time::resume();
    let carrier = carrier_on(address).await;
    // If the outbind came just when the link was dialing anyway, it would ask again.
    let asks = async {
        loop {
            let mut line = Line::to(open.address).await;
            line.says(outbind()).await;
            assert!(line.hears_or_end().await.is_none(), "it is closed: we bind elsewhere");
        }
    };
    let began = tokio::time::Instant::now();
    tokio::select! {
        () = asks => unreachable!(),
        bound = changes.wait_for(|links| links[0].state == LinkState::Bound) => drop(bound.unwrap()),
    }
    assert!(began.elapsed().as_secs() < 10, "it rested for about a minute each time");
    assert_eq!(carrier.counts().binds, 1);
}

#[tokio::test]
async fn an_outbind_after_the_bind_ends_the_session() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    carrier.says(outbind()).await;
    assert!(carrier.hears_or_end().await.is_none());
    open.until(LinkState::Unbound).await;
    let mut carrier = Line::to(open.address).await;
    assert_eq!(carrier.asks(transceiver()).await.status(), 0);
}
