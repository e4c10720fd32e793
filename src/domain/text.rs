//! How a text travels as SMS: its alphabet, and the segments that it is cut into.
//!
//! GSM 7-bit default alphabet with its extension table (3GPP TS 23.038 §6.2.1), else UCS-2 carried
//! as UTF-16 (§6.2.3). A text that needs several segments gives up 6 octets of each to the
//! concatenation header (3GPP TS 23.040 §9.2.3.24.1): 153 of 160 septets, or 67 of 70 UTF-16 units, are left.

use unicode_segmentation::UnicodeSegmentation;

/// The alphabet that a text needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7-bit default alphabet and extension; `data_coding` 0.
    Gsm7,
    /// UTF-16, big endian; `data_coding` 8.
    Ucs2,
}

impl Alphabet {
    /// Units in a text that fits one segment: septets, or UTF-16 units.
    pub const fn single(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units in each segment of a text that needs several.
    pub const fn concatenated(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }
}

/// The position of each character of the GSM default alphabet is its code; 0x1B is the escape.
const GSM7: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω',
    'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+',
    ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B',
    'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y',
    'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p',
    'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// Characters that are written as the escape and one more code.
const GSM7_EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0c}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// The code that announces a character of the extension table.
pub const GSM7_ESCAPE: u8 = 0x1B;

/// The character that a GSM code stands for; `None` for the escape and above 127.
pub fn gsm7_char(code: u8) -> Option<char> {
    GSM7.get(usize::from(code)).copied().filter(|_| code != GSM7_ESCAPE)
}

/// The character that a code stands for after an escape.
pub fn gsm7_extension_char(code: u8) -> Option<char> {
    GSM7_EXTENSION.iter().find(|(known, _)| *known == code).map(|(_, character)| *character)
}

/// The codes of the characters below U+0080, which most texts are made of; [`GSM7_NONE`] where there is no single one.
const GSM7_OF_ASCII: [u8; 128] = {
    let mut codes = [GSM7_NONE; 128];
    let mut code = 0;
    while code < GSM7.len() {
        if GSM7[code].is_ascii() && code != GSM7_ESCAPE as usize {
            codes[GSM7[code] as usize] = code as u8;
        }
        code += 1;
    }
    codes
};
const GSM7_NONE: u8 = 0xFF;

/// The codes of a character, one septet in each octet; `None` when the alphabet lacks it.
fn gsm7_codes(character: char) -> Option<([u8; 2], usize)> {
    let code = match GSM7_OF_ASCII.get(character as usize) {
        Some(&GSM7_NONE) => None,
        Some(code) => Some(*code),
        None => (0..).zip(GSM7).find(|(_, known)| *known == character).map(|(code, _)| code),
    };
    if let Some(code) = code {
        return Some(([code, 0], 1));
    }
    let (code, _) = GSM7_EXTENSION.iter().find(|(_, known)| *known == character)?;
    Some(([GSM7_ESCAPE, *code], 2))
}

/// A text cut into the segments that travel: the octets of each, without any header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    pub alphabet: Alphabet,
    /// GSM: one septet in each octet. UCS-2: big-endian pairs. Never empty.
    pub parts: Vec<Vec<u8>>,
}

impl Segments {
    /// Cuts a text. An escape pair, a surrogate pair or a grapheme is never torn apart, unless one
    /// grapheme alone is larger than a segment.
    pub fn of(text: &str) -> Self {
        match encode_gsm7(text) {
            Some(encoded) => Self { alphabet: Alphabet::Gsm7, parts: encoded.pack(Alphabet::Gsm7, 1) },
            None => Self { alphabet: Alphabet::Ucs2, parts: encode_ucs2(text).pack(Alphabet::Ucs2, 2) },
        }
    }

    /// How many segments the practice pays for.
    pub fn count(text: &str) -> u32 {
        u32::try_from(Self::of(text).parts.len()).unwrap_or(u32::MAX)
    }
}

/// A whole text as octets, and where it may be cut.
struct Encoded {
    octets: Vec<u8>,
    /// Where each atom ends: what is never torn apart.
    ends: Vec<usize>,
}

impl Encoded {
    fn with_capacity(atoms: usize, octets_per_unit: usize) -> Self {
        Self { octets: Vec::with_capacity(atoms * octets_per_unit), ends: Vec::with_capacity(atoms) }
    }

    /// The atom that was being written ends here.
    fn end(&mut self) {
        self.ends.push(self.octets.len());
    }

    /// Fills segments with whole atoms.
    fn pack(self, alphabet: Alphabet, octets_per_unit: usize) -> Vec<Vec<u8>> {
        let Self { octets, ends } = self;
        if octets.len() <= alphabet.single() * octets_per_unit {
            return vec![octets];
        }
        let room = alphabet.concatenated() * octets_per_unit;
        let mut parts = Vec::with_capacity(octets.len() / room + 1);
        let (mut start, mut fitting) = (0, 0);
        for end in ends {
            if end - start > room {
                parts.push(octets[start..fitting].to_vec());
                start = fitting;
            }
            fitting = end;
        }
        parts.push(octets[start..].to_vec());
        parts
    }
}

/// The codes of each character, or `None` when one is not in the GSM alphabet. No two characters of the alphabet
/// are one grapheme, but CR and LF.
fn encode_gsm7(text: &str) -> Option<Encoded> {
    let mut encoded = Encoded::with_capacity(text.len(), 1);
    let mut before = None;
    for character in text.chars() {
        let (pair, used) = gsm7_codes(character)?;
        if (before, character) == (Some('\r'), '\n') {
            encoded.ends.pop();
        }
        encoded.octets.extend_from_slice(&pair[..used]);
        encoded.end();
        before = Some(character);
    }
    Some(encoded)
}

/// The UTF-16 octets of each grapheme; one too large for a segment falls apart into its characters.
fn encode_ucs2(text: &str) -> Encoded {
    let mut encoded = Encoded::with_capacity(text.len(), 2);
    for grapheme in text.graphemes(true) {
        let is_too_large = grapheme.encode_utf16().count() > Alphabet::Ucs2.concatenated();
        let start = encoded.octets.len();
        for character in grapheme.chars() {
            if is_too_large && encoded.octets.len() > start {
                encoded.end();
            }
            encoded.octets.extend(character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
        encoded.end();
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, alphabet: Alphabet, sizes: &[usize]) {
        let segments = Segments::of(text);
        let found: Vec<usize> = segments.parts.iter().map(Vec::len).collect();
        assert_eq!((segments.alphabet, found.as_slice()), (alphabet, sizes), "{text}");
    }

    #[test]
    fn a_text_takes_the_segments_that_the_specification_gives_it() {
        check("", Alphabet::Gsm7, &[0]);
        check("hello", Alphabet::Gsm7, &[5]);
        check(&"a".repeat(160), Alphabet::Gsm7, &[160]);
        check(&"a".repeat(161), Alphabet::Gsm7, &[153, 8]);
        check(&"a".repeat(306), Alphabet::Gsm7, &[153, 153]);
        check(&"a".repeat(307), Alphabet::Gsm7, &[153, 153, 1]);
        check(&"€".repeat(80), Alphabet::Gsm7, &[160]);
        check("José", Alphabet::Gsm7, &[4]);
        check("María", Alphabet::Ucs2, &[10]);
        check(&"ж".repeat(70), Alphabet::Ucs2, &[140]);
        check(&"ж".repeat(71), Alphabet::Ucs2, &[134, 8]);
        check("’", Alphabet::Ucs2, &[2]);
        check("\u{1b}", Alphabet::Ucs2, &[2]);
    }

    #[test]
    fn no_two_characters_of_the_gsm_alphabet_are_one_grapheme_but_a_line_end() {
        let extension = GSM7_EXTENSION.map(|(_, character)| character);
        let characters: Vec<char> = (0..128).filter_map(gsm7_char).chain(extension).collect();
        for first in &characters {
            for second in &characters {
                let pair = format!("{first}{second}");
                let graphemes = if pair == "\r\n" { 1 } else { 2 };
                assert_eq!(pair.graphemes(true).count(), graphemes, "{pair:?}");
            }
        }
        check(&format!("{}\r\n{}", "a".repeat(152), "b".repeat(20)), Alphabet::Gsm7, &[152, 22]);
    }

    #[test]
    fn an_escape_pair_is_never_split() {
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        check(&text, Alphabet::Gsm7, &[152, 22]);
        let segments = Segments::of(&text);
        assert_ne!(segments.parts[0].last(), Some(&GSM7_ESCAPE));
        assert_eq!(segments.parts[1][..2], [GSM7_ESCAPE, 0x65]);
    }

    #[test]
    fn an_emoji_is_never_split() {
        let family = "👨‍👩‍👧‍👦";
        let text = format!("{}{family}{}", "ж".repeat(60), "ж".repeat(20));
        let segments = Segments::of(&text);
        for part in &segments.parts {
            let units: Vec<u16> = part.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            assert!(String::from_utf16(&units).is_ok(), "a surrogate pair was torn apart");
        }
        assert_eq!(segments.parts[0].len(), 120, "the family moves to the second segment whole");
    }

    #[test]
    fn a_grapheme_larger_than_a_segment_falls_apart_between_characters() {
        let monster = format!("e{}", "\u{301}".repeat(200));
        let segments = Segments::of(&monster);
        assert!(segments.parts.iter().all(|part| part.len() <= 134));
        assert_eq!(segments.parts.iter().map(Vec::len).sum::<usize>(), 402);
    }

    #[test]
    fn the_alphabet_and_its_inverse_agree() {
        for code in 0..128u8 {
            let Some(character) = gsm7_char(code) else { continue };
            assert_eq!(gsm7_codes(character), Some(([code, 0], 1)));
        }
        for (code, character) in GSM7_EXTENSION {
            assert_eq!(gsm7_extension_char(code), Some(character));
        }
        assert_eq!(gsm7_char(GSM7_ESCAPE), None);
        assert_eq!(gsm7_char(0x80), None);
    }
}
