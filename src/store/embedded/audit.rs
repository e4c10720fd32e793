//! The audit in SQLite: the one writer gives each entry its place and its seal, together with whatever else is waiting.

use async_trait::async_trait;
use rusqlite::{Connection, Row};

use super::super::ledger::{AuditLine, AuditPlaced, List, Sealer};
use super::super::sealed::Cipher;
use super::writes::Request;
use super::{Embedded, ledger};
use crate::domain::PracticeId;
use crate::domain::audit::Audited;
use crate::ports::{AuditPlace, Audits, StoreError};

/// What the fifth version has and the fourth has not.
pub const TABLE: &str = "
CREATE TABLE audited (
    row INTEGER PRIMARY KEY,
    practice INTEGER NOT NULL,
    place INTEGER NOT NULL,
    entry BLOB NOT NULL,
    seal TEXT NOT NULL
);
CREATE INDEX audited_places ON audited (practice, place);
";

/// In place of the table, for whoever reads a database that was last written before there was an audit.
pub const NONE: &str = "CREATE TEMP TABLE audited (row, practice, place, entry, seal);";

#[async_trait]
impl Audits for Embedded {
    async fn enter(&self, entry: Audited) -> Result<(), StoreError> {
        let practice = self.cipher.lookups.practice(&entry.practice);
        self.write(Request::Enter { practice, line: AuditLine::of(&self.cipher, &entry) }).await
    }

    async fn audited(
        &self,
        practice: &PracticeId,
        after: AuditPlace,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, Audited)>, StoreError> {
        let practice = practice.clone();
        self.read(move |database, cipher| {
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            let lines = lines(database, cipher.lookups.practice(&practice), after.0, limit)?;
            let opened =
                lines.into_iter().map(|placed| Ok((AuditPlace(placed.place), placed.line.open(cipher, &practice)?)));
            opened.collect()
        })
        .await
    }
}

/// Gives an entry its place and its seal.
pub fn append(database: &Connection, cipher: &Cipher, practice: i64, line: &AuditLine) -> rusqlite::Result<()> {
    let (last, before) = ledger::last(database, List::Audit, practice)?.unzip();
    let mut sealer = Sealer::after(practice, last.unwrap_or(0).cast_unsigned(), before);
    let place = sealer.next.cast_signed();
    let seal = sealer.seal(&cipher.ring, line);
    database
        .prepare_cached("INSERT INTO audited (practice, place, entry, seal) VALUES (?1, ?2, ?3, ?4)")?
        .execute((practice, place, &line.0, seal))?;
    Ok(())
}

/// Entries after a place, in order.
pub fn lines(database: &Connection, practice: i64, after: u64, limit: u64) -> rusqlite::Result<Vec<AuditPlaced>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    database
        .prepare_cached(
            "SELECT place, entry, seal FROM audited WHERE practice = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
        )?
        .query_map((practice, after.cast_signed(), limit), read)?
        .collect()
}

/// An entry, from its columns.
pub fn read(row: &Row<'_>) -> rusqlite::Result<AuditPlaced> {
    Ok(AuditPlaced {
        place: row.get::<_, i64>("place")?.cast_unsigned(),
        line: AuditLine(row.get("entry")?),
        seal: Some(row.get("seal")?),
    })
}
