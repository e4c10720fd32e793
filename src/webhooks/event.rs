//! An event as it is posted: what kind, when, and what about.

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::domain::{PracticeId, WebhookId};
use crate::ports::{Notice, Occurrence, OccurrenceId, StoreError, WebhookKey};

/// Tells that what came before is not kept any more, so that the receiver looks at everything again.
pub const RESET: &str = "stream.reset";
/// Comes when somebody asks for it, and tells nothing.
pub const TEST: &str = "webhook.test";
/// What the id of every delivery begins with.
const ID_PREFIX: &str = "msg_";
/// Octets of an id: enough that no two are alike.
const ID_OCTETS: usize = 16;

/// Says what an occurrence is about, in the words of the event stream.
#[async_trait]
pub trait Teller: Send + Sync + 'static {
    /// As it stands at this moment, in JSON; `None` when it is not there any more.
    async fn tell(&self, practice: &PracticeId, occurrence: &Occurrence) -> Result<Option<String>, StoreError>;
}

/// What a notice is called.
pub fn name(notice: &Notice) -> &'static str {
    match notice {
        Notice::Occurred(occurrence) => occurrence.change.event(),
        Notice::Reset(_) => RESET,
    }
}

/// The id of a delivery: the same whichever daemon makes it and however often, and another at each webhook.
pub fn id(key: &WebhookKey, (place, is_reset): (OccurrenceId, bool)) -> String {
    let mut hash = Sha256::new();
    hash.update(b"assent webhook delivery 1\0");
    hash.update(key.practice.as_str());
    hash.update([0, u8::from(is_reset)]);
    hash.update(key.serial.to_be_bytes());
    hash.update(place.0.to_be_bytes());
    hex(&hash.finalize())
}

/// The id of something that is posted once.
pub fn fresh_id() -> String {
    let mut octets = [0; ID_OCTETS];
    getrandom::fill(&mut octets).expect("the operating system has random numbers");
    hex(&octets)
}

fn hex(octets: &[u8]) -> String {
    let digits = octets[..ID_OCTETS].iter().map(|octet| format!("{octet:02x}"));
    std::iter::once(ID_PREFIX.to_owned()).chain(digits).collect()
}

/// The body of a post.
pub fn body(name: &str, at: Timestamp, data: String) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        r#type: &'a str,
        timestamp: String,
        data: Box<RawValue>,
    }

    let data = RawValue::from_string(data).expect("what is told is JSON");
    let body = Body { r#type: name, timestamp: at.to_string(), data };
    serde_json::to_vec(&body).expect("an event has text for keys").into()
}

/// What is told of a practice, and of nobody in it.
pub fn of_practice(practice: &PracticeId, webhook: Option<&WebhookId>) -> String {
    #[derive(Serialize)]
    struct Data<'a> {
        practice: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        webhook: Option<&'a str>,
    }

    let data = Data { practice: practice.as_str(), webhook: webhook.map(WebhookId::as_str) };
    serde_json::to_string(&data).expect("it has text for keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_delivery_and_the_same_every_time() {
        let key = |practice: &str, serial| WebhookKey { practice: PracticeId::parse(practice).unwrap(), serial };
        let ours = id(&key("riverside", 1), (OccurrenceId(7), false));
        assert_eq!(ours, id(&key("riverside", 1), (OccurrenceId(7), false)));
        for other in [
            id(&key("riverside", 1), (OccurrenceId(8), false)),
            id(&key("riverside", 1), (OccurrenceId(7), true)),
            id(&key("riverside", 2), (OccurrenceId(7), false)),
            id(&key("lakeside", 1), (OccurrenceId(7), false)),
            fresh_id(),
        ] {
            assert_ne!(ours, other);
            assert_eq!(other.len(), ours.len());
        }
        // Receivers remember ids: they never change.
        assert_eq!(ours, "msg_3fb69a9d395efde6a85c6aa091f70e27");
    }

    #[test]
    fn a_body_says_what_when_and_what_about() {
        let at = "2026-03-04T05:06:07.000000008Z".parse().unwrap();
        let data = of_practice(&PracticeId::parse("riverside").unwrap(), None);
        let expected =
            r#"{"type":"stream.reset","timestamp":"2026-03-04T05:06:07.000000008Z","data":{"practice":"riverside"}}"#;
        assert_eq!(body(RESET, at, data), expected);
    }
}
