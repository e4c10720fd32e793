//! The actor shell: one actor per conversation, which decides, writes down, answers and acts, in that order.
//!
//! What it promises: events of one conversation are handled one at a time, in the order in which they came; nobody
//! hears of a decision before it is durable; an idle conversation costs nothing but its place in the store; and a
//! panic in one leaves the others running.

mod actor;
mod arbiters;
mod directory;
mod letter;
mod reception;
mod step;
mod wakes;

pub use directory::{Directory, Doors, LIVE_CONVERSATIONS_MAX, Patience};
pub use letter::{AskError, Idempotency, Reply};
