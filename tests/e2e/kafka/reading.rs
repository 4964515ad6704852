//! Topics that are read: every record once, through kills, rebalances and topics that are no longer what they were.

use std::collections::BTreeSet;

use evenkeel::decode::otlp::collector::trace::v1::ExportTraceServiceRequest;
use evenkeel::decode::otlp::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::{Value, json};

use super::broker::{alone, shared};
use super::client::Record;
use crate::program::{Daemon, Scratch, assert_books_balance, until};
use crate::sink::wall_s;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// An export request of so many spans that end now.
pub(super) fn request(spans: usize) -> Vec<u8> {
    requests_of(spans, "GET /")
}

/// Of this name.
pub(super) fn requests_of(spans: usize, name: &str) -> Vec<u8> {
    let end = wall_s() * 1_000_000_000;
    let span = Span {
        name: name.to_owned(),
        start_time_unix_nano: end - 1_000_000,
        end_time_unix_nano: end,
        ..Span::default()
    };
    let scope = ScopeSpans { spans: vec![span; spans], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

/// Reads one topic of spans from its beginning, as a member of a group of the topic's name.
pub(super) fn document(broker: &str, topic: &str, more: &str) -> String {
    format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  kafka:\n    brokers: [{broker}]\n    group: {topic}\n    \
         session_timeout: 6s\n    topics: [{{name: {topic}, signal: traces, start: earliest}}]\n{more}"
    )
}

async fn accepted(daemon: &Daemon, signal: &str) -> u64 {
    daemon.counts().await["items"][signal]["accepted"].as_u64().unwrap()
}

pub(super) async fn counted(daemon: &Daemon, signal: &str, items: u64) {
    until(&format!("{items} {signal} are counted"), || async {
        let now = accepted(daemon, signal).await;
        assert!(now <= items, "{now} of {items} {signal}: something counted twice");
        (now == items).then_some(())
    })
    .await;
}

pub(super) async fn partitions(daemon: &Daemon) -> Vec<Value> {
    daemon.get("/api/v1/kafka").await["partitions"].as_array().unwrap().clone()
}

/// Scenario: records with every codec, some of which are garbage and one cut off, while the daemon is killed three times.
/// Guarantees: every item counts once, what can not be read is on the topic of dead letters with its place, and the group
/// knows how far all of it was read.
#[tokio::test]
async fn every_record_counts_once_through_kills_and_what_can_not_be_read_is_set_aside() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("killed", 3, &[]).await;
    client.create("killed.dead", 1, &[]).await;
    let document = document(&broker.plain(), "killed", "    dead_letter: killed.dead\n");
    let folder = Scratch::new();
    let (mut items, mut poison) = (0, BTreeSet::new());
    for (round, codec) in CODECS.into_iter().enumerate() {
        let daemon = Daemon::start_on(&folder, &document).await;
        let mut records: Vec<Record> = (0..40).map(|_| Record::of(request(7))).collect();
        let whole = request(9);
        records.push(Record::of("no request"));
        records.push(Record::of([&whole[..], &[0x0a, 0x7f]].concat()));
        items += 40 * 7;
        for (place, delivery) in client.produce("killed", codec, records).await.iter().enumerate() {
            if place >= 40 {
                poison.insert(delivery.unwrap());
            }
        }
        if round == 4 {
            counted(&daemon, "spans", items).await;
            assert_books_balance(&daemon.counts().await);
            let of_all =
                |field: &str, all: &[Value]| all.iter().map(|one| one[field].as_u64().unwrap()).sum::<u64>();
            let read = until("all is read", || async {
                let read = partitions(&daemon).await;
                (of_all("records", &read) == 5 * 42).then_some(read)
            })
            .await;
            assert_eq!((of_all("poison", &read), of_all("lost", &read)), (10, 0));
            let ends: Vec<Option<i64>> = read.iter().map(|one| one["next_offset"].as_i64()).collect();
            assert_eq!(daemon.stop().await, Some(0));
            assert_eq!(client.committed("killed", "killed").await, ends);
        } else {
            until("something of it is counted", || async {
                (accepted(&daemon, "spans").await > items - 40 * 7).then_some(())
            })
            .await;
            // Dropped: killed.
        }
    }
    let header = |record: &Record, name: &str| {
        let (_, value) = record.headers.iter().find(|(one, _)| one == name).expect("a header of that name");
        String::from_utf8(value.clone()).unwrap()
    };
    let letters = client.read("killed.dead").await;
    let places = letters.iter().map(|one| {
        assert_eq!(header(one, "evenkeel.topic"), "killed");
        assert!(!header(one, "evenkeel.reason").is_empty());
        (header(one, "evenkeel.partition").parse().unwrap(), header(one, "evenkeel.offset").parse().unwrap())
    });
    assert_eq!(places.collect::<BTreeSet<(i32, i64)>>(), poison);
}

/// Scenario: a second member comes, and goes, while records come.
/// Guarantees: what both have counted is every record once.
#[tokio::test]
async fn a_rebalance_hands_partitions_over_without_a_double_or_a_gap() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("handed", 4, &[]).await;
    let document = document(&broker.plain(), "handed", "");
    let produce = async |records: usize| {
        client.produce("handed", "lz4", (0..records).map(|_| Record::of(request(3))).collect()).await;
    };
    let assigned = async |daemon: &Daemon, count: usize| {
        until(&format!("{count} partitions are read"), || async {
            let read = partitions(daemon).await;
            (read.iter().filter(|one| one["assigned"] == true).count() == count).then_some(())
        })
        .await;
    };
    let first = Daemon::start(&document).await;
    produce(50).await;
    assigned(&first, 4).await;
    let second = Daemon::start(&document).await;
    produce(50).await;
    assigned(&first, 2).await;
    assigned(&second, 2).await;
    produce(50).await;
    until("both have all of it", || async {
        let sum = accepted(&first, "spans").await + accepted(&second, "spans").await;
        assert!(sum <= 450, "{sum} of 450");
        (sum == 450).then_some(())
    })
    .await;
    let of_second = accepted(&second, "spans").await;
    assert!(of_second > 0);
    assert_eq!(second.stop().await, Some(0));
    produce(50).await;
    counted(&first, "spans", 600 - of_second).await;
}

/// Guarantees: by default a topic is read from its end on, in each of its partitions, and a partition that comes to be later
/// from its beginning.
#[tokio::test]
async fn a_topic_is_read_from_its_end_on_and_a_later_partition_from_its_beginning() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("later", 3, &[]).await;
    let to = |partition| Record { partition: Some(partition), ..Record::of(request(5)) };
    client.produce("later", "none", vec![to(0), to(1), to(2)]).await;
    let folder = Scratch::new();
    let document = document(&broker.plain(), "later", "").replace(", start: earliest", "");
    let daemon = Daemon::start_on(&folder, &document).await;
    until("all partitions are read", || async {
        let read = partitions(&daemon).await;
        (read.iter().filter(|one| one["assigned"] == true).count() == 3).then_some(())
    })
    .await;
    client.produce("later", "none", vec![to(0), to(2)]).await;
    counted(&daemon, "spans", 10).await;
    assert_eq!(daemon.stop().await, Some(0));
    broker.script("topics", &["--alter", "--topic", "later", "--partitions", "4"]).await;
    client.produce("later", "none", vec![to(3), to(1)]).await;
    let daemon = Daemon::start_on(&folder, &document).await;
    counted(&daemon, "spans", 20).await;
}

/// Scenario: a topic is deleted and made anew while it is read, and again while nobody reads it.
/// Guarantees: what is in it then is counted from its beginning, once.
#[tokio::test]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    let produce = async |records: usize| {
        client.produce("anew", "none", (0..records).map(|_| Record::of(request(1))).collect()).await;
    };
    client.create("anew", 1, &[]).await;
    let document = document(&broker.plain(), "anew", "");
    let folder = Scratch::new();
    let daemon = Daemon::start_on(&folder, &document).await;
    produce(20).await;
    counted(&daemon, "spans", 20).await;
    client.delete("anew").await;
    client.create("anew", 1, &[]).await;
    produce(5).await;
    counted(&daemon, "spans", 25).await;
    assert_eq!(partitions(&daemon).await[0]["replaced"], 1);
    assert_eq!(daemon.stop().await, Some(0));
    client.delete("anew").await;
    client.create("anew", 1, &[]).await;
    // More than before, so that the offset alone says nothing.
    produce(30).await;
    let daemon = Daemon::start_on(&folder, &document).await;
    counted(&daemon, "spans", 55).await;
    assert_eq!(partitions(&daemon).await[0]["replaced"], 2);
}

/// Guarantees: CloudEvents in either form and plain JSON are logs to rules, of the time, service and name that they say.
#[tokio::test]
async fn events_of_other_shapes_count_as_logs() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    let (orders, changes) = ("shapes.orders", "shapes.changes");
    for topic in [orders, changes] {
        client.create(topic, 1, &[]).await;
    }
    let document = format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  classify:\n    \
         - {{name: lost-order, when: 'log && service.name == \"orders\" && amount > 100', category: exception}}\n    \
         - {{name: change, when: 'event && name == \"com.example.change\" && cloudevents.event_id == \"7\"', category: warning}}\n  \
         kafka:\n    brokers: [{}]\n    group: shapes\n    topics:\n      \
         - {{name: {orders}, format: json, start: earliest, mapping: {{time: {{field: ts, unit: ms}}, service: {{field: app.name}}, body: {{field: msg}}}}}}\n      \
         - {{pattern: 'shapes\\.ch.*', format: cloudevents, start: earliest}}\n",
        broker.plain()
    );
    let order =
        json!({"ts": wall_s() * 1000, "app": {"name": "orders"}, "msg": "lost", "amount": 150}).to_string();
    client.produce(orders, "none", vec![Record::of(order), Record::of("[1]"), Record::default()]).await;
    let structured =
        json!({"specversion": "1.0", "id": "7", "source": "/ci", "type": "com.example.change"}).to_string();
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let binary = Record {
        headers: vec![
            header("ce_specversion", "1.0"),
            header("ce_id", "7"),
            header("ce_source", "/ci"),
            header("ce_type", "com.example.change"),
            header("content-type", "application/json"),
        ],
        ..Record::of("{}")
    };
    client.produce(changes, "none", vec![Record::of(structured), binary]).await;
    let daemon = Daemon::start(&document).await;
    counted(&daemon, "logs", 3).await;
    let counts = daemon.counts().await;
    assert_eq!(
        (&counts["events"]["exception"], &counts["events"]["warning"]),
        (&json!(1), &json!(2)),
        "{counts}"
    );
    let poison: u64 = partitions(&daemon).await.iter().map(|one| one["poison"].as_u64().unwrap()).sum();
    assert_eq!(poison, 1);
}

/// Scenario: the only broker is killed, and comes back.
/// Guarantees: readiness says that Kafka is not read and why, requests are taken all the while, and afterwards what comes is
/// counted on.
#[tokio::test]
async fn while_the_broker_is_away_the_rest_goes_on_and_readiness_says_so() {
    let Some(broker) = alone().await else { return };
    let client = broker.client();
    client.create("away", 1, &[]).await;
    let daemon = Daemon::start(&document(&broker.plain(), "away", "")).await;
    client.produce("away", "none", vec![Record::of(request(2))]).await;
    counted(&daemon, "spans", 2).await;
    broker.kill(1).await;
    until("readiness says that Kafka is not read", || async {
        let (status, text) = daemon.status("/readyz").await;
        (status == 503 && text.contains("Kafka is not read")).then_some(())
    })
    .await;
    assert_eq!(daemon.export("traces", "application/x-protobuf", request(3)).await.0, 200);
    broker.up().await;
    client.produce("away", "none", vec![Record::of(request(4))]).await;
    counted(&daemon, "spans", 9).await;
    until("readiness says that all is well", || async {
        (daemon.status("/readyz").await.0 == 200).then_some(())
    })
    .await;
}

/// Guarantees: with a password over TLS, and with a certificate, records come; with a wrong password readiness says what is
/// wrong.
#[tokio::test]
async fn a_secure_broker_lets_in_who_may_and_readiness_says_who_may_not() {
    let Some(broker) = shared().await else { return };
    let client = broker.client();
    client.create("secure", 1, &[]).await;
    client.produce("secure", "zstd", vec![Record::of(request(6))]).await;
    let file = |name: &str| broker.tls(name).display().to_string();
    let scram = |password: &str| {
        format!(
            "    tls: {{ca_file: {}}}\n    sasl: {{mechanism: SCRAM-SHA-512, username: alice, password: {password}}}\n",
            file("ca.pem")
        )
    };
    let mutual = format!(
        "    tls: {{ca_file: {}, cert_file: {}, key_file: {}}}\n",
        file("ca.pem"),
        file("alice.pem"),
        file("alice.key")
    );
    let doors = [("scram", broker.scram(), scram("alice-secret")), ("mutual", broker.mutual_tls(), mutual)];
    for (name, address, more) in doors {
        let group = format!("group: secure.{name}");
        let document = document(&address, "secure", &more).replace("group: secure", &group);
        let daemon = Daemon::start(&document).await;
        counted(&daemon, "spans", 6).await;
    }
    let document = document(&broker.scram(), "secure", &scram("guessed"));
    let daemon = Daemon::start(&document).await;
    let said = until("readiness says that Kafka does not let us in", || async {
        let (status, text) = daemon.status("/readyz").await;
        (status == 503 && text.contains("uthentication")).then_some(text)
    })
    .await;
    assert!(!said.contains("guessed") && !daemon.said().contains("guessed"), "{said}");
}
