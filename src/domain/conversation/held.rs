//! What a hold does to a conversation, and what ends it.
//!
//! | | none | invited | opted in |
//! | --- | --- | --- | --- |
//! | probable opt-out | hold | hold; the invitation is held if it has not left | hold; what is queued is held |
//! | draft, while held | held; nobody is invited | pending | held |
//! | opt-in word, while held | opted in where it answers an invitation; drafts are held | the same | shown |
//! | start word, while held | released, opted in, confirmed | released, opted in | released |
//! | opt-out word, while held | opted out, confirmed | the same | the same |
//! | staff release | drafts are pending, the patient is invited | drafts stay pending | drafts go in order |
//! | staff or an import opt out, or nobody within a business day | opted out, no text | the same | the same |

use jiff::Timestamp;

use super::Turn;
use crate::domain::opt_out::ProbableOptOut;
use crate::domain::{
    Body, CarrierCode, Consent, Entry, Evidence, Hold, Imported, Kind, MessageId, Outcome, Refusal, SettledBy,
    Settlement, StaffId, Status,
};

impl Turn<'_> {
    /// A text probably means "no more texts". The first that does so is the one to settle.
    pub(super) fn probably_opted_out(&mut self, text: MessageId, reading: ProbableOptOut) {
        if !self.may_be_held() {
            return;
        }
        let hold = Hold { since: self.now, text, reading };
        self.journal.push(Entry::Held(hold.clone()));
        self.next.hold = Some(hold);
        let recall = self.outbox(|outbox, step| outbox.hold_back(step));
        self.effects.extend(recall);
    }

    /// Whether a probable opt-out would change anything.
    pub(super) fn may_be_held(&self) -> bool {
        self.next.hold.is_none() && !matches!(self.next.consent, Consent::OptedOut { .. })
    }

    /// Adds a draft that waits for the hold to be settled.
    pub(super) fn hold_draft(&mut self, kind: Kind, text: Body, send_at: Option<Timestamp>) -> Outcome {
        let message = self.add(kind, text, Status::Held);
        self.next.outbox.add_held(message.clone(), send_at);
        Outcome::Accepted(message)
    }

    /// Accepts a draft to somebody who was not invited, and is not while what they texted is not settled. Whoever may not
    /// be invited then is not written to later either.
    pub(super) fn drafted_before_any_invitation(
        &mut self,
        kind: Kind,
        text: Body,
        send_at: Option<Timestamp>,
    ) -> Outcome {
        let max = self.policy.limits.pending_max;
        if self.next.outbox.queued() >= max {
            return Outcome::Refused(Refusal::TooManyWaiting { max });
        }
        match self.invitation_may_leave() {
            Ok(()) => self.hold_draft(kind, text, send_at),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    /// START is the patient's own clear word, and is heard even after STOP. Within the second in which the hold began it
    /// may have been overtaken by the text that holds.
    pub(super) fn start_releases(&mut self) {
        let is_later = |hold: &Hold| hold.since.as_second() != self.now.as_second();
        if self.next.hold.as_ref().is_some_and(is_later) {
            self.released(SettledBy::Patient);
        }
    }

    pub(super) fn hold_settled(&mut self, settlement: Settlement, staff: Option<StaffId>) -> Outcome {
        let Some(hold) = &self.next.hold else { return Outcome::Refused(Refusal::NotHeld) };
        match settlement {
            Settlement::OptOut => {
                let evidence = Evidence::Text(hold.text);
                self.opted_out_quietly(evidence, SettledBy::Staff(staff));
            }
            Settlement::Release => self.released(SettledBy::Staff(staff)),
        }
        Outcome::Recorded
    }

    /// The patient told staff, by voice or in person. They know, so no text says it again.
    pub(super) fn opted_out_by_staff(&mut self, staff: Option<StaffId>, reason: Body) -> Outcome {
        let evidence = Evidence::Staff { staff: staff.clone(), reason };
        match self.next.consent {
            Consent::None | Consent::Invited { .. } | Consent::OptedIn { .. } => {
                self.opted_out_quietly(evidence, SettledBy::Staff(staff));
            }
            Consent::OptedOut { since, .. } => self.proved_anew(since, evidence),
        }
        Outcome::Recorded
    }

    /// The carrier says with this code that the patient opted out there. It has told them, so no text says it again; it
    /// would not get through either.
    pub(super) fn opted_out_at_carrier(&mut self, message: MessageId, code: CarrierCode) {
        let evidence = Evidence::Carrier { message, code };
        match self.next.consent {
            Consent::None | Consent::Invited { .. } | Consent::OptedIn { .. } => {
                self.opted_out_quietly(evidence, SettledBy::Carrier);
            }
            Consent::OptedOut { since, .. } => self.proved_anew(since, evidence),
        }
    }

    /// What proved first that the patient opted out stays.
    fn proved_anew(&mut self, since: Timestamp, evidence: Evidence) {
        self.journal.push(Entry::ConsentChanged { consent: Consent::OptedOut { since, evidence }, at: self.now });
    }

    /// The practice's earlier vendor says that the patient wants no texts. That is no news of whoever is opted out, and none of
    /// whoever has opted in since: within one second nobody knows which came first, and the opt-out wins. A row without a time
    /// is as old as its file: once it has opted the patient out, it is older than any opt-in that followed.
    pub(super) fn opted_out_by_import(&mut self, imported: Imported) -> Outcome {
        match self.next.consent {
            Consent::OptedOut { since, .. } => return Outcome::Refused(Refusal::OptedOut { since }),
            Consent::OptedIn { since, .. } => {
                let is_older = match imported.opted_out_at {
                    Some(at) => at.as_second() < since.as_second(),
                    None => self.next.ledger.imported == Some(imported.file),
                };
                if is_older {
                    return Outcome::Refused(Refusal::OptedInSince);
                }
            }
            Consent::None | Consent::Invited { .. } => {}
        }
        self.next.ledger.imported = Some(imported.file);
        // The operator's own token ran it: nobody in particular of the staff settles a hold by that.
        self.opted_out_quietly(Evidence::Imported(Box::new(imported)), SettledBy::Staff(None));
        Outcome::Recorded
    }

    /// A hold that nobody has settled in time counts as what it probably is.
    pub(super) fn hold_ends(&mut self) {
        if let Some(hold) = &self.next.hold
            && hold.ends_at(&self.policy.practice) <= self.now
        {
            let evidence = Evidence::Text(hold.text);
            self.opted_out_quietly(evidence, SettledBy::Time);
        }
    }

    /// The hold is over, because the patient opted out or in another way.
    pub(super) fn hold_becomes_opt_out(&mut self, by: SettledBy) {
        if self.next.hold.take().is_some() {
            self.journal.push(Entry::HoldSettled { settlement: Settlement::OptOut, by, at: self.now });
        }
    }

    /// Opted out without a text: a confirmation is owed to the patient's own STOP, and only within minutes
    /// (47 CFR 64.1200(a)(12)).
    fn opted_out_quietly(&mut self, evidence: Evidence, by: SettledBy) {
        self.hold_becomes_opt_out(by);
        self.consent_becomes(Consent::OptedOut { since: self.now, evidence });
        let recall = self.outbox(|outbox, step| outbox.withdraw(step));
        self.effects.extend(recall);
    }

    fn released(&mut self, by: SettledBy) {
        self.next.hold = None;
        self.journal.push(Entry::HoldSettled { settlement: Settlement::Release, by, at: self.now });
        match self.next.consent {
            Consent::Invited { .. } | Consent::OptedIn { .. } => self.outbox(|outbox, step| outbox.put_back(step)),
            Consent::None if self.next.outbox.has_held() => {
                self.outbox(|outbox, step| outbox.held_become_pending(step));
                if self.invite().is_err() {
                    self.outbox(|outbox, step| outbox.finish_pending(Status::Expired, None, step));
                }
            }
            Consent::None | Consent::OptedOut { .. } => {}
        }
    }
}
