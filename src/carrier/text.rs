//! Reads the octets of an inbound text by its `data_coding` (SMPP 3.4 §5.2.19, 3GPP TS 23.038 §4). Every octet
//! string is some text: what can't be read becomes U+FFFD.

use crate::domain::Form;
use crate::domain::text::{GSM7_ESCAPE, gsm7_char, gsm7_extension_char};

/// The alphabet that a `data_coding` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gsm7,
    Ascii,
    Latin1,
    Utf16,
    Binary,
}

/// The words, and how they presented themselves.
pub fn decode(data_coding: u8, octets: &[u8]) -> (String, Form) {
    let (coding, form) = meaning(data_coding);
    let text = match coding {
        Coding::Gsm7 => gsm7(octets),
        Coding::Ascii => octets.iter().map(|octet| if octet.is_ascii() { char::from(*octet) } else { LOST }).collect(),
        Coding::Latin1 => octets.iter().copied().map(char::from).collect(),
        Coding::Utf16 => utf16(octets),
        Coding::Binary => return (format!("[binary {} bytes]", octets.len()), Form::Binary),
    };
    (text, form)
}

/// Stands for what can't be read.
const LOST: char = char::REPLACEMENT_CHARACTER;

/// SMPP gives 1 to 14 meanings of its own; the rest is TS 23.038 §4.
fn meaning(data_coding: u8) -> (Coding, Form) {
    match data_coding {
        0x00 => (Coding::Gsm7, Form::Text),
        0x01 => (Coding::Ascii, Form::Text),
        0x03 => (Coding::Latin1, Form::Text),
        0x08 => (Coding::Utf16, Form::Text),
        // Octets, and alphabets of other countries that nobody here can read.
        0x02 | 0x04..=0x07 | 0x09..=0x0F => (Coding::Binary, Form::Binary),
        // General data coding: bits 3-2 the alphabet, bit 4 says that bits 1-0 are a class; bit 5 says compressed.
        0x10..=0x7F => {
            let form = if data_coding & 0x13 == 0x10 { Form::Flash } else { Form::Text };
            match (data_coding & 0x20 != 0, data_coding & 0x0C) {
                (false, 0x00) => (Coding::Gsm7, form),
                (false, 0x08) => (Coding::Utf16, form),
                _ => (Coding::Binary, Form::Binary),
            }
        }
        0x80..=0xBF => (Coding::Binary, Form::Binary), // reserved
        // Message waiting: in GSM letters, or in UCS-2 for 0xE0.
        0xC0..=0xDF => (Coding::Gsm7, Form::Text),
        0xE0..=0xEF => (Coding::Utf16, Form::Text),
        // Class in bits 1-0, 8-bit data in bit 2.
        0xF0..=0xFF => match (data_coding & 0x04 != 0, data_coding & 0x03) {
            (true, _) => (Coding::Binary, Form::Binary),
            (false, 0) => (Coding::Gsm7, Form::Flash),
            (false, _) => (Coding::Gsm7, Form::Text),
        },
    }
}

fn gsm7(octets: &[u8]) -> String {
    let mut codes = octets.iter().copied();
    let mut text = String::with_capacity(octets.len());
    while let Some(code) = codes.next() {
        if code != GSM7_ESCAPE {
            text.push(gsm7_char(code).unwrap_or(LOST));
            continue;
        }
        match codes.next() {
            None => text.push(LOST),
            // TS 23.038 §6.2.1.1: an unknown extension shows as the character of the default alphabet.
            Some(code) => text.push(gsm7_extension_char(code).or_else(|| gsm7_char(code)).unwrap_or(LOST)),
        }
    }
    text
}

fn utf16(octets: &[u8]) -> String {
    let (pairs, odd) = octets.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    let mut text: String = char::decode_utf16(units).map(|read| read.unwrap_or(LOST)).collect();
    if !odd.is_empty() {
        text.push(LOST);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(data_coding: u8, octets: &[u8], text: &str, form: Form) {
        assert_eq!(decode(data_coding, octets), (text.to_owned(), form), "data_coding {data_coding:#04x}");
    }

    #[test]
    fn a_text_reads_as_the_patient_wrote_it() {
        check(0, b"Yes", "Yes", Form::Text);
        check(0, &[0x00, 0x05, 0x1B, 0x65], "@é€", Form::Text);
        check(1, b"Yes", "Yes", Form::Text);
        check(3, &[0x53, 0xED], "Sí", Form::Text);
        check(8, &[0x00, 0x53, 0x00, 0xED], "Sí", Form::Text);
        check(8, &[0xD8, 0x3D, 0xDC, 0x4D], "👍", Form::Text);
        check(0xC8, b"Yes", "Yes", Form::Text);
        check(0xE0, &[0x00, 0x59], "Y", Form::Text);
        check(0xF1, b"Yes", "Yes", Form::Text);
        check(0x11, b"Yes", "Yes", Form::Text);
        check(0x19, &[0x00, 0x59], "Y", Form::Text);
    }

    #[test]
    fn a_flash_text_is_known_as_one() {
        check(0xF0, b"YES", "YES", Form::Flash);
        check(0x10, b"YES", "YES", Form::Flash);
        check(0x18, &[0x00, 0x59], "Y", Form::Flash);
    }

    #[test]
    fn what_is_not_text_is_counted() {
        for data_coding in [0x02, 0x04, 0x05, 0x14, 0x20, 0x30, 0x80, 0xF4, 0xF5] {
            check(data_coding, b"STOP", "[binary 4 bytes]", Form::Binary);
        }
    }

    #[test]
    fn broken_octets_become_one_replacement_each() {
        check(0, &[b'a', 0x1B], "a\u{FFFD}", Form::Text);
        check(0, &[b'a', 0x80], "a\u{FFFD}", Form::Text);
        check(0, &[0x1B, b'a'], "a", Form::Text);
        check(0, &[0x1B, 0x1B], "\u{FFFD}", Form::Text);
        check(1, &[b'a', 0x80], "a\u{FFFD}", Form::Text);
        check(8, &[0x00, 0x61, 0x00], "a\u{FFFD}", Form::Text);
        check(8, &[0xD8, 0x3D, 0x00, 0x61], "\u{FFFD}a", Form::Text);
        check(8, &[], "", Form::Text);
    }

    proptest! {
        #[test]
        fn any_octets_are_some_text(data_coding: u8, octets: Vec<u8>) {
            let (text, _) = decode(data_coding, &octets);
            prop_assert!(text.chars().count() <= octets.len().max(24));
        }
    }
}
