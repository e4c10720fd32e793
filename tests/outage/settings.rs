//! A Redis that could lose an acknowledged write is refused, in words that say what to write where.

use super::clinic::{Clinic, is_refused};
use super::daemon::{SharedStore, Site, eventually, serve_to_the_end};
use super::servers::{Redis, free_port};

/// What is wrong with a server, and the line for redis.conf that mends it.
const UNSUITABLE: [(&str, &str); 5] = [
    ("appendonly no", "appendonly yes"),
    ("appendfsync everysec", "appendfsync always"),
    ("appendfsync no", "appendfsync always"),
    ("no-appendfsync-on-rewrite yes", "no-appendfsync-on-rewrite no"),
    ("maxmemory-policy allkeys-lru", "maxmemory-policy noeviction"),
];

/// No carrier is called: the daemon ends before.
fn nobody() -> std::net::SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsuitable_redis_is_refused_at_the_start() {
    for (wrong, right) in UNSUITABLE {
        let redis = Redis::start_with(&[wrong]).await;
        let site = Site::sharing(&SharedStore::at(redis.url()), nobody(), "");
        let (code, stderr) = serve_to_the_end(&site.config()).await;
        assert_eq!(code, Some(1), "{wrong}: {stderr}");
        assert!(stderr.contains(right), "{wrong}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_and_nobody_are_refused_at_the_start() {
    let redis = Redis::start().await;
    redis.is_a_replica().await;
    let nowhere = format!("redis://127.0.0.1:{}/0", free_port());
    for (url, word) in [(redis.url(), "replica"), (nowhere, "store")] {
        let site = Site::sharing(&SharedStore::at(url), nobody(), "");
        let (code, stderr) = serve_to_the_end(&site.config()).await;
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(word), "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_vouch_for_a_redis_that_does_not_tell_its_settings() {
    let redis = Redis::start_with(&["rename-command CONFIG \"\""]).await;
    let store = SharedStore::at(redis.url());
    let (code, stderr) = serve_to_the_end(&Site::sharing(&store, nobody(), "").config()).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("attested"), "{stderr}");
    let site = Site::sharing_with(&store, "store.durability = \"attested\"", nobody(), "");
    assert_eq!(site.start().await.terminate().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_became_unsuitable_is_refused_at_the_next_connection() {
    let redis = Redis::start().await;
    let clinic = Clinic::on(&SharedStore::at(redis.url())).await;
    redis.must(&["CONFIG", "SET", "appendfsync", "everysec"]).await;
    redis.must(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    eventually("the daemon says what is wrong", async || match clinic.daemon.readiness().await {
        Err(reasons) if reasons.contains("appendfsync") => Ok(()),
        Err(reasons) => Err(reasons),
        Ok(()) => Err("it says that it is ready".to_owned()),
    })
    .await;
    is_refused(|| clinic.drafts("rosa", "could be lost")).await;
    redis.must(&["CONFIG", "SET", "appendfsync", "always"]).await;
    clinic.recovers().await;
}
