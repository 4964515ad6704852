//! Confluent's client for Python, as another than ours that produces.

use std::process::{Command, Stdio};

use serde_json::json;

use super::client::Record;
use crate::missing;
use crate::program::Scratch;

/// Produces them in their order with the codec; whether there is such a client.
pub async fn produce(brokers: &str, topic: &str, codec: &str, records: &[Record]) -> bool {
    let Some(python) = std::env::var_os("EVENKEEL_E2E_PYTHON") else {
        missing("EVENKEEL_E2E_PYTHON names no Python with Confluent's client; tests/run prepares it");
        return false;
    };
    let scratch = Scratch::new();
    let lines = scratch.write("records.jsonl", &records.iter().map(line).collect::<String>());
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/kafka/produce.py"));
    command.args([brokers, topic, codec]).stdin(Stdio::from(std::fs::File::open(lines).unwrap()));
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(ended.status.success(), "{codec}: {}", String::from_utf8_lossy(&ended.stderr));
    true
}

fn line(record: &Record) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what is not the value is text");
    let value = record.value.as_deref().expect("no tombstone");
    let headers: Vec<_> = record.headers.iter().map(|(name, value)| (name, text(value))).collect();
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut line = json!({"headers": headers, "value": hex});
    if let Some(partition) = record.partition {
        line["partition"] = partition.into();
    }
    if let Some(key) = &record.key {
        line["key"] = text(key).into();
    }
    format!("{line}\n")
}
