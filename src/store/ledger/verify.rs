//! Walks the whole ledger of a practice, and says of everything that was done to it where that was done.

use std::collections::HashMap;

use super::super::cipher::Lookup;
use super::archive::{Archive, Head, Placed};
use super::finding::{Finding, Flaw, Verified, VerifyStep};
use super::{Anchor, Line, List, Sealer};
use crate::domain::ledger::Link;
use crate::domain::{Consent, PracticeId};
use crate::ports::StoreError;

/// Lines, and conversations, that are looked at together.
const PAGE: u64 = 500;
/// How often a conversation is looked at again that may have changed while it was looked at.
const LOOKS_MAX: usize = 5;

/// Verifies the ledger of a practice. It keeps a few octets of each conversation in memory, and of nothing else.
pub async fn verify(
    archive: &mut dyn Archive,
    practice: &PracticeId,
    watch: &mut (dyn FnMut(VerifyStep) + Send),
) -> Result<Verified, StoreError> {
    let total = archive.length(practice).await? + archive.conversations(practice).await?;
    let number = archive.cipher().lookups.practice(practice);
    let anchor = archive.anchor(List::Ledger, practice);
    let mut walk = Walk {
        archive,
        practice,
        sealer: Sealer::after(number, 0, None),
        is_ahead_of_seals: false,
        place: 0,
        known: HashMap::new(),
        anchor,
        verified: Verified::default(),
        watch,
        done: 0,
        total,
    };
    walk.lines().await?;
    walk.heads().await?;
    walk.late_seals().await?;
    Ok(walk.finish())
}

/// Whether the consent of a conversation is something, and the ledger says nothing of it.
fn is_older_than_the_ledger(head: &Head) -> bool {
    head.stored
        .as_ref()
        .is_ok_and(|stored| stored.conversation.ledger.count == 0 && stored.conversation.consent != Consent::None)
}

/// What is known of a conversation from the ledger.
#[derive(Clone, Copy)]
struct Known {
    conversation: u64,
    seq: u64,
    /// That of its newest proof; unknown after one that can't be read.
    link: Option<Link>,
    has_state: bool,
}

struct Walk<'a> {
    archive: &'a mut dyn Archive,
    practice: &'a PracticeId,
    sealer: Sealer,
    /// Whether a line was read that nobody had sealed by then. From there on seals are looked at in the end.
    is_ahead_of_seals: bool,
    /// The last place that was looked at.
    place: u64,
    known: HashMap<Lookup, Known>,
    anchor: Option<Anchor>,
    verified: Verified,
    watch: &'a mut (dyn FnMut(VerifyStep) + Send),
    done: u64,
    total: u64,
}

impl Walk<'_> {
    /// Everything that the ledger has from here on.
    async fn lines(&mut self) -> Result<(), StoreError> {
        loop {
            let page = self.archive.lines(self.practice, self.place, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            let count = page.len() as u64;
            page.into_iter().for_each(|placed| self.line(placed));
            self.step(count);
        }
    }

    fn line(&mut self, Placed { place, line }: Placed) {
        let conversation = line.as_ref().map(|line| line.conversation);
        let found = |flaw| Finding { entry: Some(place), conversation, flaw };
        let missing = place - self.place - 1;
        if missing > 0 {
            self.verified.findings.push(found(Flaw::Deleted { missing }));
        }
        self.place = place;
        self.verified.changes += 1;
        let Some(line) = line else {
            self.verified.findings.push(found(Flaw::Edited));
            return;
        };
        let (conversation, seq) = (line.conversation, line.seq);
        if !self.is_ahead_of_seals {
            self.seal(place, &line);
        }
        let opened = line.open(self.archive.cipher()).ok();
        let before = self.known.get(&line.look_up).copied();
        let (last, link) = before.map_or((0, Some(Link::default())), |known| (known.seq, known.link));
        match &opened {
            None => self.verified.findings.push(found(Flaw::Edited)),
            Some(_) if seq > last + 1 => {
                self.verified.findings.push(found(Flaw::Gap { from: last + 1, to: seq - 1 }));
            }
            Some(_) if seq <= last => self.verified.findings.push(found(Flaw::Forked)),
            Some(proof) if link.is_some_and(|link| link != proof.previous) => {
                self.verified.findings.push(found(Flaw::Forked));
            }
            Some(_) => {}
        }
        let has_state = before.is_some_and(|known| known.has_state);
        let link = opened.map(|proof| proof.link());
        self.known.insert(line.look_up, Known { conversation, seq, link, has_state });
    }

    /// The seal of the next line.
    fn seal(&mut self, place: u64, line: &Line) {
        let Some(seal) = &line.seal else {
            self.is_ahead_of_seals = true;
            return;
        };
        let found = |flaw| Finding { entry: Some(place), conversation: Some(line.conversation), flaw };
        // What follows a gap can't be held against what is missing, and the gap was found.
        let follows_a_gap = self.sealer.next != place;
        self.sealer.next = place;
        let follows = self.sealer.check(&self.archive.cipher().ring, line, seal);
        if !follows && !follows_a_gap {
            self.verified.findings.push(found(Flaw::Reordered));
        }
        self.verified.newest = Some((place, seal.clone()));
        self.compare(place, line.conversation, seal);
    }

    /// Whether that is what this machine has seen in this place.
    fn compare(&mut self, place: u64, conversation: u64, seal: &str) {
        let seen = self.anchor.as_ref().filter(|anchor| anchor.place == place);
        if seen.is_some_and(|anchor| anchor.seal != *seal) {
            let flaw = Flaw::OtherAnchor;
            self.verified.findings.push(Finding { entry: Some(place), conversation: Some(conversation), flaw });
        }
    }

    /// The seals of lines that were not sealed yet when they were read. The seal that a line will get follows from what is
    /// there, so it can be held against what this machine has seen: a failover may have lost no more than seals.
    async fn late_seals(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.is_ahead_of_seals) {
            return Ok(());
        }
        let mut after = self.sealer.next - 1;
        while after < self.place {
            let page = self.archive.lines(self.practice, after, PAGE.min(self.place - after)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.place;
            for Placed { place, line } in &page {
                let Some(line) = line else { continue };
                if !self.is_ahead_of_seals {
                    self.seal(*place, line);
                }
                if self.is_ahead_of_seals {
                    self.verified.unsealed += 1;
                    let seal = self.sealer.seal(&self.archive.cipher().ring, line);
                    self.compare(*place, line.conversation, &seal);
                }
            }
        }
        Ok(())
    }

    /// Every conversation, against what the ledger tells of it.
    async fn heads(&mut self) -> Result<(), StoreError> {
        let mut from = 0;
        loop {
            let page = self.archive.heads(self.practice, from, PAGE).await?;
            let count = page.heads.len() as u64;
            for head in page.heads {
                self.head(head).await?;
            }
            self.step(count);
            match page.next {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    }

    async fn head(&mut self, mut head: Head) -> Result<(), StoreError> {
        let (look_up, conversation) = (head.look_up, head.conversation);
        for _ in 0..LOOKS_MAX {
            let flaw = self.flaw(&head);
            if let Some(known) = self.known.get_mut(&look_up) {
                known.has_state = true;
            }
            let Some(flaw) = flaw else {
                self.verified.before_ledger += u64::from(is_older_than_the_ledger(&head));
                return Ok(());
            };
            // A daemon may have gone on since the lines were read.
            let (lines, version) = (self.place, head.stored.as_ref().map(|stored| stored.version).ok());
            self.lines().await?;
            let Some(again) = self.archive.head(self.practice, look_up).await? else { return Ok(()) };
            let same = self.place == lines && again.stored.as_ref().map(|stored| stored.version).ok() == version;
            head = again;
            if same {
                self.verified.findings.push(Finding { entry: None, conversation: Some(conversation), flaw });
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("a conversation is being written again and again: start this again".into()))
    }

    /// What is wrong with a conversation, if anything is.
    fn flaw(&self, head: &Head) -> Option<Flaw> {
        let Ok(stored) = &head.stored else { return Some(Flaw::StateEdited) };
        let ledger = &stored.conversation.ledger;
        let (found, link) = self.known.get(&head.look_up).map_or((0, None), |known| (known.seq, known.link));
        let expected = ledger.count;
        if found < expected {
            return Some(Flaw::Cut { expected, found });
        }
        if found > expected {
            return Some(Flaw::Replayed { expected: found, found: expected });
        }
        link.is_some_and(|link| link != ledger.link).then_some(Flaw::OtherHistory)
    }

    fn finish(self) -> Verified {
        let Self { mut verified, known, anchor, place, .. } = self;
        verified.conversations = known.len() as u64;
        let mut gone: Vec<&Known> = known.values().filter(|known| !known.has_state).collect();
        gone.sort_by_key(|known| known.conversation);
        verified.findings.extend(gone.into_iter().map(|known| Finding {
            entry: None,
            conversation: Some(known.conversation),
            flaw: Flaw::ConversationGone { changes: known.seq },
        }));
        if let Some(anchor) = &anchor
            && anchor.place > place
        {
            let flaw = Flaw::CutBelowAnchor { seen: anchor.place, found: place };
            verified.findings.push(Finding { entry: None, conversation: None, flaw });
        }
        verified.anchor = anchor.map(|anchor| anchor.place);
        verified
    }

    fn step(&mut self, count: u64) {
        self.done += count;
        self.total = self.total.max(self.done);
        (self.watch)(VerifyStep { done: self.done, total: self.total });
    }
}
