//! Assent: a two-way patient texting gateway.

#![forbid(unsafe_code)]

pub mod carrier;
pub mod domain;
pub mod ports;
pub mod simulator;
