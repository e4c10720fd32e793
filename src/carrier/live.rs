//! One text to a phone of the operator's own, over a session that carries nothing else: what the carrier makes of it.
//!
//! Its words are fixed and nobody's, so that it needs no consent. What the carrier delivers meanwhile for others is not
//! answered, and comes again to whoever stays.

use std::time::Duration;

use futures_util::future::select_all;
use jiff::{SignedDuration, Timestamp};
use smpp::CommandId;

use super::bare::{Bare, now};
use super::bind::{BindKind, Opening, Side};
use super::deliver::written;
use super::dial::{Connection, connect};
use super::frame::{Framer, status};
use super::profile::Profile;
use super::quirks::{Seen, SeenReceipt, quirks};
use super::refusal::name_of;
use super::session::{Delivered, Input, Output, Reason, Session, Settings};
use super::short_message::ShortMessage;
use super::submit::Outbound;
use super::translate::{phone, receipt};
use super::trial::{Trial, TrialError};
use super::window::{Submit, Token};
use super::{Binds, LinkConfig};
use crate::domain::text::DefaultAlphabet;
use crate::domain::{Answer, DeliveryId, Phone, ReceiptState};

/// The session asks whether the carrier is there as soon as nothing was heard for this long.
const ENQUIRE_LINK: Duration = Duration::from_secs(1);
/// How long the carrier may keep the text.
const VALIDITY: SignedDuration = SignedDuration::from_mins(5);
/// How long is still listened after the last receipt, for one that comes twice.
const LINGER: Duration = Duration::from_secs(3);
/// Receipts that are kept. A carrier that sends more has shown enough.
const RECEIPTS_MAX: usize = 16;
const TOKEN: Token = Token(1);

/// What is sent, and how long its receipt is waited for.
#[derive(Debug, Clone)]
pub struct LiveText {
    /// A practice's number.
    pub from: Phone,
    /// A phone that the operator holds in their hands.
    pub to: Phone,
    /// The `user_message_reference`.
    pub reference: u16,
    pub wait: Duration,
}

/// What was seen, as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Bound {
        after: Duration,
    },
    Enquired {
        after: Duration,
    },
    Taken {
        message_id: String,
        after: Duration,
    },
    Refused {
        command_status: u32,
        name: Option<&'static str>,
    },
    /// No answer came, or the text did not leave.
    NotAnswered,
    Receipt {
        state: ReceiptState,
        after: Duration,
    },
    NoReceipt,
    /// So many deliveries were left to whoever binds next.
    LeftAlone {
        deliveries: usize,
    },
}

/// The words of the text. Whoever reads them on the phone sees whether the default alphabet is what the profile says.
pub fn words(profile: &Profile) -> &'static str {
    match profile.dialect.default_alphabet {
        DefaultAlphabet::Gsm => {
            "Test of a carrier link. These are at, underscore, e acute, bracket and euro: @ _ é [ €"
        }
        DefaultAlphabet::Latin1 => "Test of a carrier link. These are at, underscore, e acute and bracket: @ _ é [",
        DefaultAlphabet::Ascii => "Test of a carrier link. These are at, underscore and bracket: @ _ [",
    }
}

/// Binds, enquires, sends the text, waits for its receipt and unbinds. Tells each step, and in the end what the carrier
/// does in its own way.
pub async fn try_text(
    config: &LinkConfig,
    text: &LiveText,
    at: Timestamp,
    tell: &mut (dyn FnMut(Step) + Send),
) -> Result<Vec<String>, TrialError> {
    let started = now();
    let (mut sockets, mut sessions, mut left_alone) = (Vec::new(), Vec::new(), 0);
    let kind = match config.bind {
        Binds::Transceiver => BindKind::Transceiver,
        Binds::TransmitterAndReceiver => {
            let receiver = Trial::bind(config, BindKind::Receiver).await?;
            sockets.push(receiver.socket);
            sessions.push(receiver.session);
            left_alone = receiver.left_alone;
            BindKind::Transmitter
        }
    };
    let opening = Opening::Ask { kind, account: config.account()? };
    let settings = Settings { enquire_link: ENQUIRE_LINK, window: config.window.max(1), ..config.settings(opening) };
    sockets.push(Bare::new(connect(config).await.map_err(TrialError::NoConnection)?));
    sessions.push(Session::connected(settings, now()));
    let live = Live {
        config,
        text,
        at,
        tell,
        sessions,
        watch: Framer::default(),
        since: started,
        until: None,
        stage: Stage::Binding,
        seen: Seen { left_at: Some(at), ..Seen::default() },
        left_alone,
    };
    live.run(sockets).await.map_err(TrialError::NotBound)
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Binding,
    Enquiring,
    Sent,
    Parting,
}

struct Live<'a> {
    config: &'a LinkConfig,
    text: &'a LiveText,
    at: Timestamp,
    tell: &'a mut (dyn FnMut(Step) + Send),
    /// The last is the one that the text leaves by.
    sessions: Vec<Session>,
    /// Reads along with that one: the session does not tell of everything that it hears.
    watch: Framer,
    /// When the stage began.
    since: std::time::Instant,
    /// When no more is waited for.
    until: Option<std::time::Instant>,
    stage: Stage,
    seen: Seen,
    left_alone: usize,
}

impl Live<'_> {
    async fn run(mut self, mut sockets: Vec<Bare<Box<dyn Connection>>>) -> Result<Vec<String>, Reason> {
        let mut open = sockets.len();
        loop {
            let until = self.until;
            let lines = sockets.iter_mut().zip(&mut self.sessions).enumerate();
            let happens = lines
                .map(|(line, (socket, session))| Box::pin(async move { (line, socket.next(session, until).await) }));
            let ((line, input), ..) = select_all(happens).await;
            let outputs = match input {
                Input::Received(octets) => self.heard(line, octets),
                input => self.sessions[line].handle(input, now()),
            };
            if let Some(reason) = self.perform(line, outputs) {
                open -= 1;
                if self.stage != Stage::Parting || open == 0 {
                    return self.over(reason);
                }
                sockets.remove(line);
                self.sessions.remove(line);
            }
        }
    }

    /// Does what follows on one line; says why when it is over.
    fn perform(&mut self, line: usize, mut outputs: Vec<Output>) -> Option<Reason> {
        while !outputs.is_empty() {
            for output in std::mem::take(&mut outputs) {
                match output {
                    Output::Bound => {
                        let after = self.begin(Stage::Enquiring);
                        (self.tell)(Step::Bound { after });
                    }
                    Output::Deliver(delivered) => outputs.extend(self.delivered(line, delivered)),
                    Output::Answered { token: _, answer } => self.answered(answer),
                    // It is parted from anyway when nothing more is waited for.
                    Output::Late(_) | Output::Part(_) | Output::Stray | Output::Alert(_) => {}
                    Output::Closed(reason) => return Some(reason),
                }
            }
        }
        let is_over = self.until.is_some_and(|until| until <= now());
        if is_over && self.stage != Stage::Parting {
            self.begin(Stage::Parting);
            self.until = None;
            for session in &mut self.sessions {
                // It has something to write then, and nothing else to say.
                session.handle(Input::Unbind(Reason::Stopped), now());
            }
        }
        None
    }

    /// How long the stage before lasted.
    fn begin(&mut self, stage: Stage) -> Duration {
        let lasted = now().saturating_duration_since(self.since);
        self.since = now();
        self.stage = stage;
        lasted
    }

    fn heard(&mut self, line: usize, octets: &[u8]) -> Vec<Output> {
        let mut outputs = self.sessions[line].handle(Input::Received(octets), now());
        if line + 1 < self.sessions.len() {
            return outputs;
        }
        self.watch.push(octets);
        // A stream that can't be cut ends the session as well.
        while let Ok(Some(frame)) = self.watch.next_frame() {
            if frame.id() == CommandId::EnquireLinkResp && self.stage == Stage::Enquiring {
                let after = self.begin(Stage::Sent).saturating_sub(ENQUIRE_LINK);
                (self.tell)(Step::Enquired { after });
                outputs.extend(self.send());
            }
        }
        outputs
    }

    fn send(&mut self) -> Vec<Output> {
        let LiveText { from, to, reference, wait } = self.text;
        let text = words(&self.config.profile);
        let outbound = Outbound { from, to, text, reference: *reference, expires_at: self.at + VALIDITY };
        let segments = written(outbound.segments(&self.config.profile, self.at), Side::Esme);
        let answer_by = now() + self.config.response_timeout;
        self.until = Some(answer_by + *wait);
        let submit = Submit { token: TOKEN, segments, write_by: answer_by, answer_by };
        self.sender().handle(Input::Submit(submit), now())
    }

    fn sender(&mut self) -> &mut Session {
        self.sessions.last_mut().expect("there is one to begin with, and nothing is sent once they end")
    }

    fn answered(&mut self, answer: Answer) {
        let after = now().saturating_duration_since(self.since);
        match answer {
            Answer::Taken { ids } => {
                let id = ids.first().map(|id| id.0.to_string()).unwrap_or_default();
                (self.tell)(Step::Taken { message_id: id.clone(), after });
                self.seen.message_id = Some(id);
                let is_done = self.seen.receipts.iter().any(SeenReceipt::is_final);
                self.until = Some(now() + if is_done { LINGER } else { self.text.wait });
            }
            Answer::Refused { command_status, .. } => {
                (self.tell)(Step::Refused { command_status, name: name_of(command_status) });
                self.until = Some(now());
            }
            Answer::NotSent | Answer::PartlyTaken | Answer::Unknown => (self.tell)(Step::NotAnswered),
        }
    }

    /// A receipt for our text is answered. Everything else is somebody's.
    fn delivered(&mut self, line: usize, delivered: Delivered) -> Vec<Output> {
        let to = delivered.frame.request();
        let ours = delivered.message.ok().filter(|message| self.is_for_our_text(message));
        let Some(message) = ours else {
            self.left_alone += 1;
            return Vec::new();
        };
        let state = receipt(&message, &self.config.profile.dialect).state;
        (self.tell)(Step::Receipt { state, after: now().saturating_duration_since(self.since) });
        if self.seen.receipts.len() < RECEIPTS_MAX {
            let came_before_the_answer = self.seen.message_id.is_none();
            self.seen.receipts.push(SeenReceipt { message, came_before_the_answer });
        }
        if self.seen.message_id.is_some() && self.seen.receipts.iter().any(SeenReceipt::is_final) {
            let lingered = now() + LINGER;
            self.until = Some(self.until.map_or(lingered, |until| until.min(lingered)));
        }
        // A receipt has no id of ours.
        self.sessions[line].handle(Input::Answer { to, command_status: status::ROK, id: DeliveryId(0) }, now())
    }

    fn is_for_our_text(&self, message: &ShortMessage) -> bool {
        let is_from_there = phone(&message.source).as_ref() == Some(&self.text.to);
        self.stage == Stage::Sent && is_from_there && SeenReceipt::is_like(message)
    }

    fn over(self, reason: Reason) -> Result<Vec<String>, Reason> {
        if self.stage != Stage::Parting {
            return Err(reason);
        }
        if self.seen.message_id.is_some() && self.seen.receipts.is_empty() {
            (self.tell)(Step::NoReceipt);
        }
        if self.left_alone > 0 {
            (self.tell)(Step::LeftAlone { deliveries: self.left_alone });
        }
        Ok(quirks(&self.seen, self.text.reference, &self.config.profile.dialect))
    }
}
