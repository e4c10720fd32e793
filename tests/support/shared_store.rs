//! One store that several daemons share: a handle for each, news of what the others wrote, ends of sessions by boot.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use assent::domain::audit::Audited;
use assent::domain::note::Note;
use assent::domain::{
    BootId, Conversation, ConversationKey, Days, Draw, Drawn, Message, MessageId, OtherDaemons, PracticeId, Seq,
    Standing, Unused,
};
use assent::ports::{
    AuditPlace, Audits, Clock, Commit, CommitError, DeadLetter, IdempotencyKey, InboxCursor, InboxFilter, InboxPart,
    KeepError, KeptAnswer, Meters, News, OccurrenceId, Occurrences, Post, Posts, PutError, Record, RecordKey,
    RecordsVersion, Stamp, Store, StoreError, Stored, Typing, Unread, Version, WebhookKey,
};
use assent::store::{KeySource, Location};
use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Notify, broadcast};

/// News that a daemon may leave unread.
const NEWS_MAX: usize = 1_024;

/// What the daemons share.
pub struct Shared {
    inner: Arc<dyn Store>,
    daemons: Mutex<Vec<(BootId, broadcast::Sender<News>)>>,
    alive: Mutex<Vec<BootId>>,
    ends: Mutex<HashMap<u64, Vec<Timestamp>>>,
    /// Every state of a conversation that was committed, in order.
    pub committed: Mutex<Vec<Conversation>>,
    /// While set, news are lost.
    pub loses_news: AtomicBool,
    _files: tempfile::TempDir,
}

impl Shared {
    pub async fn open(clock: Arc<dyn Clock>) -> Arc<Self> {
        let files = tempfile::tempdir().unwrap();
        let location = Location::new(format!("file://{}", files.path().display()), KeySource::InDirectory);
        let inner = assent::store::open(&location, BootId(0), clock).await.unwrap();
        Arc::new(Self {
            inner,
            daemons: Mutex::default(),
            alive: Mutex::default(),
            ends: Mutex::default(),
            committed: Mutex::default(),
            loses_news: AtomicBool::new(false),
            _files: files,
        })
    }

    /// The store as one more daemon has it, which is alive until a test says otherwise.
    pub fn handle(self: &Arc<Self>, boot: BootId) -> Arc<SharedStore> {
        let news = broadcast::Sender::new(NEWS_MAX);
        self.daemons.lock().unwrap().push((boot, news.clone()));
        self.alive.lock().unwrap().push(boot);
        Arc::new(SharedStore {
            shared: Arc::clone(self),
            boot,
            news,
            version_looks: AtomicUsize::new(0),
            loses_answers: AtomicU64::new(0),
            made: Notify::new(),
            let_go: Notify::new(),
        })
    }

    pub fn is_dead(&self, boot: BootId) {
        self.alive.lock().unwrap().retain(|alive| *alive != boot);
    }

    /// Says to every daemon that it may have missed something.
    pub fn tell_anything(&self) {
        for (_, news) in self.daemons.lock().unwrap().iter() {
            let _ = news.send(News::Anything);
        }
    }

    fn tell_others(&self, from: BootId, what: &News) {
        if self.loses_news.load(Ordering::SeqCst) {
            return;
        }
        for (_, news) in self.daemons.lock().unwrap().iter().filter(|(boot, _)| *boot != from) {
            // It may not listen yet, or not any more.
            let _ = news.send(what.clone());
        }
    }
}

/// The store as one daemon has it.
pub struct SharedStore {
    shared: Arc<Shared>,
    boot: BootId,
    news: broadcast::Sender<News>,
    /// How often this daemon asked for the version of the records.
    pub version_looks: AtomicUsize,
    /// So many commits to come are made, say so, and wait until they are let go; then their answers are lost.
    pub loses_answers: AtomicU64,
    pub made: Notify,
    pub let_go: Notify,
}

#[async_trait]
impl Meters for SharedStore {
    async fn draw(&self, practice: &PracticeId, draw: Draw) -> Result<Drawn, StoreError> {
        self.shared.inner.draw(practice, draw).await
    }

    async fn give_back(&self, practice: &PracticeId, unused: Unused) -> Result<(), StoreError> {
        self.shared.inner.give_back(practice, unused).await
    }

    async fn standing(&self, practice: &PracticeId, days: Days) -> Result<Standing, StoreError> {
        self.shared.inner.standing(practice, days).await
    }
}

#[async_trait]
impl Posts for SharedStore {
    async fn post(&self, key: &WebhookKey) -> Result<Option<(Post, Version)>, StoreError> {
        self.shared.inner.post(key).await
    }

    async fn keep(&self, key: &WebhookKey, expected: Version, post: &Post) -> Result<Version, KeepError> {
        self.shared.inner.keep(key, expected, post).await
    }

    async fn forget(&self, key: &WebhookKey) -> Result<(), StoreError> {
        self.shared.inner.forget(key).await
    }
}

#[async_trait]
impl Audits for SharedStore {
    async fn enter(&self, entry: Audited) -> Result<(), StoreError> {
        self.shared.inner.enter(entry).await
    }

    async fn audited(
        &self,
        practice: &PracticeId,
        after: AuditPlace,
        limit: usize,
    ) -> Result<Vec<(AuditPlace, Audited)>, StoreError> {
        self.shared.inner.audited(practice, after, limit).await
    }
}

#[async_trait]
impl Store for SharedStore {
    async fn load(&self, key: &ConversationKey) -> Result<Option<Stored>, StoreError> {
        self.shared.inner.load(key).await
    }

    async fn version(&self, key: &ConversationKey) -> Result<Version, StoreError> {
        self.shared.inner.version(key).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        let (key, next) = (commit.next.key.clone(), commit.next.clone());
        let version = self.shared.inner.commit(commit).await?;
        self.shared.committed.lock().unwrap().push(next);
        self.shared.tell_others(self.boot, &News::Conversation(key));
        let left = &self.loses_answers;
        if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            self.made.notify_one();
            self.let_go.notified().await;
            return Err(StoreError::Unavailable("a test said so".into()).into());
        }
        Ok(version)
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<ConversationKey>, StoreError> {
        self.shared.inner.due(until, limit).await
    }

    async fn kept_answer(&self, practice: &PracticeId, key: &IdempotencyKey) -> Result<Option<KeptAnswer>, StoreError> {
        self.shared.inner.kept_answer(practice, key).await
    }

    async fn thread(
        &self,
        key: &ConversationKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        self.shared.inner.thread(key, before, limit).await
    }

    async fn message(&self, key: &ConversationKey, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.shared.inner.message(key, id).await
    }

    async fn inbox(
        &self,
        practice: &PracticeId,
        filter: &InboxFilter,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPart, StoreError> {
        self.shared.inner.inbox(practice, filter, before, limit).await
    }

    async fn notes(&self, key: &ConversationKey, before: Option<u64>, limit: usize) -> Result<Vec<Note>, StoreError> {
        self.shared.inner.notes(key, before, limit).await
    }

    async fn unread(&self, practice: &PracticeId) -> Result<Unread, StoreError> {
        self.shared.inner.unread(practice).await
    }

    async fn occurrences(
        &self,
        practice: &PracticeId,
        after: OccurrenceId,
        limit: usize,
    ) -> Result<Occurrences, StoreError> {
        self.shared.inner.occurrences(practice, after, limit).await
    }

    async fn newest_occurrence(&self, practice: &PracticeId) -> Result<OccurrenceId, StoreError> {
        self.shared.inner.newest_occurrence(practice).await
    }

    async fn records(&self) -> Result<(Vec<Record>, RecordsVersion), StoreError> {
        self.shared.inner.records().await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        self.shared.inner.record(key).await
    }

    async fn records_version(&self) -> Result<RecordsVersion, StoreError> {
        self.version_looks.fetch_add(1, Ordering::SeqCst);
        self.shared.inner.records_version().await
    }

    async fn put(&self, records: Vec<Record>) -> Result<(), PutError> {
        let keys: Vec<RecordKey> = records.iter().map(Record::key).collect();
        self.shared.inner.put(records).await?;
        keys.into_iter().for_each(|key| self.shared.tell_others(self.boot, &News::Record(key)));
        Ok(())
    }

    async fn stamped(&self, key: &RecordKey) -> Result<(Option<Record>, Stamp), StoreError> {
        self.shared.inner.stamped(key).await
    }

    async fn put_over(&self, found: &Stamp, record: Record) -> Result<(), PutError> {
        let key = record.key();
        self.shared.inner.put_over(found, record).await?;
        self.shared.tell_others(self.boot, &News::Record(key));
        Ok(())
    }

    async fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.shared.inner.remove(key).await?;
        self.shared.tell_others(self.boot, &News::Record(key.clone()));
        Ok(())
    }

    async fn set_aside(&self, letter: DeadLetter) -> Result<(), StoreError> {
        self.shared.inner.set_aside(letter).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.shared.inner.probe().await
    }

    async fn last_commit_before_start(&self) -> Result<Option<Timestamp>, StoreError> {
        self.shared.inner.last_commit_before_start().await
    }

    fn other_daemons(&self) -> OtherDaemons {
        OtherDaemons::Possible { alive: self.shared.alive.lock().unwrap().as_slice().into() }
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    async fn tell_typing(&self, typing: &Typing) -> Result<(), StoreError> {
        self.shared.tell_others(self.boot, &News::Typing(typing.clone()));
        Ok(())
    }

    async fn session_ended(&self, at: Timestamp) -> Result<(), StoreError> {
        self.shared.ends.lock().unwrap().entry(self.boot.0).or_default().push(at);
        Ok(())
    }

    async fn session_ends_of(&self, daemon: BootId) -> Result<Vec<Timestamp>, StoreError> {
        Ok(self.shared.ends.lock().unwrap().get(&daemon.0).cloned().unwrap_or_default())
    }
}
