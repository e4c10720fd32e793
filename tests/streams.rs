//! A thousand people who look on: every text once, to everybody whom it concerns, whatever befalls the daemon.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/crowd.rs"]
#[allow(dead_code)]
mod crowd;
#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;
#[path = "support/redis.rs"]
#[allow(dead_code)]
mod servers;

use std::collections::HashMap;
use std::sync::Arc;

use assent::app::SystemClock;
use assent::http::{STREAMS_IN_ALL_MAX, STREAMS_MAX};
use assent::simulator::{Simulator, SimulatorConfig};
use crowd::{Crowd, Practice};
use daemon::{Running, SharedStore, Site, within};
use reqwest::StatusCode;

/// Texts to each practice in each round.
const TEXTS: usize = 5;

/// The practices, their carrier, and what phones said to each.
struct Town {
    carrier: Simulator,
    practices: Vec<Arc<Practice>>,
    said: HashMap<String, Vec<String>>,
}

impl Town {
    async fn of(carrier: Simulator, daemon: &Running, practices: usize) -> Self {
        let mut town = Self { carrier, practices: Vec::new(), said: HashMap::new() };
        for place in 0..practices {
            town.practices.push(Arc::new(Practice::put(daemon.address, place).await));
        }
        town
    }

    /// A phone of each practice says something several times. Whether or not there is a daemon to hear it.
    fn says(&mut self, round: &str) {
        for (place, practice) in self.practices.iter().enumerate() {
            for text in 0..TEXTS {
                let words = format!("{round} {text}");
                self.carrier.phone(&format!("+1303555{place:04}")).send(&practice.number, &words);
                self.said.entry(practice.id.clone()).or_default().push(words);
            }
        }
    }

    async fn is_heard(&self, crowd: &Crowd) {
        let texts = self.said.values().next().unwrap().len();
        within("everybody is told of every text", crowd.has_seen(texts)).await;
        assert_eq!(crowd.complaints(&self.said), Vec::<String>::new());
    }
}

async fn carrier() -> Simulator {
    Simulator::start(SimulatorConfig::new(([127, 0, 0, 1], 0).into(), Arc::new(SystemClock))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_look_on_miss_nothing_when_the_daemon_dies_and_comes_back() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    let daemon = site.start().await;
    let mut town = Town::of(carrier, &daemon, STREAMS_IN_ALL_MAX / STREAMS_MAX).await;
    let mut crowd = Crowd::of(&town.practices, STREAMS_MAX);
    within("everybody looks", crowd.looks_at(daemon.address)).await;
    assert_eq!(crowd.one_more(daemon.address, &town.practices[0]).await, StatusCode::SERVICE_UNAVAILABLE);
    town.says("before");
    town.is_heard(&crowd).await;

    daemon.kill().await;
    within("the streams break off", crowd.is_cut_off()).await;
    town.says("meanwhile");
    let daemon = site.start().await;
    within("everybody looks again", crowd.looks_at(daemon.address)).await;
    town.says("after");
    town.is_heard(&crowd).await;

    assert!(daemon.terminate().await.success());
    within("a daemon that stops ends its streams", crowd.is_cut_off()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looked_on_at_a_daemon_that_died_goes_on_at_another_and_misses_nothing() {
    let redis = servers::Redis::start().await;
    let store = SharedStore::at(redis.url());
    let carrier = carrier().await;
    let sites = [Site::sharing(&store, carrier.address(), ""), Site::sharing(&store, carrier.address(), "")];
    let (here, there) = (sites[0].start().await, sites[1].start().await);
    let mut town = Town::of(carrier, &here, 2).await;
    let mut crowd = Crowd::of(&town.practices, 10);
    within("everybody looks", crowd.looks_at(here.address)).await;
    town.says("before");
    town.is_heard(&crowd).await;

    here.kill().await;
    within("the streams break off", crowd.is_cut_off()).await;
    town.says("meanwhile");
    within("everybody looks elsewhere", crowd.looks_at(there.address)).await;
    town.says("after");
    town.is_heard(&crowd).await;
}
