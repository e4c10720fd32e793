//! What the carrier has for the gateway: texts that phones typed, and receipts. Each stays until it is answered.

use std::collections::{BTreeMap, HashMap, VecDeque};

use smpp::pdus::DeliverSm;
use smpp::types::{COctetString, OctetString};
use smpp::values::{EsmClass, Npi, Ton};

use super::faults::Faults;
use super::phones::Text;
use super::words::{self, DefaultAlphabet, Piece};
use crate::carrier::short_message::Address;

/// `deliver_sm` that wait; the oldest is forgotten first.
const WAITING_MAX: usize = 100_000;
/// `deliver_sm` that are unanswered at once on a connection. With so many, the others have its turns.
const UNANSWERED_MAX: usize = 100;
/// Numbers of which it is known whose they are; the one that was first heard of goes first.
const NUMBERS_MAX: usize = 10_000;

/// Names one `deliver_sm`, in the order in which they came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutgoingId(u64);

/// One `deliver_sm` on its way.
pub struct Outgoing {
    pdu: DeliverSm,
    /// The text of which it is a segment: the phone and the text's id. A receipt is of none.
    of: Option<(String, String)>,
    /// Whose it is; `None` is anybody's.
    system_id: Option<String>,
    /// Where it is.
    place: Place,
}

/// Where a `deliver_sm` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Waits,
    /// It was written to this connection.
    On(u64),
    /// It was refused for the time being.
    Rests,
}

impl Outgoing {
    /// A receipt, for whoever submitted what it is about.
    pub fn receipt(pdu: DeliverSm, system_id: String) -> Self {
        Self { pdu, of: None, system_id: Some(system_id), place: Place::Waits }
    }

    fn is_for(&self, system_id: &str) -> bool {
        self.system_id.as_ref().is_none_or(|whose| whose == system_id)
    }
}

/// A connection that takes what waits.
struct Taker {
    system_id: String,
    unanswered: usize,
}

/// What waits for the gateway.
#[derive(Default)]
pub struct Outbox {
    waiting: BTreeMap<OutgoingId, Outgoing>,
    takers: BTreeMap<u64, Taker>,
    numbers: Numbers,
    /// Who had the last turn.
    last_taker: u64,
    last_id: u64,
    last_reference: u16,
}

/// Whose a number is: of the `system_id` that last sent from it.
#[derive(Default)]
struct Numbers {
    owners: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Outbox {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Somebody sends from this number: what phones type to it is theirs.
    pub fn sends_from(&mut self, number: &str, system_id: &str) {
        let Numbers { owners, order } = &mut self.numbers;
        match owners.get_mut(number) {
            Some(owner) if owner == system_id => {}
            Some(owner) => system_id.clone_into(owner),
            None => {
                if order.len() == NUMBERS_MAX
                    && let Some(oldest) = order.pop_front()
                {
                    owners.remove(&oldest);
                }
                order.push_back(number.to_owned());
                owners.insert(number.to_owned(), system_id.to_owned());
            }
        }
    }

    /// A text, cut into as many segments as it takes.
    pub fn typed(&mut self, text: &Text, alphabet: DefaultAlphabet, faults: &Faults) {
        self.last_reference = self.last_reference.wrapping_add(1);
        let system_id = self.numbers.owners.get(&text.to).cloned();
        for piece in words::cut(&text.text, self.last_reference, alphabet, faults) {
            let pdu = deliver_sm(&address(&text.from), &address(&text.to), piece);
            let of = Some((text.from.clone(), text.id.clone()));
            self.put(Outgoing { pdu, of, system_id: system_id.clone(), place: Place::Waits });
        }
    }

    pub fn put(&mut self, outgoing: Outgoing) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_first();
        }
        self.last_id += 1;
        self.waiting.insert(OutgoingId(self.last_id), outgoing);
    }

    /// A connection takes what waits, from here on.
    pub fn takes(&mut self, connection: u64, system_id: &str) {
        self.takers.insert(connection, Taker { system_id: system_id.to_owned(), unanswered: 0 });
    }

    /// The oldest that waits, for this connection to write, if it is its turn: a customer with several binds gets
    /// something on each.
    pub fn claim(&mut self, connection: u64) -> Option<(OutgoingId, DeliverSm)> {
        let system_id = &self.takers.get(&connection)?.system_id;
        let waits = |(_, outgoing): &(_, &mut Outgoing)| outgoing.place == Place::Waits && outgoing.is_for(system_id);
        let (id, outgoing) = self.waiting.iter_mut().find(waits)?;
        // The first with room after the one that had the last turn.
        let later = self.takers.range(self.last_taker.saturating_add(1)..);
        let mut in_turn = later.chain(self.takers.range(..=self.last_taker));
        let next = in_turn.find(|(_, taker)| taker.unanswered < UNANSWERED_MAX && outgoing.is_for(&taker.system_id));
        next.filter(|(next, _)| **next == connection)?;
        outgoing.place = Place::On(connection);
        let claimed = (*id, outgoing.pdu.clone());
        self.last_taker = connection;
        if let Some(taker) = self.takers.get_mut(&connection) {
            taker.unanswered += 1;
        }
        Some(claimed)
    }

    /// A connection ended: what it did not answer waits for another.
    pub fn release(&mut self, connection: u64) {
        self.takers.remove(&connection);
        for outgoing in self.waiting.values_mut().filter(|outgoing| outgoing.place == Place::On(connection)) {
            outgoing.place = Place::Waits;
        }
    }

    /// It was answered. Names the text, if that was the last of it.
    pub fn answered(&mut self, connection: u64, id: OutgoingId) -> Option<(String, String)> {
        let answered = self.waiting.remove(&id)?;
        self.has_room_again(connection);
        let of = answered.of?;
        let more = self.waiting.values().any(|outgoing| outgoing.of.as_ref() == Some(&of));
        (!more).then_some(of)
    }

    /// It was refused for the time being: it stays, and comes again when it [`wakes`](Self::wakes).
    pub fn rests(&mut self, connection: u64, id: OutgoingId) -> bool {
        let Some(outgoing) = self.waiting.get_mut(&id).filter(|outgoing| outgoing.place == Place::On(connection))
        else {
            return false;
        };
        outgoing.place = Place::Rests;
        self.has_room_again(connection);
        true
    }

    pub fn wakes(&mut self, id: OutgoingId) {
        if let Some(outgoing) = self.waiting.get_mut(&id)
            && outgoing.place == Place::Rests
        {
            outgoing.place = Place::Waits;
        }
    }

    fn has_room_again(&mut self, connection: u64) {
        if let Some(taker) = self.takers.get_mut(&connection) {
            taker.unanswered = taker.unanswered.saturating_sub(1);
        }
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

/// A `deliver_sm` of these parties with this in it.
pub fn deliver_sm(source: &Address, destination: &Address, piece: Piece) -> DeliverSm {
    let digits = |address: &Address| {
        let text = String::from_utf8_lossy(&address.digits).chars().take(20).collect();
        COctetString::from_string(text).unwrap_or_else(|_| COctetString::null())
    };
    let mut pdu = DeliverSm::builder()
        .source_addr_ton(Ton::from(source.ton))
        .source_addr_npi(Npi::from(source.npi))
        .source_addr(digits(source))
        .dest_addr_ton(Ton::from(destination.ton))
        .dest_addr_npi(Npi::from(destination.npi))
        .destination_addr(digits(destination))
        .esm_class(EsmClass::from(piece.esm_class))
        .data_coding(piece.data_coding)
        .short_message(OctetString::from_vec(piece.short_message).unwrap_or_else(|_| OctetString::empty()))
        .build();
    piece.parameters.into_iter().for_each(|parameter| pdu.push_tlv(parameter));
    pdu
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::simulator::Direction;

    /// An outbox with so many texts, and the connections that take them.
    fn outbox(texts: usize, takers: &[u64]) -> Outbox {
        let mut outbox = Outbox::default();
        (0..texts).for_each(|id| types(&mut outbox, id, "+13035550100"));
        takers.iter().for_each(|connection| outbox.takes(*connection, "practice"));
        outbox
    }

    fn types(outbox: &mut Outbox, id: usize, to: &str) {
        let text = Text {
            id: id.to_string(),
            direction: Direction::FromPhone,
            from: "+13035550123".into(),
            to: to.into(),
            text: "hello".into(),
            at: Timestamp::UNIX_EPOCH,
            answered: false,
        };
        outbox.typed(&text, DefaultAlphabet::Gsm7, &Faults::default());
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
            outbox.waiting.iter().filter(|(_, outgoing)| outgoing.place == Place::On(2)).map(|(id, _)| *id).collect();
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

    #[test]
    fn a_text_is_for_whoever_sends_from_that_number() {
        let mut outbox = outbox(0, &[1]);
        outbox.takes(2, "another");
        outbox.sends_from("+13035550100", "another");
        (0..3).for_each(|id| types(&mut outbox, id, "+13035550100"));
        assert_eq!(share(&mut outbox, &[1, 2]), [0, 3]);
        outbox.sends_from("+13035550100", "practice");
        (3..5).for_each(|id| types(&mut outbox, id, "+13035550100"));
        assert_eq!(share(&mut outbox, &[1, 2]), [2, 0]);
    }

    #[test]
    fn what_rests_is_not_brought_before_it_wakes() {
        let mut outbox = outbox(1, &[1]);
        let (id, _) = outbox.claim(1).unwrap();
        assert!(outbox.rests(1, id));
        assert_eq!(share(&mut outbox, &[1]), [0]);
        outbox.wakes(id);
        assert_eq!(share(&mut outbox, &[1]), [1]);
    }

    #[test]
    fn an_answer_that_comes_twice_makes_room_once() {
        let mut outbox = outbox(UNANSWERED_MAX + 2, &[1]);
        assert_eq!(share(&mut outbox, &[1]), [UNANSWERED_MAX]);
        let id = *outbox.waiting.keys().next().unwrap();
        outbox.answered(1, id);
        outbox.answered(1, id);
        assert_eq!(share(&mut outbox, &[1]), [1]);
    }
}
