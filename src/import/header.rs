//! The first line of a list: which column says what.

use super::Flaw;
use super::lines::Record;

const KNOWN: &str = "the columns that are read are phone, opted_out_at, reason and source";

/// Where in a row everything stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    pub(super) phone: usize,
    pub(super) opted_out_at: Option<usize>,
    pub(super) reason: Option<usize>,
    pub(super) source: Option<usize>,
    pub(super) count: usize,
}

/// Why a file is not taken at all. What stands in it is not repeated: without a header that may be a patient's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("it is empty: the first line names the columns; {KNOWN}")]
    Empty,
    #[error("its first line can't be read ({0}): it names the columns; {KNOWN}")]
    Unreadable(Flaw),
    #[error(
        "column {column} says who may be texted, or may say so: an import can only opt out. \
         Make a file of those alone who opted out, without that column"
    )]
    MayOptIn { column: usize },
    #[error("column {column} of its first line is not known; {KNOWN}. Take the others out")]
    Unknown { column: usize },
    #[error("column {column} of its first line is there twice")]
    Twice { column: usize },
    #[error("its first line names no column phone; {KNOWN}")]
    NoPhone,
}

impl Columns {
    pub fn read(record: Option<&Record>) -> Result<Self, HeaderError> {
        let record = record.ok_or(HeaderError::Empty)?;
        let names = super::row::fields(record).map_err(HeaderError::Unreadable)?;
        let names: Vec<String> = names.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        if let Some(index) = names.iter().position(|name| may_opt_in(name)) {
            return Err(HeaderError::MayOptIn { column: index + 1 });
        }
        let (mut phone, mut opted_out_at, mut reason, mut source) = (None, None, None, None);
        for (index, name) in names.iter().enumerate() {
            let column = index + 1;
            let place = match name.as_str() {
                "phone" => &mut phone,
                "opted_out_at" => &mut opted_out_at,
                "reason" => &mut reason,
                "source" => &mut source,
                _ => return Err(HeaderError::Unknown { column }),
            };
            if place.replace(index).is_some() {
                return Err(HeaderError::Twice { column });
            }
        }
        let phone = phone.ok_or(HeaderError::NoPhone)?;
        Ok(Self { phone, opted_out_at, reason, source, count: names.len() })
    }
}

/// Whether a column is one by which lists tell those who may be texted from those who may not.
fn may_opt_in(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    let telling = ["optin", "optedin", "status", "consent", "subscri", "permission", "allow"];
    telling.iter().any(|word| letters.contains(word)) || ["state", "active", "enabled", "type"].contains(&&*letters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Records;

    fn read(header: &[u8]) -> Result<Columns, HeaderError> {
        Columns::read(Records::of(header).next_record().unwrap().as_ref())
    }

    #[track_caller]
    fn refused(header: &str, expected: HeaderError) {
        assert_eq!(read(header.as_bytes()), Err(expected), "{header}");
    }

    #[test]
    fn columns_come_in_any_order_and_case() {
        let found = read(b"Source, OPTED_OUT_AT ,phone\r\n").unwrap();
        let expected = Columns { phone: 2, opted_out_at: Some(1), reason: None, source: Some(0), count: 3 };
        assert_eq!(found, expected);
        assert_eq!(read(b"phone").unwrap().count, 1);
        assert_eq!(read("\u{feff}\"phone\"".as_bytes()).unwrap().phone, 0);
    }

    #[test]
    fn a_column_that_could_opt_in_is_refused() {
        for name in
            ["opt_in", "Opt-In", "opted_in_at", "status", "Subscription Status", "subscribed", "consent", "sms_consent"]
        {
            refused(&format!("phone,{name}"), HeaderError::MayOptIn { column: 2 });
        }
        let sentence = HeaderError::MayOptIn { column: 2 }.to_string();
        assert!(sentence.contains("an import can only opt out"), "{sentence}");
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_repeated() {
        refused("phone,name", HeaderError::Unknown { column: 2 });
        refused("+13035550123,2024-01-01", HeaderError::Unknown { column: 1 });
        refused("phone;opted_out_at", HeaderError::Unknown { column: 1 });
        refused("phone,", HeaderError::Unknown { column: 2 });
        refused("phone,reason,phone", HeaderError::Twice { column: 3 });
        refused("reason,source", HeaderError::NoPhone);
        refused("", HeaderError::Empty);
        refused("phone,\"reason", HeaderError::Unreadable(Flaw::QuoteNotClosed));
        assert_eq!(read(b"\xff\xfep\0h\0"), Err(HeaderError::Unreadable(Flaw::NotUtf8)));
    }
}
