//! What a meter answers, as tables.

use super::*;

const START: &str = "2026-03-04T20:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn some(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A number and the clock of its store.
struct Table {
    meter: Meter,
    now: Timestamp,
    rate: Rate,
    day: DayBudget,
}

impl Table {
    fn new(per_minute: u32, per_day: Option<u32>) -> Self {
        let rate = Rate { per_minute: some(per_minute), per_day: per_day.map(some) };
        Self { meter: Meter::default(), now: at(START), rate, day: DayBudget::KeptTo }
    }

    fn draw(&mut self, needed: u32, wanted: u32) -> Verdict {
        let (needed, wanted) = (some(needed), some(wanted));
        let draw = Draw { needed, wanted, rate: self.rate, day: self.day, days: Days::around(self.now) };
        let (next, drawn) = self.meter.draw(draw, self.now);
        self.meter = next;
        assert_eq!(drawn.standing, next.standing(draw.days, self.now));
        drawn.verdict
    }

    #[track_caller]
    fn grants(&mut self, needed: u32, wanted: u32, expected: u32) {
        assert_eq!(self.draw(needed, wanted), Verdict::Granted(some(expected)));
    }

    #[track_caller]
    fn says_not_before(&mut self, needed: u32, milliseconds: u64) {
        assert_eq!(self.draw(needed, needed), Verdict::NotBefore(Duration::from_millis(milliseconds)));
    }

    fn later(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
    }

    fn spent(&self) -> u32 {
        self.meter.standing(Days::around(self.now), self.now).spent_today
    }
}

#[test]
fn a_burst_leaves_at_once_and_the_rest_at_the_rate() {
    let mut number = Table::new(60, None);
    number.grants(10, 10, 10);
    number.grants(1, 5, 2);
    number.says_not_before(1, 1_000);
    number.says_not_before(3, 3_000);
    number.later(3);
    number.grants(1, 20, 3);
    number.later(3_600);
    number.grants(1, 20, 12);
}

#[test]
fn a_text_larger_than_a_burst_waits_for_a_full_bucket_and_leaves_a_debt() {
    let mut number = Table::new(60, None);
    number.grants(20, 20, 20);
    number.says_not_before(12, 20_000);
    number.says_not_before(1, 9_000);
    number.later(19);
    number.says_not_before(13, 1_000);
    number.later(1);
    number.grants(13, 13, 13);
}

#[test]
fn a_slow_number_has_a_burst_of_one() {
    let mut number = Table::new(1, None);
    number.grants(1, 100, 1);
    number.says_not_before(1, 60_000);
}

#[test]
fn a_rate_beyond_a_segment_a_microsecond_is_kept_to() {
    let mut number = Table::new(100_000_000, None);
    number.grants(1, DRAWN_MAX, DRAWN_MAX);
    assert_eq!(number.meter.standing(Days::around(number.now), number.now).full_in, Duration::from_millis(600));
}

#[test]
fn a_clock_that_was_set_back_locks_a_number_no_longer_than_its_bucket() {
    for seconds in [1, 3_600, 400 * 86_400] {
        let mut number = Table::new(60, Some(100));
        number.grants(12, 12, 12);
        number.later(-seconds);
        number.says_not_before(12, 12_000);
        number.later(1);
        number.says_not_before(12, 11_000);
        number.later(11);
        number.grants(12, 12, 12);
    }
}

#[test]
fn what_was_not_used_is_there_again_and_counts_no_more() {
    let mut number = Table::new(60, Some(100));
    number.grants(1, 12, 12);
    let day_ends_at = number.meter.standing(Days::around(number.now), number.now).day_ends_at;
    let unused = Unused { segments: some(5), per_minute: number.rate.per_minute, day_ends_at };
    number.meter = number.meter.give_back(unused);
    assert_eq!(number.spent(), 7);
    number.grants(1, 12, 5);

    // Of yesterday it is no more than time.
    number.later(86_400);
    number.grants(3, 3, 3);
    number.meter = number.meter.give_back(unused);
    assert_eq!(number.spent(), 3);
}

#[test]
fn giving_back_never_makes_more_than_there_was() {
    for per_minute in [1, 7, 75, 999, 1_000_003] {
        let mut number = Table::new(per_minute, None);
        let before = number.meter.standing(Days::around(number.now), number.now).full_in;
        number.grants(7, 7, 7);
        for segments in [3, 1, 2, 1] {
            let unused =
                Unused { segments: some(segments), per_minute: number.rate.per_minute, day_ends_at: number.now };
            number.meter = number.meter.give_back(unused);
        }
        assert!(number.meter.full_at_us >= number.now.as_microsecond(), "{per_minute}");
        assert_eq!(before, Duration::ZERO);
    }
}

#[test]
fn a_day_has_its_budget_and_no_more() {
    let mut number = Table::new(6_000, Some(10));
    number.grants(4, 4, 4);
    number.grants(1, 100, 6);
    assert_eq!(number.draw(1, 1), Verdict::DaySpent);

    // What is owed within minutes goes all the same, and counts.
    number.day = DayBudget::Overdrawn;
    number.grants(1, 1, 1);
    assert_eq!(number.spent(), 11);

    number.day = DayBudget::KeptTo;
    number.later(12 * 3_600);
    number.grants(1, 1, 1);
    assert_eq!(number.spent(), 1);
}

#[test]
fn a_text_larger_than_the_days_budget_needs_an_untouched_day() {
    let mut number = Table::new(6_000, Some(3));
    number.grants(5, 5, 5);
    assert_eq!(number.draw(5, 5), Verdict::DaySpent);
    number.later(12 * 3_600);
    number.grants(1, 1, 1);
    assert_eq!(number.draw(5, 5), Verdict::DaySpent);
}

#[test]
fn a_clock_set_back_over_midnight_does_not_open_the_day_anew() {
    let mut number = Table::new(6_000, Some(10));
    number.now = at("2026-03-05T08:00:10Z");
    number.grants(10, 10, 10);
    number.later(-60);
    assert_eq!(number.draw(1, 1), Verdict::DaySpent);
    // One that was a year ahead does not take this year's days along.
    number.later(-365 * 86_400);
    number.later(1);
    number.grants(1, 10, 10);
}

#[test]
fn the_stores_clock_says_which_day_it_is() {
    let days = Days::around(at("2026-03-05T07:59:59Z"));
    let draw = |now: &str| {
        let rate = Rate { per_minute: some(60), per_day: Some(some(10)) };
        let draw = Draw { needed: some(1), wanted: some(1), rate, day: DayBudget::KeptTo, days };
        Meter::default().draw(draw, at(now)).1.standing.day_ends_at
    };
    let table = [
        ("2026-03-04T07:59:59Z", "2026-03-04T08:00:00Z"),
        ("2026-03-04T08:00:00Z", "2026-03-05T08:00:00Z"),
        ("2026-03-05T07:59:59Z", "2026-03-05T08:00:00Z"),
        ("2026-03-05T08:00:00Z", "2026-03-06T08:00:00Z"),
        ("2030-01-01T00:00:00Z", "2026-03-06T08:00:00Z"),
    ];
    for (now, ends) in table {
        assert_eq!(draw(now), at(ends), "{now}");
    }
}

#[test]
fn a_day_of_23_or_25_hours_ends_at_its_own_midnight() {
    let table = [
        // Clocks go forward on 8 March 2026, and back on 1 November.
        ("2026-03-08T12:00:00Z", ["2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z", "2026-03-10T07:00:00Z"]),
        ("2026-03-08T07:59:59Z", ["2026-03-07T08:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"]),
        ("2026-11-01T12:00:00Z", ["2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z", "2026-11-03T08:00:00Z"]),
        ("2026-11-02T07:30:00Z", ["2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z", "2026-11-03T08:00:00Z"]),
    ];
    for (now, ends) in table {
        assert_eq!(Days::around(at(now)), Days(ends.map(at)), "{now}");
    }
}

#[test]
fn what_waits_is_expected_when_the_bucket_has_it() {
    let now = at(START);
    let standing = |full_in| Standing { full_in, spent_today: 0, day_ends_at: now };
    let table = [(0, 1, 0), (0, 12, 0), (0, 13, 1), (12, 1, 1), (12, 12, 12), (20, 5, 13)];
    for (full_in, segments, seconds) in table {
        let expected = standing(Duration::from_secs(full_in)).expects(segments, some(60), now);
        assert_eq!(expected, now + Duration::from_secs(seconds), "{full_in} {segments}");
    }
}

#[test]
fn four_fifths_of_a_budget_are_near_its_end() {
    let table = [(7, 10, Budget::Open), (8, 10, Budget::Nearing), (9, 10, Budget::Nearing), (10, 10, Budget::Spent)];
    for (spent_today, per_day, expected) in table {
        let standing = Standing { full_in: Duration::ZERO, spent_today, day_ends_at: at(START) };
        assert_eq!(standing.budget(Some(some(per_day))), expected, "{spent_today} of {per_day}");
        assert_eq!(standing.budget(None), Budget::Open);
    }
}
