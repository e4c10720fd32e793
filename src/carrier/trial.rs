//! Binds once, as the link would, to see whether it can be done, and unbinds. What the carrier delivers meanwhile is not
//! answered, so that it comes again to whoever stays.

use std::time::Duration;

use super::bare::{Bare, now};
use super::bind::{BindKind, Opening};
use super::dial::{Connection, NoConnection, connect};
use super::session::{Input, Output, Reason, Session};
use super::{Binds, LinkConfig, LinkConfigError};

/// How long the trial of a bind may take, from the first SYN to the last answer.
const TRIAL: Duration = Duration::from_secs(10);

/// Why a link can't be bound. For operators: each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Config(#[from] LinkConfigError),
    #[error("{}: {}", .0, .0.what_to_do())]
    NoConnection(NoConnection),
    #[error("{}: {}", .0, .0.what_to_do())]
    NotBound(Reason),
}

/// Connects, binds and unbinds. Where two binds make the link, both have to stand at once.
pub async fn try_bind(config: &LinkConfig) -> Result<(), TrialError> {
    match config.bind {
        Binds::Transceiver => Trial::bind(config, BindKind::Transceiver).await?.unbind().await,
        Binds::TransmitterAndReceiver => {
            let mut receiver = Trial::bind(config, BindKind::Receiver).await?;
            let transmitter = tokio::select! {
                transmitter = Trial::bind(config, BindKind::Transmitter) => transmitter?,
                reason = receiver.over() => return Err(TrialError::NotBound(reason)),
            };
            tokio::join!(receiver.unbind(), transmitter.unbind());
        }
    }
    Ok(())
}

/// One bind, with nothing in it.
pub(super) struct Trial {
    pub socket: Bare<Box<dyn Connection>>,
    pub session: Session,
    /// Deliveries that came, and that nobody answered.
    pub left_alone: usize,
    until: std::time::Instant,
}

impl Trial {
    /// Until it stands.
    pub async fn bind(config: &LinkConfig, kind: BindKind) -> Result<Self, TrialError> {
        let opening = Opening::Ask { kind, account: config.account()? };
        let until = now() + TRIAL;
        // A connection that is never taken ends by its own limit, which is no later than that of the trial.
        let stream = connect(config).await.map_err(TrialError::NoConnection)?;
        let session = Session::connected(config.settings(opening), now());
        let mut trial = Self { socket: Bare::new(stream), session, left_alone: 0, until };
        match trial.happens(|session| session.is_bound()).await {
            None => Ok(trial),
            Some(reason) => Err(TrialError::NotBound(reason)),
        }
    }

    /// Why it ended.
    async fn over(&mut self) -> Reason {
        self.happens(|_| false).await.expect("nothing else was waited for")
    }

    /// A carrier that takes its time to part was bound all the same.
    async fn unbind(mut self) {
        self.session.handle(Input::Unbind(Reason::Stopped), now());
        self.over().await;
    }

    /// Until this is so of the session; or says why that is over. Nothing is submitted, and what is delivered is the next
    /// one's.
    async fn happens(&mut self, is_so: impl Fn(&Session) -> bool) -> Option<Reason> {
        loop {
            let input = self.socket.next(&mut self.session, Some(self.until)).await;
            if now() >= self.until {
                return Some(Reason::BindUnanswered);
            }
            let outputs = self.session.handle(input, now());
            self.left_alone += outputs.iter().filter(|output| matches!(output, Output::Deliver(_))).count();
            if let Some(reason) = outputs.iter().find_map(closed) {
                return Some(reason);
            }
            if is_so(&self.session) {
                return None;
            }
        }
    }
}

fn closed(output: &Output) -> Option<Reason> {
    match output {
        Output::Closed(reason) => Some(*reason),
        Output::Bound
        | Output::Deliver(_)
        | Output::Alert(_)
        | Output::Answered { .. }
        | Output::Late(_)
        | Output::Part(_)
        | Output::Stray => None,
    }
}
