//! What the reference makes of what was committed: the event, and what the world saw of the question.

use assent::domain::outbox::Stage;
use assent::domain::{Answer, Decision, Effect, Entry, Event, Kind, Outcome, Refusal, Resolution, Settlement, Status};
use jiff::Timestamp;

use crate::daemon::Letter;
use crate::reference::{Owed, Word};
use crate::world::World;

pub const TEXTS: [(&str, Word); 12] = [
    ("STOP", Word::Stop),
    ("stop. thank you", Word::Stop),
    ("CANCEL", Word::Stop),
    ("START", Word::Start),
    ("Start", Word::Start),
    ("unstop", Word::Start),
    ("YES", Word::Yes),
    ("Yes please", Word::Yes),
    ("please take me off your list", Word::Probable),
    ("wrong number", Word::NotMine),
    ("HELP", Word::Other),
    ("my knee hurts", Word::Other),
];

fn word(words: &str) -> Word {
    TEXTS.into_iter().find(|(text, _)| *text == words).map(|(_, word)| word).unwrap()
}

impl World {
    /// Tells the reference what was decided at this moment, and asks it for the confirmations that follow.
    pub fn expected(&mut self, letter: &Letter, decision: &Decision, now: Timestamp) -> Owed {
        if decision.journal.iter().any(|entry| self.ends_the_question(entry)) {
            self.reference.question_ends();
        }
        let came_back = self.came_back(&letter.event, now);
        let reference = &mut self.reference;
        reference.time_passes(now);
        let outcome = &decision.outcome;
        match &letter.event {
            Event::Received(_) => {
                let text = letter.text.unwrap();
                self.promises.heard_at = Some(now);
                return reference.text(word(text.words), text.brought, now);
            }
            Event::Drafted(_) | Event::Resolved { resolution: Resolution::Resend(_), .. } => {
                self.is_drafted(outcome, now);
            }
            Event::TakenBack(id) if *outcome == Outcome::Recorded => reference.take_back(*id),
            Event::OptedOutByStaff { .. } => reference.opt_out(now),
            Event::NumberGiven => reference.is_suspended = false,
            Event::OptedOutByImport(imported) => reference.import(imported.file.0[0], imported.opted_out_at, now),
            Event::HoldSettled { settlement, .. } => {
                let is_held = reference.held_since.is_some();
                assert_eq!(is_held, *outcome == Outcome::Recorded, "whoever is held can be settled");
                match settlement {
                    Settlement::OptOut if is_held => reference.opt_out(now),
                    Settlement::Release if is_held => reference.release(now),
                    Settlement::OptOut | Settlement::Release => {}
                }
            }
            Event::SlotGranted(_) => {
                let asks = |effect: &Effect| matches!(effect, Effect::Submit(left) if *left.kind() == Kind::Invitation);
                if decision.effects.iter().any(asks) {
                    reference.question_left(now);
                }
            }
            Event::Answered { .. } if came_back => reference.question_came_back(),
            _ => {}
        }
        Owed::default()
    }

    fn is_drafted(&mut self, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Refused(Refusal::NotUnconfirmed | Refusal::TooManyWaiting { .. }) => {}
            Outcome::Accepted(message) => {
                let place = self.reference.draft(now);
                let place =
                    place.unwrap_or_else(|| panic!("the draft was to be refused in {:?}", self.reference.state));
                self.reference.drafts.insert(message.id, place);
            }
            Outcome::Refused(refusal) => {
                let place = self.reference.draft(now);
                assert_eq!(place, None, "the draft was refused: {refusal:?}");
            }
            Outcome::Recorded | Outcome::Duplicate(_) | Outcome::Noted(_) => panic!("a draft is accepted or refused"),
        }
    }

    fn ends_the_question(&self, entry: &Entry) -> bool {
        let Entry::Updated { id, status: Status::Failed | Status::Undelivered | Status::Expired, .. } = entry else {
            return false;
        };
        let newest = self.thread.values().rev().find(|message| message.kind == Kind::Invitation);
        newest.is_some_and(|newest| newest.id == *id)
    }

    /// Whether the carrier says, while the question is on its way, that it does not have it.
    fn came_back(&self, event: &Event, now: Timestamp) -> bool {
        let Event::Answered { id, attempt, answer: Answer::NotSent | Answer::Refused { .. } } = event else {
            return false;
        };
        self.stored.outbox.waiting.iter().any(|waiting| {
            waiting.message.id == *id
                && waiting.attempts == *attempt
                && waiting.message.kind == Kind::Invitation
                && matches!(waiting.stage, Stage::Sending { deadline, .. } if deadline > now)
        })
    }
}
