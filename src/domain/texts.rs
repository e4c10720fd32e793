//! The texts that Assent writes itself, in the words of a practice or in those that every practice begins with.
//!
//! A text goes to everybody alike: the fields that it may have are the practice's name and whom to call, and nothing of a
//! patient's.

use std::collections::BTreeMap;

use super::keyword::{Language, normalize};
use super::{Body, Practice};

/// What a text of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Occasion {
    /// Asks for YES.
    Invitation,
    /// The one text that may follow an opt-out (47 CFR 64.1200(a)(12)).
    OptOutConfirmation,
    /// Follows START.
    StartConfirmation,
    /// Answers HELP.
    Help,
    /// Answers a text that comes while the practice is closed.
    AfterHours,
}

impl Occasion {
    pub const ALL: [Self; 5] =
        [Self::Invitation, Self::OptOutConfirmation, Self::StartConfirmation, Self::Help, Self::AfterHours];
}

/// The practice's name, in a wording.
const PRACTICE: &str = "{practice}";
/// Whom a patient can call.
const CONTACT: &str = "{contact}";

/// The longest wording that is read. What it may take as segments depends on the practice that it is of.
pub const WORDING_CHARS_MAX: usize = 600;
/// The most segments that a text of ours may take: a patient pays for some of them.
pub const OWN_SEGMENTS_MAX: u32 = 3;

/// How a text is worded: with fields, and with all that belongs in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording(String);

/// Why a text may not be worded so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordingError {
    #[error("must be 1 to {WORDING_CHARS_MAX} characters in one line, and not blank")]
    Shape,
    #[error("may have the fields {{practice}} and {{contact}} only, each in braces: it goes to everybody alike")]
    Field,
    #[error("must have {0}")]
    Lacks(&'static str),
}

impl Wording {
    /// Reads what a practice wants to say.
    pub fn parse(occasion: Occasion, language: Language, text: &str) -> Result<Self, WordingError> {
        let has_a_shape = (1..=WORDING_CHARS_MAX).contains(&text.chars().count())
            && !text.trim().is_empty()
            && !text.chars().any(char::is_control);
        if !has_a_shape {
            return Err(WordingError::Shape);
        }
        if text.replace(PRACTICE, "").replace(CONTACT, "").contains(['{', '}']) {
            return Err(WordingError::Field);
        }
        let (written, folded) = (words_of(text), words_of(&normalize(text)));
        let says = |what: &str| match what {
            PRACTICE | CONTACT => text.contains(what),
            words => [&written, &folded].iter().any(|said| said.contains(&format!(" {words} "))),
        };
        match needs(occasion, language).iter().find(|need| !need.any_of.iter().any(|what| says(what))) {
            Some(need) => Err(WordingError::Lacks(need.told)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// One that was read when it was set, by the rules of that day.
    pub fn kept(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The words of a text with a space before and after each.
fn words_of(text: &str) -> String {
    let plain = text.replace(|character: char| !character.is_alphanumeric(), " ");
    format!(" {} ", plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Something that has to be said.
struct Need {
    /// How it is told to whoever left it out.
    told: &'static str,
    /// Any of these says it: a field, a keyword in capitals, or words as [`normalize`] leaves them and without punctuation.
    any_of: &'static [&'static str],
}

const fn need(told: &'static str, any_of: &'static [&'static str]) -> Need {
    Need { told, any_of }
}

const WHO: Need = need("{practice}: the patient must see who writes", &[PRACTICE]);
const WHOM_TO_CALL: Need = need("{contact}: whom the patient can call", &[CONTACT]);
const HOW_TO_STOP: Need = need("the word STOP in capitals", &["STOP"]);
const HOW_TO_STOP_ES: Need = need("the word ALTO in capitals", &["ALTO"]);
const HOW_TO_GET_HELP: Need = need("the word HELP in capitals", &["HELP"]);
const HOW_TO_GET_HELP_ES: Need = need("the word AYUDA in capitals", &["AYUDA"]);
const HOW_TO_START: Need = need("the word START in capitals", &["START"]);

/// CTIA Messaging Principles 5.1.2.1 for the invitation: who writes, how often, what it costs, HELP and STOP. The others
/// say how to go on from there.
fn needs(occasion: Occasion, language: Language) -> &'static [Need] {
    use Language::{English, Spanish};
    match (occasion, language) {
        (Occasion::Invitation, English) => {
            const {
                &[
                    WHO,
                    need(
                        "the words \"Reply YES to receive messages from your practice\"",
                        &["reply yes to receive messages from your practice"],
                    ),
                    need("how often texts come, such as \"Msg frequency varies\"", &["frequency", "recurring"]),
                    need("what they cost, such as \"Msg & data rates may apply\"", &["rates"]),
                    HOW_TO_GET_HELP,
                    HOW_TO_STOP,
                ]
            }
        }
        (Occasion::Invitation, Spanish) => {
            const {
                &[
                    WHO,
                    need("the words \"Responda SI\"", &["responda si"]),
                    need("how often texts come, such as \"La frecuencia varia\"", &["frecuencia", "recurrentes"]),
                    need("what they cost, such as \"Pueden aplicarse tarifas\"", &["tarifas"]),
                    HOW_TO_GET_HELP_ES,
                    HOW_TO_STOP_ES,
                ]
            }
        }
        (Occasion::OptOutConfirmation, English | Spanish) => const { &[WHO, HOW_TO_START] },
        (Occasion::StartConfirmation, English) => const { &[WHO, HOW_TO_GET_HELP, HOW_TO_STOP] },
        (Occasion::StartConfirmation, Spanish) => const { &[WHO, HOW_TO_GET_HELP_ES, HOW_TO_STOP_ES] },
        (Occasion::Help, English) => const { &[WHO, WHOM_TO_CALL, HOW_TO_STOP] },
        (Occasion::Help, Spanish) => const { &[WHO, WHOM_TO_CALL, HOW_TO_STOP_ES] },
        (Occasion::AfterHours, English | Spanish) => const { &[WHO] },
    }
}

/// What every practice begins with.
fn by_default(occasion: Occasion, language: Language) -> &'static str {
    use Language::{English, Spanish};
    match (occasion, language) {
        (Occasion::Invitation, English) => {
            "{practice}: Reply YES to receive messages from your practice. Msg frequency varies. \
             Msg & data rates may apply. Reply HELP for help, STOP to opt out."
        }
        (Occasion::Invitation, Spanish) => {
            "{practice}: Responda SI para recibir mensajes de su consultorio. La frecuencia varia. \
             Pueden aplicarse tarifas de mensajes y datos. Responda AYUDA para ayuda, ALTO para cancelar."
        }
        (Occasion::OptOutConfirmation, English) => {
            "{practice}: You are opted out and will get no more texts. Text START to opt back in. \
             Questions? Call {contact}."
        }
        (Occasion::OptOutConfirmation, Spanish) => {
            "{practice}: Ha cancelado los mensajes y no recibira mas. Envie START para volver a recibirlos. \
             ¿Preguntas? Llame al {contact}."
        }
        (Occasion::StartConfirmation, English) => {
            "{practice}: You are opted in to texts. Reply HELP for help, STOP to opt out."
        }
        (Occasion::StartConfirmation, Spanish) => {
            "{practice}: Ha aceptado recibir mensajes. Responda AYUDA para ayuda, ALTO para cancelar."
        }
        (Occasion::Help, English) => {
            "{practice}: Two-way texts with your practice. Call {contact}. Msg & data rates may apply. \
             Reply STOP to opt out."
        }
        (Occasion::Help, Spanish) => {
            "{practice}: Mensajes con su consultorio. Llame al {contact}. Pueden aplicarse tarifas de mensajes y \
             datos. Responda ALTO para cancelar."
        }
        (Occasion::AfterHours, English) => {
            "{practice}: We are closed and will read your text when we open. If it can't wait, call {contact}. \
             In an emergency call 911."
        }
        (Occasion::AfterHours, Spanish) => {
            "{practice}: Estamos cerrados y leeremos su mensaje al abrir. Si es urgente, llame al {contact}. \
             En una emergencia llame al 911."
        }
    }
}

/// The wordings of a practice: its own, where it has some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    own: BTreeMap<(Occasion, Language), Wording>,
}

impl Texts {
    /// The practice words it so from here on.
    pub fn set(&mut self, occasion: Occasion, language: Language, wording: Wording) {
        self.own.insert((occasion, language), wording);
    }

    /// What the practice has set itself.
    pub fn own(&self) -> impl Iterator<Item = (Occasion, Language, &Wording)> {
        self.own.iter().map(|((occasion, language), wording)| (*occasion, *language, wording))
    }

    /// The wording in force.
    pub fn wording(&self, occasion: Occasion, language: Language) -> &str {
        self.own.get(&(occasion, language)).map_or_else(|| by_default(occasion, language), Wording::as_str)
    }
}

impl Practice {
    /// A text of ours as a patient gets it.
    pub fn text(&self, occasion: Occasion, language: Language) -> Body {
        let wording = self.texts.wording(occasion, language);
        // The contact first: a practice's name may not bring a field in.
        Body::new(wording.replace(CONTACT, &self.contact).replace(PRACTICE, &self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::{Segments, Writing};
    use crate::domain::{Phone, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT};

    const LANGUAGES: [Language; 2] = [Language::English, Language::Spanish];

    fn practice(texts: Texts) -> Practice {
        Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside Physical Therapy".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "America/Denver".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
            texts,
            quiet_hours: None,
            office_hours: None,
        }
    }

    #[test]
    fn what_a_practice_begins_with_has_all_that_it_must_and_is_short() {
        for occasion in Occasion::ALL {
            for language in LANGUAGES {
                let wording = by_default(occasion, language);
                assert!(Wording::parse(occasion, language, wording).is_ok(), "{occasion:?} in {language:?}");
                let text = practice(Texts::default()).text(occasion, language);
                assert!(!text.expose().contains(['{', '}']));
                let segments = Segments::written(text.expose(), Writing::default()).number();
                assert!(segments <= 2, "{occasion:?} in {language:?} takes {segments}");
            }
        }
    }

    #[test]
    fn a_practice_says_it_in_its_own_words() {
        let mut texts = Texts::default();
        let wording = "Thanks for writing to {practice}! Call {contact}, or reply STOP to end. {practice}";
        let wording = Wording::parse(Occasion::Help, Language::English, wording).unwrap();
        texts.set(Occasion::Help, Language::English, wording);
        let practice = practice(texts);
        assert_eq!(
            practice.text(Occasion::Help, Language::English).expose(),
            "Thanks for writing to Riverside Physical Therapy! Call 303-555-0100, or reply STOP to end. \
             Riverside Physical Therapy"
        );
        assert!(practice.text(Occasion::Help, Language::Spanish).expose().contains("ALTO"), "that one it has not set");
    }

    #[track_caller]
    fn refused(occasion: Occasion, language: Language, text: &str, why: &str) {
        let error = Wording::parse(occasion, language, text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }

    #[test]
    fn what_an_invitation_lacks_is_said() {
        let whole = by_default(Occasion::Invitation, Language::English);
        for (without, why) in [
            ("{practice}: ", "{practice}"),
            ("Reply YES to receive messages from your practice", "Reply YES to receive"),
            ("Msg frequency varies", "how often"),
            ("Msg & data rates may apply", "what they cost"),
            ("HELP", "HELP"),
            ("STOP", "STOP"),
        ] {
            refused(Occasion::Invitation, Language::English, &whole.replacen(without, "", 1), why);
        }
        let whole = by_default(Occasion::Invitation, Language::Spanish);
        for (without, why) in [
            ("{practice}: ", "{practice}"),
            ("SI", "Responda SI"),
            ("La frecuencia varia", "how often"),
            ("tarifas", "what they cost"),
            ("AYUDA", "AYUDA"),
            ("ALTO", "ALTO"),
        ] {
            refused(Occasion::Invitation, Language::Spanish, &whole.replacen(without, "", 1), why);
        }
    }

    #[test]
    fn what_another_text_lacks_is_said() {
        use Language::{English, Spanish};
        for (occasion, language, text, why) in [
            (Occasion::OptOutConfirmation, English, "{practice}: no more texts.", "START"),
            (Occasion::OptOutConfirmation, Spanish, "{practice}: Envie ALTA.", "START"),
            (Occasion::OptOutConfirmation, English, "Text START to come back.", "{practice}"),
            (Occasion::StartConfirmation, English, "{practice}: welcome. HELP", "STOP"),
            (Occasion::StartConfirmation, English, "{practice}: welcome. STOP", "HELP"),
            (Occasion::StartConfirmation, Spanish, "{practice}: STOP, HELP", "AYUDA"),
            (Occasion::Help, English, "{practice}: reply STOP to end", "{contact}"),
            (Occasion::Help, English, "{practice}: call {contact}, nonstop", "STOP"),
            (Occasion::Help, Spanish, "{practice}: {contact}. STOP", "ALTO"),
            (Occasion::AfterHours, English, "We are closed.", "{practice}"),
        ] {
            refused(occasion, language, text, why);
        }
    }

    #[test]
    fn nothing_of_a_patients_can_be_in_a_text_to_everybody() {
        for text in [
            "{practice}: hello {first_name}",
            "{practice}: {}",
            "{practice}: }{",
            "{practice} {contact",
            "{{practice}}",
        ] {
            refused(Occasion::AfterHours, Language::English, text, "{contact} only");
        }
        for text in ["", " ", "{practice}\nclosed", &"x".repeat(WORDING_CHARS_MAX + 1)] {
            refused(Occasion::AfterHours, Language::English, text, "characters");
        }
    }

    #[test]
    fn a_name_with_braces_is_a_name() {
        let practice = Practice { name: "{contact}".into(), ..practice(Texts::default()) };
        assert!(practice.text(Occasion::Help, Language::English).expose().starts_with("{contact}: Two-way"));
    }
}
