//! What a rule is, and which one fires first.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::pattern::{self, Pattern, Patterns};

/// What an opt-out may sound like. All of it is data: to teach the reader a wording, add it to a rule, and an example
/// of it to the corpus.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in the journal and the API. What is stored refers to it, so it does not change.
    pub name: &'static str,
    /// What somebody means in whose text it fires: one sentence, for people.
    pub means: &'static str,
    /// What fires it, each as [`Pattern`] reads it.
    pub says: &'static [&'static str],
    /// What takes it back where it shares a word with what fired: a negation before, a clinical object after.
    pub unless: &'static [&'static str],
    /// A text that fires it.
    pub example: &'static str,
}

/// The rules, ready to read with.
static PREPARED: LazyLock<Vec<Prepared>> = LazyLock::new(|| super::rules().map(Prepared::from).collect());

struct Prepared {
    rule: &'static Rule,
    says: Patterns,
    unless: Patterns,
}

impl From<&'static Rule> for Prepared {
    fn from(rule: &'static Rule) -> Self {
        Self { rule, says: Patterns::new(rule.says), unless: Patterns::new(rule.unless) }
    }
}

/// Whether a word is one of those that the rules look for.
pub(super) fn is_word(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let patterns = super::rules().flat_map(|rule| rule.says.iter().chain(rule.unless));
        patterns.flat_map(|notation| pattern::words(notation)).collect()
    });
    WORDS.contains(word)
}

/// The first rule that fires, and the words that fire it.
pub(super) fn first_that_fires(said: &[&str]) -> Option<(&'static Rule, Range<usize>)> {
    PREPARED.iter().find_map(|prepared| Some((prepared.rule, prepared.fires(said)?)))
}

/// The first rule that fires by a wording that is a whole text, and the words that fire it.
pub(super) fn first_that_fires_on_all(said: &[&str]) -> Option<(&'static Rule, Range<usize>)> {
    PREPARED.iter().find_map(|prepared| {
        let mut found = prepared.says.matches_all(said);
        Some((prepared.rule, found.find(|found| !prepared.is_taken_back(said, found))?))
    })
}

/// Whether any of the rules of these names fires.
pub(super) fn any_fires(names: &[&str], said: &[&str]) -> bool {
    let mut named = PREPARED.iter().filter(|prepared| names.contains(&prepared.rule.name));
    named.any(|prepared| prepared.fires(said).is_some())
}

impl Prepared {
    fn fires(&self, said: &[&str]) -> Option<Range<usize>> {
        self.says.matches(said, 0..said.len()).find(|found| !self.is_taken_back(said, found))
    }

    fn is_taken_back(&self, said: &[&str], found: &Range<usize>) -> bool {
        let starts = found.start.saturating_sub(Pattern::WORDS_MAX)..found.end;
        self.unless.matches_whole(said, starts).any(|other| other.start < found.end && found.start < other.end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{spelling, vocabulary};

    /// Words are compared as they were meant, so a rule that is spelled in another way never fires.
    #[test]
    fn every_word_of_a_rule_is_spelled_as_texts_are_read() {
        let patterns = super::super::rules().flat_map(|rule| rule.says.iter().chain(rule.unless));
        let of_rules = patterns.flat_map(|pattern| pattern.split(' ')).flat_map(|element| element.split('|'));
        let of_rules = of_rules.map(|word| word.trim_end_matches('?'));
        let words =
            of_rules.filter(|word| !word.starts_with('@') && !["^", "$", "~", "%", "*", "..", "..."].contains(word));
        let misspelt: Vec<_> =
            words.chain(vocabulary::all()).filter(|word| spelling::read(word).meant() != [*word]).collect();
        assert!(misspelt.is_empty(), "{misspelt:?}");
    }
}
