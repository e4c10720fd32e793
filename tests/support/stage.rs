//! Conversations with a store, without the daemon around it: who decides, and what is committed of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use assent::domain::audit::{Audited, By, Ended, Subject};
use assent::domain::desk::{Rearrangement, Tag, Tags};
use assent::domain::keyword::Language;
use assent::domain::note::NoteText;
use assent::domain::policy::BootId;
use assent::domain::template::Words;
use assent::domain::{
    Body, Conversation, ConversationId, ConversationKey, Draft, Event, Fingerprint, Form, Inbound, Limits, Link,
    MessageId, Patient, PatientId, Phone, Policy, Practice, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT, Seq, StaffId,
    StaffMember, Template, TemplateId, Webhook, WebhookId, WebhookSecret, WebhookUrl,
};
use assent::ports::{
    Changed, Clock, Commit, CommitError, DeadLetter, Fate, Heard, IdempotencyKey, InboxFilter, KeptAnswer, Lease,
    Notice, Occurrence, OccurrenceId, Occurrences, OperationId, Post, Record, Store, TokenRecord, Version,
    WebhookDelivery, WebhookKey,
};
use assent::store::KeySource;
use jiff::Timestamp;

/// A clock that is moved by hand.
pub struct HandClock(pub AtomicI64);

impl HandClock {
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Minutes into the story.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + minutes * 60).unwrap()
}

pub fn practice(id: &str) -> PracticeId {
    PracticeId::parse(id).unwrap()
}

pub fn key(practice_id: &str, line: u32) -> ConversationKey {
    ConversationKey { practice: practice(practice_id), phone: Phone::parse(&format!("+1303555{line:04}")).unwrap() }
}

pub fn policy(practice_id: &PracticeId) -> Policy {
    let practice = Practice {
        id: practice_id.clone(),
        name: "Riverside Dental".into(),
        number: Phone::parse("+13035559999").unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-9999".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    };
    Policy {
        practice: Arc::new(practice),
        boot: BootId(1),
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    }
}

pub fn text(words: &str) -> Event {
    static TEXTS: AtomicU64 = AtomicU64::new(1);
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&TEXTS.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    Event::Received(Inbound {
        text: Body::new(words),
        form: Form::Text,
        part: None,
        fingerprint: Fingerprint(fingerprint),
        delivery: None,
        earlier_session_ended: None,
        session_began: None,
        written: Default::default(),
    })
}

pub fn draft(words: &str) -> Event {
    Event::Drafted(Draft {
        text: Body::new(words),
        staff: Some(StaffId::parse("ana").unwrap()),
        preferences: Default::default(),
        send_at: None,
    })
}

/// One conversation and the store that it is in.
#[derive(Clone)]
pub struct Talk {
    pub store: Arc<dyn Store>,
    pub policy: Policy,
    pub now: Conversation,
    pub version: Version,
}

impl Talk {
    pub fn new(store: &Arc<dyn Store>, key: ConversationKey) -> Self {
        static CONVERSATIONS: AtomicU64 = AtomicU64::new(u64::MAX - 1_000_000);
        let id = ConversationId(CONVERSATIONS.fetch_add(1, Ordering::SeqCst));
        let policy = policy(&key.practice);
        Self { store: Arc::clone(store), policy, now: Conversation::new(id, key, at(0)), version: Version(0) }
    }

    pub fn decide(&self, event: Event, time: Timestamp) -> Commit {
        static OPERATIONS: AtomicU64 = AtomicU64::new(1);
        let decision = self.now.handle(event, time, &self.policy);
        Commit {
            expected: self.version,
            operation: OperationId(u128::from(OPERATIONS.fetch_add(1, Ordering::SeqCst)) << 70),
            at: time,
            wake_at: decision.next.wake_at(&self.policy),
            summary: decision.next.summary(),
            next: decision.next,
            journal: decision.journal,
            idempotency: None,
        }
    }

    pub async fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        let next = commit.next.clone();
        self.version = self.store.commit(commit).await?;
        self.now = next;
        Ok(())
    }

    pub async fn hear(&mut self, event: Event, time: Timestamp) {
        self.commit(self.decide(event, time)).await.unwrap();
    }

    pub fn key(&self) -> &ConversationKey {
        &self.now.key
    }

    pub fn id(&self, seq: u64) -> MessageId {
        MessageId { conversation: self.now.id, seq: Seq(seq) }
    }

    pub async fn words(&self, before: Option<Seq>, limit: usize) -> Vec<String> {
        let thread = self.store.thread(self.key(), before, limit).await.unwrap();
        thread.iter().map(|message| message.text.expose().to_owned()).collect()
    }
}

pub async fn talk(store: &Arc<dyn Store>, key: ConversationKey, words: &str, time: Timestamp) -> Talk {
    let mut talk = Talk::new(store, key);
    talk.hear(text(words), time).await;
    talk
}

pub fn kept(talk: &Talk, name: &str) -> KeptAnswer {
    KeptAnswer {
        key: IdempotencyKey(name.into()),
        request: [7; 32],
        conversation: talk.key().clone(),
        message: talk.id(1),
    }
}

pub async fn occurrences(store: &Arc<dyn Store>, practice: &PracticeId, after: OccurrenceId) -> Vec<(Phone, Changed)> {
    match store.occurrences(practice, after, 1_000).await.unwrap() {
        Occurrences::Page(page) => page.into_iter().map(|one| (one.phone, one.change)).collect(),
        Occurrences::Gone => panic!("nothing that was asked for is gone"),
    }
}

pub async fn newest(store: &Arc<dyn Store>, key: &ConversationKey) -> OccurrenceId {
    store.newest_occurrence(&key.practice).await.unwrap()
}

pub async fn inbox(store: &Arc<dyn Store>, practice: &PracticeId, filter: InboxFilter) -> Vec<Phone> {
    let part = store.inbox(practice, &filter, None, 100).await.unwrap();
    part.rows.into_iter().map(|row| row.phone).collect()
}

pub fn some_records() -> Vec<Record> {
    let us = practice("riverside");
    let ana = StaffMember {
        id: StaffId::parse("x1").unwrap(),
        name: "Ana Quintero".into(),
        site_administrator: true,
        patient_text_administrator: false,
    };
    let patient = Patient {
        id: PatientId::parse("x1").unwrap(),
        first_name: "Wilhelmina".into(),
        last_name: "Featherstone".into(),
        date_of_birth: jiff::civil::date(1931, 2, 28),
        mobile_phone: Phone::parse("+13035550777").unwrap(),
        preferences: Default::default(),
    };
    let token = TokenRecord {
        id: "x1".into(),
        practice: us.clone(),
        name: "EHR".into(),
        secret_sha256: [9; 32],
        created_at: at(0),
        expires_at: Some(at(5)),
        staff: Some(ana.id.clone()),
    };
    let link = Link {
        phone: Phone::parse("+13035550778").unwrap(),
        patient: PatientId::parse("x1").unwrap(),
        by: Some(StaffId::parse("x1").unwrap()),
        at: at(3),
    };
    let template = Template {
        id: TemplateId::parse("x1").unwrap(),
        name: "Greeting".into(),
        words: Words::parse("Hola {first_name}").unwrap(),
        language: Language::Spanish,
    };
    vec![
        Record::Practice((*policy(&us).practice).clone()),
        Record::Staff(us.clone(), ana),
        Record::Patient(us.clone(), patient),
        Record::Token(token),
        Record::Template(us.clone(), template),
        Record::Link(us.clone(), link),
        Record::Webhook(practice("riverside"), some_webhook()),
    ]
}

fn some_webhook() -> Webhook {
    Webhook {
        id: WebhookId::parse("x1").unwrap(),
        serial: 7,
        url: WebhookUrl::parse("https://hooks.example/?token=my-hook-5517").unwrap(),
        events: None,
        enabled: true,
        secret: WebhookSecret::new(*b"my-secret-that-signs-0123456789a"),
        previous: None,
    }
}

/// What somebody did at a practice: another for each number.
pub fn some_audited(practice_id: &str, number: u64) -> Audited {
    let staff = StaffId::parse("ana").unwrap();
    let token = format!("t{number}");
    let key = key(practice_id, u32::try_from(number).unwrap());
    Audited {
        practice: key.practice.clone(),
        at: at(i64::try_from(number).unwrap()),
        by: match number % 4 {
            0 => By::Operator(None),
            1 => By::Staff { staff, token },
            2 => By::Backend { token },
            _ => By::Operator(Some(staff)),
        },
        action: "get_patient".into(),
        about: Subject {
            patient: number.is_multiple_of(2).then(|| PatientId::parse("x1").unwrap()),
            phone: number.is_multiple_of(3).then_some(key.phone),
            message: number.is_multiple_of(5).then(|| MessageId::parse("000000000000005f-12").unwrap()),
            other: number.is_multiple_of(7).then(|| "stride".into()),
        },
        ended: if number.is_multiple_of(2) { Ended::Refused("not-found".into()) } else { Ended::Done },
    }
}

/// What was posted to a webhook about the phone that ends with these digits.
pub fn some_post(digits: u32) -> Post {
    let occurrence =
        Occurrence { id: OccurrenceId(1), phone: key("riverside", digits).phone, change: Changed::Consent };
    let delivery = WebhookDelivery {
        notice: Notice::Occurred(occurrence),
        taken_at: at(0),
        attempts: 1,
        tried_at: Some(at(0)),
        fate: Fate::Due(at(1)),
        last: Some(Heard::Status(503)),
    };
    Post {
        position: OccurrenceId(1),
        deliveries: vec![delivery],
        failing_since: Some(at(0)),
        up_since: None,
        tried_at: Some(at(0)),
        last: Some(Heard::Status(503)),
        stopped: None,
        lease: Some(Lease { daemon: BootId(1), until: at(1) }),
    }
}

pub fn keys_in(directory: &Path, lines: &[(&str, u8)]) -> KeySource {
    use base64::Engine;
    let encode = |octet: u8| base64::engine::general_purpose::STANDARD.encode([octet; 32]);
    let text: String = lines.iter().map(|(id, octet)| format!("{id}:{}\n", encode(*octet))).collect();
    let file = directory.join("keys");
    std::fs::write(&file, text).unwrap();
    KeySource::File(file)
}

pub fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// What must not be readable wherever a store keeps what was told by [`tell_canaries`].
const CANARIES: [&str; 13] = [
    "3035554321",
    "knee",
    "Featherstone",
    "Wilhelmina",
    "1931-02-28",
    "3035550777",
    "Quintero",
    "my-own-key-8842",
    "opted_out",
    "Riverside Dental",
    "STOP",
    "my-hook-5517",
    "my-secret-that-signs",
];

/// Tells a store a little of everything that is personal.
pub async fn tell_canaries(store: &Arc<dyn Store>) {
    let mut talk = talk(store, key("riverside", 4321), "my knee hurts badly", at(1)).await;
    talk.hear(draft("Featherstone, your knee"), at(2)).await;
    talk.hear(text("STOP"), at(3)).await;
    let mut commit = talk.decide(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }, at(4));
    commit.idempotency = Some(kept(&talk, "my-own-key-8842"));
    talk.commit(commit).await.unwrap();
    let text = NoteText::parse("my knee, says her son").unwrap();
    talk.hear(Event::Noted { text, staff: None }, at(4)).await;
    let tags = Tags::of(vec![Tag::parse("knee").unwrap()]).unwrap();
    let change = Rearrangement { tags: Some(tags), ..Rearrangement::default() };
    talk.hear(Event::Rearranged { change, seen: None }, at(4)).await;
    store.put(some_records()).await.unwrap();
    let key = WebhookKey { practice: practice("riverside"), serial: 7 };
    store.keep(&key, Version(0), &some_post(4321)).await.unwrap();
    // The third of them names a phone.
    let mut audited = some_audited("riverside", 3);
    audited.about.phone = Some(self::key("riverside", 4321).phone);
    store.enter(audited).await.unwrap();
    let letter = DeadLetter { at: at(1), reason: "unknown number", raw: b"my knee hurts badly".to_vec() };
    store.set_aside(letter).await.unwrap();
}

#[track_caller]
pub fn no_canary_is_in(files: &[(PathBuf, Vec<u8>)]) {
    for (path, octets) in files {
        for canary in CANARIES {
            let found = octets.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes()));
            assert!(!found, "{canary} is in {}", path.display());
        }
    }
}
