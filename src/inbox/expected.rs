//! When what is queued is expected to go. An estimate: other daemons may have texts before it, and carriers their own mind.

use std::collections::HashMap;

use futures_util::future::join;
use jiff::Timestamp;

use super::Inbox;
use crate::domain::outbox::{Outbox, Stage};
use crate::domain::{ConversationKey, Days, Message, MessageId, Practice, Precedence, Standing, Status};
use crate::ports::StoreError;

impl Inbox {
    /// When the queued ones among some messages of a conversation are expected to go. Nothing of those of which nobody
    /// knows.
    pub async fn expected(
        &self,
        practice: &Practice,
        key: &ConversationKey,
        messages: &[Message],
        now: Timestamp,
    ) -> HashMap<MessageId, Timestamp> {
        if !messages.iter().any(|message| matches!(message.status, Status::Queued | Status::Scheduled)) {
            return HashMap::new();
        }
        let (Ok(Some(conversation)), Ok(standing)) = join(self.conversation(key), self.standing(practice, now)).await
        else {
            return HashMap::new();
        };
        let first = conversation.outbox.waiting.iter().find(|waiting| matches!(waiting.stage, Stage::Queued { .. }));
        let ahead =
            first.map_or(0, |first| self.directory.segments_ahead(&practice.id, first.message.id, first.precedence()));
        estimate(&conversation.outbox, practice, standing, ahead, now)
    }

    /// How the meter of a practice's number stands.
    pub async fn standing(&self, practice: &Practice, now: Timestamp) -> Result<Standing, StoreError> {
        self.store.standing(&practice.id, Days::around(now)).await
    }
}

/// One after the other, each when the bucket has it, and the day, and its own pause is over.
fn estimate(
    outbox: &Outbox,
    practice: &Practice,
    standing: Standing,
    ahead: u32,
    now: Timestamp,
) -> HashMap<MessageId, Timestamp> {
    let mut expected = HashMap::new();
    let (mut segments, mut earliest) = (ahead, now);
    for waiting in &outbox.waiting {
        let not_before = match waiting.stage {
            Stage::Queued { not_before, .. } => not_before,
            Stage::Scheduled { at } => {
                expected.insert(waiting.message.id, at);
                continue;
            }
            Stage::Pending | Stage::Held | Stage::Orphaned | Stage::Sending { .. } => continue,
        };
        segments = segments.saturating_add(waiting.message.segments);
        let of_bucket = standing.expects(segments, practice.segments_per_minute, now);
        let at = of_bucket.max(not_before).max(earliest);
        let is_over_budget = practice
            .segments_per_day
            .is_some_and(|per_day| standing.spent_today.saturating_add(segments) > per_day.get());
        let must_wait = match waiting.precedence() {
            Precedence::First => false,
            Precedence::InTurn | Precedence::FirstContact => is_over_budget && at < standing.day_ends_at,
        };
        earliest = if must_wait { practice.opens_after(standing.day_ends_at).max(at) } else { at };
        expected.insert(waiting.message.id, earliest);
    }
    expected
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::domain::outbox::{Pause, Waiting};
    use crate::domain::{Body, ConversationId, Kind, Phone, PracticeId, Seq};

    const NOW: &str = "2026-03-04T20:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Texts of one segment, by when their own pauses are over.
    fn outbox(not_before: &[&str]) -> Outbox {
        let waiting = (1..).zip(not_before).map(|(seq, not_before)| Waiting {
            message: Message {
                id: MessageId { conversation: ConversationId(1), seq: Seq(seq) },
                kind: Kind::StaffText { staff: None },
                text: Body::new("hello"),
                status: Status::Queued,
                created_at: at(NOW),
                updated_at: at(NOW),
                segments: 1,
                failure: None,
                marks: Default::default(),
            },
            stage: Stage::Queued { not_before: at(not_before), pause: Pause::Short, asked: None, expires_at: at(NOW) },
            send_at: None,
            attempts: 0,
        });
        Outbox { waiting: waiting.collect(), ..Outbox::default() }
    }

    fn check(not_before: &[&str], full_in: u64, spent_today: u32, ahead: u32, expected: &[&str]) {
        let practice = Practice {
            id: PracticeId::parse("riverside").unwrap(),
            name: "Riverside PT".into(),
            number: Phone::parse("+13035550100").unwrap(),
            time_zone: "America/Denver".into(),
            contact: "303-555-0100".into(),
            segments_per_minute: NonZeroU32::new(60).unwrap(),
            segments_per_day: NonZeroU32::new(100),
            texts: Default::default(),
            quiet_hours: None,
            office_hours: None,
        };
        let day_ends_at = at("2026-03-05T08:00:00Z");
        let standing = Standing { full_in: Duration::from_secs(full_in), spent_today, day_ends_at };
        let found = estimate(&outbox(not_before), &practice, standing, ahead, at(NOW));
        let mut found: Vec<_> = found.into_iter().map(|(id, at)| (id.seq, at)).collect();
        found.sort();
        assert_eq!(
            found.into_iter().map(|(_, at)| at).collect::<Vec<_>>(),
            expected.iter().map(|text| at(text)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_text_is_expected_when_the_bucket_the_day_and_its_own_pause_let_it_go() {
        check(&[NOW], 0, 0, 0, &[NOW]);
        check(&[NOW, NOW], 12, 0, 0, &["2026-03-04T20:00:01Z", "2026-03-04T20:00:02Z"]);
        check(&[NOW], 0, 0, 42, &["2026-03-04T20:00:31Z"]);
        // What waits behind a pause waits for it too.
        check(&["2026-03-04T20:05:00Z", NOW], 0, 0, 0, &["2026-03-04T20:05:00Z", "2026-03-04T20:05:00Z"]);
        // The last one of the day goes today, the one behind it when the practice opens.
        check(&[NOW, NOW], 0, 99, 0, &[NOW, "2026-03-05T15:00:00Z"]);
        // Put off already.
        check(&["2026-03-05T15:00:00Z"], 0, 100, 0, &["2026-03-05T15:00:00Z"]);
    }
}
