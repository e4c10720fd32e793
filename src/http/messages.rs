//! What is said to a patient, and what was said.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::auth::Caller;
use super::bodies::SendBody;
use super::conversations::existing;
use super::extract::{InPractice, Json, Parameters, TheConversation, TheMessage, ThePatient};
use super::fields::{Fields, read};
use super::forms::{PHONE_PATTERN, Place};
use super::operation::{Form, OPERATION, Operation, Parameter, accepted, body, ok};
use super::parameters::{BEFORE, LIMIT};
use super::problem::{Code, Problem};
use super::views::MessageView;
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::conversations::{Idempotency, Reply};
use crate::domain::text::{Segments, Writing};
use crate::domain::typography::Straightened;
use crate::domain::{Body, ConversationKey, Draft, Message, Outcome, PatientId, Phone, Practice, StaffId};
use crate::ports::IdempotencyKey;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_KEY_MAX: usize = 255;
/// How far ahead a text may be written.
const SEND_AT_DAYS_MAX: i64 = 366;
/// How long a time may be past, and the text then goes at once: whoever repeats a request gets the same answer for as long as
/// its key is kept. One that is past for longer is a mistake.
const SEND_AT_PAST_MAX: SignedDuration = SignedDuration::from_hours(24);

const IDEMPOTENCY: Parameter = Parameter {
    name: "Idempotency-Key",
    about: "Makes the request safe to repeat: with one key a text is taken once, and the same message answered again.",
    form: Form::Pattern("^[!-~]{1,255}$"),
    example: "0d9c6f0e-5d0b-4b44-8d0e-7f9a1f1c2b3a",
};

pub const SEND: Operation = Operation {
    id: "send_message",
    group: "messages",
    summary: "Write a text to a patient",
    about: "It is durable when it is answered. Without consent it is `pending`, and the patient is asked.",
    headers: &[IDEMPOTENCY],
    takes: body::<SendBody>(),
    answers: &[accepted::<MessageView>("The message, which has not gone out yet")],
    refuses: &[
        Code::BadIdempotencyKey,
        Code::IdempotencyKeyReused,
        Code::OptedOut,
        Code::TooManyWaiting,
        Code::InvitationLimit,
        Code::NumberSuspended,
    ],
    ..OPERATION
};
pub async fn send(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    the: ThePatient,
    headers: HeaderMap,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let text = fields.text("text", read_text(api.records.writing(&the.practice)));
    let send_at = fields.text_or_null("send_at", read_send_at(api.clock.now()));
    let phone = fields.text_or_null("phone", read::phone);
    fields.finish()?;
    let text = text.expect("a required field that is not there is a mistake that was told");

    let request = digest(&the.patient.id, caller.staff.as_ref(), &text, send_at, phone.as_ref());
    let conversation = the.conversation_at(&api, phone, "phone")?;
    let preferences = the.patient.preferences.clone();
    let draft = Draft { text: Body::new(text), staff: caller.staff, preferences, send_at };
    let idempotency = key.map(|key| Idempotency { key, request });
    let reply = api.directory.draft(&conversation, draft, idempotency).await?;
    metrics::counter!("assent_drafts_total", "answer" => answer_of(&reply)).increment(1);
    let message = match reply {
        Reply::Decided(Outcome::Accepted(message)) => message,
        Reply::Decided(Outcome::Refused(refusal)) => {
            return Err(Problem::Refused(refusal, Box::new((*the.practice).clone())));
        }
        Reply::AnsweredBefore(kept) => {
            let message = api.inbox.message(&kept.conversation, kept.message).await?;
            message.ok_or(Problem::Unavailable)?
        }
        Reply::KeyReused => return Err(Problem::IdempotencyKeyReused),
        Reply::Decided(Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_)) => {
            unreachable!("a draft is accepted or refused")
        }
    };
    let view = MessageView::one(&api, &the.practice, &conversation, &message).await;
    let mut response = answer::accepted(location(&the, &message), view);
    // For the audit.
    response.extensions_mut().insert(message.id);
    Ok(response)
}

/// The word for a reply in the figures.
fn answer_of(reply: &Reply) -> &'static str {
    match reply {
        Reply::Decided(Outcome::Accepted(_) | Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_)) => {
            "accepted"
        }
        Reply::Decided(Outcome::Refused(_)) => "refused",
        Reply::AnsweredBefore(_) | Reply::KeyReused => "repeated",
    }
}

#[derive(Serialize, JsonSchema)]
struct Messages {
    messages: Vec<MessageView>,
    /// Where older ones are; `null` is that there are none.
    #[schemars(with = "Option<Place>")]
    next: Option<String>,
}

const AT_PHONE: Parameter = Parameter {
    name: "phone",
    about: "The patient's mobile phone, or a number that is linked to them; the mobile phone if left out.",
    form: Form::Pattern(PHONE_PATTERN),
    example: "+13035550123",
};
pub const LIST: Operation = Operation {
    id: "list_messages",
    group: "messages",
    summary: "What was said to a patient's phone and from it, newest first",
    query: &[LIMIT, BEFORE, AT_PHONE],
    answers: &[ok::<Messages>("A page of the thread")],
    refuses: &[Code::BadCursor],
    ..OPERATION
};
pub async fn list(
    Given(api): Given<Arc<Api>>,
    the: ThePatient,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let phone = parameters.optional_text("phone", read::phone);
    let key = the.conversation_at(&api, phone, "phone");
    page(&api, &the.practice, &key?, parameters).await
}

pub const LIST_WITH_PHONE: Operation = Operation {
    id: "list_messages_with_phone",
    group: "conversations",
    summary: "What was said with a phone, whoever's it is, newest first",
    query: &[LIMIT, BEFORE],
    ..LIST
};

/// What was said with a phone, whoever's it is: what nobody known wrote is read so.
pub async fn list_with_phone(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    TheConversation(key): TheConversation,
    Parameters(parameters): Parameters,
) -> Result<Response, Problem> {
    existing(&api, &key).await?;
    page(&api, &practice, &key, parameters).await
}

async fn page(
    api: &Api,
    practice: &Practice,
    key: &ConversationKey,
    mut parameters: Fields,
) -> Result<Response, Problem> {
    let limit = parameters.optional_text("limit", limit).unwrap_or(PAGE_DEFAULT);
    let before = parameters.optional_text("before", |text| Ok::<_, &str>(text.to_owned()));
    parameters.finish()?;
    let before = before.map(|cursor| api.cursors.in_thread(key, &cursor)).transpose()?;
    let page = api.inbox.thread(key, before, limit).await?;
    Ok(answer::ok(Messages {
        messages: MessageView::all(api, practice, key, &page.items).await,
        next: page.next.map(|seq| api.cursors.of_thread(key, seq)),
    }))
}

pub const GET: Operation = Operation {
    id: "get_message",
    group: "messages",
    summary: "One message, however long its text is",
    answers: &[ok::<MessageView>("The message")],
    ..OPERATION
};
pub const GET_WITH_PHONE: Operation = Operation {
    id: "get_message_with_phone",
    group: "conversations",
    summary: "One message of what was said with a phone, whoever's it is",
    ..GET
};
pub async fn get(Given(api): Given<Arc<Api>>, the: TheMessage) -> Result<Response, Problem> {
    Ok(answer::ok(MessageView::whole(&api, &the.practice, &the.key, &the.message).await))
}

/// Reads a text that can be sent: it has words, and fits.
fn read_text(writing: Writing) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let text = read_words(text)?;
        fits(&text, writing)?;
        Ok(text)
    }
}

/// Whether a text can be sent whole.
pub fn fits(text: &str, writing: Writing) -> Result<(), String> {
    let as_sent = Straightened::of(text, writing).text;
    let (segments, most) = (Segments::written(&as_sent, writing).number(), writing.segments_max);
    if segments > most {
        return Err(format!("would take {segments} segments, and {most} is the most"));
    }
    Ok(())
}

/// Reads when a text is to go. A time that has passed is now: who asks again with the same key asks for the same.
fn read_send_at(now: Timestamp) -> impl Fn(&str) -> Result<Timestamp, String> {
    move |text| {
        let at: Timestamp = text.parse().map_err(|_| "must be a time such as 2026-03-04T15:00:00Z".to_owned())?;
        let is_too_far = at.duration_since(now) > SignedDuration::from_hours(24 * SEND_AT_DAYS_MAX);
        let is_long_past = now.duration_since(at) > SEND_AT_PAST_MAX;
        if is_too_far || is_long_past {
            return Err(format!("must be within {SEND_AT_DAYS_MAX} days from now"));
        }
        Ok(at)
    }
}

/// Reads words that a phone can show, with lines that end in `\n`.
pub fn read_words(text: &str) -> Result<String, &'static str> {
    let text = text.replace("\r\n", "\n");
    if text.trim().is_empty() {
        return Err("must not be blank");
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("must have no control characters but line ends");
    }
    Ok(text)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => {
            let is_plain = one.as_bytes().iter().all(u8::is_ascii_graphic);
            let text = one.to_str().ok().filter(|text| is_plain && (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()));
            text.map(|text| Some(IdempotencyKey(text.into()))).ok_or(Problem::BadIdempotencyKey)
        }
        (Some(_), Some(_)) => Err(Problem::BadIdempotencyKey),
    }
}

/// Tells one request from another. Each part says how long it is, so that no two requests run together into the same octets.
fn digest(
    patient: &PatientId,
    staff: Option<&StaffId>,
    text: &str,
    send_at: Option<Timestamp>,
    phone: Option<&Phone>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    // Without a time and a phone it is the digest that it always was.
    if let Some(at) = send_at {
        hash.update(at.as_nanosecond().to_be_bytes());
    }
    let phone = phone.map(Phone::expose);
    for part in [patient.as_str(), staff.map_or("", StaffId::as_str), text].into_iter().chain(phone) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Where a message is to be found.
pub fn location(the: &ThePatient, message: &Message) -> String {
    format!("/v1/practices/{}/patients/{}/messages/{}", the.practice.id, the.patient.id, message.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_words_and_fits_ten_segments() {
        let read_text = read_text(Writing::default());
        assert_eq!(read_text("a\r\nb\n"), Ok("a\nb\n".to_owned()));
        assert!(read_text(&"a".repeat(1_530)).is_ok());
        let too_long = read_text(&"a".repeat(1_531)).unwrap_err();
        assert_eq!(too_long, "would take 11 segments, and 10 is the most");
        assert!(read_text(&"ж".repeat(670)).is_ok());
        assert!(read_text(&"ж".repeat(671)).is_err());
        for bad in ["", " \n\t", "a\0", "a\rb", "tab\there", "\u{1b}[31m", "\u{85}"] {
            assert!(read_text(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_text_fits_what_its_carrier_takes() {
        let few = Writing { segments_max: 2, header_octets: 7, ..Writing::default() };
        assert!(read_text(few)(&"a".repeat(304)).is_ok());
        assert_eq!(read_text(few)(&"a".repeat(305)), Err("would take 3 segments, and 2 is the most".to_owned()));
    }

    #[test]
    fn a_text_is_measured_as_it_is_sent() {
        let curled = "\u{2019}".repeat(1_530);
        assert_eq!(read_text(Writing::default())(&curled), Ok(curled), "what was asked for is what is compared");
    }

    #[test]
    fn a_digest_tells_the_parts_apart() {
        let id = |text: &str| PatientId::parse(text).unwrap();
        let staff = StaffId::parse("b").unwrap();
        let base = digest(&id("a"), Some(&staff), "text", None, None);
        assert_ne!(base, digest(&id("ab"), None, "text", None, None));
        assert_ne!(base, digest(&id("a"), None, "btext", None, None));
        assert_ne!(base, digest(&id("a"), Some(&staff), "text ", None, None));
        assert_eq!(base, digest(&id("a"), Some(&staff), "text", None, None));
        assert_ne!(base, digest(&id("a"), Some(&staff), "text", Some(Timestamp::UNIX_EPOCH), None));
        let phone = Phone::parse("+13035550123").unwrap();
        assert_ne!(base, digest(&id("a"), Some(&staff), "text", None, Some(&phone)));
    }

    #[test]
    fn a_time_to_send_is_within_a_year() {
        let read = read_send_at(Timestamp::UNIX_EPOCH);
        for good in
            ["1970-01-01T00:00:00Z", "1969-12-31T23:00:00Z", "1971-01-02T00:00:00Z", "1970-06-01T08:00:00-06:00"]
        {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in ["", "tomorrow", "1970-06-01", "1970-06-01T08:00:00", "1971-01-02T00:00:01Z"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
