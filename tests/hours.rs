//! Quiet hours and the reply of a practice that is closed, told as stories.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use std::sync::Arc;

use assent::domain::keyword::Language;
use assent::domain::{Body, Draft, Event, Form, Kind, Outcome, Practice, Preferences, Settlement, Status};
use jiff::{SignedDuration, Timestamp};
use scene::{Scene, accepted};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Scene {
    /// A conversation with a patient who opted in at noon, at a practice in Denver with quiet hours and office hours.
    fn of_a_practice_with_hours() -> Self {
        let mut scene = Self::new();
        scene.keeps_hours();
        scene.at("12:00");
        scene.opts_in();
        scene
    }

    /// It becomes this time in Denver on 3 March 2026, a Tuesday, in winter.
    fn at(&mut self, time: &str) {
        self.at_on("2026-03-03", time);
    }

    fn at_on(&mut self, day: &str, time: &str) {
        self.now = format!("{day}T{time}:00-07:00").parse().unwrap();
        self.event(Event::Woken);
    }

    fn drafts_to(&mut self, text: &str, preferences: Preferences) -> Outcome {
        self.event(Event::Drafted(Draft { text: Body::new(text), staff: None, preferences, send_at: None }))
    }

    fn wakes_at(&self) -> Option<Timestamp> {
        self.conversation.wake_at(&self.policy)
    }
}

#[test]
fn what_is_written_at_night_goes_in_the_morning() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("22:30");
    let Outcome::Accepted(message) = scene.drafts("Your brace is here.") else { panic!("it is accepted") };
    assert_eq!(message.status, Status::Scheduled, "and says so at once");
    assert_eq!(scene.carry(), []);
    let morning: Timestamp = "2026-03-04T08:00:00-07:00".parse().unwrap();
    assert_eq!(scene.wakes_at(), Some(morning));
    scene.now = morning;
    scene.event(Event::Woken);
    assert_eq!(scene.status(message.id), Status::Queued);
    let [(_, words)] = scene.carry().try_into().unwrap();
    assert_eq!(words, "Your brace is here.");
}

#[test]
fn what_waited_for_the_carrier_until_the_night_waits_for_the_morning_too() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("20:59");
    let id = accepted(scene.drafts("Your brace is here."));
    assert_eq!(scene.status(id), Status::Queued);
    scene.now += SignedDuration::from_mins(1);
    assert_eq!(scene.carry(), [], "the slot comes at nine");
    assert_eq!(scene.status(id), Status::Scheduled);
    scene.at_on("2026-03-04", "08:00");
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn the_answer_to_a_patient_who_is_awake_goes_at_any_hour() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("22:00");
    let waits = accepted(scene.drafts("See you on Friday."));
    scene.texts("My knee hurts a lot");
    assert_eq!(scene.status(waits), Status::Queued, "whoever texts is awake");
    scene.carry();
    scene.now += HOUR;
    scene.drafts("Put ice on it and call us.");
    let left = scene.carry();
    assert_eq!(left.last().unwrap().1, "Put ice on it and call us.");
    scene.now += SignedDuration::from_secs(1);
    let Outcome::Accepted(message) = scene.drafts("And rest.") else { panic!("it is accepted") };
    assert_eq!(message.status, Status::Scheduled, "an hour after the patient's text the night goes on");
}

#[test]
fn a_patient_is_not_awake_because_the_rest_of_a_long_text_never_came() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("20:55");
    scene.texts_part("My knee hurts and", 7, 1, 2);
    scene.now += HOUR + SignedDuration::from_mins(1);
    let Outcome::Accepted(message) = scene.drafts("Put ice on it.") else { panic!("it is accepted") };
    assert_eq!(scene.messages(&Kind::Inbound), 2, "what came of it is shown at that moment");
    assert_eq!(message.status, Status::Scheduled);
}

#[test]
fn keywords_are_answered_at_any_hour() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("23:00");
    for (word, kind) in [("HELP", Kind::Help), ("STOP", Kind::OptOutConfirmation), ("START", Kind::StartConfirmation)] {
        scene.texts(word);
        let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(left, [kind], "{word}");
        scene.now += SignedDuration::from_secs(2);
    }
}

#[test]
fn nobody_is_invited_at_night() {
    let mut scene = Scene::of_a_practice_with_hours();
    let mut stranger = Scene::new();
    stranger.policy = scene.policy.clone();
    stranger.at("22:00");
    assert_eq!(stranger.consent(), "none");
    stranger.drafts("Welcome!");
    assert_eq!((stranger.consent(), stranger.carry().len()), ("invited", 0));
    stranger.at_on("2026-03-04", "08:00");
    let [(kind, _)] = stranger.carry().try_into().unwrap();
    assert_eq!(kind, Kind::Invitation);
    scene.at("23:00");
    assert_eq!(scene.carry(), []);
}

#[test]
fn a_stop_ends_what_waits_for_the_morning() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("22:00");
    let id = accepted(scene.drafts("See you on Friday."));
    scene.now += HOUR;
    scene.texts("stop");
    assert_eq!(scene.status(id), Status::Failed);
    scene.carry();
    scene.at_on("2026-03-04", "09:00");
    assert_eq!(scene.carry(), []);
}

#[test]
fn it_is_night_where_the_patient_is() {
    let mut scene = Scene::of_a_practice_with_hours();
    let in_honolulu = || Preferences { time_zone: Some("Pacific/Honolulu".into()), ..Preferences::default() };
    scene.at("22:00");
    let Outcome::Accepted(message) = scene.drafts_to("Aloha", in_honolulu()) else { panic!("it is accepted") };
    assert_eq!(message.status, Status::Queued, "it is seven in the evening there");
    scene.carry();
    scene.at_on("2026-03-04", "10:00");
    let Outcome::Accepted(message) = scene.drafts_to("Aloha", in_honolulu()) else { panic!("it is accepted") };
    assert_eq!(message.status, Status::Scheduled, "it is seven in the morning there");
    assert_eq!(scene.wakes_at(), Some("2026-03-04T11:00:00-07:00".parse().unwrap()));
}

#[test]
fn a_daemon_that_starts_at_night_sends_nothing_that_waits() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("22:00");
    let id = accepted(scene.drafts("See you on Friday."));
    scene.restarts();
    assert_eq!(scene.carry(), []);
    assert_eq!(scene.status(id), Status::Scheduled);
}

#[test]
fn a_practice_that_gives_up_its_quiet_hours_lets_go_what_waits() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("22:00");
    scene.drafts("See you on Friday.");
    scene.policy.practice = Arc::new(Practice { quiet_hours: None, ..(*scene.policy.practice).clone() });
    scene.event(Event::Woken);
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn who_texts_a_closed_practice_is_told_so_once_in_four_hours() {
    let mut scene = Scene::of_a_practice_with_hours();
    let told = |scene: &Scene| scene.messages(&Kind::AfterHours);
    scene.at("17:59");
    scene.texts("Are you open?");
    assert_eq!(told(&scene), 0);
    scene.at("18:00");
    scene.texts("And now?");
    let [(kind, words)] = scene.carry().try_into().unwrap();
    assert_eq!(kind, Kind::AfterHours);
    assert!(words.starts_with("Riverside PT: We are closed"), "{words}");
    scene.at("21:59");
    scene.texts("Hello?");
    assert_eq!(told(&scene), 1);
    scene.at("22:00");
    scene.texts("Hello??");
    assert_eq!(told(&scene), 2, "and it goes in the quiet hours: whoever texts is awake");
}

#[test]
fn only_who_agreed_to_texts_is_told_that_the_practice_is_closed() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.opts_out();
    scene.at("20:00");
    scene.texts("Hello?");
    assert_eq!((scene.messages(&Kind::AfterHours), scene.carry().len()), (0, 0));
    let mut stranger = Scene::new();
    stranger.policy = scene.policy.clone();
    stranger.at("20:00");
    stranger.texts("Hello?");
    assert_eq!(stranger.messages(&Kind::AfterHours), 0);
}

#[test]
fn keywords_flash_texts_and_pictures_are_not_told_that_the_practice_is_closed() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("20:00");
    scene.texts("HELP");
    scene.texts_as("Your code is 1234", Form::Flash);
    scene.texts_as("12 octets", Form::Binary);
    assert_eq!(scene.messages(&Kind::AfterHours), 0);
}

#[test]
fn a_phone_that_answers_by_itself_is_not_told_that_the_practice_is_closed_and_wakes_nobody() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("22:00");
    let waits = accepted(scene.drafts("See you on Friday."));
    for text in ["I'm driving with Do Not Disturb turned on", "Liked “See you at 3”", "Auto reply: out of the office"]
    {
        scene.texts(text);
    }
    assert_eq!((scene.messages(&Kind::AfterHours), scene.status(waits)), (0, Status::Scheduled));
}

#[test]
fn who_may_want_no_texts_gets_none_about_the_hours() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("20:00");
    scene.texts("please take me off your list");
    assert_eq!((scene.messages(&Kind::AfterHours), scene.carry().len()), (0, 0));
}

#[test]
fn what_a_hold_kept_back_still_goes_in_its_own_time() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("12:30");
    let tomorrow: Timestamp = "2026-03-04T10:00:00-07:00".parse().unwrap();
    let later = Draft {
        text: Body::new("See you in an hour."),
        staff: None,
        preferences: Preferences::default(),
        send_at: Some(tomorrow),
    };
    let later = accepted(scene.event(Event::Drafted(later)));
    scene.texts("please take me off your list");
    assert_eq!(scene.status(later), Status::Held);
    scene.event(Event::HoldSettled { settlement: Settlement::Release, staff: None });
    assert_eq!((scene.status(later), scene.carry().len()), (Status::Scheduled, 0));
    scene.now = tomorrow;
    scene.event(Event::Woken);
    assert_eq!(scene.carry().len(), 1);
}

#[test]
fn a_phone_that_sends_everything_back_gets_one_reply_and_no_more() {
    let mut scene = Scene::of_a_practice_with_hours();
    scene.at("20:00");
    scene.texts("Good evening");
    let mut replies = 0;
    for _ in 0..50 {
        for (_, words) in scene.carry() {
            replies += 1;
            scene.now += SignedDuration::from_secs(3);
            scene.texts(&words);
        }
    }
    assert_eq!(replies, 1);
    assert_eq!(scene.consent(), "opted_in");
}

#[test]
fn what_we_write_unasked_is_in_the_patients_language() {
    let mut scene = Scene::new();
    scene.policy = Scene::of_a_practice_with_hours().policy;
    scene.at("12:00");
    scene.drafts_to("Hola", Preferences { language: Language::Spanish, ..Preferences::default() });
    let [(_, invitation)] = scene.carry().try_into().unwrap();
    assert!(invitation.contains("Responda SI"), "{invitation}");
    scene.texts("Sí");
    scene.carry();
    scene.at("20:00");
    scene.texts("¿Hola?");
    let [(_, reply)] = scene.carry().try_into().unwrap();
    assert!(reply.contains("Estamos cerrados"), "{reply}");
}
