//! Stories that a store is told, and all that can be seen of them: to compare a store with what was made of it.

use std::sync::Arc;

use assent::domain::desk::{DeskState, Facet, Rearrangement, Tag, Tags};
use assent::domain::keyword::Language;
use assent::domain::note::{Note, NoteText};
use assent::domain::policy::BootId;
use assent::domain::template::Words;
use assent::domain::{
    Answer, Body, CarrierId, Clues, Conversation, ConversationId, ConversationKey, Draft, Effect, Event, Fingerprint,
    Form, Inbound, Limits, Link, Mark, MessageId, Patient, PatientId, Phone, Policy, Practice, PracticeId, Receipt,
    ReceiptState, SEGMENTS_PER_MINUTE_DEFAULT, Seq, StaffId, StaffMember, Template, TemplateId, Written,
};
use assent::ports::{
    Changed, Clock, Commit, CommitError, DeadLetter, IdempotencyKey, InboxFilter, InboxRow, KeptAnswer, Looked,
    OccurrenceId, Occurrences, OperationId, Record, RecordKey, Store, TokenRecord, Version,
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

/// Nothing is older than a day at this time.
pub struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_040_000).unwrap()
    }
}

pub const PRACTICES: [&str; 2] = ["riverside", "lakeside"];
pub const PHONES: [&str; 3] = ["+13035550123", "+13035550124", "+13035550125"];
pub const ALL: usize = 10_000;

pub fn practice(index: usize) -> Practice {
    Practice {
        id: PracticeId::parse(PRACTICES[index]).unwrap(),
        name: format!("{} Dental", PRACTICES[index]),
        number: Phone::parse(&format!("+1303555999{index}")).unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-9999".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    }
}

pub fn policy(index: usize) -> Policy {
    Policy {
        practice: Arc::new(practice(index)),
        boot: BootId(1),
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    }
}

// ----------------------------------------------------------------------------------------------- the stories

/// What happens next, and to whom. Ids and attempts are filled in from what was asked of the shell.
#[derive(Debug, Clone)]
pub enum Happening {
    Event(Event),
    Drafted { words: String, key: bool },
    Granted,
    Answered(Answer),
    DeadLetter(Vec<u8>),
    Put { patient: u8 },
    Removed { patient: u8 },
}

pub fn happening() -> impl Strategy<Value = Happening> {
    let words = prop_oneof![Just("YES"), Just("STOP"), Just("START"), Just("HELP"), Just("my knee hurts \u{1f915}")];
    let received = (words, any::<[u8; 16]>()).prop_map(|(words, fingerprint)| received(words, fingerprint));
    let receipted = (proptest::option::of("[ab]"), proptest::option::of(1..5_u16)).prop_map(|(id, reference)| {
        let carrier_id = id.map(|id| CarrierId(id.into()));
        Event::Receipted(Receipt {
            carrier_id,
            reference,
            state: ReceiptState::Delivered,
            error: None,
            clues: Clues::default(),
        })
    });
    let answer = prop_oneof![
        3 => "[ab]".prop_map(|id| Answer::Taken { ids: vec![CarrierId(id.into())] }),
        1 => Just(Answer::PartlyTaken),
        1 => Just(Answer::Unknown),
    ];
    prop_oneof![
        5 => received.prop_map(Happening::Event),
        4 => (".{0,300}", any::<bool>()).prop_map(|(words, key)| Happening::Drafted { words, key }),
        5 => Just(Happening::Granted),
        4 => answer.prop_map(Happening::Answered),
        2 => receipted.prop_map(Happening::Event),
        1 => Just(Happening::Event(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None })),
        1 => Just(Happening::Event(Event::MarkedUnread)),
        1 => Just(Happening::Event(Event::Woken)),
        1 => "[a-z]{1,20}".prop_map(|words| {
            Happening::Event(Event::Noted { text: NoteText::parse(&words).unwrap(), staff: Some(staff("ana")) })
        }),
        2 => rearrangement().prop_map(|change| Happening::Event(Event::Rearranged { change, seen: None })),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Happening::DeadLetter),
        1 => (0..4_u8).prop_map(|patient| Happening::Put { patient }),
        1 => (0..4_u8).prop_map(|patient| Happening::Removed { patient }),
    ]
}

fn staff(id: &str) -> StaffId {
    StaffId::parse(id).unwrap()
}

fn rearrangement() -> impl Strategy<Value = Rearrangement> {
    let assigned_to = proptest::option::of(proptest::option::of(Just(staff("ana"))));
    let state = proptest::option::of(prop_oneof![Just(DeskState::Open), Just(DeskState::Closed)]);
    let tags = proptest::option::of(proptest::sample::subsequence(vec!["knee", "billing"], 0..=2));
    (assigned_to, state, tags).prop_map(|(assigned_to, state, tags)| Rearrangement {
        assigned_to,
        state,
        tags: tags.map(|tags| Tags::of(tags.into_iter().map(|tag| Tag::parse(tag).unwrap()).collect()).unwrap()),
    })
}

/// A text of a patient's; of one with an emoji there is something to know.
pub fn received(words: &str, fingerprint: [u8; 16]) -> Event {
    let marks = [Mark::Replaced, Mark::SecondText].into_iter().filter(|_| !words.is_ascii()).collect();
    Event::Received(Inbound {
        text: Body::new(words),
        form: Form::Text,
        part: None,
        fingerprint: Fingerprint(fingerprint),
        delivery: None,
        earlier_session_ended: None,
        session_began: None,
        written: Written { marks, segment: None },
    })
}

/// One conversation as the one who writes it knows it.
pub struct Talk {
    pub now: Conversation,
    pub version: Version,
    pub policy: Policy,
    pub asked: Option<MessageId>,
    pub leaving: Option<(MessageId, u32)>,
}

/// Everybody who is told of in a store.
pub struct Told {
    pub talks: Vec<Talk>,
    pub time: Timestamp,
    pub operations: u128,
    pub keys: Vec<(PracticeId, IdempotencyKey)>,
}

impl Told {
    pub async fn new(store: &Arc<dyn Store>) -> Self {
        let mut talks = Vec::new();
        let time = Timestamp::from_second(1_790_000_000).unwrap();
        for index in 0..PRACTICES.len() {
            let us = practice(index);
            let ana = StaffMember {
                id: StaffId::parse("ana").unwrap(),
                name: "Ana".into(),
                site_administrator: true,
                patient_text_administrator: false,
            };
            let token = TokenRecord {
                id: format!("t{index}"),
                practice: us.id.clone(),
                name: "stride".into(),
                secret_sha256: [7; 32],
                created_at: time,
                expires_at: Some(time + SignedDuration::from_hours(1)),
                staff: Some(ana.id.clone()),
            };
            let staff = Record::Staff(us.id.clone(), ana);
            let greeting = Template {
                id: TemplateId::parse("greeting").unwrap(),
                name: "Greeting".into(),
                words: Words::parse("Hola {first_name}").unwrap(),
                language: Language::Spanish,
            };
            let template = Record::Template(us.id.clone(), greeting);
            let link = Link {
                phone: Phone::parse("+13035550788").unwrap(),
                patient: PatientId::parse("rosa").unwrap(),
                by: None,
                at: time,
            };
            let (token, link) = (Record::Token(token), Record::Link(us.id.clone(), link));
            store.put(vec![Record::Practice(us.clone()), staff, token, template, link]).await.unwrap();
            for (line, phone) in PHONES.into_iter().enumerate() {
                let key = ConversationKey { practice: us.id.clone(), phone: Phone::parse(phone).unwrap() };
                let id = ConversationId(u64::MAX - (index * 10 + line) as u64);
                let (now, policy) = (Conversation::new(id, key, time), policy(index));
                talks.push(Talk { now, version: Version(0), policy, asked: None, leaving: None });
            }
        }
        Self { talks, time, operations: 0, keys: Vec::new() }
    }

    pub async fn hears(&mut self, store: &Arc<dyn Store>, whom: usize, happening: Happening) {
        self.time += SignedDuration::from_nanos(1_000_000_007);
        let talk = &mut self.talks[whom];
        let (event, key) = match happening {
            Happening::Event(event) => (event, None),
            Happening::Drafted { words, key } => {
                let draft = Draft {
                    text: Body::new(words),
                    staff: Some(StaffId::parse("ana").unwrap()),
                    preferences: Default::default(),
                    send_at: None,
                };
                let key = key.then(|| IdempotencyKey(format!("key {}", self.operations).into()));
                (Event::Drafted(draft), key)
            }
            Happening::Granted => match talk.asked.take() {
                Some(id) => (Event::SlotGranted(id), None),
                None => return,
            },
            Happening::Answered(answer) => match talk.leaving.take() {
                Some((id, attempt)) => (Event::Answered { id, attempt, answer }, None),
                None => return,
            },
            Happening::DeadLetter(raw) => {
                let letter = DeadLetter { at: self.time, reason: "no practice has this number", raw };
                return store.set_aside(letter).await.unwrap();
            }
            Happening::Put { patient } => {
                let us = &talk.policy.practice.id;
                let patient = Patient {
                    id: PatientId::parse(&format!("p{patient}")).unwrap(),
                    first_name: "Rosa".into(),
                    last_name: format!("García {}", self.operations),
                    date_of_birth: jiff::civil::date(1984, 5, 12),
                    mobile_phone: Phone::parse(PHONES[0]).unwrap(),
                    preferences: Default::default(),
                };
                return store.put(vec![Record::Patient(us.clone(), patient)]).await.unwrap();
            }
            Happening::Removed { patient } => {
                let id = PatientId::parse(&format!("p{patient}")).unwrap();
                return store.remove(&RecordKey::Patient(talk.policy.practice.id.clone(), id)).await.unwrap();
            }
        };
        self.operations += 1;
        let (commit, effects) = talk.decide(event, self.time, self.operations, key.clone());
        let next = commit.next.clone();
        talk.version = store.commit(commit).await.unwrap();
        talk.now = next;
        self.keys.extend(key.map(|key| (talk.now.key.practice.clone(), key)));
        for effect in effects {
            match effect {
                Effect::RequestSlot { id, .. } => talk.asked = Some(id),
                Effect::Submit(cleared) => talk.leaving = Some((cleared.id(), cleared.attempt())),
                Effect::Recall { .. } | Effect::Publish(_) => {}
            }
        }
    }
}

impl Talk {
    pub fn decide(
        &self,
        event: Event,
        time: Timestamp,
        operation: u128,
        key: Option<IdempotencyKey>,
    ) -> (Commit, Vec<Effect>) {
        let decision = self.now.handle(event, time, &self.policy);
        let kept = key.map(|key| KeptAnswer {
            key,
            request: [operation as u8; 32],
            conversation: self.now.key.clone(),
            message: MessageId { conversation: self.now.id, seq: Seq(1) },
        });
        let commit = Commit {
            expected: self.version,
            operation: OperationId(operation << 70 | operation),
            at: time,
            wake_at: decision.next.wake_at(&self.policy),
            summary: decision.next.summary(),
            next: decision.next,
            journal: decision.journal,
            idempotency: kept,
        };
        (commit, decision.effects)
    }
}

// --------------------------------------------------------------------------------------- what can be seen of it

/// Everything that a store says of itself through its door, but for what its own places are.
#[derive(Debug, PartialEq)]
pub struct Seen {
    conversations: Vec<(Option<assent::ports::Stored>, Vec<assent::domain::Message>)>,
    notes: Vec<Vec<Note>>,
    inboxes: Vec<Vec<InboxRow>>,
    unread: Vec<assent::ports::Unread>,
    kept: Vec<Option<KeptAnswer>>,
    due: Vec<ConversationKey>,
    records: (Vec<Record>, assent::ports::RecordsVersion),
    last_commit: Option<Timestamp>,
}

pub async fn look(store: &Arc<dyn Store>, told: &Told) -> Seen {
    let mut conversations = Vec::new();
    for talk in &told.talks {
        let key = &talk.now.key;
        conversations.push((store.load(key).await.unwrap(), store.thread(key, None, ALL).await.unwrap()));
    }
    let mut notes = Vec::new();
    for talk in &told.talks {
        notes.push(store.notes(&talk.now.key, None, ALL).await.unwrap());
    }
    let (mut inboxes, mut unread) = (Vec::new(), Vec::new());
    for index in 0..PRACTICES.len() {
        let looked = [Looked::Unread, Looked::Read].map(InboxFilter::looked);
        let has = [
            Facet::Waiting,
            Facet::Closed,
            Facet::AssignedTo(staff("ana")),
            Facet::Tagged(Tag::parse("KNEE").unwrap()),
        ];
        let has = has.map(|facet| InboxFilter { has: vec![facet], ..InboxFilter::all() });
        for filter in [InboxFilter::all()].into_iter().chain(looked).chain(has) {
            let mut rows = store.inbox(&practice(index).id, &filter, None, ALL).await.unwrap().rows;
            rows.iter_mut().for_each(|row| row.cursor.row = 0);
            inboxes.push(rows);
        }
        unread.push(store.unread(&practice(index).id).await.unwrap());
    }
    let mut kept = Vec::new();
    for (practice, key) in &told.keys {
        kept.push(store.kept_answer(practice, key).await.unwrap());
    }
    // Redis keeps the records of each practice together, and breaks ties of time its own way.
    let (mut records, records_version) = store.records().await.unwrap();
    records.sort_by_key(|record| record.key().practice().clone());
    let mut due = store.due(Timestamp::MAX, ALL).await.unwrap();
    let wakes = |key: &ConversationKey| {
        let talk = told.talks.iter().find(|talk| talk.now.key == *key);
        talk.and_then(|talk| talk.now.wake_at(&talk.policy))
    };
    assert!(due.is_sorted_by_key(wakes), "the most overdue are first");
    due.sort_by_key(|key| (key.practice.clone(), key.phone.expose().to_owned()));
    Seen {
        conversations,
        notes,
        inboxes,
        unread,
        kept,
        due,
        records: (records, records_version),
        last_commit: store.last_commit_before_start().await.unwrap(),
    }
}

pub async fn stream(store: &Arc<dyn Store>, practice: &PracticeId, after: u64) -> Option<Vec<(Phone, Changed)>> {
    match store.occurrences(practice, OccurrenceId(after), ALL).await.unwrap() {
        Occurrences::Page(page) => Some(page.into_iter().map(|one| (one.phone, one.change)).collect()),
        Occurrences::Gone => None,
    }
}

/// Everything that the stream of a practice has, from wherever it begins.
pub async fn whole_stream(store: &Arc<dyn Store>, practice: &PracticeId) -> Vec<(Phone, Changed)> {
    let OccurrenceId(newest) = store.newest_occurrence(practice).await.unwrap();
    for after in 0..=newest {
        if let Some(page) = stream(store, practice, after).await {
            return page;
        }
    }
    panic!("what came after the newest is not gone");
}

/// Tells a store things that were chosen by chance, and always the same.
pub async fn told_by_chance(store: &Arc<dyn Store>, count: usize) -> Told {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut told = Told::new(store).await;
    for _ in 0..count {
        let (whom, happening) = (0..told.talks.len(), happening()).new_tree(&mut runner).unwrap().current();
        told.hears(store, whom, happening).await;
    }
    told
}

/// A copy says of itself what its source says, and whoever resumes the source's stream is told to start over.
pub async fn is_a_copy(copy: &Arc<dyn Store>, source: &Arc<dyn Store>, told: &Told) {
    assert_eq!(look(copy, told).await, look(source, told).await);
    let mut newest = 0;
    for index in 0..PRACTICES.len() {
        newest = newest.max(source.newest_occurrence(&practice(index).id).await.unwrap().0);
    }
    for index in 0..PRACTICES.len() {
        let us = practice(index).id;
        for old in 0..=newest {
            let found = stream(copy, &us, old).await;
            assert!(found.is_none_or(|page| newest == 0 && page.is_empty()), "{old} of {newest}");
        }
        assert_eq!(whole_stream(copy, &us).await, whole_stream(source, &us).await);
    }
}

/// Versions go on, and what was kept for a key is found by the next who uses it.
pub async fn life_goes_on(store: &Arc<dyn Store>, told: &Told) {
    for talk in &told.talks {
        let event = || received("how are you?", [99; 16]);
        let taken = told.keys.iter().find(|(practice, _)| *practice == talk.now.key.practice);
        if let Some((_, key)) = taken {
            let (commit, _) = talk.decide(event(), told.time, 1 << 50, Some(key.clone()));
            let answer = store.commit(commit).await;
            assert!(matches!(answer, Err(CommitError::KeyTaken(kept)) if kept.key == *key));
        }
        let (commit, _) = talk.decide(event(), told.time, 1 << 50, None);
        let late = Commit { operation: OperationId(1 << 51), ..commit.clone() };
        assert_eq!(store.commit(commit).await.unwrap(), Version(talk.version.0 + 1));
        assert!(matches!(store.commit(late).await, Err(CommitError::Conflict { .. })));
    }
}

/// So much that a copy takes several pages of each kind that there is.
pub async fn a_lot(store: &Arc<dyn Store>) {
    for round in 0..60_u64 {
        let commits = (0..50_u64).map(|line| {
            let phone = Phone::parse(&format!("+1303556{line:04}")).unwrap();
            let key = ConversationKey { practice: practice(0).id, phone };
            let mut fingerprint = [0; 16];
            fingerprint[..8].copy_from_slice(&(round * 50 + line).to_be_bytes());
            let now = Timestamp::from_second(1_790_000_000).unwrap();
            async move {
                let found = store.load(&key).await.unwrap();
                let (now, version) = match found {
                    Some(found) => (found.conversation, found.version),
                    None => (Conversation::new(ConversationId(line), key, now), Version(0)),
                };
                let talk = Talk { now, version, policy: policy(0), asked: None, leaving: None };
                let event = received(&format!("it hurts {round}"), fingerprint);
                let time = Timestamp::from_second(1_790_000_000 + round.cast_signed()).unwrap();
                let (commit, _) = talk.decide(event, time, u128::from(round * 50 + line), None);
                store.commit(commit).await.unwrap();
            }
        });
        join_all(commits).await;
    }
}
