//! The written form of what the store keeps: its own types, so that the domain may change and what was written stays readable.
//!
//! A record is one octet that names its form, then JSON. JSON, because a form that outlives the code that wrote it should
//! be readable without it. A field or a variant is only ever added; anything else is a new form beside the old one.

mod consent;
mod conversation;
mod hours;
mod ledger;
mod message;
mod roll;
mod webhook;
mod wordings;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::redis::Accepted;
use crate::domain::ledger::Proof;
use crate::domain::{Conversation, ConversationId, ConversationKey, Entry, Message, MessageId, Phone, PracticeId, Seq};
use crate::ports::{DeadLetter, IdempotencyKey, KeptAnswer, Post, Record, RecordKey, WebhookKey};

pub use message::{failure_code, failure_of, status_code, status_of};

use consent::{ConsentV1, HoldV1, SettledByV1, SettlementV1, SuspensionV1};
use message::{MessageV1, ReceiptV1, SaidV1};

/// The form that is written.
const FORM: u8 = b'1';

/// Why written octets are not a record. Nothing of the record is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("record is of a form that this version does not know")]
    UnknownForm,
    #[error("record is not well formed")]
    Malformed,
    #[error("record holds a {0} that is none")]
    NotA(&'static str),
}

fn write<T: Serialize>(record: &T) -> Vec<u8> {
    let mut octets = Vec::with_capacity(512);
    octets.push(FORM);
    serde_json::to_writer(&mut octets, record).expect("a record has string keys and goes to memory");
    octets
}

fn read<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, ReadError> {
    match octets {
        [FORM, json @ ..] => serde_json::from_slice(json).map_err(|_| ReadError::Malformed),
        [_, ..] => Err(ReadError::UnknownForm),
        [] => Err(ReadError::Malformed),
    }
}

/// A time as nanoseconds since 1970, which lasts until 2262; what lies outside is taken for the nearest.
pub fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

pub fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).expect("any i64 of nanoseconds lies between the years 1677 and 2262")
}

fn phone(text: &str) -> Result<Phone, ReadError> {
    Phone::parse(text).map_err(|_| ReadError::NotA("phone"))
}

fn practice_id(text: &str) -> Result<PracticeId, ReadError> {
    PracticeId::parse(text).map_err(|_| ReadError::NotA("practice id"))
}

fn base64(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(octets)
}

fn octets<const N: usize>(text: &str) -> Result<[u8; N], ReadError> {
    any_octets(text)?.try_into().map_err(|_| ReadError::Malformed)
}

fn any_octets(text: &str) -> Result<Vec<u8>, ReadError> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).map_err(|_| ReadError::Malformed)
}

// ------------------------------------------------------------------------------------------- conversations

pub fn write_conversation(conversation: &Conversation) -> Vec<u8> {
    write(&conversation::ConversationV1::from(conversation))
}

pub fn read_conversation(octets: &[u8]) -> Result<Conversation, ReadError> {
    read::<conversation::ConversationV1<'_>>(octets)?.try_into()
}

/// The two ends of a conversation, for lists that need no more of it.
#[derive(Serialize, Deserialize)]
struct KeyV1<'a> {
    #[serde(borrow)]
    practice: Cow<'a, str>,
    #[serde(borrow)]
    phone: Cow<'a, str>,
}

impl<'a> From<&'a ConversationKey> for KeyV1<'a> {
    fn from(key: &'a ConversationKey) -> Self {
        Self { practice: key.practice.as_str().into(), phone: key.phone.expose().into() }
    }
}

impl TryFrom<KeyV1<'_>> for ConversationKey {
    type Error = ReadError;

    fn try_from(key: KeyV1<'_>) -> Result<Self, ReadError> {
        Ok(Self { practice: practice_id(&key.practice)?, phone: phone(&key.phone)? })
    }
}

pub fn write_key(key: &ConversationKey) -> Vec<u8> {
    write(&KeyV1::from(key))
}

pub fn read_key(octets: &[u8]) -> Result<ConversationKey, ReadError> {
    read::<KeyV1<'_>>(octets)?.try_into()
}

/// Conversation and place.
#[derive(Serialize, Deserialize, Clone, Copy)]
struct MessageIdV1(u64, u64);

impl From<MessageId> for MessageIdV1 {
    fn from(id: MessageId) -> Self {
        Self(id.conversation.0, id.seq.0)
    }
}

impl From<MessageIdV1> for MessageId {
    fn from(MessageIdV1(conversation, seq): MessageIdV1) -> Self {
        Self { conversation: ConversationId(conversation), seq: Seq(seq) }
    }
}

// ----------------------------------------------------------------------------------------------- the thread

/// What of a message never changes: whose words, and which. The rest of it is in columns.
pub fn write_said(message: &Message) -> Vec<u8> {
    write(&SaidV1::from(message))
}

/// Kind, text and marks of a message.
pub fn read_said(octets: &[u8]) -> Result<(crate::domain::Kind, crate::domain::Body, crate::domain::Marks), ReadError> {
    read::<SaidV1<'_>>(octets)?.try_into()
}

/// A message with all that is in columns.
pub fn write_message(message: &Message) -> Vec<u8> {
    write(&MessageV1::from(message))
}

// ---------------------------------------------------------------------------------------------- the journal

/// An entry that is evidence and nothing else.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EvidentV1<'a> {
    Consent {
        #[serde(borrow)]
        consent: ConsentV1<'a>,
        at: i64,
    },
    Held(#[serde(borrow)] HoldV1<'a>),
    HoldSettled {
        settlement: SettlementV1,
        #[serde(borrow)]
        by: SettledByV1<'a>,
        at: i64,
    },
    Suspended(SuspensionV1),
    NumberGiven {
        at: i64,
    },
    Redelivered {
        of: MessageIdV1,
        fingerprint: String,
        at: i64,
    },
    ReceiptUnmatched {
        receipt: ReceiptV1,
        at: i64,
    },
}

/// An entry for the journal; `None` for those that are written elsewhere.
pub fn write_evident(entry: &Entry) -> Option<Vec<u8>> {
    let written = match entry {
        Entry::ConsentChanged { consent, at } => EvidentV1::Consent { consent: consent.into(), at: nanoseconds(*at) },
        Entry::Held(hold) => EvidentV1::Held(hold.into()),
        Entry::Suspended(suspension) => EvidentV1::Suspended((*suspension).into()),
        Entry::NumberGiven { at } => EvidentV1::NumberGiven { at: nanoseconds(*at) },
        Entry::HoldSettled { settlement, by, at } => {
            EvidentV1::HoldSettled { settlement: (*settlement).into(), by: by.into(), at: nanoseconds(*at) }
        }
        Entry::Redelivered { of, fingerprint, at } => {
            EvidentV1::Redelivered { of: (*of).into(), fingerprint: base64(&fingerprint.0), at: nanoseconds(*at) }
        }
        Entry::ReceiptUnmatched { receipt, at } => {
            EvidentV1::ReceiptUnmatched { receipt: receipt.into(), at: nanoseconds(*at) }
        }
        Entry::Added(_) | Entry::Updated { .. } | Entry::UnreadChanged { .. } | Entry::Proved(_) => return None,
    };
    Some(write(&written))
}

/// An entry of the journal, for whoever moves it to another store.
pub fn read_evident(octets: &[u8]) -> Result<Entry, ReadError> {
    Ok(match read::<EvidentV1<'_>>(octets)? {
        EvidentV1::Consent { consent, at } => Entry::ConsentChanged { consent: consent.try_into()?, at: time(at) },
        EvidentV1::Held(hold) => Entry::Held(hold.into()),
        EvidentV1::Suspended(suspension) => Entry::Suspended(suspension.into()),
        EvidentV1::NumberGiven { at } => Entry::NumberGiven { at: time(at) },
        EvidentV1::HoldSettled { settlement, by, at } => {
            Entry::HoldSettled { settlement: settlement.into(), by: by.try_into()?, at: time(at) }
        }
        EvidentV1::Redelivered { of, fingerprint, at } => Entry::Redelivered {
            of: of.into(),
            fingerprint: crate::domain::Fingerprint(self::octets(&fingerprint)?),
            at: time(at),
        },
        EvidentV1::ReceiptUnmatched { receipt, at } => {
            Entry::ReceiptUnmatched { receipt: receipt.try_into()?, at: time(at) }
        }
    })
}

// ----------------------------------------------------------------------------------------------- the ledger

pub fn write_proof(proof: &Proof) -> Vec<u8> {
    write(&ledger::ProofV1::from(proof))
}

pub fn read_proof(octets: &[u8]) -> Result<Proof, ReadError> {
    read::<ledger::ProofV1<'_>>(octets)?.try_into()
}

// --------------------------------------------------------------------------------------- posts of webhooks

pub fn write_post(key: &WebhookKey, post: &Post) -> Vec<u8> {
    write(&webhook::PostV1::of(key, post))
}

/// A post, and whose it is.
pub fn read_post(octets: &[u8]) -> Result<(WebhookKey, Post), ReadError> {
    read::<webhook::PostV1>(octets)?.read()
}

// --------------------------------------------------------------------------- kept answers and dead letters

#[derive(Serialize, Deserialize)]
struct KeptAnswerV1<'a> {
    /// Whoever looks for it has it, but whoever moves it to another store has not. The first answers came without.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    request: String,
    #[serde(borrow)]
    conversation: KeyV1<'a>,
    message: MessageIdV1,
}

pub fn write_kept(kept: &KeptAnswer) -> Vec<u8> {
    write(&KeptAnswerV1 {
        key: Some(Cow::Borrowed(&kept.key.0)),
        request: base64(&kept.request),
        conversation: (&kept.conversation).into(),
        message: kept.message.into(),
    })
}

/// What was kept for a key, which whoever looks for it has.
pub fn read_kept(key: IdempotencyKey, octets: &[u8]) -> Result<KeptAnswer, ReadError> {
    kept(key, read(octets)?)
}

/// What was kept, with its key; `None` when it was kept without.
pub fn read_kept_whole(octets: &[u8]) -> Result<Option<KeptAnswer>, ReadError> {
    let mut found: KeptAnswerV1<'_> = read(octets)?;
    found.key.take().map(|key| kept(IdempotencyKey(key.into()), found)).transpose()
}

fn kept(key: IdempotencyKey, kept: KeptAnswerV1<'_>) -> Result<KeptAnswer, ReadError> {
    Ok(KeptAnswer {
        key,
        request: self::octets(&kept.request)?,
        conversation: kept.conversation.try_into()?,
        message: kept.message.into(),
    })
}

#[derive(Serialize, Deserialize)]
struct DeadLetterV1<'a> {
    at: i64,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    raw: String,
}

pub fn write_dead_letter(letter: &DeadLetter) -> Vec<u8> {
    write_letter(letter.at, letter.reason, &letter.raw)
}

/// A dead letter whose reason was read from somewhere.
pub fn write_letter(at: Timestamp, reason: &str, raw: &[u8]) -> Vec<u8> {
    write(&DeadLetterV1 { at: nanoseconds(at), reason: reason.into(), raw: base64(raw) })
}

/// When, why, and the PDU as it came.
pub fn read_dead_letter(octets: &[u8]) -> Result<(Timestamp, String, Vec<u8>), ReadError> {
    let letter: DeadLetterV1<'_> = read(octets)?;
    Ok((time(letter.at), letter.reason.into_owned(), any_octets(&letter.raw)?))
}

// ------------------------------------------------------------------------------------------------- the audit

/// An operator accepted that the store went back in time.
#[derive(Serialize)]
struct AcceptanceV1<'a> {
    at: i64,
    who: &'a str,
    why: &'a str,
    lost_since: Option<i64>,
    /// Practice, newest occurrence that was seen, newest that is there.
    losses: Vec<(&'a str, u64, u64)>,
    conversations_doubted: usize,
}

pub fn write_acceptance(at: Timestamp, who: &str, why: &str, accepted: &Accepted) -> Vec<u8> {
    write(&AcceptanceV1 {
        at: nanoseconds(at),
        who,
        why,
        lost_since: accepted.lost_since.map(nanoseconds),
        losses: accepted.losses.iter().map(|loss| (loss.practice.as_str(), loss.seen, loss.has)).collect(),
        conversations_doubted: accepted.conversations,
    })
}

// -------------------------------------------------------------------------------------------------- records

pub fn write_record(record: &Record) -> Vec<u8> {
    write(&roll::RecordV1::from(record))
}

pub fn read_record(octets: &[u8]) -> Result<Record, ReadError> {
    read::<roll::RecordV1>(octets)?.try_into()
}

pub fn write_record_key(key: &RecordKey) -> Vec<u8> {
    write(&roll::RecordKeyV1::from(key))
}

pub fn read_record_key(octets: &[u8]) -> Result<RecordKey, ReadError> {
    read::<roll::RecordKeyV1>(octets)?.try_into()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::letters::{Coding, Language, Segment, Shifts};
    use crate::domain::outbox::{Fate, Stage};
    use crate::domain::policy::BootId;

    use crate::domain::{
        Answer, Body, CarrierError, CarrierId, Cause, Clues, Consent, DeliveryId, Draft, Effect, Event, FileHash,
        Fingerprint, Form, Imported, Inbound, Kind, Likeness, Limits, Mark, Marks, Opening, OtherDaemons, Part, Policy,
        Practice, Receipt, ReceiptState, Reference, Retry, SEGMENTS_PER_MINUTE_DEFAULT, SessionEnd, Settlement,
        StaffId, Texting, Written,
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
        let part =
            (reference(), 2..4_u8, 1..4_u8).prop_map(|(reference, total, number)| Part { reference, total, number });
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
            1 => Just(Happening::Event(Event::ReadUpTo(Seq(u64::MAX)))),
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
                        Entry::Updated { .. } | Entry::UnreadChanged { .. } => {
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
        let queued =
            r#"{"queued":{"not_before":1790000000000000000,"asked_until":null,"expires_at":1790000300000000000}}"#;
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
}
