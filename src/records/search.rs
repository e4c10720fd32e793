//! Finds patients by what a receptionist types: parts of names in any order, digits of the phone, the date of birth.

mod digits;
mod fold;
mod index;

use jiff::civil::Date;

use digits::Digits;
pub(super) use fold::fold;
use fold::words_of;
pub(super) use index::{Index, Searchable};

/// Fewer digits than that are in too many phones to say anything.
const DIGITS_MIN: usize = 3;

/// What is searched for, in the ways in which it can be meant, the likeliest first.
pub(super) struct Query {
    readings: Vec<Vec<Word>>,
}

/// One word, which has to fit in one of the ways in which it can be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Word {
    /// As a name, or the beginning of one.
    name: String,
    /// As a part of the phone.
    digits: Option<Digits>,
    born: Option<Date>,
}

/// How well words fit somebody: the better one is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Every word is a whole name, a part of the phone, or the date of birth.
    Whole,
    /// Some word is only how a name begins.
    Beginning,
}

impl Query {
    /// A number that is typed in parts, `303 555 0123`, is meant as one number; if nobody has it, as parts of one.
    pub fn parse(text: &str) -> Self {
        let apart: Vec<&str> = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').collect();
        let mut together: Vec<String> = Vec::new();
        let mut in_number = false;
        for part in &apart {
            let is_of_number = is_phone(part) && date(part).is_none();
            match together.last_mut() {
                Some(number) if in_number && is_of_number => number.push_str(part),
                Some(_) | None => together.push((*part).to_owned()),
            }
            in_number = is_of_number;
        }
        let mut readings = vec![words(together.iter().map(String::as_str))];
        if together.len() < apart.len() {
            readings.push(words(apart.into_iter()));
        }
        Self { readings }
    }
}

/// Each word once, and none that says nothing.
fn words<'a>(parts: impl Iterator<Item = &'a str>) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for word in parts.map(Word::parse).filter(|word| !word.name.is_empty()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

impl Word {
    fn parse(text: &str) -> Self {
        let digits = Digits::pack(text).filter(|digits| is_phone(text) && digits.count() >= DIGITS_MIN);
        Self { name: fold(text), digits, born: date(text) }
    }

    fn fits(&self, one: &Searchable) -> Option<Fit> {
        let is_in_phone = self.digits.is_some_and(|digits| one.digits.contain(digits));
        if is_in_phone || self.born == Some(one.patient.date_of_birth) {
            return Some(Fit::Whole);
        }
        let beginnings = one.words().filter_map(|word| word.strip_prefix(self.name.as_str()));
        beginnings.map(|rest| if rest.is_empty() { Fit::Whole } else { Fit::Beginning }).min()
    }
}

/// How well they fit together: as well as the one that fits worst.
fn fit(words: &[Word], one: &Searchable) -> Option<Fit> {
    words.iter().try_fold(Fit::Whole, |worst, word| Some(worst.max(word.fits(one)?)))
}

fn is_phone(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || "+()-./".contains(c))
}

/// `YYYY-MM-DD`, or as Americans write it, `MM/DD/YYYY` or `MM-DD-YYYY`, with or without zeros in front.
fn date(text: &str) -> Option<Date> {
    let parts: Vec<&str> = text.split(if text.contains('/') { '/' } else { '-' }).collect();
    let [first, second, third] = parts[..] else { return None };
    if !parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let (year, month, day) = match (first.len(), third.len()) {
        (4, 1 | 2) => (first, second, third),
        (1 | 2, 4) => (third, first, second),
        _ => return None,
    };
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Patient, PatientId, Phone};

    fn fits(query: &str) -> bool {
        let patient = Patient {
            id: PatientId::parse("p1").unwrap(),
            first_name: "José María".into(),
            last_name: "O’Brien-Núñez".into(),
            date_of_birth: jiff::civil::date(1985, 3, 4),
            mobile_phone: Phone::parse("+13035550123").unwrap(),
            preferences: Default::default(),
        };
        let one = Searchable::of(patient);
        Query::parse(query).readings.iter().any(|words| fit(words, &one).is_some())
    }

    #[test]
    fn every_word_must_fit_in_any_order() {
        for query in [
            "",
            "  ",
            "jose",
            "JOSÉ",
            "mar",
            "O'Brien",
            "obrien",
            "brien",
            "nunez",
            "Núñez jos",
            "obrien, josé",
            "obrien,josé",
            "o'brien-nunez",
            "josé 0123",
            "(303) 555-0123",
            "303 555 0123 jose",
            "+1 303 555 0123",
            "+13035550123",
            "303.555",
            "303 0123",
            "1985-03-04",
            "1985-3-4",
            "3/4/1985",
            "03/04/1985 obr",
            "03-04-1985 0123",
            "—",
        ] {
            assert!(fits(query), "{query:?}");
        }
        for query in [
            "josh",
            "rien",
            "jose smith",
            "0124",
            "303 0124",
            // Two digits are in too many phones.
            "12",
            "1985-03-05",
            "4/3/1985",
            "85-03-04",
            "2/30/1985",
            "3/4/85",
            "3/4",
            "3/+4/1985",
            "1234567890123456",
        ] {
            assert!(!fits(query), "{query:?}");
        }
    }

    #[test]
    fn a_number_in_parts_is_one_number_first() {
        let digits = |query: &str| {
            let readings = Query::parse(query).readings;
            let of_word = |word: &Word| word.digits.map_or(0, Digits::count);
            readings.iter().map(|words| words.iter().map(of_word).collect()).collect::<Vec<Vec<usize>>>()
        };
        assert_eq!(digits("303 555 0123"), [vec![10], vec![3, 3, 4]]);
        assert_eq!(digits("jane 303 555"), [vec![0, 6], vec![0, 3, 3]]);
        assert_eq!(digits("0123 1985-03-04"), [vec![4, 8]]);
        assert_eq!(digits("3035550123"), [vec![10]]);
        assert_eq!(digits("jane jane JANE"), [vec![0]]);
    }
}
