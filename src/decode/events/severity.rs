//! Severities as programs write them -> OpenTelemetry's numbers.

/// The first number of each band of four.
const TRACE: u8 = 1;
const DEBUG: u8 = 5;
const INFO: u8 = 9;
const WARN: u8 = 13;
const ERROR: u8 = 17;
const FATAL: u8 = 21;

/// Names of OpenTelemetry, of syslog by OpenTelemetry's table, and of the usual libraries.
const NAMES: &[(&str, u8)] = &[
    ("trace", TRACE),
    ("verbose", TRACE),
    ("finest", TRACE),
    ("debug", DEBUG),
    ("fine", DEBUG),
    ("info", INFO),
    ("information", INFO),
    ("informational", INFO),
    ("notice", INFO + 1),
    ("warn", WARN),
    ("warning", WARN),
    ("error", ERROR),
    ("err", ERROR),
    ("severe", ERROR),
    ("crit", ERROR + 1),
    ("alert", ERROR + 2),
    ("fatal", FATAL),
    ("critical", FATAL),
    ("panic", FATAL),
    ("emerg", FATAL),
    ("emergency", FATAL),
];

/// Of a number from 1 to 24, or of a name in any case; `error2` is OpenTelemetry's too.
pub fn number(text: &str) -> u8 {
    let text = text.trim();
    if let Ok(number) = text.parse::<u8>() {
        return if number <= FATAL + 3 { number } else { 0 };
    }
    let of =
        |name: &str| NAMES.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, number)| *number);
    let (name, finer) = match text.as_bytes().last() {
        Some(digit @ b'2'..=b'4') => (&text[..text.len() - 1], digit - b'1'),
        _ => (text, 0),
    };
    match of(name) {
        Some(number) if finer == 0 || number % 4 == 1 => number + finer,
        _ => 0,
    }
}
