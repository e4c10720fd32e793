//! The inbox: who said something last, what is unread, and the marks that staff set.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use serde::Serialize;

use super::extract::{InPractice, Parameters, TheConversation};
use super::problem::Problem;
use super::views::{ConversationView, UnreadView};
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::domain::{Conversation, ConversationKey, Event, MessageId, Seq};
use crate::ports::InboxFilter;

pub async fn list(
    Given(api): Given<Arc<Api>>,
    InPractice(practice): InPractice,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Conversations {
        conversations: Vec<ConversationView>,
        next: Option<String>,
    }

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

pub async fn mark_unread(
    Given(api): Given<Arc<Api>>,
    TheConversation(key): TheConversation,
) -> Result<Response, Problem> {
    mark(&api, &key, Event::MarkedUnread).await
}

async fn mark(api: &Api, key: &ConversationKey, event: Event) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Marked<'a> {
        phone: &'a str,
        unread: u32,
    }

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

pub async fn unread(Given(api): Given<Arc<Api>>, InPractice(practice): InPractice) -> Result<Response, Problem> {
    Ok(answer::ok(UnreadView::of(api.inbox.unread(&practice.id).await?)))
}
