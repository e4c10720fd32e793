//! Consent between one practice number and one phone, and the gate: decides whether a message may leave
//! at this instant. The only maker of [`Cleared`].

use std::fmt;
use std::num::NonZeroU16;

use jiff::Timestamp;

use super::keyword::Meaning;
use super::{Body, Hold, Imported, Kind, MessageId, Phone, StaffId, Suspension};

/// What the owner of a phone has agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nobody asked, or the question was not answered.
    None,
    /// Asked; the answer is awaited.
    Invited { since: Timestamp },
    /// The patient's own text said yes: nothing else proves that.
    OptedIn { since: Timestamp, evidence: MessageId },
    /// The patient wants no texts; only their START changes that.
    OptedOut { since: Timestamp, evidence: Evidence },
}

/// What proves that a patient wants no texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The inbound message with the patient's words.
    Text(MessageId),
    /// The inbound message, which opts out by law, and may have meant an appointment: CANCEL, END.
    AmbiguousText(MessageId),
    /// The patient told staff, who wrote down how; nobody in particular when the operator's own token did.
    Staff { staff: Option<StaffId>, reason: Body },
    /// The practice's earlier vendor wrote it down.
    Imported(Box<Imported>),
    /// The carrier did not take or deliver this text of ours, because the patient opted out there.
    Carrier { message: MessageId, code: CarrierCode },
}

/// With which code a carrier said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarrierCode {
    /// In its refusal of a `submit_sm` (SMPP 3.4 §5.1.3).
    CommandStatus(u32),
    /// In a receipt, as it counts its errors.
    Error(NonZeroU16),
}

impl fmt::Display for CarrierCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandStatus(status) => write!(f, "command_status 0x{status:08X}"),
            Self::Error(code) => write!(f, "error {code}"),
        }
    }
}

impl Evidence {
    /// The patient's text, where there is one.
    pub fn text(&self) -> Option<MessageId> {
        match self {
            Self::Text(id) | Self::AmbiguousText(id) => Some(*id),
            Self::Staff { .. } | Self::Carrier { .. } | Self::Imported(_) => None,
        }
    }
}

/// Whether a change is answered with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    Owed,
    NotOwed,
}

/// What a word does to consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Stays,
    OptsIn(Confirmation),
    OptsOut(Confirmation),
}

/// Whether there is an invitation to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invitation {
    /// One left, and not too long ago.
    Remembered,
    /// None left, or too long ago.
    Forgotten,
}

impl Consent {
    /// The consent table, for what a patient texts.
    ///
    /// YES answers an invitation and means nothing else. START opts in from anywhere. STOP always wins,
    /// and is confirmed once: 47 CFR 64.1200(a)(12). YES after STOP changes nothing.
    pub fn change(&self, meaning: Meaning, invitation: Invitation, now: Timestamp) -> Change {
        use Confirmation::{NotOwed, Owed};
        match (meaning, self) {
            (Meaning::OptOut, Self::None | Self::Invited { .. } | Self::OptedIn { .. }) => Change::OptsOut(Owed),
            (Meaning::OptOut, Self::OptedOut { .. }) => Change::Stays,

            // Two words within one second may have overtaken each other on the way: STOP wins.
            (Meaning::Start, Self::OptedOut { since, .. }) if since.as_second() == now.as_second() => Change::Stays,
            (Meaning::Start, Self::None | Self::OptedOut { .. }) => Change::OptsIn(Owed),
            (Meaning::Start, Self::Invited { .. }) => Change::OptsIn(NotOwed),
            (Meaning::Start, Self::OptedIn { .. }) => Change::Stays,

            // The question may still be waiting for the carrier: a YES before it is no answer.
            (Meaning::OptIn, Self::None | Self::Invited { .. }) => match invitation {
                Invitation::Remembered => Change::OptsIn(NotOwed),
                Invitation::Forgotten => Change::Stays,
            },
            (Meaning::OptIn, Self::OptedIn { .. } | Self::OptedOut { .. }) => Change::Stays,

            (Meaning::Help | Meaning::Other, _) => Change::Stays,
        }
    }
}

/// All that the gate asks about: the consent of a conversation, and what stands over it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub consent: &'a Consent,
    pub hold: Option<&'a Hold>,
    pub suspension: Option<&'a Suspension>,
}

impl Standing<'_> {
    /// The gate. A staff text leaves only under standing consent. The texts that Assent writes itself are the
    /// named exceptions: the invitation while its answer is awaited, each confirmation while what it
    /// confirms still stands, the answer to HELP, and while consent stands the one that says that nobody is there. While
    /// the conversation is held or suspended, nothing leaves that the patient has not asked for at that moment.
    pub(super) fn clear(&self, leaving: Leaving) -> Result<Cleared, NotCleared> {
        let may_leave = match (&leaving.kind, self.consent) {
            (Kind::StaffText { .. } | Kind::StartConfirmation | Kind::AfterHours, Consent::OptedIn { .. })
            | (Kind::Invitation, Consent::Invited { .. })
            | (Kind::OptOutConfirmation, Consent::OptedOut { .. })
            | (Kind::Help, _) => true,
            (
                Kind::Inbound
                | Kind::StaffText { .. }
                | Kind::StartConfirmation
                | Kind::Invitation
                | Kind::OptOutConfirmation
                | Kind::AfterHours,
                _,
            ) => false,
        };
        let is_kept_back = (self.hold.is_some() || self.suspension.is_some()) && leaving.kind.is_held_back();
        if may_leave && !is_kept_back { Ok(Cleared { leaving }) } else { Err(NotCleared) }
    }
}

/// A message that asks to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaving {
    pub id: MessageId,
    pub attempt: u32,
    pub kind: Kind,
    pub from: Phone,
    pub to: Phone,
    pub text: Body,
    pub reference: u16,
    pub expires_at: Timestamp,
}

/// Consent does not stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotCleared;

/// A message that consent let through at the instant of the decision. A carrier accepts nothing else, and
/// only [`Conversation::handle`](super::Conversation::handle) makes one.
///
/// ```compile_fail,E0451
/// let forged = assent::domain::Cleared { leaving: panic!("there is no other maker") };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    leaving: Leaving,
}

impl Cleared {
    pub fn id(&self) -> MessageId {
        self.leaving.id
    }

    /// Which attempt at this message it is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.leaving.attempt
    }

    pub fn kind(&self) -> &Kind {
        &self.leaving.kind
    }

    /// The practice's number.
    pub fn from(&self) -> &Phone {
        &self.leaving.from
    }

    /// The patient's phone.
    pub fn to(&self) -> &Phone {
        &self.leaving.to
    }

    pub fn text(&self) -> &Body {
        &self.leaving.text
    }

    /// The `user_message_reference` of every segment (SMPP 3.4 §5.3.2.17).
    pub fn reference(&self) -> u16 {
        self.leaving.reference
    }

    /// After this instant the carrier must not deliver it any more (`validity_period`, SMPP 3.4 §5.2.16).
    pub fn expires_at(&self) -> Timestamp {
        self.leaving.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::opt_out::ProbableOptOut;
    use crate::domain::{ConversationId, NotTheirs, Seq};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn states() -> [Consent; 4] {
        let id = MessageId { conversation: ConversationId(1), seq: Seq(1) };
        let since = NOW - jiff::SignedDuration::from_hours(1);
        let evidence = Evidence::Text(id);
        [
            Consent::None,
            Consent::Invited { since },
            Consent::OptedIn { since, evidence: id },
            Consent::OptedOut { since, evidence },
        ]
    }

    #[track_caller]
    fn check(meaning: Meaning, expected: [Change; 4]) {
        let found = states().map(|state| state.change(meaning, Invitation::Forgotten, NOW));
        assert_eq!(found, expected, "{meaning:?} in none, invited, opted_in, opted_out");
    }

    #[test]
    fn the_consent_table() {
        use Change::{OptsIn, OptsOut, Stays};
        use Confirmation::{NotOwed, Owed};
        check(Meaning::OptIn, [Stays, Stays, Stays, Stays]);
        check(Meaning::Start, [OptsIn(Owed), OptsIn(NotOwed), Stays, OptsIn(Owed)]);
        check(Meaning::OptOut, [OptsOut(Owed), OptsOut(Owed), OptsOut(Owed), Stays]);
        check(Meaning::Help, [Stays; 4]);
        check(Meaning::Other, [Stays; 4]);
    }

    #[test]
    fn yes_answers_an_invitation_that_has_left_even_late() {
        let found = states().map(|state| state.change(Meaning::OptIn, Invitation::Remembered, NOW));
        let yes = Change::OptsIn(Confirmation::NotOwed);
        assert_eq!(found, [yes, yes, Change::Stays, Change::Stays]);
    }

    #[test]
    fn start_in_the_second_of_a_stop_loses() {
        let [.., Consent::OptedOut { evidence, .. }] = states() else { panic!("the last state is opted out") };
        let stopped = Consent::OptedOut { since: NOW, evidence };
        assert_eq!(stopped.change(Meaning::Start, Invitation::Forgotten, NOW), Change::Stays);
    }

    #[test]
    fn the_gate() {
        let kinds = [
            (Kind::StaffText { staff: None }, [false, false, true, false]),
            (Kind::Invitation, [false, true, false, false]),
            (Kind::OptOutConfirmation, [false, false, false, true]),
            (Kind::StartConfirmation, [false, false, true, false]),
            (Kind::AfterHours, [false, false, true, false]),
            (Kind::Help, [true, true, true, true]),
            (Kind::Inbound, [false, false, false, false]),
        ];
        for (kind, expected) in kinds {
            let leaving = Leaving {
                id: MessageId { conversation: ConversationId(1), seq: Seq(1) },
                attempt: 1,
                kind: kind.clone(),
                from: Phone::parse("+13035550100").unwrap(),
                to: Phone::parse("+13035550123").unwrap(),
                text: Body::new("words"),
                reference: 1,
                expires_at: NOW,
            };
            let clears = |hold: Option<&Hold>, suspension: Option<&Suspension>| {
                states().map(|consent| Standing { consent: &consent, hold, suspension }.clear(leaving.clone()).is_ok())
            };
            let found = clears(None, None);
            assert_eq!(found, expected, "{kind:?} in none, invited, opted_in, opted_out");

            let hold = Hold {
                since: NOW,
                text: leaving.id,
                reading: ProbableOptOut { rule: "rude".into(), words: Body::new("go away") },
            };
            let held = clears(Some(&hold), None);
            let expected = if kind.is_held_back() { [false; 4] } else { expected };
            assert_eq!(held, expected, "{kind:?} in none, invited, opted_in, opted_out while held");

            let because = NotTheirs::WrongNumber { text: leaving.id };
            let suspended = clears(None, Some(&Suspension { since: NOW, because }));
            assert_eq!(suspended, expected, "{kind:?} in none, invited, opted_in, opted_out while suspended");
        }
    }
}
