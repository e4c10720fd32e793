//! Everything that is read, on connections of their own that see what was committed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use tokio::sync::Semaphore;

use super::super::cipher::Lookup;
use super::super::record::{self, nanoseconds, time};
use super::super::sealed::{Cipher, change_of};
use super::super::sought::{LOOKS_MAX, Sought};
use super::{desk, meters, schema};
use crate::domain::{ConversationId, ConversationKey, Days, Message, MessageId, PracticeId, Seq, Standing};
use crate::ports::{
    IdempotencyKey, InboxCursor, InboxPart, InboxRow, KeptAnswer, Looked, Occurrence, OccurrenceId, Occurrences,
    OperationId, Record, RecordsVersion, Stamp, StoreError, Stored, Unread, Version,
};

/// Reads that run at once; more wait. The disk serves few at a time anyway.
const READERS_MAX: usize = 4;

type Read<T> = Result<T, StoreError>;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Unreadable(error.to_string().into())
            }
            Some(_) => Self::Unavailable(error.to_string().into()),
            // A column does not hold what it should.
            None => Self::Unreadable(error.to_string().into()),
        }
    }
}

/// A few connections, lent to threads that may block.
pub struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
    database: PathBuf,
}

impl Readers {
    pub fn new(database: PathBuf) -> Self {
        Self { idle: Arc::default(), turns: Arc::new(Semaphore::new(READERS_MAX)), database }
    }

    pub async fn read<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Read<T> + Send + 'static) -> Read<T> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.expect("the turns are never closed");
        let (idle, database) = (Arc::clone(&self.idle), self.database.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| schema::reader(&database), Ok)?;
            let answer = work(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            drop(turn);
            answer
        });
        reading.await.unwrap_or_else(|_| Err(StoreError::Unavailable("a read was cut short".into())))
    }
}

pub fn load(database: &Connection, cipher: &Cipher, look_up: Lookup) -> Read<Option<Stored>> {
    let mut sql =
        database.prepare_cached("SELECT id, version, operation, snapshot FROM conversations WHERE look_up = ?1")?;
    let mut rows = sql.query([look_up.0])?;
    rows.next()?.map(|row| stored(cipher, look_up, row)).transpose()
}

pub fn version(database: &Connection, look_up: Lookup) -> Read<Version> {
    let version: Option<i64> = database
        .prepare_cached("SELECT version FROM conversations WHERE look_up = ?1")?
        .query_row([look_up.0], |row| row.get(0))
        .optional()?;
    Ok(Version(version.unwrap_or(0).cast_unsigned()))
}

/// A conversation from its id, version, operation and snapshot, which must belong together.
pub fn stored(cipher: &Cipher, look_up: Lookup, row: &Row<'_>) -> Read<Stored> {
    let id = row.get::<_, i64>(0)?.cast_unsigned();
    let version = row.get::<_, i64>(1)?.cast_unsigned();
    let operation = u128::from_be_bytes(row.get(2)?);
    let sealed: Vec<u8> = row.get(3)?;
    let plain = cipher.open(&Cipher::conversation(look_up, id, version, operation), &sealed)?;
    let conversation = record::read_conversation(&plain)?;
    Ok(Stored { conversation, version: Version(version), operation: OperationId(operation) })
}

const DUE: &str = "SELECT row, look_up, ends FROM conversations WHERE wake_at IS NOT NULL AND wake_at <= ?1
                   ORDER BY wake_at, row";

pub fn due(database: &Connection, cipher: &Cipher, until: Timestamp, limit: usize) -> Read<Vec<ConversationKey>> {
    let mut sql = database.prepare_cached(DUE)?;
    let mut rows = sql.query([nanoseconds(until)])?;
    let mut due = Vec::new();
    while due.len() < limit
        && let Some(row) = rows.next()?
    {
        due.extend(readable(row.get(0)?, ends(cipher, Lookup(row.get(1)?), row.get(2)?))?);
    }
    Ok(due)
}

pub fn ends(cipher: &Cipher, look_up: Lookup, sealed: Vec<u8>) -> Read<ConversationKey> {
    Ok(record::read_key(&cipher.open(&Cipher::ends(look_up), &sealed)?)?)
}

/// Leaves out what can't be read from a list, and says so: one damaged row does not hide all others.
fn readable<T>(row: i64, found: Read<T>) -> Read<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::Unreadable(reason)) => {
            metrics::counter!("assent_store_unreadable_total").increment(1);
            tracing::error!(row, %reason, "left an unreadable conversation out of a list");
            Ok(None)
        }
        Err(error @ (StoreError::Unavailable(_) | StoreError::WentBack(_))) => Err(error),
    }
}

pub fn kept_answer(
    database: &Connection,
    cipher: &Cipher,
    practice: &PracticeId,
    key: IdempotencyKey,
    since: i64,
) -> Read<Option<KeptAnswer>> {
    let look_up = cipher.lookups.idempotency(practice, &key);
    let sealed: Option<Vec<u8>> = database
        .prepare_cached("SELECT answer FROM idempotency WHERE look_up = ?1 AND at >= ?2")?
        .query_row((look_up.0, since), |row| row.get(0))
        .optional()?;
    sealed.map(|sealed| kept(cipher, practice, key, &sealed)).transpose()
}

pub fn kept(cipher: &Cipher, practice: &PracticeId, key: IdempotencyKey, sealed: &[u8]) -> Read<KeptAnswer> {
    let look_up = cipher.lookups.idempotency(practice, &key);
    Ok(record::read_kept(key, &cipher.open(&Cipher::answer(look_up), sealed)?)?)
}

/// The columns of a message, as [`read_message`] takes them.
macro_rules! select_message {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, t.seq, t.status, t.failure, t.failure_detail, t.segments, t.created_at, t.updated_at, t.said
             FROM conversations c JOIN thread t ON t.conversation = c.row ",
            $rest
        )
    };
}

const THREAD: &str = select_message!("WHERE c.look_up = ?1 AND t.seq < ?2 ORDER BY t.seq DESC LIMIT ?3");

pub fn thread(
    database: &Connection,
    cipher: &Cipher,
    look_up: Lookup,
    before: Option<Seq>,
    limit: usize,
) -> Read<Vec<Message>> {
    let mut sql = database.prepare_cached(THREAD)?;
    let before = before.map_or(i64::MAX, |seq| i64::try_from(seq.0).unwrap_or(i64::MAX));
    let mut rows = sql.query((look_up.0, before, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(read_message(cipher, look_up, row)?);
    }
    Ok(messages)
}

pub fn message(database: &Connection, cipher: &Cipher, look_up: Lookup, id: MessageId) -> Read<Option<Message>> {
    let mut sql = database.prepare_cached(select_message!("WHERE c.look_up = ?1 AND c.id = ?2 AND t.seq = ?3"))?;
    let mut rows = sql.query((look_up.0, id.conversation.0.cast_signed(), id.seq.0.cast_signed()))?;
    rows.next()?.map(|row| read_message(cipher, look_up, row)).transpose()
}

pub fn read_message(cipher: &Cipher, look_up: Lookup, row: &Row<'_>) -> Read<Message> {
    let id = MessageId {
        conversation: ConversationId(row.get::<_, i64>(0)?.cast_unsigned()),
        seq: Seq(row.get::<_, i64>(1)?.cast_unsigned()),
    };
    let (failure, detail): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
    let said: Vec<u8> = row.get(8)?;
    let (kind, text, marks) = record::read_said(&cipher.open(&Cipher::message(look_up, id), &said)?)?;
    Ok(Message {
        id,
        kind,
        text,
        marks,
        status: record::status_of(row.get(2)?)?,
        created_at: time(row.get(6)?),
        updated_at: time(row.get(7)?),
        segments: row.get(5)?,
        failure: failure.map(|code| record::failure_of(code, detail.unwrap_or(0))).transpose()?,
    })
}

/// The conversations of a page, by one index, or by both merged.
macro_rules! inbox_rows {
    ($unread:literal) => {
        concat!(
            "SELECT row, active_at FROM conversations WHERE practice = ?1 AND last IS NOT NULL AND unread ",
            $unread,
            " AND (active_at, row) < (?2, ?3)"
        )
    };
}
const INBOX_READ: &str = concat!(inbox_rows!("= 0"), " ORDER BY active_at DESC, row DESC");
const INBOX_UNREAD: &str = concat!(inbox_rows!("> 0"), " ORDER BY active_at DESC, row DESC");
const INBOX_ALL: &str =
    concat!(inbox_rows!("= 0"), " UNION ALL ", inbox_rows!("> 0"), " ORDER BY active_at DESC, row DESC");

const INBOX_FACET: &str = "SELECT row, active_at FROM facets WHERE facet = ?1 AND (active_at, row) < (?2, ?3)
                           ORDER BY active_at DESC, row DESC";

pub fn inbox(
    database: &Connection,
    cipher: &Cipher,
    practice: i64,
    sought: &Sought,
    before: Option<InboxCursor>,
    limit: usize,
) -> Read<InboxPart> {
    // A conversation and its last message are of one moment.
    let moment = database.unchecked_transaction()?;
    let (walk, of) = match (sought.has.first(), sought.looked) {
        (Some(facet), _) => (INBOX_FACET, *facet),
        (None, None) => (INBOX_ALL, practice),
        (None, Some(Looked::Unread)) => (INBOX_UNREAD, practice),
        (None, Some(Looked::Read)) => (INBOX_READ, practice),
    };
    let mut places = moment.prepare_cached(walk)?;
    let (active_at, row) =
        before.map_or((i64::MAX, i64::MAX), |cursor| (nanoseconds(cursor.active_at), cursor.row.cast_signed()));
    let mut places = places.query((of, active_at, row))?;
    let mut part = InboxPart::default();
    for looks in 0.. {
        if part.rows.len() == limit {
            break;
        }
        let Some(place) = places.next()? else {
            part.cut_at = None;
            break;
        };
        if looks == LOOKS_MAX {
            break;
        }
        let (row, active_at) = (place.get(0)?, place.get(1)?);
        part.cut_at = Some(InboxCursor { active_at: time(active_at), row: row_number(row) });
        if fits(&moment, sought, active_at, row)? {
            part.rows.extend(readable(row, inbox_row(&moment, cipher, row))?);
        }
    }
    if part.rows.len() == limit {
        part.cut_at = None;
    }
    Ok(part)
}

fn row_number(row: i64) -> u64 {
    row.cast_unsigned()
}

/// Whether a conversation is what is sought, besides what is walked through.
fn fits(database: &Connection, sought: &Sought, active_at: i64, row: i64) -> Read<bool> {
    if let (Some(looked), Some(_)) = (sought.looked, sought.has.first()) {
        let unread: i64 = database
            .prepare_cached("SELECT unread FROM conversations WHERE row = ?1")?
            .query_row([row], |found| found.get(0))?;
        if (unread > 0) != (looked == Looked::Unread) {
            return Ok(false);
        }
    }
    for facet in sought.has.iter().skip(1) {
        if !desk::is_placed(database, *facet, active_at, row)? {
            return Ok(false);
        }
    }
    for facet in &sought.lacks {
        if desk::is_placed(database, *facet, active_at, row)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn inbox_row(database: &Connection, cipher: &Cipher, place: i64) -> Read<InboxRow> {
    let mut sql = database.prepare_cached(
        "SELECT id, version, operation, snapshot, look_up, active_at, unread, last FROM conversations WHERE row = ?1",
    )?;
    let mut rows = sql.query([place])?;
    let row = rows.next()?.ok_or_else(|| StoreError::Unreadable("an index names a row that is not there".into()))?;
    let look_up = Lookup(row.get(4)?);
    let stored = stored(cipher, look_up, row)?;
    let active_at = time(row.get(5)?);
    let last: Option<i64> = row.get(7)?;
    let last = last.map(|seq| MessageId { conversation: stored.conversation.id, seq: Seq(seq.cast_unsigned()) });
    Ok(InboxRow {
        phone: stored.conversation.key.phone,
        consent: stored.conversation.consent,
        hold: stored.conversation.hold,
        suspension: stored.conversation.suspension,
        unread: row.get(6)?,
        active_at,
        desk: stored.conversation.desk,
        last: last.map(|id| message(database, cipher, look_up, id)).transpose()?.flatten(),
        cursor: InboxCursor { active_at, row: place.cast_unsigned() },
    })
}

const UNREAD: &str = "SELECT count(*), coalesce(sum(unread), 0) FROM conversations
                      WHERE practice = ?1 AND last IS NOT NULL AND unread > 0";

pub fn unread(database: &Connection, practice: i64) -> Read<Unread> {
    let (conversations, messages): (i64, i64) =
        database.prepare_cached(UNREAD)?.query_row([practice], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Unread { conversations: conversations.cast_unsigned(), messages: messages.cast_unsigned() })
}

const OCCURRENCES: &str = "SELECT o.id, o.kind, o.seq, c.row, c.look_up, c.ends
                           FROM occurrences o JOIN conversations c ON c.row = o.conversation
                           WHERE o.practice = ?1 AND o.id > ?2 ORDER BY o.id";

pub fn occurrences(
    database: &Connection,
    cipher: &Cipher,
    practice: i64,
    after: OccurrenceId,
    limit: usize,
) -> Read<Occurrences> {
    let moment = database.unchecked_transaction()?;
    let (oldest, OccurrenceId(newest)) = (oldest_occurrence(&moment)?, newest_occurrence(&moment)?);
    if after.0 > newest || after.0 + 1 < oldest {
        return Ok(Occurrences::Gone);
    }
    let mut sql = moment.prepare_cached(OCCURRENCES)?;
    let mut rows = sql.query((practice, after.0.cast_signed()))?;
    let mut page = Vec::new();
    while page.len() < limit
        && let Some(row) = rows.next()?
    {
        let place: Option<i64> = row.get(2)?;
        let change = change_of(row.get(1)?, place.map(i64::cast_unsigned))
            .ok_or_else(|| StoreError::Unreadable("an occurrence is of no known kind".into()));
        let key = ends(cipher, Lookup(row.get(4)?), row.get(5)?);
        let readable = readable(row.get(3)?, change.and_then(|change| Ok((change, key?))))?;
        let Some((change, key)) = readable else { continue };
        let id = OccurrenceId(row.get::<_, i64>(0)?.cast_unsigned());
        page.push(Occurrence { id, phone: key.phone, change });
    }
    Ok(Occurrences::Page(page))
}

pub fn newest_occurrence(database: &Connection) -> Read<OccurrenceId> {
    let newest: Option<i64> =
        database.prepare_cached("SELECT max(id) FROM occurrences")?.query_row([], |row| row.get(0))?;
    Ok(OccurrenceId(newest.unwrap_or(0).cast_unsigned()))
}

fn oldest_occurrence(database: &Connection) -> Read<u64> {
    let oldest: Option<i64> =
        database.prepare_cached("SELECT min(id) FROM occurrences")?.query_row([], |row| row.get(0))?;
    Ok(oldest.unwrap_or(0).cast_unsigned())
}

pub fn records(database: &Connection, cipher: &Cipher) -> Read<(Vec<Record>, RecordsVersion)> {
    let moment = database.unchecked_transaction()?;
    Ok((every_record(&moment, cipher)?, records_version(&moment)?))
}

/// Every record, for whoever has a moment of their own.
pub fn every_record(database: &Connection, cipher: &Cipher) -> Read<Vec<Record>> {
    let mut sql = database.prepare_cached("SELECT look_up, record FROM records ORDER BY row")?;
    let mut rows = sql.query([])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(open_record(cipher, Lookup(row.get(0)?), row.get(1)?)?);
    }
    Ok(records)
}

pub fn record(database: &Connection, cipher: &Cipher, look_up: Lookup) -> Read<Option<Record>> {
    sealed_record(database, look_up)?.map(|sealed| open_record(cipher, look_up, sealed)).transpose()
}

/// No two seals are the same: what was sealed is its own stamp.
pub fn stamped(database: &Connection, cipher: &Cipher, look_up: Lookup) -> Read<(Option<Record>, Stamp)> {
    let Some(sealed) = sealed_record(database, look_up)? else { return Ok((None, Stamp::ABSENT)) };
    let stamp = Stamp(Some(sealed.as_slice().into()));
    Ok((Some(open_record(cipher, look_up, sealed)?), stamp))
}

pub fn sealed_record(database: &Connection, look_up: Lookup) -> rusqlite::Result<Option<Vec<u8>>> {
    database
        .prepare_cached("SELECT record FROM records WHERE look_up = ?1")?
        .query_row([look_up.0], |row| row.get(0))
        .optional()
}

pub fn open_record(cipher: &Cipher, look_up: Lookup, sealed: Vec<u8>) -> Read<Record> {
    Ok(record::read_record(&cipher.open(&Cipher::record(look_up), &sealed)?)?)
}

pub fn standing(database: &Connection, practice: i64, days: Days, now: Timestamp) -> Read<Standing> {
    Ok(meters::read(database, practice)?.standing(days, now))
}

pub fn records_version(database: &Connection) -> Read<RecordsVersion> {
    let version: Option<i64> = database
        .prepare_cached("SELECT value FROM meta WHERE name = 'records'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(RecordsVersion(version.unwrap_or(0).cast_unsigned()))
}

/// Statements whose time must not grow with what they leave out.
#[cfg(test)]
pub const LISTS: [&str; 9] =
    [DUE, THREAD, INBOX_READ, INBOX_UNREAD, INBOX_ALL, INBOX_FACET, UNREAD, OCCURRENCES, desk::NOTES];
