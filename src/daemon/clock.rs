//! The one place that reads the wall clock for the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Now;

/// Monotone whatever the wall clock does: a step back stands still until the time is reached again.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    latest: Arc<AtomicU64>,
    /// It stands where it was put, whatever the wall clock says.
    by_hand: bool,
}

impl Clock {
    /// A state that was kept goes on where it was.
    pub fn not_before(&self, now: Now) {
        self.latest.fetch_max(now.0, Ordering::Relaxed);
    }

    /// A clock that only [`Clock::not_before`] moves.
    #[cfg(test)]
    pub fn by_hand(now: Now) -> Self {
        Self { latest: Arc::new(AtomicU64::new(now.0)), by_hand: true }
    }

    pub fn now(&self) -> Now {
        if self.by_hand {
            return Now(self.latest.load(Ordering::Relaxed));
        }
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        Now(self.latest.fetch_max(wall, Ordering::Relaxed).max(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let clock = Clock::default();
        let ahead = clock.now().0 + 1_000_000_000_000;
        clock.latest.store(ahead, Ordering::Relaxed);
        assert_eq!(clock.now(), Now(ahead));
    }
}
