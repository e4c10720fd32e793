//! Tells the operator how much of the day's budget a number has spent.

use jiff::Timestamp;

use crate::domain::{Budget, PracticeId, Rate, Standing};

/// What was told of one number, each thing once a day.
#[derive(Debug, Default)]
pub struct DayWatch {
    told: Option<(Timestamp, Budget)>,
}

impl DayWatch {
    /// Takes note of how a meter stands after `drawn` segments were drawn from it; says whether it has come closer to the
    /// end of its budget than what was told of this day.
    pub fn note(&mut self, practice: &PracticeId, rate: Rate, standing: Standing, drawn: u32) -> Option<Budget> {
        metrics::gauge!("assent_segments_today", "practice" => practice.to_string()).set(standing.spent_today);
        let before = Standing { spent_today: standing.spent_today.saturating_sub(drawn), ..standing };
        let known = match self.told {
            Some((day, told)) if day == standing.day_ends_at => told,
            // An earlier run of this daemon may have told what was so before the draw.
            Some(_) | None => before.budget(rate.per_day),
        };
        let budget = standing.budget(rate.per_day);
        self.told = Some((standing.day_ends_at, budget.max(known)));
        (budget > known).then_some(budget)
    }

    /// Logs what [`note`](Self::note) says.
    pub fn tell(practice: &PracticeId, standing: Standing, budget: Budget) {
        let (spent, day_ends_at) = (standing.spent_today, standing.day_ends_at);
        match budget {
            Budget::Open => {}
            Budget::Nearing => {
                tracing::warn!(%practice, spent, %day_ends_at, "four fifths of the day's segments are spent");
            }
            Budget::Spent => {
                tracing::warn!(%practice, spent, %day_ends_at, "the day's segments are spent, texts wait for the next day");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_threshold_is_told_once_a_day() {
        let practice = PracticeId::parse("riverside").unwrap();
        let rate = Rate { per_minute: NonZeroU32::MIN, per_day: NonZeroU32::new(10) };
        let mut watch = DayWatch::default();
        let mut note = |day: i64, spent_today, drawn| {
            let day_ends_at = Timestamp::from_second(day * 86_400).unwrap();
            let standing = Standing { full_in: Duration::ZERO, spent_today, day_ends_at };
            watch.note(&practice, rate, standing, drawn)
        };
        assert_eq!(note(1, 7, 7), None);
        assert_eq!(note(1, 8, 1), Some(Budget::Nearing));
        assert_eq!(note(1, 9, 1), None);
        // Some were given back, and drawn again.
        assert_eq!(note(1, 7, 1), None);
        assert_eq!(note(1, 8, 1), None);
        assert_eq!(note(1, 10, 2), Some(Budget::Spent));
        assert_eq!(note(1, 10, 0), None);
        assert_eq!(note(2, 1, 1), None);
        assert_eq!(note(2, 10, 9), Some(Budget::Spent));
        // A daemon that was started anew does not repeat what was so before.
        assert_eq!(
            DayWatch::default().note(
                &practice,
                rate,
                Standing { full_in: Duration::ZERO, spent_today: 10, day_ends_at: Timestamp::UNIX_EPOCH },
                0
            ),
            None
        );
    }
}
