//! A `[[carrier]]` of a configuration.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::profile;
use super::reader::{Reader, Section};
use crate::carrier::{Binds, Profile};
use crate::domain::Phone;

/// The most `submit_sm` that may be unanswered on one link.
const WINDOW_MAX: u32 = 1_000;
/// The longest that a link may go unchecked: with the ten seconds that the answer may take, a dead one is found within 40 s.
const ENQUIRE_LINK_MAX: Duration = Duration::from_secs(30);
/// The last in line of the carriers.
const PRIORITY_MAX: u32 = 100;
/// The longest `system_id` (SMPP 3.4 §5.2.1) and password (§5.2.2), without their terminating NUL.
const SYSTEM_ID_CHARS_MAX: usize = 15;
const PASSWORD_CHARS_MAX: usize = 8;

/// A link to a carrier.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// What the link is called in logs and metrics.
    pub name: String,
    /// Host and port of the carrier's SMPP server.
    pub address: String,
    /// How TLS is spoken with it, if it is.
    pub tls: Option<Tls>,
    pub system_id: String,
    pub password: SecretString,
    /// What some carriers ask for to tell services apart; usually empty.
    pub system_type: String,
    pub bind: Binds,
    /// Unanswered `submit_sm` at once.
    pub window: u32,
    /// What the carrier contract allows on this link.
    pub segments_per_second: NonZeroU32,
    /// After this long without traffic the link is checked.
    pub enquire_link: Duration,
    /// How long an answer to a `submit_sm` is waited for.
    pub response_timeout: Duration,
    /// The practice numbers that go through this link; none means all.
    pub numbers: Vec<Phone>,
    /// The carrier's ways.
    pub profile: Arc<Profile>,
    /// Of the links that serve a number, those with the lowest that are bound take its texts.
    pub priority: u32,
}

/// TLS towards a carrier. The files are read at each connection.
#[derive(Debug, Clone)]
pub struct Tls {
    /// What the carrier's certificate must be for; the host of the address if left out.
    pub server_name: Option<String>,
    /// Certificates, in PEM, that the carrier's own must come from; those that this machine trusts if left out.
    pub ca_file: Option<PathBuf>,
    /// The certificate that the carrier knows us by and its key, both in PEM.
    pub client_certificate_and_key_files: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    fn read(reader: &mut Reader, section: &mut Section) -> Option<Self> {
        let is_on = reader.switch(section, "tls", false);
        let server_name = reader.text(section, "server_name");
        let ca_file = reader.file(section, "ca_file");
        let certificate = reader.file(section, "client_certificate_file");
        let key = reader.file(section, "client_key_file");
        if !is_on {
            let given = [
                ("server_name", server_name.is_some()),
                ("ca_file", ca_file.is_some()),
                ("client_certificate_file", certificate.is_some()),
                ("client_key_file", key.is_some()),
            ];
            for (key, _) in given.into_iter().filter(|(_, is_given)| *is_given) {
                reader.wrong(section, key, "goes with tls = true only");
            }
            return None;
        }
        if certificate.is_some() != key.is_some() {
            let missing = if key.is_none() { "client_key_file" } else { "client_certificate_file" };
            reader.wrong(section, missing, "is needed: a certificate and its key go together");
        }
        Some(Self { server_name, ca_file, client_certificate_and_key_files: certificate.zip(key) })
    }
}

impl Carrier {
    pub(super) fn read(reader: &mut Reader, mut section: Section) -> Self {
        let seconds = Duration::from_secs;
        let name = reader.required_text(&mut section, "name");
        let address = reader.required_text(&mut section, "address");
        if !address.is_empty() && !is_host_and_port(&address) {
            reader.wrong(&section, "address", "must be HOST:PORT");
        }
        let tls = Tls::read(reader, &mut section);
        let may_be_plain = reader.switch(&mut section, "allow_plaintext", false);
        if tls.is_none() && !may_be_plain && !address.is_empty() && !is_loopback(&address) {
            let what =
                "texts would travel unencrypted; say tls = true, or allow_plaintext = true if the line is private";
            reader.wrong(&section, "address", what);
        }
        let system_id = reader.required_text(&mut section, "system_id");
        if system_id.len() > SYSTEM_ID_CHARS_MAX {
            reader.wrong(&section, "system_id", "has more than 15 characters (SMPP 3.4 §5.2.1)");
        }
        let password = reader.secret(&mut section, "password");
        let password = password.unwrap_or_default();
        if password.expose_secret().len() > PASSWORD_CHARS_MAX {
            reader.wrong(&section, "password", "has more than 8 characters (SMPP 3.4 §5.2.2)");
        }
        let system_type = reader.text(&mut section, "system_type").unwrap_or_default();
        let binds = [("transceiver", Binds::Transceiver), ("transmitter+receiver", Binds::TransmitterAndReceiver)];
        let bind = reader.choice(&mut section, "bind", Binds::Transceiver, &binds);
        let window = reader.number(&mut section, "window", 10, WINDOW_MAX);
        let segments_per_second = reader.number(&mut section, "segments_per_second", 100, 1_000_000);
        let enquire_link = reader.duration(&mut section, "enquire_link", seconds(30), (seconds(1), ENQUIRE_LINK_MAX));
        let response_timeout =
            reader.duration(&mut section, "response_timeout", seconds(60), (seconds(1), seconds(600)));
        let numbers = reader.phones(&mut section, "numbers");
        let profile = profile::read(reader, &mut section);
        let priority = reader.number(&mut section, "priority", 1, PRIORITY_MAX);
        reader.finish(section);
        Self {
            name,
            address,
            tls,
            system_id,
            password,
            system_type,
            bind,
            window,
            segments_per_second: NonZeroU32::new(segments_per_second).unwrap_or(NonZeroU32::MIN),
            enquire_link,
            response_timeout,
            numbers,
            profile: Arc::new(profile),
            priority,
        }
    }
}

fn is_host_and_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
