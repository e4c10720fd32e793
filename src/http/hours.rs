//! Quiet hours and office hours, as a practice sets them.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::fields::Fields;
use crate::domain::hours::{OfficeHours, Opening, QuietHours, TimeOfDay};

const WEEK: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// The part of the day in which texts wait; left out, or `null`, is none.
pub fn read_quiet(fields: &mut Fields) -> Option<QuietHours> {
    let mut hours = fields.object_or_null("quiet_hours")?;
    let from = hours.text("from", TimeOfDay::parse);
    let to = hours.text("to", |text| {
        let to = TimeOfDay::parse(text)?;
        from.map_or(Ok(to), |from| QuietHours::new(from, to).map(|_| to))
    });
    fields.absorb("quiet_hours", hours);
    from.zip(to).and_then(|(from, to)| QuietHours::new(from, to).ok())
}

/// When the practice is open; left out, or `null`, is never told to patients. A day that is left out is closed.
pub fn read_office(fields: &mut Fields) -> Option<OfficeHours> {
    let mut week = fields.object_or_null("office_hours")?;
    let mut hours = OfficeHours::default();
    for (name, day) in WEEK {
        if let Some(openings) = week.texts(name, Opening::parse)
            && let Err(wrong) = hours.open(day, openings)
        {
            week.refuse(name, &wrong);
        }
    }
    fields.absorb("office_hours", week);
    Some(hours)
}

/// Quiet hours as they were set.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "QuietHours", example = json!({"from": "21:00", "to": "08:00"}))]
pub struct QuietView {
    from: String,
    to: String,
}

impl QuietView {
    pub fn of(hours: &QuietHours) -> Self {
        Self { from: hours.from().to_string(), to: hours.to().to_string() }
    }
}

/// The days on which a practice opens, as they were set.
pub fn office_view(hours: &OfficeHours) -> BTreeMap<&'static str, Vec<String>> {
    let openings = |day| hours.on(day).iter().map(Opening::to_string).collect::<Vec<_>>();
    WEEK.map(|(name, day)| (name, openings(day))).into_iter().filter(|(_, openings)| !openings.is_empty()).collect()
}
