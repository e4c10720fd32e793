//! Texts whose author loses the permission to text patients while they wait, told as stories: what is held, who answers for
//! it, and what goes all the same.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use std::sync::Arc;

use assent::domain::{
    Answer, Body, Draft, Event, Failure, Kind, MessageId, Outcome, Refusal, Resolution, Retry, Settlement, StaffId,
    Status, Texting,
};
use jiff::{SignedDuration, Timestamp};
use scene::{Scene, accepted};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn id_of(staff: &str) -> StaffId {
    StaffId::parse(staff).unwrap()
}

fn draft_by(staff: Option<&str>, send_at: Option<Timestamp>) -> Draft {
    Draft { text: Body::new("see you at 3"), staff: staff.map(id_of), preferences: Default::default(), send_at }
}

impl Scene {
    /// Only these may text from here on.
    fn may_text(&mut self, staff: &[&str]) {
        self.policy.texting = Texting::Only(Arc::new(staff.iter().copied().map(id_of).collect()));
    }

    fn ana_drafts(&mut self, send_at: Option<Timestamp>) -> MessageId {
        accepted(self.event(Event::Drafted(draft_by(Some("ana"), send_at))))
    }

    fn is_held_for_an_author(&self, id: MessageId) -> bool {
        let message = &self.thread[&id.seq];
        (message.status, message.failure) == (Status::Held, Some(Failure::AuthorMayNotText))
    }

    fn resolves(&mut self, id: MessageId, resolution: Resolution) -> Outcome {
        self.event(Event::Resolved { id, resolution })
    }
}

/// Ana's text waits for nothing any more, and Ana may text nobody.
fn held() -> (Scene, MessageId) {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = scene.ana_drafts(None);
    scene.may_text(&["bo"]);
    assert!(scene.carry().is_empty(), "the gate asks at the grant");
    assert!(scene.is_held_for_an_author(draft));
    (scene, draft)
}

/// What a text waits for, how that begins, and how it ends.
type Wait = (&'static str, fn(&mut Scene) -> MessageId, fn(&mut Scene));

#[test]
fn a_text_that_waited_is_held_when_its_author_may_text_no_more() {
    let waits: [Wait; 4] = [
        (
            "for YES",
            |scene| {
                let draft = scene.ana_drafts(None);
                scene.carry();
                draft
            },
            |scene| {
                scene.texts("YES");
            },
        ),
        (
            "for its time",
            |scene| {
                scene.opts_in();
                scene.ana_drafts(Some(scene.now + HOUR))
            },
            |scene| {
                scene.later(HOUR);
                scene.event(Event::Woken);
            },
        ),
        (
            "for the morning",
            |scene| {
                scene.keeps_hours();
                scene.opts_in();
                // It is evening in Denver.
                scene.later(HOUR * 13);
                scene.ana_drafts(None)
            },
            |scene| {
                scene.later(HOUR * 12);
                scene.event(Event::Woken);
            },
        ),
        (
            "for a hold to be settled",
            |scene| {
                scene.opts_in();
                scene.texts("leave me alone");
                scene.ana_drafts(None)
            },
            |scene| {
                scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: Some(id_of("bo")) });
            },
        ),
    ];
    for (what, begin, end) in waits {
        let mut scene = Scene::new();
        let draft = begin(&mut scene);
        scene.may_text(&["bo"]);
        scene.event(Event::Woken);
        assert!(!scene.is_held_for_an_author(draft), "{what}: nothing is asked before it could go");
        end(&mut scene);
        assert!(scene.is_held_for_an_author(draft), "{what}");
        assert!(scene.carry().iter().all(|(kind, _)| !matches!(kind, Kind::StaffText { .. })), "{what}");
        scene.restarts();
        scene.may_text(&["ana", "bo"]);
        scene.event(Event::Woken);
        assert!(scene.carry().is_empty(), "{what}: it goes by nobody's word but somebody's");
    }
}

#[test]
fn a_text_goes_while_its_author_may_text_and_the_operators_own_always() {
    let mut scene = Scene::new();
    scene.opts_in();
    scene.ana_drafts(None);
    scene.drafts("from the operator");
    scene.may_text(&["ana"]);
    assert_eq!(scene.carry().len(), 2);
    scene.drafts("from the operator");
    scene.may_text(&[]);
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn somebody_who_may_text_sends_it_as_their_own() {
    let (mut scene, draft) = held();
    let sent = accepted(scene.resolves(draft, Resolution::TakeOver(draft_by(Some("bo"), None))));
    let old = &scene.thread[&draft.seq];
    assert_eq!((old.status, old.failure), (Status::Failed, Some(Failure::TakenOver { as_seq: sent.seq })));
    assert_eq!(old.kind, Kind::StaffText { staff: Some(id_of("ana")) }, "who wrote it stays shown");
    assert_eq!(scene.carry(), [(Kind::StaffText { staff: Some(id_of("bo")) }, "see you at 3".to_owned())]);
    let again = scene.resolves(draft, Resolution::TakeOver(draft_by(Some("bo"), None)));
    assert_eq!(again, Outcome::Refused(Refusal::NotOrphaned), "it is sent once");
}

#[test]
fn it_can_be_taken_back_or_discarded_and_is_neither_sent_nor_sent_again() {
    let (mut scene, draft) = held();
    for resolution in [Resolution::Sent, Resolution::Resend(draft_by(Some("bo"), None))] {
        assert_eq!(scene.resolves(draft, resolution), Outcome::Refused(Refusal::NotUnconfirmed));
    }
    assert_eq!(scene.resolves(draft, Resolution::Discard), Outcome::Recorded);
    assert_eq!((scene.status(draft), scene.carry()), (Status::Canceled, vec![]));
    let (mut scene, draft) = held();
    assert_eq!(scene.event(Event::TakenBack(draft)), Outcome::Recorded);
    assert_eq!(scene.thread[&draft.seq].failure, None);
}

#[test]
fn nobody_answers_for_a_text_whose_author_may_send_it() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = scene.ana_drafts(Some(scene.now + HOUR));
    for resolution in [Resolution::TakeOver(draft_by(Some("bo"), None)), Resolution::Discard] {
        assert!(matches!(scene.resolves(draft, resolution), Outcome::Refused(_)));
    }
    assert_eq!(scene.status(draft), Status::Scheduled);
}

#[test]
fn a_text_without_an_author_holds_nothing_up_and_does_not_outlive_a_stop() {
    let (mut scene, draft) = held();
    scene.event(Event::Drafted(draft_by(Some("bo"), None)));
    assert_eq!(scene.carry().len(), 1, "the next goes");
    scene.texts("leave me alone");
    scene.later(MINUTE);
    scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: None });
    assert!(scene.is_held_for_an_author(draft), "that a hold ends is nobody's word for it");
    scene.texts("STOP");
    let message = &scene.thread[&draft.seq];
    assert_eq!((message.status, message.failure), (Status::Failed, Some(Failure::OptedOut)));
}

#[test]
fn a_text_that_comes_back_from_the_carrier_asks_for_its_author_again() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = scene.ana_drafts(None);
    let cleared = scene.grant().unwrap();
    scene.may_text(&["bo"]);
    scene.answer(&cleared, Answer::Refused { command_status: 0x58, retry: Retry::WhenReady });
    assert!(scene.is_held_for_an_author(draft));
}
