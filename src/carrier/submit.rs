//! A cleared message becomes the `submit_sm` that carry it (SMPP 3.4 §4.4.1).

use jiff::Timestamp;
use smpp::pdus::SubmitSm;
use smpp::tlvs::MessageSubmissionRequestTlvValue;
use smpp::types::{COctetString, EmptyOrFullCOctetString, OctetString};
use smpp::values::{DataCoding, EsmClass, Npi, RegisteredDelivery, Ton, UserMessageReference};

use super::udh;
use crate::domain::text::{Alphabet, Segments};
use crate::domain::{Cleared, Part, Phone};

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::carrier::frame::encode;
    use crate::carrier::short_message::ShortMessage;
    use crate::carrier::text;
    use crate::domain::{
        Body, BootId, Conversation, ConversationId, ConversationKey, Effect, Event, Fingerprint, Form, Inbound, Limits,
        Policy, Practice, PracticeId,
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
                assert_eq!(part, Some(Part { reference: 2_u8.into(), total, number }));
                words.push_str(&text::decode(data_coding, octets).0);
            }
            assert_eq!(words, cleared(&contact).text().expose());
        }
    }
}
