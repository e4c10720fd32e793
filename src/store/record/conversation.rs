//! A conversation as it is written.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::desk::DeskV1;
use super::ledger::LedgerV1;
use super::message::{KindV1, MarksV1, MessageV1, ReceiptV1, read_marks, write_marks};
use super::wordings::LanguageV1;
use super::{
    ConsentV1, HoldV1, KeyV1, MessageIdV1, ReadError, SuspensionV1, any_octets, base64, nanoseconds, octets, time,
};
use crate::domain::letters::{Coding, Language, Segment, Shifts};
use crate::domain::outbox::{
    Arrived, Asked, EarlyReceipt, Fate, Left, Outbox, Pause, Recalled, Stage, Tracked, Waiting,
};
use crate::domain::policy::BootId;
use crate::domain::reassembly::{PartSet, Piece, Reassembly};
use crate::domain::{
    Arrival, Body, CarrierId, Conversation, ConversationId, DeliveryId, Fingerprint, Message, Opening, Preferences,
    Reference, Seq, SessionEnd, Written,
};

#[derive(Serialize, Deserialize)]
pub struct ConversationV1<'a> {
    id: u64,
    #[serde(borrow)]
    key: KeyV1<'a>,
    #[serde(borrow)]
    consent: ConsentV1<'a>,
    /// Not in what was written before probable opt-outs were held.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    hold: Option<HoldV1<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspension: Option<SuspensionV1>,
    last: u64,
    active_at: i64,
    unread: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    waiting: Vec<WaitingV1<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tracked: Vec<TrackedV1<'a>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    early_receipts: Vec<EarlyReceiptV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    invitations: Vec<i64>,
    help_sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after_hours_sent_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard_at: Option<i64>,
    #[serde(default, skip_serializing_if = "LanguageV1::is_english")]
    language: LanguageV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_zone: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    arrivals: Vec<ArrivalV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    session_ends: Vec<SessionEndV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    partial: Vec<PartSetV1<'a>>,
    /// Not in what was written before there was a ledger.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    ledger: Option<LedgerV1<'a>>,
    /// Not in what was written before staff arranged anything.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    desk: Option<DeskV1<'a>>,
}

/// Fingerprint, time, place, the boot that took it, the delivery, and when that was answered if that was late: there are up
/// to 32 of them, so they are short. The last three are not in what was written by the first release; none is known
/// without the one before it.
#[derive(Serialize, Deserialize)]
struct ArrivalV1(
    String,
    i64,
    u64,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<i64>,
);

/// Its time alone, or with the boot whose session it was.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SessionEndV1 {
    At(i64),
    Of(i64, u64),
}

#[derive(Serialize, Deserialize)]
struct WaitingV1<'a> {
    #[serde(borrow)]
    message: MessageV1<'a>,
    stage: StageV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    send_at: Option<i64>,
    attempts: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StageV1 {
    Pending,
    Held,
    Orphaned,
    Scheduled {
        at: i64,
    },
    Queued {
        not_before: i64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        postponed: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        quiet: bool,
        asked_until: Option<i64>,
        /// Without it a slot that was asked for is forgotten: the first release asked for it, and is gone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked_by: Option<u64>,
        expires_at: i64,
    },
    Sending {
        boot: u64,
        deadline: i64,
        expires_at: i64,
        recalled: bool,
        /// Whether it is held if it comes back; else it fails.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        to_be_held: bool,
        /// Whether it fails because the phone is not the patient's any more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        not_theirs: bool,
        /// Without it, as many as the text has segments: the first release did not know of any other way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pdus: Option<u32>,
    },
}

#[derive(Serialize, Deserialize)]
struct TrackedV1<'a> {
    id: MessageIdV1,
    kind: KindV1<'a>,
    attempt: u32,
    since: i64,
    fate: FateV1<'a>,
}

#[derive(Serialize, Deserialize)]
struct EarlyReceiptV1 {
    #[serde(flatten)]
    receipt: ReceiptV1,
    /// Without it, it came when something last happened: the first release did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FateV1<'a> {
    /// The carrier's id of each segment, and whether it arrived.
    Sent { segments: Vec<(Cow<'a, str>, bool)> },
    Unconfirmed {
        /// PDUs, which are as many.
        segments: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        arrived: Vec<Cow<'a, str>>,
        /// When it left, and how it begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<(i64, Cow<'a, str>)>,
    },
}

#[derive(Serialize, Deserialize)]
struct PartSetV1<'a> {
    reference: u16,
    /// Whether the reference is one of 16 bits. Without it, what is too large for 8 bits is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    wide: bool,
    opened_at: i64,
    #[serde(borrow)]
    parts: Vec<Option<Cow<'a, str>>>,
    /// How each was written, beyond its words; not known of those that the first release wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    written: Vec<WrittenV1>,
}

#[derive(Default, Serialize, Deserialize)]
struct WrittenV1 {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    marks: MarksV1,
    /// What its octets mean, and the octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segment: Option<(CodingV1, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CodingV1 {
    /// The national language identifiers of the locking and the single shift.
    Gsm7(u8, u8),
    Ascii,
    Latin1,
    Cyrillic,
    Hebrew,
    Utf16,
}

impl<'a> From<&'a Conversation> for ConversationV1<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        let Conversation {
            id,
            key,
            consent,
            hold,
            suspension,
            outbox: Outbox { waiting, tracked, early_receipts },
            last,
            active_at,
            unread,
            invitations,
            help_sent_at,
            after_hours_sent_at,
            heard_at,
            preferences: Preferences { language, time_zone },
            arrivals,
            session_ends,
            reassembly: Reassembly { sets },
            ledger,
            desk,
        } = conversation;
        Self {
            id: id.0,
            key: key.into(),
            consent: consent.into(),
            hold: hold.as_ref().map(HoldV1::from),
            suspension: suspension.map(SuspensionV1::from),
            last: last.0,
            active_at: nanoseconds(*active_at),
            unread: *unread,
            waiting: waiting.iter().map(WaitingV1::from).collect(),
            tracked: tracked.iter().map(|tracked| TrackedV1::from(&**tracked)).collect(),
            early_receipts: early_receipts.iter().map(EarlyReceiptV1::from).collect(),
            invitations: invitations.iter().copied().map(nanoseconds).collect(),
            help_sent_at: help_sent_at.map(nanoseconds),
            after_hours_sent_at: after_hours_sent_at.map(nanoseconds),
            heard_at: heard_at.map(nanoseconds),
            language: (*language).into(),
            time_zone: time_zone.as_deref().map(Cow::from),
            arrivals: arrivals.iter().map(ArrivalV1::from).collect(),
            session_ends: session_ends.iter().copied().map(SessionEndV1::from).collect(),
            partial: sets.iter().map(PartSetV1::from).collect(),
            ledger: LedgerV1::of(ledger),
            desk: DeskV1::of(desk),
        }
    }
}

impl TryFrom<ConversationV1<'_>> for Conversation {
    type Error = ReadError;

    fn try_from(written: ConversationV1<'_>) -> Result<Self, ReadError> {
        Ok(Self {
            id: ConversationId(written.id),
            key: written.key.try_into()?,
            consent: written.consent.try_into()?,
            hold: written.hold.map(Into::into),
            suspension: written.suspension.map(Into::into),
            outbox: Outbox {
                waiting: written.waiting.into_iter().map(Waiting::try_from).collect::<Result<_, _>>()?,
                tracked: written
                    .tracked
                    .into_iter()
                    .map(|tracked| Tracked::try_from(tracked).map(Arc::new))
                    .collect::<Result<_, _>>()?,
                early_receipts: written
                    .early_receipts
                    .into_iter()
                    .map(|early| early.read(written.active_at))
                    .collect::<Result<_, _>>()?,
            },
            last: Seq(written.last),
            active_at: time(written.active_at),
            unread: written.unread,
            invitations: written.invitations.into_iter().map(time).collect(),
            help_sent_at: written.help_sent_at.map(time),
            after_hours_sent_at: written.after_hours_sent_at.map(time),
            heard_at: written.heard_at.map(time),
            preferences: Preferences {
                language: written.language.into(),
                time_zone: written.time_zone.map(Cow::into_owned),
            },
            arrivals: written.arrivals.into_iter().map(Arrival::try_from).collect::<Result<_, _>>()?,
            session_ends: written.session_ends.into_iter().map(SessionEnd::from).collect(),
            reassembly: Reassembly {
                sets: written.partial.into_iter().map(PartSet::try_from).collect::<Result<_, _>>()?,
            },
            ledger: LedgerV1::read(written.ledger)?,
            desk: DeskV1::read(written.desk)?,
        })
    }
}

impl From<&Arrival> for ArrivalV1 {
    fn from(arrival: &Arrival) -> Self {
        let Arrival { fingerprint, at, seq, taken_by, delivery, answered_late } = arrival;
        let (taken_by, delivery) = (taken_by.map(|boot| boot.0), delivery.map(|delivery| delivery.0));
        Self(base64(&fingerprint.0), nanoseconds(*at), seq.0, taken_by, delivery, answered_late.map(nanoseconds))
    }
}

impl TryFrom<ArrivalV1> for Arrival {
    type Error = ReadError;

    fn try_from(written: ArrivalV1) -> Result<Self, ReadError> {
        let ArrivalV1(fingerprint, at, seq, taken_by, delivery, answered_late) = written;
        let fingerprint = Fingerprint(octets(&fingerprint)?);
        let (taken_by, delivery) = (taken_by.map(BootId), delivery.map(DeliveryId));
        let answered_late = answered_late.map(time);
        Ok(Self { fingerprint, at: time(at), seq: Seq(seq), taken_by, delivery, answered_late })
    }
}

impl From<SessionEnd> for SessionEndV1 {
    fn from(SessionEnd { at, of }: SessionEnd) -> Self {
        match of {
            None => Self::At(nanoseconds(at)),
            Some(boot) => Self::Of(nanoseconds(at), boot.0),
        }
    }
}

impl From<SessionEndV1> for SessionEnd {
    fn from(written: SessionEndV1) -> Self {
        match written {
            SessionEndV1::At(at) => Self { at: time(at), of: None },
            SessionEndV1::Of(at, boot) => Self { at: time(at), of: Some(BootId(boot)) },
        }
    }
}

impl<'a> From<&'a Waiting> for WaitingV1<'a> {
    fn from(waiting: &'a Waiting) -> Self {
        let stage = match waiting.stage {
            Stage::Pending => StageV1::Pending,
            Stage::Held => StageV1::Held,
            Stage::Orphaned => StageV1::Orphaned,
            Stage::Scheduled { at } => StageV1::Scheduled { at: nanoseconds(at) },
            Stage::Queued { not_before, pause, asked, expires_at } => StageV1::Queued {
                not_before: nanoseconds(not_before),
                postponed: pause == Pause::UntilOpening,
                quiet: pause == Pause::Quiet,
                asked_until: asked.map(|asked| nanoseconds(asked.until)),
                asked_by: asked.map(|asked| asked.by.0),
                expires_at: nanoseconds(expires_at),
            },
            Stage::Sending { boot, deadline, expires_at, recalled, pdus } => StageV1::Sending {
                boot: boot.0,
                deadline: nanoseconds(deadline),
                expires_at: nanoseconds(expires_at),
                recalled: recalled != Recalled::No,
                to_be_held: recalled == Recalled::ToBeHeld,
                not_theirs: recalled == Recalled::NotTheirs,
                pdus: Some(pdus),
            },
        };
        let send_at = waiting.send_at.map(nanoseconds);
        Self { message: (&waiting.message).into(), stage, send_at, attempts: waiting.attempts }
    }
}

impl TryFrom<WaitingV1<'_>> for Waiting {
    type Error = ReadError;

    fn try_from(waiting: WaitingV1<'_>) -> Result<Self, ReadError> {
        let message: Message = waiting.message.try_into()?;
        let stage = match waiting.stage {
            StageV1::Pending => Stage::Pending,
            StageV1::Held => Stage::Held,
            StageV1::Orphaned => Stage::Orphaned,
            StageV1::Scheduled { at } => Stage::Scheduled { at: time(at) },
            StageV1::Queued { not_before, postponed, quiet, asked_until, asked_by, expires_at } => Stage::Queued {
                not_before: time(not_before),
                pause: match (quiet, postponed) {
                    (true, _) => Pause::Quiet,
                    (false, true) => Pause::UntilOpening,
                    (false, false) => Pause::Short,
                },
                asked: asked_until.zip(asked_by).map(|(until, by)| Asked { by: BootId(by), until: time(until) }),
                expires_at: time(expires_at),
            },
            StageV1::Sending { boot, deadline, expires_at, recalled, to_be_held, not_theirs, pdus } => Stage::Sending {
                boot: BootId(boot),
                deadline: time(deadline),
                expires_at: time(expires_at),
                recalled: match (recalled, to_be_held, not_theirs) {
                    (false, _, _) => Recalled::No,
                    (true, false, false) => Recalled::Yes,
                    (true, true, false) => Recalled::ToBeHeld,
                    (true, _, true) => Recalled::NotTheirs,
                },
                pdus: pdus.unwrap_or(message.segments),
            },
        };
        let send_at = waiting.send_at.map(time);
        Ok(Self { message, stage, send_at, attempts: waiting.attempts })
    }
}

impl<'a> From<&'a Tracked> for TrackedV1<'a> {
    fn from(tracked: &'a Tracked) -> Self {
        let fate = match &tracked.fate {
            Fate::Sent { segments } => FateV1::Sent {
                segments: segments.iter().map(|(id, arrived)| ((&*id.0).into(), *arrived == Arrived::Yes)).collect(),
            },
            Fate::Unconfirmed { pdus, arrived, left } => FateV1::Unconfirmed {
                segments: *pdus,
                arrived: arrived.iter().map(|id| (&*id.0).into()).collect(),
                left: left.as_ref().map(|left| (nanoseconds(left.at), left.opening.expose().into())),
            },
        };
        Self {
            id: tracked.id.into(),
            kind: (&tracked.kind).into(),
            attempt: tracked.attempt,
            since: nanoseconds(tracked.since),
            fate,
        }
    }
}

impl TryFrom<TrackedV1<'_>> for Tracked {
    type Error = ReadError;

    fn try_from(tracked: TrackedV1<'_>) -> Result<Self, ReadError> {
        let segment = |(id, arrived): (Cow<'_, str>, bool)| {
            (CarrierId(id.into()), if arrived { Arrived::Yes } else { Arrived::NotYetKnown })
        };
        let fate = match tracked.fate {
            FateV1::Sent { segments } => Fate::Sent { segments: segments.into_iter().map(segment).collect() },
            FateV1::Unconfirmed { segments, arrived, left } => Fate::Unconfirmed {
                pdus: segments,
                arrived: arrived.into_iter().map(|id| CarrierId(id.into())).collect(),
                left: left.map(|(at, opening)| Left { at: time(at), opening: Opening::of(&opening) }),
            },
        };
        Ok(Self {
            id: tracked.id.into(),
            kind: tracked.kind.try_into()?,
            attempt: tracked.attempt,
            since: time(tracked.since),
            fate,
        })
    }
}

impl From<&EarlyReceipt> for EarlyReceiptV1 {
    fn from(EarlyReceipt { receipt, at }: &EarlyReceipt) -> Self {
        Self { receipt: receipt.into(), at: Some(nanoseconds(*at)) }
    }
}

impl EarlyReceiptV1 {
    fn read(self, active_at: i64) -> Result<EarlyReceipt, ReadError> {
        Ok(EarlyReceipt { receipt: self.receipt.try_into()?, at: time(self.at.unwrap_or(active_at)) })
    }
}

impl<'a> From<&'a PartSet> for PartSetV1<'a> {
    fn from(set: &'a PartSet) -> Self {
        let parts = set.parts.iter().map(|part| part.as_ref().map(|piece| piece.text.expose().into())).collect();
        let is_plain = |piece: &Piece| piece.written == Written::default();
        let written = match set.parts.iter().flatten().all(is_plain) {
            true => Vec::new(),
            false => set.parts.iter().map(|part| part.as_ref().map(WrittenV1::from).unwrap_or_default()).collect(),
        };
        let (reference, wide) = match set.reference {
            Reference::Octet(reference) => (reference.into(), false),
            Reference::Word(reference) => (reference, true),
        };
        Self { reference, wide, opened_at: nanoseconds(set.opened_at), parts, written }
    }
}

impl From<&Piece> for WrittenV1 {
    fn from(Piece { written: Written { marks, segment }, .. }: &Piece) -> Self {
        let segment = segment.as_ref().map(|segment| (segment.coding.into(), base64(segment.expose())));
        Self { marks: write_marks(*marks), segment }
    }
}

impl TryFrom<WrittenV1> for Written {
    type Error = ReadError;

    fn try_from(written: WrittenV1) -> Result<Self, ReadError> {
        let segment = |(coding, octets): (CodingV1, String)| Ok(Segment::new(coding.into(), any_octets(&octets)?));
        Ok(Self { marks: read_marks(&written.marks)?, segment: written.segment.map(segment).transpose()? })
    }
}

impl From<Coding> for CodingV1 {
    fn from(coding: Coding) -> Self {
        match coding {
            Coding::Gsm7(Shifts { locking, single }) => Self::Gsm7(locking.identifier(), single.identifier()),
            Coding::Ascii => Self::Ascii,
            Coding::Latin1 => Self::Latin1,
            Coding::Cyrillic => Self::Cyrillic,
            Coding::Hebrew => Self::Hebrew,
            Coding::Utf16 => Self::Utf16,
        }
    }
}

impl From<CodingV1> for Coding {
    fn from(coding: CodingV1) -> Self {
        match coding {
            CodingV1::Gsm7(locking, single) => {
                Self::Gsm7(Shifts { locking: Language::of(locking), single: Language::of(single) })
            }
            CodingV1::Ascii => Self::Ascii,
            CodingV1::Latin1 => Self::Latin1,
            CodingV1::Cyrillic => Self::Cyrillic,
            CodingV1::Hebrew => Self::Hebrew,
            CodingV1::Utf16 => Self::Utf16,
        }
    }
}

impl TryFrom<PartSetV1<'_>> for PartSet {
    type Error = ReadError;

    fn try_from(set: PartSetV1<'_>) -> Result<Self, ReadError> {
        let written = set.written.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let piece = |(part, written): (Option<Cow<'_, str>>, Option<WrittenV1>)| {
            let Some(text) = part else { return Ok(None) };
            Ok(Some(Piece { text: Body::new(text), written: written.unwrap_or_default().try_into()? }))
        };
        let parts = set.parts.into_iter().zip(written).map(piece).collect::<Result<_, ReadError>>()?;
        let reference = match u8::try_from(set.reference) {
            Ok(reference) if !set.wide => Reference::Octet(reference),
            Ok(_) | Err(_) => Reference::Word(set.reference),
        };
        Ok(Self { reference, opened_at: time(set.opened_at), parts })
    }
}
