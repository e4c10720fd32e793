//! Digits of a phone, packed so that a hundred thousand phones are looked through in less than a millisecond.

use crate::domain::Phone;

/// E.164 has no longer numbers.
const DIGITS_MAX: usize = 15;
const BITS: usize = 4;

/// A run of at most fifteen digits, four bits each, the last digit lowest. A digit is written as one more than it is, so that
/// a zero is told from no digit at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    packed: u64,
    count: usize,
}

impl Digits {
    /// The digits of a phone.
    pub fn of(phone: &Phone) -> Self {
        Self::pack(phone.expose()).expect("a phone has at most fifteen digits")
    }

    /// The digits in a text. `None` if they are more than any phone has.
    pub fn pack(text: &str) -> Option<Self> {
        let mut digits = Self { packed: 0, count: 0 };
        for digit in text.bytes().filter(u8::is_ascii_digit) {
            digits.packed = digits.packed << BITS | u64::from(digit - b'0' + 1);
            digits.count += 1;
            if digits.count > DIGITS_MAX {
                return None;
            }
        }
        Some(digits)
    }

    pub fn count(self) -> usize {
        self.count
    }

    /// Whether the other digits stand somewhere in these, next to each other.
    pub fn contain(self, others: Self) -> bool {
        let mask = (1 << (BITS * others.count)) - 1;
        let places = 0..=DIGITS_MAX - others.count;
        places.into_iter().any(|place| (self.packed >> (BITS * place)) & mask == others.packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_found_where_they_stand_next_to_each_other() {
        let phone = Digits::of(&Phone::parse("+13035550123").unwrap());
        for within in ["", "1", "1303", "13035550123", "0123", "(303) 555-0123", "550"] {
            assert!(phone.contain(Digits::pack(within).unwrap()), "{within}");
        }
        for not in ["0130", "0124", "3030123", "130355501230", "013035550123", "000000000000000"] {
            assert!(!phone.contain(Digits::pack(not).unwrap()), "{not}");
        }
        assert!(Digits::pack("999999999999999").unwrap().contain(Digits::pack("999999999999999").unwrap()));
        assert_eq!(Digits::pack("1234567890123456"), None);
    }
}
