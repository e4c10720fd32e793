//! The audit: every call with a valid token is in it before it is answered, whatever came of it.

use assent::domain::PracticeId;
use assent::http::{Permission, Resource};
use assent::ports::{AuditPlace, Audits};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::access::{head, samples};
use super::world::{JANE, RIVERSIDE, World};

const AUDIT: &str = "/v1/practices/riverside/audit";

async fn entries(world: &World) -> Vec<Value> {
    let store = world.store.clone();
    let practice = PracticeId::parse("riverside").unwrap();
    let audited = store.audited(&practice, AuditPlace(0), usize::MAX).await.unwrap();
    let mut all = Vec::new();
    let mut after = "0".to_owned();
    while all.len() < audited.len() {
        let page = format!("{AUDIT}?limit=200&after={after}");
        let page = world.operator(Method::GET, &page).send().await.expect(200);
        all.extend(page["entries"].as_array().unwrap().iter().cloned());
        after = all.last().unwrap()["id"].as_str().unwrap().to_owned();
    }
    all.truncate(audited.len());
    all
}

/// The newest entry, without its time and place.
async fn newest(world: &World) -> Value {
    let mut newest = entries(world).await.pop().unwrap();
    let newest_object = newest.as_object_mut().unwrap();
    newest_object.remove("id").unwrap();
    newest_object.remove("at").unwrap();
    newest
}

fn entry(by: &Value, action: &str, about: &Value, code: Option<&str>) -> Value {
    let mut entry = json!({
        "by": by, "action": action, "patient": null, "phone": null, "message": null, "subject": null,
        "outcome": if code.is_some() { "refused" } else { "done" }, "code": code,
    });
    for (name, value) in about.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

#[tokio::test(flavor = "multi_thread")]
async fn who_did_what_to_whom_is_told() {
    let world = World::start().await;
    let token = world.token.split('_').nth(1).unwrap().to_owned();
    let other = world.other_token.split('_').nth(1).unwrap().to_owned();
    let tex = json!({"kind": "staff", "staff": "tex", "token": token});
    let operator = json!({"kind": "operator", "staff": null, "token": null});
    let backend = json!({"kind": "backend", "staff": null, "token": token});

    world.get("/patients/jane").await;
    assert_eq!(newest(&world).await, entry(&tex, "get_patient", &json!({"patient": "jane"}), None));

    world.tex(Method::GET, "/patients/nobody").send().await.problem(404, "not-found");
    let about = json!({"patient": "nobody"});
    assert_eq!(newest(&world).await, entry(&tex, "get_patient", &about, Some("not-found")));

    world.tex(Method::GET, "/patients?search=Featherstone").send().await.expect(200);
    assert_eq!(newest(&world).await, entry(&tex, "search_patients", &json!({}), None), "not what was looked for");

    let sent = world.draft("jane", "See you at 3").await.expect(202);
    let about = json!({"patient": "jane", "message": sent["id"]});
    assert_eq!(newest(&world).await, entry(&tex, "send_message", &about, None));

    let read = format!("/conversations/{}/read", JANE.replace('+', "%2B"));
    world.tex(Method::POST, &read).send().await;
    assert_eq!(newest(&world).await["phone"], JANE);

    let path = format!("{RIVERSIDE}/patients/jane");
    world.call(Method::GET, &path).token(&world.token).send().await.problem(403, "not-patient-text-administrator");
    let about = json!({"patient": "jane"});
    let code = Some("not-patient-text-administrator");
    assert_eq!(newest(&world).await, entry(&backend, "get_patient", &about, code));

    world.operator(Method::PUT, &path).json(&json!({})).send().await.problem(422, "invalid");
    assert_eq!(newest(&world).await, entry(&operator, "put_patient", &about, Some("invalid")));

    let session = world.new_session("tex").await;
    world.call(Method::GET, &path).token(&session).send().await.expect(200);
    let by_session = newest(&world).await;
    assert_eq!(by_session["by"]["staff"], "tex");
    assert_ne!(by_session["by"]["token"], token, "the session's own");

    // Who tries another's practice is in the audit of their own, and not in that one's.
    let before = entries(&world).await.len();
    world.call(Method::GET, &path).token(&world.other_token).send().await.problem(404, "not-found");
    assert_eq!(entries(&world).await.len(), before + 1, "that of reading the audit");
    let hilltop = world.operator(Method::GET, "/v1/practices/hilltop/audit?limit=200").send().await.expect(200);
    let tried = hilltop["entries"].as_array().unwrap().last().unwrap();
    assert_eq!((&tried["by"]["token"], &tried["code"]), (&json!(other), &json!("not-found")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_a_practice_is_in_it_once_by_its_own_name() {
    let world = World::start().await;
    let practice = PracticeId::parse("riverside").unwrap();
    for sample in samples(&world).await {
        if sample.route.permission == Permission::Anyone || sample.route.resource == Resource::Service {
            continue;
        }
        let before = world.store.audited(&practice, AuditPlace(0), usize::MAX).await.unwrap().len();
        let as_operator = |method, path: &str| world.operator(method, path);
        head(sample.call(as_operator, &sample.path)).await;
        let found = world.store.audited(&practice, AuditPlace(before as u64), usize::MAX).await.unwrap();
        let actions: Vec<&str> = found.iter().map(|(_, entry)| entry.action.as_str()).collect();
        assert_eq!(actions, [sample.route.operation.id], "{}", sample.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_entered_is_not_answered() {
    let world = World::start().await;
    let staff = format!("{RIVERSIDE}/staff");
    world.operator(Method::GET, &staff).send().await.expect(200);
    world.store.fail();
    // The daemon has all of that in memory.
    let answer = world.operator(Method::GET, &staff).send().await;
    assert_eq!(answer.header("retry-after"), "5");
    answer.problem(503, "unavailable");
    world.operator(Method::GET, &format!("{RIVERSIDE}/staff/nobody")).send().await.problem(503, "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_read_page_by_page_from_a_place_on() {
    let world = World::start().await;
    for _ in 0..5 {
        world.get("/unread").await;
        world.advance(SignedDuration::from_secs(1));
    }
    let page = |query: &str| world.operator(Method::GET, &format!("{AUDIT}?{query}"));
    let first = page("limit=3").send().await.expect(200);
    let ids = |page: &Value| -> Vec<String> {
        page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&first), ["1", "2", "3"]);
    assert_eq!(first["next"], "3");
    let second = page("limit=3&after=3").send().await.expect(200);
    assert_eq!(ids(&second), ["4", "5", "6"]);
    let beyond = page("after=999999").send().await.expect(200);
    assert_eq!((ids(&beyond).len(), &beyond["next"]), (0, &Value::Null));
    for bad in ["after=-1", "after=x", "after=", "after=9999999999999999999", "limit=0", "limit=201", "before=1"] {
        page(bad).send().await.problem(422, "invalid");
    }
    let all = entries(&world).await;
    let times: Vec<&str> = all.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
    world.tex(Method::GET, "/audit").send().await.problem(403, "not-site-administrator");
    world.acting("ada", Method::GET, AUDIT).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_was_not_created_has_no_audit() {
    let world = World::start().await;
    world.operator(Method::PUT, "/v1/practices/lakeside").json(&json!({})).send().await.problem(422, "invalid");
    let practice = PracticeId::parse("lakeside").unwrap();
    assert_eq!(world.store.audited(&practice, AuditPlace(0), 10).await.unwrap(), []);
    let body = json!({"name": "Lakeside", "number": "+13035550300", "time_zone": "UTC", "contact": "x"});
    world.operator(Method::PUT, "/v1/practices/lakeside").json(&body).send().await.expect(201);
    let found = world.store.audited(&practice, AuditPlace(0), 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.action, "put_practice");
}
