//! `100/s`, `5%`, `80ms`: the quantities of the command line. Errors are sentences that show the right form.

use std::time::Duration;

/// More than this no loop on one machine sends.
const RATE_MAX: f64 = 10_000_000.0;
/// Less than one request an hour is a mistake.
const RATE_MIN: f64 = 1.0 / 3600.0;

/// Per second: `100`, `100/s`, `1.5k/s`, `90/m`, `10/h`.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is not a rate; write it like 100/s, 1.5k/s, 90/m or 10/h");
    let (count, seconds) = match text.split_once('/') {
        None => (text, 1.0),
        Some((count, "s")) => (count, 1.0),
        Some((count, "m")) => (count, 60.0),
        Some((count, "h")) => (count, 3600.0),
        Some(_) => return Err(wrong()),
    };
    let (digits, thousands) = match count.strip_suffix('k') {
        Some(digits) => (digits, 1000.0),
        None => (count, 1.0),
    };
    let rate = decimal(digits).ok_or_else(wrong)? * thousands / seconds;
    match rate {
        rate if rate < RATE_MIN => Err("a rate must be at least 1/h".to_owned()),
        rate if rate > RATE_MAX => Err("a rate may be at most 10000k/s".to_owned()),
        rate => Ok(rate),
    }
}

/// A share from 0 to 1: `5%`, `0.1%`. A bare number is refused, since 0.05 could mean either.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is not a percentage; write it like 5% or 0.1%");
    let percent = match text.strip_suffix('%') {
        Some(digits) => decimal(digits.trim_end()).ok_or_else(wrong)?,
        None if text == "0" => 0.0,
        None => return Err(wrong()),
    };
    match percent {
        percent if percent > 100.0 => Err("a percentage may be at most 100%".to_owned()),
        percent => Ok(percent / 100.0),
    }
}

/// `80ms`, `2m`, `1m30s`: numbers with units, added up.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write it like 80ms, 10s, 2m or 1h30m");
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        let factor = match &rest[digits..unit] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        seconds += decimal(&rest[..digits]).ok_or_else(wrong)? * factor;
        rest = &rest[unit..];
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(Duration::ZERO) if text.is_empty() => Err(wrong()),
        Ok(Duration::ZERO) => Err("a duration must be above 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(_) => Err(wrong()),
    }
}

/// Digits with at most one point: none of `inf`, `NaN`, `1e9`, which `f64` would also read.
fn decimal(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_per_second_minute_and_hour() {
        for (text, expected) in [("100", 100.0), ("100/s", 100.0), ("1.5k/s", 1500.0), ("90/m", 1.5)] {
            assert_eq!(rate(text), Ok(expected), "{text}");
        }
        for text in ["", "/s", "100/d", "-1/s", "0", "1e3", "inf", "20000k/s", "100 /s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_need_a_percent_sign() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("100%"), Ok(1.0));
        assert_eq!(share("0"), Ok(0.0));
        for text in ["", "%", "5", "0.05", "101%", "-1%", "NaN%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_add_up() {
        assert_eq!(duration("80ms"), Ok(Duration::from_millis(80)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.5h"), Ok(Duration::from_secs(1800)));
        for text in ["", "10", "s", "10y", "0s", "-1s", "1m 30s", "9999999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
