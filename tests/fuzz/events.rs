//! Records that are no OTLP, by a seed: usual ones, damaged, under headers that may have nothing to do with them.

use evenkeel::decode::events::{
    Attributes, FieldOrConstant, FieldPath, Mapping, RecordView, TimeField, TimeUnit, cloudevent, json_event,
};
use evenkeel::decode::{Limits, Malformed};

use super::damage;
use super::make::Chance;

const VALUES: &[&str] = &[
    r#"{"specversion":"1.0","id":"7","source":"/services/shop","type":"order.placed","time":"2026-09-21T14:13:20Z","data":{"a":{"b":[1,2.5,"x"]},"c":null}}"#,
    r#"[{"specversion":"1.0","id":"7","source":"urn:shop","type":"t","service":"shop","severitynumber":17},{"specversion":"1.1","id":"8","source":"s","type":"t","data":"fail"}]"#,
    r#"{"ts":1790000000123,"app":{"name":"shop"},"level":"error","event":"order.failed","msg":"request 17 failed","a":"bad","b":500,"deep":{"er":{"still":true}}}"#,
    r#"{"ts":"1790000000.5","app.name":"shop","level":13,"msg":{"é":"\u00e9"}}"#,
];

const HEADERS: &[(&str, &[u8])] = &[
    ("ce_specversion", b"1.0"),
    ("ce_id", b"7"),
    ("ce_source", b"/services/shop"),
    ("ce_type", b"order.placed"),
    ("ce_time", b"2026-09-21T14:13:20.5+02:00"),
    ("ce_traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("ce_severitytext", b"WARN2"),
    ("content-type", b"application/cloudevents+json"),
    ("content-type", b"application/json"),
    ("content-type", b"text/plain"),
];

/// What was appended to `out`, which held something before.
pub fn read(chance: &mut Chance, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let whole = chance.one_of(VALUES).as_bytes().to_vec();
    let value = if chance.is_one_in(3) { whole } else { damage::damaged(chance, whole) };
    let from = if chance.is_one_in(2) { 0 } else { chance.below(HEADERS.len()) };
    let some =
        if chance.is_one_in(3) { &[] } else { &HEADERS[from..from + chance.below(HEADERS.len() - from + 1)] };
    let changed =
        if chance.is_one_in(4) { damage::damaged(chance, b"application/json".to_vec()) } else { Vec::new() };
    let mut headers = some.to_vec();
    headers.extend((!changed.is_empty()).then_some(("content-type", &changed[..])));
    let time_ms = *chance.one_of(&[None, Some(1_790_000_000_000), Some(i64::MIN), Some(i64::MAX)]);
    let record = RecordView { value: &value, headers: &headers, time_ms };
    match chance.is_one_in(2) {
        true => cloudevent(&record, Limits::DEFAULT, out),
        false => json_event(&record, &mapping(chance), Limits::DEFAULT, out),
    }
}

fn mapping(chance: &mut Chance) -> Mapping {
    let path = |text: &str| FieldPath::new(text).expect("a path");
    let source = |text: &str| FieldOrConstant { field: Some(path(text)), value: None };
    let units = [TimeUnit::Rfc3339, TimeUnit::Seconds, TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos];
    Mapping {
        time: Some(TimeField { field: path("ts"), unit: *chance.one_of(&units) }),
        service: source("app.name"),
        severity: Some(source("level")),
        name: Some(source("event")),
        body: Some(path("msg")),
        attributes: match chance.is_one_in(2) {
            true => Attributes::All,
            false => Attributes::Named(vec![("a".to_owned(), path("a")), ("x".to_owned(), path("deep.er"))]),
        },
    }
}
