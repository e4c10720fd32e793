//! The real binary, killed and told to stop in the middle of conversations: what was promised still holds.
//!
//! `ASSENT_CRASH_CYCLES` says how often it is killed, `ASSENT_CRASH_SEED` when.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

mod crash {
    pub mod checkers;
    pub mod records;
    pub mod scene;

    use super::{daemon, servers};
}

use std::time::Duration;

use crash::checkers::{check, what_the_log_gives_away};
use crash::scene::{Ground, PATIENTS, Random, Scene};
use daemon::{Site, serve_to_the_end};

/// How often it is killed if nobody says otherwise.
const CYCLES: usize = 8;
/// On a shared store what was sending stays so until its time is over, so a cycle takes longer.
const CYCLES_ON_REDIS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_again_and_again_keeps_its_promises() {
    is_killed_again_and_again(Ground::Embedded, CYCLES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_on_redis_that_is_killed_again_and_again_keeps_its_promises() {
    is_killed_again_and_again(Ground::redis().await, CYCLES_ON_REDIS).await;
}

async fn is_killed_again_and_again(ground: Ground, cycles: usize) {
    let cycles = from_environment("ASSENT_CRASH_CYCLES").map_or(cycles, |cycles| usize::try_from(cycles).unwrap());
    let seed = from_environment("ASSENT_CRASH_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    println!("ASSENT_CRASH_SEED={seed} ASSENT_CRASH_CYCLES={cycles}");
    let mut random = Random(seed);

    let mut scene = Scene::on(ground).await;
    for _ in 0..cycles {
        let work = scene.work(&mut random);
        // No condition is waited for: it may be anywhere when it dies.
        tokio::time::sleep(Duration::from_millis(50 + random.below(551) as u64)).await;
        scene.kill().await;
        scene.pause(work).await;
        scene.start_again().await;
        scene.settle().await;
    }
    let records = scene.all_records().await;
    println!("{}", records.figures());
    check(&records);
    assert_eq!(scene.terminate().await, Some(0));
    nothing_untoward_is_in(&scene.site.log(), cycles + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_told_to_stop_finishes_what_it_began() {
    is_told_to_stop(Ground::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_on_redis_that_is_told_to_stop_finishes_what_it_began() {
    is_told_to_stop(Ground::redis().await).await;
}

async fn is_told_to_stop(ground: Ground) {
    let mut random = Random(7);
    let mut scene = Scene::on(ground).await;
    for _ in 0..2 {
        let work = scene.work(&mut random);
        let submits = scene.simulator.counts().submits;
        daemon::eventually("texts are in flight", async || match scene.simulator.counts().submits - submits {
            submits @ 0..20 => Err(format!("{submits} texts")),
            _ => Ok(()),
        })
        .await;
        assert_eq!(scene.terminate().await, Some(0));
        scene.pause(work).await;
        let log = scene.simulator.wire_log();
        let last: Vec<&str> = log.iter().rev().take(2).map(|entry| entry.command).collect();
        assert_eq!(last, ["unbind_resp", "unbind"]);
        scene.start_again().await;
        scene.settle().await;
    }
    let records = scene.all_records().await;
    check(&records);
    let in_doubt: Vec<_> = records.threads.iter().filter(|message| message.status == "unconfirmed").collect();
    assert!(in_doubt.is_empty(), "whoever stops in peace knows what became of each text: {in_doubt:?}");
    assert_eq!(scene.terminate().await, Some(0));
    nothing_untoward_is_in(&scene.site.log(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_the_same_store_ends_and_leaves_the_first_alone() {
    let mut scene = Scene::on(Ground::Embedded).await;
    let (code, stderr) = serve_to_the_end(&scene.site.config()).await;
    assert_eq!(code, Some(1), "{stderr}");
    let store = scene.site.store().display().to_string();
    assert!(stderr.contains(&format!("assent: another assent is using {store}: stop it")), "{stderr}");

    // The first still takes drafts, and the carrier has only ever seen one.
    assert_eq!(scene.simulator.counts().binds, 1);
    let draft = scene.stride.drafts(PATIENTS[0].0, "still here", "still-here").await.unwrap().is(202);
    assert_eq!(draft["text"], "still here");
    scene.simulator.phone(PATIENTS[0].3).wait_for_text(|text| text.text == "still here").await;
    assert_eq!(scene.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_mistakes_is_refused_with_all_of_them() {
    let site = Site::new(([127, 0, 0, 1], 1).into(), "window = 0\nretries = 3\nnumbers = [\"3035550100\"]");
    let (code, stderr) = serve_to_the_end(&site.config()).await;
    assert_eq!(code, Some(2), "{stderr}");
    for mistake in ["carrier[0].window", "carrier[0].retries: unknown key", "carrier[0].numbers[0]", "3 mistake(s)"] {
        assert!(stderr.contains(mistake), "{mistake} is not named: {stderr}");
    }
    assert!(!site.store().exists(), "nothing was begun");

    let (code, stderr) = serve_to_the_end(&site.config().with_file_name("missing.toml")).await;
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("missing.toml"), "{stderr}");
}

/// The log of all runs shows that they ran, that nothing in them panicked, and nothing of a patient's.
#[track_caller]
fn nothing_untoward_is_in(log: &[String], runs: usize) {
    let lines_with = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    assert_eq!(lines_with("daemon started"), runs);
    assert_eq!(lines_with("panicked"), 0);
    assert_eq!(what_the_log_gives_away(log, &Scene::canaries()), Vec::<String>::new());
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}
