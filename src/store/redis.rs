//! The store that many daemons share: Redis or Valkey, one server, the master of a Sentinel set, or a cluster.
//!
//! A commit is one script, which checks everything before it writes anything and knows a commit that comes twice.
//! `commit.lua` and its neighbours say what is where; `line` keeps the connection; `suitability` refuses a server that may
//! lose what it has acknowledged; `seen` notices when one did.

mod accept;
mod address;
mod archive;
mod audit;
mod copied;
mod desk;
mod keys;
mod ledger;
mod line;
mod meters;
mod news;
mod open;
mod posts;
mod reads;
mod scripts;
mod seen;
mod suitability;
mod transfer;
mod wire;
mod writes;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use redis::{RedisResult, Value};
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use super::cipher::Lookup;
use super::record::{self, nanoseconds};
use super::sealed::{Cipher, SealedCommit, SealedEntry, SealedRow, answers_kept_since};
use super::sought::{LOOKS_MAX, Sought};
use crate::domain::note::Note;
use crate::domain::{
    BootId, ConversationId, ConversationKey, Message, MessageId, OtherDaemons, Practice, PracticeId, Seq,
};
use crate::ports::{
    Clock, Commit, CommitError, DeadLetter, IdempotencyKey, InboxCursor, InboxFilter, InboxPart, KeptAnswer, News,
    OccurrenceId, Occurrences, PutError, Record, RecordKey, RecordsVersion, Stamp, Store, StoreError, Stored, Typing,
    Unread, Version,
};
use copied::Copied;
use keys::Of;
use ledger::Unsealed;
use line::Line;
use scripts::{CLAIM, ENLIST, INBOX, OCCURRENCES, PUT, REGISTER, SET_ASIDE, THREAD};
use seen::Mark;
use wire::Wire;
use writes::{Committed, Row, Writing};

pub use accept::{AcceptError, Accepted, Loss, accept};
pub use address::Address;
pub use archive::Archived;
pub use open::{OpenRedisError, check, open, open_beside};
pub use transfer::Transfer;

/// The version of what is where. A store with a later one is not opened.
const SCHEMA: u64 = 1;
/// What is looked at and may pass by itself.
const NOT_LOADING: &str = "not loading";
/// Events of a practice that are kept for those who come back: a day and more of a busy one.
const EVENTS_KEPT: u64 = 20_000;
/// A kept answer counts for a day; it is forgotten a while later.
const ANSWERS_FORGOTTEN_MS: u64 = 26 * 60 * 60 * 1_000;
const DEAD_LETTERS_KEPT: u64 = 100_000;
/// Ends of link sessions that are kept of one daemon, and for how long.
const SESSION_ENDS_KEPT: i64 = 64;
const SESSION_ENDS_FORGOTTEN_S: i64 = 25 * 60 * 60;
/// How often it is looked whether another daemon gives a sign of life.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Practices, or conversations, that are asked about side by side.
const SIDE_BY_SIDE: usize = 64;
/// Records that are read at once.
const RECORDS_PAGE: usize = 500;

/// A page of a hash: names and values.
type Page = Vec<(Vec<u8>, Vec<u8>)>;

/// What became of records that were to be put or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Yes,
    /// Something else is there than what they were to be put over.
    SomethingElseIsThere,
}

/// Redis, seen by one daemon.
pub struct Redis {
    line: Arc<Line>,
    cipher: Arc<Cipher>,
    clock: Arc<dyn Clock>,
    daemon: BootId,
    /// The id that the store was founded with.
    store: String,
    /// What it is a copy of, if it is one.
    copied: Option<Copied>,
    channel: String,
    last_commit_before_start: Option<Timestamp>,
    news: broadcast::Sender<News>,
    /// Practices whose totals are known to be there, on the connection of this number.
    registered: Mutex<(u64, HashSet<PracticeId>)>,
    unsealed: Arc<Unsealed>,
    /// Upkeep, news and the ledger's seals; they end with the store.
    _tasks: JoinSet<()>,
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.line.remember();
    }
}

impl Redis {
    /// Sees to it that a practice has its totals, without which nothing of it is written.
    async fn register(&self, practice: &PracticeId) -> Result<(), StoreError> {
        let number = self.line.number();
        {
            let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
            if registered.0 != number {
                *registered = (number, HashSet::new());
            }
            if registered.1.contains(practice) {
                return Ok(());
            }
        }
        let store = self.store.clone();
        let (known, schema): (String, u64) = self
            .line
            .ask(|mut wire| async move {
                // First the list: what is not on it would be found by nobody.
                ENLIST.key(keys::PRACTICES).arg(practice.as_str()).invoke_async::<()>(&mut wire).await?;
                REGISTER.key(Of(practice).totals()).arg(store).arg(SCHEMA).invoke_async(&mut wire).await
            })
            .await?;
        if known != self.store || schema != SCHEMA {
            return Err(StoreError::Unavailable("a practice in it belongs to another store or schema".into()));
        }
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.0 == number {
            registered.1.insert(practice.clone());
        }
        Ok(())
    }

    /// How often records were put or removed in the store that this one is a copy of.
    fn copied_records(&self) -> u64 {
        self.copied.as_ref().map_or(0, |copied| copied.of.records_version.0)
    }

    /// Every practice, in the order in which they came.
    async fn practices(&self) -> Result<Vec<PracticeId>, StoreError> {
        self.line.ask(line::practices).await
    }

    /// Asks the same of every practice, side by side.
    async fn of_every_practice<T, A>(&self, ask: impl Fn(Wire, PracticeId) -> A) -> Result<Vec<T>, StoreError>
    where
        A: Future<Output = RedisResult<T>>,
    {
        stream::iter(self.practices().await?)
            .map(|practice| self.line.ask(|wire| ask(wire, practice)))
            .buffered(SIDE_BY_SIDE)
            .try_collect()
            .await
    }

    /// A number belongs to the first practice that claims it, and a practice keeps the number that it claimed first.
    async fn claim_number(&self, practice: &Practice) -> Result<(), PutError> {
        let number = keys::hex(self.cipher.lookups.number(&practice.number));
        let (id, claimed) = (practice.id.as_str(), number.as_str());
        let (owner, kept): (String, String) = self
            .line
            .ask(|mut wire| async move {
                CLAIM.key(keys::NUMBERS).key(keys::NUMBERS_OF).arg(claimed).arg(id).invoke_async(&mut wire).await
            })
            .await?;
        if kept != number {
            return Err(PutError::NumberFixed);
        }
        if owner == id { Ok(()) } else { Err(PutError::NumberTaken) }
    }

    /// Puts or removes records of one practice.
    async fn change_records(&self, practice: &PracticeId, rows: Vec<Row>) -> Result<Changed, StoreError> {
        self.register(practice).await?;
        let of = Of(practice);
        let (records, totals) = (of.records(), of.totals());
        let (store, channel) = (&self.store, &self.channel);
        let changed: bool = self
            .line
            .ask(|mut wire| async move {
                let mut script = PUT.key(records);
                script.key(totals).arg(store).arg(SCHEMA).arg(channel).arg(rows.len());
                for row in rows {
                    let over = row.over();
                    script.arg(keys::hex(row.look_up)).arg(row.sealed).arg(row.news).arg(over);
                }
                script.invoke_async(&mut wire).await
            })
            .await?;
        Ok(if changed { Changed::Yes } else { Changed::SomethingElseIsThere })
    }

    async fn written_record(&self, key: &RecordKey, look_up: Lookup) -> Result<Option<Vec<u8>>, StoreError> {
        let records = Of(key.practice()).records();
        self.line
            .ask(|mut wire| async move {
                redis::cmd("HGET").arg(records).arg(keys::hex(look_up)).query_async(&mut wire).await
            })
            .await
    }

    fn row(&self, record: &Record, over: Option<Stamp>) -> Row {
        let key = record.key();
        let SealedRow { look_up, sealed } = SealedRow::of(&self.cipher, record);
        Row { look_up, sealed, news: news::of_record(&self.cipher, self.daemon, key.practice(), &key), over }
    }

    async fn records_of(&self, practice: &PracticeId) -> Result<(u64, Vec<Record>), StoreError> {
        let of = Of(practice);
        let (records, totals) = (of.records(), of.totals());
        let version: Option<u64> = self
            .line
            .ask(|mut wire| async move { redis::cmd("HGET").arg(totals).arg("records").query_async(&mut wire).await })
            .await?;
        // What changes while this is read counts as news that comes later.
        let (mut cursor, mut found, mut known) = (0_u64, Vec::new(), HashSet::new());
        loop {
            let records = records.clone();
            let (next, page): (u64, Page) = self
                .line
                .ask(|mut wire| async move {
                    let mut scan = redis::cmd("HSCAN");
                    scan.arg(records).arg(cursor).arg("COUNT").arg(RECORDS_PAGE).query_async(&mut wire).await
                })
                .await?;
            for (look_up, written) in page {
                let look_up = keys::look_up(&look_up).ok_or_else(|| reads::unreadable("a look-up is none"))?;
                // A scan may come by twice.
                if known.insert(look_up) {
                    found.push(reads::record(&self.cipher, look_up, &written)?);
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        found.sort_by_key(|(row, _)| *row);
        Ok((version.unwrap_or(0), found.into_iter().map(|(_, record)| record).collect()))
    }

    async fn ends_of(&self, places: Vec<(PracticeId, String)>) -> Result<Vec<ConversationKey>, StoreError> {
        let ends = stream::iter(places).map(|(practice, place)| async move {
            let digits = place.get(16..).unwrap_or_default().as_bytes();
            let look_up = keys::look_up(digits).ok_or_else(|| reads::unreadable("a look-up is none"))?;
            let key = Of(&practice).conversation(look_up);
            let sealed: Option<Vec<u8>> = self
                .line
                .ask(|mut wire| async move { redis::cmd("HGET").arg(key).arg("ends").query_async(&mut wire).await })
                .await?;
            reads::readable(match sealed {
                Some(sealed) => reads::ends(&self.cipher, look_up, &sealed),
                None => Err(reads::unreadable("an index names a conversation that is not there")),
            })
        });
        let ends: Vec<Option<ConversationKey>> = ends.buffered(SIDE_BY_SIDE).try_collect().await?;
        Ok(ends.into_iter().flatten().collect())
    }
}

#[async_trait]
impl Store for Redis {
    async fn load(&self, key: &ConversationKey) -> Result<Option<Stored>, StoreError> {
        let look_up = self.cipher.lookups.conversation(key);
        let place = Of(&key.practice).conversation(look_up);
        let fields =
            self.line
                .ask(|mut wire| async move {
                    redis::cmd("HMGET").arg(place).arg(&reads::STORED).query_async(&mut wire).await
                })
                .await?;
        reads::stored(&self.cipher, look_up, fields)
    }

    async fn version(&self, key: &ConversationKey) -> Result<Version, StoreError> {
        let place = Of(&key.practice).conversation(self.cipher.lookups.conversation(key));
        let version: Option<u64> = self
            .line
            .ask(|mut wire| async move { redis::cmd("HGET").arg(place).arg("version").query_async(&mut wire).await })
            .await?;
        Ok(Version(version.unwrap_or(0)))
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        let expected = commit.expected;
        let (practice, key) = (commit.next.key.practice.clone(), commit.next.key.clone());
        let idempotency = commit.idempotency.as_ref().map(|kept| kept.key.clone());
        self.register(&practice).await?;
        let sealed = SealedCommit::of(&self.cipher, commit);
        let has_proofs = sealed.entries.iter().any(|entry| matches!(entry, SealedEntry::Proof(_)));
        let (operation, answer) = (sealed.operation, sealed.answer.as_ref().map(|row| row.look_up));
        let writing = Writing {
            store: &self.store,
            channel: &self.channel,
            practice: &practice,
            newest_seen: self.line.memory.newest(&practice),
            answers_since: answers_kept_since(self.clock.now()),
            news: news::of_conversation(&self.cipher, self.daemon, &key, operation, &sealed.ends),
        };
        match self.line.ask(|wire| writes::commit(wire, writing, sealed)).await? {
            Committed::Yes { newest } => {
                if has_proofs {
                    self.unsealed.note(&practice);
                }
                if newest > 0 {
                    self.line.memory.note(&practice, Mark { occurrence: newest, operation });
                }
                Ok(Version(expected.0 + 1))
            }
            Committed::Conflict => Err(CommitError::Conflict { expected }),
            Committed::KeyTaken(sealed) => {
                let (Some(key), Some(look_up)) = (idempotency, answer) else {
                    return Err(reads::unreadable("an answer is kept for no key").into());
                };
                Err(CommitError::KeyTaken(Box::new(reads::kept(&self.cipher, look_up, key, &sealed)?)))
            }
        }
    }

    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<ConversationKey>, StoreError> {
        // Everything up to that time sorts before the next one.
        let end = format!("({}", keys::sortable(nanoseconds(until).saturating_add(1)));
        let at_most = i64::try_from(limit).unwrap_or(i64::MAX);
        let due = self.of_every_practice(|mut wire, practice| {
            let end = end.clone();
            async move {
                let mut range = redis::cmd("ZRANGEBYLEX");
                range.arg(Of(&practice).due()).arg("-").arg(end).arg("LIMIT").arg(0).arg(at_most);
                let places: Vec<String> = range.query_async(&mut wire).await?;
                Ok(places.into_iter().map(|place| (practice.clone(), place)).collect::<Vec<_>>())
            }
        });
        let mut places: Vec<(PracticeId, String)> = due.await?.into_iter().flatten().collect();
        places.sort_by(|(_, one), (_, other)| one.cmp(other));
        places.truncate(limit);
        self.ends_of(places).await
    }

    async fn kept_answer(&self, practice: &PracticeId, key: &IdempotencyKey) -> Result<Option<KeptAnswer>, StoreError> {
        let look_up = self.cipher.lookups.idempotency(practice, key);
        let place = Of(practice).answer(Some(look_up));
        let written: Option<Vec<u8>> =
            self.line.ask(|mut wire| async move { redis::cmd("GET").arg(place).query_async(&mut wire).await }).await?;
        let since = keys::sortable(answers_kept_since(self.clock.now()));
        let Some((at, sealed)) = written.as_deref().and_then(|written| written.split_at_checked(16)) else {
            return Ok(None);
        };
        if at < since.as_bytes() {
            return Ok(None);
        }
        reads::kept(&self.cipher, look_up, key.clone(), sealed).map(Some)
    }

    async fn thread(
        &self,
        key: &ConversationKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let look_up = self.cipher.lookups.conversation(key);
        let of = Of(&key.practice);
        let (conversation, thread) = (of.conversation(look_up), of.thread(look_up));
        let before = before.map(|seq| seq.0.to_string()).unwrap_or_default();
        let answer: Vec<Value> = self
            .line
            .ask(|mut wire| async move {
                THREAD.key(conversation).key(thread).arg(before).arg(limit).invoke_async(&mut wire).await
            })
            .await?;
        reads::thread(&self.cipher, look_up, answer)
    }

    async fn message(&self, key: &ConversationKey, id: MessageId) -> Result<Option<Message>, StoreError> {
        let found = self.thread(key, Some(id.seq.next()), 1).await?;
        Ok(found.into_iter().find(|message| message.id == id))
    }

    async fn inbox(
        &self,
        practice: &PracticeId,
        filter: &InboxFilter,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPart, StoreError> {
        let sought = Sought::of(&self.cipher.lookups, practice, filter);
        let of = Of(practice);
        let place = |cursor: InboxCursor| format!("{}{:016x}", keys::sortable_time(cursor.active_at), cursor.row);
        let before = before.map(place).unwrap_or_default();
        let answer: Vec<Value> = self
            .line
            .ask(|mut wire| async move {
                let lists = desk::Lists::of(&of, &sought);
                let mut script = INBOX.prepare_invoke();
                for key in lists.walked.iter().chain(&lists.wanted).chain(&lists.unwanted) {
                    script.key(key);
                }
                script.arg(lists.walked.len()).arg(lists.wanted.len()).arg(before).arg(limit).arg(LOOKS_MAX);
                script.arg(of.conversations()).arg(of.threads()).invoke_async(&mut wire).await
            })
            .await?;
        reads::inbox(&self.cipher, answer)
    }

    async fn notes(&self, key: &ConversationKey, before: Option<u64>, limit: usize) -> Result<Vec<Note>, StoreError> {
        let look_up = self.cipher.lookups.conversation(key);
        let of = Of(&key.practice);
        let (conversation, notes) = (of.conversation(look_up), of.notes(look_up));
        let counted = notes.clone();
        let (id, count): (Option<u64>, u64) = self
            .line
            .ask(|mut wire| async move {
                let mut question = redis::pipe();
                question.cmd("HGET").arg(conversation).arg("id").cmd("LLEN").arg(counted);
                question.query_async(&mut wire).await
            })
            .await?;
        // Notes are only ever added at the end: those before a number stay where they are.
        let (Some(id), Some((first, last))) = (id, desk::range(count, before, limit)) else { return Ok(Vec::new()) };
        let sealed: Vec<Vec<u8>> =
            self.line
                .ask(|mut wire| async move {
                    redis::cmd("LRANGE").arg(notes).arg(first).arg(last).query_async(&mut wire).await
                })
                .await?;
        let open =
            |(index, sealed): (u64, Vec<u8>)| desk::note_at(&self.cipher, look_up, ConversationId(id), index, &sealed);
        let mut notes = (first..).zip(sealed).map(open).collect::<Result<Vec<_>, _>>()?;
        notes.reverse();
        Ok(notes)
    }

    async fn unread(&self, practice: &PracticeId) -> Result<Unread, StoreError> {
        let totals = Of(practice).totals();
        let (conversations, messages): (Option<u64>, Option<u64>) = self
            .line
            .ask(|mut wire| async move {
                let mut fields = redis::cmd("HMGET");
                fields.arg(totals).arg("unread_conversations").arg("unread_messages").query_async(&mut wire).await
            })
            .await?;
        Ok(Unread { conversations: conversations.unwrap_or(0), messages: messages.unwrap_or(0) })
    }

    async fn occurrences(
        &self,
        practice: &PracticeId,
        after: OccurrenceId,
        limit: usize,
    ) -> Result<Occurrences, StoreError> {
        let of = Of(practice);
        let answer: Vec<Value> = self
            .line
            .ask(|mut wire| async move {
                let mut script = OCCURRENCES.key(of.totals());
                script.key(of.events()).arg(after.0).arg(limit).arg(of.conversations());
                script.invoke_async(&mut wire).await
            })
            .await?;
        reads::occurrences(&self.cipher, after, answer)
    }

    async fn newest_occurrence(&self, practice: &PracticeId) -> Result<OccurrenceId, StoreError> {
        let totals = Of(practice).totals();
        let newest: Option<u64> =
            self.line
                .ask(|mut wire| async move {
                    redis::cmd("HGET").arg(totals).arg("occurrences").query_async(&mut wire).await
                })
                .await?;
        Ok(OccurrenceId(newest.unwrap_or(0)))
    }

    async fn records(&self) -> Result<(Vec<Record>, RecordsVersion), StoreError> {
        let (mut all, mut version) = (Vec::new(), self.copied_records());
        for practice in self.practices().await? {
            let (of_practice, records) = self.records_of(&practice).await?;
            version += of_practice;
            all.extend(records);
        }
        Ok((all, RecordsVersion(version)))
    }

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError> {
        let look_up = self.cipher.lookups.record(key);
        let written = self.written_record(key, look_up).await?;
        Ok(written.map(|written| reads::record(&self.cipher, look_up, &written)).transpose()?.map(|(_, record)| record))
    }

    async fn records_version(&self) -> Result<RecordsVersion, StoreError> {
        let versions = self.of_every_practice(|mut wire, practice| async move {
            let version: Option<u64> =
                redis::cmd("HGET").arg(Of(&practice).totals()).arg("records").query_async(&mut wire).await?;
            Ok(version.unwrap_or(0))
        });
        Ok(RecordsVersion(self.copied_records() + versions.await?.into_iter().sum::<u64>()))
    }

    async fn put(&self, records: Vec<Record>) -> Result<(), PutError> {
        let mut of_practices: Vec<(PracticeId, Vec<Row>)> = Vec::new();
        for record in records {
            if let Record::Practice(practice) = &record {
                self.claim_number(practice).await?;
            }
            let (key, row) = (record.key(), self.row(&record, None));
            match of_practices.iter_mut().find(|(practice, _)| practice == key.practice()) {
                Some((_, rows)) => rows.push(row),
                None => of_practices.push((key.practice().clone(), vec![row])),
            }
        }
        for (practice, rows) in of_practices {
            self.change_records(&practice, rows).await?;
        }
        Ok(())
    }

    async fn stamped(&self, key: &RecordKey) -> Result<(Option<Record>, Stamp), StoreError> {
        let look_up = self.cipher.lookups.record(key);
        let Some(written) = self.written_record(key, look_up).await? else { return Ok((None, Stamp::ABSENT)) };
        let (_, record) = reads::record(&self.cipher, look_up, &written)?;
        // No two seals are the same: what was sealed is its own stamp.
        Ok((Some(record), Stamp(Some(reads::sealed_record(&written)?.into()))))
    }

    async fn put_over(&self, found: &Stamp, record: Record) -> Result<(), PutError> {
        if let Record::Practice(practice) = &record {
            self.claim_number(practice).await?;
        }
        let row = self.row(&record, Some(found.clone()));
        match self.change_records(record.key().practice(), vec![row]).await? {
            Changed::Yes => Ok(()),
            Changed::SomethingElseIsThere => Err(PutError::ChangedMeanwhile),
        }
    }

    async fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        let look_up = self.cipher.lookups.record(key);
        let news = news::of_record(&self.cipher, self.daemon, key.practice(), key);
        self.change_records(key.practice(), vec![Row { look_up, sealed: Vec::new(), news, over: None }]).await?;
        Ok(())
    }

    async fn set_aside(&self, letter: DeadLetter) -> Result<(), StoreError> {
        let sealed = self.cipher.seal_letter(&letter);
        let dropped: u64 = self
            .line
            .ask(|mut wire| async move {
                SET_ASIDE.key(keys::DEAD_LETTERS).arg(sealed).arg(DEAD_LETTERS_KEPT).invoke_async(&mut wire).await
            })
            .await?;
        if dropped > 0 {
            metrics::counter!("assent_dead_letters_dropped_total").increment(dropped);
            tracing::warn!(dropped, "dead letters are full, the oldest was dropped");
        }
        Ok(())
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.line
            .ask(|mut wire| async move { redis::cmd("INCR").arg(keys::PROBES).query_async::<()>(&mut wire).await })
            .await
    }

    async fn last_commit_before_start(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.last_commit_before_start)
    }

    fn other_daemons(&self) -> OtherDaemons {
        let mut alive: Vec<BootId> = self.line.daemons().alive().collect();
        if !alive.contains(&self.daemon) {
            alive.push(self.daemon);
        }
        OtherDaemons::Possible { alive: alive.into() }
    }

    fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    async fn tell_typing(&self, typing: &Typing) -> Result<(), StoreError> {
        let news = news::of_typing(&self.cipher, self.daemon, typing);
        let channel = &self.channel;
        self.line
            .ask(|mut wire| async move { redis::cmd("PUBLISH").arg(channel).arg(news).query_async::<()>(&mut wire).await })
            .await
    }

    async fn session_ended(&self, at: Timestamp) -> Result<(), StoreError> {
        let place = keys::session_ends(self.daemon);
        self.line
            .ask(|mut wire| async move {
                redis::pipe()
                    .atomic()
                    .cmd("RPUSH")
                    .arg(&place)
                    .arg(nanoseconds(at))
                    .cmd("LTRIM")
                    .arg(&place)
                    .arg(-SESSION_ENDS_KEPT)
                    .arg(-1)
                    .cmd("EXPIRE")
                    .arg(&place)
                    .arg(SESSION_ENDS_FORGOTTEN_S)
                    .query_async::<()>(&mut wire)
                    .await
            })
            .await
    }

    async fn session_ends_of(&self, daemon: BootId) -> Result<Vec<Timestamp>, StoreError> {
        let asked_at = self.line.look_for_daemons().await?.now;
        let death = loop {
            let daemons = self.line.look_for_daemons().await?;
            match daemons.seen.iter().find(|(seen, _)| *seen == daemon) {
                Some((_, last_sign)) if *last_sign > asked_at => break None,
                Some((_, last_sign)) if daemons.is_alive(*last_sign) => tokio::time::sleep(LOOK_AGAIN).await,
                Some((_, last_sign)) => break lapse_of(*last_sign),
                // It ended before the copy that this store is; or it is so long dead that it was forgotten.
                None => {
                    break self.copied.as_ref().map_or(Some(Timestamp::UNIX_EPOCH), |copied| copied.of.last_commit);
                }
            }
        };
        let place = keys::session_ends(daemon);
        let ends: Vec<i64> = self
            .line
            .ask(|mut wire| async move { redis::cmd("LRANGE").arg(place).arg(0).arg(-1).query_async(&mut wire).await })
            .await?;
        Ok(ends.into_iter().map(record::time).chain(death).collect())
    }

    async fn broken(&self) -> StoreError {
        self.line.replaced().await
    }
}

/// When a daemon is taken for dead whose last sign of life came at this time, in microseconds since 1970.
fn lapse_of(last_sign: u64) -> Option<Timestamp> {
    let lapsed = last_sign.saturating_add(u64::try_from(line::LAPSE.as_micros()).unwrap_or(u64::MAX));
    Timestamp::from_microsecond(i64::try_from(lapsed).ok()?).ok()
}
