//! Everything that can be wrong with a request, and how it is said (RFC 9457). The only place with status codes for it,
//! with the table of [`Code`]s.
//!
//! Nothing here repeats what a patient is called, said, or is reached at: problems end up in other people's logs.

mod codes;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::conversations::AskError;
use crate::domain::{Phone, Practice, Refusal};
use crate::ports::StoreError;
use crate::records::{
    PATIENTS_LINKED_MAX, PHONES_LINKED_MAX, RecordsError, SESSIONS_MAX, TEMPLATES_MAX, TOKENS_MAX, WEBHOOKS_MAX,
};
use crate::webhooks::WebhookError;
pub use codes::{Code, Meaning};

/// When it makes sense to try again after the store or the daemon could not answer.
const RETRY_AFTER_S: u64 = 5;

/// What is wrong.
#[derive(Debug)]
pub enum Problem {
    // The request itself.
    MalformedJson { line: usize, column: usize },
    MalformedBody,
    BadIdempotencyKey,
    BadCursor,
    TooLarge { max: usize },
    NotJson,
    TooSlow,
    MethodNotAllowed,
    Invalid(Vec<FieldError>),

    // Who asks.
    NotAuthenticated,
    TooManyFailures { retry_after_s: u64 },
    TooManyRequests { retry_after_s: u64 },
    NotOperator,
    NotPracticeToken,
    NotSession,
    OriginNotAllowed,
    NotSiteAdministrator,
    NotPatientTextAdministrator,
    UnknownStaff,
    OtherStaff,

    // What is asked for.
    NotFound,
    NumberFixed,
    NumberTaken,
    ChangedMeanwhile,
    TooManyLinks,
    TooManyTemplates,
    TooManyTokens,
    TooManySessions,
    TooManyWebhooks,
    IdempotencyKeyReused,
    Refused(Refusal, Box<Practice>),

    // Us.
    Unavailable,
    StoreWentBack,
    TooBusy,
    TooManyStreams,
    NotReady { reasons: Vec<String> },
    Internal,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(example = json!({"field": "text", "detail": "must not be blank"}))]
pub struct FieldError {
    /// A field of the body, a parameter, or a name in the path; within an object with its place, such as `texts.help.en`.
    pub field: String,
    /// What it must be.
    pub detail: String,
}

impl Problem {
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// The code, which programs rely on, and behind it the status, the title, the cause and the remedy.
    pub fn code(&self) -> Code {
        match self {
            Self::MalformedJson { .. } | Self::MalformedBody => Code::MalformedJson,
            Self::BadIdempotencyKey => Code::BadIdempotencyKey,
            Self::BadCursor => Code::BadCursor,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::NotJson => Code::NotJson,
            Self::TooSlow => Code::TooSlow,
            Self::MethodNotAllowed => Code::MethodNotAllowed,
            Self::Invalid(_) => Code::Invalid,
            Self::NotAuthenticated => Code::NotAuthenticated,
            Self::TooManyFailures { .. } => Code::TooManyFailures,
            Self::TooManyRequests { .. } => Code::TooManyRequests,
            Self::NotOperator => Code::NotOperator,
            Self::NotPracticeToken => Code::NotPracticeToken,
            Self::NotSession => Code::NotSession,
            Self::OriginNotAllowed => Code::OriginNotAllowed,
            Self::NotSiteAdministrator => Code::NotSiteAdministrator,
            Self::NotPatientTextAdministrator => Code::NotPatientTextAdministrator,
            Self::UnknownStaff => Code::UnknownStaff,
            Self::OtherStaff => Code::OtherStaff,
            Self::NotFound => Code::NotFound,
            Self::NumberFixed => Code::NumberFixed,
            Self::NumberTaken => Code::NumberTaken,
            Self::ChangedMeanwhile => Code::ChangedMeanwhile,
            Self::TooManyLinks => Code::TooManyLinks,
            Self::TooManyTemplates => Code::TooManyTemplates,
            Self::TooManyTokens => Code::TooManyTokens,
            Self::TooManySessions => Code::TooManySessions,
            Self::TooManyWebhooks => Code::TooManyWebhooks,
            Self::IdempotencyKeyReused => Code::IdempotencyKeyReused,
            Self::Refused(refusal, _) => code_of(*refusal),
            Self::Unavailable | Self::TooBusy => Code::Unavailable,
            Self::StoreWentBack => Code::StoreRolledBack,
            Self::TooManyStreams => Code::TooManyStreams,
            Self::NotReady { .. } => Code::NotReady,
            Self::Internal => Code::Internal,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::MalformedJson { line, column } => format!("The JSON makes no sense at line {line}, column {column}."),
            Self::MalformedBody => "The body could not be read to its end.".into(),
            Self::BadIdempotencyKey => "An Idempotency-Key has 1 to 255 visible ASCII characters.".into(),
            Self::BadCursor => "Use `next` of an earlier answer to the same call.".into(),
            Self::TooLarge { max } => format!("A body has at most {max} octets."),
            Self::NotJson => "Send the body with Content-Type: application/json.".into(),
            Self::TooSlow => "The request was not complete, or not answered, in time.".into(),
            Self::MethodNotAllowed => "The header Allow says what can be done here.".into(),
            Self::Invalid(errors) => match &errors[..] {
                [] => "The body must be a JSON object.".into(),
                [only] => format!("{}: {}.", only.field, only.detail),
                [first, others @ ..] => format!("{}: {} (and {} more).", first.field, first.detail, others.len()),
            },
            Self::NotAuthenticated => "Send Authorization: Bearer with a token that is valid.".into(),
            Self::TooManyFailures { retry_after_s } | Self::TooManyRequests { retry_after_s } => {
                format!("Try again in {retry_after_s} seconds.")
            }
            Self::NotOperator => "This call takes the operator's token.".into(),
            Self::NotPracticeToken => "This call takes the practice's token, or the operator's.".into(),
            Self::NotSession => "This call takes the token of one member of staff.".into(),
            Self::OriginNotAllowed => {
                "A session's cookie counts from Assent's own page and from those of http.origins.".into()
            }
            Self::NotSiteAdministrator => {
                "Name in Assent-Staff a member of staff who has the permission Site Administrator.".into()
            }
            Self::NotPatientTextAdministrator => {
                "Name in Assent-Staff a member of staff who has the permission Patient Text Administrator.".into()
            }
            Self::UnknownStaff => "Assent-Staff must name one member of the practice's staff.".into(),
            Self::OtherStaff => "The token acts for its own member of staff alone: leave Assent-Staff out.".into(),
            Self::NotFound => "It does not exist, or is not this token's to see.".into(),
            Self::NumberFixed => {
                "Patients gave their consent to this number. Another number is another practice.".into()
            }
            Self::NumberTaken => "Another practice or a patient has this number.".into(),
            Self::ChangedMeanwhile => {
                "Somebody else changed it, or it is there or not there against what If-Match or If-None-Match says. \
                 Read it again, and decide on what it is."
                    .into()
            }
            Self::TooManyLinks => format!(
                "A number is linked to at most {PATIENTS_LINKED_MAX} patients, and a patient to at most {PHONES_LINKED_MAX} numbers. \
                 Take a link back first."
            ),
            Self::TooManyTemplates => format!("A practice has at most {TEMPLATES_MAX} templates. Remove one first."),
            Self::TooManyTokens => format!("A practice has at most {TOKENS_MAX} tokens. Revoke one first."),
            Self::TooManySessions => format!("A practice has at most {SESSIONS_MAX} sessions at once."),
            Self::TooManyWebhooks => format!("A practice has at most {WEBHOOKS_MAX} webhooks. Remove one first."),
            Self::IdempotencyKeyReused => {
                "This Idempotency-Key came with another request before. Use a fresh one.".into()
            }
            Self::Refused(refusal, practice) => refusal_in_words(*refusal, practice),
            Self::Unavailable => {
                "Nothing is lost that was acknowledged. Try again, with the same Idempotency-Key.".into()
            }
            Self::StoreWentBack => {
                "Nothing is sent and nothing is taken until the operator has looked at it. Try again later.".into()
            }
            Self::TooBusy => "Too many requests are being answered. Try again.".into(),
            Self::TooManyStreams => "Close a stream, or try again.".into(),
            Self::NotReady { reasons } => reasons.join("; "),
            Self::Internal => "The request was not understood to its end. It is in Assent's log.".into(),
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyFailures { retry_after_s } | Self::TooManyRequests { retry_after_s } => Some(*retry_after_s),
            Self::Unavailable
            | Self::StoreWentBack
            | Self::TooBusy
            | Self::TooManyStreams
            | Self::NotReady { .. }
            | Self::TooManySessions => Some(RETRY_AFTER_S),
            _ => None,
        }
    }
}

fn code_of(refusal: Refusal) -> Code {
    match refusal {
        Refusal::OptedOut { .. } => Code::OptedOut,
        Refusal::TooManyWaiting { .. } => Code::TooManyWaiting,
        Refusal::TooLate => Code::TooLate,
        Refusal::NotUnconfirmed => Code::NotUnconfirmed,
        Refusal::InvitationLimit { .. } => Code::InvitationLimit,
        Refusal::NumberSuspended { .. } => Code::NumberSuspended,
        Refusal::NotOrphaned => Code::AuthorMaySend,
        Refusal::NotHeld => Code::NotHeld,
        Refusal::OptedInSince => Code::OptedInSince,
        Refusal::ChangedMeanwhile => Code::ChangedMeanwhile,
        Refusal::TooManyNotes { .. } => Code::TooManyNotes,
    }
}

/// What staff read when what they want was not taken.
fn refusal_in_words(refusal: Refusal, practice: &Practice) -> String {
    match refusal {
        Refusal::OptedOut { since } => format!(
            "This patient opted out on {}. They can text START to {}.",
            day_of(since, practice),
            spaced(&practice.number)
        ),
        Refusal::TooManyWaiting { max } => {
            format!("{max} texts to this patient wait already. Wait until some of them have gone out.")
        }
        Refusal::TooLate => "It is on its way to the patient, or finished. Its status says which.".into(),
        Refusal::NotUnconfirmed => {
            "Only a message that is unconfirmed is decided about. Its status says what it is.".into()
        }
        Refusal::NumberSuspended { since } => format!(
            "Since {} this number seems to be somebody else's, or nobody's. Ask the patient for their number and save it: \
             they are then asked for consent anew.",
            day_of(since, practice)
        ),
        Refusal::NotOrphaned => {
            "Only a text that is held because its author may no longer text patients is sent so. Its status says what it is.".into()
        }
        Refusal::NotHeld => "Nothing is held here: it was settled already, or the time for it ran out.".into(),
        Refusal::ChangedMeanwhile => Problem::ChangedMeanwhile.detail(),
        Refusal::TooManyNotes { max } => format!("A conversation has at most {max} notes."),
        Refusal::OptedInSince => "The patient texted that they want texts, after what this is about.".into(),
        Refusal::InvitationLimit { again_at } => format!(
            "This patient was invited and did not answer YES. They can be invited again from {}, or text START to {}.",
            day_of(again_at, practice),
            spaced(&practice.number)
        ),
    }
}

/// A day as the practice's calendar has it.
fn day_of(at: Timestamp, practice: &Practice) -> String {
    let zone = TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%-d %B %Y").to_string()
}

/// A number as people read it.
fn spaced(number: &Phone) -> String {
    let number = number.expose();
    match number.strip_prefix("+1") {
        Some(national) if national.len() == 10 => {
            format!("+1 {} {} {}", &national[..3], &national[3..6], &national[6..])
        }
        Some(_) | None => number.to_owned(),
    }
}

/// What is wrong (RFC 9457). Nothing here repeats what a patient is called, said, or is reached at.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem", example = json!({
    "type": "/docs/errors#invalid", "title": "Some fields can't be used", "status": 422, "code": "invalid",
    "detail": "text: must not be blank.", "field": "text", "errors": [{"field": "text", "detail": "must not be blank"}],
}))]
pub struct Written<'a> {
    /// Where the code is explained, relative to the daemon that answered.
    r#type: String,
    title: &'static str,
    status: u16,
    /// What is wrong this time, for people.
    detail: String,
    /// What programs rely on: a code stays what it is.
    code: &'static str,
    /// The first of `errors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Everything that is wrong with the fields, with `invalid`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    /// Why the daemon is not ready, with `not-ready`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [String],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Meaning { status, name, title, .. } = self.code().meaning();
        let errors = if let Self::Invalid(errors) = &self { &errors[..] } else { &[] };
        let reasons = if let Self::NotReady { reasons } = &self { &reasons[..] } else { &[] };
        let written = Written {
            r#type: self.code().explained_at(),
            title,
            status: status.as_u16(),
            detail: self.detail(),
            code: name,
            field: errors.first().map(|error| error.field.as_str()),
            errors,
            reasons,
        };
        let body = serde_json::to_vec(&written).expect("a problem has text for keys");
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Self::NotAuthenticated = self {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // For the audit.
        response.extensions_mut().insert(self.code());
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "request failed at the store");
        match error {
            StoreError::WentBack(_) => Self::StoreWentBack,
            StoreError::Unavailable(_) | StoreError::Unreadable(_) => Self::Unavailable,
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::StoreWentBack => Self::StoreWentBack,
            AskError::StoreUnavailable
            | AskError::Overloaded
            | AskError::Panicked
            | AskError::Quarantined
            | AskError::Stopping => Self::Unavailable,
            AskError::UnknownPractice => Self::NotFound,
        }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unknown => Self::NotFound,
            WebhookError::Url(error) => Self::field("url", error.to_string()),
            WebhookError::Records(error) => error.into(),
            WebhookError::Store(error) => error.into(),
        }
    }
}

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::NumberFixed => Self::NumberFixed,
            RecordsError::NumberTaken => Self::NumberTaken,
            RecordsError::ChangedMeanwhile => Self::ChangedMeanwhile,
            RecordsError::PhoneIsPractices => {
                Self::field("mobile_phone", "is a practice's own number; a practice can't text itself")
            }
            RecordsError::UnknownPractice
            | RecordsError::UnknownStaff
            | RecordsError::UnknownPatient
            | RecordsError::UnknownLink
            | RecordsError::UnknownTemplate
            | RecordsError::UnknownToken => Self::NotFound,
            RecordsError::TooManyLinks => Self::TooManyLinks,
            RecordsError::TooManyTemplates => Self::TooManyTemplates,
            RecordsError::TooManyTokens => Self::TooManyTokens,
            RecordsError::TooManySessions => Self::TooManySessions,
            RecordsError::TooManyWebhooks => Self::TooManyWebhooks,
            RecordsError::Store(error) => error.into(),
        }
    }
}
