//! What is exported: all of it, in order, to the letter, in each format; and nothing of it anywhere else.

#![allow(clippy::unwrap_used)]

#[path = "support/redis.rs"]
#[allow(dead_code)]
mod redis_server;
#[path = "support/stage.rs"]
#[allow(dead_code)]
mod stage;

#[path = "export/clinic.rs"]
mod clinic;
#[path = "export/csv.rs"]
mod csv;
#[path = "export/fhir.rs"]
mod fhir;
#[path = "export/json.rs"]
mod json;
