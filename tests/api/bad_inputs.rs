//! What a careless or hostile caller sends, by the names of the list that these inputs come from. Each is refused in the way
//! that is written here, changes nothing, and is repeated to nobody.
//!
//! Those of the list that take more than one request have tests of their own:
//!
//! | name | what it is | test |
//! | --- | --- | --- |
//! | A03 | revoked and expired tokens, on open streams too | `access::a_revoked_token_and_an_expired_session_are_401`, `events::a_stream_closes_when_its_token_is_revoked_or_runs_out` |
//! | A05 | the eleventh wrong token | `access::the_eleventh_wrong_token_from_an_address_is_429_and_the_right_one_still_works` |
//! | A12 | a body without an end | `http::door::tests::what_takes_too_long_is_408` |
//! | A13 | lengths that contradict each other | `problems::nothing_is_smuggled_in_behind_a_body` |
//! | A22 | a text before consent, which waits | `messages::the_first_draft_invites_and_waits` |
//! | A23, A25 | a text, and so an invitation, after an opt-out | `messages::a_draft_to_who_opted_out_says_since_when_and_what_to_do` |
//! | A26 | a second invitation | `tests/stories.rs`, and `invitation-limit` there |
//! | A30 | two patients with one phone | `patients::a_patient_is_told_with_consent_and_with_who_shares_the_phone` |
//! | A33 | too many requests | `limits::a_token_that_asks_too_often_is_told_when_to_ask_again` |
//! | A34 | one key fifty times at once | `messages::one_key_fifty_times_at_once_is_one_message` |
//! | A37, A38 | sending again | `decisions::staff_settle_what_nobody_knows`, `decisions::sending_again_asks_for_consent_anew` |
//! | A41 | `Last-Event-ID` that never was | `events::a_place_that_never_was_starts_over` |
//! | A42 | one stream too many | `events::one_stream_too_many_is_503` |
//! | A43, A44 | a cookie from another page, and its preflight | `sessions::a_cookie_does_not_count_from_another_page`, `sessions::a_browser_is_told_of_the_pages_that_are_named_and_of_no_other` |
//! | A47 | names that look like code | `patients::a_name_is_data_whatever_it_looks_like` |
//! | A48, A49 | the store is down, the daemon stops | `outage`, `problems::while_the_daemon_stops_a_draft_is_503` |
//! | A50 | the store went back | `tests/redis_servers.rs` |
//!
//! A28 is not refused: a practice may text any number of the plan. Nor is A46, because a proxy may choose the `Host`: what hangs
//! on it, our own page's origin, is then another. A51 has no call: exports are made on the machine.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Call, JANE, NUMBER, OPERATOR, RIVERSIDE, World};

/// One input: its name in the list, the call, and what it gets.
struct Bad {
    name: &'static str,
    call: Call,
    status: u16,
    code: &'static str,
}

const fn bad(name: &'static str, call: Call, status: u16, code: &'static str) -> Bad {
    Bad { name, call, status, code }
}

fn patient(over: &[(&str, Value)]) -> Value {
    let mut body = json!({"first_name": "New", "last_name": "Patient", "date_of_birth": "1985-03-04", "mobile_phone": "+13035550124"});
    for (name, value) in over {
        body[*name] = value.clone();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_input_is_refused_by_its_own_name_and_changes_nothing() {
    let world = World::start().await;
    let w = &world;
    let unread = format!("{RIVERSIDE}/unread");
    let messages = "/patients/jane/messages";
    let send = |body: Value| w.tex(Method::POST, messages).json(&body);
    let put = |body: Value| w.tex(Method::PUT, "/patients/new").json(&body);
    let raw = |body: &str| w.tex(Method::POST, messages).raw(body.to_owned());
    let mut inputs = vec![
        bad("A01", w.call(Method::GET, &unread), 401, "not-authenticated"),
        bad("A02", w.call_from_elsewhere(Method::GET, &unread).token("wrong"), 401, "not-authenticated"),
        bad("A02", w.call_from_elsewhere(Method::GET, &unread).token(&w.token[..40]), 401, "not-authenticated"),
        bad("A04", w.call(Method::GET, &format!("{unread}?access_token={OPERATOR}")), 401, "not-authenticated"),
        bad("A06", w.tex(Method::GET, &format!("{messages}/00000000000000ff-1")), 404, "not-found"),
        bad("A06", w.tex(Method::POST, "/conversations/%2B13035559999/read"), 404, "not-found"),
        bad("A07", send(json!({"text": "x", "practice": "hilltop"})), 422, "invalid"),
        bad("A08", w.tex(Method::PUT, "/staff/tex").json(&json!({"name": "Tex"})), 403, "not-site-administrator"),
        bad("A08", w.tex(Method::GET, "/tokens"), 403, "not-operator"),
        bad(
            "A09",
            w.call(Method::GET, "/v1/practices/hilltop/unread")
                .token(&w.token)
                .staff("tex")
                .header("Assent-Practice", "hilltop"),
            404,
            "not-found",
        ),
        bad("A10", w.tex(Method::GET, "/patients/%2E%2E%2Fx"), 404, "not-found"),
        bad("A10", w.tex(Method::GET, "/patients/%00"), 404, "not-found"),
        bad("A10", w.tex(Method::GET, &format!("/patients/{}", "x".repeat(10_000))), 404, "not-found"),
        bad("A11", raw(&format!("{{\"text\":\"{}\"}}", "a".repeat(16 * 1024))), 413, "too-large"),
        bad("A14", w.tex(Method::POST, messages).header("Content-Type", "text/plain"), 415, "unsupported-media-type"),
        bad(
            "A14",
            w.tex(Method::POST, messages).header("Content-Type", "application/x-www-form-urlencoded"),
            415,
            "unsupported-media-type",
        ),
        bad("A15", w.tex(Method::POST, messages).raw(b"{\"text\":\"\xff\"}".to_vec()), 400, "malformed-json"),
        bad("A15", raw(r#"{"text":"\uD800"}"#), 400, "malformed-json"),
        bad("A16", raw(&format!("{{\"text\":{}1{}}}", "[".repeat(200), "]".repeat(200))), 400, "malformed-json"),
        bad("A17", send(json!({"text": "x", "colour": "blue"})), 422, "invalid"),
        bad("A17", raw(r#"{"text":"x","text":"y"}"#), 422, "invalid"),
        bad("A18", send(json!({"text": "x", "status": "sent"})), 422, "invalid"),
        bad("A18", put(patient(&[("consent", json!("opted_in"))])), 422, "invalid"),
        bad("A18", put(patient(&[("practice_id", json!("hilltop"))])), 422, "invalid"),
        bad("A19", send(json!({"text": ""})), 422, "invalid"),
        bad("A19", send(json!({"text": " \n\t "})), 422, "invalid"),
        bad("A20", send(json!({"text": "a".repeat(1_531)})), 422, "invalid"),
        bad("A21", send(json!({"text": "a\u{0}b"})), 422, "invalid"),
        bad("A21", send(json!({"text": "a\u{1b}b"})), 422, "invalid"),
        bad("A24", w.tex(Method::POST, "/patients/jane/opt-in").json(&json!({})), 404, "not-found"),
        bad("A29", put(patient(&[("mobile_phone", json!(NUMBER))])), 422, "invalid"),
        bad("A31", put(patient(&[("date_of_birth", json!("2026-02-30"))])), 422, "invalid"),
        bad("A31", put(patient(&[("date_of_birth", json!("2030-01-01"))])), 422, "invalid"),
        bad("A31", put(patient(&[("date_of_birth", json!("0001-01-01"))])), 422, "invalid"),
        bad(
            "A36",
            send(json!({"text": "x"})).header("Idempotency-Key", &"k".repeat(1_024)),
            400,
            "bad-idempotency-key",
        ),
        bad("A36", send(json!({"text": "x"})).header("Idempotency-Key", "schlüssel"), 400, "bad-idempotency-key"),
        bad("A39", w.tex(Method::GET, &format!("{messages}?before=AAAAAAAAAAAAAAAAAAAAAA")), 400, "bad-cursor"),
        bad("A45", w.tex(Method::TRACE, "/unread"), 405, "method-not-allowed"),
        bad("A45", w.tex(Method::from_bytes(b"BREW").unwrap(), "/unread"), 405, "method-not-allowed"),
        bad("A52", w.call(Method::GET, &format!("{RIVERSIDE}/nowhere")), 401, "not-authenticated"),
        bad("A52", w.tex(Method::GET, "/nowhere"), 404, "not-found"),
    ];
    for phone in ["+1", "+1303555012x", "+1234567890123456", "+19005550123", "3035550123"] {
        inputs.push(bad("A27", put(patient(&[("mobile_phone", json!(phone))])), 422, "invalid"));
    }
    for send_at in ["2020-01-01T00:00:00Z", "2028-01-01T00:00:00Z", "2026-03-05T10:00:00"] {
        inputs.push(bad("A32", send(json!({"text": "x", "send_at": send_at})), 422, "invalid"));
    }
    for limit in ["0", "-1", "1000000000", "x"] {
        inputs.push(bad("A40", w.tex(Method::GET, &format!("{messages}?limit={limit}")), 422, "invalid"));
    }
    for Bad { name, call, status, code } in inputs {
        let answer = call.send().await;
        let told = (answer.status, answer.body["code"].as_str());
        assert_eq!(told, (status, Some(code)), "{name}: {}", answer.text);
    }
    // Nothing came of any of them.
    assert_eq!(w.get(messages).await["messages"], json!([]));
    w.tex(Method::GET, "/patients/new").send().await.problem(404, "not-found");
    assert_eq!(w.get("/patients/jane").await["mobile_phone"], JANE);
}

/// A35: the same key with another body.
#[tokio::test(flavor = "multi_thread")]
async fn a35_a_key_that_was_used_for_something_else() {
    let world = World::start().await;
    let send = |text: &str| {
        world.tex(Method::POST, "/patients/jane/messages").header("Idempotency-Key", "k").json(&json!({"text": text}))
    };
    send("one").send().await.expect(202);
    send("two").send().await.problem(422, "idempotency-key-reused");
}
