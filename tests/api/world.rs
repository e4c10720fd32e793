//! A daemon without a carrier, two practices with their staff, and the words to call it with.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent::conversations::{Directory, Doors, Patience};
use assent::domain::{Body, BootId, Fingerprint, Form, Inbound, Limits, Phone, Writings, Written};
use assent::http;
use assent::inbox::Inbox;
use assent::ports::{Clock, Delivery, Practices, Store};
use assent::records::Records;
use assent::store::{self, KeySource, Location};
use assent::throttle::MeteredThrottle;
use assent::webhooks::{Allowed, Courier, Webhooks};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::faulty_store::FaultyStore;
use crate::specification::Exchange;

/// Longer than anything here takes that is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// More requests a second than any test makes.
const UNLIMITED: NonZeroU32 = NonZeroU32::new(1_000_000).unwrap();
pub const OPERATOR: &str = "operator-token-of-the-tests";
pub const RIVERSIDE: &str = "/v1/practices/riverside";
pub const NUMBER: &str = "+13035550100";
/// The origin of the one other page that may call.
pub const INBOX: &str = "https://inbox.example";
pub const JANE: &str = "+13035550123";
/// Where nobody listens.
pub const NOBODY: &str = "http://127.0.0.1:9/";

/// What time it is in a test: whatever the test says.
pub struct TestClock(Mutex<Timestamp>);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-03-04T05:00:00Z".parse().unwrap())))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub struct World {
    pub address: SocketAddr,
    pub clock: Arc<TestClock>,
    pub records: Arc<Records>,
    pub directory: Arc<Directory>,
    pub store: Arc<FaultyStore>,
    pub is_ready: Arc<AtomicBool>,
    pub stopping: CancellationToken,
    /// The token of `riverside`.
    pub token: String,
    /// The token of `hilltop`.
    pub other_token: String,
    client: Client,
    files: Option<tempfile::TempDir>,
    server: JoinHandle<std::io::Result<()>>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// Checks the shape that every problem has.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["type"], format!("/docs/errors#{code}"));
        assert_eq!(self.body["status"], status);
        for text in ["title", "detail"] {
            assert!(self.body[text].as_str().is_some_and(|text| !text.is_empty()), "{text}: {}", self.text);
        }
        self.body
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// One call being put together.
pub struct Call(RequestBuilder);

impl Call {
    pub fn token(self, token: &str) -> Self {
        Self(self.0.bearer_auth(token))
    }

    pub fn staff(self, staff: &str) -> Self {
        self.header("Assent-Staff", staff)
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, HeaderValue::from_bytes(value.as_bytes()).unwrap()))
    }

    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// A body as it is, said to be JSON.
    pub fn raw(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("Content-Type", "application/json").body(body))
    }

    /// The head of the answer, which is as it is described.
    pub async fn stream(self) -> reqwest::Response {
        let (client, request) = self.0.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.unwrap();
        let headers = response.headers().clone();
        let media_type = headers.get("content-type").map_or("", |value| value.to_str().unwrap());
        let status = response.status().as_u16();
        let (method, headers) = (method.as_str(), &headers);
        Exchange { method, path: &path, asked: None, status, media_type, headers, answered: None }.hold();
        response
    }

    /// The answer, which is as it is described.
    pub async fn send(self) -> Answer {
        let (client, request) = self.0.build_split();
        let request = request.unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let asked = request.body().and_then(reqwest::Body::as_bytes);
        let asked: Option<Value> = asked.and_then(|bytes| serde_json::from_slice(bytes).ok());
        let response = client.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let answer = Answer { status, headers, body, text };
        let answered = (!answer.body.is_null()).then_some(&answer.body);
        let media_type = answer.header("content-type");
        let (method, asked, headers) = (method.as_str(), asked.as_ref(), &answer.headers);
        Exchange { method, path: &path, asked, status, media_type, headers, answered }.hold();
        answer
    }
}

impl World {
    /// A daemon in which nothing happened but that the practices, their staff and one patient were put.
    pub async fn start() -> Self {
        let mut world = Self::empty().await;
        world.populate().await;
        world
    }

    /// Puts the practices, their staff, their tokens and one patient.
    pub async fn populate(&mut self) {
        let world = self;
        for (practice, number) in [("riverside", NUMBER), ("hilltop", "+13035550200")] {
            let path = format!("/v1/practices/{practice}");
            let body =
                json!({"name": practice, "number": number, "time_zone": "America/Denver", "contact": "303-555-0199"});
            world.operator(Method::PUT, &path).json(&body).send().await.expect(201);
            for (staff, site_administrator, texting) in
                [("amy", true, true), ("tex", false, true), ("ada", true, false), ("nil", false, false)]
            {
                let body = json!({
                    "name": staff, "site_administrator": site_administrator, "patient_text_administrator": texting,
                });
                let path = format!("{path}/staff/{staff}");
                world.operator(Method::PUT, &path).json(&body).send().await.expect(201);
            }
        }
        world.token = world.new_token("riverside").await;
        world.other_token = world.new_token("hilltop").await;
        world.put_patient("jane", "Jane", "Doe", JANE).await;
    }

    async fn empty() -> Self {
        Self::open(TestClock::new(), tempfile::tempdir().unwrap(), UNLIMITED).await
    }

    /// Another daemon on what this one has left. No conversation may have begun: its actor would keep the store
    /// for a while.
    pub async fn restart(mut self) -> Self {
        let directory = self.files.take().unwrap();
        let (clock, token, other_token) = (self.clock.clone(), self.token.clone(), self.other_token.clone());
        self.stopping.cancel();
        (&mut self.server).await.unwrap().unwrap();
        drop(self);
        // The store lets go of its directory when its writer ends, which is after the last one who held it.
        let claim = File::open(directory.path().join("assent.lock")).unwrap();
        tokio::task::spawn_blocking(move || claim.lock()).await.unwrap().unwrap();
        let mut world = Self::open(clock, directory, UNLIMITED).await;
        (world.token, world.other_token) = (token, other_token);
        world
    }

    /// A daemon that allows each token so many requests a second.
    pub async fn of_few_requests(requests_per_second: NonZeroU32) -> Self {
        Self::open(TestClock::new(), tempfile::tempdir().unwrap(), requests_per_second).await
    }

    async fn open(clock: Arc<TestClock>, files: tempfile::TempDir, requests_per_second: NonZeroU32) -> Self {
        let as_clock: Arc<dyn Clock> = clock.clone();
        let url = format!("file://{}", files.path().display());
        let location = Location::new(url, KeySource::InDirectory);
        let embedded = store::open(&location, BootId(0), as_clock.clone()).await.unwrap();
        Self::allowing(requests_per_second, clock, embedded, BootId(1), Some(files)).await
    }

    /// A daemon on a store that is open.
    pub async fn on(
        clock: Arc<TestClock>,
        inner: Arc<dyn Store>,
        boot: BootId,
        files: Option<tempfile::TempDir>,
    ) -> Self {
        Self::allowing(UNLIMITED, clock, inner, boot, files).await
    }

    async fn allowing(
        requests_per_second: NonZeroU32,
        clock: Arc<TestClock>,
        inner: Arc<dyn Store>,
        boot: BootId,
        files: Option<tempfile::TempDir>,
    ) -> Self {
        let as_clock: Arc<dyn Clock> = clock.clone();
        let faulty = Arc::new(FaultyStore::new(inner));
        let store: Arc<dyn Store> = faulty.clone();
        let records =
            Records::open(store.clone(), as_clock.clone(), boot, Limits::default(), Writings::default()).await.unwrap();
        let practices: Arc<dyn Practices> = records.clone();
        let throttle = Arc::new(MeteredThrottle::new(faulty.clone(), as_clock.clone()));
        let doors =
            Doors { store: store.clone(), throttle, clock: as_clock.clone(), practices, patience: Patience::default() };
        let conversations = Directory::start(doors).unwrap();
        let stopping = CancellationToken::new();
        let is_ready = Arc::new(AtomicBool::new(true));
        let readiness = is_ready.clone();
        // Receivers of a test are on this machine.
        let allowed = Allowed::new(vec!["127.0.0.0/8".parse().unwrap()]);
        let courier = Courier::new(allowed, None).unwrap();
        let webhooks = Webhooks::new(store.clone(), records.clone(), as_clock.clone(), boot, courier);
        let state = http::State {
            inbox: Inbox::new(store.clone(), conversations.clone()),
            webhooks: webhooks.clone(),
            records: records.clone(),
            directory: conversations.clone(),
            clock: as_clock,
            operator_token: SecretString::from(OPERATOR),
            requests_per_second,
            origins: http::Origins::new([INBOX]),
            audits: store,
            readiness: Arc::new(move || {
                let is_ready = readiness.load(Ordering::SeqCst);
                Box::pin(async move { if is_ready { Ok(()) } else { Err(vec!["no carrier link is bound".into()]) } })
            }),
            metrics: Arc::new(|| "assent_tests 1\n".into()),
            stopping: stopping.clone(),
        };
        // Whoever connects from another loopback address is another peer.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, teller) = http::router(state, axum::Router::new());
        let server = tokio::spawn(http::serve(listener, router, stopping.clone()));
        tokio::spawn(webhooks.run(teller, conversations.clone(), stopping.clone()));
        Self {
            address,
            clock,
            records,
            directory: conversations,
            store: faulty,
            is_ready,
            stopping,
            token: String::new(),
            other_token: String::new(),
            client: Client::new(),
            files,
            server,
        }
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        Call(self.client.request(method, format!("http://{}{path}", self.address)))
    }

    /// A call from an address of its own, which has shown no wrong token yet.
    pub fn call_from_elsewhere(&self, method: Method, path: &str) -> Call {
        static NEXT: AtomicU64 = AtomicU64::new(2);
        let [high, low] = u16::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap().to_be_bytes();
        let client = Client::builder().local_address(IpAddr::V4(Ipv4Addr::new(127, 1, high, low))).build().unwrap();
        Call(client.request(method, format!("http://{}{path}", self.address)))
    }

    pub fn operator(&self, method: Method, path: &str) -> Call {
        self.call(method, path).token(OPERATOR)
    }

    /// A call that the practice's backend makes for somebody.
    pub fn acting(&self, staff: &str, method: Method, path: &str) -> Call {
        self.call(method, path).token(&self.token).staff(staff)
    }

    /// A call to `riverside` by the texting member of its staff.
    pub fn tex(&self, method: Method, path: &str) -> Call {
        self.acting("tex", method, &format!("{RIVERSIDE}{path}"))
    }

    pub async fn get(&self, path: &str) -> Value {
        self.tex(Method::GET, path).send().await.expect(200)
    }

    pub async fn new_token(&self, practice: &str) -> String {
        let path = format!("/v1/practices/{practice}/tokens");
        let created = self.operator(Method::POST, &path).json(&json!({"name": "backend"})).send().await.expect(201);
        created["token"].as_str().unwrap().to_owned()
    }

    pub async fn new_session(&self, staff: &str) -> String {
        let path = format!("{RIVERSIDE}/staff/{staff}/sessions");
        let created = self.call(Method::POST, &path).token(&self.token).send().await.expect(201);
        created["token"].as_str().unwrap().to_owned()
    }

    pub async fn put_patient(&self, id: &str, first_name: &str, last_name: &str, phone: &str) -> Value {
        let body = json!({
            "first_name": first_name, "last_name": last_name, "date_of_birth": "1985-03-04", "mobile_phone": phone,
        });
        self.tex(Method::PUT, &format!("/patients/{id}")).json(&body).send().await.expect(201)
    }

    /// Texting staff write to a patient.
    pub async fn draft(&self, patient: &str, text: &str) -> Answer {
        self.tex(Method::POST, &format!("/patients/{patient}/messages")).json(&json!({"text": text})).send().await
    }

    /// A patient texts the practice.
    pub async fn receive(&self, from: &str, text: &str) {
        self.receive_at(NUMBER, from, text).await;
    }

    /// A patient texts some number.
    pub async fn receive_at(&self, number: &str, from: &str, text: &str) {
        self.bring(number, from, text, Written::default()).await;
    }

    /// A patient texts the practice, and there is something to know of it.
    pub async fn receive_written(&self, from: &str, text: &str, written: Written) {
        self.bring(NUMBER, from, text, written).await;
    }

    async fn bring(&self, number: &str, from: &str, text: &str, written: Written) {
        static FINGERPRINT: AtomicU64 = AtomicU64::new(1);
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&FINGERPRINT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let inbound = Inbound {
            text: Body::new(text),
            form: Form::Text,
            part: None,
            fingerprint: Fingerprint(fingerprint),
            delivery: None,
            earlier_session_ended: None,
            session_began: None,
            written,
        };
        let (from, to) = (Phone::parse(from).unwrap(), Phone::parse(number).unwrap());
        let until = Instant::now() + Duration::from_secs(10);
        self.directory.reception().deliver(Delivery::Text { from, to, inbound }, until).await.unwrap();
    }

    /// Has something posted to the webhook `ehr`, at which nobody listens; its id.
    pub async fn a_delivery(&self) -> String {
        let path = format!("{RIVERSIDE}/webhooks/ehr");
        let put = self.operator(Method::PUT, &path).json(&json!({"url": NOBODY})).send().await;
        assert!([200, 201].contains(&put.status), "{}", put.text);
        let mut kept = self.store.kept.subscribe();
        self.receive(JANE, "hello").await;
        loop {
            let log = self.operator(Method::GET, &format!("{path}/deliveries")).send().await.expect(200);
            if let Some(id) = log["deliveries"][0]["id"].as_str() {
                return id.to_owned();
            }
            timeout(PATIENCE, kept.changed()).await.expect("there is something to post").unwrap();
        }
    }

    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.clock.0.lock().unwrap();
        *now += by;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.directory.stop();
    }
}
