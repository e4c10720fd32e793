//! `assent check`, as an operator types it before the daemon runs, and while it does.

#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use assent::app::SystemClock;
use assent::simulator::{Faults, Simulator, SimulatorConfig};
use daemon::{Site, within};
use serde_json::{Value, json};
use tokio::process::Command;

async fn carrier() -> Simulator {
    let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
    config.password = Some("secret".into());
    Simulator::start(config).await.unwrap()
}

/// Exit status, standard output and standard error.
struct Checked {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Checked {
    /// The lines that say that something is wrong.
    fn failed(&self) -> Vec<&str> {
        self.out.lines().filter(|line| line.starts_with("FAILED  ")).collect()
    }
}

async fn check(config: &Path, more: &[&str]) -> Checked {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assent"));
    command.arg("check").arg("--config").arg(config).args(more).env_clear().env("NO_COLOR", "1").kill_on_drop(true);
    let output = within("the check ends", command.output()).await.unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Checked { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_in_place_every_line_is_ok() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    let checked = check(&site.config(), &[]).await;
    let expected = format!(
        "ok      configuration: {}\nok      store: url\nok      store: directory\nok      store: database\n\
         ok      store: keys\nok      store: durable write\nok      address of the API: 127.0.0.1:0\n\
         ok      carrier carrier: bind\n",
        site.config().display()
    );
    assert_eq!((checked.code, checked.out), (Some(0), expected), "{}", checked.err);
    let daemon = site.start().await;
    daemon.is_ready().await;
    assert!(daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_two_binds_is_checked_by_both_and_serves() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "bind = \"transmitter+receiver\"\n");
    let checked = check(&site.config(), &[]).await;
    assert_eq!(checked.code, Some(0), "{}{}", checked.out, checked.err);
    let log = carrier.wire_log();
    for command in ["bind_receiver", "bind_transmitter"] {
        assert_eq!(log.iter().filter(|entry| entry.command == command).count(), 1, "{command}");
    }
    let daemon = site.start().await;
    daemon.is_ready().await;
    assert!(daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_is_named_with_what_to_do_and_the_others_are_checked() {
    let carrier = carrier().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = nobody.local_addr().unwrap();
    drop(nobody);
    let second = format!(
        "[[carrier]]\nname = \"second\"\naddress = \"{closed}\"\nsystem_id = \"practice\"\npassword = \"secret\"\n\
         [[carrier]]\nname = \"third\"\naddress = \"{}\"\nsystem_id = \"practice\"\npassword = \"wrong\"\n",
        carrier.address()
    );
    let site = Site::new(carrier.address(), &second);
    let listen = taken.local_addr().unwrap();
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), config.replace("127.0.0.1:0", &listen.to_string())).unwrap();

    let checked = check(&site.config(), &[]).await;
    assert_eq!(checked.code, Some(1));
    let [address, second, third] = checked.failed()[..] else { panic!("{}", checked.out) };
    assert!(address.contains(&format!("{listen}: it is in use, perhaps by a running assent")), "{address}");
    assert!(second.contains(&format!("carrier second: bind: could not connect to {closed}")), "{second}");
    assert!(third.contains("carrier third: bind: carrier refused the bind: wrong password (0x0E): check"), "{third}");
    assert!(checked.out.contains("ok      carrier carrier: bind\n"), "{}", checked.out);
    assert!(checked.err.contains("3 of 10 checks failed"), "{}", checked.err);
    assert!(!checked.out.contains("secret"), "{}", checked.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_says_where_it_does_not_hold() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    assert_eq!(check(&site.config(), &[]).await.code, Some(0));

    let keys = site.store().join("store.key");
    let kept = fs::read(&keys).unwrap();
    fs::write(&keys, format!("k1:{}A=\n", "B".repeat(42))).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let checked = check(&site.config(), &[]).await;
    let [keys_line] = checked.failed()[..] else { panic!("{}", checked.out) };
    assert!(keys_line.starts_with("FAILED  store: keys: key \"k1\" of "), "{keys_line}");
    assert!(
        checked.out.contains("ok      store: database\n") && !checked.out.contains("durable write"),
        "{}",
        checked.out
    );

    fs::write(&keys, kept).unwrap();
    fs::write(site.store().join("assent.db"), "no database at all, but long enough to be looked at as one").unwrap();
    let checked = check(&site.config(), &[]).await;
    let [database] = checked.failed()[..] else { panic!("{}", checked.out) };
    assert!(database.starts_with("FAILED  store: database: the database in "), "{database}");
    assert_eq!(checked.code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_daemon_is_said_to_run() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    let daemon = site.start().await;
    let checked = check(&site.config(), &[]).await;
    let [store] = checked.failed()[..] else { panic!("{}", checked.out) };
    assert!(store.contains("the store is in use by a running assent: ask its /readyz"), "{store}");
    assert_eq!(checked.code, Some(1));
    daemon.is_ready().await;
    assert!(daemon.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_says_the_same() {
    let carrier = carrier().await;
    let site = Site::new(carrier.address(), "");
    let report = |checked: &Checked| serde_json::from_str::<Value>(&checked.out).unwrap();
    let checked = check(&site.config(), &["--json"]).await;
    let (good, what) = (report(&checked), format!("configuration: {}", site.config().display()));
    assert_eq!((checked.code, &good["ok"]), (Some(0), &json!(true)));
    assert_eq!(good["checks"].as_array().unwrap().len(), 8);
    assert_eq!(good["checks"][0], json!({"what": what, "ok": true, "problem": null}));

    carrier.set_faults(Faults { refuse_bind_with: Some(0x05), ..Faults::default() });
    let checked = check(&site.config(), &["--json"]).await;
    let bad = report(&checked);
    assert_eq!((checked.code, &bad["ok"]), (Some(1), &json!(false)));
    let last = &bad["checks"][7];
    assert_eq!((&last["what"], &last["ok"]), (&json!("carrier carrier: bind"), &json!(false)));
    assert!(last["problem"].as_str().unwrap().contains("already bound"), "{last}");

    fs::write(site.config(), "colour = \"blue\"").unwrap();
    let checked = check(&site.config(), &["--json"]).await;
    let mistaken = report(&checked);
    assert_eq!((checked.code, &mistaken["ok"]), (Some(2), &json!(false)));
    assert!(mistaken["checks"][0]["problem"].as_str().unwrap().contains("colour: unknown key"), "{mistaken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_configuration_end_with_two() {
    let site = Site::new("127.0.0.1:1".parse().unwrap(), "colour = \"blue\"\nwindow = 0");
    let checked = check(&site.config(), &[]).await;
    assert_eq!((checked.code, checked.failed().len()), (Some(2), 1), "{}", checked.out);
    for mistake in ["carrier[0].colour: unknown key", "carrier[0].window: must be"] {
        assert!(checked.err.contains(mistake), "{}", checked.err);
    }
    assert!(!site.store().exists(), "nothing was touched");
}
