//! `assent carrier`: the simulated carrier on its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use tokio::net::TcpListener;

use super::Failure;
use crate::app::SystemClock;
use crate::carrier::ServerTls;
use crate::simulator::{BINDS_MAX, DefaultAlphabet, Scenario, Simulator, SimulatorConfig, Summary};
use crate::telemetry;

/// Run the simulated carrier alone.
///
/// It takes binds of any kind, shows texts on its phones, sends receipts, and delivers what a phone types. What goes
/// wrong, and when, is told over its control port or by a scenario.
#[derive(clap::Args)]
#[command(after_long_help = MORE)]
pub struct Carrier {
    /// Where SMPP is spoken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2775")]
    listen: SocketAddr,
    /// Where phones are typed on, read, and told to fail
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2776")]
    control: SocketAddr,
    /// Who may bind; left out, anybody
    #[arg(long, value_name = "NAME")]
    system_id: Option<String>,
    /// With which password; left out, any
    #[arg(long)]
    password: Option<String>,
    /// Speak TLS with this certificate, in PEM, with those between it and its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// And with its key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// Let in only whoever shows a certificate that comes from these
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_client_ca: Option<PathBuf>,
    /// How many binds of one system_id may stand at once
    #[arg(long, value_name = "COUNT", default_value_t = BINDS_MAX)]
    binds_max: usize,
    /// What data_coding 0 means
    #[arg(long, value_enum, default_value = "gsm7")]
    alphabet: DefaultAlphabet,
    /// Play this scenario until it says "end", print a summary, and fail if what it expects is not so
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Print the summary like this at the end; with a scenario, as text unless this says otherwise
    #[arg(long, value_enum)]
    summary: Option<Form>,
}

/// How a summary is printed.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Text,
    Json,
}

const MORE: &str = r#"The control port speaks JSON over HTTP:

  GET  /phones/+13035550123/messages    what a phone shows
  POST /phones/+13035550123/messages    a phone types: {"to": "+13035550100", "text": "Yes"}
  GET  /faults                          what goes wrong; every key there is
  PUT  /faults                          what goes wrong from here on: {"refuse_with": 88, "refuse_of": [1, 3]}
  POST /do                              one of
         "unbind"                       says unbind on every bind
         "drop"                         closes every connection without a word
         "reset"                        and with RST: what is on its way is lost
         {"stray": "deadbeef"}          writes octets that are no PDU
         {"enquire_links": 1000}        asks so often at once whether the gateway is there
         {"nack": {"status": 3, "sequence": 0}}
         {"alert": {"phone": "+13035550123", "to": "+13035550100"}}
         {"outbind": {"address": "127.0.0.1:2785", "system_id": "carrier-a", "password": "…"}}
                                        says to a gateway that listens that it should bind
         {"bind_to": {"address": "127.0.0.1:2785", "system_id": "carrier-a", "password": "…"}}
                                        binds there itself
         {"text": {"phone": "+13035550123", "to": "+13035550100", "text": "Yes"}}
         {"faults": {"silent": true}}
         "end"                          ends the scenario
  GET  /stats, GET /summary             what happened so far

A scenario is a TOML file with the same words; an unknown key is refused:

  [faults]                              # from the start
  answer_after = "20ms"
  [[step]]
  after = { submits = 10 }              # or connections, binds, refused, delivers, answered, receipts
  at = "2s"                             # that much later; without `after`, that long after the start
  do = "drop"
  [expect]                              # at the end
  submits = { at_least = 10 }
  doubles = 0

config/scenario.toml says every key in one sentence."#;

impl Carrier {
    pub async fn run(self) -> Result<(), Failure> {
        telemetry::start_logging("info")?;
        let scenario = self.scenario.as_deref().map(read).transpose()?;
        let tls = match (self.tls_certificate, self.tls_key) {
            (Some(certificate_file), Some(key_file)) => {
                let tls = ServerTls { certificate_file, key_file, client_ca_file: self.tls_client_ca };
                tls.check()?;
                Some(tls)
            }
            _ => None,
        };
        let in_the_way = |address| move |source| Failure::Listen { address, source };
        let mut config = SimulatorConfig::new(self.listen, Arc::new(SystemClock));
        config.system_id = self.system_id;
        config.password = self.password;
        config.tls = tls;
        config.binds_max = self.binds_max;
        config.alphabet = self.alphabet;
        let begun = Simulator::start_with(config, scenario.as_ref().unwrap_or(&Scenario::default())).await;
        let simulator = begun.map_err(in_the_way(self.listen))?;
        let control = TcpListener::bind(self.control).await.map_err(in_the_way(self.control))?;
        println!("simulated carrier: SMPP on {}, control on http://{}", simulator.address(), control.local_addr()?);
        let player = simulator.clone();
        let stopped = async move {
            let told = async {
                // Without signals there is no way to stop politely, and none is needed.
                if let Ok(mut stop) = super::Stop::listen() {
                    stop.told().await;
                }
            };
            tokio::select! {
                () = told => {}
                () = player.play() => {}
            }
            // Whoever looks on through the control port is let go as well.
            player.shutdown().await;
        };
        axum::serve(control, simulator.router()).with_graceful_shutdown(stopped).await?;
        simulator.shutdown().await;
        conclude(&simulator.summary(), scenario.as_ref(), self.summary)
    }
}

fn read(path: &Path) -> Result<Scenario, Failure> {
    let unreadable = |source| Failure::Scenario { path: path.to_owned(), reason: source };
    let text = std::fs::read_to_string(path).map_err(|source| unreadable(source.to_string()))?;
    Scenario::parse(&text).map_err(|source| unreadable(source.to_string()))
}

/// Prints what came of it, and says what a scenario expected in vain.
fn conclude(summary: &Summary, scenario: Option<&Scenario>, form: Option<Form>) -> Result<(), Failure> {
    let unmet = scenario.map(|scenario| scenario.unmet(summary)).unwrap_or_default();
    match form.or(scenario.map(|_| Form::Text)) {
        None => {}
        Some(Form::Text) => print!("{summary}"),
        Some(Form::Json) => {
            let mut json = serde_json::json!(summary);
            json["unmet"] = unmet.clone().into();
            println!("{json:#}");
        }
    }
    if unmet.is_empty() { Ok(()) } else { Err(Failure::Unmet(unmet.join("\n  "))) }
}
