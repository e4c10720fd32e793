//! The staff of a practice, and the short-lived tokens with which their browsers come.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::bodies::StaffBody;
use super::etag::Condition;
use super::extract::{InPractice, Json, Path};
use super::fields::read;
use super::forms::Time;
use super::operation::{OPERATION, Operation, body, created, ok};
use super::parameters::CONDITIONS;
use super::problem::{Code, Problem};
use super::views::StaffView;
use super::{Api, answer};
use crate::domain::{StaffId, StaffMember};
use crate::ports::Record;

const NAME_MAX: usize = 80;

pub const PUT: Operation = Operation {
    id: "put_staff",
    group: "staff",
    summary: "Create a member of staff, or change what they may do",
    about: "A permission that is taken away is gone at once, on open event streams too.",
    headers: CONDITIONS,
    takes: body::<StaffBody>(),
    answers: &[
        ok::<StaffView<'_>>("The member was changed").tagged(),
        created::<StaffView<'_>>("The member was created").tagged(),
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
    let id = path.fresh("staff", StaffId::parse)?;
    let name = fields.text("name", read::line(NAME_MAX));
    let site_administrator = fields.flag("site_administrator");
    let patient_text_administrator = fields.flag("patient_text_administrator");
    fields.finish()?;
    let name = name.expect("a required field that is not there is a mistake that was told");
    let member = StaffMember { id, name, site_administrator, patient_text_administrator };
    let over = condition.over({
        let (api, practice) = (Arc::clone(&api), practice.id.clone());
        move |there| {
            let Record::Staff(_, there) = there else { return None };
            Some(StaffView::tag(&api.tags, &practice, there))
        }
    });
    let put = api.records.put_staff(&practice.id, member.clone(), over).await?;
    tracing::info!(practice = %practice.id, staff = %member.id, ?put, site_administrator, patient_text_administrator, "staff were put");
    let tag = StaffView::tag(&api.tags, &practice.id, &member);
    Ok(tag.on(answer::put(put, StaffView::of(&member))))
}

pub const GET: Operation = Operation {
    id: "get_staff",
    group: "staff",
    summary: "A member of staff",
    answers: &[ok::<StaffView<'_>>("The member").tagged()],
    ..OPERATION
};
pub async fn get(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let id = path.existing("staff", StaffId::parse)?;
    let member = api.records.staff_member(&practice.id, &id).ok_or(Problem::NotFound)?;
    Ok(StaffView::tag(&api.tags, &practice.id, &member).on(answer::ok(StaffView::of(&member))))
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
