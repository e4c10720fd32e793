//! Between the words of the conversations and those of SMPP: a cleared message becomes `submit_sm`, a `deliver_sm`
//! becomes a text, a receipt, or something for a person to look at.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use smpp::pdus::SubmitSm;
use smpp::tlvs::MessageSubmissionRequestTlvValue;
use smpp::types::{COctetString, EmptyOrFullCOctetString, OctetString};
use smpp::values::{DataCoding, EsmClass, Npi, RegisteredDelivery, Ton, UserMessageReference};

use super::session::Delivered;
use super::short_message::{Address, ShortMessage};
use super::{receipt, text, udh};
use crate::domain::text::{Alphabet, Segments};
use crate::domain::{Body, CarrierId, Cleared, DeliveryId, Fingerprint, Inbound, Part, Phone, Receipt, ReceiptState};
use crate::ports::{DeadLetter, Delivery};

/// `esm_class` of a text without a user data header. The codec's default is not this, but the acknowledgement of a handset.
const PLAIN: u8 = 0x00;

/// The segments of a message, in order.
pub fn submit_sms(cleared: &Cleared) -> Vec<SubmitSm> {
    let Segments { alphabet, parts } = Segments::of(cleared.text().expose());
    let total = parts.len();
    let [_, reference] = cleared.reference().to_be_bytes();
    let data_coding = match alphabet {
        Alphabet::Gsm7 => DataCoding::McSpecific,
        Alphabet::Ucs2 => DataCoding::Ucs2,
    };
    let segments = parts.into_iter().enumerate().map(|(index, part)| {
        let (esm_class, octets) = match total {
            1 => (EsmClass::from(PLAIN), part),
            _ => {
                let number = |value: usize| u8::try_from(value).expect("a text has at most 255 segments");
                let header = udh::concatenation(Part {
                    reference: reference.into(),
                    total: number(total),
                    number: number(index + 1),
                });
                (EsmClass::from(udh::INDICATOR), [header.to_vec(), part].concat())
            }
        };
        SubmitSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr_npi(Npi::Isdn)
            .source_addr(address(cleared.from()))
            .dest_addr_ton(Ton::International)
            .dest_addr_npi(Npi::Isdn)
            .destination_addr(address(cleared.to()))
            .esm_class(esm_class)
            .validity_period(absolute_time(cleared.expires_at()))
            .registered_delivery(RegisteredDelivery::from(1))
            .data_coding(data_coding)
            .short_message(OctetString::from_vec(octets).expect("a segment has at most 160 octets"))
            .push_tlv(MessageSubmissionRequestTlvValue::UserMessageReference(UserMessageReference::new(
                cleared.reference(),
            )))
            .build()
    });
    segments.collect()
}

/// E.164 without the plus sign: that is what an international TON means (SMPP 3.4 §5.2.5).
fn address(phone: &Phone) -> COctetString<1, 21> {
    let digits = phone.expose().trim_start_matches('+');
    COctetString::from_string(digits.to_owned()).expect("a phone has at most 15 digits")
}

/// "YYMMDDhhmmsstnnp", in UTC (SMPP 3.4 §7.1.1.1).
fn absolute_time(at: Timestamp) -> EmptyOrFullCOctetString<17> {
    let written = at.strftime("%y%m%d%H%M%S000+").to_string();
    written.parse().expect("an absolute time has 16 characters")
}

/// The session that brings a delivery, and the end of the one before it.
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    pub began: Timestamp,
    pub earlier_ended: Option<Timestamp>,
}

/// What a `deliver_sm` brings. Everything is something: what no conversation can take is set aside with the reason.
pub fn delivery(delivered: &Delivered, id: DeliveryId, now: Timestamp, sessions: Sessions) -> Delivery {
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
        0x00 => Delivery::Text { from, to, inbound: inbound(message, id, sessions) },
        0x04 => Delivery::Receipt { number: to, phone: from, receipt: receipt(message) },
        0x08 => aside("delivery acknowledgement of a handset"),
        0x10 => aside("manual acknowledgement of a handset"),
        0x20 => aside("intermediate notification"),
        _ => aside("unknown message type in esm_class"),
    }
}

fn inbound(message: &ShortMessage, id: DeliveryId, sessions: Sessions) -> Inbound {
    let Sessions { began, earlier_ended: earlier_session_ended } = sessions;
    let octets = octets(message);
    let (header, words) = match message.esm_class & udh::INDICATOR != 0 {
        // A header that makes no sense is shown with the text rather than dropped.
        true => udh::split(octets).unwrap_or((None, octets)),
        false => (None, octets),
    };
    let (text, form) = text::decode(message.data_coding, words);
    let part = header.or_else(|| sar(message));
    Inbound {
        text: Body::new(text),
        form,
        part,
        fingerprint: fingerprint(message),
        delivery: Some(id),
        earlier_session_ended,
        session_began: Some(began),
    }
}

/// `message_payload` counts where both are there (SMPP 3.4 §5.3.2.32).
fn octets(message: &ShortMessage) -> &[u8] {
    let payload = message.parameters.message_payload.as_deref();
    payload.filter(|octets| !octets.is_empty()).unwrap_or(&message.short_message)
}

fn sar(message: &ShortMessage) -> Option<Part> {
    let parameters = &message.parameters;
    Some(Part {
        reference: parameters.sar_msg_ref_num?,
        total: parameters.sar_total_segments?,
        number: parameters.sar_segment_seqnum?,
    })
}

/// SMPP 3.4 §5.2.23: an id has 64 characters at most. Of a longer one that much is kept, wherever it stands.
const ID_CHARS_MAX: usize = 64;

fn receipt(message: &ShortMessage) -> Receipt {
    let parameters = &message.parameters;
    let said = receipt::read(&receipt_words(message));
    let id = match &parameters.receipted_message_id {
        Some(id) => Some(String::from_utf8_lossy(id).into_owned()),
        None => said.id,
    };
    let id = id.map(|id| id.chars().take(ID_CHARS_MAX).collect::<String>());
    let state = parameters.message_state.map(receipt::state_of).or(said.state);
    Receipt {
        carrier_id: id.filter(|id| !id.is_empty()).map(|id| CarrierId(id.into())),
        reference: parameters.user_message_reference,
        state: state.unwrap_or(ReceiptState::Unknown),
    }
}

/// The text of a receipt is ASCII (SMPP 3.4 appendix B), whatever `data_coding` 0 means for patients: in the GSM
/// alphabet an id such as `7f_1` would be another id.
fn receipt_words(message: &ShortMessage) -> String {
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
    if let Some(Part { reference, total, number }) = sar(message) {
        hash.update(reference.to_be_bytes());
        hash.update([total, number]);
    }
    let digest = hash.finalize();
    let first = digest.first_chunk::<16>().expect("SHA-256 has 32 octets");
    Fingerprint(*first)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::carrier::frame::{Framer, encode};
    use crate::carrier::short_message::Parameters;
    use crate::domain::{
        BootId, Conversation, ConversationId, ConversationKey, Effect, Event, Form, Limits, Policy, Practice,
        PracticeId,
    };

    /// 2026-07-08 09:10:11 UTC
    const NOW: Timestamp = Timestamp::constant(1_783_501_811, 0);

    /// The answer to HELP, which may always leave; whom to call makes up most of it.
    fn cleared(contact: &str) -> Cleared {
        let practice = Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "America/Denver".into(),
            contact: contact.into(),
            segments_per_minute: crate::domain::SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
        };
        let policy = Policy { practice: Arc::new(practice), boot: BootId(1), limits: Limits::default() };
        let key =
            ConversationKey { practice: policy.practice.id.clone(), phone: Phone::parse("+13035550123").unwrap() };
        let help = Inbound {
            text: Body::new("HELP"),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint([0; 16]),
            delivery: None,
            earlier_session_ended: None,
            session_began: None,
        };
        let asked = Conversation::new(ConversationId(1), key, NOW).handle(Event::Received(help), NOW, &policy);
        let slot = asked.effects.iter().find_map(|effect| match effect {
            Effect::RequestSlot { id, .. } => Some(*id),
            Effect::Submit(_) | Effect::Recall { .. } | Effect::Publish(_) => None,
        });
        let granted = asked.next.handle(Event::SlotGranted(slot.unwrap()), NOW, &policy);
        let submit = granted.effects.into_iter().find_map(|effect| match effect {
            Effect::Submit(cleared) => Some(cleared),
            Effect::RequestSlot { .. } | Effect::Recall { .. } | Effect::Publish(_) => None,
        });
        submit.unwrap()
    }

    #[test]
    fn a_short_text_is_one_plain_submit_sm() {
        let segments = submit_sms(&cleared("303-555-0100"));
        let [segment] = segments.as_slice() else { panic!("{} segments", segments.len()) };
        assert_eq!(segment.validity_period.as_str(), "260708091511000+", "HELP is answered within five minutes");
        let message = ShortMessage::from(segment);
        assert_eq!((message.source.ton, message.source.npi, &message.source.digits[..]), (1, 1, &b"13035550100"[..]));
        assert_eq!((message.destination.ton, &message.destination.digits[..]), (1, &b"13035550123"[..]));
        assert_eq!((message.esm_class, message.data_coding, message.registered_delivery), (0, 0, 1));
        assert_eq!(message.parameters.user_message_reference, Some(2));
        assert!(message.short_message.starts_with(b"Riverside: Two-way texts"));
    }

    #[test]
    fn every_octet_of_a_submit_sm_is_meant() {
        let [segment] = submit_sms(&cleared("x")).try_into().unwrap();
        let words = segment.short_message().as_ref().to_vec();
        let octets = encode(0, 1, segment.into());
        let expected = [
            &b"\0\x01\x0113035550100\0\x01\x0113035550123\0"[..],
            b"\0\0\0",                 // esm_class, protocol_id, priority_flag
            b"\x00260708091511000+\0", // schedule_delivery_time, validity_period
            b"\x01\0\0\0",             // registered_delivery, replace_if_present, data_coding, default_message
            &[u8::try_from(words.len()).unwrap()],
            &words,
            b"\x02\x04\0\x02\0\x02", // user_message_reference
        ];
        assert_eq!(octets[16..], expected.concat());
    }

    #[test]
    fn a_long_text_is_segments_that_say_so() {
        for (contact, data_coding) in [("x".repeat(300), 0), ("\u{2014}".repeat(100), 8)] {
            let segments = submit_sms(&cleared(&contact));
            let mut words = String::new();
            for (number, segment) in (1..).zip(&segments) {
                let message = ShortMessage::from(segment);
                assert_eq!((message.esm_class, message.data_coding), (udh::INDICATOR, data_coding));
                assert!(message.short_message.len() <= if data_coding == 0 { 159 } else { 140 });
                let (part, octets) = udh::split(&message.short_message).unwrap();
                let total = u8::try_from(segments.len()).unwrap();
                assert_eq!(part, Some(Part { reference: 2, total, number }));
                words.push_str(&text::decode(data_coding, octets).0);
            }
            assert_eq!(words, cleared(&contact).text().expose());
        }
    }

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
        let mut framer = Framer::default();
        framer.push(&encode(0, 1, smpp::Pdu::EnquireLink));
        let frame = framer.next_frame().unwrap().unwrap();
        let sessions = Sessions { began: NOW, earlier_ended: None };
        delivery(&Delivered { frame, message: Ok(message) }, DeliveryId(1), NOW, sessions)
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
        assert_eq!(receipt, Receipt { carrier_id: None, reference: None, state: ReceiptState::Unknown });
    }

    #[test]
    fn the_parameters_of_a_receipt_go_before_its_text() {
        let mut both = ShortMessage { esm_class: 0x04, ..message(b"id:7f_1 stat:UNDELIV") };
        assert_eq!(receipt_of(both.clone()).carrier_id, Some(CarrierId("7f_1".into())));
        both.parameters.receipted_message_id = Some(b"tlv".to_vec());
        both.parameters.message_state = Some(2);
        both.parameters.user_message_reference = Some(7);
        let expected =
            Receipt { carrier_id: Some(CarrierId("tlv".into())), reference: Some(7), state: ReceiptState::Delivered };
        assert_eq!(receipt_of(both), expected);
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
        assert_eq!((inbound.text.expose(), inbound.part), ("hi", Some(Part { reference: 7, total: 2, number: 1 })));

        let mut sar = message(b"hi");
        sar.parameters.sar_msg_ref_num = Some(300);
        sar.parameters.sar_total_segments = Some(2);
        sar.parameters.sar_segment_seqnum = Some(2);
        assert_eq!(text_of(sar).part, Some(Part { reference: 300, total: 2, number: 2 }));

        let broken = ShortMessage { esm_class: udh::INDICATOR, data_coding: 3, ..message(b"\xC8STOP") };
        assert_eq!(text_of(broken).text.expose(), "\u{C8}STOP", "a header that is none is shown");
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
