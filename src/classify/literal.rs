//! The values that literals stand for: numbers, escapes in text, durations and timestamps.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NumberText {
    Int(u64),
    Uint(u64),
    Double(f64),
}

/// What is wrong, and how to write it instead.
type Mistake = (String, Option<String>);

/// A number without its sign: `17`, `0x1F`, `17u`, `1.5`, `1e3`.
pub(super) fn number(written: &str) -> Result<NumberText, Mistake> {
    let lower = written.to_ascii_lowercase();
    let (digits, unsigned) = match lower.strip_suffix('u') {
        Some(digits) => (digits, true),
        None => (lower.as_str(), false),
    };
    let (digits, radix) = match digits.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix)) {
        let too_large = (format!("`{written}` does not fit into 64 bits"), None);
        let value = u64::from_str_radix(digits, radix).map_err(|_| too_large)?;
        return Ok(if unsigned { NumberText::Uint(value) } else { NumberText::Int(value) });
    }
    let mistake = || {
        let hint = duration(&lower).map(|_| format!("a duration is written duration(\"{lower}\")"));
        (format!("`{written}` is not a number"), hint)
    };
    if unsigned || radix == 16 || !digits.chars().all(|c| c.is_ascii_digit() || ".e+-".contains(c)) {
        return Err(mistake());
    }
    match digits.parse::<f64>() {
        Ok(double) if double.is_finite() => Ok(NumberText::Double(double)),
        Ok(_) => Err((format!("`{written}` is too large for a number"), None)),
        Err(_) => Err(mistake()),
    }
}

/// Resolves CEL's escapes; the place of the first one that does not exist otherwise.
pub(super) fn unescape(written: &str) -> Result<String, Range<usize>> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(start) = rest.find('\\') {
        text.push_str(&rest[..start]);
        let offset = written.len() - rest.len() + start;
        let (c, len) = escape(&rest[start + 1..]).map_err(|len| offset..offset + 1 + len)?;
        text.push(c);
        rest = &rest[start + 1 + len..];
    }
    text.push_str(rest);
    Ok(text)
}

/// The character that an escape stands for and its length without the backslash.
/// On a mistake only the length.
fn escape(after: &str) -> Result<(char, usize), usize> {
    let first = after.chars().next().ok_or(0_usize)?;
    let plain = match first {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' | '?' | '"' | '\'' | '`' => first,
        'x' | 'X' => return code(after, 1, 2, 16),
        'u' => return code(after, 1, 4, 16),
        'U' => return code(after, 1, 8, 16),
        '0'..='3' => return code(after, 0, 3, 8),
        _ => return Err(first.len_utf8()),
    };
    Ok((plain, 1))
}

fn code(after: &str, skip: usize, digits: usize, radix: u32) -> Result<(char, usize), usize> {
    let end = skip + digits;
    let number = after.get(skip..end).filter(|number| number.chars().all(|c| c.is_digit(radix)));
    number
        .and_then(|number| u32::from_str_radix(number, radix).ok())
        .and_then(char::from_u32)
        .map(|c| (c, end))
        .ok_or_else(|| after.get(..end).map_or(1, str::len))
}

const UNITS: &[(&str, i128)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// `1h30m`, `500ms`, `-1.5s`, `0`: nanoseconds; what is finer than one is cut off.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    loop {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (amount, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(letters);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(scaled(amount, *scale)?)?;
        rest = after;
        if rest.is_empty() {
            return i64::try_from(if negative { -total } else { total }).ok();
        }
    }
}

/// `amount * scale` for a decimal amount, cut off to a whole.
fn scaled(amount: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // A digit after the 18th is below a nanosecond in every unit.
    let fraction = &fraction[..fraction.len().min(18)];
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? };
    Some(i128::from(whole) * scale + part * scale / 10_i128.pow(fraction.len() as u32))
}

/// An RFC 3339 time as nanoseconds since 1970.
pub(super) fn timestamp(text: &str) -> Result<u64, &'static str> {
    let time: jiff::Timestamp =
        text.parse().map_err(|_| "write a time as in 2026-01-31T09:30:00Z, with its zone")?;
    u64::try_from(time.as_nanosecond()).map_err(|_| "a time lies between 1970 and 2554")
}
