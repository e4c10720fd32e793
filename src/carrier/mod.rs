//! The wire: links to carriers over SMPP 3.4.
//!
//! Reads from the inside out: [`frame`] cuts octets into PDUs, [`session`] is one bind as a value, `drive` gives it a
//! socket, `halves` makes one link of one or two of them, `link` does so again and again. Where a carrier connects to us,
//! `listener` takes it in, once it has said at the `door` who it is. [`Links`] is what the conversations see of it. [`submit`] makes their words
//! the wire's, in the ways of a carrier's [`Profile`]; [`translate`] makes the wire's words theirs. [`try_bind`] is a
//! session with nothing in it, to see whether there can be one, and [`try_text`] one with a text to a phone of the
//! operator's own.
//!
//! What may have gone out is never sent again from here: a message whose PDU was wholly written is answered as the
//! carrier answers it, be it late, and with [`Answer::Unknown`](crate::domain::Answer::Unknown) when the session ends
//! before that. What the carrier delivers is acknowledged after
//! [`Reception::deliver`](crate::ports::Reception::deliver) returned `Ok`, and not before.

pub mod alert;
mod bare;
pub mod bind;
mod deliver;
mod deliveries;
mod dial;
mod door;
mod drive;
mod ended;
pub mod frame;
mod halves;
mod link;
mod links;
mod listener;
mod live;
pub mod pace;
mod patience;
mod pauses;
mod preference;
pub mod profile;
pub mod quirks;
mod reason;
pub mod receipt;
pub mod refusal;
mod room;
mod seats;
mod server_tls;
pub mod session;
pub mod short_message;
pub mod submit;
pub mod text;
pub mod timers;
pub(crate) mod tls;
pub mod translate;
mod trial;
pub mod udh;
pub mod window;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use smpp::types::COctetString;

pub use dial::NoConnection;
pub use link::{LinkState, LinkStatus};
pub use links::Links;
pub use listener::{ListenerConfig, OnOutbind};
pub use live::{LiveText, Step, try_text};
pub use profile::Profile;
pub use server_tls::ServerTls;
pub use tls::{ClientCertificate, Tls, TlsFileError, TlsRefusal};
pub use trial::{TrialError, try_bind};

use crate::domain::Phone;
use bind::{Account, Opening};
use session::Settings;

/// Which binds make a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binds {
    /// One that sends and receives.
    Transceiver,
    /// One that sends and one that receives, each on a connection of its own. The link sends while both stand.
    TransmitterAndReceiver,
}

/// One link to a carrier, as the operator described it.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// What logs, metrics and the status call it.
    pub name: String,
    /// Host and port.
    pub address: String,
    /// How TLS is spoken; `None` is plain SMPP.
    pub tls: Option<Tls>,
    pub system_id: String,
    pub password: SecretString,
    pub system_type: String,
    pub bind: Binds,
    /// Unanswered `submit_sm` at once.
    pub window: usize,
    /// What the carrier's contract allows.
    pub segments_per_second: NonZeroU32,
    /// How long nothing may be heard before we ask whether the carrier is there.
    pub enquire_link: Duration,
    /// How long a `submit_sm` may go unanswered.
    pub response_timeout: Duration,
    /// Practice numbers that go through this link; none means all that no other link names.
    pub numbers: Vec<Phone>,
    /// The carrier's ways.
    pub profile: Arc<Profile>,
    /// Of the links that serve a number, those with the lowest priority that are bound take its texts.
    pub priority: u32,
}

/// Why a link can't be bound with what it is configured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkConfigError {
    #[error("system_id must be at most 15 ASCII characters")]
    SystemId,
    #[error("password must be at most 8 ASCII characters")]
    Password,
    #[error("system_type must be at most 12 ASCII characters")]
    SystemType,
    #[error("server_name must be a host name or an IP address; without it, so must the host in address")]
    ServerName,
    #[error("window must be at least 1")]
    Window,
    #[error("enquire_link must be at least 1 second")]
    EnquireLink,
}

impl LinkConfig {
    /// Whether SMPP can carry what is configured.
    pub fn check(&self) -> Result<(), LinkConfigError> {
        if self.tls.as_ref().is_some_and(|tls| tls.peer(&self.address).is_none()) {
            return Err(LinkConfigError::ServerName);
        }
        if self.window == 0 {
            return Err(LinkConfigError::Window);
        }
        if self.enquire_link < Duration::from_secs(1) {
            return Err(LinkConfigError::EnquireLink);
        }
        self.account().map(drop)
    }

    /// What a session with the carrier is made with.
    fn settings(&self, opening: Opening) -> Settings {
        Settings {
            opening,
            window: self.window,
            refusals: self.profile.refusals.clone(),
            enquire_link: self.enquire_link,
            last_sequence: 0,
        }
    }

    /// What asks the carrier for a bind.
    fn account(&self) -> Result<Account, LinkConfigError> {
        let password = self.password.expose_secret().to_owned();
        Ok(Account {
            system_id: COctetString::from_string(self.system_id.clone()).map_err(|_| LinkConfigError::SystemId)?,
            password: COctetString::from_string(password).map_err(|_| LinkConfigError::Password)?,
            system_type: COctetString::from_string(self.system_type.clone())
                .map_err(|_| LinkConfigError::SystemType)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> LinkConfig {
        LinkConfig {
            name: "primary".into(),
            address: "127.0.0.1:2775".into(),
            tls: None,
            system_id: "practice".into(),
            password: "8 octets".to_owned().into(),
            system_type: String::new(),
            bind: Binds::Transceiver,
            window: 10,
            segments_per_second: NonZeroU32::MIN,
            enquire_link: Duration::from_secs(30),
            response_timeout: Duration::from_secs(60),
            numbers: Vec::new(),
            profile: Arc::default(),
            priority: 0,
        }
    }

    #[test]
    fn what_smpp_can_not_carry_is_said_before_anybody_binds() {
        assert_eq!(good().check(), Ok(()));
        let long = |length| "x".repeat(length);
        for (config, error) in [
            (LinkConfig { system_id: long(16), ..good() }, LinkConfigError::SystemId),
            (LinkConfig { password: long(9).into(), ..good() }, LinkConfigError::Password),
            (LinkConfig { password: "pässword".to_owned().into(), ..good() }, LinkConfigError::Password),
            (LinkConfig { system_type: long(13), ..good() }, LinkConfigError::SystemType),
            (LinkConfig { tls: Some(Tls::default()), address: "a b:1".into(), ..good() }, LinkConfigError::ServerName),
            (LinkConfig { window: 0, ..good() }, LinkConfigError::Window),
            (LinkConfig { enquire_link: Duration::ZERO, ..good() }, LinkConfigError::EnquireLink),
        ] {
            assert_eq!(config.check(), Err(error));
        }
    }

    #[test]
    fn the_password_is_not_in_the_log() {
        assert!(!format!("{:?}", good()).contains("octets"));
    }
}
