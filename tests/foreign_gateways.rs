//! Gateways of others' making against the simulated carrier: what they send is what the phones show, and the other way
//! round. Whoever builds against it meets a carrier, not a mirror of Assent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "foreign_gateways/kannel.rs"]
mod kannel;
#[path = "foreign_gateways/smpplib.rs"]
mod smpplib;

use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::simulator::{Simulator, SimulatorConfig};

const OFFICE: &str = "+13035550100";
const ROSA: &str = "+13035550123";
/// Longer than anything here takes, even where two tests share one core.
const PATIENCE: Duration = Duration::from_secs(60);

async fn carrier() -> Simulator {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
    config.receipt_delay = Duration::from_millis(1);
    config.password = Some("secret".into());
    Simulator::start(config).await.unwrap()
}

/// Waits for what has to happen; says what did not.
async fn within<T>(what: &str, event: impl Future<Output = T>) -> T {
    let happened = tokio::time::timeout(PATIENCE, event).await;
    happened.unwrap_or_else(|_| panic!("within {PATIENCE:?} it did not come to this: {what}"))
}
