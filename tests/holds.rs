//! Probable opt-outs, told as stories: what they hold, who settles them, and what becomes of what waited.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use assent::domain::{
    Answer, Body, Consent, Entry, Event, Evidence, Failure, Form, Kind, Outcome, Refusal, SettledBy, Settlement,
    StaffId, Status,
};
use jiff::SignedDuration;
use scene::{Scene, accepted, in_state, taken};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const STAFF: Kind = Kind::StaffText { staff: None };
const LEAVE_ME_ALONE: &str = "who is this? leave me alone";
const STATES: [&str; 3] = ["none", "invited", "opted_in"];

impl Scene {
    fn settle(&mut self, settlement: Settlement) -> Outcome {
        self.event(Event::HoldSettled { settlement, staff: Some(ana()) })
    }

    fn is_held(&self) -> bool {
        self.conversation.hold.is_some()
    }

    fn leaves(&mut self) -> Vec<Kind> {
        self.carry().into_iter().map(|(kind, _)| kind).collect()
    }

    /// How the last hold was settled.
    fn settled(&self) -> (Settlement, SettledBy) {
        let last = self.journal.iter().rev().find_map(|entry| match entry {
            Entry::HoldSettled { settlement, by, .. } => Some((*settlement, by.clone())),
            _ => None,
        });
        last.expect("a hold was settled")
    }
}

fn ana() -> StaffId {
    StaffId::parse("ana").unwrap()
}

/// A scene in which the patient's text holds the conversation, a minute later.
fn held_in(state: &str) -> Scene {
    let mut scene = in_state(state);
    scene.texts(LEAVE_ME_ALONE);
    assert!(scene.is_held(), "{state}");
    scene.later(MINUTE);
    scene
}

#[test]
fn a_probable_opt_out_holds_whatever_is_not_opted_out() {
    for state in STATES {
        let mut scene = held_in(state);
        assert_eq!((scene.consent(), scene.leaves()), (state, vec![]), "consent stays, and nothing is answered");
        let hold = scene.conversation.hold.clone().unwrap();
        assert_eq!(scene.thread[&hold.text.seq].text.expose(), LEAVE_ME_ALONE);
        assert_eq!((&*hold.reading.rule, hold.reading.words.expose()), ("leave-me-alone", "leave me alone"));
        assert!(scene.journal.contains(&Entry::Held(hold)));
    }
    let mut scene = in_state("opted_out");
    scene.texts(LEAVE_ME_ALONE);
    assert!(!scene.is_held() && scene.conversation.unread > 0, "it is shown, and there is nothing to hold");
}

#[test]
fn words_that_probably_opt_out_are_shown_unread_in_every_state() {
    for state in ["none", "invited", "opted_in", "opted_out"] {
        let mut scene = in_state(state);
        let unread = scene.conversation.unread;
        scene.texts(LEAVE_ME_ALONE);
        assert_eq!((scene.consent(), scene.conversation.unread), (state, unread + 1));
        assert!(scene.leaves().is_empty(), "{state}");
    }
}

#[test]
fn everyday_and_clinical_texts_hold_nothing() {
    for text in ["I can't stop coughing", "cancel my 3pm", "Liked “Reply STOP to opt out.”", "don't stop"] {
        let mut scene = in_state("opted_in");
        scene.texts(text);
        assert!(!scene.is_held(), "{text:?}");
    }
}

#[test]
fn what_is_queued_is_held_and_goes_in_order_when_staff_release_it() {
    let mut scene = in_state("opted_in");
    let drafts = ["one", "two", "three"].map(|text| accepted(scene.drafts(text)));
    scene.texts(LEAVE_ME_ALONE);
    assert!(drafts.iter().all(|draft| scene.status(*draft) == Status::Held));
    assert_eq!(scene.leaves(), [], "the slot that was asked for is of no use");
    let fourth = accepted(scene.drafts("four"));
    assert_eq!((scene.status(fourth), scene.leaves()), (Status::Held, vec![]));

    scene.later(MINUTE);
    assert_eq!(scene.settle(Settlement::Release), Outcome::Recorded);
    assert_eq!(scene.settled(), (Settlement::Release, SettledBy::Staff(Some(ana()))));
    let left: Vec<String> = scene.carry().into_iter().map(|(_, text)| text).collect();
    assert_eq!(left, ["one", "two", "three", "four"]);
    assert_eq!(scene.settle(Settlement::Release), Outcome::Refused(Refusal::NotHeld), "it was settled already");
}

#[test]
fn what_staff_take_for_an_opt_out_is_one_without_a_text() {
    for state in STATES {
        let mut scene = held_in(state);
        let draft = accepted(scene.drafts("see you at 3"));
        let hold = scene.conversation.hold.clone().unwrap();
        assert_eq!(scene.settle(Settlement::OptOut), Outcome::Recorded);
        assert_eq!((scene.consent(), scene.leaves(), scene.is_held()), ("opted_out", vec![], false), "{state}");
        assert_eq!(scene.thread[&draft.seq].failure, Some(Failure::OptedOut));
        let Consent::OptedOut { evidence, .. } = &scene.conversation.consent else { panic!("opted out") };
        assert_eq!(*evidence, Evidence::Text(hold.text), "the patient's text proves it");
        assert_eq!(scene.settled(), (Settlement::OptOut, SettledBy::Staff(Some(ana()))));
        assert_eq!(scene.settle(Settlement::OptOut), Outcome::Refused(Refusal::NotHeld));
    }
}

#[test]
fn a_draft_to_somebody_who_was_never_invited_waits_without_an_invitation() {
    let mut scene = held_in("none");
    let draft = accepted(scene.drafts("hello"));
    assert_eq!((scene.consent(), scene.status(draft), scene.leaves()), ("none", Status::Held, vec![]));
    scene.settle(Settlement::Release);
    assert_eq!((scene.consent(), scene.status(draft)), ("invited", Status::Pending));
    assert_eq!(scene.leaves(), [Kind::Invitation]);
    scene.texts("YES");
    assert_eq!(scene.leaves(), [STAFF]);
}

#[test]
fn only_so_many_drafts_wait_for_a_hold_before_an_invitation() {
    let mut scene = held_in("none");
    for _ in 0..20 {
        accepted(scene.drafts("hello"));
    }
    assert_eq!(scene.drafts("one too many"), Outcome::Refused(Refusal::TooManyWaiting { max: 20 }));
    let mut scene = held_in("opted_in");
    for _ in 0..50 {
        accepted(scene.drafts("hello"));
    }
    assert_eq!(scene.drafts("one too many"), Outcome::Refused(Refusal::TooManyWaiting { max: 50 }));
}

#[test]
fn who_may_not_be_invited_again_may_not_be_while_held_either() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        scene.drafts("hello");
        scene.carry();
        scene.later(DAY * 8);
        scene.event(Event::Woken);
    }
    scene.texts(LEAVE_ME_ALONE);
    assert!(matches!(scene.drafts("hello?"), Outcome::Refused(Refusal::InvitationLimit { .. })));
}

#[test]
fn an_invitation_that_has_not_left_is_held() {
    let mut scene = Scene::new();
    let draft = accepted(scene.drafts("hello"));
    scene.texts(LEAVE_ME_ALONE);
    assert_eq!((scene.status(draft), scene.leaves()), (Status::Pending, vec![]));
    scene.settle(Settlement::Release);
    assert_eq!(scene.leaves(), [Kind::Invitation]);
}

#[test]
fn a_hold_over_an_invitation_keeps_drafts_pending() {
    let mut scene = held_in("invited");
    let draft = accepted(scene.drafts("and another thing"));
    assert_eq!(scene.status(draft), Status::Pending);
    scene.settle(Settlement::Release);
    assert_eq!((scene.consent(), scene.status(draft), scene.leaves()), ("invited", Status::Pending, vec![]));
}

#[test]
fn yes_settles_nothing() {
    let mut scene = held_in("invited");
    scene.texts("YES");
    assert_eq!((scene.consent(), scene.is_held(), scene.leaves()), ("opted_in", true, vec![]));
    assert_eq!(scene.staff_texts(), [Status::Held]);
    scene.settle(Settlement::Release);
    assert_eq!(scene.leaves(), [STAFF]);

    let mut scene = held_in("none");
    scene.texts("YES");
    assert_eq!((scene.consent(), scene.is_held()), ("none", true), "nobody asked");
    let mut scene = held_in("opted_in");
    scene.texts("YES");
    assert_eq!((scene.consent(), scene.is_held()), ("opted_in", true));
}

#[test]
fn start_releases_a_hold() {
    for (state, leaves) in [("none", vec![Kind::StartConfirmation, STAFF]), ("invited", vec![STAFF, STAFF])] {
        let mut scene = held_in(state);
        scene.drafts("see you at 3");
        scene.texts("START");
        assert_eq!((scene.consent(), scene.is_held()), ("opted_in", false), "{state}");
        assert_eq!(scene.settled(), (Settlement::Release, SettledBy::Patient));
        assert_eq!(scene.leaves(), leaves, "{state}");
    }
    let mut scene = held_in("opted_in");
    scene.drafts("see you at 3");
    scene.texts("START");
    assert_eq!((scene.is_held(), scene.leaves()), (false, vec![STAFF]), "there is nothing to confirm");
}

#[test]
fn a_start_in_the_second_of_the_hold_may_have_been_overtaken_and_releases_nothing() {
    for state in ["opted_in", "invited"] {
        let mut scene = in_state(state);
        scene.drafts("see you at 3");
        scene.texts(LEAVE_ME_ALONE);
        scene.texts("START");
        assert_eq!((scene.is_held(), scene.leaves()), (true, vec![]), "{state}");
    }
}

#[test]
fn a_flash_start_releases_nothing_and_a_flash_opt_out_holds() {
    let mut scene = held_in("opted_in");
    scene.texts_as("START", Form::Flash);
    assert!(scene.is_held());
    let mut scene = in_state("opted_in");
    scene.texts_as(LEAVE_ME_ALONE, Form::Binary);
    assert!(!scene.is_held());
    scene.texts_as(LEAVE_ME_ALONE, Form::Flash);
    assert!(scene.is_held());
}

#[test]
fn stop_while_held_opts_out_as_ever() {
    for state in STATES {
        let mut scene = held_in(state);
        let draft = accepted(scene.drafts("see you at 3"));
        scene.texts("STOP");
        assert_eq!((scene.consent(), scene.is_held()), ("opted_out", false), "{state}");
        assert_eq!(scene.status(draft), Status::Failed);
        assert_eq!(scene.leaves(), [Kind::OptOutConfirmation], "{state}");
        assert_eq!(scene.settled(), (Settlement::OptOut, SettledBy::Patient));
    }
}

#[test]
fn help_is_answered_and_other_texts_are_shown_while_held() {
    for state in STATES {
        let mut scene = held_in(state);
        let unread = scene.conversation.unread;
        scene.texts("HELP");
        assert_eq!(scene.leaves(), [Kind::Help], "{state}");
        scene.texts("my knee hurts");
        assert_eq!((scene.conversation.unread, scene.is_held()), (unread + 2, true));
    }
}

#[test]
fn a_start_confirmation_goes_on_while_held() {
    let mut scene = Scene::new();
    scene.texts("START");
    scene.texts(LEAVE_ME_ALONE);
    assert_eq!(scene.leaves(), [Kind::StartConfirmation]);
}

#[test]
fn the_first_text_is_the_one_to_settle() {
    let mut scene = held_in("opted_in");
    let first = scene.conversation.hold.clone();
    scene.texts("please take me off your list");
    assert_eq!(scene.conversation.hold, first);
}

#[test]
fn a_hold_that_nobody_settles_becomes_an_opt_out_after_a_business_day() {
    for state in STATES {
        // It is Monday.
        let mut scene = in_state(state);
        scene.drafts("see you at 3");
        if state == "none" {
            scene = in_state(state);
        }
        scene.texts(LEAVE_ME_ALONE);
        let hold = scene.conversation.hold.clone().unwrap();
        let ends_at = hold.ends_at(&scene.policy.practice);
        assert_eq!(ends_at, scene.now + DAY);
        assert!(scene.conversation.wake_at(&scene.policy).is_some_and(|wake_at| wake_at <= ends_at), "{state}");
        scene.now = ends_at - SignedDuration::from_secs(1);
        scene.event(Event::Woken);
        assert!(scene.is_held(), "{state}");
        scene.now = ends_at;
        scene.event(Event::Woken);
        assert_eq!((scene.consent(), scene.is_held(), scene.leaves()), ("opted_out", false, vec![]), "{state}");
        let Consent::OptedOut { since, evidence } = &scene.conversation.consent else { panic!("opted out") };
        assert_eq!((*since, evidence), (ends_at, &Evidence::Text(hold.text)));
        assert_eq!(scene.settled(), (Settlement::OptOut, SettledBy::Time));
    }
}

#[test]
fn a_slot_that_comes_after_the_business_day_finds_an_opt_out() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    scene.texts(LEAVE_ME_ALONE);
    scene.later(DAY * 2);
    assert!(scene.grant().is_none());
    assert_eq!((scene.consent(), scene.status(draft)), ("opted_out", Status::Failed));
}

#[test]
fn what_is_being_written_is_recalled_and_held_if_it_comes_back() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    let cleared = scene.grant().unwrap();
    scene.texts(LEAVE_ME_ALONE);
    assert_eq!(scene.recalled, [(draft, 1)]);
    scene.answer(&cleared, Answer::NotSent);
    assert_eq!((scene.status(draft), scene.leaves()), (Status::Held, vec![]));
    scene.settle(Settlement::Release);
    assert_eq!(scene.leaves(), [STAFF]);

    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    let cleared = scene.grant().unwrap();
    scene.texts(LEAVE_ME_ALONE);
    scene.answer(&cleared, taken(&cleared));
    assert_eq!(scene.status(draft), Status::Sent, "it had left");
}

#[test]
fn what_was_recalled_is_queued_again_where_the_hold_was_released_before_it_came_back() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    let cleared = scene.grant().unwrap();
    scene.texts(LEAVE_ME_ALONE);
    scene.later(SignedDuration::from_secs(2));
    scene.settle(Settlement::Release);
    scene.answer(&cleared, Answer::NotSent);
    assert_eq!(scene.status(draft), Status::Queued);
}

#[test]
fn what_was_recalled_for_a_hold_fails_after_a_stop() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    let cleared = scene.grant().unwrap();
    scene.texts(LEAVE_ME_ALONE);
    scene.texts("STOP");
    scene.answer(&cleared, Answer::NotSent);
    assert_eq!(scene.thread[&draft.seq].failure, Some(Failure::OptedOut));
}

#[test]
fn a_part_of_a_long_text_that_probably_opts_out_does_not_wait_for_the_rest() {
    let mut scene = in_state("opted_in");
    scene.texts_part("I came in on Monday and it was fine", 7, 1, 3);
    assert!(!scene.is_held());
    scene.texts_part("please take me off your list", 7, 3, 3);
    assert!(scene.is_held());
    let hold = scene.conversation.hold.clone().unwrap();
    assert_eq!(scene.thread[&hold.text.seq].text.expose(), "please take me off your list");
}

#[test]
fn a_long_text_whose_parts_say_nothing_alone_holds_when_it_is_whole() {
    let mut scene = in_state("opted_in");
    scene.texts_part("please do not te", 7, 1, 2);
    assert!(!scene.is_held());
    scene.texts_part("xt me", 7, 2, 2);
    assert!(scene.is_held());
}

#[test]
fn the_same_words_again_after_a_release_hold_again() {
    let mut scene = in_state("opted_in");
    let mut inbound = scene.inbound(LEAVE_ME_ALONE);
    inbound.session_began = Some(scene.now);
    scene.event(Event::Received(inbound.clone()));
    scene.later(SignedDuration::from_secs(5));
    scene.settle(Settlement::Release);
    inbound.earlier_session_ended = Some(scene.now);
    scene.event(Event::Received(inbound.clone()));
    assert!(scene.is_held(), "it may be another, and a missed one is worse");
    let shown = scene.messages(&Kind::Inbound);
    assert!(matches!(scene.event(Event::Received(inbound)), Outcome::Duplicate(_)));
    assert_eq!(scene.messages(&Kind::Inbound), shown, "while it is held it is shown once");
}

#[test]
fn cancel_and_end_opt_out_and_say_that_they_may_mean_an_appointment() {
    for word in ["CANCEL", "end", "Cancelar!", "TERMINAR"] {
        let mut scene = in_state("opted_in");
        scene.texts(word);
        assert_eq!((scene.consent(), scene.leaves()), ("opted_out", vec![Kind::OptOutConfirmation]));
        let Consent::OptedOut { evidence, .. } = &scene.conversation.consent else { panic!("opted out") };
        assert!(matches!(evidence, Evidence::AmbiguousText(_)), "{word}");
    }
    let mut scene = in_state("opted_in");
    scene.texts("STOP");
    let Consent::OptedOut { evidence, .. } = &scene.conversation.consent else { panic!("opted out") };
    assert!(matches!(evidence, Evidence::Text(_)));
}

#[test]
fn staff_opt_a_patient_out_who_asked_by_voice() {
    let told = || Event::OptedOutByStaff { staff: Some(ana()), reason: Body::new("asked at the desk") };
    let evidence = Evidence::Staff { staff: Some(ana()), reason: Body::new("asked at the desk") };
    for state in STATES {
        let mut scene = in_state(state);
        let draft = (state != "none").then(|| accepted(scene.drafts("see you at 3")));
        assert_eq!(scene.event(told()), Outcome::Recorded);
        assert_eq!((scene.consent(), scene.leaves()), ("opted_out", vec![]), "{state}: no text says it again");
        let proved = Consent::OptedOut { since: scene.now, evidence: evidence.clone() };
        assert_eq!(scene.conversation.consent, proved);
        assert!(draft.is_none_or(|draft| scene.status(draft) == Status::Failed));
        scene.later(MINUTE);
        scene.texts("START");
        assert_eq!(scene.consent(), "opted_in", "the patient's own START undoes it");
    }
    let mut scene = in_state("opted_out");
    let before = scene.conversation.consent.clone();
    assert_eq!(scene.event(told()), Outcome::Recorded);
    assert_eq!(scene.conversation.consent, before, "what proved it first stays");
    let again = scene.journal.iter().rev().find_map(|entry| match entry {
        Entry::ConsentChanged { consent: Consent::OptedOut { evidence, .. }, .. } => Some(evidence),
        _ => None,
    });
    assert_eq!(again, Some(&evidence), "it is recorded");
    let mut scene = held_in("opted_in");
    scene.event(told());
    assert_eq!((scene.consent(), scene.is_held()), ("opted_out", false));
}

#[test]
fn a_text_that_stop_recalled_is_not_sent_when_a_hold_after_start_is_released() {
    let mut scene = Scene::new();
    scene.opts_in();
    scene.drafts("on its way");
    let leaving = scene.grant().unwrap();
    scene.texts("STOP");
    scene.later(SignedDuration::from_secs(2));
    scene.texts("START");
    scene.texts("wrong number");
    scene.answer(&leaving, Answer::NotSent);
    assert_eq!(scene.status(leaving.id()), Status::Failed, "it is older than the STOP");
    scene.later(SignedDuration::from_secs(2));
    scene.settle(Settlement::Release);
    assert!(scene.carry().iter().all(|(kind, _)| !matches!(kind, Kind::StaffText { .. })));
}
