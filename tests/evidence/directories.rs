//! A ledger in a directory, and the forger who has its database.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use assent::domain::policy::BootId;
use assent::domain::{ConversationKey, Phone};
use assent::ports::Store;
use assent::store::{KeySource, Location, open};
use async_trait::async_trait;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::home::{Home, State};
use crate::stage::{HandClock, at, key};

pub struct Directory {
    pub directory: TempDir,
}

impl Directory {
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn database(&self) -> Connection {
        Connection::open(self.path().join("assent.db")).unwrap()
    }

    fn run(&self, sql: &str) {
        self.database().execute_batch(sql).unwrap();
    }

    /// The row of a conversation, which are made in the order of their phones.
    fn row(&self, key: &ConversationKey) -> i64 {
        let known = lines().into_iter().position(|line| line == key.phone).unwrap();
        i64::try_from(known).unwrap() + 1
    }
}

fn lines() -> [Phone; 3] {
    [100, 200, 300].map(|line| key("riverside", line).phone)
}

#[async_trait(?Send)]
impl Home for Directory {
    async fn fresh() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn location(&self) -> Location {
        let directory = self.directory.path().join("seen");
        Location { directory, ..Location::new(format!("file://{}", self.path().display()), KeySource::InDirectory) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let clock = Arc::new(HandClock(AtomicI64::new(at(0).as_second())));
        open(&self.location(), BootId(1), clock).await.unwrap()
    }

    async fn close(&self, store: Arc<dyn Store>) {
        drop(store);
    }

    async fn edit(&self, place: u64) {
        let (database, place) = (self.database(), place.cast_signed());
        let sql = "SELECT proof FROM ledger WHERE place = ?1";
        let mut proof: Vec<u8> = database.query_row(sql, [place], |row| row.get(0)).unwrap();
        *proof.last_mut().unwrap() ^= 1;
        database.execute("UPDATE ledger SET proof = ?1 WHERE place = ?2", (proof, place)).unwrap();
    }

    async fn take_out(&self, place: u64) {
        self.run(&format!(
            "DELETE FROM ledger WHERE place = {place}; UPDATE ledger SET place = place - 1 WHERE place > {place}"
        ));
    }

    async fn swap(&self, place: u64) {
        let next = place + 1;
        self.run(&format!(
            "UPDATE ledger SET place = 0 WHERE place = {place};
             UPDATE ledger SET place = {place} WHERE place = {next};
             UPDATE ledger SET place = {next} WHERE place = 0;"
        ));
    }

    async fn repeat(&self, place: u64) {
        self.run(&format!(
            "INSERT INTO ledger (practice, place, look_up, conversation, seq, signature, proof, seal)
             SELECT practice, (SELECT max(place) + 1 FROM ledger), look_up, conversation, seq, signature, proof, seal
             FROM ledger WHERE place = {place}"
        ));
    }

    async fn forget(&self, key: &ConversationKey) {
        let row = self.row(key);
        self.run(&format!(
            "DELETE FROM occurrences WHERE conversation = {row}; DELETE FROM journal WHERE conversation = {row};
             DELETE FROM thread WHERE conversation = {row}; DELETE FROM conversations WHERE row = {row};"
        ));
    }

    async fn state(&self, key: &ConversationKey) -> State {
        let copy = self.directory.path().join(format!("state of {}", self.row(key)));
        let _ = std::fs::remove_file(&copy);
        self.run(&format!("VACUUM INTO '{}'", copy.display()));
        copy.display().to_string().into_bytes()
    }

    async fn replay(&self, key: &ConversationKey, state: State) {
        let (row, copy) = (self.row(key), String::from_utf8(state).unwrap());
        self.run(&format!(
            "ATTACH '{copy}' AS old;
             UPDATE conversations SET (version, operation, wake_at, active_at, unread, last, snapshot) =
                 (SELECT version, operation, wake_at, active_at, unread, last, snapshot
                  FROM old.conversations WHERE row = {row})
             WHERE row = {row};"
        ));
    }

    async fn length(&self) -> u64 {
        self.database().query_row("SELECT count(*) FROM ledger", [], |row| row.get::<_, u32>(0)).unwrap().into()
    }
}
