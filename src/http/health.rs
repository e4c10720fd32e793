//! Whether the daemon lives, whether it can do its work, and its figures.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::{OPERATION, Operation, ok, text};
use super::problem::{Code, Problem};
use super::{Api, answer};

/// That all is well.
#[derive(Serialize, JsonSchema)]
struct Health {
    #[schemars(extend("enum" = ["alive", "ready"]), example = &"alive")]
    status: &'static str,
}

pub const ALIVE: Operation = Operation {
    id: "healthz",
    group: "service",
    summary: "Whether the daemon lives",
    answers: &[ok::<Health>("It does")],
    ..OPERATION
};
pub async fn alive() -> Response {
    answer::ok(Health { status: "alive" })
}

pub const READY: Operation = Operation {
    id: "readyz",
    group: "service",
    summary: "Whether the daemon can do its work",
    about: "It can honour a STOP and can send: the store can be written and a carrier link is bound.",
    answers: &[ok::<Health>("It can")],
    refuses: &[Code::NotReady],
    ..OPERATION
};
pub async fn ready(Given(api): Given<Arc<Api>>) -> Result<Response, Problem> {
    match (api.readiness)().await {
        Ok(()) => Ok(answer::ok(Health { status: "ready" })),
        Err(reasons) => Err(Problem::NotReady { reasons }),
    }
}

pub const METRICS: Operation = Operation {
    id: "metrics",
    group: "service",
    summary: "The figures of the daemon, for Prometheus",
    answers: &[text("text/plain", "The figures, without personal data")],
    ..OPERATION
};
pub async fn metrics(Given(api): Given<Arc<Api>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], (api.metrics)()).into_response()
}
