//! Times as records write them -> nanoseconds since 1970-01-01 UTC.

use jiff::Timestamp;

use super::mapping::TimeUnit;
use super::value::Json;
use crate::decode::Malformed;

/// What a field named `name` holds. Times before 1970, and 1970 itself, are none.
pub fn time_ns(name: &str, unit: TimeUnit, value: &Json<'_>) -> Result<u64, Malformed> {
    let (ns, rule) = match unit {
        TimeUnit::Rfc3339 => (rfc3339(value), "a time in RFC 3339"),
        TimeUnit::Seconds => (since(value, 1_000_000_000), "a number of seconds since 1970"),
        TimeUnit::Millis => (since(value, 1_000_000), "a number of milliseconds since 1970"),
        TimeUnit::Micros => (since(value, 1_000), "a number of microseconds since 1970"),
        TimeUnit::Nanos => (since(value, 1), "a number of nanoseconds since 1970"),
    };
    let ns = ns.and_then(|ns| u64::try_from(ns).ok()).filter(|ns| *ns > 0);
    ns.ok_or_else(|| {
        let shown = match value {
            Json::Text(text) if text.len() <= 64 => format!("`{}`", text.escape_debug()),
            Json::Int(number) => format!("`{number}`"),
            other => other.kind().to_owned(),
        };
        Malformed::Undecodable(format!("`{name}` is {shown}, not {rule}"))
    })
}

fn rfc3339(value: &Json<'_>) -> Option<i128> {
    let Json::Text(text) = value else { return None };
    text.trim().parse::<Timestamp>().ok().map(Timestamp::as_nanosecond)
}

/// A number, or a text that is one.
fn since(value: &Json<'_>, unit_ns: i128) -> Option<i128> {
    match value {
        Json::Int(number) => i128::from(*number).checked_mul(unit_ns),
        Json::Double(number) => rounded(*number, unit_ns),
        Json::Text(text) => match text.trim().parse::<i64>() {
            Ok(number) => i128::from(number).checked_mul(unit_ns),
            Err(_) => rounded(text.trim().parse().ok()?, unit_ns),
        },
        _ => None,
    }
}

/// To the microsecond, for a double holds no more of today's seconds.
fn rounded(number: f64, unit_ns: i128) -> Option<i128> {
    let step_ns = unit_ns.min(1_000);
    let steps = (number * (unit_ns / step_ns) as f64).round();
    (steps.abs() < 1e19).then(|| steps as i128 * step_ns)
}
