//! The event stream: everything, in order, once; and nothing to those who may not hear it any more.

use std::time::Duration;

use assent::http::STREAMS_MAX;
use jiff::SignedDuration;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::world::{Call, JANE, OPERATOR, RIVERSIDE, World};

/// One event, or a comment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub name: Option<String>,
    pub data: Value,
    pub comment: Option<String>,
}

pub struct Stream {
    response: Response,
    read: String,
}

impl Stream {
    pub async fn open(call: Call) -> Self {
        let response = call.stream().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, read: String::new() }
    }

    /// The next event; `None` when the stream was closed.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((whole, rest)) = self.read.split_once("\n\n") {
                let event = parse(whole);
                self.read = rest.to_owned();
                return Some(event);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(5), self.response.chunk());
            let chunk = chunk.await.expect("something is said within five seconds").unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    pub async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.next().await.expect("the stream goes on"));
        }
        events
    }
}

fn parse(text: &str) -> Event {
    let mut event = Event::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap();
        let value = value.trim_start().to_owned();
        match field {
            "" => event.comment = Some(value),
            "id" => event.id = Some(value),
            "event" => event.name = Some(value),
            "data" => event.data = serde_json::from_str(&value).unwrap(),
            other => panic!("{other}"),
        }
    }
    event
}

fn events(world: &World) -> Call {
    world.tex(Method::GET, "/events")
}

pub fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_deref().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_what_changed_and_how_it_looks() {
    let world = World::start().await;
    world.receive(JANE, "before").await;
    let mut stream = Stream::open(events(&world)).await;
    assert_eq!(stream.next().await.unwrap().comment.as_deref(), Some("connected"));

    world.receive(JANE, "START").await;
    let told = stream.take(4).await;
    assert_eq!(names(&told), ["message.received", "consent.changed", "message.updated", "unread.changed"]);
    let who = json!([{"id": "jane", "first_name": "Jane", "last_name": "Doe", "linked": false}]);
    for event in &told {
        let about = (&event.data["practice"], &event.data["phone"], &event.data["patients"]);
        assert_eq!(about, (&json!("riverside"), &json!(JANE), &who));
    }
    assert_eq!(told[0].data["message"]["text"], "START");
    assert_eq!(told[1].data["consent"]["state"], "opted_in");
    assert_eq!(told[2].data["message"]["kind"], "start_confirmation");
    assert_eq!(told[3].data["unread"], json!({"red_dot": true, "conversations": 1, "messages": 2}));
    assert_eq!(told[3].data["conversation_unread"], 2);

    world.tex(Method::POST, "/conversations/%2B13035550123/read").send().await.expect(200);
    let read = stream.next().await.unwrap();
    assert_eq!((read.name.as_deref(), &read.data["conversation_unread"]), (Some("unread.changed"), &json!(0)));
    assert_eq!(read.data["unread"]["red_dot"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_and_its_end_are_changes_of_consent() {
    let world = World::start().await;
    let mut stream = Stream::open(events(&world)).await;
    stream.next().await.unwrap();
    world.receive(JANE, "wrong number").await;
    let told = stream.take(3).await;
    assert_eq!(names(&told), ["message.received", "consent.changed", "unread.changed"]);
    assert_eq!(told[1].data["consent"]["hold"]["evidence"]["message"], told[0].data["message"]["id"]);

    let opt_out = json!({"decision": "opt_out"});
    world.tex(Method::POST, "/conversations/%2B13035550123/hold").json(&opt_out).send().await.expect(200);
    let settled = stream.next().await.unwrap();
    assert_eq!(settled.name.as_deref(), Some("consent.changed"));
    let consent = &settled.data["consent"];
    assert_eq!((&consent["state"], &consent["hold"]), (&json!("opted_out"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_resumes_with_nothing_missed() {
    let world = World::start().await;
    let mut whole = Stream::open(events(&world)).await;
    let mut broken = Stream::open(events(&world)).await;
    let mut last_id = broken.next().await.unwrap().id.unwrap();
    whole.next().await.unwrap();
    let texting = async {
        for number in 0..60 {
            world.receive(&format!("+130355503{:02}", number % 7), &format!("text {number}")).await;
        }
    };
    let listening = async {
        let mut told = Vec::new();
        while told.len() < 120 {
            for event in broken.take(7.min(120 - told.len())).await {
                last_id.clone_from(event.id.as_ref().unwrap());
                told.push(event);
            }
            broken = Stream::open(events(&world).header("Last-Event-ID", &last_id)).await;
            assert_eq!(broken.next().await.unwrap().comment.as_deref(), Some("connected"));
        }
        told
    };
    let ((), pieces) = tokio::join!(texting, listening);
    let expected = whole.take(120).await;
    let ids =
        |events: &[Event]| events.iter().map(|one| one.id.clone().unwrap().parse().unwrap()).collect::<Vec<u64>>();
    assert_eq!(ids(&pieces), ids(&expected));
    assert!(ids(&pieces).is_sorted_by(|a, b| a < b), "in order, each once");
    let texts: Vec<&str> = pieces.iter().filter_map(|one| one.data["message"]["text"].as_str()).collect();
    assert_eq!(texts, (0..60).map(|number| format!("text {number}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_never_was_starts_over() {
    let world = World::start().await;
    world.receive(JANE, "before").await;
    for garbage in ["x", "-1", "99999999999999999999999", "9999999", "1 2", ""] {
        let mut stream = Stream::open(events(&world).header("Last-Event-ID", garbage)).await;
        let first = stream.next().await.unwrap();
        let reset = if first.name.is_some() { first } else { stream.next().await.unwrap() };
        assert_eq!((reset.name.as_deref(), &reset.data), (Some("reset"), &json!({})), "{garbage:?}");
        world.receive(JANE, "after").await;
        let told = stream.next().await.unwrap();
        assert_eq!((told.name.as_deref(), &told.data["message"]["text"]), (Some("message.received"), &json!("after")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_of_its_own_practice_alone() {
    let world = World::start().await;
    let call = world.call(Method::GET, "/v1/practices/hilltop/events").token(&world.other_token).staff("tex");
    let mut stream = Stream::open(call.header("Last-Event-ID", "0")).await;
    stream.next().await.unwrap();
    world.receive(JANE, "hello").await;
    let silence = tokio::time::timeout(Duration::from_millis(300), stream.response.chunk()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_closes_when_the_permission_is_taken_away() {
    let world = World::start().await;
    let mut of_tex = Stream::open(events(&world)).await;
    let mut of_amy = Stream::open(world.acting("amy", Method::GET, &format!("{RIVERSIDE}/events"))).await;
    of_tex.next().await.unwrap();
    of_amy.next().await.unwrap();
    let path = format!("{RIVERSIDE}/staff/tex");
    world.operator(Method::PUT, &path).json(&json!({"name": "Tex"})).send().await.expect(200);
    assert_eq!(of_tex.next().await, None);
    world.receive(JANE, "private").await;
    assert_eq!(of_amy.next().await.unwrap().name.as_deref(), Some("message.received"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_closes_when_its_token_is_revoked_or_runs_out() {
    let world = World::start().await;
    let session = world.new_session("tex").await;
    let path = format!("{RIVERSIDE}/events");
    let mut of_session = Stream::open(world.call(Method::GET, &path).token(&session)).await;
    let mut of_practice = Stream::open(events(&world)).await;
    let mut of_operator = Stream::open(world.call(Method::GET, &path).token(OPERATOR)).await;
    for stream in [&mut of_session, &mut of_practice, &mut of_operator] {
        stream.next().await.unwrap();
    }
    world.advance(SignedDuration::from_mins(15));
    world.receive(JANE, "private").await;
    assert_eq!(of_session.next().await, None);
    of_practice.take(2).await;

    let tokens = world.operator(Method::GET, &format!("{RIVERSIDE}/tokens")).send().await.expect(200);
    let token = format!("{RIVERSIDE}/tokens/{}", tokens["tokens"][0]["id"].as_str().unwrap());
    world.operator(Method::DELETE, &token).send().await.expect(204);
    assert_eq!(of_practice.next().await, None);
    of_operator.take(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_daemon_stops() {
    let world = World::start().await;
    let mut stream = Stream::open(events(&world)).await;
    stream.next().await.unwrap();
    world.stopping.cancel();
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_too_many_is_503() {
    let world = World::start().await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        streams.push(Stream::open(events(&world)).await);
    }
    let answer = events(&world).send().await;
    assert_eq!(answer.header("retry-after"), "5");
    answer.problem(503, "too-many-streams");
    let elsewhere = world.call(Method::GET, "/v1/practices/hilltop/events").token(&world.other_token).staff("tex");
    Stream::open(elsewhere).await;
    drop(streams);
    // The server notices when it next has something to say.
    world.receive(JANE, "hello").await;
    for _ in 0..50 {
        let response = events(&world).stream().await;
        if response.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("places of streams that were closed are free again");
}
