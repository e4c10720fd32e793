//! `assent carrier-test`, as an operator types it: against the simulated carrier, to a phone of their own and to one that is
//! not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

use std::sync::Arc;

use assent::app::{self, SystemClock};
use assent::config::Config;
use assent::domain::{Limits, Patient, PatientId, Phone, Practice, PracticeId, SEGMENTS_PER_MINUTE_DEFAULT, Writings};
use assent::records::{Over, Records};
use assent::simulator::{Faults, Receipts, Simulator, SimulatorConfig, WireDirection};
use assent::store;
use daemon::{Site, within};
use tokio::process::Command;

const NUMBER: &str = "+13035550100";
const MINE: &str = "+13035550177";
const PATIENTS: &str = "+13035550123";

async fn carrier() -> Simulator {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
    config.password = Some("secret".into());
    Simulator::start(config).await.unwrap()
}

/// A practice and a patient of it.
async fn set_up(site: &Site) {
    let config = Config::load(&site.config()).unwrap();
    let (clock, boot) = (Arc::new(SystemClock), app::boot());
    let store = store::open(&app::location(&config.store), boot, clock.clone()).await.unwrap();
    let records = Records::open(store, clock, boot, Limits::default(), Writings::default()).await.unwrap();
    let id = PracticeId::parse("riverside").unwrap();
    let practice = Practice {
        id: id.clone(),
        name: "Riverside".into(),
        number: Phone::parse(NUMBER).unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-0199".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    };
    records.put_practice(practice, Over::Anything).await.unwrap();
    let patient = Patient {
        id: PatientId::parse("jane").unwrap(),
        first_name: "Jane".into(),
        last_name: "Doe".into(),
        date_of_birth: jiff::civil::date(1985, 3, 4),
        mobile_phone: Phone::parse(PATIENTS).unwrap(),
        preferences: Default::default(),
    };
    records.put_patient(&id, patient, Over::Anything).await.unwrap();
}

/// Exit status, standard output and standard error.
async fn run(site: &Site, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.arg("carrier-test").arg("--config").arg(site.config()).args(more);
    command.env_clear().env("NO_COLOR", "1").kill_on_drop(true);
    let output = within("the test ends", command.output()).await.unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn to(phone: &str) -> [&str; 5] {
    ["--carrier", "carrier", "--this-phone-is-mine", "--to", phone]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_text_shows_what_the_carrier_does_in_its_own_way() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    set_up(&site).await;
    let patient = carrier.phone(PATIENTS).send(NUMBER, "STOP").id;
    carrier.set_faults(Faults { receipt_before_response: true, ..Faults::default() });

    let (code, out, err) = run(&site, &to(MINE)).await;
    assert_eq!(code, Some(0), "{out}{err}");
    for said in
        ["ok      bound", "ok      enquire_link answered", "ok      text taken", "Delivered", "1 deliveries for others"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(out.contains("# - a receipt comes before the answer to its text"), "{out}");
    let texts = carrier.phone(MINE).texts();
    assert_eq!(texts.len(), 1, "one text, and one only");
    assert!(texts[0].text.ends_with("@ _ é [ €"), "{}", texts[0].text);
    let stop = carrier.phone(PATIENTS).texts().into_iter().find(|text| text.id == patient).unwrap();
    assert!(!stop.answered, "what a patient said waits for the daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_two_binds_sends_by_the_one_and_hears_the_receipt_by_the_other() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "bind = \"transmitter+receiver\"\n");
    set_up(&site).await;
    carrier.phone(PATIENTS).send(NUMBER, "STOP");
    let (code, out, err) = run(&site, &to(MINE)).await;
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("Delivered") && out.contains("1 deliveries for others"), "{out}");
    let log = carrier.wire_log();
    let of = |command: &str| log.iter().find(|entry| entry.command == command).unwrap().connection;
    assert_eq!(of("submit_sm"), of("bind_transmitter"));
    assert_eq!(of("deliver_sm"), of("bind_receiver"));
    assert_eq!(log.iter().filter(|entry| entry.command == "unbind").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_is_a_patients_or_a_practices_is_not_texted() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    set_up(&site).await;
    for phone in [PATIENTS, NUMBER] {
        let (code, out, err) = run(&site, &to(phone)).await;
        assert_eq!((code, out.as_str()), (Some(1), ""));
        assert!(err.contains("take a phone of your own") && !err.contains(phone), "{err}");
    }
    let (code, _, err) = run(&site, &["--carrier", "carrier", "--to", MINE]).await;
    assert_eq!(code, Some(2), "nobody said that the phone is theirs");
    assert!(err.contains("--this-phone-is-mine"), "{err}");
    let (code, _, err) = run(&site, &["--carrier", "other", "--to", MINE, "--this-phone-is-mine"]).await;
    assert!(code == Some(1) && err.contains("the configuration names carrier"), "{err}");
    let commands = carrier.wire_log().into_iter().filter(|entry| entry.direction == WireDirection::FromGateway);
    assert_eq!(commands.count(), 0, "the carrier never heard of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_refused_or_has_no_receipt_is_a_failure_in_words() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    set_up(&site).await;
    carrier.set_faults(Faults { refuse_with: Some(0x0B), ..Faults::default() });
    let (code, out, _) = run(&site, &to(MINE)).await;
    assert!(code == Some(1) && out.contains("FAILED  text refused: 0x0000000b RINVDSTADR"), "{out}");
    carrier.set_faults(Faults { receipts: Receipts::None, ..Faults::default() });
    let (code, out, err) = run(&site, &[&to(MINE)[..], &["--wait", "1"]].concat()).await;
    assert!(code == Some(1) && out.contains("FAILED  no receipt came"), "{out}{err}");
    assert!(err.contains("no final receipt came in time"), "{err}");
}
