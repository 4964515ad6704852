//! Prometheus as a second judge of burn rates: the same counters, minute by minute, through `promtool test rules` and
//! through the engine.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use evenkeel::config::{self, World};
use evenkeel::decode::Encoding;
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use evenkeel::engine::{AckToken, Effects, Engine, Input, Plan, Request, fold};
use evenkeel::model::{Now, SECOND_NS, Signal};
use prost::Message;

use crate::peer;

const START: u64 = 1_700_006_400;
/// Both windows are whole from here on.
const FROM: usize = 400;
const MINUTES: usize = 900;

const SLO: &str = r#"apiVersion: openslo/v1
kind: SLO
metadata: {name: shop, annotations: {evenkeel.dev/min-bad: "1"}}
spec:
  service: shop
  indicator:
    metadata: {name: shop}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: evenkeel, spec: {metrics: 'name == "bad"'}}}
        total: {metricSource: {type: evenkeel, spec: {metrics: 'name == "all"'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
  alertPolicies:
    - metadata: {name: fast}
      spec:
        conditions:
          - metadata: {name: fast, annotations: {evenkeel.dev/short-window: 5m}}
            spec: {severity: page, condition: {op: gt, threshold: 14.4, lookbackWindow: 1h}}
    - metadata: {name: slow}
      spec:
        conditions:
          - metadata: {name: slow, annotations: {evenkeel.dev/short-window: 30m}}
            spec: {severity: page, condition: {op: gt, threshold: 6, lookbackWindow: 6h}}
"#;

const RULES: &str = "groups:
- name: burn
  rules:
  - alert: fast
    expr: (increase(bad[1h]) / increase(all[1h]) > 14.4 * 0.001) and (increase(bad[5m]) / increase(all[5m]) > 14.4 * 0.001)
  - alert: slow
    expr: (increase(bad[6h]) / increase(all[6h]) > 6 * 0.001) and (increase(bad[30m]) / increase(all[30m]) > 6 * 0.001)
";

struct Text;

impl World for Text {
    fn read(&self, _path: &Path) -> Result<String, String> {
        Ok(SLO.to_owned())
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn expand(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

/// All and bad requests of each minute: calm, with troubles of several sizes and lengths.
fn traffic(seed: u64) -> Vec<(u64, u64)> {
    let mut state = seed;
    let mut next = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let (mut left, mut bad_per_mille) = (0, 0);
    let minute = |_| {
        if left == 0 {
            bad_per_mille = [0, 0, 0, 3, 12, 60, 300, 900][next(8) as usize];
            left = 2 + next(40);
        }
        left -= 1;
        let all = 500 + next(500);
        (all, all * bad_per_mille / 1_000)
    };
    (0..MINUTES).map(minute).collect()
}

fn points(at: u64, all: u64, bad: u64) -> Vec<u8> {
    let counter = |name: &str, value: u64| {
        let point = NumberDataPoint {
            start_time_unix_nano: (START - 60) * SECOND_NS,
            time_unix_nano: at * SECOND_NS,
            value: Some(number_data_point::Value::AsInt(value as i64)),
            ..Default::default()
        };
        let sum = Sum { data_points: vec![point], aggregation_temporality: 2, is_monotonic: true };
        Metric { name: name.to_owned(), data: Some(metric::Data::Sum(sum)), ..Metric::default() }
    };
    let metrics = vec![counter("all", all), counter("bad", bad)];
    let scope = ScopeMetrics { metrics, ..Default::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

/// Whether the two conditions are true at each minute.
fn decided(traffic: &[(u64, u64)]) -> Vec<[bool; 2]> {
    let loaded = config::load(&["judge.yaml".into()], &Text);
    let plan: Arc<Plan> = Arc::new(loaded.config.expect("a sound document").plan);
    let mut engine = Engine::new(Arc::clone(&plan), Now((START - 120) * SECOND_NS));
    let (mut all, mut bad) = (0, 0);
    let mut decided = Vec::new();
    for (minute, (more, of_them)) in traffic.iter().enumerate() {
        (all, bad) = (all + more, bad + of_them);
        let now = START + minute as u64 * 60;
        let body = points(now, all, bad);
        let now = Now(now * SECOND_NS);
        let request = Request { signal: Signal::Metrics, encoding: Encoding::Protobuf, body: &body, now };
        let batch = Box::new(fold(&plan, 7, &request).expect("a sound request"));
        engine.step(now, Input::Observed { token: AckToken(0), batch }, &mut Effects::default());
        let conditions = engine.slo("shop").expect("it is there").objectives[0].groups[0].conditions.clone();
        decided.push([0, 1].map(|index: usize| conditions[index].state == "firing"));
    }
    decided
}

/// Scenario: fifteen hours of counters, a point a minute, four times.
/// Guarantees: at each minute both conditions are true for us exactly when they are for Prometheus.
#[test]
fn prometheus_judges_every_minute_of_both_pairs_as_we_do() {
    let Some(promtool) = peer("promtool") else { return };
    let folder = std::env::temp_dir().join(format!("evenkeel-judge-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rules.yaml"), RULES).unwrap();
    let mut edges = 0;
    for seed in 1..=4 {
        let traffic = traffic(seed);
        let decided = decided(&traffic);
        edges += decided[FROM..].windows(2).map(|two| usize::from(two[0] != two[1])).sum::<usize>();
        std::fs::write(folder.join("test.yaml"), unit_test(&traffic, &decided)).unwrap();
        let said = Command::new(&promtool)
            .args(["test", "rules", "test.yaml"])
            .current_dir(&folder)
            .output()
            .unwrap();
        let words =
            String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "seed {seed}: {words}");
    }
    assert!(edges > 20, "{edges} edges are too few to judge by");
    std::fs::remove_dir_all(&folder).unwrap();
}

fn unit_test(traffic: &[(u64, u64)], decided: &[[bool; 2]]) -> String {
    // The counters stand at 0 a minute before the first point, as their start says.
    let series = |of: fn(&(u64, u64)) -> u64| {
        let mut sum = 0;
        let values = traffic.iter().map(|one| {
            sum += of(one);
            sum.to_string()
        });
        std::iter::once("0".to_owned()).chain(values).collect::<Vec<_>>().join(" ")
    };
    let mut text = format!(
        "rule_files: [rules.yaml]\nevaluation_interval: 1m\ntests:\n- interval: 1m\n  input_series:\n  - {{series: all, values: '{}'}}\n  - {{series: bad, values: '{}'}}\n  alert_rule_test:\n",
        series(|one| one.0),
        series(|one| one.1)
    );
    for (minute, states) in decided.iter().enumerate().skip(FROM) {
        for (name, firing) in ["fast", "slow"].into_iter().zip(states) {
            let alerts = if *firing { "[{}]" } else { "[]" };
            let _infallible =
                writeln!(text, "  - {{eval_time: {}m, alertname: {name}, exp_alerts: {alerts}}}", minute + 1);
        }
    }
    text
}
