//! Everything that can happen to a conversation.

use std::sync::Arc;

use jiff::Timestamp;

use super::desk::{DeskVersion, Rearrangement};
use super::note::NoteText;
use super::{
    Body, BootId, CarrierId, DeliveryId, Draft, Imported, Inbound, MessageId, Receipt, Seq, SessionEnd, Settlement,
    StaffId,
};

/// Something that happened. Time is passed beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The patient texted.
    Received(Inbound),
    /// Our answer to a text went out later than the carrier may have waited for it: the text may be delivered again.
    AnsweredLate(DeliveryId),
    /// Link sessions ended, where several daemons have some: what was answered shortly before may be delivered again.
    SessionsEnded(Vec<SessionEnd>),
    /// Staff wrote.
    Drafted(Draft),
    /// Staff take a draft of theirs back.
    TakenBack(MessageId),
    /// Staff say what is to become of an `unconfirmed` text, or of one whose author may text patients no more.
    Resolved { id: MessageId, resolution: Resolution },
    /// Staff said what a probable opt-out means.
    HoldSettled { settlement: Settlement, staff: Option<StaffId> },
    /// The patient told staff, by voice or in person, that they want no texts.
    OptedOutByStaff { staff: Option<StaffId>, reason: Body },
    /// The patient gave the practice this number, again perhaps. That is durable in the practice's records.
    NumberGiven,
    /// The practice's earlier vendor wrote down that the patient wants no texts.
    OptedOutByImport(Imported),
    /// The rate limit and the carrier have room for this message at this instant.
    SlotGranted(MessageId),
    /// The budget of the day is too small for this message; the day ends at this instant.
    Postponed { id: MessageId, day_ends_at: Timestamp },
    /// The carrier answered an attempt, or the link knows that it never will.
    Answered { id: MessageId, attempt: u32, answer: Answer },
    /// The carrier reported on a segment.
    Receipted(Receipt),
    /// The carrier says that the phone can be reached again.
    Reachable,
    /// Staff looked at the conversation, as far as this place.
    ReadUpTo { seq: Seq, staff: Option<StaffId> },
    /// Staff want to look at it again.
    MarkedUnread,
    /// Staff arrange whose it is, whether it is done with, and what it is about: if it is as they have `seen` it, or in
    /// any case.
    Rearranged { change: Rearrangement, seen: Option<DeskVersion> },
    /// Staff wrote something down for each other.
    Noted { text: NoteText, staff: Option<StaffId> },
    /// The conversation's `wake_at` has come.
    Woken,
    /// The conversation was loaded from the store, by an actor that starts anew.
    Restored(OtherDaemons),
    /// Another daemon wrote the conversation, and it was loaded by an actor that waits still for what it waited for.
    Overtaken(OtherDaemons),
    /// The store lost what came last, and an operator has accepted that: whatever waits may have gone out since.
    StoreWentBack,
}

/// What staff decide about a text that may or may not have gone out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Send its words again, as a new draft.
    Resend(Draft),
    /// Answer for a text in its author's place: the same words, as a new draft.
    TakeOver(Draft),
    /// The patient has it.
    Sent,
    /// Let it rest.
    Discard,
}

/// Whether another daemon may be at work on the same store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherDaemons {
    /// The store is locked by this daemon: whoever was sending under another boot is dead.
    Impossible,
    /// Another daemon may be sending still; its deadline decides. `alive` are those that gave a sign of life lately,
    /// this one among them. That is a hint for who does what first: one that froze may go on, and every decision is
    /// fenced by the version that it was made on.
    Possible { alive: Arc<[BootId]> },
}

/// What became of an attempt to submit a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The carrier took every segment and named each.
    Taken { ids: Vec<CarrierId> },
    /// It is proved that the carrier has none of it: not one whole PDU was written.
    NotSent,
    /// The carrier refused every segment with this `command_status` (SMPP 3.4 §5.1.3).
    Refused { command_status: u32, retry: Retry },
    /// The carrier took some segments and refused others.
    PartlyTaken,
    /// It may have gone out: no answer came, or the link was lost after a whole PDU.
    Unknown,
}

/// What a refusal means for another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The carrier is busy: try until the text expires.
    WhenReady,
    /// The carrier may be at fault: try a few times.
    FewTimes,
    /// The text, its number or the account is at fault.
    Never,
    /// The patient opted out at the carrier: it is final, and consent is no more.
    OptedOut,
}
