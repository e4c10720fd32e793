//! The product's story, told against the real daemon: HTTP on one side, SMPP on the other.

#![allow(clippy::unwrap_used)]

#[path = "support/world.rs"]
#[allow(dead_code)]
mod world;

use assent::simulator::{Faults, Receipts};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use world::{NUMBER, ROSA, World};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

// ---------------------------------------------------------------------------------------------------- the seed

#[tokio::test(flavor = "multi_thread")]
async fn a_site_administrator_gives_a_member_of_staff_access_to_texting() {
    let world = World::new().await;
    let newcomer = |texts: bool| json!({"name": "Nora Diaz", "patient_text_administrator": texts});
    world.staff("alex", Method::PUT, "/staff/nora", &newcomer(false)).await.is(201);
    let refused = world.staff("nora", Method::GET, "/unread", &Value::Null).await.is(403);
    assert_eq!(refused["code"], "not-patient-text-administrator");

    world.staff("alex", Method::PUT, "/staff/nora", &newcomer(true)).await.is(200);
    assert_eq!(world.get("nora", "/unread").await["red_dot"], false);
    let refused = world.staff("maria", Method::PUT, "/staff/nora", &newcomer(false)).await.is(403);
    assert_eq!(refused["code"], "not-site-administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_draft_to_start() {
    let world = World::new().await;
    let phone = world.phone(ROSA);
    let mut marias = world.feed("maria", None).await;
    let mut sams = world.feed("sam", None).await;

    // Search for the patient, select her, draft a message.
    let found = world.get("maria", "/patients?search=gar%20ros").await;
    assert_eq!(found["patients"][0]["id"], "rosa");
    let draft = world.drafts("maria", "rosa", "See you Tuesday at 3").await.is(202);
    assert_eq!(draft["status"], "pending");

    // The phone is asked first; the message is queued as pending until the answer.
    let invitation = phone.wait_for_text(|_| true).await;
    assert!(invitation.text.contains("Reply YES to receive messages from your practice"), "{}", invitation.text);
    assert_eq!(phone.texts().len(), 1);
    assert_eq!(world.consent("rosa").await, "invited");

    // YES: the pending message is sent.
    world.rosa_texts("YES").await;
    phone.wait_for_text(|text| text.text == "See you Tuesday at 3").await;
    world.becomes("rosa", "See you Tuesday at 3", "delivered").await;
    assert_eq!(world.consent("rosa").await, "opted_in");

    // A response is seen at once, and the red dot appears for everybody with the permission.
    world.rosa_texts("Tuesday is fine").await;
    for feed in [&mut marias, &mut sams] {
        feed.wait_for(|told| told.event == "message.received" && told.data["message"]["text"] == "Tuesday is fine")
            .await;
        let lit = feed.wait_for(|told| told.event == "unread.changed" && told.data["unread"]["messages"] == 2).await;
        assert_eq!(lit.data["unread"]["red_dot"], true);
    }
    let phone_path = ROSA.replace('+', "%2B");
    world.staff("sam", Method::POST, &format!("/conversations/{phone_path}/read"), &Value::Null).await.is(200);
    assert_eq!(world.get("maria", "/unread").await["red_dot"], false);

    // STOP: attempting to send fails.
    world.later(MINUTE);
    world.rosa_texts("Stop").await;
    phone.wait_for_text(|text| text.text.contains("You are opted out")).await;
    let failure = world.drafts("maria", "rosa", "One more thing").await.is(409);
    assert_eq!(failure["code"], "opted-out");
    assert!(failure["detail"].as_str().unwrap().contains("START"), "{failure}");

    // YES does not undo it; START does.
    world.later(MINUTE);
    world.rosa_texts("YES").await;
    world.drafts("maria", "rosa", "One more thing").await.is(409);
    world.rosa_texts("START").await;
    phone.wait_for_text(|text| text.text.contains("You are opted in")).await;
    world.drafts("maria", "rosa", "Welcome back").await.is(202);
    phone.wait_for_text(|text| text.text == "Welcome back").await;
    assert!(!world.rosa_received().iter().any(|text| text == "One more thing"));
}

// ----------------------------------------------------------------------------------------------- around the seed

#[tokio::test(flavor = "multi_thread")]
async fn yes_releases_every_draft_in_order_and_once() {
    let world = World::new().await;
    for number in 0..5 {
        world.drafts("maria", "rosa", &format!("draft {number}")).await.is(202);
    }
    world.phone(ROSA).wait_for_text(|text| text.text.contains("Reply YES")).await;
    world.rosa_texts("yes").await;
    world.becomes("rosa", "draft 4", "delivered").await;
    let expected: Vec<String> = (0..5).map(|number| format!("draft {number}")).collect();
    assert_eq!(world.rosa_received()[1..], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_overtakes_texts_that_wait_for_the_rate_limit() {
    let world = World::empty("").await;
    // One segment a minute: after the confirmation, the next text has to wait.
    world.practice(1).await;
    world.patient("rosa", "Rosa", "Garcia", ROSA).await;
    world.rosa_texts("START").await;
    world.phone(ROSA).wait_for_text(|_| true).await;
    world.drafts("maria", "rosa", "one").await.is(202);
    world.drafts("maria", "rosa", "two").await.is(202);
    world.rosa_texts("STOP").await;
    world.later(MINUTE * 2);
    for text in ["one", "two"] {
        let message = world.becomes("rosa", text, "failed").await;
        assert_eq!(message["failure"]["code"], "opted-out");
    }
    let words = world.rosa_received();
    assert!(!words.iter().any(|text| text == "one" || text == "two"), "{words:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_draft_survives_a_restart() {
    let mut world = World::new().await;
    world.drafts("maria", "rosa", "after the restart").await.is(202);
    world.phone(ROSA).wait_for_text(|text| text.text.contains("Reply YES")).await;
    world.stop().await;
    world.start().await;
    assert_eq!(world.consent("rosa").await, "invited");
    world.rosa_texts("YES").await;
    world.becomes("rosa", "after the restart", "delivered").await;
    let texts = world.rosa_received();
    assert_eq!(texts.len(), 2, "one invitation, one text: {texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_phone_typed_while_the_daemon_was_away_arrives_once() {
    let mut world = World::new().await;
    world.rosa_opts_in().await;
    world.stop().await;
    let typed = world.phone(ROSA).send(NUMBER, "are you there?");
    assert!(!typed.answered);
    world.start().await;
    world.message("rosa", |message| message["text"] == "are you there?").await;
    let thread = world.get("maria", "/patients/rosa/messages").await;
    let shown = thread["messages"].as_array().unwrap().iter().filter(|one| one["text"] == "are you there?").count();
    assert_eq!(shown, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_without_an_answer_ends_after_seven_days() {
    let world = World::new().await;
    world.drafts("maria", "rosa", "hello?").await.is(202);
    world.phone(ROSA).wait_for_text(|text| text.text.contains("Reply YES")).await;
    world.later(DAY * 7);
    world.becomes("rosa", "hello?", "expired").await;
    assert_eq!(world.consent("rosa").await, "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_invitation_within_thirty_days_is_refused_and_it_says_from_when() {
    let world = World::new().await;
    for asked in 1..=2 {
        let text = format!("hello for the time {asked}");
        world.drafts("maria", "rosa", &text).await.is(202);
        let invitations = || world.rosa_received().iter().filter(|text| text.contains("Reply YES")).count();
        while invitations() < asked {
            world.phone(ROSA).wait_for_text(|text| text.text.contains("Reply YES")).await;
        }
        world.later(DAY * 7);
        world.becomes("rosa", &text, "expired").await;
    }
    let refused = world.drafts("maria", "rosa", "hello?").await.is(409);
    assert_eq!(refused["code"], "invitation-limit");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("can be invited again from") && detail.contains("START to +1 303 555 0100"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_can_not_be_reached_is_not_waited_for() {
    let world = World::new().await;
    world.simulator.set_faults(Faults { receipts: Receipts::Undeliverable, ..Faults::default() });
    world.drafts("maria", "rosa", "hello?").await.is(202);
    let message = world.becomes("rosa", "hello?", "failed").await;
    assert_eq!(message["failure"]["code"], "unreachable");
    assert_eq!(world.consent("rosa").await, "none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_the_carrier_refuses_fails_with_its_reason() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    world.simulator.set_faults(Faults { refuse_with: Some(0x0B), ..Faults::default() });
    world.drafts("maria", "rosa", "to nowhere").await.is(202);
    let message = world.becomes("rosa", "to nowhere", "failed").await;
    assert_eq!(message["failure"]["code"], "carrier-rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_carrier_is_tried_again() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    world.simulator.set_faults(Faults { refuse_with: Some(0x58), ..Faults::default() });
    world.drafts("maria", "rosa", "in a while").await.is(202);
    world.simulator.wait_for_wire(|log| log.iter().any(|entry| entry.status == 0x58).then_some(())).await;
    world.simulator.set_faults(Faults::default());
    world.later(MINUTE);
    world.becomes("rosa", "in a while", "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_after_the_last_octet_leaves_the_text_unconfirmed() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    world.simulator.set_faults(Faults { drop_after_octets: Some(100_000), ..Faults::default() });
    world.drafts("maria", "rosa", "did it arrive?").await.is(202);
    world.becomes("rosa", "did it arrive?", "unconfirmed").await;

    // The link comes back, and it is not sent again; the next text is.
    world.simulator.set_faults(Faults::default());
    world.drafts("maria", "rosa", "and this one?").await.is(202);
    world.becomes("rosa", "and this one?", "delivered").await;
    let sent = world.rosa_received().into_iter().filter(|text| text == "did it arrive?").count();
    assert!(sent <= 1, "it was written once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_in_mid_text_sends_it_again_whole() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    world.simulator.set_faults(Faults { drop_after_octets: Some(20), ..Faults::default() });
    world.drafts("maria", "rosa", "half of this was cut off").await.is(202);
    world.simulator.wait_for_binds(0).await;
    world.simulator.set_faults(Faults::default());
    world.later(MINUTE);
    let message = world.message("rosa", |message| {
        message["text"] == "half of this was cut off"
            && ["delivered", "unconfirmed"].contains(&message["status"].as_str().unwrap())
    });
    // Whether the kernel had taken all of it is not for us to know: either way it is on the phone at most once.
    message.await;
    let shown = world.phone(ROSA).texts().into_iter().filter(|text| text.text == "half of this was cut off").count();
    assert!(shown <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_and_emoji_travel_both_ways() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    let long = "Please do each exercise ten times, twice a day, and stop at once if it hurts. ".repeat(4);
    world.drafts("maria", "rosa", long.trim()).await.is(202);
    world.phone(ROSA).wait_for_text(|text| text.text == long.trim()).await;
    let message = world.becomes("rosa", long.trim(), "delivered").await;
    assert_eq!(message["segments"], 3);

    let reply = format!("{} 👍🏽 ¡gracias, María! 👨‍👩‍👧‍👦", "It went very well. ".repeat(12));
    world.rosa_texts(&reply).await;
    world.message("rosa", |message| message["text"] == reply.as_str() && message["direction"] == "inbound").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_arrives_while_somebody_looks_stays_unread() {
    let world = World::new().await;
    world.rosa_texts("first").await;
    let seen = world.message("rosa", |message| message["text"] == "first").await;
    world.rosa_texts("second").await;
    let path = format!("/conversations/%2B13035550123/read?up_to={}", seen["id"].as_str().unwrap());
    assert_eq!(world.staff("sam", Method::POST, &path, &Value::Null).await.is(200)["unread"], 1);
    assert_eq!(world.get("sam", "/unread").await["red_dot"], true);
    for (wrong, status) in [("up_to=first", 422), ("up_to=00000000000000ff-1", 404), ("upto=x", 422)] {
        let path = format!("/conversations/%2B13035550123/read?{wrong}");
        world.staff("sam", Method::POST, &path, &Value::Null).await.is(status);
    }
    world.staff("sam", Method::POST, "/conversations/%2B13035550123/read", &Value::Null).await.is(200);
    assert_eq!(world.get("sam", "/unread").await["red_dot"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_from_an_unknown_number_is_in_the_inbox() {
    let world = World::new().await;
    world.phone("+13035550199").text(NUMBER, "Is this the clinic?").await;
    let inbox = world.get("sam", "/conversations?unread=true").await;
    let row = &inbox["conversations"][0];
    assert_eq!(row["phone"], "+13035550199");
    assert_eq!(row["patients"], json!([]));
    assert_eq!(row["last_message"]["text"], "Is this the clinic?");

    // Adding the patient later joins the conversation.
    world.patient("newt", "Newt", "Salazar", "+13035550199").await;
    let thread = world.get("sam", "/patients/newt/messages").await;
    assert_eq!(thread["messages"][0]["text"], "Is this the clinic?");
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_who_share_a_phone_share_consent() {
    let world = World::new().await;
    world.patient("mia", "Mia", "Garcia", ROSA).await;
    world.rosa_opts_in().await;
    assert_eq!(world.consent("mia").await, "opted_in");
    let mia = world.get("maria", "/patients/mia").await;
    assert_eq!(mia["shares_phone_with"][0]["id"], "rosa");
    world.later(MINUTE);
    world.rosa_texts("STOP").await;
    world.drafts("maria", "mia", "hello Mia").await.is(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_phone_has_to_be_asked_anew() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    let moved = json!({
        "first_name": "Rosa", "last_name": "Garcia", "date_of_birth": "1984-05-12", "mobile_phone": "+13035550177",
    });
    world.staff("maria", Method::PUT, "/patients/rosa", &moved).await.is(200);
    assert_eq!(world.consent("rosa").await, "none");
    assert_eq!(world.drafts("maria", "rosa", "is this you?").await.is(202)["status"], "pending");

    // The phone that she had keeps its state, for whoever has it by the practice's records.
    world.patient("mia", "Mia", "Garcia", ROSA).await;
    assert_eq!(world.consent("mia").await, "opted_in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_was_cut_goes_on_where_it_stopped_across_a_restart() {
    let mut world = World::new().await;
    world.rosa_opts_in().await;
    let mut feed = world.feed("maria", None).await;
    world.rosa_texts("first").await;
    let seen = feed.wait_for(|told| told.event == "message.received" && told.data["message"]["text"] == "first").await;
    drop(feed);
    world.rosa_texts("second").await;
    world.stop().await;
    world.start().await;
    world.rosa_texts("third").await;
    let mut feed = world.feed("maria", Some(&seen.id)).await;
    for expected in ["second", "third"] {
        let told = feed.wait_for(|told| told.event == "message.received").await;
        assert_eq!(told.data["message"]["text"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stops_takes_its_leave_of_the_carrier() {
    let mut world = World::new().await;
    world.rosa_opts_in().await;
    world.stop().await;
    let log = world.simulator.wire_log();
    let last: Vec<&str> = log.iter().rev().take(2).map(|entry| entry.command).collect();
    assert_eq!(last, ["unbind_resp", "unbind"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_means_that_texts_can_be_sent() {
    let world = World::new().await;
    let ready = || async {
        let address = world.daemon.as_ref().unwrap().address();
        world.client.get(format!("http://{address}/readyz")).send().await.unwrap()
    };
    assert_eq!(ready().await.status(), 200);
    world.simulator.shutdown().await;
    loop {
        let answer = ready().await;
        if answer.status() == 503 {
            let problem: Value = answer.json().await.unwrap();
            assert!(problem["detail"].as_str().unwrap().contains("no carrier link is bound"), "{problem}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_day_has_no_room_for_goes_when_the_practice_opens_the_next_day() {
    let world = World::new().await;
    world.rosa_opts_in().await;
    let sent_today = world.operator(Method::GET, "", &Value::Null).await.is(200)["today"]["segments"].as_u64().unwrap();
    let practice = json!({
        "name": "Riverside Physical Therapy", "number": NUMBER, "time_zone": "America/Denver",
        "contact": "303-555-0100", "segments_per_minute": 100_000, "segments_per_day": sent_today + 2,
    });
    world.operator(Method::PUT, "", &practice).await.is(200);
    for text in ["the first", "the second"] {
        world.drafts("maria", "rosa", text).await.is(202);
        world.becomes("rosa", text, "delivered").await;
    }
    let today = world.operator(Method::GET, "", &Value::Null).await.is(200)["today"].clone();
    assert_eq!(today["budget"], "spent", "{today}");

    let queued = world.drafts("maria", "rosa", "the third").await.is(202);
    assert_eq!(queued["status"], "queued");
    let put_off = world
        .message("rosa", |message| message["updated_at"] != queued["updated_at"] && message["text"] == "the third")
        .await;
    assert_eq!(put_off["status"], "queued");
    assert!(put_off["expected_at"].as_str() >= today["ends_at"].as_str(), "{put_off} {today}");

    // STOP and HELP are answered all the same.
    world.rosa_texts("HELP").await;
    world.phone(ROSA).wait_for_text(|text| text.text.contains("Reply STOP")).await;

    // Later than any practice in Denver opens, however long the day has left.
    world.later(SignedDuration::from_hours(33));
    world.becomes("rosa", "the third", "delivered").await;
}
