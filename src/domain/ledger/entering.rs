//! How a change of consent comes into the ledger: from what a decision wrote down of it.

use jiff::SignedDuration;

use super::{Asked, Awaited, By, INVITATIONS_MAX, Proof, Words};
use crate::domain::{
    Consent, Conversation, Entry, Evidence, Kind, Message, MessageId, NotTheirs, Phone, SettledBy, Status,
};

/// Enters each change of consent that a journal tells of: the conversation's part of the ledger moves on, and the proofs come
/// back to be written down with it. `before` is the consent that the journal begins with, `number` the practice's, and
/// `memory` how long an invitation can be answered.
pub(in crate::domain) fn enter(
    conversation: &mut Conversation,
    before: Consent,
    journal: &[Entry],
    number: &Phone,
    memory: SignedDuration,
) -> Vec<Entry> {
    let (mut from, mut proofs) = (before, Vec::new());
    for (place, entry) in journal.iter().enumerate() {
        match entry {
            Entry::Added(message) if message.kind == Kind::Invitation => {
                let invitations = &mut conversation.ledger.invitations;
                if invitations.len() == INVITATIONS_MAX {
                    invitations.remove(0);
                }
                invitations.push(Awaited { asked: asked_with(message), status: message.status });
            }
            Entry::Updated { id, status, at, .. } => {
                let awaited = conversation.ledger.invitations.iter_mut().find(|awaited| awaited.asked.message == *id);
                if let Some(awaited) = awaited {
                    awaited.status = *status;
                    if *status == Status::Sending {
                        awaited.asked.left_at = Some(*at);
                    }
                }
            }
            Entry::ConsentChanged { consent, at } => {
                let to = consent.clone();
                let rest = &journal[place..];
                let mut newest_first = conversation.ledger.invitations.iter().rev();
                let invitation = match (&from, &to) {
                    (_, Consent::Invited { .. }) => rest.iter().find_map(invitation_in),
                    (Consent::Invited { .. }, Consent::None) => {
                        newest_first.next().map(|awaited| awaited.asked.clone())
                    }
                    (Consent::None | Consent::Invited { .. }, Consent::OptedIn { .. } | Consent::OptedOut { .. }) => {
                        let answered = newest_first.find(|awaited| awaited.may_be_answered(*at, memory));
                        answered.map(|awaited| awaited.asked.clone())
                    }
                    (Consent::None | Consent::OptedIn { .. } | Consent::OptedOut { .. }, _) => None,
                };
                let fate = conversation.ledger.invitations.last().map(|awaited| awaited.status);
                let Conversation { id, key, ledger, .. } = conversation;
                let (by, words) = who(&to, fate, ledger.held.as_ref(), journal, place);
                let proof = Proof {
                    conversation: *id,
                    seq: ledger.count + 1,
                    previous: ledger.link,
                    practice: key.practice.clone(),
                    number: number.clone(),
                    phone: key.phone.clone(),
                    at: *at,
                    from,
                    to: to.clone(),
                    by,
                    words,
                    invitation,
                };
                ledger.count = proof.seq;
                ledger.link = proof.link();
                if matches!(to, Consent::OptedIn { .. } | Consent::OptedOut { .. }) {
                    ledger.invitations.clear();
                }
                proofs.push(Entry::Proved(Box::new(proof)));
                from = to;
            }
            Entry::Held(hold) => conversation.ledger.held = words_in(journal, hold.text),
            Entry::Added(_)
            | Entry::UnreadChanged { .. }
            | Entry::Rearranged
            | Entry::Noted(_)
            | Entry::Redelivered { .. }
            | Entry::ReceiptUnmatched { .. }
            | Entry::HoldSettled { .. }
            | Entry::Suspended(_)
            | Entry::NumberGiven { .. }
            | Entry::Proved(_) => {}
        }
    }
    if conversation.hold.is_none() {
        conversation.ledger.held = None;
    }
    proofs
}

fn asked_with(message: &Message) -> Asked {
    Asked { message: message.id, text: message.text.clone(), left_at: None }
}

/// The message that an entry adds.
fn added(entry: &Entry) -> Option<&Message> {
    match entry {
        Entry::Added(message) => Some(message),
        Entry::Updated { .. }
        | Entry::ConsentChanged { .. }
        | Entry::UnreadChanged { .. }
        | Entry::Rearranged
        | Entry::Noted(_)
        | Entry::Redelivered { .. }
        | Entry::ReceiptUnmatched { .. }
        | Entry::Held(_)
        | Entry::HoldSettled { .. }
        | Entry::Suspended(_)
        | Entry::NumberGiven { .. }
        | Entry::Proved(_) => None,
    }
}

/// An invitation that an entry adds.
fn invitation_in(entry: &Entry) -> Option<Asked> {
    added(entry).filter(|message| message.kind == Kind::Invitation).map(asked_with)
}

/// Who made consent what it is, and in which words. `fate` is what became of the newest invitation, `held` the text that
/// holds the conversation, and `place` where in the journal the change is.
fn who(
    to: &Consent,
    fate: Option<Status>,
    held: Option<&Words>,
    journal: &[Entry],
    place: usize,
) -> (By, Option<Words>) {
    let (before, rest) = journal.split_at(place);
    match to {
        // The draft that the invitation asks for comes after it.
        Consent::Invited { .. } => {
            let author = rest.iter().filter_map(added).find_map(|message| match &message.kind {
                Kind::StaffText { staff } => Some(staff.clone()),
                Kind::Inbound
                | Kind::Invitation
                | Kind::OptOutConfirmation
                | Kind::StartConfirmation
                | Kind::Help
                | Kind::AfterHours => None,
            });
            (By::Staff(author.flatten()), None)
        }
        Consent::None if let Some(Entry::Suspended(suspension)) = before.last() => match suspension.because {
            NotTheirs::Disconnected { .. } => (By::Carrier, None),
            // Whoever has the phone, which is all that is ever known of a patient who texts.
            NotTheirs::WrongNumber { text } => (By::Patient, words_in(journal, text)),
        },
        Consent::None => match fate {
            Some(Status::Failed | Status::Undelivered) => (By::Carrier, None),
            // Staff took back what it was to ask for.
            Some(Status::Canceled) => (By::Staff(None), None),
            Some(
                Status::Pending
                | Status::Held
                | Status::Scheduled
                | Status::Queued
                | Status::Sending
                | Status::Sent
                | Status::Delivered
                | Status::Unconfirmed
                | Status::Expired
                | Status::Received,
            )
            | None => (By::Time, None),
        },
        Consent::OptedIn { evidence, .. } => (By::Patient, words_in(journal, *evidence)),
        Consent::OptedOut { evidence, .. } => match evidence {
            Evidence::Text(message) | Evidence::AmbiguousText(message) => {
                let words = words_in(journal, *message);
                // The text that held the conversation came before, and somebody else said what it means.
                let settled_by = if words.is_none() { settled_by(journal) } else { None };
                (settled_by.unwrap_or(By::Patient), words.or_else(|| held.cloned()))
            }
            Evidence::Staff { staff, .. } => (By::Staff(staff.clone()), None),
            Evidence::Carrier { .. } => (By::Carrier, None),
            Evidence::Imported(_) => (By::Import, None),
        },
    }
}

/// Who settled a hold, if a journal tells of that.
fn settled_by(journal: &[Entry]) -> Option<By> {
    journal.iter().find_map(|entry| {
        let Entry::HoldSettled { by, .. } = entry else { return None };
        Some(match by {
            SettledBy::Staff(staff) => By::Staff(staff.clone()),
            SettledBy::Patient => By::Patient,
            SettledBy::Carrier => By::Carrier,
            SettledBy::Time => By::Time,
        })
    })
}

/// The words of a message that a journal adds.
fn words_in(journal: &[Entry], id: MessageId) -> Option<Words> {
    let found = journal.iter().filter_map(added).find(|message| message.id == id);
    found.map(|message| Words { message: id, text: message.text.clone() })
}
