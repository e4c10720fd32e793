//! Assent lets a practice and its patients text each other, and never lets a text out without consent.
//!
//! # Bird's eye
//!
//! A practice's UI drafts texts over HTTP ([`http`]); a carrier takes and brings texts over SMPP ([`carrier`]).
//! Between them stands one actor per conversation ([`conversations`]), which owns the consent of one phone towards one
//! practice number, and the texts that wait for it. What a conversation does is decided by a pure core
//! ([`domain`]) and made durable by a store ([`store`]) before anybody hears of it.
//!
//! Three promises stand above everything:
//!
//! 1. No staff text is written to the wire unless consent stands at that instant.
//! 2. Nothing is acknowledged, to the UI or the carrier, before it is durable.
//! 3. Nothing that may already have gone out is sent again by itself.
//!
//! # The journey of a YES
//!
//! 1. [`carrier`] reads a `deliver_sm` off the link and makes a [`ports::Delivery`] of it.
//! 2. [`conversations`] finds the practice by its number and the actor by the phone, starting it from the store if need be.
//! 3. [`domain::Conversation::handle`] reads YES as the answer to the invitation: consent becomes
//!    [`domain::Consent::OptedIn`], pending drafts become queued, and a slot is asked for.
//! 4. The actor commits all of it. Only then `deliver_sm_resp` goes out, and [`inbox`] lights the red dot.
//! 5. [`throttle`] grants the number's turn, the link has room, and the conversation is asked again: the gate,
//!    which only makes a [`domain::Cleared`] if consent stands. `sending` is committed; then the first octet leaves.
//! 6. The carrier's answer comes back as an event, and its receipt as another.
//!
//! # The modules
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`domain`] | decides: consent, the outbox, what a text means. Pure: no clock, no I/O |
//! | [`ports`] | the doors between the core and the world |
//! | [`conversations`] | the actor shell: commit, then reply, then act |
//! | [`records`] | practices, staff, patients and what is linked to them, templates, tokens |
//! | [`inbox`] | what the UI reads: threads, the list, the red dot, the event feed |
//! | [`store`] | durable state, sealed at rest |
//! | [`throttle`] | the practice number's rate limit: of the minute and of the day |
//! | [`carrier`] | the wire: SMPP links, texts and receipts |
//! | [`simulator`] | a simulated carrier, for the demo and for tests |
//! | [`http`] | the API; its route table is the table of contents |
//! | [`webhooks`] | posts what happens to whoever wants it elsewhere: signed, tried again, never to where it must not go |
//! | [`export`] | what was said and what proves consent, as one document |
//! | [`import`] | a list of opt-outs from an earlier vendor, row by row |
//! | [`console`] | the page |
//! | [`config`] | what the operator decides |
//! | [`telemetry`] | logs and metrics, without personal data |
//! | [`service`] | life under systemd |
//! | [`app`] | the composition root: starts the parts in order, drains them in reverse |
//! | [`cli`] | one file per command |
//!
//! # Several daemons on one store
//!
//! No daemon leads, and none owns a conversation. An actor is a cache: what it decides is fenced by the version that it
//! was decided on, and a [`ports::CommitError::Conflict`] makes it read what another daemon wrote and decide anew. A
//! decision that changes nothing is confirmed by a look at the version. [`ports::News`] make the others prompt: actors
//! forget, what a STOP recalls is recalled, [`records`] catch up, and whoever looks on looks again. No promise hangs on
//! news that come, on who is thought to be alive, or on clocks that agree.
//!
//! # What is deliberately absent
//!
//! - No way to opt a patient in but the patient's own text: [`import`] reads opt-outs, and nothing else.
//! - No constructor of [`domain::Cleared`] outside the consent gate, and no carrier that takes anything else.
//! - No clock in [`domain`], and no serde: what is stored has a written form of its own, in [`store`].
//! - No retry of what may have gone out.
//! - No call that changes or removes an entry of the audit ([`domain::audit`]), in which every call of the API is.
//! - No way to take a change of consent back out: [`domain::ledger`] holds what proves each, and `assent audit verify` finds gaps.
//! - No `Display` on a phone or a text: whoever wants the words asks for `expose()`.
//!
//! `tests/tidy.rs` holds the directions between the modules.

#![forbid(unsafe_code)]

pub mod app;
pub mod carrier;
pub mod cli;
pub mod config;
pub mod console;
pub mod conversations;
pub mod domain;
pub mod export;
pub mod http;
pub mod import;
pub mod inbox;
pub mod ports;
pub mod records;
pub mod service;
pub mod simulator;
pub mod store;
pub mod telemetry;
pub mod throttle;
pub mod webhooks;
