//! How a practice words the texts of ours, as it is written.

use serde::{Deserialize, Serialize};

use crate::domain::keyword::Language;
use crate::domain::texts::{Occasion, Texts, Wording};

/// One wording that the practice has set.
#[derive(Serialize, Deserialize)]
pub struct WordingV1 {
    occasion: OccasionV1,
    language: LanguageV1,
    wording: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OccasionV1 {
    Invitation,
    OptOutConfirmation,
    StartConfirmation,
    Help,
    AfterHours,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LanguageV1 {
    #[default]
    English,
    Spanish,
}

impl LanguageV1 {
    /// What everything had before there was another.
    pub fn is_english(&self) -> bool {
        matches!(self, Self::English)
    }
}

impl WordingV1 {
    pub fn all(texts: &Texts) -> Vec<Self> {
        let written = texts.own().map(|(occasion, language, wording)| Self {
            occasion: occasion.into(),
            language: language.into(),
            wording: wording.as_str().to_owned(),
        });
        written.collect()
    }

    /// What was set stands, even where the rules for setting it have changed since.
    pub fn read(written: Vec<Self>) -> Texts {
        let mut texts = Texts::default();
        for Self { occasion, language, wording } in written {
            texts.set(occasion.into(), language.into(), Wording::kept(wording));
        }
        texts
    }
}

impl From<Occasion> for OccasionV1 {
    fn from(occasion: Occasion) -> Self {
        match occasion {
            Occasion::Invitation => Self::Invitation,
            Occasion::OptOutConfirmation => Self::OptOutConfirmation,
            Occasion::StartConfirmation => Self::StartConfirmation,
            Occasion::Help => Self::Help,
            Occasion::AfterHours => Self::AfterHours,
        }
    }
}

impl From<OccasionV1> for Occasion {
    fn from(written: OccasionV1) -> Self {
        match written {
            OccasionV1::Invitation => Self::Invitation,
            OccasionV1::OptOutConfirmation => Self::OptOutConfirmation,
            OccasionV1::StartConfirmation => Self::StartConfirmation,
            OccasionV1::Help => Self::Help,
            OccasionV1::AfterHours => Self::AfterHours,
        }
    }
}

impl From<Language> for LanguageV1 {
    fn from(language: Language) -> Self {
        match language {
            Language::English => Self::English,
            Language::Spanish => Self::Spanish,
        }
    }
}

impl From<LanguageV1> for Language {
    fn from(written: LanguageV1) -> Self {
        match written {
            LanguageV1::English => Self::English,
            LanguageV1::Spanish => Self::Spanish,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wording_comes_back_as_it_was_set() {
        let mut texts = Texts::default();
        for occasion in Occasion::ALL {
            for language in [Language::English, Language::Spanish] {
                texts.set(occasion, language, Wording::kept(format!("{occasion:?} in {language:?}")));
            }
        }
        let written = serde_json::to_vec(&WordingV1::all(&texts)).unwrap();
        assert_eq!(WordingV1::read(serde_json::from_slice(&written).unwrap()), texts);
    }
}
