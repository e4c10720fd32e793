//! A session on a clock that a test moves, and what it said.

use std::time::{Duration, Instant};

use assent::carrier::bind::{Account, BindKind, Opening};
use assent::carrier::frame::{Frame, Framer, Request, encode};
use assent::carrier::refusal::Refusals;
use assent::carrier::session::{Input, Output, Reason, Session, Settings};
use assent::carrier::window::{Submit, Token};
use assent::domain::{Answer, CarrierId};
use smpp::pdus::{BindTransceiverResp, SubmitSm, SubmitSmResp};
use smpp::{CommandId, Pdu};

pub const SECOND: Duration = Duration::from_secs(1);
pub const WRITE_BY: Duration = Duration::from_secs(2);
pub const ANSWER_BY: Duration = Duration::from_secs(60);

/// One session, the time, and what it said.
pub struct Script {
    pub session: Session,
    pub now: Instant,
    pub framer: Framer,
    pub tokens: u64,
    pub answers: Vec<(u64, Answer)>,
    pub late: Vec<u64>,
    pub delivered: Vec<u32>,
    pub strays: usize,
    pub alerts: usize,
    pub closed: Option<Reason>,
}

impl Script {
    pub fn connected_with(window: usize, last_sequence: u32) -> Self {
        Self::connected_as(
            Opening::Ask { kind: BindKind::Transceiver, account: Account::default() },
            window,
            last_sequence,
        )
    }

    pub fn connected_as(opening: Opening, window: usize, last_sequence: u32) -> Self {
        let now = tokio::time::Instant::now().into_std();
        let settings =
            Settings { opening, window, refusals: Refusals::default(), enquire_link: 30 * SECOND, last_sequence };
        Self {
            session: Session::connected(settings, now),
            now,
            framer: Framer::default(),
            tokens: 0,
            answers: Vec::new(),
            late: Vec::new(),
            delivered: Vec::new(),
            strays: 0,
            alerts: 0,
            closed: None,
        }
    }

    /// Bound, with a window of 10.
    pub fn bound() -> Self {
        Self::bound_with(10, 0)
    }

    pub fn bound_with(window: usize, last_sequence: u32) -> Self {
        let mut script = Self::connected_with(window, last_sequence);
        let [bind] = script.says().try_into().unwrap();
        assert_eq!(bind.id(), CommandId::BindTransceiver);
        script.hears(0, bind.sequence(), BindTransceiverResp::default());
        assert!(script.session.is_bound());
        script
    }

    pub fn handle(&mut self, input: Input<'_>) {
        for output in self.session.handle(input, self.now) {
            match output {
                Output::Bound | Output::Part(_) => {}
                Output::Alert(_) => self.alerts += 1,
                Output::Deliver(delivered) => self.delivered.push(delivered.frame.sequence()),
                Output::Answered { token, answer } => self.answers.push((token.0, answer)),
                Output::Late(token) => self.late.push(token.0),
                Output::Stray => self.strays += 1,
                Output::Closed(reason) => self.closed = Some(reason),
            }
        }
    }

    pub fn hears(&mut self, command_status: u32, sequence: u32, pdu: impl Into<Pdu>) {
        self.handle(Input::Received(&encode(command_status, sequence, pdu.into())));
    }

    pub fn hears_octets(&mut self, octets: &[u8]) {
        self.handle(Input::Received(octets));
    }

    /// The carrier took this segment.
    pub fn takes(&mut self, segment: &Frame, id: &str) {
        let response = SubmitSmResp::builder().message_id(id.parse().unwrap()).build();
        self.hears(0, segment.sequence(), response);
    }

    pub fn passes(&mut self, time: Duration) {
        self.now += time;
        self.handle(Input::Tick);
    }

    pub fn submits(&mut self, segments: usize) -> u64 {
        self.tokens += 1;
        let submit = Submit {
            token: Token(self.tokens),
            segments: vec![SubmitSm::default().into(); segments],
            write_by: self.now + WRITE_BY,
            answer_by: self.now + ANSWER_BY,
        };
        self.handle(Input::Submit(submit));
        self.tokens
    }

    /// Writes everything there is to write.
    pub fn says(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(to_write) = self.session.to_write(self.now) {
            self.framer.push(&to_write.octets);
            self.handle(Input::Wrote(to_write.octets.len()));
            while let Some(frame) = self.framer.next_frame().unwrap() {
                frames.push(frame);
            }
        }
        frames
    }

    #[track_caller]
    pub fn says_ids(&mut self) -> Vec<CommandId> {
        self.says().iter().map(Frame::id).collect()
    }

    pub fn answer(&self, token: u64) -> Option<&Answer> {
        self.answers.iter().find(|(answered, _)| *answered == token).map(|(_, answer)| answer)
    }
}

pub fn taken(ids: &[&str]) -> Answer {
    Answer::Taken { ids: ids.iter().map(|id| CarrierId((*id).into())).collect() }
}

pub fn deliver_sm(sequence: u32) -> Request {
    Request { id: CommandId::DeliverSm, sequence }
}

pub fn raw(id: u32, sequence: u32) -> Vec<u8> {
    [16, id, 0, sequence].map(u32::to_be_bytes).concat()
}
