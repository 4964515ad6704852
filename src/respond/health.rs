//! Whether a lane gets anything through. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// One failure may be that message's; two with nothing between them that went well are the lane's.
const FAILURES_MIN: u32 = 2;

#[derive(Default)]
pub(super) struct Health {
    failing_since: Option<Instant>,
    failures: u32,
    told: bool,
}

impl Health {
    /// True once, when nothing has gone through for `within`.
    pub fn failed(&mut self, now: Instant, within: Duration) -> bool {
        let since = *self.failing_since.get_or_insert(now);
        self.failures = self.failures.saturating_add(1);
        let broken = !self.told && self.failures >= FAILURES_MIN && now - since >= within;
        self.told |= broken;
        broken
    }

    /// True where `failed` has been told before.
    pub fn succeeded(&mut self) -> bool {
        std::mem::take(self).told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_broken_once_and_recovers_once() {
        let (mut health, start) = (Health::default(), Instant::now());
        let minute = Duration::from_secs(60);
        let failed = |health: &mut Health, at: u32| health.failed(start + minute * at, 5 * minute);
        assert!(!health.succeeded(), "nothing was told");
        assert!(![0, 1, 4].iter().any(|at| failed(&mut health, *at)));
        assert!(!health.succeeded());
        assert!(![5, 9].iter().any(|at| failed(&mut health, *at)), "a success begins it anew");
        assert!(failed(&mut health, 10));
        assert!(!failed(&mut health, 99), "told once");
        assert!(health.succeeded());
        assert!(!health.succeeded());
        assert!(!failed(&mut health, 100), "one failure alone is that message's");
    }
}
