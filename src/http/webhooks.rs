//! Webhooks: where a practice's events are posted to, how that gets on, and what was posted.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::bodies::WebhookBody;
use super::extract::{InPractice, Json, Parameters, Path};
use super::forms::{DeliveryIdentifier, EventName, PostedName, SilenceName, Time, WebhookIdentifier};
use super::operation::{OPERATION, Operation, body, created, nothing, ok};
use super::parameters::{BEFORE, LIMIT};
use super::problem::{Code, Problem};
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::domain::{WebhookId, WebhookUrl};
use crate::ports::{Changed, Fate, Heard, Silence, StopReason, Stopped};
use crate::records::Put;
use crate::webhooks::{self, Logged, Standing, Verdict, Wanted};

/// A webhook, and how it gets on.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
struct WebhookView<'a> {
    #[schemars(with = "WebhookIdentifier")]
    id: &'a str,
    #[schemars(example = &"https://hooks.example/assent")]
    url: &'a str,
    /// `null` is all of them.
    #[schemars(with = "Option<Vec<EventName>>")]
    events: Option<Vec<&'a str>>,
    /// Whether events are posted to it.
    #[schemars(example = true)]
    enabled: bool,
    /// Why and since when Assent posts nothing to it any more, until it is put again.
    disabled: Option<DisabledView>,
    /// The last event that was taken from the practice's stream.
    #[schemars(example = &"4711")]
    position: String,
    /// Since when it took nothing.
    #[schemars(with = "Option<Time>")]
    failing_since: Option<String>,
    #[schemars(with = "Option<Time>")]
    last_attempt_at: Option<String>,
    /// What it last answered with.
    #[schemars(example = 204)]
    last_status: Option<u16>,
    /// Or why it did not answer.
    #[schemars(with = "Option<SilenceName>")]
    last_error: Option<&'static str>,
    /// Until when the secret that was replaced signs too.
    #[schemars(with = "Option<Time>")]
    previous_secret_until: Option<String>,
    /// What signs, shown once: when the webhook or the secret is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    secret: Option<&'a str>,
}

/// `gone` is that it answered 410, `failing` that it took nothing for five days.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Disabled")]
struct DisabledView {
    #[schemars(extend("enum" = ["gone", "failing"]), example = &"gone")]
    because: &'static str,
    #[schemars(with = "Time")]
    at: String,
}

impl<'a> WebhookView<'a> {
    fn of(api: &Api, Standing { webhook, post }: &'a Standing) -> Self {
        let now = api.clock.now();
        let previous = webhook.previous.as_ref().filter(|previous| now < previous.until);
        let (last_status, last_error) = post.last.map(in_words).unwrap_or_default();
        Self {
            id: webhook.id.as_str(),
            url: webhook.url.expose(),
            events: webhook.events.as_ref().map(|events| events.iter().map(String::as_str).collect()),
            enabled: webhook.enabled && post.stopped.is_none(),
            disabled: post.stopped.map(DisabledView::of),
            position: post.position.0.to_string(),
            failing_since: post.failing_since.map(|at| at.to_string()),
            last_attempt_at: post.tried_at.map(|at| at.to_string()),
            last_status,
            last_error,
            previous_secret_until: previous.map(|previous| previous.until.to_string()),
            secret: None,
        }
    }
}

impl DisabledView {
    fn of(Stopped { at, because }: Stopped) -> Self {
        let because = match because {
            StopReason::Gone => "gone",
            StopReason::Failing => "failing",
        };
        Self { because, at: at.to_string() }
    }
}

/// The status that a receiver answered with, or why there is none.
fn in_words(heard: Heard) -> (Option<u16>, Option<&'static str>) {
    match heard {
        Heard::Status(status) => (Some(status), None),
        Heard::Nothing(silence) => (None, Some(silence_in_words(silence))),
    }
}

pub(super) fn silence_in_words(silence: Silence) -> &'static str {
    match silence {
        Silence::NotAllowed => "address-not-allowed",
        Silence::Unresolved => "name-not-found",
        Silence::Unreachable => "unreachable",
        Silence::NoTls => "tls-failed",
        Silence::TimedOut => "timeout",
        Silence::NoAnswer => "no-answer",
        Silence::NothingToTell => "nothing-to-tell",
        Silence::CrowdedOut => "crowded-out",
    }
}

pub const PUT: Operation = Operation {
    id: "put_webhook",
    group: "webhooks",
    summary: "Have the events of a practice posted to a URL, or change that",
    about: "Posts are signed by the Standard Webhooks specification: the headers `webhook-id`, `webhook-timestamp` and \
            `webhook-signature`, and a body `{\"type\", \"timestamp\", \"data\"}`, whose `data` is that of the event \
            stream, read when it is posted. What is answered with 2xx within 15 seconds is delivered; anything else is tried again, ten times \
            within three days and a bit, under the same `webhook-id`. The order is mostly that of the stream and not promised. \
            `stream.reset` tells that events were missed that are no longer kept. An answer of 410, or five days without a good \
            one, disables the webhook; to put it again enables it, and what waits is tried at once.",
    takes: body::<WebhookBody>(),
    answers: &[
        ok::<WebhookView<'_>>("The webhook was changed"),
        created::<WebhookView<'_>>("The webhook was made, with its secret, which is shown this once"),
    ],
    refuses: &[Code::TooManyWebhooks],
    ..OPERATION
};
pub async fn put(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let id = path.fresh("webhook", WebhookId::parse)?;
    let url = fields.text("url", WebhookUrl::parse);
    let events = fields.texts_or_null("events", event);
    if events.as_ref().is_some_and(Vec::is_empty) {
        fields.refuse("events", &"must name an event; left out, every event is posted");
    }
    let enabled = fields.flag_or("enabled", true);
    fields.finish()?;
    let url = url.expect("a required field that is not there is a mistake that was told");
    let events = events.map(|events| events.into_iter().collect());
    let (standing, secret) = api.webhooks.put(&practice.id, Wanted { id, url, events, enabled }).await?;
    let put = if secret.is_some() { Put::Created } else { Put::Changed };
    tracing::info!(practice = %practice.id, webhook = %standing.webhook.id, ?put, enabled, "webhook was put");
    let secret = secret.as_ref().map(|secret| secret.expose_secret());
    Ok(answer::put(put, WebhookView { secret, ..WebhookView::of(&api, &standing) }))
}

fn event(text: &str) -> Result<String, String> {
    if Changed::EVENTS.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("must be of {}", Changed::EVENTS.join(", ")))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhooks")]
struct WebhooksView<'a> {
    webhooks: Vec<WebhookView<'a>>,
}

pub const LIST: Operation = Operation {
    id: "list_webhooks",
    group: "webhooks",
    summary: "The webhooks of a practice, and how they get on",
    answers: &[ok::<WebhooksView<'_>>("The webhooks, by their ids")],
    ..OPERATION
};
pub async fn list(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Result<Response, Problem> {
    let standings = api.webhooks.list(&practice.id).await?;
    let webhooks = standings.iter().map(|standing| WebhookView::of(&api, standing)).collect();
    Ok(answer::ok(WebhooksView { webhooks }))
}

pub const GET: Operation = Operation {
    id: "get_webhook",
    group: "webhooks",
    summary: "A webhook, and how it gets on",
    answers: &[ok::<WebhookView<'_>>("The webhook")],
    ..OPERATION
};
pub async fn get(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let standing = api.webhooks.get(&practice.id, &named(&path)?).await?;
    Ok(answer::ok(WebhookView::of(&api, &standing)))
}

pub const REMOVE: Operation = Operation {
    id: "remove_webhook",
    group: "webhooks",
    summary: "Remove a webhook, and what waits for it",
    answers: &[nothing("It is gone")],
    ..OPERATION
};
pub async fn remove(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let id = named(&path)?;
    api.webhooks.remove(&practice.id, &id).await?;
    tracing::info!(practice = %practice.id, webhook = %id, "webhook was removed");
    Ok(answer::nothing())
}

pub const ROTATE: Operation = Operation {
    id: "rotate_webhook_secret",
    group: "webhooks",
    summary: "Give a webhook a new secret",
    about: "Both secrets sign for 24 hours.",
    answers: &[ok::<WebhookView<'_>>("The webhook, with the new secret, which is shown this once")],
    ..OPERATION
};
pub async fn rotate(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let id = named(&path)?;
    let secret = api.webhooks.rotate(&practice.id, &id).await?;
    tracing::info!(practice = %practice.id, webhook = %id, "webhook got a new secret");
    let standing = api.webhooks.get(&practice.id, &id).await?;
    Ok(answer::ok(WebhookView { secret: Some(secret.expose_secret()), ..WebhookView::of(&api, &standing) }))
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookTest")]
struct TestView<'a> {
    #[schemars(with = "DeliveryIdentifier")]
    id: &'a str,
    #[schemars(with = "PostedName", example = &"webhook.test")]
    event: &'static str,
    #[schemars(extend("enum" = ["delivered", "failed"]), example = &"delivered")]
    status: &'static str,
    /// What it answered with.
    #[schemars(example = 204)]
    http_status: Option<u16>,
    /// Or why it did not answer.
    #[schemars(with = "Option<SilenceName>")]
    error: Option<&'static str>,
}

pub const TEST_IT: Operation = Operation {
    id: "test_webhook",
    group: "webhooks",
    summary: "Post a `webhook.test` now, and say what came of it",
    about: "It is posted to a webhook that is disabled, too; it is tried once, and the log does not show it.",
    answers: &[ok::<TestView<'_>>("What came of it")],
    ..OPERATION
};
pub async fn test(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let tested = api.webhooks.test(&practice.id, &named(&path)?).await?;
    let (http_status, error) = in_words(tested.heard);
    let status = match webhooks::verdict(tested.heard) {
        Verdict::Taken => "delivered",
        Verdict::NotTaken | Verdict::Gone => "failed",
    };
    Ok(answer::ok(TestView { id: &tested.id, event: webhooks::TEST, status, http_status, error }))
}

/// Something that was posted to a webhook, or is to be.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
struct DeliveryView {
    /// The header `webhook-id`.
    #[schemars(with = "DeliveryIdentifier")]
    id: String,
    #[schemars(with = "PostedName")]
    event: &'static str,
    /// When it happened.
    #[schemars(with = "Time")]
    at: String,
    #[schemars(example = 1)]
    attempts: u8,
    #[schemars(extend("enum" = ["delivered", "retrying", "failed"]), example = &"delivered")]
    status: &'static str,
    /// What was last answered.
    #[schemars(example = 204)]
    http_status: Option<u16>,
    /// Or why nothing was.
    #[schemars(with = "Option<SilenceName>")]
    error: Option<&'static str>,
    #[schemars(with = "Option<Time>")]
    next_attempt_at: Option<String>,
}

impl DeliveryView {
    fn of(Logged { id, delivery }: Logged) -> Self {
        let (http_status, error) = delivery.last.map(in_words).unwrap_or_default();
        let (status, next_attempt_at) = match delivery.fate {
            Fate::Due(at) => ("retrying", Some(at.to_string())),
            Fate::Delivered(_) => ("delivered", None),
            Fate::Failed(_) => ("failed", None),
        };
        Self {
            id,
            event: webhooks::name(&delivery.notice),
            at: delivery.taken_at.to_string(),
            attempts: delivery.attempts,
            status,
            http_status,
            error,
            next_attempt_at,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Deliveries")]
struct DeliveriesView {
    deliveries: Vec<DeliveryView>,
    #[schemars(with = "Option<DeliveryIdentifier>")]
    next: Option<String>,
}

pub const DELIVERIES: Operation = Operation {
    id: "list_webhook_deliveries",
    group: "webhooks",
    summary: "What was posted to a webhook and what is to be, newest first",
    about: "What is finished is shown for 30 days, and the newest 200 of it.",
    query: &[LIMIT, BEFORE],
    answers: &[ok::<DeliveriesView>("A page of deliveries")],
    refuses: &[Code::BadCursor],
    ..OPERATION
};
pub async fn deliveries(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.optional_text("limit", limit).unwrap_or(PAGE_DEFAULT);
    let before = parameters.optional_text("before", |text| Ok::<_, &str>(text.to_owned()));
    parameters.finish()?;
    let logged = api.webhooks.deliveries(&practice.id, &named(&path)?).await?;
    // A place in the log is the delivery before it, for as long as that is kept.
    let first = match before {
        None => 0,
        Some(before) => logged.iter().position(|one| one.id == before).ok_or(Problem::BadCursor)? + 1,
    };
    let has_more = logged.len() > first + limit;
    let deliveries: Vec<DeliveryView> = logged.into_iter().skip(first).take(limit).map(DeliveryView::of).collect();
    let next = deliveries.last().filter(|_| has_more).map(|last| last.id.clone());
    Ok(answer::ok(DeliveriesView { deliveries, next }))
}

pub const RESEND: Operation = Operation {
    id: "resend_webhook_delivery",
    group: "webhooks",
    summary: "Post something once more, under its id and as it stands by now",
    about: "A webhook that is disabled gets it when it is enabled.",
    answers: &[ok::<DeliveryView>("The delivery, which is on its way")],
    ..OPERATION
};
pub async fn resend(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let id = named(&path)?;
    let logged = api.webhooks.resend(&practice.id, &id, path.raw("delivery")).await?;
    tracing::info!(practice = %practice.id, webhook = %id, delivery = logged.id, "delivery is sent once more");
    Ok(answer::ok(DeliveryView::of(logged)))
}

fn named(path: &Path) -> Result<WebhookId, Problem> {
    path.existing("webhook", WebhookId::parse)
}
