//! Who is bound where carriers connect to us: one session at a time, of one bind or of two.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::bind::Half;
use super::ended::Ended;
use super::halves::Halves;

/// The place of whoever brings texts and the place of whoever takes ours; a transceiver has both.
pub(super) struct Seats(Mutex<State>);

struct State {
    session: Option<Binds>,
    earlier_session_ended: Option<Timestamp>,
}

/// The binds of one session.
#[derive(Default)]
struct Binds {
    halves: Arc<Halves>,
    sends: bool,
    receives: bool,
    /// Those that have not ended.
    left: usize,
    ended: Option<Ended>,
}

/// A place that was free.
pub(super) struct Seat {
    pub halves: Arc<Halves>,
    /// When an answer of ours may last have been lost.
    pub earlier_session_ended: Option<Timestamp>,
}

impl Seats {
    pub fn new(earlier_session_ended: Option<Timestamp>) -> Self {
        Self(Mutex::new(State { session: None, earlier_session_ended }))
    }

    /// A place in the session that stands, or in one that begins with it. There is none while another bind has it, or while
    /// a session has not wholly ended; whoever seems to be there is then asked whether it is.
    pub fn take(&self, half: Half) -> Option<Seat> {
        let mut state = self.state();
        let earlier_session_ended = state.earlier_session_ended;
        let binds = state.session.get_or_insert_default();
        let is_taken = (half.sends() && binds.sends) || (half.receives() && binds.receives);
        if is_taken || binds.halves.is_over() {
            binds.halves.doubt();
            return None;
        }
        binds.sends |= half.sends();
        binds.receives |= half.receives();
        binds.left += 1;
        Some(Seat { halves: Arc::clone(&binds.halves), earlier_session_ended })
    }

    /// A bind ended. With the last of its session, how that ended; nobody is seated until [`clear`](Self::clear).
    pub fn leave(&self, ended: Ended) -> Option<Ended> {
        let mut state = self.state();
        let binds = state.session.as_mut().expect("whoever leaves was seated, and the last to leave clears");
        binds.left -= 1;
        let ended = match binds.ended.take() {
            Some(first) => first.and(Some(ended)),
            None => ended,
        };
        if binds.left == 0 {
            return Some(ended);
        }
        binds.ended = Some(ended);
        None
    }

    /// There may be another session.
    pub fn clear(&self, ended: &Ended) {
        let mut state = self.state();
        state.earlier_session_ended = ended.at.or(state.earlier_session_ended);
        state.session = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
