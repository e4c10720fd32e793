//! The evidence ledger at rest: what is written of a proof, and how the ledger of a practice is sealed.
//!
//! Three things hold the ledger together. Each proof names the hash of the one before it in its conversation, and the newest
//! stands in the sealed state of the conversation. Each is signed. And the proofs of a practice stand in one list, in the order
//! in which they came, where the seal of each covers the seal before it: so a conversation that is missing as a whole shows,
//! and so does a change of order. Signatures and seals are made with a key that follows from the key ring and is not in the
//! store: whoever can write to the store alone makes none.

mod archive;
mod audit;
mod finding;
mod kept;
mod verify;

use std::fmt;
use std::str::FromStr;

use super::cipher::{Identity, Lookup};
use super::record;
use super::sealed::Cipher;
use crate::domain::ledger::{Link, Proof};
use crate::ports::StoreError;

pub use archive::{Archive, Head, Heads, Placed, open_archive};
pub use audit::{AuditLine, AuditPlaced, AuditVerified, verify_audit};
pub use finding::{Finding, Flaw, Verified, VerifyStep};
pub use kept::{Anchor, Kept, KeptError, List};
pub use verify::verify;

/// A signature or a seal: made with the key of this id, which must be in the ring to check it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub mac: [u8; 32],
}

/// As it is written: the key's id, a colon, and the octets in hexadecimal digits.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.key)?;
        self.mac.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// A text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATag;

impl FromStr for Tag {
    type Err = NotATag;

    fn from_str(text: &str) -> Result<Self, NotATag> {
        let (key, digits) = text.split_once(':').ok_or(NotATag)?;
        let mut mac = [0; 32];
        if key.is_empty() || digits.len() != 64 || !digits.is_ascii() {
            return Err(NotATag);
        }
        for (octet, pair) in mac.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotATag)?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| NotATag)?;
        }
        Ok(Self { key: key.to_owned(), mac })
    }
}

/// A proof as it stands in a practice's list. Whose it is stands there unsealed, so that a gap has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub look_up: Lookup,
    pub conversation: u64,
    pub seq: u64,
    /// Signs the proof.
    pub signature: String,
    /// The proof, sealed; `None` where the store has lost it.
    pub proof: Option<Vec<u8>>,
    /// Seals its place in the list; `None` while nobody has, on a store that is sealed after the fact.
    pub seal: Option<String>,
}

impl Line {
    /// Seals and signs a proof. It has no place yet.
    pub fn of(cipher: &Cipher, look_up: Lookup, proof: &Proof) -> Self {
        let (conversation, seq) = (proof.conversation.0, proof.seq);
        let plain = record::write_proof(proof);
        Self {
            look_up,
            conversation,
            seq,
            signature: cipher.sign(look_up, conversation, seq, proof.link()).to_string(),
            proof: Some(cipher.ring.seal(&Cipher::proof(look_up, conversation, seq), &plain)),
            seal: None,
        }
    }

    /// The proof, if it is the one that was signed for this conversation and number.
    pub fn open(&self, cipher: &Cipher) -> Result<Proof, StoreError> {
        let unreadable = |reason: &str| StoreError::Unreadable(reason.into());
        let sealed = self.proof.as_ref().ok_or_else(|| unreadable("a proof of the ledger is not there"))?;
        let (look_up, conversation, seq) = (self.look_up, self.conversation, self.seq);
        let plain = cipher.open(&Cipher::proof(look_up, conversation, seq), sealed)?;
        let proof = record::read_proof(&plain)?;
        let is_its_own = proof.conversation.0 == conversation && proof.seq == seq;
        let signature: Option<Tag> = self.signature.parse().ok();
        let message = signed(look_up, conversation, seq, proof.link());
        match signature {
            Some(tag) if is_its_own && cipher.ring.is_authentic(&message, &tag.key, &tag.mac) => Ok(proof),
            Some(_) | None => Err(unreadable("a proof of the ledger is not the one that was signed")),
        }
    }
}

/// What stands in a list of a practice, and has a seal over its place.
pub trait Placeable {
    /// What the seal covers: the practice, the place, what stands there, and the seal before it.
    fn sealed_part(&self, practice: i64, place: u64, before: &str) -> Identity;
}

impl Placeable for Line {
    fn sealed_part(&self, practice: i64, place: u64, before: &str) -> Identity {
        Identity::of("ledger line")
            .with(&practice.to_be_bytes())
            .with_number(place)
            .with(&self.look_up.0)
            .with_number(self.conversation)
            .with_number(self.seq)
            .with(self.signature.as_bytes())
            .with(before.as_bytes())
    }
}

impl Cipher {
    fn sign(&self, look_up: Lookup, conversation: u64, seq: u64, link: Link) -> Tag {
        let (key, mac) = self.ring.authenticate(&signed(look_up, conversation, seq, link));
        Tag { key: key.to_owned(), mac }
    }
}

fn signed(look_up: Lookup, conversation: u64, seq: u64, link: Link) -> Identity {
    Identity::of("ledger proof").with(&look_up.0).with_number(conversation).with_number(seq).with(&link.0)
}

/// Seals the lines of a list, one after the other.
#[derive(Clone)]
pub struct Sealer {
    practice: i64,
    /// The place that is sealed next, counted from 1.
    pub next: u64,
    /// The seal of the line before it; empty before the first.
    pub before: String,
}

impl Sealer {
    pub fn after(practice: i64, sealed: u64, before: Option<String>) -> Self {
        Self { practice, next: sealed + 1, before: before.unwrap_or_default() }
    }

    pub fn seal(&mut self, ring: &super::cipher::KeyRing, line: &impl Placeable) -> String {
        let (key, mac) = ring.authenticate(&line.sealed_part(self.practice, self.next, &self.before));
        let seal = Tag { key: key.to_owned(), mac }.to_string();
        self.next += 1;
        self.before.clone_from(&seal);
        seal
    }

    /// Whether the next line bears the seal that it must; goes on after it in any case.
    pub fn check(&mut self, ring: &super::cipher::KeyRing, line: &impl Placeable, seal: &str) -> bool {
        let part = line.sealed_part(self.practice, self.next, &self.before);
        let tag: Option<Tag> = seal.parse().ok();
        self.next += 1;
        seal.clone_into(&mut self.before);
        tag.is_some_and(|tag| ring.is_authentic(&part, &tag.key, &tag.mac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_reads_back_and_nothing_else_does() {
        let tag = Tag { key: "2026-11".into(), mac: [0xa7; 32] };
        assert_eq!(tag.to_string().parse(), Ok(tag.clone()));
        let written = tag.to_string();
        for bad in
            ["", ":", "k1", &written[..written.len() - 1], &written.replace("a7", "x7"), &written.replace("a7", "é")]
        {
            assert_eq!(bad.parse::<Tag>(), Err(NotATag), "{bad}");
        }
    }
}
