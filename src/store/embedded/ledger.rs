//! The evidence ledger in SQLite: the one writer gives each proof its place and its seal, in the transaction that makes the
//! change of consent durable.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

use super::super::cipher::Lookup;
use super::super::ledger::{Anchor, AuditLine, Kept, Line, List, Placed, Sealer};
use super::super::sealed::Cipher;
use super::audit;

/// How often the newest seals are written down outside of the database, at most: it is a file that is synced.
const WRITE_DOWN_EVERY: SignedDuration = SignedDuration::from_secs(1);

/// A conversation and a number may stand here twice: a state that was rolled back by force goes on from there, and a STOP is
/// taken all the same. What the list then tells is for whoever verifies it.
pub const TABLES: &str = "
CREATE TABLE ledger (
    row INTEGER PRIMARY KEY,
    practice INTEGER NOT NULL,
    place INTEGER NOT NULL,
    look_up BLOB NOT NULL,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    signature TEXT NOT NULL,
    proof BLOB NOT NULL,
    seal TEXT NOT NULL
);
CREATE INDEX ledger_places ON ledger (practice, place);
CREATE INDEX ledger_of_conversation ON ledger (look_up, seq);
-- An export reads the journal conversation by conversation.
CREATE INDEX journal_of_conversation ON journal (conversation);
";

/// In place of the table, for whoever reads a database that was last written before there was a ledger.
pub const NONE: &str = "
CREATE TEMP TABLE ledger (practice, place, look_up, conversation, seq, signature, proof, seal);
";

/// The columns of a line, as [`read`] takes them.
pub const COLUMNS: &str = "place, look_up, conversation, seq, signature, proof, seal";

/// What the writer needs for the ledger.
pub struct Notary {
    cipher: Arc<Cipher>,
    kept: Kept,
    /// Lists that grew since that was written down, by their practices.
    grown: BTreeSet<(List, i64)>,
    written_at: Option<Timestamp>,
}

impl Notary {
    pub fn new(cipher: Arc<Cipher>, kept: Kept) -> Self {
        Self { cipher, kept, grown: BTreeSet::new(), written_at: None }
    }

    /// Enters a line behind the last.
    pub fn enter(&mut self, database: &Connection, practice: i64, line: &Line) -> rusqlite::Result<()> {
        append(database, &self.cipher, practice, line)?;
        self.grown.insert((List::Ledger, practice));
        Ok(())
    }

    /// Enters something into the audit, behind the last.
    pub fn audit(&mut self, database: &Connection, practice: i64, line: &AuditLine) -> rusqlite::Result<()> {
        audit::append(database, &self.cipher, practice, line)?;
        self.grown.insert((List::Audit, practice));
        Ok(())
    }

    /// Writes down the newest seals, if it is time to.
    pub fn remember(&mut self, database: &Connection, now: Timestamp) {
        let is_soon = self.written_at.is_some_and(|at| at <= now && now.duration_since(at) < WRITE_DOWN_EVERY);
        if !self.grown.is_empty() && !is_soon {
            self.remember_now(database);
            self.written_at = Some(now);
        }
    }

    /// The same, whatever the time. What was seen stays where the ledger does not have it any more: it proves that.
    pub fn remember_now(&mut self, database: &Connection) {
        for (list, practice) in std::mem::take(&mut self.grown) {
            match self.newest(database, list, practice) {
                Ok(Some(newest)) => self.kept.note(list, practice, newest),
                Ok(None) => tracing::error!(?list, "a sealed list lacks what was seen of it: run assent audit verify"),
                Err(error) => tracing::warn!(%error, "the newest seal of the ledger was not read"),
            }
        }
        if let Err(error) = self.kept.write_down() {
            tracing::warn!(%error, "the newest seals of the ledger were not written down");
        }
    }

    /// The newest place, if the one that was seen before is there.
    fn newest(&self, database: &Connection, list: List, practice: i64) -> rusqlite::Result<Option<Anchor>> {
        if let Some(anchor) = self.kept.anchor(list, practice)
            && seal_at(database, list, practice, anchor.place)?.as_ref() != Some(&anchor.seal)
        {
            return Ok(None);
        }
        Ok(last(database, list, practice)?.map(|(place, seal)| Anchor { place: place.cast_unsigned(), seal }))
    }
}

/// Gives a line its place and its seal.
pub fn append(database: &Connection, cipher: &Cipher, practice: i64, line: &Line) -> rusqlite::Result<()> {
    let (last, before) = last(database, List::Ledger, practice)?.unzip();
    let mut sealer = Sealer::after(practice, last.unwrap_or(0).cast_unsigned(), before);
    let place = sealer.next;
    let seal = sealer.seal(&cipher.ring, line);
    database
        .prepare_cached(
            "INSERT INTO ledger (practice, place, look_up, conversation, seq, signature, proof, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            practice,
            place.cast_signed(),
            line.look_up.0,
            line.conversation.cast_signed(),
            line.seq.cast_signed(),
            &line.signature,
            &line.proof,
            seal,
        ))?;
    Ok(())
}

/// The newest place of a list, and its seal.
pub fn last(database: &Connection, list: List, practice: i64) -> rusqlite::Result<Option<(i64, String)>> {
    let sql = match list {
        List::Ledger => "SELECT place, seal FROM ledger WHERE practice = ?1 ORDER BY place DESC LIMIT 1",
        List::Audit => "SELECT place, seal FROM audited WHERE practice = ?1 ORDER BY place DESC LIMIT 1",
    };
    database.prepare_cached(sql)?.query_row([practice], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The seal at a place.
pub fn seal_at(database: &Connection, list: List, practice: i64, place: u64) -> rusqlite::Result<Option<String>> {
    let sql = match list {
        List::Ledger => "SELECT seal FROM ledger WHERE practice = ?1 AND place = ?2",
        List::Audit => "SELECT seal FROM audited WHERE practice = ?1 AND place = ?2",
    };
    database.prepare_cached(sql)?.query_row((practice, place.cast_signed()), |row| row.get(0)).optional()
}

/// A line, from the columns that [`COLUMNS`] names.
pub fn read(row: &Row<'_>) -> rusqlite::Result<Placed> {
    Ok(Placed { place: row.get::<_, i64>("place")?.cast_unsigned(), line: line(row).ok() })
}

fn line(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        look_up: Lookup(row.get("look_up")?),
        conversation: row.get::<_, i64>("conversation")?.cast_unsigned(),
        seq: row.get::<_, i64>("seq")?.cast_unsigned(),
        signature: row.get("signature")?,
        proof: Some(row.get("proof")?),
        seal: Some(row.get("seal")?),
    })
}
