//! A store that was copied: it is the store that it was made from, and nobody can run on half of one.

#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use assent::domain::policy::BootId;
use assent::domain::{
    Answer, Body, CarrierId, Conversation, ConversationId, ConversationKey, Draft, Effect, Event, Fingerprint, Form,
    Inbound, Limits, MessageId, Patient, PatientId, Phone, Policy, Practice, PracticeId, Receipt, ReceiptState,
    SEGMENTS_PER_MINUTE_DEFAULT, Seq, StaffId, StaffMember,
};
use assent::ports::{
    Changed, Clock, Commit, CommitError, DeadLetter, IdempotencyKey, InboxFilter, InboxRow, KeptAnswer, OccurrenceId,
    Occurrences, OperationId, Record, RecordKey, Store, TokenRecord, Version,
};
use assent::store::{CopyError, Done, KeySource, Location, OpenError, copy, open};
use daemon::{Site, serve_to_the_end};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use tempfile::TempDir;

// ------------------------------------------------------------------------------------------------- the stage

/// Nothing is older than a day at this time.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_040_000).unwrap()
    }
}

struct Scene {
    directory: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn location(&self, name: &str) -> Location {
        Location::new(format!("file://{}", self.directory.path().join(name).display()), KeySource::InDirectory)
    }

    fn sealed_with(&self, name: &str, keys: &str) -> Location {
        Location { keys: KeySource::File(self.directory.path().join(keys)), ..self.location(name) }
    }

    async fn open(&self, name: &str) -> Arc<dyn Store> {
        open_at(&self.location(name)).await.unwrap()
    }

    async fn copy(&self, from: &str, to: &str) -> Result<Done, CopyError> {
        copy(&self.location(from), &self.location(to), &mut |_| {}).await
    }
}

async fn open_at(location: &Location) -> Result<Arc<dyn Store>, OpenError> {
    open(location, BootId(1), Arc::new(StoppedClock)).await
}

const PRACTICES: [&str; 2] = ["riverside", "lakeside"];
const PHONES: [&str; 3] = ["+13035550123", "+13035550124", "+13035550125"];
const ALL: usize = 10_000;

fn practice(index: usize) -> Practice {
    Practice {
        id: PracticeId::parse(PRACTICES[index]).unwrap(),
        name: format!("{} Dental", PRACTICES[index]),
        number: Phone::parse(&format!("+1303555999{index}")).unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-9999".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
    }
}

fn policy(index: usize) -> Policy {
    Policy { practice: Arc::new(practice(index)), boot: BootId(1), limits: Limits::default() }
}

// ----------------------------------------------------------------------------------------------- the stories

/// What happens next, and to whom. Ids and attempts are filled in from what was asked of the shell.
#[derive(Debug, Clone)]
enum Happening {
    Event(Event),
    Drafted { words: String, key: bool },
    Granted,
    Answered(Answer),
    DeadLetter(Vec<u8>),
    Put { patient: u8 },
    Removed { patient: u8 },
}

fn happening() -> impl Strategy<Value = Happening> {
    let words = prop_oneof![Just("YES"), Just("STOP"), Just("START"), Just("HELP"), Just("my knee hurts \u{1f915}")];
    let received = (words, any::<[u8; 16]>()).prop_map(|(words, fingerprint)| received(words, fingerprint));
    let receipted = (proptest::option::of("[ab]"), proptest::option::of(1..5_u16)).prop_map(|(id, reference)| {
        let carrier_id = id.map(|id| CarrierId(id.into()));
        Event::Receipted(Receipt { carrier_id, reference, state: ReceiptState::Delivered, error: None })
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
        1 => Just(Happening::Event(Event::ReadUpTo(Seq(u64::MAX)))),
        1 => Just(Happening::Event(Event::MarkedUnread)),
        1 => Just(Happening::Event(Event::Woken)),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Happening::DeadLetter),
        1 => (0..4_u8).prop_map(|patient| Happening::Put { patient }),
        1 => (0..4_u8).prop_map(|patient| Happening::Removed { patient }),
    ]
}

fn received(words: &str, fingerprint: [u8; 16]) -> Event {
    Event::Received(Inbound {
        text: Body::new(words),
        form: Form::Text,
        part: None,
        fingerprint: Fingerprint(fingerprint),
        delivery: None,
        earlier_session_ended: None,
        session_began: None,
    })
}

/// One conversation as the one who writes it knows it.
struct Talk {
    now: Conversation,
    version: Version,
    policy: Policy,
    asked: Option<MessageId>,
    leaving: Option<(MessageId, u32)>,
}

/// Everybody who is told of in a store.
struct Told {
    talks: Vec<Talk>,
    time: Timestamp,
    operations: u128,
    keys: Vec<(PracticeId, IdempotencyKey)>,
}

impl Told {
    async fn new(store: &Arc<dyn Store>) -> Self {
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
            store.put(vec![Record::Practice(us.clone()), staff, Record::Token(token)]).await.unwrap();
            for (line, phone) in PHONES.into_iter().enumerate() {
                let key = ConversationKey { practice: us.id.clone(), phone: Phone::parse(phone).unwrap() };
                let id = ConversationId(u64::MAX - (index * 10 + line) as u64);
                let (now, policy) = (Conversation::new(id, key, time), policy(index));
                talks.push(Talk { now, version: Version(0), policy, asked: None, leaving: None });
            }
        }
        Self { talks, time, operations: 0, keys: Vec::new() }
    }

    async fn hears(&mut self, store: &Arc<dyn Store>, whom: usize, happening: Happening) {
        self.time += SignedDuration::from_nanos(1_000_000_007);
        let talk = &mut self.talks[whom];
        let (event, key) = match happening {
            Happening::Event(event) => (event, None),
            Happening::Drafted { words, key } => {
                let draft = Draft { text: Body::new(words), staff: Some(StaffId::parse("ana").unwrap()) };
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
    fn decide(
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
struct Seen {
    conversations: Vec<(Option<assent::ports::Stored>, Vec<assent::domain::Message>)>,
    inboxes: Vec<Vec<InboxRow>>,
    unread: Vec<assent::ports::Unread>,
    kept: Vec<Option<KeptAnswer>>,
    due: Vec<ConversationKey>,
    records: (Vec<Record>, assent::ports::RecordsVersion),
    last_commit: Option<Timestamp>,
}

async fn look(store: &Arc<dyn Store>, told: &Told) -> Seen {
    let mut conversations = Vec::new();
    for talk in &told.talks {
        let key = &talk.now.key;
        conversations.push((store.load(key).await.unwrap(), store.thread(key, None, ALL).await.unwrap()));
    }
    let (mut inboxes, mut unread) = (Vec::new(), Vec::new());
    for index in 0..PRACTICES.len() {
        for filter in [InboxFilter::All, InboxFilter::Unread, InboxFilter::Read] {
            inboxes.push(store.inbox(&practice(index).id, filter, None, ALL).await.unwrap());
        }
        unread.push(store.unread(&practice(index).id).await.unwrap());
    }
    let mut kept = Vec::new();
    for (practice, key) in &told.keys {
        kept.push(store.kept_answer(practice, key).await.unwrap());
    }
    Seen {
        conversations,
        inboxes,
        unread,
        kept,
        due: store.due(Timestamp::MAX, ALL).await.unwrap(),
        records: store.records().await.unwrap(),
        last_commit: store.last_commit_before_start().await.unwrap(),
    }
}

async fn stream(store: &Arc<dyn Store>, practice: &PracticeId, after: u64) -> Option<Vec<(Phone, Changed)>> {
    match store.occurrences(practice, OccurrenceId(after), ALL).await.unwrap() {
        Occurrences::Page(page) => Some(page.into_iter().map(|one| (one.phone, one.change)).collect()),
        Occurrences::Gone => None,
    }
}

async fn a_copy_is_the_same(happenings: Vec<(usize, Happening)>) {
    let scene = Scene::new();
    let store = scene.open("a").await;
    let mut told = Told::new(&store).await;
    for (whom, happening) in happenings {
        told.hears(&store, whom, happening).await;
    }
    drop(store);
    assert!(matches!(scene.copy("a", "b").await, Ok(Done::Copied(_))));

    let (source, target) = (scene.open("a").await, scene.open("b").await);
    assert_eq!(look(&target, &told).await, look(&source, &told).await);
    for index in 0..PRACTICES.len() {
        let us = practice(index).id;
        let OccurrenceId(newest) = source.newest_occurrence(&us).await.unwrap();
        for old in 0..=newest {
            let found = stream(&target, &us, old).await;
            assert!(found.is_none_or(|page| newest == 0 && page.is_empty()), "{old} of {newest}");
        }
        if newest > 0 {
            assert_eq!(stream(&target, &us, newest + 1).await, stream(&source, &us, 0).await);
        }
    }
    life_goes_on(&target, &told).await;
}

/// Versions go on, and what was kept for a key is found by the next who uses it.
async fn life_goes_on(store: &Arc<dyn Store>, told: &Told) {
    for talk in &told.talks {
        let event = || received("how are you?", [99; 16]);
        let taken = told.keys.iter().find(|(practice, _)| *practice == talk.now.key.practice);
        if let Some((_, key)) = taken {
            let (commit, _) = talk.decide(event(), told.time, 1 << 50, Some(key.clone()));
            let answer = store.commit(commit).await;
            assert!(matches!(answer, Err(CommitError::KeyTaken(kept)) if kept.key == *key));
        }
        let (commit, _) = talk.decide(event(), told.time, 1 << 50, None);
        let late = commit.clone();
        assert_eq!(store.commit(commit).await.unwrap(), Version(talk.version.0 + 1));
        assert!(matches!(store.commit(late).await, Err(CommitError::Conflict { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_is_the_store_that_it_was_made_from(
        happenings in proptest::collection::vec((0..PRACTICES.len() * PHONES.len(), happening()), 0..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(a_copy_is_the_same(happenings));
    }
}

// --------------------------------------------------------------------------------------------- what is refused

#[tokio::test]
async fn a_copy_is_sealed_with_keys_of_its_own() {
    let scene = Scene::new();
    Told::new(&scene.open("a").await).await;
    let key = |octet: &str| format!("k1:{}A=\n", octet.repeat(42));
    for (name, octet) in [("a-copy.key", "B"), ("other.key", "C")] {
        fs::write(scene.directory.path().join(name), key(octet)).unwrap();
    }
    let sealed = scene.sealed_with("b", "a-copy.key");
    let wrong = scene.sealed_with("a", "other.key");
    let refused = copy(&wrong, &sealed, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::From(OpenError::WrongKey { .. })), "{refused}");
    let missing = scene.sealed_with("a", "no.key");
    let refused = copy(&missing, &sealed, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::From(OpenError::KeyFile { .. })), "{refused}");
    assert!(!scene.directory.path().join("b").exists(), "nothing was begun");

    copy(&scene.location("a"), &sealed, &mut |_| {}).await.unwrap();
    assert!(!scene.directory.path().join("b/store.key").exists());
    let [a, b] = ["a", "b"].map(|name| fs::read(scene.directory.path().join(name).join("assent.db")).unwrap());
    let is_in = |what: &[u8], whole: &[u8]| whole.windows(what.len()).any(|window| window == what);
    assert!(!is_in(b"Riverside", &a) && !is_in(b"Riverside", &b) && !is_in(b"riverside", &b));
    let refused = open_at(&scene.sealed_with("b", "other.key")).await.err().unwrap();
    assert!(matches!(refused, OpenError::WrongKey { .. }), "{refused}");
    let store = open_at(&sealed).await.unwrap();
    assert_eq!(store.records().await.unwrap().0.len(), 3 * PRACTICES.len());

    let refused = copy(&scene.location("a"), &scene.sealed_with("b", "other.key"), &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::To(OpenError::InUse { .. })), "{refused}");
    drop(store);
    let refused = copy(&scene.location("a"), &scene.sealed_with("b", "other.key"), &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::To(OpenError::WrongKey { .. })), "{refused}");
}

#[tokio::test]
async fn what_holds_anything_is_no_target_and_what_is_not_there_no_source() {
    let scene = Scene::new();
    Told::new(&scene.open("a").await).await;
    Told::new(&scene.open("full").await).await;
    let refused = scene.copy("a", "full").await.unwrap_err();
    assert!(matches!(refused, CopyError::NotEmpty), "{refused}");
    let refused = scene.copy("a", "a").await.unwrap_err();
    assert!(matches!(refused, CopyError::Same), "{refused}");
    let refused = scene.copy("none", "b").await.unwrap_err();
    assert!(matches!(refused, CopyError::From(OpenError::NoStore { .. })), "{refused}");
    assert!(!scene.directory.path().join("none").exists(), "it was not made");
    let elsewhere = Location::new("mysql://x", KeySource::InDirectory);
    let refused = copy(&scene.location("a"), &elsewhere, &mut |_| {}).await.unwrap_err();
    assert!(matches!(refused, CopyError::To(OpenError::UnknownScheme { .. })), "{refused}");

    let probed = scene.open("probed").await;
    probed.probe().await.unwrap();
    drop(probed);
    assert!(matches!(scene.copy("a", "probed").await, Ok(Done::Copied(_))), "a store that was only tried is empty");
}

// --------------------------------------------------------------------------------------------- as it is typed

impl Scene {
    fn command(&self, from: &str, to: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
        command.args(["store", "copy", "--from", &self.location(from).url, "--to", &self.location(to).url]);
        command
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// So much that a copy takes several pages of each kind that there is.
async fn a_lot(store: &Arc<dyn Store>) {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_goes_on_and_half_of_one_is_not_served() {
    let scene = Scene::new();
    let store = scene.open("a").await;
    a_lot(&store).await;
    drop(store);
    let site = Site::new("127.0.0.1:1".parse().unwrap(), "");
    let config = fs::read_to_string(site.config()).unwrap();
    let url = format!("file://{}", site.store().display());
    fs::write(site.config(), config.replace(&url, &scene.location("b").url)).unwrap();

    let mut killed = 0;
    while killed < 5 {
        let mut child = scene.command("a", "b").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The first says where it goes on; with the second it has come further.
        let went_on = lines.next().and_then(|_| lines.next()).is_some();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(went_on && !status.success(), "it was killed before it was done");
        killed += 1;
        if killed == 1 {
            let (code, log) = serve_to_the_end(&site.config()).await;
            assert_eq!(code, Some(1));
            assert!(log.contains("is an unfinished copy: start the same `assent store copy` again"), "{log}");
        }
    }
    let (code, told, progress) = said(&scene.command("a", "b").output().unwrap());
    assert_eq!(code, Some(0), "{progress}");
    assert!(!progress.contains("copied 5 %"), "it began anew: {progress}");
    assert!(progress.contains("compared 100 %"), "{progress}");
    for line in
        ["conversations              50  ok", "messages                3,000  ok", "occurrences             6,000  ok"]
    {
        assert!(told.contains(line), "{told}");
    }
    let (code, told, _) = said(&scene.command("a", "b").output().unwrap());
    assert_eq!((code, told.trim()), (Some(0), "the copy was finished before; nothing was changed"));
    let daemon = site.start().await;
    assert!(daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_which_a_daemon_runs_is_not_copied() {
    let scene = Scene::new();
    let site = Site::new("127.0.0.1:1".parse().unwrap(), "");
    let daemon = site.start().await;
    let from = format!("file://{}", site.store().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.args(["store", "copy", "--from", &from, "--to", &scene.location("b").url]);
    let (code, told, log) = said(&command.output().unwrap());
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert!(log.contains("--from: another assent is using"), "{log}");
    daemon.terminate().await;
    let (code, told, _) = said(&command.output().unwrap());
    assert_eq!(code, Some(0));
    assert_eq!(told.lines().filter(|line| line.ends_with("  0  ok")).count(), 7, "{told}");
    assert!(told.contains("run a daemon on one of the two only"), "{told}");
}
