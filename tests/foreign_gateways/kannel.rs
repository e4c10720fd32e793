//! Kannel, with its bearerbox and its smsbox, as a gateway of the simulated carrier.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use assent::simulator::{Faults, LongTexts, Simulator, Verb, WireDirection, WireEntry};
use axum::Router;
use axum::extract::RawQuery;
use axum::routing::get;
use percent_encoding::percent_decode_str;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::{OFFICE, ROSA, carrier, within};

/// Between two looks at what can't be awaited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How Kannel counts what became of a text: the phone has it.
const DELIVERED: &str = "1";

/// How Kannel counts the alphabets of texts.
const GSM: &str = "0";
const UCS2: &str = "2";

/// How Kannel binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binds {
    Transceiver,
    TransmitterAndReceiver,
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_and_receipts_go_through_kannel_however_it_binds() {
    for binds in [Binds::Transceiver, Binds::TransmitterAndReceiver] {
        let carrier = carrier().await;
        let mut kannel = Kannel::bound(&carrier, binds).await;
        let bound = |log: &[WireEntry]| -> Vec<&'static str> {
            let binds =
                log.iter().filter(|entry| entry.command.starts_with("bind") && !entry.command.ends_with("_resp"));
            binds.map(|entry| entry.command).collect()
        };
        let mut bound = bound(&carrier.wire_log());
        bound.sort_unstable();
        match binds {
            Binds::Transceiver => assert_eq!(bound, ["bind_transceiver"]),
            Binds::TransmitterAndReceiver => assert_eq!(bound, ["bind_receiver", "bind_transmitter"]),
        }

        let long = "Bring your insurance card (both sides), please. ".repeat(8);
        let wide = "Čau, Rosa 👍🏽 你好 ".repeat(10);
        for (number, (text, coding)) in (1..).zip([
            ("hello", GSM),
            ("¿Señor? à 3 € @ £5 [ok] {Δ}", GSM),
            ("Sí, 👍🏽 你好", UCS2),
            (long.trim(), GSM),
            (wide.trim(), UCS2),
        ]) {
            // A receipt that overtakes, on one connection, the response on the other is lost on Kannel.
            carrier.set_faults(Faults { hold_deliver: true, ..Faults::default() });
            kannel.sends(text, coding).await;
            within(text, carrier.phone(ROSA).wait_for_text(|shown| shown.text == text)).await;
            until(async || kannel.folder.said("bearerbox").matches("Adding DLR").count() >= number).await;
            carrier.set_faults(Faults::default());
            assert_eq!(kannel.receipt().await, (OFFICE.to_owned(), ROSA.to_owned(), DELIVERED.to_owned()), "{text}");
        }
        for text in ["Yes", "¿Sale? à 3 € @ £5 [ok] {Δ}", "Да 👨‍👩‍👧‍👦 你好"] {
            within(text, carrier.phone(ROSA).text(OFFICE, text)).await;
            assert_eq!(kannel.text().await, (ROSA.to_owned(), OFFICE.to_owned(), text.to_owned()));
        }
        kannel.ends(&carrier).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kannel_puts_a_phones_long_text_together() {
    let carrier = carrier().await;
    let mut kannel = Kannel::bound(&carrier, Binds::Transceiver).await;
    let long = "my knee hurts (a bit), señor: 3 € ".repeat(10);
    let wide = "Мы опоздаем, 你好 👍🏽 ".repeat(9);
    for long_texts in [LongTexts::Udh, LongTexts::Udh16, LongTexts::Sar, LongTexts::Payload] {
        for text in [&long, &wide] {
            carrier.set_faults(Faults { long_texts, ..Faults::default() });
            within("all of it is answered", carrier.phone(ROSA).text(OFFICE, text)).await;
            assert_eq!(kannel.text().await.2, *text, "{long_texts:?}");
        }
    }
    kannel.ends(&carrier).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kannel_comes_back_after_a_loss_and_after_a_goodbye() {
    let carrier = carrier().await;
    let mut kannel = Kannel::bound(&carrier, Binds::Transceiver).await;
    for (nth, verb) in [(2, Verb::Drop), (3, Verb::Unbind)] {
        carrier.tell(verb).unwrap();
        let bound_again = |log: &[WireEntry]| {
            let binds = log.iter().filter(|entry| entry.command == "bind_transceiver_resp" && entry.status == 0);
            (binds.count() == nth).then_some(())
        };
        within("Kannel binds again", carrier.wait_for_wire(bound_again)).await;
        kannel.sends(&format!("text {nth}"), GSM).await;
        within("a text", carrier.phone(ROSA).wait_for_text(|shown| shown.text == format!("text {nth}"))).await;
        kannel.receipt().await;
        within("an answer", carrier.phone(ROSA).text(OFFICE, "Yes")).await;
        assert_eq!(kannel.text().await.2, "Yes");
    }
    let enquired = |log: &[WireEntry]| log.iter().any(|entry| entry.command == "enquire_link").then_some(());
    within("Kannel asks whether the carrier is there", carrier.wait_for_wire(enquired)).await;
    kannel.ends(&carrier).await;
}

/// Kannel's processes, and what they tell the service behind them.
struct Kannel {
    bearerbox: Child,
    _smsbox: Child,
    send: String,
    client: reqwest::Client,
    receipts: mpsc::UnboundedReceiver<String>,
    texts: mpsc::UnboundedReceiver<String>,
    service: SocketAddr,
    folder: Folder,
}

/// Where its configuration is, and what its processes say; shown if the test fails.
struct Folder(tempfile::TempDir);

impl Folder {
    /// What Kannel found odd about the carrier. It says of itself that it is new here and that it was stopped; and that
    /// it comes back, where the carrier left it.
    fn complaints(&self) -> Vec<String> {
        const EXPECTED: [&str; 4] = ["DLR: using default", "Killing signal", "Couldn't connect", "Re-connecting"];
        let is_odd = |line: &&str| {
            let is_complaint = ["WARNING", "ERROR", "PANIC"].iter().any(|word| line.contains(word));
            is_complaint && !EXPECTED.iter().any(|words| line.contains(words))
        };
        self.said("bearerbox").lines().filter(is_odd).map(str::to_owned).collect()
    }

    fn said(&self, process: &str) -> String {
        let log = std::fs::read(self.0.path().join(process)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for process in ["bearerbox", "smsbox"].into_iter().filter(|_| std::thread::panicking()) {
            eprintln!("{process} said:\n{}", self.said(process));
        }
    }
}

impl Kannel {
    async fn bound(carrier: &Simulator, binds: Binds) -> Self {
        let (service, receipts, texts) = service().await;
        let [admin, boxes, send] = free_ports();
        let folder = Folder(tempfile::tempdir().unwrap());
        let carrier_port = carrier.address().port();
        // A receipt is known by the name of the connection: both halves of one have the same.
        let smsc = |bind: &str| {
            format!(
                "group = smsc\nsmsc = smpp\nsmsc-id = carrier\nhost = 127.0.0.1\n{bind} = {carrier_port}\n\
                 smsc-username = kannel\nsmsc-password = secret\nsystem-type = test\n\
                 source-addr-ton = 1\nsource-addr-npi = 1\ndest-addr-ton = 1\ndest-addr-npi = 1\n\
                 source-addr-autodetect = no\nenquire-link-interval = 1\nreconnect-delay = 1\n\n"
            )
        };
        let smscs = match binds {
            Binds::Transceiver => smsc("transceiver-mode = true\nport"),
            Binds::TransmitterAndReceiver => [smsc("port"), smsc("receive-port")].concat(),
        };
        // What a phone typed comes as it is counted (%c) and as octets (%b).
        let config = format!(
            "group = core\nadmin-port = {admin}\nadmin-interface = 127.0.0.1\nadmin-password = secret\n\
             smsbox-port = {boxes}\nsmsbox-interface = 127.0.0.1\nbox-allow-ip = 127.0.0.1\n\n\
             {smscs}\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {send}\nsendsms-interface = 127.0.0.1\n\n\
             group = sendsms-user\nusername = office\npassword = secret\nmax-messages = 10\nconcatenation = true\n\n\
             group = sms-service\nkeyword = default\ncatch-all = true\nmax-messages = 0\n\
             get-url = \"http://{service}/text?from=%p&to=%P&coding=%c&charset=%C&text=%b\"\n",
        );
        let file = folder.0.path().join("kannel.conf");
        std::fs::write(&file, config).unwrap();
        let bearerbox = run("bearerbox", &file);
        until(async || tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, boxes)).await.is_ok()).await;
        let smsbox = run("smsbox", &file);
        // Asked before it is there for the bearerbox, it would fall over its own feet.
        let status = format!("http://127.0.0.1:{admin}/status.txt?password=secret");
        until(async || {
            let Ok(answer) = reqwest::get(&status).await else { return false };
            answer.text().await.is_ok_and(|status| status.contains("smsbox:"))
        })
        .await;
        let expected = if binds == Binds::Transceiver { 1 } else { 2 };
        within("Kannel binds", carrier.wait_for_binds(expected)).await;
        let send = format!("http://127.0.0.1:{send}/cgi-bin/sendsms");
        let client = reqwest::Client::new();
        Self { bearerbox, _smsbox: smsbox, send, client, receipts, texts, service, folder }
    }

    async fn sends(&self, text: &str, coding: &str) {
        let told = format!("http://{}/receipt?from=%p&to=%P&state=%d", self.service);
        let query = [
            ("username", "office"),
            ("password", "secret"),
            ("from", OFFICE.trim_start_matches('+')),
            ("to", ROSA.trim_start_matches('+')),
            ("text", text),
            ("charset", "UTF-8"),
            ("coding", coding),
            // What became of it, at the phone (1) or not (2).
            ("dlr-mask", "3"),
            ("dlr-url", &told),
        ];
        let url = reqwest::Url::parse_with_params(&self.send, query).unwrap();
        let answer = self.client.get(url).send().await.unwrap();
        let status = answer.status();
        let words = answer.text().await.unwrap();
        assert_eq!(status, 202, "{words}");
    }

    /// From whom, to whom, and what became of it.
    async fn receipt(&mut self) -> (String, String, String) {
        let query = within("Kannel tells of a receipt", self.receipts.recv()).await.unwrap();
        (international(&value(&query, "to")), international(&value(&query, "from")), string(value(&query, "state")))
    }

    /// From whom, to whom, and what.
    async fn text(&mut self) -> (String, String, String) {
        let query = within("Kannel brings a text", self.texts.recv()).await.unwrap();
        let octets = value(&query, "text");
        let text = match string(value(&query, "coding")).as_str() {
            UCS2 => {
                let (units, []) = octets.as_chunks::<2>() else { panic!("half a character") };
                String::from_utf16(&units.iter().map(|unit| u16::from_be_bytes(*unit)).collect::<Vec<_>>()).unwrap()
            }
            _ => string(octets),
        };
        (international(&value(&query, "from")), international(&value(&query, "to")), text)
    }

    /// SIGTERM: it parts from the carrier.
    async fn ends(mut self, carrier: &Simulator) {
        let unbinds = |log: &[WireEntry]| {
            let said = |entry: &&WireEntry| (entry.command, entry.direction) == ("unbind", WireDirection::FromGateway);
            log.iter().filter(said).count()
        };
        let before = unbinds(&carrier.wire_log());
        let id = self.bearerbox.id().expect("it was not waited for").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        within("Kannel parts", carrier.wait_for_binds(0)).await;
        assert!(unbinds(&carrier.wire_log()) > before, "without a word");
        within("the bearerbox ends", self.bearerbox.wait()).await.unwrap();
        assert_eq!(self.folder.complaints(), Vec::<String>::new());
    }
}

/// One of Kannel's processes. What it says is in the folder for as long as the test runs.
fn run(process: &str, config: &Path) -> Child {
    let log = std::fs::File::create(config.with_file_name(process)).unwrap();
    let mut command = Command::new(format!("/usr/sbin/{process}"));
    command.arg("-v").arg("0").arg(config).current_dir(config.parent().unwrap());
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| panic!("{process} can't be run ({error}): run tests/run, which installs it"))
}

/// Waits until it is so.
async fn until(is_so: impl AsyncFn() -> bool) {
    within("Kannel is there", async {
        while !is_so().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
    .await;
}

/// The service behind Kannel: what it is told of receipts, and of texts.
async fn service() -> (SocketAddr, mpsc::UnboundedReceiver<String>, mpsc::UnboundedReceiver<String>) {
    let (receipt, receipts) = mpsc::unbounded_channel();
    let (text, texts) = mpsc::unbounded_channel();
    let keeps = |told: mpsc::UnboundedSender<String>| {
        get(move |RawQuery(query): RawQuery| async move {
            let _ = told.send(query.unwrap_or_default());
        })
    };
    let router = Router::new().route("/receipt", keeps(receipt)).route("/text", keeps(text));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, receipts, texts)
}

/// A value of a query. Kannel writes blanks as plus signs.
fn value(query: &str, name: &str) -> Vec<u8> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let value = value.unwrap_or_else(|| panic!("no {name} in {query}")).replace('+', " ");
    percent_decode_str(&value).collect()
}

fn string(octets: Vec<u8>) -> String {
    String::from_utf8(octets).unwrap()
}

/// Kannel writes some numbers with their plus sign and some without.
fn international(number: &[u8]) -> String {
    format!("+{}", String::from_utf8_lossy(number).trim_start_matches(['+', ' ']))
}

/// Ports on which nobody listens, below those that the operating system gives away by itself.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    std::array::from_fn(|_| {
        let mut ports = (0..1_000).map(|_| 20_000 + u16::try_from(getrandom::u32().unwrap() % 10_000).unwrap());
        ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).unwrap()
    })
}
