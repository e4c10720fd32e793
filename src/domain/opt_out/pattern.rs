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
//! | `*` | one word, whichever |
//! | `..` | up to three words, whichever |
//! | `...` | up to eight words, none of which begins another thought: "and", "when", "can" |
//! | `^`, `$` | nothing: the beginning of the text, its end; `$` may stand among words |

use std::collections::HashMap;
use std::ops::Range;

use super::vocabulary::class;

/// Among words: the end of the text, which is no word.
const END: &str = "$";
const FILLERS_MAX: usize = 4;
const GAP_MAX: usize = 3;
const THOUGHT_MAX: usize = 8;

/// One wording.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    elements: Vec<Element>,
}

#[derive(Debug, Clone)]
enum Element {
    /// One of these words.
    Word(Vec<&'static str>),
    /// Any one word.
    Any,
    /// Up to so many of these words.
    UpTo(usize, Vec<&'static str>),
    /// Up to so many words, of which none is one of these.
    UpToExcept(usize, Vec<&'static str>),
    Start,
}

impl Pattern {
    /// The words that one pattern may take. Where it may have got to is kept in the bits of one number.
    pub const WORDS_MAX: usize = 48;

    /// Reads the notation. The patterns are part of the program, so one that is wrong stops it, and the tests.
    pub fn parse(notation: &'static str) -> Self {
        let elements: Vec<Element> = notation.split_whitespace().map(Element::parse).collect();
        assert!(elements.iter().map(Element::words_max).sum::<usize>() <= Self::WORDS_MAX, "{notation:?} is too long");
        Self { elements }
    }

    /// The ends of what the pattern may take from `start`: the nearest and the farthest, if it takes anything. All ways
    /// are tried at once, element by element, so that none is tried twice.
    fn ends(&self, said: &[&str], start: usize) -> Option<(usize, usize)> {
        let mut reached = 1_u64;
        for element in &self.elements {
            let mut next = 0;
            for taken in (0..=Self::WORDS_MAX).filter(|taken| reached >> taken & 1 == 1) {
                next |= element.takes(said, start + taken) << taken;
            }
            if next == 0 {
                return None;
            }
            reached = next;
        }
        Some((start + reached.trailing_zeros() as usize, start + reached.ilog2() as usize))
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
            "*" => Self::Any,
            "~" => Self::UpTo(FILLERS_MAX, one_of("@fillers")),
            "%" => Self::UpTo(FILLERS_MAX, one_of("@courtesies")),
            ".." => Self::UpToExcept(GAP_MAX, Vec::new()),
            "..." => Self::UpToExcept(THOUGHT_MAX, one_of("@breaks")),
            words => match words.strip_suffix('?') {
                Some(words) => Self::UpTo(1, one_of(words)),
                None => Self::Word(one_of(words)),
            },
        }
    }

    fn words_max(&self) -> usize {
        match self {
            Self::Word(_) | Self::Any => 1,
            Self::UpTo(max, _) | Self::UpToExcept(max, _) => *max,
            Self::Start => 0,
        }
    }

    /// How many words it may take from a place on: a bit for each number of them.
    fn takes(&self, said: &[&str], at: usize) -> u64 {
        match self {
            Self::Start => u64::from(at == 0),
            Self::Word(words) => match said.get(at) {
                Some(word) => u64::from(words.binary_search(word).is_ok()) << 1,
                None => u64::from(words.binary_search(&END).is_ok()),
            },
            // A word of ours that is left out is taken by nothing.
            Self::Any => u64::from(said.get(at).is_some_and(|word| !word.is_empty())) << 1,
            Self::UpTo(max, words) => up_to(*max, said, at, |word| words.binary_search(&word).is_ok()),
            Self::UpToExcept(max, breaks) => up_to(*max, said, at, |word| breaks.binary_search(&word).is_err()),
        }
    }
}

fn up_to(max: usize, said: &[&str], at: usize, may_take: impl Fn(&str) -> bool) -> u64 {
    let most = said[at.min(said.len())..].iter().take(max).take_while(|word| may_take(word)).count();
    (1 << (most + 1)) - 1
}

/// The words that a notation names, those of its classes among them.
pub(super) fn words(notation: &'static str) -> impl Iterator<Item = &'static str> {
    let named = notation.split([' ', '|']).map(|word| word.trim_end_matches('?'));
    named.flat_map(|word| match word.strip_prefix('@') {
        Some(name) => class(name).to_vec(),
        None => vec![word],
    })
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
                Some(Element::Any | Element::UpTo(..) | Element::UpToExcept(..)) | None => {
                    panic!("{:?} begins with what may be nothing", notations[index])
                }
            }
        }
        Self { patterns, beginning_with, at_start }
    }

    /// What the patterns take from each place in `starts`, each as few words as will do.
    pub fn matches<'a>(&'a self, said: &'a [&str], starts: Range<usize>) -> impl Iterator<Item = Range<usize>> + 'a {
        self.ends(said, starts).map(|(start, nearest, _)| start..nearest)
    }

    /// What the patterns that begin with the text take, of those that take all of it.
    pub fn matches_all<'a>(&'a self, said: &'a [&str]) -> impl Iterator<Item = Range<usize>> + 'a {
        let ends = self.at_start.iter().filter_map(|index| self.patterns[*index].ends(said, 0));
        ends.filter(|(nearest, _)| *nearest == said.len()).map(|(nearest, _)| 0..nearest)
    }

    /// What the patterns take from each place in `starts`, each as many words as it may.
    pub fn matches_whole<'a>(
        &'a self,
        said: &'a [&str],
        starts: Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        self.ends(said, starts).map(|(start, _, farthest)| start..farthest)
    }

    fn ends<'a>(&'a self, said: &'a [&str], starts: Range<usize>) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
        starts.flat_map(move |start| {
            let at_start: &[usize] = if start == 0 { &self.at_start } else { &[] };
            let by_word = said.get(start).and_then(|word| self.beginning_with.get(word)).map_or(&[][..], Vec::as_slice);
            let indexes = at_start.iter().chain(by_word);
            indexes.filter_map(move |index| {
                let (nearest, farthest) = self.patterns[*index].ends(said, start)?;
                Some((start, nearest, farthest))
            })
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
        check("stop * texting", "stop all texting", Some(0..3));
        check("stop * texting", "stop texting", None);
        check("stop ... texting", "stop one two three four five six seven eight texting", Some(0..10));
        check("stop ... texting", "stop one and texting", None);
        check("^ % stop $", "ok please stop", Some(0..3));
        check("^ stop", "do stop", None);
        check("stop $", "stop it", None);
    }

    #[test]
    #[should_panic(expected = "too long")]
    fn a_pattern_that_could_take_more_than_is_kept_track_of_is_refused() {
        Pattern::parse("a ... b ... c ... d ... e ... f ... g");
    }
}
