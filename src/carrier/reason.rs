//! Why a session ended, as it stands in the log and in the status, and what an operator can do about it.

use std::io;

use super::frame::{Unframed, status};
use super::session::Input;
use super::tls::{self, TlsRefusal};

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
    #[error("carrier sent an outbind where there is a bind, or one asked for")]
    Outbind,
    #[error("carrier sent more than 50 enquire_link in a second, or did not read a thousand answers")]
    Flood,
    #[error("carrier sent more than 10 unreadable or unknown PDUs in a minute")]
    TooMuchMalformed,
    #[error("connection to the carrier was lost")]
    Lost,
    #[error("store did not take what the carrier delivered")]
    NotTaken,
    #[error("carrier refused a text as if we were not bound (0x04)")]
    NotBoundThere,
    #[error("the other bind of the link ended")]
    OtherHalf,
    #[error("this process stood still for seconds")]
    StoodStill,
    #[error("stopped")]
    Stopped,
}

/// A refused bind's `command_status` (SMPP 3.4 §5.1.3), and what an operator can do about it.
struct Refusal {
    command_status: u32,
    words: &'static str,
    what_to_do: &'static str,
}

const REFUSALS: [Refusal; 9] = [
    Refusal {
        command_status: status::RINVCMDID,
        words: "it does not know this kind of bind (0x03)",
        what_to_do: "it may speak SMPP 3.3, which has no transceiver: ask the carrier how to bind",
    },
    Refusal {
        command_status: status::RINVBNDSTS,
        words: "wrong state for a bind (0x04)",
        what_to_do: "ask the carrier whether this system_id may bind in this way",
    },
    Refusal {
        command_status: status::RALYBND,
        words: "already bound under this system_id (0x05)",
        what_to_do: "a running assent may be bound with it; if none is, ask the carrier to end the old session",
    },
    Refusal {
        command_status: status::RSYSERR,
        words: "it has a fault (0x08)",
        what_to_do: "ask the carrier, if it lasts",
    },
    Refusal {
        command_status: status::RBINDFAIL,
        words: "bind failed (0x0D)",
        what_to_do: "check system_id, password and system_type, and ask the carrier why",
    },
    Refusal {
        command_status: status::RINVPASWD,
        words: "wrong password (0x0E)",
        what_to_do: "check the password with the carrier",
    },
    Refusal {
        command_status: status::RINVSYSID,
        words: "unknown system_id (0x0F)",
        what_to_do: "check the system_id with the carrier",
    },
    Refusal {
        command_status: status::RINVSYSTYP,
        words: "unknown system_type (0x53)",
        what_to_do: "check system_type with the carrier; most want it left out",
    },
    Refusal {
        command_status: status::RTHROTTLED,
        words: "too many binds in a short time (0x58)",
        what_to_do: "leave it alone for some minutes",
    },
];

fn refusal(command_status: u32) -> Option<&'static Refusal> {
    REFUSALS.iter().find(|refusal| refusal.command_status == command_status)
}

fn words(command_status: u32) -> String {
    let known = refusal(command_status).map(|refusal| refusal.words.to_owned());
    known.unwrap_or_else(|| format!("command_status {command_status:#04x}"))
}

impl Reason {
    /// What an operator can do about it.
    pub fn what_to_do(self) -> &'static str {
        match self {
            Self::BindRefused { command_status } => {
                let known = refusal(command_status).map(|refusal| refusal.what_to_do);
                known.unwrap_or("check system_id, password and system_type, and ask the carrier why")
            }
            Self::BindUnanswered => "check that SMPP is spoken at this address, and whether with TLS or without",
            Self::HungUp => {
                "ask the carrier whether it takes binds from this machine's address, and whether with TLS or without"
            }
            Self::CertificateRefused => TlsRefusal::CertificateRefused.what_to_do(),
            Self::Unframed(Unframed::Tls) => "set tls = true, or ask the carrier for its address without TLS",
            Self::Unframed(Unframed::Http | Unframed::Text | Unframed::Length(_))
            | Self::Nacked
            | Self::Outbind
            | Self::Flood
            | Self::TooMuchMalformed => "check that SMPP 3.4 is spoken at this address",
            Self::PeerSilent | Self::PartialFrame | Self::WriteStalled => {
                "check the line to the carrier, and ask the carrier, if it lasts"
            }
            Self::Lost | Self::PeerUnbound => "ask the carrier, if it lasts",
            Self::Unanswered | Self::NotBoundThere => "ask the carrier, if it happens again",
            Self::OtherHalf => "see why that one ended",
            Self::NotTaken => "see what the log says of the store",
            Self::StoodStill => "see whether this machine was paused, or has too much to do",
            Self::Stopped => "start it again",
        }
    }
}

/// What it means for a session that its socket could not be read.
pub(super) fn of_read_error(error: &io::Error) -> Input<'static> {
    if tls::is_certificate_refused(error) { Input::Broken(Reason::CertificateRefused) } else { Input::Lost }
}
