//! `assent carrier`: the simulated carrier on its own.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::Failure;
use crate::app::SystemClock;
use crate::simulator::{Simulator, SimulatorConfig};
use crate::telemetry;

/// Run the simulated carrier alone.
#[derive(clap::Args)]
pub struct Carrier {
    /// Where SMPP is spoken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2775")]
    listen: SocketAddr,
    /// Where phones are typed on, read, and told to fail
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2776")]
    control: SocketAddr,
}

impl Carrier {
    pub async fn run(self) -> Result<(), Failure> {
        telemetry::start_logging("info")?;
        let in_the_way = |address| move |source| Failure::Listen { address, source };
        let config = SimulatorConfig::new(self.listen, Arc::new(SystemClock));
        let simulator = Simulator::start(config).await.map_err(in_the_way(self.listen))?;
        let control = TcpListener::bind(self.control).await.map_err(in_the_way(self.control))?;
        println!("simulated carrier: SMPP on {}, control on http://{}", simulator.address(), control.local_addr()?);
        let stopped = async {
            // Without signals there is no way to stop politely, and none is needed.
            if let Ok(mut stop) = super::Stop::listen() {
                stop.told().await;
            }
        };
        axum::serve(control, simulator.router()).with_graceful_shutdown(stopped).await?;
        simulator.shutdown().await;
        Ok(())
    }
}
