//! A store that moves to Redis, from one Redis to another, and back: it stays the store that it was.

#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;
#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;
#[path = "support/told.rs"]
#[allow(dead_code)]
mod told;

use std::fs;
use std::io::{BufRead, BufReader};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use assent::app::SystemClock;
use assent::domain::{BootId, DayBudget, Days, Draw, Rate, Verdict};
use assent::ports::{Clock, Record, Store, StoreError};
use assent::simulator::{Simulator, SimulatorConfig};
use assent::store::{CopyError, Done, KeySource, Location, copy, open};
use daemon::{NUMBER, SharedStore, Site, Stride, eventually, serve_to_the_end};
use proptest::prelude::*;
use servers::Redis;
use tempfile::TempDir;
use told::*;

// ------------------------------------------------------------------------------------------------- the stage

/// A name that is a number is a database of a Redis, any other a directory.
struct Scene {
    server: Redis,
    directory: TempDir,
}

impl Scene {
    async fn new() -> Self {
        Self::on(Redis::start().await)
    }

    fn on(server: Redis) -> Self {
        let scene = Self { server, directory: tempfile::tempdir().unwrap() };
        fs::write(scene.keys(), format!("k1:{}A=\n", "B".repeat(42))).unwrap();
        scene
    }

    fn keys(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    fn url(&self, name: &str) -> String {
        match name.parse::<u8>() {
            Ok(database) => format!("redis://{}/{database}", self.server.address()),
            Err(_) => format!("file://{}", self.directory.path().join(name).display()),
        }
    }

    fn location(&self, name: &str) -> Location {
        let url = self.url(name);
        let keys = if url.starts_with("redis") { KeySource::File(self.keys()) } else { KeySource::InDirectory };
        Location { directory: self.directory.path().join(format!("seen of {name}")), ..Location::new(url, keys) }
    }

    async fn open(&self, name: &str) -> Arc<dyn Store> {
        self.open_by(name, Arc::new(StoppedClock)).await
    }

    async fn open_by(&self, name: &str, clock: Arc<dyn Clock>) -> Arc<dyn Store> {
        open(&self.location(name), BootId(1), clock).await.unwrap()
    }

    async fn copy(&self, from: &str, to: &str) -> Result<Done, CopyError> {
        copy(&self.location(from), &self.location(to), &StoppedClock, &mut |_| {}).await
    }

    async fn is_copied(&self, from: &str, to: &str) {
        let done = self.copy(from, to).await.unwrap();
        assert!(matches!(done, Done::Copied(_)), "{done:?}");
    }

    async fn must(&self, database: &str, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(self.url(database)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
    }

    /// A daemon that has just ended is forgotten, which otherwise takes seconds.
    async fn everybody_is_long_gone(&self, database: &str) {
        self.must(database, &["DEL", "assent:{/}:daemons"]).await;
    }

    fn command(&self, from: &str, to: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["store", "copy", "--from", &self.url(from), "--to", &self.url(to)]);
        for (name, keys) in [(from, "--from-keys"), (to, "--to-keys")] {
            if self.url(name).starts_with("redis") {
                command.arg(keys).arg(self.keys());
            }
        }
        command
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

// ----------------------------------------------------------------------------------------- there and back again

async fn there_and_back_again(happenings: Vec<(usize, Happening)>) {
    let scene = Scene::new().await;
    let original = scene.open("a").await;
    let mut told = Told::new(&original).await;
    for (whom, happening) in happenings {
        told.hears(&original, whom, happening).await;
    }
    drop(original);
    for (from, to) in [("a", "1"), ("1", "2"), ("2", "b")] {
        scene.is_copied(from, to).await;
        let (source, target) = (scene.open(from).await, scene.open(to).await);
        is_a_copy(&target, &source, &told).await;
        drop((source, target));
        for database in [from, to].iter().filter(|name| name.parse::<u8>().is_ok()) {
            scene.everybody_is_long_gone(database).await;
        }
    }
    life_goes_on(&scene.open("2").await, &told).await;
    life_goes_on(&scene.open("b").await, &told).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_the_same_there_and_back_again(
        happenings in proptest::collection::vec((0..PRACTICES.len() * PHONES.len(), happening()), 0..120),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(there_and_back_again(happenings));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_on_redis_is_the_same_in_a_directory() {
    let scene = Scene::new().await;
    let original = scene.open("0").await;
    let told = told_by_chance(&original, 200).await;
    drop(original);
    scene.everybody_is_long_gone("0").await;
    scene.is_copied("0", "a").await;
    let (source, target) = (scene.open("0").await, scene.open("a").await);
    is_a_copy(&target, &source, &told).await;
    life_goes_on(&target, &told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_of_a_day_is_not_had_twice() {
    let scene = Scene::new().await;
    let us = practice(0);
    let draw = |wanted: u32| Draw {
        needed: NonZeroU32::new(wanted).unwrap(),
        wanted: NonZeroU32::new(wanted).unwrap(),
        rate: Rate { per_minute: NonZeroU32::new(1_000_000).unwrap(), per_day: NonZeroU32::new(100) },
        day: DayBudget::KeptTo,
        days: Days::around(SystemClock.now()),
    };
    let store = scene.open_by("a", Arc::new(SystemClock)).await;
    store.put(vec![Record::Practice(us.clone()), Record::Practice(practice(1))]).await.unwrap();
    let drawn = store.draw(&us.id, draw(90)).await.unwrap();
    drop(store);
    for (from, to) in [("a", "1"), ("1", "2"), ("2", "b")] {
        scene.is_copied(from, to).await;
        let store = scene.open_by(to, Arc::new(SystemClock)).await;
        let days = Days::around(SystemClock.now());
        // The day may end while the test runs, and then its budget is a new one.
        if store.standing(&us.id, days).await.unwrap().day_ends_at == drawn.standing.day_ends_at {
            assert_eq!(store.standing(&us.id, days).await.unwrap().spent_today, 90, "{to}");
            assert_eq!(store.draw(&us.id, draw(11)).await.unwrap().verdict, Verdict::DaySpent, "{to}");
        }
        assert_eq!(store.standing(&practice(1).id, days).await.unwrap().spent_today, 0, "it never sent anything");
        drop(store);
        if to != "b" {
            scene.everybody_is_long_gone(to).await;
        }
    }
}

// --------------------------------------------------------------------------------------------- what is refused

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_anything_is_no_target_and_what_is_not_there_no_source() {
    let scene = Scene::new().await;
    Told::new(&scene.open("a").await).await;
    Told::new(&scene.open("1").await).await;
    scene.everybody_is_long_gone("1").await;
    let refused = scene.copy("a", "1").await.unwrap_err();
    assert!(matches!(refused, CopyError::NotEmpty), "{refused}");
    for (database, remains) in [
        ("2", ["SET", "assent:{riverside}:totals", "what is left of a store"].as_slice()),
        ("3", ["RPUSH", "assent:{/}:dead_letters", "x"].as_slice()),
        ("4", ["RPUSH", "assent:{/}:audit", "x"].as_slice()),
    ] {
        scene.must(database, remains).await;
        let refused = scene.copy("a", database).await.unwrap_err();
        assert!(matches!(refused, CopyError::NotEmpty), "{database}: {refused}");
        assert_eq!(scene.must(database, &["DBSIZE"]).await, redis::Value::Int(1), "nothing was written to {database}");
    }
    let refused = scene.copy("5", "b").await.unwrap_err();
    assert!(refused.to_string().starts_with("--from: there is no store on the redis at "), "{refused}");
    assert_eq!(scene.must("5", &["DBSIZE"]).await, redis::Value::Int(0), "it was not founded");
    let mut same = scene.location("1");
    same.url = same.url.replace("127.0.0.1", "localhost");
    let refused = copy(&scene.location("1"), &same, &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::Same), "{refused}");
    let keyless = Location { keys: KeySource::InDirectory, ..scene.location("6") };
    let refused = copy(&scene.location("a"), &keyless, &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("--to: a store on redis needs store.key_file (for a copy --from-keys or --to-keys)")
    );

    // What is others' does not matter, nor a store that was only looked at.
    scene.must("7", &["SET", "another program's", "x"]).await;
    drop(scene.open("7").await);
    scene.everybody_is_long_gone("7").await;
    scene.is_copied("a", "7").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_on_which_a_daemon_runs_is_neither_copied_nor_copied_into() {
    let scene = Scene::new().await;
    let store = scene.open("1").await;
    Told::new(&store).await;
    let refused = scene.copy("1", "b").await.unwrap_err();
    assert!(refused.to_string().starts_with("--from: a daemon runs on the store on the redis at "), "{refused}");
    let empty = scene.open("2").await;
    Told::new(&scene.open("a").await).await;
    let refused = scene.copy("a", "2").await.unwrap_err();
    assert!(refused.to_string().starts_with("--to: a daemon runs on the store on the redis at "), "{refused}");
    // Whoever has just stopped them does not have to wait by himself.
    drop((store, empty));
    scene.is_copied("1", "b").await;
    scene.is_copied("a", "2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_starts_on_the_source_spoils_the_copy() {
    let scene = Scene::new().await;
    a_lot(&scene.open("1").await).await;
    scene.everybody_is_long_gone("1").await;
    let mut starts = Some(());
    let location = scene.location("1");
    let mut source = None;
    let runtime = tokio::runtime::Handle::current();
    let mut watch = |_| {
        if starts.take().is_some() {
            let opened = open(&location, BootId(7), Arc::new(StoppedClock));
            source = Some(tokio::task::block_in_place(|| runtime.block_on(opened)).unwrap());
        }
    };
    let refused = copy(&scene.location("1"), &scene.location("b"), &StoppedClock, &mut watch).await.unwrap_err();
    assert!(refused.to_string().contains("a daemon was started on it"), "{refused}");
    drop(source);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_went_back_in_time_is_not_copied() {
    let scene = Scene::new().await;
    let store = scene.open("1").await;
    told_by_chance(&store, 50).await;
    drop(store);
    scene.everybody_is_long_gone("1").await;
    scene.must("1", &["HSET", "assent:{riverside}:totals", "occurrences", "1"]).await;
    scene.must("1", &["XTRIM", "assent:{riverside}:events", "MAXLEN", "0"]).await;
    let refused = scene.copy("1", "b").await.unwrap_err();
    assert!(refused.to_string().contains("went back in time: practice riverside has 1 occurrences"), "{refused}");
    // Whoever knows nothing of it can't tell.
    let elsewhere = Location { directory: scene.directory.path().join("elsewhere"), ..scene.location("1") };
    copy(&elsewhere, &scene.location("b"), &StoppedClock, &mut |_| {}).await.unwrap();
    assert!(!elsewhere.directory.exists(), "a copy writes down nothing of what it has seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_moves_along_recognizes_the_copy_unless_it_has_seen_more() {
    let scene = Scene::new().await;
    let mut told = told_by_chance(&scene.open("1").await, 50).await;
    scene.everybody_is_long_gone("1").await;
    scene.is_copied("1", "2").await;
    let moved = Location { directory: scene.location("1").directory, ..scene.location("2") };
    let late = Location { directory: scene.directory.path().join("late"), ..scene.location("1") };
    let store = open(&late, BootId(3), Arc::new(StoppedClock)).await.unwrap();
    told.hears(&store, 0, Happening::Event(received("STOP", [77; 16]))).await;
    drop(store);
    let late = Location { url: scene.url("2"), ..late };
    let refused = open(&late, BootId(4), Arc::new(StoppedClock)).await.err().unwrap().to_string();
    assert!(refused.contains("this daemon has seen more of the store that it was copied from"), "{refused}");

    let store = open(&moved, BootId(4), Arc::new(StoppedClock)).await.unwrap();
    store.probe().await.unwrap();
    drop(store);
    open(&moved, BootId(5), Arc::new(StoppedClock)).await.unwrap();
    let back = Location { url: scene.url("1"), ..moved };
    let refused = open(&back, BootId(6), Arc::new(StoppedClock)).await.err().unwrap().to_string();
    assert!(refused.contains("it is not the store that this daemon has worked with"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_sessions_of_earlier_daemons_ended_is_known_in_the_copy() {
    let scene = Scene::new().await;
    let store = scene.open("1").await;
    let told = told_by_chance(&store, 20).await;
    store.session_ended(told.time).await.unwrap();
    let began_at = SystemClock.now();
    drop(store);
    scene.is_copied("1", "2").await;
    let copied = open(&scene.location("2"), BootId(2), Arc::new(StoppedClock)).await.unwrap();
    let last_commit = copied.last_commit_before_start().await.unwrap();
    let ends = copied.session_ends_of(BootId(1)).await.unwrap();
    assert!(ends.contains(&told.time), "the session that it told of: {ends:?}");
    assert!(ends.iter().any(|end| *end > began_at), "its own end: {ends:?}");
    let unknown = copied.session_ends_of(BootId(77)).await.unwrap();
    assert_eq!(unknown.first().copied(), last_commit, "one of whom nothing is known ended before the copy");
}

/// The mark is made by hand, because no copy begins while a daemon runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_does_not_come_back_to_what_became_an_unfinished_copy() {
    let scene = Scene::new().await;
    let store = scene.open("1").await;
    let mark =
        ["store", "x", "last_commit", "", "records", "0", "newest", "0", "kind", "", "place", "", "remembered", ""];
    let words = [["HSET", "assent:{/}:copy"].as_slice(), &mark, &["finished", "0"]].concat();
    scene.must("1", &words).await;
    scene.must("1", &["CLIENT", "KILL", "TYPE", "normal"]).await;
    servers::comes_to("it is noticed", async || match store.probe().await {
        Err(StoreError::Unavailable(reason)) if reason.contains("it is an unfinished copy") => Ok(()),
        said => Err(format!("{said:?}")),
    })
    .await;
    scene.must("1", &["HSET", "assent:{/}:copy", "finished", "1"]).await;
    servers::comes_to("it goes on", async || store.probe().await.map_err(|error| error.to_string())).await;
}

// --------------------------------------------------------------------------------------------- as it is typed

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_goes_on_and_half_of_one_is_not_served() {
    let scene = Scene::new().await;
    a_lot(&scene.open("a").await).await;
    let shared = SharedStore::at(scene.url("1"));
    fs::copy(shared.key_file(), scene.keys()).unwrap();
    let site = Site::sharing(&shared, "127.0.0.1:1".parse().unwrap(), "");
    for (from, to) in [("a", "1"), ("1", "b")] {
        let mut killed = 0;
        while killed < 4 {
            let mut child = scene.command(from, to).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
            // The first says where it goes on; with the second it has come further.
            let went_on = lines.next().and_then(|_| lines.next()).is_some();
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(went_on && !status.success(), "it was killed before it was done");
            killed += 1;
            if killed == 1 && to == "1" {
                let (code, log) = serve_to_the_end(&site.config()).await;
                assert_eq!(code, Some(1));
                assert!(log.contains("is an unfinished copy: start the same `assent store copy` again"), "{log}");
            }
        }
        let (code, told, progress) = said(&scene.command(from, to).output().unwrap());
        assert_eq!(code, Some(0), "{progress}");
        assert!(!progress.contains("copied 5 %"), "it began anew: {progress}");
        for line in [
            "conversations              50  ok",
            "messages                3,000  ok",
            "occurrences             6,000  ok",
        ] {
            assert!(told.contains(line), "{told}");
        }
        let (code, told, _) = said(&scene.command(from, to).output().unwrap());
        assert_eq!((code, told.trim()), (Some(0), "the copy was finished before; nothing was changed"));
    }
    let daemon = site.start().await;
    assert!(daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_with_a_password_is_named_by_a_configuration() {
    let scene = Scene::on(Redis::start_with(&["user clinic on >sesame ~* &* +@all"]).await);
    Told::new(&scene.open("a").await).await;
    let shared = SharedStore::at(scene.url("1").replace("redis://", "redis://clinic@"));
    let site = Site::sharing_with(&shared, "store.password = \"sesame\"", "127.0.0.1:1".parse().unwrap(), "");
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(["store", "copy", "--from", &scene.url("a"), "--to-config"]).arg(site.config());
    let (code, told, log) = said(&command.output().unwrap());
    assert_eq!(code, Some(0), "{log}");
    assert!(told.contains("records                    10  ok"), "{told}");
    let daemon = site.start().await;
    assert!(daemon.terminate().await.success());

    // The credentials of a service are not there while it does not run.
    let gone = Site::sharing_with(
        &shared,
        "store.password_file = \"/run/no/such/password\"",
        "127.0.0.1:1".parse().unwrap(),
        "",
    );
    let config = fs::read_to_string(gone.config()).unwrap();
    let config = config.replace(&shared.key_file().display().to_string(), "/run/no/such/keys");
    fs::write(gone.config(), config.replace("auth.operator_token =", "auth.operator_token_file =")).unwrap();
    let password = scene.directory.path().join("password");
    fs::write(&password, "sesame\n").unwrap();
    let copy_from = |more: &[&std::path::Path]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["store", "copy", "--to", &scene.url("c"), "--from-config"]).arg(gone.config());
        for (name, file) in ["--from-keys", "--from-password-file"].iter().zip(more) {
            command.arg(name).arg(file);
        }
        said(&command.output().unwrap())
    };
    let (code, _, log) = copy_from(&[]);
    assert_eq!(code, Some(2));
    assert!(
        log.contains("store.password_file: /run/no/such/password: No such file") && !log.contains("operator"),
        "{log}"
    );
    let (code, _, log) = copy_from(&[&shared.key_file(), &password]);
    assert_eq!(code, Some(0), "{log}");

    // A password in a url works, and is not shown.
    fs::copy(shared.key_file(), scene.keys()).unwrap();
    let with = |password: &str| scene.url("1").replace("redis://", &format!("redis://clinic:{password}@"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command
        .args(["store", "copy", "--from", &with("sesame"), "--to", &scene.url("b"), "--from-keys"])
        .arg(scene.keys());
    let (code, told, log) = said(&command.output().unwrap());
    assert_eq!(code, Some(0), "{log}");
    assert!(!told.contains("sesame") && !log.contains("sesame"));
    let wrong = Location { url: format!("{}x", with("wrong-word")), ..scene.location("1") };
    let refused = copy(&wrong, &scene.location("d"), &StoppedClock, &mut |_| {}).await.unwrap_err().to_string();
    assert!(!refused.contains("wrong-word"), "{refused}");

    let mut both = Command::new(env!("CARGO_BIN_EXE_assent"));
    both.args(["store", "copy", "--from", "file:///a", "--from-config", "b", "--to", "file:///c"]);
    assert_eq!(both.output().unwrap().status.code(), Some(2), "one of the two is meant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_with_tls_is_copied_into_with_its_authority() {
    let server = Redis::start_with_tls().await;
    let (url, authority) = (server.url(), server.authority());
    let scene = Scene::new().await;
    Told::new(&scene.open("a").await).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(["store", "copy", "--from", &scene.url("a"), "--to", &url, "--to-keys"]).arg(scene.keys());
    let with_authority = command.arg("--to-ca-file").arg(authority).output().unwrap();
    let (code, told, log) = said(&with_authority);
    assert_eq!(code, Some(0), "{log}");
    assert!(told.contains("records                    10  ok"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_operators_accepted_stays_and_it_is_said() {
    let scene = Scene::new().await;
    Told::new(&scene.open("1").await).await;
    scene.everybody_is_long_gone("1").await;
    scene.must("1", &["RPUSH", "assent:{/}:audit", "sealed", "sealed too"]).await;
    let (code, told, log) = said(&scene.command("1", "b").output().unwrap());
    assert_eq!(code, Some(0), "{log}");
    assert!(told.contains("2 entries of the audit, of what operators accepted, stay in the source"), "{told}");
}

// ------------------------------------------------------------------------------------------------- life goes on

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_moves_to_redis_and_back_and_keeps_every_promise() {
    let listen = ([127, 0, 0, 1], 0).into();
    let simulator = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap();
    let server = Redis::start().await;
    let shared = SharedStore::at(server.url());
    let sites = [
        Site::new(simulator.address(), ""),
        Site::sharing(&shared, simulator.address(), ""),
        Site::new(simulator.address(), ""),
    ];
    let (rosa, otto) = ("+13035557101", "+13035557102");
    let daemon = sites[0].start().await;
    let stride = Stride::new(&daemon).await;
    daemon.is_ready().await;
    stride.patient("rosa", "Rosa", "Alvarez", rosa).await;
    stride.patient("otto", "Otto", "Birt", otto).await;
    let becomes = async |patient: &str, text: &str, status: &str| {
        eventually("the text has its status", async || {
            let thread = stride.thread(patient, 1).await;
            match thread.iter().any(|message| message["text"] == text && message["status"] == status) {
                true => Ok(()),
                false => Err(format!("{text} is not {status}: {thread:?}")),
            }
        })
        .await;
    };
    // Rosa is asked and has not answered; Otto wants no more.
    let drafted = stride.drafts("rosa", "your results are in", "key-1").await.unwrap().is(202);
    simulator.phone(otto).send(NUMBER, "START");
    simulator.phone(otto).send(NUMBER, "STOP");
    becomes("otto", "STOP", "received").await;
    let stopped_at = SystemClock.now().as_second();
    becomes("rosa", "your results are in", "pending").await;
    let mut running = daemon;
    for (number, words) in [(1, "YES"), (2, "YES please")] {
        assert!(running.terminate().await.success());
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["store", "copy", "--from-config"]).arg(sites[number - 1].config());
        command.arg("--to-config").arg(sites[number].config());
        let (code, told, log) = said(&command.output().unwrap());
        assert_eq!(code, Some(0), "{told}{log}");
        running = sites[number].start().await;
        stride.moves_to(&running);
        running.is_ready().await;

        let refused = stride.drafts("otto", "we miss you", &format!("otto-{number}")).await.unwrap().is(409);
        assert_eq!(refused["code"], "opted-out");
        eventually("a START is in another second than the STOP, or it would not count in any case", async || {
            if SystemClock.now().as_second() > stopped_at { Ok(()) } else { Err("it is the same".to_owned()) }
        })
        .await;
        // The answer to his START may have been lost with the session that ended: it may be the old one, brought again.
        let typed = simulator.phone(otto).send(NUMBER, "START");
        eventually("it is answered", async || {
            let texts = simulator.phone(otto).texts();
            if texts.iter().any(|text| text.id == typed.id && text.answered) {
                Ok(())
            } else {
                Err(format!("{texts:?}"))
            }
        })
        .await;
        stride.drafts("otto", "we miss you", &format!("otto-still-{number}")).await.unwrap().is(409);
        let again = stride.drafts("rosa", "your results are in", "key-1").await.unwrap().is(202);
        assert_eq!(again["id"], drafted["id"], "the key is known");
        simulator.phone(rosa).send(NUMBER, words);
        becomes("rosa", "your results are in", "delivered").await;
        let news = format!("see you soon {number}");
        stride.drafts("rosa", &news, &format!("rosa-{number}")).await.unwrap().is(202);
        becomes("rosa", &news, "delivered").await;
    }
    // In other letters it is another.
    simulator.phone(otto).send(NUMBER, "sTART");
    eventually("Otto may be texted", async || {
        match stride.drafts("otto", "welcome back", "otto-again").await.unwrap() {
            answer if answer.status == 202 => Ok(()),
            answer => Err(answer.body.to_string()),
        }
    })
    .await;
    becomes("otto", "welcome back", "delivered").await;
    let texts = simulator.phone(rosa).texts();
    assert_eq!(texts.iter().filter(|text| text.text.contains("your results are in")).count(), 1, "it goes out once");
    assert!(running.terminate().await.success());
}
