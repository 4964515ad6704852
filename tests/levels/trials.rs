//! Test documents as `evenkeel test` runs them: worked times, texts of failures, months that pass at once.

use std::path::Path;
use std::sync::Arc;

use evenkeel::config::{self, Level, Tests};
use evenkeel::engine::Fact;
use evenkeel::trial::{Coverage, Part, Report, Run, offset};

use super::world::{Text, World, rolling, slo};

/// The configuration of a shop, with rules and two receivers.
const SHOP: &str = r#"
apiVersion: evenkeel/v1
kind: Config
spec:
  filter:
    - {name: health, drop: 'span && url.path == "/healthz"'}
    - {name: noise, drop: 'log && severity < 5'}
  classify:
    - {name: disk-full, when: 'log && body.contains("No space left")', category: exception, alert: {key: [host.name], quiet: 10m, priority: P1}}
    - {name: before-noon, when: 'span && time < timestamp("2026-01-05T12:00:00Z")', category: warning}
  alerting:
    route: {receiver: oncall, routes: [{receiver: chat, matchers: ['severity="ticket"']}]}
    receivers:
      - {name: oncall, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}
      - {name: chat, webhook_configs: [{url: 'http://127.0.0.1:9/chat'}]}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: shop}
spec:
  service: shop
  indicator:
    metadata: {name: shop}
    spec:
      ratioMetric:
        bad: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "shop" && http.response.status_code >= 500'}}}
        total: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "shop" && kind == "server"'}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: by-tenant
  annotations: {evenkeel.dev/group-by: tenant}
spec:
  service: till
  indicator:
    metadata: {name: till}
    spec:
      ratioMetric:
        bad: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "till" && status == "error"'}}}
        total: {metricSource: {type: evenkeel, spec: {spans: 'service.name == "till"'}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
"#;

fn test(name: &str, spec: &str) -> String {
    format!("---\napiVersion: evenkeel/v1\nkind: Test\nmetadata: {{name: {name}}}\nspec:\n{spec}\n")
}

fn read(documents: &str) -> Tests {
    config::load_tests(&["story.yaml".into()], &Text(documents))
}

fn ran(documents: &str) -> (Vec<Report>, Vec<Part>) {
    let tests = read(documents);
    let errors: Vec<_> = tests.findings.iter().filter(|one| one.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let config = tests.config.expect("no errors");
    let plan = Arc::new(config.plan);
    let receivers = config.receivers.iter().map(|one| one.name.clone()).collect();
    let mut coverage = Coverage::new(Arc::clone(&plan), receivers);
    let run = |trial| Run::new(trial, Arc::clone(&plan)).finish(&mut coverage).expect("it can be judged");
    let reports = tests.trials.iter().map(run).collect();
    (reports, coverage.parts())
}

/// The one test of a shop: whether it passed, and its timeline.
fn story(spec: &str) -> (bool, String) {
    let (reports, _) = ran(&format!("{SHOP}{}", test("story", spec)));
    (reports[0].passed(), reports[0].timeline())
}

fn passes(spec: &str) {
    let (passed, timeline) = story(spec);
    assert!(passed, "{timeline}");
}

/// Scenario: two hours at 0.05 %, then 5 %. The budget is 0.1 %, so the pair of one hour fires above 1.344 %.
/// Guarantees: x seconds after the change the hour holds (3600 - x) at 0.05 % and x at 5 %, which is above it from 941.1 on.
#[test]
fn the_worked_example_pages_when_the_formula_says() {
    let (passed, timeline) = story(
        "  traffic:
    - {for: 2h,  service: shop, rate: 100/s, bad: 0.05%}
    - {for: 20m, service: shop, rate: 100/s, bad: 5%}
  expect:
    - {until: 2h15m41s, alerts: none}
    - {at: 2h15m41s, page: shop, to: [oncall], priority: P2, condition: 1h/5m}
    - {at: 2h20m, slo: shop, state: firing, bad: 6360, total: 840000, sli: \"<0.9925\"}",
    );
    let expected =
        "    2h15m41s  page shop P2 by 1h/5m, burn 13.452778 and 50, budget left 0.979045, to oncall\n";
    assert_eq!((passed, timeline.as_str()), (true, expected));
}

#[test]
fn a_failure_is_a_diff_of_the_timeline() {
    let (passed, timeline) = story(
        "  traffic:
    - {for: 2h,  service: shop, rate: 100/s, bad: 0.05%}
    - {for: 20m, service: shop, rate: 100/s, bad: 5%}
  expect:
    - {until: 2h16m, alerts: none}
    - {between: [2h16m, 2h18m], page: shop, to: [oncall, chat]}
    - {at: 2h10m, slo: shop, state: ok, bad: \"<100\"}
    - {at: 2h20m, event: {category: exception, decided_by: disk-full}}
    - {at: 2h20m, rule: health, hits: 0}",
    );
    let expected = "  - 0s..2h16m     no alert  (story.yaml:57:7)
  - 2h10m         shop bad <100  (story.yaml:59:7)
  + 2h10m         shop bad 3360
  + 2h15m41s      page shop P2 by 1h/5m, burn 13.452778 and 50, budget left 0.979045, to oncall
  - 2h16m..2h18m  page shop to oncall, chat  (story.yaml:58:7)
  - 2h20m         events of category exception decided by disk-full >0  (story.yaml:60:7)
  + 2h20m         events of category exception decided by disk-full 0
";
    assert!(!passed);
    assert_eq!(timeline, expected);
}

/// Scenario: ten calls a second, two outages, and then nothing.
/// Guarantees: the same decisions at the same times as when every request is encoded, decoded and folded.
#[test]
fn made_up_traffic_decides_as_requests_of_every_item_do() {
    let documents = slo(&[], &rolling("28d"), "Occurrences", "target: 0.99");
    let mut world = World::new(&documents);
    world.busy(3_600, 10, 0);
    world.busy(600, 10, 10);
    world.busy(3_600, 10, 0);
    world.busy(900, 10, 7);
    world.quiet(4_000);
    let begun = 1;
    let acts = [("opened", "page"), ("escalated", "escalate"), ("closed", "resolve")];
    let requests: Vec<(u64, String)> = world
        .effects
        .facts
        .iter()
        .filter_map(|fact: &Fact| {
            let act = fact.what.name().strip_prefix("episode.")?;
            let (_, act) = acts.into_iter().find(|(name, _)| *name == act)?;
            Some((fact.at.seconds() - super::world::START - begun, act.to_owned()))
        })
        .collect();
    assert!(requests.len() >= 4, "{requests:?}");
    let traffic = "  start: 2023-11-14T00:00:01Z
  strict: false
  traffic:
    - {for: 1h, service: shop, rate: 10/s}
    - {for: 10m, service: shop, rate: 10/s, bad: 100%}
    - {for: 1h, service: shop, rate: 10/s}
    - {for: 15m, service: shop, rate: 10/s, bad: 70%}
    - {for: 4000s, service: shop, rate: 0/s}
  expect:
    - {at: 12700s, slo: shop, total: 87000, bad: 12300}";
    let (reports, _) = ran(&format!("{documents}{}", test("twin", traffic)));
    let report = &reports[0];
    let told: Vec<(u64, String)> = report
        .lines
        .iter()
        .map(|line| (line.from_s, line.text.split(' ').next().unwrap_or_default().to_owned()))
        .collect();
    assert!(report.passed(), "{}", report.timeline());
    assert_eq!(told, requests);
}

/// Scenario: four weeks at half of what is allowed, by the minute, then three days of twice as much.
/// Guarantees: the budget is what the sums say: 28 d x 600/m x 0.1 % = 24192 may fail, 12096 did. The first counts came after
/// a minute, and before them nobody watched: of 0.5 a minute's share of 28 days is missing.
#[test]
fn counts_bring_months_and_decide() {
    let (passed, timeline) = story(
        "  counts:
    - {for: 28d, slo: shop, good: 599.7/m, bad: 0.3/m}
    - {for: 3d, slo: shop, good: 598.8/m, bad: 1.2/m}
  expect:
    - {until: 28d, alerts: none}
    - {at: 28d, slo: shop, total: 24192000, bad: 12096, budget_remaining: 0.500012, state: ok}
    - {between: [28d, 31d], ticket: shop, condition: 3d/6h, to: [chat]}",
    );
    assert!(passed, "{timeline}");
}

#[test]
fn rules_filters_and_their_alerts_are_tested_too() {
    passes(
        "  start: 2026-01-05T11:59:00Z
  traffic:
    - {for: 2m, service: shop, rate: 10/s, bad: 10%}
    - {at: 0s, for: 2m, service: probe, rate: 1/s, attributes: {url.path: /healthz}}
    - {at: 0s, for: 1m, service: db, rate: 2/m, signal: log, bad: 100%, bad_body: No space left, attributes: {host.name: a}}
    - {at: 0s, for: 20m, service: db, rate: 1/s, signal: log, severity: 3}
  expect:
    - {until: 14s, alerts: none}
    - {at: 14s, page: disk-full, group: {host.name: a}, to: [oncall], priority: P1}
    - {between: [10m, 11m], resolve: disk-full}
    - {at: 20m, rule: health, hits: 120}
    - {at: 20m, rule: noise, hits: 1200}
    - {at: 20m, rule: before-noon, hits: 600}
    - {at: 20m, rule: disk-full, hits: 2}
    - {at: 20m, event: {category: warning, decided_by: before-noon, count: 600}}
    - {at: 20m, event: {category: exception, count: 62}}",
    );
}

#[test]
fn a_page_that_nothing_expects_fails_unless_the_test_says_otherwise() {
    let spec = |strict: &str, expect: &str| {
        format!(
            "  strict: {strict}
  traffic: [{{for: 30m, service: shop, rate: 10/s, bad: 50%}}]
  expect:
    - {{at: 30m, slo: shop, state: firing}}
{expect}"
        )
    };
    let (passed, timeline) = story(&spec("true", ""));
    assert!(!passed && timeline.starts_with("  + "), "{timeline}");
    passes(&spec("false", ""));
    passes(&spec("true", "    - {between: [0s, 30m], page: shop}"));
    let (passed, timeline) = story(&spec("true", "    - {between: [0s, 30m], page: shop, times: 2}"));
    assert!(!passed && timeline.contains("page shop, 2 times, and only 1 came"), "{timeline}");
    let (passed, timeline) = story(&spec("false", "    - {never: {page: shop}}"));
    assert!(!passed && timeline.contains("never page shop"), "{timeline}");
}

#[test]
fn each_group_is_asked_for_by_its_name() {
    passes(
        "  traffic:
    - {for: 1h, service: till, rate: 10/s, attributes: {tenant: calm}}
    - {at: 0s, for: 1h, service: till, rate: 10/s, bad: 50%, attributes: {tenant: sad}}
  counts: [{for: 1h, slo: by-tenant, group: {tenant: told}, good: 1/s}]
  expect:
    - {between: [0s, 1h], page: by-tenant, group: {tenant: sad}}
    - {at: 1h, slo: by-tenant, group: {tenant: calm}, state: ok, total: 36000, bad: 0}
    - {at: 1h, slo: by-tenant, group: {tenant: sad}, state: firing, total: 36000, bad: 18000}
    - {at: 1h, slo: by-tenant, group: {tenant: told}, state: ok, total: 3600}",
    );
    let (passed, timeline) = story(
        "  traffic: [{for: 1m, service: till, rate: 10/s, attributes: {tenant: calm}}]
  expect: [{at: 1m, slo: by-tenant, group: {tenant: other}, state: ok}]",
    );
    assert!(!passed && timeline.contains("no event came of this group, only of {tenant=calm}"), "{timeline}");
}

#[test]
fn what_no_test_has_seen_is_told() {
    let (_, parts) = ran(&format!(
        "{SHOP}{}",
        test(
            "one",
            "  traffic: [{for: 30m, service: shop, rate: 10/s, bad: 50%, attributes: {url.path: /}}]
  expect: [{between: [0s, 30m], page: shop}]"
        )
    ));
    let unseen = |what: &str| parts.iter().find(|part| part.what == what).unwrap().unseen.clone();
    assert_eq!(unseen("filter rules"), ["health", "noise"]);
    assert_eq!(unseen("classification rules"), ["disk-full"]);
    assert_eq!(unseen("alerts of rules"), ["disk-full"]);
    assert_eq!(unseen("service levels"), ["by-tenant"]);
    assert_eq!(unseen("routes"), ["severity=\"ticket\" to chat"]);
    assert_eq!(unseen("receivers"), ["chat"]);
    let by_tenant = ["1h/5m", "6h/30m", "1d/2h", "3d/6h"].map(|condition| format!("by-tenant {condition}"));
    assert!(unseen("conditions").ends_with(&by_tenant), "{:?}", unseen("conditions"));
}

#[test]
fn a_test_with_a_mistake_leaves_the_others_as_they_are() {
    let sound = test(
        "sound",
        "  traffic: [{for: 1m, service: shop, rate: 1/s}]\n  expect: [{until: 1m, alerts: none}]",
    );
    let wrong = test(
        "wrong",
        "  traffic: [{for: 1m, service: shop, rate: 1/s}]\n  expect: [{until: 1h, alerts: none}]",
    );
    let tests = read(&format!("{SHOP}{wrong}{sound}"));
    assert!(tests.config.is_some());
    assert_eq!(tests.trials.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["sound"]);
    assert_eq!(tests.unsound.len(), 1);
    assert_eq!(tests.unsound[0].name, "wrong");
    assert_eq!(tests.unsound[0].why, ["1h is after the end of the timeline, 1m"]);
    let whole = config::load(&["story.yaml".into()], &Text(&format!("{SHOP}{wrong}{sound}")));
    assert!(whole.config.is_none(), "a daemon does not start on it, as `check` says");
}

#[test]
fn tests_do_not_change_what_a_configuration_is() {
    let version = |documents: &str| read(documents).config.unwrap().plan.version;
    let spec = "  traffic: [{for: 1m, service: shop, rate: 1/s}]\n  expect: [{until: 1m, alerts: none}]";
    assert_eq!(version(SHOP), version(&format!("{SHOP}{}", test("more", spec))));
}

#[test]
fn the_shipped_tests_pass_on_the_shipped_configuration() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let text = |name: &str| std::fs::read_to_string(shipped.join(name)).unwrap();
    let (reports, parts) =
        ran(&format!("{}---\n{}", text("slos/checkout.yaml"), text("tests/checkout.yaml")));
    assert_eq!(reports.len(), 3);
    for report in &reports {
        assert!(report.passed(), "{} ({})\n{}", report.name, offset(report.seconds), report.timeline());
    }
    let slos = parts.iter().find(|part| part.what == "service levels").unwrap();
    assert!(slos.unseen.is_empty(), "{slos:?}");
}
