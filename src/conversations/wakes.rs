//! Asks the store whose time has come, and wakes them. Timers live in the state, so a restart forgets none.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;

use super::Directory;
use crate::domain::Event;

/// Conversations woken with one look at the store.
const PAGE: usize = 256;
/// Conversations woken at once when the daemon starts; the others follow as they become due.
const FIRST_PAGE: usize = 100_000;
/// Wakes under way at once.
const CONCURRENT: usize = 32;
/// How far ahead the first look goes: everything that waited for a slot or for the carrier was due by then.
const FIRST_HORIZON: SignedDuration = SignedDuration::from_mins(5);

impl Directory {
    /// Wakes whoever is due, at every tick, until the daemon stops. The first look is further ahead: what
    /// was under way when the daemon died should not wait for its deadline.
    pub async fn wake_the_due(self: Arc<Self>, tick: Duration) {
        let mut horizon = FIRST_HORIZON;
        let mut page = FIRST_PAGE;
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let due = match self.store().due(self.now() + horizon, page).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::error!(%error, "store did not say who is due");
                    continue;
                }
            };
            (horizon, page) = (SignedDuration::ZERO, PAGE);
            stream::iter(due)
                .for_each_concurrent(CONCURRENT, |key| {
                    let directory = Arc::clone(&self);
                    async move {
                        if let Err(error) = directory.ask(&key, Event::Woken).await {
                            tracing::warn!(%error, practice = %key.practice, phone = ?key.phone, "conversation was not woken");
                        }
                    }
                })
                .await;
        }
    }
}
