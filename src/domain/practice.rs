//! A practice: the site that owns one texting number.

use std::num::NonZeroU32;

use jiff::Timestamp;
use jiff::civil::time;
use jiff::tz::TimeZone;

use super::hours::{OfficeHours, QuietHours};
use super::meter::DAY_ZONE;
use super::texts::Texts;
use super::{Phone, PracticeId, Rate};

/// Segments a minute that a low-volume 10DLC campaign may send through AT&T.
pub const SEGMENTS_PER_MINUTE_DEFAULT: NonZeroU32 = NonZeroU32::new(75).expect("75 is not zero");

/// Segments a day that a low-volume 10DLC brand may send through T-Mobile.
pub const SEGMENTS_PER_DAY_DEFAULT: NonZeroU32 = NonZeroU32::new(2_000).expect("2,000 is not zero");
/// Nobody wants a text of their clinic before this hour.
const OPENING_HOUR: i8 = 8;

/// A practice as the operator described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    pub id: PracticeId,
    /// The name that patients know; it opens every text that Assent writes itself.
    pub name: String,
    /// The practice's own texting number. It never changes: consent was given to this number.
    pub number: Phone,
    /// IANA name, such as `America/Denver`.
    pub time_zone: String,
    /// Whom a patient can call, as it stands in the HELP reply.
    pub contact: String,
    pub segments_per_minute: NonZeroU32,
    /// `None` is no limit.
    pub segments_per_day: Option<NonZeroU32>,
    /// How it words what Assent writes itself.
    pub texts: Texts,
    /// When its texts wait, unless they answer the patient.
    pub quiet_hours: Option<QuietHours>,
    /// When it is open. Without them nobody is told that it is closed.
    pub office_hours: Option<OfficeHours>,
}

impl Practice {
    /// What its number may send.
    pub fn rate(&self) -> Rate {
        Rate { per_minute: self.segments_per_minute, per_day: self.segments_per_day }
    }

    /// Until when it is quiet where the patient is: in their own zone, else in the practice's.
    pub fn quiet_until(&self, now: Timestamp, zone: Option<&str>) -> Option<Timestamp> {
        let hours = self.quiet_hours.as_ref()?;
        hours.end(now, &zone_named(zone.unwrap_or(&self.time_zone)))
    }

    /// Whether patients are to be told that nobody reads their texts at this moment.
    pub fn is_closed(&self, now: Timestamp) -> bool {
        self.office_hours.as_ref().is_some_and(|hours| !hours.is_open(now, &zone_named(&self.time_zone)))
    }

    /// When what the budget of a day was too small for may go: in the day that begins then, and not in the night.
    pub fn opens_after(&self, day_ends_at: Timestamp) -> Timestamp {
        let date = day_ends_at.to_zoned(zone_named(DAY_ZONE)).date();
        let opening = date.to_datetime(time(OPENING_HOUR, 0, 0, 0)).to_zoned(zone_named(&self.time_zone));
        opening.map_or(day_ends_at, |opening| opening.timestamp().max(day_ends_at))
    }
}

/// A zone by the name that was checked when it was set.
pub(super) fn zone_named(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_goes_the_next_day_and_not_in_the_night() {
        let opens = |zone: &str, day_ends_at: &str| {
            let practice = Practice {
                id: PracticeId::parse("riverside").unwrap(),
                name: "Riverside PT".into(),
                number: Phone::parse("+13035550100").unwrap(),
                time_zone: zone.into(),
                contact: "303-555-0100".into(),
                segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
                segments_per_day: Some(SEGMENTS_PER_DAY_DEFAULT),
                texts: Texts::default(),
                quiet_hours: None,
                office_hours: None,
            };
            practice.opens_after(day_ends_at.parse().unwrap()).to_string()
        };
        let table = [
            ("America/Los_Angeles", "2026-03-05T08:00:00Z", "2026-03-05T16:00:00Z"),
            ("America/New_York", "2026-03-05T08:00:00Z", "2026-03-05T13:00:00Z"),
            ("Pacific/Honolulu", "2026-03-05T08:00:00Z", "2026-03-05T18:00:00Z"),
            // It is afternoon there when the day ends.
            ("Pacific/Guam", "2026-03-05T08:00:00Z", "2026-03-05T08:00:00Z"),
            // The clocks go forward that night.
            ("America/Denver", "2026-03-08T08:00:00Z", "2026-03-08T14:00:00Z"),
            ("America/Denver", "2026-11-01T07:00:00Z", "2026-11-01T15:00:00Z"),
        ];
        for (zone, day_ends_at, expected) in table {
            assert_eq!(opens(zone, day_ends_at), expected, "{zone}");
        }
    }
}
