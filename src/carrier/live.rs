//! One text to a phone of the operator's own, over a session that carries nothing else: what the carrier makes of it.
//!
//! Its words are fixed and nobody's, so that it needs no consent. What the carrier delivers meanwhile for others is not
//! answered, and comes again to whoever stays.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use smpp::CommandId;
use tokio::io::{AsyncRead, AsyncWrite};

use super::LinkConfig;
use super::bare::{Bare, now};
use super::dial::connect;
use super::frame::{Framer, status};
use super::profile::Profile;
use super::quirks::{Seen, SeenReceipt, quirks};
use super::refusal::name_of;
use super::session::{Delivered, Input, Output, Reason, Session, Settings};
use super::short_message::ShortMessage;
use super::submit::Outbound;
use super::translate::{phone, receipt};
use super::trial::TrialError;
use super::window::{Submit, Token};
use crate::domain::text::DefaultAlphabet;
use crate::domain::{Answer, Phone, ReceiptState};

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
    let settings =
        Settings { enquire_link: ENQUIRE_LINK, window: config.window.max(1), ..config.settings(config.bind()?) };
    let stream = connect(config).await.map_err(TrialError::NoConnection)?;
    let started = now();
    let live = Live {
        config,
        text,
        at,
        tell,
        session: Session::connected(settings, started),
        watch: Framer::default(),
        since: started,
        until: None,
        stage: Stage::Binding,
        seen: Seen { left_at: Some(at), ..Seen::default() },
        left_alone: 0,
    };
    live.run(stream).await.map_err(TrialError::NotBound)
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
    session: Session,
    /// Reads along: the session does not tell of everything that it hears.
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
    async fn run(mut self, stream: impl AsyncRead + AsyncWrite) -> Result<Vec<String>, Reason> {
        let mut socket = Bare::new(stream);
        loop {
            let outputs = match socket.next(&mut self.session, self.until).await {
                Input::Received(octets) => self.heard(octets),
                input => self.session.handle(input, now()),
            };
            if let Some(reason) = self.perform(outputs) {
                return self.over(reason);
            }
        }
    }

    /// Does what follows; says why when the session is over.
    fn perform(&mut self, mut outputs: Vec<Output>) -> Option<Reason> {
        loop {
            let mut follow = Vec::new();
            for output in outputs {
                match output {
                    Output::Bound => {
                        let after = self.begin(Stage::Enquiring);
                        (self.tell)(Step::Bound { after });
                    }
                    Output::Deliver(delivered) => follow.extend(self.delivered(delivered)),
                    Output::Answered { token: _, answer } => self.answered(answer),
                    // It is parted from anyway when nothing more is waited for.
                    Output::Late(_) | Output::Part(_) | Output::Stray | Output::Alert(_) => {}
                    Output::Closed(reason) => return Some(reason),
                }
            }
            let is_over = self.until.is_some_and(|until| until <= now());
            if is_over && self.stage != Stage::Parting {
                self.begin(Stage::Parting);
                self.until = None;
                follow.extend(self.session.handle(Input::Unbind(Reason::Stopped), now()));
            }
            if follow.is_empty() {
                return None;
            }
            outputs = follow;
        }
    }

    /// How long the stage before lasted.
    fn begin(&mut self, stage: Stage) -> Duration {
        let lasted = now().saturating_duration_since(self.since);
        self.since = now();
        self.stage = stage;
        lasted
    }

    fn heard(&mut self, octets: &[u8]) -> Vec<Output> {
        let mut outputs = self.session.handle(Input::Received(octets), now());
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
        let segments = outbound.segments(&self.config.profile, self.at);
        let answer_by = now() + self.config.response_timeout;
        self.until = Some(answer_by + *wait);
        let submit = Submit { token: TOKEN, segments, write_by: answer_by, answer_by };
        self.session.handle(Input::Submit(submit), now())
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
    fn delivered(&mut self, delivered: Delivered) -> Vec<Output> {
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
        self.session.handle(Input::Answer { to, command_status: status::ROK }, now())
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
