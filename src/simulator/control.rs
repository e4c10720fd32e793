//! The control API: phones to hold in a browser, and faults to script. JSON, without authentication: it listens
//! on loopback.

use std::convert::Infallible;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::{Counts, Faults, Simulator, Text};
use crate::domain::text::Segments;

/// What one phone can type at once: as many segments as a header can count would be 255.
const SEGMENTS_MAX: u32 = 255;

pub(super) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/phones/{phone}/messages", get(messages).post(type_text))
        .route("/phones/{phone}/events", get(events))
        .route("/stats", get(stats))
        .route("/faults", get(faults).put(set_faults))
        .with_state(simulator)
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    to: String,
    text: String,
}

#[derive(Serialize)]
struct Stats {
    #[serde(flatten)]
    counts: Counts,
    phones: usize,
    /// `deliver_sm` that were not answered yet.
    waiting: usize,
}

/// Why a request makes no sense.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    }
}

async fn messages(State(simulator): State<Simulator>, Path(phone): Path<String>) -> Result<Json<Messages>, Refused> {
    let phone = number("phone", phone)?;
    Ok(Json(Messages { messages: simulator.phone(&phone).texts() }))
}

async fn type_text(
    State(simulator): State<Simulator>,
    Path(phone): Path<String>,
    typed: Result<Json<Typed>, JsonRejection>,
) -> Result<(StatusCode, Json<Text>), Refused> {
    let phone = number("phone", phone)?;
    let Json(Typed { to, text }) = body(typed)?;
    let to = number("to", to)?;
    if text.is_empty() || Segments::count(&text) > SEGMENTS_MAX {
        let error = format!("text must have 1 to {SEGMENTS_MAX} segments");
        return Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, error));
    }
    Ok((StatusCode::ACCEPTED, Json(simulator.phone(&phone).send(&to, &text))))
}

async fn events(
    State(simulator): State<Simulator>,
    Path(phone): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let phone = number("phone", phone)?;
    let news = simulator.shared.news.subscribe();
    let stop = simulator.shared.stop.clone();
    let events = stream::unfold((news, stop, phone), |(mut news, stop, phone)| async move {
        loop {
            let text = tokio::select! {
                text = news.recv() => text,
                () = stop.cancelled() => return None,
            };
            match text {
                Ok(text) if text.is_of(&phone) => {
                    let event = Event::default().event("message").json_data(&text);
                    let event = event.expect("a text is a JSON object");
                    return Some((Ok(event), (news, stop, phone)));
                }
                Ok(_) => {}
                // Who is too slow starts over: the browser connects again, and reads the messages.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

async fn stats(State(simulator): State<Simulator>) -> Json<Stats> {
    let state = simulator.shared.state();
    Json(Stats { counts: state.counts, phones: state.phones.count(), waiting: state.outbox.len() })
}

async fn faults(State(simulator): State<Simulator>) -> Json<Faults> {
    Json(simulator.faults())
}

async fn set_faults(
    State(simulator): State<Simulator>,
    faults: Result<Json<Faults>, JsonRejection>,
) -> Result<Json<Faults>, Refused> {
    let Json(faults) = body(faults)?;
    simulator.set_faults(faults.clone());
    Ok(Json(faults))
}

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<Json<T>, Refused> {
    body.map_err(|rejection| Refused(rejection.status(), rejection.body_text()))
}

/// A plus sign and 8 to 15 digits. Whether anybody has the number does not matter here.
fn number(field: &str, text: String) -> Result<String, Refused> {
    let is_number = text
        .strip_prefix('+')
        .is_some_and(|digits| (8..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()));
    let error = format!("{field} must be a plus sign and 8 to 15 digits, such as +13035550123");
    if is_number { Ok(text) } else { Err(Refused(StatusCode::UNPROCESSABLE_ENTITY, error)) }
}
