//! Binds once to see whether it can be done, and unbinds. What the carrier delivers meanwhile is not answered, so that it
//! comes again to whoever stays.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::bare::{Bare, now};
use super::dial::{NoConnection, connect};
use super::session::{Input, Output, Reason, Session, Settings};
use super::{LinkConfig, LinkConfigError};

/// How long a trial may take, from the first SYN to the last answer.
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

/// Connects, binds and unbinds.
pub async fn try_bind(config: &LinkConfig) -> Result<(), TrialError> {
    let settings = config.settings(config.bind()?);
    let until = now() + TRIAL;
    // A connection that is never taken ends by its own limit, which is no later than that of the trial.
    let stream = connect(config).await.map_err(TrialError::NoConnection)?;
    bind_and_unbind(stream, settings, until).await.map_err(TrialError::NotBound)
}

async fn bind_and_unbind(
    stream: impl AsyncRead + AsyncWrite,
    settings: Settings,
    until: std::time::Instant,
) -> Result<(), Reason> {
    let mut socket = Bare::new(stream);
    let mut session = Session::connected(settings, now());
    let mut is_bound = false;
    loop {
        let input = socket.next(&mut session, Some(until)).await;
        if now() >= until {
            // A carrier that takes its time to part was bound all the same.
            return if is_bound { Ok(()) } else { Err(Reason::BindUnanswered) };
        }
        let mut outputs = session.handle(input, now());
        if outputs.iter().any(|output| matches!(output, Output::Bound)) {
            is_bound = true;
            outputs.extend(session.handle(Input::Unbind(Reason::Stopped), now()));
        }
        for output in outputs {
            match output {
                Output::Closed(_) if is_bound => return Ok(()),
                Output::Closed(reason) => return Err(reason),
                // Nothing is submitted, and what is delivered is the next one's.
                Output::Bound
                | Output::Deliver(_)
                | Output::Alert(_)
                | Output::Answered { .. }
                | Output::Late(_)
                | Output::Part(_)
                | Output::Stray => {}
            }
        }
    }
}
