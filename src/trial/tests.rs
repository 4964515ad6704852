//! The scaled batch against its naive twin, a request that holds every item; and what must never pass for a success.

use std::sync::Arc;

use proptest::prelude::*;

use super::apart::play_by;
use super::sample::{Attribute, Sample};
use super::scale::{Sum, folded};
use super::{
    Act, Amount, Coverage, Expect, Feed, Flow, Happening, Level, Moment, Rate, Recording, Report, Run,
    Stretch, TIME_S_MAX, Telling, Trial, Wanted as Expected, When,
};
use crate::classify::{ClassifyRule, FilterRule, Key, Predicate};
use crate::decode::Encoding;
use crate::engine::{
    AckToken, Batch, Effects, Engine, Form, GroupBy, Indicator, Input, Plan, Request, Selector, SloPlan,
    Subject, Unanswered, Watch, fold_replayed,
};
use crate::model::{
    Category, EventTime, ItemKind, Labels, Now, Parts, Priority, SECOND_NS, Signal, Tier, Wanted,
};
use crate::slo::{Goal, Method, NoData, Objective, Setting, Slo, Window, standard_conditions};

const SECOND: u64 = 1_767_571_200;

fn predicate(text: &str, kind: Option<ItemKind>, wanted: &mut Wanted) -> Predicate {
    Predicate::compile(text, kind, wanted).unwrap()
}

fn selector(text: &str, wanted: &mut Wanted) -> Selector {
    Selector { kind: ItemKind::Span, predicate: predicate(text, Some(ItemKind::Span), wanted) }
}

fn slo(name: &str, indicators: Vec<Indicator>, group_by: Option<GroupBy>) -> SloPlan {
    let goal = |track| Goal {
        name: format!("goal {track}"),
        track,
        objective: Objective::new(Parts(999_000_000)).unwrap(),
        sla: None,
        slice: None,
        conditions: Vec::new(),
        weight: Parts::ONE,
    };
    let slo = Slo {
        name: name.to_owned(),
        service: "shop".to_owned(),
        tier: Tier::Two,
        window: Window::Rolling { seconds: 2_419_200, text: "28d".to_owned() },
        method: Method::Occurrences,
        goals: (0..indicators.len()).map(goal).collect(),
        composite: None,
        no_data: NoData::Ignore,
        exclusions: Vec::new(),
        chance: None,
        targets: Vec::new(),
    };
    SloPlan { slo, indicators, group_by, identity: 0, indicator_identity: 0, declared_at: String::new() }
}

/// A filter, rules with and without an alert, one service level of two indicators by groups, and one of all spans.
fn plan() -> Plan {
    let mut plan = Plan::empty();
    let mut wanted = Wanted::default();
    let rule = |name: &str, text: &str, category, wanted: &mut Wanted| ClassifyRule {
        name: name.to_owned(),
        when: predicate(text, None, wanted),
        category,
        identity: 0,
        declared_at: String::new(),
    };
    plan.rules.filter.push(FilterRule {
        name: "health".to_owned(),
        drop: predicate("url.path == \"/healthz\"", None, &mut wanted),
        identity: 0,
        declared_at: String::new(),
    });
    plan.rules.classify = vec![
        rule("slow", "span && duration > duration(\"1s\")", Category::Warning, &mut wanted),
        rule("full", "severity > 12 || http.route > 3", Category::Exception, &mut wanted),
    ];
    let watch = |rule, key: &str, wanted: &mut Wanted| Watch {
        rule,
        name: format!("watch {rule}"),
        category: Category::Exception,
        priority: Priority::P3,
        key: vec![Key::new(key, wanted)],
        form: Form::Seen {
            count: 1,
            within_ns: 0,
            quiet_ns: SECOND_NS,
            until: Some(predicate("status == \"ok\" || body == \"fine\"", None, wanted)),
            flapping: None,
        },
        once_within_ns: 0,
        identity: 0,
        declared_at: String::new(),
    };
    plan.watches = vec![watch(0, "http.route", &mut wanted), watch(1, "service.name", &mut wanted)];
    let group_by = GroupBy { keys: vec![Key::new("http.route", &mut wanted)], max: 100 };
    let ratio = |bad: &str, total: &str, wanted: &mut Wanted| Indicator::BadOfTotal {
        bad: selector(bad, wanted),
        total: selector(total, wanted),
    };
    let indicators = vec![
        ratio("status == \"error\"", "true", &mut wanted),
        ratio("duration > duration(\"1s\")", "service.name == \"shop\"", &mut wanted),
    ];
    plan.slos = vec![
        slo("by-route", indicators, Some(group_by)),
        slo("all", vec![ratio("status == \"error\"", "kind == \"server\"", &mut wanted)], None),
    ];
    plan.wanted = wanted;
    plan
}

fn samples() -> impl Strategy<Value = Sample> {
    let route = prop_oneof![Just(None), Just(Some("/a")), Just(Some("/b"))];
    (any::<bool>(), any::<bool>(), any::<bool>(), route, any::<bool>(), any::<bool>()).prop_map(
        |(is_log, failed, slow, route, till, health)| {
            let service = if till { "till" } else { "shop" };
            let mut sample = if is_log { Sample::log(service) } else { Sample::span(service) };
            sample.failed = failed;
            sample.severity = if failed { 17 } else { 9 };
            sample.duration_ns = if slow { 2 * SECOND_NS } else { 5 };
            sample.body = if slow { "fine".to_owned() } else { String::new() };
            let text = |text: &str| Attribute::Text(text.to_owned());
            sample.attributes.extend(route.map(|route| ("http.route".to_owned(), text(route))));
            sample.attributes.extend(health.then(|| ("url.path".to_owned(), text("/healthz"))));
            sample
        },
    )
}

fn scaled(plan: &Plan, signal: Signal, all: &[(Sample, u64)]) -> Option<Batch> {
    let mut sum = Sum::new(plan, signal, SECOND);
    for (sample, count) in all.iter().filter(|(sample, count)| sample.signal == signal && *count > 0) {
        // Folded at another time: what comes of it must not depend on that.
        sum.add(&folded(plan, sample, SECOND - 1_000).unwrap(), *count);
    }
    sum.into_batch()
}

/// Messages of protobuf one after the other are one message: a request that holds every item.
fn whole(plan: &Plan, signal: Signal, all: &[(Sample, u64)]) -> Batch {
    let of_signal = all.iter().filter(|(sample, count)| sample.signal == signal && *count > 0);
    let body: Vec<u8> = of_signal.flat_map(|(sample, count)| sample.request(SECOND, *count)).collect();
    let now = Now(SECOND * SECOND_NS);
    let request = Request { signal, encoding: Encoding::Protobuf, body: &body, now };
    let mut batch = fold_replayed(plan, 7, &request).unwrap();
    batch.events.clear();
    batch.fingerprint = None;
    batch
}

proptest! {
    #[test]
    fn what_is_scaled_is_what_a_request_of_all_items_is_folded_to(
        all in prop::collection::vec((samples(), 0_u64..6), 1..12),
    ) {
        let plan = plan();
        for signal in [Signal::Traces, Signal::Logs] {
            let (scaled, whole) = (scaled(&plan, signal, &all), whole(&plan, signal, &all));
            match scaled {
                Some(scaled) => prop_assert_eq!(scaled, whole),
                None => prop_assert_eq!(whole.items, 0),
            }
        }
    }
}

/// Guarantees: the cases above reach what they are about.
#[test]
fn the_twins_see_filters_groups_and_alerts() {
    let plan = plan();
    let text = |text: &str| Attribute::Text(text.to_owned());
    let mut slow = Sample::span("shop");
    (slow.failed, slow.duration_ns) = (true, 2 * SECOND_NS);
    slow.attributes.push(("http.route".to_owned(), text("/a")));
    let mut health = Sample::span("shop");
    health.attributes.push(("url.path".to_owned(), text("/healthz")));
    let all = [(slow, 3), (health, 2), (Sample::span("shop"), 5)];
    let batch = scaled(&plan, Signal::Traces, &all).unwrap();
    assert_eq!(batch, whole(&plan, Signal::Traces, &all));
    assert_eq!((batch.items, batch.filtered.as_slice()), (10, &[(0, 2)][..]));
    let counted: Vec<_> = batch.slos.iter().map(|one| (one.slo, one.track, one.good, one.bad)).collect();
    assert_eq!(counted, [(0, 0, 5, 0), (0, 1, 5, 0), (0, 0, 0, 3), (0, 1, 0, 3), (1, 0, 5, 3)]);
    assert_eq!(batch.hits.len(), 1);
    assert_eq!((batch.hits[0].count, batch.hits[0].key.concat()), (3, "/a".to_owned()));
}

fn expect(when: When, wanted: Expected) -> Expect {
    Expect { declared_at: "t.yaml:1:1".to_owned(), when, wanted }
}

fn trial(flows: Vec<Flow>, expects: Vec<Expect>) -> Trial {
    let recording = Recording { file: "friday.otlp.jsonl".into(), declared_at: "t.yaml:5:11".to_owned() };
    let replay = if flows.is_empty() { vec![recording] } else { Vec::new() };
    Trial {
        name: "one".to_owned(),
        declared_at: "t.yaml:1:1".to_owned(),
        start: EventTime(SECOND * SECOND_NS),
        replay,
        flows,
        feeds: Vec::new(),
        expects,
        strict: true,
    }
}

fn page(about: &str) -> Telling {
    Telling {
        act: Act::Page,
        about: about.to_owned(),
        to: None,
        priority: None,
        condition: None,
        group: None,
        times: 1,
    }
}

fn quiet(from: Moment, to: Moment) -> Expect {
    expect(When::Between(from, to), Expected::Quiet)
}

/// A recording with one span at each of these seconds.
fn recorded(seconds: &[u64], expects: Vec<Expect>) -> Result<Report, String> {
    let (plan, trial) = (Arc::new(plan()), trial(Vec::new(), expects));
    let mut run = Run::new(&trial, Arc::clone(&plan));
    for second in seconds {
        run.requested(folded(&plan, &Sample::span("shop"), *second).unwrap());
    }
    run.finish(&mut Coverage::new(plan, Vec::new()))
}

#[test]
fn a_recording_of_nothing_proves_nothing() {
    let none = || vec![quiet(Moment::Offset(0), Moment::Offset(60))];
    let why = recorded(&[], none()).unwrap_err();
    assert_eq!(why, "nothing came of the recording: no event of it has a time");
    assert!(recorded(&[SECOND], none()).unwrap().passed());
}

#[test]
fn a_recording_from_beyond_all_time_is_not_waited_for() {
    let none = || vec![quiet(Moment::Offset(0), Moment::Offset(7_200))];
    for last in [TIME_S_MAX + 1, u64::MAX / SECOND_NS] {
        let why = recorded(&[SECOND, last, SECOND + 1], none()).unwrap_err();
        assert_eq!(why, "an event of the recording is later than the year 2500");
    }
    assert!(recorded(&[TIME_S_MAX], none()).unwrap().passed());
}

#[test]
fn a_stretch_of_a_recording_that_ends_before_it_begins_fails() {
    let time = |second: u64| Moment::Time(EventTime((SECOND + second) * SECOND_NS));
    for (from, to) in [(time(60), time(0)), (Moment::Offset(60), time(60)), (time(60), Moment::Offset(59))] {
        let report = recorded(&[SECOND, SECOND + 90], vec![quiet(from, to)]).unwrap();
        let text = "no alert: this stretch ends before anything can happen in it";
        assert!(!report.passed() && report.lines[0].text == text, "{}", report.timeline());
    }
    assert!(recorded(&[SECOND, SECOND + 90], vec![quiet(time(59), Moment::Offset(60))]).unwrap().passed());
}

#[test]
fn a_default_is_asked_for_by_its_own_category() {
    let event = |category| {
        let decided_by = Some("default:informational".to_owned());
        let wanted = Expected::Event { category, decided_by, count: Amount::some() };
        recorded(&[SECOND], vec![expect(When::At(Moment::Offset(1)), wanted)]).unwrap()
    };
    assert!(event(Category::Informational).passed());
    assert!(!event(Category::Exception).passed());
}

#[test]
fn traffic_that_can_not_be_taken_is_no_silence() {
    let mut sample = Sample::span("shop");
    // A span's bytes are no metric's.
    sample.signal = Signal::Metrics;
    let during = Stretch { from_s: 0, to_s: 2 };
    let rate = Rate { items: Parts::ONE, unit_s: 1 };
    let flow = Flow { during, rate, share_bad: Parts(0), good: sample, bad: Sample::span("shop") };
    let trial = trial(vec![flow], vec![quiet(Moment::Offset(0), Moment::Offset(1))]);
    let plan = Arc::new(plan());
    let why = Run::new(&trial, Arc::clone(&plan)).finish(&mut Coverage::new(plan, Vec::new())).unwrap_err();
    assert!(why.starts_with("a made-up metric of shop can not be taken: "), "{why}");
}

#[test]
fn receivers_are_compared_as_sets() {
    let happening = |receivers: &[&str]| Happening {
        at_s: 0,
        act: Act::Page,
        pages: true,
        subject: Subject::Rule("full".to_owned()),
        group: Labels::new(),
        priority: Priority::P1,
        condition: "events".to_owned(),
        receivers: receivers.iter().map(|one| (*one).to_owned()).collect(),
        burns: None,
    };
    let to = |names: &[&str]| Telling {
        to: Some(names.iter().map(|one| (*one).to_owned()).collect()),
        ..page("full")
    };
    assert!(happening(&["a", "b"]).is(&to(&["b", "a"])));
    assert!(!happening(&["a", "b"]).is(&to(&["a", "a"])));
    assert!(!happening(&["a"]).is(&to(&["a", "b"])));
}

/// The ledger by a daemon's clock: a span each second of three, told as a recording tells it.
fn played(expects: Vec<Expect>) -> Result<Report, String> {
    let (plan, trial) = (Arc::new(plan()), trial(Vec::new(), expects));
    let mut run = Run::new(&trial, Arc::clone(&plan));
    let start = Now(SECOND * SECOND_NS + 700_000_000);
    let mut engine = Engine::new(Arc::clone(&plan), start);
    let mut effects = Effects::default();
    for second in 0..3 {
        let now = start.plus_ns(second * SECOND_NS);
        run.moment(now, &engine);
        let batch = folded(&plan, &Sample::span("shop"), SECOND + second).unwrap();
        engine.step(now, Input::Observed { token: AckToken(0), batch: Box::new(batch) }, &mut effects);
    }
    effects.facts.iter().for_each(|fact| run.decided(fact));
    run.goes_on(engine);
    run.finish(&mut Coverage::new(plan, Vec::new()))
}

/// Guarantees: what is seen at a time of a daemon's recording is what had come before it by the clock of the recording, and
/// time goes on after its end.
#[test]
fn a_daemons_recording_is_looked_at_by_its_own_clock() {
    let events = |at: u64, count: &str| {
        let count = Amount::parse(count).unwrap();
        let wanted = Expected::Event { category: Category::Informational, decided_by: None, count };
        expect(When::At(Moment::Offset(at)), wanted)
    };
    let report = played(vec![events(1, "1"), events(2, "2"), events(3, "3"), events(90, "3")]).unwrap();
    assert!(report.passed(), "{}", report.timeline());
    assert_eq!(report.seconds, 90);
    let report = played(vec![events(1, "0"), events(2, "3")]).unwrap();
    assert_eq!(report.failures(), 4, "{}", report.timeline());
}

/// Guarantees: what the folded counts of a recording do not hold is told at whatever asks for it, and only there.
#[test]
fn what_a_recording_can_not_answer_is_told_where_it_is_asked() {
    let at = |line: usize, wanted| Expect {
        declared_at: format!("t.yaml:{line}:5"),
        when: When::At(Moment::Offset(60)),
        wanted,
    };
    let count = Amount::some;
    let event = Expected::Event { category: Category::Exception, decided_by: None, count: count() };
    let trial = trial(
        Vec::new(),
        vec![
            at(11, Expected::Told(page("all"))),
            at(12, Expected::Never(page("by-route"))),
            at(13, Expected::Quiet),
            at(14, Expected::Rule { name: "slow".to_owned(), hits: count() }),
            at(15, Expected::Rule { name: "health".to_owned(), hits: count() }),
            at(16, event),
        ],
    );
    let run = Run::new(&trial, Arc::new(plan()));
    for (open, places) in [
        (Unanswered::Slo("all".to_owned()), &["t.yaml:11:5", "t.yaml:13:5"][..]),
        (Unanswered::Slo("by-route".to_owned()), &["t.yaml:12:5", "t.yaml:13:5"]),
        (Unanswered::Watch("full".to_owned()), &["t.yaml:13:5"]),
        (Unanswered::Classify, &["t.yaml:14:5", "t.yaml:16:5"]),
        (Unanswered::Filter, &["t.yaml:5:11"]),
    ] {
        assert_eq!(run.asks(&open), places, "{open}");
    }
}

/// A service level of a week with the standard pairs.
fn watched(name: &str) -> SloPlan {
    let mut one = slo(name, vec![Indicator::Foreign], None);
    let week = 604_800;
    one.slo.window = Window::Rolling { seconds: week, text: "7d".to_owned() };
    let objective = one.slo.goals[0].objective;
    let setting = Setting { window_s: week, objective, tier: Tier::Two, min_bad: None, slice_s: None };
    one.slo.goals[0].conditions = standard_conditions(setting).0;
    one
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Guarantees: service levels that are played a few at a time decide what they decide all together, in the same order:
    /// with counts by the second, by the minute and by the hour, troubles, and hours in which nothing comes.
    #[test]
    fn service_levels_apart_decide_what_they_do_together(
        feeds in proptest::collection::vec((0_usize..5, 0_u64..4, 1_u64..3, 0_usize..3, 0_u64..40), 4..12),
    ) {
        let mut plan = Plan::empty();
        plan.slos = (0..5).map(|slo| watched(&format!("s{slo}"))).collect();
        let feeds: Vec<Feed> = feeds
            .into_iter()
            .map(|(slo, from, hours, unit, bad)| {
                let unit_s = [1, 60, 3_600][unit];
                let rate = |items: u64| Rate { items: Parts(items * unit_s * 500_000_000), unit_s };
                let during = Stretch { from_s: from * 7_200, to_s: from * 7_200 + hours * 2_400 };
                Feed { during, slo: format!("s{slo}"), group: Vec::new(), good: rate(40), bad: rate(bad / 4) }
            })
            .collect();
        let level = |slo: &str| {
            let amounts = vec![("bad", Amount::some())];
            let (slo, group) = (slo.to_owned(), Labels::new());
            Expected::Level(Box::new(Level { slo, objective: None, group, state: None, amounts }))
        };
        let at = |seconds| When::At(Moment::Offset(seconds));
        let expects = vec![expect(at(3_000), level("s1")), expect(at(9_000), level("s4"))];
        let trial = Trial { feeds, replay: Vec::new(), ..trial(Vec::new(), expects) };
        let (plan, end_s) = (Arc::new(plan), SECOND + 28_000);
        let played = |together| {
            let played = play_by(&trial, &plan, end_s, together).unwrap();
            (played.facts, format!("{:?}", played.seen.iter().map(|one| &one.slos).collect::<Vec<_>>()))
        };
        let whole = played(usize::MAX);
        prop_assert_eq!(&whole, &played(2));
        prop_assert_eq!(&whole, &played(1));
    }
}
