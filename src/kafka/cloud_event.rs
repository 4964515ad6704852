//! CloudEvents 1.0 of what was decided. The id of a fact follows from what it says, so that what is said twice, after a
//! crash, is known to be the same.

use xxhash_rust::xxh3::xxh3_128;

use crate::config::kafka::PublishFormat;
use crate::engine::{EventRecord, Fact};
use crate::model::rfc3339;

pub(super) struct CloudEvent {
    pub key: String,
    pub data: Vec<u8>,
    attributes: Vec<(&'static str, String)>,
}

impl CloudEvent {
    /// As Kafka's binary form of CloudEvents has them.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.attributes.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn new(
        kind: String,
        at: u64,
        (source, subject, service): (&str, String, &str),
        (data, content_type): (Vec<u8>, &str),
        nonce: u128,
    ) -> Self {
        let id = xxh3_128(&[data.as_slice(), kind.as_bytes(), &nonce.to_le_bytes()].concat());
        let attributes = vec![
            ("ce_specversion", "1.0".to_owned()),
            ("ce_id", format!("{id:032x}")),
            ("ce_source", source.to_owned()),
            ("ce_type", kind),
            ("ce_time", rfc3339(at)),
            ("ce_subject", subject),
            ("ce_service", service.to_owned()),
            ("content-type", content_type.to_owned()),
        ];
        Self { key: service.to_owned(), data, attributes }
    }
}

/// `dev.evenkeel.event.exception.v1`
/// `nonce`: another one for each, for events of two batches may read alike. They are never told again.
pub(super) fn of_event(record: &EventRecord, source: &str, format: PublishFormat, nonce: u128) -> CloudEvent {
    let kind = format!("dev.evenkeel.event.{}.v1", record.category);
    let data = match format {
        PublishFormat::Json => (json(record), "application/json"),
        PublishFormat::Protobuf => (super::proto::event(record), "application/protobuf"),
    };
    CloudEvent::new(kind, record.time.0, (source, record.decided_by.clone(), &record.service), data, nonce)
}

/// `dev.evenkeel.fact.alert.fired.v1`
pub(super) fn of_fact(fact: &Fact, source: &str, service: &str, format: PublishFormat) -> CloudEvent {
    let kind = format!("dev.evenkeel.fact.{}.v1", fact.what.name());
    let data = match format {
        PublishFormat::Json => (json(fact), "application/json"),
        PublishFormat::Protobuf => (super::proto::fact(fact), "application/protobuf"),
    };
    CloudEvent::new(kind, fact.at.0, (source, fact.subject.name().to_owned(), service), data, 0)
}

fn json(one: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(one).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::{Subject, What};
    use crate::model::EventTime;

    fn fact(changes: u64) -> Fact {
        let group = [("host.name".to_owned(), "a".to_owned())].into();
        let subject = Subject::Rule("disk-full".to_owned());
        Fact { at: EventTime(1_000_000_000), subject, group, what: What::FlappingStarted { changes } }
    }

    fn said(event: &CloudEvent) -> BTreeMap<&str, &str> {
        event.headers().collect()
    }

    #[test]
    fn what_is_said_twice_has_one_id_and_what_differs_has_another() {
        let event = |changes| of_fact(&fact(changes), "/evenkeel/default", "shop", PublishFormat::Json);
        let (once, again, other) = (event(3), event(3), event(4));
        assert_eq!(said(&once), said(&again));
        assert_ne!(said(&once)["ce_id"], said(&other)["ce_id"]);
        assert_eq!(said(&once)["ce_type"], "dev.evenkeel.fact.flapping.started.v1");
        assert_eq!(said(&once)["ce_time"], "1970-01-01T00:00:01Z");
        assert_eq!((once.key.as_str(), said(&once)["ce_subject"]), ("shop", "disk-full"));
        let json: serde_json::Value = serde_json::from_slice(&once.data).unwrap();
        assert_eq!(json["changes"], 3);
    }

    #[test]
    fn the_protobuf_form_says_what_the_json_form_says() {
        let event = of_fact(&fact(3), "/evenkeel/default", "shop", PublishFormat::Protobuf);
        assert_eq!(said(&event)["content-type"], "application/protobuf");
        let read = super::super::proto::read_fact(&event.data);
        assert_eq!(
            read,
            "1000000000 flapping.started rule disk-full {\"host.name\": \"a\"} {\"changes\": \"3\"}"
        );
    }
}
