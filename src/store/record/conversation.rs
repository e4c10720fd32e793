//! A conversation as it is written.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{KindV1, MessageV1, ReceiptV1};
use super::{ConsentV1, HoldV1, KeyV1, MessageIdV1, ReadError, base64, nanoseconds, octets, time};
use crate::domain::outbox::{Arrived, Asked, EarlyReceipt, Fate, Outbox, Pause, Recalled, Stage, Tracked, Waiting};
use crate::domain::policy::BootId;
use crate::domain::reassembly::{PartSet, Reassembly};
use crate::domain::{
    Arrival, Body, CarrierId, Conversation, ConversationId, DeliveryId, Fingerprint, Reference, Seq, SessionEnd,
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    arrivals: Vec<ArrivalV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    session_ends: Vec<SessionEndV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    partial: Vec<PartSetV1<'a>>,
}

/// Fingerprint, time, place, the boot that took it, and the delivery: there are up to 32 of them, so they are short. The
/// last two are not in what was written by the first release; no delivery is known without the boot that took it.
#[derive(Serialize, Deserialize)]
struct ArrivalV1(
    String,
    i64,
    u64,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")] Option<u64>,
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
    attempts: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StageV1 {
    Pending,
    Held,
    Queued {
        not_before: i64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        postponed: bool,
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
        segments: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        arrived: Vec<Cow<'a, str>>,
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
}

impl<'a> From<&'a Conversation> for ConversationV1<'a> {
    fn from(conversation: &'a Conversation) -> Self {
        let Conversation {
            id,
            key,
            consent,
            hold,
            outbox: Outbox { waiting, tracked, early_receipts },
            last,
            active_at,
            unread,
            invitations,
            help_sent_at,
            arrivals,
            session_ends,
            reassembly: Reassembly { sets },
        } = conversation;
        Self {
            id: id.0,
            key: key.into(),
            consent: consent.into(),
            hold: hold.as_ref().map(HoldV1::from),
            last: last.0,
            active_at: nanoseconds(*active_at),
            unread: *unread,
            waiting: waiting.iter().map(WaitingV1::from).collect(),
            tracked: tracked.iter().map(|tracked| TrackedV1::from(&**tracked)).collect(),
            early_receipts: early_receipts.iter().map(EarlyReceiptV1::from).collect(),
            invitations: invitations.iter().copied().map(nanoseconds).collect(),
            help_sent_at: help_sent_at.map(nanoseconds),
            arrivals: arrivals.iter().map(ArrivalV1::from).collect(),
            session_ends: session_ends.iter().copied().map(SessionEndV1::from).collect(),
            partial: sets.iter().map(PartSetV1::from).collect(),
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
            arrivals: written.arrivals.into_iter().map(Arrival::try_from).collect::<Result<_, _>>()?,
            session_ends: written.session_ends.into_iter().map(SessionEnd::from).collect(),
            reassembly: Reassembly { sets: written.partial.into_iter().map(PartSet::from).collect() },
        })
    }
}

impl From<&Arrival> for ArrivalV1 {
    fn from(arrival: &Arrival) -> Self {
        let Arrival { fingerprint, at, seq, taken_by, delivery } = arrival;
        let (taken_by, delivery) = (taken_by.map(|boot| boot.0), delivery.map(|delivery| delivery.0));
        Self(base64(&fingerprint.0), nanoseconds(*at), seq.0, taken_by, delivery)
    }
}

impl TryFrom<ArrivalV1> for Arrival {
    type Error = ReadError;

    fn try_from(ArrivalV1(fingerprint, at, seq, taken_by, delivery): ArrivalV1) -> Result<Self, ReadError> {
        let fingerprint = Fingerprint(octets(&fingerprint)?);
        let (taken_by, delivery) = (taken_by.map(BootId), delivery.map(DeliveryId));
        Ok(Self { fingerprint, at: time(at), seq: Seq(seq), taken_by, delivery })
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
            Stage::Queued { not_before, pause, asked, expires_at } => StageV1::Queued {
                not_before: nanoseconds(not_before),
                postponed: pause == Pause::UntilOpening,
                asked_until: asked.map(|asked| nanoseconds(asked.until)),
                asked_by: asked.map(|asked| asked.by.0),
                expires_at: nanoseconds(expires_at),
            },
            Stage::Sending { boot, deadline, expires_at, recalled } => StageV1::Sending {
                boot: boot.0,
                deadline: nanoseconds(deadline),
                expires_at: nanoseconds(expires_at),
                recalled: recalled != Recalled::No,
                to_be_held: recalled == Recalled::ToBeHeld,
            },
        };
        Self { message: (&waiting.message).into(), stage, attempts: waiting.attempts }
    }
}

impl TryFrom<WaitingV1<'_>> for Waiting {
    type Error = ReadError;

    fn try_from(waiting: WaitingV1<'_>) -> Result<Self, ReadError> {
        let stage = match waiting.stage {
            StageV1::Pending => Stage::Pending,
            StageV1::Held => Stage::Held,
            StageV1::Queued { not_before, postponed, asked_until, asked_by, expires_at } => Stage::Queued {
                not_before: time(not_before),
                pause: if postponed { Pause::UntilOpening } else { Pause::Short },
                asked: asked_until.zip(asked_by).map(|(until, by)| Asked { by: BootId(by), until: time(until) }),
                expires_at: time(expires_at),
            },
            StageV1::Sending { boot, deadline, expires_at, recalled, to_be_held } => Stage::Sending {
                boot: BootId(boot),
                deadline: time(deadline),
                expires_at: time(expires_at),
                recalled: match (recalled, to_be_held) {
                    (false, _) => Recalled::No,
                    (true, false) => Recalled::Yes,
                    (true, true) => Recalled::ToBeHeld,
                },
            },
        };
        Ok(Self { message: waiting.message.try_into()?, stage, attempts: waiting.attempts })
    }
}

impl<'a> From<&'a Tracked> for TrackedV1<'a> {
    fn from(tracked: &'a Tracked) -> Self {
        let fate = match &tracked.fate {
            Fate::Sent { segments } => FateV1::Sent {
                segments: segments.iter().map(|(id, arrived)| ((&*id.0).into(), *arrived == Arrived::Yes)).collect(),
            },
            Fate::Unconfirmed { segments, arrived } => {
                FateV1::Unconfirmed { segments: *segments, arrived: arrived.iter().map(|id| (&*id.0).into()).collect() }
            }
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
            FateV1::Unconfirmed { segments, arrived } => {
                Fate::Unconfirmed { segments, arrived: arrived.into_iter().map(|id| CarrierId(id.into())).collect() }
            }
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
        let parts = set.parts.iter().map(|part| part.as_ref().map(|text| text.expose().into())).collect();
        let (reference, wide) = match set.reference {
            Reference::Octet(reference) => (reference.into(), false),
            Reference::Word(reference) => (reference, true),
        };
        Self { reference, wide, opened_at: nanoseconds(set.opened_at), parts }
    }
}

impl From<PartSetV1<'_>> for PartSet {
    fn from(set: PartSetV1<'_>) -> Self {
        let parts = set.parts.into_iter().map(|part| part.map(Body::new)).collect();
        let reference = match u8::try_from(set.reference) {
            Ok(reference) if !set.wide => Reference::Octet(reference),
            Ok(_) | Err(_) => Reference::Word(set.reference),
        };
        Self { reference, opened_at: time(set.opened_at), parts }
    }
}
