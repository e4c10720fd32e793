//! Two people change one thing, and the second hears of the first.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use assent::domain::BootId;
use assent::ports::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::{Call, JANE, RIVERSIDE, TestClock, World};
use crate::shared_store::Shared;

/// What can be changed, how it is put, and two bodies for it.
fn resources() -> [(String, Value, Value); 3] {
    let practice = |name: &str| json!({"name": name, "number": super::world::NUMBER, "time_zone": "America/Denver", "contact": "303-555-0199"});
    let patient = |name: &str| json!({"first_name": name, "last_name": "Doe", "date_of_birth": "1985-03-04", "mobile_phone": JANE});
    [
        (RIVERSIDE.to_owned(), practice("Riverside"), practice("Riverside Clinic")),
        (format!("{RIVERSIDE}/staff/tex"), json!({"name": "Tex"}), json!({"name": "Texas"})),
        (format!("{RIVERSIDE}/patients/jane"), patient("Jana"), patient("Janet")),
    ]
}

fn put(world: &World, path: &str, body: &Value) -> Call {
    world.operator(Method::PUT, path).json(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_edit_what_they_both_read_the_second_is_told() {
    let world = World::start().await;
    for (path, first, second) in resources() {
        let read = world.operator(Method::GET, &path).send().await;
        let tag = read.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 20, "{path}: {tag}");

        let changed = put(&world, &path, &first).header("If-Match", &tag).send().await;
        let now = changed.header("etag").to_owned();
        changed.expect(200);
        assert_ne!(now, tag, "{path}");
        assert_eq!(world.operator(Method::GET, &path).send().await.header("etag"), now, "{path}");

        put(&world, &path, &second).header("If-Match", &tag).send().await.problem(412, "changed-meanwhile");
        let unchanged = world.operator(Method::GET, &path).send().await;
        assert_eq!(unchanged.header("etag"), now, "{path}: nothing was written");
        put(&world, &path, &second).header("If-Match", &format!("\"x\", {now}")).send().await.expect(200);
        put(&world, &path, &first).send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_created_does_not_replace_what_is_there() {
    let world = World::start().await;
    for (path, first, second) in resources() {
        put(&world, &path, &first).header("If-None-Match", "*").send().await.problem(412, "changed-meanwhile");
        let fresh = path.replace("riverside", "lakeside").replace("/tex", "/rex").replace("/jane", "/june");
        let fresh = if path == RIVERSIDE { fresh } else { fresh.replace("lakeside", "riverside") };
        let body = |mut body: Value| {
            if path == RIVERSIDE {
                body["number"] = "+13035550300".into();
            }
            body
        };
        let (first, second) = (body(first), body(second));
        put(&world, &fresh, &first).header("If-Match", "*").send().await.problem(412, "changed-meanwhile");
        let created = put(&world, &fresh, &first).header("If-None-Match", "*").send().await;
        assert!(created.header("etag").starts_with('"'), "{fresh}");
        created.expect(201);
        put(&world, &fresh, &second).header("If-None-Match", "*").send().await.problem(412, "changed-meanwhile");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_edit_at_once_one_wins() {
    let world = Arc::new(World::start().await);
    let path = format!("{RIVERSIDE}/staff/tex");
    let tag = world.operator(Method::GET, &path).send().await.header("etag").to_owned();
    let editing = (0..8).map(|number| {
        let (world, path, tag) = (Arc::clone(&world), path.clone(), tag.clone());
        tokio::spawn(async move {
            let body = json!({"name": format!("Tex the {number}th")});
            put(&world, &path, &body).header("If-Match", &tag).send().await.status
        })
    });
    let mut statuses = Vec::new();
    for one in editing.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_makes_no_sense_changes_nothing() {
    let world = World::start().await;
    for (path, first, _) in resources() {
        for (header, value) in [("If-Match", "tag"), ("If-None-Match", "\"half"), ("If-Match", "")] {
            let told = put(&world, &path, &first).header(header, value).send().await.problem(422, "invalid");
            assert_eq!(told["field"], header);
        }
        let weak = "W/\"AAAAAAAAAAAAAAAAAAAAAA\"";
        put(&world, &path, &first).header("If-Match", weak).send().await.problem(412, "changed-meanwhile");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_at_another_daemon_counts_even_if_no_news_of_it_came() {
    let clock = TestClock::new();
    let shared = Shared::open(clock.clone() as Arc<dyn Clock>).await;
    let (a, b) = (BootId(1), BootId(2));
    let mut daemon_a = World::on(clock.clone(), shared.handle(a), a, None).await;
    daemon_a.populate().await;
    let daemon_b = World::on(clock, shared.handle(b), b, None).await;
    shared.loses_news.store(true, Ordering::SeqCst);
    for (path, first, second) in resources() {
        let tag = daemon_b.operator(Method::GET, &path).send().await.header("etag").to_owned();
        put(&daemon_a, &path, &first).header("If-Match", &tag).send().await.expect(200);
        put(&daemon_b, &path, &second).header("If-Match", &tag).send().await.problem(412, "changed-meanwhile");
    }
}
