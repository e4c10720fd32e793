//! Where what the carrier brings comes in: finds the conversation that it is for, and answers when it is durable.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::{AskError, Directory};
use crate::domain::{ConversationKey, Event, Phone};
use crate::ports::{DeadLetter, Delivery, NotTaken, Reception};

/// The directory's side that faces the carrier. It does not keep the directory alive: the links, which hold this, are
/// held by the directory.
struct FrontDesk(Weak<Directory>);

#[async_trait]
impl Reception for FrontDesk {
    async fn deliver(&self, delivery: Delivery) -> Result<(), NotTaken> {
        let directory = self.0.upgrade().ok_or(NotTaken)?;
        match delivery {
            Delivery::Text { from, to, inbound } => {
                let words = inbound.text.expose().as_bytes().to_vec();
                directory.route(&to, from, Event::Received(inbound), || words).await
            }
            Delivery::Receipt { number, phone, receipt } => {
                let words = format!("{receipt:?}").into_bytes();
                directory.route(&number, phone, Event::Receipted(receipt), || words).await
            }
            Delivery::Unroutable(letter) => directory.keep(letter).await,
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
        words: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), NotTaken> {
        let Some(practice) = self.owner(number) else {
            let raw = [number.expose().as_bytes(), b"\n", phone.expose().as_bytes(), b"\n", &words()].concat();
            return self.keep(DeadLetter { at: self.now(), reason: "no practice has this number", raw }).await;
        };
        match self.ask(&ConversationKey { practice, phone }, event).await {
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

    async fn keep(&self, letter: DeadLetter) -> Result<(), NotTaken> {
        metrics::counter!("assent_dead_letters_total", "reason" => letter.reason).increment(1);
        tracing::warn!(reason = letter.reason, octets = letter.raw.len(), "delivery was set aside");
        self.store().set_aside(letter).await.map_err(|_| NotTaken)
    }
}
