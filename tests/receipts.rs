//! Receipts, told as stories: whatever order they come in, each message ends where its receipts say, and no receipt
//! disappears.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use assent::domain::outbox::{EARLY_RECEIPTS_MAX, reference};
use assent::domain::{
    Answer, CarrierError, CarrierId, Cause, Clues, Entry, Event, Failure, Likeness, MessageId, Receipt, ReceiptState,
    Status,
};
use jiff::{SignedDuration, Timestamp};
use scene::{Scene, accepted};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn id(text: &str) -> CarrierId {
    CarrierId(text.into())
}

/// A patient who opted in, and a text that left; whose ids the carrier did not tell.
fn unconfirmed(text: &str) -> (Scene, MessageId, u16) {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = accepted(scene.drafts(text));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Unknown);
    assert_eq!(scene.status(draft), Status::Unconfirmed);
    (scene, draft, cleared.reference())
}

/// 2026-07-08 09:10:11 UTC
const START: Timestamp = Timestamp::constant(1_783_501_811, 0);

fn submitted(at: Timestamp) -> Clues {
    Clues { submitted_at: Some(at), ..Clues::default() }
}

impl Scene {
    fn sends(&mut self, text: &str, ids: &[&str]) -> MessageId {
        let draft = accepted(self.drafts(text));
        let cleared = self.grant().unwrap();
        self.answer(&cleared, Answer::Taken { ids: ids.iter().copied().map(id).collect() });
        assert_eq!(self.status(draft), Status::Sent);
        draft
    }

    fn hears(&mut self, carrier_id: Option<&str>, reference: Option<u16>, state: ReceiptState) {
        let carrier_id = carrier_id.map(id);
        self.event(Event::Receipted(Receipt { carrier_id, reference, state, error: None, clues: Clues::default() }));
    }

    fn unmatched(&self) -> usize {
        self.journal.iter().filter(|entry| matches!(entry, Entry::ReceiptUnmatched { .. })).count()
    }
}

#[test]
fn a_receipt_that_came_while_nobody_knew_the_id_is_applied_when_the_late_answer_names_it() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Unknown);
    scene.hears(Some("7f"), None, ReceiptState::Delivered);
    assert_eq!((scene.status(draft), scene.unmatched()), (Status::Unconfirmed, 0));
    scene.answer(&cleared, Answer::Taken { ids: vec![id("7F")] });
    assert_eq!((scene.status(draft), scene.unmatched()), (Status::Delivered, 0));
}

#[test]
fn a_receipt_for_an_unknown_id_outlives_a_restart_and_the_next_message() {
    let (mut scene, first, _) = unconfirmed("first");
    scene.hears(Some("stranger"), None, ReceiptState::Delivered);
    scene.restarts();
    scene.sends("second", &["2"]);
    assert_eq!((scene.conversation.outbox.early_receipts.len(), scene.unmatched()), (1, 0));
    assert_eq!(scene.status(first), Status::Unconfirmed);
}

#[test]
fn receipts_for_unknown_ids_are_bounded_in_number_and_in_age_and_none_disappears() {
    let (mut scene, ..) = unconfirmed("see you");
    for number in 0..EARLY_RECEIPTS_MAX + 4 {
        scene.hears(Some(&format!("stranger-{number}")), None, ReceiptState::Delivered);
    }
    assert_eq!((scene.conversation.outbox.early_receipts.len(), scene.unmatched()), (EARLY_RECEIPTS_MAX, 4));
    scene.later(DAY * 3);
    scene.event(Event::Woken);
    assert_eq!((scene.conversation.outbox.early_receipts.len(), scene.unmatched()), (0, EARLY_RECEIPTS_MAX + 4));
}

#[test]
fn a_carrier_that_has_an_unconfirmed_text_says_so_and_names_it() {
    let (mut scene, draft, reference) = unconfirmed("see you");
    scene.hears(None, Some(reference), ReceiptState::Enroute);
    assert_eq!(scene.status(draft), Status::Unconfirmed, "without an id no later receipt would be known");
    scene.hears(Some("7f"), Some(reference), ReceiptState::Enroute);
    assert_eq!(scene.status(draft), Status::Sent);
    scene.hears(Some("007F"), None, ReceiptState::Delivered);
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn an_unconfirmed_long_text_is_delivered_when_each_of_its_segments_is() {
    let (mut scene, draft, reference) = unconfirmed(&"long ".repeat(60));
    for carrier_id in ["a", "a"] {
        scene.hears(Some(carrier_id), Some(reference), ReceiptState::Delivered);
        scene.restarts();
    }
    assert_eq!(scene.status(draft), Status::Unconfirmed, "the same receipt twice is one segment");
    scene.hears(Some("b"), Some(reference), ReceiptState::Delivered);
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn a_text_that_the_carrier_took_without_an_id_is_known_by_our_reference() {
    for (text, ids) in [("see you".to_owned(), vec![""]), ("long ".repeat(60), vec!["", ""])] {
        let mut scene = Scene::new();
        scene.opts_in();
        let other = scene.sends("before", &[""]);
        let draft = accepted(scene.drafts(&text));
        let cleared = scene.grant().unwrap();
        let taken = |ids: &[&str]| Answer::Taken { ids: ids.iter().copied().map(id).collect() };
        scene.answer(&cleared, taken(&ids));
        for (arrived, _) in ids.iter().enumerate() {
            let carrier_id = format!("7f{arrived}");
            for _ in 0..2 {
                assert_eq!(scene.status(draft), Status::Sent, "the same receipt twice is one segment");
                scene.hears(Some(&carrier_id), Some(cleared.reference()), ReceiptState::Delivered);
                scene.restarts();
                if arrived + 1 == ids.len() {
                    break;
                }
            }
        }
        assert_eq!((scene.status(draft), scene.status(other)), (Status::Delivered, Status::Sent));
        assert_eq!(scene.unmatched(), 0);
    }
}

#[test]
fn a_late_answer_remembers_which_segments_had_arrived() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = accepted(scene.drafts(&"long ".repeat(60)));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Unknown);
    scene.hears(Some("a"), Some(cleared.reference()), ReceiptState::Delivered);
    scene.answer(&cleared, Answer::Taken { ids: vec![id("a"), id("b")] });
    assert_eq!(scene.status(draft), Status::Sent);
    scene.hears(Some("b"), None, ReceiptState::Delivered);
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn one_segment_that_did_not_arrive_is_enough() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = scene.sends(&"long ".repeat(60), &["a", "b"]);
    scene.hears(Some("a"), None, ReceiptState::Delivered);
    scene.hears(Some("b"), None, ReceiptState::Expired);
    assert_eq!(scene.status(draft), Status::Undelivered);
    scene.hears(Some("b"), None, ReceiptState::Delivered);
    assert_eq!((scene.status(draft), scene.unmatched()), (Status::Undelivered, 1), "a final status is never left");
}

#[test]
fn the_nearest_spelling_of_an_id_counts_and_two_as_near_are_none() {
    let mut scene = Scene::new();
    scene.opts_in();
    let plain = scene.sends("first", &["1A"]);
    let padded = scene.sends("second", &["001a"]);
    scene.hears(Some("01A"), None, ReceiptState::Delivered);
    assert_eq!((scene.status(plain), scene.status(padded), scene.unmatched()), (Status::Sent, Status::Sent, 1));
    scene.hears(Some("1a"), None, ReceiptState::Delivered);
    assert_eq!((scene.status(plain), scene.status(padded)), (Status::Delivered, Status::Sent));
}

/// A receipt about "26", where one text has that id and another the same number in hexadecimal.
#[test]
fn an_id_that_is_one_text_as_it_stands_and_another_as_a_number_settles_neither_by_itself() {
    let later = SignedDuration::from_hours(1);
    let told = |spelling| Clues { spelling: Some(spelling), ..Clues::default() };
    for (case, clues, by_reference, settled) in [
        ("nothing is known", Clues::default(), None, [false, false]),
        ("the link gives back ids as they are", told(Likeness::Same), None, [false, true]),
        ("the link makes them decimal", told(Likeness::HexToDecimal), None, [true, false]),
        ("the link makes them hexadecimal", told(Likeness::DecimalToHex), None, [false, false]),
        ("the carrier returns the first reference", Clues::default(), Some(0), [true, false]),
        ("the carrier returns the second reference", told(Likeness::HexToDecimal), Some(1), [false, true]),
        ("it says when the first was submitted", submitted(START), None, [true, false]),
        ("it says when the second was submitted", submitted(START + later), None, [false, true]),
        ("it says when neither was submitted", submitted(START - later), None, [false, false]),
    ] {
        let mut scene = Scene::new();
        scene.opts_in();
        scene.now = START;
        let hexadecimal = scene.sends("first", &["1A"]);
        scene.later(later);
        let decimal = scene.sends("second", &["26"]);
        let both = [hexadecimal, decimal];
        let ours = by_reference.map(|which: usize| reference(both[which].seq));
        scene.event(Event::Receipted(Receipt { reference: ours, clues, ..Receipt::delivered(id("26")) }));
        let expected = settled.map(|settled| if settled { Status::Delivered } else { Status::Sent });
        assert_eq!(both.map(|draft| scene.status(draft)), expected, "{case}");
    }
}

#[test]
fn an_id_in_other_digits_does_not_outweigh_our_own_reference() {
    let (mut scene, unconfirmed, reference) = unconfirmed("see you");
    let sent = scene.sends("second", &["1A"]);
    scene.hears(Some("26"), Some(reference), ReceiptState::Delivered);
    assert_eq!((scene.status(unconfirmed), scene.status(sent)), (Status::Delivered, Status::Sent));
}

#[test]
fn an_id_that_the_carrier_gave_twice_is_not_guessed_about() {
    let mut scene = Scene::new();
    scene.opts_in();
    let both = [scene.sends("first", &["7"]), scene.sends("second", &["7"])];
    scene.hears(Some("7"), None, ReceiptState::Delivered);
    assert_eq!((both.map(|draft| scene.status(draft)), scene.unmatched()), ([Status::Sent; 2], 1));
    scene.hears(Some("7"), Some(reference(both[1].seq)), ReceiptState::Delivered);
    assert_eq!(both.map(|draft| scene.status(draft)), [Status::Sent, Status::Delivered]);
}

#[test]
fn no_receipt_makes_a_final_status_another() {
    use ReceiptState::{Accepted, Deleted, Delivered, Enroute, Expired, Rejected, Undeliverable, Unknown};
    let states = [Accepted, Deleted, Delivered, Enroute, Expired, Rejected, Undeliverable, Unknown];
    for last in [Delivered, Deleted, Expired, Rejected, Undeliverable] {
        for more in states {
            let mut scene = Scene::new();
            scene.opts_in();
            let draft = scene.sends("see you", &["7"]);
            scene.hears(Some("7"), None, last);
            let settled = scene.status(draft);
            assert!(matches!(settled, Status::Delivered | Status::Undelivered), "{last:?}");
            scene.hears(Some("7"), Some(reference(draft.seq)), more);
            assert_eq!(scene.status(draft), settled, "{last:?}, then {more:?}");
        }
    }
    for more in [Accepted, Enroute, Unknown] {
        let mut scene = Scene::new();
        scene.opts_in();
        let draft = scene.sends("see you", &["7"]);
        scene.hears(Some("7"), None, more);
        assert_eq!(scene.status(draft), Status::Sent, "{more:?}");
    }
}

#[test]
fn why_a_text_did_not_arrive_is_kept_with_it() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = scene.sends("see you", &["7"]);
    let error = Some(CarrierError { code: 27.try_into().unwrap(), cause: Some(Cause::Unreachable) });
    let state = ReceiptState::Undeliverable;
    scene.event(Event::Receipted(Receipt { state, error, ..Receipt::delivered(id("7")) }));
    assert_eq!(scene.thread[&draft.seq].failure, Some(Failure::NotDelivered { state, error }));
}
