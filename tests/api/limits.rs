//! What a token may ask for, what a number may send, and what staff hear of it.

use std::num::NonZeroU32;

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{JANE, NUMBER, OPERATOR, RIVERSIDE, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_asks_too_often_is_told_when_to_ask_again() {
    let world = World::of_few_requests(NonZeroU32::MIN).await;
    let ask = async || world.call(Method::GET, "/v1/practices").token(OPERATOR).send().await;
    ask().await.expect(200);
    ask().await.expect(200);
    let refused = ask().await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(429, "too-many-requests");
    // Who shows no token, or a wrong one, has no allowance to use up; and nobody needs one to ask how the daemon is.
    world.call(Method::GET, "/v1/practices").send().await.problem(401, "not-authenticated");
    world.call(Method::GET, "/healthz").send().await.expect(200);
}

/// A practice that may send one segment a day, and a patient who is opted in.
async fn one_segment_a_day() -> World {
    let world = World::start().await;
    let practice = json!({
        "name": "riverside", "number": NUMBER, "time_zone": "America/Denver", "contact": "303-555-0199",
        "segments_per_day": 1,
    });
    let put = world.operator(Method::PUT, RIVERSIDE).json(&practice).send().await.expect(200);
    assert_eq!(put["segments_per_day"], 1);
    world.receive(JANE, "START").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_text_says_when_it_is_expected_to_go() {
    let world = one_segment_a_day().await;
    // The START confirmation takes the one segment of the day. It is nine in the evening on the Pacific coast, and ten in
    // Denver, where the practice opens at eight.
    let morning = json!("2026-03-04T15:00:00Z");
    let accepted = world.draft("jane", "see you at 3").await.expect(202);
    assert_eq!((&accepted["status"], &accepted["expected_at"]), (&json!("queued"), &morning));
    let thread = world.get("/patients/jane/messages").await;
    let expected: Vec<&Value> = thread["messages"].as_array().unwrap().iter().map(|one| &one["expected_at"]).collect();
    assert_eq!(expected[0], &morning);
    assert!(expected[1].is_string(), "the confirmation: {thread}");
    assert_eq!(expected[2], &Value::Null, "what the patient said: {thread}");
    let id = accepted["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/patients/jane/messages/{id}")).await["expected_at"], morning);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_sees_what_its_number_has_sent_today() {
    let world = one_segment_a_day().await;
    let today =
        async || world.call(Method::GET, RIVERSIDE).token(&world.token).send().await.expect(200)["today"].clone();
    // The segment is drawn as soon as the confirmation has its turn.
    while today().await["segments"] == 0 {
        tokio::task::yield_now().await;
    }
    let spent = json!({"segments": 1, "segments_per_day": 1, "budget": "spent", "ends_at": "2026-03-04T08:00:00Z"});
    assert_eq!(today().await, spent);
    let practice = json!({
        "name": "riverside", "number": NUMBER, "time_zone": "America/Denver", "contact": "303-555-0199",
        "segments_per_day": null,
    });
    world.operator(Method::PUT, RIVERSIDE).json(&practice).send().await.expect(200);
    let unlimited =
        json!({"segments": 1, "segments_per_day": null, "budget": "open", "ends_at": "2026-03-04T08:00:00Z"});
    assert_eq!(today().await, unlimited);
}
