//! Budgeting methods, thresholds, ratios that are given, freshness, composites.

use super::world::{AVAILABILITY, Call, DAY, LATENCY, START, World, rolling, slo, with_indicator};
use evenkeel::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use evenkeel::decode::otlp::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use evenkeel::model::{SECOND_NS, Signal};
use prost::Message;

const MINUTELY: &str = "target: 0.9995, timeSliceTarget: 0.95, timeSliceWindow: 1m";

/// 99.95 % of a week in minutes allow 5.04 bad ones, known from the first minute on; 3 leave 0.4048.
#[test]
fn bad_slices_are_held_against_all_slices_of_the_window() {
    let mut world = World::new(&slo(&[], &rolling("1w"), "Timeslices", MINUTELY));
    for minute in 0..60 {
        let bad = if minute % 20 == 3 { 4 } else { 0 };
        world.busy(60, 40, bad);
    }
    world.busy(1, 1, 0);
    let group = world.group();
    assert_eq!((group.bad, group.total), (3, 60));
    assert_eq!(group.budget.remaining, "0.404762");
    assert_eq!(group.sli.as_deref(), Some("0.95"));
    assert_eq!(world.counted(), (60 * 60 * 40 - 3 * 60 * 4 + 1, 3 * 60 * 4), "totals count events");
}

/// 38 of 40 are 95 %: good. One more failure in the minute makes it bad, also when it comes late.
#[test]
fn a_slice_at_its_target_is_good_and_is_judged_anew_by_late_events() {
    let mut world = World::new(&slo(&[], &rolling("1w"), "Timeslices", MINUTELY));
    world.now = 30;
    let calls: Vec<Call> = (0..40).map(|call| Call::at(30, call > 1)).collect();
    world.send(&calls);
    assert_eq!(world.group().total, 0, "the minute is not over");
    world.now = 60;
    world.send(&[Call::at(60, true)]);
    assert_eq!((world.group().bad, world.group().total), (0, 1));
    world.now = 200;
    world.send(&[Call::at(200, true)]);
    world.send(&[Call::at(59, false)]);
    assert_eq!((world.group().bad, world.group().total), (1, 2));
    assert_eq!(world.facts(), ["200 budget.amended +0 +1"]);
}

/// Nine quiet clean minutes and one of a thousand events with 99 % bad: the mean says 0.901, 98 % of users failed.
#[test]
fn the_mean_of_ratios_weighs_slices_and_not_events() {
    let documents = slo(&[], &rolling("10m"), "RatioTimeslices", "target: 0.9, timeSliceWindow: 1m");
    let mut world = World::new(&documents);
    for minute in 0..10 {
        world.now = minute * 60 + 30;
        let calls: Vec<Call> = match minute {
            4 => (0..1_000).map(|call| Call::at(world.now, call < 10)).collect(),
            _ => vec![Call::at(world.now, true)],
        };
        world.send(&calls);
    }
    world.now = 600;
    world.send(&[Call::at(600, true)]);
    let group = world.group();
    assert_eq!(group.sli.as_deref(), Some("0.901"));
    assert_eq!(group.budget.spent, "0.99");
    let documents = slo(&[], &rolling("10m"), "Occurrences", "target: 0.9");
    let mut world = World::new(&documents);
    world.busy(1, 1_009, 990);
    assert_eq!(world.group().sli.as_deref(), Some("0.018831"));
}

#[test]
fn slices_without_events_count_as_the_document_says() {
    let remaining = |no_data: &str| {
        let objective = "target: 0.9, timeSliceTarget: 0.5, timeSliceWindow: 1m";
        let mut world = World::new(&slo(&[("no-data", no_data)], &rolling("100m"), "Timeslices", objective));
        world.send(&[Call::at(0, true)]);
        world.now = 60;
        world.send(&[Call::at(60, false)]);
        world.quiet(60 * 4);
        let group = world.group();
        format!("{} bad of {}, {} left", group.bad, group.total, group.budget.remaining)
    };
    assert_eq!(remaining("ignore"), "1 bad of 2, 0.9 left");
    assert_eq!(remaining("good"), "1 bad of 5, 0.9 left");
    assert_eq!(remaining("bad"), "4 bad of 5, 0.6 left");
}

/// Scenario: an hour of traffic, then none for half an hour. 90 % over two hours.
/// Guarantees: with `bad` the silent share of the window burns, and it fires by the clock alone.
#[test]
fn silence_may_count_as_bad_where_events_are_counted() {
    let spent = |no_data: &str| {
        let mut world =
            World::new(&slo(&[("no-data", no_data)], &rolling("2h"), "Occurrences", "target: 0.9"));
        world.run(3_600, true);
        world.quiet(1_800);
        world.group().budget.spent
    };
    assert_eq!([spent("ignore"), spent("good")], ["0", "0"]);
    // 29 whole minutes of 120, of which 12 are allowed.
    assert_eq!(spent("bad"), "2.416667");
}

#[test]
fn each_operator_of_a_threshold_draws_its_line() {
    for (op, good) in [("lte", 2), ("lt", 1), ("gte", 2), ("gt", 1)] {
        let objective = format!("target: 0.9, op: {op}, value: 0.2");
        let documents = with_indicator(&[], LATENCY, &rolling("28d"), "Occurrences", &objective);
        let mut world = World::new(&documents);
        world.send(&[100, 200, 300].map(|took| Call::at(1, true).took(took)));
        assert_eq!(world.counted(), (good, 3 - good), "{op}");
    }
}

#[test]
fn several_objectives_have_budgets_of_their_own_and_one_episode() {
    let objectives = "displayName: fast, target: 0.9, op: lte, value: 0.1}, {displayName: slow, target: 0.99, op: lte, value: 1";
    let documents = with_indicator(&[], LATENCY, &rolling("30d"), "Occurrences", objectives);
    let mut world = World::with_clean_past(&documents, 30);
    for _ in 0..3_600 {
        world.now += 1;
        world.send(&[Call::at(world.now, true).took(2_000)]);
    }
    let facts = world.facts();
    let fired: Vec<&str> =
        facts.iter().filter(|fact| fact.contains("alert.fired")).map(String::as_str).collect();
    // 14.4 times 1 % is reached after 518.4 s of the hour, 6 times 10 % of 6 h never within it.
    assert_eq!(fired[0], "519 alert.fired slow 1h/5m");
    assert!(fired.iter().any(|fact| fact.contains("slow 6h/30m")), "{fired:?}");
    let opened: Vec<&String> = facts.iter().filter(|fact| fact.contains("episode.opened")).collect();
    assert_eq!(opened, ["519 episode.opened 1.1 P2 page"]);
    let counts = world.engine.counts();
    let told: Vec<_> = counts.slos.iter().map(|one| (one.objective.as_deref(), one.good, one.bad)).collect();
    assert_eq!(told, [(Some("fast"), 0, 3_600), (Some("slow"), 0, 3_600)]);
}

#[test]
fn objectives_of_one_ratio_share_what_is_counted() {
    let documents = slo(&[("sla", "98")], &rolling("28d"), "Occurrences", "target: 0.99}, {target: 0.999");
    let mut world = World::new(&documents);
    world.busy(1, 100, 5);
    let view = world.view();
    assert_eq!(world.engine.counts().slos.len(), 1);
    let targets: Vec<_> = view.objectives.iter().filter_map(|one| one.target.as_deref()).collect();
    assert_eq!(targets, ["0.99", "0.999"]);
    let margins: Vec<_> =
        view.objectives.iter().map(|one| one.sla.as_ref().unwrap().target.clone()).collect();
    assert_eq!(margins, ["0.98", "0.98"]);
}

/// One part burns at 20, the other at 10 times its rate.
#[test]
fn a_composite_burns_at_the_highest_rate_or_at_the_weighted_sum() {
    let burn = |how: &str| {
        let other = AVAILABILITY.replace("status == \"error\"", "http.route == \"/slow\"");
        let part = |weight: &str, indicator: &str| {
            format!(
                "{{target: 0.99, compositeWeight: {weight}, indicator: {{metadata: {{name: a}}, spec: {{{indicator}}}}}}}"
            )
        };
        let objectives = format!("[{}, {}]", part("0.75", AVAILABILITY), part("0.25", &other));
        let documents = slo(&[("composite", how)], &rolling("1h"), "Occurrences", "OBJECTIVES");
        let indicator = format!("  indicator: {{metadata: {{name: shop}}, spec: {{{AVAILABILITY}}}}}\n");
        let documents = documents.replace(&indicator, "").replace("[{OBJECTIVES}]", &objectives);
        let mut world = World::new(&documents);
        let calls: Vec<Call> = (0..100)
            .map(|call| {
                let route = if call < 10 { "/slow" } else { "/" };
                Call::at(3_600, call < 80).to(route)
            })
            .collect();
        world.now = 1;
        world.send(&[Call::at(0, true)]);
        world.now = 3_600;
        world.send(&calls);
        let view = world.view();
        let composite = view.objectives.last().unwrap();
        assert_eq!(composite.composite, Some(how_of(how)));
        composite.groups[0].budget.raw_spent.clone()
    };
    assert_eq!(burn("max"), "20");
    assert_eq!(burn("weighted-sum"), "17.5");
}

fn how_of(how: &str) -> &'static str {
    if how == "max" { "max" } else { "weighted-sum" }
}

fn gauge(at: u64, value: f64) -> Vec<u8> {
    let point = NumberDataPoint {
        time_unix_nano: (START + at) * SECOND_NS,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..Default::default()
    };
    let gauge = Gauge { data_points: vec![point] };
    let metric =
        Metric { name: "up".to_owned(), data: Some(metric::Data::Gauge(gauge)), ..Metric::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec()
}

#[test]
fn a_ratio_that_is_given_counts_as_one_event_of_that_share() {
    let indicator = |kind: &str| {
        format!(
            r#"ratioMetric: {{rawType: {kind}, raw: {{metricSource: {{type: evenkeel, spec: {{metrics: 'name == "up"'}}}}}}}}"#
        )
    };
    for (kind, sli) in [("success", "0.8"), ("failure", "0.2")] {
        let documents = with_indicator(&[], &indicator(kind), &rolling("1h"), "Occurrences", "target: 0.9");
        let mut world = World::new(&documents);
        for (at, value) in [(10, 0.7), (20, 0.9), (30, 1.5), (40, f64::NAN)] {
            world.now = at;
            world.send_bytes(Signal::Metrics, &gauge(at, value));
        }
        let group = world.group();
        assert_eq!(group.sli.as_deref(), Some(sli), "what is no share is not counted");
        assert_eq!(group.total, if kind == "success" { 1 } else { 0 } + group.bad, "{group:?}");
    }
}

#[test]
fn a_probe_is_a_gauge_of_zero_and_one() {
    let indicator = r#"thresholdMetric: {metricSource: {type: evenkeel, spec: {metrics: 'name == "up"'}}}"#;
    let documents =
        with_indicator(&[], indicator, &rolling("1h"), "Occurrences", "target: 0.9, op: gte, value: 1");
    let mut world = World::new(&documents);
    for (at, value) in [(10, 1.0), (20, 0.0), (30, 1.0)] {
        world.now = at;
        world.send_bytes(Signal::Metrics, &gauge(at, value));
    }
    assert_eq!(world.counted(), (2, 1));
}

/// Scenario: data comes every minute, then not for ten, then again. It may be five minutes old.
#[test]
fn freshness_is_the_share_of_time_at_which_data_is_young_enough() {
    let indicator = r#"thresholdMetric: {metricSource: {type: evenkeel, spec: {spans: 'status != "error"', value: age}}}"#;
    let documents =
        with_indicator(&[], indicator, &rolling("1h"), "Occurrences", "target: 0.9, op: lte, value: 300");
    let mut world = World::new(&documents);
    for minute in 0..10 {
        world.now = minute * 60;
        world.send(&[Call::at(world.now, true)]);
        world.send(&[Call::at(world.now, false)]);
    }
    let fresh = world.counted();
    assert_eq!(fresh, (54, 0), "one look in ten seconds; the newest bad event is no news");
    world.quiet(600);
    // The newest is of second 540: looks up to 840 are good, 850 to 1140 bad.
    assert_eq!(world.counted(), (84, 30));
    world.quiet(300);
    assert_eq!(world.facts().len(), 1, "the budget is spent by the clock alone");
    world.now += 1;
    world.send(&[Call::at(world.now, true)]);
    let (good, _) = world.counted();
    world.quiet(60);
    assert!(world.counted().0 > good);
}

#[test]
fn documents_of_other_systems_load_and_count_nothing() {
    let indicator = "ratioMetric: {counter: true, good: {metricSource: {type: Prometheus, spec: {query: up}}}, total: {metricSource: {type: Prometheus, spec: {query: up}}}}";
    let documents = with_indicator(&[], indicator, &rolling("28d"), "Occurrences", "target: 0.9");
    let mut world = World::new(&documents);
    world.busy(1, 10, 5);
    assert_eq!((world.counted(), world.group().state), ((0, 0), "no-data"));
}

#[test]
fn a_log_record_with_a_name_is_an_event() {
    use evenkeel::decode::otlp::collector::logs::v1::ExportLogsServiceRequest;
    use evenkeel::decode::otlp::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    let indicator = r#"ratioMetric: {counter: true, bad: {metricSource: {type: evenkeel, spec: {events: 'name == "payment.failed"'}}}, total: {metricSource: {type: evenkeel, spec: {events: 'name.startsWith("payment.")'}}}}"#;
    let documents = with_indicator(&[], indicator, &rolling("28d"), "Occurrences", "target: 0.9");
    let mut world = World::new(&documents);
    let record = |name: &str| LogRecord {
        time_unix_nano: START * SECOND_NS,
        event_name: name.to_owned(),
        ..LogRecord::default()
    };
    let records = ["payment.made", "payment.failed", "", "login"].map(record).to_vec();
    let scope = ScopeLogs { log_records: records, ..Default::default() };
    let resource = ResourceLogs { scope_logs: vec![scope], ..Default::default() };
    let body = ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec();
    world.send_bytes(Signal::Logs, &body);
    assert_eq!(world.counted(), (1, 1));
    assert_eq!(DAY, 86_400);
}
