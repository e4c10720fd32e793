//! A copy that is interrupted after every step, and one that is not what it was made from.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::domain::policy::BootId;
use crate::domain::{
    Body, Conversation, ConversationId, ConversationKey, Draft, Event, Fingerprint, Form, Inbound, Limits, MessageId,
    Phone, Policy, Practice, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT, Seq, StaffId, StaffMember,
};
use crate::ports::{
    Clock, Commit, DeadLetter, IdempotencyKey, KeptAnswer, OccurrenceId, Occurrences, OperationId, Record, Store,
    Version,
};
use crate::store::{KeySource, open};

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }
}

/// Two directories: what is copied, and what is made of it.
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

    async fn open(&self, name: &str) -> Result<Arc<dyn Store>, OpenError> {
        open(&self.location(name), BootId(1), Arc::new(StoppedClock)).await
    }

    fn database(&self, name: &str) -> Connection {
        Connection::open(self.directory.path().join(name).join("assent.db")).unwrap()
    }

    /// Copies, ten items at a time.
    async fn copy(&self, from: &str, to: &str, fails: Fails) -> Result<Done, CopyError> {
        let mut source = source(&self.location(from)).map_err(CopyError::From)?;
        let target = target(&self.location(to)).map_err(CopyError::To)?;
        copy_between(&mut *source, &mut Failing { target, fails }, 10, &mut |_| {}).await
    }
}

/// When the power fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fails {
    /// So many times something is written before.
    AfterWrites(usize),
    /// When everything is there and compared.
    AtTheEnd,
    Never,
}

/// A target in the dark.
struct Failing {
    target: Box<dyn Target>,
    fails: Fails,
}

impl Failing {
    fn is_writing(&mut self) -> Result<(), StoreError> {
        match &mut self.fails {
            Fails::AfterWrites(0) => Err(StoreError::Unavailable("power failed".into())),
            Fails::AfterWrites(left) => {
                *left -= 1;
                Ok(())
            }
            Fails::AtTheEnd | Fails::Never => Ok(()),
        }
    }
}

#[async_trait]
impl Source for Failing {
    async fn origin(&mut self) -> Result<Origin, StoreError> {
        self.target.origin().await
    }

    async fn count(&mut self, kind: Kind) -> Result<u64, StoreError> {
        self.target.count(kind).await
    }

    async fn page(&mut self, kind: Kind, after: Option<&Place>, limit: usize) -> Result<Page, StoreError> {
        self.target.page(kind, after, limit).await
    }
}

#[async_trait]
impl Target for Failing {
    async fn state(&mut self) -> Result<TargetState, StoreError> {
        self.target.state().await
    }

    async fn begin(&mut self, of: &Origin) -> Result<(), StoreError> {
        self.is_writing()?;
        self.target.begin(of).await
    }

    async fn write(&mut self, items: Vec<Item>, reached: &Reached) -> Result<(), StoreError> {
        self.is_writing()?;
        self.target.write(items, reached).await
    }

    async fn finish(&mut self) -> Result<(), StoreError> {
        if self.fails == Fails::AtTheEnd {
            return Err(StoreError::Unavailable("power failed".into()));
        }
        self.is_writing()?;
        self.target.finish().await
    }
}

fn practice() -> Practice {
    Practice {
        id: PracticeId::parse("riverside").unwrap(),
        name: "Riverside Dental".into(),
        number: Phone::parse("+13035559999").unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-9999".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
    }
}

fn text(words: &str, line: u8) -> Event {
    Event::Received(Inbound {
        text: Body::new(words),
        form: Form::Text,
        part: None,
        fingerprint: Fingerprint([line; 16]),
        delivery: None,
        earlier_session_ended: None,
        session_began: None,
    })
}

/// Some of every kind.
async fn fill(store: &Arc<dyn Store>) {
    let us = practice();
    let member = |id: &str| StaffMember {
        id: StaffId::parse(id).unwrap(),
        name: "Ana".into(),
        site_administrator: true,
        patient_text_administrator: true,
    };
    let staff = ["ana", "ben", "cleo", "dan"].map(|id| Record::Staff(us.id.clone(), member(id)));
    store.put([Record::Practice(us.clone())].into_iter().chain(staff).collect()).await.unwrap();
    let policy =
        Policy { practice: Arc::new(us), boot: BootId(1), limits: Limits::default(), writing: Default::default() };
    for line in 0..5_u8 {
        let phone = Phone::parse(&format!("+1303555{line:04}")).unwrap();
        let key = ConversationKey { practice: policy.practice.id.clone(), phone };
        let mut now = Conversation::new(ConversationId(u64::MAX - u64::from(line)), key, StoppedClock.now());
        let draft = Event::Drafted(Draft { text: Body::new("your results are in"), staff: None });
        for (version, event) in (0..).zip([draft, text("yes", line), text("stop", line + 100)]) {
            let decision = now.handle(event, StoppedClock.now(), &policy);
            let message = MessageId { conversation: now.id, seq: Seq(1) };
            let kept = KeptAnswer {
                key: IdempotencyKey(format!("key {line}").into()),
                request: [line; 32],
                conversation: now.key.clone(),
                message,
            };
            let commit = Commit {
                expected: Version(version),
                operation: OperationId(u128::from(line) << 70 | u128::from(version)),
                at: StoppedClock.now(),
                wake_at: decision.next.wake_at(&policy),
                summary: decision.next.summary(),
                next: decision.next,
                journal: decision.journal,
                idempotency: (version == 0).then_some(kept),
            };
            now = commit.next.clone();
            store.commit(commit).await.unwrap();
        }
        let raw = vec![line; 9];
        store.set_aside(DeadLetter { at: StoppedClock.now(), reason: "no practice", raw }).await.unwrap();
    }
}

async fn filled() -> Scene {
    let scene = Scene::new();
    let store = scene.open("a").await.unwrap();
    fill(&store).await;
    scene
}

#[tokio::test]
async fn a_copy_goes_on_wherever_it_was_interrupted() {
    let scene = filled().await;
    let Done::Copied(whole) = scene.copy("a", "whole", Fails::Never).await.unwrap() else { panic!("it was not there") };
    assert_eq!(scene.copy("a", "whole", Fails::Never).await.unwrap(), Done::Already);
    assert!(whole.iter().all(|one| one.source.count >= 5), "there is some of every kind: {whole:?}");

    let mut interruptions = 0;
    loop {
        let name = format!("after {interruptions}");
        match scene.copy("a", &name, Fails::AfterWrites(interruptions)).await {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, CopyError::Target(StoreError::Unavailable(_))), "{error}"),
        }
        if interruptions > 0 {
            let error = scene.open(&name).await.err().unwrap();
            assert!(matches!(error, OpenError::Unfinished { .. }), "{error}");
        }
        assert_eq!(scene.copy("a", &name, Fails::Never).await.unwrap(), Done::Copied(whole.clone()), "{name}");
        interruptions += 1;
    }
    assert!(interruptions > 15, "it was interrupted {interruptions} times, and within kinds too");
}

#[tokio::test]
async fn what_was_damaged_after_it_was_written_is_found() {
    let scene = filled().await;
    for (damage, kind) in [
        ("UPDATE thread SET status = 9 WHERE row = 3", "messages"),
        ("DELETE FROM journal WHERE row = 2", "evidence"),
        ("UPDATE conversations SET wake_at = NULL, unread = 7 WHERE row = 1", "conversations"),
        ("UPDATE occurrences SET at = at + 1 WHERE id = (SELECT max(id) FROM occurrences)", "occurrences"),
        ("DELETE FROM records WHERE row = 2", "records"),
        ("UPDATE idempotency SET at = 0", "kept answers"),
        ("INSERT INTO dead_letters (at, letter) SELECT at, letter FROM dead_letters WHERE row = 1", "dead letters"),
        ("UPDATE meta SET value = value + 1 WHERE name = 'last_commit'", "when it was last written"),
    ] {
        let interrupted = scene.copy("a", kind, Fails::AtTheEnd).await;
        assert!(matches!(interrupted, Err(CopyError::Target(_))), "{kind}: {interrupted:?}");
        assert!(scene.database(kind).execute(damage, []).unwrap() > 0, "{kind}");
        for _ in 0..2 {
            let error = scene.copy("a", kind, Fails::Never).await.unwrap_err();
            assert!(matches!(error, CopyError::Differs(_)), "{kind}: {error}");
            assert!(error.to_string().contains(&format!("in {kind}:")), "{kind}: {error}");
            let error = scene.open(kind).await.err().unwrap();
            assert!(matches!(error, OpenError::Unfinished { .. }), "{kind}: {error}");
        }
    }
}

#[tokio::test]
async fn a_source_that_can_not_be_read_is_not_copied_in_part() {
    for damage in [
        "UPDATE thread SET said = zeroblob(60) WHERE row = 7",
        "UPDATE conversations SET version = version + 1 WHERE row = 2",
        "PRAGMA foreign_keys = OFF; DELETE FROM conversations WHERE row = 5",
    ] {
        let scene = filled().await;
        scene.database("a").execute_batch(damage).unwrap();
        let error = scene.copy("a", "b", Fails::Never).await.unwrap_err();
        assert!(matches!(error, CopyError::Read(StoreError::Unreadable(_))), "{damage}: {error}");
        assert!(error.to_string().contains("row "), "{damage}: {error}");
        assert!(matches!(scene.open("b").await, Err(OpenError::Unfinished { .. })), "{damage}");
    }
}

#[tokio::test]
async fn a_source_that_changed_meanwhile_is_not_mixed_with_what_it_was() {
    let scene = filled().await;
    assert!(scene.copy("a", "b", Fails::AfterWrites(5)).await.is_err());
    let store = scene.open("a").await.unwrap();
    store.put(vec![Record::Practice(practice())]).await.unwrap();
    drop(store);
    let error = scene.copy("a", "b", Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::SourceChanged), "{error}");
    assert!(matches!(scene.copy("a", "c", Fails::Never).await, Ok(Done::Copied(_))));
    let store = scene.open("a").await.unwrap();
    store.put(vec![Record::Practice(practice())]).await.unwrap();
    drop(store);
    let error = scene.copy("a", "c", Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::Outdated), "it is not called a copy of what the source is: {error}");
}

#[tokio::test]
async fn a_target_is_of_one_source_only() {
    let scene = filled().await;
    drop(scene.open("other").await.unwrap());
    assert!(scene.copy("a", "b", Fails::AfterWrites(5)).await.is_err());
    let error = scene.copy("other", "b", Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::OfAnother), "{error}");
    let error = scene.copy("b", "c", Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::From(OpenError::Unfinished { .. })), "{error}");
    scene.copy("a", "b", Fails::Never).await.unwrap();
    let error = scene.copy("other", "b", Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::NotEmpty), "{error}");
    let copied_again = scene.copy("b", "c", Fails::Never).await.unwrap();
    assert!(matches!(copied_again, Done::Copied(_)), "a copy can be copied");
}

#[tokio::test]
async fn a_stream_that_kept_nothing_gives_no_id_twice() {
    let scene = filled().await;
    let us = practice().id;
    let OccurrenceId(newest) = scene.open("a").await.unwrap().newest_occurrence(&us).await.unwrap();
    // As from a store that keeps none for long.
    scene.database("a").execute("UPDATE occurrences SET practice = 0", []).unwrap();
    let Done::Copied(compared) = scene.copy("a", "b", Fails::Never).await.unwrap() else { panic!("it was not there") };
    assert_eq!(compared.last().map(|one| one.source.count), Some(0));
    let store = scene.open("b").await.unwrap();
    for old in 0..=newest {
        let found = store.occurrences(&us, OccurrenceId(old), 10).await.unwrap();
        assert_eq!(found, Occurrences::Gone, "{old}");
    }
    let fresh = store.newest_occurrence(&us).await.unwrap();
    assert_eq!(store.occurrences(&us, fresh, 10).await.unwrap(), Occurrences::Page(Vec::new()));
}
