//! What settles a text of which nobody knows whether it left: a receipt that can be about nothing else, and no other.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use assent::domain::text::Pdus;
use assent::domain::{Answer, CarrierId, Cleared, Clues, Event, MessageId, Opening, Receipt, ReceiptState, Status};
use jiff::{SignedDuration, Timestamp};
use scene::{Scene, accepted};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const TEXT: &str = "Your visit is on Monday at 3";

fn opted_in() -> Scene {
    let mut scene = Scene::new();
    scene.opts_in();
    scene
}

impl Scene {
    /// A text leaves, and no answer comes for as long as one is waited for.
    fn loses(&mut self, text: &str) -> (MessageId, Cleared, Timestamp) {
        let draft = accepted(self.drafts(text));
        let cleared = self.grant().unwrap();
        let left_at = self.now;
        self.later(MINUTE * 2);
        self.event(Event::Woken);
        assert_eq!(self.status(draft), Status::Unconfirmed);
        (draft, cleared, left_at)
    }

    fn hears(&mut self, id: &str, state: ReceiptState, clues: Clues) {
        self.event(Event::Receipted(Receipt { state, clues, ..Receipt::delivered(CarrierId(id.into())) }));
    }
}

/// What a receipt says of a text that left at this time and begins so.
fn clues(at: Timestamp, text: &str) -> Clues {
    Clues { spelling: None, submitted_at: Some(at), opening: Some(Opening::of(text)) }
}

#[test]
fn the_one_receipt_that_fits_by_time_and_words_settles_it() {
    for (state, status) in [
        (ReceiptState::Delivered, Status::Delivered),
        (ReceiptState::Undeliverable, Status::Undelivered),
        (ReceiptState::Enroute, Status::Sent),
        (ReceiptState::Accepted, Status::Sent),
        (ReceiptState::Unknown, Status::Unconfirmed),
    ] {
        let mut scene = opted_in();
        let (draft, _, left_at) = scene.loses(TEXT);
        scene.restarts();
        scene.hears("stranger", state, clues(left_at, TEXT));
        assert_eq!(scene.status(draft), status, "{state:?}");
    }
}

#[test]
fn a_receipt_that_fits_in_part_settles_nothing() {
    type Told = fn(Timestamp) -> Receipt;
    let cases: [(&str, Told); 7] = [
        ("it was submitted six minutes earlier", |at| receipt(clues(at - MINUTE * 6, TEXT))),
        ("it was submitted six minutes later", |at| receipt(clues(at + MINUTE * 6, TEXT))),
        ("it does not say when it was submitted", |at| receipt(Clues { submitted_at: None, ..clues(at, TEXT) })),
        ("it does not repeat the text", |at| receipt(Clues { opening: None, ..clues(at, TEXT) })),
        ("it repeats another text", |at| receipt(clues(at, "Your bill is ready"))),
        ("it has no id", |at| Receipt { carrier_id: None, ..receipt(clues(at, TEXT)) }),
        ("it returns the reference of another text", |at| Receipt { reference: Some(999), ..receipt(clues(at, TEXT)) }),
    ];
    for (case, receipt) in cases {
        let mut scene = opted_in();
        let (draft, _, left_at) = scene.loses(TEXT);
        scene.event(Event::Receipted(receipt(left_at)));
        assert_eq!(scene.status(draft), Status::Unconfirmed, "{case}");
    }
}

fn receipt(clues: Clues) -> Receipt {
    Receipt { clues, ..Receipt::delivered(CarrierId("stranger".into())) }
}

#[test]
fn of_two_texts_in_the_same_words_neither_is_settled() {
    let mut scene = opted_in();
    let (first, _, left_at) = scene.loses(TEXT);
    let (second, ..) = scene.loses(TEXT);
    scene.hears("stranger", ReceiptState::Delivered, clues(left_at, TEXT));
    assert_eq!([first, second].map(|draft| scene.status(draft)), [Status::Unconfirmed; 2]);
}

#[test]
fn a_text_on_its_way_in_the_same_words_may_be_the_one_that_is_meant() {
    let mut scene = opted_in();
    let (first, _, left_at) = scene.loses(TEXT);
    let second = accepted(scene.drafts(TEXT));
    let cleared = scene.grant().unwrap();
    scene.hears("2", ReceiptState::Delivered, clues(left_at, TEXT));
    assert_eq!(scene.status(first), Status::Unconfirmed);
    scene.answer(&cleared, Answer::Taken { ids: vec![CarrierId("2".into())] });
    assert_eq!((scene.status(first), scene.status(second)), (Status::Unconfirmed, Status::Delivered));
}

#[test]
fn of_two_receipts_that_fit_as_well_neither_settles_it() {
    for (other, status) in [("another", Status::Unconfirmed), ("STRANGER", Status::Delivered)] {
        let mut scene = opted_in();
        let draft = accepted(scene.drafts(TEXT));
        scene.grant().unwrap();
        for id in ["stranger", other] {
            scene.hears(id, ReceiptState::Delivered, clues(scene.now, TEXT));
        }
        scene.later(MINUTE * 2);
        scene.event(Event::Woken);
        assert_eq!(scene.status(draft), status, "{other}");
    }
}

#[test]
fn a_long_text_is_settled_by_its_one_receipt_where_it_goes_as_one_pdu() {
    for (pdus, status) in [(Pdus::PerText, Status::Delivered), (Pdus::PerSegment, Status::Unconfirmed)] {
        for by_reference in [true, false] {
            let mut scene = opted_in();
            scene.policy.writing.pdus = pdus;
            let long = format!("{TEXT} {}", "and so on ".repeat(40));
            let (draft, cleared, left_at) = scene.loses(&long);
            // However texts are written from here on.
            scene.policy.writing.pdus = Pdus::PerSegment;
            scene.restarts();
            let reference = by_reference.then(|| cleared.reference());
            let clues = if by_reference { Clues::default() } else { clues(left_at, &long) };
            scene.event(Event::Receipted(Receipt { reference, ..receipt(clues) }));
            assert_eq!(scene.status(draft), status, "{pdus:?}, by reference: {by_reference}");
        }
    }
}

#[test]
fn what_waited_when_the_store_went_back_is_not_settled_by_words() {
    let mut scene = opted_in();
    let draft = accepted(scene.drafts(TEXT));
    scene.event(Event::StoreWentBack);
    scene.hears("stranger", ReceiptState::Delivered, clues(scene.now, TEXT));
    assert_eq!(scene.status(draft), Status::Unconfirmed, "nobody knows when it left");
}
