//! The only socket that we accept on: a carrier connects to us, and binds to us or asks us to bind to it.
//!
//! It is one link to the conversations, as one that we open is. One session is on it at a time, of one bind or of two; while
//! one is, another bind of its kind is refused with 0x05, and the one that stands is asked whether it is still there.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use secrecy::SecretString;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::bind::{BindKind, Opening};
use super::dial::{Connection, UNACKNOWLEDGED};
use super::door::{Asked, Door, Refused, Visit};
use super::drive::Drive;
use super::ended::Ended;
use super::frame::status;
use super::link::{Link, LinkState};
use super::seats::{Seat, Seats};
use super::server_tls::ServerTls;
use super::timers::Rate;
use super::tls::{TlsFileError, TlsRefusal};
use super::{LinkConfig, LinkConfigError};
use crate::domain::Prefix;

/// How long a visitor may take to ask for a bind, TLS included.
const BIND: Duration = Duration::from_secs(10);
/// Connections without a bind at once; whoever comes to more is closed at once.
const VISITORS_MAX: usize = 16;
/// How long whoever guesses waits for the answer, in one of those places: at most sixteen guesses a second.
const GUESS: Duration = Duration::from_secs(1);
/// How long the last words to a visitor may take.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Refusals that are logged in a minute. All are counted.
const TOLD_PER_MINUTE_MAX: u32 = 10;
/// How long to wait when the system has no connection for us.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const NOBODY_YET: &str = "no carrier has connected yet";

/// Where carriers connect, as the operator described it.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// The link that it makes. Its account is what we bind back with.
    pub link: LinkConfig,
    pub listen: SocketAddr,
    /// What the carrier has to show.
    pub system_id: String,
    pub password: SecretString,
    /// Who may connect at all.
    pub allow: Vec<Prefix>,
    /// `None` is plain SMPP.
    pub tls: Option<ServerTls>,
    pub on_outbind: OnOutbind,
}

/// What follows when the carrier wants us to bind (SMPP 3.4 §2.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnOutbind {
    /// We bind over the connection that the outbind came by.
    BindBack(BindKind),
    /// The link of this name dials at once, if it is not bound.
    Dial(String),
}

/// A listener, as long as the daemon runs.
pub(super) struct Listener {
    pub link: Arc<Link>,
    /// The link that an outbind is for, where it is another.
    pub dials: Option<Arc<Link>>,
    config: ListenerConfig,
    visitors: Arc<Semaphore>,
    /// Refusals that are logged.
    told: Mutex<Rate>,
    tasks: TaskTracker,
    seats: Seats,
}

/// Why a visitor got no session.
#[derive(Debug, thiserror::Error)]
enum TurnedAway {
    #[error("its address is not one of those that may connect")]
    Address,
    #[error("too many others have connected and not bound")]
    Full,
    #[error("it did not ask for a bind within 10 seconds")]
    Silent,
    #[error("it closed the connection before it asked for a bind")]
    HungUp,
    #[error("a bind of this kind stands (0x05)")]
    AlreadyBound,
    #[error(transparent)]
    Door(Refused),
    #[error(transparent)]
    Config(#[from] LinkConfigError),
    #[error(transparent)]
    File(TlsFileError),
    #[error("no TLS: {0}")]
    Tls(TlsRefusal),
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error("stopped")]
    Stopped,
}

impl Listener {
    pub fn new(
        config: ListenerConfig,
        link: Arc<Link>,
        dials: Option<Arc<Link>>,
        tasks: TaskTracker,
        earlier_session_ended: Option<Timestamp>,
    ) -> Self {
        Self {
            link,
            dials,
            config,
            visitors: Arc::new(Semaphore::new(VISITORS_MAX)),
            told: Mutex::new(Rate::new(TOLD_PER_MINUTE_MAX, Duration::from_secs(60), Instant::now().into_std())),
            tasks,
            seats: Seats::new(earlier_session_ended),
        }
    }

    /// Takes whoever may come, until told to stop.
    pub async fn live(self: Arc<Self>, socket: TcpListener) {
        self.link.report(LinkState::Unbound, Some(NOBODY_YET.to_owned()));
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = self.link.stop.cancelled() => return,
            };
            let Ok((stream, peer)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let peer = peer.ip().to_canonical();
            // Before an octet is read.
            if !self.config.allow.iter().any(|prefix| prefix.contains(peer)) {
                self.turned_away(peer, &TurnedAway::Address);
                continue;
            }
            let Ok(place) = Arc::clone(&self.visitors).try_acquire_owned() else {
                self.turned_away(peer, &TurnedAway::Full);
                continue;
            };
            let listener = Arc::clone(&self);
            self.tasks.spawn(async move {
                let by = Instant::now() + BIND;
                let stop = listener.link.stop.clone();
                let visit = tokio::select! {
                    visit = listener.receive(stream, by) => visit,
                    () = stop.cancelled() => Err(TurnedAway::Stopped),
                };
                drop(place);
                match visit {
                    Ok(Some(guest)) => listener.host(guest).await,
                    Ok(None) => {}
                    Err(why) => listener.turned_away(peer, &why),
                }
            });
        }
    }

    /// Hears what a visitor wants. Whoever gets a session has its seat.
    async fn receive(&self, stream: TcpStream, by: Instant) -> Result<Option<Guest>, TurnedAway> {
        let account = self.config.link.account()?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
        let mut stream = self.secured(stream, by).await?;
        let mut door = Door::new(&self.config.system_id, &self.config.password);
        let visit = timeout_at(by, hear(&mut door, &mut stream)).await.map_err(|_| TurnedAway::Silent)??;
        let opening = match (visit, &self.config.on_outbind) {
            // It is told the name that we have with it.
            (Visit::Bind(Asked { kind, sequence }), _) => {
                Opening::Grant { kind, sequence, system_id: account.system_id }
            }
            (Visit::Outbind, OnOutbind::BindBack(kind)) => Opening::Ask { kind: *kind, account },
            (Visit::Outbind, OnOutbind::Dial(_)) => {
                if let Some(link) = &self.dials {
                    link.dial_now.notify_waiters();
                }
                last_words(stream, &[]).await;
                return Ok(None);
            }
            (Visit::Refused { refusal, answer }, _) => {
                if refusal.is_a_guess() {
                    sleep(GUESS).await;
                }
                last_words(stream, &answer).await;
                return Err(TurnedAway::Door(refusal));
            }
        };
        let Some(seat) = self.seats.take(opening.half()) else {
            if let Opening::Grant { kind, sequence, .. } = opening {
                last_words(stream, &Asked { kind, sequence }.refusal(status::RALYBND)).await;
            }
            return Err(TurnedAway::AlreadyBound);
        };
        Ok(Some(Guest { stream, opening, seat, already_read: door.rest() }))
    }

    async fn secured(&self, stream: TcpStream, by: Instant) -> Result<Box<dyn Connection>, TurnedAway> {
        let Some(tls) = self.config.tls.clone() else { return Ok(Box::new(stream)) };
        // Files can be slow.
        let read = tokio::task::spawn_blocking(move || tls.read()).await;
        let config = read.expect("reading certificates does not panic").map_err(TurnedAway::File)?;
        match timeout_at(by, TlsAcceptor::from(Arc::new(config)).accept(stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(TurnedAway::Tls(TlsRefusal::of(&error))),
            Err(_) => Err(TurnedAway::Silent),
        }
    }

    /// Drives a session to its end.
    async fn host(&self, guest: Guest) {
        let Guest { stream, opening, seat: Seat { halves, earlier_session_ended }, already_read } = guest;
        let settings = self.config.link.settings(opening);
        let drive = Drive::new(&self.link, &halves, stream, settings, earlier_session_ended).run(&already_read);
        let ended = AssertUnwindSafe(drive).catch_unwind().await.unwrap_or_else(|_| {
            halves.end(&self.link);
            self.link.faulted()
        });
        if let Some(ended) = self.seats.leave(ended) {
            self.over(&ended).await;
        }
    }

    /// The last bind of a session ended. Only now there may be another: what is delivered again is known by then.
    async fn over(&self, ended: &Ended) {
        if let Some(at) = ended.at {
            self.link.tell_end(at).await;
        }
        let (error, what_to_do) = (ended.why.to_string(), ended.why.what_to_do());
        let name = &self.link.config.name;
        match self.link.stop.is_cancelled() {
            true => info!(link = name, "stopped"),
            false => warn!(link = name, error, what_to_do, "lost"),
        }
        self.link.report(LinkState::Unbound, Some(error));
        self.seats.clear(ended);
    }

    fn turned_away(&self, peer: IpAddr, why: &TurnedAway) {
        let name = self.link.config.name.clone();
        metrics::counter!("assent_listener_refused_total", "link" => name).increment(1);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(why, TurnedAway::Stopped) && !told.exceeded(Instant::now().into_std()) {
            warn!(link = self.link.config.name, %peer, "turned away: {why}");
        }
    }
}

/// A carrier that has come in.
struct Guest {
    stream: Box<dyn Connection>,
    opening: Opening,
    seat: Seat,
    already_read: Bytes,
}

/// Until the first PDU is there.
async fn hear(door: &mut Door, stream: &mut Box<dyn Connection>) -> Result<Visit, TurnedAway> {
    let mut octets = [0; 1_024];
    loop {
        let read = stream.read(&mut octets).await?;
        if read == 0 {
            return Err(TurnedAway::HungUp);
        }
        if let Some(visit) = door.hears(&octets[..read]) {
            return Ok(visit);
        }
    }
}

/// Says this and closes the connection. Whether it is heard changes nothing.
async fn last_words(mut stream: Box<dyn Connection>, octets: &[u8]) {
    let said = async {
        stream.write_all(octets).await?;
        stream.shutdown().await?;
        // Closing with something unread would take our last words with it.
        while stream.read(&mut [0; 1_024]).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(LAST_WORDS, said).await;
}
