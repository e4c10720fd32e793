//! A store that fails when a test says so: before it does anything, or after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use assent::domain::{ConversationKey, Message, MessageId, OtherDaemons, PracticeId, Seq};
use assent::ports::{
    Commit, CommitError, DeadLetter, IdempotencyKey, InboxCursor, InboxFilter, InboxRow, KeptAnswer, OccurrenceId,
    Occurrences, Record, RecordKey, Store, StoreError, Stored, Unread, Version,
};
use async_trait::async_trait;
use jiff::Timestamp;

const WORKS: u8 = 0;
const IS_DOWN: u8 = 1;
const LOSES_ANSWERS: u8 = 2;

pub struct Faulty {
    inner: Arc<dyn Store>,
    mode: AtomicU8,
}

impl Faulty {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, mode: AtomicU8::new(WORKS) }
    }

    pub fn work(&self) {
        self.mode.store(WORKS, Ordering::SeqCst);
    }

    pub fn fail(&self) {
        self.mode.store(IS_DOWN, Ordering::SeqCst);
    }

    /// Writes, and then says that it failed.
    pub fn lose_answers(&self) {
        self.mode.store(LOSES_ANSWERS, Ordering::SeqCst);
    }

    fn up(&self) -> Result<&dyn Store, StoreError> {
        if self.mode.load(Ordering::SeqCst) == IS_DOWN { Err(failed()) } else { Ok(&*self.inner) }
    }

    fn answered<T>(&self, value: T) -> Result<T, StoreError> {
        if self.mode.load(Ordering::SeqCst) == LOSES_ANSWERS { Err(failed()) } else { Ok(value) }
    }
}

fn failed() -> StoreError {
    StoreError::Unavailable("a test said so".into())
}

#[async_trait]
impl Store for Faulty {
    async fn load(&self, key: &ConversationKey) -> Result<Option<Stored>, StoreError> {
        self.up()?.load(key).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        let version = self.up()?.commit(commit).await?;
        Ok(self.answered(version)?)
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<ConversationKey>, StoreError> {
        self.up()?.due(until, limit).await
    }

    async fn kept_answer(&self, practice: &PracticeId, key: &IdempotencyKey) -> Result<Option<KeptAnswer>, StoreError> {
        self.up()?.kept_answer(practice, key).await
    }

    async fn thread(
        &self,
        key: &ConversationKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.up()?.thread(key, before, limit).await
    }

    async fn message(&self, key: &ConversationKey, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.up()?.message(key, id).await
    }

    async fn inbox(
        &self,
        practice: &PracticeId,
        filter: InboxFilter,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<Vec<InboxRow>, StoreError> {
        self.up()?.inbox(practice, filter, before, limit).await
    }

    async fn unread(&self, practice: &PracticeId) -> Result<Unread, StoreError> {
        self.up()?.unread(practice).await
    }

    async fn occurrences(
        &self,
        practice: &PracticeId,
        after: OccurrenceId,
        limit: usize,
    ) -> Result<Occurrences, StoreError> {
        self.up()?.occurrences(practice, after, limit).await
    }

    async fn newest_occurrence(&self) -> Result<OccurrenceId, StoreError> {
        self.up()?.newest_occurrence().await
    }

    async fn records(&self) -> Result<Vec<Record>, StoreError> {
        self.up()?.records().await
    }

    async fn put(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.up()?.put(records).await?;
        self.answered(())
    }

    async fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.up()?.remove(key).await?;
        self.answered(())
    }

    async fn set_aside(&self, letter: DeadLetter) -> Result<(), StoreError> {
        self.up()?.set_aside(letter).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.up()?.probe().await
    }

    async fn last_commit_before_start(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.last_commit_before_start().await
    }

    fn other_daemons(&self) -> OtherDaemons {
        self.inner.other_daemons()
    }
}
