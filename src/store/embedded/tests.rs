//! What can be seen from the inside only: bounds, a full disk, a request that fails among others, query plans.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, ffi};
use tempfile::TempDir;

use super::writes::broken;
use super::*;
use crate::domain::{
    Body, Conversation, ConversationId, Draft, Entry, Event, Limits, Message, Phone, Policy, Practice,
};
use crate::ports::{Occurrence, OperationId};
use crate::store::copy::{Kind, Source as _};
use crate::store::writer::{Backend as _, Broken};

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct Scene {
    directory: TempDir,
    clock: Arc<HandClock>,
}

impl Scene {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), clock: Arc::new(HandClock(AtomicI64::new(1_790_000_000))) }
    }

    fn open(&self, bounds: Bounds) -> Embedded {
        let directory = self.directory.path().to_owned();
        Embedded::open_with(directory.clone(), &directory, &KeySource::InDirectory, self.clock.clone(), bounds).unwrap()
    }

    fn backend(&self) -> (Backend, Arc<Cipher>) {
        let lock = directory::claim(self.directory.path()).unwrap();
        let opened = schema::open(self.directory.path(), &KeySource::InDirectory).unwrap();
        let cipher = Arc::new(opened.cipher);
        let kept = Kept::open(self.directory.path(), &cipher.lookups.name(), 0).unwrap();
        let notary = Notary::new(Arc::clone(&cipher), kept);
        (Backend::new(opened.database, lock, self.clock.clone(), BOUNDS, None, notary), cipher)
    }

    fn database(&self) -> Connection {
        Connection::open(directory::database(self.directory.path())).unwrap()
    }

    fn pass(&self, hours: i64) {
        self.clock.0.fetch_add(hours * 3_600, Ordering::SeqCst);
    }

    /// The first commit of a conversation: an invitation and a draft.
    fn commit(&self, line: u32, words: &str) -> Commit {
        let practice = Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside Dental".into(),
            number: Phone::parse("+13035559999").unwrap(),
            time_zone: "America/Denver".into(),
            contact: "303-555-9999".into(),
            segments_per_minute: crate::domain::SEGMENTS_PER_MINUTE_DEFAULT,
            segments_per_day: None,
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        let phone = Phone::parse(&format!("+1303555{line:04}")).unwrap();
        let key = ConversationKey { practice: practice.id.clone(), phone };
        let policy = Policy {
            practice: practice.into(),
            boot: BootId(1),
            limits: Limits::default(),
            writing: Default::default(),
            texting: Default::default(),
        };
        let now = self.clock.now();
        let draft = Event::Drafted(Draft {
            text: Body::new(words),
            staff: None,
            preferences: Default::default(),
            send_at: None,
        });
        let decision = Conversation::new(ConversationId(line.into()), key, now).handle(draft, now, &policy);
        Commit {
            expected: Version(0),
            operation: OperationId(line.into()),
            at: now,
            wake_at: decision.next.wake_at(&policy),
            summary: decision.next.summary(),
            next: decision.next,
            journal: decision.journal,
            idempotency: None,
        }
    }
}

fn page(found: Occurrences) -> Vec<Occurrence> {
    match found {
        Occurrences::Page(page) => page,
        Occurrences::Gone => panic!("it is kept"),
    }
}

#[tokio::test]
async fn old_occurrences_go_and_whoever_missed_them_is_told() {
    let scene = Scene::new();
    let store = scene.open(Bounds { occurrences: 10, ..BOUNDS });
    for line in 0..20 {
        store.commit(scene.commit(line, "hello")).await.unwrap();
    }
    let us = PracticeId::parse("riverside").unwrap();
    let OccurrenceId(newest) = store.newest_occurrence(&us).await.unwrap();
    assert_eq!(newest, 60, "consent, invitation and draft of twenty");
    assert_eq!(page(store.occurrences(&us, OccurrenceId(0), 100).await.unwrap()).len(), 60);

    scene.pass(1);
    // The second comes after the tidying that follows the first.
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    for gone in [0, 1, 49] {
        assert_eq!(store.occurrences(&us, OccurrenceId(gone), 100).await.unwrap(), Occurrences::Gone);
    }
    assert_eq!(page(store.occurrences(&us, OccurrenceId(50), 100).await.unwrap()).len(), 10);

    scene.pass(8 * 24);
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.occurrences(&us, OccurrenceId(50), 100).await.unwrap(), Occurrences::Gone);
    assert!(page(store.occurrences(&us, OccurrenceId(60), 100).await.unwrap()).is_empty());
    store.commit(scene.commit(20, "hello")).await.unwrap();
    assert_eq!(page(store.occurrences(&us, OccurrenceId(60), 100).await.unwrap())[0].id, OccurrenceId(61));
}

#[tokio::test]
async fn dead_letters_are_bounded_and_the_oldest_goes() {
    let scene = Scene::new();
    let store = scene.open(Bounds { dead_letters: 3, ..BOUNDS });
    for octet in 0..5 {
        let letter = DeadLetter { at: scene.clock.now(), reason: "no practice has this number", raw: vec![octet; 9] };
        store.set_aside(letter).await.unwrap();
    }
    let cipher = Arc::clone(&store.cipher);
    drop(store);
    let database = scene.database();
    let mut sql = database.prepare("SELECT letter FROM dead_letters ORDER BY row").unwrap();
    let sealed: Vec<Vec<u8>> = sql.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let letters = sealed.iter().map(|sealed| {
        let plain = cipher.open(&Cipher::dead_letter(), sealed).unwrap();
        record::read_dead_letter(&plain).unwrap()
    });
    let expected: Vec<_> =
        (2..5).map(|octet| (scene.clock.now(), "no practice has this number".to_owned(), vec![octet; 9])).collect();
    assert_eq!(letters.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn kept_answers_are_removed_after_their_day() {
    let scene = Scene::new();
    let store = scene.open(BOUNDS);
    let mut commit = scene.commit(1, "hello");
    commit.idempotency = Some(KeptAnswer {
        key: IdempotencyKey("k".into()),
        request: [0; 32],
        conversation: commit.next.key.clone(),
        message: MessageId { conversation: commit.next.id, seq: Seq(1) },
    });
    store.commit(commit).await.unwrap();
    let kept =
        || scene.database().query_row("SELECT count(*) FROM idempotency", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(kept(), 1);
    scene.pass(25);
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(kept(), 0);
}

#[tokio::test]
async fn an_answer_that_was_kept_without_its_key_is_found_and_not_moved() {
    let scene = Scene::new();
    let store = scene.open(BOUNDS);
    let mut commit = scene.commit(1, "hello");
    let (us, key) = (commit.next.key.practice.clone(), IdempotencyKey("k".into()));
    let answer = KeptAnswer {
        key: key.clone(),
        request: [0; 32],
        conversation: commit.next.key.clone(),
        message: MessageId { conversation: commit.next.id, seq: Seq(1) },
    };
    commit.idempotency = Some(answer.clone());
    store.commit(commit).await.unwrap();
    // As the first release wrote it.
    let written = String::from_utf8(record::write_kept(&answer)).unwrap().replace(r#""key":"k","#, "");
    let look_up = store.cipher.lookups.idempotency(&us, &key);
    let sealed = store.cipher.ring.seal(&Cipher::answer(look_up), written.as_bytes());
    scene.database().execute("UPDATE idempotency SET answer = ?1", [sealed]).unwrap();
    assert_eq!(store.kept_answer(&us, &key).await.unwrap(), Some(answer));

    drop(store);
    let mut source = Transfer::source(scene.directory.path(), &KeySource::InDirectory).unwrap();
    let Err(error) = source.page(Kind::Answers, None, 10).await else { panic!("nobody could find it again") };
    assert!(error.to_string().contains("run this version on the store for a day first"), "{error}");
}

#[test]
fn one_that_fails_takes_nobody_with_it() {
    let scene = Scene::new();
    let (mut backend, cipher) = scene.backend();
    let mut twice = scene.commit(2, "twice");
    let added: Vec<Message> = twice
        .journal
        .iter()
        .filter_map(|entry| if let Entry::Added(message) = entry { Some(message.clone()) } else { None })
        .collect();
    twice.journal.extend(added.into_iter().map(Entry::Added));
    let group = [scene.commit(1, "first"), twice, scene.commit(3, "third")];
    let group = group.into_iter().map(|commit| Request::commit(&cipher, commit)).collect();
    let answers = backend.commit(group).unwrap();
    assert!(matches!(answers[0], Ok(Answer::Committed(Version(1)))));
    assert!(matches!(answers[1], Err(StoreError::Unavailable(_))));
    assert!(matches!(answers[2], Ok(Answer::Committed(Version(1)))));

    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        scene.database().query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(["conversations", "thread", "journal", "occurrences"].map(count), [2, 4, 2, 6]);
}

#[test]
fn a_full_disk_refuses_a_group_and_takes_the_next_when_there_is_room() {
    let scene = Scene::new();
    let (mut backend, cipher) = scene.backend();
    let commit = |backend: &mut Backend, line: u32| {
        let texts = (0..20).map(|other| scene.commit(line * 100 + other, &"words ".repeat(1_000)));
        backend.commit(texts.map(|commit| Request::commit(&cipher, commit)).collect())
    };
    let pages: i64 = backend.database().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let room = |backend: &Backend, pages: i64| {
        backend.database().pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    };
    room(&backend, pages + 10);
    for _ in 0..3 {
        let full = commit(&mut backend, 1);
        assert!(matches!(full, Err(Broken::ForNow(_))), "it may recover");
        let conversations: i64 =
            scene.database().query_row("SELECT count(*) FROM conversations", [], |row| row.get(0)).unwrap();
        assert_eq!(conversations, 0, "all or nothing");
    }
    room(&backend, 1_000_000);
    assert_eq!(commit(&mut backend, 1).unwrap().len(), 20);
}

#[test]
fn a_failed_sync_is_for_good_and_a_full_disk_is_not() {
    let found = |code| broken(&rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
    for code in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR] {
        assert!(matches!(found(code), Broken::ForGood(_)), "{code}");
    }
    for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_NOMEM, ffi::SQLITE_NOMEM] {
        assert!(matches!(found(code), Broken::ForNow(_)), "{code}");
    }
}

#[tokio::test]
async fn a_store_in_doubt_is_not_read() {
    let scene = Scene::new();
    let (mut backend, cipher) = scene.backend();
    let commit = scene.commit(1, "hello");
    let key = commit.next.key.clone();
    backend.commit(vec![Request::commit(&cipher, commit)]).unwrap();
    backend.fail_for_good();
    let store = Embedded {
        readers: Readers::new(directory::database(scene.directory.path())),
        writer: Writer::start(backend).unwrap(),
        cipher,
        clock: scene.clock.clone(),
        last_commit_before_start: None,
        run_ends: Vec::new(),
        news: broadcast::Sender::new(1),
    };
    assert!(store.load(&key).await.unwrap().is_some());
    assert!(matches!(store.probe().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.broken().await, StoreError::Unavailable(_)));
    assert!(matches!(store.load(&key).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.probe().await, Err(StoreError::Unavailable(_))));
}

#[test]
fn lists_are_read_from_an_index_and_never_sorted() {
    let scene = Scene::new();
    drop(scene.open(BOUNDS));
    let database = scene.database();
    for statement in reads::LISTS {
        let mut sql = database.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let plan: Vec<String> = sql.raw_query().mapped(|row| row.get(3)).map(Result::unwrap).collect();
        let plan = plan.join("; ");
        let is_found_by_key = plan.contains("INDEX") || plan.contains("USING PRIMARY KEY");
        assert!(is_found_by_key, "{statement}: {plan}");
        for slow in ["SCAN", "TEMP B-TREE"] {
            assert!(!plan.contains(slow), "{statement}: {plan}");
        }
    }
}
