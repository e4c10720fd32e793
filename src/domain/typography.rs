//! Straightens what word processors and phones curl: one such character would make a whole text UCS-2, at twice the
//! segments.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::text::{Alphabet, Segments, Writing};

/// Characters, and what can stand for each of them without a loss of meaning. No accent is here and no fraction: "ano"
/// is not "año", and "21/2" is not "2½".
const PLAIN: [(&str, &str); 15] = [
    // Single quotation marks and what is taken for an apostrophe; double ones; French ones.
    ("\u{2018}\u{2019}\u{201A}\u{201B}\u{02BC}\u{2032}\u{00B4}\u{0060}", "'"),
    ("\u{201C}\u{201D}\u{201E}\u{201F}\u{2033}", "\""),
    ("\u{2039}\u{203A}", "'"),
    ("\u{00AB}\u{00BB}", "\""),
    // Hyphens, the figure dash, the en dash and the minus sign.
    ("\u{2010}\u{2011}\u{2012}\u{2013}\u{2212}", "-"),
    // The em dash parts what a hyphen would join.
    ("\u{2014}\u{2015}", "--"),
    ("\u{2026}", "..."),
    ("\u{2022}", "*"),
    // Spaces of other widths, and those at which no line breaks.
    ("\u{00A0}\u{202F}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200A}\u{205F}", " "),
    // Ends of a line and of a paragraph.
    ("\u{2028}\u{2029}", "\n"),
    // What nobody sees: where a word may be parted, and where it may not.
    ("\u{00AD}\u{200B}\u{2060}\u{FEFF}", ""),
    ("\u{FB00}", "ff"),
    ("\u{FB01}", "fi"),
    ("\u{FB02}", "fl"),
    ("\u{2044}", "/"),
];

/// A text as it is sent, and what of it was straightened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Straightened {
    pub text: String,
    /// What was written and what stands for it: each once, in the order in which they come.
    pub replaced: Vec<(String, String)>,
}

impl Straightened {
    /// Straightens a text if it then is written in the alphabet of 160 characters as a whole. Any other stays as it is,
    /// to the last quotation mark.
    pub fn of(text: &str, writing: Writing) -> Self {
        let as_it_is = || Self { text: text.to_owned(), replaced: Vec::new() };
        let is_gsm7 = |text: &str| writing.alphabet_of(text) == Alphabet::Gsm7;
        if is_gsm7(text) {
            return as_it_is();
        }
        let straightened = Self::wholly(text);
        let number = |text: &str| Segments::written(text, writing).number();
        // Sixty ellipses are one segment, and 180 full stops are two.
        let pays = is_gsm7(&straightened.text) && number(&straightened.text) <= number(text);
        if pays { straightened } else { as_it_is() }
    }

    fn wholly(text: &str) -> Self {
        let mut straightened = Self { text: String::with_capacity(text.len()), replaced: Vec::new() };
        for written in text.graphemes(true) {
            // An accent on its own and the letter before it are one letter of the alphabet, or none.
            let plain: String = written.nfc().map(plain).collect();
            straightened.text.push_str(&plain);
            let replacement = (written.to_owned(), plain);
            if replacement.0 != replacement.1 && !straightened.replaced.contains(&replacement) {
                straightened.replaced.push(replacement);
            }
        }
        straightened
    }
}

fn plain(character: char) -> String {
    let found = PLAIN.iter().find(|(characters, _)| characters.contains(character));
    found.map_or_else(|| character.to_string(), |(_, plain)| (*plain).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::text::DefaultAlphabet;

    #[track_caller]
    fn check(text: &str, expected: &str, replaced: &[(&str, &str)]) {
        let straightened = Straightened::of(text, Writing::default());
        let found: Vec<(&str, &str)> =
            straightened.replaced.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        assert_eq!((straightened.text.as_str(), found.as_slice()), (expected, replaced));
    }

    #[test]
    fn every_row_of_the_table_is_straightened_to_what_phones_have() {
        for (characters, plain) in PLAIN {
            for character in characters.chars() {
                check(&format!("a{character}b"), &format!("a{plain}b"), &[(&character.to_string(), plain)]);
            }
        }
    }

    #[test]
    fn a_text_from_a_word_processor_fits_the_alphabet_of_160() {
        check(
            "It\u{2019}s at 3\u{00A0}pm \u{2013} don\u{2019}t be late\u{2026}",
            "It's at 3 pm - don't be late...",
            &[("\u{2019}", "'"), ("\u{00A0}", " "), ("\u{2013}", "-"), ("\u{2026}", "...")],
        );
    }

    #[test]
    fn what_is_in_the_alphabet_is_left_alone() {
        check("Señor Müller, 5 € at 3?", "Señor Müller, 5 € at 3?", &[]);
    }

    #[test]
    fn where_one_character_needs_ucs_2_anyway_nothing_is_straightened() {
        for text in ["It\u{2019}s María", "\u{201C}Hi\u{201D} 👍", "2½ \u{2013} 3", "\u{2019}\u{301}"] {
            check(text, text, &[]);
        }
    }

    #[test]
    fn what_would_cost_a_segment_more_is_left_alone() {
        let ellipses = "\u{2026}".repeat(60);
        check(&ellipses, &ellipses, &[]);
    }

    #[test]
    fn a_letter_and_its_accent_are_one_letter() {
        check("Jose\u{301}", "José", &[("e\u{301}", "é")]);
        check("Mari\u{301}a", "Mari\u{301}a", &[]);
    }

    #[test]
    fn what_the_carriers_alphabet_lacks_is_left_to_ucs_2() {
        let writing = Writing { default_alphabet: DefaultAlphabet::Ascii, ..Writing::default() };
        let of = |text| Straightened::of(text, writing).text;
        assert_eq!(of("It\u{2019}s"), "It's");
        assert_eq!(of("It\u{2019}s José"), "It\u{2019}s José");
    }

    /// Letters, curls, accents and emoji in any order.
    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-z \\[€é]{0,30}",
            prop::sample::select(vec![
                "\u{2019}",
                "\u{2014}",
                "\u{2026}",
                "\u{00A0}",
                "\u{301}",
                "👨‍👩‍👧‍👦",
                "🇺🇸",
                "👍🏽",
                "ж"
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn straightening_never_costs_a_segment_and_a_second_time_changes_nothing(text in any_text()) {
            let writing = Writing::default();
            let once = Straightened::of(&text, writing);
            let number = |text: &str| Segments::written(text, writing).number();
            prop_assert!(number(&once.text) <= number(&text));
            let twice = Straightened::of(&once.text, writing);
            prop_assert_eq!(&twice.text, &once.text);
            prop_assert!(twice.replaced.is_empty());
            prop_assert_eq!(once.replaced.is_empty(), once.text == text);
        }
    }
}
