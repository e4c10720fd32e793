//! What consent and the outbox should do, in as few words as say it: the consent table, and where each draft waits. It knows
//! nothing of messages, commits or carriers, and is told by the world what left and what came back.

use std::collections::BTreeMap;

use assent::domain::MessageId;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    None,
    Invited { since: Timestamp },
    OptedIn { since: Timestamp },
    OptedOut { since: Timestamp },
}

/// Where a draft is, as far as consent goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Pending,
    Held,
    /// It may go, or went.
    Free,
    /// It must not go any more.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Stop,
    Start,
    Yes,
    Probable,
    /// The phone is not the patient's.
    NotMine,
    Other,
}

/// Whether the carrier brings a text for the first time, or one that was taken before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought {
    First,
    Again,
}

/// Confirmations that a text owes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owed {
    pub stop: usize,
    pub start: usize,
}

#[derive(Debug, Clone)]
pub struct Reference {
    pub state: State,
    pub held_since: Option<Timestamp>,
    pub drafts: BTreeMap<MessageId, Place>,
    /// When invitations left that the carrier may have.
    asked: Vec<Timestamp>,
    /// Whether the question has begun to leave.
    has_left: bool,
    imported: Option<u8>,
    /// Until the patient gives the number again.
    pub is_suspended: bool,
}

impl Reference {
    pub fn new() -> Self {
        let (drafts, asked) = (BTreeMap::new(), Vec::new());
        let (has_left, is_suspended) = (false, false);
        Self { state: State::None, held_since: None, drafts, asked, has_left, imported: None, is_suspended }
    }

    pub fn time_passes(&mut self, now: Timestamp) {
        if self.held_since.is_some_and(|since| one_business_day_after(since) <= now) {
            self.opt_out(now);
        }
        if let State::Invited { since } = self.state
            && now.duration_since(since) >= DAY * 7
        {
            self.question_ends();
        }
    }

    /// The invitation did not reach the phone, or was not answered.
    pub fn question_ends(&mut self) {
        if let State::Invited { .. } = self.state {
            self.state = State::None;
            self.move_all(Place::Pending, Place::Over);
        }
    }

    pub fn text(&mut self, word: Word, brought: Brought, now: Timestamp) -> Owed {
        let same_second = |since: Timestamp| since.as_second() == now.as_second();
        match (word, self.state, brought) {
            (Word::Stop, State::OptedOut { .. }, _) => {}
            (Word::Stop, _, _) => {
                self.opt_out(now);
                return Owed { stop: 1, start: 0 };
            }
            (Word::Probable, State::None | State::Invited { .. } | State::OptedIn { .. }, _) => {
                if self.held_since.is_none() {
                    self.held_since = Some(now);
                    self.move_all(Place::Free, Place::Held);
                }
            }
            (Word::NotMine, state, brought) => {
                let is_opted_out = matches!(state, State::OptedOut { .. });
                if brought == Brought::First || !(is_opted_out || self.held_since.is_some()) {
                    self.suspend();
                    if !is_opted_out {
                        self.held_since.get_or_insert(now);
                    }
                }
            }
            (Word::Start, state, Brought::First) => {
                let is_overtaken = matches!(state, State::OptedOut { since } if same_second(since));
                let start = usize::from(matches!(state, State::None | State::OptedOut { .. }) && !is_overtaken);
                if !is_overtaken {
                    self.opt_in(now);
                }
                if self.held_since.is_some_and(|since| !same_second(since)) {
                    self.release(now);
                }
                return Owed { stop: 0, start };
            }
            (Word::Yes, State::None | State::Invited { .. }, Brought::First) => {
                if self.asked.last().is_some_and(|at| now.duration_since(*at) < DAY * 30) {
                    self.opt_in(now);
                }
            }
            (Word::Probable | Word::Start | Word::Yes | Word::Other, _, _) => {}
        }
        Owed::default()
    }

    /// Where a draft goes; nowhere if it is refused.
    pub fn draft(&mut self, now: Timestamp) -> Option<Place> {
        let waiting = |place| self.drafts.values().filter(|other| **other == place).count();
        match self.state {
            State::OptedOut { .. } => None,
            _ if self.is_suspended => None,
            State::OptedIn { .. } => Some(if self.held_since.is_some() { Place::Held } else { Place::Free }),
            State::Invited { .. } => (waiting(Place::Pending) < 20).then_some(Place::Pending),
            State::None if self.held_since.is_some() => {
                (waiting(Place::Held) < 20 && self.may_ask(now)).then_some(Place::Held)
            }
            State::None => self.ask(now).then_some(Place::Pending),
        }
    }

    pub fn take_back(&mut self, id: MessageId) {
        self.drafts.insert(id, Place::Over);
        let nobody_waits = !self.drafts.values().any(|place| *place == Place::Pending);
        if matches!(self.state, State::Invited { .. }) && nobody_waits && !self.has_left {
            self.state = State::None;
        }
    }

    pub fn import(&mut self, file: u8, opted_out_at: Option<Timestamp>, now: Timestamp) {
        let is_older = match (self.state, opted_out_at) {
            (State::OptedOut { .. }, _) => true,
            (State::OptedIn { since }, Some(at)) => at.as_second() < since.as_second(),
            (State::OptedIn { .. }, None) => self.imported == Some(file),
            (State::None | State::Invited { .. }, _) => false,
        };
        if !is_older {
            self.imported = Some(file);
            self.opt_out(now);
        }
    }

    pub fn opt_out(&mut self, now: Timestamp) {
        self.held_since = None;
        if !matches!(self.state, State::OptedOut { .. }) {
            self.state = State::OptedOut { since: now };
        }
        self.drafts.values_mut().for_each(|place| *place = Place::Over);
    }

    /// What was agreed to was agreed to by somebody else.
    fn suspend(&mut self) {
        let has_consent_to_lose = matches!(self.state, State::Invited { .. } | State::OptedIn { .. });
        if has_consent_to_lose {
            self.state = State::None;
        }
        if has_consent_to_lose || !self.is_suspended {
            self.is_suspended = true;
            self.drafts.values_mut().for_each(|place| *place = Place::Over);
        }
    }

    pub fn release(&mut self, now: Timestamp) {
        self.held_since = None;
        if self.state != State::None {
            self.move_all(Place::Held, Place::Free);
        } else if self.drafts.values().any(|place| *place == Place::Held) {
            let place = if self.ask(now) { Place::Pending } else { Place::Over };
            self.move_all(Place::Held, place);
        }
    }

    pub fn question_left(&mut self, now: Timestamp) {
        self.asked.push(now);
        self.has_left = true;
    }

    /// The carrier does not have it.
    pub fn question_came_back(&mut self) {
        self.asked.pop();
        self.has_left = false;
    }

    fn opt_in(&mut self, now: Timestamp) {
        if !matches!(self.state, State::OptedIn { .. }) {
            self.state = State::OptedIn { since: now };
        }
        self.move_all(Place::Pending, if self.held_since.is_some() { Place::Held } else { Place::Free });
    }

    fn may_ask(&mut self, now: Timestamp) -> bool {
        self.asked.retain(|at| now.duration_since(*at) < DAY * 30);
        self.asked.len() < 2
    }

    fn ask(&mut self, now: Timestamp) -> bool {
        let may = self.may_ask(now);
        if may {
            (self.state, self.has_left) = (State::Invited { since: now }, false);
        }
        may
    }

    fn move_all(&mut self, from: Place, to: Place) {
        self.drafts.values_mut().filter(|place| **place == from).for_each(|place| *place = to);
    }
}

/// The practice of the model keeps the clocks of UTC.
fn one_business_day_after(since: Timestamp) -> Timestamp {
    let begins = since.to_zoned(TimeZone::UTC);
    let midnight = |days: i64| begins.start_of_day().unwrap().checked_add(days.days()).unwrap();
    let ends = match begins.weekday() {
        Weekday::Friday => begins.checked_add(3.days()).unwrap(),
        Weekday::Saturday => midnight(3),
        Weekday::Sunday => midnight(2),
        _ => begins.checked_add(1.day()).unwrap(),
    };
    ends.timestamp()
}
