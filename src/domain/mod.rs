//! The vocabulary: what a practice, a patient, consent and a conversation are, and what follows from what.
//!
//! Nothing here awaits, logs, or looks at a clock: [`Conversation::handle`] is given the event, the time and the
//! [`Policy`], and answers with a [`Decision`].

mod consent;
mod conversation;
mod effect;
mod event;
mod hold;
mod journal;
pub mod keyword;
mod message;
pub mod meter;
mod names;
pub mod opt_out;
pub mod outbox;
mod patient;
mod phone;
pub mod policy;
mod practice;
pub mod reassembly;
mod staff;
mod summary;
pub mod text;
pub mod typography;

pub use consent::{Change, Cleared, Confirmation, Consent, Evidence, Invitation};
pub use conversation::{Arrival, Conversation, ConversationKey, SessionEnd};
pub use effect::{Decision, Effect, Outcome, Precedence, Refusal};
pub use event::{Answer, Event, OtherDaemons, Retry};
pub use hold::{Hold, SettledBy, Settlement};
pub use journal::Entry;
pub use message::{
    Body, CarrierError, CarrierId, Cause, ConversationId, DeliveryId, Draft, Failure, Fingerprint, Form, Inbound, Kind,
    Likeness, Message, MessageId, Part, Receipt, ReceiptState, Reference, Seq, Status,
};
pub use meter::{Budget, DayBudget, Days, Draw, Drawn, Meter, Rate, Standing, Unused, Verdict};
pub use names::{ID_CHARS_MAX, IdError, PatientId, PracticeId, StaffId};
pub use patient::Patient;
pub use phone::{Phone, PhoneError};
pub use policy::{BootId, Limits, Policy, Writings};
pub use practice::{Practice, SEGMENTS_PER_DAY_DEFAULT, SEGMENTS_PER_MINUTE_DEFAULT};
pub use staff::StaffMember;
pub use summary::Summary;
