//! The embedded store as one end of a copy: everything that it keeps, page by page, opened; and written into it, sealed.
//!
//! SQLite is called without leaving the thread: a copy is all that its process does.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::cipher::Lookup;
use super::super::copy::{
    Item, Kind, Letter, Moved, Origin, Page, Place, Reached, Remembered, Source, Target, TargetState,
};
use super::super::ledger::{AuditLine, Line, List, Sealer};
use super::super::record::{self, nanoseconds, time};
use super::super::sealed::{Cipher, SealedNote, change_code, change_of, facets_of};
use super::super::{KeySource, OpenError};
use super::desk;
use super::directory::{self, Lock};
use super::{audit, ledger, meters, posts, reads, schema};
use crate::domain::audit::Audited;
use crate::domain::ledger::Proof;
use crate::domain::note::Note;
use crate::domain::{ConversationKey, Message, PracticeId, Seq, Summary};
use crate::ports::{Changed, KeptAnswer, Post, Record, StoreError, Version, WebhookKey};

/// Pages after which the log is copied into the database. It bounds the log.
const PAGES_PER_CHECKPOINT: usize = 32;
/// The practice of an occurrence that only keeps its place in the stream. A practice's own number is a hash.
const NOBODYS: i64 = 0;

type Read<T> = Result<T, StoreError>;

/// SQLite in a directory, for as long as it is copied.
pub struct Transfer {
    database: Connection,
    cipher: Cipher,
    pages_since_checkpoint: usize,
    answers_since: Timestamp,
    /// By their numbers in the tables; empty until the first is asked for, when all records are there.
    practices: OnceCell<HashMap<i64, PracticeId>>,
    // Dropped after the database was closed.
    _lock: Lock,
}

impl Transfer {
    /// A store that is there and whole.
    pub fn source(directory: &Path, keys: &KeySource) -> Result<Self, OpenError> {
        if !directory::database(directory).exists() {
            return Err(OpenError::NoStore { directory: directory.to_owned() });
        }
        let source = Self::open(directory, keys)?;
        schema::refuse_unfinished(&source.database, directory)?;
        Ok(source)
    }

    /// A store that is made where there is none.
    pub fn target(directory: &Path, keys: &KeySource) -> Result<Self, OpenError> {
        Self::open(directory, keys)
    }

    fn open(directory: &Path, keys: &KeySource) -> Result<Self, OpenError> {
        let lock = directory::claim(directory)?;
        let schema::Opened { database, cipher, last_commit: _, run_ends: _ } = schema::open(directory, keys)?;
        Ok(Self {
            database,
            cipher,
            pages_since_checkpoint: 0,
            answers_since: Timestamp::MIN,
            practices: OnceCell::new(),
            _lock: lock,
        })
    }

    fn number(&self, sql: &str) -> Read<Option<i64>> {
        Ok(self.database.query_row(sql, [], |row| row.get(0)).optional()?.flatten())
    }

    fn item(&self, kind: Kind, row: &Row<'_>) -> Read<Item> {
        match kind {
            Kind::Records => self.record(row),
            Kind::Conversations => self.conversation(row),
            Kind::Messages => {
                let message = reads::read_message(&self.cipher, Lookup(row.get("look_up")?), row)?;
                Ok(Item::Message(self.whose(row)?, message))
            }
            Kind::Evidence => self.evidence(row),
            Kind::Answers => self.answer(row),
            Kind::DeadLetters => {
                let plain = self.cipher.open(&Cipher::dead_letter(), &row.get::<_, Vec<u8>>("letter")?)?;
                let (at, reason, raw) = record::read_dead_letter(&plain)?;
                Ok(Item::DeadLetter(Letter { at, reason, raw }))
            }
            Kind::Occurrences => {
                let place: Option<i64> = row.get("seq")?;
                let change = change_of(row.get("kind")?, place.map(i64::cast_unsigned))
                    .ok_or_else(|| StoreError::Unreadable("it is of no known kind".into()))?;
                Ok(Item::Occurrence { conversation: self.whose(row)?, change, at: time(row.get("at")?) })
            }
            Kind::Meters => {
                let number = row.get("place_in_table")?;
                let practice = self.practice_of_number(number)?;
                Ok(Item::Meter { practice, meter: meters::read(&self.database, number)? })
            }
            Kind::Proofs => self.proof(row),
            Kind::Audit => self.audited(row),
            Kind::Posts => {
                let sealed: Vec<u8> = row.get("post")?;
                let look_up = Lookup(row.get("look_up")?);
                let (key, post, _) = posts::open(&self.cipher, look_up, row.get("version")?, &sealed)?;
                Ok(Item::Post(key, Box::new(post)))
            }
            Kind::Notes => {
                let (conversation, note) = desk::moved(&self.cipher, row)?;
                Ok(Item::Note(conversation, note))
            }
        }
    }

    /// The conversation that a row belongs to.
    fn whose(&self, row: &Row<'_>) -> Read<ConversationKey> {
        reads::ends(&self.cipher, Lookup(row.get("look_up")?), row.get("ends")?)
    }

    fn record(&self, row: &Row<'_>) -> Read<Item> {
        let record = reads::open_record(&self.cipher, Lookup(row.get("look_up")?), row.get("record")?)?;
        Ok(Item::Record(record))
    }

    fn conversation(&self, row: &Row<'_>) -> Read<Item> {
        let stored = reads::stored(&self.cipher, Lookup(row.get("look_up")?), row)?;
        if self.whose(row)? != stored.conversation.key {
            return Err(StoreError::Unreadable("its ends are not its own".into()));
        }
        let last: Option<i64> = row.get("last")?;
        let summary = Summary {
            unread: row.get("unread")?,
            last: last.map(|seq| Seq(seq.cast_unsigned())),
            active_at: time(row.get("active_at")?),
        };
        let wake_at: Option<i64> = row.get("wake_at")?;
        Ok(Item::Conversation(Box::new(Moved { stored, wake_at: wake_at.map(time), summary })))
    }

    fn evidence(&self, row: &Row<'_>) -> Read<Item> {
        let (version, place) = (row.get::<_, i64>("version")?.cast_unsigned(), row.get::<_, i64>("place")?);
        let place = place.cast_unsigned();
        let identity = Cipher::evidence(Lookup(row.get("look_up")?), version, place);
        let plain = self.cipher.open(&identity, &row.get::<_, Vec<u8>>("entry")?)?;
        let entry = record::read_evident(&plain)?;
        Ok(Item::Evidence { conversation: self.whose(row)?, version: Version(version), place, entry })
    }

    fn answer(&self, row: &Row<'_>) -> Read<Item> {
        let identity = Cipher::answer(Lookup(row.get("look_up")?));
        let plain = self.cipher.open(&identity, &row.get::<_, Vec<u8>>("answer")?)?;
        let kept = record::read_kept_whole(&plain)?.ok_or_else(|| {
            let reason = "an older assent kept it without its key; run this version on the store for a day first";
            StoreError::Unreadable(reason.into())
        })?;
        Ok(Item::Answer { kept, at: time(row.get("at")?) })
    }

    /// A proof whose signature and seal are right: what somebody did to the ledger is not signed anew.
    fn proof(&self, row: &Row<'_>) -> Read<Item> {
        let (practice, placed) = (row.get("practice")?, ledger::read(row)?);
        let before = ledger::seal_at(&self.database, List::Ledger, practice, placed.place.saturating_sub(1))?;
        let mut sealer = Sealer::after(practice, placed.place.saturating_sub(1), before);
        let mut follows = |line: &Line| sealer.check(&self.cipher.ring, line, line.seal.as_deref().unwrap_or_default());
        let Some(line) = placed.line.filter(|line| follows(line)) else {
            let reason = "it does not follow from what is before it: see `assent audit verify`";
            return Err(StoreError::Unreadable(reason.into()));
        };
        Ok(Item::Proof(Box::new(line.open(&self.cipher)?)))
    }

    /// An entry of the audit whose seal is right.
    fn audited(&self, row: &Row<'_>) -> Read<Item> {
        let (number, placed) = (row.get("practice")?, audit::read(row)?);
        let before = ledger::seal_at(&self.database, List::Audit, number, placed.place.saturating_sub(1))?;
        let mut sealer = Sealer::after(number, placed.place.saturating_sub(1), before);
        if !sealer.check(&self.cipher.ring, &placed.line, placed.seal.as_deref().unwrap_or_default()) {
            let reason = "it does not follow from what is before it: see `assent audit verify`";
            return Err(StoreError::Unreadable(reason.into()));
        }
        Ok(Item::Audited(Box::new(placed.line.open(&self.cipher, &self.practice_of_number(number)?)?)))
    }

    /// The practice that has a number in the tables, which is a hash. Its record says which one it is.
    fn practice_of_number(&self, number: i64) -> Read<PracticeId> {
        if self.practices.get().is_none() {
            let (records, _) = reads::records(&self.database, &self.cipher)?;
            let ids = records.iter().map(|record| record.key().practice().clone());
            // Nobody else fills it: it belongs to this thread.
            let _ = self.practices.set(ids.map(|id| (self.cipher.lookups.practice(&id), id)).collect());
        }
        let known = self.practices.get().and_then(|known| known.get(&number)).cloned();
        known.ok_or_else(|| StoreError::Unreadable("it is of a practice that has no record".into()))
    }

    fn write_item(&self, item: &Item) -> Read<()> {
        match item {
            Item::Record(record) => self.write_record(record),
            Item::Conversation(moved) => self.write_conversation(moved),
            Item::Message(conversation, message) => self.write_message(conversation, message),
            Item::Evidence { conversation, version, place, entry } => {
                let plain = record::write_evident(entry)
                    .ok_or_else(|| StoreError::Unreadable("an entry of the journal is no evidence".into()))?;
                self.write_evidence(conversation, version.0, *place, &plain)
            }
            Item::Answer { kept, at } => self.write_answer(kept, nanoseconds(*at)),
            Item::DeadLetter(letter) => self.write_letter(letter),
            Item::Occurrence { conversation, change, at } => {
                self.write_occurrence(conversation, *change, nanoseconds(*at))
            }
            Item::Meter { practice, meter } => {
                Ok(meters::write(&self.database, self.cipher.lookups.practice(practice), *meter)?)
            }
            Item::Proof(proof) => self.write_proof(proof),
            Item::Audited(entry) => self.write_audited(entry),
            Item::Post(key, post) => self.write_post(key, post),
            Item::Note(conversation, note) => self.write_note(conversation, note),
        }
    }

    fn write_record(&self, record: &Record) -> Read<()> {
        let look_up = self.cipher.lookups.record(&record.key());
        let sealed = self.cipher.ring.seal(&Cipher::record(look_up), &record::write_record(record));
        self.database
            .prepare_cached("INSERT INTO records (look_up, record) VALUES (?1, ?2)")?
            .execute((look_up.0, sealed))?;
        Ok(())
    }

    fn write_conversation(&self, moved: &Moved) -> Read<()> {
        let Moved { stored, wake_at, summary } = moved;
        let (key, id) = (&stored.conversation.key, stored.conversation.id.0);
        let look_up = self.cipher.lookups.conversation(key);
        let identity = Cipher::conversation(look_up, id, stored.version.0, stored.operation.0);
        let seal = |identity, plain: Vec<u8>| self.cipher.ring.seal(&identity, &plain);
        let facets = facets_of(&self.cipher, &stored.conversation);
        let row = self
            .database
            .prepare_cached(
                "INSERT INTO conversations
                     (practice, look_up, id, version, operation, wake_at, active_at, unread, last, ends, snapshot)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .insert((
                self.cipher.lookups.practice(&key.practice),
                look_up.0,
                id.cast_signed(),
                stored.version.0.cast_signed(),
                stored.operation.0.to_be_bytes(),
                wake_at.map(nanoseconds),
                nanoseconds(summary.active_at),
                summary.unread,
                summary.last.map(|seq| seq.0.cast_signed()),
                seal(Cipher::ends(look_up), record::write_key(key)),
                seal(identity, record::write_conversation(&stored.conversation)),
            ))?;
        Ok(desk::place(&self.database, row, nanoseconds(summary.active_at), &facets)?)
    }

    fn write_message(&self, conversation: &ConversationKey, message: &Message) -> Read<()> {
        let look_up = self.cipher.lookups.conversation(conversation);
        let said = self.cipher.ring.seal(&Cipher::message(look_up, message.id), &record::write_said(message));
        let (failure, detail) = message.failure.map(record::failure_code).unzip();
        self.database
            .prepare_cached(
                "INSERT INTO thread
                     (conversation, seq, status, failure, failure_detail, segments, created_at, updated_at, said)
                 VALUES ((SELECT row FROM conversations WHERE look_up = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute((
                look_up.0,
                message.id.seq.0.cast_signed(),
                record::status_code(message.status),
                failure,
                detail,
                message.segments,
                nanoseconds(message.created_at),
                nanoseconds(message.updated_at),
                said,
            ))?;
        Ok(())
    }

    fn write_evidence(&self, conversation: &ConversationKey, version: u64, place: u64, plain: &[u8]) -> Read<()> {
        let look_up = self.cipher.lookups.conversation(conversation);
        let entry = self.cipher.ring.seal(&Cipher::evidence(look_up, version, place), plain);
        self.database
            .prepare_cached(
                "INSERT INTO journal (conversation, version, place, entry)
                 VALUES ((SELECT row FROM conversations WHERE look_up = ?1), ?2, ?3, ?4)",
            )?
            .execute((look_up.0, version.cast_signed(), place.cast_signed(), entry))?;
        Ok(())
    }

    fn write_answer(&self, kept: &KeptAnswer, at: i64) -> Read<()> {
        let look_up = self.cipher.lookups.idempotency(&kept.conversation.practice, &kept.key);
        let sealed = self.cipher.ring.seal(&Cipher::answer(look_up), &record::write_kept(kept));
        self.database
            .prepare_cached("INSERT INTO idempotency (look_up, at, answer) VALUES (?1, ?2, ?3)")?
            .execute((look_up.0, at, sealed))?;
        Ok(())
    }

    fn write_letter(&self, letter: &Letter) -> Read<()> {
        let plain = record::write_letter(letter.at, &letter.reason, &letter.raw);
        let sealed = self.cipher.ring.seal(&Cipher::dead_letter(), &plain);
        self.database
            .prepare_cached("INSERT INTO dead_letters (at, letter) VALUES (?1, ?2)")?
            .execute((nanoseconds(letter.at), sealed))?;
        Ok(())
    }

    /// Every id of the origin lies so far below the first that is given here that whoever resumes from it is told that
    /// what came after it is gone.
    fn write_occurrence(&self, conversation: &ConversationKey, change: Changed, at: i64) -> Read<()> {
        let (kind, seq) = change_code(change);
        let practice = self.cipher.lookups.practice(&conversation.practice);
        let look_up = self.cipher.lookups.conversation(conversation);
        self.database
            .prepare_cached(
                "INSERT INTO occurrences (id, practice, conversation, kind, seq, at)
                 VALUES (max((SELECT newest_occurrence + 2 FROM copy), (SELECT coalesce(max(id), 0) + 1 FROM occurrences)),
                         ?1, (SELECT row FROM conversations WHERE look_up = ?2), ?3, ?4, ?5)",
            )?
            .execute((practice, look_up.0, kind, seq.map(u64::cast_signed), at))?;
        Ok(())
    }

    fn write_post(&self, key: &WebhookKey, post: &Post) -> Read<()> {
        let look_up = self.cipher.lookups.post(key);
        let sealed = self.cipher.ring.seal(&Cipher::post(look_up, 1), &record::write_post(key, post));
        match posts::write(&self.database, look_up, Version(0), &sealed)? {
            true => Ok(()),
            false => Err(StoreError::Unreadable("a webhook has two posts".into())),
        }
    }

    fn write_audited(&self, entry: &Audited) -> Read<()> {
        let practice = self.cipher.lookups.practice(&entry.practice);
        Ok(audit::append(&self.database, &self.cipher, practice, &AuditLine::of(&self.cipher, entry))?)
    }

    fn write_note(&self, conversation: &ConversationKey, note: &Note) -> Read<()> {
        let look_up = self.cipher.lookups.conversation(conversation);
        let row = self
            .database
            .prepare_cached("SELECT row FROM conversations WHERE look_up = ?1")?
            .query_row([look_up.0], |row| row.get(0))?;
        let note = SealedNote { number: note.id.number, sealed: self.cipher.seal_note(look_up, note) };
        Ok(desk::write_note(&self.database, row, &note)?)
    }

    fn write_proof(&self, proof: &Proof) -> Read<()> {
        let key = ConversationKey { practice: proof.practice.clone(), phone: proof.phone.clone() };
        let line = Line::of(&self.cipher, self.cipher.lookups.conversation(&key), proof);
        Ok(ledger::append(&self.database, &self.cipher, self.cipher.lookups.practice(&proof.practice), &line)?)
    }

    fn checkpoint(&mut self) -> Read<()> {
        self.pages_since_checkpoint += 1;
        if self.pages_since_checkpoint >= PAGES_PER_CHECKPOINT {
            self.database.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
            self.pages_since_checkpoint = 0;
        }
        Ok(())
    }

    /// Makes a change durable, whole or not at all.
    fn change(&self, change: impl FnOnce() -> Read<()>) -> Read<()> {
        let transaction = self.database.unchecked_transaction()?;
        change()?;
        Ok(transaction.commit()?)
    }
}

#[async_trait]
impl Source for Transfer {
    async fn origin(&mut self) -> Result<Origin, StoreError> {
        Ok(Origin {
            store: self.cipher.lookups.name(),
            last_commit: self.number("SELECT value FROM meta WHERE name = 'last_commit'")?.map(time),
            records_version: reads::records_version(&self.database)?,
            newest_occurrence: reads::newest_occurrence(&self.database)?,
        })
    }

    fn leave_out_answers_before(&mut self, kept_since: Timestamp) {
        self.answers_since = kept_since;
    }

    async fn count(&mut self, kind: Kind) -> Result<u64, StoreError> {
        Ok(self.number(&counted(kind, self.answers_since))?.unwrap_or(0).cast_unsigned())
    }

    async fn page(&mut self, kind: Kind, after: Option<&Place>, limit: usize) -> Result<Page, StoreError> {
        let after: i64 = match after {
            Some(Place(row)) => row
                .parse()
                .map_err(|_| StoreError::Unreadable("what is remembered is no place in this store".into()))?,
            None => i64::MIN,
        };
        let mut sql = self.database.prepare_cached(&selected(kind, self.answers_since))?;
        let mut rows = sql.query((after, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut page = Page { items: Vec::new(), last: None };
        while let Some(row) = rows.next()? {
            let place: i64 = row.get("place_in_table")?;
            let unreadable = |error| match error {
                StoreError::Unreadable(reason) => {
                    StoreError::Unreadable(format!("row {place} of {}: {reason}", kind.name()).into())
                }
                error @ (StoreError::Unavailable(_) | StoreError::WentBack(_)) => error,
            };
            page.items.push(self.item(kind, row).map_err(unreadable)?);
            page.last = Some(Place(place.to_string()));
        }
        Ok(page)
    }

    async fn remembered(&mut self) -> Result<Remembered, StoreError> {
        Ok(Remembered::default())
    }

    async fn stays_behind(&mut self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[async_trait]
impl Target for Transfer {
    async fn state(&mut self) -> Result<TargetState, StoreError> {
        let Some(copy) = schema::copy_in(&self.database)? else {
            let anything = "SELECT EXISTS (SELECT 1 FROM conversations) OR EXISTS (SELECT 1 FROM records)
                            OR EXISTS (SELECT 1 FROM dead_letters) OR EXISTS (SELECT 1 FROM idempotency)
                            OR EXISTS (SELECT 1 FROM meta WHERE name IN ('last_commit', 'records'))";
            let is_empty = self.number(anything)? == Some(0);
            return Ok(if is_empty { TargetState::Empty } else { TargetState::Occupied });
        };
        let (kind, place): (Option<String>, Option<String>) =
            self.database.query_row("SELECT kind, place FROM copy", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let reached = match (kind, place) {
            (Some(kind), Some(place)) => {
                let kind = Kind::named(&kind)
                    .ok_or_else(|| StoreError::Unreadable("a newer assent began this copy: let it go on".into()))?;
                Some(Reached { kind, place: Place(place) })
            }
            (None, _) | (_, None) => None,
        };
        Ok(match copy.finished {
            schema::Finished::Yes => TargetState::Finished { of: copy.of },
            schema::Finished::No => TargetState::Unfinished { of: copy.of, reached },
        })
    }

    async fn begin(&mut self, of: &Origin, _: &Remembered) -> Result<(), StoreError> {
        self.change(|| {
            self.database.execute_batch(schema::COPY)?;
            let last_commit = of.last_commit.map(nanoseconds);
            let records = of.records_version.0.cast_signed();
            self.database.execute(
                "INSERT INTO copy (store, last_commit, records, newest_occurrence, is_finished) VALUES (?1, ?2, ?3, ?4, 0)",
                (&of.store, last_commit, records, of.newest_occurrence.0.cast_signed()),
            )?;
            self.database.execute(
                "INSERT INTO meta (name, value) SELECT 'last_commit', ?1 WHERE ?1 IS NOT NULL
                 UNION ALL SELECT 'records', ?2",
                (last_commit, records),
            )?;
            Ok(())
        })
    }

    async fn write(&mut self, items: Vec<Item>, reached: &Reached) -> Result<(), StoreError> {
        self.change(|| {
            items.iter().try_for_each(|item| self.write_item(item))?;
            self.database
                .prepare_cached("UPDATE copy SET kind = ?1, place = ?2")?
                .execute((reached.kind.name(), &reached.place.0))?;
            Ok(())
        })?;
        self.checkpoint()
    }

    async fn finish(&mut self) -> Result<(), StoreError> {
        self.change(|| {
            // A stream that kept nothing would give the ids of its origin once more.
            self.database.execute(
                "INSERT INTO occurrences (id, practice, conversation, kind, at)
                 SELECT newest_occurrence + 2, ?1, (SELECT min(row) FROM conversations), 4, 0 FROM copy
                 WHERE newest_occurrence > 0 AND NOT EXISTS (SELECT 1 FROM occurrences)",
                [NOBODYS],
            )?;
            self.database.execute("UPDATE copy SET is_finished = 1", [])?;
            Ok(())
        })
    }
}

/// How many rows of a kind there are.
fn counted(kind: Kind, answers_since: Timestamp) -> Cow<'static, str> {
    let sql = match kind {
        Kind::Records => "SELECT count(*) FROM records",
        Kind::Conversations => "SELECT count(*) FROM conversations",
        Kind::Messages => "SELECT count(*) FROM thread",
        Kind::Evidence => "SELECT count(*) FROM journal",
        Kind::Answers => {
            return format!("SELECT count(*) FROM idempotency WHERE at >= {}", nanoseconds(answers_since)).into();
        }
        Kind::DeadLetters => "SELECT count(*) FROM dead_letters",
        Kind::Occurrences => "SELECT count(*) FROM occurrences WHERE practice != 0",
        Kind::Meters => "SELECT count(*) FROM meters",
        Kind::Proofs => "SELECT count(*) FROM ledger",
        Kind::Audit => "SELECT count(*) FROM audited",
        Kind::Posts => "SELECT count(*) FROM posts",
        Kind::Notes => "SELECT count(*) FROM notes",
    };
    sql.into()
}

/// Rows of a kind after one, with the conversation that they belong to. An outer join, so that a row without one is an
/// error and not left out. The first columns are as [`reads`] takes them.
fn selected(kind: Kind, answers_since: Timestamp) -> Cow<'static, str> {
    let sql = match kind {
        Kind::Records => {
            "SELECT row AS place_in_table, look_up, record FROM records WHERE row > ?1 ORDER BY row LIMIT ?2"
        }
        Kind::Conversations => {
            "SELECT id, version, operation, snapshot, row AS place_in_table, look_up, ends, wake_at, active_at, unread,
                    last
             FROM conversations WHERE row > ?1 ORDER BY row LIMIT ?2"
        }
        Kind::Messages => {
            "SELECT c.id, t.seq, t.status, t.failure, t.failure_detail, t.segments, t.created_at, t.updated_at, t.said,
                    t.row AS place_in_table, c.look_up, c.ends
             FROM thread t LEFT JOIN conversations c ON c.row = t.conversation
             WHERE t.row > ?1 ORDER BY t.row LIMIT ?2"
        }
        Kind::Evidence => {
            "SELECT j.row AS place_in_table, j.version, j.place, j.entry, c.look_up, c.ends
             FROM journal j LEFT JOIN conversations c ON c.row = j.conversation
             WHERE j.row > ?1 ORDER BY j.row LIMIT ?2"
        }
        Kind::Answers => {
            return format!(
                "SELECT row AS place_in_table, look_up, at, answer FROM idempotency
                 WHERE row > ?1 AND at >= {} ORDER BY row LIMIT ?2",
                nanoseconds(answers_since)
            )
            .into();
        }
        Kind::DeadLetters => {
            "SELECT row AS place_in_table, letter FROM dead_letters WHERE row > ?1 ORDER BY row LIMIT ?2"
        }
        Kind::Occurrences => {
            "SELECT o.id AS place_in_table, o.kind, o.seq, o.at, c.look_up, c.ends
             FROM occurrences o LEFT JOIN conversations c ON c.row = o.conversation
             WHERE o.id > ?1 AND o.practice != 0 ORDER BY o.id LIMIT ?2"
        }
        Kind::Meters => {
            "SELECT practice AS place_in_table, full_at, at, day_ends, spent FROM meters
             WHERE practice > ?1 ORDER BY practice LIMIT ?2"
        }
        Kind::Proofs => {
            "SELECT row AS place_in_table, practice, place, look_up, conversation, seq, signature, proof, seal
             FROM ledger WHERE row > ?1 ORDER BY row LIMIT ?2"
        }
        Kind::Audit => {
            "SELECT row AS place_in_table, practice, place, entry, seal FROM audited WHERE row > ?1 ORDER BY row LIMIT ?2"
        }
        Kind::Posts => {
            "SELECT row AS place_in_table, look_up, version, post FROM posts WHERE row > ?1 ORDER BY row LIMIT ?2"
        }
        Kind::Notes => {
            "SELECT n.row AS place_in_table, n.number, n.note, c.id, c.look_up, c.ends
             FROM notes n LEFT JOIN conversations c ON c.row = n.conversation
             WHERE n.row > ?1 ORDER BY n.row LIMIT ?2"
        }
    };
    sql.into()
}
