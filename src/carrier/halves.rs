//! The one bind or the two that a link is made of. It takes texts while all of it stands: a text whose STOP could not reach
//! us must not leave.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bind::Half;
use super::link::{Link, LinkState};
use super::room::Gate;

/// What stands of a link, from the first of its binds until the first of them ends. Then all of it is over.
#[derive(Default)]
pub(super) struct Halves {
    standing: Mutex<Standing>,
    receives: CancellationToken,
    over: CancellationToken,
    doubt: Notify,
}

#[derive(Default)]
struct Standing {
    /// The way into the bind that our texts leave by.
    sends: Option<Gate>,
    /// Whether the bind stands that the carrier's texts come by.
    receives: bool,
    is_open: bool,
    is_over: bool,
}

impl Halves {
    /// A bind stands. With the last that was missing, the link takes texts.
    pub fn stands(&self, half: Half, gate: Gate, link: &Link) {
        let mut standing = self.standing();
        if standing.is_over {
            return;
        }
        if half.receives() {
            standing.receives = true;
            self.receives.cancel();
        }
        if half.sends() {
            standing.sends = Some(gate);
        }
        if let Some(gate) = standing.sends.clone().filter(|_| standing.receives) {
            standing.is_open = true;
            link.report(LinkState::Bound, None);
            link.gate.send_replace(Some(gate));
        }
    }

    /// A bind takes nothing more, or is no more: no place is granted from here on.
    pub fn end(&self, link: &Link) {
        let mut standing = self.standing();
        standing.is_over = true;
        if std::mem::take(&mut standing.is_open) {
            link.gate.send_replace(None);
        }
        if let Some(gate) = standing.sends.take() {
            gate.places.close();
        }
        self.over.cancel();
    }

    /// Until the carrier's texts come.
    pub async fn receive(&self) {
        self.receives.cancelled().await;
    }

    /// Until a bind ends.
    pub async fn over(&self) {
        self.over.cancelled().await;
    }

    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// The carrier acts as if a bind were gone: whoever waits for [`doubted`](Self::doubted) asks whether it is there.
    pub fn doubt(&self) {
        self.doubt.notify_waiters();
    }

    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
