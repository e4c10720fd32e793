//! Holds for every request: how long it may take, how many there may be, and the headers of every answer.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State as Given};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::problem::Problem;

/// Requests that may be under way at once. An event stream counts until it begins; it has its own bound.
pub const IN_FLIGHT_MAX: usize = 1_024;
/// From the head of a request to the head of its answer.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The page uses its own files and nothing else, and nobody frames it or sends its forms elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

pub async fn door(Given(api): Given<Arc<Api>>, request: Request, next: Next) -> Response {
    let mut response = match api.in_flight.try_acquire() {
        Err(_) => Problem::TooBusy.into_response(),
        Ok(_place) => match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::TooSlow.into_response(),
        },
    };
    metrics::counter!("assent_http_requests_total", "status" => response.status().as_str().to_owned()).increment(1);
    for (name, value) in SECURITY {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

const SECURITY: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// A panic ends its request and nothing else. What it said may hold a patient's words, and is not repeated.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("request panicked");
    Problem::Internal.into_response()
}
