//! Receipts about what the gateway submitted, as the script wants them (SMPP 3.4 appendix B).

use jiff::Timestamp;
use smpp::pdus::DeliverSm;
use smpp::tlvs::MessageDeliveryRequestTlvValue;
use smpp::types::COctetString;
use smpp::values::{DataCoding, ErrorCodeNetworkType, MessageState, NetworkErrorCode, UserMessageReference};

use super::faults::{Carries, Faults};
use super::outbox::{Outgoing, deliver_sm};
use super::words::Piece;
use super::{SimulatorConfig, State};
use crate::carrier::short_message::ShortMessage;

/// What a receipt is about.
#[derive(Clone)]
pub(super) struct About {
    pub message: ShortMessage,
    pub message_id: u64,
    pub outcome: MessageState,
    /// Who submitted it.
    pub system_id: String,
}

impl State {
    /// A receipt is due: it waits for the gateway, unless the script makes it missing or gathers it.
    pub(super) fn receipt(&mut self, about: &About, at: Timestamp) {
        let nth = self.played.receipts;
        self.played.receipts += 1;
        if self.faults.lacks_receipt(nth) {
            return;
        }
        let pdu = receipt(about, at, &self.faults);
        for _ in 0..=self.faults.receipt_copies {
            self.counts.receipts += 1;
            self.gathered.push(Outgoing::receipt(pdu.clone(), about.system_id.clone()));
        }
        if self.gathered.len() >= self.faults.receipts_reversed {
            self.release_receipts();
        }
    }

    /// What was gathered comes, the last first.
    pub(super) fn release_receipts(&mut self) {
        for receipt in self.gathered.drain(..).rev() {
            self.outbox.put(receipt);
        }
    }
}

/// Waits as long as a receipt takes, then sees to it.
pub(super) async fn receipt_later(shared: std::sync::Arc<super::Shared>, about: About) {
    let SimulatorConfig { receipt_delay, .. } = shared.config;
    let delay = shared.state().faults.receipt_after.map_or(receipt_delay, |after| after.0);
    tokio::select! {
        () = tokio::time::sleep(delay) => {}
        () = shared.stop.cancelled() => return,
    }
    let at = shared.config.clock.now();
    shared.change(|state| state.receipt(&about, at));
}

fn receipt(about: &About, at: Timestamp, faults: &Faults) -> DeliverSm {
    /// `esm_class`: a receipt (SMPP 3.4 §5.2.12).
    const RECEIPT: u8 = 0x04;
    let ids = faults.receipt_ids.unwrap_or(faults.answer_ids);
    let message_id = ids.write(about.message_id);
    let words = match faults.receipt_carries {
        Carries::Both | Carries::Text => in_words(&message_id, about.outcome, at, faults.receipt_error),
        Carries::Parameters => String::new(),
    };
    let parameters = match faults.receipt_carries {
        Carries::Both | Carries::Parameters => in_parameters(message_id, about, faults.receipt_error),
        Carries::Text => Vec::new(),
    };
    let piece = Piece {
        esm_class: RECEIPT,
        data_coding: DataCoding::McSpecific,
        short_message: words.into_bytes(),
        parameters,
    };
    deliver_sm(&about.message.destination, &about.message.source, piece)
}

fn in_words(message_id: &str, outcome: MessageState, at: Timestamp, error: u16) -> String {
    let delivered = if outcome == MessageState::Delivered { "001" } else { "000" };
    let date = at.strftime("%y%m%d%H%M");
    let word = word(outcome);
    format!(
        "id:{message_id} sub:001 dlvrd:{delivered} submit date:{date} done date:{date} stat:{word} err:{error:03} text:"
    )
}

/// The state as a receipt's text abbreviates it.
fn word(outcome: MessageState) -> &'static str {
    match outcome {
        MessageState::Delivered => "DELIVRD",
        MessageState::Expired => "EXPIRED",
        MessageState::Deleted => "DELETED",
        MessageState::Undeliverable => "UNDELIV",
        MessageState::Rejected => "REJECTD",
        _ => "UNKNOWN",
    }
}

fn in_parameters(message_id: String, about: &About, error: u16) -> Vec<MessageDeliveryRequestTlvValue> {
    let mut parameters = Vec::new();
    if let Ok(id) = COctetString::from_string(message_id)
        && !id.is_empty()
    {
        parameters.push(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
    }
    parameters.push(MessageDeliveryRequestTlvValue::MessageState(about.outcome));
    if error != 0 {
        let code = NetworkErrorCode::new(ErrorCodeNetworkType::Gsm, error);
        parameters.push(MessageDeliveryRequestTlvValue::NetworkErrorCode(code));
    }
    if let Some(reference) = about.message.parameters.user_message_reference {
        let reference = UserMessageReference::new(reference);
        parameters.push(MessageDeliveryRequestTlvValue::UserMessageReference(reference));
    }
    parameters
}
