//! Requests of metrics through a worker's fold and the ledger, down to what the API shows.

use std::sync::Arc;

use prost::Message;

use crate::alert::route::Route;
use crate::classify::{Measure, Predicate};
use crate::decode::Encoding;
use crate::decode::otlp::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::decode::otlp::common::v1::{AnyValue, KeyValue, any_value};
use crate::decode::otlp::metrics::v1::{
    Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    Summary, SummaryDataPoint, metric, number_data_point,
};
use crate::engine::tests::{slo, slo_plan};
use crate::engine::view::GroupView;
use crate::engine::{AckToken, Effects, Engine, Indicator, Input, Operator, Plan, Request, Selector, fold};
use crate::model::{ItemKind, Now, SECOND_NS, Signal, Wanted};

const BEGAN: u64 = 1_700_000_000;

fn selector(text: &str, wanted: &mut Wanted) -> Selector {
    let kind = ItemKind::Metric;
    Selector { kind, predicate: Predicate::compile(text, Some(kind), wanted).unwrap() }
}

fn good_of_total(wanted: &mut Wanted) -> Indicator {
    Indicator::GoodOfTotal {
        good: selector("name == \"good\"", wanted),
        total: selector("name == \"all\"", wanted),
    }
}

fn below(limit: f64, wanted: &mut Wanted) -> Indicator {
    Indicator::Threshold {
        of: selector("name == \"all\"", wanted),
        measure: Measure::compile("value", Some(ItemKind::Metric), wanted).unwrap(),
        op: Operator::Lte,
        limit,
    }
}

struct World {
    plan: Arc<Plan>,
    engine: Engine,
    clock_s: u64,
    effects: Effects,
}

impl World {
    fn new(indicator: impl FnOnce(&mut Wanted) -> Indicator) -> Self {
        let mut plan = Plan::empty();
        let indicator = indicator(&mut plan.wanted);
        plan.route = None::<Route>;
        plan.slos.push(slo_plan(slo(28, "0.999"), indicator));
        let plan = Arc::new(plan);
        let engine = Engine::new(plan.clone(), Now(BEGAN * SECOND_NS));
        Self { plan, engine, clock_s: BEGAN + 60, effects: Effects::default() }
    }

    fn send(&mut self, metrics: Vec<Metric>) {
        let scope = ScopeMetrics { metrics, ..ScopeMetrics::default() };
        let resource = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let body = ExportMetricsServiceRequest { resource_metrics: vec![resource] }.encode_to_vec();
        let now = Now(self.clock_s * SECOND_NS);
        let request = Request { signal: Signal::Metrics, encoding: Encoding::Protobuf, body: &body, now };
        let batch = fold(&self.plan, 7, &request).unwrap();
        let input = Input::Observed { token: AckToken(0), batch: Box::new(batch) };
        self.step(input);
    }

    fn step(&mut self, input: Input) {
        self.engine.step(Now(self.clock_s * SECOND_NS), input, &mut self.effects);
    }

    fn fired(&self) -> usize {
        self.effects.facts.iter().filter(|fact| fact.what.name() == "alert.fired").count()
    }

    fn counted(&self) -> (u64, u64) {
        let counts = self.engine.counts();
        (counts.slos[0].good, counts.slos[0].bad)
    }

    fn group(&self) -> GroupView {
        self.engine.slos()[0].objectives[0].groups[0].clone()
    }
}

fn number(at_s: u64, value: f64, attributes: &[&str]) -> NumberDataPoint {
    let pair = |key: &&str| KeyValue {
        key: (*key).to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::BoolValue(true)) }),
    };
    NumberDataPoint {
        attributes: attributes.iter().map(pair).collect(),
        start_time_unix_nano: (BEGAN + 1) * SECOND_NS,
        time_unix_nano: at_s * SECOND_NS,
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

fn metric(name: &str, data: metric::Data) -> Metric {
    Metric { name: name.to_owned(), data: Some(data), ..Metric::default() }
}

fn counter(name: &str, data_points: Vec<NumberDataPoint>) -> Metric {
    metric(name, metric::Data::Sum(Sum { data_points, aggregation_temporality: 2, is_monotonic: true }))
}

fn histogram(at_s: u64, counts: &[u64], temporality: i32) -> Metric {
    let point = HistogramDataPoint {
        start_time_unix_nano: (BEGAN + 1) * SECOND_NS,
        time_unix_nano: at_s * SECOND_NS,
        count: counts.iter().sum(),
        bucket_counts: counts.to_vec(),
        explicit_bounds: vec![0.1, 0.3, 1.0],
        ..HistogramDataPoint::default()
    };
    let data = Histogram { data_points: vec![point], aggregation_temporality: temporality };
    metric("all", metric::Data::Histogram(data))
}

#[test]
fn good_and_total_counters_make_one_ratio_in_one_request_or_in_two() {
    let mut world = World::new(good_of_total);
    let at = BEGAN + 10;
    world.send(vec![
        counter("good", vec![number(at, 8.0, &[])]),
        counter("all", vec![number(at, 10.0, &["x"]), number(at, 3.0, &["y"])]),
    ]);
    assert_eq!(world.counted(), (8, 5));
    world.send(vec![counter("all", vec![number(at + 20, 20.0, &["x"])])]);
    assert_eq!(world.counted(), (8, 15), "not known to be good yet");
    world.send(vec![counter("good", vec![number(at + 20, 17.0, &[])])]);
    assert_eq!(world.counted(), (17, 6));
    world.send(vec![counter("good", vec![number(at + 40, 21.0, &[])])]);
    assert_eq!(world.counted(), (17, 6), "of a total that has not come yet");
    world.send(vec![counter("all", vec![number(at + 41, 24.0, &["x"])])]);
    assert_eq!(world.counted(), (21, 6));
    let group = world.group();
    assert_eq!((group.good, group.bad), (21, 6), "windows follow the totals");
}

/// Half an hour at one collection a minute, good and total each in a request of its own.
#[test]
fn a_total_whose_good_ones_are_under_way_does_not_page_and_one_without_any_does() {
    let mut world = World::new(good_of_total);
    for minute in 1..30 {
        world.clock_s = BEGAN + 1 + 60 * minute;
        let value = minute as f64 * 100.0;
        world.send(vec![counter("all", vec![number(world.clock_s, value, &[])])]);
        world.send(vec![counter("good", vec![number(world.clock_s, value, &[])])]);
    }
    assert_eq!((world.counted(), world.fired()), ((2_900, 0), 0));
    world.clock_s += 60;
    world.send(vec![counter("all", vec![number(world.clock_s, 9_000.0, &[])])]);
    assert_eq!(world.fired(), 0);
    world.clock_s += 2;
    world.step(Input::Tick);
    assert!(world.fired() > 0, "nothing good came");
}

#[test]
fn a_series_is_known_by_its_attributes_in_whatever_order() {
    let mut world = World::new(good_of_total);
    world.send(vec![counter("all", vec![number(BEGAN + 10, 5.0, &["a", "b"])])]);
    world.send(vec![counter("all", vec![number(BEGAN + 20, 6.0, &["b", "a"])])]);
    assert_eq!((world.counted(), world.engine.counts().series.held), ((0, 6), 1));
    world.send(vec![counter("all", vec![number(BEGAN + 20, 6.0, &["b"])])]);
    assert_eq!((world.counted(), world.engine.counts().series.held), ((0, 12), 2));
}

#[test]
fn what_is_no_counter_is_named_and_not_counted_in_a_ratio() {
    let mut world = World::new(good_of_total);
    let points = vec![number(BEGAN + 10, 5.0, &[])];
    let up_and_down = Sum { data_points: points.clone(), aggregation_temporality: 2, is_monotonic: false };
    let gone = NumberDataPoint { flags: 1, value: None, ..number(BEGAN + 10, 0.0, &[]) };
    world.send(vec![
        metric("all", metric::Data::Gauge(Gauge { data_points: points })),
        metric("all", metric::Data::Sum(up_and_down)),
        counter("all", vec![number(BEGAN + 10, -5.0, &[]), gone]),
    ]);
    assert_eq!((world.counted(), world.engine.counts().series.counters.unusable), ((0, 0), 3));
}

#[test]
fn each_point_of_a_gauge_is_an_event() {
    let mut world = World::new(|wanted| below(0.5, wanted));
    let data_points = [0.1, 0.5, 0.6, f64::NAN].map(|value| number(BEGAN + 10, value, &[])).to_vec();
    world.send(vec![metric("all", metric::Data::Gauge(Gauge { data_points }))]);
    assert_eq!(world.counted(), (2, 1));
}

/// The worked example: bounds 0.1, 0.3, 1, counts 10, 20, 30, 5, limit 0.65.
#[test]
fn histograms_count_by_estimate_and_show_the_interval() {
    for temporality in [1, 2] {
        let mut world = World::new(|wanted| below(0.65, wanted));
        world.send(vec![histogram(BEGAN + 10, &[10, 20, 30, 5], temporality)]);
        assert_eq!(world.counted(), (45, 20), "temporality {temporality}");
        let group = world.group();
        assert_eq!(group.sli.as_deref(), Some("0.692308"));
        assert_eq!(
            (group.sli_low.as_deref(), group.sli_high.as_deref()),
            (Some("0.461538"), Some("0.923077"))
        );
        let names = |world: &World| {
            let events = world.engine.events(None, 0, 10, None).events;
            events.iter().filter(|one| one.name == "EvenkeelUncertain").count()
        };
        assert_eq!(names(&world), 1, "30 and 60 differ by more than 20 %");
        world.send(vec![histogram(BEGAN + 10, &[10, 20, 30, 5], temporality)]);
        assert_eq!((world.counted(), names(&world)), ((45, 20), 1), "a repeat counts nothing");
    }
    let mut world = World::new(|wanted| below(0.3, wanted));
    world.send(vec![histogram(BEGAN + 10, &[10, 20, 30, 5], 2)]);
    world.send(vec![histogram(BEGAN + 20, &[11, 22, 33, 6], 2)]);
    assert_eq!(world.counted(), (33, 39), "exact on a bound");
    assert_eq!(world.group().sli_low, world.group().sli_high);
}

#[test]
fn a_summary_says_nothing_about_a_limit() {
    let mut world = World::new(|wanted| below(0.5, wanted));
    let point =
        SummaryDataPoint { count: 9, time_unix_nano: BEGAN * SECOND_NS, ..SummaryDataPoint::default() };
    world.send(vec![metric("all", metric::Data::Summary(Summary { data_points: vec![point] }))]);
    let counts = world.engine.counts();
    assert_eq!((world.counted(), counts.series.counters.unusable), ((0, 0), 1));
    assert_eq!(counts.events.informational, 1, "an event all the same");
}

#[test]
fn an_overflow_of_series_is_told_once() {
    let mut world = World::new(good_of_total);
    let names: Vec<String> = (0..10_003).map(|index| format!("label-{index}")).collect();
    let points = names.iter().map(|name| number(BEGAN + 10, 1.0, &[name])).collect();
    world.send(vec![counter("all", points)]);
    let counts = world.engine.counts();
    assert_eq!((counts.series.held, counts.series.counters.overflow), (10_000, 3));
    assert_eq!(world.counted(), (0, 10_000), "cumulative ones beyond it can not be counted");
    let told = world.engine.events(None, 0, 100, None).events;
    assert_eq!(told.iter().filter(|one| one.name == "EvenkeelCardinality").count(), 1);
}
