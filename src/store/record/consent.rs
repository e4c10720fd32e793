//! Consent, and what stands over it, as they are written.

use std::borrow::Cow;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::{MessageIdV1, ReadError, base64, nanoseconds, octets, time};
use crate::domain::opt_out::ProbableOptOut;
use crate::domain::{
    Body, CarrierCode, Consent, Evidence, FileHash, Hold, Imported, NotTheirs, SettledBy, Settlement, StaffId,
    Suspension,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ConsentV1<'a> {
    None,
    Invited {
        since: i64,
    },
    OptedIn {
        since: i64,
        text: MessageIdV1,
    },
    OptedOut {
        since: i64,
        text: MessageIdV1,
        /// Whether the text may have meant an appointment.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ambiguous: bool,
    },
    OptedOutByStaff {
        since: i64,
        #[serde(borrow)]
        staff: Option<Cow<'a, str>>,
        #[serde(borrow)]
        reason: Cow<'a, str>,
    },
    OptedOutByImport {
        since: i64,
        file: String,
        line: u64,
        opted_out_at: Option<i64>,
        #[serde(borrow)]
        reason: Option<Cow<'a, str>>,
    },
    OptedOutAtCarrier {
        since: i64,
        message: MessageIdV1,
        code: CarrierCodeV1,
    },
}

/// The code with which a carrier said something.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CarrierCodeV1 {
    CommandStatus(u32),
    Error(NonZeroU16),
}

impl From<CarrierCode> for CarrierCodeV1 {
    fn from(code: CarrierCode) -> Self {
        match code {
            CarrierCode::CommandStatus(status) => Self::CommandStatus(status),
            CarrierCode::Error(code) => Self::Error(code),
        }
    }
}

impl From<CarrierCodeV1> for CarrierCode {
    fn from(code: CarrierCodeV1) -> Self {
        match code {
            CarrierCodeV1::CommandStatus(status) => Self::CommandStatus(status),
            CarrierCodeV1::Error(code) => Self::Error(code),
        }
    }
}

impl<'a> From<&'a Consent> for ConsentV1<'a> {
    fn from(consent: &'a Consent) -> Self {
        match consent {
            Consent::None => Self::None,
            Consent::Invited { since } => Self::Invited { since: nanoseconds(*since) },
            Consent::OptedIn { since, evidence } => {
                Self::OptedIn { since: nanoseconds(*since), text: (*evidence).into() }
            }
            Consent::OptedOut { since, evidence } => {
                let since = nanoseconds(*since);
                match evidence {
                    Evidence::Text(id) => Self::OptedOut { since, text: (*id).into(), ambiguous: false },
                    Evidence::AmbiguousText(id) => Self::OptedOut { since, text: (*id).into(), ambiguous: true },
                    Evidence::Staff { staff, reason } => Self::OptedOutByStaff {
                        since,
                        staff: staff.as_ref().map(|id| id.as_str().into()),
                        reason: reason.expose().into(),
                    },
                    Evidence::Carrier { message, code } => {
                        Self::OptedOutAtCarrier { since, message: (*message).into(), code: (*code).into() }
                    }
                    Evidence::Imported(imported) => Self::OptedOutByImport {
                        since,
                        file: base64(&imported.file.0),
                        line: imported.line,
                        opted_out_at: imported.opted_out_at.map(nanoseconds),
                        reason: imported.reason.as_ref().map(|reason| reason.expose().into()),
                    },
                }
            }
        }
    }
}

impl TryFrom<ConsentV1<'_>> for Consent {
    type Error = ReadError;

    fn try_from(consent: ConsentV1<'_>) -> Result<Self, ReadError> {
        Ok(match consent {
            ConsentV1::None => Self::None,
            ConsentV1::Invited { since } => Self::Invited { since: time(since) },
            ConsentV1::OptedIn { since, text } => Self::OptedIn { since: time(since), evidence: text.into() },
            ConsentV1::OptedOut { since, text, ambiguous } => {
                let evidence = if ambiguous { Evidence::AmbiguousText } else { Evidence::Text };
                Self::OptedOut { since: time(since), evidence: evidence(text.into()) }
            }
            ConsentV1::OptedOutByStaff { since, staff, reason } => {
                let evidence = Evidence::Staff { staff: staff_id(staff)?, reason: Body::new(reason) };
                Self::OptedOut { since: time(since), evidence }
            }
            ConsentV1::OptedOutAtCarrier { since, message, code } => {
                let evidence = Evidence::Carrier { message: message.into(), code: code.into() };
                Self::OptedOut { since: time(since), evidence }
            }
            ConsentV1::OptedOutByImport { since, file, line, opted_out_at, reason } => {
                let (file, opted_out_at) = (FileHash(octets(&file)?), opted_out_at.map(time));
                let imported = Imported { file, line, opted_out_at, reason: reason.map(Body::new) };
                Self::OptedOut { since: time(since), evidence: Evidence::Imported(Box::new(imported)) }
            }
        })
    }
}

fn staff_id(staff: Option<Cow<'_, str>>) -> Result<Option<StaffId>, ReadError> {
    staff.map(|id| StaffId::parse(&id)).transpose().map_err(|_| ReadError::NotA("staff id"))
}

/// A hold: since when, by which text, by which rule, and by which of its words.
#[derive(Serialize, Deserialize)]
pub(super) struct HoldV1<'a> {
    since: i64,
    text: MessageIdV1,
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow)]
    words: Cow<'a, str>,
}

impl<'a> From<&'a Hold> for HoldV1<'a> {
    fn from(Hold { since, text, reading: ProbableOptOut { rule, words } }: &'a Hold) -> Self {
        Self { since: nanoseconds(*since), text: (*text).into(), rule: (&**rule).into(), words: words.expose().into() }
    }
}

impl From<HoldV1<'_>> for Hold {
    fn from(hold: HoldV1<'_>) -> Self {
        let reading = ProbableOptOut { rule: hold.rule.into(), words: Body::new(hold.words) };
        Self { since: time(hold.since), text: hold.text.into(), reading }
    }
}

/// A suspension: since when, and what says that the number is not the patient's.
#[derive(Serialize, Deserialize)]
pub(super) struct SuspensionV1 {
    since: i64,
    because: NotTheirsV1,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NotTheirsV1 {
    Disconnected { message: MessageIdV1, code: NonZeroU16 },
    WrongNumber { text: MessageIdV1 },
}

impl From<Suspension> for SuspensionV1 {
    fn from(Suspension { since, because }: Suspension) -> Self {
        let because = match because {
            NotTheirs::Disconnected { message, code } => NotTheirsV1::Disconnected { message: message.into(), code },
            NotTheirs::WrongNumber { text } => NotTheirsV1::WrongNumber { text: text.into() },
        };
        Self { since: nanoseconds(since), because }
    }
}

impl From<SuspensionV1> for Suspension {
    fn from(SuspensionV1 { since, because }: SuspensionV1) -> Self {
        let because = match because {
            NotTheirsV1::Disconnected { message, code } => NotTheirs::Disconnected { message: message.into(), code },
            NotTheirsV1::WrongNumber { text } => NotTheirs::WrongNumber { text: text.into() },
        };
        Self { since: time(since), because }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SettlementV1 {
    OptOut,
    Release,
}

impl From<Settlement> for SettlementV1 {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::OptOut => Self::OptOut,
            Settlement::Release => Self::Release,
        }
    }
}

impl From<SettlementV1> for Settlement {
    fn from(settlement: SettlementV1) -> Self {
        match settlement {
            SettlementV1::OptOut => Self::OptOut,
            SettlementV1::Release => Self::Release,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SettledByV1<'a> {
    Staff(#[serde(borrow)] Option<Cow<'a, str>>),
    Patient,
    Carrier,
    Time,
}

impl<'a> From<&'a SettledBy> for SettledByV1<'a> {
    fn from(by: &'a SettledBy) -> Self {
        match by {
            SettledBy::Staff(staff) => Self::Staff(staff.as_ref().map(|id| id.as_str().into())),
            SettledBy::Patient => Self::Patient,
            SettledBy::Carrier => Self::Carrier,
            SettledBy::Time => Self::Time,
        }
    }
}

impl TryFrom<SettledByV1<'_>> for SettledBy {
    type Error = ReadError;

    fn try_from(by: SettledByV1<'_>) -> Result<Self, ReadError> {
        Ok(match by {
            SettledByV1::Staff(staff) => Self::Staff(staff_id(staff)?),
            SettledByV1::Patient => Self::Patient,
            SettledByV1::Carrier => Self::Carrier,
            SettledByV1::Time => Self::Time,
        })
    }
}
