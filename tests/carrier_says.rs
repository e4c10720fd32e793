//! What a carrier says of a phone when it does not take or deliver a text, told as a table and as stories: that its owner
//! opted out there.

#![allow(clippy::unwrap_used)]

#[path = "support/scene.rs"]
#[allow(dead_code)]
mod scene;

use std::num::NonZeroU16;

use assent::domain::ledger::By;
use assent::domain::{
    Answer, CarrierCode, Cause, Cleared, Consent, Entry, Evidence, Failure, Kind, MessageId, Outcome, Refusal, Retry,
    SettledBy, Settlement, Status,
};
use jiff::SignedDuration;
use scene::{Scene, accepted, sending_in, taken};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const STATES: [&str; 4] = ["none", "invited", "opted_in", "opted_out"];
const REFUSED: CarrierCode = CarrierCode::CommandStatus(0x413);

/// How a carrier says it, and with which code.
type Way = (fn(&mut Scene, &Cleared), CarrierCode);

fn ways() -> [Way; 4] {
    [
        (|scene, cleared| scene.answer(cleared, opted_out_there()), REFUSED),
        (
            |scene, cleared| {
                scene.answer(cleared, Answer::Unknown);
                scene.answer(cleared, opted_out_there());
            },
            REFUSED,
        ),
        (
            |scene, cleared| {
                scene.answer(cleared, taken(cleared));
                scene.undelivered(cleared, Cause::OptedOutAtCarrier);
            },
            CarrierCode::Error(NonZeroU16::new(27).unwrap()),
        ),
        (
            |scene, cleared| {
                scene.undelivered(cleared, Cause::OptedOutAtCarrier);
                scene.answer(cleared, taken(cleared));
            },
            CarrierCode::Error(NonZeroU16::new(27).unwrap()),
        ),
    ]
}

fn opted_out_there() -> Answer {
    Answer::Refused { command_status: 0x413, retry: Retry::OptedOut }
}

impl Scene {
    fn evidence(&self) -> &Evidence {
        let Consent::OptedOut { evidence, .. } = &self.conversation.consent else { panic!("opted out") };
        evidence
    }

    /// The consent of each change that was written down, and who made it.
    fn proved(&self) -> Vec<(Consent, By)> {
        let proofs = self.journal.iter().filter_map(|entry| match entry {
            Entry::Proved(proof) => Some((proof.to.clone(), proof.by.clone())),
            _ => None,
        });
        proofs.collect()
    }

    fn failure(&self, id: MessageId) -> Option<Failure> {
        self.thread[&id.seq].failure
    }
}

#[test]
fn opted_out_at_the_carrier_is_opted_out_in_every_state() {
    for state in STATES {
        for (way, code) in ways() {
            let (mut scene, cleared) = sending_in(state);
            let before = scene.conversation.consent.clone();
            way(&mut scene, &cleared);
            assert_eq!(scene.consent(), "opted_out", "{state} {code}");
            assert!(scene.carry().is_empty(), "no text says so: {state} {code}");
            let evidence = Evidence::Carrier { message: cleared.id(), code };
            let (to, by) = scene.proved().pop().unwrap();
            assert_eq!(by, By::Carrier, "{state} {code}");
            if state == "opted_out" {
                assert_eq!(scene.conversation.consent, before, "what proved it first stays");
                let Consent::OptedOut { since, .. } = before else { panic!("opted out") };
                assert_eq!(to, Consent::OptedOut { since, evidence }, "and this is recorded");
            } else {
                assert_eq!((scene.evidence(), to), (&evidence, scene.conversation.consent.clone()));
            }
        }
    }
}

#[test]
fn what_waits_for_somebody_who_opted_out_at_the_carrier_fails() {
    let mut scene = Scene::new();
    let pending = accepted(scene.drafts("hello"));
    let invitation = scene.grant().unwrap();
    scene.answer(&invitation, opted_out_there());
    assert_eq!(scene.failure(pending), Some(Failure::OptedOut));
    assert_eq!(scene.failure(invitation.id()), Some(Failure::OptedOut));

    let mut scene = Scene::new();
    scene.opts_in();
    let drafts = ["one", "two"].map(|text| accepted(scene.drafts(text)));
    let first = scene.grant().unwrap();
    scene.answer(&first, taken(&first));
    let second = scene.grant().unwrap();
    scene.undelivered(&first, Cause::OptedOutAtCarrier);
    assert_eq!(scene.recalled, [(second.id(), 1)], "what is on its way is called back");
    scene.answer(&second, Answer::NotSent);
    assert_eq!(drafts.map(|draft| scene.status(draft)), [Status::Undelivered, Status::Failed]);
    let since = scene.now;
    assert_eq!(scene.drafts("three"), Outcome::Refused(Refusal::OptedOut { since }));
}

#[test]
fn a_hold_ends_when_the_carrier_says_that_the_patient_opted_out() {
    let (mut scene, cleared) = sending_in("opted_in");
    scene.texts("leave me alone");
    assert!(scene.conversation.hold.is_some());
    scene.answer(&cleared, opted_out_there());
    assert_eq!((scene.consent(), &scene.conversation.hold), ("opted_out", &None));
    let settled = Entry::HoldSettled { settlement: Settlement::OptOut, by: SettledBy::Carrier, at: scene.now };
    assert!(scene.journal.contains(&settled));
}

#[test]
fn start_undoes_an_opt_out_at_the_carrier() {
    let (mut scene, cleared) = sending_in("opted_in");
    scene.answer(&cleared, opted_out_there());
    scene.later(MINUTE);
    scene.texts("YES");
    assert_eq!(scene.consent(), "opted_out", "YES answers nothing");
    scene.texts("START");
    assert_eq!(scene.consent(), "opted_in");
    let left: Vec<Kind> = scene.carry().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(left, [Kind::StartConfirmation], "and nothing old is sent");
}

#[test]
fn two_receipts_that_came_before_their_answers_are_both_heard() {
    let mut scene = Scene::new();
    scene.opts_in();
    let drafts = ["one", "two"].map(|text| accepted(scene.drafts(text)));
    let first = scene.grant().unwrap();
    scene.answer(&first, Answer::Unknown);
    let second = scene.grant().unwrap();
    scene.undelivered(&first, Cause::OverLimit);
    scene.undelivered(&second, Cause::OptedOutAtCarrier);
    assert_eq!(scene.consent(), "opted_in", "whose receipts they are is not known yet");
    scene.answer(&second, taken(&second));
    assert_eq!(scene.consent(), "opted_out");
    scene.answer(&first, taken(&first));
    assert_eq!(drafts.map(|draft| scene.status(draft)), [Status::Undelivered; 2]);
}

#[test]
fn other_causes_opt_nobody_out() {
    for cause in Cause::ALL.into_iter().filter(|cause| *cause != Cause::OptedOutAtCarrier) {
        let (mut scene, cleared) = sending_in("opted_in");
        scene.answer(&cleared, taken(&cleared));
        scene.undelivered(&cleared, cause);
        assert_ne!(scene.consent(), "opted_out", "{cause:?}");
    }
    let (mut scene, cleared) = sending_in("opted_in");
    scene.answer(&cleared, Answer::Refused { command_status: 0x413, retry: Retry::Never });
    assert_eq!(scene.consent(), "opted_in", "unless its profile says so");
}
