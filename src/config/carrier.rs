//! A `[[carrier]]` of a configuration.

use std::net::IpAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::{Reader, Section};
use super::traffic::{self, Traffic};
use crate::carrier::Binds;

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
    pub traffic: Traffic,
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
        traffic::check_system_id(reader, &section, "system_id", &system_id);
        let password = reader.secret(&mut section, "password").unwrap_or_default();
        traffic::check_password(reader, &section, "password", &password);
        let system_type = reader.text(&mut section, "system_type").unwrap_or_default();
        let binds = [("transceiver", Binds::Transceiver), ("transmitter+receiver", Binds::TransmitterAndReceiver)];
        let bind = reader.choice(&mut section, "bind", Binds::Transceiver, &binds);
        let traffic = Traffic::read(reader, &mut section);
        reader.finish(section);
        Self { name, address, tls, system_id, password, system_type, bind, traffic }
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
