//! The vocabulary: what a practice, a patient, consent and a conversation are, and what follows from what.
//!
//! Nothing here awaits, logs, or looks at a clock: [`Conversation::handle`] is given the event, the time and the
//! [`Policy`], and answers with a [`Decision`].

pub mod audit;
mod consent;
mod conversation;
pub mod desk;
mod effect;
mod event;
mod hold;
pub mod hours;
mod imported;
mod internal_host;
mod journal;
pub mod keyword;
pub mod ledger;
pub mod letters;
mod link;
mod marks;
mod message;
pub mod meter;
mod names;
pub mod note;
pub mod opt_out;
pub mod outbox;
mod patient;
mod phone;
pub mod policy;
mod practice;
mod prefix;
pub mod reassembly;
mod receipt;
mod staff;
mod summary;
mod suspension;
pub mod template;
pub mod text;
pub mod texts;
pub mod typography;
mod webhook;

pub use consent::{CarrierCode, Change, Cleared, Confirmation, Consent, Evidence, Invitation};
pub use conversation::{Arrival, Conversation, ConversationKey, SessionEnd};
pub use effect::{Decision, Effect, Outcome, Precedence, Refusal};
pub use event::{Answer, Event, OtherDaemons, Resolution, Retry};
pub use hold::{Hold, SettledBy, Settlement};
pub use imported::{FileHash, Imported};
pub use internal_host::{InternalHost, NotAHost};
pub use journal::Entry;
pub use link::Link;
pub use marks::{Mark, Marks};
pub use message::{
    Body, ConversationId, DeliveryId, Draft, Failure, Fingerprint, Form, Inbound, Kind, Message, MessageId, Part,
    Reference, Seq, Status, Written,
};
pub use meter::{Budget, DayBudget, Days, Draw, Drawn, Meter, Rate, Standing, Unused, Verdict};
pub use names::{ID_CHARS_MAX, IdError, PatientId, PracticeId, StaffId, TemplateId, WebhookId};
pub use patient::{Patient, Preferences};
pub use phone::{Phone, PhoneError};
pub use policy::{BootId, Limits, Policy, Texting, Writings};
pub use practice::{Practice, SEGMENTS_PER_DAY_DEFAULT, SEGMENTS_PER_MINUTE_DEFAULT};
pub use prefix::{NotAPrefix, Prefix};
pub use receipt::{CarrierError, CarrierId, Cause, Clues, Likeness, Opening, Receipt, ReceiptState};
pub use staff::StaffMember;
pub use summary::Summary;
pub use suspension::{NotTheirs, Suspension};
pub use template::Template;
pub use webhook::{PreviousSecret, URL_CHARS_MAX, UrlError, Webhook, WebhookHost, WebhookSecret, WebhookUrl};
