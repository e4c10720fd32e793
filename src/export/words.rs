//! What things are called in a document. The API calls them the same.

use crate::domain::ledger::By;
use crate::domain::{Consent, Failure, Kind, ReceiptState, SettledBy, Settlement, StaffId};

pub fn consent(consent: &Consent) -> &'static str {
    match consent {
        Consent::None => "none",
        Consent::Invited { .. } => "invited",
        Consent::OptedIn { .. } => "opted_in",
        Consent::OptedOut { .. } => "opted_out",
    }
}

pub fn direction(kind: &Kind) -> &'static str {
    match kind {
        Kind::Inbound => "inbound",
        Kind::StaffText { .. }
        | Kind::Invitation
        | Kind::OptOutConfirmation
        | Kind::StartConfirmation
        | Kind::Help
        | Kind::AfterHours => "outbound",
    }
}

pub fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Inbound | Kind::StaffText { .. } => "text",
        Kind::Invitation => "invitation",
        Kind::OptOutConfirmation => "opt_out_confirmation",
        Kind::StartConfirmation => "start_confirmation",
        Kind::Help => "help",
        Kind::AfterHours => "after_hours",
    }
}

/// Who of the staff wrote it.
pub fn author(kind: &Kind) -> Option<&StaffId> {
    match kind {
        Kind::StaffText { staff } => staff.as_ref(),
        Kind::Inbound
        | Kind::Invitation
        | Kind::OptOutConfirmation
        | Kind::StartConfirmation
        | Kind::Help
        | Kind::AfterHours => None,
    }
}

/// Why a message failed or was not delivered, with what the carrier said.
pub fn failure(failure: &Failure) -> String {
    match failure {
        Failure::OptedOut => "opted-out".to_owned(),
        Failure::Unreachable => "unreachable".to_owned(),
        Failure::CarrierRejected { command_status } => {
            format!("carrier-rejected (command_status 0x{command_status:08X})")
        }
        Failure::PartlySent => "partly-sent".to_owned(),
        Failure::Discarded => "discarded".to_owned(),
        Failure::SentAgain { as_seq } => format!("sent-again (as message {})", as_seq.0),
        Failure::AuthorMayNotText => "author-may-not-text".to_owned(),
        Failure::TakenOver { as_seq } => format!("taken-over (as message {})", as_seq.0),
        Failure::NotDelivered { state, error } => {
            let cause = error.and_then(|error| error.cause).map(|cause| format!(", {}", cause.name()));
            let error = error.map(|error| format!(", carrier error {}", error.code));
            format!("not-delivered ({}{}{})", receipt(*state), cause.unwrap_or_default(), error.unwrap_or_default())
        }
    }
}

pub fn receipt(state: ReceiptState) -> &'static str {
    match state {
        ReceiptState::Enroute => "enroute",
        ReceiptState::Delivered => "delivered",
        ReceiptState::Expired => "expired",
        ReceiptState::Deleted => "deleted",
        ReceiptState::Undeliverable => "undeliverable",
        ReceiptState::Accepted => "accepted",
        ReceiptState::Unknown => "unknown",
        ReceiptState::Rejected => "rejected",
    }
}

pub fn settlement(settlement: Settlement) -> &'static str {
    match settlement {
        Settlement::OptOut => "opt_out",
        Settlement::Release => "release",
    }
}

/// Who settled a hold, and who of the staff it was.
pub fn settled_by(by: &SettledBy) -> (&'static str, Option<&StaffId>) {
    match by {
        SettledBy::Staff(staff) => ("staff", staff.as_ref()),
        SettledBy::Patient => ("patient", None),
        SettledBy::Carrier => ("carrier", None),
        SettledBy::Time => ("time", None),
    }
}

/// Who made a change, and who of the staff it was.
pub fn by(by: Option<&By>) -> (&'static str, Option<&StaffId>) {
    match by {
        Some(By::Patient) => ("patient", None),
        Some(By::Staff(staff)) => ("staff", staff.as_ref()),
        Some(By::Carrier) => ("carrier", None),
        Some(By::Import) => ("import", None),
        Some(By::Time) => ("time", None),
        None => ("not_recorded", None),
    }
}
