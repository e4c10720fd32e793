//! What has left, or may have: the messages whose receipt or fate is awaited.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Finished, Outbox, Step};
use crate::domain::{Answer, CarrierId, Entry, Failure, Kind, MessageId, Receipt, ReceiptState, Seq, Status};

/// Messages whose receipt is awaited at the most; the oldest keeps the status that it has.
pub const TRACKED_MAX: usize = 64;
/// Receipts kept that came before the answer to the submit that they are about.
pub const EARLY_RECEIPTS_MAX: usize = 16;

/// A message that went out, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    pub id: MessageId,
    pub kind: Kind,
    pub attempt: u32,
    pub since: Timestamp,
    pub fate: Fate,
}

/// What is known of a message that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The carrier has all of it: its segments, and which of them arrived.
    Sent { segments: Vec<(CarrierId, Arrived)> },
    /// Nobody knows.
    Unconfirmed { segments: u32 },
}

/// Whether a receipt said that a segment arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    Yes,
    NotYetKnown,
}

impl Outbox {
    pub(super) fn track(&mut self, index: usize, fate: Fate, step: &mut Step<'_>) {
        let waiting = self.waiting.remove(index);
        let tracked = Tracked {
            id: waiting.message.id,
            kind: waiting.message.kind,
            attempt: waiting.attempts,
            since: step.now,
            fate,
        };
        step.journal.push(Entry::Updated { id: tracked.id, status: tracked.status(), failure: None, at: step.now });
        if self.tracked.len() == TRACKED_MAX {
            self.tracked.remove(0);
        }
        self.tracked.push(Arc::new(tracked));
    }

    /// An answer to what is `unconfirmed` settles it, but never sends it again.
    pub(super) fn answered_late(
        &mut self,
        id: MessageId,
        attempt: u32,
        answer: Answer,
        step: &mut Step<'_>,
    ) -> Option<Finished> {
        let index = self.tracked.iter().position(|tracked| {
            tracked.id == id && tracked.attempt == attempt && matches!(tracked.fate, Fate::Unconfirmed { .. })
        })?;
        let (status, failure) = match answer {
            Answer::Taken { ids } => {
                Arc::make_mut(&mut self.tracked[index]).fate = Fate::sent(ids);
                step.journal.push(Entry::Updated { id, status: Status::Sent, failure: None, at: step.now });
                return self.replay_early_receipts(step);
            }
            Answer::Refused { command_status, .. } => {
                (Status::Failed, Some(Failure::CarrierRejected { command_status }))
            }
            Answer::PartlyTaken => (Status::Failed, Some(Failure::PartlySent)),
            Answer::NotSent | Answer::Unknown => return None,
        };
        Some(self.settle(index, status, failure, step))
    }

    /// The carrier reported on a segment. `None` when no message fits.
    pub(in crate::domain) fn receipted(&mut self, receipt: &Receipt, step: &mut Step<'_>) -> Option<Option<Finished>> {
        let (index, segment) = self.find(receipt)?;
        let tracked = Arc::make_mut(&mut self.tracked[index]);
        let failed = Failure::NotDelivered { state: receipt.state };
        match receipt.state {
            ReceiptState::Enroute | ReceiptState::Accepted | ReceiptState::Unknown => Some(None),
            ReceiptState::Expired | ReceiptState::Deleted | ReceiptState::Undeliverable | ReceiptState::Rejected => {
                Some(Some(self.settle(index, Status::Undelivered, Some(failed), step)))
            }
            ReceiptState::Delivered => {
                let all_arrived = match &mut tracked.fate {
                    Fate::Sent { segments } => {
                        segments[segment].1 = Arrived::Yes;
                        segments.iter().all(|(_, arrived)| *arrived == Arrived::Yes)
                    }
                    // One segment of an unconfirmed text arrived: the carrier had it after all. Of the
                    // others nothing is known unless there are none.
                    Fate::Unconfirmed { segments } => *segments == 1,
                };
                if !all_arrived {
                    return Some(None);
                }
                Some(Some(self.settle(index, Status::Delivered, None, step)))
            }
        }
    }

    /// Keeps a receipt that came while a message is in flight: it may be about that one.
    pub(in crate::domain) fn keep_early(&mut self, receipt: Receipt, step: &mut Step<'_>) {
        if self.early_receipts.len() == EARLY_RECEIPTS_MAX {
            let receipt = self.early_receipts.remove(0);
            step.journal.push(Entry::ReceiptUnmatched { receipt, at: step.now });
        }
        self.early_receipts.push(receipt);
    }

    pub(super) fn replay_early_receipts(&mut self, step: &mut Step<'_>) -> Option<Finished> {
        let mut finished = None;
        for receipt in std::mem::take(&mut self.early_receipts) {
            match self.receipted(&receipt, step) {
                Some(result) => finished = finished.or(result),
                None => step.journal.push(Entry::ReceiptUnmatched { receipt, at: step.now }),
            }
        }
        finished
    }

    fn settle(&mut self, index: usize, status: Status, failure: Option<Failure>, step: &mut Step<'_>) -> Finished {
        let tracked = self.tracked.remove(index);
        step.journal.push(Entry::Updated { id: tracked.id, status, failure, at: step.now });
        Finished { kind: tracked.kind.clone(), status }
    }

    /// The message and segment that a receipt is about: by id as it is written, by id as carriers
    /// respell it, by our own reference. Two candidates are no candidate.
    fn find(&self, receipt: &Receipt) -> Option<(usize, usize)> {
        let by_id = |matches: &dyn Fn(&CarrierId) -> bool| {
            let mut found = self.tracked.iter().enumerate().flat_map(|(index, tracked)| {
                tracked
                    .carrier_ids()
                    .enumerate()
                    .filter(|(_, id)| matches(id))
                    .map(move |(segment, _)| (index, segment))
            });
            found.next().filter(|_| found.next().is_none())
        };
        let by_reference = |ours: u16| {
            let mut found = self.tracked.iter().enumerate().filter(|(_, tracked)| {
                reference(tracked.id.seq) == ours && matches!(tracked.fate, Fate::Unconfirmed { .. })
            });
            found.next().filter(|_| found.next().is_none()).map(|(index, _)| (index, 0))
        };
        let id = receipt.carrier_id.as_ref();
        id.and_then(|id| by_id(&|known| known == id))
            .or_else(|| id.and_then(|id| by_id(&|known| known.may_equal(id))))
            .or_else(|| receipt.reference.and_then(by_reference))
    }
}

impl Fate {
    /// The carrier took every segment, and has not reported on any.
    pub(super) fn sent(ids: Vec<CarrierId>) -> Self {
        Self::Sent { segments: ids.into_iter().map(|id| (id, Arrived::NotYetKnown)).collect() }
    }
}

impl Tracked {
    pub fn status(&self) -> Status {
        match self.fate {
            Fate::Sent { .. } => Status::Sent,
            Fate::Unconfirmed { .. } => Status::Unconfirmed,
        }
    }

    fn carrier_ids(&self) -> impl Iterator<Item = &CarrierId> {
        match &self.fate {
            Fate::Sent { segments } => segments.as_slice(),
            Fate::Unconfirmed { .. } => &[],
        }
        .iter()
        .map(|(id, _)| id)
    }
}

/// The `user_message_reference` of a message: unique in its conversation for 65,535 messages, never 0.
pub fn reference(seq: Seq) -> u16 {
    u16::try_from((seq.0.saturating_sub(1)) % 65_535 + 1).expect("a remainder of 65,535 fits 16 bits")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_of_65_535_texts_to_one_phone_have_the_same_reference_and_none_has_zero() {
        for first in [1, 65_000, u64::MAX - 65_534] {
            let references: HashSet<u16> = (first..=first + 65_534).map(|seq| reference(Seq(seq))).collect();
            assert_eq!(references.len(), 65_535);
            assert!(!references.contains(&0));
        }
    }
}
