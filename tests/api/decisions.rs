//! What staff decide: when a text is to go, to take it back, and what became of one of which nobody knows.

use assent::domain::{ConversationKey, Event, Phone, PracticeId};
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, JANE, RIVERSIDE, World};

async fn draft_for(world: &World, text: &str, send_at: Value) -> Answer {
    let body = json!({"text": text, "send_at": send_at});
    world.tex(Method::POST, "/patients/jane/messages").json(&body).send().await
}

async fn take_back(world: &World, id: &Value) -> Answer {
    world.tex(Method::DELETE, &format!("/patients/jane/messages/{}", id.as_str().unwrap())).send().await
}

async fn resolve(world: &World, id: &Value, decision: &str) -> Answer {
    let path = format!("/patients/jane/messages/{}/resolve", id.as_str().unwrap());
    world.tex(Method::POST, &path).json(&json!({"decision": decision})).send().await
}

/// A text of staff's of which nobody knows whether it went out.
async fn unconfirmed(world: &World, text: &str) -> Value {
    let id = world.draft("jane", text).await.expect(202)["id"].clone();
    let key = ConversationKey { practice: PracticeId::parse("riverside").unwrap(), phone: Phone::parse(JANE).unwrap() };
    world.directory.ask(&key, Event::StoreWentBack).await.unwrap();
    assert_eq!(message(world, &id).await["status"], "unconfirmed");
    id
}

async fn message(world: &World, id: &Value) -> Value {
    world.get(&format!("/patients/jane/messages/{}", id.as_str().unwrap())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_for_later_says_when_it_goes_and_can_be_taken_back() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    let at = json!("2026-03-05T16:00:00Z");
    let text = draft_for(&world, "See you in an hour.", at.clone()).await.expect(202);
    assert_eq!((&text["status"], &text["expected_at"]), (&json!("scheduled"), &at));
    let canceled = take_back(&world, &text["id"]).await.expect(200);
    assert_eq!((&canceled["status"], &canceled["id"]), (&json!("canceled"), &text["id"]));
    assert_eq!(take_back(&world, &text["id"]).await.expect(200), canceled, "once more is no mistake");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_time_is_another_request() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    let ask = async |send_at: Value| {
        let body = json!({"text": "hello", "send_at": send_at});
        world.tex(Method::POST, "/patients/jane/messages").header("Idempotency-Key", "k").json(&body).send().await
    };
    let first = ask(json!("2026-03-05T16:00:00Z")).await.expect(202);
    assert_eq!(ask(json!("2026-03-05T09:00:00-07:00")).await.expect(202)["id"], first["id"], "it is the same time");
    ask(json!("2026-03-05T16:00:01Z")).await.problem(422, "idempotency-key-reused");
    ask(Value::Null).await.problem(422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_can_not_be_is_refused() {
    let world = World::start().await;
    for send_at in [
        json!("tomorrow"),
        json!(1_772_000_000),
        json!("2028-01-01T00:00:00Z"),
        json!("2020-01-01T00:00:00Z"),
        json!(""),
    ] {
        let problem = draft_for(&world, "hello", send_at).await.problem(422, "invalid");
        assert_eq!(problem["field"], "send_at");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_gone_out_can_not_be_taken_back() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    let id = unconfirmed(&world, "Take two pills.").await;
    take_back(&world, &id).await.problem(409, "too-late");
    world.tex(Method::DELETE, "/patients/jane/messages/0000000000000000-1").send().await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_settle_what_nobody_knows() {
    let world = World::start().await;
    world.receive(JANE, "START").await;

    let id = unconfirmed(&world, "Take two pills.").await;
    let again = resolve(&world, &id, "resend").await.expect(202);
    assert_eq!(
        (&again["text"], &again["status"], &again["staff"]),
        (&json!("Take two pills."), &json!("queued"), &json!("tex"))
    );
    assert_ne!(again["id"], id);
    assert_eq!(message(&world, &id).await["failure"]["code"], "sent-again");
    resolve(&world, &id, "resend").await.problem(409, "not-unconfirmed");

    let id = unconfirmed(&world, "Rest your knee.").await;
    assert_eq!(resolve(&world, &id, "sent").await.expect(200)["status"], "sent");
    let id = unconfirmed(&world, "See you.").await;
    let settled = resolve(&world, &id, "discard").await.expect(200);
    assert_eq!((&settled["status"], &settled["failure"]["code"]), (&json!("failed"), &json!("discarded")));

    let problem = resolve(&world, &id, "forget").await.problem(422, "invalid");
    assert_eq!(problem["field"], "decision");
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_asks_for_consent_anew() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    let id = unconfirmed(&world, "Take two pills.").await;
    world.receive(JANE, "STOP").await;
    resolve(&world, &id, "resend").await.problem(409, "opted-out");
    assert_eq!(message(&world, &id).await["status"], "unconfirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_whose_author_lost_the_permission_waits_for_somebody_who_has_it() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    let texting = |may: bool| json!({"name": "Una", "site_administrator": false, "patient_text_administrator": may});
    let una = format!("{RIVERSIDE}/staff/una");
    world.operator(Method::PUT, &una).json(&texting(true)).send().await.expect(201);
    let drafts = async |text: &str| {
        let path = format!("{RIVERSIDE}/patients/jane/messages");
        let body = json!({"text": text, "send_at": "2026-03-05T16:00:00Z"});
        world.acting("una", Method::POST, &path).json(&body).send().await
    };
    let first = drafts("See you in an hour.").await.expect(202);
    let second = drafts("And bring your card.").await.expect(202);
    resolve(&world, &first["id"], "send").await.problem(409, "author-may-send");
    world.operator(Method::PUT, &una).json(&texting(false)).send().await.expect(200);
    world.advance(jiff::SignedDuration::from_hours(36));
    let key = ConversationKey { practice: PracticeId::parse("riverside").unwrap(), phone: Phone::parse(JANE).unwrap() };
    world.directory.ask(&key, Event::Woken).await.unwrap();
    let held = message(&world, &first["id"]).await;
    assert_eq!((&held["status"], &held["failure"]["code"]), (&json!("held"), &json!("author-may-not-text")));

    let sent = resolve(&world, &first["id"], "send").await.expect(202);
    assert_eq!((&sent["text"], &sent["staff"]), (&json!("See you in an hour."), &json!("tex")));
    let old = message(&world, &first["id"]).await;
    assert_eq!((&old["staff"], &old["failure"]["code"]), (&json!("una"), &json!("taken-over")));
    resolve(&world, &first["id"], "send").await.problem(409, "author-may-send");
    let discarded = resolve(&world, &second["id"], "discard").await.expect(200);
    assert_eq!((&discarded["status"], &discarded["failure"]), (&json!("canceled"), &Value::Null));
}
