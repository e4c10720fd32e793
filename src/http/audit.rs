//! The audit of a practice: what is entered of each call, and the call that reads it.
//!
//! An entry is durable before its call is answered, and so is one of a call that was refused; one that can't be entered is not
//! answered. It names who, what and whom, never what was said or looked for.

use std::sync::Arc;

use axum::extract::{RawPathParams, State as Given};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Credential;
use super::extract::{InPractice, Parameters};
use super::forms::{MessageIdentifier, PatientIdentifier, PhoneNumber, StaffIdentifier, Time};
use super::operation::{Form, OPERATION, Operation, Parameter, ok};
use super::parameters::LIMIT;
use super::problem::{Code, Problem};
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::domain::audit::{Audited, By, Ended, Subject};
use crate::domain::{MessageId, PatientId, Phone, StaffId};
use crate::ports::AuditPlace;

/// Ids in a path that are none of a patient, a phone or a message.
const OTHERS: [&str; 5] = ["staff", "token", "template", "webhook", "delivery"];
/// Characters of an id that is entered as it was written; a longer one is no id of ours.
const OTHER_MAX: usize = 64;
/// Digits of a place: as many as entries can ever need.
const PLACE_DIGITS_MAX: usize = 18;

/// Who calls, as it is entered. `staff` is whoever acts, if that is known.
pub fn by(credential: &Credential, staff: Option<StaffId>) -> By {
    match credential {
        Credential::Operator => By::Operator(staff),
        Credential::Token { id, session_of, .. } => match staff.or_else(|| session_of.clone()) {
            Some(staff) => By::Staff { staff, token: id.clone() },
            None => By::Backend { token: id.clone() },
        },
    }
}

/// What a path names. What is no id, or none of ours, is not entered.
pub fn subject(params: &RawPathParams) -> Subject {
    let mut subject = Subject::default();
    for (name, value) in params {
        match name {
            "patient" => subject.patient = PatientId::parse(value).ok(),
            "phone" => subject.phone = Phone::parse(value).ok(),
            "message" => subject.message = MessageId::parse(value),
            _ if OTHERS.contains(&name) && is_id(value) => subject.other = Some(value.to_owned()),
            _ => {}
        }
    }
    subject
}

fn is_id(text: &str) -> bool {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    (1..=OTHER_MAX).contains(&text.len()) && text.bytes().all(fits)
}

/// How a call ended, as its answer says.
pub fn ended(response: &Response) -> Ended {
    let status = response.status();
    if status.is_success() {
        return Ended::Done;
    }
    let code = response.extensions().get::<Code>().map(|code| code.meaning().name.to_owned());
    Ended::Refused(code.unwrap_or_else(|| status.as_str().to_owned()))
}

/// An entry of the audit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
struct EntryView {
    /// Its place in the audit of the practice.
    #[schemars(example = &"17")]
    id: String,
    #[schemars(with = "Time")]
    at: String,
    by: ByView,
    /// The call, by its `operationId`.
    #[schemars(example = &"get_patient")]
    action: String,
    #[schemars(with = "Option<PatientIdentifier>")]
    patient: Option<String>,
    #[schemars(with = "Option<PhoneNumber>")]
    phone: Option<String>,
    #[schemars(with = "Option<MessageIdentifier>")]
    message: Option<String>,
    /// Another id that the call named: of a member of staff, a token, a template, a webhook.
    #[schemars(example = &"maria")]
    subject: Option<String>,
    outcome: OutcomeName,
    /// Why it was refused.
    #[schemars(example = &"not-found")]
    code: Option<String>,
}

/// Who called.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditBy")]
struct ByView {
    kind: ByKind,
    #[schemars(with = "Option<StaffIdentifier>")]
    staff: Option<String>,
    /// The public id of the token.
    #[schemars(example = &"k7m2q9x4b8tz")]
    token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, example = &"staff")]
enum ByKind {
    Operator,
    Backend,
    Staff,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, example = &"done")]
enum OutcomeName {
    Done,
    Refused,
}

impl EntryView {
    fn of(place: AuditPlace, entry: Audited) -> Self {
        let Audited { practice: _, at, by, action, about, ended } = entry;
        let (kind, staff, token) = match by {
            By::Operator(staff) => (ByKind::Operator, staff, None),
            By::Backend { token } => (ByKind::Backend, None, Some(token)),
            By::Staff { staff, token } => (ByKind::Staff, Some(staff), Some(token)),
        };
        let (outcome, code) = match ended {
            Ended::Done => (OutcomeName::Done, None),
            Ended::Refused(code) => (OutcomeName::Refused, Some(code)),
        };
        Self {
            id: place.0.to_string(),
            at: at.to_string(),
            by: ByView { kind, staff: staff.map(|id| id.to_string()), token },
            action,
            patient: about.patient.map(|id| id.to_string()),
            phone: about.phone.map(|phone| phone.expose().to_owned()),
            message: about.message.map(|id| id.to_string()),
            subject: about.other,
            outcome,
            code,
        }
    }
}

/// A page of the audit, the oldest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditPage")]
struct Page {
    entries: Vec<EntryView>,
    /// Where the next page begins; `null` when there is no more for now.
    #[schemars(example = &"17")]
    next: Option<String>,
}

const AFTER: Parameter = Parameter {
    name: "after",
    about: "The id of an entry: the page of what came after it. Left out, the audit is read from its beginning.",
    form: Form::Pattern("^[0-9]{1,18}$"),
    example: "0",
};

pub const LIST: Operation = Operation {
    id: "list_audit",
    group: "audit",
    summary: "Who called what of this practice, the oldest first",
    about: "Every call with a valid token is entered before it is answered, reads and refused ones too: who, what, about whom \
            and when, and never what was said or looked for. `assent audit verify` shows that nothing was changed since.",
    query: &[AFTER, LIMIT],
    answers: &[ok::<Page>("A page of entries")],
    ..OPERATION
};
pub async fn list(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let after = parameters.optional_text("after", place);
    let limit = parameters.optional_text("limit", limit);
    parameters.finish()?;
    let limit = limit.unwrap_or(PAGE_DEFAULT);
    let entries = api.audits.audited(&practice.id, after.unwrap_or_default(), limit).await?;
    let is_full = entries.len() == limit;
    let next = entries.last().filter(|_| is_full).map(|(place, _)| place.0.to_string());
    let entries = entries.into_iter().map(|(place, entry)| EntryView::of(place, entry)).collect();
    Ok(answer::ok(Page { entries, next }))
}

fn place(text: &str) -> Result<AuditPlace, String> {
    let is_number = (1..=PLACE_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    let place = text.parse().ok().filter(|_| is_number).map(AuditPlace);
    place.ok_or_else(|| "must be the id of an entry, or 0".to_owned())
}
