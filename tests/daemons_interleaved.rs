//! Random interleavings of what happens to one conversation at two daemons: the promises hold whoever wins which race.

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

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use assent::conversations::Patience;
use assent::domain::outbox::Stage;
use assent::domain::{BootId, Cleared, Consent, Conversation, ConversationKey, Event, Kind, Status};
use assent::ports::Clock;
use proptest::prelude::*;
use shared_store::Shared;
use shell::{Shell, TestCarrier, TestClock};
use tokio::task::JoinHandle;

/// What happens, at the first daemon or the second.
#[derive(Debug, Clone, Copy)]
struct Happening {
    at: usize,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Draft,
    Text(&'static str),
    Wake,
    /// News are lost from here on, or are not.
    News {
        lost: bool,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let what = prop_oneof![
        6 => Just(What::Draft),
        2 => Just(What::Text("STOP")),
        3 => Just(What::Text("START")),
        1 => Just(What::Text("ok")),
        2 => Just(What::Wake),
        1 => any::<bool>().prop_map(|lost| What::News { lost }),
    ];
    (0..2_usize, what).prop_map(|(at, what)| Happening { at, what })
}

/// What happened, as the store and the carrier saw it.
struct Seen {
    committed: Vec<Conversation>,
    submitted: Vec<Cleared>,
    last: Conversation,
}

/// Lets each bundle happen at once, and the next after it.
async fn play(bundles: Vec<Vec<Happening>>) -> Seen {
    let clock = TestClock::new();
    let carrier = TestCarrier::open();
    let mut submissions = carrier.submitted.subscribe();
    let shared = Shared::open(Arc::clone(&clock) as Arc<dyn Clock>).await;
    let daemons: [Arc<Shell>; 2] = [BootId(1), BootId(2)].map(|boot| {
        let (store, clock) = (shared.handle(boot), Arc::clone(&clock));
        Arc::new(Shell::on(store, boot, clock, Arc::clone(&carrier), Patience::default()))
    });
    let followers = daemons.each_ref().map(|one| tokio::spawn(Arc::clone(&one.directory).follow_the_news()));
    let key = daemons[0].key("+13035550123");
    daemons[0].texts(&key, "START").await.unwrap();

    let mut number = 0;
    for bundle in bundles {
        // A START within a second of a STOP counts for nothing.
        clock.advance_seconds(2);
        let under_way: Vec<_> = bundle
            .into_iter()
            .map(|Happening { at, what }| {
                number += 1;
                let (daemon, shared, key) = (Arc::clone(&daemons[at]), Arc::clone(&shared), key.clone());
                tokio::spawn(async move { happen(&daemon, &shared, &key, what, number).await })
            })
            .collect();
        for one in under_way {
            one.await.unwrap();
        }
    }
    shared.loses_news.store(false, Ordering::SeqCst);
    let last = at_rest(&daemons, &clock, &key).await;
    followers.iter().for_each(JoinHandle::abort);
    let mut submitted = Vec::new();
    while let Ok(cleared) = submissions.try_recv() {
        submitted.push(cleared);
    }
    let committed = shared.committed.lock().unwrap().clone();
    Seen { committed, submitted, last }
}

async fn happen(daemon: &Shell, shared: &Shared, key: &ConversationKey, what: What, number: usize) {
    match what {
        What::Draft => drop(daemon.drafts(key, &format!("text {number}")).await.unwrap()),
        What::Text(text) => drop(daemon.texts(key, text).await.unwrap()),
        What::Wake => drop(daemon.directory.ask(key, Event::Woken).await.unwrap()),
        What::News { lost } => shared.loses_news.store(lost, Ordering::SeqCst),
    }
}

/// Waits until nothing is on its way, moving the clock where somebody waits for it.
async fn at_rest(daemons: &[Arc<Shell>; 2], clock: &TestClock, key: &ConversationKey) -> Conversation {
    loop {
        let stored = daemons[0].store.inner.load(key).await.unwrap().unwrap();
        if stored.conversation.outbox.queued() == 0 {
            return stored.conversation;
        }
        clock.advance_seconds(2);
        for daemon in daemons {
            daemon.directory.ask(key, Event::Woken).await.unwrap();
        }
    }
}

fn is_staff(kind: &Kind) -> bool {
    matches!(kind, Kind::StaffText { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_race_between_two_daemons_breaks_a_promise(
        bundles in prop::collection::vec(prop::collection::vec(happening(), 1..6), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let Seen { committed, submitted, last } = runtime.block_on(play(bundles));

        let mut attempts = HashSet::new();
        for cleared in &submitted {
            prop_assert!(attempts.insert((cleared.id(), cleared.attempt())), "an attempt is submitted once");
            // The decision to send stands in the order of all decisions where consent stood, so ahead of any STOP.
            let decided = committed.iter().find(|state| {
                state.outbox.waiting.iter().any(|waiting| {
                    matches!(waiting.stage, Stage::Sending { .. })
                        && (waiting.message.id, waiting.attempts) == (cleared.id(), cleared.attempt())
                })
            });
            let Some(decided) = decided else { panic!("what was submitted was committed as sending before") };
            if is_staff(cleared.kind()) {
                let stood = matches!(decided.consent, Consent::OptedIn { .. });
                prop_assert!(stood, "consent stood");
            }
        }
        let messages: HashSet<_> = submitted.iter().map(Cleared::id).collect();
        prop_assert_eq!(messages.len(), submitted.len(), "nothing that the carrier took is submitted again");
        let staff: Vec<_> =
            submitted.iter().filter(|cleared| is_staff(cleared.kind())).map(|cleared| cleared.id().seq).collect();
        prop_assert!(staff.is_sorted(), "texts leave in the order in which they were written: {:?}", staff);
        prop_assert!(last.outbox.waiting.iter().all(|waiting| waiting.message.status != Status::Queued));
    }
}
