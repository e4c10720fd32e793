//! Reads whether a patient probably means "no more texts" in words that are not a keyword: 47 CFR 64.1200(a)(10) counts
//! whatever a reasonable person would understand so. Keywords themselves are [`keyword`](super::keyword)'s.

mod english;
mod pattern;
mod rules;
mod spanish;
mod spelling;
mod unspoken;
mod vocabulary;
mod welcome;

use std::sync::Arc;

pub use rules::Rule;

use super::Body;

/// Words of one text that are read, from its beginning. The longest text that a phone writes has some 400.
pub const WORDS_MAX: usize = 512;
/// Characters of the patient's words that a reading keeps.
pub const EVIDENCE_CHARS_MAX: usize = 160;
/// Sentences of one text that are read each for itself, from its beginning: more than a patient writes.
const SENTENCES_MAX: usize = 32;
/// Words that a sentence must have to be read for itself: some put a full stop. After. Each. Word.
const SENTENCE_WORDS_MIN: usize = 2;

/// A text that probably opts out, and why it is read so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbableOptOut {
    /// The name of the rule that fired; it may be one that a later version no longer has.
    pub rule: Arc<str>,
    /// The patient's words that fired it, case and accents folded.
    pub words: Body,
}

impl ProbableOptOut {
    fn new(rule: &Rule, words: &str) -> Self {
        let words: String = words.chars().take(EVIDENCE_CHARS_MAX).collect();
        Self { rule: rule.name.into(), words: Body::new(words) }
    }
}

/// Reads a text. The cost grows with its length and no faster: each word looks up the few patterns that begin with it,
/// and what a pattern may skip is bounded.
pub fn read(text: &str) -> Option<ProbableOptOut> {
    if unspoken::is_reaction(text) || unspoken::is_receipt(text) {
        return None;
    }
    let spelled = spelling::read(text);
    let said = spelled.meant();
    if unspoken::is_automatic(&said) || welcome::is_said(&said) {
        return None;
    }
    match rules::first_that_fires(&unspoken::without_our_own_words(&said)) {
        Some((rule, range)) => Some(ProbableOptOut::new(rule, &spelled.written(range))),
        None => read_sentences(text),
    }
}

/// Reads each sentence for what opts out if it is a whole text, as "Stop please" is, wherever it stands. A question is
/// none: what is asked beside other words is about them.
fn read_sentences(text: &str) -> Option<ProbableOptOut> {
    let sentences = text.split_inclusive(['.', '!', '?', '\n']).filter(|sentence| !sentence.ends_with('?'));
    sentences.take(SENTENCES_MAX).find_map(|sentence| {
        let spelled = spelling::read(sentence);
        if spelled.words_written() < SENTENCE_WORDS_MIN {
            return None;
        }
        let said = spelled.meant();
        let (rule, range) = rules::first_that_fires_on_all(&unspoken::without_our_own_words(&said))?;
        Some(ProbableOptOut::new(rule, &spelled.written(range)))
    })
}

/// Whether a text is not the patient's own words: a reaction to one of ours, a receipt, or what a phone answers by itself.
pub fn is_unspoken(text: &str) -> bool {
    unspoken::is_reaction(text) || unspoken::is_receipt(text) || unspoken::is_automatic(&spelling::read(text).meant())
}

/// The rules whose wordings say that the phone is not the patient's.
const SAY_WRONG_NUMBER: [&str; 2] = ["wrong-number", "numero-equivocado"];

/// Whether a text says that the phone is not the patient's, whatever else it says before that.
pub fn says_wrong_number(text: &str) -> bool {
    if is_unspoken(text) {
        return false;
    }
    let spelled = spelling::read(text);
    let said = spelled.meant();
    rules::any_fires(&SAY_WRONG_NUMBER, &unspoken::without_our_own_words(&said))
}

/// Every rule, in the order in which they are asked.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    english::RULES.iter().chain(spanish::RULES).copied().flatten()
}
