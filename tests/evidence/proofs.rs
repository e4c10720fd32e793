//! What each change of consent is proved by.

use assent::domain::ledger::{By, Proof};
use assent::domain::{
    Answer, Body, CarrierCode, Consent, Draft, Entry, Event, Evidence, Kind, MessageId, ReceiptState, Retry, Seq,
    StaffId,
};
use jiff::SignedDuration;

use crate::scene::{Scene, taken};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn proofs(scene: &Scene) -> Vec<Proof> {
    let proof = |entry: &Entry| match entry {
        Entry::Proved(proof) => Some((**proof).clone()),
        _ => None,
    };
    let found: Vec<Proof> = scene.journal.iter().filter_map(proof).collect();
    let changes = scene.journal.iter().filter(|entry| matches!(entry, Entry::ConsentChanged { .. })).count();
    assert_eq!(found.len(), changes, "each change of consent has its proof, and nothing else has one");
    let mut previous = Default::default();
    for (seq, proof) in (1..).zip(&found) {
        assert_eq!((proof.seq, proof.previous), (seq, previous));
        previous = proof.link();
    }
    assert_eq!((scene.conversation.ledger.count, scene.conversation.ledger.link), (found.len() as u64, previous));
    found
}

fn state(consent: &Consent) -> &'static str {
    match consent {
        Consent::None => "none",
        Consent::Invited { .. } => "invited",
        Consent::OptedIn { .. } => "opted_in",
        Consent::OptedOut { .. } => "opted_out",
    }
}

/// From, to, by whom, in which words, and the invitation.
type Told<'a> = (&'a str, &'a str, By, Option<&'a str>, Option<&'a str>);

#[track_caller]
fn check(scene: &Scene, expected: &[Told<'_>]) {
    let found = proofs(scene);
    let told: Vec<Told<'_>> = found
        .iter()
        .map(|proof| {
            let words = proof.words.as_ref().map(|words| words.text.expose());
            let invitation = proof.invitation.as_ref().map(|asked| asked.text.expose());
            (state(&proof.from), state(&proof.to), proof.by.clone(), words, invitation)
        })
        .collect();
    assert_eq!(told, expected);
    for proof in &found {
        assert_eq!((proof.number.expose(), proof.phone.expose()), ("+13035550100", "+13035550123"));
    }
}

const INVITATION: &str = "Riverside PT: Reply YES to receive messages from your practice. Msg frequency varies. \
                          Msg & data rates may apply. Reply HELP for help, STOP to opt out.";

#[test]
fn a_yes_is_proved_by_the_patients_words_and_the_invitation_that_they_answer() {
    let mut scene = Scene::new();
    let ana = StaffId::parse("ana").unwrap();
    scene.event(Event::Drafted(Draft {
        text: Body::new("hello"),
        staff: Some(ana.clone()),
        preferences: Default::default(),
        send_at: None,
    }));
    scene.carry();
    let left_at = scene.now;
    scene.later(SignedDuration::from_mins(2));
    scene.texts(" ¡Sí! ");
    check(
        &scene,
        &[
            ("none", "invited", By::Staff(Some(ana)), None, Some(INVITATION)),
            ("invited", "opted_in", By::Patient, Some(" ¡Sí! "), Some(INVITATION)),
        ],
    );
    let yes = &proofs(&scene)[1];
    let asked = yes.invitation.as_ref().unwrap();
    assert_eq!((asked.left_at, yes.at), (Some(left_at), scene.now));
    assert_eq!(scene.thread[&asked.message.seq].kind, Kind::Invitation);
    assert_eq!(scene.thread[&yes.words.as_ref().unwrap().message.seq].text.expose(), " ¡Sí! ");
    assert!(scene.conversation.ledger.invitations.is_empty(), "it is in the ledger");
}

#[test]
fn stop_and_start_are_proved_by_the_patients_words_alone() {
    let mut scene = Scene::new();
    scene.texts("Start");
    scene.later(DAY);
    scene.texts("stop please");
    scene.texts("STOP");
    scene.later(DAY);
    scene.texts("UNSTOP");
    check(
        &scene,
        &[
            ("none", "opted_in", By::Patient, Some("Start"), None),
            ("opted_in", "opted_out", By::Patient, Some("stop please"), None),
            ("opted_out", "opted_in", By::Patient, Some("UNSTOP"), None),
        ],
    );
}

#[test]
fn an_invitation_that_nobody_answers_ends_by_time_and_a_late_yes_names_it() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    scene.carry();
    scene.later(DAY * 8);
    scene.event(Event::Woken);
    scene.later(DAY);
    scene.texts("yes");
    check(
        &scene,
        &[
            ("none", "invited", By::Staff(None), None, Some(INVITATION)),
            ("invited", "none", By::Time, None, Some(INVITATION)),
            ("none", "opted_in", By::Patient, Some("yes"), Some(INVITATION)),
        ],
    );
}

#[test]
fn an_invitation_that_can_not_be_delivered_ends_by_the_carrier() {
    let mut refused = Scene::new();
    refused.drafts("hello");
    let cleared = refused.grant().unwrap();
    refused.answer(&cleared, Answer::Refused { command_status: 0x0b, retry: Retry::Never });
    let mut undelivered = Scene::new();
    undelivered.drafts("hello");
    let cleared = undelivered.grant().unwrap();
    undelivered.answer(&cleared, taken(&cleared));
    undelivered.receipt(&cleared, ReceiptState::Undeliverable);
    for scene in [refused, undelivered] {
        check(
            &scene,
            &[
                ("none", "invited", By::Staff(None), None, Some(INVITATION)),
                ("invited", "none", By::Carrier, None, Some(INVITATION)),
            ],
        );
    }
}

#[test]
fn an_invitation_that_never_left_was_not_answered() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    scene.texts("start");
    let found = proofs(&scene);
    assert_eq!(found[1].invitation, None, "it waits for the carrier still");
}

#[test]
fn an_old_invitation_is_not_what_a_start_answers() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    scene.carry();
    scene.later(DAY * 40);
    scene.texts("start");
    let found = proofs(&scene);
    assert_eq!(found.last().unwrap().invitation, None);
}

#[test]
fn the_version_of_an_invitation_is_that_of_its_text() {
    let version = |name: &str| {
        let mut scene = Scene::new();
        let mut practice = (*scene.policy.practice).clone();
        practice.name = name.into();
        scene.policy.practice = practice.into();
        scene.drafts("hello");
        proofs(&scene)[0].invitation.as_ref().unwrap().version()
    };
    assert_eq!(version("Riverside PT"), version("Riverside PT"));
    assert_ne!(version("Riverside PT"), version("Riverside Physical Therapy"));
}

/// What was hashed once is hashed the same way for ever: this text never changes.
#[test]
fn the_hash_of_a_proof_stays_what_it_is() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    scene.carry();
    scene.later(SignedDuration::from_mins(2));
    scene.texts("YES");
    let links: Vec<String> = proofs(&scene)
        .iter()
        .map(|proof| proof.link().0.iter().map(|octet| format!("{octet:02x}")).collect())
        .collect();
    let expected = [
        "416d23de637674831791d5911e2ff9b7f43c0083177789ea8d9d103c4790904d",
        "9dc1c26d10ca20e36d29d4ba6ecc9c1a3aa299ef9efbf31f9052970becc70b98",
    ];
    assert_eq!(links, expected);
}

/// Each part of a proof is in its hash.
#[test]
fn whatever_is_changed_in_a_proof_changes_its_hash() {
    let mut scene = Scene::new();
    scene.opts_in();
    let proof = proofs(&scene).pop().unwrap();
    let other = proofs(&scene).remove(0);
    let words = proof.words.clone().unwrap();
    let asked = proof.invitation.clone().unwrap();
    let changed = [
        Proof { conversation: assent::domain::ConversationId(8), ..proof.clone() },
        Proof { seq: 3, ..proof.clone() },
        Proof { previous: proof.link(), ..proof.clone() },
        Proof { practice: assent::domain::PracticeId::parse("lakeside").unwrap(), ..proof.clone() },
        Proof { number: proof.phone.clone(), ..proof.clone() },
        Proof { phone: proof.number.clone(), ..proof.clone() },
        Proof { at: scene.now + DAY, ..proof.clone() },
        Proof { from: other.from, ..proof.clone() },
        Proof { to: other.to, ..proof.clone() },
        Proof { by: By::Staff(None), ..proof.clone() },
        Proof { words: None, ..proof.clone() },
        Proof {
            words: Some(assent::domain::ledger::Words { text: Body::new("yes"), ..words.clone() }),
            ..proof.clone()
        },
        Proof { words: Some(assent::domain::ledger::Words { message: asked.message, ..words }), ..proof.clone() },
        Proof { invitation: None, ..proof.clone() },
        Proof {
            invitation: Some(assent::domain::ledger::Asked { text: Body::new("Reply YES"), ..asked.clone() }),
            ..proof.clone()
        },
        Proof { invitation: Some(assent::domain::ledger::Asked { left_at: None, ..asked }), ..proof.clone() },
    ];
    for one in changed {
        assert_ne!(one.link(), proof.link(), "{one:?}");
    }
}

#[test]
fn what_a_carrier_said_is_in_the_hash_to_the_code() {
    let mut scene = Scene::new();
    scene.drafts("hello");
    let cleared = scene.grant().unwrap();
    scene.answer(&cleared, Answer::Refused { command_status: 27, retry: Retry::OptedOut });
    check(
        &scene,
        &[
            ("none", "invited", By::Staff(None), None, Some(INVITATION)),
            ("invited", "opted_out", By::Carrier, None, None),
        ],
    );
    let proof = proofs(&scene).pop().unwrap();
    let since = scene.now;
    let saying = |message, code| {
        let to = Consent::OptedOut { since, evidence: Evidence::Carrier { message, code } };
        Proof { to, ..proof.clone() }.link()
    };
    let (message, other) = (cleared.id(), MessageId { seq: Seq(9), ..cleared.id() });
    let links = [
        saying(message, CarrierCode::CommandStatus(27)),
        saying(message, CarrierCode::CommandStatus(28)),
        saying(message, CarrierCode::Error(27.try_into().unwrap())),
        saying(other, CarrierCode::CommandStatus(27)),
    ];
    assert_eq!(links[0], proof.link());
    assert!(links[1..].iter().all(|link| *link != links[0]));
}
