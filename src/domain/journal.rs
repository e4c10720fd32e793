//! What is written down of each step: the thread, and the evidence.

use jiff::Timestamp;

use super::ledger::Proof;
use super::note::Note;
use super::{
    Consent, Failure, Fingerprint, Hold, Message, MessageId, Receipt, SettledBy, Settlement, Status, Suspension,
};

/// One thing that happened, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A message joined the thread.
    Added(Message),
    /// A message of the thread changed.
    Updated { id: MessageId, status: Status, failure: Option<Failure>, at: Timestamp },
    /// Consent changed, or was proved anew.
    ConsentChanged { consent: Consent, at: Timestamp },
    /// A text probably opts out: nothing leaves until that is settled.
    Held(Hold),
    /// A hold ended. What it did to consent is an entry of its own.
    HoldSettled { settlement: Settlement, by: SettledBy, at: Timestamp },
    /// The number is not the patient's any more. What that did to consent is the entry after it.
    Suspended(Suspension),
    /// The patient gave a suspended number again.
    NumberGiven { at: Timestamp },
    /// A change of consent was entered in the ledger. It comes after everything else of its step.
    Proved(Box<Proof>),
    /// The count of unread texts changed.
    UnreadChanged { unread: u32 },
    /// What staff arranged about the conversation changed.
    Rearranged,
    /// Staff wrote something down for each other.
    Noted(Note),
    /// The carrier delivered a text a second time; it is not shown again.
    Redelivered { of: MessageId, fingerprint: Fingerprint, at: Timestamp },
    /// A receipt fits no message of this conversation.
    ReceiptUnmatched { receipt: Receipt, at: Timestamp },
}
