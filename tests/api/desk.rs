//! The shared inbox: staff assign, close and tag, leave each other notes, and see who reads and who writes.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use super::events::{Event, Stream, names};
use super::world::{Answer, Call, JANE, RIVERSIDE, World};

const OF_JANE: &str = "/conversations/%2B13035550123";
const STRANGER: &str = "+13035550177";

fn phones(page: &Value) -> Vec<&str> {
    page["conversations"].as_array().unwrap().iter().map(|one| one["phone"].as_str().unwrap()).collect()
}

/// Somebody changes something about the conversation with Jane.
fn change(world: &World, staff: &str, body: &Value) -> Call {
    world.acting(staff, Method::PATCH, &format!("{RIVERSIDE}{OF_JANE}")).json(body)
}

async fn look(world: &World) -> Answer {
    world.tex(Method::GET, OF_JANE).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_assigned_closed_and_tagged_and_a_text_reopens_it() {
    let world = World::start().await;
    world.receive(JANE, "does it hurt much?").await;
    let found = look(&world).await.expect(200);
    let fresh = (&found["assigned_to"], &found["closed"], &found["tags"], &found["undeliverable"]);
    assert_eq!(fresh, (&Value::Null, &json!(false), &json!([]), &json!(false)));
    assert_eq!(found["waiting_since"], "2026-03-04T05:00:00Z");
    assert_eq!((&found["readers"], &found["typing"]), (&json!([]), &json!([])));

    let all = json!({"assigned_to": "amy", "closed": true, "tags": [" Knee ", "billing", "knee"]});
    let changed = change(&world, "tex", &all).send().await.expect(200);
    assert_eq!((&changed["assigned_to"], &changed["closed"]), (&json!("amy"), &json!(true)));
    assert_eq!((&changed["tags"], &changed["waiting_since"]), (&json!(["Knee", "billing"]), &Value::Null));
    let listed = world.get("/conversations").await["conversations"][0].clone();
    for field in ["assigned_to", "closed", "tags", "waiting_since", "undeliverable"] {
        assert_eq!(listed[field], changed[field], "{field}");
    }

    world.advance(SignedDuration::from_secs(60));
    world.receive(JANE, "one more thing").await;
    let reopened = look(&world).await.expect(200);
    assert_eq!((&reopened["closed"], &reopened["waiting_since"]), (&json!(false), &json!("2026-03-04T05:01:00Z")));
    assert_eq!((&reopened["assigned_to"], &reopened["tags"]), (&json!("amy"), &changed["tags"]));

    world.draft("jane", "a little").await.expect(202);
    assert_eq!(look(&world).await.expect(200)["waiting_since"], Value::Null, "staff have answered");
    let nobodys = change(&world, "tex", &json!({"assigned_to": null})).send().await.expect(200);
    assert_eq!((&nobodys["assigned_to"], &nobodys["tags"]), (&Value::Null, &changed["tags"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_change_one_conversation_the_second_hears_of_the_first() {
    let world = World::start().await;
    world.receive(JANE, "hello").await;
    let seen = look(&world).await;
    let tag = seen.header("etag").to_owned();
    world.receive(JANE, "anyone?").await;
    assert_eq!(look(&world).await.header("etag"), tag, "a text makes nobody's decision stale");

    let mine = change(&world, "amy", &json!({"assigned_to": "amy"})).header("If-Match", &tag).send().await;
    let newer = mine.header("etag").to_owned();
    mine.expect(200);
    let late = change(&world, "tex", &json!({"assigned_to": "tex"})).header("If-Match", &tag).send().await;
    late.problem(412, "changed-meanwhile");
    let found = look(&world).await;
    assert_eq!((found.header("etag"), &found.body["assigned_to"]), (newer.as_str(), &json!("amy")));
    assert_ne!(newer, tag);
    change(&world, "tex", &json!({"closed": true})).header("If-Match", &newer).send().await.expect(200);
    // A text that reopens it is a change.
    let closed = look(&world).await.header("etag").to_owned();
    world.receive(JANE, "wait").await;
    change(&world, "tex", &json!({"tags": []}))
        .header("If-Match", &closed)
        .send()
        .await
        .problem(412, "changed-meanwhile");
    change(&world, "tex", &json!({"tags": []})).header("If-Match", "*").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_text_is_assigned_and_stays_so_whatever_becomes_of_the_permission() {
    let world = World::start().await;
    world.receive(JANE, "hello").await;
    for (staff, detail) in [
        ("nil", "nil does not have the permission Patient Text Administrator"),
        ("nobody-here", "must be a member of the practice's staff"),
        ("not an id", "must be a member of the practice's staff"),
    ] {
        let problem = change(&world, "tex", &json!({"assigned_to": staff})).send().await.problem(422, "invalid");
        assert_eq!((&problem["field"], &problem["errors"][0]["detail"]), (&json!("assigned_to"), &json!(detail)));
    }
    change(&world, "tex", &json!({"assigned_to": "amy"})).send().await.expect(200);
    let weaker = json!({"name": "amy", "site_administrator": true, "patient_text_administrator": false});
    world.operator(Method::PUT, &format!("{RIVERSIDE}/staff/amy")).json(&weaker).send().await.expect(200);
    assert_eq!(look(&world).await.expect(200)["assigned_to"], "amy", "it is seen whose it was");
    assert_eq!(phones(&world.get("/conversations?assigned=amy").await), [JANE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_arranged_is_told_and_nothing_is_changed() {
    let world = World::start().await;
    change(&world, "tex", &json!({"closed": true})).send().await.problem(404, "not-found");
    world.receive(JANE, "hello").await;
    let many: Vec<String> = (0..11).map(|number| format!("tag {number}")).collect();
    for (body, field) in [
        (json!({"closed": "yes"}), "closed"),
        (json!({"closed": null}), "closed"),
        (json!({"tags": ["x".repeat(41)]}), "tags"),
        (json!({"tags": ["two\nlines"]}), "tags"),
        (json!({"tags": [""]}), "tags"),
        (json!({"tags": many}), "tags"),
        (json!({"tags": "knee"}), "tags"),
        (json!({"assigned_to": 7}), "assigned_to"),
        (json!({"owner": "amy"}), "owner"),
    ] {
        let problem = change(&world, "tex", &body).send().await.problem(422, "invalid");
        assert!(problem["field"].as_str().unwrap().starts_with(field), "{body}: {problem}");
    }
    let untouched = change(&world, "tex", &json!({})).send().await.expect(200);
    assert_eq!((&untouched["closed"], &untouched["tags"]), (&json!(false), &json!([])));
    for elsewhere in ["", "/notes"] {
        let path = format!("/v1/practices/hilltop{OF_JANE}{elsewhere}");
        world.call(Method::GET, &path).token(&world.other_token).staff("tex").send().await.problem(404, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_filtered_as_staff_ask() {
    let world = World::start().await;
    for (phone, words) in [(JANE, "hello"), (STRANGER, "hi"), ("+13035550178", "who is this? leave me alone")] {
        world.receive(phone, words).await;
        world.advance(SignedDuration::from_secs(1));
    }
    world.put_patient("otto", "Otto", "Outis", "+13035550179").await;
    world.draft("otto", "come in").await.expect(202);
    world.receive("+13035550179", "STOP").await;
    change(&world, "tex", &json!({"assigned_to": "tex", "tags": ["Billing"]})).send().await.expect(200);
    let path = "/conversations/%2B13035550177";
    world.tex(Method::PATCH, path).json(&json!({"closed": true})).send().await.expect(200);
    world.tex(Method::POST, &format!("{path}/read")).send().await.expect(200);

    let (stranger, held, otto) = (STRANGER, "+13035550178", "+13035550179");
    let cases: [(&str, &[&str]); 15] = [
        ("filter=unread", &[otto, held, JANE]),
        ("filter=waiting", &[held, JANE]),
        ("filter=undeliverable", &[otto]),
        ("filter=held", &[held]),
        ("filter=unknown", &[held, stranger]),
        ("filter=unknown&closed=false", &[held]),
        ("filter=unknown&unread=false", &[stranger]),
        ("assigned=tex", &[JANE]),
        ("assigned=me", &[JANE]),
        ("assigned=nobody", &[otto, held, stranger]),
        ("tag=billing", &[JANE]),
        ("tag=BILLING&filter=waiting&assigned=me&closed=false&unread=true", &[JANE]),
        ("tag=knee", &[]),
        ("closed=true", &[stranger]),
        ("closed=false&limit=2", &[otto, held]),
    ];
    for (query, expected) in cases {
        assert_eq!(phones(&world.get(&format!("/conversations?{query}")).await), expected, "{query}");
    }
    let first = world.get("/conversations?closed=false&limit=2").await;
    let next = first["next"].as_str().unwrap();
    for name in ["cursor", "before"] {
        let rest = world.get(&format!("/conversations?closed=false&limit=2&{name}={next}")).await;
        assert_eq!((phones(&rest), &rest["next"]), (vec![JANE], &Value::Null));
    }
    let first = world.get("/conversations?filter=unknown&limit=1").await;
    let rest = world.get(&format!("/conversations?filter=unknown&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((phones(&first), phones(&rest)), (vec![held], vec![stranger]));

    for query in [
        "filter=odd",
        "filter=unread&unread=false",
        "assigned=no%20one",
        "tag=",
        "closed=maybe",
        &format!("before={next}&cursor={next}"),
    ] {
        world.tex(Method::GET, &format!("/conversations?{query}")).send().await.problem(422, "invalid");
    }
    let mine = world.operator(Method::GET, &format!("{RIVERSIDE}/conversations?assigned=me"));
    mine.send().await.problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_for_staff_and_never_sent() {
    let world = World::start().await;
    let notes = format!("{OF_JANE}/notes");
    let add = |staff: &str, text: &str| {
        world.acting(staff, Method::POST, &format!("{RIVERSIDE}{notes}")).json(&json!({"text": text}))
    };
    add("tex", "nobody texted yet").send().await.problem(404, "not-found");
    world.receive(JANE, "START").await;
    let thread = world.get(&format!("{OF_JANE}/messages")).await;

    let first = add("tex", "call her son\r\nafter five").send().await.expect(201);
    assert_eq!((&first["text"], &first["staff"]), (&json!("call her son\nafter five"), &json!("tex")));
    assert_eq!(first["created_at"], "2026-03-04T05:00:00Z");
    let second = add("amy", "done").send().await.expect(201);
    let page = world.get(&format!("{notes}?limit=1")).await;
    assert_eq!(page["notes"], json!([second]));
    let next = page["next"].as_str().unwrap();
    let rest = world.get(&format!("{notes}?limit=1&before={next}")).await;
    assert_eq!(rest, json!({"notes": [first], "next": null}));

    for text in ["", " \n ", "a\u{7}", &"é".repeat(2_001)] {
        add("tex", text).send().await.problem(422, "invalid");
    }
    add("tex", &"é".repeat(2_000)).send().await.expect(201);
    add("nil", "hm").send().await.problem(403, "not-patient-text-administrator");
    let of_thread = world.get(&format!("{OF_JANE}/messages")).await;
    assert_eq!(of_thread["messages"].as_array().unwrap().len(), thread["messages"].as_array().unwrap().len());
    assert!(!of_thread.to_string().contains("call her son"), "no note is a message");
    world.tex(Method::GET, &format!("{notes}?before=x")).send().await.problem(400, "bad-cursor");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_seen_who_has_read_how_far() {
    let world = World::start().await;
    world.receive(JANE, "hello").await;
    let read =
        |staff: &str, query: &str| world.acting(staff, Method::POST, &format!("{RIVERSIDE}{OF_JANE}/read{query}"));
    let first = look(&world).await.expect(200)["last_message"]["id"].as_str().unwrap().to_owned();
    read("amy", "").send().await.expect(200);
    world.advance(SignedDuration::from_secs(30));
    world.receive(JANE, "anyone?").await;
    read("tex", "").send().await.expect(200);
    read("amy", &format!("?up_to={first}")).send().await.expect(200);
    // The backend on its own is nobody who reads.
    world.operator(Method::POST, &format!("{RIVERSIDE}{OF_JANE}/read")).send().await.expect(200);
    let found = look(&world).await.expect(200);
    let newest = &found["last_message"]["id"];
    let expected = json!([
        {"staff": "amy", "message": first, "at": "2026-03-04T05:00:00Z"},
        {"staff": "tex", "message": newest, "at": "2026-03-04T05:00:30Z"},
    ]);
    assert_eq!(found["readers"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_on_is_told_what_staff_do() {
    let world = World::start().await;
    world.receive(JANE, "hello").await;
    let mut stream = Stream::open(world.tex(Method::GET, "/events")).await;
    stream.next().await.unwrap();

    change(&world, "amy", &json!({"assigned_to": "amy", "closed": true})).send().await.expect(200);
    let told = stream.next().await.unwrap();
    assert_eq!((told.name.as_deref(), told.id.is_some()), (Some("conversation.updated"), true));
    let conversation = &told.data["conversation"];
    assert_eq!((&conversation["assigned_to"], &conversation["closed"]), (&json!("amy"), &json!(true)));
    assert_eq!((&told.data["phone"], &told.data["patients"][0]["id"]), (&json!(JANE), &json!("jane")));
    // What changes nothing is not told.
    change(&world, "amy", &json!({"closed": true})).send().await.expect(200);

    let note = json!({"text": "call her son"});
    world.acting("amy", Method::POST, &format!("{RIVERSIDE}{OF_JANE}/notes")).json(&note).send().await.expect(201);
    let told = stream.next().await.unwrap();
    assert_eq!((told.name.as_deref(), &told.data["note"]["text"]), (Some("note.added"), &json!("call her son")));

    world.receive(JANE, "wait").await;
    let told = stream.take(3).await;
    assert_eq!(names(&told), ["message.received", "conversation.updated", "unread.changed"]);
    assert_eq!(told[1].data["conversation"]["closed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_types_is_seen_for_six_seconds_and_is_written_down_nowhere() {
    let world = World::start().await;
    world.receive(JANE, "hello").await;
    let types = async |staff: &str| {
        let call = world.acting(staff, Method::POST, &format!("{RIVERSIDE}{OF_JANE}/typing"));
        assert_eq!(call.send().await.status, 204);
    };
    let mut stream = Stream::open(world.tex(Method::GET, "/events")).await;
    let place = stream.next().await.unwrap().id;
    types("amy").await;
    let expected = json!({
        "practice": "riverside",
        "phone": JANE,
        "patients": [{"id": "jane", "first_name": "Jane", "last_name": "Doe", "linked": false}],
        "staff": "amy",
        "until": "2026-03-04T05:00:06Z",
    });
    let told = stream.next().await.unwrap();
    assert_eq!(told, Event { id: None, name: Some("typing".into()), data: expected, comment: None });
    assert_eq!(look(&world).await.expect(200)["typing"], json!([{"staff": "amy", "until": "2026-03-04T05:00:06Z"}]));

    // A moment later it is no news, and a while later it is.
    types("amy").await;
    world.advance(SignedDuration::from_secs(2));
    types("amy").await;
    assert_eq!(stream.next().await.unwrap().data["until"], "2026-03-04T05:00:08Z");
    world.advance(SignedDuration::from_secs(6));
    assert_eq!(look(&world).await.expect(200)["typing"], json!([]));

    world.operator(Method::POST, &format!("{RIVERSIDE}{OF_JANE}/typing")).send().await.expect(204);
    let nowhere = world.tex(Method::POST, "/conversations/%2B13035550199/typing").send().await;
    nowhere.problem(404, "not-found");
    // Whoever comes back from before is told nothing of it.
    let call = world.tex(Method::GET, "/events").header("Last-Event-ID", &place.unwrap());
    let mut later = Stream::open(call).await;
    later.next().await.unwrap();
    world.receive(JANE, "still there?").await;
    assert_eq!(later.next().await.unwrap().name.as_deref(), Some("message.received"));
}
