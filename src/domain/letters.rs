//! Reads octets as letters (3GPP TS 23.038 §6.2, ISO 8859). Every octet string is some text: what can't be read becomes
//! U+FFFD. What was cut into segments reads right once it is whole, wherever it was cut.

pub mod gsm7;
mod shift;

use std::fmt;
use std::sync::Arc;

pub use shift::{Language, Shifts};

/// What octets mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// The GSM alphabet, a septet in each octet, with the national languages of the text.
    Gsm7(Shifts),
    Ascii,
    /// ISO 8859-1.
    Latin1,
    /// ISO 8859-5.
    Cyrillic,
    /// ISO 8859-8.
    Hebrew,
    /// Big endian.
    Utf16,
}

impl Coding {
    /// The words.
    pub fn read(self, octets: &[u8]) -> String {
        let each = |read: fn(u8) -> char| octets.iter().copied().map(read).collect();
        match self {
            Self::Gsm7(shifts) => septets(shifts, octets),
            Self::Ascii => each(ascii),
            Self::Latin1 => each(char::from),
            Self::Cyrillic => each(cyrillic),
            Self::Hebrew => each(hebrew),
            Self::Utf16 => utf16(octets),
        }
    }
}

/// A segment as it came. By itself it may begin or end within a character: behind an escape, between two surrogates, or
/// between the octets of one. `Debug` shows how long it is, never what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    pub coding: Coding,
    octets: Arc<[u8]>,
}

impl Segment {
    pub fn new(coding: Coding, octets: impl Into<Arc<[u8]>>) -> Self {
        Self { coding, octets: octets.into() }
    }

    /// The octets, for the record.
    pub fn expose(&self) -> &[u8] {
        &self.octets
    }

    /// What neighbouring segments say together.
    pub fn read_all<'a>(segments: impl IntoIterator<Item = &'a Self>) -> String {
        let mut text = String::new();
        let mut run: Option<(Coding, Vec<u8>)> = None;
        for segment in segments {
            match &mut run {
                Some((coding, octets)) if *coding == segment.coding => octets.extend_from_slice(&segment.octets),
                Some(_) | None => {
                    let ended = run.replace((segment.coding, segment.octets.to_vec()));
                    text.extend(ended.map(|(coding, octets)| coding.read(&octets)));
                }
            }
        }
        text.extend(run.map(|(coding, octets)| coding.read(&octets)));
        text
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ‹{} octets›", self.coding, self.octets.len())
    }
}

/// Stands for what can't be read.
pub const LOST: char = char::REPLACEMENT_CHARACTER;

fn septets(shifts: Shifts, octets: &[u8]) -> String {
    let mut codes = octets.iter().copied();
    let mut text = String::with_capacity(octets.len());
    while let Some(code) = codes.next() {
        let character = match code {
            gsm7::ESCAPE => codes.next().and_then(|code| shifts.escaped(code)),
            code => shifts.plain(code),
        };
        text.push(character.unwrap_or(LOST));
    }
    text
}

fn ascii(octet: u8) -> char {
    if octet.is_ascii() { char::from(octet) } else { LOST }
}

/// ISO 8859-5, of which all but three letters lie in Unicode as they do there.
fn cyrillic(octet: u8) -> char {
    match octet {
        ..=0xA0 | 0xAD => char::from(octet),
        0xF0 => '№',
        0xFD => '§',
        _ => char::from_u32(0x0360 + u32::from(octet)).unwrap_or(LOST),
    }
}

/// The letters of ISO 8859-8, and below them what it shares with ASCII.
fn hebrew(octet: u8) -> char {
    match octet {
        ..=0xA0 => char::from(octet),
        0xE0..=0xFA => char::from_u32(0x05D0 + u32::from(octet - 0xE0)).unwrap_or(LOST),
        _ => LOST,
    }
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

    const GSM7: Coding = Coding::Gsm7(Shifts { locking: Language::Unshifted, single: Language::Unshifted });

    #[track_caller]
    fn check(segments: &[(Coding, &[u8])], alone: &[&str], together: &str) {
        let segments: Vec<_> = segments.iter().map(|(coding, octets)| Segment::new(*coding, *octets)).collect();
        let each: Vec<_> = segments.iter().map(|segment| segment.coding.read(segment.expose())).collect();
        assert_eq!(each, alone);
        assert_eq!(Segment::read_all(&segments), together);
    }

    #[test]
    fn what_was_cut_within_a_character_reads_right_together() {
        check(&[(GSM7, b"5 \x1B"), (GSM7, b"e today")], &["5 \u{FFFD}", "e today"], "5 € today");
        let utf16 = Coding::Utf16;
        check(&[(utf16, b"\0a\xD8\x3D"), (utf16, b"\xDC\x4D\0b")], &["a\u{FFFD}", "\u{FFFD}b"], "a👍b");
        check(&[(utf16, b"\0a\x04"), (utf16, b"\x36\0b")], &["a\u{FFFD}", "\u{3600}\u{FFFD}"], "aжb");
        let spanish = Coding::Gsm7(Shifts { single: Language::Spanish, ..Shifts::default() });
        check(&[(spanish, b"S\x1B"), (spanish, b"i")], &["S\u{FFFD}", "i"], "Sí");
    }

    #[test]
    fn segments_in_other_letters_are_read_each_in_its_own() {
        check(&[(GSM7, b"\x05 \x1B"), (Coding::Utf16, b"\x04\x36")], &["é \u{FFFD}", "ж"], "é \u{FFFD}ж");
        check(&[(Coding::Latin1, b"S"), (Coding::Latin1, b"\xED"), (GSM7, b"\0")], &["S", "í", "@"], "Sí@");
        check(&[], &[], "");
    }

    #[test]
    fn a_segment_never_shows_its_words() {
        let shown = format!("{:?}", Segment::new(Coding::Ascii, *b"my knee hurts"));
        assert_eq!(shown, "Ascii ‹13 octets›");
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_it_reads_as_if_it_were_not(
            octets: Vec<u8>,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
            coding in prop::sample::select(vec![GSM7, Coding::Utf16, Coding::Latin1, Coding::Hebrew]),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let segments: Vec<_> =
                cuts.windows(2).map(|cut| Segment::new(coding, &octets[cut[0]..cut[1]])).collect();
            prop_assert_eq!(Segment::read_all(&segments), coding.read(&octets));
        }
    }
}
