//! Quiet hours and office hours as they are written.

use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

use super::ReadError;
use crate::domain::hours::{OfficeHours, Opening, QuietHours, TimeOfDay};

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// From when until when, as `HH:MM`.
#[derive(Serialize, Deserialize)]
pub struct QuietHoursV1(String, String);

/// The openings of each day as `HH:MM-HH:MM`, from Monday on.
#[derive(Serialize, Deserialize)]
pub struct OfficeHoursV1([Vec<String>; 7]);

impl From<&QuietHours> for QuietHoursV1 {
    fn from(hours: &QuietHours) -> Self {
        Self(hours.from().to_string(), hours.to().to_string())
    }
}

impl TryFrom<QuietHoursV1> for QuietHours {
    type Error = ReadError;

    fn try_from(QuietHoursV1(from, to): QuietHoursV1) -> Result<Self, ReadError> {
        let read = || Self::new(TimeOfDay::parse(&from)?, TimeOfDay::parse(&to)?);
        read().map_err(|_| ReadError::NotA("quiet hours"))
    }
}

impl From<&OfficeHours> for OfficeHoursV1 {
    fn from(hours: &OfficeHours) -> Self {
        Self(WEEK.map(|day| hours.on(day).iter().map(Opening::to_string).collect()))
    }
}

impl TryFrom<OfficeHoursV1> for OfficeHours {
    type Error = ReadError;

    fn try_from(OfficeHoursV1(days): OfficeHoursV1) -> Result<Self, ReadError> {
        let mut hours = Self::default();
        for (day, openings) in WEEK.into_iter().zip(days) {
            let openings = openings.iter().map(|text| Opening::parse(text)).collect::<Result<_, _>>();
            openings.and_then(|openings| hours.open(day, openings)).map_err(|_| ReadError::NotA("office hours"))?;
        }
        Ok(hours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_come_back_as_they_were_set() {
        let [from, to] = ["21:00", "24:00"].map(|text| TimeOfDay::parse(text).unwrap());
        let quiet = QuietHours::new(from, to).unwrap();
        assert_eq!(QuietHours::try_from(QuietHoursV1::from(&quiet)).unwrap(), quiet);
        let mut office = OfficeHours::default();
        for day in WEEK {
            office.open(day, vec![Opening::parse(&format!("0{}:00-12:00", place(day))).unwrap()]).unwrap();
        }
        assert_eq!(OfficeHours::try_from(OfficeHoursV1::from(&office)).unwrap(), office);
    }

    fn place(day: Weekday) -> i8 {
        day.to_monday_zero_offset()
    }
}
