//! Quiet hours, office hours, and how a patient wants to be texted.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, JANE, NUMBER, RIVERSIDE, World};

async fn put(world: &World, quiet_hours: Value, office_hours: Value) -> Answer {
    let practice = json!({
        "name": "Riverside PT", "number": NUMBER, "time_zone": "America/Denver", "contact": "303-555-0199",
        "quiet_hours": quiet_hours, "office_hours": office_hours,
    });
    world.operator(Method::PUT, RIVERSIDE).json(&practice).send().await
}

async fn put_jane(world: &World, also: &[(&str, Value)]) -> Answer {
    let mut jane = json!({
        "first_name": "Jane", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": JANE,
    });
    for (field, value) in also {
        jane[field] = value.clone();
    }
    world.tex(Method::PUT, "/patients/jane").json(&jane).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_told_as_they_were_set() {
    let world = World::start().await;
    let quiet = json!({"from": "21:00", "to": "08:00"});
    let office = json!({"monday": ["08:00-12:00", "13:00-17:30"], "saturday": ["09:00-24:00"]});
    let told = put(&world, quiet.clone(), office.clone()).await.expect(200);
    assert_eq!((&told["quiet_hours"], &told["office_hours"]), (&quiet, &office));
    let never = put(&world, Value::Null, json!({"sunday": []})).await.expect(200);
    assert_eq!((&never["quiet_hours"], &never["office_hours"]), (&Value::Null, &json!({})));
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_can_not_be_are_refused_and_named() {
    let world = World::start().await;
    for (quiet, office, field) in [
        (json!({"from": "9pm", "to": "08:00"}), Value::Null, "quiet_hours.from"),
        (json!({"from": "21:00"}), Value::Null, "quiet_hours.to"),
        (json!({"from": "21:00", "to": "21:00"}), Value::Null, "quiet_hours.to"),
        (json!({"from": "21:00", "to": "08:00", "zone": "UTC"}), Value::Null, "quiet_hours.zone"),
        (Value::Null, json!({"monday": "08:00-12:00"}), "office_hours.monday"),
        (Value::Null, json!({"monday": ["12:00-08:00"]}), "office_hours.monday"),
        (Value::Null, json!({"monday": ["08:00-12:00", "11:00-17:00"]}), "office_hours.monday"),
        (Value::Null, json!({"monday": [8]}), "office_hours.monday"),
        (Value::Null, json!({"mon": ["08:00-12:00"]}), "office_hours.mon"),
    ] {
        let problem = put(&world, quiet, office).await.problem(422, "invalid");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["field"], field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_at_night_is_scheduled_and_says_for_when() {
    let world = World::start().await;
    world.receive(JANE, "START").await;
    put(&world, json!({"from": "20:00", "to": "08:00"}), Value::Null).await.expect(200);
    // Jane texted a moment ago, at ten in the evening in Denver: she is awake.
    assert_eq!(world.draft("jane", "see you at 3").await.expect(202)["status"], "queued");

    world.put_patient("john", "John", "Doe", "+13035550126").await;
    let draft = world.draft("john", "see you at 4").await.expect(202);
    assert_eq!(draft["status"], "pending", "it waits for the invitation, which waits for the morning");
    let thread = world.get("/patients/john/messages").await;
    let invitation = thread["messages"].as_array().unwrap().iter().find(|one| one["kind"] == "invitation").unwrap();
    assert_eq!(
        (&invitation["status"], &invitation["expected_at"]),
        (&json!("scheduled"), &json!("2026-03-04T15:00:00Z"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_may_have_a_language_and_a_time_zone() {
    let world = World::start().await;
    let zone = json!("Pacific/Honolulu");
    let told = put_jane(&world, &[("language", json!("es")), ("time_zone", zone.clone())]).await.expect(200);
    assert_eq!((&told["language"], &told["time_zone"]), (&json!("es"), &zone));
    world.draft("jane", "hola").await.expect(202);
    let thread = world.get("/patients/jane/messages").await;
    assert!(thread["messages"].to_string().contains("Responda SI"), "{thread}");

    let told = put_jane(&world, &[("time_zone", Value::Null)]).await.expect(200);
    assert_eq!((&told["language"], &told["time_zone"]), (&json!("en"), &Value::Null));
    for (field, value) in [("language", json!("fr")), ("language", json!(1)), ("time_zone", json!("Denver"))] {
        let problem = put_jane(&world, &[(field, value)]).await.problem(422, "invalid");
        assert_eq!(problem["field"], field);
    }
}
