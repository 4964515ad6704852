//! Durations and decimals as documents write them. Rounds nothing.

use crate::model::{DecimalError, Parts, parse_parts};

/// An OpenSLO duration of fixed length (`90m`, `12h`, `28d`, `4w`) in seconds. The error is a sentence's end.
pub(super) fn openslo_seconds(text: &str) -> Result<u64, &'static str> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    if digits.is_empty() {
        return Err("is no duration: write 28d, 4w, 12h or 90m");
    }
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        "M" | "Q" | "Y" => {
            return Err("has no fixed length, months and years differ: write days or weeks (28d, 12w)");
        }
        "s" | "ms" => return Err("has seconds, which OpenSLO does not know: minutes are the smallest unit"),
        "" => return Err("has no unit: m, h, d or w"),
        unit if unit.starts_with(char::is_whitespace) => {
            return Err("has a space before its unit: write 28d");
        }
        _ => return Err("has an unknown unit: m, h, d and w are known"),
    };
    match digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)) {
        Some(0) => Err("is no time at all"),
        Some(seconds) => Ok(seconds),
        None => Err("is too long"),
    }
}

/// Alertmanager's durations (`30s`, `1h30m`, `250ms`), each unit at most once and in falling order.
pub(super) fn prometheus_ms(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1),
        ("y", 31_536_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ];
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut sum, mut below) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() || below == u64::MAX {
        let split = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..split].parse().ok()?;
        let (unit, factor) = UNITS.into_iter().find(|(unit, _)| rest[split..].starts_with(unit))?;
        if factor >= below {
            return None;
        }
        below = factor;
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[split + unit.len()..];
    }
    Some(sum)
}

/// A size: a whole number with `KiB`, `MiB`, `GiB`, `TiB` or `B`, or without.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().ok()?;
    let shift = match &text[split..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// A share from 0 to 1. The error is a sentence's end.
pub(super) fn share(text: &str) -> Result<Parts, &'static str> {
    parse_parts(text).map_err(|error| match error {
        DecimalError::NotANumber => "is not a decimal number",
        DecimalError::Negative => "is negative",
        DecimalError::TooPrecise => "has more than nine digits after the point",
        DecimalError::TooLarge => "is too large",
    })
}

/// A percentage as a share: `99.9` is 0.999. The error is a sentence's end.
pub(super) fn percent(text: &str) -> Result<Parts, &'static str> {
    let Parts(hundredfold) = share(text)?;
    match hundredfold % 100 {
        0 => Ok(Parts(hundredfold / 100)),
        _ => Err("has more than seven digits after the point"),
    }
}

/// A share for people: 0.9995 is `99.95 %`.
pub(super) fn as_percent(Parts(share): Parts) -> String {
    let (whole, fraction) = (share / 10_000_000, share % 10_000_000);
    let text = format!("{whole}.{fraction:07}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_exactly_or_refused() {
        for (text, seconds) in [("90m", 5_400), ("12h", 43_200), ("28d", 2_419_200), ("4w", 2_419_200)] {
            assert_eq!(openslo_seconds(text), Ok(seconds));
        }
        for text in [
            "",
            "d",
            "28",
            "0d",
            "30 d",
            "60s",
            "1M",
            "1Q",
            "1Y",
            "1.5d",
            "-1d",
            "1dd",
            "99999999999999999999w",
        ] {
            assert!(openslo_seconds(text).is_err(), "{text}");
        }
        for (text, ms) in [("30s", 30_000), ("1h30m", 5_400_000), ("250ms", 250), ("0", 0), ("0s", 0)] {
            assert_eq!(prometheus_ms(text), Some(ms), "{text}");
        }
        for text in ["", "30", "m30", "30m1h", "1h1h", "1.5h", "-1s", "99999999999999999999s"] {
            assert_eq!(prometheus_ms(text), None, "{text}");
        }
    }

    #[test]
    fn percentages_and_sizes_are_read_without_rounding() {
        for (text, size) in [("0", 0), ("12B", 12), ("3KiB", 3_072), ("256MiB", 268_435_456)] {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "MiB", "1 MiB", "1MB", "-1", "1.5GiB", "99999999TiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert_eq!(percent("99.95"), Ok(Parts(999_500_000)));
        assert_eq!(percent("99.9999999"), Ok(Parts(999_999_999)));
        assert!(percent("99.99999999").is_err() && percent("99.5%").is_err());
        assert_eq!(as_percent(Parts(999_500_000)), "99.95 %");
        assert_eq!(as_percent(Parts(900_000_000)), "90 %");
    }
}
