//! The staff of a practice, and the short-lived tokens with which their browsers come.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::bodies::StaffBody;
use super::extract::{InPractice, Json, Path};
use super::fields::read;
use super::forms::Time;
use super::operation::{OPERATION, Operation, body, created, ok};
use super::problem::{Code, Problem};
use super::views::StaffView;
use super::{Api, answer};
use crate::domain::{StaffId, StaffMember};

const NAME_MAX: usize = 80;

pub const PUT: Operation = Operation {
    id: "put_staff",
    group: "staff",
    summary: "Create a member of staff, or change what they may do",
    about: "A permission that is taken away is gone at once, on open event streams too.",
    takes: body::<StaffBody>(),
    answers: &[ok::<StaffView<'_>>("The member was changed"), created::<StaffView<'_>>("The member was created")],
    ..OPERATION
};
pub async fn put(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let id = path.fresh("staff", StaffId::parse)?;
    let name = fields.text("name", read::line(NAME_MAX));
    let site_administrator = fields.flag("site_administrator");
    let patient_text_administrator = fields.flag("patient_text_administrator");
    fields.finish()?;
    let name = name.expect("a required field that is not there is a mistake that was told");
    let member = StaffMember { id, name, site_administrator, patient_text_administrator };
    let put = api.records.put_staff(&practice.id, member.clone()).await?;
    tracing::info!(practice = %practice.id, staff = %member.id, ?put, site_administrator, patient_text_administrator, "staff were put");
    Ok(answer::put(put, StaffView::of(&member)))
}

#[derive(Serialize, JsonSchema)]
struct Staff<'a> {
    staff: Vec<StaffView<'a>>,
}

pub const LIST: Operation = Operation {
    id: "list_staff",
    group: "staff",
    summary: "The staff of a practice",
    answers: &[ok::<Staff<'_>>("The staff, by their ids")],
    ..OPERATION
};
pub async fn list(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Response {
    let staff = api.records.staff(&practice.id);
    answer::ok(Staff { staff: staff.iter().map(StaffView::of).collect() })
}

/// A token that acts as one member of staff.
#[derive(Serialize, JsonSchema)]
struct Session<'a> {
    #[schemars(example = &"assent_k7m2q9x4b8tz_…")]
    token: &'a str,
    #[schemars(with = "Option<Time>")]
    expires_at: Option<String>,
}

pub const CREATE_SESSION: Operation = Operation {
    id: "create_session",
    group: "staff",
    summary: "Make a short-lived token that acts as this member of staff, for a browser",
    answers: &[created::<Session<'_>>("The token, which is shown this once")],
    refuses: &[Code::TooManySessions],
    ..OPERATION
};
pub async fn create_session(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let staff = path.existing("staff", StaffId::parse)?;
    let new = api.records.create_session(&practice.id, &staff).await?;
    let expires_at = new.record.expires_at.map(|at| at.to_string());
    Ok(answer::created(Session { token: new.token.expose_secret(), expires_at }))
}
