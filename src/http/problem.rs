//! Everything that can be wrong with a request, and how it is said (RFC 9457). The only place with status codes for it.
//!
//! Nothing here repeats what a patient is called, said, or is reached at: problems end up in other people's logs.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::conversations::AskError;
use crate::domain::{Phone, Practice, Refusal};
use crate::ports::StoreError;
use crate::records::{RecordsError, SESSIONS_MAX, TOKENS_MAX};

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
    NotSiteAdministrator,
    NotPatientTextAdministrator,
    UnknownStaff,
    OtherStaff,

    // What is asked for.
    NotFound,
    NumberFixed,
    NumberTaken,
    ChangedMeanwhile,
    TooManyTokens,
    TooManySessions,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub field: String,
    pub detail: String,
}

impl Problem {
    pub fn field(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }

    /// Status, code and title. The code is what programs rely on.
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::MalformedJson { .. } | Self::MalformedBody => {
                (StatusCode::BAD_REQUEST, "malformed-json", "The body is not JSON")
            }
            Self::BadIdempotencyKey => {
                (StatusCode::BAD_REQUEST, "bad-idempotency-key", "The Idempotency-Key can't be used")
            }
            Self::BadCursor => (StatusCode::BAD_REQUEST, "bad-cursor", "There is no such place in the list"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::NotJson => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is not said to be JSON")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This can't be done here"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Some fields can't be used"),
            Self::NotAuthenticated => (StatusCode::UNAUTHORIZED, "not-authenticated", "A valid token is needed"),
            Self::TooManyFailures { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-failures", "Too many invalid tokens came from this address")
            }
            Self::TooManyRequests { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "The token's allowance of requests is used up")
            }
            Self::NotOperator => (StatusCode::FORBIDDEN, "not-operator", "Only the operator may do this"),
            Self::NotPracticeToken => {
                (StatusCode::FORBIDDEN, "not-practice-token", "Only the practice's own token may do this")
            }
            Self::NotSiteAdministrator => {
                (StatusCode::FORBIDDEN, "not-site-administrator", "This needs a Site Administrator")
            }
            Self::NotPatientTextAdministrator => {
                (StatusCode::FORBIDDEN, "not-patient-text-administrator", "This needs a Patient Text Administrator")
            }
            Self::UnknownStaff => (StatusCode::FORBIDDEN, "unknown-staff", "Nobody of this practice acts"),
            Self::OtherStaff => (StatusCode::FORBIDDEN, "other-staff", "The token is another member of staff's"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing here"),
            Self::NumberFixed => (StatusCode::CONFLICT, "number-fixed", "A practice keeps its number"),
            Self::NumberTaken => (StatusCode::CONFLICT, "number-taken", "The number is in use"),
            Self::ChangedMeanwhile => {
                (StatusCode::PRECONDITION_FAILED, "changed-meanwhile", "It is not what you have seen")
            }
            Self::TooManyTokens => (StatusCode::CONFLICT, "too-many-tokens", "The practice has too many tokens"),
            Self::TooManySessions => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-sessions", "The practice has too many sessions")
            }
            Self::IdempotencyKeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "The Idempotency-Key was used for something else",
            ),
            Self::Refused(Refusal::OptedOut { .. }, _) => (StatusCode::CONFLICT, "opted-out", "The patient opted out"),
            Self::Refused(Refusal::TooManyWaiting { .. }, _) => {
                (StatusCode::CONFLICT, "too-many-waiting", "Too many texts wait for this patient")
            }
            Self::Refused(Refusal::TooLate, _) => (StatusCode::CONFLICT, "too-late", "It can't be taken back any more"),
            Self::Refused(Refusal::NotUnconfirmed, _) => {
                (StatusCode::CONFLICT, "not-unconfirmed", "It is known what became of it")
            }
            Self::Refused(Refusal::InvitationLimit { .. }, _) => {
                (StatusCode::CONFLICT, "invitation-limit", "The patient was invited and did not answer")
            }
            Self::Refused(Refusal::NumberSuspended { .. }, _) => {
                (StatusCode::CONFLICT, "number-suspended", "The number is not the patient's any more")
            }
            Self::Refused(Refusal::NotOrphaned, _) => {
                (StatusCode::CONFLICT, "author-may-send", "Nobody has to answer for it")
            }
            Self::Refused(Refusal::NotHeld, _) => (StatusCode::CONFLICT, "not-held", "There is nothing to settle"),
            Self::Refused(Refusal::OptedInSince, _) => {
                (StatusCode::CONFLICT, "opted-in-since", "The patient has opted in since")
            }
            Self::Unavailable | Self::TooBusy => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Assent can't answer at the moment")
            }
            Self::StoreWentBack => {
                (StatusCode::SERVICE_UNAVAILABLE, "store-rolled-back", "Assent's store has lost what it had")
            }
            Self::TooManyStreams => {
                (StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", "Too many event streams are open")
            }
            Self::NotReady { .. } => (StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Assent is not ready"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is wrong with Assent"),
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
            Self::TooManyTokens => format!("A practice has at most {TOKENS_MAX} tokens. Revoke one first."),
            Self::TooManySessions => format!("A practice has at most {SESSIONS_MAX} sessions at once."),
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

/// The problem as it is written.
#[derive(Serialize)]
struct Written<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [String],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind();
        let errors = if let Self::Invalid(errors) = &self { &errors[..] } else { &[] };
        let reasons = if let Self::NotReady { reasons } = &self { &reasons[..] } else { &[] };
        let written = Written {
            r#type: format!("urn:assent:problem:{code}"),
            title,
            status: status.as_u16(),
            detail: self.detail(),
            code,
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

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        match error {
            RecordsError::NumberFixed => Self::NumberFixed,
            RecordsError::NumberTaken => Self::NumberTaken,
            RecordsError::ChangedMeanwhile => Self::ChangedMeanwhile,
            RecordsError::PhoneIsPractices => {
                Self::field("mobile_phone", "is a practice's own number; a practice can't text itself")
            }
            RecordsError::UnknownPractice | RecordsError::UnknownStaff | RecordsError::UnknownToken => Self::NotFound,
            RecordsError::TooManyTokens => Self::TooManyTokens,
            RecordsError::TooManySessions => Self::TooManySessions,
            RecordsError::Store(error) => error.into(),
        }
    }
}
