//! What is done at one daemon is done at the other, from the answer on.

use std::sync::Arc;

use assent::app::SystemClock;
use assent::simulator::{Faults, Simulator, SimulatorConfig};
use reqwest::Method;
use serde_json::{Value, json};

use super::crash::scene::the_second_passes;
use super::daemon::{Answer, NUMBER, Running, SharedStore, Site, Stride, eventually};
use super::servers::Redis;

const ROSA: &str = "+13035550123";
/// The carrier says that we are too fast (SMPP 3.4 §5.1.3): the text may be tried again.
const ESME_RTHROTTLED: u32 = 0x58;

/// A daemon, its own carrier, and the practice's UI as it is served there.
struct Side {
    _daemon: Running,
    carrier: Simulator,
    stride: Stride,
    _site: Site,
}

/// Two daemons on one store, each with a carrier of its own, so that a test says which of them a phone talks to.
struct Pair {
    here: Side,
    there: Side,
    _redis: Redis,
}

impl Pair {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let store = SharedStore::at(redis.url());
        let here = Side::start(&store, None).await;
        let there = Side::start(&store, Some(&here.stride)).await;
        Self { here, there, _redis: redis }
    }

    /// Rosa has opted in, and each daemon has talked to her: it knows the conversation by heart.
    async fn with_rosa() -> Self {
        let pair = Self::start().await;
        pair.here.stride.patient("rosa", "Rosa", "Marchetti", ROSA).await;
        pair.here.hears("START").await;
        for (side, text) in [(&pair.here, "from here"), (&pair.there, "from there")] {
            side.drafts(text).await.is(202);
            side.becomes(text, "delivered").await;
        }
        pair
    }
}

impl Side {
    async fn start(store: &SharedStore, other: Option<&Stride>) -> Self {
        let listen = ([127, 0, 0, 1], 0).into();
        let carrier = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap();
        let site = Site::sharing(store, carrier.address(), "response_timeout = \"2s\"");
        let daemon = site.start().await;
        let stride = match other {
            Some(other) => other.at(&daemon),
            None => Stride::new(&daemon).await,
        };
        daemon.is_ready().await;
        Self { _daemon: daemon, carrier, stride, _site: site }
    }

    /// Rosa types a text at this side's carrier, and it is answered.
    async fn hears(&self, text: &str) {
        self.carrier.phone(ROSA).text(NUMBER, text).await;
    }

    /// A draft to Rosa, under a key of its own.
    async fn drafts(&self, text: &str) -> Answer {
        self.stride.drafts("rosa", text, &text.replace(' ', "-")).await.unwrap()
    }

    async fn becomes(&self, text: &str, status: &str) {
        eventually(status, async || {
            let thread = self.stride.thread("rosa", 1).await;
            let message = thread.iter().find(|message| message["text"] == text).ok_or("it is not in the thread")?;
            if message["status"] == status { Ok(()) } else { Err(message["status"].to_string()) }
        })
        .await;
    }

    /// How often the phone was offered a text here, whether the carrier took it or not.
    fn offers(&self, text: &str) -> usize {
        let log = self.carrier.wire_log();
        log.iter().filter(|entry| entry.command == "submit_sm" && entry.text.as_deref() == Some(text)).count()
    }

    async fn red_dot(&self) -> Value {
        self.stride.get("/unread").await["red_dot"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_one_daemon_fences_a_draft_and_a_send_at_the_other() {
    let pair = Pair::with_rosa().await;
    // A text waits over there to be tried again.
    pair.there.carrier.set_faults(Faults { refuse_with: Some(ESME_RTHROTTLED), ..Faults::default() });
    pair.there.drafts("will wait").await.is(202);
    eventually("it was refused once", async || {
        match pair.there.offers("will wait") {
            0 => Err("it was not offered"),
            _ => Ok(()),
        }
        .map_err(str::to_owned)
    })
    .await;

    pair.here.hears("STOP").await;
    let offered = pair.there.offers("will wait");
    pair.there.carrier.set_faults(Faults::default());
    let refused = pair.there.drafts("one more thing").await.is(409);
    assert_eq!(refused["code"], "opted-out");
    pair.there.becomes("will wait", "failed").await;
    assert_eq!(pair.there.stride.get("/patients/rosa").await["consent"]["state"], "opted_out");

    // Rosa changes her mind, not within that second, and hears what is new and nothing that is old.
    the_second_passes().await;
    pair.here.hears("sTART").await;
    pair.there.drafts("welcome back").await.is(202);
    pair.there.becomes("welcome back", "delivered").await;
    assert_eq!(pair.there.offers("will wait"), offered);
    assert_eq!(pair.here.offers("will wait") + pair.there.offers("one more thing"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_put_at_one_is_there_at_the_other_at_once() {
    let pair = Pair::start().await;
    let (here, there) = (&pair.here.stride, &pair.there.stride);
    for number in 0..20 {
        let (id, phone) = (format!("patient-{number}"), format!("+130355502{number:02}"));
        let (one, other) = if number % 2 == 0 { (here, there) } else { (there, here) };
        one.patient(&id, "First", "Last", &phone).await;
        assert_eq!(other.get(&format!("/patients/{id}")).await["mobile_phone"], phone);
    }
    assert_eq!(here.get("/patients?search=last").await, there.get("/patients?search=last").await);

    // A permission that is taken away is gone everywhere, and so is a token.
    let (operator_here, operator_there) = (here.as_operator(), there.as_operator());
    let plain = json!({"name": "Maria Lopez"});
    operator_here.call(Method::PUT, "/staff/maria", &plain).await.unwrap().is(200);
    let refused = there.call(Method::GET, "/unread", &Value::Null).await.unwrap().is(403);
    assert_eq!(refused["code"], "not-patient-text-administrator");
    let texting = json!({"name": "Maria Lopez", "patient_text_administrator": true});
    operator_there.call(Method::PUT, "/staff/maria", &texting).await.unwrap().is(200);
    here.call(Method::GET, "/unread", &Value::Null).await.unwrap().is(200);
    let tokens = operator_there.get("/tokens").await;
    let token = format!("/tokens/{}", tokens["tokens"][0]["id"].as_str().unwrap());
    operator_here.call(Method::DELETE, &token, &Value::Null).await.unwrap().is(204);
    there.call(Method::GET, "/unread", &Value::Null).await.unwrap().is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_and_the_red_dot_of_one_show_what_happens_at_the_other() {
    let pair = Pair::with_rosa().await;
    let (here, there) = (&pair.here, &pair.there);
    let read = format!("/conversations/{}/read", ROSA.replace('+', "%2B"));
    here.stride.call(Method::POST, &read, &Value::Null).await.unwrap().is(200);
    assert_eq!(there.red_dot().await, false);

    let mut events = there.stride.events().await;
    here.hears("I have a question").await;
    assert_eq!(there.red_dot().await, true);
    let received = events.until("message.received", |data| data["message"]["text"] == "I have a question").await;
    assert_eq!(received["phone"], ROSA);
    events.until("unread.changed", |data| data["unread"]["red_dot"] == true).await;

    here.stride.call(Method::POST, &read, &Value::Null).await.unwrap().is(200);
    assert_eq!(there.red_dot().await, false);
    events.until("unread.changed", |data| data["unread"]["red_dot"] == false).await;
    here.drafts("an answer").await.is(202);
    let delivered = |data: &Value| data["message"]["text"] == "an answer" && data["message"]["status"] == "delivered";
    events.until("message.updated", delivered).await;
    here.hears("STOP").await;
    events.until("consent.changed", |data| data["consent"]["state"] == "opted_out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_at_both_daemons_at_once_makes_one_message() {
    let pair = Pair::with_rosa().await;
    for number in 0..20 {
        let key = format!("key-{number}");
        let (here, there) = (&pair.here.stride, &pair.there.stride);
        let (one, other) = tokio::join!(here.drafts("rosa", &key, &key), there.drafts("rosa", &key, &key));
        assert_eq!(one.unwrap().is(202)["id"], other.unwrap().is(202)["id"]);
        pair.here.becomes(&key, "delivered").await;
        assert_eq!(pair.here.offers(&key) + pair.there.offers(&key), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_is_lifted_at_one_daemon_is_lifted_at_the_other() {
    let pair = Pair::with_rosa().await;
    let (here, there) = (&pair.here, &pair.there);
    here.hears("Sorry, you have the wrong number").await;
    for side in [there, here] {
        assert_eq!(side.drafts("are you there").await.is(409)["code"], "number-suspended");
    }
    let rosa = json!({
        "first_name": "Rosa", "last_name": "Marchetti", "date_of_birth": "1984-05-12", "mobile_phone": ROSA,
    });
    there.stride.call(Method::PUT, "/patients/rosa", &rosa).await.unwrap().is(200);
    // The number is the patient's again. What was texted from it may still have meant that texts should end: that is for
    // staff to say. Then whoever holds the phone is asked anew.
    assert_eq!(here.drafts("it is your practice").await.is(202)["status"], "held");
    let hold = format!("/conversations/{}/hold", ROSA.replace('+', "%2B"));
    there.stride.call(Method::POST, &hold, &json!({"decision": "release"})).await.unwrap().is(200);
    here.becomes("it is your practice", "pending").await;
    here.hears("YES").await;
    there.becomes("it is your practice", "delivered").await;
}
