//! The API as its callers meet it: over TCP, with the embedded store and real conversations behind it.

// What a helper of a test can't do fails the test.
#![allow(clippy::unwrap_used)]

mod api {
    mod access;
    mod events;
    mod faulty;
    mod fields;
    mod inbox;
    mod messages;
    mod outage;
    mod patients;
    mod problems;
    mod world;
}
