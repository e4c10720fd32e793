//! What staff say about consent: a hold is shown, settled once, and a patient who asked by voice is opted out.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, JANE, RIVERSIDE, World};

const HOLD: &str = "/conversations/%2B13035550123/hold";

async fn settle(world: &World, decision: &str) -> Answer {
    world.tex(Method::POST, HOLD).json(&json!({"decision": decision})).send().await
}

async fn opt_out(world: &World, reason: &str) -> Answer {
    world.tex(Method::POST, "/patients/jane/opt-out").json(&json!({"reason": reason})).send().await
}

async fn consent(world: &World) -> Value {
    let listed = world.get("/conversations").await["conversations"][0]["consent"].clone();
    let of_patient = world.get("/patients/jane").await["consent"].clone();
    assert_eq!(listed, of_patient, "the list and the patient say the same");
    of_patient
}

/// The statuses of what staff wrote, newest first.
async fn staff_texts(world: &World) -> Vec<String> {
    let page = world.get("/patients/jane/messages").await;
    let messages = page["messages"].as_array().unwrap().iter();
    let staff = messages.filter(|one| !one["staff"].is_null());
    staff.map(|one| one["status"].as_str().unwrap().to_owned()).collect()
}

/// Jane is opted in, a text to her waits, and she writes what probably opts out; her message's id.
async fn held() -> (World, String) {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    world.draft("jane", "See you at 3").await.expect(202);
    world.receive(JANE, "Please take me off your list").await;
    let page = world.get("/patients/jane/messages").await;
    let id = page["messages"][0]["id"].as_str().unwrap().to_owned();
    (world, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_says_since_when_and_why_and_when_it_ends() {
    let (world, id) = held().await;
    let consent = consent(&world).await;
    assert_eq!(consent["state"], "opted_in");
    assert_eq!(
        consent["hold"],
        json!({
            // It is Tuesday in Denver.
            "since": "2026-03-04T05:00:00Z", "ends_at": "2026-03-05T05:00:00Z", "evidence": {"message": id},
            "rule": "take-me-off", "words": "take me off your list",
        })
    );
    assert_eq!(staff_texts(&world).await, ["held"]);
    let later = world.draft("jane", "One more thing").await.expect(202);
    assert_eq!(later["status"], "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_release_a_hold_once() {
    let (world, _) = held().await;
    let answer = settle(&world, "release").await.expect(200);
    assert_eq!((&answer["phone"], &answer["consent"]["hold"]), (&json!(JANE), &Value::Null));
    assert_eq!(answer["patients"][0]["id"], "jane");
    assert_eq!(staff_texts(&world).await, ["queued"]);
    for decision in ["release", "opt_out"] {
        settle(&world, decision).await.problem(409, "not-held");
    }
    assert_eq!(consent(&world).await["state"], "opted_in");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_take_for_an_opt_out_is_proved_by_the_patients_text() {
    let (world, id) = held().await;
    world.advance(SignedDuration::from_mins(1));
    let answer = settle(&world, "opt_out").await.expect(200);
    let opted_out = json!({"state": "opted_out", "since": "2026-03-04T05:01:00Z", "evidence": {"message": id}, "hold": null, "suspension": null});
    assert_eq!(answer["consent"], opted_out);
    assert_eq!(consent(&world).await, opted_out);
    assert_eq!(staff_texts(&world).await, ["failed"]);
    world.draft("jane", "Hello?").await.problem(409, "opted-out");
    settle(&world, "opt_out").await.problem(409, "not-held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_one_of_two_and_about_a_conversation_that_exists() {
    let (world, _) = held().await;
    assert_eq!(settle(&world, "maybe").await.problem(422, "invalid")["field"], "decision");
    let path = "/conversations/%2B13035550188/hold";
    let nobody = world.tex(Method::POST, path).json(&json!({"decision": "release"}));
    nobody.send().await.problem(404, "not-found");
    assert_eq!(staff_texts(&world).await, ["held"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_opt_out_a_patient_who_asked_by_voice() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    world.draft("jane", "See you at 3").await.expect(202);
    let answer = opt_out(&world, "Asked at the desk").await.expect(200);
    let evidence = json!({"staff": "tex", "reason": "Asked at the desk"});
    assert_eq!((&answer["consent"]["state"], &answer["consent"]["evidence"]), (&json!("opted_out"), &evidence));
    assert_eq!(consent(&world).await["evidence"], evidence);
    world.draft("jane", "Hello?").await.problem(409, "opted-out");
    let page = world.get("/patients/jane/messages").await;
    let kinds: Vec<&str> = page["messages"].as_array().unwrap().iter().map(|m| m["kind"].as_str().unwrap()).collect();
    assert!(!kinds.contains(&"opt_out_confirmation"), "no text says it again");

    let again = opt_out(&world, "Called, too").await.expect(200);
    assert_eq!(again["consent"]["evidence"], evidence, "what proved it first stays");
    world.advance(SignedDuration::from_mins(1));
    world.receive(JANE, "START").await;
    assert_eq!(consent(&world).await["state"], "opted_in");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_by_staff_has_a_reason_and_may_come_before_any_text() {
    let world = World::start().await;
    for reason in ["", " ", &"x".repeat(201)] {
        assert_eq!(opt_out(&world, reason).await.problem(422, "invalid")["field"], "reason");
    }
    let by_operator = world.operator(Method::POST, &format!("{RIVERSIDE}/patients/jane/opt-out"));
    let answer = by_operator.json(&json!({"reason": "imported"})).send().await.expect(200);
    assert_eq!(answer["consent"]["evidence"], json!({"staff": null, "reason": "imported"}));
    world.draft("jane", "Hello?").await.problem(409, "opted-out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_an_opt_out_that_says_to_call() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    world.receive(JANE, "Cancel").await;
    let consent = consent(&world).await;
    assert_eq!((&consent["state"], &consent["evidence"]["may_mean_appointment"]), (&json!("opted_out"), &json!(true)));
}
