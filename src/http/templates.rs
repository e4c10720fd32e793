//! Texts that a practice's staff keep to write them again, with fields for what differs.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::bodies::{RenderBody, TemplateBody};
use super::etag::{Condition, ETag, Tags};
use super::extract::{InPractice, Json, Path};
use super::fields::read;
use super::forms::{EncodingName, LanguageCode};
use super::messages::{fits, read_words};
use super::operation::{OPERATION, Operation, body, created, nothing, ok};
use super::parameters::CONDITIONS;
use super::preview::{Replacement, encoding_of};
use super::problem::{Code, Problem};
use super::{Api, answer, texts};
use crate::domain::template::{Field, Words};
use crate::domain::text::{Segments, Writing};
use crate::domain::typography::Straightened;
use crate::domain::{PatientId, Practice, PracticeId, Template, TemplateId};
use crate::ports::Record;
use crate::records::Over;

const NAME_MAX: usize = 80;

/// A template, and how its text would be sent to a patient with long names.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Template")]
struct TemplateView<'a> {
    #[serde(flatten)]
    kept: KeptView<'a>,
    #[schemars(example = ["first_name", "practice_contact"])]
    fields: Vec<&'static str>,
    #[schemars(with = "EncodingName")]
    encoding: &'static str,
    /// For a patient whose names have twenty plain letters each.
    #[schemars(example = 1)]
    segments: u32,
}

/// What a PUT of the template writes.
#[derive(Serialize, JsonSchema)]
struct KeptView<'a> {
    #[schemars(example = &"reminder")]
    id: &'a str,
    #[schemars(example = &"Reminder")]
    name: &'a str,
    #[schemars(example = &"Hi {first_name}, see you tomorrow. Questions? {practice_contact}")]
    text: &'a str,
    #[schemars(with = "LanguageCode")]
    language: &'static str,
}

impl<'a> KeptView<'a> {
    fn of(template: &'a Template) -> Self {
        Self {
            id: template.id.as_str(),
            name: &template.name,
            text: template.words.as_str(),
            language: texts::code_of(template.language),
        }
    }
}

impl<'a> TemplateView<'a> {
    fn of(template: &'a Template, practice: &Practice, writing: Writing) -> Self {
        let text = Straightened::of(&template.words.fill_plausibly(practice), writing).text;
        let segments = Segments::written(&text, writing);
        Self {
            kept: KeptView::of(template),
            fields: template.words.fields().into_iter().map(Field::name).collect(),
            encoding: encoding_of(&segments),
            segments: segments.number(),
        }
    }

    fn tag(tags: &Tags, practice: &PracticeId, template: &Template) -> ETag {
        tags.of(&[practice.as_str(), "template"], &KeptView::of(template))
    }
}

fn tagged(
    api: &Api,
    practice: &Practice,
    template: &Template,
    answer: impl FnOnce(TemplateView) -> Response,
) -> Response {
    let view = TemplateView::of(template, practice, api.records.writing(practice));
    TemplateView::tag(&api.tags, &practice.id, template).on(answer(view))
}

/// What the condition is over, for the template of a practice.
fn over(api: &Arc<Api>, practice: &PracticeId, condition: Condition) -> Over {
    let (api, practice) = (Arc::clone(api), practice.clone());
    condition.over(move |there| {
        let Record::Template(_, there) = there else { return None };
        Some(TemplateView::tag(&api.tags, &practice, there))
    })
}

pub const PUT: Operation = Operation {
    id: "put_template",
    group: "templates",
    summary: "Keep a text to write it again, or change it",
    about: "What could not be sent to a patient whose names have twenty plain letters each is refused.",
    headers: CONDITIONS,
    takes: body::<TemplateBody>(),
    answers: &[
        ok::<TemplateView<'_>>("It was changed").tagged(),
        created::<TemplateView<'_>>("It was created").tagged(),
    ],
    refuses: &[Code::ChangedMeanwhile, Code::TooManyTemplates],
    ..OPERATION
};
pub async fn put(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    condition: Condition,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let id = path.fresh("template", TemplateId::parse)?;
    let name = fields.text("name", read::line(NAME_MAX));
    let words = fields.text("text", read_template(&practice, api.records.writing(&practice)));
    let language = fields.optional_text("language", texts::read_language).unwrap_or_default();
    fields.finish()?;
    let (Some(name), Some(words)) = (name, words) else {
        unreachable!("a required field that is not there is a mistake that was told");
    };
    let template = Template { id, name, words, language };
    let over = over(&api, &practice.id, condition);
    let put = api.records.put_template(&practice.id, template.clone(), over).await?;
    Ok(tagged(&api, &practice, &template, |view| answer::put(put, view)))
}

/// Reads a text whose fields are known, and which can be sent to a patient with long names.
fn read_template(practice: &Practice, writing: Writing) -> impl Fn(&str) -> Result<Words, String> {
    move |text| {
        let words = Words::parse(&read_words(text)?).map_err(|error| error.to_string())?;
        fits(&words.fill_plausibly(practice), writing)?;
        Ok(words)
    }
}

#[derive(Serialize, JsonSchema)]
struct Templates<'a> {
    templates: Vec<TemplateView<'a>>,
}

pub const LIST: Operation = Operation {
    id: "list_templates",
    group: "templates",
    summary: "The templates of a practice, by their names",
    answers: &[ok::<Templates<'_>>("All of them: a practice has 200 at most")],
    ..OPERATION
};
pub async fn list(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Response {
    let (templates, writing) = (api.records.templates(&practice.id), api.records.writing(&practice));
    let templates = templates.iter().map(|template| TemplateView::of(template, &practice, writing));
    answer::ok(Templates { templates: templates.collect() })
}

pub const GET: Operation = Operation {
    id: "get_template",
    group: "templates",
    summary: "One template",
    answers: &[ok::<TemplateView<'_>>("The template").tagged()],
    ..OPERATION
};
pub async fn get(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
) -> Result<Response, Problem> {
    let template = existing(&api, &practice, &path)?;
    Ok(tagged(&api, &practice, &template, |view| answer::ok(view)))
}

pub const REMOVE: Operation = Operation {
    id: "remove_template",
    group: "templates",
    summary: "Remove a template",
    about: "What was written with it stays.",
    headers: CONDITIONS,
    answers: &[nothing("It is gone")],
    refuses: &[Code::ChangedMeanwhile],
    ..OPERATION
};
pub async fn remove(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    condition: Condition,
) -> Result<Response, Problem> {
    let id = path.existing("template", TemplateId::parse)?;
    let over = over(&api, &practice.id, condition);
    api.records.remove_template(&practice.id, &id, over).await?;
    Ok(answer::nothing())
}

fn existing(api: &Api, practice: &Practice, path: &Path) -> Result<Template, Problem> {
    let id = path.existing("template", TemplateId::parse)?;
    api.records.template(&practice.id, &id).ok_or(Problem::NotFound)
}

/// A template's text, filled for a patient.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RenderedText")]
struct Rendered {
    #[schemars(example = &"Hi Rosa, see you tomorrow. Questions? 303-555-0199")]
    text: String,
    #[schemars(with = "EncodingName")]
    encoding: &'static str,
    #[schemars(example = 1)]
    segments: u32,
    replaced: Vec<Replacement>,
}

pub const RENDER: Operation = Operation {
    id: "render_template",
    group: "templates",
    summary: "The text of a template for a patient, as that patient would get it",
    about: "Nothing is sent. What can't be sent to this patient is refused with what is wrong.",
    takes: body::<RenderBody>(),
    answers: &[ok::<Rendered>("The text")],
    ..OPERATION
};
/// The text for a patient, as it would be sent. It is for staff to look at and to send, or to change before.
pub async fn render(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    path: Path,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let template = existing(&api, &practice, &path)?;
    let known = |text: &str| PatientId::parse(text).ok().and_then(|id| api.records.patient(&practice.id, &id));
    let patient = fields.text("patient", |text| known(text).ok_or("must be the id of a patient of this practice"));
    fields.finish()?;
    let patient = patient.expect("a required field that is not there is a mistake that was told");

    let writing = api.records.writing(&practice);
    let filled = template.words.fill(&practice, &patient);
    let filled = filled.map_err(|blank| Problem::field("patient", blank.to_string()))?;
    fits(&filled, writing).map_err(|wrong| Problem::field("patient", format!("for this one the text {wrong}")))?;
    let Straightened { text, replaced } = Straightened::of(&filled, writing);
    let segments = Segments::written(&text, writing);
    Ok(answer::ok(Rendered {
        encoding: encoding_of(&segments),
        segments: segments.number(),
        text,
        replaced: Replacement::all(replaced),
    }))
}
