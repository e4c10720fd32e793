//! Assent: a two-way patient texting gateway.

#![forbid(unsafe_code)]

pub mod config;
pub mod conversations;
pub mod domain;
pub mod ports;
pub mod throttle;
