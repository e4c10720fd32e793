//! The store fails: nothing is said to be done that is not, and nothing is done twice afterwards.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, Call, JANE, NUMBER, RIVERSIDE, World};

#[track_caller]
fn is_503(answer: Answer) {
    assert_eq!(answer.header("retry-after"), "5");
    answer.problem(503, "unavailable");
}

fn draft(world: &World) -> Call {
    let call = world.tex(Method::POST, "/patients/jane/messages").header("Idempotency-Key", "key-1");
    call.json(&json!({"text": "hello"}))
}

fn patient() -> Value {
    json!({"first_name": "New", "last_name": "Patient", "date_of_birth": "1985-03-04", "mobile_phone": "+13035550124"})
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_down_what_needs_it_is_503() {
    let world = World::start().await;
    world.receive(JANE, "hello").await;
    let message = world.get("/patients/jane/messages").await["messages"][0]["id"].as_str().unwrap().to_owned();
    world.store.fail();
    for path in [
        "/patients/jane",
        "/patients/jane/messages",
        &format!("/patients/jane/messages/{message}"),
        "/conversations",
        "/unread",
        "/events",
    ] {
        is_503(world.tex(Method::GET, path).send().await);
    }
    is_503(draft(&world).send().await);
    for mark in ["read", "unread"] {
        is_503(world.tex(Method::POST, &format!("/conversations/%2B13035550123/{mark}")).send().await);
    }
    is_503(world.tex(Method::PUT, "/patients/new").json(&patient()).send().await);
    is_503(world.operator(Method::PUT, &format!("{RIVERSIDE}/staff/new")).json(&json!({"name": "New"})).send().await);
    is_503(world.operator(Method::POST, &format!("{RIVERSIDE}/tokens")).json(&json!({"name": "x"})).send().await);
    is_503(world.operator(Method::POST, &format!("{RIVERSIDE}/staff/tex/sessions")).send().await);

    world.store.work();
    world.tex(Method::GET, "/patients/new").send().await.problem(404, "not-found");
    assert_eq!(world.get("/patients?search=new").await, json!({"patients": []}));
    assert_eq!(world.get("/patients/jane/messages").await["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_whose_answer_was_lost_is_one_message() {
    let world = World::start().await;
    world.store.lose_answers();
    // The conversation reads back what it has written, so that the caller hears of no trouble at all.
    let first = draft(&world).send().await.expect(202);
    world.store.work();
    assert_eq!(draft(&world).send().await.expect(202)["id"], first["id"]);
    assert_eq!(world.get("/patients/jane/messages").await["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_whose_practice_was_written_without_an_answer_is_taken() {
    let world = World::start().await;
    let practice = json!({"name": "P", "number": "+13035550300", "time_zone": "UTC", "contact": "x"});
    world.store.lose_answers();
    is_503(world.operator(Method::PUT, "/v1/practices/first").json(&practice).send().await);
    world.store.work();
    world.operator(Method::PUT, "/v1/practices/second").json(&practice).send().await.problem(409, "number-taken");
    world.operator(Method::PUT, "/v1/practices/first").json(&practice).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_until_its_revocation_is_acknowledged() {
    let world = World::start().await;
    let token = world.token.split('_').nth(1).unwrap().to_owned();
    let path = format!("{RIVERSIDE}/tokens/{token}");
    world.store.fail();
    is_503(world.operator(Method::DELETE, &path).send().await);
    world.store.work();
    world.tex(Method::GET, "/unread").send().await.expect(200);
    world.operator(Method::DELETE, &path).send().await.expect(204);
    world.tex(Method::GET, "/unread").send().await.problem(401, "not-authenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_brings_the_records_back() {
    let world = World::start().await;
    let session = world.new_session("tex").await;
    let world = world.restart().await;
    assert_eq!(world.get("/patients?search=jane").await["patients"][0]["mobile_phone"], JANE);
    let practice = world.operator(Method::GET, RIVERSIDE).send().await.expect(200);
    assert_eq!((&practice["number"], &practice["segments_per_minute"]), (&json!(NUMBER), &json!(75)));
    let unread = format!("{RIVERSIDE}/unread");
    world.call(Method::GET, &unread).token(&session).send().await.expect(200);
    world.advance(SignedDuration::from_mins(15));
    world.call(Method::GET, &unread).token(&session).send().await.problem(401, "not-authenticated");
}
