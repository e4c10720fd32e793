//! How long a delivery that is not taken is borne before the carrier is left for its sake: longer and longer for one
//! phone, so that a conversation that can't be written does not take the link from everyone again and again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Phone;

/// The first time. The carrier brings the delivery again after the next bind.
const PATIENCE_MIN: Duration = Duration::from_secs(30);
const PATIENCE_MAX: Duration = Duration::from_mins(10);
/// A phone for whose sake the carrier was not left for this long starts afresh.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Phones that are remembered. With more, nearly nothing is taken, and leaving the carrier is right.
const PHONES_MAX: usize = 1_000;

/// What is remembered of phones whose deliveries were not taken, from one session to the next.
#[derive(Debug, Default)]
pub(super) struct Patience {
    phones: HashMap<Phone, Borne>,
}

#[derive(Debug)]
struct Borne {
    patience: Duration,
    left_at: Instant,
}

impl Patience {
    /// How long a delivery of this phone is borne; `None` is a delivery without one.
    pub fn with(&self, phone: Option<&Phone>, now: Instant) -> Duration {
        let borne = phone.and_then(|phone| self.phones.get(phone));
        borne.filter(|borne| borne.is_remembered(now)).map_or(PATIENCE_MIN, |borne| borne.patience)
    }

    /// The carrier is being left for this phone's sake.
    pub fn ended(&mut self, phone: &Phone, now: Instant) {
        let patience = (self.with(Some(phone), now) * 2).min(PATIENCE_MAX);
        self.phones.retain(|_, borne| borne.is_remembered(now));
        if self.phones.len() < PHONES_MAX || self.phones.contains_key(phone) {
            self.phones.insert(phone.clone(), Borne { patience, left_at: now });
        }
    }

    /// A delivery of this phone was taken.
    pub fn taken(&mut self, phone: &Phone) {
        self.phones.remove(phone);
    }
}

impl Borne {
    fn is_remembered(&self, now: Instant) -> bool {
        now.duration_since(self.left_at) < REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unreadable_conversation_takes_the_link_from_everyone_less_and_less_often() {
        let phone = |digits: &str| Phone::parse(digits).unwrap();
        let (bad, other) = (phone("+13035550123"), phone("+13035550177"));
        let mut patience = Patience::default();
        let now = Instant::now();
        for seconds in [30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(patience.with(Some(&bad), now).as_secs(), seconds);
            patience.ended(&bad, now);
        }
        assert_eq!(patience.with(Some(&other), now), PATIENCE_MIN);
        assert_eq!(patience.with(None, now), PATIENCE_MIN);
        assert_eq!(patience.with(Some(&bad), now + REMEMBERED), PATIENCE_MIN, "an hour is long enough");
        patience.taken(&bad);
        assert_eq!(patience.with(Some(&bad), now), PATIENCE_MIN, "it can be read again");
    }
}
