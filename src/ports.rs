//! The doors between the core and the world: the store, the carrier, the rate limit and the clock, and what
//! comes in from the carrier. Traits and their words only; who implements them is decided in the composition root.

mod audit;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::desk::{Desk, Facet};
use crate::domain::note::Note;
use crate::domain::{
    Answer, BootId, Cleared, Consent, Conversation, ConversationKey, Days, DeliveryId, Draw, Drawn, Entry, Hold,
    Inbound, Link, Message, MessageId, OtherDaemons, Patient, PatientId, Phone, Policy, Practice, PracticeId,
    Precedence, Receipt, Seq, StaffId, StaffMember, Standing, Summary, Suspension, Template, TemplateId, Unused,
    Webhook, WebhookId,
};

pub use audit::{AuditPlace, Audits};
pub use webhooks::{
    Delivery as WebhookDelivery, Fate, Heard, KeepError, Lease, Notice, Post, Posts, Silence, StopReason, Stopped,
    WebhookKey,
};

// ---------------------------------------------------------------------------------------------------- clock

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

// ---------------------------------------------------------------------------------------------------- store

/// How many times a conversation was written. 0 is a conversation that never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// Names one commit, so that one whose answer was lost can be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationId(pub u128);

/// A conversation as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub conversation: Conversation,
    pub version: Version,
    /// The commit that wrote it.
    pub operation: OperationId,
}

/// One decision, to be made durable whole or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The version that the decision was made on.
    pub expected: Version,
    pub operation: OperationId,
    pub at: Timestamp,
    pub next: Conversation,
    pub wake_at: Option<Timestamp>,
    pub summary: Summary,
    pub journal: Vec<Entry>,
    pub idempotency: Option<KeptAnswer>,
}

/// The caller's `Idempotency-Key` and what was answered to it. Kept for a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    pub key: IdempotencyKey,
    /// SHA-256 of everything that the request asked for.
    pub request: [u8; 32],
    pub conversation: ConversationKey,
    pub message: MessageId,
}

/// A caller's `Idempotency-Key`: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub Box<str>);

/// Why a commit did not happen, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("conversation was written by someone else (expected version {})", expected.0)]
    Conflict { expected: Version },
    #[error("idempotency key was used before")]
    KeyTaken(Box<KeptAnswer>),
    /// Nobody knows whether it was written: read it back by its operation before deciding anything.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The store did not do what it was asked, or nobody knows whether it did.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("store is unavailable: {0}")]
    Unavailable(Arc<str>),
    #[error("stored record is unreadable: {0}")]
    Unreadable(Arc<str>),
    /// What was durable is not there any more, as after a failover that lost writes or a restored backup. Nothing is
    /// served from such a store, until an operator says so.
    #[error("store went back in time: {0}")]
    WentBack(Arc<str>),
}

/// Why records were not put.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Another daemon gave the number to another practice first.
    #[error("the number is another practice's")]
    NumberTaken,
    /// Another daemon gave the practice another number first.
    #[error("the practice has another number")]
    NumberFixed,
    /// What it was to be put over is not there any more.
    #[error("the record was changed meanwhile")]
    ChangedMeanwhile,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tells one writing of a record from every other, the same words written twice among them.
#[derive(Clone, PartialEq, Eq)]
pub struct Stamp(pub Option<Box<[u8]>>);

impl Stamp {
    /// Of what is not there.
    pub const ABSENT: Self = Self(None);
}

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Stamp(of a record)" } else { "Stamp(absent)" })
    }
}

/// A row of the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    pub phone: Phone,
    pub consent: Consent,
    pub hold: Option<Hold>,
    pub suspension: Option<Suspension>,
    pub unread: u32,
    pub active_at: Timestamp,
    pub last: Option<Message>,
    pub desk: Desk,
    /// Where the next page begins.
    pub cursor: InboxCursor,
}

impl InboxRow {
    /// The row of a conversation with its last message; `row` breaks ties.
    pub fn of(conversation: Conversation, last: Option<Message>, row: u64) -> Self {
        let Conversation { key, consent, hold, suspension, unread, active_at, desk, .. } = conversation;
        let cursor = InboxCursor { active_at, row };
        Self { phone: key.phone, consent, hold, suspension, unread, active_at, last, desk, cursor }
    }
}

/// A place in the inbox, which is ordered newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxCursor {
    pub active_at: Timestamp,
    /// Breaks ties.
    pub row: u64,
}

/// Which conversations an inbox page shows: those that are all of this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxFilter {
    /// `None` for both.
    pub looked: Option<Looked>,
    /// What is rarest goes first: it is what is walked through.
    pub has: Vec<Facet>,
    pub lacks: Vec<Facet>,
}

/// Whether staff have looked at all that the patient texted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    Unread,
    Read,
}

impl InboxFilter {
    /// Every conversation.
    pub fn all() -> Self {
        Self::default()
    }

    pub fn looked(looked: Looked) -> Self {
        Self { looked: Some(looked), ..Self::default() }
    }
}

/// A part of the inbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxPart {
    pub rows: Vec<InboxRow>,
    /// How far it was looked, where that was cut short before there were as many rows as were asked for: there may be more.
    pub cut_at: Option<InboxCursor>,
}

/// What is unread in a practice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unread {
    pub conversations: u64,
    pub messages: u64,
}

/// The place of an occurrence in the store's stream; it only grows. 0 is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OccurrenceId(pub u64);

/// Something that whoever looks at a practice wants to know. It names what changed; how that looks is read when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    pub id: OccurrenceId,
    pub phone: Phone,
    pub change: Changed,
}

/// What changed in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    MessageReceived(Seq),
    MessageUpdated(Seq),
    Consent,
    Unread,
    /// What staff arranged about the conversation.
    Desk,
    /// A note was written down; its number.
    Note(u64),
}

impl Changed {
    /// Every event that is told.
    pub const EVENTS: [&str; 6] = [
        "message.received",
        "message.updated",
        "consent.changed",
        "unread.changed",
        "conversation.updated",
        "note.added",
    ];

    /// What it is called where it is told.
    pub const fn event(self) -> &'static str {
        match self {
            Self::MessageReceived(_) => Self::EVENTS[0],
            Self::MessageUpdated(_) => Self::EVENTS[1],
            Self::Consent => Self::EVENTS[2],
            Self::Unread => Self::EVENTS[3],
            Self::Desk => Self::EVENTS[4],
            Self::Note(_) => Self::EVENTS[5],
        }
    }

    /// What a journal tells those who are looking.
    pub fn of(journal: &[Entry]) -> Vec<Self> {
        let mut changes: Vec<Self> = Vec::new();
        for entry in journal {
            let change = match entry {
                Entry::Added(message) if message.kind == crate::domain::Kind::Inbound => {
                    Self::MessageReceived(message.id.seq)
                }
                Entry::Added(message) => Self::MessageUpdated(message.id.seq),
                Entry::Updated { id, .. } => Self::MessageUpdated(id.seq),
                Entry::ConsentChanged { .. }
                | Entry::Held(_)
                | Entry::HoldSettled { .. }
                | Entry::Suspended(_)
                | Entry::NumberGiven { .. } => Self::Consent,
                Entry::UnreadChanged { .. } => Self::Unread,
                Entry::Rearranged => Self::Desk,
                Entry::Noted(note) => Self::Note(note.id.number),
                Entry::Redelivered { .. } | Entry::ReceiptUnmatched { .. } | Entry::Proved(_) => continue,
            };
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        changes
    }
}

/// A page of the stream of a practice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occurrences {
    /// In order; empty when nothing happened since.
    Page(Vec<Occurrence>),
    /// What came after the given place is no longer kept, or the place never was: start over.
    Gone,
}

/// A token of a practice, or of one member of its staff, as it is kept: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// The public part of the token.
    pub id: String,
    pub practice: PracticeId,
    pub name: String,
    /// SHA-256 of the secret part.
    pub secret_sha256: [u8; 32],
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// For a session: who acts with it, and nobody else.
    pub staff: Option<StaffId>,
}

/// One of the records that the practice and the operator keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    Practice(Practice),
    Staff(PracticeId, StaffMember),
    Patient(PracticeId, Patient),
    Link(PracticeId, Link),
    Template(PracticeId, Template),
    Token(TokenRecord),
    Webhook(PracticeId, Webhook),
}

/// How often records were put or removed. It only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordsVersion(pub u64);

/// The name of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecordKey {
    Practice(PracticeId),
    Staff(PracticeId, StaffId),
    Patient(PracticeId, PatientId),
    Link(PracticeId, Phone, PatientId),
    Template(PracticeId, TemplateId),
    Token(PracticeId, String),
    Webhook(PracticeId, WebhookId),
}

impl RecordKey {
    /// Whose record it is.
    pub fn practice(&self) -> &PracticeId {
        match self {
            Self::Practice(practice)
            | Self::Staff(practice, _)
            | Self::Patient(practice, _)
            | Self::Link(practice, ..)
            | Self::Template(practice, _)
            | Self::Token(practice, _)
            | Self::Webhook(practice, _) => practice,
        }
    }
}

impl Record {
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Practice(practice) => RecordKey::Practice(practice.id.clone()),
            Self::Staff(practice, staff) => RecordKey::Staff(practice.clone(), staff.id.clone()),
            Self::Patient(practice, patient) => RecordKey::Patient(practice.clone(), patient.id.clone()),
            Self::Link(practice, link) => RecordKey::Link(practice.clone(), link.phone.clone(), link.patient.clone()),
            Self::Template(practice, template) => RecordKey::Template(practice.clone(), template.id.clone()),
            Self::Token(token) => RecordKey::Token(token.practice.clone(), token.id.clone()),
            Self::Webhook(practice, webhook) => RecordKey::Webhook(practice.clone(), webhook.id.clone()),
        }
    }
}

/// What the carrier delivered and no conversation can take. It is kept for a person to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub at: Timestamp,
    /// Why, in words without personal data.
    pub reason: &'static str,
    /// The PDU as it came.
    pub raw: Vec<u8>,
}

impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetter").field("reason", &self.reason).field("octets", &self.raw.len()).finish()
    }
}

/// A member of staff is writing in a conversation at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    pub key: ConversationKey,
    pub staff: StaffId,
}

/// What another daemon did to the store that this one shares with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A conversation was written.
    Conversation(ConversationKey),
    /// A record was put or removed.
    Record(RecordKey),
    /// Somebody is writing.
    Typing(Typing),
    /// Some news may have been missed: anything may have happened.
    Anything,
}

/// The meters of the practice numbers, which every daemon that shares the store draws from.
#[async_trait]
pub trait Meters: Send + Sync + 'static {
    /// Draws from the meter of a practice number, by the store's own clock. What was granted is durable, and counts
    /// whether or not the answer arrives.
    async fn draw(&self, practice: &PracticeId, draw: Draw) -> Result<Drawn, StoreError>;

    /// Gives back what was drawn and not used. When it fails it may have been done: it is not tried again.
    async fn give_back(&self, practice: &PracticeId, unused: Unused) -> Result<(), StoreError>;

    /// How the meter of a practice number stands.
    async fn standing(&self, practice: &PracticeId, days: Days) -> Result<Standing, StoreError>;
}

/// Durable state. What it says is done is on disk.
#[async_trait]
pub trait Store: Meters + Posts + Audits {
    async fn load(&self, key: &ConversationKey) -> Result<Option<Stored>, StoreError>;

    /// How often a conversation was written, for whoever holds it in memory to see that nobody else wrote it.
    async fn version(&self, key: &ConversationKey) -> Result<Version, StoreError>;

    /// Makes a decision durable, or changes nothing.
    async fn commit(&self, commit: Commit) -> Result<Version, CommitError>;

    /// Conversations whose `wake_at` is not after `until`, the most overdue first.
    async fn due(&self, until: Timestamp, limit: usize) -> Result<Vec<ConversationKey>, StoreError>;

    async fn kept_answer(&self, practice: &PracticeId, key: &IdempotencyKey) -> Result<Option<KeptAnswer>, StoreError>;

    /// Messages of a thread, newest first, before a place in it.
    async fn thread(
        &self,
        key: &ConversationKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError>;

    /// One message; `None` when it is not of this conversation.
    async fn message(&self, key: &ConversationKey, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// Conversations of a practice in which something was said, newest first. However few fit, it looks at a bounded
    /// number of them.
    async fn inbox(
        &self,
        practice: &PracticeId,
        filter: &InboxFilter,
        before: Option<InboxCursor>,
        limit: usize,
    ) -> Result<InboxPart, StoreError>;

    /// Notes of a conversation, newest first, before a number.
    async fn notes(&self, key: &ConversationKey, before: Option<u64>, limit: usize) -> Result<Vec<Note>, StoreError>;

    async fn unread(&self, practice: &PracticeId) -> Result<Unread, StoreError>;

    /// What happened in a practice after a place in the stream.
    async fn occurrences(
        &self,
        practice: &PracticeId,
        after: OccurrenceId,
        limit: usize,
    ) -> Result<Occurrences, StoreError>;

    /// The newest place in the stream of a practice.
    async fn newest_occurrence(&self, practice: &PracticeId) -> Result<OccurrenceId, StoreError>;

    /// Every record of every practice, and how often any was put or removed.
    async fn records(&self) -> Result<(Vec<Record>, RecordsVersion), StoreError>;

    async fn record(&self, key: &RecordKey) -> Result<Option<Record>, StoreError>;

    /// How often any record was put or removed.
    async fn records_version(&self) -> Result<RecordsVersion, StoreError>;

    /// Adds records, or replaces those of the same name; all of one practice's or none of them. Each counts in the
    /// version of the records.
    async fn put(&self, records: Vec<Record>) -> Result<(), PutError>;

    /// A record, and what tells whether it still is what was read.
    async fn stamped(&self, key: &RecordKey) -> Result<(Option<Record>, Stamp), StoreError>;

    /// Adds a record, or replaces the one of the same name, if what is there is still what was found; else it changes
    /// nothing.
    async fn put_over(&self, found: &Stamp, record: Record) -> Result<(), PutError>;

    /// Removes a record, if it is there. It counts in the version of the records in any case.
    async fn remove(&self, key: &RecordKey) -> Result<(), StoreError>;

    async fn set_aside(&self, letter: DeadLetter) -> Result<(), StoreError>;

    /// Writes something, durably. For the readiness check and the watchdog.
    async fn probe(&self) -> Result<(), StoreError>;

    /// When the last commit before this run was made: the last moment at which an answer to the carrier may
    /// have been lost with the daemon that gave it.
    async fn last_commit_before_start(&self) -> Result<Option<Timestamp>, StoreError>;

    fn other_daemons(&self) -> OtherDaemons;

    /// What other daemons do to this store from here on, as it happens.
    fn news(&self) -> broadcast::Receiver<News>;

    /// Tells the other daemons that somebody is writing. It is written down nowhere.
    async fn tell_typing(&self, typing: &Typing) -> Result<(), StoreError>;

    /// A link session of this daemon ended, and what it answered shortly before may not have arrived.
    async fn session_ended(&self, at: Timestamp) -> Result<(), StoreError>;

    /// When another daemon's link sessions ended, its own end among them. Waits until that daemon has given a sign of
    /// life or is known to have ended, so that an end of this moment is not missed.
    async fn session_ends_of(&self, daemon: BootId) -> Result<Vec<Timestamp>, StoreError>;

    /// Waits until the store will never write again in this run, and says why: the process must end. For ever
    /// in a store that recovers by itself.
    async fn broken(&self) -> StoreError {
        std::future::pending().await
    }
}

// -------------------------------------------------------------------------------------------------- carrier

/// Links to carriers, seen from the conversations.
#[async_trait]
pub trait Carrier: Send + Sync + 'static {
    /// Waits until a link for this practice number is bound and has room for that many `submit_sm`, and
    /// keeps the room. A text of more segments than the window gets the whole window.
    async fn place(&self, number: &Phone, segments: u32) -> Result<Box<dyn Place>, CarrierClosed>;
}

/// Room in a link's window. Dropping it gives the room back.
pub trait Place: Send {
    /// Writes a message that consent let through, if the first octet can be written before `write_by`, and
    /// waits for what the carrier answers. The message has its turn on the link when this returns, ahead of the answer
    /// to whatever is taken from the carrier after that. Once `recalled`, nothing more of it is written.
    fn submit(
        self: Box<Self>,
        cleared: Cleared,
        write_by: Instant,
        recalled: CancellationToken,
    ) -> BoxFuture<'static, Answer>;
}

/// The daemon is stopping, or no link serves this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no carrier link takes texts")]
pub struct CarrierClosed;

/// What the carrier brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A text, or a segment of one, from a phone to a practice number.
    Text { from: Phone, to: Phone, inbound: Inbound },
    /// A receipt about a text from a practice number to a phone.
    Receipt { number: Phone, phone: Phone, receipt: Receipt },
    /// A phone that a practice number could not reach can be reached again.
    Reachable { number: Phone, phone: Phone },
    /// The answer to a text goes out later than the carrier may wait for one, so that it may bring the text again.
    AnsweredLate { number: Phone, phone: Phone, delivery: DeliveryId },
    /// Something that can't be given to any conversation.
    Unroutable(DeadLetter),
}

impl Delivery {
    /// What is to be said of it if its answer is late; nothing of what does no harm a second time.
    pub fn answered_late(&self) -> Option<Self> {
        match self {
            Self::Text { from, to, inbound } => {
                let (number, phone) = (to.clone(), from.clone());
                inbound.delivery.map(|delivery| Self::AnsweredLate { number, phone, delivery })
            }
            Self::Receipt { .. } | Self::Reachable { .. } | Self::AnsweredLate { .. } | Self::Unroutable(_) => None,
        }
    }
}

/// Takes what the carrier brings.
#[async_trait]
pub trait Reception: Send + Sync + 'static {
    /// `Ok` when it is durable, and only then may the carrier hear that we have it. What nobody began to write down `until`
    /// then is not taken any more: the carrier may have brought it to another daemon meanwhile.
    async fn deliver(&self, delivery: Delivery, until: Instant) -> Result<(), NotTaken>;

    /// A link session that delivered something ended at this time: what was answered shortly before may be delivered
    /// again, to whichever daemon. Returns when that is durable, or can't become so.
    async fn session_ended(&self, at: Timestamp);
}

/// It is not durable, or nobody knows whether it is: the carrier must not hear that we have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("delivery could not be made durable")]
pub struct NotTaken;

// ------------------------------------------------------------------------------------------------- throttle

/// The practice number's rate limit. It grants turns and holds no messages.
#[async_trait]
pub trait Throttle: Send + Sync + 'static {
    /// Waits until a message may leave from a practice's number. Whoever else wants to send from the number waits behind
    /// the turn. The turn is not spent if this is no longer waited for.
    async fn turn(&self, practice: &Practice, asked: Asked) -> Result<Box<dyn Turn>, DaySpent>;

    /// Segments that leave from a practice's number before a message does, as far as this daemon knows.
    fn ahead(&self, practice: &PracticeId, id: MessageId, precedence: Precedence) -> u32;
}

/// A message that asks for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub id: MessageId,
    pub segments: u32,
    pub precedence: Precedence,
}

/// The day's budget is too small for a message. What is owed within minutes never gets this answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of the day is spent")]
pub struct DaySpent {
    pub day_ends_at: Timestamp,
}

/// A number's turn to send.
pub trait Turn: Send {
    /// Spends the segments. A turn that is dropped instead spends nothing.
    fn spend(self: Box<Self>);
}

// ------------------------------------------------------------------------------------------------- practices

/// What the conversations need to know of the practices.
#[async_trait]
pub trait Practices: Send + Sync + 'static {
    /// The policy in force; `None` for a practice that does not exist.
    fn policy(&self, practice: &PracticeId) -> Option<Policy>;

    /// Whose number it is.
    fn owner(&self, number: &Phone) -> Option<PracticeId>;

    /// Learns what another daemon wrote down of practices, for whoever did not find what may be there.
    async fn catch_up(&self) -> Result<CaughtUp, StoreError>;
}

/// Whether there was anything to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaughtUp {
    /// It makes sense to look again.
    Learnt,
    /// What is not found is not there.
    NothingNew,
}
