//! The embedded store as it was at one moment, to be verified or exported, while its daemon goes on or does not run.

use std::path::Path;

use async_trait::async_trait;
use rusqlite::Connection;

use super::super::cipher::Lookup;
use super::super::ledger::{Anchor, Archive, AuditPlaced, Head, Heads, Kept, List, Placed};
use super::super::record;
use super::super::sealed::Cipher;
use super::super::{KeySource, OpenError};
use super::{audit, directory, ledger, reads, schema};
use crate::domain::ledger::Proof;
use crate::domain::{ConversationKey, Entry, Message, PracticeId, Seq};
use crate::ports::{Record, StoreError};

type Read<T> = Result<T, StoreError>;

/// SQLite is called without leaving the thread: reading is all that the process does.
pub struct Archived {
    database: Connection,
    cipher: Cipher,
    kept: Kept,
}

impl Archived {
    /// `own` is the directory in which a daemon remembers what it has seen.
    pub fn open(store: &Path, keys: &KeySource, own: &Path) -> Result<Self, OpenError> {
        if !directory::database(store).exists() {
            return Err(OpenError::NoStore { directory: store.to_owned() });
        }
        let schema::Looked { database, cipher } = schema::look(store, keys)?;
        let kept = Kept::open(own, &cipher.lookups.name(), 0)?;
        Ok(Self { database, cipher, kept })
    }

    fn number(&self, practice: &PracticeId) -> i64 {
        self.cipher.lookups.practice(practice)
    }
}

const HEAD: &str = "SELECT id, version, operation, snapshot, row, look_up FROM conversations";

fn head(cipher: &Cipher, row: &rusqlite::Row<'_>) -> Read<(u64, Head)> {
    let look_up = Lookup(row.get(5)?);
    let conversation = row.get::<_, i64>(0)?.cast_unsigned();
    let head = Head { look_up, conversation, stored: reads::stored(cipher, look_up, row) };
    Ok((row.get::<_, i64>(4)?.cast_unsigned(), head))
}

#[async_trait]
impl Archive for Archived {
    fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    fn anchor(&self, list: List, practice: &PracticeId) -> Option<Anchor> {
        self.kept.anchor(list, self.number(practice)).cloned()
    }

    async fn records(&mut self, practice: &PracticeId) -> Read<Vec<Record>> {
        let records = reads::every_record(&self.database, &self.cipher)?;
        Ok(records.into_iter().filter(|record| record.key().practice() == practice).collect())
    }

    async fn length(&mut self, practice: &PracticeId) -> Read<u64> {
        let sql = "SELECT count(*) FROM ledger WHERE practice = ?1";
        Ok(self.database.query_row(sql, [self.number(practice)], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    async fn lines(&mut self, practice: &PracticeId, after: u64, limit: u64) -> Read<Vec<Placed>> {
        let sql = format!(
            "SELECT {} FROM ledger WHERE practice = ?1 AND place > ?2 ORDER BY place LIMIT ?3",
            ledger::COLUMNS
        );
        let mut sql = self.database.prepare_cached(&sql)?;
        let mut rows = sql.query((self.number(practice), after.cast_signed(), limit.cast_signed()))?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(ledger::read(row)?);
        }
        Ok(lines)
    }

    async fn audit_length(&mut self, practice: &PracticeId) -> Read<u64> {
        let sql = "SELECT count(*) FROM audited WHERE practice = ?1";
        Ok(self.database.query_row(sql, [self.number(practice)], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    async fn audit_sealed(&mut self, _: &PracticeId) -> Read<u64> {
        // Each is sealed as it is entered.
        Ok(u64::MAX)
    }

    async fn audit_lines(&mut self, practice: &PracticeId, after: u64, limit: u64) -> Read<Vec<AuditPlaced>> {
        Ok(audit::lines(&self.database, self.number(practice), after, limit)?)
    }

    async fn conversations(&mut self, practice: &PracticeId) -> Read<u64> {
        let sql = "SELECT count(*) FROM conversations WHERE practice = ?1";
        Ok(self.database.query_row(sql, [self.number(practice)], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    async fn heads(&mut self, practice: &PracticeId, from: u64, limit: u64) -> Read<Heads> {
        let sql = format!("{HEAD} WHERE practice = ?1 AND row >= ?2 ORDER BY row LIMIT ?3");
        let mut sql = self.database.prepare_cached(&sql)?;
        let mut rows = sql.query((self.number(practice), from.cast_signed(), limit.cast_signed()))?;
        let mut page = Heads { heads: Vec::new(), next: None };
        while let Some(row) = rows.next()? {
            let (place, head) = head(&self.cipher, row)?;
            page.heads.push(head);
            page.next = Some(place + 1);
        }
        Ok(page)
    }

    async fn head(&mut self, _: &PracticeId, look_up: Lookup) -> Read<Option<Head>> {
        let mut sql = self.database.prepare_cached(&format!("{HEAD} WHERE look_up = ?1"))?;
        let mut rows = sql.query([look_up.0])?;
        Ok(rows.next()?.map(|row| head(&self.cipher, row)).transpose()?.map(|(_, head)| head))
    }

    async fn proofs(&mut self, key: &ConversationKey) -> Read<Vec<Proof>> {
        let look_up = self.cipher.lookups.conversation(key);
        let sql = format!("SELECT {} FROM ledger WHERE look_up = ?1 ORDER BY place", ledger::COLUMNS);
        let mut sql = self.database.prepare_cached(&sql)?;
        let mut rows = sql.query([look_up.0])?;
        let mut proofs = Vec::new();
        while let Some(row) = rows.next()? {
            let line = ledger::read(row)?.line;
            let line = line.ok_or_else(|| StoreError::Unreadable("a line of the ledger is none".into()))?;
            proofs.push(line.open(&self.cipher)?);
        }
        Ok(proofs)
    }

    async fn journal(&mut self, key: &ConversationKey) -> Read<Vec<Entry>> {
        let look_up = self.cipher.lookups.conversation(key);
        let mut sql = self.database.prepare_cached(
            "SELECT j.version, j.place, j.entry FROM journal j JOIN conversations c ON c.row = j.conversation
             WHERE c.look_up = ?1 ORDER BY j.version, j.place",
        )?;
        let mut rows = sql.query([look_up.0])?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            let (version, place) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned());
            let plain = self.cipher.open(&Cipher::evidence(look_up, version, place), &row.get::<_, Vec<u8>>(2)?)?;
            entries.push(record::read_evident(&plain)?);
        }
        Ok(entries)
    }

    async fn messages(&mut self, key: &ConversationKey, after: Seq, limit: u64) -> Read<Vec<Message>> {
        let look_up = self.cipher.lookups.conversation(key);
        let mut sql = self.database.prepare_cached(
            "SELECT c.id, t.seq, t.status, t.failure, t.failure_detail, t.segments, t.created_at, t.updated_at, t.said
             FROM conversations c JOIN thread t ON t.conversation = c.row
             WHERE c.look_up = ?1 AND t.seq > ?2 ORDER BY t.seq LIMIT ?3",
        )?;
        let mut rows = sql.query((look_up.0, after.0.cast_signed(), limit.cast_signed()))?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            messages.push(reads::read_message(&self.cipher, look_up, row)?);
        }
        Ok(messages)
    }
}
