//! What `submit_sm`, `deliver_sm` and `data_sm` carry, read by the lengths that they name and with patience for what is in them.

use bytes::Buf;
use smpp::CommandId;
#[cfg(test)]
use smpp::pdus::{DataSm, DeliverSm, SubmitSm};
use smpp::tlvs::TlvTag;
#[cfg(test)]
use smpp::tlvs::{Tlv, TlvValue};

use super::frame::{Frame, status};

/// A party of a short message, as it stands on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub ton: u8,
    pub npi: u8,
    pub digits: Vec<u8>,
}

/// The body of a `submit_sm`, a `deliver_sm` or a `data_sm` (SMPP 3.4 §4.4.1, §4.6.1 and §4.7.1), as far as it matters
/// here. What the last one has no field for is 0 or empty.
/// It has no `Debug`: it is made of a phone and a patient's words.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortMessage {
    pub source: Address,
    pub destination: Address,
    pub esm_class: u8,
    pub protocol_id: u8,
    pub registered_delivery: u8,
    pub data_coding: u8,
    pub short_message: Vec<u8>,
    pub parameters: Parameters,
}

/// The optional parameters that matter here. Of a repeated one the first counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    pub message_payload: Option<Vec<u8>>,
    pub receipted_message_id: Option<Vec<u8>>,
    pub message_state: Option<u8>,
    pub user_message_reference: Option<u16>,
    pub sar_msg_ref_num: Option<u16>,
    pub sar_total_segments: Option<u8>,
    pub sar_segment_seqnum: Option<u8>,
    /// The kind of network, and its error (SMPP 3.4 §5.3.2.31).
    pub network_error_code: Option<(u8, u16)>,
    pub ms_availability_status: Option<u8>,
}

/// What can't be read, and the `command_status` that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    pub command_status: u32,
    pub reason: &'static str,
}

impl ShortMessage {
    /// The mandatory fields as C-strings and octets, whatever is in them; the optional ones by tag and length. The codec
    /// is not asked: it ends an optional C-string at its NUL, whatever length it has, and takes what follows for the next.
    pub fn read(frame: &Frame) -> Result<Self, Malformed> {
        match frame.id() {
            CommandId::DataSm => Self::read_data_sm(frame.body()),
            _ => Self::read_sm(frame.body()),
        }
    }

    fn read_sm(mut body: &[u8]) -> Result<Self, Malformed> {
        let rest = &mut body;
        c_string(rest, usize::MAX, status::RINVCMDLEN)?; // service_type
        let source = address(rest, ADDRESS_CHARS_MAX, status::RINVSRCADR)?;
        let destination = address(rest, ADDRESS_CHARS_MAX, status::RINVDSTADR)?;
        let [esm_class, protocol_id, _priority_flag] = octets(rest)?;
        c_string(rest, usize::MAX, status::RINVCMDLEN)?; // schedule_delivery_time
        c_string(rest, usize::MAX, status::RINVCMDLEN)?; // validity_period
        let [registered_delivery, _replace_if_present, data_coding, _default_message, sm_length] = octets(rest)?;
        let sm_length = usize::from(sm_length);
        if sm_length > rest.len() || sm_length > SHORT_MESSAGE_OCTETS_MAX {
            return Err(Malformed { command_status: status::RINVMSGLEN, reason: "sm_length is not that of the text" });
        }
        let short_message = rest.copy_to_bytes(sm_length).to_vec();
        let parameters = Parameters::read(rest)?;
        Ok(Self {
            source,
            destination,
            esm_class,
            protocol_id,
            registered_delivery,
            data_coding,
            short_message,
            parameters,
        })
    }

    /// The same for `data_sm`, whose text is in `message_payload`.
    fn read_data_sm(mut body: &[u8]) -> Result<Self, Malformed> {
        let rest = &mut body;
        c_string(rest, usize::MAX, status::RINVCMDLEN)?; // service_type
        let source = address(rest, DATA_SM_ADDRESS_CHARS_MAX, status::RINVSRCADR)?;
        let destination = address(rest, DATA_SM_ADDRESS_CHARS_MAX, status::RINVDSTADR)?;
        let [esm_class, registered_delivery, data_coding] = octets(rest)?;
        let parameters = Parameters::read(rest)?;
        Ok(Self {
            source,
            destination,
            esm_class,
            protocol_id: 0,
            registered_delivery,
            data_coding,
            short_message: Vec::new(),
            parameters,
        })
    }
}

/// SMPP 3.4 §5.2.21: 255 is not a length.
const SHORT_MESSAGE_OCTETS_MAX: usize = 254;

/// SMPP 3.4 §5.2.8: 20 characters and the NUL.
const ADDRESS_CHARS_MAX: usize = 20;

/// SMPP 3.4 §4.7.1: 64 characters and the NUL.
const DATA_SM_ADDRESS_CHARS_MAX: usize = 64;

pub(super) fn address(rest: &mut &[u8], chars_max: usize, too_long: u32) -> Result<Address, Malformed> {
    let [ton, npi] = octets(rest)?;
    Ok(Address { ton, npi, digits: c_string(rest, chars_max, too_long)? })
}

fn octets<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (first, others) = rest
        .split_first_chunk::<N>()
        .ok_or(Malformed { command_status: status::RINVCMDLEN, reason: "the PDU ends within its mandatory fields" })?;
    *rest = others;
    Ok(*first)
}

fn c_string(rest: &mut &[u8], chars_max: usize, too_long: u32) -> Result<Vec<u8>, Malformed> {
    let length = rest
        .iter()
        .position(|octet| *octet == 0)
        .ok_or(Malformed { command_status: status::RINVCMDLEN, reason: "a C-string has no end" })?;
    if length > chars_max {
        return Err(Malformed { command_status: too_long, reason: "an address is too long" });
    }
    let text = rest[..length].to_vec();
    rest.advance(length + 1);
    Ok(text)
}

impl Parameters {
    pub(super) fn read(rest: &mut &[u8]) -> Result<Self, Malformed> {
        const OVERRUN: Malformed =
            Malformed { command_status: status::RINVTLVSTREAM, reason: "an optional parameter runs past the PDU" };
        let mut found = Self::default();
        while !rest.is_empty() {
            if rest.len() < 4 {
                return Err(OVERRUN);
            }
            let tag = TlvTag::from(rest.get_u16());
            let length = usize::from(rest.get_u16());
            let (value, others) = rest.split_at_checked(length).ok_or(OVERRUN)?;
            *rest = others;
            match tag {
                TlvTag::MessagePayload => first(&mut found.message_payload, || Ok(value.to_vec()))?,
                TlvTag::ReceiptedMessageId => first(&mut found.receipted_message_id, || Ok(until_nul(value)))?,
                TlvTag::MessageState => first(&mut found.message_state, || one(value))?,
                TlvTag::UserMessageReference => first(&mut found.user_message_reference, || two(value))?,
                TlvTag::SarMsgRefNum => first(&mut found.sar_msg_ref_num, || two(value))?,
                TlvTag::SarTotalSegments => first(&mut found.sar_total_segments, || one(value))?,
                TlvTag::SarSegmentSeqnum => first(&mut found.sar_segment_seqnum, || one(value))?,
                TlvTag::MsAvailabilityStatus => first(&mut found.ms_availability_status, || one(value))?,
                // It explains a status and changes none: an odd one is no reason to refuse a receipt.
                TlvTag::NetworkErrorCode => {
                    if let ([network, high, low], None) = (value, found.network_error_code) {
                        found.network_error_code = Some((*network, u16::from_be_bytes([*high, *low])));
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    #[cfg(test)]
    fn of(tlvs: &[Tlv]) -> Self {
        let mut found = Self::default();
        for value in tlvs.iter().filter_map(Tlv::value) {
            match value {
                TlvValue::MessagePayload(payload) => {
                    found.message_payload.get_or_insert_with(|| payload.value.as_ref().to_vec());
                }
                TlvValue::ReceiptedMessageId(id) => {
                    found.receipted_message_id.get_or_insert_with(|| until_nul(id.as_ref()));
                }
                TlvValue::MessageState(state) => {
                    found.message_state.get_or_insert(u8::from(*state));
                }
                TlvValue::UserMessageReference(reference) => {
                    found.user_message_reference.get_or_insert(reference.value);
                }
                TlvValue::SarMsgRefNum(reference) => {
                    found.sar_msg_ref_num.get_or_insert(*reference);
                }
                TlvValue::SarTotalSegments(total) => {
                    found.sar_total_segments.get_or_insert(*total);
                }
                TlvValue::SarSegmentSeqnum(number) => {
                    found.sar_segment_seqnum.get_or_insert(*number);
                }
                TlvValue::NetworkErrorCode(error) => {
                    found.network_error_code.get_or_insert((error.network_type.into(), error.error_code));
                }
                _ => {}
            }
        }
        found
    }
}

fn first<T>(slot: &mut Option<T>, read: impl FnOnce() -> Result<T, Malformed>) -> Result<(), Malformed> {
    if slot.is_none() {
        *slot = Some(read()?);
    }
    Ok(())
}

const WRONG_SIZE: Malformed =
    Malformed { command_status: status::RINVTLVLEN, reason: "an optional parameter has the wrong length" };

fn one(value: &[u8]) -> Result<u8, Malformed> {
    let [octet] = value else { return Err(WRONG_SIZE) };
    Ok(*octet)
}

fn two(value: &[u8]) -> Result<u16, Malformed> {
    let [high, low] = value else { return Err(WRONG_SIZE) };
    Ok(u16::from_be_bytes([*high, *low]))
}

fn until_nul(value: &[u8]) -> Vec<u8> {
    value.iter().copied().take_while(|octet| *octet != 0).collect()
}

/// What the codec makes of it, for tests.
#[cfg(test)]
macro_rules! from_pdu {
    ($pdu:ident) => {
        impl From<&$pdu> for ShortMessage {
            fn from(pdu: &$pdu) -> Self {
                Self {
                    source: Address {
                        ton: pdu.source_addr_ton.into(),
                        npi: pdu.source_addr_npi.into(),
                        digits: until_nul(pdu.source_addr.as_ref()),
                    },
                    destination: Address {
                        ton: pdu.dest_addr_ton.into(),
                        npi: pdu.dest_addr_npi.into(),
                        digits: until_nul(pdu.destination_addr.as_ref()),
                    },
                    esm_class: pdu.esm_class.into(),
                    protocol_id: pdu.protocol_id,
                    registered_delivery: pdu.registered_delivery.into(),
                    data_coding: pdu.data_coding.into(),
                    short_message: pdu.short_message().as_ref().to_vec(),
                    parameters: Parameters::of(pdu.tlvs()),
                }
            }
        }
    };
}
#[cfg(test)]
from_pdu!(SubmitSm);
#[cfg(test)]
from_pdu!(DeliverSm);

#[cfg(test)]
impl From<&DataSm> for ShortMessage {
    fn from(pdu: &DataSm) -> Self {
        Self {
            source: Address {
                ton: pdu.source_addr_ton.into(),
                npi: pdu.source_addr_npi.into(),
                digits: until_nul(pdu.source_addr.as_ref()),
            },
            destination: Address {
                ton: pdu.dest_addr_ton.into(),
                npi: pdu.dest_addr_npi.into(),
                digits: until_nul(pdu.destination_addr.as_ref()),
            },
            esm_class: pdu.esm_class.into(),
            protocol_id: 0,
            registered_delivery: pdu.registered_delivery.into(),
            data_coding: pdu.data_coding.into(),
            short_message: Vec::new(),
            parameters: Parameters::of(pdu.tlvs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smpp::tlvs::MessageDeliveryRequestTlvValue;
    use smpp::types::{AnyOctetString, COctetString, OctetString};
    use smpp::values::{DataCoding, EsmClass, MessagePayload, MessageState, Ton, UserMessageReference};

    use super::*;
    use crate::carrier::frame::{Framer, encode};

    fn deliver_sm() -> DeliverSm {
        DeliverSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr("13035550123".parse().unwrap())
            .destination_addr("13035550100".parse().unwrap())
            .esm_class(EsmClass::from(0))
            .short_message(OctetString::from_slice(b"STOP").unwrap())
            .build()
    }

    fn body(pdu: DeliverSm) -> Vec<u8> {
        encode(0, 1, pdu.into())[16..].to_vec()
    }

    fn read(body: &[u8]) -> Result<ShortMessage, Malformed> {
        read_as(5, body)
    }

    fn read_data_sm(body: &[u8]) -> Result<ShortMessage, Malformed> {
        read_as(0x103, body)
    }

    fn read_as(command_id: u32, body: &[u8]) -> Result<ShortMessage, Malformed> {
        let length = u32::try_from(16 + body.len()).unwrap();
        let header = [length, command_id, 0, 1].map(u32::to_be_bytes).concat();
        let mut framer = Framer::default();
        framer.push(&[&header, body].concat());
        ShortMessage::read(&framer.next_frame().unwrap().unwrap())
    }

    /// A `deliver_sm` whose parameters are these octets.
    fn with_parameters(octets: &[u8]) -> Vec<u8> {
        [body(deliver_sm()), octets.to_vec()].concat()
    }

    #[track_caller]
    fn check_refused(body: &[u8], command_status: u32) {
        assert_eq!(read(body).err().map(|malformed| malformed.command_status), Some(command_status));
    }

    #[test]
    fn odd_parameters_do_not_lose_a_stop() {
        let odd: [&[u8]; 6] = [
            &[0x14, 0x00, 0, 3, 1, 2, 3],                      // a vendor's own
            &[0x00, 0x1E, 0, 2, b'7', b'f'],                   // receipted_message_id without its NUL
            &[&[0x00, 0x1E, 0, 80][..], &[b'7'; 80]].concat(), // and with 80 characters
            &[0x04, 0x23, 0, 1, 3],                            // network_error_code of a wrong length
            &[0x04, 0x24, 0, 0],                               // an empty message_payload
            &[0x02, 0x04, 0, 2, 0, 7, 0x02, 0x04, 0, 2, 0, 8],
        ];
        for parameters in odd {
            let message = read(&with_parameters(parameters)).unwrap_or_else(|malformed| panic!("{}", malformed.reason));
            assert_eq!(message.short_message, b"STOP");
        }
    }

    #[test]
    fn the_first_of_a_repeated_parameter_counts() {
        let twice = [0x02, 0x04, 0, 2, 0, 7, 0x02, 0x04, 0, 2, 0, 8];
        assert_eq!(read(&with_parameters(&twice)).ok().unwrap().parameters.user_message_reference, Some(7));
        let and_odd = [&twice[..], &[0x04, 0x23, 0, 1, 3]].concat();
        assert_eq!(read(&with_parameters(&and_odd)).ok().unwrap().parameters.user_message_reference, Some(7));
    }

    #[test]
    fn what_a_carrier_pads_an_id_with_is_not_taken_for_another_parameter() {
        // receipted_message_id "7f", a NUL, and five octets that look like message_state 5: undeliverable.
        let padded = [0x00, 0x1E, 0, 8, b'7', b'f', 0, 0x04, 0x27, 0, 1, 5];
        let message = read(&with_parameters(&padded)).unwrap_or_else(|malformed| panic!("{}", malformed.reason));
        assert_eq!(message.parameters.receipted_message_id.as_deref(), Some(&b"7f"[..]));
        assert_eq!(message.parameters.message_state, None);
        check_refused(&with_parameters(&[0x00, 0x1E, 4, 0, b'7', b'f', 0]), status::RINVTLVSTREAM);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_status_that_says_why() {
        let good = body(deliver_sm());
        check_refused(&[], status::RINVCMDLEN);
        check_refused(&[0, 1, 1, b'1', b'3'], status::RINVCMDLEN); // source_addr without end
        check_refused(&[&[0, 1, 1][..], &[b'1'; 21], &good[14..]].concat(), status::RINVSRCADR);
        check_refused(&good[..good.len() - 1], status::RINVMSGLEN);
        let mut with_255 = good.clone();
        let at = good.len() - 5;
        with_255[at] = 255;
        check_refused(&[&with_255[..], &[0; 300]].concat(), status::RINVMSGLEN);
        check_refused(&with_parameters(&[0x14, 0, 0, 200, 1]), status::RINVTLVSTREAM);
        check_refused(&with_parameters(&[0x14, 0, 0]), status::RINVTLVSTREAM);
        check_refused(&with_parameters(&[0x04, 0x27, 0, 4, 0, 0, 0, 2]), status::RINVTLVLEN);
    }

    #[test]
    fn five_thousand_unknown_parameters_are_walked_past() {
        let many = [0x14, 0x00, 0, 1, 0].repeat(5_000);
        assert_eq!(read(&with_parameters(&many)).ok().unwrap().short_message, b"STOP");
    }

    #[test]
    fn a_payload_of_64_kib_is_read() {
        let mut pdu = deliver_sm();
        let payload = MessagePayload::new(AnyOctetString::from_vec(vec![b'x'; 65_535]));
        pdu.push_tlv(MessageDeliveryRequestTlvValue::MessagePayload(payload));
        assert_eq!(read(&body(pdu)).ok().unwrap().parameters.message_payload.map(|octets| octets.len()), Some(65_535));
    }

    #[test]
    fn a_data_sm_is_read_like_a_deliver_sm() {
        let mut pdu = DataSm::builder()
            .source_addr_ton(Ton::International)
            .source_addr("13035550123".parse().unwrap())
            .destination_addr("13035550100".parse().unwrap())
            .esm_class(EsmClass::from(0))
            .data_coding(DataCoding::Ucs2)
            .build();
        pdu.push_tlv(smpp::tlvs::MessageSubmissionRequestTlvValue::MessagePayload(MessagePayload::new(
            AnyOctetString::from_slice(b"\0Y"),
        )));
        let octets = encode(0, 1, pdu.into())[16..].to_vec();
        let strict = read_data_sm(&octets).unwrap_or_else(|malformed| panic!("{}", malformed.reason));
        assert_eq!((&strict.source.digits[..], strict.source.ton, strict.data_coding), (&b"13035550123"[..], 1, 8));
        assert_eq!(strict.parameters.message_payload.as_deref(), Some(&b"\0Y"[..]));
        // A parameter of a wrong length, which the codec does not read.
        let lenient = read_data_sm(&[&octets[..], &[0x04, 0x23, 0, 1, 3]].concat());
        assert!(lenient.is_ok_and(|lenient| lenient == strict));
        let refused = read_data_sm(&octets[..30]).err().map(|malformed| malformed.command_status);
        assert_eq!(refused, Some(status::RINVCMDLEN));
    }

    #[test]
    fn the_error_of_a_network_is_read_and_an_odd_one_is_passed_over() {
        let error = |octets: &[u8]| read(&with_parameters(octets)).ok().unwrap().parameters.network_error_code;
        assert_eq!(error(&[0x04, 0x23, 0, 3, 3, 0x01, 0x02]), Some((3, 0x0102)));
        assert_eq!(error(&[0x04, 0x23, 0, 2, 3, 1, 0x04, 0x23, 0, 3, 8, 0, 7]), Some((8, 7)));
    }

    proptest! {
        #[test]
        fn any_octets_are_a_message_or_a_refusal(octets: Vec<u8>) {
            let _ = read_data_sm(&octets);
            let _ = read(&octets);
            let _ = read(&with_parameters(&octets));
        }

        /// What the codec wrote is read as it was meant.
        #[test]
        fn what_the_codec_wrote_is_read_as_it_was_meant(
            text in prop::collection::vec(any::<u8>(), 0..254),
            (esm_class, data_coding, ton) in any::<(u8, u8, u8)>(),
            (reference, state) in any::<(u16, u8)>(),
            id in "[0-9a-f]{0,64}",
        ) {
            let mut pdu = deliver_sm();
            pdu.esm_class = EsmClass::from(esm_class);
            pdu.data_coding = DataCoding::from(data_coding);
            pdu.source_addr_ton = Ton::from(ton);
            pdu.set_short_message(OctetString::from_vec(text.clone()).unwrap());
            let id = COctetString::from_string(id).unwrap();
            pdu.push_tlv(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
            pdu.push_tlv(MessageDeliveryRequestTlvValue::MessageState(MessageState::from(state)));
            let reference = UserMessageReference::new(reference);
            pdu.push_tlv(MessageDeliveryRequestTlvValue::UserMessageReference(reference));

            let strict = ShortMessage::from(&pdu);
            prop_assert_eq!((strict.esm_class, strict.data_coding, strict.source.ton), (esm_class, data_coding, ton));
            prop_assert_eq!(&strict.short_message, &text);
            let octets = body(pdu);
            prop_assert!(read(&octets).is_ok_and(|ours| ours == strict));
        }
    }
}
