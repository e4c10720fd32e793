//! What is read, taken apart and opened.

use redis::{RedisResult, Value};

use super::super::cipher::Lookup;
use super::super::record;
use super::super::sealed::{Cipher, change_of};
use super::keys;
use crate::domain::{ConversationId, ConversationKey, Entry, Message, MessageId, Seq};
use crate::ports::{
    Changed, IdempotencyKey, InboxCursor, InboxPart, InboxRow, KeptAnswer, Occurrence, OccurrenceId, Occurrences,
    OperationId, Record, StoreError, Stored, Version,
};

type Read<T> = Result<T, StoreError>;

pub fn unreadable(what: &str) -> StoreError {
    StoreError::Unreadable(what.into())
}

/// A value that is a number in digits.
pub fn number<T: std::str::FromStr>(digits: &[u8]) -> Read<T> {
    let text = std::str::from_utf8(digits).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| unreadable("a number is none"))
}

pub fn time(digits: &[u8]) -> Read<i64> {
    keys::unsorted(digits).ok_or_else(|| unreadable("a time is none"))
}

/// The fields of a conversation, as they are asked for by [`STORED`].
pub type StoredFields = (Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>, Option<Vec<u8>>);
pub const STORED: [&str; 4] = ["id", "version", "operation", "snapshot"];

pub fn stored(cipher: &Cipher, look_up: Lookup, fields: StoredFields) -> Read<Option<Stored>> {
    let (id, version, operation, snapshot) = match fields {
        (Some(id), Some(version), Some(operation), Some(snapshot)) => (id, version, operation, snapshot),
        (None, None, None, None) => return Ok(None),
        _ => return Err(unreadable("a conversation is not whole")),
    };
    open_stored(cipher, look_up, &id, &version, &operation, &snapshot).map(Some)
}

/// A conversation from its id, version, operation and snapshot, which must belong together.
fn open_stored(
    cipher: &Cipher,
    look_up: Lookup,
    id: &[u8],
    version: &[u8],
    operation: &[u8],
    snapshot: &[u8],
) -> Read<Stored> {
    let (id, version) = (number(id)?, number(version)?);
    let operation = u128::from_be_bytes(operation.try_into().map_err(|_| unreadable("an operation is none"))?);
    let plain = cipher.open(&Cipher::conversation(look_up, id, version, operation), snapshot)?;
    let conversation = record::read_conversation(&plain)?;
    Ok(Stored { conversation, version: Version(version), operation: OperationId(operation) })
}

pub fn ends(cipher: &Cipher, look_up: Lookup, sealed: &[u8]) -> Read<ConversationKey> {
    Ok(record::read_key(&cipher.open(&Cipher::ends(look_up), sealed)?)?)
}

/// Leaves out what can't be read from a list, and says so: one damaged conversation does not hide all others.
pub fn readable<T>(found: Read<T>) -> Read<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::Unreadable(reason)) => {
            metrics::counter!("assent_store_unreadable_total").increment(1);
            tracing::error!(%reason, "left an unreadable conversation out of a list");
            Ok(None)
        }
        Err(error @ (StoreError::Unavailable(_) | StoreError::WentBack(_))) => Err(error),
    }
}

/// A message from its place, what of it never changes, and what does.
pub fn message(cipher: &Cipher, look_up: Lookup, id: MessageId, fixed: &[u8], state: &[u8]) -> Read<Message> {
    let not_whole = || unreadable("a message is not whole");
    let end = fixed.iter().position(|octet| *octet == b'\n').ok_or_else(not_whole)?;
    let (heading, said) = (&fixed[..end], &fixed[end + 1..]);
    let mut heading = heading.split(|octet| *octet == b' ');
    let (Some(segments), Some(created_at), None) = (heading.next(), heading.next(), heading.next()) else {
        return Err(not_whole());
    };
    let mut state = state.split(|octet| *octet == b' ');
    let (Some(status), Some(updated_at)) = (state.next(), state.next()) else { return Err(not_whole()) };
    let failure = match (state.next(), state.next()) {
        (Some(code), Some(detail)) => Some(record::failure_of(number(code)?, number(detail)?)?),
        (None, _) => None,
        (Some(_), None) => return Err(not_whole()),
    };
    let (kind, text, marks) = record::read_said(&cipher.open(&Cipher::message(look_up, id), said)?)?;
    Ok(Message {
        id,
        kind,
        text,
        marks,
        status: record::status_of(number(status)?)?,
        created_at: record::time(number(created_at)?),
        updated_at: record::time(number(updated_at)?),
        segments: number(segments)?,
        failure,
    })
}

/// A thread, as its script returns it.
pub fn thread(cipher: &Cipher, look_up: Lookup, answer: Vec<Value>) -> Read<Vec<Message>> {
    let mut answer = answer.into_iter();
    let Some(id) = answer.next() else { return Ok(Vec::new()) };
    let conversation = ConversationId(number(&octets(id)?)?);
    let parts: Vec<Vec<u8>> = typed(answer.next().unwrap_or(Value::Nil))?;
    parts
        .chunks_exact(3)
        .map(|part| {
            let id = MessageId { conversation, seq: Seq(number(&part[0])?) };
            message(cipher, look_up, id, &part[1], &part[2])
        })
        .collect()
}

/// What an inbox's script returns of one conversation.
const INBOX_FIELDS: usize = 10;

pub fn inbox(cipher: &Cipher, answer: Vec<Value>) -> Read<InboxPart> {
    let mut answer = answer.into_iter();
    let mut next = || answer.next().unwrap_or(Value::Nil);
    let cut = octets(next())?;
    let parts: Vec<Vec<u8>> = typed(next())?;
    let mut rows = Vec::new();
    for fields in parts.chunks_exact(INBOX_FIELDS) {
        rows.extend(readable(inbox_row(cipher, fields))?);
    }
    let cut_at = if cut.is_empty() { None } else { Some(cursor(&cut)?) };
    Ok(InboxPart { rows, cut_at })
}

/// A place in the inbox.
fn cursor(place: &[u8]) -> Read<InboxCursor> {
    let (active_at, row) = place.split_at_checked(16).ok_or_else(|| unreadable("a place in the inbox is none"))?;
    let row = std::str::from_utf8(row).ok().and_then(|row| u64::from_str_radix(row, 16).ok());
    let row = row.ok_or_else(|| unreadable("a place in the inbox is none"))?;
    Ok(InboxCursor { active_at: record::time(time(active_at)?), row })
}

fn inbox_row(cipher: &Cipher, fields: &[Vec<u8>]) -> Read<InboxRow> {
    let [look_up, place, id, version, operation, snapshot, unread, last, fixed, state] = fields else {
        return Err(unreadable("a row of the inbox is not whole"));
    };
    let look_up = keys::look_up(look_up).ok_or_else(|| unreadable("a look-up is none"))?;
    let stored = open_stored(cipher, look_up, id, version, operation, snapshot)?;
    let cursor = cursor(place)?;
    let last = MessageId { conversation: stored.conversation.id, seq: Seq(number(last)?) };
    Ok(InboxRow {
        phone: stored.conversation.key.phone,
        consent: stored.conversation.consent,
        hold: stored.conversation.hold,
        suspension: stored.conversation.suspension,
        unread: number(unread)?,
        active_at: cursor.active_at,
        desk: stored.conversation.desk,
        last: match fixed.is_empty() {
            true => None,
            false => Some(message(cipher, look_up, last, fixed, state)?),
        },
        cursor,
    })
}

/// What an occurrences' script returns of one of them.
const OCCURRENCE_FIELDS: usize = 5;

pub fn occurrences(cipher: &Cipher, after: OccurrenceId, answer: Vec<Value>) -> Read<Occurrences> {
    let mut answer = answer.into_iter();
    let mut next = || answer.next().unwrap_or(Value::Nil);
    let (newest, oldest): (u64, u64) = (number(&octets(next())?)?, number(&octets(next())?)?);
    if after.0 > newest || after.0 + 1 < oldest {
        return Ok(Occurrences::Gone);
    }
    let parts: Vec<Vec<u8>> = typed(next())?;
    let mut page = Vec::new();
    for fields in parts.chunks_exact(OCCURRENCE_FIELDS) {
        page.extend(readable(occurrence(cipher, fields))?);
    }
    Ok(Occurrences::Page(page))
}

fn occurrence(cipher: &Cipher, fields: &[Vec<u8>]) -> Read<Occurrence> {
    let [id, look_up, kind, place, sealed] = fields else {
        return Err(unreadable("an occurrence is not whole"));
    };
    let look_up = keys::look_up(look_up).ok_or_else(|| unreadable("a look-up is none"))?;
    let place = if place.is_empty() { None } else { Some(number(place)?) };
    let change: Option<Changed> = change_of(number(kind)?, place);
    Ok(Occurrence {
        id: OccurrenceId(number(id)?),
        phone: ends(cipher, look_up, sealed)?.phone,
        change: change.ok_or_else(|| unreadable("an occurrence is of no known kind"))?,
    })
}

/// An entry of a journal, with the version of its commit and its place among the entries of that.
pub fn evident(cipher: &Cipher, look_up: Lookup, written: &[u8]) -> Read<(u64, u64, Entry)> {
    let not_whole = || unreadable("an entry of the journal is not whole");
    let end = written.iter().position(|octet| *octet == b'\n').ok_or_else(not_whole)?;
    let (heading, sealed) = (&written[..end], &written[end + 1..]);
    let space = heading.iter().position(|octet| *octet == b' ').ok_or_else(not_whole)?;
    let (version, place) = (number(&heading[..space])?, number(&heading[space + 1..])?);
    let plain = cipher.open(&Cipher::evidence(look_up, version, place), sealed)?;
    Ok((version, place, record::read_evident(&plain)?))
}

/// A kept answer from the time of it and what is sealed.
pub fn kept(cipher: &Cipher, look_up: Lookup, key: IdempotencyKey, sealed: &[u8]) -> Read<KeptAnswer> {
    Ok(record::read_kept(key, &cipher.open(&Cipher::answer(look_up), sealed)?)?)
}

/// A record with its place in the order of records.
pub fn record(cipher: &Cipher, look_up: Lookup, written: &[u8]) -> Read<(u64, Record)> {
    let row = row(written)?;
    let record = record::read_record(&cipher.open(&Cipher::record(look_up), sealed_record(written)?)?)?;
    Ok((row, record))
}

/// What of a record is sealed, which stands behind its place.
pub fn sealed_record(written: &[u8]) -> Read<&[u8]> {
    written.get(16..).ok_or_else(|| unreadable("a record is not whole"))
}

/// The place of a record, which stands before it.
pub fn row(written: &[u8]) -> Read<u64> {
    let row = written.get(..16).ok_or_else(|| unreadable("a record is not whole"))?;
    let row = std::str::from_utf8(row).ok().and_then(|row| u64::from_str_radix(row, 16).ok());
    row.ok_or_else(|| unreadable("a record has no place"))
}

fn octets(value: Value) -> Read<Vec<u8>> {
    typed(value)
}

pub fn typed<T: redis::FromRedisValue>(value: Value) -> Read<T> {
    let read: RedisResult<T> = redis::from_redis_value(value).map_err(Into::into);
    read.map_err(|_| unreadable("an answer is of another shape"))
}
