//! Receipts: early, late, twice, missing, out of order, and with ids and words of every kind.

use std::time::Duration;

use assent::carrier::short_message::ShortMessage;
use assent::simulator::{Carries, Faults, Ids, Receipts, Share, Span};
use smpp::CommandId;
use tokio::time::Instant;

use crate::gateway::{Gateway, bound_with, id, message, registered, text, words};

/// Sends a text; the id that it was taken with, and its receipt, whichever comes first.
async fn receipt_of(gateway: &mut Gateway) -> (String, ShortMessage) {
    gateway.says(registered("hello")).await;
    let mut frames = gateway.hears_all(2).await;
    frames.sort_by_key(|frame| frame.id() == CommandId::DeliverSm);
    gateway.answers(&frames[1], 0).await;
    (id(&frames[0]), message(&frames[1]))
}

async fn receipt_with(faults: Faults) -> (String, ShortMessage) {
    let (_carrier, mut gateway) = bound_with(faults).await;
    receipt_of(&mut gateway).await
}

/// The id that the words of a receipt name.
fn id_in_words(receipt: &ShortMessage) -> String {
    let words = words(receipt);
    words.strip_prefix("id:").unwrap().split(' ').next().unwrap().to_owned()
}

fn id_in_parameters(receipt: &ShortMessage) -> Option<String> {
    receipt.parameters.receipted_message_id.clone().map(|id| String::from_utf8(id).unwrap())
}

#[tokio::test]
async fn a_receipt_names_the_text_in_both_ways() {
    let (id, receipt) = receipt_with(Faults::default()).await;
    assert_eq!((id_in_words(&receipt), id_in_parameters(&receipt)), (id.clone(), Some(id)));
    assert!(words(&receipt).contains(" stat:DELIVRD err:000 "));
    assert_eq!(receipt.parameters.message_state, Some(2));
}

#[tokio::test]
async fn a_receipt_comes_to_whoever_asked_for_it_only() {
    let (_carrier, mut gateway) = bound_with(Faults { receipt_before_response: true, ..Faults::default() }).await;
    id(&gateway.asks(text("hello")).await);
    gateway.hears_nothing().await;
}

#[tokio::test]
async fn a_receipt_may_come_before_the_response() {
    let (_carrier, mut gateway) = bound_with(Faults { receipt_before_response: true, ..Faults::default() }).await;
    gateway.says(registered("hello")).await;
    let order: Vec<CommandId> = gateway.hears_all(2).await.iter().map(|frame| frame.id()).collect();
    assert_eq!(order, [CommandId::DeliverSm, CommandId::SubmitSmResp]);
}

#[tokio::test]
async fn a_receipt_may_be_late() {
    const LATE: Duration = Duration::from_millis(200);
    let sent = Instant::now();
    receipt_with(Faults { receipt_after: Some(Span(LATE)), ..Faults::default() }).await;
    assert!(sent.elapsed() >= LATE);
}

#[tokio::test]
async fn a_receipt_may_come_twice() {
    let faults = Faults { receipt_copies: 1, receipt_before_response: true, ..Faults::default() };
    let (carrier, mut gateway) = bound_with(faults).await;
    gateway.says(registered("hello")).await;
    let frames = gateway.hears_all(3).await;
    assert_eq!(frames[0].body(), frames[1].body());
    assert_eq!(carrier.counts().receipts, 2);
}

#[tokio::test]
async fn receipts_may_be_missing_and_out_of_order() {
    let faults = Faults {
        receipts_missing: Some(Share(1, 3)),
        receipts_reversed: 2,
        receipt_before_response: true,
        ..Faults::default()
    };
    let (_carrier, mut gateway) = bound_with(faults).await;
    let first = id(&gateway.asks(registered("one")).await);
    let second = id(&gateway.asks(registered("two")).await);
    gateway.says(registered("three")).await;
    let frames = gateway.hears_all(3).await;
    let third = id(&frames[2]);
    let named: Vec<String> = frames[..2].iter().map(|frame| id_in_words(&message(frame))).collect();
    assert_eq!(named, [third, second]);
    assert!(!named.contains(&first), "the first of three is missing");
}

#[tokio::test]
async fn what_was_gathered_comes_when_the_script_ends() {
    let faults = Faults { receipts_reversed: 9, receipt_before_response: true, ..Faults::default() };
    let (carrier, mut gateway) = bound_with(faults).await;
    let first = id(&gateway.asks(registered("one")).await);
    carrier.set_faults(Faults::default());
    assert_eq!(id_in_words(&gateway.takes().await), first);
}

#[tokio::test]
async fn ids_are_written_otherwise_than_they_were_given() {
    let given = |id: &str| u64::from_str_radix(id, 16).unwrap();
    for receipt_ids in [Ids::UpperHex, Ids::Decimal, Ids::PaddedHex, Ids::PaddedDecimal, Ids::Unknown, Ids::Empty] {
        let (id, receipt) = receipt_with(Faults { receipt_ids: Some(receipt_ids), ..Faults::default() }).await;
        let expected = match receipt_ids {
            Ids::Hex => unreachable!("it is how they are given"),
            Ids::UpperHex => id.to_uppercase(),
            Ids::Decimal => given(&id).to_string(),
            Ids::PaddedHex => format!("{:016x}", given(&id)),
            Ids::PaddedDecimal => format!("{:020}", given(&id)),
            Ids::Unknown => format!("nobody-{id}"),
            Ids::Empty => String::new(),
        };
        assert_eq!(id_in_words(&receipt), expected);
        assert_eq!(id_in_parameters(&receipt).unwrap_or_default(), expected);
    }
    let both = Faults { answer_ids: Ids::Decimal, receipt_ids: Some(Ids::Hex), ..Faults::default() };
    let (id, receipt) = receipt_with(both).await;
    assert_eq!(format!("{:x}", id.parse::<u64>().unwrap()), id_in_words(&receipt));
}

#[tokio::test]
async fn a_receipt_may_carry_its_parameters_or_its_words_alone() {
    let (id, receipt) = receipt_with(Faults { receipt_carries: Carries::Parameters, ..Faults::default() }).await;
    assert_eq!((id_in_parameters(&receipt), words(&receipt)), (Some(id), String::new()));
    let (id, receipt) = receipt_with(Faults { receipt_carries: Carries::Text, ..Faults::default() }).await;
    assert_eq!((id_in_words(&receipt), id_in_parameters(&receipt)), (id, None));
    assert_eq!(receipt.parameters.message_state, None);
}

#[tokio::test]
async fn a_text_that_does_not_arrive_says_why() {
    for (receipts, word, state) in [
        (Receipts::Undeliverable, "UNDELIV", 5),
        (Receipts::Expired, "EXPIRED", 3),
        (Receipts::Deleted, "DELETED", 4),
        (Receipts::Rejected, "REJECTD", 8),
        (Receipts::Unknown, "UNKNOWN", 7),
    ] {
        let (_, receipt) = receipt_with(Faults { receipts, receipt_error: 21, ..Faults::default() }).await;
        assert!(words(&receipt).contains(&format!(" stat:{word} err:021 ")), "{}", words(&receipt));
        assert_eq!(receipt.parameters.message_state, Some(state));
    }
}
