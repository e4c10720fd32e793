//! Redis servers of the tests' own: each has a directory and a port to itself, and ends with its test.

pub mod cluster;
pub mod proxy;
mod redis_faults;
pub mod sentinels;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisResult, Value};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// Nothing that is waited for takes longer, even where two tests share one core.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what can't be awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How long a server may take to answer a command.
const ANSWER: Duration = Duration::from_secs(2);
/// Ports are taken from below those that the system gives to outgoing connections: a server that is started again finds
/// its port free, and whoever calls a port where nobody listens does not, by chance, reach himself.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// Ports that are tried before the machine is said to have none left, and servers that lose the race for theirs.
const TRIES_MAX: usize = 100;
const RACES_MAX: usize = 5;

/// How much is written to make loading slow. A server that loads looks up after every thousandth write.
const FILL_ROUNDS: usize = 60;
const FILL_WRITES: usize = 1_000;
/// With this line, loading what [`Redis::fill`] wrote takes a quarter of a minute: longer than a test looks at it.
pub const LOADS_SLOWLY: &str = "key-load-delay 200";

/// What a Redis needs so that it never loses an acknowledged write.
const DURABLE: &str = "appendonly yes\nappendfsync always\nno-appendfsync-on-rewrite no\nmaxmemory-policy noeviction\n";

/// A replica is served as soon as it asks, not together with others that may ask a little later.
const AT_ONCE: &str = "repl-diskless-sync-delay 0\n";

/// Looks until there is something to see; gives up with the last complaint.
pub async fn comes_to<T>(what: &str, look: impl AsyncFn() -> Result<T, String>) -> T {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(complaint) if Instant::now() > give_up_at => {
                panic!("within {PATIENCE:?} it did not come to this: {what}: {complaint}")
            }
            Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

/// A port on loopback where nobody listens. Somebody else may take it first.
pub fn free_port() -> u16 {
    let span = u32::from(PORTS.end - PORTS.start);
    let mut ports = (0..TRIES_MAX).map(|_| {
        let chance = getrandom::u32().expect("the operating system has random numbers") % span;
        PORTS.start + u16::try_from(chance).expect("the span is that of ports")
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.find(is_free).expect("the machine has a free port")
}

/// Sends a process a signal.
pub async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("it was not waited for");
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().await.unwrap();
    assert!(sent.success(), "{name} was not sent to {id}");
}

/// What the client and the server say to each other is encrypted, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Plain,
    Tls,
}

/// A `redis-server`.
pub struct Redis {
    child: Option<Child>,
    directory: TempDir,
    /// What this server's configuration says besides what every server's says.
    lines: Vec<String>,
    line: Line,
    port: u16,
}

impl Redis {
    /// One that never loses an acknowledged write.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// One with lines of its own in its configuration; of two that contradict each other the later counts.
    pub async fn start_with(lines: &[&str]) -> Self {
        Self::start_on(Line::Plain, lines).await
    }

    /// One that speaks TLS alone, with a certificate for 127.0.0.1 that [`authority`](Self::authority) vouches for.
    pub async fn start_with_tls() -> Self {
        Self::start_on(Line::Tls, &[]).await
    }

    async fn start_on(line: Line, lines: &[&str]) -> Self {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        let mut server = Self { child: None, directory: tempfile::tempdir().unwrap(), lines, line, port: 0 };
        if line == Line::Tls {
            make_certificates(server.directory.path()).await;
        }
        for _ in 0..RACES_MAX {
            server.port = free_port();
            server.spawn(&[]);
            match server.answers().await {
                Ok(()) => return server,
                Err(log) if log.contains("Address already in use") => {}
                Err(log) => panic!("redis-server did not start:\n{log}"),
            }
        }
        panic!("somebody else was faster with {RACES_MAX} ports");
    }

    /// Ends in peace.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        signal(&child, "TERM").await;
        tokio::time::timeout(PATIENCE, child.wait()).await.expect("it stops").unwrap();
    }

    /// SIGKILL: it gets no chance to do anything.
    pub async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.unwrap();
    }

    /// Stops the process in its tracks: connections stand, and nothing is answered.
    pub async fn freeze(&self) {
        signal(self.child.as_ref().expect("it runs"), "STOP").await;
    }

    pub async fn thaw(&self) {
        signal(self.child.as_ref().expect("it runs"), "CONT").await;
    }

    /// On the same port and data.
    pub async fn start_again(&mut self) {
        self.start_again_loading(&[]);
        self.comes_up().await;
    }

    /// On the same port and data, with more lines in its configuration for this once; does not wait until it has loaded.
    pub fn start_again_loading(&mut self, lines: &[&str]) {
        assert!(self.child.is_none(), "it runs");
        self.spawn(lines);
    }

    /// Waits until it serves.
    pub async fn comes_up(&mut self) {
        if let Err(log) = self.answers().await {
            panic!("redis-server did not start:\n{log}");
        }
    }

    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// As the store's configuration wants it.
    pub fn url(&self) -> String {
        let scheme = match self.line {
            Line::Plain => "redis",
            Line::Tls => "rediss",
        };
        format!("{scheme}://{}/0", self.address())
    }

    /// Its data and its log are there.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The certificate of whoever vouches for a server that speaks TLS.
    pub fn authority(&self) -> PathBuf {
        self.directory().join("authority.crt")
    }

    /// Keeps a copy of its data, which is at rest while it does not run.
    pub fn keep_copy(&self) -> TempDir {
        assert!(!self.runs(), "it would go on writing");
        let copy = tempfile::tempdir().unwrap();
        copy_all(&self.data(), copy.path());
        copy
    }

    /// Forgets its data for that of a copy, as whoever restores a backup does.
    pub fn restore(&self, copy: &TempDir) {
        assert!(!self.runs(), "it would go on writing");
        fs::remove_dir_all(self.data()).unwrap();
        fs::create_dir(self.data()).unwrap();
        copy_all(copy.path(), &self.data());
    }

    /// The directory of the append-only file.
    fn data(&self) -> PathBuf {
        self.directory().join("appendonlydir")
    }

    /// Has one command carried out.
    pub async fn cli(&self, words: &[&str]) -> RedisResult<Value> {
        self.cli_within(ANSWER, words).await
    }

    /// Writes so much that it takes a while to load, if each write is made to take a while.
    pub async fn fill(&self) {
        let mut connection = self.client().unwrap().get_multiplexed_async_connection().await.unwrap();
        for _ in 0..FILL_ROUNDS {
            let mut writes = redis::pipe();
            for _ in 0..FILL_WRITES {
                writes.cmd("SET").arg("filler").arg("x").ignore();
            }
            let () = writes.query_async(&mut connection).await.unwrap();
        }
    }

    /// Has one command carried out that must be answered in this time.
    pub async fn cli_within(&self, answer: Duration, words: &[&str]) -> RedisResult<Value> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(answer)).set_response_timeout(Some(answer));
        let mut connection = self.client()?.get_multiplexed_async_connection_with_config(&config).await?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await
    }

    /// Has one command carried out that has to succeed.
    pub async fn must(&self, words: &[&str]) -> Value {
        self.cli(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// A text that is stored, or that a command answers with.
    pub async fn text(&self, words: &[&str]) -> Option<String> {
        redis::from_redis_value(self.must(words).await).expect("it is a text")
    }

    /// What INFO says about one thing.
    pub async fn info(&self, name: &str) -> Option<String> {
        let told = self.text(&["INFO"]).await?;
        told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
    }

    /// Waits until so many replicas have everything that this master has.
    pub async fn is_copied_by(&self, replicas: usize) {
        comes_to("the replicas have everything", async || {
            let told = self.text(&["INFO", "replication"]).await.unwrap_or_default();
            let offset = told.lines().find_map(|line| line.strip_prefix("master_repl_offset:")).unwrap_or("unknown");
            let has_all = format!("state=online,offset={offset},");
            let copies = told.lines().filter(|line| line.starts_with("slave") && line.contains(&has_all)).count();
            if copies >= replicas { Ok(()) } else { Err(told) }
        })
        .await;
    }

    /// What it wrote to its log, in all its runs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory().join("log")).unwrap_or_default()
    }

    fn client(&self) -> RedisResult<Client> {
        match self.line {
            Line::Plain => Client::open(self.url()),
            Line::Tls => {
                // Whoever installs one first has installed it for the process.
                let _ = rustls::crypto::ring::default_provider().install_default();
                let root_cert = Some(fs::read(self.authority()).unwrap());
                Client::build_with_tls(self.url(), redis::TlsCertificates { client_tls: None, root_cert })
            }
        }
    }

    fn spawn(&mut self, for_this_once: &[&str]) {
        let port = match self.line {
            Line::Plain => format!("port {}\n", self.port),
            Line::Tls => format!(
                "port 0\ntls-port {}\ntls-cert-file server.crt\ntls-key-file server.key\ntls-ca-cert-file authority.crt\n\
                 tls-auth-clients no\n",
                self.port
            ),
        };
        let lines = self.lines.iter().map(String::as_str).chain(for_this_once.iter().copied());
        let own: String = lines.flat_map(|line| [line, "\n"]).collect();
        let config = format!(
            "bind 127.0.0.1\n{port}dir {}\ndaemonize no\nsave \"\"\nenable-debug-command yes\n{AT_ONCE}{DURABLE}{own}",
            self.directory().display(),
        );
        self.child = Some(spawn("redis-server", self.directory(), "redis.conf", &config));
    }

    /// Waits until it serves; its log if it ends instead.
    async fn answers(&mut self) -> Result<(), String> {
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            let complaint = match self.cli(&["PING"]).await {
                Ok(_) => return Ok(()),
                Err(error) => error.to_string(),
            };
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            if ended.is_some() {
                return Err(self.log());
            }
            assert!(Instant::now() < give_up_at, "redis-server does not answer: {complaint}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Starts a program of Redis' on a configuration, with its log beside it.
fn spawn(program: &str, directory: &Path, name: &str, config: &str) -> Child {
    let config_file = directory.join(name);
    fs::write(&config_file, config).unwrap();
    let log = File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut command = Command::new(program);
    command.arg(config_file).current_dir(directory).env_clear().env("PATH", "/usr/bin:/bin:/usr/local/bin");
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs it"))
}

fn copy_all(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// An authority, and a server's certificate from it.
async fn make_certificates(directory: &Path) {
    let subject = "/CN=authority of a test";
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let authority = ["-subj", subject, "-keyout", "authority.key", "-out", "authority.crt"];
    let server = [
        ["-subj", "/CN=server of a test", "-CA", "authority.crt", "-CAkey", "authority.key"].as_slice(),
        ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=CA:FALSE"].as_slice(),
        ["-keyout", "server.key", "-out", "server.crt"].as_slice(),
    ];
    for own in [authority.to_vec(), server.concat()] {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509"]).args(key).args(own).current_dir(directory).stdin(Stdio::null());
        let made = command.output().await.expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}
