//! Holds each token to the requests that it may make.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Requests that may come at once are as many as this many seconds allow.
const BURST_S: u32 = 2;
/// Tokens that are told apart. More than that, each used within the last two seconds, share one allowance.
const TOKENS_MAX: usize = 10_000;

/// The allowance of every token.
pub struct Allowances {
    limiter: DefaultKeyedRateLimiter<Box<str>>,
    tokens_max: usize,
}

impl Allowances {
    pub fn new(requests_per_second: NonZeroU32) -> Self {
        Self::of_at_most(requests_per_second, TOKENS_MAX)
    }

    fn of_at_most(requests_per_second: NonZeroU32, tokens_max: usize) -> Self {
        let burst = requests_per_second.saturating_mul(NonZeroU32::new(BURST_S).expect("two is not zero"));
        let quota = Quota::per_second(requests_per_second).allow_burst(burst);
        Self { limiter: RateLimiter::keyed(quota), tokens_max }
    }

    /// Counts one request of the token with this id; `Err` with the seconds to wait when there were too many.
    pub fn count(&self, token: &str) -> Result<(), u64> {
        if self.limiter.len() >= self.tokens_max {
            // Whoever has their whole allowance again is as good as unknown.
            self.limiter.retain_recent();
        }
        // No token has an empty id: this is the one that the others share.
        let key = if self.limiter.len() >= self.tokens_max { "" } else { token };
        self.limiter.check_key(&key.into()).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            wait.saturating_add(Duration::from_millis(999)).as_secs().max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn each_token_has_two_seconds_worth_of_requests_at_once() {
        let allowances = Allowances::new(requests(1));
        for token in ["a", "b"] {
            assert_eq!((allowances.count(token), allowances.count(token)), (Ok(()), Ok(())));
            assert_eq!(allowances.count(token), Err(1));
        }
    }

    #[test]
    fn more_tokens_than_are_told_apart_share_what_is_left() {
        let allowances = Allowances::of_at_most(requests(1), 4);
        let counted: Vec<_> = (0..20).map(|token| allowances.count(&token.to_string())).collect();
        assert_eq!(counted.iter().filter(|counted| counted.is_ok()).count(), 6, "four, and two of those who share");
        assert!(allowances.limiter.len() <= 5);
    }
}
