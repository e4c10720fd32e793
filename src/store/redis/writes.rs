//! What is written, as the scripts take it.

use redis::{RedisResult, Value};

use super::super::cipher::Lookup;
use super::super::sealed::{SealedCommit, SealedEntry, State, change_code};
use super::keys::{self, Of, sortable};
use super::scripts::COMMIT;
use super::wire::Wire;
use super::{ANSWERS_FORGOTTEN_MS, EVENTS_KEPT, SCHEMA};
use crate::domain::PracticeId;
use crate::ports::Stamp;

/// What the scripts need to know about who writes and to what.
pub struct Writing<'a> {
    pub store: &'a str,
    pub channel: &'a str,
    pub practice: &'a PracticeId,
    /// The newest occurrence of the practice that this daemon has seen.
    pub newest_seen: u64,
    /// Kept answers that are older do not count.
    pub answers_since: i64,
    pub news: Vec<u8>,
}

/// What became of a commit.
pub enum Committed {
    /// Its newest occurrence; 0 when it has none, or when it was written by an earlier try.
    Yes {
        newest: u64,
    },
    Conflict,
    /// What is kept for the key, sealed.
    KeyTaken(Vec<u8>),
}

pub async fn commit(mut wire: Wire, writing: Writing<'_>, commit: SealedCommit) -> RedisResult<Committed> {
    let of = Of(writing.practice);
    let look_up = commit.look_up;
    let answer = commit.answer.as_ref();
    let mut script = COMMIT.key(of.conversation(look_up));
    script
        .key(of.thread(look_up))
        .key(of.journal(look_up))
        .key(of.due())
        .key(of.inbox_read())
        .key(of.inbox_unread())
        .key(of.totals())
        .key(of.events())
        .key(of.answer(answer.map(|row| row.look_up)))
        .key(of.answers())
        .key(of.all_conversations())
        .key(of.proofs(look_up))
        .key(of.ledger())
        .key(of.notes(look_up))
        .arg(writing.store)
        .arg(SCHEMA)
        .arg(writing.newest_seen)
        .arg(keys::hex(look_up))
        .arg(commit.expected)
        .arg(commit.expected + 1)
        .arg(&commit.operation[..])
        .arg(commit.id)
        .arg(sortable(commit.at))
        .arg(commit.wake_at.map(sortable).unwrap_or_default())
        .arg(sortable(commit.active_at))
        .arg(commit.unread)
        .arg(commit.last.map(|seq| seq.to_string()).unwrap_or_default())
        .arg(commit.ends)
        .arg(commit.snapshot)
        .arg(answer.map_or(&[][..], |row| &row.sealed))
        .arg(sortable(writing.answers_since))
        .arg(ANSWERS_FORGOTTEN_MS)
        .arg(EVENTS_KEPT)
        .arg(writing.channel)
        .arg(writing.news)
        .arg(of.facets())
        .arg(facets(&commit.facets))
        .arg(commit.entries.len())
        .arg(commit.changes.len());
    for entry in &commit.entries {
        match entry {
            SealedEntry::Added { state, segments, created_at, said } => {
                script.arg("A").arg(state.seq).arg(fixed(*segments, *created_at, said)).arg(written(state))
            }
            SealedEntry::Updated(state) => script.arg("U").arg(state.seq).arg(written(state)),
            SealedEntry::Evidence { place, entry } => script.arg("E").arg(evidence(commit.expected + 1, *place, entry)),
            SealedEntry::Note(note) => script.arg("N").arg(note.number).arg(&note.sealed),
            SealedEntry::Proof(line) => script.arg("L").arg(line.seq).arg(&line.signature).arg(&line.proof),
        };
    }
    for change in commit.changes {
        let (kind, place) = change_code(change);
        script.arg(kind).arg(place.map(|place| place.to_string()).unwrap_or_default());
    }
    let answer: Vec<Value> = script.invoke_async(&mut wire).await?;
    let mut answer = answer.into_iter();
    let mut next = || answer.next().unwrap_or(Value::Nil);
    Ok(match redis::from_redis_value::<u8>(next())? {
        0 => Committed::Conflict,
        2 => Committed::KeyTaken(redis::from_redis_value(next())?),
        _ => Committed::Yes { newest: redis::from_redis_value(next())? },
    })
}

/// What a conversation is found by, a space before each.
pub fn facets(facets: &[i64]) -> String {
    facets.iter().map(|facet| format!(" {}", keys::facet(*facet))).collect()
}

/// What of a message never changes.
pub fn fixed(segments: u32, created_at: i64, said: &[u8]) -> Vec<u8> {
    [format!("{segments} {created_at}\n").as_bytes(), said].concat()
}

/// What of a message changes.
pub fn written(state: &State) -> String {
    let State { status, failure, updated_at, .. } = state;
    match failure {
        Some((code, detail)) => format!("{status} {updated_at} {code} {detail}"),
        None => format!("{status} {updated_at}"),
    }
}

/// An entry of the journal, with the version and the place that it is sealed for.
pub fn evidence(version: u64, place: u64, entry: &[u8]) -> Vec<u8> {
    [format!("{version} {place}\n").as_bytes(), entry].concat()
}

/// A record that is put, or one that is removed: its look-up, what is written (nothing for one that is removed),
/// what the others hear of it, and what it is put over, if not over whatever is there.
pub struct Row {
    pub look_up: Lookup,
    pub sealed: Vec<u8>,
    pub news: Vec<u8>,
    pub over: Option<Stamp>,
}

impl Row {
    /// What is to be there, as the script takes it.
    pub fn over(&self) -> Vec<u8> {
        match &self.over {
            None => b"*".to_vec(),
            Some(Stamp(found)) => [b"=", found.as_deref().unwrap_or_default()].concat(),
        }
    }
}
