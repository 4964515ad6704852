//! Real telemetry through the listeners gives exactly the golden counts.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::program::{Daemon, assert_books_balance};
use crate::shared;

pub const DOCUMENTS: &str = "
apiVersion: evenkeel/v1
kind: Config
spec:
  filter: [{name: health, drop: 'log && url.path == \"/robots.txt\"'}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: access}
spec:
  service: web
  indicator: {metadata: {name: access}, spec: {ratioMetric: {counter: true,
    bad: {metricSource: {type: evenkeel, spec: {logs: 'http.response.status_code >= 500'}}},
    total: {metricSource: {type: evenkeel, spec: {logs: 'has(http.response.status_code)'}}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: fast}
spec:
  service: all
  indicator: {metadata: {name: fast}, spec: {thresholdMetric: {metricSource: {type: evenkeel, spec: {spans: 'true', value: duration}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99, op: lte, value: 0.5}]
";

pub const CPU: &str = "
apiVersion: openslo/v1
kind: SLO
metadata: {name: cpu}
spec:
  service: ec2
  indicator: {metadata: {name: cpu}, spec: {thresholdMetric: {metricSource: {type: evenkeel, spec: {metrics: 'name.startsWith(\"nab.\")'}}}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99, op: lte, value: 0.202}]
";

fn unzipped(path: &Path) -> MultiGzDecoder<std::fs::File> {
    MultiGzDecoder::new(std::fs::File::open(path).unwrap())
}

/// Export requests as they lie in a file: JSON a line, or protobuf after a varint length.
fn requests(path: &Path) -> Vec<Vec<u8>> {
    if path.to_str().unwrap().ends_with(".jsonl.gz") {
        return BufReader::new(unzipped(path)).split(b'\n').map(Result::unwrap).collect();
    }
    let mut bytes = Vec::new();
    unzipped(path).read_to_end(&mut bytes).unwrap();
    let (mut rest, mut found) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest).unwrap();
        let (one, after) = rest.split_at(length);
        found.push(one.to_vec());
        rest = after;
    }
    found
}

/// Sends a file and answers with the counts after it.
async fn counted(signal: &str, path: &Path) -> Value {
    counted_by(DOCUMENTS, signal, path).await
}

async fn counted_by(documents: &str, signal: &str, path: &Path) -> Value {
    let daemon = Daemon::start(documents).await;
    let json = path.to_str().unwrap().ends_with(".jsonl.gz");
    let kind = if json { "application/json" } else { "application/x-protobuf" };
    for body in requests(path) {
        let (status, answer) = daemon.export(signal, kind, body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let counts = daemon.counts().await;
    assert_books_balance(&counts);
    assert_eq!(daemon.stop().await, Some(0));
    counts
}

pub fn slo<'a>(counts: &'a Value, name: &str) -> &'a Value {
    counts["slos"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

/// What the files of traces hold by their golden counts: spans by service, and how many took more than 500 ms.
pub fn spans_and_slow(shared: &Path, system: &str) -> (BTreeMap<String, u64>, u64) {
    let mut golden = String::new();
    let path = shared.join(format!("data/nezha/{system}.golden-10s.csv.gz"));
    unzipped(&path).read_to_string(&mut golden).unwrap();
    let (mut services, mut slow) = (BTreeMap::<String, u64>::new(), 0);
    for line in golden.lines().skip(1) {
        // The operation may hold commas; the numbers are the last four fields.
        let fields: Vec<&str> = line.rsplitn(5, ',').collect();
        let service = fields[4].split(',').next().unwrap();
        *services.entry(service.to_owned()).or_default() += fields[2].parse::<u64>().unwrap();
        slow += fields[1].parse::<u64>().unwrap();
    }
    (services, slow)
}

pub fn spans_by_service(counts: &Value) -> BTreeMap<String, u64> {
    let services = counts["services"].as_array().unwrap().iter();
    services.map(|one| (one["name"].as_str().unwrap().to_owned(), one["spans"].as_u64().unwrap())).collect()
}

/// All requests of the access log, and those that failed.
pub fn requests_and_failed(shared: &Path) -> (u64, u64) {
    let golden = std::fs::read(shared.join("data/access/apache-2015-05-17.golden-5m.json")).unwrap();
    let golden: BTreeMap<String, BTreeMap<String, u64>> = serde_json::from_slice(&golden).unwrap();
    let sum = |key: &str| golden.values().filter_map(|bucket| bucket.get(key)).sum::<u64>();
    (sum("total"), sum("5xx"))
}

#[tokio::test]
async fn an_access_log_counts_exactly() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("data/access");
    let (total, failed) = requests_and_failed(&shared);
    for file in ["apache-2015-05-17.otlp.jsonl.gz", "apache-2015-05-17.otlp.pb.gz"] {
        let counts = counted("logs", &folder.join(file)).await;
        let access = slo(&counts, "access");
        let robots = counts["events"]["filtered"].as_u64().unwrap();
        assert!(robots > 0);
        assert_eq!(access["total"].as_u64().unwrap() + robots, total, "{file}");
        assert_eq!(access["bad"], failed, "{file}");
    }
}

#[tokio::test]
async fn traces_of_two_systems_count_exactly_by_service_and_by_duration() {
    let Some(shared) = shared() else { return };
    for system in ["onlineboutique-2022-08-22", "trainticket-2023-01-29"] {
        let folder = shared.join("data/nezha");
        let (services, slow) = spans_and_slow(&shared, system);
        for file in [format!("{system}.traces.otlp.jsonl.gz"), format!("{system}.traces.otlp.pb.gz")] {
            let counts = counted("traces", &folder.join(&file)).await;
            assert_eq!(spans_by_service(&counts), services, "{file}");
            assert_eq!(slo(&counts, "fast")["bad"], slow, "{file}");
        }
    }
}

#[tokio::test]
async fn log_records_are_classified_by_their_severity() {
    let Some(shared) = shared() else { return };
    for ending in ["jsonl.gz", "pb.gz"] {
        let path = shared.join(format!("data/nezha/trainticket-2023-01-29.logs.otlp.{ending}"));
        let events = &counted("logs", &path).await["events"];
        assert_eq!((&events["exception"], &events["warning"]), (&245.into(), &1_633.into()));
        assert_eq!(events["received"], 42_782);
    }
}

/// The limit is the data's own hint, `bad_if_above`; JSON tells independently what lies above it.
#[tokio::test]
async fn two_weeks_of_a_gauge_count_exactly_against_a_limit() {
    let Some(shared) = shared() else { return };
    let file = |ending| shared.join(format!("data/nab/ec2_cpu_utilization_24ae8d.otlp.{ending}"));
    let (mut above, mut points) = (0_u64, 0_u64);
    for line in requests(&file("jsonl.gz")) {
        let request: Value = serde_json::from_slice(&line).unwrap();
        let gauge = &request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"];
        for point in gauge["dataPoints"].as_array().unwrap() {
            points += 1;
            above += u64::from(point["asDouble"].as_f64().unwrap() > 0.202);
        }
    }
    assert_eq!(points, 4_032);
    assert!(above > 0);
    for ending in ["jsonl.gz", "pb.gz"] {
        let counts = counted_by(CPU, "metrics", &file(ending)).await;
        let cpu = slo(&counts, "cpu");
        assert_eq!((&cpu["total"], &cpu["bad"]), (&points.into(), &above.into()), "{ending}");
    }
}
