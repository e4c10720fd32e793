//! An entry of the audit as it is written. Whose audit it is stands outside of it, in what it is sealed with.

use serde::{Deserialize, Serialize};

use super::{ReadError, nanoseconds, phone, time};
use crate::domain::audit::{Audited, By, Ended, Subject};
use crate::domain::{MessageId, PatientId, PracticeId, StaffId};

#[derive(Serialize, Deserialize)]
pub struct AuditedV1 {
    at: i64,
    by: ByV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    staff: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patient: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByV1 {
    Operator,
    Backend,
    Staff,
}

impl AuditedV1 {
    pub fn of(entry: &Audited) -> Self {
        let Audited { practice: _, at, by, action, about, ended } = entry;
        let Subject { patient, phone, message, other } = about;
        let (by, staff, token) = match by {
            By::Operator(staff) => (ByV1::Operator, staff.as_ref(), None),
            By::Backend { token } => (ByV1::Backend, None, Some(token)),
            By::Staff { staff, token } => (ByV1::Staff, Some(staff), Some(token)),
        };
        Self {
            at: nanoseconds(*at),
            by,
            staff: staff.map(StaffId::to_string),
            token: token.cloned(),
            action: action.clone(),
            patient: patient.as_ref().map(PatientId::to_string),
            phone: phone.as_ref().map(|phone| phone.expose().to_owned()),
            message: message.as_ref().map(MessageId::to_string),
            other: other.clone(),
            refused: match ended {
                Ended::Done => None,
                Ended::Refused(code) => Some(code.clone()),
            },
        }
    }

    pub fn read(self, practice: &PracticeId) -> Result<Audited, ReadError> {
        let staff = self.staff.map(|id| StaffId::parse(&id).map_err(|_| ReadError::NotA("staff id"))).transpose()?;
        let by = match (self.by, staff, self.token) {
            (ByV1::Operator, staff, _) => By::Operator(staff),
            (ByV1::Backend, _, Some(token)) => By::Backend { token },
            (ByV1::Staff, Some(staff), Some(token)) => By::Staff { staff, token },
            (ByV1::Backend, _, None) | (ByV1::Staff, None, _) | (ByV1::Staff, _, None) => {
                return Err(ReadError::Malformed);
            }
        };
        let patient = self.patient.map(|id| PatientId::parse(&id).map_err(|_| ReadError::NotA("patient id")));
        let message = self.message.map(|id| MessageId::parse(&id).ok_or(ReadError::NotA("message id")));
        Ok(Audited {
            practice: practice.clone(),
            at: time(self.at),
            by,
            action: self.action,
            about: Subject {
                patient: patient.transpose()?,
                phone: self.phone.as_deref().map(phone).transpose()?,
                message: message.transpose()?,
                other: self.other,
            },
            ended: self.refused.map_or(Ended::Done, Ended::Refused),
        })
    }
}
