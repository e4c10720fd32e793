//! What the carrier says of a patient's phone, from its wire to the API of the real daemon.

#![allow(clippy::unwrap_used)]

#[path = "support/world.rs"]
#[allow(dead_code)]
mod world;

use assent::simulator::{Faults, Receipts};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use world::{ROSA, World};

/// A practice whose carrier has codes for what it knows of a phone, and Rosa, who is opted in.
async fn with_a_carrier_that_says_why() -> World {
    let profile = tempfile::NamedTempFile::new().unwrap();
    let codes = "[errors]\nopted_out_at_carrier = [31]\nunknown_number = [1]\n[retry]\nopted_out = [0x413]\n";
    std::fs::write(profile.path(), codes).unwrap();
    let carrier = format!("segments_per_second = 1000\nprofile = \"{}\"", profile.path().display());
    let world = World::empty(&carrier).await;
    world.practice(100_000).await;
    world.patient("rosa", "Rosa", "Garcia", ROSA).await;
    world.rosa_opts_in().await;
    world
}

async fn consent(world: &World) -> Value {
    world.get("maria", "/patients/rosa").await["consent"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_at_the_carrier_is_one_here_whether_it_refuses_or_reports() {
    let refuses = Faults { refuse_with: Some(0x413), ..Faults::default() };
    let reports = Faults { receipts: Receipts::Undeliverable, receipt_error: 31, ..Faults::default() };
    let cases = [
        (refuses, "failed", "opted-out", "command_status 0x00000413"),
        (reports, "undelivered", "opted-out-at-carrier", "error 31"),
    ];
    for (faults, status, failure, code) in cases {
        let world = with_a_carrier_that_says_why().await;
        let mut feed = world.feed("sam", None).await;
        world.simulator.set_faults(faults);
        world.drafts("maria", "rosa", "see you at 3").await.is(202);
        let message = world.becomes("rosa", "see you at 3", status).await;
        assert_eq!(message["failure"]["code"], failure);
        let told = feed.wait_for(|told| told.event == "consent.changed").await;
        let consent = consent(&world).await;
        assert_eq!((&consent["state"], &told.data["consent"]), (&json!("opted_out"), &consent));
        assert_eq!(consent["evidence"], json!({"carrier": {"message": message["id"], "code": code}}));
        let refused = world.drafts("maria", "rosa", "one more thing").await.is(409);
        assert_eq!(refused["code"], "opted-out");
        assert!(world.rosa_received().iter().all(|text| !text.contains("opted out")), "no text says so");

        world.simulator.set_faults(Faults::default());
        // Within the second of an opt-out START may have been overtaken by it.
        world.later(SignedDuration::from_secs(2));
        world.rosa_texts("START").await;
        world.drafts("maria", "rosa", "welcome back").await.is(202);
        world.becomes("rosa", "welcome back", "delivered").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_nobody_has_is_written_to_again_once_it_is_given_again() {
    let world = with_a_carrier_that_says_why().await;
    let mut feed = world.feed("sam", None).await;
    world.simulator.set_faults(Faults { receipts: Receipts::Undeliverable, receipt_error: 1, ..Faults::default() });
    world.drafts("maria", "rosa", "see you at 3").await.is(202);
    let message = world.becomes("rosa", "see you at 3", "undelivered").await;
    assert_eq!(message["failure"]["code"], "unknown-number");
    let told = feed.wait_for(|told| told.event == "consent.changed").await;
    let suspended = consent(&world).await;
    assert_eq!((&suspended["state"], &told.data["consent"]), (&json!("none"), &suspended));
    assert_eq!(suspended["suspension"]["because"], "disconnected");
    assert_eq!(suspended["suspension"]["evidence"], json!({"message": message["id"]}));
    let refused = world.drafts("maria", "rosa", "hello?").await.is(409);
    assert_eq!(refused["code"], "number-suspended");
    assert!(refused["detail"].as_str().unwrap().contains("Ask the patient for their number"), "{refused}");

    world.simulator.set_faults(Faults::default());
    let rosa = json!({
        "first_name": "Rosa", "last_name": "Garcia", "date_of_birth": "1984-05-12", "mobile_phone": ROSA,
    });
    // It changes nothing of the record, and is said all the same.
    world.staff("maria", Method::PUT, "/patients/rosa", &rosa).await.is(200);
    let told = feed.wait_for(|told| told.event == "consent.changed").await;
    assert_eq!((&told.data["consent"]["state"], &told.data["consent"]["suspension"]), (&json!("none"), &Value::Null));
    world.drafts("maria", "rosa", "hello again").await.is(202);
    world.becomes("rosa", "hello again", "pending").await;
    world.rosa_texts("YES").await;
    world.becomes("rosa", "hello again", "delivered").await;
}
