//! How fast a link may send: what the contract allows, and less for a while after the carrier said that it was too fast.
//! It is told the time and never asks for it.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Nothing is sent for this long after the carrier said that we are too fast.
const PAUSE: Duration = Duration::from_secs(1);
/// From standstill to what the contract allows. The rate grows evenly, so that a halved one is back in half of this.
const RECOVERY: Duration = Duration::from_secs(30);
/// However often it is halved, this part of the contract's rate is left.
const SHARE_MIN: f64 = 1.0 / 64.0;
/// However slow a link is, a segment goes in this time, so that a carrier that is well again is found to be. The slowest
/// contract, of one segment a second, is faster.
const INTERVAL_MAX: Duration = Duration::from_secs(4);
/// What the contract allows in this part of a second may go at once.
const BURST_PART_OF_A_SECOND: f64 = 20.0;

/// The rate of one link.
#[derive(Debug)]
pub struct Pace {
    per_second: f64,
    /// What part of the contract's rate was ours when the carrier last said that it was too fast.
    share: f64,
    /// When the pause after that is over; the share grows from then on.
    throttled_until: Option<Instant>,
    /// When the next segment is due, if they go evenly.
    due: Instant,
}

impl Pace {
    pub fn new(segments_per_second: NonZeroU32, now: Instant) -> Self {
        Self { per_second: f64::from(segments_per_second.get()), share: 1.0, throttled_until: None, due: now }
    }

    /// Takes the turn of one segment; or says when to ask again.
    pub fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.throttled_until.filter(|until| *until > now) {
            return Err(until);
        }
        let interval = Duration::from_secs_f64(1.0 / (self.per_second * self.share(now))).min(INTERVAL_MAX);
        let at_once = self.due.checked_sub(self.headroom(now)).unwrap_or(self.due);
        if at_once > now {
            return Err(at_once);
        }
        self.due = self.due.max(now) + interval;
        Ok(())
    }

    /// The carrier said that we are too fast: pauses, and halves the rate. What it says of texts that were on their way
    /// meanwhile is not said again.
    pub fn throttled(&mut self, now: Instant) {
        if self.throttled_until.is_some_and(|until| until > now) {
            return;
        }
        self.share = (self.share(now) / 2.0).max(SHARE_MIN);
        let until = now + PAUSE;
        self.throttled_until = Some(until);
        // A slow link may be further ahead of an even flow than the pause is long.
        self.due = self.due.max(until);
    }

    /// What part of the contract's rate is ours now.
    fn share(&self, now: Instant) -> f64 {
        let Some(since) = self.throttled_until else { return 1.0 };
        let grown = now.saturating_duration_since(since).as_secs_f64() / RECOVERY.as_secs_f64();
        (self.share + grown).min(1.0)
    }

    /// How far ahead of an even flow segments may go. While we are slowed down, not at all.
    fn headroom(&self, now: Instant) -> Duration {
        if self.share(now) < 1.0 {
            return Duration::ZERO;
        }
        let burst = (self.per_second / BURST_PART_OF_A_SECOND).floor().max(1.0);
        Duration::from_secs_f64((burst - 1.0) / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A link that always has something to send, and a clock.
    struct Busy {
        pace: Pace,
        now: Instant,
    }

    impl Busy {
        fn with(segments_per_second: u32) -> Self {
            let now = tokio::time::Instant::now().into_std();
            Self { pace: Pace::new(segments_per_second.try_into().unwrap(), now), now }
        }

        /// Sends what may go in this time; how many segments that was.
        fn sends_for(&mut self, time: Duration) -> u32 {
            let end = self.now + time;
            let mut sent = 0;
            loop {
                match self.pace.take(self.now) {
                    Ok(()) => sent += 1,
                    Err(at) if at >= end => break,
                    Err(at) => {
                        assert!(at > self.now, "asking again at once would never end");
                        self.now = at;
                    }
                }
            }
            self.now = end;
            sent
        }

        fn throttled(&mut self) {
            self.pace.throttled(self.now);
        }
    }

    #[track_caller]
    fn about(expected: u32, found: u32) {
        assert!(expected.abs_diff(found) <= 2 + expected / 20, "{found} segments instead of about {expected}");
    }

    #[test]
    fn a_link_keeps_to_its_contract() {
        let mut link = Busy::with(100);
        about(105, link.sends_for(SECOND));
        assert_eq!(link.sends_for(SECOND), 100);
        // Who was idle has not saved anything up but the burst.
        link.now += 60 * SECOND;
        about(105, link.sends_for(SECOND));
        let mut slow = Busy::with(1);
        assert_eq!(slow.sends_for(10 * SECOND), 10);
    }

    #[test]
    fn a_carrier_that_is_overrun_gets_a_pause_and_half_the_rate() {
        let mut link = Busy::with(100);
        link.sends_for(SECOND);
        link.throttled();
        assert_eq!(link.sends_for(PAUSE), 0);
        about(51, link.sends_for(SECOND));
    }

    #[test]
    fn a_pause_does_not_let_a_slow_link_send_earlier_than_it_would_have() {
        let mut link = Busy::with(1);
        for _ in 0..10 {
            link.throttled();
            link.now += PAUSE;
        }
        assert!(link.pace.take(link.now).is_ok(), "and the next is due four seconds later");
        link.throttled();
        assert_eq!(link.sends_for(3 * SECOND), 0);
        assert_eq!(link.sends_for(2 * SECOND), 1);
    }

    #[test]
    fn the_rate_grows_evenly_until_it_is_what_the_contract_allows() {
        let mut link = Busy::with(100);
        link.throttled();
        link.sends_for(PAUSE);
        for tenths in [55, 65, 75, 85, 95, 100, 100] {
            about(3 * tenths, link.sends_for(3 * SECOND));
        }
    }

    #[test]
    fn what_a_whole_window_is_told_at_once_halves_the_rate_once() {
        let mut link = Busy::with(100);
        for _ in 0..10 {
            link.throttled();
            link.now += PAUSE / 20;
        }
        link.sends_for(PAUSE / 2);
        about(51, link.sends_for(SECOND));
    }

    #[test]
    fn a_carrier_that_throttles_for_a_minute_is_at_full_speed_again_within_thirty_seconds() {
        let mut link = Busy::with(100);
        for _ in 0..60 {
            link.throttled();
            let sent = link.sends_for(SECOND);
            assert_eq!(sent, 0, "it pauses each time");
        }
        assert!(link.sends_for(SECOND) >= 1, "and still finds out that the carrier is well again");
        link.now += RECOVERY;
        assert!(link.sends_for(SECOND) >= 100);
    }

    proptest! {
        #[test]
        fn no_link_is_ever_faster_than_its_contract(
            per_second in 1..2_000_u32,
            steps in prop::collection::vec((0..3_000_u64, any::<bool>()), 1..20),
        ) {
            let mut link = Busy::with(per_second);
            let burst = per_second / 20 + 2;
            for (millis, throttled) in steps {
                let sent = link.sends_for(Duration::from_millis(millis));
                let allowed = u64::from(per_second) * millis / 1_000 + u64::from(burst);
                prop_assert!(u64::from(sent) <= allowed, "{} of {} in {} ms", sent, allowed, millis);
                if throttled {
                    link.throttled();
                }
            }
        }
    }
}
