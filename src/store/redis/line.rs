//! The line to Redis: up, with a wire that commands go over; down, with the reason; or to a store that went back in time.
//!
//! Whoever meets trouble reports it, and from then on everybody is refused at once instead of waiting in turn. One keeper
//! dials again, looks at everything that was looked at in the beginning, and puts the line up again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use redis::{RedisError, RedisResult};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::super::{Checked, Durability};
use super::address::Host;
use super::copied::Copied;
use super::scripts::{BEAT, FOUND};
use super::seen::{Mark, Memory, Seen};
use super::suitability;
use super::wire::{Dialled, Dialler, RESPONSE, Wire};
use super::{SCHEMA, SESSION_ENDS_FORGOTTEN_S, SESSION_ENDS_KEPT, keys};
use crate::domain::{BootId, PracticeId};
use crate::ports::StoreError;

/// Commands that may be under way at once; whoever comes then waits to be let in, as long as an answer may take.
const UNDER_WAY_MAX: usize = 1_024;
/// How often a daemon gives a sign of life, and so learns that the store can be written.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Without a sign of life for this long, a daemon is taken for dead. A hint, never a proof.
pub const LAPSE: Duration = Duration::from_secs(5);
/// When a dead daemon is forgotten: nobody asks any more when its link sessions ended.
const FORGOTTEN: Duration = Duration::from_hours(25);
/// Pauses between two attempts to put the line up again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// Practices that are looked at side by side.
const SIDE_BY_SIDE: usize = 64;

/// How the line is.
#[derive(Clone)]
pub enum Health {
    Up { wire: Wire, number: u64 },
    Down(Arc<str>),
    WentBack(Arc<str>),
}

/// What was found at the other end.
#[derive(Debug, Clone)]
pub struct Found {
    pub store: String,
    pub schema: u64,
    pub accepted: u64,
    /// Whether a daemon noticed since then that the store went back. What it missed, others may never have seen.
    pub went_back: bool,
    /// The secret of the look-ups, sealed with each key that ever sealed.
    pub look_ups: Vec<(String, Vec<u8>)>,
    pub copied: Option<Copied>,
}

impl Found {
    /// Whether no daemon noticed that something is missing.
    fn is_whole(&self) -> Result<(), Trouble> {
        match self.went_back {
            false => Ok(()),
            true => Err(Trouble::WentBack("a daemon has seen more of it than there is".into())),
        }
    }
}

/// Why the line is not up.
#[derive(Debug)]
pub enum Trouble {
    /// It may pass.
    Unreachable(String),
    /// The server is up and can't be trusted, or can't be used.
    Unsuitable(Vec<Checked>),
    WentBack(String),
    /// It is a copy that did not come to its end.
    Unfinished,
}

impl Trouble {
    pub fn in_words(&self) -> String {
        match self {
            Self::Unreachable(reason) | Self::WentBack(reason) => reason.clone(),
            Self::Unfinished => "it is an unfinished copy".to_owned(),
            Self::Unsuitable(checked) => {
                let wrong = checked.iter().filter_map(|one| one.result.as_ref().err()).cloned();
                wrong.collect::<Vec<_>>().join("; ")
            }
        }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

/// The last signs of life of every daemon, by the store's clock, in microseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Daemons {
    pub now: u64,
    pub seen: Vec<(BootId, u64)>,
}

impl Daemons {
    pub fn alive(&self) -> impl Iterator<Item = BootId> {
        self.seen.iter().filter(|(_, at)| self.is_alive(*at)).map(|(daemon, _)| *daemon)
    }

    pub fn is_alive(&self, last_sign: u64) -> bool {
        u128::from(self.now.saturating_sub(last_sign)) <= LAPSE.as_micros()
    }
}

/// Where the line leads, and who holds it.
pub struct Line {
    pub dialler: Dialler,
    durability: Durability,
    /// Who gives signs of life; none for whoever only looks or copies.
    daemon: Option<BootId>,
    pub memory: Memory,
    health: watch::Sender<Health>,
    troubled: Notify,
    numbers: AtomicU64,
    /// The servers behind a wire, by its number.
    masters: Mutex<Option<(u64, Vec<Host>)>>,
    turns: Semaphore,
    daemons: watch::Sender<Daemons>,
    /// The id of the store that was opened.
    opened: OnceLock<String>,
    replaced: watch::Sender<bool>,
}

impl Line {
    pub fn new(dialler: Dialler, durability: Durability, daemon: Option<BootId>, memory: Memory) -> Self {
        Self {
            dialler,
            durability,
            daemon,
            memory,
            health: watch::Sender::new(Health::Down("not connected yet".into())),
            troubled: Notify::new(),
            numbers: AtomicU64::new(1),
            masters: Mutex::default(),
            turns: Semaphore::new(UNDER_WAY_MAX),
            daemons: watch::Sender::default(),
            opened: OnceLock::new(),
            replaced: watch::Sender::new(false),
        }
    }

    // ------------------------------------------------------------------------------------------------- use

    /// Sends a command over the line, if it is up. An error says that nobody knows whether it was carried out.
    pub async fn ask<T, A>(&self, ask: impl FnOnce(Wire) -> A) -> Result<T, StoreError>
    where
        A: Future<Output = RedisResult<T>>,
    {
        let _turn = tokio::time::timeout(RESPONSE, self.turns.acquire())
            .await
            .map_err(|_| StoreError::Unavailable("too much waits for the store".into()))?
            .expect("the turns are never closed");
        let (wire, number) = self.wire()?;
        ask(wire).await.map_err(|error| self.report(number, &error))
    }

    fn wire(&self) -> Result<(Wire, u64), StoreError> {
        match &*self.health.borrow() {
            Health::Up { wire, number } => Ok((wire.clone(), *number)),
            Health::Down(reason) => Err(StoreError::Unavailable(Arc::clone(reason))),
            Health::WentBack(reason) => Err(StoreError::WentBack(Arc::clone(reason))),
        }
    }

    fn is_up(&self) -> bool {
        matches!(&*self.health.borrow(), Health::Up { .. })
    }

    /// How often the line was put up: what is known of the other end is known of this connection.
    pub fn number(&self) -> u64 {
        match &*self.health.borrow() {
            Health::Up { number, .. } => *number,
            Health::Down(_) | Health::WentBack(_) => 0,
        }
    }

    /// The store that is worked with from here on.
    pub fn opened(&self, store: &str) {
        self.opened.get_or_init(|| store.to_owned());
    }

    /// Waits until an operator has put another store in the place of this one: its keys must be read anew.
    pub async fn replaced(&self) -> StoreError {
        self.replaced.subscribe().wait_for(|replaced| *replaced).await.map(drop).unwrap_or_default();
        StoreError::Unavailable("another store has taken its place".into())
    }

    /// What an error means for whoever asked; and for everybody, if it is the line's.
    fn report(&self, number: u64, error: &RedisError) -> StoreError {
        let reason: Arc<str> = error.to_string().into();
        match error.code() {
            Some("ASSENTTYPE" | "ASSENTARGS" | "WRONGTYPE") => StoreError::Unreadable(reason),
            Some("ERR" | "ASSENTSCHEMA" | "NOPERM") => StoreError::Unavailable(reason),
            code => {
                self.put_down(number, Arc::clone(&reason));
                // The keeper looks at it more closely. Until then it is not known to be more than trouble.
                match code {
                    Some("ASSENTBACK" | "ASSENTSTORE") => StoreError::WentBack(reason),
                    _ => StoreError::Unavailable(reason),
                }
            }
        }
    }

    fn put_down(&self, troubled: u64, reason: Arc<str>) {
        let changed = self.health.send_if_modified(|health| match health {
            Health::Up { number, .. } if *number == troubled => {
                *health = Health::Down(Arc::clone(&reason));
                true
            }
            Health::Up { .. } | Health::Down(_) | Health::WentBack(_) => false,
        });
        if changed {
            tracing::error!(%reason, "store is in trouble");
            metrics::counter!("assent_store_troubles_total").increment(1);
            self.troubled.notify_one();
        }
    }

    /// The daemons on this store, as far as is known.
    pub fn daemons(&self) -> Daemons {
        self.daemons.borrow().clone()
    }

    /// The same, asked at this moment.
    pub async fn look_for_daemons(&self) -> Result<Daemons, StoreError> {
        Ok(self.ask(|wire| beat(wire, None)).await?.daemons)
    }

    // ----------------------------------------------------------------------------------------------- upkeep

    /// Keeps the line up, for ever.
    pub async fn keep(self: Arc<Self>) {
        loop {
            let reason = if self.is_up() { self.watch_over().await } else { "not connected".to_owned() };
            self.put_up_again(reason).await;
        }
    }

    /// Until there is trouble.
    async fn watch_over(&self) -> String {
        let mut ticks = tokio::time::interval(BEAT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.troubled.notified() => {
                    return match &*self.health.borrow() {
                        Health::Down(reason) | Health::WentBack(reason) => reason.to_string(),
                        Health::Up { .. } => continue,
                    };
                }
                _ = ticks.tick() => if let Err(reason) = self.beat().await {
                    return reason;
                },
            }
        }
    }

    /// A sign of life; and a look at whether everything is as it was.
    async fn beat(&self) -> Result<(), String> {
        self.remember();
        let Ok((wire, number)) = self.wire() else { return Err("not connected".to_owned()) };
        let looked = async {
            let beat = beat(wire.clone(), self.daemon).await?;
            Ok::<_, RedisError>((beat, self.dialler.masters_now(&wire).await?))
        };
        let wrong = match looked.await {
            Err(error) => Some(error.to_string()),
            Ok((beat, masters)) => {
                let seen = self.memory.seen();
                // Whoever has no memory of its own looks at a store as it is.
                let is_whole = !beat.went_back || !self.memory.is_kept();
                let is_known = seen.store.as_ref() == Some(&beat.store) && seen.accepted == beat.accepted;
                let is_same = is_known && is_whole;
                self.daemons.send_replace(beat.daemons);
                let moved = masters.is_some_and(|masters| self.masters_moved(number, &masters));
                (!is_same || moved).then(|| "the servers have changed".to_owned())
            }
        };
        match wrong {
            None => Ok(()),
            Some(reason) => {
                self.put_down(number, reason.as_str().into());
                Err(reason)
            }
        }
    }

    /// The servers that may be written to.
    pub fn masters(&self) -> Vec<Host> {
        let known = self.masters.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, masters)| masters.clone()).unwrap_or_default()
    }

    fn masters_moved(&self, number: u64, masters: &[Host]) -> bool {
        let known = self.masters.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().is_some_and(|(of, known)| *of == number && known != masters)
    }

    /// Writes down how far the store was seen.
    pub fn remember(&self) {
        if let Err(error) = self.memory.write_down() {
            tracing::warn!(%error, "could not write down how far the store was seen");
        }
    }

    async fn put_up_again(&self, mut reason: String) {
        // Before anything else: it may be what tells that the store went back.
        self.remember();
        let mut pause = PAUSE_MIN;
        let since = Instant::now();
        loop {
            match self.put_up(None).await {
                Ok(_) => {
                    tracing::info!(after_ms = since.elapsed().as_millis(), "store is back");
                    return;
                }
                Err(trouble) => {
                    let words = trouble.in_words();
                    if words != reason {
                        tracing::error!(reason = words, "store is not usable");
                    }
                    let shown: Arc<str> = words.as_str().into();
                    self.health.send_replace(match trouble {
                        Trouble::WentBack(_) => Health::WentBack(shown),
                        Trouble::Unreachable(_) | Trouble::Unsuitable(_) | Trouble::Unfinished => Health::Down(shown),
                    });
                    reason = words;
                }
            }
            // Not all daemons at the same instant.
            tokio::time::sleep(pause.mul_f64(0.75 + 0.5 * fraction())).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Dials, looks at everything, and puts the line up. `founding` is what a store is founded with where there is none.
    pub async fn put_up(&self, founding: Option<&Founding>) -> Result<Found, Trouble> {
        let Dialled { wire, masters } = self.dialler.dial().await?;
        let mut checked = Vec::new();
        for master in &masters {
            let mut server = self.dialler.connect(master).await?;
            checked.extend(suitability::look_at(&mut server, self.durability).await?);
        }
        checked.push(suitability::probe(&mut wire.clone()).await?);
        if checked.iter().any(|one| one.result.is_err()) {
            return Err(Trouble::Unsuitable(checked));
        }
        let seen = self.memory.seen();
        let found = found(&wire, founding.filter(|_| seen.store.is_none())).await?;
        if self.daemon.is_some() && found.copied.as_ref().is_some_and(Copied::is_unfinished) {
            return Err(Trouble::Unfinished);
        }
        let is_accepted = seen.store.is_some() && found.accepted > seen.accepted;
        if self.memory.is_kept() {
            let compared = if is_accepted { found.is_whole() } else { self.compare(&wire, &seen, &found).await };
            if let (Err(Trouble::WentBack(_)), Some(known)) = (&compared, &seen.store) {
                self.tell_everybody(wire.clone(), known, &found).await;
            }
            compared?;
        }
        self.recognize(&wire, &seen, &found).await?;
        self.daemons.send_replace(beat(wire.clone(), self.daemon).await?.daemons);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        *self.masters.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, masters));
        self.health.send_replace(Health::Up { wire, number });
        Ok(found)
    }

    /// Whether everything that was seen of the store is still there.
    pub async fn compare(&self, wire: &Wire, seen: &Seen, found: &Found) -> Result<(), Trouble> {
        let Some(known) = &seen.store else { return found.is_whole() };
        if found.store.is_empty() {
            return Err(Trouble::WentBack("it is empty, and was not".into()));
        }
        if *known != found.store {
            // Whoever moves along with a store finds everything that it has seen in what was copied.
            let moved = found.copied.as_ref().filter(|copied| copied.remembered.store.as_ref() == Some(known));
            if let Some(copied) = moved {
                return match seen.is_within(&copied.remembered) {
                    true => found.is_whole(),
                    false => {
                        Err(Trouble::WentBack("this daemon has seen more of the store that it was copied from".into()))
                    }
                };
            }
            return Err(Trouble::WentBack("it is not the store that this daemon has worked with".into()));
        }
        stream::iter(seen.marks.clone())
            .map(|(practice, mark)| is_still_there(wire.clone(), practice, mark))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await?;
        found.is_whole()
    }

    /// Leaves a mark in the store that it went back: what is missing was seen by this daemon, and perhaps by no other.
    async fn tell_everybody(&self, mut wire: Wire, known: &str, found: &Found) {
        if found.went_back || found.store != known {
            return;
        }
        let mut mark = redis::cmd("HSET");
        mark.arg(keys::META).arg("went_back").arg(found.accepted);
        if let Err(error) = mark.query_async::<()>(&mut wire).await {
            tracing::warn!(%error, "other daemons were not told that the store went back");
        }
    }

    /// Remembers the store as it is.
    async fn recognize(&self, wire: &Wire, seen: &Seen, found: &Found) -> Result<(), Trouble> {
        if self.opened.get().is_some_and(|opened| *opened != found.store) {
            self.replaced.send_replace(true);
            return Err(Trouble::Unreachable("another store has taken its place".into()));
        }
        let is_another = seen.store.as_ref() != Some(&found.store);
        if is_another || found.accepted > seen.accepted {
            let marks = Default::default();
            let store = Some(found.store.clone()).filter(|store| !store.is_empty());
            self.memory.start_over(Seen { store, accepted: found.accepted, marks });
        }
        stream::iter(practices(wire.clone()).await?)
            .map(|practice| self.see(wire.clone(), practice))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await?;
        self.memory.write_down().map_err(|error| Trouble::Unreachable(error.to_string()))
    }

    /// Remembers the newest occurrence of a practice.
    async fn see(&self, mut wire: Wire, practice: PracticeId) -> Result<(), Trouble> {
        let newest: Vec<Entry> = redis::cmd("XREVRANGE")
            .arg(keys::Of(&practice).events())
            .arg("+")
            .arg("-")
            .arg("COUNT")
            .arg(1)
            .query_async(&mut wire)
            .await?;
        if let Some(mark) = newest.first().and_then(mark_of) {
            self.memory.note(&practice, mark);
        }
        Ok(())
    }
}

/// Every practice, in the order in which they came.
pub async fn practices(mut wire: Wire) -> RedisResult<Vec<PracticeId>> {
    let ids: Vec<String> = redis::cmd("ZRANGE").arg(keys::PRACTICES).arg(0).arg(-1).query_async(&mut wire).await?;
    Ok(ids.iter().filter_map(|id| PracticeId::parse(id).ok()).collect())
}

/// What a store is founded with.
pub struct Founding {
    pub store: String,
    pub key: String,
    /// The secret of the look-ups, sealed with that key.
    pub look_ups: Vec<u8>,
}

/// Store, schema, acceptances, whether it went back since, secrets of the look-ups, mark of a copy.
type FoundFields = (String, String, u64, bool, Vec<(String, Vec<u8>)>, HashMap<String, String>);

/// What is at the other end; founds it where there is nothing, if it is told with what.
pub async fn found(wire: &Wire, founding: Option<&Founding>) -> Result<Found, Trouble> {
    let mut invocation = FOUND.key(keys::META);
    invocation.key(keys::SEALING_KEYS).key(keys::COPY);
    match founding {
        Some(Founding { store, key, look_ups }) => invocation.arg(store).arg(SCHEMA).arg(key).arg(look_ups.as_slice()),
        None => invocation.arg("").arg(SCHEMA).arg("").arg(""),
    };
    let (store, schema, accepted, went_back, look_ups, copy): FoundFields =
        invocation.invoke_async(&mut wire.clone()).await?;
    let copied = Copied::read(copy).map_err(|error| Trouble::Unreachable(error.to_string()))?;
    Ok(Found { store, schema: schema.parse().unwrap_or(0), accepted, went_back, look_ups, copied })
}

/// An entry of a stream: its id, and names and values in turn.
type Entry = (String, Vec<Vec<u8>>);

fn mark_of((id, fields): &Entry) -> Option<Mark> {
    let occurrence = id.split('-').next()?.parse().ok()?;
    let operation = fields.chunks_exact(2).find(|pair| pair[0] == b"o")?[1].as_slice().try_into().ok()?;
    Some(Mark { occurrence, operation })
}

/// What was seen is there, or so old that it is kept no longer.
async fn is_still_there(mut wire: Wire, practice: PracticeId, mark: Mark) -> Result<(), Trouble> {
    let of = keys::Of(&practice);
    let place = format!("{}-0", mark.occurrence);
    let (newest, oldest, entry): (Option<u64>, Vec<Entry>, Vec<Entry>) = redis::pipe()
        .cmd("HGET")
        .arg(of.totals())
        .arg("occurrences")
        .cmd("XRANGE")
        .arg(of.events())
        .arg("-")
        .arg("+")
        .arg("COUNT")
        .arg(1)
        .cmd("XRANGE")
        .arg(of.events())
        .arg(&place)
        .arg(&place)
        .query_async(&mut wire)
        .await?;
    let lost = |what: &str| Err(Trouble::WentBack(format!("practice {practice} {what}")));
    if newest.unwrap_or(0) < mark.occurrence {
        return lost(&format!("has {} occurrences, and this daemon has seen {}", newest.unwrap_or(0), mark.occurrence));
    }
    let is_kept = oldest.first().and_then(mark_of).is_some_and(|oldest| oldest.occurrence <= mark.occurrence);
    match entry.first().and_then(mark_of) {
        Some(found) if found == mark => Ok(()),
        Some(_) => lost("has another history than this daemon has seen"),
        None if is_kept => lost("has lost an occurrence that this daemon has seen"),
        None => Ok(()),
    }
}

/// What a sign of life brings back.
struct Beat {
    store: String,
    accepted: u64,
    went_back: bool,
    daemons: Daemons,
}

/// Gives a sign of life of a daemon, or only looks for the others'.
async fn beat(mut wire: Wire, daemon: Option<BootId>) -> RedisResult<Beat> {
    let (now, store, accepted, went_back, seen): (u64, String, u64, bool, Vec<(String, u64)>) = BEAT
        .key(keys::META)
        .key(keys::DAEMONS)
        .key(keys::session_ends(daemon.unwrap_or(BootId(0))))
        .arg(daemon.map(keys::boot).unwrap_or_default())
        .arg(u64::try_from(FORGOTTEN.as_micros()).expect("a day is short"))
        .arg(u64::try_from(LAPSE.as_micros()).expect("it is seconds"))
        .arg(SESSION_ENDS_KEPT)
        .arg(SESSION_ENDS_FORGOTTEN_S)
        .invoke_async(&mut wire)
        .await?;
    let boots = seen.into_iter().filter_map(|(boot, at)| Some((BootId(u64::from_str_radix(&boot, 16).ok()?), at)));
    Ok(Beat { store, accepted, went_back, daemons: Daemons { now, seen: boots.collect() } })
}

/// Chance, from 0 up to 1.
fn fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX)
}
