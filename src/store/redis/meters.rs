//! The meters of the practice numbers, which all daemons draw from, by Redis' own clock.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::keys::Of;
use super::scripts::{DRAW, GIVE_BACK};
use super::wire::Wire;
use super::{Redis, reads};
use crate::domain::{DayBudget, Days, Draw, Drawn, PracticeId, Rate, Standing, Unused, Verdict};
use crate::ports::{Meters, StoreError};

/// What the script answers: the verdict, segments, the wait, the time until the bucket is full, segments of the day, the end
/// of the day, the moment.
type Answer = (u8, u32, u64, u64, u32, i64, i64);

impl Redis {
    async fn draw_from(
        &self,
        practice: &PracticeId,
        (needed, wanted): (u32, u32),
        rate: Rate,
        day: DayBudget,
        days: Days,
    ) -> Result<Answer, StoreError> {
        let day = match day {
            DayBudget::KeptTo => "kept",
            DayBudget::Overdrawn => "overdrawn",
        };
        let meter = Of(practice).meter();
        self.line
            .ask(|mut wire| async move {
                let mut script = DRAW.key(meter);
                script.arg(needed).arg(wanted).arg(rate.per_minute.get());
                script.arg(rate.per_day.map_or(0, NonZeroU32::get)).arg(day);
                for end in days.0 {
                    script.arg(end.as_microsecond());
                }
                script.invoke_async(&mut wire).await
            })
            .await
    }
}

#[async_trait]
impl Meters for Redis {
    async fn draw(&self, practice: &PracticeId, draw: Draw) -> Result<Drawn, StoreError> {
        let segments = (draw.needed.get(), draw.wanted.get());
        let answer = self.draw_from(practice, segments, draw.rate, draw.day, draw.days).await?;
        let (verdict, granted, wait, ..) = answer;
        let verdict = match (verdict, NonZeroU32::new(granted)) {
            (1, Some(granted)) => Verdict::Granted(granted),
            (2, _) => Verdict::NotBefore(Duration::from_micros(wait)),
            (3, _) => Verdict::DaySpent,
            _ => return Err(reads::unreadable("a meter gave no verdict")),
        };
        Ok(Drawn { verdict, standing: standing(answer)? })
    }

    async fn give_back(&self, practice: &PracticeId, unused: Unused) -> Result<(), StoreError> {
        let meter = Of(practice).meter();
        self.line
            .ask(|mut wire| async move {
                if let Wire::Cluster(_) = wire {
                    // Its client tries again by itself, and twice would give back twice. What is not given back is not sent.
                    return Ok(());
                }
                let mut script = GIVE_BACK.key(meter);
                script.arg(unused.segments.get()).arg(unused.per_minute.get());
                script.arg(unused.day_ends_at.as_microsecond()).invoke_async::<()>(&mut wire).await
            })
            .await
    }

    async fn standing(&self, practice: &PracticeId, days: Days) -> Result<Standing, StoreError> {
        // A draw of nothing only looks, whatever the rate.
        let rate = Rate { per_minute: NonZeroU32::MIN, per_day: None };
        standing(self.draw_from(practice, (0, 0), rate, DayBudget::KeptTo, days).await?)
    }
}

fn standing((_, _, _, full_in, spent_today, day_ends, _): Answer) -> Result<Standing, StoreError> {
    let day_ends_at = Timestamp::from_microsecond(day_ends);
    Ok(Standing {
        full_in: Duration::from_micros(full_in),
        spent_today,
        day_ends_at: day_ends_at.map_err(|_| reads::unreadable("a meter's day has no end"))?,
    })
}
