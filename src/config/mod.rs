//! What the operator decides: defaults, then a TOML file, then environment variables `ASSENT__SECTION__KEY`.
//! Every mistake is reported at once, and an unknown key is one.

mod reader;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Map, Source, Value};
use secrecy::{ExposeSecret, SecretString};

use self::reader::{Reader, Section, environment, overlay};
use crate::domain::Phone;

/// The most `submit_sm` that may be unanswered on one link.
const WINDOW_MAX: u32 = 1_000;
/// The most requests that a token may be allowed: more than one machine answers.
const REQUESTS_PER_SECOND_MAX: u32 = 1_000_000;
/// The longest `system_id` (SMPP 3.4 §5.2.1) and password (§5.2.2), without their terminating NUL.
const SYSTEM_ID_CHARS_MAX: usize = 15;
const PASSWORD_CHARS_MAX: usize = 8;
/// The shortest operator token that is taken: 128 bits in hexadecimal.
const OPERATOR_TOKEN_CHARS_MIN: usize = 32;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    pub http: Http,
    pub store: Store,
    pub auth: Auth,
    pub log: Log,
    /// In order of preference.
    pub carriers: Vec<Carrier>,
}

/// Where the API listens.
#[derive(Debug, Clone)]
pub struct Http {
    /// Address and port; the API is meant to stand behind the practice's own UI, so loopback is the default.
    pub listen: SocketAddr,
    /// Requests that each token may make; for a moment as many as two seconds allow.
    pub requests_per_second: NonZeroU32,
}

/// Where state is kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// `file:///DIRECTORY` for the embedded store; `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://` for
    /// one that several daemons share.
    pub url: String,
    /// The key ring that seals what is stored; a `store.key` in the directory of an embedded store if left out.
    pub key_file: Option<PathBuf>,
    pub durability: Durability,
    /// Where this daemon remembers how far it has seen a store on Redis.
    pub directory: PathBuf,
    /// Redis' password, in place of one in the url.
    pub password: Option<SecretString>,
    /// Certificates, in PEM, that Redis' own must come from; those that this machine trusts if left out.
    pub ca_file: Option<PathBuf>,
    /// Whether what is stored may travel unencrypted to another machine.
    pub allow_plaintext: bool,
}

/// Files of a store that are named beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct StoreFiles {
    pub keys: Option<PathBuf>,
    pub password: Option<PathBuf>,
    pub authority: Option<PathBuf>,
}

impl StoreFiles {
    /// The password, where there is a file with one.
    pub fn password(&self) -> Result<Option<SecretString>, Mistakes> {
        let mut reader = Reader::default();
        let mut section = Section::root(Map::new());
        if let Some(file) = &self.password {
            section.say("password_file", &file.display().to_string());
        }
        let password = reader.optional_secret(&mut section, "password");
        if reader.mistakes.is_empty() { Ok(password) } else { Err(Mistakes(reader.mistakes)) }
    }
}

/// Whether Redis must show that it keeps what it acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Enforced,
    /// Whoever runs a managed Redis vouches for what can't be seen of it.
    Attested,
}

impl Store {
    /// An embedded store in a directory.
    pub fn in_directory(directory: &Path) -> Self {
        Self::at(format!("file://{}", directory.display()))
    }

    fn at(url: String) -> Self {
        Self {
            url,
            key_file: None,
            durability: Durability::Enforced,
            directory: PathBuf::from("/var/lib/assent"),
            password: None,
            ca_file: None,
            allow_plaintext: false,
        }
    }

    /// Reads what a file and the environment say of the store, and nothing else of them: what the rest names, such as the
    /// credentials of a service, is there only while a daemon runs. What `files` name counts in place of what they say.
    pub fn load(file: &Path, files: &StoreFiles) -> Result<Self, Mistakes> {
        let mut keys = in_file(file)?;
        overlay(&mut keys, environment(std::env::vars()));
        let mut reader = Reader::default();
        let mut section = reader.section(&mut Section::root(keys), "store");
        if files.password.is_some() {
            section.forget("password");
        }
        let named = [("key_file", &files.keys), ("password_file", &files.password), ("ca_file", &files.authority)];
        for (key, named) in named {
            if let Some(named) = named {
                section.say(key, &named.display().to_string());
            }
        }
        let store = Self::read(&mut reader, section);
        if reader.mistakes.is_empty() { Ok(store) } else { Err(Mistakes(reader.mistakes)) }
    }

    fn read(reader: &mut Reader, mut section: Section) -> Self {
        let mut store = Self::at("file:///var/lib/assent".into());
        if let Some(url) = reader.text(&mut section, "url") {
            store.url = url;
        }
        store.key_file = reader.text(&mut section, "key_file").map(PathBuf::from);
        store.durability = match reader.text(&mut section, "durability").as_deref() {
            None | Some("enforced") => Durability::Enforced,
            Some("attested") => Durability::Attested,
            Some(_) => {
                reader.wrong(&section, "durability", "must be \"enforced\" or \"attested\"");
                Durability::Enforced
            }
        };
        if let Some(directory) = reader.text(&mut section, "directory") {
            store.directory = directory.into();
        }
        store.password = reader.optional_secret(&mut section, "password");
        store.ca_file = reader.text(&mut section, "ca_file").map(PathBuf::from);
        store.allow_plaintext = reader.switch(&mut section, "allow_plaintext", false);
        if store.url.starts_with("redis") && store.key_file.is_none() {
            let what = "is needed with redis, because all daemons seal with the same keys; \
                        make one with: echo \"k1:$(openssl rand -base64 32)\" > FILE";
            reader.wrong(&section, "key_file", what);
        }
        reader.finish(section);
        store
    }
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

        let sections = reader.sections(&mut root, "carrier");
        let carriers: Vec<Carrier> = sections.into_iter().map(|section| Carrier::read(&mut reader, section)).collect();
        if carriers.is_empty() {
            reader.mistakes.push("carrier: at least one [[carrier]] is needed, or nothing can be sent".into());
        }
        for (index, carrier) in carriers.iter().enumerate() {
            if carriers[..index].iter().any(|other| other.name == carrier.name) {
                reader.mistakes.push(format!("carrier[{index}].name: another carrier has this name"));
            }
        }
        reader.finish(root);

        let config = Self {
            http: Http { listen, requests_per_second: NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN) },
            store,
            auth: Auth { operator_token },
            log: Log { filter },
            carriers,
        };
        if reader.mistakes.is_empty() { Ok(config) } else { Err(Mistakes(reader.mistakes)) }
    }
}

fn in_file(file: &Path) -> Result<Map<String, Value>, Mistakes> {
    let keys = config::File::from(file).format(config::FileFormat::Toml).collect();
    keys.map_err(|error| Mistakes(vec![format!("{}: {error}", file.display())]))
}

impl Carrier {
    fn read(reader: &mut Reader, mut section: Section) -> Self {
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
        let bind = reader.text(&mut section, "bind").unwrap_or_else(|| "transceiver".into());
        if bind != "transceiver" {
            reader.wrong(&section, "bind", "this version binds as \"transceiver\" only");
        }
        let window = reader.number(&mut section, "window", 10, WINDOW_MAX);
        let segments_per_second = reader.number(&mut section, "segments_per_second", 100, 1_000_000);
        let enquire_link = reader.duration(&mut section, "enquire_link", seconds(30), (seconds(1), seconds(3_600)));
        let response_timeout =
            reader.duration(&mut section, "response_timeout", seconds(60), (seconds(1), seconds(600)));
        let numbers = reader.phones(&mut section, "numbers");
        reader.finish(section);
        Self {
            name,
            address,
            tls,
            system_id,
            password,
            system_type,
            window,
            segments_per_second: NonZeroU32::new(segments_per_second).unwrap_or(NonZeroU32::MIN),
            enquire_link,
            response_timeout,
            numbers,
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

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = r#"
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
        assert_eq!((carrier.window, carrier.segments_per_second.get()), (10, 100));
        assert_eq!(carrier.enquire_link, Duration::from_secs(30));
        assert_eq!(carrier.response_timeout, Duration::from_secs(60));
        assert!(carrier.numbers.is_empty());
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
            retries = 3
            "#,
        );
        let expected = [
            "http.listen: invalid socket address syntax",
            "http.requests_per_second: must be a whole number from 1 to 1000000",
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
            "carrier[0].bind: this version binds as \"transceiver\" only",
            "carrier[0].window: must be a whole number from 1 to 1000",
            "carrier[0].segments_per_second: must be a whole number from 1 to 1000000",
            "carrier[0].enquire_link: must be a duration from 1s to 3600s, such as \"30s\"",
            "carrier[0].response_timeout: must be a duration from 1s to 600s, such as \"30s\"",
            "carrier[0].numbers[1]: must be in E.164 form: a plus sign and 8 to 15 digits, such as +13035550123",
            "carrier[0].numbers[2]: must be in E.164 form: a plus sign and 8 to 15 digits, such as +13035550123",
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
            "carrier: at least one [[carrier]] is needed, or nothing can be sent",
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
        assert_eq!(config.carriers[0].window, 20);
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
