//! What would become of a text, before anybody sends it.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use serde::Serialize;

use super::extract::{InPractice, Json};
use super::messages::read_words;
use super::problem::Problem;
use super::{Api, answer};
use crate::domain::text::{Alphabet, Segments};
use crate::domain::typography::Straightened;

/// A text as it would be sent through the practice's number.
#[derive(Serialize)]
struct Preview {
    encoding: &'static str,
    segments: u32,
    /// More than these are refused.
    segments_max: u32,
    text: String,
    replaced: Vec<Replacement>,
}

#[derive(Serialize)]
struct Replacement {
    from: String,
    to: String,
}

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
        encoding: match segments.alphabet {
            Alphabet::Gsm7 => "gsm7",
            Alphabet::Ucs2 => "ucs2",
        },
        segments: segments.number(),
        segments_max: writing.segments_max,
        text,
        replaced: replaced.into_iter().map(|(from, to)| Replacement { from, to }).collect(),
    }))
}
