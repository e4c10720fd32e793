//! Assent: a two-way patient texting gateway.

#![forbid(unsafe_code)]

pub mod conversations;
pub mod domain;
pub mod http;
pub mod inbox;
pub mod ports;
pub mod records;
pub mod store;
pub mod throttle;
