//! A master, two replicas and three sentinels, which agree on who is the master.

use std::collections::BTreeSet;
use std::fs;

use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use tempfile::TempDir;
use tokio::process::Child;

use super::{ANSWER, Redis, comes_to, free_port, spawn};

/// What the sentinels call the master.
pub const NAME: &str = "assent";
const SERVERS: usize = 3;
const SENTINELS: usize = 3;
/// How many must agree that the master is gone.
const QUORUM: usize = 2;
/// After this many milliseconds without an answer a server is taken for dead.
const DOWN_AFTER: usize = 1_000;
/// A failover that failed is tried again after twice so many milliseconds.
const FAILOVER_TIMEOUT: usize = 3_000;

/// A `redis-sentinel`.
struct Sentinel {
    /// Ends with the test.
    _child: Child,
    directory: TempDir,
    port: u16,
}

pub struct Sentinels {
    /// The first was the master at the start.
    pub servers: Vec<Redis>,
    sentinels: Vec<Sentinel>,
}

impl Sentinels {
    /// Waits until the replicas have what the master has, and each sentinel knows everybody.
    pub async fn start() -> Self {
        let master = Redis::start().await;
        let port = master.port();
        let replica_of = format!("replicaof 127.0.0.1 {port}");
        let mut servers = vec![master];
        for _ in 1..SERVERS {
            servers.push(Redis::start_with(&[&replica_of]).await);
        }
        let sentinels = (0..SENTINELS).map(|_| Sentinel::start(port)).collect();
        let set = Self { servers, sentinels };
        set.is_well().await;
        set
    }

    /// As the store's configuration wants it.
    pub fn url(&self) -> String {
        let sentinels: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis+sentinel://{}/{NAME}", sentinels.join(","))
    }

    /// Waits until two replicas of the master are up to date and each sentinel sees two others and both replicas.
    pub async fn is_well(&self) {
        comes_to("the sentinels know everybody", async || {
            let master = &self.servers[self.agreed().await?];
            master.is_copied_by(SERVERS - 1).await;
            for sentinel in &self.sentinels {
                let told = sentinel.says(&["SENTINEL", "MASTER", NAME]).await.map_err(|error| error.to_string())?;
                let others = field(&told, "num-other-sentinels");
                let replicas = field(&told, "num-slaves");
                let sees_all = others.as_deref() == Some("2") && replicas.as_deref() == Some("2");
                if !sees_all || field(&told, "flags").as_deref() != Some("master") {
                    return Err(format!("a sentinel sees {others:?} others and {replicas:?} replicas"));
                }
            }
            Ok(())
        })
        .await;
    }

    /// The place of the master among the servers, once every sentinel names the same, and it agrees.
    pub async fn current_master(&self) -> usize {
        comes_to("the sentinels agree on a master", async || {
            let place = self.agreed().await?;
            let role = self.servers[place].info("role").await;
            if role.as_deref() == Some("master") { Ok(place) } else { Err(format!("{place} says that it is {role:?}")) }
        })
        .await
    }

    /// SIGKILL for the master; its place among the servers.
    pub async fn kill_master(&mut self) -> usize {
        let place = self.current_master().await;
        self.servers[place].kill().await;
        place
    }

    /// From here on, what the master acknowledges reaches no replica.
    pub async fn freeze_replicas(&self) {
        let master = self.current_master().await;
        for (place, server) in self.servers.iter().enumerate() {
            if place != master && server.runs() {
                server.freeze().await;
            }
        }
        // What is on a connection already would be read when they are thawed, so there must be no connection.
        self.servers[master].must(&["CLIENT", "KILL", "TYPE", "replica"]).await;
    }

    pub async fn thaw_replicas(&self) {
        for server in self.servers.iter().filter(|server| server.runs()) {
            server.thaw().await;
        }
    }

    /// The master hands over to a replica that has everything (FAILOVER), and has done so when this returns. Until the
    /// sentinels notice, half a minute later, they go on naming the server that is a replica by then.
    pub async fn fail_over_gracefully(&self) {
        let master = &self.servers[self.current_master().await];
        master.must(&["FAILOVER"]).await;
        comes_to("the master has handed over", async || {
            let role = master.info("role").await;
            let state = master.info("master_failover_state").await;
            let is_over = role.as_deref() == Some("slave") && state.as_deref() == Some("no-failover");
            if is_over { Ok(()) } else { Err(format!("it says that it is {role:?}, {state:?}")) }
        })
        .await;
    }

    /// A sentinel has a replica take over, whatever that one has (SENTINEL FAILOVER); waits until all agree that it did.
    pub async fn fail_over(&self) {
        let before = self.current_master().await;
        let told = self.sentinels[0].says(&["SENTINEL", "FAILOVER", NAME]).await;
        told.expect("the sentinel begins a failover");
        self.has_changed(before).await;
    }

    /// Waits until the master is another than the one at this place.
    pub async fn has_changed(&self, before: usize) {
        comes_to("there is another master", async || match self.agreed().await? {
            place if place == before => Err(format!("it still is {place}")),
            _ => Ok(()),
        })
        .await;
        self.current_master().await;
    }

    /// The server that every sentinel names.
    async fn agreed(&self) -> Result<usize, String> {
        let mut named = BTreeSet::new();
        for sentinel in &self.sentinels {
            let told = sentinel.says(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await;
            let told = told.map_err(|error| error.to_string())?;
            let (_, port): (String, u16) = redis::from_redis_value(told).map_err(|error| error.to_string())?;
            named.insert(port);
        }
        let place = |port: &u16| self.servers.iter().position(|server| server.port() == *port);
        match named.iter().map(place).collect::<Vec<_>>().as_slice() {
            [Some(place)] => Ok(*place),
            places => Err(format!("they name {places:?}; {}", self.sentinels[0].log())),
        }
    }
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\ndaemonize no\n\
             sentinel monitor {NAME} 127.0.0.1 {master} {QUORUM}\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER}\n\
             sentinel failover-timeout {NAME} {FAILOVER_TIMEOUT}\n",
            directory.path().display(),
        );
        let child = spawn("redis-sentinel", directory.path(), "sentinel.conf", &config);
        Self { _child: child, directory, port }
    }

    async fn says(&self, words: &[&str]) -> RedisResult<Value> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
        let client = Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// One of the names and values that a sentinel tells in turn.
fn field(told: &Value, name: &str) -> Option<String> {
    let pairs: Vec<String> = redis::from_redis_value(told.clone()).ok()?;
    pairs.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| pair[1].clone())
}
