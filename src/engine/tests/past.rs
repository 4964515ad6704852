//! What is told of long ago.

use super::*;

/// Scenario: an outage of three hours ago comes in as a backfill, then today's good events.
/// Guarantees: windows and counts have it, and it pages nobody.
#[test]
fn a_backfilled_outage_is_counted_and_pages_nobody() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    for _ in 0..600 {
        world.event(true, 0);
        world.clock_s += 1;
    }
    let mut old = World::new(plan(28, "0.999", Some("1h/5m")));
    for ago in (10_800..11_400).rev() {
        old.event(false, ago);
    }
    let facts = old.facts();
    assert!(!facts.contains("alert.fired") && !facts.contains("episode"), "{facts}");
    assert_eq!(old.engine.counts().slos[0].bad, 600);
    assert!(old.effects.requests.iter().all(|one| matches!(one, Effect::Acknowledge { .. })));
}

/// Scenario: all is well, and then a sender that was away hands in what went wrong in the last half an hour.
/// Guarantees: what is old alone opens nothing; a window that burns now pages, in whatever order its events came.
#[test]
fn a_window_that_burns_now_pages_though_what_fills_it_came_late() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("6h/30m")));
    for _ in 0..3_600 {
        world.clock_s += 1;
        world.event(true, 0);
    }
    world.effects = Effects::default();
    for ago in (900..1_500).rev() {
        world.event(false, ago);
    }
    assert!(world.facts().contains("alert.fired"));
}

/// Guarantees: what began long ago and still goes on pages as soon as the backfill has come to what is not long ago.
#[test]
fn an_outage_that_goes_on_pages_once_the_backfill_is_nearly_there() {
    let mut world = World::with_clean_past(plan(28, "0.999", Some("1h/5m")));
    world.clock_s += 10_000;
    for ago in (0..3_600).rev() {
        world.event(false, ago);
    }
    let fired: Vec<u64> = world
        .effects
        .facts
        .iter()
        .filter(|fact| fact.what.name() == "alert.fired")
        .map(|fact| world.clock_s - fact.at.seconds())
        .collect();
    assert_eq!(fired, [PAST_NS / SECOND_NS]);
}

/// Guarantees: a young service level has one budget, whoever is asked for it, and the hours of the report add up to it.
#[test]
fn the_report_of_the_running_window_and_the_budget_are_one() {
    let mut world = World::new(plan(28, "0.999", Some("1h/5m")));
    (0..7_200).for_each(|second| world.second(second % 100 != 0));
    let budget = &world.engine.slo("shop").expect("it is there").objectives[0].groups[0].budget;
    let report = world.engine.report("shop", None, None).expect("it is there");
    let group = &report.objectives[0].groups[0];
    assert_eq!((&group.spent, &group.remaining), (&budget.spent, &budget.remaining));
    let hours: f64 = group.ledger.iter().map(|hour| hour.spent.parse::<f64>().unwrap()).sum();
    assert!((hours - group.spent.parse::<f64>().unwrap()).abs() < 1e-5, "{hours} {}", group.spent);
    assert_ne!(group.spent, group.raw_spent);
}
