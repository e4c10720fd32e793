//! What handlers take from a request. Whatever does not fit is a [`Problem`], never axum's plain text.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};

use super::Api;
use super::fields::Fields;
use super::problem::Problem;
use crate::domain::{ConversationKey, Message, MessageId, Patient, Phone, Practice, Preferences};

/// Octets that a body may have. The largest one needed is a text of ten segments.
pub const BODY_MAX: usize = 16 * 1024;

/// The body, a JSON object.
pub struct Json(pub Fields);

impl<S: Send + Sync> FromRequest<S> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::NotJson);
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                Problem::TooLarge { max: BODY_MAX }
            }
            _ => Problem::MalformedBody,
        })?;
        Fields::of_json(&body).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut given = headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::to_str);
    let (Some(Ok(given)), None) = (given.next(), given.next()) else { return false };
    let essence = given.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The query's parameters.
pub struct Parameters(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(Fields::of_query(parameters))),
            Err(_) => Err(Problem::Invalid(Vec::new())),
        }
    }
}

/// The names in the path, by the route's words for them.
pub struct Path(Vec<(String, String)>);

impl Path {
    /// The name as the caller gave it.
    pub fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).expect("the route names it")
    }

    /// Whether the route has such a name in its path.
    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Something that exists, if it exists.
    pub fn existing<T, E>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Problem> {
        parse(self.raw(name)).map_err(|_| Problem::NotFound)
    }

    /// Something that is being created under this name.
    pub fn fresh<T, E: std::fmt::Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        parse(self.raw(name)).map_err(|error| Problem::field(name, error.to_string()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

/// The practice of the path. The guard has seen to it that it exists and that the caller may know.
pub struct InPractice(pub Arc<Practice>);

impl<S: Send + Sync> FromRequestParts<S> for InPractice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Arc<Practice>>().cloned().map(Self).ok_or(Problem::NotFound)
    }
}

/// The patient of the path.
pub struct ThePatient {
    pub practice: Arc<Practice>,
    pub patient: Arc<Patient>,
}

impl ThePatient {
    /// The conversation with the patient's phone.
    pub fn conversation(&self) -> ConversationKey {
        self.conversation_with(self.patient.mobile_phone.clone())
    }

    /// The conversation with a phone that is the patient's, in the record or by a link: with the one in the record if none
    /// is named. What is the field's fault is told of it.
    pub fn conversation_at(&self, api: &Api, phone: Option<Phone>, field: &str) -> Result<ConversationKey, Problem> {
        let Some(phone) = phone else { return Ok(self.conversation()) };
        let is_theirs = phone == self.patient.mobile_phone || self.linked(api).any(|linked| linked == phone);
        if !is_theirs {
            return Err(Problem::field(
                field,
                "must be the patient's mobile phone, or a number that is linked to them",
            ));
        }
        Ok(self.conversation_with(phone))
    }

    fn linked(&self, api: &Api) -> impl Iterator<Item = Phone> {
        api.records.links_of(&self.practice.id, &self.patient.id).into_iter().map(|link| link.phone)
    }

    fn conversation_with(&self, phone: Phone) -> ConversationKey {
        ConversationKey { practice: self.practice.id.clone(), phone }
    }
}

impl FromRequestParts<Arc<Api>> for ThePatient {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let InPractice(practice) = InPractice::from_request_parts(parts, api).await?;
        let path = Path::from_request_parts(parts, api).await?;
        let id = path.existing("patient", crate::domain::PatientId::parse)?;
        let patient = api.records.patient(&practice.id, &id).ok_or(Problem::NotFound)?;
        Ok(Self { practice, patient })
    }
}

/// The conversation of the path, which is named by its phone.
pub struct TheConversation(pub ConversationKey);

impl FromRequestParts<Arc<Api>> for TheConversation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let InPractice(practice) = InPractice::from_request_parts(parts, api).await?;
        let path = Path::from_request_parts(parts, api).await?;
        let phone = path.existing("phone", Phone::parse)?;
        Ok(Self(ConversationKey { practice: practice.id.clone(), phone }))
    }
}

/// The message of the path, which is named by a patient whose phone it is, or by the phone.
pub struct TheMessage {
    pub practice: Arc<Practice>,
    pub key: ConversationKey,
    pub message: Message,
    /// How whom it is for wants to be texted.
    pub preferences: Preferences,
    /// Where the messages are to be found of which it is one.
    place: String,
}

impl TheMessage {
    /// Where a message beside it is to be found.
    pub fn location(&self, message: &Message) -> String {
        format!("{}/{}", self.place, message.id)
    }
}

impl FromRequestParts<Arc<Api>> for TheMessage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, api).await?;
        let InPractice(practice) = InPractice::from_request_parts(parts, api).await?;
        let id = MessageId::parse(path.raw("message")).ok_or(Problem::NotFound)?;
        let (keys, preferences, whose) = if path.names("patient") {
            let the = ThePatient::from_request_parts(parts, api).await?;
            let linked = the.linked(api).map(|phone| the.conversation_with(phone));
            let keys: Vec<ConversationKey> = [the.conversation()].into_iter().chain(linked).collect();
            (keys, the.patient.preferences.clone(), format!("patients/{}", the.patient.id))
        } else {
            let TheConversation(key) = TheConversation::from_request_parts(parts, api).await?;
            let first = api.records.people(&key.practice, &key.phone).into_iter().next();
            let preferences = first.map(|person| person.patient.preferences.clone()).unwrap_or_default();
            let whose = format!("conversations/{}", key.phone.expose().replace('+', "%2B"));
            (vec![key], preferences, whose)
        };
        let place = format!("/v1/practices/{}/{whose}/messages", practice.id);
        for key in keys {
            if let Some(message) = api.inbox.message(&key, id).await? {
                return Ok(Self { practice, key, message, preferences, place });
            }
        }
        Err(Problem::NotFound)
    }
}
