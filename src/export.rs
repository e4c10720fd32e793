//! Everything that a practice and its patients said, and what proves consent, as one document.
//!
//! A document is told part by part and written as it is told, so its length does not matter. Each format ends with the SHA-256
//! of all octets before it.

mod csv;
mod fhir;
mod hashed;
mod json;
mod words;

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::ledger::{Asked, By, Proof, Words};
use crate::domain::{
    Body, CarrierCode, Consent, ConversationId, Evidence, Hold, Imported, Message, MessageId, Patient, Phone, Practice,
    Receipt, SettledBy, Settlement, StaffMember, Suspension,
};

pub use hashed::Hashed;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Csv,
    Fhir,
}

/// A part of a document, in the order in which they are told: the beginning; staff and patients; then each conversation, with
/// its messages and reports behind it; the end.
pub enum Part<'a> {
    Begins { practice: &'a Practice, at: Timestamp },
    Staff(&'a StaffMember),
    Patient(&'a Patient),
    Conversation(&'a Talk),
    Message(&'a Talk, &'a Message),
    Report(&'a Talk, &'a Report),
    ConversationEnds,
    Ends(Counts),
}

/// A conversation, and how its consent came to be what it is.
pub struct Talk {
    pub id: ConversationId,
    pub phone: Phone,
    pub consent: Consent,
    pub unread: u32,
    /// Who has the phone, by the practice's records.
    pub patients: Vec<Arc<Patient>>,
    pub changes: Vec<Change>,
}

/// A change of consent.
pub struct Change {
    pub at: Timestamp,
    pub from: Consent,
    pub to: Consent,
    /// What of it is not in the ledger is not known in every case.
    pub by: Option<By>,
    pub words: Option<Words>,
    pub invitation: Option<Asked>,
    /// Its number in the ledger; none of what was before the ledger began.
    pub seq: Option<u64>,
}

impl From<Proof> for Change {
    fn from(proof: Proof) -> Self {
        let Proof { seq, at, from, to, by, words, invitation, .. } = proof;
        Self { at, from, to, by: Some(by), words, invitation, seq: Some(seq) }
    }
}

impl Change {
    /// What proves that the patient wants no texts, where the change is one to that.
    fn evidence(&self) -> Option<&Evidence> {
        match &self.to {
            Consent::OptedOut { evidence, .. } => Some(evidence),
            Consent::None | Consent::Invited { .. } | Consent::OptedIn { .. } => None,
        }
    }

    /// The row of an earlier vendor's list, where that made it.
    fn imported(&self) -> Option<&Imported> {
        match self.evidence()? {
            Evidence::Imported(imported) => Some(imported),
            Evidence::Text(_) | Evidence::AmbiguousText(_) | Evidence::Staff { .. } | Evidence::Carrier { .. } => None,
        }
    }

    /// What staff, or the practice's earlier vendor, wrote down of a patient who told them.
    fn reason(&self) -> Option<&Body> {
        match self.evidence()? {
            Evidence::Staff { reason, .. } => Some(reason),
            Evidence::Imported(imported) => imported.reason.as_ref(),
            Evidence::Text(_) | Evidence::AmbiguousText(_) | Evidence::Carrier { .. } => None,
        }
    }

    /// The text that the carrier did not take or deliver because the patient opted out there, and its code.
    fn refused(&self) -> Option<(MessageId, CarrierCode)> {
        match self.evidence()? {
            Evidence::Carrier { message, code } => Some((*message, *code)),
            Evidence::Text(_) | Evidence::AmbiguousText(_) | Evidence::Staff { .. } | Evidence::Imported(_) => None,
        }
    }
}

/// What shows nowhere else: what the carrier reported, and how texts were read.
pub enum Report {
    /// A receipt that fits no message.
    Unmatched { receipt: Receipt, at: Timestamp },
    /// A text that was delivered again.
    Redelivered { of: MessageId, at: Timestamp },
    /// A text that probably opts out held up the conversation.
    Held(Hold),
    /// The number is not the patient's any more.
    Suspended(Suspension),
    /// The patient gave the number again.
    NumberGiven { at: Timestamp },
    /// Somebody said what that text means.
    HoldSettled { settlement: Settlement, by: SettledBy, at: Timestamp },
}

/// How many there were of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub staff: u64,
    pub patients: u64,
    pub conversations: u64,
    pub changes: u64,
    pub messages: u64,
    pub reports: u64,
}

/// Writes a document as it is told.
pub struct Document<W> {
    out: Hashed<W>,
    format: Box<dyn Written + Send>,
    counts: Counts,
}

/// A format: what each part looks like.
trait Written {
    fn part(&mut self, part: &Part<'_>, out: &mut dyn Octets) -> io::Result<()>;
}

/// Where a document goes, with the hash of what went there so far.
trait Octets: io::Write {
    fn hash(&self) -> [u8; 32];
}

impl<W: io::Write> Document<W> {
    pub fn new(format: Format, out: W) -> Self {
        let format: Box<dyn Written + Send> = match format {
            Format::Json => Box::new(json::Json::default()),
            Format::Csv => Box::new(csv::Csv::default()),
            Format::Fhir => Box::new(fhir::Fhir::default()),
        };
        Self { out: Hashed::new(out), format, counts: Counts::default() }
    }

    pub fn tell(&mut self, part: &Part<'_>) -> io::Result<()> {
        let counts = &mut self.counts;
        match part {
            Part::Staff(_) => counts.staff += 1,
            Part::Patient(_) => counts.patients += 1,
            Part::Conversation(talk) => {
                counts.conversations += 1;
                counts.changes += talk.changes.len() as u64;
            }
            Part::Message(..) => counts.messages += 1,
            Part::Report(..) => counts.reports += 1,
            Part::Begins { .. } | Part::ConversationEnds | Part::Ends(_) => {}
        }
        self.format.part(part, &mut self.out)
    }

    /// Ends the document, with how many there were of each.
    pub fn end(mut self) -> io::Result<Counts> {
        let counts = self.counts;
        self.tell(&Part::Ends(counts))?;
        io::Write::flush(&mut self.out)?;
        Ok(counts)
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
