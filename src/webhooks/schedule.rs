//! When what was not taken is tried again: as the Standard Webhooks specification recommends, within three days and a bit.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ports::Heard;

const fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// How long after each attempt the next one follows.
const PAUSES: [SignedDuration; 9] = [
    SignedDuration::from_secs(5),
    minutes(5),
    minutes(30),
    minutes(2 * 60),
    minutes(5 * 60),
    minutes(10 * 60),
    minutes(14 * 60),
    minutes(20 * 60),
    minutes(24 * 60),
];

/// A receiver may ask for more time than the schedule gives it, up to this much.
const RETRY_AFTER_MAX: SignedDuration = minutes(24 * 60);
/// Pauses are longer by up to so many hundredths, so that what failed together is not tried together.
pub const JITTER_MAX: u8 = 20;
/// A receiver that takes nothing for so long is given up, until somebody says that it is there again.
const FAILING_MAX: SignedDuration = minutes(5 * 24 * 60);

/// Hundredths by which a pause is longer: at most [`JITTER_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(u8);

impl Jitter {
    pub const NONE: Self = Self(0);

    /// From a random number.
    pub fn of(random: u64) -> Self {
        Self((random % (u64::from(JITTER_MAX) + 1)).try_into().expect("it is at most a few"))
    }
}

/// What an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Taken,
    /// Try again, unless that was often enough.
    NotTaken,
    /// The receiver wants nothing any more.
    Gone,
}

/// A redirection is not followed: whoever may answer at one place may not send what is signed to another.
pub fn verdict(heard: Heard) -> Verdict {
    match heard {
        Heard::Status(200..=299) => Verdict::Taken,
        Heard::Status(410) => Verdict::Gone,
        Heard::Status(_) | Heard::Nothing(_) => Verdict::NotTaken,
    }
}

/// When a delivery is tried again after so many attempts; `None` when that was often enough.
pub fn next_attempt(attempts: u8, retry_after: Option<Duration>, now: Timestamp, jitter: Jitter) -> Option<Timestamp> {
    let pause = PAUSES.get(usize::from(attempts).checked_sub(1)?)?;
    let pause = *pause + *pause * i32::from(jitter.0) / 100;
    let at_most =
        |asked: Duration| SignedDuration::try_from(asked).map_or(RETRY_AFTER_MAX, |asked| asked.min(RETRY_AFTER_MAX));
    let asked_for = retry_after.map_or(SignedDuration::ZERO, at_most);
    Some(now.saturating_add(pause.max(asked_for)).expect("it is hours"))
}

/// Whether a receiver that fails since this time is given up.
pub fn is_given_up(failing_since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(failing_since) >= FAILING_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Silence;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_delivery_is_tried_ten_times_in_three_days_and_a_bit() {
        let mut now = at(0);
        let mut tried = Vec::new();
        for attempts in 1.. {
            let Some(next) = next_attempt(attempts, None, now, Jitter::NONE) else { break };
            tried.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(tried, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(next_attempt(0, None, now, Jitter::NONE), None);
    }

    #[test]
    fn pauses_are_longer_by_chance_and_never_shorter() {
        let pause = |jitter| next_attempt(2, None, at(0), jitter).unwrap().as_second();
        assert_eq!((pause(Jitter::of(0)), pause(Jitter::of(20)), pause(Jitter::of(21))), (300, 360, 300));
        assert_eq!(pause(Jitter::of(u64::MAX)).clamp(300, 360), pause(Jitter::of(u64::MAX)));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_and_not_for_less_or_for_ever() {
        let after = |seconds| {
            let asked = Some(Duration::from_secs(seconds));
            next_attempt(1, asked, at(0), Jitter::NONE).unwrap().as_second()
        };
        assert_eq!((after(0), after(60), after(86_400), after(u64::MAX)), (5, 60, 86_400, 86_400));
    }

    #[test]
    fn an_answer_says_whether_it_was_taken() {
        for (status, expected) in [
            (200, Verdict::Taken),
            (204, Verdict::Taken),
            (299, Verdict::Taken),
            (301, Verdict::NotTaken),
            (400, Verdict::NotTaken),
            (404, Verdict::NotTaken),
            (410, Verdict::Gone),
            (429, Verdict::NotTaken),
            (503, Verdict::NotTaken),
        ] {
            assert_eq!(verdict(Heard::Status(status)), expected, "{status}");
        }
        for silence in Silence::ALL {
            assert_eq!(verdict(Heard::Nothing(silence)), Verdict::NotTaken, "{silence:?}");
        }
    }

    #[test]
    fn a_receiver_is_given_up_after_five_days() {
        let day = 24 * 60 * 60;
        assert!(!is_given_up(at(0), at(5 * day - 1)));
        assert!(is_given_up(at(0), at(5 * day)));
    }
}
