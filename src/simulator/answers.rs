//! What the carrier answers to each PDU of the gateway.

use std::ops::ControlFlow;
use std::sync::Arc;

use smpp::pdus::{BindReceiverResp, BindTransceiverResp, BindTransmitterResp, DataSmResp, DeliverSmResp, SubmitSmResp};
use smpp::types::COctetString;
use smpp::values::InterfaceVersion;
use smpp::{CommandId, Pdu};
use tokio::time::Instant;

use super::connection::{Bound, Connection, Role};
use super::faults::{Faults, RefuseBy};
use super::outbox::number;
use super::phones::{Direction, Text};
use super::receipts::{About, receipt_later};
use super::words;
use crate::carrier::frame::{Frame, status};

impl Connection {
    pub(super) fn answer(&mut self, frame: &Frame) -> ControlFlow<()> {
        let sequence = frame.sequence();
        let may_send = matches!(self.bound, Bound::Transceiver | Bound::Transmitter);
        match frame.id() {
            CommandId::BindTransceiver | CommandId::BindReceiver | CommandId::BindTransmitter
                if self.role == Role::Carrier =>
            {
                return self.bind(frame);
            }
            CommandId::BindTransceiverResp => return self.is_bound(frame),
            CommandId::EnquireLink if self.shared.state().faults.silent_to_enquire_link => {}
            CommandId::EnquireLink => self.respond(status::ROK, sequence, Pdu::EnquireLinkResp),
            CommandId::Unbind => {
                self.unbound = true;
                self.respond(status::ROK, sequence, Pdu::UnbindResp);
                return ControlFlow::Break(());
            }
            CommandId::UnbindResp if self.unbound => return ControlFlow::Break(()),
            id if self.is_text(id) && may_send => self.submit(frame),
            id if self.is_text(id) => self.refuse(frame, status::RINVBNDSTS),
            CommandId::DeliverSmResp | CommandId::DataSmResp | CommandId::SubmitSmResp => self.answered(frame),
            _ if frame.is_response() => {}
            _ => self.respond(status::RINVCMDID, sequence, Pdu::GenericNack),
        }
        ControlFlow::Continue(())
    }

    /// Whether the gateway's texts have this form here.
    fn is_text(&self, id: CommandId) -> bool {
        match self.role {
            Role::Carrier => matches!(id, CommandId::SubmitSm | CommandId::DataSm),
            Role::Client { .. } => matches!(id, CommandId::DeliverSm | CommandId::DataSm),
        }
    }

    /// The gateway that we went to has answered our bind.
    fn is_bound(&mut self, frame: &Frame) -> ControlFlow<()> {
        let Role::Client { system_id } = &self.role else { return ControlFlow::Continue(()) };
        if self.bound != Bound::Not {
            return ControlFlow::Continue(());
        }
        if frame.status() != status::ROK {
            return ControlFlow::Break(());
        }
        let system_id = system_id.clone();
        self.stands(Bound::Transceiver, system_id);
        ControlFlow::Continue(())
    }

    fn stands(&mut self, bound: Bound, system_id: String) {
        self.bound = bound;
        self.system_id = system_id;
        self.shared.change(|state| {
            state.binds.stands(self.id, &self.system_id);
            state.counts.bound = state.binds.count();
            state.counts.binds += 1;
            if matches!(bound, Bound::Transceiver | Bound::Receiver) {
                state.outbox.takes(self.id, &self.system_id);
            }
        });
    }

    fn bind(&mut self, frame: &Frame) -> ControlFlow<()> {
        let (bound, system_id, password) = match frame.decode() {
            Some(Pdu::BindTransceiver(bind)) => (Bound::Transceiver, bind.system_id, bind.password),
            Some(Pdu::BindReceiver(bind)) => (Bound::Receiver, bind.system_id, bind.password),
            Some(Pdu::BindTransmitter(bind)) => (Bound::Transmitter, bind.system_id, bind.password),
            Some(_) | None => {
                self.say(status::RINVCMDLEN, frame.sequence(), Pdu::GenericNack);
                return ControlFlow::Break(());
            }
        };
        let Faults { silent_to_bind, refuse_bind_with, .. } = self.shared.state().faults.clone();
        if silent_to_bind {
            return ControlFlow::Continue(());
        }
        let shared = Arc::clone(&self.shared);
        let config = &shared.config;
        let differs = |wanted: &Option<String>, given: &str| wanted.as_ref().is_some_and(|wanted| wanted != given);
        let has_room = || shared.state().binds.has_room(system_id.as_str(), config.binds_max, Instant::now());
        let command_status = if let Some(refusal) = refuse_bind_with {
            refusal
        } else if self.bound != Bound::Not {
            status::RALYBND
        } else if differs(&config.system_id, system_id.as_str()) {
            status::RINVSYSID
        } else if differs(&config.password, password.as_str()) {
            status::RINVPASWD
        } else if !has_room() {
            status::RALYBND
        } else {
            status::ROK
        };
        // Without it a gateway would have to do without optional parameters (SMPP 3.4 §3.4).
        let version = Some(InterfaceVersion::Smpp3_4);
        let us = || COctetString::from_string("assent-carrier".to_owned()).expect("it has at most 15 characters");
        let response: Pdu = match bound {
            Bound::Receiver => BindReceiverResp::new(us(), version).into(),
            Bound::Transmitter => BindTransmitterResp::new(us(), version).into(),
            Bound::Transceiver | Bound::Not => BindTransceiverResp::new(us(), version).into(),
        };
        self.respond(command_status, frame.sequence(), response);
        if command_status != status::ROK {
            return ControlFlow::Break(());
        }
        self.stands(bound, system_id.as_str().to_owned());
        ControlFlow::Continue(())
    }

    fn submit(&mut self, frame: &Frame) {
        let refusal = self.shared.change(|state| state.refuses(Instant::now()));
        if let Some(command_status) = refusal {
            return self.refuse(frame, command_status);
        }
        // What holds for it is what held when it came, whatever the scenario does after it.
        let Faults { silent, shift_sequence, answer_ids, receipt_before_response, .. } =
            self.shared.state().faults.clone();
        let Some(message_id) = self.take(frame) else { return self.refuse(frame, status::RSYSERR) };
        if receipt_before_response {
            self.give_what_waits();
        }
        if silent {
            return;
        }
        let id = COctetString::from_string(answer_ids.write(message_id));
        let id = id.expect("an id is at most 24 characters");
        let sequence = frame.sequence().wrapping_add(shift_sequence) & 0x7FFF_FFFF;
        match frame.id() {
            CommandId::DataSm => self.respond(status::ROK, sequence, DataSmResp::new(id, Vec::new())),
            // SMPP 3.4 §4.6.2 has no use for the id; but here a receipt will name the text by it.
            CommandId::DeliverSm => self.respond(status::ROK, sequence, DeliverSmResp::new(id, Vec::new())),
            _ => self.respond(status::ROK, sequence, SubmitSmResp::new(id, Vec::new())),
        }
    }

    /// Refuses a text, as the script wants it.
    fn refuse(&mut self, frame: &Frame, command_status: u32) {
        let Faults { refuse_by, shift_sequence, .. } = self.shared.state().faults.clone();
        let sequence = frame.sequence().wrapping_add(shift_sequence) & 0x7FFF_FFFF;
        match (refuse_by, frame.id()) {
            (RefuseBy::NackOfNothing, _) => self.respond(command_status, 0, Pdu::GenericNack),
            (RefuseBy::GenericNack, _) => self.respond(command_status, sequence, Pdu::GenericNack),
            (RefuseBy::Response, CommandId::DataSm) => self.respond(command_status, sequence, DataSmResp::default()),
            (RefuseBy::Response, CommandId::DeliverSm) => {
                self.respond(command_status, sequence, DeliverSmResp::default());
            }
            (RefuseBy::Response, _) => self.respond(command_status, sequence, SubmitSmResp::default()),
        }
    }

    /// The text is ours, if it is one: shows it on the phone, and sees to its receipt. Gives the id of it.
    pub(super) fn take(&mut self, frame: &Frame) -> Option<u64> {
        if !self.is_text(frame.id()) {
            return None;
        }
        let message = words::submitted(frame)?;
        let segment = words::read(&message, self.shared.config.alphabet);
        let (from, to) = (number(&message.source), number(&message.destination));
        let at = self.shared.config.clock.now();
        let system_id = self.system_id.clone();
        let (message_id, shown, receipt) = self.shared.change(|state| {
            state.counts.submits += 1;
            state.outbox.sends_from(&from, &system_id);
            state.tally.took(&from, &to, segment.part, &segment.words());
            let message_id = state.new_id();
            let receipts = state.faults.receipts;
            let words = if receipts.reaches_the_phone() { state.phones.join(&from, &to, segment) } else { None };
            let shown = words.map(|words| {
                let id = format!("{message_id:x}");
                Text { id, direction: Direction::ToPhone, from, to, text: words, at, answered: true }
            });
            if let Some(text) = &shown {
                state.phones.keep(text.clone());
            }
            let outcome = receipts.wanted(message.registered_delivery);
            let about = outcome.map(|outcome| About { message, message_id, outcome, system_id });
            if let Some(about) = &about
                && state.faults.receipt_before_response
            {
                state.receipt(about, at);
                return (message_id, shown, None);
            }
            (message_id, shown, about)
        });
        if let Some(text) = &shown {
            self.shared.announce(text);
        }
        if let Some(about) = receipt {
            self.shared.tasks.spawn(receipt_later(Arc::clone(&self.shared), about));
        }
        Some(message_id)
    }
}
