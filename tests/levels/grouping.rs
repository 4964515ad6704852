//! Groups and exclusions.

use super::world::{Call, DAY, START, World, rolling, slo};
use evenkeel::model::{EventTime, SECOND_NS};

const GROUPED: &[(&str, &str)] = &[("group-by", "http.route"), ("max-groups", "2")];

/// Scenario: everything to `/pay` fails, everything else works.
#[test]
fn each_group_has_a_budget_and_an_episode_of_its_own() {
    let mut world = World::new(&slo(GROUPED, &rolling("28d"), "Occurrences", "target: 0.999"));
    for _ in 0..120 {
        world.now += 1;
        world.send(&[Call::at(world.now, false).to("/pay"), Call::at(world.now, true).to("/")]);
    }
    let facts = world.facts();
    assert!(facts.iter().all(|fact| fact.contains("[/pay]")), "{facts:?}");
    assert!(facts.contains(&"50 episode.opened [/pay] 1.1 P2 page".to_owned()), "{facts:?}");
    let view = world.view();
    let groups: Vec<_> =
        view.objectives[0].groups.iter().map(|one| (&*one.group["http.route"], one.bad)).collect();
    assert_eq!(groups, [("/", 0), ("/pay", 120)]);
    assert_eq!(view.objectives[0].groups[1].state, "firing");
    let alert = &world.engine.alerts()[0];
    assert_eq!((&*alert.labels["http_route"], &*alert.group["http.route"]), ("/pay", "/pay"));
}

#[test]
fn groups_beyond_the_limit_share_one_and_the_sum_is_exact() {
    let mut world = World::new(&slo(GROUPED, &rolling("28d"), "Occurrences", "target: 0.999"));
    for (index, route) in ["/a", "/b", "/c", "/d", "/c"].into_iter().enumerate() {
        world.now = index as u64;
        world.send(&[Call::at(world.now, index % 2 == 0).to(route)]);
    }
    let counts = world.engine.counts();
    let groups: Vec<_> = counts.slos.iter().map(|one| (&*one.group["http.route"], one.total)).collect();
    assert_eq!(groups, [("/a", 1), ("/b", 1), ("overflow", 3)]);
    assert_eq!(world.counted(), (3, 2));
    let events = world.engine.events(None, 0, 100, None).events;
    assert_eq!(events.iter().filter(|one| one.name == "EvenkeelCardinality").count(), 1);
    assert_eq!(world.view().overflow, 3);
}

#[test]
fn a_group_that_nothing_is_known_of_any_more_gives_way() {
    let mut world = World::new(&slo(GROUPED, &rolling("1h"), "Occurrences", "target: 0.9"));
    world.send(&[Call::at(0, true).to("/a"), Call::at(0, true).to("/b")]);
    world.now = 10 * DAY;
    world.send(&[Call::at(world.now, true).to("/c")]);
    let counts = world.engine.counts();
    let groups: Vec<_> = counts.slos.iter().map(|one| &*one.group["http.route"]).collect();
    assert_eq!(groups, ["/c"]);
}

#[test]
fn values_that_read_alike_one_after_the_other_are_different_groups() {
    let annotations = [("group-by", "http.route,name")];
    let mut world = World::new(&slo(&annotations, &rolling("28d"), "Occurrences", "target: 0.999"));
    world.send(&[Call::at(0, true).to("/a 3 GET"), Call::at(0, true).to("/a")]);
    assert_eq!(world.engine.counts().slos.len(), 2);
}

fn excluded(text: &str) -> Vec<(&'static str, &str)> {
    vec![("exclusions", text)]
}

/// Scenario: everything fails for two hours of maintenance within an otherwise clean day.
#[test]
fn maintenance_counts_nothing_and_says_what_came_in_it() {
    let text = "[{start: 2023-11-14T01:00:00Z, end: 2023-11-14T03:00:00Z, reason: move}]";
    let mut world = World::new(&slo(&excluded(text), &rolling("1d"), "Occurrences", "target: 0.999"));
    for minute in 0..240 {
        world.now = minute * 60;
        world.send(&[Call::at(world.now, !(60..180).contains(&minute))]);
    }
    assert_eq!(world.facts(), ["3600 exclusion.began", "10800 exclusion.ended 0 120"]);
    assert_eq!(world.counted(), (120, 0));
    let view = world.view();
    assert_eq!((view.excluded, view.exclusions[0].bad, &*view.exclusions[0].reason), (120, 120, "move"));
    // 239 minutes less 120 of 1440.
    assert_eq!(view.coverage, "0.082639");
}

#[test]
fn recurring_maintenance_is_found_for_late_events_too() {
    let text = "[{start: 2023-11-01 02:00, end: 2023-11-01 02:30, rrule: FREQ=DAILY, timeZone: UTC, reason: backup}]";
    let mut world = World::new(&slo(&excluded(text), &rolling("7d"), "Occurrences", "target: 0.9"));
    world.send(&[Call::at(0, true)]);
    world.now = 5 * 3_600;
    world.send(&[
        Call::at(world.now, true),
        Call::at(2 * 3_600 + 60, false),
        Call::at(2 * 3_600 + 1_800, false),
    ]);
    assert_eq!(world.counted(), (2, 1));
    assert_eq!(world.view().excluded, 1);
}

#[test]
fn a_budget_is_known_as_it_was_known_then() {
    let mut world = World::new(&slo(&[], &rolling("1d"), "Occurrences", "target: 0.9"));
    for minute in 0..180 {
        world.now = minute * 60;
        world.send(&[Call::at(world.now, minute % 10 != 0)]);
    }
    let at = |second: u64| EventTime((START + second) * SECOND_NS);
    let then = world.engine.slo_as_known("shop", at(2 * 3_600 + 59)).unwrap();
    assert_eq!((then[0].good, then[0].bad, &*then[0].at), (108, 12, "2023-11-14T02:00:00Z"));
    world.send(&[Call::at(3_700, false), Call::at(3_700, false)]);
    let again = world.engine.slo_as_known("shop", at(2 * 3_600)).unwrap();
    assert_eq!((again[0].good, again[0].bad, again[0].late_bad), (108, 12, 2));
    let before = world.engine.slo_as_known("shop", at(3_600)).unwrap();
    assert_eq!(before[0].late_bad, 0, "they came after the first hour's end");
    assert!(world.engine.slo_as_known("shop", at(60)).unwrap().is_empty());
}
