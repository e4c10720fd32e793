//! A carrier that connects to us and binds, over real sockets: its texts come, ours leave.

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

use assent::carrier::LinkState;
use assent::carrier::frame::Frame;
use assent::domain::{Answer, CarrierId, ReceiptState, Retry};
use assent::ports::Delivery;
use door::{open, receiver, transceiver, transmitter};
use line::{Line, submit_sm, words};
use smpp::pdus::{DataSm, DeliverSm, DeliverSmResp};
use smpp::tlvs::{MessageDeliveryRequestTlvValue, MessageSubmissionRequestTlvValue};
use smpp::types::{AnyOctetString, OctetString};
use smpp::values::{EsmClass, MessagePayload, MessageState, Ton, UserMessageReference};
use smpp::{CommandId, Pdu};
use wire::{PATIENT, PRACTICE};

/// Answers the next PDU as a text that was taken, and gives it.
async fn takes(carrier: &mut Line) -> Frame {
    let text = carrier.hears().await;
    assert_eq!(text.id(), CommandId::DeliverSm);
    carrier.answers(&text, DeliverSmResp::default()).await;
    text
}

#[tokio::test]
async fn a_text_leaves_as_a_deliver_sm_and_its_answer_says_that_it_was_taken() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    let (answer, text) = tokio::join!(open.submit("See you at 3 tomorrow."), takes(&mut carrier));
    assert_eq!(answer, Answer::Taken { ids: vec![CarrierId("".into())] });
    let said = words(&text);
    assert_eq!(said.short_message, b"See you at 3 tomorrow.");
    let digits = |phone: &str| phone.trim_start_matches('+').as_bytes().to_vec();
    assert_eq!((said.source.digits, said.destination.digits), (digits(PRACTICE), digits(PATIENT)));
    assert_eq!(said.registered_delivery, 1);
}

#[tokio::test]
async fn the_receipt_of_a_text_comes_as_the_carrier_likes() {
    let mut open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    let (_, text) = tokio::join!(open.submit("hello"), takes(&mut carrier));
    let reference = words(&text).parameters.user_message_reference.unwrap();

    let mut submitted = submit_sm(PATIENT, PRACTICE, "id:7f stat:DELIVRD err:000");
    submitted.esm_class = EsmClass::from(0x04);
    submitted.push_tlv(MessageSubmissionRequestTlvValue::UserMessageReference(UserMessageReference::new(reference)));
    let mut data = DataSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr(PATIENT[1..].parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr(PRACTICE[1..].parse().unwrap())
        .esm_class(EsmClass::from(0x04))
        .build();
    data.push_tlv(MessageSubmissionRequestTlvValue::UserMessageReference(UserMessageReference::new(reference)));
    let payload = MessagePayload::new(AnyOctetString::from_slice(b"id:7f stat:DELIVRD err:000"));
    data.push_tlv(MessageSubmissionRequestTlvValue::MessagePayload(payload));
    let mut delivered = DeliverSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr(PATIENT[1..].parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr(PRACTICE[1..].parse().unwrap())
        .esm_class(EsmClass::from(0x04))
        .short_message(OctetString::from_slice(b"").unwrap())
        .build();
    delivered.push_tlv(MessageDeliveryRequestTlvValue::UserMessageReference(UserMessageReference::new(reference)));
    delivered.push_tlv(MessageDeliveryRequestTlvValue::MessageState(MessageState::Delivered));
    let receipts: [(Pdu, CommandId); 3] = [
        (submitted.into(), CommandId::SubmitSmResp),
        (data.into(), CommandId::DataSmResp),
        (delivered.into(), CommandId::DeliverSmResp),
    ];
    for (receipt, response) in receipts {
        let answer = carrier.asks(receipt).await;
        assert_eq!((answer.id(), answer.status()), (response, 0));
        let receipt = open.receipt().await;
        assert_eq!((receipt.reference, receipt.state), (Some(reference), ReceiptState::Delivered));
    }
}

#[tokio::test]
async fn a_patients_stop_is_acknowledged_only_once_it_is_durable() {
    let mut open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    open.reception.allowed.forget_permits(usize::MAX);
    let stop = carrier.says(submit_sm(PATIENT, PRACTICE, "STOP")).await;
    let (from, inbound) = open.text().await;
    assert_eq!((from.expose(), inbound.text.expose()), (PATIENT, "STOP"));
    let enquiry = carrier.asks(Pdu::EnquireLink).await;
    assert_eq!(enquiry.id(), CommandId::EnquireLinkResp, "the carrier hears other things, but not that we have it");
    open.reception.allowed.add_permits(1);
    let answer = carrier.hears().await;
    assert_eq!((answer.id(), answer.status(), answer.sequence()), (CommandId::SubmitSmResp, 0, stop));
    assert_eq!(answer.body().len(), 17, "an id of ours");
}

#[tokio::test]
async fn two_texts_have_two_ids() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    let first = carrier.asks(submit_sm(PATIENT, PRACTICE, "one")).await;
    let second = carrier.asks(submit_sm(PATIENT, PRACTICE, "one")).await;
    assert_ne!(first.body(), second.body());
}

#[tokio::test]
async fn what_the_store_does_not_take_is_not_answered_and_the_carrier_is_left() {
    let mut open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    open.reception.allowed.close();
    carrier.says(submit_sm(PATIENT, PRACTICE, "STOP")).await;
    open.text().await;
    let unbind = carrier.hears().await;
    assert_eq!(unbind.id(), CommandId::Unbind, "and no answer");
    carrier.answers(&unbind, Pdu::UnbindResp).await;
    assert!(carrier.hears_or_end().await.is_none());
}

#[tokio::test]
async fn a_long_text_is_segments_and_the_window_holds() {
    let open = open(|config| config.link.window = 2).await;
    let mut carrier = open.bound().await;
    let long = "0123456789".repeat(70);
    let answers = async {
        let mut heard = Vec::new();
        let first = carrier.hears().await;
        let second = carrier.hears().await;
        let nothing = tokio::time::timeout(std::time::Duration::from_millis(50), carrier.hears()).await;
        assert!(nothing.is_err(), "two are unanswered");
        for text in [&first, &second] {
            carrier.answers(text, DeliverSmResp::default()).await;
        }
        heard.extend([first, second]);
        for _ in 0..3 {
            heard.push(takes(&mut carrier).await);
        }
        heard
    };
    let (answer, heard) = tokio::join!(open.submit(&long), answers);
    assert!(matches!(&answer, Answer::Taken { ids } if ids.len() == 5), "{answer:?}");
    let said: Vec<u8> = heard.iter().flat_map(|text| words(text).short_message[6..].to_vec()).collect();
    assert_eq!(said, long.as_bytes());
}

#[tokio::test]
async fn a_refusal_says_whether_the_text_may_be_tried_again() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    for (command_status, retry) in [(0x0B, Retry::Never), (0x64, Retry::FewTimes), (0x58, Retry::WhenReady)] {
        let refuses = async {
            let text = carrier.hears().await;
            let refusal =
                assent::carrier::frame::encode(command_status, text.sequence(), DeliverSmResp::default().into());
            carrier.says_octets(&refusal).await;
        };
        let (answer, ()) = tokio::join!(open.submit("hello"), refuses);
        assert_eq!(answer, Answer::Refused { command_status, retry });
    }
}

#[tokio::test]
async fn a_carrier_that_dies_in_the_middle_leaves_its_text_unknown_and_may_come_again() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    let dies = async {
        carrier.hears().await;
        drop(carrier);
    };
    let (answer, ()) = tokio::join!(open.submit("hello"), dies);
    assert_eq!(answer, Answer::Unknown);
    open.until(LinkState::Unbound).await;
    assert_eq!(open.links.status()[0].last_error.as_deref(), Some("connection to the carrier was lost"));
    let mut carrier = open.bound().await;
    let (answer, _) = tokio::join!(open.submit("hello"), takes(&mut carrier));
    assert!(matches!(answer, Answer::Taken { .. }));
}

#[tokio::test]
async fn a_text_that_is_brought_again_after_its_answer_was_lost_can_be_known() {
    let mut open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    open.reception.allowed.forget_permits(usize::MAX);
    carrier.says(submit_sm(PATIENT, PRACTICE, "STOP")).await;
    let (_, first) = open.text().await;
    drop(carrier);
    open.reception.allowed.add_permits(10);
    open.until(LinkState::Unbound).await;
    let mut carrier = open.bound().await;
    carrier.asks(submit_sm(PATIENT, PRACTICE, "STOP")).await;
    let (_, again) = open.text().await;
    assert_eq!(first.fingerprint, again.fingerprint);
    assert_eq!(first.earlier_session_ended, None);
    assert!(open.reception.ended.lock().unwrap().contains(&again.earlier_session_ended.unwrap()));
}

#[tokio::test]
async fn a_carrier_may_come_as_a_transmitter_and_a_receiver_and_is_one_link() {
    let mut open = open(|_| {}).await;
    let mut brings = Line::to(open.address).await;
    assert_eq!(brings.asks(transmitter()).await.id(), CommandId::BindTransmitterResp);
    assert_eq!(brings.asks(submit_sm(PATIENT, PRACTICE, "Yes")).await.id(), CommandId::SubmitSmResp);
    assert_eq!(open.text().await.1.text.expose(), "Yes", "texts come before any can leave");
    assert_eq!(open.links.status()[0].state, LinkState::Unbound);

    let mut takes_ours = Line::to(open.address).await;
    let response = takes_ours.asks(receiver()).await;
    assert_eq!((response.id(), response.status()), (CommandId::BindReceiverResp, 0));
    open.until(LinkState::Bound).await;
    let (answer, _) = tokio::join!(open.submit("hello"), takes(&mut takes_ours));
    assert!(matches!(answer, Answer::Taken { .. }));
    let refused = takes_ours.asks(submit_sm(PATIENT, PRACTICE, "Yes")).await;
    assert_eq!((refused.id(), refused.status()), (CommandId::SubmitSmResp, 0x04));
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_bound_as_receiver_alone_gets_no_text() {
    let open = open(|_| {}).await;
    let mut takes_ours = Line::to(open.address).await;
    assert_eq!(takes_ours.asks(receiver()).await.status(), 0);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), open.submit("hello")).await;
    assert!(answer.is_err(), "a STOP could not reach us");
    assert_eq!(open.links.status()[0].state, LinkState::Unbound);
}

#[tokio::test]
async fn a_carrier_whose_texts_can_not_come_any_more_gets_none() {
    let open = open(|_| {}).await;
    let mut brings = Line::to(open.address).await;
    brings.asks(transmitter()).await;
    let mut takes_ours = Line::to(open.address).await;
    takes_ours.asks(receiver()).await;
    open.until(LinkState::Bound).await;
    drop(brings);
    let unbind = takes_ours.hears().await;
    assert_eq!(unbind.id(), CommandId::Unbind);
    takes_ours.answers(&unbind, Pdu::UnbindResp).await;
    assert!(takes_ours.hears_or_end().await.is_none());
    open.until(LinkState::Unbound).await;
    open.bound().await;
}

#[tokio::test]
async fn a_daemon_that_stops_parts_from_a_carrier_that_bound_to_it() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    let parts = async {
        let unbind = carrier.hears().await;
        assert_eq!(unbind.id(), CommandId::Unbind);
        carrier.answers(&unbind, Pdu::UnbindResp).await;
        assert!(carrier.hears_or_end().await.is_none());
    };
    tokio::join!(open.links.shutdown(), parts);
    assert!(tokio::net::TcpStream::connect(open.address).await.is_err(), "nobody listens there any more");
}

#[tokio::test]
async fn a_carrier_that_floods_is_closed_and_may_come_again() {
    let open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    for _ in 0..60 {
        carrier.says(Pdu::EnquireLink).await;
    }
    while carrier.hears_or_end().await.is_some() {}
    open.until(LinkState::Unbound).await;
    assert!(open.links.status()[0].last_error.as_deref().unwrap().contains("more than 50 enquire_link"));
    open.bound().await;
}

#[tokio::test]
async fn what_comes_with_the_bind_in_one_breath_is_heard() {
    use assent::carrier::frame::encode;
    let mut open = open(|_| {}).await;
    let mut carrier = Line::to(open.address).await;
    let bind = encode(0, 1, transceiver().into());
    let stop = encode(0, 2, submit_sm(PATIENT, PRACTICE, "STOP").into());
    carrier.says_octets(&[bind, stop].concat()).await;
    assert_eq!(carrier.hears().await.id(), CommandId::BindTransceiverResp);
    assert_eq!(carrier.hears().await.id(), CommandId::SubmitSmResp);
    assert_eq!(open.text().await.1.text.expose(), "STOP");
}

#[tokio::test]
async fn what_no_conversation_can_take_is_set_aside_and_answered() {
    let mut open = open(|_| {}).await;
    let mut carrier = open.bound().await;
    assert_eq!(carrier.asks(submit_sm("+13035550177", "", "hello")).await.status(), 0);
    assert!(matches!(open.seen.recv().await.unwrap(), Delivery::Unroutable(_)));
}
