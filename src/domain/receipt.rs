//! What a carrier reports on a segment, and how it names it.

use std::num::NonZeroU16;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Body;

/// The id that the carrier gave a segment.
///
/// SMPP 3.4 §5.2.23 makes it opaque, but carriers write one id in hexadecimal in the response and in
/// decimal in the receipt, or pad it with zeros, or change its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarrierId(pub Arc<str>);

impl CarrierId {
    /// How the id of a receipt may name the segment that the carrier gave this one; `None` when it does not.
    pub fn likeness(&self, receipted: &Self) -> Option<Likeness> {
        if self.0.is_empty() || receipted.0.is_empty() {
            return None;
        }
        let (ours, theirs) = (self.without_zeros(), receipted.without_zeros());
        let hexadecimal = |id: &str| u128::from_str_radix(id, 16).ok();
        let decimal = |id: &str| id.parse::<u128>().ok();
        let same_number = |hex: &str, dec: &str| hexadecimal(hex).is_some() && hexadecimal(hex) == decimal(dec);
        if self == receipted {
            Some(Likeness::Same)
        } else if self.0.eq_ignore_ascii_case(&receipted.0) {
            Some(Likeness::OtherCase)
        } else if ours == theirs {
            Some(Likeness::OtherZeros)
        } else if same_number(&ours, &theirs) {
            Some(Likeness::HexToDecimal)
        } else if same_number(&theirs, &ours) {
            Some(Likeness::DecimalToHex)
        } else {
            None
        }
    }

    /// What is left of an id when neither case nor leading zeros count.
    pub fn without_zeros(&self) -> String {
        self.0.trim_start_matches('0').to_ascii_lowercase()
    }
}

/// How a carrier spells an id in a receipt, as against its answer. The first is what SMPP asks for (SMPP 3.4 §5.3.2.12),
/// the last two are the farthest from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    Same,
    OtherCase,
    OtherZeros,
    /// Hexadecimal in the answer, decimal in the receipt.
    HexToDecimal,
    /// Decimal in the answer, hexadecimal in the receipt.
    DecimalToHex,
}

impl Likeness {
    pub const ALL: [Self; 5] = [Self::Same, Self::OtherCase, Self::OtherZeros, Self::HexToDecimal, Self::DecimalToHex];

    /// Whether the digits are others. Then an id may be that of one text as it stands, and of another as a number.
    pub const fn is_of_other_digits(self) -> bool {
        match self {
            Self::Same | Self::OtherCase | Self::OtherZeros => false,
            Self::HexToDecimal | Self::DecimalToHex => true,
        }
    }
}

/// What a receipt says of a segment (`message_state`, SMPP 3.4 §5.2.28).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptState {
    Enroute,
    Delivered,
    Expired,
    Deleted,
    Undeliverable,
    Accepted,
    Unknown,
    Rejected,
}

/// A delivery receipt about one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub carrier_id: Option<CarrierId>,
    /// The `user_message_reference` that we gave the submit (SMPP 3.4 §5.3.2.17), when the carrier returns it.
    pub reference: Option<u16>,
    pub state: ReceiptState,
    pub error: Option<CarrierError>,
    pub clues: Clues,
}

impl Receipt {
    /// That this segment arrived.
    pub fn delivered(id: CarrierId) -> Self {
        let clues = Clues::default();
        Self { carrier_id: Some(id), reference: None, state: ReceiptState::Delivered, error: None, clues }
    }
}

/// What else may tell which text a receipt is about, where its id does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clues {
    /// How the receipts of its link are known to spell their ids.
    pub spelling: Option<Likeness>,
    /// When the carrier got the text, to the minute (`submit date`, SMPP 3.4 appendix B).
    pub submitted_at: Option<Timestamp>,
    /// The words of the text that the receipt repeats (`text`, SMPP 3.4 appendix B).
    pub opening: Option<Opening>,
}

impl Clues {
    /// How far the time in a receipt may be from ours: clocks differ, and the carrier cuts the seconds off.
    pub const SUBMITTED_WITHIN: SignedDuration = SignedDuration::from_mins(5);

    /// Whether the carrier says that it got the text around this time.
    pub fn fit_time(&self, left_at: Timestamp) -> bool {
        let away = |at: Timestamp| at.duration_since(left_at).abs();
        self.submitted_at.is_some_and(|at| away(at) <= Self::SUBMITTED_WITHIN)
    }
}

/// The first words of a text, as many as a receipt repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening(Body);

impl Opening {
    /// As many characters of the text as SMPP 3.4 appendix B gives a receipt.
    pub const CHARS_MAX: usize = 20;
    /// With fewer in common than this, two openings are of the same text only if they are equal.
    const CHARS_MIN: usize = 8;

    /// How a text begins. White space is counted once: carriers make other of it.
    pub fn of(text: &str) -> Self {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let first: String = words.chars().take(Self::CHARS_MAX).collect();
        Self(Body::new(first.trim_end()))
    }

    /// The words, for the record.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether a receipt that repeats `told` may be about the text that begins so. It may repeat fewer characters, and
    /// those that ASCII lacks in its own way: from the first of them on nothing is compared.
    pub fn fits(&self, told: &Self) -> bool {
        let (ours, theirs) = (self.expose(), told.expose());
        let plain = |text: &str| text.chars().take_while(char::is_ascii).count();
        let common = plain(ours).min(plain(theirs));
        let is_equal = !ours.is_empty() && ours == theirs;
        let says_more = ours.is_ascii() && theirs.len() > ours.len();
        is_equal || (common >= Self::CHARS_MIN && ours[..common] == theirs[..common] && !says_more)
    }
}

/// The error that a receipt names: `err` of its text (SMPP 3.4 appendix B) or `network_error_code` (§5.3.2.31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarrierError {
    /// As the carrier counts its errors; 0 is none.
    pub code: NonZeroU16,
    /// What it means, where that is known.
    pub cause: Option<Cause>,
}

/// Why a text did not arrive, as staff would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody has the number.
    UnknownNumber,
    /// The number has no texts.
    Landline,
    /// The phone was off, out of reach or full.
    Unreachable,
    /// The carrier lets nothing through from the practice's number, or to this phone.
    BlockedByCarrier,
    /// The patient opted out at the carrier.
    OptedOutAtCarrier,
    /// The practice's number has sent as much as the carrier allows.
    OverLimit,
    /// The carrier took the words for spam.
    Content,
}

impl Cause {
    pub const ALL: [Self; 7] = [
        Self::UnknownNumber,
        Self::Landline,
        Self::Unreachable,
        Self::BlockedByCarrier,
        Self::OptedOutAtCarrier,
        Self::OverLimit,
        Self::Content,
    ];

    /// Its name in the API, and wherever an operator writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownNumber => "unknown-number",
            Self::Landline => "landline",
            Self::Unreachable => "unreachable",
            Self::BlockedByCarrier => "blocked-by-carrier",
            Self::OptedOutAtCarrier => "opted-out-at-carrier",
            Self::OverLimit => "over-limit",
            Self::Content => "content-refused",
        }
    }

    /// The cause of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_carriers_spell_in_two_ways_are_the_same() {
        let likeness = |left: &str, right: &str| CarrierId(left.into()).likeness(&CarrierId(right.into()));
        for (left, right, expected) in [
            ("7f_1", "7f_1", Likeness::Same),
            ("abc", "ABC", Likeness::OtherCase),
            ("3A55E36C-F10D-4B0A-8A14-1D0E9D1F5D3A", "3a55e36c-f10d-4b0a-8a14-1d0e9d1f5d3a", Likeness::OtherCase),
            ("00B8BE19", "b8be19", Likeness::OtherZeros),
            ("000", "0", Likeness::OtherZeros),
            ("39F99DD5", "0972660181", Likeness::HexToDecimal),
            ("11", "17", Likeness::HexToDecimal),
            ("F0000000000000000000", "1133367955888714851287040", Likeness::HexToDecimal),
        ] {
            assert_eq!(likeness(left, right), Some(expected), "{left} and {right}");
            let reverse = if expected.is_of_other_digits() { Likeness::DecimalToHex } else { expected };
            assert_eq!(likeness(right, left), Some(reverse), "{right} and {left}");
        }
        for (left, right) in [("abc", "abd"), ("", ""), ("", "0"), ("11", "12"), ("7f_1", "7f1")] {
            assert_eq!(likeness(left, right), None, "{left} and {right}");
        }
    }

    #[test]
    fn a_receipt_repeats_the_beginning_of_its_text_more_or_less() {
        let fits = |text: &str, told: &str| Opening::of(text).fits(&Opening::of(told));
        for (text, told) in [
            ("See you on Monday at 3 pm", "See you on Monday at"),
            ("See you on Monday at 3 pm", "See you on M"),
            ("See you\non Monday", "See you on Monday"),
            ("See you on Monday", "  See you on Monday  "),
            ("Dear Mrs. García, see", "Dear Mrs. Garc?a, se"),
            ("ok", "ok"),
        ] {
            assert!(fits(text, told), "{text:?} and {told:?}");
        }
        for (text, told) in [
            ("See you on Monday", "See you on Tuesday"),
            ("See you on Monday", "See"),
            ("See you on Monday", "See you on Monday at"),
            ("See you on Monday", ""),
            ("", ""),
            ("María, see you", "Mar?a, see you"),
            ("Señora", "Senora"),
        ] {
            assert!(!fits(text, told), "{text:?} and {told:?}");
        }
    }

    #[test]
    fn a_cause_is_known_by_its_name() {
        for cause in Cause::ALL {
            assert_eq!(Cause::named(cause.name()), Some(cause));
        }
        assert_eq!(Cause::named("bad luck"), None);
    }
}
