//! The audit of a practice at rest: a list of sealed entries, in which the seal of each place covers the seal before it, as in
//! the evidence ledger, so that nothing can be changed, taken out, put in, or cut off unseen.

use super::super::cipher::Identity;
use super::super::record;
use super::super::sealed::Cipher;
use super::archive::Archive;
use super::{Anchor, Finding, Flaw, List, Placeable, Sealer};
use crate::domain::PracticeId;
use crate::domain::audit::Audited;
use crate::ports::StoreError;

/// Entries that are looked at together.
const PAGE: u64 = 500;

/// An entry, sealed with the key ring.
pub struct AuditLine(pub Vec<u8>);

/// An entry with its place, counted from 1, and the seal that stands there, if any does.
pub struct AuditPlaced {
    pub place: u64,
    pub line: AuditLine,
    pub seal: Option<String>,
}

/// What was checked of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditVerified {
    pub entries: u64,
    /// Entries at the end that no daemon has sealed yet.
    pub unsealed: u64,
    /// The newest that this machine has seen, if it has seen any.
    pub anchor: Option<u64>,
    /// The newest seal, for whoever writes it down elsewhere.
    pub newest: Option<(u64, String)>,
    /// By their places; none of them is about a conversation.
    pub findings: Vec<Finding>,
}

impl AuditLine {
    pub fn of(cipher: &Cipher, entry: &Audited) -> Self {
        let practice = cipher.lookups.practice(&entry.practice);
        Self(cipher.ring.seal(&Cipher::audited(practice), &record::write_audited(entry)))
    }

    /// The entry, if it was written for this practice.
    pub fn open(&self, cipher: &Cipher, practice: &PracticeId) -> Result<Audited, StoreError> {
        let number = cipher.lookups.practice(practice);
        Ok(record::read_audited(practice, &cipher.open(&Cipher::audited(number), &self.0)?)?)
    }
}

impl Placeable for AuditLine {
    fn sealed_part(&self, practice: i64, place: u64, before: &str) -> Identity {
        Identity::of("audit line")
            .with(&practice.to_be_bytes())
            .with_number(place)
            .with(&self.0)
            .with(before.as_bytes())
    }
}

/// Verifies the audit of a practice. Daemons may go on meanwhile: what they enter after the first look is not looked at.
pub async fn verify_audit(archive: &mut dyn Archive, practice: &PracticeId) -> Result<AuditVerified, StoreError> {
    // The seals first: what is sealed in between counts as not sealed yet.
    let sealed = archive.audit_sealed(practice).await?;
    let total = archive.audit_length(practice).await?;
    let number = archive.cipher().lookups.practice(practice);
    let anchor = archive.anchor(List::Audit, practice);
    let mut sealer = Sealer::after(number, 0, None);
    let mut verified = AuditVerified { anchor: anchor.as_ref().map(|anchor| anchor.place), ..AuditVerified::default() };
    let mut last = 0;
    while last < total {
        let page = archive.audit_lines(practice, last, PAGE.min(total - last)).await?;
        if page.is_empty() {
            break;
        }
        for placed in page {
            let is_sealed = placed.place <= sealed;
            let found = look(archive.cipher(), practice, &mut sealer, &placed, last, is_sealed, anchor.as_ref());
            verified.findings.extend(found.into_iter().map(|flaw| at(placed.place, flaw)));
            verified.entries += 1;
            verified.unsealed += u64::from(!is_sealed);
            last = placed.place;
            if is_sealed {
                verified.newest = Some((last, sealer.before.clone()));
            }
        }
    }
    if let Some(anchor) = anchor.filter(|anchor| anchor.place > last) {
        let flaw = Flaw::CutBelowAnchor { seen: anchor.place, found: last };
        verified.findings.push(Finding { entry: None, conversation: None, flaw });
    }
    Ok(verified)
}

fn at(place: u64, flaw: Flaw) -> Finding {
    Finding { entry: Some(place), conversation: None, flaw }
}

/// What is wrong with an entry, if anything is.
fn look(
    cipher: &Cipher,
    practice: &PracticeId,
    sealer: &mut Sealer,
    placed: &AuditPlaced,
    last: u64,
    is_sealed: bool,
    anchor: Option<&Anchor>,
) -> Vec<Flaw> {
    let AuditPlaced { place, line, seal } = placed;
    let mut flaws = Vec::new();
    let missing = place.saturating_sub(last + 1);
    if missing > 0 {
        flaws.push(Flaw::Deleted { missing });
        // What follows a gap can't be held against what is missing, and the gap was found.
        sealer.next = *place;
    }
    if line.open(cipher, practice).is_err() {
        flaws.push(Flaw::Edited);
    }
    match seal {
        Some(seal) if is_sealed => {
            let follows = sealer.check(&cipher.ring, line, seal);
            // One that was edited has another seal than it must, and was found.
            if !follows && flaws.is_empty() {
                flaws.push(Flaw::Reordered);
            }
        }
        None if is_sealed => {
            flaws.push(Flaw::Reordered);
            sealer.seal(&cipher.ring, line);
        }
        // The seal that it will get follows from what is there.
        Some(_) | None => drop(sealer.seal(&cipher.ring, line)),
    }
    if anchor.is_some_and(|anchor| anchor.place == *place && anchor.seal != sealer.before) {
        flaws.push(Flaw::OtherAnchor);
    }
    flaws
}
