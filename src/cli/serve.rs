//! `assent serve`: the daemon.

use std::path::PathBuf;
use std::sync::Arc;

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
        let daemon = Daemon::start(&config, Arc::new(SystemClock), axum::Router::new()).await?;
        service::ready(&format!("API on {}", daemon.address()));
        super::told_to_stop().await?;
        service::stopping();
        daemon.stop().await;
        Ok(())
    }
}
