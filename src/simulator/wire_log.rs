//! Every PDU that came or went, for tests to read.

use std::collections::VecDeque;

use jiff::Timestamp;
use smpp::CommandId;

/// Entries that are kept.
const ENTRIES_MAX: usize = 10_000;

/// Which way a PDU went, seen from the carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WireDirection {
    FromGateway,
    ToGateway,
}

/// One PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireEntry {
    pub at: Timestamp,
    /// Which connection, counted from 1.
    pub connection: u64,
    pub direction: WireDirection,
    /// As the specification writes it, such as `submit_sm`.
    pub command: &'static str,
    pub status: u32,
    pub sequence: u32,
    /// For texts and receipts: the parties and the words.
    pub source: Option<String>,
    pub destination: Option<String>,
    pub text: Option<String>,
    /// For `submit_sm`: the reference by which the gateway knows it again.
    pub user_message_reference: Option<u16>,
}

/// The latest PDUs, oldest first.
#[derive(Default)]
pub struct WireLog(VecDeque<WireEntry>);

impl WireLog {
    pub fn note(&mut self, entry: WireEntry) {
        if self.0.len() == ENTRIES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    pub fn entries(&self) -> Vec<WireEntry> {
        self.0.iter().cloned().collect()
    }
}

/// A command as the specification writes it.
pub(super) fn name(id: CommandId) -> &'static str {
    match id {
        CommandId::BindTransceiver => "bind_transceiver",
        CommandId::BindTransceiverResp => "bind_transceiver_resp",
        CommandId::BindReceiver => "bind_receiver",
        CommandId::BindReceiverResp => "bind_receiver_resp",
        CommandId::BindTransmitter => "bind_transmitter",
        CommandId::BindTransmitterResp => "bind_transmitter_resp",
        CommandId::SubmitSm => "submit_sm",
        CommandId::SubmitSmResp => "submit_sm_resp",
        CommandId::DataSm => "data_sm",
        CommandId::DataSmResp => "data_sm_resp",
        CommandId::DeliverSm => "deliver_sm",
        CommandId::DeliverSmResp => "deliver_sm_resp",
        CommandId::AlertNotification => "alert_notification",
        CommandId::EnquireLink => "enquire_link",
        CommandId::EnquireLinkResp => "enquire_link_resp",
        CommandId::Outbind => "outbind",
        CommandId::Unbind => "unbind",
        CommandId::UnbindResp => "unbind_resp",
        CommandId::GenericNack => "generic_nack",
        _ => "other",
    }
}
