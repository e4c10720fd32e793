//! What staff decide about a message: to take it back, or what became of one of which nobody knows.

use std::sync::Arc;

use axum::extract::State as Given;
use axum::response::Response;

use super::auth::Caller;
use super::bodies::ResolveBody;
use super::extract::{Json, TheMessage};
use super::operation::{OPERATION, Operation, accepted, body, ok};
use super::problem::{Code, Problem};
use super::views::MessageView;
use super::{Api, answer};
use crate::conversations::Reply;
use crate::domain::{Draft, Event, Message, Outcome, Resolution, Status};

pub const TAKE_BACK: Operation = Operation {
    id: "take_back_message",
    group: "messages",
    summary: "Take back a text that has not begun to leave",
    about: "Once more is no mistake. No patient is asked for consent to a text that was taken back before the question left.",
    answers: &[ok::<MessageView>("The message, which is `canceled`")],
    refuses: &[Code::TooLate],
    ..OPERATION
};
pub const TAKE_BACK_WITH_PHONE: Operation = Operation {
    id: "take_back_message_with_phone",
    group: "conversations",
    summary: "Take back a text to a phone, whoever's it is, that has not begun to leave",
    ..TAKE_BACK
};
/// Takes back a draft that has not begun to leave. Once more is no mistake.
pub async fn take_back(Given(api): Given<Arc<Api>>, the: TheMessage) -> Result<Response, Problem> {
    if the.message.status != Status::Canceled {
        decide(&api, &the, Event::TakenBack(the.message.id)).await?;
    }
    shown(&api, &the).await
}

pub const RESOLVE: Operation = Operation {
    id: "resolve_message",
    group: "messages",
    summary: "Say what is to become of a message that is `unconfirmed`, or held for want of an author",
    about: "Nothing of it goes out again but by this. What goes out is a new message, which consent must let through anew.",
    takes: body::<ResolveBody>(),
    answers: &[ok::<MessageView>("The message"), accepted::<MessageView>("The new message, with its words")],
    refuses: &[
        Code::NotUnconfirmed,
        Code::AuthorMaySend,
        Code::OptedOut,
        Code::TooManyWaiting,
        Code::InvitationLimit,
        Code::NumberSuspended,
    ],
    ..OPERATION
};
pub const RESOLVE_WITH_PHONE: Operation = Operation {
    id: "resolve_message_with_phone",
    group: "conversations",
    summary: "Say what is to become of a message to a phone, whoever's it is",
    ..RESOLVE
};
/// Says what is to become of an `unconfirmed` message, or of one that is held for want of an author: nothing of it goes out again but by this.
pub async fn resolve(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    the: TheMessage,
    Json(mut fields): Json,
) -> Result<Response, Problem> {
    let decision = fields.text("decision", Decision::parse);
    fields.finish()?;
    let decision = decision.expect("a required field that is not there is a mistake that was told");
    let (id, text) = (the.message.id, the.message.text.clone());
    let resolution = match decision {
        Decision::Sent => Resolution::Sent,
        Decision::Send => {
            let preferences = the.preferences.clone();
            Resolution::TakeOver(Draft { text, staff: caller.staff, preferences, send_at: None })
        }
        Decision::Discard => Resolution::Discard,
        Decision::Resend => {
            let preferences = the.preferences.clone();
            Resolution::Resend(Draft { text, staff: caller.staff, preferences, send_at: None })
        }
    };
    match decide(&api, &the, Event::Resolved { id, resolution }).await? {
        Some(new) => {
            let view = MessageView::one(&api, &the.practice, &the.key, &new).await;
            Ok(answer::accepted(the.location(&new), view))
        }
        None => shown(&api, &the).await,
    }
}

/// What may be decided about an `unconfirmed` message, or about one whose author may text patients no more.
#[derive(Clone, Copy)]
enum Decision {
    Resend,
    /// Answer for one whose author may text patients no more.
    Send,
    Sent,
    Discard,
}

impl Decision {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "resend" => Ok(Self::Resend),
            "send" => Ok(Self::Send),
            "sent" => Ok(Self::Sent),
            "discard" => Ok(Self::Discard),
            _ => Err("must be send, resend, sent or discard"),
        }
    }
}

/// Has the conversation decide; the new message, if there is one.
async fn decide(api: &Arc<Api>, the: &TheMessage, event: Event) -> Result<Option<Message>, Problem> {
    match api.directory.ask(&the.key, event).await? {
        Reply::Decided(Outcome::Accepted(message)) => Ok(Some(message)),
        Reply::Decided(Outcome::Refused(refusal)) => Err(Problem::Refused(refusal, Box::new((*the.practice).clone()))),
        Reply::Decided(Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_)) => Ok(None),
        Reply::AnsweredBefore(_) | Reply::KeyReused => unreachable!("it came without a key"),
    }
}

/// The message as it stands.
async fn shown(api: &Arc<Api>, the: &TheMessage) -> Result<Response, Problem> {
    let message = api.inbox.message(&the.key, the.message.id).await?.ok_or(Problem::Unavailable)?;
    Ok(answer::ok(MessageView::one(api, &the.practice, &the.key, &message).await))
}
