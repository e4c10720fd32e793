//! What has left, or may have: the messages whose receipt or fate is awaited.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Finished, Outbox, Step, Told, refused};
use crate::domain::{
    Answer, CarrierId, Clues, Entry, Failure, Kind, MessageId, Opening, Receipt, ReceiptState, Seq, Status,
};

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
    /// Nobody knows; but the carrier reported under these ids that something of it arrived. It was written as so many PDUs,
    /// if it was.
    Unconfirmed { pdus: u32, arrived: Vec<CarrierId>, left: Option<Left> },
}

/// When an unconfirmed text left, if it did, and how it begins: a receipt may repeat both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub at: Timestamp,
    pub opening: Opening,
}

/// Whether a receipt said that a segment arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    Yes,
    NotYetKnown,
}

/// A receipt that may be about something of which the carrier's id is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlyReceipt {
    pub receipt: Receipt,
    pub at: Timestamp,
}

impl EarlyReceipt {
    fn unmatched(self, at: Timestamp) -> Entry {
        Entry::ReceiptUnmatched { receipt: self.receipt, at }
    }
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
    ) -> Vec<Finished> {
        let found = self.tracked.iter().position(|tracked| {
            tracked.id == id && tracked.attempt == attempt && matches!(tracked.fate, Fate::Unconfirmed { .. })
        });
        let Some(index) = found else { return Vec::new() };
        let (failure, told) = match answer {
            Answer::Taken { ids } => {
                let tracked = Arc::make_mut(&mut self.tracked[index]);
                if let Fate::Unconfirmed { arrived, .. } = std::mem::replace(&mut tracked.fate, Fate::sent(ids)) {
                    let at = step.now;
                    let known = arrived.into_iter().map(|id| EarlyReceipt { receipt: Receipt::delivered(id), at });
                    self.early_receipts.extend(known);
                }
                step.journal.push(Entry::Updated { id, status: Status::Sent, failure: None, at: step.now });
                return self.replay_early_receipts(step);
            }
            Answer::Refused { command_status, retry } => refused(command_status, retry),
            Answer::PartlyTaken => (Failure::PartlySent, None),
            Answer::NotSent | Answer::Unknown => return Vec::new(),
        };
        vec![Finished { told, ..self.settle(index, Status::Failed, Some(failure), step) }]
    }

    /// The carrier reported on a segment. `None` when no message fits.
    pub(in crate::domain) fn receipted(&mut self, receipt: &Receipt, step: &mut Step<'_>) -> Option<Option<Finished>> {
        let (index, segment) = self.find(receipt)?;
        let tracked = Arc::make_mut(&mut self.tracked[index]);
        let failed = Failure::NotDelivered { state: receipt.state, error: receipt.error };
        match receipt.state {
            ReceiptState::Unknown => Some(None),
            ReceiptState::Enroute | ReceiptState::Accepted => {
                // The carrier has it after all, and names it.
                if let (Fate::Unconfirmed { pdus: 1, .. }, Some(id)) = (&tracked.fate, &receipt.carrier_id) {
                    tracked.fate = Fate::sent(vec![id.clone()]);
                    let id = tracked.id;
                    step.journal.push(Entry::Updated { id, status: Status::Sent, failure: None, at: step.now });
                }
                Some(None)
            }
            ReceiptState::Expired | ReceiptState::Deleted | ReceiptState::Undeliverable | ReceiptState::Rejected => {
                Some(Some(self.settle(index, Status::Undelivered, Some(failed), step)))
            }
            ReceiptState::Delivered => {
                let all_arrived = match &mut tracked.fate {
                    Fate::Sent { segments } => {
                        let (known, arrived) = &mut segments[segment];
                        // A carrier that takes a segment without an id names it here; the same receipt twice is one segment.
                        if let Some(id) = receipt.carrier_id.as_ref().filter(|_| known.0.is_empty()) {
                            *known = id.clone();
                        }
                        *arrived = Arrived::Yes;
                        segments.iter().all(|(_, arrived)| *arrived == Arrived::Yes)
                    }
                    // One PDU of an unconfirmed text arrived: the carrier had it after all. Of the others nothing is
                    // known until there were as many receipts, each under an id of its own.
                    Fate::Unconfirmed { pdus, arrived, left: _ } => {
                        arrived.extend(receipt.carrier_id.clone().filter(|id| !arrived.contains(id)));
                        *pdus == 1 || u32::try_from(arrived.len()).is_ok_and(|arrived| arrived >= *pdus)
                    }
                };
                if !all_arrived {
                    return Some(None);
                }
                Some(Some(self.settle(index, Status::Delivered, None, step)))
            }
        }
    }

    /// Keeps a receipt that fits nothing, as long as it may be about a message whose ids are not known: one in flight, or
    /// an unconfirmed one, which a late answer may name. Otherwise it is evidence and nothing else.
    pub(in crate::domain) fn keep_early(&mut self, early: EarlyReceipt, step: &mut Step<'_>) {
        let unconfirmed = |tracked: &Arc<Tracked>| matches!(tracked.fate, Fate::Unconfirmed { .. });
        if !self.is_sending() && !self.tracked.iter().any(unconfirmed) {
            return step.journal.push(early.unmatched(step.now));
        }
        if self.early_receipts.len() == EARLY_RECEIPTS_MAX {
            step.journal.push(self.early_receipts.remove(0).unmatched(step.now));
        }
        self.early_receipts.push(early);
    }

    pub(super) fn replay_early_receipts(&mut self, step: &mut Step<'_>) -> Vec<Finished> {
        let mut finished = Vec::new();
        let mut index = 0;
        // Each is looked at among the others: two that fit one text equally well are about neither.
        while let Some(early) = self.early_receipts.get(index) {
            let receipt = early.receipt.clone();
            match self.receipted(&receipt, step) {
                Some(result) => {
                    finished.extend(result);
                    self.early_receipts.remove(index);
                }
                None => index += 1,
            }
        }
        for early in std::mem::take(&mut self.early_receipts) {
            self.keep_early(early, step);
        }
        finished
    }

    /// What waited as long as receipts are waited for is about nothing that will be known.
    pub(super) fn expire_early_receipts(&mut self, step: &mut Step<'_>) {
        let (now, patience) = (step.now, step.limits.receipt);
        let (kept, old): (_, Vec<_>) = std::mem::take(&mut self.early_receipts)
            .into_iter()
            .partition(|early: &EarlyReceipt| now.duration_since(early.at) < patience);
        self.early_receipts = kept;
        step.journal.extend(old.into_iter().map(|early| early.unmatched(now)));
    }

    pub(super) fn settle(
        &mut self,
        index: usize,
        status: Status,
        failure: Option<Failure>,
        step: &mut Step<'_>,
    ) -> Finished {
        let tracked = self.tracked.remove(index);
        step.journal.push(Entry::Updated { id: tracked.id, status, failure, at: step.now });
        Finished { id: tracked.id, kind: tracked.kind.clone(), status, told: Told::by(failure) }
    }
}

impl Fate {
    /// The carrier took every segment, and has not reported on any.
    pub(super) fn sent(ids: Vec<CarrierId>) -> Self {
        Self::Sent { segments: ids.into_iter().map(|id| (id, Arrived::NotYetKnown)).collect() }
    }
}

impl Left {
    /// Whether what a receipt repeats is of this text.
    pub(super) fn is_told_by(&self, clues: &Clues) -> bool {
        let begins_so = clues.opening.as_ref().is_some_and(|told| self.opening.fits(told));
        begins_so && clues.fit_time(self.at)
    }
}

impl Tracked {
    pub fn status(&self) -> Status {
        match self.fate {
            Fate::Sent { .. } => Status::Sent,
            Fate::Unconfirmed { .. } => Status::Unconfirmed,
        }
    }

    /// The first segment that may be meant by a receipt whose id says nothing: one that the carrier gave none, as in the
    /// answer to a `deliver_sm` (SMPP 3.4 §4.6.2), or one of which nothing is known.
    pub(super) fn without_id(&self) -> Option<usize> {
        match &self.fate {
            Fate::Sent { segments } => {
                segments.iter().position(|(id, arrived)| id.0.is_empty() && *arrived == Arrived::NotYetKnown)
            }
            Fate::Unconfirmed { .. } => Some(0),
        }
    }

    pub(super) fn carrier_ids(&self) -> impl Iterator<Item = &CarrierId> {
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
