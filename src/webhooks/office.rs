//! Sees to it that every webhook that is enabled has somebody who posts to it, and wakes them when something happens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::event::Teller;
use super::round::Round;
use super::{Webhooks, key};
use crate::conversations::{Change, Directory};
use crate::domain::PracticeId;
use crate::ports::WebhookKey;

/// Who posts to which webhook.
#[derive(Default)]
pub struct Office {
    posting: Mutex<HashMap<WebhookKey, Arc<Notify>>>,
    /// Told when a webhook was made, changed or removed here.
    changed: Notify,
}

impl Office {
    /// Something happened in a practice, or to its webhooks.
    pub fn look_at(&self, practice: &PracticeId) {
        for (key, wake) in self.posting().iter() {
            if key.practice == *practice {
                wake.notify_one();
            }
        }
        self.changed.notify_one();
    }

    fn look_everywhere(&self) {
        self.posting().values().for_each(|wake| wake.notify_one());
    }

    fn posting(&self) -> MutexGuard<'_, HashMap<WebhookKey, Arc<Notify>>> {
        self.posting.lock().expect("no holder of the lock panics")
    }
}

pub async fn run(
    webhooks: Arc<Webhooks>,
    teller: Arc<dyn Teller>,
    directory: Arc<Directory>,
    stopping: CancellationToken,
) {
    let mut changes = directory.changes();
    drop(directory);
    let mut records = webhooks.records.changes();
    let mut rounds: JoinSet<WebhookKey> = JoinSet::new();
    loop {
        begin_rounds(&webhooks, &teller, &stopping, &mut rounds);
        tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            Some(ended) = rounds.join_next() => {
                if let Ok(key) = ended {
                    webhooks.office.posting().remove(&key);
                } else {
                    // Nobody knows whose it was: whoever is not there any more is begun anew.
                    tracing::error!("posting to a webhook panicked");
                    webhooks.office.posting().retain(|_, wake| Arc::strong_count(wake) > 1);
                }
            }
            change = changes.recv() => match change {
                Ok(Change::In(practice)) => wake(&webhooks, &practice),
                // Who is typing is of the moment, and posted to nobody.
                Ok(Change::Typing { .. }) => {}
                Ok(Change::Anywhere) | Err(RecvError::Lagged(_)) => webhooks.office.look_everywhere(),
                Err(RecvError::Closed) => break,
            },
            changed = records.changed() => if changed.is_err() { break },
            () = webhooks.office.changed.notified() => {}
        }
    }
    stopping.cancelled().await;
    // Each ends by itself, with what it has under way.
    while rounds.join_next().await.is_some() {}
    webhooks.office.posting().clear();
}

fn wake(webhooks: &Webhooks, practice: &PracticeId) {
    for (key, wake) in webhooks.office.posting().iter() {
        if key.practice == *practice {
            wake.notify_one();
        }
    }
}

/// Begins where nobody posts yet. Who posts to what is not wanted any more notices by itself.
fn begin_rounds(
    webhooks: &Arc<Webhooks>,
    teller: &Arc<dyn Teller>,
    stopping: &CancellationToken,
    rounds: &mut JoinSet<WebhookKey>,
) {
    let mut posting = webhooks.office.posting();
    for (practice, webhook) in webhooks.records.every_webhook() {
        let key = key(&practice, &webhook);
        if !webhook.enabled || posting.contains_key(&key) {
            continue;
        }
        let wake = Arc::new(Notify::new());
        posting.insert(key.clone(), Arc::clone(&wake));
        let round = Round {
            webhooks: Arc::clone(webhooks),
            teller: Arc::clone(teller),
            stopping: stopping.clone(),
            key,
            id: webhook.id.clone(),
            wake,
        };
        rounds.spawn(round.go());
    }
}
