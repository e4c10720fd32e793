//! Every field of every call: what it takes, and how it is named when it can't be taken.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{NUMBER, RIVERSIDE, World};

/// Sends a body that is good but for one field, with each bad value, and reads which field the answer names.
async fn check(world: &World, method: Method, path: &str, good: &Value, field: &str, needed: bool, bad: &[Value]) {
    if needed {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        let problem = world.operator(method.clone(), path).json(&body).send().await.problem(422, "invalid");
        assert_eq!(problem["errors"], json!([{"field": field, "detail": "is required"}]));
    }
    for value in bad {
        let mut body = good.clone();
        body[field] = value.clone();
        let problem = world.operator(method.clone(), path).json(&body).send().await.problem(422, "invalid");
        assert_eq!(problem["field"], field, "{value}");
        let errors = problem["errors"].as_array().unwrap();
        assert_eq!((errors.len(), &errors[0]["field"]), (1, &json!(field)), "{value}");
        let detail = errors[0]["detail"].as_str().unwrap();
        let is_personal = value.as_str().is_some_and(|text| text.len() > 12 && problem.to_string().contains(text));
        assert!(!detail.is_empty() && !is_personal, "{value}: {problem}");
    }
    let mut extra = good.clone();
    for name in ["status", "consent", "practice_id", "id"] {
        extra[name] = json!("x");
        let problem = world.operator(method.clone(), path).json(&extra).send().await.problem(422, "invalid");
        assert_eq!(problem["errors"], json!([{"field": name, "detail": "is not a field of this call"}]));
        extra.as_object_mut().unwrap().remove(name);
    }
    let repeated = format!("{},\"{field}\":{}}}", good.to_string().trim_end_matches('}'), good[field]);
    let problem = world.operator(method, path).raw(repeated).send().await.problem(422, "invalid");
    assert_eq!(problem["errors"], json!([{"field": field, "detail": "is given more than once"}]));
}

const NOT_STRINGS: [Value; 3] = [Value::Null, Value::Bool(true), Value::Array(Vec::new())];

fn with_others(bad: &[&str]) -> Vec<Value> {
    bad.iter().map(|text| json!(text)).chain(NOT_STRINGS).chain([json!(7), json!({"a": 1})]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_a_practice() {
    let world = World::start().await;
    let good = json!({
        "name": "Riverside", "number": NUMBER, "time_zone": "America/Denver", "contact": "303-555-0199",
        "segments_per_minute": 75, "segments_per_day": 2_000, "texts": {},
        "quiet_hours": {"from": "21:00", "to": "08:00"}, "office_hours": {"monday": ["08:00-12:00", "13:00-17:00"]},
    });
    let check = async |field, needed, bad: &[Value]| {
        check(&world, Method::PUT, RIVERSIDE, &good, field, needed, bad).await;
    };
    let names = with_others(&["", "   ", "two\nlines", "nul\0", &"x".repeat(61)]);
    check("name", true, &names).await;
    check("contact", true, &names).await;
    check(
        "number",
        true,
        &with_others(&["", "+1", "3035550100", "+1 303 555 0100", "+1303555010a", "+1234567890123456"]),
    )
    .await;
    check("time_zone", true, &with_others(&["", "Denver", "America/Nowhere", "../etc/passwd", "+07:00"])).await;
    let numbers = [json!(0), json!(-1), json!(100_000_001), json!(1.5), json!("75"), json!(null), json!(1e30)];
    check("segments_per_minute", false, &numbers).await;
    // Here null has a meaning: no limit.
    let numbers = [json!(0), json!(-1), json!(1_000_000_001), json!(1.5), json!("2000"), json!([]), json!(1e30)];
    check("segments_per_day", false, &numbers).await;
    check("texts", false, &[json!(null), json!("x"), json!([])]).await;
    // Here null has a meaning: no such hours.
    check("quiet_hours", false, &[json!("21:00"), json!([]), json!(21)]).await;
    check("office_hours", false, &[json!("08:00"), json!([]), json!(8)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_staff_and_of_a_token() {
    let world = World::start().await;
    let good = json!({"name": "Tex", "site_administrator": false, "patient_text_administrator": true});
    let path = format!("{RIVERSIDE}/staff/tex");
    let names = with_others(&["", "   ", "two\nlines", &"x".repeat(81)]);
    check(&world, Method::PUT, &path, &good, "name", true, &names).await;
    for field in ["site_administrator", "patient_text_administrator"] {
        let bad = [json!("true"), json!(1), json!(null)];
        check(&world, Method::PUT, &path, &good, field, false, &bad).await;
    }
    let path = format!("{RIVERSIDE}/tokens");
    check(&world, Method::POST, &path, &json!({"name": "backend"}), "name", true, &names).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fields_of_a_patient() {
    let world = World::start().await;
    let good = json!({
        "first_name": "Jane", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": "+13035550123",
    });
    let path = format!("{RIVERSIDE}/patients/jane");
    let check = async |field, bad: &[Value]| check(&world, Method::PUT, &path, &good, field, true, bad).await;
    let names = with_others(&["", "   ", "two\nlines", "esc\u{1b}[0m", &"x".repeat(81)]);
    check("first_name", &names).await;
    check("last_name", &names).await;
    // It is 3 March in Denver, and 4 March in London already.
    let dates =
        ["", "2026-02-30", "2026-03-04", "1899-12-31", "0001-01-01", "03/04/1985", "19850304", "1985-03-04T00:00:00Z"];
    check("date_of_birth", &with_others(&dates)).await;
    let phones =
        ["", "+1", "(303) 555-0123", "13035550123", "+11115550123", "+130355501234567", NUMBER, "+13035550200"];
    check("mobile_phone", &with_others(&phones)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_message() {
    let world = World::start().await;
    let path = format!("{RIVERSIDE}/patients/jane/messages");
    let bad = with_others(&[
        "",
        " \n ",
        "nul\0",
        "tab\t",
        "\u{1b}[31m",
        "lone\rreturn",
        &"a".repeat(1_531),
        &"ж".repeat(671),
    ]);
    check(&world, Method::POST, &path, &json!({"text": "hello"}), "text", true, &bad).await;
    let problem = world.draft("jane", &"a".repeat(1_531)).await.problem(422, "invalid");
    assert_eq!(problem["errors"][0]["detail"], "would take 11 segments, and 10 is the most");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_at_once() {
    let world = World::start().await;
    let body = json!({"first_name": "", "last_name": 1, "mobile_phone": "+1", "nickname": "x", "Jane Doe": "x"});
    let problem = world.tex(Method::PUT, "/patients/new").json(&body).send().await.problem(422, "invalid");
    let fields: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["first_name", "last_name", "date_of_birth", "mobile_phone", "?", "nickname"]);
    assert_eq!(problem["field"], "first_name");
    world.tex(Method::GET, "/patients/new").send().await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_named_when_something_is_created_under_a_bad_one() {
    let world = World::start().await;
    let practice = json!({"name": "x", "number": "+13035550300", "time_zone": "UTC", "contact": "x"});
    let patient = json!({
        "first_name": "J", "last_name": "D", "date_of_birth": "1985-03-04", "mobile_phone": "+13035550123",
    });
    for bad in [".x", "a%2Fb", "%00", "a%20b", &"x".repeat(65)] {
        let put = |path: String, body: &Value| world.operator(Method::PUT, &path).json(body);
        let problem = put(format!("/v1/practices/{bad}"), &practice).send().await.problem(422, "invalid");
        assert_eq!(problem["field"], "practice");
        let problem =
            put(format!("{RIVERSIDE}/staff/{bad}"), &json!({"name": "x"})).send().await.problem(422, "invalid");
        assert_eq!(problem["field"], "staff");
        let problem = put(format!("{RIVERSIDE}/patients/{bad}"), &patient).send().await.problem(422, "invalid");
        assert_eq!(problem["field"], "patient");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parameters_of_lists() {
    let world = World::start().await;
    world.receive("+13035550123", "hello").await;
    let lists = ["/patients/jane/messages", "/conversations"];
    for list in lists {
        for bad in ["0", "-1", "201", "1000000000", "", "x", "1.5"] {
            let problem = world.tex(Method::GET, &format!("{list}?limit={bad}")).send().await.problem(422, "invalid");
            assert_eq!(problem["field"], "limit", "{bad}");
        }
        for forged in ["", "x", "12", "AAAAAAAAAAAAAAAAAAAAAA", "%00"] {
            let problem = world.tex(Method::GET, &format!("{list}?before={forged}")).send().await;
            problem.problem(400, "bad-cursor");
        }
        for (query, field) in [("limit=1&limit=2", "limit"), ("page=2", "page")] {
            let problem = world.tex(Method::GET, &format!("{list}?{query}")).send().await.problem(422, "invalid");
            assert_eq!(problem["field"], field);
        }
        world.tex(Method::GET, &format!("{list}?limit=200")).send().await.expect(200);
    }
    let problem = world.tex(Method::GET, "/conversations?unread=maybe").send().await.problem(422, "invalid");
    assert_eq!(problem["field"], "unread");
    let long = "x".repeat(201);
    let problem = world.tex(Method::GET, &format!("/patients?search={long}")).send().await.problem(422, "invalid");
    assert_eq!(problem["field"], "search");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_keeps_its_number_and_shares_it_with_nobody() {
    let world = World::start().await;
    let practice = |number: &str| json!({"name": "P", "number": number, "time_zone": "UTC", "contact": "x"});
    let put =
        |id: &str, number: &str| world.operator(Method::PUT, &format!("/v1/practices/{id}")).json(&practice(number));
    put("riverside", "+13035550300").send().await.problem(409, "number-fixed");
    put("third", NUMBER).send().await.problem(409, "number-taken");
    put("third", "+13035550123").send().await.problem(409, "number-taken");
    let created = put("third", "+13035550300").send().await.expect(201);
    assert_eq!(
        created,
        json!({
            "id": "third", "name": "P", "number": "+13035550300", "time_zone": "UTC", "contact": "x",
            "segments_per_minute": 75, "segments_per_day": 2_000, "texts": {}, "quiet_hours": null, "office_hours": null,
        })
    );
    assert_eq!(put("third", "+13035550300").send().await.expect(200), created);
    let mut found = world.operator(Method::GET, "/v1/practices/third").send().await.expect(200);
    let also = found.as_object_mut().unwrap();
    assert_eq!(also.remove("today").unwrap()["segments"], 0);
    assert!(also.remove("texts_in_force").is_some());
    assert_eq!(found, created);
}
