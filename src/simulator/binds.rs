//! The binds that stand, and those that only seem to.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Ended binds that still seem to stand; the oldest is forgotten first.
const GHOSTS_MAX: usize = 1_000;

/// Who is bound, by connection.
#[derive(Default)]
pub struct Binds {
    standing: BTreeMap<u64, String>,
    /// Whose bind seems to stand, and until when.
    ghosts: VecDeque<(String, Instant)>,
}

impl Binds {
    /// Whether one more may stand for this `system_id`.
    pub fn has_room(&self, system_id: &str, binds_max: usize, now: Instant) -> bool {
        let haunted = self.ghosts.iter().any(|(whose, until)| whose == system_id && now < *until);
        !haunted && self.standing.values().filter(|whose| *whose == system_id).count() < binds_max
    }

    pub fn stands(&mut self, connection: u64, system_id: &str) {
        self.standing.insert(connection, system_id.to_owned());
    }

    /// It ended; and without `unbind`, it may seem to stand for a while.
    pub fn ended(&mut self, connection: u64, ghost_for: Option<Duration>, now: Instant) {
        let Some(system_id) = self.standing.remove(&connection) else { return };
        self.ghosts.retain(|(_, until)| now < *until);
        if let Some(ghost_for) = ghost_for.filter(|time| !time.is_zero()) {
            if self.ghosts.len() == GHOSTS_MAX {
                self.ghosts.pop_front();
            }
            self.ghosts.push_back((system_id, now + ghost_for));
        }
    }

    pub fn count(&self) -> usize {
        self.standing.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_id_has_so_many_binds_and_no_more() {
        let (mut binds, now) = (Binds::default(), Instant::now());
        binds.stands(1, "practice");
        assert!(binds.has_room("practice", 2, now));
        binds.stands(2, "practice");
        assert!(!binds.has_room("practice", 2, now));
        assert!(binds.has_room("another", 2, now));
        binds.ended(1, None, now);
        assert!(binds.has_room("practice", 2, now));
        assert_eq!(binds.count(), 1);
    }

    #[test]
    fn a_ghost_stands_in_the_way_until_it_fades() {
        let (mut binds, now) = (Binds::default(), Instant::now());
        let minute = Duration::from_secs(60);
        binds.stands(1, "practice");
        binds.ended(1, Some(minute), now);
        assert!(!binds.has_room("practice", 9, now));
        assert!(binds.has_room("another", 9, now));
        assert!(binds.has_room("practice", 9, now + minute));
    }

    #[test]
    fn ghosts_are_bounded() {
        let (mut binds, now) = (Binds::default(), Instant::now());
        for connection in 0..=GHOSTS_MAX {
            binds.stands(connection as u64, "practice");
            binds.ended(connection as u64, Some(Duration::from_secs(60)), now);
        }
        assert_eq!(binds.ghosts.len(), GHOSTS_MAX);
    }
}
