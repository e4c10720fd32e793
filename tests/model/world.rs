//! The world around two daemons: one store whose versions fence, a carrier, a patient, staff, and a clock that is set now and then.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use assent::domain::hours::{OfficeHours, Opening, QuietHours, TimeOfDay};
use assent::domain::{
    Cleared, Conversation, ConversationId, ConversationKey, Decision, Effect, Entry, Event, Kind, Limits, Message,
    MessageId, Phone, Policy, Practice, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT, Seq, SessionEnd,
};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};

use crate::chance::Chance;
use crate::daemon::{Act, Daemon, Deciding, Letter, Text, others};
use crate::promises::Promises;
use crate::reference::{Brought, Reference};

/// What stays of the told story: enough to see how it came to a failure.
const TOLD_MAX: usize = 60;
/// From the commit to the first octet on the wire, in milliseconds.
const WIRE_MILLIS: u64 = 2_000;

/// What the patient of a world mostly does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    WantsTexts,
    IsSilent,
    SaysAnything,
}

pub struct World {
    pub chance: Chance,
    pub policy: Policy,
    pub now: Timestamp,
    /// Milliseconds, by a clock that is never set.
    pub steady: u64,
    pub stored: Conversation,
    pub version: u64,
    pub daemons: [Daemon; 2],
    pub reference: Reference,
    pub promises: Promises,
    pub thread: BTreeMap<Seq, Message>,
    /// Everything that was written to the carrier.
    pub left: Vec<Cleared>,
    /// Texts that the carrier has and nobody has answered.
    pub brings: VecDeque<Text>,
    pub texts: u64,
    pub deliveries: u64,
    pub sessions_ended: BTreeMap<u64, Vec<Timestamp>>,
    pub temper: Temper,
    /// By how many seconds the clock was set altogether.
    pub wrong_by: i64,
    told: VecDeque<String>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let time = |text| TimeOfDay::parse(text).unwrap();
        let mut office = OfficeHours::default();
        for day in [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday] {
            office.open(day, vec![Opening::parse("08:00-18:00").unwrap()]).unwrap();
        }
        let keeps_hours = seed % 2 == 1;
        let practice = Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside PT".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "UTC".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
            texts: Default::default(),
            quiet_hours: keeps_hours.then(|| QuietHours::new(time("21:00"), time("08:00")).unwrap()),
            office_hours: keeps_hours.then_some(office),
        };
        let now: Timestamp = "2026-03-02T15:00:00Z".parse().unwrap();
        let key = ConversationKey { practice: practice.id.clone(), phone: Phone::parse("+13035550123").unwrap() };
        let boot = assent::domain::BootId(0);
        let (limits, writing) = (Limits::default(), Default::default());
        Self {
            chance: Chance::of(seed),
            policy: Policy { practice: Arc::new(practice), boot, limits, writing, texting: Default::default() },
            now,
            steady: 0,
            stored: Conversation::new(ConversationId(7), key, now),
            version: 0,
            daemons: [1, 2].map(|boot| Daemon { boot, ..Daemon::default() }),
            reference: Reference::new(),
            promises: Promises::default(),
            thread: BTreeMap::new(),
            left: Vec::new(),
            brings: VecDeque::new(),
            texts: 0,
            deliveries: 0,
            sessions_ended: BTreeMap::new(),
            temper: match seed % 5 {
                0 => Temper::SaysAnything,
                1 => Temper::IsSilent,
                _ => Temper::WantsTexts,
            },
            wrong_by: 0,
            told: VecDeque::new(),
        }
    }

    pub fn tell(&mut self, what: String) {
        if self.told.len() == TOLD_MAX {
            self.told.pop_front();
        }
        self.told.push_back(format!("{} {what}", self.now));
    }

    pub fn told(&self) -> String {
        self.told.iter().map(|line| format!("{line}\n")).collect()
    }

    pub fn passes(&mut self, millis: u64) {
        self.steady += millis;
        self.now += SignedDuration::from_millis(millis.try_into().unwrap());
    }

    // -------------------------------------------------------------------------------------- a daemon's way

    /// Decides about a letter on what the daemon holds, which another may have overtaken.
    pub fn decide(&mut self, at: usize, letter: Letter) {
        self.load(at);
        if let Event::Received(_) = letter.event {
            self.learn_of_ended_sessions(at, &letter);
        }
        let daemon = &mut self.daemons[at];
        let (held, _) = daemon.held.as_ref().unwrap();
        let decision = held.handle(letter.event.clone(), self.now, &daemon.policy(&self.policy));
        daemon.committed = self.steady;
        daemon.deciding = Some(Deciding { letter, decision, at: self.now });
    }

    /// Commits what was decided, or decides anew on what another daemon wrote.
    pub fn commit(&mut self, at: usize) {
        let Some(deciding) = self.daemons[at].deciding.take() else { return };
        let held = self.daemons[at].held.as_ref().unwrap();
        if held.1 != self.version {
            self.tell(format!("daemon {at} lost a race"));
            self.daemons[at].held = None;
            let letter = deciding.letter;
            // Another took the same words meanwhile: the carrier knows whether they are the same text.
            if letter.text.is_some() {
                self.brings.extend(letter.text);
                return;
            }
            return self.decide(at, letter);
        }
        let Deciding { letter, decision, at: decided } = deciding;
        self.write(at, &letter, decision, decided);
        if let Some(text) = letter.text {
            self.daemons[at].acts.push_back(Act::Acknowledge(text));
        }
    }

    fn write(&mut self, at: usize, letter: &Letter, decision: Decision, decided: Timestamp) {
        self.tell(format!("daemon {at}: {letter:?} -> {:?}", decision.outcome));
        let expected = self.expected(letter, &decision, decided);
        let Decision { next, journal, effects, .. } = decision;
        let has_changed = next != self.stored || !journal.is_empty();
        if has_changed {
            self.version += 1;
        }
        let before = std::mem::replace(&mut self.stored, next.clone());
        self.daemons[at].held = Some((next, self.version));
        for entry in &journal {
            self.write_down(entry);
        }
        let noted = self.promises.committed(&before, &self.stored, &journal, expected, self.steady);
        if let Err(broken) = noted {
            panic!("{broken}");
        }
        self.daemons[at].acts.extend(effects.into_iter().map(Act::Perform));
        self.promises.hold_at_rest(&self.stored, &self.thread, &self.reference, &self.policy);
    }

    fn write_down(&mut self, entry: &Entry) {
        match entry {
            Entry::Added(message) => {
                assert!(self.thread.insert(message.id.seq, message.clone()).is_none(), "a message is added once");
            }
            Entry::Updated { id, status, failure, .. } => {
                let message = self.thread.get_mut(&id.seq).expect("only what is in the thread is updated");
                (message.status, message.failure) = (*status, *failure);
            }
            Entry::ConsentChanged { .. }
            | Entry::Held(_)
            | Entry::HoldSettled { .. }
            | Entry::Suspended(_)
            | Entry::NumberGiven { .. }
            | Entry::Proved(_)
            | Entry::UnreadChanged { .. }
            | Entry::Rearranged
            | Entry::Noted(_)
            | Entry::Redelivered { .. }
            | Entry::ReceiptUnmatched { .. } => {}
        }
    }

    /// Reads the store where nothing is held, and draws the conclusions.
    fn load(&mut self, at: usize) {
        if self.daemons[at].held.is_some() {
            return;
        }
        let event = Event::Overtaken(others(&self.daemons));
        self.conclude(at, event);
    }

    /// Decides and commits in one step what no letter waits for.
    fn conclude(&mut self, at: usize, event: Event) {
        let policy = self.daemons[at].policy(&self.policy);
        let decision = self.stored.handle(event.clone(), self.now, &policy);
        self.daemons[at].committed = self.steady;
        self.write(at, &Letter { event, text: None }, decision, self.now);
    }

    /// A run of a daemon begins.
    pub fn starts(&mut self, at: usize) {
        let boot = self.daemons.iter().map(|daemon| daemon.boot).max().unwrap() + 1;
        self.daemons[at] = Daemon { boot, ..Daemon::default() };
        let event = Event::Restored(others(&self.daemons));
        self.conclude(at, event);
    }

    fn learn_of_ended_sessions(&mut self, at: usize, letter: &Letter) {
        let Event::Received(inbound) = &letter.event else { return };
        let policy = self.daemons[at].policy(&self.policy);
        let (held, version) = self.daemons[at].held.as_ref().unwrap();
        if *version != self.version {
            return;
        }
        let mut ends = Vec::new();
        for boot in held.taken_elsewhere(inbound, self.now, &policy).into_iter().chain([policy.boot]) {
            let told = self.sessions_ended.get(&boot.0).into_iter().flatten();
            ends.extend(told.map(|at| SessionEnd { at: *at, of: Some(boot) }));
        }
        let learnt = held.handle(Event::SessionsEnded(ends.clone()), self.now, &policy);
        if learnt.next.session_ends != held.session_ends {
            self.conclude(at, Event::SessionsEnded(ends));
        }
    }

    /// Does the next thing that a commit asked for.
    pub fn act(&mut self, at: usize) {
        match self.daemons[at].acts.pop_front() {
            None | Some(Act::Perform(Effect::Publish(_) | Effect::Recall { .. })) => {}
            Some(Act::Perform(Effect::RequestSlot { id, .. })) => self.daemons[at].slots.push(id),
            Some(Act::Perform(Effect::Submit(cleared))) => self.submit(at, cleared),
            Some(Act::Acknowledge(text)) => {
                self.tell(format!("the carrier hears of text {}", text.number));
                if self.chance.one_in(4) {
                    self.session_ends(at);
                    self.bring_again(text);
                }
            }
        }
    }

    fn submit(&mut self, at: usize, cleared: Cleared) {
        let (id, attempt) = (cleared.id(), cleared.attempt());
        let is_in_time = self.steady - self.daemons[at].committed <= WIRE_MILLIS;
        if !is_in_time {
            let answer = assent::domain::Answer::NotSent;
            let event = Event::Answered { id, attempt, answer };
            self.daemons[at].letters.push_back(Letter { event, text: None });
            return;
        }
        self.tell(format!("daemon {at} writes {id:?}, {:?}", cleared.kind()));
        self.promises.leaves(&cleared, &self.stored, &self.policy, self.now, self.steady);
        self.left.push(cleared.clone());
        self.daemons[at].wire.push(cleared);
    }

    /// A link session of a daemon ends: its answers of the last minute may not have arrived.
    pub fn session_ends(&mut self, at: usize) {
        self.sessions_ended.entry(self.daemons[at].boot).or_default().push(self.now);
    }

    /// The carrier has no answer to a text that was taken, and will bring it again.
    pub fn bring_again(&mut self, text: Text) {
        self.brings.push_back(Text { brought: Brought::Again, deliveries: text.deliveries + 1, ..text });
    }

    pub fn crash(&mut self, at: usize) {
        self.tell(format!("daemon {at} dies"));
        self.session_ends(at);
        let dead = std::mem::take(&mut self.daemons[at]);
        self.daemons[at].boot = dead.boot;
        self.brings.extend(dead.deciding.and_then(|deciding| deciding.letter.text));
        for act in dead.acts {
            if let Act::Acknowledge(text) = act {
                self.bring_again(text);
            }
        }
        self.starts(at);
    }

    pub fn is_at_rest(&self) -> bool {
        self.brings.is_empty() && !self.daemons.iter().any(Daemon::is_busy)
    }

    pub fn drafts(&self) -> Vec<MessageId> {
        let staff = self.thread.values().filter(|message| matches!(message.kind, Kind::StaffText { .. }));
        staff.map(|message| message.id).collect()
    }
}
