//! A patient in the practice's records.

use std::fmt;

use jiff::civil::Date;

use super::{PatientId, Phone};

/// A patient. `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Patient {
    pub id: PatientId,
    pub first_name: String,
    pub last_name: String,
    pub date_of_birth: Date,
    pub mobile_phone: Phone,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("id", &self.id).finish_non_exhaustive()
    }
}
