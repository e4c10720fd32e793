//! Webhooks: what happens is posted, signed, tried again, and never where it must not go.

use std::collections::HashSet;

use assent::domain::{BootId, PracticeId, WebhookId};
use assent::ports::{Clock, OccurrenceId, Posts, WebhookKey};
use assent::records::WEBHOOKS_MAX;
use futures_util::future::select_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::world::{Call, JANE, PATIENCE, RIVERSIDE, TestClock, World};
use crate::receiver::{Answer, Posted, Receiver};
use crate::shared_store::Shared;

const ONE: &str = "/webhooks/ehr";

/// The site administrator, who may not text.
fn ada(world: &World, method: Method, path: &str) -> Call {
    world.acting("ada", method, &format!("{RIVERSIDE}{path}"))
}

/// Makes a webhook that leads to a receiver; its secret.
async fn hook(world: &World, receiver: &Receiver) -> String {
    let made = ada(world, Method::PUT, ONE).json(&json!({"url": receiver.url})).send().await.expect(201);
    made["secret"].as_str().unwrap().to_owned()
}

async fn state(world: &World) -> Value {
    ada(world, Method::GET, ONE).send().await.expect(200)
}

async fn log(world: &World) -> Vec<Value> {
    let log = ada(world, Method::GET, &format!("{ONE}/deliveries")).send().await.expect(200);
    log["deliveries"].as_array().unwrap().clone()
}

/// Waits until the log says what it is asked for: it is written after the receiver has answered.
async fn logged(world: &World, what: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    logged_by(&[world], what).await
}

/// The same, whichever of these daemons writes it.
async fn logged_by(worlds: &[&World], what: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut kept: Vec<_> = worlds.iter().map(|world| world.store.kept.subscribe()).collect();
    loop {
        let log = log(worlds[0]).await;
        if what(&log) {
            return log;
        }
        let written = select_all(kept.iter_mut().map(|kept| Box::pin(kept.changed())));
        assert!(timeout(PATIENCE, written).await.is_ok(), "the log never says so: {log:#?}");
    }
}

fn events(posted: &[Posted]) -> Vec<&str> {
    posted.iter().map(Posted::event).collect()
}

fn ids(posted: &[Posted]) -> HashSet<String> {
    posted.iter().map(|one| one.id().to_owned()).collect()
}

fn is_all_delivered(count: usize) -> impl Fn(&[Value]) -> bool {
    move |log| log.len() == count && log.iter().all(|one| one["status"] == "delivered")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_posted_signed_and_in_the_words_of_the_stream() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    world.receive(JANE, "before").await;
    let secret = hook(&world, &receiver).await;
    assert!(secret.starts_with("whsec_") && secret.len() == "whsec_".len() + 44, "{secret}");
    assert!(!state(&world).await.to_string().contains(&secret), "it is shown once");

    world.receive(JANE, "START").await;
    let posted = receiver.take(4).await;
    assert_eq!(events(&posted), ["message.received", "consent.changed", "message.updated", "unread.changed"]);
    assert_eq!(ids(&posted).len(), 4);
    let now = world.clock.now();
    for one in &posted {
        assert_eq!(one.path, "/hooks?token=hush-8842");
        assert_eq!(one.header("content-type"), "application/json");
        assert_eq!(one.header("webhook-timestamp"), now.as_second().to_string());
        assert_eq!(one.body["timestamp"], now.to_string());
        let data = &one.body["data"];
        assert_eq!((&data["practice"], &data["phone"]), (&json!("riverside"), &json!(JANE)));
        assert_eq!((&data["patients"][0]["id"], &data["patients"][0]["first_name"]), (&json!("jane"), &json!("Jane")));
    }
    assert_eq!(posted[0].body["data"]["message"]["text"], "START");
    assert_eq!(posted[1].body["data"]["consent"]["state"], "opted_in");
    assert_eq!(posted[3].body["data"]["unread"]["messages"], 2);

    assert!(posted[0].is_believed(&secret, now.as_second()).await);
    assert!(!posted[0].is_believed(&secret, now.as_second() + 600).await, "it is too old");
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert!(!posted[0].is_believed(other, now.as_second()).await);
    let mut forged = posted[1].clone();
    forged.text = forged.text.replace("opted_in", "opted_out");
    assert!(!forged.is_believed(&secret, now.as_second()).await);

    let log = logged(&world, is_all_delivered(4)).await;
    let newest = (&log[0]["event"], &log[0]["http_status"], &log[0]["attempts"], &log[0]["next_attempt_at"]);
    assert_eq!(newest, (&json!("unread.changed"), &json!(204), &json!(1), &Value::Null));
    assert_eq!(log[3]["id"], posted[0].id());
    let state = state(&world).await;
    assert_eq!(
        (&state["enabled"], &state["failing_since"], &state["last_status"]),
        (&json!(true), &Value::Null, &json!(204))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_asked_for_is_posted() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    let asked = json!({"url": receiver.url, "events": ["consent.changed"], "enabled": false});
    let made = ada(&world, Method::PUT, ONE).json(&asked).send().await.expect(201);
    assert_eq!((&made["events"], &made["enabled"]), (&json!(["consent.changed"]), &json!(false)));
    world.receive(JANE, "START").await;
    assert!(receiver.left().is_empty(), "it is not enabled");

    let asked = json!({"url": receiver.url, "events": ["consent.changed"]});
    let changed = ada(&world, Method::PUT, ONE).json(&asked).send().await.expect(200);
    assert_eq!((&changed["secret"], &changed["enabled"]), (&Value::Null, &json!(true)));
    assert_eq!(receiver.next().await.event(), "consent.changed", "what happened meanwhile is not lost");
    world.receive(JANE, "hello").await;
    world.receive(JANE, "STOP").await;
    let stopped = receiver.next().await;
    assert_eq!((stopped.event(), &stopped.body["data"]["consent"]["state"]), ("consent.changed", &json!("opted_out")));
    logged(&world, is_all_delivered(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_refused_is_tried_again_and_does_not_keep_the_others() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    hook(&world, &receiver).await;
    receiver.answer([Answer::Words(500, "our database is down")]);
    world.receive(JANE, "hello").await;
    let posted = receiver.take(2).await;
    let refused = posted[0].id().to_owned();
    let log = logged(&world, |log| log.len() == 2 && log[0]["status"] == "delivered").await;
    let one = (&log[1]["id"], &log[1]["status"], &log[1]["http_status"], &log[1]["attempts"], &log[1]["error"]);
    assert_eq!(one, (&json!(refused), &json!("retrying"), &json!(500), &json!(1), &Value::Null));
    let next: Timestamp = log[1]["next_attempt_at"].as_str().unwrap().parse().unwrap();
    assert!((5..=6).contains(&next.duration_since(world.clock.now()).as_secs()), "{next}");

    world.advance(SignedDuration::from_secs(6));
    world.receive(JANE, "are you there?").await;
    let posted = receiver.take(3).await;
    let again = posted.iter().find(|one| one.id() == refused).expect("it is tried again under its id");
    assert_eq!(again.header("webhook-timestamp"), world.clock.now().as_second().to_string());
    let log = logged(&world, is_all_delivered(4)).await;
    assert_eq!(log[3]["attempts"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_may_ask_to_be_left_alone_for_a_while() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    hook(&world, &receiver).await;
    receiver.answer([Answer::With(429, "retry-after", "120".into())]);
    world.receive(JANE, "hello").await;
    receiver.take(2).await;
    let log = logged(&world, |log| log.len() == 2 && log[1]["http_status"] == 429).await;
    let next: Timestamp = log[1]["next_attempt_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(next.duration_since(world.clock.now()).as_secs(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_hears_nothing_until_somebody_says_that_it_is_back() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    hook(&world, &receiver).await;
    receiver.answer([Answer::Status(204), Answer::Status(410)]);
    world.receive(JANE, "hello").await;
    let gone = receiver.take(2).await[1].id().to_owned();
    logged(&world, |log| log.first().is_some_and(|one| one["http_status"] == 410)).await;
    let told = state(&world).await;
    assert_eq!((&told["enabled"], &told["disabled"]["because"]), (&json!(false), &json!("gone")));

    world.receive(JANE, "is anybody there?").await;
    let resend = format!("{ONE}/deliveries/{gone}/resend");
    ada(&world, Method::POST, &resend).send().await.expect(200);
    assert!(receiver.left().is_empty());
    let back = ada(&world, Method::PUT, ONE).json(&json!({"url": receiver.url})).send().await.expect(200);
    assert_eq!((&back["enabled"], &back["disabled"]), (&json!(true), &Value::Null));
    let posted = receiver.take(3).await;
    assert!(ids(&posted).contains(&gone), "nothing was lost");
    logged(&world, is_all_delivered(4)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_is_not_followed() {
    let (world, mut receiver, mut elsewhere) = (World::start().await, Receiver::start().await, Receiver::start().await);
    hook(&world, &receiver).await;
    receiver.answer([
        Answer::With(302, "location", elsewhere.url.clone()),
        Answer::With(307, "location", elsewhere.url.clone()),
    ]);
    world.receive(JANE, "hello").await;
    receiver.take(2).await;
    let log = logged(&world, |log| log.len() == 2 && log.iter().all(|one| one["attempts"] == 1)).await;
    assert_eq!((&log[0]["http_status"], &log[1]["http_status"]), (&json!(307), &json!(302)));
    assert_eq!((&log[0]["status"], &log[1]["status"]), (&json!("retrying"), &json!("retrying")));
    assert!(elsewhere.left().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_replaced_signs_for_a_day_beside_the_new_one() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    let old = hook(&world, &receiver).await;
    let rotated = ada(&world, Method::POST, &format!("{ONE}/secret")).send().await.expect(200);
    let new = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    let until = world.clock.now() + SignedDuration::from_hours(24);
    assert_eq!(rotated["previous_secret_until"], until.to_string());

    world.receive(JANE, "hello").await;
    let posted = receiver.next().await;
    let now = world.clock.now().as_second();
    assert!(posted.is_believed(&old, now).await && posted.is_believed(&new, now).await);
    receiver.next().await;

    world.advance(SignedDuration::from_hours(24));
    world.receive(JANE, "hello again").await;
    let posted = receiver.next().await;
    let now = world.clock.now().as_second();
    assert!(!posted.is_believed(&old, now).await && posted.is_believed(&new, now).await);
    assert_eq!(state(&world).await["previous_secret_until"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_says_what_came_of_it() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    let secret = hook(&world, &receiver).await;
    let test = async || ada(&world, Method::POST, &format!("{ONE}/test")).send().await.expect(200);
    let tested = test().await;
    let posted = receiver.next().await;
    let found = (&tested["id"], &tested["event"], &tested["status"], &tested["http_status"], &tested["error"]);
    assert_eq!(found, (&json!(posted.id()), &json!("webhook.test"), &json!("delivered"), &json!(204), &Value::Null));
    assert_eq!(
        (posted.event(), &posted.body["data"]),
        ("webhook.test", &json!({"practice": "riverside", "webhook": "ehr"}))
    );
    assert!(posted.is_believed(&secret, world.clock.now().as_second()).await);

    receiver.answer([Answer::Words(500, "no")]);
    let tested = test().await;
    assert_eq!((&tested["status"], &tested["http_status"]), (&json!("failed"), &json!(500)));

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, error) in [
        (format!("http://{nobody}/"), "unreachable"),
        (format!("https://{}/", receiver.url.split('/').nth(2).unwrap()), "tls-failed"),
        ("https://no-such-host.invalid/".to_owned(), "name-not-found"),
    ] {
        ada(&world, Method::PUT, ONE).json(&json!({"url": url})).send().await.expect(200);
        let tested = test().await;
        assert_eq!((&tested["status"], &tested["error"]), (&json!("failed"), &json!(error)), "{url}");
    }
    assert!(log(&world).await.is_empty(), "a test is no event");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_leads_inside_or_hides_something_is_refused() {
    let world = World::start().await;
    for url in [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://localhost/",
        "https://2130706433/",
        "https://192.168.1.1/",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example/#fragment",
        "hooks.example",
        "",
        &format!("https://hooks.example/{}", "x".repeat(2_048)),
    ] {
        let problem = ada(&world, Method::PUT, ONE).json(&json!({"url": url})).send().await.problem(422, "invalid");
        assert_eq!(problem["field"], "url", "{url}");
        assert!(!problem.to_string().contains("secret@"), "{problem}");
    }
    let fine = json!({"url": "https://hooks.example/"});
    for (body, field) in [
        (json!({}), "url"),
        (json!({"url": "https://hooks.example/", "events": ["message.read"]}), "events"),
        (json!({"url": "https://hooks.example/", "events": []}), "events"),
        (json!({"url": "https://hooks.example/", "enabled": "yes"}), "enabled"),
        (json!({"url": "https://hooks.example/", "secret": "mine"}), "secret"),
    ] {
        let problem = ada(&world, Method::PUT, ONE).json(&body).send().await.problem(422, "invalid");
        assert_eq!(problem["field"], field, "{body}");
    }
    ada(&world, Method::PUT, "/webhooks/.x").json(&fine).send().await.problem(422, "invalid");
    ada(&world, Method::GET, ONE).send().await.problem(404, "not-found");
    ada(&world, Method::GET, "/webhooks").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_has_a_few_webhooks_and_what_was_removed_is_gone() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    let wanted = json!({"url": receiver.url});
    let put = async |id: usize| ada(&world, Method::PUT, &format!("/webhooks/w{id}")).json(&wanted).send().await;
    for id in 0..WEBHOOKS_MAX {
        put(id).await.expect(201);
    }
    put(WEBHOOKS_MAX).await.problem(409, "too-many-webhooks");
    put(0).await.expect(200);
    let listed = ada(&world, Method::GET, "/webhooks").send().await.expect(200);
    assert_eq!(listed["webhooks"].as_array().unwrap().len(), WEBHOOKS_MAX);

    for id in 1..WEBHOOKS_MAX {
        ada(&world, Method::DELETE, &format!("/webhooks/w{id}")).send().await.expect(204);
    }
    ada(&world, Method::DELETE, "/webhooks/w1").send().await.problem(404, "not-found");
    world.receive(JANE, "hello").await;
    receiver.take(2).await;
    world.receive(JANE, "again").await;
    receiver.take(2).await;
    assert!(receiver.left().is_empty(), "one is left");
    // One of the same name is another.
    assert!(put(1).await.expect(201)["secret"].is_string());
    let log = ada(&world, Method::GET, "/webhooks/w1/deliveries").send().await.expect(200);
    assert_eq!(log, json!({"deliveries": [], "next": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_in_pages_and_anything_in_it_is_sent_again() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    hook(&world, &receiver).await;
    for _ in 0..3 {
        world.receive(JANE, "hello").await;
    }
    let posted = receiver.take(6).await;
    let whole = logged(&world, is_all_delivered(6)).await;
    let path = format!("{ONE}/deliveries?limit=4");
    let first = ada(&world, Method::GET, &path).send().await.expect(200);
    let rest = format!("{path}&before={}", first["next"].as_str().unwrap());
    let rest = ada(&world, Method::GET, &rest).send().await.expect(200);
    assert_eq!(rest["next"], Value::Null);
    let pages = [&first, &rest].map(|page| page["deliveries"].as_array().unwrap().clone()).concat();
    assert_eq!(pages, whole);
    for bad in ["before=msg_x", "limit=0", "limit=201", "after=1"] {
        let answer = ada(&world, Method::GET, &format!("{ONE}/deliveries?{bad}")).send().await;
        assert!([400, 422].contains(&answer.status), "{bad}: {}", answer.text);
    }

    let resend = |id: &str| format!("{ONE}/deliveries/{id}/resend");
    let again = ada(&world, Method::POST, &resend(posted[0].id())).send().await.expect(200);
    assert_eq!((&again["id"], &again["status"]), (&json!(posted[0].id()), &json!("retrying")));
    let sent = receiver.next().await;
    assert_eq!((sent.id(), &sent.body["data"]), (posted[0].id(), &posted[0].body["data"]));
    for unknown in ["msg_00000000000000000000000000000000", "x", "%00"] {
        ada(&world, Method::POST, &resend(unknown)).send().await.problem(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_missed_what_is_not_kept_any_more_is_told_to_look_at_everything() {
    let (world, mut receiver) = (World::start().await, Receiver::start().await);
    hook(&world, &receiver).await;
    let practice = PracticeId::parse("riverside").unwrap();
    let webhook = world.records.webhook(&practice, &WebhookId::parse("ehr").unwrap()).unwrap();
    let key = WebhookKey { practice, serial: webhook.serial };
    let (mut post, version) = world.store.post(&key).await.unwrap().unwrap();
    post.position = OccurrenceId(u64::from(u32::MAX));
    world.store.keep(&key, version, &post).await.unwrap();

    world.receive(JANE, "hello").await;
    let reset = receiver.next().await;
    assert_eq!((reset.event(), &reset.body["data"]), ("stream.reset", &json!({"practice": "riverside"})));
    world.receive(JANE, "and this comes after it").await;
    let posted = receiver.next().await;
    assert_eq!(posted.body["data"]["message"]["text"], "and this comes after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_when_a_daemon_ended_is_posted_by_another() {
    let mut receiver = Receiver::start().await;
    let clock = TestClock::new();
    let shared = Shared::open(clock.clone()).await;
    let mut first = World::on(clock.clone(), shared.handle(BootId(1)), BootId(1), None).await;
    first.populate().await;
    let secret = hook(&first, &receiver).await;
    receiver.answer([Answer::Never]);
    first.receive(JANE, "hello").await;
    let asked = receiver.next().await;
    let token = first.token.clone();
    drop(first);
    shared.is_dead(BootId(1));

    let mut second = World::on(clock, shared.handle(BootId(2)), BootId(2), None).await;
    second.token = token;
    let posted = receiver.take(2).await;
    assert!(ids(&posted).contains(asked.id()), "under the same id");
    assert_eq!(ids(&posted).len(), 2);
    assert!(posted[0].is_believed(&secret, second.clock.now().as_second()).await);
    logged(&second, is_all_delivered(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_daemons_one_posts_each_event() {
    let mut receiver = Receiver::start().await;
    let clock = TestClock::new();
    let shared = Shared::open(clock.clone()).await;
    let mut a = World::on(clock.clone(), shared.handle(BootId(1)), BootId(1), None).await;
    a.populate().await;
    let b = World::on(clock, shared.handle(BootId(2)), BootId(2), None).await;
    let followers = [&a, &b].map(|world| tokio::spawn(world.directory.clone().follow_the_news()));
    hook(&a, &receiver).await;
    let knows = b.records.clone();
    tokio::spawn(knows.clone().follow_the_news());
    knows.catch_up().await.unwrap();
    for number in 0..20 {
        let world = if number % 2 == 0 { &a } else { &b };
        world.receive(&format!("+1303555{number:04}"), "hello").await;
    }
    let posted = receiver.take(40).await;
    logged_by(&[&a, &b], is_all_delivered(40)).await;
    let more = receiver.left();
    assert_eq!((ids(&posted).len(), more.len()), (40, 0), "each once");
    followers.iter().for_each(tokio::task::JoinHandle::abort);
}
