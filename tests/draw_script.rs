//! The scripts that draw from a meter on Redis come to the same answers as the arithmetic in the domain.

#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assent::domain::meter::DRAWN_MAX;
use assent::domain::{DayBudget, Days, Draw, Drawn, Meter, Rate, Standing, Unused, Verdict};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::{Client, Connection, RedisResult, Script};

const DRAW: &str = include_str!("../src/store/redis/draw.lua");
const GIVE_BACK: &str = include_str!("../src/store/redis/give_back.lua");
const KEY: &str = "{riverside}meter";
/// How often it is looked whether the server is up, and for how long in all: then it never will be.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 6_000;
const DAY: i64 = 86_400_000_000;

/// A server of this test's own.
struct Server {
    child: Child,
    connection: Connection,
    _directory: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--appendonly", "no", "--save", "", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(directory.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        Self { child, connection: connect(&socket), _directory: directory }
    }

    fn put(&mut self, meter: Meter) {
        redis::cmd("HSET")
            .arg(KEY)
            .arg(&[("full_at", meter.full_at_us), ("at", meter.at_us), ("day_ends", meter.day_ends_us)])
            .arg(&[("spent", meter.spent)])
            .exec(&mut self.connection)
            .unwrap();
    }

    fn meter(&mut self) -> Meter {
        let fields = ["full_at", "at", "day_ends", "spent"];
        let (full_at_us, at_us, day_ends_us, spent) =
            redis::cmd("HMGET").arg(KEY).arg(&fields).query(&mut self.connection).unwrap();
        Meter { full_at_us, at_us, day_ends_us, spent }
    }

    fn now(&mut self) -> Timestamp {
        let (seconds, microseconds): (i64, i32) = redis::cmd("TIME").query(&mut self.connection).unwrap();
        Timestamp::new(seconds, microseconds * 1_000).unwrap()
    }

    fn eval<T: redis::FromRedisValue>(&mut self, script: &str, arguments: &[String]) -> RedisResult<T> {
        Script::new(script).key(KEY).arg(arguments).invoke(&mut self.connection)
    }

    /// What the script answers, and the time by which it decided.
    fn draw(&mut self, draw: Draw) -> (Drawn, Timestamp) {
        let day = match draw.day {
            DayBudget::KeptTo => "kept",
            DayBudget::Overdrawn => "overdrawn",
        };
        let Rate { per_minute, per_day } = draw.rate;
        let numbers = [draw.needed, draw.wanted, per_minute].map(|number| number.to_string());
        let ends = draw.days.0.map(|end| end.as_microsecond().to_string());
        let per_day = per_day.map_or(0, NonZeroU32::get).to_string();
        let arguments: Vec<String> = numbers.into_iter().chain([per_day, day.into()]).chain(ends).collect();
        let (verdict, granted, wait, full_in, spent_today, ends_us, now_us): (u8, u32, u64, u64, u32, i64, i64) =
            self.eval(DRAW, &arguments).unwrap();
        let verdict = match verdict {
            1 => Verdict::Granted(some(granted)),
            2 => Verdict::NotBefore(Duration::from_micros(wait)),
            3 => Verdict::DaySpent,
            other => panic!("no such verdict: {other}"),
        };
        let day_ends_at = Timestamp::from_microsecond(ends_us).unwrap();
        let standing = Standing { full_in: Duration::from_micros(full_in), spent_today, day_ends_at };
        (Drawn { verdict, standing }, Timestamp::from_microsecond(now_us).unwrap())
    }

    /// Draws from the same meter here and there.
    fn compare(&mut self, meter: Meter, draw: Draw) -> Drawn {
        self.put(meter);
        let (drawn, now) = self.draw(draw);
        let (next, expected) = meter.draw(draw, now);
        assert_eq!((drawn, self.meter()), (expected, next), "{meter:?} {draw:?} at {now}");
        drawn
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(socket: &Path) -> Connection {
    let client = Client::open(format!("redis+unix://{}", socket.display())).unwrap();
    for _ in 0..LOOKS_MAX {
        if let Ok(connection) = client.get_connection() {
            return connection;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    panic!("redis-server did not start");
}

fn some(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn draw(needed: u32, wanted: u32, per_minute: u32, per_day: u32, day: DayBudget, days: Days) -> Draw {
    let rate = Rate { per_minute: some(per_minute), per_day: NonZeroU32::new(per_day) };
    Draw { needed: some(needed), wanted: some(wanted), rate, day, days }
}

/// A meter as it may have been left, told from this moment on.
fn left(now: Timestamp, full_in: i64, seen_in: i64, day_ends_us: i64, spent: u32) -> Meter {
    let now = now.as_microsecond();
    Meter { full_at_us: now + full_in, at_us: now + seen_in, day_ends_us, spent }
}

#[test]
fn the_script_and_the_arithmetic_agree_on_the_known_cases() {
    let mut server = Server::start();
    let now = server.now();
    let days = Days::around(now);
    let today = days.0[1].as_microsecond();
    let table = [
        ("a number that never sent", Meter::default(), draw(1, 100, 60, 0, DayBudget::KeptTo, days)),
        ("a full bucket", left(now, -1, -1, today, 5), draw(1, 100, 60, 2_000, DayBudget::KeptTo, days)),
        ("an empty bucket", left(now, 12_000_000, 0, today, 5), draw(1, 1, 60, 2_000, DayBudget::KeptTo, days)),
        ("a debt", left(now, 100_000_000, 0, today, 5), draw(20, 20, 60, 2_000, DayBudget::KeptTo, days)),
        ("a large text", left(now, -5, -5, today, 5), draw(20, 20, 60, 2_000, DayBudget::KeptTo, days)),
        ("a clock set back", left(now, 12_000_000 + DAY, DAY, today, 5), draw(1, 1, 60, 0, DayBudget::KeptTo, days)),
        ("a spent day", left(now, 0, 0, today, 2_000), draw(1, 1, 60, 2_000, DayBudget::KeptTo, days)),
        ("a spent day overdrawn", left(now, 0, 0, today, 2_000), draw(1, 1, 60, 2_000, DayBudget::Overdrawn, days)),
        ("the end of a day", left(now, 0, 0, today, 1_999), draw(1, 9, 6_000, 2_000, DayBudget::KeptTo, days)),
        ("another day", left(now, 0, 0, today - DAY, 2_000), draw(1, 1, 60, 2_000, DayBudget::KeptTo, days)),
        ("a lost day ahead", left(now, 0, 0, today + 9 * DAY, 2_000), draw(1, 1, 60, 2_000, DayBudget::KeptTo, days)),
        ("the fastest", left(now, 0, 0, today, 0), draw(1, DRAWN_MAX, 100_000_000, 0, DayBudget::KeptTo, days)),
        ("the slowest", left(now, 0, 0, today, 0), draw(1, DRAWN_MAX, 1, 0, DayBudget::KeptTo, days)),
    ];
    for (name, meter, draw) in table {
        println!("{name}: {:?}", server.compare(meter, draw).verdict);
    }
}

#[test]
fn the_script_and_the_arithmetic_agree_on_any_draw() {
    let server = RefCell::new(Server::start());
    let now = server.borrow_mut().now();
    let per_minute = prop_oneof![1..10_u32, 1..2_000_u32, 1..=100_000_000_u32];
    let amount = || prop_oneof![1..20_u32, 1..=DRAWN_MAX];
    let meter =
        (-30_000_000..60_000_000_i64, prop_oneof![-DAY..=0, 0..DAY], 0..5_usize, prop_oneof![0..20_u32, 0..=u32::MAX]);
    let case = (amount(), amount(), per_minute, prop_oneof![0..30_u32, 0..=u32::MAX], any::<bool>(), -2..=2_i64, meter);
    let config = Config { failure_persistence: None, cases: 2_000, ..Config::default() };
    let agree = |(one, other, per_minute, per_day, kept, day_off, (full_in, seen_in, end, spent))| {
        let day = if kept { DayBudget::KeptTo } else { DayBudget::Overdrawn };
        let days = Days::around(now + SignedDuration::from_hours(24 * day_off));
        let known = days.0.map(Timestamp::as_microsecond);
        let day_ends = [0, known[0], known[1], known[2], known[2] + DAY][end];
        let (needed, wanted) = (u32::min(one, other), u32::max(one, other));
        let meter = left(now, full_in + seen_in, seen_in, day_ends, spent);
        server.borrow_mut().compare(meter, draw(needed, wanted, per_minute, per_day, day, days));
    };
    TestRunner::new(config)
        .run(&case, |case| {
            agree(case);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_given_back_is_taken_back_as_the_arithmetic_does() {
    let mut server = Server::start();
    let give_back = |server: &mut Server, unused: Unused| -> u8 {
        let arguments = [
            unused.segments.to_string(),
            unused.per_minute.to_string(),
            unused.day_ends_at.as_microsecond().to_string(),
        ];
        server.eval(GIVE_BACK, &arguments).unwrap()
    };
    let now = server.now();
    let days = Days::around(now);
    let unused = |segments, per_minute, end: usize| Unused {
        segments: some(segments),
        per_minute: some(per_minute),
        day_ends_at: days.0[end],
    };
    assert_eq!(give_back(&mut server, unused(1, 60, 1)), 0);
    for (segments, per_minute, end) in [(1, 60, 1), (7, 75, 0), (7, 999, 1), (DRAWN_MAX, 100_000_000, 1), (50, 1, 2)] {
        let meter = left(now, 5_000_000, 0, days.0[1].as_microsecond(), 40);
        let unused = unused(segments, per_minute, end);
        server.put(meter);
        assert_eq!(give_back(&mut server, unused), 1);
        assert_eq!(server.meter(), meter.give_back(unused));
    }
}

#[test]
fn a_look_writes_nothing_and_what_makes_no_sense_is_refused_before_anything_is_written() {
    let mut server = Server::start();
    let ends = Days::around(server.now()).0.map(|end| end.as_microsecond().to_string());
    let [a, b, c] = &ends;
    let looked: Vec<i64> = server.eval(DRAW, &["0", "0", "60", "10", "kept", a, b, c].map(String::from)).unwrap();
    assert_eq!((looked[0], looked[3], looked[4]), (0, 0, 0));
    let bad: [[&str; 8]; 8] = [
        ["2", "1", "60", "10", "kept", a, b, c],
        ["1", "1000001", "60", "10", "kept", a, b, c],
        ["1", "1", "0", "10", "kept", a, b, c],
        ["1", "1", "100000001", "10", "kept", a, b, c],
        ["1", "1", "60", "-1", "kept", a, b, c],
        ["1", "1", "60", "10", "ignored", a, b, c],
        ["1", "1.5", "60", "10", "kept", a, b, c],
        ["1", "1", "60", "10", "kept", a, b, ""],
    ];
    for arguments in bad {
        server.eval::<Vec<i64>>(DRAW, &arguments.map(String::from)).unwrap_err();
    }
    server.eval::<Vec<i64>>(DRAW, &[]).unwrap_err();
    let exists: bool = redis::cmd("EXISTS").arg(KEY).query(&mut server.connection).unwrap();
    assert!(!exists);
    redis::cmd("SET").arg(KEY).arg("other").exec(&mut server.connection).unwrap();
    server.eval::<Vec<i64>>(DRAW, &["1", "1", "60", "10", "kept", a, b, c].map(String::from)).unwrap_err();
}
