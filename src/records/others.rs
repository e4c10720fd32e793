//! Learns what other daemons wrote into the records: from their news, from a look at the version now and then, and before
//! every request of the API.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex as TurnMutex, Notify};

use super::cache::Cache;
use super::{Memory, Records};
use crate::domain::{OtherDaemons, Practice, PracticeId};
use crate::ports::{CaughtUp, News, Record, RecordKey, RecordsVersion, StoreError};

/// News that wait to be read. More than that is read faster by reading everything.
const BACKLOG_MAX: usize = 1_024;
/// How long news of what the store has are waited for, before everything is read again.
const NEWS_WAIT: Duration = Duration::from_millis(250);
/// How often the version is looked at, in case news were lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Before everything is read again after the store did not let it be read.
const READ_AGAIN: Duration = Duration::from_secs(1);

/// What is to be learnt.
#[derive(Default)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    came: Notify,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<(RecordKey, Counted)>,
    everything: bool,
}

/// Whether a piece of news is one more than the version that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    /// What was read since may have been read with it. Counted too low is noticed and read again; too high would hide
    /// what is missing.
    No,
}

/// Looks at the version that the store has, one at a time: whoever asked before a look began is served by it.
#[derive(Default)]
pub(super) struct Looks {
    begun: AtomicU64,
    last: TurnMutex<Look>,
}

/// A look, by its number.
#[derive(Default)]
struct Look {
    number: u64,
    found: RecordsVersion,
}

/// What to do next.
enum Next {
    Everything,
    Record(RecordKey, Counted),
}

impl Backlog {
    fn add(&self, key: RecordKey) {
        let mut waiting = self.lock();
        if waiting.records.len() == BACKLOG_MAX {
            waiting.everything = true;
        }
        if !waiting.everything {
            waiting.records.push_back((key, Counted::Yes));
        }
        self.came.notify_one();
    }

    fn everything(&self) {
        let mut waiting = self.lock();
        waiting.records.clear();
        waiting.everything = true;
        self.came.notify_one();
    }

    async fn next(&self) -> Next {
        loop {
            let next = {
                let mut waiting = self.lock();
                if waiting.everything {
                    Some(Next::Everything)
                } else {
                    waiting.records.pop_front().map(|(key, counted)| Next::Record(key, counted))
                }
            };
            match next {
                Some(next) => return next,
                None => self.came.notified().await,
            }
        }
    }

    /// Everything is about to be read: with it, what was waiting.
    fn is_being_read(&self) {
        *self.lock() = Waiting::default();
    }

    /// Everything was read: what came meanwhile may have been read with it.
    fn was_read(&self) {
        self.lock().records.iter_mut().for_each(|(_, counted)| *counted = Counted::No);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of the lock panics")
    }
}

impl Looks {
    /// The version that the store had at some moment after this was asked.
    async fn look<L>(&self, look: impl FnOnce() -> L) -> Result<RecordsVersion, StoreError>
    where
        L: Future<Output = Result<RecordsVersion, StoreError>>,
    {
        let begun = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.number <= begun {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *last = Look { number, found: look().await? };
        }
        Ok(last.found)
    }
}

impl Records {
    /// Keeps up with other daemons, until this one stops. Ends at once where there can't be any.
    pub async fn follow_the_news(self: Arc<Self>) {
        match self.store.other_daemons() {
            OtherDaemons::Impossible => return,
            OtherDaemons::Possible { .. } => {}
        }
        tokio::join!(self.listen(), self.learn(), self.look_now_and_then());
    }

    /// Hears of everything without waiting for the store in between, so that nothing is missed for it.
    async fn listen(&self) {
        let mut news = self.store.news();
        loop {
            match news.recv().await {
                Ok(News::Record(key)) => self.backlog.add(key),
                Ok(News::Conversation(_) | News::Typing(_)) => {}
                Ok(News::Anything) | Err(RecvError::Lagged(_)) => self.backlog.everything(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn learn(&self) {
        loop {
            let learnt = match self.backlog.next().await {
                Next::Everything => self.read_everything().await,
                Next::Record(key, counted) => self.read_one(&key, counted).await,
            };
            if let Err(error) = learnt {
                tracing::error!(%error, "what another daemon wrote into the records was not read");
                self.backlog.everything();
                tokio::time::sleep(READ_AGAIN).await;
            }
        }
    }

    /// News may be lost. What the store had at one look and this daemon has not learnt by the next was.
    async fn look_now_and_then(&self) {
        let mut expected = RecordsVersion(0);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let seen = self.seen();
            let Ok(stored) = self.store.records_version().await else { continue };
            if seen < expected || seen > stored {
                self.backlog.everything();
            }
            expected = stored;
        }
    }

    /// Learns what other daemons wrote before now, if they wrote anything that is not known here. One look at the version
    /// where there is nothing to learn, and none where there are no other daemons.
    pub async fn catch_up(&self) -> Result<CaughtUp, StoreError> {
        match self.store.other_daemons() {
            OtherDaemons::Impossible => return Ok(CaughtUp::NothingNew),
            OtherDaemons::Possible { .. } => {}
        }
        let before = self.seen();
        let stored = self.looks.look(|| self.store.records_version()).await?;
        if before >= stored {
            return Ok(CaughtUp::NothingNew);
        }
        let mut seen = self.seen.subscribe();
        loop {
            let reached = *seen.borrow_and_update();
            let caught_up = seen.wait_for(|seen| *seen >= stored);
            if tokio::time::timeout(NEWS_WAIT, caught_up).await.is_ok() {
                return Ok(CaughtUp::Learnt);
            }
            // News that come fast are read one by one; those that do not come are not waited for.
            if self.seen() <= reached {
                self.read_everything_up_to(stored).await?;
            }
        }
    }

    /// Whether the cache has what the store has. Where there are no other daemons it always has.
    pub(super) async fn is_level(&self) -> Result<bool, StoreError> {
        match self.store.other_daemons() {
            OtherDaemons::Impossible => Ok(true),
            OtherDaemons::Possible { .. } => Ok(self.seen() == self.store.records_version().await?),
        }
    }

    /// A practice that is not known here may have been put elsewhere a moment ago, and keeps the number that it has.
    pub(super) async fn practice_as_stored(&self, id: &PracticeId) -> Result<Option<Arc<Practice>>, StoreError> {
        let known = self.practice(id);
        match (&known, self.store.other_daemons()) {
            (Some(_), _) | (None, OtherDaemons::Impossible) => return Ok(known),
            (None, OtherDaemons::Possible { .. }) => {}
        }
        Ok(match self.store.record(&RecordKey::Practice(id.clone())).await? {
            Some(Record::Practice(practice)) => Some(Arc::new(practice)),
            Some(
                Record::Staff(..)
                | Record::Patient(..)
                | Record::Link(..)
                | Record::Template(..)
                | Record::Token(_)
                | Record::Webhook(..),
            )
            | None => None,
        })
    }

    async fn read_everything(&self) -> Result<(), StoreError> {
        let mut memory = self.changing.lock().await;
        self.read_all(&mut memory).await
    }

    /// Unless somebody else did so meanwhile: many may wait for the same.
    async fn read_everything_up_to(&self, stored: RecordsVersion) -> Result<(), StoreError> {
        let mut memory = self.changing.lock().await;
        if self.seen() >= stored { Ok(()) } else { self.read_all(&mut memory).await }
    }

    pub(super) async fn read_all(&self, memory: &mut Memory) -> Result<(), StoreError> {
        let _alone = self.tokens.write().await;
        self.backlog.is_being_read();
        let (records, version) = self.store.records().await?;
        *self.write() = Cache::of(records);
        self.backlog.was_read();
        self.seen.send_replace(version);
        self.permissions.send_replace(());
        *memory = Memory::Exact;
        Ok(())
    }

    /// Reads one record, in turn with the changes made here: what is read after a change is what it left, or newer.
    async fn read_one(&self, key: &RecordKey, counted: Counted) -> Result<(), StoreError> {
        let _turn = self.changing.lock().await;
        let stored = self.store.record(key).await?;
        self.write().learn(key, stored);
        match key {
            RecordKey::Staff(..) | RecordKey::Token(..) => self.permissions.send_replace(()),
            RecordKey::Practice(_)
            | RecordKey::Patient(..)
            | RecordKey::Link(..)
            | RecordKey::Template(..)
            | RecordKey::Webhook(..) => {}
        }
        match counted {
            Counted::Yes => self.counts_one(),
            Counted::No => {}
        }
        Ok(())
    }

    fn seen(&self) -> RecordsVersion {
        *self.seen.borrow()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_asked_before_a_look_began_is_served_by_it_and_nobody_by_an_earlier_one() {
        let (looks, answers, made) = (Looks::default(), Semaphore::new(0), AtomicU64::new(0));
        let look = || {
            looks.look(|| async {
                let number = made.fetch_add(1, Ordering::SeqCst) + 1;
                answers.acquire().await.unwrap().forget();
                Ok(RecordsVersion(number))
            })
        };
        let mut first = Box::pin(look());
        assert!(first.as_mut().now_or_never().is_none());
        let mut later: Vec<_> = (0..3).map(|_| Box::pin(look())).collect();
        assert!(later.iter_mut().all(|later| later.as_mut().now_or_never().is_none()));
        answers.add_permits(2);
        assert_eq!(first.await.unwrap(), RecordsVersion(1), "it had begun before they asked");
        for later in later {
            assert_eq!(later.await.unwrap(), RecordsVersion(2));
        }
        answers.add_permits(1);
        assert_eq!(look().await.unwrap(), RecordsVersion(3));
    }

    #[tokio::test]
    async fn a_look_that_failed_serves_nobody() {
        let looks = Looks::default();
        let down = || async { Err(StoreError::Unavailable("down".into())) };
        assert!(looks.look(down).await.is_err());
        assert_eq!(looks.look(|| async { Ok(RecordsVersion(7)) }).await.unwrap(), RecordsVersion(7));
    }
}
