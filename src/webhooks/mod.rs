//! Posts the events of a practice to whoever wants them elsewhere, as the Standard Webhooks specification says.
//!
//! Beside each webhook the store keeps its post: a place in the stream of events, and what waits to be tried again. An event
//! is written down there before it is tried, and its outcome after that, so that a restart loses none; one that goes out twice
//! has the same id. One that is refused waits for its next try beside the others, and does not keep them.

mod address;
mod courier;
mod event;
mod office;
mod post;
mod round;
mod schedule;
mod signature;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::conversations::Directory;
use crate::domain::{BootId, PracticeId, PreviousSecret, Webhook, WebhookId, WebhookUrl};
use crate::ports::{Clock, Heard, KeepError, Post, Store, StoreError, Version, WebhookDelivery, WebhookKey};
use crate::records::{Records, RecordsError};
pub use address::{Allowed, NotAllowed};
pub use courier::{Courier, CourierError, Letter, Reply};
pub use event::{RESET, TEST, Teller, name};
pub use schedule::{Verdict, verdict};

use office::Office;

/// How long the secret signs that was replaced: a day to tell the receiver.
const BOTH_SIGN: SignedDuration = SignedDuration::from_hours(24);
/// How long the receiver of a test may take: shorter than the call that asks for it.
const TEST_PATIENCE: Duration = Duration::from_secs(7);
/// How often a change is tried that others get ahead of. There are a few daemons.
const KEEP_TRIES: usize = 16;
/// Posts that are under way at once, to whomever: a socket each. A receiver that fails has one at most, so that many who hang
/// leave room for the others.
const UNDER_WAY_MAX: usize = 256;

/// What everybody who posts needs.
pub struct Webhooks {
    store: Arc<dyn Store>,
    records: Arc<Records>,
    clock: Arc<dyn Clock>,
    boot: BootId,
    courier: Courier,
    under_way: Semaphore,
    office: Office,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("there is no such webhook, or no such delivery")]
    Unknown,
    #[error(transparent)]
    Url(#[from] NotAllowed),
    #[error(transparent)]
    Records(#[from] RecordsError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a webhook is to be.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub id: WebhookId,
    pub url: WebhookUrl,
    pub events: Option<BTreeSet<String>>,
    pub enabled: bool,
}

/// A webhook, and how it gets on.
#[derive(Debug)]
pub struct Standing {
    pub webhook: Arc<Webhook>,
    pub post: Post,
}

/// A delivery, and its id.
#[derive(Debug)]
pub struct Logged {
    pub id: String,
    pub delivery: WebhookDelivery,
}

/// What came of a test.
#[derive(Debug)]
pub struct Tested {
    pub id: String,
    pub heard: Heard,
}

impl Webhooks {
    pub fn new(
        store: Arc<dyn Store>,
        records: Arc<Records>,
        clock: Arc<dyn Clock>,
        boot: BootId,
        courier: Courier,
    ) -> Arc<Self> {
        let (under_way, office) = (Semaphore::new(UNDER_WAY_MAX), Office::default());
        Arc::new(Self { store, records, clock, boot, courier, under_way, office })
    }

    /// Makes a webhook, which hears what happens from here on, and whose secret is shown this once; or changes one, which is
    /// taken to be there again.
    pub async fn put(
        &self,
        practice: &PracticeId,
        wanted: Wanted,
    ) -> Result<(Standing, Option<SecretString>), WebhookError> {
        self.courier.allowed().check(&wanted.url)?;
        let Wanted { id, url, events, enabled } = wanted;
        if let Some(known) = self.records.webhook(practice, &id) {
            let webhook = Webhook { url, events, enabled, ..(*known).clone() };
            self.records.put_webhook(practice, webhook.clone()).await?;
            let now = self.clock.now();
            let post = self.change(practice, &webhook, |post| post.resume(now)).await?;
            self.office.look_at(practice);
            return Ok((Standing { webhook: Arc::new(webhook), post }, None));
        }
        let secret = signature::generate();
        let serial = getrandom::u64().expect("the operating system has random numbers");
        let shown = signature::written(&secret);
        let webhook = Webhook { id, serial, url, events, enabled, secret, previous: None };
        // First, so that there is none that does not know where it begins.
        let post = self.change(practice, &webhook, |_| {}).await?;
        if let Err(error) = self.records.put_webhook(practice, webhook.clone()).await {
            // Without its webhook it is nobody's.
            let _ = self.store.forget(&key(practice, &webhook)).await;
            return Err(error.into());
        }
        self.office.look_at(practice);
        Ok((Standing { webhook: Arc::new(webhook), post }, Some(shown)))
    }

    /// The webhooks of a practice, by id.
    pub async fn list(&self, practice: &PracticeId) -> Result<Vec<Standing>, WebhookError> {
        let mut all = Vec::new();
        for webhook in self.records.webhooks(practice) {
            all.push(self.standing(practice, webhook).await?);
        }
        Ok(all)
    }

    pub async fn get(&self, practice: &PracticeId, id: &WebhookId) -> Result<Standing, WebhookError> {
        self.standing(practice, self.known(practice, id)?).await
    }

    /// What waits for its receiver goes with it.
    pub async fn remove(&self, practice: &PracticeId, id: &WebhookId) -> Result<(), WebhookError> {
        let webhook = self.known(practice, id)?;
        self.records.remove_webhook(practice, id).await?;
        self.office.look_at(practice);
        Ok(self.store.forget(&key(practice, &webhook)).await?)
    }

    /// Gives a webhook a new secret. The old one signs beside it for a day.
    pub async fn rotate(&self, practice: &PracticeId, id: &WebhookId) -> Result<SecretString, WebhookError> {
        let known = self.known(practice, id)?;
        let secret = signature::generate();
        let shown = signature::written(&secret);
        let until = self.clock.now().saturating_add(BOTH_SIGN).expect("it is a day");
        let previous = Some(PreviousSecret { secret: known.secret.clone(), until });
        self.records.put_webhook(practice, Webhook { secret, previous, ..(*known).clone() }).await?;
        Ok(shown)
    }

    /// Posts an event that tells nothing, at once, whether or not the webhook is enabled.
    pub async fn test(&self, practice: &PracticeId, id: &WebhookId) -> Result<Tested, WebhookError> {
        let webhook = self.known(practice, id)?;
        let now = self.clock.now();
        let (id, data) = (event::fresh_id(), event::of_practice(practice, Some(&webhook.id)));
        let letter = letter(&webhook, id.clone(), TEST, now, now, data);
        let reply = self.courier.take(&letter, TEST_PATIENCE, now).await;
        tracing::info!(practice = %practice, webhook = %webhook.id, heard = ?reply.heard, "webhook was tested");
        Ok(Tested { id, heard: reply.heard })
    }

    /// What was posted and what is to be, the newest first.
    pub async fn deliveries(&self, practice: &PracticeId, id: &WebhookId) -> Result<Vec<Logged>, WebhookError> {
        let webhook = self.known(practice, id)?;
        let key = key(practice, &webhook);
        let Standing { post, .. } = self.standing(practice, webhook).await?;
        let logged = |delivery: WebhookDelivery| Logged { id: event::id(&key, delivery.notice.place()), delivery };
        Ok(post.deliveries.into_iter().rev().map(logged).collect())
    }

    /// Posts something once more, as soon as the webhook is enabled.
    pub async fn resend(&self, practice: &PracticeId, id: &WebhookId, delivery: &str) -> Result<Logged, WebhookError> {
        let webhook = self.known(practice, id)?;
        let (key, now) = (key(practice, &webhook), self.clock.now());
        let mut found = None;
        self.change(practice, &webhook, |post| {
            let places = post.deliveries.iter().map(|one| one.notice.place());
            let place = places.into_iter().find(|place| event::id(&key, *place) == delivery);
            found = place.and_then(|place| post.resend(place, now).cloned());
        })
        .await?;
        self.office.look_at(practice);
        let delivery = found.ok_or(WebhookError::Unknown)?;
        Ok(Logged { id: event::id(&key, delivery.notice.place()), delivery })
    }

    fn known(&self, practice: &PracticeId, id: &WebhookId) -> Result<Arc<Webhook>, WebhookError> {
        self.records.webhook(practice, id).ok_or(WebhookError::Unknown)
    }

    async fn standing(&self, practice: &PracticeId, webhook: Arc<Webhook>) -> Result<Standing, WebhookError> {
        let (post, _) = self.read(practice, &webhook).await?;
        Ok(Standing { webhook, post })
    }

    /// The post of a webhook; one that has none begins here and now.
    async fn read(&self, practice: &PracticeId, webhook: &Webhook) -> Result<(Post, Version), StoreError> {
        match self.store.post(&key(practice, webhook)).await? {
            Some(found) => Ok(found),
            None => Ok((Post::from(self.store.newest_occurrence(practice).await?), Version(0))),
        }
    }

    /// Changes a post in the midst of others who do so.
    async fn change(
        &self,
        practice: &PracticeId,
        webhook: &Webhook,
        mut change: impl FnMut(&mut Post) + Send,
    ) -> Result<Post, StoreError> {
        for _ in 0..KEEP_TRIES {
            let (mut post, version) = self.read(practice, webhook).await?;
            change(&mut post);
            match self.store.keep(&key(practice, webhook), version, &post).await {
                Ok(_) => return Ok(post),
                Err(KeepError::Conflict { .. }) => {}
                Err(KeepError::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Unavailable("the post of a webhook is written all the time".into()))
    }

    /// Posts what happens, until the daemon stops; what is under way then has a moment to be answered.
    pub async fn run(
        self: Arc<Self>,
        teller: Arc<dyn Teller>,
        directory: Arc<Directory>,
        stopping: tokio_util::sync::CancellationToken,
    ) {
        office::run(self, teller, directory, stopping).await;
    }
}

fn key(practice: &PracticeId, webhook: &Webhook) -> WebhookKey {
    WebhookKey { practice: practice.clone(), serial: webhook.serial }
}

/// An event on its way, signed at this moment.
fn letter(webhook: &Webhook, id: String, name: &str, happened_at: Timestamp, now: Timestamp, data: String) -> Letter {
    let (body, second) = (event::body(name, happened_at, data), now.as_second());
    let signatures = signature::signatures(webhook.secrets(now), &id, second, &body);
    Letter { url: webhook.url.clone(), id, second, signatures, body }
}
