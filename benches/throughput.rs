//! The whole way over loopback: HTTP in, `submit_sm` out, and `deliver_sm` in, with every answer durable.
//!
//! Starts the release binary on a store in a temporary directory, bound to a carrier that lives in
//! this process and answers at once. A thousand patients opt in by texting START; then callers who keep their
//! connections send texts of 95 characters, each caller the next one as soon as the last was answered.
//!
//! ```text
//! cargo bench --bench throughput [-- --seconds 3] [--redis] [--daemon PATH]
//! ```
//!
//! The store is the embedded one, or with `--redis` one on a Redis of its own (`appendfsync always`).
//! `--daemon` measures another build of the daemon, to compare two in one run. What is printed:
//!
//! | column | |
//! | --- | --- |
//! | texts | callers at once; `+keys` sends an `Idempotency-Key` with each, `+receipts` has the carrier report each |
//! | accepted/s | texts that HTTP answered 202, over the time in which texts were sent |
//! | submit/s | texts that came to the carrier, until the last of them had |
//! | http p50, p99 | milliseconds from the request to its answer |
//! | wire p50, p99 | milliseconds from the request to the `submit_sm` |
//! | cpu s/10k | processor seconds of the daemon, user and system, for ten thousand texts |
//! | rss MiB | the most memory that the daemon has had so far |
//! | lost, doubled | texts that were accepted and never came, and that came twice; either makes the run fail |
//!
//! | column | |
//! | --- | --- |
//! | deliveries | `deliver_sm` that are unanswered at once |
//! | acked/s | of them answered, until the last one was |
//! | p50, p99 | milliseconds from the `deliver_sm` to its answer |
//!
//! Without receipts each conversation keeps up to 64 texts whose receipt is awaited, and writes them down with each
//! commit: the rounds after the first show the worst that a carrier can do, and get slower as the run gets longer.
//! The carrier and the callers share one thread, and the processors with the daemon.

#[path = "support/daemon.rs"]
mod daemon;
#[path = "../tests/support/redis.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod redis_server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use assent::carrier::frame::{Frame, Framer, encode, status};
use bytes::{Bytes, BytesMut};
use daemon::{Daemon, OPERATOR};
use futures_util::future::join_all;
use serde_json::{Value, json};
use smpp::pdus::{BindTransceiverResp, DeliverSm, SubmitSmResp};
use smpp::types::{COctetString, OctetString};
use smpp::values::{EsmClass, Npi, Ton};
use smpp::{CommandId, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep, timeout};

const NUMBER: &str = "13039990100";
const PATIENTS: usize = 1_000;
/// How long what was accepted may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let carrier = Carrier::listen().await;
    let redis = if options.redis { Some(redis_server::Redis::start().await) } else { None };
    let daemon = Daemon::start(&options.daemon, carrier.address, redis.as_ref()).await;
    let practice = Practice::open(daemon.http).await;
    opt_everybody_in(&carrier).await;

    let mut all_is_well = true;
    println!(
        "{:>18} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>8} {:>6} {:>8}",
        "texts",
        "accepted/s",
        "submit/s",
        "http p50",
        "http p99",
        "wire p50",
        "wire p99",
        "cpu s/10k",
        "rss MiB",
        "lost",
        "doubled"
    );
    let plain = |callers| Round { callers, keys: false, receipts: false };
    let as_in_life = Round { callers: 64, keys: true, receipts: true };
    for round in [as_in_life, plain(1), plain(16), plain(64), plain(256)] {
        all_is_well &= round.run(&options, &daemon, &carrier, &practice).await;
    }
    println!("\n{:>18} {:>10} {:>9} {:>9} {:>10}", "deliveries", "acked/s", "p50", "p99", "cpu s/10k");
    for window in [10, 100] {
        deliver(window, &options, &daemon, &carrier).await;
    }
    if all_is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    time: Duration,
    redis: bool,
    daemon: PathBuf,
}

impl Options {
    fn parse() -> Self {
        let daemon = env!("CARGO_BIN_EXE_assent").into();
        let mut options = Self { time: Duration::from_secs(3), redis: false, daemon };
        let mut given = std::env::args().skip(1);
        while let Some(option) = given.next() {
            match option.as_str() {
                // What cargo says to every benchmark.
                "--bench" => {}
                "--seconds" => {
                    let seconds = given.next().and_then(|text| text.parse().ok());
                    options.time = Duration::from_secs(seconds.expect("--seconds takes a whole number"));
                }
                "--redis" => options.redis = true,
                "--daemon" => options.daemon = given.next().expect("--daemon takes a path").into(),
                other => panic!("{other} is not an option of this benchmark"),
            }
        }
        options
    }
}

// --------------------------------------------------------------------------------------------------- rounds

/// Texts from so many callers at once.
struct Round {
    callers: usize,
    keys: bool,
    receipts: bool,
}

impl Round {
    async fn run(&self, options: &Options, daemon: &Daemon, carrier: &Carrier, practice: &Practice) -> bool {
        carrier.receipts.store(self.receipts, Ordering::Relaxed);
        carrier.texts().clear();
        let processor_before = daemon.processor_seconds();
        let started = Instant::now();
        let callers = (0..self.callers).map(|_| self.call(started + options.time, daemon.http, carrier, practice));
        let mut answer_times: Vec<Duration> = join_all(callers).await.concat();
        let accepted = answer_times.len();
        let calling = started.elapsed();
        let all_there = || (carrier.texts().iter().filter(|text| text.arrivals > 0).count() == accepted).then_some(());
        let _ = timeout(PATIENCE, until(all_there)).await;
        // A second copy would come by then.
        sleep(Duration::from_millis(300)).await;

        let texts = carrier.texts();
        let last = texts.iter().filter_map(|text| text.arrived).max().unwrap_or(started);
        let mut wire_times: Vec<Duration> = texts.iter().filter_map(|text| Some(text.arrived? - text.sent)).collect();
        let arrived = wire_times.len();
        let lost = texts.iter().filter(|text| text.accepted && text.arrivals == 0).count();
        let doubled = texts.iter().filter(|text| text.arrivals > 1).count();
        let refused = texts.len() - accepted;
        let keys = if self.keys { "+keys" } else { "" };
        let receipts = if self.receipts { "+receipts" } else { "" };
        let name = format!("{}{keys}{receipts}", self.callers);
        println!(
            "{name:>18} {:>10.0} {:>9.0} {} {} {:>10.2} {:>8.0} {lost:>6} {doubled:>8}",
            accepted as f64 / calling.as_secs_f64(),
            arrived as f64 / (last - started).as_secs_f64(),
            percentiles(&mut answer_times),
            percentiles(&mut wire_times),
            (daemon.processor_seconds() - processor_before) / accepted as f64 * 10_000.0,
            daemon.peak_mib(),
        );
        if refused > 0 {
            println!("{refused} texts were not accepted");
        }
        lost + doubled + refused == 0
    }

    /// One caller: the time that each accepted text took.
    async fn call(&self, until: Instant, daemon: SocketAddr, carrier: &Carrier, practice: &Practice) -> Vec<Duration> {
        let mut caller = Caller::connect(daemon).await;
        let mut times = Vec::new();
        while Instant::now() < until {
            let number = {
                let mut texts = carrier.texts();
                texts.push(Text { sent: Instant::now(), accepted: false, arrived: None, arrivals: 0 });
                texts.len() - 1
            };
            let words = format!(
                "#{number:013} your appointment is on Tuesday, at half past nine. Please come early. Thank you."
            );
            debug_assert_eq!(words.len(), 95);
            let key = if self.keys { format!("idempotency-key: {}-{number}\r\n", practice.run) } else { String::new() };
            let path = format!("/patients/p{}/messages", number % PATIENTS);
            let request = practice.request("POST", &path, &key, &format!(r#"{{"text":"{words}"}}"#));
            let asked = Instant::now();
            if caller.asks(&request).await.0 == 202 {
                times.push(asked.elapsed());
                carrier.texts()[number].accepted = true;
            }
        }
        times
    }
}

/// Texts from the phones, so many of them unanswered at once.
async fn deliver(window: usize, options: &Options, daemon: &Daemon, carrier: &Carrier) {
    let processor_before = daemon.processor_seconds();
    let started = Instant::now();
    let (mut times, last) = carrier
        .deliver_while(window, |number| {
            let words = format!("Thank you, I will be there at half past nine. {number}");
            (started.elapsed() < options.time).then_some((number % PATIENTS, words))
        })
        .await;
    println!(
        "{window:>18} {:>10.0} {} {:>10.2}",
        times.len() as f64 / (last - started).as_secs_f64(),
        percentiles(&mut times),
        (daemon.processor_seconds() - processor_before) / times.len() as f64 * 10_000.0,
    );
}

/// START from every phone, until the last confirmation has come.
async fn opt_everybody_in(carrier: &Carrier) {
    let starts = |number| (number < PATIENTS).then_some((number, "START".to_owned()));
    carrier.deliver_while(10, starts).await;
    let confirmed = until(|| (carrier.others.load(Ordering::Relaxed) >= PATIENTS).then_some(()));
    timeout(PATIENCE, confirmed).await.expect("every START is confirmed");
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(f64::NAN, Duration::as_secs_f64);
    format!("{:>9.2} {:>9.2}", at(0.50) * 1_000.0, at(0.99) * 1_000.0)
}

async fn until<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

// ---------------------------------------------------------------------------------------------- the callers

/// The practice as its UI knows it.
struct Practice {
    token: String,
    /// Tells the keys of this run apart from those of any other.
    run: u32,
}

impl Practice {
    /// A practice, one member of staff, and its patients.
    async fn open(daemon: SocketAddr) -> Self {
        let mut caller = Caller::connect(daemon).await;
        let operator = Self { token: OPERATOR.to_owned(), run: 0 };
        let mut put = async |method: &str, path: &str, body: Value| {
            let (status, body) = caller.asks(&operator.request(method, path, "", &body.to_string())).await;
            assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
            serde_json::from_slice::<Value>(&body).expect("JSON")
        };
        let practice = json!({
            "name": "Riverside Dental", "number": format!("+{NUMBER}"), "time_zone": "America/Denver",
            "contact": "303-999-0100", "segments_per_minute": 100_000_000, "segments_per_day": null,
        });
        put("PUT", "", practice).await;
        let maria = json!({"name": "Maria Lopez", "site_administrator": true, "patient_text_administrator": true});
        put("PUT", "/staff/maria", maria).await;
        for patient in 0..PATIENTS {
            let record = json!({
                "first_name": "Rosa", "last_name": format!("Garcia {patient}"), "date_of_birth": "1984-05-12",
                "mobile_phone": format!("+{}", phone(patient)),
            });
            put("PUT", &format!("/patients/p{patient}"), record).await;
        }
        let token = put("POST", "/tokens", json!({"name": "bench"})).await;
        Self { token: token["token"].as_str().expect("a token").to_owned(), run: std::process::id() }
    }

    fn request(&self, method: &str, path: &str, header: &str, body: &str) -> String {
        format!(
            "{method} /v1/practices/riverside{path} HTTP/1.1\r\nhost: assent\r\nauthorization: Bearer {}\r\n{}{header}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.token,
            if self.run == 0 { "" } else { "assent-staff: maria\r\n" },
            body.len(),
        )
    }
}

/// One connection that is kept.
struct Caller {
    stream: TcpStream,
    read: BytesMut,
}

impl Caller {
    async fn connect(daemon: SocketAddr) -> Self {
        let stream = TcpStream::connect(daemon).await.expect("the daemon listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, read: BytesMut::with_capacity(4_096) }
    }

    /// Status and body of the answer.
    async fn asks(&mut self, request: &str) -> (u16, Bytes) {
        self.stream.write_all(request.as_bytes()).await.expect("the daemon reads");
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|octets| octets == b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(self.stream.read_buf(&mut self.read).await.expect("the daemon answers"), 0);
        };
        let head = self.read.split_to(end);
        let head = std::str::from_utf8(&head).expect("a head is ASCII");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a number"));
        while self.read.len() < length {
            assert_ne!(self.stream.read_buf(&mut self.read).await.expect("the daemon answers"), 0);
        }
        (status, self.read.split_to(length).freeze())
    }
}

// ---------------------------------------------------------------------------------------------- the carrier

/// A carrier that takes everything at once and remembers when.
struct Carrier {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// What is to be written beside the answers.
    outgoing: mpsc::Sender<Bytes>,
}

#[derive(Default)]
struct Shared {
    /// The texts of this round, by their number.
    texts: Mutex<Vec<Text>>,
    /// Texts that no caller sent.
    others: AtomicUsize,
    receipts: AtomicBool,
    deliveries: Mutex<Deliveries>,
}

struct Text {
    sent: Instant,
    accepted: bool,
    arrived: Option<Instant>,
    arrivals: u32,
}

#[derive(Default)]
struct Deliveries {
    /// When each was sent, by its sequence number.
    sent: Vec<Instant>,
    times: Vec<Duration>,
    room: Option<Arc<Semaphore>>,
}

impl std::ops::Deref for Carrier {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Shared {
    fn texts(&self) -> MutexGuard<'_, Vec<Text>> {
        self.texts.lock().expect("nobody panics")
    }

    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().expect("nobody panics")
    }
}

/// `deliver_sm` with a greater number are receipts, whose answers are not looked at.
const RECEIPTS_FROM: u32 = 0x4000_0000;

impl Carrier {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (outgoing, mut waiting) = mpsc::channel::<Bytes>(1_024);
        let shared = Arc::new(Shared::default());
        let session = Arc::clone(&shared);
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("the daemon binds");
            stream.set_nodelay(true).expect("a socket");
            let (mut framer, mut out, mut buffer) = (Framer::default(), BytesMut::new(), vec![0; 64 * 1_024]);
            loop {
                tokio::select! {
                    read = stream.read(&mut buffer) => match read {
                        Ok(octets @ 1..) => framer.push(&buffer[..octets]),
                        Ok(0) | Err(_) => return,
                    },
                    Some(octets) = waiting.recv() => out.extend_from_slice(&octets),
                }
                while let Some(frame) = framer.next_frame().expect("the daemon speaks SMPP") {
                    session.hears(&frame, &mut out);
                }
                if stream.write_all(&out.split()).await.is_err() {
                    return;
                }
            }
        });
        Self { address, shared, outgoing }
    }

    /// Delivers until there is no more to say, and waits for every answer: the time that each took, and the last one.
    async fn deliver_while(
        &self,
        window: usize,
        mut next: impl FnMut(usize) -> Option<(usize, String)>,
    ) -> (Vec<Duration>, Instant) {
        let room = Arc::new(Semaphore::new(window));
        *self.deliveries() = Deliveries { room: Some(Arc::clone(&room)), ..Deliveries::default() };
        let mut number = 0;
        while let Some((patient, words)) = next(number) {
            room.acquire().await.expect("nobody closes it").forget();
            self.deliveries().sent.push(Instant::now());
            let sequence = u32::try_from(number + 1).expect("a short run");
            self.outgoing.send(deliver_sm(sequence, patient, 0, &words)).await.expect("the session lasts");
            number += 1;
        }
        let all = room.acquire_many(u32::try_from(window).expect("a small window"));
        let _all = timeout(PATIENCE, all).await.expect("every deliver_sm is answered").expect("nobody closes it");
        (std::mem::take(&mut self.deliveries().times), Instant::now())
    }
}

impl Shared {
    fn hears(&self, frame: &Frame, out: &mut BytesMut) {
        let sequence = frame.sequence();
        let mut says = |pdu: Pdu| out.extend_from_slice(&encode(status::ROK, sequence, pdu));
        match frame.id() {
            CommandId::BindTransceiver => says(BindTransceiverResp::default().into()),
            CommandId::EnquireLink => says(Pdu::EnquireLinkResp),
            CommandId::Unbind => says(Pdu::UnbindResp),
            CommandId::SubmitSm => {
                let id = COctetString::from_string(format!("{sequence:x}")).expect("an id");
                says(SubmitSmResp::builder().message_id(id).build().into());
                self.arrived(frame, out);
            }
            CommandId::DeliverSmResp if sequence < RECEIPTS_FROM => {
                assert_eq!(frame.status(), status::ROK);
                let mut deliveries = self.deliveries();
                let took = deliveries.sent[sequence as usize - 1].elapsed();
                deliveries.times.push(took);
                deliveries.room.as_ref().expect("somebody delivers").add_permits(1);
            }
            _ => {}
        }
    }

    fn arrived(&self, frame: &Frame, out: &mut BytesMut) {
        let body = frame.body();
        let digits = body.iter().position(|octet| *octet == b'#').and_then(|start| body.get(start + 1..start + 14));
        let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some(number) = number else {
            self.others.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut texts = self.texts();
        let text = &mut texts[number];
        text.arrivals += 1;
        text.arrived.get_or_insert_with(Instant::now);
        if self.receipts.load(Ordering::Relaxed) {
            let id = frame.sequence();
            let words = format!(
                "id:{id:x} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"
            );
            out.extend_from_slice(&deliver_sm(RECEIPTS_FROM + id, number % PATIENTS, 0x04, &words));
        }
    }
}

fn deliver_sm(sequence: u32, patient: usize, esm_class: u8, words: &str) -> Bytes {
    let address = |digits: String| COctetString::from_string(digits).expect("a phone");
    let pdu = DeliverSm::builder()
        .source_addr_ton(Ton::International)
        .source_addr_npi(Npi::Isdn)
        .source_addr(address(phone(patient)))
        .dest_addr_ton(Ton::International)
        .dest_addr_npi(Npi::Isdn)
        .destination_addr(address(NUMBER.to_owned()))
        .esm_class(EsmClass::from(esm_class))
        .short_message(OctetString::from_vec(words.as_bytes().to_vec()).expect("a short text"))
        .build();
    encode(status::ROK, sequence, pdu.into())
}

fn phone(patient: usize) -> String {
    format!("1303{}", 5_550_000 + patient)
}
