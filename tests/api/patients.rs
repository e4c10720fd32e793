//! Patients: how they are found, and what is told of them.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{JANE, RIVERSIDE, World};

async fn found(world: &World, query: &str) -> Vec<String> {
    let url = reqwest::Url::parse_with_params("http://x/patients", [("search", query)]).unwrap();
    let body = world.get(&format!("/patients?{}", url.query().unwrap())).await;
    body["patients"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_are_found_by_name_phone_and_date_of_birth() {
    let world = World::start().await;
    world.put_patient("jose", "José", "Núñez-Ortega", "+13035550124").await;
    world.put_patient("obrien", "Mary Ann", "O'Brien", "+13035550125").await;
    for (query, expected) in [
        ("", &["jane", "jose", "obrien"][..]),
        ("jane", &["jane"]),
        ("DOE jan", &["jane"]),
        ("nunez jose", &["jose"]),
        ("ortega", &["jose"]),
        ("ann obrien", &["obrien"]),
        ("brien, mary", &["obrien"]),
        ("NUNEZ-ORTEGA", &["jose"]),
        ("303 555 0125", &["obrien"]),
        ("+1 303 555 0125 ann", &["obrien"]),
        ("24", &[]),
        ("O’B", &["obrien"]),
        ("0124", &["jose"]),
        ("(303) 555-0125", &["obrien"]),
        ("1985-03-04", &["jane", "jose", "obrien"]),
        ("03/04/1985 doe", &["jane"]),
        ("3/4/1985 0124", &["jose"]),
        ("oe", &[]),
        ("jane 0124", &[]),
        ("'; DROP TABLE patients; --", &[]),
    ] {
        assert_eq!(found(&world, query).await, expected, "{query}");
    }
    let elsewhere = world.call(Method::GET, "/v1/practices/hilltop/patients").token(&world.other_token).staff("tex");
    assert_eq!(elsewhere.send().await.expect(200), json!({"patients": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_answers_with_fifty_at_most_in_the_order_of_names() {
    let world = World::start().await;
    for number in 0..55 {
        let id = format!("p{number}");
        world.put_patient(&id, "Same", &format!("Name{:02}", 54 - number), &format!("+130355510{number:02}")).await;
    }
    let all = found(&world, "").await;
    assert_eq!((all.len(), all[0].as_str(), all[1].as_str()), (50, "jane", "p54"));
    assert_eq!(found(&world, "name07").await, ["p47"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_is_told_with_consent_and_with_who_shares_the_phone() {
    let world = World::start().await;
    let put = world.put_patient("john", "John", "Doe", JANE).await;
    assert_eq!(
        put,
        json!({
            "id": "john", "first_name": "John", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": JANE,
            "language": "en", "time_zone": null,
        })
    );
    let none = json!({"state": "none", "since": null, "evidence": null, "hold": null, "suspension": null});
    let jane = world.get("/patients/jane").await;
    assert_eq!(
        jane,
        json!({
            "id": "jane", "first_name": "Jane", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": JANE,
            "language": "en", "time_zone": null, "consent": none, "shares_phone_with": [{"id": "john", "first_name": "John", "last_name": "Doe", "linked": false}], "linked_phones": [],
        })
    );

    world.draft("jane", "hello").await.expect(202);
    let invited = json!({"state": "invited", "since": "2026-03-04T05:00:00Z", "evidence": null, "hold": null, "suspension": null});
    assert_eq!(world.get("/patients/john").await["consent"], invited);

    world.receive(JANE, "STOP").await;
    let messages = world.get("/patients/jane/messages").await;
    let stop = messages["messages"].as_array().unwrap().iter().find(|one| one["text"] == "STOP").unwrap();
    for patient in ["jane", "john"] {
        let consent = world.get(&format!("/patients/{patient}")).await["consent"].clone();
        assert_eq!(consent["state"], "opted_out");
        assert_eq!(consent["evidence"], json!({"message": stop["id"]}));
    }

    let moved: Value = json!({
        "first_name": "John", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": "+13035550199",
    });
    world.acting("amy", Method::PUT, &format!("{RIVERSIDE}/patients/john")).json(&moved).send().await.expect(200);
    assert_eq!(world.get("/patients/john").await["consent"]["state"], "none");
    assert_eq!(world.get("/patients/jane").await["shares_phone_with"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_data_whatever_it_looks_like() {
    let world = World::start().await;
    let name = "'; DROP--{{7*7}}<script>\u{202e}";
    let put = world.put_patient("odd", name, "Doe", "+13035550126").await;
    assert_eq!(put["first_name"], name);
    assert_eq!(world.get("/patients/odd").await["first_name"], name);
}
