//! What is to be written to a connection, each thing in its time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::carrier::frame::Frame;

/// Things that wait to be written; who makes us say more and does not listen is too slow.
const WAITING_MAX: usize = 100_000;

/// One thing to be written.
pub enum Said {
    Pdu(Frame),
    /// Octets that are no PDU.
    Stray(Bytes),
}

impl Said {
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Pdu(frame) => frame.octets(),
            Self::Stray(octets) => octets,
        }
    }
}

/// What waits to be written, in the order in which it is due.
#[derive(Default)]
pub struct Line {
    waiting: BTreeMap<(Instant, u64), Said>,
    last: u64,
    /// When the last answer is due: the next one is not before it.
    answers_due: Option<Instant>,
}

impl Line {
    /// To be written at once.
    pub fn say(&mut self, said: Said, now: Instant) {
        self.put(said, now);
    }

    /// To be written after this time, and after every answer before it.
    pub fn answer(&mut self, said: Said, now: Instant, after: Duration) {
        let due = self.answers_due.map_or(now + after, |last| last.max(now + after));
        self.answers_due = Some(due);
        self.put(said, due);
    }

    fn put(&mut self, said: Said, due: Instant) {
        self.last += 1;
        self.waiting.insert((due, self.last), said);
    }

    /// The next thing, if it is due.
    pub fn take(&mut self, now: Instant) -> Option<Said> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next thing is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// What is left, whenever it would be due.
    pub fn hurry(&mut self, now: Instant) {
        let left = std::mem::take(&mut self.waiting);
        left.into_values().for_each(|said| self.put(said, now));
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    pub fn is_too_long(&self) -> bool {
        self.waiting.len() > WAITING_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(octet: u8) -> Said {
        Said::Stray(Bytes::copy_from_slice(&[octet]))
    }

    fn take_all(line: &mut Line, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| line.take(now)).map(|said| said.octets()[0]).collect()
    }

    #[test]
    fn answers_wait_and_the_rest_does_not() {
        let (mut line, now, second) = (Line::default(), Instant::now(), Duration::from_secs(1));
        line.answer(stray(1), now, second);
        line.say(stray(2), now);
        assert_eq!(take_all(&mut line, now), [2]);
        assert_eq!(line.next_due(), Some(now + second));
        assert_eq!(take_all(&mut line, now + second), [1]);
    }

    #[test]
    fn answers_keep_their_order_when_the_script_changes() {
        let (mut line, now, second) = (Line::default(), Instant::now(), Duration::from_secs(1));
        line.answer(stray(1), now, second);
        line.answer(stray(2), now, Duration::ZERO);
        assert!(take_all(&mut line, now).is_empty());
        assert_eq!(take_all(&mut line, now + second), [1, 2]);
    }

    #[test]
    fn at_the_end_everything_is_due() {
        let (mut line, now) = (Line::default(), Instant::now());
        line.answer(stray(1), now, Duration::from_secs(1));
        line.say(stray(2), now);
        line.hurry(now);
        assert_eq!(take_all(&mut line, now), [2, 1]);
    }

    #[test]
    fn a_line_has_a_bound() {
        let (mut line, now) = (Line::default(), Instant::now());
        (0..=WAITING_MAX).for_each(|_| line.say(stray(0), now));
        assert!(line.is_too_long());
    }
}
