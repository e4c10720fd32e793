//! What every store keeps. The stories are told to a [`Home`], a place where a store can be opened again and
//! again; each kind of store has one. What only the embedded store can get wrong is at the end.

#![allow(clippy::unwrap_used)]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod redis_server;
#[path = "support/stage.rs"]
#[allow(dead_code)]
mod stage;

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use assent::domain::desk::{DeskState, Facet, Rearrangement, Tag, Tags};
use assent::domain::note::NoteText;
use assent::domain::policy::BootId;
use assent::domain::{
    Consent, DayBudget, Days, Draw, Event, Kind, Limits, Rate, Seq, StaffId, Status, Unused, Verdict,
};
use assent::ports::{
    AuditPlace, Changed, Clock, Commit, CommitError, DeadLetter, IdempotencyKey, InboxFilter, KeepError, KeptAnswer,
    Looked, OccurrenceId, Occurrences, PutError, Record, RecordKey, RecordsVersion, Stamp, Store, StoreError, Unread,
    Version, WebhookKey,
};
use assent::store::{KeySource, Location, OpenError, open};
use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::join_all;
use jiff::SignedDuration;
use stage::*;
use tempfile::TempDir;

// ------------------------------------------------------------------------------------------------- the stage

/// Where a store lives. Dropping a store and opening it again is a restart.
#[async_trait]
trait Home: Sync + Sized {
    async fn fresh() -> Self;
    async fn open(&self) -> Arc<dyn Store>;
    fn clock(&self) -> &HandClock;
}

struct Directory {
    directory: TempDir,
    clock: Arc<HandClock>,
}

impl Directory {
    fn path(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    async fn try_open(&self, keys: KeySource) -> Result<Arc<dyn Store>, OpenError> {
        let clock = Arc::clone(&self.clock);
        open(&Location::new(format!("file://{}", self.path().display()), keys), BootId(1), clock).await
    }
}

#[async_trait]
impl Home for Directory {
    async fn fresh() -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(at(0).as_second())));
        Self { directory: tempfile::tempdir().unwrap(), clock }
    }

    async fn open(&self) -> Arc<dyn Store> {
        self.try_open(KeySource::InDirectory).await.unwrap()
    }

    fn clock(&self) -> &HandClock {
        &self.clock
    }
}

/// A Redis of the test's own, and what its daemons have on their side.
struct Server {
    server: redis_server::Redis,
    directory: TempDir,
    clock: Arc<HandClock>,
    runs: AtomicU64,
}

#[async_trait]
impl Home for Server {
    async fn fresh() -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(at(0).as_second())));
        let directory = tempfile::tempdir().unwrap();
        let server = redis_server::Redis::start().await;
        Self { server, directory, clock, runs: AtomicU64::new(1) }
    }

    async fn open(&self) -> Arc<dyn Store> {
        let keys = keys_in(self.directory.path(), &[("k1", 1)]);
        let directory = self.directory.path().join("state");
        let location = Location { directory, ..Location::new(self.server.url(), keys) };
        let run = BootId(self.runs.fetch_add(1, Ordering::SeqCst));
        open(&location, run, Arc::clone(&self.clock) as Arc<dyn Clock>).await.unwrap()
    }

    fn clock(&self) -> &HandClock {
        &self.clock
    }
}

/// Tells every story to every home.
macro_rules! stories {
    ($($story:ident)*) => {
        mod embedded {
            $(#[tokio::test]
            async fn $story() {
                super::$story(<super::Directory as super::Home>::fresh().await).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $story() {
                super::$story(<super::Server as super::Home>::fresh().await).await;
            })*
        }
    };
}

// ----------------------------------------------------------------------------------------------- the stories

stories! {
    what_was_committed_is_there_after_a_restart
    a_commit_on_an_old_version_changes_nothing
    a_taken_key_changes_nothing
    of_fifty_who_write_at_once_one_wins_each_time
    what_is_committed_in_parallel_keeps_the_order_of_each_conversation
    a_kept_answer_outlives_a_restart_and_not_a_day
    a_status_changes_in_its_place_in_the_thread
    a_thread_is_read_in_pages
    a_message_of_another_conversation_is_none
    the_inbox_is_newest_first
    the_inbox_pages_through_ties
    an_inbox_row_is_of_the_last_commit
    a_hold_is_kept_and_listed_until_it_is_settled
    unread_is_counted_for_conversations_with_messages
    the_inbox_is_filtered_by_all_that_is_asked_for
    a_filter_goes_on_where_its_look_was_cut_short
    what_a_conversation_is_found_by_follows_it
    notes_are_read_in_pages_newest_first_and_are_in_no_thread
    the_most_overdue_is_due_first
    occurrences_resume_where_they_were_left
    a_place_that_never_was_is_gone
    practices_see_nothing_of_each_other
    records_are_put_replaced_and_removed
    a_record_is_put_over_what_was_found_and_nothing_else
    a_post_is_kept_by_one_of_those_who_read_it
    what_is_audited_stays_in_its_order
    of_many_who_are_audited_at_once_each_has_a_place
    dead_letters_are_taken
    a_number_is_held_to_its_rate_over_a_restart
    what_is_given_back_can_be_drawn_again
    a_spent_day_has_nothing_left_but_for_what_is_owed
    numbers_draw_from_meters_of_their_own
    who_draws_at_once_gets_no_more_than_there_is
    a_probe_is_written
    the_last_commit_before_the_start_is_known
    what_the_caller_no_longer_waits_for_is_whole_or_not_there
}

async fn what_was_committed_is_there_after_a_restart(home: impl Home) {
    let store = home.open().await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    talk.hear(draft("your results are in"), at(2)).await;
    talk.hear(text("start"), at(3)).await;
    let before = store.load(talk.key()).await.unwrap().unwrap();
    assert_eq!((&before.conversation, before.version), (&talk.now, Version(3)));
    let thread = store.thread(talk.key(), None, 10).await.unwrap();
    let seen = occurrences(&store, &talk.key().practice, OccurrenceId(0)).await;
    let now = talk.now.clone();
    drop((store, talk));

    let store = home.open().await;
    assert_eq!(store.load(&now.key).await.unwrap().unwrap(), before);
    assert_eq!(store.thread(&now.key, None, 10).await.unwrap(), thread);
    assert_eq!(occurrences(&store, &now.key.practice, OccurrenceId(0)).await, seen);
    assert_eq!(store.load(&key("riverside", 101)).await.unwrap(), None);
    assert!(matches!(before.conversation.consent, Consent::OptedIn { .. }));
}

async fn a_commit_on_an_old_version_changes_nothing(home: impl Home) {
    let store = home.open().await;
    let mut talk = talk(&store, key("riverside", 100), "stop", at(1)).await;
    let mut stale = talk.clone();
    talk.hear(text("start"), at(2)).await;
    let (before, newest) = (store.load(talk.key()).await.unwrap(), newest(&store, talk.key()).await);

    let mut late = stale.decide(text("late"), at(3));
    late.idempotency = Some(kept(&stale, "k"));
    let answer = stale.commit(late).await;
    assert!(matches!(answer, Err(CommitError::Conflict { expected: Version(1) })), "{answer:?}");
    for expected in [Version(0), Version(3)] {
        let ahead = Talk { version: expected, ..talk.clone() };
        let answer = store.commit(ahead.decide(text("ahead"), at(3))).await;
        assert!(matches!(answer, Err(CommitError::Conflict { .. })), "{answer:?}");
    }
    let nobody = Talk { version: Version(1), ..Talk::new(&store, key("riverside", 200)) };
    assert!(matches!(store.commit(nobody.decide(text("x"), at(3))).await, Err(CommitError::Conflict { .. })));

    assert_eq!(store.load(talk.key()).await.unwrap(), before);
    assert_eq!(self::newest(&store, talk.key()).await, newest);
    assert!(!talk.words(None, 100).await.iter().any(|words| words == "late" || words == "ahead"));
    assert_eq!(store.kept_answer(&talk.key().practice, &IdempotencyKey("k".into())).await.unwrap(), None);
}

async fn a_taken_key_changes_nothing(home: impl Home) {
    let store = home.open().await;
    let mut first = talk(&store, key("riverside", 100), "hello", at(1)).await;
    let mut commit = first.decide(draft("first"), at(2));
    let answered = kept(&first, "k");
    commit.idempotency = Some(answered.clone());
    first.commit(commit).await.unwrap();

    let mut second = talk(&store, key("riverside", 200), "hello", at(2)).await;
    let (before, newest) = (store.load(second.key()).await.unwrap(), newest(&store, second.key()).await);
    let mut commit = second.decide(draft("second"), at(3));
    commit.idempotency = Some(KeptAnswer { request: [8; 32], ..kept(&second, "k") });
    let Err(CommitError::KeyTaken(found)) = second.commit(commit).await else { panic!("the key is taken") };
    assert_eq!(*found, answered);
    assert_eq!(store.load(second.key()).await.unwrap(), before);
    assert_eq!(second.words(None, 10).await, ["hello"]);
    assert_eq!(self::newest(&store, second.key()).await, newest);

    let mut elsewhere = talk(&store, key("lakeside", 100), "hello", at(3)).await;
    let mut commit = elsewhere.decide(draft("elsewhere"), at(3));
    commit.idempotency = Some(kept(&elsewhere, "k"));
    elsewhere.commit(commit).await.unwrap();
}

async fn of_fifty_who_write_at_once_one_wins_each_time(home: impl Home) {
    let store = home.open().await;
    let mut talk = Talk::new(&store, key("riverside", 100));
    for round in 0..5 {
        let commits: Vec<Commit> = (0..50).map(|who| talk.decide(text(&format!("{round} {who}")), at(round))).collect();
        let answers = join_all(commits.iter().cloned().map(|commit| store.commit(commit))).await;
        let won: Vec<usize> = (0..50).filter(|who| answers[*who].is_ok()).collect();
        let conflicts = answers.iter().filter(|answer| matches!(answer, Err(CommitError::Conflict { .. }))).count();
        assert_eq!((won.len(), conflicts), (1, 49));
        let stored = store.load(talk.key()).await.unwrap().unwrap();
        assert_eq!(stored.operation, commits[won[0]].operation);
        assert_eq!(stored.conversation, commits[won[0]].next);
        talk = Talk { now: stored.conversation, version: stored.version, ..talk };
    }
    assert_eq!(talk.version, Version(5));
    assert_eq!(talk.words(None, 100).await.len(), 5);
}

async fn what_is_committed_in_parallel_keeps_the_order_of_each_conversation(home: impl Home) {
    let store = home.open().await;
    let talks = (0..40).map(|line| {
        let store = Arc::clone(&store);
        async move {
            let mut talk = Talk::new(&store, key("riverside", 100 + line));
            for number in 0..10 {
                talk.hear(text(&format!("{line} {number}")), at(number)).await;
            }
            talk
        }
    });
    let talks = join_all(talks).await;
    for (line, talk) in talks.iter().enumerate() {
        let expected: Vec<String> = (0..10).rev().map(|number| format!("{line} {number}")).collect();
        assert_eq!(talk.words(None, 100).await, expected);
        let stored = store.load(talk.key()).await.unwrap().unwrap();
        assert_eq!((&stored.conversation, stored.version), (&talk.now, Version(10)));
    }
    let Occurrences::Page(page) = store.occurrences(&practice("riverside"), OccurrenceId(0), 10_000).await.unwrap()
    else {
        panic!("nothing is gone")
    };
    assert!(page.windows(2).all(|pair| pair[0].id < pair[1].id));
    for talk in talks {
        let received = page.iter().filter(|one| one.phone == talk.key().phone).filter_map(|one| match one.change {
            Changed::MessageReceived(Seq(seq)) => Some(seq),
            Changed::MessageUpdated(_) | Changed::Consent | Changed::Unread | Changed::Desk | Changed::Note(_) => None,
        });
        assert_eq!(received.collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    }
}

async fn a_kept_answer_outlives_a_restart_and_not_a_day(home: impl Home) {
    let store = home.open().await;
    let mut first = talk(&store, key("riverside", 100), "hello", at(0)).await;
    let mut commit = first.decide(draft("first"), at(0));
    let answered = kept(&first, "0f1e");
    commit.idempotency = Some(answered.clone());
    first.commit(commit).await.unwrap();
    let (practice_id, name) = (first.key().practice.clone(), IdempotencyKey("0f1e".into()));
    drop((store, first));

    let store = home.open().await;
    assert_eq!(store.kept_answer(&practice_id, &name).await.unwrap(), Some(answered.clone()));
    assert_eq!(store.kept_answer(&practice("lakeside"), &name).await.unwrap(), None);
    assert_eq!(store.kept_answer(&practice_id, &IdempotencyKey("0F1E".into())).await.unwrap(), None);

    home.clock().set(at(23 * 60));
    assert_eq!(store.kept_answer(&practice_id, &name).await.unwrap(), Some(answered));
    home.clock().set(at(24 * 60 + 1));
    assert_eq!(store.kept_answer(&practice_id, &name).await.unwrap(), None);
    let mut again = talk(&store, key("riverside", 200), "hello", at(24 * 60 + 1)).await;
    let mut commit = again.decide(draft("again"), at(24 * 60 + 1));
    commit.idempotency = Some(kept(&again, "0f1e"));
    again.commit(commit).await.unwrap();
}

async fn a_status_changes_in_its_place_in_the_thread(home: impl Home) {
    let store = home.open().await;
    let mut talk = Talk::new(&store, key("riverside", 100));
    talk.hear(draft("your results are in"), at(1)).await;
    let drafted = store.message(talk.key(), talk.id(2)).await.unwrap().unwrap();
    assert_eq!((drafted.status, drafted.created_at), (Status::Pending, at(1)));
    talk.hear(text("STOP"), at(2)).await;
    let failed = store.message(talk.key(), talk.id(2)).await.unwrap().unwrap();
    assert_eq!((failed.status, failed.updated_at), (Status::Failed, at(2)));
    assert_eq!(failed.failure, Some(assent::domain::Failure::OptedOut));
    assert_eq!((&failed.text, &failed.kind, failed.created_at), (&drafted.text, &drafted.kind, drafted.created_at));
    let thread = store.thread(talk.key(), None, 10).await.unwrap();
    assert_eq!(thread.iter().map(|message| message.id.seq.0).collect::<Vec<_>>(), [4, 3, 2, 1]);
    assert_eq!(thread[2], failed);
}

async fn a_thread_is_read_in_pages(home: impl Home) {
    let store = home.open().await;
    let mut talk = Talk::new(&store, key("riverside", 100));
    for number in 1..=7 {
        talk.hear(text(&number.to_string()), at(number)).await;
    }
    assert_eq!(talk.words(None, 3).await, ["7", "6", "5"]);
    assert_eq!(talk.words(Some(Seq(5)), 3).await, ["4", "3", "2"]);
    assert_eq!(talk.words(Some(Seq(2)), 3).await, ["1"]);
    assert!(talk.words(Some(Seq(1)), 3).await.is_empty());
    assert_eq!(talk.words(Some(Seq(u64::MAX)), 1).await, ["7"]);
    assert!(store.thread(&key("riverside", 101), None, 3).await.unwrap().is_empty());
}

async fn a_message_of_another_conversation_is_none(home: impl Home) {
    let store = home.open().await;
    let ours = talk(&store, key("riverside", 100), "ours", at(1)).await;
    let theirs = talk(&store, key("lakeside", 100), "theirs", at(1)).await;
    assert_eq!(store.message(ours.key(), ours.id(1)).await.unwrap().unwrap().kind, Kind::Inbound);
    for (key, id) in [(ours.key(), theirs.id(1)), (theirs.key(), ours.id(1)), (ours.key(), ours.id(2))] {
        assert_eq!(store.message(key, id).await.unwrap(), None);
    }
}

async fn the_inbox_is_newest_first(home: impl Home) {
    let store = home.open().await;
    let mut first = talk(&store, key("riverside", 100), "a", at(1)).await;
    let second = talk(&store, key("riverside", 200), "b", at(2)).await;
    let third = talk(&store, key("riverside", 300), "c", at(3)).await;
    let phone = |talk: &Talk| talk.key().phone.clone();
    let us = practice("riverside");
    assert_eq!(inbox(&store, &us, InboxFilter::all()).await, [phone(&third), phone(&second), phone(&first)]);
    first.hear(text("again"), at(4)).await;
    first.hear(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }, at(5)).await;
    assert_eq!(inbox(&store, &us, InboxFilter::all()).await, [phone(&first), phone(&third), phone(&second)]);
    assert_eq!(inbox(&store, &us, InboxFilter::looked(Looked::Unread)).await, [phone(&third), phone(&second)]);
    assert_eq!(inbox(&store, &us, InboxFilter::looked(Looked::Read)).await, [phone(&first)]);
    first.hear(Event::MarkedUnread, at(6)).await;
    assert!(inbox(&store, &us, InboxFilter::looked(Looked::Read)).await.is_empty());
}

async fn the_inbox_pages_through_ties(home: impl Home) {
    let store = home.open().await;
    for line in 0..23 {
        let mut talk = talk(&store, key("riverside", 100 + line), "hello", at(i64::from(line / 10))).await;
        if line % 3 == 0 {
            talk.hear(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }, at(9)).await;
        }
    }
    let us = practice("riverside");
    for (filter, expected) in
        [(InboxFilter::all(), 23), (InboxFilter::looked(Looked::Unread), 15), (InboxFilter::looked(Looked::Read), 8)]
    {
        let whole = inbox(&store, &us, filter.clone()).await;
        let (mut paged, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.inbox(&us, &filter, cursor, 4).await.unwrap().rows;
            let Some(last) = page.last() else { break };
            cursor = Some(last.cursor);
            paged.extend(page.into_iter().map(|row| row.phone));
        }
        assert_eq!(paged, whole);
        assert_eq!(paged.iter().collect::<HashSet<_>>().len(), expected);
    }
}

async fn an_inbox_row_is_of_the_last_commit(home: impl Home) {
    let store = home.open().await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    talk.hear(text("stop"), at(2)).await;
    let rows = store.inbox(&practice("riverside"), &InboxFilter::all(), None, 10).await.unwrap().rows;
    let [row] = rows.as_slice() else { panic!("there is one conversation") };
    assert_eq!((&row.phone, &row.consent, row.unread), (&talk.key().phone, &talk.now.consent, 2));
    assert_eq!(row.active_at, at(2));
    assert_eq!(row.last.as_ref().unwrap().kind, Kind::OptOutConfirmation);
}

async fn a_hold_is_kept_and_listed_until_it_is_settled(home: impl Home) {
    let store = home.open().await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(1)).await;
    talk.hear(text("who is this? leave me alone"), at(2)).await;
    let hold = talk.now.hold.clone();
    assert_eq!(hold.as_ref().map(|hold| &*hold.reading.rule), Some("leave-me-alone"));
    let held = talk.now.clone();
    drop((store, talk));

    let store = home.open().await;
    assert_eq!(store.load(&held.key).await.unwrap().unwrap().conversation, held);
    let rows = store.inbox(&practice("riverside"), &InboxFilter::all(), None, 10).await.unwrap().rows;
    assert_eq!(rows[0].hold, hold);
}

async fn unread_is_counted_for_conversations_with_messages(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    assert_eq!(store.unread(&us).await.unwrap(), Unread::default());
    let mut first = talk(&store, key("riverside", 100), "a", at(1)).await;
    first.hear(text("b"), at(1)).await;
    talk(&store, key("riverside", 200), "c", at(1)).await;
    let mut silent = Talk::new(&store, key("riverside", 300));
    silent.hear(Event::MarkedUnread, at(1)).await;
    assert_eq!(store.unread(&us).await.unwrap(), Unread { conversations: 2, messages: 3 });
    assert_eq!(inbox(&store, &us, InboxFilter::all()).await.len(), 2, "nothing was said in the third");
    first.hear(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }, at(2)).await;
    assert_eq!(store.unread(&us).await.unwrap(), Unread { conversations: 1, messages: 1 });
}

fn found_by(has: Vec<Facet>, lacks: Vec<Facet>) -> InboxFilter {
    InboxFilter { has, lacks, ..InboxFilter::all() }
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn staff(id: &str) -> StaffId {
    StaffId::parse(id).unwrap()
}

fn rearranged(change: Rearrangement) -> Event {
    Event::Rearranged { change, seen: None }
}

fn assigned_to(id: &str) -> Event {
    rearranged(Rearrangement { assigned_to: Some(Some(staff(id))), ..Rearrangement::default() })
}

fn tagged(tags: &[&str]) -> Event {
    let tags = Tags::of(tags.iter().map(|text| tag(text)).collect()).unwrap();
    rearranged(Rearrangement { tags: Some(tags), ..Rearrangement::default() })
}

fn closed() -> Event {
    rearranged(Rearrangement { state: Some(DeskState::Closed), ..Rearrangement::default() })
}

async fn the_inbox_is_filtered_by_all_that_is_asked_for(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    let mut waits = talk(&store, key("riverside", 100), "does it hurt?", at(1)).await;
    waits.hear(assigned_to("ana"), at(2)).await;
    waits.hear(tagged(&["Knee", "billing"]), at(2)).await;
    let mut held = talk(&store, key("riverside", 200), "who is this? leave me alone", at(3)).await;
    held.hear(tagged(&["knee"]), at(3)).await;
    let mut done = talk(&store, key("riverside", 300), "thanks", at(4)).await;
    done.hear(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }, at(4)).await;
    done.hear(closed(), at(4)).await;
    let mut lost = talk(&store, key("riverside", 400), "hello", at(5)).await;
    lost.hear(draft("your results are in"), at(5)).await;
    lost.hear(text("STOP"), at(6)).await;
    let elsewhere = talk(&store, key("lakeside", 100), "hello", at(1)).await;
    assert!(elsewhere.now.desk.waiting_since.is_some());

    let phones = |talks: &[&Talk]| talks.iter().map(|talk| talk.key().phone.clone()).collect::<Vec<_>>();
    let cases = [
        (found_by(vec![Facet::Waiting], vec![]), phones(&[&held, &waits])),
        (found_by(vec![Facet::Held], vec![]), phones(&[&held])),
        (found_by(vec![Facet::Undeliverable], vec![]), phones(&[&lost])),
        (found_by(vec![Facet::Closed], vec![]), phones(&[&done])),
        (found_by(vec![], vec![Facet::Closed]), phones(&[&lost, &held, &waits])),
        (found_by(vec![Facet::Tagged(tag("KNEE"))], vec![]), phones(&[&held, &waits])),
        (found_by(vec![Facet::Tagged(tag("billing")), Facet::Waiting], vec![]), phones(&[&waits])),
        (found_by(vec![Facet::Waiting], vec![Facet::Assigned]), phones(&[&held])),
        (found_by(vec![Facet::AssignedTo(staff("ana"))], vec![]), phones(&[&waits])),
        (found_by(vec![Facet::AssignedTo(staff("tex"))], vec![]), vec![]),
        (found_by(vec![], vec![Facet::Assigned]), phones(&[&lost, &done, &held])),
        (found_by(vec![Facet::Closed, Facet::Waiting], vec![]), vec![]),
        (InboxFilter { lacks: vec![Facet::Closed], ..InboxFilter::looked(Looked::Read) }, vec![]),
        (InboxFilter { has: vec![Facet::Closed], ..InboxFilter::looked(Looked::Read) }, phones(&[&done])),
        (InboxFilter { has: vec![Facet::Waiting], ..InboxFilter::looked(Looked::Unread) }, phones(&[&held, &waits])),
        (InboxFilter { has: vec![Facet::Waiting], ..InboxFilter::looked(Looked::Read) }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(inbox(&store, &us, filter.clone()).await, expected, "{filter:?}");
    }
}

async fn a_filter_goes_on_where_its_look_was_cut_short(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    // One look is at so many places, and all but the oldest conversation are closed.
    let oldest = talk(&store, key("riverside", 1), "still open", at(0)).await;
    let closed_ones = (2..1_052_u32).map(|line| {
        let mut talk = Talk::new(&store, key("riverside", line));
        let heard = talk.decide(text("hello"), at(i64::from(line)));
        talk.now = heard.next.clone();
        let closed = talk.decide(closed(), at(i64::from(line)));
        let journal = [heard.journal, closed.journal].concat();
        let commit = Commit { journal, next: closed.next, summary: closed.summary, ..heard };
        let store = Arc::clone(&store);
        async move {
            store.commit(commit).await.unwrap();
        }
    });
    futures_util::stream::iter(closed_ones).buffer_unordered(8).collect::<Vec<()>>().await;

    let filter = found_by(vec![], vec![Facet::Closed]);
    let cut = store.inbox(&us, &filter, None, 10).await.unwrap();
    assert!(cut.rows.is_empty() && cut.cut_at.is_some(), "it was cut short");
    let rest = store.inbox(&us, &filter, cut.cut_at, 10).await.unwrap();
    assert_eq!(rest.rows.iter().map(|row| &row.phone).collect::<Vec<_>>(), [&oldest.key().phone]);
    assert_eq!(rest.cut_at, None, "there is no more");
    let all = store.inbox(&us, &found_by(vec![Facet::Closed], vec![]), None, 10).await.unwrap();
    assert_eq!((all.rows.len(), all.cut_at), (10, None));
}

async fn what_a_conversation_is_found_by_follows_it(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    let mut ours = talk(&store, key("riverside", 100), "hello", at(1)).await;
    ours.hear(tagged(&["knee"]), at(2)).await;
    ours.hear(closed(), at(3)).await;
    let other = talk(&store, key("riverside", 200), "hello", at(4)).await;
    // It moves to the top, and is found once.
    ours.hear(text("one more thing"), at(5)).await;
    let phone = |talk: &Talk| talk.key().phone.clone();
    assert_eq!(inbox(&store, &us, found_by(vec![Facet::Waiting], vec![])).await, [phone(&ours), phone(&other)]);
    assert_eq!(inbox(&store, &us, found_by(vec![Facet::Tagged(tag("knee"))], vec![])).await, [phone(&ours)]);
    assert!(inbox(&store, &us, found_by(vec![Facet::Closed], vec![])).await.is_empty(), "a text reopens");
    ours.hear(tagged(&[]), at(6)).await;
    assert!(inbox(&store, &us, found_by(vec![Facet::Tagged(tag("knee"))], vec![])).await.is_empty());
    let rows = store.inbox(&us, &InboxFilter::all(), None, 1).await.unwrap().rows;
    assert_eq!(rows[0].desk, ours.now.desk);
    let found = inbox(&store, &us, found_by(vec![Facet::Waiting], vec![])).await;
    assert_eq!(found, [phone(&ours), phone(&other)]);
    drop((store, ours, other));

    let store = home.open().await;
    assert_eq!(inbox(&store, &us, found_by(vec![Facet::Waiting], vec![])).await, found);
}

async fn notes_are_read_in_pages_newest_first_and_are_in_no_thread(home: impl Home) {
    let store = home.open().await;
    let mut talk = talk(&store, key("riverside", 100), "hello", at(0)).await;
    let noted = |text: &str| Event::Noted { text: NoteText::parse(text).unwrap(), staff: Some(staff("ana")) };
    for number in 1..=5 {
        talk.hear(noted(&format!("note {number}")), at(number)).await;
    }
    let seen = occurrences(&store, &talk.key().practice, OccurrenceId(0)).await;
    assert_eq!(seen.last().map(|(_, change)| *change), Some(Changed::Note(5)));
    let ours = talk.key().clone();
    drop((store, talk));

    let store = home.open().await;
    let page = async |before, limit| {
        let notes = store.notes(&ours, before, limit).await.unwrap();
        notes.into_iter().map(|note| (note.id.number, note.text.expose().to_owned())).collect::<Vec<_>>()
    };
    let note = |number: u64| (number, format!("note {number}"));
    assert_eq!(page(None, 3).await, [note(5), note(4), note(3)]);
    assert_eq!(page(Some(3), 3).await, [note(2), note(1)]);
    assert_eq!(page(Some(3), 1).await, [note(2)]);
    assert_eq!(page(Some(99), 2).await, [note(5), note(4)]);
    assert_eq!(page(Some(1), 3).await, []);
    let whole = store.notes(&ours, Some(2), 1).await.unwrap();
    assert_eq!((whole[0].staff.clone(), whole[0].created_at), (Some(staff("ana")), at(1)));
    assert_eq!(store.notes(&key("riverside", 101), None, 3).await.unwrap(), []);
    assert_eq!(store.thread(&ours, None, 10).await.unwrap().len(), 1, "no note is a message");
}

async fn the_most_overdue_is_due_first(home: impl Home) {
    let store = home.open().await;
    let week = Limits::default().invitation_answer;
    let mut talks = Vec::new();
    for (line, minute) in [(100, 3), (200, 1), (300, 2)] {
        let mut talk = Talk::new(&store, key("riverside", line));
        let mut commit = talk.decide(draft("hello"), at(minute));
        commit.wake_at = Some(at(minute) + week);
        talk.commit(commit).await.unwrap();
        talks.push(talk);
    }
    talk(&store, key("riverside", 400), "nothing to wake for", at(1)).await;
    let [third, first, second] = talks.try_into().unwrap_or_else(|_| panic!("three talks"));
    let keys = |talks: &[&Talk]| talks.iter().map(|talk| talk.key().clone()).collect::<Vec<_>>();
    let a_nanosecond = SignedDuration::from_nanos(1);
    assert!(store.due(at(1) + week - a_nanosecond, 10).await.unwrap().is_empty());
    assert_eq!(store.due(at(1) + week, 10).await.unwrap(), keys(&[&first]));
    assert_eq!(store.due(at(9) + week, 10).await.unwrap(), keys(&[&first, &second, &third]));
    assert_eq!(store.due(at(9) + week, 2).await.unwrap(), keys(&[&first, &second]));
    let mut first = first;
    let mut commit = first.decide(text("thanks"), at(4));
    commit.wake_at = None;
    first.commit(commit).await.unwrap();
    assert_eq!(store.due(at(9) + week, 10).await.unwrap(), keys(&[&second, &third]));
}

async fn occurrences_resume_where_they_were_left(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    assert_eq!(store.newest_occurrence(&us).await.unwrap(), OccurrenceId(0));
    assert!(occurrences(&store, &us, OccurrenceId(0)).await.is_empty());
    let mut talk = talk(&store, key("riverside", 100), "stop", at(1)).await;
    let phone = talk.key().phone.clone();
    let expected =
        [Changed::MessageReceived(Seq(1)), Changed::Consent, Changed::MessageUpdated(Seq(2)), Changed::Unread]
            .map(|change| (phone.clone(), change));
    assert_eq!(occurrences(&store, &us, OccurrenceId(0)).await, expected);
    let Occurrences::Page(page) = store.occurrences(&us, OccurrenceId(0), 3).await.unwrap() else { panic!() };
    assert_eq!(page.len(), 3);
    assert_eq!(occurrences(&store, &us, page[2].id).await, expected[3..]);
    let newest = store.newest_occurrence(&us).await.unwrap();
    assert!(occurrences(&store, &us, newest).await.is_empty());
    talk.hear(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }, at(2)).await;
    assert_eq!(occurrences(&store, &us, newest).await, [(phone, Changed::Unread)]);
}

async fn a_place_that_never_was_is_gone(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    assert_eq!(store.occurrences(&us, OccurrenceId(1), 10).await.unwrap(), Occurrences::Gone);
    talk(&store, key("riverside", 100), "hello", at(1)).await;
    let OccurrenceId(newest) = store.newest_occurrence(&us).await.unwrap();
    for never in [newest + 1, u64::MAX] {
        assert_eq!(store.occurrences(&us, OccurrenceId(never), 10).await.unwrap(), Occurrences::Gone);
    }
}

async fn practices_see_nothing_of_each_other(home: impl Home) {
    let store = home.open().await;
    let ours = talk(&store, key("riverside", 100), "ours", at(1)).await;
    let theirs = talk(&store, key("lakeside", 100), "theirs", at(2)).await;
    let nobody = practice("riversid");
    for (talk, words) in [(&ours, "ours"), (&theirs, "theirs")] {
        let practice = &talk.key().practice;
        assert_eq!(store.load(talk.key()).await.unwrap().unwrap().conversation, talk.now);
        assert_eq!(talk.words(None, 10).await, [words]);
        assert_eq!(store.inbox(practice, &InboxFilter::all(), None, 10).await.unwrap().rows.len(), 1);
        assert_eq!(store.unread(practice).await.unwrap(), Unread { conversations: 1, messages: 1 });
        assert_eq!(occurrences(&store, practice, OccurrenceId(0)).await.len(), 2);
    }
    assert_eq!(store.load(&key("riversid", 100)).await.unwrap(), None);
    assert!(store.inbox(&nobody, &InboxFilter::all(), None, 10).await.unwrap().rows.is_empty());
    assert_eq!(store.unread(&nobody).await.unwrap(), Unread::default());
    assert!(occurrences(&store, &nobody, OccurrenceId(0)).await.is_empty());
}

async fn records_are_put_replaced_and_removed(home: impl Home) {
    let store = home.open().await;
    assert!(store.records().await.unwrap().0.is_empty());
    let mut records = some_records();
    store.put(records.clone()).await.unwrap();
    assert_eq!(store.records().await.unwrap().0, records);
    let Record::Staff(_, ana) = &mut records[1] else { panic!("the second is staff") };
    ana.patient_text_administrator = true;
    let mut elsewhere = records[1].clone();
    let Record::Staff(practice_id, _) = &mut elsewhere else { panic!("it is staff") };
    *practice_id = practice("lakeside");
    records.push(elsewhere);
    store.put(vec![records[1].clone(), records[7].clone()]).await.unwrap();
    assert_eq!(store.records().await.unwrap().0, records);
    store.remove(&RecordKey::Token(practice("riverside"), "never was".into())).await.unwrap();
    // All that can be removed, and one of the staff.
    for removed in [6, 5, 4, 1] {
        let removed = records.remove(removed);
        store.remove(&removed.key()).await.unwrap();
        assert_eq!(store.record(&removed.key()).await.unwrap(), None);
    }
    drop(store);
    assert_eq!(home.open().await.records().await.unwrap().0, records);
}

async fn a_record_is_put_over_what_was_found_and_nothing_else(home: impl Home) {
    let store = home.open().await;
    for record in some_records() {
        let key = record.key();
        let (nothing, absent) = store.stamped(&key).await.unwrap();
        assert_eq!((nothing, &absent), (None, &Stamp::ABSENT));
        let before = store.records_version().await.unwrap();
        store.put_over(&absent, record.clone()).await.unwrap();
        assert!(matches!(store.put_over(&absent, record.clone()).await, Err(PutError::ChangedMeanwhile)));
        assert_eq!(store.records_version().await.unwrap(), RecordsVersion(before.0 + 1), "once");

        let (found, first) = store.stamped(&key).await.unwrap();
        assert_eq!(found.as_ref(), Some(&record));
        // The same words again are another writing.
        store.put(vec![record.clone()]).await.unwrap();
        assert!(matches!(store.put_over(&first, record.clone()).await, Err(PutError::ChangedMeanwhile)));
        let (_, second) = store.stamped(&key).await.unwrap();
        assert_ne!(first, second);
        store.put_over(&second, record.clone()).await.unwrap();
        let (_, third) = store.stamped(&key).await.unwrap();
        store.remove(&key).await.unwrap();
        assert!(matches!(store.put_over(&third, record.clone()).await, Err(PutError::ChangedMeanwhile)));
        assert_eq!(store.record(&key).await.unwrap(), None);
        store.put_over(&Stamp::ABSENT, record).await.unwrap();
    }
    let records = store.records().await.unwrap().0;
    drop(store);
    assert_eq!(home.open().await.records().await.unwrap().0, records);
    assert_eq!(records, some_records());
}

async fn a_post_is_kept_by_one_of_those_who_read_it(home: impl Home) {
    let store = home.open().await;
    let key = WebhookKey { practice: practice("riverside"), serial: u64::MAX };
    assert_eq!(store.post(&key).await.unwrap(), None);
    let mut post = some_post(4321);
    assert_eq!(store.keep(&key, Version(0), &post).await.unwrap(), Version(1));
    assert!(matches!(store.keep(&key, Version(0), &post).await, Err(KeepError::Conflict { expected: Version(0) })));
    post.lease = None;
    assert_eq!(store.keep(&key, Version(1), &post).await.unwrap(), Version(2));
    for expected in [Version(1), Version(3)] {
        let late = store.keep(&key, expected, &some_post(9)).await;
        assert!(matches!(late, Err(KeepError::Conflict { .. })), "{late:?}");
    }
    for elsewhere in
        [WebhookKey { serial: 1, ..key.clone() }, WebhookKey { practice: practice("lakeside"), ..key.clone() }]
    {
        assert_eq!(store.post(&elsewhere).await.unwrap(), None);
        store.forget(&elsewhere).await.unwrap();
    }
    drop(store);

    let store = home.open().await;
    assert_eq!(store.post(&key).await.unwrap(), Some((post.clone(), Version(2))));
    store.forget(&key).await.unwrap();
    assert_eq!(store.post(&key).await.unwrap(), None);
    let of_before = store.keep(&key, Version(2), &post).await;
    assert!(matches!(of_before, Err(KeepError::Conflict { .. })), "who had it before it was removed writes nothing");
}

async fn what_is_audited_stays_in_its_order(home: impl Home) {
    let store = home.open().await;
    let us = practice("riverside");
    assert_eq!(store.audited(&us, AuditPlace(0), 9).await.unwrap(), []);
    for number in 1..=20 {
        store.enter(some_audited("riverside", number)).await.unwrap();
    }
    store.enter(some_audited("lakeside", 7)).await.unwrap();
    drop(store);

    let store = home.open().await;
    store.enter(some_audited("riverside", 21)).await.unwrap();
    let all: Vec<_> = (1..=21).map(|number| (AuditPlace(number), some_audited("riverside", number))).collect();
    assert_eq!(store.audited(&us, AuditPlace(0), usize::MAX).await.unwrap(), all);
    assert_eq!(store.audited(&us, AuditPlace(4), 3).await.unwrap(), all[4..7]);
    assert_eq!(store.audited(&us, AuditPlace(20), 3).await.unwrap(), all[20..]);
    for (after, limit) in [(21, 3), (u64::MAX >> 1, 3), (0, 0)] {
        assert_eq!(store.audited(&us, AuditPlace(after), limit).await.unwrap(), [], "{after}");
    }
    let others = store.audited(&practice("lakeside"), AuditPlace(0), 9).await.unwrap();
    assert_eq!(others, [(AuditPlace(1), some_audited("lakeside", 7))]);
}

async fn of_many_who_are_audited_at_once_each_has_a_place(home: impl Home) {
    let store = home.open().await;
    let entered = join_all((1..=200).map(|number| store.enter(some_audited("riverside", number)))).await;
    entered.into_iter().for_each(Result::unwrap);
    let found = store.audited(&practice("riverside"), AuditPlace(0), usize::MAX).await.unwrap();
    assert!(found.iter().map(|(place, _)| place.0).eq(1..=200));
    let mut times: Vec<_> = found.iter().map(|(_, entry)| entry.at).collect();
    times.sort_unstable();
    assert!(times.into_iter().eq((1..=200).map(at)), "each of them once");
}

async fn dead_letters_are_taken(home: impl Home) {
    let store = home.open().await;
    for number in 0..3 {
        let letter = DeadLetter { at: at(number), reason: "no practice has this number", raw: vec![0xff; 300] };
        store.set_aside(letter).await.unwrap();
    }
}

/// A draw from a number that may send a segment a minute, one at once: a test is over before the next one is there.
fn draw(needed: u32, day: DayBudget) -> Draw {
    let needed = NonZeroU32::new(needed).unwrap();
    let rate = Rate { per_minute: NonZeroU32::MIN, per_day: NonZeroU32::new(10) };
    Draw { needed, wanted: needed, rate, day, days: Days::around(at(0)) }
}

async fn verdict(store: &Arc<dyn Store>, name: &str, draw: Draw) -> Verdict {
    store.draw(&practice(name), draw).await.unwrap().verdict
}

fn granted(segments: u32) -> Verdict {
    Verdict::Granted(NonZeroU32::new(segments).unwrap())
}

async fn a_number_is_held_to_its_rate_over_a_restart(home: impl Home) {
    let store = home.open().await;
    assert_eq!(verdict(&store, "riverside", draw(3, DayBudget::KeptTo)).await, granted(3));
    drop(store);

    let store = home.open().await;
    let Verdict::NotBefore(wait) = verdict(&store, "riverside", draw(1, DayBudget::KeptTo)).await else {
        panic!("the bucket is in debt")
    };
    assert!(wait > Duration::from_secs(90) && wait <= Duration::from_mins(3), "{wait:?}");
    let standing = store.standing(&practice("riverside"), Days::around(at(0))).await.unwrap();
    assert_eq!(standing.spent_today, 3);
    assert!(standing.full_in > Duration::from_secs(90), "{standing:?}");
}

async fn what_is_given_back_can_be_drawn_again(home: impl Home) {
    let store = home.open().await;
    let drawn = store.draw(&practice("riverside"), draw(3, DayBudget::KeptTo)).await.unwrap();
    let unused = Unused {
        segments: NonZeroU32::new(3).unwrap(),
        per_minute: NonZeroU32::MIN,
        day_ends_at: drawn.standing.day_ends_at,
    };
    store.give_back(&practice("riverside"), unused).await.unwrap();
    assert_eq!(store.standing(&practice("riverside"), Days::around(at(0))).await.unwrap().spent_today, 0);
    assert_eq!(verdict(&store, "riverside", draw(1, DayBudget::KeptTo)).await, granted(1));
}

async fn a_spent_day_has_nothing_left_but_for_what_is_owed(home: impl Home) {
    let store = home.open().await;
    assert_eq!(verdict(&store, "riverside", draw(10, DayBudget::KeptTo)).await, granted(10));
    assert_eq!(verdict(&store, "riverside", draw(1, DayBudget::KeptTo)).await, Verdict::DaySpent);
    // What is owed does not wait for another day, but for the bucket.
    let owed = verdict(&store, "riverside", draw(1, DayBudget::Overdrawn)).await;
    assert!(matches!(owed, Verdict::NotBefore(_)), "{owed:?}");
    let faster = Rate { per_minute: NonZeroU32::new(60_000).unwrap(), per_day: NonZeroU32::new(10) };
    assert_eq!(verdict(&store, "lakeside", Draw { rate: faster, ..draw(10, DayBudget::KeptTo) }).await, granted(10));
    assert_eq!(verdict(&store, "lakeside", Draw { rate: faster, ..draw(1, DayBudget::Overdrawn) }).await, granted(1));
    assert_eq!(store.standing(&practice("lakeside"), Days::around(at(0))).await.unwrap().spent_today, 11);
}

async fn numbers_draw_from_meters_of_their_own(home: impl Home) {
    let store = home.open().await;
    assert_eq!(verdict(&store, "riverside", draw(1, DayBudget::KeptTo)).await, granted(1));
    assert_eq!(verdict(&store, "lakeside", draw(1, DayBudget::KeptTo)).await, granted(1));
    assert_eq!(store.standing(&practice("hillside"), Days::around(at(0))).await.unwrap().spent_today, 0);
}

async fn who_draws_at_once_gets_no_more_than_there_is(home: impl Home) {
    let store = home.open().await;
    let rate = Rate { per_minute: NonZeroU32::new(50).unwrap(), per_day: None };
    let draws = (0..60).map(|_| verdict(&store, "riverside", Draw { rate, ..draw(1, DayBudget::KeptTo) }));
    let verdicts = join_all(draws).await;
    let had = verdicts.iter().filter(|verdict| **verdict == granted(1)).count();
    // Ten at once, and what flows in while the test runs, on a clock that is the store's own.
    assert!((10..20).contains(&had), "{had}");
}

async fn a_probe_is_written(home: impl Home) {
    let store = home.open().await;
    store.probe().await.unwrap();
    store.probe().await.unwrap();
    assert_eq!(store.newest_occurrence(&practice("riverside")).await.unwrap(), OccurrenceId(0));
}

async fn the_last_commit_before_the_start_is_known(home: impl Home) {
    let store = home.open().await;
    assert_eq!(store.last_commit_before_start().await.unwrap(), None);
    talk(&store, key("riverside", 100), "later", at(7)).await;
    talk(&store, key("riverside", 200), "earlier", at(5)).await;
    assert_eq!(store.last_commit_before_start().await.unwrap(), None);
    drop(store);
    let store = home.open().await;
    assert_eq!(store.last_commit_before_start().await.unwrap(), Some(at(7)));
    drop(store);
    assert_eq!(home.open().await.last_commit_before_start().await.unwrap(), Some(at(7)));
}

async fn what_the_caller_no_longer_waits_for_is_whole_or_not_there(home: impl Home) {
    let store = home.open().await;
    let mut talk = Talk::new(&store, key("riverside", 100));
    for minute in 0..20 {
        let commit = talk.decide(text(&minute.to_string()), at(minute));
        let _ = tokio::time::timeout(std::time::Duration::ZERO, store.commit(commit.clone())).await;
        store.probe().await.unwrap();
        let stored = store.load(talk.key()).await.unwrap();
        let messages = talk.words(None, 100).await.len() as u64;
        let version = stored.as_ref().map_or(Version(0), |stored| stored.version);
        assert_eq!(version.0, messages);
        if let Some(stored) = stored.filter(|stored| stored.operation == commit.operation) {
            talk = Talk { now: stored.conversation, version: stored.version, ..talk };
        }
    }
}

// ---------------------------------------------------------------------------------- the embedded store alone

#[tokio::test]
async fn a_directory_is_used_by_one_assent_at_a_time() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    let error = home.try_open(KeySource::InDirectory).await.err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert_eq!(
        error.to_string(),
        format!("another assent is using {}: stop it, or give this one a directory of its own", home.path().display())
    );
    drop(store);
    home.open().await;
}

#[tokio::test]
async fn files_are_for_this_user_alone() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    talk(&store, key("riverside", 100), "hello", at(1)).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.path()), 0o700);
    let files: Vec<PathBuf> = files(&home.path()).into_iter().map(|(path, _)| path).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn no_file_holds_a_patients_words_or_names() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    tell_canaries(&store).await;
    let look = || no_canary_is_in(&files(&home.path()));
    look();
    drop(store);
    look();
}

fn key_file(home: &Directory, lines: &[(&str, u8)]) -> KeySource {
    keys_in(home.directory.path(), lines)
}

#[tokio::test]
async fn a_store_opens_with_its_own_keys_only() {
    let home = Directory::fresh().await;
    let first = home.try_open(key_file(&home, &[("k1", 1)])).await.unwrap();
    let before = talk(&first, key("riverside", 100), "before", at(1)).await.now.clone();
    drop(first);

    let error = home.try_open(key_file(&home, &[("k1", 2)])).await.err();
    assert!(matches!(error, Some(OpenError::WrongKey { key, .. }) if key == "k1"));
    let error = home.try_open(key_file(&home, &[("k2", 1)])).await.err();
    assert!(matches!(error, Some(OpenError::KeyMissing { key, .. }) if key == "k1"));
    let error = home.try_open(KeySource::File("/nonexistent/keys".into())).await.err();
    assert!(matches!(error, Some(OpenError::KeyFile { .. })));
    std::fs::write(home.directory.path().join("keys"), "nonsense").unwrap();
    let error = home.try_open(KeySource::File(home.directory.path().join("keys"))).await.err();
    assert!(matches!(error, Some(OpenError::KeyRing { .. })));

    let rotated = home.try_open(key_file(&home, &[("k2", 2), ("k1", 1)])).await.unwrap();
    assert_eq!(rotated.load(&before.key).await.unwrap().unwrap().conversation, before);
    talk(&rotated, key("riverside", 200), "after", at(2)).await;
    drop(rotated);
    let error = home.try_open(key_file(&home, &[("k1", 1)])).await.err();
    assert!(matches!(error, Some(OpenError::KeyMissing { key, .. }) if key == "k2"));
    let both = home.try_open(key_file(&home, &[("k3", 3), ("k1", 1), ("k2", 2)])).await.unwrap();
    assert_eq!(inbox(&both, &practice("riverside"), InboxFilter::all()).await.len(), 2);
}

#[tokio::test]
async fn a_lost_key_file_is_not_replaced_by_another() {
    let home = Directory::fresh().await;
    drop(home.open().await);
    std::fs::remove_file(home.path().join("store.key")).unwrap();
    let error = home.try_open(KeySource::InDirectory).await.err().unwrap();
    assert!(matches!(error, OpenError::KeyFileMissing { .. }), "{error}");
    assert!(!home.path().join("store.key").exists());
}

#[tokio::test]
async fn a_store_of_a_newer_assent_or_of_something_else_is_refused() {
    let home = Directory::fresh().await;
    drop(home.open().await);
    let database = home.path().join("assent.db");
    let change = |sql: &str| rusqlite::Connection::open(&database).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 7");
    let error = home.try_open(KeySource::InDirectory).await.err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 7, known: 6, .. }), "{error}");
    change("PRAGMA user_version = 6; PRAGMA application_id = 7");
    let error = home.try_open(KeySource::InDirectory).await.err().unwrap();
    assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
}

#[tokio::test]
async fn a_store_from_before_the_meters_gets_them_and_keeps_what_it_has() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    let before = talk(&store, key("riverside", 100), "hello", at(1)).await.now;
    drop(store);
    rusqlite::Connection::open(home.path().join("assent.db"))
        .unwrap()
        .execute_batch(
            "DROP TABLE meters; DROP TABLE ledger; DROP INDEX journal_of_conversation; DROP TABLE posts;
             DROP TABLE audited; DROP TABLE facets; DROP TABLE notes; PRAGMA user_version = 1",
        )
        .unwrap();

    for expected in [0, 1] {
        let store = home.open().await;
        assert_eq!(store.load(&before.key).await.unwrap().unwrap().conversation, before);
        let standing = store.standing(&practice("riverside"), Days::around(at(0))).await.unwrap();
        assert_eq!(standing.spent_today, expected);
        let nobodys = WebhookKey { practice: practice("riverside"), serial: 1 };
        assert_eq!(store.post(&nobodys).await.unwrap(), None);
        if expected == 0 {
            assert_eq!(verdict(&store, "riverside", draw(1, DayBudget::KeptTo)).await, granted(1));
        }
    }
}

#[tokio::test]
async fn two_sealed_rows_cannot_trade_places() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    let opted_in = {
        let mut talk = Talk::new(&store, key("riverside", 100));
        talk.hear(text("start"), at(1)).await;
        talk
    };
    let opted_out = talk(&store, key("riverside", 200), "stop", at(1)).await;
    let keys = [opted_in.key().clone(), opted_out.key().clone()];
    drop((store, opted_in, opted_out));
    rusqlite::Connection::open(home.path().join("assent.db"))
        .unwrap()
        .execute_batch(
            "CREATE TEMP TABLE kept AS SELECT * FROM conversations;
             UPDATE conversations SET (id, version, operation, ends, snapshot) =
                 (SELECT id, version, operation, ends, snapshot FROM kept WHERE kept.row <> conversations.row);",
        )
        .unwrap();
    let store = home.open().await;
    for key in &keys {
        assert!(matches!(store.load(key).await, Err(StoreError::Unreadable(_))));
    }
    assert!(inbox(&store, &practice("riverside"), InboxFilter::all()).await.is_empty());
}

/// X1, X2: what a machine that dies at this instant leaves on its disk, with half of a commit that nobody was
/// told of behind it.
#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    let mut talks = Vec::new();
    for line in 0..3 {
        talks.push(talk(&store, key("riverside", 100 + line), "stop", at(line.into())).await);
        let after = Directory::fresh().await;
        std::fs::create_dir(after.path()).unwrap();
        for (path, mut octets) in files(&home.path()) {
            let name = path.file_name().unwrap();
            if name == "assent.db-wal" {
                octets.extend_from_slice(&[0x5a; 5_000]);
            }
            if name != "assent.db-shm" {
                std::fs::write(after.path().join(name), octets).unwrap();
            }
        }
        let store = after.open().await;
        for talk in &talks {
            assert_eq!(store.load(talk.key()).await.unwrap().unwrap().conversation, talk.now);
        }
        assert_eq!(store.last_commit_before_start().await.unwrap(), Some(at(line.into())));
    }
}

/// X5: no flipped bit shows an opted-out patient as anything else.
#[tokio::test]
async fn a_damaged_database_never_shows_another_consent() {
    let home = Directory::fresh().await;
    let store = home.open().await;
    let mut talks = Vec::new();
    for line in 0..6 {
        let mut talk = talk(&store, key("riverside", 100 + line), "hello", at(1)).await;
        talk.hear(text(if line % 2 == 0 { "stop" } else { "start" }), at(2)).await;
        talks.push(talk.now);
    }
    drop(store);
    let database = home.path().join("assent.db");
    let sound = std::fs::read(&database).unwrap();
    assert!(!home.path().join("assent.db-wal").exists(), "a store that was closed is one file");

    // Each page is hit; a prime step leaves no alignment out.
    for position in (0..sound.len()).step_by(211) {
        let mut damaged = sound.clone();
        damaged[position] ^= 1 << (position % 8);
        std::fs::write(&database, &damaged).unwrap();
        if let Ok(store) = home.try_open(KeySource::InDirectory).await {
            for talk in &talks {
                match store.load(&talk.key).await {
                    Ok(Some(stored)) => assert_eq!(stored.conversation.consent, talk.consent, "at {position}"),
                    Ok(None) => panic!("a conversation is not found after damage at {position}"),
                    Err(_) => {}
                }
            }
            for row in store.inbox(&practice("riverside"), &InboxFilter::all(), None, 10).await.unwrap_or_default().rows
            {
                let talk = talks.iter().find(|talk| talk.key.phone == row.phone).unwrap();
                assert_eq!(row.consent, talk.consent, "in the inbox, at {position}");
            }
        }
        let _ = std::fs::remove_file(home.path().join("assent.db-wal"));
        let _ = std::fs::remove_file(home.path().join("assent.db-shm"));
    }
}
