//! Numbers that are not the patient's any more, told as a table and as stories: what suspends them, what is refused
//! meanwhile, and what the patient's number, given again, makes of that.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use assent::domain::ledger::By;
use assent::domain::{
    Answer, Cause, Cleared, Consent, Entry, Event, Failure, Form, Kind, NotTheirs, Outcome, Refusal, Resolution, Retry,
    Settlement, Status,
};
use jiff::SignedDuration;
use scene::{Scene, accepted, sending_in, taken};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const STATES: [&str; 4] = ["none", "invited", "opted_in", "opted_out"];
const WRONG: &str = "Sorry, you have the wrong number";

/// A scene in one of the four states, with a text that the carrier has and has not reported on.
fn sent_in(state: &str) -> (Scene, Cleared) {
    let (mut scene, cleared) = sending_in(state);
    scene.answer(&cleared, taken(&cleared));
    (scene, cleared)
}

/// The two ways in which a number shows to be somebody else's, or nobody's.
fn suspended_in(state: &str) -> [Scene; 2] {
    let (mut disconnected, cleared) = sent_in(state);
    disconnected.undelivered(&cleared, Cause::UnknownNumber);
    let (mut wrong, _) = sent_in(state);
    wrong.texts(WRONG);
    let mut both = [disconnected, wrong];
    for scene in &mut both {
        assert!(scene.is_suspended(), "{state}");
        scene.later(MINUTE);
    }
    both
}

impl Scene {
    fn is_suspended(&self) -> bool {
        self.conversation.suspension.is_some()
    }

    fn refuses_drafts(&mut self) -> bool {
        let Some(suspension) = self.conversation.suspension else { return false };
        self.drafts("hello?") == Outcome::Refused(Refusal::NumberSuspended { since: suspension.since })
    }

    fn gives_number(&mut self) -> Vec<Entry> {
        let before = self.journal.len();
        assert_eq!(self.event(Event::NumberGiven), Outcome::Recorded);
        self.journal[before..].to_vec()
    }

    fn leaves(&mut self) -> Vec<Kind> {
        self.carry().into_iter().map(|(kind, _)| kind).collect()
    }

    /// Who made the last change of consent, and in which words.
    fn last_proof(&self) -> (By, Option<String>) {
        let last = self.journal.iter().rev().find_map(|entry| match entry {
            Entry::Proved(proof) => Some(proof),
            _ => None,
        });
        let proof = last.unwrap();
        (proof.by.clone(), proof.words.as_ref().map(|words| words.text.expose().to_owned()))
    }
}

#[test]
fn consent_that_was_given_for_a_number_ends_with_it_in_every_state() {
    for (state, expected) in STATES.into_iter().zip(["none", "none", "none", "opted_out"]) {
        for (mut scene, by) in suspended_in(state).into_iter().zip([By::Carrier, By::Patient]) {
            assert_eq!(scene.consent(), expected, "{state}, {by:?}");
            let has_lost_consent = state == "invited" || state == "opted_in";
            if has_lost_consent {
                let words = (by == By::Patient).then(|| WRONG.to_owned());
                assert_eq!(scene.last_proof(), (by.clone(), words), "{state}");
            }
            let since = scene.conversation.suspension.unwrap().since;
            let refused = match scene.conversation.consent {
                Consent::OptedOut { since, .. } => Refusal::OptedOut { since },
                _ => Refusal::NumberSuspended { since },
            };
            assert_eq!(scene.drafts("hello?"), Outcome::Refused(refused), "{state}, {by:?}");
            assert!(scene.carry().is_empty(), "{state}, {by:?}");
        }
    }
}

#[test]
fn what_waits_for_a_phone_that_is_not_the_patients_fails() {
    let mut scene = Scene::new();
    let pending = accepted(scene.drafts("hello"));
    let invitation = scene.grant().unwrap();
    scene.answer(&invitation, taken(&invitation));
    scene.undelivered(&invitation, Cause::UnknownNumber);
    assert_eq!(scene.thread[&pending.seq].failure, Some(Failure::Unreachable));

    let mut scene = Scene::new();
    scene.opts_in();
    let drafts = ["one", "two"].map(|text| accepted(scene.drafts(text)));
    let first = scene.grant().unwrap();
    scene.texts(WRONG);
    assert_eq!(scene.recalled, [(first.id(), 1), (first.id(), 1)], "by the suspension, and by the hold");
    assert_eq!(scene.thread[&drafts[1].seq].failure, Some(Failure::Unreachable));
    scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: None });
    scene.answer(&first, Answer::Refused { command_status: 0x58, retry: Retry::WhenReady });
    let failed = &scene.thread[&drafts[0].seq];
    assert_eq!((failed.status, failed.failure), (Status::Failed, Some(Failure::Unreachable)), "it is not tried again");
}

#[test]
fn a_number_that_is_given_again_is_asked_anew() {
    for state in ["none", "invited", "opted_in"] {
        for mut scene in suspended_in(state) {
            let is_held = scene.conversation.hold.is_some();
            let written = scene.gives_number();
            assert_eq!(written, [Entry::NumberGiven { at: scene.now }], "{state}");
            assert_eq!((scene.is_suspended(), scene.consent()), (false, "none"), "giving it opts nobody in: {state}");
            assert!(scene.gives_number().is_empty(), "once more is no news: {state}");
            if is_held {
                scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: None });
            }
            let draft = accepted(scene.drafts("hello again"));
            assert_eq!((scene.status(draft), scene.leaves()), (Status::Pending, vec![Kind::Invitation]), "{state}");
            scene.texts("YES");
            assert_eq!(scene.carry().len(), 1, "and one YES later it goes: {state}");
        }
    }
}

#[test]
fn a_number_that_opted_out_stays_so_when_it_is_given_again() {
    for mut scene in suspended_in("opted_out") {
        scene.gives_number();
        assert_eq!((scene.is_suspended(), scene.consent()), (false, "opted_out"));
        scene.texts("START");
        accepted(scene.drafts("welcome back"));
    }
}

#[test]
fn words_from_a_suspended_number_count_as_anybodys() {
    for mut scene in suspended_in("opted_in") {
        scene.texts("START");
        assert_eq!((scene.consent(), scene.leaves()), ("opted_in", vec![Kind::StartConfirmation]));
        assert!(scene.refuses_drafts(), "but whose it is nobody has said");
        scene.later(MINUTE);
        scene.gives_number();
        assert_eq!(scene.consent(), "opted_in", "the word came after the suspension, and stands");
        accepted(scene.drafts("hello"));
    }
    for mut scene in suspended_in("opted_in") {
        scene.texts("STOP");
        assert_eq!((scene.consent(), scene.leaves()), ("opted_out", vec![Kind::OptOutConfirmation]));
    }
}

#[test]
fn a_number_that_said_start_and_is_gone_again_loses_that_too() {
    let [mut scene, _] = suspended_in("opted_in");
    scene.texts("START");
    let confirmation = scene.grant().unwrap();
    scene.answer(&confirmation, taken(&confirmation));
    scene.later(MINUTE);
    scene.undelivered(&confirmation, Cause::UnknownNumber);
    assert_eq!(scene.consent(), "none");
    let message = confirmation.id();
    let because = scene.conversation.suspension.unwrap().because;
    assert!(matches!(because, NotTheirs::Disconnected { message: told, .. } if told == message));
}

#[test]
fn wrong_number_holds_and_settles_as_ever() {
    let (mut scene, _) = sent_in("opted_in");
    scene.texts(WRONG);
    let hold = scene.conversation.hold.clone().unwrap();
    assert_eq!(&*hold.reading.rule, "wrong-number");
    scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: None });
    assert!(scene.refuses_drafts(), "whatever they meant, the number is to be asked for");

    let (mut scene, _) = sent_in("opted_in");
    scene.texts(WRONG);
    scene.later(DAY);
    scene.event(Event::Woken);
    assert_eq!(scene.consent(), "opted_out", "nobody settled it");
}

#[test]
fn a_wrong_number_is_one_whatever_is_said_with_it() {
    for text in ["stop texting me, this is the wrong number", "número equivocado", "Wrong #", "STOP. wrong number"] {
        let (mut scene, _) = sent_in("opted_in");
        scene.texts(text);
        assert!(scene.is_suspended(), "{text}");
    }
    let (mut scene, _) = sent_in("opted_in");
    scene.texts("leave me alone");
    scene.texts(WRONG);
    assert!(scene.is_suspended(), "though something else holds the conversation");
    for text in ["please stop texting me", "STOP", "I dialed the wrong number", "my knee hurts"] {
        let (mut scene, _) = sent_in("opted_in");
        scene.texts(text);
        assert!(!scene.is_suspended(), "{text}");
    }
    let (mut scene, _) = sent_in("opted_in");
    scene.texts_as(WRONG, Form::Binary);
    assert!(!scene.is_suspended(), "what is no text says nothing");
}

#[test]
fn other_causes_suspend_nothing() {
    for cause in Cause::ALL.into_iter().filter(|cause| *cause != Cause::UnknownNumber) {
        let (mut scene, cleared) = sent_in("opted_in");
        scene.undelivered(&cleared, cause);
        assert!(!scene.is_suspended(), "{cause:?}");
    }
}

#[test]
fn a_text_of_which_nobody_knows_is_not_sent_again_to_a_suspended_number() {
    let (mut scene, cleared) = sent_in("opted_in");
    let draft = accepted(scene.drafts("one more"));
    let second = scene.grant().unwrap();
    scene.answer(&second, Answer::Unknown);
    scene.undelivered(&cleared, Cause::UnknownNumber);
    assert_eq!(scene.status(draft), Status::Unconfirmed);
    let again = assent::domain::Draft {
        text: assent::domain::Body::new("one more"),
        staff: None,
        preferences: Default::default(),
        send_at: None,
    };
    let refused = scene.event(Event::Resolved { id: draft, resolution: Resolution::Resend(again) });
    assert_eq!(refused, Outcome::Refused(Refusal::NumberSuspended { since: scene.now }));
}

#[test]
fn nothing_from_before_a_stop_is_sent_though_a_hold_came_between() {
    let mut scene = Scene::new();
    scene.opts_in();
    let draft = accepted(scene.drafts("see you at 3"));
    let cleared = scene.grant().unwrap();
    scene.texts("STOP");
    scene.later(MINUTE);
    scene.texts("START");
    scene.texts("leave me alone");
    scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: None });
    scene.answer(&cleared, Answer::NotSent);
    assert_eq!(scene.status(draft), Status::Failed);
}
