//! Several daemons on one Redis: one dies, one is frozen, one loses sight of the store, and the promises still hold.
//!
//! `ASSENT_CRASH_SEED` says when.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

#[path = "support/receiver.rs"]
#[allow(dead_code)]
mod receiver;

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

#[allow(dead_code)]
mod crash {
    pub mod checkers;
    pub mod fleet;
    pub mod records;
    pub mod scene;

    use super::{daemon, servers};
}

mod daemons {
    mod sharing;
    mod webhooks;

    use super::{crash, daemon, receiver, servers};
}

use std::time::Duration;

use crash::checkers::check;
use crash::fleet::Fleet;
use crash::scene::Random;
use daemon::{SharedStore, eventually};
use servers::Redis;
use servers::proxy::Proxy;
use tokio::time::Instant;

/// For how long a daemon stands still, at least.
const FROZEN: Duration = Duration::from_secs(60);
/// What the fickle one says in the first round and in the second. START in other letters than at the beginning, so that
/// it can't be taken for that one brought again.
const WORDS: [&str; 2] = ["STOP", "sTART"];

#[tokio::test(flavor = "multi_thread")]
async fn of_two_daemons_one_dies_and_the_other_carries_on() {
    let (_redis, store) = redis().await;
    let mut fleet = Fleet::on(&[store.clone(), store]).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    fleet.members[0].kill().await;
    fleet.is_busy().await;
    fleet.pause(work).await;
    fleet.settle().await;

    fleet.members[0].start_again().await;
    fleet.round(&mut random, WORDS[1]).await;
    ends_well(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_daemons_one_is_frozen_and_does_no_harm_when_it_goes_on() {
    let (_redis, store) = redis().await;
    let mut fleet = Fleet::on(&[store.clone(), store]).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    fleet.members[0].daemon().freeze().await;
    let frozen = Instant::now();
    fleet.is_busy().await;
    fleet.pause(work).await;
    // It is asked of the one that goes on. By then whatever the frozen one was about to do is out of date.
    fleet.members.swap(0, 1);
    fleet.nothing_is_sending().await;
    // A process that stands still has no clock that could be moved.
    tokio::time::sleep_until(frozen + FROZEN).await;
    fleet.members[1].daemon().thaw().await;
    fleet.settle().await;
    fleet.members[1].daemon().is_ready().await;

    fleet.round(&mut random, WORDS[1]).await;
    ends_well(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_daemons_one_is_cut_off_from_the_store_and_comes_back() {
    let (redis, store) = redis().await;
    let proxy = Proxy::to(redis.address()).await;
    let mut fleet = Fleet::on(&[store.clone(), store.through(proxy.url())]).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    proxy.cut();
    fleet.is_busy().await;
    sees_no_store(&fleet, 1).await;
    proxy.mend();
    fleet.members[1].daemon().is_ready().await;
    fleet.pause(work).await;
    fleet.settle().await;

    // The same without a word from the network, with answers that are on their way for long.
    let work = fleet.work(&mut random, WORDS[1]);
    fleet.is_busy().await;
    proxy.stall_answers();
    fleet.is_busy().await;
    sees_no_store(&fleet, 1).await;
    proxy.mend();
    fleet.members[1].daemon().is_ready().await;
    fleet.pause(work).await;
    fleet.settle().await;
    ends_well(fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_daemons_one_dies_one_is_frozen_and_the_third_carries_on() {
    let (_redis, store) = redis().await;
    let mut fleet = Fleet::on(&[store.clone(), store.clone(), store]).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    fleet.members[1].kill().await;
    fleet.members[2].daemon().freeze().await;
    fleet.is_busy().await;
    fleet.pause(work).await;
    fleet.nothing_is_sending().await;
    fleet.members[2].daemon().thaw().await;
    fleet.settle().await;

    fleet.members[1].start_again().await;
    fleet.members[2].daemon().is_ready().await;
    fleet.round(&mut random, WORDS[1]).await;
    ends_well(fleet).await;
}

async fn redis() -> (Redis, SharedStore) {
    let redis = Redis::start().await;
    let store = SharedStore::at(redis.url());
    (redis, store)
}

async fn sees_no_store(fleet: &Fleet, member: usize) {
    eventually("the daemon says that it sees no store", async || {
        match fleet.members[member].daemon().readiness().await {
            Ok(()) => Err("it says that it is ready".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await;
}

async fn ends_well(fleet: Fleet) {
    let records = fleet.all_records().await;
    println!("{}", records.figures());
    check(&records);
    fleet.end().await;
}

fn random() -> Random {
    let seed = std::env::var("ASSENT_CRASH_SEED").ok().map(|text| text.parse().unwrap());
    let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap());
    println!("ASSENT_CRASH_SEED={seed}");
    Random(seed)
}
