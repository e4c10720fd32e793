//! Webhooks as they are written, and what was posted to each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::sealed::{change_code, change_of};
use super::{ReadError, base64, nanoseconds, octets, phone, practice_id, time};
use crate::domain::{BootId, PreviousSecret, Webhook, WebhookId, WebhookSecret, WebhookUrl};
use crate::ports::{
    Fate, Heard, Lease, Notice, Occurrence, OccurrenceId, Post, Silence, StopReason, Stopped, WebhookDelivery,
    WebhookKey,
};

#[derive(Serialize, Deserialize)]
pub struct WebhookV1 {
    id: String,
    serial: u64,
    url: String,
    /// `null` is every event.
    events: Option<BTreeSet<String>>,
    enabled: bool,
    secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<(String, i64)>,
}

impl From<&Webhook> for WebhookV1 {
    fn from(webhook: &Webhook) -> Self {
        let previous = webhook.previous.as_ref();
        Self {
            id: webhook.id.to_string(),
            serial: webhook.serial,
            url: webhook.url.expose().to_owned(),
            events: webhook.events.clone(),
            enabled: webhook.enabled,
            secret: base64(webhook.secret.expose()),
            previous: previous.map(|previous| (base64(previous.secret.expose()), nanoseconds(previous.until))),
        }
    }
}

impl TryFrom<WebhookV1> for Webhook {
    type Error = ReadError;

    fn try_from(webhook: WebhookV1) -> Result<Self, ReadError> {
        let secret = |text: &str| octets(text).map(WebhookSecret::new);
        let previous = webhook
            .previous
            .map(|(text, until)| Ok::<_, ReadError>(PreviousSecret { secret: secret(&text)?, until: time(until) }));
        Ok(Self {
            id: webhook_id(&webhook.id)?,
            serial: webhook.serial,
            url: WebhookUrl::parse(&webhook.url).map_err(|_| ReadError::NotA("URL"))?,
            events: webhook.events,
            enabled: webhook.enabled,
            secret: secret(&webhook.secret)?,
            previous: previous.transpose()?,
        })
    }
}

pub fn webhook_id(text: &str) -> Result<WebhookId, ReadError> {
    WebhookId::parse(text).map_err(|_| ReadError::NotA("webhook id"))
}

#[derive(Serialize, Deserialize)]
pub struct PostV1 {
    practice: String,
    serial: u64,
    position: u64,
    deliveries: Vec<DeliveryV1>,
    failing_since: Option<i64>,
    up_since: Option<i64>,
    tried_at: Option<i64>,
    last: Option<HeardV1>,
    stopped: Option<(i64, StopReasonV1)>,
    /// Who, and until when.
    lease: Option<(u64, i64)>,
}

/// What it tells, when it was taken, attempts, when it was tried, what becomes of it, what was heard. It is written with every batch, hence short.
#[derive(Serialize, Deserialize)]
struct DeliveryV1(NoticeV1, i64, u8, Option<i64>, FateV1, Option<HeardV1>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NoticeV1 {
    /// Id, phone, and the change as the stream has it.
    Occurred(u64, String, i64, Option<u64>),
    Reset(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FateV1 {
    Due(i64),
    Delivered(i64),
    Failed(i64),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HeardV1 {
    Status(u16),
    NotAllowed,
    Unresolved,
    Unreachable,
    NoTls,
    TimedOut,
    NoAnswer,
    NothingToTell,
    CrowdedOut,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopReasonV1 {
    Gone,
    Failing,
}

impl PostV1 {
    pub fn of(key: &WebhookKey, post: &Post) -> Self {
        Self {
            practice: key.practice.to_string(),
            serial: key.serial,
            position: post.position.0,
            deliveries: post.deliveries.iter().map(DeliveryV1::from).collect(),
            failing_since: post.failing_since.map(nanoseconds),
            up_since: post.up_since.map(nanoseconds),
            tried_at: post.tried_at.map(nanoseconds),
            last: post.last.map(HeardV1::from),
            stopped: post.stopped.map(|stopped| {
                let because = match stopped.because {
                    StopReason::Gone => StopReasonV1::Gone,
                    StopReason::Failing => StopReasonV1::Failing,
                };
                (nanoseconds(stopped.at), because)
            }),
            lease: post.lease.map(|lease| (lease.daemon.0, nanoseconds(lease.until))),
        }
    }

    pub fn read(self) -> Result<(WebhookKey, Post), ReadError> {
        let key = WebhookKey { practice: practice_id(&self.practice)?, serial: self.serial };
        let deliveries = self.deliveries.into_iter().map(WebhookDelivery::try_from).collect::<Result<_, _>>()?;
        let post = Post {
            position: OccurrenceId(self.position),
            deliveries,
            failing_since: self.failing_since.map(time),
            up_since: self.up_since.map(time),
            tried_at: self.tried_at.map(time),
            last: self.last.map(Heard::from),
            stopped: self.stopped.map(|(at, because)| Stopped {
                at: time(at),
                because: match because {
                    StopReasonV1::Gone => StopReason::Gone,
                    StopReasonV1::Failing => StopReason::Failing,
                },
            }),
            lease: self.lease.map(|(daemon, until)| Lease { daemon: BootId(daemon), until: time(until) }),
        };
        Ok((key, post))
    }
}

impl From<&WebhookDelivery> for DeliveryV1 {
    fn from(delivery: &WebhookDelivery) -> Self {
        let notice = match &delivery.notice {
            Notice::Occurred(Occurrence { id, phone, change }) => {
                let (kind, place) = change_code(*change);
                NoticeV1::Occurred(id.0, phone.expose().to_owned(), kind, place)
            }
            Notice::Reset(place) => NoticeV1::Reset(place.0),
        };
        let at = nanoseconds;
        let fate = match delivery.fate {
            Fate::Due(time) => FateV1::Due(at(time)),
            Fate::Delivered(time) => FateV1::Delivered(at(time)),
            Fate::Failed(time) => FateV1::Failed(at(time)),
        };
        let tried_at = delivery.tried_at.map(at);
        Self(notice, at(delivery.taken_at), delivery.attempts, tried_at, fate, delivery.last.map(HeardV1::from))
    }
}

impl TryFrom<DeliveryV1> for WebhookDelivery {
    type Error = ReadError;

    fn try_from(delivery: DeliveryV1) -> Result<Self, ReadError> {
        let DeliveryV1(notice, taken_at, attempts, tried_at, fate, last) = delivery;
        let notice = match notice {
            NoticeV1::Occurred(id, number, kind, place) => Notice::Occurred(Occurrence {
                id: OccurrenceId(id),
                phone: phone(&number)?,
                change: change_of(kind, place).ok_or(ReadError::NotA("change"))?,
            }),
            NoticeV1::Reset(place) => Notice::Reset(OccurrenceId(place)),
        };
        let fate = match fate {
            FateV1::Due(at) => Fate::Due(time(at)),
            FateV1::Delivered(at) => Fate::Delivered(time(at)),
            FateV1::Failed(at) => Fate::Failed(time(at)),
        };
        let tried_at = tried_at.map(time);
        Ok(Self { notice, taken_at: time(taken_at), attempts, tried_at, fate, last: last.map(Heard::from) })
    }
}

impl From<Heard> for HeardV1 {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Status(status) => Self::Status(status),
            Heard::Nothing(Silence::NotAllowed) => Self::NotAllowed,
            Heard::Nothing(Silence::Unresolved) => Self::Unresolved,
            Heard::Nothing(Silence::Unreachable) => Self::Unreachable,
            Heard::Nothing(Silence::NoTls) => Self::NoTls,
            Heard::Nothing(Silence::TimedOut) => Self::TimedOut,
            Heard::Nothing(Silence::NoAnswer) => Self::NoAnswer,
            Heard::Nothing(Silence::NothingToTell) => Self::NothingToTell,
            Heard::Nothing(Silence::CrowdedOut) => Self::CrowdedOut,
        }
    }
}

impl From<HeardV1> for Heard {
    fn from(heard: HeardV1) -> Self {
        match heard {
            HeardV1::Status(status) => Self::Status(status),
            HeardV1::NotAllowed => Self::Nothing(Silence::NotAllowed),
            HeardV1::Unresolved => Self::Nothing(Silence::Unresolved),
            HeardV1::Unreachable => Self::Nothing(Silence::Unreachable),
            HeardV1::NoTls => Self::Nothing(Silence::NoTls),
            HeardV1::TimedOut => Self::Nothing(Silence::TimedOut),
            HeardV1::NoAnswer => Self::Nothing(Silence::NoAnswer),
            HeardV1::NothingToTell => Self::Nothing(Silence::NothingToTell),
            HeardV1::CrowdedOut => Self::Nothing(Silence::CrowdedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{read_post, read_record, write_post, write_record};
    use super::*;
    use crate::domain::{Phone, PracticeId, Seq};
    use crate::ports::{Changed, Record};

    #[test]
    fn a_webhook_and_its_post_read_back_equal() {
        let practice = PracticeId::parse("riverside").unwrap();
        let webhook = Webhook {
            id: WebhookId::parse("ehr").unwrap(),
            serial: u64::MAX,
            url: WebhookUrl::parse("https://hooks.example/a?b=c").unwrap(),
            events: Some(BTreeSet::from(["message.received".to_owned()])),
            enabled: true,
            secret: WebhookSecret::new([7; 32]),
            previous: Some(PreviousSecret { secret: WebhookSecret::new([6; 32]), until: time(9) }),
        };
        let record = Record::Webhook(practice.clone(), webhook);
        assert_eq!(read_record(&write_record(&record)).unwrap(), record);

        let delivery = |notice, fate, last| WebhookDelivery {
            notice,
            taken_at: time(1),
            attempts: 3,
            tried_at: Some(time(2)),
            fate,
            last,
        };
        let phone = Phone::parse("+13035550123").unwrap();
        let occurred =
            Notice::Occurred(Occurrence { id: OccurrenceId(4), phone, change: Changed::MessageUpdated(Seq(2)) });
        let mut deliveries = vec![
            delivery(occurred, Fate::Due(time(5)), Some(Heard::Status(503))),
            delivery(Notice::Reset(OccurrenceId(5)), Fate::Delivered(time(6)), None),
        ];
        for silence in Silence::ALL {
            let last = Some(Heard::Nothing(silence));
            deliveries.push(delivery(Notice::Reset(OccurrenceId(6)), Fate::Failed(time(7)), last));
        }
        let post = Post {
            position: OccurrenceId(6),
            deliveries,
            failing_since: Some(time(2)),
            up_since: Some(time(3)),
            tried_at: Some(time(4)),
            last: Some(Heard::Status(204)),
            stopped: Some(Stopped { at: time(8), because: StopReason::Gone }),
            lease: Some(Lease { daemon: BootId(u64::MAX), until: time(9) }),
        };
        let key = WebhookKey { practice, serial: u64::MAX };
        assert_eq!(read_post(&write_post(&key, &post)).unwrap(), (key, post));
    }
}
