//! How long to stay away from a carrier that could not be reached, or that was lost.

use std::time::Duration;

use super::drive::{Ended, Why};
use super::frame::status;
use super::session::Reason;

/// The pauses between sessions.
pub(super) struct Pauses {
    next: Duration,
}

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// After the store took nothing; it also gives the carrier time to see that we are gone.
const PAUSE_NOT_TAKEN: Duration = Duration::from_secs(5);
/// A session of this length was a healthy one.
const HEALTHY: Duration = Duration::from_secs(60);

impl Default for Pauses {
    fn default() -> Self {
        Self { next: PAUSE_MIN }
    }
}

impl Pauses {
    /// Doubles from one second to a minute. A carrier that does not want us is not asked more often than once a
    /// minute: some lock an account for that.
    pub fn after(&mut self, ended: &Ended) -> Duration {
        if ended.bound_for.is_some_and(|duration| duration >= HEALTHY) {
            self.next = PAUSE_MIN;
        }
        let pause = match ended.why {
            Why::Session(Reason::BindRefused {
                command_status: status::RALYBND | status::RBINDFAIL | status::RINVPASWD | status::RINVSYSID,
            }) => PAUSE_MAX,
            Why::Session(Reason::NotTaken) => return jittered(PAUSE_NOT_TAKEN),
            Why::Session(_) | Why::NoConnection(_) => self.next,
        };
        self.next = (pause * 2).min(PAUSE_MAX);
        jittered(pause)
    }
}

/// Within a fifth of the pause, so that many daemons do not come back at the same instant.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    pause.mul_f64(0.8 + 0.4 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(why: Why, bound_for: Option<u64>) -> Ended {
        Ended { why, bound_for: bound_for.map(Duration::from_secs), at: None }
    }

    #[track_caller]
    fn check(pauses: &mut Pauses, ended: &Ended, seconds: f64) {
        let found = pauses.after(ended).as_secs_f64();
        assert!((seconds * 0.79..seconds * 1.21).contains(&found), "{found} seconds instead of about {seconds}");
    }

    #[test]
    fn a_carrier_that_stays_away_is_asked_less_and_less_often() {
        let mut pauses = Pauses::default();
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            check(&mut pauses, &ended(Why::NoConnection(String::new()), None), seconds);
        }
        check(&mut pauses, &ended(Why::Session(Reason::Lost), Some(59)), 60.0);
        check(&mut pauses, &ended(Why::Session(Reason::Lost), Some(60)), 1.0);
    }

    #[test]
    fn a_carrier_that_does_not_want_us_is_asked_once_a_minute() {
        for command_status in [0x05, 0x0D, 0x0E, 0x0F] {
            let refused = Why::Session(Reason::BindRefused { command_status });
            check(&mut Pauses::default(), &ended(refused, None), 60.0);
        }
        let busy = Why::Session(Reason::BindRefused { command_status: 0x08 });
        check(&mut Pauses::default(), &ended(busy, None), 1.0);
    }

    #[test]
    fn while_the_store_takes_nothing_the_carrier_is_left_alone_for_five_seconds() {
        let mut pauses = Pauses::default();
        for _ in 0..3 {
            check(&mut pauses, &ended(Why::Session(Reason::NotTaken), Some(5)), 5.0);
        }
    }
}
