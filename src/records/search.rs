//! Finds patients by what a receptionist types: parts of names in any order, digits of the phone, the date of birth.

use std::sync::Arc;

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::Patient;

/// A patient, with the names as they are compared.
pub(super) struct Searchable {
    pub patient: Arc<Patient>,
    /// Every name whole, and each part of it.
    names: Vec<String>,
}

impl Searchable {
    pub fn of(patient: Patient) -> Self {
        let mut names = Vec::new();
        for name in [&patient.first_name, &patient.last_name] {
            names.push(fold(name));
            names.extend(name.split(|c: char| c.is_whitespace() || c == '-').map(fold));
        }
        names.retain(|name| !name.is_empty());
        names.dedup();
        Self { patient: Arc::new(patient), names }
    }
}

/// What is searched for. Every word has to fit.
pub(super) struct Query {
    words: Vec<Word>,
}

/// The ways in which one word can be meant.
struct Word {
    name: String,
    digits: Option<String>,
    born: Option<Date>,
}

impl Query {
    pub fn parse(text: &str) -> Self {
        let words = text.split_whitespace().map(Word::parse);
        Self { words: words.filter(|word| !word.name.is_empty()).collect() }
    }

    pub fn fits(&self, one: &Searchable) -> bool {
        self.words.iter().all(|word| word.fits(one))
    }
}

impl Word {
    fn parse(text: &str) -> Self {
        let is_phone = text.chars().all(|c| c.is_ascii_digit() || "+()-.".contains(c));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        Self { name: fold(text), digits: (is_phone && !digits.is_empty()).then_some(digits), born: date(text) }
    }

    fn fits(&self, one: &Searchable) -> bool {
        let in_phone = |digits: &String| one.patient.mobile_phone.expose().contains(digits.as_str());
        one.names.iter().any(|name| name.starts_with(&self.name))
            || self.digits.as_ref().is_some_and(in_phone)
            || self.born == Some(one.patient.date_of_birth)
    }
}

/// Letters and digits alone, without accents and case: José is jose, O'Brien is obrien.
pub(super) fn fold(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// `YYYY-MM-DD`, or as Americans write it, `MM/DD/YYYY`.
fn date(text: &str) -> Option<Date> {
    let number = |part: &str| part.parse::<i16>().ok();
    let parts: Vec<&str> = text.split(['-', '/']).collect();
    let [first, second, third] = parts[..] else { return None };
    let (year, month, day) = if text.contains('/') { (third, first, second) } else { (first, second, third) };
    if year.len() != 4 {
        return None;
    }
    Date::new(number(year)?, number(month)?.try_into().ok()?, number(day)?.try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{PatientId, Phone};

    fn fits(query: &str) -> bool {
        let patient = Patient {
            id: PatientId::parse("p1").unwrap(),
            first_name: "José María".into(),
            last_name: "O’Brien-Núñez".into(),
            date_of_birth: jiff::civil::date(1985, 3, 4),
            mobile_phone: Phone::parse("+13035550123").unwrap(),
            preferences: Default::default(),
        };
        Query::parse(query).fits(&Searchable::of(patient))
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
            "nunez",
            "Núñez jos",
            "obrien, josé",
            "josé 0123",
            "(303) 555-0123",
            "+13035550123",
            "303.555",
            "1985-03-04",
            "3/4/1985",
            "03/04/1985 obr",
            "—",
        ] {
            assert!(fits(query), "{query:?}");
        }
        for query in ["josh", "rien", "jose smith", "0124", "1985-03-05", "4/3/1985", "85-03-04", "2/30/1985"] {
            assert!(!fits(query), "{query:?}");
        }
    }
}
