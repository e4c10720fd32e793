//! The actor shell: one actor per conversation, which decides, writes down, answers and acts, in that order.
//!
//! What it promises: events of one conversation are handled one at a time, in the order in which they came; nobody
//! hears of a decision before it is durable; an idle conversation costs nothing but its place in the store; and a
//! panic in one leaves the others running.
//!
//! Other daemons may serve the same conversations from the same store. There is no owner: an actor is a cache, each
//! decision is fenced by the version that it was made on, and whoever lost the race reads what the other wrote and decides
//! anew.

mod actor;
mod arbiters;
mod directory;
mod letter;
mod news;
mod read_back;
mod reception;
mod step;
mod typists;
pub mod unattended;
mod wakes;

pub use directory::{Change, Directory, Doors, LIVE_CONVERSATIONS_MAX, Patience};
pub use letter::{AskError, Idempotency, Reply};
