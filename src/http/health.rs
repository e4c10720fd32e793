//! Whether the daemon lives, whether it can do its work, and its figures.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::{Api, answer};

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

pub async fn alive() -> Response {
    answer::ok(Health { status: "alive" })
}

pub async fn ready(Given(api): Given<Arc<Api>>) -> Result<Response, Problem> {
    match (api.readiness)().await {
        Ok(()) => Ok(answer::ok(Health { status: "ready" })),
        Err(reasons) => Err(Problem::NotReady { reasons }),
    }
}

pub async fn metrics(Given(api): Given<Arc<Api>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], (api.metrics)()).into_response()
}
