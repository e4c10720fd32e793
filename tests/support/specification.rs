//! Holds what was asked and what was answered against the description of the API. Here it is stricter than it is to callers:
//! an answer may have no field that is not described.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// Answered before a request is known to be one of the API: its head is too large.
const OF_HTTP: u16 = 431;

/// Headers that callers go by.
const TOLD: [&str; 4] = ["ETag", "Location", "Retry-After", "WWW-Authenticate"];

/// One call, as it went.
pub struct Exchange<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub asked: Option<&'a Value>,
    pub status: u16,
    pub media_type: &'a str,
    pub headers: &'a HeaderMap,
    /// The body of the answer, if it was read and is JSON.
    pub answered: Option<&'a Value>,
}

impl Exchange<'_> {
    /// Fails the test if the call did not go as it is described. What
    /// answers a path or a method that is not described is no answer of the API.
    #[track_caller]
    pub fn hold(&self) {
        let Self { method, path, status, .. } = self;
        let Some(operation) = operation(method, path).filter(|_| *status != OF_HTTP) else { return };
        let place = format!("{method} {path}");
        let response = &operation["responses"][status.to_string()];
        assert!(
            !response.is_null(),
            "{place} answered {status}, which its operation does not say: {:?}",
            self.answered
        );
        for header in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
            assert!(self.headers.contains_key(header), "{place}: {status} is said to have {header}");
        }
        for header in TOLD {
            let is_told = self.headers.contains_key(header) && !response["headers"][header].is_object();
            assert!(!is_told, "{place}: {status} came with {header}, which its operation does not say");
        }
        let content = &response["content"];
        if content.is_null() {
            assert_eq!(self.media_type, "", "{place}: {status} is said to have no body");
            return;
        }
        let media_type = self.media_type.split(';').next().unwrap().trim();
        let described = &content[media_type];
        assert!(!described.is_null(), "{place}: {status} came as {media_type}, which its operation does not say");
        let Some(answered) = self.answered else { return };
        if let Some(codes) = response["x-codes"].as_array() {
            let code = &answered["code"];
            assert!(codes.contains(code), "{place} answered {status} {code}, which its operation does not say");
        }
        check(&format!("{place}: {status}"), &described["schema"], answered);
        let taken = &operation["requestBody"]["content"]["application/json"]["schema"];
        if (200..300).contains(status)
            && let Some(asked) = self.asked
        {
            assert!(!taken.is_null(), "{place} took a body, which its operation does not say");
            check(&format!("{place} took a body that is not as its operation says"), taken, asked);
        }
    }
}

/// Fails the test if the document does not fit the schema.
#[track_caller]
pub fn check(what: &str, schema: &Value, document: &Value) {
    let validator = validator(schema);
    let wrong: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(wrong.is_empty(), "{what}: {}\n{document:#}", wrong.join("; "));
}

/// The operation that a path belongs to; of two that fit, the one with fewer names.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = document()["paths"].as_object().unwrap();
    let fitting = paths.iter().filter(|(template, _)| fits(template, path));
    let (_, operations) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    operations.get(method.to_lowercase())
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let is_same = |(part, given): (&&str, &&str)| (part.starts_with('{') && !given.is_empty()) || part == given;
    template.len() == path.len() && template.iter().zip(&path).all(is_same)
}

fn validator(schema: &Value) -> Arc<Validator> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let made = known.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = schema.clone();
        whole["components"] = document()["components"].clone();
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&whole).unwrap())
    });
    Arc::clone(made)
}

/// The description, with no room for what it does not name.
pub fn document() -> &'static Value {
    static STRICT: LazyLock<Value> = LazyLock::new(|| {
        let mut document = assent::http::document().clone();
        for schema in document["components"]["schemas"].as_object_mut().unwrap().values_mut() {
            if schema.get("properties").is_some() || schema.get("anyOf").is_some() {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        document
    });
    &STRICT
}
