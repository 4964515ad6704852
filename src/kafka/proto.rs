//! What is published, by the schema of `proto/evenkeel/v1/published.proto`.

use prost::Message;
use serde_json::Value;

use crate::engine::{EventRecord, Fact, Scalar};

#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/published.rs"));
}

use generated::evenkeel::v1 as schema;

/// In the JSON form of every fact, and in fields of their own here.
const OWN: [&str; 5] = ["at", "fact", "slo", "rule", "group"];

pub(super) fn event(record: &EventRecord) -> Vec<u8> {
    let attributes = record.attributes.iter().map(|one| (one.name.clone(), text(&one.value)));
    let event = schema::Event {
        time_unix_nano: record.time.0,
        kind: record.kind.to_string(),
        service: record.service.clone(),
        name: record.name.clone(),
        category: record.category.to_string(),
        decided_by: record.decided_by.clone(),
        severity: record.severity,
        body: record.body.clone().unwrap_or_default(),
        duration_ns: record.duration_ns,
        value: record.value,
        trace_id: record.trace_id.clone(),
        span_id: record.span_id.clone(),
        attributes: attributes.collect(),
        counted: record.counted.iter().cloned().collect(),
        count: record.count,
    };
    event.encode_to_vec()
}

pub(super) fn fact(fact: &Fact) -> Vec<u8> {
    let said = serde_json::to_value(fact).unwrap_or_default();
    let fields = said.as_object().into_iter().flatten().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let message = schema::Fact {
        time_unix_nano: fact.at.0,
        name: fact.what.name().to_owned(),
        subject_kind: fact.subject.kind().to_owned(),
        subject: fact.subject.name().to_owned(),
        group: fact.group.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        fields: fields.map(|(name, value)| (name.clone(), plain(value))).collect(),
    };
    message.encode_to_vec()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(value: &Scalar) -> String {
    serde_json::to_value(value).map(|value| plain(&value)).unwrap_or_default()
}

#[cfg(test)]
pub(super) fn read_fact(data: &[u8]) -> String {
    let schema::Fact { time_unix_nano, name, subject_kind, subject, group, fields } =
        schema::Fact::decode(data).expect("a fact");
    format!("{time_unix_nano} {name} {subject_kind} {subject} {group:?} {fields:?}")
}
