//! The messages of a conversation that are not finished: those that wait, the one in flight, and those whose
//! receipt or fate is awaited. Each accepted message is in exactly one place and one status.

mod about;
mod authors;
mod decided;
mod held;
mod lost;
mod quiet;
mod tracked;

use std::num::NonZeroU16;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use tracked::{Arrived, EARLY_RECEIPTS_MAX, EarlyReceipt, Fate, Left, TRACKED_MAX, Tracked, reference};

use crate::domain::consent::{Leaving, NotCleared, Standing};
use crate::domain::policy::BootId;
use crate::domain::{
    Answer, CarrierCode, CarrierError, Cause, Cleared, Consent, Effect, Entry, Failure, Kind, Limits, Message,
    MessageId, Opening, Phone, Policy, Precedence, Retry, Status,
};

/// The unfinished messages, each list in the order of their places in the thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Pending, held, queued or sending. At most one is sending.
    pub waiting: Vec<Waiting>,
    /// Sent or unconfirmed. Shared, because each decision copies the outbox and changes one of them at the most.
    pub tracked: Vec<Arc<Tracked>>,
    /// Receipts about nothing that is known: about what is in flight or unconfirmed, perhaps.
    pub early_receipts: Vec<EarlyReceipt>,
}

/// A message that has not gone out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub message: Message,
    pub stage: Stage,
    /// When staff want it sent, if not at once.
    pub send_at: Option<Timestamp>,
    /// Attempts so far.
    pub attempts: u32,
}

/// How far a waiting message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// For YES. The invitation's deadline is its own.
    Pending,
    /// For staff to settle a hold.
    Held,
    /// For staff to answer for it: its author may text patients no more.
    Orphaned,
    /// For its time. What is written meanwhile goes ahead of it.
    Scheduled { at: Timestamp },
    /// For a slot: not before `not_before`, at the latest until `expires_at`. One is waited for while it is `asked` for.
    Queued { not_before: Timestamp, pause: Pause, asked: Option<Asked>, expires_at: Timestamp },
    /// For the carrier's answer, until `deadline`. One that is `recalled` does not come back to the queue. It is written
    /// as so many PDUs, and as many receipts are to come.
    Sending { boot: BootId, deadline: Timestamp, expires_at: Timestamp, recalled: Recalled, pdus: u32 },
}

/// Who waits for a message's slot, and until when nobody else asks for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub by: BootId,
    pub until: Timestamp,
}

/// Why a message may not go before its time, which says how far ahead that time can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The carrier refused it a moment ago, or it may go at once.
    Short,
    /// The day's budget was too small for it.
    UntilOpening,
    /// It is quiet where the patient is.
    Quiet,
}

/// Whether the patient opted out, or probably did, or lost the phone while a message was on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    Yes,
    /// It is held if it comes back.
    ToBeHeld,
    /// The phone is not the patient's any more.
    NotTheirs,
    No,
}

/// The moment of a decision, the limits in force, and what is written down of it.
pub(in crate::domain) struct Step<'a> {
    pub now: Timestamp,
    pub limits: &'a Limits,
    pub journal: &'a mut Vec<Entry>,
}

/// What became of a message that is finished, for the conversation to draw its conclusions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Finished {
    pub id: MessageId,
    pub kind: Kind,
    pub status: Status,
    /// What the carrier said of the phone by the way.
    pub told: Option<Told>,
}

/// What a carrier says of a phone when it does not take or deliver a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Told {
    /// Its owner opted out at the carrier.
    OptedOut(CarrierCode),
    /// Nobody has it.
    Disconnected(NonZeroU16),
}

impl Told {
    fn by(failure: Option<Failure>) -> Option<Self> {
        let Some(Failure::NotDelivered { error: Some(CarrierError { code, cause: Some(cause) }), .. }) = failure else {
            return None;
        };
        match cause {
            Cause::OptedOutAtCarrier => Some(Self::OptedOut(CarrierCode::Error(code))),
            Cause::UnknownNumber => Some(Self::Disconnected(code)),
            Cause::Landline | Cause::Unreachable | Cause::BlockedByCarrier | Cause::OverLimit | Cause::Content => None,
        }
    }
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

    /// A message as it stands here, where it waits.
    pub(in crate::domain) fn as_it_waits(&self, message: Message) -> Message {
        let here = self.waiting.iter().find(|waiting| waiting.message.id == message.id);
        here.map_or(message, |waiting| waiting.message.clone())
    }

    /// Whether a message is on the wire, or may be.
    pub fn is_sending(&self) -> bool {
        self.waiting.iter().any(|waiting| matches!(waiting.stage, Stage::Sending { .. }))
    }

    /// Whether this attempt at a message of this kind is on the wire, or may be.
    pub(in crate::domain) fn is_in_flight(&self, id: MessageId, attempt: u32, kind: &Kind) -> bool {
        self.waiting.iter().any(|waiting| waiting.is_in_flight(id, attempt) && waiting.message.kind == *kind)
    }

    /// Adds a message that waits for YES.
    pub(in crate::domain) fn hold(&mut self, message: Message, send_at: Option<Timestamp>) {
        self.waiting.push(Waiting { message, stage: Stage::Pending, send_at, attempts: 0 });
    }

    /// Adds a message that may go at a time to come.
    pub(in crate::domain) fn schedule(&mut self, message: Message, at: Timestamp) {
        self.waiting.push(Waiting { message, stage: Stage::Scheduled { at }, send_at: Some(at), attempts: 0 });
    }

    /// What was scheduled and has its time joins the queue.
    pub(in crate::domain) fn time_comes(&mut self, step: &mut Step<'_>) {
        for waiting in &mut self.waiting {
            if let Stage::Scheduled { at } = waiting.stage
                && at <= step.now
            {
                waiting.wait_for_its_time(step);
            }
        }
    }

    /// Adds a message that may go. What Assent writes itself goes ahead of what staff wrote, answers first.
    pub(in crate::domain) fn queue(&mut self, message: Message, expires_at: Timestamp) {
        let stage = Stage::queued(message.created_at, expires_at);
        let waiting = Waiting { message, stage, send_at: None, attempts: 0 };
        let place = self.waiting.iter().position(|other| waiting.goes_ahead_of(other)).unwrap_or(self.waiting.len());
        self.waiting.insert(place, waiting);
    }

    /// YES came: every pending draft is queued, in order, but for those whose time has not come.
    pub(in crate::domain) fn release(&mut self, step: &mut Step<'_>) {
        for waiting in &mut self.waiting {
            if waiting.stage == Stage::Pending {
                waiting.wait_for_its_time(step);
            }
        }
    }

    /// The patient opted out: what has not begun to leave fails, and what is on its way is recalled and not tried
    /// again.
    pub(in crate::domain) fn withdraw(&mut self, step: &mut Step<'_>) -> Option<Effect> {
        let mut recall = None;
        self.waiting.retain_mut(|waiting| {
            if let Stage::Sending { recalled, .. } = &mut waiting.stage {
                *recalled = Recalled::Yes;
                recall = Some(Effect::Recall { id: waiting.message.id, attempt: waiting.attempts });
                return true;
            }
            waiting.become_(Status::Failed, Some(Failure::OptedOut), step);
            false
        });
        recall
    }

    /// Finishes every pending draft, as `status` and for this reason.
    pub(in crate::domain) fn finish_pending(&mut self, status: Status, failure: Option<Failure>, step: &mut Step<'_>) {
        self.waiting.retain_mut(|waiting| {
            if waiting.stage != Stage::Pending {
                return true;
            }
            waiting.become_(status, failure, step);
            false
        });
    }

    /// A slot was granted: asks the gate, and if consent stands makes the message `sending`.
    pub(in crate::domain) fn leave(
        &mut self,
        id: MessageId,
        standing: Standing<'_>,
        to: &Phone,
        policy: &Policy,
        step: &mut Step<'_>,
    ) -> Option<Cleared> {
        let is_sending = self.is_sending();
        let first = self.waiting.iter().position(|waiting| matches!(waiting.stage, Stage::Queued { .. }));
        let index = self.waiting.iter().position(|waiting| waiting.message.id == id)?;
        let waiting = &mut self.waiting[index];
        let Stage::Queued { not_before, pause, asked, expires_at } = &mut waiting.stage else { return None };
        // The slot is used or lost: whichever it is, this message has none any more.
        *asked = None;
        let expires_at = *expires_at;
        let is_early = pause.holds(*not_before, step.now, step.limits);
        if is_sending || first != Some(index) || is_early || expires_at <= step.now {
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
        match standing.clear(leaving) {
            Ok(cleared) => {
                waiting.attempts += 1;
                let deadline = step.now + policy.limits.sending;
                let pdus = policy.writing.pdus.of(waiting.message.segments);
                waiting.stage =
                    Stage::Sending { boot: policy.boot, deadline, expires_at, recalled: Recalled::No, pdus };
                waiting.become_(Status::Sending, None, step);
                Some(cleared)
            }
            Err(NotCleared) if standing.hold.is_some() && waiting.message.kind.is_held_back() => {
                waiting.hold(step);
                None
            }
            Err(NotCleared) => {
                // What it was to say is no longer so: a START confirmation after a STOP, for one.
                let mut waiting = self.waiting.remove(index);
                let (status, failure) = match (&waiting.message.kind, standing.consent) {
                    (Kind::StaffText { .. }, Consent::OptedOut { .. }) => (Status::Failed, Some(Failure::OptedOut)),
                    _ => (Status::Expired, None),
                };
                waiting.become_(status, failure, step);
                None
            }
        }
    }

    /// The day's budget is too small for a message: it stays queued, and has its whole time from when it may go. By this
    /// daemon's clock that day may be over already: then the store's clock, which says that it is not, gets a while.
    pub(in crate::domain) fn postpone(&mut self, id: MessageId, opens_at: Timestamp, step: &mut Step<'_>) {
        let found = self.waiting.iter_mut().find(|waiting| waiting.message.id == id);
        let Some(waiting) = found.filter(|waiting| waiting.may_be_postponed()) else { return };
        let Stage::Queued { not_before, pause, asked, expires_at } = &mut waiting.stage else { return };
        *asked = None;
        *not_before = opens_at.max(step.now + step.limits.retry_pause_max);
        *pause = Pause::UntilOpening;
        *expires_at = (*not_before + step.limits.validity).max(*expires_at);
        waiting.become_(Status::Queued, None, step);
    }

    /// Nothing waits any longer only because the carrier refused it a moment ago. The day's budget is another matter.
    pub(in crate::domain) fn end_pauses(&mut self, now: Timestamp) {
        for waiting in &mut self.waiting {
            if let Stage::Queued { not_before, pause: Pause::Short, .. } = &mut waiting.stage {
                *not_before = now.min(*not_before);
            }
        }
    }

    /// The carrier answered an attempt, in time or late.
    pub(in crate::domain) fn answered(
        &mut self,
        id: MessageId,
        attempt: u32,
        answer: Answer,
        step: &mut Step<'_>,
    ) -> Vec<Finished> {
        let in_flight = self.waiting.iter().position(|waiting| waiting.is_in_flight(id, attempt));
        match in_flight {
            Some(index) => self.answered_in_time(index, answer, step),
            None => self.answered_late(id, attempt, answer, step),
        }
    }

    fn answered_in_time(&mut self, index: usize, answer: Answer, step: &mut Step<'_>) -> Vec<Finished> {
        let finished = match answer {
            Answer::Taken { ids } => {
                self.track(index, Fate::sent(ids), step);
                None
            }
            Answer::Unknown => {
                let fate = self.waiting[index].unconfirmed();
                self.track(index, fate, step);
                None
            }
            Answer::NotSent => self.try_again(index, step),
            Answer::Refused { command_status, retry } => {
                let tries_left = match retry {
                    Retry::WhenReady => true,
                    Retry::FewTimes => self.waiting[index].attempts < step.limits.doubtful_tries_max,
                    Retry::Never | Retry::OptedOut => false,
                };
                if tries_left {
                    self.try_again(index, step)
                } else {
                    let (failure, told) = refused(command_status, retry);
                    Some(Finished { told, ..self.finish(index, Status::Failed, Some(failure), step) })
                }
            }
            Answer::PartlyTaken => Some(self.finish(index, Status::Failed, Some(Failure::PartlySent), step)),
        };
        finished.into_iter().chain(self.replay_early_receipts(step)).collect()
    }

    /// Moves what is in flight to `unconfirmed` where its deadline has passed, or where `is_lost` says
    /// that whoever was sending it is gone.
    pub(in crate::domain) fn doubt(&mut self, is_lost: impl Fn(BootId) -> bool, step: &mut Step<'_>) -> Vec<Finished> {
        let found = self.waiting.iter().position(|waiting| match waiting.stage {
            Stage::Sending { boot, deadline, .. } => deadline <= step.now || is_lost(boot),
            Stage::Pending | Stage::Held | Stage::Orphaned | Stage::Scheduled { .. } | Stage::Queued { .. } => false,
        });
        let Some(index) = found else { return Vec::new() };
        let fate = self.waiting[index].unconfirmed();
        self.track(index, fate, step);
        self.replay_early_receipts(step)
    }

    /// Moves everything that waits to `unconfirmed`.
    pub(in crate::domain) fn doubt_everything(&mut self, step: &mut Step<'_>) {
        while let Some(first) = self.waiting.first() {
            let fate = first.unconfirmed();
            self.track(0, fate, step);
        }
    }

    /// Finishes queued messages whose time ran out, and forgets receipts that never came.
    pub(in crate::domain) fn expire(&mut self, step: &mut Step<'_>) -> Vec<Finished> {
        let mut expired = Vec::new();
        self.waiting.retain_mut(|waiting| match waiting.stage {
            Stage::Queued { expires_at, .. } if expires_at <= step.now => {
                waiting.become_(Status::Expired, None, step);
                let Message { id, kind, status, .. } = waiting.message.clone();
                expired.push(Finished { id, kind, status, told: None });
                false
            }
            Stage::Pending
            | Stage::Held
            | Stage::Orphaned
            | Stage::Scheduled { .. }
            | Stage::Queued { .. }
            | Stage::Sending { .. } => true,
        });
        self.tracked.retain(|tracked| step.now.duration_since(tracked.since) < step.limits.receipt);
        self.expire_early_receipts(step);
        expired
    }

    /// Asks for a slot for the first queued message, unless one is in flight or asked for.
    pub(in crate::domain) fn ask_for_slot(&mut self, now: Timestamp, policy: &Policy) -> Option<Effect> {
        let limits = &policy.limits;
        if self.is_sending() {
            return None;
        }
        let waiting = self.waiting.iter_mut().find(|waiting| matches!(waiting.stage, Stage::Queued { .. }))?;
        let precedence = waiting.precedence();
        let Stage::Queued { not_before, pause, asked, .. } = &mut waiting.stage else { return None };
        if pause.holds(*not_before, now, limits)
            || asked.is_some_and(|asked| is_ahead(asked.until, now, limits.slot_wait))
        {
            return None;
        }
        *asked = Some(Asked { by: policy.boot, until: now + limits.slot_wait });
        let Message { id, text, .. } = &waiting.message;
        // Which link it will leave by is not known yet: no limit is exceeded by any of them.
        let segments = policy.writing.segments_at_most(text.expose());
        Some(Effect::RequestSlot { id: *id, segments, precedence })
    }

    /// Forgets the slots of those who asked for one and are gone.
    pub(in crate::domain) fn forget_slots(&mut self, is_gone: impl Fn(BootId) -> bool) {
        for waiting in &mut self.waiting {
            if let Stage::Queued { asked, .. } = &mut waiting.stage {
                asked.take_if(|asked| is_gone(asked.by));
            }
        }
    }

    /// What a daemon is to write no more of: the patient opted out, or probably did, while this run of it was writing.
    pub(in crate::domain) fn recalled_from(&self, ours: BootId) -> Option<Effect> {
        self.waiting.iter().find_map(|waiting| match waiting.stage {
            Stage::Sending { boot, recalled: Recalled::Yes | Recalled::ToBeHeld | Recalled::NotTheirs, .. }
                if boot == ours =>
            {
                Some(Effect::Recall { id: waiting.message.id, attempt: waiting.attempts })
            }
            Stage::Pending
            | Stage::Held
            | Stage::Orphaned
            | Stage::Scheduled { .. }
            | Stage::Queued { .. }
            | Stage::Sending { .. } => None,
        })
    }

    /// When the outbox next needs attention by itself.
    pub(in crate::domain) fn wake_at(&self) -> Option<Timestamp> {
        let mut first_queued = true;
        self.waiting
            .iter()
            .filter_map(|waiting| match waiting.stage {
                Stage::Pending | Stage::Held | Stage::Orphaned => None,
                Stage::Scheduled { at } => Some(at),
                Stage::Sending { deadline, .. } => Some(deadline),
                Stage::Queued { not_before, asked, expires_at, .. } => {
                    let next_slot = asked.map_or(not_before, |asked| asked.until).min(expires_at);
                    let is_first = std::mem::replace(&mut first_queued, false);
                    Some(if is_first && !self.is_sending() { next_slot } else { expires_at })
                }
            })
            .min()
    }

    fn try_again(&mut self, index: usize, step: &mut Step<'_>) -> Option<Finished> {
        let waiting = &mut self.waiting[index];
        let Stage::Sending { expires_at, recalled, .. } = waiting.stage else { return None };
        match recalled {
            Recalled::Yes => return Some(self.finish(index, Status::Failed, Some(Failure::OptedOut), step)),
            Recalled::ToBeHeld => {
                waiting.hold(step);
                return None;
            }
            Recalled::NotTheirs => {
                return Some(self.finish(index, Status::Failed, Some(Failure::Unreachable), step));
            }
            Recalled::No => {}
        }
        let doublings = (waiting.attempts.saturating_sub(1)).min(16);
        let pause = (step.limits.retry_pause * (1 << doublings)).min(step.limits.retry_pause_max);
        waiting.stage = Stage::queued(step.now + pause, expires_at);
        waiting.become_(Status::Queued, None, step);
        None
    }

    fn finish(&mut self, index: usize, status: Status, failure: Option<Failure>, step: &mut Step<'_>) -> Finished {
        let mut waiting = self.waiting.remove(index);
        waiting.become_(status, failure, step);
        Finished { id: waiting.message.id, kind: waiting.message.kind, status, told: Told::by(failure) }
    }
}

/// What a refusal that is final makes of a text, and what it says of the phone.
fn refused(command_status: u32, retry: Retry) -> (Failure, Option<Told>) {
    match retry {
        Retry::OptedOut => (Failure::OptedOut, Some(Told::OptedOut(CarrierCode::CommandStatus(command_status)))),
        Retry::WhenReady | Retry::FewTimes | Retry::Never => (Failure::CarrierRejected { command_status }, None),
    }
}

impl Stage {
    /// Queued, with nothing in its way from then on.
    fn queued(not_before: Timestamp, expires_at: Timestamp) -> Self {
        Self::Queued { not_before, pause: Pause::Short, asked: None, expires_at }
    }
}

impl Pause {
    /// What a message is that waits so.
    pub(in crate::domain) fn status(self) -> Status {
        match self {
            Self::Short | Self::UntilOpening => Status::Queued,
            Self::Quiet => Status::Scheduled,
        }
    }

    /// Whether it is too early for a message.
    fn holds(self, not_before: Timestamp, now: Timestamp, limits: &Limits) -> bool {
        let longest = match self {
            Self::Short => limits.retry_pause_max,
            Self::UntilOpening | Self::Quiet => limits.postponement_max,
        };
        is_ahead(not_before, now, longest)
    }
}

/// Whether a time is still to come. A wait that is longer than any that is ever set comes from a clock that was set back.
fn is_ahead(at: Timestamp, now: Timestamp, longest: SignedDuration) -> bool {
    at > now && at.duration_since(now) <= longest
}

impl Waiting {
    /// Waits for when staff want it sent, if it has not come.
    fn wait_for_its_time(&mut self, step: &mut Step<'_>) {
        let at = self.send_at.unwrap_or(step.now);
        if at > step.now {
            self.stage = Stage::Scheduled { at };
            self.become_(Status::Scheduled, None, step);
        } else {
            self.stage = Stage::queued(step.now, step.now + step.limits.validity);
            self.become_(Status::Queued, None, step);
        }
    }

    /// How soon it goes among what waits for the number's rate limit.
    pub fn precedence(&self) -> Precedence {
        match self.message.kind {
            Kind::OptOutConfirmation | Kind::StartConfirmation | Kind::Help | Kind::AfterHours => Precedence::First,
            Kind::StaffText { .. } | Kind::Inbound => Precedence::InTurn,
            Kind::Invitation => Precedence::FirstContact,
        }
    }

    /// Whether it goes ahead of another one of its own conversation.
    fn goes_ahead_of(&self, other: &Self) -> bool {
        let place = |waiting: &Self| match waiting.message.kind {
            Kind::OptOutConfirmation | Kind::StartConfirmation | Kind::Help | Kind::AfterHours => 0,
            Kind::Invitation => 1,
            Kind::StaffText { .. } | Kind::Inbound => 2,
        };
        place(self) < place(other) && !matches!(other.stage, Stage::Sending { .. })
    }

    /// An answer that is owed within minutes is worth nothing the next day.
    fn may_be_postponed(&self) -> bool {
        match self.precedence() {
            Precedence::First => false,
            Precedence::InTurn | Precedence::FirstContact => true,
        }
    }

    /// What is known of it if it may have gone out. When and how is known of what was being sent alone.
    fn unconfirmed(&self) -> Fate {
        let (pdus, left) = match self.stage {
            Stage::Sending { pdus, .. } => (pdus, Some(self.left())),
            Stage::Pending | Stage::Held | Stage::Orphaned | Stage::Scheduled { .. } | Stage::Queued { .. } => {
                (self.message.segments, None)
            }
        };
        Fate::Unconfirmed { pdus, arrived: Vec::new(), left }
    }

    /// When and how it left, if it is being sent: nothing was written of it since it became so.
    fn left(&self) -> Left {
        Left { at: self.message.updated_at, opening: Opening::of(self.message.text.expose()) }
    }

    fn is_in_flight(&self, id: MessageId, attempt: u32) -> bool {
        self.message.id == id && self.attempts == attempt && matches!(self.stage, Stage::Sending { .. })
    }

    fn become_(&mut self, status: Status, failure: Option<Failure>, step: &mut Step<'_>) {
        self.message.status = status;
        self.message.failure = failure;
        self.message.updated_at = step.now;
        step.journal.push(Entry::Updated { id: self.message.id, status, failure, at: step.now });
    }
}
