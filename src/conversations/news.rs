//! Listens to what other daemons write: actors forget what they hold, and whoever looks on looks again.
//!
//! News make things prompt, not safe. One that is lost leaves an actor with what was true once, and its next decision is
//! refused by the version.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::SendError;
use tokio::sync::broadcast::error::RecvError;

use super::Directory;
use super::directory::{Change, Live};
use super::letter::Overtaken;
use crate::ports::News;

impl Directory {
    /// Passes on what other daemons do to the store, until the daemon stops.
    pub async fn follow_the_news(self: Arc<Self>) {
        let mut news = self.store().news();
        loop {
            match news.recv().await {
                Ok(News::Conversation(key)) => {
                    if let Some(live) = self.lock_live().get(&key) {
                        self.overtake(live);
                    }
                    self.publish(Change::In(key.practice));
                }
                Ok(News::Record(_)) => {}
                Ok(News::Typing(typing)) => drop(self.heard_typing(typing)),
                Ok(News::Anything) | Err(RecvError::Lagged(_)) => {
                    self.overtake_everybody();
                    self.publish(Change::Anywhere);
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Has every actor look at what the store has.
    pub(super) fn overtake_everybody(&self) {
        self.lock_live().values().for_each(|live| self.overtake(live));
    }

    /// Tells an actor, unless that is on its way already: however much news there is, one letter waits for each actor at
    /// the most.
    fn overtake(&self, live: &Live) {
        if live.overtaken.swap(true, Ordering::SeqCst) {
            return;
        }
        match live.addr.try_send(Overtaken) {
            // Whoever starts next reads the store.
            Ok(()) | Err(SendError::Closed(_)) => {}
            Err(SendError::Full(overtaken)) => {
                let addr = live.addr.clone();
                self.spawn(async move {
                    // It fails when the actor has stopped.
                    let _ = addr.send(overtaken).await;
                });
            }
        }
    }
}
