//! The inbox: who said something last, what is unread, and the marks that staff set.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::Caller;
use super::extract::{InPractice, Parameters, TheConversation};
use super::fields::Fields;
use super::forms::{ID_PATTERN, MESSAGE_PATTERN, PhoneNumber, Place};
use super::operation::{Form, OPERATION, Operation, Parameter, ok};
use super::parameters::{BEFORE, LIMIT};
use super::problem::{Code, Problem};
use super::views::{ConversationView, UnreadView};
use super::{Api, PAGE_DEFAULT, answer, limit};
use crate::domain::desk::{Facet, TAG_CHARS_MAX, Tag};
use crate::domain::{Conversation, ConversationKey, Event, MessageId, Seq, StaffId};
use crate::ports::{InboxFilter, InboxRow, Looked};

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

const FILTER: Parameter = Parameter {
    name: "filter",
    about: "Those with something unread, that wait for an answer, whose newest text of staff did not arrive, in which staff have \
            to decide, or of a number that is no patient's.",
    form: Form::OneOf(&["unread", "waiting", "undeliverable", "held", "unknown"]),
    example: "waiting",
};
const ASSIGNED: Parameter = Parameter {
    name: "assigned",
    about: "Those that are assigned to this member of staff, to whoever asks (`me`), or to `nobody`.",
    form: Form::Pattern(ID_PATTERN),
    example: "nobody",
};
const TAG: Parameter = Parameter {
    name: "tag",
    about: "Those with this tag, in whatever capitals.",
    form: Form::Text { chars_max: TAG_CHARS_MAX },
    example: "billing",
};
const CLOSED: Parameter = Parameter {
    name: "closed",
    about: "Those that are closed alone, or those that are not.",
    form: Form::OneOf(&["true", "false"]),
    example: "false",
};
const CURSOR: Parameter = Parameter { name: "cursor", about: "Another name of `before`.", ..BEFORE };

pub const LIST: Operation = Operation {
    id: "list_conversations",
    group: "conversations",
    summary: "The inbox: newest first, unknown numbers included",
    about: "What is named is asked for together. Where few conversations fit, a page may have fewer than `limit`, or none, and \
            more pages after it: `next` says so.",
    query: &[FILTER, ASSIGNED, TAG, CLOSED, UNREAD, LIMIT, BEFORE, CURSOR],
    answers: &[ok::<Conversations>("A page of the inbox")],
    refuses: &[Code::BadCursor],
    ..OPERATION
};
pub async fn list(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    InPractice(practice): InPractice,
    Parameters(mut parameters): Parameters,
) -> Result<Response, Problem> {
    let limit = parameters.optional_text("limit", limit).unwrap_or(PAGE_DEFAULT);
    let Sought { filter, unknown } = Sought::read(&mut parameters, caller.staff.as_ref());
    let before = parameters.optional_text("before", |text| Ok::<_, &str>(text.to_owned()));
    let cursor = parameters.optional_text("cursor", |text| Ok::<_, &str>(text.to_owned()));
    if before.is_some() && cursor.is_some() {
        parameters.refuse("cursor", &"is the same as before: give one of them");
    }
    parameters.finish()?;
    let before = before.or(cursor).map(|cursor| api.cursors.in_inbox(&practice.id, &cursor)).transpose()?;
    let keep = |row: &InboxRow| match unknown {
        Unknown::Only => api.records.people(&practice.id, &row.phone).is_empty(),
        Unknown::OrNot => true,
    };
    let page = api.inbox.conversations(&practice.id, &filter, keep, before, limit).await?;
    Ok(answer::ok(Conversations {
        conversations: page.items.iter().map(|row| ConversationView::of(&api, &practice, row)).collect(),
        next: page.next.map(|cursor| api.cursors.of_inbox(&practice.id, cursor)),
    }))
}

/// What a caller wants listed.
struct Sought {
    filter: InboxFilter,
    unknown: Unknown,
}

/// Whether only numbers are wanted of which it is not known whose they are. The store does not know patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    Only,
    OrNot,
}

/// Whose conversations are wanted.
enum Assigned {
    To(StaffId),
    ToNobody,
}

/// The filters that have a word.
enum Named {
    Unread,
    Waiting,
    Undeliverable,
    Held,
    Unknown,
}

impl Sought {
    fn read(parameters: &mut Fields, staff: Option<&StaffId>) -> Self {
        let named = parameters.optional_text("filter", named);
        let assigned = parameters.optional_text("assigned", |text| assigned(text, staff));
        let tag = parameters.optional_text("tag", Tag::parse);
        let closed = parameters.optional_text("closed", yes_or_no);
        let unread = parameters.optional_text("unread", yes_or_no);
        let mut filter = InboxFilter::default();
        let mut unknown = Unknown::OrNot;
        filter.looked = unread.map(|unread| if unread { Looked::Unread } else { Looked::Read });
        match named {
            Some(Named::Unread) if unread == Some(false) => {
                parameters.refuse("filter", &"unread is asked for, and unread=false");
            }
            Some(Named::Unread) => filter.looked = Some(Looked::Unread),
            Some(Named::Waiting) => filter.has.push(Facet::Waiting),
            Some(Named::Undeliverable) => filter.has.push(Facet::Undeliverable),
            Some(Named::Held) => filter.has.push(Facet::Held),
            Some(Named::Unknown) => unknown = Unknown::Only,
            None => {}
        }
        filter.has.extend(tag.map(Facet::Tagged));
        match assigned {
            Some(Assigned::To(staff)) => filter.has.push(Facet::AssignedTo(staff)),
            Some(Assigned::ToNobody) => filter.lacks.push(Facet::Assigned),
            None => {}
        }
        match closed {
            Some(true) => filter.has.push(Facet::Closed),
            Some(false) => filter.lacks.push(Facet::Closed),
            None => {}
        }
        Self { filter, unknown }
    }
}

fn named(text: &str) -> Result<Named, &'static str> {
    match text {
        "unread" => Ok(Named::Unread),
        "waiting" => Ok(Named::Waiting),
        "undeliverable" => Ok(Named::Undeliverable),
        "held" => Ok(Named::Held),
        "unknown" => Ok(Named::Unknown),
        _ => Err("must be unread, waiting, undeliverable, held or unknown"),
    }
}

/// Somebody's, nobody's, or of whoever asks. Whoever is called `me` or `nobody` is found by no word of theirs.
fn assigned(text: &str, staff: Option<&StaffId>) -> Result<Assigned, &'static str> {
    match (text, staff) {
        ("nobody", _) => Ok(Assigned::ToNobody),
        ("me", Some(staff)) => Ok(Assigned::To(staff.clone())),
        ("me", None) => Err("is me, and nobody of the staff asks"),
        (other, _) => StaffId::parse(other).map(Assigned::To).map_err(|_| "must be me, nobody or a member of staff"),
    }
}

fn yes_or_no(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// A conversation as a list has it.
pub(super) async fn row(api: &Api, conversation: Conversation) -> Result<InboxRow, Problem> {
    let last = api.inbox.message_at(&conversation.key, conversation.last).await?;
    Ok(InboxRow::of(conversation, last, 0))
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
    caller: Caller,
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
    mark(&api, &key, Event::ReadUpTo { seq: up_to, staff: caller.staff }).await
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
