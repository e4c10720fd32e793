//! The API as its callers meet it: over TCP, with the embedded store and real conversations behind it.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

#[path = "support/faulty_store.rs"]
#[allow(dead_code)]
mod faulty_store;
#[path = "support/receiver.rs"]
#[allow(dead_code)]
mod receiver;
#[path = "support/shared_store.rs"]
#[allow(dead_code)]
mod shared_store;
#[path = "support/specification.rs"]
mod specification;
#[path = "support/tls.rs"]
#[allow(dead_code)]
mod tls;

mod api {
    mod access;
    mod audit;
    mod bad_inputs;
    mod consent;
    mod courier;
    mod daemons;
    mod decisions;
    mod desk;
    mod edits;
    mod events;
    mod fields;
    mod hours;
    mod inbox;
    mod limits;
    mod links;
    mod messages;
    mod outage;
    mod patients;
    mod preview;
    mod privacy;
    mod problems;
    mod sessions;
    mod specification;
    mod templates;
    mod texts;
    mod webhooks;
    mod world;
}
