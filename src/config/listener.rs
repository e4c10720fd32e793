//! A `[[listener]]` of a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;

use super::reader::{Reader, Section};
use super::traffic::{self, Traffic};
use crate::carrier::ServerTls;
use crate::domain::Prefix;

/// Prefixes that one listener may name.
const ALLOW_MAX: usize = 1_000;

/// Where a carrier connects to us.
#[derive(Debug, Clone)]
pub struct Listener {
    /// What the link is called in logs and metrics; the address if left out.
    pub name: String,
    pub listen: SocketAddr,
    /// Who may connect; this machine alone if left out.
    pub allow: Vec<Prefix>,
    pub tls: Option<ServerTls>,
    /// What the carrier has to show.
    pub system_id: String,
    pub password: SecretString,
    pub outbind: OnOutbind,
    pub traffic: Traffic,
}

/// What follows when the carrier asks us to bind.
#[derive(Debug, Clone)]
pub enum OnOutbind {
    /// We do so over its connection, with what it knows us by.
    BindBack { kind: BindBack, system_id: String, password: SecretString },
    /// The `[[carrier]]` of this name dials.
    Carrier(String),
}

/// What we bind back as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindBack {
    Transceiver,
    Receiver,
}

impl Listener {
    pub(super) fn read(reader: &mut Reader, mut section: Section) -> Self {
        let name = reader.text(&mut section, "name");
        if !section.has("listen") {
            reader.wrong(&section, "listen", "is needed");
        }
        let listen = reader.parsed(&mut section, "listen", SocketAddr::from(([127, 0, 0, 1], 2785)));
        let allow = reader.list(&mut section, "allow", "IP addresses and prefixes", ALLOW_MAX);
        let tls = tls(reader, &mut section);
        let may_be_plain = reader.switch(&mut section, "allow_plaintext", false);
        if tls.is_none() && !may_be_plain && !listen.ip().is_loopback() {
            let what = "texts would travel unencrypted; give tls_certificate_file and tls_key_file, or allow_plaintext = true \
                        if the line is private";
            reader.wrong(&section, "listen", what);
        }
        let system_id = reader.required_text(&mut section, "system_id");
        traffic::check_system_id(reader, &section, "system_id", &system_id);
        let password = reader.secret(&mut section, "password").unwrap_or_default();
        traffic::check_password(reader, &section, "password", &password);
        let outbind = OnOutbind::read(reader, &mut section, &system_id, &password);
        let traffic = Traffic::read(reader, &mut section);
        reader.finish(section);
        Self {
            name: name.unwrap_or_else(|| listen.to_string()),
            listen,
            allow: allow.unwrap_or_else(|| Prefix::LOOPBACK.to_vec()),
            tls,
            system_id,
            password,
            outbind,
            traffic,
        }
    }
}

impl OnOutbind {
    fn read(reader: &mut Reader, section: &mut Section, system_id: &str, password: &SecretString) -> Self {
        let carrier = reader.text(section, "carrier");
        let is_given = ["bind_back", "own_system_id", "own_password", "own_password_file"].map(|key| section.has(key));
        if carrier.is_some() && is_given.contains(&true) {
            let what = "the carrier binds with its own keys: bind_back, own_system_id and own_password go without it";
            reader.wrong(section, "carrier", what);
        }
        let kinds = [("transceiver", BindBack::Transceiver), ("receiver", BindBack::Receiver)];
        let kind = reader.choice(section, "bind_back", BindBack::Transceiver, &kinds);
        let own_system_id = reader.text(section, "own_system_id").unwrap_or_else(|| system_id.to_owned());
        traffic::check_system_id(reader, section, "own_system_id", &own_system_id);
        let own_password = reader.optional_secret(section, "own_password").unwrap_or_else(|| password.clone());
        traffic::check_password(reader, section, "own_password", &own_password);
        match carrier {
            Some(carrier) => Self::Carrier(carrier),
            None => Self::BindBack { kind, system_id: own_system_id, password: own_password },
        }
    }
}

fn tls(reader: &mut Reader, section: &mut Section) -> Option<ServerTls> {
    let certificate: Option<PathBuf> = reader.file(section, "tls_certificate_file");
    let key = reader.file(section, "tls_key_file");
    let client_ca_file = reader.file(section, "client_ca_file");
    match (certificate, key) {
        (Some(certificate_file), Some(key_file)) => Some(ServerTls { certificate_file, key_file, client_ca_file }),
        (None, None) => {
            if client_ca_file.is_some() {
                reader.wrong(section, "client_ca_file", "goes with tls_certificate_file only");
            }
            None
        }
        (certificate, _) => {
            let missing = if certificate.is_some() { "tls_key_file" } else { "tls_certificate_file" };
            reader.wrong(section, missing, "is needed: a certificate and its key go together");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::config::Config;

    const SMALLEST: &str = r#"
        [auth]
        operator_token = "0123456789abcdef0123456789abcdef"
        [[listener]]
        listen = "127.0.0.1:2785"
        system_id = "carrier-a"
        password = "secret"
    "#;

    fn with(lines: &str) -> Result<Listener, Vec<String>> {
        Config::from_toml(&format!("{SMALLEST}\n{lines}"))
            .map(|mut config| config.listeners.remove(0))
            .map_err(|mistakes| mistakes.0)
    }

    #[test]
    fn a_listener_alone_is_a_link_and_by_itself_lets_in_this_machine_only() {
        let listener = with("").unwrap();
        assert_eq!((listener.name.as_str(), listener.allow.as_slice()), ("127.0.0.1:2785", &Prefix::LOOPBACK[..]));
        assert!(listener.tls.is_none());
        let OnOutbind::BindBack { kind, system_id, password } = listener.outbind else { panic!("it binds back") };
        assert_eq!((kind, system_id.as_str()), (BindBack::Transceiver, "carrier-a"));
        assert_eq!(password.expose_secret(), "secret");
        assert_eq!(listener.traffic.window, 10);
    }

    #[test]
    fn every_mistake_of_a_listener_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = format!(
            "allow = [\"192.0.2.0/24\", \"carrier.example\", \"192.0.2.1/24\"]\ntls_key_file = \"{}\"\nown_password = \"longer than 8\"\n\
             bind_back = \"transmitter\"\nwindow = 0\nenquire_link = \"31s\"\nport = 7",
            file.path().display()
        );
        let prefix = "must be an IP address, or a prefix of some such as 192.0.2.0/24 with no bit after it set";
        let expected = [
            format!("listener[0].allow[1]: {prefix}"),
            format!("listener[0].allow[2]: {prefix}"),
            "listener[0].tls_certificate_file: is needed: a certificate and its key go together".to_owned(),
            "listener[0].bind_back: must be one of \"transceiver\", \"receiver\"".to_owned(),
            "listener[0].own_password: has more than 8 characters (SMPP 3.4 §5.2.2)".to_owned(),
            "listener[0].window: must be a whole number from 1 to 1000".to_owned(),
            "listener[0].enquire_link: must be a duration from 1s to 30s, such as \"30s\"".to_owned(),
            "listener[0].port: unknown key".to_owned(),
        ];
        assert_eq!(with(&lines).unwrap_err(), expected);
    }

    #[test]
    fn texts_travel_in_clear_beyond_this_machine_only_where_that_is_said() {
        let far =
            |lines: &str| Config::from_toml(&format!("{SMALLEST}\n{lines}").replace("127.0.0.1:2785", "0.0.0.0:2785"));
        let mistakes = far("").unwrap_err().0;
        assert!(mistakes[0].starts_with("listener[0].listen: texts would travel unencrypted"), "{mistakes:?}");
        assert!(far("allow_plaintext = true").is_ok());
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        assert!(far(&format!("tls_certificate_file = \"{path}\"\ntls_key_file = \"{path}\"")).is_ok());
    }

    #[test]
    fn the_carrier_that_an_outbind_is_for_has_to_be_there() {
        assert_eq!(with("carrier = \"primary\"").unwrap_err(), ["listener[0].carrier: no [[carrier]] has this name"]);
        let carrier =
            "[[carrier]]\nname = \"primary\"\naddress = \"127.0.0.1:2775\"\nsystem_id = \"p\"\npassword = \"p\"";
        let listener = with(&format!("carrier = \"primary\"\n{carrier}")).unwrap();
        assert!(matches!(listener.outbind, OnOutbind::Carrier(name) if name == "primary"));
        let both = with(&format!("carrier = \"primary\"\nbind_back = \"receiver\"\n{carrier}")).unwrap_err();
        assert!(both[0].starts_with("listener[0].carrier: the carrier binds with its own keys"), "{both:?}");
    }

    #[test]
    fn two_links_of_one_name_can_not_be_told_apart() {
        let carrier = "[[carrier]]\nname = \"a\"\naddress = \"127.0.0.1:2775\"\nsystem_id = \"p\"\npassword = \"p\"";
        let found = with(&format!("name = \"a\"\n{carrier}")).unwrap_err();
        assert_eq!(found, ["listener[0].name: another link has this name"]);
    }
}
