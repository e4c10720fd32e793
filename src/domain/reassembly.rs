//! Joins the segments of a long inbound text. The segments are part of the conversation's state, so
//! each is durable before the carrier hears that we have it.

use jiff::{SignedDuration, Timestamp};

use super::letters::{LOST, Segment};
use super::{Body, Mark, Marks, Part, Reference, Written};

/// Unfinished texts that one phone may have at once.
pub const SETS_MAX: usize = 4;
/// Segments that one text may have.
pub const PARTS_MAX: u8 = 10;
/// Octets of UTF-8 that one segment may have. A phone writes at most 160 characters into one; some carriers put more
/// there. With the two above it bounds what one phone can make us keep.
pub const PART_OCTETS_MAX: usize = 2_048;

/// The unfinished texts of one phone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reassembly {
    pub sets: Vec<PartSet>,
}

/// The segments of one unfinished text, by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSet {
    pub reference: Reference,
    pub opened_at: Timestamp,
    pub parts: Vec<Option<Piece>>,
}

/// A segment, as what it says by itself and as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: Body,
    pub written: Written,
}

/// What segments say together, and what is to be known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub text: Body,
    pub marks: Marks,
}

/// What became of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// It completed its text.
    Whole(Words),
    /// Others are missing. `given_up` are older unfinished texts that made room for it.
    Waiting { given_up: Vec<Words> },
}

impl Reassembly {
    /// Whether the numbers and the size of a segment make sense; if they do not, it stands for itself.
    pub fn can_join(part: Part, piece: &Piece) -> bool {
        let as_it_came = piece.written.segment.as_ref().map_or(0, |segment| segment.expose().len());
        let is_small = piece.text.expose().len().max(as_it_came) <= PART_OCTETS_MAX;
        part.is_one_of_several() && part.total <= PARTS_MAX && is_small
    }

    /// Takes a segment for which [`can_join`](Self::can_join) holds, in any order, any number of times.
    pub fn take(&mut self, part: Part, piece: Piece, now: Timestamp) -> Joined {
        let mut given_up = Vec::new();
        let slot = usize::from(part.number) - 1;
        let fits = |set: &PartSet| set.reference == part.reference && set.parts.len() == usize::from(part.total);

        let mut index = self.sets.iter().position(fits);
        if let Some(found) = index {
            let contradicts = self.sets[found].parts[slot].as_ref().is_some_and(|kept| kept.text != piece.text);
            if contradicts {
                // The reference is being used for another text: what came before stays unfinished.
                given_up.push(self.sets.remove(found).as_partial());
                index = None;
            }
        }
        let index = index.unwrap_or_else(|| {
            if self.sets.len() == SETS_MAX {
                given_up.push(self.sets.remove(0).as_partial());
            }
            let parts = vec![None; usize::from(part.total)];
            self.sets.push(PartSet { reference: part.reference, opened_at: now, parts });
            self.sets.len() - 1
        });
        self.sets[index].parts[slot] = Some(piece);
        if self.sets[index].parts.iter().any(Option::is_none) {
            return Joined::Waiting { given_up };
        }
        Joined::Whole(self.sets.remove(index).as_whole())
    }

    /// Removes the texts that waited too long, each as what there is of it.
    pub fn give_up(&mut self, patience: SignedDuration, now: Timestamp) -> Vec<Words> {
        let (kept, given_up) = std::mem::take(&mut self.sets)
            .into_iter()
            .partition(|set: &PartSet| now.duration_since(set.opened_at) < patience);
        self.sets = kept;
        given_up.iter().map(PartSet::as_partial).collect()
    }

    /// When the oldest unfinished text has waited long enough.
    pub fn gives_up_at(&self, patience: SignedDuration) -> Option<Timestamp> {
        self.sets.iter().map(|set| set.opened_at + patience).min()
    }
}

impl PartSet {
    fn as_whole(&self) -> Words {
        Words::of(self.parts.iter().flatten())
    }

    fn as_partial(&self) -> Words {
        let total = self.parts.len();
        let mut text = Vec::new();
        let mut marks = Marks::NONE.with(Mark::Partial);
        let mut number = 1;
        for run in self.parts.chunk_by(|one, next| one.is_some() && next.is_some()) {
            if run[0].is_some() {
                let words = Words::of(run.iter().flatten());
                text.push(words.text.expose().to_owned());
                marks = marks.and(words.marks);
            } else {
                text.push(format!("[part {number} of {total} missing]"));
            }
            number += run.len();
        }
        Words { text: Body::new(text.join(" ")), marks }
    }
}

impl Words {
    /// What a piece says that stands for itself, be it one of several.
    pub fn alone(piece: Piece, part: Option<Part>) -> Self {
        let Piece { text, written: Written { marks, .. } } = piece;
        let is_partial = part.is_some_and(Part::is_one_of_several);
        Self { text, marks: if is_partial { marks.with(Mark::Partial) } else { marks } }
    }

    /// What neighbouring segments say. A character that was cut between two of them can be read together with both, where
    /// both are known as they came.
    fn of<'a>(pieces: impl Iterator<Item = &'a Piece> + Clone) -> Self {
        let marks = pieces.clone().fold(Marks::NONE, |marks, piece| marks.and(piece.written.marks));
        let as_they_came: Option<Vec<_>> = pieces.clone().map(|piece| piece.written.segment.as_ref()).collect();
        match as_they_came {
            None => Self { text: Body::new(pieces.map(|piece| piece.text.expose()).collect::<String>()), marks },
            Some(segments) => {
                let text = Segment::read_all(segments);
                let is_read = !text.contains(LOST);
                let marks = if is_read { marks.without(Mark::Replaced) } else { marks.with(Mark::Replaced) };
                Self { text: Body::new(text), marks }
            }
        }
    }
}

impl From<Body> for Piece {
    /// As it is read, and not known as it came.
    fn from(text: Body) -> Self {
        Self { text, written: Written::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::letters::{Coding, Shifts};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn part(reference: u8, number: u8, total: u8) -> Part {
        Part { reference: reference.into(), total, number }
    }

    fn take(parts: &mut Reassembly, part: Part, text: &str) -> Joined {
        parts.take(part, Body::new(text).into(), NOW)
    }

    fn whole(text: &str) -> Joined {
        Joined::Whole(Words { text: Body::new(text), marks: Marks::NONE })
    }

    fn partial(text: &str) -> Words {
        Words { text: Body::new(text), marks: Marks::NONE.with(Mark::Partial) }
    }

    #[test]
    fn segments_join_in_any_order_and_once() {
        let mut open = Reassembly::default();
        assert_eq!(take(&mut open, part(0, 3, 3), "c"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(0, 1, 3), "a"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(0, 1, 3), "a"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(0, 2, 3), "b"), whole("abc"));
        assert!(open.sets.is_empty());
    }

    #[test]
    fn a_reference_used_again_starts_another_text() {
        let mut open = Reassembly::default();
        take(&mut open, part(7, 1, 2), "old");
        let given_up = vec![partial("old [part 2 of 2 missing]")];
        assert_eq!(take(&mut open, part(7, 1, 2), "new"), Joined::Waiting { given_up });
        assert_eq!(take(&mut open, part(7, 2, 2), "er"), whole("newer"));
    }

    #[test]
    fn a_fifth_unfinished_text_pushes_out_the_oldest() {
        let mut open = Reassembly::default();
        for reference in 0..4 {
            take(&mut open, part(reference, 1, 2), "x");
        }
        let given_up = vec![partial("x [part 2 of 2 missing]")];
        assert_eq!(take(&mut open, part(9, 2, 2), "y"), Joined::Waiting { given_up });
        assert_eq!(open.sets.len(), SETS_MAX);
    }

    #[test]
    fn nonsense_numbers_stand_for_themselves() {
        let words = Body::new("words").into();
        for (number, total) in [(1, 1), (0, 2), (3, 2), (1, 0), (1, 11), (255, 255)] {
            assert!(!Reassembly::can_join(part(1, number, total), &words), "{number} of {total}");
        }
        assert!(Reassembly::can_join(part(0, 10, 10), &words));
    }

    #[test]
    fn a_segment_that_is_larger_than_any_stands_for_itself() {
        let of = |octets| Piece::from(Body::new("x".repeat(octets)));
        assert!(Reassembly::can_join(part(1, 1, 2), &of(PART_OCTETS_MAX)));
        assert!(!Reassembly::can_join(part(1, 1, 2), &of(PART_OCTETS_MAX + 1)));
        let as_it_came = |octets| {
            let segment = Some(Segment::new(Coding::Utf16, vec![0; octets]));
            Piece { written: Written { segment, ..Written::default() }, ..of(1) }
        };
        assert!(Reassembly::can_join(part(1, 1, 2), &as_it_came(PART_OCTETS_MAX)));
        assert!(!Reassembly::can_join(part(1, 1, 2), &as_it_came(PART_OCTETS_MAX + 1)));
    }

    #[test]
    fn texts_whose_references_are_of_different_width_are_not_mixed() {
        let mut open = Reassembly::default();
        let wide = |number| Part { reference: Reference::Word(7), total: 2, number };
        take(&mut open, part(7, 1, 2), "my ");
        take(&mut open, wide(2), "there");
        assert_eq!(take(&mut open, part(7, 2, 2), "knee"), whole("my knee"));
        assert_eq!(take(&mut open, wide(1), "over "), whole("over there"));
    }

    #[test]
    fn texts_of_different_length_are_not_mixed() {
        let mut open = Reassembly::default();
        take(&mut open, part(7, 1, 3), "x");
        assert_eq!(take(&mut open, part(7, 2, 2), "b"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(7, 1, 2), "a"), whole("ab"));
        assert_eq!(open.sets.len(), 1);
    }

    #[test]
    fn what_a_hostile_phone_can_make_us_keep_is_bounded_and_all_of_it_is_shown() {
        let mut open = Reassembly::default();
        let text = "x".repeat(PART_OCTETS_MAX);
        let (mut kept_max, mut shown) = (0, 0);
        for reference in 0..10_000_u16 {
            let part = Part { reference: reference.into(), total: 10, number: 1 + (reference % 10) as u8 };
            assert!(Reassembly::can_join(part, &Body::new(text.clone()).into()));
            let Joined::Waiting { given_up } = take(&mut open, part, &text) else { panic!("nothing is whole") };
            shown += given_up.len();
            let parts = open.sets.iter().flat_map(|set| &set.parts).flatten();
            kept_max = kept_max.max(parts.map(|piece| piece.text.expose().len()).sum());
        }
        assert!(kept_max <= SETS_MAX * usize::from(PARTS_MAX) * PART_OCTETS_MAX);
        assert_eq!(shown + open.sets.len(), 10_000);
    }

    proptest! {
        /// Whatever the order, and however often each comes while the text is not whole.
        #[test]
        fn segments_join_in_every_order(
            total in 2..=PARTS_MAX,
            order in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut open = Reassembly::default();
            let mut missing: BTreeSet<u8> = (1..=total).collect();
            for number in order.into_iter().map(|any| any % total + 1).chain(1..=total) {
                if missing.is_empty() {
                    break;
                }
                missing.remove(&number);
                let joined = take(&mut open, part(3, number, total), &format!("{number},"));
                match missing.is_empty() {
                    true => {
                        let whole: String = (1..=total).map(|number| format!("{number},")).collect();
                        prop_assert_eq!(joined, self::whole(&whole));
                    }
                    false => prop_assert_eq!(joined, Joined::Waiting { given_up: vec![] }),
                }
            }
            prop_assert!(open.sets.is_empty());
        }
    }

    /// Segments of one text, each as a link reads it.
    fn pieces(coding: Coding, octets: &[&[u8]]) -> Vec<Piece> {
        let piece = |octets: &&[u8]| {
            let text = coding.read(octets);
            let replaced = text.contains(LOST).then_some(Mark::Replaced);
            let segment = Some(Segment::new(coding, *octets));
            Piece { text: Body::new(text), written: Written { marks: replaced.into_iter().collect(), segment } }
        };
        octets.iter().map(piece).collect()
    }

    #[test]
    fn a_character_that_was_cut_reads_right_once_both_halves_are_there() {
        let gsm7 = Coding::Gsm7(Shifts::default());
        for (coding, octets, text) in [
            (gsm7, [&b"5 \x1B"[..], b"e, or 6 \x1B", b"e"], "5 €, or 6 €"),
            (Coding::Utf16, [&b"\0a\xD8\x3D"[..], b"\xDC\x4D\0b\xD8\x3D", b"\xDC\x4D"], "a👍b👍"),
            (Coding::Utf16, [&b"\0a\x04"[..], b"\x36\0b\x04", b"\x36"], "aжbж"),
        ] {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut open = Reassembly::default();
                let pieces = pieces(coding, &octets);
                let joined = order.map(|index| {
                    let number = u8::try_from(index).unwrap() + 1;
                    open.take(part(3, number, 3), pieces[index].clone(), NOW)
                });
                assert_eq!(joined[2], whole(text), "{order:?}");
            }
        }
    }

    #[test]
    fn what_there_is_of_a_text_reads_right_but_for_what_was_cut_off() {
        let mut open = Reassembly::default();
        let pieces = pieces(Coding::Gsm7(Shifts::default()), &[b"5 \x1B", b"e, or 6 \x1B", b"e"]);
        for (number, piece) in [(2, pieces[1].clone()), (1, pieces[0].clone())] {
            open.take(part(3, number, 3), piece, NOW);
        }
        let expected = Words {
            text: Body::new("5 €, or 6 \u{FFFD} [part 3 of 3 missing]"),
            marks: [Mark::Partial, Mark::Replaced].into_iter().collect(),
        };
        assert_eq!(open.give_up(SignedDuration::ZERO, NOW), [expected]);
    }

    #[test]
    fn a_segment_that_is_not_known_as_it_came_is_joined_as_it_was_read() {
        let mut open = Reassembly::default();
        let pieces = pieces(Coding::Gsm7(Shifts::default()), &[b"", b"5 \x1B"]);
        take(&mut open, part(3, 1, 2), "Costs ");
        let marks = Marks::NONE.with(Mark::Replaced);
        let expected = Words { text: Body::new("Costs 5 \u{FFFD}"), marks };
        assert_eq!(open.take(part(3, 2, 2), pieces[1].clone(), NOW), Joined::Whole(expected));
    }

    #[test]
    fn what_never_comes_is_said_to_be_missing() {
        let mut open = Reassembly::default();
        take(&mut open, part(1, 2, 3), "middle");
        let patience = SignedDuration::from_mins(10);
        assert_eq!(open.gives_up_at(patience), Some(NOW + patience));
        assert!(open.give_up(patience, NOW + SignedDuration::from_mins(9)).is_empty());
        let expected = vec![partial("[part 1 of 3 missing] middle [part 3 of 3 missing]")];
        assert_eq!(open.give_up(patience, NOW + patience), expected);
    }
}
