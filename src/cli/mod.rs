//! The command line: one file per command.

mod audit;
mod carrier;
mod carrier_test;
mod check;
mod demo;
mod export;
mod import;
mod progress;
mod serve;
mod store;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{Daemon, StartError};
use crate::carrier::TlsFileError;
use crate::config::Mistakes;
use crate::domain::{PatientId, PracticeId};
use crate::ports::{Record, StoreError};
use crate::service;
use crate::store::{AcceptError, Archive, CopyError, OpenError};
use crate::telemetry::LogError;

/// Two-way patient texting: consent first, over SMPP.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything in one process, with nothing to install: a practice to try, a simulated carrier, and the page
    Demo(demo::Demo),
    /// Run the daemon
    Serve(serve::Serve),
    Check(check::Check),
    /// Run the simulated carrier alone
    Carrier(carrier::Carrier),
    CarrierTest(carrier_test::CarrierTest),
    Store(store::Store),
    Audit(audit::Audit),
    Export(export::Export),
    Import(import::Import),
}

/// Runs the command that the arguments name.
pub fn run() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(demo) => on_runtime(demo.run()),
        Command::Serve(serve) => on_runtime(serve.run()),
        Command::Check(check) => on_runtime(check.run()),
        Command::Carrier(carrier) => on_runtime(carrier.run()),
        Command::CarrierTest(test) => on_runtime(test.run()),
        Command::Store(store) => on_runtime(store.run()),
        Command::Audit(audit) => on_runtime(audit.run()),
        Command::Export(export) => on_runtime(export.run()),
        Command::Import(import) => on_runtime(import.run()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("assent: {}", failure.to_string().trim_end());
            failure.exit_code()
        }
    }
}

/// Why a command failed, in words for the one who typed it.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Configuration(#[from] Mistakes),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    #[error("stopped, because what is not durable must not be said: {0}")]
    Store(#[source] StoreError),
    #[error("{failed} of {all} checks failed")]
    Check { failed: usize, all: usize },
    #[error("{}: {reason}", path.display())]
    Scenario { path: PathBuf, reason: String },
    #[error("{problem}: {}", problem.what_to_do())]
    Tls {
        #[from]
        problem: TlsFileError,
    },
    #[error("the scenario expected otherwise:\n  {0}")]
    Unmet(String),
    #[error(transparent)]
    CarrierTest(carrier_test::CarrierTestError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Accept(#[from] AcceptError),
    #[error(transparent)]
    Read(OpenError),
    #[error("the store can't be read: {0}")]
    Unreadable(#[source] StoreError),
    #[error("there is no practice {0} in the store: check its id")]
    NoPractice(PracticeId),
    #[error("there is no patient {0} in the practice: check the id")]
    NoPatient(PatientId),
    #[error(
        "the evidence is not as it was written ({} found): keep a copy of the store as it is, and find out who did it",
        findings
    )]
    Altered { findings: usize },
    #[error(transparent)]
    Import(#[from] import::ImportError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    /// The configuration is the operator's to mend; anything else may pass.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Configuration(_) | Self::Scenario { .. } | Self::Tls { .. } => ExitCode::from(2),
            Self::Log(_)
            | Self::Start(_)
            | Self::Listen { .. }
            | Self::Demo(_)
            | Self::Store(_)
            | Self::Check { .. }
            | Self::Unmet(_)
            | Self::Accept(_)
            | Self::Read(_)
            | Self::Unreadable(_)
            | Self::NoPractice(_)
            | Self::NoPatient(_)
            | Self::Altered { .. }
            | Self::CarrierTest(_)
            | Self::Copy(_)
            | Self::Import(_)
            | Self::Io(_) => ExitCode::FAILURE,
        }
    }
}

/// The id of a practice, as it is typed.
fn practice(text: &str) -> Result<PracticeId, String> {
    PracticeId::parse(text).map_err(|error| error.to_string())
}

/// A name that is mistyped is not taken for a practice of which there is nothing.
async fn is_known(archive: &mut dyn Archive, practice: &PracticeId) -> Result<Vec<Record>, Failure> {
    let records = archive.records(practice).await.map_err(Failure::Unreadable)?;
    match records.iter().any(|record| matches!(record, Record::Practice(_))) {
        true => Ok(records),
        false => Err(Failure::NoPractice(practice.clone())),
    }
}

fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Serves until the process is told to stop, and drains; or until the store can never be written again.
async fn serve_until_stopped(daemon: Daemon, mut stop: Stop) -> Result<(), Failure> {
    tokio::select! {
        () = stop.told() => {}
        error = daemon.broken() => return Err(Failure::Store(error)),
    }
    service::stopping();
    daemon.stop().await;
    Ok(())
}

/// SIGTERM or ctrl-c, heard from when this is made: a daemon that says that it has started stops in order.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
