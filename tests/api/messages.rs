//! Drafts: what is answered to them, once and again, and the thread that they join.

use std::collections::HashSet;

use assent::domain::{Mark, Written};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, JANE, RIVERSIDE, World};

async fn draft_with_key(world: &World, staff: &str, patient: &str, text: &str, key: &str) -> Answer {
    let path = format!("{RIVERSIDE}/patients/{patient}/messages");
    let call = world.acting(staff, Method::POST, &path).header("Idempotency-Key", key);
    call.json(&json!({"text": text})).send().await
}

async fn texts(world: &World, patient: &str) -> Vec<(String, String)> {
    let page = world.get(&format!("/patients/{patient}/messages")).await;
    let messages = page["messages"].as_array().unwrap().iter();
    messages.map(|one| (one["kind"].as_str().unwrap().into(), one["status"].as_str().unwrap().into())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_draft_invites_and_waits() {
    let world = World::start().await;
    let answer = world.draft("jane", "Your results\r\nare in").await;
    let location = answer.header("location").to_owned();
    let message = answer.expect(202);
    let id = message["id"].as_str().unwrap();
    assert_eq!(location, format!("{RIVERSIDE}/patients/jane/messages/{id}"));
    assert_eq!(
        message,
        json!({
            "id": id, "direction": "outbound", "kind": "text", "text": "Your results\nare in", "status": "pending",
            "created_at": "2026-03-04T05:00:00Z", "updated_at": "2026-03-04T05:00:00Z", "staff": "tex", "segments": 1,
            "failure": null, "expected_at": null,
        })
    );
    assert_eq!(world.acting("amy", Method::GET, &location).send().await.expect(200), message);
    world.draft("jane", "Another").await.expect(202);
    let pending = |kind: &str| (kind.to_owned(), "pending".to_owned());
    let page = texts(&world, "jane").await;
    assert_eq!(page, [pending("text"), pending("text"), ("invitation".into(), "queued".into())]);

    world.receive(JANE, "Start").await;
    let statuses: Vec<String> = texts(&world, "jane").await.into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, ["received", "queued", "queued", "queued"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_carries_marks_where_there_is_something_to_know_of_it() {
    let world = World::start().await;
    world.receive(JANE, "all is well").await;
    let marks = [Mark::Partial, Mark::SecondText].into_iter().collect();
    world.receive_written(JANE, "my knee", Written { marks, segment: None }).await;
    let thread = world.get("/patients/jane/messages").await;
    let messages = thread["messages"].as_array().unwrap();
    assert_eq!(messages[0]["marks"], json!(["partial", "second-text"]));
    assert_eq!(messages[1].get("marks"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_text_of_64_kib_lists_show_the_beginning_and_say_so_and_nothing_of_it_is_lost() {
    let world = World::start().await;
    let long = "é".repeat(32 * 1_024);
    world.receive(JANE, &long).await;
    let check = |message: &Value| {
        assert_eq!(message["text"].as_str().unwrap(), "é".repeat(2_000));
        assert_eq!(message["marks"], json!(["shortened"]));
    };
    let thread = world.get("/patients/jane/messages").await;
    check(&thread["messages"][0]);
    check(&world.get("/conversations").await["conversations"][0]["last_message"]);
    let id = thread["messages"][0]["id"].as_str().unwrap();
    let whole = world.get(&format!("/patients/jane/messages/{id}")).await;
    assert_eq!((whole["text"].as_str(), whole.get("marks")), (Some(long.as_str()), None));
    world.receive(JANE, &"é".repeat(2_000)).await;
    assert_eq!(world.get("/patients/jane/messages").await["messages"][0].get("marks"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_writes_as_nobody_in_particular() {
    let world = World::start().await;
    let call = world.operator(Method::POST, &format!("{RIVERSIDE}/patients/jane/messages"));
    let message = call.json(&json!({"text": "hello"})).send().await.expect(202);
    assert_eq!(message["staff"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_fifty_times_at_once_is_one_message() {
    let world = World::start().await;
    let calls = (0..50).map(|_| draft_with_key(&world, "tex", "jane", "hello", "key-1"));
    let answers = futures_util::future::join_all(calls).await;
    let messages: HashSet<String> = answers.into_iter().map(|answer| answer.expect(202)["id"].to_string()).collect();
    assert_eq!(messages.len(), 1);
    assert_eq!(texts(&world, "jane").await.len(), 2, "the text and its invitation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_again_brings_the_message_as_it_is_now() {
    let world = World::start().await;
    world.put_patient("john", "John", "Doe", "+13035550124").await;
    let first = draft_with_key(&world, "tex", "jane", "hello", "key-1").await.expect(202);
    world.receive(JANE, "start").await;
    let answer = draft_with_key(&world, "tex", "jane", "hello", "key-1").await;
    assert!(answer.header("location").ends_with(first["id"].as_str().unwrap()));
    let again = answer.expect(202);
    assert_eq!((&again["id"], &again["status"]), (&first["id"], &json!("queued")));

    for (staff, patient, text) in [("tex", "jane", "other"), ("amy", "jane", "hello"), ("tex", "john", "hello")] {
        draft_with_key(&world, staff, patient, text, "key-1").await.problem(422, "idempotency-key-reused");
    }
    let path = "/v1/practices/hilltop/patients/jane";
    let patient = json!({
        "first_name": "J", "last_name": "D", "date_of_birth": "1985-03-04", "mobile_phone": JANE,
    });
    world.operator(Method::PUT, path).json(&patient).send().await.expect(201);
    let elsewhere = world.operator(Method::POST, &format!("{path}/messages")).header("Idempotency-Key", "key-1");
    let other = elsewhere.json(&json!({"text": "hello"})).send().await.expect(202);
    assert_ne!(other["id"], first["id"], "a key is its practice's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_short_and_plain() {
    let world = World::start().await;
    for bad in ["", "a b", "é", &"x".repeat(256), &"x".repeat(1_024)] {
        draft_with_key(&world, "tex", "jane", "hello", bad).await.problem(400, "bad-idempotency-key");
    }
    let two = world.tex(Method::POST, "/patients/jane/messages").header("Idempotency-Key", "a");
    let two = two.header("Idempotency-Key", "b").json(&json!({"text": "hello"}));
    two.send().await.problem(400, "bad-idempotency-key");
    draft_with_key(&world, "tex", "jane", "hello", &"x".repeat(255)).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_to_who_opted_out_says_since_when_and_what_to_do() {
    let world = World::start().await;
    world.receive(JANE, "STOP").await;
    // 05:00 on the 4th in UTC is the evening of the 3rd in Denver.
    let problem = world.draft("jane", "hello").await.problem(409, "opted-out");
    assert_eq!(problem["detail"], "This patient opted out on 3 March 2026. They can text START to +1 303 555 0100.");
    world.receive(JANE, "START").await;
    world.draft("jane", "hello").await.problem(409, "opted-out");
    world.advance(SignedDuration::from_secs(60));
    world.receive(JANE, "START").await;
    assert_eq!(world.draft("jane", "hello").await.expect(202)["status"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_that_wait_and_then_fail_say_why() {
    let world = World::start().await;
    let pending = world.draft("jane", "hello").await.expect(202);
    world.receive(JANE, "no thanks. STOP").await;
    world.receive(JANE, "STOP").await;
    let path = format!("/patients/jane/messages/{}", pending["id"].as_str().unwrap());
    let message = world.get(&path).await;
    assert_eq!(message["status"], "failed");
    assert_eq!(
        message["failure"],
        json!({
            "code": "opted-out", "detail": "The patient opted out before it was sent.",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twenty_first_text_that_waits_for_yes_is_409() {
    let world = World::start().await;
    for number in 0..20 {
        world.draft("jane", &format!("text {number}")).await.expect(202);
    }
    let problem = world.draft("jane", "one more").await.problem(409, "too-many-waiting");
    assert!(problem["detail"].as_str().unwrap().starts_with("20 texts"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thread_is_read_page_by_page_newest_first() {
    let world = World::start().await;
    for number in 0..7 {
        world.receive(JANE, &format!("text {number}")).await;
    }
    let mut read = Vec::new();
    let mut path = "/patients/jane/messages?limit=3".to_owned();
    let mut pages = 0;
    loop {
        let page = world.get(&path).await;
        let messages = page["messages"].as_array().unwrap().clone();
        read.extend(messages.iter().map(|one| one["text"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/patients/jane/messages?limit=3&before={next}");
    }
    assert_eq!(read, (0..7).rev().map(|number| format!("text {number}")).collect::<Vec<_>>());
    assert_eq!(pages, 3);
    let page = world.get("/patients/jane/messages?limit=7").await;
    assert_eq!(page["next"], Value::Null, "a page that ends the thread leads nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_and_a_message_of_another_conversation_lead_nowhere() {
    let world = World::start().await;
    world.put_patient("john", "John", "Doe", "+13035550124").await;
    world.receive(JANE, "one").await;
    world.receive(JANE, "two").await;
    let page = world.get("/patients/jane/messages?limit=1").await;
    let (cursor, id) = (page["next"].as_str().unwrap(), page["messages"][0]["id"].as_str().unwrap());
    let foreign = format!("/patients/john/messages?before={cursor}");
    world.tex(Method::GET, &foreign).send().await.problem(400, "bad-cursor");
    world.tex(Method::GET, &format!("/conversations?before={cursor}")).send().await.problem(400, "bad-cursor");
    world.get(&format!("/patients/jane/messages/{id}")).await;
    for path in [
        format!("/patients/john/messages/{id}"),
        format!("/patients/jane/messages/{id}0"),
        "/patients/jane/messages/1".into(),
    ] {
        world.tex(Method::GET, &path).send().await.problem(404, "not-found");
    }
}
