//! The simulated carrier as a gateway meets it over TCP: what it does by itself, and each fault that it can be told.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "simulator/gateway.rs"]
mod gateway;
#[path = "support/tls.rs"]
#[allow(dead_code)]
mod tls;

#[path = "simulator/answering.rs"]
mod answering;
#[path = "simulator/binding.rs"]
mod binding;
#[path = "simulator/calling.rs"]
mod calling;
#[path = "simulator/delivering.rs"]
mod delivering;
#[path = "simulator/receipts.rs"]
mod receipts;
#[path = "simulator/scenarios.rs"]
mod scenarios;
#[path = "simulator/secrecy.rs"]
mod secrecy;
#[path = "simulator/wire.rs"]
mod wire;
