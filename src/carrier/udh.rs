//! The user data header of a text: a list of information elements (3GPP TS 23.040 §9.2.3.24). What counts here is the
//! place of a segment in its text, and the language that its letters are of.

use crate::domain::letters::{Language, Shifts};
use crate::domain::{Part, Reference};

/// `esm_class`: the text begins with such a header (SMPP 3.4 §5.2.12).
pub const INDICATOR: u8 = 0x40;

/// Concatenated short messages with an 8-bit and with a 16-bit reference (§9.2.3.24.1 and §9.2.3.24.8).
const CONCATENATION_8: u8 = 0x00;
const CONCATENATION_16: u8 = 0x08;
/// The national language of a character behind an escape, and of all others (§9.2.3.24.15 and §9.2.3.24.16).
const SINGLE_SHIFT: u8 = 0x24;
const LOCKING_SHIFT: u8 = 0x25;

/// What a header says. Of what it says twice, the first counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    pub part: Option<Part>,
    pub shifts: Shifts,
}

/// The header of a segment.
pub fn concatenation(part: Part) -> Vec<u8> {
    let Part { reference, total, number } = part;
    match reference {
        Reference::Octet(reference) => vec![5, CONCATENATION_8, 3, reference, total, number],
        Reference::Word(reference) => {
            let [high, low] = reference.to_be_bytes();
            vec![6, CONCATENATION_16, 4, high, low, total, number]
        }
    }
}

/// The header of a text, and the octets behind it. `None` when there is no such header after all: it claims more
/// octets than there are, or its elements do. An element that is unknown, or of another length than it should be, is
/// passed over: ports, for one (§9.2.3.24.4).
pub fn read(octets: &[u8]) -> Option<(Header, &[u8])> {
    let (length, rest) = octets.split_first()?;
    let (mut elements, words) = rest.split_at_checked(usize::from(*length))?;
    let (mut part, mut locking, mut single) = (None, None, None);
    while let [id, length, others @ ..] = elements {
        let (value, others) = others.split_at_checked(usize::from(*length))?;
        elements = others;
        match (*id, value) {
            (CONCATENATION_8, [reference, total, number]) => {
                part.get_or_insert(Part { reference: (*reference).into(), total: *total, number: *number });
            }
            (CONCATENATION_16, [high, low, total, number]) => {
                let reference = u16::from_be_bytes([*high, *low]).into();
                part.get_or_insert(Part { reference, total: *total, number: *number });
            }
            (LOCKING_SHIFT, [language]) => {
                locking.get_or_insert(Language::of(*language));
            }
            (SINGLE_SHIFT, [language]) => {
                single.get_or_insert(Language::of(*language));
            }
            _ => {}
        }
    }
    let shifts = Shifts { locking: locking.unwrap_or_default(), single: single.unwrap_or_default() };
    elements.is_empty().then_some((Header { part, shifts }, words))
}

/// The place of a segment in its text, if the header names one, and the octets behind the header.
pub fn split(octets: &[u8]) -> Option<(Option<Part>, &[u8])> {
    read(octets).map(|(header, words)| (header.part, words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(octets: &[u8], expected: Option<(Option<Part>, &[u8])>) {
        assert_eq!(split(octets), expected, "{octets:02x?}");
    }

    fn part(reference: impl Into<Reference>, total: u8, number: u8) -> Option<Part> {
        Some(Part { reference: reference.into(), total, number })
    }

    #[track_caller]
    fn check_languages(octets: &[u8], locking: Language, single: Language) {
        assert_eq!(read(octets).map(|(header, _)| header.shifts), Some(Shifts { locking, single }), "{octets:02x?}");
    }

    #[test]
    fn a_header_is_a_list_of_elements() {
        check(&[5, 0, 3, 0xAB, 2, 1, b'h', b'i'], Some((part(0xAB_u8, 2, 1), b"hi")));
        check(&[6, 8, 4, 0x01, 0xAB, 3, 2, b'h'], Some((part(0x1AB_u16, 3, 2), b"h")));
        // Port addressing ahead of the concatenation (§9.2.3.24.4).
        check(&[11, 5, 4, 0, 1, 0, 2, 0, 3, 7, 2, 2, b'x'], Some((part(7_u8, 2, 2), b"x")));
        check(&[0, b'h'], Some((None, b"h")));
        check(&[3, 1, 1, 0, b'h'], Some((None, b"h")));
        // An 8-bit and a 16-bit place: the first counts, and they are not the same though their numbers are.
        check(&[11, 0, 3, 7, 2, 1, 8, 4, 0, 7, 2, 2, b'x'], Some((part(7_u8, 2, 1), b"x")));
        assert_ne!(part(7_u8, 2, 1), part(7_u16, 2, 1));
    }

    #[test]
    fn an_element_of_another_length_than_it_should_have_is_passed_over() {
        check(&[4, 0, 2, 7, 2, b'x'], Some((None, b"x")));
        check(&[10, 0, 3, 9, 2, 1, 8, 3, 0, 9, 2, b'x'], Some((part(9_u8, 2, 1), b"x")));
        check_languages(&[4, 0x25, 2, 1, 3], Language::Unshifted, Language::Unshifted);
    }

    #[test]
    fn a_header_names_the_languages_of_its_text() {
        check_languages(&[3, 0x24, 1, 2, b'S'], Language::Unshifted, Language::Spanish);
        check_languages(&[6, 0x25, 1, 3, 0x24, 1, 3], Language::Portuguese, Language::Portuguese);
        check_languages(&[8, 0, 3, 7, 2, 1, 0x25, 1, 1], Language::Turkish, Language::Unshifted);
        check_languages(&[6, 0x24, 1, 2, 0x24, 1, 3], Language::Unshifted, Language::Spanish);
        check_languages(&[3, 0x24, 1, 99], Language::Unshifted, Language::Unshifted);
    }

    #[test]
    fn a_header_that_claims_too_much_is_no_header() {
        check(&[], None);
        check(&[200, 0, 3, 1, 2, 1, b'h'], None);
        check(&[5, 0, 9, 1, 2, 1, b'h'], None);
        check(&[1, 0, b'h'], None);
    }

    #[test]
    fn our_own_header_reads_back() {
        for reference in [Reference::Octet(7), Reference::Word(7), Reference::Word(0xABCD)] {
            let part = Part { reference, total: 3, number: 2 };
            assert_eq!(split(&concatenation(part)), Some((Some(part), [].as_slice())));
        }
    }

    proptest! {
        #[test]
        fn any_octets_have_a_header_or_none(octets: Vec<u8>) {
            if let Some((_, words)) = read(&octets) {
                prop_assert!(octets.ends_with(words));
            }
        }
    }
}
