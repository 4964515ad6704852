//! Names of topics, and patterns that mean the same to librdkafka as to us. Asks no broker.

const NAME_BYTES_MAX: usize = 249;
const PATTERN_BYTES_MAX: usize = 1_024;

/// The error is a sentence's end.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("is empty"),
        "." | ".." => Err("is no name that Kafka takes"),
        _ if name.len() > NAME_BYTES_MAX => Err("has more than 249 characters, which Kafka does not take"),
        _ if !name.chars().all(is_of_a_name) => Err("has more than letters, digits, `.`, `_` and `-` in it"),
        _ => Ok(()),
    }
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

/// The pattern as it is kept, of whole names. librdkafka reads POSIX's extended expressions, so what these do not have,
/// or mean otherwise, is refused. The error is a sentence's end.
pub(super) fn pattern(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('^').unwrap_or(text);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    if inner.is_empty() {
        return Err("is empty".to_owned());
    }
    if inner.len() > PATTERN_BYTES_MAX {
        return Err(format!("has more than {PATTERN_BYTES_MAX} bytes"));
    }
    if let Some(c) = inner.chars().find(|c| !is_of_a_name(*c) && !"[](){}*+?|^\\,:".contains(*c)) {
        return Err(format!("has `{c}`, which no topic's name has"));
    }
    if let Some(escaped) = escaped(inner).find(|c| *c != Some('.')) {
        let escaped = escaped.map(String::from).unwrap_or_default();
        return Err(format!(
            "has `\\{escaped}`: only `\\.` means the same to every reader, a digit is `[0-9]`"
        ));
    }
    if ["(?", "*?", "+?", "??", "}?"].iter().any(|one| inner.contains(one)) {
        return Err("has a `?` that Kafka's clients do not know".to_owned());
    }
    let whole = format!("^({inner})$");
    match regex::Regex::new(&whole) {
        Ok(_) => Ok(whole),
        Err(regex::Error::CompiledTooBig(_)) => Err("is too large".to_owned()),
        Err(_) => Err("is no regular expression".to_owned()),
    }
}

/// What stands behind each backslash.
fn escaped(text: &str) -> impl Iterator<Item = Option<char>> {
    let mut chars = text.chars();
    std::iter::from_fn(move || chars.by_ref().find(|c| *c == '\\').map(|_| chars.next()))
}

pub(super) fn is_match(pattern: &str, name: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names_however_it_is_anchored() {
        for text in ["app-.*-logs", "^app-.*-logs", "^app-.*-logs$"] {
            let kept = pattern(text).expect(text);
            assert_eq!(kept, "^(app-.*-logs)$");
            assert!(is_match(&kept, "app-a-logs") && !is_match(&kept, "app-a-logs.old"), "{text}");
        }
        let kept = pattern(r"a|b\.[[:digit:]]{1,2}").expect("a pattern");
        assert!(is_match(&kept, "b.12") && is_match(&kept, "a") && !is_match(&kept, "ab"));
    }

    #[test]
    fn a_pattern_that_librdkafka_reads_otherwise_is_refused() {
        for text in [
            "",
            "^$",
            r"app-\d+",
            r"a\",
            "(?i)app",
            "a+?",
            "a b",
            "a/b",
            "(a",
            "a&&b",
            "ä",
            "[a",
            "x{1000}{1000}",
        ] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_those_that_kafka_takes() {
        for name in ["a", "otlp_spans", "evenkeel.events", "A-1"] {
            assert_eq!(check(name), Ok(()));
        }
        for name in ["", ".", "..", "a b", "a/b", "ä", &"a".repeat(250)] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
