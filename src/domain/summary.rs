//! What the inbox needs to know of a conversation.

use jiff::Timestamp;

use super::Seq;

/// A conversation's row in the inbox, but for the words of its last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub unread: u32,
    /// The newest message of the thread; none while there is no message.
    pub last: Option<Seq>,
    /// When a message was last added.
    pub active_at: Timestamp,
}
