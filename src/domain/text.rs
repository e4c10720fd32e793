//! How a text travels as SMS: its alphabet, and the segments that it is cut into.
//!
//! GSM 7-bit default alphabet ([`gsm7`]), else UCS-2 pdus as UTF-16 (3GPP TS 23.038 §6.2.3). A segment has 140 octets. Of a text that needs several, each gives some of them up for the header
//! that joins it to the others (3GPP TS 23.040 §9.2.3.24): usually 6, which leaves 153 of 160 septets, or 67 of 70
//! UTF-16 units.

use unicode_segmentation::UnicodeSegmentation;

use super::letters::gsm7;

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
    pub pdus: Pdus,
    /// How the links that may stand in differ, if they do.
    pub spread: Option<Spread>,
}

/// The ways in which the links write that may have to take one text, as far as they decide how many segments it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The poorest of their alphabets.
    pub default_alphabet: DefaultAlphabet,
    pub header_octets_min: usize,
    pub header_octets_max: usize,
}

impl Spread {
    fn with(self, other: Self) -> Self {
        // Each has all characters of those before it.
        let riches = |alphabet: DefaultAlphabet| match alphabet {
            DefaultAlphabet::Ascii => 0,
            DefaultAlphabet::Latin1 => 1,
            DefaultAlphabet::Gsm => 2,
        };
        let alphabets = [self.default_alphabet, other.default_alphabet];
        Self {
            default_alphabet: alphabets.into_iter().min_by_key(|alphabet| riches(*alphabet)).unwrap_or_default(),
            header_octets_min: self.header_octets_min.min(other.header_octets_min),
            header_octets_max: self.header_octets_max.max(other.header_octets_max),
        }
    }
}

/// How many PDUs a text goes to the carrier as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pdus {
    /// One for each segment.
    PerSegment,
    /// One, which the carrier cuts.
    PerText,
}

impl Pdus {
    /// How many a text of so many segments takes.
    pub fn of(self, segments: u32) -> u32 {
        match self {
            Self::PerSegment => segments,
            Self::PerText => 1,
        }
    }
}

/// As many segments as phones are sure to join.
pub const SEGMENTS_MAX: u32 = 10;

impl Default for Writing {
    fn default() -> Self {
        Self {
            default_alphabet: DefaultAlphabet::Gsm,
            header_octets: 6,
            segments_max: SEGMENTS_MAX,
            pdus: Pdus::PerSegment,
            spread: None,
        }
    }
}

impl Writing {
    /// How texts are written for a link for which another may stand in: in its own ways, and counted in the dearer.
    #[must_use]
    pub fn with_stand_in(self, other: Self) -> Self {
        let spread = self.spread().with(other.spread());
        // How many receipts are to come is known where it is the same for both; else it is taken for the more.
        let pdus = if self.pdus == other.pdus { self.pdus } else { Pdus::PerSegment };
        Self { pdus, spread: Some(spread).filter(|spread| *spread != Self { spread: None, ..self }.spread()), ..self }
    }

    /// As many segments as any link makes of a text that may have to take it: what one alphabet lacks takes UCS-2, which
    /// never is fewer. A larger header may make fewer of a text, where a grapheme does not fit beside it and falls apart.
    pub fn segments_at_most(self, text: &str) -> u32 {
        let Spread { default_alphabet, header_octets_min, header_octets_max } = self.spread();
        let number = |header_octets| Segments::written(text, Self { default_alphabet, header_octets, ..self }).number();
        (header_octets_min..=header_octets_max).map(number).max().unwrap_or(1)
    }

    fn spread(self) -> Spread {
        let Self { default_alphabet, header_octets, .. } = self;
        let alone = Spread { default_alphabet, header_octets_min: header_octets, header_octets_max: header_octets };
        self.spread.unwrap_or(alone)
    }

    /// The alphabet that a text needs.
    pub fn alphabet_of(self, text: &str) -> Alphabet {
        let has = |character| gsm7::codes(character).and_then(|codes| self.default_alphabet.octets(character, codes));
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
        let Writing { default_alphabet, header_octets, .. } = writing;
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
        let codes = gsm7::codes(character)?;
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
        let extension = gsm7::EXTENSION.map(|(_, character)| character);
        let characters: Vec<char> = (0..128).filter_map(gsm7::character).chain(extension).collect();
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
    fn what_counts_is_what_the_dearest_link_makes_of_a_text() {
        use DefaultAlphabet::{Ascii, Gsm, Latin1};
        let of = |default_alphabet, header_octets| Writing { default_alphabet, header_octets, ..Writing::default() };
        let accents = "é".repeat(160);
        for (writing, text, own, most) in [
            (of(Gsm, 6), accents.as_str(), 1, 1),
            (of(Gsm, 6).with_stand_in(of(Gsm, 6)), &accents, 1, 1),
            (of(Gsm, 6).with_stand_in(of(Ascii, 6)), &accents, 1, 3),
            (of(Ascii, 6).with_stand_in(of(Gsm, 6)), &accents, 3, 3),
            (of(Gsm, 6).with_stand_in(of(Latin1, 7)).with_stand_in(of(Ascii, 6)), &accents, 1, 3),
            (of(Gsm, 6).with_stand_in(of(Gsm, 7)), &"a".repeat(306), 2, 3),
        ] {
            assert_eq!((Segments::written(text, writing).number(), writing.segments_at_most(text)), (own, most));
        }
        let payload = Writing { pdus: Pdus::PerText, ..Writing::default() };
        assert_eq!(payload.with_stand_in(payload).pdus, Pdus::PerText);
        assert_eq!(payload.with_stand_in(Writing::default()).pdus, Pdus::PerSegment);
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
        assert_ne!(segments.parts[0].last(), Some(&gsm7::ESCAPE));
        assert_eq!(segments.parts[1][..2], [gsm7::ESCAPE, 0x65]);
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
                        gsm7::ESCAPE => gsm7::escaped(*codes.next()?)?,
                        code => gsm7::character(code)?,
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

    fn any_writing() -> impl Strategy<Value = Writing> {
        let alphabets = vec![DefaultAlphabet::Gsm, DefaultAlphabet::Latin1, DefaultAlphabet::Ascii];
        (prop::sample::select(alphabets), 6..=7_usize).prop_map(|(default_alphabet, header_octets)| Writing {
            default_alphabet,
            header_octets,
            ..Writing::default()
        })
    }

    proptest! {
        #[test]
        fn no_link_writes_more_segments_than_are_counted(
            text in any_text(),
            writings in prop::collection::vec(any_writing(), 1..5),
        ) {
            let together = writings.iter().copied().reduce(Writing::with_stand_in).unwrap();
            for writing in writings {
                prop_assert!(Segments::written(&text, writing).number() <= together.segments_at_most(&text));
            }
        }

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
                Alphabet::Gsm7 => text.chars().map(|character| gsm7::codes(character).unwrap().1).sum(),
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
