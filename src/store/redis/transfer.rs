//! A store on Redis as one end of a copy. `pages` reads everything that it keeps, practice by practice; `moving_in` writes it.

mod moving_in;
mod pages;

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use redis::{FromRedisValue, Pipeline, RedisError, Value};

use super::super::Location;
use super::super::copy::{Kind, Origin, Page, Place, Remembered, Source};
use super::super::record::{nanoseconds, time};
use super::super::sealed::Cipher;
use super::copied::Copied;
use super::line::{Daemons, Founding, LAPSE, Line};
use super::open::{OpenRedisError, Opening, last_commit};
use super::seen::Memory;
use super::{LOOK_AGAIN, SIDE_BY_SIDE, keys, lapse_of, line, reads};
use crate::domain::PracticeId;
use crate::ports::{OccurrenceId, RecordsVersion, StoreError};
use moving_in::Copier;
use pages::RecordsInOrder;

type Read<T> = Result<T, StoreError>;

/// Redis, for as long as it is copied.
pub struct Transfer {
    line: Line,
    cipher: Cipher,
    /// The id of the store: as it was founded, or as it will be.
    store: String,
    /// What a target is founded with where there is no store yet.
    founding: Option<Founding>,
    /// What it is a copy of.
    copied: Option<Copied>,
    /// In nanoseconds.
    answers_since: i64,
    /// The order of the records that were read last.
    records: Option<RecordsInOrder>,
    /// Who writes, from the first write on.
    copier: Option<Copier>,
    /// Practices that are known to be on the list of practices.
    enlisted: HashSet<PracticeId>,
}

impl Transfer {
    /// A store that is there and whole, and on which no daemon runs.
    pub async fn source(location: &Location) -> Result<Self, OpenRedisError> {
        let seen = Memory::look(&location.directory)?;
        let Opened { opening, line, found } = open(location).await?;
        let place = opening.place.clone();
        if found.store.is_empty() {
            return Err(OpenRedisError::NoStore { place });
        }
        if found.copied.as_ref().is_some_and(Copied::is_unfinished) {
            return Err(OpenRedisError::Unfinished { place });
        }
        // What was seen of another store says nothing about this one.
        if seen.store.as_ref() == Some(&found.store) && found.accepted <= seen.accepted {
            let (line, seen, found) = (&line, &seen, &found);
            let looked = line.ask(|wire| async move { Ok::<_, RedisError>(line.compare(&wire, seen, found).await) });
            let looked = looked.await.map_err(|source| OpenRedisError::Store { place: place.clone(), source })?;
            looked.map_err(|trouble| opening.refused(trouble))?;
        }
        nobody_runs(&line, &place).await?;
        let lookups = opening.unlock(&line, &found).await?;
        Ok(Self::of(line, Cipher { ring: opening.ring, lookups }, found.store, None, found.copied))
    }

    /// A store that is or can be made from another. Nothing is written before the copy begins.
    pub async fn target(location: &Location) -> Result<Self, OpenRedisError> {
        let Opened { opening, line, found } = open(location).await?;
        nobody_runs(&line, &opening.place).await?;
        if found.store.is_empty() {
            let (founding, lookups) = opening.founding();
            let (cipher, store) = (Cipher { ring: opening.ring, lookups }, founding.store.clone());
            return Ok(Self::of(line, cipher, store, Some(founding), None));
        }
        let lookups = opening.unlock(&line, &found).await?;
        Ok(Self::of(line, Cipher { ring: opening.ring, lookups }, found.store, None, found.copied))
    }

    fn of(line: Line, cipher: Cipher, store: String, founding: Option<Founding>, copied: Option<Copied>) -> Self {
        Self {
            line,
            cipher,
            store,
            founding,
            copied,
            answers_since: i64::MIN,
            records: None,
            copier: None,
            enlisted: HashSet::new(),
        }
    }

    /// Every practice, in the order in which they came, which never changes.
    async fn practices(&self) -> Read<Vec<PracticeId>> {
        self.line.ask(line::practices).await
    }

    /// Asks several things at once, all of them in one slot.
    async fn ask_together<T: FromRedisValue>(&self, questions: Pipeline) -> Read<T> {
        if questions.is_empty() {
            return reads::typed(Value::Array(Vec::new()));
        }
        self.line.ask(|mut wire| async move { questions.query_async(&mut wire).await }).await
    }
}

/// A store whose server is fit for it.
struct Opened {
    opening: Opening,
    line: Line,
    found: line::Found,
}

async fn open(location: &Location) -> Result<Opened, OpenRedisError> {
    let opening = Opening::of(location)?;
    let dialler = opening.dialler(location)?.unhurried();
    let line = Line::new(dialler, location.durability, None, Memory::blank());
    let found = opening.put_up(&line, None).await?;
    opening.is_known(&found)?;
    line.opened(&found.store);
    Ok(Opened { opening, line, found })
}

/// A daemon that has just ended is waited for until its last sign of life has lapsed.
async fn nobody_runs(line: &Line, place: &str) -> Result<(), OpenRedisError> {
    let failed = |source| OpenRedisError::Store { place: place.to_owned(), source };
    let first = line.look_for_daemons().await.map_err(failed)?;
    loop {
        let daemons = line.look_for_daemons().await.map_err(failed)?;
        if !is_anybody_alive(&daemons) {
            return Ok(());
        }
        let lives_on = |(_, sign): &(_, u64)| *sign > first.now;
        if daemons.seen.iter().any(lives_on) {
            return Err(OpenRedisError::InUse { place: place.to_owned() });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn is_anybody_alive(daemons: &Daemons) -> bool {
    daemons.alive().next().is_some()
}

#[async_trait]
impl Source for Transfer {
    async fn origin(&mut self) -> Read<Origin> {
        if is_anybody_alive(&self.line.look_for_daemons().await?) {
            return Err(StoreError::Unavailable("a daemon was started on it: stop it".into()));
        }
        let practices = self.practices().await?;
        let (mut records, mut newest) = match &self.copied {
            Some(Copied { of, .. }) => (of.records_version.0, of.newest_occurrence.0),
            None => (0, 0),
        };
        for practice in &practices {
            let totals = keys::Of(practice).totals();
            let (of_practice, occurrences): (Option<u64>, Option<u64>) = self
                .line
                .ask(|mut wire| async move {
                    let mut fields = redis::cmd("HMGET");
                    fields.arg(totals).arg("records").arg("occurrences").query_async(&mut wire).await
                })
                .await?;
            records += of_practice.unwrap_or(0);
            newest = newest.max(occurrences.unwrap_or(0));
        }
        Ok(Origin {
            store: self.cipher.lookups.name(),
            last_commit: last_commit(&self.line, self.copied.as_ref()).await?,
            records_version: RecordsVersion(records),
            newest_occurrence: OccurrenceId(newest),
        })
    }

    fn leave_out_answers_before(&mut self, kept_since: Timestamp) {
        self.answers_since = nanoseconds(kept_since);
    }

    async fn count(&mut self, kind: Kind) -> Read<u64> {
        if kind == Kind::DeadLetters {
            return self.count_letters().await;
        }
        let mut count = 0;
        for practice in self.practices().await? {
            count += self.count_of(kind, &practice).await?;
        }
        Ok(count)
    }

    /// A page is of one practice. Its place is the practice, and a place in it.
    async fn page(&mut self, kind: Kind, after: Option<&Place>, limit: usize) -> Read<Page> {
        let not_a_place = || reads::unreadable("what is remembered is no place in this store");
        if kind == Kind::DeadLetters {
            return self.letters(after.map(|Place(place)| place.as_str()), limit).await;
        }
        let practices = self.practices().await?;
        let (first, mut within) = match after {
            None => (0, None),
            Some(Place(place)) => {
                let (practice, within) = place.split_once(' ').ok_or_else(not_a_place)?;
                let is_it = |known: &PracticeId| known.as_str() == practice;
                (practices.iter().position(is_it).ok_or_else(not_a_place)?, Some(within))
            }
        };
        for practice in &practices[first..] {
            let page = self.page_of(kind, practice, within.take(), limit).await;
            let page = page.map_err(|error| in_words(error, practice))?;
            if let Some(Place(within)) = page.last {
                let last = Place(format!("{practice} {within}"));
                return Ok(Page { items: page.items, last: Some(last) });
            }
        }
        Ok(Page { items: Vec::new(), last: None })
    }

    async fn remembered(&mut self) -> Read<Remembered> {
        let mut session_ends = Vec::new();
        for (daemon, last_sign) in self.line.look_for_daemons().await?.seen {
            let place = keys::session_ends(daemon);
            let ends: Vec<i64> =
                self.line
                    .ask(|mut wire| async move {
                        redis::cmd("LRANGE").arg(place).arg(0).arg(-1).query_async(&mut wire).await
                    })
                    .await?;
            let ends = ends.into_iter().map(time).chain(lapse_of(last_sign));
            session_ends.extend(ends.map(|at| (daemon, at)));
        }
        Ok(Remembered { seen: self.line.memory.seen().written(), session_ends })
    }

    async fn stays_behind(&mut self) -> Read<u64> {
        self.line.ask(|mut wire| async move { redis::cmd("LLEN").arg(keys::AUDIT).query_async(&mut wire).await }).await
    }
}

/// An error that says whose item it is about.
fn in_words(error: StoreError, practice: &PracticeId) -> StoreError {
    match error {
        StoreError::Unreadable(reason) => StoreError::Unreadable(format!("practice {practice}: {reason}").into()),
        error @ (StoreError::Unavailable(_) | StoreError::WentBack(_)) => error,
    }
}
