//! What staff decide: when a text is to go, to take it back, and what became of one of which nobody knows. As stories.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use assent::domain::{
    Answer, Body, Draft, Event, Failure, Kind, MessageId, Outcome, ReceiptState, Refusal, Resolution, Retry, Status,
};
use jiff::{SignedDuration, Timestamp};
use scene::{Scene, accepted, taken};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn draft(text: &str, send_at: Option<Timestamp>) -> Draft {
    Draft { text: Body::new(text), staff: None, preferences: Default::default(), send_at }
}

impl Scene {
    fn drafts_for(&mut self, text: &str, at: Timestamp) -> MessageId {
        accepted(self.event(Event::Drafted(draft(text, Some(at)))))
    }

    fn takes_back(&mut self, id: MessageId) -> Outcome {
        self.event(Event::TakenBack(id))
    }

    fn resolves(&mut self, id: MessageId, resolution: Resolution) -> Outcome {
        self.event(Event::Resolved { id, resolution })
    }

    /// A text of staff's of which nobody knows whether it went out.
    fn unconfirmed(&mut self) -> MessageId {
        self.opts_in();
        let id = accepted(self.drafts("Take two pills."));
        let cleared = self.grant().unwrap();
        self.answer(&cleared, Answer::Unknown);
        assert_eq!(self.status(id), Status::Unconfirmed);
        id
    }

    fn texts_that_left(&mut self) -> Vec<String> {
        self.carry().into_iter().map(|(_, words)| words).collect()
    }
}

// ------------------------------------------------------------------------------------------------- in its own time

#[test]
fn a_text_goes_when_staff_want_it_to() {
    let mut scene = Scene::new();
    scene.opts_in();
    let at = scene.now + DAY;
    let id = scene.drafts_for("See you in an hour.", at);
    assert_eq!((scene.status(id), scene.conversation.wake_at(&scene.policy)), (Status::Scheduled, Some(at)));
    scene.drafts("And before that, this.");
    assert_eq!(scene.texts_that_left(), ["And before that, this."], "what is scheduled holds nothing up");
    scene.now = at;
    scene.event(Event::Woken);
    assert_eq!(scene.texts_that_left(), ["See you in an hour."]);
    assert_eq!(scene.status(id), Status::Sent);
}

#[test]
fn a_time_that_has_passed_is_now() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = scene.drafts_for("hello", scene.now - HOUR);
    assert_eq!(scene.status(id), Status::Queued);
}

#[test]
fn a_text_for_later_waits_for_yes_and_then_for_its_time() {
    let mut scene = Scene::new();
    let at = scene.now + DAY;
    let id = scene.drafts_for("See you in an hour.", at);
    assert_eq!(scene.status(id), Status::Pending);
    scene.carry();
    scene.texts("YES");
    assert_eq!((scene.status(id), scene.carry()), (Status::Scheduled, Vec::new()));
    scene.now = at;
    scene.event(Event::Woken);
    assert_eq!(scene.texts_that_left(), ["See you in an hour."]);
}

#[test]
fn a_stop_before_its_time_wins() {
    let mut scene = Scene::new();
    scene.opts_in();
    let at = scene.now + DAY;
    let id = scene.drafts_for("See you in an hour.", at);
    scene.opts_out();
    assert_eq!(scene.status(id), Status::Failed);
    scene.now = at;
    scene.event(Event::Woken);
    scene.texts("START");
    assert_eq!(scene.carry().len(), 1, "the confirmation alone: nothing old is sent");
}

#[test]
fn a_daemon_that_was_down_at_the_time_sends_it_when_it_is_back() {
    let mut scene = Scene::new();
    scene.opts_in();
    scene.drafts_for("See you in an hour.", scene.now + HOUR);
    scene.later(HOUR * 2);
    scene.restarts();
    assert_eq!(scene.texts_that_left(), ["See you in an hour."]);
}

// --------------------------------------------------------------------------------------------------- taken back

#[test]
fn what_waits_can_be_taken_back_and_the_rest_goes_on() {
    let mut scene = Scene::new();
    scene.opts_in();
    let [first, second] = ["one", "two"].map(|text| accepted(scene.drafts(text)));
    let later = scene.drafts_for("three", scene.now + DAY);
    for id in [first, later] {
        assert_eq!(scene.takes_back(id), Outcome::Recorded);
        assert_eq!(scene.status(id), Status::Canceled);
    }
    assert_eq!(scene.texts_that_left(), ["two"]);
    assert_eq!(scene.takes_back(second), Outcome::Refused(Refusal::TooLate));
    assert_eq!(scene.status(second), Status::Sent);
}

#[test]
fn what_is_on_its_way_can_not_be_taken_back() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("one"));
    let cleared = scene.grant().unwrap();
    assert_eq!(scene.takes_back(id), Outcome::Refused(Refusal::TooLate));
    scene.answer(&cleared, Answer::Refused { command_status: 0x58, retry: Retry::WhenReady });
    assert_eq!(scene.takes_back(id), Outcome::Recorded, "the carrier does not have it");
    scene.later(HOUR);
    scene.event(Event::Woken);
    assert_eq!(scene.carry(), []);
}

#[test]
fn nobody_is_asked_for_consent_to_a_text_that_was_taken_back() {
    let mut scene = Scene::new();
    let [first, second] = ["one", "two"].map(|text| accepted(scene.drafts(text)));
    scene.takes_back(first);
    assert_eq!(scene.consent(), "invited", "another draft waits");
    scene.takes_back(second);
    assert_eq!((scene.consent(), scene.carry()), ("none", Vec::new()));
    scene.drafts("three");
    assert_eq!((scene.consent(), scene.carry().len()), ("invited", 1), "and nothing of it counts as an invitation");
}

#[test]
fn a_question_that_was_asked_stays_asked() {
    let mut scene = Scene::new();
    let id = accepted(scene.drafts("one"));
    scene.carry();
    scene.takes_back(id);
    assert_eq!(scene.consent(), "invited");
    scene.texts("yes");
    assert_eq!((scene.consent(), scene.carry()), ("opted_in", Vec::new()));
}

#[test]
fn what_is_not_staffs_can_not_be_taken_back() {
    let mut scene = Scene::new();
    scene.texts("START");
    let confirmation = scene.thread.values().find(|one| one.kind == Kind::StartConfirmation).unwrap().id;
    assert_eq!(scene.takes_back(confirmation), Outcome::Refused(Refusal::TooLate));
    assert_eq!(scene.carry().len(), 1);
}

// ------------------------------------------------------------------------------------- of which nobody knows

#[test]
fn what_staff_send_again_is_another_message() {
    let mut scene = Scene::new();
    let id = scene.unconfirmed();
    let again = accepted(scene.resolves(id, Resolution::Resend(draft("Take two pills.", None))));
    assert_ne!(again, id);
    assert_eq!(scene.thread[&id.seq].failure, Some(Failure::SentAgain { as_seq: again.seq }));
    assert_eq!(scene.texts_that_left(), ["Take two pills."]);
    let twice = scene.resolves(id, Resolution::Resend(draft("Take two pills.", None)));
    assert_eq!((twice, scene.carry()), (Outcome::Refused(Refusal::NotUnconfirmed), Vec::new()), "once is enough");
}

#[test]
fn sending_again_asks_for_consent_anew() {
    let mut scene = Scene::new();
    let id = scene.unconfirmed();
    scene.opts_out();
    let refused = scene.resolves(id, Resolution::Resend(draft("Take two pills.", None)));
    assert!(matches!(refused, Outcome::Refused(Refusal::OptedOut { .. })), "{refused:?}");
    assert_eq!((scene.status(id), scene.carry()), (Status::Unconfirmed, Vec::new()), "it is as it was");
}

#[test]
fn staff_may_say_that_it_went_out_or_let_it_rest() {
    for (resolution, status, failure) in
        [(Resolution::Sent, Status::Sent, None), (Resolution::Discard, Status::Failed, Some(Failure::Discarded))]
    {
        let mut scene = Scene::new();
        let id = scene.unconfirmed();
        assert_eq!(scene.resolves(id, resolution), Outcome::Recorded);
        let message = &scene.thread[&id.seq];
        assert_eq!((message.status, message.failure), (status, failure));
        assert_eq!(scene.carry(), []);
    }
}

#[test]
fn what_the_carrier_told_meanwhile_is_not_decided_about() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("Take two pills."));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Unknown);
    scene.answer(&cleared, taken(&cleared));
    scene.receipt(&cleared, ReceiptState::Delivered);
    assert_eq!(scene.resolves(id, Resolution::Discard), Outcome::Refused(Refusal::NotUnconfirmed));
    assert_eq!(scene.status(id), Status::Delivered);
}

#[test]
fn an_answer_that_comes_after_the_decision_changes_nothing() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("Take two pills."));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Unknown);
    scene.resolves(id, Resolution::Discard);
    scene.answer(&cleared, taken(&cleared));
    scene.receipt(&cleared, ReceiptState::Delivered);
    assert_eq!(scene.status(id), Status::Failed);
}
