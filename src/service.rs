//! Life under systemd: readiness, status and the watchdog. Without systemd all of it does nothing.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::conversations::Directory;

/// Tells systemd that the store is open and the API is bound. A carrier outage must not make systemd restart a daemon
/// that can record a STOP, so a link that is down shows in the status and nowhere else.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
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
            tracing::error!(limit = ?Duration::as_secs(&limit), "conversations do not move; the watchdog is not fed");
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd was not told");
    }
}
