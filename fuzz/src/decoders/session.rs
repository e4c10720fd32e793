//! A bound session with texts under way, and everything that it says and does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use assent::carrier::bind::{Account, BindKind, Opening};
use assent::carrier::frame::encode;
use assent::carrier::refusal::Refusals;
use assent::carrier::session::{Input, Output, Session, Settings};
use assent::carrier::window::{Submit, Token};
use assent::domain::Answer;
use smpp::pdus::{BindTransceiverResp, SubmitSm};

use super::only_frame;

const WINDOW: usize = 10;
const A_MINUTE: Duration = Duration::from_secs(60);

pub struct Bound {
    session: Session,
    now: Instant,
    heard: Heard,
}

/// What a session said to the carrier and to its link.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub said: Vec<u8>,
    /// The octets of what was delivered, and the `command_status` that it will be answered with if it can't be read.
    pub delivered: Vec<(Vec<u8>, Option<u32>)>,
    /// In the order of the texts: answers that come in one read come out in that order.
    answered: BTreeMap<u64, Vec<Answer>>,
    /// The rest, in words.
    others: Vec<String>,
}

impl Bound {
    /// As many texts are on the wire, unanswered.
    pub fn with_texts(texts: u64) -> Self {
        let now = tokio::time::Instant::now().into_std();
        let settings = Settings {
            opening: Opening::Ask { kind: BindKind::Transceiver, account: Account::default() },
            window: WINDOW,
            enquire_link: A_MINUTE,
            refusals: Refusals::default(),
            last_sequence: 0,
        };
        let mut bound = Self { session: Session::connected(settings, now), now, heard: Heard::default() };
        bound.write();
        let bind = only_frame(&std::mem::take(&mut bound.heard.said)).expect("a session begins with its bind");
        let response = encode(0, bind.sequence(), BindTransceiverResp::default().into());
        bound.handle(Input::Received(&response));
        assert!(bound.session.is_bound());
        for token in 1..=texts {
            let (write_by, answer_by) = (now + A_MINUTE, now + A_MINUTE);
            let segments = vec![SubmitSm::default().into()];
            bound.handle(Input::Submit(Submit { token: Token(token), segments, write_by, answer_by }));
        }
        bound.write();
        bound.heard = Heard::default();
        bound
    }

    /// To the end of the connection. Nothing is written before all of it came.
    pub fn hears(mut self, pieces: &[&[u8]]) -> Heard {
        for piece in pieces {
            self.handle(Input::Received(piece));
        }
        self.write();
        self.handle(Input::Lost);
        self.heard
    }

    fn handle(&mut self, input: Input<'_>) {
        for output in self.session.handle(input, self.now) {
            match output {
                Output::Bound => {}
                Output::Deliver(delivered) => {
                    let refusal = delivered.message.err().map(|malformed| malformed.command_status);
                    self.heard.delivered.push((delivered.frame.octets().to_vec(), refusal));
                }
                Output::Answered { token, answer } => {
                    self.heard.answered.entry(token.0).or_default().push(answer);
                }
                Output::Alert(frame) => self.heard.others.push(format!("alert: {} octets", frame.octets().len())),
                Output::Late(token) => self.heard.others.push(format!("late: {token:?}")),
                Output::Part(reason) => self.heard.others.push(format!("part: {reason:?}")),
                Output::Stray => self.heard.others.push("stray".to_owned()),
                Output::Closed(reason) => self.heard.others.push(format!("closed: {reason:?}")),
            }
        }
    }

    fn write(&mut self) {
        while let Some(to_write) = self.session.to_write(self.now) {
            self.heard.said.extend_from_slice(&to_write.octets);
            self.handle(Input::Wrote(to_write.octets.len()));
        }
    }
}

impl Heard {
    pub fn check_every_text_has_one_answer(&self, texts: u64) {
        assert!(self.answered.keys().copied().eq(1..=texts), "{:?}", self.answered);
        assert!(self.answered.values().all(|answers| answers.len() == 1), "{:?}", self.answered);
    }
}
