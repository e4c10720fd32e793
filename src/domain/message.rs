//! What is said in a conversation, and what became of it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::letters::Segment;
use super::{CarrierError, Marks, Preferences, ReceiptState, StaffId};

/// The words of a text. `Debug` shows how long they are, never what they say.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Arc<str>);

impl Body {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The words themselves, for the wire, the record and the API.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹{} chars›", self.0.chars().count())
    }
}

/// The place of a message in its conversation, counted from 1 in the order in which they were written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A random number that tells conversations apart without naming a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(pub u64);

/// A message's name in the API: its conversation and its place in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    pub conversation: ConversationId,
    pub seq: Seq,
}

impl MessageId {
    /// Reads what [`Display`](fmt::Display) writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (conversation, seq) = text.split_once('-')?;
        let id = Self {
            conversation: ConversationId(u64::from_str_radix(conversation, 16).ok()?),
            seq: Seq(seq.parse().ok()?),
        };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.conversation.0, self.seq.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whose words a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The patient's.
    Inbound,
    /// Staff's; nobody in particular when the operator's own token wrote it.
    StaffText { staff: Option<StaffId> },
    /// Ours: asks for YES.
    Invitation,
    /// Ours: the one answer to STOP.
    OptOutConfirmation,
    /// Ours: the answer to START.
    StartConfirmation,
    /// Ours: the answer to HELP.
    Help,
    /// Ours: the answer to a text that came while the practice is closed.
    AfterHours,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for the patient's YES.
    Pending,
    /// Waits for staff to settle a probable opt-out, or to answer for it in its author's place.
    Held,
    /// Waits for the time that staff set, or for the end of quiet hours.
    Scheduled,
    /// Waits for the number's rate limit or for the carrier.
    Queued,
    /// Recorded as being written to the carrier, not answered yet.
    Sending,
    /// The carrier took every segment.
    Sent,
    /// A receipt said that it arrived.
    Delivered,
    /// A receipt said that it did not.
    Undelivered,
    /// Will not be sent.
    Failed,
    /// May or may not have gone out; never sent again by itself.
    Unconfirmed,
    /// Its time ran out before consent or a carrier came.
    Expired,
    /// Staff took it back before it left.
    Canceled,
    /// Inbound.
    Received,
}

impl Status {
    pub const ALL: [Self; 13] = [
        Self::Pending,
        Self::Held,
        Self::Scheduled,
        Self::Queued,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Unconfirmed,
        Self::Expired,
        Self::Canceled,
        Self::Received,
    ];

    /// What it is called in the API and in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unconfirmed => "unconfirmed",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Received => "received",
        }
    }
}

/// Why a message failed, was not delivered, or is held for want of an author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The patient opted out before it left.
    OptedOut,
    /// The invitation that it waited for did not reach the phone, or the phone is not the patient's any more.
    Unreachable,
    /// The carrier refused it with this `command_status` (SMPP 3.4 §5.1.3).
    CarrierRejected { command_status: u32 },
    /// The carrier took some of its segments and refused others.
    PartlySent,
    /// Nobody knew whether it had gone out, and staff let it rest.
    Discarded,
    /// Nobody knew whether it had gone out, and staff sent it again, as this message of the conversation.
    SentAgain { as_seq: Seq },
    /// Its author may text patients no more: it is held for somebody who may.
    AuthorMayNotText,
    /// Its author might text patients no more, and somebody who may sent its words, as this message of the conversation.
    TakenOver { as_seq: Seq },
    /// The carrier's receipt says that it did not arrive, and mostly why.
    NotDelivered { state: ReceiptState, error: Option<CarrierError> },
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: MessageId,
    pub kind: Kind,
    pub text: Body,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Segments that it takes on the wire.
    pub segments: u32,
    pub failure: Option<Failure>,
    /// What staff should know of an inbound text besides its words.
    pub marks: Marks,
}

/// A text that staff wrote, on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub text: Body,
    pub staff: Option<StaffId>,
    /// How the patient whom it is for wants to be texted.
    pub preferences: Preferences,
    /// Not before then; at once where that has passed.
    pub send_at: Option<Timestamp>,
}

/// How an inbound text presented itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    /// Message class 0 (3GPP TS 23.038 §4): shown, but too easily forged or lost to opt anyone in.
    Flash,
    /// Not text at all: its body says how many bytes there were.
    Binary,
}

/// Tells a text that the carrier delivers a second time from one that the patient sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 16]);

/// What the segments of one long text share. Those of different width are of different texts, whatever their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    Octet(u8),
    Word(u16),
}

impl From<u8> for Reference {
    fn from(reference: u8) -> Self {
        Self::Octet(reference)
    }
}

impl From<u16> for Reference {
    fn from(reference: u16) -> Self {
        Self::Word(reference)
    }
}

/// The place of a segment in the long text that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub reference: Reference,
    pub total: u8,
    /// Counted from 1.
    pub number: u8,
}

impl Part {
    /// Whether its numbers make sense, and say that there are others.
    pub fn is_one_of_several(self) -> bool {
        self.total > 1 && (1..=self.total).contains(&self.number)
    }
}

/// A text, or a segment of one, as the carrier delivered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    pub text: Body,
    pub form: Form,
    pub part: Option<Part>,
    pub fingerprint: Fingerprint,
    /// Which delivery brought it, where that is known.
    pub delivery: Option<DeliveryId>,
    /// When the link session before the one that carried this text ended. Our answers shortly before that
    /// moment may not have arrived, so what they answered may be delivered again.
    pub earlier_session_ended: Option<Timestamp>,
    /// When the session that carried this text began: what is delivered again comes soon after.
    pub session_began: Option<Timestamp>,
    pub written: Written,
}

/// How an inbound text was written, beyond its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    pub marks: Marks,
    /// A segment as it came, so that a character that was cut reads right once the text is whole.
    pub segment: Option<Segment>,
}

/// One delivery by the carrier. A text that may have become durable is told again under the same id; what the carrier
/// delivers again has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_reads_back_and_nothing_else_does() {
        let id = MessageId { conversation: ConversationId(0x5f), seq: Seq(12) };
        assert_eq!(id.to_string(), "000000000000005f-12");
        assert_eq!(MessageId::parse("000000000000005f-12"), Some(id));
        for bad in ["", "5f-12", "000000000000005F-12", "000000000000005f-012", "000000000000005f-", "x-1"] {
            assert_eq!(MessageId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_body_never_shows_its_words() {
        assert_eq!(format!("{:?}", Body::new("my knee hurts")), "‹13 chars›");
    }
}
