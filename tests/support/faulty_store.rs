//! A store that fails when a test says so: before it does anything, or after; always, or once; or that is slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use assent::domain::audit::Audited;
use assent::domain::note::Note;
use assent::domain::{
    BootId, ConversationKey, Days, Draw, Drawn, Message, MessageId, OtherDaemons, PracticeId, Seq, Standing, Unused,
};
use assent::ports::{
    AuditPlace, Audits, Commit, CommitError, DeadLetter, IdempotencyKey, InboxCursor, InboxFilter, InboxPart,
    KeepError, KeptAnswer, Meters, News, OccurrenceId, Occurrences, Post, Posts, PutError, Record, RecordKey,
    RecordsVersion, Stamp, Store, StoreError, Stored, Typing, Unread, Version, WebhookKey,
};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, broadcast, watch};

const WORKS: u8 = 0;
const IS_DOWN: u8 = 1;
const LOSES_ANSWERS: u8 = 2;

pub struct FaultyStore {
    pub inner: Arc<dyn Store>,
    mode: AtomicU8,
    /// So many commits to come fail without being made.
    pub refuse: AtomicU64,
    /// So many commits to come are made, and reported as failed.
    pub lie: AtomicU64,
    /// Commits say that they are held, and wait until they are released, before they are made.
    pub hold: AtomicBool,
    pub held: Notify,
    pub released: Notify,
    /// Told whenever it is asked while it is down.
    pub was_down: Notify,
    /// Draws that were asked for.
    pub draws: AtomicU64,
    /// Told whenever it was written down what is to be posted, or what came of it.
    pub kept: watch::Sender<()>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            mode: AtomicU8::new(WORKS),
            refuse: AtomicU64::new(0),
            lie: AtomicU64::new(0),
            hold: AtomicBool::new(false),
            held: Notify::new(),
            released: Notify::new(),
            was_down: Notify::new(),
            draws: AtomicU64::new(0),
            kept: watch::Sender::new(()),
        }
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

    fn takes_one(counter: &AtomicU64) -> bool {
        counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    fn up(&self) -> Result<&dyn Store, StoreError> {
        if self.mode.load(Ordering::SeqCst) == IS_DOWN {
            self.was_down.notify_one();
            return Err(failed());
        }
        Ok(&*self.inner)
    }

    fn answered<T>(&self, value: T) -> Result<T, StoreError> {
        if self.mode.load(Ordering::SeqCst) == LOSES_ANSWERS { Err(failed()) } else { Ok(value) }
    }
}

fn failed() -> StoreError {
    StoreError::Unavailable("a test said so".into())
}

#[async_trait]
impl Meters for FaultyStore {
    async fn draw(&self, practice: &PracticeId, draw: Draw) -> Result<Drawn, StoreError> {
        self.draws.fetch_add(1, Ordering::SeqCst);
        let drawn = self.up()?.draw(practice, draw).await?;
        self.answered(drawn)
    }

    async fn give_back(&self, practice: &PracticeId, unused: Unused) -> Result<(), StoreError> {
        self.up()?.give_back(practice, unused).await?;
        self.answered(())
    }

    async fn standing(&self, practice: &PracticeId, days: Days) -> Result<Standing, StoreError> {
        self.up()?.standing(practice, days).await
    }
}

#[async_trait]
impl Posts for FaultyStore {
    async fn post(&self, key: &WebhookKey) -> Result<Option<(Post, Version)>, StoreError> {
        self.up()?.post(key).await
    }

    async fn keep(&self, key: &WebhookKey, expected: Version, post: &Post) -> Result<Version, KeepError> {
        let version = self.up()?.keep(key, expected, post).await?;
        self.kept.send_replace(());
        Ok(self.answered(version)?)
    }

    async fn forget(&self, key: &WebhookKey) -> Result<(), StoreError> {
        self.up()?.forget(key).await
    }
}

#[async_trait]
impl Audits for FaultyStore {
    async fn enter(&self, entry: Audited) -> Result<(), StoreError> {
        self.up()?.enter(entry).await
    }

    async fn audited(
        &self,
        practice: &PracticeId,
        after: AuditPlace,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, Audited)>, StoreError> {
        self.up()?.audited(practice, after, limit).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn load(&self, key: &ConversationKey) -> Result<Option<Stored>, StoreError> {
        self.up()?.load(key).await
    }

    async fn version(&self, key: &ConversationKey) -> Result<Version, StoreError> {
        self.up()?.version(key).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        if self.hold.load(Ordering::SeqCst) {
            self.held.notify_one();
            self.released.notified().await;
        }
        if Self::takes_one(&self.refuse) {
            return Err(failed().into());
        }
        let version = self.up()?.commit(commit).await?;
        if Self::takes_one(&self.lie) { Err(failed().into()) } else { Ok(self.answered(version)?) }
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
        filter: &InboxFilter,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPart, StoreError> {
        self.up()?.inbox(practice, filter, before, limit).await
    }

    async fn notes(&self, key: &ConversationKey, before: Option<u64>, limit: usize) -> Result<Vec<Note>, StoreError> {
        self.up()?.notes(key, before, limit).await
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

    async fn newest_occurrence(&self, practice: &PracticeId) -> Result<OccurrenceId, StoreError> {
        self.up()?.newest_occurrence(practice).await
    }

    async fn records(&self) -> Result<(Vec<Record>, RecordsVersion), StoreError> {
        self.up()?.records().await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.up()?.record(key).await
    }

    async fn records_version(&self) -> Result<RecordsVersion, StoreError> {
        self.up()?.records_version().await
    }

    async fn put(&self, records: Vec<Record>) -> Result<(), PutError> {
        self.up()?.put(records).await?;
        Ok(self.answered(())?)
    }

    async fn stamped(&self, key: &RecordKey) -> Result<(Option<Record>, Stamp), StoreError> {
        self.up()?.stamped(key).await
    }

    async fn put_over(&self, found: &Stamp, record: Record) -> Result<(), PutError> {
        self.up()?.put_over(found, record).await?;
        Ok(self.answered(())?)
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

    fn news(&self) -> broadcast::Receiver<News> {
        self.inner.news()
    }

    async fn tell_typing(&self, typing: &Typing) -> Result<(), StoreError> {
        self.up()?.tell_typing(typing).await
    }

    async fn session_ended(&self, at: Timestamp) -> Result<(), StoreError> {
        self.up()?.session_ended(at).await
    }

    async fn session_ends_of(&self, daemon: BootId) -> Result<Vec<Timestamp>, StoreError> {
        self.up()?.session_ends_of(daemon).await
    }
}
