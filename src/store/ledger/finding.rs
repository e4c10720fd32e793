//! What a look at a ledger finds: what was done to it, and where.

/// Something that was done to the ledger, or to what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The place in the ledger of the practice, counted from 1, where it has one.
    pub entry: Option<u64>,
    /// The conversation, by its id.
    pub conversation: Option<u64>,
    pub flaw: Flaw,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("edited: it is not what was signed")]
    Edited,
    #[error("deleted: {missing} entries before it are missing")]
    Deleted { missing: u64 },
    #[error("reordered: it does not follow from the entry before it")]
    Reordered,
    #[error("deleted: changes {from} to {to} of its conversation are missing before it")]
    Gap { from: u64, to: u64 },
    #[error("forked: its conversation had gone on from there before")]
    Forked,
    #[error("cut: the conversation has had {expected} changes, and the ledger has {found}")]
    Cut { expected: u64, found: u64 },
    #[error("replayed: the conversation is in the state of an earlier time, with {found} of {expected} changes")]
    Replayed { expected: u64, found: u64 },
    #[error("altered: the conversation has another history than the ledger")]
    OtherHistory,
    #[error("edited: the state of the conversation can't be read")]
    StateEdited,
    #[error("deleted: the conversation is not there, and the ledger has {changes} changes of it")]
    ConversationGone { changes: u64 },
    #[error("cut: the ledger ends at {found}, and this machine has seen entry {seen}")]
    CutBelowAnchor { seen: u64, found: u64 },
    #[error("altered: this machine has seen another entry in this place")]
    OtherAnchor,
}

/// What was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Changes of consent, and the conversations that they are of.
    pub changes: u64,
    pub conversations: u64,
    /// Conversations that changed consent before the ledger began, and not since.
    pub before_ledger: u64,
    /// Changes at the end that no daemon has sealed yet.
    pub unsealed: u64,
    /// The newest that this machine has seen, if it has seen any.
    pub anchor: Option<u64>,
    /// The newest seal, for whoever writes it down elsewhere.
    pub newest: Option<(u64, String)>,
    pub findings: Vec<Finding>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyStep {
    pub done: u64,
    pub total: u64,
}
