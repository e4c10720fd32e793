//! What happens next, by chance.

use assent::domain::{
    Answer, Body, CarrierId, Cleared, DeliveryId, Draft, Event, FileHash, Fingerprint, Form, Imported, Inbound, Kind,
    Receipt, ReceiptState, Resolution, Retry, Seq, Settlement,
};
use jiff::{SignedDuration, Timestamp};

use crate::daemon::{Letter, Text};
use crate::found::TEXTS;
use crate::reference::{Brought, Word};
use crate::world::{Temper, World};

/// Arrivals and ends of sessions between which the carrier brings a text again: the core remembers more of either.
const BRINGS_MAX: usize = 3;

impl World {
    pub fn step(&mut self) {
        let at = self.chance.below(2);
        if self.chance.one_in(3) {
            let millis = self.chance.below(900) as u64;
            self.passes(millis);
        }
        if self.daemons[at].is_busy() {
            return self.goes_on(at);
        }
        match self.chance.below(100) {
            0..9 => self.patient_texts(),
            9..23 => self.carrier_brings(at),
            23..34 => self.staff_draft(at),
            34..60 => self.slot_is_granted(at),
            60..76 => self.carrier_answers(at),
            76..79 => self.carrier_reports(at),
            79..84 => self.staff_decide(at),
            84 => self.somebody_opts_out(at),
            85 => self.event(at, Event::Woken),
            86 => self.event(at, Event::NumberGiven),
            87 => self.daemons[at].held = None,
            88 => self.crash(at),
            89 => self.link_is_lost(at),
            _ => self.time_passes(),
        }
    }

    /// A daemon takes its next step, or dies before it.
    fn goes_on(&mut self, at: usize) {
        if self.chance.one_in(60) {
            self.crash(at);
        } else if self.daemons[at].deciding.is_some() {
            self.commit(at);
        } else {
            self.act(at);
        }
    }

    fn event(&mut self, at: usize, event: Event) {
        self.decide(at, Letter { event, text: None });
    }

    fn patient_texts(&mut self) {
        if self.brings.len() < BRINGS_MAX {
            let (mut words, word) = *self.chance.of_these(&TEXTS);
            // Of the patients of all worlds few say no, or little would ever leave; and some say nothing for weeks.
            match self.temper {
                Temper::SaysAnything => {}
                Temper::WantsTexts if matches!(word, Word::Other | Word::Start | Word::Yes) => {}
                Temper::IsSilent if word == Word::Other => {}
                Temper::WantsTexts | Temper::IsSilent if self.chance.one_in(8) => {}
                Temper::WantsTexts => words = "YES",
                Temper::IsSilent => words = "HELP",
            }
            self.texts += 1;
            self.brings.push_back(Text { words, number: self.texts, brought: Brought::First, deliveries: 1 });
        }
    }

    fn carrier_brings(&mut self, at: usize) {
        if self.brings.is_empty() {
            return;
        }
        let which = self.chance.below(self.brings.len());
        let text = self.brings.remove(which).unwrap();
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&text.number.to_be_bytes());
        self.deliveries += 1;
        let inbound = Inbound {
            text: Body::new(text.words),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint(fingerprint),
            delivery: Some(DeliveryId(self.deliveries)),
            earlier_session_ended: None,
            session_began: Some(self.now),
            written: Default::default(),
        };
        self.decide(at, Letter { event: Event::Received(inbound), text: Some(text) });
    }

    fn draft(&mut self) -> Draft {
        let hours = i64::try_from(self.chance.below(60)).unwrap() - 2;
        let send_at = self.chance.one_in(5).then(|| self.now + SignedDuration::from_hours(hours));
        Draft { text: Body::new("words of staff"), staff: None, preferences: Default::default(), send_at }
    }

    fn staff_draft(&mut self, at: usize) {
        let draft = self.draft();
        self.event(at, Event::Drafted(draft));
    }

    fn slot_is_granted(&mut self, at: usize) {
        if !self.daemons[at].slots.is_empty() {
            let which = self.chance.below(self.daemons[at].slots.len());
            let id = self.daemons[at].slots.remove(which);
            let event = match self.chance.one_in(12) {
                true => Event::Postponed { id, day_ends_at: self.now + SignedDuration::from_hours(7) },
                false => Event::SlotGranted(id),
            };
            self.event(at, event);
        }
    }

    /// The carrier answers what a daemon wrote, or the link says that it was not written.
    fn carrier_answers(&mut self, at: usize) {
        if let Some(letter) = self.daemons[at].letters.pop_front() {
            if let Event::Answered { id, attempt, .. } = &letter.event {
                self.promises.is_proved_unsent(*id, *attempt);
            }
            return self.decide(at, letter);
        }
        let Some(cleared) = self.daemons[at].wire.pop() else { return };
        let (id, attempt) = (cleared.id(), cleared.attempt());
        let answer = match self.chance.below(10) {
            0 => Answer::NotSent,
            1 => Answer::Refused { command_status: 0x58, retry: Retry::WhenReady },
            2 => Answer::Refused { command_status: 0x64, retry: Retry::FewTimes },
            3 => Answer::Refused { command_status: 0x0B, retry: Retry::Never },
            4 => Answer::PartlyTaken,
            5 => Answer::Unknown,
            _ => Answer::Taken { ids: vec![carrier_id(&cleared)] },
        };
        match answer {
            Answer::NotSent | Answer::Refused { .. } => {
                self.promises.is_proved_unsent(id, attempt);
                self.promises.asked_nobody(id, attempt);
            }
            Answer::Taken { .. } | Answer::PartlyTaken | Answer::Unknown => {}
        }
        self.event(at, Event::Answered { id, attempt, answer });
    }

    fn carrier_reports(&mut self, at: usize) {
        if !self.left.is_empty() {
            let which = self.chance.below(self.left.len());
            let state =
                *self.chance.of_these(&[ReceiptState::Delivered, ReceiptState::Undeliverable, ReceiptState::Enroute]);
            let id = carrier_id(&self.left[which]);
            self.event(at, Event::Receipted(Receipt { state, ..Receipt::delivered(id) }));
        }
    }

    fn staff_decide(&mut self, at: usize) {
        let drafts = self.drafts();
        let event = match self.chance.below(4) {
            0 => Event::HoldSettled { settlement: Settlement::Release, staff: None },
            1 if self.chance.one_in(4) => Event::HoldSettled { settlement: Settlement::OptOut, staff: None },
            2 if !drafts.is_empty() => Event::TakenBack(*self.chance.of_these(&drafts)),
            3 if !drafts.is_empty() => {
                let id = *self.chance.of_these(&drafts);
                let resolution = match self.chance.below(3) {
                    0 => Resolution::Sent,
                    1 => Resolution::Discard,
                    _ => Resolution::Resend(self.draft()),
                };
                Event::Resolved { id, resolution }
            }
            _ => Event::ReadUpTo { seq: Seq(u64::MAX), staff: None },
        };
        self.event(at, event);
    }

    fn somebody_opts_out(&mut self, at: usize) {
        if self.temper != Temper::SaysAnything && !self.chance.one_in(4) {
            return;
        }
        let event = if self.chance.one_in(2) {
            Event::OptedOutByStaff { staff: None, reason: Body::new("asked by phone") }
        } else {
            let days = i64::try_from(self.chance.below(20)).unwrap();
            let told: Timestamp = self.now - SignedDuration::from_hours(24 * days);
            let opted_out_at = self.chance.one_in(2).then_some(told);
            let file = FileHash([u8::try_from(self.chance.below(3)).unwrap(); 32]);
            Event::OptedOutByImport(Imported { file, line: 2, opted_out_at, reason: None })
        };
        self.event(at, event);
    }

    /// What was written and not answered may have gone out, or the link knows that it has not.
    fn link_is_lost(&mut self, at: usize) {
        self.session_ends(at);
        if let Some(cleared) = self.daemons[at].wire.pop() {
            self.event(at, Event::Answered { id: cleared.id(), attempt: cleared.attempt(), answer: Answer::Unknown });
        }
    }

    /// Minutes, hours or days go by, or the clock is set: while nothing is under way, which takes seconds.
    fn time_passes(&mut self) {
        if !self.is_at_rest() {
            return;
        }
        // Of a silent patient the weeks are what matters.
        let bound = if self.temper == Temper::IsSilent { 14 } else { 8 };
        let minutes = match self.chance.below(bound) {
            0..3 => self.chance.below(7),
            3..5 => self.chance.below(180),
            5..7 => self.chance.below(60 * 24),
            _ => self.chance.below(60 * 24 * 9),
        };
        self.passes(minutes as u64 * 60_000);
        if self.chance.one_in(10) {
            self.set_clock();
        }
    }

    fn set_clock(&mut self) {
        let seconds = i64::try_from(self.chance.below(1_201)).unwrap() - 600;
        let wrong = self.wrong_by + seconds;
        if wrong.abs() < 3_600 {
            self.wrong_by = wrong;
            self.now += SignedDuration::from_secs(seconds);
            self.tell(format!("the clock is set by {seconds} s"));
        }
    }
}

fn carrier_id(cleared: &Cleared) -> CarrierId {
    let kind = if *cleared.kind() == Kind::Invitation { "i" } else { "m" };
    CarrierId(format!("{kind}{}-{}", cleared.id().seq.0, cleared.attempt()).into())
}
