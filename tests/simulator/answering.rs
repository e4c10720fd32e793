//! How texts are answered: refused, throttled, late, never, and with the wrong number.

use std::time::Duration;

use assent::simulator::{Faults, RefuseBy, Share, Span};
use smpp::pdus::DataSm;
use smpp::tlvs::MessageSubmissionRequestTlvValue;
use smpp::types::AnyOctetString;
use smpp::values::{MessagePayload, Ton};
use smpp::{CommandId, Pdu};
use tokio::time::Instant;

use crate::gateway::{OFFICE, ROSA, bound_with, id, segment, text};

async fn statuses(faults: Faults, submits: usize) -> Vec<u32> {
    let (_carrier, mut gateway) = bound_with(faults).await;
    let mut statuses = Vec::new();
    for _ in 0..submits {
        statuses.push(gateway.asks(text("hello")).await.status());
    }
    statuses
}

#[tokio::test]
async fn so_many_of_so_many_are_refused_with_any_status() {
    let faults = |refuse_with, refuse_of| Faults { refuse_with, refuse_of, ..Faults::default() };
    assert_eq!(statuses(faults(Some(0x58), Some(Share(1, 3))), 6).await, [0x58, 0, 0, 0x58, 0, 0]);
    assert_eq!(statuses(faults(Some(0x0B), None), 2).await, [0x0B, 0x0B]);
    assert_eq!(statuses(faults(Some(0x400), Some(Share(1, 2))), 2).await, [0x400, 0]);
}

#[tokio::test]
async fn what_is_above_the_rate_is_throttled() {
    let (carrier, mut gateway) = bound_with(Faults { submits_per_second: Some(2), ..Faults::default() }).await;
    // Ten in a burst, of which a new second may see two more.
    for _ in 0..10 {
        gateway.says(text("hello")).await;
    }
    let throttled = gateway.hears_all(10).await.iter().filter(|frame| frame.status() == 0x58).count();
    assert!((4..=8).contains(&throttled), "{throttled}");
    assert_eq!(carrier.counts().refused, throttled as u64);
}

#[tokio::test]
async fn a_refusal_may_be_a_generic_nack() {
    let refused = |refuse_by| Faults { refuse_with: Some(0x08), refuse_by, ..Faults::default() };
    let (_carrier, mut gateway) = bound_with(refused(RefuseBy::GenericNack)).await;
    let sequence = gateway.says(text("hello")).await;
    let nack = gateway.hears().await;
    assert_eq!((nack.id(), nack.status(), nack.sequence()), (CommandId::GenericNack, 0x08, sequence));

    let (_carrier, mut gateway) = bound_with(refused(RefuseBy::NackOfNothing)).await;
    let nack = gateway.asks(text("hello")).await;
    assert_eq!((nack.id(), nack.status(), nack.sequence()), (CommandId::GenericNack, 0x08, 0));
}

#[tokio::test]
async fn silence_takes_a_text_and_says_nothing() {
    let (carrier, mut gateway) = bound_with(Faults { silent: true, ..Faults::default() }).await;
    gateway.says(text("hello")).await;
    gateway.hears_nothing().await;
    assert_eq!(carrier.phone(ROSA).texts()[0].text, "hello");
}

#[tokio::test]
async fn an_enquiry_may_go_unanswered() {
    let (_carrier, mut gateway) = bound_with(Faults { silent_to_enquire_link: true, ..Faults::default() }).await;
    gateway.says(Pdu::EnquireLink).await;
    let next = gateway.asks(text("hello")).await;
    assert_eq!(next.id(), CommandId::SubmitSmResp);
}

#[tokio::test]
async fn slow_answers_come_in_their_order() {
    const SLOW: Duration = Duration::from_millis(200);
    let (_carrier, mut gateway) = bound_with(Faults { answer_after: Span(SLOW), ..Faults::default() }).await;
    let asked = Instant::now();
    let [first, second] = [gateway.says(text("one")).await, gateway.says(Pdu::EnquireLink).await];
    let heard: Vec<u32> = gateway.hears_all(2).await.iter().map(|frame| frame.sequence()).collect();
    assert_eq!(heard, [first, second]);
    assert!(asked.elapsed() >= SLOW);
}

#[tokio::test]
async fn a_response_may_have_a_number_that_nobody_asked_with() {
    let (_carrier, mut gateway) = bound_with(Faults { shift_sequence: 1_000, ..Faults::default() }).await;
    let sequence = gateway.says(text("hello")).await;
    assert_eq!(gateway.hears().await.sequence(), sequence + 1_000);
}

#[tokio::test]
async fn a_text_in_segments_is_shown_joined_whatever_tells_them() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    let by_header = |number: u8, words: &[u8]| segment(0x40, &[&[6, 8, 4, 1, 7, 2, number], words].concat());
    let by_sar = |number: u8, words: &[u8]| {
        let mut pdu = segment(0, words);
        pdu.push_tlv(MessageSubmissionRequestTlvValue::SarMsgRefNum(9));
        pdu.push_tlv(MessageSubmissionRequestTlvValue::SarTotalSegments(2));
        pdu.push_tlv(MessageSubmissionRequestTlvValue::SarSegmentSeqnum(number));
        pdu
    };
    let payload = |words: &[u8]| {
        MessageSubmissionRequestTlvValue::MessagePayload(MessagePayload::new(AnyOctetString::from_vec(words.to_vec())))
    };
    let mut whole = segment(0, b"");
    whole.push_tlv(payload(&[b'x'; 1_000]));
    for pdu in [by_header(2, b"Tuesday"), by_header(1, b"See you "), by_sar(1, b"At "), by_sar(2, b"three"), whole] {
        id(&gateway.asks(pdu).await);
    }
    let shown: Vec<String> = carrier.phone(ROSA).texts().into_iter().map(|text| text.text).collect();
    assert_eq!(shown, ["See you Tuesday", "At three", &"x".repeat(1_000)]);
}

#[tokio::test]
async fn a_data_sm_is_a_text_as_well() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    let mut data = DataSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr("13035550100".parse().unwrap())
        .dest_addr_ton(Ton::International)
        .destination_addr("13035550123".parse().unwrap())
        .build();
    let words = MessagePayload::new(AnyOctetString::from_vec(b"hello".to_vec()));
    data.push_tlv(MessageSubmissionRequestTlvValue::MessagePayload(words));
    let response = gateway.asks(data).await;
    assert_eq!((response.id(), response.status()), (CommandId::DataSmResp, 0));
    let shown = &carrier.phone(ROSA).texts()[0];
    assert_eq!((shown.from.as_str(), shown.text.as_str()), (OFFICE, "hello"));
}

#[tokio::test]
async fn doubles_and_disorder_are_counted() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    for words in ["text 1", "text 3", "text 2", "text 3"] {
        gateway.asks(text(words)).await;
    }
    let summary = carrier.summary();
    assert_eq!((summary.counts.submits, summary.doubles, summary.disordered), (4, 1, 1));
    assert_eq!(summary.phones[0].number, ROSA);
    assert_eq!(summary.unanswered.submit_sm, 0);
}
