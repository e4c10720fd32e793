//! Where what the carrier brings comes in: finds the conversation that it is for, and answers when it is durable.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{AskError, Directory};
use crate::domain::{ConversationKey, Event, Phone, PracticeId};
use crate::ports::{CaughtUp, DeadLetter, Delivery, NotTaken, Reception};

/// How long it is tried to tell other daemons of the end of a session: after that the carrier has delivered again what
/// it had to.
const RETELL_MAX: Duration = Duration::from_mins(10);
/// Between two tries; it doubles.
const RETELL_PAUSE: Duration = Duration::from_millis(100);
const RETELL_PAUSE_MAX: Duration = Duration::from_secs(5);

/// The directory's side that faces the carrier. It does not keep the directory alive: the links, which hold this, are
/// held by the directory.
struct FrontDesk(Weak<Directory>);

#[async_trait]
impl Reception for FrontDesk {
    async fn deliver(&self, delivery: Delivery, until: Instant) -> Result<(), NotTaken> {
        let directory = self.0.upgrade().ok_or(NotTaken)?;
        match delivery {
            Delivery::Text { from, to, inbound } => {
                let words = inbound.text.expose().as_bytes().to_vec();
                directory.route(&to, from, Event::Received(inbound), until, || words).await
            }
            Delivery::Receipt { number, phone, receipt } => {
                let words = format!("{receipt:?}").into_bytes();
                directory.route(&number, phone, Event::Receipted(receipt), until, || words).await
            }
            Delivery::Reachable { number, phone } => {
                let words = || b"alert_notification".to_vec();
                directory.route(&number, phone, Event::Reachable, until, words).await
            }
            Delivery::AnsweredLate { number, phone, delivery } => {
                metrics::counter!("assent_answered_late_total").increment(1);
                match directory.owner(&number).await? {
                    Some(_) => directory.route(&number, phone, Event::AnsweredLate(delivery), until, Vec::new).await,
                    // The text was set aside, and may be so once more.
                    None => Ok(()),
                }
            }
            Delivery::Unroutable(letter) => directory.keep(letter).await,
        }
    }

    async fn session_ended(&self, at: Timestamp) {
        let mut pause = RETELL_PAUSE;
        let give_up_at = Instant::now() + RETELL_MAX;
        loop {
            let Some(directory) = self.0.upgrade() else { return };
            let Err(error) = directory.store().session_ended(at).await else { return };
            drop(directory);
            if Instant::now() + pause > give_up_at {
                tracing::warn!(%error, "other daemons were not told that a link session ended");
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETELL_PAUSE_MAX);
        }
    }
}

impl Directory {
    /// Takes what the carrier brings.
    pub fn reception(self: &Arc<Self>) -> Arc<dyn Reception> {
        Arc::new(FrontDesk(Arc::downgrade(self)))
    }

    async fn route(
        self: &Arc<Self>,
        number: &Phone,
        phone: Phone,
        event: Event,
        until: Instant,
        words: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), NotTaken> {
        let Some(practice) = self.owner(number).await? else {
            let raw = [number.expose().as_bytes(), b"\n", phone.expose().as_bytes(), b"\n", &words()].concat();
            return self.keep(DeadLetter { at: self.now(), reason: "no practice has this number", raw }).await;
        };
        match self.tell_by(until, &ConversationKey { practice, phone }, event).await {
            Ok(_) => Ok(()),
            Err(
                AskError::StoreUnavailable
                | AskError::StoreWentBack
                | AskError::Overloaded
                | AskError::Panicked
                | AskError::Quarantined
                | AskError::UnknownPractice
                | AskError::Stopping,
            ) => Err(NotTaken),
        }
    }

    /// Whose number it is. A practice that another daemon has just put must not have its texts set aside.
    async fn owner(&self, number: &Phone) -> Result<Option<PracticeId>, NotTaken> {
        let known = self.practices().owner(number);
        if known.is_some() {
            return Ok(known);
        }
        match self.practices().catch_up().await {
            Ok(CaughtUp::Learnt) => Ok(self.practices().owner(number)),
            Ok(CaughtUp::NothingNew) => Ok(None),
            Err(_) => Err(NotTaken),
        }
    }

    async fn keep(&self, letter: DeadLetter) -> Result<(), NotTaken> {
        metrics::counter!("assent_dead_letters_total", "reason" => letter.reason).increment(1);
        tracing::warn!(reason = letter.reason, octets = letter.raw.len(), "delivery was set aside");
        self.store().set_aside(letter).await.map_err(|_| NotTaken)
    }
}
