//! Texts of staff in every writing of a profile: what Wireshark reads in each `submit_sm` is what was meant.

use assent::carrier::Profile;
use assent::carrier::profile::{Concatenation, ValidityPeriod};
use assent::carrier::translate::Dialect;
use assent::domain::text::DefaultAlphabet as Alphabet;
use assent::domain::{Answer, Cleared};
use assent::simulator::DefaultAlphabet;
use jiff::SignedDuration;

use crate::capture::{Tape, Way};
use crate::recording::Recording;
use crate::tshark::{Pdu, dissect};

pub const SUBMIT_SM: u32 = 0x04;
/// `data_coding` (SMPP 3.4 §5.2.19).
const ASCII: u8 = 1;
const LATIN_1: u8 = 3;
const UCS2: u8 = 8;

/// A text that was written, and in which way.
struct Meant {
    connection: u16,
    cleared: Cleared,
    segments: usize,
    data_coding: u8,
    concatenation: Concatenation,
}

#[tokio::test]
async fn every_text_is_read_as_it_was_meant_in_whatever_way_it_was_written() {
    const { assert!(UCS2 == 8) };
    let ways = [Concatenation::Udh8, Concatenation::Udh16, Concatenation::Sar, Concatenation::MessagePayload];
    let alphabets = [
        (Alphabet::Gsm, 0, "Cost: {3 €} @ £5 ñ Δ_[ok]"),
        (Alphabet::Latin1, LATIN_1, "¿Señor? à 3 £ @ é Ü §"),
        (Alphabet::Ascii, ASCII, "Yes @ 3_[ok] {x} ~ \\"),
    ];
    let mut tape = Tape::default();
    let mut meant = Vec::new();
    for (connection, (concatenation, (alphabet, data_coding, short))) in
        (0..).zip(ways.into_iter().flat_map(|way| alphabets.map(|alphabet| (way, alphabet))))
    {
        let dialect = Dialect { default_alphabet: alphabet, ..Dialect::default() };
        let profile = Profile { concatenation, dialect, data_coding, ..Profile::default() };
        let mut recording = Recording::begin(profile, DefaultAlphabet::Gsm7).await;
        let long = format!("{short} ").repeat(11);
        let wide = "Čau, Rosa 👍🏽 你好 ".repeat(9);
        for (text, data_coding) in [(short, data_coding), (&long, data_coding), ("Ж 👍", UCS2), (&wide, UCS2)] {
            let (cleared, answer) = recording.submit(text.trim()).await;
            let Answer::Taken { ids } = answer else { panic!("{text}: {answer:?}") };
            recording.carrier.phone("+13035550123").wait_for_text(|shown| shown.text == text.trim()).await;
            meant.push(Meant { connection, cleared, segments: ids.len(), data_coding, concatenation });
        }
        tape.append(connection, &recording.end().await);
    }

    let pdus = dissect(&tape);
    let mut submits = pdus.iter().filter(|pdu| pdu.is(SUBMIT_SM, Way::ToServer)).peekable();
    for meant in &meant {
        let segments: Vec<&Pdu> = submits.by_ref().take(meant.segments).collect();
        meant.check(&segments);
    }
    assert!(submits.peek().is_none());
    assert!(meant.iter().filter(|meant| meant.segments > 1).count() >= 18, "of the long ones only payloads are whole");
}

impl Meant {
    #[track_caller]
    fn check(&self, segments: &[&Pdu]) {
        let text = self.cleared.text().expose();
        for segment in segments {
            assert_eq!(segment.connection, self.connection, "{text}");
            self.check_common(segment);
        }
        let read: String = segments.iter().map(|segment| segment.words()).collect();
        assert_eq!(read, text, "{:?}", self.concatenation);
        let sequences: Vec<u32> = segments.iter().map(|segment| segment.number("smpp.sequence_number")).collect();
        assert!(sequences.iter().zip(&sequences[1..]).all(|(one, next)| one + 1 == *next), "{sequences:?}");

        let total = u32::try_from(segments.len()).unwrap();
        let reference = u32::from(self.cleared.reference());
        for (number, segment) in (1..).zip(segments) {
            let has_header = total > 1 && matches!(self.concatenation, Concatenation::Udh8 | Concatenation::Udh16);
            // Of esm_class: the default mode, an ordinary text, and whether there is a header.
            let esm_class = ["msg_mode", "msg_type", "features"].map(|part| format!("smpp.esm.submit.{part}"));
            let esm_class = segment.numbers(esm_class.each_ref().map(String::as_str));
            assert_eq!(esm_class, [0, 0, u32::from(has_header)], "{text}");
            let by_header = ["gsm_sms.udh.mm.msg_id", "gsm_sms.udh.mm.msg_parts", "gsm_sms.udh.mm.msg_part"];
            let by_sar = ["smpp.sar_msg_ref_num", "smpp.sar_total_segments", "smpp.sar_segment_seqnum"];
            let told = |fields: [&str; 3]| fields.map(|field| segment.number_if_any(field));
            let (in_header, in_parameters) = match self.concatenation {
                _ if total == 1 => ([None; 3], [None; 3]),
                Concatenation::Udh8 => ([reference & 0xFF, total, number].map(Some), [None; 3]),
                Concatenation::Udh16 => ([reference, total, number].map(Some), [None; 3]),
                Concatenation::Sar => ([None; 3], [reference, total, number].map(Some)),
                Concatenation::MessagePayload => panic!("a payload is whole"),
            };
            assert_eq!((told(by_header), told(by_sar)), (in_header, in_parameters), "{text}");
            let element = has_header.then_some(if self.concatenation == Concatenation::Udh8 { 0 } else { 8 });
            assert_eq!(segment.number_if_any("gsm_sms.ie_identifier"), element, "{text}");
        }
        let is_payload =
            self.concatenation == Concatenation::MessagePayload && segments[0].words().chars().count() > 70;
        assert_eq!(segments[0].octets("smpp.message_payload").is_some(), is_payload, "{text}");
    }

    /// What holds of every segment.
    #[track_caller]
    fn check_common(&self, segment: &Pdu) {
        let expires_at = self.cleared.expires_at().strftime("%b %e, %Y %H:%M:%S.000000000 UTC").to_string();
        for (field, meant) in [
            ("smpp.service_type", "(Default)"),
            ("smpp.source_addr", "13035550100"),
            ("smpp.destination_addr", "13035550123"),
            ("smpp.validity_period", &expires_at),
            // There is none: it is sent at once.
            ("smpp.schedule_delivery_time_r", "0.000000000"),
        ] {
            assert_eq!(segment.shown(field), Some(meant), "{field}");
        }
        for (field, meant) in [
            ("smpp.source_addr_ton", 1),
            ("smpp.source_addr_npi", 1),
            ("smpp.dest_addr_ton", 1),
            ("smpp.dest_addr_npi", 1),
            ("smpp.protocol_id", 0),
            ("smpp.priority_flag", 0),
            ("smpp.regdel.receipt", 1),
            ("smpp.regdel.acks", 0),
            ("smpp.regdel.notif", 0),
            ("smpp.replace_if_present_flag", 0),
            ("smpp.sm_default_msg_id", 0),
            ("smpp.data_coding", self.data_coding.into()),
            ("smpp.user_message_reference", self.cleared.reference().into()),
        ] {
            assert_eq!(segment.number(field), meant, "{field}");
        }
    }
}

#[tokio::test]
async fn the_end_of_a_texts_time_may_be_told_as_how_long_it_is_until_then() {
    let profile = Profile { validity_period: ValidityPeriod::Relative, ..Profile::default() };
    let mut recording = Recording::begin(profile, DefaultAlphabet::Gsm7).await;
    let now = recording.now();
    let (cleared, _) = recording.submit("hello").await;
    let pdus = dissect(&recording.end().await);
    let submit = pdus.iter().find(|pdu| pdu.is(SUBMIT_SM, Way::ToServer)).unwrap();
    let left: SignedDuration = cleared.expires_at().duration_since(now);
    assert_eq!(submit.shown("smpp.validity_period_r"), Some(format!("{}.000000000", left.as_secs()).as_str()));
}
