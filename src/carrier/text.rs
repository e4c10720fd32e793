//! What the octets of an inbound text mean, by its `data_coding` (SMPP 3.4 §5.2.19, 3GPP TS 23.038 §4).

use crate::domain::Form;
use crate::domain::letters::{Coding, Shifts};
use crate::domain::text::DefaultAlphabet;

/// What the letters of a text mean, beyond its `data_coding`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Letters {
    /// What the carrier means by `data_coding` 0. The specification leaves it to the carrier (SMPP 3.4 §5.2.19).
    pub default_alphabet: DefaultAlphabet,
    /// The text's own.
    pub shifts: Shifts,
}

/// The alphabet that a `data_coding` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Default,
    Gsm7,
    Binary,
    Other(Coding),
}

/// The words, and how they presented themselves, where nothing but the `data_coding` says what the letters mean.
pub fn decode(data_coding: u8, octets: &[u8]) -> (String, Form) {
    Letters::default().decode(data_coding, octets)
}

impl Letters {
    /// The words, and how they presented themselves.
    pub fn decode(self, data_coding: u8, octets: &[u8]) -> (String, Form) {
        match self.coding(data_coding) {
            (Some(coding), form) => (coding.read(octets), form),
            (None, form) => (format!("[binary {} bytes]", octets.len()), form),
        }
    }

    /// What the octets mean, and how they present themselves; none where they are no text.
    pub fn coding(self, data_coding: u8) -> (Option<Coding>, Form) {
        let (named, form) = meaning(data_coding);
        let gsm7 = Coding::Gsm7(self.shifts);
        let coding = match named {
            Named::Binary => None,
            Named::Gsm7 => Some(gsm7),
            Named::Other(coding) => Some(coding),
            Named::Default => Some(match self.default_alphabet {
                DefaultAlphabet::Gsm => gsm7,
                DefaultAlphabet::Latin1 => Coding::Latin1,
                DefaultAlphabet::Ascii => Coding::Ascii,
            }),
        };
        (coding, form)
    }
}

/// SMPP gives 0 to 14 meanings of its own; the rest is TS 23.038 §4.
fn meaning(data_coding: u8) -> (Named, Form) {
    match data_coding {
        0x00 => (Named::Default, Form::Text),
        0x01 => (Named::Other(Coding::Ascii), Form::Text),
        0x03 => (Named::Other(Coding::Latin1), Form::Text),
        0x06 => (Named::Other(Coding::Cyrillic), Form::Text),
        0x07 => (Named::Other(Coding::Hebrew), Form::Text),
        0x08 => (Named::Other(Coding::Utf16), Form::Text),
        // Octets, and the alphabets of Japan and Korea, that nobody here can read.
        0x02 | 0x04 | 0x05 | 0x09..=0x0F => (Named::Binary, Form::Binary),
        // General data coding: bits 3-2 the alphabet, bit 4 says that bits 1-0 are a class; bit 5 says compressed.
        0x10..=0x7F => {
            let form = if data_coding & 0x13 == 0x10 { Form::Flash } else { Form::Text };
            match (data_coding & 0x20 != 0, data_coding & 0x0C) {
                (false, 0x00) => (Named::Gsm7, form),
                (false, 0x08) => (Named::Other(Coding::Utf16), form),
                _ => (Named::Binary, Form::Binary),
            }
        }
        0x80..=0xBF => (Named::Binary, Form::Binary), // reserved
        // Message waiting: in GSM letters, or in UCS-2 for 0xE0.
        0xC0..=0xDF => (Named::Gsm7, Form::Text),
        0xE0..=0xEF => (Named::Other(Coding::Utf16), Form::Text),
        // Class in bits 1-0, 8-bit data in bit 2.
        0xF0..=0xFF => match (data_coding & 0x04 != 0, data_coding & 0x03) {
            (true, _) => (Named::Binary, Form::Binary),
            (false, 0) => (Named::Gsm7, Form::Flash),
            (false, _) => (Named::Gsm7, Form::Text),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::letters::Language;

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
    fn a_text_in_cyrillic_or_hebrew_letters_reads_too() {
        check(6, &[0xA1, 0xBF, 0xE0, 0xD8, 0xD2, 0xD5, 0xE2, 0xF0, 0xFF, b'!'], "ЁПривет№џ!", Form::Text);
        check(7, &[0xF9, 0xEC, 0xE5, 0xED, b' ', 0xFA], "שלום ת", Form::Text);
    }

    #[test]
    fn data_coding_0_means_what_the_carrier_means_by_it() {
        let octets = [b'A', 0x00, 0x40, 0xED];
        for (default_alphabet, text) in [
            (DefaultAlphabet::Gsm, "A@¡\u{FFFD}"),
            (DefaultAlphabet::Latin1, "A\u{0}@í"),
            (DefaultAlphabet::Ascii, "A\u{0}@\u{FFFD}"),
        ] {
            let letters = Letters { default_alphabet, ..Letters::default() };
            assert_eq!(letters.decode(0, &octets), (text.to_owned(), Form::Text));
            assert_eq!(letters.decode(0xF1, &octets).0, "A@¡\u{FFFD}", "a class is of the GSM alphabet whatever 0 is");
        }
    }

    #[test]
    fn a_text_in_a_national_language_reads_as_the_patient_wrote_it() {
        let decode = |locking, single, octets: &[u8]| {
            let letters = Letters { shifts: Shifts { locking, single }, ..Letters::default() };
            letters.decode(0, octets).0
        };
        use Language::{Portuguese, Spanish, Turkish, Unshifted};
        assert_eq!(decode(Unshifted, Spanish, b"S\x1Bi, el doctor \x1BO"), "Sí, el doctor Ó");
        assert_eq!(decode(Unshifted, Portuguese, b"amanh\x1B\x7B"), "amanhã");
        assert_eq!(decode(Portuguese, Portuguese, b"amanh\x7B, \x08"), "amanhã, ó");
        assert_eq!(decode(Turkish, Unshifted, b"\x1Cimdi de\x0Cil"), "Şimdi değil");
        assert_eq!(decode(Unshifted, Turkish, b"te\x1Bsekk\x7Er"), "teşekkür");
        assert_eq!(
            Letters::default().decode(8, b"\0S\0i"),
            ("Si".into(), Form::Text),
            "a shift is of GSM letters alone"
        );
    }

    #[test]
    fn a_flash_text_is_known_as_one() {
        check(0xF0, b"YES", "YES", Form::Flash);
        check(0x10, b"YES", "YES", Form::Flash);
        check(0x18, &[0x00, 0x59], "Y", Form::Flash);
    }

    #[test]
    fn what_is_not_text_is_counted() {
        for data_coding in [0x02, 0x04, 0x05, 0x09, 0x0A, 0x0D, 0x0E, 0x14, 0x20, 0x30, 0x80, 0xF4, 0xF5] {
            check(data_coding, b"STOP", "[binary 4 bytes]", Form::Binary);
        }
    }

    #[test]
    fn broken_octets_become_one_replacement_each() {
        check(0, &[b'a', 0x1B], "a\u{FFFD}", Form::Text);
        check(0, &[b'a', 0x80], "a\u{FFFD}", Form::Text);
        check(0, &[0x1B, b'a'], "a", Form::Text);
        check(0, &[0x1B, 0x80], "\u{FFFD}", Form::Text);
        check(7, &[b'a', 0xDF], "a\u{FFFD}", Form::Text);
        check(1, &[b'a', 0x80], "a\u{FFFD}", Form::Text);
        check(8, &[0x00, 0x61, 0x00], "a\u{FFFD}", Form::Text);
        check(8, &[0xD8, 0x3D, 0x00, 0x61], "\u{FFFD}a", Form::Text);
        check(8, &[], "", Form::Text);
    }

    proptest! {
        #[test]
        fn any_octets_are_some_text(
            data_coding: u8,
            octets: Vec<u8>,
            default_alphabet in prop::sample::select(vec![
                DefaultAlphabet::Gsm,
                DefaultAlphabet::Latin1,
                DefaultAlphabet::Ascii,
            ]),
            (locking, single) in (0..5_u8, 0..5_u8),
        ) {
            let shifts = Shifts { locking: Language::of(locking), single: Language::of(single) };
            let (text, _) = Letters { default_alphabet, shifts }.decode(data_coding, &octets);
            prop_assert!(text.chars().count() <= octets.len().max(24));
        }
    }
}
