//! What a carrier does in its own way, told from one text that it was given and the receipts that came of it.

use jiff::Timestamp;

use super::short_message::ShortMessage;
use super::translate::{Dialect, receipt, receipt_words};
use crate::domain::{CarrierId, Clues, Likeness, ReceiptState};

/// What was seen of one text.
#[derive(Default)]
pub struct Seen {
    /// The `message_id` of the answer; `None` while there is none.
    pub message_id: Option<String>,
    /// When the text left.
    pub left_at: Option<Timestamp>,
    pub receipts: Vec<SeenReceipt>,
}

/// What came from the phone that was texted and is a receipt, or reads like one.
pub struct SeenReceipt {
    pub message: ShortMessage,
    pub came_before_the_answer: bool,
}

/// The fields of a receipt's text (SMPP 3.4 appendix B).
const FIELDS: [&str; 8] = ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text"];
/// `esm_class`: the message type, and that of a receipt (SMPP 3.4 §5.2.12).
const MESSAGE_TYPE: u8 = 0x3C;
const RECEIPT: u8 = 0x04;

impl SeenReceipt {
    /// Whether the carrier has no more to say of the segment.
    pub fn is_final(&self) -> bool {
        match receipt(&self.message, &Dialect::default()).state {
            ReceiptState::Enroute | ReceiptState::Accepted | ReceiptState::Unknown => false,
            ReceiptState::Delivered
            | ReceiptState::Expired
            | ReceiptState::Deleted
            | ReceiptState::Undeliverable
            | ReceiptState::Rejected => true,
        }
    }

    /// Whether a message is a receipt, or is a text and reads like one.
    pub fn is_like(message: &ShortMessage) -> bool {
        let said = super::receipt::read(&receipt_words(message));
        message.esm_class & MESSAGE_TYPE == RECEIPT || (said.id.is_some() && said.state.is_some())
    }
}

/// Everything that differs from the specification or from most carriers, a sentence each.
pub fn quirks(seen: &Seen, reference: u16, dialect: &Dialect) -> Vec<String> {
    let mut quirks = seen.message_id.as_deref().map(of_the_answer).unwrap_or_default();
    for one in &seen.receipts {
        let mut found = of_a_receipt(one, seen.message_id.as_deref(), reference);
        found.extend(seen.left_at.and_then(|left_at| of_the_date(&receipt(&one.message, dialect).clues, left_at)));
        quirks.extend(found.into_iter().filter(|quirk| !quirks.contains(quirk)).collect::<Vec<_>>());
    }
    let last_words = seen.receipts.iter().filter(|receipt| receipt.is_final()).count();
    if last_words > 1 {
        quirks.push(format!("{last_words} final receipts come for one segment"));
    }
    quirks
}

fn of_the_answer(id: &str) -> Vec<String> {
    let mut quirks = Vec::new();
    if id.is_empty() {
        quirks.push("the answer has no message_id: receipts can be matched by user_message_reference alone".to_owned());
    } else if id.starts_with('0') && id.len() > 1 {
        quirks.push("message_id in the answer is padded with zeros".to_owned());
    }
    let is_hexadecimal = id.chars().all(|c| c.is_ascii_hexdigit()) && id.chars().any(|c| c.is_ascii_alphabetic());
    if is_hexadecimal {
        quirks.push("message_id in the answer is hexadecimal".to_owned());
    }
    quirks
}

fn of_a_receipt(seen: &SeenReceipt, answered: Option<&str>, reference: u16) -> Vec<String> {
    let SeenReceipt { message, came_before_the_answer } = seen;
    let parameters = &message.parameters;
    let mut quirks = Vec::new();
    let mut note = |is_so: bool, quirk: &str| {
        if is_so {
            quirks.push(quirk.to_owned());
        }
    };
    note(*came_before_the_answer, "a receipt comes before the answer to its text");
    note(
        message.esm_class & MESSAGE_TYPE != RECEIPT,
        "a receipt comes as a text (its esm_class does not say receipt): it would be shown to staff as the patient's words; \
         ask the carrier to set esm_class 0x04",
    );
    note(
        parameters.receipted_message_id.is_none(),
        "a receipt has no receipted_message_id: its id is in its text alone",
    );
    note(parameters.message_state.is_none(), "a receipt has no message_state: its state is in its text alone");
    match parameters.user_message_reference {
        Some(returned) => note(returned != reference, "a receipt has another user_message_reference than its text"),
        None => note(
            true,
            "a receipt has no user_message_reference: it settles a text whose answer was lost only by its date and words",
        ),
    }
    quirks.extend(of_the_text(&receipt_words(message)));
    if let (Some(answered), Some(receipted)) = (answered, receipt(message, &Dialect::default()).carrier_id) {
        quirks.extend(of_the_ids(answered, &receipted).map(str::to_owned));
    }
    quirks
}

fn of_the_text(words: &str) -> Option<String> {
    if words.trim().is_empty() {
        return Some("a receipt has no text".to_owned());
    }
    let lower = words.to_ascii_lowercase();
    let missing: Vec<&str> = FIELDS.into_iter().filter(|field| !lower.contains(&format!("{field}:"))).collect();
    (!missing.is_empty()).then(|| format!("a receipt's text lacks {}", missing.join(", ")))
}

/// Dates in receipts name no time zone. Zones are a quarter of an hour apart at the least; what is nearer is a clock.
fn of_the_date(clues: &Clues, left_at: Timestamp) -> Option<String> {
    let minutes = clues.submitted_at?.duration_since(left_at).as_mins();
    if clues.fit_time(left_at) {
        return None;
    }
    let what_to_do = match minutes.abs() {
        ..15 => "one of both clocks is wrong",
        15.. => "set receipt_time_zone in the profile",
    };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    let direction = if minutes < 0 { "before" } else { "after" };
    Some(format!("the date of a receipt is {hours} h {rest} min {direction} its text left: {what_to_do}"))
}

/// How the id of the answer and that of the receipt differ.
fn of_the_ids(answered: &str, receipted: &CarrierId) -> Option<&'static str> {
    if answered.is_empty() {
        return None;
    }
    match CarrierId(answered.into()).likeness(receipted) {
        Some(Likeness::Same) => None,
        Some(Likeness::OtherCase) => Some("the id of a receipt is that of the answer in another case"),
        Some(Likeness::OtherZeros) => Some("the id of a receipt is that of the answer with other zeros before it"),
        Some(Likeness::HexToDecimal | Likeness::DecimalToHex) => {
            Some("the ids of answer and receipt are one number, once in hexadecimal and once in decimal")
        }
        None => Some("the id of a receipt is another than that of the answer: receipts can't be matched by it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::short_message::{Address, Parameters};

    const REFERENCE: u16 = 7;
    /// 2026-07-08 09:10:11 UTC
    const LEFT_AT: Timestamp = Timestamp::constant(1_783_501_811, 0);
    const FULL: &str =
        "id:12345 sub:001 dlvrd:001 submit date:2607080910 done date:2607080911 stat:DELIVRD err:000 text:";

    fn plain() -> SeenReceipt {
        let address = |digits: &[u8]| Address { ton: 1, npi: 1, digits: digits.to_vec() };
        SeenReceipt {
            message: ShortMessage {
                source: address(b"13035550123"),
                destination: address(b"13035550100"),
                esm_class: RECEIPT,
                protocol_id: 0,
                registered_delivery: 0,
                data_coding: 0,
                short_message: FULL.into(),
                parameters: Parameters {
                    receipted_message_id: Some(b"12345".to_vec()),
                    message_state: Some(2),
                    user_message_reference: Some(REFERENCE),
                    ..Parameters::default()
                },
            },
            came_before_the_answer: false,
        }
    }

    #[track_caller]
    fn check(message_id: &str, change: impl FnOnce(&mut SeenReceipt), expected: &[&str]) {
        let mut receipt = plain();
        change(&mut receipt);
        let seen = Seen { message_id: Some(message_id.to_owned()), left_at: Some(LEFT_AT), receipts: vec![receipt] };
        let found = quirks(&seen, REFERENCE, &Dialect::default());
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (quirk, words) in found.iter().zip(expected) {
            assert!(quirk.contains(words), "{quirk:?} instead of {words:?}");
        }
    }

    #[test]
    fn a_carrier_that_keeps_to_the_specification_has_no_quirks() {
        check("12345", |_| {}, &[]);
        assert_eq!(quirks(&Seen::default(), REFERENCE, &Dialect::default()), Vec::<String>::new());
    }

    #[test]
    fn every_quirk_is_told_in_words() {
        check("12345", |receipt| receipt.came_before_the_answer = true, &["before the answer"]);
        check("12345", |receipt| receipt.message.esm_class = 0, &["comes as a text"]);
        check("12345", |receipt| receipt.message.parameters.receipted_message_id = None, &["no receipted_message_id"]);
        check("12345", |receipt| receipt.message.parameters.message_state = None, &["no message_state"]);
        check(
            "12345",
            |receipt| receipt.message.parameters.user_message_reference = None,
            &["no user_message_reference"],
        );
        check(
            "12345",
            |receipt| receipt.message.parameters.user_message_reference = Some(8),
            &["another user_message_ref"],
        );
        check("12345", |receipt| receipt.message.short_message.clear(), &["has no text"]);
        check(
            "12345",
            |receipt| receipt.message.short_message = b"id:12345 stat:DELIVRD".to_vec(),
            &["lacks sub, dlvrd, submit date, done date, err, text"],
        );
        let at = |time: &'static str| {
            move |receipt: &mut SeenReceipt| {
                receipt.message.short_message = FULL.replace("2607080910", time).into_bytes();
            }
        };
        check("12345", at("2607081110"), &["1 h 59 min after its text left: set receipt_time_zone"]);
        check("12345", at("2607080410"), &["5 h 0 min before its text left: set receipt_time_zone"]);
        check("12345", at("2607080917"), &["0 h 6 min after its text left: one of both clocks is wrong"]);
        check("", |_| {}, &["no message_id"]);
        check("99", |_| {}, &["can't be matched"]);
    }

    #[test]
    fn ids_that_are_spelled_in_two_ways_are_known_as_one() {
        let spelled = |id: &'static str| {
            move |receipt: &mut SeenReceipt| {
                receipt.message.parameters.receipted_message_id = Some(id.into());
            }
        };
        check("0012345", |_| {}, &["padded", "other zeros"]);
        check("39F99DD5", spelled("0972660181"), &["answer is hexadecimal", "once in hexadecimal"]);
        check("ab12", spelled("AB12"), &["answer is hexadecimal", "another case"]);
    }

    #[test]
    fn a_quirk_of_every_receipt_is_told_once_and_two_last_words_are_one() {
        let receipt = || SeenReceipt { came_before_the_answer: true, ..plain() };
        let seen = Seen { message_id: Some("12345".into()), left_at: None, receipts: vec![receipt(), receipt()] };
        let found = quirks(&seen, REFERENCE, &Dialect::default());
        assert_eq!(found, ["a receipt comes before the answer to its text", "2 final receipts come for one segment"]);
    }
}
