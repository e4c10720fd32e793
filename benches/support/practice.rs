//! The practice that is measured.

use assent::domain::{Phone, Practice, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT};

pub fn practice() -> Practice {
    Practice {
        id: PracticeId::parse("riverside").expect("an id"),
        name: "Riverside Dental".into(),
        number: Phone::parse("+13035559999").expect("a phone"),
        time_zone: "America/Denver".into(),
        contact: "303-555-9999".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    }
}
