//! What the carrier has for the gateway: texts that phones typed, and receipts. Each stays until it is answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use smpp::pdus::DeliverSm;
use smpp::tlvs::MessageDeliveryRequestTlvValue;
use smpp::types::{COctetString, OctetString};
use smpp::values::{DataCoding, EsmClass, MessageState, Npi, Ton, UserMessageReference};

use super::phones::Text;
use crate::carrier::short_message::{Address, ShortMessage};
use crate::carrier::udh;
use crate::domain::Part;
use crate::domain::text::{Alphabet, Segments};

/// `deliver_sm` that wait; the oldest is forgotten first.
const WAITING_MAX: usize = 100_000;

/// Names one `deliver_sm`, in the order in which they came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutgoingId(u64);

/// One `deliver_sm` on its way.
pub struct Outgoing {
    pub pdu: DeliverSm,
    /// The text of which it is a segment: the phone and the text's id. A receipt is of none.
    pub of: Option<(String, String)>,
    /// The connection that it was written to.
    on: Option<u64>,
}

/// What waits for the gateway.
#[derive(Default)]
pub struct Outbox {
    waiting: BTreeMap<OutgoingId, Outgoing>,
    last_id: u64,
    last_reference: u8,
}

impl Outbox {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// A text, cut into as many segments as it takes.
    pub fn typed(&mut self, text: &Text) {
        let Segments { alphabet, parts } = Segments::of(&text.text);
        let total = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        self.last_reference = self.last_reference.wrapping_add(1);
        for (number, octets) in (1..=total).zip(parts) {
            let part = Part { reference: self.last_reference.into(), total, number };
            let (esm_class, octets) = match total {
                1 => (0, octets),
                _ => (udh::INDICATOR, [udh::concatenation(part).to_vec(), octets].concat()),
            };
            let data_coding = match alphabet {
                Alphabet::Gsm7 => DataCoding::McSpecific,
                Alphabet::Ucs2 => DataCoding::Ucs2,
            };
            let pdu = deliver_sm(&address(&text.from), &address(&text.to), esm_class, data_coding, octets);
            self.put(pdu, Some((text.from.clone(), text.id.clone())));
        }
    }

    /// A receipt about a segment (SMPP 3.4 appendix B).
    pub fn receipt(&mut self, about: &ShortMessage, message_id: &str, state: MessageState, at: Timestamp) {
        let (word, delivered) = match state {
            MessageState::Delivered => ("DELIVRD", "001"),
            _ => ("UNDELIV", "000"),
        };
        let date = at.strftime("%y%m%d%H%M");
        let words = format!(
            "id:{message_id} sub:001 dlvrd:{delivered} submit date:{date} done date:{date} stat:{word} err:000 text:"
        );
        const RECEIPT: u8 = 0x04;
        let words = words.into_bytes();
        let mut pdu = deliver_sm(&about.destination, &about.source, RECEIPT, DataCoding::McSpecific, words);
        if let Ok(id) = COctetString::from_string(message_id.to_owned()) {
            pdu.push_tlv(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
        }
        pdu.push_tlv(MessageDeliveryRequestTlvValue::MessageState(state));
        if let Some(reference) = about.parameters.user_message_reference {
            let reference = UserMessageReference::new(reference);
            pdu.push_tlv(MessageDeliveryRequestTlvValue::UserMessageReference(reference));
        }
        self.put(pdu, None);
    }

    fn put(&mut self, pdu: DeliverSm, of: Option<(String, String)>) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_first();
        }
        self.last_id += 1;
        self.waiting.insert(OutgoingId(self.last_id), Outgoing { pdu, of, on: None });
    }

    /// The oldest that is on no connection, for this one to write.
    pub fn claim(&mut self, connection: u64) -> Option<(OutgoingId, DeliverSm)> {
        let (id, outgoing) = self.waiting.iter_mut().find(|(_, outgoing)| outgoing.on.is_none())?;
        outgoing.on = Some(connection);
        Some((*id, outgoing.pdu.clone()))
    }

    /// A connection ended: what it did not answer waits for the next.
    pub fn release(&mut self, connection: u64) {
        for outgoing in self.waiting.values_mut().filter(|outgoing| outgoing.on == Some(connection)) {
            outgoing.on = None;
        }
    }

    /// It was answered. Names the text, if that was the last of it.
    pub fn answered(&mut self, id: OutgoingId) -> Option<(String, String)> {
        let of = self.waiting.remove(&id)?.of?;
        let more = self.waiting.values().any(|outgoing| outgoing.of.as_ref() == Some(&of));
        (!more).then_some(of)
    }
}

/// A number as the carrier writes it: international without the plus sign, anything else as it is.
fn address(number: &str) -> Address {
    match number.strip_prefix('+') {
        Some(digits) => Address { ton: 1, npi: 1, digits: digits.into() },
        None => Address { ton: 0, npi: 0, digits: number.into() },
    }
}

/// The other way around.
pub fn number(address: &Address) -> String {
    let digits = String::from_utf8_lossy(&address.digits);
    if address.ton == 1 && !digits.starts_with('+') { format!("+{digits}") } else { digits.into_owned() }
}

fn deliver_sm(
    source: &Address,
    destination: &Address,
    esm_class: u8,
    data_coding: DataCoding,
    octets: Vec<u8>,
) -> DeliverSm {
    let digits = |address: &Address| {
        let text = String::from_utf8_lossy(&address.digits).chars().take(20).collect();
        COctetString::from_string(text).unwrap_or_else(|_| COctetString::null())
    };
    DeliverSm::builder()
        .source_addr_ton(Ton::from(source.ton))
        .source_addr_npi(Npi::from(source.npi))
        .source_addr(digits(source))
        .dest_addr_ton(Ton::from(destination.ton))
        .dest_addr_npi(Npi::from(destination.npi))
        .destination_addr(digits(destination))
        .esm_class(EsmClass::from(esm_class))
        .data_coding(data_coding)
        .short_message(OctetString::from_vec(octets).unwrap_or_else(|_| OctetString::empty()))
        .build()
}
