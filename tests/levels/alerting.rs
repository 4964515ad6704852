//! AlertPolicies and conditions of one's own, silence, low traffic, the early page.

use super::world::{Call, World, rolling, slo};

fn policy(spec: &str, condition: &str, annotations: &str) -> String {
    format!(
        "  alertPolicies:\n    - metadata: {{name: burns}}\n      spec: {{{spec}conditions: [{{metadata: {{name: fast, annotations: {{{annotations}}}}}, spec: {{severity: ticket, condition: {{{condition}}}}}}}]}}\n"
    )
}

fn own(spec: &str, condition: &str, annotations: &str) -> String {
    slo(&[], &rolling("30d"), "Occurrences", "target: 0.999") + &policy(spec, condition, annotations)
}

#[test]
fn a_condition_without_a_short_window_is_one_window() {
    let documents = own("", "threshold: 14.4, lookbackWindow: 1h", "");
    let mut world = World::with_clean_past(&documents, 30);
    world.run(60, false);
    assert_eq!(world.facts(), ["52 alert.fired 1h", "52 episode.opened 1.1 P2 ticket"]);
    world.run(3_600, true);
    // The burn ends when the 52nd failure from the end has left the hour.
    assert_eq!(world.facts(), ["3609 alert.resolved 1h", "3609 episode.closed 1.2 P2 ticket"]);
}

#[test]
fn a_short_window_makes_it_a_pair_that_ends_sooner() {
    let documents = own("", "threshold: 14.4, lookbackWindow: 1h", "evenkeel.dev/short-window: 5m");
    let mut world = World::with_clean_past(&documents, 30);
    world.run(60, false);
    world.run(3_600, true);
    let facts = world.facts();
    assert_eq!(facts[0], "52 alert.fired 1h/5m");
    assert_eq!(facts[2], "356 alert.resolved 1h/5m", "{facts:?}");
}

#[test]
fn a_written_severity_decides_the_route_and_the_name_is_a_label() {
    let mut world = World::with_clean_past(&own("", "threshold: 14.4, lookbackWindow: 1h", ""), 30);
    world.run(60, false);
    let alert = &world.engine.alerts()[0];
    let label = |name: &str| alert.labels[name].as_str();
    let labels = ["severity", "priority", "condition", "condition_name"].map(label);
    assert_eq!(labels, ["ticket", "P2", "1h", "fast"]);
}

/// Scenario: the pair is true from the 52nd of 55 failures until five minutes after the first of them.
#[test]
fn a_condition_must_hold_for_as_long_as_alert_after_says() {
    let condition = "threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m";
    let mut world = World::with_clean_past(&own("", condition, "evenkeel.dev/short-window: 5m"), 30);
    world.run(55, false);
    world.run(1_800, true);
    assert_eq!(world.facts(), [""; 0], "true for 299 seconds");
    world.run(56, false);
    world.run(300, true);
    assert_eq!(world.facts().len(), 4, "true for 300 seconds");
}

#[test]
fn alert_after_is_counted_from_the_moment_the_condition_became_true() {
    let condition = "threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m";
    let mut world = World::with_clean_past(&own("", condition, ""), 30);
    world.run(600, false);
    assert_eq!(world.facts()[0], "352 alert.fired 1h");
}

#[test]
fn a_policy_that_tells_no_breach_opens_no_episode() {
    let mut world = World::with_clean_past(
        &own("alertWhenBreaching: false, ", "threshold: 14.4, lookbackWindow: 1h", ""),
        30,
    );
    world.run(60, false);
    assert_eq!(world.facts(), ["52 alert.fired 1h"], "the plain truth is a fact all the same");
    assert!(world.notified().is_empty());
}

#[test]
fn a_policy_that_tells_no_end_leaves_it_to_people() {
    let documents = own("alertWhenResolved: false, ", "threshold: 14.4, lookbackWindow: 1h", "");
    let mut world = World::with_clean_past(&documents, 30);
    world.run(60, false);
    world.run(3_700, true);
    assert_eq!(world.notified(), ["trigger oncall 1h"]);
    assert!(world.facts().iter().any(|fact| fact.contains("episode.closed")));
}

#[test]
fn silence_opens_an_episode_that_the_next_event_closes() {
    let documents = own(
        "alertWhenNoData: true, ",
        "threshold: 14.4, lookbackWindow: 1h",
        "evenkeel.dev/short-window: 5m",
    );
    let mut world = World::new(&documents);
    world.run(60, true);
    world.quiet(600);
    assert_eq!(world.facts(), ["360 alert.fired no-data", "360 episode.opened 1.1 P3 ticket"]);
    assert_eq!(world.group().state, "no-data");
    assert!(
        world.engine.alerts()[0].decisions[0].text.contains("no event came for 5m"),
        "{:?}",
        world.engine.alerts()[0]
    );
    let name = world.engine.alerts()[0].slo.clone().unwrap();
    let explained = world.engine.explain(&name, None).unwrap().unwrap();
    let text = &explained.levels[0].text;
    assert!(text.contains("No event came for 10m") && !text.contains("fail"), "{text}");
    world.run(1, true);
    assert_eq!(world.facts(), ["661 alert.resolved no-data", "661 episode.closed 1.2 P3 ticket"]);
    let text = &world.engine.alerts()[0].decisions[1].text;
    assert!(text.contains("is heard of again: events come"), "{text}");
}

#[test]
fn silence_before_the_first_event_is_no_silence() {
    let mut world =
        World::new(&slo(&[("alert-no-data", "10m")], &rolling("28d"), "Occurrences", "target: 0.999"));
    world.quiet(3_600);
    assert_eq!(world.facts(), [""; 0]);
    world.run(1, true);
    world.quiet(700);
    assert_eq!(world.facts()[0], "4201 alert.fired no-data");
}

#[test]
fn targets_are_a_label_that_routes_match() {
    let documents = own("notificationTargets: [{metadata: {name: team-a}, spec: {target: chat}}, {metadata: {name: team-b}, spec: {target: chat}}], ", "threshold: 14.4, lookbackWindow: 1h", "")
        .replace("route: {receiver: oncall}", "route: {receiver: oncall, routes: [{receiver: a, matchers: ['notification_target=team-a']}, {receiver: b, matchers: ['notification_target=team-b']}]}")
        .replace("receivers: [{name: oncall,", "receivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}, {name: b, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}, {name: oncall,");
    let mut world = World::with_clean_past(&documents, 30);
    world.run(60, false);
    assert_eq!(world.notified(), ["trigger a 1h", "trigger b 1h"]);
    assert_eq!(world.engine.alerts()[0].labels["notification_target"], "team-a,team-b");
}

/// Scenario: ten requests an hour for a month, one failure; 10 % of the hour, 100 times the rate.
#[test]
fn one_failure_of_little_traffic_does_not_page() {
    let quiet_service = |annotations: &[(&str, &str)], bad: u64| {
        let mut world = World::new(&slo(annotations, &rolling("30d"), "Occurrences", "target: 0.999"));
        for request in 0..7_200 {
            world.now = request * 360;
            world.send(&[Call::at(world.now, request + bad < 7_200)]);
        }
        let facts = world.facts();
        facts.iter().filter(|fact| fact.contains("page")).count()
    };
    assert_eq!(quiet_service(&[], 1), 0);
    assert_eq!(quiet_service(&[("min-bad", "1")], 1), 1, "without the guard it pages");
    assert_eq!(quiet_service(&[("min-bad", "1"), ("low-traffic", "1e-4")], 1), 0, "one in a hundred hours");
    assert_eq!(quiet_service(&[("min-bad", "1"), ("low-traffic", "1e-4")], 3), 1);
}

/// Scenario: a total outage at 50 requests a second. The pair needs 49 s of 28 days.
#[test]
fn the_early_page_comes_within_seconds_and_turns_into_that_of_the_pair() {
    let annotations = [("early-page", "1e-9,0.1%")];
    let mut world =
        World::with_busy_past(&slo(&annotations, &rolling("28d"), "Occurrences", "target: 0.999"), 28, 50);
    world.busy(60, 50, 50);
    let facts = world.facts();
    assert_eq!(facts[..2], ["3 alert.fired early", "3 episode.opened 1.1 P2 page"]);
    let pair: Vec<_> = facts.iter().filter(|fact| fact.contains("1h/5m")).collect();
    assert_eq!(pair.len(), 1, "{facts:?}");
    let opened = facts.iter().filter(|fact| fact.contains("episode.opened")).count();
    assert_eq!(opened, 1, "one page for both");
}

#[test]
fn a_blip_of_a_second_spends_too_little_for_the_early_page() {
    let annotations = [("early-page", "1e-9,0.1%")];
    let mut world =
        World::with_busy_past(&slo(&annotations, &rolling("28d"), "Occurrences", "target: 0.999"), 28, 50);
    world.busy(1, 50, 50);
    world.busy(300, 50, 0);
    assert_eq!(world.facts(), [""; 0]);
}

#[test]
fn a_broken_promise_is_a_fact_and_raises_the_priority() {
    let mut world =
        World::with_clean_past(&slo(&[("sla", "99.8")], &rolling("28d"), "Occurrences", "target: 0.999"), 28);
    world.run(4_900, false);
    let facts = world.facts();
    let at = |name: &str| facts.iter().position(|fact| fact.contains(name));
    assert!(at("budget.spent") < at("sla.breached"), "{facts:?}");
    assert!(facts.iter().any(|fact| fact.contains("episode.escalated") && fact.contains("P1")), "{facts:?}");
    let sla = world.view().objectives[0].sla.clone().unwrap();
    assert_eq!(sla.breach_in_s, Some(0));
}

#[test]
fn a_forecast_says_when_the_budget_and_the_promise_are_gone() {
    let mut world =
        World::with_clean_past(&slo(&[("sla", "99")], &rolling("28d"), "Occurrences", "target: 0.999"), 28);
    world.busy(3_600, 1, 0);
    for _ in 0..360 {
        world.busy(9, 1, 0);
        world.busy(1, 1, 1);
    }
    let group = world.group();
    // A tenth fails: 100 times the rate. 360 of 2,419,200 seconds failed, of which 2,419 may.
    let left = group.budget.exhausted_in_s.unwrap();
    assert!((20_500..20_700).contains(&left), "{left} of 0.85 x 28 d / 100");
    let breach = world.view().objectives[0].sla.clone().unwrap().breach_in_s.unwrap();
    assert!((236_000..240_000).contains(&breach), "{breach}");
}
