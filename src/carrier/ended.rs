//! How a session came to its end, or why there was none.

use std::time::Duration;

use jiff::Timestamp;

use super::LinkConfigError;
use super::dial::NoConnection;
use super::session::Reason;

/// How a session came to its end.
pub(super) struct Ended {
    pub why: Why,
    pub bound_for: Option<Duration>,
    /// Set if the carrier delivered something: until then an answer of ours may have been lost.
    pub at: Option<Timestamp>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    #[error(transparent)]
    Config(#[from] LinkConfigError),
    #[error(transparent)]
    NoConnection(#[from] NoConnection),
    #[error("{0}")]
    Session(Reason),
    #[error("a fault in assent ended the session")]
    Fault,
}

impl Ended {
    /// How a link ended that was two binds: as the one that ended first.
    pub fn and(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let is_second = matches!(self.why, Why::Session(Reason::OtherHalf));
        Self {
            why: if is_second { other.why } else { self.why },
            // Both stood for as long as the later of them did.
            bound_for: self.bound_for.zip(other.bound_for).map(|(one, two)| one.min(two)),
            at: self.at.max(other.at),
        }
    }
}

impl Why {
    /// What an operator can do about it.
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::Config(_) => "change the configuration",
            Self::NoConnection(error) => error.what_to_do(),
            Self::Session(reason) => reason.what_to_do(),
            Self::Fault => "report it, with what the log says before this",
        }
    }
}

impl From<Why> for Ended {
    /// It never was bound.
    fn from(why: Why) -> Self {
        Self { why, bound_for: None, at: None }
    }
}
