//! Templates: texts that staff keep, with fields for what differs from patient to patient.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, RIVERSIDE, World};

async fn put(world: &World, id: &str, text: &str) -> Answer {
    let body = json!({"name": "Reminder", "text": text, "language": "en"});
    world.tex(Method::PUT, &format!("/templates/{id}")).json(&body).send().await
}

async fn render(world: &World, id: &str, patient: &str) -> Answer {
    world.tex(Method::POST, &format!("/templates/{id}/render")).json(&json!({"patient": patient})).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_kept_filled_for_a_patient_changed_and_removed() {
    let world = World::start().await;
    let text = "Hi {first_name}, {practice_name} expects you tomorrow. Questions? {practice_contact}";
    let kept = put(&world, "reminder", text).await.expect(201);
    assert_eq!(
        kept,
        json!({
            "id": "reminder", "name": "Reminder", "text": text, "language": "en",
            "fields": ["first_name", "practice_name", "practice_contact"], "encoding": "gsm7", "segments": 1,
        })
    );
    assert_eq!(world.get("/templates/reminder").await, kept);
    let rendered = render(&world, "reminder", "jane").await.expect(200);
    let practice = world.operator(Method::GET, RIVERSIDE).send().await.expect(200);
    let (name, contact) = (practice["name"].as_str().unwrap(), practice["contact"].as_str().unwrap());
    let filled = format!("Hi Jane, {name} expects you tomorrow. Questions? {contact}");
    assert_eq!(rendered, json!({"text": filled, "encoding": "gsm7", "segments": 1, "replaced": []}));

    let spanish = json!({"name": "Aviso", "text": "Hola “{first_name}”", "language": "es"});
    let changed = world.tex(Method::PUT, "/templates/reminder").json(&spanish).send().await.expect(200);
    assert_eq!(changed["language"], "es");
    let rendered = render(&world, "reminder", "jane").await.expect(200);
    let quotes = json!([{"from": "“", "to": "\""}, {"from": "”", "to": "\""}]);
    assert_eq!(rendered, json!({"text": "Hola \"Jane\"", "encoding": "gsm7", "segments": 1, "replaced": quotes}));

    put(&world, "absent", "We missed you").await.expect(201);
    let names = |list: &Value| -> Vec<String> {
        list["templates"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&world.get("/templates").await), ["reminder", "absent"], "by name");
    world.tex(Method::DELETE, "/templates/reminder").send().await.expect(204);
    assert_eq!(names(&world.get("/templates").await), ["absent"]);
    world.tex(Method::GET, "/templates/reminder").send().await.problem(404, "not-found");
    world.tex(Method::DELETE, "/templates/reminder").send().await.problem(404, "not-found");
    render(&world, "reminder", "jane").await.problem(404, "not-found");
    let elsewhere = world.call(Method::GET, "/v1/practices/hilltop/templates").token(&world.other_token).staff("tex");
    assert_eq!(elsewhere.send().await.expect(200), json!({"templates": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_could_not_be_sent_is_refused_and_told_why() {
    let world = World::start().await;
    for (text, told) in [
        ("Hi {name}", "text: {name} at character 4 is not a field"),
        ("Hi {Jane Doe}", "text: what stands in braces at character 4 is not a field"),
        ("Hi {first_name", "text: the brace at character 4 is not closed"),
        ("Hi first_name}", "text: the brace at character 14 closes nothing"),
        (" \n", "text: must not be blank"),
        ("Hi\u{7}", "text: must have no control characters"),
    ] {
        let problem = put(&world, "reminder", text).await.problem(422, "invalid");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(told), "{text:?}: {detail}");
        assert!(!detail.contains("Jane"), "what may be a name is not repeated: {detail}");
    }
    // Measured with names of twenty letters: 1,530 characters are ten segments.
    let long = format!("{}{{first_name}}", "a".repeat(1_510));
    let kept = put(&world, "long", &long).await.expect(201);
    assert_eq!((kept["segments"].as_u64(), kept["encoding"].as_str()), (Some(10), Some("gsm7")));
    let problem = put(&world, "longer", &format!("a{long}")).await.problem(422, "invalid");
    assert_eq!(problem["detail"], "text: would take 11 segments, and 10 is the most.");
    put(&world, ".x", "Hi").await.problem(422, "invalid");
    assert_eq!(world.get("/templates").await["templates"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_does_not_fit_for_a_patient_is_told_before_it_is_sent() {
    let world = World::start().await;
    put(&world, "long", &format!("{{first_name}}{}", "a".repeat(1_510))).await.expect(201);
    render(&world, "long", "jane").await.expect(200);
    world.put_patient("wladyslaw", "Władysław", "Nowak", "+13035550124").await;
    let problem = render(&world, "long", "wladyslaw").await.problem(422, "invalid");
    assert_eq!(problem["field"], "patient");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("segments, and 10 is the most") && !detail.contains("ł"), "{detail}");
    render(&world, "long", "nobody").await.problem(422, "invalid");
    render(&world, "long", "../jane").await.problem(422, "invalid");

    put(&world, "greeting", "Hi {first_name} {last_name}").await.expect(201);
    world.put_patient("tricky", "{last_name}", "{practice_contact}", "+13035550125").await;
    let rendered = render(&world, "greeting", "tricky").await.expect(200);
    assert_eq!(rendered["text"], "Hi {last_name} {practice_contact}", "a name is never read for fields");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_edit_a_template_the_second_is_told() {
    let world = World::start().await;
    let body = json!({"name": "Reminder", "text": "See you"});
    let created = world.tex(Method::PUT, "/templates/reminder").header("If-None-Match", "*").json(&body).send().await;
    let tag = created.header("etag").to_owned();
    assert_eq!(created.expect(201)["language"], "en", "English if nothing is said");
    assert_eq!(world.tex(Method::GET, "/templates/reminder").send().await.header("etag"), tag);
    put(&world, "reminder", "See you soon").await.expect(200);
    let stale = |method| world.tex(method, "/templates/reminder").header("If-Match", &tag).json(&body);
    stale(Method::PUT).send().await.problem(412, "changed-meanwhile");
    stale(Method::DELETE).send().await.problem(412, "changed-meanwhile");
    assert_eq!(world.get("/templates/reminder").await["text"], "See you soon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_has_two_hundred_templates_at_most() {
    let world = World::start().await;
    for number in 0..200 {
        put(&world, &format!("t{number}"), "See you").await.expect(201);
    }
    put(&world, "one-more", "See you").await.problem(409, "too-many-templates");
    put(&world, "t7", "See you soon").await.expect(200);
    world.tex(Method::DELETE, "/templates/t8").send().await.expect(204);
    put(&world, "one-more", "See you").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_there_after_a_restart() {
    let world = World::start().await;
    let kept = put(&world, "reminder", "Hi {first_name}").await.expect(201);
    put(&world, "gone", "Hi").await.expect(201);
    world.tex(Method::DELETE, "/templates/gone").send().await.expect(204);
    let world = world.restart().await;
    assert_eq!(world.get("/templates").await, json!({"templates": [kept]}));
}
