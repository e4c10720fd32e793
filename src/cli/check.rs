//! `assent check`: whether everything is in place before a daemon runs, or why it does not.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::net::TcpListener;

use super::Failure;
use crate::app::{self, SystemClock};
use crate::carrier::{self, LinkConfig, ServerTls};
use crate::config::{Config, Listener};
use crate::store::{self, Checked};
use crate::telemetry;

/// Check configuration, store, addresses and carriers, one line each
///
/// A line says `ok` or `FAILED`, then what was checked, then what is wrong and what to do. Run it as the user that the daemon
/// runs as: the store is opened and written to, and made where there is none, as `assent serve` would do. Each carrier is
/// connected to, bound and unbound; what it delivers meanwhile is left to it. Where carriers connect to us, the address has to be
/// free and the certificate one that can be used. A carrier that takes one bind at a time may refuse
/// this one while a daemon is bound, or end the daemon's.
///
/// Exit status: 0 when all holds, 1 when something does not, 2 when the configuration has mistakes.
#[derive(clap::Args)]
pub struct Check {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON document instead: {"ok": BOOL, "checks": [{"what": TEXT, "ok": BOOL, "problem": TEXT or null}]}
    #[arg(long)]
    json: bool,
}

/// Everything that was checked, as it is printed in JSON.
#[derive(Serialize)]
struct Report {
    ok: bool,
    checks: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    what: String,
    ok: bool,
    problem: Option<String>,
}

impl Check {
    pub async fn run(self) -> Result<(), Failure> {
        telemetry::start_logging("warn")?;
        let what = format!("configuration: {}", self.config.display());
        let config = match Config::load(&self.config) {
            Ok(config) => config,
            Err(mistakes) => {
                let problem = if self.json { mistakes.0.join("; ") } else { "see below".to_owned() };
                self.print(vec![Checked::new(what, Err(problem))])?;
                return Err(mistakes.into());
            }
        };
        let mut checks = vec![Checked::new(what, Ok(()))];
        checks.extend(store::check(&app::location(&config.store), app::boot(), Arc::new(SystemClock)).await);
        checks.push(address("of the API", "http.listen", config.http.listen).await);
        let links: Vec<LinkConfig> = config.carriers.iter().map(app::link).collect();
        checks.extend(join_all(links.iter().map(bind)).await);
        checks.extend(join_all(config.listeners.iter().map(listener)).await);

        let (all, failed) = (checks.len(), checks.iter().filter(|check| check.result.is_err()).count());
        self.print(checks)?;
        if failed == 0 { Ok(()) } else { Err(Failure::Check { failed, all }) }
    }

    fn print(&self, checks: Vec<Checked>) -> io::Result<()> {
        let line = |Checked { what, result }| Line { what, ok: result.is_ok(), problem: result.err() };
        let checks: Vec<Line> = checks.into_iter().map(line).collect();
        if self.json {
            let report = Report { ok: checks.iter().all(|check| check.ok), checks };
            println!("{}", serde_json::to_string_pretty(&report)?);
            return Ok(());
        }
        for Line { what, problem, .. } in checks {
            match problem {
                None => println!("ok      {what}"),
                Some(problem) => println!("FAILED  {what}: {problem}"),
            }
        }
        Ok(())
    }
}

/// Whether the API, or a listener, could listen where it is configured to.
async fn address(whose: &str, key: &str, listen: SocketAddr) -> Checked {
    let result = match TcpListener::bind(listen).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(format!("it is in use, perhaps by a running assent; if by something else, stop that or change {key}"))
        }
        Err(error) => Err(format!("can't listen there ({error}): check {key}")),
    };
    Checked::new(format!("address {whose}: {listen}"), result)
}

/// The same, and whether its certificate can be used.
async fn listener(listener: &Listener) -> Checked {
    let Checked { what, result } =
        address(&format!("of listener {}", listener.name), "the listener's listen", listener.listen).await;
    let tls = listener.tls.as_ref().map_or(Ok(()), ServerTls::check);
    Checked::new(what, result.and(tls.map_err(|error| format!("{error}: {}", error.what_to_do()))))
}

async fn bind(link: &LinkConfig) -> Checked {
    let bound = carrier::try_bind(link).await;
    Checked::new(format!("carrier {}: bind", link.name), bound.map_err(|error| error.to_string()))
}
