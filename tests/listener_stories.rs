//! The daemon where a carrier connects to it: a patient's YES and STOP, a text and its receipt, and an operator who looks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;
#[path = "support/line.rs"]
#[allow(dead_code)]
mod line;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use assent::app::SystemClock;
use assent::carrier::frame::Frame;
use assent::simulator::{Callee, Simulator, SimulatorConfig, Verb};
use daemon::{NUMBER, Running, Site, Stride, eventually};
use line::{Line, submit_sm, words};
use smpp::pdus::{BindTransceiver, DeliverSmResp};
use smpp::tlvs::MessageSubmissionRequestTlvValue;
use smpp::values::{EsmClass, UserMessageReference};
use smpp::{CommandId, Pdu};
use tokio::process::Command;

const ROSA: &str = "+13035550123";

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A daemon whose only carrier connects to it.
struct Clinic {
    site: Site,
    daemon: Running,
    stride: Stride,
    listens: SocketAddr,
}

impl Clinic {
    async fn open() -> Self {
        let listens = free();
        let site = Site::new(free(), &listener(listens));
        let config = std::fs::read_to_string(site.config()).unwrap();
        let (before, rest) = config.split_once("[[carrier]]").unwrap();
        let (_, listener) = rest.split_once("[[listener]]").unwrap();
        std::fs::write(site.config(), format!("{before}[[listener]]{listener}")).unwrap();
        let daemon = site.start().await;
        let stride = Stride::new(&daemon).await;
        stride.patient("rosa", "Rosa", "Delgado", ROSA).await;
        Self { site, daemon, stride, listens }
    }

    async fn carrier(&self) -> Line {
        let mut carrier = Line::to(self.listens).await;
        assert_eq!(carrier.asks(bind("letmein")).await.status(), 0);
        carrier
    }

    async fn statuses(&self) -> Vec<String> {
        let thread = self.stride.thread("rosa", 1).await;
        thread.iter().rev().map(|message| message["status"].as_str().unwrap().to_owned()).collect()
    }

    async fn becomes(&self, expected: &[&str]) {
        eventually("the thread is as expected", async || {
            let found = self.statuses().await;
            if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

fn listener(listens: SocketAddr) -> String {
    format!(
        "[[listener]]\nname = \"carrier-a\"\nlisten = \"{listens}\"\nsystem_id = \"carrier-a\"\npassword = \"letmein\"\n\
         numbers = [\"{NUMBER}\"]\n"
    )
}

fn bind(password: &str) -> BindTransceiver {
    BindTransceiver::builder().system_id("carrier-a".parse().unwrap()).password(password.parse().unwrap()).build()
}

/// The next text to a phone, of as many segments as it takes. All are taken.
async fn takes(carrier: &mut Line) -> (String, u16) {
    let mut text = String::new();
    loop {
        let heard = carrier.hears().await;
        if let Some(reference) = take(carrier, &heard, &mut text).await {
            return (text, reference);
        }
    }
}

/// Takes one segment. With the last of its text, its reference.
async fn take(carrier: &mut Line, segment: &Frame, text: &mut String) -> Option<u16> {
    const WITH_HEADER: u8 = 0x40;
    assert_eq!(segment.id(), CommandId::DeliverSm);
    carrier.answers(segment, DeliverSmResp::default()).await;
    let said = words(segment);
    let (header, octets) = said.short_message.split_at(if said.esm_class == WITH_HEADER { 6 } else { 0 });
    text.push_str(std::str::from_utf8(octets).unwrap());
    let is_last = header.is_empty() || header[4] == header[5];
    said.parameters.user_message_reference.filter(|_| is_last)
}

/// Says a patient's words, and hears in whatever order that we have them and what they set free: a text, which is taken.
async fn frees(carrier: &mut Line, words: &str) -> (String, u16) {
    let said = carrier.says(submit_sm(ROSA, NUMBER, words)).await;
    let (mut is_answered, mut text, mut freed) = (false, String::new(), None);
    loop {
        let heard = carrier.hears().await;
        match heard.id() {
            CommandId::SubmitSmResp => is_answered = (heard.status(), heard.sequence()) == (0, said),
            _ => freed = take(carrier, &heard, &mut text).await,
        }
        if let Some(reference) = freed.filter(|_| is_answered) {
            return (text, reference);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_texts_over_a_carrier_that_connects_to_it() {
    let clinic = Clinic::open().await;
    let complaint = clinic.daemon.readiness().await.unwrap_err();
    assert!(complaint.contains("carrier-a: no carrier has connected yet"), "{complaint}");
    let mut carrier = clinic.carrier().await;
    clinic.daemon.is_ready().await;
    assert!(clinic.daemon.figures().await.contains("assent_link_bound{link=\"carrier-a\"} 1"));

    clinic.stride.drafts("rosa", "See you at 3 tomorrow.", "1").await.unwrap().is(202);
    assert!(takes(&mut carrier).await.0.contains("Reply YES"), "nothing but the invitation leaves before a YES");
    let (text, reference) = frees(&mut carrier, "Yes").await;
    assert_eq!(text, "See you at 3 tomorrow.");

    let mut receipt = submit_sm(ROSA, NUMBER, "id:7f sub:001 dlvrd:001 stat:DELIVRD err:000");
    receipt.esm_class = EsmClass::from(0x04);
    receipt.push_tlv(MessageSubmissionRequestTlvValue::UserMessageReference(UserMessageReference::new(reference)));
    assert_eq!(carrier.asks(receipt).await.status(), 0);
    clinic.becomes(&["sent", "delivered", "received"]).await;

    let (confirmation, _) = frees(&mut carrier, "STOP").await;
    assert!(confirmation.to_lowercase().contains("opted out"), "{confirmation}");
    clinic.stride.drafts("rosa", "One more thing", "2").await.unwrap().is(409);
    assert!(clinic.daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_carrier_comes_to_a_practice_both_by_binding_and_by_asking_for_a_bind() {
    for verb in [Verb::BindTo, Verb::Outbind] {
        let clinic = Clinic::open().await;
        let carrier = Simulator::start(SimulatorConfig::new(free(), Arc::new(SystemClock))).await.unwrap();
        let (address, system_id) = (clinic.listens.to_string(), "carrier-a".to_owned());
        carrier.tell(verb(Callee { address, system_id, password: "letmein".into() })).unwrap();
        clinic.daemon.is_ready().await;

        clinic.stride.drafts("rosa", "See you at 3 tomorrow.", "1").await.unwrap().is(202);
        clinic.becomes(&["delivered", "pending"]).await;
        carrier.phone(ROSA).text(NUMBER, "Yes").await;
        clinic.becomes(&["delivered", "delivered", "received"]).await;
        carrier.phone(ROSA).text(NUMBER, "STOP").await;
        clinic.stride.drafts("rosa", "One more thing", "2").await.unwrap().is(409);
        assert!(clinic.daemon.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_dies_with_a_text_leaves_it_unconfirmed_and_it_is_not_sent_again() {
    let clinic = Clinic::open().await;
    let mut carrier = clinic.carrier().await;
    clinic.stride.drafts("rosa", "See you at 3 tomorrow.", "1").await.unwrap().is(202);
    takes(&mut carrier).await;
    carrier.says(submit_sm(ROSA, NUMBER, "Yes")).await;
    while carrier.hears().await.id() != CommandId::DeliverSm {}
    drop(carrier);
    clinic.becomes(&["sent", "unconfirmed", "received"]).await;
    let mut carrier = eventually("the carrier is let in again", async || {
        let mut carrier = Line::to(clinic.listens).await;
        match carrier.asks(bind("letmein")).await.status() {
            0 => Ok(carrier),
            refusal => Err(refusal.to_string()),
        }
    })
    .await;
    clinic.stride.drafts("rosa", "Bring your card.", "2").await.unwrap().is(202);
    assert_eq!(takes(&mut carrier).await.0, "Bring your card.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_told_without_being_shown() {
    let clinic = Clinic::open().await;
    let mut carrier = Line::to(clinic.listens).await;
    assert_eq!(carrier.asks(bind("hunter2")).await.status(), 0x0E);
    assert!(carrier.hears_or_end().await.is_none());
    let mut carrier = clinic.carrier().await;
    assert_eq!(carrier.asks(Pdu::EnquireLink).await.id(), CommandId::EnquireLinkResp);
    let counted = "assent_listener_refused_total{link=\"carrier-a\"} 1";
    eventually("the refusal is counted", async || {
        let figures = clinic.daemon.figures().await;
        if figures.contains(counted) { Ok(()) } else { Err(figures) }
    })
    .await;
    assert!(clinic.daemon.terminate().await.success());
    let log = clinic.site.log();
    assert!(log.iter().any(|line| line.contains("turned away: its password is wrong") && line.contains("127.0.0.1")));
    let shown = |word: &str| log.iter().any(|line| line.contains(word));
    assert!(!shown("hunter2") && !shown("letmein"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_the_address_and_the_certificate_of_a_listener() {
    let listens = free();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let second = format!(
        "[[listener]]\nname = \"second\"\nlisten = \"{}\"\nsystem_id = \"b\"\npassword = \"b\"\n[[listener]]\nname = \"third\"\n\
         listen = \"{}\"\nsystem_id = \"c\"\npassword = \"c\"\ntls_certificate_file = \"{path}\"\ntls_key_file = \"{path}\"\n",
        taken.local_addr().unwrap(),
        free(),
    );
    let site = Site::new(free(), &format!("{}{second}", listener(listens)));
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.arg("check").arg("--config").arg(site.config()).env_clear().env("NO_COLOR", "1");
    let out = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
    assert!(out.contains(&format!("ok      address of listener carrier-a: {listens}\n")), "{out}");
    let failed = |name: &str| {
        out.lines().find(|line| line.starts_with(&format!("FAILED  address of listener {name}: "))).unwrap()
    };
    assert!(failed("second").contains("it is in use"), "{out}");
    assert!(failed("third").contains("has no certificate in PEM: it must hold certificates"), "{out}");
}
