//! What becomes of a webhook's post: what it takes from the stream, what is due, and what an answer changes. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::schedule::{self, Jitter, Verdict};
use crate::domain::{BootId, OtherDaemons};
use crate::ports::{
    Fate, Heard, Lease, Notice, Occurrence, OccurrenceId, Post, Silence, StopReason, Stopped, WebhookDelivery,
};

/// Deliveries of one webhook that wait to be tried, or tried again. While there are that many nothing more is taken from the
/// stream, which keeps what is not taken.
pub const WAITING_MAX: usize = 100;
/// Finished deliveries that the log shows, and for how long.
pub const LOG_MAX: usize = 200;
const LOGGED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long nothing must have been taken for the receiver to be down, and not only to dislike some of what it gets. It is
/// also how often one that is down is looked at while no more can wait, however long the pauses are by then.
const OUTAGE: SignedDuration = SignedDuration::from_mins(5);
/// Longer than a batch takes.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub notice: Notice,
    pub heard: Heard,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Post {
    /// Of a webhook that is made at this place in the stream.
    pub fn from(position: OccurrenceId) -> Self {
        Self {
            position,
            deliveries: Vec::new(),
            failing_since: None,
            up_since: None,
            tried_at: None,
            last: None,
            stopped: None,
            lease: None,
        }
    }

    /// How much more can wait.
    pub fn room(&self) -> usize {
        WAITING_MAX.saturating_sub(self.deliveries.iter().filter(|delivery| delivery.is_waiting()).count())
    }

    // ------------------------------------------------------------------------------------------- the stream

    /// Takes what came next in the stream; what nobody wants to hear is passed by.
    pub fn take(&mut self, page: Vec<Occurrence>, wants: impl Fn(&Occurrence) -> bool, now: Timestamp) {
        for occurrence in page {
            self.position = occurrence.id;
            if wants(&occurrence) {
                self.deliveries.push(WebhookDelivery::new(Notice::Occurred(occurrence), now));
            }
        }
    }

    /// What came after the position is not kept any more: the receiver hears that, and then what comes from here on.
    pub fn reset(&mut self, newest: OccurrenceId, now: Timestamp) {
        self.position = newest;
        self.deliveries.push(WebhookDelivery::new(Notice::Reset(newest), now));
    }

    /// Where no more can wait, gives up what was refused the most often while others were taken: that is at fault, and not the
    /// receiver. Where nothing is taken at all, everything waits.
    pub fn make_room(&mut self, now: Timestamp) {
        let Some(up_since) = self.up_since.filter(|_| self.room() == 0) else { return };
        let refused = self.deliveries.iter_mut().rev().filter(|delivery| {
            let was_tried_since = delivery.tried_at.is_some_and(|at| at >= up_since);
            delivery.is_waiting() && delivery.attempts > 1 && was_tried_since
        });
        if let Some(refused) = refused.max_by_key(|delivery| delivery.attempts) {
            refused.fate = Fate::Failed(now);
            refused.last = Some(Heard::Nothing(Silence::CrowdedOut));
        }
    }

    // --------------------------------------------------------------------------------------------- attempts

    /// What is to be tried at this time, in the order in which it was taken.
    pub fn due(&self, now: Timestamp, max: usize) -> Vec<WebhookDelivery> {
        let first = self.first_waiting();
        let due = self.deliveries.iter().filter(|delivery| self.due_at(delivery, first).is_some_and(|at| at <= now));
        due.take(max).cloned().collect()
    }

    /// When something is to be tried next.
    pub fn next_at(&self) -> Option<Timestamp> {
        let first = self.first_waiting();
        self.deliveries.iter().filter_map(|delivery| self.due_at(delivery, first)).min()
    }

    /// The delivery by which a receiver is looked at of which no more can wait.
    fn first_waiting(&self) -> Option<&Notice> {
        if self.room() > 0 {
            return None;
        }
        self.deliveries.iter().find(|delivery| delivery.is_waiting()).map(|delivery| &delivery.notice)
    }

    fn due_at(&self, delivery: &WebhookDelivery, first: Option<&Notice>) -> Option<Timestamp> {
        let Fate::Due(at) = delivery.fate else { return None };
        match (first, self.tried_at) {
            (Some(first), Some(tried_at)) if *first == delivery.notice => {
                Some(at.min(tried_at.saturating_add(OUTAGE).expect("it is minutes")))
            }
            (Some(_) | None, _) => Some(at),
        }
    }

    /// Writes down what came of an attempt. A delivery that somebody else settled meanwhile stays as it is.
    pub fn settle(&mut self, attempt: &Attempt, now: Timestamp, jitter: Jitter) {
        let verdict = schedule::verdict(attempt.heard);
        let was_tried = attempt.heard != Heard::Nothing(Silence::NothingToTell);
        let place = attempt.notice.place();
        let delivery = self.deliveries.iter_mut().find(|delivery| delivery.notice.place() == place);
        if let Some(delivery) = delivery {
            delivery.settle(attempt, verdict, now, jitter);
        }
        if was_tried {
            self.hear(attempt.heard, verdict, now);
        }
    }

    /// What an answer says of the receiver.
    fn hear(&mut self, heard: Heard, verdict: Verdict, now: Timestamp) {
        (self.tried_at, self.last) = (Some(now), Some(heard));
        if verdict == Verdict::Taken {
            self.up_since.get_or_insert(now);
            let was_down = self.failing_since.take().is_some_and(|since| now.duration_since(since) >= OUTAGE);
            if was_down {
                self.try_everything(now);
            }
            return;
        }
        let since = *self.failing_since.get_or_insert(now);
        if now.duration_since(since) >= OUTAGE {
            self.up_since = None;
        }
        let because = match verdict {
            Verdict::Gone => Some(StopReason::Gone),
            Verdict::NotTaken | Verdict::Taken => schedule::is_given_up(since, now).then_some(StopReason::Failing),
        };
        if let Some(because) = because {
            self.stopped.get_or_insert(Stopped { at: now, because });
        }
    }

    fn try_everything(&mut self, now: Timestamp) {
        for delivery in &mut self.deliveries {
            if let Fate::Due(at) = delivery.fate {
                delivery.fate = Fate::Due(at.min(now));
            }
        }
    }

    // --------------------------------------------------------------------------------------- what people ask

    /// Somebody says that the receiver is there again: everything that waits is tried at once.
    pub fn resume(&mut self, now: Timestamp) {
        (self.stopped, self.failing_since) = (None, None);
        self.try_everything(now);
    }

    /// Somebody asks for one delivery once more, which begins its schedule anew.
    pub fn resend(&mut self, place: (OccurrenceId, bool), now: Timestamp) -> Option<&WebhookDelivery> {
        let delivery = self.deliveries.iter_mut().find(|delivery| delivery.notice.place() == place)?;
        (delivery.fate, delivery.attempts) = (Fate::Due(now), 0);
        Some(delivery)
    }

    /// Forgets of what is finished what is too old or too much for a log.
    pub fn prune(&mut self, now: Timestamp) {
        let finished = self.deliveries.iter().filter(|delivery| !delivery.is_waiting()).count();
        let mut too_many = finished.saturating_sub(LOG_MAX);
        self.deliveries.retain(|delivery| {
            let (Fate::Delivered(at) | Fate::Failed(at)) = delivery.fate else { return true };
            let is_too_much = too_many > 0;
            too_many = too_many.saturating_sub(1);
            !is_too_much && now.duration_since(at) < LOGGED
        });
    }

    // ---------------------------------------------------------------------------------------------- daemons

    /// Until when another daemon is posting.
    pub fn others_post_until(&self, daemon: BootId, others: &OtherDaemons, now: Timestamp) -> Option<Timestamp> {
        let lease = self.lease.filter(|lease| lease.daemon != daemon && lease.until > now)?;
        let is_alive = match others {
            OtherDaemons::Impossible => false,
            OtherDaemons::Possible { alive } => alive.contains(&lease.daemon),
        };
        // A clock that was put back does not make it longer.
        let longest = now.saturating_add(LEASE).expect("it is seconds");
        is_alive.then(|| lease.until.min(longest))
    }

    pub fn lease_to(&mut self, daemon: BootId, now: Timestamp) {
        let until = now.saturating_add(LEASE).expect("it is seconds");
        self.lease = Some(Lease { daemon, until });
    }
}

impl WebhookDelivery {
    fn new(notice: Notice, now: Timestamp) -> Self {
        Self { notice, taken_at: now, attempts: 0, tried_at: None, fate: Fate::Due(now), last: None }
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.fate, Fate::Due(_))
    }

    fn settle(&mut self, attempt: &Attempt, verdict: Verdict, now: Timestamp, jitter: Jitter) {
        let Fate::Due(due_at) = self.fate else { return };
        (self.last, self.tried_at) = (Some(attempt.heard), Some(now));
        if attempt.heard == Heard::Nothing(Silence::NothingToTell) {
            self.fate = Fate::Failed(now);
            return;
        }
        // Only to look at the receiver: its own turn is still to come.
        if due_at > now && verdict == Verdict::NotTaken {
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.fate = match verdict {
            Verdict::Taken => Fate::Delivered(now),
            // It is tried again when somebody says that the receiver is there again.
            Verdict::Gone => Fate::Due(now),
            Verdict::NotTaken => {
                let next = schedule::next_attempt(self.attempts, attempt.retry_after, now, jitter);
                next.map_or(Fate::Failed(now), Fate::Due)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Phone, Seq};
    use crate::ports::Changed;

    const HOUR: i64 = 60 * 60;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn occurrence(id: u64) -> Occurrence {
        let phone = Phone::parse("+13035550123").unwrap();
        Occurrence { id: OccurrenceId(id), phone, change: Changed::MessageReceived(Seq(id)) }
    }

    fn post(taken: impl IntoIterator<Item = u64>) -> Post {
        let mut post = Post::from(OccurrenceId(0));
        post.take(taken.into_iter().map(occurrence).collect(), |_| true, at(0));
        post
    }

    fn attempt(id: u64, heard: Heard) -> Attempt {
        Attempt { notice: Notice::Occurred(occurrence(id)), heard, retry_after: None }
    }

    fn settle(post: &mut Post, id: u64, status: u16, now: i64) {
        post.settle(&attempt(id, Heard::Status(status)), at(now), Jitter::NONE);
    }

    fn fate(post: &Post, id: u64) -> Fate {
        post.deliveries.iter().find(|one| one.notice.place().0 == OccurrenceId(id)).unwrap().fate
    }

    fn due(post: &Post, now: i64) -> Vec<u64> {
        post.due(at(now), 1_000).iter().map(|delivery| delivery.notice.place().0.0).collect()
    }

    #[test]
    fn what_is_not_wanted_is_passed_by() {
        let mut post = post([]);
        let page = (1..=4).map(occurrence).collect();
        post.take(page, |occurrence| occurrence.id.0 % 2 == 0, at(0));
        assert_eq!((post.position, due(&post, 0)), (OccurrenceId(4), vec![2, 4]));
    }

    #[test]
    fn one_that_is_refused_does_not_keep_the_others() {
        let mut post = post(1..=3);
        settle(&mut post, 1, 500, 0);
        settle(&mut post, 2, 204, 0);
        assert_eq!(due(&post, 0), [3]);
        assert_eq!((fate(&post, 1), fate(&post, 2)), (Fate::Due(at(5)), Fate::Delivered(at(0))));
        assert_eq!(post.next_at(), Some(at(0)));
        assert!(post.stopped.is_none());
    }

    #[test]
    fn one_that_is_always_refused_is_given_up_in_the_end() {
        let mut post = post([1, 2]);
        settle(&mut post, 2, 200, 0);
        let mut now = at(0);
        for _ in 0..10 {
            post.settle(&attempt(1, Heard::Status(400)), now, Jitter::NONE);
            let Fate::Due(next) = fate(&post, 1) else { break };
            now = next;
        }
        assert_eq!(fate(&post, 1), Fate::Failed(now));
        assert_eq!(post.deliveries[0].attempts, 10);
    }

    #[test]
    fn a_receiver_that_is_gone_stops_everything_and_is_told_all_when_it_is_back() {
        let mut post = post([1, 2]);
        settle(&mut post, 1, 410, 7);
        assert_eq!(post.stopped, Some(Stopped { at: at(7), because: StopReason::Gone }));
        post.resume(at(9));
        assert_eq!((post.stopped, due(&post, 9)), (None, vec![1, 2]));
    }

    #[test]
    fn a_receiver_that_took_nothing_for_five_days_is_given_up() {
        let mut post = post([1, 2]);
        let days = |days: i64| days * 24 * HOUR;
        settle(&mut post, 1, 500, 0);
        settle(&mut post, 2, 500, days(5) - 1);
        assert_eq!((post.stopped, post.failing_since), (None, Some(at(0))));
        settle(&mut post, 2, 500, days(5));
        assert_eq!(post.stopped.map(|stopped| stopped.because), Some(StopReason::Failing));
    }

    #[test]
    fn what_waited_for_a_receiver_that_was_down_is_tried_when_it_is_back() {
        let mut post = post(1..=3);
        settle(&mut post, 1, 204, 0);
        settle(&mut post, 2, 503, 1);
        settle(&mut post, 2, 503, 6);
        settle(&mut post, 2, 503, 306);
        assert_eq!((fate(&post, 2), post.up_since), (Fate::Due(at(306 + 1_800)), None));
        settle(&mut post, 3, 204, 400);
        assert_eq!((due(&post, 400), post.failing_since, post.up_since), (vec![2], None, Some(at(400))));
    }

    #[test]
    fn where_no_more_can_wait_what_is_at_fault_itself_makes_room() {
        let full = u64::try_from(WAITING_MAX).unwrap();
        let mut post = post(1..=full);
        post.make_room(at(0));
        assert_eq!(post.room(), 0, "nothing was tried yet");
        for id in 1..=full {
            settle(&mut post, id, 500, 0);
            settle(&mut post, id, 500, 5);
        }
        post.make_room(at(6));
        assert_eq!(post.room(), 0, "the receiver is down");
        settle(&mut post, 1, 200, 10);
        post.take(vec![occurrence(full + 1)], |_| true, at(10));
        post.make_room(at(10));
        assert_eq!(post.room(), 0, "none was tried since the receiver is back");
        settle(&mut post, 3, 400, 11);
        post.make_room(at(12));
        assert_eq!((post.room(), fate(&post, 3)), (1, Fate::Failed(at(12))));
    }

    #[test]
    fn a_receiver_that_is_down_is_looked_at_every_five_minutes_while_no_more_can_wait() {
        let full = u64::try_from(WAITING_MAX).unwrap();
        let mut post = post(1..=full);
        for (round, now) in [0, 5, 305, 2_105, 9_305].into_iter().enumerate() {
            (1..=full).for_each(|id| settle(&mut post, id, 503, now));
            assert_eq!(usize::from(post.deliveries[0].attempts), round + 1);
        }
        let own_turn = fate(&post, 1);
        assert_eq!((own_turn, post.next_at()), (Fate::Due(at(9_305 + 5 * HOUR)), Some(at(9_305 + 300))));
        assert_eq!(due(&post, 9_305 + 300), [1]);
        settle(&mut post, 1, 503, 9_305 + 300);
        assert_eq!((fate(&post, 1), post.deliveries[0].attempts), (own_turn, 5), "it counts in no schedule");
        settle(&mut post, 1, 200, 9_305 + 600);
        assert_eq!(due(&post, 9_305 + 600).len(), WAITING_MAX - 1);
    }

    #[test]
    fn what_is_not_there_any_more_says_nothing_of_the_receiver() {
        let mut post = post([1]);
        post.settle(&attempt(1, Heard::Nothing(Silence::NothingToTell)), at(0), Jitter::NONE);
        assert_eq!((fate(&post, 1), post.failing_since, post.last), (Fate::Failed(at(0)), None, None));
    }

    #[test]
    fn the_log_is_bounded_and_what_waits_is_not_forgotten() {
        let more = u64::try_from(LOG_MAX).unwrap() + 10;
        let mut post = post(1..=more);
        (2..=more).for_each(|id| settle(&mut post, id, 200, 0));
        post.prune(at(1));
        assert_eq!(post.deliveries.len(), LOG_MAX + 1);
        assert_eq!((fate(&post, 1), fate(&post, more)), (Fate::Due(at(0)), Fate::Delivered(at(0))));
        post.prune(at(30 * 24 * HOUR));
        assert_eq!(post.deliveries.len(), 1);
    }

    #[test]
    fn one_is_sent_again_when_somebody_asks_and_begins_anew() {
        let mut post = post([1]);
        (0..10).for_each(|round| settle(&mut post, 1, 500, round * 30 * HOUR));
        assert!(matches!(fate(&post, 1), Fate::Failed(_)));
        assert!(post.resend((OccurrenceId(1), true), at(9)).is_none(), "a reset is something else");
        assert_eq!(post.resend((OccurrenceId(1), false), at(9)).map(|delivery| delivery.attempts), Some(0));
        assert_eq!(due(&post, 9), [1]);
    }

    #[test]
    fn a_lease_binds_others_while_its_daemon_lives_and_no_longer() {
        let mut post = post([]);
        post.lease_to(BootId(1), at(0));
        let others = |alive: &[BootId]| OtherDaemons::Possible { alive: alive.into() };
        let until = |boot, alive: &[BootId], now| post.others_post_until(BootId(boot), &others(alive), at(now));
        assert_eq!(until(2, &[BootId(1), BootId(2)], 1), Some(at(60)));
        assert_eq!(until(1, &[BootId(1), BootId(2)], 1), None, "it is one's own");
        assert_eq!(until(2, &[BootId(2)], 1), None, "its daemon is gone");
        assert_eq!(until(2, &[BootId(1), BootId(2)], 60), None, "it has run out");
        assert_eq!(until(2, &[BootId(1), BootId(2)], -1_000), Some(at(-940)), "the clock was put back");
        assert_eq!(post.others_post_until(BootId(2), &OtherDaemons::Impossible, at(1)), None);
    }
}
