//! Holds for every request: how long it may take, how many there may be, and the headers of every answer.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State as Given};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use tokio::sync::Semaphore;

use super::problem::Problem;

/// Requests that may be under way at once. An event stream counts until it begins; it has its own bound.
pub const IN_FLIGHT_MAX: usize = 1_024;
/// From the head of a request to the head of its answer.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The page uses its own files and nothing else, and nobody frames it or sends its forms elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Counts the requests that are under way.
pub struct Door {
    in_flight: Semaphore,
}

impl Door {
    pub fn new(in_flight_max: usize) -> Self {
        Self { in_flight: Semaphore::new(in_flight_max) }
    }
}

pub async fn pass(Given(door): Given<Arc<Door>>, request: Request, next: Next) -> Response {
    let is_chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let contradicts_itself = is_chunked && request.headers().contains_key(header::CONTENT_LENGTH);
    let mut response = match door.in_flight.try_acquire() {
        Err(_) => Problem::TooBusy.into_response(),
        Ok(_) if contradicts_itself => Problem::MalformedBody.into_response(),
        Ok(_place) => match tokio::time::timeout(REQUEST_MAX, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Problem::TooSlow.into_response(),
        },
    };
    metrics::counter!("assent_http_requests_total", "status" => response.status().as_str().to_owned()).increment(1);
    if is_chunked {
        // Where a proxy and we might see another end of such a body, nothing after it is taken for a request (RFC 9112 §11.2).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::middleware::from_fn_with_state;
    use axum::routing::{get, post};
    use futures_util::{FutureExt, stream};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    async fn broken() {
        panic!("a patient's words");
    }

    async fn call(router: &Router, path: &str, body: Body) -> Response {
        let method = if path == "/body" { "POST" } else { "GET" };
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        TowerToHyperService::new(router.clone()).call(request).await.unwrap()
    }

    fn router(in_flight_max: usize) -> Router {
        Router::new()
            .route("/never", get(std::future::pending::<()>))
            .route("/panic", get(broken))
            .route("/body", post(|_: Bytes| async {}))
            .route("/private", get(|| async { [(header::CACHE_CONTROL, "no-cache")] }))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(Arc::new(Door::new(in_flight_max)), pass))
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_408() {
        let router = router(2);
        assert_eq!(call(&router, "/never", Body::empty()).await.status(), 408);
        let endless = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(call(&router, "/body", endless).await.status(), 408);
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_too_many_is_503_until_another_is_answered() {
        let router = router(1);
        let mut first = Box::pin(call(&router, "/never", Body::empty()));
        assert!(first.as_mut().now_or_never().is_none());
        let second = call(&router, "/private", Body::empty()).await;
        assert_eq!((second.status().as_u16(), second.headers()["retry-after"].to_str().unwrap()), (503, "5"));
        first.await;
        assert_eq!(call(&router, "/private", Body::empty()).await.status(), 200);
    }

    #[tokio::test]
    async fn a_panic_is_500_and_keeps_its_words() {
        let response = call(&router(1), "/panic", Body::empty()).await;
        assert_eq!(response.status(), 500);
        let body = axum::body::to_bytes(response.into_body(), 4_096).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("words"));
    }

    #[tokio::test]
    async fn a_page_may_say_how_it_is_cached() {
        let response = call(&router(1), "/private", Body::empty()).await;
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}
