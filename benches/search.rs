//! How long a search among the patients of one practice takes, by what is typed and by how many patients there are, and how
//! long it takes to put one of them, which is durable on the embedded store.
//!
//! ```text
//! cargo bench --bench search
//! ```
//!
//! Before criterion's figures it prints those of 100,000 patients at a glance: for each kind of search the median, the 99th
//! percentile and the slowest of 5,000, each made for another patient, one after the other, in memory and without HTTP; and
//! what the records take of memory. The patients are invented: names out of syllables, a few of them common and most of them
//! rare, four area codes.

#[path = "support/practice.rs"]
mod practice;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::domain::policy::BootId;
use assent::domain::{Limits, Patient, PatientId, Phone, PracticeId, Writings};
use assent::ports::{Record, Store};
use assent::records::{Over, Records};
use assent::store::{KeySource, Location, open};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use practice::practice;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::Instant;

const PATIENTS: u32 = 100_000;
const FEW: u32 = 1_000;
const SEARCHES: u64 = 5_000;
/// Records that are written at once.
const AT_ONCE: usize = 10_000;
/// Different names; a name is the rarer the later it stands among them.
const FIRST_NAMES: u64 = 3_000;
const LAST_NAMES: u64 = 30_000;
const AREA_CODES: [u64; 4] = [303, 720, 970, 719];
const SYLLABLES: [&str; 20] = [
    "ma", "ri", "an", "jo", "sé", "el", "da", "vid", "son", "ka", "lo", "mü", "ton", "ber", "ga", "ra", "mi", "chel",
    "ñe", "ston",
];

/// What somebody types who looks for a patient.
type Typed = fn(&Patient) -> String;

#[rustfmt::skip]
const KINDS: [(&str, Typed); 10] = [
    ("one letter",                |one| beginning(&one.last_name, 1)),
    ("three letters",             |one| beginning(&one.last_name, 3)),
    ("a whole last name",         |one| one.last_name.clone()),
    ("last name, first begun",    |one| format!("{} {}", one.last_name, beginning(&one.first_name, 2))),
    ("two letters apart",         |one| format!("{} {}", beginning(&one.first_name, 1), beginning(&one.last_name, 1))),
    ("a phone",                   |one| one.mobile_phone.expose()[2..].to_owned()),
    ("its last four digits",      |one| one.mobile_phone.expose()[8..].to_owned()),
    ("an area code and a letter", |one| format!("{} {}", &one.mobile_phone.expose()[2..5], beginning(&one.last_name, 1))),
    ("a date of birth",           |one| one.date_of_birth.strftime("%-m/%-d/%Y").to_string()),
    ("nobody",                    |one| format!("{} nobody", beginning(&one.last_name, 1))),
];

/// One practice's records, on the embedded store.
struct Scene {
    records: Arc<Records>,
    practice: PracticeId,
    _directory: TempDir,
}

impl Scene {
    async fn of(patients: u32) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let here = format!("file://{}", directory.path().display());
        let location = Location::new(here, KeySource::InDirectory);
        let store: Arc<dyn Store> = open(&location, BootId(1), Arc::new(SystemClock)).await.expect("a new store opens");
        let practice = practice();
        store.put(vec![Record::Practice(practice.clone())]).await.expect("the store is up");
        let everybody: Vec<u32> = (0..patients).collect();
        for some in everybody.chunks(AT_ONCE) {
            let some = some.iter().map(|number| Record::Patient(practice.id.clone(), patient(*number)));
            store.put(some.collect()).await.expect("the store is up");
        }
        let records = Records::open(store, Arc::new(SystemClock), BootId(1), Limits::default(), Writings::default());
        Self { records: records.await.expect("the store is up"), practice: practice.id, _directory: directory }
    }

    fn search(&self, typed: &str) -> Duration {
        let started = Instant::now();
        black_box(self.records.search(&self.practice, black_box(typed)));
        started.elapsed()
    }
}

/// An invented patient: always the same one for a number.
fn patient(number: u32) -> Patient {
    let mut dice = Dice(u64::from(number) + 1);
    let area = AREA_CODES[dice.roll(4) as usize];
    // No exchange ends in 11.
    let local = 2_000_000 + u64::from(number) * 79 % 8_000_000;
    let local = if local / 10_000 % 100 == 11 { local + 10_000 } else { local };
    let phone = format!("+1{area}{local:07}");
    Patient {
        id: PatientId::parse(&format!("p{number}")).expect("an id"),
        first_name: name(dice.rare(FIRST_NAMES)),
        last_name: name(dice.rare(LAST_NAMES)),
        date_of_birth: jiff::civil::date(1930 + dice.roll(90) as i16, 1 + dice.roll(12) as i8, 1 + dice.roll(28) as i8),
        mobile_phone: Phone::parse(&phone).expect("a phone"),
        preferences: Default::default(),
    }
}

/// A name by its number, of two to four syllables.
fn name(number: u64) -> String {
    let mut dice = Dice(number * 7 + 3);
    let syllables = (0..2 + dice.roll(3)).map(|_| SYLLABLES[dice.roll(20) as usize]).collect::<Vec<_>>();
    let name: String = syllables.concat();
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    first.to_uppercase() + rest
}

fn beginning(name: &str, letters: usize) -> String {
    name.chars().take(letters).collect()
}

/// Chances that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// A number below another, the rarer the greater it is, as names are.
    fn rare(&mut self, below: u64) -> u64 {
        let chance = self.roll(1_000_000) as f64 / 1e6;
        (below as f64).powf(chance) as u64
    }
}

/// Memory of this process that is in use, in MiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() / 1_024
}

fn at_a_glance(scene: &Scene) {
    println!("{:>26} {:>10} {:>10} {:>10}   of {PATIENTS} patients", "search", "p50 ms", "p99 ms", "most ms");
    for (kind, typed) in KINDS {
        let patients = (0..SEARCHES).map(|search| patient((search * 7_919 % u64::from(PATIENTS)) as u32));
        let mut took: Vec<Duration> = patients.map(|one| scene.search(&typed(&one))).collect();
        took.sort_unstable();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e3;
        println!("{kind:>26} {:>10.3} {:>10.3} {:>10.3}", at(50), at(99), at(100));
    }
}

fn searches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let before = memory();
    let many = runtime.block_on(Scene::of(PATIENTS));
    println!("{} MiB for {PATIENTS} patients, what reading them took among it", memory() - before);
    at_a_glance(&many);
    let few = runtime.block_on(Scene::of(FEW));

    let mut group = criterion.benchmark_group("search");
    for (kind, typed) in KINDS {
        let typed = typed(&patient(7));
        group.bench_function(kind, |bencher| bencher.iter(|| many.search(&typed)));
    }
    group.finish();

    let mut group = criterion.benchmark_group("put a patient");
    for (count, scene) in [(FEW, &few), (PATIENTS, &many)] {
        group.bench_function(BenchmarkId::new("among", count), |bencher| {
            let mut number = 0;
            bencher.iter(|| {
                number += 1;
                let moved = Patient { last_name: name(number), ..patient(7) };
                runtime
                    .block_on(scene.records.put_patient(&scene.practice, moved, Over::Anything))
                    .expect("the store is up")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, searches);
criterion_main!(benches);
