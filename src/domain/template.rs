//! A text that staff write again and again, with fields for what differs from patient to patient.

use std::fmt;

use super::keyword::Language;
use super::{Patient, Practice, TemplateId};

/// Letters of the longest name that a template is measured with. Of a hundred names hardly one is longer.
pub const NAME_CHARS_PLAUSIBLE: usize = 20;
/// How much of what stands in braces is repeated to whoever wrote it.
const NAMED_CHARS_MAX: usize = 30;

/// A template of a practice. `Debug` leaves out its words: somebody may have written a patient's name into them.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    pub id: TemplateId,
    /// What staff find it by; patients don't see it.
    pub name: String,
    pub words: Words,
    /// The language that it is written in.
    pub language: Language,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What stands in a template for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    FirstName,
    LastName,
    PracticeName,
    PracticeContact,
}

impl Field {
    pub const ALL: [Self; 4] = [Self::FirstName, Self::LastName, Self::PracticeName, Self::PracticeContact];

    /// As it stands between braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::PracticeName => "practice_name",
            Self::PracticeContact => "practice_contact",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    fn of<'a>(self, practice: &'a Practice, patient: &'a Patient) -> &'a str {
        match self {
            Self::FirstName => &patient.first_name,
            Self::LastName => &patient.last_name,
            Self::PracticeName => &practice.name,
            Self::PracticeContact => &practice.contact,
        }
    }
}

/// The words of a template, with its fields in their places.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    written: String,
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Said(String),
    Field(Field),
}

/// Why words are not those of a template. Characters are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    #[error("{{{named}}} at character {at} is not a field: there are {}", known())]
    Unknown { named: String, at: usize },
    /// What stands in the braces may be somebody's words, and is not repeated.
    #[error("what stands in braces at character {at} is not a field: there are {}", known())]
    NotAField { at: usize },
    #[error("the brace at character {at} is not closed")]
    Unclosed { at: usize },
    #[error("the brace at character {at} closes nothing")]
    Unopened { at: usize },
}

/// The fields as they are written.
fn known() -> String {
    Field::ALL.map(|field| format!("{{{}}}", field.name())).join(", ")
}

/// Nothing is known of what a field stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing to write for {{{}}}", .0.name())]
pub struct Blank(pub Field);

impl Words {
    /// Reads words in which fields stand in braces. A brace is never a brace.
    pub fn parse(text: &str) -> Result<Self, WordsError> {
        let mut parts = Vec::new();
        let mut rest = text;
        let at = |place: &str| text[..text.len() - place.len()].chars().count() + 1;
        while let Some(brace) = rest.find(['{', '}']) {
            let (said, from) = rest.split_at(brace);
            if from.starts_with('}') {
                return Err(WordsError::Unopened { at: at(from) });
            }
            let inside = &from[1..];
            let end = inside.find(['{', '}']).filter(|end| inside[*end..].starts_with('}'));
            let Some(end) = end else { return Err(WordsError::Unclosed { at: at(from) }) };
            let field = Field::named(&inside[..end]).ok_or_else(|| unknown(&inside[..end], at(from)))?;
            if !said.is_empty() {
                parts.push(Part::Said(said.to_owned()));
            }
            parts.push(Part::Field(field));
            rest = &inside[end + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Said(rest.to_owned()));
        }
        Ok(Self { written: text.to_owned(), parts })
    }

    /// As they were written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The fields in them, each once, in the order in which they come.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        for part in &self.parts {
            match part {
                Part::Field(field) if !fields.contains(field) => fields.push(*field),
                Part::Field(_) | Part::Said(_) => {}
            }
        }
        fields
    }

    /// The text for a patient. What is filled in is not read for fields again, whatever somebody is called.
    pub fn fill(&self, practice: &Practice, patient: &Patient) -> Result<String, Blank> {
        let filled = self.filled(|field| field.of(practice, patient).trim());
        match self.fields().into_iter().find(|field| field.of(practice, patient).trim().is_empty()) {
            Some(blank) => Err(Blank(blank)),
            None => Ok(filled),
        }
    }

    /// The longest text that is plausible: for a patient whose names have [`NAME_CHARS_PLAUSIBLE`] plain letters each.
    pub fn fill_plausibly(&self, practice: &Practice) -> String {
        let name = "n".repeat(NAME_CHARS_PLAUSIBLE);
        self.filled(|field| match field {
            Field::FirstName | Field::LastName => &name,
            Field::PracticeName => &practice.name,
            Field::PracticeContact => &practice.contact,
        })
    }

    fn filled<'a>(&'a self, value: impl Fn(Field) -> &'a str) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Said(words) => words.as_str(),
            Part::Field(field) => value(*field),
        });
        parts.collect()
    }
}

fn unknown(named: &str, at: usize) -> WordsError {
    let is_plain = named.len() <= NAMED_CHARS_MAX && named.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_plain && !named.is_empty() {
        WordsError::Unknown { named: named.to_owned(), at }
    } else {
        WordsError::NotAField { at }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::{PatientId, Phone, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT};

    fn practice() -> Practice {
        Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside PT".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "America/Denver".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        }
    }

    fn patient(first_name: &str, last_name: &str) -> Patient {
        Patient {
            id: PatientId::parse("rosa").unwrap(),
            first_name: first_name.into(),
            last_name: last_name.into(),
            date_of_birth: date(1985, 3, 4),
            mobile_phone: Phone::parse("+13035550123").unwrap(),
            preferences: Default::default(),
        }
    }

    #[test]
    fn fields_are_filled_with_what_is_known_of_the_patient_and_the_practice() {
        for (words, fields, filled) in [
            ("See you then!", &[][..], "See you then!"),
            (
                "Hi {first_name}, see you at {practice_name}.",
                &["first_name", "practice_name"],
                "Hi Rosa, see you at Riverside PT.",
            ),
            ("{last_name}{last_name}", &["last_name"], "DíazDíaz"),
            ("{first_name}\n{practice_contact}", &["first_name", "practice_contact"], "Rosa\n303-555-0100"),
            ("ñ{first_name}ñ", &["first_name"], "ñRosañ"),
            ("", &[], ""),
        ] {
            let read = Words::parse(words).unwrap();
            assert_eq!(read.as_str(), words);
            assert_eq!(read.fields().into_iter().map(Field::name).collect::<Vec<_>>(), fields, "{words}");
            assert_eq!(read.fill(&practice(), &patient(" Rosa ", "Díaz")).unwrap(), filled);
        }
    }

    #[test]
    fn what_is_in_braces_and_no_field_is_told_with_its_place() {
        let known = "there are {first_name}, {last_name}, {practice_name}, {practice_contact}";
        for (words, told) in [
            ("Hi {name}", format!("{{name}} at character 4 is not a field: {known}")),
            ("ñ {date_of_birth}", format!("{{date_of_birth}} at character 3 is not a field: {known}")),
            ("{}", format!("what stands in braces at character 1 is not a field: {known}")),
            ("{Rosa Díaz}", format!("what stands in braces at character 1 is not a field: {known}")),
            ("{First_Name}", format!("what stands in braces at character 1 is not a field: {known}")),
            ("{ first_name }", format!("what stands in braces at character 1 is not a field: {known}")),
            ("Hi {first_name", "the brace at character 4 is not closed".into()),
            ("{first_name {last_name}", "the brace at character 1 is not closed".into()),
            ("{{first_name}}", "the brace at character 1 is not closed".into()),
            ("Hi {first_name}}", "the brace at character 16 closes nothing".into()),
            (":-}", "the brace at character 3 closes nothing".into()),
        ] {
            assert_eq!(Words::parse(words).err().map(|error| error.to_string()), Some(told), "{words}");
        }
    }

    #[test]
    fn nobody_is_greeted_by_no_name() {
        let words = Words::parse("Hi {first_name}, {practice_name}").unwrap();
        assert_eq!(words.fill(&practice(), &patient(" ", "Díaz")), Err(Blank(Field::FirstName)));
        let nameless = Practice { name: String::new(), ..practice() };
        assert_eq!(words.fill(&nameless, &patient("Rosa", "Díaz")), Err(Blank(Field::PracticeName)));
        assert!(words.fill(&practice(), &patient("Rosa", "")).is_ok(), "what is not in it does not matter");
        assert_eq!(Blank(Field::FirstName).to_string(), "there is nothing to write for {first_name}");
    }

    #[test]
    fn a_name_that_looks_like_a_field_is_a_name() {
        let words = Words::parse("Hi {first_name}").unwrap();
        assert_eq!(words.fill(&practice(), &patient("{last_name}", "Díaz")).unwrap(), "Hi {last_name}");
    }

    #[test]
    fn a_template_is_measured_with_long_names() {
        let words = Words::parse("{first_name} {last_name} {practice_name}").unwrap();
        assert_eq!(words.fill_plausibly(&practice()).chars().count(), 20 + 1 + 20 + 1 + 12);
    }
}
