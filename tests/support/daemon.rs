//! The daemon as its operator runs it: the binary, a configuration file, signals, an exit status and a log.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use reqwest::header::RETRY_AFTER;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

pub const OPERATOR: &str = "0123456789abcdef0123456789abcdef";
pub const NUMBER: &str = "+13035550100";
/// Nothing that is waited for takes longer, even where two tests share one core.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at what can't be awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits for what has to happen; says what did not.
#[track_caller]
pub fn within<T>(what: &str, event: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let happened = tokio::time::timeout(PATIENCE, event).await;
        happened.unwrap_or_else(|_| panic!("{place}: within {PATIENCE:?} it did not come to this: {what}"))
    }
}

/// Looks until there is nothing to complain about; gives up with the last complaint.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl AsyncFn() -> Result<T, String>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let give_up_at = tokio::time::Instant::now() + PATIENCE;
        loop {
            match look().await {
                Ok(found) => return found,
                Err(complaint) if tokio::time::Instant::now() > give_up_at => {
                    panic!("{place}: within {PATIENCE:?} it did not come to this: {what}: {complaint}")
                }
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    }
}

/// A store that several daemons share, and the keys that seal it, which they share as well.
#[derive(Clone)]
pub struct SharedStore {
    pub url: String,
    directory: Arc<tempfile::TempDir>,
}

impl SharedStore {
    pub fn at(url: impl Into<String>) -> Self {
        let shared = Self { url: url.into(), directory: Arc::new(tempfile::tempdir().unwrap()) };
        // Any 32 octets are a key.
        let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        fs::write(shared.key_file(), format!("k1:{key}\n")).unwrap();
        fs::set_permissions(shared.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
        shared
    }

    /// The same store, reached another way.
    pub fn through(&self, url: impl Into<String>) -> Self {
        Self { url: url.into(), ..self.clone() }
    }

    /// Where its keys are; it goes with the last that names it.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn key_file(&self) -> PathBuf {
        self.directory().join("store.keys")
    }
}

/// A directory with a configuration and a store, on which one daemon after the other runs.
pub struct Site {
    directory: tempfile::TempDir,
    /// The keys of a store that is shared have to be there for as long as a daemon may start here.
    _shared: Option<SharedStore>,
    /// What every run wrote to standard error.
    log: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// With a store of its own. Everything is logged, so that everything that must not be can be looked for.
    pub fn new(carrier: SocketAddr, carrier_keys: &str) -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap(), _shared: None, log: Arc::default() };
        site.configure(&format!("store.url = \"file://{}\"", site.store().display()), carrier, carrier_keys);
        site
    }

    /// On a store that others may use as well.
    pub fn sharing(store: &SharedStore, carrier: SocketAddr, carrier_keys: &str) -> Self {
        Self::sharing_with(store, "", carrier, carrier_keys)
    }

    /// The same, with more to say about the store.
    pub fn sharing_with(store: &SharedStore, store_keys: &str, carrier: SocketAddr, carrier_keys: &str) -> Self {
        let site = Self { directory: tempfile::tempdir().unwrap(), _shared: Some(store.clone()), log: Arc::default() };
        fs::DirBuilder::new().mode(0o700).create(site.store()).unwrap();
        let keys = format!(
            "store.url = \"{}\"\nstore.key_file = \"{}\"\nstore.directory = \"{}\"\n{store_keys}",
            store.url,
            store.key_file().display(),
            site.store().display(),
        );
        site.configure(&keys, carrier, carrier_keys);
        site
    }

    fn configure(&self, store_keys: &str, carrier: SocketAddr, carrier_keys: &str) {
        let config = format!(
            "http.listen = \"127.0.0.1:0\"\nhttp.requests_per_second = 1000000\n{store_keys}\nauth.operator_token = \"{OPERATOR}\"\n\
             log.filter = \"trace\"\n[[carrier]]\nname = \"carrier\"\naddress = \"{carrier}\"\n\
             system_id = \"practice\"\npassword = \"secret\"\n{carrier_keys}\n",
        );
        fs::write(self.config(), config).unwrap();
    }

    pub fn config(&self) -> PathBuf {
        self.directory.path().join("assent.toml")
    }

    /// Where the store is; of one that is shared, what this daemon remembers of it.
    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// Starts the daemon and waits until it says where it listens.
    pub async fn start(&self) -> Running {
        let mut child = serve(&self.config()).spawn().unwrap();
        let (told, address) = tokio::sync::oneshot::channel();
        let log = keep_lines(child.stderr.take().unwrap(), Arc::clone(&self.log), told);
        let address = within("the daemon says where it listens", address).await;
        let Ok(address) = address else { panic!("the daemon did not start: {:?}", self.log().last()) };
        Running { child, address, log }
    }

    /// What every run wrote to standard error.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

/// The command that runs the daemon, in an environment of its own.
fn serve(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.arg("serve").arg("--config").arg(config).env_clear().env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a daemon that is not expected to stay: its exit code, and what it wrote to standard error.
pub async fn serve_to_the_end(config: &Path) -> (Option<i32>, String) {
    let output = within("the daemon ends", serve(config).output()).await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Keeps every line; tells the address that is in the one that says that the daemon started.
fn keep_lines(
    stderr: impl AsyncRead + Unpin + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
    told: tokio::sync::oneshot::Sender<SocketAddr>,
) -> JoinHandle<()> {
    let mut told = Some(told);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains("daemon started")
                && let Some(address) = line.split_whitespace().find_map(|word| word.strip_prefix("address="))
                && let Some(told) = told.take()
            {
                let _ = told.send(address.parse().unwrap());
            }
            log.lock().unwrap().push(line);
        }
    })
}

/// A daemon that runs.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    log: JoinHandle<()>,
}

impl Running {
    /// Waits until texts can be sent and a STOP can be honoured.
    pub async fn is_ready(&self) {
        eventually("the daemon is ready", async || self.readiness().await).await;
    }

    /// Whether texts can be sent and a STOP can be honoured; what it complains about if not.
    pub async fn readiness(&self) -> Result<(), String> {
        match reqwest::get(format!("http://{}/readyz", self.address)).await {
            Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
            Ok(answer) => Err(answer.text().await.unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What it tells a monitor.
    pub async fn figures(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.address)).await.unwrap();
        answer.text().await.unwrap()
    }

    /// Stops the process in its tracks: connections stand, and nothing is read or answered.
    pub async fn freeze(&self) {
        self.signal("STOP").await;
    }

    pub async fn thaw(&self) {
        self.signal("CONT").await;
    }

    /// SIGKILL: it gets no chance to do anything.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
        within("the log ends", self.log).await.unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM").await;
        let status = within("the daemon stops", self.child.wait()).await.unwrap();
        within("the log ends", self.log).await.unwrap();
        status
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it was not waited for");
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().await.unwrap();
        assert!(sent.success());
    }
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// What the header says, in seconds.
    pub retry_after: Option<u64>,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

/// The practice's UI: it knows its token, and where the daemon is at the moment.
pub struct Stride {
    client: reqwest::Client,
    address: Mutex<SocketAddr>,
    token: String,
}

impl Stride {
    /// Sets up the practice, and Maria, who may text.
    pub async fn new(daemon: &Running) -> Self {
        // No connection is kept: a daemon that was frozen may close one just as it is used again.
        let client = reqwest::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(0).build().unwrap();
        let mut stride = Self { client, address: Mutex::new(daemon.address), token: OPERATOR.to_owned() };
        let practice = json!({
            "name": "Riverside Physical Therapy", "number": NUMBER, "time_zone": "America/Denver",
            "contact": "303-555-0100", "segments_per_minute": 1_000_000, "segments_per_day": null,
        });
        let maria = json!({"name": "Maria Lopez", "patient_text_administrator": true});
        let own_token = json!({"name": "stride"});
        stride.call(Method::PUT, "", &practice).await.unwrap().is(201);
        stride.call(Method::PUT, "/staff/maria", &maria).await.unwrap().is(201);
        let token = stride.call(Method::POST, "/tokens", &own_token).await.unwrap().is(201);
        stride.token = token["token"].as_str().unwrap().to_owned();
        stride
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same UI at another daemon.
    pub fn at(&self, daemon: &Running) -> Self {
        Self { client: self.client.clone(), address: Mutex::new(daemon.address), token: self.token.clone() }
    }

    /// The operator at the same daemon.
    pub fn as_operator(&self) -> Self {
        let address = Mutex::new(*self.address.lock().unwrap());
        Self { client: self.client.clone(), address, token: OPERATOR.to_owned() }
    }

    /// The daemon was started again, and listens elsewhere.
    pub fn moves_to(&self, daemon: &Running) {
        *self.address.lock().unwrap() = daemon.address;
    }

    pub async fn patient(&self, id: &str, first_name: &str, last_name: &str, phone: &str) {
        let patient = json!({
            "first_name": first_name, "last_name": last_name, "date_of_birth": "1984-05-12", "mobile_phone": phone,
        });
        self.call(Method::PUT, &format!("/patients/{id}"), &patient).await.unwrap().is(201);
    }

    /// A draft under a key. An error means that nobody knows what became of it.
    pub async fn drafts(&self, patient: &str, text: &str, key: &str) -> reqwest::Result<Answer> {
        let request = self.request(Method::POST, &format!("/patients/{patient}/messages"));
        self.answer(request.header("Idempotency-Key", key).json(&json!({"text": text}))).await
    }

    /// What happens in the practice from here on.
    pub async fn events(&self) -> Events {
        let response = within("the stream begins", self.request(Method::GET, "/events").send()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Events { response, unread: String::new() }
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, &Value::Null).await.unwrap().is(200)
    }

    /// The thread, newest first, as far back as so many pages go.
    pub async fn thread(&self, patient: &str, pages: usize) -> Vec<Value> {
        let mut thread = Vec::new();
        let mut before = String::new();
        for _ in 0..pages {
            let path = format!("/patients/{patient}/messages?limit=200{before}");
            // A store that changes its master has no answer for a moment, and says to ask again.
            let page = eventually("the thread is read", async || {
                let answer = self.call(Method::GET, &path, &Value::Null).await.map_err(|error| error.to_string())?;
                if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                    Err(answer.body.to_string())
                } else {
                    Ok(answer.is(200))
                }
            })
            .await;
            thread.extend(page["messages"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return thread };
            before = format!("&before={next}");
        }
        thread
    }

    pub async fn call(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<Answer> {
        let request = self.request(method, path);
        self.answer(if body.is_null() { request } else { request.json(body) }).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let address = *self.address.lock().unwrap();
        let request = self.client.request(method, format!("http://{address}/v1/practices/riverside{path}"));
        let request = request.bearer_auth(&self.token);
        if self.token == OPERATOR { request } else { request.header("Assent-Staff", "maria") }
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = response.bytes().await?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Ok(Answer { status, retry_after, body })
    }
}

/// A stream of server-sent events.
pub struct Events {
    response: reqwest::Response,
    /// What has come and was not looked at.
    unread: String,
}

impl Events {
    /// Waits for an event of this name whose data is as wanted, whatever else happens.
    pub async fn until(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        within(name, async {
            loop {
                while let Some((event, rest)) = self.unread.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.unread = rest;
                    let field =
                        |field: &str| event.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
                    let data = field("data").and_then(|data| serde_json::from_str(data).ok()).unwrap_or(Value::Null);
                    if field("event") == Some(name) && wanted(&data) {
                        return data;
                    }
                }
                let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
                self.unread += std::str::from_utf8(&chunk).unwrap();
            }
        })
        .await
    }
}
