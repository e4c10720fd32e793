//! Life under systemd: readiness, status and the watchdog. Without systemd all of it does nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::sync::watch;

use crate::carrier::{LinkState, LinkStatus};
use crate::conversations::Directory;

/// Tells systemd that the store is open and the API is bound. A carrier outage must not make systemd restart a daemon
/// that can record a STOP, so a link that is down shows in the status and nowhere else.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Keeps the status line true: where the API is, and how each link is.
pub async fn tell_status(address: SocketAddr, mut links: watch::Receiver<Vec<LinkStatus>>) {
    loop {
        let mut status = format!("API on {address}");
        for link in links.borrow_and_update().iter() {
            let state = match (link.state, &link.last_error) {
                (LinkState::Bound, _) => "bound",
                (LinkState::Unbound, Some(error)) => error,
                (LinkState::Unbound, None) => "not bound yet",
            };
            status.push_str(&format!("; {}: {state}", link.name));
        }
        notify(&[NotifyState::Status(&status)]);
        if links.changed().await.is_err() {
            return;
        }
    }
}

/// Tells systemd that the daemon is draining.
pub fn stopping() {
    notify(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Feeds the watchdog for as long as every arbiter and the store's writer answer. Ends at once where no
/// watchdog is asked for.
pub async fn feed_watchdog(directory: Arc<Directory>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut beats = tokio::time::interval(limit / 3);
    loop {
        beats.tick().await;
        let alive = tokio::time::timeout(limit / 2, directory.is_alive()).await;
        if alive == Ok(true) {
            notify(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(limit_seconds = limit.as_secs(), "conversations do not move; the watchdog is not fed");
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd was not told");
    }
}
