//! What keeps its ledger: a store that is opened by other keys, one that was written before there was a ledger, and a copy.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use assent::domain::policy::BootId;
use assent::ports::{Record, Store};
use assent::store::{Done, Finding, Flaw, KeySource, Location, copy, open};

use crate::directories::Directory;
use crate::home::Home;
use crate::servers::{LEDGER, SEALS, Server};
use crate::stage::{HandClock, Talk, at, draft, key, keys_in, policy, practice, text};

fn clock() -> Arc<HandClock> {
    Arc::new(HandClock(AtomicI64::new(at(0).as_second())))
}

async fn tell(store: &Arc<dyn Store>) {
    store.put(vec![Record::Practice((*policy(&practice("riverside")).practice).clone())]).await.unwrap();
    for line in 0..5 {
        let mut talk = Talk::new(store, key("riverside", line));
        talk.hear(draft("see you at 3"), at(1)).await;
        talk.hear(text("start"), at(2)).await;
        talk.hear(text("stop"), at(3)).await;
    }
}

#[tokio::test]
async fn a_new_key_seals_what_comes_and_an_old_one_proves_what_was() {
    let home = Directory::fresh().await;
    let located = |lines: &[(&str, u8)]| Location { keys: keys_in(home.directory.path(), lines), ..home.location() };
    let verified = async |location: &Location| {
        let mut archive = assent::store::open_archive(location).await.unwrap();
        assent::store::verify(&mut *archive, &practice("riverside"), &mut |_| {}).await.unwrap()
    };
    let old = located(&[("k1", 1)]);
    let store = open(&old, BootId(1), clock()).await.unwrap();
    tell(&store).await;
    drop(store);
    let both = located(&[("k2", 2), ("k1", 1)]);
    let store = open(&both, BootId(1), clock()).await.unwrap();
    let mut talk = Talk::new(&store, key("riverside", 900));
    talk.hear(text("start"), at(4)).await;
    drop((store, talk));
    let found = verified(&both).await;
    assert_eq!((found.changes, found.findings), (16, vec![]));
    assert!(found.newest.unwrap().1.starts_with("k2:"));
}

/// A ledger is read while its daemon goes on.
#[tokio::test]
async fn it_is_verified_while_a_daemon_runs() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    tell(&store).await;
    let found = home.verified().await;
    assert_eq!((found.changes, found.conversations, found.findings), (15, 5, vec![]));
    drop(store);
}

#[tokio::test]
async fn what_redis_has_is_verified_while_daemons_write() {
    let home = Server::fresh().await;
    let store = home.open().await;
    tell(&store).await;
    let writing = async {
        for line in 100..160 {
            let mut talk = Talk::new(&store, key("riverside", line));
            talk.hear(text("start"), at(2)).await;
            talk.hear(text("stop"), at(3)).await;
        }
    };
    let looking = async {
        for _ in 0..5 {
            let found = home.verified().await;
            assert_eq!(found.findings, []);
        }
    };
    tokio::join!(writing, looking);
    home.close(store).await;
    let found = home.verified().await;
    assert_eq!((found.changes, found.conversations, found.unsealed, found.findings), (135, 65, 0, vec![]));
}

#[tokio::test]
async fn consent_from_before_the_ledger_is_told_as_such() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    tell(&store).await;
    drop(store);
    // As the release before the ledger left it, but for the conversations: those it would have written without their part.
    let database = home.database();
    database
        .execute_batch(
            "DROP TABLE ledger; DROP INDEX journal_of_conversation; DROP TABLE posts; DROP TABLE audited;
             DROP TABLE facets; DROP TABLE notes;
             PRAGMA user_version = 2",
        )
        .unwrap();
    drop(database);
    std::fs::remove_file(home.location().directory.join("ledger.seen")).unwrap();
    let found = home.verified().await;
    assert_eq!((found.changes, found.conversations), (0, 0), "it is read as it is");
    let store = home.open().await;
    let mut talk = Talk::new(&store, key("riverside", 900));
    talk.hear(text("start"), at(4)).await;
    drop((store, talk));
    assert_eq!(home.verified().await.changes, 1, "the ledger begins");
}

async fn copies(from: &Location, to: &Location) {
    let done = copy(from, to, &*clock(), &mut |_| {}).await.unwrap();
    assert!(matches!(done, Done::Copied(_)), "{done:?}");
    let mut archive = assent::store::open_archive(to).await.unwrap();
    let found = assent::store::verify(&mut *archive, &practice("riverside"), &mut |_| {}).await.unwrap();
    assert_eq!((found.changes, found.conversations, found.unsealed, found.findings), (15, 5, 0, vec![]));
}

#[tokio::test]
async fn a_copy_keeps_the_ledger_and_verifies() {
    let (home, server) = (Directory::fresh().await, Server::fresh().await);
    let store = home.open().await;
    tell(&store).await;
    drop(store);
    let place = |name: &str| {
        let url = format!("file://{}", home.directory.path().join(name).display());
        Location {
            directory: home.directory.path().join(format!("seen of {name}")),
            ..Location::new(url, KeySource::InDirectory)
        }
    };
    let other = {
        let url = format!("redis://{}/1", server.server.address());
        Location { url, directory: server.directory.path().join("other"), ..server.location() }
    };
    copies(&home.location(), &place("b")).await;
    copies(&place("b"), &server.location()).await;
    copies(&server.location(), &other).await;
    copies(&other, &place("c")).await;
}

async fn what_somebody_changed_is_not_copied<H: Home>() {
    let (home, target) = (H::fresh().await, tempfile::tempdir().unwrap());
    let store = home.open().await;
    tell(&store).await;
    home.close(store).await;
    home.take_out(7).await;
    let url = format!("file://{}", target.path().join("b").display());
    let error = copy(&home.location(), &Location::new(url, KeySource::InDirectory), &*clock(), &mut |_| {}).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("assent audit verify"), "{error}");
}

#[tokio::test]
async fn a_ledger_that_somebody_changed_is_not_signed_anew_by_a_copy() {
    what_somebody_changed_is_not_copied::<Directory>().await;
    what_somebody_changed_is_not_copied::<Server>().await;
}

/// A failover may lose the seals that came last and nothing else: a daemon makes the same again.
#[tokio::test]
async fn seals_that_are_lost_are_made_again_and_nothing_is_found() {
    let home = Server::fresh().await;
    let store = home.open().await;
    tell(&store).await;
    home.close(store).await;
    let sealed: Vec<String> = home.ask(&["LRANGE", SEALS, "0", "-1"]).await;
    home.ask::<String>(&["LTRIM", SEALS, "0", "9"]).await;
    let found = home.verified().await;
    assert_eq!((found.changes, found.unsealed, found.anchor, found.findings), (15, 5, Some(15), vec![]));
    let line: String = home.ask(&["LINDEX", LEDGER, "12"]).await;
    home.ask::<u64>(&["LREM", LEDGER, "1", &line]).await;
    let found = home.verified().await;
    let flaws: Vec<&Flaw> = found.findings.iter().map(|finding| &finding.flaw).collect();
    assert!(flaws.contains(&&Flaw::CutBelowAnchor { seen: 15, found: 14 }), "{flaws:?}");
    let after: String = home.ask(&["LINDEX", LEDGER, "12"]).await;
    home.ask::<u64>(&["LINSERT", LEDGER, "BEFORE", &after, &line]).await;
    let store = home.open().await;
    home.close(store).await;
    assert_eq!(home.ask::<Vec<String>>(&["LRANGE", SEALS, "0", "-1"]).await, sealed);
    assert_eq!(home.verified().await.findings, []);
}

#[tokio::test]
async fn what_is_no_line_is_found() {
    let home = Server::fresh().await;
    let store = home.open().await;
    tell(&store).await;
    home.close(store).await;
    home.ask::<String>(&["LSET", LEDGER, "3", "nothing"]).await;
    let found = home.verified().await.findings;
    assert!(found.contains(&Finding { entry: Some(4), conversation: None, flaw: Flaw::Edited }), "{found:?}");
    let home = Directory::fresh().await;
    let store = home.open().await;
    tell(&store).await;
    drop(store);
    home.database().execute("UPDATE ledger SET look_up = x'00' WHERE place = 4", []).unwrap();
    let found = home.verified().await.findings;
    assert!(found.contains(&Finding { entry: Some(4), conversation: None, flaw: Flaw::Edited }), "{found:?}");
}

/// Two defaults that must be one: a configuration that names no directory of its own, and a store that is given none.
#[tokio::test]
async fn what_was_seen_of_an_embedded_store_is_beside_it_unless_a_place_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let location = assent::app::location(&assent::config::Store::in_directory(directory.path()));
    let store = open(&location, BootId(1), clock()).await.unwrap();
    tell(&store).await;
    drop(store);
    assert!(directory.path().join("ledger.seen").exists());
}
