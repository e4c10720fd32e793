//! The user data header of a text: a list of information elements (3GPP TS 23.040 §9.2.3.24), of which only
//! concatenation matters here.

use crate::domain::Part;

/// `esm_class`: the text begins with such a header (SMPP 3.4 §5.2.12).
pub const INDICATOR: u8 = 0x40;

/// Concatenated short messages with an 8-bit and with a 16-bit reference (§9.2.3.24.1 and §9.2.3.24.8).
const CONCATENATION_8: u8 = 0x00;
const CONCATENATION_16: u8 = 0x08;

/// The header of a segment; of the reference the low octet travels.
pub fn concatenation(part: Part) -> [u8; 6] {
    let [_, reference] = part.reference.to_be_bytes();
    [5, CONCATENATION_8, 3, reference, part.total, part.number]
}

/// The header of a segment, with the whole reference.
pub fn concatenation_16(part: Part) -> [u8; 7] {
    let [high, low] = part.reference.to_be_bytes();
    [6, CONCATENATION_16, 4, high, low, part.total, part.number]
}

/// The concatenation that the header names, if it does, and the octets behind the header. `None` when there is no
/// such header after all: it claims more octets than there are, or its elements do.
pub fn split(octets: &[u8]) -> Option<(Option<Part>, &[u8])> {
    let (length, rest) = octets.split_first()?;
    let (mut elements, words) = rest.split_at_checked(usize::from(*length))?;
    let mut part = None;
    while let [id, length, others @ ..] = elements {
        let (value, others) = others.split_at_checked(usize::from(*length))?;
        elements = others;
        part = part.or(match (*id, value) {
            (CONCATENATION_8, [reference, total, number]) => {
                Some(Part { reference: u16::from(*reference), total: *total, number: *number })
            }
            (CONCATENATION_16, [high, low, total, number]) => {
                Some(Part { reference: u16::from_be_bytes([*high, *low]), total: *total, number: *number })
            }
            _ => None,
        });
    }
    elements.is_empty().then_some((part, words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(octets: &[u8], expected: Option<(Option<Part>, &[u8])>) {
        assert_eq!(split(octets), expected, "{octets:02x?}");
    }

    fn part(reference: u16, total: u8, number: u8) -> Option<Part> {
        Some(Part { reference, total, number })
    }

    #[test]
    fn a_header_is_a_list_of_elements() {
        check(&[5, 0, 3, 0xAB, 2, 1, b'h', b'i'], Some((part(0xAB, 2, 1), b"hi")));
        check(&[6, 8, 4, 0x01, 0xAB, 3, 2, b'h'], Some((part(0x1AB, 3, 2), b"h")));
        // Port addressing ahead of the concatenation (§9.2.3.24.4).
        check(&[11, 5, 4, 0, 1, 0, 2, 0, 3, 7, 2, 2, b'x'], Some((part(7, 2, 2), b"x")));
        check(&[0, b'h'], Some((None, b"h")));
        check(&[3, 1, 1, 0, b'h'], Some((None, b"h")));
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
        let part = Part { reference: 7, total: 3, number: 2 };
        assert_eq!(split(&concatenation(part)), Some((Some(part), [].as_slice())));
        let part = Part { reference: 0x1234, ..part };
        assert_eq!(split(&concatenation_16(part)), Some((Some(part), [].as_slice())));
    }

    proptest! {
        #[test]
        fn any_octets_have_a_header_or_none(octets: Vec<u8>) {
            split(&octets);
        }
    }
}
