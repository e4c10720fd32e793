//! Serves the line before one number, one at a time: draws segments, hands out a turn, waits until it is over.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::line::{Line, Ticket};
use super::purse::Purse;
use super::watch::DayWatch;
use crate::domain::meter::{DRAWN_MAX, burst};
use crate::domain::{DayBudget, Days, Draw, MessageId, PracticeId, Precedence, Rate, Standing, Verdict};
use crate::ports::{Asked, Clock, DaySpent, Meters, Turn};

/// The share of a minute's segments that is drawn at once for those who wait: what leaves within 100 ms.
const BATCH_SHARE: u32 = 600;
/// How long a line of many lets a bucket fill that was found too empty, so that one draw is for many.
const BATCH_WAIT: Duration = Duration::from_millis(50);
/// The pauses between draws from a store that fails.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What the clerk calls out to somebody in the line.
type Called = Result<NumberTurn, DaySpent>;

/// Where those who wait meet the clerk.
pub struct Desk {
    pub practice: PracticeId,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

struct Waiting {
    line: Line<oneshot::Sender<Called>>,
    /// As whoever came last knows it.
    rate: Rate,
}

impl Desk {
    pub fn new(practice: PracticeId, rate: Rate) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { line: Line::default(), rate });
        Arc::new(Self { practice, waiting, changed: Notify::new() })
    }

    /// Waits in the line. Whoever is dropped leaves it.
    pub async fn wait(self: &Arc<Self>, rate: Rate, asked: Asked) -> Called {
        let (call, called) = oneshot::channel();
        let ticket = {
            let mut waiting = self.lock();
            waiting.rate = rate;
            waiting.line.join(asked, call)
        };
        let _place = Place { desk: Arc::clone(self), ticket, precedence: asked.precedence };
        self.changed.notify_one();
        called.await.expect("the clerk serves for as long as somebody waits")
    }

    pub fn ahead_of(&self, id: MessageId, precedence: Precedence) -> u32 {
        self.lock().line.ahead_of(id, precedence)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no holder of the lock panics")
    }
}

/// A place in the line.
struct Place {
    desk: Arc<Desk>,
    ticket: Ticket,
    precedence: Precedence,
}

impl Drop for Place {
    fn drop(&mut self) {
        // Of whoever was called there is nothing to take.
        if self.desk.lock().line.take(self.ticket, self.precedence).is_some() {
            self.desk.changed.notify_one();
        }
    }
}

/// The turn of the one who was called. It is over when it is spent or dropped.
pub struct NumberTurn {
    spent: oneshot::Sender<()>,
}

impl Turn for NumberTurn {
    fn spend(self: Box<Self>) {
        // The clerk may have stopped with the daemon; what was drawn counts all the same.
        let _ = self.spent.send(());
    }
}

/// The one who serves.
pub struct Clerk {
    desk: Arc<Desk>,
    meters: Arc<dyn Meters>,
    clock: Arc<dyn Clock>,
    purse: Purse,
    watch: DayWatch,
    retry: Duration,
}

impl Clerk {
    pub fn new(desk: Arc<Desk>, meters: Arc<dyn Meters>, clock: Arc<dyn Clock>) -> Self {
        Self { desk, meters, clock, purse: Purse::empty(), watch: DayWatch::default(), retry: RETRY_FIRST }
    }

    /// Serves until the daemon stops, and then gives back what is left.
    pub async fn work(mut self, stopping: CancellationToken) {
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            () = self.serve() => {}
        }
        self.give_back().await;
    }

    async fn serve(&mut self) {
        loop {
            let Some((ticket, asked)) = self.first() else {
                self.wait_for_somebody().await;
                continue;
            };
            if self.purse.take(asked.segments).is_some() {
                self.hand_out(ticket, asked).await;
            } else {
                self.fetch(ticket, asked).await;
            }
        }
    }

    async fn wait_for_somebody(&mut self) {
        let Some(idle_at) = self.purse.idle_at() else { return self.desk.changed.notified().await };
        let somebody_came = tokio::select! {
            biased;
            () = self.desk.changed.notified() => true,
            () = sleep_until(idle_at) => false,
        };
        if !somebody_came {
            self.give_back().await;
        }
    }

    /// Gives the turn to whoever is next, and waits until it is over.
    async fn hand_out(&mut self, ticket: Ticket, asked: Asked) {
        let (spent, mut is_spent) = oneshot::channel();
        let call = self.desk.lock().line.take(ticket, asked.precedence);
        // Whoever has gone since drops the turn, here or in the channel.
        drop(call.map(|call| call.send(Ok(NumberTurn { spent }))));
        let was_spent = loop {
            let idle_at = self.purse.idle_at();
            tokio::select! {
                biased;
                ended = &mut is_spent => break ended.is_ok(),
                () = sleep_until(idle_at.unwrap_or_else(Instant::now)), if idle_at.is_some() => self.give_back().await,
            }
        };
        if !was_spent {
            self.purse.put(asked.segments);
        }
    }

    /// Draws what the next one needs, and a part of what those behind need.
    async fn fetch(&mut self, ticket: Ticket, asked: Asked) {
        let (rate, demand) = {
            let waiting = self.desk.lock();
            (waiting.rate, waiting.line.segments())
        };
        let needed = asked.segments.saturating_sub(self.purse.segments()).clamp(1, DRAWN_MAX);
        let wanted = batch(demand, rate.per_minute).saturating_sub(self.purse.segments()).clamp(needed, DRAWN_MAX);
        let some = |segments| NonZeroU32::new(segments).expect("at least one segment is needed");
        let day = match asked.precedence {
            Precedence::First => DayBudget::Overdrawn,
            Precedence::InTurn | Precedence::FirstContact => DayBudget::KeptTo,
        };
        let days = Days::around(self.clock.now());
        let draw = Draw { needed: some(needed), wanted: some(wanted), rate, day, days };
        let drawn = match self.meters.draw(&self.desk.practice, draw).await {
            Ok(drawn) => drawn,
            Err(error) => {
                tracing::warn!(practice = %self.desk.practice, %error, "no segments could be drawn");
                tokio::time::sleep(self.retry).await;
                self.retry = (self.retry * 2).min(RETRY_MAX);
                return;
            }
        };
        self.retry = RETRY_FIRST;
        match drawn.verdict {
            Verdict::Granted(segments) => {
                self.note(rate, drawn.standing, segments.get());
                self.purse.fill(segments, drawn.standing.day_ends_at, rate.per_minute);
            }
            Verdict::NotBefore(wait) => {
                let wait = if wanted > needed { wait.max(BATCH_WAIT) } else { wait };
                self.wait_unless_another_is_first(ticket, wait).await;
            }
            Verdict::DaySpent => {
                self.note(rate, drawn.standing, 0);
                let turned_away = self.desk.lock().line.turn_away(asked.segments);
                for call in turned_away {
                    // Whoever has gone does not need to hear it.
                    let _ = call.send(Err(DaySpent { day_ends_at: drawn.standing.day_ends_at }));
                }
            }
        }
    }

    /// Waits for the bucket. An answer that comes meanwhile goes ahead.
    async fn wait_unless_another_is_first(&self, ticket: Ticket, wait: Duration) {
        let until = Instant::now() + wait;
        while self.first().is_some_and(|(first, _)| first == ticket) {
            if timeout(until.saturating_duration_since(Instant::now()), self.desk.changed.notified()).await.is_err() {
                return;
            }
        }
    }

    async fn give_back(&mut self) {
        let Some(unused) = self.purse.give_back() else { return };
        if let Err(error) = self.meters.give_back(&self.desk.practice, unused).await {
            // They count as sent: too few may leave for a moment, never too many.
            tracing::warn!(practice = %self.desk.practice, %error, "unused segments were not given back");
        }
    }

    fn note(&mut self, rate: Rate, standing: Standing, drawn: u32) {
        if let Some(budget) = self.watch.note(&self.desk.practice, rate, standing, drawn) {
            DayWatch::tell(&self.desk.practice, standing, budget);
        }
    }

    fn first(&self) -> Option<(Ticket, Asked)> {
        self.desk.lock().line.first()
    }
}

impl Drop for Clerk {
    /// Those who wait for a clerk that panicked are not left to wait for ever: they fail, and ask again in time.
    fn drop(&mut self) {
        self.desk.lock().line = Line::default();
    }
}

/// Segments that are drawn at once for a line that waits for `demand`: half as many more, for those who come meanwhile.
fn batch(demand: u32, per_minute: NonZeroU32) -> u32 {
    demand.saturating_add(demand / 2).min(per_minute.get() / BATCH_SHARE).min(burst(per_minute))
}
