//! The webhooks of the practices.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Put, Records, RecordsError, finished};
use crate::domain::{PracticeId, Webhook, WebhookId};
use crate::ports::{Record, RecordKey, RecordsVersion};

/// Webhooks of one practice: each system that wants to hear of it, and one to try things out.
pub const WEBHOOKS_MAX: usize = 10;

impl Records {
    pub fn webhook(&self, practice: &PracticeId, id: &WebhookId) -> Option<Arc<Webhook>> {
        self.read().webhooks.get(practice)?.get(id).cloned()
    }

    /// The webhooks of a practice, by id.
    pub fn webhooks(&self, practice: &PracticeId) -> Vec<Arc<Webhook>> {
        self.read().webhooks.get(practice).into_iter().flat_map(|webhooks| webhooks.values().cloned()).collect()
    }

    pub fn every_webhook(&self) -> Vec<(PracticeId, Arc<Webhook>)> {
        let cache = self.read();
        let of_practices = cache.webhooks.iter();
        let every =
            of_practices.flat_map(|(practice, webhooks)| webhooks.values().map(|one| (practice.clone(), one.clone())));
        every.collect()
    }

    pub async fn put_webhook(self: &Arc<Self>, practice: &PracticeId, webhook: Webhook) -> Result<Put, RecordsError> {
        let (records, practice) = (Arc::clone(self), practice.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            records.practice(&practice).ok_or(RecordsError::UnknownPractice)?;
            let known = records.webhook(&practice, &webhook.id);
            if known.is_none() && records.webhooks(&practice).len() >= WEBHOOKS_MAX {
                return Err(RecordsError::TooManyWebhooks);
            }
            records.write_down(&mut memory, None, Record::Webhook(practice, webhook)).await?;
            Ok(if known.is_some() { Put::Changed } else { Put::Created })
        })
        .await
    }

    pub async fn remove_webhook(self: &Arc<Self>, practice: &PracticeId, id: &WebhookId) -> Result<(), RecordsError> {
        let (records, practice, id) = (Arc::clone(self), practice.clone(), id.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            *memory = super::Memory::Doubtful;
            records.store.remove(&RecordKey::Webhook(practice.clone(), id.clone())).await?;
            records.write().remove_webhook(&practice, &id);
            records.counts_one();
            *memory = super::Memory::Exact;
            Ok(())
        })
        .await
    }

    /// Speaks up whenever a record was put or removed.
    pub fn changes(&self) -> watch::Receiver<RecordsVersion> {
        self.seen.subscribe()
    }
}
