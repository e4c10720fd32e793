//! An opt-out that the practice's earlier vendor wrote down, and a file brought here.

use std::fmt;

use jiff::Timestamp;

use super::Body;

/// One row of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub file: FileHash,
    /// The line of the file on which the row begins, counted from 1.
    pub line: u64,
    /// When, by the vendor's word: the last instant that it can mean, so that a date counts to its end.
    pub opted_out_at: Option<Timestamp>,
    /// Why, by the vendor's word.
    pub reason: Option<Body>,
}

/// SHA-256 of a file: its name for whoever has the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileHash(pub [u8; 32]);

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
