//! A crowd that looks on: open event streams of several practices, each of which writes down what it was told and when.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

const OPERATOR: &str = "0123456789abcdef0123456789abcdef";

/// A practice whose staff look on.
pub struct Practice {
    pub id: String,
    pub number: String,
    token: String,
}

impl Practice {
    /// The practice of this place among those of a crowd, and Maria, who may text.
    pub async fn put(daemon: SocketAddr, place: usize) -> Self {
        let (id, number) = (format!("practice-{place}"), format!("+1303999{place:04}"));
        let client = Client::new();
        let call = async |method: Method, path: &str, body: Value| {
            let url = format!("http://{daemon}/v1/practices/{id}{path}");
            let answer = client.request(method, url).bearer_auth(OPERATOR).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::CREATED);
            answer.json::<Value>().await.unwrap()
        };
        let practice = json!({
            "name": "Riverside Physical Therapy", "number": number, "time_zone": "America/Denver",
            "contact": "303-555-0100", "segments_per_minute": 1_000_000, "segments_per_day": null,
        });
        call(Method::PUT, "", practice).await;
        call(Method::PUT, "/staff/maria", json!({"name": "Maria Lopez", "patient_text_administrator": true})).await;
        let made = call(Method::POST, "/tokens", json!({"name": "stride"})).await;
        let token = made["token"].as_str().unwrap().to_owned();
        Self { id, number, token }
    }
}

/// One who looks on.
#[derive(Default)]
struct Seen {
    /// The newest event, after which a broken stream goes on.
    last_id: String,
    /// The words of each text that came in, in the order in which they were told, and when.
    texts: Vec<(String, Instant)>,
    /// How often it was told to read everything anew.
    resets: usize,
}

/// Those who look on, and what they have seen.
pub struct Crowd {
    client: Client,
    seats: Vec<Arc<Seat>>,
    open: watch::Sender<usize>,
    streams: JoinSet<()>,
}

struct Seat {
    practice: Arc<Practice>,
    seen: Mutex<Seen>,
    changed: watch::Sender<()>,
}

impl Crowd {
    /// So many for each practice; nobody looks yet.
    pub fn of(practices: &[Arc<Practice>], each: usize) -> Self {
        let seat = |practice: &Arc<Practice>| {
            Arc::new(Seat { practice: Arc::clone(practice), seen: Mutex::default(), changed: watch::Sender::new(()) })
        };
        let seats = practices.iter().flat_map(|practice| std::iter::repeat_n(practice, each)).map(seat).collect();
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { client, seats, open: watch::Sender::new(0), streams: JoinSet::new() }
    }

    /// Everybody opens a stream here, and goes on where the last one broke off. Returns when all of them stand.
    pub async fn looks_at(&mut self, daemon: SocketAddr) {
        assert!(self.streams.is_empty(), "everybody looks already");
        self.open.send_replace(0);
        for seat in &self.seats {
            let (client, seat, open) = (self.client.clone(), Arc::clone(seat), self.open.clone());
            self.streams.spawn(async move { seat.look(&client, daemon, &open).await });
        }
        let all = self.seats.len();
        self.open.subscribe().wait_for(|open| *open == all).await.unwrap();
    }

    /// Waits until the daemon has ended every stream.
    pub async fn is_cut_off(&mut self) {
        while let Some(ended) = self.streams.join_next().await {
            ended.unwrap();
        }
    }

    /// Asks for one more stream of the practice of this place: the status.
    pub async fn one_more(&self, daemon: SocketAddr, practice: &Practice) -> StatusCode {
        request(&self.client, daemon, practice).send().await.unwrap().status()
    }

    /// Waits until everybody was told of so many texts.
    pub async fn has_seen(&self, texts: usize) {
        for seat in &self.seats {
            seat.has_seen(texts).await;
        }
    }

    /// The same of those who look at one practice.
    pub async fn has_seen_of(&self, practice: &str, texts: usize) {
        for seat in self.seats.iter().filter(|seat| seat.practice.id == practice) {
            seat.has_seen(texts).await;
        }
    }

    /// What is wrong with what was told, where these words were said to each practice. A carrier that has several links
    /// brings them in whatever order, which is then the same for everybody.
    pub fn complaints(&self, said: &HashMap<String, Vec<String>>) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut orders: HashMap<&str, Vec<String>> = HashMap::new();
        for (place, seat) in self.seats.iter().enumerate() {
            let (practice, seen) = (seat.practice.id.as_str(), seat.seen.lock().unwrap());
            let told: Vec<String> = seen.texts.iter().map(|(words, _)| words.clone()).collect();
            if sorted(&told) != sorted(&said[practice]) {
                complaints.push(format!("seat {place} of {practice} was told {told:?}"));
            }
            if orders.entry(practice).or_insert_with(|| told.clone()) != &told {
                complaints.push(format!("seat {place} of {practice} was told in another order: {told:?}"));
            }
            if seen.resets > 0 {
                complaints.push(format!("seat {place} was told {} times to read anew", seen.resets));
            }
        }
        complaints
    }

    /// When each of those who look at a practice was told of these words.
    pub fn told_at(&self, practice: &str, words: &str) -> Vec<Instant> {
        let seats = self.seats.iter().filter(|seat| seat.practice.id == practice);
        let told = seats.flat_map(|seat| {
            let seen = seat.seen.lock().unwrap();
            seen.texts.iter().filter(|(text, _)| text == words).map(|(_, at)| *at).collect::<Vec<_>>()
        });
        told.collect()
    }
}

impl Seat {
    async fn has_seen(&self, texts: usize) {
        let enough = |_: &()| self.seen.lock().unwrap().texts.len() >= texts;
        self.changed.subscribe().wait_for(enough).await.unwrap();
    }

    /// Looks until the stream ends.
    async fn look(&self, client: &Client, daemon: SocketAddr, open: &watch::Sender<usize>) {
        let last_id = self.seen.lock().unwrap().last_id.clone();
        let mut request = request(client, daemon, &self.practice);
        if !last_id.is_empty() {
            request = request.header("Last-Event-ID", last_id);
        }
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut unread = String::new();
        let mut is_counted = false;
        // A daemon that is killed leaves an error in place of an end.
        while let Ok(Some(chunk)) = response.chunk().await {
            if !std::mem::replace(&mut is_counted, true) {
                // The first words on a stream say that it stands.
                open.send_modify(|open| *open += 1);
            }
            unread += std::str::from_utf8(&chunk).unwrap();
            while let Some((event, rest)) = unread.split_once("\n\n") {
                self.take(event);
                unread = rest.to_owned();
            }
        }
    }

    fn take(&self, event: &str) {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        {
            let mut seen = self.seen.lock().unwrap();
            if let Some(id) = field("id") {
                seen.last_id = id.to_owned();
            }
            match field("event") {
                Some("message.received") => {
                    let data: Value = serde_json::from_str(field("data").unwrap()).unwrap();
                    seen.texts.push((data["message"]["text"].as_str().unwrap().to_owned(), Instant::now()));
                }
                Some("reset") => seen.resets += 1,
                Some(_) | None => {}
            }
        }
        self.changed.send_replace(());
    }
}

fn request(client: &Client, daemon: SocketAddr, practice: &Practice) -> reqwest::RequestBuilder {
    let url = format!("http://{daemon}/v1/practices/{}/events", practice.id);
    client.get(url).bearer_auth(&practice.token).header("Assent-Staff", "maria")
}

fn sorted(words: &[String]) -> Vec<&String> {
    let mut words: Vec<&String> = words.iter().collect();
    words.sort_unstable();
    words
}
