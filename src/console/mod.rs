//! The page: HTML, CSS and JavaScript as files, embedded in the binary. It uses the public API only.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Every file of the page: its name, its media type, its content.
const FILES: &[(&str, &str, &str)] = &[
    ("console.css", CSS, include_str!("console.css")),
    ("icon.svg", SVG, include_str!("icon.svg")),
    ("icon-unread.svg", SVG, include_str!("icon-unread.svg")),
    ("actions.js", JAVASCRIPT, include_str!("actions.js")),
    ("api.js", JAVASCRIPT, include_str!("api.js")),
    ("audit.js", JAVASCRIPT, include_str!("audit.js")),
    ("composer.js", JAVASCRIPT, include_str!("composer.js")),
    ("console.js", JAVASCRIPT, include_str!("console.js")),
    ("conversation.js", JAVASCRIPT, include_str!("conversation.js")),
    ("deliveries.js", JAVASCRIPT, include_str!("deliveries.js")),
    ("desk.js", JAVASCRIPT, include_str!("desk.js")),
    ("dom.js", JAVASCRIPT, include_str!("dom.js")),
    ("dot.js", JAVASCRIPT, include_str!("dot.js")),
    ("filters.js", JAVASCRIPT, include_str!("filters.js")),
    ("head.js", JAVASCRIPT, include_str!("head.js")),
    ("hold.js", JAVASCRIPT, include_str!("hold.js")),
    ("inbox.js", JAVASCRIPT, include_str!("inbox.js")),
    ("kept.js", JAVASCRIPT, include_str!("kept.js")),
    ("later.js", JAVASCRIPT, include_str!("later.js")),
    ("linking.js", JAVASCRIPT, include_str!("linking.js")),
    ("notes.js", JAVASCRIPT, include_str!("notes.js")),
    ("opened.js", JAVASCRIPT, include_str!("opened.js")),
    ("paths.js", JAVASCRIPT, include_str!("paths.js")),
    ("patients.js", JAVASCRIPT, include_str!("patients.js")),
    ("phone.js", JAVASCRIPT, include_str!("phone.js")),
    ("picker.js", JAVASCRIPT, include_str!("picker.js")),
    ("practice.js", JAVASCRIPT, include_str!("practice.js")),
    ("presence.js", JAVASCRIPT, include_str!("presence.js")),
    ("preview.js", JAVASCRIPT, include_str!("preview.js")),
    ("prm.js", JAVASCRIPT, include_str!("prm.js")),
    ("readmarks.js", JAVASCRIPT, include_str!("readmarks.js")),
    ("search.js", JAVASCRIPT, include_str!("search.js")),
    ("section.js", JAVASCRIPT, include_str!("section.js")),
    ("settings.js", JAVASCRIPT, include_str!("settings.js")),
    ("staff.js", JAVASCRIPT, include_str!("staff.js")),
    ("start.js", JAVASCRIPT, include_str!("start.js")),
    ("templates.js", JAVASCRIPT, include_str!("templates.js")),
    ("thread.js", JAVASCRIPT, include_str!("thread.js")),
    ("webhooks.js", JAVASCRIPT, include_str!("webhooks.js")),
    ("words.js", JAVASCRIPT, include_str!("words.js")),
];

const HTML: &str = "text/html; charset=utf-8";
const SVG: &str = "image/svg+xml";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// `/` is the page, `/console/NAME` what it loads.
pub fn router() -> Router {
    Router::new()
        .route("/", get(|| async { file(HTML, include_str!("index.html")) }))
        .route("/console/{name}", get(named))
}

async fn named(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, content)) => file(media_type, content),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(media_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_embedded() {
        let folder = std::fs::read_dir("src/console").unwrap();
        for entry in folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            let embedded = FILES.iter().any(|(name, ..)| *name == entry);
            assert!(embedded || ["mod.rs", "index.html"].contains(&entry.as_str()), "{entry} is not embedded");
        }
    }
}
