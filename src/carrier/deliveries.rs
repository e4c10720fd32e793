//! What the carrier delivered and is being made durable: many phones at once, each in order.
//!
//! What is not taken is offered again while the carrier still waits for the answer, so that a moment without the store
//! costs no session. After that only silence is left: the carrier keeps it, and delivers it again after the next bind.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::frame::Request;
use super::patience::Patience;
use crate::domain::{DeliveryId, Phone};
use crate::ports::{Delivery, NotTaken, Reception};

/// Deliveries that are worked on at once. The socket is not read while there are as many.
pub const AT_ONCE_MAX: usize = 64;
/// How long the store may take nothing before the carrier is left, so that it keeps the rest.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two offers of a delivery.
const PAUSE: Duration = Duration::from_secs(1);
/// An answer that goes out so shortly before the carrier gives up may come to it after that.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// How long it is tried to say of a text that its answer is late.
const TELL_LATE_MAX: Duration = Duration::from_secs(5);
/// Deliveries of one phone that are kept: the one that was not taken, and those that wait for it.
const HELD_MAX: usize = 8;
/// Phones of which something was not taken. With as many the carrier is left at once.
const UNTAKEN_MAX: usize = 1_024;

/// A delivery, and how it is to be answered once it is durable.
pub struct Handed {
    pub request: Request,
    pub command_status: u32,
    /// What the answer calls it.
    pub id: DeliveryId,
    pub delivery: Delivery,
    /// The beginning of the turn in which it was read. The carrier waits for the answer since then, or longer.
    pub came_at: Instant,
}

/// An offer of a delivery that is over.
pub struct Done {
    pub request: Request,
    pub command_status: u32,
    pub id: DeliveryId,
    pub result: Result<(), NotTaken>,
    /// What is to be said of it if its answer is late.
    pub late: Option<Delivery>,
}

/// The deliveries of one session.
pub struct Deliveries {
    reception: Arc<dyn Reception>,
    waiting: VecDeque<Handed>,
    running: FuturesUnordered<BoxFuture<'static, Offered>>,
    /// Phones of which a delivery is being worked on.
    busy: HashSet<Phone>,
    /// What was not taken, by its phone; what has no phone is together.
    untaken: HashMap<Option<Phone>, Untaken>,
    /// Since when none was taken of those that came.
    all_since: Option<Instant>,
    patience: Arc<Mutex<Patience>>,
    /// How long the carrier waits for an answer. As long as that a delivery is offered; a later answer is lost on the
    /// carrier, and the text comes a second time.
    answer_within: Duration,
    /// Late answers that are being told of.
    telling: TaskTracker,
    any: bool,
}

/// A delivery after it was offered.
struct Offered {
    handed: Handed,
    result: Result<(), NotTaken>,
}

/// A phone of which a delivery was not taken. What came after it does not go ahead: a START must not arrive after the STOP
/// that the patient sent later.
struct Untaken {
    /// When the carrier is left for its sake.
    patience_ends: Instant,
    /// The first is offered again then, unless that is being done.
    again_at: Option<Instant>,
    held: VecDeque<Handed>,
    /// The carrier keeps something of it, and so everything after that.
    is_left: bool,
}

impl Untaken {
    /// Deliveries that are to be made durable yet, the one that is being offered among them.
    fn kept(&self) -> usize {
        self.held.len() + usize::from(self.again_at.is_none())
    }
}

impl Deliveries {
    pub fn new(reception: Arc<dyn Reception>, patience: Arc<Mutex<Patience>>, answer_within: Duration) -> Self {
        Self {
            reception,
            waiting: VecDeque::new(),
            running: FuturesUnordered::new(),
            busy: HashSet::new(),
            untaken: HashMap::new(),
            all_since: None,
            patience,
            answer_within,
            telling: TaskTracker::new(),
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

    /// Whether none is being worked on.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty() && self.telling.is_empty()
    }

    /// Whether there ever was one.
    pub fn were_any(&self) -> bool {
        self.any
    }

    /// When the carrier is to be left, unless the store recovers.
    pub fn give_up_at(&self) -> Option<Instant> {
        let one = self.untaken.values().map(|untaken| untaken.patience_ends).min();
        let all = self.all_since.map(|all_since| all_since + PATIENCE);
        one.into_iter().chain(all).min()
    }

    /// The carrier is being left: those for whose sake that happens are borne longer the next time.
    pub fn gave_up(&mut self, now: Instant) {
        let mut patience = lock(&self.patience);
        let due = self.untaken.iter().filter(|(_, untaken)| untaken.patience_ends <= now);
        due.filter_map(|(phone, _)| phone.as_ref()).for_each(|phone| patience.ended(phone, now));
    }

    /// When something is to be offered again.
    pub fn again_at(&self) -> Option<Instant> {
        let has_room = self.running.len() < AT_ONCE_MAX;
        self.untaken.values().filter_map(|untaken| untaken.again_at).min().filter(|_| has_room)
    }

    /// Offers again what is due.
    pub fn offer_again(&mut self, now: Instant) {
        let room = AT_ONCE_MAX.saturating_sub(self.running.len());
        let due = self.untaken.values_mut().filter(|untaken| untaken.again_at.is_some_and(|at| at <= now));
        let firsts = due.take(room).filter_map(|untaken| {
            untaken.again_at = None;
            untaken.held.pop_front()
        });
        for handed in firsts.collect::<Vec<_>>() {
            self.offer(handed);
        }
    }

    /// The next offer that is over; `None` while none is being made.
    pub async fn next(&mut self) -> Option<Done> {
        let Offered { handed, result } = self.running.next().await?;
        let Handed { request, command_status, id, .. } = handed;
        let late = handed.delivery.answered_late();
        let phone = source(&handed.delivery).cloned();
        if let Some(phone) = &phone {
            self.busy.remove(phone);
        }
        match result {
            Ok(()) => self.taken(&phone),
            Err(NotTaken) => self.not_taken(phone, handed, Instant::now()),
        }
        self.start();
        Some(Done { request, command_status, id, result, late })
    }

    /// Makes durable that an answer is late, or never comes.
    pub fn tell_late(&self, late: Delivery) {
        let reception = Arc::clone(&self.reception);
        self.telling.spawn(async move {
            let _ = reception.deliver(late, Instant::now() + TELL_LATE_MAX).await;
        });
    }

    /// Leaves to the carrier what is not being made durable yet.
    pub fn leave_the_rest(&mut self) {
        self.waiting.clear();
        for untaken in self.untaken.values_mut() {
            (untaken.again_at, untaken.is_left) = (None, true);
            untaken.held.clear();
        }
    }

    /// Waits for those that are being made durable; the others never will be. Not longer than `patience`.
    pub async fn settle(mut self, patience: Duration) {
        self.telling.close();
        let all = async {
            while self.running.next().await.is_some() {}
            self.telling.wait().await;
        };
        // What is still under way keeps running by itself, and is not answered.
        let _ = tokio::time::timeout(patience, all).await;
    }

    fn taken(&mut self, phone: &Option<Phone>) {
        self.all_since = None;
        if let Some(phone) = phone {
            lock(&self.patience).taken(phone);
        }
        let Some(untaken) = self.untaken.get_mut(phone) else { return };
        match untaken.held.pop_front() {
            Some(next) => self.offer(next),
            None if untaken.is_left => {}
            None => {
                self.untaken.remove(phone);
            }
        }
    }

    fn not_taken(&mut self, phone: Option<Phone>, handed: Handed, now: Instant) {
        if !self.untaken.contains_key(&phone) {
            // What is offered again and again tells of its own conversation, not of the store.
            self.all_since.get_or_insert(now);
        }
        let patience = match self.untaken.len() < UNTAKEN_MAX {
            true => lock(&self.patience).with(phone.as_ref(), now),
            false => Duration::ZERO,
        };
        let fresh = || Untaken { patience_ends: now + patience, again_at: None, held: VecDeque::new(), is_left: false };
        let untaken = self.untaken.entry(phone).or_insert_with(fresh);
        if now + PAUSE < handed.came_at + self.answer_within {
            untaken.held.push_front(handed);
            untaken.again_at = Some(now + PAUSE);
        } else {
            untaken.held.clear();
            untaken.is_left = true;
        }
    }

    /// Begins what can be begun: of each phone one at a time, in the order in which they came.
    fn start(&mut self) {
        let mut index = 0;
        while index < self.waiting.len() && self.running.len() < AT_ONCE_MAX {
            let phone = source(&self.waiting[index].delivery).cloned();
            let is_busy = phone.as_ref().is_some_and(|phone| self.busy.contains(phone));
            let untaken = self.untaken.get_mut(&phone);
            if is_busy && untaken.is_none() {
                index += 1;
                continue;
            }
            let handed = self.waiting.remove(index).expect("the index is below the length");
            match untaken {
                None => self.offer(handed),
                Some(untaken) if untaken.is_left || untaken.kept() >= HELD_MAX => untaken.is_left = true,
                Some(untaken) => untaken.held.push_back(handed),
            }
        }
    }

    fn offer(&mut self, handed: Handed) {
        self.busy.extend(source(&handed.delivery).cloned());
        let (reception, delivery) = (Arc::clone(&self.reception), handed.delivery.clone());
        // A task of its own: neither the end of the session nor a panic in there takes the other with it.
        let until = handed.came_at + self.answer_within;
        let work = tokio::spawn(deliver(reception, delivery, until));
        self.running.push(Box::pin(async move {
            let result = work.await.unwrap_or(Err(NotTaken));
            Offered { handed, result }
        }));
    }
}

/// Makes a delivery durable, and with it that its answer is late if it is: before the phone's next one is looked at, which
/// may be the same again. Where only the first of both is, the answer is given all the same: a text that is durable is
/// not offered again, because another daemon may have been brought it meanwhile. What was not taken may be durable without
/// our knowing, and its answer, which never comes, is as late as any.
async fn deliver(reception: Arc<dyn Reception>, delivery: Delivery, until: Instant) -> Result<(), NotTaken> {
    let late = delivery.answered_late();
    let taken = reception.deliver(delivery, until).await;
    if let Some(late) = late.filter(|_| Instant::now() + ON_THE_WAY >= until) {
        let _ = reception.deliver(late, Instant::now() + TELL_LATE_MAX).await;
    }
    taken
}

fn lock(patience: &Mutex<Patience>) -> MutexGuard<'_, Patience> {
    patience.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose deliveries are kept in order.
fn source(delivery: &Delivery) -> Option<&Phone> {
    match delivery {
        Delivery::Text { from, .. } => Some(from),
        Delivery::Receipt { phone, .. } | Delivery::Reachable { phone, .. } | Delivery::AnsweredLate { phone, .. } => {
            Some(phone)
        }
        Delivery::Unroutable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use jiff::Timestamp;

    use super::*;
    use crate::domain::{Body, Fingerprint, Form, Inbound};

    /// Takes nothing, or does not know that it did.
    #[derive(Default)]
    struct Forgetful(Mutex<Vec<Delivery>>);

    #[async_trait]
    impl Reception for Forgetful {
        async fn deliver(&self, delivery: Delivery, _: Instant) -> Result<(), NotTaken> {
            self.0.lock().unwrap().push(delivery);
            Err(NotTaken)
        }

        async fn session_ended(&self, _: Timestamp) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_that_may_be_durable_without_our_knowing_does_not_show_twice_for_having_come_before_a_standstill() {
        let [practice, patient] = ["+13035550100", "+13035550123"].map(|phone| Phone::parse(phone).unwrap());
        let inbound = Inbound {
            text: Body::new("hello"),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint([0; 16]),
            delivery: Some(DeliveryId(1)),
            earlier_session_ended: None,
            session_began: None,
            written: Default::default(),
        };
        let text = Delivery::Text { from: patient, to: practice, inbound };
        for (waited, told) in [(8, 1), (9, 2)] {
            let reception = Arc::new(Forgetful::default());
            let until = Instant::now() + Duration::from_secs(10);
            tokio::time::advance(Duration::from_secs(waited)).await;
            assert!(deliver(reception.clone(), text.clone(), until).await.is_err());
            let begun = reception.0.lock().unwrap();
            assert_eq!(begun.len(), told, "{waited} seconds");
            assert_eq!(matches!(begun.last(), Some(Delivery::AnsweredLate { .. })), told == 2);
        }
    }
}
