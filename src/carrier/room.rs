//! Room in the window of one session: the way there, a place that is granted, and a text that takes it.

use std::sync::Arc;

use smpp::Pdu;
use smpp::pdus::SubmitSm;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bind::Side;
use super::deliver;
use super::profile::Profile;
use crate::domain::Answer;
use crate::ports::Clock;

/// The window of one session.
#[derive(Clone)]
pub(super) struct Gate {
    pub places: Arc<Semaphore>,
    /// Told of every place that is given back.
    pub given_back: Arc<Notify>,
    pub submissions: mpsc::Sender<Submission>,
    pub side: Side,
}

/// Places in a window. Dropping it gives them back.
pub(super) struct Permit {
    places: Option<OwnedSemaphorePermit>,
    given_back: Arc<Notify>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.places.take());
        self.given_back.notify_one();
    }
}

/// Room in the window of one session.
pub(super) struct Room {
    /// The ways of the carrier that it leads to.
    pub profile: Arc<Profile>,
    pub clock: Arc<dyn Clock>,
    permit: Permit,
    submissions: mpsc::Sender<Submission>,
    side: Side,
}

/// A message on its way into a session.
pub(super) struct Submission {
    pub segments: Vec<Pdu>,
    pub write_by: Instant,
    pub recalled: CancellationToken,
    pub permit: Permit,
    pub answer: oneshot::Sender<Answer>,
}

impl Gate {
    /// Waits for so many places; `None` once the session is over.
    pub async fn room(self, places: u32, profile: Arc<Profile>, clock: Arc<dyn Clock>) -> Option<Room> {
        let granted = self.places.acquire_many_owned(places).await.ok()?;
        let permit = Permit { places: Some(granted), given_back: self.given_back };
        Some(Room { profile, clock, permit, submissions: self.submissions, side: self.side })
    }
}

impl Room {
    /// Whether the session that it is in still takes texts.
    pub fn is_open(&self) -> bool {
        self.permit.places.as_ref().is_some_and(|places| !places.semaphore().is_closed())
    }

    /// Hands the segments to the session at once, and waits for what becomes of them.
    pub fn submit(
        self,
        segments: Vec<SubmitSm>,
        write_by: Instant,
        recalled: CancellationToken,
    ) -> impl Future<Output = Answer> + use<> {
        let (answer, answered) = oneshot::channel();
        let is_recalled = recalled.is_cancelled();
        let segments = deliver::written(segments, self.side);
        let submission = Submission { segments, write_by, recalled, permit: self.permit, answer };
        // Whoever has room in the window has room on the way there.
        let handed = !is_recalled && self.submissions.try_send(submission).is_ok();
        async move {
            match handed {
                // Nobody is left who knows: it may have gone out.
                true => answered.await.unwrap_or(Answer::Unknown),
                false => Answer::NotSent,
            }
        }
    }
}
