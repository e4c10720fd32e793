//! The words of a text and its octets: reads what the gateway submits, cuts what a phone types.

use serde::{Deserialize, Serialize};
use smpp::CommandId;
use smpp::tlvs::MessageDeliveryRequestTlvValue;
use smpp::types::AnyOctetString;
use smpp::values::{DataCoding, MessagePayload};

use super::faults::{Faults, LongTexts};
use super::forms;
use crate::carrier::frame::Frame;
use crate::carrier::short_message::ShortMessage;
use crate::carrier::text::Letters;
use crate::carrier::udh::{self, Header};
use crate::domain::text::{Alphabet, Segments};
use crate::domain::{self, Part};

/// What `data_coding` 0 means here: SMPP leaves it to the carrier (SMPP 3.4 §5.2.19).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DefaultAlphabet {
    #[default]
    Gsm7,
    Latin1,
    Ascii,
}

impl From<DefaultAlphabet> for domain::text::DefaultAlphabet {
    fn from(alphabet: DefaultAlphabet) -> Self {
        match alphabet {
            DefaultAlphabet::Gsm7 => Self::Gsm,
            DefaultAlphabet::Latin1 => Self::Latin1,
            DefaultAlphabet::Ascii => Self::Ascii,
        }
    }
}

impl DefaultAlphabet {
    /// Octets of a text that fits one segment, and of each segment of one that does not.
    const fn segment_octets(self) -> (usize, usize) {
        match self {
            Self::Gsm7 | Self::Ascii => (160, 153),
            Self::Latin1 => (140, 134),
        }
    }

    /// The words as octets, if the alphabet has them all. For GSM there is [`Segments`].
    fn encode(self, words: &str) -> Option<Vec<u8>> {
        let last = match self {
            Self::Gsm7 => return None,
            Self::Latin1 => u8::MAX,
            Self::Ascii => 0x7F,
        };
        words.chars().map(|letter| u8::try_from(letter).ok().filter(|octet| *octet <= last)).collect()
    }
}

/// A text in any of its forms.
pub(super) fn submitted(frame: &Frame) -> Option<ShortMessage> {
    match frame.id() {
        CommandId::DataSm => ShortMessage::read(&forms::as_submit_sm(frame)?).ok(),
        _ => ShortMessage::read(frame).ok(),
    }
}

/// A text, or a segment of one, as it came.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub part: Option<Part>,
    letters: Letters,
    data_coding: u8,
    octets: Vec<u8>,
}

impl Segment {
    pub fn words(&self) -> String {
        self.letters.decode(self.data_coding, &self.octets).0
    }

    /// The words of all segments of a text. Some gateways cut amid a letter, so that its halves come together here.
    pub fn join(segments: &[Self]) -> String {
        let of_one_alphabet =
            segments.chunk_by(|one, next| (one.letters, one.data_coding) == (next.letters, next.data_coding));
        let words = |segments: &[Self]| {
            let octets: Vec<u8> = segments.iter().flat_map(|segment| segment.octets.iter().copied()).collect();
            segments[0].letters.decode(segments[0].data_coding, &octets).0
        };
        of_one_alphabet.map(words).collect()
    }
}

/// What a text brings, in the national language that its header names. A header counts before the optional parameters.
pub(super) fn read(message: &ShortMessage, alphabet: DefaultAlphabet) -> Segment {
    let parameters = &message.parameters;
    let octets = parameters.message_payload.as_ref().unwrap_or(&message.short_message);
    let (header, octets) = match message.esm_class & udh::INDICATOR != 0 {
        true => udh::read(octets).unwrap_or((Header::default(), octets)),
        false => (Header::default(), octets.as_slice()),
    };
    let sar = || {
        let reference = parameters.sar_msg_ref_num?;
        Some(Part {
            reference: reference.into(),
            total: parameters.sar_total_segments?,
            number: parameters.sar_segment_seqnum?,
        })
    };
    let letters = Letters { default_alphabet: alphabet.into(), shifts: header.shifts };
    let (data_coding, octets) = (message.data_coding, octets.to_vec());
    Segment { part: header.part.or_else(sar), letters, data_coding, octets }
}

/// One `deliver_sm` of a text that a phone typed.
pub(super) struct Piece {
    pub esm_class: u8,
    pub data_coding: DataCoding,
    pub short_message: Vec<u8>,
    pub parameters: Vec<MessageDeliveryRequestTlvValue>,
}

/// A text as the script wants it: its parts, in their order.
pub(super) fn cut(words: &str, reference: u16, alphabet: DefaultAlphabet, faults: &Faults) -> Vec<Piece> {
    let (data_coding, parts) = segments(words, alphabet);
    let plain = |short_message| Piece { esm_class: 0, data_coding, short_message, parameters: Vec::new() };
    if faults.long_texts == LongTexts::Payload {
        let payload = MessagePayload::new(AnyOctetString::from_vec(parts.concat()));
        let parameters = vec![MessageDeliveryRequestTlvValue::MessagePayload(payload)];
        return vec![Piece { parameters, ..plain(Vec::new()) }];
    }
    let total = u8::try_from(parts.len()).unwrap_or(u8::MAX);
    if total == 1 {
        return parts.into_iter().map(plain).collect();
    }
    let wanted = if faults.parts.is_empty() { (1..=total).collect() } else { faults.parts.clone() };
    let chosen = wanted.into_iter().filter_map(|number| Some((number, parts.get(usize::from(number) - 1)?)));
    let [high, low] = reference.to_be_bytes();
    let headed = |header: &[u8], octets: &[u8]| Piece { esm_class: udh::INDICATOR, ..plain([header, octets].concat()) };
    let piece = |(number, octets): (u8, &Vec<u8>)| match faults.long_texts {
        LongTexts::Udh | LongTexts::Payload => headed(&[5, 0, 3, low, total, number], octets),
        LongTexts::Udh16 => headed(&[6, 8, 4, high, low, total, number], octets),
        LongTexts::Sar => {
            let parameters = vec![
                MessageDeliveryRequestTlvValue::SarMsgRefNum(reference),
                MessageDeliveryRequestTlvValue::SarTotalSegments(total),
                MessageDeliveryRequestTlvValue::SarSegmentSeqnum(number),
            ];
            Piece { parameters, ..plain(octets.clone()) }
        }
    };
    chosen.map(piece).collect()
}

fn segments(words: &str, alphabet: DefaultAlphabet) -> (DataCoding, Vec<Vec<u8>>) {
    if let Some(octets) = alphabet.encode(words) {
        let (single, concatenated) = alphabet.segment_octets();
        let most = if octets.len() <= single { single } else { concatenated };
        return (DataCoding::McSpecific, octets.chunks(most).map(<[u8]>::to_vec).collect());
    }
    let Segments { alphabet: needed, parts } = Segments::of(words);
    match (needed, alphabet) {
        (Alphabet::Gsm7, DefaultAlphabet::Gsm7) => (DataCoding::McSpecific, parts),
        (Alphabet::Ucs2, _) => (DataCoding::Ucs2, parts),
        // Only GSM has the letter here: no letter of its alphabet is a surrogate pair, so any place is one to cut at.
        (Alphabet::Gsm7, DefaultAlphabet::Latin1 | DefaultAlphabet::Ascii) => {
            let octets: Vec<u8> = words.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let most = if octets.len() <= UCS2_OCTETS.0 { UCS2_OCTETS.0 } else { UCS2_OCTETS.1 };
            (DataCoding::Ucs2, octets.chunks(most).map(<[u8]>::to_vec).collect())
        }
    }
}

/// Octets in UCS-2 of a text that fits one segment, and of each segment of one that does not.
const UCS2_OCTETS: (usize, usize) = (140, 134);

#[cfg(test)]
mod tests {
    use smpp::pdus::{DataSm, SubmitSm};
    use smpp::types::OctetString;
    use smpp::values::EsmClass;

    use super::*;
    use crate::carrier::frame::{Framer, encode};

    fn frame(pdu: impl Into<smpp::Pdu>) -> Frame {
        let mut framer = Framer::default();
        framer.push(&encode(0, 7, pdu.into()));
        framer.next_frame().unwrap().unwrap()
    }

    /// What the gateway would make of the pieces: they are read as its own would be.
    fn heard(pieces: Vec<Piece>, alphabet: DefaultAlphabet) -> Vec<(Option<(u8, u8)>, String)> {
        let read = |piece: Piece| {
            let mut pdu = smpp::pdus::DeliverSm::builder()
                .esm_class(EsmClass::from(piece.esm_class))
                .data_coding(piece.data_coding)
                .short_message(OctetString::from_vec(piece.short_message).unwrap())
                .build();
            piece.parameters.into_iter().for_each(|parameter| pdu.push_tlv(parameter));
            let message = ShortMessage::read(&frame(pdu)).unwrap_or_else(|malformed| panic!("{}", malformed.reason));
            let segment = super::read(&message, alphabet);
            (segment.part.map(|part| (part.total, part.number)), segment.words())
        };
        pieces.into_iter().map(read).collect()
    }

    #[test]
    fn a_long_text_reads_back_in_whatever_way_it_is_cut() {
        let words = "knee ".repeat(70);
        for long_texts in [LongTexts::Udh, LongTexts::Udh16, LongTexts::Sar, LongTexts::Payload] {
            let faults = Faults { long_texts, ..Faults::default() };
            let heard = heard(cut(&words, 0x1AB, DefaultAlphabet::Gsm7, &faults), DefaultAlphabet::Gsm7);
            let parts: Vec<_> = heard.iter().map(|(part, _)| *part).collect();
            match long_texts {
                LongTexts::Payload => assert_eq!(parts, [None]),
                _ => assert_eq!(parts, [Some((3, 1)), Some((3, 2)), Some((3, 3))]),
            }
            assert_eq!(heard.into_iter().map(|(_, words)| words).collect::<String>(), words);
        }
    }

    #[test]
    fn parts_come_as_they_are_named() {
        let faults = Faults { parts: vec![3, 1, 1, 9], ..Faults::default() };
        let heard = heard(cut(&"knee ".repeat(70), 1, DefaultAlphabet::Gsm7, &faults), DefaultAlphabet::Gsm7);
        let parts: Vec<_> = heard.into_iter().map(|(part, _)| part.unwrap().1).collect();
        assert_eq!(parts, [3, 1, 1], "a text of three parts has no ninth");
    }

    #[test]
    fn the_default_alphabet_is_the_carriers() {
        let check = |alphabet, words: &str, data_coding| {
            let pieces = cut(words, 1, alphabet, &Faults::default());
            assert_eq!(pieces[0].data_coding, data_coding, "{words}");
            let read: String = heard(pieces, alphabet).into_iter().map(|(_, words)| words).collect();
            assert_eq!(read, words);
        };
        check(DefaultAlphabet::Gsm7, "Sí: €5", DataCoding::Ucs2);
        check(DefaultAlphabet::Gsm7, "à: €5", DataCoding::McSpecific);
        check(DefaultAlphabet::Latin1, "Sí, señor", DataCoding::McSpecific);
        check(DefaultAlphabet::Latin1, &"é".repeat(300), DataCoding::McSpecific);
        check(DefaultAlphabet::Latin1, "€5", DataCoding::Ucs2);
        check(DefaultAlphabet::Latin1, &"Δ".repeat(100), DataCoding::Ucs2);
        check(DefaultAlphabet::Ascii, "Yes @ 3", DataCoding::McSpecific);
        check(DefaultAlphabet::Ascii, "Señor 👍", DataCoding::Ucs2);
    }

    #[test]
    fn a_letter_that_was_cut_in_two_is_whole_on_the_phone() {
        let segment = |data_coding, octets: &[u8]| {
            let (letters, octets) = (Letters::default(), octets.to_vec());
            Segment { part: None, letters, data_coding, octets }
        };
        let emoji = [segment(8, &[0x00, b'a', 0xD8, 0x3D]), segment(8, &[0xDC, 0x4D])];
        assert_eq!(Segment::join(&emoji), "a👍");
        let euro = [segment(0, b"3 \x1B"), segment(0, b"e")];
        assert_eq!(Segment::join(&euro), "3 €");
        assert_eq!(Segment::join(&[segment(0, b"3"), segment(8, &[0x04, 0x16])]), "3Ж");
    }

    #[test]
    fn a_text_is_read_in_the_language_that_its_header_names() {
        let spanish = SubmitSm::builder()
            .esm_class(EsmClass::from(udh::INDICATOR))
            .short_message(OctetString::from_slice(b"\x03\x24\x01\x02S\x1Bi").unwrap())
            .build();
        let message = submitted(&frame(spanish)).unwrap();
        assert_eq!(read(&message, DefaultAlphabet::Gsm7).words(), "Sí");
    }

    #[test]
    fn a_data_sm_is_read_as_the_submit_sm_that_it_might_have_been() {
        let payload = MessagePayload::new(AnyOctetString::from_vec(b"hello".to_vec()));
        let mut data = DataSm::builder()
            .source_addr("13035550100".parse().unwrap())
            .destination_addr("13035550123".parse().unwrap())
            .registered_delivery(smpp::values::RegisteredDelivery::from(1))
            .build();
        data.push_tlv(smpp::tlvs::MessageSubmissionRequestTlvValue::MessagePayload(payload));
        let message = submitted(&frame(data)).unwrap();
        assert_eq!(message.destination.digits, b"13035550123");
        assert_eq!(message.registered_delivery, 1);
        let segment = read(&message, DefaultAlphabet::Gsm7);
        assert_eq!((segment.part, segment.words()), (None, "hello".to_owned()));
        assert!(submitted(&frame(SubmitSm::default())).is_some());
    }
}
