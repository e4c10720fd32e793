//! The rate limit of each practice number, in segments: a bucket per number, which is arithmetic on time.
//!
//! Whoever waits for a turn waits in order. While a turn is held and not spent, as when no carrier link is up,
//! nobody behind it spends anything either: an outage does not end in a burst.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex as FairMutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::domain::{Phone, Precedence};
use crate::ports::{Throttle, Turn};

/// The share of a minute's segments that may leave at once after a quiet time.
const BURST_SHARE: u32 = 5;

/// The limit of one daemon's numbers. Its state lasts as long as the daemon.
#[derive(Default)]
pub struct LocalThrottle {
    numbers: Mutex<HashMap<Phone, Number>>,
}

/// One number's bucket, and the door before it through which all come but those that go first: at most one of the
/// others stands between them and the bucket.
#[derive(Clone, Default)]
struct Number {
    door: Arc<FairMutex<()>>,
    bucket: Arc<FairMutex<Bucket>>,
}

#[async_trait]
impl Throttle for LocalThrottle {
    async fn turn(
        &self,
        number: &Phone,
        segments: u32,
        per_minute: NonZeroU32,
        precedence: Precedence,
    ) -> Box<dyn Turn> {
        let Number { door, bucket } = {
            let mut numbers = self.numbers.lock().expect("no holder of the lock panics");
            numbers.entry(number.clone()).or_default().clone()
        };
        let in_the_door = match precedence {
            Precedence::First => None,
            Precedence::InTurn => Some(door.lock_owned().await),
        };
        let bucket = bucket.lock_owned().await;
        if let Some(ready_at) = bucket.ready_at(segments, per_minute) {
            tokio::time::sleep_until(ready_at).await;
        }
        Box::new(LocalTurn { bucket, segments, per_minute, _in_the_door: in_the_door })
    }
}

struct LocalTurn {
    bucket: OwnedMutexGuard<Bucket>,
    segments: u32,
    per_minute: NonZeroU32,
    _in_the_door: Option<OwnedMutexGuard<()>>,
}

impl Turn for LocalTurn {
    fn spend(mut self: Box<Self>) {
        let LocalTurn { segments, per_minute, .. } = *self;
        self.bucket.spend(segments, per_minute, Instant::now());
    }
}

/// The generic cell rate algorithm (ITU-T I.371), kept as the instant at which the bucket will be full again.
#[derive(Debug, Default)]
struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// When there is room for this many segments; `None` when there is room at any time. More segments than
    /// a burst holds need a full bucket.
    fn ready_at(&self, segments: u32, per_minute: NonZeroU32) -> Option<Instant> {
        let burst = (per_minute.get() / BURST_SHARE).max(1);
        let spare = interval(per_minute) * (burst - segments.min(burst));
        self.full_at.map(|full_at| full_at.checked_sub(spare).unwrap_or(full_at))
    }

    fn spend(&mut self, segments: u32, per_minute: NonZeroU32, now: Instant) {
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = Some(from + interval(per_minute) * segments);
    }
}

/// The time that one segment takes.
fn interval(per_minute: NonZeroU32) -> Duration {
    Duration::from_mins(1) / per_minute.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();

    async fn send(throttle: &LocalThrottle, segments: u32) {
        let number = Phone::parse("+13035550100").unwrap();
        throttle.turn(&number, segments, PER_MINUTE, Precedence::InTurn).await.spend();
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
        let throttle = LocalThrottle::default();
        let start = Instant::now();
        for _ in 0..12 {
            send(&throttle, 1).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        send(&throttle, 1).await;
        assert_eq!(start.elapsed().as_millis(), 1_000);
        send(&throttle, 3).await;
        assert_eq!(start.elapsed().as_secs(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_larger_than_a_burst_waits_for_a_full_bucket_and_no_longer() {
        let throttle = LocalThrottle::default();
        let start = Instant::now();
        send(&throttle, 20).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        send(&throttle, 12).await;
        assert_eq!(start.elapsed().as_secs(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_not_used_spends_nothing_and_holds_the_others_back() {
        let throttle = Arc::new(LocalThrottle::default());
        let number = Phone::parse("+13035550100").unwrap();
        let held = throttle.turn(&number, 1, PER_MINUTE, Precedence::InTurn).await;
        let other = tokio::spawn({
            let throttle = Arc::clone(&throttle);
            async move { send(&throttle, 1).await }
        });
        tokio::time::advance(Duration::from_mins(5)).await;
        assert!(!other.is_finished());
        drop(held);
        other.await.unwrap();
        let bucket = Arc::clone(&throttle.numbers.lock().unwrap()[&number].bucket);
        assert!(bucket.lock().await.full_at.is_some(), "the other one spent its turn, this one did not");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_does_not_end_in_a_burst() {
        let throttle = LocalThrottle::default();
        send(&throttle, 12).await;
        tokio::time::advance(Duration::from_mins(60)).await;
        let start = Instant::now();
        for _ in 0..13 {
            send(&throttle, 1).await;
        }
        assert_eq!(start.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_to_a_stop_does_not_wait_behind_a_hundred_texts_of_staff() {
        let throttle = Arc::new(LocalThrottle::default());
        let number = Phone::parse("+13035550100").unwrap();
        for _ in 0..100 {
            let throttle = Arc::clone(&throttle);
            tokio::spawn(async move { send(&throttle, 1).await });
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        let start = Instant::now();
        throttle.turn(&number, 1, PER_MINUTE, Precedence::First).await.spend();
        assert!(start.elapsed() <= Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
