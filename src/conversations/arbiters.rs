//! The threads on which actors live. Actors start on an actix arbiter, never on the runtime of the rest: there,
//! starting one would panic.

use std::sync::mpsc;

use actix::{Arbiter, ArbiterHandle, System};

/// Arbiters on one actix system, which has a thread of its own.
pub(super) struct Arbiters {
    handles: Vec<ArbiterHandle>,
    system: System,
}

impl Arbiters {
    /// Starts as many arbiters as there are cores, four at the most: the store is the limit, not the actors.
    pub fn start() -> std::io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
        let (ready, started) = mpsc::channel();
        std::thread::Builder::new().name("conversations".into()).spawn(move || {
            let runner = System::new();
            runner.block_on(async {
                let handles = (0..count).map(|_| Arbiter::new().handle()).collect::<Vec<_>>();
                ready.send((System::current(), handles)).expect("the starter waits for the arbiters");
            });
            if let Err(error) = runner.run() {
                tracing::error!(%error, "actor system stopped");
            }
        })?;
        let (system, handles) = started.recv().map_err(|_| std::io::Error::other("the actor system did not start"))?;
        Ok(Self { handles, system })
    }

    /// The arbiter on which everything with this hash lives.
    pub fn of(&self, hash: u64) -> &ArbiterHandle {
        let count = u64::try_from(self.handles.len()).expect("there are at most four arbiters");
        &self.handles[usize::try_from(hash % count).expect("there are at most four arbiters")]
    }

    pub fn all(&self) -> &[ArbiterHandle] {
        &self.handles
    }

    /// Ends every arbiter with everything that lives on it.
    pub fn stop(&self) {
        self.system.stop();
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        self.stop();
    }
}
