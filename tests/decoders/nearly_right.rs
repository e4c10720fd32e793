//! PDUs, segments, texts and receipts as carriers send them, and one thing wrong with them.

use std::ops::Range;

use assent::carrier::frame::{HEADER_OCTETS, encode};
use assent::domain::text::Segments;
use proptest::prelude::*;
use proptest::sample::Index;
use smpp::Pdu;
use smpp::pdus::{BindTransceiver, BindTransceiverResp, DeliverSm, DeliverSmResp, SubmitSm, SubmitSmResp};
use smpp::tlvs::MessageDeliveryRequestTlvValue;
use smpp::types::{AnyOctetString, OctetString};
use smpp::values::{DataCoding, EsmClass, MessagePayload, MessageState, Ton, UserMessageReference};

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub enum Mutation {
    Nothing,
    Changed(Index, u8),
    Inserted(Index, Vec<u8>),
    Removed(Index, usize),
    Repeated(Index, usize),
    Ended(Index),
    /// Four octets that claim a length.
    Claimed(Index, u32),
}

impl Mutation {
    pub fn of(&self, mut octets: Vec<u8>) -> Vec<u8> {
        let length = octets.len();
        let part = |at: usize, count: usize| at..(at + count).min(length);
        match self {
            Self::Nothing => {}
            Self::Changed(at, octet) if length > 0 => octets[at.index(length)] = *octet,
            Self::Inserted(at, others) => drop(octets.splice(part(at.index(length + 1), 0), others.iter().copied())),
            Self::Removed(at, count) if length > 0 => drop(octets.drain(part(at.index(length), *count))),
            Self::Repeated(at, count) if length > 0 => octets.extend_from_within(part(at.index(length), *count)),
            Self::Ended(at) => octets.truncate(at.index(length + 1)),
            Self::Claimed(at, claim) if length >= 4 => {
                let at = at.index(length - 3);
                octets[at..at + 4].copy_from_slice(&claim.to_be_bytes());
            }
            Self::Changed(..) | Self::Removed(..) | Self::Repeated(..) | Self::Claimed(..) => {}
        }
        octets
    }
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    let lengths = prop_oneof![0_u32..40, Just(70_000), Just(70_001), Just(u32::MAX), any::<u32>()];
    prop_oneof![
        Just(Mutation::Nothing),
        (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Mutation::Changed(at, octet)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, octets)| Mutation::Inserted(at, octets)),
        (any::<Index>(), 1_usize..20).prop_map(|(at, count)| Mutation::Removed(at, count)),
        (any::<Index>(), 1_usize..60).prop_map(|(at, count)| Mutation::Repeated(at, count)),
        any::<Index>().prop_map(Mutation::Ended),
        (any::<Index>(), lengths).prop_map(|(at, claim)| Mutation::Claimed(at, claim)),
    ]
}

/// With one thing wrong, or nothing.
pub fn mutated(right: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (right, mutation()).prop_map(|(octets, mutation)| mutation.of(octets))
}

/// What a carrier may say, and what it should not.
pub fn pdu() -> impl Strategy<Value = Vec<u8>> {
    let id = || "[0-9a-fA-F-]{0,20}".prop_map(|id| SubmitSmResp::builder().message_id(id.parse().unwrap()).build());
    let said = prop_oneof![
        6 => deliver_sm().prop_map(Pdu::from),
        // Three texts are under way in the session that hears them, from sequence number 2 on.
        3 => id().prop_map(Pdu::from),
        1 => Just(BindTransceiverResp::default().into()),
        1 => Just(BindTransceiver::default().into()),
        1 => Just(SubmitSm::default().into()),
        1 => Just(DeliverSmResp::default().into()),
        1 => Just(Pdu::EnquireLink),
        1 => Just(Pdu::EnquireLinkResp),
        1 => Just(Pdu::GenericNack),
        1 => Just(Pdu::Unbind),
        1 => Just(Pdu::UnbindResp),
    ];
    let status = prop_oneof![4 => Just(0), 1 => prop::sample::select(vec![0x04, 0x08, 0x0B, 0x14, 0x58, 0x400])];
    (said, status, 0_u32..6).prop_map(|(pdu, status, sequence)| encode(status, sequence, pdu).to_vec())
}

/// Its `command_id`, and what follows the header.
pub fn body(pdu: &[u8]) -> (u32, Vec<u8>) {
    (u32::from_be_bytes(*pdu[4..].first_chunk().unwrap()), pdu[HEADER_OCTETS..].to_vec())
}

prop_compose! {
    fn deliver_sm()(
        esm_class in prop::sample::select(vec![0x00, 0x04, 0x40, 0x20, 0x08, 0x44]),
        data_coding in prop::sample::select(vec![0, 1, 3, 8, 0x18, 0xF0, 0xF5]),
        octets in octets_of_text(),
        as_payload: bool,
        parameters in prop::collection::vec(0_u8..4, 0..4),
        id in "[0-9a-f]{0,64}",
        (state, reference, ton) in any::<(u8, u16, u8)>(),
    ) -> DeliverSm {
        use MessageDeliveryRequestTlvValue as Value;
        let mut pdu = DeliverSm::builder()
            .source_addr_ton(Ton::from(ton))
            .source_addr("13035550123".parse().unwrap())
            .destination_addr("13035550100".parse().unwrap())
            .esm_class(EsmClass::from(esm_class))
            .data_coding(DataCoding::from(data_coding))
            .build();
        match OctetString::from_slice(&octets[..octets.len().min(254)]) {
            Ok(octets) if !as_payload => pdu.set_short_message(octets),
            _ => pdu.push_tlv(Value::MessagePayload(MessagePayload::new(AnyOctetString::from_vec(octets)))),
        }
        for parameter in parameters {
            pdu.push_tlv(match parameter {
                0 => Value::ReceiptedMessageId(id.parse().unwrap()),
                1 => Value::MessageState(MessageState::from(state)),
                2 => Value::UserMessageReference(UserMessageReference::new(reference)),
                _ => Value::SarMsgRefNum(reference),
            });
        }
        pdu
    }
}

prop_compose! {
    /// Behind its length: a segment of one of a few texts, with or without something else in its header; or time passes.
    pub fn segment()(
        (reference, total, number) in (0_u8..6, 0_u8..13, 0_u8..13),
        (wide, ported, time_passes) in (any::<bool>(), any::<bool>(), prop::bool::weighted(0.05)),
        words in "[a-z ]{0,12}",
    ) -> Vec<u8> {
        if time_passes {
            return vec![0];
        }
        let concatenation: &[u8] =
            if wide { &[8, 4, 1, reference, total, number] } else { &[0, 3, reference, total, number] };
        let ports: &[u8] = if ported { &[5, 4, 0x0B, 0x84, 0x23, 0xF0] } else { &[] };
        let header = [ports, concatenation].concat();
        let segment = [&[u8::try_from(header.len()).unwrap()], header.as_slice(), words.as_bytes()].concat();
        [&[u8::try_from(segment.len()).unwrap()], segment.as_slice()].concat()
    }
}

/// Words of the GSM alphabet, of its extension, or of others; with emoji and what joins them.
pub fn words(length: Range<usize>) -> impl Strategy<Value = String> {
    const GSM: &str = "See you at 3, Zoë? Ça va: £5 @ ¥9 è é ù ì ò Ø ø Å å Æ æ ß É ¡ Ä Ö Ñ Ü § ¿ ä ö ñ ü à\n";
    const EXTENDED: &str = "Cost {3 €} [ok] ~ ^ | \\";
    const OTHER: &str = "Мы опоздаем, ждите нас. 你好 שלום";
    const EMOJI: &str = "🙂👍🏽👩‍⚕\u{FE0F}👨‍👩‍👧‍👦🇺🇸e\u{301}a";
    let of = |alphabet: &str| {
        let characters: Vec<char> = alphabet.chars().collect();
        let pick = any::<u16>().prop_map(move |pick| characters[usize::from(pick) % characters.len()]);
        prop::collection::vec(pick, length.clone()).prop_map(String::from_iter)
    };
    let any_character = prop::collection::vec(any::<char>(), length.clone()).prop_map(String::from_iter);
    prop_oneof![of(GSM), of(EXTENDED), of(OTHER), of(EMOJI), any_character]
}

/// A text as one of its segments, in the alphabet that it needs.
pub fn octets_of_text() -> impl Strategy<Value = Vec<u8>> {
    (words(0..200), any::<Index>()).prop_map(|(text, index)| {
        let parts = Segments::of(&text).parts;
        parts[index.index(parts.len())].clone()
    })
}

prop_compose! {
    /// The optional parameters of a receipt and its text, one thing wrong with each.
    pub fn receipt()(
        id in "[0-9a-fA-F]{0,70}",
        state in prop::sample::select(vec!["DELIVRD", "UNDELIV", "expired", "FOO", ""]),
        message_state: u8,
        fields in Just(vec!["id:", "sub:001 ", "dlvrd:001 ", "submit date:2601021304 ", "stat:", "err:000 "]).prop_shuffle(),
        message in words(0..30),
        with_parameters: bool,
        (parameters_are, text_is) in (mutation(), mutation()),
    ) -> (Vec<u8>, Vec<u8>) {
        let mut text = String::new();
        for field in fields {
            text.push_str(field);
            match field {
                "id:" => text.push_str(&format!("{id} ")),
                "stat:" => text.push_str(&format!("{state} ")),
                _ => {}
            }
        }
        text.push_str(&format!("text:{message}"));
        let parameters = if with_parameters {
            let length = u8::try_from(id.len() + 1).unwrap();
            [&[0x00, 0x1E, 0, length], id.as_bytes(), &[0, 0x04, 0x27, 0, 1, message_state]].concat()
        } else {
            Vec::new()
        };
        (parameters_are.of(parameters), text_is.of(text.into_bytes()))
    }
}
