//! The numbers that people work out by hand: how long a budget lasts, what a burn spends, what a month allows.

use super::world::{Call, DAY, START, World, rolling, slo};

fn availability(window: &str, target: &str) -> String {
    slo(&[], &rolling(window), "Occurrences", &format!("target: {target}"))
}

/// At burn b a budget of 30 days lasts 30 days / b: 30 d, 15 d, 3 d, 43.2 min.
#[test]
fn a_budget_lasts_its_window_divided_by_the_burn_rate() {
    for (per_second, bad, lasts_s) in
        [(1_000, 1, 2_592_000), (2_000, 4, 1_296_000), (200, 2, 259_200), (1, 1, 2_592)]
    {
        let mut world = World::with_busy_past(&availability("30d", "0.999"), 30, per_second);
        world.busy(3_600, per_second, bad);
        let left = world.group().budget.exhausted_in_s.unwrap();
        let spent = 3_600.0 / lasts_s as f64;
        let expected = lasts_s as f64 * (1.0 - spent).max(0.0);
        assert!((left as f64 - expected).abs() <= lasts_s as f64 * 0.002, "{left} of {lasts_s}");
    }
    let mut world = World::with_busy_past(&availability("30d", "0.999"), 30, 2_000);
    world.busy(3_600, 2_000, 1);
    assert_eq!(world.group().budget.exhausted_in_s, None, "at half of it, it lasts");
}

/// Nothing burns faster than 1 / budget.
#[test]
fn a_total_outage_burns_as_fast_as_anything_can() {
    for (target, highest) in [("0.999", "1000"), ("0.9", "10"), ("0.9305", "14.388489")] {
        let mut world = World::new(&availability("28d", target));
        world.busy(1, 10, 10);
        assert_eq!(world.group().budget.raw_spent, highest);
    }
}

/// The pairs fire once 2, 5 and 10 % of the budget are gone.
#[test]
fn what_is_spent_when_a_pair_fires_is_its_share_of_the_budget() {
    let mut world = World::with_clean_past(&availability("30d", "0.999"), 30);
    let mut spent = Vec::new();
    for _ in 0..300 {
        world.run(1, false);
        for fact in world.facts() {
            if let Some((_, condition)) = fact.split_once("alert.fired ") {
                spent.push((condition.to_owned(), world.group().budget.spent.clone()));
            }
        }
    }
    let conditions: Vec<&str> = spent.iter().map(|(condition, _)| condition.as_str()).collect();
    assert_eq!(conditions, ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]);
    for ((_, spent), share) in spent.iter().zip([0.02, 0.05, 0.1, 0.1]) {
        let spent: f64 = spent.parse().unwrap();
        assert!((spent - share).abs() < 0.0025, "{spent} of {share}");
    }
}

/// 44.58, 43.26 and 41.76 minutes of March, November and a February of 29 days in New York.
#[test]
fn a_month_allows_a_thousandth_of_its_own_minutes() {
    let window = "{duration: 1M, calendar: {startTime: 2020-01-01, timeZone: America/New_York}}";
    let objective = "target: 0.999, timeSliceTarget: 0.9, timeSliceWindow: 1m";
    for (day, allowed) in [(1_773_576_000, 44.58), (1_794_744_000, 43.26), (1_834_228_800, 41.76)] {
        let mut world = World::new(&slo(&[], window, "Timeslices", objective));
        world.now = day - START;
        world.send(&[Call::at(world.now, false)]);
        world.now += 60;
        world.send(&[Call::at(world.now, true)]);
        let spent: f64 = world.group().budget.spent.parse().unwrap();
        assert!((1.0 / spent - allowed).abs() < 0.001, "{} of {allowed}", 1.0 / spent);
    }
}

/// Scenario: ten minutes ago something failed, and is heard of now.
/// Guarantees: it misses the five minutes and belongs to the hour, the day and the budget; nobody is paged for the past.
#[test]
fn a_late_event_belongs_to_every_window_that_still_holds_its_time() {
    let mut world = World::with_clean_past(&availability("30d", "0.999"), 30);
    world.run(1_200, true);
    let late: Vec<Call> = (0..60).map(|_| Call::at(600, false)).collect();
    world.send(&late);
    let conditions = world.group().conditions;
    let burns: Vec<(&str, bool, bool)> =
        conditions.iter().map(|one| (&*one.condition, one.burn_long != "0", one.burn_short != "0")).collect();
    assert_eq!(
        burns,
        [("1h/5m", true, false), ("6h/30m", true, true), ("1d/2h", true, true), ("3d/6h", true, true)]
    );
    assert_eq!(world.group().bad, 60);
    assert!(!world.facts().iter().any(|fact| fact.contains("1h/5m")));
    world.now += 31 * DAY;
    world.send(&[Call::at(world.now, true)]);
    assert_eq!(world.group().bad, 0);
}

/// Traffic of an hour below 70 requests: one failure is beyond 14.4 times 0.1 %.
#[test]
fn one_failure_in_less_than_seventy_requests_exceeds_the_page() {
    let fires = |requests: u64| {
        let mut world =
            World::new(&slo(&[("min-bad", "1")], &rolling("30d"), "Occurrences", "target: 0.999"));
        world.send(&[Call::at(0, true)]);
        world.now = 3_600;
        let calls: Vec<Call> = (0..requests).map(|call| Call::at(3_600, call > 0)).collect();
        world.send(&calls);
        world.facts().iter().any(|fact| fact.contains("alert.fired 1h/5m"))
    };
    // 3,600 of 3,600 seconds are covered, the first event has just left.
    assert!(fires(69) && !fires(70), "1 / 69 = 1.449 %, 1 / 70 = 1.429 %");
}
