//! What a Redis can be made to suffer while it runs, and how it gets well again.

use super::{Redis, comes_to, free_port};

impl Redis {
    /// There is no room for another write (OOM).
    pub async fn is_full(&self) {
        self.must(&["CONFIG", "SET", "maxmemory", "1"]).await;
    }

    pub async fn has_room(&self) {
        self.must(&["CONFIG", "SET", "maxmemory", "0"]).await;
    }

    /// It takes no writes (READONLY). Its master is not there, so that it keeps what it has.
    pub async fn is_a_replica(&self) {
        self.must(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]).await;
    }

    pub async fn is_a_master(&self) {
        self.must(&["REPLICAOF", "NO", "ONE"]).await;
    }

    /// It takes no writes because its last snapshot failed (MISCONF).
    pub async fn fails_snapshots(&self) {
        // A file can't take the place of a directory, whoever asks for it.
        std::fs::create_dir(self.directory().join("dump.rdb")).unwrap();
        self.must(&["CONFIG", "SET", "save", "3600 1000000"]).await;
        self.must(&["BGSAVE"]).await;
        self.last_snapshot_is("err").await;
    }

    pub async fn takes_snapshots(&self) {
        std::fs::remove_dir(self.directory().join("dump.rdb")).unwrap();
        self.must(&["BGSAVE"]).await;
        self.last_snapshot_is("ok").await;
    }

    async fn last_snapshot_is(&self, wanted: &str) {
        comes_to("the snapshot is over", async || {
            let status = self.info("rdb_last_bgsave_status").await;
            let is_over = self.info("rdb_bgsave_in_progress").await.as_deref() == Some("0");
            if is_over && status.as_deref() == Some(wanted) { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
    }
}
