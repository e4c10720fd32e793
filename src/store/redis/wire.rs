//! Connections to Redis: to one server, to the master that sentinels name, or to a cluster.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode, Value,
};
use secrecy::ExposeSecret;

use super::address::{Address, Host, Shape, Tls};

/// How long an answer is waited for. After that nobody knows what became of the command, and the store is in doubt.
pub const RESPONSE: Duration = Duration::from_millis(800);
/// The same where pages of many items go over the line.
const UNHURRIED_RESPONSE: Duration = Duration::from_secs(20);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_millis(800);
/// How often a cluster's client follows a redirection, or tries a node again. A commit that comes twice is known again.
const REDIRECTIONS: u32 = 3;
const REDIRECTION_PAUSE_MS: (u64, u64) = (20, 100);

/// A connection on which many commands are under way at once.
#[derive(Clone)]
pub enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

/// Makes connections to one Redis, wherever its master may be by then.
#[derive(Clone)]
pub struct Dialler {
    pub address: Address,
    response: Duration,
    certificates: Option<TlsCertificates>,
}

/// A wire, and the servers that may be written to behind it: what is checked of each.
pub struct Dialled {
    pub wire: Wire,
    pub masters: Vec<Host>,
}

impl Dialler {
    /// `authority` is a file with the certificates, in PEM, that the server's own must come from; without one, those that
    /// this machine trusts.
    pub fn new(address: Address, authority: Option<&PathBuf>) -> io::Result<Self> {
        let root_cert = authority.map(std::fs::read).transpose()?;
        let certificates = (address.tls == Tls::Yes).then_some(TlsCertificates { client_tls: None, root_cert });
        if certificates.is_some() {
            // One provider is compiled in; whoever comes second finds it installed.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(Self { address, response: RESPONSE, certificates })
    }

    /// For work that nobody waits for in front of a screen: large answers may take their time.
    pub fn unhurried(self) -> Self {
        Self { response: UNHURRIED_RESPONSE, ..self }
    }

    /// The database that commands go to. A cluster has one.
    pub fn database(&self) -> i64 {
        match &self.address.shape {
            Shape::Single { database, .. } => *database,
            Shape::Sentinel { .. } | Shape::Cluster { .. } => 0,
        }
    }

    pub async fn dial(&self) -> RedisResult<Dialled> {
        match &self.address.shape {
            Shape::Single { host, .. } => self.server(host).await,
            Shape::Sentinel { .. } => {
                let master = self.master().await?;
                self.server(&master).await
            }
            Shape::Cluster { nodes } => self.cluster(nodes).await,
        }
    }

    async fn server(&self, host: &Host) -> RedisResult<Dialled> {
        Ok(Dialled { wire: Wire::Server(self.connect(host).await?), masters: vec![host.clone()] })
    }

    async fn cluster(&self, nodes: &[Host]) -> RedisResult<Dialled> {
        let nodes = nodes.iter().map(|node| self.info(node)).collect::<RedisResult<Vec<_>>>()?;
        let (shortest, longest) = REDIRECTION_PAUSE_MS;
        let mut builder = ClusterClientBuilder::new(nodes)
            .connection_timeout(CONNECT)
            .response_timeout(self.response)
            .overall_response_timeout(Some(self.response + self.response / 4))
            .retries(REDIRECTIONS)
            .min_retry_wait(shortest)
            .max_retry_wait(longest);
        if let Some(certificates) = &self.certificates {
            builder = builder.tls(TlsMode::Secure).certs(certificates.clone());
        }
        let mut cluster = builder.build()?.get_async_connection().await?;
        let masters = masters_of(&mut cluster).await?;
        Ok(Dialled { wire: Wire::Cluster(cluster), masters })
    }

    /// Where the master is, or who the masters are, at this moment. `None` for a server that is always the same.
    pub async fn masters_now(&self, wire: &Wire) -> RedisResult<Option<Vec<Host>>> {
        match (&self.address.shape, wire) {
            (Shape::Single { .. }, _) => Ok(None),
            (Shape::Sentinel { .. }, _) => Ok(Some(vec![self.master().await?])),
            (Shape::Cluster { .. }, Wire::Cluster(cluster)) => Ok(Some(masters_of(&mut cluster.clone()).await?)),
            (Shape::Cluster { .. }, Wire::Server(_)) => unreachable!("a cluster is dialled as one"),
        }
    }

    /// A connection to one server.
    pub async fn connect(&self, host: &Host) -> RedisResult<MultiplexedConnection> {
        self.client(self.info(host)?)?.get_multiplexed_async_connection_with_config(&timeouts(self.response)).await
    }

    /// A connection on which news is heard. What is published to one node of a cluster is heard at every other.
    pub async fn listen(&self) -> RedisResult<PubSub> {
        let host = match &self.address.shape {
            Shape::Single { host, .. } => host.clone(),
            Shape::Sentinel { .. } => self.master().await?,
            Shape::Cluster { nodes } => self.first_that_answers(nodes).await?,
        };
        let client = self.client(self.info(&host)?)?;
        tokio::time::timeout(CONNECT, client.get_async_pubsub()).await.map_err(|_| timed_out())?
    }

    async fn first_that_answers(&self, nodes: &[Host]) -> RedisResult<Host> {
        let mut last = timed_out();
        for node in nodes {
            match self.connect(node).await {
                Ok(_) => return Ok(node.clone()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The master, as the first sentinel that answers says.
    async fn master(&self) -> RedisResult<Host> {
        let Shape::Sentinel { sentinels, master } = &self.address.shape else {
            unreachable!("only sentinels are asked for a master")
        };
        let mut last = timed_out();
        for sentinel in sentinels {
            match self.ask(sentinel, master).await {
                Ok(Some((name, port))) => return Ok(Host { name, port }),
                Ok(None) => {
                    last = RedisError::from((
                        redis::ErrorKind::MasterNameNotFoundBySentinel,
                        "the sentinels know no master of this name",
                    ));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Sentinels often take no password though their servers do: it is shown to those that ask for it.
    async fn ask(&self, sentinel: &Host, master: &str) -> RedisResult<Option<(String, u16)>> {
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(master);
        let open = self.client(address(sentinel, &self.certificates).into_connection_info()?)?;
        let mut connection = open.get_multiplexed_async_connection_with_config(&timeouts(self.response)).await?;
        match question.query_async(&mut connection).await {
            Err(error) if error.code() == Some("NOAUTH") => {
                let mut connection = self.connect(sentinel).await?;
                question.query_async(&mut connection).await
            }
            answered => answered,
        }
    }

    fn info(&self, host: &Host) -> RedisResult<ConnectionInfo> {
        let mut settings = RedisConnectionInfo::default().set_db(self.database());
        if let Some(user) = &self.address.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.address.password {
            settings = settings.set_password(password.expose_secret());
        }
        Ok(address(host, &self.certificates).into_connection_info()?.set_redis_settings(settings))
    }

    fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }
}

/// The masters of a cluster that serve some slot, in one order.
async fn masters_of(cluster: &mut ClusterConnection) -> RedisResult<Vec<Host>> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    let anybody = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
    let answer = cluster.route_command(question, anybody).await?;
    let ranges: Vec<Vec<Value>> = redis::from_redis_value(answer)?;
    let mut masters = Vec::new();
    for range in ranges {
        // First and last slot, the master, the replicas; of each its address, its port and more.
        let master: Vec<Value> = redis::from_redis_value(range.into_iter().nth(2).unwrap_or(Value::Nil))?;
        let mut master = master.into_iter();
        let mut next = || master.next().unwrap_or(Value::Nil);
        masters.push(Host { name: redis::from_redis_value(next())?, port: redis::from_redis_value(next())? });
    }
    masters.sort();
    masters.dedup();
    Ok(masters)
}

fn address(host: &Host, certificates: &Option<TlsCertificates>) -> ConnectionAddr {
    match certificates {
        Some(_) => {
            ConnectionAddr::TcpTls { host: host.name.clone(), port: host.port, insecure: false, tls_params: None }
        }
        None => ConnectionAddr::Tcp(host.name.clone(), host.port),
    }
}

fn timeouts(response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(response))
}

fn timed_out() -> RedisError {
    RedisError::from(io::Error::new(io::ErrorKind::TimedOut, "nobody answered in time"))
}
