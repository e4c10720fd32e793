//! What staff say about consent: what a probable opt-out meant, and that a patient asked for no more texts. No call opts
//! anybody in.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::bodies::{HoldBody, OptOutBody};
use super::conversations::existing;
use super::extract::{InPractice, Json, TheConversation, ThePatient};
use super::fields::read;
use super::forms::PhoneNumber;
use super::operation::{OPERATION, Operation, body, ok};
use super::problem::{Code, Problem};
use super::views::{ConsentView, PersonView};
use super::{Api, answer};
use crate::conversations::Reply;
use crate::domain::{Body, ConversationKey, Event, Outcome, Practice, Settlement};

/// Characters of a reason: a sentence or two.
const REASON_MAX: usize = 200;

pub const SETTLE_HOLD: Operation = Operation {
    id: "settle_hold",
    group: "consent",
    summary: "Say what a probable opt-out meant",
    takes: body::<HoldBody>(),
    answers: &[ok::<Changed<'_>>("The consent from then on")],
    refuses: &[Code::NotHeld],
    ..OPERATION
};
pub async fn settle_hold(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    InPractice(practice): InPractice,
    TheConversation(key): TheConversation,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let decision = fields.text("decision", settlement);
    fields.finish()?;
    let settlement = decision.expect("a required field that is not there is a mistake that was told");
    existing(&api, &key).await?;
    tell(&api, &practice, &key, Event::HoldSettled { settlement, staff: caller.staff.clone() }).await?;
    tracing::info!(practice = %practice.id, phone = ?key.phone, staff = ?caller.staff, ?settlement, "hold was settled");
    changed(&api, &practice, &key).await
}

fn settlement(text: &str) -> Result<Settlement, &'static str> {
    match text {
        "opt_out" => Ok(Settlement::OptOut),
        "release" => Ok(Settlement::Release),
        _ => Err("must be opt_out or release"),
    }
}

pub const OPT_OUT: Operation = Operation {
    id: "opt_out_patient",
    group: "consent",
    summary: "Opt out a patient who asked for it by voice or in person",
    about: "No call opts a patient in: they text START to the practice's number.",
    takes: body::<OptOutBody>(),
    answers: &[ok::<Changed<'_>>("The consent from then on")],
    refuses: &[Code::OptedInSince],
    ..OPERATION
};
pub async fn opt_out(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    the: ThePatient,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let reason = fields.text("reason", read::line(REASON_MAX));
    let phone = fields.text_or_null("phone", read::phone);
    fields.finish()?;
    let reason = reason.expect("a required field that is not there is a mistake that was told");
    let key = the.conversation_at(&api, phone, "phone")?;
    let event = Event::OptedOutByStaff { staff: caller.staff.clone(), reason: Body::new(reason) };
    tell(&api, &the.practice, &key, event).await?;
    tracing::info!(practice = %the.practice.id, phone = ?key.phone, staff = ?caller.staff, "patient was opted out by staff");
    changed(&api, &the.practice, &key).await
}

async fn tell(api: &Api, practice: &Practice, key: &ConversationKey, event: Event) -> Result<(), Problem> {
    match api.directory.ask(key, event).await? {
        Reply::Decided(Outcome::Recorded) => Ok(()),
        Reply::Decided(Outcome::Refused(refusal)) => Err(Problem::Refused(refusal, Box::new(practice.clone()))),
        Reply::Decided(Outcome::Accepted(_) | Outcome::Duplicate(_) | Outcome::Noted(_))
        | Reply::AnsweredBefore(_)
        | Reply::KeyReused => {
            unreachable!("what staff say is recorded or refused")
        }
    }
}

/// Whom it is about, and what is so from then on.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConsentOfPhone")]
struct Changed<'a> {
    #[schemars(with = "PhoneNumber")]
    phone: &'a str,
    patients: Vec<PersonView>,
    consent: ConsentView,
}

async fn changed(api: &Api, practice: &Practice, key: &ConversationKey) -> Result<Response, Problem> {
    let consent = ConsentView::read(api, practice, key).await?;
    Ok(answer::ok(Changed { phone: key.phone.expose(), patients: PersonView::all(api, key), consent }))
}
