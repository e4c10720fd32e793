//! Practices, and the tokens that their own programs come with.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::auth::Caller;
use super::bodies::{PracticeBody, TokenBody};
use super::etag::Condition;
use super::extract::{InPractice, Json, Path};
use super::fields::read;
use super::forms::Time;
use super::operation::{OPERATION, Operation, body, created, nothing, ok};
use super::parameters::CONDITIONS;
use super::problem::{Code, Problem};
use super::views::{PracticeTodayView, PracticeView};
use super::{Api, answer, hours, texts};
use crate::domain::{Practice, PracticeId, SEGMENTS_PER_DAY_DEFAULT, SEGMENTS_PER_MINUTE_DEFAULT};
use crate::ports::Record;

/// Leaves room for the rest of the invitation in two segments.
const NAME_MAX: usize = 60;
const CONTACT_MAX: usize = 60;
const SEGMENTS_PER_MINUTE_MAX: u32 = 100_000_000;
const SEGMENTS_PER_DAY_MAX: u32 = 1_000_000_000;
const TOKEN_NAME_MAX: usize = 80;

pub const PUT: Operation = Operation {
    id: "put_practice",
    group: "practices",
    summary: "Create a practice, or change it",
    about: "What is left out is as by default, whatever it was before. A practice keeps its number.",
    headers: CONDITIONS,
    takes: body::<PracticeBody>(),
    answers: &[
        ok::<PracticeView<'_>>("It was changed").tagged(),
        created::<PracticeView<'_>>("It was created").tagged(),
    ],
    refuses: &[Code::NumberFixed, Code::NumberTaken, Code::ChangedMeanwhile],
    ..OPERATION
};
pub async fn put(
    Given(api): Given<Arc<Api>>,
    path: Path,
    condition: Condition,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let id = path.fresh("practice", PracticeId::parse)?;
    let name = fields.text("name", read::line(NAME_MAX));
    let number = fields.text("number", read::phone);
    let time_zone = fields.text("time_zone", read::time_zone);
    let contact = fields.text("contact", read::line(CONTACT_MAX));
    let segments_per_minute = fields.number("segments_per_minute", 1, SEGMENTS_PER_MINUTE_MAX);
    let segments_per_day = fields.number_or_null("segments_per_day", 1, SEGMENTS_PER_DAY_MAX);
    let texts = texts::read(&mut fields);
    let quiet_hours = hours::read_quiet(&mut fields);
    let office_hours = hours::read_office(&mut fields);
    fields.finish()?;
    let (Some(name), Some(number), Some(time_zone), Some(contact)) = (name, number, time_zone, contact) else {
        unreachable!("a required field that is not there is a mistake that was told");
    };
    let segments_per_minute = segments_per_minute.and_then(NonZeroU32::new).unwrap_or(SEGMENTS_PER_MINUTE_DEFAULT);
    let segments_per_day = match segments_per_day {
        Some(given) => given.and_then(NonZeroU32::new),
        None => Some(SEGMENTS_PER_DAY_DEFAULT),
    };
    let practice = Practice {
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
    };
    let too_long = texts::too_long(&practice, api.records.writing(&practice));
    if !too_long.is_empty() {
        return Err(Problem::Invalid(too_long));
    }
    let over = condition.over({
        let api = Arc::clone(&api);
        move |there| {
            let Record::Practice(there) = there else { return None };
            Some(PracticeView::tag(&api.tags, there))
        }
    });
    let put = api.records.put_practice(practice.clone(), over).await?;
    tracing::info!(practice = %practice.id, ?put, "practice was put");
    let tag = PracticeView::tag(&api.tags, &practice);
    Ok(tag.on(answer::put(put, PracticeView::of(&practice))))
}

#[derive(Serialize, JsonSchema)]
struct Practices<'a> {
    practices: Vec<PracticeView<'a>>,
}

pub const LIST: Operation = Operation {
    id: "list_practices",
    group: "practices",
    summary: "The practices that the token may see: all for the operator, its own for a practice's",
    answers: &[ok::<Practices<'_>>("The practices, by their ids")],
    ..OPERATION
};
pub async fn list(Given(api): Given<Arc<Api>>, caller: Caller) -> Response {
    let practices = match caller.only_practice() {
        None => api.records.practices(),
        Some(own) => api.records.practice(own).into_iter().collect(),
    };
    answer::ok(Practices { practices: practices.iter().map(|practice| PracticeView::of(practice)).collect() })
}

pub const GET: Operation = Operation {
    id: "get_practice",
    group: "practices",
    summary: "A practice, every text in force as its patients get it, and what its number has sent today",
    answers: &[ok::<PracticeTodayView<'_>>("The practice").tagged()],
    ..OPERATION
};
pub async fn get(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Response {
    let tag = PracticeView::tag(&api.tags, &practice);
    tag.on(answer::ok(PracticeTodayView::of(&api, &practice).await))
}

/// A token, as whoever made it is told.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "NewToken")]
struct Created<'a> {
    #[schemars(example = &"k7m2q9x4b8tz")]
    id: &'a str,
    /// Shown this once, and never again.
    #[schemars(example = &"assent_k7m2q9x4b8tz_…")]
    token: &'a str,
}

pub const CREATE_TOKEN: Operation = Operation {
    id: "create_token",
    group: "tokens",
    summary: "Make a token for a program of the practice",
    takes: body::<TokenBody>(),
    answers: &[created::<Created<'_>>("The token, which is shown this once")],
    refuses: &[Code::TooManyTokens],
    ..OPERATION
};
pub async fn create_token(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let name = fields.text("name", read::line(TOKEN_NAME_MAX));
    fields.finish()?;
    let name = name.expect("a required field that is not there is a mistake that was told");
    let new = api.records.create_token(&practice.id, name).await?;
    tracing::info!(practice = %practice.id, token = new.record.id, "token was created");
    Ok(answer::created(Created { id: &new.record.id, token: new.token.expose_secret() }))
}

#[derive(Serialize, JsonSchema)]
struct Tokens {
    tokens: Vec<Token>,
}

#[derive(Serialize, JsonSchema)]
struct Token {
    #[schemars(example = &"k7m2q9x4b8tz")]
    id: String,
    #[schemars(example = &"Stride backend")]
    name: String,
    #[schemars(with = "Time")]
    created_at: String,
}

pub const TOKENS: Operation = Operation {
    id: "list_tokens",
    group: "tokens",
    summary: "The tokens of a practice, without their secrets",
    answers: &[ok::<Tokens>("The tokens; sessions are not among them")],
    ..OPERATION
};
pub async fn tokens(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Response {
    let tokens = api.records.tokens(&practice.id).into_iter();
    let tokens = tokens.map(|token| Token { id: token.id, name: token.name, created_at: token.created_at.to_string() });
    answer::ok(Tokens { tokens: tokens.collect() })
}

pub const REVOKE_TOKEN: Operation = Operation {
    id: "revoke_token",
    group: "tokens",
    summary: "Revoke a token, at once",
    answers: &[nothing("It is good for nothing any more")],
    ..OPERATION
};
pub async fn revoke_token(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let id = path.raw("token");
    api.records.revoke_token(&practice.id, id).await?;
    tracing::info!(practice = %practice.id, token = id, "token was revoked");
    Ok(answer::nothing())
}
