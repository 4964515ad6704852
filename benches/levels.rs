//! What service levels cost the ledger: `cargo bench --bench levels`.
//! CPU-seconds per million updates by the number of series, and bytes a series by window and method.

#[allow(dead_code, reason = "the other benches use the rest")]
mod common;

use std::sync::Arc;

use common::traffic::mixed;
use common::{config, thread_cpu_ns};
use evenkeel::engine::{AckToken, Batch, Effects, Engine, Input, Plan, Points, SloDelta};
use evenkeel::model::{EventTime, Now, SECOND_NS, Signal};

const START: u64 = 1_700_006_400;
/// Updates of one request.
const UPDATES: u64 = 1_000;
const GROUPS: u64 = 10_000;

fn main() {
    println!("CPU-seconds per million updates: events of one second for one series, then the decision\n");
    println!("{:>9} {:>10} {:>14}", "series", "CPU-s", "bytes/series");
    for series in [20, 2_000, 100_000] {
        updates(series);
    }
    println!(
        "\nbytes a series after its whole window, an event every 15 minutes and one a second for the last hour\n"
    );
    println!("{:>16} {:>6} {:>12}", "method", "window", "bytes");
    for (method, objective) in [
        ("Occurrences", "target: 0.999"),
        ("Timeslices", "target: 0.999, timeSliceTarget: 0.9, timeSliceWindow: 1m"),
        ("RatioTimeslices", "target: 0.999, timeSliceWindow: 5m"),
    ] {
        for window in ["1d", "7d", "28d", "90d"] {
            rolled(method, window, objective);
        }
    }
}

fn document(name: &str, annotations: &str, window: &str, method: &str, objective: &str) -> String {
    format!(
        "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\nspec:\n  service: shop\n  indicator: {{metadata: {{name: {name}}}, spec: {{ratioMetric: {{counter: true, bad: {{metricSource: {{type: evenkeel, spec: {{spans: 'status == \"error\"'}}}}}}, total: {{metricSource: {{type: evenkeel, spec: {{spans: 'span'}}}}}}}}}}}}\n  timeWindow: [{{duration: {window}, isRolling: true}}]\n  budgetingMethod: {method}\n  objectives: [{{{objective}}}]\n"
    )
}

/// So many series of 28-day service levels with their four pairs: one each, or in groups of ten thousand.
fn plan(series: u64) -> Plan {
    let grouped = format!("evenkeel.dev/group-by: g, evenkeel.dev/max-groups: '{GROUPS}'");
    let (slos, annotations) = if series > GROUPS { (series / GROUPS, &*grouped) } else { (series, "") };
    let mut plan = config(document("s", annotations, "28d", "Occurrences", "target: 0.999")).plan;
    let one = plan.slos.remove(0);
    plan.slos = (0..slos)
        .map(|slo| {
            let mut another = one.clone();
            another.slo.name = format!("s{slo}");
            another
        })
        .collect();
    plan
}

fn updates(series: u64) {
    let plan = Arc::new(plan(series));
    let grouped = series > GROUPS;
    let mut engine = Engine::new(Arc::clone(&plan), Now(START * SECOND_NS));
    let mut effects = Effects::default();
    let requests = (series / UPDATES * 2).max(1_000);
    let mut cpu = 0;
    for request in 0..requests {
        let second = START + request / 10;
        let batch = batch(&plan, series, grouped, request, second);
        let begin = thread_cpu_ns();
        let input = Input::Observed { token: AckToken(request), batch: Box::new(batch) };
        engine.step(Now(second * SECOND_NS), input, &mut effects);
        effects.requests.clear();
        effects.facts.clear();
        // The first half fills the maps.
        if request >= requests / 2 {
            cpu += thread_cpu_ns() - begin;
        }
    }
    let done = (requests - requests / 2) * UPDATES;
    let bytes: usize = engine.slos().iter().map(|slo| slo.bytes).sum();
    println!("{series:>9} {:>10.3} {:>14}", cpu as f64 / done as f64 / 1_000.0, bytes as u64 / series);
}

fn batch(plan: &Plan, series: u64, grouped: bool, request: u64, second: u64) -> Batch {
    let at = EventTime(second * SECOND_NS);
    let mut groups = vec![Vec::new()];
    let mut slos = Vec::new();
    for update in 0..UPDATES {
        let one = (request * UPDATES + update) % series;
        let (slo, group) = match grouped {
            true => {
                groups.push(vec![format!("group-{}", one % GROUPS)]);
                (one / GROUPS, groups.len() - 1)
            }
            false => (one, 0),
        };
        let bad = u64::from(mixed(request ^ update).is_multiple_of(1_000));
        let good = 1 - bad;
        let (slo, group) = (slo as u32, group as u32);
        slos.push(SloDelta { slo, track: 0, group, second, good, bad, oldest: at, newest: at });
    }
    if !grouped {
        slos.sort_by_key(|delta| delta.slo);
        slos.dedup_by(|again, first| {
            let same = again.slo == first.slo;
            first.good += if same { again.good } else { 0 };
            same
        });
    }
    Batch {
        plan_version: plan.version,
        signal: Signal::Traces,
        fingerprint: None,
        items: UPDATES,
        rejected: 0,
        reason: None,
        repeated: 0,
        identities: Vec::new(),
        offsets: None,
        newest: Some(at),
        timeless: 0,
        future: 0,
        filtered: Vec::new(),
        decided: Vec::new(),
        services: Vec::new(),
        seconds: vec![(second, UPDATES)],
        groups,
        slos,
        points: Points::default(),
        hits: Vec::new(),
        events: Vec::new(),
        mismatches: Vec::new(),
    }
}

fn rolled(method: &str, window: &str, objective: &str) {
    let plan = config(document("s0", "", window, method, objective)).plan;
    let days = plan.slos[0].slo.window.nominal_s() / 86_400;
    let mut engine = Engine::new(Arc::new(plan), Now(START * SECOND_NS));
    let quarters = (0..days * 96).map(|quarter| (START - days * 86_400 + quarter * 900, 1, 0));
    let counts = quarters.chain((0..3_600).map(|second| (START - 3_600 + second, 1, 0))).collect();
    let history = evenkeel::engine::History { slo: "s0".to_owned(), counts };
    engine.step(Now(START * SECOND_NS), Input::Injected(history), &mut Effects::default());
    println!("{method:>16} {window:>6} {:>12}", engine.slos()[0].bytes);
}
