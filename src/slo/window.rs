//! The window of a budget: the last so many seconds, or a period by the calendar of a time zone.
//!
//! A calendar's periods are stepped by wall clock from the anchor, never from the period before: from 31 January by
//! months come 28 February and 31 March. An instant on the boundary belongs to the new period. A wall clock that a
//! time zone skips is taken as much later as the zone skips, one that it has twice is the first.

use borsh::{BorshDeserialize, BorshSerialize};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::model::saved;

const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 24 * HOUR_S;

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum Window {
    Rolling {
        seconds: u64,
        /// As the document writes it: `28d`, `4w`, `12h`.
        text: String,
    },
    Calendar(Calendar),
}

impl Window {
    pub fn text(&self) -> &str {
        match self {
            Self::Rolling { text, .. } => text,
            Self::Calendar(calendar) => &calendar.text,
        }
    }

    /// What factors scale with: a month stands for 30 days whatever its length.
    pub fn nominal_s(&self) -> u64 {
        match self {
            Self::Rolling { seconds, .. } => *seconds,
            Self::Calendar(calendar) => calendar.nominal_s(),
        }
    }

    /// The longest that it can be.
    pub fn longest_s(&self) -> u64 {
        match self {
            Self::Rolling { seconds, .. } => *seconds,
            Self::Calendar(calendar) => match calendar.step {
                // A day more for what a time zone may add.
                Step::Days(days) => (u64::from(days) + 1) * DAY_S,
                Step::Months(months) => (u64::from(months) * 31 + 1) * DAY_S,
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Step {
    Days(u16),
    Months(u16),
}

/// Periods of one step from an anchor, forwards and backwards.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Calendar {
    /// As the document writes it: `1M`, `1Q`, `1w`.
    pub text: String,
    pub step: Step,
    #[borsh(serialize_with = "saved::write_time", deserialize_with = "saved::read_time")]
    pub anchor: DateTime,
    #[borsh(serialize_with = "saved::write_zone", deserialize_with = "saved::read_zone")]
    pub zone: TimeZone,
}

/// From `start_s`, up to and without `end_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Period {
    pub start_s: u64,
    pub end_s: u64,
}

impl Period {
    pub fn seconds(self) -> u64 {
        self.end_s - self.start_s
    }

    pub fn holds(self, at_s: u64) -> bool {
        (self.start_s..self.end_s).contains(&at_s)
    }
}

impl Calendar {
    fn nominal_s(&self) -> u64 {
        match self.step {
            Step::Days(days) => u64::from(days) * DAY_S,
            Step::Months(12) => 365 * DAY_S,
            Step::Months(months) => u64::from(months) * 30 * DAY_S,
        }
    }

    /// The period that holds a second. What lies outside of the calendar's years 1970 to 9999 is one period.
    pub fn period(&self, at_s: u64) -> Period {
        self.found(at_s).unwrap_or(Period { start_s: 0, end_s: u64::MAX })
    }

    fn found(&self, at_s: u64) -> Option<Period> {
        let at = Timestamp::from_second(i64::try_from(at_s).ok()?).ok()?;
        let local = self.zone.to_datetime(at);
        let anchor = self.anchor;
        let (step, passed) = match self.step {
            Step::Days(days) => {
                let passed = local.date().since(anchor.date()).ok()?.get_days();
                (i32::from(days), passed)
            }
            Step::Months(months) => {
                let months_of = |date: DateTime| i32::from(date.year()) * 12 + i32::from(date.month());
                (i32::from(months), months_of(local) - months_of(anchor))
            }
        };
        // A guess that may be one too late, never more than one too early.
        let mut number = passed.div_euclid(step) + 1;
        while self.start(number)? > at {
            number -= 1;
        }
        let (start, end) = (self.start(number)?, self.start(number + 1)?);
        let second = |time: Timestamp| u64::try_from(time.as_second()).unwrap_or(0);
        Some(Period { start_s: second(start), end_s: second(end) })
    }

    fn start(&self, number: i32) -> Option<Timestamp> {
        let span = match self.step {
            Step::Days(days) => Span::new().try_days(i64::from(number) * i64::from(days)),
            Step::Months(months) => Span::new().try_months(i64::from(number) * i64::from(months)),
        };
        let start = self.anchor.checked_add(span.ok()?).ok()?;
        self.zone.to_ambiguous_zoned(start).compatible().ok().map(|zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(step: Step, anchor: &str, zone: &str) -> Calendar {
        Calendar {
            text: String::new(),
            step,
            anchor: anchor.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    fn at(time: &str) -> u64 {
        time.parse::<Timestamp>().unwrap().as_second() as u64
    }

    /// The start of the period, and its length in hours.
    fn shown(calendar: &Calendar, time: &str) -> String {
        let period = calendar.period(at(time));
        assert!(period.holds(at(time)));
        let start = Timestamp::from_second(period.start_s as i64).unwrap();
        format!("{start} {}", period.seconds() / HOUR_S)
    }

    #[test]
    fn months_of_new_york_have_the_hours_that_its_clocks_show() {
        let month = calendar(Step::Months(1), "2020-01-01T00:00:00", "America/New_York");
        for (time, expected) in [
            ("2026-03-15T00:00:00Z", "2026-03-01T05:00:00Z 743"),
            ("2026-11-15T00:00:00Z", "2026-11-01T04:00:00Z 721"),
            ("2028-02-15T00:00:00Z", "2028-02-01T05:00:00Z 696"),
        ] {
            assert_eq!(shown(&month, time), expected);
        }
        assert_eq!(month.period(at("2026-03-15T00:00:00Z")).seconds() / 60, 44_580);
    }

    #[test]
    fn a_week_over_the_change_of_clocks_has_an_hour_less() {
        let week = calendar(Step::Days(7), "2022-01-01T12:00:00", "America/New_York");
        assert_eq!(shown(&week, "2026-03-08T12:00:00Z"), "2026-03-07T17:00:00Z 167");
        assert_eq!(shown(&week, "2026-03-07T16:59:59Z"), "2026-02-28T17:00:00Z 168");
    }

    #[test]
    fn a_day_that_begins_in_the_hour_that_is_skipped_begins_as_much_later() {
        let day = calendar(Step::Days(1), "2026-01-01T02:30:00", "America/New_York");
        assert_eq!(shown(&day, "2026-03-08T12:00:00Z"), "2026-03-08T07:30:00Z 23");
    }

    #[test]
    fn a_quarter_of_berlin_and_a_week_that_begins_on_monday() {
        let quarter = calendar(Step::Months(3), "2020-01-01T00:00:00", "Europe/Berlin");
        assert_eq!(shown(&quarter, "2026-02-15T00:00:00Z"), "2025-12-31T23:00:00Z 2159");
        let week = calendar(Step::Days(7), "2024-01-01T00:00:00", "Europe/Berlin");
        assert_eq!(shown(&week, "2026-11-25T12:00:00Z"), "2026-11-22T23:00:00Z 168");
    }

    #[test]
    fn months_are_clamped_from_the_anchor_and_not_from_the_month_before() {
        let month = calendar(Step::Months(1), "2026-01-31T00:00:00", "UTC");
        for (time, expected) in [
            ("2026-02-15T00:00:00Z", "2026-01-31T00:00:00Z 672"),
            ("2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z 744"),
            ("2026-03-31T00:00:00Z", "2026-03-31T00:00:00Z 720"),
            ("2025-12-31T12:00:00Z", "2025-12-31T00:00:00Z 744"),
        ] {
            assert_eq!(shown(&month, time), expected);
        }
        let year = calendar(Step::Months(12), "2024-02-29T00:00:00", "UTC");
        assert_eq!(shown(&year, "2025-03-01T00:00:00Z"), "2025-02-28T00:00:00Z 8760");
        assert_eq!(shown(&year, "2028-02-29T00:00:00Z"), "2028-02-29T00:00:00Z 8760");
    }

    #[test]
    fn an_instant_on_the_boundary_belongs_to_the_new_period_and_the_past_steps_back() {
        let month = calendar(Step::Months(1), "2026-01-01T00:00:00", "UTC");
        assert_eq!(shown(&month, "2026-02-01T00:00:00Z"), "2026-02-01T00:00:00Z 672");
        assert_eq!(shown(&month, "2026-01-31T23:59:59Z"), "2026-01-01T00:00:00Z 744");
        assert_eq!(shown(&month, "1999-02-10T00:00:00Z"), "1999-02-01T00:00:00Z 672");
        assert_eq!(month.period(u64::MAX).start_s, 0, "beyond every calendar is one period");
    }

    #[test]
    fn every_second_has_one_period_and_periods_follow_one_another() {
        for (step, anchor, zone) in [
            (Step::Months(1), "2024-01-31T02:30:00", "Europe/Berlin"),
            (Step::Days(7), "2024-10-27T02:30:00", "America/New_York"),
            (Step::Days(1), "2024-05-05T00:00:00", "Australia/Lord_Howe"),
        ] {
            let calendar = calendar(step, anchor, zone);
            let mut period = calendar.period(at("2025-01-01T00:00:00Z"));
            for _ in 0..400 {
                let next = calendar.period(period.end_s);
                assert_eq!(next.start_s, period.end_s, "{anchor} {zone}");
                assert_eq!(calendar.period(next.end_s - 1), next);
                period = next;
            }
        }
    }
}
