//! What it costs to read from Kafka, with 20 rules and 20 SLOs:
//! `EVENKEEL_E2E_KAFKA=tests/kafka/broker cargo bench --bench kafka`. The broker is a process of its own and not counted.
//!
//! `codecs`: CPU-seconds per million spans for each codec, spans a second, and memory. `poison`: spans a second where one
//! record in a hundred is none that can be read, beside the same without. `kill`: from `kill -9` to the first record that
//! is counted again; in the end all are, once. Words choose parts: `-- codecs zstd`.

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

use std::time::{Duration, Instant};

use common::traffic::{ITEMS, spans};
use common::{cpu_s, documents, is_asked_for, median, peak_memory_mib, resident_memory_mib, wall_ns, words};
use evenkeel::model::Signal;
use kafka::broker::Broker;
use kafka::client::Record;
use program::{Daemon, Scratch};
use prost::Message;

/// Of `ITEMS` spans each.
const RECORDS: u64 = 2_000;
/// Produced at once, so that not all of them are in memory.
const AT_ONCE: u64 = 100;
const PARTITIONS: i32 = 4;
const ROUNDS: u64 = 3;
const KILLS: u64 = 10;
const GARBAGE_EVERY: u64 = 100;
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() {
    let (words, Some(broker)) = (words(), Broker::start(&[]).await) else { return };
    println!("{RECORDS} records of {ITEMS} spans in {PARTITIONS} partitions, 20 rules, 20 SLOs");
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let name = format!("codecs {codec}");
        if is_asked_for(&name, &words) {
            cost(&broker, &name, codec).await;
        }
    }
    if is_asked_for("poison", &words) {
        poison(&broker).await;
    }
    if is_asked_for("kill", &words) {
        kills(&broker).await;
    }
}

fn missing(what: &str) {
    println!("skipped: {what}");
}

/// A topic with all records, and where one that can not be read goes.
struct Topic<'b> {
    broker: &'b Broker,
    name: String,
    dead_letters: String,
}

impl<'b> Topic<'b> {
    /// With one record of garbage after so many, if at all.
    async fn filled(broker: &'b Broker, name: &str, codec: &str, garbage_every: Option<u64>) -> Self {
        let (name, client) = (name.replace(' ', "-"), broker.client());
        let topic = Self { broker, dead_letters: format!("{name}-dlq"), name };
        client.create(&topic.name, PARTITIONS, &[]).await;
        client.create(&topic.dead_letters, 1, &[]).await;
        let begin_ns = wall_ns();
        for first in (0..RECORDS).step_by(AT_ONCE as usize) {
            let mut records = Vec::new();
            for sequence in first..first + AT_ONCE {
                let partition = Some((sequence % PARTITIONS as u64) as i32);
                let good = Record::of(spans(sequence, begin_ns).encode_to_vec());
                records.push(Record { partition, ..good });
                if garbage_every.is_some_and(|every| sequence.is_multiple_of(every)) {
                    records.push(Record { partition, ..Record::of(vec![0xff; 500]) });
                }
            }
            let delivered = client.produce(&topic.name, codec, records).await;
            assert!(delivered.iter().all(Result::is_ok), "{delivered:?}");
        }
        topic
    }

    /// The documents of a daemon that reads it from its beginning, in a group that nobody has been in.
    fn documents(&self, group: &str) -> String {
        let kafka = format!(
            "spec:\n  kafka: {{brokers: ['{}'], group: {group}, topics: [{{name: {}, signal: traces, start: earliest}}], dead_letter: {}}}\n",
            self.broker.plain(),
            self.name,
            self.dead_letters,
        );
        documents(Signal::Traces, 20).replacen("spec:\n", &kafka, 1)
    }

    async fn deleted(self) {
        self.broker.client().delete(&self.name).await;
        self.broker.client().delete(&self.dead_letters).await;
    }
}

async fn counted(daemon: &Daemon) -> u64 {
    daemon.counts().await["items"]["spans"]["accepted"].as_u64().unwrap_or_default()
}

/// Waits until more than so many spans are counted.
async fn beyond(daemon: &Daemon, spans: u64) -> u64 {
    let begun = Instant::now();
    loop {
        match counted(daemon).await {
            now if now > spans => return now,
            now => assert!(begun.elapsed() < PATIENCE, "{now} spans and no more: {}", daemon.said()),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What one daemon did with all of a topic.
struct Run {
    /// Spans a second, from the first that was counted on.
    speed: f64,
    /// CPU-seconds per million spans.
    cpu: f64,
    at_rest_mib: f64,
    peak_mib: f64,
}

async fn run(topic: &Topic<'_>, round: u64) -> Run {
    let daemon = Daemon::start(&topic.documents(&format!("{}-{round}", topic.name))).await;
    let (pid, cpu) = (daemon.pid(), cpu_s(daemon.pid()));
    let at_rest_mib = resident_memory_mib(pid);
    let (first, begin) = (beyond(&daemon, 0).await, Instant::now());
    let all = beyond(&daemon, RECORDS * ITEMS - 1).await;
    let speed = (all - first) as f64 / begin.elapsed().as_secs_f64();
    let cpu = (cpu_s(pid) - cpu) / ((RECORDS * ITEMS) as f64 / 1e6);
    let run = Run { speed, cpu, at_rest_mib, peak_mib: peak_memory_mib(pid) };
    assert_eq!(all, RECORDS * ITEMS);
    assert_eq!(daemon.stop().await, Some(0));
    run
}

fn median_of(runs: &[Run], number: impl Fn(&Run) -> f64) -> f64 {
    median(runs.iter().map(number).collect())
}

async fn cost(broker: &Broker, name: &str, codec: &str) {
    let topic = Topic::filled(broker, name, codec, None).await;
    let mut runs = Vec::new();
    for round in 0..ROUNDS {
        runs.push(run(&topic, round).await);
    }
    let shown: String = runs.iter().map(|run| format!("{:6.2}", run.cpu)).collect();
    println!(
        "{name:14} CPU-seconds per million spans {shown}, median {:.2}; {:.0} spans/s; {:.1} MiB at rest, {:.1} MiB at most",
        median_of(&runs, |run| run.cpu),
        median_of(&runs, |run| run.speed),
        median_of(&runs, |run| run.at_rest_mib),
        median_of(&runs, |run| run.peak_mib),
    );
    topic.deleted().await;
}

async fn poison(broker: &Broker) {
    let clean = Topic::filled(broker, "clean", "none", None).await;
    let poisoned = Topic::filled(broker, "poisoned", "none", Some(GARBAGE_EVERY)).await;
    let mut runs = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (topic, runs) in [&clean, &poisoned].into_iter().zip(&mut runs) {
            runs.push(run(topic, round).await);
        }
    }
    let letters = broker.client().read(&poisoned.dead_letters).await.len() as u64;
    assert_eq!(letters, ROUNDS * RECORDS / GARBAGE_EVERY, "each round writes each of them once");
    for (name, runs) in ["without", "with 1 %"].into_iter().zip(&runs) {
        println!(
            "poison         {name:8} of garbage: {:.0} spans/s, {:.2} CPU-seconds per million",
            median_of(runs, |run| run.speed),
            median_of(runs, |run| run.cpu),
        );
    }
    clean.deleted().await;
    poisoned.deleted().await;
}

async fn kills(broker: &Broker) {
    let topic = Topic::filled(broker, "killed", "none", None).await;
    let (documents, state) = (topic.documents("killed"), Scratch::new());
    let mut pauses_ms = Vec::new();
    let mut daemon = Daemon::start_on(&state, &documents).await;
    for kill in 1..=KILLS {
        let seen = beyond(&daemon, kill * RECORDS * ITEMS / (KILLS + 2)).await;
        daemon.signal("KILL");
        let begin = Instant::now();
        drop(daemon);
        daemon = Daemon::start_on(&state, &documents).await;
        beyond(&daemon, seen).await;
        pauses_ms.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    beyond(&daemon, RECORDS * ITEMS - 1).await;
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_on(&state, &documents).await;
    assert_eq!(counted(&daemon).await, RECORDS * ITEMS, "all are counted, once");
    let most = pauses_ms.iter().copied().fold(0.0, f64::max);
    println!(
        "kill           {KILLS} kills, first record counted again after {:.0} ms (median), {most:.0} ms at most; all counted once",
        median(pauses_ms)
    );
}
