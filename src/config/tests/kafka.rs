//! `kafka` as it is read: each field, each default, and what becomes of names.

use super::*;
use crate::config::kafka::{Format, Mechanism, Publish, PublishFormat, PublishedEvents, Sasl, Start, Tls};
use crate::decode::events::{Attributes, FieldOrConstant, FieldPath, Mapping, TimeField, TimeUnit};
use crate::model::{Category, Signal};

const WHOLE: &str = r#"
  tenant: shop
  classify: [{name: disk-full, when: 'log', category: exception}]
  kafka:
    brokers: [kafka-1.example:9093, '[::1]:9093']
    group: ours
    instance: evenkeel-0
    session_timeout: 1m
    tls: {ca_file: ca.crt, cert_file: tls.crt, key_file: tls.key}
    sasl: {mechanism: SCRAM-SHA-512, username: us, password_file: password}
    topics:
      - {name: otlp_spans, signal: traces, tenant: shop}
      - {pattern: 'app-.*-logs', signal: logs, format: otlp_json, start: earliest}
      - name: orders
        format: json
        start: 2026-11-01T00:00:00Z
        mapping:
          time: {field: ts, unit: ms}
          service: {field: app.name, value: orders}
          severity: {field: level}
          name: {value: order}
          body: {field: msg}
          attributes: {http.route: request.route}
      - {name: changes, format: cloudevents, signal: logs, start: -1h30m}
      - {name: plain, format: json, mapping: {service: {value: shop}, time: {field: at}}}
    dead_letter: evenkeel.dlq
    publish:
      events: {topic: evenkeel.events, categories: [exception], rules: [disk-full, 'default:error-log']}
      alerts: {topic: evenkeel.alerts}
      facts: {topic: evenkeel.facts}
      format: protobuf
      buffer_bytes: 8MiB
"#;

fn path(text: &str) -> FieldPath {
    FieldPath::new(text).expect("a path")
}

fn whole() -> Kafka {
    let pair = rcgen::generate_simple_self_signed(["evenkeel".to_owned()]).expect("a certificate");
    let world = Fake::files(&[
        ("etc/a.yaml", &config_of(WHOLE)),
        ("etc/ca.crt", &pair.cert.pem()),
        ("etc/tls.crt", &pair.cert.pem()),
        ("etc/tls.key", &pair.signing_key.serialize_pem()),
        ("etc/password", "hunter2\n"),
    ]);
    let loaded = loaded(&world, "etc/a.yaml");
    assert_eq!(printed(&world, &loaded, true), "");
    let config = loaded.config.expect("sound");
    assert!(!format!("{config:?}").contains("hunter2"), "a secret in what we could print");
    config.kafka.expect("kafka")
}

#[test]
fn every_field_is_read() {
    let kafka = whole();
    assert_eq!(kafka.brokers, ["kafka-1.example:9093", "[::1]:9093"]);
    assert_eq!(
        (&*kafka.group, kafka.instance.as_deref(), kafka.session_timeout_s),
        ("ours", Some("evenkeel-0"), 60)
    );
    let file = |name: &str| Some(PathBuf::from(format!("etc/{name}")));
    let tls = Tls { ca_file: file("ca.crt"), cert_file: file("tls.crt"), key_file: file("tls.key") };
    assert_eq!(kafka.tls, Some(tls));
    let (mechanism, username) = (Mechanism::ScramSha512, "us".to_owned());
    assert_eq!(kafka.sasl, Some(Sasl { mechanism, username, password: Secret::new("hunter2") }));
    assert_eq!(kafka.dead_letter.as_deref(), Some("evenkeel.dlq"));
    let events = PublishedEvents {
        topic: "evenkeel.events".to_owned(),
        categories: vec![Category::Exception],
        rules: vec!["disk-full".to_owned(), "default:error-log".to_owned()],
    };
    let (alerts, facts) = (Some("evenkeel.alerts".to_owned()), Some("evenkeel.facts".to_owned()));
    let (format, buffer_bytes) = (PublishFormat::Protobuf, 8 * 1024 * 1024);
    assert_eq!(kafka.publish, Publish { events: Some(events), alerts, facts, format, buffer_bytes });
}

#[test]
fn every_form_of_a_topic_is_read() {
    let kafka = whole();
    let mapping = Mapping {
        time: Some(TimeField { field: path("ts"), unit: TimeUnit::Millis }),
        service: FieldOrConstant { field: Some(path("app.name")), value: Some("orders".to_owned()) },
        severity: Some(FieldOrConstant { field: Some(path("level")), value: None }),
        name: Some(FieldOrConstant { field: None, value: Some("order".to_owned()) }),
        body: Some(path("msg")),
        attributes: Attributes::Named(vec![("http.route".to_owned(), path("request.route"))]),
    };
    let plain = Mapping {
        time: Some(TimeField { field: path("at"), unit: TimeUnit::Rfc3339 }),
        service: FieldOrConstant { field: None, value: Some("shop".to_owned()) },
        severity: None,
        name: None,
        body: None,
        attributes: Attributes::All,
    };
    let read: Vec<_> =
        kafka.topics.iter().map(|one| (one.name.as_str(), one.signal, &one.format, one.start)).collect();
    let (mapping, plain) = (Format::Json(Box::new(mapping)), Format::Json(Box::new(plain)));
    let expected = [
        ("otlp_spans", Signal::Traces, &Format::OtlpProto, Start::Latest),
        ("^(app-.*-logs)$", Signal::Logs, &Format::OtlpJson, Start::Earliest),
        ("orders", Signal::Logs, &mapping, Start::At(1_793_491_200_000_000_000)),
        ("changes", Signal::Logs, &Format::CloudEvents, Start::Back(5_400_000_000_000)),
        ("plain", Signal::Logs, &plain, Start::Latest),
    ];
    assert_eq!(read, expected);
    assert_eq!(kafka.topics[0].tenant.as_deref(), Some("shop"));
}

#[test]
fn a_topic_is_read_by_its_name_before_any_pattern() {
    let topics =
        "[{pattern: 'a.*', signal: logs}, {pattern: 'ab.*', signal: traces}, {name: abc, signal: metrics}]";
    let kafka = sound(&config_of(&format!("  kafka: {{brokers: localhost:9092, topics: {topics}}}\n")));
    let kafka = kafka.kafka.expect("kafka");
    let read = |name| kafka.topic_of(name);
    assert_eq!((read("abc"), read("abd"), read("b"), read("ba")), (Some(2), Some(0), None, None));
}

#[test]
fn the_defaults_of_kafka_hold() {
    let kafka =
        sound(&config_of("  kafka: {brokers: [localhost:9092], tls: {}, publish: {events: {topic: e}}}\n"));
    let kafka = kafka.kafka.expect("kafka");
    assert_eq!((&*kafka.group, kafka.instance, kafka.session_timeout_s), ("evenkeel", None, 30));
    assert_eq!((kafka.tls, kafka.sasl, kafka.dead_letter), (Some(Tls::default()), None, None));
    let Publish { events, alerts, facts, format, buffer_bytes } = kafka.publish;
    let events = events.expect("events");
    assert_eq!((events.categories, events.rules), (vec![Category::Warning, Category::Exception], vec![]));
    assert_eq!((alerts, facts, format), (None, None, PublishFormat::Json));
    assert_eq!(buffer_bytes, 32 * 1024 * 1024);
    assert_eq!(sound(&config_of("  kafka:\n")).kafka, None);
}
