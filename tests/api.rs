//! The API as its callers meet it: over TCP, with the embedded store and real conversations behind it.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

mod api {
    mod access;
    mod events;
    mod fields;
    mod inbox;
    mod messages;
    mod patients;
    mod problems;
    mod world;
}
