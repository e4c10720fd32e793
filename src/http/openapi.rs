//! The description of the API (OpenAPI 3.1), made of the route table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

use super::auth::{Permission, Resource};
use super::operation::{
    Answer, Content, Form, Header, OPERATION, Operation, Parameter, RETRY_AFTER, Shape, WWW_AUTHENTICATE, text,
};
use super::parameters::{ASSENT_STAFF, IN_PATHS};
use super::problem::{Code, Written};
use super::{Route, routes};

mod examples;
mod refusals;

pub use refusals::refusals;

pub const DESCRIBE: Operation = Operation {
    id: "openapi",
    group: "service",
    summary: "This description",
    answers: &[text("application/json", "The description, as OpenAPI 3.1")],
    ..OPERATION
};

/// The groups of calls, in the order in which a reader meets them.
const GROUPS: &[(&str, &str)] = &[
    ("practices", "Practices: a number, and whoever texts from it"),
    ("tokens", "The tokens with which a practice's own programs come"),
    ("staff", "Staff, what they may do, and the sessions of their browsers"),
    ("patients", "The patients of a practice"),
    ("templates", "Texts that are kept to be written again"),
    ("messages", "What is said to a patient, and what was said"),
    ("consent", "What staff say about consent. No call opts anybody in"),
    ("conversations", "The inbox"),
    ("events", "What happens, as it happens"),
    ("webhooks", "What happens, posted to a system that can't listen"),
    ("audit", "Who called what of a practice"),
    ("service", "The daemon itself"),
];

const ABOUT: &str = "Two-way texting between a practice and its patients, in which no text leaves without consent.\n\n\
    JSON in, JSON out; times are RFC 3339 in UTC, phones E.164. What goes wrong is `application/problem+json` with a stable \
    `code`, and `type` says where it is explained. A name in a path that is not there is 404, a method 405. \
    An answer may gain fields; a request with a field that the call does not know is refused.";

/// The description as it is served.
pub async fn describe() -> Response {
    static WRITTEN: LazyLock<String> = LazyLock::new(written);
    ([(CONTENT_TYPE, "application/json")], WRITTEN.as_str()).into_response()
}

/// The description as a file.
pub fn written() -> String {
    let mut text = serde_json::to_string_pretty(document()).expect("a JSON document can be written");
    text.push('\n');
    text
}

/// The description.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| describe_all(&routes()));
    &DOCUMENT
}

fn describe_all(routes: &[Route]) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in routes {
        let described = described(route, &mut schemas);
        paths.entry(route.path).or_default().insert(route.method.as_str().to_lowercase(), described);
    }
    let schemas = schemas.finish();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Assent",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The daemon that this comes from"}],
        "tags": GROUPS.iter().map(|(name, about)| json!({"name": name, "description": about})).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "assent_session",
                    "description": "A session that POST /v1/session put into a browser. It counts from our own page, and from those of http.origins.",
                },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The operator's token, a practice's, or a session of one member of staff.",
                },
            },
        },
    });
    examples::fill_in(&mut document);
    document
}

fn described(route: &Route, schemas: &mut Schemas) -> Value {
    let Operation { id, group, summary, about, headers, query, takes, answers, .. } = route.operation;
    let about = [about, who_may(route.permission)].join("\n\n");
    let mut parameters: Vec<Value> = in_path(route.path).map(|one| parameter(&one, "path", true)).collect();
    parameters.extend(query.iter().map(|one| parameter(one, "query", false)));
    parameters.extend(headers.iter().map(|one| parameter(one, "header", false)));
    if route.permission != Permission::Anyone {
        parameters.push(parameter(&ASSENT_STAFF, "header", false));
    }
    let mut responses = Map::new();
    for answer in answers {
        responses.insert(answer.status.as_str().to_owned(), answered(answer, schemas));
    }
    for (status, codes) in by_status(refusals(route)) {
        responses.insert(status, refused(&codes, schemas));
    }
    let mut described = json!({
        "operationId": id,
        "tags": [group],
        "summary": summary,
        "description": about.trim(),
        "parameters": parameters,
        "responses": responses,
        "security": if route.permission == Permission::Anyone { json!([]) } else { json!([{"token": []}, {"session": []}]) },
    });
    if let Some(shape) = takes {
        described["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schemas.taken(shape)}}});
    }
    described
}

fn who_may(permission: Permission) -> &'static str {
    match permission {
        Permission::Anyone => "For anyone.",
        Permission::Token => "For every valid token.",
        Permission::Operator => "For the operator.",
        Permission::Session => "For the session of one member of staff.",
        Permission::PracticeToken => "For the practice's token and the operator's.",
        Permission::SiteAdministrator => "For staff with the permission Site Administrator, and the operator.",
        Permission::PatientTextAdministrator => {
            "For texting staff, who have the permission Patient Text Administrator, and the operator."
        }
    }
}

/// The names in a path.
fn in_path(path: &'static str) -> impl Iterator<Item = Parameter> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(move |name| {
        let known = IN_PATHS.iter().find(|known| known.name == name);
        *known.unwrap_or_else(|| panic!("{{{name}}} of {path} is missing in parameters.rs"))
    })
}

fn parameter(one: &Parameter, place: &str, required: bool) -> Value {
    let schema = match one.form {
        Form::Text { chars_max } => json!({"type": "string", "maxLength": chars_max}),
        Form::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
        Form::Number { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
        Form::OneOf(words) => json!({"type": "string", "enum": words}),
    };
    let mut described = json!({
        "name": one.name, "in": place, "required": required, "description": one.about, "schema": schema,
    });
    if !one.example.is_empty() {
        described["example"] = match one.form {
            Form::Number { .. } => one.example.parse::<u64>().map(Value::from).expect("the example is a number"),
            Form::Text { .. } | Form::Pattern(_) | Form::OneOf(_) => one.example.into(),
        };
    }
    described
}

fn answered(answer: &Answer, schemas: &mut Schemas) -> Value {
    let mut described = json!({"description": answer.about});
    match answer.content {
        Content::Nothing => {}
        Content::Json(shape) => described["content"] = json!({"application/json": {"schema": schemas.given(shape)}}),
        Content::Text(media_type) => {
            let kind = if media_type == "application/json" { "object" } else { "string" };
            described["content"] = json!({media_type: {"schema": {"type": kind}}});
        }
        Content::Events(shape) => {
            // OpenAPI 3.1 has no words for the data of an event.
            let data = schemas.given(shape);
            described["content"] = json!({"text/event-stream": {"schema": {"type": "string"}, "x-event-data": data}});
        }
    }
    if !answer.headers.is_empty() {
        described["headers"] = with_headers(answer.headers);
    }
    described
}

fn with_headers(headers: &[Header]) -> Value {
    let described = headers.iter().map(|Header { name, about, example }| {
        let described =
            json!({"description": about, "required": true, "schema": {"type": "string"}, "example": example});
        ((*name).to_owned(), described)
    });
    Value::Object(described.collect())
}

fn by_status(codes: Vec<Code>) -> BTreeMap<String, Vec<Code>> {
    let mut by_status: BTreeMap<String, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.meaning().status.as_str().to_owned()).or_default().push(code);
    }
    by_status
}

fn refused(codes: &[Code], schemas: &mut Schemas) -> Value {
    let told: Vec<String> =
        codes.iter().map(|code| code.meaning()).map(|one| format!("`{}`: {}", one.name, one.title)).collect();
    let names: Vec<&str> = codes.iter().map(|code| code.meaning().name).collect();
    let schema = schemas.given(Shape::of::<Written<'_>>());
    let mut described = json!({
        "description": told.join(". ") + ".",
        "content": {"application/problem+json": {"schema": schema}},
        "x-codes": names,
    });
    match codes[0].meaning().status {
        StatusCode::UNAUTHORIZED => described["headers"] = with_headers(&[WWW_AUTHENTICATE]),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            described["headers"] = with_headers(&[RETRY_AFTER]);
        }
        _ => {}
    }
    described
}

/// Whether a call with this method has a body in the description.
pub fn takes_body(route: &Route) -> bool {
    route.operation.takes.is_some() && route.method != Method::GET
}

/// Whether the route is about one practice, which may not be there.
const fn is_of_practice(resource: Resource) -> bool {
    match resource {
        Resource::Practice | Resource::PracticeToBe => true,
        Resource::Service => false,
    }
}

/// Collects the forms of what is given and of what is taken: a field that is always given may be left out by a caller.
struct Schemas {
    given: SchemaGenerator,
    taken: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = |contract| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
                settings.contract = contract;
            })
        };
        Self {
            given: settings(Contract::Serialize).into_generator(),
            taken: settings(Contract::Deserialize).into_generator(),
        }
    }

    fn given(&mut self, Shape(shape): Shape) -> Value {
        shape(&mut self.given).to_value()
    }

    fn taken(&mut self, Shape(shape): Shape) -> Value {
        shape(&mut self.taken).to_value()
    }

    fn finish(mut self) -> Map<String, Value> {
        let mut all = self.given.take_definitions(true);
        for (name, schema) in self.taken.take_definitions(true) {
            assert!(
                all.insert(name.clone(), schema).is_none(),
                "{name} is the name of what is given and of what is taken"
            );
        }
        all
    }
}
