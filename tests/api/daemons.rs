//! Two daemons on one store: whoever was told by one that something is there finds it at the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use assent::domain::{BootId, PatientId, PracticeId};
use assent::http::FAILURES_MAX;
use assent::ports::Clock;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::events::Stream;
use super::world::{Call, JANE, OPERATOR, RIVERSIDE, TestClock, World};
use crate::shared_store::{Shared, SharedStore};

struct Two {
    a: World,
    b: World,
    store_of_b: Arc<SharedStore>,
    shared: Arc<Shared>,
    followers: Vec<JoinHandle<()>>,
}

impl Two {
    /// Everything was put at the first daemon, and the second has heard of it.
    async fn start() -> Self {
        let clock = TestClock::new();
        let shared = Shared::open(clock.clone() as Arc<dyn Clock>).await;
        let (store_of_a, store_of_b) = (shared.handle(BootId(1)), shared.handle(BootId(2)));
        let mut a = World::on(clock.clone(), store_of_a, BootId(1), None).await;
        let mut b = World::on(clock, store_of_b.clone(), BootId(2), None).await;
        let followers = [&a, &b].into_iter().flat_map(|world| {
            [
                tokio::spawn(world.records.clone().follow_the_news()),
                tokio::spawn(world.directory.clone().follow_the_news()),
            ]
        });
        let followers = followers.collect();
        a.populate().await;
        (b.token, b.other_token) = (a.token.clone(), a.other_token.clone());
        let two = Self { a, b, store_of_b, shared, followers };
        while two.knows_patient("jane") == Knows::Not {
            tokio::task::yield_now().await;
        }
        two
    }

    fn lose_news(&self) {
        self.shared.loses_news.store(true, Ordering::SeqCst);
    }

    /// Whether the second daemon has this patient in memory.
    fn knows_patient(&self, id: &str) -> Knows {
        let (practice, id) = (PracticeId::parse("riverside").unwrap(), PatientId::parse(id).unwrap());
        if self.b.records.patient(&practice, &id).is_some() { Knows::Well } else { Knows::Not }
    }

    fn looks(&self) -> usize {
        self.store_of_b.version_looks.load(Ordering::SeqCst)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Knows {
    Well,
    Not,
}

impl Drop for Two {
    fn drop(&mut self) {
        self.followers.iter().for_each(JoinHandle::abort);
    }
}

fn staff(texting: bool) -> Value {
    json!({"name": "New", "site_administrator": false, "patient_text_administrator": texting})
}

fn new_staff(world: &World, texting: bool) -> Call {
    world.operator(Method::PUT, &format!("{RIVERSIDE}/staff/new")).json(&staff(texting))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_daemon_was_given_another_finds_at_once_even_if_no_news_came() {
    let two = Two::start().await;
    two.lose_news();
    let (a, b) = (&two.a, &two.b);

    a.put_patient("joe", "Joe", "Doe", "+13035550124").await;
    assert_eq!(b.get("/patients/joe").await["id"], "joe");

    new_staff(a, true).send().await.expect(201);
    b.acting("new", Method::GET, &format!("{RIVERSIDE}/unread")).send().await.expect(200);

    let token = a.new_token("riverside").await;
    let unread = format!("{RIVERSIDE}/unread");
    b.call(Method::GET, &unread).token(&token).staff("tex").send().await.expect(200);
    let session = a.new_session("tex").await;
    b.call(Method::GET, &unread).token(&session).send().await.expect(200);

    let practice = json!({"name": "Lakeside", "number": "+13035550300", "time_zone": "UTC", "contact": "x"});
    a.operator(Method::PUT, "/v1/practices/lakeside").json(&practice).send().await.expect(201);
    b.operator(Method::GET, "/v1/practices/lakeside").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_allowed_at_one_daemon_is_allowed_at_another_at_once() {
    let two = Two::start().await;
    two.lose_news();
    let at_b = async || two.b.acting("new", Method::GET, &format!("{RIVERSIDE}/unread")).send().await;
    new_staff(&two.a, false).send().await.expect(201);
    at_b().await.problem(403, "not-patient-text-administrator");
    new_staff(&two.a, true).send().await.expect(200);
    at_b().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_back_at_one_daemon_is_gone_at_another_at_once() {
    let two = Two::start().await;
    two.lose_news();
    let token = two.a.new_token("riverside").await;
    let with_the_token = async || two.a.call(Method::GET, "/v1/practices").token(&token).send().await;
    with_the_token().await.expect(200);
    let id = token.split('_').nth(1).unwrap();
    two.b.operator(Method::DELETE, &format!("{RIVERSIDE}/tokens/{id}")).send().await.expect(204);
    with_the_token().await.problem(401, "not-authenticated");

    let at_b = async || two.b.acting("new", Method::GET, &format!("{RIVERSIDE}/unread")).send().await;
    new_staff(&two.a, true).send().await.expect(201);
    at_b().await.expect(200);
    new_staff(&two.a, false).send().await.expect(200);
    at_b().await.problem(403, "not-patient-text-administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_and_a_link_are_at_every_daemon_what_they_are_at_one() {
    for loses_news in [false, true] {
        let two = Two::start().await;
        if loses_news {
            two.lose_news();
        }
        let (unknown, template) =
            ("/conversations/%2B13035550188", json!({"name": "Hello", "text": "Hi {first_name}"}));
        two.a.receive("+13035550188", "Hi, it is Jane").await;
        two.a.tex(Method::PUT, "/templates/hello").json(&template).send().await.expect(201);
        two.a.tex(Method::PUT, &format!("{unknown}/patients/jane")).send().await.expect(201);
        assert_eq!(two.b.get("/templates/hello").await["text"], "Hi {first_name}");
        assert_eq!(two.b.get("/patients/jane").await["linked_phones"][0]["phone"], "+13035550188");
        let there = json!({"text": "Is this you?", "phone": "+13035550188"});
        let write = |world: &World| world.tex(Method::POST, "/patients/jane/messages").json(&there).send();
        write(&two.b).await.expect(202);

        two.b.tex(Method::DELETE, "/templates/hello").send().await.expect(204);
        two.b.tex(Method::DELETE, &format!("{unknown}/patients/jane")).send().await.expect(204);
        two.a.tex(Method::GET, "/templates/hello").send().await.problem(404, "not-found");
        write(&two.a).await.problem(422, "invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_goes_to_the_phone_that_another_daemon_was_just_given() {
    let two = Two::start().await;
    two.lose_news();
    two.b.draft("jane", "hello").await.expect(202);
    let jane = json!({"first_name": "Jane", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": "+13035550124"});
    two.a.tex(Method::PUT, "/patients/jane").json(&jane).send().await.expect(200);
    two.b.draft("jane", "hello again").await.expect(202);
    let thread = two.a.get("/patients/jane/messages").await;
    let texts: Vec<&Value> = thread["messages"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
    assert!(texts.contains(&&json!("hello again")) && !texts.contains(&&json!("hello")), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_keeps_its_number_whichever_daemon_is_asked() {
    let two = Two::start().await;
    two.lose_news();
    let practice = |number: &str| json!({"name": "Lakeside", "number": number, "time_zone": "UTC", "contact": "x"});
    let put = |world: &World, number: &str| {
        world.operator(Method::PUT, "/v1/practices/lakeside").json(&practice(number)).send()
    };
    put(&two.a, "+13035550300").await.expect(201);
    put(&two.b, "+13035550301").await.problem(409, "number-fixed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_who_changed_elsewhere_is_put_back_when_asked_to() {
    let two = Two::start().await;
    two.lose_news();
    let jane = |phone: &str| json!({"first_name": "Jane", "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": phone});
    let put = |world: &World, phone: &str| world.tex(Method::PUT, "/patients/jane").json(&jane(phone)).send();
    put(&two.a, "+13035550124").await.expect(200);
    // The second daemon remembers Jane with this very phone, and must not take it for what is stored.
    put(&two.b, JANE).await.expect(200);
    two.shared.tell_anything();
    while two.a.get("/patients/jane").await["mobile_phone"] != JANE {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_to_a_practice_that_another_daemon_put_a_moment_ago_is_not_set_aside() {
    let two = Two::start().await;
    two.lose_news();
    let practice = json!({"name": "Lakeside", "number": "+13035550300", "time_zone": "UTC", "contact": "x"});
    two.a.operator(Method::PUT, "/v1/practices/lakeside").json(&practice).send().await.expect(201);
    two.b.receive_at("+13035550300", JANE, "are you open?").await;
    let path = "/v1/practices/lakeside/unread";
    assert_eq!(two.b.operator(Method::GET, path).send().await.expect(200)["messages"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_store_asked_once_whatever_it_is_about() {
    let two = Two::start().await;
    let before = two.looks();
    two.b.get("/patients/jane").await;
    assert_eq!(two.looks(), before + 1);
    two.b.tex(Method::GET, "/patients/nobody").send().await.problem(404, "not-found");
    assert_eq!(two.looks(), before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_do_not_hammer_the_store() {
    let two = Two::start().await;
    let before = two.looks();
    let wrong = format!("{}x", two.a.token);
    for _ in 0..FAILURES_MAX * 5 {
        two.b.call(Method::GET, "/v1/practices").token(&wrong).send().await;
    }
    let looks = two.looks() - before;
    assert!(looks <= usize::try_from(FAILURES_MAX).unwrap() + 1, "{looks} looks");
    // Who is right is let in all the same.
    two.b.call(Method::GET, "/v1/practices").token(OPERATOR).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_elsewhere_wakes_whoever_holds_a_stream_open() {
    let two = Two::start().await;
    let mut permissions = two.b.records.permission_changes();
    new_staff(&two.a, true).send().await.expect(201);
    permissions.changed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_missed_news_reads_everything_again() {
    let two = Two::start().await;
    two.lose_news();
    two.a.put_patient("joe", "Joe", "Doe", "+13035550124").await;
    assert_eq!(two.knows_patient("joe"), Knows::Not);
    two.shared.tell_anything();
    while two.knows_patient("joe") == Knows::Not {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_daemon_notices_by_itself_that_news_were_lost() {
    let two = Two::start().await;
    two.lose_news();
    two.a.put_patient("joe", "Joe", "Doe", "+13035550124").await;
    let mut permissions = two.b.records.permission_changes();
    tokio::time::pause();
    while two.knows_patient("joe") == Knows::Not {
        permissions.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_at_one_daemon_and_a_start_at_another_meet() {
    let two = Two::start().await;
    let message = two.a.draft("jane", "see you at 3").await.expect(202);
    two.b.receive(JANE, "START").await;
    let path = format!("/patients/jane/messages/{}", message["id"].as_str().unwrap());
    for world in [&two.a, &two.b] {
        assert_eq!(world.get(&path).await["status"], "queued");
        assert_eq!(world.get("/unread").await, json!({"red_dot": true, "conversations": 1, "messages": 1}));
    }
    two.a.receive(JANE, "STOP").await;
    two.b.draft("jane", "are you there?").await.problem(409, "opted-out");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_types_at_one_daemon_is_seen_by_those_who_look_on_at_another() {
    let two = Two::start().await;
    two.a.receive(JANE, "hello").await;
    let mut stream = Stream::open(two.b.tex(Method::GET, "/events")).await;
    stream.next().await.unwrap();
    let types = format!("{RIVERSIDE}/conversations/%2B13035550123/typing");
    assert_eq!(two.a.acting("amy", Method::POST, &types).send().await.status, 204);
    let told = stream.next().await.unwrap();
    assert_eq!((told.name.as_deref(), &told.data["staff"]), (Some("typing"), &json!("amy")));
    let found = two.b.get("/conversations/%2B13035550123").await;
    assert_eq!(found["typing"][0]["staff"], "amy");
}
