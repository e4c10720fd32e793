//! The audit of a practice: who did what with its records, and when. What was said or looked for is not in it.

use jiff::Timestamp;

use super::{MessageId, PatientId, Phone, PracticeId, StaffId};

/// One call, as it is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    pub practice: PracticeId,
    pub at: Timestamp,
    pub by: By,
    /// The call, by the name that it has in the description of the API.
    pub action: String,
    pub about: Subject,
    pub ended: Ended,
}

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The operator, perhaps for a member of the staff.
    Operator(Option<StaffId>),
    /// A program of the practice, for nobody in particular.
    Backend { token: String },
    /// A member of the staff, by their own token or by that of the practice's program.
    Staff { staff: StaffId, token: String },
}

/// What the call named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub patient: Option<PatientId>,
    pub phone: Option<Phone>,
    pub message: Option<MessageId>,
    /// Something else with an id: a member of the staff, a token, a template.
    pub other: Option<String>,
}

/// How the call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// Nothing was done, and nothing told; the code of the problem.
    Refused(String),
}
