//! The daemon that a benchmark measures: a process of its own, in a temporary directory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::redis_server::Redis;

pub const OPERATOR: &str = "0123456789abcdef0123456789abcdef";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);
/// The clock of `/proc/PID/stat`, which Linux fixes for programs at 100 Hz.
const TICKS_PER_SECOND: f64 = 100.0;

/// A daemon on a store of its own, with the carrier at this address.
pub struct Daemon {
    process: Child,
    pub http: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Daemon {
    /// On this Redis, or on the embedded store.
    pub async fn start(binary: &Path, carrier: SocketAddr, redis: Option<&Redis>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let http = free.local_addr().expect("an address");
        drop(free);
        let config = directory.path().join("assent.toml");
        let here = directory.path().join("store").display().to_string();
        std::fs::create_dir(&here).expect("a directory");
        let store = match redis {
            None => format!("store.url = \"file://{here}\""),
            Some(redis) => {
                let keys = format!("{here}/keys");
                std::fs::write(&keys, format!("k1:{}=\n", "A".repeat(43))).expect("the directory can be written to");
                let url = redis.url();
                format!("store.url = \"{url}\"\nstore.key_file = \"{keys}\"\nstore.directory = \"{here}\"")
            }
        };
        let written = format!(
            "http.listen = \"{http}\"\nhttp.requests_per_second = 1000000\n{store}\nauth.operator_token = \"{OPERATOR}\"\n\
             log.filter = \"warn\"\n[[carrier]]\nname = \"bench\"\naddress = \"{carrier}\"\nsystem_id = \"practice\"\n\
             password = \"secret\"\nwindow = 100\nsegments_per_second = 1000000\n",
        );
        std::fs::write(&config, written).expect("a configuration");
        let process = Command::new(binary).arg("serve").arg("--config").arg(&config).spawn().expect("a daemon");
        let daemon = Self { process, http, _directory: directory };
        let listening = async {
            while TcpStream::connect(http).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, listening).await.expect("the daemon listens");
        daemon
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).expect("the daemon is running")
    }

    /// User and system time, which follow the state and ten other fields.
    pub fn processor_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        let fields = stat.rsplit(") ").next().expect("fields").split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_PER_SECOND
    }

    /// The most memory that it has had, in MiB.
    pub fn peak_mib(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1_024.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
