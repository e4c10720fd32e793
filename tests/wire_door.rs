//! Who is let in where carriers connect to us, and what is said to the others.

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

use std::time::Duration;

use assent::carrier::LinkState;
use assent::carrier::frame::encode;
use door::{account, open, outbind, receiver, transceiver, transmitter};
use line::{Line, submit_sm};
use smpp::pdus::{BindTransceiver, QuerySm};
use smpp::{CommandId, Pdu};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use wire::{PATIENT, PRACTICE};

fn with(system_id: &str, password: &str) -> BindTransceiver {
    BindTransceiver::builder().system_id(system_id.parse().unwrap()).password(password.parse().unwrap()).build()
}

#[tokio::test]
async fn only_the_right_name_and_password_get_in() {
    let open = open(|_| {}).await;
    let (name, password) = account();
    for (system_id, said, command_status) in [
        (name, "letmeio", 0x0E),
        (name, "", 0x0E),
        (name, "letmei", 0x0E),
        ("carrier-b", password, 0x0F),
        ("", "", 0x0F),
    ] {
        let began = Instant::now();
        let mut carrier = Line::to(open.address).await;
        let refusal = carrier.asks(with(system_id, said)).await;
        assert_eq!((refusal.id(), refusal.status()), (CommandId::BindTransceiverResp, command_status), "{system_id}");
        assert!(carrier.hears_or_end().await.is_none(), "and the connection is closed");
        assert!(began.elapsed() >= Duration::from_secs(1), "whoever guesses has to wait");
    }
    assert_eq!(open.links.status()[0].state, LinkState::Unbound);
    open.bound().await;
}

#[tokio::test]
async fn whoever_says_something_else_first_is_refused_and_left() {
    let open = open(|_| {}).await;
    let others: [(Pdu, CommandId); 4] = [
        (submit_sm(PATIENT, PRACTICE, "STOP").into(), CommandId::SubmitSmResp),
        (Pdu::EnquireLink, CommandId::EnquireLinkResp),
        (Pdu::Unbind, CommandId::UnbindResp),
        (QuerySm::default().into(), CommandId::QuerySmResp),
    ];
    for (pdu, response) in others {
        let mut carrier = Line::to(open.address).await;
        let refusal = carrier.asks(pdu).await;
        assert_eq!((refusal.id(), refusal.status(), refusal.sequence()), (response, 0x04, 1));
        assert!(carrier.hears_or_end().await.is_none());
    }
    let mut carrier = Line::to(open.address).await;
    carrier.says_octets(b"GET / HTTP/1.1\r\n\r\n").await;
    let nack = carrier.hears().await;
    assert_eq!((nack.id(), nack.status(), nack.sequence()), (CommandId::GenericNack, 0x02, 0));
    assert!(carrier.hears_or_end().await.is_none());
    let mut carrier = Line::to(open.address).await;
    carrier.says_octets(&[&5_000_u32.to_be_bytes()[..], &[0, 0, 0, 9], &[0; 4_000]].concat()).await;
    assert!(carrier.hears_or_end().await.is_none(), "no bind is that long");
}

#[tokio::test]
async fn an_address_that_may_not_connect_is_closed_before_an_octet_is_read() {
    let open = open(|config| config.allow = vec!["192.0.2.0/24".parse().unwrap(), "::1".parse().unwrap()]).await;
    let mut stream = TcpStream::connect(open.address).await.unwrap();
    let read = stream.read(&mut [0; 16]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    let mut carrier = Line::to(open.address).await;
    carrier.says(transceiver()).await;
    assert!(carrier.hears_or_end().await.is_none(), "not even the right password helps");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_bind_within_ten_seconds_is_left() {
    let open = open(|_| {}).await;
    for octets in [&[][..], &encode(0, 1, transceiver().into())[..20]] {
        let began = Instant::now();
        let mut carrier = Line::to(open.address).await;
        carrier.says_octets(octets).await;
        assert!(carrier.hears_or_end().await.is_none());
        assert_eq!(began.elapsed().as_secs(), 10);
    }
}

#[tokio::test]
async fn those_who_connect_and_say_nothing_are_sixteen_at_most() {
    let open = open(|_| {}).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(Line::to(open.address).await);
    }
    let mut one_more = Line::to(open.address).await;
    assert!(one_more.hears_or_end().await.is_none(), "closed at once");
    drop(idle.pop());
    // The place is free once the end of that connection was seen.
    loop {
        let mut carrier = Line::to(open.address).await;
        carrier.says(transceiver()).await;
        if let Some(response) = carrier.hears_or_end().await {
            assert_eq!(response.status(), 0);
            break;
        }
    }
}

#[tokio::test]
async fn a_second_bind_of_a_kind_is_refused_while_the_first_is_there() {
    let open = open(|_| {}).await;
    let mut first = open.bound().await;
    let binds: [Pdu; 3] = [transceiver().into(), transmitter().into(), receiver().into()];
    for bind in binds {
        let mut second = Line::to(open.address).await;
        assert_eq!(second.asks(bind).await.status(), 0x05);
        assert!(second.hears_or_end().await.is_none());
    }
    let enquiry = first.hears().await;
    assert_eq!(enquiry.id(), CommandId::EnquireLink, "the first is asked whether it is there");
    first.answers(&enquiry, Pdu::EnquireLinkResp).await;
    assert_eq!(first.asks(submit_sm(PATIENT, PRACTICE, "Yes")).await.status(), 0, "and stays");
}

#[tokio::test]
async fn of_a_transmitter_and_a_receiver_each_is_there_once() {
    let open = open(|_| {}).await;
    let mut brings = Line::to(open.address).await;
    assert_eq!(brings.asks(transmitter()).await.status(), 0);
    for (bind, command_status) in
        [(Pdu::from(transmitter()), 0x05), (transceiver().into(), 0x05), (receiver().into(), 0)]
    {
        assert_eq!(Line::to(open.address).await.asks(bind).await.status(), command_status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_comes_back_before_its_old_connection_was_found_dead_gets_in_ten_seconds_later() {
    let open = open(|config| config.link.enquire_link = Duration::from_secs(30)).await;
    let _dead = open.bound().await;
    let began = Instant::now();
    let mut carrier = Line::to(open.address).await;
    assert_eq!(carrier.asks(transceiver()).await.status(), 0x05);
    open.until(LinkState::Unbound).await;
    assert_eq!(
        open.links.status()[0].last_error.as_deref(),
        Some("carrier did not answer enquire_link within 10 seconds")
    );
    assert!(began.elapsed() <= Duration::from_secs(15), "{:?}", began.elapsed());
    open.bound().await;
}

#[tokio::test]
async fn an_outbind_with_a_wrong_password_is_closed_without_a_word() {
    let open = open(|_| {}).await;
    let mut carrier = Line::to(open.address).await;
    let mut wrong = outbind();
    wrong.password = "letmeio".parse().unwrap();
    carrier.says(wrong).await;
    assert!(carrier.hears_or_end().await.is_none());
}
