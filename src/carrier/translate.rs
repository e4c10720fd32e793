//! From the words of SMPP to those of the conversations: a `deliver_sm` or a `data_sm` becomes a text, a receipt, or
//! something for a person to look at.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::alert::Alert;
use super::frame::Frame;
use super::receipt::Errors;
use super::session::Delivered;
use super::short_message::{Address, ShortMessage};
use super::text::Letters;
use super::udh::{self, Header};
use super::{receipt, text};
use crate::domain::letters::{LOST, Segment};
use crate::domain::text::DefaultAlphabet;
use crate::domain::{
    Body, CarrierId, Clues, DeliveryId, Fingerprint, Inbound, Mark, Marks, Part, Phone, Receipt, ReceiptState, Written,
};
use crate::ports::{DeadLetter, Delivery};

/// The session that brings a delivery, and the end of the one before it.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    pub began: Timestamp,
    pub earlier_ended: Option<Timestamp>,
}

/// How a carrier writes what it delivers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialect {
    pub default_alphabet: DefaultAlphabet,
    /// What the errors in its receipts mean.
    pub errors: Errors,
    /// Of the clock whose time stands in its receipts.
    pub receipt_zone: ReceiptZone,
}

/// The time zone of the dates in a carrier's receipts, which name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptZone(pub TimeZone);

impl Default for ReceiptZone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// What a `deliver_sm` or a `data_sm` brings. Everything is something: what no conversation can take is set aside with the reason.
pub fn delivery(
    delivered: &Delivered,
    id: DeliveryId,
    now: Timestamp,
    sessions: Sessions,
    dialect: &Dialect,
) -> Delivery {
    let aside = |reason| Delivery::Unroutable(DeadLetter { at: now, reason, raw: delivered.frame.octets().to_vec() });
    let message = match &delivered.message {
        Ok(message) => message,
        Err(malformed) => return aside(malformed.reason),
    };
    let (Some(from), Some(to)) = (phone(&message.source), phone(&message.destination)) else {
        return aside("source or destination is not a phone number");
    };
    // The message type alone says what it is, never the text (SMPP 3.4 §5.2.12).
    match message.esm_class & 0x3C {
        0x00 => Delivery::Text { from, to, inbound: inbound(message, id, sessions, dialect) },
        0x04 => Delivery::Receipt { number: to, phone: from, receipt: receipt(message, dialect) },
        0x08 => aside("delivery acknowledgement of a handset"),
        0x10 => aside("manual acknowledgement of a handset"),
        0x20 => aside("intermediate notification"),
        _ => aside("unknown message type in esm_class"),
    }
}

/// What an `alert_notification` brings: nothing, unless a phone can be reached again.
pub fn alert(frame: &Frame) -> Option<Delivery> {
    let alert = Alert::read(frame).ok().filter(|alert| alert.is_available)?;
    Some(Delivery::Reachable { number: phone(&alert.esme)?, phone: phone(&alert.source)? })
}

fn inbound(message: &ShortMessage, id: DeliveryId, sessions: Sessions, dialect: &Dialect) -> Inbound {
    let Sessions { began, earlier_ended: earlier_session_ended } = sessions;
    let octets = octets(message);
    let mut marks = Marks::NONE;
    let (header, words) = match message.esm_class & udh::INDICATOR != 0 {
        // A header that makes no sense is shown with the text rather than dropped.
        true => udh::read(octets).unwrap_or_else(|| {
            marks = marks.with(Mark::OddHeader);
            (Header::default(), octets)
        }),
        false => (Header::default(), octets),
    };
    let letters = Letters { default_alphabet: dialect.default_alphabet, shifts: header.shifts };
    let (text, form) = letters.decode(message.data_coding, words);
    if text.contains(LOST) {
        marks = marks.with(Mark::Replaced);
    }
    if has_second_text(message) {
        marks = marks.with(Mark::SecondText);
    }
    let part = header.part.or_else(|| sar(message));
    let (coding, _) = letters.coding(message.data_coding);
    let segment = coding.filter(|_| part.is_some()).map(|coding| Segment::new(coding, words));
    Inbound {
        text: Body::new(text),
        form,
        part,
        fingerprint: fingerprint(message),
        delivery: Some(id),
        earlier_session_ended,
        session_began: Some(began),
        written: Written { marks, segment },
    }
}

/// Both `short_message` and `message_payload`, where SMPP 3.4 §5.3.2.32 allows one.
fn has_second_text(message: &ShortMessage) -> bool {
    let has_payload = message.parameters.message_payload.as_deref().is_some_and(|octets| !octets.is_empty());
    has_payload && !message.short_message.is_empty()
}

/// `message_payload` counts where both are there (SMPP 3.4 §5.3.2.32).
fn octets(message: &ShortMessage) -> &[u8] {
    let payload = message.parameters.message_payload.as_deref();
    payload.filter(|octets| !octets.is_empty()).unwrap_or(&message.short_message)
}

fn sar(message: &ShortMessage) -> Option<Part> {
    let parameters = &message.parameters;
    Some(Part {
        reference: parameters.sar_msg_ref_num?.into(),
        total: parameters.sar_total_segments?,
        number: parameters.sar_segment_seqnum?,
    })
}

/// SMPP 3.4 §5.2.23: an id has 64 characters at most. Of a longer one that much is kept, wherever it stands.
const ID_CHARS_MAX: usize = 64;

/// What a receipt says, in its optional parameters or else in its text.
pub(super) fn receipt(message: &ShortMessage, dialect: &Dialect) -> Receipt {
    let parameters = &message.parameters;
    let said = receipt::read(&receipt_words(message));
    let id = match &parameters.receipted_message_id {
        Some(id) => Some(String::from_utf8_lossy(id).into_owned()),
        None => said.id,
    };
    let id = id.map(|id| id.chars().take(ID_CHARS_MAX).collect::<String>());
    let state = parameters.message_state.map(receipt::state_of).or(said.state);
    let ReceiptZone(zone) = &dialect.receipt_zone;
    let submitted_at = said.submitted.and_then(|at| at.to_zoned(zone.clone()).ok()).map(|at| at.timestamp());
    Receipt {
        carrier_id: id.filter(|id| !id.is_empty()).map(|id| CarrierId(id.into())),
        reference: parameters.user_message_reference,
        state: state.unwrap_or(ReceiptState::Unknown),
        error: dialect.errors.of(parameters.network_error_code, said.error),
        clues: Clues { spelling: None, submitted_at, opening: said.opening },
    }
}

/// The text of a receipt is ASCII (SMPP 3.4 appendix B), whatever `data_coding` 0 means for patients: in the GSM
/// alphabet an id such as `7f_1` would be another id.
pub(super) fn receipt_words(message: &ShortMessage) -> String {
    match message.data_coding {
        0 => String::from_utf8_lossy(octets(message)).into_owned(),
        other => text::decode(other, octets(message)).0,
    }
}

/// An address as a phone: with its plus sign if it has one or means one, else as a North American number.
pub fn phone(address: &Address) -> Option<Phone> {
    const INTERNATIONAL: u8 = 1;
    let digits = std::str::from_utf8(&address.digits).ok()?;
    if digits.starts_with('+') {
        return Phone::parse(digits).ok();
    }
    let international = || Phone::parse(&format!("+{digits}")).ok();
    let national = || (digits.len() == 10).then(|| Phone::parse(&format!("+1{digits}")).ok()).flatten();
    match address.ton {
        INTERNATIONAL => international(),
        // Ten digits of a national number can look like those of another country.
        _ => national().or_else(international),
    }
}

/// What makes a delivery this delivery and no other.
fn fingerprint(message: &ShortMessage) -> Fingerprint {
    let mut hash = Sha256::new();
    for field in [message.source.digits.as_slice(), message.destination.digits.as_slice(), octets(message)] {
        hash.update(u64::try_from(field.len()).expect("a PDU is below 70,000 octets").to_be_bytes());
        hash.update(field);
    }
    hash.update([message.esm_class, message.data_coding, message.protocol_id]);
    let parameters = &message.parameters;
    if let (Some(reference), Some(total), Some(number)) =
        (parameters.sar_msg_ref_num, parameters.sar_total_segments, parameters.sar_segment_seqnum)
    {
        hash.update(reference.to_be_bytes());
        hash.update([total, number]);
    }
    let digest = hash.finalize();
    let first = digest.first_chunk::<16>().expect("SHA-256 has 32 octets");
    Fingerprint(*first)
}

#[cfg(test)]
mod tests {
    use smpp::pdus::AlertNotification;
    use smpp::values::{MsAvailabilityStatus, Npi, Ton};

    use super::*;
    use crate::carrier::frame::{Framer, encode};
    use crate::carrier::short_message::Parameters;
    use crate::domain::letters::{Coding, Shifts};
    use crate::domain::{Cause, Opening};

    /// 2026-07-08 09:10:11 UTC
    const NOW: Timestamp = Timestamp::constant(1_783_501_811, 0);

    fn message(short_message: &[u8]) -> ShortMessage {
        ShortMessage {
            source: Address { ton: 1, npi: 1, digits: b"13035550123".to_vec() },
            destination: Address { ton: 1, npi: 1, digits: b"13035550100".to_vec() },
            esm_class: 0,
            protocol_id: 0,
            registered_delivery: 0,
            data_coding: 0,
            short_message: short_message.to_vec(),
            parameters: Default::default(),
        }
    }

    fn deliver(message: ShortMessage) -> Delivery {
        deliver_in(&Dialect::default(), message)
    }

    fn deliver_in(dialect: &Dialect, message: ShortMessage) -> Delivery {
        let mut framer = Framer::default();
        framer.push(&encode(0, 1, smpp::Pdu::EnquireLink));
        let frame = framer.next_frame().unwrap().unwrap();
        let sessions = Sessions { began: NOW, earlier_ended: None };
        delivery(&Delivered { frame, message: Ok(message) }, DeliveryId(1), NOW, sessions, dialect)
    }

    #[track_caller]
    fn text_of(message: ShortMessage) -> Inbound {
        match deliver(message) {
            Delivery::Text { inbound, .. } => inbound,
            other => panic!("a text was expected: {other:?}"),
        }
    }

    #[track_caller]
    fn receipt_of(message: ShortMessage) -> Receipt {
        match deliver(message) {
            Delivery::Receipt { receipt, number, phone } => {
                assert_eq!((number.expose(), phone.expose()), ("+13035550100", "+13035550123"));
                receipt
            }
            other => panic!("a receipt was expected: {other:?}"),
        }
    }

    #[test]
    fn a_text_that_looks_like_a_receipt_is_a_text() {
        assert_eq!(text_of(message(b"id:1 stat:DELIVRD")).text.expose(), "id:1 stat:DELIVRD");
    }

    #[test]
    fn a_receipt_whose_text_is_stop_is_a_receipt() {
        let receipt = receipt_of(ShortMessage { esm_class: 0x04, ..message(b"STOP") });
        let (state, clues) = (ReceiptState::Unknown, Clues::default());
        assert_eq!(receipt, Receipt { carrier_id: None, reference: None, state, error: None, clues });
    }

    #[test]
    fn the_parameters_of_a_receipt_go_before_its_text() {
        let mut both = ShortMessage { esm_class: 0x04, ..message(b"id:7f_1 stat:UNDELIV") };
        assert_eq!(receipt_of(both.clone()).carrier_id, Some(CarrierId("7f_1".into())));
        both.parameters.receipted_message_id = Some(b"tlv".to_vec());
        both.parameters.message_state = Some(2);
        both.parameters.user_message_reference = Some(7);
        let expected = Receipt { reference: Some(7), ..Receipt::delivered(CarrierId("tlv".into())) };
        assert_eq!(receipt_of(both), expected);
    }

    #[test]
    fn a_receipt_says_what_went_wrong_in_its_parameter_or_its_text() {
        let mut both = ShortMessage { esm_class: 0x04, ..message(b"id:7 stat:UNDELIV err:064") };
        let error =
            |message: &ShortMessage| receipt_of(message.clone()).error.map(|error| (error.code.get(), error.cause));
        assert_eq!(error(&both), Some((64, None)));
        both.parameters.network_error_code = Some((3, 1));
        assert_eq!(error(&both), Some((1, Some(Cause::UnknownNumber))));
    }

    #[test]
    fn a_carrier_has_its_own_default_alphabet_and_its_own_errors() {
        let errors = [(64, Cause::OverLimit)].into_iter().collect();
        let dialect = Dialect { default_alphabet: DefaultAlphabet::Latin1, errors, ..Dialect::default() };
        let Delivery::Text { inbound, .. } = deliver_in(&dialect, message(b"S\xED")) else { panic!("a text") };
        assert_eq!(inbound.text.expose(), "Sí");
        let receipt = ShortMessage { esm_class: 0x04, ..message(b"id:7_f stat:UNDELIV err:064") };
        let Delivery::Receipt { receipt, .. } = deliver_in(&dialect, receipt) else { panic!("a receipt") };
        assert_eq!(receipt.carrier_id, Some(CarrierId("7_f".into())));
        assert_eq!(receipt.error.and_then(|error| error.cause), Some(Cause::OverLimit));
    }

    #[test]
    fn the_time_in_a_receipt_is_of_the_carriers_own_zone() {
        let receipt = ShortMessage { esm_class: 0x04, ..message(b"id:7 submit date:2607080310 text:See you") };
        let of_zone = |name: &str| {
            let receipt_zone = ReceiptZone(TimeZone::get(name).unwrap());
            let dialect = Dialect { receipt_zone, ..Dialect::default() };
            let Delivery::Receipt { receipt, .. } = deliver_in(&dialect, receipt.clone()) else { panic!("a receipt") };
            assert_eq!(receipt.clues.opening.as_ref().map(Opening::expose), Some("See you"));
            receipt.clues.submitted_at.map(|at| at.to_string())
        };
        assert_eq!(of_zone("UTC").as_deref(), Some("2026-07-08T03:10:00Z"));
        assert_eq!(of_zone("America/Denver").as_deref(), Some("2026-07-08T09:10:00Z"));
    }

    #[test]
    fn an_id_of_any_length_is_not_kept_whole() {
        let long = "7".repeat(300);
        let in_text = ShortMessage { esm_class: 0x04, ..message(b"") };
        let payload = Some(format!("id:{long} stat:DELIVRD").into_bytes());
        let parameters = Parameters { message_payload: payload, ..Default::default() };
        let receipt = receipt_of(ShortMessage { parameters, ..in_text.clone() });
        assert_eq!(receipt.carrier_id, Some(CarrierId(long[..64].into())));
        let parameters = Parameters { receipted_message_id: Some(long.clone().into_bytes()), ..Default::default() };
        let receipt = receipt_of(ShortMessage { parameters, ..in_text });
        assert_eq!(receipt.carrier_id, Some(CarrierId(long[..64].into())));
    }

    #[test]
    fn segments_are_known_by_their_header_or_their_parameters() {
        let long = ShortMessage { esm_class: udh::INDICATOR, ..message(b"\x05\x00\x03\x07\x02\x01hi") };
        let inbound = text_of(long);
        assert_eq!(
            (inbound.text.expose(), inbound.part),
            ("hi", Some(Part { reference: 7_u8.into(), total: 2, number: 1 }))
        );

        let mut sar = message(b"hi");
        sar.parameters.sar_msg_ref_num = Some(300);
        sar.parameters.sar_total_segments = Some(2);
        sar.parameters.sar_segment_seqnum = Some(2);
        assert_eq!(text_of(sar).part, Some(Part { reference: 300_u16.into(), total: 2, number: 2 }));

        let spanish = ShortMessage { esm_class: udh::INDICATOR, ..message(b"\x03\x24\x01\x02S\x1Bi") };
        assert_eq!((text_of(spanish.clone()).text.expose(), text_of(spanish).part), ("Sí", None));

        let broken = ShortMessage { esm_class: udh::INDICATOR, data_coding: 3, ..message(b"\xC8STOP") };
        assert_eq!(text_of(broken).text.expose(), "\u{C8}STOP", "a header that is none is shown");
    }

    #[test]
    fn a_segment_is_known_as_it_came_and_a_text_that_is_whole_is_not() {
        let cut = ShortMessage { esm_class: udh::INDICATOR, ..message(b"\x05\x00\x03\x07\x02\x015 \x1B") };
        let inbound = text_of(cut);
        assert_eq!(inbound.text.expose(), "5 \u{FFFD}");
        assert_eq!(inbound.written.segment, Some(Segment::new(Coding::Gsm7(Shifts::default()), *b"5 \x1B")));
        assert_eq!(text_of(message(b"5 \x1B")).written.segment, None);
        let mut binary = ShortMessage { data_coding: 4, ..message(b"\x01") };
        binary.parameters.sar_msg_ref_num = Some(1);
        binary.parameters.sar_total_segments = Some(2);
        binary.parameters.sar_segment_seqnum = Some(1);
        assert_eq!(text_of(binary).written.segment, None, "what is no text is not joined as one");
    }

    #[test]
    fn what_is_odd_about_a_text_is_marked() {
        let with_payload = |short_message: &[u8], payload: &[u8]| {
            let parameters = Parameters { message_payload: Some(payload.to_vec()), ..Default::default() };
            ShortMessage { parameters, ..message(short_message) }
        };
        let headed = |octets: &[u8]| ShortMessage { esm_class: udh::INDICATOR, ..message(octets) };
        for (message, text, marks) in [
            (message(b"hello"), "hello", vec![]),
            (message(b""), "", vec![]),
            (with_payload(b"short", b"long"), "long", vec![Mark::SecondText]),
            (with_payload(b"", b"long"), "long", vec![]),
            (with_payload(b"short", b""), "short", vec![]),
            (headed(b"\xC8\x01STOP"), "\u{FFFD}£STOP", vec![Mark::Replaced, Mark::OddHeader]),
            (headed(b"\x00hello"), "hello", vec![]),
            (message(b"a\x80"), "a\u{FFFD}", vec![Mark::Replaced]),
            (ShortMessage { data_coding: 8, ..message(b"\0a\xD8\x3D") }, "a\u{FFFD}", vec![Mark::Replaced]),
        ] {
            let inbound = text_of(message);
            assert_eq!((inbound.text.expose(), inbound.written.marks.iter().collect()), (text, marks));
        }
    }

    #[test]
    fn an_alert_names_a_phone_that_can_be_reached_again() {
        let alerted = |source: &str, status| {
            let (source, esme) = (source.parse().unwrap(), "13035550100".parse().unwrap());
            let (ton, npi) = (Ton::International, Npi::Isdn);
            let mut framer = Framer::default();
            framer.push(&encode(0, 1, AlertNotification::new(ton, npi, source, ton, npi, esme, status).into()));
            alert(&framer.next_frame().unwrap().unwrap())
        };
        let [number, phone] = ["+13035550100", "+13035550123"].map(|text| Phone::parse(text).unwrap());
        assert_eq!(alerted("13035550123", None), Some(Delivery::Reachable { number, phone }));
        assert_eq!(alerted("13035550123", Some(MsAvailabilityStatus::Unavailable)), None);
        assert_eq!(alerted("BANK", None), None);
    }

    #[test]
    fn a_payload_is_the_text() {
        let mut payload = message(b"");
        payload.parameters.message_payload = Some(b"long words".to_vec());
        assert_eq!(text_of(payload.clone()).text.expose(), "long words");
        payload.parameters.message_payload = Some(Vec::new());
        assert_eq!(text_of(payload).text.expose(), "");
    }

    #[test]
    fn what_no_conversation_can_take_is_set_aside_as_it_came() {
        for (change, reason) in [
            (ShortMessage { esm_class: 0x08, ..message(b"") }, "delivery acknowledgement of a handset"),
            (ShortMessage { esm_class: 0x20, ..message(b"") }, "intermediate notification"),
            (
                ShortMessage { source: Address { ton: 5, npi: 0, digits: b"BANK".to_vec() }, ..message(b"") },
                "source or destination is not a phone number",
            ),
        ] {
            let Delivery::Unroutable(letter) = deliver(change) else { panic!("it was routed: {reason}") };
            assert_eq!((letter.reason, letter.raw.len()), (reason, 16));
        }
    }

    #[test]
    fn numbers_are_read_as_carriers_write_them() {
        let read = |ton, digits: &str| {
            let address = Address { ton, npi: 1, digits: digits.into() };
            phone(&address).map(|phone| phone.expose().to_owned())
        };
        for (ton, digits) in
            [(1, "13035550123"), (1, "+13035550123"), (0, "13035550123"), (2, "3035550123"), (0, "3035550123")]
        {
            assert_eq!(read(ton, digits).as_deref(), Some("+13035550123"), "ton {ton}, {digits}");
        }
        assert_eq!(read(0, "442079460958").as_deref(), Some("+442079460958"));
        for (ton, digits) in [(5, "BANK"), (0, ""), (3, "55555"), (1, "911"), (0, "1303555012")] {
            assert_eq!(read(ton, digits), None, "ton {ton}, {digits}");
        }
    }

    #[test]
    fn only_the_same_delivery_has_the_same_fingerprint() {
        let of = |message: ShortMessage| text_of(message).fingerprint;
        let first = of(message(b"Yes"));
        assert_eq!(of(message(b"Yes")), first);
        assert_ne!(of(message(b"Yes ")), first);
        assert_ne!(of(ShortMessage { data_coding: 1, ..message(b"Yes") }), first);
        assert_ne!(of(ShortMessage { protocol_id: 1, ..message(b"Yes") }), first);
        let other = Address { ton: 1, npi: 1, digits: b"13035550124".to_vec() };
        assert_ne!(of(ShortMessage { source: other, ..message(b"Yes") }), first);
    }
}
