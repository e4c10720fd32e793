//! Takes a text apart into words, each as it was probably meant: contractions in full, the usual misspellings right.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use super::WORDS_MAX;
use super::rules;
use super::vocabulary::{GUESSED, JOINED, NAME, SOUNDED, in_full, is_name, is_real, known_misspelling};
use crate::domain::keyword;

/// Letters that a word may have to be guessed at. The longest that is guessed has fifteen.
const GUESSED_CHARS_MAX: usize = 18;
/// Letters that a word must have to be guessed at: of shorter ones, too many are near each other.
const GUESSED_CHARS_MIN: usize = 4;
/// Single letters in a row that are a word spelled out ("S T O P").
const SPELLED_OUT_MIN: usize = 4;
/// Digits of a group that may be part of a phone number; fewer are a time, a count, an age.
const GROUP_DIGITS_MIN: usize = 3;
/// Digits that groups must have together to be a phone number: as many as one has without its area code.
const PHONE_DIGITS_MIN: usize = 7;

/// What a phone that takes dictation writes of somebody who thinks.
const SOUNDS: [&str; 6] = ["um", "umm", "uh", "uhh", "uhm", "erm"];

/// A text, word by word.
pub(super) struct Spelled {
    /// What stands there, case and accents folded.
    written: Vec<String>,
    /// What is meant, with the places of what stands there: "dont" is "do" and "not", "Mary Jones" is one name.
    meant: Vec<(Cow<'static, str>, Range<usize>)>,
}

impl Spelled {
    pub fn meant(&self) -> Vec<&str> {
        self.meant.iter().map(|(word, _)| word.as_ref()).collect()
    }

    /// How many words stand there.
    pub fn words_written(&self) -> usize {
        self.written.len()
    }

    /// What stands there for a range of what is meant.
    pub fn written(&self, range: Range<usize>) -> String {
        let places = self.meant.get(range).unwrap_or_default();
        match (places.first(), places.last()) {
            (Some((_, first)), Some((_, last))) => self.written[first.start..last.end].join(" "),
            _ => String::new(),
        }
    }
}

/// Reads the words of a text. Punctuation and emoji only part them: patients use them as it comes.
pub(super) fn read(text: &str) -> Spelled {
    let written = put_together(split(text));
    let mut meant: Vec<(Cow<'static, str>, Range<usize>)> = Vec::new();
    for (place, word) in written.iter().enumerate() {
        if is_name(word) {
            match meant.last_mut().filter(|(before, _)| before == NAME) {
                Some((_, places)) => places.end = place + 1,
                None => meant.push((Cow::Borrowed(NAME), place..place + 1)),
            }
            continue;
        }
        let parts = taken_apart(word).map_or_else(|| vec![word.as_str()], Vec::from);
        for part in parts {
            match in_full(part) {
                Some(long) => meant.extend(long.split(' ').map(|word| (Cow::Borrowed(word), place..place + 1))),
                None => meant.push((right(part), place..place + 1)),
            }
        }
    }
    meant.truncate(WORDS_MAX);
    Spelled { written, meant }
}

fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for chunk in text.split_whitespace().take(WORDS_MAX) {
        if is_address(chunk) {
            continue;
        }
        let mut word = String::new();
        for character in keyword::fold(chunk) {
            if character.is_alphanumeric() {
                word.push(character);
            } else if let Some(sign) = sign(character) {
                words.push(std::mem::take(&mut word));
                words.extend(sign.split(' ').map(str::to_owned));
            } else if !is_apostrophe(character) {
                words.push(std::mem::take(&mut word));
            }
        }
        words.push(word);
    }
    words.retain(|word| !word.is_empty() && !SOUNDS.contains(&word.as_str()));
    words.truncate(WORDS_MAX);
    words
}

/// Signs that stand for a word: "wrong #" is how many write it.
fn sign(character: char) -> Option<&'static str> {
    match character {
        '#' => Some("number"),
        '🛑' => Some("stop"),
        '🚫' => Some("no"),
        '📱' | '📲' => Some("phone"),
        '📵' => Some("no texts"),
        '💬' => Some("texts"),
        _ => None,
    }
}

/// What a web address is made of says nothing.
fn is_address(chunk: &str) -> bool {
    chunk.contains("://") || chunk.starts_with("www.")
}

fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '`' | '\u{b4}' | '\u{2b9}' | '\u{2bc}')
}

/// Makes one word each of letters that spell one out, and of the groups of a phone number.
fn put_together(words: Vec<String>) -> Vec<String> {
    let is_letter = |word: &String| word.chars().count() == 1;
    let is_group = |word: &String| word.len() >= GROUP_DIGITS_MIN && word.bytes().all(|byte| byte.is_ascii_digit());
    let words = join(words, is_letter, |run| run.len() >= SPELLED_OUT_MIN);
    join(words, is_group, |run| run.iter().map(String::len).sum::<usize>() >= PHONE_DIGITS_MIN)
}

/// Makes one word of each run of words of a kind that is one.
fn join(words: Vec<String>, is_of_kind: impl Fn(&String) -> bool, is_one: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut together: Vec<String> = Vec::with_capacity(words.len());
    for run in words.chunk_by(|one, next| is_of_kind(one) == is_of_kind(next)) {
        if is_of_kind(&run[0]) && is_one(run) {
            together.push(run.concat());
        } else {
            together.extend_from_slice(run);
        }
    }
    together
}

/// Two words that lack the space between them: "stoptexting", "nomanden".
fn taken_apart(word: &str) -> Option<[&str; 2]> {
    if rules::is_word(word) || is_real(word) || known_misspelling(word).is_some() || in_full(word).is_some() {
        return None;
    }
    JOINED.iter().find_map(|first| {
        let second = word.strip_prefix(first)?;
        let is_second = second == "me" || second.len() >= GUESSED_CHARS_MIN && rules::is_word(&right(second));
        is_second.then_some([*first, second])
    })
}

/// The word that a spelling stands for; itself where none is known.
fn right(word: &str) -> Cow<'static, str> {
    let squeezed = squeeze(word);
    let known = known_misspelling(word)
        .or_else(|| known_misspelling(&squeezed))
        .or_else(|| guess(&squeezed))
        .or_else(|| heard(&squeezed));
    known.map_or(Cow::Owned(squeezed), Cow::Borrowed)
}

/// Letters that are drawn out: "stooopp", "pleaseee". No word of English or Spanish has three in a row.
fn squeeze(word: &str) -> String {
    let characters: Vec<char> = word.chars().collect();
    let runs = characters.chunk_by(|one, next| one == next);
    if runs.clone().count() > 1 && runs.clone().any(|run| run.len() > 2 && run[0].is_alphabetic()) {
        runs.map(|run| run[0]).collect()
    } else {
        word.to_owned()
    }
}

/// The word that slips of a thumb turned into something that is no word: the nearest.
fn guess(word: &str) -> Option<&'static str> {
    let may_be_guessed = word.is_ascii() && (GUESSED_CHARS_MIN..=GUESSED_CHARS_MAX).contains(&word.len());
    if !may_be_guessed || rules::is_word(word) || is_real(word) {
        return None;
    }
    let slips = |(right, slips_max): &(&'static str, usize)| {
        let slips = (right.len().abs_diff(word.len()) <= *slips_max).then(|| slips_between(right, word))?;
        (slips <= *slips_max).then_some((slips, *right))
    };
    // Of two that are as near, the one that stands first: `min_by_key` keeps it.
    GUESSED.iter().filter_map(slips).min_by_key(|(slips, _)| *slips).map(|(_, right)| right)
}

/// The word that is spelled as it sounds: "remoov", "escrivirme".
fn heard(word: &str) -> Option<&'static str> {
    static WORDS: LazyLock<HashMap<String, &str>> =
        LazyLock::new(|| SOUNDED.iter().flat_map(|words| words.split(' ')).map(|word| (sound(word), word)).collect());
    let may_be_heard = word.is_ascii() && (GUESSED_CHARS_MIN..=GUESSED_CHARS_MAX).contains(&word.len());
    if !may_be_heard || rules::is_word(word) || is_real(word) {
        return None;
    }
    WORDS.get(&sound(word)).copied()
}

/// How a word sounds, roughly, in either language: letters that are taken for each other are one.
fn sound(word: &str) -> String {
    const ALIKE: &[(&str, &str)] = &[
        ("qu", "k"),
        ("q", "k"),
        ("ck", "k"),
        ("ce", "se"),
        ("ci", "si"),
        ("ge", "je"),
        ("gi", "ji"),
        ("ph", "f"),
        ("wh", "w"),
        ("ll", "y"),
        ("th", "t"),
        ("h", ""),
        ("v", "b"),
        ("z", "s"),
        ("c", "k"),
        ("x", "ks"),
        ("ou", "o"),
        ("oo", "o"),
        ("u", "o"),
        ("ei", "i"),
        ("ie", "i"),
        ("ea", "i"),
        ("ee", "i"),
        ("e", "i"),
        ("y", "i"),
    ];
    let word = ALIKE.iter().fold(word.to_owned(), |word, (letters, sound)| word.replace(letters, sound));
    let mut letters: Vec<char> = word.chars().collect();
    letters.dedup();
    if letters.len() > 3 && letters.last() == Some(&'i') {
        letters.pop();
    }
    letters.into_iter().collect()
}

/// How many letters were left out, added, changed, or swapped with the next one.
fn slips_between(right: &str, word: &str) -> usize {
    const WIDTH: usize = GUESSED_CHARS_MAX + 1;
    let (right, word) = (right.as_bytes(), word.as_bytes());
    // The rows of the table for the letter before the last one, for the last one, and for this one.
    let (mut before, mut last, mut row) = ([0; WIDTH], std::array::from_fn::<_, WIDTH, _>(|j| j), [0; WIDTH]);
    for (i, letter) in right.iter().enumerate() {
        row[0] = i + 1;
        for (j, other) in word.iter().enumerate() {
            let mut least = (last[j] + usize::from(letter != other)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == word[j - 1] && right[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        (before, last, row) = (last, row, before);
    }
    last[word.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).meant().join(" "), expected, "{text:?}");
    }

    #[test]
    fn words_are_read_as_they_were_meant() {
        check("Don't TEXT me!!", "do not text me");
        check("Don’t—text…me", "do not text me");
        check("plz stp txting", "please stop texting");
        check("stooooop", "stop");
        check("unsubcribe", "unsubscribe");
        check("stoptextin", "stop texting");
        check("dontmessage me", "do not message me");
        check("nomanden mas mensages", "no manden mas mensajes");
        check("📵🛑", "no texts stop");
        check("Mary Jones's phone", "(name) phone");
        check("S T O P texting", "stop texting");
        check("wrong #", "wrong number");
        check("at (614) 555-0148", "at 6145550148");
        check("555 0148", "5550148");
        check("555 48", "555 48");
        check("um remoov me uh please", "remove me please");
        check("no me escrivan", "no me escriban");
        check("dnot snd", "do not send");
        check("Número, ¡más!", "numero mas");
        check("see https://example.com/unsubscribe", "see");
        check("testing", "testing");
        check("", "");
    }

    #[test]
    fn slips_of_a_thumb_are_counted() {
        for (right, word, slips) in [("stop", "stop", 0), ("stop", "sotp", 1), ("stop", "stp", 1), ("stop", "tops", 2)]
        {
            assert_eq!(slips_between(right, word), slips, "{word}");
        }
    }

    #[test]
    fn what_stands_there_is_kept_as_it_was_written() {
        let spelled = read("plz dont txt me");
        assert_eq!(spelled.meant(), ["please", "do", "not", "text", "me"]);
        assert_eq!(spelled.written(2..4), "dont txt");
        assert_eq!(spelled.written(9..12), "");
    }
}
