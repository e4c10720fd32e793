//! The messages of a conversation that are not finished: those that wait, the one in flight, and those whose
//! receipt or fate is awaited. Each accepted message is in exactly one place and one status.

use std::sync::Arc;

use jiff::Timestamp;

use super::consent::{Leaving, NotCleared};
use super::policy::BootId;
use super::{
    Answer, CarrierId, Cleared, Consent, Effect, Entry, Failure, Kind, Limits, Message, MessageId, Phone, Policy,
    Receipt, ReceiptState, Retry, Seq, Status,
};

/// Messages whose receipt is awaited at the most; the oldest keeps the status that it has.
pub const TRACKED_MAX: usize = 64;
/// Receipts kept that came before the answer to the submit that they are about.
pub const EARLY_RECEIPTS_MAX: usize = 16;

/// The unfinished messages, each list in the order of their places in the thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Pending, queued or sending. At most one is sending.
    pub waiting: Vec<Waiting>,
    /// Sent or unconfirmed. Shared, because each decision copies the outbox and changes one of them at the most.
    pub tracked: Vec<Arc<Tracked>>,
    pub early_receipts: Vec<Receipt>,
}

/// A message that has not gone out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub message: Message,
    pub stage: Stage,
    /// Attempts so far.
    pub attempts: u32,
}

/// How far a waiting message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// For YES. The invitation's deadline is its own.
    Pending,
    /// For a slot: not before `not_before`, asked for until `asked_until`, at the latest until `expires_at`.
    Queued { not_before: Timestamp, asked_until: Option<Timestamp>, expires_at: Timestamp },
    /// For the carrier's answer, until `deadline`. One that is `recalled` does not come back to the queue.
    Sending { boot: BootId, deadline: Timestamp, expires_at: Timestamp, recalled: Recalled },
}

/// Whether the patient opted out while a message was on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    Yes,
    No,
}

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

/// What became of a message that is finished, for the conversation to draw its conclusions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finished {
    pub kind: Kind,
    pub status: Status,
}

impl Outbox {
    pub fn pending(&self) -> usize {
        self.waiting.iter().filter(|waiting| matches!(waiting.stage, Stage::Pending)).count()
    }

    pub fn queued(&self) -> usize {
        self.waiting.len() - self.pending()
    }

    /// The status of an unfinished message.
    pub fn status(&self, id: MessageId) -> Option<Status> {
        let waiting =
            self.waiting.iter().find(|waiting| waiting.message.id == id).map(|waiting| waiting.message.status);
        let tracked = || self.tracked.iter().find(|tracked| tracked.id == id).map(|tracked| tracked.status());
        waiting.or_else(tracked)
    }

    /// Whether a message is on the wire, or may be.
    pub fn is_sending(&self) -> bool {
        self.waiting.iter().any(|waiting| matches!(waiting.stage, Stage::Sending { .. }))
    }

    /// Adds a message that waits for YES.
    pub(super) fn hold(&mut self, message: Message) {
        self.waiting.push(Waiting { message, stage: Stage::Pending, attempts: 0 });
    }

    /// Adds a message that may go. What Assent writes itself goes ahead of what staff wrote.
    pub(super) fn queue(&mut self, message: Message, expires_at: Timestamp) {
        let not_before = message.created_at;
        let waiting =
            Waiting { message, stage: Stage::Queued { not_before, asked_until: None, expires_at }, attempts: 0 };
        let place = match waiting.message.kind {
            Kind::StaffText { .. } | Kind::Inbound => self.waiting.len(),
            Kind::Invitation | Kind::OptOutConfirmation | Kind::StartConfirmation | Kind::Help => self
                .waiting
                .iter()
                .position(|other| {
                    matches!(other.message.kind, Kind::StaffText { .. })
                        && !matches!(other.stage, Stage::Sending { .. })
                })
                .unwrap_or(self.waiting.len()),
        };
        self.waiting.insert(place, waiting);
    }

    /// YES came: every pending draft is queued, in order.
    pub(super) fn release(&mut self, now: Timestamp, limits: &Limits, journal: &mut Vec<Entry>) {
        for waiting in &mut self.waiting {
            if waiting.stage == Stage::Pending {
                let expires_at = now + limits.validity;
                waiting.stage = Stage::Queued { not_before: now, asked_until: None, expires_at };
                waiting.become_(Status::Queued, None, now, journal);
            }
        }
    }

    /// The patient opted out: what has not begun to leave fails, and what is on its way is not tried again.
    pub(super) fn withdraw(&mut self, now: Timestamp, journal: &mut Vec<Entry>) {
        self.waiting.retain_mut(|waiting| {
            if let Stage::Sending { recalled, .. } = &mut waiting.stage {
                *recalled = Recalled::Yes;
                return true;
            }
            waiting.become_(Status::Failed, Some(Failure::OptedOut), now, journal);
            false
        });
    }

    /// Finishes every pending draft, as `status` and for this reason.
    pub(super) fn finish_pending(
        &mut self,
        status: Status,
        failure: Option<Failure>,
        now: Timestamp,
        journal: &mut Vec<Entry>,
    ) {
        self.waiting.retain_mut(|waiting| {
            if waiting.stage != Stage::Pending {
                return true;
            }
            waiting.become_(status, failure, now, journal);
            false
        });
    }

    /// A slot was granted: asks the gate, and if consent stands makes the message `sending`.
    pub(super) fn leave(
        &mut self,
        id: MessageId,
        consent: &Consent,
        to: &Phone,
        now: Timestamp,
        policy: &Policy,
        journal: &mut Vec<Entry>,
    ) -> Option<Cleared> {
        if self.is_sending() {
            return None;
        }
        let index = self.waiting.iter().position(|waiting| matches!(waiting.stage, Stage::Queued { .. }))?;
        let waiting = &mut self.waiting[index];
        let Stage::Queued { not_before, expires_at, .. } = waiting.stage else { return None };
        if waiting.message.id != id || not_before > now || expires_at <= now {
            return None;
        }
        let leaving = Leaving {
            id,
            attempt: waiting.attempts + 1,
            kind: waiting.message.kind.clone(),
            from: policy.practice.number.clone(),
            to: to.clone(),
            text: waiting.message.text.clone(),
            reference: reference(id.seq),
            expires_at,
        };
        match consent.clear(leaving) {
            Ok(cleared) => {
                waiting.attempts += 1;
                let deadline = now + policy.limits.sending;
                waiting.stage = Stage::Sending { boot: policy.boot, deadline, expires_at, recalled: Recalled::No };
                waiting.become_(Status::Sending, None, now, journal);
                Some(cleared)
            }
            Err(NotCleared) => {
                // What it was to say is no longer so: a START confirmation after a STOP, for one.
                let mut waiting = self.waiting.remove(index);
                let (status, failure) = match (&waiting.message.kind, consent) {
                    (Kind::StaffText { .. }, Consent::OptedOut { .. }) => (Status::Failed, Some(Failure::OptedOut)),
                    _ => (Status::Expired, None),
                };
                waiting.become_(status, failure, now, journal);
                None
            }
        }
    }

    /// The carrier answered an attempt, in time or late.
    pub(super) fn answered(
        &mut self,
        id: MessageId,
        attempt: u32,
        answer: Answer,
        now: Timestamp,
        limits: &Limits,
        journal: &mut Vec<Entry>,
    ) -> Option<Finished> {
        let in_flight = self.waiting.iter().position(|waiting| {
            waiting.message.id == id && waiting.attempts == attempt && matches!(waiting.stage, Stage::Sending { .. })
        });
        match in_flight {
            Some(index) => self.answered_in_time(index, answer, now, limits, journal),
            None => self.answered_late(id, attempt, answer, now, journal),
        }
    }

    fn answered_in_time(
        &mut self,
        index: usize,
        answer: Answer,
        now: Timestamp,
        limits: &Limits,
        journal: &mut Vec<Entry>,
    ) -> Option<Finished> {
        match answer {
            Answer::Taken { ids } => {
                let segments = ids.into_iter().map(|id| (id, Arrived::NotYetKnown)).collect();
                self.track(index, Fate::Sent { segments }, now, journal);
                self.replay_early_receipts(now, journal)
            }
            Answer::Unknown => {
                let segments = self.waiting[index].message.segments;
                self.track(index, Fate::Unconfirmed { segments }, now, journal);
                self.replay_early_receipts(now, journal)
            }
            Answer::NotSent => self.try_again(index, now, limits, journal),
            Answer::Refused { command_status, retry } => {
                let tries_left = match retry {
                    Retry::WhenReady => true,
                    Retry::FewTimes => self.waiting[index].attempts < limits.doubtful_tries_max,
                    Retry::Never => false,
                };
                if tries_left {
                    return self.try_again(index, now, limits, journal);
                }
                let failure = Failure::CarrierRejected { command_status };
                Some(self.finish(index, Status::Failed, Some(failure), now, journal))
            }
            Answer::PartlyTaken => Some(self.finish(index, Status::Failed, Some(Failure::PartlySent), now, journal)),
        }
    }

    /// An answer to what is `unconfirmed` settles it, but never sends it again.
    fn answered_late(
        &mut self,
        id: MessageId,
        attempt: u32,
        answer: Answer,
        now: Timestamp,
        journal: &mut Vec<Entry>,
    ) -> Option<Finished> {
        let index = self.tracked.iter().position(|tracked| {
            tracked.id == id && tracked.attempt == attempt && matches!(tracked.fate, Fate::Unconfirmed { .. })
        })?;
        let (status, failure) = match answer {
            Answer::Taken { ids } => {
                let segments = ids.into_iter().map(|id| (id, Arrived::NotYetKnown)).collect();
                Arc::make_mut(&mut self.tracked[index]).fate = Fate::Sent { segments };
                journal.push(Entry::Updated { id, status: Status::Sent, failure: None, at: now });
                return self.replay_early_receipts(now, journal);
            }
            Answer::Refused { command_status, .. } => {
                (Status::Failed, Some(Failure::CarrierRejected { command_status }))
            }
            Answer::PartlyTaken => (Status::Failed, Some(Failure::PartlySent)),
            Answer::NotSent | Answer::Unknown => return None,
        };
        Some(self.settle(index, status, failure, now, journal))
    }

    /// The carrier reported on a segment. `None` when no message fits.
    pub(super) fn receipted(
        &mut self,
        receipt: &Receipt,
        now: Timestamp,
        journal: &mut Vec<Entry>,
    ) -> Option<Option<Finished>> {
        let (index, segment) = self.find(receipt)?;
        let tracked = Arc::make_mut(&mut self.tracked[index]);
        let failed = Failure::NotDelivered { state: receipt.state };
        match receipt.state {
            ReceiptState::Enroute | ReceiptState::Accepted | ReceiptState::Unknown => Some(None),
            ReceiptState::Expired | ReceiptState::Deleted | ReceiptState::Undeliverable | ReceiptState::Rejected => {
                Some(Some(self.settle(index, Status::Undelivered, Some(failed), now, journal)))
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
                Some(Some(self.settle(index, Status::Delivered, None, now, journal)))
            }
        }
    }

    /// Keeps a receipt that came while a message is in flight: it may be about that one.
    pub(super) fn keep_early(&mut self, receipt: Receipt) {
        if self.early_receipts.len() == EARLY_RECEIPTS_MAX {
            self.early_receipts.remove(0);
        }
        self.early_receipts.push(receipt);
    }

    /// Moves what is in flight to `unconfirmed` where its deadline has passed, or where `is_lost` says
    /// that whoever was sending it is gone.
    pub(super) fn doubt(&mut self, now: Timestamp, is_lost: impl Fn(BootId) -> bool, journal: &mut Vec<Entry>) {
        let in_doubt = self.waiting.iter().position(|waiting| match waiting.stage {
            Stage::Sending { boot, deadline, .. } => deadline <= now || is_lost(boot),
            Stage::Pending | Stage::Queued { .. } => false,
        });
        if let Some(index) = in_doubt {
            let segments = self.waiting[index].message.segments;
            self.track(index, Fate::Unconfirmed { segments }, now, journal);
        }
    }

    /// Finishes queued messages whose time ran out, and forgets receipts that never came.
    pub(super) fn expire(&mut self, now: Timestamp, limits: &Limits, journal: &mut Vec<Entry>) -> Vec<Finished> {
        let mut expired = Vec::new();
        self.waiting.retain_mut(|waiting| match waiting.stage {
            Stage::Queued { expires_at, .. } if expires_at <= now => {
                waiting.become_(Status::Expired, None, now, journal);
                expired.push(Finished { kind: waiting.message.kind.clone(), status: Status::Expired });
                false
            }
            Stage::Pending | Stage::Queued { .. } | Stage::Sending { .. } => true,
        });
        self.tracked.retain(|tracked| now.duration_since(tracked.since) < limits.receipt);
        expired
    }

    /// Asks for a slot for the first queued message, unless one is in flight or asked for.
    pub(super) fn ask_for_slot(&mut self, now: Timestamp, limits: &Limits) -> Option<Effect> {
        if self.is_sending() {
            return None;
        }
        let waiting = self.waiting.iter_mut().find(|waiting| matches!(waiting.stage, Stage::Queued { .. }))?;
        let Stage::Queued { not_before, asked_until, .. } = &mut waiting.stage else { return None };
        if *not_before > now || asked_until.is_some_and(|until| until > now) {
            return None;
        }
        *asked_until = Some(now + limits.slot_wait);
        Some(Effect::RequestSlot { id: waiting.message.id, segments: waiting.message.segments })
    }

    /// Forgets which slots were asked for: whoever asked is gone.
    pub(super) fn forget_slots(&mut self) {
        for waiting in &mut self.waiting {
            if let Stage::Queued { asked_until, .. } = &mut waiting.stage {
                *asked_until = None;
            }
        }
    }

    /// When the outbox next needs attention by itself.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        let mut first_queued = true;
        self.waiting
            .iter()
            .filter_map(|waiting| match waiting.stage {
                Stage::Pending => None,
                Stage::Sending { deadline, .. } => Some(deadline),
                Stage::Queued { not_before, asked_until, expires_at } => {
                    let next_slot = asked_until.unwrap_or(not_before).min(expires_at);
                    let is_first = std::mem::replace(&mut first_queued, false);
                    Some(if is_first && !self.is_sending() { next_slot } else { expires_at })
                }
            })
            .min()
    }

    fn try_again(
        &mut self,
        index: usize,
        now: Timestamp,
        limits: &Limits,
        journal: &mut Vec<Entry>,
    ) -> Option<Finished> {
        let waiting = &mut self.waiting[index];
        let Stage::Sending { expires_at, recalled, .. } = waiting.stage else { return None };
        if recalled == Recalled::Yes {
            return Some(self.finish(index, Status::Failed, Some(Failure::OptedOut), now, journal));
        }
        let doublings = (waiting.attempts.saturating_sub(1)).min(16);
        let pause = (limits.retry_pause * (1 << doublings)).min(limits.retry_pause_max);
        waiting.stage = Stage::Queued { not_before: now + pause, asked_until: None, expires_at };
        waiting.become_(Status::Queued, None, now, journal);
        None
    }

    fn finish(
        &mut self,
        index: usize,
        status: Status,
        failure: Option<Failure>,
        now: Timestamp,
        journal: &mut Vec<Entry>,
    ) -> Finished {
        let mut waiting = self.waiting.remove(index);
        waiting.become_(status, failure, now, journal);
        Finished { kind: waiting.message.kind, status }
    }

    fn settle(
        &mut self,
        index: usize,
        status: Status,
        failure: Option<Failure>,
        now: Timestamp,
        journal: &mut Vec<Entry>,
    ) -> Finished {
        let tracked = self.tracked.remove(index);
        journal.push(Entry::Updated { id: tracked.id, status, failure, at: now });
        Finished { kind: tracked.kind.clone(), status }
    }

    fn track(&mut self, index: usize, fate: Fate, now: Timestamp, journal: &mut Vec<Entry>) {
        let waiting = self.waiting.remove(index);
        let tracked =
            Tracked { id: waiting.message.id, kind: waiting.message.kind, attempt: waiting.attempts, since: now, fate };
        journal.push(Entry::Updated { id: tracked.id, status: tracked.status(), failure: None, at: now });
        if self.tracked.len() == TRACKED_MAX {
            self.tracked.remove(0);
        }
        self.tracked.push(Arc::new(tracked));
    }

    fn replay_early_receipts(&mut self, now: Timestamp, journal: &mut Vec<Entry>) -> Option<Finished> {
        let mut finished = None;
        for receipt in std::mem::take(&mut self.early_receipts) {
            match self.receipted(&receipt, now, journal) {
                Some(result) => finished = finished.or(result),
                None => journal.push(Entry::ReceiptUnmatched { receipt, at: now }),
            }
        }
        finished
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
        let by_reference = |reference: u16| {
            let mut found = self.tracked.iter().enumerate().filter(|(_, tracked)| {
                super::outbox::reference(tracked.id.seq) == reference
                    && matches!(tracked.fate, Fate::Unconfirmed { .. })
            });
            found.next().filter(|_| found.next().is_none()).map(|(index, _)| (index, 0))
        };
        let id = receipt.carrier_id.as_ref();
        id.and_then(|id| by_id(&|known| known == id))
            .or_else(|| id.and_then(|id| by_id(&|known| known.may_equal(id))))
            .or_else(|| receipt.reference.and_then(by_reference))
    }
}

impl Waiting {
    fn become_(&mut self, status: Status, failure: Option<Failure>, now: Timestamp, journal: &mut Vec<Entry>) {
        self.message.status = status;
        self.message.failure = failure;
        self.message.updated_at = now;
        journal.push(Entry::Updated { id: self.message.id, status, failure, at: now });
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
