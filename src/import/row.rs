//! One row of a list: whose phone, since when, and why.

use csv::{ReaderBuilder, StringRecord};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::header::Columns;
use super::lines::Record;
use crate::domain::{Body, Phone, Practice};

/// Characters of a reason, and of a source: a sentence or two.
pub const REASON_CHARS_MAX: usize = 200;

/// The first text message was sent in December 1992: nobody opted out before.
const TEXTS_BEGAN: &str = "1992-12-03T00:00:00Z";

/// An opt-out by the vendor's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub phone: Phone,
    /// The last instant that it can mean.
    pub opted_out_at: Option<Timestamp>,
    pub reason: Option<Body>,
}

/// What a row is read by.
pub struct Rules {
    pub columns: Columns,
    pub number: Phone,
    pub zone: TimeZone,
}

/// What is wrong with a row. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("longer than 64 KiB")]
    LineTooLong,
    #[error("a quotation mark is not closed")]
    QuoteNotClosed,
    #[error("a quotation mark in the middle of a field")]
    StrayQuote,
    #[error("a carriage return in the middle of the line")]
    StrayReturn,
    #[error("not in UTF-8")]
    NotUtf8,
    #[error("{found} fields, and the first line has {expected}")]
    FieldCount { found: usize, expected: usize },
    #[error("not a phone number: write a plus sign, the country code and the number")]
    NotAPhone,
    #[error("the practice's own number")]
    OwnNumber,
    #[error("opted_out_at is no time: write 2026-03-01, or 2026-03-01T15:04:05Z with an offset")]
    NotATime,
    #[error("opted_out_at is in the future")]
    InTheFuture,
    #[error("opted_out_at is before there were text messages")]
    TooEarly,
    #[error("reason or source is longer than {REASON_CHARS_MAX} characters")]
    ReasonTooLong,
    #[error("reason or source has characters that are none of a text")]
    NotText,
}

impl Rules {
    pub fn of(columns: Columns, practice: &Practice) -> Self {
        let zone = TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC);
        Self { columns, number: practice.number.clone(), zone }
    }

    pub fn read(&self, record: &Record, now: Timestamp) -> Result<Row, Flaw> {
        let fields = fields(record)?;
        if fields.len() != self.columns.count {
            return Err(Flaw::FieldCount { found: fields.len(), expected: self.columns.count });
        }
        let phone = self.phone(&fields[self.columns.phone])?;
        let at = |index: usize| fields[index].trim();
        let opted_out_at = match self.columns.opted_out_at.map(at) {
            None | Some("") => None,
            Some(text) => Some(self.time(text, now)?),
        };
        let reason = self.columns.reason.map_or(Ok(String::new()), |index| line(&fields[index]))?;
        let source = self.columns.source.map_or(Ok(String::new()), |index| line(&fields[index]))?;
        let why = match (reason.is_empty(), source.is_empty()) {
            (false, false) => format!("{reason}; {source}"),
            (_, true) => reason,
            (true, false) => source,
        };
        Ok(Row { phone, opted_out_at, reason: (!why.is_empty()).then(|| Body::new(why)) })
    }

    /// E.164, or the digits of a North American number where the practice has one; with the usual punctuation, and with the
    /// apostrophe that keeps a spreadsheet from taking it for a formula.
    fn phone(&self, text: &str) -> Result<Phone, Flaw> {
        let text = text.trim();
        let text = text.strip_prefix('\'').unwrap_or(text);
        let bare: String = text.chars().filter(|letter| !matches!(letter, ' ' | '(' | ')' | '-' | '.')).collect();
        let is_north_american = self.number.expose().starts_with("+1");
        let in_full = match bare.len() {
            10 if is_north_american && !bare.starts_with('+') => format!("+1{bare}"),
            11 if is_north_american && bare.starts_with('1') => format!("+{bare}"),
            _ => bare,
        };
        let phone = Phone::parse(&in_full).map_err(|_| Flaw::NotAPhone)?;
        if phone == self.number { Err(Flaw::OwnNumber) } else { Ok(phone) }
    }

    /// A date lasts until its end where the practice is.
    fn time(&self, text: &str, now: Timestamp) -> Result<Timestamp, Flaw> {
        let is_date = text.len() == "2026-03-01".len() && !text.contains('T');
        let (begins, ends) = if is_date {
            let date: Date = text.parse().map_err(|_| Flaw::NotATime)?;
            let midnight = |date: Date| date.to_zoned(self.zone.clone()).map(|zoned| zoned.timestamp());
            let ends = date.tomorrow().and_then(midnight).map_err(|_| Flaw::NotATime)?;
            (midnight(date).map_err(|_| Flaw::NotATime)?, ends - SignedDuration::from_secs(1))
        } else {
            let at: Timestamp = text.parse().map_err(|_| Flaw::NotATime)?;
            (at, at)
        };
        let texts_began: Timestamp = TEXTS_BEGAN.parse().expect("it is a time");
        if begins > now {
            Err(Flaw::InTheFuture)
        } else if begins < texts_began {
            Err(Flaw::TooEarly)
        } else {
            Ok(ends)
        }
    }
}

/// A reason in one line.
fn line(text: &str) -> Result<String, Flaw> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > REASON_CHARS_MAX {
        return Err(Flaw::ReasonTooLong);
    }
    if line.chars().any(char::is_control) { Err(Flaw::NotText) } else { Ok(line) }
}

/// The fields of a record, by a reader of its own: what is odd in one is of no consequence for the next.
pub(super) fn fields(record: &Record) -> Result<StringRecord, Flaw> {
    if let Some(flaw) = record.flaw {
        return Err(flaw);
    }
    let capacity = record.raw.len().max(1);
    let mut reader = ReaderBuilder::new().has_headers(false).buffer_capacity(capacity).from_reader(&record.raw[..]);
    let mut fields = StringRecord::new();
    match reader.read_record(&mut fields) {
        Ok(_) => Ok(fields),
        // A slice can be read, and lengths are not compared within one record.
        Err(_) => Err(Flaw::NotUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Records;

    const NOW: &str = "2026-03-02T15:00:00Z";

    fn read(number: &str, header: &str, row: &str) -> Result<Row, Flaw> {
        let file = format!("{header}\n{row}");
        let mut records = Records::of(file.as_bytes());
        let columns = Columns::read(records.next_record().unwrap().as_ref()).unwrap();
        let zone = TimeZone::get("America/Denver").unwrap();
        let rules = Rules { columns, number: Phone::parse(number).unwrap(), zone };
        rules.read(&records.next_record().unwrap().unwrap(), NOW.parse().unwrap())
    }

    #[track_caller]
    fn phone(text: &str, expected: Result<&str, Flaw>) {
        let found = read("+13035550100", "phone", text).map(|row| row.phone.expose().to_owned());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn phones_are_read_as_vendors_write_them() {
        for text in [
            "+13035550123",
            "3035550123",
            "13035550123",
            "(303) 555-0123",
            "+1 303.555.0123",
            "'+13035550123",
            " 303-555-0123 ",
        ] {
            phone(text, Ok("+13035550123"));
        }
        phone("+442079460958", Ok("+442079460958"));
        for text in
            ["303555012", "0035550123", "1.3035550123E10", "three", "''+13035550123", "+1303555٠123", "911", "=1"]
        {
            phone(text, Err(Flaw::NotAPhone));
        }
        for own in ["+13035550100", "303-555-0100"] {
            phone(own, Err(Flaw::OwnNumber));
        }
        let abroad = |text: &str| read("+442079460000", "phone", text).map(|row| row.phone.expose().to_owned());
        assert_eq!(abroad("+442079460958"), Ok("+442079460958".into()));
        assert_eq!(abroad("2079460958"), Err(Flaw::NotAPhone), "whose ten digits these are nobody knows");
    }

    #[track_caller]
    fn time(text: &str, expected: Result<Option<&str>, Flaw>) {
        let row = format!("3035550123,{text}");
        let found = read("+13035550100", "phone,opted_out_at", &row).map(|row| row.opted_out_at);
        assert_eq!(found, expected.map(|at| at.map(|at| at.parse().unwrap())), "{text}");
    }

    #[test]
    fn times_are_instants_or_days_of_the_practice() {
        time("", Ok(None));
        time("2024-05-06T07:08:09Z", Ok(Some("2024-05-06T07:08:09Z")));
        time("2024-05-06T07:08:09-06:00", Ok(Some("2024-05-06T13:08:09Z")));
        time("2024-05-06", Ok(Some("2024-05-07T05:59:59Z")));
        time("2026-03-02", Ok(Some("2026-03-03T06:59:59Z")));
        time("2026-03-02T15:00:01Z", Err(Flaw::InTheFuture));
        time("2026-03-03", Err(Flaw::InTheFuture));
        time("9999-12-31", Err(Flaw::NotATime));
        time("1992-12-01", Err(Flaw::TooEarly));
        time("0001-01-01", Err(Flaw::TooEarly));
        for text in ["yesterday", "05/06/2024", "2024-02-30", "2024-05-06T07:08:09", "1714980489"] {
            time(text, Err(Flaw::NotATime));
        }
    }

    #[test]
    fn reasons_are_kept_in_one_line() {
        let why = |row: &str| {
            let read = read("+13035550100", "phone,reason,source", &format!("3035550123,{row}"));
            read.map(|row| row.reason.map(|reason| reason.expose().to_owned()))
        };
        assert_eq!(why("STOP,text"), Ok(Some("STOP; text".into())));
        assert_eq!(
            why("\"said \"\"no, thanks\"\"\r\n and hung up\",\"\""),
            Ok(Some("said \"no, thanks\" and hung up".into()))
        );
        assert_eq!(why(",desk"), Ok(Some("desk".into())));
        assert_eq!(why(","), Ok(None));
        assert_eq!(why(&format!("{},", "é".repeat(200))), Ok(Some("é".repeat(200))));
        assert_eq!(why(&format!("{},", "é".repeat(201))), Err(Flaw::ReasonTooLong));
        assert_eq!(why("a\u{0}b,"), Err(Flaw::NotText));
        assert_eq!(why("a"), Err(Flaw::FieldCount { found: 2, expected: 3 }));
        assert_eq!(why("a,b,c"), Err(Flaw::FieldCount { found: 4, expected: 3 }));
    }

    #[test]
    fn what_is_not_utf_8_is_a_flaw() {
        let record = Records::of(&b"303\xff"[..]).next_record().unwrap().unwrap();
        assert_eq!(fields(&record), Err(Flaw::NotUtf8));
    }
}
