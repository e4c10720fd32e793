//! What all items of a kind come to, so that two stores can be compared without holding either in memory.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::item::Item;
use crate::domain::PracticeId;

/// Count and checksum of items. The checksum is the sum of the SHA-256 of each, in four lanes, so that the order in which
/// a store happens to give them does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    pub count: u64,
    sum: [u64; 4],
}

/// Takes in one item after the other.
#[derive(Default)]
pub struct Digester {
    digest: Digest,
    /// How many occurrences of each practice came so far, how many proofs, and how many entries of its audit: their order does
    /// count. There are as many as there are practices.
    occurrences: HashMap<PracticeId, u64>,
    proofs: HashMap<PracticeId, u64>,
    audited: HashMap<PracticeId, u64>,
}

impl Digester {
    pub fn take(&mut self, item: &Item) {
        let mut hash = Sha256::new();
        for part in item.canonical() {
            // The length goes before it, so that no two lists of parts look alike.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(&part);
        }
        let place = match item {
            Item::Occurrence { conversation, .. } => {
                Some(self.occurrences.entry(conversation.practice.clone()).or_default())
            }
            Item::Proof(proof) => Some(self.proofs.entry(proof.practice.clone()).or_default()),
            Item::Audited(entry) => Some(self.audited.entry(entry.practice.clone()).or_default()),
            Item::Record(_)
            | Item::Conversation(_)
            | Item::Message(..)
            | Item::Evidence { .. }
            | Item::Answer { .. }
            | Item::DeadLetter(_)
            | Item::Meter { .. }
            | Item::Post(..)
            | Item::Note(..) => None,
        };
        if let Some(place) = place {
            *place += 1;
            hash.update(place.to_be_bytes());
        }
        let octets: [u8; 32] = hash.finalize().into();
        for (lane, part) in self.digest.sum.iter_mut().zip(octets.as_chunks::<8>().0) {
            *lane = lane.wrapping_add(u64::from_be_bytes(*part));
        }
        self.digest.count += 1;
    }

    pub fn finish(self) -> Digest {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::item::Letter;
    use super::*;
    use crate::domain::{ConversationKey, Phone};
    use crate::ports::Changed;

    fn digest(items: &[Item]) -> Digest {
        let mut digester = Digester::default();
        items.iter().for_each(|item| digester.take(item));
        digester.finish()
    }

    fn letter(octet: u8) -> Item {
        Item::DeadLetter(Letter { at: Timestamp::UNIX_EPOCH, reason: "no practice".into(), raw: vec![octet] })
    }

    fn occurrence(practice: &str, change: Changed) -> Item {
        let practice = PracticeId::parse(practice).unwrap();
        let conversation = ConversationKey { practice, phone: Phone::parse("+13035550123").unwrap() };
        Item::Occurrence { conversation, change, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn what_is_missing_doubled_or_changed_shows_and_the_order_of_a_table_does_not() {
        let whole = digest(&[letter(1), letter(2)]);
        assert_eq!(whole, digest(&[letter(2), letter(1)]));
        for other in [vec![letter(1)], vec![letter(1), letter(1)], vec![letter(1), letter(3)], vec![]] {
            assert_ne!(whole, digest(&other));
        }
    }

    #[test]
    fn the_order_of_the_stream_of_a_practice_shows() {
        let [consent, unread] = [Changed::Consent, Changed::Unread];
        let told = digest(&[occurrence("riverside", consent), occurrence("riverside", unread)]);
        assert_ne!(told, digest(&[occurrence("riverside", unread), occurrence("riverside", consent)]));
        let ours = || [occurrence("riverside", consent), occurrence("lakeside", unread)];
        let theirs = [occurrence("lakeside", unread), occurrence("riverside", consent)];
        assert_eq!(digest(&ours()), digest(&theirs));
    }
}
