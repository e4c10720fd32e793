//! That a number is a patient's, besides the one in their record, as staff found out.

use std::fmt;

use jiff::Timestamp;

use super::{PatientId, Phone, StaffId};

/// A phone linked to a patient. It shows whose texts these may be, and lets staff write to the patient there; it says nothing
/// of consent, which is the conversation's. `Debug` leaves out the phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    pub phone: Phone,
    pub patient: PatientId,
    /// Who said so; the operator's own program, if nobody is named.
    pub by: Option<StaffId>,
    pub at: Timestamp,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("patient", &self.patient).field("by", &self.by).finish_non_exhaustive()
    }
}
