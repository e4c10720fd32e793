//! What the carrier says of its own accord: what waits for the gateway, until it is answered, and what it is told to say.

use std::ops::ControlFlow;
use std::sync::Arc;

use smpp::pdus::AlertNotification;
use smpp::types::COctetString;
use smpp::values::{Npi, Ton};
use smpp::{CommandId, Pdu};
use tokio::time::Instant;

use super::connection::{Bound, Connection, Role, Unanswered};
use super::faults::{DeliverBy, Faults};
use super::line::Said;
use super::socket::Socket;
use super::verbs::{Alert, Nack, Order};
use crate::carrier::frame::{Frame, status};

/// The bit that tells a response from its request (SMPP 3.4 §5.1.2.1).
const RESPONSE: u32 = 0x8000_0000;

impl Connection {
    /// Brings the gateway what waits for it, as far as it is this connection's turn.
    pub(super) fn give_what_waits(&mut self) {
        loop {
            let (claimed, copies, asked) = {
                let mut state = self.shared.state();
                let keeps = state.faults.hold_deliver || state.faults.mute;
                let asked = match (&self.role, state.faults.deliver_by) {
                    (Role::Carrier, DeliverBy::DeliverSm) => CommandId::DeliverSm,
                    (_, DeliverBy::DataSm) => CommandId::DataSm,
                    (Role::Client { .. }, DeliverBy::DeliverSm) => CommandId::SubmitSm,
                };
                (if keeps { None } else { state.outbox.claim(self.id) }, state.faults.deliver_copies, asked)
            };
            let Some((id, pdu)) = claimed else { return };
            for _ in 0..=copies {
                let sequence = self.next_sequence();
                self.unanswered.insert(sequence, Unanswered { id, asked });
                self.shared.change(|state| state.counts.delivers += 1);
                self.bring(sequence, pdu.clone(), asked);
            }
        }
    }

    /// The gateway has answered for something that was brought, if there is such a thing.
    pub(super) fn answered(&mut self, frame: &Frame) {
        let asked = self.unanswered.get(&frame.sequence()).map(|unanswered| u32::from(unanswered.asked));
        if asked.is_none_or(|asked| asked | RESPONSE != u32::from(frame.id())) {
            return;
        }
        let Some(Unanswered { id, .. }) = self.unanswered.remove(&frame.sequence()) else { return };
        let accepted = frame.status() == status::ROK;
        let Faults { redeliver_on, redeliver_after, .. } = self.shared.state().faults.clone();
        if redeliver_on.contains(&frame.status()) {
            if self.shared.change(|state| state.outbox.rests(self.id, id)) {
                let shared = Arc::clone(&self.shared);
                self.shared.tasks.spawn(async move {
                    tokio::select! {
                        () = tokio::time::sleep(redeliver_after.0) => shared.change(|state| state.outbox.wakes(id)),
                        () = shared.stop.cancelled() => {}
                    }
                });
            }
            return;
        }
        let told = self.shared.change(|state| {
            state.counts.answered += 1;
            let (phone, text) = state.outbox.answered(self.id, id)?;
            // What the gateway refuses is gone, and the phone never hears of it.
            accepted.then(|| state.phones.answered(&phone, &text)).flatten()
        });
        if let Some(text) = told {
            self.shared.announce(&text);
        }
    }

    /// Does what the carrier was told to do.
    pub(super) fn obey(&mut self, socket: &dyn Socket) -> ControlFlow<()> {
        let orders = self.shared.state().orders.get_mut(&self.id).map(std::mem::take).unwrap_or_default();
        for order in orders {
            match order {
                Order::Drop => return ControlFlow::Break(()),
                Order::Reset => {
                    // A socket that must not linger is closed by RST. One that is closed already can't be reset.
                    let _ = socket.tcp().set_zero_linger();
                    return ControlFlow::Break(());
                }
                Order::Unbind if self.bound == Bound::Not => {}
                Order::Unbind => {
                    self.unbound = true;
                    let sequence = self.next_sequence();
                    self.ask(sequence, Pdu::Unbind);
                }
                Order::Stray(octets) => self.line.say(Said::Stray(octets), Instant::now()),
                Order::EnquireLinks(count) => {
                    for _ in 0..count {
                        let sequence = self.next_sequence();
                        self.ask(sequence, Pdu::EnquireLink);
                    }
                }
                Order::Nack(Nack { status, sequence }) => self.say(status, sequence, Pdu::GenericNack),
                Order::Alert(alert) if matches!(self.bound, Bound::Receiver | Bound::Transceiver) => {
                    let sequence = self.next_sequence();
                    self.ask(sequence, alert_notification(&alert));
                }
                Order::Alert(_) => {}
            }
        }
        ControlFlow::Continue(())
    }

    pub(super) fn next_sequence(&mut self) -> u32 {
        self.last_sequence = self.last_sequence % 0x7FFF_FFFF + 1;
        self.last_sequence
    }
}

fn alert_notification(Alert { phone, to }: &Alert) -> AlertNotification {
    let digits = |number: &str| {
        let digits = number.trim_start_matches('+').to_owned();
        COctetString::from_string(digits).expect("a number has at most 15 digits")
    };
    let (ton, npi) = (Ton::International, Npi::Isdn);
    AlertNotification::new(ton, npi, digits(phone), ton, npi, digits(to), None)
}
