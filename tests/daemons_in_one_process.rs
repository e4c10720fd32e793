//! Several daemons on one store, in one process: whoever loses a race decides anew, and nobody speaks from memory.

#![allow(clippy::unwrap_used)]

#[path = "support/faulty_store.rs"]
#[allow(dead_code)]
mod faulty_store;
#[path = "support/shared_store.rs"]
#[allow(dead_code)]
mod shared_store;
#[path = "support/shell.rs"]
#[allow(dead_code)]
mod shell;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use assent::conversations::{AskError, Idempotency, Patience, Reply};
use assent::domain::{
    Body, BootId, Consent, ConversationKey, Draft, Event, Inbound, Kind, Message, Outcome, Phone, Refusal, Status,
};
use assent::inbox::{Inbox, Told};
use assent::ports::{Changed, Clock, Delivery, IdempotencyKey, NotTaken, Store};
use futures_util::StreamExt;
use shared_store::{Shared, SharedStore};
use shell::{Shell, TestCarrier, TestClock};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PATIENT: &str = "+13035550123";
/// For how long a carrier waits for the answer to a text.
const CARRIER_WAITS: Duration = Duration::from_secs(10);
const A: BootId = BootId(1);
const B: BootId = BootId(2);

/// Two daemons, each with links of its own.
struct Two {
    a: Arc<Shell>,
    b: Arc<Shell>,
    store_of_a: Arc<SharedStore>,
    shared: Arc<Shared>,
    clock: Arc<TestClock>,
    key: ConversationKey,
    followers: Vec<JoinHandle<()>>,
}

impl Two {
    async fn start() -> Self {
        Self::start_with(Patience::default()).await
    }

    async fn start_with(patience: Patience) -> Self {
        Self::start_on(patience, TestCarrier::open(), TestCarrier::open()).await
    }

    async fn start_on(patience: Patience, of_a: Arc<TestCarrier>, of_b: Arc<TestCarrier>) -> Self {
        let clock = TestClock::new();
        let shared = Shared::open(Arc::clone(&clock) as Arc<dyn Clock>).await;
        let (store_of_a, store_of_b) = (shared.handle(A), shared.handle(B));
        let daemon = |boot, store: &Arc<SharedStore>, carrier| {
            let store = Arc::clone(store) as Arc<dyn Store>;
            let daemon = Arc::new(Shell::on(store, boot, Arc::clone(&clock), carrier, patience));
            let follower = tokio::spawn(Arc::clone(&daemon.directory).follow_the_news());
            (daemon, follower)
        };
        let ((a, of_a), (b, of_b)) = (daemon(A, &store_of_a, of_a), daemon(B, &store_of_b, of_b));
        let key = a.key(PATIENT);
        Self { a, b, store_of_a, shared, clock, key, followers: vec![of_a, of_b] }
    }

    /// Staff wrote at the first daemon, and the patient said YES there.
    async fn opted_in() -> Self {
        let two = Self::start().await;
        two.a.drafts(&two.key, "hello").await.unwrap();
        two.a.invited().await;
        two.a.texts(&two.key, "YES").await.unwrap();
        two.a.carried("hello").await;
        two.thread_where(|thread| thread.iter().any(|one| one.status == Status::Sent && is_staff(one))).await;
        two
    }

    async fn thread(&self) -> Vec<Message> {
        self.a.store.inner.thread(&self.key, None, 200).await.unwrap()
    }

    /// Waits until the thread looks like this.
    async fn thread_where(&self, wanted: impl Fn(&[Message]) -> bool) -> Vec<Message> {
        let mut changes = self.b.directory.changes();
        let mut own_changes = self.a.directory.changes();
        loop {
            let thread = self.thread().await;
            if wanted(&thread) {
                return thread;
            }
            tokio::select! {
                _ = changes.recv() => {}
                _ = own_changes.recv() => {}
            }
        }
    }

    fn lose_news(&self) {
        self.shared.loses_news.store(true, Ordering::SeqCst);
    }

    /// How often a text is in the thread.
    async fn shown(&self, text: &str) -> usize {
        self.thread().await.iter().filter(|message| message.text.expose() == text).count()
    }

    /// A link of this daemon delivers a text, until it is taken.
    async fn deliver(&self, daemon: &Shell, inbound: &Inbound) {
        while self.offer(daemon, inbound).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// A link of this daemon offers a text once.
    async fn offer(&self, daemon: &Shell, inbound: &Inbound) -> Result<(), NotTaken> {
        self.offer_until(Instant::now() + CARRIER_WAITS, daemon, inbound).await
    }

    async fn offer_until(&self, until: Instant, daemon: &Shell, inbound: &Inbound) -> Result<(), NotTaken> {
        let (from, to) = (self.key.phone.clone(), Phone::parse("+13035550100").unwrap());
        daemon.directory.reception().deliver(Delivery::Text { from, to, inbound: inbound.clone() }, until).await
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        self.followers.iter().for_each(JoinHandle::abort);
    }
}

fn is_staff(message: &Message) -> bool {
    matches!(message.kind, Kind::StaffText { .. })
}

fn has_status(thread: &[Message], text: &str, status: Status) -> bool {
    thread.iter().any(|message| message.text.expose() == text && message.status == status)
}

// ------------------------------------------------------------------------------------------------------- consent

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_one_daemon_fences_a_text_whose_slot_another_holds() {
    for news_are_lost in [false, true] {
        let two = Two::opted_in().await;
        if news_are_lost {
            two.lose_news();
        }
        let gate = &two.a.carrier.gate;
        gate.forget_permits(usize::MAX);
        let Outcome::Accepted(queued) = two.a.drafts(&two.key, "see you at 3").await.unwrap() else { panic!("taken") };
        assert_eq!(queued.status, Status::Queued);
        two.b.texts(&two.key, "STOP").await.unwrap();

        // The slot comes at last, and is given back.
        gate.add_permits(1);
        while gate.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3 {
            two.a.directory.ask(&two.key, Event::Woken).await.unwrap();
        }
        assert!(!two.a.left().iter().any(|(_, text)| text == "see you at 3"));
        assert!(has_status(&two.thread().await, "see you at 3", Status::Failed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_one_daemon_recalls_what_another_is_writing() {
    let two = Two::opted_in().await;
    two.a.carrier.slow.store(true, Ordering::SeqCst);
    two.a.drafts(&two.key, "see you at 3").await.unwrap();
    two.a.carrier.begun.notified().await;
    two.b.texts(&two.key, "STOP").await.unwrap();
    // Only a recall ends the writing, and what is proved unsent is not tried again.
    two.thread_where(|thread| has_status(thread, "see you at 3", Status::Failed)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_refuses_or_accepts_from_memory_what_another_daemon_changed() {
    let two = Two::opted_in().await;
    two.lose_news();
    two.a.texts(&two.key, "STOP").await.unwrap();
    let refused = two.a.drafts(&two.key, "hello?").await.unwrap();
    assert!(matches!(refused, Outcome::Refused(Refusal::OptedOut { .. })));
    // The refusal changed nothing, and its like must be asked of the store.
    two.clock.advance_seconds(60);
    two.b.texts(&two.key, "START").await.unwrap();
    assert!(matches!(two.a.drafts(&two.key, "welcome back").await.unwrap(), Outcome::Accepted(_)));
    two.b.texts(&two.key, "STOP").await.unwrap();
    let refused = two.a.drafts(&two.key, "hello?").await.unwrap();
    assert!(matches!(refused, Outcome::Refused(Refusal::OptedOut { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_cut_off_from_the_store_does_not_even_refuse() {
    let two = Two::opted_in().await;
    two.a.texts(&two.key, "STOP").await.unwrap();
    two.thread_where(|thread| !thread.iter().any(|one| matches!(one.status, Status::Queued | Status::Sending))).await;
    two.a.drafts(&two.key, "hello?").await.unwrap();
    two.a.store.fail();
    assert_eq!(two.a.drafts(&two.key, "hello?").await, Err(AskError::StoreUnavailable));
    two.a.store.work();
    assert!(matches!(two.a.drafts(&two.key, "hello?").await, Ok(Outcome::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_the_same_by_every_daemon() {
    let two = Two::opted_in().await;
    let ask = async |daemon: &Shell, request: [u8; 32]| {
        let draft =
            Draft { text: Body::new("see you at 3"), staff: None, preferences: Default::default(), send_at: None };
        let idempotency = Idempotency { key: IdempotencyKey("k1".into()), request };
        daemon.directory.draft(&two.key, draft, Some(idempotency)).await.unwrap()
    };
    let Reply::Decided(Outcome::Accepted(message)) = ask(&two.a, [1; 32]).await else { panic!("accepted") };
    let Reply::AnsweredBefore(kept) = ask(&two.b, [1; 32]).await else { panic!("answered before") };
    assert_eq!(kept.message, message.id);
    assert_eq!(ask(&two.b, [2; 32]).await, Reply::KeyReused);
}

// ------------------------------------------------------------------------------------------------- lost answers

impl Two {
    /// The first daemon drafts; the commit is made, and its answer does not come yet.
    async fn draft_without_an_answer(self: &Arc<Self>) -> JoinHandle<Result<Outcome, AskError>> {
        self.store_of_a.loses_answers.store(1, Ordering::SeqCst);
        let two = Arc::clone(self);
        let draft = tokio::spawn(async move { two.a.drafts(&two.key, "hello").await });
        self.store_of_a.made.notified().await;
        draft
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_read_back_when_the_store_can_be_read_again() {
    let two = Arc::new(Two::start().await);
    let draft = two.draft_without_an_answer().await;
    two.a.store.fail();
    two.store_of_a.let_go.notify_one();
    two.a.store.was_down.notified().await;
    assert!(!draft.is_finished());
    two.a.store.work();
    assert!(matches!(draft.await.unwrap(), Ok(Outcome::Accepted(_))));
    two.a.invited().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_on_a_commit_that_another_daemon_has_written_over() {
    let two = Arc::new(Two::start().await);
    two.lose_news();
    let draft = two.draft_without_an_answer().await;
    // What stands was made by another; whether ours was made before it nobody can say.
    two.b.texts(&two.key, "STOP").await.unwrap();
    two.store_of_a.let_go.notify_one();
    assert_eq!(draft.await.unwrap(), Err(AskError::StoreUnavailable));
    two.a.directory.ask(&two.key, Event::Woken).await.unwrap();
    assert!(!two.a.left().iter().any(|(kind, _)| *kind == Kind::Invitation), "nothing is asked of who opted out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_whose_commit_took_too_long_is_not_written_on_its_account() {
    let two = Two::opted_in().await;
    let gate = &two.a.carrier.gate;
    gate.forget_permits(usize::MAX);
    two.a.drafts(&two.key, "see you at 3").await.unwrap();
    two.store_of_a.loses_answers.store(1, Ordering::SeqCst);
    gate.add_permits(1);
    // It is written down as being sent. Two seconds pass, which on the actors' own threads nobody can hurry.
    two.store_of_a.made.notified().await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    two.store_of_a.let_go.notify_one();
    two.thread_where(|thread| has_status(thread, "see you at 3", Status::Queued)).await;
    assert!(
        !two.a.left().iter().any(|(_, text)| text == "see you at 3"),
        "it is proved unsent, and waits its turn again"
    );
}

// ---------------------------------------------------------------------------------------------------- redelivery

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_comes_again_over_another_daemon_shows_once() {
    let two = Two::opted_in().await;
    let text = Inbound { session_began: Some(two.clock.now()), ..two.a.inbound("see you then") };
    two.deliver(&two.a, &text).await;
    two.a.directory.reception().session_ended(two.clock.now()).await;
    two.deliver(&two.b, &text).await;
    assert_eq!(two.shown("see you then").await, 1);
    // It may come a third time: the second answer may be lost as well.
    two.b.directory.reception().session_ended(two.clock.now()).await;
    two.deliver(&two.a, &text).await;
    assert_eq!(two.shown("see you then").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_says_the_same_twice_is_heard_twice_whoever_takes_it() {
    let two = Two::opted_in().await;
    let text = Inbound { session_began: Some(two.clock.now()), ..two.a.inbound("ok") };
    two.deliver(&two.a, &text).await;
    two.deliver(&two.b, &text).await;
    assert_eq!(two.shown("ok").await, 2, "both sessions stand: the carrier has both answers");
    // A session that ends long after the answers puts none of them in doubt.
    two.clock.advance_seconds(120);
    two.a.directory.reception().session_ended(two.clock.now()).await;
    two.deliver(&two.b, &text).await;
    assert_eq!(two.shown("ok").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_lost_its_own_session_does_not_doubt_what_another_answered() {
    let two = Two::opted_in().await;
    let text = two.b.inbound("fine");
    two.deliver(&two.b, &text).await;
    two.deliver(&two.a, &Inbound { earlier_session_ended: Some(two.clock.now()), ..text }).await;
    assert_eq!(two.shown("fine").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_froze_does_not_write_down_what_the_carrier_gave_to_another() {
    let patience = Patience { delivery: Duration::from_millis(200), ..Patience::default() };
    let two = Arc::new(Two::start_with(patience).await);
    let text = two.a.inbound("see you then");
    two.a.store.hold.store(true, Ordering::SeqCst);
    let frozen = tokio::spawn({
        let (two, text) = (Arc::clone(&two), text.clone());
        async move { two.offer(&two.a, &text).await }
    });
    two.a.store.held.notified().await;
    assert_eq!(frozen.await.unwrap(), Err(NotTaken), "the carrier is not kept waiting");
    two.deliver(&two.b, &text).await;

    two.a.store.hold.store(false, Ordering::SeqCst);
    two.a.store.released.notify_one();
    two.a.directory.ask(&two.key, Event::Woken).await.unwrap();
    assert_eq!(two.shown("see you then").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_read_before_a_standstill_is_not_taken_up_after_it() {
    let two = Two::start().await;
    let text = two.a.inbound("see you then");
    two.deliver(&two.b, &text).await;
    // Its session does not end: nothing tells that the text at hand is the one that the other daemon was given.
    assert_eq!(two.offer_until(Instant::now() - Duration::from_millis(1), &two.a, &text).await, Err(NotTaken));
    assert_eq!(two.shown("see you then").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_words_that_two_daemons_take_at_once_are_left_to_the_carrier_to_tell_apart() {
    let two = Arc::new(Two::start().await);
    let text = two.a.inbound("ok");
    two.a.store.hold.store(true, Ordering::SeqCst);
    let slower = tokio::spawn({
        let (two, text) = (Arc::clone(&two), text.clone());
        async move { two.offer(&two.a, &text).await }
    });
    two.a.store.held.notified().await;
    two.deliver(&two.b, &text).await;
    two.a.store.hold.store(false, Ordering::SeqCst);
    two.a.store.released.notify_one();
    assert_eq!(slower.await.unwrap(), Err(NotTaken));
    assert_eq!(two.shown("ok").await, 1);
    // It was another one: what was not answered is delivered again.
    two.deliver(&two.a, &text).await;
    assert_eq!(two.shown("ok").await, 2);
}

// ------------------------------------------------------------------------------------------------- slots and wakes

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_a_dead_daemon_was_to_send_is_sent_by_another() {
    let two = Two::opted_in().await;
    two.a.carrier.gate.forget_permits(usize::MAX);
    two.a.drafts(&two.key, "see you at 3").await.unwrap();
    two.b.directory.ask(&two.key, Event::Woken).await.unwrap();
    assert_eq!(two.b.left(), [], "while the one that asked for the slot is alive it is the one to send");

    two.shared.is_dead(A);
    two.shared.tell_anything();
    while two.b.left().is_empty() {
        two.b.directory.ask(&two.key, Event::Woken).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(two.b.left(), [(Kind::StaffText { staff: None }, "see you at 3".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_missed_leaves_no_text_waiting_for_its_slot() {
    let two = Two::opted_in().await;
    two.a.carrier.gate.forget_permits(usize::MAX);
    let wakes = tokio::spawn(Arc::clone(&two.b.directory).wake_the_due(Duration::from_millis(20)));
    two.a.drafts(&two.key, "see you at 3").await.unwrap();
    two.b.directory.ask(&two.key, Event::Woken).await.unwrap();
    assert_eq!(two.b.left(), [], "the one that asked for the slot is alive");
    // No news tells of it, and the time for which the slot was asked for does not pass.
    two.shared.is_dead(A);
    while two.b.left().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(two.b.left(), [(Kind::StaffText { staff: None }, "see you at 3".to_owned())]);
    wakes.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_daemon_wakes_its_share_and_in_the_end_anybody_wakes_all() {
    let two = Two::start().await;
    let keys: Vec<ConversationKey> =
        (0..24).map(|number| two.a.key(&format!("+1303555{:04}", 2_000 + number))).collect();
    for key in &keys {
        two.a.drafts(key, "hello").await.unwrap();
    }
    let asleep = async || {
        let mut asleep = 0;
        for key in &keys {
            let stored = two.a.store.inner.load(key).await.unwrap().unwrap();
            asleep += usize::from(stored.conversation.consent != Consent::None);
        }
        asleep
    };
    while two.a.left().len() < keys.len() {
        tokio::task::yield_now().await;
    }
    // Their invitations are over all within two seconds.
    two.clock.advance_seconds(7 * 24 * 3_600 + 2);
    let wakes = tokio::spawn(Arc::clone(&two.a.directory).wake_the_due(Duration::from_millis(20)));
    let mut changes = two.b.directory.changes();
    while asleep().await == keys.len() {
        changes.recv().await.unwrap();
    }
    // The other daemon is alive, and does not wake anybody.
    for _ in 0..5 {
        two.a.directory.is_alive().await;
    }
    assert!(asleep().await > 0, "the share of the other is left to it");
    two.clock.advance_seconds(11);
    while asleep().await > 0 {
        changes.recv().await.unwrap();
    }
    wakes.abort();
}

// --------------------------------------------------------------------------------------------- whoever looks on

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_one_daemon_sees_what_another_took() {
    let two = Two::start().await;
    let inbox = Inbox::new(Arc::clone(&two.b.store) as Arc<dyn Store>, Arc::clone(&two.b.directory));
    let practice = two.key.practice.clone();
    let newest = inbox.newest(&practice).await.unwrap();
    let mut feed = Box::pin(inbox.feed(practice.clone(), newest));
    two.a.texts(&two.key, "are you open?").await.unwrap();
    let Told::Occurred(told) = feed.next().await.unwrap().unwrap() else { panic!("something happened") };
    assert!(matches!(told.change, Changed::MessageReceived(_)));
    let Told::Occurred(told) = feed.next().await.unwrap().unwrap() else { panic!("something happened") };
    assert_eq!(told.change, Changed::Unread);
    assert_eq!(inbox.unread(&practice).await.unwrap().messages, 1);

    // News may be lost, as long as that is known.
    two.lose_news();
    two.a.texts(&two.key, "hello?").await.unwrap();
    two.shared.tell_anything();
    let Told::Occurred(told) = feed.next().await.unwrap().unwrap() else { panic!("something happened") };
    assert!(matches!(told.change, Changed::MessageReceived(_)));
}

#[tokio::test]
async fn who_looks_on_looks_again_even_if_nobody_knows_that_news_were_lost() {
    let two = Two::start().await;
    let inbox = Inbox::new(Arc::clone(&two.b.store) as Arc<dyn Store>, Arc::clone(&two.b.directory));
    let newest = inbox.newest(&two.key.practice).await.unwrap();
    let mut feed = Box::pin(inbox.feed(two.key.practice.clone(), newest));
    two.lose_news();
    let nothing_yet = futures_util::poll!(feed.next());
    assert!(nothing_yet.is_pending());
    two.a.texts(&two.key, "are you open?").await.unwrap();
    tokio::time::pause();
    assert!(matches!(feed.next().await.unwrap().unwrap(), Told::Occurred(_)));
}
