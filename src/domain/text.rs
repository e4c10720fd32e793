//! How a text travels as SMS: its alphabet, and the segments that it is cut into.
//!
//! GSM 7-bit default alphabet with its extension table (3GPP TS 23.038 §6.2.1), else UCS-2 carried
//! as UTF-16 (§6.2.3). A segment has 140 octets. Of a text that needs several, each gives some of them up for the header
//! that joins it to the others (3GPP TS 23.040 §9.2.3.24): usually 6, which leaves 153 of 160 septets, or 67 of 70
//! UTF-16 units.

use unicode_segmentation::UnicodeSegmentation;

/// What a segment holds (3GPP TS 23.040 §9.2.3.24).
const SEGMENT_OCTETS: usize = 140;

/// The alphabet that a text needs on its way to the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// GSM 7-bit default alphabet and extension.
    Gsm7,
    /// UTF-16, big endian; `data_coding` 8.
    Ucs2,
}

impl Alphabet {
    /// Units that fit a segment of which a header takes so many octets: septets, or UTF-16 units.
    const fn units(self, header_octets: usize) -> usize {
        let octets = SEGMENT_OCTETS - header_octets;
        match self {
            Self::Gsm7 => octets * 8 / 7,
            Self::Ucs2 => octets / 2,
        }
    }
}

/// How a text is written for one carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writing {
    pub default_alphabet: DefaultAlphabet,
    /// What each segment of a long text gives up for its header.
    pub header_octets: usize,
    /// Segments that a text of staff may take.
    pub segments_max: u32,
    pub carried: Carried,
}

/// How many PDUs a long text goes to the carrier as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// One for each segment.
    InSegments,
    /// One, which the carrier cuts.
    Whole,
}

/// As many segments as phones are sure to join.
pub const SEGMENTS_MAX: u32 = 10;

impl Default for Writing {
    fn default() -> Self {
        let (default_alphabet, carried) = (DefaultAlphabet::Gsm, Carried::InSegments);
        Self { default_alphabet, header_octets: 6, segments_max: SEGMENTS_MAX, carried }
    }
}

impl Writing {
    /// How texts are written for a link for which another may stand in. How many PDUs one goes as is known where it is the
    /// same for both; else it is taken for the more.
    #[must_use]
    pub fn with_stand_in(self, other: Self) -> Self {
        let carried = if self.carried == other.carried { self.carried } else { Carried::InSegments };
        Self { carried, ..self }
    }

    /// How many PDUs a text of so many segments goes as.
    pub fn pdus(self, segments: u32) -> u32 {
        match self.carried {
            Carried::InSegments => segments,
            Carried::Whole => 1,
        }
    }

    /// The alphabet that a text needs.
    pub fn alphabet_of(self, text: &str) -> Alphabet {
        let has = |character| gsm7_codes(character).and_then(|codes| self.default_alphabet.octets(character, codes));
        if text.chars().all(|character| has(character).is_some()) { Alphabet::Gsm7 } else { Alphabet::Ucs2 }
    }
}

/// What the octets of a text mean to the carrier that are not UCS-2 (SMPP 3.4 §5.2.19: the SMSC default alphabet).
///
/// The carrier makes the GSM alphabet of it, which is all that phones know: a character that is not in both goes as
/// UCS-2, and the room in a segment is counted in septets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DefaultAlphabet {
    /// The GSM alphabet itself, one septet in each octet.
    #[default]
    Gsm,
    /// ISO 8859-1.
    Latin1,
    Ascii,
}

impl DefaultAlphabet {
    /// What a character of the GSM alphabet is written as, if it can be: octets, and how many of them count.
    fn octets(self, character: char, codes: ([u8; 2], usize)) -> Option<([u8; 2], usize)> {
        match self {
            Self::Gsm => Some(codes),
            Self::Latin1 => u8::try_from(character).ok().map(|octet| ([octet, 0], 1)),
            Self::Ascii => u8::try_from(character).ok().filter(u8::is_ascii).map(|octet| ([octet, 0], 1)),
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
    /// In the default alphabet, or UCS-2 as big-endian pairs. Never empty.
    pub parts: Vec<Vec<u8>>,
}

impl Segments {
    /// Cuts a text as it is most widely written. See [`written`](Self::written).
    pub fn of(text: &str) -> Self {
        Self::written(text, Writing::default())
    }

    /// Cuts a text. An escape pair, a surrogate pair or a grapheme is never torn apart, unless one
    /// grapheme alone is larger than a segment.
    pub fn written(text: &str, writing: Writing) -> Self {
        let Writing { default_alphabet, header_octets, segments_max: _, carried: _ } = writing;
        let (alphabet, encoded) = match encode_gsm7(text, default_alphabet) {
            Some(encoded) => (Alphabet::Gsm7, encoded),
            None => (Alphabet::Ucs2, encode_ucs2(text, Alphabet::Ucs2.units(header_octets))),
        };
        Self { alphabet, parts: encoded.pack(alphabet.units(0), alphabet.units(header_octets)) }
    }

    /// How many segments a text takes as it is most widely written.
    pub fn count(text: &str) -> u32 {
        Self::of(text).number()
    }

    /// How many there are, and the practice pays for.
    pub fn number(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }
}

/// A whole text as octets, and where it may be cut.
struct Encoded {
    octets: Vec<u8>,
    units: usize,
    /// Where each atom ends: what is never torn apart.
    ends: Vec<End>,
}

/// So many octets and so many units into a text.
#[derive(Clone, Copy, Default)]
struct End {
    octets: usize,
    units: usize,
}

impl Encoded {
    fn with_capacity(octets: usize, atoms: usize) -> Self {
        Self { octets: Vec::with_capacity(octets), units: 0, ends: Vec::with_capacity(atoms) }
    }

    fn write(&mut self, octets: &[u8], units: usize) {
        self.octets.extend_from_slice(octets);
        self.units += units;
    }

    /// The atom that was being written ends here.
    fn end(&mut self) {
        self.ends.push(End { octets: self.octets.len(), units: self.units });
    }

    /// Fills segments with whole atoms: one of `single` units, or several of `several`.
    fn pack(self, single: usize, several: usize) -> Vec<Vec<u8>> {
        let Self { octets, units, ends } = self;
        if units <= single {
            return vec![octets];
        }
        let mut parts = Vec::with_capacity(units / several + 1);
        let (mut start, mut fitting) = (End::default(), End::default());
        for end in ends {
            if end.units - start.units > several {
                parts.push(octets[start.octets..fitting.octets].to_vec());
                start = fitting;
            }
            fitting = end;
        }
        parts.push(octets[start.octets..].to_vec());
        parts
    }
}

/// Each character as the default alphabet writes it, or `None` when it or the GSM alphabet lacks one. No two characters
/// of the GSM alphabet are one grapheme, but CR and LF.
fn encode_gsm7(text: &str, default_alphabet: DefaultAlphabet) -> Option<Encoded> {
    let mut encoded = Encoded::with_capacity(text.len(), text.len());
    let mut before = None;
    for character in text.chars() {
        let codes = gsm7_codes(character)?;
        let (octets, used) = default_alphabet.octets(character, codes)?;
        if (before, character) == (Some('\r'), '\n') {
            encoded.ends.pop();
        }
        encoded.write(&octets[..used], codes.1);
        encoded.end();
        before = Some(character);
    }
    Some(encoded)
}

/// The UTF-16 octets of each grapheme; one too large for a segment falls apart into its characters.
fn encode_ucs2(text: &str, units_max: usize) -> Encoded {
    let mut encoded = Encoded::with_capacity(text.len() * 2, text.len());
    for grapheme in text.graphemes(true) {
        let is_too_large = grapheme.encode_utf16().count() > units_max;
        let start = encoded.units;
        for character in grapheme.chars() {
            if is_too_large && encoded.units > start {
                encoded.end();
            }
            for unit in character.encode_utf16(&mut [0; 2]) {
                encoded.write(&unit.to_be_bytes(), 1);
            }
        }
        encoded.end();
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_longer_header_leaves_less_room() {
        let written = |text: &str, header_octets| {
            let segments = Segments::written(text, Writing { header_octets, ..Writing::default() });
            segments.parts.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(written(&"a".repeat(160), 7), [160], "one segment has no header");
        assert_eq!(written(&"a".repeat(305), 7), [152, 152, 1]);
        assert_eq!(written(&"ж".repeat(133), 7), [132, 132, 2]);
    }

    #[test]
    fn a_default_alphabet_writes_what_it_and_phones_have() {
        let written = |text: &str, default_alphabet| {
            let Segments { alphabet, parts } =
                Segments::written(text, Writing { default_alphabet, ..Writing::default() });
            assert_eq!(Writing { default_alphabet, ..Writing::default() }.alphabet_of(text), alphabet);
            (alphabet, parts.concat())
        };
        use DefaultAlphabet::{Ascii, Gsm, Latin1};
        assert_eq!(written("é@_", Gsm), (Alphabet::Gsm7, vec![0x05, 0x00, 0x11]));
        assert_eq!(written("é@_", Latin1), (Alphabet::Gsm7, vec![0xE9, 0x40, 0x5F]));
        assert_eq!(written("é", Ascii), (Alphabet::Ucs2, vec![0x00, 0xE9]));
        assert_eq!(written("@_", Ascii), (Alphabet::Gsm7, b"@_".to_vec()));
        assert_eq!(written("€", Latin1), (Alphabet::Ucs2, vec![0x20, 0xAC]), "it is in the GSM alphabet alone");
        assert_eq!(written("`í", Latin1), (Alphabet::Ucs2, vec![0, 0x60, 0, 0xED]), "no phone has them in GSM letters");
    }

    #[test]
    fn room_is_counted_as_the_phone_counts_whatever_the_carrier_is_given() {
        let writing = Writing { default_alphabet: DefaultAlphabet::Ascii, ..Writing::default() };
        let sizes = |text: &str| Segments::written(text, writing).parts.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&"[".repeat(80)), [80]);
        assert_eq!(sizes(&"[".repeat(81)), [76, 5], "each is an escape pair to the phone");
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

    /// What a segment says on its own; `None` when something in it was torn apart.
    fn read(alphabet: Alphabet, default_alphabet: DefaultAlphabet, octets: &[u8]) -> Option<String> {
        match (alphabet, default_alphabet) {
            (Alphabet::Ucs2, _) => {
                let (pairs, odd) = octets.as_chunks::<2>();
                let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
                odd.is_empty().then(|| String::from_utf16(&units).ok())?
            }
            (Alphabet::Gsm7, DefaultAlphabet::Gsm) => {
                let mut codes = octets.iter();
                let mut text = String::new();
                while let Some(code) = codes.next() {
                    text.push(match *code {
                        GSM7_ESCAPE => gsm7_extension_char(*codes.next()?)?,
                        code => gsm7_char(code)?,
                    });
                }
                Some(text)
            }
            (Alphabet::Gsm7, DefaultAlphabet::Latin1 | DefaultAlphabet::Ascii) => {
                Some(octets.iter().copied().map(char::from).collect())
            }
        }
    }

    /// Letters, escape pairs, line ends, accents on their own, and emoji of many characters, in any order.
    fn any_text() -> impl Strategy<Value = String> {
        const WHOLE: [&str; 12] = ["\r\n", "€", "[", "é", "ж", "e\u{301}", "👍🏽", "🇺🇸", "👨‍👩‍👧‍👦", "🏳️‍🌈", "நி", "각"];
        let piece = prop_oneof![
            3 => "[a-z \\[€]{0,80}",
            3 => prop::sample::select(WHOLE.to_vec()).prop_map(str::to_owned),
            1 => (prop::sample::select(WHOLE.to_vec()), 0..80_usize).prop_map(|(whole, times)| whole.repeat(times)),
            1 => (0..90_usize).prop_map(|times| format!("e{}", "\u{301}".repeat(times))),
            1 => any::<String>(),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn nothing_is_torn_apart_and_nothing_is_lost(
            text in any_text(),
            header_octets in 6..=7_usize,
            default_alphabet in prop::sample::select(vec![
                DefaultAlphabet::Gsm, DefaultAlphabet::Latin1, DefaultAlphabet::Ascii,
            ]),
        ) {
            let writing = Writing { default_alphabet, header_octets, ..Writing::default() };
            let Segments { alphabet, parts } = Segments::written(&text, writing);
            let room = alphabet.units(if parts.len() == 1 { 0 } else { header_octets });
            let units_of = |text: &str| match alphabet {
                Alphabet::Gsm7 => text.chars().map(|character| gsm7_codes(character).unwrap().1).sum(),
                Alphabet::Ucs2 => text.encode_utf16().count(),
            };
            let mut whole = String::new();
            let mut borders = Vec::new();
            for part in &parts {
                let words = read(alphabet, default_alphabet, part);
                prop_assert!(words.is_some(), "a pair was torn apart");
                let words = words.unwrap();
                prop_assert!(units_of(&words) <= room);
                whole.push_str(&words);
                borders.push(whole.len());
            }
            prop_assert_eq!(&whole, &text);
            for (start, grapheme) in text.grapheme_indices(true) {
                let is_torn = borders.iter().any(|border| (start + 1..start + grapheme.len()).contains(border));
                prop_assert!(!is_torn || units_of(grapheme) > room, "{:?} was torn apart", grapheme);
            }
        }
    }
}
