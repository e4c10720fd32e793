//! The real binary under a service manager: readiness, status, watchdog, and the way out.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use assent::app::SystemClock;
use assent::simulator::{Simulator, SimulatorConfig};

/// How long any one message may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(30);

/// What systemd would hear, and everything that it has heard.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn listen(directory: &Path) -> Self {
        let socket = UnixDatagram::bind(directory.join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// Waits until it has been told this, whatever else it was told before.
    fn has_heard(&mut self, wanted: impl Fn(&str) -> bool) {
        while !self.heard.iter().any(|said| wanted(said)) {
            self.listens();
        }
    }

    /// Waits until it is told this from here on.
    fn hears(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let said = self.listens();
            if wanted(&said) {
                return said;
            }
        }
    }

    fn listens(&mut self) -> String {
        let mut buffer = [0; 4_096];
        let length = self.socket.recv(&mut buffer).expect("the daemon says it in time");
        let said = String::from_utf8(buffer[..length].to_vec()).unwrap();
        self.heard.push(said.clone());
        said
    }
}

fn serve(directory: &Path, carrier: SocketAddr) -> Child {
    let config = directory.join("assent.toml");
    let text = format!(
        "http.listen = \"127.0.0.1:0\"\nstore.url = \"file://{}\"\nauth.operator_token_file = \"{}\"\n\
         [[carrier]]\nname = \"primary\"\naddress = \"{carrier}\"\nsystem_id = \"practice\"\npassword = \"secret\"\n",
        directory.join("data").display(),
        directory.join("operator-token").display(),
    );
    std::fs::write(directory.join("operator-token"), "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::write(&config, text).unwrap();
    Command::new(env!("CARGO_BIN_EXE_assent"))
        .args(["serve", "--config"])
        .arg(config)
        .env("NOTIFY_SOCKET", directory.join("notify"))
        .env("WATCHDOG_USEC", "300000")
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_what_it_needs_to_know() {
    let directory = tempfile::tempdir().unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let simulator = Simulator::start(SimulatorConfig::new(listen, Arc::new(SystemClock))).await.unwrap();
    let mut manager = Manager::listen(directory.path());
    let mut daemon = serve(directory.path(), simulator.address());

    manager.has_heard(|said| said.contains("READY=1"));
    manager.has_heard(|said| said.contains("STATUS=") && said.contains("primary: bound"));
    for _ in 0..3 {
        manager.hears(|said| said.contains("WATCHDOG=1"));
    }

    // A carrier that is gone shows in the status, and does not stop the watchdog.
    simulator.shutdown().await;
    let status = manager.hears(|said| said.contains("STATUS=") && !said.contains("primary: bound"));
    assert!(status.contains("primary: "), "{status}");
    manager.hears(|said| said.contains("WATCHDOG=1"));

    let told = Command::new("sh").args(["-c", &format!("kill -TERM {}", daemon.id())]).status().unwrap();
    assert!(told.success());
    manager.hears(|said| said.contains("STOPPING=1"));
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
}

#[test]
fn the_reference_configuration_and_the_unit_agree() {
    let unit = std::fs::read_to_string("systemd/assent.service").unwrap();
    let config = std::fs::read_to_string("config/assent.toml").unwrap();
    for credential in unit.lines().filter_map(|line| line.strip_prefix("LoadCredential=")) {
        let (name, _) = credential.split_once(':').unwrap();
        let path = format!("/run/credentials/assent.service/{name}");
        assert!(config.contains(&path), "{path} is loaded, and the reference does not name it");
    }
}

#[test]
fn the_reference_configuration_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let credentials = [
        ("operator-token", "0123456789abcdef0123456789abcdef"),
        ("smpp-password", "secret"),
        ("redis-password", "secret"),
        ("carrier-client-key", "a key"),
        ("carrier-ca.pem", "a certificate"),
        ("carrier-client.pem", "a certificate"),
        ("listener-password", "secret"),
        ("gateway.pem", "a certificate"),
        ("gateway-key", "a key"),
        ("hooks-ca.pem", "a certificate"),
    ];
    for (credential, text) in credentials {
        std::fs::write(directory.path().join(credential), text).unwrap();
    }
    let here = directory.path().display().to_string();
    let reference = std::fs::read_to_string("config/assent.toml").unwrap();
    let mut uncommented = String::new();
    for line in reference.lines() {
        // A key that is commented out begins with its name, a table with its bracket; a sentence begins with a space.
        let is_key = line.starts_with('#') && !line.starts_with("# ") && (line.contains(" = ") || line.contains("[["));
        // It stands in place of others.
        if line == "#carrier = \"primary\"" {
            continue;
        }
        uncommented.push_str(if is_key { &line[1..] } else { line });
        uncommented.push('\n');
    }
    let placed = uncommented.replace("/run/credentials/assent.service", &here);
    let placed = placed.replace("/etc/assent/carrier-", &format!("{here}/carrier-"));
    let placed = placed.replace("/etc/assent/gateway", &format!("{here}/gateway"));
    let placed = placed.replace("/etc/assent/hooks-", &format!("{here}/hooks-"));
    // Some keys go with TLS alone.
    let placed = placed.replace("\ntls = false\n", "\ntls = true\n");
    let config = assent::config::Config::from_toml(&placed).unwrap();
    assert_eq!((config.carriers.len(), config.listeners.len()), (1, 1));

    let mut last_was_sentence = false;
    for line in reference.lines().filter(|line| !line.is_empty()) {
        let is_sentence = line.starts_with("# ");
        assert!(is_sentence || line.starts_with('[') || last_was_sentence, "{line} has no sentence of its own");
        last_was_sentence = is_sentence;
    }
}
