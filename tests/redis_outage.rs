//! Redis fails in every way that it knows: nothing is said to be done that is not, nothing goes out meanwhile, and
//! afterwards nothing is missing or there twice.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

mod outage {
    mod back_in_time;
    pub mod clinic;
    mod settings;

    use super::{daemon, servers};
}

use daemon::SharedStore;
use outage::clinic::{Clinic, Reads};
use servers::proxy::Proxy;
use servers::{LOADS_SLOWLY, Redis, comes_to};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_stopped() {
    let (mut redis, mut clinic) = at_work().await;
    redis.stop().await;
    clinic.does_nothing(Reads::AreRefused).await;
    redis.start_again().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_away_for_longer_than_the_carrier_is_kept_waiting() {
    let (mut redis, mut clinic) = at_work().await;
    redis.stop().await;
    clinic.does_nothing(Reads::AreRefused).await;
    daemon::within("the carrier is left", clinic.simulator.wait_for_binds(0)).await;
    clinic.comes_to_show("assent_store_up 0").await;
    redis.start_again().await;
    clinic.recovers().await;
    clinic.comes_to_show("assent_store_up 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_killed() {
    let (mut redis, mut clinic) = at_work().await;
    redis.kill().await;
    clinic.does_nothing(Reads::AreRefused).await;
    redis.start_again().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_frozen() {
    let (redis, mut clinic) = at_work().await;
    redis.freeze().await;
    clinic.does_nothing(Reads::AreRefused).await;
    redis.thaw().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_full() {
    let (redis, mut clinic) = at_work().await;
    redis.is_full().await;
    clinic.does_nothing(Reads::MayBeAnswered).await;
    redis.has_room().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_a_replica() {
    let (redis, mut clinic) = at_work().await;
    redis.is_a_replica().await;
    clinic.does_nothing(Reads::MayBeAnswered).await;
    redis.is_a_master().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_loads() {
    let (mut redis, mut clinic) = at_work().await;
    redis.fill().await;
    redis.kill().await;
    redis.start_again_loading(&[LOADS_SLOWLY]);
    comes_to("it says that it is loading", async || match redis.cli(&["GET", "filler"]).await {
        Err(error) if error.code() == Some("LOADING") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    clinic.does_nothing(Reads::AreRefused).await;
    redis.kill().await;
    redis.start_again().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_snapshots_fail() {
    let (redis, mut clinic) = at_work().await;
    redis.fails_snapshots().await;
    clinic.does_nothing(Reads::MayBeAnswered).await;
    redis.takes_snapshots().await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_to_it_stalls() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.address()).await;
    let mut clinic = Clinic::on(&SharedStore::at(proxy.url())).await;
    clinic.a_text_waits().await;
    proxy.stall();
    clinic.does_nothing(Reads::AreRefused).await;
    proxy.mend();
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_answers_are_lost() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.address()).await;
    let mut clinic = Clinic::on(&SharedStore::at(proxy.url())).await;
    clinic.a_text_waits().await;
    proxy.stall_answers();
    clinic.does_nothing(Reads::AreRefused).await;
    // What was asked is done; that it was, nobody will ever say.
    proxy.cut();
    proxy.mend();
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_it_is_torn() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.address()).await;
    let clinic = Clinic::on(&SharedStore::at(proxy.url())).await;
    for (number, octets) in [0, 1, 100, 500, 1_000].into_iter().enumerate() {
        proxy.drop_after(octets);
        is_barely_noticed(&clinic, &format!("torn {number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_forgets_its_scripts() {
    let redis = Redis::start().await;
    let clinic = Clinic::on(&SharedStore::at(redis.url())).await;
    redis.must(&["SCRIPT", "FLUSH"]).await;
    clinic.drafts("rosa", "no script").await.is(202);
    clinic.becomes("rosa", "no script", &["delivered"]).await;
    clinic.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_every_connection() {
    let redis = Redis::start().await;
    let clinic = Clinic::on(&SharedStore::at(redis.url())).await;
    for number in 0..3 {
        redis.must(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        is_barely_noticed(&clinic, &format!("ended {number}")).await;
    }
}

/// A draft is taken by the second or third time of asking, and is one message all the same.
async fn is_barely_noticed(clinic: &Clinic, text: &str) {
    daemon::eventually("the draft is taken", async || {
        let answer = clinic.drafts("rosa", text).await;
        if answer.status == 202 { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    let status = clinic.becomes("rosa", text, &["delivered", "unconfirmed"]).await;
    let thread = clinic.stride.thread("rosa", 1).await;
    assert_eq!(thread.iter().filter(|message| message["text"] == text).count(), 1);
    let log = clinic.simulator.wire_log();
    let sent = log.iter().filter(|entry| entry.command == "submit_sm" && entry.text.as_deref() == Some(text)).count();
    assert_eq!(sent, usize::from(status == "delivered"), "{text:?} is {status}");
}

async fn at_work() -> (Redis, Clinic) {
    let redis = Redis::start().await;
    let clinic = Clinic::on(&SharedStore::at(redis.url())).await;
    clinic.a_text_waits().await;
    (redis, clinic)
}
