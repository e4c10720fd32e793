//! A daemon is killed while it posts an event: the next one posts it under the same id, and nothing is lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::simulator::{Simulator, SimulatorConfig};
use reqwest::Method;
use serde_json::json;

use super::daemon::{NUMBER, SharedStore, Site, Stride};
use super::receiver::{Answer, Posted, Receiver};
use super::servers::Redis;

const ROSA: &str = "+13035550123";
/// A receiver on this machine is none of the internet's.
const KEYS: &str = "[webhooks]\nallow = [\"127.0.0.0/8\"]";
/// Until a daemon that was killed is known to have ended, and a while.
const TAKEN_OVER: Duration = Duration::from_secs(60);

async fn carrier() -> Simulator {
    let listen = ([127, 0, 0, 1], 0).into();
    Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap()
}

/// The texts that were posted as received.
fn received(posted: &[Posted]) -> HashSet<&str> {
    let received = posted.iter().filter(|one| one.event() == "message.received");
    received.map(|one| one.body["data"]["message"]["text"].as_str().unwrap()).collect()
}

/// One daemon is killed while it posts, and another follows: at once on a store of its own, beside it on one that is shared.
async fn is_taken_over(site: &Site, carrier: &Simulator, next_site: &Site, next_carrier: &Simulator) {
    let mut receiver = Receiver::start().await;
    let daemon = site.start().await;
    let stride = Stride::new(&daemon).await;
    let hook = json!({"url": receiver.url});
    let made = stride.as_operator().call(Method::PUT, "/webhooks/ehr", &hook).await.unwrap().is(201);
    let secret = made["secret"].as_str().unwrap().to_owned();
    daemon.is_ready().await;
    receiver.answer([Answer::Never]);
    carrier.phone(ROSA).text(NUMBER, "before").await;
    let asked = receiver.next().await;
    daemon.kill().await;

    let next = next_site.start().await;
    next.is_ready().await;
    next_carrier.phone(ROSA).text(NUMBER, "after").await;
    let mut posted = vec![];
    let all = async {
        while received(&posted).len() < 2 {
            posted.push(receiver.next().await);
        }
    };
    tokio::time::timeout(TAKEN_OVER, all).await.expect("everything is posted");
    assert_eq!(received(&posted), HashSet::from(["before", "after"]));
    let again = posted.iter().find(|one| one.id() == asked.id()).expect("it comes again under its id");
    assert!(again.is_believed(&secret, again.header("webhook-timestamp").parse().unwrap()).await);
    next.terminate().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_daemon_was_posting_is_posted_when_it_is_started_again() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), KEYS);
    is_taken_over(&site, &carrier, &site, &carrier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_daemon_was_posting_is_posted_by_another() {
    let redis = Redis::start().await;
    let store = SharedStore::at(redis.url());
    let (ours, theirs) = (carrier().await, carrier().await);
    let site = Site::sharing(&store, ours.address(), KEYS);
    let other = Site::sharing(&store, theirs.address(), KEYS);
    is_taken_over(&site, &ours, &other, &theirs).await;
}
