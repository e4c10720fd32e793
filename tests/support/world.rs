//! A practice, its patients' phones, a simulated carrier and the real daemon between them, over real sockets.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use assent::app::Daemon;
use assent::config::Config;
use assent::ports::Clock;
use assent::simulator::{Direction, Handset, Simulator, SimulatorConfig};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub const OPERATOR: &str = "0123456789abcdef0123456789abcdef";
pub const NUMBER: &str = "+13035550100";
pub const ROSA: &str = "+13035550123";

/// The time of the operating system, moved ahead by as much as a test says.
pub struct MovedClock(AtomicI64);

impl Clock for MovedClock {
    #[expect(clippy::disallowed_methods, reason = "the daemon under test lives in real time, moved")]
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub simulator: Simulator,
    pub daemon: Option<Daemon>,
    pub client: reqwest::Client,
    clock: Arc<MovedClock>,
    config: String,
    token: Mutex<String>,
    keys: AtomicU64,
    _data: tempfile::TempDir,
}

/// An answer of the API.
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

impl World {
    /// A practice with a site administrator and two texting staff, and one patient, Rosa.
    pub async fn new() -> Self {
        let world = Self::empty("segments_per_second = 1000").await;
        world.practice(100_000).await;
        world.patient("rosa", "Rosa", "Garcia", ROSA).await;
        world
    }

    /// A daemon bound to a carrier, and nothing else.
    pub async fn empty(carrier: &str) -> Self {
        let clock = Arc::new(MovedClock(AtomicI64::new(0)));
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let simulator =
            Simulator::start(SimulatorConfig::new(listen, Arc::clone(&clock) as Arc<dyn Clock>)).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        let config = format!(
            "http.listen = \"127.0.0.1:0\"\nhttp.requests_per_second = 1000000\nstore.url = \"file://{}\"\nauth.operator_token = \"{OPERATOR}\"\n\
             [[carrier]]\nname = \"simulated\"\naddress = \"{}\"\nsystem_id = \"practice\"\npassword = \"secret\"\n{carrier}\n",
            data.path().display(),
            simulator.address(),
        );
        let mut world = Self {
            simulator,
            daemon: None,
            client: reqwest::Client::new(),
            clock,
            config,
            token: Mutex::default(),
            keys: AtomicU64::new(0),
            _data: data,
        };
        world.start().await;
        world.simulator.wait_for_binds(1).await;
        world
    }

    pub async fn start(&mut self) {
        let config = Config::from_toml(&self.config).unwrap();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        self.daemon = Some(Daemon::start(&config, clock, axum::Router::new()).await.unwrap());
    }

    pub async fn stop(&mut self) {
        self.daemon.take().unwrap().stop().await;
    }

    pub fn later(&self, duration: SignedDuration) {
        self.clock.0.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }

    pub async fn practice(&self, segments_per_minute: u32) {
        let practice = json!({
            "name": "Riverside Physical Therapy", "number": NUMBER, "time_zone": "America/Denver",
            "contact": "303-555-0100", "segments_per_minute": segments_per_minute,
        });
        self.operator(Method::PUT, "", &practice).await.is(201);
        let staff = |name: &str, administrator: bool, texts: bool| json!({"name": name, "site_administrator": administrator, "patient_text_administrator": texts});
        self.operator(Method::PUT, "/staff/alex", &staff("Alex Morgan", true, false)).await.is(201);
        self.operator(Method::PUT, "/staff/maria", &staff("Maria Lopez", false, true)).await.is(201);
        self.operator(Method::PUT, "/staff/sam", &staff("Sam Chen", false, true)).await.is(201);
        let token = self.operator(Method::POST, "/tokens", &json!({"name": "stride"})).await.is(201);
        *self.token.lock().unwrap() = token["token"].as_str().unwrap().to_owned();
    }

    pub async fn patient(&self, id: &str, first_name: &str, last_name: &str, phone: &str) {
        let patient = json!({
            "first_name": first_name, "last_name": last_name, "date_of_birth": "1984-05-12", "mobile_phone": phone,
        });
        self.staff("maria", Method::PUT, &format!("/patients/{id}"), &patient).await.is(201);
    }

    pub async fn operator(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.call(self.request(method, path, OPERATOR).json(body)).await
    }

    /// A call that a member of staff makes through the practice's UI.
    pub async fn staff(&self, staff: &str, method: Method, path: &str, body: &Value) -> Answer {
        let token = self.token.lock().unwrap().clone();
        let mut request = self.request(method, path, &token).header("Assent-Staff", staff);
        if !body.is_null() {
            request = request.json(body);
        }
        self.call(request).await
    }

    pub async fn get(&self, staff: &str, path: &str) -> Value {
        self.staff(staff, Method::GET, path, &Value::Null).await.is(200)
    }

    /// A draft to a patient, under a key of its own.
    pub async fn drafts(&self, staff: &str, patient: &str, text: &str) -> Answer {
        let token = self.token.lock().unwrap().clone();
        let key = self.keys.fetch_add(1, Ordering::SeqCst);
        let request = self
            .request(Method::POST, &format!("/patients/{patient}/messages"), &token)
            .header("Assent-Staff", staff)
            .header("Idempotency-Key", format!("world-{key}"))
            .json(&json!({"text": text}));
        self.call(request).await
    }

    fn request(&self, method: Method, path: &str, token: &str) -> reqwest::RequestBuilder {
        let address = self.daemon.as_ref().unwrap().address();
        let url = format!("http://{address}/v1/practices/riverside{path}");
        self.client.request(method, url).bearer_auth(token)
    }

    async fn call(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Answer { status, body }
    }

    /// The feed of what happens, as a member of staff sees it from here on.
    pub async fn feed(&self, staff: &str, after: Option<&str>) -> Feed {
        let token = self.token.lock().unwrap().clone();
        let mut request = self.request(Method::GET, "/events", &token).header("Assent-Staff", staff);
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut feed = Feed {
            bytes: response.bytes_stream().map(|read| read.map(|bytes| bytes.to_vec())).boxed(),
            read: String::new(),
        };
        // The first block says that the stream stands.
        feed.block().await;
        feed
    }

    /// Waits until a message of a patient's thread satisfies, and gives it.
    pub async fn message(&self, patient: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut feed = self.feed("maria", None).await;
        loop {
            let thread = self.get("maria", &format!("/patients/{patient}/messages?limit=200")).await;
            if let Some(found) = thread["messages"].as_array().unwrap().iter().find(|message| wanted(message)) {
                return found.clone();
            }
            feed.next().await;
        }
    }

    /// Waits until a text of staff has this status.
    pub async fn becomes(&self, patient: &str, text: &str, status: &str) -> Value {
        self.message(patient, |message| message["text"] == text && message["status"] == status).await
    }

    pub async fn consent(&self, patient: &str) -> String {
        let patient = self.get("maria", &format!("/patients/{patient}")).await;
        patient["consent"]["state"].as_str().unwrap().to_owned()
    }

    pub fn phone(&self, number: &str) -> Handset {
        self.simulator.phone(number)
    }

    /// A text from Rosa's phone, answered by the daemon.
    pub async fn rosa_texts(&self, words: &str) {
        self.phone(ROSA).text(NUMBER, words).await;
    }

    /// Asked, and answered with YES.
    pub async fn rosa_opts_in(&self) {
        self.drafts("maria", "rosa", "first words").await.is(202);
        self.phone(ROSA).wait_for_text(|text| text.text.contains("Reply YES")).await;
        self.rosa_texts("YES").await;
        self.becomes("rosa", "first words", "delivered").await;
    }

    /// The texts that came to Rosa's phone, in the order in which they came.
    pub fn rosa_received(&self) -> Vec<String> {
        let texts = self.phone(ROSA).texts().into_iter();
        texts.filter(|text| text.direction == Direction::ToPhone).map(|text| text.text).collect()
    }
}

/// A stream of server-sent events.
pub struct Feed {
    bytes: futures_util::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    read: String,
}

/// One event.
#[derive(Debug, Clone)]
pub struct Told {
    pub id: String,
    pub event: String,
    pub data: Value,
}

impl Feed {
    pub async fn next(&mut self) -> Told {
        loop {
            let block = self.block().await.expect("the stream goes on");
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            if let (Some(event), Some(data)) = (field("event"), field("data")) {
                let id = field("id").unwrap_or_default();
                return Told { id, event, data: serde_json::from_str(&data).unwrap() };
            }
        }
    }

    pub async fn wait_for(&mut self, wanted: impl Fn(&Told) -> bool) -> Told {
        loop {
            let told = self.next().await;
            if wanted(&told) {
                return told;
            }
        }
    }

    /// What stands between two empty lines; `None` at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.find("\n\n") {
                let block = self.read[..end].to_owned();
                self.read.drain(..end + 2);
                return Some(block);
            }
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.read.push_str(std::str::from_utf8(&bytes).unwrap()),
                Some(Err(_)) | None => return None,
            }
        }
    }
}
