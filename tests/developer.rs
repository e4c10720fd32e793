//! What a developer meets who wires a program to Assent: the quickstart, the snippets with clients that are made of the
//! specification, and a daemon that answers nothing else than that says.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/daemon.rs"]
#[allow(dead_code)]
mod daemon;

mod developer {
    mod addresses;
    mod quickstart;
    mod snippets;
    mod specification;
}

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use assent::app::SystemClock;
use assent::simulator::{Simulator, SimulatorConfig};
use daemon::{Running, Site, Stride, within};
use tokio::process::Command;

const ROSA: &str = "+13035550123";
/// What `tests/run` installs of PyPI.
const VENV: &str = "tests/developer/venv/bin";

/// A daemon at a simulated carrier, with a practice, Maria, and Rosa.
struct Set {
    carrier: Simulator,
    daemon: Running,
    stride: Stride,
    _site: Site,
}

impl Set {
    async fn up() -> Self {
        let mut config = SimulatorConfig::new("127.0.0.1:0".parse().unwrap(), Arc::new(SystemClock));
        config.password = Some("secret".into());
        let carrier = Simulator::start(config).await.unwrap();
        let site = Site::new(carrier.address(), "");
        let daemon = site.start().await;
        daemon.is_ready().await;
        let stride = Stride::new(&daemon).await;
        stride.patient("rosa", "Rosa", "Martinez", ROSA).await;
        Self { carrier, daemon, stride, _site: site }
    }

    fn url(&self) -> String {
        format!("http://{}", self.daemon.address)
    }

    /// Rosa texts the practice, and it was heard.
    async fn rosa_texts(&self, text: &str) {
        let mut events = self.stride.events().await;
        self.carrier.phone(ROSA).send(daemon::NUMBER, text);
        events.until("message.received", |data| data["message"]["text"] == text).await;
    }
}

/// Runs a program to its end.
async fn run(what: &str, command: &mut Command) -> Output {
    within(what, command.kill_on_drop(true).output()).await.unwrap()
}

/// Runs a program that has to succeed; what it wrote to standard output.
async fn succeeds(what: &str, command: &mut Command) -> String {
    let output = run(what, command).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// A program that `tests/run` installs.
fn installed(program: &str) -> Command {
    assert!(Path::new(program).exists(), "{program} is not installed: tests/run does that");
    Command::new(std::path::absolute(program).unwrap())
}
