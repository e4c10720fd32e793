//! The Python package smpplib as a client of the simulated carrier.

use std::path::Path;
use std::process::Stdio;

use assent::simulator::{Alert, Faults, LongTexts, Simulator, Verb, WireEntry};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{OFFICE, ROSA, carrier, within};

/// `message_state` (SMPP 3.4 §5.2.28).
const DELIVERED: u64 = 2;
/// `esm_class` of a receipt (§5.2.12).
const RECEIPT: u64 = 0x04;
const GSM: u64 = 0;
const LATIN_1: u64 = 3;
const UCS2: u64 = 8;

#[tokio::test]
async fn its_texts_reach_the_phone_and_their_receipts_come_back() {
    let (carrier, mut client) = bound("transceiver").await;
    let long = "Bring ¿your? insurance card, señor: 3 £ @ é. ".repeat(9);
    let wide = "Мы опоздаем, 你好 ".repeat(12);
    for (text, encoding, segments) in [
        ("hello", GSM, 1),
        ("¿Señor? à 3 € @ £5 [ok] {Δ}", GSM, 1),
        (&long, GSM, 3),
        ("Sí, señor: ½ ë", LATIN_1, 1),
        ("Ça va? 👍🏽 你好", UCS2, 1),
        (&wide, UCS2, 3),
    ] {
        for by in ["header", "sar", "payload"] {
            let command = json!({
                "send": text, "from": digits(OFFICE), "to": digits(ROSA), "encoding": encoding, "by": by, "reference": 77,
            });
            client.told(command).await;
            within(text, carrier.phone(ROSA).wait_for_text(|shown| shown.text == text)).await;
            let segments = if by == "payload" { 1 } else { segments };
            for _ in 0..segments {
                let taken = client.says("the text is taken", |event| event["taken"].is_string()).await;
                let receipt = client.says("its receipt comes", |event| event["receipted"].is_string()).await;
                assert_eq!(receipt["receipted"], taken["taken"]);
                assert_eq!((&receipt["state"], &receipt["esm_class"]), (&json!(DELIVERED), &json!(RECEIPT)));
                assert_eq!((&receipt["source"], &receipt["reference"]), (&json!(digits(ROSA)), &json!(77)));
                let words = receipt["delivered"].as_str().unwrap();
                assert!(words.starts_with(&format!("id:{} ", taken["taken"].as_str().unwrap())), "{words}");
                assert!(words.contains("stat:DELIVRD"), "{words}");
            }
            // The same text comes again, in another way: what is on the phone must be new.
            assert_eq!(carrier.phone(ROSA).texts().iter().filter(|shown| shown.text == text).count(), nth(by));
        }
    }
    client.parts().await;
}

fn nth(by: &str) -> usize {
    1 + ["header", "sar", "payload"].iter().position(|known| *known == by).unwrap()
}

#[tokio::test]
async fn it_reads_what_phones_type_as_it_was_typed() {
    let (carrier, mut client) = bound("transceiver").await;
    let long = "my knee hurts (a bit), señor: 3 £ ".repeat(10);
    let wide = "Мы опоздаем, 你好 👍🏽 ".repeat(9);
    for long_texts in [LongTexts::Udh, LongTexts::Udh16, LongTexts::Sar, LongTexts::Payload] {
        carrier.set_faults(Faults { long_texts, ..Faults::default() });
        for (text, data_coding, segments) in [
            ("¿Sale? à 3 € @ £5 [ok] {Δ}", GSM, 1),
            (&long, GSM, 3),
            ("Sí, señor", UCS2, 1),
            ("👨‍👩‍👧‍👦 你好", UCS2, 1),
            (&wide, UCS2, 3),
        ] {
            let typed = carrier.phone(ROSA).send(OFFICE, text);
            let whole = long_texts == LongTexts::Payload;
            let segments = if whole { 1 } else { segments };
            let mut read = String::new();
            for number in 1..=segments {
                let part = client.says("a text comes", |event| event["delivered"].is_string()).await;
                assert_eq!((&part["source"], &part["destination"]), (&json!(digits(ROSA)), &json!(digits(OFFICE))));
                assert_eq!((&part["data_coding"], &part["payload"]), (&json!(data_coding), &json!(whole)));
                let place = if segments == 1 { Value::Null } else { json!([segments, number]) };
                let told = part["part"].as_array().map_or(Value::Null, |part| json!(part[1..]));
                assert_eq!(told, place, "{long_texts:?}");
                read += part["delivered"].as_str().unwrap();
            }
            assert_eq!(read, text);
            within("the text is answered", carrier.phone(ROSA).wait_until_answered(&typed.id)).await;
        }
    }
    client.parts().await;
}

#[tokio::test]
async fn a_transmitter_and_a_receiver_of_it_are_one_customer() {
    let (carrier, mut sends) = bound("transmitter").await;
    let mut receives = Client::connected(&carrier).await;
    receives.binds("receiver", "secret").await;
    sends.told(json!({"send": "hello", "from": digits(OFFICE), "to": digits(ROSA)})).await;
    let taken = sends.says("the text is taken", |event| event["taken"].is_string()).await;
    let receipt = receives.says("its receipt comes", |event| event["receipted"].is_string()).await;
    assert_eq!(receipt["receipted"], taken["taken"]);
    within("Yes is answered", carrier.phone(ROSA).text(OFFICE, "Yes")).await;
    receives.says("Yes comes", |event| event["delivered"] == "Yes").await;
    sends.parts().await;
    receives.parts().await;
}

#[tokio::test]
async fn it_understands_refusals_enquiries_and_alerts() {
    let carrier = carrier().await;
    let mut stranger = Client::connected(&carrier).await;
    stranger.told(json!({"bind": "transceiver", "password": "wrong"})).await;
    let refused = stranger.says("the bind is refused", |event| event["refused"].is_u64()).await;
    assert_eq!(refused["refused"], 0x0E);

    let mut client = Client::connected(&carrier).await;
    client.binds("transceiver", "secret").await;
    client.told(json!({"enquire_link": true})).await;
    client.says("the carrier is there", |event| event["there"] == true).await;
    carrier.tell(Verb::EnquireLinks(3)).unwrap();
    let answered = |log: &[WireEntry]| {
        let answers = log.iter().filter(|entry| entry.command == "enquire_link_resp");
        (answers.count() == 4).then_some(())
    };
    within("one enquiry and three are answered", carrier.wait_for_wire(answered)).await;
    carrier.set_faults(Faults { refuse_with: Some(0x58), ..Faults::default() });
    client.told(json!({"send": "hello", "from": digits(OFFICE), "to": digits(ROSA)})).await;
    let error = client.says("it is throttled", |event| event["error"].is_u64()).await;
    assert_eq!((&error["error"], &error["command"]), (&json!(0x58), &json!("submit_sm_resp")));
    carrier.tell(Verb::Alert(Alert { phone: ROSA.into(), to: OFFICE.into() })).unwrap();
    let alert = client.says("an alert comes", |event| event["alert"].is_string()).await;
    assert_eq!((&alert["alert"], &alert["to"]), (&json!(digits(ROSA)), &json!(digits(OFFICE))));
    client.parts().await;
}

fn digits(number: &str) -> &str {
    number.trim_start_matches('+')
}

async fn bound(bind: &str) -> (Simulator, Client) {
    let carrier = carrier().await;
    let mut client = Client::connected(&carrier).await;
    client.binds(bind, "secret").await;
    (carrier, client)
}

/// The client, in a process of its own.
struct Client {
    _child: Child,
    commands: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    /// What it said and nobody waited for yet.
    heard: Vec<Value>,
}

impl Client {
    async fn connected(carrier: &Simulator) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        let mut child = Command::new(folder.join("venv/bin/python"))
            .args(["client.py", &carrier.address().port().to_string()])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("smpplib can't be run ({error}): run tests/run, which installs it"));
        let commands = child.stdin.take().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut client = Self { _child: child, commands, events, heard: Vec::new() };
        client.says("it is connected", |event| event["connected"] == true).await;
        client
    }

    async fn binds(&mut self, bind: &str, password: &str) {
        self.told(json!({"bind": bind, "password": password})).await;
        let bound = self.says("it is bound", |event| event["bound"] == bind).await;
        assert_eq!((&bound["carrier"], &bound["version"]), (&json!("assent-carrier"), &json!(0x34)));
    }

    async fn parts(mut self) {
        self.told(json!({"unbind": true})).await;
        self.says("it parts", |event| event["unbound"] == "unbind_resp").await;
        self.says("the carrier closes", |event| event["closed"] == true).await;
        assert!(self.heard.is_empty(), "{:?}", self.heard);
    }

    async fn told(&mut self, command: Value) {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// The first event of a kind that nobody waited for yet.
    async fn says(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(place) = self.heard.iter().position(&wanted) {
                return self.heard.remove(place);
            }
            let line = within(what, self.events.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("smpplib ended before: {what}; {:?}", self.heard));
            self.heard.push(serde_json::from_str(&line).unwrap());
        }
    }
}
