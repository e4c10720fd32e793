//! The texts that Assent writes itself, as a practice sets them and as its patients get them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::fields::Fields;
use super::problem::FieldError;
use crate::domain::Practice;
use crate::domain::keyword::Language;
use crate::domain::text::{Segments, Writing};
use crate::domain::texts::{OWN_SEGMENTS_MAX, Occasion, Texts, Wording};
use crate::domain::typography::Straightened;

const LANGUAGES: [(&str, Language); 2] = [("en", Language::English), ("es", Language::Spanish)];

/// By what for, then by language.
pub type ByOccasion<T> = BTreeMap<&'static str, BTreeMap<&'static str, T>>;

/// Reads the wordings that a practice sets; what it leaves out is worded as by default.
pub fn read(fields: &mut Fields) -> Texts {
    let mut texts = Texts::default();
    let Some(mut by_occasion) = fields.object("texts") else { return texts };
    for occasion in Occasion::ALL {
        let Some(mut by_language) = by_occasion.object(name_of(occasion)) else { continue };
        for (code, language) in LANGUAGES {
            let wording = by_language.optional_text(code, |text| Wording::parse(occasion, language, text));
            wording.into_iter().for_each(|wording| texts.set(occasion, language, wording));
        }
        by_occasion.absorb(name_of(occasion), by_language);
    }
    fields.absorb("texts", by_occasion);
    texts
}

/// Which of the texts that a practice has set are too long as its patients would get them.
pub fn too_long(practice: &Practice, writing: Writing) -> Vec<FieldError> {
    let mut found = Vec::new();
    for (occasion, language, _) in practice.texts.own() {
        let Shown { segments, .. } = Shown::of(practice, occasion, language, writing);
        if segments > OWN_SEGMENTS_MAX {
            let field = format!("texts.{}.{}", name_of(occasion), code_of(language));
            let detail = format!("would take {segments} segments, and {OWN_SEGMENTS_MAX} is the most");
            found.push(FieldError { field, detail });
        }
    }
    found
}

/// What a practice has set itself, as it set it.
pub fn own(practice: &Practice) -> ByOccasion<&str> {
    let mut texts = ByOccasion::new();
    for (occasion, language, wording) in practice.texts.own() {
        texts.entry(name_of(occasion)).or_default().insert(code_of(language), wording.as_str());
    }
    texts
}

/// A text as patients get it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TextInForce")]
pub struct Shown {
    #[schemars(example = &"Riverside Physical Therapy: call 303-555-0199. Reply STOP to opt out.")]
    text: String,
    #[schemars(example = 1)]
    segments: u32,
}

impl Shown {
    fn of(practice: &Practice, occasion: Occasion, language: Language, writing: Writing) -> Self {
        let text = Straightened::of(practice.text(occasion, language).expose(), writing).text;
        let segments = Segments::written(&text, writing).number();
        Self { text, segments }
    }
}

/// Every text as patients get it.
pub fn in_force(practice: &Practice, writing: Writing) -> ByOccasion<Shown> {
    let shown = |occasion, language| Shown::of(practice, occasion, language, writing);
    let by_language = |occasion| LANGUAGES.map(|(code, language)| (code, shown(occasion, language))).into();
    Occasion::ALL.map(|occasion| (name_of(occasion), by_language(occasion))).into()
}

/// Reads the code of a language.
pub fn read_language(text: &str) -> Result<Language, &'static str> {
    let known = LANGUAGES.iter().find(|(code, _)| *code == text);
    known.map(|(_, language)| *language).ok_or("must be en or es")
}

fn name_of(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Invitation => "invitation",
        Occasion::OptOutConfirmation => "opt_out_confirmation",
        Occasion::StartConfirmation => "start_confirmation",
        Occasion::Help => "help",
        Occasion::AfterHours => "after_hours",
    }
}

/// The code of a language (ISO 639-1).
pub fn code_of(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::Spanish => "es",
    }
}
