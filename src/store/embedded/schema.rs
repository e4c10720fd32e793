//! The tables, and how a database is opened: its version known, its pages sound, its keys at hand.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use secrecy::{ExposeSecret, SecretString};

use super::super::cipher::{KeyRing, Lookups};
use super::super::copy::Origin;
use super::super::record::time;
use super::super::sealed::Cipher;
use super::super::{KeySource, OpenError, files};
use super::{audit, desk, directory, ledger, posts};
use crate::ports::{OccurrenceId, RecordsVersion};

/// The version of the tables below. A database with a later one is not opened.
const SCHEMA: i64 = 6;
/// `ASNT`, so that another program's database is told apart.
const APPLICATION: i64 = 0x4153_4e54;

/// What only grows has integer row ids and is written at its end; the rows of conversations are small and few.
/// A whole record under a random key would dirty a page for each row of a group, at a tenth of the speed.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- One row for each key that ever sealed: the secret of the look-up hashes, sealed with that key.
CREATE TABLE keys (id TEXT PRIMARY KEY, look_ups BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE conversations (
    row INTEGER PRIMARY KEY,
    practice INTEGER NOT NULL,
    look_up BLOB NOT NULL UNIQUE,
    id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    operation BLOB NOT NULL,
    wake_at INTEGER,
    active_at INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    last INTEGER,
    ends BLOB NOT NULL,
    snapshot BLOB NOT NULL
);
CREATE INDEX due ON conversations (wake_at, row) WHERE wake_at IS NOT NULL;
-- Each conversation in which something was said is in one of these two, so a write touches one entry.
CREATE INDEX inbox_read ON conversations (practice, active_at, row) WHERE last IS NOT NULL AND unread = 0;
CREATE INDEX inbox_unread ON conversations (practice, active_at, row, unread) WHERE last IS NOT NULL AND unread > 0;

CREATE TABLE thread (
    row INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (row),
    seq INTEGER NOT NULL,
    status INTEGER NOT NULL,
    failure INTEGER,
    failure_detail INTEGER,
    segments INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    said BLOB NOT NULL,
    UNIQUE (conversation, seq)
);

CREATE TABLE journal (
    row INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (row),
    version INTEGER NOT NULL,
    place INTEGER NOT NULL,
    entry BLOB NOT NULL
);

-- The newest row is never removed, so an id is never given twice.
CREATE TABLE occurrences (
    id INTEGER PRIMARY KEY,
    practice INTEGER NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (row),
    kind INTEGER NOT NULL,
    seq INTEGER,
    at INTEGER NOT NULL
);
CREATE INDEX occurrences_of_practice ON occurrences (practice);

CREATE TABLE idempotency (
    row INTEGER PRIMARY KEY,
    look_up BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    answer BLOB NOT NULL
);

CREATE TABLE records (row INTEGER PRIMARY KEY, look_up BLOB NOT NULL UNIQUE, record BLOB NOT NULL);

CREATE TABLE dead_letters (row INTEGER PRIMARY KEY, at INTEGER NOT NULL, letter BLOB NOT NULL);
";

/// One row, in a store that is or was made by copying another: which, at which moment, and how far it is.
pub const COPY: &str = "CREATE TABLE copy (
    store TEXT NOT NULL,
    last_commit INTEGER,
    records INTEGER NOT NULL,
    newest_occurrence INTEGER NOT NULL,
    kind TEXT,
    place TEXT,
    is_finished INTEGER NOT NULL
)";

/// What a database says of the copy that made it.
pub struct CopyIn {
    pub of: Origin,
    pub finished: Finished,
}

/// Whether a copy came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    Yes,
    No,
}
/// What the second version has and the first has not: the meters of the practice numbers, times in microseconds.
const METERS: &str = "
CREATE TABLE meters (
    practice INTEGER PRIMARY KEY,
    full_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    day_ends INTEGER NOT NULL,
    spent INTEGER NOT NULL
);
";

/// A database that may be written to.
pub struct Opened {
    pub database: Connection,
    pub cipher: Cipher,
    /// When the last commit was made, in nanoseconds.
    pub last_commit: Option<i64>,
    /// When earlier runs made their last commits, the last of them among these.
    pub run_ends: Vec<i64>,
}

/// Ends of runs that are kept. Whoever is restarted more often within a minute of a text may be brought it once more.
const RUN_ENDS_MAX: usize = 16;

/// Opens the database in a directory that is claimed, and makes the tables where there are none.
pub fn open(directory: &Path, keys: &KeySource) -> Result<Opened, OpenError> {
    let opening = Opening { directory };
    let mut database = opening.writer()?;
    let found = opening.version(&database)?;
    let is_made = found.is_some();
    if is_made {
        opening.check(&database)?;
    }
    let ring = opening.ring(keys, is_made)?;
    let file = key_path(directory, keys);

    let change = database.transaction_with_behavior(TransactionBehavior::Immediate).map_err(opening.failed())?;
    if !is_made {
        change.execute_batch(TABLES).map_err(opening.failed())?;
        change.pragma_update(None, "application_id", APPLICATION).map_err(opening.failed())?;
    }
    if found.is_none_or(|found| found < 2) {
        change.execute_batch(METERS).map_err(opening.failed())?;
    }
    if found.is_none_or(|found| found < 3) {
        change.execute_batch(ledger::TABLES).map_err(opening.failed())?;
    }
    if found.is_none_or(|found| found < 4) {
        change.execute_batch(posts::TABLE).map_err(opening.failed())?;
    }
    if found.is_none_or(|found| found < 5) {
        change.execute_batch(desk::TABLES).map_err(opening.failed())?;
    }
    if found.is_none_or(|found| found < 6) {
        change.execute_batch(audit::TABLE).map_err(opening.failed())?;
    }
    if found != Some(SCHEMA) {
        change.pragma_update(None, "user_version", SCHEMA).map_err(opening.failed())?;
    }
    let lookups = opening.unlock(&change, &ring, &file)?;
    let last_commit = change
        .query_row("SELECT value FROM meta WHERE name = 'last_commit'", [], |row| row.get(0))
        .optional()
        .map_err(opening.failed())?;
    let run_ends = note_run_end(&change, last_commit).map_err(opening.failed())?;
    change.commit().map_err(opening.failed())?;
    files::sync(directory).map_err(opening.unusable())?;
    Ok(Opened { database, cipher: Cipher { ring, lookups }, last_commit, run_ends })
}

/// Whoever opens the store ends the run before. What the carrier brings again may be of one before that.
fn note_run_end(change: &Connection, last_commit: Option<i64>) -> rusqlite::Result<Vec<i64>> {
    let mut known = change.prepare("SELECT value FROM meta WHERE name LIKE 'run_ended_%' ORDER BY value")?;
    let mut ends = known.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let Some(last_commit) = last_commit.filter(|last| !ends.contains(last)) else { return Ok(ends) };
    if ends.len() == RUN_ENDS_MAX {
        ends.remove(0);
    }
    ends.push(last_commit);
    for (number, end) in ends.iter().enumerate() {
        let row = (format!("run_ended_{number}"), end);
        change.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", row)?;
    }
    Ok(ends)
}

/// A database that is read as it is at this moment.
pub struct Looked {
    pub database: Connection,
    pub cipher: Cipher,
}

/// Opens the database in a directory to be read, and writes nothing. A daemon may run on it.
pub fn look(directory: &Path, keys: &KeySource) -> Result<Looked, OpenError> {
    let opening = Opening { directory };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(directory::database(directory), flags).map_err(opening.failed())?;
    database
        .execute_batch("PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;")
        .map_err(opening.failed())?;
    let found = opening.version(&database)?.ok_or_else(|| OpenError::NoStore { directory: directory.to_owned() })?;
    if found < 3 {
        database.execute_batch(ledger::NONE).map_err(opening.failed())?;
    }
    if found < 6 {
        database.execute_batch(audit::NONE).map_err(opening.failed())?;
    }
    // Everything is of the moment of the first read from here on.
    database.execute_batch("PRAGMA query_only = ON; BEGIN").map_err(opening.failed())?;
    refuse_unfinished(&database, directory)?;
    let ring = opening.ring(keys, true)?;
    let known = opening.known_look_ups(&database, &ring, &key_path(directory, keys))?;
    let lookups = known.look_ups.ok_or_else(|| OpenError::NoStore { directory: directory.to_owned() })?;
    database.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(Looked { database, cipher: Cipher { ring, lookups } })
}

/// The copy that made a database; `None` when none did.
pub fn copy_in(database: &Connection) -> rusqlite::Result<Option<CopyIn>> {
    let is_there = database
        .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'copy')", [], |row| row.get(0))
        .map(|found: i64| found == 1)?;
    if !is_there {
        return Ok(None);
    }
    let sql = "SELECT store, last_commit, records, newest_occurrence, is_finished FROM copy";
    database
        .query_row(sql, [], |row| {
            let of = Origin {
                store: row.get(0)?,
                last_commit: row.get::<_, Option<i64>>(1)?.map(time),
                records_version: RecordsVersion(row.get::<_, i64>(2)?.cast_unsigned()),
                newest_occurrence: OccurrenceId(row.get::<_, i64>(3)?.cast_unsigned()),
            };
            let finished = if row.get::<_, i64>(4)? == 1 { Finished::Yes } else { Finished::No };
            Ok(CopyIn { of, finished })
        })
        .optional()
}

/// Half a store would forget who opted out: nobody runs on one.
pub fn refuse_unfinished(database: &Connection, directory: &Path) -> Result<(), OpenError> {
    match copy_in(database).map_err(Opening { directory }.failed())? {
        Some(CopyIn { finished: Finished::No, .. }) => Err(OpenError::Unfinished { directory: directory.to_owned() }),
        Some(CopyIn { finished: Finished::Yes, .. }) | None => Ok(()),
    }
}

/// A connection that reads.
pub fn reader(database: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8000;")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 64;

/// The keys that ever sealed, and the look-ups, if there are any yet.
struct KnownLookUps {
    keys: Vec<String>,
    look_ups: Option<Lookups>,
}

/// What the steps of opening have in common: where, and how they fail.
struct Opening<'a> {
    directory: &'a Path,
}

impl Opening<'_> {
    fn writer(&self) -> Result<Connection, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database =
            Connection::open_with_flags(directory::database(self.directory), flags).map_err(self.failed())?;
        // Checkpoints are ours: SQLite's own drop the error of a failed fsync.
        database
            .execute_batch(
                "PRAGMA busy_timeout = 5000;
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA foreign_keys = ON;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA cache_size = -32000;
                 PRAGMA wal_autocheckpoint = 0;",
            )
            .map_err(self.failed())?;
        let mode: String =
            database.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(self.failed())?;
        if mode != "wal" {
            let reason = "its file system cannot hold a write-ahead log".to_owned();
            return Err(OpenError::Database { directory: self.directory.to_owned(), reason });
        }
        database.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(database)
    }

    /// The version of the tables, which is one that is known; `None` where there are none yet.
    fn version(&self, database: &Connection) -> Result<Option<i64>, OpenError> {
        let number =
            |pragma| database.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(self.failed());
        let (application, found) = (number("application_id")?, number("user_version")?);
        let tables: i64 =
            database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(self.failed())?;
        if tables == 0 && application == 0 && found == 0 {
            return Ok(None);
        }
        if application != APPLICATION {
            return Err(OpenError::NotOurs { directory: self.directory.to_owned() });
        }
        if found > SCHEMA {
            return Err(OpenError::Newer { directory: self.directory.to_owned(), found, known: SCHEMA });
        }
        Ok(Some(found))
    }

    /// Every page is sound; and every conversation is found by its look-up, because one that is not would
    /// look like one without consent and without its STOP.
    fn check(&self, database: &Connection) -> Result<(), OpenError> {
        for check in ["PRAGMA quick_check(1)", "PRAGMA integrity_check(conversations)"] {
            let found: String = database.query_row(check, [], |row| row.get(0)).map_err(self.failed())?;
            if found != "ok" {
                return Err(OpenError::Damaged { directory: self.directory.to_owned(), reason: found });
            }
        }
        Ok(())
    }

    fn ring(&self, keys: &KeySource, is_made: bool) -> Result<KeyRing, OpenError> {
        let file = key_path(self.directory, keys);
        let read = std::fs::read_to_string(&file).map(SecretString::from);
        let text = match (read, keys) {
            (Ok(text), _) => text,
            (Err(error), KeySource::InDirectory) if error.kind() == std::io::ErrorKind::NotFound => {
                if is_made {
                    return Err(OpenError::KeyFileMissing { file });
                }
                let text = KeyRing::generate();
                files::write_whole(&file, text.expose_secret().as_bytes()).map_err(self.unusable())?;
                text
            }
            (Err(source), KeySource::InDirectory | KeySource::File(_)) => {
                return Err(OpenError::KeyFile { file, source });
            }
        };
        files::warn_of_readers(&file);
        KeyRing::parse(text.expose_secret()).map_err(|reason| OpenError::KeyRing { file, reason })
    }

    /// Opens the secret of the look-ups with every key that ever sealed, which proves that the ring has them
    /// all, and adds the newest key to them.
    fn unlock(&self, database: &Connection, ring: &KeyRing, file: &Path) -> Result<Lookups, OpenError> {
        let KnownLookUps { keys, look_ups } = self.known_look_ups(database, ring, file)?;
        let lookups = look_ups.unwrap_or_else(Lookups::generate);
        if !keys.iter().any(|key| key == ring.newest()) {
            let sealed = ring.seal(&Cipher::look_ups(ring.newest()), lookups.secret());
            database
                .execute("INSERT INTO keys (id, look_ups) VALUES (?1, ?2)", (ring.newest(), sealed))
                .map_err(self.failed())?;
        }
        Ok(lookups)
    }

    /// Opens the secret of the look-ups with every key that ever sealed.
    fn known_look_ups(&self, database: &Connection, ring: &KeyRing, file: &Path) -> Result<KnownLookUps, OpenError> {
        let mut statement = database.prepare("SELECT id, look_ups FROM keys ORDER BY id").map_err(self.failed())?;
        let known = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
            .map_err(self.failed())?;
        let mut lookups = None;
        for (key, sealed) in &known {
            let (directory, file, key) = (self.directory.to_owned(), file.to_owned(), key.clone());
            if !ring.has(&key) {
                return Err(OpenError::KeyMissing { directory, file, key });
            }
            let secret = ring.open(&Cipher::look_ups(&key), sealed).ok();
            let secret: Option<[u8; 32]> = secret.and_then(|secret| secret.try_into().ok());
            let Some(secret) = secret else { return Err(OpenError::WrongKey { directory, file, key }) };
            lookups.get_or_insert_with(|| Lookups::new(secret));
        }
        Ok(KnownLookUps { keys: known.into_iter().map(|(key, _)| key).collect(), look_ups: lookups })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> OpenError {
        let directory = self.directory.to_owned();
        move |error| {
            let (directory, reason) = (directory.clone(), error.to_string());
            match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                    OpenError::Damaged { directory, reason }
                }
                _ => OpenError::Database { directory, reason },
            }
        }
    }

    fn unusable(&self) -> impl Fn(std::io::Error) -> OpenError {
        let directory = self.directory.to_owned();
        move |source| OpenError::Directory { directory: directory.clone(), source }
    }
}

fn key_path(directory: &Path, keys: &KeySource) -> std::path::PathBuf {
    match keys {
        KeySource::File(file) => file.clone(),
        KeySource::InDirectory => directory::key_file(directory),
    }
}
