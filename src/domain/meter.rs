//! What a practice number has sent of what it may: a bucket that drains with time, and the day's budget. In segments.
//!
//! The bucket is the generic cell rate algorithm (ITU-T I.371), kept as the instant at which it will be full again.
//! Every time here is a whole number of microseconds since 1970, so that a script which knows nothing but doubles
//! comes to the same answers.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The share of a minute's segments that may leave at once after a quiet time.
const BURST_SHARE: u32 = 5;
/// The most segments that one draw may ask for: its arithmetic stays exact in doubles.
pub const DRAWN_MAX: u32 = 1_000_000;
/// Whose midnight ends the day of every budget, whatever the practice's own zone: carriers count so.
pub(super) const DAY_ZONE: &str = "America/Los_Angeles";
const MINUTE_US: i64 = 60_000_000;

/// The state of one number's limit. The default is a number that never sent anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meter {
    /// When the bucket will be full again.
    pub full_at_us: i64,
    /// When this was last written, on the same clock.
    pub at_us: i64,
    /// The end of the day that `spent` is of.
    pub day_ends_us: i64,
    /// Segments drawn of that day.
    pub spent: u32,
}

/// The limits of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_minute: NonZeroU32,
    /// `None` is no limit.
    pub per_day: Option<NonZeroU32>,
}

/// The ends of yesterday, of today and of tomorrow, as whoever draws sees them. Which of them is ahead is for the store
/// to say, by its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub [Timestamp; 3]);

/// What is asked of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Segments that must be had at once, or none.
    pub needed: NonZeroU32,
    /// Segments that could be used; never fewer than `needed`, and at most [`DRAWN_MAX`].
    pub wanted: NonZeroU32,
    pub rate: Rate,
    pub day: DayBudget,
    pub days: Days,
}

/// Whether a draw has to keep to the day's budget. It counts in it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayBudget {
    KeptTo,
    /// For what is owed within minutes.
    Overdrawn,
}

/// The answer to a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    pub verdict: Verdict,
    /// How it stands after that.
    pub standing: Standing,
}

/// Whether there are segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// From `needed` to `wanted` of them.
    Granted(NonZeroU32),
    /// The bucket has not as many as are needed before this time has passed.
    NotBefore(Duration),
    /// The day's budget has not as many as are needed.
    DaySpent,
}

/// How a meter stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The time in which the bucket fills if nothing is drawn.
    pub full_in: Duration,
    pub spent_today: u32,
    pub day_ends_at: Timestamp,
}

/// How much of a day's budget is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    Open,
    /// Four fifths are spent.
    Nearing,
    Spent,
}

/// Segments that were drawn and will not be used. Those of a send that may have gone out are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unused {
    pub segments: NonZeroU32,
    pub per_minute: NonZeroU32,
    /// The end of the day of which they were drawn, as it was told then.
    pub day_ends_at: Timestamp,
}

impl Meter {
    /// Draws segments, or says when there will be some. The meter that comes back is to be written whatever the verdict is.
    #[must_use]
    pub fn draw(self, draw: Draw, now: Timestamp) -> (Self, Drawn) {
        let now_us = now.as_microsecond();
        let mut next = self.seen_at(now_us, draw.days);
        let Rate { per_minute, per_day } = draw.rate;
        let needed = draw.needed.get();

        // A text larger than the day's budget needs a day of which nothing is spent, or it could never go.
        let left = per_day.map_or(u32::MAX, |per_day| per_day.get().saturating_sub(next.spent));
        let is_spent = draw.day == DayBudget::KeptTo && next.spent > 0 && needed > left;
        let ready_us = next.full_at_us - burst_us(per_minute) + fill_us(needed.min(burst(per_minute)), per_minute);
        let verdict = if is_spent {
            Verdict::DaySpent
        } else if ready_us > now_us {
            Verdict::NotBefore(Duration::from_micros((ready_us - now_us).unsigned_abs()))
        } else {
            let room_us = now_us + burst_us(per_minute) - next.full_at_us.max(now_us);
            let of_bucket = u32::try_from(room_us * i64::from(per_minute.get()) / MINUTE_US).unwrap_or(u32::MAX);
            let granted = draw.wanted.get().min(of_bucket).min(left).max(needed);
            next.full_at_us = next.full_at_us.max(now_us) + fill_us(granted, per_minute);
            next.spent = next.spent.saturating_add(granted);
            Verdict::Granted(NonZeroU32::new(granted).expect("what is granted is no less than what is needed"))
        };
        (next, Drawn { verdict, standing: next.standing_at(now_us) })
    }

    /// Takes back what was drawn and not used; of another day it no longer counts.
    #[must_use]
    pub fn give_back(self, unused: Unused) -> Self {
        let freed_us = i64::from(unused.segments.get()) * MINUTE_US / i64::from(unused.per_minute.get());
        let is_of_this_day = self.day_ends_us == unused.day_ends_at.as_microsecond();
        let spent = if is_of_this_day { self.spent.saturating_sub(unused.segments.get()) } else { self.spent };
        Self { full_at_us: self.full_at_us - freed_us, spent, ..self }
    }

    /// How it stands, with nothing drawn.
    #[must_use]
    pub fn standing(self, days: Days, now: Timestamp) -> Standing {
        let now_us = now.as_microsecond();
        self.seen_at(now_us, days).standing_at(now_us)
    }

    /// The meter as it is at this moment: of the day that it is, and not ahead of a clock that was set back.
    fn seen_at(self, now_us: i64, days: Days) -> Self {
        let ends = days.0.map(Timestamp::as_microsecond);
        let ends_next = ends.into_iter().find(|end| *end > now_us).unwrap_or(ends[2]);
        // A clock that was set back over a midnight does not open the day anew; one that was far ahead does not leave
        // its day behind.
        let is_same_day = (ends_next..=ends[2]).contains(&self.day_ends_us);
        let (day_ends_us, spent) = if is_same_day { (self.day_ends_us, self.spent) } else { (ends_next, 0) };
        // The bucket has as far to go as when it was last seen: no farther, because the clock says that it is earlier.
        let set_back_us = (self.at_us - now_us).max(0);
        Self { full_at_us: self.full_at_us - set_back_us, at_us: now_us, day_ends_us, spent }
    }

    fn standing_at(self, now_us: i64) -> Standing {
        Standing {
            full_in: Duration::from_micros((self.full_at_us - now_us).max(0).unsigned_abs()),
            spent_today: self.spent,
            day_ends_at: Timestamp::from_microsecond(self.day_ends_us).expect("the end of a day was a timestamp"),
        }
    }
}

impl Days {
    /// The days around a moment.
    pub fn around(now: Timestamp) -> Self {
        let zone = TimeZone::get(DAY_ZONE).expect("the time zone database is bundled");
        let today = now.to_zoned(zone.clone()).date();
        let begins = |date: jiff::civil::Date| {
            date.to_zoned(zone.clone()).expect("a day of this century begins somewhere").timestamp()
        };
        let tomorrow = today.tomorrow().expect("the calendar goes on");
        Self([begins(today), begins(tomorrow), begins(tomorrow.tomorrow().expect("the calendar goes on"))])
    }
}

impl Standing {
    /// How much of the day's budget is left.
    pub fn budget(&self, per_day: Option<NonZeroU32>) -> Budget {
        let Some(per_day) = per_day else { return Budget::Open };
        if self.spent_today >= per_day.get() {
            Budget::Spent
        } else if u64::from(self.spent_today) * 5 >= u64::from(per_day.get()) * 4 {
            Budget::Nearing
        } else {
            Budget::Open
        }
    }

    /// When as many segments as that, on top of those that wait, should have left the bucket. The day's budget is not
    /// looked at.
    pub fn expects(&self, segments: u32, per_minute: NonZeroU32, now: Timestamp) -> Timestamp {
        let full_us = i64::try_from(self.full_in.as_micros()).unwrap_or(i64::MAX);
        let wait_us = full_us.saturating_add(fill_us(segments, per_minute)) - burst_us(per_minute);
        now + Duration::from_micros(wait_us.max(0).unsigned_abs())
    }
}

/// How many segments may leave at once after a quiet time.
pub fn burst(per_minute: NonZeroU32) -> u32 {
    (per_minute.get() / BURST_SHARE).max(1)
}

/// The time in which an empty bucket fills.
fn burst_us(per_minute: NonZeroU32) -> i64 {
    fill_us(burst(per_minute), per_minute)
}

/// The time that so many segments take, rounded up.
fn fill_us(segments: u32, per_minute: NonZeroU32) -> i64 {
    let per_minute = i64::from(per_minute.get());
    (i64::from(segments) * MINUTE_US + per_minute - 1) / per_minute
}

#[cfg(test)]
mod tests;
