//! Records against the log records that they become, as text.

mod cloud;
mod plain;
mod random;

use prost::Message;

use super::{Limits, Malformed, RecordView};
use crate::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
use crate::decode::otlp::common::v1::any_value::Value;
use crate::decode::otlp::common::v1::{AnyValue, KeyValue};
use crate::decode::otlp::logs::v1::LogRecord;
use crate::decode::{Encoding, decode};
use crate::model::{Item, Signal, Wanted, rfc3339};

const LIMITS: Limits = Limits::DEFAULT;
/// 2026-11-01T00:00:00Z
const RECORD_MS: i64 = 1_793_491_200_000;

fn record<'a>(headers: &'a [(&'a str, &'a [u8])], value: &'a str) -> RecordView<'a> {
    RecordView { value: value.as_bytes(), headers, time_ms: Some(RECORD_MS) }
}

/// What was appended, as text: a line a log record, then its attributes.
fn told(request: &[u8]) -> String {
    let owned = ExportLogsServiceRequest::decode(request).expect("an export request");
    let mut text = String::new();
    for resource_logs in &owned.resource_logs {
        let service = &resource_logs.resource.as_ref().expect("a resource").attributes;
        let [KeyValue { key, value }] = &service[..] else { panic!("{service:?}") };
        assert_eq!(key, "service.name");
        let records: Vec<&LogRecord> =
            resource_logs.scope_logs.iter().flat_map(|one| &one.log_records).collect();
        let [log] = records[..] else { panic!("{records:?}") };
        text.push_str(&line(&shown(value.as_ref()), log));
    }
    by_our_own_reader(request, &owned);
    text
}

fn line(service: &str, log: &LogRecord) -> String {
    let mut words = vec![service.trim_matches('"').to_owned()];
    words.push(if log.time_unix_nano == 0 { "never".to_owned() } else { rfc3339(log.time_unix_nano) });
    words.push(format!("{}{:?}", log.severity_number, log.severity_text));
    words.extend((!log.event_name.is_empty()).then(|| log.event_name.clone()));
    words.extend(log.body.as_ref().map(|body| shown(Some(body))));
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    words.extend((!log.trace_id.is_empty()).then(|| format!("{}/{}", hex(&log.trace_id), hex(&log.span_id))));
    let pairs =
        log.attributes.iter().map(|pair| format!("  {} = {}\n", pair.key, shown(pair.value.as_ref())));
    format!("{}\n{}", words.join(" "), pairs.collect::<String>())
}

fn shown(value: Option<&AnyValue>) -> String {
    match value.and_then(|any| any.value.as_ref()).expect("a value") {
        Value::StringValue(text) => format!("{text:?}"),
        Value::BoolValue(truth) => truth.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => format!("{number:?}"),
        other => panic!("{other:?}"),
    }
}

/// Guarantees: what the generated types see is what the engine will see.
fn by_our_own_reader(request: &[u8], owned: &ExportLogsServiceRequest) {
    let mut seen = Vec::new();
    let mut each = |item: &Item<'_>| {
        seen.push((item.time.map_or(0, |time| time.0), item.severity, item.name.to_owned()))
    };
    let decoded = decode(Signal::Logs, Encoding::Protobuf, request, &Wanted::default(), LIMITS, &mut each);
    let decoded = decoded.expect("readable");
    let logs = owned.resource_logs.iter().flat_map(|one| &one.scope_logs).flat_map(|one| &one.log_records);
    let expected: Vec<_> =
        logs.map(|log| (log.time_unix_nano, log.severity_number, log.event_name.clone())).collect();
    assert_eq!((seen, decoded.rejected), (expected, 0));
}

/// Guarantees: what can not be read leaves nothing behind.
fn refusal(read: impl FnOnce(&mut Vec<u8>) -> Result<(), Malformed>) -> String {
    let mut out = b"before".to_vec();
    let malformed = read(&mut out).expect_err("malformed");
    assert_eq!(out, b"before");
    match malformed {
        Malformed::Undecodable(why) => why,
        Malformed::TooMuch(what) => format!("more than {what}"),
    }
}
