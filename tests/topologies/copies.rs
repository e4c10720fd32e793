//! A store moves onto a cluster, and from there to another place: its practices are spread over the masters on the way.

use std::sync::Arc;

use assent::domain::BootId;
use assent::ports::Store;
use assent::store::{Done, KeySource, Location, copy, open};

use super::daemon::SharedStore;
use super::servers::Redis;
use super::servers::cluster::{Cluster, Copies};
use super::servers::sentinels::Sentinels;
use super::told::{StoppedClock, Told, is_a_copy, life_goes_on, told_by_chance};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_onto_a_cluster_and_off_again() {
    let cluster = Cluster::start(Copies::MastersOnly).await;
    moves_there_and_back(&SharedStore::at(cluster.url())).await;
    let mut at_work = 0;
    for node in &cluster.nodes {
        at_work += usize::from(node.must(&["DBSIZE"]).await != redis::Value::Int(0));
    }
    assert!(at_work > 1, "all of it is on one master");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_to_the_master_of_sentinels_and_off_again() {
    let set = Sentinels::start().await;
    moves_there_and_back(&SharedStore::at(set.url())).await;
}

/// From a directory to there, to a server that is alone, to there once more, which is refused, and back to a directory.
async fn moves_there_and_back(shared: &SharedStore) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let file = |name: &str| Location::new(format!("file://{}", path(name).display()), KeySource::InDirectory);
    let on_redis = |url: &str, seen: &str| Location {
        directory: path(seen),
        ..Location::new(url, KeySource::File(shared.key_file()))
    };
    let alone = Redis::start().await;
    let places =
        [file("a"), on_redis(&shared.url, "seen there"), on_redis(&alone.url(), "seen of one alone"), file("b")];
    let told = told_by_chance(&open_at(&places[0]).await, 150).await;
    for ends in places.windows(2) {
        let done = copy(&ends[0], &ends[1], &StoppedClock, &mut |_| {}).await.unwrap();
        assert!(matches!(done, Done::Copied(_)), "{done:?}");
        is_the_same(&ends[0], &ends[1], &told).await;
    }
    let refused = copy(&places[2], &places[1], &StoppedClock, &mut |_| {}).await.unwrap_err();
    assert!(refused.to_string().contains("the target is not empty"), "{refused}");
    life_goes_on(&open_at(&places[1]).await, &told).await;
}

async fn is_the_same(source: &Location, target: &Location, told: &Told) {
    is_a_copy(&open_at(target).await, &open_at(source).await, told).await;
}

async fn open_at(location: &Location) -> Arc<dyn Store> {
    open(location, BootId(1), Arc::new(StoppedClock)).await.unwrap()
}
