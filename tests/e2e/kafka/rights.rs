//! `deploy/kafka/topics.sh` on a real broker: the topics are there, and who may do what.
//!
//! Kafka's own commands take a second of CPU time each, and the script needs a dozen, so this is done where
//! `EVENKEEL_E2E_KAFKA_RIGHTS=1` asks for it.

use std::process::Command;

use rdkafka::error::RDKafkaErrorCode;

use super::broker::shared;
use super::client::Record;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/kafka/topics.sh");

/// Scenario: the script for one broker, with alice for Evenkeel.
/// Guarantees: she may read and write what she has to and no more.
#[tokio::test]
async fn the_script_of_the_topics_gives_the_rights_that_it_says() {
    if std::env::var_os("EVENKEEL_E2E_KAFKA_RIGHTS").is_none() {
        return println!("skipped: EVENKEEL_E2E_KAFKA_RIGHTS=1 runs it");
    }
    let Some(broker) = shared().await else { return };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([broker.commands()].into_iter().chain(std::env::split_paths(&path)));
    let mut command = Command::new(SCRIPT);
    command.arg(broker.plain()).env("PATH", path.unwrap());
    command.envs([("PRINCIPAL", "User:alice"), ("SENDER", ""), ("REPLICATION", "1"), ("PARTITIONS", "2")]);
    let made = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let (alice, anybody) = (broker.scram_client().with("message.timeout.ms", "5000"), broker.client());
    for topic in ["otlp_spans", "otlp_logs", "otlp_metrics"] {
        assert_eq!(anybody.produce(topic, "zstd", vec![Record::of("one")]).await.len(), 1);
        assert_eq!(alice.clone().with("group.id", "evenkeel").read(topic).await.len(), 1);
        alice.commit("evenkeel", topic, 0, 1).await;
        assert_eq!(alice.committed("evenkeel", topic).await, [Some(1), None]);
        let refused = alice.produce(topic, "none", vec![Record::of("two")]).await;
        assert_eq!(refused, [Err(RDKafkaErrorCode::TopicAuthorizationFailed)]);
    }
    for topic in ["evenkeel.dlq", "evenkeel.events", "evenkeel.alerts", "evenkeel.facts"] {
        let idempotent = alice.clone().with("enable.idempotence", "true");
        let keyed = Record { key: Some(b"checkout".into()), ..Record::of("one") };
        assert!(idempotent.produce(topic, "zstd", vec![keyed]).await[0].is_ok(), "{topic}");
        assert_eq!(anybody.read(topic).await.len(), 1);
    }
}
