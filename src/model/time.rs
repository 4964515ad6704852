//! Two clocks that must not be mixed up: ours (`Now`) and the sender's (`EventTime`).

use borsh::{BorshDeserialize, BorshSerialize};

pub const SECOND_NS: u64 = 1_000_000_000;

/// Our own time, handed in by the shell, never read by the core. Nanoseconds since 1970-01-01 UTC;
/// the shell keeps it monotone whatever the wall clock does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub struct Now(pub u64);

/// When something happened, as its sender says. Nanoseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize,
)]
pub struct EventTime(pub u64);

impl Now {
    pub fn seconds(self) -> u64 {
        self.0 / SECOND_NS
    }

    pub fn plus_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }
}

impl EventTime {
    pub fn seconds(self) -> u64 {
        self.0 / SECOND_NS
    }

    pub fn plus_ns(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// Nanoseconds from `earlier` to `self`; 0 if `earlier` is the later one.
    pub fn since_ns(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How far ahead of our clock the sender's is; 0 if it is not.
    pub fn ahead_of_ns(self, now: Now) -> u64 {
        self.0.saturating_sub(now.0)
    }
}

/// RFC 3339 in UTC with as many fractional digits as the time needs (0, 3, 6 or 9).
pub fn rfc3339(ns: u64) -> String {
    let (days, of_day) = ((ns / SECOND_NS) / 86_400, (ns / SECOND_NS) % 86_400);
    let (year, month, day) = civil(days);
    let fraction = match ns % SECOND_NS {
        0 => String::new(),
        f if f % 1_000_000 == 0 => format!(".{:03}", f / 1_000_000),
        f if f % 1_000 == 0 => format!(".{:06}", f / 1_000),
        f => format!(".{f:09}"),
    };
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{fraction}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Days since 1970-01-01 to a date of the proleptic Gregorian calendar: shift the year to begin
/// in March, so that the leap day is its last, and count in 400-year eras.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_rfc_3339_in_utc() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400 * SECOND_NS, "2000-02-29T00:00:00Z"),
            (1_431_857_103 * SECOND_NS + 5_000_000, "2015-05-17T10:05:03.005Z"),
            (1_674_981_729_488_335_207, "2023-01-29T08:42:09.488335207Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ] {
            assert_eq!(rfc3339(ns), text);
        }
    }
}
