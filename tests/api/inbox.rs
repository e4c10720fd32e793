//! The inbox: who texted, who that is, what is unread, and the red dot.

use reqwest::Method;
use serde_json::{Value, json};

use super::world::{JANE, World};

const STRANGER: &str = "+13035550177";

fn phones(page: &Value) -> Vec<&str> {
    page["conversations"].as_array().unwrap().iter().map(|one| one["phone"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_red_dot_lights_and_goes_out() {
    let world = World::start().await;
    let dark = json!({"red_dot": false, "conversations": 0, "messages": 0});
    assert_eq!(world.get("/unread").await, dark);
    world.receive(JANE, "hello?").await;
    world.receive(JANE, "anyone?").await;
    world.receive(STRANGER, "hi").await;
    assert_eq!(world.get("/unread").await, json!({"red_dot": true, "conversations": 2, "messages": 3}));

    let read = world.tex(Method::POST, "/conversations/%2B13035550123/read").send().await.expect(200);
    assert_eq!(read, json!({"phone": JANE, "unread": 0}));
    assert_eq!(world.get("/unread").await, json!({"red_dot": true, "conversations": 1, "messages": 1}));
    world.tex(Method::POST, "/conversations/+13035550177/read").send().await.expect(200);
    assert_eq!(world.get("/unread").await, dark);

    let unread = world.tex(Method::POST, "/conversations/%2B13035550123/unread").send().await.expect(200);
    assert_eq!(unread, json!({"phone": JANE, "unread": 1}));
    assert_eq!(world.get("/unread").await, json!({"red_dot": true, "conversations": 1, "messages": 1}));
    let elsewhere = world.call(Method::GET, "/v1/practices/hilltop/unread").token(&world.other_token).staff("tex");
    assert_eq!(elsewhere.send().await.expect(200), dark);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_never_was_is_404_and_is_not_made() {
    let world = World::start().await;
    for phone in ["%2B13035550123", "%2B13035550100", "x", "13035550123", "%00", "%FF"] {
        for mark in ["read", "unread"] {
            let path = format!("/conversations/{phone}/{mark}");
            world.tex(Method::POST, &path).send().await.problem(404, "not-found");
        }
        let path = format!("/conversations/{phone}/messages");
        world.tex(Method::GET, &path).send().await.problem(404, "not-found");
    }
    assert_eq!(world.get("/conversations").await, json!({"conversations": [], "next": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_wrote_is_read_page_by_page_before_anybody_knows_them() {
    let world = World::start().await;
    for words in ["hello?", "is this the clinic?", "call me"] {
        world.receive(STRANGER, words).await;
    }
    let path = "/conversations/%2B13035550177/messages";
    let texts = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().unwrap();
        messages.iter().map(|one| one["text"].as_str().unwrap().to_owned()).collect()
    };
    let newest = world.get(&format!("{path}?limit=2")).await;
    assert_eq!(texts(&newest), ["call me", "is this the clinic?"]);
    let next = newest["next"].as_str().unwrap();
    let rest = world.get(&format!("{path}?limit=2&before={next}")).await;
    assert_eq!((texts(&rest), &rest["next"]), (vec!["hello?".to_owned()], &Value::Null));

    world.receive(JANE, "from somebody known").await;
    let known = world.get("/conversations/%2B13035550123/messages").await;
    assert_eq!(known, world.get("/patients/jane/messages").await);
    let elsewhere =
        world.call(Method::GET, &format!("/v1/practices/hilltop{path}")).token(&world.other_token).staff("tex");
    elsewhere.send().await.problem(404, "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_shows_strangers_and_everybody_who_shares_a_phone() {
    let world = World::start().await;
    world.put_patient("john", "John", "Doe", JANE).await;
    world.receive(JANE, "from one of us").await;
    world.advance(jiff::SignedDuration::from_secs(1));
    world.receive(STRANGER, "HELP").await;
    let page = world.get("/conversations").await;
    assert_eq!(phones(&page), [STRANGER, JANE]);
    let none = json!({"state": "none", "since": null, "evidence": null, "hold": null, "suspension": null});
    let [stranger, jane] = &page["conversations"].as_array().unwrap()[..] else { panic!("two conversations") };
    assert_eq!((&stranger["patients"], &stranger["consent"], &stranger["unread"]), (&json!([]), &none, &json!(1)));
    assert_eq!(stranger["last_message"]["kind"], "help");
    assert_eq!(
        jane["patients"],
        json!([
            {"id": "jane", "first_name": "Jane", "last_name": "Doe", "linked": false},
            {"id": "john", "first_name": "John", "last_name": "Doe", "linked": false},
        ])
    );
    assert_eq!(jane["last_message"]["text"], "from one of us");
    assert_eq!(
        (&jane["last_message"]["kind"], &jane["last_message"]["direction"]),
        (&json!("text"), &json!("inbound"))
    );

    world.put_patient("known", "Now", "Known", STRANGER).await;
    assert_eq!(world.get("/conversations").await["conversations"][0]["patients"][0]["id"], "known");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_read_page_by_page_and_by_what_is_unread() {
    let world = World::start().await;
    let phone = |number: u32| format!("+1303555020{number}");
    for number in 1..=5 {
        world.receive(&phone(number), "hi").await;
        world.advance(jiff::SignedDuration::from_millis(10));
    }
    for number in [2, 4] {
        let path = format!("/conversations/{}/read", phone(number).replace('+', "%2B"));
        world.tex(Method::POST, &path).send().await.expect(200);
    }
    let first = world.get("/conversations?limit=2").await;
    assert_eq!(phones(&first), [phone(5), phone(4)]);
    let second = world.get(&format!("/conversations?limit=2&before={}", first["next"].as_str().unwrap())).await;
    assert_eq!(phones(&second), [phone(3), phone(2)]);
    let third = world.get(&format!("/conversations?limit=2&before={}", second["next"].as_str().unwrap())).await;
    assert_eq!((phones(&third), &third["next"]), (vec![phone(1).as_str()], &Value::Null));
    assert_eq!(phones(&world.get("/conversations?unread=true").await), [phone(5), phone(3), phone(1)]);
    assert_eq!(phones(&world.get("/conversations?unread=false").await), [phone(4), phone(2)]);
}
