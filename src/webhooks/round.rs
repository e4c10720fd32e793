//! Posts to one webhook: writes down what is to be tried, tries it, and writes down what came of that.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::courier::{PATIENCE, Reply};
use super::event::{self, Teller};
use super::post::Attempt;
use super::schedule::{Jitter, Verdict, verdict};
use super::{Webhooks, letter};
use crate::domain::{OtherDaemons, Webhook, WebhookId};
use crate::ports::{
    Heard, KeepError, Notice, Occurrences, Post, Silence, StoreError, Version, WebhookDelivery, WebhookKey,
};

/// What is tried in one go; between two of them it is written down what came of it.
const BATCH_MAX: usize = 16;
/// Conversations of which something is under way to one receiver at once.
const LANES_MAX: usize = 4;
/// When no more of a batch is begun. With the last one's patience it is over before the lease is.
const BATCH: Duration = Duration::from_secs(30);
/// Occurrences that are looked at together.
const PAGE_MAX: usize = 100;
/// How often it is looked whether there is something to post, where other daemons write and news of them may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Before the store is asked again that did not answer.
const STORE_AGAIN: Duration = Duration::from_secs(5);
/// How long a receiver may still take to answer when the daemon stops.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// One who posts.
pub struct Round {
    pub webhooks: Arc<Webhooks>,
    pub teller: Arc<dyn Teller>,
    pub stopping: CancellationToken,
    pub key: WebhookKey,
    pub id: WebhookId,
    pub wake: Arc<Notify>,
}

/// What is to be done next.
enum Next {
    /// These are written down, and nobody else tries them.
    Try(Vec<WebhookDelivery>),
    /// Something was written down, and there may be more.
    Again,
    /// Nothing before this time, unless something happens.
    Wait(Option<Timestamp>),
}

impl Round {
    /// Posts until the webhook is not wanted any more, or the daemon stops.
    pub async fn go(self) -> WebhookKey {
        let mut attempts = Vec::new();
        while let Some(webhook) = self.wanted() {
            let last = self.stopping.is_cancelled();
            match self.plan(&webhook, &mut attempts).await {
                Ok(Next::Try(batch)) => attempts = self.try_all(&webhook, batch).await,
                Ok(Next::Again) => {}
                Ok(Next::Wait(_)) | Err(_) if last => break,
                Ok(Next::Wait(until)) => self.wait(until).await,
                Err(error) => {
                    tracing::warn!(%error, practice = %self.key.practice, webhook = %self.id, "webhook waits for the store");
                    self.pause(STORE_AGAIN).await;
                }
            }
        }
        self.key
    }

    fn wanted(&self) -> Option<Arc<Webhook>> {
        let webhook = self.webhooks.records.webhook(&self.key.practice, &self.id)?;
        (webhook.enabled && webhook.serial == self.key.serial).then_some(webhook)
    }

    /// Writes down what came of the attempts, and what is tried next.
    async fn plan(&self, webhook: &Webhook, attempts: &mut Vec<Attempt>) -> Result<Next, StoreError> {
        let Webhooks { store, clock, boot, .. } = &*self.webhooks;
        let now = clock.now();
        let (read, version) = self.webhooks.read(&self.key.practice, webhook).await?;
        let mut post = read.clone();
        self.settle(&mut post, attempts, now);
        if attempts.is_empty()
            && let Some(until) = post.others_post_until(*boot, &store.other_daemons(), now)
        {
            return Ok(Next::Wait(Some(until)));
        }
        let may_go_on = post.stopped.is_none() && !self.stopping.is_cancelled();
        let there_is_more = may_go_on && self.take(webhook, &mut post, now).await?;
        // One that fails is not asked for more than it takes to see whether it still does.
        let most = if post.failing_since.is_some() { 1 } else { BATCH_MAX };
        let batch = if may_go_on { post.due(now, most) } else { Vec::new() };
        post.prune(now);
        if batch.is_empty() {
            post.lease = None
        } else {
            post.lease_to(*boot, now)
        }
        // Where it is, is written down when something else is: what nobody wants to hear is passed by once more at most.
        let is_same = Post { position: read.position, ..post.clone() } == read;
        if is_same && !there_is_more {
            return Ok(Next::Wait(post.next_at().filter(|_| may_go_on)));
        }
        match self.keep(version, &post).await? {
            // Somebody else was there first: what they wrote is looked at.
            Kept::No => Ok(Next::Again),
            Kept::Yes => {
                attempts.clear();
                Ok(if batch.is_empty() { Next::Again } else { Next::Try(batch) })
            }
        }
    }

    async fn keep(&self, version: Version, post: &Post) -> Result<Kept, StoreError> {
        match self.webhooks.store.keep(&self.key, version, post).await {
            Ok(_) => Ok(Kept::Yes),
            Err(KeepError::Conflict { .. }) => Ok(Kept::No),
            Err(KeepError::Store(error)) => Err(error),
        }
    }

    fn settle(&self, post: &mut Post, attempts: &[Attempt], now: Timestamp) {
        let was_stopped = post.stopped.is_some();
        for attempt in attempts {
            let jitter = Jitter::of(getrandom::u64().expect("the operating system has random numbers"));
            post.settle(attempt, now, jitter);
        }
        if let Some(stopped) = post.stopped.filter(|_| !was_stopped) {
            let because = stopped.because;
            tracing::warn!(practice = %self.key.practice, webhook = %self.id, ?because, "webhook was disabled");
        }
    }

    /// Takes what came next in the stream; whether there is more.
    async fn take(&self, webhook: &Webhook, post: &mut Post, now: Timestamp) -> Result<bool, StoreError> {
        let store = &self.webhooks.store;
        post.make_room(now);
        let most = post.room().min(PAGE_MAX);
        if most == 0 {
            return Ok(false);
        }
        match store.occurrences(&self.key.practice, post.position, most).await? {
            Occurrences::Page(page) => {
                let there_is_more = page.len() == most;
                post.take(page, |occurrence| webhook.wants(occurrence.change.event()), now);
                Ok(there_is_more)
            }
            Occurrences::Gone => {
                post.reset(store.newest_occurrence(&self.key.practice).await?, now);
                Ok(true)
            }
        }
    }

    // --------------------------------------------------------------------------------------------- attempts

    /// Tries a batch: what is of one conversation in its order, and some conversations side by side.
    async fn try_all(&self, webhook: &Webhook, batch: Vec<WebhookDelivery>) -> Vec<Attempt> {
        let ends_at = Instant::now() + BATCH;
        let mut lanes: Vec<Vec<WebhookDelivery>> = Vec::new();
        for delivery in batch {
            let is_its = |lane: &&mut Vec<WebhookDelivery>| phone(&lane[0].notice) == phone(&delivery.notice);
            match lanes.iter_mut().find(is_its) {
                Some(lane) => lane.push(delivery),
                None => lanes.push(vec![delivery]),
            }
        }
        let mut shared: Vec<Vec<WebhookDelivery>> = (0..LANES_MAX.min(lanes.len())).map(|_| Vec::new()).collect();
        for (index, lane) in lanes.into_iter().enumerate() {
            shared[index % LANES_MAX].extend(lane);
        }
        let lanes = shared.into_iter().map(|lane| self.try_in_order(webhook, lane, ends_at));
        join_all(lanes).await.into_iter().flatten().collect()
    }

    async fn try_in_order(&self, webhook: &Webhook, lane: Vec<WebhookDelivery>, ends_at: Instant) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        for delivery in lane {
            if Instant::now() >= ends_at || self.stopping.is_cancelled() {
                break;
            }
            tokio::select! {
                attempt = self.attempt(webhook, delivery) => attempts.extend(attempt),
                () = self.last_answers() => break,
            }
        }
        attempts
    }

    /// Nothing comes of it when the store does not say what it is about.
    async fn attempt(&self, webhook: &Webhook, delivery: WebhookDelivery) -> Option<Attempt> {
        let WebhookDelivery { notice, taken_at, .. } = delivery;
        let told = match &notice {
            Notice::Occurred(occurrence) => self.teller.tell(&self.key.practice, occurrence).await,
            Notice::Reset(_) => Ok(Some(event::of_practice(&self.key.practice, None))),
        };
        let data = match told {
            Ok(Some(data)) => data,
            // What can't be read is not there for anybody, and would keep what comes after it for ever.
            Ok(None) | Err(StoreError::Unreadable(_)) => {
                let heard = Heard::Nothing(Silence::NothingToTell);
                return Some(Attempt { notice, heard, retry_after: None });
            }
            Err(error @ (StoreError::Unavailable(_) | StoreError::WentBack(_))) => {
                tracing::warn!(%error, practice = %self.key.practice, webhook = %self.id, "event was not read for a webhook");
                self.pause(STORE_AGAIN).await;
                return None;
            }
        };
        let _turn = self.webhooks.under_way.acquire().await.ok()?;
        let now = self.webhooks.clock.now();
        let id = event::id(&self.key, notice.place());
        let letter = letter(webhook, id, event::name(&notice), taken_at, now, data);
        let Reply { heard, retry_after } = self.webhooks.courier.take(&letter, PATIENCE, now).await;
        let outcome = match verdict(heard) {
            Verdict::Taken => "taken",
            Verdict::NotTaken | Verdict::Gone => "refused",
        };
        metrics::counter!("assent_webhook_attempts_total", "outcome" => outcome).increment(1);
        if verdict(heard) != Verdict::Taken {
            tracing::warn!(practice = %self.key.practice, webhook = %self.id, delivery = letter.id, ?heard, "webhook did not take an event");
        }
        Some(Attempt { notice, heard, retry_after })
    }

    // ---------------------------------------------------------------------------------------------- waiting

    async fn wait(&self, until: Option<Timestamp>) {
        let now = self.webhooks.clock.now();
        let left = until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let looks_again = match self.webhooks.store.other_daemons() {
            OtherDaemons::Impossible => None,
            OtherDaemons::Possible { .. } => Some(LOOK_AGAIN),
        };
        match left.into_iter().chain(looks_again).min() {
            Some(pause) => self.pause(pause).await,
            None => tokio::select! {
                () = self.wake.notified() => {}
                () = self.stopping.cancelled() => {}
            },
        }
    }

    async fn pause(&self, pause: Duration) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = self.stopping.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    async fn last_answers(&self) {
        self.stopping.cancelled().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    }
}

/// Whether what was to be written down is.
enum Kept {
    Yes,
    No,
}

/// Whose conversation it is about.
fn phone(notice: &Notice) -> Option<&crate::domain::Phone> {
    match notice {
        Notice::Occurred(occurrence) => Some(&occurrence.phone),
        Notice::Reset(_) => None,
    }
}
