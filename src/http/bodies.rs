//! What calls take in their bodies, for the description of the API: handlers read a body field by field, so that they can
//! tell everything that is wrong with it at once. `tests/api/specification.rs` holds that both say the same.

// They are read by the derive alone.
#![allow(dead_code)]

use schemars::JsonSchema;

use super::forms::{
    Day, EventName, LINE_PATTERN, LanguageCode, Opening, PatientIdentifier, PhoneNumber, StaffIdentifier, TEXT_PATTERN,
    Time, TimeOfDay, TimeZoneName, Wording,
};
use crate::domain::{SEGMENTS_PER_DAY_DEFAULT, SEGMENTS_PER_MINUTE_DEFAULT};

/// A practice, as its operator puts it.
#[derive(JsonSchema)]
#[schemars(rename = "PracticeToPut", deny_unknown_fields)]
pub struct PracticeBody {
    #[schemars(length(min = 1, max = 60), regex(pattern = LINE_PATTERN), example = &"Riverside Physical Therapy")]
    name: String,
    /// Its texting number. It stays.
    #[schemars(example = &"+13035550100")]
    number: PhoneNumber,
    time_zone: TimeZoneName,
    /// Whom patients can call.
    #[schemars(length(min = 1, max = 60), regex(pattern = LINE_PATTERN), example = &"303-555-0199")]
    contact: String,
    #[serde(default = "per_minute")]
    #[schemars(range(min = 1, max = 100_000_000), example = 75)]
    segments_per_minute: u32,
    /// `null` is no limit.
    #[serde(default = "per_day")]
    #[schemars(range(min = 1, max = 1_000_000_000), example = 2000)]
    segments_per_day: Option<u32>,
    /// What Assent writes itself, in the practice's own wordings.
    #[serde(default)]
    texts: TextsBody,
    /// The part of the day in which texts wait; `null` is none.
    quiet_hours: Option<QuietBody>,
    /// When the practice is open; `null` is never told to patients.
    office_hours: Option<OfficeBody>,
}

/// Wordings by what they are for. What is left out is worded as by default.
#[derive(Default, JsonSchema)]
#[schemars(rename = "Texts", deny_unknown_fields, example = serde_json::json!({
    "help": {"en": "{practice}: call {contact}. Reply STOP to opt out."},
}))]
pub struct TextsBody {
    #[serde(default)]
    invitation: WordingBody,
    #[serde(default)]
    opt_out_confirmation: WordingBody,
    #[serde(default)]
    start_confirmation: WordingBody,
    #[serde(default)]
    help: WordingBody,
    #[serde(default)]
    after_hours: WordingBody,
}

/// A wording in each language. It may have the fields `{practice}` and `{contact}`.
#[derive(Default, JsonSchema)]
#[schemars(rename = "Wordings", deny_unknown_fields, example = serde_json::json!({
    "en": "{practice}: call {contact}. Reply STOP to opt out.",
}))]
pub struct WordingBody {
    #[serde(default)]
    en: Wording,
    #[serde(default)]
    es: Wording,
}

/// From when to when it is quiet, by the patient's clock.
#[derive(JsonSchema)]
#[schemars(rename = "QuietHoursToPut", deny_unknown_fields, example = serde_json::json!({"from": "21:00", "to": "08:00"}))]
pub struct QuietBody {
    from: TimeOfDay,
    to: TimeOfDay,
}

/// The hours of each day of the week. A day that is left out is closed.
#[derive(JsonSchema)]
#[schemars(rename = "OfficeHoursToPut", deny_unknown_fields, example = serde_json::json!({
    "monday": ["08:00-12:00", "13:00-17:00"], "tuesday": ["08:00-17:00"],
}))]
pub struct OfficeBody {
    #[serde(default)]
    monday: Vec<Opening>,
    #[serde(default)]
    tuesday: Vec<Opening>,
    #[serde(default)]
    wednesday: Vec<Opening>,
    #[serde(default)]
    thursday: Vec<Opening>,
    #[serde(default)]
    friday: Vec<Opening>,
    #[serde(default)]
    saturday: Vec<Opening>,
    #[serde(default)]
    sunday: Vec<Opening>,
}

/// A token to be made.
#[derive(JsonSchema)]
#[schemars(rename = "TokenToCreate", deny_unknown_fields)]
pub struct TokenBody {
    /// What it is for.
    #[schemars(length(min = 1, max = 80), regex(pattern = LINE_PATTERN), example = &"Stride backend")]
    name: String,
}

/// A member of staff. A permission that is left out is not given.
#[derive(JsonSchema)]
#[schemars(rename = "StaffToPut", deny_unknown_fields)]
pub struct StaffBody {
    #[schemars(length(min = 1, max = 80), regex(pattern = LINE_PATTERN), example = &"Maria Alvarez")]
    name: String,
    #[serde(default)]
    #[schemars(example = false)]
    site_administrator: bool,
    #[serde(default)]
    #[schemars(example = true)]
    patient_text_administrator: bool,
}

/// A patient, as the practice's records have them.
#[derive(JsonSchema)]
#[schemars(rename = "PatientToPut", deny_unknown_fields)]
pub struct PatientBody {
    #[schemars(length(min = 1, max = 80), regex(pattern = LINE_PATTERN), example = &"Rosa")]
    first_name: String,
    #[schemars(length(min = 1, max = 80), regex(pattern = LINE_PATTERN), example = &"Martinez")]
    last_name: String,
    /// Not before 1900, and not in the future.
    date_of_birth: Day,
    mobile_phone: PhoneNumber,
    /// Left out it is `en`.
    #[serde(default)]
    language: LanguageCode,
    /// Where the patient lives; `null` is where the practice is.
    time_zone: Option<TimeZoneName>,
}

/// A text to a patient. It waits for consent, for `send_at`, and for quiet hours to end.
#[derive(JsonSchema)]
#[schemars(rename = "TextToSend", deny_unknown_fields)]
pub struct SendBody {
    /// Of at most as many segments as the carrier takes: ten unless it is configured otherwise.
    #[schemars(length(min = 1), regex(pattern = TEXT_PATTERN), example = &"Hi Rosa, see you Tuesday at 3?")]
    text: String,
    /// Within a year. A time that has passed is now, and so is `null`.
    send_at: Option<Time>,
    /// The patient's mobile phone, or a number that is linked to them; left out, or `null`, it is the mobile phone.
    phone: Option<PhoneNumber>,
}

/// A text to be kept and written again.
#[derive(JsonSchema)]
#[schemars(rename = "TemplateToPut", deny_unknown_fields)]
pub struct TemplateBody {
    /// What staff find it by.
    #[schemars(length(min = 1, max = 80), regex(pattern = LINE_PATTERN), example = &"Reminder")]
    name: String,
    /// May have the fields `{first_name}`, `{last_name}`, `{practice_name}` and `{practice_contact}`, and no other braces.
    #[schemars(length(min = 1), regex(pattern = TEXT_PATTERN), example = &"Hi {first_name}, see you tomorrow. Questions? {practice_contact}")]
    text: String,
    /// What it is written in; left out it is `en`.
    #[serde(default)]
    language: LanguageCode,
}

/// Whom a template is filled for.
#[derive(JsonSchema)]
#[schemars(rename = "TemplateToRender", deny_unknown_fields)]
pub struct RenderBody {
    patient: PatientIdentifier,
}

/// What is to become of a text.
#[derive(JsonSchema)]
#[schemars(rename = "Resolution", deny_unknown_fields)]
pub struct ResolveBody {
    /// `resend` and `send` send its words as a new message; `sent` and `discard` send nothing.
    #[schemars(extend("enum" = ["send", "resend", "sent", "discard"]), example = &"sent")]
    decision: String,
}

/// That a patient asked for no more texts by voice or in person.
#[derive(JsonSchema)]
#[schemars(rename = "OptOut", deny_unknown_fields)]
pub struct OptOutBody {
    #[schemars(length(min = 1, max = 200), regex(pattern = LINE_PATTERN), example = &"Asked at the desk")]
    reason: String,
    /// The patient's mobile phone, or a number that is linked to them; left out, or `null`, it is the mobile phone.
    phone: Option<PhoneNumber>,
}

/// What a probable opt-out meant.
#[derive(JsonSchema)]
#[schemars(rename = "HoldToSettle", deny_unknown_fields)]
pub struct HoldBody {
    #[schemars(extend("enum" = ["opt_out", "release"]), example = &"release")]
    decision: String,
}

/// A text to be looked at.
#[derive(JsonSchema)]
#[schemars(rename = "TextToPreview", deny_unknown_fields)]
pub struct PreviewBody {
    #[schemars(length(min = 1), regex(pattern = TEXT_PATTERN), example = &"Hi Rosa \u{2014} see you Tuesday?")]
    text: String,
}

/// What staff arrange about a conversation. What is left out stays.
#[derive(JsonSchema)]
#[schemars(rename = "Rearrangement", deny_unknown_fields)]
pub struct RearrangementBody {
    /// Somebody who may text patients; `null` is nobody.
    #[schemars(with = "Option<StaffIdentifier>")]
    assigned_to: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = false)]
    closed: bool,
    /// All of them: those that are not named are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<TagBody>", length(max = 10))]
    tags: Vec<String>,
}

/// A word or a few.
#[derive(JsonSchema)]
#[schemars(inline)]
pub struct TagBody(#[schemars(length(min = 1, max = 40), regex(pattern = LINE_PATTERN), example = &"billing")] String);

/// A note for the others. It is never sent.
#[derive(JsonSchema)]
#[schemars(rename = "NoteToAdd", deny_unknown_fields)]
pub struct NoteBody {
    #[schemars(length(min = 1, max = 2000), regex(pattern = TEXT_PATTERN), example = &"Her son answers the phone after five.")]
    text: String,
}

/// Where the events of a practice are posted to.
#[derive(JsonSchema)]
#[schemars(rename = "WebhookToPut", deny_unknown_fields)]
pub struct WebhookBody {
    /// `https`, to a public address; the server's configuration may allow others.
    #[schemars(length(min = 1, max = 2048), example = &"https://hooks.example/assent")]
    url: String,
    /// Those that are posted; `null` is all of them, and those that are yet to be invented.
    #[schemars(length(min = 1), example = serde_json::json!(["message.received"]))]
    events: Option<Vec<EventName>>,
    /// What happens while it is `false` is posted once it is `true`, as far as it is kept.
    #[serde(default = "yes")]
    #[schemars(example = true)]
    enabled: bool,
}

fn yes() -> bool {
    true
}

fn per_minute() -> u32 {
    SEGMENTS_PER_MINUTE_DEFAULT.get()
}

#[expect(clippy::unnecessary_wraps, reason = "the field may be null")]
fn per_day() -> Option<u32> {
    Some(SEGMENTS_PER_DAY_DEFAULT.get())
}
