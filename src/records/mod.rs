//! What the practice and the operator keep: practices, staff, patients, links, templates, tokens, webhooks. Read from memory, written to the store first.

mod cache;
mod links;
mod others;
mod over;
mod patients;
mod search;
mod templates;
mod token;
mod webhooks;

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use tokio::sync::{Mutex, MutexGuard, RwLock as TurnLock, watch};

use crate::domain::text::Writing;
use crate::domain::{
    BootId, Limits, Patient, PatientId, Phone, Policy, Practice, PracticeId, StaffId, StaffMember, Writings,
};
use crate::ports::{
    CaughtUp, Clock, Practices, PutError, Record, RecordKey, RecordsVersion, Stamp, Store, StoreError, TokenRecord,
};
use async_trait::async_trait;
use cache::Cache;
pub use links::{PATIENTS_LINKED_MAX, PHONES_LINKED_MAX, Person};
use others::{Backlog, Looks};
pub use over::Over;
pub use templates::TEMPLATES_MAX;
use token::Presented;
pub use webhooks::WEBHOOKS_MAX;

/// Patients that one search answers with.
pub const SEARCH_MAX: usize = 50;
/// How long a staff member's own token is good for.
pub const SESSION: SignedDuration = SignedDuration::from_mins(15);
/// Sessions of one practice at once. More than that is no longer people at work.
pub const SESSIONS_MAX: usize = 10_000;
/// Practice tokens of one practice: enough to rotate, few enough to look through.
pub const TOKENS_MAX: usize = 100;
/// Expired sessions that the making of another one clears away; more than one, so that the past is caught up with.
const CLEARED_AT_ONCE: usize = 4;

/// The records of every practice.
pub struct Records {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    boot: BootId,
    limits: Limits,
    writings: Writings,
    cache: RwLock<Cache>,
    /// Held from the check of a change until it is in the cache, so that checks hold when the change is made.
    changing: Mutex<Memory>,
    /// Shared while a token is on its way into the store and the cache, which need not wait for other changes; alone
    /// while everything is read again.
    tokens: TurnLock<()>,
    /// How often records were put or removed, as far as the cache knows.
    seen: watch::Sender<RecordsVersion>,
    looks: Looks,
    backlog: Backlog,
    permissions: watch::Sender<()>,
}

/// Whether the cache has what the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Exact,
    /// A write failed, and nobody knows whether it was made all the same.
    Doubtful,
}

/// Why a record was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    #[error("a practice keeps the number that it has")]
    NumberFixed,
    #[error("the number is in use")]
    NumberTaken,
    /// What it was to be put over is not what is there.
    #[error("the record was changed meanwhile")]
    ChangedMeanwhile,
    #[error("the phone is a practice's own number")]
    PhoneIsPractices,
    #[error("there is no such practice")]
    UnknownPractice,
    #[error("there is no such member of staff")]
    UnknownStaff,
    #[error("there is no such token")]
    UnknownToken,
    #[error("there is no such patient")]
    UnknownPatient,
    #[error("the phone is not linked to the patient")]
    UnknownLink,
    #[error("the phone is linked to {PATIENTS_LINKED_MAX} patients, or the patient to {PHONES_LINKED_MAX} phones")]
    TooManyLinks,
    #[error("there is no such template")]
    UnknownTemplate,
    #[error("the practice has {TEMPLATES_MAX} templates")]
    TooManyTemplates,
    #[error("the practice has {TOKENS_MAX} tokens")]
    TooManyTokens,
    #[error("the practice has {SESSIONS_MAX} sessions")]
    TooManySessions,
    #[error("the practice has {WEBHOOKS_MAX} webhooks")]
    TooManyWebhooks,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PutError> for RecordsError {
    fn from(error: PutError) -> Self {
        match error {
            PutError::NumberTaken => Self::NumberTaken,
            PutError::NumberFixed => Self::NumberFixed,
            PutError::ChangedMeanwhile => Self::ChangedMeanwhile,
            PutError::Store(error) => Self::Store(error),
        }
    }
}

/// Whether a record was there before it was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Created,
    Changed,
}

/// A token as its owner gets to see it, this once.
#[derive(Debug)]
pub struct NewToken {
    pub record: TokenRecord,
    pub token: SecretString,
}

impl Records {
    /// Reads every record from the store.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        boot: BootId,
        limits: Limits,
        writings: Writings,
    ) -> Result<Arc<Self>, StoreError> {
        let (records, version) = store.records().await?;
        Ok(Arc::new(Self {
            store,
            clock,
            boot,
            limits,
            writings,
            cache: RwLock::new(Cache::of(records)),
            changing: Mutex::new(Memory::Exact),
            tokens: TurnLock::default(),
            seen: watch::Sender::new(version),
            looks: Looks::default(),
            backlog: Backlog::default(),
            permissions: watch::Sender::new(()),
        }))
    }

    // ------------------------------------------------------------------------------------------- practices

    pub fn practice(&self, id: &PracticeId) -> Option<Arc<Practice>> {
        self.read().practices.get(id).cloned()
    }

    /// Every practice, by id.
    pub fn practices(&self) -> Vec<Arc<Practice>> {
        self.read().practices.values().cloned().collect()
    }

    pub async fn put_practice(self: &Arc<Self>, practice: Practice, over: Over) -> Result<Put, RecordsError> {
        let records = Arc::clone(self);
        finished(async move {
            let mut memory = records.begin().await?;
            let found = records.find(over, &RecordKey::Practice(practice.id.clone())).await?;
            let known = records.practice_as_stored(&practice.id).await?;
            if known.as_ref().is_some_and(|known| known.number != practice.number) {
                return Err(RecordsError::NumberFixed);
            }
            if known.is_none() && records.read().is_in_use(&practice.number) {
                return Err(RecordsError::NumberTaken);
            }
            records.write_down(&mut memory, found, Record::Practice(practice)).await?;
            Ok(if known.is_some() { Put::Changed } else { Put::Created })
        })
        .await
    }

    // ----------------------------------------------------------------------------------------------- staff

    pub fn staff_member(&self, practice: &PracticeId, id: &StaffId) -> Option<StaffMember> {
        self.read().staff.get(practice)?.get(id).cloned()
    }

    /// The staff of a practice, by id.
    pub fn staff(&self, practice: &PracticeId) -> Vec<StaffMember> {
        self.read().staff.get(practice).into_iter().flat_map(|staff| staff.values().cloned()).collect()
    }

    pub async fn put_staff(
        self: &Arc<Self>,
        practice: &PracticeId,
        member: StaffMember,
        over: Over,
    ) -> Result<Put, RecordsError> {
        let (records, practice) = (Arc::clone(self), practice.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            records.practice(&practice).ok_or(RecordsError::UnknownPractice)?;
            let found = records.find(over, &RecordKey::Staff(practice.clone(), member.id.clone())).await?;
            let known = records.staff_member(&practice, &member.id);
            records.write_down(&mut memory, found, Record::Staff(practice, member)).await?;
            records.permissions.send_replace(());
            Ok(if known.is_some() { Put::Changed } else { Put::Created })
        })
        .await
    }

    // -------------------------------------------------------------------------------------------- patients

    pub fn patient(&self, practice: &PracticeId, id: &PatientId) -> Option<Arc<Patient>> {
        self.read().patients.get(practice)?.by_id(id)
    }

    /// The first [`SEARCH_MAX`] patients that every word of the query fits: those whom it fits whole first, by last and first
    /// name.
    pub fn search(&self, practice: &PracticeId, query: &str) -> Vec<Arc<Patient>> {
        let query = search::Query::parse(query);
        let cache = self.read();
        let Some(patients) = cache.patients.get(practice) else { return Vec::new() };
        patients.search(&query, SEARCH_MAX)
    }

    pub async fn put_patient(
        self: &Arc<Self>,
        practice: &PracticeId,
        patient: Patient,
        over: Over,
    ) -> Result<Put, RecordsError> {
        let (records, practice) = (Arc::clone(self), practice.clone());
        finished(async move {
            let mut memory = records.begin().await?;
            records.practice(&practice).ok_or(RecordsError::UnknownPractice)?;
            if records.owner(&patient.mobile_phone).is_some() {
                return Err(RecordsError::PhoneIsPractices);
            }
            let found = records.find(over, &RecordKey::Patient(practice.clone(), patient.id.clone())).await?;
            let known = records.patient(&practice, &patient.id);
            if known.as_deref() == Some(&patient) && records.is_level().await? {
                // Who keeps patients in step with another system puts everybody again, every night.
                return Ok(Put::Changed);
            }
            records.write_down(&mut memory, found, Record::Patient(practice, patient)).await?;
            Ok(if known.is_some() { Put::Changed } else { Put::Created })
        })
        .await
    }

    // ---------------------------------------------------------------------------------------------- tokens

    /// The tokens of a practice, the oldest first; sessions are not among them.
    pub fn tokens(&self, practice: &PracticeId) -> Vec<TokenRecord> {
        let cache = self.read();
        let mut tokens: Vec<TokenRecord> = cache
            .tokens
            .values()
            .filter(|token| token.practice == *practice && token.staff.is_none())
            .cloned()
            .collect();
        tokens.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        tokens
    }

    pub async fn create_token(self: &Arc<Self>, practice: &PracticeId, name: String) -> Result<NewToken, RecordsError> {
        self.practice(practice).ok_or(RecordsError::UnknownPractice)?;
        if self.tokens(practice).len() >= TOKENS_MAX {
            return Err(RecordsError::TooManyTokens);
        }
        let (secret_sha256, id, token) = token::generate();
        let created_at = self.clock.now();
        let practice = practice.clone();
        let record = TokenRecord { id, practice, name, secret_sha256, created_at, expires_at: None, staff: None };
        self.keep_token(NewToken { record, token }).await
    }

    /// Makes a token that acts as one member of staff, for a quarter of an hour.
    pub async fn create_session(
        self: &Arc<Self>,
        practice: &PracticeId,
        staff: &StaffId,
    ) -> Result<NewToken, RecordsError> {
        let member = self.staff_member(practice, staff).ok_or(RecordsError::UnknownStaff)?;
        let now = self.clock.now();
        self.clear_expired_sessions(practice).await?;
        if self.read().sessions_after(practice, now) >= SESSIONS_MAX {
            return Err(RecordsError::TooManySessions);
        }
        let (secret_sha256, id, token) = token::generate();
        let record = TokenRecord {
            id,
            practice: practice.clone(),
            name: String::new(),
            secret_sha256,
            created_at: now,
            expires_at: Some(now + SESSION),
            staff: Some(member.id),
        };
        self.keep_token(NewToken { record, token }).await
    }

    pub async fn revoke_token(self: &Arc<Self>, practice: &PracticeId, id: &str) -> Result<(), RecordsError> {
        let is_of = |token: &TokenRecord| token.practice == *practice && token.staff.is_none();
        if !self.read().tokens.get(id).is_some_and(is_of) {
            return Err(RecordsError::UnknownToken);
        }
        self.forget_token(practice.clone(), id.to_owned()).await
    }

    /// Ends a session before its time.
    pub async fn end_session(self: &Arc<Self>, practice: &PracticeId, id: &str) -> Result<(), RecordsError> {
        let is_of = |token: &TokenRecord| token.practice == *practice && token.staff.is_some();
        if !self.read().tokens.get(id).is_some_and(is_of) {
            return Err(RecordsError::UnknownToken);
        }
        self.forget_token(practice.clone(), id.to_owned()).await
    }

    /// Whose token it is. The time it takes does not tell how much of a wrong one was right.
    pub fn authenticate(&self, token: &str) -> Option<TokenRecord> {
        let presented = Presented::parse(token)?;
        let record = self.read().tokens.get(presented.id).cloned();
        if !presented.proves(record.as_ref()) {
            return None;
        }
        record.filter(|record| self.is_in_time(record))
    }

    /// Whether it has the shape of a token at all.
    pub fn may_be_token(token: &str) -> bool {
        Presented::parse(token).is_some()
    }

    /// Whether a token that was good once still is.
    pub fn is_live(&self, token_id: &str) -> bool {
        self.read().tokens.get(token_id).is_some_and(|record| self.is_in_time(record))
    }

    pub fn token_expires_at(&self, token_id: &str) -> Option<Timestamp> {
        self.read().tokens.get(token_id)?.expires_at
    }

    /// Speaks up whenever a token was revoked or the permissions of staff were changed.
    pub fn permission_changes(&self) -> watch::Receiver<()> {
        self.permissions.subscribe()
    }

    fn is_in_time(&self, record: &TokenRecord) -> bool {
        record.expires_at.is_none_or(|expires_at| self.clock.now() < expires_at)
    }

    async fn clear_expired_sessions(self: &Arc<Self>, practice: &PracticeId) -> Result<(), RecordsError> {
        let expired = self.read().expired_sessions(practice, self.clock.now(), CLEARED_AT_ONCE);
        for id in expired {
            self.forget_token(practice.clone(), id).await?;
        }
        Ok(())
    }

    async fn keep_token(self: &Arc<Self>, new: NewToken) -> Result<NewToken, RecordsError> {
        let records = Arc::clone(self);
        finished(async move {
            let _turn = records.tokens.read().await;
            records.store.put(vec![Record::Token(new.record.clone())]).await?;
            records.write().put(Record::Token(new.record.clone()));
            records.counts_one();
            Ok(new)
        })
        .await
    }

    async fn forget_token(self: &Arc<Self>, practice: PracticeId, id: String) -> Result<(), RecordsError> {
        let records = Arc::clone(self);
        finished(async move {
            let _turn = records.tokens.read().await;
            records.store.remove(&RecordKey::Token(practice, id.clone())).await?;
            records.write().remove_token(&id);
            records.counts_one();
            records.permissions.send_replace(());
            Ok(())
        })
        .await
    }

    // -------------------------------------------------------------------------------------------- changing

    /// Waits for the changes before this one, and makes sure of what they left.
    async fn begin(&self) -> Result<MutexGuard<'_, Memory>, RecordsError> {
        let mut memory = self.changing.lock().await;
        if *memory == Memory::Doubtful {
            self.read_all(&mut memory).await?;
        }
        Ok(memory)
    }

    /// Looks at what a put is made over, if that matters.
    async fn find(&self, over: Over, key: &RecordKey) -> Result<Option<Stamp>, RecordsError> {
        let is_it = match over {
            Over::Anything => return Ok(None),
            Over::Only(is_it) => is_it,
        };
        // What is in memory may be old where there are other daemons.
        let (record, stamp) = self.store.stamped(key).await?;
        if is_it(record.as_ref()) { Ok(Some(stamp)) } else { Err(RecordsError::ChangedMeanwhile) }
    }

    async fn write_down(&self, memory: &mut Memory, found: Option<Stamp>, record: Record) -> Result<(), RecordsError> {
        *memory = Memory::Doubtful;
        let put = match found {
            None => self.store.put(vec![record.clone()]).await,
            Some(stamp) => self.store.put_over(&stamp, record.clone()).await,
        };
        if let Err(PutError::ChangedMeanwhile) = put {
            // Nothing was written.
            *memory = Memory::Exact;
        }
        put?;
        self.write().put(record);
        self.counts_one();
        *memory = Memory::Exact;
        Ok(())
    }

    async fn strike_out(&self, memory: &mut Memory, key: &RecordKey) -> Result<(), RecordsError> {
        *memory = Memory::Doubtful;
        self.store.remove(key).await?;
        self.write().remove(key);
        self.counts_one();
        *memory = Memory::Exact;
        Ok(())
    }

    /// A record was put or removed, and the cache has it.
    fn counts_one(&self) {
        self.seen.send_modify(|seen| seen.0 += 1);
    }

    /// How the texts of a practice are written for its carrier.
    pub fn writing(&self, practice: &Practice) -> Writing {
        self.writings.of(&practice.number)
    }

    fn read(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().expect("no holder of the lock panics")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().expect("no holder of the lock panics")
    }
}

#[async_trait]
impl Practices for Records {
    fn policy(&self, practice: &PracticeId) -> Option<Policy> {
        let practice = self.practice(practice)?;
        let writing = self.writing(&practice);
        let texting = self.read().texting(&practice.id);
        Some(Policy { practice, boot: self.boot, limits: self.limits, writing, texting })
    }

    fn owner(&self, number: &Phone) -> Option<PracticeId> {
        self.read().numbers.get(number).cloned()
    }

    async fn catch_up(&self) -> Result<CaughtUp, StoreError> {
        Records::catch_up(self).await
    }
}

/// Sees a change through to the cache, even when whoever asked for it has gone away in between.
async fn finished<T: Send + 'static>(
    change: impl Future<Output = Result<T, RecordsError>> + Send + 'static,
) -> Result<T, RecordsError> {
    match tokio::spawn(change).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(StoreError::Unavailable("the daemon is stopping".into()).into()),
        },
    }
}
