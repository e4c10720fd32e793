//! Practices, staff, patients, links, templates, tokens and webhooks as they are written, and their names.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::hours::{OfficeHoursV1, QuietHoursV1};
use super::webhook::{WebhookV1, webhook_id};
use super::wordings::{LanguageV1, WordingV1};
use super::{ReadError, base64, nanoseconds, octets, phone, practice_id, time};
use crate::domain::hours::{OfficeHours, QuietHours};
use crate::domain::template::Words;
use crate::domain::{
    Link, Patient, PatientId, Practice, Preferences, SEGMENTS_PER_DAY_DEFAULT, StaffId, StaffMember, Template,
    TemplateId,
};
use crate::ports::{Record, RecordKey, TokenRecord};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordV1 {
    Practice {
        id: String,
        name: String,
        number: String,
        time_zone: String,
        contact: String,
        segments_per_minute: NonZeroU32,
        /// `null` is no limit. A practice from before there was one has the default.
        #[serde(default = "segments_per_day_default")]
        segments_per_day: Option<NonZeroU32>,
        /// Those that the practice has set itself.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        texts: Vec<WordingV1>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quiet_hours: Option<QuietHoursV1>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        office_hours: Option<OfficeHoursV1>,
    },
    Staff {
        practice: String,
        id: String,
        name: String,
        site_administrator: bool,
        patient_text_administrator: bool,
    },
    Patient {
        practice: String,
        id: String,
        first_name: String,
        last_name: String,
        /// As in ISO 8601.
        date_of_birth: String,
        mobile_phone: String,
        #[serde(default, skip_serializing_if = "LanguageV1::is_english")]
        language: LanguageV1,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
    },
    Link {
        practice: String,
        phone: String,
        patient: String,
        by: Option<String>,
        at: i64,
    },
    Template {
        practice: String,
        id: String,
        name: String,
        /// With its fields in braces.
        text: String,
        #[serde(default, skip_serializing_if = "LanguageV1::is_english")]
        language: LanguageV1,
    },
    Token {
        id: String,
        practice: String,
        name: String,
        secret_sha256: String,
        created_at: i64,
        expires_at: Option<i64>,
        staff: Option<String>,
    },
    Webhook {
        practice: String,
        #[serde(flatten)]
        webhook: WebhookV1,
    },
}

impl From<&Record> for RecordV1 {
    fn from(record: &Record) -> Self {
        match record {
            Record::Practice(practice) => Self::Practice {
                id: practice.id.to_string(),
                name: practice.name.clone(),
                number: practice.number.expose().to_owned(),
                time_zone: practice.time_zone.clone(),
                contact: practice.contact.clone(),
                segments_per_minute: practice.segments_per_minute,
                segments_per_day: practice.segments_per_day,
                texts: WordingV1::all(&practice.texts),
                quiet_hours: practice.quiet_hours.as_ref().map(QuietHoursV1::from),
                office_hours: practice.office_hours.as_ref().map(OfficeHoursV1::from),
            },
            Record::Staff(practice, staff) => Self::Staff {
                practice: practice.to_string(),
                id: staff.id.to_string(),
                name: staff.name.clone(),
                site_administrator: staff.site_administrator,
                patient_text_administrator: staff.patient_text_administrator,
            },
            Record::Patient(practice, patient) => Self::Patient {
                practice: practice.to_string(),
                id: patient.id.to_string(),
                first_name: patient.first_name.clone(),
                last_name: patient.last_name.clone(),
                date_of_birth: patient.date_of_birth.to_string(),
                mobile_phone: patient.mobile_phone.expose().to_owned(),
                language: patient.preferences.language.into(),
                time_zone: patient.preferences.time_zone.clone(),
            },
            Record::Link(practice, link) => Self::Link {
                practice: practice.to_string(),
                phone: link.phone.expose().to_owned(),
                patient: link.patient.to_string(),
                by: link.by.as_ref().map(ToString::to_string),
                at: nanoseconds(link.at),
            },
            Record::Template(practice, template) => Self::Template {
                practice: practice.to_string(),
                id: template.id.to_string(),
                name: template.name.clone(),
                text: template.words.as_str().to_owned(),
                language: template.language.into(),
            },
            Record::Token(token) => Self::Token {
                id: token.id.clone(),
                practice: token.practice.to_string(),
                name: token.name.clone(),
                secret_sha256: base64(&token.secret_sha256),
                created_at: nanoseconds(token.created_at),
                expires_at: token.expires_at.map(nanoseconds),
                staff: token.staff.as_ref().map(ToString::to_string),
            },
            Record::Webhook(practice, webhook) => {
                Self::Webhook { practice: practice.to_string(), webhook: webhook.into() }
            }
        }
    }
}

impl TryFrom<RecordV1> for Record {
    type Error = ReadError;

    fn try_from(record: RecordV1) -> Result<Self, ReadError> {
        Ok(match record {
            RecordV1::Practice {
                id,
                name,
                number,
                time_zone,
                contact,
                segments_per_minute,
                segments_per_day,
                texts,
                quiet_hours,
                office_hours,
            } => Self::Practice(Practice {
                id: practice_id(&id)?,
                name,
                number: phone(&number)?,
                time_zone,
                contact,
                segments_per_minute,
                segments_per_day,
                texts: WordingV1::read(texts),
                quiet_hours: quiet_hours.map(QuietHours::try_from).transpose()?,
                office_hours: office_hours.map(OfficeHours::try_from).transpose()?,
            }),
            RecordV1::Staff { practice, id, name, site_administrator, patient_text_administrator } => Self::Staff(
                practice_id(&practice)?,
                StaffMember { id: staff_id(&id)?, name, site_administrator, patient_text_administrator },
            ),
            RecordV1::Patient {
                practice,
                id,
                first_name,
                last_name,
                date_of_birth,
                mobile_phone,
                language,
                time_zone,
            } => Self::Patient(
                practice_id(&practice)?,
                Patient {
                    id: patient_id(&id)?,
                    first_name,
                    last_name,
                    date_of_birth: date_of_birth.parse().map_err(|_| ReadError::NotA("date"))?,
                    mobile_phone: phone(&mobile_phone)?,
                    preferences: Preferences { language: language.into(), time_zone },
                },
            ),
            RecordV1::Link { practice, phone: linked, patient, by, at } => Self::Link(
                practice_id(&practice)?,
                Link {
                    phone: phone(&linked)?,
                    patient: patient_id(&patient)?,
                    by: by.as_deref().map(staff_id).transpose()?,
                    at: time(at),
                },
            ),
            RecordV1::Template { practice, id, name, text, language } => Self::Template(
                practice_id(&practice)?,
                Template {
                    id: template_id(&id)?,
                    name,
                    words: Words::parse(&text).map_err(|_| ReadError::NotA("template"))?,
                    language: language.into(),
                },
            ),
            RecordV1::Token { id, practice, name, secret_sha256, created_at, expires_at, staff } => {
                Self::Token(TokenRecord {
                    id,
                    practice: practice_id(&practice)?,
                    name,
                    secret_sha256: octets(&secret_sha256)?,
                    created_at: time(created_at),
                    expires_at: expires_at.map(time),
                    staff: staff.as_deref().map(staff_id).transpose()?,
                })
            }
            RecordV1::Webhook { practice, webhook } => Self::Webhook(practice_id(&practice)?, webhook.try_into()?),
        })
    }
}

/// The name of a record: of which practice, and its own.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKeyV1 {
    Practice(String),
    Staff(String, String),
    Patient(String, String),
    /// Of which practice, the phone, and the patient.
    Link(String, String, String),
    Template(String, String),
    Token(String, String),
    Webhook(String, String),
}

impl From<&RecordKey> for RecordKeyV1 {
    fn from(key: &RecordKey) -> Self {
        match key {
            RecordKey::Practice(practice) => Self::Practice(practice.to_string()),
            RecordKey::Staff(practice, id) => Self::Staff(practice.to_string(), id.to_string()),
            RecordKey::Patient(practice, id) => Self::Patient(practice.to_string(), id.to_string()),
            RecordKey::Link(practice, phone, patient) => {
                Self::Link(practice.to_string(), phone.expose().to_owned(), patient.to_string())
            }
            RecordKey::Template(practice, id) => Self::Template(practice.to_string(), id.to_string()),
            RecordKey::Token(practice, id) => Self::Token(practice.to_string(), id.clone()),
            RecordKey::Webhook(practice, id) => Self::Webhook(practice.to_string(), id.to_string()),
        }
    }
}

impl TryFrom<RecordKeyV1> for RecordKey {
    type Error = ReadError;

    fn try_from(key: RecordKeyV1) -> Result<Self, ReadError> {
        Ok(match key {
            RecordKeyV1::Practice(practice) => Self::Practice(practice_id(&practice)?),
            RecordKeyV1::Staff(practice, id) => Self::Staff(practice_id(&practice)?, staff_id(&id)?),
            RecordKeyV1::Patient(practice, id) => Self::Patient(practice_id(&practice)?, patient_id(&id)?),
            RecordKeyV1::Link(practice, linked, patient) => {
                Self::Link(practice_id(&practice)?, phone(&linked)?, patient_id(&patient)?)
            }
            RecordKeyV1::Template(practice, id) => Self::Template(practice_id(&practice)?, template_id(&id)?),
            RecordKeyV1::Token(practice, id) => Self::Token(practice_id(&practice)?, id),
            RecordKeyV1::Webhook(practice, id) => Self::Webhook(practice_id(&practice)?, webhook_id(&id)?),
        })
    }
}

fn segments_per_day_default() -> Option<NonZeroU32> {
    Some(SEGMENTS_PER_DAY_DEFAULT)
}

fn staff_id(text: &str) -> Result<StaffId, ReadError> {
    StaffId::parse(text).map_err(|_| ReadError::NotA("staff id"))
}

fn patient_id(text: &str) -> Result<PatientId, ReadError> {
    PatientId::parse(text).map_err(|_| ReadError::NotA("patient id"))
}

fn template_id(text: &str) -> Result<TemplateId, ReadError> {
    TemplateId::parse(text).map_err(|_| ReadError::NotA("template id"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_practice_from_before_the_day_had_a_budget_has_the_default_one() {
        let read = |segments_per_day: Option<Value>| {
            let mut practice = json!({
                "id": "riverside", "name": "Riverside PT", "number": "+13035550100", "time_zone": "America/Denver",
                "contact": "303-555-0100", "segments_per_minute": 75,
            });
            if let Some(given) = segments_per_day {
                practice["segments_per_day"] = given;
            }
            let written: RecordV1 = serde_json::from_value(json!({ "practice": practice })).unwrap();
            let Record::Practice(practice) = Record::try_from(written).unwrap() else { panic!("a practice") };
            practice.segments_per_day.map(NonZeroU32::get)
        };
        assert_eq!(read(None), Some(2_000));
        assert_eq!(read(Some(json!(50))), Some(50));
        assert_eq!(read(Some(Value::Null)), None);
    }
}
