//! How long after the request that crosses a page is out: `cargo bench --bench detection`.
//! 200 outages of random severity, one after the other, each of a service of its own; from the moment the
//! crossing request is sent to the moment the webhook has arrived. `-- loaded`: while spans of other services come in at
//! four fifths of the rate that client and daemon together reach on this machine. `-- kafka`, with
//! `EVENKEEL_E2E_KAFKA=tests/kafka/broker`: from the moment the record that crosses is handed to a producer.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/kafka"]
mod kafka {
    pub mod broker;
    pub mod client;
}
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/e2e/program.rs"]
mod program;
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
#[path = "../tests/e2e/sink.rs"]
mod sink;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use common::traffic::{ITEMS, SERVICES, mixed};
use common::wire::{Line, Packet, Packing, Transport, Way};
use common::{service_level, wall_ns, words};
use evenkeel::model::Signal;
use evenkeel::model::rfc3339;
use kafka::broker::Broker;
use program::Daemon;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::json;
use sink::{Post, Sink, wall_s};

const OUTAGES: u64 = 200;
/// Where the machine is busy with something else, or a broker stands between.
const OUTAGES_LOADED: u64 = 50;
const WAY: Way = Way(Transport::Http, Packing::Plain);
const CONNECTIONS: u64 = 8;
const FULL_SPEED: Duration = Duration::from_secs(4);
const LOAD: f64 = 0.8;
const TOPIC: &str = "requests";
const PARTITIONS: i32 = 4;
/// Between the last good request and now: later than the present no event is, and what is long past pages nobody.
const AGO_S: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() {
    let is_asked = |what: &str| words().iter().any(|word| word == what);
    let broker = if is_asked("kafka") { Some(Broker::start(&[]).await.expect("a broker")) } else { None };
    let mut sink = Sink::start().await;
    let mut documents = format!(
        "apiVersion: evenkeel/v1\nkind: Config\nspec:\n  dedup: 'off'\n{}  alerting:\n    route: {{receiver: oncall}}\n    receivers:\n      - {{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}\n",
        broker.as_ref().map(from_kafka).unwrap_or_default(),
        sink.url
    );
    // The load is of the first ones.
    for number in SERVICES..SERVICES + OUTAGES {
        documents += &service_level(&format!("slo-{number}"), &format!("svc-{number}"), false);
    }
    if let Some(broker) = &broker {
        broker.client().create(TOPIC, PARTITIONS, &[]).await;
    }
    let daemon = Daemon::start(&documents).await;
    let path = match &broker {
        Some(broker) => Path::Kafka(producer(broker)),
        None => Path::Otlp(&daemon),
    };
    let is_loaded = is_asked("loaded");
    let load = if is_loaded { loaded(&daemon).await } else { Vec::new() };
    let outages = if is_loaded || broker.is_some() { OUTAGES_LOADED } else { OUTAGES };
    let mut took = Vec::new();
    for number in SERVICES..SERVICES + outages {
        took.push(outage(&path, &mut sink, number).await);
    }
    load.iter().for_each(|sender| sender.abort());
    took.sort_unstable();
    let at = |share: f64| took[((outages as f64 * share).ceil() as usize).max(1) - 1].as_secs_f64() * 1e3;
    println!("{outages} outages, from the crossing request to the webhook, in milliseconds");
    println!("p50 {:.2}  p90 {:.2}  p99 {:.2}  max {:.2}", at(0.5), at(0.9), at(0.99), at(1.0));
    assert_eq!(daemon.stop().await, Some(0));
}

/// How requests come to the daemon.
enum Path<'d> {
    Otlp(&'d Daemon),
    Kafka(BaseProducer),
}

impl Path<'_> {
    /// Returns once they are taken: by the daemon, or by the broker.
    async fn take(&self, service: u64, body: String) {
        match self {
            Self::Otlp(daemon) => {
                assert_eq!(daemon.export("traces", "application/json", body).await.0, 200);
            }
            Self::Kafka(producer) => tokio::task::block_in_place(|| {
                let key = format!("svc-{service}");
                let sent = producer.send(BaseRecord::to(TOPIC).key(&key).payload(&body));
                sent.map_err(|(error, _)| error).expect("there is room");
                let begun = Instant::now();
                while producer.in_flight_count() > 0 {
                    producer.poll(Duration::from_millis(1));
                    assert!(begun.elapsed() < PATIENCE, "the broker takes it");
                }
            }),
        }
    }
}

fn producer(broker: &Broker) -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.plain()).set("linger.ms", "0");
    config.set("message.max.bytes", "16777216");
    config.create().expect("the properties are known")
}

fn from_kafka(broker: &Broker) -> String {
    let topic = format!("{{name: {TOPIC}, signal: traces, format: otlp_json, start: earliest}}");
    format!("  kafka: {{brokers: ['{}'], group: detection, topics: [{topic}]}}\n", broker.plain())
}

fn missing(what: &str) {
    println!("skipped: {what}");
}

/// Sends spans of the services that all benches know, at first as fast as they are taken.
async fn loaded(daemon: &Daemon) -> Vec<tokio::task::JoinHandle<()>> {
    let begin_ns = wall_ns();
    let packets: Vec<Packet> = (0..200).map(|one| WAY.packet(Signal::Traces, one, begin_ns)).collect();
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push(WAY.open(daemon.address("otlp_http"), daemon.address("otlp_grpc")).await);
    }
    let full: u64 = futures(lines.iter().map(|line| {
        let (line, packets, until) = (line.clone(), packets.clone(), Instant::now() + FULL_SPEED);
        async move { send(&line, &packets, Duration::ZERO, until).await }
    }))
    .await;
    let a_second = full as f64 / FULL_SPEED.as_secs_f64();
    println!(
        "{:.0} spans/s at full speed, {:.0} from now on",
        a_second * ITEMS as f64,
        LOAD * a_second * ITEMS as f64
    );
    let pace = Duration::from_secs_f64(CONNECTIONS as f64 / (LOAD * a_second));
    let until = Instant::now() + Duration::from_secs(3_600);
    let sender = |line: Line| {
        let packets = packets.clone();
        tokio::spawn(async move {
            send(&line, &packets, pace, until).await;
        })
    };
    lines.into_iter().map(sender).collect()
}

async fn futures(all: impl Iterator<Item = impl Future<Output = u64> + Send + 'static>) -> u64 {
    let mut sum = 0;
    for one in all.map(tokio::spawn).collect::<Vec<_>>() {
        sum += one.await.expect("it ends");
    }
    sum
}

/// One request each `pace`, or as soon as the last one is answered; how many there were.
async fn send(line: &Line, packets: &[Packet], pace: Duration, until: Instant) -> u64 {
    let mut next = tokio::time::Instant::now();
    for sent in 0.. {
        if until <= Instant::now() {
            return sent;
        }
        line.send(&packets[sent as usize % packets.len()]).await.expect("it is taken");
        next += pace;
        tokio::time::sleep_until(next).await;
    }
    unreachable!("numbers do not end")
}

/// An hour of good requests, then requests of one event second each, a random share of them bad, until it pages.
async fn outage(path: &Path<'_>, sink: &mut Sink, number: u64) -> Duration {
    let begin = wall_s() - AGO_S;
    let good = spans(number, (begin - 3_600..begin).map(|second| (second, 1, 0)));
    path.take(number, good).await;
    let severity = 40 + mixed(number) % 60;
    let mut sent = BTreeMap::new();
    for second in begin.. {
        let bad = severity * (1 + mixed(second ^ number) % 4) / 10;
        let body = spans(number, std::iter::once((second, 40 - bad.min(39), bad)));
        sent.insert(rfc3339(second * 1_000_000_000), Instant::now());
        path.take(number, body).await;
        // A random rest, so that requests meet the daemon at any moment of its own work.
        let rest = Duration::from_micros(mixed(second) % 20_000);
        if let Ok(post) = tokio::time::timeout(rest, page(sink)).await {
            assert_eq!(post.body["alert"]["slo"], format!("slo-{number}"));
            return post.at - sent[post.body["crossed_at"].as_str().unwrap()];
        }
    }
    unreachable!("seconds do not end")
}

/// The next page; episodes of earlier services resolve while we wait.
async fn page(sink: &mut Sink) -> Post {
    loop {
        let post = sink.next().await;
        if post.body["transition"] == "trigger" {
            return post;
        }
    }
}

/// Server spans of one service: `(second, good, bad)`.
fn spans(service: u64, counts: impl Iterator<Item = (u64, u64, u64)>) -> String {
    let mut spans = Vec::new();
    for (second, good, bad) in counts {
        for index in 0..good + bad {
            let end = second * 1_000_000_000;
            spans.push(json!({
                "traceId": format!("{:032x}", mixed(end ^ service)), "spanId": format!("{:016x}", mixed(end ^ service) ^ index),
                "name": "GET /", "kind": 2,
                "startTimeUnixNano": (end - 1_000_000).to_string(), "endTimeUnixNano": end.to_string(),
                "attributes": [{"key": "http.response.status_code", "value": {"intValue": if index < good { "200" } else { "503" }}}],
            }));
        }
    }
    json!({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": format!("svc-{service}")}}]},
        "scopeSpans": [{"spans": spans}],
    }]})
    .to_string()
}
