//! What staff do with a conversation among each other: whose it is, what is done, notes, and who is writing at this moment.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::bodies::{NoteBody, RearrangementBody};
use super::conversations::{existing, row};
use super::etag::{Condition, ETag};
use super::extract::{InPractice, Json, Parameters, TheConversation};
use super::forms::Place;
use super::operation::{OPERATION, Operation, body, created, nothing, ok};
use super::parameters::{BEFORE, CONDITIONS, LIMIT};
use super::problem::{Code, Problem};
use super::views::{NoteView, WholeConversationView};
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::conversations::Reply;
use crate::domain::desk::{DeskState, Rearrangement, Tag, Tags};
use crate::domain::note::NoteText;
use crate::domain::{Conversation, ConversationKey, Event, Outcome, Practice, PracticeId, StaffId};
use crate::ports::Typing;

pub const REARRANGE: Operation = Operation {
    id: "rearrange_conversation",
    group: "conversations",
    summary: "Assign a conversation, close it, tag it",
    about: "A text of the patient reopens it.",
    headers: CONDITIONS,
    takes: body::<RearrangementBody>(),
    answers: &[ok::<WholeConversationView>("The conversation from then on").tagged()],
    refuses: &[Code::ChangedMeanwhile],
    ..OPERATION
};
pub async fn rearrange(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    TheConversation(key): TheConversation,
    condition: Condition,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let assigned_to = fields.given_text_or_null("assigned_to", |text| assignee(&api, &practice.id, text));
    let state = fields.optional_flag("closed").map(|closed| if closed { DeskState::Closed } else { DeskState::Open });
    let tags = fields.texts("tags", Tag::parse).and_then(|tags| match Tags::of(tags) {
        Ok(tags) => Some(tags),
        Err(error) => {
            fields.refuse("tags", &error);
            None
        }
    });
    fields.finish()?;
    let found = existing(&api, &key).await?;
    if !condition.permits(Some(&tag(&api, &found))) {
        return Err(Problem::ChangedMeanwhile);
    }
    // Whoever named no tag decides on whatever is there.
    let seen = (!condition.is_none()).then_some(found.desk.version);
    let change = Rearrangement { assigned_to, state, tags };
    match api.directory.ask(&key, Event::Rearranged { change, seen }).await? {
        Reply::Decided(Outcome::Recorded) => {}
        other => return Err(refused(other, &practice)),
    }
    show(&api, &practice, &key).await
}

/// Somebody who may text patients. Whoever may not could not answer.
fn assignee(api: &Api, practice: &PracticeId, text: &str) -> Result<StaffId, String> {
    let member = StaffId::parse(text).ok().and_then(|id| api.records.staff_member(practice, &id));
    match member {
        Some(member) if member.patient_text_administrator => Ok(member.id),
        Some(member) => Err(format!("{} does not have the permission Patient Text Administrator", member.id)),
        None => Err("must be a member of the practice's staff".to_owned()),
    }
}

pub const GET: Operation = Operation {
    id: "get_conversation",
    group: "conversations",
    summary: "A conversation, who has read it, and who is writing",
    answers: &[ok::<WholeConversationView>("The conversation").tagged()],
    ..OPERATION
};
pub async fn get(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    TheConversation(key): TheConversation,
) -> Result<Response, Problem> {
    show(&api, &practice, &key).await
}

async fn show(api: &Api, practice: &Practice, key: &ConversationKey) -> Result<Response, Problem> {
    let conversation = existing(api, key).await?;
    let (tag, id) = (tag(api, &conversation), conversation.id);
    let row = row(api, conversation).await?;
    let typing = api.directory.typing_in(key);
    Ok(tag.on(answer::ok(WholeConversationView::of(api, practice, id, &row, typing))))
}

/// Covers what staff arrange. What is said in the conversation makes nobody's decision stale, unless it reopens it.
fn tag(api: &Api, conversation: &Conversation) -> ETag {
    let Conversation { id, key, desk, .. } = conversation;
    api.tags.of(&["conversation", key.practice.as_str(), key.phone.expose()], &(id.0, desk.version.0))
}

fn refused(reply: Reply, practice: &Practice) -> Problem {
    match reply {
        Reply::Decided(Outcome::Refused(refusal)) => Problem::Refused(refusal, Box::new(practice.clone())),
        Reply::Decided(Outcome::Accepted(_) | Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_))
        | Reply::AnsweredBefore(_)
        | Reply::KeyReused => unreachable!("what staff arrange is recorded or refused"),
    }
}

#[derive(Serialize, JsonSchema)]
struct Notes {
    notes: Vec<NoteView>,
    /// Where older ones are; `null` is that there are none.
    #[schemars(with = "Option<Place>")]
    next: Option<String>,
}

pub const NOTES: Operation = Operation {
    id: "list_notes",
    group: "conversations",
    summary: "The notes of a conversation, newest first",
    query: &[LIMIT, BEFORE],
    answers: &[ok::<Notes>("A page of notes")],
    refuses: &[Code::BadCursor],
    ..OPERATION
};
pub async fn notes(
    Given(api): Given<Arc<Api>>,
    TheConversation(key): TheConversation,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.optional_text("limit", limit).unwrap_or(PAGE_DEFAULT);
    let before = parameters.optional_text("before", |text| Ok::<_, &str>(text.to_owned()));
    parameters.finish()?;
    let before = before.map(|cursor| api.cursors.in_notes(&key, &cursor)).transpose()?;
    existing(&api, &key).await?;
    let page = api.inbox.notes(&key, before, limit).await?;
    Ok(answer::ok(Notes {
        notes: page.items.iter().map(NoteView::of).collect(),
        next: page.next.map(|number| api.cursors.of_notes(&key, number)),
    }))
}

pub const ADD_NOTE: Operation = Operation {
    id: "add_note",
    group: "conversations",
    summary: "Write something down for the others",
    about: "A note is never sent, is not in what a patient gets of their conversation, and does not change.",
    takes: body::<NoteBody>(),
    answers: &[created::<NoteView>("The note")],
    refuses: &[Code::TooManyNotes],
    ..OPERATION
};
pub async fn add_note(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    InPractice(practice): InPractice,
    TheConversation(key): TheConversation,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let text = fields.text("text", NoteText::parse);
    fields.finish()?;
    let text = text.expect("a required field that is not there is a mistake that was told");
    existing(&api, &key).await?;
    match api.directory.ask(&key, Event::Noted { text, staff: caller.staff }).await? {
        Reply::Decided(Outcome::Noted(note)) => Ok(answer::created(NoteView::of(&note))),
        other => Err(refused(other, &practice)),
    }
}

pub const TYPING: Operation = Operation {
    id: "say_typing",
    group: "conversations",
    summary: "Tell the others that you are writing",
    about: "It holds for 6 seconds. Say it again while it is so; more often than every 2 seconds makes no difference.",
    answers: &[nothing("The others are told")],
    ..OPERATION
};
/// Nothing hangs on it that anybody hears of it. The operator's own token is nobody in particular.
pub async fn typing(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    TheConversation(key): TheConversation,
) -> Result<Response, Problem> {
    existing(&api, &key).await?;
    if let Some(staff) = caller.staff {
        api.directory.types(Typing { key, staff }).await;
    }
    Ok(answer::nothing())
}
