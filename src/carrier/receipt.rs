//! Reads the text of a delivery receipt (SMPP 3.4 appendix B), in any order and case and with anything missing.

mod errors;
pub mod spelling;

use jiff::civil::DateTime;

pub use errors::Errors;

use crate::domain::{Opening, ReceiptState};

/// What the text of a receipt says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiptText {
    pub id: Option<String>,
    pub state: Option<ReceiptState>,
    /// The number of the error, if there is one and it is a number.
    pub error: Option<u16>,
    /// When the carrier got the text, by its own clocks.
    pub submitted: Option<DateTime>,
    /// How the text begins.
    pub opening: Option<Opening>,
}

/// Finds `id:`, `submit date:`, `stat:` and `err:`, and takes what follows `text:` for the beginning of the text, whatever
/// it says.
pub fn read(text: &str) -> ReceiptText {
    let lower = text.to_ascii_lowercase();
    let words = field(&lower, "text");
    let end = words.map_or(lower.len(), |at| at - "text:".len());
    let value = |name: &str| {
        let at = field(&lower[..end], name)?;
        let word = text[at..end].split_whitespace().next()?;
        // `id:` with nothing behind it: the next field is not its value.
        (!is_field(word)).then_some(word)
    };
    ReceiptText {
        id: value("id").map(str::to_owned),
        state: value("stat").map(state),
        error: value("err").and_then(|word| word.parse().ok()),
        submitted: value("submit date").and_then(date),
        opening: words.map(|at| Opening::of(&text[at..])).filter(|opening| !opening.expose().is_empty()),
    }
}

/// `YYMMDDhhmm`, and seconds where the carrier has them.
fn date(word: &str) -> Option<DateTime> {
    let format = if word.len() == 10 { "%y%m%d%H%M" } else { "%y%m%d%H%M%S" };
    DateTime::strptime(format, word).ok()
}

/// What `message_state` says (SMPP 3.4 §5.2.28).
pub fn state_of(message_state: u8) -> ReceiptState {
    match message_state {
        1 => ReceiptState::Enroute,
        2 => ReceiptState::Delivered,
        3 => ReceiptState::Expired,
        4 => ReceiptState::Deleted,
        5 => ReceiptState::Undeliverable,
        6 => ReceiptState::Accepted,
        8 => ReceiptState::Rejected,
        _ => ReceiptState::Unknown,
    }
}

/// Where the value of a field begins: after its name and the colon, at the start of a word.
fn field(lower: &str, name: &str) -> Option<usize> {
    lower.match_indices(name).find_map(|(at, _)| {
        let starts_word = lower[..at].chars().next_back().is_none_or(char::is_whitespace);
        let has_colon = lower[at + name.len()..].starts_with(':');
        (starts_word && has_colon).then_some(at + name.len() + 1)
    })
}

fn is_field(word: &str) -> bool {
    const NAMES: [&str; 8] = ["id", "sub", "dlvrd", "submit", "done", "stat", "err", "text"];
    word.split_once(':').is_some_and(|(name, _)| NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// Carriers shorten the words to seven letters, or do not.
fn state(word: &str) -> ReceiptState {
    const STATES: [(&str, ReceiptState); 10] = [
        ("ENROU", ReceiptState::Enroute),
        ("BUFFR", ReceiptState::Enroute),
        ("DELIV", ReceiptState::Delivered),
        ("EXPIR", ReceiptState::Expired),
        ("DELET", ReceiptState::Deleted),
        ("UNDEL", ReceiptState::Undeliverable),
        ("ACCEP", ReceiptState::Accepted),
        ("ACKED", ReceiptState::Accepted),
        ("REJEC", ReceiptState::Rejected),
        ("FAILE", ReceiptState::Undeliverable),
    ];
    let word = word.to_ascii_uppercase();
    let known = STATES.iter().find(|(start, _)| word.starts_with(start));
    known.map_or(ReceiptState::Unknown, |(_, state)| *state)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, id: Option<&str>, state: Option<ReceiptState>) {
        let found = read(text);
        assert_eq!((found.id.as_deref(), found.state), (id, state), "{text}");
    }

    #[test]
    fn the_dialects_of_receipts() {
        use ReceiptState::{Delivered, Undeliverable, Unknown};
        let full = "id:0123456789 sub:001 dlvrd:001 submit date:2601021304 done date:2601021305 \
                    stat:DELIVRD err:000 text:See you at 3";
        check(full, Some("0123456789"), Some(Delivered));
        check("ID:abc STAT:delivrd", Some("abc"), Some(Delivered));
        check("stat:UNDELIV id:7", Some("7"), Some(Undeliverable));
        check("id: 7 stat: DELIVERED", Some("7"), Some(Delivered));
        check("id: stat:FAILED", None, Some(Undeliverable));
        check("stat:FOO", None, Some(Unknown));
        check("id:9 stat:BUFFRED", Some("9"), Some(ReceiptState::Enroute));
        check("id:9 stat:ACKED", Some("9"), Some(ReceiptState::Accepted));
        check("Id:9\tDone Date:2601021305\r\nStat:Expired", Some("9"), Some(ReceiptState::Expired));
        check("id:9 submit date:260102 done date: stat:REJECTD", Some("9"), Some(ReceiptState::Rejected));
        check("msgid:9 substat:DELIVRD", None, None);
        check("id:1 text:stat:DELIVRD", Some("1"), None);
        check("", None, None);
        check("STOP", None, None);
    }

    #[test]
    fn the_error_is_a_number_or_none() {
        for (text, error) in [
            ("err:000", Some(0)),
            ("stat:UNDELIV ERR:027 text:", Some(27)),
            ("err: 69", Some(69)),
            ("err:65535", Some(u16::MAX)),
            ("err:65536", None),
            ("err:0x1B", None),
            ("err: text:err:1", None),
            ("stat:UNDELIV", None),
        ] {
            assert_eq!(read(text).error, error, "{text}");
        }
    }

    #[test]
    fn the_date_and_the_words_of_the_text_are_read_where_they_are_there() {
        let check = |text: &str, submitted: Option<&str>, opening: Option<&str>| {
            let found = read(text);
            assert_eq!(found.submitted, submitted.map(|date| date.parse().unwrap()), "{text}");
            assert_eq!(found.opening.as_ref().map(Opening::expose), opening, "{text}");
        };
        let full = "id:1 submit date:2601021304 done date:2601021305 stat:DELIVRD err:000 Text:See you at 3 on Monday";
        check(full, Some("2026-01-02T13:04"), Some("See you at 3 on Mond"));
        check("submit date:260102130459 text:", Some("2026-01-02T13:04:59"), None);
        check("submit date: 2601021304 text: ok ", Some("2026-01-02T13:04"), Some("ok"));
        check("submit date:2613021304", None, None);
        check("submit date:20260102T1304 stat:DELIVRD", None, None);
        check("submit date: done date:2601021305", None, None);
        check("text:submit date:2601021304", None, Some("submit date:26010213"));
    }

    proptest! {
        #[test]
        fn any_text_is_some_receipt(text: String) {
            read(&text);
        }

        #[test]
        fn fields_in_any_order_read_the_same(fields in Just(["id:x1", "stat:EXPIRED", "err:0", "sub:001"]).prop_shuffle()) {
            let expected = ReceiptText {
                id: Some("x1".into()),
                state: Some(ReceiptState::Expired),
                error: Some(0),
                ..ReceiptText::default()
            };
            prop_assert_eq!(read(&fields.join(" ")), expected);
        }
    }
}
