//! Series to the language of the rules: which data points they are, by the names that they have over OTLP.

use super::promql::{Matcher, Op, Refusal};
use super::series::{Piece, anchored};

/// Words of the language: a label that is called so is asked for by its quoted name.
const WORDS: &[&str] = &[
    "attributes",
    "body",
    "duration",
    "event",
    "false",
    "has",
    "in",
    "kind",
    "log",
    "metric",
    "name",
    "not",
    "null",
    "resource",
    "severity",
    "span",
    "status",
    "time",
    "true",
    "value",
];

/// What Prometheus calls the target of a scrape; the Collector's receiver hands it on as attributes of the resource.
const TARGET: &[(&str, &str)] = &[("job", "service.name"), ("instance", "service.instance.id")];

/// Points of one metric, without some.
struct Chosen<'p> {
    piece: &'p Piece,
    except: Vec<Vec<Matcher>>,
}

/// An expression for all series of `plus` that are none of `minus`. Each point counts once, so none may be in two.
pub fn expression(plus: &[Piece], minus: &[Piece]) -> Result<String, Refusal> {
    let refuse = |why: &str| Err(Refusal::new(0, why));
    let matchers = plus.iter().chain(minus).flat_map(|piece| &piece.matchers);
    if let Some(number) = matchers.into_iter().find(|one| is_number(&one.label)) {
        let why = format!("`{}` is a number over OTLP and a text for Prometheus", number.label);
        return Err(Refusal::new(0, why));
    }
    let apart = |pieces: &[Piece]| {
        (1..pieces.len()).all(|at| pieces[..at].iter().all(|one| one.is_apart_from(&pieces[at])))
    };
    if !apart(plus) || !apart(minus) {
        return refuse("two of the added parts may choose the same series, which would count twice");
    }
    let mut chosen: Vec<Chosen<'_>> = plus.iter().map(|piece| Chosen { piece, except: Vec::new() }).collect();
    for piece in minus {
        let part = chosen.iter_mut().find(|one| {
            let same = (&one.piece.metric, &one.piece.counted) == (&piece.metric, &piece.counted);
            same && one.piece.conditions().is_subset(&piece.conditions())
        });
        let Some(part) = part else {
            return refuse("what is taken away is no part of what it is taken from");
        };
        let more: Vec<Matcher> =
            piece.matchers.iter().filter(|one| !part.piece.matchers.contains(one)).cloned().collect();
        if more.iter().filter_map(condition).next().is_none() {
            return refuse("all that is counted is taken away");
        }
        part.except.push(more);
    }
    match chosen.as_slice() {
        [] => refuse("nothing is counted"),
        [one] => Ok(of(one)),
        several => Ok(several.iter().map(|one| format!("({})", of(one))).collect::<Vec<_>>().join(" || ")),
    }
}

fn of(chosen: &Chosen<'_>) -> String {
    let mut parts = vec![format!("name == {}", quoted(&chosen.piece.metric))];
    parts.extend(chosen.piece.matchers.iter().filter_map(condition));
    for except in &chosen.except {
        let inner: Vec<String> = except.iter().filter_map(condition).collect();
        parts.push(format!("!({})", inner.join(" && ")));
    }
    parts.join(" && ")
}

/// A label that a series does not have is the empty text for Prometheus; here a comparison with it is false.
fn condition(matcher: &Matcher) -> Option<String> {
    let name = attribute(&matcher.label);
    let value = quoted(&matcher.value);
    let matches = || format!("{name}.matches({})", quoted(&format!("^(?:{})$", matcher.value)));
    let takes_nothing = || anchored(&matcher.value).is_some_and(|pattern| pattern.is_match(""));
    Some(match (matcher.op, matcher.value.as_str()) {
        (Op::Equal, "") => format!("!({name} != \"\")"),
        (Op::NotEqual, "") => format!("{name} != \"\""),
        (Op::Equal, _) => format!("{name} == {value}"),
        (Op::NotEqual, _) => format!("!({name} == {value})"),
        (Op::Matches, ".*") => return None,
        (Op::Matches, ".+") | (Op::MatchesNot, "") => format!("{name} != \"\""),
        (Op::Matches, _) if takes_nothing() => format!("(!({name} != \"\") || {})", matches()),
        (Op::Matches, _) => matches(),
        (Op::MatchesNot, _) if takes_nothing() => format!("{name} != \"\" && !{}", matches()),
        (Op::MatchesNot, _) => format!("!{}", matches()),
    })
}

/// Attributes of OpenTelemetry's conventions, by their own names, that senders write as numbers.
fn is_number(label: &str) -> bool {
    label.contains('.') && [".status_code", ".port"].iter().any(|ending| label.ends_with(ending))
}

/// A label by the name that it has over OTLP.
pub fn name_of(label: &str) -> &str {
    TARGET.iter().find(|(of_prometheus, _)| *of_prometheus == label).map_or(label, |(_, ours)| ours)
}

fn attribute(label: &str) -> String {
    let name = name_of(label);
    let is_word = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match name.split('.').all(is_word) && !WORDS.contains(&name) {
        true => name.to_owned(),
        false => format!("attributes[{}]", quoted(name)),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
