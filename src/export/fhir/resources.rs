//! The resources that stand for themselves, and the pieces that others are made of.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::{Body, Patient, Practice, StaffMember, Status};
use crate::export::Talk;

pub fn organization(practice: &Practice) -> Value {
    json!({
        "resourceType": "Organization",
        "identifier": [{"system": "urn:x-assent:practice", "value": practice.id.as_str()}],
        "name": plain(&practice.name),
        "telecom": [{"system": "sms", "value": practice.number.expose(), "use": "work"}],
    })
}

pub fn practitioner(member: &StaffMember) -> Value {
    json!({
        "resourceType": "Practitioner",
        "identifier": [{"system": "urn:x-assent:staff", "value": member.id.as_str()}],
        "name": [{"text": plain(&member.name)}],
    })
}

pub fn patient(patient: &Patient) -> Value {
    json!({
        "resourceType": "Patient",
        "identifier": [{"system": "urn:x-assent:patient", "value": patient.id.as_str()}],
        "name": [{"family": plain(&patient.last_name), "given": [plain(&patient.first_name)]}],
        "telecom": [{"system": "sms", "value": patient.mobile_phone.expose(), "use": "mobile"}],
        "birthDate": patient.date_of_birth.to_string(),
    })
}

pub fn phone_of(talk: &Talk) -> Value {
    json!({"system": "urn:x-assent:phone", "value": talk.phone.expose()})
}

/// `EventStatus` of R4, as near as it comes; the status itself is in an extension.
pub fn status(status: Status) -> &'static str {
    match status {
        Status::Pending | Status::Held => "on-hold",
        Status::Scheduled | Status::Queued => "preparation",
        Status::Sending => "in-progress",
        Status::Sent | Status::Delivered | Status::Received => "completed",
        Status::Undelivered | Status::Failed => "not-done",
        Status::Unconfirmed => "unknown",
        Status::Expired | Status::Canceled => "stopped",
    }
}

pub fn attachment(text: &Body, title: &str, at: Option<Timestamp>) -> Value {
    let mut attachment = json!({
        "contentType": "text/plain; charset=utf-8",
        "data": STANDARD.encode(text.expose()),
        "title": title,
    });
    if let Some(at) = at {
        attachment["creation"] = json!(at.to_string());
    }
    attachment
}

/// Whether a text may be a FHIR string (`[ \r\n\t\S]+`): white space is of four kinds there, and control characters are none.
pub fn is_string(text: &str) -> bool {
    let is_plain = |character: char| {
        matches!(character, ' ' | '\r' | '\n' | '\t')
            || !(character.is_whitespace() || character.is_control() || character == '\u{feff}')
    };
    !text.trim().is_empty() && text.chars().all(is_plain)
}

/// A name as a FHIR string.
pub fn plain(name: &str) -> String {
    let plain: String = name.chars().map(|one| if is_string(&one.to_string()) { one } else { ' ' }).collect();
    if plain.trim().is_empty() { "-".to_owned() } else { plain }
}
