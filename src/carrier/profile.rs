//! How one carrier wants its texts: what SMPP 3.4 leaves open, and what carriers do each in their own way.

use std::time::Duration;

use super::refusal::Refusals;
use super::translate::Dialect;
use crate::domain::text::{Pdus, SEGMENTS_MAX, Writing};

/// A carrier's ways. The default is strict: what the specification says, and of what it leaves open the choice that most
/// carriers take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub concatenation: Concatenation,
    /// How it writes, and reads, what is not UCS-2, and what the errors in its receipts mean.
    pub dialect: Dialect,
    /// `data_coding` of a text in the default alphabet (SMPP 3.4 §5.2.19).
    pub data_coding: u8,
    pub source: AddressForm,
    pub destination: AddressForm,
    pub validity_period: ValidityPeriod,
    /// Segments that a text of staff may take here, [`SEGMENTS_MAX`] at most.
    pub segments_max: u32,
    /// How long the carrier waits for the answer to what it delivers, before it may deliver it again.
    pub answer_within: Duration,
    pub refusals: Refusals,
}

/// Carriers wait between ten seconds and a minute. Of one of which nothing is known the least is assumed: the same words
/// after an answer that was only thought to be late are taken for the same text.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How the carrier learns that segments are one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concatenation {
    /// A user data header with a reference of 8 bits (3GPP TS 23.040 §9.2.3.24.1).
    Udh8,
    /// A user data header with a reference of 16 bits (§9.2.3.24.8).
    Udh16,
    /// `sar_msg_ref_num` and its companions (SMPP 3.4 §5.3.2.22 to 24).
    Sar,
    /// The whole text in `message_payload` (SMPP 3.4 §5.3.2.32); the carrier cuts it. One `submit_sm` and one answer: no
    /// text is half sent.
    MessagePayload,
}

/// What a number is said to be (SMPP 3.4 §5.2.5 and §5.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressForm {
    pub ton: u8,
    pub npi: u8,
}

impl AddressForm {
    /// E.164 without its plus sign.
    pub const INTERNATIONAL: Self = Self { ton: 1, npi: 1 };
}

/// How the end of a text's time is told (SMPP 3.4 §7.1.1). It always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValidityPeriod {
    /// As an instant, in UTC.
    Absolute,
    /// As how long from now on.
    Relative,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            concatenation: Concatenation::Udh8,
            dialect: Dialect::default(),
            data_coding: 0,
            source: AddressForm::INTERNATIONAL,
            destination: AddressForm::INTERNATIONAL,
            validity_period: ValidityPeriod::Absolute,
            segments_max: SEGMENTS_MAX,
            answer_within: ANSWER_WITHIN,
            refusals: Refusals::default(),
        }
    }
}

impl Profile {
    /// How texts are cut and written for this carrier.
    pub fn writing(&self) -> Writing {
        let header_octets = match self.concatenation {
            Concatenation::Udh8 | Concatenation::MessagePayload => 6,
            // The carrier may make a header of either size of a SAR reference of 16 bits: there is room for the larger.
            Concatenation::Udh16 | Concatenation::Sar => 7,
        };
        let pdus = match self.concatenation {
            Concatenation::Udh8 | Concatenation::Udh16 | Concatenation::Sar => Pdus::PerSegment,
            Concatenation::MessagePayload => Pdus::PerText,
        };
        let Self { dialect: Dialect { default_alphabet, .. }, segments_max, .. } = *self;
        Writing { default_alphabet, header_octets, segments_max, pdus, spread: None }
    }
}
