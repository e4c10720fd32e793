//! A notation for wordings, and how a text is searched for them.
//!
//! A pattern is a line of elements, each of which takes words of the text from left to right:
//!
//! | element | takes |
//! | --- | --- |
//! | `word` | that word |
//! | `a\|b\|@class` | one of these words, or one of a class of the [`vocabulary`](super::vocabulary::class) |
//! | `word?` | that word or nothing; as well with alternatives |
//! | `~` | up to four words that say nothing by themselves: "any", "your", "those" |
//! | `%` | up to four words of courtesy and impatience: "please", "ok", "already" |
//! | `..` | up to three words, whichever |
//! | `^`, `$` | nothing: the beginning of the text, its end; `$` may stand among words |

use std::collections::HashMap;
use std::ops::Range;

use super::vocabulary::class;

/// Among words: the end of the text, which is no word.
const END: &str = "$";
const FILLERS_MAX: usize = 4;
const GAP_MAX: usize = 3;

/// One wording.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    elements: Vec<Element>,
}

#[derive(Debug, Clone)]
enum Element {
    /// One of these words.
    Word(Vec<&'static str>),
    /// Up to so many of these words; of any, where there are none.
    UpTo(usize, Option<Vec<&'static str>>),
    Start,
}

impl Pattern {
    /// The ways in which one pattern may be tried from one word: each element that may take less multiplies them.
    const WAYS_MAX: usize = 256;
    /// The words that one pattern may take.
    pub const WORDS_MAX: usize = 16;

    /// Reads the notation. The patterns are part of the program, so one that is wrong stops it, and the tests.
    pub fn parse(notation: &'static str) -> Self {
        let elements: Vec<Element> = notation.split_whitespace().map(Element::parse).collect();
        let ways: usize = elements.iter().map(Element::ways).product();
        assert!(ways <= Self::WAYS_MAX, "{notation:?} can be tried in too many ways");
        assert!(elements.iter().map(Element::words_max).sum::<usize>() <= Self::WORDS_MAX, "{notation:?} is too long");
        Self { elements }
    }

    /// The end of what the pattern takes from `start`, if it can.
    fn end(&self, said: &[&str], start: usize) -> Option<usize> {
        take(&self.elements, said, start)
    }
}

impl Element {
    fn parse(notation: &'static str) -> Self {
        let one_of = |notation: &'static str| -> Vec<&'static str> {
            let words = notation.split('|').flat_map(|word| match word.strip_prefix('@') {
                Some(name) => class(name).to_vec(),
                None => vec![word],
            });
            let mut words: Vec<&'static str> = words.collect();
            // They are looked up far more often than they are read.
            words.sort_unstable();
            words
        };
        let inner = notation.strip_suffix('?').unwrap_or(notation);
        assert!(!inner.contains('?'), "only the whole of {notation:?} can be left out");
        match notation {
            "^" => Self::Start,
            "~" => Self::UpTo(FILLERS_MAX, Some(one_of("@fillers"))),
            "%" => Self::UpTo(FILLERS_MAX, Some(one_of("@courtesies"))),
            ".." => Self::UpTo(GAP_MAX, None),
            words => match words.strip_suffix('?') {
                Some(words) => Self::UpTo(1, Some(one_of(words))),
                None => Self::Word(one_of(words)),
            },
        }
    }

    fn ways(&self) -> usize {
        match self {
            Self::UpTo(max, _) => max + 1,
            Self::Word(_) | Self::Start => 1,
        }
    }

    fn words_max(&self) -> usize {
        match self {
            Self::Word(_) => 1,
            Self::UpTo(max, _) => *max,
            Self::Start => 0,
        }
    }
}

/// Takes as few words as will do, element by element.
fn take(elements: &[Element], said: &[&str], at: usize) -> Option<usize> {
    let Some((first, rest)) = elements.split_first() else { return Some(at) };
    match first {
        Element::Start => (at == 0).then(|| take(rest, said, at))?,
        Element::Word(words) => match said.get(at) {
            Some(word) => words.binary_search(word).is_ok().then(|| take(rest, said, at + 1))?,
            None => words.binary_search(&END).is_ok().then(|| take(rest, said, at))?,
        },
        Element::UpTo(max, words) => {
            let may_take = |word: &&&str| words.as_ref().is_none_or(|words| words.binary_search(*word).is_ok());
            let most = said[at..].iter().take(*max).take_while(may_take).count();
            (0..=most).find_map(|taken| take(rest, said, at + taken))
        }
    }
}

/// Wordings that are looked for together, by the word that each begins with.
#[derive(Debug)]
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    beginning_with: HashMap<&'static str, Vec<usize>>,
    /// Those that begin with the text.
    at_start: Vec<usize>,
}

impl Patterns {
    pub fn new(notations: &[&'static str]) -> Self {
        let patterns: Vec<Pattern> = notations.iter().map(|notation| Pattern::parse(notation)).collect();
        let mut beginning_with: HashMap<_, Vec<usize>> = HashMap::new();
        let mut at_start = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match pattern.elements.first() {
                Some(Element::Word(words)) => {
                    words.iter().for_each(|word| beginning_with.entry(*word).or_default().push(index));
                }
                Some(Element::Start) => at_start.push(index),
                Some(Element::UpTo(..)) | None => panic!("{:?} begins with what may be nothing", notations[index]),
            }
        }
        Self { patterns, beginning_with, at_start }
    }

    /// What the patterns take from each place in `starts`.
    pub fn matches<'a>(&'a self, said: &'a [&str], starts: Range<usize>) -> impl Iterator<Item = Range<usize>> + 'a {
        starts.flat_map(move |start| {
            let at_start: &[usize] = if start == 0 { &self.at_start } else { &[] };
            let by_word = said.get(start).and_then(|word| self.beginning_with.get(word)).map_or(&[][..], Vec::as_slice);
            let indexes = at_start.iter().chain(by_word);
            indexes.filter_map(move |index| Some(start..self.patterns[*index].end(said, start)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(notation: &'static str, text: &str, expected: Option<Range<usize>>) {
        let said: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(
            Patterns::new(&[notation]).matches(&said, 0..said.len()).next(),
            expected,
            "{notation:?} in {text:?}"
        );
    }

    #[test]
    fn each_element_takes_what_it_says() {
        check("stop texting", "do stop texting me", Some(1..3));
        check("stop|quit texting", "quit texting", Some(0..2));
        check("stop @texts", "stop messages", Some(0..2));
        check("stop now? texting", "stop texting", Some(0..2));
        check("stop now? texting", "stop now texting", Some(0..3));
        check("stop ~ texting", "stop all of these texting", Some(0..5));
        check("stop ~ texting", "stop at home texting", None);
        check("stop .. texting", "stop one two three texting", Some(0..5));
        check("stop .. texting", "stop one two three four texting", None);
        check("^ % stop $", "ok please stop", Some(0..3));
        check("^ stop", "do stop", None);
        check("stop $", "stop it", None);
    }

    #[test]
    #[should_panic(expected = "too many")]
    fn a_pattern_that_could_be_slow_is_refused() {
        Pattern::parse("a .. b .. c .. d .. e .. f");
    }
}
