//! The phones behind the carrier, and what each shows.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::words::Segment;
use crate::domain::Reference;

/// Phones that are kept; the one that was first used goes first.
const PHONES_MAX: usize = 10_000;
/// Texts that a phone keeps.
const TEXTS_MAX: usize = 1_000;
/// Long texts of which a phone has only some segments.
const PARTIAL_MAX: usize = 16;

/// Which way a text went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    ToPhone,
    FromPhone,
}

/// A text on a simulated phone. Nobody's words: they may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    pub id: String,
    pub direction: Direction,
    pub from: String,
    pub to: String,
    pub text: String,
    #[serde(serialize_with = "rfc_3339")]
    pub at: Timestamp,
    /// Whether the gateway has answered for what the phone typed.
    pub answered: bool,
}

fn rfc_3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl Text {
    /// Whether it came to this phone, or was typed on it.
    pub fn is_of(&self, phone: &str) -> bool {
        self.phone() == phone
    }

    fn phone(&self) -> &str {
        match self.direction {
            Direction::ToPhone => &self.to,
            Direction::FromPhone => &self.from,
        }
    }
}

/// All phones.
#[derive(Default)]
pub struct Phones {
    phones: HashMap<String, Phone>,
    order: VecDeque<String>,
}

#[derive(Default)]
struct Phone {
    texts: VecDeque<Text>,
    partial: VecDeque<Partial>,
}

/// A long text of which segments are missing.
struct Partial {
    from: String,
    reference: Reference,
    segments: Vec<Option<Segment>>,
}

impl Phones {
    pub fn texts(&self, number: &str) -> Vec<Text> {
        self.phones.get(number).map(|phone| phone.texts.iter().cloned().collect()).unwrap_or_default()
    }

    pub fn count(&self) -> usize {
        self.phones.len()
    }

    pub fn keep(&mut self, text: Text) {
        let texts = &mut self.phone(text.phone()).texts;
        if texts.len() == TEXTS_MAX {
            texts.pop_front();
        }
        texts.push_back(text);
    }

    /// The gateway has answered for a text that the phone typed.
    pub fn answered(&mut self, number: &str, id: &str) -> Option<Text> {
        let text = self.phones.get_mut(number)?.texts.iter_mut().find(|text| text.id == id)?;
        text.answered = true;
        Some(text.clone())
    }

    /// A text or a segment of one came; the whole text, if that was the last.
    pub fn join(&mut self, from: &str, to: &str, segment: Segment) -> Option<String> {
        let Some(part) = segment.part else { return Some(segment.words()) };
        let total = usize::from(part.total);
        let number = usize::from(part.number);
        if !(1..=total).contains(&number) {
            return Some(segment.words());
        }
        let partial = &mut self.phone(to).partial;
        let fits =
            |open: &Partial| open.from == from && open.reference == part.reference && open.segments.len() == total;
        let index = partial.iter().position(fits).unwrap_or_else(|| {
            if partial.len() == PARTIAL_MAX {
                partial.pop_front();
            }
            let segments = vec![None; total];
            partial.push_back(Partial { from: from.to_owned(), reference: part.reference, segments });
            partial.len() - 1
        });
        partial[index].segments[number - 1] = Some(segment);
        if partial[index].segments.iter().any(Option::is_none) {
            return None;
        }
        let whole: Vec<Segment> = partial.remove(index)?.segments.into_iter().flatten().collect();
        Some(Segment::join(&whole))
    }

    fn phone(&mut self, number: &str) -> &mut Phone {
        if !self.phones.contains_key(number) {
            if self.order.len() == PHONES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.phones.remove(&oldest);
            }
            self.order.push_back(number.to_owned());
        }
        self.phones.entry(number.to_owned()).or_default()
    }
}
