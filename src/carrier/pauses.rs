//! How long to stay away from a carrier that could not be reached, or that was lost.

use std::time::Duration;

use super::ended::{Ended, Why};
use super::frame::status;
use super::session::Reason;

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// After the carrier did not know us. Some lock an account that asks again and again, and until somebody changes the
/// configuration the answer stays the same.
const PAUSE_UNKNOWN_MIN: Duration = Duration::from_secs(60);
const PAUSE_UNKNOWN_MAX: Duration = Duration::from_mins(15);
/// After the carrier took us for bound: it has to notice the end of an old session first.
const PAUSE_ALREADY_BOUND: Duration = Duration::from_secs(60);
/// After the store took nothing; it also gives the carrier time to see that we are gone.
const PAUSE_NOT_TAKEN: Duration = Duration::from_secs(5);
/// A session of this length was a healthy one.
const HEALTHY: Duration = Duration::from_secs(60);

/// The pauses between sessions.
pub(super) struct Pauses {
    next: Duration,
    next_unknown: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { next: PAUSE_MIN, next_unknown: PAUSE_UNKNOWN_MIN }
    }
}

impl Pauses {
    /// Doubles from one second to a minute, or, where the carrier does not know us, from a minute to a quarter of an hour.
    pub fn after(&mut self, ended: &Ended) -> Duration {
        if ended.bound_for.is_some_and(|duration| duration >= HEALTHY) {
            *self = Self::default();
        }
        match ended.why {
            Why::Session(Reason::BindRefused {
                command_status: status::RBINDFAIL | status::RINVPASWD | status::RINVSYSID,
            }) => {
                let pause = self.next_unknown;
                self.next_unknown = (pause * 2).min(PAUSE_UNKNOWN_MAX);
                no_less_than(pause)
            }
            Why::Session(Reason::BindRefused { command_status: status::RALYBND }) => no_less_than(PAUSE_ALREADY_BOUND),
            Why::Session(Reason::NotTaken) => about(PAUSE_NOT_TAKEN),
            Why::Session(_) | Why::NoConnection(_) | Why::Config(_) | Why::Fault => {
                let pause = self.next;
                self.next = (pause * 2).min(PAUSE_MAX);
                about(pause)
            }
        }
    }
}

/// Within a fifth of the pause, so that many daemons do not come back at the same instant.
fn about(pause: Duration) -> Duration {
    pause.mul_f64(0.8 + 0.4 * chance())
}

/// Up to a fifth longer.
fn no_less_than(pause: Duration) -> Duration {
    pause.mul_f64(1.0 + 0.2 * chance())
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::NoConnection;

    fn ended(reason: Reason, bound_for: Option<u64>) -> Ended {
        Ended { why: Why::Session(reason), bound_for: bound_for.map(Duration::from_secs), at: None }
    }

    fn refused(command_status: u32) -> Ended {
        ended(Reason::BindRefused { command_status }, None)
    }

    #[track_caller]
    fn check(pauses: &mut Pauses, ended: &Ended, seconds: f64) {
        let found = pauses.after(ended).as_secs_f64();
        assert!((seconds * 0.79..seconds * 1.21).contains(&found), "{found} seconds instead of about {seconds}");
    }

    #[track_caller]
    fn check_no_less(pauses: &mut Pauses, ended: &Ended, seconds: f64) {
        let found = pauses.after(ended).as_secs_f64();
        assert!((seconds..seconds * 1.21).contains(&found), "{found} seconds instead of {seconds} or little more");
    }

    #[test]
    fn a_carrier_that_stays_away_is_asked_less_and_less_often() {
        let mut pauses = Pauses::default();
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            check(&mut pauses, &Why::NoConnection(NoConnection::NotTaken(String::new())).into(), seconds);
        }
        check(&mut pauses, &ended(Reason::Lost, Some(59)), 60.0);
        check(&mut pauses, &ended(Reason::Lost, Some(60)), 1.0);
    }

    #[test]
    fn a_carrier_that_does_not_know_us_is_asked_once_a_minute_and_then_every_quarter_of_an_hour() {
        for command_status in [0x0D, 0x0E, 0x0F] {
            let mut pauses = Pauses::default();
            for seconds in [60.0, 120.0, 240.0, 480.0, 900.0, 900.0] {
                check_no_less(&mut pauses, &refused(command_status), seconds);
            }
            check(&mut pauses, &ended(Reason::HungUp, None), 1.0);
            check_no_less(&mut pauses, &refused(command_status), 900.0);
            check(&mut pauses, &ended(Reason::Lost, Some(60)), 1.0);
            check_no_less(&mut pauses, &refused(command_status), 60.0);
        }
    }

    #[test]
    fn a_carrier_that_takes_us_for_bound_is_left_alone_for_a_minute_each_time() {
        let mut pauses = Pauses::default();
        for _ in 0..3 {
            check_no_less(&mut pauses, &refused(0x05), 60.0);
        }
    }

    #[test]
    fn a_bind_refused_for_the_moment_is_tried_soon() {
        for command_status in [0x04, 0x08, 0x58, 0x99] {
            check(&mut Pauses::default(), &refused(command_status), 1.0);
        }
    }

    #[test]
    fn while_the_store_takes_nothing_the_carrier_is_left_alone_for_five_seconds() {
        let mut pauses = Pauses::default();
        for _ in 0..3 {
            check(&mut pauses, &ended(Reason::NotTaken, Some(5)), 5.0);
        }
    }
}
