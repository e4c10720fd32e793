//! A patient in the practice's records.

use std::fmt;

use jiff::civil::Date;

use super::keyword::Language;
use super::{PatientId, Phone};

/// A patient. `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Patient {
    pub id: PatientId,
    pub first_name: String,
    pub last_name: String,
    pub date_of_birth: Date,
    pub mobile_phone: Phone,
    /// What the practice knows of how to text them.
    pub preferences: Preferences,
}

/// How a patient wants to be texted, as far as the practice knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The language of what Assent writes without being asked.
    pub language: Language,
    /// Where it is night when it is: the practice's zone if left out. IANA name, such as `America/Denver`.
    pub time_zone: Option<String>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("id", &self.id).finish_non_exhaustive()
    }
}
