//! The rate limit of each practice number, in segments. What a number has sent is in the store, shared by all daemons and
//! kept over restarts; here those wait who want to send, and segments are drawn for many of them at once.
//!
//! Whoever waits for a turn waits in order. While a turn is held and not spent, as when no carrier link is up,
//! nobody behind it spends anything either: an outage does not end in a burst.

mod clerk;
mod line;
mod purse;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::domain::{MessageId, Practice, PracticeId, Precedence};
use crate::ports::{Asked, Clock, DaySpent, Meters, Throttle, Turn};
use clerk::{Clerk, Desk};

/// The limit of all numbers, on the meters that the store keeps. There is a clerk for each practice that has sent
/// something since the daemon started.
pub struct MeteredThrottle {
    meters: Arc<dyn Meters>,
    clock: Arc<dyn Clock>,
    numbers: Mutex<HashMap<PracticeId, Number>>,
    stopping: CancellationToken,
    _stops: DropGuard,
}

struct Number {
    desk: Arc<Desk>,
    clerk: JoinHandle<()>,
}

impl MeteredThrottle {
    /// `clock` says around which day it is; how time passes for a number is for the store's clock to say.
    pub fn new(meters: Arc<dyn Meters>, clock: Arc<dyn Clock>) -> Self {
        let stopping = CancellationToken::new();
        let stops = stopping.clone().drop_guard();
        Self { meters, clock, numbers: Mutex::default(), stopping, _stops: stops }
    }

    /// The desk of a practice, with a clerk behind it.
    fn desk(&self, practice: &Practice) -> Arc<Desk> {
        let mut numbers = self.lock();
        let number = numbers.entry(practice.id.clone()).or_insert_with(|| {
            let desk = Desk::new(practice.id.clone(), practice.rate());
            Number { clerk: self.employ(&desk), desk }
        });
        if number.clerk.is_finished() {
            // It panicked.
            number.clerk = self.employ(&number.desk);
        }
        Arc::clone(&number.desk)
    }

    fn employ(&self, desk: &Arc<Desk>) -> JoinHandle<()> {
        let clerk = Clerk::new(Arc::clone(desk), Arc::clone(&self.meters), Arc::clone(&self.clock));
        tokio::spawn(clerk.work(self.stopping.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PracticeId, Number>> {
        self.numbers.lock().expect("no holder of the lock panics")
    }
}

#[async_trait]
impl Throttle for MeteredThrottle {
    async fn turn(&self, practice: &Practice, asked: Asked) -> Result<Box<dyn Turn>, DaySpent> {
        let turn = self.desk(practice).wait(practice.rate(), asked).await?;
        Ok(Box::new(turn))
    }

    fn ahead(&self, practice: &PracticeId, id: MessageId, precedence: Precedence) -> u32 {
        self.lock().get(practice).map_or(0, |number| number.desk.ahead_of(id, precedence))
    }
}
