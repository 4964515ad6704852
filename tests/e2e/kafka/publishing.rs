//! What is decided, on topics; and what is decided about what came by topics.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::broker::shared;
use super::client::{Client, Record};
use super::confluent;
use super::reading::counted;
use crate::program::{Daemon, program, ran, until};
use crate::sink::{Sink, spans, wall_s};

const SHOP: &str = include_str!("../shop.yaml");

fn document(broker: &str, name: &str, sink: &Sink) -> String {
    format!(
        "{SHOP}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    route: {{receiver: oncall}}\n    \
         receivers: [{{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}]\n  \
         kafka:\n    brokers: [{broker}]\n    group: {name}\n    \
         topics: [{{name: {name}, signal: traces, format: otlp_json, start: earliest}}]\n    \
         publish: {{events: {{topic: {name}.events}}, alerts: {{topic: {name}.alerts}}, facts: {{topic: {name}.facts}}}}\n",
        sink.url
    )
}

fn header<'r>(record: &'r Record, name: &str) -> &'r str {
    let (_, value) = record.headers.iter().find(|(one, _)| one == name).expect("a header of that name");
    std::str::from_utf8(value).unwrap()
}

/// Once there are so many; each with what every CloudEvent has, under the key of its service.
async fn events(client: &Client, topic: &str, at_least: usize) -> Vec<Value> {
    let read = until(&format!("{at_least} records are on {topic}"), || async {
        let read = client.read(topic).await;
        (read.len() >= at_least).then_some(read)
    })
    .await;
    let mut ids = BTreeMap::new();
    let event = |record: &Record| {
        assert_eq!(
            (header(record, "ce_specversion"), header(record, "ce_source")),
            ("1.0", "/evenkeel/default")
        );
        assert_eq!(header(record, "content-type"), "application/json");
        assert_eq!(record.key.as_deref(), Some(header(record, "ce_service").as_bytes()));
        let data: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        let said_before = ids.insert(header(record, "ce_id").to_owned(), data.clone());
        assert_eq!(said_before, None, "an id is of one event");
        json!({"type": header(record, "ce_type"), "service": header(record, "ce_service"), "data": data})
    };
    read.iter().map(event).collect()
}

/// Scenario: a backfill of an outage three hours ago, then an hour up to now that ends with an outage.
/// Guarantees: the old one is counted and pages nobody; the new one pages once, and its events, its alert and its facts are
/// on their topics as CloudEvents.
#[tokio::test]
async fn an_outage_by_kafka_pages_once_and_is_published_and_one_of_the_past_is_counted_alone() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    for topic in ["outage", "outage.events", "outage.alerts", "outage.facts"] {
        client.create(topic, 1, &[]).await;
    }
    let mut sink = Sink::start().await;
    let daemon = Daemon::start(&document(&broker.plain(), "outage", &sink)).await;
    let now = wall_s();
    let old = spans(now - 11_000..now - 10_000, true);
    client.produce("outage", "gzip", vec![Record::of(old)]).await;
    counted(&daemon, "spans", 1_000).await;
    let bad = async || daemon.counts().await["slos"][0]["bad"].clone();
    assert_eq!(bad().await, 1_000);
    let good = spans(now - 4_100..now - 200, false);
    let failing = spans(now - 200..now, true);
    client.produce("outage", "gzip", vec![Record::of(good), Record::of(failing)]).await;
    let page = sink.next().await.body;
    assert_eq!((&page["transition"], &page["alert"]["service"]), (&json!("trigger"), &json!("shop")));
    let alerts = events(&client, "outage.alerts", 1).await;
    assert_eq!(alerts[0]["type"], "dev.evenkeel.fact.episode.opened.v1");
    assert_eq!(
        (&alerts[0]["service"], &alerts[0]["data"]["slo"]),
        (&json!("shop"), &json!("shop-availability"))
    );
    let facts = events(&client, "outage.facts", 2).await;
    let fired = |fact: &&Value| fact["type"] == "dev.evenkeel.fact.alert.fired.v1";
    let times = facts.iter().filter(fired).map(|fact| fact["data"]["at"].as_str().unwrap().to_owned());
    let today = evenkeel::model::rfc3339((now - 600) * 1_000_000_000);
    assert!(times.clone().count() > 0 && times.clone().all(|at| at > today), "{facts:?}");
    let told = events(&client, "outage.events", 1).await;
    assert!(
        told.iter().all(|one| one["type"] == "dev.evenkeel.event.exception.v1" && one["service"] == "shop")
    );
    let more = sink.heard();
    assert!(more.iter().all(|post| post.body["transition"] == "escalate"), "one page");
}

/// Scenario: an hour that ends with an outage, and everything is to be published as protobuf.
/// Guarantees: another client and another implementation of protobuf read by the published schema what was decided.
#[tokio::test]
async fn what_is_published_as_protobuf_is_read_by_others_by_the_schema() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    for topic in ["proto", "proto.events", "proto.alerts", "proto.facts"] {
        client.create(topic, 1, &[]).await;
    }
    let mut sink = Sink::start().await;
    let document =
        document(&broker.plain(), "proto", &sink).replace("proto.facts}", "proto.facts}, format: protobuf");
    let daemon = Daemon::start(&document).await;
    let now = wall_s();
    let (good, failing) = (spans(now - 4_100..now - 200, false), spans(now - 200..now, true));
    client.produce("proto", "zstd", vec![Record::of(good), Record::of(failing)]).await;
    let page = sink.next().await.body;
    counted(&daemon, "spans", 4_100).await;
    assert_eq!(daemon.stop().await, Some(0));
    let brokers = broker.plain();
    let Some(alerts) = confluent::published(&brokers, "proto.alerts").await else { return };
    let opened = &alerts[0];
    assert_eq!(
        (&opened["type"], &opened["key"]),
        (&json!("dev.evenkeel.fact.episode.opened.v1"), &json!("shop"))
    );
    let fact = &opened["message"];
    assert_eq!(
        [&fact["name"], &fact["subject_kind"], &fact["subject"]],
        ["episode.opened", "slo", "shop-availability"].map(Value::from).each_ref()
    );
    assert_eq!(fact["fields"]["priority"], page["alert"]["priority"], "{fact}");
    let facts = confluent::published(&brokers, "proto.facts").await.unwrap();
    assert!(facts.iter().any(|one| one["message"]["name"] == "alert.fired"), "{facts:?}");
    let events = confluent::published(&brokers, "proto.events").await.unwrap();
    let count = |one: &Value| one["message"]["count"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(events.iter().map(count).sum::<u64>(), 200);
    let event = &events[0]["message"];
    assert_eq!(
        [&event["kind"], &event["service"], &event["name"], &event["category"]],
        ["span", "shop", "GET /", "exception"].map(Value::from).each_ref()
    );
    assert_eq!(event["duration_ns"], "1000000");
}

/// Guarantees: another `kafka` while it runs is told as one for the next start, and what is read and published stays.
#[tokio::test]
async fn a_reload_with_another_kafka_says_that_it_is_for_the_next_start() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    for topic in ["reloaded", "reloaded.events", "reloaded.alerts", "reloaded.facts", "other"] {
        client.create(topic, 1, &[]).await;
    }
    let sink = Sink::start().await;
    let before = document(&broker.plain(), "reloaded", &sink);
    let daemon = Daemon::start(&before).await;
    let reload = || ran(program().arg("reload").env("EVENKEEL_URL", daemon.url("")));
    assert_eq!(reload().out, "nothing differs\n");
    daemon
        .scratch()
        .write("evenkeel.yaml", &before.replace("topics: [{name: reloaded,", "topics: [{name: other,"));
    let told = reload();
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    assert_eq!(told.out, "kafka differs and is in effect from the next start\n");
    let now = wall_s();
    client.produce("other", "none", vec![Record::of(spans(now - 5..now, false))]).await;
    client.produce("reloaded", "none", vec![Record::of(spans(now - 3..now, false))]).await;
    counted(&daemon, "spans", 3).await;
}
