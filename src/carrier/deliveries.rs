//! What the carrier delivered and is being made durable: many phones at once, each in order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::patience::Patience;
use crate::domain::Phone;
use crate::ports::{Delivery, NotTaken, Reception};

/// Deliveries that are worked on at once. The socket is not read while there are as many.
pub const AT_ONCE_MAX: usize = 64;
/// How long the store may take nothing before the carrier is left, so that it keeps the rest.
const PATIENCE: Duration = Duration::from_secs(5);

/// A delivery, and how it is to be answered once it is durable.
pub struct Handed {
    pub sequence: u32,
    pub command_status: u32,
    pub delivery: Delivery,
}

/// A delivery that was worked on.
pub struct Done {
    pub sequence: u32,
    pub command_status: u32,
    pub result: Result<(), NotTaken>,
    source: Option<Phone>,
}

/// The deliveries of one session.
pub struct Deliveries {
    reception: Arc<dyn Reception>,
    waiting: VecDeque<Handed>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Phones of which a delivery is being worked on.
    busy: HashSet<Phone>,
    /// Phones of which a delivery was not taken. What came after it is left to the carrier as well: a START must not
    /// arrive after the STOP that the patient sent later.
    ///
    /// With each, how long that is borne.
    left: HashMap<Phone, Instant>,
    failing: Option<Failing>,
    patience: Arc<Mutex<Patience>>,
    any: bool,
}

/// Some delivery was not taken.
#[derive(Clone, Copy)]
struct Failing {
    /// When the carrier is left for the sake of one.
    patience_ends: Instant,
    /// Since when none was taken.
    all_since: Option<Instant>,
}

impl Deliveries {
    pub fn new(reception: Arc<dyn Reception>, patience: Arc<Mutex<Patience>>) -> Self {
        Self {
            reception,
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            busy: HashSet::new(),
            left: HashMap::new(),
            failing: None,
            patience,
            any: false,
        }
    }

    pub fn hand(&mut self, handed: Handed) {
        self.any = true;
        self.waiting.push_back(handed);
        self.start();
    }

    /// Whether the socket may be read.
    pub fn have_room(&self) -> bool {
        self.waiting.len() + self.running.len() < AT_ONCE_MAX
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Whether there ever was one.
    pub fn were_any(&self) -> bool {
        self.any
    }

    /// When the carrier is to be left, unless the store recovers.
    pub fn give_up_at(&self) -> Option<Instant> {
        let Failing { patience_ends, all_since } = self.failing?;
        Some(all_since.map_or(patience_ends, |all_since| patience_ends.min(all_since + PATIENCE)))
    }

    /// The carrier is being left: those for whose sake that happens are borne longer the next time.
    pub fn gave_up(&mut self, now: Instant) {
        let mut patience = lock(&self.patience);
        let due = self.left.iter().filter(|(_, patience_ends)| **patience_ends <= now);
        due.for_each(|(phone, _)| patience.ended(phone, now));
    }

    /// The next one that is done; `None` while there is none.
    pub async fn next(&mut self, now: impl Fn() -> Instant) -> Option<Done> {
        let done = self.running.next().await?;
        if let Some(source) = &done.source {
            self.busy.remove(source);
        }
        match done.result {
            Ok(()) => {
                if let Some(source) = &done.source {
                    lock(&self.patience).taken(source);
                }
                if let Some(failing) = &mut self.failing {
                    failing.all_since = None;
                }
            }
            Err(NotTaken) => {
                let now = now();
                let patience_ends = now + lock(&self.patience).with(done.source.as_ref(), now);
                self.left.extend(done.source.clone().map(|phone| (phone, patience_ends)));
                let failing = self.failing.get_or_insert(Failing { patience_ends, all_since: None });
                failing.patience_ends = failing.patience_ends.min(patience_ends);
                failing.all_since.get_or_insert(now);
            }
        }
        self.start();
        Some(done)
    }

    /// Waits for those that have begun; the others were never begun. Not longer than `patience`.
    pub async fn settle(mut self, patience: Duration) {
        let all = async { while self.running.next().await.is_some() {} };
        // What is still under way keeps running by itself, and is not answered.
        let _ = tokio::time::timeout(patience, all).await;
    }

    /// Begins what can be begun: of each phone one at a time, in the order in which they came.
    fn start(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() && self.running.len() < AT_ONCE_MAX {
            let source = source(&self.waiting[index].delivery);
            if source.is_some_and(|phone| self.left.contains_key(phone)) {
                self.waiting.remove(index);
                continue;
            }
            if source.is_some_and(|phone| self.busy.contains(phone)) {
                index += 1;
                continue;
            }
            let source = source.cloned();
            self.busy.extend(source.clone());
            let Handed { sequence, command_status, delivery } =
                self.waiting.remove(index).expect("the index is below the length");
            let reception = Arc::clone(&self.reception);
            // A task of its own: neither the end of the session nor a panic in there takes the other with it.
            let work = tokio::spawn(async move { reception.deliver(delivery).await });
            self.running.push(Box::pin(async move {
                let result = work.await.unwrap_or(Err(NotTaken));
                Done { sequence, command_status, result, source }
            }));
        }
    }
}

fn lock(patience: &Mutex<Patience>) -> MutexGuard<'_, Patience> {
    patience.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose deliveries are kept in order.
fn source(delivery: &Delivery) -> Option<&Phone> {
    match delivery {
        Delivery::Text { from, .. } => Some(from),
        Delivery::Receipt { phone, .. } => Some(phone),
        Delivery::Unroutable(_) => None,
    }
}
