//! The ledger by its door: timelines of one-event requests, and the worked times of burn-rate alerts.
//!
//! The times are those of the SRE Workbook's formulas: with an error share e from a clean start and a
//! limit l = factor x budget, a pair fires after l x long / e and resets short x (1 - l / e) after the end.

mod attempts;
mod away;
mod past;
mod placed;
mod runs;
mod runs_after;
mod runs_barred;

use std::sync::Arc;

use super::*;
use crate::alert::route::{Compiled, Route, parse_matchers};
use crate::classify::Predicate;
use crate::model::{EventTime, ItemKind, Now, Parts, Severity, Signal, Tier, parse_parts};
use crate::slo::{Goal, Method, NoData, Objective, Pace, Setting, Slo, Window, standard_conditions};

const DAY: u64 = 86_400;
/// Divisible by every bucket width.
pub(super) const START: u64 = 1_700_000_100 / 900 * 900;

/// An SLO of one objective with the standard pairs over so many days.
pub(super) fn slo(days: u64, target: &str) -> Slo {
    let objective = Objective::new(parse_parts(target).unwrap()).unwrap();
    let (conditions, _) = standard_conditions(Setting {
        window_s: days * DAY,
        objective,
        tier: Tier::Two,
        min_bad: None,
        slice_s: None,
    });
    Slo {
        name: "shop".to_owned(),
        service: "shop".to_owned(),
        tier: Tier::Two,
        window: Window::Rolling { seconds: days * DAY, text: format!("{days}d") },
        method: Method::Occurrences,
        goals: vec![Goal {
            name: String::new(),
            track: 0,
            objective,
            sla: None,
            slice: None,
            conditions,
            weight: Parts::ONE,
        }],
        composite: None,
        no_data: NoData::Ignore,
        exclusions: Vec::new(),
        chance: None,
        targets: Vec::new(),
    }
}

pub(super) fn slo_plan(slo: Slo, indicator: Indicator) -> SloPlan {
    SloPlan {
        slo,
        indicators: vec![indicator],
        group_by: None,
        identity: 0,
        indicator_identity: 0,
        declared_at: "shop.yaml:1:1".to_owned(),
    }
}

pub(super) fn plan(days: u64, target: &str, only: Option<&str>) -> Plan {
    let mut plan = Plan::empty();
    let mut slo = slo(days, target);
    slo.goals[0].conditions.retain(|one| only.is_none_or(|only| one.name == only));
    let every = || Selector {
        kind: ItemKind::Span,
        predicate: Predicate::compile("true", None, &mut Default::default()).unwrap(),
    };
    plan.slos.push(slo_plan(slo, Indicator::GoodAndBad { good: every(), bad: every() }));
    plan.route = Some(Route {
        receiver: "oncall".to_owned(),
        matchers: Vec::new(),
        continues: false,
        group_by: Vec::new(),
        routes: Vec::new(),
    });
    plan
}

/// An engine whose only SLO has seen its whole window at one event a second, all good.
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) clock_s: u64,
    pub(super) effects: Effects,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let engine = Engine::new(Arc::new(plan), Now(START * SECOND_NS));
        Self { engine, clock_s: START, effects: Effects::default() }
    }

    pub(super) fn with_clean_past(plan: Plan) -> Self {
        let days = plan.slos[0].slo.window.nominal_s() / DAY;
        let mut world = Self::new(plan);
        let counts = (START - days * DAY + 1..=START).map(|second| (second, 1, 0)).collect();
        world.step(Input::Injected(History { slo: "shop".to_owned(), counts }));
        world
    }

    pub(super) fn step(&mut self, input: Input) {
        self.engine.step(Now(self.clock_s * SECOND_NS), input, &mut self.effects);
    }

    /// A request with one event, `ago` seconds before the clock.
    pub(super) fn event(&mut self, good: bool, ago: u64) {
        let at = EventTime((self.clock_s - ago) * SECOND_NS);
        let delta = SloDelta {
            slo: 0,
            track: 0,
            group: 0,
            second: at.seconds(),
            good: u64::from(good),
            bad: u64::from(!good),
            oldest: at,
            newest: at,
        };
        let batch = Batch {
            plan_version: 0,
            signal: Signal::Traces,
            fingerprint: None,
            items: 1,
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
            seconds: vec![(delta.second, 1)],
            groups: vec![Vec::new()],
            slos: vec![delta],
            points: Points::default(),
            hits: Vec::new(),
            events: Vec::new(),
            mismatches: vec![],
        };
        self.step(Input::Observed { token: AckToken(0), batch: Box::new(batch) });
    }

    pub(super) fn second(&mut self, good: bool) {
        self.clock_s += 1;
        self.event(good, 0);
    }

    pub(super) fn quiet(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock_s += 1;
            self.step(Input::Tick);
        }
    }

    pub(super) fn facts(&mut self) -> String {
        let facts =
            self.effects.facts.drain(..).filter(|fact| !fact.what.name().starts_with("notification."));
        let shown = facts.map(|fact| {
            let condition = match &fact.what {
                What::AlertFired(change) | What::AlertResolved(change) => format!(" {}", change.condition),
                What::EpisodeOpened(change)
                | What::EpisodeEscalated(change)
                | What::EpisodeClosed(change) => {
                    format!(
                        " {}.{} {}",
                        change.episode.number, change.episode.sequence, change.episode.priority
                    )
                }
                _ => String::new(),
            };
            format!("{} {}{condition}", fact.at.seconds() - START, fact.what.name())
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn said(&mut self, name: &str) -> bool {
        let said = self.effects.facts.iter().any(|fact| fact.what.name() == name);
        self.effects.facts.clear();
        self.effects.requests.clear();
        said
    }
}

/// Seconds from the first event of the trouble to `alert.fired`, and from its end to `alert.resolved`.
/// `per_mille` of the events are bad, evenly spread. `lead` good seconds come first, so that the
/// deciding event fills its bucket and the window is the exact one.
fn detect_and_reset(pair: &str, per_mille: u64, lead: u64, patience: u64) -> Option<(u64, u64)> {
    let mut world = World::with_clean_past(plan(30, "0.999", Some(pair)));
    (0..lead).for_each(|_| world.second(true));
    let is_bad = |event: u64| event * per_mille / 1_000 > (event - 1) * per_mille / 1_000;
    let (mut event, mut detected) = (0, None);
    let short_s = world.engine.plan.slos[0].slo.goals[0].conditions[0].shortest_s();
    while detected.is_none() || event < short_s || !(event * per_mille).is_multiple_of(1_000) {
        event += 1;
        if event > patience && detected.is_none() {
            return None;
        }
        world.second(!is_bad(event));
        if world.said("alert.fired") {
            detected = detected.or(Some(event));
        }
    }
    let mut reset = 0;
    while !world.said("alert.resolved") {
        reset += 1;
        world.second(true);
    }
    Some((detected?, reset))
}

/// Scenario: one event a second, a clean past of 30 days, 99.9 %.
/// Guarantees: each pair fires with the very event that carries the long window above its limit, and ends
/// with the one that brings the short window back to it. `exact` are the seconds of the formulas.
#[test]
fn pairs_fire_and_reset_at_the_worked_times() {
    type Row = (&'static str, u64, u64, u64, u64, &'static [u64]);
    let rows: [Row; 4] = [
        ("1h/5m", 14_400, 3_600, 300, 1, &[1_000, 500, 100, 50, 20]),
        ("6h/30m", 6_000, 21_600, 1_800, 10, &[1_000, 500, 100, 50, 20, 10]),
        ("1d/2h", 3_000, 86_400, 7_200, 60, &[1_000, 500, 100, 50, 20, 10, 5]),
        ("3d/6h", 1_000, 259_200, 21_600, 300, &[1_000, 500, 100, 20, 2]),
    ];
    for (pair, limit_ppm, long, short, width, shares) in rows {
        for per_mille in shares {
            let share_ppm = per_mille * 1_000;
            // The first bad event beyond the limit, and the second in which it comes.
            let bad = limit_ppm * long / 1_000_000 + 1;
            let detect = (bad * 1_000).div_ceil(*per_mille);
            let lead = (width - 1 + width - detect % width) % width;
            let measured = detect_and_reset(pair, *per_mille, lead, detect);
            let (detected, reset) = measured.unwrap_or_else(|| panic!("{pair} at {per_mille} per mille"));
            // Where bad events are further apart than a bucket is wide, a window that is a part of one
            // bucket short may exceed the limit between two of them.
            let early = if *per_mille * width < 1_000 { width } else { 0 };
            assert!(
                (detect - early..=detect).contains(&detected),
                "{pair} {per_mille}: {detected}, {detect}"
            );
            let exact = limit_ppm as f64 * long as f64 / share_ppm as f64;
            let one_bad_event = 1_000.0 / *per_mille as f64;
            assert!((detect as f64 - exact) <= one_bad_event, "{pair} {detected} {exact}");
            let exact = short as f64 * (1.0 - limit_ppm as f64 / share_ppm as f64);
            let tolerance = one_bad_event + if short > 3_600 { 10.0 } else { 1.0 };
            assert!((reset as f64 - exact).abs() <= tolerance, "{pair} resets after {reset}, not {exact}");
        }
    }
}

#[test]
fn a_share_at_or_below_the_limit_never_fires() {
    for (pair, per_mille, patience) in [("1h/5m", 10, 20_000), ("6h/30m", 5, 60_000), ("1d/2h", 2, 200_000)] {
        assert_eq!(detect_and_reset(pair, per_mille, 0, patience), None, "{pair} at {per_mille} per mille");
    }
}

/// Scenario: every request fails for two minutes, then none.
/// Guarantees: one page and one resolve, nothing while the trouble lasts.
#[test]
fn a_short_outage_pages_once_and_resolves_once() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    (0..60).for_each(|_| world.second(true));
    (0..120).for_each(|_| world.second(false));
    (0..600).for_each(|_| world.second(true));
    assert_eq!(
        world.facts(),
        "109 alert.fired 1h/5m, 109 episode.opened 1.1 P2, \
         476 alert.resolved 1h/5m, 476 episode.closed 1.2 P2"
    );
    let told: Vec<_> = world
        .effects
        .requests
        .iter()
        .filter_map(|request| match request {
            Effect::Notify(one) => Some((one.receiver.as_str(), one.transition.as_str(), one.sequence)),
            Effect::Acknowledge { .. } | Effect::Run(_) | Effect::Answer { .. } => None,
        })
        .collect();
    assert_eq!(told, [("oncall", "trigger", 1), ("oncall", "resolve", 2)]);
}

#[test]
fn an_episode_ends_by_the_clock_when_traffic_stops() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    (0..60).for_each(|_| world.second(false));
    assert_eq!(world.facts(), "49 alert.fired 1h/5m, 49 episode.opened 1.1 P2");
    world.quiet(400);
    assert_eq!(world.facts(), "360 alert.resolved 1h/5m, 360 episode.closed 1.2 P2");
}

#[test]
fn a_young_slo_does_not_page_for_one_failure_nor_for_two() {
    let mut world = World::new(plan(28, "0.999", None));
    for second in 0..60 {
        world.second(second % 30 != 7);
    }
    assert_eq!(world.facts(), "");
    let view = &world.engine.slos()[0];
    assert_eq!(view.objectives[0].groups[0].conditions[0].raw_burn_long, "33.333333");
    assert_eq!(view.objectives[0].groups[0].conditions[0].burn_long, "0.546296");
}

/// Scenario: the first event is dated 1970, two failures of today follow; then a level that was quiet for
/// longer than its window.
/// Guarantees: what lies before an empty window does not count as having watched.
#[test]
fn an_event_from_long_ago_does_not_make_a_young_slo_an_old_one() {
    let mut world = World::new(plan(28, "0.999", None));
    for _ in 0..2 {
        world.event(true, START - 1);
        world.clock_s += 40 * DAY;
        world.event(false, 1);
        world.event(false, 0);
        assert_eq!(world.facts(), "");
        assert_eq!(world.engine.slos()[0].coverage, "0");
    }
}

#[test]
fn a_total_outage_of_a_young_slo_pages_when_the_share_of_the_budget_is_gone() {
    let mut world = World::new(plan(28, "0.999", Some("1h/5m")));
    (0..60).for_each(|_| world.second(false));
    assert_eq!(world.facts(), "50 alert.fired 1h/5m, 50 episode.opened 1.1 P2");
}

/// Scenario: a group before it is gone, so that it may have been about another notification.
/// Guarantees: who was to be told is told again rather than never.
#[test]
fn an_outcome_in_doubt_leaves_its_notification_to_be_told_again() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    world.effects.records = Records::on();
    let parts = world.engine.image(true).written();
    (0..60).for_each(|_| world.second(false));
    let id = world.engine.unsettled()[0].id;
    world.step(Input::Settled { id, outcome: Outcome::Delivered { attempts: 1 } });
    let records = world.effects.records.take();
    let left = |outcomes| {
        let mut again = Engine::restore(&parts, &mut Vec::new()).unwrap();
        again.replay(&records, outcomes, &mut Effects::default()).unwrap();
        again.unsettled().len()
    };
    assert_eq!((left(Outcomes::Known), left(Outcomes::Doubtful)), (0, 1));
}

/// Scenario: a total outage that outlasts the budget (one thousandth of 28 days: 2,419.2 s).
/// Guarantees: the spent budget is a fact and raises the open episode to P1.
#[test]
fn a_spent_budget_raises_the_open_episode() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    (0..2_500).for_each(|_| world.second(false));
    let facts = world.facts();
    let tail = facts.split(", ").skip(2).collect::<Vec<_>>().join(", ");
    let spent_at: u64 = tail.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(tail, format!("{spent_at} budget.spent, {spent_at} episode.escalated 1.2 P1"));
    assert!((2_419 - 3..=2_420).contains(&spent_at), "within one event of the exact time, {spent_at}");
}

#[test]
fn an_episode_that_opens_again_within_five_minutes_keeps_its_key() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    (0..60).for_each(|_| world.second(false));
    (0..400).for_each(|_| world.second(true));
    (0..30).for_each(|_| world.second(false));
    let alerts = world.engine.alerts();
    assert_eq!(alerts.len(), 1);
    let told: Vec<_> = alerts[0].decisions.iter().map(|one| (one.transition, one.sequence)).collect();
    assert_eq!(told, [("trigger", 1), ("resolve", 2), ("trigger", 3)]);
}

/// Scenario: a ticket that becomes a page, ends, and opens again as a ticket only.
/// Guarantees: whoever is told of the end has been told of the beginning.
#[test]
fn only_those_who_heard_of_the_second_beginning_hear_of_its_end() {
    let mut plan = plan(28, "0.999", None);
    let conditions = &mut plan.slos[0].slo.goals[0].conditions;
    conditions.truncate(2);
    (conditions[0].pace, conditions[0].severity) = (Pace::Slow, Severity::Ticket);
    let pages = parse_matchers("severity=page").unwrap();
    let pages = pages.into_iter().map(|one| Compiled::new(one).unwrap()).collect();
    let oncall = plan.route.take().unwrap();
    let chat = Route { receiver: "chat".to_owned(), ..oncall.clone() };
    plan.route = Some(Route { routes: vec![Route { matchers: pages, ..oncall }], ..chat });
    let mut world = World::with_clean_past(plan);
    for (seconds, good) in [(140, false), (1_790, true), (6, false), (400, true)] {
        (0..seconds).for_each(|_| world.second(good));
    }
    let alerts = world.engine.alerts();
    let told =
        alerts[0].decisions.iter().map(|one| format!("{} {}", one.transition, one.receivers.join("+")));
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        ["trigger chat", "escalate oncall", "resolve chat+oncall", "trigger chat", "resolve chat"]
    );
}

#[test]
fn late_events_amend_the_windows_that_hold_them_and_say_so() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    world.second(true);
    world.event(false, 9);
    assert_eq!(world.facts(), "", "ten seconds are ordinary disorder");
    world.event(false, 600);
    assert_eq!(world.facts(), "1 budget.amended");
    let conditions = &world.engine.slos()[0].objectives[0].groups[0].conditions[0];
    assert_eq!(
        (conditions.raw_burn_long.as_str(), conditions.raw_burn_short.as_str()),
        ("0.555247", "3.322259")
    );
    world.event(false, 40 * DAY);
    assert_eq!(world.facts(), "", "no window holds it any more");
    let counts = world.engine.counts();
    assert_eq!((counts.events.late, counts.events.expired), (2, 1));
    assert_eq!((counts.slos[0].good, counts.slos[0].bad), (1, 3), "totals keep every event");
}

#[test]
fn what_became_of_a_notification_is_a_fact_and_counted_once() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    (0..60).for_each(|_| world.second(false));
    assert_eq!(world.engine.counts().notifications.pending, 1);
    let outcome = Outcome::Delivered { attempts: 2 };
    world.step(Input::Settled { id: NotificationId(1), outcome: outcome.clone() });
    world.step(Input::Settled { id: NotificationId(1), outcome });
    let told = world.engine.counts().notifications;
    assert_eq!((told.triggered, told.delivered, told.pending, told.failed), (1, 1, 0, 0));
    assert_eq!(world.engine.alerts()[0].receivers["oncall"], "delivered");
}

#[test]
fn a_batch_of_another_plan_is_sent_back_and_counts_nothing() {
    let mut world = World::new(plan(28, "0.999", None));
    world.engine.plan = Arc::new(Plan { version: 7, ..plan(28, "0.999", None) });
    world.second(false);
    assert_eq!(world.effects.requests, [Effect::Acknowledge { token: AckToken(0), ack: Ack::StalePlan }]);
    assert_eq!(world.engine.counts().events.received, 0);
}

#[test]
fn a_factor_is_compared_exactly() {
    let mut world = World::with_clean_past(plan(30, "0.999", Some("1h/5m")));
    assert_eq!(world.engine.plan.slos[0].slo.goals[0].conditions[0].factor(), Some(Parts(14_400_000_000)));
    (0..51).for_each(|_| world.second(false));
    assert_eq!(world.facts(), "");
    world.second(false);
    assert!(world.said("alert.fired"));
}
