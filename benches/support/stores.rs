//! The stores that are measured: the embedded one, and one on a Redis of its own (`appendfsync always`) on the same disk.

use std::sync::Arc;

use assent::domain::policy::BootId;
use assent::ports::{Clock, Store};
use assent::store::{KeySource, Location, open};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::redis_server::Redis;

/// Both, until it is dropped.
pub struct Stores {
    pub embedded: Arc<dyn Store>,
    pub redis: Arc<dyn Store>,
    _server: Redis,
    _directory: TempDir,
}

impl Stores {
    pub fn open(runtime: &Runtime, clock: &Arc<dyn Clock>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let server = runtime.block_on(Redis::start());
        let keys = directory.path().join("keys");
        std::fs::write(&keys, format!("k1:{}=\n", "A".repeat(43))).expect("the directory can be written to");
        let here = format!("file://{}", directory.path().join("embedded").display());
        let there = Location::new(server.url(), KeySource::File(keys));
        let there = Location { directory: directory.path().to_owned(), ..there };
        let opened = |location: &Location| {
            runtime.block_on(open(location, BootId(1), Arc::clone(clock))).expect("a new store opens")
        };
        Self {
            embedded: opened(&Location::new(here, KeySource::InDirectory)),
            redis: opened(&there),
            _server: server,
            _directory: directory,
        }
    }

    pub fn by_name(&self) -> [(&'static str, &Arc<dyn Store>); 2] {
        [("embedded", &self.embedded), ("redis", &self.redis)]
    }
}
