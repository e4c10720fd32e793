//! The store of one machine: SQLite, one writer, a few readers.

mod archive;
mod audit;
mod desk;
mod directory;
mod ledger;
mod meters;
mod posts;
mod reads;
mod schema;
#[cfg(test)]
mod tests;
mod transfer;
mod writes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::files;
use super::ledger::Kept;
use super::record;
use super::sealed::{Cipher, answers_kept_since};
use super::sought::Sought;
use super::writer::Writer;
use super::{KeySource, OpenError};
use crate::domain::note::Note;
use crate::domain::{
    BootId, ConversationKey, Days, Draw, Drawn, Message, MessageId, OtherDaemons, PracticeId, Seq, Standing, Unused,
};
use crate::ports::{
    Clock, Commit, CommitError, DeadLetter, IdempotencyKey, InboxCursor, InboxFilter, InboxPart, KeptAnswer, Meters,
    News, OccurrenceId, Occurrences, PutError, Record, RecordKey, RecordsVersion, Stamp, Store, StoreError, Stored,
    Typing, Unread, Version,
};
pub use archive::Archived;
pub use transfer::Transfer;

use ledger::Notary;
use reads::Readers;
use writes::{Answer, Backend, Request};

/// What may be kept of that which only grows. What is older goes.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    dead_letters: i64,
    occurrences: i64,
    occurrences_hours: i64,
}

const BOUNDS: Bounds = Bounds { dead_letters: 100_000, occurrences: 100_000, occurrences_hours: 7 * 24 };

/// SQLite in a directory that nobody else uses.
pub struct Embedded {
    // Before the writer, so that the writer closes the database last and leaves one file behind.
    readers: Readers,
    writer: Writer<Backend>,
    cipher: Arc<Cipher>,
    clock: Arc<dyn Clock>,
    last_commit_before_start: Option<Timestamp>,
    /// When earlier runs ended.
    run_ends: Vec<Timestamp>,
    /// Nobody else is there to make any.
    news: broadcast::Sender<News>,
}

impl Embedded {
    /// `own` is the directory in which this daemon remembers what it has seen.
    pub fn open(directory: PathBuf, own: &Path, keys: &KeySource, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::open_with(directory, own, keys, clock, BOUNDS)
    }

    fn open_with(
        directory: PathBuf,
        own: &Path,
        keys: &KeySource,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Result<Self, OpenError> {
        let lock = directory::claim(&directory)?;
        let opened = schema::open(&directory, keys)?;
        schema::refuse_unfinished(&opened.database, &directory)?;
        let cipher = Arc::new(opened.cipher);
        let readers = Readers::new(directory::database(&directory));
        let last_commit_before_start = opened.last_commit.map(record::time);
        let run_ends = opened.run_ends.into_iter().map(record::time).collect();
        files::create(own).map_err(|source| OpenError::Directory { directory: own.to_owned(), source })?;
        let kept = Kept::open(own, &cipher.lookups.name(), 0)?;
        let notary = Notary::new(Arc::clone(&cipher), kept);
        let backend = Backend::new(opened.database, lock, Arc::clone(&clock), bounds, opened.last_commit, notary);
        let writer = Writer::start(backend).map_err(|source| OpenError::Directory { directory, source })?;
        Ok(Self { readers, writer, cipher, clock, last_commit_before_start, run_ends, news: broadcast::Sender::new(1) })
    }

    /// Reads, unless the store is in doubt: consent is not served from one that could not be written.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection, &Cipher) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(broken) = self.writer.is_broken() {
            return Err(broken);
        }
        let cipher = Arc::clone(&self.cipher);
        self.readers.read(move |database| work(database, &cipher)).await
    }

    async fn write(&self, request: Request) -> Result<(), StoreError> {
        match self.writer.ask(request).await?? {
            Answer::Done => Ok(()),
            Answer::Committed(_) | Answer::Conflict | Answer::KeyTaken(_) | Answer::Drawn(_) => {
                unreachable!("only a commit, a draw and a post are answered as such")
            }
        }
    }
}

#[async_trait]
impl Meters for Embedded {
    async fn draw(&self, practice: &PracticeId, draw: Draw) -> Result<Drawn, StoreError> {
        let practice = self.cipher.lookups.practice(practice);
        match self.writer.ask(Request::Draw { practice, draw }).await?? {
            Answer::Drawn(drawn) => Ok(drawn),
            Answer::Committed(_) | Answer::Conflict | Answer::KeyTaken(_) | Answer::Done => {
                unreachable!("a draw is answered as one")
            }
        }
    }

    async fn give_back(&self, practice: &PracticeId, unused: Unused) -> Result<(), StoreError> {
        self.write(Request::GiveBack { practice: self.cipher.lookups.practice(practice), unused }).await
    }

    async fn standing(&self, practice: &PracticeId, days: Days) -> Result<Standing, StoreError> {
        let (practice, now) = (self.cipher.lookups.practice(practice), self.clock.now());
        self.read(move |database, _| reads::standing(database, practice, days, now)).await
    }
}

#[async_trait]
impl Store for Embedded {
    async fn load(&self, key: &ConversationKey) -> Result<Option<Stored>, StoreError> {
        let lookup = self.cipher.lookups.conversation(key);
        self.read(move |database, cipher| reads::load(database, cipher, lookup)).await
    }

    async fn version(&self, key: &ConversationKey) -> Result<Version, StoreError> {
        let lookup = self.cipher.lookups.conversation(key);
        self.read(move |database, _| reads::version(database, lookup)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        let expected = commit.expected;
        let key = commit.idempotency.as_ref().map(|kept| (kept.conversation.practice.clone(), kept.key.clone()));
        let request = Request::commit(&self.cipher, commit);
        match self.writer.ask(request).await?? {
            Answer::Committed(version) => Ok(version),
            Answer::Conflict => Err(CommitError::Conflict { expected }),
            Answer::KeyTaken(sealed) => {
                let (practice, key) = key.expect("only a commit with a key can find it taken");
                Err(CommitError::KeyTaken(Box::new(reads::kept(&self.cipher, &practice, key, &sealed)?)))
            }
            Answer::Done | Answer::Drawn(_) => unreachable!("a commit is answered as one"),
        }
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<ConversationKey>, StoreError> {
        self.read(move |database, cipher| reads::due(database, cipher, until, limit)).await
    }

    async fn kept_answer(&self, practice: &PracticeId, key: &IdempotencyKey) -> Result<Option<KeptAnswer>, StoreError> {
        let (practice, key) = (practice.clone(), key.clone());
        let since = answers_kept_since(self.clock.now());
        self.read(move |database, cipher| reads::kept_answer(database, cipher, &practice, key, since)).await
    }

    async fn thread(
        &self,
        key: &ConversationKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let lookup = self.cipher.lookups.conversation(key);
        self.read(move |database, cipher| reads::thread(database, cipher, lookup, before, limit)).await
    }

    async fn message(&self, key: &ConversationKey, id: MessageId) -> Result<Option<Message>, StoreError> {
        let lookup = self.cipher.lookups.conversation(key);
        self.read(move |database, cipher| reads::message(database, cipher, lookup, id)).await
    }

    async fn inbox(
        &self,
        practice: &PracticeId,
        filter: &InboxFilter,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPart, StoreError> {
        let sought = Sought::of(&self.cipher.lookups, practice, filter);
        let practice = self.cipher.lookups.practice(practice);
        self.read(move |database, cipher| reads::inbox(database, cipher, practice, &sought, before, limit)).await
    }

    async fn notes(&self, key: &ConversationKey, before: Option<u64>, limit: usize) -> Result<Vec<Note>, StoreError> {
        let lookup = self.cipher.lookups.conversation(key);
        self.read(move |database, cipher| desk::notes(database, cipher, lookup, before, limit)).await
    }

    async fn unread(&self, practice: &PracticeId) -> Result<Unread, StoreError> {
        let practice = self.cipher.lookups.practice(practice);
        self.read(move |database, _| reads::unread(database, practice)).await
    }

    async fn occurrences(
        &self,
        practice: &PracticeId,
        after: OccurrenceId,
        limit: usize,
    ) -> Result<Occurrences, StoreError> {
        let practice = self.cipher.lookups.practice(practice);
        self.read(move |database, cipher| reads::occurrences(database, cipher, practice, after, limit)).await
    }

    async fn newest_occurrence(&self, _: &PracticeId) -> Result<OccurrenceId, StoreError> {
        self.read(|database, _| reads::newest_occurrence(database)).await
    }

    async fn records(&self) -> Result<(Vec<Record>, RecordsVersion), StoreError> {
        self.read(reads::records).await
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        let lookup = self.cipher.lookups.record(key);
        self.read(move |database, cipher| reads::record(database, cipher, lookup)).await
    }

    async fn records_version(&self) -> Result<RecordsVersion, StoreError> {
        self.read(|database, _| reads::records_version(database)).await
    }

    async fn put(&self, records: Vec<Record>) -> Result<(), PutError> {
        Ok(self.write(Request::put(&self.cipher, &records)).await?)
    }

    async fn stamped(&self, key: &RecordKey) -> Result<(Option<Record>, Stamp), StoreError> {
        let lookup = self.cipher.lookups.record(key);
        self.read(move |database, cipher| reads::stamped(database, cipher, lookup)).await
    }

    async fn put_over(&self, found: &Stamp, record: Record) -> Result<(), PutError> {
        match self.writer.ask(Request::put_over(&self.cipher, found, &record)).await?? {
            Answer::Done => Ok(()),
            Answer::Conflict => Err(PutError::ChangedMeanwhile),
            Answer::Committed(_) | Answer::KeyTaken(_) | Answer::Drawn(_) => {
                unreachable!("only a commit and a draw are answered as such")
            }
        }
    }

    async fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.write(Request::Remove(self.cipher.lookups.record(key))).await
    }

    async fn set_aside(&self, letter: DeadLetter) -> Result<(), StoreError> {
        self.write(Request::set_aside(&self.cipher, &letter)).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.write(Request::Probe).await
    }

    async fn last_commit_before_start(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.last_commit_before_start)
    }

    fn other_daemons(&self) -> OtherDaemons {
        OtherDaemons::Impossible
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    async fn tell_typing(&self, _: &Typing) -> Result<(), StoreError> {
        Ok(())
    }

    async fn session_ended(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn session_ends_of(&self, _: BootId) -> Result<Vec<Timestamp>, StoreError> {
        // Of which run is not known, and need not be: one ended before the next began.
        Ok(self.run_ends.clone())
    }

    async fn broken(&self) -> StoreError {
        self.writer.broken().await
    }
}
