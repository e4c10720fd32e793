//! The actor shell: commit, then reply, then act, whatever the store, the callers and the core do.

#![allow(clippy::unwrap_used)]

#[path = "support/faulty_store.rs"]
#[allow(dead_code)]
mod faulty_store;
#[path = "support/shell.rs"]
mod shell;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assent::conversations::{AskError, Idempotency, Patience, Reply};
use assent::domain::outbox::{Pause, Stage};
use assent::domain::{Body, Draft, Event, Kind, Outcome, PracticeId, Refusal, Seq, Status};
use assent::ports::{Clock, IdempotencyKey};
use shell::Shell;

const PATIENT: &str = "+13035550123";

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_waits_for_yes_and_then_leaves() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    let Outcome::Accepted(message) = shell.drafts(&key, "see you at 3").await.unwrap() else { panic!("accepted") };
    assert_eq!(message.status, Status::Pending);
    shell.invited().await;
    shell.texts(&key, "YES").await.unwrap();
    shell.carried("see you at 3").await;
    let kinds: Vec<Kind> = shell.left().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::Invitation, Kind::StaffText { staff: None }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_before_it_is_durable() {
    let shell = Arc::new(Shell::start().await);
    let key = shell.key(PATIENT);
    shell.store.hold.store(true, Ordering::SeqCst);
    let asked = tokio::spawn({
        let (shell, key) = (Arc::clone(&shell), key.clone());
        async move { shell.drafts(&key, "hello").await }
    });
    shell.store.held.notified().await;
    assert!(!asked.is_finished());
    assert!(shell.store.load_is_empty(&key).await, "the store has nothing yet, and so nobody has heard anything");
    shell.store.hold.store(false, Ordering::SeqCst);
    shell.store.released.notify_one();
    assert!(matches!(asked.await.unwrap(), Ok(Outcome::Accepted(_))));
    assert!(!shell.store.load_is_empty(&key).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_letter_waits_while_the_first_is_being_written_down() {
    let shell = Arc::new(Shell::start().await);
    let key = shell.key(PATIENT);
    shell.drafts(&key, "hello").await.unwrap();
    shell.at_rest(&key).await;
    shell.texts(&key, "YES").await.unwrap();
    shell.carried("hello").await;
    shell.at_rest(&key).await;

    // STOP is being committed, and is not durable yet. A draft that comes now must be decided after it.
    shell.store.hold.store(true, Ordering::SeqCst);
    let stop = tokio::spawn({
        let (shell, key) = (Arc::clone(&shell), key.clone());
        async move { shell.texts(&key, "STOP").await }
    });
    shell.store.held.notified().await;
    let draft = tokio::spawn({
        let (shell, key) = (Arc::clone(&shell), key.clone());
        async move { shell.drafts(&key, "one more thing").await }
    });
    // The draft is in the mailbox once every arbiter has answered after it was sent.
    tokio::task::yield_now().await;
    shell.store.hold.store(false, Ordering::SeqCst);
    shell.store.released.notify_waiters();
    shell.store.released.notify_one();
    stop.await.unwrap().unwrap();
    assert!(matches!(draft.await.unwrap(), Ok(Outcome::Refused(Refusal::OptedOut { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_staff_text_leaves_after_a_stop_was_answered_in_any_interleaving() {
    let shell = Arc::new(Shell::start().await);
    for round in 0..60 {
        let key = shell.key(&format!("+1303555{:04}", 1_000 + round));
        shell.drafts(&key, &format!("hello {round}")).await.unwrap();
        shell.at_rest(&key).await;
        shell.texts(&key, "YES").await.unwrap();
        let drafts = (0..4).map(|number| {
            let (shell, key) = (Arc::clone(&shell), key.clone());
            tokio::spawn(async move { shell.drafts(&key, &format!("round {round} draft {number}")).await.unwrap() })
        });
        let drafts: Vec<_> = drafts.collect();
        shell.texts(&key, "STOP").await.unwrap();
        // The carrier's log up to the answer to STOP, plus what one commit had put in flight before it.
        let before = shell.left().len();
        for draft in drafts {
            draft.await.unwrap();
        }
        assert!(matches!(shell.drafts(&key, "after").await.unwrap(), Outcome::Refused(Refusal::OptedOut { .. })));
        let conversation = shell.store.inner_load(&key).await;
        let staff_after =
            shell.left()[before..].iter().filter(|(kind, _)| matches!(kind, Kind::StaffText { .. })).count();
        assert!(staff_after <= 1, "at most the one that was committed as sending before the STOP");
        assert_eq!(conversation.outbox.pending(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_is_an_error_and_leaves_nothing_behind() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.store.refuse.store(1, Ordering::SeqCst);
    assert_eq!(shell.drafts(&key, "hello").await, Err(AskError::StoreUnavailable));
    assert!(shell.store.load_is_empty(&key).await);
    assert!(shell.left().is_empty(), "what is not durable does not leave");
    assert!(matches!(shell.drafts(&key, "hello again").await, Ok(Outcome::Accepted(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_read_back_and_not_made_twice() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.store.lie.store(1, Ordering::SeqCst);
    assert!(matches!(shell.drafts(&key, "hello").await, Ok(Outcome::Accepted(_))));
    assert_eq!(shell.store.inner_load(&key).await.outbox.pending(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_with_one_idempotency_key_are_one_message() {
    let shell = Arc::new(Shell::start().await);
    let key = shell.key(PATIENT);
    let ask = |request: [u8; 32]| {
        let (shell, key) = (Arc::clone(&shell), key.clone());
        tokio::spawn(async move {
            let draft = Draft { text: Body::new("hello"), staff: None, preferences: Default::default(), send_at: None };
            let idempotency = Idempotency { key: IdempotencyKey("k1".into()), request };
            shell.directory.draft(&key, draft, Some(idempotency)).await
        })
    };
    let asked: Vec<_> = (0..50).map(|_| ask([1; 32])).collect();
    let mut ids = Vec::new();
    for answer in asked {
        match answer.await.unwrap() {
            Ok(Reply::Decided(Outcome::Accepted(message))) => ids.push(message.id),
            Ok(Reply::AnsweredBefore(kept)) => ids.push(kept.message),
            other => panic!("unexpected answer: {other:?}"),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(shell.store.inner_load(&key).await.outbox.pending(), 1);
    assert_eq!(ask([2; 32]).await.unwrap(), Ok(Reply::KeyReused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_accepted_gets_the_same_answer_after_a_stop() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    let ask = async |request: [u8; 32], name: &str| {
        let draft = Draft { text: Body::new("hello"), staff: None, preferences: Default::default(), send_at: None };
        let idempotency = Idempotency { key: IdempotencyKey(name.into()), request };
        shell.directory.draft(&key, draft, Some(idempotency)).await.unwrap()
    };
    let Reply::Decided(Outcome::Accepted(message)) = ask([1; 32], "k1").await else { panic!("accepted") };
    shell.texts(&key, "STOP").await.unwrap();
    let Reply::AnsweredBefore(kept) = ask([1; 32], "k1").await else { panic!("answered before") };
    assert_eq!(kept.message, message.id);
    assert_eq!(ask([2; 32], "k1").await, Reply::KeyReused);
    let Reply::Decided(Outcome::Refused(Refusal::OptedOut { .. })) = ask([1; 32], "k2").await else {
        panic!("refused")
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_conversation_leaves_the_others_running() {
    let shell = Shell::start().await;
    let well = shell.key(PATIENT);
    let ill = assent::domain::ConversationKey { practice: PracticeId::parse("ill").unwrap(), ..well.clone() };
    shell.drafts(&ill, "hello").await.unwrap();
    shell.at_rest(&ill).await;
    shell.practices.poisoned.lock().unwrap().insert(ill.practice.clone());
    for _ in 0..3 {
        assert_eq!(shell.drafts(&ill, "hello").await, Err(AskError::Panicked));
    }
    assert!(matches!(shell.drafts(&well, "hello").await, Ok(Outcome::Accepted(_))));

    // Three panics are enough: the conversation is left alone, even when the cause is gone.
    shell.practices.poisoned.lock().unwrap().clear();
    assert_eq!(shell.drafts(&ill, "hello").await, Err(AskError::Quarantined));
    assert!(shell.directory.is_alive().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_panic_a_conversation_goes_on_from_the_store() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.drafts(&key, "hello").await.unwrap();
    shell.at_rest(&key).await;
    shell.practices.poisoned.lock().unwrap().insert(key.practice.clone());
    assert_eq!(shell.texts(&key, "YES").await, Err(AskError::Panicked));
    shell.practices.poisoned.lock().unwrap().clear();
    shell.texts(&key, "YES").await.unwrap();
    shell.carried("hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_slot_that_dies_is_begun_again() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.throttle.next_dies.store(true, Ordering::SeqCst);
    shell.drafts(&key, "hello").await.unwrap();
    shell.throttle.died.notified().await;
    assert!(shell.left().is_empty());
    // The death is noticed when the conversation is next woken: at the latest a minute after it asked.
    while shell.left().is_empty() {
        shell.clock.advance_seconds(61);
        shell.directory.ask(&key, Event::Woken).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_the_day_has_no_room_for_stays_queued_and_goes_the_next_morning() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.drafts(&key, "hello").await.unwrap();
    shell.at_rest(&key).await;
    shell.texts(&key, "YES").await.unwrap();
    shell.carried("hello").await;
    shell.at_rest(&key).await;

    let now = shell.clock.now();
    let day_ends_at = now + jiff::SignedDuration::from_hours(17);
    *shell.throttle.spent_until.lock().unwrap() = Some(day_ends_at);
    let mut changes = shell.directory.changes();
    shell.drafts(&key, "one too many").await.unwrap();
    let not_before = loop {
        changes.recv().await.unwrap();
        if let Stage::Queued { not_before, pause: Pause::UntilOpening, .. } =
            shell.store.inner_load(&key).await.outbox.waiting[0].stage
        {
            break not_before;
        }
    };
    assert_eq!(not_before, shell.practices.practice.opens_after(day_ends_at));
    assert_eq!(shell.left().len(), 2, "the invitation and the first text");

    // The answer to HELP is owed now.
    shell.texts(&key, "HELP").await.unwrap();
    shell.left_matching(|kind, _| *kind == Kind::Help).await;

    *shell.throttle.spent_until.lock().unwrap() = None;
    let wakes = tokio::spawn(Arc::clone(&shell.directory).wake_the_due(Duration::from_millis(20)));
    shell.clock.advance_seconds(not_before.duration_since(now).as_secs().unsigned_abs());
    shell.carried("one too many").await;
    wakes.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_conversation_gives_its_memory_back_and_forgets_nothing() {
    let idle = Duration::from_millis(20);
    let shell = Shell::start_with(Patience { idle, ..Patience::default() }).await;
    let key = shell.key(PATIENT);
    shell.drafts(&key, "hello").await.unwrap();
    shell.invited().await;
    while shell.directory.live() > 0 {
        tokio::task::yield_now().await;
    }
    shell.texts(&key, "YES").await.unwrap();
    shell.carried("hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_comes_and_goes_records_every_letter_once() {
    let shell = Shell::start_with(Patience { idle: Duration::from_millis(1), ..Patience::default() }).await;
    let key = shell.key(PATIENT);
    for number in 0..60 {
        shell.texts(&key, &format!("text {number}")).await.unwrap();
        while number % 3 == 0 && shell.directory.live() > 0 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(shell.store.inner_load(&key).await.unread, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_stuck_says_that_it_is_overloaded_and_holds_nobody_else_up() {
    let patience = Patience { answer: Duration::from_millis(200), ..Patience::default() };
    let shell = Arc::new(Shell::start_with(patience).await);
    let stuck = shell.key(PATIENT);
    shell.store.hold.store(true, Ordering::SeqCst);
    let asked: Vec<_> = (0..64)
        .map(|number| {
            let (shell, key) = (Arc::clone(&shell), stuck.clone());
            tokio::spawn(async move { shell.texts(&key, &format!("text {number}")).await })
        })
        .collect();
    shell.store.held.notified().await;
    shell.store.hold.store(false, Ordering::SeqCst);
    assert!(matches!(shell.drafts(&shell.key("+13035550124"), "hello").await, Ok(Outcome::Accepted(_))));
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Err(AskError::Overloaded));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stops_says_so() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.drafts(&key, "hello").await.unwrap();
    shell.directory.stop();
    assert_eq!(
        shell.directory.ask(&key, Event::ReadUpTo { seq: Seq(u64::MAX), staff: None }).await,
        Err(AskError::Stopping)
    );
    assert_eq!(shell.directory.live(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_due_is_woken() {
    let shell = Shell::start().await;
    let key = shell.key(PATIENT);
    shell.drafts(&key, "hello").await.unwrap();
    let mut changes = shell.directory.changes();
    let wakes = tokio::spawn(Arc::clone(&shell.directory).wake_the_due(std::time::Duration::from_millis(20)));
    shell.clock.advance_seconds(7 * 24 * 3_600);
    loop {
        changes.recv().await.unwrap();
        let conversation = shell.store.inner_load(&key).await;
        if conversation.consent == assent::domain::Consent::None && conversation.outbox.waiting.is_empty() {
            break;
        }
    }
    wakes.abort();
}

impl Shell {
    /// Waits until nothing of a conversation is queued or on its way.
    async fn at_rest(&self, key: &assent::domain::ConversationKey) {
        let mut changes = self.directory.changes();
        while self.store.inner_load(key).await.outbox.queued() > 0 {
            changes.recv().await.unwrap();
        }
    }
}

impl faulty_store::FaultyStore {
    async fn inner_load(&self, key: &assent::domain::ConversationKey) -> assent::domain::Conversation {
        self.inner.load(key).await.unwrap().unwrap().conversation
    }

    async fn load_is_empty(&self, key: &assent::domain::ConversationKey) -> bool {
        self.inner.load(key).await.unwrap().is_none()
    }
}
