//! A store that was copied: it is the store that it was made from, and nobody can run on half of one.

#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;
#[path = "support/told.rs"]
#[allow(dead_code)]
mod told;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use assent::domain::policy::BootId;
use assent::ports::Store;
use assent::store::{CopyError, Done, KeySource, Location, OpenError, copy, open};
use daemon::{Site, serve_to_the_end};
use proptest::prelude::*;
use tempfile::TempDir;
use told::*;

// ------------------------------------------------------------------------------------------------- the stage

struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn location(&self, name: &str) -> Location {
        Location::new(format!("file://{}", self.directory.path().join(name).display()), KeySource::InDirectory)
    }

    fn sealed_with(&self, name: &str, keys: &str) -> Location {
        Location { keys: KeySource::File(self.directory.path().join(keys)), ..self.location(name) }
    }

    async fn open(&self, name: &str) -> Arc<dyn Store> {
        open_at(&self.location(name)).await.unwrap()
    }

    async fn copy(&self, from: &str, to: &str) -> Result<Done, CopyError> {
        copy(&self.location(from), &self.location(to), &StoppedClock, &mut |_| {}).await
    }
}

async fn open_at(location: &Location) -> Result<Arc<dyn Store>, OpenError> {
    open(location, BootId(1), Arc::new(StoppedClock)).await
}

async fn a_copy_is_the_same(happenings: Vec<(usize, Happening)>) {
    let scene = Scene::new();
    let store = scene.open("a").await;
    let mut told = Told::new(&store).await;
    for (whom, happening) in happenings {
        told.hears(&store, whom, happening).await;
    }
    drop(store);
    let done = scene.copy("a", "b").await;
    assert!(matches!(done, Ok(Done::Copied(_))), "{done:?}");

    let (source, target) = (scene.open("a").await, scene.open("b").await);
    is_a_copy(&target, &source, &told).await;
    life_goes_on(&target, &told).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_is_the_store_that_it_was_made_from(
        happenings in proptest::collection::vec((0..PRACTICES.len() * PHONES.len(), happening()), 0..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(a_copy_is_the_same(happenings));
    }
}

// --------------------------------------------------------------------------------------------- what is refused

#[tokio::test]
async fn a_copy_is_sealed_with_keys_of_its_own() {
    let scene = Scene::new();
    Told::new(&scene.open("a").await).await;
    let key = |octet: &str| format!("k1:{}A=\n", octet.repeat(42));
    for (name, octet) in [("a-copy.key", "B"), ("other.key", "C")] {
        fs::write(scene.directory.path().join(name), key(octet)).unwrap();
    }
    let sealed = scene.sealed_with("b", "a-copy.key");
    let wrong = scene.sealed_with("a", "other.key");
    let refused = copy(&wrong, &sealed, &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::From(OpenError::WrongKey { .. })), "{refused}");
    let missing = scene.sealed_with("a", "no.key");
    let refused = copy(&missing, &sealed, &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::From(OpenError::KeyFile { .. })), "{refused}");
    assert!(!scene.directory.path().join("b").exists(), "nothing was begun");

    copy(&scene.location("a"), &sealed, &StoppedClock, &mut |_| {}).await.unwrap();
    assert!(!scene.directory.path().join("b/store.key").exists());
    let [a, b] = ["a", "b"].map(|name| fs::read(scene.directory.path().join(name).join("assent.db")).unwrap());
    let is_in = |what: &[u8], whole: &[u8]| whole.windows(what.len()).any(|window| window == what);
    assert!(!is_in(b"Riverside", &a) && !is_in(b"Riverside", &b) && !is_in(b"riverside", &b));
    let refused = open_at(&scene.sealed_with("b", "other.key")).await.err().unwrap();
    assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
    let store = open_at(&sealed).await.unwrap();
    assert_eq!(store.records().await.unwrap().0.len(), 5 * PRACTICES.len());

    let refused =
        copy(&scene.location("a"), &scene.sealed_with("b", "other.key"), &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::To(OpenError::InUse { .. })), "{refused}");
    drop(store);
    let refused =
        copy(&scene.location("a"), &scene.sealed_with("b", "other.key"), &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::To(OpenError::WrongKey { .. })), "{refused}");
}

#[tokio::test]
async fn what_holds_anything_is_no_target_and_what_is_not_there_no_source() {
    let scene = Scene::new();
    Told::new(&scene.open("a").await).await;
    Told::new(&scene.open("full").await).await;
    let refused = scene.copy("a", "full").await.unwrap_err();
    assert!(matches!(refused, CopyError::NotEmpty), "{refused}");
    let refused = scene.copy("a", "a").await.unwrap_err();
    assert!(matches!(refused, CopyError::Same), "{refused}");
    let refused = scene.copy("none", "b").await.unwrap_err();
    assert!(matches!(refused, CopyError::From(OpenError::NoStore { .. })), "{refused}");
    assert!(!scene.directory.path().join("none").exists(), "it was not made");
    let elsewhere = Location::new("mysql://x", KeySource::InDirectory);
    let refused = copy(&scene.location("a"), &elsewhere, &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::To(OpenError::UnknownScheme { .. })), "{refused}");

    let probed = scene.open("probed").await;
    probed.probe().await.unwrap();
    drop(probed);
    assert!(matches!(scene.copy("a", "probed").await, Ok(Done::Copied(_))), "a store that was only tried is empty");
}

// --------------------------------------------------------------------------------------------- as it is typed

impl Scene {
    fn command(&self, from: &str, to: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["store", "copy", "--from", &self.location(from).url, "--to", &self.location(to).url]);
        command
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_goes_on_and_half_of_one_is_not_served() {
    let scene = Scene::new();
    let store = scene.open("a").await;
    a_lot(&store).await;
    drop(store);
    let site = Site::new("127.0.0.1:1".parse().unwrap(), "");
    let config = fs::read_to_string(site.config()).unwrap();
    let url = format!("file://{}", site.store().display());
    fs::write(site.config(), config.replace(&url, &scene.location("b").url)).unwrap();

    let mut killed = 0;
    while killed < 5 {
        let mut child = scene.command("a", "b").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The first says where it goes on; with the second it has come further.
        let went_on = lines.next().and_then(|_| lines.next()).is_some();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(went_on && !status.success(), "it was killed before it was done");
        killed += 1;
        if killed == 1 {
            let (code, log) = serve_to_the_end(&site.config()).await;
            assert_eq!(code, Some(1));
            assert!(log.contains("is an unfinished copy: start the same `assent store copy` again"), "{log}");
        }
    }
    let (code, told, progress) = said(&scene.command("a", "b").output().unwrap());
    assert_eq!(code, Some(0), "{progress}");
    assert!(!progress.contains("copied 5 %"), "it began anew: {progress}");
    assert!(progress.contains("compared 100 %"), "{progress}");
    for line in
        ["conversations              50  ok", "messages                3,000  ok", "occurrences             6,000  ok"]
    {
        assert!(told.contains(line), "{told}");
    }
    let (code, told, _) = said(&scene.command("a", "b").output().unwrap());
    assert_eq!((code, told.trim()), (Some(0), "the copy was finished before; nothing was changed"));
    let daemon = site.start().await;
    assert!(daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_which_a_daemon_runs_is_not_copied() {
    let scene = Scene::new();
    let site = Site::new("127.0.0.1:1".parse().unwrap(), "");
    let daemon = site.start().await;
    let from = format!("file://{}", site.store().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(["store", "copy", "--from", &from, "--to", &scene.location("b").url]);
    let (code, told, log) = said(&command.output().unwrap());
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert!(log.contains("--from: another assent is using"), "{log}");
    daemon.terminate().await;
    let (code, told, _) = said(&command.output().unwrap());
    assert_eq!(code, Some(0));
    assert_eq!(told.lines().filter(|line| line.ends_with("  0  ok")).count(), 12, "{told}");
    assert!(told.contains("run a daemon on one of the two only"), "{told}");
}
