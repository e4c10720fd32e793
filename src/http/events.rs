//! Tells whoever looks at a practice what happens in it, as server-sent events (HTML standard, section 9.2).

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::State as Given;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

use super::Api;
use super::auth::{Caller, Permission};
use super::extract::InPractice;
use super::forms::{PhoneNumber, StaffIdentifier, Time};
use super::operation::{Form, OPERATION, Operation, Parameter, events};
use super::problem::{Code, Problem};
use super::views::{ConsentView, ConversationView, MessageView, NoteView, PersonView, UnreadView};
use crate::domain::{ConversationKey, Practice, PracticeId};
use crate::inbox::Told;
use crate::ports::{Changed, InboxRow, Occurrence, OccurrenceId, StoreError, Typing};
use crate::webhooks::Teller;

/// Open streams of one practice: every member of staff, in a few windows each.
pub const STREAMS_MAX: usize = 100;
/// Open streams of all practices.
pub const STREAMS_IN_ALL_MAX: usize = 1_000;
/// Proxies close connections on which nothing is said.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The permission with which the stream was opened, and which it needs to go on.
pub const PERMISSION: Permission = Permission::PatientTextAdministrator;

const LAST_EVENT_ID: Parameter = Parameter {
    name: "Last-Event-ID",
    about: "The id of the last event that was seen: the stream goes on after it, with nothing missed.",
    form: Form::Pattern("^[0-9]{1,19}$"),
    example: "",
};

pub const STREAM: Operation = Operation {
    id: "stream_events",
    group: "events",
    summary: "What happens in a practice, as it happens (server-sent events)",
    about: "The events are `message.received`, `message.updated`, `consent.changed`, `unread.changed`, `conversation.updated` \
            (it was assigned, closed, reopened or tagged), `note.added` and `typing`, which is told once, has no id, and holds \
            until its time. `reset` has no data: what was missed can't be told one by one, and is to be read anew.",
    headers: &[LAST_EVENT_ID],
    answers: &[events::<EventData<'_>>("The stream, which has no end")],
    refuses: &[Code::TooManyStreams],
    ..OPERATION
};
pub async fn stream(
    Given(api): Given<Arc<Api>>,
    caller: Caller,
    InPractice(practice): InPractice,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = api.streams.enter(&practice.id).ok_or(Problem::TooManyStreams)?;
    let permissions = api.records.permission_changes();
    let (after, is_reset) = match last_event_id(&headers) {
        LastEventId::Given(after) => (after, false),
        LastEventId::None => (api.inbox.newest(&practice.id).await?, false),
        LastEventId::Garbage => (api.inbox.newest(&practice.id).await?, true),
    };
    let greeting = Event::default().comment("connected").id(after.0.to_string());
    let first = if is_reset { greeting.event("reset").data("{}") } else { greeting };
    let feed = Box::pin(api.inbox.feed(practice.id.clone(), after));
    let events = Events { api, caller, practice, feed, permissions, first: Some(first), _place: place };
    let events = stream::unfold(events, |mut events| async {
        let event = events.next().await?;
        Some((Ok::<Event, Infallible>(event), events))
    });
    let mut response = Sse::new(events).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would keep events back until it has a page full of them.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Where a stream goes on.
enum LastEventId {
    None,
    Given(OccurrenceId),
    Garbage,
}

fn last_event_id(headers: &HeaderMap) -> LastEventId {
    let Some(given) = headers.get("last-event-id") else { return LastEventId::None };
    let number = given.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|text| text.parse().ok()) {
        Some(id) => LastEventId::Given(OccurrenceId(id)),
        None => LastEventId::Garbage,
    }
}

/// One open stream.
struct Events {
    api: Arc<Api>,
    caller: Caller,
    practice: Arc<Practice>,
    feed: Pin<Box<dyn Stream<Item = Result<Told, StoreError>> + Send>>,
    permissions: watch::Receiver<()>,
    /// Says that the stream stands, and from where.
    first: Option<Event>,
    _place: Place,
}

impl Events {
    /// The next event, or `None` when the stream is to be closed.
    async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let until_next_look = self.until_next_look();
            let told = tokio::select! {
                biased;
                () = self.api.stopping.cancelled() => return None,
                changed = self.permissions.changed() => {
                    changed.ok()?;
                    self.may_go_on().then_some(())?;
                    continue;
                }
                told = self.feed.next() => told?,
                () = tokio::time::sleep(until_next_look) => {
                    return self.may_go_on().then(|| Event::default().comment(""));
                }
            };
            let event = match told {
                Ok(Told::Occurred(occurrence)) => tell(&self.api, &self.practice, &occurrence).await,
                Ok(Told::Typing { typing, until }) => Ok(self.tell_typing(&typing, until)),
                Ok(Told::Reset(id)) => Ok(Some(Event::default().event("reset").id(id.0.to_string()).data("{}"))),
                Err(error) => Err(error),
            };
            match event {
                Ok(Some(event)) => return self.may_go_on().then_some(event),
                Ok(None) => {}
                Err(error) => {
                    // The client comes back with the last id that it has seen.
                    tracing::warn!(%error, practice = %self.practice.id, "event stream was ended");
                    return None;
                }
            }
        }
    }

    /// It has no id, so that whoever comes back goes on from what was written down; nothing of what is over.
    fn tell_typing(&self, typing: &Typing, until: Timestamp) -> Option<Event> {
        let change = Change::Typing { staff: typing.staff.to_string(), until: until.to_string() };
        (until > self.api.clock.now())
            .then(|| Event::default().event("typing").data(data(&self.api, &typing.key, change)))
    }

    fn may_go_on(&self) -> bool {
        self.caller.still_may(&self.api.records, &self.practice.id, PERMISSION)
    }

    /// A token that runs out before the next sign of life is looked at when it does.
    fn until_next_look(&self) -> Duration {
        let expires_at = self.caller.expires_at(&self.api.records);
        let left = expires_at.and_then(|at| Duration::try_from(at.duration_since(self.api.clock.now())).ok());
        left.map_or(KEEP_ALIVE, |left| left.min(KEEP_ALIVE))
    }
}

/// An occurrence as an event of the stream.
async fn tell(api: &Api, practice: &Practice, occurrence: &Occurrence) -> Result<Option<Event>, StoreError> {
    let data = told(api, practice, occurrence).await?;
    let event = Event::default().event(occurrence.change.event()).id(occurrence.id.0.to_string());
    Ok(data.map(|data| event.data(data)))
}

#[async_trait]
impl Teller for Api {
    async fn tell(&self, practice: &PracticeId, occurrence: &Occurrence) -> Result<Option<String>, StoreError> {
        let Some(practice) = self.records.practice(practice) else { return Ok(None) };
        told(self, &practice, occurrence).await
    }
}

/// Reads what an occurrence is about, as it stands; in JSON.
async fn told(api: &Api, practice: &Practice, occurrence: &Occurrence) -> Result<Option<String>, StoreError> {
    let key = ConversationKey { practice: practice.id.clone(), phone: occurrence.phone.clone() };
    let inbox = &api.inbox;
    let change = match occurrence.change {
        Changed::MessageReceived(seq) | Changed::MessageUpdated(seq) => {
            let Some(message) = inbox.message_at(&key, seq).await? else { return Ok(None) };
            Change::Message { message: MessageView::one(api, practice, &key, &message).await }
        }
        Changed::Consent => Change::Consent { consent: ConsentView::read(api, practice, &key).await? },
        Changed::Unread => {
            let unread = UnreadView::of(inbox.unread(&key.practice).await?);
            let conversation_unread = inbox.conversation(&key).await?.map_or(0, |found| found.unread);
            Change::Unread { unread, conversation_unread }
        }
        Changed::Desk => {
            let Some(conversation) = inbox.conversation(&key).await? else { return Ok(None) };
            let last = inbox.message_at(&key, conversation.last).await?;
            let row = InboxRow::of(conversation, last, 0);
            let conversation = Box::new(ConversationView::of(api, practice, &row));
            Change::Conversation { conversation }
        }
        Changed::Note(number) => {
            let Some(note) = inbox.note(&key, number).await? else { return Ok(None) };
            Change::Note { note: NoteView::of(&note) }
        }
    };
    Ok(Some(data(api, &key, change)))
}

fn data(api: &Api, key: &ConversationKey, change: Change) -> String {
    let data = EventData {
        practice: key.practice.as_str(),
        phone: key.phone.expose(),
        patients: PersonView::all(api, key),
        change,
    };
    serde_json::to_string(&data).expect("an event has text for keys")
}

/// The data of an event: whose it is, and the changed resource as it stands.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Event")]
struct EventData<'a> {
    #[schemars(example = &"riverside")]
    practice: &'a str,
    #[schemars(with = "PhoneNumber")]
    phone: &'a str,
    patients: Vec<PersonView>,
    #[serde(flatten)]
    change: Change,
}

#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Change {
    Message {
        message: MessageView,
    },
    Consent {
        consent: ConsentView,
    },
    Unread {
        unread: UnreadView,
        conversation_unread: u32,
    },
    Conversation {
        conversation: Box<ConversationView>,
    },
    Note {
        note: NoteView,
    },
    Typing {
        #[schemars(with = "StaffIdentifier")]
        staff: String,
        #[schemars(with = "Time")]
        until: String,
    },
}

/// Counts the streams that are open.
#[derive(Debug, Default)]
pub struct Streams {
    open: Mutex<HashMap<PracticeId, usize>>,
}

impl Streams {
    fn enter(self: &Arc<Self>, practice: &PracticeId) -> Option<Place> {
        let mut open = self.open.lock().expect("no holder of the lock panics");
        let has_room = open.values().sum::<usize>() < STREAMS_IN_ALL_MAX
            && open.get(practice).is_none_or(|count| *count < STREAMS_MAX);
        if !has_room {
            return None;
        }
        *open.entry(practice.clone()).or_default() += 1;
        Some(Place { streams: Arc::clone(self), practice: practice.clone() })
    }
}

/// The place of an open stream, given back when it ends.
struct Place {
    streams: Arc<Streams>,
    practice: PracticeId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().expect("no holder of the lock panics");
        if let Some(count) = open.get_mut(&self.practice) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.practice);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_bounded_for_each_practice_and_in_all() {
        let streams = Arc::new(Streams::default());
        let practice = |number: usize| PracticeId::parse(&format!("p{number}")).unwrap();
        let mut places: Vec<Place> = (0..STREAMS_MAX).map(|_| streams.enter(&practice(0)).unwrap()).collect();
        assert!(streams.enter(&practice(0)).is_none());
        places.pop();
        assert!(streams.enter(&practice(0)).is_some(), "a place that was given back is free");
        for number in 1..=STREAMS_IN_ALL_MAX - places.len() {
            places.push(streams.enter(&practice(number)).unwrap());
        }
        assert!(streams.enter(&practice(5_000)).is_none());
        places.clear();
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
