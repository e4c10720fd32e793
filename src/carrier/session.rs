//! One SMPP session as a value: it is told what happened and when, and answers with what follows. Nothing here
//! reads a socket or a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smpp::pdus::{DataSmResp, DeliverSmResp, SubmitSmResp};
use smpp::types::COctetString;
use smpp::{CommandId, Pdu};

use super::bind::{BindKind, Half, Opening, Side};
use super::frame::{self, Frame, Framer, Request, status};
pub use super::reason::Reason;
use super::refusal::Refusals;
use super::short_message::{Malformed, ShortMessage};
use super::timers::{self, Rate, Timer, Timers};
use super::window::{Chunk, Outcome, Submit, Token, Window};
use crate::domain::{Answer, DeliveryId};

/// `deliver_sm` that are kept when they come before the answer to our bind, and how many octets of them. The first that is
/// too much and all after it are left to the carrier, so that what a phone sent stays in order.
const HELD_MAX: usize = 1_000;
const HELD_OCTETS_MAX: usize = 1 << 20;
/// Answers that wait for a peer which sends and does not read. Whatever goes unanswered so comes again.
const URGENT_MAX: usize = 1_000;
/// `enquire_link` that are answered in a second.
const ENQUIRE_LINKS_PER_SECOND_MAX: u32 = 50;
/// PDUs that are unreadable, or unknown, and are borne in a minute.
const MALFORMED_PER_MINUTE_MAX: u32 = 10;
/// Messages without an answer, one after the other, that make the link suspect.
const SILENCES_IN_A_ROW_MAX: u32 = 3;

/// What a session is made with.
#[derive(Clone)]
pub struct Settings {
    pub opening: Opening,
    /// Unanswered texts at once.
    pub window: usize,
    /// What this carrier's refusals mean.
    pub refusals: Refusals,
    /// How long nothing may be heard before we ask.
    pub enquire_link: Duration,
    /// The sequence number before the first: 0 but in tests.
    pub last_sequence: u32,
}

/// What happened.
pub enum Input<'a> {
    /// Octets came.
    Received(&'a [u8]),
    /// The socket took so many octets of what [`Session::to_write`] gave last.
    Wrote(usize),
    /// A message wants to leave.
    Submit(Submit),
    /// Nothing more of a message may leave.
    Recalled(Token),
    /// What a delivered PDU is to be answered with, and what we call it.
    Answer { to: Request, command_status: u32, id: DeliveryId },
    /// A deadline may have passed.
    Tick,
    /// There is reason to ask whether the carrier is still there.
    Doubted,
    /// Time to part from the carrier.
    Unbind(Reason),
    /// The connection is gone.
    Lost,
    /// The connection is gone, and it is known why.
    Broken(Reason),
}

/// What follows.
pub enum Output {
    Bound,
    /// A text or a receipt of the carrier's, to be answered once it is durable.
    Deliver(Delivered),
    /// An `alert_notification`, which has no answer.
    Alert(Frame),
    /// What became of a message.
    Answered {
        token: Token,
        answer: Answer,
    },
    /// A message was not answered in time: its room in the window is free. It is answered when the carrier does so, or
    /// when the session ends.
    Late(Token),
    /// Nothing more should be submitted, and the carrier be parted from once what is under way is answered.
    Part(Reason),
    /// A response came that nobody waits for.
    Stray,
    /// The session is over; every message was answered before.
    Closed(Reason),
}

/// A `deliver_sm`, a `data_sm`, or from a carrier that bound to us a `submit_sm`, as it came.
pub struct Delivered {
    pub frame: Frame,
    pub message: Result<ShortMessage, Malformed>,
}

/// Octets for the socket.
pub struct ToWrite {
    pub octets: Bytes,
    /// If none of them left by then, none may.
    pub write_by: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// We asked for a bind of this kind.
    Binding {
        kind: BindKind,
        sequence: u32,
    },
    Bound,
    Unbinding {
        reason: Reason,
        sequence: u32,
    },
    /// Only the last words are still written.
    Closing(Reason),
    Over,
}

/// One session, from the first octet to the last.
pub struct Session {
    state: State,
    side: Side,
    half: Half,
    enquire_link: Duration,
    framer: Framer,
    window: Window,
    timers: Timers,
    enquiries: Rate,
    malformed: Rate,
    held: Vec<Frame>,
    /// Of all that came before the answer to our bind.
    held_octets: usize,
    /// Responses and `enquire_link`: they go ahead of texts.
    urgent: VecDeque<Bytes>,
    /// Texts of which no octet has left.
    staged: Option<Chunk>,
    writing: Option<Writing>,
    outputs: Vec<Output>,
}

/// What the socket is being given.
struct Writing {
    chunk: Chunk,
    offset: usize,
}

impl Session {
    /// The connection stands: asks to be bound, or is bound because the carrier asked.
    pub fn connected(settings: Settings, now: Instant) -> Self {
        let Settings { opening, window, refusals, enquire_link, last_sequence } = settings;
        let mut session = Self {
            state: State::Bound,
            side: opening.side(),
            half: opening.half(),
            enquire_link,
            framer: Framer::default(),
            window: Window::new(window, refusals, last_sequence),
            timers: Timers::default(),
            enquiries: Rate::new(ENQUIRE_LINKS_PER_SECOND_MAX, Duration::from_secs(1), now),
            malformed: Rate::new(MALFORMED_PER_MINUTE_MAX, Duration::from_secs(60), now),
            held: Vec::new(),
            held_octets: 0,
            urgent: VecDeque::new(),
            staged: None,
            writing: None,
            outputs: Vec::new(),
        };
        match opening {
            Opening::Ask { kind, account } => {
                let sequence = session.window.next_sequence();
                session.state = State::Binding { kind, sequence };
                session.timers.set(Timer::Bind, now + timers::BIND);
                session.say(status::ROK, sequence, kind.request(account));
            }
            Opening::Grant { kind, sequence, system_id } => {
                session.say(status::ROK, sequence, kind.granted(system_id));
                session.bound(now);
            }
        }
        session
    }

    /// Takes what happened, and says what follows from it, in order.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) -> Vec<Output> {
        if self.state == State::Over {
            return Vec::new();
        }
        match input {
            Input::Received(octets) => self.received(octets, now),
            Input::Wrote(octets) => self.wrote(octets, now),
            Input::Submit(submit) => self.window.submit(submit),
            Input::Recalled(token) => self.window.stop(token),
            Input::Answer { to, command_status, id } => self.answer(to, command_status, id),
            Input::Tick => self.time_passed(now),
            Input::Doubted => self.doubted(now),
            Input::Unbind(reason) => self.unbind(reason, now),
            Input::Lost => self.finish(match self.state {
                // We were parting anyway.
                State::Unbinding { reason, .. } | State::Closing(reason) => reason,
                State::Binding { .. } => Reason::HungUp,
                State::Bound | State::Over => Reason::Lost,
            }),
            Input::Broken(reason) => self.finish(reason),
        }
        if self.urgent.len() > URGENT_MAX && !matches!(self.state, State::Closing(_) | State::Over) {
            self.close(Reason::Flood, now);
        }
        self.drop_what_may_not_leave(now);
        self.answer_finished();
        if let State::Closing(reason) = self.state
            && self.urgent.is_empty()
            && self.writing.is_none()
        {
            self.finish(reason);
        }
        std::mem::take(&mut self.outputs)
    }

    /// What to give the socket next. Asked again before each attempt: what is too late by then is not given.
    pub fn to_write(&mut self, now: Instant) -> Option<ToWrite> {
        self.drop_what_may_not_leave(now);
        if self.writing.is_none() {
            self.writing = self.next_chunk(now).map(|chunk| Writing { chunk, offset: 0 });
        }
        let Some(writing) = &self.writing else {
            self.timers.clear(Timer::Write);
            return None;
        };
        self.timers.start(Timer::Write, now + timers::WRITE);
        Some(ToWrite {
            octets: writing.chunk.octets.slice(writing.offset..),
            write_by: writing.chunk.write_by.filter(|_| writing.offset == 0),
        })
    }

    /// When [`Input::Tick`] next has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.timers.next(), self.window.next_deadline()].into_iter().flatten().min()
    }

    /// Whether texts may be submitted.
    pub fn is_bound(&self) -> bool {
        self.state == State::Bound
    }

    /// Whether every message that was submitted is answered, or late.
    pub fn is_idle(&self) -> bool {
        self.window.is_empty()
    }

    fn put_back_unbegun(&mut self) {
        let Some(Writing { chunk, .. }) = self.writing.take_if(|writing| writing.offset == 0) else { return };
        if chunk.ends.is_empty() {
            self.urgent.push_front(chunk.octets);
        } else {
            self.staged = Some(chunk);
        }
    }

    /// What is too late to begin, and what is left of a message that was recalled or refused.
    fn drop_what_may_not_leave(&mut self, now: Instant) {
        self.put_back_unbegun();
        let is_late = |chunk: &Chunk| chunk.write_by.is_some_and(|write_by| write_by < now);
        if let Some(chunk) = self.staged.take_if(|chunk| is_late(chunk) || self.window.is_stopped(chunk)) {
            self.window.recall(&chunk.ends);
            if is_late(&chunk) && self.state == State::Bound && self.urgent.is_empty() {
                // The socket took nothing all that time. What is offered to it instead keeps the time running.
                self.enquire(now);
            }
        }
        if let Some(writing) = self.writing.take_if(|writing| self.window.is_stopped(&writing.chunk)) {
            self.writing = self.cut(writing);
        }
    }

    /// Leaves of a chunk what the carrier needs to find the next PDU: the rest of a segment that has begun.
    fn cut(&mut self, writing: Writing) -> Option<Writing> {
        let Writing { mut chunk, offset } = writing;
        let begun = chunk.ends.iter().position(|(end, _)| *end >= offset)?;
        let end = chunk.ends[begun].0;
        let unbegun = chunk.ends.split_off(begun + 1);
        self.window.recall(&unbegun);
        chunk.octets.truncate(end);
        (offset < end).then_some(Writing { chunk, offset })
    }

    fn next_chunk(&mut self, now: Instant) -> Option<Chunk> {
        if let Some(octets) = self.urgent.pop_front() {
            return Some(Chunk { octets, ends: Vec::new(), write_by: None });
        }
        if self.state != State::Bound {
            return None;
        }
        self.staged.take().or_else(|| self.window.next_chunk(now))
    }

    fn wrote(&mut self, octets: usize, now: Instant) {
        let Some(writing) = &mut self.writing else { return };
        let before = writing.offset;
        writing.offset += octets;
        if before == 0 && octets > 0 {
            self.window.began(&writing.chunk);
        }
        for (end, sequence) in &writing.chunk.ends {
            if (before + 1..=writing.offset).contains(end) {
                self.window.wrote(*sequence);
            }
        }
        if writing.offset < writing.chunk.octets.len() {
            self.timers.set(Timer::Write, now + timers::WRITE);
        } else {
            self.writing = None;
            self.timers.clear(Timer::Write);
        }
    }

    fn received(&mut self, octets: &[u8], now: Instant) {
        self.framer.push(octets);
        while !matches!(self.state, State::Closing(_) | State::Over) {
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    self.timers.clear(Timer::PartialFrame);
                    if self.state == State::Bound {
                        self.timers.set(Timer::Idle, now + self.enquire_link);
                    }
                    self.heard(frame, now);
                }
                Ok(None) if self.framer.is_amid_frame() => {
                    return self.timers.start(Timer::PartialFrame, now + timers::PARTIAL_FRAME);
                }
                Ok(None) => return,
                Err(unframed) => {
                    self.say(status::RINVCMDLEN, 0, Pdu::GenericNack);
                    self.close(unframed.into(), now);
                }
            }
        }
    }

    fn heard(&mut self, frame: Frame, now: Instant) {
        let sequence = frame.sequence();
        if let Some(kind) = BindKind::asked_by(frame.id()) {
            return self.say(status::RALYBND, sequence, kind.refused());
        }
        if let Some(kind) = BindKind::answered_by(frame.id()) {
            return self.bind_answered(kind, &frame, now);
        }
        match frame.id() {
            id if self.comes_as(id) => self.delivered(frame, now),
            id if id == self.answer_to_ours() => {
                let known = self.window.answered(sequence, frame.status(), frame.body());
                self.refused_or_stray(frame.status(), known);
            }
            CommandId::EnquireLink if self.enquiries.exceeded(now) => self.close(Reason::Flood, now),
            CommandId::EnquireLink => self.say(status::ROK, sequence, Pdu::EnquireLinkResp),
            CommandId::EnquireLinkResp => self.timers.clear(Timer::EnquireLinkAnswer),
            CommandId::GenericNack => self.nacked(&frame, now),
            CommandId::Unbind => {
                self.say(status::ROK, sequence, Pdu::UnbindResp);
                self.close(Reason::PeerUnbound, now);
            }
            CommandId::UnbindResp => match self.state {
                State::Unbinding { reason, sequence: ours } if sequence == ours => self.close(reason, now),
                _ => self.outputs.push(Output::Stray),
            },
            CommandId::Outbind => self.close(Reason::Outbind, now),
            CommandId::AlertNotification if self.state == State::Bound => self.outputs.push(Output::Alert(frame)),
            CommandId::AlertNotification => {}
            _ if frame.is_response() => self.outputs.push(Output::Stray),
            _ => {
                self.say(status::RINVCMDID, sequence, Pdu::GenericNack);
                if self.malformed.exceeded(now) {
                    self.unbind(Reason::TooMuchMalformed, now);
                }
            }
        }
    }

    /// Whether the carrier's texts and receipts come as this.
    fn comes_as(&self, id: CommandId) -> bool {
        match self.side {
            Side::Esme => matches!(id, CommandId::DeliverSm | CommandId::DataSm),
            // A carrier that bound to us submits; some bring receipts the way that they would to any customer.
            Side::Smsc => matches!(id, CommandId::SubmitSm | CommandId::DataSm | CommandId::DeliverSm),
        }
    }

    /// What answers our texts.
    fn answer_to_ours(&self) -> CommandId {
        match self.side {
            Side::Esme => CommandId::SubmitSmResp,
            Side::Smsc => CommandId::DeliverSmResp,
        }
    }

    /// A delivery that comes before the answer to our bind is kept until it is there. One that comes while we
    /// part is left to the carrier, which has no answer and will bring it again.
    fn delivered(&mut self, frame: Frame, now: Instant) {
        match self.state {
            State::Binding { .. } => {
                self.held_octets = self.held_octets.saturating_add(frame.octets().len());
                if self.held.len() < HELD_MAX && self.held_octets <= HELD_OCTETS_MAX {
                    self.held.push(frame);
                }
            }
            State::Unbinding { .. } | State::Closing(_) | State::Over => {}
            // Only a customer's receiver may not submit. What a carrier delivers to our transmitter is a text all the same.
            State::Bound if self.side == Side::Smsc && !self.half.receives() => {
                let to = frame.request();
                self.answer(to, status::RINVBNDSTS, DeliveryId(0));
            }
            State::Bound => {
                let message = ShortMessage::read(&frame);
                let too_much = message.is_err() && self.malformed.exceeded(now);
                self.outputs.push(Output::Deliver(Delivered { frame, message }));
                if too_much {
                    self.unbind(Reason::TooMuchMalformed, now);
                }
            }
        }
    }

    /// Answers what was delivered. Not everything that comes has an answer (SMPP 3.4 §4.12.1), and only what was submitted
    /// and taken has an id (§4.4.2).
    fn answer(&mut self, to: Request, command_status: u32, id: DeliveryId) {
        let message_id = match self.side {
            Side::Smsc if command_status == status::ROK => written(id),
            Side::Smsc | Side::Esme => COctetString::empty(),
        };
        match to.id {
            CommandId::DeliverSm => self.say(command_status, to.sequence, DeliverSmResp::default()),
            CommandId::DataSm => self.say(command_status, to.sequence, DataSmResp::new(message_id, Vec::new())),
            CommandId::SubmitSm => self.say(command_status, to.sequence, SubmitSmResp::new(message_id, Vec::new())),
            _ => {}
        }
    }

    fn bind_answered(&mut self, answered: BindKind, frame: &Frame, now: Instant) {
        match self.state {
            State::Binding { kind, sequence } if (kind, sequence) == (answered, frame.sequence()) => {
                self.timers.clear(Timer::Bind);
                if frame.status() != status::ROK {
                    return self.close(Reason::BindRefused { command_status: frame.status() }, now);
                }
                self.bound(now);
                for frame in std::mem::take(&mut self.held) {
                    self.delivered(frame, now);
                }
            }
            _ => self.outputs.push(Output::Stray),
        }
    }

    fn bound(&mut self, now: Instant) {
        self.state = State::Bound;
        self.timers.set(Timer::Idle, now + self.enquire_link);
        self.outputs.push(Output::Bound);
    }

    fn nacked(&mut self, frame: &Frame, now: Instant) {
        let (sequence, command_status) = (frame.sequence(), frame.status());
        match self.state {
            State::Binding { sequence: ours, .. } if sequence == ours => {
                self.close(Reason::BindRefused { command_status }, now);
            }
            _ if sequence == 0 => self.close(Reason::Nacked, now),
            _ => {
                let known = self.window.nacked(sequence, command_status);
                self.refused_or_stray(command_status, known);
            }
        }
    }

    fn time_passed(&mut self, now: Instant) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Bind => self.close(Reason::BindUnanswered, now),
                Timer::Idle => self.enquire(now),
                Timer::EnquireLinkAnswer => self.close(Reason::PeerSilent, now),
                Timer::PartialFrame => self.close(Reason::PartialFrame, now),
                Timer::Write => return self.finish(Reason::WriteStalled),
                Timer::Unbind => {
                    if let State::Unbinding { reason, .. } = self.state {
                        return self.finish(reason);
                    }
                }
                Timer::LastWords => {
                    if let State::Closing(reason) = self.state {
                        return self.finish(reason);
                    }
                }
            }
        }
        self.window.expire(now);
        if self.state == State::Bound && self.window.silences_in_a_row() >= SILENCES_IN_A_ROW_MAX {
            self.unbind(Reason::Unanswered, now);
        }
    }

    fn doubted(&mut self, now: Instant) {
        if self.state == State::Bound && !self.timers.is_running(Timer::EnquireLinkAnswer) {
            self.enquire(now);
        }
    }

    /// Asks whether the carrier is there.
    fn enquire(&mut self, now: Instant) {
        let sequence = self.window.next_sequence();
        self.say(status::ROK, sequence, Pdu::EnquireLink);
        self.timers.start(Timer::EnquireLinkAnswer, now + timers::ENQUIRE_LINK_ANSWER);
        self.timers.set(Timer::Idle, now + self.enquire_link);
    }

    fn unbind(&mut self, reason: Reason, now: Instant) {
        match self.state {
            State::Bound => {
                let sequence = self.window.next_sequence();
                self.state = State::Unbinding { reason, sequence };
                self.say(status::ROK, sequence, Pdu::Unbind);
                self.timers.set(Timer::Unbind, now + timers::UNBIND);
                self.timers.clear(Timer::Idle);
            }
            State::Binding { .. } => self.close(reason, now),
            State::Unbinding { .. } | State::Closing(_) | State::Over => {}
        }
    }

    /// Stops everything but the last words. A text that is half written stays half written, so nothing can follow it.
    fn close(&mut self, reason: Reason, now: Instant) {
        self.state = State::Closing(reason);
        self.put_back_unbegun();
        self.staged = None;
        self.timers = Timers::default();
        self.timers.set(Timer::LastWords, now + timers::LAST_WORDS);
        if self.writing.as_ref().is_some_and(|writing| !writing.chunk.ends.is_empty()) {
            self.writing = None;
            self.urgent.clear();
        }
    }

    fn finish(&mut self, reason: Reason) {
        self.state = State::Over;
        self.urgent.clear();
        self.staged = None;
        self.writing = None;
        self.window.close();
        self.answer_finished();
        self.outputs.push(Output::Closed(reason));
    }

    fn answer_finished(&mut self) {
        let outcomes = self.window.outcomes().into_iter();
        self.outputs.extend(outcomes.map(|(token, outcome)| match outcome {
            Outcome::Answered(answer) => Output::Answered { token, answer },
            Outcome::Late => Output::Late(token),
        }));
    }

    fn say(&mut self, command_status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        self.urgent.push_back(frame::encode(command_status, sequence, pdu.into()));
    }

    /// A carrier that takes us for unbound will refuse every text until we bind again.
    fn refused_or_stray(&mut self, command_status: u32, known: bool) {
        if !known {
            self.outputs.push(Output::Stray);
        } else if command_status == status::RINVBNDSTS {
            self.outputs.push(Output::Part(Reason::NotBoundThere));
        }
    }
}

/// The id that we give what was submitted to us.
fn written(id: DeliveryId) -> COctetString<1, 65> {
    COctetString::from_string(format!("{:016x}", id.0)).expect("it has 16 characters")
}
