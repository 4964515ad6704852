//! Times as people write them, and spans as they read them.

use jiff::{SignedDuration, Timestamp};

/// RFC 3339 in UTC, of `2026-11-25T14:00:00Z` or of `-2h`, counted back from now.
pub(super) fn instant(text: &str) -> Result<String, String> {
    instant_from(text, Timestamp::now())
}

fn instant_from(text: &str, now: Timestamp) -> Result<String, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.to_string());
    }
    let back = text.strip_prefix('-').and_then(seconds).and_then(|seconds| i64::try_from(seconds).ok());
    back.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok())
        .map(|at| at.to_string())
        .ok_or(format!("`{text}` is no time: write 2026-11-25T14:00:00Z, or -2h for two hours ago"))
}

/// `90s`, `15m`, `2h`, `7d`, `4w`
pub(super) fn seconds(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[split..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    text[..split].parse::<u64>().ok()?.checked_mul(unit)
}

/// `45 min`, `8.2 h`, `12.5 d`
pub(super) fn span(seconds: u64) -> String {
    let hours = seconds as f64 / 3_600.0;
    match hours {
        hours if hours < 1.0 => format!("{} min", seconds.div_ceil(60)),
        hours if hours < 48.0 => format!("{hours:.1} h"),
        hours => format!("{:.1} d", hours / 24.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_so_long_ago() {
        let now: Timestamp = "2026-11-25T14:00:00Z".parse().unwrap();
        let at = |text| instant_from(text, now);
        assert_eq!(at("2026-11-25T13:55:00+01:00").unwrap(), "2026-11-25T12:55:00Z");
        assert_eq!(at("-2h").unwrap(), "2026-11-25T12:00:00Z");
        assert_eq!(at("-90s").unwrap(), "2026-11-25T13:58:30Z");
        for text in ["", "-", "2h", "-2", "-2x", "yesterday", "-99999999999999999999d"] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_read_as_people_say_them() {
        assert_eq!(
            [span(59), span(2_700), span(29_520), span(1_080_000)],
            ["1 min", "45 min", "8.2 h", "12.5 d"]
        );
    }
}
