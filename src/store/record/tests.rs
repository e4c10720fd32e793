//! What is written reads back equal, and what was written by the first release still reads.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::domain::letters::{Coding, Language, Segment, Shifts};
use crate::domain::outbox::{Fate, Stage};
use crate::domain::policy::BootId;
use crate::ports::IdempotencyKey;

use crate::domain::{
    Answer, Body, CarrierError, CarrierId, Cause, Clues, Consent, DeliveryId, Draft, Effect, Entry, Event, FileHash,
    Fingerprint, Form, Imported, Inbound, Kind, Likeness, Limits, Mark, Marks, Opening, OtherDaemons, Part, Policy,
    Practice, Receipt, ReceiptState, Reference, Retry, SEGMENTS_PER_MINUTE_DEFAULT, SessionEnd, Settlement, StaffId,
    Texting, Written,
};

fn policy(boot: u64) -> Policy {
    let practice = Practice {
        id: PracticeId::parse("riverside").unwrap(),
        name: "Riverside Dental".into(),
        number: Phone::parse("+13035559999").unwrap(),
        time_zone: "America/Denver".into(),
        contact: "303-555-9999".into(),
        segments_per_minute: SEGMENTS_PER_MINUTE_DEFAULT,
        segments_per_day: None,
        texts: Default::default(),
        quiet_hours: None,
        office_hours: None,
    };
    Policy {
        practice: practice.into(),
        boot: BootId(boot),
        limits: Limits::default(),
        writing: Default::default(),
        texting: Default::default(),
    }
}

/// What happens next. Ids and attempts are filled in from what was asked of the shell.
#[derive(Debug, Clone)]
enum Happening {
    Event(Event),
    Granted,
    Postponed,
    Answered(Answer),
    /// At this moment, and with it what was taken before is in doubt.
    SessionEnded,
}

fn words() -> impl Strategy<Value = Body> {
    let said = prop_oneof![
        3 => Just("YES".to_owned()),
        1 => Just("STOP".to_owned()),
        2 => Just("START".to_owned()),
        1 => Just("HELP".to_owned()),
        1 => Just("CANCEL".to_owned()),
        1 => Just("wrong number".to_owned()),
        1 => any::<String>(),
    ];
    said.prop_map(Body::new)
}

fn reference() -> impl Strategy<Value = Reference> {
    prop_oneof![(0..3_u8).prop_map(Reference::Octet), (0..3_u16).prop_map(Reference::Word)]
}

fn received() -> impl Strategy<Value = Event> {
    let part = (reference(), 2..4_u8, 1..4_u8).prop_map(|(reference, total, number)| Part { reference, total, number });
    let form = prop_oneof![4 => Just(Form::Text), 1 => Just(Form::Flash), 1 => Just(Form::Binary)];
    let ended = proptest::option::of((0..1_000_000_000_i64).prop_map(time));
    let part = proptest::option::weighted(0.3, part);
    (words(), form, part, any::<[u8; 16]>(), proptest::option::of(0..20_u64), ended, as_written()).prop_map(
        |(text, form, part, fingerprint, delivery, earlier_session_ended, written)| {
            let (fingerprint, delivery) = (Fingerprint(fingerprint), delivery.map(DeliveryId));
            Event::Received(Inbound {
                text,
                form,
                part,
                fingerprint,
                delivery,
                earlier_session_ended,
                session_began: None,
                written,
            })
        },
    )
}

fn as_written() -> impl Strategy<Value = Written> {
    let marks = proptest::collection::vec(proptest::sample::select(Mark::ALL.to_vec()), 0..3);
    let languages = (0..5_u8, 0..5_u8).prop_map(|(locking, single)| {
        Coding::Gsm7(Shifts { locking: Language::of(locking), single: Language::of(single) })
    });
    let others = [Coding::Ascii, Coding::Latin1, Coding::Cyrillic, Coding::Hebrew, Coding::Utf16];
    let coding = prop_oneof![languages, proptest::sample::select(others.to_vec())];
    let segment = (coding, any::<Vec<u8>>()).prop_map(|(coding, octets)| Segment::new(coding, octets));
    (marks, proptest::option::of(segment))
        .prop_map(|(marks, segment)| Written { marks: marks.into_iter().collect(), segment })
}

/// So few that receipts fit.
fn carrier_id() -> impl Strategy<Value = CarrierId> {
    "[ab]".prop_map(|id| CarrierId(id.into()))
}

fn receipted() -> impl Strategy<Value = Event> {
    let state = prop_oneof![
        Just(ReceiptState::Delivered),
        Just(ReceiptState::Enroute),
        Just(ReceiptState::Undeliverable),
        Just(ReceiptState::Unknown),
    ];
    let cause = proptest::option::of(proptest::sample::select(Cause::ALL.to_vec()));
    let error = (1..=u16::MAX, cause)
        .prop_map(|(code, cause)| CarrierError { code: code.try_into().expect("it is not 0"), cause });
    let error = proptest::option::of(error);
    (proptest::option::of(carrier_id()), proptest::option::of(1..9_u16), state, error, clues()).prop_map(
        |(carrier_id, reference, state, error, clues)| {
            Event::Receipted(Receipt { carrier_id, reference, state, error, clues })
        },
    )
}

fn clues() -> impl Strategy<Value = Clues> {
    let spelling = proptest::option::of(proptest::sample::select(Likeness::ALL.to_vec()));
    let submitted_at = proptest::option::of((0..1_000_000_000_i64).prop_map(time));
    let opening = proptest::option::of(any::<String>().prop_map(|text| Opening::of(&text)));
    (spelling, submitted_at, opening).prop_map(|(spelling, submitted_at, opening)| Clues {
        spelling,
        submitted_at,
        opening,
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        3 => proptest::collection::vec(carrier_id(), 1..3).prop_map(|ids| Answer::Taken { ids }),
        1 => Just(Answer::NotSent),
        1 => Just(Answer::Refused { command_status: 0x58, retry: Retry::WhenReady }),
        1 => Just(Answer::Refused { command_status: u32::MAX, retry: Retry::Never }),
        1 => Just(Answer::Refused { command_status: u32::MAX, retry: Retry::OptedOut }),
        1 => Just(Answer::PartlyTaken),
        1 => Just(Answer::Unknown),
    ]
}

fn staff_id() -> impl Strategy<Value = Option<StaffId>> {
    proptest::option::of(Just(StaffId::parse("ana").unwrap()))
}

fn settlement() -> impl Strategy<Value = Settlement> {
    prop_oneof![Just(Settlement::OptOut), Just(Settlement::Release)]
}

fn happening() -> impl Strategy<Value = Happening> {
    let staff = staff_id();
    prop_oneof![
        4 => received().prop_map(Happening::Event),
        3 => (words(), staff).prop_map(|(text, staff)| Happening::Event(Event::Drafted(Draft { text, staff, preferences: Default::default(), send_at: None }))),
        5 => Just(Happening::Granted),
        1 => Just(Happening::Postponed),
        4 => answer().prop_map(Happening::Answered),
        2 => receipted().prop_map(Happening::Event),
        1 => (settlement(), staff_id())
            .prop_map(|(settlement, staff)| Happening::Event(Event::HoldSettled { settlement, staff })),
        1 => (staff_id(), words())
            .prop_map(|(staff, reason)| Happening::Event(Event::OptedOutByStaff { staff, reason })),
        1 => (any::<[u8; 32]>(), any::<u64>(), proptest::option::of(words())).prop_map(|(file, line, reason)| {
            let opted_out_at = reason.as_ref().map(|_| Timestamp::UNIX_EPOCH);
            Happening::Event(Event::OptedOutByImport(Imported { file: FileHash(file), line, opted_out_at, reason }))
        }),
        1 => Just(Happening::Event(Event::ReadUpTo { seq: Seq(u64::MAX), staff: None })),
        1 => Just(Happening::Event(Event::MarkedUnread)),
        1 => Just(Happening::Event(Event::NumberGiven)),
        1 => (0..20_u64).prop_map(|id| Happening::Event(Event::AnsweredLate(DeliveryId(id)))),
        1 => Just(Happening::Event(Event::Woken)),
        1 => Just(Happening::Event(Event::Restored(OtherDaemons::Impossible))),
        1 => Just(Happening::Event(Event::Restored(OtherDaemons::Possible { alive: [BootId(1)].into() }))),
        1 => Just(Happening::SessionEnded),
    ]
}

/// Nanoseconds: mostly within the time that a text may be on its way, sometimes hours.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..10_000_000_000_i64, 1 => 0..100_000_000_000_000_i64]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_equal(
        id in any::<u64>(),
        boot in any::<u64>(),
        happenings in proptest::collection::vec((happening(), pause()), 0..60),
    ) {
        // What waits for somebody to answer for it is written too.
        let texting = if boot % 2 == 0 { Texting::Anybody } else { Texting::Only(Default::default()) };
        let policy = Policy { texting, ..policy(boot) };
        let mut now = time(1_790_000_000_123_456_789);
        let key = ConversationKey {
            practice: policy.practice.id.clone(),
            phone: Phone::parse("+13035550123").unwrap(),
        };
        prop_assert_eq!(read_key(&write_key(&key)).unwrap(), key.clone());
        let mut conversation = Conversation::new(ConversationId(id), key, now);
        let (mut asked, mut leaving) = (None, None);
        for (happening, nanoseconds) in happenings {
            let event = match happening {
                Happening::Event(event) => event,
                Happening::Granted => match asked.take() {
                    Some(id) => Event::SlotGranted(id),
                    None => continue,
                },
                Happening::Postponed => match asked.take() {
                    Some(id) => Event::Postponed { id, day_ends_at: now + SignedDuration::from_hours(7) },
                    None => continue,
                },
                Happening::Answered(answer) => match leaving.take() {
                    Some((id, attempt)) => Event::Answered { id, attempt, answer },
                    None => continue,
                },
                Happening::SessionEnded => {
                    Event::SessionsEnded(vec![SessionEnd { at: now, of: Some(policy.boot) }])
                }
            };
            // Answers come at once, everything else when it comes.
            if !matches!(event, Event::Answered { .. } | Event::SlotGranted(_)) {
                now += SignedDuration::from_nanos(nanoseconds);
            }
            let decision = conversation.handle(event, now, &policy);
            for effect in &decision.effects {
                match effect {
                    Effect::RequestSlot { id, .. } => asked = Some(*id),
                    Effect::Submit(cleared) => leaving = Some((cleared.id(), cleared.attempt())),
                    Effect::Recall { .. } | Effect::Publish(_) => {}
                }
            }
            for entry in &decision.journal {
                match entry {
                    Entry::Added(message) => {
                        let read = read_said(&write_said(message)).unwrap();
                        prop_assert_eq!(read, (message.kind.clone(), message.text.clone(), message.marks));
                    }
                    Entry::ConsentChanged { .. }
                    | Entry::Held(_)
                    | Entry::HoldSettled { .. }
                    | Entry::Suspended(_)
                    | Entry::NumberGiven { .. }
                    | Entry::Redelivered { .. }
                    | Entry::ReceiptUnmatched { .. } => {
                        prop_assert_eq!(&read_evident(&write_evident(entry).unwrap()).unwrap(), entry);
                    }
                    Entry::Noted(note) => {
                        prop_assert_eq!(write_evident(entry), None);
                        prop_assert_eq!(&read_note(note.id, &write_note(note)).unwrap(), note);
                    }
                    Entry::Updated { .. } | Entry::UnreadChanged { .. } | Entry::Rearranged => {
                        prop_assert_eq!(write_evident(entry), None);
                    }
                    Entry::Proved(proof) => {
                        prop_assert_eq!(write_evident(entry), None);
                        let read = read_proof(&write_proof(proof)).unwrap();
                        prop_assert_eq!(read.link(), proof.link());
                        prop_assert_eq!(&read, &**proof);
                    }
                }
            }
            conversation = decision.next;
            prop_assert_eq!(&read_conversation(&write_conversation(&conversation)).unwrap(), &conversation);
        }
    }

    #[test]
    fn reading_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_conversation(&octets);
        let _ = read_said(&octets);
        let _ = read_record(&octets);
    }
}

/// A store that was written by the first release reads for ever. This text never changes.
#[test]
fn the_first_written_form_still_reads() {
    let written = r#"1{"id":95,"key":{"practice":"riverside","phone":"+13035550123"},"#.to_owned()
        + r#""consent":{"opted_out":{"since":1790000000000000000,"text":[95,1]}},"last":3,"#
        + r#""active_at":1790000000000000000,"unread":1,"waiting":[{"message":{"id":[95,3],"#
        + r#""kind":"opt_out_confirmation","text":"bye","status":2,"failure":null,"#
        + r#""created_at":1790000000000000000,"updated_at":1790000000000000000,"segments":1},"#
        + r#""stage":{"queued":{"not_before":1790000000000000000,"asked_until":null,"#
        + r#""expires_at":1790000300000000000}},"attempts":0}],"tracked":[{"id":[95,2],"#
        + r#""kind":{"staff_text":{"staff":"ana"}},"attempt":1,"since":1790000000000000000,"#
        + r#""fate":{"sent":{"segments":[["a1",true],["a2",false]]}}}],"#
        + r#""invitations":[1790000000000000000],"help_sent_at":null,"#
        + r#""arrivals":[["AAAAAAAAAAAAAAAAAAAAAA",1790000000000000000,1]],"#
        + r#""partial":[{"reference":7,"opened_at":1790000000000000000,"parts":["half",null]}]}"#;
    let conversation = read_conversation(written.as_bytes()).unwrap();
    assert_eq!(conversation.arrivals[0].taken_by, None);
    let asked = written.replace(r#""asked_until":null"#, r#""asked_until":1790000060000000000"#);
    assert_eq!(read_conversation(asked.as_bytes()).unwrap(), conversation, "whoever asked for that slot is gone");
    assert!(matches!(conversation.consent, Consent::OptedOut { .. }));
    assert_eq!(conversation.outbox.waiting[0].message.kind, Kind::OptOutConfirmation);
    assert_eq!(String::from_utf8(write_conversation(&conversation)).unwrap(), written);

    let sending = r#"{"sending":{"boot":1,"deadline":0,"expires_at":0,"recalled":false}}"#;
    let queued = r#"{"queued":{"not_before":1790000000000000000,"asked_until":null,"expires_at":1790000300000000000}}"#;
    let unconfirmed = r#"{"unconfirmed":{"segments":3}}"#;
    let left = written.replace(queued, sending).replace(r#""segments":1}"#, r#""segments":3}"#);
    let left = left.replace(r#"{"sent":{"segments":[["a1",true],["a2",false]]}}"#, unconfirmed);
    let outbox = read_conversation(left.as_bytes()).unwrap().outbox;
    assert!(matches!(outbox.waiting[0].stage, Stage::Sending { pdus: 3, .. }), "one for each segment");
    assert!(matches!(outbox.tracked[0].fate, Fate::Unconfirmed { pdus: 3, left: None, .. }));
    let held = written
        .replace(
            r#""last":3"#,
            r#""hold":{"since":1790000000000000000,"text":[95,1],"rule":"rude","words":"go away"},"last":3"#,
        )
        .replace(
            r#"{"opted_out":{"since":1790000000000000000,"text":[95,1]}}"#,
            r#"{"invited":{"since":1790000000000000000}}"#,
        );
    let conversation = read_conversation(held.as_bytes()).unwrap();
    assert_eq!(conversation.hold.as_ref().map(|hold| hold.reading.words.expose()), Some("go away"));
    assert_eq!(String::from_utf8(write_conversation(&conversation)).unwrap(), held);

    let said = br#"1{"kind":{"staff_text":{"staff":null}},"text":"hello \"you\""}"#;
    let read = read_said(said).unwrap();
    assert_eq!(read, (Kind::StaffText { staff: None }, Body::new("hello \"you\""), Marks::NONE));
    let kept = br#"1{"request":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc","conversation":{"practice":"riverside","phone":"+13035550123"},"message":[95,2]}"#;
    let answer = read_kept(IdempotencyKey("k".into()), kept).unwrap();
    assert_eq!((answer.request, answer.message.seq), ([7; 32], Seq(2)));
    assert_eq!(read_kept_whole(kept), Ok(None));
    assert_eq!(read_kept_whole(&write_kept(&answer)), Ok(Some(answer)));
    assert_eq!(read_said(b"2{}").unwrap_err(), ReadError::UnknownForm);
    assert_eq!(read_said(b"").unwrap_err(), ReadError::Malformed);
}
