//! What every store keeps, in a nutshell, on each way in which Redis spreads over machines.

use std::sync::Arc;

use assent::app::SystemClock;
use assent::domain::{
    BootId, Conversation, ConversationId, ConversationKey, Draft, Event, Limits, Phone, Policy, Practice, PracticeId,
    SEGMENTS_PER_MINUTE_DEFAULT, StaffId,
};
use assent::ports::{
    Clock, Commit, CommitError, InboxFilter, OccurrenceId, Occurrences, OperationId, Record, RecordKey, Store, Unread,
    Version,
};
use assent::store::{KeySource, Location, open};

use super::daemon::SharedStore;
use super::servers::Redis;
use super::servers::cluster::{Cluster, Copies};
use super::servers::sentinels::Sentinels;

/// So many that their keys are on every master of a cluster.
const PRACTICES: [&str; 6] = ["riverside", "lakeside", "hillside", "seaside", "roadside", "bayside"];

#[tokio::test(flavor = "multi_thread")]
async fn one_server_keeps_what_it_is_given() {
    let redis = Redis::start().await;
    keeps_what_it_is_given(&SharedStore::at(redis.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_what_it_is_given() {
    let cluster = Cluster::start(Copies::MastersOnly).await;
    keeps_what_it_is_given(&SharedStore::at(cluster.url())).await;
    for node in &cluster.nodes {
        assert_ne!(node.must(&["DBSIZE"]).await, redis::Value::Int(0), "a master has nothing to do");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_with_sentinels_keeps_what_it_is_given() {
    let set = Sentinels::start().await;
    keeps_what_it_is_given(&SharedStore::at(set.url())).await;
}

/// Of each of several practices: a record, a conversation, its thread, its place in the inbox, and what happened.
async fn keeps_what_it_is_given(shared: &SharedStore) {
    let store = open_as(1, shared).await;
    for (number, id) in PRACTICES.into_iter().enumerate() {
        let practice = practice(id, number);
        store.put(vec![Record::Practice(practice.clone())]).await.unwrap();
        let first = commit(&practice);
        assert_eq!(store.commit(first.clone()).await.unwrap(), Version(1));
        // Whoever decided on the old version is too late, and changes nothing.
        let again = Commit { operation: OperationId(2), ..first };
        assert!(matches!(store.commit(again).await, Err(CommitError::Conflict { expected: Version(0) })));
    }
    drop(store);

    let store = open_as(2, shared).await;
    let (records, _) = store.records().await.unwrap();
    assert_eq!(records.len(), PRACTICES.len());
    for (number, id) in PRACTICES.into_iter().enumerate() {
        let practice = practice(id, number);
        let found = store.record(&RecordKey::Practice(practice.id.clone())).await.unwrap();
        assert_eq!(found, Some(Record::Practice(practice.clone())));
        let stored = store.load(&key(&practice.id)).await.unwrap().unwrap();
        assert_eq!((stored.version, stored.operation), (Version(1), OperationId(1)));
        // The draft, and the invitation that goes ahead of it.
        assert_eq!(store.thread(&key(&practice.id), None, 10).await.unwrap().len(), 2);
        let inbox = store.inbox(&practice.id, &InboxFilter::all(), None, 10).await.unwrap().rows;
        assert_eq!(inbox.len(), 1);
        assert_eq!(store.unread(&practice.id).await.unwrap(), Unread::default());
        let happened = store.occurrences(&practice.id, OccurrenceId(0), 10).await.unwrap();
        assert!(matches!(happened, Occurrences::Page(page) if !page.is_empty()));
    }
    let in_a_month = SystemClock.now() + jiff::SignedDuration::from_hours(30 * 24);
    let due = store.due(in_a_month, 100).await.unwrap();
    assert_eq!(due.len(), PRACTICES.len());
    store.probe().await.unwrap();
}

async fn open_as(daemon: u64, shared: &SharedStore) -> Arc<dyn Store> {
    let directory = shared.directory().join(format!("daemon {daemon}"));
    let location = Location { directory, ..Location::new(&shared.url, KeySource::File(shared.key_file())) };
    open(&location, BootId(daemon), Arc::new(SystemClock)).await.unwrap()
}

/// The first draft to a phone.
fn commit(practice: &Practice) -> Commit {
    let now = SystemClock.now();
    let policy = Policy {
        practice: Arc::new(practice.clone()),
        boot: BootId(1),
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    };
    let conversation = Conversation::new(ConversationId(7), key(&practice.id), now);
    let draft = Draft {
        text: assent::domain::Body::new("your results are in"),
        staff: StaffId::parse("ana").ok(),
        preferences: Default::default(),
        send_at: None,
    };
    let decision = conversation.handle(Event::Drafted(draft), now, &policy);
    Commit {
        expected: Version(0),
        operation: OperationId(1),
        at: now,
        wake_at: decision.next.wake_at(&policy),
        summary: decision.next.summary(),
        next: decision.next,
        journal: decision.journal,
        idempotency: None,
    }
}

fn practice(id: &str, number: usize) -> Practice {
    Practice {
        id: PracticeId::parse(id).unwrap(),
        name: "A practice".into(),
        number: Phone::parse(&format!("+130355501{number:02}")).unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-0100".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    }
}

fn key(practice: &PracticeId) -> ConversationKey {
    ConversationKey { practice: practice.clone(), phone: Phone::parse("+13035550123").unwrap() }
}
