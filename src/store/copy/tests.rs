//! A copy that is interrupted after every step, and one that is not what it was made from: between directories, between
//! databases of a Redis, and from one to the other.

#[path = "../../../tests/support/redis.rs"]
#[allow(dead_code)]
mod servers;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;
use crate::domain::audit::{Audited, By, Ended, Subject};
use crate::domain::note::NoteText;
use crate::domain::policy::BootId;
use crate::domain::{
    Body, Conversation, ConversationId, ConversationKey, DayBudget, Days, Draft, Draw, Event, Fingerprint, Form,
    Inbound, Limits, MessageId, Phone, Policy, Practice, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT, Seq, StaffId,
    StaffMember,
};
use crate::ports::{
    Clock, Commit, DeadLetter, Fate, IdempotencyKey, KeptAnswer, Notice, OccurrenceId, Occurrences, OperationId, Post,
    Record, Store, Version, WebhookDelivery, WebhookKey,
};
use crate::store::cipher::KeyRing;
use crate::store::{KeySource, open};
use servers::Redis;

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }
}

/// So many copies are made in one Redis.
const DATABASES: &str = "databases 200";

/// What is copied, and what is made of it. A name that is a number is a database of a Redis, any other a directory.
struct Scene {
    directory: TempDir,
    server: Option<Redis>,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), server: None }
    }

    async fn with_redis() -> Self {
        let scene = Self { server: Some(Redis::start_with(&[DATABASES]).await), ..Self::new() };
        std::fs::write(scene.keys(), KeyRing::generate().expose_secret()).unwrap();
        scene
    }

    fn keys(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    fn location(&self, name: &str) -> Location {
        let directory = self.directory.path().join(name);
        if let (Some(server), Ok(database)) = (&self.server, name.parse::<u8>()) {
            let url = format!("redis://{}/{database}", server.address());
            return Location { directory, ..Location::new(url, KeySource::File(self.keys())) };
        }
        Location::new(format!("file://{}", directory.display()), KeySource::InDirectory)
    }

    async fn open(&self, name: &str) -> Result<Arc<dyn Store>, OpenError> {
        open(&self.location(name), BootId(1), Arc::new(StoppedClock)).await
    }

    /// Has a command carried out in a database.
    async fn redis(&self, database: &str, words: &[&str]) -> ::redis::Value {
        let client = ::redis::Client::open(self.location(database).url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        ::redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
    }

    async fn fill(&self, name: &str) {
        let store = self.open(name).await.unwrap();
        fill(&store).await;
        drop(store);
        self.is_left(name).await;
    }

    /// A daemon that has just ended is forgotten, which otherwise takes seconds.
    async fn is_left(&self, name: &str) {
        if self.location(name).is_on_redis() {
            self.redis(name, &["DEL", "assent:{/}:daemons"]).await;
        }
    }

    fn database(&self, name: &str) -> Connection {
        Connection::open(self.directory.path().join(name).join("assent.db")).unwrap()
    }

    /// Copies, ten items at a time.
    async fn copy(&self, from: &str, to: &str, fails: Fails) -> Result<Done, CopyError> {
        let mut source = source(&self.location(from)).await.map_err(CopyError::From)?;
        let target = target(&self.location(to)).await.map_err(CopyError::To)?;
        copy_between(&mut *source, &mut Failing { target, fails }, 10, &StoppedClock, &mut |_| {}).await
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

    fn leave_out_answers_before(&mut self, kept_since: Timestamp) {
        self.target.leave_out_answers_before(kept_since);
    }

    async fn count(&mut self, kind: Kind) -> Result<u64, StoreError> {
        self.target.count(kind).await
    }

    async fn page(&mut self, kind: Kind, after: Option<&Place>, limit: usize) -> Result<Page, StoreError> {
        self.target.page(kind, after, limit).await
    }

    async fn remembered(&mut self) -> Result<Remembered, StoreError> {
        self.target.remembered().await
    }

    async fn stays_behind(&mut self) -> Result<u64, StoreError> {
        self.target.stays_behind().await
    }
}

#[async_trait]
impl Target for Failing {
    async fn state(&mut self) -> Result<TargetState, StoreError> {
        self.target.state().await
    }

    async fn begin(&mut self, of: &Origin, remembered: &Remembered) -> Result<(), StoreError> {
        self.is_writing()?;
        self.target.begin(of, remembered).await
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
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
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
        written: Default::default(),
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
    let policy = Policy {
        practice: Arc::new(us),
        boot: BootId(1),
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    };
    for line in 0..5_u8 {
        let phone = Phone::parse(&format!("+1303555{line:04}")).unwrap();
        let key = ConversationKey { practice: policy.practice.id.clone(), phone };
        let mut now = Conversation::new(ConversationId(u64::MAX - u64::from(line)), key, StoppedClock.now());
        let draft = Event::Drafted(Draft {
            text: Body::new("your results are in"),
            staff: None,
            preferences: Default::default(),
            send_at: None,
        });
        let note = Event::Noted { text: NoteText::parse("call her son").unwrap(), staff: None };
        for (version, event) in (0..).zip([draft, text("yes", line), text("stop", line + 100), note]) {
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
    let day = |days: i64| StoppedClock.now() + jiff::SignedDuration::from_hours(days * 24);
    let draw = Draw {
        needed: NonZeroU32::MIN,
        wanted: NonZeroU32::MIN,
        rate: policy.practice.rate(),
        day: DayBudget::KeptTo,
        days: Days([day(-1), day(0), day(1)]),
    };
    store.draw(&policy.practice.id, draw).await.unwrap();
    for serial in 0..5 {
        let key = WebhookKey { practice: policy.practice.id.clone(), serial };
        store.keep(&key, Version(0), &post(serial)).await.unwrap();
    }
    for number in 0..5 {
        let about = Subject { other: Some(format!("t{number}")), ..Subject::default() };
        let (at, by, action) = (StoppedClock.now(), By::Operator(None), "revoke_token".to_owned());
        let practice = policy.practice.id.clone();
        store.enter(Audited { practice, at, by, action, about, ended: Ended::Done }).await.unwrap();
    }
}

/// What was posted to one of the webhooks.
fn post(serial: u64) -> Post {
    let reset = WebhookDelivery {
        notice: Notice::Reset(OccurrenceId(serial)),
        taken_at: StoppedClock.now(),
        attempts: 2,
        tried_at: Some(StoppedClock.now()),
        fate: Fate::Due(StoppedClock.now()),
        last: None,
    };
    Post {
        position: OccurrenceId(serial),
        deliveries: vec![reset],
        failing_since: None,
        up_since: None,
        tried_at: None,
        last: None,
        stopped: None,
        lease: None,
    }
}

async fn filled() -> Scene {
    let scene = Scene::new();
    scene.fill("a").await;
    scene
}

/// Whether an error says that a store is an unfinished copy.
fn is_unfinished(error: &OpenError) -> bool {
    error.to_string().contains("is an unfinished copy: start the same `assent store copy` again")
}

/// Copies from one place to as many others as there are steps, and is interrupted after each.
async fn goes_on_wherever_it_was_interrupted(scene: &Scene, from: &str, to: impl Fn(usize) -> String) {
    scene.fill(from).await;
    let first = to(0);
    let Done::Copied(whole) = scene.copy(from, &first, Fails::Never).await.unwrap() else { panic!("it was not there") };
    assert_eq!(scene.copy(from, &first, Fails::Never).await.unwrap(), Done::Already);
    for one in &whole {
        let enough = if one.kind == Kind::Meters { 1 } else { 5 };
        assert!(one.source.count >= enough, "there is some of every kind: {whole:?}");
    }

    let mut interruptions = 0;
    loop {
        let name = to(interruptions + 1);
        match scene.copy(from, &name, Fails::AfterWrites(interruptions)).await {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, CopyError::Target(StoreError::Unavailable(_))), "{error}"),
        }
        if interruptions > 0 {
            let error = scene.open(&name).await.err().unwrap();
            assert!(is_unfinished(&error), "{error}");
        }
        assert_eq!(scene.copy(from, &name, Fails::Never).await.unwrap(), Done::Copied(whole.clone()), "{name}");
        interruptions += 1;
    }
    assert!(interruptions > 15, "it was interrupted {interruptions} times, and within kinds too");
}

#[tokio::test]
async fn a_copy_goes_on_wherever_it_was_interrupted() {
    let scene = Scene::new();
    goes_on_wherever_it_was_interrupted(&scene, "a", |number| format!("after {number}")).await;
}

#[tokio::test]
async fn a_copy_to_redis_goes_on_wherever_it_was_interrupted() {
    let scene = Scene::with_redis().await;
    goes_on_wherever_it_was_interrupted(&scene, "a", |number| number.to_string()).await;
}

#[tokio::test]
async fn a_copy_from_redis_goes_on_wherever_it_was_interrupted() {
    let scene = Scene::with_redis().await;
    goes_on_wherever_it_was_interrupted(&scene, "100", |number| format!("after {number}")).await;
}

#[tokio::test]
async fn a_copy_from_redis_to_redis_goes_on_wherever_it_was_interrupted() {
    let scene = Scene::with_redis().await;
    goes_on_wherever_it_was_interrupted(&scene, "100", |number| number.to_string()).await;
}

/// What a Redis took of a page stays when the copy ends before it is said how far it is, and is not taken twice.
#[tokio::test]
async fn a_page_that_redis_was_given_already_is_there_once() {
    let scene = Scene::with_redis().await;
    scene.fill("a").await;
    let Done::Copied(whole) = scene.copy("a", "0", Fails::Never).await.unwrap() else { panic!("it was not there") };
    let mark = async || {
        let found = scene.redis("1", &["HMGET", "assent:{/}:copy", "kind", "place"]).await;
        ::redis::from_redis_value::<(String, String)>(found).unwrap()
    };
    assert!(scene.copy("a", "1", Fails::AfterWrites(1)).await.is_err(), "it is begun");
    let mut again = 0;
    loop {
        let (kind, place) = mark().await;
        match scene.copy("a", "1", Fails::AfterWrites(1)).await {
            Ok(done) => {
                assert_eq!(done, Done::Copied(whole), "all of it was there");
                break;
            }
            Err(error) => assert!(matches!(error, CopyError::Target(StoreError::Unavailable(_))), "{error}"),
        }
        if mark().await != (kind.clone(), place.clone()) {
            scene.redis("1", &["HSET", "assent:{/}:copy", "kind", &kind, "place", &place]).await;
            assert!(scene.copy("a", "1", Fails::AfterWrites(1)).await.is_err(), "the page is given again");
            again += 1;
        } else {
            // Everything was written: what is left is to say that it is finished.
            assert_eq!(scene.copy("a", "1", Fails::Never).await.unwrap(), Done::Copied(whole));
            break;
        }
    }
    assert!(again > 10, "{again} pages were given twice");
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
        ("UPDATE meters SET spent = spent + 1", "meters"),
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
async fn what_was_damaged_on_redis_after_it_was_written_is_found() {
    let scene = Scene::with_redis().await;
    scene.fill("a").await;
    let damages: [(&[&str], &str); 9] = [
        (&["HDEL", "*:records", "?"], "records"),
        (&["HINCRBY", "*:c:*", "unread", "1"], "conversations"),
        (&["HDEL", "*:t:*", "2", "2s"], "messages"),
        (&["RPOP", "*:j:*"], "evidence"),
        (&["DEL", "*:k:*"], "kept answers"),
        (&["LPOP", "assent:{/}:dead_letters"], "dead letters"),
        (&["XTRIM", "*:events", "MAXLEN", "5"], "occurrences"),
        (&["HINCRBY", "*:meter", "spent", "1"], "meters"),
        (&["HSET", "*:totals", "last_commit", "ffffffffffffffff"], "when it was last written"),
    ];
    for (number, (damage, kind)) in damages.into_iter().enumerate() {
        let name = number.to_string();
        let interrupted = scene.copy("a", &name, Fails::AtTheEnd).await;
        assert!(matches!(interrupted, Err(CopyError::Target(_))), "{kind}: {interrupted:?}");
        let mut words: Vec<String> = damage.iter().map(|word| (*word).to_owned()).collect();
        for index in 0..words.len() {
            let question = match words[index].as_str() {
                pattern if pattern.starts_with('*') => vec!["KEYS", pattern],
                "?" => vec!["HKEYS", &words[index - 1]],
                _ => continue,
            };
            let found: Vec<String> = ::redis::from_redis_value(scene.redis(&name, &question).await).unwrap();
            words[index] = found[0].clone();
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let done = scene.redis(&name, &words).await;
        assert!(done != ::redis::Value::Nil && done != ::redis::Value::Int(0) || kind.starts_with("when"), "{words:?}");
        for _ in 0..2 {
            let error = scene.copy("a", &name, Fails::Never).await.unwrap_err();
            assert!(matches!(error, CopyError::Differs(_)), "{kind}: {error}");
            assert!(error.to_string().contains(kind), "{kind}: {error}");
            let error = scene.open(&name).await.err().unwrap();
            assert!(is_unfinished(&error), "{kind}: {error}");
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

impl Scene {
    async fn put_practice(&self, name: &str) {
        let store = self.open(name).await.unwrap();
        store.put(vec![Record::Practice(practice())]).await.unwrap();
        drop(store);
        self.is_left(name).await;
    }
}

async fn a_source_that_changed_is_not_mixed_with_what_it_was(scene: &Scene, [a, b, c]: [&str; 3]) {
    scene.fill(a).await;
    assert!(scene.copy(a, b, Fails::AfterWrites(5)).await.is_err());
    scene.put_practice(a).await;
    let error = scene.copy(a, b, Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::SourceChanged), "{error}");
    assert!(matches!(scene.copy(a, c, Fails::Never).await, Ok(Done::Copied(_))));
    scene.put_practice(a).await;
    let error = scene.copy(a, c, Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::Outdated), "it is not called a copy of what the source is: {error}");
}

#[tokio::test]
async fn a_source_that_changed_meanwhile_is_not_mixed_with_what_it_was() {
    a_source_that_changed_is_not_mixed_with_what_it_was(&Scene::new(), ["a", "b", "c"]).await;
    a_source_that_changed_is_not_mixed_with_what_it_was(&Scene::with_redis().await, ["1", "2", "3"]).await;
}

async fn is_of_one_source_only(scene: &Scene, [a, other, b, c]: [&str; 4]) {
    scene.fill(a).await;
    scene.put_practice(other).await;
    assert!(scene.copy(a, b, Fails::AfterWrites(5)).await.is_err());
    let error = scene.copy(other, b, Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::OfAnother), "{error}");
    let error = scene.copy(b, c, Fails::Never).await.unwrap_err();
    assert!(matches!(&error, CopyError::From(error) if is_unfinished(error)), "{error}");
    scene.copy(a, b, Fails::Never).await.unwrap();
    let error = scene.copy(other, b, Fails::Never).await.unwrap_err();
    assert!(matches!(error, CopyError::NotEmpty), "{error}");
    let copied_again = scene.copy(b, c, Fails::Never).await.unwrap();
    assert!(matches!(copied_again, Done::Copied(_)), "a copy can be copied");
}

#[tokio::test]
async fn a_target_is_of_one_source_only() {
    is_of_one_source_only(&Scene::new(), ["a", "other", "b", "c"]).await;
    is_of_one_source_only(&Scene::with_redis().await, ["1", "2", "3", "4"]).await;
}

/// A server has no lock: somebody may start the same copy again before the first has ended.
#[tokio::test]
async fn of_two_who_copy_into_a_redis_the_later_goes_on_and_nothing_is_there_twice() {
    let scene = Scene::with_redis().await;
    scene.fill("0").await;
    let Done::Copied(whole) = scene.copy("0", "1", Fails::Never).await.unwrap() else { panic!("it was not there") };
    // How many pages each writes before the other comes in between.
    for (number, (first_writes, both_are_at_it)) in [(1, 0), (3, 0), (3, 1), (6, 1)].into_iter().enumerate() {
        let name = (10 + number).to_string();
        let mut source = source(&scene.location("0")).await.unwrap();
        let mut first = target(&scene.location(&name)).await.unwrap();
        let origin = source.origin().await.unwrap();
        first.begin(&origin, &source.remembered().await.unwrap()).await.unwrap();
        let mut pages = Pages::default();
        for _ in 0..first_writes {
            pages.pass_on(&mut *source, &mut *first).await.unwrap();
        }
        let mut later = target(&scene.location(&name)).await.unwrap();
        let mut of_later = pages.clone();
        for _ in 0..both_are_at_it {
            // The first is faster, and the later does not know.
            pages.pass_on(&mut *source, &mut *first).await.unwrap();
        }
        let taken = of_later.pass_on(&mut *source, &mut *later).await;
        if both_are_at_it > 0 {
            let error = taken.unwrap_err();
            assert!(error.to_string().contains("another `assent store copy` has begun to write"), "{error}");
        } else {
            taken.unwrap();
            let error = pages.pass_on(&mut *source, &mut *first).await.unwrap_err();
            assert!(error.to_string().contains("another `assent store copy` has begun to write"), "{error}");
            assert!(first.finish().await.is_err(), "who was overtaken does not finish it");
        }
        drop((first, later));
        assert_eq!(scene.copy("0", &name, Fails::Never).await.unwrap(), Done::Copied(whole.clone()));
    }
}

/// Pages of ten, one after the other.
#[derive(Clone, Default)]
struct Pages {
    kind: usize,
    place: Option<Place>,
}

impl Pages {
    async fn pass_on(&mut self, source: &mut dyn Source, target: &mut dyn Target) -> Result<(), StoreError> {
        loop {
            let kind = Kind::ALL[self.kind];
            let Page { items, last } = source.page(kind, self.place.as_ref(), 10).await?;
            let Some(place) = last else {
                (self.kind, self.place) = (self.kind + 1, None);
                continue;
            };
            target.write(items, &Reached { kind, place: place.clone() }).await?;
            self.place = Some(place);
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_stream_that_kept_nothing_gives_no_id_twice() {
    let scene = filled().await;
    let us = practice().id;
    let OccurrenceId(newest) = scene.open("a").await.unwrap().newest_occurrence(&us).await.unwrap();
    // As from a store that keeps none for long.
    scene.database("a").execute("UPDATE occurrences SET practice = 0", []).unwrap();
    let Done::Copied(compared) = scene.copy("a", "b", Fails::Never).await.unwrap() else { panic!("it was not there") };
    let kept = compared.iter().find(|one| one.kind == Kind::Occurrences).map(|one| one.source.count);
    assert_eq!(kept, Some(0));
    let store = scene.open("b").await.unwrap();
    for old in 0..=newest {
        let found = store.occurrences(&us, OccurrenceId(old), 10).await.unwrap();
        assert_eq!(found, Occurrences::Gone, "{old}");
    }
    let fresh = store.newest_occurrence(&us).await.unwrap();
    assert_eq!(store.occurrences(&us, fresh, 10).await.unwrap(), Occurrences::Page(Vec::new()));
}
