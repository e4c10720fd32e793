//! A place where a ledger lives, and what somebody who can write to the store, and has no key, may do to it there.

use std::sync::Arc;

use assent::domain::ConversationKey;
use assent::ports::Store;
use assent::store::{Location, Verified, open_archive, verify};
use async_trait::async_trait;

use crate::stage::practice;

/// Everything that the store has of the state of a conversation.
pub type State = Vec<u8>;

#[async_trait(?Send)]
pub trait Home: Sized {
    async fn fresh() -> Self;
    fn location(&self) -> Location;
    async fn open(&self) -> Arc<dyn Store>;

    /// Closes a store when everything in it is sealed.
    async fn close(&self, store: Arc<dyn Store>);

    /// Flips a bit of the proof at a place.
    async fn edit(&self, place: u64);
    /// Takes a line out of the ledger, with its proof and its seal, and closes the gap.
    async fn take_out(&self, place: u64);
    /// Lets two lines that follow each other trade places, with their proofs and their seals.
    async fn swap(&self, place: u64);
    /// Puts a line behind the last that is there already.
    async fn repeat(&self, place: u64);
    /// Takes out every trace of a conversation but for its lines in the ledger.
    async fn forget(&self, key: &ConversationKey);
    async fn state(&self, key: &ConversationKey) -> State;
    async fn replay(&self, key: &ConversationKey, state: State);
    async fn length(&self) -> u64;

    async fn verified(&self) -> Verified {
        let mut archive = open_archive(&self.location()).await.unwrap();
        verify(&mut *archive, &practice("riverside"), &mut |_| {}).await.unwrap()
    }
}
