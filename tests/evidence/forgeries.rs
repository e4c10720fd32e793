//! What a forger does who can write to the store and has no key, and where it is found.

use assent::domain::ConversationKey;
use assent::store::{Finding, Flaw, Verified};

use crate::home::{Home, State};
use crate::stage::{Talk, at, draft, key, text};

/// Three conversations, whose changes came in this order:
/// 1 A invited, 2 B in, 3 A in, 4 C invited, 5 A out, 6 C out, 7 A in, 8 B out.
struct Ledger<H> {
    home: H,
    /// The state of A after the third, and of B after the second.
    old: [State; 2],
    ids: [u64; 3],
}

fn keys() -> [ConversationKey; 3] {
    [100, 200, 300].map(|line| key("riverside", line))
}

impl<H: Home> Ledger<H> {
    async fn told() -> Self {
        let home = H::fresh().await;
        let store = home.open().await;
        let [a, b, c] = keys();
        let (mut a, mut b) = (Talk::new(&store, a), Talk::new(&store, b));
        a.hear(draft("see you at 3"), at(1)).await;
        b.hear(text("start"), at(2)).await;
        // Its answer needs no invitation that left: START opts in from anywhere.
        a.hear(text("START"), at(3)).await;
        let old = [home.state(a.key()).await, home.state(b.key()).await];
        let mut c = Talk::new(&store, c);
        c.hear(draft("see you at 4"), at(4)).await;
        a.hear(text("stop"), at(5)).await;
        c.hear(text("STOP"), at(6)).await;
        a.hear(text("start"), at(7)).await;
        b.hear(text("please stop texting me? no: STOP"), at(8)).await;
        b.hear(text("STOP"), at(8)).await;
        let ids = [&a, &b, &c].map(|talk| talk.now.id.0);
        drop((a, b, c));
        home.close(store).await;
        Self { home, old, ids }
    }

    async fn findings(&self) -> Vec<Finding> {
        let verified = self.home.verified().await;
        assert!(!verified.findings.is_empty(), "nothing was found");
        verified.findings
    }

    fn at(&self, entry: u64, who: usize, flaw: Flaw) -> Finding {
        Finding { entry: Some(entry), conversation: Some(self.ids[who]), flaw }
    }

    fn of(&self, who: usize, flaw: Flaw) -> Finding {
        Finding { entry: None, conversation: Some(self.ids[who]), flaw }
    }
}

/// Tells every story of every home.
macro_rules! stories {
    ($($story:ident)*) => {
        mod embedded {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Ledger::<crate::directories::Directory>::told().await).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $story() {
                super::$story(super::Ledger::<crate::servers::Server>::told().await).await;
            })*
        }
    };
}

stories! {
    nothing_is_found_where_nothing_was_done
    an_edit_is_found
    one_that_is_taken_out_is_found
    a_conversation_that_is_taken_out_whole_is_found
    a_conversation_without_its_state_is_found
    two_that_trade_places_are_found
    one_that_comes_twice_is_found
    an_end_that_is_cut_is_found_by_the_conversations
    an_end_that_is_cut_with_all_that_belongs_to_it_is_found_by_what_this_machine_has_seen
    what_goes_on_after_a_cut_does_not_hide_it
    an_old_state_is_found
    a_ledger_that_is_gone_is_found
}

async fn nothing_is_found_where_nothing_was_done<H: Home>(ledger: Ledger<H>) {
    let Verified { changes, conversations, before_ledger, unsealed, anchor, newest, findings } =
        ledger.home.verified().await;
    assert_eq!(findings, []);
    assert_eq!((changes, conversations, before_ledger, unsealed, anchor), (8, 3, 0, 0, Some(8)));
    assert_eq!(newest.map(|(place, _)| place), Some(8));
}

async fn an_edit_is_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.edit(3).await;
    assert_eq!(ledger.findings().await, [ledger.at(3, 0, Flaw::Edited)]);
}

async fn one_that_is_taken_out_is_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.take_out(3).await;
    let found = ledger.findings().await;
    assert!(found.contains(&ledger.at(3, 2, Flaw::Reordered)), "C's invitation does not follow B's START: {found:?}");
    assert!(found.contains(&ledger.at(4, 0, Flaw::Gap { from: 2, to: 2 })), "{found:?}");
}

async fn a_conversation_that_is_taken_out_whole_is_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.take_out(6).await;
    ledger.home.take_out(4).await;
    ledger.home.forget(&keys()[2]).await;
    let found = ledger.findings().await;
    assert!(found.contains(&ledger.at(4, 0, Flaw::Reordered)), "{found:?}");
    assert!(found.contains(&ledger.at(5, 0, Flaw::Reordered)), "{found:?}");
}

async fn a_conversation_without_its_state_is_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.forget(&keys()[2]).await;
    assert_eq!(ledger.findings().await, [ledger.of(2, Flaw::ConversationGone { changes: 2 })]);
}

async fn two_that_trade_places_are_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.swap(5).await;
    let found = ledger.findings().await;
    assert!(found.contains(&ledger.at(5, 2, Flaw::Reordered)), "{found:?}");
    assert!(found.contains(&ledger.at(6, 0, Flaw::Reordered)), "{found:?}");
}

async fn one_that_comes_twice_is_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.repeat(3).await;
    let found = ledger.findings().await;
    assert!(found.contains(&ledger.at(9, 0, Flaw::Reordered)), "{found:?}");
    assert!(found.contains(&ledger.at(9, 0, Flaw::Forked)), "{found:?}");
}

async fn an_end_that_is_cut_is_found_by_the_conversations<H: Home>(ledger: Ledger<H>) {
    ledger.home.take_out(8).await;
    ledger.home.take_out(7).await;
    let found = ledger.findings().await;
    assert!(found.contains(&ledger.of(0, Flaw::Cut { expected: 4, found: 3 })), "{found:?}");
    assert!(found.contains(&ledger.of(1, Flaw::Cut { expected: 2, found: 1 })), "{found:?}");
}

async fn an_end_that_is_cut_with_all_that_belongs_to_it_is_found_by_what_this_machine_has_seen<H: Home>(
    ledger: Ledger<H>,
) {
    let seen = cut_with_all_that_belongs_to_it(&ledger).await;
    assert_eq!(ledger.findings().await, [seen]);
}

/// Takes everything back to what it was after the third.
async fn cut_with_all_that_belongs_to_it<H: Home>(ledger: &Ledger<H>) -> Finding {
    for place in (4..=8).rev() {
        ledger.home.take_out(place).await;
    }
    let [a, b, c] = keys();
    ledger.home.forget(&c).await;
    let [old_a, old_b] = ledger.old.clone();
    ledger.home.replay(&a, old_a).await;
    ledger.home.replay(&b, old_b).await;
    Finding { entry: None, conversation: None, flaw: Flaw::CutBelowAnchor { seen: 8, found: 3 } }
}

/// A daemon that goes on does not take what it finds for what it has seen.
async fn what_goes_on_after_a_cut_does_not_hide_it<H: Home>(ledger: Ledger<H>) {
    cut_with_all_that_belongs_to_it(&ledger).await;
    if ledger.home.location().to_string().starts_with("redis") {
        // A Redis is in quarantine then: nothing goes on.
        return;
    }
    let store = ledger.home.open().await;
    for line in 400..410 {
        let mut talk = Talk::new(&store, key("riverside", line));
        talk.hear(text("start"), at(10)).await;
    }
    drop(store);
    let found = ledger.findings().await;
    let flaws: Vec<&Flaw> = found.iter().map(|finding| &finding.flaw).collect();
    assert_eq!(flaws, [&Flaw::OtherAnchor], "{found:?}");
}

async fn an_old_state_is_found<H: Home>(ledger: Ledger<H>) {
    ledger.home.replay(&keys()[0], ledger.old[0].clone()).await;
    assert_eq!(ledger.findings().await, [ledger.of(0, Flaw::Replayed { expected: 4, found: 2 })]);
}

async fn a_ledger_that_is_gone_is_found<H: Home>(ledger: Ledger<H>) {
    while ledger.home.length().await > 0 {
        let last = ledger.home.length().await;
        ledger.home.take_out(last).await;
    }
    let found = ledger.findings().await;
    assert_eq!(found.len(), 4, "each conversation, and what this machine has seen: {found:?}");
}
