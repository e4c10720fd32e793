//! What is kept for a while or for a person to look at: answers, dead letters, and what an operator accepted.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{KeyV1, MessageIdV1, ReadError, any_octets, base64, nanoseconds, read, time, write};
use crate::ports::{DeadLetter, IdempotencyKey, KeptAnswer};
use crate::store::redis::Accepted;

#[derive(Serialize, Deserialize)]
struct KeptAnswerV1<'a> {
    /// Whoever looks for it has it, but whoever moves it to another store has not. The first answers came without.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    request: String,
    #[serde(borrow)]
    conversation: KeyV1<'a>,
    message: MessageIdV1,
}

pub fn write_kept(kept: &KeptAnswer) -> Vec<u8> {
    write(&KeptAnswerV1 {
        key: Some(Cow::Borrowed(&kept.key.0)),
        request: base64(&kept.request),
        conversation: (&kept.conversation).into(),
        message: kept.message.into(),
    })
}

/// What was kept for a key, which whoever looks for it has.
pub fn read_kept(key: IdempotencyKey, octets: &[u8]) -> Result<KeptAnswer, ReadError> {
    kept(key, read(octets)?)
}

/// What was kept, with its key; `None` when it was kept without.
pub fn read_kept_whole(octets: &[u8]) -> Result<Option<KeptAnswer>, ReadError> {
    let mut found: KeptAnswerV1<'_> = read(octets)?;
    found.key.take().map(|key| kept(IdempotencyKey(key.into()), found)).transpose()
}

fn kept(key: IdempotencyKey, kept: KeptAnswerV1<'_>) -> Result<KeptAnswer, ReadError> {
    Ok(KeptAnswer {
        key,
        request: super::octets(&kept.request)?,
        conversation: kept.conversation.try_into()?,
        message: kept.message.into(),
    })
}

#[derive(Serialize, Deserialize)]
struct DeadLetterV1<'a> {
    at: i64,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    raw: String,
}

pub fn write_dead_letter(letter: &DeadLetter) -> Vec<u8> {
    write_letter(letter.at, letter.reason, &letter.raw)
}

/// A dead letter whose reason was read from somewhere.
pub fn write_letter(at: Timestamp, reason: &str, raw: &[u8]) -> Vec<u8> {
    write(&DeadLetterV1 { at: nanoseconds(at), reason: reason.into(), raw: base64(raw) })
}

/// When, why, and the PDU as it came.
pub fn read_dead_letter(octets: &[u8]) -> Result<(Timestamp, String, Vec<u8>), ReadError> {
    let letter: DeadLetterV1<'_> = read(octets)?;
    Ok((time(letter.at), letter.reason.into_owned(), any_octets(&letter.raw)?))
}

/// An operator accepted that the store went back in time.
#[derive(Serialize)]
struct AcceptanceV1<'a> {
    at: i64,
    who: &'a str,
    why: &'a str,
    lost_since: Option<i64>,
    /// Practice, newest occurrence that was seen, newest that is there.
    losses: Vec<(&'a str, u64, u64)>,
    conversations_doubted: usize,
}

pub fn write_acceptance(at: Timestamp, who: &str, why: &str, accepted: &Accepted) -> Vec<u8> {
    write(&AcceptanceV1 {
        at: nanoseconds(at),
        who,
        why,
        lost_since: accepted.lost_since.map(nanoseconds),
        losses: accepted.losses.iter().map(|loss| (loss.practice.as_str(), loss.seen, loss.has)).collect(),
        conversations_doubted: accepted.conversations,
    })
}
