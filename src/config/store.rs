//! The `[store]` of a configuration.

use std::path::{Path, PathBuf};

use config::Map;
use secrecy::SecretString;

use super::reader::{Reader, Section, environment, overlay};
use super::{Mistakes, in_file};

/// Where state is kept.
#[derive(Debug, Clone)]
pub struct Store {
    /// `file:///DIRECTORY` for the embedded store; `redis://`, `rediss://`, `redis+sentinel://` or `redis+cluster://` for
    /// one that several daemons share.
    pub url: String,
    /// The key ring that seals what is stored; a `store.key` in the directory of an embedded store if left out.
    pub key_file: Option<PathBuf>,
    pub durability: Durability,
    /// Where this daemon remembers how far it has seen a store on Redis, and the newest seals of the evidence ledger.
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

    pub(super) fn at(url: String) -> Self {
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

    pub(super) fn read(reader: &mut Reader, mut section: Section) -> Self {
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
