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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::ports::Clock;
    use crate::simulator::SimulatorConfig;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    /// A simulator whose control port is served; its address.
    async fn served() -> (Simulator, String) {
        let config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(Stopped));
        let simulator = Simulator::start(config).await.unwrap();
        let control = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", control.local_addr().unwrap());
        let router = simulator.router();
        tokio::spawn(async move { axum::serve(control, router).await });
        (simulator, address)
    }

    async fn get_json(url: String) -> Value {
        reqwest::get(url).await.unwrap().json().await.unwrap()
    }

    #[tokio::test]
    async fn what_is_typed_is_kept_and_shown() {
        let (simulator, address) = served().await;
        let url = format!("{address}/phones/+13035550123/messages");
        let body = json!({ "to": "+13035550100", "text": "Yes" });
        let typed = reqwest::Client::new().post(&url).json(&body).send().await.unwrap();
        assert_eq!(typed.status(), 202);
        let text: Value = typed.json().await.unwrap();
        let expected = json!({
            "id": text["id"], "direction": "from_phone", "from": "+13035550123", "to": "+13035550100", "text": "Yes",
            "at": "1970-01-01T00:00:00Z", "answered": false,
        });
        assert_eq!(text, expected);
        assert_eq!(get_json(url).await, json!({ "messages": [expected] }));
        let stats = get_json(format!("{address}/stats")).await;
        assert_eq!((&stats["phones"], &stats["waiting"]), (&json!(1), &json!(1)));
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn a_page_hears_of_every_text_of_its_phone() {
        let (simulator, address) = served().await;
        let mut events = reqwest::get(format!("{address}/phones/%2B13035550123/events")).await.unwrap();
        simulator.phone("+13035550199").send("+13035550100", "not mine");
        simulator.phone("+13035550123").send("+13035550100", "mine");
        let chunk = events.chunk().await.unwrap().unwrap();
        let event = std::str::from_utf8(&chunk).unwrap();
        assert!(event.starts_with("event: message\ndata: {"), "{event}");
        assert!(event.contains("\"text\":\"mine\""), "{event}");
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn nonsense_is_refused_in_words() {
        let (simulator, address) = served().await;
        let client = reqwest::Client::new();
        for (url, body, status, words) in [
            ("/phones/BANK/messages", json!({ "to": "+13035550100", "text": "x" }), 422, "phone must be a plus sign"),
            ("/phones/+13035550123/messages", json!({ "to": "me", "text": "x" }), 422, "to must be a plus sign"),
            ("/phones/+13035550123/messages", json!({ "to": "+13035550100", "text": "" }), 422, "text must have 1 to"),
            ("/phones/+13035550123/messages", json!({ "to": "+13035550100" }), 422, "missing field `text`"),
        ] {
            let answer = client.post(format!("{address}{url}")).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), status);
            let error: Value = answer.json().await.unwrap();
            assert!(error["error"].as_str().unwrap().contains(words), "{error}");
        }
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn faults_are_scripted_and_read_back() {
        let (simulator, address) = served().await;
        let url = format!("{address}/faults");
        let client = reqwest::Client::new();
        let script = json!({ "refuse_with": 88, "receipts": "undeliverable" });
        assert_eq!(client.put(&url).json(&script).send().await.unwrap().status(), 200);
        assert_eq!(simulator.faults().refuse_with, Some(88));
        assert_eq!(get_json(url.clone()).await["receipts"], "undeliverable");
        let unknown = client.put(&url).json(&json!({ "silence": true })).send().await.unwrap();
        assert_eq!(unknown.status(), 422);
        simulator.shutdown().await;
    }
}
