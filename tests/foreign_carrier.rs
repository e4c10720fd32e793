//! The product's story against a carrier that shares no line with ours: the server of the npm package `smpp`.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use assent::app::SystemClock;
use assent::ports::Clock;
use daemon::{NUMBER, Running, Site, Stride, eventually, within};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const ROSA: &str = "+13035550123";
/// Type of number and numbering plan as both are on the wire: international, ISDN.
const INTERNATIONAL: [u8; 2] = [1, 1];
const INVITATION: &str = "Reply YES to receive messages from your practice";
const GSM7: u8 = 0;
const UCS2: u8 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_draft_to_start_with_a_foreign_carrier() {
    let mut story = Story::begin("").await;

    // The phone is asked first; the draft waits for the answer.
    let draft = story.drafts("See you Tuesday at 3").await.is(202);
    assert_eq!(draft["status"], "pending");
    let invitation = story.carrier.submitted(|text| text.contains(INVITATION)).await;
    assert_eq!(invitation["from"], json!([INTERNATIONAL[0], INTERNATIONAL[1], NUMBER.trim_start_matches('+')]));
    assert_eq!(invitation["to"], json!([INTERNATIONAL[0], INTERNATIONAL[1], ROSA.trim_start_matches('+')]));
    assert_eq!(invitation["registered_delivery"], 1);
    let valid_until: jiff::Timestamp = invitation["valid_until"].as_str().unwrap().parse().unwrap();
    assert!(valid_until > SystemClock.now(), "{valid_until}");

    // YES: the draft is sent, and the receipt says that it arrived.
    story.carrier.texts("YES").await;
    story.carrier.submitted(|text| text == "See you Tuesday at 3").await;
    story.becomes("See you Tuesday at 3", "delivered").await;

    // A response is seen, and the red dot appears.
    story.carrier.texts("Tuesday is fine").await;
    let thread = story.stride.thread("rosa", 1).await;
    assert_eq!((&thread[0]["text"], &thread[0]["direction"]), (&json!("Tuesday is fine"), &json!("inbound")));
    assert_eq!(story.stride.get("/unread").await, json!({"red_dot": true, "conversations": 1, "messages": 2}));
    let read = format!("/conversations/{}/read", ROSA.replace('+', "%2B"));
    story.stride.call(Method::POST, &read, &Value::Null).await.unwrap().is(200);
    assert_eq!(story.stride.get("/unread").await["red_dot"], false);

    // STOP: attempting to send fails.
    story.carrier.texts("STOP").await;
    story.carrier.submitted(|text| text.contains("You are opted out")).await;
    let refused = story.drafts("One more thing").await.is(409);
    assert_eq!(refused["code"], "opted-out");

    // START, not within the second of the STOP: everything is well again.
    let stopped_in = SystemClock.now().as_second();
    eventually("the clock goes on", async || match SystemClock.now().as_second() {
        now if now > stopped_in => Ok(()),
        now => Err(now.to_string()),
    })
    .await;
    story.carrier.texts("START").await;
    story.carrier.submitted(|text| text.contains("You are opted in")).await;
    story.drafts("Welcome back").await.is(202);
    story.becomes("Welcome back", "delivered").await;

    let heard = story.end().await;
    let texts = heard.iter().filter_map(|event| event["submitted"].as_str());
    let of_staff: Vec<&str> = texts.filter(|text| !text.contains("Riverside") && !text.ends_with("opt out.")).collect();
    assert_eq!(of_staff, ["See you Tuesday at 3", "Welcome back"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_texts_and_other_alphabets_are_the_same_at_both_ends() {
    let mut story = Story::begin("").await;
    story.carrier.texts("START").await;
    story.carrier.submitted(|text| text.contains("You are opted in")).await;

    // Two segments, each with its part of the text behind a user data header.
    let long = "Please do each exercise ten times, twice a day, and stop at once if it hurts. ".repeat(3);
    let long = long.trim();
    assert_eq!(story.drafts(long).await.is(202)["segments"], 2);
    story.becomes(long, "delivered").await;
    let mut segments = Vec::new();
    for _ in 0..2 {
        let segment = story.carrier.submitted(|text| text.contains("exercise")).await;
        assert_eq!((&segment["esm_class"], &segment["data_coding"]), (&json!(0x40), &json!(GSM7)));
        segments.push(segment);
    }
    let reference = segments[0]["udh"][0][2].clone();
    assert_eq!(segments[0]["udh"], json!([[0, 3, reference, 2, 1]]));
    assert_eq!(segments[1]["udh"], json!([[0, 3, reference, 2, 2]]));
    let parts: Vec<&str> = segments.iter().map(|segment| segment["submitted"].as_str().unwrap()).collect();
    assert_eq!(parts.concat(), long);

    // The GSM alphabet with its extension, and UCS-2 beyond the basic plane.
    for (text, data_coding) in [("Cost: {3 €} @ £5 ñ [ok]", GSM7), ("Ça va, Rosa? Čeština, 你好 👍🏽", UCS2)]
    {
        story.drafts(text).await.is(202);
        let submitted = story.carrier.submitted(|submitted| submitted == text).await;
        assert_eq!(submitted["data_coding"], data_coding);
        story.becomes(text, "delivered").await;
    }

    // The other way: UCS-2, and a text that the phone cut in two, its second half first.
    for text in ["¡Gracias, María! 你好 👨‍👩‍👧‍👦", "plain words"] {
        story.carrier.texts(text).await;
        story.becomes(text, "received").await;
    }
    story.carrier.segment("and the second.", [5, 0, 3, 77, 2, 2]).await;
    story.carrier.segment("The first half, ", [5, 0, 3, 77, 2, 1]).await;
    story.becomes("The first half, and the second.", "received").await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_answer_whether_they_are_there_and_take_their_leave() {
    let mut story = Story::begin("enquire_link = \"1s\"").await;
    // Ours is answered: another follows on the same connection.
    for _ in 0..2 {
        story.carrier.says("it was asked whether it is there", |event| event["enquired"] == true).await;
    }
    story.carrier.command(json!({"enquire_link": true})).await;
    story.carrier.says("we are there", |event| event["there"] == true).await;
    story.daemon.is_ready().await;
    let heard = story.end().await;
    assert_eq!(heard.iter().filter(|event| event["bound"] == "practice").count(), 1, "{heard:?}");
}

/// A practice with one patient, Rosa, and a carrier of another make.
struct Story {
    carrier: Foreign,
    daemon: Running,
    stride: Stride,
    _site: Site,
    drafts: u32,
}

impl Story {
    async fn begin(carrier_keys: &str) -> Self {
        let mut carrier = Foreign::start().await;
        let site = Site::new(carrier.address, carrier_keys);
        let daemon = site.start().await;
        let bound = carrier.says("the daemon binds", |event| event["bound"] == "practice").await;
        assert_eq!(bound["version"], 0x34);
        let stride = Stride::new(&daemon).await;
        stride.patient("rosa", "Rosa", "Garcia", ROSA).await;
        daemon.is_ready().await;
        Self { carrier, daemon, stride, _site: site, drafts: 0 }
    }

    async fn drafts(&mut self, text: &str) -> daemon::Answer {
        self.drafts += 1;
        self.stride.drafts("rosa", text, &format!("key-{}", self.drafts)).await.unwrap()
    }

    async fn becomes(&self, text: &str, status: &str) {
        eventually("a text has its status", async || {
            let thread = self.stride.thread("rosa", 1).await;
            let of_it = thread.iter().filter(|message| message["text"] == text);
            let statuses: Vec<_> = of_it.map(|message| message["status"].as_str().unwrap()).collect();
            if statuses == [status] { Ok(()) } else { Err(format!("{text:?} is {statuses:?}, not {status:?}")) }
        })
        .await;
    }

    /// SIGTERM: the carrier sees an unbind before the end of the connection. Gives everything that it ever said.
    async fn end(mut self) -> Vec<Value> {
        assert_eq!(self.daemon.terminate().await.code(), Some(0));
        self.carrier.says("the connection ends", |event| event["closed"] == true).await;
        let heard = self.carrier.heard;
        let said = |name: &str| heard.iter().position(|event| event[name] == true);
        assert!(said("unbound").is_some_and(|unbound| Some(unbound) < said("closed")), "{heard:?}");
        let errors: Vec<&Value> = heard.iter().filter(|event| event["error"].is_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let answers = heard.iter().filter_map(|event| event["command_status"].as_u64());
        assert_eq!(answers.filter(|command_status| *command_status != 0).count(), 0, "{heard:?}");
        heard
    }
}

/// The foreign carrier, in a process of its own.
struct Foreign {
    _child: Child,
    address: SocketAddr,
    commands: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    /// Everything that it said.
    heard: Vec<Value>,
    /// Places in `heard` of what somebody waited for.
    taken: Vec<usize>,
}

impl Foreign {
    async fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        assert!(
            folder.join("node_modules/smpp").is_dir(),
            "the npm package smpp is not in tests/interop/node_modules: run tests/run, which installs it",
        );
        let mut child = Command::new("node")
            .arg("server.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("node can't be run ({error}): run tests/run, which installs it"));
        let commands = child.stdin.take().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut foreign = Self { _child: child, address, commands, events, heard: Vec::new(), taken: Vec::new() };
        let listens = foreign.says("the foreign carrier listens", |event| event["port"].is_u64()).await;
        foreign.address.set_port(u16::try_from(listens["port"].as_u64().unwrap()).unwrap());
        foreign
    }

    /// The first event of a kind that nobody waited for yet.
    async fn says(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut place = 0;
        loop {
            while place == self.heard.len() {
                let line = within(what, self.events.next_line()).await.unwrap();
                let line = line.unwrap_or_else(|| panic!("the foreign carrier ended before: {what}"));
                self.heard.push(serde_json::from_str(&line).unwrap());
            }
            if wanted(&self.heard[place]) && !self.taken.contains(&place) {
                self.taken.push(place);
                return self.heard[place].clone();
            }
            place += 1;
        }
    }

    async fn submitted(&mut self, wanted: impl Fn(&str) -> bool) -> Value {
        self.says("a text is submitted", |event| event["submitted"].as_str().is_some_and(&wanted)).await
    }

    /// A text from Rosa's phone, answered by the daemon.
    async fn texts(&mut self, text: &str) {
        self.deliver(json!({"text": text})).await;
    }

    /// A segment of a text from Rosa's phone, behind its user data header.
    async fn segment(&mut self, text: &str, udh: [u8; 6]) {
        self.deliver(json!({"text": text, "udh": udh})).await;
    }

    async fn deliver(&mut self, mut delivery: Value) {
        delivery["from"] = ROSA.trim_start_matches('+').into();
        delivery["to"] = NUMBER.trim_start_matches('+').into();
        let text = delivery["text"].clone();
        self.command(json!({ "deliver": delivery })).await;
        let answered = self.says("the daemon answers a text", |event| event["answered"] == text).await;
        assert_eq!(answered["command_status"], 0);
    }

    async fn command(&mut self, command: Value) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }
}
