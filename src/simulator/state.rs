//! Everything that the carrier knows, and how far it is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::SimulatorConfig;
use super::binds::Binds;
use super::faults::Faults;
use super::opening::Call;
use super::outbox::{Outbox, Outgoing};
use super::phones::{Direction, Phones, Text};
use super::scenario::Play;
use super::tally::Tally;
use super::verbs::Order;
use super::wire_log::WireLog;
use crate::carrier::frame::status;
use crate::ports::Clock;

pub(super) struct State {
    pub faults: Faults,
    pub played: Played,
    pub phones: Phones,
    pub binds: Binds,
    pub outbox: Outbox,
    /// Receipts that wait for others, to come in another order.
    pub gathered: Vec<Outgoing>,
    /// Gateways to go to.
    pub calls: mpsc::Sender<Call>,
    /// What each connection was told to do and has not done.
    pub orders: BTreeMap<u64, Vec<Order>>,
    pub log: WireLog,
    pub tally: Tally,
    pub counts: Counts,
    /// The scenario that is being played, and whether it was told to end.
    pub play: Play,
    pub ended: bool,
    pub last_id: u64,
}

/// How far the script was played.
#[derive(Default)]
pub(super) struct Played {
    /// Which script it is, counted from 0.
    pub script: u64,
    pub submits: u64,
    pub receipts: u64,
    /// When the present second began, and how many were taken since.
    pub second: Option<(Instant, u32)>,
}

/// What happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Binds that stand.
    pub bound: usize,
    pub connections: u64,
    pub binds: u64,
    /// Texts of the gateway that were taken, by segments.
    pub submits: u64,
    /// And that the script refused.
    pub refused: u64,
    /// Texts of phones, by segments, and receipts that were written to the gateway.
    pub delivers: u64,
    pub receipts: u64,
    /// Of what was written, what the gateway answered.
    pub answered: u64,
}

impl State {
    pub fn new(calls: mpsc::Sender<Call>, clock: &dyn Clock) -> Self {
        Self {
            faults: Faults::default(),
            played: Played::default(),
            phones: Phones::default(),
            binds: Binds::default(),
            outbox: Outbox::default(),
            gathered: Vec::new(),
            calls,
            orders: BTreeMap::new(),
            log: WireLog::default(),
            tally: Tally::default(),
            counts: Counts::default(),
            play: Play::default(),
            ended: false,
            // Ids that another run gave are not given again soon.
            last_id: u64::try_from(clock.now().as_second()).unwrap_or_default() << 16,
        }
    }

    pub fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
        self.played = Played { script: self.played.script + 1, ..Played::default() };
        self.release_receipts();
    }

    pub fn typed(&mut self, from: &str, to: &str, words: &str, config: &SimulatorConfig) -> Text {
        let id = format!("{:x}", self.new_id());
        let [from, to, words] = [from, to, words].map(str::to_owned);
        let (at, direction) = (config.clock.now(), Direction::FromPhone);
        let text = Text { id, direction, from, to, text: words, at, answered: false };
        self.phones.keep(text.clone());
        self.outbox.typed(&text, config.alphabet, &self.faults);
        text
    }

    /// What refuses the text that comes now, if anything does.
    pub fn refuses(&mut self, now: Instant) -> Option<u32> {
        let nth = self.played.submits;
        self.played.submits += 1;
        let refusal = self.faults.refuses(nth).or_else(|| self.is_too_fast(now).then_some(status::RTHROTTLED));
        self.counts.refused += u64::from(refusal.is_some());
        refusal
    }

    fn is_too_fast(&mut self, now: Instant) -> bool {
        let Some(most) = self.faults.submits_per_second else { return false };
        let (began, taken) = self.played.second.filter(|(began, _)| now < *began + SECOND).unwrap_or((now, 0));
        self.played.second = Some((began, taken.saturating_add(1)));
        taken >= most
    }
}

const SECOND: Duration = Duration::from_secs(1);
