//! A filter of the inbox as the indexes know it.

use super::cipher::Lookups;
use crate::domain::PracticeId;
use crate::ports::{InboxFilter, Looked};

/// Places of an index that one call looks at, so that it takes milliseconds however few conversations fit. A caller goes on from
/// where it was cut.
pub const LOOKS_MAX: usize = 1_000;

/// What a conversation must be, and must not be, to be listed: by the numbers of its facets.
pub struct Sought {
    pub looked: Option<Looked>,
    /// The first of them is walked through: whoever asks names first what is rarest.
    pub has: Vec<i64>,
    pub lacks: Vec<i64>,
}

impl Sought {
    pub fn of(lookups: &Lookups, practice: &PracticeId, filter: &InboxFilter) -> Self {
        let number = |facet| lookups.facet(practice, facet);
        Self {
            looked: filter.looked,
            has: filter.has.iter().map(number).collect(),
            lacks: filter.lacks.iter().map(number).collect(),
        }
    }
}
