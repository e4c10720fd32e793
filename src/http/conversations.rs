//! The inbox: who said something last, what is unread, and the marks that staff set.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::extract::{InPractice, Parameters, TheConversation};
use super::forms::{MESSAGE_PATTERN, PhoneNumber, Place};
use super::operation::{Form, OPERATION, Operation, Parameter, ok};
use super::parameters::{BEFORE, LIMIT};
use super::problem::{Code, Problem};
use super::views::{ConversationView, UnreadView};
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::domain::{Conversation, ConversationKey, Event, MessageId, Seq};
use crate::ports::InboxFilter;

#[derive(Serialize, JsonSchema)]
struct Conversations {
    conversations: Vec<ConversationView>,
    /// Where older ones are; `null` is that there are none.
    #[schemars(with = "Option<Place>")]
    next: Option<String>,
}

const UNREAD: Parameter = Parameter {
    name: "unread",
    about: "Those with something unread alone, or those without.",
    form: Form::OneOf(&["true", "false"]),
    example: "true",
};

pub const LIST: Operation = Operation {
    id: "list_conversations",
    group: "conversations",
    summary: "The inbox: newest first, unknown numbers included",
    query: &[UNREAD, LIMIT, BEFORE],
    answers: &[ok::<Conversations>("A page of the inbox")],
    refuses: &[Code::BadCursor],
    ..OPERATION
};
pub async fn list(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.optional_text("limit", limit).unwrap_or(PAGE_DEFAULT);
    let filter = parameters.optional_text("unread", filter).unwrap_or(InboxFilter::All);
    let before = parameters.optional_text("before", |text| Ok::<_, &str>(text.to_owned()));
    parameters.finish()?;
    let before = before.map(|cursor| api.cursors.in_inbox(&practice.id, &cursor)).transpose()?;
    let page = api.inbox.conversations(&practice.id, filter, before, limit).await?;
    Ok(answer::ok(Conversations {
        conversations: page.items.iter().map(|row| ConversationView::of(&api, &practice, row)).collect(),
        next: page.next.map(|cursor| api.cursors.of_inbox(&practice.id, cursor)),
    }))
}

fn filter(text: &str) -> Result<InboxFilter, &'static str> {
    match text {
        "true" => Ok(InboxFilter::Unread),
        "false" => Ok(InboxFilter::Read),
        _ => Err("must be true or false"),
    }
}

const UP_TO: Parameter = Parameter {
    name: "up_to",
    about: "The newest message that was seen; left out, it is the newest that is there.",
    form: Form::Pattern(MESSAGE_PATTERN),
    example: "",
};

pub const MARK_READ: Operation = Operation {
    id: "mark_read",
    group: "conversations",
    summary: "Say that a conversation was read",
    query: &[UP_TO],
    answers: &[ok::<Marked<'_>>("What is unread from then on")],
    ..OPERATION
};
pub async fn mark_read(
    Given(api): Given<Arc<Api>>,
    TheConversation(key): TheConversation,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let read = parameters.optional_text("up_to", |text| MessageId::parse(text).ok_or("must be the id of a message"));
    parameters.finish()?;
    let conversation = existing(&api, &key).await?;
    // Without a place, everything that is there at this moment was seen.
    let up_to = match read {
        Some(id) if id.conversation == conversation.id => id.seq,
        Some(_) => return Err(Problem::NotFound),
        None => conversation.last,
    };
    mark(&api, &key, Event::ReadUpTo(up_to)).await
}

pub const MARK_UNREAD: Operation = Operation {
    id: "mark_unread",
    group: "conversations",
    summary: "Mark a conversation as unread again",
    answers: &[ok::<Marked<'_>>("What is unread from then on")],
    ..OPERATION
};
pub async fn mark_unread(
    Given(api): Given<Arc<Api>>,
    TheConversation(key): TheConversation,
) -> Result<Response, Problem> {
    mark(&api, &key, Event::MarkedUnread).await
}

/// A conversation whose mark was set.
#[derive(Serialize, JsonSchema)]
struct Marked<'a> {
    #[schemars(with = "PhoneNumber")]
    phone: &'a str,
    unread: u32,
}

async fn mark(api: &Api, key: &ConversationKey, event: Event) -> Result<Response, Problem> {
    existing(api, key).await?;
    api.directory.ask(key, event).await?;
    let conversation = existing(api, key).await?;
    Ok(answer::ok(Marked { phone: key.phone.expose(), unread: conversation.unread }))
}

/// A conversation in which something was said. To look for one must not make it.
pub(super) async fn existing(api: &Api, key: &ConversationKey) -> Result<Conversation, Problem> {
    let found = api.inbox.conversation(key).await?;
    found.filter(|conversation| conversation.last > Seq(0)).ok_or(Problem::NotFound)
}

pub const UNREAD_NOW: Operation = Operation {
    id: "get_unread",
    group: "conversations",
    summary: "Whether the red dot is lit, and what is unread",
    answers: &[ok::<UnreadView>("What is unread")],
    ..OPERATION
};
pub async fn unread(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Result<Response, Problem> {
    Ok(answer::ok(UnreadView::of(api.inbox.unread(&practice.id).await?)))
}
