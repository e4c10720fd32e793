//! What goes wrong with the octets: cut off, split, out of place, unread, and too many.

use std::time::Duration;

use assent::simulator::{Alert, Cut, Faults, Measure, Nack, Span, Split, Verb, WireDirection};
use smpp::{CommandId, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::gateway::{Gateway, OFFICE, ROSA, bound_with, carrier, text, transceiver, words};

fn cut(after: usize, of: Measure) -> Faults {
    Faults { cut: Some(Cut { after, of }), ..Faults::default() }
}

/// How many texts were heard on the way to the end of the connection, and how many octets and PDUs were.
async fn until_cut(faults: Faults) -> (u64, usize, usize) {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.set_faults(faults);
    let mut octets = 0;
    let mut pdus = 0;
    for _ in 0..10 {
        // The carrier may be gone before we are done.
        let submit = assent::carrier::frame::encode(0, 7, text("hello").into());
        if gateway.stream.write_all(&submit).await.is_err() {
            break;
        }
    }
    while let Some(frame) = gateway.hears_or_end().await {
        octets += frame.octets().len();
        pdus += 1;
    }
    (carrier.counts().submits, octets, pdus)
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_pdus_in_either_direction() {
    let (submits, _, pdus) = until_cut(cut(3, Measure::PdusRead)).await;
    assert_eq!((submits, pdus), (3, 2), "the last one is taken and not answered");
    let (_, _, pdus) = until_cut(cut(3, Measure::PdusWritten)).await;
    assert_eq!(pdus, 3);
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_octets_read() {
    let length = assent::carrier::frame::encode(0, 1, text("hello").into()).len();
    for (after, taken) in [(length - 1, 0), (length, 1), (length + 1, 1)] {
        let (submits, _, _) = until_cut(cut(after, Measure::OctetsRead)).await;
        assert_eq!(submits, taken, "{after} of {length}");
    }
}

#[tokio::test]
async fn a_connection_is_cut_after_so_many_octets_written() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.set_faults(cut(20, Measure::OctetsWritten));
    gateway.says(Pdu::EnquireLink).await;
    gateway.says(Pdu::EnquireLink).await;
    let mut octets = 0;
    loop {
        match gateway.reads().await.len() {
            0 => break,
            read => octets += read,
        }
    }
    assert_eq!(octets, 20, "one enquire_link_resp and a quarter of the next");
}

#[tokio::test]
async fn a_cut_comes_on_every_connection_until_the_script_changes() {
    let carrier = carrier().await;
    carrier.set_faults(cut(1, Measure::PdusRead));
    for _ in 0..2 {
        let mut gateway = Gateway::connected(&carrier).await;
        gateway.says(transceiver("practice")).await;
        assert_eq!(gateway.hears_or_end().await, None);
    }
    carrier.set_faults(Faults::default());
    Gateway::bound(&carrier).await;
}

#[tokio::test]
async fn the_carrier_closes_without_a_word() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.tell(Verb::Drop).unwrap();
    assert_eq!(gateway.hears_or_end().await, None);
}

#[tokio::test]
async fn the_carrier_resets_the_connection() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.tell(Verb::Reset).unwrap();
    let mut buffer = [0; 16];
    let end = gateway.stream.read(&mut buffer).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    carrier.wait_for_binds(0).await;
}

#[tokio::test]
async fn a_carrier_that_is_mute_takes_everything_and_says_nothing() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.set_faults(Faults { mute: true, ..Faults::default() });
    gateway.says(text("hello")).await;
    carrier.phone(ROSA).wait_for_text(|text| text.text == "hello").await;
    carrier.phone(ROSA).send(OFFICE, "Yes");
    // The socket stands: what is said once the script ends is all that is heard.
    carrier.set_faults(Faults::default());
    assert_eq!(words(&gateway.takes().await), "Yes");
    gateway.hears_nothing().await;
}

#[tokio::test]
async fn a_carrier_that_stops_reading_leaves_the_octets_where_they_are() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.set_faults(Faults { stop_reading: true, ..Faults::default() });
    // It still writes: what comes shows that the script has begun.
    carrier.phone(ROSA).send(OFFICE, "Yes");
    assert_eq!(words(&gateway.takes().await), "Yes");
    let filled = async {
        let submit = assent::carrier::frame::encode(0, 7, text("hello").into());
        while gateway.stream.write_all(&submit).await.is_ok() {}
    };
    // Neither side holds so much for ever: the writer stands still.
    assert!(tokio::time::timeout(Duration::from_secs(1), filled).await.is_err());
    assert_eq!(carrier.counts().submits, 0);
}

#[tokio::test]
async fn octets_out_of_place_come_as_they_were_given() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.tell(Verb::Stray("48545450".into())).unwrap();
    assert_eq!(gateway.reads().await, b"HTTP");
}

#[tokio::test]
async fn a_pdu_comes_in_pieces() {
    let pieces = |every, at: &[usize], pause| {
        let split = Split { every, at: at.to_vec(), pause: Span(Duration::from_millis(pause)) };
        Faults { split: Some(split), ..Faults::default() }
    };
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.set_faults(pieces(None, &[4, 15], 250));
    gateway.says(Pdu::EnquireLink).await;
    assert_eq!(gateway.reads().await.len(), 4);
    assert_eq!(gateway.reads().await.len(), 11);
    assert_eq!(gateway.reads().await.len(), 1);

    carrier.set_faults(pieces(Some(1), &[], 0));
    for words in ["one", "two"] {
        assert_eq!(gateway.asks(text(words)).await.status(), 0);
    }
}

#[tokio::test]
async fn enquiries_come_in_a_flood() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.tell(Verb::EnquireLinks(1_000)).unwrap();
    let heard = gateway.hears_all(1_000).await;
    assert!(heard.iter().all(|frame| frame.id() == CommandId::EnquireLink));
    assert_eq!(carrier.summary().unanswered.enquire_link, 1_000);
}

#[tokio::test]
async fn a_nack_and_an_alert_come_out_of_the_blue() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.tell(Verb::Nack(Nack { status: 3, sequence: 77 })).unwrap();
    let nack = gateway.hears().await;
    assert_eq!((nack.id(), nack.status(), nack.sequence()), (CommandId::GenericNack, 3, 77));
    carrier.tell(Verb::Alert(Alert { phone: ROSA.into(), to: OFFICE.into() })).unwrap();
    let Some(Pdu::AlertNotification(alert)) = gateway.hears().await.decode() else { panic!("no alert") };
    assert_eq!((alert.source_addr.as_str(), alert.esme_addr.as_str()), ("13035550123", "13035550100"));
}

#[tokio::test]
async fn the_log_has_what_was_written_and_not_what_was_lost() {
    let (carrier, mut gateway) = bound_with(Faults::default()).await;
    carrier.set_faults(Faults { mute: true, ..Faults::default() });
    gateway.says(text("hello")).await;
    carrier.phone(ROSA).wait_for_text(|text| text.text == "hello").await;
    let said = carrier.wire_log().into_iter().filter(|entry| entry.direction == WireDirection::ToGateway);
    assert_eq!(said.map(|entry| entry.command).collect::<Vec<_>>(), ["bind_transceiver_resp"]);
}
