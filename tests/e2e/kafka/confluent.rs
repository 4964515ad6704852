//! Confluent's client for Python, as another than ours that produces, and reads what we publish.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::client::Record;
use crate::missing;
use crate::program::Scratch;

/// Produces them in their order with the codec; whether there is such a client.
pub async fn produce(brokers: &str, topic: &str, codec: &str, records: &[Record]) -> bool {
    let scratch = Scratch::new();
    let lines = scratch.write("records.jsonl", &records.iter().map(line).collect::<String>());
    let input = Stdio::from(std::fs::File::open(lines).unwrap());
    python("produce.py", &[brokers, topic, codec], input).await.is_some()
}

/// All that a topic holds, decoded by Google's protobuf; none where there is no such client.
pub async fn published(brokers: &str, topic: &str) -> Option<Vec<Value>> {
    let descriptors = concat!(env!("OUT_DIR"), "/published.pb");
    let out = python("consume.py", &[brokers, topic, descriptors], Stdio::null()).await?;
    Some(out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What a script of this folder says.
async fn python(script: &str, args: &[&str], input: Stdio) -> Option<String> {
    let Some(python) = std::env::var_os("EVENKEEL_E2E_PYTHON") else {
        missing("EVENKEEL_E2E_PYTHON names no Python with Confluent's client; tests/run prepares it");
        return None;
    };
    let mut command = Command::new(python);
    command.arg(format!("{}/tests/e2e/kafka/{script}", env!("CARGO_MANIFEST_DIR"))).args(args).stdin(input);
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(ended.status.success(), "{script} {args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    Some(String::from_utf8(ended.stdout).unwrap())
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
