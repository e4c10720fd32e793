//! What did the patient mean? Reads a whole text as one of the words that consent depends on.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a text means for consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// STOP and its like: 47 CFR 64.1200(a)(10) and CTIA Messaging Principles 5.1.3.
    OptOut,
    /// START or UNSTOP.
    Start,
    /// YES and its like; it counts only as the answer to an invitation.
    OptIn,
    /// HELP and its like.
    Help,
    /// Anything else.
    Other,
}

/// The language to answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    #[default]
    English,
    Spanish,
}

/// A text, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub meaning: Meaning,
    pub language: Language,
}

/// The words, as [`normalize`] leaves them. The whole text must be one of them.
const WORDS: [(Meaning, Language, &[&str]); 7] = [
    (
        Meaning::OptOut,
        Language::English,
        &[
            "stop",
            "stopall",
            "stop all",
            "unsubscribe",
            "cancel",
            "end",
            "quit",
            "revoke",
            "optout",
            "opt out",
            "opt-out",
            "remove",
            "arret",
        ],
    ),
    (Meaning::OptOut, Language::Spanish, &["alto", "pare", "parar", "detener", "cancelar", "terminar", "no mas"]),
    (Meaning::Start, Language::English, &["start", "unstop"]),
    (
        Meaning::OptIn,
        Language::English,
        &["yes", "y", "yes please", "yes thanks", "yes thank you", "yes, please", "yes, thanks", "yes, thank you"],
    ),
    (Meaning::OptIn, Language::Spanish, &["si", "si por favor", "si gracias", "si, por favor", "si, gracias"]),
    (Meaning::Help, Language::English, &["help", "info"]),
    (Meaning::Help, Language::Spanish, &["ayuda"]),
];

/// What may follow an opt-out word without changing it: "stop please", "Stop. Thank you", "STOP texting me".
const COURTESIES: [&str; 16] = [
    "please",
    "pls",
    "thanks",
    "thank",
    "thx",
    "you",
    "now",
    "texting",
    "messaging",
    "sending",
    "texts",
    "messages",
    "me",
    "por",
    "favor",
    "gracias",
];

/// Reads a text. Only a whole text counts: "the bus stop" is not STOP, and "YES but stop on Friday" is not YES. A
/// courtesy after an opt-out word makes it no other text, and where a text is nothing but keywords, STOP wins.
pub fn read(text: &str) -> Reading {
    let said = normalize(text);
    let other = Reading { meaning: Meaning::Other, language: Language::English };
    keyword(&said).or_else(|| polite_opt_out(&said)).or_else(|| opt_out_among_keywords(&said)).unwrap_or(other)
}

/// Opt-out words that patients also write to put off an appointment. They opt out all the same: 47 CFR 64.1200(a)(10).
const OF_APPOINTMENTS: [&str; 4] = ["cancel", "end", "cancelar", "terminar"];

/// Whether an opt-out may have meant an appointment.
pub fn may_mean_appointment(text: &str) -> bool {
    let said = normalize(text);
    let is_opt_out = |word: &&str| keyword(word).is_some_and(|reading| reading.meaning == Meaning::OptOut);
    let mut opt_outs = words_of(&said).filter(is_opt_out).peekable();
    opt_outs.peek().is_some() && opt_outs.all(|word| OF_APPOINTMENTS.contains(&word))
}

fn keyword(said: &str) -> Option<Reading> {
    let (meaning, language, _) = WORDS.iter().find(|(_, _, words)| words.contains(&said))?;
    Some(Reading { meaning: *meaning, language: *language })
}

fn polite_opt_out(said: &str) -> Option<Reading> {
    let words: Vec<&str> = words_of(said).collect();
    let courtesies = words.iter().rev().take_while(|word| COURTESIES.contains(word)).count();
    let reading = keyword(&words[..words.len() - courtesies].join(" "))?;
    (reading.meaning == Meaning::OptOut).then_some(reading)
}

fn opt_out_among_keywords(said: &str) -> Option<Reading> {
    let readings: Option<Vec<Reading>> = words_of(said).map(keyword).collect();
    readings?.into_iter().find(|reading| reading.meaning == Meaning::OptOut)
}

/// The words of a normalized text without the punctuation around them.
fn words_of(said: &str) -> impl Iterator<Item = &str> {
    let words = said.split(' ').map(|word| word.trim_matches(|character: char| !character.is_alphanumeric()));
    words.filter(|word| !word.is_empty())
}

/// NFKC, no invisible marks, case and accents folded, quotes straight, the edges free of punctuation and
/// emoji, white space collapsed. Letters that were spaced out ("S T O P") are put together again.
pub fn normalize(text: &str) -> String {
    let folded: String = fold(text).collect();
    let words: Vec<&str> =
        folded.trim_matches(|character: char| !character.is_alphanumeric()).split_whitespace().collect();
    let spelled_out = words.len() > 1 && words.iter().all(|word| word.chars().count() == 1);
    words.join(if spelled_out { "" } else { " " })
}

/// The characters of a text as they are compared: no invisible marks, case and accents folded, quotes straight.
pub(super) fn fold(text: &str) -> impl Iterator<Item = char> {
    text.nfkc()
        .filter(|character| !is_invisible(*character))
        .flat_map(char::to_lowercase)
        .nfd()
        .filter(|character| !is_combining_mark(*character))
        .map(straighten)
}

/// Zero-width and bidirectional marks, variation selectors, and the soft hyphen.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0100}'..='\u{e01ef}')
}

/// Typographic quotes and dashes become the ones on a keyboard.
fn straighten(character: char) -> char {
    match character {
        '\u{2018}'..='\u{201b}' => '\'',
        '\u{201c}'..='\u{201f}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(meaning: Meaning, texts: &[&str]) {
        for text in texts {
            assert_eq!(read(text).meaning, meaning, "{text:?}");
        }
    }

    #[test]
    fn every_opt_out_word_opts_out() {
        check(
            Meaning::OptOut,
            &[
                "STOP",
                "STOPALL",
                "STOP ALL",
                "UNSUBSCRIBE",
                "CANCEL",
                "END",
                "QUIT",
                "REVOKE",
                "OPTOUT",
                "OPT OUT",
                "OPT-OUT",
                "REMOVE",
                "ARRET",
                "ALTO",
                "PARE",
                "PARAR",
                "DETENER",
                "CANCELAR",
                "TERMINAR",
                "NO MAS",
            ],
        );
    }

    #[test]
    fn writing_it_differently_changes_nothing() {
        check(
            Meaning::OptOut,
            &[
                "stop",
                "Stop.",
                " STOP!!! ",
                "\"stop\"",
                "“Stop”",
                "ＳＴＯＰ",
                "s\u{200b}top",
                "S T O P",
                "stop 🛑",
                "🛑🛑 stop",
                "Arrêt",
                "no más",
                "NO\u{a0}MÁS",
                "stop\r\n",
                "\u{202e}stop",
                "stop\u{fe0f}",
                "opt–out",
                "opt‐out",
                "Stop\n all",
            ],
        );
        check(Meaning::OptIn, &["yes", "Yes!", "YES.", "y", "Sí", "sí.", "SI", "yes please", "Yes, please!", "yes 👍"]);
        check(Meaning::Start, &["start", "Start.", "UNSTOP"]);
        check(Meaning::Help, &["help", "HELP?", "info", "ayuda", "¿Ayuda?"]);
    }

    #[test]
    fn a_courtesy_does_not_take_a_stop_back() {
        check(
            Meaning::OptOut,
            &[
                "stop please",
                "Stop. Thank you",
                "STOP texting me",
                "No más, por favor",
                "remove me please",
                "stop all messages now",
                "Unsubscribe, thanks!",
            ],
        );
        check(Meaning::Other, &["please", "thank you", "stop by please", "stop me if you know this", "end of the day"]);
    }

    #[test]
    fn where_a_text_says_yes_and_stop_it_is_stop() {
        check(Meaning::OptOut, &["YES STOP", "STOP YES", "stop, start", "Stop stop STOP!"]);
        check(Meaning::Other, &["yes yes", "start help"]);
    }

    #[test]
    fn sentences_are_not_keywords() {
        check(
            Meaning::Other,
            &[
                "",
                "   ",
                "👍",
                "I can't stop coughing",
                "the bus stop",
                "stop by at 5?",
                "don't stop",
                "should I quit the brace?",
                "cancel my 3pm",
                "YES but stop after Friday",
                "no",
                "Liked “Reply YES to receive messages from your practice”",
                "yesterday",
                "stop 123",
                "ye s",
                "1 2",
            ],
        );
    }

    #[test]
    fn words_of_appointments_are_known() {
        for text in ["CANCEL", "End.", "cancel please", "CANCELAR", "terminar, gracias"] {
            assert!(may_mean_appointment(text), "{text:?}");
        }
        for text in ["STOP", "stop cancel", "stop please", "no más", ""] {
            assert!(!may_mean_appointment(text), "{text:?}");
        }
    }

    #[test]
    fn the_language_of_the_word_is_kept() {
        assert_eq!(read("ALTO").language, Language::Spanish);
        assert_eq!(read("Sí").language, Language::Spanish);
        assert_eq!(read("STOP").language, Language::English);
    }
}
