//! One connection of the gateway: what goes over it, as the script wants it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::future::BoxFuture;
use smpp::pdus::DeliverSm;
use smpp::{CommandId, Pdu};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, sleep_until};

use super::faults::{Faults, Measure};
use super::line::{Line, Said};
use super::outbox::{OutgoingId, number};
use super::socket::{Socket, write};
use super::wire_log::{WireDirection, WireEntry, name};
use super::{Shared, forms, words};
use crate::carrier::frame::{self, Frame, Framer, HEADER_OCTETS, status};

/// What a bind may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Not,
    Transmitter,
    Receiver,
    Transceiver,
}

/// Which side the carrier is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// The gateway binds. Its texts are `submit_sm`, the phones' are `deliver_sm`; either may be `data_sm`.
    Carrier,
    /// The carrier binds, by this name, and it is the other way round.
    Client { system_id: String },
}

/// What was written to the gateway and is to be answered.
pub(super) struct Unanswered {
    pub id: OutgoingId,
    /// By the response to this.
    pub asked: CommandId,
}

pub(super) struct Connection {
    pub shared: Arc<Shared>,
    pub id: u64,
    pub role: Role,
    pub bound: Bound,
    pub system_id: String,
    /// Whether one side said `unbind`.
    pub unbound: bool,
    pub last_sequence: u32,
    pub unanswered: HashMap<u32, Unanswered>,
    pub line: Line,
    framer: Framer,
    /// The PDU that is coming, for the fault that cuts it.
    amid: BytesMut,
    meter: Meter,
}

/// What went over a connection since the script was set.
#[derive(Default)]
struct Meter {
    script: u64,
    octets_read: usize,
    pdus_read: usize,
    octets_written: usize,
    pdus_written: usize,
}

impl Connection {
    pub fn new(shared: Arc<Shared>, role: Role) -> Self {
        let id = shared.change(|state| {
            state.counts.connections += 1;
            state.orders.insert(state.counts.connections, Vec::new());
            state.counts.connections
        });
        Self {
            shared,
            id,
            role,
            bound: Bound::Not,
            system_id: String::new(),
            unbound: false,
            last_sequence: 0,
            unanswered: HashMap::new(),
            line: Line::default(),
            framer: Framer::default(),
            amid: BytesMut::new(),
            meter: Meter::default(),
        }
    }

    /// Lives as long as this talk does, or until the carrier stops.
    pub async fn last(mut self, talk: impl FnOnce(&mut Self) -> BoxFuture<'_, ()>) {
        let stop = self.shared.stop.clone();
        tokio::select! {
            () = talk(&mut self) => {}
            () = stop.cancelled() => {}
        }
        self.shared.change(|state| {
            state.orders.remove(&self.id);
            state.outbox.release(self.id);
            let ghost_for = (!self.unbound).then_some(state.faults.ghost_for.0);
            state.binds.ended(self.id, ghost_for, Instant::now());
            state.counts.bound = state.binds.count();
        });
    }

    /// Until the connection ends, from either side.
    pub async fn talk(&mut self, stream: &mut dyn Socket) {
        let mut buffer = vec![0; 16 * 1024];
        let mut revision = self.shared.revision.subscribe();
        loop {
            revision.borrow_and_update();
            if self.obey(stream).is_break() {
                return;
            }
            self.give_what_waits();
            let most = self.may_still(Measure::OctetsRead).unwrap_or(buffer.len()).min(buffer.len());
            if self.write(stream).await.is_break() || self.line.is_too_long() || most == 0 {
                return;
            }
            let next_due = self.line.next_due();
            let reads = !self.shared.state().faults.stop_reading;
            let read = tokio::select! {
                read = stream.read(&mut buffer[..most]), if reads => read,
                _ = revision.changed() => continue,
                () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => continue,
            };
            let Ok(octets @ 1..) = read else { return };
            self.meter.octets_read += octets;
            if self.heard(&buffer[..octets]).is_break() {
                self.line.hurry(Instant::now());
                // The last words. Whether they are heard changes nothing.
                let _ = self.write(stream).await;
                return;
            }
        }
    }

    /// How much may go over the connection before the script closes it; `None` is any amount.
    fn may_still(&mut self, of: Measure) -> Option<usize> {
        let state = self.shared.state();
        if self.meter.script != state.played.script {
            self.meter = Meter { script: state.played.script, ..Meter::default() };
        }
        let cut = state.faults.cut.filter(|cut| cut.of == of)?;
        let gone = match of {
            Measure::OctetsRead => self.meter.octets_read,
            Measure::PdusRead => self.meter.pdus_read,
            Measure::OctetsWritten => self.meter.octets_written,
            Measure::PdusWritten => self.meter.pdus_written,
        };
        Some(cut.after.saturating_sub(gone))
    }

    fn heard(&mut self, octets: &[u8]) -> ControlFlow<()> {
        self.framer.push(octets);
        self.amid.extend_from_slice(octets);
        loop {
            let last = self.may_still(Measure::PdusRead);
            if last == Some(0) {
                return ControlFlow::Break(());
            }
            let cut = self.shared.state().faults.drop_after_octets.filter(|octets| self.is_amid_submit_of(*octets));
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    let _ = self.amid.split_to(frame.octets().len());
                    self.note(WireDirection::FromGateway, &frame);
                    if let Some(octets) = cut {
                        self.shared.change(|state| state.faults.drop_after_octets = None);
                        if octets >= frame.octets().len() {
                            self.take(&frame);
                        }
                        return ControlFlow::Break(());
                    }
                    self.meter.pdus_read += 1;
                    if last == Some(1) {
                        self.take(&frame);
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

    /// A request of our own, to be written at once.
    pub fn ask(&mut self, sequence: u32, pdu: impl Into<Pdu>) {
        self.say(status::ROK, sequence, pdu);
    }

    /// A text or a receipt, as the PDU of this name.
    pub fn bring(&mut self, sequence: u32, pdu: DeliverSm, id: CommandId) {
        let frame = framed(status::ROK, sequence, pdu.into());
        if let Some(frame) = frame.and_then(|frame| forms::rewritten(&frame, id)) {
            self.line.say(Said::Pdu(frame), Instant::now());
        }
    }

    /// Something of our own, to be written at once.
    pub fn say(&mut self, command_status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        if let Some(frame) = framed(command_status, sequence, pdu.into()) {
            self.line.say(Said::Pdu(frame), Instant::now());
        }
    }

    /// An answer, to be written as soon as the script lets it.
    pub fn respond(&mut self, command_status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        let after = self.shared.state().faults.answer_after.0;
        if let Some(frame) = framed(command_status, sequence, pdu.into()) {
            self.line.answer(Said::Pdu(frame), Instant::now(), after);
        }
    }

    /// Writes what is due.
    async fn write(&mut self, stream: &mut dyn Socket) -> ControlFlow<()> {
        let Faults { mute, split, cut, .. } = self.shared.state().faults.clone();
        if mute {
            self.line.clear();
            return ControlFlow::Continue(());
        }
        let mut together = BytesMut::new();
        while let Some(said) = self.line.take(Instant::now()) {
            if split.is_none() && cut.is_none() {
                self.wrote(&said);
                together.extend_from_slice(said.octets());
                continue;
            }
            let octets = said.octets();
            let most = self.may_still(Measure::OctetsWritten).unwrap_or(octets.len()).min(octets.len());
            if self.may_still(Measure::PdusWritten) == Some(0) {
                return ControlFlow::Break(());
            }
            let ends = split.as_ref().map_or_else(|| vec![octets.len()], |split| split.ends(octets.len()));
            let mut from = 0;
            for end in ends.into_iter().map(|end| end.min(most)) {
                if from > 0 && end > from {
                    sleep(split.as_ref().map_or_else(Default::default, |split| split.pause.0)).await;
                }
                if write(stream, &octets[from..end]).await.is_err() {
                    return ControlFlow::Break(());
                }
                from = end;
            }
            self.meter.octets_written += most;
            if most < octets.len() {
                return ControlFlow::Break(());
            }
            self.meter.pdus_written += 1;
            self.wrote(&said);
        }
        if write(stream, &together).await.is_err() {
            return ControlFlow::Break(());
        }
        let is_over = [Measure::OctetsWritten, Measure::PdusWritten].map(|of| self.may_still(of)).contains(&Some(0));
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn wrote(&self, said: &Said) {
        match said {
            Said::Pdu(frame) => self.note(WireDirection::ToGateway, frame),
            Said::Stray(_) => {}
        }
    }

    fn note(&self, direction: WireDirection, frame: &Frame) {
        let message = match frame.id() {
            CommandId::SubmitSm | CommandId::DeliverSm | CommandId::DataSm => words::submitted(frame),
            _ => None,
        };
        let alphabet = self.shared.config.alphabet;
        let entry = WireEntry {
            at: self.shared.config.clock.now(),
            connection: self.id,
            direction,
            command: name(frame.id()),
            status: frame.status(),
            sequence: frame.sequence(),
            source: message.as_ref().map(|message| number(&message.source)),
            destination: message.as_ref().map(|message| number(&message.destination)),
            text: message.as_ref().map(|message| words::read(message, alphabet).words()),
            user_message_reference: message.and_then(|message| message.parameters.user_message_reference),
        };
        self.shared.change(|state| {
            state.tally.note(&entry);
            state.log.note(entry);
        });
    }
}

/// A PDU of our own, as it will be read. What refuses a bind or a text has no body (SMPP 3.4 §4.1.2, §4.4.2).
fn framed(command_status: u32, sequence: u32, pdu: Pdu) -> Option<Frame> {
    let has_body = command_status == status::ROK
        || !matches!(
            pdu.command_id(),
            CommandId::BindTransmitterResp
                | CommandId::BindReceiverResp
                | CommandId::BindTransceiverResp
                | CommandId::SubmitSmResp
        );
    let mut octets = BytesMut::from(frame::encode(command_status, sequence, pdu));
    if !has_body {
        octets.truncate(HEADER_OCTETS);
        octets[..4].copy_from_slice(&u32::try_from(HEADER_OCTETS).ok()?.to_be_bytes());
    }
    let mut framer = Framer::default();
    framer.push(&octets);
    framer.next_frame().ok().flatten()
}
