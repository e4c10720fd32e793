//! `assent serve`: the daemon.

use std::path::PathBuf;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use super::Failure;
use crate::app::{Daemon, SystemClock};
use crate::config::Config;
use crate::{service, telemetry};

/// Run the daemon.
#[derive(clap::Args)]
pub struct Serve {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Serve {
    pub async fn run(self) -> Result<(), Failure> {
        let config = Config::load(&self.config)?;
        telemetry::start_logging(&config.log.filter)?;
        let no_demo = Router::new().route("/demo.json", get(|| async { Json(Value::Null) }));
        let mut stop = super::Stop::listen()?;
        let daemon = tokio::select! {
            started = Daemon::start(&config, Arc::new(SystemClock), no_demo) => started?,
            // It may be waiting for the store.
            () = stop.told() => return Ok(()),
        };
        service::ready();
        super::serve_until_stopped(daemon, stop).await
    }
}
