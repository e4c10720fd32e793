//! Everything that is written, a group at a time.

use std::cell::RefCell;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, ffi};

use super::super::cipher::Lookup;
use super::super::ledger::AuditLine;
use super::super::record::nanoseconds;
use super::super::sealed::{Cipher, SealedCommit, SealedEntry, SealedRow, State, answers_kept_since, change_code};
use super::super::writer::{self, Broken};
use super::Bounds;
use super::desk;
use super::directory::Lock;
use super::ledger::Notary;
use super::{meters, posts, reads};
use crate::domain::{Draw, Drawn, Unused};
use crate::ports::{Clock, Commit, DeadLetter, Record, Stamp, StoreError, Version};

/// Requests, and groups, after which the log is copied into the database. It bounds the log and the time that
/// reading it back takes after a crash.
const REQUESTS_PER_CHECKPOINT: usize = 4_096;
const GROUPS_PER_CHECKPOINT: usize = 512;
/// How often what is too old is looked for.
const REQUESTS_PER_PRUNING: usize = 1_024;
const PRUNE_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Rows of a table that one pruning removes: more than what is added between two of them.
const PRUNED_MAX: i64 = 8_192;

/// Something to write, sealed already: the writer's time is everybody's.
pub enum Request {
    Commit {
        practice: i64,
        commit: Box<SealedCommit>,
    },
    Put(Vec<SealedRow>),
    PutOver {
        found: Stamp,
        row: SealedRow,
    },
    Remove(Lookup),
    SetAside {
        at: i64,
        letter: Vec<u8>,
    },
    Draw {
        practice: i64,
        draw: Draw,
    },
    GiveBack {
        practice: i64,
        unused: Unused,
    },
    Keep {
        look_up: Lookup,
        expected: Version,
        sealed: Vec<u8>,
    },
    Forget(Lookup),
    /// Into the audit.
    Enter {
        practice: i64,
        line: AuditLine,
    },
    Probe,
}

/// What was done.
pub enum Answer {
    Committed(Version),
    Conflict,
    /// What is kept for the key, sealed.
    KeyTaken(Vec<u8>),
    Drawn(Drawn),
    Done,
}

impl Request {
    pub fn commit(cipher: &Cipher, commit: Commit) -> Self {
        let practice = cipher.lookups.practice(&commit.next.key.practice);
        Self::Commit { practice, commit: Box::new(SealedCommit::of(cipher, commit)) }
    }

    pub fn put(cipher: &Cipher, records: &[Record]) -> Self {
        Self::Put(records.iter().map(|record| SealedRow::of(cipher, record)).collect())
    }

    pub fn put_over(cipher: &Cipher, found: &Stamp, record: &Record) -> Self {
        Self::PutOver { found: found.clone(), row: SealedRow::of(cipher, record) }
    }

    pub fn set_aside(cipher: &Cipher, letter: &DeadLetter) -> Self {
        Self::SetAside { at: nanoseconds(letter.at), letter: cipher.seal_letter(letter) }
    }
}

/// The one that writes.
pub struct Backend {
    database: Connection,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    last_commit: Option<i64>,
    requests_since_checkpoint: usize,
    groups_since_checkpoint: usize,
    requests_since_pruning: usize,
    pruned_at: Timestamp,
    notary: RefCell<Notary>,
    #[cfg(test)]
    disk_failed: bool,
    // Dropped after the database was closed.
    _lock: Lock,
}

/// A group that waits for its COMMIT.
struct Written {
    answers: Answers,
    last_commit: Option<i64>,
}

/// What became of each request of a group.
type Answers = Vec<Result<Answer, StoreError>>;

/// What went wrong, and for whom.
enum Trouble {
    /// The others of the group are not concerned.
    OfRequest(StoreError),
    OfGroup(Broken),
}

impl writer::Backend for Backend {
    type Request = Request;
    type Answer = Result<Answer, StoreError>;

    fn commit(&mut self, group: Vec<Request>) -> Result<Vec<Self::Answer>, Broken> {
        #[cfg(test)]
        if self.disk_failed {
            return Err(Broken::ForGood("fsync failed".into()));
        }
        self.run("BEGIN IMMEDIATE")?;
        let committed = self.write(&group).and_then(|written| self.run("COMMIT").map(|()| written));
        self.requests_since_checkpoint += group.len();
        self.requests_since_pruning += group.len();
        self.groups_since_checkpoint += 1;
        if let Err(Broken::ForNow(_)) = &committed
            && !self.database.is_autocommit()
        {
            self.run("ROLLBACK")?;
        }
        let Written { answers, last_commit } = committed?;
        self.last_commit = last_commit;
        Ok(answers)
    }

    fn rest(&mut self) -> Result<(), Broken> {
        let now = self.clock.now();
        self.notary.get_mut().remember(&self.database, now);
        let much_was_written = self.requests_since_pruning >= REQUESTS_PER_PRUNING;
        if much_was_written || now.duration_since(self.pruned_at) >= PRUNE_EVERY || now < self.pruned_at {
            self.prune(now).map_err(|error| broken(&error))?;
            self.requests_since_pruning = 0;
            self.pruned_at = now;
        }
        if self.requests_since_checkpoint >= REQUESTS_PER_CHECKPOINT
            || self.groups_since_checkpoint >= GROUPS_PER_CHECKPOINT
        {
            self.database
                .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")
                .and_then(|mut checkpoint| checkpoint.query_row([], |_| Ok(())))
                .map_err(|error| broken(&error))?;
            self.requests_since_checkpoint = 0;
            self.groups_since_checkpoint = 0;
        }
        Ok(())
    }
}

impl Backend {
    pub fn new(
        database: Connection,
        lock: Lock,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
        last_commit: Option<i64>,
        notary: Notary,
    ) -> Self {
        let pruned_at = clock.now();
        Self {
            database,
            clock,
            bounds,
            last_commit,
            requests_since_checkpoint: 0,
            groups_since_checkpoint: 0,
            requests_since_pruning: 0,
            pruned_at,
            notary: RefCell::new(notary),
            #[cfg(test)]
            disk_failed: false,
            _lock: lock,
        }
    }

    #[cfg(test)]
    pub fn database(&self) -> &Connection {
        &self.database
    }

    /// Makes every group from here on fail as if the disk had.
    #[cfg(test)]
    pub fn fail_for_good(&mut self) {
        self.disk_failed = true;
    }

    fn run(&self, statement: &str) -> Result<(), Broken> {
        self.sql(statement).and_then(|mut sql| sql.execute([])).map(drop).map_err(|error| broken(&error))
    }

    fn sql(&self, statement: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.database.prepare_cached(statement)
    }

    /// Writes a group into the open transaction.
    fn write(&self, group: &[Request]) -> Result<Written, Broken> {
        let now = self.clock.now();
        let answers = match self.write_together(group, now) {
            Ok(answers) => answers,
            Err(Trouble::OfGroup(broken)) => return Err(broken),
            Err(Trouble::OfRequest(_)) => {
                self.run("ROLLBACK")?;
                self.run("BEGIN IMMEDIATE")?;
                self.write_apart(group, now)?
            }
        };
        let mut last_commit = self.last_commit;
        for (request, answer) in group.iter().zip(&answers) {
            if let (Request::Commit { commit, .. }, Ok(Answer::Committed(_))) = (request, answer) {
                last_commit = last_commit.max(Some(commit.at));
            }
        }
        if last_commit != self.last_commit {
            self.sql(
                "INSERT INTO meta (name, value) VALUES ('last_commit', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
            )
            .and_then(|mut sql| sql.execute([last_commit]))
            .map_err(|error| broken(&error))?;
        }
        Ok(Written { answers, last_commit })
    }

    /// Writes all of a group, or stops at the first that can't be written. Savepoints would have SQLite copy every page
    /// that a request changes, and what makes a request fail is looked for before it writes.
    fn write_together(&self, group: &[Request], now: Timestamp) -> Result<Answers, Trouble> {
        group.iter().map(|request| self.apply(request, now).map(Ok).map_err(|error| self.trouble(&error))).collect()
    }

    /// Writes each request of a group in its own savepoint, so that one fails without the others.
    fn write_apart(&self, group: &[Request], now: Timestamp) -> Result<Answers, Broken> {
        let mut answers = Vec::with_capacity(group.len());
        for request in group {
            self.run("SAVEPOINT request")?;
            let answer = match self.apply(request, now).map_err(|error| self.trouble(&error)) {
                Ok(answer) => Ok(answer),
                Err(Trouble::OfGroup(broken)) => return Err(broken),
                Err(Trouble::OfRequest(error)) => {
                    tracing::error!(%error, "store could not write one of a group");
                    self.run("ROLLBACK TO request")?;
                    Err(error)
                }
            };
            self.run("RELEASE request")?;
            answers.push(answer);
        }
        Ok(answers)
    }

    fn apply(&self, request: &Request, now: Timestamp) -> rusqlite::Result<Answer> {
        match request {
            Request::Commit { practice, commit } => self.apply_commit(*practice, commit, now),
            Request::Put(rows) => self.put(rows),
            Request::PutOver { found, row } => {
                let there = reads::sealed_record(&self.database, row.look_up)?;
                if there.as_deref() == found.0.as_deref() {
                    self.put(std::slice::from_ref(row))
                } else {
                    Ok(Answer::Conflict)
                }
            }
            Request::Remove(look_up) => {
                self.sql("DELETE FROM records WHERE look_up = ?1")?.execute([look_up.0])?;
                self.records_changed(1)?;
                Ok(Answer::Done)
            }
            Request::SetAside { at, letter } => self.set_aside(*at, letter),
            Request::Draw { practice, draw } => {
                let (next, drawn) = meters::read(&self.database, *practice)?.draw(*draw, now);
                meters::write(&self.database, *practice, next)?;
                Ok(Answer::Drawn(drawn))
            }
            Request::GiveBack { practice, unused } => {
                let next = meters::read(&self.database, *practice)?.give_back(*unused);
                meters::write(&self.database, *practice, next)?;
                Ok(Answer::Done)
            }
            Request::Keep { look_up, expected, sealed } => {
                let is_kept = posts::write(&self.database, *look_up, *expected, sealed)?;
                Ok(if is_kept { Answer::Done } else { Answer::Conflict })
            }
            Request::Forget(look_up) => {
                self.sql("DELETE FROM posts WHERE look_up = ?1")?.execute([look_up.0])?;
                Ok(Answer::Done)
            }
            Request::Enter { practice, line } => {
                self.notary.borrow_mut().audit(&self.database, *practice, line)?;
                Ok(Answer::Done)
            }
            Request::Probe => {
                self.sql(
                    "INSERT INTO meta (name, value) VALUES ('probe', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
                )?
                .execute([])?;
                Ok(Answer::Done)
            }
        }
    }

    fn put(&self, rows: &[SealedRow]) -> rusqlite::Result<Answer> {
        let mut put = self.sql(
            "INSERT INTO records (look_up, record) VALUES (?1, ?2)
             ON CONFLICT (look_up) DO UPDATE SET record = excluded.record",
        )?;
        for row in rows {
            put.execute((row.look_up.0, &row.sealed))?;
        }
        self.records_changed(rows.len())?;
        Ok(Answer::Done)
    }

    fn records_changed(&self, count: usize) -> rusqlite::Result<()> {
        self.sql(
            "INSERT INTO meta (name, value) VALUES ('records', ?1)
             ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        )?
        .execute([i64::try_from(count).unwrap_or(i64::MAX)])?;
        Ok(())
    }

    /// Checks everything, then writes everything.
    fn apply_commit(&self, practice: i64, commit: &SealedCommit, now: Timestamp) -> rusqlite::Result<Answer> {
        let found: Option<(i64, i64)> = self
            .sql("SELECT row, version FROM conversations WHERE look_up = ?1")?
            .query_row([commit.look_up.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if found.map_or(0, |(_, version)| version) != commit.expected.cast_signed() {
            return Ok(Answer::Conflict);
        }
        if let Some(answer) = &commit.answer
            && let Some(taken) = self.taken(answer.look_up, now)?
        {
            return Ok(Answer::KeyTaken(taken));
        }

        let conversation = match found {
            Some((row, _)) => self.update_conversation(row, commit)?,
            None => self.insert_conversation(practice, commit)?,
        };
        desk::place(&self.database, conversation, commit.active_at, &commit.facets)?;
        for entry in &commit.entries {
            self.apply_entry(practice, conversation, commit, entry)?;
        }
        for change in &commit.changes {
            let (kind, place) = change_code(*change);
            self.sql("INSERT INTO occurrences (practice, conversation, kind, seq, at) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((practice, conversation, kind, place.map(u64::cast_signed), commit.at))?;
        }
        if let Some(answer) = &commit.answer {
            self.sql("INSERT INTO idempotency (look_up, at, answer) VALUES (?1, ?2, ?3)")?.execute((
                answer.look_up.0,
                commit.at,
                &answer.sealed,
            ))?;
        }
        Ok(Answer::Committed(Version(commit.expected + 1)))
    }

    /// What is kept for an idempotency key. A key that is too old is free again.
    fn taken(&self, look_up: Lookup, now: Timestamp) -> rusqlite::Result<Option<Vec<u8>>> {
        let found: Option<(i64, Vec<u8>)> = self
            .sql("SELECT at, answer FROM idempotency WHERE look_up = ?1")?
            .query_row([look_up.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((at, answer)) = found else { return Ok(None) };
        if at >= answers_kept_since(now) {
            return Ok(Some(answer));
        }
        self.sql("DELETE FROM idempotency WHERE look_up = ?1")?.execute([look_up.0])?;
        Ok(None)
    }

    fn insert_conversation(&self, practice: i64, commit: &SealedCommit) -> rusqlite::Result<i64> {
        self.sql(
            "INSERT INTO conversations
                 (practice, look_up, id, version, operation, wake_at, active_at, unread, last, ends, snapshot)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .insert((
            practice,
            commit.look_up.0,
            commit.id.cast_signed(),
            commit.operation,
            commit.wake_at,
            commit.active_at,
            commit.unread,
            commit.last.map(u64::cast_signed),
            &commit.ends,
            &commit.snapshot,
        ))
    }

    fn update_conversation(&self, row: i64, commit: &SealedCommit) -> rusqlite::Result<i64> {
        self.sql(
            "UPDATE conversations
             SET version = ?2, operation = ?3, wake_at = ?4, active_at = ?5, unread = ?6, last = ?7, snapshot = ?8
             WHERE row = ?1",
        )?
        .execute((
            row,
            (commit.expected + 1).cast_signed(),
            commit.operation,
            commit.wake_at,
            commit.active_at,
            commit.unread,
            commit.last.map(u64::cast_signed),
            &commit.snapshot,
        ))?;
        Ok(row)
    }

    fn apply_entry(
        &self,
        practice: i64,
        conversation: i64,
        commit: &SealedCommit,
        entry: &SealedEntry,
    ) -> rusqlite::Result<()> {
        match entry {
            SealedEntry::Added { state, segments, created_at, said } => {
                let (failure, detail) = state.failure.unzip();
                self.sql(
                    "INSERT INTO thread
                         (conversation, seq, status, failure, failure_detail, segments, created_at, updated_at, said)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute((
                    conversation,
                    state.seq.cast_signed(),
                    state.status,
                    failure,
                    detail,
                    segments,
                    created_at,
                    state.updated_at,
                    said,
                ))?;
            }
            SealedEntry::Updated(State { seq, status, failure, updated_at }) => {
                let (failure, detail) = failure.unzip();
                let updated = self
                    .sql(
                        "UPDATE thread SET status = ?3, failure = ?4, failure_detail = ?5, updated_at = ?6
                         WHERE conversation = ?1 AND seq = ?2",
                    )?
                    .execute((conversation, seq.cast_signed(), status, failure, detail, updated_at))?;
                if updated == 0 {
                    tracing::error!(conversation, seq, "a message that changed is not in its thread");
                }
            }
            SealedEntry::Evidence { place, entry } => {
                self.sql("INSERT INTO journal (conversation, version, place, entry) VALUES (?1, ?2, ?3, ?4)")?
                    .execute((conversation, (commit.expected + 1).cast_signed(), place.cast_signed(), entry))?;
            }
            SealedEntry::Note(note) => desk::write_note(&self.database, conversation, note)?,
            SealedEntry::Proof(line) => self.notary.borrow_mut().enter(&self.database, practice, line)?,
        }
        Ok(())
    }

    /// Keeps a dead letter. Row ids are given without gaps, so they count the rows.
    fn set_aside(&self, at: i64, letter: &[u8]) -> rusqlite::Result<Answer> {
        let row = self.sql("INSERT INTO dead_letters (at, letter) VALUES (?1, ?2)")?.insert((at, letter))?;
        let oldest_kept = row - self.bounds.dead_letters + 1;
        let dropped = self.sql("DELETE FROM dead_letters WHERE row < ?1")?.execute([oldest_kept])?;
        if dropped > 0 {
            metrics::counter!("assent_dead_letters_dropped_total").increment(dropped as u64);
            tracing::warn!(dropped, "dead letters are full, the oldest was dropped");
        }
        Ok(Answer::Done)
    }

    /// Removes what need not be kept any longer, the oldest first and never out of order.
    fn prune(&self, now: Timestamp) -> rusqlite::Result<()> {
        let newest: Option<i64> = self.sql("SELECT max(id) FROM occurrences")?.query_row([], |row| row.get(0))?;
        let kept = SignedDuration::from_hours(self.bounds.occurrences_hours);
        let since = nanoseconds(now.saturating_sub(kept).expect("hours are exact"));
        let newest = newest.unwrap_or(0);
        let too_many = newest - self.bounds.occurrences;
        self.remove_oldest("occurrences", "id", |id, at| id < newest && (id <= too_many || at < since))?;
        let since = answers_kept_since(now);
        self.remove_oldest("idempotency", "row", |_, at| at < since)
    }

    fn remove_oldest(&self, table: &str, row: &str, goes: impl Fn(i64, i64) -> bool) -> rusqlite::Result<()> {
        let mut last_to_go = None;
        {
            let mut oldest = self.sql(&format!("SELECT {row}, at FROM {table} ORDER BY {row} LIMIT ?1"))?;
            let mut rows = oldest.query([PRUNED_MAX])?;
            while let Some(found) = rows.next()? {
                let (row, at) = (found.get(0)?, found.get(1)?);
                if !goes(row, at) {
                    break;
                }
                last_to_go = Some(row);
            }
        }
        if let Some(row_to_go) = last_to_go {
            self.sql(&format!("DELETE FROM {table} WHERE {row} <= ?1"))?.execute([row_to_go])?;
        }
        Ok(())
    }

    /// Whether an error is the request's own: what the others of its group wrote can still stand.
    fn trouble(&self, error: &rusqlite::Error) -> Trouble {
        let is_transaction_over = self.database.is_autocommit();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt) if !is_transaction_over => {
                Trouble::OfRequest(StoreError::Unreadable(error.to_string().into()))
            }
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig)
                if !is_transaction_over =>
            {
                Trouble::OfRequest(StoreError::Unavailable(error.to_string().into()))
            }
            _ => Trouble::OfGroup(broken(error)),
        }
    }
}

/// A daemon that ends in order has written down all that it has seen.
impl Drop for Backend {
    fn drop(&mut self) {
        self.notary.get_mut().remember_now(&self.database);
    }
}

/// Whether the store can be trusted to write after this error.
pub fn broken(error: &rusqlite::Error) -> Broken {
    let reason = error.to_string().into();
    match error.sqlite_error() {
        Some(found) if found.extended_code == ffi::SQLITE_IOERR_NOMEM => Broken::ForNow(reason),
        Some(found) if found.code == ErrorCode::SystemIoFailure => Broken::ForGood(reason),
        _ => Broken::ForNow(reason),
    }
}
