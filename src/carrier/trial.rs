//! Binds once to see whether it can be done, and unbinds. What the carrier delivers meanwhile is not answered, so that it
//! comes again to whoever stays.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

use super::dial::{NoConnection, connect};
use super::frame::status;
use super::reason::of_read_error;
use super::session::{Input, Output, Reason, Session, Settings};
use super::tls::TlsRefusal;
use super::{LinkConfig, LinkConfigError};

/// How long a trial may take, from the first SYN to the last answer.
const TRIAL: Duration = Duration::from_secs(10);
const READ_OCTETS: usize = 8 * 1024;

/// Why a link can't be bound. For operators: each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    #[error(transparent)]
    Config(#[from] LinkConfigError),
    #[error("{}: {}", .0, .0.what_to_do())]
    NoConnection(NoConnection),
    #[error("{}: {}", .0, what_to_do(*.0))]
    NotBound(Reason),
}

fn what_to_do(reason: Reason) -> &'static str {
    match reason {
        Reason::BindRefused { command_status: status::RALYBND } => {
            "a running assent may be bound with it; if none is, ask the carrier to end the old session"
        }
        Reason::BindRefused { command_status: status::RINVPASWD } => "check the password with the carrier",
        Reason::BindRefused { command_status: status::RINVSYSID } => "check the system_id with the carrier",
        Reason::BindRefused { .. } => "check system_id, password and system_type, and ask the carrier why",
        Reason::BindUnanswered | Reason::PeerSilent | Reason::PartialFrame | Reason::WriteStalled => {
            "check that SMPP is spoken at this address, and without TLS"
        }
        Reason::Unframed(_) | Reason::Nacked | Reason::Outbind | Reason::Flood | Reason::TooMuchMalformed => {
            "check that SMPP 3.4 is spoken at this address"
        }
        Reason::CertificateRefused => TlsRefusal::CertificateRefused.what_to_do(),
        Reason::HungUp => {
            "ask the carrier whether it takes binds from this machine's address, and with TLS whether it wants a certificate"
        }
        Reason::Lost | Reason::PeerUnbound => "ask the carrier whether it takes binds from this machine's address",
        Reason::Unanswered | Reason::NotTaken | Reason::NotBoundThere | Reason::Stopped => "try again",
    }
}

/// Connects, binds and unbinds.
pub async fn try_bind(config: &LinkConfig) -> Result<(), TrialError> {
    let settings =
        Settings { bind: config.bind()?, window: config.window, enquire_link: config.enquire_link, last_sequence: 0 };
    let until = Instant::now() + TRIAL;
    // A connection that is never taken ends by its own limit, which is no later than that of the trial.
    let stream = connect(config).await.map_err(TrialError::NoConnection)?;
    bind_and_unbind(stream, settings, until).await.map_err(TrialError::NotBound)
}

async fn bind_and_unbind(
    stream: impl AsyncRead + AsyncWrite,
    settings: Settings,
    until: Instant,
) -> Result<(), Reason> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut session = Session::connected(settings, now());
    let mut is_bound = false;
    let mut buffer = vec![0; READ_OCTETS];
    loop {
        let to_write = session.to_write(now());
        let write = async {
            match &to_write {
                Some(to_write) => {
                    // TLS may have kept what the socket did not take.
                    writer.flush().await?;
                    writer.write(&to_write.octets).await
                }
                None => std::future::pending().await,
            }
        };
        let deadline = session.next_deadline().map_or(until, Instant::from_std);
        let mut outputs = tokio::select! {
            biased;
            // A carrier that takes its time to part was bound all the same.
            () = sleep_until(until) => return if is_bound { Ok(()) } else { Err(Reason::BindUnanswered) },
            () = sleep_until(deadline) => session.handle(Input::Tick, now()),
            written = write => match written {
                Ok(octets) if octets > 0 => session.handle(Input::Wrote(octets), now()),
                Ok(_) | Err(_) => session.handle(Input::Lost, now()),
            },
            read = reader.read(&mut buffer) => match read {
                Ok(octets) if octets > 0 => session.handle(Input::Received(&buffer[..octets]), now()),
                Ok(_) => session.handle(Input::Lost, now()),
                Err(error) => session.handle(of_read_error(&error), now()),
            },
        };
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
                | Output::Answered { .. }
                | Output::Late(_)
                | Output::Part(_)
                | Output::Stray => {}
            }
        }
    }
}

/// The time as the session reads it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}
