//! What staff write down for each other in a conversation. A note is no message: nothing makes one of it, so it is never sent.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{ConversationId, StaffId};

/// Characters of a note: a page of a paper file.
pub const NOTE_CHARS_MAX: usize = 2_000;
/// Notes in one conversation. More than a hundred a year for a lifetime.
pub const NOTES_MAX: u64 = 10_000;

/// The words of a note. They are of another type than those of a text: what takes a text does not take them.
#[derive(Clone, PartialEq, Eq)]
pub struct NoteText(Arc<str>);

/// Why a text is not a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("must not be blank")]
    Blank,
    #[error("must have at most {NOTE_CHARS_MAX} characters")]
    TooLong,
    #[error("must have no control characters but line ends")]
    Control,
}

impl NoteText {
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.replace("\r\n", "\n");
        if text.trim().is_empty() {
            return Err(NoteError::Blank);
        }
        if text.chars().count() > NOTE_CHARS_MAX {
            return Err(NoteError::TooLong);
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::Control);
        }
        Ok(Self(text.into()))
    }

    /// The words themselves, for the record and the API.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NoteText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹{} chars›", self.0.chars().count())
    }
}

/// A note's name in the API: its conversation and its number there, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteId {
    pub conversation: ConversationId,
    pub number: u64,
}

impl fmt::Display for NoteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-note-{}", self.conversation.0, self.number)
    }
}

/// A note that was written down. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: NoteId,
    pub text: NoteText,
    /// Who wrote it; nobody in particular when the operator's own token did.
    pub staff: Option<StaffId>,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_words_and_fits_a_page() {
        let parse = |text: &str| NoteText::parse(text).map(|text| text.expose().to_owned());
        assert_eq!(parse("call her\r\nson"), Ok("call her\nson".to_owned()));
        assert!(parse(&"é".repeat(NOTE_CHARS_MAX)).is_ok());
        assert_eq!(parse(&"é".repeat(NOTE_CHARS_MAX + 1)), Err(NoteError::TooLong));
        assert_eq!(parse(" \n "), Err(NoteError::Blank));
        assert_eq!(parse("a\u{1b}b"), Err(NoteError::Control));
        assert_eq!(format!("{:?}", NoteText::parse("knee").unwrap()), "‹4 chars›");
    }
}
