//! How an operator accepts that a store went back in time. Whatever waits in it may have gone out in what was lost, so none
//! of it is sent by itself any more; what was accepted, by whom and why, is written down; then the daemons go on.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::line::{Trouble, found};
use super::open::{OpenRedisError, open_with};
use super::seen::Memory;
use super::{Redis, keys};
use crate::domain::{BootId, ConversationKey, Event, Limits, Policy, Practice, PracticeId};
use crate::ports::{Clock, Commit, CommitError, OperationId, Record, Store, StoreError};
use crate::store::sealed::Cipher;
use crate::store::{Location, record};

/// How often a conversation is decided anew because a daemon wrote first.
const CONFLICTS_MAX: usize = 8;

/// What is known of what a practice lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub practice: PracticeId,
    /// The newest occurrence that this daemon had seen, and the newest that the store has.
    pub seen: u64,
    pub has: u64,
}

/// What was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub losses: Vec<Loss>,
    /// The time of the newest commit that the store has: what came after it may be lost.
    pub lost_since: Option<Timestamp>,
    /// Conversations in which something waited. All of it is unconfirmed by now.
    pub conversations: usize,
}

/// Why nothing was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    #[error("only a store on redis can go back in time and be accepted")]
    NotOnRedis,
    #[error(transparent)]
    Open(#[from] OpenRedisError),
    #[error("the store has everything that this daemon has seen of it: there is nothing to accept")]
    NothingLost,
    #[error("the store failed ({0}): start the same command again")]
    Store(#[from] StoreError),
    #[error("a conversation is being written again and again: stop every daemon, and start the same command again")]
    Busy,
}

/// Accepts that a store went back. `who` and `why` are written down with it.
pub async fn accept(location: &Location, clock: Arc<dyn Clock>, who: &str, why: &str) -> Result<Accepted, AcceptError> {
    let seen = Memory::open(&location.directory).map_err(OpenRedisError::from)?.seen();
    let seen_before = seen.clone();
    let boot = BootId(getrandom::u64().expect("the operating system has random numbers"));
    let store = open_with(location, boot, Arc::clone(&clock), Memory::blank()).await?;
    let line = &store.line;
    let looked = line.ask(|wire| async move {
        Ok(match found(&wire, None).await {
            Ok(found) => line.compare(&wire, &seen_before, &found).await,
            Err(trouble) => Err(trouble),
        })
    });
    match looked.await? {
        Ok(()) => return Err(AcceptError::NothingLost),
        Err(Trouble::WentBack(_)) => {}
        Err(trouble) => return Err(StoreError::Unavailable(trouble.in_words().into()).into()),
    }

    let now_has = store.line.memory.seen().marks;
    let mut losses: Vec<Loss> = seen
        .marks
        .iter()
        .map(|(practice, mark)| Loss {
            practice: practice.clone(),
            seen: mark.occurrence,
            has: now_has.get(practice).map_or(0, |mark| mark.occurrence),
        })
        .collect();
    losses.sort_by(|one, other| one.practice.cmp(&other.practice));
    let accepted = Accepted {
        losses,
        lost_since: store.last_commit_before_start,
        conversations: doubt_everything_that_waits(&store, &*clock).await?,
    };
    write_down(&store, &*clock, who, why, &accepted).await?;
    Ok(accepted)
}

/// Makes everything that waits unconfirmed. Whatever waits has a time at which its conversation is woken.
async fn doubt_everything_that_waits(store: &Redis, clock: &dyn Clock) -> Result<usize, AcceptError> {
    let (records, _) = store.records().await?;
    let of_practice = |record| match record {
        Record::Practice(practice) => Some((practice.id.clone(), Arc::new(practice))),
        Record::Staff(..)
        | Record::Patient(..)
        | Record::Link(..)
        | Record::Template(..)
        | Record::Token(_)
        | Record::Webhook(..) => None,
    };
    let practices: HashMap<PracticeId, Arc<Practice>> = records.into_iter().filter_map(of_practice).collect();
    let mut doubted = 0;
    for key in store.due(Timestamp::MAX, usize::MAX).await? {
        let Some(practice) = practices.get(&key.practice) else { continue };
        doubted += usize::from(doubt(store, clock, &key, practice).await?);
    }
    Ok(doubted)
}

/// Whether anything waited in the conversation.
async fn doubt(
    store: &Redis,
    clock: &dyn Clock,
    key: &ConversationKey,
    practice: &Arc<Practice>,
) -> Result<bool, AcceptError> {
    let policy = Policy {
        practice: Arc::clone(practice),
        boot: store.daemon,
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    };
    for _ in 0..CONFLICTS_MAX {
        let Some(stored) = store.load(key).await? else { return Ok(false) };
        let now = clock.now();
        let decision = stored.conversation.handle(Event::StoreWentBack, now, &policy);
        if decision.journal.is_empty() {
            return Ok(false);
        }
        let random = || u128::from(getrandom::u64().expect("the operating system has random numbers"));
        let commit = Commit {
            expected: stored.version,
            operation: OperationId(random() << 64 | random()),
            at: now,
            wake_at: decision.next.wake_at(&policy),
            summary: decision.next.summary(),
            next: decision.next,
            journal: decision.journal,
            idempotency: None,
        };
        match store.commit(commit).await {
            Ok(_) => return Ok(true),
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::KeyTaken(_)) => unreachable!("no idempotency key was given"),
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(AcceptError::Busy)
}

/// The entry of the audit, and the sign for the daemons to go on: both or none.
async fn write_down(
    store: &Redis,
    clock: &dyn Clock,
    who: &str,
    why: &str,
    accepted: &Accepted,
) -> Result<(), StoreError> {
    let entry = record::write_acceptance(clock.now(), who, why, accepted);
    let sealed = store.cipher.ring.seal(&Cipher::audit(), &entry);
    let time = clock.now().as_second();
    store
        .line
        .ask(|mut wire| async move {
            redis::pipe()
                .atomic()
                .cmd("RPUSH")
                .arg(keys::AUDIT)
                .arg(sealed)
                .cmd("HSET")
                .arg(keys::META)
                .arg("accepted")
                .arg(time)
                .query_async::<()>(&mut wire)
                .await
        })
        .await
}
