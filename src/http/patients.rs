//! The patients of a practice.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;

use super::bodies::PatientBody;
use super::etag::Condition;
use super::extract::{InPractice, Json, Parameters, Path, ThePatient};
use super::fields::read;
use super::links::LinkedPhoneView;
use super::operation::{Form, OPERATION, Operation, Parameter, body, created, ok};
use super::parameters::CONDITIONS;
use super::problem::{Code, Problem};
use super::views::{ConsentView, PatientView, PersonView};
use super::{Api, answer, texts};
use crate::domain::{ConversationKey, Event, Patient, PatientId, Preferences};
use crate::ports::Record;

const NAME_MAX: usize = 80;
const SEARCH_CHARS_MAX: usize = 200;

pub const PUT: Operation = Operation {
    id: "put_patient",
    group: "patients",
    summary: "Create a patient, or change one",
    about: "The id is the caller's own. A number that was suspended is the patient's again when it is put once more.",
    headers: CONDITIONS,
    takes: body::<PatientBody>(),
    answers: &[
        ok::<PatientView<'_>>("The patient was changed").tagged(),
        created::<PatientView<'_>>("The patient was created").tagged(),
    ],
    refuses: &[Code::ChangedMeanwhile],
    ..OPERATION
};
pub async fn put(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    condition: Condition,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let id = path.fresh("patient", PatientId::parse)?;
    let zone = TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC);
    let today = api.clock.now().to_zoned(zone).date();
    let first_name = fields.text("first_name", read::line(NAME_MAX));
    let last_name = fields.text("last_name", read::line(NAME_MAX));
    let date_of_birth = fields.text("date_of_birth", read::date_of_birth(today));
    let mobile_phone = fields.text("mobile_phone", read::phone);
    let language = fields.optional_text("language", texts::read_language).unwrap_or_default();
    let time_zone = fields.text_or_null("time_zone", read::time_zone);
    fields.finish()?;
    let (Some(first_name), Some(last_name), Some(date_of_birth), Some(mobile_phone)) =
        (first_name, last_name, date_of_birth, mobile_phone)
    else {
        unreachable!("a required field that is not there is a mistake that was told");
    };
    let patient = Patient {
        id,
        first_name,
        last_name,
        date_of_birth,
        mobile_phone,
        preferences: Preferences { language, time_zone },
    };
    let over = condition.over({
        let (api, practice) = (Arc::clone(&api), practice.id.clone());
        move |there| {
            let Record::Patient(_, there) = there else { return None };
            Some(PatientView::tag(&api.tags, &practice, there))
        }
    });
    let put = api.records.put_patient(&practice.id, patient.clone(), over).await?;
    number_given(&api, ConversationKey { practice: practice.id.clone(), phone: patient.mobile_phone.clone() }).await?;
    let tag = PatientView::tag(&api.tags, &practice.id, &patient);
    Ok(tag.on(answer::put(put, PatientView::of(&patient))))
}

/// Tells the conversation that the patient gave its number, once the record is durable. One that was suspended only after
/// this look was so after the number was given, and stays so; one that can't be told is no success, and is tried again.
async fn number_given(api: &Api, key: ConversationKey) -> Result<(), Problem> {
    let is_suspended = api.inbox.conversation(&key).await?.is_some_and(|found| found.suspension.is_some());
    if is_suspended {
        api.directory.ask(&key, Event::NumberGiven).await?;
        tracing::info!(practice = %key.practice, phone = ?key.phone, "number was given again");
    }
    Ok(())
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Patients")]
struct Found<'a> {
    patients: Vec<PatientView<'a>>,
}

const SEARCH: Parameter = Parameter {
    name: "search",
    about: "Names in any order or their beginnings, digits of the phone, or the date of birth.",
    form: Form::Text { chars_max: SEARCH_CHARS_MAX },
    example: "ros mart",
};

pub const SEARCH_THEM: Operation = Operation {
    id: "search_patients",
    group: "patients",
    summary: "The patients who fit what is searched for",
    query: &[SEARCH],
    answers: &[ok::<Found<'_>>("The patients, by name")],
    ..OPERATION
};
pub async fn search(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let query = parameters.optional_text("search", |text| match text.chars().count() {
        0..=SEARCH_CHARS_MAX => Ok(text.to_owned()),
        _ => Err(format!("must have at most {SEARCH_CHARS_MAX} characters")),
    });
    parameters.finish()?;
    let patients = api.records.search(&practice.id, &query.unwrap_or_default());
    Ok(answer::ok(Found { patients: patients.iter().map(|patient| PatientView::of(patient)).collect() }))
}

/// A patient, with the consent of the phone and whoever shares it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PatientWithConsent")]
struct Whole<'a> {
    #[serde(flatten)]
    patient: PatientView<'a>,
    consent: ConsentView,
    shares_phone_with: Vec<PersonView>,
    linked_phones: Vec<LinkedPhoneView>,
}

pub const GET: Operation = Operation {
    id: "get_patient",
    group: "patients",
    summary: "A patient, with the consent that the phone has given",
    answers: &[ok::<Whole<'_>>("The patient").tagged()],
    ..OPERATION
};
pub async fn get(Given(api): Given<Arc<Api>>, the: ThePatient) -> Result<Response, Problem> {
    let key = the.conversation();
    let consent = ConsentView::read(&api, &the.practice, &key).await?;
    let sharing = api.records.people(&key.practice, &key.phone);
    let others = sharing.iter().filter(|other| other.patient.id != the.patient.id);
    let links = api.records.links_of(&key.practice, &the.patient.id);
    let tag = PatientView::tag(&api.tags, &key.practice, &the.patient);
    Ok(tag.on(answer::ok(Whole {
        patient: PatientView::of(&the.patient),
        consent,
        shares_phone_with: others.map(PersonView::of).collect(),
        linked_phones: links.iter().map(LinkedPhoneView::of).collect(),
    })))
}
