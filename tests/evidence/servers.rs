//! A ledger on a Redis, and the forger who has its password.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use assent::domain::ConversationKey;
use assent::domain::policy::BootId;
use assent::ports::Store;
use assent::store::{Location, open};
use async_trait::async_trait;
use redis::{FromRedisValue, from_redis_value};
use tempfile::TempDir;

use crate::home::{Home, State};
use crate::redis_server::{Redis, comes_to};
use crate::stage::{HandClock, at, keys_in};

pub struct Server {
    pub server: Redis,
    pub directory: TempDir,
    runs: AtomicU64,
}

pub const LEDGER: &str = "assent:{riverside}:ledger";
pub const SEALS: &str = "assent:{riverside}:ledger:seals";
const CONVERSATIONS: &str = "assent:{riverside}:conversations";

impl Server {
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        from_redis_value(self.server.must(words).await).unwrap()
    }

    /// A command some of whose words are no text.
    pub async fn raw<T: FromRedisValue>(&self, words: &[&[u8]]) -> T {
        let client = redis::Client::open(self.server.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::cmd(std::str::from_utf8(words[0]).unwrap());
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query_async(&mut connection).await.unwrap()
    }

    async fn line(&self, place: u64) -> (String, String) {
        let index = (place - 1).to_string();
        let line: String = self.ask(&["LINDEX", LEDGER, &index]).await;
        let seal: String = self.ask(&["LINDEX", SEALS, &index]).await;
        (line, seal)
    }

    /// The look-up of a conversation, which are made in the order of their phones.
    async fn look_up(&self, key: &ConversationKey) -> String {
        let known = [100, 200, 300].map(|line| crate::stage::key("riverside", line));
        let index = known.iter().position(|known| known == key).unwrap().to_string();
        self.ask(&["LINDEX", CONVERSATIONS, &index]).await
    }
}

#[async_trait(?Send)]
impl Home for Server {
    async fn fresh() -> Self {
        let server = Redis::start().await;
        Self { server, directory: tempfile::tempdir().unwrap(), runs: AtomicU64::new(1) }
    }

    fn location(&self) -> Location {
        let keys = keys_in(self.directory.path(), &[("k1", 1)]);
        Location { directory: self.directory.path().join("seen"), ..Location::new(self.server.url(), keys) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let clock = Arc::new(HandClock(AtomicI64::new(at(0).as_second())));
        open(&self.location(), BootId(self.runs.fetch_add(1, Ordering::SeqCst)), clock).await.unwrap()
    }

    async fn close(&self, store: Arc<dyn Store>) {
        comes_to("everything is sealed, and that is written down", async || {
            let (lines, seals): (u64, u64) = (self.length().await, self.ask(&["LLEN", SEALS]).await);
            let seen = std::fs::read_to_string(self.directory.path().join("seen/ledger.seen")).unwrap_or_default();
            if lines == seals && seen.contains(&format!(" {lines} ")) {
                return Ok(());
            }
            Err(format!("{seals} of {lines}: {seen}"))
        })
        .await;
        drop(store);
    }

    async fn edit(&self, place: u64) {
        let (line, _) = self.line(place).await;
        let words: Vec<&str> = line.split(' ').collect();
        let proofs = format!("assent:{{riverside}}:l:{}", words[0]);
        let index = (words[3].parse::<u64>().unwrap() - 1).to_string();
        let mut proof: Vec<u8> = self.ask(&["LINDEX", &proofs, &index]).await;
        *proof.last_mut().unwrap() ^= 1;
        self.raw::<()>(&[b"LSET", proofs.as_bytes(), index.as_bytes(), &proof]).await;
    }

    async fn take_out(&self, place: u64) {
        let (line, seal) = self.line(place).await;
        assert_eq!(self.ask::<u64>(&["LREM", LEDGER, "1", &line]).await, 1);
        assert_eq!(self.ask::<u64>(&["LREM", SEALS, "1", &seal]).await, 1);
    }

    async fn swap(&self, place: u64) {
        let ((line, seal), (next_line, next_seal)) = (self.line(place).await, self.line(place + 1).await);
        let (index, next) = ((place - 1).to_string(), place.to_string());
        for (list, at, value) in
            [(LEDGER, &index, &next_line), (LEDGER, &next, &line), (SEALS, &index, &next_seal), (SEALS, &next, &seal)]
        {
            self.ask::<()>(&["LSET", list, at, value]).await;
        }
    }

    async fn repeat(&self, place: u64) {
        let (line, seal) = self.line(place).await;
        self.ask::<u64>(&["RPUSH", LEDGER, &line]).await;
        self.ask::<u64>(&["RPUSH", SEALS, &seal]).await;
    }

    async fn forget(&self, key: &ConversationKey) {
        let look_up = self.look_up(key).await;
        let of = |kind: &str| format!("assent:{{riverside}}:{kind}:{look_up}");
        self.ask::<u64>(&["DEL", &of("c"), &of("t"), &of("j")]).await;
        self.ask::<u64>(&["LREM", CONVERSATIONS, "0", &look_up]).await;
    }

    async fn state(&self, key: &ConversationKey) -> State {
        let place = format!("assent:{{riverside}}:c:{}", self.look_up(key).await);
        self.ask(&["DUMP", &place]).await
    }

    async fn replay(&self, key: &ConversationKey, state: State) {
        let place = format!("assent:{{riverside}}:c:{}", self.look_up(key).await);
        self.raw::<()>(&[b"RESTORE", place.as_bytes(), b"0", &state, b"REPLACE"]).await;
    }

    async fn length(&self) -> u64 {
        self.ask(&["LLEN", LEDGER]).await
    }
}
