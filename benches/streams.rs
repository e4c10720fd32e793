//! How soon an inbound text is on every screen: a thousand open event streams of ten practices, and phones that keep texting.
//!
//! Starts the release binary on a store in a temporary directory, bound to the simulated carrier in this process. A hundred
//! streams look at each practice, and phones send so many texts a second, to the practices by turns.
//!
//! ```text
//! cargo bench --bench streams [-- --seconds 10] [--redis]
//! ```
//!
//! What is printed for each rate: milliseconds from the moment at which a text is typed on the phone to the moment at which a
//! stream has its `message.received`, over all streams; what the daemon's processor time was for each text; the most
//! memory that it has had. A text that some stream was not told of, or twice, makes the run fail. Those who look, the
//! carrier and the phones share the processors with the daemon.

#[path = "../tests/support/crowd.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod crowd;
#[path = "support/daemon.rs"]
mod daemon;
#[path = "../tests/support/redis.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod redis_server;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::http::{STREAMS_IN_ALL_MAX, STREAMS_MAX};
use assent::simulator::{Simulator, SimulatorConfig};
use crowd::{Crowd, Practice};
use daemon::Daemon;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Texts a second: a practice's busy hour, and far more than ten practices have.
const RATES: [u32; 3] = [1, 5, 20];
/// How long those who look may be behind.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let (time, with_redis) = options();
    let listen = ([127, 0, 0, 1], 0).into();
    let carrier = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.expect("a carrier");
    let redis = if with_redis { Some(redis_server::Redis::start().await) } else { None };
    let daemon = Daemon::start(Path::new(env!("CARGO_BIN_EXE_assent")), carrier.address(), redis.as_ref()).await;
    let mut practices = Vec::new();
    for place in 0..STREAMS_IN_ALL_MAX / STREAMS_MAX {
        practices.push(Arc::new(Practice::put(daemon.http, place).await));
    }
    let mut crowd = Crowd::of(&practices, STREAMS_MAX);
    timeout(PATIENCE, crowd.looks_at(daemon.http)).await.expect("everybody looks");

    println!(
        "{:>8} {:>8} {:>9} {:>9} {:>9} {:>12} {:>8}",
        "texts/s", "texts", "p50", "p99", "max", "cpu ms/text", "rss MiB"
    );
    let mut said: HashMap<String, Vec<String>> = HashMap::new();
    for rate in RATES {
        let processor_before = daemon.processor_seconds();
        let texts = u32::try_from(time.as_secs()).expect("a short time") * rate;
        let mut ticks = interval(Duration::from_secs(1) / rate);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut typed = Vec::new();
        for text in 0..texts {
            ticks.tick().await;
            let practice = &practices[text as usize % practices.len()];
            let words = format!("{rate} a second: {text}");
            typed.push((practice.id.clone(), words.clone(), Instant::now()));
            carrier.phone(&format!("+1303555{:04}", text % 1_000)).send(&practice.number, &words);
            said.entry(practice.id.clone()).or_default().push(words);
        }
        for practice in &practices {
            let seen = crowd.has_seen_of(&practice.id, said.get(&practice.id).map_or(0, Vec::len));
            timeout(PATIENCE, seen).await.expect("everybody is told");
        }
        let since = |(practice, words, at): &(String, String, Instant)| {
            crowd.told_at(practice, words).into_iter().map(|told| told - *at).collect::<Vec<_>>()
        };
        let mut delays: Vec<Duration> = typed.iter().flat_map(since).collect();
        delays.sort_unstable();
        let milliseconds = |share: f64| {
            let place = ((delays.len() - 1) as f64 * share) as usize;
            delays[place].as_secs_f64() * 1_000.0
        };
        println!(
            "{rate:>8} {texts:>8} {:>9.1} {:>9.1} {:>9.1} {:>12.1} {:>8.0}",
            milliseconds(0.50),
            milliseconds(0.99),
            milliseconds(1.0),
            (daemon.processor_seconds() - processor_before) * 1_000.0 / f64::from(texts),
            daemon.peak_mib(),
        );
    }
    let complaints = crowd.complaints(&said);
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long each rate is kept up, and whether on Redis.
fn options() -> (Duration, bool) {
    let (mut time, mut redis) = (Duration::from_secs(10), false);
    let mut given = std::env::args().skip(1);
    while let Some(option) = given.next() {
        match option.as_str() {
            // What cargo says to every benchmark.
            "--bench" => {}
            "--seconds" => {
                let seconds = given.next().and_then(|text| text.parse().ok());
                time = Duration::from_secs(seconds.expect("--seconds takes a whole number"));
            }
            "--redis" => redis = true,
            other => panic!("{other} is not an option of this benchmark"),
        }
    }
    (time, redis)
}
