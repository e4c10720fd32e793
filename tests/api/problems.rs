//! What is wrong with a request as a whole: its form, its size, its method, its place.

use std::sync::atomic::Ordering;

use assent::http::{BODY_MAX, Permission, routes};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::{RIVERSIDE, World};

/// Every call that takes a body.
const WITH_BODY: [(&str, &str); 5] = [
    ("PUT", "/v1/practices/riverside"),
    ("POST", "/v1/practices/riverside/tokens"),
    ("PUT", "/v1/practices/riverside/staff/tex"),
    ("PUT", "/v1/practices/riverside/patients/jane"),
    ("POST", "/v1/practices/riverside/patients/jane/messages"),
];

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_json_is_400_and_not_repeated() {
    let world = World::start().await;
    for (verb, path) in WITH_BODY {
        for body in [
            &b""[..],
            b"{",
            b"{\"name\": Jane",
            b"{\"text\":\"secret\xff\"}",
            br#"{"text":"secret\uD800"}"#,
            b"{} secret",
            "[".repeat(200).as_bytes(),
        ] {
            let answer = world.operator(method(verb), path).raw(body.to_vec()).send().await;
            assert!(!answer.text.contains("secret") && !answer.text.contains("Jane"), "{}", answer.text);
            let problem = answer.problem(400, "malformed-json");
            assert!(problem["detail"].as_str().unwrap().contains("line 1, column "), "{problem}");
        }
        for body in ["[]", "null", "\"text\"", "7"] {
            world.operator(method(verb), path).raw(body).send().await.problem(422, "invalid");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_413() {
    let world = World::start().await;
    for (verb, path) in WITH_BODY {
        let fits = format!("{{\"x\":\"{}\"}}", "a".repeat(BODY_MAX - 8));
        assert_eq!(fits.len(), BODY_MAX);
        world.operator(method(verb), path).raw(fits.clone()).send().await.problem(422, "invalid");
        world.operator(method(verb), path).raw(fits.clone() + " ").send().await.problem(413, "too-large");
        let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(fits), Ok(" ".into())]);
        let chunked = reqwest::Body::wrap_stream(chunks);
        world.operator(method(verb), path).raw(chunked).send().await.problem(413, "too-large");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_is_415() {
    let world = World::start().await;
    for (verb, path) in WITH_BODY {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
            let call = world.operator(method(verb), path).header("Content-Type", kind);
            call.send().await.problem(415, "unsupported-media-type");
        }
        world.operator(method(verb), path).send().await.problem(415, "unsupported-media-type");
    }
    let body = json!({"text": "hello"}).to_string();
    let call = world.tex(Method::POST, "/patients/jane/messages").raw("");
    call.header("Content-Type", "text/plain").send().await.problem(415, "unsupported-media-type");
    let path = format!("http://{}{RIVERSIDE}/patients/jane/messages", world.address);
    let call = reqwest::Client::new().post(path).bearer_auth(&world.token).header("Assent-Staff", "tex");
    let call = call.header("Content-Type", "Application/JSON; charset=utf-8").body(body);
    assert_eq!(call.send().await.unwrap().status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_path_does_not_have_is_405_and_says_which_it_has() {
    let world = World::start().await;
    for (path, methods) in [
        ("/healthz", "GET,HEAD"),
        ("/v1/practices", "GET,HEAD"),
        ("/v1/practices/riverside", "GET,HEAD,PUT"),
        ("/v1/practices/riverside/tokens", "GET,HEAD,POST"),
        ("/v1/practices/riverside/patients/jane/messages", "GET,HEAD,POST"),
        ("/v1/practices/riverside/conversations/x/read", "POST"),
    ] {
        for verb in ["PATCH", "TRACE", "OPTIONS", "BREW"] {
            let answer = world.operator(method(verb), path).header("Origin", "https://evil.example").send().await;
            let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed.join(","), methods, "{verb} {path}");
            assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
            answer.problem(405, "method-not-allowed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_401_without_a_token_and_404_with_one() {
    let world = World::start().await;
    for path in ["/", "/v1", "/v2/practices", "/v1/practices/riverside/audits", "/v1/practices/riverside/"] {
        world.call(Method::GET, path).send().await.problem(401, "not-authenticated");
        world.tex(Method::GET, "/x").send().await.problem(404, "not-found");
        world.operator(Method::GET, path).send().await.problem(404, "not-found");
    }
    for absent in
        ["/patients/nobody", "/patients/%2E%2E%2Fx", "/patients/%00", "/patients/%FF", "/patients/nobody/messages"]
    {
        world.tex(Method::GET, absent).send().await.problem(404, "not-found");
    }
    let body = json!({"text": "hello"});
    world.tex(Method::POST, "/patients/nobody/messages").json(&body).send().await.problem(404, "not-found");
    world
        .acting("amy", Method::POST, &format!("{RIVERSIDE}/staff/nobody/sessions"))
        .send()
        .await
        .problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_headers_that_keep_it_private() {
    let world = World::start().await;
    let mut answers = vec![
        world.call(Method::GET, "/nowhere").send().await,
        world.operator(Method::PATCH, "/v1/practices").send().await,
        world.tex(Method::GET, "/patients").send().await,
    ];
    for route in routes() {
        if route.permission == Permission::Anyone {
            answers.push(world.call(Method::GET, route.path).send().await);
        }
    }
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
        assert_eq!(answer.header("content-security-policy"), policy);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_figures() {
    let world = World::start().await;
    assert_eq!(world.call(Method::GET, "/healthz").send().await.expect(200), json!({"status": "alive"}));
    assert_eq!(world.call(Method::GET, "/readyz").send().await.expect(200), json!({"status": "ready"}));
    let figures = world.call(Method::GET, "/metrics").send().await;
    assert_eq!((figures.status, figures.text.as_str()), (200, "assent_tests 1\n"));
    world.is_ready.store(false, Ordering::SeqCst);
    let answer = world.call(Method::GET, "/readyz").send().await;
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.problem(503, "not-ready")["reasons"], json!(["no carrier link is bound"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_daemon_stops_a_draft_is_503() {
    let world = World::start().await;
    world.directory.stop();
    let answer = world.draft("jane", "hello").await;
    assert_eq!(answer.header("retry-after"), "5");
    answer.problem(503, "unavailable");
}

/// Everything that is answered to these octets before the connection is closed.
async fn answered(world: &World, octets: &str) -> String {
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket.write_all(octets.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// A13 of the bad inputs: nothing that hides behind a body whose end is in doubt is taken for a request.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_smuggled_in_behind_a_body() {
    let world = World::start().await;
    let head = format!(
        "POST {RIVERSIDE}/patients/jane/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nAssent-Staff: tex\r\n\
         Content-Type: application/json\r\n",
        world.token
    );
    let hidden = format!("GET {RIVERSIDE}/unread HTTP/1.1\r\nHost: x\r\n\r\n");
    for (lengths, body) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: gzip\r\n", ""),
        ("Transfer-Encoding: chunked, identity\r\n", ""),
        ("Content-Length: 2\r\nContent-Length: 7\r\n", "{}"),
        ("Content-Length: -1\r\n", "{}"),
        ("Content-Length: 1\r\n", "{}"),
    ] {
        let answer = answered(&world, &format!("{head}{lengths}\r\n{body}{hidden}")).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{lengths}: {answer}");
        assert!(!answer.contains("red_dot") && !answer.contains("HTTP/1.1 401"), "{lengths}: {answer}");
    }
    assert_eq!(world.get("/patients/jane/messages").await["messages"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_431_and_one_that_is_no_head_ends_the_connection() {
    let world = World::start().await;
    let long = "x".repeat(20_000);
    assert_eq!(world.operator(Method::GET, "/v1/practices").header("X-Long", &long).send().await.status, 431);
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    socket.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
}
