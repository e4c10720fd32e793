//! What is written into a store on Redis that becomes a copy. Each page goes to its practices part by part, and each of them
//! remembers how much it has of which page; how far the whole copy is, is said after all of them have written. Whoever starts to
//! write takes over from an earlier copier, who is refused from then on.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use redis::{AsyncCommands, AsyncIter};

use super::super::super::copy::{Item, Moved, Origin, Reached, Remembered, Target, TargetState};
use super::super::super::ledger::{AuditLine, Line, List};
use super::super::super::record::{self, nanoseconds};
use super::super::super::sealed::{Cipher, SealedRow, State, change_code, facets_of};
use super::super::copied::{Copied, Finished, written_last_commit};
use super::super::keys::{self, Of, sortable, sortable_time};
use super::super::ledger;

use super::super::scripts::{BEGIN_COPY, CLAIM, ENLIST, MOVE_IN, MOVE_IN_LETTERS, REACH};
use super::super::seen::Seen;
use super::super::{ANSWERS_FORGOTTEN_MS, SCHEMA, SESSION_ENDS_FORGOTTEN_S, reads, writes};
use super::{LAPSE, Read, SIDE_BY_SIDE, Transfer};
use crate::domain::{BootId, ConversationKey, Message, Meter, PracticeId};
use crate::ports::{OccurrenceId, Record, StoreError};

/// Octets that go to a server in one call, unless one item alone is larger.
const PART_OCTETS: usize = 1 << 19;
/// Keys that are looked at together when it is looked whether there are any.
const SCAN_COUNT: usize = 1_000;

/// The one who writes.
pub struct Copier {
    number: u64,
    reached: Option<Reached>,
}

/// An item as the script takes it.
type Arguments = Vec<Vec<u8>>;

impl Transfer {
    /// Whether nothing is there but what a daemon makes that never did anything.
    async fn is_empty(&self) -> Read<bool> {
        let filled = [keys::PRACTICES, keys::NUMBERS, keys::NUMBERS_OF, keys::DEAD_LETTERS, keys::AUDIT];
        let there: u64 = self
            .line
            .ask(|mut wire| async move { redis::cmd("EXISTS").arg(&filled).query_async(&mut wire).await })
            .await?;
        if there > 0 {
            return Ok(false);
        }
        let unreachable = |error: redis::RedisError| StoreError::Unavailable(error.to_string().into());
        for master in self.line.masters() {
            let mut server = self.line.dialler.connect(&master).await.map_err(unreachable)?;
            let options = redis::ScanOptions::default().with_pattern("assent:{*}:*").with_count(SCAN_COUNT);
            let mut names: AsyncIter<'_, Vec<u8>> = server.scan_options(options).await.map_err(unreachable)?;
            while let Some(name) = names.next_item().await {
                if !name.map_err(unreachable)?.starts_with(b"assent:{/}:") {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Remembers when link sessions of earlier daemons ended.
    async fn remember_session_ends(&self, ends: &[(BootId, Timestamp)]) -> Read<()> {
        let mut of_daemons: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for (daemon, at) in ends {
            of_daemons.entry(daemon.0).or_default().push(nanoseconds(*at));
        }
        for (daemon, ends) in of_daemons {
            let place = keys::session_ends(BootId(daemon));
            self.line
                .ask(|mut wire| async move {
                    let mut change = redis::pipe();
                    change.atomic().cmd("DEL").arg(&place).cmd("RPUSH").arg(&place).arg(&ends);
                    change.cmd("EXPIRE").arg(&place).arg(SESSION_ENDS_FORGOTTEN_S).query_async::<()>(&mut wire).await
                })
                .await?;
        }
        Ok(())
    }

    /// Says how far the copy is, if this is the last copier and it is as far as is known.
    async fn say(&self, copier: Option<u64>, known: Option<&Reached>, said: &[(&str, &str)]) -> Read<u64> {
        let mut script = REACH.key(keys::COPY);
        script.arg(copier.map(|number| number.to_string()).unwrap_or_default());
        script.arg(known.map_or("", |reached| reached.kind.name())).arg(known.map_or("", |reached| &reached.place.0));
        for (name, value) in said {
            script.arg(*name).arg(*value);
        }
        let number: u64 = self.line.ask(|mut wire| async move { script.invoke_async(&mut wire).await }).await?;
        if number == 0 { Err(overtaken()) } else { Ok(number) }
    }

    /// The one who writes; takes over from the one before if it is the first time.
    async fn copier(&mut self) -> Read<&mut Copier> {
        if self.copier.is_none() {
            let reached = match self.copied.as_ref().map(Copied::state).transpose()? {
                Some(TargetState::Unfinished { reached, .. }) => reached,
                Some(TargetState::Empty | TargetState::Finished { .. } | TargetState::Occupied) | None => {
                    return Err(reads::unreadable("no copy was begun in it"));
                }
            };
            let number = self.say(None, reached.as_ref(), &[]).await?;
            self.copier = Some(Copier { number, reached });
        }
        Ok(self.copier.as_mut().expect("it was made"))
    }

    /// Puts practices on the list of practices, in the order in which they come, and gives them their numbers.
    async fn enlist(&mut self, items: &[Item]) -> Read<()> {
        for item in items {
            if let Some(practice) = item.practice().filter(|practice| !self.enlisted.contains(practice)) {
                let id = practice.as_str();
                self.line
                    .ask(|mut wire| async move { ENLIST.key(keys::PRACTICES).arg(id).invoke_async::<()>(&mut wire).await })
                    .await?;
                self.enlisted.insert(practice);
            }
            let Item::Record(Record::Practice(practice)) = item else { continue };
            let (number, id) = (keys::hex(self.cipher.lookups.number(&practice.number)), practice.id.as_str());
            let claimed = number.as_str();
            let (owner, kept): (String, String) = self
                .line
                .ask(|mut wire| async move {
                    CLAIM.key(keys::NUMBERS).key(keys::NUMBERS_OF).arg(claimed).arg(id).invoke_async(&mut wire).await
                })
                .await?;
            if owner != id || kept != number {
                return Err(reads::unreadable(&format!("practice {id} has the number of practice {owner}")));
            }
        }
        Ok(())
    }

    /// Gives a practice its share of a page.
    async fn move_in(&self, number: u64, from: &str, practice: &PracticeId, share: Vec<Arguments>) -> Read<()> {
        let of = Of(practice);
        let (mut first, whole) = (0, share.len());
        let before_first = self.copied.as_ref().map_or(0, |copied| match copied.of.newest_occurrence {
            OccurrenceId(0) => 0,
            OccurrenceId(newest) => newest + 1,
        });
        for part in parts(share) {
            let mut script = MOVE_IN.key(of.totals());
            script
                .key(of.records())
                .key(of.due())
                .key(of.inbox_read())
                .key(of.inbox_unread())
                .key(of.events())
                .key(of.answers())
                .key(of.all_conversations())
                .key(of.meter())
                .key(of.ledger())
                .key(of.posts())
                .key(of.audit())
                .arg(&self.store)
                .arg(SCHEMA)
                .arg(number)
                .arg(from)
                .arg(first)
                .arg(whole)
                .arg(before_first)
                .arg(of.prefix())
                .arg(part.len());
            first += part.len();
            for argument in part.into_iter().flatten() {
                script.arg(argument);
            }
            let taken: u64 = self.line.ask(|mut wire| async move { script.invoke_async(&mut wire).await }).await?;
            if taken == 0 {
                return Err(overtaken());
            }
        }
        Ok(())
    }

    async fn move_in_letters(&self, number: u64, from: &str, letters: Vec<Arguments>) -> Read<()> {
        let (mut first, whole) = (0, letters.len());
        for part in parts(letters) {
            let mut script = MOVE_IN_LETTERS.key(keys::COPY);
            script.key(keys::DEAD_LETTERS).arg(number).arg(from).arg(first).arg(whole);
            first += part.len();
            for argument in part.into_iter().flatten() {
                script.arg(argument);
            }
            let taken: u64 = self.line.ask(|mut wire| async move { script.invoke_async(&mut wire).await }).await?;
            if taken == 0 {
                return Err(overtaken());
            }
        }
        Ok(())
    }

    /// An item, sealed.
    fn arguments(&self, item: &Item) -> Read<Arguments> {
        let lookups = &self.cipher.lookups;
        let conversation = |key| keys::hex(lookups.conversation(key)).into_bytes();
        Ok(match item {
            Item::Record(record) => {
                let SealedRow { look_up, sealed } = SealedRow::of(&self.cipher, record);
                vec![b"R".to_vec(), keys::hex(look_up).into(), sealed]
            }
            Item::Conversation(moved) => self.conversation(moved),
            Item::Message(key, message) => {
                let said = self
                    .cipher
                    .ring
                    .seal(&Cipher::message(lookups.conversation(key), message.id), &record::write_said(message));
                let fixed = writes::fixed(message.segments, nanoseconds(message.created_at), &said);
                let seq = message.id.seq.0.to_string().into();
                vec![b"M".to_vec(), conversation(key), seq, fixed, writes::written(&state(message)).into()]
            }
            Item::Evidence { conversation: key, version, place, entry } => {
                let plain = record::write_evident(entry)
                    .ok_or_else(|| reads::unreadable("an entry of the journal is no evidence"))?;
                let identity = Cipher::evidence(lookups.conversation(key), version.0, *place);
                let sealed = self.cipher.ring.seal(&identity, &plain);
                vec![b"E".to_vec(), conversation(key), writes::evidence(version.0, *place, &sealed)]
            }
            Item::Answer { kept, at } => {
                let look_up = lookups.idempotency(&kept.conversation.practice, &kept.key);
                let sealed = self.cipher.ring.seal(&Cipher::answer(look_up), &record::write_kept(kept));
                let (look_up, at) = (keys::hex(look_up).into(), nanoseconds(*at));
                let forgotten = self.forgotten_after(at).to_string();
                vec![b"K".to_vec(), look_up, sortable(at).into(), sealed, forgotten.into()]
            }
            Item::Occurrence { conversation: key, change, at } => {
                let (kind, place) = change_code(*change);
                let place = place.map(|place| place.to_string()).unwrap_or_default();
                // No operation made it here; it only has to be told apart from any other.
                let mut operation = vec![0; 16];
                getrandom::fill(&mut operation).expect("the operating system has random numbers");
                let kind = kind.to_string().into();
                vec![b"O".to_vec(), conversation(key), kind, place.into(), operation, sortable_time(*at).into()]
            }
            Item::Meter { practice: _, meter: Meter { full_at_us, at_us, day_ends_us, spent } } => {
                let times = [full_at_us, at_us, day_ends_us].map(|time| time.to_string().into_bytes());
                let [full_at, at, day_ends] = times;
                vec![b"B".to_vec(), full_at, at, day_ends, spent.to_string().into()]
            }
            Item::Proof(proof) => {
                let key = ConversationKey { practice: proof.practice.clone(), phone: proof.phone.clone() };
                let line = Line::of(&self.cipher, lookups.conversation(&key), proof);
                let (id, seq) = (line.conversation.to_string().into(), line.seq.to_string().into());
                let sealed = line.proof.expect("it was sealed just now");
                vec![b"P".to_vec(), conversation(&key), id, seq, line.signature.into(), sealed]
            }
            Item::Audited(entry) => vec![b"U".to_vec(), AuditLine::of(&self.cipher, entry).0],
            Item::Post(key, post) => {
                let look_up = lookups.post(key);
                let sealed = self.cipher.ring.seal(&Cipher::post(look_up, 1), &record::write_post(key, post));
                vec![b"W".to_vec(), keys::hex(look_up).into(), sealed]
            }
            Item::Note(key, note) => {
                let sealed = self.cipher.seal_note(lookups.conversation(key), note);
                vec![b"N".to_vec(), conversation(key), sealed]
            }
            Item::DeadLetter(letter) => {
                let plain = record::write_letter(letter.at, &letter.reason, &letter.raw);
                vec![self.cipher.ring.seal(&Cipher::dead_letter(), &plain)]
            }
        })
    }

    fn conversation(&self, moved: &Moved) -> Arguments {
        let Moved { stored, wake_at, summary } = moved;
        let (key, id) = (&stored.conversation.key, stored.conversation.id.0);
        let look_up = self.cipher.lookups.conversation(key);
        let identity = Cipher::conversation(look_up, id, stored.version.0, stored.operation.0);
        vec![
            b"C".to_vec(),
            keys::hex(look_up).into(),
            id.to_string().into(),
            stored.version.0.to_string().into(),
            stored.operation.0.to_be_bytes().into(),
            wake_at.map(sortable_time).unwrap_or_default().into(),
            sortable_time(summary.active_at).into(),
            summary.unread.to_string().into(),
            summary.last.map(|seq| seq.0.to_string()).unwrap_or_default().into(),
            self.cipher.ring.seal(&Cipher::ends(look_up), &record::write_key(key)),
            self.cipher.ring.seal(&identity, &record::write_conversation(&stored.conversation)),
            writes::facets(&facets_of(&self.cipher, &stored.conversation)).into(),
        ]
    }

    /// Milliseconds until an answer is forgotten that was kept at this time.
    fn forgotten_after(&self, at: i64) -> u64 {
        // The moment of judging is a day later than the oldest that is kept.
        let age_ms = (self.answers_since.saturating_sub(at) / 1_000_000).saturating_add(DAY_MS);
        u64::try_from(i64::try_from(ANSWERS_FORGOTTEN_MS).unwrap_or(i64::MAX).saturating_sub(age_ms))
            .unwrap_or(1)
            .max(1)
    }
}

#[async_trait]
impl Target for Transfer {
    async fn state(&mut self) -> Read<TargetState> {
        match &self.copied {
            Some(copied) => copied.state(),
            None if self.is_empty().await? => Ok(TargetState::Empty),
            None => Ok(TargetState::Occupied),
        }
    }

    async fn begin(&mut self, of: &Origin, remembered: &Remembered) -> Read<()> {
        // First, because a copy that was begun is not begun again. They are forgotten by themselves.
        self.remember_session_ends(&remembered.session_ends).await?;
        let mut script = BEGIN_COPY.key(keys::META);
        for key in [
            keys::SEALING_KEYS,
            keys::COPY,
            keys::DAEMONS,
            keys::PRACTICES,
            keys::NUMBERS,
            keys::NUMBERS_OF,
            keys::DEAD_LETTERS,
            keys::AUDIT,
        ] {
            script.key(key);
        }
        script.arg(&self.store).arg(SCHEMA);
        match &self.founding {
            Some(founding) => script.arg(&founding.key).arg(founding.look_ups.as_slice()),
            None => script.arg("").arg(""),
        };
        let name = format!("{:016x}", getrandom::u64().expect("the operating system has random numbers"));
        script
            .arg(u64::try_from(LAPSE.as_micros()).expect("it is seconds"))
            .arg(name)
            .arg(&of.store)
            .arg(written_last_commit(of))
            .arg(of.records_version.0)
            .arg(of.newest_occurrence.0)
            .arg(&remembered.seen);
        let begun: String = self.line.ask(|mut wire| async move { script.invoke_async(&mut wire).await }).await?;
        match begun.as_str() {
            "begun" => {}
            "alive" => return Err(StoreError::Unavailable("a daemon was started on it: stop it".into())),
            _ => return Err(StoreError::Unavailable("somebody else has just written to it".into())),
        }
        self.founding = None;
        let remembered = Seen::parse(&remembered.seen).unwrap_or_default();
        self.copied = Some(Copied { of: of.clone(), remembered, reached: None, finished: Finished::No });
        Ok(())
    }

    async fn write(&mut self, items: Vec<Item>, reached: &Reached) -> Read<()> {
        let (number, known) = self.copier().await.map(|copier| (copier.number, copier.reached.clone()))?;
        let begins = known.as_ref().filter(|known| known.kind == reached.kind);
        let from = format!("{} after {}", reached.kind.name(), begins.map_or("", |known| &known.place.0));
        self.enlist(&items).await?;
        let mut shares: Vec<(PracticeId, Vec<Arguments>)> = Vec::new();
        let (mut places, mut letters) = (HashMap::new(), Vec::new());
        for item in &items {
            let arguments = self.arguments(item)?;
            let Some(practice) = item.practice() else {
                letters.push(arguments);
                continue;
            };
            let place = *places.entry(practice.clone()).or_insert_with(|| {
                shares.push((practice, Vec::new()));
                shares.len() - 1
            });
            shares[place].1.push(arguments);
        }
        let this = &*self;
        stream::iter(shares)
            .map(|(practice, share)| {
                let from = &from;
                async move { this.move_in(number, from, &practice, share).await }
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await?;
        self.move_in_letters(number, &from, letters).await?;
        let said = [("kind", reached.kind.name()), ("place", &reached.place.0)];
        self.say(Some(number), known.as_ref(), &said).await?;
        self.copier().await?.reached = Some(reached.clone());
        Ok(())
    }

    async fn finish(&mut self) -> Read<()> {
        let (number, known) = self.copier().await.map(|copier| (copier.number, copier.reached.clone()))?;
        for practice in self.practices().await? {
            for list in [List::Ledger, List::Audit] {
                ledger::seal(&self.line, &self.cipher, list, &practice).await?;
            }
        }
        self.say(Some(number), known.as_ref(), &[("finished", "1")]).await.map(drop)
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

fn overtaken() -> StoreError {
    StoreError::Unavailable("another `assent store copy` has begun to write to it: let that one finish".into())
}

fn state(message: &Message) -> State {
    State {
        seq: message.id.seq.0,
        status: record::status_code(message.status),
        failure: message.failure.map(record::failure_code),
        updated_at: nanoseconds(message.updated_at),
    }
}

/// Items in parts that a server takes at once, in their order.
fn parts(items: Vec<Arguments>) -> Vec<Vec<Arguments>> {
    let (mut parts, mut octets): (Vec<Vec<Arguments>>, usize) = (Vec::new(), 0);
    for item in items {
        let size: usize = item.iter().map(Vec::len).sum();
        if parts.is_empty() || octets + size > PART_OCTETS {
            parts.push(Vec::new());
            octets = 0;
        }
        octets += size;
        parts.last_mut().expect("there is a part").push(item);
    }
    parts
}
