//! Wireshark reads what we write: links, the simulated carrier, and what is answered to whatever comes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/capture.rs"]
mod capture;
#[path = "dissector/corpus.rs"]
mod corpus;
#[path = "../fuzz/src/decoders/mod.rs"]
#[allow(dead_code, unused_imports)]
mod decoders;
#[path = "dissector/deliveries.rs"]
mod deliveries;
#[path = "simulator/gateway.rs"]
#[allow(dead_code)]
mod gateway;
#[path = "dissector/recording.rs"]
mod recording;
#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;
#[path = "dissector/sessions.rs"]
mod sessions;
#[path = "dissector/submits.rs"]
mod submits;
#[path = "dissector/tshark.rs"]
mod tshark;
