//! What holds after any sequence of events: the promises of the core, against everything at once.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use std::collections::BTreeMap;

use assent::domain::outbox::{Stage, Waiting};
use assent::domain::{
    Answer, Body, Cause, Cleared, Consent, Draft, Event, Failure, Kind, Message, MessageId, Outcome, ReceiptState,
    Resolution, Retry, Seq, Settlement, StaffId, Status, Texting,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use scene::{Scene, taken};

#[derive(Debug, Clone)]
enum Step {
    Draft,
    DraftFor {
        hours: i64,
    },
    TakeBack(usize),
    Resolve(usize, Decision),
    Text(&'static str),
    Part {
        reference: u16,
        number: u8,
        text: &'static str,
    },
    GrantSlot(usize),
    /// The day has no room for a message that asked for a slot.
    Postpone(usize),
    Answer(usize, Reply),
    Receipt(usize, ReceiptState),
    Wait {
        seconds: i64,
    },
    /// Staff settle a hold, if there is one.
    Settle(Settlement),
    /// Staff opt the patient out.
    OptOut,
    /// The author of what is drafted loses the permission to text, or has it back.
    Permit(Texting),
    /// Somebody else answers for one of the drafts.
    TakeOver(usize),
    /// The patient gives their number again.
    GiveNumber,
    /// The carrier says why it could not deliver one of the texts that left.
    Undelivered(usize, Cause),
    Wake,
    Read,
    Crash,
}

#[derive(Debug, Clone, Copy)]
enum Decision {
    Resend,
    Sent,
    Discard,
}

#[derive(Debug, Clone, Copy)]
enum Reply {
    Taken,
    NotSent,
    Busy,
    Refused,
    OptedOut,
    Partly,
    Unknown,
}

fn step() -> impl Strategy<Value = Step> {
    let words = prop_oneof![
        Just("YES"),
        Just("START"),
        Just("STOP"),
        Just("HELP"),
        Just("ALTO"),
        Just("my knee hurts"),
        Just("Yes please"),
        Just("wrong number"),
        Just("please stop texting me"),
        Just("CANCEL"),
    ];
    let reply = prop_oneof![
        4 => Just(Reply::Taken), 1 => Just(Reply::NotSent), 1 => Just(Reply::Busy), 1 => Just(Reply::Refused), 1 => Just(Reply::OptedOut), 1 => Just(Reply::Partly), 1 => Just(Reply::Unknown),
    ];
    let state = prop_oneof![
        2 => Just(ReceiptState::Delivered), 1 => Just(ReceiptState::Undeliverable), 1 => Just(ReceiptState::Enroute),
    ];
    let decision = prop_oneof![Just(Decision::Resend), Just(Decision::Sent), Just(Decision::Discard)];
    let seconds = prop_oneof![0i64..5, 30i64..120, 3_600i64..200_000];
    prop_oneof![
        4 => Just(Step::Draft),
        1 => (-2i64..50).prop_map(|hours| Step::DraftFor { hours }),
        1 => any::<usize>().prop_map(Step::TakeBack),
        1 => (any::<usize>(), decision).prop_map(|(which, decision)| Step::Resolve(which, decision)),
        4 => words.clone().prop_map(Step::Text),
        1 => (0u16..2, 1u8..3, words).prop_map(|(reference, number, text)| Step::Part { reference, number, text }),
        6 => (0usize..4).prop_map(Step::GrantSlot),
        1 => (0usize..4).prop_map(Step::Postpone),
        5 => (0usize..4, reply).prop_map(|(which, reply)| Step::Answer(which, reply)),
        2 => (0usize..8, state).prop_map(|(which, state)| Step::Receipt(which, state)),
        1 => (0usize..8, prop::sample::select(Cause::ALL.to_vec())).prop_map(|(which, cause)| Step::Undelivered(which, cause)),
        2 => seconds.prop_map(|seconds| Step::Wait { seconds }),
        1 => prop_oneof![3 => Just(Settlement::Release), 1 => Just(Settlement::OptOut)].prop_map(Step::Settle),
        1 => Just(Step::OptOut),
        1 => Just(Step::GiveNumber),
        1 => prop_oneof![Just(Texting::Anybody), Just(Texting::Only(Default::default()))].prop_map(Step::Permit),
        1 => any::<usize>().prop_map(Step::TakeOver),
        2 => Just(Step::Wake),
        1 => Just(Step::Read),
        1 => Just(Step::Crash),
    ]
}

fn draft(send_at: Option<Timestamp>) -> Draft {
    Draft {
        text: Body::new("words of staff"),
        staff: StaffId::parse("ana").ok(),
        preferences: Default::default(),
        send_at,
    }
}

/// What the world around the conversation remembers, to hold it against what the conversation says.
#[derive(Default)]
struct World {
    left: Vec<Cleared>,
    accepted: Vec<MessageId>,
    attempts: BTreeMap<MessageId, u32>,
    /// Messages whose last attempt is proved not to have reached the carrier.
    proved_unsent: BTreeMap<MessageId, u32>,
    confirmations_owed: usize,
    /// When the patient last texted, and was last told that the practice is closed.
    heard_at: Option<Timestamp>,
    told_closed_at: Option<Timestamp>,
    /// When invitations left that the carrier may have.
    asked: Vec<Timestamp>,
}

impl World {
    fn play(&mut self, scene: &mut Scene, step: &Step) {
        let before = scene.conversation.consent.clone();
        match *step {
            Step::Draft => {
                if let Outcome::Accepted(message) = scene.event(Event::Drafted(draft(None))) {
                    self.accepted.push(message.id);
                }
            }
            Step::DraftFor { hours } => {
                let send_at = Some(scene.now + SignedDuration::from_hours(hours));
                if let Outcome::Accepted(message) = scene.event(Event::Drafted(draft(send_at))) {
                    self.accepted.push(message.id);
                }
            }
            Step::TakeBack(which) => {
                if let Some(id) = self.one_accepted(which) {
                    scene.event(Event::TakenBack(id));
                }
            }
            Step::Resolve(which, decision) => {
                if let Some(id) = self.one_accepted(which) {
                    let resolution = match decision {
                        Decision::Resend => Resolution::Resend(draft(None)),
                        Decision::Sent => Resolution::Sent,
                        Decision::Discard => Resolution::Discard,
                    };
                    if let Outcome::Accepted(message) = scene.event(Event::Resolved { id, resolution }) {
                        self.accepted.push(message.id);
                    }
                }
            }
            Step::Text(text) => {
                self.heard_at = Some(scene.now);
                scene.texts(text);
            }
            Step::Part { reference, number, text } => {
                self.heard_at = Some(scene.now);
                scene.texts_part(text, reference, number, 2);
            }
            Step::GrantSlot(which) => {
                if !scene.slots.is_empty() {
                    let id = scene.slots.remove(which % scene.slots.len());
                    scene.event(Event::SlotGranted(id));
                }
            }
            Step::Postpone(which) => {
                if !scene.slots.is_empty() {
                    let id = scene.slots.remove(which % scene.slots.len());
                    scene.event(Event::Postponed { id, day_ends_at: scene.now + SignedDuration::from_hours(7) });
                }
            }
            Step::Answer(which, reply) => {
                if !self.left.is_empty() {
                    let cleared = self.left[which % self.left.len()].clone();
                    self.answer(scene, &cleared, reply);
                }
            }
            Step::Receipt(which, state) => {
                if !self.left.is_empty() {
                    let cleared = self.left[which % self.left.len()].clone();
                    scene.receipt(&cleared, state);
                }
            }
            Step::Undelivered(which, cause) => {
                if !self.left.is_empty() {
                    let cleared = self.left[which % self.left.len()].clone();
                    scene.undelivered(&cleared, cause);
                }
            }
            Step::Wait { seconds } => scene.later(SignedDuration::from_secs(seconds)),
            Step::Settle(settlement) => {
                scene.event(Event::HoldSettled { settlement, staff: None });
            }
            Step::OptOut => {
                scene.event(Event::OptedOutByStaff { staff: None, reason: Body::new("asked by phone") });
            }
            Step::Wake => {
                scene.event(Event::Woken);
            }
            Step::Read => {
                scene.event(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None });
            }
            Step::Permit(ref texting) => scene.policy.texting = texting.clone(),
            Step::TakeOver(which) => {
                if let Some(id) = self.one_accepted(which) {
                    let by_operator = Draft { staff: None, ..draft(None) };
                    let resolution = Resolution::TakeOver(by_operator);
                    if let Outcome::Accepted(message) = scene.event(Event::Resolved { id, resolution }) {
                        self.accepted.push(message.id);
                    }
                }
            }
            Step::GiveNumber => {
                scene.event(Event::NumberGiven);
            }
            Step::Crash => scene.restarts(),
        }
        let opted_out_now = matches!(scene.conversation.consent, Consent::OptedOut { .. });
        if opted_out_now && !matches!(before, Consent::OptedOut { .. }) {
            self.confirmations_owed += 1;
        }
        for cleared in std::mem::take(&mut scene.submitted) {
            self.check_gate(scene, &cleared);
            self.left.push(cleared);
        }
    }

    fn answer(&mut self, scene: &mut Scene, cleared: &Cleared, reply: Reply) {
        let in_flight = scene.conversation.outbox.waiting.iter().any(|waiting| {
            waiting.message.id == cleared.id()
                && waiting.attempts == cleared.attempt()
                && matches!(waiting.stage, Stage::Sending { .. })
        });
        let answer = match reply {
            Reply::Taken => taken(cleared),
            Reply::NotSent => Answer::NotSent,
            Reply::Busy => Answer::Refused { command_status: 0x58, retry: Retry::WhenReady },
            Reply::Refused => Answer::Refused { command_status: 0x0B, retry: Retry::Never },
            Reply::OptedOut => Answer::Refused { command_status: 0x413, retry: Retry::OptedOut },
            Reply::Partly => Answer::PartlyTaken,
            Reply::Unknown => Answer::Unknown,
        };
        if in_flight
            && *cleared.kind() == Kind::Invitation
            && matches!(reply, Reply::NotSent | Reply::Busy | Reply::Refused | Reply::OptedOut)
        {
            self.asked.pop();
        }
        if in_flight && matches!(reply, Reply::NotSent | Reply::Busy) {
            self.proved_unsent.insert(cleared.id(), cleared.attempt());
        }
        scene.answer(cleared, answer);
    }

    fn one_accepted(&self, which: usize) -> Option<MessageId> {
        self.accepted.get(which.checked_rem(self.accepted.len())?).copied()
    }

    /// The promises that are about leaving.
    fn check_gate(&mut self, scene: &Scene, cleared: &Cleared) {
        let consent = &scene.conversation.consent;
        let is_held = scene.conversation.hold.is_some() || scene.conversation.suspension.is_some();
        let stands = match cleared.kind() {
            Kind::StaffText { .. } | Kind::AfterHours => !is_held && matches!(consent, Consent::OptedIn { .. }),
            Kind::StartConfirmation => matches!(consent, Consent::OptedIn { .. }),
            Kind::Invitation => !is_held && matches!(consent, Consent::Invited { .. }),
            Kind::OptOutConfirmation => matches!(consent, Consent::OptedOut { .. }),
            Kind::Help => true,
            Kind::Inbound => false,
        };
        if let Kind::StaffText { staff: Some(author) } = cleared.kind() {
            assert!(scene.policy.texting.may_text(author), "a text left whose author may text nobody");
        }
        assert!(stands, "{:?} left while consent was {consent:?}", cleared.kind());

        let is_answer = matches!(
            cleared.kind(),
            Kind::OptOutConfirmation | Kind::StartConfirmation | Kind::Help | Kind::AfterHours
        );
        let is_awake = self.heard_at.is_some_and(|at| scene.now.duration_since(at) <= SignedDuration::from_hours(1));
        let is_quiet = scene.policy.practice.quiet_until(scene.now, None).is_some();
        assert!(is_answer || is_awake || !is_quiet, "{:?} left at night", cleared.kind());
        if *cleared.kind() == Kind::AfterHours && cleared.attempt() == 1 {
            let told_lately = self.told_closed_at.replace(scene.now);
            let pause = told_lately.map_or(SignedDuration::MAX, |at| scene.now.duration_since(at));
            assert!(pause >= SignedDuration::from_mins(235), "one such reply in four hours, each within five minutes");
        }
        if *cleared.kind() == Kind::Invitation {
            self.asked.push(scene.now);
        }
        let earlier = self.attempts.insert(cleared.id(), cleared.attempt()).unwrap_or(0);
        assert_eq!(cleared.attempt(), earlier + 1);
        if earlier > 0 {
            let proof = self.proved_unsent.get(&cleared.id());
            assert_eq!(proof, Some(&earlier), "{:?} was sent again without proof", cleared.id());
        }
        assert_eq!(scene.status(cleared.id()), Status::Sending, "sending is written down before it leaves");
    }

    /// The promises that hold at rest.
    fn check(&self, scene: &Scene) {
        let outbox = &scene.conversation.outbox;
        let sending = outbox.waiting.iter().filter(|waiting| matches!(waiting.stage, Stage::Sending { .. })).count();
        assert!(sending <= 1, "one message is in flight at a time");

        for message in scene.thread.values().filter(|message| message.kind != Kind::Inbound) {
            let unfinished = matches!(
                message.status,
                Status::Pending | Status::Held | Status::Scheduled | Status::Queued | Status::Sending
            );
            let waiting = outbox.waiting.iter().filter(|waiting| waiting.message.id == message.id).count();
            let tracked = outbox.tracked.iter().filter(|tracked| tracked.id == message.id).count();
            assert!(waiting + tracked <= 1, "a message has one place");
            assert_eq!(waiting == 1, unfinished, "{:?} is {:?}", message.id, message.status);
            assert_eq!(outbox.status(message.id).unwrap_or(message.status), message.status);
            let is_held = scene.conversation.hold.is_some();
            let lacks_author = message.failure == Some(Failure::AuthorMayNotText);
            assert!(
                is_held || lacks_author || message.status != Status::Held,
                "what is held waits for somebody to settle it"
            );
        }
        let accepted = |message: &&Message| matches!(message.kind, Kind::StaffText { .. });
        let in_thread: Vec<MessageId> = scene.thread.values().filter(accepted).map(|message| message.id).collect();
        assert_eq!(in_thread, self.accepted, "every accepted draft is in the thread once");

        let is_orphaned = |waiting: &Waiting| waiting.stage == Stage::Orphaned;
        let waits_alone =
            !outbox.waiting.iter().all(is_orphaned) || matches!(scene.conversation.consent, Consent::Invited { .. });
        if waits_alone {
            assert!(scene.conversation.wake_at(&scene.policy).is_some(), "whoever waits will be woken");
        }
        assert!(scene.messages(&Kind::OptOutConfirmation) <= self.confirmations_owed, "one confirmation for each STOP");
        for three in self.asked.windows(3) {
            let span = three[2].duration_since(three[0]);
            assert!(span >= SignedDuration::from_hours(30 * 24), "two questions in thirty days, not three");
        }
        if let Consent::OptedIn { evidence: id, .. } = scene.conversation.consent {
            let words = scene.thread[&id.seq].text.expose();
            assert!(["YES", "START", "Yes please"].contains(&words), "{words} is no opt-in");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_a_promise(
        steps in prop::collection::vec(step(), 1..120),
        keeps_hours in any::<bool>(),
    ) {
        let mut scene = Scene::new();
        if keeps_hours {
            scene.keeps_hours();
        }
        let mut world = World::default();
        for step in &steps {
            world.play(&mut scene, step);
            world.check(&scene);
        }
    }

    #[test]
    fn handling_an_event_does_not_touch_the_value_it_was_asked_of(steps in prop::collection::vec(step(), 1..40)) {
        let mut scene = Scene::new();
        let mut world = World::default();
        for step in &steps {
            world.play(&mut scene, step);
        }
        let before = scene.conversation.clone();
        let once = before.handle(Event::Woken, scene.now, &scene.policy);
        let twice = before.handle(Event::Woken, scene.now, &scene.policy);
        prop_assert_eq!(&before, &scene.conversation);
        prop_assert_eq!(once, twice, "the same question has the same answer");
    }
}
