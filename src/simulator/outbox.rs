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
/// `deliver_sm` that are unanswered at once on a connection. With so many, the others have its turns.
const UNANSWERED_MAX: usize = 100;

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
    /// The connections that take what waits, and how many each has not answered.
    takers: BTreeMap<u64, usize>,
    /// Who had the last turn.
    last_taker: u64,
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

    /// A connection takes what waits, from here on.
    pub fn takes(&mut self, connection: u64) {
        self.takers.insert(connection, 0);
    }

    /// The oldest that is on no connection, for this one to write, if it is its turn: a customer with several binds
    /// gets something on each.
    pub fn claim(&mut self, connection: u64) -> Option<(OutgoingId, DeliverSm)> {
        if self.next_taker() != Some(connection) {
            return None;
        }
        let (id, outgoing) = self.waiting.iter_mut().find(|(_, outgoing)| outgoing.on.is_none())?;
        outgoing.on = Some(connection);
        self.last_taker = connection;
        *self.takers.entry(connection).or_default() += 1;
        Some((*id, outgoing.pdu.clone()))
    }

    /// The first with room after the one that had the last turn.
    fn next_taker(&self) -> Option<u64> {
        let later = self.takers.range(self.last_taker.saturating_add(1)..);
        let mut in_turn = later.chain(self.takers.range(..=self.last_taker));
        in_turn.find(|(_, unanswered)| **unanswered < UNANSWERED_MAX).map(|(connection, _)| *connection)
    }

    /// A connection ended: what it did not answer waits for another.
    pub fn release(&mut self, connection: u64) {
        self.takers.remove(&connection);
        for outgoing in self.waiting.values_mut().filter(|outgoing| outgoing.on == Some(connection)) {
            outgoing.on = None;
        }
    }

    /// It was answered. Names the text, if that was the last of it.
    pub fn answered(&mut self, connection: u64, id: OutgoingId) -> Option<(String, String)> {
        if let Some(unanswered) = self.takers.get_mut(&connection) {
            *unanswered = unanswered.saturating_sub(1);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::Direction;

    /// An outbox with so many texts, and the connections that take them.
    fn outbox(texts: usize, takers: &[u64]) -> Outbox {
        let mut outbox = Outbox::default();
        for id in 0..texts {
            outbox.typed(&Text {
                id: id.to_string(),
                direction: Direction::FromPhone,
                from: "+13035550123".into(),
                to: "+13035550100".into(),
                text: "hello".into(),
                at: Timestamp::UNIX_EPOCH,
                answered: false,
            });
        }
        takers.iter().for_each(|connection| outbox.takes(*connection));
        outbox
    }

    /// Everybody asks until nobody gets anything; who got how many.
    fn share(outbox: &mut Outbox, takers: &[u64]) -> Vec<usize> {
        let mut got = vec![0; takers.len()];
        loop {
            let before = got.clone();
            for (connection, got) in takers.iter().zip(&mut got) {
                *got += usize::from(outbox.claim(*connection).is_some());
            }
            if got == before {
                return got;
            }
        }
    }

    #[test]
    fn binds_take_turns() {
        let mut outbox = outbox(6, &[1, 2, 3]);
        assert_eq!(outbox.claim(2), None, "it is not its turn");
        assert_eq!(share(&mut outbox, &[1, 2, 3]), [2, 2, 2]);
    }

    #[test]
    fn whoever_does_not_answer_leaves_the_rest_to_the_others() {
        let mut outbox = outbox(3 * UNANSWERED_MAX, &[1, 2]);
        assert_eq!(share(&mut outbox, &[1, 2]), [UNANSWERED_MAX; 2]);
        let of_the_second: Vec<OutgoingId> =
            outbox.waiting.iter().filter(|(_, outgoing)| outgoing.on == Some(2)).map(|(id, _)| *id).collect();
        of_the_second.into_iter().for_each(|id| drop(outbox.answered(2, id)));
        assert_eq!(share(&mut outbox, &[1, 2]), [0, UNANSWERED_MAX]);
    }

    #[test]
    fn what_an_ended_bind_did_not_answer_is_brought_on_another() {
        let mut outbox = outbox(4, &[1, 2]);
        assert_eq!(share(&mut outbox, &[1, 2]), [2, 2]);
        outbox.release(1);
        assert_eq!(share(&mut outbox, &[1, 2]), [0, 2]);
        outbox.release(2);
        assert_eq!(share(&mut outbox, &[1, 2]), [0, 0], "nobody takes anything");
        assert_eq!(outbox.len(), 4);
    }
}
