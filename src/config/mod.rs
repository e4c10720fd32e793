//! What the operator decides: defaults, then a TOML file, then environment variables `ASSENT__SECTION__KEY`.
//! Every mistake is reported at once, and an unknown key is one.

mod carrier;
mod listener;
mod origin;
mod profile;
mod reader;
mod store;
mod traffic;
mod webhooks;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;

use config::{Map, Source, Value};
use secrecy::{ExposeSecret, SecretString};

pub use self::carrier::{Carrier, Tls};
pub use self::listener::{BindBack, Listener, OnOutbind};
pub use self::origin::{Origin, OriginError};
pub use self::profile::writings;
use self::reader::{Reader, Section, environment, overlay};
pub use self::store::{Durability, Store, StoreFiles};
pub use self::traffic::Traffic;
pub use self::webhooks::Webhooks;

/// The most requests that a token may be allowed: more than one machine answers.
const REQUESTS_PER_SECOND_MAX: u32 = 1_000_000;
/// Origins that may be named: more than a practice has programs.
const ORIGINS_MAX: usize = 64;
/// The shortest operator token that is taken: 128 bits in hexadecimal.
const OPERATOR_TOKEN_CHARS_MIN: usize = 32;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub http: Http,
    pub store: Store,
    pub auth: Auth,
    pub log: Log,
    pub webhooks: Webhooks,
    /// In order of preference among those of one priority.
    pub carriers: Vec<Carrier>,
    /// After the carriers, in the same way.
    pub listeners: Vec<Listener>,
}

/// Where the API listens.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port; the API is meant to stand behind the practice's own UI, so loopback is the default.
    pub listen: SocketAddr,
    /// Requests that each token may make; for a moment as many as two seconds allow.
    pub requests_per_second: NonZeroU32,
    /// Pages of other origins that may call the API from a browser.
    pub origins: Vec<Origin>,
}

/// Who the operator is.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The token that may do everything.
    pub operator_token: SecretString,
}

/// What is logged.
#[derive(Debug, Clone)]
pub struct Log {
    /// A filter in the syntax of `tracing`, such as `info` or `assent=debug`.
    pub filter: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration has {} mistake(s):", self.0.len())?;
        for mistake in &self.0 {
            writeln!(f, "  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Reads a file and the environment.
    pub fn load(file: &Path) -> Result<Self, Mistakes> {
        Self::read(in_file(file)?, environment(std::env::vars()))
    }

    /// Reads TOML text alone.
    pub fn from_toml(text: &str) -> Result<Self, Mistakes> {
        let keys = config::File::from_str(text, config::FileFormat::Toml)
            .collect()
            .map_err(|error| Mistakes(vec![error.to_string()]))?;
        Self::read(keys, Map::new())
    }

    fn read(mut keys: Map<String, Value>, over: Map<String, Value>) -> Result<Self, Mistakes> {
        overlay(&mut keys, over);
        let mut reader = Reader::default();
        let mut root = Section::root(keys);

        let mut http = reader.section(&mut root, "http");
        let listen = reader.parsed(&mut http, "listen", SocketAddr::from(([127, 0, 0, 1], 8080)));
        let requests_per_second = reader.number(&mut http, "requests_per_second", 100, REQUESTS_PER_SECOND_MAX);
        let origins = reader.list(&mut http, "origins", "origins", ORIGINS_MAX).unwrap_or_default();
        reader.finish(http);

        let store = reader.section(&mut root, "store");
        let store = Store::read(&mut reader, store);

        let mut auth = reader.section(&mut root, "auth");
        let operator_token = reader.secret(&mut auth, "operator_token");
        if operator_token.as_ref().is_some_and(|token| token.expose_secret().len() < OPERATOR_TOKEN_CHARS_MIN) {
            reader.wrong(&auth, "operator_token", "must have at least 32 characters; try `openssl rand -hex 32`");
        }
        let operator_token = operator_token.unwrap_or_default();
        reader.finish(auth);

        let mut log = reader.section(&mut root, "log");
        let filter = reader.text(&mut log, "filter").unwrap_or_else(|| "info".into());
        reader.finish(log);

        let webhooks = reader.section(&mut root, "webhooks");
        let webhooks = Webhooks::read(&mut reader, webhooks);

        let sections = reader.sections(&mut root, "carrier");
        let carriers: Vec<Carrier> = sections.into_iter().map(|section| Carrier::read(&mut reader, section)).collect();
        let sections = reader.sections(&mut root, "listener");
        let listeners: Vec<Listener> =
            sections.into_iter().map(|section| Listener::read(&mut reader, section)).collect();
        if carriers.is_empty() && listeners.is_empty() {
            let what = "carrier: at least one [[carrier]] or [[listener]] is needed, or nothing can be sent";
            reader.mistakes.push(what.into());
        }
        for (index, carrier) in carriers.iter().enumerate() {
            if carriers[..index].iter().any(|other| other.name == carrier.name) {
                reader.mistakes.push(format!("carrier[{index}].name: another carrier has this name"));
            }
        }
        let is_a_carrier = |name: &str| carriers.iter().any(|carrier| carrier.name == *name);
        for (index, listener) in listeners.iter().enumerate() {
            if is_a_carrier(&listener.name) || listeners[..index].iter().any(|other| other.name == listener.name) {
                reader.mistakes.push(format!("listener[{index}].name: another link has this name"));
            }
            if let OnOutbind::Carrier(name) = &listener.outbind
                && !is_a_carrier(name)
            {
                reader.mistakes.push(format!("listener[{index}].carrier: no [[carrier]] has this name"));
            }
        }
        reader.finish(root);

        let config = Self {
            http: Http {
                listen,
                requests_per_second: NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN),
                origins,
            },
            store,
            auth: Auth { operator_token },
            log: Log { filter },
            webhooks,
            carriers,
            listeners,
        };
        if reader.mistakes.is_empty() { Ok(config) } else { Err(Mistakes(reader.mistakes)) }
    }

    /// How texts go over each link, in the order of preference.
    pub fn traffic(&self) -> impl Iterator<Item = &Traffic> {
        let carriers = self.carriers.iter().map(|carrier| &carrier.traffic);
        carriers.chain(self.listeners.iter().map(|listener| &listener.traffic))
    }
}

fn in_file(file: &Path) -> Result<Map<String, Value>, Mistakes> {
    let keys = config::File::from(file).format(config::FileFormat::Toml).collect();
    keys.map_err(|error| Mistakes(vec![format!("{}: {error}", file.display())]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The least that a configuration says.
    pub const SMALLEST: &str = r#"
        [auth]
        operator_token = "0123456789abcdef0123456789abcdef"
        [[carrier]]
        name = "primary"
        address = "127.0.0.1:2775"
        system_id = "practice"
        password = "secret"
    "#;

    fn mistakes(text: &str) -> Vec<String> {
        Config::from_toml(text).expect_err("it has mistakes").0
    }

    #[test]
    fn the_smallest_configuration_gets_the_defaults() {
        let config = Config::from_toml(SMALLEST).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.http.requests_per_second.get(), 100);
        assert_eq!(config.store.url, "file:///var/lib/assent");
        let carrier = &config.carriers[0];
        let traffic = &carrier.traffic;
        assert_eq!((traffic.window, traffic.segments_per_second.get()), (10, 100));
        assert_eq!(traffic.enquire_link, Duration::from_secs(30));
        assert_eq!(traffic.response_timeout, Duration::from_secs(60));
        assert!(traffic.numbers.is_empty());
        assert_eq!(traffic.priority, 1);
        assert!(config.listeners.is_empty());
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let found = mistakes(
            r#"
            colour = "blue"
            [http]
            listen = "8080"
            prot = 1
            requests_per_second = 0
            origins = ["https://inbox.example", "http://inbox.example", "*"]
            [store]
            url = 7
            durability = "perhaps"
            password_file = "/no/such/file"
            allow_plaintext = "no way"
            [auth]
            operator_token = "short"
            [[carrier]]
            address = "carrier.example"
            tls = "maybe"
            system_id = "longer than fifteen characters"
            password_file = "/no/such/file"
            bind = "receiver"
            window = 0
            segments_per_second = "fast"
            enquire_link = "30 parsecs"
            response_timeout = "2h"
            numbers = ["+13035550100", "3035550100", 7]
            priority = 0
            retries = 3
            "#,
        );
        let expected = [
            "http.listen: invalid socket address syntax",
            "http.requests_per_second: must be a whole number from 1 to 1000000",
            "http.origins[1]: must be https, because whoever is on the way could write the page; http is for this machine alone",
            "http.origins[2]: must be an origin, such as https://inbox.example: a scheme, a host in small letters, and no path",
            "http.prot: unknown key",
            "store.url: must be a text",
            "store.durability: must be \"enforced\" or \"attested\"",
            "store.password_file: /no/such/file: No such file or directory (os error 2)",
            "store.allow_plaintext: must be true or false",
            "auth.operator_token: must have at least 32 characters; try `openssl rand -hex 32`",
            "carrier[0].name: is needed",
            "carrier[0].address: must be HOST:PORT",
            "carrier[0].tls: must be true or false",
            "carrier[0].address: texts would travel unencrypted; say tls = true, or allow_plaintext = true if the line is private",
            "carrier[0].system_id: has more than 15 characters (SMPP 3.4 §5.2.1)",
            "carrier[0].password_file: /no/such/file: No such file or directory (os error 2)",
            "carrier[0].bind: must be one of \"transceiver\", \"transmitter+receiver\"",
            "carrier[0].window: must be a whole number from 1 to 1000",
            "carrier[0].segments_per_second: must be a whole number from 1 to 1000000",
            "carrier[0].enquire_link: must be a duration from 1s to 30s, such as \"30s\"",
            "carrier[0].response_timeout: must be a duration from 1s to 600s, such as \"30s\"",
            "carrier[0].numbers[1]: must be in E.164 form: a plus sign and 8 to 15 digits, such as +13035550123",
            "carrier[0].numbers[2]: must be in E.164 form: a plus sign and 8 to 15 digits, such as +13035550123",
            "carrier[0].priority: must be a whole number from 1 to 100",
            "carrier[0].retries: unknown key",
            "colour: unknown key",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn with_tls_texts_may_travel_far() {
        let far = SMALLEST.replace("127.0.0.1:2775", "smpp.carrier.example:3550");
        let with = |lines: &str| format!("{far}\n{lines}");
        let carrier = Config::from_toml(&with("tls = true")).unwrap().carriers.remove(0);
        let tls = carrier.tls.unwrap();
        assert!(tls.server_name.is_none() && tls.ca_file.is_none() && tls.client_certificate_and_key_files.is_none());

        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let found = mistakes(&with(&format!("tls = true\nclient_certificate_file = \"{path}\"\nca_file = \"/none\"")));
        let expected = [
            "carrier[0].ca_file: /none: No such file or directory (os error 2)",
            "carrier[0].client_key_file: is needed: a certificate and its key go together",
        ];
        assert_eq!(found, expected);
        let found = mistakes(&format!("{SMALLEST}\nserver_name = \"smpp.carrier.example\""));
        assert_eq!(found, ["carrier[0].server_name: goes with tls = true only"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let expected = [
            "auth.operator_token: is needed, or operator_token_file",
            "carrier: at least one [[carrier]] or [[listener]] is needed, or nothing can be sent",
        ];
        assert_eq!(mistakes(""), expected);
    }

    #[test]
    fn a_store_on_redis_has_keys_of_its_own() {
        let redis = format!("store.url = \"redis://127.0.0.1\"\n{SMALLEST}");
        let found = mistakes(&redis);
        assert!(found.len() == 1 && found[0].starts_with("store.key_file: is needed with redis"), "{found:?}");
        let store = Config::from_toml(&format!("store.key_file = \"/keys\"\n{redis}")).unwrap().store;
        assert_eq!(store.durability, Durability::Enforced);
        assert!(store.password.is_none() && !store.allow_plaintext);
    }

    #[test]
    fn the_environment_comes_last_and_reaches_into_lists() {
        let variables = [
            ("ASSENT__HTTP__LISTEN", "127.0.0.1:9090"),
            ("ASSENT__CARRIER__0__WINDOW", "20"),
            ("ASSENT__CARRIER__0__PASSWORD", "other"),
            ("HOME", "/root"),
        ];
        let over = environment(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        let keys = config::File::from_str(SMALLEST, config::FileFormat::Toml).collect().unwrap();
        let config = Config::read(keys, over).unwrap();
        assert_eq!(config.http.listen.port(), 9090);
        assert_eq!(config.carriers[0].traffic.window, 20);
        assert_eq!(config.carriers[0].password.expose_secret(), "other");
    }

    #[test]
    fn an_unknown_variable_is_a_mistake_too() {
        let over = environment([("ASSENT__STROE__URL".to_owned(), "x".to_owned())].into_iter());
        let keys = config::File::from_str(SMALLEST, config::FileFormat::Toml).collect().unwrap();
        assert_eq!(Config::read(keys, over).unwrap_err().0, ["stroe: unknown key"]);
    }

    #[test]
    fn two_carriers_of_one_name_can_not_be_told_apart() {
        let second = SMALLEST.split("[[carrier]]").nth(1).unwrap();
        let found = mistakes(&format!("{SMALLEST}\n[[carrier]]\n{second}"));
        assert_eq!(found, ["carrier[1].name: another carrier has this name"]);
    }

    #[test]
    fn secrets_do_not_show() {
        let config = Config::from_toml(SMALLEST).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("secret\"") && !shown.contains("0123456789abcdef"), "{shown}");
    }
}
