//! The deadlines of a session, and how often something may happen. They are told the time and never ask for it.

use std::time::{Duration, Instant};

/// How long a bind may go unanswered.
pub const BIND: Duration = Duration::from_secs(10);
/// How long our `enquire_link` may go unanswered.
pub const ENQUIRE_LINK_ANSWER: Duration = Duration::from_secs(10);
/// How long the rest of a PDU may take once it has begun.
pub const PARTIAL_FRAME: Duration = Duration::from_secs(30);
/// How long the socket may take nothing.
pub const WRITE: Duration = Duration::from_secs(10);
/// How long our `unbind` may go unanswered.
pub const UNBIND: Duration = Duration::from_secs(5);
/// How long the last words of a session may take to leave.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    Bind,
    /// Nothing was heard: time to ask.
    Idle,
    EnquireLinkAnswer,
    PartialFrame,
    Write,
    Unbind,
    LastWords,
}

const TIMERS: [Timer; 7] = [
    Timer::Bind,
    Timer::Idle,
    Timer::EnquireLinkAnswer,
    Timer::PartialFrame,
    Timer::Write,
    Timer::Unbind,
    Timer::LastWords,
];

/// The deadlines that are running.
#[derive(Debug, Default)]
pub struct Timers([Option<Instant>; TIMERS.len()]);

impl Timers {
    pub fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Starts a timer, unless it is running.
    pub fn start(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize].get_or_insert(at);
    }

    pub fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub fn is_running(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    pub fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Stops and names one that is due.
    pub fn due(&mut self, now: Instant) -> Option<Timer> {
        let due = TIMERS.into_iter().find(|timer| self.0[*timer as usize].is_some_and(|at| at <= now))?;
        self.clear(due);
        Some(due)
    }
}

/// Counts how often something happens in a span of time.
#[derive(Debug)]
pub struct Rate {
    max: u32,
    span: Duration,
    since: Instant,
    count: u32,
}

impl Rate {
    pub fn new(max: u32, span: Duration, now: Instant) -> Self {
        Self { max, span, since: now, count: 0 }
    }

    /// Counts one more; whether that is more than may be.
    pub fn exceeded(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= self.span {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count > self.max
    }
}
