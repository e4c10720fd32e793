//! Schemathesis calls the API in every way that the specification lets it think of, right ones and wrong ones, and looks for
//! answers that it does not say.

use reqwest::Method;
use serde_json::json;

use super::addresses::Addresses;
use crate::daemon::OPERATOR;
use crate::{ROSA, Set, VENV, installed, succeeds};

/// Seconds that it may go on; the table of what it tries first is done by then.
const SECONDS: u32 = 60;
/// What it comes to think of follows from this; another one may find something else.
const SEED: &str = "ASSENT_SCHEMATHESIS_SEED";
/// Calls about something that a random name does not lead to.
const NEEDS_WHAT_IS_THERE: [&str; 4] = ["take_back_message", "resolve_message", "settle_hold", "mark_read"];
/// A stream has no end to wait for.
const STREAM: &str = "stream_events";

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_answers_nothing_that_the_specification_does_not_say() {
    let set = Set::up().await;
    let text = set.stride.call(Method::POST, "/patients/rosa/messages", &json!({"text": "hello"})).await.unwrap();
    let message = text.is(202)["id"].as_str().unwrap().to_owned();
    set.rosa_texts("please take me off your list").await;

    let made = tempfile::tempdir().unwrap();
    let config = made.path().join("schemathesis.toml");
    // Nobody guesses the id of a message, or the phone that texted.
    let parameters: String = NEEDS_WHAT_IS_THERE
        .map(|operation| {
            format!(
                "[[operations]]\ninclude-operation-id = \"{operation}\"\nparameters = {{ \"path.practice\" = \"riverside\", \
                 \"path.patient\" = \"rosa\", \"path.message\" = \"{message}\", \"path.phone\" = \"{ROSA}\" }}\n"
            )
        })
        .concat();
    // The specification can't say all that is looked at: places in lists are signed, keys are used once.
    let checks = "[checks.positive_data_acceptance]\n\
                  expected-statuses = [\"2xx\", \"400\", \"401\", \"403\", \"404\", \"409\", \"412\", \"422\"]\n";
    std::fs::write(&config, format!("{checks}{parameters}")).unwrap();

    let addresses = Addresses::before(set.daemon.address).await;
    let mut schemathesis = installed(&format!("{VENV}/schemathesis"));
    schemathesis.arg("--config-file").arg(&config).arg("run").arg(format!("http://{}/openapi.json", addresses.listen));
    schemathesis.args(["--checks", "all", "--exclude-operation-id", STREAM, "--continue-on-failure"]);
    schemathesis.args(["--max-time", &SECONDS.to_string(), "--header", &format!("Authorization: Bearer {OPERATOR}")]);
    // Each connection has an address of its own, and is used once.
    schemathesis.args(["--header", "Connection: close"]).current_dir(made.path());
    schemathesis.args(["--seed", &std::env::var(SEED).unwrap_or("1".into())]);
    let said = succeeds("schemathesis finds nothing", &mut schemathesis).await;
    println!("{said}");
    set.daemon.is_ready().await;
    assert!(set.daemon.terminate().await.success());
}
