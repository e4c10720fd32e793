//! Which text a receipt is about. Where two may be meant and nothing tells them apart it is neither: a receipt too few
//! leaves a text `sent`, one that is taken for another's calls a text delivered that was not.

use super::{Fate, Outbox, Stage, Tracked, reference};
use crate::domain::{CarrierId, Clues, Likeness, Receipt};

/// A segment that a receipt may be about.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    text: &'a Tracked,
    /// The place of the text among those that are tracked.
    index: usize,
    segment: usize,
    likeness: Likeness,
}

impl Outbox {
    /// The text and the segment that a receipt is about: by the carrier's id, else by our own reference, else by what the
    /// receipt repeats of the text.
    pub(super) fn find(&self, receipt: &Receipt) -> Option<(usize, usize)> {
        let named = receipt.carrier_id.as_ref().map(|id| self.named(id)).unwrap_or_default();
        if named.is_empty() || self.reference_says_otherwise(&named, receipt) {
            let by_words = || self.by_words(receipt).filter(|_| named.is_empty()).map(|index| (index, 0));
            return self.by_reference(receipt).or_else(by_words);
        }
        told_apart(named, receipt).map(|candidate| (candidate.index, candidate.segment))
    }

    /// Every segment that an id may name.
    fn named(&self, id: &CarrierId) -> Vec<Candidate<'_>> {
        let texts = self.tracked.iter().map(AsRef::as_ref).enumerate();
        let segments = texts.flat_map(|(index, text)| {
            text.carrier_ids().enumerate().map(move |(segment, known)| (text, index, segment, known))
        });
        let candidate = |(text, index, segment, known): (_, _, _, &CarrierId)| {
            Some(Candidate { text, index, segment, likeness: known.likeness(id)? })
        };
        segments.filter_map(candidate).collect()
    }

    /// Whether an id that is spelled in other digits names one text, and our reference another.
    fn reference_says_otherwise(&self, named: &[Candidate<'_>], receipt: &Receipt) -> bool {
        let is_of_another = |candidate: &Candidate<'_>| {
            candidate.likeness.is_of_other_digits() && receipt.reference != Some(reference(candidate.text.id.seq))
        };
        let is_known = |ours: u16| self.tracked.iter().any(|tracked| reference(tracked.id.seq) == ours);
        receipt.reference.is_some_and(is_known) && named.iter().all(is_of_another)
    }

    /// The text to which we gave the reference that came back, if it is unconfirmed or has a segment without an id.
    fn by_reference(&self, receipt: &Receipt) -> Option<(usize, usize)> {
        let ours = receipt.reference?;
        let texts = self.tracked.iter().enumerate().filter(|(_, tracked)| reference(tracked.id.seq) == ours);
        let mut found = texts.filter_map(|(index, tracked)| Some((index, tracked.without_id()?)));
        found.next().filter(|_| found.next().is_none())
    }

    /// The unconfirmed text that left when the receipt says so and begins as it repeats, where that fits nothing else, and
    /// no other receipt fits it.
    fn by_words(&self, receipt: &Receipt) -> Option<usize> {
        let id = receipt.carrier_id.as_ref()?;
        // No text of ours has the reference 0.
        if receipt.reference.is_some_and(|reference| reference != 0) {
            return None;
        }
        let sending = self.waiting.iter().filter(|waiting| matches!(waiting.stage, Stage::Sending { .. }));
        if sending.into_iter().any(|waiting| waiting.left().is_told_by(&receipt.clues)) {
            return None;
        }
        let fits = |clues: &Clues, tracked: &Tracked| match &tracked.fate {
            Fate::Unconfirmed { left: Some(left), .. } => left.is_told_by(clues),
            Fate::Unconfirmed { left: None, .. } | Fate::Sent { .. } => false,
        };
        let mut found = self.tracked.iter().enumerate().filter(|(_, tracked)| fits(&receipt.clues, tracked));
        let (index, tracked) = found.next().filter(|_| found.next().is_none())?;
        let is_rival = |other: &Receipt| {
            other.carrier_id.as_ref().is_some_and(|other| other.likeness(id).is_none()) && fits(&other.clues, tracked)
        };
        let has_rivals = self.early_receipts.iter().any(|early| is_rival(&early.receipt));
        // The first of several segments says nothing about the others.
        let is_whole = matches!(tracked.fate, Fate::Unconfirmed { pdus: 1, .. });
        (is_whole && !has_rivals).then_some(index)
    }
}

/// The one candidate that is meant. Each clue in turn narrows them down, unless it fits none of them; what is left must be
/// of one text, or nearest to it without a doubt.
fn told_apart<'a>(mut left: Vec<Candidate<'a>>, receipt: &Receipt) -> Option<Candidate<'a>> {
    let Clues { spelling, .. } = receipt.clues;
    let has_reference = |candidate: &Candidate<'_>| receipt.reference == Some(reference(candidate.text.id.seq));
    let has_time = |candidate: &Candidate<'_>| receipt.clues.fit_time(candidate.text.since);
    let is_spelled_so = |candidate: &Candidate<'_>| Some(candidate.likeness) == spelling;
    let clues: [&dyn Fn(&Candidate<'_>) -> bool; 3] = [&has_reference, &is_spelled_so, &has_time];
    for fits in clues {
        if left.iter().any(fits) {
            left.retain(fits);
        }
    }
    let nearest = left.iter().map(|candidate| candidate.likeness).min()?;
    let is_of_one_text = left.iter().all(|candidate| candidate.index == left[0].index);
    let is_doubtful =
        left.iter().any(|candidate| candidate.likeness.is_of_other_digits() && nearest < candidate.likeness);
    if is_doubtful && !is_of_one_text {
        return None;
    }
    let mut found = left.into_iter().filter(|candidate| candidate.likeness == nearest);
    found.next().filter(|_| found.next().is_none())
}
