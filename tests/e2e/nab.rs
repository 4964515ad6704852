//! Nine series of a public anomaly benchmark (NAB), a point in five minutes, each with a plain band of good values and
//! the times of known anomalies: what the textbook's pairs make of them, and pairs whose windows fit such sparse data.

use std::path::Path;

use serde_json::Value;

use crate::program::{Scratch, program, ran};
use crate::shared;

/// The pairs of the SRE Workbook that page.
const TEXTBOOK: &[(&str, &str, &str)] = &[("14.4", "1h", "5m"), ("6", "6h", "30m")];
/// Short windows of a dozen points and more: one point is not enough to judge by.
const SPARSE: &[(&str, &str, &str)] = &[("8", "3h", "1h"), ("1", "3d", "1d")];

/// A value is bad above the band or below it, never both: the sum of the two burn rates is that of either.
fn document(low: &str, high: &str, pairs: &[(&str, &str, &str)]) -> String {
    let conditions: Vec<String> = pairs
        .iter()
        .map(|(factor, long, short)| {
            format!(
                "  - {{metadata: {{name: p{long}}}, spec: {{conditions: [{{metadata: {{name: c{long}, annotations: {{evenkeel.dev/short-window: {short}}}}}, spec: {{severity: page, condition: {{threshold: {factor}, lookbackWindow: {long}}}}}}}]}}}}\n"
            )
        })
        .collect();
    format!(
        "apiVersion: openslo/v1
kind: SLO
metadata: {{name: band, annotations: {{evenkeel.dev/min-bad: '1', evenkeel.dev/composite: weighted-sum}}}}
spec:
  service: nab
  indicator: {{metadata: {{name: band}}, spec: {{thresholdMetric: {{metricSource: {{type: evenkeel, spec: {{metrics: 'true'}}}}}}}}}}
  timeWindow: [{{duration: 30d, isRolling: true}}]
  budgetingMethod: Occurrences
  objectives:
  - {{displayName: not above, target: 0.99, op: lte, value: {high}}}
  - {{displayName: not below, target: 0.99, op: gte, value: {low}}}
  alertPolicies:
{}",
        conditions.concat()
    )
}

/// From when to when somebody was told, in seconds since 1970; an episode that goes on has no end.
fn episodes(file: &Path, document: &str) -> Vec<(i64, i64)> {
    let scratch = Scratch::new();
    let config = scratch.write("nab.yaml", document);
    let mut command = program();
    command.arg("replay").arg(file).arg("-c").arg(&config).args(["-o", "jsonl"]);
    let replayed = ran(&mut command);
    assert_eq!(replayed.code, Some(0), "{}", replayed.err);
    let mut episodes: Vec<(i64, i64)> = Vec::new();
    for line in replayed.out.lines() {
        let fact: Value = serde_json::from_str(line).expect(line);
        let at = || fact["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        match fact["fact"].as_str().unwrap() {
            // Opening again within five minutes is the same episode.
            "episode.opened" if fact["sequence"].as_u64() == Some(1) => episodes.push((at(), i64::MAX)),
            "episode.opened" => episodes.last_mut().unwrap().1 = i64::MAX,
            "episode.closed" => episodes.last_mut().unwrap().1 = at(),
            _ => {}
        }
    }
    episodes
}

/// Guarantees: both kinds of pairs are on while each known anomaly is; those that fit the data cry wolf ten times less.
#[test]
fn windows_that_fit_sparse_data_find_every_anomaly_with_a_tenth_of_the_false_episodes() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("data/nab");
    let text = std::fs::read_to_string(folder.join("labels.json")).unwrap();
    let labels: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    let second = |time: &Value| {
        let time = time.as_str().unwrap().replace(' ', "T") + "Z";
        time.parse::<jiff::Timestamp>().unwrap().as_second()
    };
    let mut sums = [(0, 0); 2];
    let mut anomalies = 0;
    for (name, label) in &labels {
        let file = folder.join(format!("{name}.otlp.pb.gz"));
        let windows: Vec<(i64, i64)> = label["windows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|window| (second(&window[0]), second(&window[1])))
            .collect();
        anomalies += windows.len();
        let [low, high] = ["bad_if_below", "bad_if_above"].map(|key| plain(&label["slo_hint"][key]));
        for (pairs, sum) in [TEXTBOOK, SPARSE].into_iter().zip(&mut sums) {
            let episodes = episodes(&file, &document(&low, &high, pairs));
            let meets = |window: &(i64, i64), one: &(i64, i64)| one.0 <= window.1 && window.0 <= one.1;
            let hits = windows.iter().filter(|window| episodes.iter().any(|one| meets(window, one))).count();
            let wrong =
                episodes.iter().filter(|one| !windows.iter().any(|window| meets(window, one))).count();
            println!("{name}: {} anomalies, {hits} met, {wrong} false episodes of {pairs:?}", windows.len());
            *sum = (sum.0 + hits, sum.1 + wrong);
        }
    }
    println!("{anomalies} anomalies; textbook {:?}, fitting windows {:?}: met, false", sums[0], sums[1]);
    assert_eq!((sums[0].0, sums[1].0), (anomalies, anomalies));
    assert!(sums[1].1 * 10 <= sums[0].1, "{sums:?}");
}

/// Nine digits after the point, which is what a document can say.
fn plain(number: &Value) -> String {
    format!("{:.9}", number.as_f64().unwrap())
}
