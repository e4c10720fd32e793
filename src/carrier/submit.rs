//! A cleared message becomes the `submit_sm` that carry it (SMPP 3.4 §4.4.1), in the ways of the carrier.

use jiff::Timestamp;
use smpp::pdus::SubmitSm;
use smpp::tlvs::MessageSubmissionRequestTlvValue as Parameter;
use smpp::types::{AnyOctetString, COctetString, EmptyOrFullCOctetString, OctetString};
use smpp::values::{DataCoding, EsmClass, MessagePayload, Npi, RegisteredDelivery, Ton, UserMessageReference};

use super::profile::{AddressForm, Concatenation, Profile, ValidityPeriod};
use super::udh;
use crate::domain::text::{Alphabet, Segments};
use crate::domain::{Cleared, Part, Phone, Reference};

/// `esm_class` of a text without a user data header. The codec's default is not this, but the acknowledgement of a handset.
const PLAIN: u8 = 0x00;
/// The longest relative time that is written. No text of ours lives that long, and carriers disagree on how long a month is.
const DAYS_MAX: i64 = 28;

/// The segments of a message, in order.
pub fn submit_sms(cleared: &Cleared, profile: &Profile, now: Timestamp) -> Vec<SubmitSm> {
    let outbound = Outbound {
        from: cleared.from(),
        to: cleared.to(),
        text: cleared.text().expose(),
        reference: cleared.reference(),
        expires_at: cleared.expires_at(),
    };
    outbound.segments(profile, now)
}

/// What a `submit_sm` is made of. But for the text of a trial, only a cleared message is.
pub(super) struct Outbound<'a> {
    pub from: &'a Phone,
    pub to: &'a Phone,
    pub text: &'a str,
    /// The `user_message_reference`.
    pub reference: u16,
    pub expires_at: Timestamp,
}

impl Outbound<'_> {
    pub fn segments(&self, profile: &Profile, now: Timestamp) -> Vec<SubmitSm> {
        let Self { from, to, text, reference, expires_at } = *self;
        let Segments { alphabet, parts } = Segments::written(text, profile.writing());
        let data_coding = match alphabet {
            Alphabet::Gsm7 => DataCoding::from(profile.data_coding),
            Alphabet::Ucs2 => DataCoding::Ucs2,
        };
        carried(parts, reference, profile.concatenation)
            .into_iter()
            .map(|Carried { esm_class, short_message, parameters }| {
                let reference = Parameter::UserMessageReference(UserMessageReference::new(reference));
                SubmitSm::builder()
                    .source_addr_ton(Ton::from(profile.source.ton))
                    .source_addr_npi(Npi::from(profile.source.npi))
                    .source_addr(address(from, profile.source))
                    .dest_addr_ton(Ton::from(profile.destination.ton))
                    .dest_addr_npi(Npi::from(profile.destination.npi))
                    .destination_addr(address(to, profile.destination))
                    .esm_class(EsmClass::from(esm_class))
                    .validity_period(match profile.validity_period {
                        ValidityPeriod::Absolute => absolute_time(expires_at),
                        ValidityPeriod::Relative => relative_time(now, expires_at),
                    })
                    .registered_delivery(RegisteredDelivery::from(1))
                    .data_coding(data_coding)
                    .short_message(OctetString::from_vec(short_message).expect("a segment has at most 160 octets"))
                    .tlvs(std::iter::once(reference).chain(parameters).collect())
                    .build()
            })
            .collect()
    }
}

/// What carries one segment, or all of them.
struct Carried {
    esm_class: u8,
    short_message: Vec<u8>,
    parameters: Vec<Parameter>,
}

impl Carried {
    fn plain(short_message: Vec<u8>) -> Self {
        Self { esm_class: PLAIN, short_message, parameters: Vec::new() }
    }
}

/// Tells the carrier which segments are one text. One segment alone needs no telling.
fn carried(parts: Vec<Vec<u8>>, reference: u16, concatenation: Concatenation) -> Vec<Carried> {
    let [_, low] = reference.to_be_bytes();
    let total = u8::try_from(parts.len()).expect("a text has at most 255 segments");
    if total == 1 {
        return parts.into_iter().map(Carried::plain).collect();
    }
    let with_header = |reference, number, part| Carried {
        esm_class: udh::INDICATOR,
        short_message: [udh::concatenation(Part { reference, total, number }), part].concat(),
        parameters: Vec::new(),
    };
    let numbered = (1..=total).zip(parts);
    match concatenation {
        Concatenation::Udh8 => {
            numbered.map(|(number, part)| with_header(Reference::Octet(low), number, part)).collect()
        }
        Concatenation::Udh16 => {
            numbered.map(|(number, part)| with_header(Reference::Word(reference), number, part)).collect()
        }
        Concatenation::Sar => numbered
            .map(|(number, part)| Carried {
                parameters: vec![
                    Parameter::SarMsgRefNum(reference),
                    Parameter::SarTotalSegments(total),
                    Parameter::SarSegmentSeqnum(number),
                ],
                ..Carried::plain(part)
            })
            .collect(),
        Concatenation::MessagePayload => {
            let whole: Vec<u8> = numbered.flat_map(|(_, part)| part).collect();
            let payload = MessagePayload::new(AnyOctetString::from_vec(whole));
            // sm_length is 0 then (SMPP 3.4 §5.3.2.32).
            vec![Carried { parameters: vec![Parameter::MessagePayload(payload)], ..Carried::plain(Vec::new()) }]
        }
    }
}

/// E.164: without the plus sign where the TON says international, which means it (SMPP 3.4 §5.2.5).
fn address(phone: &Phone, form: AddressForm) -> COctetString<1, 21> {
    let written = phone.expose();
    let written = if form.ton == AddressForm::INTERNATIONAL.ton { written.trim_start_matches('+') } else { written };
    COctetString::from_string(written.to_owned()).expect("a phone has at most 15 digits")
}

/// "YYMMDDhhmmsstnnp", in UTC (SMPP 3.4 §7.1.1.1).
fn absolute_time(at: Timestamp) -> EmptyOrFullCOctetString<17> {
    let written = at.strftime("%y%m%d%H%M%S000+").to_string();
    written.parse().expect("an absolute time has 16 characters")
}

/// "YYMMDDhhmmss000R", of which days and less are used (SMPP 3.4 §7.1.1.2). Never zero: that would be no limit at all.
fn relative_time(now: Timestamp, at: Timestamp) -> EmptyOrFullCOctetString<17> {
    let seconds = at.as_second().saturating_sub(now.as_second()).clamp(1, DAYS_MAX * 86_400);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let written = format!("0000{days:02}{hours:02}{minutes:02}{:02}000R", seconds % 60);
    written.parse().expect("a relative time has 16 characters")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::carrier::frame::encode;
    use crate::carrier::short_message::ShortMessage;
    use crate::carrier::text;
    use crate::carrier::translate::Dialect;
    use crate::domain::text::DefaultAlphabet;
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
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        let policy = Policy {
            practice: Arc::new(practice),
            boot: BootId(1),
            limits: Limits::default(),
            writing: Default::default(),
            texting: Default::default(),
        };
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
            written: Default::default(),
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

    fn strictly(contact: &str) -> Vec<SubmitSm> {
        submit_sms(&cleared(contact), &Profile::default(), NOW)
    }

    #[test]
    fn a_short_text_is_one_plain_submit_sm() {
        let segments = strictly("303-555-0100");
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
        let [segment] = strictly("x").try_into().unwrap();
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
        for (contact, data_coding) in [("x".repeat(300), 0), ("ж".repeat(100), 8)] {
            let segments = strictly(&contact);
            let mut words = String::new();
            for (number, segment) in (1..).zip(&segments) {
                let message = ShortMessage::from(segment);
                assert_eq!((message.esm_class, message.data_coding), (udh::INDICATOR, data_coding));
                assert!(message.short_message.len() <= if data_coding == 0 { 159 } else { 140 });
                let (part, octets) = udh::split(&message.short_message).unwrap();
                let total = u8::try_from(segments.len()).unwrap();
                assert_eq!(part, Some(Part { reference: Reference::Octet(2), total, number }));
                words.push_str(&text::decode(data_coding, octets).0);
            }
            assert_eq!(words, cleared(&contact).text().expose());
        }
    }

    /// A text of three segments, as the ways of a carrier make it.
    fn long(profile: &Profile) -> Vec<ShortMessage> {
        submit_sms(&cleared(&"x".repeat(300)), profile, NOW).iter().map(ShortMessage::from).collect()
    }

    fn words_of(segments: &[ShortMessage]) -> Vec<u8> {
        let octets = |message: &ShortMessage| match message.esm_class {
            udh::INDICATOR => udh::split(&message.short_message).unwrap().1.to_vec(),
            _ => message.short_message.clone(),
        };
        segments.iter().flat_map(octets).collect()
    }

    #[test]
    fn a_long_text_is_told_as_the_carrier_wants_it() {
        let with = |concatenation| long(&Profile { concatenation, ..Profile::default() });
        let whole = cleared(&"x".repeat(300)).text().expose().as_bytes().to_vec();

        let udh16 = with(Concatenation::Udh16);
        for (number, segment) in (1..).zip(&udh16) {
            assert_eq!(segment.short_message[..7], [6, 8, 4, 0, 2, 3, number]);
            assert!(segment.short_message.len() <= 159);
        }
        assert_eq!(words_of(&udh16), whole);

        let sar = with(Concatenation::Sar);
        for (number, segment) in (1..).zip(&sar) {
            let parameters = &segment.parameters;
            assert_eq!((segment.esm_class, parameters.sar_msg_ref_num), (0, Some(2)));
            assert_eq!((parameters.sar_total_segments, parameters.sar_segment_seqnum), (Some(3), Some(number)));
        }
        assert_eq!((sar.len(), words_of(&sar)), (3, whole.clone()));

        let payload = with(Concatenation::MessagePayload);
        let [one] = payload.as_slice() else { panic!("{} PDUs", payload.len()) };
        assert_eq!((one.esm_class, one.short_message.len()), (0, 0));
        assert_eq!(one.parameters.message_payload.as_ref(), Some(&whole));
        assert_eq!(one.parameters.user_message_reference, Some(2));
    }

    #[test]
    fn a_short_text_is_plain_however_long_ones_are_told() {
        use Concatenation::{MessagePayload, Sar, Udh8, Udh16};
        for concatenation in [Udh8, Udh16, Sar, MessagePayload] {
            let profile = Profile { concatenation, ..Profile::default() };
            assert!(submit_sms(&cleared("x"), &profile, NOW) == strictly("x"), "{concatenation:?}");
        }
    }

    #[test]
    fn alphabet_and_numbers_are_said_as_the_carrier_wants_them() {
        let profile = Profile {
            dialect: Dialect { default_alphabet: DefaultAlphabet::Latin1, ..Dialect::default() },
            data_coding: 3,
            source: AddressForm { ton: 0, npi: 1 },
            destination: AddressForm { ton: 2, npi: 8 },
            ..Profile::default()
        };
        let [segment] = submit_sms(&cleared("José @ 3"), &profile, NOW).try_into().unwrap();
        let message = ShortMessage::from(&segment);
        assert_eq!((message.source.ton, message.source.npi, &message.source.digits[..]), (0, 1, &b"+13035550100"[..]));
        assert_eq!((message.destination.ton, message.destination.npi), (2, 8));
        assert_eq!(message.data_coding, 3);
        assert!(message.short_message.windows(8).any(|octets| octets == b"Jos\xE9 @ 3"));
    }

    #[test]
    fn the_end_of_a_texts_time_is_always_told() {
        let relative = Profile { validity_period: ValidityPeriod::Relative, ..Profile::default() };
        let [segment] = submit_sms(&cleared("x"), &relative, NOW).try_into().unwrap();
        assert_eq!(segment.validity_period.as_str(), "000000000500000R");
        for (seconds, expected) in [
            (-5, "000000000001000R"),
            (0, "000000000001000R"),
            (86_399, "000000235959000R"),
            (86_400 + 3_661, "000001010101000R"),
            (i64::from(i32::MAX), "000028000000000R"),
        ] {
            let at = NOW + jiff::SignedDuration::from_secs(seconds);
            assert_eq!(relative_time(NOW, at).as_str(), expected);
        }
    }
}
