//! A practice: the site that owns one texting number.

use std::num::NonZeroU32;

use super::{Phone, PracticeId};

/// Segments a minute that a low-volume 10DLC campaign may send through AT&T.
pub const SEGMENTS_PER_MINUTE_DEFAULT: NonZeroU32 = NonZeroU32::new(75).expect("75 is not zero");

/// A practice as the operator described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    pub id: PracticeId,
    /// The name that patients know; it opens every text that Assent writes itself.
    pub name: String,
    /// The practice's own texting number. It never changes: consent was given to this number.
    pub number: Phone,
    /// IANA name, such as `America/Denver`.
    pub time_zone: String,
    /// Whom a patient can call, as it stands in the HELP reply.
    pub contact: String,
    pub segments_per_minute: NonZeroU32,
}
