//! Joins the segments of a long inbound text. The segments are part of the conversation's state, so
//! each is durable before the carrier hears that we have it.

use jiff::{SignedDuration, Timestamp};

use super::{Body, Part, Reference};

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
    pub parts: Vec<Option<Body>>,
}

/// What became of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// It completed its text.
    Whole(Body),
    /// Others are missing. `given_up` are older unfinished texts that made room for it.
    Waiting { given_up: Vec<Body> },
}

impl Reassembly {
    /// Whether the numbers and the size of a segment make sense; if they do not, it stands for itself.
    pub fn can_join(part: Part, text: &Body) -> bool {
        let numbers_make_sense = (2..=PARTS_MAX).contains(&part.total) && (1..=part.total).contains(&part.number);
        numbers_make_sense && text.expose().len() <= PART_OCTETS_MAX
    }

    /// Takes a segment for which [`can_join`](Self::can_join) holds, in any order, any number of times.
    pub fn take(&mut self, part: Part, text: Body, now: Timestamp) -> Joined {
        let mut given_up = Vec::new();
        let slot = usize::from(part.number) - 1;
        let fits = |set: &PartSet| set.reference == part.reference && set.parts.len() == usize::from(part.total);

        let mut index = self.sets.iter().position(fits);
        if let Some(found) = index {
            let contradicts = self.sets[found].parts[slot].as_ref().is_some_and(|kept| *kept != text);
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
        self.sets[index].parts[slot] = Some(text);
        if self.sets[index].parts.iter().any(Option::is_none) {
            return Joined::Waiting { given_up };
        }
        Joined::Whole(self.sets.remove(index).as_whole())
    }

    /// Removes the texts that waited too long, each as what there is of it.
    pub fn give_up(&mut self, patience: SignedDuration, now: Timestamp) -> Vec<Body> {
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
    fn as_whole(&self) -> Body {
        Body::new(self.parts.iter().flatten().map(Body::expose).collect::<String>())
    }

    fn as_partial(&self) -> Body {
        let total = self.parts.len();
        let text = self.parts.iter().enumerate().map(|(index, part)| match part {
            Some(text) => text.expose().to_owned(),
            None => format!("[part {} of {total} missing]", index + 1),
        });
        Body::new(text.collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn part(reference: u8, number: u8, total: u8) -> Part {
        Part { reference: reference.into(), total, number }
    }

    fn take(parts: &mut Reassembly, part: Part, text: &str) -> Joined {
        parts.take(part, Body::new(text), NOW)
    }

    #[test]
    fn segments_join_in_any_order_and_once() {
        let mut open = Reassembly::default();
        assert_eq!(take(&mut open, part(0, 3, 3), "c"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(0, 1, 3), "a"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(0, 1, 3), "a"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(0, 2, 3), "b"), Joined::Whole(Body::new("abc")));
        assert!(open.sets.is_empty());
    }

    #[test]
    fn a_reference_used_again_starts_another_text() {
        let mut open = Reassembly::default();
        take(&mut open, part(7, 1, 2), "old");
        let given_up = vec![Body::new("old [part 2 of 2 missing]")];
        assert_eq!(take(&mut open, part(7, 1, 2), "new"), Joined::Waiting { given_up });
        assert_eq!(take(&mut open, part(7, 2, 2), "er"), Joined::Whole(Body::new("newer")));
    }

    #[test]
    fn a_fifth_unfinished_text_pushes_out_the_oldest() {
        let mut open = Reassembly::default();
        for reference in 0..4 {
            take(&mut open, part(reference, 1, 2), "x");
        }
        let given_up = vec![Body::new("x [part 2 of 2 missing]")];
        assert_eq!(take(&mut open, part(9, 2, 2), "y"), Joined::Waiting { given_up });
        assert_eq!(open.sets.len(), SETS_MAX);
    }

    #[test]
    fn nonsense_numbers_stand_for_themselves() {
        let words = Body::new("words");
        for (number, total) in [(1, 1), (0, 2), (3, 2), (1, 0), (1, 11), (255, 255)] {
            assert!(!Reassembly::can_join(part(1, number, total), &words), "{number} of {total}");
        }
        assert!(Reassembly::can_join(part(0, 10, 10), &words));
    }

    #[test]
    fn a_segment_that_is_larger_than_any_stands_for_itself() {
        let of = |octets| Body::new("x".repeat(octets));
        assert!(Reassembly::can_join(part(1, 1, 2), &of(PART_OCTETS_MAX)));
        assert!(!Reassembly::can_join(part(1, 1, 2), &of(PART_OCTETS_MAX + 1)));
    }

    #[test]
    fn texts_whose_references_are_of_different_width_are_not_mixed() {
        let mut open = Reassembly::default();
        let wide = |number| Part { reference: Reference::Word(7), total: 2, number };
        take(&mut open, part(7, 1, 2), "my ");
        take(&mut open, wide(2), "there");
        assert_eq!(take(&mut open, part(7, 2, 2), "knee"), Joined::Whole(Body::new("my knee")));
        assert_eq!(take(&mut open, wide(1), "over "), Joined::Whole(Body::new("over there")));
    }

    #[test]
    fn texts_of_different_length_are_not_mixed() {
        let mut open = Reassembly::default();
        take(&mut open, part(7, 1, 3), "x");
        assert_eq!(take(&mut open, part(7, 2, 2), "b"), Joined::Waiting { given_up: vec![] });
        assert_eq!(take(&mut open, part(7, 1, 2), "a"), Joined::Whole(Body::new("ab")));
        assert_eq!(open.sets.len(), 1);
    }

    #[test]
    fn what_a_hostile_phone_can_make_us_keep_is_bounded_and_all_of_it_is_shown() {
        let mut open = Reassembly::default();
        let text = "x".repeat(PART_OCTETS_MAX);
        let (mut kept_max, mut shown) = (0, 0);
        for reference in 0..10_000_u16 {
            let part = Part { reference: reference.into(), total: 10, number: 1 + (reference % 10) as u8 };
            assert!(Reassembly::can_join(part, &Body::new(text.clone())));
            let Joined::Waiting { given_up } = take(&mut open, part, &text) else { panic!("nothing is whole") };
            shown += given_up.len();
            let parts = open.sets.iter().flat_map(|set| &set.parts).flatten();
            kept_max = kept_max.max(parts.map(|text| text.expose().len()).sum());
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
                        prop_assert_eq!(joined, Joined::Whole(Body::new(whole)));
                    }
                    false => prop_assert_eq!(joined, Joined::Waiting { given_up: vec![] }),
                }
            }
            prop_assert!(open.sets.is_empty());
        }
    }

    #[test]
    fn what_never_comes_is_said_to_be_missing() {
        let mut open = Reassembly::default();
        take(&mut open, part(1, 2, 3), "middle");
        let patience = SignedDuration::from_mins(10);
        assert_eq!(open.gives_up_at(patience), Some(NOW + patience));
        assert!(open.give_up(patience, NOW + SignedDuration::from_mins(9)).is_empty());
        let expected = vec![Body::new("[part 1 of 3 missing] middle [part 3 of 3 missing]")];
        assert_eq!(open.give_up(patience, NOW + patience), expected);
    }
}
