//! A member of staff, and what they may do.

use super::StaffId;

/// A member of a practice's staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffMember {
    pub id: StaffId,
    pub name: String,
    /// May change the permissions of staff.
    pub site_administrator: bool,
    /// May text patients and read what they text.
    pub patient_text_administrator: bool,
}
