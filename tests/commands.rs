//! The commands, as somebody types them: `assent demo` for the first time and for the second, `assent carrier`, and what
//! is mistyped.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, Method};
use serde_json::{Value, json};

struct Demo {
    process: Child,
    page: String,
    client: Client,
}

impl Demo {
    /// Starts a demo and reads the address that it prints.
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_assent"))
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let page = lines
            .find_map(|line| {
                let line = line.unwrap();
                let start = line.find("http://")?;
                Some(line[start..].trim_end_matches('/').to_owned())
            })
            .expect("the demo prints its address");
        // Whoever prints to a pipe that nobody reads is killed: the rest is read too.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, page, client: Client::new() }
    }

    fn stop(mut self) {
        let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.process.id())]).status().unwrap();
        assert!(told.success());
        assert_eq!(self.process.wait().unwrap().code(), Some(0));
    }

    async fn page(&self) -> Value {
        self.client.get(format!("{}/demo.json", self.page)).send().await.unwrap().json().await.unwrap()
    }

    async fn maria(&self, method: Method, path: &str, body: &Value) -> Value {
        let token = self.page().await["practice_token"].as_str().unwrap().to_owned();
        let request = self.client.request(method, format!("{}/v1/practices/riverside{path}", self.page));
        let mut request = request.bearer_auth(token).header("Assent-Staff", "maria");
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn phone(&self, phone: &str) -> Vec<(String, String)> {
        let url = format!("{}/simulator/phones/{phone}/messages", self.page);
        let shown: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let texts = shown["messages"].as_array().unwrap().iter();
        let word = |text: &Value, field: &str| text[field].as_str().unwrap().to_owned();
        texts.map(|text| (word(text, "direction"), word(text, "text"))).collect()
    }

    async fn phone_types(&self, phone: &str, words: &str) {
        let url = format!("{}/simulator/phones/{phone}/messages", self.page);
        let typed = json!({"to": "+13035550100", "text": words});
        assert_eq!(self.client.post(url).json(&typed).send().await.unwrap().status(), 202);
    }

    /// Waits until a message of Rosa's has this status.
    async fn becomes(&self, text: &str, status: &str) {
        loop {
            let thread = self.maria(Method::GET, "/patients/rosa/messages", &Value::Null).await;
            let messages = thread["messages"].as_array().unwrap();
            if messages.iter().any(|message| message["text"] == text && message["status"] == status) {
                return;
            }
        }
    }
}

impl Drop for Demo {
    /// A test that fails leaves no demo behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const ROSA: &str = "+13035550123";

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_has_templates_to_write_with() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path());
    let kept = demo.maria(Method::GET, "/templates", &Value::Null).await;
    let kept = kept["templates"].as_array().unwrap();
    assert_eq!(kept.len(), 3);
    for template in kept {
        let path = format!("/templates/{}/render", template["id"].as_str().unwrap());
        let rendered = demo.maria(Method::POST, &path, &json!({"patient": "rosa"})).await;
        assert!(rendered["text"].as_str().unwrap().starts_with("Hi Rosa, "), "{rendered}");
        assert_eq!((&rendered["segments"], &rendered["encoding"]), (&json!(1), &json!("gsm7")));
    }
    demo.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_demo_on_the_same_data_goes_on_where_the_first_stopped() {
    let data = tempfile::tempdir().unwrap();
    let first = Demo::start(data.path());
    let token = first.page().await["practice_token"].clone();
    let draft = first.maria(Method::POST, "/patients/rosa/messages", &json!({"text": "See you at 3"})).await;
    assert_eq!(draft["status"], "pending");
    while first.phone(ROSA).await.is_empty() {}
    first.phone_types(ROSA, "YES").await;
    first.becomes("See you at 3", "delivered").await;
    let shown = first.phone(ROSA).await;
    assert_eq!(shown.len(), 3);
    first.stop();

    let second = Demo::start(data.path());
    assert_ne!(second.page().await["practice_token"], token, "each demo has a token of its own");
    assert_eq!(second.phone(ROSA).await, shown, "the phone has forgotten nothing");
    let rosa = second.maria(Method::GET, "/patients/rosa", &Value::Null).await;
    assert_eq!(rosa["consent"]["state"], "opted_in");
    second.maria(Method::POST, "/patients/rosa/messages", &json!({"text": "Are you on your way?"})).await;
    second.becomes("Are you on your way?", "delivered").await;
    second.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_in_use_is_said_to_be() {
    let data = tempfile::tempdir().unwrap();
    let first = Demo::start(data.path());
    let second = Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("another assent is using"), "{said}");
    first.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_carrier_runs_alone_with_its_control_port() {
    let mut carrier = Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["carrier", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(carrier.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let smpp = said.split("SMPP on ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    let control = said.split("http://").nth(1).unwrap().trim();
    assert!(std::net::TcpStream::connect(smpp).is_ok(), "{said}");

    let client = Client::new();
    let typed = json!({"to": "+13035550100", "text": "hello"});
    let url = format!("http://{control}/phones/+13035550123/messages");
    assert_eq!(client.post(&url).json(&typed).send().await.unwrap().status(), 202);
    let shown: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["messages"][0]["text"], "hello");
    assert_eq!(shown["messages"][0]["answered"], false, "nobody is bound");
    let silent = client.put(format!("http://{control}/faults")).json(&json!({"silent": true})).send().await.unwrap();
    assert!(silent.status().is_success());

    let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", carrier.id())]).status().unwrap();
    assert!(told.success());
    assert_eq!(carrier.wait().unwrap().code(), Some(0));
}

#[test]
fn bad_usage_ends_with_two() {
    for arguments in [&["dmeo"][..], &["serve"], &["serve", "--config", "/no/such/file"], &["demo", "--listen", "x"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_assent")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}
