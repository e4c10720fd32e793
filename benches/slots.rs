//! How many slots a second a practice number grants, by how many messages ask for one at once, on the embedded store and
//! on Redis: as the daemon grants them, out of segments that it drew beforehand, and if it drew the segments for each.
//!
//! The number may send more than anybody grants, so that what is measured is the limiter and not the limit.

#[path = "support/practice.rs"]
mod practice;
#[path = "../tests/support/redis.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod redis_server;
#[path = "support/stores.rs"]
mod stores;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use assent::app::SystemClock;
use assent::domain::{ConversationId, DayBudget, Days, Draw, MessageId, Practice, Precedence, Seq, Verdict};
use assent::ports::{Asked, Clock, Meters, Throttle};
use assent::throttle::MeteredThrottle;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use practice::practice;
use stores::Stores;
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// The most that a meter knows.
const SEGMENTS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(100_000_000).unwrap();
const ONE: NonZeroU32 = NonZeroU32::MIN;

/// The time that `slots` slots take, shared out among messages that all ask at once.
async fn grant<G>(messages: u64, slots: u64, one: impl Fn() -> G) -> Duration
where
    G: Future<Output = ()> + Send + 'static,
{
    let each = slots.div_ceil(messages);
    let started = Instant::now();
    let asking = (0..messages).map(|_| {
        let slots: Vec<G> = (0..each).map(|_| one()).collect();
        tokio::spawn(async move {
            for slot in slots {
                slot.await;
            }
        })
    });
    for asked in join_all(asking).await {
        asked.expect("no message panics");
    }
    started.elapsed()
}

async fn from_the_throttle(throttle: Arc<dyn Throttle>, practice: Practice) {
    static IDS: AtomicU64 = AtomicU64::new(1);
    let id = MessageId { conversation: ConversationId(IDS.fetch_add(1, Ordering::Relaxed)), seq: Seq(1) };
    let asked = Asked { id, segments: 1, precedence: Precedence::InTurn };
    let turn = throttle.turn(&practice, asked).await;
    turn.unwrap_or_else(|spent| panic!("{spent}, which has no budget")).spend();
}

async fn from_the_meter(meters: Arc<dyn Meters>, practice: Practice) {
    let (rate, days) = (practice.rate(), Days::around(SystemClock.now()));
    let draw = Draw { needed: ONE, wanted: ONE, rate, day: DayBudget::KeptTo, days };
    let drawn = meters.draw(&practice.id, draw).await.expect("the store is up");
    assert!(matches!(drawn.verdict, Verdict::Granted { .. }), "{drawn:?}");
}

fn slots(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stores = Stores::open(&runtime, &clock);
    let practice = Practice { segments_per_minute: SEGMENTS_PER_MINUTE, ..practice() };
    let mut group = criterion.benchmark_group("slots");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(1));
    for messages in [1, 16, 256] {
        for (backend, store) in stores.by_name() {
            let meters: Arc<dyn Meters> = Arc::clone(store) as _;
            let throttle: Arc<dyn Throttle> = Arc::new(MeteredThrottle::new(Arc::clone(&meters), Arc::clone(&clock)));
            let mut measure = |how: &str, one: &dyn Fn() -> futures_util::future::BoxFuture<'static, ()>| {
                group.bench_function(BenchmarkId::new(format!("{backend}, {how}"), messages), |bencher| {
                    bencher.iter_custom(|slots| {
                        let rounds = slots.div_ceil(messages) * messages;
                        let took = runtime.block_on(grant(messages, rounds, one));
                        took.mul_f64(slots as f64 / rounds as f64)
                    });
                });
            };
            measure("drawn together", &|| Box::pin(from_the_throttle(Arc::clone(&throttle), practice.clone())));
            measure("drawn one by one", &|| Box::pin(from_the_meter(Arc::clone(&meters), practice.clone())));
        }
    }
    group.finish();
}

criterion_group!(benches, slots);
criterion_main!(benches);
