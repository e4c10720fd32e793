//! The evidence ledger: each change of consent with everything that proves it, chained so that none can be taken out unseen.
//!
//! A proof holds the hash of the one before it in its conversation, and the conversation holds the hash of its newest: what is
//! changed, taken out or put in breaks the chain, and so does a chain that was cut at its end. The hash needs no key, so that
//! a decision stays a matter of what happened alone; the store signs it with a key that is not in the store.

mod entering;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{
    Body, CarrierCode, Consent, ConversationId, Evidence, FileHash, Imported, MessageId, Phone, PracticeId, StaffId,
    Status,
};

pub(super) use entering::enter;

/// Invitations that are remembered to be quoted when they are answered: one, and its reminder.
pub const INVITATIONS_MAX: usize = 2;

/// What the hash of a proof begins with. Another way to hash gets another name.
const LABEL: &str = "assent ledger 1";

/// The hash of a proof, and through it of all before it in its conversation.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Link(pub [u8; 32]);

/// The first digits: enough to tell two apart. The whole of it would let whoever reads it try out texts.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

/// One change of consent, and what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub conversation: ConversationId,
    /// Its number in its conversation, counted from 1.
    pub seq: u64,
    /// That of the proof before it; zeros in the first.
    pub previous: Link,
    pub practice: PracticeId,
    /// The practice's number.
    pub number: Phone,
    /// The patient's phone.
    pub phone: Phone,
    pub at: Timestamp,
    pub from: Consent,
    pub to: Consent,
    pub by: By,
    /// What the patient wrote, where that made the change.
    pub words: Option<Words>,
    /// The invitation that was sent or answered, or that nobody answered.
    pub invitation: Option<Asked>,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The patient, by a text.
    Patient,
    /// Whoever of the staff wrote what made it; nobody in particular when the operator's own token did.
    Staff(Option<StaffId>),
    /// The carrier, which could not deliver, or says that nobody has the number or that the patient opted out there.
    Carrier,
    /// Whoever brought the list of the practice's earlier vendor.
    Import,
    /// Nobody: a time ran out.
    Time,
}

/// A text of the patient, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub message: MessageId,
    pub text: Body,
}

/// An invitation, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub message: MessageId,
    pub text: Body,
    /// When it was last handed to the carrier; none before.
    pub left_at: Option<Timestamp>,
}

/// An invitation that may yet be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    pub asked: Asked,
    /// What has become of it, as far as is known.
    pub status: Status,
}

impl Asked {
    /// Names the wording: SHA-256 of the text as it was sent, so that texts that differ in anything are different versions.
    pub fn version(&self) -> [u8; 32] {
        Sha256::digest(self.text.expose()).into()
    }
}

impl Awaited {
    /// Whether a patient may have it before them.
    fn may_be_answered(&self, now: Timestamp, memory: SignedDuration) -> bool {
        let is_recent = self.asked.left_at.is_some_and(|at| now.duration_since(at) < memory);
        is_recent
            && match self.status {
                Status::Sending | Status::Sent | Status::Delivered | Status::Undelivered | Status::Unconfirmed => true,
                Status::Pending
                | Status::Held
                | Status::Scheduled
                | Status::Queued
                | Status::Failed
                | Status::Expired
                | Status::Canceled
                | Status::Received => false,
            }
    }
}

/// What a conversation holds of its part of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// How many proofs there are. None in a conversation whose consent has not changed since there is a ledger.
    pub count: u64,
    /// That of the newest.
    pub link: Link,
    /// Those that may yet be answered.
    pub invitations: Vec<Awaited>,
    /// The text that holds the conversation, to the letter: if it opts out, it proves that.
    pub held: Option<Words>,
    /// The file that opted the patient out last. A row of it that comes again is no other word of theirs.
    pub imported: Option<FileHash>,
}

impl Ledger {
    /// The invitation that was written last, of those that may yet be answered.
    pub fn newest_invitation(&self) -> Option<MessageId> {
        self.invitations.last().map(|awaited| awaited.asked.message)
    }
}

impl Proof {
    /// The hash of everything that it says.
    pub fn link(&self) -> Link {
        let mut hash = Parts(Sha256::new());
        hash.part(LABEL.as_bytes());
        hash.part(&self.previous.0);
        hash.part(&self.conversation.0.to_be_bytes());
        hash.part(&self.seq.to_be_bytes());
        for text in [self.practice.as_str(), self.number.expose(), self.phone.expose()] {
            hash.part(text.as_bytes());
        }
        hash.time(self.at);
        hash.consent(&self.from);
        hash.consent(&self.to);
        match &self.by {
            By::Patient => hash.part(b"patient"),
            By::Staff(staff) => {
                hash.part(b"staff");
                hash.part(staff.as_ref().map_or("", StaffId::as_str).as_bytes());
            }
            By::Carrier => hash.part(b"carrier"),
            By::Import => hash.part(b"import"),
            By::Time => hash.part(b"time"),
        }
        match &self.words {
            None => hash.part(b"no words"),
            Some(Words { message, text }) => {
                hash.part(b"words");
                hash.part(message.to_string().as_bytes());
                hash.part(text.expose().as_bytes());
            }
        }
        match &self.invitation {
            None => hash.part(b"no invitation"),
            Some(Asked { message, text, left_at }) => {
                hash.part(b"invitation");
                hash.part(message.to_string().as_bytes());
                hash.part(text.expose().as_bytes());
                match left_at {
                    None => hash.part(b""),
                    Some(at) => hash.time(*at),
                }
            }
        }
        Link(hash.0.finalize().into())
    }
}

/// A hash of parts. The length of each goes in before it, so that no two lists of parts look alike.
struct Parts(Sha256);

impl Parts {
    fn part(&mut self, octets: &[u8]) {
        self.0.update((octets.len() as u64).to_be_bytes());
        self.0.update(octets);
    }

    fn time(&mut self, at: Timestamp) {
        self.part(&at.as_nanosecond().to_be_bytes());
    }

    fn consent(&mut self, consent: &Consent) {
        match consent {
            Consent::None => self.part(b"none"),
            Consent::Invited { since } => {
                self.part(b"invited");
                self.time(*since);
            }
            Consent::OptedIn { since, evidence } => {
                self.part(b"opted in");
                self.time(*since);
                self.evidence(&Evidence::Text(*evidence));
            }
            Consent::OptedOut { since, evidence } => {
                self.part(b"opted out");
                self.time(*since);
                self.evidence(evidence);
            }
        }
    }

    fn evidence(&mut self, evidence: &Evidence) {
        match evidence {
            Evidence::Text(message) => {
                self.part(b"text");
                self.part(message.to_string().as_bytes());
            }
            Evidence::AmbiguousText(message) => {
                self.part(b"ambiguous text");
                self.part(message.to_string().as_bytes());
            }
            Evidence::Staff { staff, reason } => {
                self.part(b"staff");
                self.part(staff.as_ref().map_or("", StaffId::as_str).as_bytes());
                self.part(reason.expose().as_bytes());
            }
            Evidence::Carrier { message, code } => {
                self.part(b"carrier");
                self.part(message.to_string().as_bytes());
                match code {
                    CarrierCode::CommandStatus(status) => {
                        self.part(b"command status");
                        self.part(&status.to_be_bytes());
                    }
                    CarrierCode::Error(code) => {
                        self.part(b"error");
                        self.part(&code.get().to_be_bytes());
                    }
                }
            }
            Evidence::Imported(imported) => {
                let Imported { file, line, opted_out_at, reason } = &**imported;
                self.part(b"imported");
                self.part(&file.0);
                self.part(&line.to_be_bytes());
                match opted_out_at {
                    None => self.part(b""),
                    Some(at) => self.time(*at),
                }
                self.part(reason.as_ref().map_or("", Body::expose).as_bytes());
            }
        }
    }
}
