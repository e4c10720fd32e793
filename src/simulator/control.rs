//! The control API: phones to hold in a browser, faults to script, and verbs to tell. JSON, without authentication: it
//! listens on loopback.
//!
//! | request | what it does |
//! | --- | --- |
//! | `GET /phones/PHONE/messages` | what a phone shows |
//! | `POST /phones/PHONE/messages` | types a text on it: `{"to", "text"}` |
//! | `GET /phones/PHONE/events` | the same as it happens, as server-sent events |
//! | `GET /faults` | what goes wrong |
//! | `PUT /faults` | what goes wrong from here on, and nothing else |
//! | `POST /do` | one [`Verb`]: `"unbind"`, `"reset"`, `{"enquire_links": 1000}` … |
//! | `GET /stats` | counts |
//! | `GET /summary` | the [`Summary`] so far |

use std::convert::Infallible;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::verbs::number;
use super::{Counts, Faults, Simulator, Summary, Text, Typed, Unfit, Verb};

pub(super) fn router(simulator: Simulator) -> Router {
    Router::new()
        .route("/phones/{phone}/messages", get(messages).post(type_text))
        .route("/phones/{phone}/events", get(events))
        .route("/stats", get(stats))
        .route("/faults", get(faults).put(set_faults))
        .route("/do", post(tell))
        .route("/summary", get(summary))
        .with_state(simulator)
}

#[derive(Serialize)]
struct Messages {
    messages: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
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

impl From<Unfit> for Refused {
    fn from(unfit: Unfit) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, unfit.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    }
}

async fn messages(State(simulator): State<Simulator>, Path(phone): Path<String>) -> Result<Json<Messages>, Refused> {
    number("phone", &phone)?;
    Ok(Json(Messages { messages: simulator.phone(&phone).texts() }))
}

async fn type_text(
    State(simulator): State<Simulator>,
    Path(phone): Path<String>,
    words: Result<Json<Words>, JsonRejection>,
) -> Result<(StatusCode, Json<Text>), Refused> {
    let Json(Words { to, text }) = body(words)?;
    let typed = Typed { phone, to, text };
    typed.check()?;
    Ok((StatusCode::ACCEPTED, Json(simulator.phone(&typed.phone).send(&typed.to, &typed.text))))
}

async fn events(
    State(simulator): State<Simulator>,
    Path(phone): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    number("phone", &phone)?;
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
    faults.check()?;
    simulator.set_faults(faults.clone());
    Ok(Json(faults))
}

async fn tell(
    State(simulator): State<Simulator>,
    verb: Result<Json<Verb>, JsonRejection>,
) -> Result<StatusCode, Refused> {
    let Json(verb) = body(verb)?;
    simulator.tell(verb)?;
    Ok(StatusCode::ACCEPTED)
}

async fn summary(State(simulator): State<Simulator>) -> Json<Summary> {
    Json(simulator.summary())
}

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<Json<T>, Refused> {
    body.map_err(|rejection| Refused(rejection.status(), rejection.body_text()))
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
            (
                "/phones/+13035550123/messages",
                json!({ "to": "+13035550100", "text": "" }),
                422,
                "text must be a text of 1 to",
            ),
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
        for (script, words) in [
            (json!({ "silence": true }), "unknown field `silence`, expected one of `silent`"),
            (json!({ "receipt_copies": 99 }), "receipt_copies must be 10 at most"),
            (json!({ "answer_after": 5 }), "expected a string"),
        ] {
            let refused = client.put(&url).json(&script).send().await.unwrap();
            assert_eq!(refused.status(), 422);
            let error: Value = refused.json().await.unwrap();
            assert!(error["error"].as_str().unwrap().contains(words), "{error}");
        }
        assert_eq!(simulator.faults().refuse_with, Some(88), "what is refused changes nothing");
        simulator.shutdown().await;
    }

    #[tokio::test]
    async fn verbs_are_told_and_seen_in_the_summary() {
        let (simulator, address) = served().await;
        let client = reqwest::Client::new();
        let tell = async |verb: Value| client.post(format!("{address}/do")).json(&verb).send().await.unwrap();
        let text = json!({ "text": { "phone": "+13035550123", "to": "+13035550100", "text": "Yes" } });
        assert_eq!(tell(text).await.status(), 202);
        assert_eq!(simulator.phone("+13035550123").texts()[0].text, "Yes");
        assert_eq!(tell(json!({ "faults": { "silent": true } })).await.status(), 202);
        assert!(simulator.faults().silent);
        let refused = tell(json!("shout")).await;
        assert_eq!(refused.status(), 422);
        let error: Value = refused.json().await.unwrap();
        assert!(
            error["error"].as_str().unwrap().contains("unknown variant `shout`, expected one of `faults`"),
            "{error}"
        );
        let summary = get_json(format!("{address}/summary")).await;
        assert_eq!((&summary["submits"], &summary["phones"]), (&json!(0), &json!([])));
        simulator.shutdown().await;
    }
}
