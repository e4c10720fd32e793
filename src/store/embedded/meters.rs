//! The meters of the practice numbers, as they are kept.

use rusqlite::{Connection, OptionalExtension};

use crate::domain::Meter;

/// The meter of a practice; one that never sent anything has none.
pub fn read(database: &Connection, practice: i64) -> rusqlite::Result<Meter> {
    let found = database
        .prepare_cached("SELECT full_at, at, day_ends, spent FROM meters WHERE practice = ?1")?
        .query_row([practice], |row| {
            Ok(Meter { full_at_us: row.get(0)?, at_us: row.get(1)?, day_ends_us: row.get(2)?, spent: row.get(3)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

pub fn write(database: &Connection, practice: i64, meter: Meter) -> rusqlite::Result<()> {
    let Meter { full_at_us, at_us, day_ends_us, spent } = meter;
    database
        .prepare_cached(
            "INSERT INTO meters (practice, full_at, at, day_ends, spent) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (practice) DO UPDATE SET
                 full_at = excluded.full_at, at = excluded.at, day_ends = excluded.day_ends, spent = excluded.spent",
        )?
        .execute((practice, full_at_us, at_us, day_ends_us, spent))?;
    Ok(())
}
