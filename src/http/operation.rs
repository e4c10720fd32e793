//! How a call is documented: what it takes, what it answers, what it refuses. The description of the API is made of these.
//!
//! # How to document a route
//!
//! 1. What it answers: `derive(JsonSchema)` on the view, `#[schemars(rename = "Note")]` for its name without `View`. Doc
//!    comments become descriptions. A time is `#[schemars(with = "Time")]`, a phone `with = "PhoneNumber"` (`forms.rs`). Fields
//!    that are strings have `#[schemars(example = &"…")]`; the examples of whole answers are put together from those.
//! 2. What it takes: a struct in `bodies.rs`, which exists for the description alone; required fields are no `Option`.
//! 3. A `const` beside the handler, and its name in the route table:
//!    ```ignore
//!    pub const LIST: Operation = Operation {
//!        id: "list_notes", group: "conversations", summary: "The notes of a conversation, newest first",
//!        query: &[LIMIT, BEFORE], answers: &[ok::<Notes>("A page of notes")], refuses: &[Code::BadCursor], ..OPERATION
//!    };
//!    ```
//!    An answer with an ETag is `ok::<Note>("…").tagged()`.
//! 4. A new name in a path has a line in `parameters.rs`, a new code an entry in `problem/codes.rs`.
//! 5. `ASSENT_WRITE_DOCS=1 cargo test --locked --test api -- specification`, and commit `docs/`.
//!
//! What follows from the table is not repeated: who may call, the names in the path, the header Assent-Staff, and the codes
//! that come of the permission, the resource and the body. Each answer that a test of the API gets is held against all this.

use axum::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::problem::Code;

/// What is said of one call.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    /// What a generated client calls it. It stays.
    pub id: &'static str,
    /// The heading that it stands under.
    pub group: &'static str,
    pub summary: &'static str,
    /// What the summary has no room for; may be empty.
    pub about: &'static str,
    pub query: &'static [Parameter],
    pub headers: &'static [Parameter],
    pub takes: Option<Shape>,
    pub answers: &'static [Answer],
    /// Besides those that every call with its permission, resource and body has.
    pub refuses: &'static [Code],
}

/// What an operation has that says nothing else.
pub const OPERATION: Operation = Operation {
    id: "",
    group: "",
    summary: "",
    about: "",
    query: &[],
    headers: &[],
    takes: None,
    answers: &[],
    refuses: &[],
};

/// Something in the path, the query or the head of a request.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub about: &'static str,
    pub form: Form,
    pub example: &'static str,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Text { chars_max: usize },
    Pattern(&'static str),
    Number { least: usize, most: usize },
    OneOf(&'static [&'static str]),
}

/// The form of a JSON document.
#[derive(Debug, Clone, Copy)]
pub struct Shape(pub fn(&mut SchemaGenerator) -> Schema);

impl Shape {
    pub const fn of<T: JsonSchema>() -> Self {
        Self(|generator| generator.subschema_for::<T>())
    }
}

/// An answer to what went well.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: StatusCode,
    pub about: &'static str,
    pub content: Content,
    /// Headers that it always has, besides those of every answer.
    pub headers: &'static [Header],
}

impl Answer {
    /// The same, with the tag of what is shown.
    pub const fn tagged(self) -> Self {
        Self { headers: &[ETAG], ..self }
    }
}

/// A header of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    pub name: &'static str,
    pub about: &'static str,
    pub example: &'static str,
}

const ETAG: Header = Header {
    name: "ETag",
    about: "What is shown, as a tag: If-Match takes it.",
    example: "\"uPpk5yVQYhPXSQ6-_7gX2A\"",
};
const LOCATION: Header = Header {
    name: "Location",
    about: "Where the message is to be found.",
    example: "/v1/practices/riverside/patients/rosa/messages/4f1c0a52b7d93e68-2",
};
/// With 429 and 503.
pub const RETRY_AFTER: Header = Header { name: "Retry-After", about: "When to try again, in seconds.", example: "5" };
/// With 401.
pub const WWW_AUTHENTICATE: Header =
    Header { name: "WWW-Authenticate", about: "What is asked for.", example: "Bearer" };

#[derive(Debug, Clone, Copy)]
pub enum Content {
    Nothing,
    Json(Shape),
    /// Something else, by its media type.
    Text(&'static str),
    /// Server-sent events with this as the data of most of them.
    Events(Shape),
}

pub const fn ok<T: JsonSchema>(about: &'static str) -> Answer {
    json::<T>(StatusCode::OK, about)
}

pub const fn created<T: JsonSchema>(about: &'static str) -> Answer {
    json::<T>(StatusCode::CREATED, about)
}

/// Taken, and durable, but not done.
pub const fn accepted<T: JsonSchema>(about: &'static str) -> Answer {
    Answer { headers: &[LOCATION], ..json::<T>(StatusCode::ACCEPTED, about) }
}

pub const fn nothing(about: &'static str) -> Answer {
    Answer { status: StatusCode::NO_CONTENT, about, content: Content::Nothing, headers: &[] }
}

pub const fn text(media_type: &'static str, about: &'static str) -> Answer {
    Answer { status: StatusCode::OK, about, content: Content::Text(media_type), headers: &[] }
}

pub const fn events<T: JsonSchema>(about: &'static str) -> Answer {
    Answer { status: StatusCode::OK, about, content: Content::Events(Shape::of::<T>()), headers: &[] }
}

/// What a call takes in its body.
pub const fn body<T: JsonSchema>() -> Option<Shape> {
    Some(Shape::of::<T>())
}

const fn json<T: JsonSchema>(status: StatusCode, about: &'static str) -> Answer {
    Answer { status, about, content: Content::Json(Shape::of::<T>()), headers: &[] }
}
