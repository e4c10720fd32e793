//! Consent, and what holds it, as they are written.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{MessageIdV1, ReadError, base64, nanoseconds, octets, time};
use crate::domain::opt_out::ProbableOptOut;
use crate::domain::{Body, Consent, Evidence, FileHash, Hold, Imported, SettledBy, Settlement, StaffId};

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
    Time,
}

impl<'a> From<&'a SettledBy> for SettledByV1<'a> {
    fn from(by: &'a SettledBy) -> Self {
        match by {
            SettledBy::Staff(staff) => Self::Staff(staff.as_ref().map(|id| id.as_str().into())),
            SettledBy::Patient => Self::Patient,
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
            SettledByV1::Time => Self::Time,
        })
    }
}
