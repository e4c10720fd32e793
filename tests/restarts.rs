//! A daemon on a store of its own that is stopped and started again: what it answered shortly before it ended may come
//! again, however many runs later.

#![allow(clippy::unwrap_used)]

#[path = "support/faulty_store.rs"]
#[allow(dead_code)]
mod faulty_store;
#[path = "support/shell.rs"]
#[allow(dead_code)]
mod shell;

use std::path::Path;
use std::sync::Arc;

use assent::conversations::{Patience, Reply};
use assent::domain::{BootId, Event, Inbound, Outcome};
use assent::ports::{Clock, Store};
use assent::store::{KeySource, Location, OpenError};
use shell::{Shell, TestCarrier, TestClock};

const PATIENT: &str = "+13035550123";
const OTHER: &str = "+13035550177";

/// A run of the daemon; the store may still be closing behind the one before.
async fn run(data: &Path, boot: u64, clock: &Arc<TestClock>) -> Shell {
    let location = Location::new(format!("file://{}", data.display()), KeySource::InDirectory);
    let store = loop {
        match assent::store::open(&location, BootId(boot), Arc::clone(clock) as Arc<dyn Clock>).await {
            Ok(store) => break store,
            Err(OpenError::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    Shell::on(store, BootId(boot), Arc::clone(clock), TestCarrier::open(), Patience::default())
}

/// The same text as a session of this run brings it.
async fn comes(shell: &Shell, text: &Inbound) -> Outcome {
    let earlier_session_ended = shell.store.last_commit_before_start().await.unwrap();
    let text = Inbound { earlier_session_ended, session_began: Some(shell.clock.now()), ..text.clone() };
    match shell.directory.ask(&shell.key(PATIENT), Event::Received(text)).await.unwrap() {
        Reply::Decided(outcome) => outcome,
        other => panic!("no idempotency key was given: {other:?}"),
    }
}

fn end(shell: Shell) {
    shell.directory.stop();
    drop(shell);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_whose_answer_was_lost_shows_once_however_often_the_daemon_was_restarted_since() {
    for (seconds_before_the_end, shows_once) in [(30, true), (90, false)] {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let first = run(data.path(), 1, &clock).await;
        let text = first.inbound("ok");
        assert_eq!(comes(&first, &text).await, Outcome::Recorded);
        clock.advance_seconds(seconds_before_the_end);
        first.texts(&first.key(OTHER), "the last of this run").await.unwrap();
        end(first);
        for boot in 2..5 {
            clock.advance_seconds(3_600);
            let again = run(data.path(), boot, &clock).await;
            again.texts(&again.key(OTHER), "of another run").await.unwrap();
            end(again);
        }
        clock.advance_seconds(3_600);
        let last = run(data.path(), 5, &clock).await;
        assert_eq!(matches!(comes(&last, &text).await, Outcome::Duplicate(_)), shows_once);
        end(last);
    }
}
