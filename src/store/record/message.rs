//! Messages, receipts and their states as they are written.

use std::borrow::Cow;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{MessageIdV1, ReadError, nanoseconds, time};
use crate::domain::{
    Body, CarrierError, CarrierId, Cause, Clues, Failure, Kind, Likeness, Mark, Marks, Message, Opening, Receipt,
    ReceiptState, Seq, StaffId, Status,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KindV1<'a> {
    Inbound,
    StaffText { staff: Option<Cow<'a, str>> },
    Invitation,
    OptOutConfirmation,
    StartConfirmation,
    Help,
    AfterHours,
}

impl<'a> From<&'a Kind> for KindV1<'a> {
    fn from(kind: &'a Kind) -> Self {
        match kind {
            Kind::Inbound => Self::Inbound,
            Kind::StaffText { staff } => Self::StaffText { staff: staff.as_ref().map(|id| id.as_str().into()) },
            Kind::Invitation => Self::Invitation,
            Kind::OptOutConfirmation => Self::OptOutConfirmation,
            Kind::StartConfirmation => Self::StartConfirmation,
            Kind::Help => Self::Help,
            Kind::AfterHours => Self::AfterHours,
        }
    }
}

impl TryFrom<KindV1<'_>> for Kind {
    type Error = ReadError;

    fn try_from(kind: KindV1<'_>) -> Result<Self, ReadError> {
        Ok(match kind {
            KindV1::Inbound => Self::Inbound,
            KindV1::StaffText { staff } => {
                let staff = staff.map(|id| StaffId::parse(&id)).transpose().map_err(|_| ReadError::NotA("staff id"))?;
                Self::StaffText { staff }
            }
            KindV1::Invitation => Self::Invitation,
            KindV1::OptOutConfirmation => Self::OptOutConfirmation,
            KindV1::StartConfirmation => Self::StartConfirmation,
            KindV1::Help => Self::Help,
            KindV1::AfterHours => Self::AfterHours,
        })
    }
}

/// Whose words, and which.
#[derive(Serialize, Deserialize)]
pub struct SaidV1<'a> {
    kind: KindV1<'a>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    marks: MarksV1,
}

/// Marks by their names.
pub type MarksV1 = Vec<String>;

pub fn write_marks(marks: Marks) -> MarksV1 {
    marks.iter().map(|mark| mark.name().to_owned()).collect()
}

pub fn read_marks(written: &MarksV1) -> Result<Marks, ReadError> {
    written.iter().map(|name| Mark::named(name).ok_or(ReadError::NotA("mark"))).collect()
}

impl<'a> From<&'a Message> for SaidV1<'a> {
    fn from(message: &'a Message) -> Self {
        let marks = write_marks(message.marks);
        Self { kind: (&message.kind).into(), text: message.text.expose().into(), marks }
    }
}

impl TryFrom<SaidV1<'_>> for (Kind, Body, Marks) {
    type Error = ReadError;

    fn try_from(said: SaidV1<'_>) -> Result<Self, ReadError> {
        Ok((said.kind.try_into()?, Body::new(said.text), read_marks(&said.marks)?))
    }
}

/// A whole message, as the outbox has it.
#[derive(Serialize, Deserialize)]
pub struct MessageV1<'a> {
    id: MessageIdV1,
    #[serde(flatten, borrow)]
    said: SaidV1<'a>,
    status: i64,
    failure: Option<(i64, i64)>,
    created_at: i64,
    updated_at: i64,
    segments: u32,
}

impl<'a> From<&'a Message> for MessageV1<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: message.id.into(),
            said: message.into(),
            status: status_code(message.status),
            failure: message.failure.map(failure_code),
            created_at: nanoseconds(message.created_at),
            updated_at: nanoseconds(message.updated_at),
            segments: message.segments,
        }
    }
}

impl TryFrom<MessageV1<'_>> for Message {
    type Error = ReadError;

    fn try_from(message: MessageV1<'_>) -> Result<Self, ReadError> {
        let (kind, text, marks) = message.said.try_into()?;
        Ok(Self {
            id: message.id.into(),
            kind,
            text,
            status: status_of(message.status)?,
            created_at: time(message.created_at),
            updated_at: time(message.updated_at),
            segments: message.segments,
            failure: message.failure.map(|(code, detail)| failure_of(code, detail)).transpose()?,
            marks,
        })
    }
}

const STATUSES: [(i64, Status); 13] = [
    (1, Status::Pending),
    (2, Status::Queued),
    (3, Status::Sending),
    (4, Status::Sent),
    (5, Status::Delivered),
    (6, Status::Undelivered),
    (7, Status::Failed),
    (8, Status::Unconfirmed),
    (9, Status::Expired),
    (10, Status::Received),
    (11, Status::Held),
    (12, Status::Scheduled),
    (13, Status::Canceled),
];

/// A status as the thread has it.
pub fn status_code(status: Status) -> i64 {
    match status {
        Status::Pending => 1,
        Status::Queued => 2,
        Status::Sending => 3,
        Status::Sent => 4,
        Status::Delivered => 5,
        Status::Undelivered => 6,
        Status::Failed => 7,
        Status::Unconfirmed => 8,
        Status::Expired => 9,
        Status::Received => 10,
        Status::Held => 11,
        Status::Scheduled => 12,
        Status::Canceled => 13,
    }
}

pub fn status_of(code: i64) -> Result<Status, ReadError> {
    let found = STATUSES.iter().find(|(known, _)| *known == code);
    found.map(|(_, status)| *status).ok_or(ReadError::NotA("status"))
}

/// A failure as the thread has it: what, and with which detail.
pub fn failure_code(failure: Failure) -> (i64, i64) {
    match failure {
        Failure::OptedOut => (1, 0),
        Failure::Unreachable => (2, 0),
        Failure::CarrierRejected { command_status } => (3, command_status.into()),
        Failure::PartlySent => (4, 0),
        Failure::Discarded => (6, 0),
        Failure::AuthorMayNotText => (8, 0),
        Failure::TakenOver { as_seq } => (9, i64::try_from(as_seq.0).expect("no thread is that long")),
        Failure::SentAgain { as_seq } => (7, i64::try_from(as_seq.0).expect("no thread is that long")),
        Failure::NotDelivered { state, error } => {
            let (code, cause) = error_codes(error);
            let state = ReceiptStateV1::from(state) as i64;
            (5, state | (i64::from(cause) << CAUSE_SHIFT) | (i64::from(code) << ERROR_SHIFT))
        }
    }
}

pub fn failure_of(code: i64, detail: i64) -> Result<Failure, ReadError> {
    match code {
        1 => Ok(Failure::OptedOut),
        2 => Ok(Failure::Unreachable),
        3 => {
            let command_status = u32::try_from(detail).map_err(|_| ReadError::NotA("command status"))?;
            Ok(Failure::CarrierRejected { command_status })
        }
        4 => Ok(Failure::PartlySent),
        5 => {
            let octet = |shift: u32| (detail >> shift) & 0xFF;
            let state = ReceiptStateV1::of(octet(0)).ok_or(ReadError::NotA("receipt state"))?;
            let code = u16::try_from(detail >> ERROR_SHIFT).map_err(|_| ReadError::NotA("carrier error"))?;
            let error = error_of(code, octet(CAUSE_SHIFT))?;
            Ok(Failure::NotDelivered { state: state.into(), error })
        }
        6 => Ok(Failure::Discarded),
        7 => {
            let as_seq = u64::try_from(detail).map_err(|_| ReadError::NotA("place in a thread"))?;
            Ok(Failure::SentAgain { as_seq: Seq(as_seq) })
        }
        8 => Ok(Failure::AuthorMayNotText),
        9 => {
            let as_seq = u64::try_from(detail).map_err(|_| ReadError::NotA("place in a thread"))?;
            Ok(Failure::TakenOver { as_seq: Seq(as_seq) })
        }
        _ => Err(ReadError::NotA("failure")),
    }
}

/// Where in the detail of what was not delivered the cause is, and the carrier's code; below them is the state.
const CAUSE_SHIFT: u32 = 8;
const ERROR_SHIFT: u32 = 16;

const CAUSES: [(u8, Cause); 7] = [
    (1, Cause::UnknownNumber),
    (2, Cause::Landline),
    (3, Cause::Unreachable),
    (4, Cause::BlockedByCarrier),
    (5, Cause::OptedOutAtCarrier),
    (6, Cause::OverLimit),
    (7, Cause::Content),
];

fn cause_code(cause: Cause) -> u8 {
    match cause {
        Cause::UnknownNumber => 1,
        Cause::Landline => 2,
        Cause::Unreachable => 3,
        Cause::BlockedByCarrier => 4,
        Cause::OptedOutAtCarrier => 5,
        Cause::OverLimit => 6,
        Cause::Content => 7,
    }
}

/// The carrier's code and that of the cause; 0 where there is none.
fn error_codes(error: Option<CarrierError>) -> (u16, u8) {
    error.map_or((0, 0), |error| (error.code.get(), error.cause.map_or(0, cause_code)))
}

fn error_of(code: u16, cause: i64) -> Result<Option<CarrierError>, ReadError> {
    let Some(code) = NonZeroU16::new(code) else { return Ok(None) };
    let found = CAUSES.iter().find(|(known, _)| i64::from(*known) == cause).map(|(_, cause)| *cause);
    if found.is_none() && cause != 0 {
        return Err(ReadError::NotA("cause"));
    }
    Ok(Some(CarrierError { code, cause: found }))
}

#[derive(Serialize, Deserialize)]
pub struct ReceiptV1 {
    carrier_id: Option<String>,
    reference: Option<u16>,
    state: ReceiptStateV1,
    /// The carrier's code, and that of the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<(u16, u8)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spelling: Option<LikenessV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submitted_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opening: Option<String>,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum LikenessV1 {
    Same,
    OtherCase,
    OtherZeros,
    HexToDecimal,
    DecimalToHex,
}

impl From<Likeness> for LikenessV1 {
    fn from(likeness: Likeness) -> Self {
        match likeness {
            Likeness::Same => Self::Same,
            Likeness::OtherCase => Self::OtherCase,
            Likeness::OtherZeros => Self::OtherZeros,
            Likeness::HexToDecimal => Self::HexToDecimal,
            Likeness::DecimalToHex => Self::DecimalToHex,
        }
    }
}

impl From<LikenessV1> for Likeness {
    fn from(likeness: LikenessV1) -> Self {
        match likeness {
            LikenessV1::Same => Self::Same,
            LikenessV1::OtherCase => Self::OtherCase,
            LikenessV1::OtherZeros => Self::OtherZeros,
            LikenessV1::HexToDecimal => Self::HexToDecimal,
            LikenessV1::DecimalToHex => Self::DecimalToHex,
        }
    }
}

impl From<&Receipt> for ReceiptV1 {
    fn from(receipt: &Receipt) -> Self {
        Self {
            carrier_id: receipt.carrier_id.as_ref().map(|id| id.0.to_string()),
            reference: receipt.reference,
            state: receipt.state.into(),
            error: receipt.error.map(|error| error_codes(Some(error))),
            spelling: receipt.clues.spelling.map(LikenessV1::from),
            submitted_at: receipt.clues.submitted_at.map(nanoseconds),
            opening: receipt.clues.opening.as_ref().map(|opening| opening.expose().to_owned()),
        }
    }
}

impl TryFrom<ReceiptV1> for Receipt {
    type Error = ReadError;

    fn try_from(receipt: ReceiptV1) -> Result<Self, ReadError> {
        let (code, cause) = receipt.error.unwrap_or_default();
        Ok(Self {
            carrier_id: receipt.carrier_id.map(|id| CarrierId(id.into())),
            reference: receipt.reference,
            state: receipt.state.into(),
            error: error_of(code, cause.into())?,
            clues: Clues {
                spelling: receipt.spelling.map(Likeness::from),
                submitted_at: receipt.submitted_at.map(time),
                opening: receipt.opening.as_deref().map(Opening::of),
            },
        })
    }
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStateV1 {
    Enroute = 1,
    Delivered = 2,
    Expired = 3,
    Deleted = 4,
    Undeliverable = 5,
    Accepted = 6,
    Unknown = 7,
    Rejected = 8,
}

impl ReceiptStateV1 {
    const ALL: [Self; 8] = [
        Self::Enroute,
        Self::Delivered,
        Self::Expired,
        Self::Deleted,
        Self::Undeliverable,
        Self::Accepted,
        Self::Unknown,
        Self::Rejected,
    ];

    fn of(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i64 == code)
    }
}

impl From<ReceiptState> for ReceiptStateV1 {
    fn from(state: ReceiptState) -> Self {
        match state {
            ReceiptState::Enroute => Self::Enroute,
            ReceiptState::Delivered => Self::Delivered,
            ReceiptState::Expired => Self::Expired,
            ReceiptState::Deleted => Self::Deleted,
            ReceiptState::Undeliverable => Self::Undeliverable,
            ReceiptState::Accepted => Self::Accepted,
            ReceiptState::Unknown => Self::Unknown,
            ReceiptState::Rejected => Self::Rejected,
        }
    }
}

impl From<ReceiptStateV1> for ReceiptState {
    fn from(state: ReceiptStateV1) -> Self {
        match state {
            ReceiptStateV1::Enroute => Self::Enroute,
            ReceiptStateV1::Delivered => Self::Delivered,
            ReceiptStateV1::Expired => Self::Expired,
            ReceiptStateV1::Deleted => Self::Deleted,
            ReceiptStateV1::Undeliverable => Self::Undeliverable,
            ReceiptStateV1::Accepted => Self::Accepted,
            ReceiptStateV1::Unknown => Self::Unknown,
            ReceiptStateV1::Rejected => Self::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_failure_reads_back() {
        for (code, status) in STATUSES {
            assert_eq!((status_code(status), status_of(code)), (code, Ok(status)));
        }
        assert_eq!(status_of(0), Err(ReadError::NotA("status")));
        let states = ReceiptStateV1::ALL.map(|state| Failure::NotDelivered { state: state.into(), error: None });
        let causes = Cause::ALL.into_iter().map(Some).chain([None]);
        let errors = causes.flat_map(|cause| {
            [1, 27, u16::MAX].map(|code| {
                let error = Some(CarrierError { code: NonZeroU16::new(code).unwrap(), cause });
                Failure::NotDelivered { state: ReceiptState::Undeliverable, error }
            })
        });
        let others = [
            Failure::OptedOut,
            Failure::Unreachable,
            Failure::CarrierRejected { command_status: u32::MAX },
            Failure::PartlySent,
            Failure::Discarded,
            Failure::SentAgain { as_seq: Seq(12) },
            Failure::AuthorMayNotText,
            Failure::TakenOver { as_seq: Seq(13) },
        ];
        for failure in states.into_iter().chain(others).chain(errors) {
            let (code, detail) = failure_code(failure);
            assert_eq!(failure_of(code, detail), Ok(failure));
        }
        assert!(
            failure_of(0, 0).is_err()
                && failure_of(7, -1).is_err()
                && failure_of(5, 9).is_err()
                && failure_of(3, -1).is_err()
        );
        assert!(failure_of(5, 5 | (9 << CAUSE_SHIFT) | (1 << ERROR_SHIFT)).is_err() && failure_of(5, -1).is_err());
    }

    #[test]
    fn what_was_not_delivered_before_errors_were_kept_reads_as_it_did() {
        let failure = Failure::NotDelivered { state: ReceiptState::Undeliverable, error: None };
        assert_eq!(failure_of(5, 5), Ok(failure));
        assert_eq!(failure_code(failure), (5, 5));
    }
}
