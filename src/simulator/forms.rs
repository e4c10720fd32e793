//! The forms of a text on the wire: `submit_sm` and `deliver_sm` have the same fields (SMPP 3.4 §4.4.1, §4.6.1),
//! `data_sm` has fewer (§4.7.1).

use bytes::{BufMut, BytesMut};
use smpp::CommandId;

use crate::carrier::frame::{Frame, Framer, HEADER_OCTETS};

/// `message_payload` (SMPP 3.4 §5.3.2.32): what a `data_sm` has its words in.
const MESSAGE_PAYLOAD: u16 = 0x0424;

/// What a `submit_sm` or a `deliver_sm` says, as the PDU of that name.
pub(super) fn rewritten(text: &Frame, id: CommandId) -> Option<Frame> {
    match id {
        CommandId::DataSm => as_data_sm(text),
        _ => frame(text, id, &[text.body()]),
    }
}

/// A `data_sm` with the fields that a `submit_sm` has more, all zero.
pub(super) fn as_submit_sm(data_sm: &Frame) -> Option<Frame> {
    let (parties, rest) = parties(data_sm.body())?;
    let ([esm_class, registered_delivery, data_coding], parameters) = rest.split_first_chunk()?;
    let fields = [*esm_class, 0, 0, 0, 0, *registered_delivery, 0, *data_coding, 0, 0];
    frame(data_sm, CommandId::SubmitSm, &[parties, &fields, parameters])
}

fn as_data_sm(text: &Frame) -> Option<Frame> {
    let (parties, rest) = parties(text.body())?;
    let ([esm_class, _protocol_id, _priority_flag], rest) = rest.split_first_chunk()?;
    let (_schedule_delivery_time, rest) = c_string(rest)?;
    let (_validity_period, rest) = c_string(rest)?;
    let ([registered_delivery, _replace, data_coding, _default_id, length], rest) = rest.split_first_chunk()?;
    let (words, parameters) = rest.split_at_checked(usize::from(*length))?;
    let fields = [*esm_class, *registered_delivery, *data_coding];
    let [tag, length] = [MESSAGE_PAYLOAD, u16::from(*length)].map(u16::to_be_bytes);
    match words {
        [] => frame(text, CommandId::DataSm, &[parties, &fields, parameters]),
        words => frame(text, CommandId::DataSm, &[parties, &fields, parameters, &tag, &length, words]),
    }
}

/// `service_type` and both addresses, which all forms begin with, and the rest.
fn parties(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, source) = c_string(body)?;
    let (_, destination) = c_string(source.get(2..)?)?;
    let (_, rest) = c_string(destination.get(2..)?)?;
    Some(body.split_at(body.len() - rest.len()))
}

/// A string that ends in NUL, and what is behind it.
fn c_string(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.iter().position(|octet| *octet == 0)?;
    Some((&octets[..end], &octets[end + 1..]))
}

/// A PDU with this body and the status and number of another.
fn frame(like: &Frame, id: CommandId, body: &[&[u8]]) -> Option<Frame> {
    let mut octets = BytesMut::new();
    let length = HEADER_OCTETS + body.iter().map(|part| part.len()).sum::<usize>();
    octets.put_u32(u32::try_from(length).ok()?);
    octets.put_u32(id.into());
    octets.put_u32(like.status());
    octets.put_u32(like.sequence());
    body.iter().for_each(|part| octets.put_slice(part));
    let mut framer = Framer::default();
    framer.push(&octets);
    framer.next_frame().ok().flatten()
}

#[cfg(test)]
mod tests {
    use smpp::Pdu;
    use smpp::pdus::DeliverSm;
    use smpp::tlvs::MessageDeliveryRequestTlvValue as Parameter;
    use smpp::types::OctetString;
    use smpp::values::{EsmClass, MessageState};

    use super::*;
    use crate::carrier::frame::encode;
    use crate::carrier::short_message::ShortMessage;

    fn deliver_sm(words: &[u8]) -> Frame {
        let mut pdu = DeliverSm::builder()
            .source_addr("13035550123".parse().unwrap())
            .destination_addr("13035550100".parse().unwrap())
            .esm_class(EsmClass::from(4))
            .short_message(OctetString::from_slice(words).unwrap())
            .build();
        pdu.push_tlv(Parameter::MessageState(MessageState::Delivered));
        let mut framer = Framer::default();
        framer.push(&encode(0, 7, pdu.into()));
        framer.next_frame().unwrap().unwrap()
    }

    #[test]
    fn a_text_says_the_same_in_every_form() {
        let original = deliver_sm(b"hello");
        let submit_sm = rewritten(&original, CommandId::SubmitSm).unwrap();
        assert_eq!((submit_sm.id(), submit_sm.sequence()), (CommandId::SubmitSm, 7));
        assert_eq!(submit_sm.body(), original.body());
        let data_sm = rewritten(&original, CommandId::DataSm).unwrap();
        assert!(matches!(data_sm.decode(), Some(Pdu::DataSm(_))), "by the codec's own rules");
        let read = |frame: &Frame| ShortMessage::read(frame).unwrap_or_else(|malformed| panic!("{}", malformed.reason));
        let (was, is) = (read(&original), read(&as_submit_sm(&data_sm).unwrap()));
        assert_eq!((&is.source.digits, &is.destination.digits), (&was.source.digits, &was.destination.digits));
        assert_eq!((is.esm_class, is.parameters.message_state), (4, was.parameters.message_state));
        assert_eq!(is.parameters.message_payload.as_deref(), Some(&b"hello"[..]));
    }

    #[test]
    fn a_text_without_words_has_none_in_any_form() {
        let data_sm = rewritten(&deliver_sm(b""), CommandId::DataSm).unwrap();
        let read = ShortMessage::read(&as_submit_sm(&data_sm).unwrap());
        assert_eq!(read.map(|message| message.parameters.message_payload).ok(), Some(None));
    }

    #[test]
    fn what_is_cut_off_has_no_other_form() {
        let whole = deliver_sm(b"hello");
        for end in 0..whole.body().len() - 9 {
            let cut = frame(&whole, CommandId::DeliverSm, &[&whole.body()[..end]]).unwrap();
            assert_eq!(as_data_sm(&cut), None, "{end}");
        }
    }
}
