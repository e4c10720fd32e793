//! The Redis servers and the network of the tests do what tests of the store rely on.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisResult, aio::MultiplexedConnection};
use servers::cluster::{Cluster, Copies};
use servers::proxy::Proxy;
use servers::sentinels::Sentinels;
use servers::{LOADS_SLOWLY, Redis, comes_to};

/// As long as a test waits for an answer that does not come.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_redis_acknowledged_survives_its_death() {
    let mut redis = Redis::start().await;
    for (name, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("no-appendfsync-on-rewrite", "no"),
        ("maxmemory-policy", "noeviction"),
        ("save", ""),
    ] {
        let told: Vec<String> = redis::from_redis_value(redis.must(&["CONFIG", "GET", name]).await).unwrap();
        assert_eq!(told, [name, value]);
    }
    for number in 0..100 {
        redis.must(&["SET", &format!("key {number}"), "value"]).await;
    }
    redis.kill().await;
    assert!(redis.cli(&["PING"]).await.is_err());
    redis.start_again().await;
    assert_eq!(redis.must(&["DBSIZE"]).await, redis::Value::Int(100));
    redis.stop().await;
    redis.start_again().await;
    assert_eq!(redis.text(&["GET", "key 99"]).await.as_deref(), Some("value"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_tests_own_counts_more_than_the_usual_one() {
    let redis = Redis::start_with(&["appendfsync everysec"]).await;
    let told: Vec<String> = redis::from_redis_value(redis.must(&["CONFIG", "GET", "appendfsync"]).await).unwrap();
    assert_eq!(told, ["appendfsync", "everysec"]);
    assert_eq!(redis.info("role").await.as_deref(), Some("master"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_answers_when_it_is_thawed() {
    let redis = Redis::start().await;
    redis.freeze().await;
    let error = redis.cli_within(SHORT, &["PING"]).await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    redis.thaw().await;
    redis.must(&["PING"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_loads_says_so() {
    let mut redis = Redis::start().await;
    redis.fill().await;
    redis.stop().await;
    redis.start_again_loading(&[LOADS_SLOWLY]);
    comes_to("it says that it is loading", async || match redis.cli(&["GET", "filler"]).await {
        Err(error) if error.code() == Some("LOADING") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    redis.kill().await;
    redis.start_again().await;
    assert_eq!(redis.text(&["GET", "filler"]).await.as_deref(), Some("x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_whose_backup_is_restored_has_forgotten_what_came_later() {
    let mut redis = Redis::start().await;
    redis.must(&["SET", "key", "earlier"]).await;
    redis.stop().await;
    let copy = redis.keep_copy();
    redis.start_again().await;
    redis.must(&["SET", "key", "later"]).await;
    redis.stop().await;
    redis.restore(&copy);
    redis.start_again().await;
    assert_eq!(redis.text(&["GET", "key"]).await.as_deref(), Some("earlier"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_it_suffers_from_it_says_so_and_writes_nothing() {
    let redis = Redis::start().await;
    writes(&redis, "well").await.unwrap();
    redis.is_full().await;
    refuses(&redis, "OOM").await;
    redis.has_room().await;
    writes(&redis, "not full").await.unwrap();

    redis.is_a_replica().await;
    refuses(&redis, "READONLY").await;
    redis.is_a_master().await;
    writes(&redis, "not a replica").await.unwrap();

    redis.fails_snapshots().await;
    refuses(&redis, "MISCONF").await;
    redis.takes_snapshots().await;
    writes(&redis, "not failing").await.unwrap();
}

/// The way of the store: a script that writes.
async fn writes(redis: &Redis, value: &str) -> RedisResult<redis::Value> {
    redis.cli(&["EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", "key", value]).await
}

async fn refuses(redis: &Redis, code: &str) {
    let before = redis.text(&["GET", "key"]).await;
    let error = writes(redis, "must not be").await.unwrap_err();
    assert_eq!(error.code(), Some(code), "{error}");
    assert_eq!(redis.text(&["GET", "key"]).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_with_tls_is_believed_with_its_authority_alone() {
    let redis = Redis::start_with_tls().await;
    assert!(redis.url().starts_with("rediss://"), "{}", redis.url());
    redis.must(&["SET", "key", "value"]).await;
    // Whoever does not know the authority does not talk to it, and neither does whoever speaks without TLS.
    assert!(connect(&redis.url()).await.is_err());
    let plain = connect(&redis.url().replace("rediss", "redis")).await;
    assert!(plain.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_serves_keys_of_different_slots() {
    let cluster = Cluster::start(Copies::MastersOnly).await;
    let urls: Vec<String> = cluster.nodes.iter().map(Redis::url).collect();
    let client = redis::cluster::ClusterClient::new(urls).unwrap();
    let mut connection = client.get_async_connection().await.unwrap();
    for practice in ["riverside", "lakeside", "hillside", "seaside", "roadside"] {
        let key = format!("{{{practice}}}:key");
        let () = redis::cmd("SET").arg(&key).arg(practice).query_async(&mut connection).await.unwrap();
        let master = cluster.master_of(&key).await;
        assert_eq!(master.text(&["GET", &key]).await.as_deref(), Some(practice));
    }
    let mut counts = Vec::new();
    for node in &cluster.nodes {
        let redis::Value::Int(keys) = node.must(&["DBSIZE"]).await else { panic!("a size is a number") };
        counts.push(keys);
    }
    assert_eq!(counts.iter().sum::<i64>(), 5);
    assert!(counts.iter().filter(|keys| **keys > 0).count() > 1, "all keys are in one place: {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_over_from_a_dead_master_of_a_cluster() {
    let mut cluster = Cluster::start(Copies::OneReplicaEach).await;
    let key = "{riverside}:key";
    let place = {
        let master = cluster.master_of(key).await;
        master.must(&["SET", key, "value"]).await;
        master.is_copied_by(1).await;
        cluster.nodes.iter().position(|node| node.port() == master.port()).unwrap()
    };
    cluster.nodes[place].kill().await;
    let replica = &cluster.nodes[place + 3];
    comes_to("the replica is a master", async || match replica.info("role").await {
        Some(role) if role == "master" => Ok(()),
        role => Err(format!("{role:?}")),
    })
    .await;
    comes_to("the replica serves the key", async || match replica.cli(&["GET", key]).await {
        Ok(value) => Ok(value),
        Err(error) => Err(error.to_string()),
    })
    .await;
    assert_eq!(replica.text(&["GET", key]).await.as_deref(), Some("value"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_a_cluster_hands_over_with_nothing_lost() {
    let cluster = Cluster::start(Copies::OneReplicaEach).await;
    let key = "{riverside}:key";
    cluster.master_of(key).await.must(&["SET", key, "value"]).await;
    cluster.hand_over(key).await;
    let urls: Vec<String> = cluster.nodes.iter().map(Redis::url).collect();
    let client = redis::cluster::ClusterClient::new(urls).unwrap();
    let mut connection = client.get_async_connection().await.unwrap();
    let value: String = redis::cmd("GET").arg(key).query_async(&mut connection).await.unwrap();
    assert_eq!(value, "value");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_put_a_replica_in_a_dead_masters_place() {
    let mut set = Sentinels::start().await;
    set.servers[0].must(&["SET", "key", "value"]).await;
    set.servers[0].is_copied_by(2).await;
    let dead = set.kill_master().await;
    assert_eq!(dead, 0);
    set.has_changed(dead).await;
    let master = &set.servers[set.current_master().await];
    assert_eq!(master.text(&["GET", "key"]).await.as_deref(), Some("value"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_frozen_replicas_did_not_hear_is_lost_with_the_master() {
    let mut set = Sentinels::start().await;
    set.servers[0].must(&["SET", "key", "heard"]).await;
    set.servers[0].is_copied_by(2).await;
    set.freeze_replicas().await;
    set.servers[0].must(&["SET", "key", "not heard"]).await;
    let dead = set.kill_master().await;
    set.thaw_replicas().await;
    set.has_changed(dead).await;
    let master = &set.servers[set.current_master().await];
    assert_eq!(master.text(&["GET", "key"]).await.as_deref(), Some("heard"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_hands_over_with_nothing_lost() {
    let set = Sentinels::start().await;
    set.servers[0].must(&["SET", "key", "value"]).await;
    set.fail_over_gracefully().await;
    let mut masters = Vec::new();
    for server in &set.servers {
        if server.info("role").await.as_deref() == Some("master") {
            masters.push(server.text(&["GET", "key"]).await);
        }
    }
    assert_eq!(masters, [Some("value".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_fails_over_when_it_is_told_to() {
    let set = Sentinels::start().await;
    set.fail_over().await;
    assert_ne!(set.current_master().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_network_ends_every_connection_and_each_that_is_begun() {
    let (redis, proxy) = redis_and_proxy().await;
    let mut connection = connect(&proxy.url()).await.unwrap();
    ping(&mut connection).await.unwrap();
    proxy.cut();
    let error = ping(&mut connection).await.unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    assert!(connect(&proxy.url()).await.is_err());
    assert_eq!(proxy.connections(), 1);
    redis.must(&["PING"]).await;
    proxy.mend();
    ping(&mut connect(&proxy.url()).await.unwrap()).await.unwrap();
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_stall_nothing_passes_and_afterwards_everything_does() {
    let (redis, proxy) = redis_and_proxy().await;
    let mut connection = connect(&proxy.url()).await.unwrap();
    proxy.stall();
    let error = set(&mut connection, "late").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(redis.text(&["GET", "key"]).await, None);
    proxy.mend();
    comes_to("it arrives late", async || match redis.text(&["GET", "key"]).await.as_deref() {
        Some("late") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    ping(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_answers_what_is_asked_is_done() {
    let (redis, proxy) = redis_and_proxy().await;
    let mut connection = connect(&proxy.url()).await.unwrap();
    proxy.stall_answers();
    let error = set(&mut connection, "unheard").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(redis.text(&["GET", "key"]).await.as_deref(), Some("unheard"));
    // Cut now, the answer never comes.
    proxy.cut();
    proxy.mend();
    assert!(ping(&mut connection).await.is_err());
    ping(&mut connect(&proxy.url()).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_in_the_middle_of_a_request() {
    let (redis, proxy) = redis_and_proxy().await;
    let mut connection = connect(&proxy.url()).await.unwrap();
    ping(&mut connection).await.unwrap();
    proxy.drop_after(20);
    let error = set(&mut connection, "torn").await.unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    assert_eq!(redis.text(&["GET", "key"]).await, None);
    set(&mut connect(&proxy.url()).await.unwrap(), "whole").await.unwrap();
    assert_eq!(redis.text(&["GET", "key"]).await.as_deref(), Some("whole"));
}

async fn redis_and_proxy() -> (Redis, Proxy) {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.address()).await;
    (redis, proxy)
}

async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(SHORT)).set_response_timeout(Some(SHORT));
    Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").query_async(connection).await
}

async fn set(connection: &mut MultiplexedConnection, value: &str) -> RedisResult<()> {
    redis::cmd("SET").arg("key").arg(value).query_async(connection).await
}
