//! Durable state: what a [`Store`] says is done is on disk.
//!
//! [`open`] is the door. Behind it, `embedded` keeps everything in SQLite on this machine; `writer` groups what is to be made
//! durable, `record` is the written form, and `cipher` seals it; `ledger` keeps what proves each change of consent. [`copy()`]
//! moves everything from one store to another, [`check()`] says whether one can be opened, and [`verify()`] whether the evidence in
//! it is what was written.

mod check;
mod cipher;
mod copy;
mod embedded;
mod files;
mod ledger;
mod record;
mod redis;
mod sealed;
mod sought;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use crate::domain::BootId;
use crate::ports::{Clock, Store};

pub use check::{Checked, check};
pub use cipher::KeyRingError;
pub use copy::{Compared, CopyError, Digest, Done, Kind, Step, Watch, copy};
pub use ledger::{Archive, AuditVerified, Finding, Flaw, Verified, VerifyStep, open_archive, verify, verify_audit};
pub use redis::{AcceptError, Accepted, Loss};

/// Where the keys come from that seal what is at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file of lines `id:base64-of-32-octets`, the newest key first: the first seals, all open.
    File(PathBuf),
    /// `store.key` in the store's own directory, made on the first run. It keeps the data from whoever gets
    /// the database without it, not from whoever gets the directory.
    InDirectory,
}

/// Whether a store on a server must prove that it keeps what it acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// It must be seen.
    #[default]
    Enforced,
    /// Whoever runs the server vouches for what can't be seen.
    Attested,
}

/// Which store, and how to open it.
#[derive(Debug, Clone)]
pub struct Location {
    /// As [`open`] takes it.
    pub url: String,
    pub keys: KeySource,
    /// The rest is for stores on a server.
    pub durability: Durability,
    /// Where this daemon remembers how far it has seen the store, and its evidence ledger.
    pub directory: PathBuf,
    /// In place of the one in the url.
    pub password: Option<SecretString>,
    /// Certificates, in PEM, that the server's own must come from; those that this machine trusts when left out.
    pub authority: Option<PathBuf>,
    pub plaintext: Plaintext,
}

/// Where a daemon remembers how far it has seen its store, if it is not told otherwise.
const DIRECTORY: &str = "/var/lib/assent";

/// Where to what is stored may travel unencrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plaintext {
    Allowed,
    OnThisMachine,
}

/// The url without its secrets.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match redis::Address::parse(&self.url) {
            Ok(address) => address.fmt(f),
            Err(_) => f.write_str(&self.url),
        }
    }
}

impl Location {
    pub fn new(url: impl Into<String>, keys: KeySource) -> Self {
        Self {
            url: url.into(),
            keys,
            durability: Durability::Enforced,
            directory: PathBuf::from(DIRECTORY),
            password: None,
            authority: None,
            plaintext: Plaintext::OnThisMachine,
        }
    }

    /// Where a daemon on an embedded store in that directory remembers what it has seen: beside the store, unless a place of
    /// its own was named.
    fn own_directory(&self, store: &Path) -> PathBuf {
        if self.directory == Path::new(DIRECTORY) { store.to_owned() } else { self.directory.clone() }
    }

    fn is_on_redis(&self) -> bool {
        self.url.split_once("://").is_some_and(|(scheme, _)| redis::Address::is_meant_by(scheme))
    }
}

/// Why a store does not open. For operators: each says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Redis(#[from] redis::OpenRedisError),
    #[error(transparent)]
    Ledger(#[from] ledger::KeptError),
    #[error(
        "store url has the scheme {scheme:?}: write file:///DIRECTORY, redis://, rediss://, redis+sentinel:// or redis+cluster://"
    )]
    UnknownScheme { scheme: String },
    #[error("store url names no absolute directory: write it as file:///var/lib/assent")]
    NoDirectory,
    #[error("another assent is using {}: stop it, or give this one a directory of its own", directory.display())]
    InUse { directory: PathBuf },
    #[error("cannot use the directory {} ({source}): check that it exists, that this user owns it and that its disk is writable", directory.display())]
    Directory { directory: PathBuf, source: std::io::Error },
    #[error("cannot use the database in {} ({reason}): check the disk and the owner of its files", directory.display())]
    Database { directory: PathBuf, reason: String },
    #[error("the database in {} is damaged ({reason}): stop here, keep a copy of the directory, and restore a backup", directory.display())]
    Damaged { directory: PathBuf, reason: String },
    #[error("{} holds a database that assent did not write: give assent a directory of its own", directory.display())]
    NotOurs { directory: PathBuf },
    #[error("the store in {} was written by a newer assent (its schema is {found}, this one knows {known}): run that version or a later one", directory.display())]
    Newer { directory: PathBuf, found: i64, known: i64 },
    #[error("there is no store in {}: check the directory", directory.display())]
    NoStore { directory: PathBuf },
    #[error("the store in {} is an unfinished copy: start the same `assent store copy` again, which goes on where it was interrupted", directory.display())]
    Unfinished { directory: PathBuf },
    #[error("cannot read the key file {} ({source}): check its path and its owner", file.display())]
    KeyFile { file: PathBuf, source: std::io::Error },
    #[error("the key file {} {reason}", file.display())]
    KeyRing { file: PathBuf, reason: KeyRingError },
    #[error("the key file {} is missing, but the store beside it is sealed: put the file back; without it nothing can be read", file.display())]
    KeyFileMissing { file: PathBuf },
    #[error("the store in {} is sealed with key {key:?}, and {} does not hold it: add that key to the file", directory.display(), file.display())]
    KeyMissing { directory: PathBuf, file: PathBuf, key: String },
    #[error("key {key:?} of {} is not the one that the store in {} is sealed with: put the right key in the file", file.display(), directory.display())]
    WrongKey { directory: PathBuf, file: PathBuf, key: String },
}

/// Opens the store that a url names, and makes it where there is none. `file:///DIRECTORY` is a directory on this
/// machine, taken as it is written. `daemon` is this run of this daemon, as others on the same store see it.
pub async fn open(location: &Location, daemon: BootId, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, OpenError> {
    if location.is_on_redis() {
        return Ok(Arc::new(redis::open(location, daemon, clock).await?));
    }
    let (directory, keys) = (directory_of(&location.url)?, location.keys.clone());
    let own = location.own_directory(&directory);
    // Reading the whole database to check it takes a while.
    let opened = tokio::task::spawn_blocking(move || embedded::Embedded::open(directory, &own, &keys, clock)).await;
    let store = opened.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?;
    Ok(Arc::new(store))
}

/// Opens a store for a command that writes to it: beside the daemons on a Redis, and in their place on this machine.
pub async fn open_beside(location: &Location, run: BootId, clock: Arc<dyn Clock>) -> Result<Arc<dyn Store>, OpenError> {
    if location.is_on_redis() {
        return Ok(Arc::new(redis::open_beside(location, run, clock).await?));
    }
    open(location, run, clock).await
}

/// Lets the daemons go on with a store that went back in time. `who` and `why` are written down in it.
pub async fn accept(location: &Location, clock: Arc<dyn Clock>, who: &str, why: &str) -> Result<Accepted, AcceptError> {
    if !location.is_on_redis() {
        return Err(AcceptError::NotOnRedis);
    }
    redis::accept(location, clock, who, why).await
}

fn directory_of(url: &str) -> Result<PathBuf, OpenError> {
    // The rest of a url may hold a password: it is not repeated.
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if scheme != "file" {
        return Err(OpenError::UnknownScheme { scheme: scheme.to_owned() });
    }
    let directory = PathBuf::from(rest);
    if directory.is_absolute() { Ok(directory) } else { Err(OpenError::NoDirectory) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_url_is_a_file_url_with_an_absolute_directory() {
        assert_eq!(directory_of("file:///var/lib/assent").unwrap(), PathBuf::from("/var/lib/assent"));
        for url in ["file://", "file://var/lib", "file://./x"] {
            assert!(matches!(directory_of(url), Err(OpenError::NoDirectory)), "{url}");
        }
        for url in ["redis://user:secret@host", "", "/var/lib/assent", "mysql://x"] {
            let error = directory_of(url).unwrap_err();
            assert!(matches!(error, OpenError::UnknownScheme { .. }), "{url}");
            assert!(!error.to_string().contains("secret"));
        }
    }
}
