//! Why a session ended, as it stands in the log and in the status.

use std::io;

use super::frame::{Unframed, status};
use super::session::Input;
use super::tls;

/// Why a session ended, in words for whoever runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("carrier refused the bind: {}", words(*command_status))]
    BindRefused { command_status: u32 },
    #[error("carrier did not answer the bind within 10 seconds")]
    BindUnanswered,
    #[error("carrier closed the connection without an answer to the bind")]
    HungUp,
    #[error("carrier does not take our TLS certificate, or wants one")]
    CertificateRefused,
    #[error(transparent)]
    Unframed(#[from] Unframed),
    #[error("carrier unbound")]
    PeerUnbound,
    #[error("carrier did not answer enquire_link within 10 seconds")]
    PeerSilent,
    #[error("carrier began a PDU and did not finish it within 30 seconds")]
    PartialFrame,
    #[error("carrier took no octet for 10 seconds")]
    WriteStalled,
    #[error("carrier answered none of the last texts")]
    Unanswered,
    #[error("carrier could not read the stream (generic_nack without a sequence number)")]
    Nacked,
    #[error("carrier sent an outbind on a link that was opened from here")]
    Outbind,
    #[error("carrier sent more than 50 enquire_link in a second")]
    Flood,
    #[error("carrier sent more than 10 unreadable PDUs in a minute")]
    TooMuchMalformed,
    #[error("connection to the carrier was lost")]
    Lost,
    #[error("store did not take what the carrier delivered")]
    NotTaken,
    #[error("carrier refused a text as if we were not bound (0x04)")]
    NotBoundThere,
    #[error("stopped")]
    Stopped,
}

/// What an operator can do about a refused bind.
fn words(command_status: u32) -> String {
    match command_status {
        status::RALYBND => "already bound under this system_id (0x05)".to_owned(),
        status::RBINDFAIL => "bind failed (0x0D)".to_owned(),
        status::RINVPASWD => "wrong password (0x0E)".to_owned(),
        status::RINVSYSID => "unknown system_id (0x0F)".to_owned(),
        other => format!("command_status {other:#04x}"),
    }
}

/// What it means for a session that its socket could not be read.
pub(super) fn of_read_error(error: &io::Error) -> Input<'static> {
    if tls::is_certificate_refused(error) { Input::Broken(Reason::CertificateRefused) } else { Input::Lost }
}
