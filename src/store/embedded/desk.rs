//! What staff keep for each other: notes, and by what conversations are found in the inbox.

use rusqlite::Connection;

use super::super::cipher::Lookup;
use super::super::sealed::{Cipher, SealedNote};
use super::reads::ends;
use crate::domain::note::{Note, NoteId};
use crate::domain::{ConversationId, ConversationKey};
use crate::ports::StoreError;

/// What the fifth version has and the fourth has not. A conversation joins the facets when it is next written.
pub const TABLES: &str = "
CREATE TABLE facets (
    facet INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (facet, active_at, row)
) WITHOUT ROWID;
CREATE INDEX facets_of_conversation ON facets (row);

CREATE TABLE notes (
    row INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (row),
    number INTEGER NOT NULL,
    note BLOB NOT NULL,
    UNIQUE (conversation, number)
);
";

/// Puts a conversation where it is found, and takes it from where it was.
pub fn place(database: &Connection, row: i64, active_at: i64, facets: &[i64]) -> rusqlite::Result<()> {
    let mut sql = database.prepare_cached("SELECT facet, active_at FROM facets WHERE row = ?1")?;
    let before: Vec<(i64, i64)> =
        sql.query_map([row], |found| Ok((found.get(0)?, found.get(1)?)))?.collect::<Result<_, _>>()?;
    for (facet, at) in before.iter().filter(|(facet, at)| *at != active_at || !facets.contains(facet)) {
        database
            .prepare_cached("DELETE FROM facets WHERE facet = ?1 AND active_at = ?2 AND row = ?3")?
            .execute((facet, at, row))?;
    }
    for facet in facets.iter().filter(|facet| !before.contains(&(**facet, active_at))) {
        database
            .prepare_cached("INSERT INTO facets (facet, active_at, row) VALUES (?1, ?2, ?3)")?
            .execute((facet, active_at, row))?;
    }
    Ok(())
}

pub fn is_placed(database: &Connection, facet: i64, active_at: i64, row: i64) -> rusqlite::Result<bool> {
    database
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM facets WHERE facet = ?1 AND active_at = ?2 AND row = ?3)")?
        .query_row((facet, active_at, row), |found| found.get(0))
}

pub fn write_note(database: &Connection, conversation: i64, note: &SealedNote) -> rusqlite::Result<()> {
    database.prepare_cached("INSERT INTO notes (conversation, number, note) VALUES (?1, ?2, ?3)")?.execute((
        conversation,
        note.number.cast_signed(),
        &note.sealed,
    ))?;
    Ok(())
}

pub const NOTES: &str = "SELECT c.id, n.number, n.note FROM conversations c JOIN notes n ON n.conversation = c.row
                         WHERE c.look_up = ?1 AND n.number < ?2 ORDER BY n.number DESC LIMIT ?3";

pub fn notes(
    database: &Connection,
    cipher: &Cipher,
    look_up: Lookup,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<Note>, StoreError> {
    let mut sql = database.prepare_cached(NOTES)?;
    let before = before.map_or(i64::MAX, |number| i64::try_from(number).unwrap_or(i64::MAX));
    let mut rows = sql.query((look_up.0, before, i64::try_from(limit).unwrap_or(i64::MAX)))?;
    let mut notes = Vec::new();
    while let Some(row) = rows.next()? {
        notes.push(cipher.open_note(look_up, note_id(row.get(0)?, row.get(1)?), &row.get::<_, Vec<u8>>(2)?)?);
    }
    Ok(notes)
}

/// A note on its way to another store, and whose it is.
pub fn moved(cipher: &Cipher, row: &rusqlite::Row<'_>) -> Result<(ConversationKey, Note), StoreError> {
    let look_up = Lookup(row.get("look_up")?);
    let id = note_id(row.get("id")?, row.get("number")?);
    let note = cipher.open_note(look_up, id, &row.get::<_, Vec<u8>>("note")?)?;
    Ok((ends(cipher, look_up, row.get("ends")?)?, note))
}

fn note_id(conversation: i64, number: i64) -> NoteId {
    NoteId { conversation: ConversationId(conversation.cast_unsigned()), number: number.cast_unsigned() }
}
