//! Time that does not count, such as maintenance: once, or again and again by a rule of RFC 5545. By event time.

use borsh::{BorshDeserialize, BorshSerialize};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::model::saved;

const DAY_S: u64 = 86_400;

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Exclusion {
    pub reason: String,
    pub when: When,
}

#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub enum When {
    Once(Stretch),
    Again(Recurrence),
}

/// From `start_s`, up to and without `end_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Stretch {
    pub start_s: u64,
    pub end_s: u64,
}

impl Stretch {
    pub fn holds(self, at_s: u64) -> bool {
        (self.start_s..self.end_s).contains(&at_s)
    }

    /// Seconds that both have.
    pub fn overlap_s(self, other: Self) -> u64 {
        self.end_s.min(other.end_s).saturating_sub(self.start_s.max(other.start_s))
    }
}

/// RFC 5545's `RRULE` as far as it is read: by whole days, at the wall clock of `first`.
#[derive(Clone, Debug, PartialEq, BorshSerialize, BorshDeserialize)]
pub struct Recurrence {
    #[borsh(serialize_with = "saved::write_time", deserialize_with = "saved::read_time")]
    pub first: DateTime,
    #[borsh(serialize_with = "saved::write_zone", deserialize_with = "saved::read_zone")]
    pub zone: TimeZone,
    pub length_s: u64,
    pub every: Every,
    pub interval: u16,
    /// `BYDAY`; of a month, with which one of it: 1 the first, -1 the last, 0 every.
    #[borsh(serialize_with = "saved::write_days", deserialize_with = "saved::read_days")]
    pub by_day: Vec<(i8, Weekday)>,
    /// `BYMONTHDAY`: 1 the first, -1 the last.
    pub by_month_day: Vec<i8>,
    pub until_s: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Every {
    Day,
    Week,
    Month,
    Year,
}

impl Exclusion {
    /// The stretches that share a second with `(after_s, upto_s]`, in order.
    pub fn stretches(&self, after_s: u64, upto_s: u64) -> Vec<Stretch> {
        let asked = Stretch { start_s: after_s.saturating_add(1), end_s: upto_s.saturating_add(1) };
        match &self.when {
            When::Once(once) => Some(*once).filter(|once| once.overlap_s(asked) > 0).into_iter().collect(),
            When::Again(recurrence) => recurrence.stretches(asked),
        }
    }

    pub fn covers(&self, at_s: u64) -> bool {
        match &self.when {
            When::Once(once) => once.holds(at_s),
            When::Again(_) => !self.stretches(at_s.saturating_sub(1), at_s).is_empty(),
        }
    }
}

impl Recurrence {
    fn stretches(&self, asked: Stretch) -> Vec<Stretch> {
        let local = |second: u64| {
            let second = i64::try_from(second).ok()?;
            Some(self.zone.to_datetime(Timestamp::from_second(second).ok()?).date())
        };
        // A day more on both sides, for what a time zone may shift.
        let margin = self.length_s.saturating_add(DAY_S);
        let (Some(from), Some(to)) =
            (local(asked.start_s.saturating_sub(margin)), local(asked.end_s.saturating_add(DAY_S)))
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut day = from.max(self.first.date());
        while day <= to {
            if self.is_on(day)
                && let Some(stretch) = self.stretch_of(day)
                && stretch.overlap_s(asked) > 0
            {
                found.push(stretch);
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        found
    }

    fn stretch_of(&self, day: Date) -> Option<Stretch> {
        let time: Time = self.first.time();
        let start = self.zone.to_ambiguous_zoned(day.to_datetime(time)).compatible().ok()?;
        let start_s = u64::try_from(start.timestamp().as_second()).ok()?;
        let is_over = self.until_s.is_some_and(|until| until < start_s);
        (!is_over).then_some(Stretch { start_s, end_s: start_s.saturating_add(self.length_s) })
    }

    /// Whether the rule names the day, which is not before the first.
    fn is_on(&self, day: Date) -> bool {
        let first = self.first.date();
        let interval = i32::from(self.interval);
        let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
        let days = first.until(day).map_or(0, |span| span.get_days());
        let passed = match self.every {
            Every::Day => days,
            Every::Week => monday(first).until(monday(day)).map_or(0, |span| span.get_days()) / 7,
            Every::Month => months(day) - months(first),
            Every::Year => i32::from(day.year()) - i32::from(first.year()),
        };
        passed % interval == 0 && self.names(day, first)
    }

    fn names(&self, day: Date, first: Date) -> bool {
        let by_day = |(nth, weekday): &(i8, Weekday)| {
            let is_nth = match nth {
                0 => true,
                nth => day.first_of_month().nth_weekday_of_month(*nth, *weekday).is_ok_and(|one| one == day),
            };
            day.weekday() == *weekday && is_nth
        };
        let by_month_day = |wanted: &i8| match wanted {
            wanted if *wanted > 0 => day.day() == *wanted,
            wanted => day.last_of_month().day() + 1 + wanted == day.day(),
        };
        let of_year = self.every != Every::Year || day.month() == first.month();
        match (self.by_day.is_empty(), self.by_month_day.is_empty()) {
            (true, true) => match self.every {
                Every::Day => true,
                Every::Week => day.weekday() == first.weekday(),
                Every::Month => day.day() == first.day(),
                Every::Year => day.month() == first.month() && day.day() == first.day(),
            },
            (false, true) => of_year && self.by_day.iter().any(by_day),
            (true, false) => of_year && self.by_month_day.iter().any(by_month_day),
            (false, false) => {
                of_year && self.by_day.iter().any(by_day) && self.by_month_day.iter().any(by_month_day)
            }
        }
    }
}

fn monday(day: Date) -> Date {
    let back = i64::from(day.weekday().to_monday_zero_offset());
    day.checked_sub(back.days()).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> u64 {
        time.parse::<Timestamp>().unwrap().as_second() as u64
    }

    fn again(first: &str, every: Every, change: impl Fn(&mut Recurrence)) -> Exclusion {
        let mut recurrence = Recurrence {
            first: first.parse().unwrap(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            length_s: 7_200,
            every,
            interval: 1,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            until_s: None,
        };
        change(&mut recurrence);
        Exclusion { reason: "maintenance".to_owned(), when: When::Again(recurrence) }
    }

    /// The starts between two dates, as dates and hours of UTC.
    fn starts(exclusion: &Exclusion, from: &str, to: &str) -> String {
        let day = |date: &str| at(&format!("{date}T00:00:00Z"));
        let found = exclusion.stretches(day(from), day(to));
        let shown = found
            .iter()
            .map(|one| Timestamp::from_second(one.start_s as i64).unwrap().strftime("%m-%dT%H").to_string());
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_rule_names_days_and_keeps_to_the_wall_clock() {
        let sundays = again("2026-03-01T02:00:00", Every::Week, |_| {});
        assert_eq!(
            starts(&sundays, "2026-03-01", "2026-04-10"),
            "03-01T01 03-08T01 03-15T01 03-22T01 03-29T01 04-05T00"
        );
        let workdays = again("2026-03-02T22:00:00", Every::Week, |rule| {
            rule.interval = 2;
            rule.by_day = vec![(0, Weekday::Monday), (0, Weekday::Friday)];
        });
        assert_eq!(
            starts(&workdays, "2026-03-01", "2026-03-31"),
            "03-02T21 03-06T21 03-16T21 03-20T21 03-30T20"
        );
        let monthly = again("2026-01-01T04:00:00", Every::Month, |rule| {
            rule.by_day = vec![(-1, Weekday::Sunday)];
        });
        assert_eq!(starts(&monthly, "2026-01-01", "2026-03-31"), "01-25T03 02-22T03 03-29T02");
        let last = again("2026-01-01T04:00:00", Every::Month, |rule| rule.by_month_day = vec![-1, 15]);
        assert_eq!(starts(&last, "2026-01-01", "2026-03-01"), "01-15T03 01-31T03 02-15T03 02-28T03");
        let yearly = again("2024-12-24T00:00:00", Every::Year, |_| {});
        assert_eq!(starts(&yearly, "2025-01-01", "2026-12-31"), "12-23T23 12-23T23");
        let daily = again("2026-01-01T04:00:00", Every::Day, |rule| {
            rule.interval = 3;
            rule.until_s = Some(at("2026-01-08T00:00:00Z"));
        });
        assert_eq!(starts(&daily, "2026-01-01", "2026-02-01"), "01-01T03 01-04T03 01-07T03");
        assert_eq!(starts(&daily, "2025-01-01", "2026-01-01"), "", "nothing before the first");
    }

    #[test]
    fn a_stretch_holds_its_first_second_and_not_its_end() {
        let nightly = again("2026-01-01T23:00:00", Every::Day, |_| {});
        for (time, covered) in [
            ("2026-06-10T20:59:59Z", false),
            ("2026-06-10T21:00:00Z", true),
            ("2026-06-10T22:59:59Z", true),
            ("2026-06-10T23:00:00Z", false),
        ] {
            assert_eq!(nightly.covers(at(time)), covered, "{time}");
        }
        let once = Stretch { start_s: 100, end_s: 110 };
        let once = Exclusion { reason: String::new(), when: When::Once(once) };
        assert_eq!([99, 100, 109, 110].map(|second| once.covers(second)), [false, true, true, false]);
        assert_eq!((once.stretches(0, 99).len(), once.stretches(0, 100).len()), (0, 1));
        assert_eq!((once.stretches(108, 200).len(), once.stretches(109, 200).len()), (1, 0));
    }
}
