//! The quickstart of the README, as somebody pastes it into a shell.

use std::net::TcpListener;
use std::path::Path;

use tokio::process::Command;

use crate::succeeds;

const HEADING: &str = "## From nothing to a delivered text";
const CURL_LINES_MAX: usize = 10;
/// It takes a few seconds where nothing else runs.
const SECONDS_MAX: &str = "80";

/// The shell lines of the section, one block after the other.
fn lines() -> String {
    let readme = std::fs::read_to_string("README.md").unwrap();
    let section = readme.split_once(HEADING).expect("the README has its quickstart").1;
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn it_has_ten_lines_of_curl_at_most() {
    let lines = lines();
    let calls = lines.lines().filter(|line| line.contains("curl ")).count();
    assert!((1..=CURL_LINES_MAX).contains(&calls), "{calls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_from_nothing_to_a_delivered_text() {
    // Somebody else may listen where the README does, and the binary is built.
    let [api, carrier, control] = ["8080", "2775", "2776"].map(|port| (port, free_port()));
    let mut script = String::from("set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n");
    for line in lines().lines().filter(|line| !line.starts_with("cargo build")) {
        let line = line.replace(
            "assent carrier &",
            &format!("assent carrier --listen 127.0.0.1:{} --control 127.0.0.1:{} &", carrier.1, control.1),
        );
        let ports = [&api, &carrier, &control].into_iter();
        script += &ports
            .fold(line, |line, (from, to)| line.replace(&format!("127.0.0.1:{from}"), &format!("127.0.0.1:{to}")));
        script.push('\n');
    }
    let binaries = Path::new(env!("CARGO_BIN_EXE_assent")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    // What hangs ends with everything that it started, and with what it said so far.
    let mut shell = Command::new("timeout");
    shell.args([SECONDS_MAX, "bash", "-c", &script]).env("PATH", path);
    shell.env("ASSENT__HTTP__LISTEN", format!("127.0.0.1:{}", api.1));
    shell.env("ASSENT__CARRIER__0__ADDRESS", format!("127.0.0.1:{}", carrier.1));
    let said = succeeds("the quickstart", &mut shell).await;
    for word in [
        "\"status\":\"ready\"",
        "\"status\":\"pending\"",
        "Reply YES to receive messages from your practice",
        "\"status\":\"delivered\"",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
