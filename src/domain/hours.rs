//! When a practice is open, and when nobody wants a text of it: by the clocks on the wall, which are set forward and back.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday, time};
use jiff::tz::TimeZone;

/// Times at which a practice opens on one day: the morning, the afternoon, and then some.
pub const OPENINGS_MAX: usize = 4;

/// Why hours can't be what they are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    #[error("must be a time of day as HH:MM, such as 08:30")]
    TimeOfDay,
    #[error("must be two times as HH:MM-HH:MM, the first before the second, such as 08:30-17:00")]
    Opening,
    #[error("must be at most {OPENINGS_MAX} openings, each after the one before")]
    Openings,
    #[error("must be another time than the one they begin at")]
    Empty,
}

/// A time of day, in minutes since midnight. 24:00 ends a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

const MINUTES_OF_A_DAY: u16 = 24 * 60;

impl TimeOfDay {
    /// Reads `HH:MM`, from 00:00 to 24:00.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let number = |digits: &str| -> Option<u16> {
            let is_plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| digits.parse().ok()).flatten()
        };
        let read = || {
            let (hours, minutes) = text.split_once(':')?;
            let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
            Some(hours * 60 + minutes).filter(|at| *at <= MINUTES_OF_A_DAY).map(Self)
        };
        read().ok_or(HoursError::TimeOfDay)
    }

    fn of(time: Time) -> Self {
        let part = |number: i8| u16::try_from(number).expect("a time of day has no negative part");
        Self(part(time.hour()) * 60 + part(time.minute()))
    }

    /// As the clock shows it: midnight is 00:00.
    fn on_the_clock(self) -> Time {
        let part = |number: u16| i8::try_from(number).expect("there are few hours and minutes");
        time(part(self.0 / 60 % 24), part(self.0 % 60), 0, 0)
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The part of each day in which texts wait, unless they answer the patient: over midnight, as a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl QuietHours {
    pub fn new(from: TimeOfDay, to: TimeOfDay) -> Result<Self, HoursError> {
        // Midnight is the end of one day and the beginning of the next.
        let is_empty = from.0 % MINUTES_OF_A_DAY == to.0 % MINUTES_OF_A_DAY;
        if is_empty { Err(HoursError::Empty) } else { Ok(Self { from, to }) }
    }

    pub fn from(&self) -> TimeOfDay {
        self.from
    }

    pub fn to(&self) -> TimeOfDay {
        self.to
    }

    /// When the quiet of this moment ends; `None` if there is none. Where clocks are set forward over the end, it is
    /// when they have been.
    pub fn end(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let here = now.to_zoned(zone.clone());
        let (at, from) = (TimeOfDay::of(here.time()).0, self.from.0 % MINUTES_OF_A_DAY);
        let to = self.to.0 % MINUTES_OF_A_DAY;
        let is_quiet = if from < to { (from..to).contains(&at) } else { at >= from || at < to };
        if !is_quiet {
            return None;
        }
        let date = if at < to { here.date() } else { here.date().tomorrow().ok()? };
        let end = date.to_datetime(self.to.on_the_clock()).to_zoned(zone.clone()).ok()?.timestamp();
        // An hour that the clocks show twice is over when it is so the first time.
        Some(end).filter(|end| *end > now)
    }
}

/// From when until when a practice is open on some day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl Opening {
    /// Reads `HH:MM-HH:MM`.
    pub fn parse(text: &str) -> Result<Self, HoursError> {
        let (from, to) = text.split_once('-').ok_or(HoursError::Opening)?;
        let read = |text: &str| TimeOfDay::parse(text.trim()).map_err(|_| HoursError::Opening);
        let (from, to) = (read(from)?, read(to)?);
        if from < to { Ok(Self { from, to }) } else { Err(HoursError::Opening) }
    }
}

impl std::fmt::Display for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// When a practice is open in the week, from Monday on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfficeHours {
    days: [Vec<Opening>; 7],
}

impl OfficeHours {
    /// The practice is open at these times on this day.
    pub fn open(&mut self, day: Weekday, openings: Vec<Opening>) -> Result<(), HoursError> {
        let is_in_order = openings.windows(2).all(|pair| pair[0].to < pair[1].from);
        if openings.len() > OPENINGS_MAX || !is_in_order {
            return Err(HoursError::Openings);
        }
        self.days[place(day)] = openings;
        Ok(())
    }

    pub fn on(&self, day: Weekday) -> &[Opening] {
        &self.days[place(day)]
    }

    pub fn is_open(&self, now: Timestamp, zone: &TimeZone) -> bool {
        let here = now.to_zoned(zone.clone());
        let at = TimeOfDay::of(here.time());
        self.on(here.weekday()).iter().any(|opening| (opening.from..opening.to).contains(&at))
    }
}

fn place(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).expect("a week has seven days")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn quiet(from: &str, to: &str) -> QuietHours {
        QuietHours::new(TimeOfDay::parse(from).unwrap(), TimeOfDay::parse(to).unwrap()).unwrap()
    }

    #[track_caller]
    fn check(hours: QuietHours, zone_name: &str, now: &str, end: Option<&str>) {
        let found = hours.end(now.parse().unwrap(), &zone(zone_name));
        assert_eq!(found, end.map(|end| end.parse().unwrap()), "{hours:?} in {zone_name} at {now}");
    }

    #[test]
    fn the_night_is_quiet_where_the_patient_is() {
        let night = quiet("21:00", "08:00");
        // It is winter: Denver is seven hours behind, Honolulu ten.
        check(night, "America/Denver", "2026-01-10T03:59:59Z", None);
        check(night, "America/Denver", "2026-01-10T04:00:00Z", Some("2026-01-10T15:00:00Z"));
        check(night, "America/Denver", "2026-01-10T14:59:59Z", Some("2026-01-10T15:00:00Z"));
        check(night, "America/Denver", "2026-01-10T15:00:00Z", None);
        check(night, "Pacific/Honolulu", "2026-01-10T15:00:00Z", Some("2026-01-10T18:00:00Z"));
        let noon = quiet("12:00", "13:30");
        check(noon, "America/Denver", "2026-01-10T19:00:00Z", Some("2026-01-10T20:30:00Z"));
        check(noon, "America/Denver", "2026-01-10T20:30:00Z", None);
        check(quiet("18:00", "24:00"), "UTC", "2026-01-10T23:59:00Z", Some("2026-01-11T00:00:00Z"));
        check(quiet("18:00", "24:00"), "UTC", "2026-01-11T00:00:00Z", None);
    }

    #[test]
    fn a_night_in_which_the_clocks_are_set_is_an_hour_shorter_or_longer() {
        let night = quiet("21:00", "08:00");
        check(night, "America/Denver", "2026-03-08T05:00:00Z", Some("2026-03-08T14:00:00Z"));
        check(night, "America/Denver", "2026-11-01T04:00:00Z", Some("2026-11-01T15:00:00Z"));
        // It ends at a time that there is not, and at one that there is twice.
        check(quiet("22:00", "02:30"), "America/Denver", "2026-03-08T08:00:00Z", Some("2026-03-08T09:30:00Z"));
        check(quiet("22:00", "01:30"), "America/Denver", "2026-11-01T07:10:00Z", Some("2026-11-01T07:30:00Z"));
        check(quiet("22:00", "01:30"), "America/Denver", "2026-11-01T08:10:00Z", None);
    }

    #[test]
    fn a_practice_is_open_when_it_says_so() {
        let mut hours = OfficeHours::default();
        let openings = ["08:00-12:00", "13:00-17:30"].map(|text| Opening::parse(text).unwrap());
        hours.open(Weekday::Monday, openings.to_vec()).unwrap();
        hours.open(Weekday::Sunday, vec![Opening::parse("22:00-24:00").unwrap()]).unwrap();
        for (now, is_open) in [
            ("2026-01-12T14:59:00Z", false),
            ("2026-01-12T15:00:00Z", true),
            ("2026-01-12T19:00:00Z", false),
            ("2026-01-12T20:00:00Z", true),
            ("2026-01-13T00:30:00Z", false),
            ("2026-01-13T15:00:00Z", false),
            // A minute before midnight on Sunday in Denver.
            ("2026-01-12T06:59:00Z", true),
            ("2026-01-12T07:00:00Z", false),
        ] {
            assert_eq!(hours.is_open(now.parse().unwrap(), &zone("America/Denver")), is_open, "{now}");
        }
    }

    #[test]
    fn what_can_not_be_hours_is_refused() {
        for text in ["", "8:00", "24:01", "12:60", "-1:00", "08.00", "08:00:00", "+8:00", "0８:00"] {
            assert_eq!(TimeOfDay::parse(text), Err(HoursError::TimeOfDay), "{text}");
        }
        for text in ["08:00", "08:00-", "12:00-08:00", "08:00-08:00", "08:00-12:00-13:00", "a-b"] {
            assert_eq!(Opening::parse(text), Err(HoursError::Opening), "{text}");
        }
        let [midnight, end] = ["00:00", "24:00"].map(|text| TimeOfDay::parse(text).unwrap());
        assert_eq!(QuietHours::new(midnight, end), Err(HoursError::Empty), "no text would ever leave");
        let opening = |text| Opening::parse(text).unwrap();
        let mut hours = OfficeHours::default();
        for openings in [
            vec![opening("08:00-12:00"), opening("11:00-13:00")],
            vec![opening("13:00-14:00"), opening("08:00-12:00")],
            vec![opening("01:00-02:00"); OPENINGS_MAX + 1],
        ] {
            assert_eq!(hours.open(Weekday::Friday, openings), Err(HoursError::Openings));
        }
        assert_eq!(hours, OfficeHours::default());
    }

    #[test]
    fn hours_are_written_as_they_are_read() {
        for text in ["00:00-24:00", "08:05-17:30"] {
            assert_eq!(Opening::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(TimeOfDay::parse("21:00").unwrap().to_string(), "21:00");
    }
}
