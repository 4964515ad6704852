//! Decimal numbers and durations as other systems write them, spelled as documents of ours do. Rounds nothing.

/// `0.25`, `5`, `1e+06`: the same number without an exponent and without zeros that say nothing.
pub fn decimal(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let sound = !digits.is_empty() && digits.len() < 40 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !sound || exponent.unsigned_abs() > 40 {
        return None;
    }
    let point = whole.len() as i32 + exponent;
    let mut out = String::new();
    for (place, digit) in (point.min(0)..(digits.len() as i32).max(point)).map(|place| {
        let digit = usize::try_from(place).ok().and_then(|place| digits.as_bytes().get(place));
        (place, digit.copied().map_or('0', char::from))
    }) {
        if place == point {
            out.push('.');
        }
        out.push(digit);
    }
    let (whole, fraction) = out.split_once('.').unwrap_or((&out, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let number = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    Some(if negative && number != "0" { format!("-{number}") } else { number })
}

/// Prometheus's durations (`30d`, `1h30m`, `200ms`), in milliseconds.
pub fn prometheus_ms(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 7] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
        ("y", 31_536_000_000),
    ];
    let (mut rest, mut sum) = (text, 0_u64);
    while !rest.is_empty() || sum == 0 {
        let split = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..split].parse().ok()?;
        let (unit, factor) = UNITS.into_iter().find(|(unit, _)| rest[split..].starts_with(unit))?;
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[split + unit.len()..];
        if sum == 0 {
            return None;
        }
    }
    Some(sum)
}

/// A window as OpenSLO writes it: one unit, no seconds.
pub fn window(text: &str) -> Option<String> {
    let ms = prometheus_ms(text)?;
    let units = [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000)];
    // Weeks only where they were written: 28d stays 28d.
    let fits =
        |(unit, factor): &(&str, u64)| ms.is_multiple_of(*factor) && (*unit != "w" || text.ends_with('w'));
    units.iter().find(|one| fits(one)).map(|(unit, factor)| format!("{}{unit}", ms / factor))
}

/// Seconds, as a threshold has them.
pub fn seconds(text: &str) -> Option<String> {
    prometheus_ms(text).and_then(|ms| decimal(&format!("{ms}e-3")))
}
