//! The core, told as stories: what a conversation does with everything that can happen to it.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use assent::domain::desk::{Desk, DeskState, Facet, Rearrangement};
use assent::domain::letters::{Coding, Segment, Shifts};
use assent::domain::note::{NOTES_MAX, NoteText};
use assent::domain::outbox::{Fate, Stage};
use assent::domain::text::{DefaultAlphabet, Writing};
use assent::domain::{
    Answer, BootId, CarrierId, Clues, Consent, DeliveryId, Entry, Event, Failure, Form, Inbound, Kind, Mark, Marks,
    MessageId, OtherDaemons, Outcome, Part, Receipt, ReceiptState, Refusal, Retry, SessionEnd, StaffId, Status,
    Written,
};
use jiff::{SignedDuration, Timestamp};
use scene::{Scene, accepted, in_state, taken};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Other daemons, of which these are alive.
fn others(alive: &[u64]) -> OtherDaemons {
    OtherDaemons::Possible { alive: alive.iter().copied().map(BootId).collect() }
}

impl Scene {
    /// Another daemon, which shares the store, goes on with the conversation; these are alive.
    fn passes_to(&mut self, boot: u64, alive: &[u64]) {
        self.policy.boot = BootId(boot);
        self.slots.clear();
        self.submitted.clear();
        self.event(Event::Restored(others(alive)));
    }
}

// ------------------------------------------------------------------------------------- every cell of the table

/// One row of the table: what a text does in each state, and what leaves because of it.
#[track_caller]
fn row(text: &str, cells: [(&str, &[Kind]); 4]) {
    let states = ["none", "invited", "opted_in", "opted_out"];
    for (state, (expected, leaves)) in states.into_iter().zip(cells) {
        let mut scene = in_state(state);
        let unread = scene.conversation.unread;
        scene.texts(text);
        let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(scene.consent(), expected, "{text} in {state}");
        assert_eq!(left, leaves, "{text} in {state}");
        assert_eq!(scene.conversation.unread, unread + 1, "{text} in {state} is shown and unread");
    }
}

const STAFF: Kind = Kind::StaffText { staff: None };

#[test]
fn opt_in_words() {
    let nothing: &[Kind] = &[];
    row("YES", [("none", nothing), ("opted_in", &[STAFF]), ("opted_in", nothing), ("opted_out", nothing)]);
    row("sí", [("none", nothing), ("opted_in", &[STAFF]), ("opted_in", nothing), ("opted_out", nothing)]);
}

#[test]
fn start_words() {
    let confirmed: &[Kind] = &[Kind::StartConfirmation];
    row("START", [("opted_in", confirmed), ("opted_in", &[STAFF]), ("opted_in", &[]), ("opted_in", confirmed)]);
    row("unstop", [("opted_in", confirmed), ("opted_in", &[STAFF]), ("opted_in", &[]), ("opted_in", confirmed)]);
}

#[test]
fn opt_out_words() {
    let confirmed: &[Kind] = &[Kind::OptOutConfirmation];
    let stopped = ("opted_out", confirmed);
    row("STOP", [stopped, stopped, stopped, ("opted_out", &[])]);
    row("Cancelar", [stopped, stopped, stopped, ("opted_out", &[])]);
}

#[test]
fn what_an_opt_out_word_does_to_what_waits() {
    for state in ["invited", "opted_in"] {
        let mut scene = in_state(state);
        let drafts = ["one", "two"].map(|text| accepted(scene.drafts(text)));
        scene.texts("STOP");
        for draft in drafts {
            let message = &scene.thread[&draft.seq];
            assert_eq!((message.status, message.failure), (Status::Failed, Some(Failure::OptedOut)), "{state}");
        }
    }
    let mut scene = Scene::new();
    let draft = accepted(scene.drafts("hello"));
    scene.texts("STOP");
    let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, [Kind::OptOutConfirmation], "a question that has not left is not asked");
    assert_eq!(scene.thread[&draft.seq].failure, Some(Failure::OptedOut));
}

#[test]
fn help_words() {
    let help: &[Kind] = &[Kind::Help];
    row("HELP", [("none", help), ("invited", help), ("opted_in", help), ("opted_out", help)]);
}

#[test]
fn other_texts() {
    let nothing: &[Kind] = &[];
    row(
        "my knee feels better",
        [("none", nothing), ("invited", nothing), ("opted_in", nothing), ("opted_out", nothing)],
    );
}

#[test]
fn drafts() {
    let mut scene = in_state("none");
    let first = accepted(scene.drafts("hello"));
    assert_eq!((scene.consent(), scene.status(first)), ("invited", Status::Pending));
    assert_eq!(scene.carry().len(), 1, "the invitation leaves, the draft does not");

    let second = accepted(scene.drafts("and another thing"));
    assert_eq!(scene.status(second), Status::Pending);
    assert!(scene.carry().is_empty(), "there is no second invitation");

    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    assert_eq!(scene.status(draft), Status::Queued);
    assert_eq!(scene.carry(), [(STAFF, "see you at 3".to_owned())]);

    let mut scene = in_state("opted_out");
    let Consent::OptedOut { since, .. } = scene.conversation.consent else { panic!("opted out") };
    assert_eq!(scene.drafts("please come back"), Outcome::Refused(Refusal::OptedOut { since }));
    assert!(scene.carry().is_empty());
}

#[test]
fn an_invitation_that_can_not_be_delivered_asks_nothing() {
    let fates: [fn(&mut Scene); 2] = [
        |scene| {
            let invitation = scene.grant().unwrap();
            scene.answer(&invitation, Answer::Refused { command_status: 0x0B, retry: Retry::Never });
        },
        |scene| {
            let invitation = scene.grant().unwrap();
            scene.answer(&invitation, taken(&invitation));
            scene.receipt(&invitation, ReceiptState::Undeliverable);
        },
    ];
    for fate in fates {
        let mut scene = Scene::new();
        scene.drafts("hello");
        fate(&mut scene);
        assert_eq!(scene.consent(), "none");
        assert_eq!(scene.staff_texts(), [Status::Failed]);
        let failures: Vec<_> = scene.thread.values().filter_map(|message| message.failure).collect();
        assert!(failures.contains(&Failure::Unreachable), "{failures:?}");
        assert_eq!(scene.conversation.wake_at(&scene.policy), None);
    }
}

#[test]
fn seven_days_without_an_answer() {
    let mut scene = in_state("invited");
    let wake_at = scene.conversation.wake_at(&scene.policy).unwrap();
    scene.later(DAY * 7 - MINUTE);
    assert_eq!(scene.now, wake_at);
    scene.event(Event::Woken);
    assert_eq!(scene.consent(), "none");
    assert_eq!(scene.staff_texts(), [Status::Expired]);

    scene.later(DAY);
    scene.texts("yes");
    assert_eq!(scene.consent(), "opted_in", "a late YES still answers the invitation");
    assert!(scene.carry().is_empty(), "and sends nothing old");
}

#[test]
fn a_yes_after_thirty_days_answers_nothing() {
    let mut scene = in_state("invited");
    scene.later(DAY * 30);
    scene.texts("yes");
    assert_eq!(scene.consent(), "none");
}

// ------------------------------------------------------------------------------------------ the bullets beneath

#[test]
fn a_phone_is_asked_once_and_reminded_once_in_thirty_days() {
    let mut scene = in_state("invited");
    scene.later(DAY * 8);
    accepted(scene.drafts("did you get my text?"));
    assert_eq!(scene.carry().len(), 1, "the reminder");
    scene.later(DAY * 8);
    let Outcome::Refused(Refusal::InvitationLimit { again_at }) = scene.drafts("hello?") else {
        panic!("a third question in thirty days is refused")
    };
    assert!(scene.carry().is_empty());
    scene.later(again_at.duration_since(scene.now));
    accepted(scene.drafts("hello again"));
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn an_invitation_of_which_nobody_knows_whether_it_went_out_counts_as_sent() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        accepted(scene.drafts("hello"));
        let invitation = scene.grant().unwrap();
        scene.answer(&invitation, Answer::Unknown);
        assert_eq!(scene.consent(), "invited");
        scene.later(DAY * 8);
        scene.event(Event::Woken);
    }
    assert!(matches!(scene.drafts("hello?"), Outcome::Refused(Refusal::InvitationLimit { .. })));
    scene.texts("YES");
    assert_eq!(scene.consent(), "opted_in", "and may be answered");
}

#[test]
fn every_change_into_opted_out_is_confirmed_once() {
    let mut scene = in_state("opted_in");
    for confirmations in 1..=3 {
        for word in ["STOP", "stop", "Stop please"] {
            scene.texts(word);
        }
        scene.carry();
        assert_eq!(scene.messages(&Kind::OptOutConfirmation), confirmations);
        scene.later(MINUTE);
        scene.texts("START");
        scene.carry();
        scene.later(MINUTE);
    }
}

#[test]
fn no_event_but_the_patients_text_opts_in() {
    let told_by_staff = || Event::OptedOutByStaff { staff: None, reason: assent::domain::Body::new("asked") };
    let unspoken = [Event::NumberGiven, Event::Reachable, Event::Woken, Event::MarkedUnread, Event::StoreWentBack];
    for state in ["none", "invited", "opted_out"] {
        for event in unspoken.iter().cloned().chain([told_by_staff()]) {
            let mut scene = in_state(state);
            scene.event(event.clone());
            assert_ne!(scene.consent(), "opted_in", "{event:?} in {state}");
        }
    }
}

#[test]
fn twenty_drafts_wait_for_a_yes_and_no_more() {
    let mut scene = Scene::new();
    for number in 0..20 {
        accepted(scene.drafts(&format!("draft {number}")));
    }
    assert_eq!(scene.drafts("one too many"), Outcome::Refused(Refusal::TooManyWaiting { max: 20 }));
    scene.carry();
    scene.texts("YES");
    let texts: Vec<String> = scene.carry().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, (0..20).map(|number| format!("draft {number}")).collect::<Vec<_>>(), "in order, once each");
}

#[test]
fn fifty_texts_wait_for_the_carrier_and_no_more() {
    let mut scene = in_state("opted_in");
    for number in 0..50 {
        accepted(scene.drafts(&format!("text {number}")));
    }
    assert_eq!(scene.drafts("one too many"), Outcome::Refused(Refusal::TooManyWaiting { max: 50 }));
    assert_eq!(scene.carry().len(), 50);
}

#[test]
fn a_stop_during_the_wait_for_a_slot_wins() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you at 3"));
    scene.texts("STOP");
    assert_eq!(scene.status(draft), Status::Failed);
    let left = scene.carry();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, Kind::OptOutConfirmation);
}

#[test]
fn a_text_on_its_way_when_stop_came_is_not_tried_again() {
    for again in [Answer::NotSent, Answer::Refused { command_status: 0x58, retry: Retry::WhenReady }] {
        let mut scene = in_state("opted_in");
        let draft = accepted(scene.drafts("see you at 3"));
        let cleared = scene.grant().unwrap();
        scene.texts("STOP");
        assert_eq!(scene.recalled, [(draft, 1)]);
        scene.later(MINUTE);
        scene.texts("START");
        scene.answer(&cleared, again);
        assert_eq!(scene.status(draft), Status::Failed, "nothing from before the STOP is sent after the START");
        assert!(scene.carry().iter().all(|(kind, _)| *kind != STAFF));
    }
}

#[test]
fn a_text_whose_slot_went_to_a_help_reply_asks_for_another_at_once() {
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("see you"));
    let lost = scene.slots.remove(0);
    scene.texts("HELP");
    scene.event(Event::SlotGranted(lost));
    assert!(scene.submitted.is_empty(), "help goes first");
    let left: Vec<String> = scene.carry().into_iter().map(|(_, text)| text).collect();
    assert_eq!(left.len(), 2);
    assert_eq!(left[1], "see you");
}

#[test]
fn a_confirmation_that_can_not_begin_within_five_minutes_is_not_sent() {
    let mut scene = in_state("opted_in");
    scene.texts("STOP");
    scene.later(MINUTE * 5);
    assert!(scene.carry().is_empty());
    assert_eq!(scene.messages(&Kind::OptOutConfirmation), 1);
    assert_eq!(scene.thread.values().last().unwrap().status, Status::Expired);
}

#[test]
fn a_confirmation_says_what_is_still_so_or_nothing() {
    let mut scene = in_state("none");
    scene.texts("START");
    scene.later(MINUTE);
    scene.texts("STOP");
    let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, [Kind::OptOutConfirmation]);
}

#[test]
fn stop_and_start_in_one_second_is_stop() {
    let mut scene = in_state("opted_in");
    scene.texts("STOP");
    scene.texts("START");
    assert_eq!(scene.consent(), "opted_out");
    scene.later(SignedDuration::from_secs(1));
    scene.texts("START");
    assert_eq!(scene.consent(), "opted_in");
}

#[test]
fn nothing_old_is_sent_after_a_start() {
    let mut scene = in_state("invited");
    scene.texts("STOP");
    scene.carry();
    scene.later(MINUTE);
    scene.texts("START");
    let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, [Kind::StartConfirmation]);
    assert_eq!(scene.staff_texts(), [Status::Failed]);
}

#[test]
fn help_is_answered_once_a_day() {
    let mut scene = in_state("opted_in");
    for _ in 0..3 {
        scene.texts("HELP");
    }
    assert_eq!(scene.carry().len(), 1);
    scene.later(DAY);
    scene.texts("HELP");
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn the_answer_is_in_the_language_of_the_word() {
    let mut scene = in_state("opted_in");
    scene.texts("ALTO");
    let (_, text) = scene.carry().remove(0);
    assert!(text.contains("START") && text.contains("Ha cancelado"), "{text}");
}

#[test]
fn a_flash_text_opts_nobody_in_and_a_binary_one_says_nothing() {
    let mut scene = in_state("invited");
    scene.texts_as("YES", Form::Flash);
    assert_eq!(scene.consent(), "invited");
    scene.texts_as("STOP", Form::Binary);
    assert_eq!(scene.consent(), "invited");
    scene.texts_as("STOP", Form::Flash);
    assert_eq!(scene.consent(), "opted_out");
}

#[test]
fn consent_is_proved_by_the_patients_own_text() {
    let mut scene = in_state("invited");
    scene.texts("Yes!");
    let Consent::OptedIn { since, evidence } = scene.conversation.consent else { panic!("opted in") };
    assert_eq!(since, scene.now);
    assert_eq!(scene.thread[&evidence.seq].text.expose(), "Yes!");
    assert!(
        scene.journal.contains(&Entry::ConsentChanged { consent: scene.conversation.consent.clone(), at: scene.now })
    );
}

#[test]
fn a_yes_before_anybody_asked_is_no_answer() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    scene.texts("Yes");
    assert_eq!(scene.consent(), "invited", "the invitation is still waiting for the carrier");

    scene.later(DAY);
    scene.event(Event::Woken);
    assert_eq!(scene.consent(), "none");
    scene.later(DAY);
    scene.texts("Yes");
    assert_eq!(scene.consent(), "none", "an invitation that never left asked nobody");
    accepted(scene.drafts("hello again"));
    assert_eq!(scene.carry().len(), 1, "and does not count as one");
}

#[test]
fn an_invitation_that_the_carrier_did_not_take_is_not_counted() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        accepted(scene.drafts("hello"));
        let invitation = scene.grant().unwrap();
        scene.answer(&invitation, Answer::Refused { command_status: 0x0B, retry: Retry::Never });
        assert_eq!(scene.consent(), "none");
        scene.later(MINUTE);
    }
}

// -------------------------------------------------------------------------------------------------- long texts

#[test]
fn a_long_text_is_shown_once_whole() {
    let mut scene = in_state("opted_in");
    scene.texts_part("world", 9, 2, 2);
    assert_eq!(scene.conversation.unread, 1, "only the YES so far");
    scene.texts_part("hello ", 9, 1, 2);
    assert_eq!(scene.conversation.unread, 2);
    assert_eq!(scene.thread.values().last().unwrap().text.expose(), "hello world");
}

#[test]
fn a_yes_in_two_segments_opts_in() {
    let mut scene = in_state("invited");
    scene.texts_part("Y", 9, 1, 2);
    scene.texts_part("ES", 9, 2, 2);
    assert_eq!(scene.consent(), "opted_in");
}

#[test]
fn a_stop_does_not_wait_for_the_rest_of_a_long_text() {
    let mut scene = in_state("opted_in");
    scene.texts_part("STOP", 9, 1, 2);
    assert_eq!(scene.consent(), "opted_out");
}

#[test]
fn a_long_text_whose_end_never_comes_is_shown_as_far_as_it_goes() {
    let mut scene = in_state("opted_in");
    scene.texts_part("my knee ", 9, 1, 2);
    scene.later(scene.conversation.wake_at(&scene.policy).unwrap().duration_since(scene.now));
    scene.event(Event::Woken);
    assert_eq!(scene.thread.values().last().unwrap().text.expose(), "my knee  [part 2 of 2 missing]");
    assert_eq!(scene.conversation.unread, 2);
}

#[test]
fn what_staff_should_know_of_a_text_stands_with_it() {
    use Mark::{Binary, Flash, Partial, Replaced, SecondText};
    let part = |number, total| Some(Part { reference: 7_u8.into(), number, total });
    let marked = |marks: &[Mark]| Written { marks: marks.iter().copied().collect(), segment: None };
    // The text, its form, its part, what was odd about it, and the marks with which it stands in the thread at once.
    for (text, form, part, odd, marks) in [
        ("hello", Form::Text, None, vec![], vec![]),
        ("hello", Form::Text, None, vec![SecondText, Replaced], vec![Replaced, SecondText]),
        ("hello", Form::Flash, None, vec![], vec![Flash]),
        ("[binary 4 bytes]", Form::Binary, None, vec![], vec![Binary]),
        ("hello", Form::Text, part(3, 255), vec![Replaced], vec![Partial, Replaced]),
        ("STOP", Form::Text, part(1, 2), vec![], vec![Partial]),
        ("hello", Form::Text, part(1, 1), vec![], vec![]),
        ("hello", Form::Text, part(0, 0), vec![], vec![]),
        ("hello", Form::Text, part(3, 2), vec![], vec![]),
    ] {
        let mut scene = in_state("opted_in");
        let inbound = Inbound { form, part, written: marked(&odd), ..scene.inbound(text) };
        scene.event(Event::Received(inbound));
        let shown: Vec<_> = scene.thread.values().filter(|message| message.kind == Kind::Inbound).collect();
        let last = shown.last().unwrap();
        assert_eq!((last.text.expose(), last.marks.iter().collect::<Vec<_>>()), (text, marks), "{form:?} {part:?}");
    }
}

#[test]
fn a_text_that_came_in_part_is_marked_as_that_and_one_that_came_whole_is_not() {
    let mut scene = in_state("opted_in");
    scene.texts_part("my knee ", 7, 1, 2);
    scene.texts_part("my back ", 8, 1, 2);
    scene.texts_part("hurts", 8, 2, 2);
    assert!(scene.thread.values().last().unwrap().marks.is_empty());
    scene.texts_part("my hip ", 7, 1, 2);
    let given_up = scene.thread.values().last().unwrap();
    assert_eq!(given_up.text.expose(), "my knee  [part 2 of 2 missing]");
    assert!(given_up.marks.contain(Mark::Partial), "its reference was used for another text");
    scene.later(MINUTE * 11);
    scene.event(Event::Woken);
    let given_up = scene.thread.values().last().unwrap();
    assert_eq!(given_up.text.expose(), "my hip  [part 2 of 2 missing]");
    assert!(given_up.marks.contain(Mark::Partial));
}

#[test]
fn a_character_that_was_cut_between_two_segments_reads_right_over_a_restart() {
    let mut scene = in_state("opted_in");
    let gsm7 = Coding::Gsm7(Shifts::default());
    for (number, octets) in [(2, &b"e today"[..]), (1, b"It costs 5 \x1B")] {
        let part = Some(Part { reference: 7_u8.into(), number, total: 2 });
        let written = Written { marks: Marks::NONE, segment: Some(Segment::new(gsm7, octets)) };
        let inbound = Inbound { part, written, ..scene.inbound(&gsm7.read(octets)) };
        scene.event(Event::Received(inbound));
        scene.restarts();
    }
    let whole = scene.thread.values().last().unwrap();
    assert_eq!((whole.text.expose(), whole.marks), ("It costs 5 € today", Marks::NONE));
}

// --------------------------------------------------------------------------------------------------- redelivery

#[test]
fn a_text_delivered_again_because_our_answer_was_lost_shows_once() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("see you then");
    scene.event(Event::Received(first.clone()));
    let shown = scene.thread.values().last().unwrap().id;
    scene.later(MINUTE * 3);
    let again = Inbound { earlier_session_ended: Some(scene.now - MINUTE * 3), ..first };
    assert_eq!(scene.event(Event::Received(again)), Outcome::Duplicate(shown));
    assert!(scene.journal.iter().any(|entry| matches!(entry, Entry::Redelivered { of, .. } if *of == shown)));
}

#[test]
fn a_text_that_is_told_again_because_nobody_knew_whether_it_was_durable_shows_once() {
    for text in ["see you then", "STOP", "START"] {
        let mut scene = in_state("opted_in");
        let first = Inbound { delivery: Some(DeliveryId(1)), ..scene.inbound(text) };
        scene.event(Event::Received(first.clone()));
        let (before, shown) = (scene.conversation.clone(), scene.thread.len());
        assert!(matches!(scene.event(Event::Received(first.clone())), Outcome::Duplicate(_)), "{text}");
        assert_eq!((&scene.conversation, scene.thread.len()), (&before, shown), "{text}");
        // The same words in a delivery of its own are another text.
        scene.event(Event::Received(Inbound { delivery: Some(DeliveryId(2)), ..first }));
        assert!(scene.thread.len() > shown, "{text}");
    }
}

#[test]
fn a_segment_that_is_told_again_is_joined_once() {
    let mut scene = in_state("opted_in");
    let part = Some(Part { reference: 9_u16.into(), total: 2, number: 1 });
    let first = Inbound { part, delivery: Some(DeliveryId(1)), ..scene.inbound("my knee ") };
    for _ in 0..2 {
        scene.event(Event::Received(first.clone()));
    }
    scene.texts_part("hurts", 9, 2, 2);
    assert_eq!(scene.thread.values().last().unwrap().text.expose(), "my knee hurts");
    assert_eq!(scene.conversation.unread, 2);
}

#[test]
fn a_patients_two_real_yeses_both_show() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("Yes");
    scene.event(Event::Received(first.clone()));
    let shown = scene.thread.len();
    // In the same session: the carrier had our answer.
    scene.event(Event::Received(first.clone()));
    assert_eq!(scene.thread.len(), shown + 1);
    // In a later session, long after our answer.
    scene.later(MINUTE * 30);
    scene.event(Event::Received(Inbound { earlier_session_ended: Some(scene.now - MINUTE), ..first }));
    assert_eq!(scene.thread.len(), shown + 2);
}

#[test]
fn a_text_that_two_restarts_brought_again_shows_once() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("see you then");
    scene.event(Event::Received(first.clone()));
    let shown = scene.thread.values().last().unwrap().id;
    for _ in 0..2 {
        // Each restart is within a minute of the last delivery, but not both of the first.
        scene.later(MINUTE * 3 / 4);
        let restarted = Some(scene.now);
        scene.later(MINUTE / 4);
        let again = Inbound { earlier_session_ended: restarted, ..first.clone() };
        assert_eq!(scene.event(Event::Received(again)), Outcome::Duplicate(shown));
    }
}

#[test]
fn what_a_patient_says_again_after_a_redelivery_shows() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("ok");
    scene.event(Event::Received(first.clone()));
    let shown = scene.thread.len();
    let again = Inbound { earlier_session_ended: Some(scene.now), ..first };
    scene.later(MINUTE);
    scene.event(Event::Received(again.clone()));
    assert_eq!(scene.thread.len(), shown, "it was delivered again");
    scene.later(MINUTE);
    scene.event(Event::Received(again));
    assert_eq!(scene.thread.len(), shown + 1, "in one session a text is delivered again once");
}

#[test]
fn a_stop_in_the_same_words_as_one_before_the_restart_still_stops() {
    let mut scene = in_state("opted_in");
    let stop = scene.inbound("STOP");
    scene.event(Event::Received(stop.clone()));
    scene.later(MINUTE / 2);
    scene.texts("START");
    assert_eq!(scene.consent(), "opted_in");
    let restarted = Some(scene.now);
    // The daemon is restarted. Whether the carrier had the answer to the first STOP is not known, now or later.
    scene.later(MINUTE * 60);
    scene.event(Event::Received(Inbound { earlier_session_ended: restarted, ..stop.clone() }));
    assert_eq!(scene.consent(), "opted_out");

    // While it stands, the same STOP again is the same.
    let shown = scene.thread.len();
    let again = scene.event(Event::Received(Inbound { earlier_session_ended: Some(scene.now), ..stop }));
    assert!(matches!(again, Outcome::Duplicate(_)));
    assert_eq!(scene.thread.len(), shown);
}

#[test]
fn the_same_words_hours_after_a_restart_are_another_text() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("ok");
    scene.event(Event::Received(first.clone()));
    let ended = scene.now;
    scene.later(MINUTE);
    let began = scene.now;
    scene.later(MINUTE * 180);
    let again = Inbound { earlier_session_ended: Some(ended), session_began: Some(began), ..first };
    let shown = scene.thread.len();
    assert_eq!(scene.event(Event::Received(again)), Outcome::Recorded);
    assert_eq!(scene.thread.len(), shown + 1, "no carrier delivers again after three hours of a session");
}

#[test]
fn a_start_delivered_again_two_sessions_later_does_not_undo_the_stop_in_between() {
    let mut scene = Scene::new();
    let start = scene.inbound("START");
    scene.event(Event::Received(start.clone()));
    assert_eq!(scene.consent(), "opted_in");
    let first_ended = scene.now + SignedDuration::from_secs(1);
    scene.later(MINUTE * 10);
    let stop = scene.inbound("STOP");
    scene.event(Event::Received(Inbound { earlier_session_ended: Some(first_ended), ..stop }));
    assert_eq!(scene.consent(), "opted_out");
    let second_ended = scene.now + MINUTE * 2;
    scene.later(MINUTE * 5);
    scene.event(Event::Received(Inbound { earlier_session_ended: Some(second_ended), ..start }));
    assert_eq!(scene.consent(), "opted_out");
}

#[test]
fn a_text_that_comes_again_because_our_answer_was_late_shows_once_and_the_next_in_the_same_words_too() {
    let mut scene = in_state("opted_in");
    let began = scene.now - MINUTE * 180;
    let words = Inbound { session_began: Some(began), ..scene.inbound("ok") };
    let delivered = |number| Event::Received(Inbound { delivery: Some(DeliveryId(number)), ..words.clone() });
    scene.event(delivered(1));
    scene.event(Event::AnsweredLate(DeliveryId(1)));
    let shown = scene.thread.len();
    scene.restarts();
    scene.later(MINUTE);
    assert!(matches!(scene.event(delivered(2)), Outcome::Duplicate(_)));
    // In the same session, and in time: the carrier had our answer to that.
    scene.later(MINUTE);
    assert_eq!(scene.event(delivered(3)), Outcome::Recorded);
    assert_eq!(scene.thread.len(), shown + 1, "the patient said it twice");
    scene.event(Event::AnsweredLate(DeliveryId(77)));
    assert_eq!(scene.event(delivered(4)), Outcome::Recorded, "whose answer was late is long forgotten");
}

#[test]
fn of_two_real_texts_whose_answers_were_both_late_both_show_once() {
    let mut scene = in_state("opted_in");
    let words = Inbound { session_began: Some(scene.now - MINUTE * 180), ..scene.inbound("ok") };
    let shown = scene.thread.len();
    for number in [1, 2] {
        scene.event(Event::Received(Inbound { delivery: Some(DeliveryId(number)), ..words.clone() }));
    }
    assert_eq!(scene.thread.len(), shown + 2);
    for number in [1, 2] {
        scene.event(Event::AnsweredLate(DeliveryId(number)));
    }
    for number in [3, 4] {
        scene.event(Event::Received(Inbound { delivery: Some(DeliveryId(number)), ..words.clone() }));
    }
    assert_eq!(scene.thread.len(), shown + 2, "each came again once");
    scene.event(Event::Received(Inbound { delivery: Some(DeliveryId(5)), ..words }));
    assert_eq!(scene.thread.len(), shown + 3);
}

#[test]
fn long_after_a_late_answer_the_same_words_are_another_text_but_a_start_is_not() {
    for (text, minutes, shows) in [("ok", 9, 1), ("ok", 11, 2), ("START", 60 * 23, 1), ("START", 60 * 25, 2)] {
        let mut scene = Scene::new();
        let words = Inbound { session_began: Some(scene.now - MINUTE * 180), ..scene.inbound(text) };
        scene.event(Event::Received(Inbound { delivery: Some(DeliveryId(1)), ..words.clone() }));
        scene.event(Event::AnsweredLate(DeliveryId(1)));
        scene.later(MINUTE * minutes);
        scene.event(Event::Received(words));
        assert_eq!(scene.messages(&Kind::Inbound), shows, "{text} after {minutes} minutes");
    }
}

#[test]
fn a_stop_that_comes_again_after_a_late_answer_stops_again_what_a_start_began() {
    let mut scene = in_state("opted_in");
    let stop = Inbound { delivery: Some(DeliveryId(1)), ..scene.inbound("STOP") };
    scene.event(Event::Received(stop.clone()));
    scene.event(Event::AnsweredLate(DeliveryId(1)));
    scene.later(MINUTE);
    scene.texts("START");
    scene.event(Event::Received(Inbound { delivery: Some(DeliveryId(2)), ..stop }));
    assert_eq!(scene.consent(), "opted_out");
}

#[test]
fn a_text_that_another_daemon_took_is_asked_about_before_it_is_decided() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("ok");
    scene.event(Event::Received(first.clone()));
    let asked = |scene: &Scene| scene.conversation.taken_elsewhere(&first, scene.now, &scene.policy);
    assert_eq!(asked(&scene), [], "what this daemon took it knows about");
    scene.passes_to(2, &[1, 2]);
    assert_eq!(asked(&scene), [BootId(1)]);
    let another = scene.inbound("ok then");
    assert_eq!(scene.conversation.taken_elsewhere(&another, scene.now, &scene.policy), []);
    scene.later(MINUTE * 60 * 25);
    assert_eq!(asked(&scene), [], "no carrier delivers again after a day");
}

#[test]
fn the_end_of_another_daemons_session_puts_in_doubt_what_it_answered_shortly_before() {
    // Seconds from the answer to the end of the session, from there to the second delivery, and how often it shows.
    let cases = [(5, 1, 1), (59, 500, 1), (5, 700, 2), (61, 1, 2)];
    for (until_end, until_again, shows) in cases {
        let mut scene = in_state("opted_in");
        let began = scene.now;
        scene.later(MINUTE * 180);
        let first = Inbound { session_began: Some(began), ..scene.inbound("see you then") };
        scene.event(Event::Received(first.clone()));
        let before = scene.thread.len() - 1;
        scene.passes_to(2, &[1, 2]);
        scene.later(SignedDuration::from_secs(until_end));
        let ended = scene.now;
        scene.later(SignedDuration::from_secs(until_again));
        let end = SessionEnd { at: ended, of: Some(BootId(1)) };
        scene.event(Event::SessionsEnded(vec![end]));
        scene.event(Event::Received(first));
        assert_eq!(scene.thread.len() - before, shows, "{until_end} s, then {until_again} s");
    }
}

#[test]
fn the_end_of_a_session_says_nothing_about_what_another_daemon_answered() {
    let mut scene = in_state("opted_in");
    let first = scene.inbound("ok");
    scene.event(Event::Received(first.clone()));
    let shown = scene.thread.len();
    scene.passes_to(2, &[1, 2]);
    let end = SessionEnd { at: scene.now, of: Some(BootId(2)) };
    scene.event(Event::SessionsEnded(vec![end]));
    scene.event(Event::Received(first));
    assert_eq!(scene.thread.len(), shown + 1);
}

#[test]
fn what_ended_long_before_or_after_every_text_is_not_remembered() {
    let mut scene = in_state("opted_in");
    scene.texts("ok");
    let end = |number| SessionEnd { at: scene.now + MINUTE * number, of: Some(BootId(1)) };
    let (ends, kept) = ((1..100).map(end).collect(), end(1));
    scene.event(Event::SessionsEnded(ends));
    assert_eq!(scene.conversation.session_ends, [kept]);
}

// ----------------------------------------------------------------------------------------------------- in flight

#[test]
fn a_slot_that_a_daemon_alive_waits_for_is_not_asked_for_by_another() {
    for (alive, asks) in [(&[1, 2][..], 0), (&[2][..], 1), (&[][..], 1)] {
        let mut scene = in_state("opted_in");
        accepted(scene.drafts("hello"));
        scene.passes_to(2, alive);
        assert_eq!(scene.slots.len(), asks, "alive: {alive:?}");
        // Who froze does not keep the text for ever.
        scene.slots.clear();
        scene.later(MINUTE);
        scene.event(Event::Woken);
        assert_eq!(scene.slots.len(), 1, "alive: {alive:?}");
    }
}

#[test]
fn an_actor_that_is_overtaken_waits_on_and_one_that_starts_anew_asks_again() {
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("hello"));
    scene.slots.clear();
    scene.event(Event::Overtaken(others(&[1, 2])));
    assert_eq!(scene.slots.len(), 0);
    scene.event(Event::Restored(others(&[1, 2])));
    assert_eq!(scene.slots.len(), 1);
}

#[test]
fn what_another_daemon_is_sending_is_unconfirmed_at_its_deadline_and_not_before() {
    let mut scene = in_state("opted_in");
    let id = accepted(scene.drafts("hello"));
    scene.grant().unwrap();
    scene.passes_to(2, &[2]);
    assert_eq!(scene.status(id), Status::Sending, "who is not counted among the living may go on all the same");
    scene.later(scene.policy.limits.sending);
    scene.event(Event::Woken);
    assert_eq!(scene.status(id), Status::Unconfirmed);
}

#[test]
fn a_stop_that_another_daemon_took_recalls_what_this_one_is_writing() {
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("hello"));
    let cleared = scene.grant().unwrap();
    // The other daemon takes the STOP; only this one has anything to recall.
    scene.policy.boot = BootId(2);
    scene.texts("STOP");
    scene.recalled.clear();
    scene.event(Event::Overtaken(others(&[1, 2])));
    assert_eq!(scene.recalled, []);
    scene.policy.boot = BootId(1);
    scene.event(Event::Overtaken(others(&[1, 2])));
    assert_eq!(scene.recalled, [(cleared.id(), cleared.attempt())]);
}

#[test]
fn what_was_sending_when_the_daemon_died_is_unconfirmed_and_never_sent_again() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("take 20 mg"));
    scene.grant().unwrap();
    scene.restarts();
    assert_eq!(scene.status(draft), Status::Unconfirmed);
    assert!(scene.carry().is_empty());
    scene.later(DAY * 10);
    scene.event(Event::Woken);
    assert_eq!(scene.status(draft), Status::Unconfirmed);
    assert!(scene.carry().is_empty());
}

#[test]
fn an_unconfirmed_text_does_not_hold_up_the_next() {
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("first"));
    let second = accepted(scene.drafts("second"));
    scene.grant().unwrap();
    scene.restarts();
    assert_eq!(scene.carry(), [(STAFF, "second".to_owned())]);
    assert_eq!(scene.status(second), Status::Sent);
}

#[test]
fn what_waited_when_the_daemon_died_goes_on() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    scene.restarts();
    assert_eq!(scene.carry().len(), 1);
    assert_eq!(scene.status(draft), Status::Sent);
}

#[test]
fn an_answer_that_never_comes_makes_a_text_unconfirmed() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    scene.grant().unwrap();
    scene.later(scene.conversation.wake_at(&scene.policy).unwrap().duration_since(scene.now));
    scene.event(Event::Woken);
    assert_eq!(scene.status(draft), Status::Unconfirmed);
}

#[test]
fn a_late_answer_settles_an_unconfirmed_text() {
    for (answer, settled) in [
        (None, Status::Sent),
        (Some(Answer::Refused { command_status: 0x0B, retry: Retry::Never }), Status::Failed),
        (Some(Answer::Refused { command_status: 0x58, retry: Retry::WhenReady }), Status::Failed),
    ] {
        let mut scene = in_state("opted_in");
        let draft = accepted(scene.drafts("see you"));
        let cleared = scene.grant().unwrap();
        scene.answer(&cleared, Answer::Unknown);
        assert_eq!(scene.status(draft), Status::Unconfirmed);
        let answer = answer.unwrap_or_else(|| taken(&cleared));
        scene.answer(&cleared, answer);
        assert_eq!(scene.status(draft), settled);
        assert!(scene.carry().is_empty(), "it is not sent again by itself");
    }
}

#[test]
fn a_receipt_settles_an_unconfirmed_text_by_our_reference() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Unknown);
    scene.receipt(&cleared, ReceiptState::Delivered);
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn a_carrier_that_is_busy_is_tried_again_and_order_is_kept() {
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("first"));
    accepted(scene.drafts("second"));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Refused { command_status: 0x58, retry: Retry::WhenReady });
    assert!(scene.carry().is_empty(), "not before the pause is over");
    scene.later(scene.conversation.wake_at(&scene.policy).unwrap().duration_since(scene.now));
    scene.event(Event::Woken);
    let texts: Vec<String> = scene.carry().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["first", "second"]);
}

#[test]
fn a_text_that_was_refused_is_tried_at_once_when_the_phone_can_be_reached_again() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Refused { command_status: 0x08, retry: Retry::FewTimes });
    assert!(scene.carry().is_empty(), "not before the pause is over");
    scene.event(Event::Reachable);
    assert_eq!(scene.carry().len(), 1);
    assert_eq!(scene.status(draft), Status::Sent);
}

#[test]
fn a_phone_that_can_be_reached_again_changes_nothing_else() {
    for state in ["none", "invited", "opted_in", "opted_out"] {
        let scene = in_state(state);
        let decision = scene.conversation.handle(Event::Reachable, scene.now, &scene.policy);
        assert_eq!((decision.next, decision.journal), (scene.conversation.clone(), vec![]), "{state}");
    }
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("see you"));
    postponed(&mut scene);
    scene.event(Event::Reachable);
    assert!(scene.carry().is_empty(), "the day's budget is no matter of the phone");
}

#[test]
fn an_error_that_may_be_the_carriers_own_is_tried_three_times() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let mut tries = 0;
    while let Some(cleared) = scene.grant() {
        tries += 1;
        scene.answer(&cleared, Answer::Refused { command_status: 0x08, retry: Retry::FewTimes });
        scene.later(MINUTE);
        scene.event(Event::Woken);
    }
    assert_eq!(tries, 3);
    assert_eq!(scene.status(draft), Status::Failed);
}

#[test]
fn a_text_that_finds_no_carrier_for_a_day_expires() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    scene.later(DAY);
    scene.event(Event::Woken);
    assert_eq!(scene.status(draft), Status::Expired);
    assert!(scene.carry().is_empty());
}

#[test]
fn an_answer_to_an_earlier_attempt_changes_nothing() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let first = scene.grant().unwrap();
    scene.answer(&first, Answer::NotSent);
    scene.later(MINUTE);
    scene.event(Event::Woken);
    scene.grant().unwrap();
    scene.answer(&first, taken(&first));
    assert_eq!(scene.status(draft), Status::Sending);
}

// ------------------------------------------------------------------------------------------------------ receipts

#[test]
fn a_text_is_delivered_when_every_segment_is() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts(&"long ".repeat(60)));
    let cleared = scene.grant().unwrap();
    let Answer::Taken { ids } = taken(&cleared) else { panic!("taken") };
    assert_eq!(ids.len(), 2);
    scene.answer(&cleared, taken(&cleared));
    let receipt = |id: &CarrierId| Event::Receipted(Receipt::delivered(id.clone()));
    scene.event(receipt(&ids[1]));
    scene.event(receipt(&ids[1]));
    assert_eq!(scene.status(draft), Status::Sent);
    scene.event(receipt(&ids[0]));
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn a_receipt_before_the_answer_waits_for_it() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    scene.receipt(&cleared, ReceiptState::Delivered);
    assert_eq!(scene.status(draft), Status::Sending);
    scene.answer(&cleared, taken(&cleared));
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn a_receipt_that_came_before_a_crash_settles_what_the_crash_left_unconfirmed() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    let by_reference = Receipt {
        carrier_id: None,
        reference: Some(cleared.reference()),
        state: ReceiptState::Delivered,
        error: None,
        clues: Clues::default(),
    };
    scene.event(Event::Receipted(by_reference));
    scene.restarts();
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn no_early_receipt_disappears() {
    let mut scene = in_state("opted_in");
    accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    for number in 0..20 {
        scene.event(Event::Receipted(Receipt::delivered(CarrierId(format!("stranger-{number}").as_str().into()))));
    }
    scene.answer(&cleared, Answer::Refused { command_status: 0x0B, retry: Retry::Never });
    let unmatched = scene.journal.iter().filter(|entry| matches!(entry, Entry::ReceiptUnmatched { .. })).count();
    assert_eq!(unmatched, 20);
}

#[test]
fn a_final_status_is_never_left() {
    let mut scene = in_state("opted_in");
    let draft = accepted(scene.drafts("see you"));
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, taken(&cleared));
    for state in [ReceiptState::Enroute, ReceiptState::Delivered, ReceiptState::Undeliverable, ReceiptState::Enroute] {
        scene.receipt(&cleared, state);
    }
    assert_eq!(scene.status(draft), Status::Delivered);
}

#[test]
fn a_receipt_that_fits_nothing_is_kept_as_evidence() {
    let mut scene = in_state("opted_in");
    let receipt = Receipt::delivered(CarrierId("nobody".into()));
    scene.event(Event::Receipted(receipt.clone()));
    assert!(scene.journal.contains(&Entry::ReceiptUnmatched { receipt, at: scene.now }));
}

// -------------------------------------------------------------------------------------------------------- unread

#[test]
fn reading_clears_the_count_and_marking_unread_sets_it() {
    let mut scene = in_state("opted_in");
    scene.texts("hello");
    let seen = scene.conversation.last;
    scene.texts("are you there?");
    scene.event(Event::ReadUpTo { seq: seen, staff: None });
    assert_eq!(scene.conversation.unread, 1, "what came after the look is unread still");
    scene.event(Event::ReadUpTo { seq: scene.conversation.last, staff: None });
    assert_eq!(scene.conversation.unread, 0);
    scene.event(Event::MarkedUnread);
    assert_eq!(scene.conversation.unread, 1);
}

// ---------------------------------------------------------------------------------------------------- the desk

#[test]
fn a_text_waits_for_staff_unless_assent_has_answered_it() {
    let check = |state: &str, text: &str, waits: bool| {
        let mut scene = in_state(state);
        scene.conversation.desk = Desk::default();
        scene.texts(text);
        assert_eq!(scene.conversation.desk.waiting_since.is_some(), waits, "{text} in {state}");
    };
    for (text, waits) in [
        ("does it hurt?", [true, true, true, true]),
        ("YES", [true, false, true, true]),
        ("START", [false, false, false, false]),
        ("STOP", [false, false, false, false]),
        ("HELP", [false, false, false, false]),
        ("who is this? leave me alone", [true, true, true, true]),
    ] {
        for (state, waits) in ["none", "invited", "opted_in", "opted_out"].into_iter().zip(waits) {
            check(state, text, waits);
        }
    }
}

#[test]
fn the_oldest_text_that_staff_have_not_answered_says_since_when_it_waits() {
    let mut scene = in_state("opted_in");
    let waiting = |scene: &Scene| scene.conversation.desk.waiting_since;
    scene.texts("does it hurt?");
    let since = scene.now;
    scene.now += MINUTE;
    scene.texts("anyone?");
    scene.event(Event::ReadUpTo { seq: scene.conversation.last, staff: None });
    assert_eq!(waiting(&scene), Some(since), "to look is not to answer");
    accepted(scene.drafts("a little"));
    assert_eq!(waiting(&scene), None);
    scene.texts("thanks");
    scene.event(rearranged(Rearrangement { state: Some(DeskState::Closed), ..Rearrangement::default() }));
    assert_eq!(waiting(&scene), None, "whoever closes it says that nothing is owed");

    scene.texts("STOP");
    scene.texts("I meant it");
    let since = waiting(&scene);
    assert!(since.is_some());
    assert!(matches!(scene.drafts("sorry"), Outcome::Refused(_)));
    assert_eq!(waiting(&scene), since, "what was refused answers nobody");
}

#[test]
fn the_newest_text_of_staff_tells_whether_they_are_heard() {
    let mut scene = in_state("opted_in");
    let first = accepted(scene.drafts("hello"));
    scene.carry();
    scene.event(Event::Receipted(Receipt { state: ReceiptState::Undeliverable, ..delivered_to(&scene, first) }));
    assert_eq!(scene.status(first), Status::Undelivered);
    assert!(scene.conversation.desk.is_undeliverable());
    assert!(scene.conversation.facets().contains(&Facet::Undeliverable));
    accepted(scene.drafts("can you read this?"));
    assert!(!scene.conversation.desk.is_undeliverable(), "it is not known of this one");
    scene.texts("STOP");
    assert!(scene.conversation.desk.is_undeliverable(), "it was never sent");
}

/// The receipt of a text that was sent.
fn delivered_to(scene: &Scene, id: MessageId) -> Receipt {
    let tracked = scene.conversation.outbox.tracked.iter().find(|tracked| tracked.id == id).unwrap();
    let Fate::Sent { segments } = &tracked.fate else { panic!("it was sent") };
    Receipt::delivered(segments[0].0.clone())
}

fn rearranged(change: Rearrangement) -> Event {
    Event::Rearranged { change, seen: None }
}

#[test]
fn what_was_arranged_meanwhile_refuses_whoever_has_not_seen_it() {
    let staff = |id: &str| StaffId::parse(id).unwrap();
    let mut scene = in_state("opted_in");
    let seen = scene.conversation.desk.version;
    let assign = |id: &str| Rearrangement { assigned_to: Some(Some(staff(id))), ..Rearrangement::default() };
    assert_eq!(scene.event(Event::Rearranged { change: assign("amy"), seen: Some(seen) }), Outcome::Recorded);
    let late = scene.event(Event::Rearranged { change: assign("tex"), seen: Some(seen) });
    assert_eq!(late, Outcome::Refused(Refusal::ChangedMeanwhile));
    assert_eq!(scene.conversation.desk.arrangement.assigned_to, Some(staff("amy")));

    let version = scene.conversation.desk.version;
    scene.event(rearranged(assign("amy")));
    assert_eq!(scene.conversation.desk.version, version, "the same once more is no change");
    scene.event(rearranged(Rearrangement { state: Some(DeskState::Closed), ..Rearrangement::default() }));
    scene.texts("wait");
    assert_eq!(scene.conversation.desk.arrangement.state, DeskState::Open, "a text reopens");
    assert_eq!(scene.conversation.desk.version.0, version.0 + 2, "and that is a change");
    assert_eq!(scene.journal.iter().filter(|entry| **entry == Entry::Rearranged).count(), 3);
}

#[test]
fn a_note_changes_nothing_but_the_notes() {
    let mut scene = in_state("opted_in");
    let before = scene.conversation.clone();
    let text = NoteText::parse("call her son").unwrap();
    let Outcome::Noted(note) = scene.event(Event::Noted { text: text.clone(), staff: None }) else { panic!("noted") };
    assert_eq!((note.id.number, &note.text, note.created_at), (1, &text, scene.now));
    assert_eq!(scene.journal.last(), Some(&Entry::Noted(note)));
    let mut after = scene.conversation.clone();
    after.desk.notes = 0;
    assert_eq!(after, before);
    assert!(scene.carry().is_empty(), "nothing leaves");

    scene.conversation.desk.notes = NOTES_MAX;
    let refused = scene.event(Event::Noted { text, staff: None });
    assert_eq!(refused, Outcome::Refused(Refusal::TooManyNotes { max: NOTES_MAX }));
}

// ------------------------------------------------------------------------------------- the budget of the day

#[test]
fn a_text_is_counted_as_the_dearest_link_writes_it_and_shown_as_the_usual_one_does() {
    let mut scene = in_state("opted_in");
    let ascii = Writing { default_alphabet: DefaultAlphabet::Ascii, ..Writing::default() };
    scene.policy.writing = scene.policy.writing.with_stand_in(ascii);
    let draft = accepted(scene.drafts(&"é".repeat(160)));
    assert_eq!(scene.thread[&draft.seq].segments, 1);
    assert_eq!(scene.asked_segments, Some(3), "whichever link it leaves by, no limit is exceeded");
}

/// Midnight on the Pacific coast after the scene begins, and the morning in Denver that follows.
const DAY_ENDS: &str = "2026-03-03T08:00:00Z";
const OPENS: &str = "2026-03-03T15:00:00Z";

fn postponed(scene: &mut Scene) {
    let id = scene.slots.remove(0);
    scene.event(Event::Postponed { id, day_ends_at: DAY_ENDS.parse().unwrap() });
}

#[test]
fn a_postponed_text_is_not_asked_for_until_the_practice_opens_the_next_day() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("one too many"));
    let behind = accepted(scene.drafts("the one behind it"));
    postponed(&mut scene);
    assert!(scene.slots.is_empty(), "nothing overtakes it, and nothing is asked for today");
    assert_eq!((scene.status(id), scene.status(behind)), (Status::Queued, Status::Queued));
    assert_eq!(scene.conversation.wake_at(&scene.policy), Some(OPENS.parse().unwrap()).min(expiry_of(&scene, behind)));

    scene.now = OPENS.parse().unwrap();
    scene.now -= SignedDuration::from_secs(1);
    scene.event(Event::Woken);
    assert!(scene.slots.is_empty());
    scene.later(SignedDuration::from_secs(1));
    scene.event(Event::Woken);
    let left: Vec<String> = scene.carry().into_iter().map(|(_, text)| text).collect();
    assert_eq!(left, ["one too many", "the one behind it"]);
}

fn expiry_of(scene: &Scene, id: MessageId) -> Option<Timestamp> {
    let waiting = scene.conversation.outbox.waiting.iter().find(|waiting| waiting.message.id == id)?;
    match waiting.stage {
        Stage::Queued { expires_at, .. } => Some(expires_at),
        Stage::Pending | Stage::Held | Stage::Orphaned | Stage::Scheduled { .. } | Stage::Sending { .. } => None,
    }
}

#[test]
fn a_postponed_text_has_its_whole_time_from_when_it_may_go() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("one too many"));
    for day in ["2026-03-03T08:00:00Z", "2026-03-04T08:00:00Z", "2026-03-05T08:00:00Z"] {
        let slot = scene.slots.remove(0);
        scene.event(Event::Postponed { id: slot, day_ends_at: day.parse().unwrap() });
        let opens = scene.policy.practice.opens_after(day.parse().unwrap());
        assert_eq!(expiry_of(&scene, id), Some(opens + scene.policy.limits.validity));
        scene.now = opens;
        scene.event(Event::Woken);
        assert_eq!(scene.slots, [id], "it asks again, and may be put off again");
    }
}

#[test]
fn an_answer_is_not_held_up_by_a_postponed_invitation_and_is_never_postponed_itself() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    postponed(&mut scene);
    scene.texts("HELP");
    let id = scene.slots[0];
    scene.event(Event::Postponed { id, day_ends_at: DAY_ENDS.parse().unwrap() });
    let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, [Kind::Help]);
    scene.now = OPENS.parse().unwrap();
    scene.event(Event::Woken);
    let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, [Kind::Invitation]);
}

#[test]
fn a_postponed_text_does_not_outlive_a_stop() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("one too many"));
    postponed(&mut scene);
    scene.texts("STOP");
    assert_eq!(scene.status(id), Status::Failed);
    scene.now = OPENS.parse().unwrap();
    scene.event(Event::Woken);
    assert!(scene.carry().iter().all(|(kind, _)| !matches!(kind, Kind::StaffText { .. })));
}

#[test]
fn a_clock_that_was_set_back_does_not_hold_a_postponed_text_for_ever() {
    let mut scene = Scene::new();
    scene.opts_in();
    scene.drafts("one too many");
    postponed(&mut scene);
    scene.later(-SignedDuration::from_hours(365 * 24));
    scene.event(Event::Woken);
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn a_day_that_is_over_by_this_clock_and_not_by_the_stores_is_not_asked_about_again_at_once() {
    let mut scene = Scene::new();
    scene.opts_in();
    let id = accepted(scene.drafts("one too many"));
    scene.slots.clear();
    scene.event(Event::Postponed { id, day_ends_at: scene.now - SignedDuration::from_hours(24) });
    assert!(scene.slots.is_empty());
    scene.later(MINUTE);
    scene.event(Event::Woken);
    assert_eq!(scene.slots, [id]);
}

#[test]
fn what_is_heard_of_an_old_invitation_days_later_does_not_end_the_question_that_stands() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    let first = scene.grant().unwrap();
    scene.answer(&first, Answer::Unknown);
    scene.later(DAY * 7);
    scene.event(Event::Woken);
    assert_eq!(scene.consent(), "none", "nobody answered");
    let id = accepted(scene.drafts("hello again"));
    scene.answer(&first, Answer::PartlyTaken);
    assert_eq!((scene.consent(), scene.status(id)), ("invited", Status::Pending), "the reminder is asked still");
    let second = scene.grant().unwrap();
    scene.answer(&second, taken(&second));
    scene.later(MINUTE);
    assert!(matches!(scene.drafts("and again"), Outcome::Accepted(_)));
    assert_eq!(scene.messages(&Kind::Invitation), 2, "nobody is asked a third time");
}
