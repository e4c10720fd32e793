//! How many commits a second are made durable, and how long one takes, by how many callers there are at once, on the
//! embedded store and on a Redis of its own (`appendfsync always`) on the same disk.
//!
//! Each caller has a conversation of its own and is told one text after another: the snapshot, the thread and
//! two occurrences are written each time.

#[path = "support/practice.rs"]
mod practice;
#[path = "../tests/support/redis.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod redis_server;
#[path = "support/stores.rs"]
mod stores;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use assent::domain::policy::BootId;
use assent::domain::{
    Body, Conversation, ConversationId, ConversationKey, Event, Fingerprint, Form, Inbound, Limits, Phone, Policy,
};
use assent::ports::{Clock, Commit, OperationId, Store, Version};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use jiff::Timestamp;
use practice::practice;
use stores::Stores;
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// A clock that is a millisecond later each time it is asked.
struct Ticks;

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        static TICKS: AtomicI64 = AtomicI64::new(1_790_000_000_000);
        Timestamp::from_millisecond(TICKS.fetch_add(1, Ordering::Relaxed)).expect("the year 2026 is a time")
    }
}

struct Caller {
    store: Arc<dyn Store>,
    policy: Policy,
    now: Conversation,
    version: Version,
}

impl Caller {
    fn new(store: Arc<dyn Store>, number: u64) -> Self {
        let practice = practice();
        let phone = Phone::parse(&format!("+1303{}", 5_550_000 + number)).expect("a phone");
        let key = ConversationKey { practice: practice.id.clone(), phone };
        let policy = Policy {
            practice: Arc::new(practice),
            boot: BootId(1),
            limits: Limits::default(),
            writing: Default::default(),
            texting: Default::default(),
        };
        Self { store, policy, now: Conversation::new(ConversationId(number), key, Ticks.now()), version: Version(0) }
    }

    async fn hear(&mut self) {
        static TEXTS: AtomicU64 = AtomicU64::new(1);
        let number = u128::from(TEXTS.fetch_add(1, Ordering::Relaxed));
        let inbound = Inbound {
            text: Body::new("Thank you, I will be there at half past nine on Tuesday."),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()),
            delivery: None,
            earlier_session_ended: None,
            session_began: None,
            written: Default::default(),
        };
        let at = Ticks.now();
        let decision = self.now.handle(Event::Received(inbound), at, &self.policy);
        let commit = Commit {
            expected: self.version,
            operation: OperationId(number),
            at,
            wake_at: decision.next.wake_at(&self.policy),
            summary: decision.next.summary(),
            next: decision.next.clone(),
            journal: decision.journal,
            idempotency: None,
        };
        self.version = self.store.commit(commit).await.expect("nobody else writes to this conversation");
        self.now = decision.next;
    }
}

/// The time that `texts` texts take, shared out among callers who all speak at once.
async fn speak(store: &Arc<dyn Store>, callers: u64, texts: u64) -> Duration {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let first = NUMBERS.fetch_add(callers, Ordering::Relaxed);
    let callers: Vec<Caller> = (first..first + callers).map(|number| Caller::new(Arc::clone(store), number)).collect();
    let each = texts.div_ceil(callers.len() as u64);
    let started = Instant::now();
    let speaking = callers.into_iter().map(|mut caller| {
        tokio::spawn(async move {
            for _ in 0..each {
                caller.hear().await;
            }
        })
    });
    for spoke in join_all(speaking).await {
        spoke.expect("no caller panics");
    }
    started.elapsed()
}

fn commits(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let clock: Arc<dyn Clock> = Arc::new(Ticks);
    let stores = Stores::open(&runtime, &clock);
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(1));
    for callers in [1, 16, 256] {
        for (backend, store) in stores.by_name() {
            group.bench_function(BenchmarkId::new(backend, callers), |bencher| {
                bencher.iter_custom(|texts| {
                    // Texts are said in rounds, one for each caller.
                    let rounds = texts.div_ceil(callers) * callers;
                    let took = runtime.block_on(speak(store, callers, rounds));
                    took.mul_f64(texts as f64 / rounds as f64)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, commits);
criterion_main!(benches);
