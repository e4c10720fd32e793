//! What comes over a connection that a carrier opened before there is a session: the right bind, the right outbind, or
//! nothing that is listened to. Nothing here reads a socket or a clock.

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use smpp::pdus::{DataSmResp, DeliverSmResp, QuerySmResp, SubmitMultiResp, SubmitSmResp};
use smpp::{CommandId, Pdu};
use subtle::ConstantTimeEq;

use super::bind::BindKind;
use super::frame::{self, Frame, Framer, Unframed, status};

/// No bind is longer: a header, five fields, and optional parameters that nobody asks for (SMPP 3.4 §4.1).
const FIRST_OCTETS_MAX: usize = 1_024;

/// Who may come in.
pub struct Door {
    framer: Framer,
    system_id: [u8; 32],
    password: [u8; 32],
}

/// What a visitor wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visit {
    /// To be bound; the credentials are right.
    Bind(Asked),
    /// That we bind; the credentials are right (SMPP 3.4 §2.2.1).
    Outbind,
    /// Nothing that it gets. It is told so, if there is a way to say it, and the connection is closed.
    Refused { refusal: Refused, answer: Bytes },
}

/// A bind as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub kind: BindKind,
    pub sequence: u32,
}

impl Asked {
    /// What says no.
    pub fn refusal(self, command_status: u32) -> Bytes {
        frame::encode(command_status, self.sequence, self.kind.refused())
    }
}

/// Why a visitor is turned away, in words for whoever runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Unframed(#[from] Unframed),
    #[error("it sent something other than a bind or an outbind first")]
    NotABind,
    #[error("its bind can't be read")]
    Unreadable,
    #[error("its system_id is not the one that is configured")]
    SystemId,
    #[error("its password is wrong")]
    Password,
}

impl Door {
    pub fn new(system_id: &str, password: &SecretString) -> Self {
        let password = digest(password.expose_secret().as_bytes());
        Self { framer: Framer::default(), system_id: digest(system_id.as_bytes()), password }
    }

    /// Takes octets as they come. The first PDU decides; `None` until it is there.
    pub fn hears(&mut self, octets: &[u8]) -> Option<Visit> {
        self.framer.push(octets);
        match self.framer.next_frame() {
            Ok(Some(frame)) => Some(self.first(&frame)),
            Ok(None) if self.framer.waiting() > FIRST_OCTETS_MAX => Some(refused(Refused::NotABind, Bytes::new())),
            Ok(None) => None,
            Err(unframed) => Some(refused(unframed.into(), frame::encode(status::RINVCMDLEN, 0, Pdu::GenericNack))),
        }
    }

    /// What came after the first PDU.
    pub fn rest(self) -> Bytes {
        self.framer.rest()
    }

    fn first(&self, frame: &Frame) -> Visit {
        if let Some(kind) = BindKind::asked_by(frame.id()) {
            let asked = Asked { kind, sequence: frame.sequence() };
            return match self.credentials(frame.body()) {
                Ok(()) => Visit::Bind(asked),
                Err(refusal) => refused(refusal, asked.refusal(refusal.command_status())),
            };
        }
        match frame.id() {
            CommandId::Outbind => match self.credentials(frame.body()) {
                Ok(()) => Visit::Outbind,
                // An outbind has no answer (SMPP 3.4 §4.1.7).
                Err(refusal) => refused(refusal, Bytes::new()),
            },
            _ if frame.is_response() => refused(Refused::NotABind, Bytes::new()),
            id => refused(Refused::NotABind, frame::encode(status::RINVBNDSTS, frame.sequence(), response_to(id))),
        }
    }

    /// A bind and an outbind both begin with them (SMPP 3.4 §4.1.1 and §4.1.7). Both are compared in any case, and in a time
    /// that does not tell how much of them is right.
    fn credentials(&self, body: &[u8]) -> Result<(), Refused> {
        let mut fields = body.splitn(3, |octet| *octet == 0);
        let (Some(system_id), Some(password), Some(_)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(Refused::Unreadable);
        };
        let system_id = digest(system_id).ct_eq(&self.system_id);
        let password = digest(password).ct_eq(&self.password);
        match (bool::from(system_id), bool::from(password)) {
            (true, true) => Ok(()),
            (true, false) => Err(Refused::Password),
            (false, _) => Err(Refused::SystemId),
        }
    }
}

impl Refused {
    fn command_status(self) -> u32 {
        match self {
            Self::Unframed(_) | Self::Unreadable => status::RINVCMDLEN,
            Self::NotABind => status::RINVBNDSTS,
            Self::SystemId => status::RINVSYSID,
            Self::Password => status::RINVPASWD,
        }
    }

    /// Whether it was a guess at the credentials.
    pub fn is_a_guess(self) -> bool {
        match self {
            Self::SystemId | Self::Password => true,
            Self::Unframed(_) | Self::NotABind | Self::Unreadable => false,
        }
    }
}

fn refused(refusal: Refused, answer: Bytes) -> Visit {
    Visit::Refused { refusal, answer }
}

fn digest(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}

/// What answers a PDU, whatever it says.
fn response_to(id: CommandId) -> Pdu {
    match id {
        CommandId::SubmitSm => SubmitSmResp::default().into(),
        CommandId::SubmitMulti => SubmitMultiResp::default().into(),
        CommandId::DeliverSm => DeliverSmResp::default().into(),
        CommandId::DataSm => DataSmResp::default().into(),
        CommandId::QuerySm => QuerySmResp::default().into(),
        CommandId::CancelSm => Pdu::CancelSmResp,
        CommandId::ReplaceSm => Pdu::ReplaceSmResp,
        CommandId::EnquireLink => Pdu::EnquireLinkResp,
        CommandId::Unbind => Pdu::UnbindResp,
        _ => Pdu::GenericNack,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smpp::pdus::{BindReceiver, BindTransmitter, Outbind};

    use super::*;

    fn door() -> Door {
        Door::new("carrier-a", &"letmein".to_owned().into())
    }

    fn outbind(password: &str) -> Bytes {
        frame::encode(0, 7, Outbind::new("carrier-a".parse().unwrap(), password.parse().unwrap()).into())
    }

    fn bind() -> Bytes {
        let bind = BindReceiver::builder().system_id("carrier-a".parse().unwrap()).password("letmein".parse().unwrap());
        frame::encode(0, 7, bind.build().into())
    }

    #[test]
    fn the_right_bind_and_the_right_outbind_are_known_however_the_stream_is_cut() {
        let wanted = [
            (bind(), Visit::Bind(Asked { kind: BindKind::Receiver, sequence: 7 })),
            (outbind("letmein"), Visit::Outbind),
        ];
        for (octets, expected) in wanted {
            for cut in 1..octets.len() {
                let mut door = door();
                assert_eq!(door.hears(&octets[..cut]), None);
                assert_eq!(door.hears(&[&octets[cut..], b"more"].concat()), Some(expected.clone()));
                assert_eq!(door.rest(), b"more"[..]);
            }
        }
    }

    #[test]
    fn a_wrong_outbind_has_no_answer_and_a_bind_that_ends_within_its_password_has() {
        let expected = refused(Refused::Password, Bytes::new());
        assert_eq!(door().hears(&outbind("letmeio")), Some(expected));
        let cut = BindTransmitter::builder().system_id("carrier-a".parse().unwrap()).build();
        let mut octets = frame::encode(0, 7, cut.into())[..26].to_vec();
        octets[3] = 26;
        let Some(Visit::Refused { refusal, answer }) = door().hears(&octets) else { panic!("it is refused") };
        assert_eq!((refusal, answer[11]), (Refused::Unreadable, 0x02));
    }

    #[test]
    fn nobody_who_looks_at_a_refusal_sees_a_password() {
        assert!(!format!("{:?}", door().hears(&outbind("letmeio"))).contains("letme"));
    }

    proptest! {
        #[test]
        fn no_octets_get_in_but_those(octets: Vec<u8>, first in 0_u8..16) {
            let length = u32::try_from(octets.len() + 16).unwrap();
            let header = [length, u32::from(first), 0, 1].map(u32::to_be_bytes).concat();
            for stream in [octets.clone(), [header, octets].concat()] {
                let visit = door().hears(&stream);
                let is_in = matches!(visit, Some(Visit::Bind(_) | Visit::Outbind));
                prop_assert!(!is_in, "{visit:?}");
            }
        }
    }
}
