//! What a suspension does to a conversation, and what ends it.
//!
//! | | none | invited | opted in | opted out |
//! | --- | --- | --- | --- | --- |
//! | nobody has the number, or "wrong number" | suspended | none, suspended; drafts fail | the same | suspended |
//! | draft, while suspended | refused | refused | refused | refused, as to anybody who opted out |
//! | the patient's words, while suspended | as ever | as ever | as ever | as ever |
//! | the number is given again | asked anew by the next draft | as it is | as it is | as it is |

use super::Turn;
use crate::domain::{Consent, Entry, NotTheirs, Outcome, Suspension};

impl Turn<'_> {
    /// Consent that was given for this number is no more: it was somebody else's, or soon will have been.
    pub(super) fn suspend(&mut self, because: NotTheirs) {
        let has_consent_to_lose = match self.next.consent {
            Consent::Invited { .. } | Consent::OptedIn { .. } => true,
            Consent::None | Consent::OptedOut { .. } => false,
        };
        if self.next.suspension.is_some() && !has_consent_to_lose {
            return;
        }
        let suspension = Suspension { since: self.now, because };
        self.next.suspension = Some(suspension);
        self.journal.push(Entry::Suspended(suspension));
        if has_consent_to_lose {
            self.consent_becomes(Consent::None);
        }
        let recall = self.outbox(|outbox, step| outbox.lose_the_patient(step));
        self.effects.extend(recall);
    }

    /// The patient gave the number again: it is theirs, and consent is what it is.
    pub(super) fn number_given(&mut self) -> Outcome {
        if self.next.suspension.take().is_some() {
            self.journal.push(Entry::NumberGiven { at: self.now });
        }
        Outcome::Recorded
    }
}
