//! Scenarios from end to end: the file, what the carrier does, the summary, and how the command ends.

use std::process::Stdio;

use assent::simulator::Scenario;
use serde_json::Value;
use smpp::{CommandId, Pdu};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::gateway::{Gateway, ROSA, carrier, carrier_of, id, registered, text, transceiver, words};

#[tokio::test]
async fn steps_come_after_what_they_wait_for() {
    let scenario = Scenario::parse(
        r#"
        [[step]]
        after = { binds = 1 }
        do = { text = { phone = "+13035550123", to = "+13035550100", text = "Yes" } }
        [[step]]
        after = { submits = 2 }
        do = { faults = { refuse_with = 0x58 } }
        [[step]]
        after = { refused = 1 }
        do = "unbind"
        [[step]]
        after = { refused = 1 }
        at = "50ms"
        do = "end"
        [expect]
        submits = 2
        refused = { at_least = 1 }
        doubles = 0
        unanswered = 0
        [[expect.phone]]
        number = "+13035550123"
        texts = ["one", "two"]
        "#,
    )
    .unwrap();
    let carrier = carrier_of(&scenario).await;
    let gateway = async {
        let mut gateway = Gateway::bound(&carrier).await;
        assert_eq!(words(&gateway.takes().await), "Yes");
        id(&gateway.asks(text("one")).await);
        id(&gateway.asks(text("two")).await);
        assert_eq!(gateway.asks(text("three")).await.status(), 0x58);
        assert_eq!(gateway.hears().await.id(), CommandId::Unbind);
        gateway.says(Pdu::UnbindResp).await;
        assert_eq!(gateway.hears_or_end().await, None);
    };
    tokio::join!(carrier.play(), gateway);
    assert_eq!(scenario.unmet(&carrier.summary()), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_expected_in_vain_is_said() {
    let scenario = Scenario::parse(
        r#"
        [expect]
        binds = 1
        submits = { at_least = 2, at_most = 3 }
        doubles = 0
        [[expect.phone]]
        number = "+13035550123"
        texts = ["one"]
        "#,
    )
    .unwrap();
    let carrier = carrier().await;
    let mut gateway = Gateway::bound(&carrier).await;
    gateway.asks(text("two")).await;
    let unmet = scenario.unmet(&carrier.summary());
    let said = ["submits: 2 to 3 expected, 1 found", r#"texts of +13035550123: ["one"] expected, ["two"] found"#];
    assert_eq!(unmet, said);
}

/// `assent carrier` as a process, with a scenario.
pub struct Running {
    process: Child,
    pub smpp: String,
    /// What it prints after the line with its addresses.
    rest: tokio::task::JoinHandle<String>,
}

pub async fn running(arguments: &[&str]) -> Running {
    let mut process = Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["carrier", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let addresses = loop {
        let line = lines.next_line().await.unwrap().expect("the carrier prints its addresses");
        if let Some(addresses) = line.strip_prefix("simulated carrier: SMPP on ") {
            break addresses.to_owned();
        }
    };
    let rest = tokio::spawn(async move {
        let mut rest = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            rest += &line;
            rest.push('\n');
        }
        rest
    });
    Running { process, smpp: addresses.split(',').next().unwrap().to_owned(), rest }
}

impl Running {
    async fn bound(&self) -> Gateway {
        let mut gateway = Gateway::over(TcpStream::connect(&self.smpp).await.unwrap());
        assert_eq!(gateway.asks(transceiver("practice")).await.status(), 0);
        gateway
    }

    /// How it ended, what it printed, and what it said went wrong.
    async fn ended(self) -> (Option<i32>, String, String) {
        let output = self.process.wait_with_output().await.unwrap();
        (output.status.code(), self.rest.await.unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

/// A gateway that does what `config/scenario.toml` expects: answers everything, and sends again what is throttled.
async fn well_behaved(carrier: &Running) {
    let mut gateway = carrier.bound().await;
    let mut wanted = vec!["Text 3", "Text 2", "Text 1"];
    let mut sent = gateway.says(registered(wanted[2])).await;
    while let Some(frame) = gateway.hears_or_end().await {
        match frame.id() {
            CommandId::DeliverSm => gateway.answers(&frame, 0).await,
            CommandId::EnquireLink => gateway.answers_with(&frame, Pdu::EnquireLinkResp).await,
            CommandId::Unbind => gateway.answers_with(&frame, Pdu::UnbindResp).await,
            CommandId::SubmitSmResp if frame.sequence() == sent => {
                if frame.status() == 0 {
                    wanted.pop();
                }
                if let Some(next) = wanted.last() {
                    sent = gateway.says(registered(next)).await;
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_example_plays_and_its_expectations_are_met() {
    let carrier = running(&["--scenario", "config/scenario.toml", "--summary", "json"]).await;
    well_behaved(&carrier).await;
    let second = carrier.bound().await;
    let (code, printed, wrong) = carrier.ended().await;
    drop(second);
    let summary: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}{wrong}"));
    assert_eq!(summary["unmet"], serde_json::json!([]));
    assert_eq!(code, Some(0), "{wrong}");
    assert_eq!((&summary["submits"], &summary["refused"]), (&3.into(), &1.into()));
    let phone = &summary["phones"][0];
    assert_eq!((phone["number"].as_str(), phone["texts"].as_array().unwrap().len()), (Some(ROSA), 3));
}

#[tokio::test]
async fn a_command_whose_scenario_expected_otherwise_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, "[[step]]\nafter = { binds = 1 }\ndo = \"end\"\n[expect]\nsubmits = 1\n").unwrap();
    let carrier = running(&["--scenario", path.to_str().unwrap()]).await;
    let gateway = carrier.bound().await;
    let (code, printed, wrong) = carrier.ended().await;
    drop(gateway);
    assert_eq!(code, Some(1));
    assert!(wrong.contains("the scenario expected otherwise:\n  submits: 1 expected, 0 found"), "{wrong}");
    assert!(printed.starts_with("1 connections, 1 binds"), "{printed}");
}

#[tokio::test]
async fn a_scenario_that_is_mistyped_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, "[faults]\nsilence = true\n").unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["carrier", "--scenario", path.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    let wrong = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(wrong.contains("scenario.toml") && wrong.contains("unknown field `silence`"), "{wrong}");
}

/// The example names every key there is, with what it is when it is left out.
#[test]
fn the_example_names_every_fault() {
    let example = std::fs::read_to_string("config/scenario.toml").unwrap();
    let faults = serde_json::to_value(assent::simulator::Faults::default()).unwrap();
    let list = example.split("# The keys of [faults]").nth(1).unwrap();
    let named: Vec<&str> =
        list.lines().filter_map(|line| line.strip_prefix("#   ")?.split_whitespace().next()).collect();
    for (key, value) in faults.as_object().unwrap() {
        assert!(named.contains(&key.as_str()), "{key} is not in config/scenario.toml");
        let default = list.lines().find_map(|line| line.strip_prefix(&format!("#   {key} = ")));
        if let Some(default) = default {
            assert!(default.starts_with(&value.to_string()), "{key} is {value} when it is left out");
        }
    }
}
