//! An unknown number turns out to be a patient's: staff say so, write there, and can take it back.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, JANE, RIVERSIDE, World};

/// A number that nobody's record has.
const UNKNOWN: &str = "+13035550188";
const OF_UNKNOWN: &str = "/conversations/%2B13035550188";

async fn link(world: &World, patient: &str) -> Answer {
    world.tex(Method::PUT, &format!("{OF_UNKNOWN}/patients/{patient}")).send().await
}

async fn unlink(world: &World, patient: &str) -> Answer {
    world.tex(Method::DELETE, &format!("{OF_UNKNOWN}/patients/{patient}")).send().await
}

/// Whom the inbox names for the unknown number, and by what.
async fn people(world: &World) -> Value {
    let inbox = world.get("/conversations").await;
    let rows = inbox["conversations"].as_array().unwrap();
    rows.iter().find(|row| row["phone"] == UNKNOWN).unwrap()["patients"].clone()
}

async fn write(world: &World, patient: &str, phone: &str) -> Answer {
    let body = json!({"text": "Is this you?", "phone": phone});
    world.tex(Method::POST, &format!("/patients/{patient}/messages")).json(&body).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_number_becomes_a_patients_and_is_nobodys_again() {
    let world = World::start().await;
    world.receive(UNKNOWN, "Hi, it's Jane, I have a new phone").await;
    assert_eq!(people(&world).await, json!([]));

    let linked = link(&world, "jane").await.expect(201);
    let by_whom = json!({"by": "tex", "at": "2026-03-04T05:00:00Z"});
    assert_eq!((&linked["id"], &linked["mobile_phone"], &linked["linked"]), (&json!("jane"), &json!(JANE), &by_whom));
    let jane = json!({"id": "jane", "first_name": "Jane", "last_name": "Doe", "linked": true});
    assert_eq!(people(&world).await, json!([jane]));
    let told = world.get("/patients/jane").await;
    assert_eq!(told["linked_phones"], json!([{"phone": UNKNOWN, "by": "tex", "at": "2026-03-04T05:00:00Z"}]));
    assert_eq!(told["mobile_phone"], JANE, "the record is the practice's own");

    world.advance(jiff::SignedDuration::from_hours(1));
    let again = world.acting("amy", Method::PUT, &format!("{RIVERSIDE}{OF_UNKNOWN}/patients/jane")).send().await;
    assert_eq!(again.expect(200)["linked"], by_whom, "who found out first did");

    unlink(&world, "jane").await.expect(204);
    assert_eq!(people(&world).await, json!([]));
    assert_eq!(world.get("/patients/jane").await["linked_phones"], json!([]));
    unlink(&world, "jane").await.problem(404, "not-found");
    let linked = link(&world, "jane").await.expect(201);
    assert_eq!(linked["linked"]["at"], "2026-03-04T06:00:00Z", "another time is another link");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_between_a_conversation_and_a_patient_that_there_are() {
    let world = World::start().await;
    link(&world, "jane").await.problem(404, "not-found");
    world.receive(UNKNOWN, "Hi").await;
    link(&world, "nobody").await.problem(404, "not-found");
    link(&world, "jane").await.expect(201);
    let elsewhere = format!("/v1/practices/hilltop{OF_UNKNOWN}/patients/jane");
    for method in [Method::PUT, Method::DELETE] {
        let foreign = world.call(method, &elsewhere).token(&world.other_token).staff("tex");
        foreign.send().await.problem(404, "not-found");
    }
    let practice = json!({"name": "Late", "number": UNKNOWN, "time_zone": "America/Denver", "contact": "303-555-0199"});
    let taken = world.operator(Method::PUT, "/v1/practices/late").json(&practice).send().await;
    taken.problem(409, "number-taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opts_nobody_in_and_what_is_written_there_asks_the_phone() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    world.receive(UNKNOWN, "Hi, it's Jane").await;
    let told = write(&world, "jane", UNKNOWN).await.problem(422, "invalid");
    assert_eq!(told["field"], "phone");
    link(&world, "jane").await.expect(201);

    let there = write(&world, "jane", UNKNOWN).await.expect(202);
    assert_eq!(there["status"], "pending", "the phone in the record is opted in, and this one is not");
    assert_eq!(write(&world, "jane", JANE).await.expect(202)["status"], "queued");
    assert_eq!(world.draft("jane", "and so without a phone").await.expect(202)["status"], "queued");

    let path = format!("/patients/jane/messages/{}", there["id"].as_str().unwrap());
    assert_eq!(world.get(&path).await["text"], "Is this you?", "it is found by the patient");
    let thread = world.get("/patients/jane/messages?phone=%2B13035550188").await;
    let texts: Vec<&str> =
        thread["messages"].as_array().unwrap().iter().filter_map(|message| message["text"].as_str()).collect();
    assert!(texts.contains(&"Is this you?") && texts.contains(&"Hi, it's Jane"), "{texts:?}");
    let own = world.get("/patients/jane/messages").await;
    assert!(own["messages"].as_array().unwrap().iter().all(|message| message["id"] != there["id"]));
    let nobodys = world.tex(Method::GET, "/patients/jane/messages?phone=%2B13035550189").send().await;
    assert_eq!(nobodys.problem(422, "invalid")["field"], "phone");

    world.receive(UNKNOWN, "STOP").await;
    write(&world, "jane", UNKNOWN).await.problem(409, "opted-out");
    write(&world, "jane", JANE).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_for_another_phone_is_another_request() {
    let world = World::start().await;
    world.receive(UNKNOWN, "Hi, it's Jane").await;
    link(&world, "jane").await.expect(201);
    let write = |body: Value| {
        world.tex(Method::POST, "/patients/jane/messages").header("Idempotency-Key", "once").json(&body).send()
    };
    let first = write(json!({"text": "Hello", "phone": UNKNOWN})).await.expect(202);
    assert_eq!(write(json!({"text": "Hello", "phone": UNKNOWN})).await.expect(202)["id"], first["id"]);
    write(json!({"text": "Hello"})).await.problem(422, "idempotency-key-reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_when_a_link_is_taken_back_stays_and_can_be_taken_back_itself() {
    let world = World::start().await;
    world.receive(UNKNOWN, "Hi").await;
    link(&world, "jane").await.expect(201);
    let waiting = write(&world, "jane", UNKNOWN).await.expect(202);
    unlink(&world, "jane").await.expect(204);

    let id = waiting["id"].as_str().unwrap();
    world.tex(Method::GET, &format!("/patients/jane/messages/{id}")).send().await.problem(404, "not-found");
    let path = format!("{OF_UNKNOWN}/messages/{id}");
    assert_eq!(world.get(&path).await["status"], "pending");
    let canceled = world.tex(Method::DELETE, &path).send().await.expect(200);
    assert_eq!(canceled["status"], "canceled");
    let known = format!("{OF_UNKNOWN}/messages/{id}/resolve");
    world.tex(Method::POST, &known).json(&json!({"decision": "sent"})).send().await.problem(409, "not-unconfirmed");
    let foreign = format!("/conversations/%2B13035550123/messages/{id}");
    world.tex(Method::GET, &foreign).send().await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_survives_a_put_of_the_patient_and_says_nothing_once_the_record_has_the_phone() {
    let world = World::start().await;
    world.receive(UNKNOWN, "Hi").await;
    link(&world, "jane").await.expect(201);
    let put = |phone: &str| {
        let body =
            json!({"first_name": "Jane", "last_name": "Roe", "date_of_birth": "1985-03-04", "mobile_phone": phone});
        world.tex(Method::PUT, "/patients/jane").json(&body).send()
    };
    put(JANE).await.expect(200);
    assert_eq!(people(&world).await[0]["linked"], true);
    put(UNKNOWN).await.expect(200);
    let people_then = people(&world).await;
    assert_eq!(people_then, json!([{"id": "jane", "first_name": "Jane", "last_name": "Roe", "linked": false}]), "once");
    write(&world, "jane", UNKNOWN).await.expect(202);
    unlink(&world, "jane").await.expect(204);
    assert_eq!(people(&world).await, people_then, "the record still says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_family_shares_a_linked_phone_up_to_a_bound() {
    let world = World::start().await;
    world.receive(UNKNOWN, "Hi").await;
    for number in 0..11 {
        let id = format!("p{number:02}");
        world.put_patient(&id, "Kid", "Doe", &format!("+13035552{}", 200 + number)).await;
        let answer = link(&world, &id).await;
        match number {
            10 => drop(answer.problem(409, "too-many-links")),
            _ => drop(answer.expect(201)),
        }
    }
    assert_eq!(people(&world).await.as_array().unwrap().len(), 10);
    let own = world.get("/patients/p00").await;
    assert_eq!(own["shares_phone_with"], json!([]), "the phone in the record is theirs alone");
    unlink(&world, "p03").await.expect(204);
    link(&world, "p10").await.expect(201);

    for number in 0..11 {
        let phone = format!("+13035551{}", 200 + number);
        world.receive(&phone, "Hi").await;
        let path = format!("/conversations/{}/patients/jane", phone.replace('+', "%2B"));
        let answer = world.tex(Method::PUT, &path).send().await;
        match number {
            10 => drop(answer.problem(409, "too-many-links")),
            _ => drop(answer.expect(201)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_by_voice_is_of_the_phone_that_it_names() {
    let world = World::start().await;
    world.receive(UNKNOWN, "START").await;
    link(&world, "jane").await.expect(201);
    let opt_out = |body: Value| world.tex(Method::POST, "/patients/jane/opt-out").json(&body).send();
    let told = opt_out(json!({"reason": "Asked at the desk", "phone": UNKNOWN})).await.expect(200);
    assert_eq!((&told["phone"], &told["consent"]["state"]), (&json!(UNKNOWN), &json!("opted_out")));
    assert_eq!(world.get("/patients/jane").await["consent"]["state"], "none");
    opt_out(json!({"reason": "Asked at the desk", "phone": "+13035550189"})).await.problem(422, "invalid");
}
