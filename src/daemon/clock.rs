//! The one place that reads the wall clock for the engine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::Now;

/// Monotone whatever the wall clock does. After a step back it goes on at half the pace until the wall clock has caught
/// up: nothing that waits for a time stands still, and it comes to agree with the wall clock again.
#[derive(Clone, Debug)]
pub struct Clock {
    latest: Arc<Mutex<(Now, Instant)>>,
    /// It stands where it was put, whatever the wall clock says.
    by_hand: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { latest: Arc::new(Mutex::new((Now::default(), Instant::now()))), by_hand: false }
    }
}

impl Clock {
    /// A state that was kept goes on where it was.
    pub fn not_before(&self, now: Now) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.0 = latest.0.max(now);
    }

    /// A clock that only [`Clock::not_before`] moves.
    #[cfg(test)]
    pub fn by_hand(now: Now) -> Self {
        let clock = Self { by_hand: true, ..Self::default() };
        clock.not_before(now);
        clock
    }

    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.read(Now(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)), Instant::now())
    }

    fn read(&self, wall: Now, at: Instant) -> Now {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if self.by_hand {
            return latest.0;
        }
        let passed = at.saturating_duration_since(latest.1).as_nanos();
        let half = u64::try_from(passed / 2).unwrap_or(u64::MAX);
        *latest = (wall.max(latest.0.plus_ns(half)), latest.1.max(at));
        latest.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::SECOND_NS;

    #[test]
    fn after_a_step_back_the_clock_goes_on_slowly_until_the_wall_clock_has_caught_up() {
        let (clock, begun) = (Clock::default(), Instant::now());
        let seconds = |wall_s: u64, passed_s: u64| {
            let now = clock.read(Now(wall_s * SECOND_NS), begun + Duration::from_secs(passed_s));
            now.0 / SECOND_NS
        };
        assert_eq!([seconds(9_000, 0), seconds(9_100, 100)], [9_000, 9_100]);
        assert_eq!([seconds(5_500, 100), seconds(5_700, 300)], [9_100, 9_200]);
        assert_eq!([seconds(9_200, 3_800), seconds(12_400, 7_000)], [10_950, 12_550]);
        assert_eq!([seconds(12_800, 7_400), seconds(12_900, 7_500)], [12_800, 12_900]);
    }

    #[test]
    fn a_state_that_is_ahead_of_the_wall_clock_is_not_waited_for() {
        let clock = Clock::default();
        let ahead = Now(clock.now().0 + 1_000 * SECOND_NS);
        clock.not_before(ahead);
        let first = clock.now();
        assert!(first >= ahead);
        assert!(clock.read(Now(0), Instant::now() + Duration::from_secs(2)) >= first.plus_ns(SECOND_NS / 2));
    }
}
