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
            Why::Session(Reason::NotTaken) => self.next.max(PAUSE_NOT_TAKEN),
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
