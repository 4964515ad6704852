//! When to try again: exponential back-off with jitter, or what the other side asks for.
//! Pure: knows neither a clock nor a socket.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::model::SECOND_NS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// After the first failure; doubled with each further one.
    pub base: Duration,
    pub cap: Duration,
    /// From the first attempt on; an attempt that would begin later is not made.
    pub limit: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(60),
            limit: Duration::from_secs(15 * 60),
        }
    }
}

impl Retry {
    /// The pause after the failure of attempt `attempt` (from 1). `asked` is the receiver's own wish, which
    /// is never cut short. Otherwise between half and all of the step, spread by `seed`.
    pub(super) fn pause(&self, attempt: u32, asked: Option<Duration>, seed: u64) -> Duration {
        if let Some(asked) = asked {
            return asked.max(self.base);
        }
        let doublings = attempt.saturating_sub(1).min(30);
        let half = self.base.saturating_mul(1 << doublings).min(self.cap) / 2;
        let spread = (seed >> 32) as u32 % 1024;
        half + half * spread / 1024
    }
}

/// `Retry-After`: seconds, or a date of HTTP, which is measured against `wall_ns`. Anything else is no wish.
pub(super) fn retry_after(text: &str, wall_ns: u64) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = u64::try_from(at.as_second()).unwrap_or(0);
    Some(Duration::from_nanos(seconds.saturating_mul(SECOND_NS).saturating_sub(wall_ns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_are_spread_over_the_upper_half() {
        let retry = Retry::default();
        for (attempt, step) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (20, 60), (u32::MAX, 60)] {
            let step = Duration::from_secs(step);
            assert_eq!(retry.pause(attempt, None, 0), step / 2);
            let most = retry.pause(attempt, None, u64::MAX);
            assert!(step * 99 / 100 < most && most < step, "{attempt}: {most:?}");
        }
    }

    #[test]
    fn what_the_receiver_asks_for_is_never_cut_short() {
        let retry = Retry::default();
        assert_eq!(retry.pause(1, Some(Duration::from_secs(90)), 7), Duration::from_secs(90));
        assert_eq!(retry.pause(9, Some(Duration::ZERO), 7), retry.base, "nor does zero make a busy loop");
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let wall_ns = 1_445_412_450 * SECOND_NS; // 2015-10-21 07:27:30 UTC
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:20:00 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("-3", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, wall_ns), seconds.map(Duration::from_secs), "{text:?}");
        }
    }
}
