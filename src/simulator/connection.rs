//! One connection of the gateway: takes its bind, its texts and its answers, and gives it what waits for it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use smpp::pdus::{BindReceiverResp, BindTransceiverResp, BindTransmitterResp, SubmitSmResp};
use smpp::types::COctetString;
use smpp::values::MessageState;
use smpp::{CommandId, Pdu};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::outbox::{OutgoingId, number};
use super::phones::{Direction, Text};
use super::wire_log::{WireDirection, WireEntry};
use super::{Faults, Receipts, Shared, State};
use crate::carrier::frame::{self, Frame, Framer, HEADER_OCTETS, status};
use crate::carrier::short_message::ShortMessage;
use crate::carrier::{text, udh};

/// Takes connections until told to stop.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else { continue };
        connections += 1;
        let connection = Connection::new(Arc::clone(&shared), connections);
        shared.tasks.spawn(connection.serve(stream));
    }
}

/// What a bind may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Not,
    Transmitter,
    Receiver,
    Transceiver,
}

struct Connection {
    shared: Arc<Shared>,
    id: u64,
    bound: Bound,
    last_sequence: u32,
    unanswered: HashMap<u32, OutgoingId>,
    framer: Framer,
    /// The PDU that is coming, for the fault that cuts it.
    amid: BytesMut,
    out: BytesMut,
}

impl Connection {
    fn new(shared: Arc<Shared>, id: u64) -> Self {
        Self {
            shared,
            id,
            bound: Bound::Not,
            last_sequence: 0,
            unanswered: HashMap::new(),
            framer: Framer::default(),
            amid: BytesMut::new(),
            out: BytesMut::new(),
        }
    }

    async fn serve(mut self, mut stream: TcpStream) {
        let stop = self.shared.stop.clone();
        tokio::select! {
            () = self.talk(&mut stream) => {}
            () = stop.cancelled() => {}
        }
        self.shared.change(|state| {
            state.outbox.release(self.id);
            state.counts.bound -= usize::from(self.bound != Bound::Not);
        });
    }

    /// Until the connection ends, from either side.
    async fn talk(&mut self, stream: &mut TcpStream) {
        // Without it answers would be late, which is all that can be wrong about that.
        let _ = stream.set_nodelay(true);
        let mut buffer = vec![0; 16 * 1024];
        let mut revision = self.shared.revision.subscribe();
        loop {
            revision.borrow_and_update();
            self.give_what_waits();
            let out = self.out.split();
            if stream.write_all(&out).await.is_err() {
                return;
            }
            let read = tokio::select! {
                read = stream.read(&mut buffer) => read,
                _ = revision.changed() => continue,
            };
            let Ok(octets @ 1..) = read else { return };
            if self.heard(&buffer[..octets]).is_break() {
                let last_words = self.out.split();
                // The other side may be gone already.
                let _ = stream.write_all(&last_words).await;
                return;
            }
        }
    }

    fn heard(&mut self, octets: &[u8]) -> ControlFlow<()> {
        self.framer.push(octets);
        self.amid.extend_from_slice(octets);
        loop {
            let cut = self.shared.state().faults.drop_after_octets.filter(|octets| self.is_amid_submit_of(*octets));
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    let _ = self.amid.split_to(frame.octets().len());
                    if let Some(octets) = cut {
                        self.shared.change(|state| state.faults.drop_after_octets = None);
                        if octets >= frame.octets().len() {
                            self.note(WireDirection::FromGateway, &frame);
                            self.take(&frame);
                        }
                        return ControlFlow::Break(());
                    }
                    self.answer(&frame)?;
                }
                Ok(None) if cut.is_some() => {
                    self.shared.change(|state| state.faults.drop_after_octets = None);
                    return ControlFlow::Break(());
                }
                Ok(None) => return ControlFlow::Continue(()),
                Err(_) => {
                    self.say(status::RINVCMDLEN, 0, Pdu::GenericNack);
                    return ControlFlow::Break(());
                }
            }
        }
    }

    /// Whether a `submit_sm` is coming of which that many octets are here, or all.
    fn is_amid_submit_of(&self, octets: usize) -> bool {
        const SUBMIT_SM: [u8; 4] = [0, 0, 0, 4];
        let Some(header) = self.amid.first_chunk::<HEADER_OCTETS>() else { return false };
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        let whole = usize::try_from(length).is_ok_and(|length| self.amid.len() >= length);
        header[4..8] == SUBMIT_SM && (whole || self.amid.len() >= octets)
    }

    fn answer(&mut self, frame: &Frame) -> ControlFlow<()> {
        self.note(WireDirection::FromGateway, frame);
        let sequence = frame.sequence();
        match frame.id() {
            CommandId::BindTransceiver | CommandId::BindReceiver | CommandId::BindTransmitter => {
                return self.bind(frame);
            }
            CommandId::EnquireLink => self.say(status::ROK, sequence, Pdu::EnquireLinkResp),
            CommandId::Unbind => {
                self.say(status::ROK, sequence, Pdu::UnbindResp);
                return ControlFlow::Break(());
            }
            CommandId::SubmitSm if matches!(self.bound, Bound::Transceiver | Bound::Transmitter) => self.submit(frame),
            CommandId::SubmitSm => self.say(status::RINVBNDSTS, sequence, SubmitSmResp::default()),
            CommandId::DeliverSmResp => self.answered(frame),
            _ if frame.is_response() => {}
            _ => self.say(status::RINVCMDID, sequence, Pdu::GenericNack),
        }
        ControlFlow::Continue(())
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
        let config = &self.shared.config;
        let differs = |wanted: &Option<String>, given: &str| wanted.as_ref().is_some_and(|wanted| wanted != given);
        let command_status = if let Some(refusal) = self.shared.state().faults.refuse_bind_with {
            refusal
        } else if self.bound != Bound::Not {
            status::RALYBND
        } else if differs(&config.system_id, system_id.as_str()) {
            status::RINVSYSID
        } else if differs(&config.password, password.as_str()) {
            status::RINVPASWD
        } else {
            status::ROK
        };
        let us = || COctetString::from_string("assent-carrier".to_owned()).expect("it has at most 15 characters");
        let response: Pdu = match bound {
            Bound::Receiver => BindReceiverResp::new(us(), None).into(),
            Bound::Transmitter => BindTransmitterResp::new(us(), None).into(),
            Bound::Transceiver | Bound::Not => BindTransceiverResp::new(us(), None).into(),
        };
        self.say(command_status, frame.sequence(), response);
        if command_status != status::ROK {
            return ControlFlow::Break(());
        }
        self.bound = bound;
        self.shared.change(|state| {
            state.counts.bound += 1;
            state.counts.binds += 1;
            if matches!(bound, Bound::Transceiver | Bound::Receiver) {
                state.outbox.takes(self.id);
            }
        });
        ControlFlow::Continue(())
    }

    fn submit(&mut self, frame: &Frame) {
        let Faults { silent, refuse_with, receipt_before_response, .. } = self.shared.state().faults.clone();
        if let Some(command_status) = refuse_with {
            return self.say(command_status, frame.sequence(), SubmitSmResp::default());
        }
        let Some(message_id) = self.take(frame) else {
            return self.say(status::RSYSERR, frame.sequence(), SubmitSmResp::default());
        };
        if receipt_before_response {
            self.give_what_waits();
        }
        if !silent {
            let id = COctetString::from_string(message_id).expect("an id is at most 16 digits");
            self.say(status::ROK, frame.sequence(), SubmitSmResp::new(id, Vec::new()));
        }
    }

    /// The text is ours: shows it on the phone, and sees to its receipt. Gives the id of it.
    fn take(&mut self, frame: &Frame) -> Option<String> {
        let message = ShortMessage::read(frame).ok()?;
        let (part, words) = read(&message);
        let (from, to) = (number(&message.source), number(&message.destination));
        let at = self.shared.config.clock.now();
        let (message_id, shown, receipt) = self.shared.change(|state| {
            state.counts.submits += 1;
            let message_id = state.new_id();
            let receipts = state.faults.receipts;
            let arrives = receipts != Receipts::Undeliverable;
            let words = match part {
                _ if !arrives => None,
                Some(part) => state.phones.join(&from, &to, part, words),
                None => Some(words),
            };
            let shown = words.map(|words| {
                let id = message_id.clone();
                Text { id, direction: Direction::ToPhone, from, to, text: words, at, answered: true }
            });
            if let Some(text) = &shown {
                state.phones.keep(text.clone());
            }
            let receipt = wanted_receipt(message.registered_delivery, receipts);
            if let Some(outcome) = receipt
                && state.faults.receipt_before_response
            {
                state.receipt(&message, &message_id, outcome, at);
                return (message_id, shown, None);
            }
            (message_id, shown, receipt)
        });
        if let Some(text) = &shown {
            self.shared.tell(text);
        }
        if let Some(outcome) = receipt {
            self.shared.tasks.spawn(receipt_later(Arc::clone(&self.shared), message, message_id.clone(), outcome));
        }
        Some(message_id)
    }

    fn answered(&mut self, frame: &Frame) {
        let Some(id) = self.unanswered.remove(&frame.sequence()) else { return };
        let accepted = frame.status() == status::ROK;
        let told = self.shared.change(|state| {
            state.counts.answered += 1;
            let (phone, text) = state.outbox.answered(self.id, id)?;
            // What the gateway refuses is gone, and the phone never hears of it.
            accepted.then(|| state.phones.answered(&phone, &text)).flatten()
        });
        if let Some(text) = told {
            self.shared.tell(&text);
        }
    }

    fn give_what_waits(&mut self) {
        loop {
            let claimed = {
                let mut state = self.shared.state();
                if state.faults.hold_deliver { None } else { state.outbox.claim(self.id) }
            };
            let Some((id, pdu)) = claimed else { return };
            self.last_sequence = self.last_sequence % 0x7FFF_FFFF + 1;
            self.unanswered.insert(self.last_sequence, id);
            self.shared.change(|state| state.counts.delivers += 1);
            self.say(status::ROK, self.last_sequence, pdu);
        }
    }

    fn say(&mut self, command_status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        let octets: Bytes = frame::encode(command_status, sequence, pdu.into());
        let mut framer = Framer::default();
        framer.push(&octets);
        if let Ok(Some(frame)) = framer.next_frame() {
            self.note(WireDirection::ToGateway, &frame);
        }
        self.out.extend_from_slice(&octets);
    }

    fn note(&self, direction: WireDirection, frame: &Frame) {
        let message = match frame.id() {
            CommandId::SubmitSm | CommandId::DeliverSm => ShortMessage::read(frame).ok(),
            _ => None,
        };
        let entry = WireEntry {
            at: self.shared.config.clock.now(),
            connection: self.id,
            direction,
            command: name(frame.id()),
            status: frame.status(),
            sequence: frame.sequence(),
            source: message.as_ref().map(|message| number(&message.source)),
            destination: message.as_ref().map(|message| number(&message.destination)),
            text: message.as_ref().map(|message| read(message).1),
            user_message_reference: message.and_then(|message| message.parameters.user_message_reference),
        };
        self.shared.change(|state| state.log.note(entry));
    }
}

impl State {
    fn receipt(&mut self, about: &ShortMessage, message_id: &str, outcome: MessageState, at: jiff::Timestamp) {
        self.counts.receipts += 1;
        self.outbox.receipt(about, message_id, outcome, at);
    }
}

async fn receipt_later(shared: Arc<Shared>, about: ShortMessage, message_id: String, outcome: MessageState) {
    tokio::select! {
        () = tokio::time::sleep(shared.config.receipt_delay) => {}
        () = shared.stop.cancelled() => return,
    }
    let at = shared.config.clock.now();
    shared.change(|state| state.receipt(&about, &message_id, outcome, at));
}

/// `registered_delivery`, bits 1-0 (SMPP 3.4 §5.2.17): both outcomes, failure only, success only.
fn wanted_receipt(registered_delivery: u8, receipts: Receipts) -> Option<MessageState> {
    match (registered_delivery & 0x03, receipts) {
        (1 | 3, Receipts::Delivered) => Some(MessageState::Delivered),
        (1 | 2, Receipts::Undeliverable) => Some(MessageState::Undeliverable),
        _ => None,
    }
}

/// The segment that it is, and its words.
fn read(message: &ShortMessage) -> (Option<crate::domain::Part>, String) {
    let payload = message.parameters.message_payload.as_ref();
    let octets = payload.unwrap_or(&message.short_message);
    let (part, words) = match message.esm_class & udh::INDICATOR != 0 {
        true => udh::split(octets).unwrap_or((None, octets)),
        false => (None, octets.as_slice()),
    };
    (part, text::decode(message.data_coding, words).0)
}

fn name(id: CommandId) -> &'static str {
    match id {
        CommandId::BindTransceiver => "bind_transceiver",
        CommandId::BindTransceiverResp => "bind_transceiver_resp",
        CommandId::BindReceiver => "bind_receiver",
        CommandId::BindReceiverResp => "bind_receiver_resp",
        CommandId::BindTransmitter => "bind_transmitter",
        CommandId::BindTransmitterResp => "bind_transmitter_resp",
        CommandId::SubmitSm => "submit_sm",
        CommandId::SubmitSmResp => "submit_sm_resp",
        CommandId::DeliverSm => "deliver_sm",
        CommandId::DeliverSmResp => "deliver_sm_resp",
        CommandId::EnquireLink => "enquire_link",
        CommandId::EnquireLinkResp => "enquire_link_resp",
        CommandId::Unbind => "unbind",
        CommandId::UnbindResp => "unbind_resp",
        CommandId::GenericNack => "generic_nack",
        _ => "other",
    }
}
