//! The written form of what the store keeps: its own types, so that the domain may change and what was written stays readable.
//!
//! A record is one octet that names its form, then JSON. JSON, because a form that outlives the code that wrote it should
//! be readable without it. A field or a variant is only ever added; anything else is a new form beside the old one.

mod audit;
mod consent;
mod conversation;
mod desk;
mod hours;
mod journal;
mod kept;
mod ledger;
mod message;
mod roll;
mod webhook;
mod wordings;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::audit::Audited;
use crate::domain::ledger::Proof;
use crate::domain::{Conversation, ConversationId, ConversationKey, Message, MessageId, Phone, PracticeId, Seq};
use crate::ports::{Post, Record, RecordKey, WebhookKey};

pub use desk::{read_note, read_typing, write_note, write_typing};
pub use journal::{read_evident, write_evident};
pub use kept::{
    read_dead_letter, read_kept, read_kept_whole, write_acceptance, write_dead_letter, write_kept, write_letter,
};
pub use message::{failure_code, failure_of, status_code, status_of};

use audit::AuditedV1;
use consent::{ConsentV1, HoldV1, SuspensionV1};
use message::{MessageV1, SaidV1};

/// The form that is written.
const FORM: u8 = b'1';

/// Why written octets are not a record. Nothing of the record is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("record is of a form that this version does not know")]
    UnknownForm,
    #[error("record is not well formed")]
    Malformed,
    #[error("record holds a {0} that is none")]
    NotA(&'static str),
}

fn write<T: Serialize>(record: &T) -> Vec<u8> {
    let mut octets = Vec::with_capacity(512);
    octets.push(FORM);
    serde_json::to_writer(&mut octets, record).expect("a record has string keys and goes to memory");
    octets
}

fn read<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, ReadError> {
    match octets {
        [FORM, json @ ..] => serde_json::from_slice(json).map_err(|_| ReadError::Malformed),
        [_, ..] => Err(ReadError::UnknownForm),
        [] => Err(ReadError::Malformed),
    }
}

/// A time as nanoseconds since 1970, which lasts until 2262; what lies outside is taken for the nearest.
pub fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

pub fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).expect("any i64 of nanoseconds lies between the years 1677 and 2262")
}

fn phone(text: &str) -> Result<Phone, ReadError> {
    Phone::parse(text).map_err(|_| ReadError::NotA("phone"))
}

fn practice_id(text: &str) -> Result<PracticeId, ReadError> {
    PracticeId::parse(text).map_err(|_| ReadError::NotA("practice id"))
}

fn base64(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(octets)
}

fn octets<const N: usize>(text: &str) -> Result<[u8; N], ReadError> {
    any_octets(text)?.try_into().map_err(|_| ReadError::Malformed)
}

fn any_octets(text: &str) -> Result<Vec<u8>, ReadError> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).map_err(|_| ReadError::Malformed)
}

// ------------------------------------------------------------------------------------------- conversations

pub fn write_conversation(conversation: &Conversation) -> Vec<u8> {
    write(&conversation::ConversationV1::from(conversation))
}

pub fn read_conversation(octets: &[u8]) -> Result<Conversation, ReadError> {
    read::<conversation::ConversationV1<'_>>(octets)?.try_into()
}

/// The two ends of a conversation, for lists that need no more of it.
#[derive(Serialize, Deserialize)]
struct KeyV1<'a> {
    #[serde(borrow)]
    practice: Cow<'a, str>,
    #[serde(borrow)]
    phone: Cow<'a, str>,
}

impl<'a> From<&'a ConversationKey> for KeyV1<'a> {
    fn from(key: &'a ConversationKey) -> Self {
        Self { practice: key.practice.as_str().into(), phone: key.phone.expose().into() }
    }
}

impl TryFrom<KeyV1<'_>> for ConversationKey {
    type Error = ReadError;

    fn try_from(key: KeyV1<'_>) -> Result<Self, ReadError> {
        Ok(Self { practice: practice_id(&key.practice)?, phone: phone(&key.phone)? })
    }
}

pub fn write_key(key: &ConversationKey) -> Vec<u8> {
    write(&KeyV1::from(key))
}

pub fn read_key(octets: &[u8]) -> Result<ConversationKey, ReadError> {
    read::<KeyV1<'_>>(octets)?.try_into()
}

/// Conversation and place.
#[derive(Serialize, Deserialize, Clone, Copy)]
struct MessageIdV1(u64, u64);

impl From<MessageId> for MessageIdV1 {
    fn from(id: MessageId) -> Self {
        Self(id.conversation.0, id.seq.0)
    }
}

impl From<MessageIdV1> for MessageId {
    fn from(MessageIdV1(conversation, seq): MessageIdV1) -> Self {
        Self { conversation: ConversationId(conversation), seq: Seq(seq) }
    }
}

// ----------------------------------------------------------------------------------------------- the thread

/// What of a message never changes: whose words, and which. The rest of it is in columns.
pub fn write_said(message: &Message) -> Vec<u8> {
    write(&SaidV1::from(message))
}

/// Kind, text and marks of a message.
pub fn read_said(octets: &[u8]) -> Result<(crate::domain::Kind, crate::domain::Body, crate::domain::Marks), ReadError> {
    read::<SaidV1<'_>>(octets)?.try_into()
}

/// A message with all that is in columns.
pub fn write_message(message: &Message) -> Vec<u8> {
    write(&MessageV1::from(message))
}

// ----------------------------------------------------------------------------------------------- the ledger

pub fn write_proof(proof: &Proof) -> Vec<u8> {
    write(&ledger::ProofV1::from(proof))
}

pub fn read_proof(octets: &[u8]) -> Result<Proof, ReadError> {
    read::<ledger::ProofV1<'_>>(octets)?.try_into()
}

// --------------------------------------------------------------------------------------- posts of webhooks

pub fn write_audited(entry: &Audited) -> Vec<u8> {
    write(&AuditedV1::of(entry))
}

pub fn read_audited(practice: &PracticeId, octets: &[u8]) -> Result<Audited, ReadError> {
    read::<AuditedV1>(octets)?.read(practice)
}

pub fn write_post(key: &WebhookKey, post: &Post) -> Vec<u8> {
    write(&webhook::PostV1::of(key, post))
}

/// A post, and whose it is.
pub fn read_post(octets: &[u8]) -> Result<(WebhookKey, Post), ReadError> {
    read::<webhook::PostV1>(octets)?.read()
}

// -------------------------------------------------------------------------------------------------- records

pub fn write_record(record: &Record) -> Vec<u8> {
    write(&roll::RecordV1::from(record))
}

pub fn read_record(octets: &[u8]) -> Result<Record, ReadError> {
    read::<roll::RecordV1>(octets)?.try_into()
}

pub fn write_record_key(key: &RecordKey) -> Vec<u8> {
    write(&roll::RecordKeyV1::from(key))
}

pub fn read_record_key(octets: &[u8]) -> Result<RecordKey, ReadError> {
    read::<roll::RecordKeyV1>(octets)?.try_into()
}

#[cfg(test)]
mod tests;
