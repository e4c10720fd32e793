//! A suspension: a number is probably not the patient's any more, and nothing is written to it until they give it again.
//!
//! A number that was given up is given to somebody else within months, and what the owner before agreed to is no consent of
//! theirs (47 CFR 64.1200(m), reassigned numbers).

use std::num::NonZeroU16;

use jiff::Timestamp;

use super::MessageId;

/// What keeps staff from writing to a number, whatever its consent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspension {
    pub since: Timestamp,
    pub because: NotTheirs,
}

/// What says that a number is not the patient's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTheirs {
    /// The carrier reported with this error, about this text of ours, that nobody has the number.
    Disconnected { message: MessageId, code: NonZeroU16 },
    /// Whoever has the phone texted so.
    WrongNumber { text: MessageId },
}

impl NotTheirs {
    /// Its name in the API and in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Disconnected { .. } => "disconnected",
            Self::WrongNumber { .. } => "wrong-number",
        }
    }

    /// The message that it rests on.
    pub const fn message(self) -> MessageId {
        match self {
            Self::Disconnected { message, .. } => message,
            Self::WrongNumber { text } => text,
        }
    }
}
