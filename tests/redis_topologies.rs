//! Redis on several machines: a Cluster of three masters, and a master with replicas that sentinels watch over. When one of
//! them fails in the middle of the work, either nothing acknowledged is lost, or the loss is noticed and nothing is sent.
//!
//! `ASSENT_CRASH_SEED` says when.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

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

#[path = "support/told.rs"]
#[allow(dead_code)]
mod told;

mod topologies {
    mod basics;
    mod copies;

    use super::{daemon, servers, told};
}

use std::time::Duration;

use crash::checkers::check;
use crash::fleet::{Fleet, ROLLED_BACK, Standing};
use crash::scene::{PATIENTS, Random};
use daemon::{SharedStore, eventually};
use servers::cluster::{Cluster, Copies};
use servers::sentinels::Sentinels;

/// START in other letters than at the beginning, so that it can't be taken for that one brought again.
const WORDS: [&str; 2] = ["STOP", "sTART"];
/// All keys of the practice at work are where this one is.
const OF_THE_PRACTICE: &str = "{riverside}";
/// A text that were to be sent would be on the wire by then.
const SETTLED: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_work_on_a_cluster() {
    let cluster = Cluster::start(Copies::MastersOnly).await;
    let mut fleet = two_daemons(&cluster.url()).await;
    let mut random = random();
    for word in WORDS {
        fleet.round(&mut random, word).await;
    }
    check(&fleet.all_records().await);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_the_cluster_dies_in_the_middle_of_the_work() {
    let mut cluster = Cluster::start(Copies::OneReplicaEach).await;
    let fleet = two_daemons(&cluster.url()).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    let port = cluster.master_of(OF_THE_PRACTICE).await.port();
    let master = cluster.nodes.iter_mut().find(|node| node.port() == port).unwrap();
    master.kill().await;
    cluster.is_taken_over(OF_THE_PRACTICE).await;
    nothing_is_lost_or_the_loss_is_noticed(fleet, work, &mut random).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_the_cluster_hands_over_in_the_middle_of_the_work() {
    let cluster = Cluster::start(Copies::OneReplicaEach).await;
    let mut fleet = two_daemons(&cluster.url()).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    cluster.hand_over(OF_THE_PRACTICE).await;
    fleet.is_busy().await;
    fleet.pause(work).await;
    fleet.settle().await;
    fleet.round(&mut random, WORDS[1]).await;
    check(&fleet.all_records().await);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_of_sentinels_dies_in_the_middle_of_the_work() {
    let mut set = Sentinels::start().await;
    let fleet = two_daemons(&set.url()).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    let dead = set.kill_master().await;
    set.has_changed(dead).await;
    nothing_is_lost_or_the_loss_is_noticed(fleet, work, &mut random).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_are_told_to_change_the_master_in_the_middle_of_the_work() {
    let set = Sentinels::start().await;
    let fleet = two_daemons(&set.url()).await;
    let mut random = random();
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    set.fail_over().await;
    // Until the sentinels have told it, the old master goes on acknowledging what will be lost.
    set.is_well().await;
    nothing_is_lost_or_the_loss_is_noticed(fleet, work, &mut random).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_replica_had_is_lost_with_the_master_and_everybody_notices() {
    let mut set = Sentinels::start().await;
    let mut fleet = two_daemons(&set.url()).await;
    let mut random = random();
    set.freeze_replicas().await;
    let work = fleet.work(&mut random, WORDS[0]);
    fleet.is_busy().await;
    let dead = set.kill_master().await;
    set.thaw_replicas().await;
    set.has_changed(dead).await;
    everybody_notices(&fleet).await;
    fleet.pause(work).await;
    nothing_is_sent(&fleet).await;
}

async fn two_daemons(url: &str) -> Fleet {
    let store = SharedStore::at(url);
    Fleet::on(&[store.clone(), store]).await
}

/// Which of the two it is, is not for us to choose; both are right, and nothing else is.
async fn nothing_is_lost_or_the_loss_is_noticed(mut fleet: Fleet, work: crash::scene::Work, random: &mut Random) {
    fleet.pause(work).await;
    match fleet.finds().await {
        Standing::Whole => {
            println!("nothing was lost");
            fleet.settle().await;
            fleet.round(random, WORDS[1]).await;
            check(&fleet.all_records().await);
            fleet.end().await;
        }
        Standing::WentBack => {
            println!("the loss was noticed");
            everybody_notices(&fleet).await;
            nothing_is_sent(&fleet).await;
        }
    }
}

async fn everybody_notices(fleet: &Fleet) {
    for member in &fleet.members {
        eventually("the daemon notices", async || match member.daemon().readiness().await {
            Err(reasons) if reasons.contains("went back in time") => Ok(()),
            Err(reasons) => Err(reasons),
            Ok(()) => Err("it says that it is ready".to_owned()),
        })
        .await;
    }
}

/// Nobody sends anything, and whoever asks is told why.
async fn nothing_is_sent(fleet: &Fleet) {
    let submits = fleet.simulator.counts().submits;
    for member in &fleet.members {
        let (patient, ..) = PATIENTS[0];
        let answer = member.stride.drafts(patient, "must not go out", "must-not-go-out").await.unwrap().is(503);
        assert_eq!(answer["code"], ROLLED_BACK);
    }
    // That nothing happens is seen by waiting, and by nothing else.
    tokio::time::sleep(SETTLED).await;
    assert_eq!(fleet.simulator.counts().submits, submits, "something was sent");
}

fn random() -> Random {
    let seed = std::env::var("ASSENT_CRASH_SEED").ok().map(|text| text.parse().unwrap());
    let seed = seed.unwrap_or_else(|| getrandom::u64().unwrap());
    println!("ASSENT_CRASH_SEED={seed}");
    Random(seed)
}
