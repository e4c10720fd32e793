//! A conversation on a table: events go in, time is moved by hand, and what was written down is kept.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use assent::domain::hours::{OfficeHours, Opening, QuietHours, TimeOfDay};
use assent::domain::outbox::reference;
use assent::domain::{
    Answer, Body, BootId, CarrierError, CarrierId, Cause, Cleared, Consent, Conversation, ConversationId,
    ConversationKey, Decision, Draft, Effect, Entry, Event, Fingerprint, Form, Inbound, Kind, Limits, Message,
    MessageId, OtherDaemons, Outcome, Part, Phone, Policy, Practice, PracticeId, Receipt, ReceiptState,
    SEGMENTS_PER_MINUTE_DEFAULT, Seq, Status,
};
use jiff::civil::Weekday;
use jiff::{SignedDuration, Timestamp};

pub struct Scene {
    pub conversation: Conversation,
    pub now: Timestamp,
    pub policy: Policy,
    /// The thread as a store would have it.
    pub thread: BTreeMap<Seq, Message>,
    pub journal: Vec<Entry>,
    /// Slots asked for and not yet granted.
    pub slots: Vec<MessageId>,
    /// For how many the last slot was asked for.
    pub asked_segments: Option<u32>,
    /// What was handed to the carrier and is not answered.
    pub submitted: Vec<Cleared>,
    /// What the carrier was told to write no more of.
    pub recalled: Vec<(MessageId, u32)>,
    arrivals: u64,
}

impl Scene {
    pub fn new() -> Self {
        let practice = Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside PT".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "America/Denver".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        let now: Timestamp = "2026-03-02T15:00:00Z".parse().unwrap();
        let key = ConversationKey { practice: practice.id.clone(), phone: Phone::parse("+13035550123").unwrap() };
        Self {
            conversation: Conversation::new(ConversationId(7), key, now),
            now,
            policy: Policy {
                practice: Arc::new(practice),
                boot: BootId(1),
                limits: Limits::default(),
                writing: Default::default(),
                texting: Default::default(),
            },
            thread: BTreeMap::new(),
            journal: Vec::new(),
            slots: Vec::new(),
            asked_segments: None,
            submitted: Vec::new(),
            recalled: Vec::new(),
            arrivals: 0,
        }
    }

    /// The practice is closed in the evening and at the weekend, and quiet from nine to eight.
    pub fn keeps_hours(&mut self) {
        let time = |text| TimeOfDay::parse(text).unwrap();
        let mut office = OfficeHours::default();
        for day in [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday] {
            office.open(day, vec![Opening::parse("08:00-18:00").unwrap()]).unwrap();
        }
        self.policy.practice = Arc::new(Practice {
            quiet_hours: Some(QuietHours::new(time("21:00"), time("08:00")).unwrap()),
            office_hours: Some(office),
            ..(*self.policy.practice).clone()
        });
    }

    pub fn event(&mut self, event: Event) -> Outcome {
        let Decision { next, journal, effects, outcome } = self.conversation.handle(event, self.now, &self.policy);
        for entry in &journal {
            match entry {
                Entry::Added(message) => {
                    let earlier = self.thread.insert(message.id.seq, message.clone());
                    assert!(earlier.is_none(), "a message is added once");
                }
                Entry::Updated { id, status, failure, .. } => {
                    let message = self.thread.get_mut(&id.seq).expect("only what is in the thread is updated");
                    message.status = *status;
                    message.failure = *failure;
                }
                Entry::ConsentChanged { .. }
                | Entry::Held(_)
                | Entry::HoldSettled { .. }
                | Entry::Suspended(_)
                | Entry::NumberGiven { .. }
                | Entry::UnreadChanged { .. }
                | Entry::Rearranged
                | Entry::Noted(_)
                | Entry::Redelivered { .. }
                | Entry::ReceiptUnmatched { .. }
                | Entry::Proved(_) => {}
            }
        }
        for effect in effects {
            match effect {
                Effect::RequestSlot { id, segments, .. } => {
                    self.slots.push(id);
                    self.asked_segments = Some(segments);
                }
                Effect::Submit(cleared) => self.submitted.push(cleared),
                Effect::Recall { id, attempt } => self.recalled.push((id, attempt)),
                Effect::Publish(_) => {}
            }
        }
        self.journal.extend(journal);
        self.conversation = next;
        outcome
    }

    pub fn later(&mut self, duration: SignedDuration) {
        self.now += duration;
    }

    pub fn drafts(&mut self, text: &str) -> Outcome {
        self.event(Event::Drafted(Draft {
            text: Body::new(text),
            staff: None,
            preferences: Default::default(),
            send_at: None,
        }))
    }

    pub fn texts(&mut self, text: &str) -> Outcome {
        let inbound = self.inbound(text);
        self.event(Event::Received(inbound))
    }

    pub fn texts_as(&mut self, text: &str, form: Form) -> Outcome {
        let inbound = Inbound { form, ..self.inbound(text) };
        self.event(Event::Received(inbound))
    }

    pub fn texts_part(&mut self, text: &str, reference: u16, number: u8, total: u8) -> Outcome {
        let inbound = Inbound { part: Some(Part { reference: reference.into(), total, number }), ..self.inbound(text) };
        self.event(Event::Received(inbound))
    }

    pub fn inbound(&mut self, text: &str) -> Inbound {
        self.arrivals += 1;
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&self.arrivals.to_be_bytes());
        Inbound {
            text: Body::new(text),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint(fingerprint),
            delivery: None,
            earlier_session_ended: None,
            session_began: None,
            written: Default::default(),
        }
    }

    /// Grants the slots that are asked for, has the carrier take what leaves, until nothing moves.
    pub fn carry(&mut self) -> Vec<(Kind, String)> {
        let mut left = Vec::new();
        while let Some(cleared) = self.grant() {
            left.push((cleared.kind().clone(), cleared.text().expose().to_owned()));
            self.answer(&cleared, taken(&cleared));
        }
        left
    }

    /// Grants the next slot; what leaves stays unanswered.
    pub fn grant(&mut self) -> Option<Cleared> {
        while !self.slots.is_empty() {
            let id = self.slots.remove(0);
            self.event(Event::SlotGranted(id));
            if let Some(cleared) = self.submitted.pop() {
                return Some(cleared);
            }
        }
        None
    }

    pub fn answer(&mut self, cleared: &Cleared, answer: Answer) {
        self.event(Event::Answered { id: cleared.id(), attempt: cleared.attempt(), answer });
    }

    pub fn receipt(&mut self, cleared: &Cleared, state: ReceiptState) {
        for id in carrier_ids(cleared) {
            let reference = Some(reference(cleared.id().seq));
            self.event(Event::Receipted(Receipt { reference, state, ..Receipt::delivered(id) }));
        }
    }

    /// The carrier reports that it could not deliver a text, and why.
    pub fn undelivered(&mut self, cleared: &Cleared, cause: Cause) {
        let error = Some(CarrierError { code: NonZeroU16::new(27).unwrap(), cause: Some(cause) });
        let state = ReceiptState::Undeliverable;
        for id in carrier_ids(cleared) {
            self.event(Event::Receipted(Receipt { state, error, ..Receipt::delivered(id) }));
        }
    }

    /// The daemon died and another run of it loads the conversation.
    pub fn restarts(&mut self) {
        self.policy.boot = BootId(self.policy.boot.0 + 1);
        self.slots.clear();
        self.submitted.clear();
        self.event(Event::Restored(OtherDaemons::Impossible));
    }

    pub fn opts_in(&mut self) {
        self.drafts("hello");
        self.carry();
        self.texts("YES");
        self.carry();
        self.later(SignedDuration::from_mins(1));
    }

    pub fn opts_out(&mut self) {
        self.texts("STOP");
        self.carry();
        self.later(SignedDuration::from_mins(1));
    }

    pub fn consent(&self) -> &'static str {
        match self.conversation.consent {
            Consent::None => "none",
            Consent::Invited { .. } => "invited",
            Consent::OptedIn { .. } => "opted_in",
            Consent::OptedOut { .. } => "opted_out",
        }
    }

    /// The statuses of staff texts, oldest first.
    pub fn staff_texts(&self) -> Vec<Status> {
        let staff = self.thread.values().filter(|message| matches!(message.kind, Kind::StaffText { .. }));
        staff.map(|message| message.status).collect()
    }

    pub fn status(&self, id: MessageId) -> Status {
        self.thread[&id.seq].status
    }

    pub fn messages(&self, kind: &Kind) -> usize {
        self.thread.values().filter(|message| message.kind == *kind).count()
    }
}

/// A scene in one of the four states, with the first text's business done.
pub fn in_state(state: &str) -> Scene {
    let mut scene = Scene::new();
    match state {
        "none" => {}
        "invited" => {
            scene.drafts("hello");
            scene.carry();
            scene.later(SignedDuration::from_mins(1));
        }
        "opted_in" => scene.opts_in(),
        "opted_out" => {
            scene.opts_in();
            scene.opts_out();
        }
        other => panic!("no such state: {other}"),
    }
    assert_eq!(scene.consent(), state);
    scene
}

/// A scene in one of the four states, with a text on its way to the carrier.
pub fn sending_in(state: &str) -> (Scene, Cleared) {
    let mut scene = Scene::new();
    match state {
        "none" => {
            scene.texts("HELP");
        }
        "invited" => {
            scene.drafts("hello");
        }
        "opted_in" => {
            scene.opts_in();
            scene.drafts("see you at 3");
        }
        "opted_out" => {
            scene.opts_in();
            scene.texts("STOP");
        }
        other => panic!("no such state: {other}"),
    }
    let cleared = scene.grant().unwrap();
    assert_eq!(scene.consent(), state);
    scene.later(SignedDuration::from_mins(1));
    (scene, cleared)
}

pub fn taken(cleared: &Cleared) -> Answer {
    Answer::Taken { ids: carrier_ids(cleared) }
}

/// The ids that the carrier on this table gives the segments of a message.
fn carrier_ids(cleared: &Cleared) -> Vec<CarrierId> {
    let segments = assent::domain::text::Segments::count(cleared.text().expose());
    let id = |segment| CarrierId(format!("c{}-{}-{segment}", cleared.id().seq.0, cleared.attempt()).into());
    (0..segments).map(id).collect()
}

pub fn accepted(outcome: Outcome) -> MessageId {
    match outcome {
        Outcome::Accepted(message) => message.id,
        other => panic!("the draft was not accepted: {other:?}"),
    }
}
