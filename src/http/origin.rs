//! Which pages may speak to the API with a browser's cookie: our own, and those that the operator names.
//!
//! A browser sends a cookie along with what any page asks of us. So a cookie counts only where the browser says that the
//! page is one of these (`Origin`, RFC 6454; `Sec-Fetch-Site`, W3C Fetch Metadata), whatever it asks.

use std::sync::Arc;

use axum::extract::{Request, State as Given};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HOST, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;

const FETCH_SITE: &str = "sec-fetch-site";
/// What a page of another origin may ask with, and what it may read of an answer.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Assent-Staff, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("ETag, Location, Retry-After");
/// Seconds for which a browser need not ask again.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins of other pages that may call, as the operator names them.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Origins as browsers write them; what can't be in a header names nobody.
    pub fn new<'a>(named: impl IntoIterator<Item = &'a str>) -> Self {
        Self(named.into_iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// Whether a call that comes with a cookie comes from a page that may make it. Where the call changes something, the
    /// browser must say which page it is.
    pub fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        let site_fits = match one(headers, FETCH_SITE) {
            One::Missing => true,
            One::Given(site) => ["same-origin", "same-site", "none"].iter().any(|known| site == known),
            One::Several => false,
        };
        let origin_fits = match one(headers, ORIGIN.as_str()) {
            One::Missing => method.is_safe(),
            One::Given(origin) => self.names(origin) || is_own(origin, headers),
            One::Several => false,
        };
        if site_fits && origin_fits { Ok(()) } else { Err(Problem::OriginNotAllowed) }
    }

    fn names(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }
}

/// A header that may come once.
enum One<'a> {
    Missing,
    Given(&'a HeaderValue),
    Several,
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> One<'a> {
    let mut given = headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (None, _) => One::Missing,
        (Some(only), None) => One::Given(only),
        (Some(_), Some(_)) => One::Several,
    }
}

/// Whether it is the origin of the host that is called. Over plain HTTP only this machine is taken for itself: elsewhere
/// anybody on the way could have written the page.
fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let (Ok(origin), Some(host)) = (origin.to_str(), host(headers)) else { return false };
    match origin.split_once("://") {
        Some(("https", named)) => named.eq_ignore_ascii_case(host),
        Some(("http", named)) => named.eq_ignore_ascii_case(host) && is_this_machine(host),
        Some(_) | None => false,
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    match one(headers, HOST.as_str()) {
        One::Given(host) => host.to_str().ok(),
        One::Missing | One::Several => None,
    }
}

/// Whether the host that was called is a name of the machine that calls: what is said to it travels over no network.
pub fn is_called_on_this_machine(headers: &HeaderMap) -> bool {
    host(headers).is_some_and(is_this_machine)
}

/// Whether a host, with or without a port, is this machine's name for itself.
pub fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let is_loopback = name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    is_loopback || name.eq_ignore_ascii_case("localhost")
}

/// Lets the pages that are named read what they are answered (Fetch standard, CORS), and nobody else.
pub async fn cross(Given(origins): Given<Arc<Origins>>, request: Request, next: Next) -> Response {
    if origins.0.is_empty() {
        return next.run(request).await;
    }
    let origin = match one(request.headers(), ORIGIN.as_str()) {
        One::Given(origin) if origins.names(origin) => Some(origin.clone()),
        One::Given(_) | One::Missing | One::Several => None,
    };
    let asks_beforehand =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(_) if asks_beforehand => StatusCode::NO_CONTENT.into_response(),
        Some(_) | None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from(HeaderName::from_static("origin")));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if asks_beforehand {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(method: &Method, given: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Origins::new(["https://inbox.example"]).admit(method, &headers).is_ok()
    }

    #[test]
    fn a_cookie_counts_from_our_own_page_and_from_those_that_are_named() {
        let (read, write) = (Method::GET, Method::POST);
        let host = ("host", "assent.example");
        assert!(admits(&read, &[host]), "a page reads from where it came from, and browsers then say nothing");
        assert!(!admits(&write, &[host]), "who changes something says where they are");
        for own in ["https://assent.example", "https://inbox.example"] {
            assert!(admits(&write, &[host, ("origin", own)]), "{own}");
            assert!(admits(&write, &[host, ("origin", own), ("sec-fetch-site", "same-origin")]), "{own}");
        }
        for evil in [
            "https://evil.example",
            "http://assent.example",
            "https://assent.example:8443",
            "https://assent.example.evil",
            "https://inbox.example:1",
            "null",
            "",
            "assent.example",
        ] {
            for method in [&read, &write] {
                assert!(!admits(method, &[host, ("origin", evil)]), "{method} {evil}");
            }
        }
        assert!(!admits(&read, &[host, ("sec-fetch-site", "cross-site")]));
        assert!(!admits(&write, &[host, ("origin", "https://inbox.example"), ("sec-fetch-site", "cross-site")]));
        let twice = [host, ("origin", "https://assent.example"), ("origin", "https://evil.example")];
        assert!(!admits(&read, &twice));
    }

    #[test]
    fn over_plain_http_this_machine_alone_is_its_own_page() {
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost"] {
            assert!(admits(&Method::POST, &[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
        }
        for host in ["192.168.0.7:8080", "localhost.evil.example", "127.0.0.1.evil.example", "assent.example"] {
            assert!(!admits(&Method::POST, &[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
        }
    }
}
