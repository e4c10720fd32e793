//! How a store on Redis is opened: the server fit for it, the store founded or recognized, its keys at hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use redis::RedisError;
use secrecy::SecretString;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::cipher::{KeyRing, KeyRingError, Lookups};
use super::super::ledger::{Kept, KeptError};
use super::super::sealed::Cipher;
use super::super::{Checked, KeySource, Location, Plaintext, files, record};
use super::address::{Address, AddressError, Tls};
use super::copied::Copied;
use super::ledger::{self, Unsealed};
use super::line::{Found, Founding, Line, Trouble, practices};
use super::seen::{Memory, MemoryError};
use super::wire::Dialler;
use super::{NOT_LOADING, Redis, SCHEMA, keys, news, suitability};
use crate::domain::BootId;
use crate::ports::{Clock, StoreError};

/// How long a server that does not answer, or that is still reading its data, is waited for at the start.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(500);

/// Why a store on Redis does not open. For operators: each says what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenRedisError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(
        "what is stored would travel unencrypted to the {place}: use rediss:// in store.url; if the line is private, say store.allow_plaintext = true"
    )]
    Plaintext { place: String },
    #[error(
        "a store on redis needs store.key_file (for a copy --from-keys or --to-keys): all daemons must seal with the same keys. Make one with: echo \"k1:$(openssl rand -base64 32)\" > FILE"
    )]
    NoKeyFile,
    #[error("cannot read the key file {} ({source}): check its path and its owner", file.display())]
    KeyFile { file: PathBuf, source: std::io::Error },
    #[error("the key file {} {reason}", file.display())]
    KeyRing { file: PathBuf, reason: KeyRingError },
    #[error("cannot read the certificates in {} ({source}): check store.ca_file", file.display())]
    Authority { file: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Ledger(#[from] KeptError),
    #[error("cannot reach the {place} ({reason}): check store.url, and that the server runs")]
    Unreachable { place: String, reason: String },
    #[error("the {place} is not fit to keep consent: {reason}")]
    Unsuitable { place: String, reason: String },
    #[error(
        "the {place} went back in time: {reason}. Texts and opt-outs may be missing. Nothing is sent before an operator has looked at it: see `assent store accept --help`"
    )]
    WentBack { place: String, reason: String },
    #[error("there is no store on the {place}: check the url, and its database")]
    NoStore { place: String },
    #[error(
        "the store on the {place} is an unfinished copy: start the same `assent store copy` again, which goes on where it was interrupted"
    )]
    Unfinished { place: String },
    #[error("a daemon runs on the store on the {place}: stop every daemon on it, and start this again")]
    InUse { place: String },
    #[error(
        "the store on the {place} was written by a newer assent (its schema is {found}, this one knows {known}): run that version or a later one"
    )]
    Newer { place: String, found: u64, known: u64 },
    #[error("the store on the {place} is sealed with key {key:?}, and {} does not hold it: add that key to the file", file.display())]
    KeyMissing { place: String, file: PathBuf, key: String },
    #[error("key {key:?} of {} is not the one that the store on the {place} is sealed with: put the right key in the file", file.display())]
    WrongKey { place: String, file: PathBuf, key: String },
    #[error("the store on the {place} can't be read: {source}")]
    Store { place: String, source: StoreError },
}

/// Opens the store that many daemons share, and founds it where there is none.
pub async fn open(location: &Location, daemon: BootId, clock: Arc<dyn Clock>) -> Result<Redis, OpenRedisError> {
    let memory = Memory::open(&location.directory)?;
    open_with(location, daemon, clock, memory).await
}

/// The same for a command beside the daemons: what this machine has seen of the store is theirs to remember, and what is written
/// down theirs to seal.
pub async fn open_beside(location: &Location, daemon: BootId, clock: Arc<dyn Clock>) -> Result<Redis, OpenRedisError> {
    let memory = Memory::recall(&location.directory)?;
    open_with(location, daemon, clock, memory).await
}

/// The same, with what is remembered of the store.
pub async fn open_with(
    location: &Location,
    daemon: BootId,
    clock: Arc<dyn Clock>,
    memory: Memory,
) -> Result<Redis, OpenRedisError> {
    let opening = Opening::of(location)?;
    let dialler = opening.dialler(location)?;
    let line = Line::new(dialler, location.durability, Some(daemon), memory);

    let (founding, _) = opening.founding();
    let found = opening.put_up(&line, Some(&founding)).await?;
    opening.is_known(&found)?;
    let lookups = opening.unlock(&line, &found).await?;
    line.opened(&found.store);

    let line = Arc::new(line);
    let cipher = Arc::new(Cipher { ring: opening.ring, lookups });
    let last_commit_before_start = last_commit(&line, found.copied.as_ref())
        .await
        .map_err(|source| OpenRedisError::Store { place: opening.place, source })?;
    let news_of_others = broadcast::Sender::new(news::NEWS_MAX);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&line).keep());
    tasks.spawn(news::listen(Arc::clone(&line), Arc::clone(&cipher), daemon, news_of_others.clone()));
    let unsealed = Arc::new(Unsealed::default());
    if line.memory.is_kept() {
        let kept = Kept::open(&location.directory, &cipher.lookups.name(), line.memory.seen().accepted)?;
        tasks.spawn(ledger::keep_sealed(Arc::clone(&line), Arc::clone(&cipher), Arc::clone(&unsealed), kept));
    }
    Ok(Redis {
        channel: keys::channel(line.dialler.database()),
        line,
        cipher,
        clock,
        daemon,
        store: found.store,
        copied: found.copied,
        last_commit_before_start,
        news: news_of_others,
        registered: Default::default(),
        unsealed,
        _tasks: tasks,
    })
}

/// Looks at everything that opening looks at, and opens. What comes after the first step that does not hold was not tried.
pub async fn check(location: &Location, daemon: BootId, clock: Arc<dyn Clock>) -> Vec<Checked> {
    let mut checked = Vec::new();
    let looked = look(location, &mut checked).await;
    let (what, result) = match looked {
        Err((step, error)) => (step, Err(error)),
        Ok(()) if checked.iter().any(|one| one.result.is_err()) => return checked,
        Ok(()) => ("store: keys, schema, and all that was seen of it", open(location, daemon, clock).await.map(drop)),
    };
    checked.push(Checked::new(what, result.map_err(|error| error.to_string())));
    checked
}

/// The step that does not hold, and why.
type Looked = Result<(), (&'static str, OpenRedisError)>;

async fn look(location: &Location, checked: &mut Vec<Checked>) -> Looked {
    let settings = |error| ("store: url and files", error);
    let opening = Opening::of(location).map_err(settings)?;
    let dialler = opening.dialler(location).map_err(settings)?;
    checked.push(Checked::new("store: url and files", Ok(())));
    let unreachable = |error: RedisError| ("store: connection", opening.unreachable(error.to_string()));
    let dialled = dialler.dial().await.map_err(unreachable)?;
    checked.push(Checked::new(format!("store: connection to the {}", opening.place), Ok(())));
    for master in &dialled.masters {
        let mut server = dialler.connect(master).await.map_err(unreachable)?;
        let of_master = suitability::look_at(&mut server, location.durability).await.map_err(unreachable)?;
        checked.extend(
            of_master.into_iter().map(|one| Checked::new(format!("store: {master}: {}", one.what), one.result)),
        );
    }
    if checked.iter().all(|one| one.result.is_ok()) {
        let probed = suitability::probe(&mut dialled.wire.clone()).await.map_err(unreachable)?;
        checked.push(Checked::new(format!("store: {}", probed.what), probed.result));
    }
    Ok(())
}

/// What the steps of opening have in common.
pub(super) struct Opening {
    pub place: String,
    address: Address,
    key_file: PathBuf,
    pub ring: KeyRing,
}

impl Opening {
    pub fn of(location: &Location) -> Result<Self, OpenRedisError> {
        let mut address = Address::parse(&location.url)?;
        if location.password.is_some() {
            address.password.clone_from(&location.password);
        }
        let is_open = address.tls == Tls::No && location.plaintext == Plaintext::OnThisMachine;
        if is_open && !address.is_loopback() {
            return Err(OpenRedisError::Plaintext { place: address.to_string() });
        }
        let KeySource::File(key_file) = location.keys.clone() else { return Err(OpenRedisError::NoKeyFile) };
        let text = std::fs::read_to_string(&key_file).map(SecretString::from);
        let text = text.map_err(|source| OpenRedisError::KeyFile { file: key_file.clone(), source })?;
        files::warn_of_readers(&key_file);
        let ring = KeyRing::parse(secrecy::ExposeSecret::expose_secret(&text))
            .map_err(|reason| OpenRedisError::KeyRing { file: key_file.clone(), reason })?;
        Ok(Self { place: address.to_string(), address, key_file, ring })
    }

    pub fn dialler(&self, location: &Location) -> Result<Dialler, OpenRedisError> {
        Dialler::new(self.address.clone(), location.authority.as_ref()).map_err(|source| OpenRedisError::Authority {
            file: location.authority.clone().unwrap_or_default(),
            source,
        })
    }

    /// A store that may be founded, and the look-ups that it would have.
    pub fn founding(&self) -> (Founding, Lookups) {
        let lookups = Lookups::generate();
        let key = self.ring.newest();
        let founding = Founding {
            store: format!("{:016x}", getrandom::u64().expect("the operating system has random numbers")),
            key: key.to_owned(),
            look_ups: self.ring.seal(&Cipher::look_ups(key), lookups.secret()),
        };
        (founding, lookups)
    }

    pub fn is_known(&self, found: &Found) -> Result<(), OpenRedisError> {
        if found.schema > SCHEMA {
            let (place, found) = (self.place.clone(), found.schema);
            return Err(OpenRedisError::Newer { place, found, known: SCHEMA });
        }
        Ok(())
    }

    /// Waits a while for what may pass: a server that is being started with this daemon.
    pub async fn put_up(&self, line: &Line, founding: Option<&Founding>) -> Result<Found, OpenRedisError> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let trouble = match line.put_up(founding).await {
                Ok(found) => return Ok(found),
                Err(trouble) => trouble,
            };
            let may_pass = match &trouble {
                Trouble::Unreachable(_) => true,
                Trouble::Unsuitable(checked) => {
                    checked.iter().any(|one| one.what == NOT_LOADING && one.result.is_err())
                }
                Trouble::WentBack(_) | Trouble::Unfinished => false,
            };
            let reason = trouble.in_words();
            if !may_pass || Instant::now() >= give_up_at {
                return Err(self.refused(trouble));
            }
            tracing::warn!(reason, "waiting for the store");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Why the store is not opened, for the operator.
    pub fn refused(&self, trouble: Trouble) -> OpenRedisError {
        let (place, reason) = (self.place.clone(), trouble.in_words());
        match trouble {
            Trouble::Unreachable(_) => self.unreachable(reason),
            Trouble::Unsuitable(_) => OpenRedisError::Unsuitable { place, reason },
            Trouble::WentBack(_) => OpenRedisError::WentBack { place, reason },
            Trouble::Unfinished => OpenRedisError::Unfinished { place },
        }
    }

    pub fn unreachable(&self, reason: String) -> OpenRedisError {
        OpenRedisError::Unreachable { place: self.place.clone(), reason }
    }

    /// Opens the secret of the look-ups with every key that ever sealed, which proves that the ring has them all, and adds
    /// the newest key to them.
    pub async fn unlock(&self, line: &Line, found: &Found) -> Result<Lookups, OpenRedisError> {
        let mut lookups = None;
        for (key, sealed) in &found.look_ups {
            let (place, file, key) = (self.place.clone(), self.key_file.clone(), key.clone());
            if !self.ring.has(&key) {
                return Err(OpenRedisError::KeyMissing { place, file, key });
            }
            let secret = self.ring.open(&Cipher::look_ups(&key), sealed).ok();
            let secret: Option<[u8; 32]> = secret.and_then(|secret| secret.try_into().ok());
            let Some(secret) = secret else { return Err(OpenRedisError::WrongKey { place, file, key }) };
            lookups.get_or_insert_with(|| Lookups::new(secret));
        }
        let unreadable = || StoreError::Unreadable("it has no secret of its look-ups".into());
        let store = |source| OpenRedisError::Store { place: self.place.clone(), source };
        let lookups = lookups.ok_or_else(|| store(unreadable()))?;
        let newest = self.ring.newest();
        if !found.look_ups.iter().any(|(key, _)| key == newest) {
            let sealed = self.ring.seal(&Cipher::look_ups(newest), lookups.secret());
            line.ask(|mut wire| async move {
                redis::cmd("HSETNX").arg(keys::SEALING_KEYS).arg(newest).arg(sealed).query_async::<()>(&mut wire).await
            })
            .await
            .map_err(store)?;
        }
        Ok(lookups)
    }
}

/// When the last commit of any practice was made, or of the store that this one is a copy of.
pub(super) async fn last_commit(line: &Line, copied: Option<&Copied>) -> Result<Option<Timestamp>, StoreError> {
    let mut last: Option<i64> = copied.and_then(|copied| copied.of.last_commit).map(record::nanoseconds);
    for practice in line.ask(practices).await? {
        let totals = keys::Of(&practice).totals();
        let at: Option<Vec<u8>> =
            line.ask(|mut wire| async move {
                redis::cmd("HGET").arg(totals).arg("last_commit").query_async(&mut wire).await
            })
            .await?;
        last = last.max(at.and_then(|at| keys::unsorted(&at)));
    }
    Ok(last.map(record::time))
}
