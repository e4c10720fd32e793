//! Numbers that staff say are a patient's, besides the one in the patient's record.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::conversations::existing;
use super::extract::{TheConversation, ThePatient};
use super::forms::{PhoneNumber, StaffIdentifier, Time};
use super::operation::{OPERATION, Operation, created, nothing, ok};
use super::problem::{Code, Problem};
use super::views::PatientView;
use super::{Api, answer};
use crate::domain::{Link, StaffId};

/// A number that is linked to a patient.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LinkedPhone")]
pub struct LinkedPhoneView {
    #[schemars(with = "PhoneNumber")]
    phone: String,
    #[serde(flatten)]
    linked: LinkedView,
}

/// Who linked a number to a patient, and when.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Linked")]
struct LinkedView {
    /// `null` is the operator.
    #[schemars(with = "Option<StaffIdentifier>")]
    by: Option<String>,
    #[schemars(with = "Time")]
    at: String,
}

impl LinkedPhoneView {
    pub fn of(link: &Link) -> Self {
        Self { phone: link.phone.expose().to_owned(), linked: LinkedView::of(link) }
    }
}

impl LinkedView {
    fn of(link: &Link) -> Self {
        Self { by: link.by.as_ref().map(StaffId::to_string), at: link.at.to_string() }
    }
}

/// A patient, and that the number of the path is linked to them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LinkedPatient")]
struct LinkedPatientView<'a> {
    #[serde(flatten)]
    patient: PatientView<'a>,
    linked: LinkedView,
}

pub const PUT: Operation = Operation {
    id: "link_phone",
    group: "conversations",
    summary: "Say that a number which wrote is a patient's",
    about: "It opts nobody in: consent is the phone's. A link that is there stays as it is. A number may be linked to several \
            patients, and a patient to several numbers.",
    answers: &[
        ok::<LinkedPatientView<'_>>("It was linked before"),
        created::<LinkedPatientView<'_>>("It is linked from now on"),
    ],
    refuses: &[Code::TooManyLinks],
    ..OPERATION
};
/// A number is linked that has written or was written to: one that is mistyped is nobody's.
pub async fn put(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    TheConversation(key): TheConversation,
    the: ThePatient,
) -> Result<Response, Problem> {
    existing(&api, &key).await?;
    let link = Link { phone: key.phone, patient: the.patient.id.clone(), by: caller.staff, at: api.clock.now() };
    let (put, link) = api.records.link(&key.practice, link).await?;
    tracing::info!(practice = %key.practice, phone = ?link.phone, patient = %link.patient, by = ?link.by, ?put, "number was linked");
    Ok(answer::put(put, LinkedPatientView { patient: PatientView::of(&the.patient), linked: LinkedView::of(&link) }))
}

pub const REMOVE: Operation = Operation {
    id: "unlink_phone",
    group: "conversations",
    summary: "Take back that a number is a patient's",
    about: "What was written to the number stays in its thread, and what waits to go there still goes, unless it is taken back by \
            the number's own path.",
    answers: &[nothing("It is not linked any more")],
    ..OPERATION
};
pub async fn remove(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    TheConversation(key): TheConversation,
    the: ThePatient,
) -> Result<Response, Problem> {
    api.records.unlink(&key.practice, &key.phone, &the.patient.id).await?;
    tracing::info!(practice = %key.practice, phone = ?key.phone, patient = %the.patient.id, by = ?caller.staff, "number was unlinked");
    Ok(answer::nothing())
}
