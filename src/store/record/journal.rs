//! An entry of the journal as it is written.

use serde::{Deserialize, Serialize};

use super::consent::{ConsentV1, HoldV1, SettledByV1, SettlementV1, SuspensionV1};
use super::message::ReceiptV1;
use super::{MessageIdV1, ReadError, base64, nanoseconds, read, time, write};
use crate::domain::{Entry, Fingerprint};

/// An entry that is evidence and nothing else.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EvidentV1<'a> {
    Consent {
        #[serde(borrow)]
        consent: ConsentV1<'a>,
        at: i64,
    },
    Held(#[serde(borrow)] HoldV1<'a>),
    HoldSettled {
        settlement: SettlementV1,
        #[serde(borrow)]
        by: SettledByV1<'a>,
        at: i64,
    },
    Suspended(SuspensionV1),
    NumberGiven {
        at: i64,
    },
    Redelivered {
        of: MessageIdV1,
        fingerprint: String,
        at: i64,
    },
    ReceiptUnmatched {
        receipt: ReceiptV1,
        at: i64,
    },
}

/// An entry for the journal; `None` for those that are written elsewhere.
pub fn write_evident(entry: &Entry) -> Option<Vec<u8>> {
    let written = match entry {
        Entry::ConsentChanged { consent, at } => EvidentV1::Consent { consent: consent.into(), at: nanoseconds(*at) },
        Entry::Held(hold) => EvidentV1::Held(hold.into()),
        Entry::Suspended(suspension) => EvidentV1::Suspended((*suspension).into()),
        Entry::NumberGiven { at } => EvidentV1::NumberGiven { at: nanoseconds(*at) },
        Entry::HoldSettled { settlement, by, at } => {
            EvidentV1::HoldSettled { settlement: (*settlement).into(), by: by.into(), at: nanoseconds(*at) }
        }
        Entry::Redelivered { of, fingerprint, at } => {
            EvidentV1::Redelivered { of: (*of).into(), fingerprint: base64(&fingerprint.0), at: nanoseconds(*at) }
        }
        Entry::ReceiptUnmatched { receipt, at } => {
            EvidentV1::ReceiptUnmatched { receipt: receipt.into(), at: nanoseconds(*at) }
        }
        Entry::Added(_)
        | Entry::Updated { .. }
        | Entry::UnreadChanged { .. }
        | Entry::Rearranged
        | Entry::Noted(_)
        | Entry::Proved(_) => return None,
    };
    Some(write(&written))
}

/// An entry of the journal, for whoever moves it to another store.
pub fn read_evident(octets: &[u8]) -> Result<Entry, ReadError> {
    Ok(match read::<EvidentV1<'_>>(octets)? {
        EvidentV1::Consent { consent, at } => Entry::ConsentChanged { consent: consent.try_into()?, at: time(at) },
        EvidentV1::Held(hold) => Entry::Held(hold.into()),
        EvidentV1::Suspended(suspension) => Entry::Suspended(suspension.into()),
        EvidentV1::NumberGiven { at } => Entry::NumberGiven { at: time(at) },
        EvidentV1::HoldSettled { settlement, by, at } => {
            Entry::HoldSettled { settlement: settlement.into(), by: by.try_into()?, at: time(at) }
        }
        EvidentV1::Redelivered { of, fingerprint, at } => {
            Entry::Redelivered { of: of.into(), fingerprint: Fingerprint(super::octets(&fingerprint)?), at: time(at) }
        }
        EvidentV1::ReceiptUnmatched { receipt, at } => {
            Entry::ReceiptUnmatched { receipt: receipt.try_into()?, at: time(at) }
        }
    })
}
