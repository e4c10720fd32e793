//! The composition root: builds the parts, starts them in order, drains them in reverse order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::carrier::bind::BindKind;
use crate::carrier::{
    Binds, ClientCertificate, LinkConfig, LinkConfigError, LinkState, LinkStatus, Links, ListenerConfig, OnOutbind, Tls,
};
use crate::config::{self, Config};
use crate::conversations::{Directory, Doors, Patience};
use crate::domain::{BootId, Limits, OtherDaemons};
use crate::inbox::Inbox;
use crate::ports::{Audits, Carrier, Clock, Meters, Practices, Store, StoreError};
use crate::records::Records;
use crate::store::{Durability, KeySource, Location, OpenError, Plaintext};
use crate::throttle::MeteredThrottle;
use crate::webhooks::{Allowed, Courier, CourierError, Webhooks};
use crate::{console, http, service, store, telemetry};

/// How often the store is asked who is due.
const WAKE_TICK: Duration = Duration::from_secs(1);
/// How long requests that are under way may take to finish when the daemon stops.
const HTTP_DRAIN: Duration = Duration::from_secs(10);
/// How long it may take to hear and write down what webhooks last answered.
const WEBHOOKS_DRAIN: Duration = Duration::from_secs(5);
/// How long it may take to write down the carriers' last answers.
const ANSWERS_DRAIN: Duration = Duration::from_secs(5);
/// What is left for an answer to travel after the carrier's time to give it is over.
const ANSWER_MARGIN: Duration = Duration::from_secs(15);

/// How long those who still hold the store may take to let go of it, and how often that is looked at.
const STORE_CLOSE: Duration = Duration::from_secs(5);
const STORE_CLOSE_STEP: Duration = Duration::from_millis(5);

/// The time of the operating system. The only place that reads it.
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("the store can't be read: {0}")]
    Records(#[from] StoreError),
    #[error("carrier {name}: {source}")]
    Carrier { name: String, source: LinkConfigError },
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Webhooks(#[from] CourierError),
    #[error("can't start the threads of the conversations: {0}")]
    Threads(io::Error),
}

/// A running daemon.
pub struct Daemon {
    address: SocketAddr,
    store: Arc<dyn Store>,
    records: Arc<Records>,
    inbox: Arc<Inbox>,
    directory: Arc<Directory>,
    links: Arc<Links>,
    intake: CancellationToken,
    server: JoinHandle<io::Result<()>>,
    webhooks: JoinHandle<()>,
    /// Wakes, news of other daemons, watchdog, figures: what runs beside and ends with the daemon.
    beside: JoinSet<()>,
}

impl Daemon {
    /// Starts everything: store, records, conversations, links, API. `extra` routes are served beside the API.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>, extra: Router) -> Result<Self, StartError> {
        let figures = telemetry::metrics();
        let boot = boot();
        let location = location(&config.store);
        let store = store::open(&location, boot, Arc::clone(&clock)).await?;
        let records = Records::open(
            Arc::clone(&store),
            Arc::clone(&clock),
            boot,
            limits(config),
            config::writings(config.traffic()),
        )
        .await?;

        let courier = Courier::new(Allowed::new(config.webhooks.allow.clone()), config.webhooks.ca_file.as_deref())?;
        let webhooks = Webhooks::new(Arc::clone(&store), Arc::clone(&records), Arc::clone(&clock), boot, courier);

        let directory = Directory::start(Doors {
            store: Arc::clone(&store),
            throttle: Arc::new(MeteredThrottle::new(Arc::clone(&store) as Arc<dyn Meters>, Arc::clone(&clock))),
            clock: Arc::clone(&clock),
            practices: Arc::clone(&records) as Arc<dyn Practices>,
            patience: Patience::default(),
        })
        .map_err(StartError::Threads)?;

        // Whatever can be refused is refused before the carrier hears of us.
        let listener = listen(config.http.listen).await?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { address: config.http.listen, source })?;
        let links = start_links(config, &store, &directory, &clock).await?;
        directory.connect(Arc::clone(&links) as Arc<dyn Carrier>);

        let intake = CancellationToken::new();
        let inbox = Inbox::new(Arc::clone(&store), Arc::clone(&directory));
        let state = http::State {
            records: Arc::clone(&records),
            inbox: Arc::clone(&inbox),
            webhooks: Arc::clone(&webhooks),
            directory: Arc::clone(&directory),
            clock,
            operator_token: config.auth.operator_token.clone(),
            requests_per_second: config.http.requests_per_second,
            origins: http::Origins::new(config.http.origins.iter().map(config::Origin::as_str)),
            audits: Arc::clone(&store) as Arc<dyn Audits>,
            readiness: readiness(&store, &links),
            metrics: Arc::new(|| figures.render()),
            stopping: intake.clone(),
        };
        let (router, teller) = http::router(state, console::router().merge(extra));
        let server = tokio::spawn(http::serve(listener, router, intake.clone()));
        let webhooks = tokio::spawn(webhooks.run(teller, Arc::clone(&directory), intake.clone()));

        let mut beside = JoinSet::new();
        beside.spawn(Arc::clone(&directory).wake_the_due(WAKE_TICK));
        beside.spawn(Arc::clone(&directory).follow_the_news());
        beside.spawn(Arc::clone(&records).follow_the_news());
        beside.spawn(service::feed_watchdog(Arc::clone(&directory)));
        beside.spawn(report_figures(Arc::clone(&store), Arc::clone(&directory)));
        beside.spawn(service::tell_status(address, links.changes()));
        tracing::info!(%address, store = %location, links = config.traffic().count(), "daemon started");
        Ok(Self { address, store, records, inbox, directory, links, intake, server, webhooks, beside })
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn records(&self) -> Arc<Records> {
        Arc::clone(&self.records)
    }

    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    /// How each link is.
    pub fn links(&self) -> Vec<LinkStatus> {
        self.links.status()
    }

    /// Waits until the store will never write again, and says why. The process must end then: whatever it did from
    /// there on could not be made durable.
    pub async fn broken(&self) -> StoreError {
        self.store.broken().await
    }

    /// Stops gracefully: intake first, then the window drains and each link unbinds, then the conversations.
    /// Everything on the way has a bound.
    pub async fn stop(mut self) {
        self.intake.cancel();
        self.beside.shutdown().await;
        if tokio::time::timeout(HTTP_DRAIN, &mut self.server).await.is_err() {
            self.server.abort();
        }
        if tokio::time::timeout(WEBHOOKS_DRAIN, &mut self.webhooks).await.is_err() {
            self.webhooks.abort();
        }
        self.links.shutdown().await;
        let Self { store, records, inbox, directory, links, .. } = self;
        directory.drain(ANSWERS_DRAIN).await;
        directory.stop();
        drop((records, inbox, directory, links));
        close(store).await;
        tracing::info!("daemon stopped");
    }
}

/// Waits until nobody holds the store any more, so that its lock is free when the daemon says that it has stopped.
pub async fn close(store: Arc<dyn Store>) {
    let mut left = STORE_CLOSE.as_millis() / STORE_CLOSE_STEP.as_millis();
    while Arc::strong_count(&store) > 1 && left > 0 {
        tokio::time::sleep(STORE_CLOSE_STEP).await;
        left -= 1;
    }
    // Closing the database waits for its writer.
    let _ = tokio::task::spawn_blocking(move || drop(store)).await;
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

async fn start_links(
    config: &Config,
    store: &Arc<dyn Store>,
    directory: &Arc<Directory>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Links>, StartError> {
    let configs: Vec<LinkConfig> = config.carriers.iter().map(link).collect();
    let listeners: Vec<ListenerConfig> = config.listeners.iter().map(listener).collect();
    for link in configs.iter().chain(listeners.iter().map(|listener| &listener.link)) {
        link.check().map_err(|source| StartError::Carrier { name: link.name.clone(), source })?;
    }
    let mut sockets = Vec::new();
    for listener in listeners {
        let socket = listen(listener.listen).await?;
        sockets.push((listener, socket));
    }
    let earlier_session_ended = match store.other_daemons() {
        OtherDaemons::Impossible => store.last_commit_before_start().await?,
        // The last commit is another daemon's, which may be well. When each run ended the store says.
        OtherDaemons::Possible { .. } => None,
    };
    Ok(Links::start_with(configs, sockets, directory.reception(), Arc::clone(clock), earlier_session_ended))
}

/// Where the store is, as the operator described it.
pub fn location(store: &config::Store) -> Location {
    Location {
        url: store.url.clone(),
        keys: store.key_file.clone().map_or(KeySource::InDirectory, KeySource::File),
        durability: match store.durability {
            config::Durability::Enforced => Durability::Enforced,
            config::Durability::Attested => Durability::Attested,
        },
        directory: store.directory.clone(),
        password: store.password.clone(),
        authority: store.ca_file.clone(),
        plaintext: if store.allow_plaintext { Plaintext::Allowed } else { Plaintext::OnThisMachine },
    }
}

/// A link that is configured, and that we open.
pub fn link(carrier: &config::Carrier) -> LinkConfig {
    LinkConfig {
        tls: carrier.tls.as_ref().map(tls),
        system_type: carrier.system_type.clone(),
        bind: carrier.bind,
        ..with(&carrier.traffic, &carrier.name, &carrier.address, &carrier.system_id, &carrier.password)
    }
}

/// A link that is configured, and that a carrier opens.
pub fn listener(listener: &config::Listener) -> ListenerConfig {
    let (system_id, password, on_outbind) = match &listener.outbind {
        config::OnOutbind::BindBack { kind, system_id, password } => {
            let kind = match kind {
                config::BindBack::Transceiver => BindKind::Transceiver,
                config::BindBack::Receiver => BindKind::Receiver,
            };
            (system_id, password, OnOutbind::BindBack(kind))
        }
        config::OnOutbind::Carrier(name) => (&listener.system_id, &listener.password, OnOutbind::Dial(name.clone())),
    };
    ListenerConfig {
        link: with(&listener.traffic, &listener.name, &listener.listen.to_string(), system_id, password),
        listen: listener.listen,
        system_id: listener.system_id.clone(),
        password: listener.password.clone(),
        allow: listener.allow.clone(),
        tls: listener.tls.clone(),
        on_outbind,
    }
}

fn with(traffic: &config::Traffic, name: &str, address: &str, system_id: &str, password: &SecretString) -> LinkConfig {
    LinkConfig {
        name: name.to_owned(),
        address: address.to_owned(),
        tls: None,
        system_id: system_id.to_owned(),
        password: password.clone(),
        system_type: String::new(),
        bind: Binds::Transceiver,
        window: usize::try_from(traffic.window).expect("a window is at most a thousand"),
        segments_per_second: traffic.segments_per_second,
        enquire_link: traffic.enquire_link,
        response_timeout: traffic.response_timeout,
        numbers: traffic.numbers.clone(),
        profile: Arc::clone(&traffic.profile),
        priority: traffic.priority,
    }
}

fn tls(tls: &config::Tls) -> Tls {
    let client = |(certificate_file, key_file): &(PathBuf, PathBuf)| ClientCertificate {
        certificate_file: certificate_file.clone(),
        key_file: key_file.clone(),
    };
    Tls {
        server_name: tls.server_name.clone(),
        ca_file: tls.ca_file.clone(),
        client: tls.client_certificate_and_key_files.as_ref().map(client),
    }
}

/// A text is `sending` for as long as its carrier may take to answer, and a little more.
fn limits(config: &Config) -> Limits {
    let slowest = config.traffic().map(|traffic| traffic.response_timeout).max().unwrap_or_default();
    let sending = (slowest + ANSWER_MARGIN).try_into().expect("a response timeout is at most ten minutes");
    Limits { sending, ..Limits::default() }
}

/// Ready means: STOP can be honoured, and texts can be sent.
fn readiness(store: &Arc<dyn Store>, links: &Arc<Links>) -> http::Readiness {
    let (store, links) = (Arc::clone(store), Arc::clone(links));
    Arc::new(move || {
        let (store, links) = (Arc::clone(&store), Arc::clone(&links));
        Box::pin(async move {
            let mut reasons = Vec::new();
            if let Err(error) = store.probe().await {
                reasons.push(error.to_string());
            }
            let status = links.status();
            if !status.iter().any(|link| link.state == LinkState::Bound) {
                reasons.push("no carrier link is bound".to_owned());
                reasons
                    .extend(status.into_iter().filter_map(|link| Some(format!("{}: {}", link.name, link.last_error?))));
            }
            if reasons.is_empty() { Ok(()) } else { Err(reasons) }
        })
    })
}

async fn report_figures(store: Arc<dyn Store>, directory: Arc<Directory>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        let live = u32::try_from(directory.live()).unwrap_or(u32::MAX);
        metrics::gauge!("assent_live_conversations").set(live);
        metrics::gauge!("assent_store_up").set(f64::from(u8::from(store.probe().await.is_ok())));
        telemetry::metrics().run_upkeep();
    }
}

/// A name for this run of this process.
pub fn boot() -> BootId {
    BootId(getrandom::u64().expect("the operating system has random numbers"))
}
