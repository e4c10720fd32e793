//! What is said in a conversation, and what became of it.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

use jiff::Timestamp;

use super::StaffId;

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
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for the patient's YES.
    Pending,
    /// Waits for staff to settle a probable opt-out.
    Held,
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
    /// Inbound.
    Received,
}

/// Why a message failed or was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The patient opted out before it left.
    OptedOut,
    /// The invitation that it waited for did not reach the phone.
    Unreachable,
    /// The carrier refused it with this `command_status` (SMPP 3.4 §5.1.3).
    CarrierRejected { command_status: u32 },
    /// The carrier took some of its segments and refused others.
    PartlySent,
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
}

/// A text that staff wrote, on its way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub text: Body,
    pub staff: Option<StaffId>,
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
}

/// One delivery by the carrier. A text that may have become durable is told again under the same id; what the carrier
/// delivers again has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryId(pub u64);

/// The id that the carrier gave a segment.
///
/// SMPP 3.4 §5.2.23 makes it opaque, but carriers write one id in hexadecimal in the response and in
/// decimal in the receipt, or pad it with zeros, or change its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierId(pub Arc<str>);

impl CarrierId {
    /// How two spellings may name the same segment; `None` when they do not.
    pub fn likeness(&self, other: &Self) -> Option<Likeness> {
        if self.0.is_empty() || other.0.is_empty() {
            return None;
        }
        let without_zeros = |id: &Self| id.0.trim_start_matches('0').to_ascii_lowercase();
        let (ours, theirs) = (without_zeros(self), without_zeros(other));
        let hexadecimal = |id: &str| u128::from_str_radix(id, 16).ok();
        let decimal = |id: &str| id.parse::<u128>().ok();
        let same_number = |hex: &str, dec: &str| hexadecimal(hex).is_some() && hexadecimal(hex) == decimal(dec);
        if self == other {
            Some(Likeness::Same)
        } else if self.0.eq_ignore_ascii_case(&other.0) {
            Some(Likeness::OtherCase)
        } else if ours == theirs {
            Some(Likeness::OtherZeros)
        } else if same_number(&ours, &theirs) || same_number(&theirs, &ours) {
            Some(Likeness::OtherBase)
        } else {
            None
        }
    }
}

/// How far apart two spellings of an id are, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Same,
    OtherCase,
    OtherZeros,
    /// One is hexadecimal and the other decimal.
    OtherBase,
}

/// What a receipt says of a segment (`message_state`, SMPP 3.4 §5.2.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptState {
    Enroute,
    Delivered,
    Expired,
    Deleted,
    Undeliverable,
    Accepted,
    Unknown,
    Rejected,
}

/// A delivery receipt about one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub carrier_id: Option<CarrierId>,
    /// The `user_message_reference` that we gave the submit (SMPP 3.4 §5.3.2.17), when the carrier returns it.
    pub reference: Option<u16>,
    pub state: ReceiptState,
    pub error: Option<CarrierError>,
}

impl Receipt {
    /// That this segment arrived.
    pub fn delivered(id: CarrierId) -> Self {
        Self { carrier_id: Some(id), reference: None, state: ReceiptState::Delivered, error: None }
    }
}

/// The error that a receipt names: `err` of its text (SMPP 3.4 appendix B) or `network_error_code` (§5.3.2.31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarrierError {
    /// As the carrier counts its errors; 0 is none.
    pub code: NonZeroU16,
    /// What it means, where that is known.
    pub cause: Option<Cause>,
}

/// Why a text did not arrive, as staff would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody has the number.
    UnknownNumber,
    /// The number has no texts.
    Landline,
    /// The phone was off, out of reach or full.
    Unreachable,
    /// The carrier lets nothing through from the practice's number, or to this phone.
    BlockedByCarrier,
    /// The patient opted out at the carrier.
    OptedOutAtCarrier,
    /// The practice's number has sent as much as the carrier allows.
    OverLimit,
    /// The carrier took the words for spam.
    Content,
}

impl Cause {
    pub const ALL: [Self; 7] = [
        Self::UnknownNumber,
        Self::Landline,
        Self::Unreachable,
        Self::BlockedByCarrier,
        Self::OptedOutAtCarrier,
        Self::OverLimit,
        Self::Content,
    ];

    /// Its name in the API, and wherever an operator writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownNumber => "unknown-number",
            Self::Landline => "landline",
            Self::Unreachable => "unreachable",
            Self::BlockedByCarrier => "blocked-by-carrier",
            Self::OptedOutAtCarrier => "opted-out-at-carrier",
            Self::OverLimit => "over-limit",
            Self::Content => "content-refused",
        }
    }

    /// The cause of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

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
    fn ids_that_carriers_spell_in_two_ways_are_the_same() {
        let likeness = |left: &str, right: &str| CarrierId(left.into()).likeness(&CarrierId(right.into()));
        for (left, right, expected) in [
            ("7f_1", "7f_1", Likeness::Same),
            ("abc", "ABC", Likeness::OtherCase),
            ("3A55E36C-F10D-4B0A-8A14-1D0E9D1F5D3A", "3a55e36c-f10d-4b0a-8a14-1d0e9d1f5d3a", Likeness::OtherCase),
            ("00B8BE19", "b8be19", Likeness::OtherZeros),
            ("000", "0", Likeness::OtherZeros),
            ("39F99DD5", "0972660181", Likeness::OtherBase),
            ("972660181", "39f99dd5", Likeness::OtherBase),
            ("11", "17", Likeness::OtherBase),
            ("F0000000000000000000", "1133367955888714851287040", Likeness::OtherBase),
        ] {
            assert_eq!(likeness(left, right), Some(expected), "{left} and {right}");
            assert_eq!(likeness(right, left), Some(expected), "{right} and {left}");
        }
        for (left, right) in [("abc", "abd"), ("", ""), ("", "0"), ("11", "12"), ("7f_1", "7f1")] {
            assert_eq!(likeness(left, right), None, "{left} and {right}");
        }
    }

    #[test]
    fn a_cause_is_known_by_its_name() {
        for cause in Cause::ALL {
            assert_eq!(Cause::named(cause.name()), Some(cause));
        }
        assert_eq!(Cause::named("bad luck"), None);
    }

    #[test]
    fn a_body_never_shows_its_words() {
        assert_eq!(format!("{:?}", Body::new("my knee hurts")), "‹13 chars›");
    }
}
