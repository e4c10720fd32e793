//! What goes wrong, as it was scripted.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smpp::values::MessageState;

use super::span::Span;

/// How often more than once anything comes, at most.
const COPIES_MAX: u32 = 10;
/// Receipts that are gathered, to come in another order.
const GATHERED_MAX: usize = 1_000;
/// How many parts of a long text a script may name, repeated ones included.
const PARTS_MAX: usize = 255;
/// How many statuses or places a script may list.
const LISTED_MAX: usize = 64;
/// A PDU that is written octet by octet would otherwise take longer than anybody waits.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The script. By default nothing goes wrong. Setting it replaces the one before; what it says then holds on every
/// connection, the present ones too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// `submit_sm` is taken and never answered.
    pub silent: bool,
    /// `enquire_link` is never answered.
    pub silent_to_enquire_link: bool,
    /// A bind is never answered, and does not stand.
    pub silent_to_bind: bool,
    /// Every response comes after this time, and all of them in order.
    pub answer_after: Span,
    /// `submit_sm` is refused with this `command_status`.
    pub refuse_with: Option<u32>,
    /// Only so many of so many are refused, such as `[1, 3]`: the first of every three.
    pub refuse_of: Option<Share>,
    /// What a refusal is.
    pub refuse_by: RefuseBy,
    /// What comes above this rate is refused as throttled (0x58).
    pub submits_per_second: Option<u32>,
    /// `submit_sm_resp` has a sequence number that is this much too high.
    pub shift_sequence: u32,
    /// How a message id is written in `submit_sm_resp`.
    pub answer_ids: Ids,
    /// The bind is refused with this `command_status`.
    pub refuse_bind_with: Option<u32>,
    /// A bind that ended without `unbind` still stands so long: a new one of that `system_id` gets 0x05.
    pub ghost_for: Span,

    /// What receipts say.
    pub receipts: Receipts,
    /// Only so many of so many receipts are missing, such as `[1, 2]`: the first of every two.
    pub receipts_missing: Option<Share>,
    /// The receipt comes ahead of the answer to the submit that it is about.
    pub receipt_before_response: bool,
    /// A receipt takes so long; left out, as long as the carrier was set up for.
    pub receipt_after: Option<Span>,
    /// Every receipt comes so many times more.
    pub receipt_copies: u32,
    /// So many receipts are gathered, and come with the last first.
    pub receipts_reversed: usize,
    /// Where a receipt says what it says.
    pub receipt_carries: Carries,
    /// How a message id is written in receipts; left out, as in `submit_sm_resp`.
    pub receipt_ids: Option<Ids>,
    /// The error that a receipt names, 0 to 999.
    pub receipt_error: u16,

    /// What brings texts and receipts.
    pub deliver_by: DeliverBy,
    /// `deliver_sm` are kept back.
    pub hold_deliver: bool,
    /// Every `deliver_sm` is written so many times more, without waiting for its answer.
    pub deliver_copies: u32,
    /// What the gateway refuses with one of these statuses is delivered again; anything else that it refuses is gone.
    pub redeliver_on: Vec<u32>,
    /// How long that takes.
    pub redeliver_after: Span,
    /// What tells the parts of a phone's long text.
    pub long_texts: LongTexts,
    /// Which parts of a phone's long text come, counted from 1, and in which order: `[3, 1, 1]` lacks the second.
    pub parts: Vec<u8>,

    /// The connection is closed after so many octets of the next `submit_sm`: before its end, it never came.
    pub drop_after_octets: Option<usize>,
    /// Every connection is closed after so much went over it.
    pub cut: Option<Cut>,
    /// Nothing is read: the gateway's octets stay in its own buffers.
    pub stop_reading: bool,
    /// Nothing is written: everything is taken, and what was to be said is lost.
    pub mute: bool,
    /// PDUs are written in pieces.
    pub split: Option<Split>,
}

/// Why a script can't be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} must be {must}")]
pub struct Unfit {
    pub key: &'static str,
    pub must: String,
}

pub(super) fn fits(fit: bool, key: &'static str, must: impl Into<String>) -> Result<(), Unfit> {
    if fit { Ok(()) } else { Err(Unfit { key, must: must.into() }) }
}

impl Faults {
    /// Whether it can be played.
    pub fn check(&self) -> Result<(), Unfit> {
        let share_fits = |share: Option<Share>| share.is_none_or(|Share(some, all)| all > 0 && some <= all);
        const SHARE: &str = "two numbers of which the first is not the larger, such as [1, 3]";
        fits(share_fits(self.refuse_of), "refuse_of", SHARE)?;
        fits(share_fits(self.receipts_missing), "receipts_missing", SHARE)?;
        let needed = self.refuse_of.is_none() || self.refuse_with.is_some();
        fits(needed, "refuse_with", "given with refuse_of: it is what they are refused with")?;
        let refuses = self.refuse_with != Some(0) && self.refuse_bind_with != Some(0);
        fits(refuses, "refuse_with and refuse_bind_with", "a status above 0: 0 would not refuse")?;
        fits(self.submits_per_second != Some(0), "submits_per_second", "1 or more")?;
        let at_most = |most: &dyn std::fmt::Display| format!("{most} at most");
        fits(self.receipt_copies <= COPIES_MAX, "receipt_copies", at_most(&COPIES_MAX))?;
        fits(self.deliver_copies <= COPIES_MAX, "deliver_copies", at_most(&COPIES_MAX))?;
        fits(self.receipts_reversed <= GATHERED_MAX, "receipts_reversed", at_most(&GATHERED_MAX))?;
        fits(self.receipt_error <= 999, "receipt_error", "999 at most")?;
        let parts_fit = self.parts.len() <= PARTS_MAX && !self.parts.contains(&0);
        fits(parts_fit, "parts", format!("at most {PARTS_MAX} numbers that count from 1"))?;
        fits(self.redeliver_on.len() <= LISTED_MAX, "redeliver_on", format!("at most {LISTED_MAX} statuses"))?;
        let Some(split) = &self.split else { return Ok(()) };
        let split_fits = split.at.len() <= LISTED_MAX && split.at.is_sorted() && !split.at.contains(&0);
        fits(split_fits, "split.at", format!("at most {LISTED_MAX} places, in order, counted from 1"))?;
        fits(split.every != Some(0), "split.every", "1 or more")?;
        fits(split.pause.0 <= PAUSE_MAX, "split.pause", "a minute at most")
    }

    /// What refuses the `submit_sm` that is the so-manieth since the script began, counted from 0.
    pub(super) fn refuses(&self, nth: u64) -> Option<u32> {
        self.refuse_with.filter(|_| self.refuse_of.is_none_or(|share| share.has(nth)))
    }

    /// Whether the receipt that is the so-manieth since the script began is missing.
    pub(super) fn lacks_receipt(&self, nth: u64) -> bool {
        self.receipts_missing.is_some_and(|share| share.has(nth))
    }
}

/// So many of so many: the first ones of each round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share(pub u32, pub u32);

impl Share {
    fn has(self, nth: u64) -> bool {
        let Self(some, all) = self;
        nth % u64::from(all.max(1)) < u64::from(some)
    }
}

/// What a refusal of a `submit_sm` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefuseBy {
    /// `submit_sm_resp`.
    #[default]
    Response,
    /// `generic_nack` with the sequence number of the `submit_sm`.
    GenericNack,
    /// `generic_nack` with sequence number 0, so that nobody can tell what it refuses.
    NackOfNothing,
}

/// What brings the gateway its texts and receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliverBy {
    /// `deliver_sm`; and to a gateway that the carrier bound to, `submit_sm`.
    #[default]
    DeliverSm,
    /// `data_sm` (SMPP 3.4 §4.7), with the words in `message_payload`.
    DataSm,
}

/// What receipts say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipts {
    #[default]
    Delivered,
    /// The text does not reach the phone; nor does it with any of the next ones.
    Undeliverable,
    Expired,
    Deleted,
    Rejected,
    Unknown,
    /// There are none, though asked for. The text reaches the phone.
    None,
}

impl Receipts {
    pub(super) fn reaches_the_phone(self) -> bool {
        matches!(self, Self::Delivered | Self::None)
    }

    /// The receipt that is due, by `registered_delivery`, bits 1-0 (SMPP 3.4 §5.2.17): for both outcomes, for failure
    /// only, for success only.
    pub(super) fn wanted(self, registered_delivery: u8) -> Option<MessageState> {
        let state = match self {
            Self::Delivered => MessageState::Delivered,
            Self::Undeliverable => MessageState::Undeliverable,
            Self::Expired => MessageState::Expired,
            Self::Deleted => MessageState::Deleted,
            Self::Rejected => MessageState::Rejected,
            Self::Unknown => MessageState::Unknown,
            Self::None => return None,
        };
        match (registered_delivery & 0x03, self.reaches_the_phone()) {
            (1, _) | (2, false) | (3, true) => Some(state),
            _ => None,
        }
    }
}

/// Where a receipt says what it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carries {
    #[default]
    Both,
    /// In the optional parameters; its text is empty.
    Parameters,
    /// In its text alone.
    Text,
}

/// How a message id is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ids {
    #[default]
    Hex,
    UpperHex,
    Decimal,
    /// Hexadecimal with zeros ahead, 16 digits in all.
    PaddedHex,
    /// Decimal with zeros ahead, 20 digits in all.
    PaddedDecimal,
    /// An id that nobody was given.
    Unknown,
    Empty,
}

impl Ids {
    pub(super) fn write(self, id: u64) -> String {
        match self {
            Self::Hex => format!("{id:x}"),
            Self::UpperHex => format!("{id:X}"),
            Self::Decimal => id.to_string(),
            Self::PaddedHex => format!("{id:016x}"),
            Self::PaddedDecimal => format!("{id:020}"),
            Self::Unknown => format!("nobody-{id:x}"),
            Self::Empty => String::new(),
        }
    }
}

/// What tells the parts of a long text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongTexts {
    /// A user data header with a reference of 8 bits (3GPP TS 23.040 §9.2.3.24.1).
    #[default]
    Udh,
    /// And with one of 16 bits (§9.2.3.24.8).
    Udh16,
    /// The optional parameters `sar_msg_ref_num`, `sar_total_segments`, `sar_segment_seqnum` (SMPP 3.4 §5.3.2.22-24).
    Sar,
    /// There are none: the text comes whole, in `message_payload` (§5.3.2.32).
    Payload,
}

/// How much may go over a connection before it is closed, counted since the script was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    pub after: usize,
    pub of: Measure,
}

/// What is counted. To read is to hear from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    OctetsRead,
    /// The last one is taken and not answered.
    PdusRead,
    OctetsWritten,
    PdusWritten,
}

/// The pieces in which PDUs are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// A piece ends after so many octets.
    pub every: Option<usize>,
    /// And a piece ends at these places of each PDU.
    pub at: Vec<usize>,
    /// How long it is to the next piece.
    pub pause: Span,
}

impl Split {
    /// Where the pieces of a PDU of this length end.
    pub(super) fn ends(&self, length: usize) -> Vec<usize> {
        let every = self.every.unwrap_or(length).max(1);
        let mut ends: Vec<usize> = (every..length).step_by(every).collect();
        ends.extend(self.at.iter().filter(|place| (1..length).contains(*place)));
        ends.push(length);
        ends.sort_unstable();
        ends.dedup();
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_first_of_each_round() {
        let refused = |of: Share| {
            let faults = Faults { refuse_with: Some(0x58), refuse_of: Some(of), ..Faults::default() };
            (0..6).map(|nth| u8::from(faults.refuses(nth).is_some())).collect::<Vec<_>>()
        };
        assert_eq!(refused(Share(1, 3)), [1, 0, 0, 1, 0, 0]);
        assert_eq!(refused(Share(2, 3)), [1, 1, 0, 1, 1, 0]);
        assert_eq!(refused(Share(0, 1)), [0; 6]);
    }

    #[test]
    fn a_pdu_is_cut_where_the_script_says() {
        let ends = |every, at: &[usize]| Split { every, at: at.to_vec(), pause: Span::default() }.ends(5);
        assert_eq!(ends(Some(1), &[]), [1, 2, 3, 4, 5]);
        assert_eq!(ends(Some(2), &[]), [2, 4, 5]);
        assert_eq!(ends(None, &[4, 100]), [4, 5]);
        assert_eq!(ends(None, &[]), [5]);
        assert_eq!(ends(Some(3), &[1]), [1, 3, 5]);
    }

    #[test]
    fn an_id_is_written_in_every_way() {
        let written = |ids: Ids| ids.write(0xAB);
        assert_eq!([Ids::Hex, Ids::UpperHex, Ids::Decimal, Ids::Empty].map(written), ["ab", "AB", "171", ""]);
        assert_eq!(written(Ids::PaddedHex), "00000000000000ab");
        assert_eq!(written(Ids::PaddedDecimal), "00000000000000000171");
        assert_eq!(written(Ids::Unknown), "nobody-ab");
    }

    #[test]
    fn a_receipt_comes_to_whoever_asked_for_it() {
        let due = |registered, receipts: Receipts| receipts.wanted(registered).is_some();
        for (registered, delivered, failed) in [(0, false, false), (1, true, true), (2, false, true), (3, true, false)]
        {
            assert_eq!(due(registered, Receipts::Delivered), delivered, "{registered}");
            assert_eq!(due(registered, Receipts::Rejected), failed, "{registered}");
            assert!(!due(registered, Receipts::None), "{registered}");
        }
    }

    #[test]
    fn what_cannot_be_played_is_refused_with_its_key() {
        let throttled = || Faults { refuse_with: Some(0x58), ..Faults::default() };
        let split = |at: &[usize], every| Faults {
            split: Some(Split { every, at: at.to_vec(), pause: Span::default() }),
            ..Faults::default()
        };
        for (faults, key) in [
            (Faults { refuse_of: Some(Share(2, 1)), ..throttled() }, "refuse_of"),
            (Faults { refuse_of: Some(Share(0, 0)), ..throttled() }, "refuse_of"),
            (Faults { refuse_of: Some(Share(1, 2)), ..Faults::default() }, "refuse_with"),
            (Faults { receipts_missing: Some(Share(3, 2)), ..Faults::default() }, "receipts_missing"),
            (Faults { refuse_bind_with: Some(0), ..Faults::default() }, "refuse_with and refuse_bind_with"),
            (Faults { submits_per_second: Some(0), ..Faults::default() }, "submits_per_second"),
            (Faults { receipt_copies: 11, ..Faults::default() }, "receipt_copies"),
            (Faults { deliver_copies: 11, ..Faults::default() }, "deliver_copies"),
            (Faults { receipts_reversed: 1_001, ..Faults::default() }, "receipts_reversed"),
            (Faults { receipt_error: 1_000, ..Faults::default() }, "receipt_error"),
            (Faults { parts: vec![1, 0], ..Faults::default() }, "parts"),
            (Faults { redeliver_on: vec![8; 65], ..Faults::default() }, "redeliver_on"),
            (split(&[2, 1], None), "split.at"),
            (split(&[], Some(0)), "split.every"),
        ] {
            assert_eq!(faults.check().unwrap_err().key, key);
        }
        assert_eq!(Faults::default().check(), Ok(()));
    }
}
