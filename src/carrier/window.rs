//! The submits that a session has not finished: which sequence number is whose segment, what each segment's
//! fate is, and what the carrier's answer to a whole message comes to.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use smpp::Pdu;

use super::frame::{self, status};
use super::refusal::Refusals;
use crate::domain::{Answer, CarrierId, Retry};

/// SMPP 3.4 §3.2: sequence numbers are 1 to 0x7FFFFFFF.
const SEQUENCE_MAX: u32 = 0x7FFF_FFFF;
/// Messages whose answer is late and still listened for, at about half a kilobyte each.
pub const LATE_MAX: usize = 10_000;

/// A message's name between a link and its session; later messages have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// A message to write.
pub struct Submit {
    pub token: Token,
    /// Its segments, in order; at least one.
    pub segments: Vec<Pdu>,
    /// Its first octet leaves by then, or none of it does.
    pub write_by: Instant,
    /// What is unanswered then is late, and takes no room in the window any more.
    pub answer_by: Instant,
}

/// Segments of one message, encoded, to be written at one go.
pub struct Chunk {
    pub octets: Bytes,
    /// Where each segment ends, and its sequence number.
    pub ends: Vec<(usize, u32)>,
    /// For the beginning of a message: the last moment for its first octet.
    pub write_by: Option<Instant>,
}

/// What is known of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    /// Not a whole PDU of it was written, or not an octet.
    Unwritten,
    Writing,
    Written,
    Taken(CarrierId),
    Refused {
        command_status: u32,
        retry: Retry,
    },
    /// Written, and no answer came in time.
    Late,
}

struct Message {
    segments: Vec<Pdu>,
    fates: Vec<Fate>,
    write_by: Instant,
    answer_by: Instant,
    /// An octet of it was written.
    begun: bool,
    /// Nothing more of it will be put into the window.
    stopped: bool,
    /// `answer_by` has passed.
    given_up: bool,
}

/// The unfinished messages of a session.
pub struct Window {
    size: usize,
    refusals: Refusals,
    last_sequence: u32,
    /// Sequence numbers whose answer is awaited.
    live: HashMap<u32, (Token, usize)>,
    messages: BTreeMap<Token, Message>,
    /// Sequence numbers whose answer is late; they are not used again until it is there or not listened for any more.
    late: HashMap<u32, (Token, usize)>,
    /// Messages of which nothing but late answers is to come.
    late_messages: BTreeMap<Token, Message>,
    silences_in_a_row: u32,
    outcomes: Vec<(Token, Outcome)>,
}

/// How it stands with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Answered(Answer),
    /// The carrier did not answer in time. It takes no room any more, and may still be answered.
    Late,
}

/// An octet may still leave at `write_by` itself.
const JUST_AFTER: Duration = Duration::from_millis(1);

impl Window {
    /// `last_sequence` is the number before the first that is used: 0 but in tests.
    pub fn new(size: usize, refusals: Refusals, last_sequence: u32) -> Self {
        Self {
            size,
            refusals,
            last_sequence,
            live: HashMap::new(),
            messages: BTreeMap::new(),
            late: HashMap::new(),
            late_messages: BTreeMap::new(),
            silences_in_a_row: 0,
            outcomes: Vec::new(),
        }
    }

    /// The next sequence number that nothing unfinished has.
    pub fn next_sequence(&mut self) -> u32 {
        loop {
            self.last_sequence = self.last_sequence % SEQUENCE_MAX + 1;
            if !self.live.contains_key(&self.last_sequence) && !self.late.contains_key(&self.last_sequence) {
                return self.last_sequence;
            }
        }
    }

    pub fn submit(&mut self, submit: Submit) {
        let fates = vec![Fate::Unwritten; submit.segments.len()];
        let Submit { token, segments, write_by, answer_by } = submit;
        let message = Message { segments, fates, write_by, answer_by, begun: false, stopped: false, given_up: false };
        self.messages.insert(token, message);
    }

    /// As many segments of the first waiting message as the window has room for.
    pub fn next_chunk(&mut self, now: Instant) -> Option<Chunk> {
        let room = self.size.saturating_sub(self.live.len());
        let (token, _) = self.messages.iter().find(|(_, message)| message.may_be_written(now))?;
        let token = *token;
        let message = self.messages.get(&token).expect("it was found just above");
        let write_by = (!message.begun).then_some(message.write_by);
        let unwritten = |index: &usize| message.fates[*index] == Fate::Unwritten;
        let indices: Vec<usize> = (0..message.fates.len()).filter(unwritten).take(room).collect();
        if indices.is_empty() {
            return None;
        }
        let mut octets = BytesMut::new();
        let mut ends = Vec::with_capacity(indices.len());
        for index in indices {
            let sequence = self.next_sequence();
            self.live.insert(sequence, (token, index));
            let message = self.messages.get_mut(&token).expect("it was found just above");
            message.fates[index] = Fate::Writing;
            octets.extend_from_slice(&frame::encode(status::ROK, sequence, message.segments[index].clone()));
            ends.push((octets.len(), sequence));
        }
        Some(Chunk { octets: octets.freeze(), ends, write_by })
    }

    /// Nothing more of this message may leave.
    pub fn stop(&mut self, token: Token) {
        if let Some(message) = self.messages.get_mut(&token) {
            message.stopped = true;
        }
    }

    /// Whether what is left of a chunk belongs to a message of which nothing more may leave.
    pub fn is_stopped(&self, chunk: &Chunk) -> bool {
        let last = chunk.ends.last().and_then(|(_, sequence)| self.live.get(sequence));
        last.is_some_and(|(token, _)| self.messages[token].stopped)
    }

    /// Segments of which no octet left, and none will.
    pub fn recall(&mut self, ends: &[(usize, u32)]) {
        for (_, sequence) in ends {
            self.settle(*sequence, Fate::Unwritten);
        }
    }

    /// The first octet of a chunk left.
    pub fn began(&mut self, chunk: &Chunk) {
        for (_, sequence) in &chunk.ends {
            if let Some((token, _)) = self.live.get(sequence) {
                self.messages.get_mut(token).expect("a live sequence number has its message").begun = true;
            }
        }
    }

    /// The whole segment is with the kernel: from here on nobody can say that the carrier does not have it.
    pub fn wrote(&mut self, sequence: u32) {
        let Some((token, index)) = self.live.get(&sequence).copied() else { return };
        let message = self.messages.get_mut(&token).expect("a live sequence number has its message");
        message.fates[index] = Fate::Written;
        if message.given_up {
            self.listen_on(sequence);
        }
    }

    /// `submit_sm_resp` or `deliver_sm_resp`. False when nobody waits for it.
    pub fn answered(&mut self, sequence: u32, command_status: u32, message_id: &[u8]) -> bool {
        let fate = match command_status {
            status::ROK => Fate::Taken(carrier_id(message_id)),
            _ => Fate::Refused { command_status, retry: self.refusals.of_answer(command_status) },
        };
        self.heard(sequence, fate)
    }

    /// `generic_nack`: the carrier could not read it, and does not have it. False when nobody waits for it.
    pub fn nacked(&mut self, sequence: u32, command_status: u32) -> bool {
        self.heard(sequence, Fate::Refused { command_status, retry: self.refusals.of_nack(command_status) })
    }

    fn heard(&mut self, sequence: u32, fate: Fate) -> bool {
        self.silences_in_a_row = 0;
        if self.late.contains_key(&sequence) {
            self.heard_late(sequence, fate);
            return true;
        }
        let is_written = |(token, index): &(Token, usize)| self.messages[token].fates[*index] == Fate::Written;
        // What answers a PDU that is not wholly written answers something else.
        self.live.get(&sequence).is_some_and(is_written) && self.settle(sequence, fate)
    }

    fn heard_late(&mut self, sequence: u32, fate: Fate) {
        let Some((token, index)) = self.late.remove(&sequence) else { return };
        if let Some(message) = self.messages.get_mut(&token) {
            message.fates[index] = fate;
        } else if let Some(message) = self.late_messages.get_mut(&token) {
            message.fates[index] = fate;
            if !message.is_late() {
                self.forget_late(token);
            }
        }
    }

    /// Nothing more is to come for a late message.
    fn forget_late(&mut self, token: Token) {
        if let Some(message) = self.late_messages.remove(&token) {
            if message.is_late() {
                self.late.retain(|_, (owner, _)| *owner != token);
            }
            self.outcomes.push((token, Outcome::Answered(message.outcome())));
        }
    }

    fn settle(&mut self, sequence: u32, fate: Fate) -> bool {
        let Some((token, index)) = self.live.remove(&sequence) else { return false };
        let message = self.messages.get_mut(&token).expect("a live sequence number has its message");
        // One refused segment spoils the message: the rest of it is not written.
        message.stopped |= matches!(fate, Fate::Refused { .. });
        message.fates[index] = fate;
        true
    }

    /// Gives up what is too late to begin, and frees the room of what was not answered in time.
    pub fn expire(&mut self, now: Instant) {
        let mut late = Vec::new();
        for (token, message) in &mut self.messages {
            message.stopped |= !message.begun && message.write_by < now;
            if message.answer_by <= now && !message.given_up {
                message.stopped = true;
                message.given_up = true;
                let before = late.len();
                let theirs = self.live.iter().filter(|(_, (owner, _))| owner == token);
                let written = theirs.filter(|(_, (_, index))| message.fates[*index] == Fate::Written);
                late.extend(written.map(|(sequence, _)| *sequence));
                self.silences_in_a_row += u32::from(late.len() > before);
            }
        }
        late.into_iter().for_each(|sequence| self.listen_on(sequence));
    }

    /// The answer is late. The room in the window is free, but the carrier may well have the segment and say so.
    fn listen_on(&mut self, sequence: u32) {
        let Some((token, index)) = self.live.remove(&sequence) else { return };
        let message = self.messages.get_mut(&token).expect("a live sequence number has its message");
        message.fates[index] = Fate::Late;
        self.late.insert(sequence, (token, index));
    }

    /// The session is over: what was not wholly written never will be, what was written is not answered any more.
    pub fn close(&mut self) {
        self.live.clear();
        self.late.clear();
        let mut messages = std::mem::take(&mut self.late_messages);
        messages.append(&mut self.messages);
        for (token, mut message) in messages {
            for fate in &mut message.fates {
                match fate {
                    Fate::Writing => *fate = Fate::Unwritten,
                    Fate::Written => *fate = Fate::Late,
                    Fate::Unwritten | Fate::Taken(_) | Fate::Refused { .. } | Fate::Late => {}
                }
            }
            self.outcomes.push((token, Outcome::Answered(message.outcome())));
        }
    }

    /// What became known of messages since it was last asked. Each is answered once.
    pub fn outcomes(&mut self) -> Vec<(Token, Outcome)> {
        for (token, mut message) in self.messages.extract_if(.., |_, message| message.is_finished()) {
            if message.is_late() {
                // It will not be written again, only answered.
                message.segments = Vec::new();
                self.late_messages.insert(token, message);
                self.outcomes.push((token, Outcome::Late));
            } else {
                self.outcomes.push((token, Outcome::Answered(message.outcome())));
            }
        }
        while self.late_messages.len() > LATE_MAX
            && let Some((oldest, _)) = self.late_messages.first_key_value()
        {
            self.forget_late(*oldest);
        }
        std::mem::take(&mut self.outcomes)
    }

    /// When [`expire`](Self::expire) next has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadline = |message: &Message| {
            let begin_by = (!message.begun && !message.stopped).then_some(message.write_by + JUST_AFTER);
            let answer_by = (!message.given_up).then_some(message.answer_by);
            begin_by.into_iter().chain(answer_by).min()
        };
        self.messages.values().filter_map(deadline).min()
    }

    /// Messages whose answer did not come, since the last answer that did.
    pub fn silences_in_a_row(&self) -> u32 {
        self.silences_in_a_row
    }

    /// Whether nothing waits to leave, or for an answer that may still come in time.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl Message {
    fn may_be_written(&self, now: Instant) -> bool {
        let in_time = self.begun || now <= self.write_by;
        !self.stopped && in_time && self.fates.contains(&Fate::Unwritten)
    }

    /// Whether no more of it will be written, and no answer in time is to come.
    fn is_finished(&self) -> bool {
        self.fates.iter().all(|fate| match fate {
            Fate::Unwritten => self.stopped,
            Fate::Writing | Fate::Written => false,
            Fate::Taken(_) | Fate::Refused { .. } | Fate::Late => true,
        })
    }

    fn is_late(&self) -> bool {
        self.fates.contains(&Fate::Late)
    }

    /// What became of it, as far as it will ever be known.
    fn outcome(&self) -> Answer {
        let ids: Vec<CarrierId> = self
            .fates
            .iter()
            .filter_map(|fate| if let Fate::Taken(id) = fate { Some(id.clone()) } else { None })
            .collect();
        let refused = self.fates.iter().find_map(|fate| match fate {
            Fate::Refused { command_status, retry } => {
                Some(Answer::Refused { command_status: *command_status, retry: *retry })
            }
            Fate::Unwritten | Fate::Writing | Fate::Written | Fate::Taken(_) | Fate::Late => None,
        });
        if self.is_late() {
            Answer::Unknown
        } else if ids.len() == self.fates.len() {
            Answer::Taken { ids }
        } else if !ids.is_empty() {
            Answer::PartlyTaken
        } else {
            refused.unwrap_or(Answer::NotSent)
        }
    }
}

/// SMPP 3.4 §5.2.23: at most 64 characters and opaque; what is no text is kept as well as it can be.
fn carrier_id(message_id: &[u8]) -> CarrierId {
    let octets: Vec<u8> = message_id.iter().copied().take_while(|octet| *octet != 0).take(64).collect();
    CarrierId(String::from_utf8_lossy(&octets).into())
}

#[cfg(test)]
mod tests {
    use smpp::pdus::SubmitSm;

    use super::*;

    #[test]
    fn a_sequence_number_that_waits_or_is_late_is_not_given_to_another_text() {
        let now = tokio::time::Instant::now().into_std();
        let mut window = Window::new(10, Refusals::default(), 0);
        let segments = vec![SubmitSm::default().into(); 2];
        window.submit(Submit { token: Token(1), segments, write_by: now, answer_by: now });
        let chunk = window.next_chunk(now).expect("the window is empty");
        assert_eq!(chunk.ends.iter().map(|(_, sequence)| *sequence).collect::<Vec<_>>(), [1, 2]);

        window.wrote(1);
        window.expire(now);
        assert_eq!((window.live.contains_key(&1), window.live.contains_key(&2)), (false, true));
        window.last_sequence = SEQUENCE_MAX;
        assert_eq!(window.next_sequence(), 3);
    }

    #[test]
    fn a_carrier_that_loses_answers_for_days_does_not_fill_memory() {
        let now = tokio::time::Instant::now().into_std();
        let mut window = Window::new(1, Refusals::default(), 0);
        let late_max = u64::try_from(LATE_MAX).expect("it is small");
        let mut outcomes = Vec::new();
        for token in 1..=late_max + 1 {
            window.submit(Submit {
                token: Token(token),
                segments: vec![SubmitSm::default().into()],
                write_by: now,
                answer_by: now,
            });
            let chunk = window.next_chunk(now).expect("what is late takes no room");
            window.began(&chunk);
            window.wrote(chunk.ends[0].1);
            window.expire(now);
            outcomes.extend(window.outcomes());
        }
        let answered = |token| outcomes.contains(&(Token(token), Outcome::Answered(Answer::Unknown)));
        assert!(answered(1), "the oldest is not listened for any more");
        assert!(!answered(2));
        assert_eq!((window.late.len(), window.late_messages.len()), (LATE_MAX, LATE_MAX));

        window.close();
        assert_eq!(window.outcomes().len(), LATE_MAX, "with the session the others end");
    }
}
