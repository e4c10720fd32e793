//! What would become of a text, before anybody sends it.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::bodies::PreviewBody;
use super::extract::{InPractice, Json};
use super::forms::EncodingName;
use super::messages::read_words;
use super::operation::{OPERATION, Operation, body, ok};
use super::problem::Problem;
use super::{Api, answer};
use crate::domain::text::{Alphabet, Segments};
use crate::domain::typography::Straightened;

/// A text as it would be sent through the practice's number.
#[derive(Serialize, JsonSchema)]
struct Preview {
    #[schemars(with = "EncodingName")]
    encoding: &'static str,
    #[schemars(example = 1)]
    segments: u32,
    /// More than these are refused.
    #[schemars(example = 10)]
    segments_max: u32,
    #[schemars(example = &"Hi Rosa - see you Tuesday?")]
    text: String,
    /// What was straightened so that the text fits the alphabet of 160 characters.
    replaced: Vec<Replacement>,
}

/// Characters that were written, and what stands for them.
#[derive(Serialize, JsonSchema)]
pub struct Replacement {
    #[schemars(example = &"\u{2014}")]
    from: String,
    #[schemars(example = &"-")]
    to: String,
}

impl Replacement {
    pub fn all(replaced: Vec<(String, String)>) -> Vec<Self> {
        replaced.into_iter().map(|(from, to)| Self { from, to }).collect()
    }
}

/// The word for the alphabet of a text.
pub fn encoding_of(segments: &Segments) -> &'static str {
    match segments.alphabet {
        Alphabet::Gsm7 => "gsm7",
        Alphabet::Ucs2 => "ucs2",
    }
}

pub const PREVIEW: Operation = Operation {
    id: "preview_text",
    group: "messages",
    summary: "How a text would be sent, before anybody sends it",
    takes: body::<PreviewBody>(),
    answers: &[ok::<Preview>("The text as the patient would get it")],
    ..OPERATION
};
pub async fn preview(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let text = fields.text("text", read_words);
    fields.finish()?;
    let text = text.expect("a required field that is not there is a mistake that was told");

    let writing = api.records.writing(&practice);
    let Straightened { text, replaced } = Straightened::of(&text, writing);
    let segments = Segments::written(&text, writing);
    Ok(answer::ok(Preview {
        encoding: encoding_of(&segments),
        segments: segments.number(),
        segments_max: writing.segments_max,
        text,
        replaced: Replacement::all(replaced),
    }))
}
