//! A hold: a patient's text probably means "no more texts", and nothing goes out until staff have said what it means.

use jiff::civil::{DateTime, Weekday};
use jiff::{Timestamp, ToSpan};

use super::opt_out::ProbableOptOut;
use super::practice::zone_named;
use super::{MessageId, Practice, StaffId};

/// What holds a conversation, whatever else its consent is. It stands over all but opted out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub since: Timestamp,
    /// The patient's text.
    pub text: MessageId,
    /// Why it is read as it is.
    pub reading: ProbableOptOut,
}

impl Hold {
    /// When it counts as an opt-out, if nobody has settled it: a text that nobody had the time to read must not
    /// stay without consequence.
    pub fn ends_at(&self, practice: &Practice) -> Timestamp {
        one_business_day_after(self.since, &practice.time_zone)
    }
}

/// How a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The patient meant it: opted out, by that text.
    OptOut,
    /// The patient meant something else: what waits goes its way again.
    Release,
}

/// Who settled a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettledBy {
    /// Somebody of the staff; nobody in particular when the operator's own token did.
    Staff(Option<StaffId>),
    /// The patient, with START, or with STOP.
    Patient,
    /// The carrier, which says that the patient opted out there.
    Carrier,
    /// Nobody, within one business day.
    Time,
}

/// The same time of the next day from Monday to Friday, where the practice is; for what begins on a weekend, the end of
/// Monday.
fn one_business_day_after(since: Timestamp, time_zone: &str) -> Timestamp {
    let zone = zone_named(time_zone);
    let begins = since.to_zoned(zone.clone()).datetime();
    let in_days = |days: i64| begins.checked_add(days.days());
    let midnight_in = |days: i64| in_days(days).map(|day| day.date().to_datetime(Default::default()));
    let ends: Result<DateTime, _> = match begins.weekday() {
        Weekday::Monday | Weekday::Tuesday | Weekday::Wednesday | Weekday::Thursday => in_days(1),
        Weekday::Friday => in_days(3),
        Weekday::Saturday => midnight_in(3),
        Weekday::Sunday => midnight_in(2),
    };
    // Only the last days that a calendar can name have no next one.
    ends.and_then(|ends| ends.to_zoned(zone)).map_or(Timestamp::MAX, |ends| ends.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_day_is_one_where_the_practice_is_open() {
        let table = [
            // 2026-03-02 is a Monday.
            ("America/Denver", "2026-03-02T16:30:00Z", "2026-03-03T16:30:00Z"),
            ("America/Denver", "2026-03-05T23:00:00Z", "2026-03-06T23:00:00Z"),
            // Friday evening there, Saturday by UTC; the clocks go forward on Sunday.
            ("America/Denver", "2026-03-07T01:00:00Z", "2026-03-10T00:00:00Z"),
            ("America/Denver", "2026-03-07T18:00:00Z", "2026-03-10T06:00:00Z"),
            ("America/Denver", "2026-03-08T18:00:00Z", "2026-03-10T06:00:00Z"),
            // Sunday evening there, Monday by UTC.
            ("America/Los_Angeles", "2026-03-16T03:00:00Z", "2026-03-17T07:00:00Z"),
            // An hour that does not exist on the day after.
            ("Europe/Berlin", "2026-03-27T01:30:00Z", "2026-03-30T00:30:00Z"),
            ("Nowhere/Known", "2026-03-02T16:30:00Z", "2026-03-03T16:30:00Z"),
        ];
        for (zone, since, expected) in table {
            let since: Timestamp = since.parse().unwrap();
            assert_eq!(one_business_day_after(since, zone).to_string(), expected, "{zone} {since}");
        }
        assert!(one_business_day_after(Timestamp::MAX, "UTC") <= Timestamp::MAX);
    }
}
