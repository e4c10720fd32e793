//! Asks the store whose time has come, and wakes them. Timers live in the state, so a restart forgets none.
//!
//! Daemons that share a store share the waking: each conversation falls to one of those that are alive. Nothing depends on
//! their agreement. A conversation that two of them wake is decided once, because the version fences the other; one
//! that nobody wakes in time is woken by anybody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::Directory;
use crate::domain::{BootId, ConversationKey, Event, OtherDaemons};
use crate::ports::StoreError;

/// Conversations woken with one look at the store.
const PAGE: usize = 256;
/// Conversations woken at once when the daemon starts; the others follow as they become due.
const FIRST_PAGE: usize = 100_000;
/// Wakes under way at once.
const CONCURRENT: usize = 32;
/// How far ahead the first look goes: everything that waited for a slot or for the carrier was due by then.
const FIRST_HORIZON: SignedDuration = SignedDuration::from_mins(5);
/// What is overdue by more is woken by anybody: the daemon to which it falls is late, or dead.
const OVERDUE: SignedDuration = SignedDuration::from_secs(10);

impl Directory {
    /// Wakes whoever is due, at every tick, until the daemon stops. The first look is further ahead: what
    /// was under way when the daemon died should not wait for its deadline. So is the look after another daemon was missed.
    pub async fn wake_the_due(self: Arc<Self>, tick: Duration) {
        let mut horizon = FIRST_HORIZON;
        let mut page = FIRST_PAGE;
        let mut alive = self.alive();
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let alive_before = std::mem::replace(&mut alive, self.alive());
            if alive_before.iter().any(|daemon| !alive.contains(daemon)) {
                self.overtake_everybody();
                (horizon, page) = (FIRST_HORIZON, FIRST_PAGE);
            }
            let due = match self.who_is_due(horizon, page).await {
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
                        if let Err(error) = directory.tell(&key, Event::Woken).await {
                            tracing::warn!(%error, practice = %key.practice, phone = ?key.phone, "conversation was not woken");
                        }
                    }
                })
                .await;
        }
    }

    /// The daemons that may wake somebody; none are counted where this is the only one.
    fn alive(&self) -> Arc<[BootId]> {
        match self.store().other_daemons() {
            OtherDaemons::Impossible => Arc::new([]),
            OtherDaemons::Possible { alive } => alive,
        }
    }

    /// Whom this daemon is to wake: all who are due, or its share of them and those whom nobody woke.
    async fn who_is_due(&self, horizon: SignedDuration, page: usize) -> Result<Vec<ConversationKey>, StoreError> {
        let now = self.now();
        let alive = match self.store().other_daemons() {
            OtherDaemons::Impossible => return self.store().due(now + horizon, page).await,
            OtherDaemons::Possible { alive } => alive,
        };
        let mut due = self.store().due(now - OVERDUE, page).await?;
        let known: HashSet<ConversationKey> = due.iter().cloned().collect();
        let of_everybody = page.saturating_mul(alive.len().max(1)).min(FIRST_PAGE);
        let share = self.store().due(now + horizon, of_everybody).await?.into_iter();
        due.extend(share.filter(|key| !known.contains(key) && self.is_in_our_share(&alive, key)));
        Ok(due)
    }

    fn is_in_our_share(&self, alive: &[BootId], key: &ConversationKey) -> bool {
        // Without its practice it can't be decided here, and is left to whoever knows the practice.
        self.policy(&key.practice).is_some_and(|policy| falls_to(policy.boot, alive, key))
    }
}

/// Whether a conversation falls to this daemon rather than to any other that is alive (rendezvous hashing): when one of
/// them ends, only its own conversations fall to others.
fn falls_to(ours: BootId, alive: &[BootId], key: &ConversationKey) -> bool {
    let our_weight = weight(ours, key);
    alive.iter().filter(|other| **other != ours).all(|other| weight(*other, key) < our_weight)
}

/// The same at every daemon.
fn weight(boot: BootId, key: &ConversationKey) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(boot.0.to_be_bytes());
    hash.update(key.practice.as_str());
    // No practice has it in its name.
    hash.update([0]);
    hash.update(key.phone.expose());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Phone, PracticeId};

    fn keys() -> impl Iterator<Item = ConversationKey> {
        let practice = PracticeId::parse("riverside").unwrap();
        (0..300).map(move |number| ConversationKey {
            practice: practice.clone(),
            phone: Phone::parse(&format!("+1303555{number:04}")).unwrap(),
        })
    }

    #[test]
    fn each_conversation_falls_to_one_daemon_and_to_each_its_share() {
        let alive = [BootId(1), BootId(2), BootId(3)];
        let mut shares = [0; 3];
        for key in keys() {
            let falls: Vec<usize> = (0..3).filter(|index| falls_to(alive[*index], &alive, &key)).collect();
            assert_eq!(falls.len(), 1);
            shares[falls[0]] += 1;
        }
        assert!(shares.iter().all(|share| *share > 60), "{shares:?}");
    }

    #[test]
    fn the_conversations_of_a_daemon_that_ends_fall_to_the_others_and_no_more_move() {
        let (before, after) = ([BootId(1), BootId(2), BootId(3)], [BootId(1), BootId(2)]);
        for key in keys() {
            let was_ours = falls_to(BootId(1), &before, &key);
            let is_ours = falls_to(BootId(1), &after, &key);
            assert!(is_ours || !was_ours);
        }
    }

    #[test]
    fn a_daemon_that_the_store_does_not_count_yet_takes_part() {
        let alive = [BootId(2)];
        assert!(keys().any(|key| falls_to(BootId(1), &alive, &key)));
        assert!(keys().any(|key| !falls_to(BootId(1), &alive, &key)));
    }
}
