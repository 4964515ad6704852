//! How fast a service may be told things: a burst at once, then one at a time. Pure: time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::integration::Service;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub burst: u32,
    /// Between two that come after the burst.
    pub every: Duration,
}

impl Rate {
    /// What each service can take. PagerDuty has told 120 events a minute and key (its community forum, "Monitoring
    /// API rate limiting") and may lower it, so half of that. Opsgenie's bucket depends on the plan ("Rate
    /// Limiting" of its documentation). Slack takes one message a second with short bursts ("Rate limits").
    pub fn of(service: &Service) -> Option<Self> {
        let second = Duration::from_secs(1);
        match service {
            Service::PagerDuty(_) | Service::Opsgenie(_) => Some(Self { burst: 30, every: second }),
            Service::Slack(_) => Some(Self { burst: 5, every: second }),
            Service::Webhook(_) | Service::Alertmanager => None,
        }
    }
}

/// A token bucket that is kept as the one moment at which it will be full.
pub(super) struct Bucket {
    rate: Option<Rate>,
    full_at: Option<Instant>,
    held_until: Option<Instant>,
}

impl Bucket {
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, full_at: None, held_until: None }
    }

    /// When the next may go, if not now.
    pub fn ready_at(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate?;
        let spare = rate.every * rate.burst.saturating_sub(1);
        let has_token = self.full_at.and_then(|full| full.checked_sub(spare));
        [has_token, self.held_until].into_iter().flatten().filter(|at| *at > now).max()
    }

    pub fn take(&mut self, now: Instant) {
        if let Some(rate) = self.rate {
            self.full_at = Some(self.full_at.map_or(now, |full| full.max(now)) + rate.every);
        }
    }

    /// The service itself asked for a pause.
    pub fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_one_at_a_time() {
        let (mut bucket, start) = (Bucket::new(Some(Rate { burst: 3, every: SECOND })), Instant::now());
        for _ in 0..3 {
            assert_eq!(bucket.ready_at(start), None);
            bucket.take(start);
        }
        assert_eq!(bucket.ready_at(start), Some(start + SECOND));
        assert_eq!(bucket.ready_at(start + SECOND), None);
        bucket.take(start + SECOND);
        assert_eq!(bucket.ready_at(start + SECOND), Some(start + SECOND * 2));
        let later = start + SECOND * 100;
        (0..3).for_each(|_| bucket.take(later));
        assert_eq!(bucket.ready_at(later), Some(later + SECOND), "it never holds more than a burst");
    }

    #[test]
    fn no_minute_sees_more_than_pagerduty_takes() {
        let rate = Rate { burst: 30, every: SECOND };
        let (mut bucket, start) = (Bucket::new(Some(rate)), Instant::now());
        let mut sent = 0;
        for tenth in 0..600 {
            let now = start + SECOND / 10 * tenth;
            while bucket.ready_at(now).is_none() {
                bucket.take(now);
                sent += 1;
            }
        }
        assert_eq!(sent, 30 + 59);
    }

    #[test]
    fn a_pause_that_is_asked_for_is_kept_and_never_made_shorter() {
        let (mut bucket, start) = (Bucket::new(Some(Rate { burst: 3, every: SECOND })), Instant::now());
        bucket.hold(start + SECOND * 9);
        bucket.hold(start + SECOND * 2);
        assert_eq!(bucket.ready_at(start), Some(start + SECOND * 9));
        assert_eq!(bucket.ready_at(start + SECOND * 9), None);
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        let (mut bucket, now) = (Bucket::new(None), Instant::now());
        (0..1000).for_each(|_| bucket.take(now));
        assert_eq!(bucket.ready_at(now), None);
    }
}
