//! What came of it: counts by command and status, and what each phone got.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use super::phones::Direction;
use super::wire_log::{WireDirection, WireEntry};
use super::{Counts, State};
use crate::domain::Part;

/// Phones that are told apart.
const PHONES_MAX: usize = 10_000;
/// Texts of which it is known whether they came before.
const TAKEN_MAX: usize = 1_000_000;
/// Statuses that are told apart; there are not so many.
const COMMANDS_MAX: usize = 1_000;

/// Counts as things happen.
#[derive(Default)]
pub struct Tally {
    commands: BTreeMap<(WireDirection, &'static str, u32), u64>,
    phones: BTreeMap<String, PhoneTally>,
    taken: HashSet<u64>,
}

#[derive(Clone, Copy, Default)]
struct PhoneTally {
    segments: u64,
    doubles: u64,
    disordered: u64,
    /// The last one, if it was a segment of a long text.
    last_part: Option<Part>,
    /// The number that the last text ended in.
    last_number: Option<u64>,
}

impl Tally {
    /// A PDU came or went.
    pub fn note(&mut self, entry: &WireEntry) {
        let key = (entry.direction, entry.command, entry.status);
        if self.commands.len() < COMMANDS_MAX || self.commands.contains_key(&key) {
            *self.commands.entry(key).or_default() += 1;
        }
    }

    /// A segment for a phone was taken.
    pub fn took(&mut self, from: &str, to: &str, part: Option<Part>, words: &str) {
        if self.phones.len() == PHONES_MAX && !self.phones.contains_key(to) {
            return;
        }
        let phone = self.phones.entry(to.to_owned()).or_default();
        phone.segments += 1;
        let mut hasher = DefaultHasher::new();
        (from, to, format!("{part:?}"), words).hash(&mut hasher);
        let is_new = self.taken.len() == TAKEN_MAX || self.taken.insert(hasher.finish());
        if !is_new {
            phone.doubles += 1;
            return;
        }
        phone.disordered += u64::from(!phone.is_in_order(part, words));
    }
}

impl PhoneTally {
    /// Whether the segments of a long text follow each other, and texts that end in a number end in ever higher ones.
    fn is_in_order(&mut self, part: Option<Part>, words: &str) -> bool {
        let last_part = std::mem::replace(&mut self.last_part, part);
        let Some(part) = part else {
            let Some(number) = last_number(words) else { return true };
            let last = self.last_number.replace(number);
            return last.is_none_or(|last| last < number);
        };
        match last_part.filter(|last| last.reference == part.reference) {
            Some(last) => part.number == last.number.wrapping_add(1),
            None => part.number == 1,
        }
    }
}

/// The number in which a text ends: "text 17" ends in 17.
fn last_number(words: &str) -> Option<u64> {
    let digits = words.len() - words.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    words[words.len() - digits..].parse().ok()
}

/// What happened, to be printed or to be read by a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    #[serde(flatten)]
    pub counts: Counts,
    /// Segments that were taken although the same one had been taken before: same parties, same words, same part.
    pub doubles: u64,
    /// Segments that came out of order: within a long text, or by the numbers that texts end in.
    pub disordered: u64,
    pub unanswered: Unanswered,
    pub commands: Vec<Command>,
    pub phones: Vec<Phone>,
}

/// Requests without a response of their own, in whatever form. What the script left unanswered counts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// Texts of the gateway, by the carrier.
    pub submit_sm: u64,
    /// Texts of phones and receipts, by the gateway.
    pub deliver_sm: u64,
    /// By the gateway.
    pub enquire_link: u64,
}

/// How often one command came or went with one status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    pub direction: WireDirection,
    pub command: &'static str,
    pub status: u32,
    pub count: u64,
}

/// What one phone got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phone {
    pub number: String,
    /// The words of the texts that it shows, oldest first; of many, the latest.
    pub texts: Vec<String>,
    pub segments: u64,
    pub doubles: u64,
    pub disordered: u64,
}

impl Summary {
    pub(super) fn of(state: &State) -> Self {
        let Tally { commands, phones, .. } = &state.tally;
        let total = |direction, command| -> u64 {
            let of = |(key, _): &(&(WireDirection, &str, u32), &u64)| (key.0, key.1) == (direction, command);
            commands.iter().filter(of).map(|(_, count)| count).sum()
        };
        let (from, to) = (WireDirection::FromGateway, WireDirection::ToGateway);
        let left = |ask, request, answer, response| total(ask, request).saturating_sub(total(answer, response));
        let texts_left = |ask, answer| -> u64 {
            let forms =
                [("submit_sm", "submit_sm_resp"), ("deliver_sm", "deliver_sm_resp"), ("data_sm", "data_sm_resp")];
            forms.into_iter().map(|(request, response)| left(ask, request, answer, response)).sum()
        };
        let phone = |(number, phone): (&String, &PhoneTally)| {
            let texts = state.phones.texts(number).into_iter();
            let came = texts.filter(|text| text.direction == Direction::ToPhone);
            let PhoneTally { segments, doubles, disordered, .. } = *phone;
            Phone { number: number.clone(), texts: came.map(|text| text.text).collect(), segments, doubles, disordered }
        };
        Self {
            counts: state.counts,
            doubles: phones.values().map(|phone| phone.doubles).sum(),
            disordered: phones.values().map(|phone| phone.disordered).sum(),
            unanswered: Unanswered {
                submit_sm: texts_left(from, to),
                deliver_sm: texts_left(to, from),
                enquire_link: left(to, "enquire_link", from, "enquire_link_resp"),
            },
            commands: commands
                .iter()
                .map(|((direction, command, status), count)| Command {
                    direction: *direction,
                    command,
                    status: *status,
                    count: *count,
                })
                .collect(),
            phones: phones.iter().map(phone).collect(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { connections, binds, submits, refused, delivers, answered, receipts, bound } = self.counts;
        writeln!(f, "{connections} connections, {binds} binds, {bound} of them standing")?;
        writeln!(f, "{submits} submits taken, {refused} refused, {receipts} receipts")?;
        writeln!(f, "{delivers} deliver_sm, {answered} answered")?;
        let Unanswered { submit_sm, deliver_sm, enquire_link } = self.unanswered;
        writeln!(f, "unanswered: {submit_sm} submit_sm, {deliver_sm} deliver_sm, {enquire_link} enquire_link")?;
        writeln!(f, "{} doubles, {} out of order", self.doubles, self.disordered)?;
        for Command { direction, command, status, count } in &self.commands {
            let arrow = match direction {
                WireDirection::FromGateway => "from the gateway",
                WireDirection::ToGateway => "to the gateway  ",
            };
            writeln!(f, "{arrow}  {command:<22} {status:#010x}  {count}")?;
        }
        for Phone { number, texts, segments, doubles, disordered } in &self.phones {
            let (texts, order) = (texts.len(), if *disordered == 0 { "in order" } else { "out of order" });
            writeln!(f, "{number}  {texts} texts of {segments} segments, {doubles} doubles, {order}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(reference: u16, number: u8) -> Option<Part> {
        Some(Part { reference: reference.into(), total: 3, number })
    }

    #[track_caller]
    fn check(took: &[(Option<Part>, &str)], doubles: u64, disordered: u64) {
        let mut tally = Tally::default();
        took.iter().for_each(|(part, words)| tally.took("practice", "phone", *part, words));
        let phone = tally.phones["phone"];
        assert_eq!((phone.doubles, phone.disordered), (doubles, disordered), "{took:?}");
    }

    #[test]
    fn the_same_words_twice_are_a_double() {
        check(&[(None, "Yes"), (None, "No"), (None, "Yes")], 1, 0);
        check(&[(part(1, 1), "Yes"), (part(2, 1), "Yes")], 0, 0);
        check(&[(part(1, 1), "a"), (part(1, 2), "b"), (part(1, 2), "b")], 1, 0);
    }

    #[test]
    fn segments_of_a_text_follow_each_other() {
        check(&[(part(1, 1), "a"), (part(1, 2), "b"), (part(1, 3), "c"), (part(2, 1), "d")], 0, 0);
        check(&[(part(1, 2), "b"), (part(1, 1), "a")], 0, 2);
        check(&[(part(1, 1), "a"), (part(2, 1), "d"), (part(1, 2), "b")], 0, 1);
    }

    #[test]
    fn numbered_texts_rise() {
        check(&[(None, "text 1"), (None, "hello"), (None, "text 2"), (None, "text 10")], 0, 0);
        check(&[(None, "text 2"), (None, "text 1")], 0, 1);
    }

    #[test]
    fn phones_are_bounded() {
        let mut tally = Tally::default();
        (0..=PHONES_MAX).for_each(|phone| tally.took("practice", &phone.to_string(), None, "Yes"));
        assert_eq!(tally.phones.len(), PHONES_MAX);
    }
}
