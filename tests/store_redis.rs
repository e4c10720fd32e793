//! What only a store on Redis can get wrong: a server that is not fit for it, one that loses what it had, answers that are
//! lost, and daemons that share it.

#![allow(clippy::unwrap_used)]

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod redis_server;
#[path = "support/stage.rs"]
#[allow(dead_code)]
mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use assent::app::SystemClock;
use assent::domain::policy::BootId;
use assent::domain::{OtherDaemons, PracticeId, Seq, Status};
use assent::ports::{Clock, CommitError, News, OccurrenceId, PutError, Record, RecordKey, Store, StoreError, Version};
use assent::store::{AcceptError, Durability, KeySource, Location, open};
use jiff::{SignedDuration, Timestamp};
use redis::Value;
use redis_server::proxy::Proxy;
use redis_server::{Redis, comes_to};
use stage::*;
use tempfile::TempDir;
use tokio::sync::broadcast;

/// A server, and daemons that may be started on it. Each has a directory of its own.
struct Scene {
    server: Redis,
    directory: TempDir,
    runs: AtomicU64,
}

impl Scene {
    async fn new() -> Self {
        Self::on(Redis::start().await)
    }

    fn on(server: Redis) -> Self {
        Self { server, directory: tempfile::tempdir().unwrap(), runs: AtomicU64::new(1) }
    }

    fn location(&self, daemon: &str) -> Location {
        let keys = keys_in(self.directory.path(), &[("k1", 1)]);
        Location { directory: self.directory.path().join(daemon), ..Location::new(self.server.url(), keys) }
    }

    async fn try_open(&self, location: &Location) -> Result<Arc<dyn Store>, String> {
        let run = BootId(self.runs.fetch_add(1, Ordering::SeqCst));
        let clock = Arc::new(HandClock(AtomicI64::new(at(0).as_second())));
        open(location, run, clock).await.map_err(|error| error.to_string())
    }

    async fn open(&self, daemon: &str) -> Arc<dyn Store> {
        self.try_open(&self.location(daemon)).await.unwrap()
    }

    async fn refusal(&self, location: &Location) -> String {
        self.try_open(location).await.err().expect("it is refused")
    }

    async fn must(&self, words: &[&str]) -> Value {
        self.server.must(words).await
    }

    /// Waits until so many daemons hear each other's news.
    async fn so_many_listen(&self, daemons: u64) {
        comes_to("news is heard", async || {
            let heard = self.must(&["PUBSUB", "NUMSUB", "assent:news:0"]).await;
            let (_, found): (String, u64) = redis::from_redis_value(heard).unwrap();
            if found == daemons { Ok(()) } else { Err(found.to_string()) }
        })
        .await;
    }
}

/// Waits until a store says what it is expected to.
async fn comes_to_say(store: &Arc<dyn Store>, what: &str, is_it: impl Fn(&Result<(), StoreError>) -> bool) {
    comes_to(what, async || {
        let said = store.probe().await;
        if is_it(&said) { Ok(()) } else { Err(format!("{said:?}")) }
    })
    .await;
}

async fn works_again(store: &Arc<dyn Store>) {
    comes_to_say(store, "the store works again", Result::is_ok).await;
}

async fn has_gone_back(store: &Arc<dyn Store>) {
    comes_to_say(store, "the store went back in time", |said| matches!(said, Err(StoreError::WentBack(_)))).await;
}

fn files_below(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => std::fs::read(&path).map(|octets| (path, octets)).into_iter().collect(),
        })
        .collect()
}

// ------------------------------------------------------------------------------------- fit to keep consent

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused_with_the_line_that_mends_it() {
    for (bad, mended) in [
        ("appendonly no", "appendonly yes"),
        ("appendfsync everysec", "appendfsync always"),
        ("no-appendfsync-on-rewrite yes", "no-appendfsync-on-rewrite no"),
        ("maxmemory-policy allkeys-lru", "maxmemory-policy noeviction"),
    ] {
        let scene = Scene::on(Redis::start_with(&[bad]).await);
        let refusal = scene.refusal(&scene.location("a")).await;
        let (setting, value) = bad.split_once(' ').unwrap();
        let found = if setting == "appendonly" { "0" } else { value };
        assert!(refusal.contains(&format!("{setting} is {found}")), "{refusal}");
        assert!(refusal.contains(&format!("Put this line into redis.conf and restart it: {mended}")), "{refusal}");
        let attested = Location { durability: Durability::Attested, ..scene.location("a") };
        assert!(scene.try_open(&attested).await.is_err(), "what can be seen is not a matter of opinion: {bad}");
    }
}

#[tokio::test]
async fn daemons_that_start_at_the_same_moment_do_not_take_each_other_for_a_stranger() {
    let shared = Scene::new().await;
    drop(shared.open("first").await);
    for round in 0..8 {
        let locations: Vec<Location> = (0..8).map(|daemon| shared.location(&format!("{round}-{daemon}"))).collect();
        let opened = futures_util::future::join_all(locations.iter().map(|location| shared.try_open(location))).await;
        let refused: Vec<String> = opened.into_iter().filter_map(Result::err).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}

#[tokio::test]
async fn every_fault_of_a_server_is_named_at_once() {
    let scene = Scene::on(Redis::start_with(&["appendfsync no", "maxmemory-policy volatile-ttl"]).await);
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("appendfsync is no") && refusal.contains("maxmemory-policy is volatile-ttl"), "{refusal}");
}

#[tokio::test]
async fn a_replica_is_no_place_to_write() {
    let master = Redis::start().await;
    let replica = format!("replicaof 127.0.0.1 {}", master.port());
    let scene = Scene::on(Redis::start_with(&[&replica]).await);
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("it is a slave, and only a master may be written to"), "{refusal}");
}

#[tokio::test]
async fn a_server_that_hides_its_settings_is_taken_on_the_operators_word_alone() {
    let scene = Scene::on(Redis::start_with(&["rename-command CONFIG \"\""]).await);
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("forbids CONFIG GET") && refusal.contains("durability = \"attested\""), "{refusal}");
    let attested = Location { durability: Durability::Attested, ..scene.location("a") };
    scene.try_open(&attested).await.unwrap().probe().await.unwrap();
}

#[tokio::test]
async fn settings_are_looked_at_again_at_every_reconnect() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    scene.must(&["CONFIG", "SET", "appendfsync", "everysec"]).await;
    scene.must(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    comes_to_say(
        &store,
        "the setting is noticed",
        |said| matches!(said, Err(StoreError::Unavailable(reason)) if reason.contains("appendfsync is everysec")),
    )
    .await;
    scene.must(&["CONFIG", "SET", "appendfsync", "always"]).await;
    works_again(&store).await;
}

#[tokio::test]
async fn a_store_of_a_newer_assent_is_refused() {
    let scene = Scene::new().await;
    drop(scene.open("a").await);
    scene.must(&["HSET", "assent:{/}:meta", "schema", "9"]).await;
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("written by a newer assent (its schema is 9, this one knows 1)"), "{refusal}");
}

#[tokio::test]
async fn a_practice_that_a_newer_assent_has_changed_is_left_alone() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    scene.must(&["HSET", "assent:{riverside}:totals", "schema", "9"]).await;
    let commit = talk.decide(text("again"), at(2));
    let refused = talk.commit(commit).await;
    assert!(
        matches!(&refused, Err(CommitError::Store(StoreError::Unavailable(reason))) if reason.contains("another schema")),
        "{refused:?}"
    );
    assert_eq!(store.version(talk.key()).await.unwrap(), Version(1));
}

#[tokio::test]
async fn a_store_opens_with_its_own_keys_only() {
    let scene = Scene::new().await;
    let first = scene.open("a").await;
    let before = talk(&first, key("riverside", 100), "before", at(1)).await.now.clone();
    drop(first);
    let with = |lines: &[(&str, u8)]| {
        let location = scene.location("a");
        Location { keys: keys_in(scene.directory.path(), lines), ..location }
    };
    let refusal = scene.refusal(&with(&[("k1", 2)])).await;
    assert!(refusal.contains("key \"k1\" of") && refusal.contains("is not the one"), "{refusal}");
    let refusal = scene.refusal(&with(&[("k2", 1)])).await;
    assert!(refusal.contains("is sealed with key \"k1\""), "{refusal}");
    let rotated = scene.try_open(&with(&[("k2", 2), ("k1", 1)])).await.unwrap();
    assert_eq!(rotated.load(&before.key).await.unwrap().unwrap().conversation, before);
    talk(&rotated, key("riverside", 200), "after", at(2)).await;
    drop(rotated);
    let refusal = scene.refusal(&with(&[("k1", 1)])).await;
    assert!(refusal.contains("is sealed with key \"k2\""), "{refusal}");
    let keyless = Location { keys: KeySource::InDirectory, ..scene.location("a") };
    assert!(scene.refusal(&keyless).await.contains("needs store.key_file"));
}

#[tokio::test]
async fn what_is_stored_travels_in_the_clear_on_this_machine_alone() {
    let scene = Scene::new().await;
    let elsewhere = Location { url: "redis://10.255.255.1:6379".into(), ..scene.location("a") };
    let refusal = scene.refusal(&elsewhere).await;
    assert!(refusal.contains("would travel unencrypted to the redis at 10.255.255.1:6379"), "{refusal}");
}

#[tokio::test]
async fn tls_is_verified() {
    let scene = Scene::on(Redis::start_with_tls().await);
    let trusting = Location { authority: Some(scene.server.authority()), ..scene.location("a") };
    let store = scene.try_open(&trusting).await.unwrap();
    let talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    assert_eq!(store.load(talk.key()).await.unwrap().unwrap().conversation, talk.now);
    let stranger = Redis::start_with_tls().await;
    let wrong = Location { authority: Some(stranger.authority()), ..scene.location("a") };
    let looked = assent::store::check(&wrong, BootId(9), Arc::new(SystemClock)).await;
    let refusal = looked.iter().find_map(|one| one.result.clone().err()).expect("its certificate is another's");
    assert!(refusal.contains("certificate"), "{refusal}");
}

#[tokio::test]
async fn no_file_of_the_server_holds_a_patients_words_or_names() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    tell_canaries(&store).await;
    scene.must(&["BGREWRITEAOF"]).await;
    comes_to("the log is written anew", async || match scene.server.info("aof_rewrite_in_progress").await.as_deref() {
        Some("0") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let files = files_below(scene.server.directory());
    assert!(files.iter().map(|(_, octets)| octets.len()).sum::<usize>() > 2_000, "there is something to look at");
    no_canary_is_in(&files);
    no_canary_is_in(&files_below(&scene.directory.path().join("a")));
}

// -------------------------------------------------------------------------------------------------- commits

#[tokio::test]
async fn an_operation_that_comes_twice_is_known() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    let talk = Talk::new(&store, key("riverside", 100));
    let mut commit = talk.decide(draft("your results are in"), at(1));
    commit.idempotency = Some(kept(&talk, "k"));
    for _ in 0..3 {
        assert_eq!(store.commit(commit.clone()).await.unwrap(), Version(1));
    }
    assert_eq!(talk.words(None, 100).await.len(), 2, "the invitation and the draft, once");
    assert_eq!(store.newest_occurrence(&talk.key().practice).await.unwrap(), OccurrenceId(3));
}

/// Everything in the store but what is not of a commit.
async fn everything(scene: &Scene) -> Vec<(String, Value)> {
    let names: Vec<String> = redis::from_redis_value(scene.must(&["KEYS", "*"]).await).unwrap();
    let mut all = Vec::new();
    for name in names.into_iter().filter(|name| !name.ends_with(":daemons")) {
        let dump = scene.must(&["DUMP", &name]).await;
        all.push((name, dump));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[tokio::test]
async fn a_key_of_another_type_is_noticed_before_anything_is_written() {
    let names = ["due", "inbox:read", "inbox:unread", "events", "answers", "conversations"];
    for name in names {
        let scene = Scene::new().await;
        let store = scene.open("a").await;
        let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
        let place = format!("assent:{{riverside}}:{name}");
        scene.must(&["SET", &place, "not what it should be"]).await;
        let before = everything(&scene).await;
        let commit = talk.decide(draft("your results are in"), at(2));
        let refused = talk.commit(commit).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Unreadable(_)))), "{name}: {refused:?}");
        assert_eq!(everything(&scene).await, before, "{name}");
    }
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_brought_again() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    scene.must(&["SCRIPT", "FLUSH"]).await;
    talk.hear(text("again"), at(2)).await;
    assert_eq!(talk.words(None, 10).await, ["again", "hello"]);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_can_be_read_back() {
    let scene = Scene::new().await;
    let proxy = Proxy::to(scene.server.address()).await;
    let through = Location { url: proxy.url(), ..scene.location("a") };
    let store = scene.try_open(&through).await.unwrap();
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    proxy.stall_answers();
    let commit = talk.decide(text("again"), at(2));
    let operation = commit.operation;
    let answer = talk.commit(commit).await;
    assert!(matches!(answer, Err(CommitError::Store(StoreError::Unavailable(_)))), "{answer:?}");
    proxy.mend();
    works_again(&store).await;
    let stored = store.load(talk.key()).await.unwrap().unwrap();
    assert_eq!((stored.operation, stored.version), (operation, Version(2)));
}

#[tokio::test]
async fn in_trouble_everybody_is_refused_at_once_and_afterwards_nobody() {
    let mut scene = Scene::new().await;
    let store = scene.open("a").await;
    let talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    scene.server.freeze().await;
    assert!(matches!(store.load(talk.key()).await, Err(StoreError::Unavailable(_))));
    let since = tokio::time::Instant::now();
    for _ in 0..100 {
        assert!(matches!(store.load(talk.key()).await, Err(StoreError::Unavailable(_))));
    }
    assert!(since.elapsed() < std::time::Duration::from_millis(500), "{:?}", since.elapsed());
    scene.server.thaw().await;
    works_again(&store).await;
    assert_eq!(store.load(talk.key()).await.unwrap().unwrap().conversation, talk.now);
    scene.server.kill().await;
    comes_to_say(&store, "the death is noticed", Result::is_err).await;
    scene.server.start_again().await;
    works_again(&store).await;
    assert_eq!(store.load(talk.key()).await.unwrap().unwrap().conversation, talk.now);
}

#[tokio::test]
async fn a_full_server_takes_nothing_and_loses_nothing() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    scene.must(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let before = everything(&scene).await;
    let commit = talk.decide(text("again"), at(2));
    let refused = talk.commit(commit).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(everything(&scene).await, before);
    scene.must(&["CONFIG", "SET", "maxmemory", "0"]).await;
    works_again(&store).await;
    talk.hear(text("again"), at(3)).await;
}

// ---------------------------------------------------------------------------------------- back in time

#[tokio::test]
async fn a_store_that_was_emptied_is_noticed_by_who_runs_and_by_who_starts() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    let talk = talk(&store, key("riverside", 100), "STOP", at(1)).await;
    scene.must(&["FLUSHALL"]).await;
    has_gone_back(&store).await;
    assert!(matches!(store.load(talk.key()).await, Err(StoreError::WentBack(_))), "not a word is served from it");
    drop((store, talk));
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("went back in time: it is empty, and was not"), "{refusal}");
}

#[tokio::test]
async fn a_commit_does_not_land_in_a_store_that_was_emptied_a_moment_ago() {
    let scene = Scene::new().await;
    let store = scene.open("a").await;
    talk(&store, key("riverside", 100), "STOP", at(1)).await;
    scene.must(&["FLUSHALL"]).await;
    let mut other = Talk::new(&store, key("riverside", 200));
    let commit = other.decide(draft("hello"), at(2));
    let refused = other.commit(commit).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    let names: Vec<String> = redis::from_redis_value(scene.must(&["KEYS", "*:c:*"]).await).unwrap();
    assert!(names.is_empty(), "{names:?}");
}

/// Puts a store back to what it was at an earlier moment, as a restored backup does.
async fn restore(scene: &mut Scene, backup: &[(PathBuf, Vec<u8>)]) {
    scene.server.kill().await;
    for (path, octets) in backup {
        std::fs::write(path, octets).unwrap();
    }
    scene.server.start_again().await;
}

fn log_of(scene: &Scene) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files_below(&scene.server.directory().join("appendonlydir"));
    files.retain(|(path, _)| !path.ends_with("log"));
    files
}

#[tokio::test]
async fn a_restored_backup_is_noticed() {
    let mut scene = Scene::new().await;
    let store = scene.open("a").await;
    let mut talk = talk(&store, key("riverside", 100), "START", at(1)).await;
    let backup = log_of(&scene);
    talk.hear(text("STOP"), at(2)).await;
    restore(&mut scene, &backup).await;
    has_gone_back(&store).await;
    drop(store);
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("practice riverside has") && refusal.contains("assent store accept"), "{refusal}");
}

#[tokio::test]
async fn another_history_of_the_same_length_is_noticed() {
    let mut scene = Scene::new().await;
    let a = scene.open("a").await;
    let mut talk = talk(&a, key("riverside", 100), "START", at(1)).await;
    let backup = log_of(&scene);
    talk.hear(text("STOP"), at(2)).await;
    drop((a, talk));
    restore(&mut scene, &backup).await;
    // Another daemon, which knows of nothing, goes on from the backup.
    let b = scene.open("b").await;
    for line in 0..10 {
        stage::talk(&b, key("riverside", 200 + line), "hello", at(3)).await;
    }
    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("has another history than this daemon has seen"), "{refusal}");
}

#[tokio::test]
async fn a_loss_that_one_daemon_noticed_holds_up_those_that_never_saw_what_is_lost() {
    let mut scene = Scene::new().await;
    let a = scene.open("a").await;
    let mut talk = talk(&a, key("riverside", 100), "START", at(1)).await;
    let backup = log_of(&scene);
    talk.hear(text("STOP"), at(2)).await;
    drop((a, talk));
    restore(&mut scene, &backup).await;
    let b = scene.open("b").await;
    b.probe().await.unwrap();

    let refusal = scene.refusal(&scene.location("a")).await;
    assert!(refusal.contains("practice riverside has"), "{refusal}");
    has_gone_back(&b).await;
    let refusal = scene.refusal(&scene.location("c")).await;
    assert!(refusal.contains("a daemon has seen more of it than there is"), "{refusal}");

    // Whichever daemon's configuration the operator takes.
    let clock = Arc::new(HandClock(AtomicI64::new(at(9).as_second())));
    assent::store::accept(&scene.location("b"), clock, "operator", "asked the carrier").await.unwrap();
    works_again(&b).await;
    scene.open("a").await.probe().await.unwrap();
}

#[tokio::test]
async fn what_an_operator_accepts_is_written_down_and_the_daemon_goes_on() {
    let mut scene = Scene::new().await;
    let store = scene.open("a").await;
    store.put(some_records()).await.unwrap();
    let mut talk = talk(&store, key("riverside", 100), "START", at(1)).await;
    talk.hear(draft("take two of the white ones"), at(2)).await;
    let waits = talk.id(talk.now.last.0);
    let backup = log_of(&scene);
    talk.hear(text("STOP"), at(3)).await;
    let location = scene.location("a");
    let accept = async |why: &str| {
        let clock = Arc::new(HandClock(AtomicI64::new(at(9).as_second())));
        assent::store::accept(&location, clock, "operator at the clinic", why).await
    };
    assert!(matches!(accept("too early").await, Err(AcceptError::NothingLost)));
    restore(&mut scene, &backup).await;
    has_gone_back(&store).await;

    let accepted = accept("restored the backup of Monday").await.unwrap();
    let [loss] = &accepted.losses[..] else { panic!("{accepted:?}") };
    assert!(loss.practice.as_str() == "riverside" && loss.seen > loss.has, "{loss:?}");
    assert_eq!((accepted.lost_since, accepted.conversations), (Some(at(2)), 1));
    works_again(&store).await;
    // It may have gone out in what was lost: it is never sent again by itself.
    assert_eq!(store.message(talk.key(), waits).await.unwrap().unwrap().status, Status::Unconfirmed);
    assert!(store.load(talk.key()).await.unwrap().unwrap().conversation.outbox.waiting.is_empty());
    let audit: Vec<Vec<u8>> =
        redis::from_redis_value(scene.must(&["LRANGE", "assent:{/}:audit", "0", "-1"]).await).unwrap();
    assert_eq!(audit.len(), 1);
    assert!(!audit[0].windows(6).any(|window| window == b"Monday"), "it is sealed");
    assert!(matches!(accept("twice").await, Err(AcceptError::NothingLost)));
    drop((store, talk));
    scene.open("a").await.probe().await.unwrap();
}

// --------------------------------------------------------------------------------------------- many daemons

async fn next(news: &mut broadcast::Receiver<News>) -> News {
    let heard = tokio::time::timeout(redis_server::PATIENCE, news.recv()).await;
    heard.expect("there is news").unwrap()
}

#[tokio::test]
async fn daemons_hear_of_each_other_and_not_of_themselves() {
    let scene = Scene::new().await;
    let (a, b) = (scene.open("a").await, scene.open("b").await);
    scene.so_many_listen(2).await;
    let (mut to_a, mut to_b) = (a.news(), b.news());
    let talk = talk(&a, key("riverside", 100), "hello", at(1)).await;
    assert_eq!(next(&mut to_b).await, News::Conversation(talk.key().clone()));
    let records = some_records();
    b.put(records.clone()).await.unwrap();
    for record in &records {
        assert_eq!(next(&mut to_a).await, News::Record(record.key()));
    }
    a.remove(&records[3].key()).await.unwrap();
    assert_eq!(next(&mut to_b).await, News::Record(records[3].key()));
    assert_eq!(b.record(&records[3].key()).await.unwrap(), None);
    assert_eq!(a.record(&records[2].key()).await.unwrap().as_ref(), Some(&records[2]));
    assert_eq!(a.records_version().await.unwrap(), b.records_version().await.unwrap());
    let changes = records.len() as u64 + 1;
    assert_eq!(a.records_version().await.unwrap().0, changes, "each that was put, and the one that was removed");
}

#[tokio::test]
async fn whoever_lost_the_connection_hears_that_anything_may_have_happened() {
    let scene = Scene::new().await;
    let a = scene.open("a").await;
    scene.so_many_listen(1).await;
    let mut news = a.news();
    scene.must(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    assert_eq!(next(&mut news).await, News::Anything);
}

#[tokio::test]
async fn a_number_belongs_to_the_first_practice_that_claims_it() {
    let scene = Scene::new().await;
    let (a, b) = (scene.open("a").await, scene.open("b").await);
    let of = |id: &str| Record::Practice((*policy(&PracticeId::parse(id).unwrap()).practice).clone());
    a.put(vec![of("riverside")]).await.unwrap();
    assert!(matches!(b.put(vec![of("lakeside")]).await, Err(PutError::NumberTaken)));
    b.put(vec![of("riverside")]).await.unwrap();
    let Record::Practice(mut moved) = of("riverside") else { panic!("it is a practice") };
    moved.number = assent::domain::Phone::parse("+13035558888").unwrap();
    assert!(matches!(b.put(vec![Record::Practice(moved)]).await, Err(PutError::NumberFixed)));
    let lakeside = RecordKey::Practice(PracticeId::parse("lakeside").unwrap());
    assert_eq!(a.record(&lakeside).await.unwrap(), None);
}

fn alive(store: &Arc<dyn Store>) -> Vec<BootId> {
    let OtherDaemons::Possible { alive } = store.other_daemons() else { panic!("the store is shared") };
    let mut alive = alive.to_vec();
    alive.sort_by_key(|daemon| daemon.0);
    alive
}

#[tokio::test]
async fn a_dead_daemon_is_missed_and_its_end_counts_as_one_of_its_sessions() {
    let scene = Scene::new().await;
    let (a, b) = (scene.open("a").await, scene.open("b").await);
    let both = [BootId(1), BootId(2)];
    comes_to("a knows of b", async || if alive(&a) == both { Ok(()) } else { Err(format!("{:?}", alive(&a))) }).await;
    assert_eq!(alive(&b), both);

    b.session_ended(at(3)).await.unwrap();
    assert_eq!(a.session_ends_of(BootId(2)).await.unwrap(), [at(3)], "it lives, so this is all");
    let died_after = SystemClock.now();
    drop(b);
    let ends = a.session_ends_of(BootId(2)).await.unwrap();
    let [of_session, of_daemon] = ends[..] else { panic!("{ends:?}") };
    assert_eq!(of_session, at(3));
    assert!(of_daemon > died_after, "{of_daemon} is not after {died_after}");
    comes_to("a misses b", async || if alive(&a) == [BootId(1)] { Ok(()) } else { Err(format!("{:?}", alive(&a))) })
        .await;
}

#[tokio::test]
async fn a_daemon_that_stood_still_for_so_long_that_it_was_taken_for_dead_has_its_sessions_ended_then() {
    let scene = Scene::new().await;
    let (a, b) = (scene.open("a").await, scene.open("b").await);
    b.probe().await.unwrap();
    // As if this were its last sign of life, 20 seconds ago, and the next one that of its going on.
    let last_sign = SystemClock.now() - SignedDuration::from_secs(20);
    let micros = last_sign.as_microsecond().to_string();
    scene.must(&["HSET", "assent:{/}:daemons", "0000000000000002", &micros]).await;
    let ends = a.session_ends_of(BootId(2)).await.unwrap();
    let lapsed = Timestamp::from_microsecond(last_sign.as_microsecond()).unwrap() + SignedDuration::from_secs(5);
    assert_eq!(ends, [lapsed]);
    assert_eq!(b.session_ends_of(BootId(2)).await.unwrap(), [lapsed], "once");
}

#[tokio::test]
async fn the_version_fences_a_daemon_that_holds_an_old_conversation() {
    let scene = Scene::new().await;
    let (a, b) = (scene.open("a").await, scene.open("b").await);
    let at_a = talk(&a, key("riverside", 100), "START", at(1)).await;
    let mut at_b = Talk { store: Arc::clone(&b), ..at_a.clone() };
    let mut at_a = at_a;
    at_b.hear(text("STOP"), at(2)).await;
    let commit = at_a.decide(draft("see you on Tuesday"), at(2));
    let fenced = at_a.commit(commit).await;
    assert!(matches!(fenced, Err(CommitError::Conflict { expected: Version(1) })), "{fenced:?}");
    assert_eq!(a.version(at_a.key()).await.unwrap(), Version(2));
    assert_eq!(at_a.words(Some(Seq(u64::MAX)), 1).await.len(), 1);
}
