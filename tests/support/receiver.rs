//! Somebody whom events are posted to: writes down what comes, and answers as a test says.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was posted.
#[derive(Debug, Clone)]
pub struct Posted {
    pub headers: HeaderMap,
    pub path: String,
    pub text: String,
    pub body: Value,
}

impl Posted {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("there is a {name}")).to_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn event(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    /// Whether a library of others' making believes it.
    pub async fn is_believed(&self, secret: &str, now: i64) -> bool {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        assert!(
            folder.join("node_modules/standardwebhooks").is_dir(),
            "the npm package standardwebhooks is not in tests/interop/node_modules: run tests/run, which installs it",
        );
        let headers: Value = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .map(|name| (name.to_owned(), Value::from(self.header(name))))
            .into_iter()
            .collect();
        let input = json!({"secret": secret, "headers": headers, "body": self.text, "now": now}).to_string();
        let mut node = tokio::process::Command::new("node");
        node.arg("verify.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut node = node.spawn().unwrap_or_else(|error| panic!("node can't be run ({error}): run tests/run"));
        node.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = node.wait_with_output().await.unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        if output.status.success() {
            assert_eq!(said, self.body);
        }
        output.status.success()
    }
}

/// How it answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    /// With one header more.
    With(u16, &'static str, String),
    /// With these words, which are nobody's to keep.
    Words(u16, &'static str),
    Never,
}

type Shared = (mpsc::UnboundedSender<Posted>, Arc<Mutex<VecDeque<Answer>>>);

pub struct Receiver {
    pub url: String,
    posted: mpsc::UnboundedReceiver<Posted>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    _server: JoinSet<()>,
}

impl Receiver {
    /// It takes everything, until a test says otherwise.
    pub async fn start() -> Self {
        let (sender, posted) = mpsc::unbounded_channel();
        let answers = Arc::<Mutex<VecDeque<Answer>>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?token=hush-8842", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(take).with_state((sender, answers.clone()));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, posted, answers, _server: server }
    }

    /// Answers so to what comes next; once that is used up, it takes everything again.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub async fn next(&mut self) -> Posted {
        let next = tokio::time::timeout(PATIENCE, self.posted.recv());
        next.await.expect("something is posted in time").expect("the server goes on")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Posted> {
        let mut posted = Vec::new();
        while posted.len() < count {
            posted.push(self.next().await);
        }
        posted
    }

    /// What was posted and not looked at yet.
    pub fn left(&mut self) -> Vec<Posted> {
        std::iter::from_fn(|| self.posted.try_recv().ok()).collect()
    }
}

async fn take(State((sender, answers)): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(204));
    let _ = sender.send(Posted { headers, path: uri.to_string(), text, body });
    let status = |code: u16| axum::http::StatusCode::from_u16(code).unwrap();
    match answer {
        Answer::Status(code) => status(code).into_response(),
        Answer::With(code, name, value) => (status(code), [(name, value)]).into_response(),
        Answer::Words(code, words) => (status(code), Body::from(words)).into_response(),
        Answer::Never => std::future::pending().await,
    }
}
