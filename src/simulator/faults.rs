//! What goes wrong, as it was scripted.

use serde::{Deserialize, Serialize};

/// The script. By default nothing goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// `submit_sm` is taken and never answered.
    pub silent: bool,
    /// `submit_sm` is refused with this `command_status`.
    pub refuse_with: Option<u32>,
    /// The bind is refused with this `command_status`.
    pub refuse_bind_with: Option<u32>,
    pub receipts: Receipts,
    /// The receipt comes ahead of the answer to the submit that it is about.
    pub receipt_before_response: bool,
    /// The connection is closed after so many octets of the next `submit_sm`: before its end, it never came.
    pub drop_after_octets: Option<usize>,
    /// `deliver_sm` are kept back.
    pub hold_deliver: bool,
}

/// What receipts say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipts {
    #[default]
    Delivered,
    /// The text does not reach the phone.
    Undeliverable,
    /// There are none, though asked for.
    None,
}
