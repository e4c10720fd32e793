//! Texts of phones and receipts, in every way in which the simulated carrier brings them.

use assent::domain::Answer;
use assent::ports::Delivery;
use assent::simulator::{Carries, DefaultAlphabet, DeliverBy, Faults, LongTexts, Receipts};

use crate::capture::Way;
use crate::recording::Recording;
use crate::tshark::{Pdu, dissect};

const DELIVER_SM: u32 = 0x05;
const PHONE: &str = "+13035550123";
const OFFICE: &str = "+13035550100";

#[tokio::test]
async fn what_a_phone_types_is_read_as_it_was_typed_in_whatever_way_it_comes() {
    let mut tape = crate::capture::Tape::default();
    let ways = [LongTexts::Udh, LongTexts::Udh16, LongTexts::Sar, LongTexts::Payload];
    let short = "Sale? à 3 € @ £5 [ok]";
    let (long, wide) = ("my knee hurts [a bit] ".repeat(17), "Мы опоздаем 👍🏽 ".repeat(11));
    let texts = [short, &long, "Да 👍", &wide];
    for (connection, long_texts) in (0..).zip(ways) {
        let mut recording = Recording::begin(Default::default(), DefaultAlphabet::Gsm7).await;
        recording.carrier.set_faults(Faults { long_texts, ..Faults::default() });
        for text in texts {
            recording.carrier.phone(PHONE).text(OFFICE, text).await;
        }
        let mut came = String::new();
        while came.len() < texts.concat().len() {
            let Delivery::Text { inbound, .. } = recording.delivered().await else { panic!("a text was expected") };
            came += inbound.text.expose();
        }
        assert_eq!(came, texts.concat());
        tape.append(connection, &recording.end().await);
    }

    let pdus = dissect(&tape);
    for (connection, long_texts) in (0..).zip(ways) {
        let of_it = |pdu: &&Pdu| pdu.connection == connection && pdu.is(DELIVER_SM, Way::ToClient);
        let mut delivers = pdus.iter().filter(of_it);
        for (text, segments, data_coding) in [(short, 1, 0), (&long, 3, 0), ("Да 👍", 1, 8), (&wide, 3, 8)] {
            let segments = if long_texts == LongTexts::Payload { 1 } else { segments };
            let parts: Vec<&Pdu> = delivers.by_ref().take(segments).collect();
            check(&parts, text, data_coding, long_texts);
        }
        assert!(delivers.next().is_none());
    }
}

#[track_caller]
fn check(parts: &[&Pdu], text: &str, data_coding: u32, long_texts: LongTexts) {
    assert_eq!(parts.iter().map(|part| part.words()).collect::<String>(), text, "{long_texts:?}");
    let total = u32::try_from(parts.len()).unwrap();
    for (number, part) in (1..).zip(parts) {
        let parties = ["smpp.source_addr", "smpp.destination_addr"].map(|field| part.shown(field).unwrap());
        assert_eq!(parties, ["13035550123", "13035550100"]);
        let forms = ["source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi"];
        let forms = forms.map(|field| part.number(&format!("smpp.{field}")));
        assert_eq!((forms, part.number("smpp.data_coding")), ([1; 4], data_coding));
        // They may not be anything else in a deliver_sm (SMPP 3.4 §4.6.1).
        let fixed = ["smpp.schedule_delivery_time_r", "smpp.validity_period_r"].map(|field| part.shown(field));
        assert_eq!(fixed, [Some("0.000000000"); 2]);
        let told = match long_texts {
            _ if total == 1 => None,
            LongTexts::Udh => Some((0, ["gsm_sms.udh.mm.msg_parts", "gsm_sms.udh.mm.msg_part"])),
            LongTexts::Udh16 => Some((8, ["gsm_sms.udh.mm.msg_parts", "gsm_sms.udh.mm.msg_part"])),
            LongTexts::Sar => Some((0, ["smpp.sar_total_segments", "smpp.sar_segment_seqnum"])),
            LongTexts::Payload => panic!("a payload is whole"),
        };
        let Some((element, fields)) = told else { continue };
        assert_eq!(part.numbers(fields), [total, number]);
        if long_texts != LongTexts::Sar {
            assert_eq!(part.number("gsm_sms.ie_identifier"), element);
        }
    }
}

#[tokio::test]
async fn a_receipt_is_read_as_one_wherever_it_says_what_it_says() {
    const ERROR: u16 = 27;
    let outcomes = [
        // message_state (SMPP 3.4 §5.2.28), and how the text abbreviates it (appendix B).
        (Receipts::Delivered, 2, "DELIVRD"),
        (Receipts::Expired, 3, "EXPIRED"),
        (Receipts::Deleted, 4, "DELETED"),
        (Receipts::Undeliverable, 5, "UNDELIV"),
        (Receipts::Unknown, 7, "UNKNOWN"),
        (Receipts::Rejected, 8, "REJECTD"),
    ];
    let carried = [Carries::Both, Carries::Parameters, Carries::Text];
    let mut recording = Recording::begin(Default::default(), DefaultAlphabet::Gsm7).await;
    let mut meant = Vec::new();
    for (receipts, state, word) in outcomes {
        for receipt_carries in carried {
            let faults = Faults { receipts, receipt_carries, receipt_error: ERROR, ..Faults::default() };
            recording.carrier.set_faults(faults);
            let (cleared, answer) = recording.submit("hello").await;
            let Answer::Taken { ids } = answer else { panic!("{answer:?}") };
            let Delivery::Receipt { receipt, .. } = recording.delivered().await else { panic!("no receipt") };
            assert_eq!(receipt.carrier_id.as_ref(), ids.first());
            meant.push((receipt_carries, ids[0].0.to_string(), cleared.reference(), state, word));
        }
    }

    let pdus = dissect(&recording.end().await);
    let receipts: Vec<&Pdu> = pdus.iter().filter(|pdu| pdu.is(DELIVER_SM, Way::ToClient)).collect();
    assert_eq!(receipts.len(), meant.len());
    for (receipt, (carries, id, reference, state, word)) in receipts.into_iter().zip(meant) {
        assert_eq!(receipt.number("smpp.esm.submit.msg_type"), 1, "a receipt (SMPP 3.4 §5.2.12)");
        let text = receipt.words();
        let in_text = text.starts_with(&format!("id:{id} ")) && text.contains(&format!("stat:{word} err:027"));
        assert_eq!(in_text, carries != Carries::Parameters, "{text}");
        let in_parameters =
            (carries != Carries::Text).then_some((id.as_str(), state, u32::from(ERROR), reference.into()));
        let read = receipt.shown("smpp.receipted_message_id").map(|id| {
            let fields = ["smpp.message_state", "smpp.network_error.code", "smpp.user_message_reference"];
            let [state, error, reference] = receipt.numbers(fields);
            (id, state, error, reference)
        });
        assert_eq!(read, in_parameters);
    }
}

#[tokio::test]
async fn a_data_sm_brings_the_same_as_a_deliver_sm() {
    const DATA_SM: u32 = 0x103;
    let mut recording = Recording::begin(Default::default(), DefaultAlphabet::Gsm7).await;
    let long = "my knee hurts [a bit] ".repeat(17);
    let texts =
        [("Sale? à 3 € @ £5 [ok]", LongTexts::Udh, 1), (&long, LongTexts::Sar, 3), (&long, LongTexts::Payload, 1)];
    for (text, long_texts, segments) in texts {
        recording.carrier.set_faults(Faults { deliver_by: DeliverBy::DataSm, long_texts, ..Faults::default() });
        recording.carrier.phone(PHONE).text(OFFICE, text).await;
        for _ in 0..segments {
            assert!(matches!(recording.delivered().await, Delivery::Text { .. }));
        }
    }
    let (_, answer) = recording.submit("hello").await;
    let Answer::Taken { ids } = answer else { panic!("{answer:?}") };
    let Delivery::Receipt { receipt, .. } = recording.delivered().await else { panic!("no receipt") };
    assert_eq!(receipt.carrier_id.as_ref(), ids.first());

    let pdus = dissect(&recording.end().await);
    let mut data = pdus.iter().filter(|pdu| pdu.is(DATA_SM, Way::ToClient));
    for (text, _, segments) in texts {
        assert_eq!(data.by_ref().take(segments).map(Pdu::words).collect::<String>(), text);
    }
    let receipt = data.next().unwrap();
    assert_eq!(receipt.numbers(["smpp.esm.submit.msg_type", "smpp.message_state"]), [1, 2]);
    assert_eq!(receipt.shown("smpp.receipted_message_id"), Some(&*ids[0].0));
    assert!(pdus.iter().any(|pdu| pdu.is(DATA_SM | 0x8000_0000, Way::ToServer)), "it is answered");
}
