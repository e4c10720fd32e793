//! The posts of webhooks, as they are kept: each a row of its own, small enough to be written whole.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::super::cipher::Lookup;
use super::super::record;
use super::super::sealed::Cipher;
use super::Embedded;
use super::writes::{Answer, Request};
use crate::ports::{KeepError, Post, Posts, StoreError, Version, WebhookKey};

/// What the fourth version has and the third has not.
pub const TABLE: &str = "
CREATE TABLE posts (row INTEGER PRIMARY KEY, look_up BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, post BLOB NOT NULL);
";

#[async_trait]
impl Posts for Embedded {
    async fn post(&self, key: &WebhookKey) -> Result<Option<(Post, Version)>, StoreError> {
        let look_up = self.cipher.lookups.post(key);
        self.read(
            move |database, cipher| Ok(read(database, cipher, look_up)?.map(|(_, post, version)| (post, version))),
        )
        .await
    }

    async fn keep(&self, key: &WebhookKey, expected: Version, post: &Post) -> Result<Version, KeepError> {
        let look_up = self.cipher.lookups.post(key);
        let next = Version(expected.0 + 1);
        let sealed = self.cipher.ring.seal(&Cipher::post(look_up, next.0), &record::write_post(key, post));
        match self.writer.ask(Request::Keep { look_up, expected, sealed }).await?? {
            Answer::Done => Ok(next),
            Answer::Conflict => Err(KeepError::Conflict { expected }),
            Answer::Committed(_) | Answer::KeyTaken(_) | Answer::Drawn(_) => {
                unreachable!("what is kept is answered as such")
            }
        }
    }

    async fn forget(&self, key: &WebhookKey) -> Result<(), StoreError> {
        self.write(Request::Forget(self.cipher.lookups.post(key))).await
    }
}

/// A post, whose it is, and how often it was written.
pub fn read(
    database: &Connection,
    cipher: &Cipher,
    look_up: Lookup,
) -> Result<Option<(WebhookKey, Post, Version)>, StoreError> {
    let found: Option<(i64, Vec<u8>)> = database
        .prepare_cached("SELECT version, post FROM posts WHERE look_up = ?1")?
        .query_row([look_up.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(version, sealed)| open(cipher, look_up, version, &sealed)).transpose()
}

pub fn open(
    cipher: &Cipher,
    look_up: Lookup,
    version: i64,
    sealed: &[u8],
) -> Result<(WebhookKey, Post, Version), StoreError> {
    let version = version.cast_unsigned();
    let (key, post) = record::read_post(&cipher.open(&Cipher::post(look_up, version), sealed)?)?;
    Ok((key, post, Version(version)))
}

/// Writes a post of this version, if the one before it is there. Whether it was.
pub fn write(database: &Connection, look_up: Lookup, expected: Version, sealed: &[u8]) -> rusqlite::Result<bool> {
    let (found, next) = (expected.0.cast_signed(), (expected.0 + 1).cast_signed());
    let written = if expected == Version(0) {
        database
            .prepare_cached("INSERT INTO posts (look_up, version, post) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute((look_up.0, next, sealed))?
    } else {
        database
            .prepare_cached("UPDATE posts SET version = ?3, post = ?4 WHERE look_up = ?1 AND version = ?2")?
            .execute((look_up.0, found, next, sealed))?
    };
    Ok(written > 0)
}
