//! Segments that were drawn and are not spent yet.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::domain::Unused;

/// How long a purse may lie unused before it is given back: others draw from the same meter.
pub const IDLE_MAX: Duration = Duration::from_secs(1);

/// What one daemon has drawn of one number's segments. Nothing leaves that was not in it.
#[derive(Debug)]
pub struct Purse {
    segments: u32,
    /// Of which day, and at which rate, they were drawn; the earlier day where they are of two.
    drawn: Option<(Timestamp, NonZeroU32)>,
    used_at: Instant,
}

impl Purse {
    pub fn empty() -> Self {
        Self { segments: 0, drawn: None, used_at: Instant::now() }
    }

    pub fn segments(&self) -> u32 {
        self.segments
    }

    pub fn fill(&mut self, segments: NonZeroU32, day_ends_at: Timestamp, per_minute: NonZeroU32) {
        let day_ends_at = match self.drawn {
            Some((earlier, _)) if self.segments > 0 => earlier.min(day_ends_at),
            Some(_) | None => day_ends_at,
        };
        self.drawn = Some((day_ends_at, per_minute));
        self.put(segments.get());
    }

    /// Takes segments out, if there are as many.
    pub fn take(&mut self, segments: u32) -> Option<()> {
        self.segments = self.segments.checked_sub(segments)?;
        self.used_at = Instant::now();
        Some(())
    }

    /// Puts segments in that were taken out and not used.
    pub fn put(&mut self, segments: u32) {
        self.segments = self.segments.saturating_add(segments);
        self.used_at = Instant::now();
    }

    /// When what is in it is to be given back, unless it is used before.
    pub fn idle_at(&self) -> Option<Instant> {
        (self.segments > 0).then(|| self.used_at + IDLE_MAX)
    }

    /// Empties it.
    pub fn give_back(&mut self) -> Option<Unused> {
        let segments = NonZeroU32::new(std::mem::take(&mut self.segments))?;
        let (day_ends_at, per_minute) = self.drawn?;
        Some(Unused { segments, per_minute, day_ends_at })
    }
}
