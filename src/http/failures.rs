//! Counts wrong tokens by the address that they come from.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Wrong tokens that an address may show in one [`WINDOW`].
pub const FAILURES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses that are remembered. When they all are fresh, the counting starts over: tokens can't be guessed anyway.
const ADDRESSES_MAX: usize = 10_000;

/// Wrong tokens of the last minute.
#[derive(Debug, Default)]
pub struct Failures {
    by_address: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl Failures {
    /// Whether an address has shown as many as it may, so that it is not worth while to look any further for its token.
    pub fn are_many(&self, address: IpAddr) -> bool {
        let now = Instant::now();
        let by_address = self.by_address.lock().expect("no holder of the lock panics");
        let known = by_address.get(&household(address));
        known.is_some_and(|(since, failures)| now.duration_since(*since) < WINDOW && *failures >= FAILURES_MAX)
    }

    /// Counts one more; `Err` with the seconds to wait when there were too many.
    pub fn count(&self, address: IpAddr) -> Result<(), u64> {
        let now = Instant::now();
        let mut by_address = self.by_address.lock().expect("no holder of the lock panics");
        if by_address.len() >= ADDRESSES_MAX {
            by_address.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
            if by_address.len() >= ADDRESSES_MAX {
                by_address.clear();
            }
        }
        let (since, failures) = by_address.entry(household(address)).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *failures) = (now, 0);
        }
        *failures = failures.saturating_add(1);
        if *failures <= FAILURES_MAX {
            return Ok(());
        }
        if *failures == FAILURES_MAX + 1 {
            tracing::warn!(%address, "too many wrong tokens from one address");
        }
        Err((WINDOW - now.duration_since(*since)).as_secs().max(1))
    }
}

/// Who has one IPv6 address has its whole /64.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_wrong_token_in_a_minute_is_one_too_many() {
        let failures = Failures::default();
        let address = "2001:db8::1".parse().unwrap();
        let neighbour = "2001:db8::2".parse().unwrap();
        for _ in 0..FAILURES_MAX {
            assert!(!failures.are_many(address));
            assert_eq!(failures.count(address), Ok(()));
        }
        assert!(failures.are_many(neighbour));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(failures.count(neighbour), Err(40));
        assert_eq!(failures.count("2001:db8:0:1::1".parse().unwrap()), Ok(()));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(!failures.are_many(address));
        assert_eq!(failures.count(address), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_does_not_grow_without_end() {
        let failures = Failures::default();
        for address in 0..30_000_u32 {
            assert_eq!(failures.count(IpAddr::V4(address.into())), Ok(()));
        }
        assert!(failures.by_address.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
