//! What an imported opt-out does to a conversation.

use assent::domain::ledger::By;
use assent::domain::{
    Body, Consent, Entry, Event, Evidence, FileHash, Imported, Kind, Outcome, Refusal, Settlement, Status,
};
use jiff::{SignedDuration, Timestamp};

use crate::scene::Scene;

/// How a conversation came to be what it is.
type Story = fn(&mut Scene);

const FILE: FileHash = FileHash([7; 32]);

fn row(opted_out_at: Option<Timestamp>) -> Imported {
    Imported { file: FILE, line: 3, opted_out_at, reason: Some(Body::new("texted STOP")) }
}

impl Scene {
    fn imports(&mut self, imported: Imported) -> Outcome {
        self.event(Event::OptedOutByImport(imported))
    }

    fn sent_kinds(&self) -> Vec<Kind> {
        self.thread.values().map(|message| message.kind.clone()).filter(|kind| *kind != Kind::Inbound).collect()
    }
}

#[test]
fn an_import_opts_out_from_everywhere_and_says_nothing_to_anybody() {
    let stories: [(&str, Story); 4] = [
        ("none", |_| {}),
        ("invited", |scene| {
            scene.drafts("hello");
            scene.carry();
        }),
        ("opted_in", Scene::opts_in),
        ("opted_in", |scene| {
            scene.opts_in();
            scene.texts("please take me off your list");
        }),
    ];
    for (state, story) in stories {
        let mut scene = Scene::new();
        story(&mut scene);
        assert_eq!(scene.consent(), state);
        scene.drafts("does this wait?");
        let before = scene.sent_kinds();
        let imported = row(Some(scene.now));
        assert_eq!(scene.imports(imported.clone()), Outcome::Recorded);
        let evidence = Evidence::Imported(Box::new(imported));
        assert_eq!(scene.conversation.consent, Consent::OptedOut { since: scene.now, evidence });
        assert!(scene.conversation.hold.is_none());
        assert_eq!(scene.sent_kinds(), before, "nobody is told: {state}");
        assert_eq!(scene.carry(), [], "and what waited does not leave: {state}");
        assert!(
            scene.staff_texts().iter().all(|status| *status == Status::Failed || *status == Status::Sent),
            "{state}"
        );
        let Some(Entry::Proved(proof)) = scene.journal.last() else { panic!("the change is proved: {state}") };
        assert_eq!((proof.by.clone(), proof.words.clone()), (By::Import, None));
        assert_eq!(
            (proof.to.clone(), proof.link()),
            (scene.conversation.consent.clone(), scene.conversation.ledger.link)
        );
    }
}

#[test]
fn what_is_on_its_way_when_an_import_opts_out_is_recalled() {
    let mut scene = Scene::new();
    scene.opts_in();
    scene.drafts("on its way");
    let leaving = scene.grant().unwrap();
    scene.imports(row(None));
    assert_eq!(scene.recalled, [(leaving.id(), leaving.attempt())]);
}

#[test]
fn whoever_is_opted_out_stays_so_by_the_evidence_that_is_there() {
    let mut scene = Scene::new();
    scene.texts("STOP");
    let before = scene.conversation.clone();
    let refused = scene.imports(row(None));
    assert!(matches!(refused, Outcome::Refused(Refusal::OptedOut { .. })), "{refused:?}");
    assert_eq!(scene.conversation, before);
}

#[test]
fn a_start_after_the_vendors_opt_out_is_kept() {
    for (seconds, expected) in
        [(-1, Outcome::Refused(Refusal::OptedInSince)), (0, Outcome::Recorded), (1, Outcome::Recorded)]
    {
        let mut scene = Scene::new();
        scene.texts("START");
        let told = scene.now + SignedDuration::from_secs(seconds);
        scene.later(SignedDuration::from_hours(1));
        assert_eq!(scene.imports(row(Some(told))), expected, "{seconds} s after START");
    }
}

#[test]
fn a_start_undoes_an_import_and_the_same_row_again_does_not_undo_the_start() {
    let mut scene = Scene::new();
    scene.imports(row(None));
    scene.later(SignedDuration::from_mins(1));
    scene.texts("START");
    assert_eq!(scene.consent(), "opted_in");
    assert_eq!(scene.imports(row(None)), Outcome::Refused(Refusal::OptedInSince));
    assert_eq!(scene.consent(), "opted_in");
    let another = Imported { file: FileHash([8; 32]), ..row(None) };
    assert_eq!(scene.imports(another), Outcome::Recorded, "another list is another word of theirs");
}

#[test]
fn an_import_settles_a_hold() {
    let mut scene = Scene::new();
    scene.opts_in();
    scene.texts("wrong number");
    scene.imports(row(None));
    let settled =
        scene.journal.iter().any(|entry| matches!(entry, Entry::HoldSettled { settlement: Settlement::OptOut, .. }));
    assert!(settled);
    assert_eq!(scene.consent(), "opted_out");
}
