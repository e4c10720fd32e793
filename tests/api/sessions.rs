//! A browser's session: a cookie that counts from our own page and from those that are named, and from no other.

use jiff::SignedDuration;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::world::{Call, INBOX, RIVERSIDE, World};

const UNREAD: &str = "/v1/practices/riverside/unread";

/// The page's own origin.
fn own(world: &World) -> String {
    format!("http://{}", world.address)
}

/// The cookie that a browser would send from here on.
async fn begun(world: &World, staff: &str) -> String {
    let token = world.new_session(staff).await;
    let answer = world.call(Method::POST, "/v1/session").token(&token).header("Origin", &own(world)).send().await;
    let cookie = answer.header("set-cookie").to_owned();
    answer.expect(204);
    for part in ["; Path=/v1", "; HttpOnly", "; SameSite=Strict", "; Max-Age=900"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "this machine speaks plain HTTP to itself: {cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

fn with(call: Call, cookie: &str) -> Call {
    call.header("Cookie", cookie)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_acts_as_its_member_of_staff_until_it_is_given_up() {
    let world = World::start().await;
    let cookie = begun(&world, "tex").await;
    let who = with(world.call(Method::GET, "/v1/session"), &cookie).send().await.expect(200);
    assert_eq!((&who["practice"], &who["staff"], &who["name"]), (&json!("riverside"), &json!("tex"), &json!("tex")));
    assert_eq!((&who["site_administrator"], &who["patient_text_administrator"]), (&json!(false), &json!(true)));
    assert_eq!(who["expires_at"], "2026-03-04T05:15:00Z");
    with(world.call(Method::GET, UNREAD), &cookie).send().await.expect(200);
    let staff = format!("{RIVERSIDE}/staff");
    with(world.call(Method::GET, &staff), &cookie).send().await.problem(403, "not-site-administrator");

    let end = |origin: &str| with(world.call(Method::DELETE, "/v1/session"), &cookie).header("Origin", origin);
    let ended = end(&own(&world)).send().await;
    assert!(ended.header("set-cookie").starts_with("assent_session=; "), "{}", ended.header("set-cookie"));
    ended.expect(204);
    with(world.call(Method::GET, UNREAD), &cookie).send().await.problem(401, "not-authenticated");
    end(&own(&world)).send().await.problem(401, "not-authenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_runs_out_with_its_token() {
    let world = World::start().await;
    let cookie = begun(&world, "tex").await;
    world.advance(SignedDuration::from_secs(15 * 60));
    with(world.call(Method::GET, UNREAD), &cookie).send().await.problem(401, "not-authenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_session_goes_into_a_cookie_and_no_foreign_page_puts_it_there() {
    let world = World::start().await;
    let begin = |token: &str| world.call(Method::POST, "/v1/session").token(token);
    begin(&world.token).send().await.problem(403, "not-session");
    begin(super::world::OPERATOR).send().await.problem(403, "not-session");
    begin("wrong").send().await.problem(401, "not-authenticated");
    world.call(Method::POST, "/v1/session").send().await.problem(401, "not-authenticated");
    let token = world.new_session("tex").await;
    for evil in ["https://evil.example", "null"] {
        let answer = begin(&token).header("Origin", evil).send().await;
        assert_eq!(answer.header("set-cookie"), "");
        answer.problem(403, "origin-not-allowed");
    }
    begin(&token).header("Origin", INBOX).send().await.expect(204);
}

/// A43 of the bad inputs, and more of its kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_does_not_count_from_another_page() {
    let world = World::start().await;
    let cookie = begun(&world, "amy").await;
    let own = own(&world);
    let call = |method, path: &str, headers: &[(&str, &str)]| {
        headers.iter().fold(with(world.call(method, path), &cookie), |call, (name, value)| call.header(name, value))
    };
    let staff = format!("{RIVERSIDE}/staff/tex");
    let body = json!({"name": "Tex"});
    for headers in [
        &[("Origin", "https://evil.example")][..],
        &[("Origin", "null")],
        &[("Origin", "http://localhost")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", &own), ("Origin", "https://evil.example")],
    ] {
        call(Method::GET, UNREAD, headers).send().await.problem(403, "origin-not-allowed");
        call(Method::PUT, &staff, headers).json(&body).send().await.problem(403, "origin-not-allowed");
    }
    call(Method::PUT, &staff, &[]).json(&body).send().await.problem(403, "origin-not-allowed");
    for headers in [
        &[("Origin", own.as_str())][..],
        &[("Origin", INBOX)],
        &[("Origin", &own), ("Sec-Fetch-Site", "same-origin")],
        &[("Origin", INBOX), ("Sec-Fetch-Site", "same-site")],
    ] {
        call(Method::GET, UNREAD, headers).send().await.expect(200);
        call(Method::PUT, &staff, headers).json(&body).send().await.expect(200);
    }
    call(Method::GET, UNREAD, &[("Sec-Fetch-Site", "none")]).send().await.expect(200);
    // A program that is no page shows its token, whatever it says of itself.
    world.operator(Method::GET, UNREAD).header("Origin", "https://evil.example").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_header_is_the_one_that_counts() {
    let world = World::start().await;
    let cookie = begun(&world, "tex").await;
    let call =
        |authorization: &str| with(world.call(Method::GET, UNREAD), &cookie).header("Authorization", authorization);
    call("Basic dGV4OnRleA==").send().await.problem(401, "not-authenticated");
    call("Bearer wrong").send().await.problem(401, "not-authenticated");
    let twice = format!("{cookie}; {cookie}");
    with(world.call(Method::GET, UNREAD), &twice).send().await.problem(401, "not-authenticated");
}

fn cross_origin(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("access-control-")).collect()
}

/// A44 of the bad inputs.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_of_the_pages_that_are_named_and_of_no_other() {
    let world = World::start().await;
    let ask = |origin: &str| {
        let call = world.call(Method::OPTIONS, UNREAD).header("Origin", origin);
        call.header("Access-Control-Request-Method", "GET").header("Access-Control-Request-Headers", "authorization")
    };
    for evil in ["https://evil.example", "null", &own(&world)] {
        let answer = ask(evil).send().await;
        assert_eq!(cross_origin(&answer.headers), [""; 0], "{evil}");
        assert_eq!(answer.status, 405);
        let answer = world.tex(Method::GET, "/unread").header("Origin", evil).send().await;
        assert_eq!((answer.status, cross_origin(&answer.headers)), (200, vec![]), "{evil}");
        assert_eq!(answer.header("vary"), "origin");
    }
    let answer = ask(INBOX).send().await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), INBOX);
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    assert!(answer.header("access-control-allow-headers").contains("Idempotency-Key"));
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    for (path, status) in [("/unread", 200), ("/nowhere", 404)] {
        let answer = world.tex(Method::GET, path).header("Origin", INBOX).send().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), INBOX);
        assert!(answer.header("access-control-expose-headers").contains("ETag"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_opened_with_a_cookie_and_ends_with_it() {
    let world = World::start().await;
    let cookie = begun(&world, "tex").await;
    let events = format!("{RIVERSIDE}/events");
    let call = || with(world.call(Method::GET, &events), &cookie);
    call().header("Origin", "https://evil.example").send().await.problem(403, "origin-not-allowed");
    let stream = call().header("Sec-Fetch-Site", "same-origin").stream().await;
    assert_eq!(stream.status(), 200);
    let end = with(world.call(Method::DELETE, "/v1/session"), &cookie).header("Origin", &own(&world));
    end.send().await.expect(204);
    let rest = tokio::time::timeout(std::time::Duration::from_secs(1), stream.text()).await;
    rest.expect("the stream has ended within a second").unwrap();
}
