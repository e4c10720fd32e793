//! The segments of a text as they leave: as `submit_sm`, or, to a carrier that bound to us, as `deliver_sm` (SMPP 3.4 §4.6.1).

use smpp::Pdu;
use smpp::pdus::{DeliverSm, SubmitSm};
use smpp::tlvs::{MessageDeliveryRequestTlvValue as Parameter, Tlv, TlvValue};
use smpp::values::ReplaceIfPresentFlag;

use super::bind::Side;

/// What is written of the segments on this side of a bind.
pub fn written(segments: Vec<SubmitSm>, side: Side) -> Vec<Pdu> {
    match side {
        Side::Esme => segments.into_iter().map(Pdu::from).collect(),
        Side::Smsc => segments.into_iter().map(|segment| deliver_sm(segment).into()).collect(),
    }
}

/// The same text. Only the end of its time can't be told: a `deliver_sm` has no use for `validity_period`.
fn deliver_sm(segment: SubmitSm) -> DeliverSm {
    let parameters = segment.tlvs().iter().filter_map(Tlv::value).filter_map(parameter).collect();
    let short_message = segment.short_message().clone();
    DeliverSm::new(
        segment.service_type,
        segment.source_addr_ton,
        segment.source_addr_npi,
        segment.source_addr,
        segment.dest_addr_ton,
        segment.dest_addr_npi,
        segment.destination_addr,
        segment.esm_class,
        segment.protocol_id,
        segment.priority_flag,
        Default::default(),
        Default::default(),
        segment.registered_delivery,
        ReplaceIfPresentFlag::default(),
        segment.data_coding,
        0,
        short_message,
        parameters,
    )
}

/// Those that a text of ours has, by the names that `deliver_sm` has for them.
fn parameter(value: &TlvValue) -> Option<Parameter> {
    match value {
        TlvValue::UserMessageReference(reference) => Some(Parameter::UserMessageReference(*reference)),
        TlvValue::SarMsgRefNum(reference) => Some(Parameter::SarMsgRefNum(*reference)),
        TlvValue::SarTotalSegments(total) => Some(Parameter::SarTotalSegments(*total)),
        TlvValue::SarSegmentSeqnum(number) => Some(Parameter::SarSegmentSeqnum(*number)),
        TlvValue::MessagePayload(payload) => Some(Parameter::MessagePayload(payload.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::carrier::profile::{Concatenation, Profile};
    use crate::carrier::short_message::ShortMessage;
    use crate::carrier::submit::Outbound;
    use crate::domain::Phone;

    #[test]
    fn the_text_is_the_same_whichever_side_writes_it() {
        use Concatenation::{MessagePayload, Sar, Udh8, Udh16};
        let [from, to] = ["+13035550100", "+13035550123"].map(|phone| Phone::parse(phone).unwrap());
        let now = Timestamp::UNIX_EPOCH;
        for concatenation in [Udh8, Udh16, Sar, MessagePayload] {
            for text in ["See you at 3.".to_owned(), "x".repeat(300), "ж".repeat(100)] {
                let expires_at = now + SignedDuration::from_hours(1);
                let outbound = Outbound { from: &from, to: &to, text: &text, reference: 7, expires_at };
                let submits = outbound.segments(&Profile { concatenation, ..Profile::default() }, now);
                for submit in submits {
                    let deliver = deliver_sm(submit.clone());
                    assert!(ShortMessage::from(&submit) == ShortMessage::from(&deliver), "{concatenation:?}");
                    assert!(deliver.validity_period.as_str().is_empty());
                }
            }
        }
    }
}
