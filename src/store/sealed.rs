//! What goes into a store, sealed and cut to the shape that every backend writes.

use jiff::{SignedDuration, Timestamp};

use super::cipher::{Identity, KeyRing, Lookup, Lookups};
use super::ledger::Line;
use super::record::{self, ReadError, nanoseconds};
use crate::domain::note::{Note, NoteId};
use crate::domain::{Conversation, Entry, MessageId, Seq};
use crate::ports::{Changed, Commit, DeadLetter, Record, StoreError};

/// How many hours an answer is kept for its idempotency key.
const ANSWERS_KEPT_HOURS: i64 = 24;

/// What is older than this is no longer kept, whether or not it was removed.
pub fn answers_kept_since(now: Timestamp) -> i64 {
    nanoseconds(now.saturating_sub(SignedDuration::from_hours(ANSWERS_KEPT_HOURS)).expect("hours are exact"))
}

/// Seals and finds rows.
pub struct Cipher {
    pub ring: KeyRing,
    pub lookups: Lookups,
}

/// What is sealed in which table. These names are in the associated data of what was sealed: they never change.
impl Cipher {
    pub fn conversation(lookup: Lookup, id: u64, version: u64, operation: u128) -> Identity {
        Identity::of("conversation").with(&lookup.0).with_number(id).with_number(version).with(&operation.to_be_bytes())
    }

    pub fn ends(lookup: Lookup) -> Identity {
        Identity::of("conversation ends").with(&lookup.0)
    }

    pub fn message(lookup: Lookup, id: MessageId) -> Identity {
        Identity::of("thread").with(&lookup.0).with_number(id.conversation.0).with_number(id.seq.0)
    }

    pub fn note(lookup: Lookup, id: NoteId) -> Identity {
        Identity::of("notes").with(&lookup.0).with_number(id.conversation.0).with_number(id.number)
    }

    pub fn evidence(lookup: Lookup, version: u64, place: u64) -> Identity {
        Identity::of("journal").with(&lookup.0).with_number(version).with_number(place)
    }

    pub fn proof(lookup: Lookup, id: u64, seq: u64) -> Identity {
        Identity::of("ledger").with(&lookup.0).with_number(id).with_number(seq)
    }

    pub fn answer(lookup: Lookup) -> Identity {
        Identity::of("idempotency").with(&lookup.0)
    }

    pub fn record(lookup: Lookup) -> Identity {
        Identity::of("records").with(&lookup.0)
    }

    pub fn post(lookup: Lookup, version: u64) -> Identity {
        Identity::of("posts").with(&lookup.0).with_number(version)
    }

    pub fn typing(lookup: Lookup) -> Identity {
        Identity::of("typing").with(&lookup.0)
    }

    pub fn record_key(lookup: Lookup) -> Identity {
        Identity::of("record key").with(&lookup.0)
    }

    /// An entry of the audit of a practice, by its number.
    pub fn audited(practice: i64) -> Identity {
        Identity::of("audited").with(&practice.to_be_bytes())
    }

    pub fn audit() -> Identity {
        Identity::of("audit")
    }

    pub fn dead_letter() -> Identity {
        Identity::of("dead letters")
    }

    pub fn look_ups(key: &str) -> Identity {
        Identity::of("look-ups").with(key.as_bytes())
    }

    pub fn open(&self, identity: &Identity, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.ring.open(identity, sealed).map_err(|error| StoreError::Unreadable(error.to_string().into()))
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error.to_string().into())
    }
}

impl Cipher {
    pub fn seal_note(&self, lookup: Lookup, note: &Note) -> Vec<u8> {
        self.ring.seal(&Self::note(lookup, note.id), &record::write_note(note))
    }

    pub fn open_note(&self, lookup: Lookup, id: NoteId, sealed: &[u8]) -> Result<Note, StoreError> {
        Ok(record::read_note(id, &self.open(&Self::note(lookup, id), sealed)?)?)
    }

    pub fn seal_letter(&self, letter: &DeadLetter) -> Vec<u8> {
        self.ring.seal(&Self::dead_letter(), &record::write_dead_letter(letter))
    }
}

/// Something that is found by its look-up alone.
pub struct SealedRow {
    pub look_up: Lookup,
    pub sealed: Vec<u8>,
}

impl SealedRow {
    pub fn of(cipher: &Cipher, record: &Record) -> Self {
        let look_up = cipher.lookups.record(&record.key());
        Self { look_up, sealed: cipher.ring.seal(&Cipher::record(look_up), &record::write_record(record)) }
    }
}

/// A decision, ready to be written. Times are nanoseconds since 1970.
pub struct SealedCommit {
    pub look_up: Lookup,
    pub id: u64,
    pub expected: u64,
    pub operation: [u8; 16],
    pub at: i64,
    pub wake_at: Option<i64>,
    pub active_at: i64,
    pub unread: u32,
    pub last: Option<u64>,
    /// The two ends of the conversation, for lists that need no more of it.
    pub ends: Vec<u8>,
    pub snapshot: Vec<u8>,
    pub entries: Vec<SealedEntry>,
    pub changes: Vec<Changed>,
    pub answer: Option<SealedRow>,
    /// By what it is found in the inbox; in the order of the numbers.
    pub facets: Vec<i64>,
}

pub enum SealedEntry {
    Added { state: State, segments: u32, created_at: i64, said: Vec<u8> },
    Updated(State),
    Evidence { place: u64, entry: Vec<u8> },
    Proof(Line),
    Note(SealedNote),
}

/// A note of staff, and its number in the conversation.
pub struct SealedNote {
    pub number: u64,
    pub sealed: Vec<u8>,
}

/// What of a message changes.
pub struct State {
    pub seq: u64,
    pub status: i64,
    pub failure: Option<(i64, i64)>,
    pub updated_at: i64,
}

impl SealedCommit {
    pub fn of(cipher: &Cipher, commit: Commit) -> Self {
        let Commit { expected, operation, at, next, wake_at, summary, journal, idempotency } = commit;
        let look_up = cipher.lookups.conversation(&next.key);
        let version = expected.0 + 1;
        let seal = |identity, plain: Vec<u8>| cipher.ring.seal(&identity, &plain);
        let answer = idempotency.map(|kept| {
            let look_up = cipher.lookups.idempotency(&kept.conversation.practice, &kept.key);
            SealedRow { look_up, sealed: seal(Cipher::answer(look_up), record::write_kept(&kept)) }
        });
        let identity = Cipher::conversation(look_up, next.id.0, version, operation.0);
        Self {
            look_up,
            id: next.id.0,
            expected: expected.0,
            operation: operation.0.to_be_bytes(),
            at: nanoseconds(at),
            wake_at: wake_at.map(nanoseconds),
            active_at: nanoseconds(summary.active_at),
            unread: summary.unread,
            last: summary.last.map(|seq| seq.0),
            ends: seal(Cipher::ends(look_up), record::write_key(&next.key)),
            snapshot: seal(identity, record::write_conversation(&next)),
            entries: (0..)
                .zip(&journal)
                .filter_map(|(place, entry)| SealedEntry::of(cipher, look_up, version, place, entry))
                .collect(),
            changes: Changed::of(&journal),
            facets: facets_of(cipher, &next),
            answer,
        }
    }
}

impl SealedEntry {
    fn of(cipher: &Cipher, look_up: Lookup, version: u64, place: u64, entry: &Entry) -> Option<Self> {
        match entry {
            Entry::Added(message) => Some(Self::Added {
                state: State {
                    seq: message.id.seq.0,
                    status: record::status_code(message.status),
                    failure: message.failure.map(record::failure_code),
                    updated_at: nanoseconds(message.updated_at),
                },
                segments: message.segments,
                created_at: nanoseconds(message.created_at),
                said: cipher.ring.seal(&Cipher::message(look_up, message.id), &record::write_said(message)),
            }),
            Entry::Updated { id, status, failure, at } => Some(Self::Updated(State {
                seq: id.seq.0,
                status: record::status_code(*status),
                failure: failure.map(record::failure_code),
                updated_at: nanoseconds(*at),
            })),
            Entry::ConsentChanged { .. }
            | Entry::Held(_)
            | Entry::Suspended(_)
            | Entry::NumberGiven { .. }
            | Entry::HoldSettled { .. }
            | Entry::Redelivered { .. }
            | Entry::ReceiptUnmatched { .. } => {
                let plain = record::write_evident(entry)?;
                let entry = cipher.ring.seal(&Cipher::evidence(look_up, version, place), &plain);
                Some(Self::Evidence { place, entry })
            }
            Entry::Proved(proof) => Some(Self::Proof(Line::of(cipher, look_up, proof))),
            Entry::Noted(note) => {
                let note = SealedNote { number: note.id.number, sealed: cipher.seal_note(look_up, note) };
                Some(Self::Note(note))
            }
            // They have their occurrences, and what they leave is in the conversation.
            Entry::UnreadChanged { .. } | Entry::Rearranged => None,
        }
    }
}

/// The numbers of what a conversation is found by. One in which nothing was said is in no list.
pub fn facets_of(cipher: &Cipher, conversation: &Conversation) -> Vec<i64> {
    if conversation.last == Seq(0) {
        return Vec::new();
    }
    let practice = &conversation.key.practice;
    let mut facets: Vec<i64> =
        conversation.facets().iter().map(|facet| cipher.lookups.facet(practice, facet)).collect();
    facets.sort_unstable();
    facets
}

/// A change as it is written: its kind, and the place of the message that it is about.
pub fn change_code(change: Changed) -> (i64, Option<u64>) {
    match change {
        Changed::MessageReceived(Seq(place)) => (1, Some(place)),
        Changed::MessageUpdated(Seq(place)) => (2, Some(place)),
        Changed::Consent => (3, None),
        Changed::Unread => (4, None),
        Changed::Desk => (5, None),
        Changed::Note(number) => (6, Some(number)),
    }
}

pub fn change_of(kind: i64, place: Option<u64>) -> Option<Changed> {
    match (kind, place) {
        (1, Some(place)) => Some(Changed::MessageReceived(Seq(place))),
        (2, Some(place)) => Some(Changed::MessageUpdated(Seq(place))),
        (3, None) => Some(Changed::Consent),
        (4, None) => Some(Changed::Unread),
        (5, None) => Some(Changed::Desk),
        (6, Some(number)) => Some(Changed::Note(number)),
        _ => None,
    }
}
