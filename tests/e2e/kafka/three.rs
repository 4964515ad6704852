//! Three brokers, of which one is lost.

use super::broker::Broker;
use super::client::Record;
use super::reading::{counted, partitions};
use crate::program::{Daemon, until};
use crate::sink::{Sink, spans, wall_s};

const SHOP: &str = include_str!("../shop.yaml");

fn document(brokers: &str, sink: &Sink) -> String {
    format!(
        "{SHOP}---\napiVersion: evenkeel/v1\nkind: Config\nspec:\n  alerting:\n    route: {{receiver: oncall}}\n    \
         receivers: [{{name: oncall, webhook_configs: [{{url: '{}', format: evenkeel}}]}}]\n  \
         kafka:\n    brokers: [{brokers}]\n    group: three\n    session_timeout: 6s\n    \
         topics: [{{name: three, signal: traces, format: otlp_json, start: earliest}}]\n",
        sink.url
    )
}

/// Scenario: one of three brokers is killed while records come; then an outage comes; then the broker is back.
/// Guarantees: every record counts once, and the outage is paged once.
#[tokio::test]
async fn one_broker_of_three_is_killed_and_every_record_counts_once_and_an_outage_pages_once() {
    let Some(broker) = Broker::start(&["--brokers", "3"]).await else { return };
    let client = broker.client().with("acks", "all").with("enable.idempotence", "true");
    client.create("three", 6, &[]).await;
    let mut sink = Sink::start().await;
    let daemon = Daemon::start(&document(&broker.plain(), &sink)).await;
    let now = wall_s();
    let good = |from: u64, records: u64| {
        let one =
            move |place: u64| Record::of(spans(now - from + 10 * place..now - from + 10 * place + 10, false));
        (0..records).map(one).collect::<Vec<_>>()
    };
    client.produce("three", "lz4", good(4_200, 100)).await;
    until("it is in the midst of it", || async {
        (daemon.counts().await["items"]["spans"]["accepted"].as_u64()? > 0).then_some(())
    })
    .await;
    let (produced, ()) = tokio::join!(client.produce("three", "lz4", good(3_200, 100)), broker.kill(1));
    assert!(produced.iter().all(Result::is_ok), "{produced:?}");
    let produced = client.produce("three", "zstd", good(2_200, 200)).await;
    assert!(produced.iter().all(Result::is_ok), "{produced:?}");
    counted(&daemon, "spans", 4_000).await;
    assert_eq!(daemon.status("/readyz").await.0, 200, "two are enough");
    client.produce("three", "none", vec![Record::of(spans(now - 200..now, true))]).await;
    let page = sink.next().await.body;
    assert_eq!((&page["transition"], &page["alert"]["service"]), (&"trigger".into(), &"shop".into()));
    counted(&daemon, "spans", 4_200).await;
    broker.up().await;
    client.produce("three", "gzip", good(200, 20)).await;
    counted(&daemon, "spans", 4_400).await;
    let of_all: u64 = partitions(&daemon).await.iter().map(|one| one["records"].as_u64().unwrap()).sum();
    assert_eq!(of_all, 421);
    let counts = daemon.counts().await;
    assert_eq!((&counts["slos"][0]["good"], &counts["slos"][0]["bad"]), (&4_200.into(), &200.into()));
    assert!(sink.heard().iter().all(|post| post.body["transition"] != "trigger"), "one page");
}
