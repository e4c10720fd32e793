//! How well it is understood what patients mean: the rules for probable opt-outs, against what patients text.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use assent::domain::keyword::{self, Meaning};
use assent::domain::opt_out::{self, EVIDENCE_CHARS_MAX, WORDS_MAX};
use proptest::prelude::*;

const BUILD: &str = include_str!("opt_out/corpus/build.tsv");
const TEST: &str = include_str!("opt_out/corpus/test.tsv");
const BLIND: &str = include_str!("opt_out/corpus/blind.tsv");

/// Of the texts of patients who want no more, this part at least must be understood.
const RECALL_MIN: f64 = 0.98;
/// Of the texts of patients who want nothing of the kind, this part at most may hold the conversation.
const FALSE_HOLDS_MAX: f64 = 0.01;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    OptOut,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Example {
    label: Label,
    category: &'static str,
    text: &'static str,
}

impl Example {
    /// Whether the patient's own words are looked for in it, so that it does not matter how they are written.
    fn is_spoken(&self) -> bool {
        !["reaction", "automatic", "not-words"].contains(&self.category)
    }
}

fn examples(corpus: &'static str) -> Vec<Example> {
    let lines = corpus.lines().filter(|line| !line.starts_with('#'));
    let examples = lines.map(|line| {
        let fields: Vec<&str> = line.splitn(3, '\t').collect();
        let [label, category, text] = fields[..] else { panic!("{line:?} has not three fields") };
        let label = match label {
            "opt-out" => Label::OptOut,
            "other" => Label::Other,
            _ => panic!("{line:?} has no label that is known"),
        };
        Example { label, category, text }
    });
    examples.collect()
}

/// As a conversation reads it: a keyword, or words that mean the same.
fn read(text: &str) -> Label {
    let is_keyword = keyword::read(text).meaning == Meaning::OptOut;
    if is_keyword || opt_out::read(text).is_some() { Label::OptOut } else { Label::Other }
}

/// How many there are of a label, and how many of them are read as labelled.
fn understood(examples: &[Example], label: Label) -> (usize, usize) {
    let of_label = examples.iter().filter(|example| example.label == label);
    let right = of_label.clone().filter(|example| read(example.text) == label);
    (of_label.count(), right.count())
}

#[test]
fn every_example_that_the_rules_are_built_on_is_read_as_labelled() {
    let wrong: Vec<_> = examples(BUILD)
        .into_iter()
        .filter(|example| read(example.text) != example.label)
        .map(|example| (example.text, opt_out::read(example.text).map(|read| read.rule)))
        .collect();
    assert!(wrong.is_empty(), "read as something else: {wrong:#?}");
}

#[test]
#[allow(clippy::cast_precision_loss, reason = "the corpus is small")]
fn what_the_rules_were_not_built_on_is_understood_as_well() {
    let (test, blind) = (examples(TEST), examples(BLIND));
    for (name, examples) in [("test", &test), ("blind", &blind)] {
        let ((opt_outs, found), (others, left_alone)) =
            (understood(examples, Label::OptOut), understood(examples, Label::Other));
        println!("{name}: {found} of {opt_outs} opt-outs understood, {} of {others} others held", others - left_alone);
    }
    let all: Vec<Example> = test.into_iter().chain(blind).collect();
    let (opt_outs, found) = understood(&all, Label::OptOut);
    let spoken: Vec<Example> = all.iter().filter(|example| example.is_spoken()).copied().collect();
    let (others, left_alone) = understood(&spoken, Label::Other);
    assert!(opt_outs >= 100 && others >= 100, "there is too little to tell from");
    assert!(found as f64 / opt_outs as f64 >= RECALL_MIN, "{found} of {opt_outs} opt-outs understood");
    let held = others - left_alone;
    assert!(held as f64 / others as f64 <= FALSE_HOLDS_MAX, "{held} of {others} everyday and clinical texts held");
    let (unspoken, left_alone) = (all.len() - opt_outs - others, understood(&all, Label::Other).1 - left_alone);
    assert_eq!(left_alone, unspoken, "a reaction, an automatic reply or a receipt is never an opt-out");
}

#[test]
fn no_example_is_in_both_parts() {
    let built_on: BTreeSet<&str> = examples(BUILD).iter().map(|example| example.text).collect();
    let tested_on = [TEST, BLIND].into_iter().flat_map(examples);
    let both: Vec<&str> = tested_on.map(|example| example.text).filter(|text| built_on.contains(text)).collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn every_rule_fires_on_its_own_example_and_on_one_of_the_corpus() {
    let fired: BTreeSet<_> =
        examples(BUILD).iter().filter_map(|example| opt_out::read(example.text)).map(|read| read.rule).collect();
    let mut names = BTreeSet::new();
    for rule in opt_out::rules() {
        assert!(names.insert(rule.name), "two rules are called {}", rule.name);
        let read = opt_out::read(rule.example).map(|read| read.rule);
        assert_eq!(read.as_deref(), Some(rule.name), "{:?}", rule.example);
        assert!(fired.contains(rule.name), "no example of the corpus fires {}", rule.name);
    }
}

#[test]
fn a_reading_says_which_words_it_rests_on() {
    let read = opt_out::read("Hi! Who is this?? PLEASE don’t text me, I'm at work").unwrap();
    assert_eq!((&*read.rule, read.words.expose()), ("do-not-text", "dont text me"));
    assert_eq!(format!("{read:?}"), r#"ProbableOptOut { rule: "do-not-text", words: ‹12 chars› }"#);
}

#[test]
fn a_keyword_is_not_what_the_rules_are_for() {
    // They may fire on one: the keyword is read first.
    for text in ["STOP", "unsubscribe", "no más", "stop please"] {
        assert_eq!(keyword::read(text).meaning, Meaning::OptOut, "{text:?}");
    }
}

#[test]
fn half_of_an_invitation_that_somebody_reacted_to_is_no_opt_out() {
    for half in
        ["y apply. Reply HELP for help, STOP to opt out.”", "Liked “Riverside PT: Reply YES to receive messages"]
    {
        assert_eq!(opt_out::read(half), None, "{half:?}");
    }
}

#[test]
fn what_is_longer_than_any_text_is_read_from_its_beginning_in_no_time() {
    let words = "stop taking off no more wrong ".repeat(100_000);
    assert_eq!(opt_out::read(&words), None);
    let late = format!("{}leave me alone", "so ".repeat(WORDS_MAX - 3));
    assert_eq!(opt_out::read(&late).map(|read| read.rule).as_deref(), Some("leave-me-alone"));
    assert_eq!(opt_out::read(&format!("so {late}")), None);
}

fn without_accents(text: &str) -> String {
    let plain = |character| match character {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        'ñ' => 'n',
        other => other,
    };
    text.chars().map(plain).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_and_what_is_kept_of_it_is_bounded(text in any::<String>()) {
        if let Some(read) = opt_out::read(&text) {
            prop_assert!(read.words.expose().chars().count() <= EVIDENCE_CHARS_MAX);
        }
    }

    #[test]
    fn any_words_of_the_rules_are_read(words in prop::collection::vec(prop::sample::select(
        vec!["stop", "no", "me", "text", "off", "more", "please", "wrong", "mensajes", "not", "the", "list"]), 0..60)) {
        opt_out::read(&words.join(" "));
    }

    /// CTIA Messaging Principles 5.1.3: neither capitals nor punctuation take an opt-out back.
    #[test]
    fn case_punctuation_and_accents_do_not_change_what_is_meant(
        index in any::<prop::sample::Index>(),
        between in prop::sample::select(vec![" ", ", ", "... ", " - ", "!! ", "\n", " 🙏 ", "\u{a0}", " \u{200b}"]),
        after in prop::sample::select(vec!["", ".", "!!!", "?", " 😡", " )"]),
        shouted in any::<bool>(),
    ) {
        let spoken: Vec<Example> = examples(BUILD).into_iter().filter(Example::is_spoken).collect();
        let Example { label, text, .. } = *index.get(&spoken);
        let mut written = format!("{}{after}", without_accents(text).split(' ').collect::<Vec<_>>().join(between));
        if shouted {
            written = written.to_uppercase();
        }
        prop_assert_eq!(read(&written), label, "{}", written);
    }
}
