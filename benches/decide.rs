//! How long the core thinks: one decision for each kind of event, and the reading of texts on which they rest.
//!
//! A decision here includes the copy of the conversation that becomes the next one, and dropping what it was
//! decided into. Nothing is written down.

use std::hint::black_box;

use assent::domain::policy::BootId;
use assent::domain::text::Segments;
use assent::domain::{
    Answer, Body, CarrierId, Conversation, ConversationId, ConversationKey, Decision, Draft, Effect, Event,
    Fingerprint, Form, Inbound, Limits, MessageId, Outcome, Phone, Policy, Practice, PracticeId, Receipt,
    SEGMENTS_PER_MINUTE_DEFAULT, StaffId, keyword,
};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

/// 95 characters, as in the measurements of other gateways.
const REMINDER: &str =
    "Your appointment is on Tuesday at half past nine. Please come ten minutes early. See you then. ";
const QUEUED: usize = 20;

/// A conversation with a patient who opted in.
struct Scene {
    policy: Policy,
    now: Timestamp,
    conversation: Conversation,
}

impl Scene {
    fn opted_in() -> Self {
        let practice = Practice {
            id: PracticeId::parse("riverside").expect("an id"),
            name: "Riverside Dental".into(),
            number: Phone::parse("+13035559999").expect("a phone"),
            time_zone: "America/Denver".into(),
            contact: "303-555-9999".into(),
            segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        let phone = Phone::parse("+13035550123").expect("a phone");
        let key = ConversationKey { practice: practice.id.clone(), phone };
        let policy = Policy {
            practice: practice.into(),
            boot: BootId(1),
            limits: Limits::default(),
            writing: Default::default(),
            texting: Default::default(),
        };
        let now = Timestamp::from_second(1_790_000_000).expect("the year 2026 is a time");
        let mut scene = Self { policy, now, conversation: Conversation::new(ConversationId(1), key, now) };
        scene.takes(received("START"));
        let confirmation = scene.conversation.outbox.waiting[0].message.id;
        scene.takes(Event::SlotGranted(confirmation));
        scene.takes(answered(confirmation));
        scene.takes(receipted());
        scene
    }

    /// Texts of staff that wait for the carrier.
    fn with_queued(count: usize) -> (Self, MessageId) {
        let mut scene = Self::opted_in();
        for _ in 0..count {
            let Outcome::Accepted(_) = scene.takes(drafted()).outcome else { panic!("the patient opted in") };
        }
        let first = scene.conversation.outbox.waiting[0].message.id;
        (scene, first)
    }

    fn decides(&self, event: Event) -> Decision {
        self.conversation.handle(event, self.now, &self.policy)
    }

    fn takes(&mut self, event: Event) -> Decision {
        self.now += SignedDuration::from_secs(1);
        let decision = self.decides(event);
        self.conversation = decision.next.clone();
        decision
    }
}

fn received(words: &str) -> Event {
    Event::Received(Inbound {
        text: Body::new(words),
        form: Form::Text,
        part: None,
        fingerprint: Fingerprint([7; 16]),
        delivery: None,
        earlier_session_ended: None,
        session_began: None,
        written: Default::default(),
    })
}

fn drafted() -> Event {
    Event::Drafted(Draft {
        text: Body::new(REMINDER),
        staff: Some(StaffId::parse("maria").expect("an id")),
        preferences: Default::default(),
        send_at: None,
    })
}

fn answered(id: MessageId) -> Event {
    Event::Answered { id, attempt: 1, answer: Answer::Taken { ids: vec![CarrierId("19a2f".into())] } }
}

fn receipted() -> Event {
    Event::Receipted(Receipt::delivered(CarrierId("19a2f".into())))
}

fn decisions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let mut measure = |name: &str, scene: &Scene, event: Event| {
        let decision = scene.decides(event.clone());
        assert_ne!(decision.next, scene.conversation, "{name} changes something");
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| event.clone(), |event| black_box(scene.decides(event)), BatchSize::SmallInput);
        });
    };
    let idle = Scene::opted_in();
    measure("a draft", &idle, drafted());
    measure("another text", &idle, received("Thank you, I will be there at half past nine."));
    let (busy, _) = Scene::with_queued(QUEUED);
    measure("a STOP with 20 queued", &busy, received("STOP"));
    let (mut leaving, first) = Scene::with_queued(1);
    let gate = leaving.decides(Event::SlotGranted(first));
    assert!(gate.effects.iter().any(|effect| matches!(effect, Effect::Submit(_))), "consent stands");
    measure("a granted slot", &leaving, Event::SlotGranted(first));
    leaving.takes(Event::SlotGranted(first));
    measure("an answer", &leaving, answered(first));
    leaving.takes(answered(first));
    measure("a receipt", &leaving, receipted());
    group.finish();
}

fn readings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for characters in [95, 1_000] {
        let text: String = REMINDER.chars().cycle().take(characters).collect();
        group.bench_with_input(BenchmarkId::new("keyword", characters), &text, |bencher, text| {
            bencher.iter(|| keyword::read(black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("segments", characters), &text, |bencher, text| {
            bencher.iter(|| Segments::of(black_box(text)));
        });
    }
    group.finish();
}

criterion_group!(benches, decisions, readings);
criterion_main!(benches);
