//! The answers to what went well.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::records::Put;

pub fn ok(body: impl Serialize) -> Response {
    Json(body).into_response()
}

pub fn created(body: impl Serialize) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}

pub fn put(put: Put, body: impl Serialize) -> Response {
    match put {
        Put::Created => created(body),
        Put::Changed => ok(body),
    }
}

/// Taken, and durable, but not done.
pub fn accepted(location: String, body: impl Serialize) -> Response {
    let location: [(HeaderName, String); 1] = [(header::LOCATION, location)];
    (StatusCode::ACCEPTED, location, Json(body)).into_response()
}

pub fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
