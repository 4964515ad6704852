//! Whatever a record holds, it is read or refused; what is read is a request.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{LIMITS, told};
use crate::decode::events::{
    Attributes, FieldOrConstant, FieldPath, Mapping, RecordView, TimeField, TimeUnit, cloudevent, json_event,
};

const HEADERS: [&str; 9] = [
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_traceparent",
    "CE_",
    "é",
    "content-type",
];
const VALUES: [&[u8]; 8] = [
    b"1.0",
    b"",
    b"\xff",
    b"2026-11-01T00:00:00Z",
    b"application/cloudevents+json",
    b"application/json",
    b"text/plain",
    b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
];

/// JSON as it may come: whole, cut off, and with a character exchanged.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        "[a-zé\\\\.\"]{0,6}".prop_map(|text| format!("\"{text}\"")),
        Just("\"2026-11-01T00:00:00Z\"".to_owned()),
    ];
    let key = prop_oneof![
        Just("specversion\":\"1.0\",\"id"),
        Just("source\":\"/a\",\"type"),
        Just("time"),
        Just("data"),
        Just("a"),
        Just("a.b"),
        Just("severitytext"),
        Just("traceparent"),
    ];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|list| format!("[{}]", list.join(","))),
            vec((key.clone(), inner), 0..8).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (json(), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8).prop_map(|(text, at, byte, how)| {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len().max(1));
        match how {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = byte,
            _ => {}
        }
        bytes
    })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    let units = [TimeUnit::Rfc3339, TimeUnit::Seconds, TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos];
    (0..5_usize, any::<bool>()).prop_map(move |(unit, all)| {
        let path = |text: &str| FieldPath::new(text).expect("a path");
        let source = |text: &str| FieldOrConstant { field: Some(path(text)), value: None };
        Mapping {
            time: Some(TimeField { field: path("time"), unit: units[unit] }),
            service: source("a.b"),
            severity: Some(source("severitytext")),
            name: Some(source("data.a")),
            body: Some(path("data")),
            attributes: match all {
                true => Attributes::All,
                false => {
                    Attributes::Named(vec![("x".to_owned(), path("a")), ("y".to_owned(), path("data.a.b"))])
                }
            },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_record_makes_the_readers_panic(
        value in damaged(),
        headers in vec((0..HEADERS.len(), 0..VALUES.len()), 0..8),
        mapping in mapping(),
        time_ms in any::<Option<i64>>(),
    ) {
        let headers: Vec<(&str, &[u8])> =
            headers.into_iter().map(|(name, value)| (HEADERS[name], VALUES[value])).collect();
        let record = RecordView { value: &value, headers: &headers, time_ms };
        let mut out = Vec::new();
        let by_mapping = json_event(&record, &mapping, LIMITS, &mut out);
        prop_assert_eq!(by_mapping.is_err(), out.is_empty());
        told(&out);
        let before = out.len();
        let event = cloudevent(&record, LIMITS, &mut out);
        prop_assert!(event.is_ok() || out.len() == before);
        told(&out);
    }
}
