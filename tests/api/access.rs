//! Who may call what: every route of the table, with every kind of caller.

use assent::http::{FAILURES_MAX, Permission, Resource, Route, routes};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Answer, Call, JANE, NOBODY, OPERATOR, RIVERSIDE, World};

/// A route with something in the places of its names.
pub(super) struct Sample {
    pub(super) route: Route,
    pub(super) path: String,
    absent: String,
    body: Option<Value>,
}

impl Sample {
    fn of(route: Route, message: &str, token: &str, delivery: &str) -> Self {
        let filled = |practice: &str| {
            route
                .path
                .replace("{practice}", practice)
                .replace("{token}", token)
                .replace("{staff}", "tex")
                // Whoever is opted out gets no more texts, and the others of the table need somebody who does.
                .replace("{patient}", if route.path.ends_with("/opt-out") { "otto" } else { "jane" })
                .replace("{message}", message)
                .replace("{webhook}", "ehr")
                .replace("{delivery}", delivery)
                .replace("{template}", "reminder")
                .replace("{phone}", &JANE.replace('+', "%2B"))
        };
        let (path, absent) = (filled("riverside"), filled("nowhere"));
        let body = match (route.method.as_str(), route.path.rsplit('/').next().unwrap()) {
            ("PUT", "{practice}") => Some(json!({
                "name": "Riverside", "number": "+13035550100", "time_zone": "America/Denver", "contact": "303-555-0199",
            })),
            ("PUT", "{staff}") => Some(json!({"name": "Tex", "patient_text_administrator": true})),
            ("PUT", "{patient}") if route.path.contains("/conversations/") => None,
            ("PUT", "{patient}") => Some(json!({
                "first_name": "Jane", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": JANE,
            })),
            ("PUT", "{webhook}") => Some(json!({"url": NOBODY})),
            ("PUT", "{template}") => Some(json!({"name": "Reminder", "text": "See you, {first_name}"})),
            ("POST", "render") => Some(json!({"patient": "jane"})),
            ("POST", "messages" | "preview") => Some(json!({"text": "Hello"})),
            ("POST", "resolve") => Some(json!({"decision": "sent"})),
            ("PATCH", "{phone}") => Some(json!({"closed": true})),
            ("POST", "notes") => Some(json!({"text": "call her son"})),
            ("POST", "hold") => Some(json!({"decision": "release"})),
            ("POST", "opt-out") => Some(json!({"reason": "asked at the desk"})),
            ("POST", "tokens") => Some(json!({"name": "backend"})),
            _ => None,
        };
        Self { route, path, absent, body }
    }

    pub(super) fn call(&self, call: impl Fn(Method, &str) -> Call, path: &str) -> Call {
        let call = call(self.route.method.clone(), path);
        match &self.body {
            Some(body) => call.json(body),
            None => call,
        }
    }

    fn name(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }
}

pub(super) async fn samples(world: &World) -> Vec<Sample> {
    world.put_patient("otto", "Otto", "Outis", "+13035550177").await;
    let message = world.draft("jane", "hello").await.expect(202)["id"].as_str().unwrap().to_owned();
    // To be revoked; the world's own token is still needed.
    let spare = world.new_token("riverside").await;
    let token = spare.split('_').nth(1).unwrap();
    let delivery = world.a_delivery().await;
    routes().into_iter().map(|route| Sample::of(route, &message, token, &delivery)).collect()
}

/// Somebody about to call.
type Caller<'a> = Box<dyn Fn(Method, &str) -> Call + 'a>;

/// The answer's head; an event stream has no end to wait for.
pub(super) async fn head(call: Call) -> Answer {
    let response = call.stream().await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let is_stream = headers.get("content-type").is_some_and(|value| value == "text/event-stream");
    let text = if is_stream { String::new() } else { response.text().await.unwrap() };
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

fn is_success(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_without_a_token_or_with_a_wrong_one_is_401_with_one_body() {
    let world = World::start().await;
    let mut bodies = Vec::new();
    for sample in samples(&world).await {
        if sample.route.permission == Permission::Anyone {
            assert_eq!(head(sample.call(|m, p| world.call(m, p), &sample.path)).await.status, 200, "{}", sample.name());
            continue;
        }
        let mut flipped = world.token.clone().into_bytes();
        *flipped.last_mut().unwrap() ^= 1;
        let flipped = String::from_utf8(flipped).unwrap();
        let calls = [
            sample.call(|m, p| world.call_from_elsewhere(m, p), &sample.path),
            sample.call(|m, p| world.call_from_elsewhere(m, p), &sample.absent),
            sample.call(|m, p| world.call_from_elsewhere(m, p).token("wrong"), &sample.path),
            sample.call(|m, p| world.call_from_elsewhere(m, p).token(&world.token[..40]), &sample.path),
            sample.call(|m, p| world.call_from_elsewhere(m, p).token(&flipped), &sample.path),
            sample.call(|m, p| world.call_from_elsewhere(m, p).header("Authorization", OPERATOR), &sample.path),
            sample.call(|m, p| world.call_from_elsewhere(m, p), &format!("{}?access_token={OPERATOR}", sample.path)),
        ];
        for call in calls {
            let answer = head(call).await;
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{}", sample.name());
            bodies.push(answer.problem(401, "not-authenticated"));
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "every 401 says the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_practices_path_is_an_absent_one_whatever_else_is_wrong() {
    let world = World::start().await;
    for sample in samples(&world).await {
        if sample.route.resource == Resource::Service {
            continue;
        }
        let foreign = |m, p: &str| world.call(m, p).token(&world.other_token);
        let expected = head(sample.call(foreign, &sample.absent)).await.problem(404, "not-found");
        for staff in [None, Some("amy"), Some("nobody"), Some("not an id")] {
            let foreign = |m, p: &str| match staff {
                None => world.call(m, p).token(&world.other_token),
                Some(staff) => world.call(m, p).token(&world.other_token).staff(staff),
            };
            let found = head(sample.call(foreign, &sample.path)).await.problem(404, "not-found");
            assert_eq!(found, expected, "{}", sample.name());
            let bad_body = foreign(sample.route.method.clone(), &sample.path).raw("{");
            assert_eq!(head(bad_body).await.problem(404, "not-found"), expected, "{}", sample.name());
        }
        let session = world.new_session("amy").await;
        let elsewhere = sample.path.replace("riverside", "hilltop");
        let by_session = |m, p: &str| world.call(m, p).token(&session);
        assert_eq!(head(sample.call(by_session, &elsewhere)).await.problem(404, "not-found"), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_permission() {
    use Permission::{Anyone, Operator, PatientTextAdministrator, PracticeToken, Session, SiteAdministrator, Token};
    let world = World::start().await;
    for sample in samples(&world).await {
        let session = world.new_session("amy").await;
        let weak_session = world.new_session("nil").await;
        let callers: [(&str, Caller<'_>); 9] = [
            ("operator", Box::new(|m, p: &str| world.operator(m, p))),
            ("operator as nil", Box::new(|m, p: &str| world.operator(m, p).staff("nil"))),
            ("practice", Box::new(|m, p: &str| world.call(m, p).token(&world.token))),
            ("amy", Box::new(|m, p: &str| world.acting("amy", m, p))),
            ("tex", Box::new(|m, p: &str| world.acting("tex", m, p))),
            ("ada", Box::new(|m, p: &str| world.acting("ada", m, p))),
            ("nil", Box::new(|m, p: &str| world.acting("nil", m, p))),
            ("session of amy", Box::new(|m, p: &str| world.call(m, p).token(&session))),
            ("session of nil", Box::new(|m, p: &str| world.call(m, p).token(&weak_session))),
        ];
        let (code, allowed): (&str, &[&str]) = match sample.route.permission {
            Anyone => continue,
            Token => (
                "",
                &[
                    "operator",
                    "operator as nil",
                    "practice",
                    "amy",
                    "tex",
                    "ada",
                    "nil",
                    "session of amy",
                    "session of nil",
                ],
            ),
            Operator => ("not-operator", &["operator", "operator as nil"]),
            Session => ("not-session", &["session of amy", "session of nil"]),
            PracticeToken => {
                ("not-practice-token", &["operator", "operator as nil", "practice", "amy", "tex", "ada", "nil"])
            }
            SiteAdministrator => ("not-site-administrator", &["operator", "amy", "ada", "session of amy"]),
            PatientTextAdministrator => {
                ("not-patient-text-administrator", &["operator", "amy", "tex", "session of amy"])
            }
        };
        // The ones who may come last: a token can be revoked once.
        let (may, may_not): (Vec<_>, Vec<_>) = callers.iter().partition(|(who, _)| allowed.contains(who));
        for (who, caller) in may_not {
            let answer = head(sample.call(caller, &sample.path)).await;
            assert_eq!(answer.status, 403, "{who}: {}: {}", sample.name(), answer.text);
            answer.problem(403, code);
        }
        for (who, caller) in may.into_iter().take(if sample.route.method == Method::DELETE { 1 } else { 9 }) {
            if sample.route.path.ends_with("/hold") {
                // Each settles another.
                world.receive(JANE, "please take me off your list").await;
            }
            let answer = head(sample.call(caller, &sample.path)).await;
            // Who may decide about a text of which nobody knows is told that this one is not such a text.
            let is_let_in = is_success(&answer) || answer.body["code"] == "not-unconfirmed";
            assert!(is_let_in, "{who}: {}: {}", sample.name(), answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_a_cookie_from_another_page_and_one_that_changes_something_a_cookie_from_nowhere() {
    let world = World::start().await;
    for sample in samples(&world).await {
        if sample.route.permission == Permission::Anyone {
            continue;
        }
        let cookie = format!("assent_session={}", world.new_session("amy").await);
        let from = |path: &str, headers: &[(&str, &str)]| {
            let with = |method, path: &str| world.call(method, path).header("Cookie", &cookie);
            headers.iter().fold(sample.call(with, path), |call, (name, value)| call.header(name, value))
        };
        for path in [&sample.path, &sample.absent] {
            for headers in [
                [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
                [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
                [("Origin", "null"), ("Sec-Fetch-Site", "none")],
            ] {
                let answer = head(from(path, &headers)).await;
                assert_eq!(answer.body["code"], "origin-not-allowed", "{}: {}", sample.name(), answer.text);
                answer.problem(403, "origin-not-allowed");
            }
            if sample.route.method != Method::GET {
                head(from(path, &[])).await.problem(403, "origin-not-allowed");
            }
        }
        // The same cookie from our own page is amy's token.
        let own = format!("http://{}", world.address);
        let answer = head(from(&sample.path, &[("Origin", &own)])).await;
        assert_ne!(answer.body["code"], "origin-not-allowed", "{}", sample.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_closed_to_what_was_revoked_or_ran_out() {
    let world = World::start().await;
    let samples = samples(&world).await;
    let revoked = world.new_token("riverside").await;
    let path = format!("{RIVERSIDE}/tokens/{}", revoked.split('_').nth(1).unwrap());
    world.operator(Method::DELETE, &path).send().await.expect(204);
    let expired = world.new_session("amy").await;
    world.advance(SignedDuration::from_mins(15));
    let cookie = format!("assent_session={expired}");
    let own = format!("http://{}", world.address);
    for sample in samples.iter().filter(|sample| sample.route.permission != Permission::Anyone) {
        let callers: [Caller<'_>; 3] = [
            Box::new(|m, p: &str| world.call_from_elsewhere(m, p).token(&revoked).staff("amy")),
            Box::new(|m, p: &str| world.call_from_elsewhere(m, p).token(&expired)),
            Box::new(|m, p: &str| world.call_from_elsewhere(m, p).header("Cookie", &cookie).header("Origin", &own)),
        ];
        for caller in callers {
            let answer = head(sample.call(caller, &sample.path)).await;
            assert_eq!(answer.status, 401, "{}: {}", sample.name(), answer.text);
            answer.problem(401, "not-authenticated");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acts_must_be_staff_of_the_practice() {
    let world = World::start().await;
    for sample in samples(&world).await {
        let is_open = sample.route.permission == Permission::Anyone;
        if is_open {
            continue;
        }
        for staff in ["nobody", "../x", "", "a b"] {
            let by_practice = |m, p: &str| world.acting(staff, m, p);
            head(sample.call(by_practice, &sample.path)).await.problem(403, "unknown-staff");
            if sample.route.resource != Resource::Service {
                let by_operator = |m, p: &str| world.operator(m, p).staff(staff);
                head(sample.call(by_operator, &sample.path)).await.problem(403, "unknown-staff");
            }
        }
        let two = |m, p: &str| world.acting("amy", m, p).staff("tex");
        head(sample.call(two, &sample.path)).await.problem(403, "unknown-staff");
        let session = world.new_session("amy").await;
        let for_another = |m, p: &str| world.call(m, p).token(&session).staff("tex");
        head(sample.call(for_another, &sample.path)).await.problem(403, "other-staff");
    }
    let session = world.new_session("amy").await;
    let unread = format!("{RIVERSIDE}/unread");
    world.call(Method::GET, &unread).token(&session).staff("amy").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_does_not_exist_is_404_for_the_operator_too() {
    let world = World::start().await;
    for sample in samples(&world).await {
        if sample.route.resource != Resource::Practice {
            continue;
        }
        for practice in ["nowhere", "..", "%00", "%FF", "a%2Fb", &"x".repeat(10_000)] {
            // A client resolves dots itself.
            let path = sample.path.replace("riverside", &practice.replace("..", "%2E%2E%2Fx"));
            head(sample.call(|m, p| world.operator(m, p), &path)).await.problem(404, "not-found");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practices_token_sees_its_own_practice_in_the_list() {
    let world = World::start().await;
    let ids = |body: Value| -> Vec<String> {
        body["practices"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(world.operator(Method::GET, "/v1/practices").send().await.expect(200)), ["hilltop", "riverside"]);
    let own = world.call(Method::GET, "/v1/practices").token(&world.token).send().await.expect(200);
    assert_eq!(ids(own), ["riverside"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_and_an_expired_session_are_401() {
    let world = World::start().await;
    let session = world.new_session("tex").await;
    let unread = format!("{RIVERSIDE}/unread");
    let by = |token: &str| world.call(Method::GET, &unread).token(token);
    by(&session).send().await.expect(200);
    world.advance(SignedDuration::from_secs(15 * 60 - 1));
    by(&session).send().await.expect(200);
    world.advance(SignedDuration::from_secs(1));
    by(&session).send().await.problem(401, "not-authenticated");

    let tokens = world.operator(Method::GET, &format!("{RIVERSIDE}/tokens")).send().await.expect(200);
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1, "sessions are not listed");
    assert_eq!(tokens["tokens"][0]["name"], "backend");
    let id = tokens["tokens"][0]["id"].as_str().unwrap();
    let foreign = format!("/v1/practices/hilltop/tokens/{id}");
    world.operator(Method::DELETE, &foreign).send().await.problem(404, "not-found");
    let own = format!("{RIVERSIDE}/tokens/{id}");
    world.operator(Method::DELETE, &own).send().await.expect(204);
    world.operator(Method::DELETE, &own).send().await.problem(404, "not-found");
    world.tex(Method::GET, "/unread").send().await.problem(401, "not-authenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_was_taken_away_is_gone_at_once() {
    let world = World::start().await;
    world.tex(Method::GET, "/unread").send().await.expect(200);
    let body = json!({"name": "Tex"});
    let path = format!("{RIVERSIDE}/staff/tex");
    let put = world.acting("ada", Method::PUT, &path).json(&body).send().await.expect(200);
    assert_eq!(
        put,
        json!({
            "id": "tex", "name": "Tex", "site_administrator": false, "patient_text_administrator": false,
        })
    );
    world.tex(Method::GET, "/unread").send().await.problem(403, "not-patient-text-administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eleventh_wrong_token_from_an_address_is_429_and_the_right_one_still_works() {
    let world = World::start().await;
    let path = format!("{RIVERSIDE}/unread");
    for _ in 0..FAILURES_MAX {
        world.call(Method::GET, &path).token("wrong").send().await.problem(401, "not-authenticated");
    }
    let answer = world.call(Method::GET, &path).token("wrong").send().await;
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    answer.problem(429, "too-many-failures");
    world.tex(Method::GET, "/unread").send().await.expect(200);
    world.call_from_elsewhere(Method::GET, &path).token("wrong").send().await.problem(401, "not-authenticated");
}

/// The matrix above believes the table; this is what the table is held against.
#[test]
fn the_table_lets_in_whom_the_interface_names() {
    let found: Vec<String> = routes()
        .iter()
        .map(|route| {
            let path = route.path.strip_prefix("/v1/practices").unwrap_or(route.path);
            format!("{} {path}: {:?}, {:?}", route.method, route.resource, route.permission)
        })
        .collect();
    let expected = [
        "GET /healthz: Service, Anyone",
        "GET /readyz: Service, Anyone",
        "GET /metrics: Service, Anyone",
        "GET /openapi.json: Service, Anyone",
        "GET /docs: Service, Anyone",
        "GET /docs/errors: Service, Anyone",
        "GET /docs/style.css: Service, Anyone",
        "POST /v1/session: Service, Session",
        "GET /v1/session: Service, Session",
        "DELETE /v1/session: Service, Session",
        "GET : Service, Token",
        "PUT /{practice}: PracticeToBe, Operator",
        "GET /{practice}: Practice, Token",
        "POST /{practice}/tokens: Practice, Operator",
        "GET /{practice}/tokens: Practice, Operator",
        "DELETE /{practice}/tokens/{token}: Practice, Operator",
        "PUT /{practice}/staff/{staff}: Practice, SiteAdministrator",
        "GET /{practice}/staff: Practice, SiteAdministrator",
        "GET /{practice}/staff/{staff}: Practice, SiteAdministrator",
        "POST /{practice}/staff/{staff}/sessions: Practice, PracticeToken",
        "PUT /{practice}/patients/{patient}: Practice, PatientTextAdministrator",
        "GET /{practice}/patients: Practice, PatientTextAdministrator",
        "GET /{practice}/patients/{patient}: Practice, PatientTextAdministrator",
        "POST /{practice}/patients/{patient}/messages: Practice, PatientTextAdministrator",
        "GET /{practice}/patients/{patient}/messages: Practice, PatientTextAdministrator",
        "GET /{practice}/patients/{patient}/messages/{message}: Practice, PatientTextAdministrator",
        "DELETE /{practice}/patients/{patient}/messages/{message}: Practice, PatientTextAdministrator",
        "POST /{practice}/patients/{patient}/messages/{message}/resolve: Practice, PatientTextAdministrator",
        "POST /{practice}/patients/{patient}/opt-out: Practice, PatientTextAdministrator",
        "POST /{practice}/preview: Practice, PatientTextAdministrator",
        "PUT /{practice}/templates/{template}: Practice, PatientTextAdministrator",
        "GET /{practice}/templates: Practice, PatientTextAdministrator",
        "GET /{practice}/templates/{template}: Practice, PatientTextAdministrator",
        "POST /{practice}/templates/{template}/render: Practice, PatientTextAdministrator",
        "DELETE /{practice}/templates/{template}: Practice, PatientTextAdministrator",
        "GET /{practice}/conversations: Practice, PatientTextAdministrator",
        "GET /{practice}/conversations/{phone}/messages: Practice, PatientTextAdministrator",
        "GET /{practice}/conversations/{phone}/messages/{message}: Practice, PatientTextAdministrator",
        "DELETE /{practice}/conversations/{phone}/messages/{message}: Practice, PatientTextAdministrator",
        "POST /{practice}/conversations/{phone}/messages/{message}/resolve: Practice, PatientTextAdministrator",
        "PUT /{practice}/conversations/{phone}/patients/{patient}: Practice, PatientTextAdministrator",
        "DELETE /{practice}/conversations/{phone}/patients/{patient}: Practice, PatientTextAdministrator",
        "GET /{practice}/conversations/{phone}: Practice, PatientTextAdministrator",
        "PATCH /{practice}/conversations/{phone}: Practice, PatientTextAdministrator",
        "GET /{practice}/conversations/{phone}/notes: Practice, PatientTextAdministrator",
        "POST /{practice}/conversations/{phone}/notes: Practice, PatientTextAdministrator",
        "POST /{practice}/conversations/{phone}/typing: Practice, PatientTextAdministrator",
        "POST /{practice}/conversations/{phone}/read: Practice, PatientTextAdministrator",
        "POST /{practice}/conversations/{phone}/unread: Practice, PatientTextAdministrator",
        "POST /{practice}/conversations/{phone}/hold: Practice, PatientTextAdministrator",
        "GET /{practice}/unread: Practice, PatientTextAdministrator",
        "GET /{practice}/events: Practice, PatientTextAdministrator",
        "PUT /{practice}/webhooks/{webhook}: Practice, SiteAdministrator",
        "GET /{practice}/webhooks: Practice, SiteAdministrator",
        "GET /{practice}/webhooks/{webhook}: Practice, SiteAdministrator",
        "POST /{practice}/webhooks/{webhook}/secret: Practice, SiteAdministrator",
        "POST /{practice}/webhooks/{webhook}/test: Practice, SiteAdministrator",
        "GET /{practice}/webhooks/{webhook}/deliveries: Practice, SiteAdministrator",
        "POST /{practice}/webhooks/{webhook}/deliveries/{delivery}/resend: Practice, SiteAdministrator",
        "DELETE /{practice}/webhooks/{webhook}: Practice, SiteAdministrator",
        "GET /{practice}/audit: Practice, SiteAdministrator",
    ];
    assert_eq!(found, expected);
}
